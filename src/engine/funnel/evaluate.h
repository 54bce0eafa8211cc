/* From what was collected to the counts of the steps: greedy, step by step, strictly later, exact int64, no sort. */
#ifndef DF_ENGINE_FUNNEL_EVALUATE_H
#define DF_ENGINE_FUNNEL_EVALUATE_H

#include "engine/funnel/collector.h"
#include "engine/funnel/request.h"

struct df_funnel_step_count {
    uint64_t users;
    uint64_t rows; /* all rows of those users */
};

/* Adds to counts[step_count]. False when its arrays (18 bytes per user) do not fit the memory; counts are then as
 * before. */
bool df_funnel_evaluate(struct df_funnel_collector *collector, const struct df_funnel_step *steps, uint32_t step_count,
                        struct df_funnel_step_count *counts);

#endif
