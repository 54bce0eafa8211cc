/* The answer to a request, or a share of it: mergeable, the same digits however the data was cut.
 *
 *     worker        tally (users → counts), measure (rows → tables) ─► encode
 *     coordinator   ─► merge, in part order ─► JSON
 *
 * A result holds numbers (users, rows, steps, sums, sketches, trend buckets) and tables (value → numbers; of
 * aggregations per value, distinct counts and the breakdown). Numbers are small and always travel in the partial. A
 * table may have millions of values: where a part's tables have more than `inline_values`, the part says so
 * (df_funnel_result_values), and the stage is run again with an exchange in which each value meets its like
 * (df_funnel_result_put_entries).
 *
 * Everything is exact: 128-bit integers, exact float sums (base/sum.h), integer sketches. With request->approximate,
 * over means cut instead: each part keeps the most frequent values, distinct counts become HyperLogLog, and the answer
 * says how far off it may be (maxError; of a number per value, what one value lost at most; of a mean per value, the
 * range of its terms; of a distinct count, three standard errors). Thread: one at a time. */
#ifndef DF_ENGINE_FUNNEL_RESULT_RESULT_H
#define DF_ENGINE_FUNNEL_RESULT_RESULT_H

#include "base/json_write.h"
#include "engine/funnel/evaluate/verdicts.h"

struct df_funnel_result;

/* account NULL: memory is not counted (the coordinator's is bounded by inline_values). Fails with exhausted. */
int df_funnel_result_create(struct df_funnel_result **result, const struct df_funnel_request *request,
                            struct df_funnel_account *account, struct df_error *error);
void df_funnel_result_free(struct df_funnel_result *result); /* NULL is fine */

/* ---- worker: from verdicts and rows to numbers; both add to what is there ---- */

/* Users, rows, steps, durations, trend. DF_FUNNEL_DONE, DF_FUNNEL_OVER (memory), -1. */
int df_funnel_tally(struct df_funnel_result *result, const struct df_funnel_verdicts *verdicts,
                    const struct df_funnel_groups *groups, const struct df_funnel_source *source,
                    struct df_error *error);

/* The second reading, for requests with second_reading: reads VALUES of the source once and fills all tables; the rows
 * of chains that breakdown and export ask for are picked out on the way. cohort: where exported units go; NULL when the
 * request exports nothing. DF_FUNNEL_DONE, DF_FUNNEL_OVER (nothing was added), -1. */
struct df_funnel_cohort;
int df_funnel_measure(struct df_funnel_result *result, const struct df_funnel_verdicts *verdicts,
                      const struct df_funnel_collector *collector, struct df_funnel_source *source,
                      struct df_funnel_cohort *cohort, struct df_error *error);

/* How many values the tables hold in all. */
uint64_t df_funnel_result_values(const struct df_funnel_result *result);
/* approximate: cuts the tables so that no more than `values` are left, and remembers what that may have cost. */
int df_funnel_result_cut(struct df_funnel_result *result, uint64_t values, struct df_error *error);

/* ---- on the way ---- */

/* Numbers, and tables unless `without_tables`. No version in front: plan/partial.h frames it. */
void df_funnel_result_encode(const struct df_funnel_result *result, bool without_tables, struct df_buf *out);
/* Adds an encoded result of the same request. Fails with corrupt (damaged, never a crash), invalid (a column that is of
 * one type in this share and of another in those before: names both), exhausted. The result may hold half of it then.
 */
int df_funnel_result_merge(struct df_funnel_result *result, struct df_cursor *from, struct df_error *error);

/* Tables by hash of the value: each entry goes to one of `sections`, as bytes that df_funnel_result_merge_entries
 * takes. `put` is called once per section that has entries, in order. */
typedef int df_funnel_entries_fn(void *ctx, uint32_t section, struct df_slice bytes, struct df_error *error);
int df_funnel_result_put_entries(const struct df_funnel_result *result, uint32_t sections, df_funnel_entries_fn *put,
                                 void *ctx, struct df_error *error);
int df_funnel_result_merge_entries(struct df_funnel_result *result, struct df_slice bytes, struct df_error *error);
/* After all entries of some sections are merged, no other part has any of these values: the tables become what the
 * answer needs (the top ones of each list, counts of distinct values, totals for `other`). */
int df_funnel_result_settle(struct df_funnel_result *result, struct df_error *error);

/* ---- the answer ---- */

/* Members `query` and, if asked for, `funnel` (funnels-dayfly §7) into an object that is begun. `unit`: of the time
 * column. export_files and export_rows: what the export wrote. */
struct df_funnel_answer {
    enum df_funnel_scale scale;
    bool scale_known;
    const char *const *export_files;
    uint32_t export_file_count;
    uint64_t export_rows;
};
int df_funnel_result_put_json(struct df_funnel_result *result, const struct df_funnel_answer *answer,
                              struct df_json_writer *json, struct df_error *error);

/* Users of the data set, and their rows, that were seen (before conditions): for statistics. */
uint64_t df_funnel_result_groups(const struct df_funnel_result *result);

#endif
