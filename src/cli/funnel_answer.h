/* The answer of a funnel as people and programs want to see it. Pure: an answer in, text out. */
#ifndef DF_CLI_FUNNEL_ANSWER_H
#define DF_CLI_FUNNEL_ANSWER_H

#include "cli/chart.h"
#include "cli/run.h"

/* The result object, pretty: success, stats, query, funnel. What depends on the run (times, threads, bytes) is in
 * stats; the rest has the same bytes however the query was run. */
int df_funnel_answer_put_json(const struct df_cli_answer *answer, struct df_buf *out, struct df_error *error);

/* A chart; labels has one entry per step. */
int df_funnel_answer_put_chart(const struct df_cli_answer *answer, const char *const *labels, size_t label_count,
                               const struct df_chart_style *style, struct df_buf *out, struct df_error *error);

/* {"success": false, "errorMessage": …, "errorKind": …}, pretty. */
void df_funnel_answer_put_failure(const struct df_error *failure, struct df_buf *out);

/* The engine names places of its request (funnel.sequence[1].filter); whoever typed flags knows them as step 2. */
void df_funnel_answer_reword(struct df_error *error);

#endif
