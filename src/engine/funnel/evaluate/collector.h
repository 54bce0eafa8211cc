/* What a part remembers of the first reading of its rows, for the users of one pass: who they are, and what conditions
 * and sequences need of their rows.
 *
 *     every user       | code, number of rows                                        groups.h
 *     count targets    | matching rows per user (a bit where the target is "any")
 *     sum targets      | exact sum per user, and whether a row matched
 *     simple sequences | per filter the (code, time) of matching rows, unsorted       greedy.c
 *     other sequences  | of the rows that matter: code, time, ordinal, which filters  chain.c, strict.c, any.c
 *     aggregations     | the code of every row, where memory allows, so that the second reading needs no users
 *
 * The work per row does not depend on the number of users. Everything lies on the account of the part; what does not
 * fit is OVER: the part starts again with fewer users (run/passes.h). */
#ifndef DF_ENGINE_FUNNEL_EVALUATE_COLLECTOR_H
#define DF_ENGINE_FUNNEL_EVALUATE_COLLECTOR_H

#include "engine/funnel/evaluate/groups.h"
#include "engine/funnel/rows/source.h"

enum { DF_FUNNEL_DONE = 0, DF_FUNNEL_OVER = 1 }; /* what a step of a pass answers, beside -1 for an error */

struct df_funnel_collected; /* conditions', sequences' and rows' memory: collector.c, facts.h */

struct df_funnel_collector {
    const struct df_funnel_request *request;
    struct df_funnel_account account;
    struct df_funnel_groups groups;
    uint32_t pass_mask, pass_value; /* of the users' hashes; mask 0: all */
    /* By ordinal: the user's code, DF_FUNNEL_NO_GROUP for rows that do not count or are of another pass. NULL when the
     * request reads once, or when memory was short: then the second reading looks users up (df_funnel_groups_find). */
    uint32_t *row_codes;
    size_t row_code_capacity;
    uint32_t row_count;
    struct df_funnel_collected *collected; /* owned */
};

/* The account is copied, with nothing held. Fails with exhausted. */
int df_funnel_collector_init(struct df_funnel_collector *collector, const struct df_funnel_request *request,
                             enum df_funnel_key_kind kind, const struct df_funnel_account *account,
                             struct df_error *error);
void df_funnel_collector_reset(struct df_funnel_collector *collector); /* gives back all of it; pass_* stay */
/* As reset, but with the memory of users and lists: for the next ones of about as many. */
void df_funnel_collector_clear(struct df_funnel_collector *collector);
void df_funnel_collector_dispose(struct df_funnel_collector *collector);

/* The FACTS of a source: DF_FUNNEL_DONE, DF_FUNNEL_OVER, -1. After OVER only reset, dispose and
 * df_funnel_groups_put_largest are of use. first: a batch that the source has just given, the rest follows; NULL: from
 * the beginning. */
int df_funnel_collect(struct df_funnel_collector *collector, struct df_funnel_source *source,
                      const struct df_funnel_batch *first, struct df_error *error);

#endif
