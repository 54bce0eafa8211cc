/* A source in as little memory as there is: when its users do not fit, it is read again, once for each half of the
 * users (by bits of their hashes), and so on down. A half that fits is done once and never again. The answer is the
 * same by construction: no user is in two halves, and nothing of an abandoned half is kept.
 *
 *     per half:   collect ─► judge ─► tally ─► measure ─► done
 *                 └── does not fit: OVER ──────┘ two halves of it */
#ifndef DF_ENGINE_FUNNEL_RUN_PASSES_H
#define DF_ENGINE_FUNNEL_RUN_PASSES_H

#include "engine/funnel/plan/partial.h"
#include "engine/funnel/result/cohort.h"
#include "engine/funnel/result/result.h"

enum { DF_FUNNEL_PASS_BITS_MAX = 12 };

/* What a pass found; it is the pass's own and gone after the call. cohort is NULL when nothing is exported. */
typedef int df_funnel_pass_fn(void *ctx, struct df_funnel_result *result, struct df_funnel_cohort *cohort,
                              struct df_error *error);

struct df_funnel_passes {
    const struct df_funnel_request *request;
    struct df_budget *budget; /* may be NULL */
    uint64_t floor_bytes;     /* what the part may hold in any case */
    const atomic_bool *cancelled;
    const struct df_funnel_shape *shape; /* types of what is exported; NULL: those of the source */
    df_funnel_pass_fn *done;
    void *ctx;
    uint64_t rows, rows_without_group; /* out: added up over sources */
};

/* Fails with what the source fails with, and with exhausted when the smallest share of the users does not fit: names
 * the largest user and memory.limit. */
int df_funnel_run_passes(struct df_funnel_passes *passes, struct df_funnel_source *source, struct df_error *error);

#endif
