#include "engine/funnel/evaluate/judge.h"

uint32_t df_funnel_session_length(const struct df_funnel_unit_rows *unit, uint32_t at, uint64_t gap)
{
    uint32_t end = at + 1;
    while (end < unit->count && df_funnel_time_between(unit->times[end - 1], unit->times[end]) <= gap)
        end++;
    return end - at;
}
