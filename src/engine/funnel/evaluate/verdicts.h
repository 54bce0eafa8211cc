/* What became of the users of a pass: who satisfies the conditions, how deep each came in the funnel, and by which
 * rows.
 *
 * A unit is what the funnel counts: a user, or with a session gap one session of a user. Definitions of order, gaps,
 * windows, negative steps, sessions and of the chain: funnels-dayfly §3 and §8. */
#ifndef DF_ENGINE_FUNNEL_EVALUATE_VERDICTS_H
#define DF_ENGINE_FUNNEL_EVALUATE_VERDICTS_H

#include "engine/funnel/evaluate/collector.h"

/* One unit that reached step 1, and its chain. */
struct df_funnel_unit {
    uint32_t user;
    uint16_t depth; /* positive steps reached, at least 1 */
    bool timed;     /* false: a row without time alone is its step 1 */
    uint64_t rows;  /* of the session; without sessions those of the user */
    /* With request->chains: `depth` entries each, step 1 first. An untimed unit has one row and time 0. */
    const int64_t *chain_times;
    const uint32_t *chain_rows; /* ordinals in the source */
};

/* A session, whether or not it reached a step; by user, then by time. Its rows have begin <= time <= end. */
struct df_funnel_session {
    int64_t begin, end;
    uint64_t rows;
    uint16_t depth;
};

struct df_funnel_verdicts {
    uint32_t user_count;
    const uint8_t *in; /* by user code: 1 when the conditions hold */
    /* By user code: positive steps reached (of the deepest session, with sessions); 0 for users that are not in. NULL
     * without a funnel. */
    const uint16_t *depth;
    /* With request->chains, in order of user code (and time); otherwise NULL and 0: depth says everything. */
    const struct df_funnel_unit *units;
    size_t unit_count;
    /* With a session gap: those of user u are sessions[session_begin[u]] to sessions[session_begin[u + 1] - 1]; none
     * for users that are not in. */
    const struct df_funnel_session *sessions;
    const size_t *session_begin; /* user_count + 1 */

    struct df_funnel_account *account; /* the collector's: all of the above is on it */
    struct df_funnel_verdict_memory *memory;
};

/* Judges what was collected. DF_FUNNEL_DONE, DF_FUNNEL_OVER (it does not fit; *verdicts is empty then), -1 (cancelled
 * by `source`'s task is not looked at here; see `cancelled`). *verdicts is to be disposed of before the collector is
 * reset. scale: of the times; ignored where no length needs it. cancelled may be NULL; looked at every few thousand
 * users and inside long users: fails with cancelled. */
int df_funnel_judge(struct df_funnel_collector *collector, enum df_funnel_scale scale, const atomic_bool *cancelled,
                    struct df_funnel_verdicts *verdicts, struct df_error *error);
void df_funnel_verdicts_dispose(struct df_funnel_verdicts *verdicts);

/* Verdicts put together from those on some users each, whose codes then begin behind those before: who is in and how
 * deep, without units and sessions. Append: false when it does not fit. */
int df_funnel_verdicts_begin(struct df_funnel_verdicts *verdicts, struct df_funnel_account *account,
                             struct df_error *error);
bool df_funnel_verdicts_append(struct df_funnel_verdicts *verdicts, const struct df_funnel_verdicts *some);

/* The depth of a user's row: without sessions that of the user; with them that of the session it lies in, 0 for a row
 * without time. For users that are in. */
uint16_t df_funnel_row_depth(const struct df_funnel_verdicts *verdicts, uint32_t user, bool timed, int64_t time);

#endif
