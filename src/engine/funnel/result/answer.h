/* Parts of the answer: aggregations (answer_lists.c) and what breaks the steps down (answer_groups.c). Private to
 * these. */
#ifndef DF_ENGINE_FUNNEL_RESULT_ANSWER_H
#define DF_ENGINE_FUNNEL_RESULT_ANSWER_H

#include "engine/funnel/result/tables.h"

/* What one list of aggregations shows, at each of its places: the first ones of maps and the distinct counts, found for
 * all places together. */
struct df_funnel_lists;
/* Places: every depth from `deepest` down to `shallowest`. */
int df_funnel_lists_make(struct df_funnel_lists **lists, struct df_funnel_result *result,
                         const struct df_funnel_aggregations *aggregations, uint32_t deepest, uint32_t shallowest,
                         struct df_error *error);
void df_funnel_lists_free(struct df_funnel_lists *lists); /* NULL is fine */
/* An array, or null when there is no aggregation. */
int df_funnel_lists_put(const struct df_funnel_lists *lists, uint32_t depth, struct df_json_writer *json,
                        struct df_error *error);

/* {"p25": …} without its braces; unit type says whether numbers are whole, decimal or real. */
int df_funnel_put_quantiles(const struct df_funnel_sketch *sketch, const struct df_type *type,
                            struct df_json_writer *json, struct df_error *error);

/* Members `groups` and `trend`. */
int df_funnel_put_groups(const struct df_funnel_result *result, struct df_json_writer *json, struct df_error *error);
int df_funnel_put_trend(const struct df_funnel_result *result, struct df_json_writer *json, struct df_error *error);

#endif
