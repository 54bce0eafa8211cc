/* The result object that programs read (the original's, funnels-frocket §2, in the order of its command line): success,
 * errorMessage, requestId, stats, query, funnel. Pure: an answer in, JSON out. What depends on the run (times, threads,
 * bytes) is in requestId and stats; the rest has the same bytes however the query was run. */
#ifndef DF_CLI_ANSWER_H
#define DF_CLI_ANSWER_H

#include "base/json_write.h"
#include "cli/run.h"

/* Ends with a line break. Fails when the engine's answer is no JSON object. */
int df_cli_answer_put_json(struct df_cli_answer *answer, enum df_json_style style, struct df_buf *out,
                           struct df_error *error);

/* {"success": false, "errorMessage": …, "errorKind": …} and a line break. */
void df_cli_failure_put_json(const struct df_error *failure, enum df_json_style style, struct df_buf *out);

/* The value of "stats" (answer_stats.c). */
void df_cli_answer_put_stats(struct df_cli_answer *answer, struct df_json_writer *writer);

#endif
