/* Judging users portion by portion, so that what is known of the users of a portion (who is there, what each has
 * reached) stays in the L2 cache instead of missing it row by row. Two ways to cut rows into portions of whole users:
 *
 *     by order   where users ascend, as sorted files have them: the next rows up to a change of user, then the next.
 *                No table, no hash, memory of one portion. A row that breaks the order ends it: the rest goes another
 *                way, from the beginning.
 *     by hash    "radix partitioning": all rows are sorted into partitions by bits 44 to 51 of the user's hash (those
 *                of sections lie above, those of passes and tables below), then one partition is judged after the
 *                other. It takes memory for all rows.
 *
 *     source ─ batches ─► portion │ chunks of plain arrays │ ─► collect ─► judge ─► each()
 *
 * Exact: no user is in two portions, and a portion keeps the order of its rows. Both are for requests that keep a few
 * small facts of each row; what they cannot do goes the plain way: df_funnel_collect, df_funnel_judge. Thread: one. */
#ifndef DF_ENGINE_FUNNEL_EVALUATE_PORTIONS_H
#define DF_ENGINE_FUNNEL_EVALUATE_PORTIONS_H

#include "engine/funnel/evaluate/verdicts.h"

enum df_funnel_way { DF_FUNNEL_PLAINLY, DF_FUNNEL_BY_ORDER, DF_FUNNEL_BY_HASH };

/* The way that is right and worth it for the collector's request, the source and its first batch: many rows, users in
 * order or many and not coded by a dictionary, few filters, no chains that a second reading follows, memory. */
enum df_funnel_way df_funnel_portions_way(const struct df_funnel_collector *collector,
                                          const struct df_funnel_source *source, const struct df_funnel_batch *first);

/* Whether it may go by hash, where it turned out not to go by order. */
bool df_funnel_portions_serve_hash(const struct df_funnel_collector *collector, const struct df_funnel_source *source);

/* The verdicts on the users of one portion, whose groups these are; gone after the call. DF_FUNNEL_DONE, OVER, -1. */
typedef int df_funnel_portion_fn(void *ctx, const struct df_funnel_verdicts *verdicts,
                                 const struct df_funnel_groups *groups, struct df_error *error);

struct df_funnel_portions {
    struct df_funnel_collector *collector;
    struct df_funnel_source *source;
    const struct df_funnel_batch *first; /* of FACTS, already read: the rest follows */
    enum df_funnel_way way;              /* BY_ORDER or BY_HASH */
    const atomic_bool *cancelled;
    df_funnel_portion_fn *each;
    void *ctx;
    /* Out, when the request reads twice: verdicts on all users by their codes, and collector->row_codes names the code
     * of each row. To be disposed of. */
    struct df_funnel_verdicts all;
};

/* Reads the source to its end, and collects and judges each portion. DF_FUNNEL_DONE; DF_FUNNEL_OVER: it does not fit,
 * or the order is broken: what each() has been given does not count, and the source is to be read another way; -1. */
int df_funnel_portions_judge(struct df_funnel_portions *portions, struct df_error *error);

#endif
