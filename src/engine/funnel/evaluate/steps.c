/* Sequences with their lengths as steps of time, and the rows of one unit sorted into slots, so that a step looks only
 * at rows that match it. */
#include "base/size.h"
#include "engine/funnel/evaluate/judge.h"

/* ---- plans ---- */

struct df_funnel_slot_pair {
    uint32_t bit, slot;
};

static uint32_t bit_of(const struct df_funnel_planner *planner, const struct df_funnel_step *step)
{
    return planner->collected->filters[step->filter].bit;
}

static bool add_pair(struct df_funnel_planner *planner, uint32_t bit, uint32_t slot)
{
    if (planner->pair_count == planner->pair_capacity) {
        size_t larger = planner->pair_capacity ? planner->pair_capacity * 2 : 16;
        struct df_funnel_slot_pair *pairs = df_arena_array(planner->arena, larger, sizeof *pairs);
        if (!pairs)
            return false;
        if (planner->pair_count)
            memcpy(pairs, planner->pairs, planner->pair_count * sizeof *pairs);
        planner->pairs = pairs;
        planner->pair_capacity = larger;
    }
    planner->pairs[planner->pair_count++] = (struct df_funnel_slot_pair){.bit = bit, .slot = slot};
    return true;
}

/* The slot of negative steps that stand side by side; false: no memory. */
static bool barrier_slot(struct df_funnel_planner *planner, const struct df_funnel_step *steps, uint32_t count,
                         uint32_t *slot)
{
    bool one = true;
    *slot = DF_FUNNEL_NONE;
    if (count == 0)
        return true;
    for (uint32_t i = 1; i < count; i++)
        one &= steps[i].filter == steps[0].filter;
    if (one) {
        *slot = bit_of(planner, &steps[0]);
        return true;
    }
    *slot = planner->slot_count++;
    for (uint32_t i = 0; i < count; i++)
        if (!add_pair(planner, bit_of(planner, &steps[i]), *slot))
            return false;
    return true;
}

static uint64_t gap(const struct df_funnel_length *length, uint64_t otherwise, bool minimum, enum df_funnel_scale scale)
{
    if (!length->given)
        return otherwise;
    return minimum ? df_funnel_length_ceiling(length, scale) : df_funnel_length_floor(length, scale);
}

int df_funnel_planner_add(struct df_funnel_planner *planner, const struct df_funnel_sequence *sequence,
                          struct df_funnel_plan *plan, struct df_error *error)
{
    struct df_funnel_plan_step *steps = df_arena_array(planner->arena, sequence->positive_count, sizeof *steps);
    if (planner->slot_count < planner->collected->bit_count)
        planner->slot_count = planner->collected->bit_count;
    bool fits = steps != NULL;
    uint32_t count = 0, negatives = 0;
    for (uint32_t i = 0; fits && i < sequence->step_count; i++) {
        const struct df_funnel_step *step = &sequence->steps[i];
        if (step->negative) {
            negatives++;
            continue;
        }
        uint64_t minimum = gap(&step->minimum_gap, 1, true, planner->scale);
        steps[count] =
            (struct df_funnel_plan_step){.slot = bit_of(planner, step),
                                         .minimum_gap = minimum ? minimum : 1, /* strictly later */
                                         .maximum_gap = gap(&step->maximum_gap, UINT64_MAX, false, planner->scale)};
        fits = barrier_slot(planner, step - negatives, negatives, &steps[count++].barrier);
        negatives = 0;
    }
    *plan = (struct df_funnel_plan){.order = sequence->order,
                                    .count = count,
                                    .steps = steps,
                                    .bounded = sequence->maximum_duration.given,
                                    .maximum_duration =
                                        gap(&sequence->maximum_duration, UINT64_MAX, false, planner->scale)};
    fits =
        fits && barrier_slot(planner, sequence->steps + sequence->step_count - negatives, negatives, &plan->trailing);
    return fits ? 0 : df_error_no_memory(error, "planning a sequence");
}

int df_funnel_planner_finish(struct df_funnel_planner *planner, struct df_funnel_slots *slots, struct df_error *error)
{
    uint32_t bits = planner->collected->bit_count;
    uint32_t *begin = df_arena_array(planner->arena, (size_t)bits + 1, sizeof *begin);
    uint32_t *groups = df_arena_array(planner->arena, planner->pair_count, sizeof *groups);
    if (!begin || !groups)
        return df_error_no_memory(error, "planning a sequence");
    for (size_t i = 0; i < planner->pair_count; i++)
        begin[planner->pairs[i].bit]++;
    for (uint32_t bit = 0, end = 0; bit <= bits; bit++) {
        end += begin[bit];
        begin[bit] = end;
    }
    for (size_t i = planner->pair_count; i-- > 0;)
        groups[--begin[planner->pairs[i].bit]] = planner->pairs[i].slot;
    *slots = (struct df_funnel_slots){.bit_count = bits,
                                      .slot_count = planner->slot_count > bits ? planner->slot_count : bits,
                                      .group_begin = begin,
                                      .groups = groups};
    return 0;
}

/* ---- the rows of a unit ---- */

int df_funnel_walk_init(struct df_funnel_walk *walk, struct df_arena *arena, struct df_error *error)
{
    size_t slots = walk->slots.slot_count;
    walk->begin = df_arena_array(arena, slots, sizeof *walk->begin);
    walk->size = df_arena_array(arena, slots, sizeof *walk->size);
    walk->last = df_arena_array(arena, slots, sizeof *walk->last);
    walk->touched = df_arena_array(arena, slots, sizeof *walk->touched);
    walk->ranks = df_arena_array(arena, slots, sizeof *walk->ranks);
    walk->latest = df_arena_array(arena, slots, sizeof *walk->latest);
    if (!walk->begin || !walk->size || !walk->last || !walk->touched || !walk->ranks || !walk->latest)
        return df_error_no_memory(error, "judging users");
    for (size_t slot = 0; slot < slots; slot++)
        walk->ranks[slot] = DF_FUNNEL_NONE;
    return 0;
}

void df_funnel_walk_dispose(struct df_funnel_walk *walk)
{
    struct df_funnel_account *account = walk->account;
    for (int i = 0; i < 3; i++)
        df_funnel_account_free(account, walk->levels[i].items, walk->levels[i].capacity * sizeof *walk->levels->items);
    df_funnel_account_free(account, walk->entries, walk->entry_capacity * sizeof *walk->entries);
    df_funnel_account_free(account, walk->queue, walk->queue_capacity * sizeof *walk->queue);
    df_funnel_account_free(account, walk->trace, walk->trace_capacity * sizeof *walk->trace);
    df_funnel_account_free(account, walk->chain, walk->chain_capacity * sizeof *walk->chain);
    *walk = (struct df_funnel_walk){0};
}

/* last: row + 1, so that a row that matches several steps of a group is in its slot once. */
static uint32_t count_slot(struct df_funnel_walk *walk, uint32_t slot, uint32_t row)
{
    if (walk->size[slot] == 0)
        walk->touched[walk->touched_count++] = slot;
    else if (walk->last[slot] == row + 1)
        return 0;
    walk->last[slot] = row + 1;
    walk->size[slot]++;
    return 1;
}

static uint32_t put_slot(struct df_funnel_walk *walk, uint32_t slot, uint32_t row)
{
    if (walk->size[slot] && walk->last[slot] == row + 1)
        return 0;
    walk->last[slot] = row + 1;
    walk->entries[walk->begin[slot] + walk->size[slot]++] = row;
    return 1;
}

/* Calls `each` for every pair of a row and a slot; the number of pairs. */
static uint64_t each_pair(struct df_funnel_walk *walk, uint32_t (*each)(struct df_funnel_walk *, uint32_t, uint32_t))
{
    const struct df_funnel_slots *slots = &walk->slots;
    uint64_t pairs = 0;
    for (uint32_t row = 0; row < walk->unit.count; row++) {
        const uint64_t *mask = df_funnel_rows_at(walk->rows, walk->unit.refs[row])->mask;
        for (uint32_t word = 0; word < walk->rows->words; word++) {
            for (uint64_t left = mask[word]; left; left &= left - 1) {
                uint32_t bit = word * 64 + (uint32_t)__builtin_ctzll(left);
                pairs += each(walk, bit, row);
                for (uint32_t i = slots->group_begin[bit]; i < slots->group_begin[bit + 1]; i++)
                    pairs += each(walk, slots->groups[i], row);
            }
        }
    }
    return pairs;
}

int df_funnel_walk_unit(struct df_funnel_walk *walk, const struct df_funnel_unit_rows *unit)
{
    for (uint32_t i = 0; i < walk->touched_count; i++)
        walk->size[walk->touched[i]] = 0;
    walk->touched_count = 0;
    walk->unit = *unit;
    uint64_t pairs = each_pair(walk, count_slot);
    void *entries = walk->entries;
    bool fits = pairs <= UINT32_MAX && df_funnel_scratch_room(walk->account, &entries, &walk->entry_capacity,
                                                              (size_t)pairs, sizeof *walk->entries);
    walk->entries = entries;
    if (!fits)
        return DF_FUNNEL_OVER;
    uint32_t end = 0;
    for (uint32_t i = 0; i < walk->touched_count; i++) {
        uint32_t slot = walk->touched[i];
        walk->begin[slot] = end;
        end += walk->size[slot];
        walk->size[slot] = 0;
    }
    each_pair(walk, put_slot);
    return df_funnel_watch_add(&walk->watch, pairs + unit->count, walk->error);
}

uint32_t df_funnel_walk_before(const struct df_funnel_walk *walk, struct df_funnel_slot_rows rows, int64_t time)
{
    uint32_t low = 0, high = rows.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (walk->unit.times[rows.entries[middle]] < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t df_funnel_walk_upto(const struct df_funnel_walk *walk, struct df_funnel_slot_rows rows, int64_t time)
{
    return time == INT64_MAX ? rows.count : df_funnel_walk_before(walk, rows, time + 1);
}

bool df_funnel_walk_chain_room(struct df_funnel_walk *walk, uint32_t count)
{
    void *chain = walk->chain;
    bool fits = df_funnel_scratch_room(walk->account, &chain, &walk->chain_capacity, count, sizeof *walk->chain);
    walk->chain = chain;
    return fits;
}

int df_funnel_walk(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, bool chain, uint16_t *depth)
{
    *depth = 0;
    if (walk->size[plan->steps[0].slot] == 0)
        return DF_FUNNEL_DONE;
    switch (plan->order) {
    case DF_FUNNEL_STRICT:
        return df_funnel_walk_strict(walk, plan, chain, depth);
    case DF_FUNNEL_ANY:
        return df_funnel_walk_any(walk, plan, chain, depth);
    case DF_FUNNEL_LOOSE:
        break;
    }
    return df_funnel_walk_loose(walk, plan, chain, depth);
}

int df_funnel_watch_look(struct df_funnel_watch *watch, struct df_error *error)
{
    watch->work = 0;
    if (watch->cancelled && atomic_load_explicit(watch->cancelled, memory_order_relaxed))
        return df_error_set(error, DF_ERROR_CANCELLED, "the query was cancelled");
    return 0;
}
