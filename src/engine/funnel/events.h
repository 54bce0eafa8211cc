/* The events of a file, batch by batch: users, times, and which rows match a filter, as plain arrays. */
#ifndef DF_ENGINE_FUNNEL_EVENTS_H
#define DF_ENGINE_FUNNEL_EVENTS_H

#include "engine/engine.h"
#include "engine/funnel/columns.h"

struct df_funnel_events {
    const struct df_task *task;
    struct df_parquet_file *file; /* owned */
    struct df_funnel_columns columns;
    struct df_parquet_scan *scan; /* owned; NULL between scans */
    const struct df_vector *vectors;
    struct df_funnel_events_scratch *scratch; /* owned */
    uint64_t bytes_read;                      /* of finished scans */

    /* The batch; valid until the next step. */
    uint32_t rows;
    struct df_funnel_keys keys;
    const int64_t *times;      /* in an order that int64 compares rightly, whatever the column */
    const uint8_t *time_valid; /* NULL: every row has one */
};

/* Opens the object of a part and finds its columns. Dispose also after a failure. */
int df_funnel_events_open(struct df_funnel_events *events, const struct df_task *task, const struct df_part *part,
                          const struct df_funnel_request *request, struct df_error *error);
void df_funnel_events_dispose(struct df_funnel_events *events);

/* Starts (again) at a row group. */
int df_funnel_events_scan(struct df_funnel_events *events, uint32_t row_group_begin, uint32_t row_group_end,
                          struct df_error *error);
/* 1: a batch; 0: the end; -1, also when the task was cancelled. */
int df_funnel_events_next(struct df_funnel_events *events, struct df_error *error);
/* One byte per row of the batch, valid until the next match. */
int df_funnel_events_match(struct df_funnel_events *events, uint32_t filter, const uint8_t **matches,
                           struct df_error *error);

#endif
