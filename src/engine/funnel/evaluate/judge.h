/* From facts to verdicts: shared by the files of this folder only.
 *
 *     targets.c     count and sum targets  ─┐
 *     greedy.c      simple sequences        ├─► bits per condition ─► conditions.c: the relation ─► who is in
 *     order.c       rows by user and time   │
 *     steps.c       a unit's rows by step   │
 *     chain.c strict.c any.c                ┘─► depth and chain of a unit; sessions.c cuts users into units
 *
 * Functions answer DF_FUNNEL_DONE, DF_FUNNEL_OVER or -1. Thread: one. */
#ifndef DF_ENGINE_FUNNEL_EVALUATE_JUDGE_H
#define DF_ENGINE_FUNNEL_EVALUATE_JUDGE_H

#include "engine/funnel/evaluate/facts.h"
#include "engine/funnel/evaluate/verdicts.h"

/* ---- whether to go on ---- */

struct df_funnel_watch {
    const atomic_bool *cancelled; /* may be NULL */
    uint64_t work;                /* done since it was looked at */
};
enum { DF_FUNNEL_WATCH_WORK = 1 << 16 }; /* rows, users or pairs of them with steps: well under a millisecond */

int df_funnel_watch_look(struct df_funnel_watch *watch, struct df_error *error);
static inline int df_funnel_watch_add(struct df_funnel_watch *watch, uint64_t work, struct df_error *error)
{
    watch->work += work;
    return watch->work < DF_FUNNEL_WATCH_WORK ? 0 : df_funnel_watch_look(watch, error);
}

/* ---- order.c ---- */

/* Rows by user, by time, then by ordinal. A user's refs are put in order of time when first asked for. */
struct df_funnel_sorting {
    uint32_t *begin; /* users + 1 */
    uint32_t *refs;
    size_t begin_count, ref_count;
    int64_t *times; /* of the user at hand */
    size_t time_capacity;
    struct df_funnel_sort_row *rows; /* scratch */
    size_t row_capacity;
};

/* Timed rows of a user or of one session, in order. */
struct df_funnel_unit_rows {
    const int64_t *times;
    const uint32_t *refs;
    uint32_t count;
};

int df_funnel_sorting_make(struct df_funnel_sorting *sorting, struct df_funnel_account *account,
                           const struct df_funnel_rows *rows, size_t users);
void df_funnel_sorting_free(struct df_funnel_sorting *sorting, struct df_funnel_account *account);
/* Valid until the next call. */
int df_funnel_sorting_user(struct df_funnel_sorting *sorting, struct df_funnel_account *account,
                           const struct df_funnel_rows *rows, uint32_t user, struct df_funnel_unit_rows *unit);

/* ---- steps.c: sequences with their lengths in steps of time, and the rows of a unit by step ---- */

/* A slot is a set of rows: those that match one filter (slot = its bit), or any of several negative steps that stand
 * side by side (slots from bit_count on). */
struct df_funnel_slots {
    uint32_t bit_count, slot_count;
    const uint32_t *group_begin; /* bit_count + 1: the slots from bit_count on that bit b belongs to */
    const uint32_t *groups;
};

struct df_funnel_plan_step {
    uint32_t slot;
    uint32_t barrier;                  /* slot of the negative steps before it, or DF_FUNNEL_NONE */
    uint64_t minimum_gap, maximum_gap; /* since the positive step before; at least 1 */
};

struct df_funnel_plan {
    enum df_funnel_order order;
    uint32_t count; /* positive steps */
    const struct df_funnel_plan_step *steps;
    uint32_t trailing; /* slot of the negative steps after the last positive one, or DF_FUNNEL_NONE */
    bool bounded;
    uint64_t maximum_duration; /* UINT64_MAX when not bounded */
};

/* Plans of all sequences that need rows, in one set of slots: add each, then finish. Everything lives in the arena. */
struct df_funnel_planner {
    struct df_arena *arena;
    const struct df_funnel_collected *collected;
    enum df_funnel_scale scale;
    uint32_t slot_count;
    struct df_funnel_slot_pair *pairs; /* which bit belongs to which slot */
    size_t pair_count, pair_capacity;
};
int df_funnel_planner_add(struct df_funnel_planner *planner, const struct df_funnel_sequence *sequence,
                          struct df_funnel_plan *plan, struct df_error *error);
int df_funnel_planner_finish(struct df_funnel_planner *planner, struct df_funnel_slots *slots, struct df_error *error);

/* ---- a unit being judged ---- */

/* A row that ends a chain, and the latest time at which such a chain may begin. */
struct df_funnel_reach {
    int64_t time, start;
    uint32_t row; /* position in the unit */
};
struct df_funnel_level {
    struct df_funnel_reach *items;
    size_t capacity;
    uint32_t count;
};

struct df_funnel_walk {
    struct df_funnel_account *account;
    const struct df_funnel_rows *rows;
    struct df_funnel_slots slots;
    struct df_funnel_watch watch;
    struct df_error *error;

    struct df_funnel_unit_rows unit;
    /* By slot: its rows are entries[begin] to entries[begin + size - 1], positions in the unit, ascending. */
    uint32_t *begin, *size, *last;
    uint32_t *touched, touched_count; /* slots whose size is not 0 */
    uint32_t *entries;
    size_t entry_capacity;

    struct df_funnel_level levels[3]; /* chain.c */
    uint32_t *queue;
    size_t queue_capacity;
    uint32_t *trace;
    size_t trace_capacity;
    uint32_t *ranks, *latest; /* any.c, by slot */

    uint32_t *chain; /* what is asked for: positions in the unit of the rows of the chain, step 1 first */
    size_t chain_capacity;
};

/* The arrays by slot live in the arena. */
int df_funnel_walk_init(struct df_funnel_walk *walk, struct df_arena *arena, struct df_error *error);
void df_funnel_walk_dispose(struct df_funnel_walk *walk);
/* Sorts the rows of a unit into slots. */
int df_funnel_walk_unit(struct df_funnel_walk *walk, const struct df_funnel_unit_rows *unit);

struct df_funnel_slot_rows {
    const uint32_t *entries;
    uint32_t count;
};
static inline struct df_funnel_slot_rows df_funnel_walk_slot(const struct df_funnel_walk *walk, uint32_t slot)
{
    if (slot == DF_FUNNEL_NONE || walk->size[slot] == 0)
        return (struct df_funnel_slot_rows){.entries = walk->entries};
    return (struct df_funnel_slot_rows){.entries = walk->entries + walk->begin[slot], .count = walk->size[slot]};
}
/* How many of a slot's rows have a time before (or at) `time`. */
uint32_t df_funnel_walk_before(const struct df_funnel_walk *walk, struct df_funnel_slot_rows rows, int64_t time);
uint32_t df_funnel_walk_upto(const struct df_funnel_walk *walk, struct df_funnel_slot_rows rows, int64_t time);

/* later - earlier, which int64 may not hold. */
static inline uint64_t df_funnel_time_between(int64_t earlier, int64_t later)
{
    return (uint64_t)later - (uint64_t)earlier;
}

/* How deep the unit comes; with `chain`, walk->chain has as many rows. */
int df_funnel_walk(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, bool chain, uint16_t *depth);
int df_funnel_walk_loose(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, bool chain, uint16_t *depth);
int df_funnel_walk_strict(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, bool chain, uint16_t *depth);
int df_funnel_walk_any(struct df_funnel_walk *walk, const struct df_funnel_plan *plan, bool chain, uint16_t *depth);
/* False: the chain does not fit. */
bool df_funnel_walk_chain_room(struct df_funnel_walk *walk, uint32_t count);

/* ---- greedy.c ---- */

/* Depths by user, for users that are in (in NULL: all); 0 for others. */
int df_funnel_greedy(struct df_funnel_collector *collector, const struct df_funnel_sequence *sequence,
                     const uint8_t *in, uint16_t *depth, struct df_funnel_watch *watch, struct df_error *error);

/* ---- targets.c ---- */

/* Bits per user, in words of 64; all 0 before. */
void df_funnel_judge_count(const struct df_funnel_collector *collector, const struct df_funnel_condition *condition,
                           uint64_t *bits);
int df_funnel_judge_sum(const struct df_funnel_collector *collector, const struct df_funnel_condition *condition,
                        uint64_t *bits, struct df_error *error);

/* ---- conditions.c ---- */

/* Writes in[users]. plans: per condition, for those that use rows. */
int df_funnel_judge_conditions(struct df_funnel_collector *collector, const struct df_funnel_plan *plans,
                               struct df_funnel_sorting *sorting, struct df_funnel_walk *walk, uint8_t *in,
                               struct df_error *error);

/* ---- sessions.c ---- */

/* The rows of a unit from `at` on that belong to one session; at least one. */
uint32_t df_funnel_session_length(const struct df_funnel_unit_rows *unit, uint32_t at, uint64_t gap);

#endif
