/* What a file as a source consists of: for source_file*.c only. */
#ifndef DF_ENGINE_FUNNEL_ROWS_SOURCE_FILE_STATE_H
#define DF_ENGINE_FUNNEL_ROWS_SOURCE_FILE_STATE_H

#include "engine/funnel/rows/batch.h"
#include "engine/funnel/rows/skip.h"
#include "engine/funnel/rows/source_file.h"

struct df_funnel_source_file_state {
    const char *uri;       /* for messages; lives as long as the part */
    struct df_arena arena; /* texts of the directories */
    struct df_funnel_directories directories;
    struct df_funnel_filter_set *filters; /* owned */
    struct df_funnel_timeframe timeframe;
    bool timeframe_known;  /* false: it needs the unit of the times, and nobody knows it yet */
    struct df_type *types; /* per column of the request, owned */

    struct df_funnel_skip skip;

    /* The reading. */
    enum df_funnel_reading reading;
    uint32_t row_group_begin, row_group_end;
    uint32_t row_group;           /* the next to be scanned */
    struct df_parquet_scan *scan; /* owned; NULL between scans */
    uint64_t scans;               /* ever opened: makes serial numbers of dictionaries unique */
    uint64_t rows_given;
    bool *wanted;           /* per position in columns.columns, owned */
    uint32_t *scan_columns; /* of the file, in the order of the scan's vectors; owned */
    uint32_t *scan_at;      /* their positions, owned */
    uint32_t scan_count;

    /* The batch. */
    struct df_vector *vectors;          /* per position, owned; those that were not read are empty */
    struct df_dictionary *dictionaries; /* per position, owned: the scan's, with a serial number of the source */
    struct df_vector *constants;        /* per column of the request, owned: of directories */
    struct df_dictionary *constant_dictionaries;
    const struct df_vector **values; /* per column of the request, owned */
    uint32_t rows;
    const uint8_t *valid; /* of the users, what keys.valid says */
    struct df_funnel_users_room users;
    struct df_funnel_times_room times;
    uint8_t counts[DF_PARQUET_BATCH_ROWS];
    uint32_t picked[DF_PARQUET_BATCH_ROWS];
    uint32_t zero_codes[DF_PARQUET_BATCH_ROWS];
    uint8_t no_values[DF_PARQUET_BATCH_ROWS]; /* all 0: the valid bytes of a null directory */
};

/* source_file_batch.c: the batch that the scan has just given. */
int df_funnel_source_file_fill(struct df_funnel_source_file *file, const struct df_vector *vectors, uint32_t rows,
                               struct df_funnel_batch *batch, struct df_error *error);
/* Which positions the reading wants. */
void df_funnel_source_file_want(struct df_funnel_source_file *file);

#endif
