/* Order loose: any choice of rows that keeps the gaps, the duration and the negative steps.
 *
 * Step by step, for each row that can end a chain the latest time at which such a chain may begin (its start): the
 * later the start, the shorter the chain, and gaps look at the last row only, so nothing else need be remembered.
 *
 *     rows of step k-1      a   b     c d    e       (those that end a chain)
 *                               └─ window ─┘ │
 *     a row of step k                   ^ maximum gap   ^ minimum gap   r
 *
 * Rows of step k-1 that r may follow lie in a window: not before r less the maximum gap, not before the last negative
 * row before r, not after r less the minimum gap. Both ends only move on as r does, so the greatest start in it comes
 * from a monotone queue: work per pair of a row and a step it matches is constant.
 *
 * Negative steps at the end under a maximum duration forbid rows up to start + duration, so a chain of an *earlier*
 * start may do where that of the latest does not: see `settle_trailing`. */
#include <assert.h>

#include "engine/funnel/evaluate/judge.h"

/* Which rows may begin a chain, and which may end one at the last step of the sequence. All included. */
struct window {
    int64_t start_first, start_last, end_first, end_last;
};

/* What a run over the steps finds: of the deepest step reached and of the one before it the earliest end of a chain,
 * and the latest start of those that end there. */
struct span {
    int64_t start, end;
};
struct outcome {
    uint32_t depth;
    struct span deepest, before;
    struct df_funnel_level *level; /* the deepest step's rows */
};

static bool level_room(struct df_funnel_walk *walk, struct df_funnel_level *level, uint32_t count)
{
    void *items = level->items;
    bool fits = df_funnel_scratch_room(walk->account, &items, &level->capacity, count, sizeof *level->items);
    level->items = items;
    level->count = 0;
    return fits;
}

static int64_t time_of(const struct df_funnel_walk *walk, uint32_t row)
{
    return walk->unit.times[row];
}

static int first_level(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, const struct window *window,
                       struct df_funnel_level *level)
{
    struct df_funnel_slot_rows rows = df_funnel_walk_slot(walk, plan->steps[0].slot),
                               leading = df_funnel_walk_slot(walk, plan->steps[0].barrier);
    int64_t first = window->start_first, last = window->start_last;
    if (leading.count && time_of(walk, leading.entries[0]) < last)
        last = time_of(walk, leading.entries[0]);
    if (plan->count == 1 && window->end_first > first)
        first = window->end_first;
    uint32_t at = df_funnel_walk_before(walk, rows, first), end = df_funnel_walk_upto(walk, rows, last);
    if (!level_room(walk, level, end > at ? end - at : 0))
        return DF_FUNNEL_OVER;
    for (; at < end; at++) {
        uint32_t row = rows.entries[at];
        int64_t time = time_of(walk, row);
        level->items[level->count++] = (struct df_funnel_reach){.time = time, .start = time, .row = row};
    }
    return df_funnel_watch_add(&walk->watch, level->count, walk->error);
}

/* The queue of one step: rows of the step before it whose start is later than that of every row behind them. */
struct queue {
    const struct df_funnel_level *before;
    uint32_t *items, head, tail;
    uint32_t next; /* of `before`, to be taken in */
};

static void queue_take(struct queue *queue, int64_t time, uint64_t minimum_gap)
{
    const struct df_funnel_reach *before = queue->before->items;
    for (; queue->next < queue->before->count; queue->next++) {
        const struct df_funnel_reach *reach = &before[queue->next];
        if (reach->time >= time || df_funnel_time_between(reach->time, time) < minimum_gap)
            return;
        while (queue->tail > queue->head && before[queue->items[queue->tail - 1]].start <= reach->start)
            queue->tail--;
        queue->items[queue->tail++] = queue->next;
    }
}

static void queue_drop(struct queue *queue, int64_t time, uint64_t maximum_gap, const int64_t *barrier)
{
    for (; queue->head < queue->tail; queue->head++) {
        int64_t before = queue->before->items[queue->items[queue->head]].time;
        if (df_funnel_time_between(before, time) <= maximum_gap && (!barrier || before >= *barrier))
            return;
    }
}

/* The last time at which a row may follow one of `before`: so that runs over a few starts look at few rows. */
static int64_t last_following(const struct df_funnel_walk *walk, const struct df_funnel_plan_step *step,
                              struct df_funnel_slot_rows negatives, const struct df_funnel_level *before)
{
    int64_t time = before->items[before->count - 1].time, last = INT64_MAX;
    if (df_funnel_time_between(time, INT64_MAX) > step->maximum_gap)
        last = (int64_t)((uint64_t)time + step->maximum_gap);
    uint32_t next = df_funnel_walk_upto(walk, negatives, time);
    if (next < negatives.count && time_of(walk, negatives.entries[next]) < last)
        last = time_of(walk, negatives.entries[next]);
    return last;
}

static int next_level(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, uint32_t step,
                      const struct window *window, const struct df_funnel_level *before, struct df_funnel_level *level)
{
    const struct df_funnel_plan_step *planned = &plan->steps[step];
    struct df_funnel_slot_rows rows = df_funnel_walk_slot(walk, planned->slot),
                               negatives = df_funnel_walk_slot(walk, planned->barrier);
    int64_t first = before->items[0].time, last = last_following(walk, planned, negatives, before);
    if (step + 1 == plan->count && window->end_first > first)
        first = window->end_first;
    if (window->end_last < last)
        last = window->end_last;
    uint32_t at = df_funnel_walk_before(walk, rows, first), end = df_funnel_walk_upto(walk, rows, last);
    void *items = walk->queue;
    bool fits =
        df_funnel_scratch_room(walk->account, &items, &walk->queue_capacity, before->count, sizeof *walk->queue);
    walk->queue = items;
    if (!fits || !level_room(walk, level, end > at ? end - at : 0))
        return DF_FUNNEL_OVER;
    uint64_t work = before->count + (end > at ? end - at : 0);
    struct queue queue = {.before = before, .items = walk->queue};
    uint32_t negative = at < end ? df_funnel_walk_before(walk, negatives, time_of(walk, rows.entries[at])) : 0;
    for (; at < end; at++) {
        uint32_t row = rows.entries[at];
        int64_t time = time_of(walk, row), barrier = 0;
        while (negative < negatives.count && time_of(walk, negatives.entries[negative]) < time)
            negative++;
        if (negative)
            barrier = time_of(walk, negatives.entries[negative - 1]);
        queue_take(&queue, time, planned->minimum_gap);
        queue_drop(&queue, time, planned->maximum_gap, negative ? &barrier : NULL);
        if (queue.head == queue.tail)
            continue;
        int64_t start = before->items[queue.items[queue.head]].start;
        if (df_funnel_time_between(start, time) <= plan->maximum_duration)
            level->items[level->count++] = (struct df_funnel_reach){.time = time, .start = start, .row = row};
    }
    return df_funnel_watch_add(&walk->watch, work, walk->error);
}

static struct span span_of(const struct df_funnel_level *level)
{
    return (struct span){.start = level->items[0].start, .end = level->items[0].time};
}

/* Steps in order until one is not reached. Levels 0 and 1 are used in turn. */
static int run(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, const struct window *window,
               struct outcome *outcome)
{
    *outcome = (struct outcome){0};
    for (uint32_t step = 0; step < plan->count; step++) {
        struct df_funnel_level *level = &walk->levels[step & 1];
        int result = step == 0 ? first_level(walk, plan, window, level)
                               : next_level(walk, plan, step, window, outcome->level, level);
        if (result != DF_FUNNEL_DONE)
            return result;
        if (level->count == 0)
            break;
        outcome->depth = step + 1;
        outcome->before = outcome->deepest;
        outcome->deepest = span_of(level);
        outcome->level = level;
    }
    return DF_FUNNEL_DONE;
}

/* ---- negative steps at the end ---- */

static int64_t less(int64_t time, uint64_t length)
{
    return df_funnel_time_between(INT64_MIN, time) <= length ? INT64_MIN : (int64_t)((uint64_t)time - length);
}

/* Chains that end at `end` or later, but before the forbidding row at `negative`, and begin so early that their
 * duration is over before it. */
static int run_before_negative(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, int64_t end,
                               int64_t negative, struct outcome *outcome)
{
    *outcome = (struct outcome){0};
    if (df_funnel_time_between(INT64_MIN, negative) <= plan->maximum_duration)
        return DF_FUNNEL_DONE; /* no time is so early */
    struct window window = {.start_first = less(end, plan->maximum_duration),
                            .start_last = less(negative, plan->maximum_duration) - 1,
                            .end_first = end,
                            .end_last = negative - 1};
    return run(walk, plan, &window, outcome);
}

/* With a maximum duration D: a chain from s to t is spoilt by a negative row in (t, s + D]. Between two neighbouring
 * negative rows m <= t < n that means s < n - D: one run per such epoch that has ends of chains, with starts restricted
 * so. Starts of different epochs overlap only within D, and the run is not needed where the latest start is early
 * enough. */
static int settle_trailing(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, struct outcome *outcome)
{
    struct df_funnel_slot_rows negatives = df_funnel_walk_slot(walk, plan->trailing);
    assert(outcome->level);
    struct df_funnel_level ends = *outcome->level; /* runs overwrite levels 0 and 1 */
    *outcome->level = walk->levels[2];
    walk->levels[2] = ends;
    for (uint32_t i = 0; i < ends.count;) {
        struct df_funnel_reach reach = ends.items[i];
        uint32_t next = df_funnel_walk_upto(walk, negatives, reach.time);
        bool spoilt = next < negatives.count;
        int64_t negative = spoilt ? time_of(walk, negatives.entries[next]) : 0;
        if (!spoilt || df_funnel_time_between(reach.start, negative) > plan->maximum_duration) {
            outcome->deepest = (struct span){.start = reach.start, .end = reach.time};
            return DF_FUNNEL_DONE;
        }
        struct outcome epoch;
        int result = run_before_negative(walk, plan, reach.time, negative, &epoch);
        if (result != DF_FUNNEL_DONE)
            return result;
        if (epoch.depth == plan->count) {
            outcome->deepest = epoch.deepest;
            return DF_FUNNEL_DONE;
        }
        while (i < ends.count && ends.items[i].time < negative)
            i++;
    }
    outcome->depth--;
    outcome->deepest = outcome->before;
    return DF_FUNNEL_DONE;
}

/* ---- the chain ---- */

static int trace_level(struct df_funnel_walk *walk, const struct df_funnel_level *level, size_t *used)
{
    void *trace = walk->trace;
    bool fits =
        df_funnel_account_grow(walk->account, &trace, &walk->trace_capacity, *used + level->count, sizeof *walk->trace);
    walk->trace = trace;
    if (!fits)
        return DF_FUNNEL_OVER;
    for (uint32_t i = 0; i < level->count; i++)
        walk->trace[(*used)++] = level->items[i].row;
    return DF_FUNNEL_DONE;
}

/* Of the rows of one step that end a chain from the start, the last that `next` may follow. Some row may, and those
 * after it do not break the maximum gap or a negative step either. */
static uint32_t latest_before(const struct df_funnel_walk *walk, const uint32_t *rows, uint32_t count, uint32_t next,
                              uint64_t minimum_gap)
{
    int64_t time = time_of(walk, next);
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int64_t at = time_of(walk, rows[middle]);
        if (at < time && df_funnel_time_between(at, time) >= minimum_gap)
            low = middle + 1;
        else
            high = middle;
    }
    return rows[low - 1];
}

/* Start and end are known: a second run among the rows between them keeps, per step, the rows that end a chain from the
 * start; then backwards, at each step the latest. walk->chain holds the number of rows per step meanwhile. */
static int find_chain(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, uint32_t depth, struct span span)
{
    struct window window = {
        .start_first = span.start, .start_last = span.start, .end_first = INT64_MIN, .end_last = span.end};
    size_t used = 0;
    if (!df_funnel_walk_chain_room(walk, depth))
        return DF_FUNNEL_OVER;
    for (uint32_t step = 0; step < depth; step++) {
        struct df_funnel_level *level = &walk->levels[step & 1];
        int result = step == 0 ? first_level(walk, plan, &window, level)
                               : next_level(walk, plan, step, &window, &walk->levels[~step & 1], level);
        if (result == DF_FUNNEL_DONE)
            result = trace_level(walk, level, &used);
        if (result != DF_FUNNEL_DONE)
            return result;
        walk->chain[step] = level->count;
    }
    uint32_t row = walk->trace[used - 1];
    used -= walk->chain[depth - 1];
    walk->chain[depth - 1] = row;
    for (uint32_t step = depth - 1; step-- > 0;) {
        used -= walk->chain[step];
        row = latest_before(walk, walk->trace + used, walk->chain[step], row, plan->steps[step + 1].minimum_gap);
        walk->chain[step] = row;
    }
    return DF_FUNNEL_DONE;
}

int df_funnel_walk_loose(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, bool chain, uint16_t *depth)
{
    struct window window = {
        .start_first = INT64_MIN, .start_last = INT64_MAX, .end_first = INT64_MIN, .end_last = INT64_MAX};
    struct df_funnel_slot_rows trailing = df_funnel_walk_slot(walk, plan->trailing);
    if (trailing.count && !plan->bounded) /* nothing may come after the last step at all */
        window.end_first = time_of(walk, trailing.entries[trailing.count - 1]);
    struct outcome outcome;
    int result = run(walk, plan, &window, &outcome);
    if (result == DF_FUNNEL_DONE && outcome.depth == plan->count && trailing.count && plan->bounded)
        result = settle_trailing(walk, plan, &outcome);
    if (result == DF_FUNNEL_DONE && chain && outcome.depth)
        result = find_chain(walk, plan, outcome.depth, outcome.deepest);
    *depth = (uint16_t)outcome.depth;
    return result;
}
