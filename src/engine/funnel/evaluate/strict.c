/* Order strict: consecutive events. From step 2 on the rows of a chain are the only ones at their times and no time of
 * the unit lies between them, so that a first row has at most one chain; negative steps between have nothing to forbid.
 */
#include "engine/funnel/evaluate/judge.h"

static bool matches(const struct df_funnel_walk *walk, uint32_t row, uint32_t bit)
{
    return df_funnel_rows_at(walk->rows, walk->unit.refs[row])->mask[bit >> 6] >> (bit & 63) & 1;
}

static bool is_alone(const struct df_funnel_unit_rows *unit, uint32_t row)
{
    return (row == 0 || unit->times[row - 1] != unit->times[row]) &&
           (row + 1 == unit->count || unit->times[row + 1] != unit->times[row]);
}

static bool may_follow(const struct df_funnel_walk *walk, const struct df_funnel_plan *plan, uint32_t first,
                       uint32_t row, uint32_t step)
{
    const int64_t *times = walk->unit.times;
    if (row >= walk->unit.count || !is_alone(&walk->unit, row) || !matches(walk, row, plan->steps[step].slot))
        return false;
    uint64_t gap = df_funnel_time_between(times[row - 1], times[row]);
    return gap >= plan->steps[step].minimum_gap && gap <= plan->steps[step].maximum_gap &&
           df_funnel_time_between(times[first], times[row]) <= plan->maximum_duration;
}

static bool is_spoilt(const struct df_funnel_walk *walk, const struct df_funnel_plan *plan, uint32_t first,
                      uint32_t last)
{
    struct df_funnel_slot_rows negatives = df_funnel_walk_slot(walk, plan->trailing);
    uint32_t next = df_funnel_walk_upto(walk, negatives, walk->unit.times[last]);
    return next < negatives.count &&
           df_funnel_time_between(walk->unit.times[first], walk->unit.times[negatives.entries[next]]) <=
               plan->maximum_duration;
}

/* How many steps the chain from `first` on has. */
static uint32_t length_from(const struct df_funnel_walk *walk, const struct df_funnel_plan *plan, uint32_t first)
{
    uint32_t steps = 1;
    if (is_alone(&walk->unit, first))
        while (steps < plan->count && may_follow(walk, plan, first, first + steps, steps))
            steps++;
    if (steps == plan->count && is_spoilt(walk, plan, first, first + steps - 1))
        steps--;
    return steps;
}

static int fill_chain(struct df_funnel_walk *walk, const struct df_funnel_slot_rows *rows, uint32_t at, uint32_t depth)
{
    if (!df_funnel_walk_chain_room(walk, depth))
        return DF_FUNNEL_OVER;
    /* Among rows of one time the last: only step 1 alone can have several. */
    if (depth == 1)
        at = df_funnel_walk_upto(walk, *rows, walk->unit.times[rows->entries[at]]) - 1;
    for (uint32_t step = 0; step < depth; step++)
        walk->chain[step] = rows->entries[at] + step;
    return DF_FUNNEL_DONE;
}

int df_funnel_walk_strict(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, bool chain, uint16_t *depth)
{
    struct df_funnel_slot_rows rows = df_funnel_walk_slot(walk, plan->steps[0].slot),
                               leading = df_funnel_walk_slot(walk, plan->steps[0].barrier);
    uint32_t count = rows.count, best = 0, best_at = 0;
    if (leading.count)
        count = df_funnel_walk_upto(walk, rows, walk->unit.times[leading.entries[0]]);
    for (uint32_t at = 0; at < count && best < plan->count; at++) {
        uint32_t steps = length_from(walk, plan, rows.entries[at]);
        if (steps > best) { /* the first of them ends earliest */
            best = steps;
            best_at = at;
        }
        if (df_funnel_watch_add(&walk->watch, (uint64_t)steps + 1, walk->error) < 0)
            return -1;
    }
    *depth = (uint16_t)best;
    return chain && best ? fill_chain(walk, &rows, best_at, best) : DF_FUNNEL_DONE;
}
