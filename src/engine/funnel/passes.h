/* Counting in as little memory as there is: when the users of a source do not fit, it is read again, once for each half
 * of the users (by bits of their hashes), and so on down. A half that fits is counted once and never read again. The
 * answer is the same by construction: no user is in two halves. */
#ifndef DF_ENGINE_FUNNEL_PASSES_H
#define DF_ENGINE_FUNNEL_PASSES_H

#include "engine/funnel/evaluate.h"

enum { DF_FUNNEL_PASS_BITS_MAX = 12 };

struct df_funnel_counts {
    uint64_t rows, rows_without_group; /* scanned */
    uint64_t groups, group_rows;
    uint32_t step_count;
    struct df_funnel_step_count *steps; /* owned by whoever made the counts */
};

enum { DF_FUNNEL_SOURCE_DONE = 0, DF_FUNNEL_SOURCE_OVER = 1 };

/* Hands all rows of a source to the collector. OVER as soon as a function of the collector says that it does not fit;
 * -1 for an error. Called once per pass. */
typedef int df_funnel_source_fn(void *ctx, struct df_funnel_collector *collector, struct df_error *error);

struct df_funnel_passes {
    const struct df_funnel_request *request;
    enum df_funnel_key_kind kind;
    struct df_funnel_account account; /* budget and floor */
};

/* Adds to *counts. Fails with what the source fails with, and with exhausted when the smallest share of the users does
 * not fit: names the largest user and memory.limit. */
int df_funnel_count_in_passes(const struct df_funnel_passes *passes, df_funnel_source_fn *source, void *ctx,
                              struct df_funnel_counts *counts, struct df_error *error);

#endif
