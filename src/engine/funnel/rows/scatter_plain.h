/* Sorting rows into sections where they are but numbers: a user, a time and a byte of matches. What plain blocks
 * (rows/record.h) are for; everything else goes the way of scatter.c, with which this is shared. */
#ifndef DF_ENGINE_FUNNEL_ROWS_SCATTER_PLAIN_H
#define DF_ENGINE_FUNNEL_ROWS_SCATTER_PLAIN_H

#include "engine/engine.h"
#include "engine/funnel/rows/record.h"

bool df_funnel_scatter_is_plain(const struct df_funnel_source *source);
int df_funnel_scatter_plain(struct df_funnel_source *source, struct df_task *task, const struct df_part *part,
                            struct df_error *error);

/* ---- scatter.c ---- */

uint64_t df_funnel_scatter_allowance(const struct df_task *task); /* memory of rows that are not written yet */
struct df_funnel_record_head df_funnel_scatter_head(const struct df_funnel_source *source);

#endif
