/* Order any: rows that match the first k steps, within the duration of each other; one row may serve several steps.
 *
 * One look along the rows by time, with a window that reaches back by the duration: how many of the slots that the next
 * prefix of steps needs have a row in it. A prefix that is reached stays reached, so the prefix only grows. */
#include "engine/funnel/evaluate/judge.h"

struct any {
    struct df_funnel_walk *walk;
    const struct df_funnel_plan *plan;
    uint32_t depth;   /* reached so far */
    uint32_t present; /* distinct slots of steps[0..depth] that have a row in the window */
    uint32_t needed;  /* distinct slots of steps[0..depth] */
    uint32_t limit;   /* steps that have rows at all */
    int64_t end;      /* time at which `depth` was reached */
};

/* walk->ranks: the first step of a slot. walk->latest: last row of a slot + 1 in the window, 0: none. */
static void rank_slots(struct any *any)
{
    struct df_funnel_walk *walk = any->walk;
    for (; any->limit < any->plan->count; any->limit++) {
        uint32_t slot = any->plan->steps[any->limit].slot;
        if (walk->size[slot] == 0)
            return;
        if (walk->ranks[slot] == DF_FUNNEL_NONE)
            walk->ranks[slot] = any->limit;
        walk->latest[slot] = 0;
    }
}

static void unrank_slots(struct any *any)
{
    for (uint32_t step = 0; step < any->limit; step++)
        any->walk->ranks[any->plan->steps[step].slot] = DF_FUNNEL_NONE;
}

/* Takes a row into the window, or out of it. */
static void move_row(struct any *any, uint32_t row, bool in)
{
    struct df_funnel_walk *walk = any->walk;
    const uint64_t *mask = df_funnel_rows_at(walk->rows, walk->unit.refs[row])->mask;
    for (uint32_t word = 0; word < walk->rows->words; word++) {
        for (uint64_t left = mask[word]; left; left &= left - 1) {
            uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (walk->ranks[slot] == DF_FUNNEL_NONE || (!in && walk->latest[slot] != row + 1))
                continue;
            bool was = walk->latest[slot] != 0, counts = walk->ranks[slot] <= any->depth;
            walk->latest[slot] = in ? row + 1 : 0;
            any->present += counts && in && !was;
            any->present -= counts && !in;
        }
    }
}

/* The next prefix needs one more slot, unless a step before has it. */
static void need_next(struct any *any)
{
    struct df_funnel_walk *walk = any->walk;
    if (any->depth == any->limit)
        return;
    uint32_t slot = any->plan->steps[any->depth].slot;
    if (walk->ranks[slot] == any->depth) {
        any->needed++;
        any->present += walk->latest[slot] != 0;
    }
}

static int scan(struct any *any)
{
    struct df_funnel_walk *walk = any->walk;
    const int64_t *times = walk->unit.times;
    uint32_t out = 0;
    need_next(any);
    for (uint32_t row = 0; row < walk->unit.count && any->depth < any->limit; row++) {
        while (df_funnel_time_between(times[out], times[row]) > any->plan->maximum_duration)
            move_row(any, out++, false);
        move_row(any, row, true);
        while (any->depth < any->limit && any->present == any->needed) {
            any->depth++;
            any->end = times[row];
            need_next(any);
        }
        if (df_funnel_watch_add(&walk->watch, walk->rows->words, walk->error) < 0)
            return -1;
    }
    return DF_FUNNEL_DONE;
}

/* The set: per step its latest row up to the end. Step 1 stands for the earliest of them, the deepest for the latest.
 */
static int fill_chain(const struct any *any)
{
    struct df_funnel_walk *walk = any->walk;
    if (!df_funnel_walk_chain_room(walk, any->depth))
        return DF_FUNNEL_OVER;
    uint32_t earliest = UINT32_MAX, latest = 0;
    for (uint32_t step = 0; step < any->depth; step++) {
        struct df_funnel_slot_rows rows = df_funnel_walk_slot(walk, any->plan->steps[step].slot);
        uint32_t row = rows.entries[df_funnel_walk_upto(walk, rows, any->end) - 1];
        walk->chain[step] = row;
        latest = row > latest ? row : latest;
        bool earlier = earliest == UINT32_MAX || walk->unit.times[row] < walk->unit.times[earliest];
        if (earlier || (walk->unit.times[row] == walk->unit.times[earliest] && row > earliest))
            earliest = row;
    }
    walk->chain[0] = earliest;
    walk->chain[any->depth - 1] = latest;
    return DF_FUNNEL_DONE;
}

int df_funnel_walk_any(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, bool chain, uint16_t *depth)
{
    struct any any = {.walk = walk, .plan = plan};
    rank_slots(&any);
    int result = scan(&any);
    unrank_slots(&any);
    *depth = (uint16_t)any.depth;
    return result == DF_FUNNEL_DONE && chain && any.depth ? fill_chain(&any) : result;
}
