/* Sorting rows into the sections of an exchange: per section a buffer of arrays, encoded as a block (record.h) and
 * written when it is full. Memory is bounded by the allowance and one batch. Thread: the one that runs the part. */
#ifndef DF_ENGINE_FUNNEL_SCATTER_H
#define DF_ENGINE_FUNNEL_SCATTER_H

#include "engine/engine.h"
#include "engine/funnel/record.h"

struct df_funnel_scatter;

/* first_filter: the filter of step 1, the only one for which rows without time are told. */
int df_funnel_scatter_create(struct df_funnel_scatter **scatter, struct df_task *task, const struct df_part *part,
                             enum df_funnel_key_kind kind, uint32_t first_filter, struct df_error *error);
void df_funnel_scatter_free(struct df_funnel_scatter *scatter); /* NULL is fine */

/* A batch: its users, then each filter's matches, then its end. */
int df_funnel_scatter_rows(struct df_funnel_scatter *scatter, const struct df_funnel_keys *keys,
                           struct df_error *error);
int df_funnel_scatter_match(struct df_funnel_scatter *scatter, uint32_t filter, const uint8_t *matches,
                            const int64_t *times, const uint8_t *time_valid, struct df_error *error);
int df_funnel_scatter_batch_end(struct df_funnel_scatter *scatter, struct df_error *error);

int df_funnel_scatter_finish(struct df_funnel_scatter *scatter, struct df_error *error); /* writes what is left */
uint64_t df_funnel_scatter_rows_without_group(const struct df_funnel_scatter *scatter);

#endif
