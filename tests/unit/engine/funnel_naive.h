/* What funnels-dayfly §3 and §8 say of one user, tried out: every choice of rows for every number of steps. Slow and
 * obvious; no idea of the product is in it. */
#ifndef DF_FUNNEL_NAIVE_H
#define DF_FUNNEL_NAIVE_H

#include "unit/engine/funnel_fake_source.h"

enum { NAIVE_STEPS_MAX = 16, NAIVE_ROWS_MAX = 64 };

struct naive_row {
    int64_t time;
    uint32_t ordinal;
    uint64_t matches;
};

/* A sequence with its lengths as numbers. */
struct naive_sequence {
    const struct df_funnel_sequence *sequence;
    struct {
        __int128 minimum, maximum; /* -1: none */
    } gaps[NAIVE_STEPS_MAX];       /* by index among all steps */
    __int128 duration;             /* -1: none */
};

struct naive_chain {
    uint32_t depth;
    struct naive_row rows[NAIVE_STEPS_MAX];
};

struct naive_search {
    const struct naive_sequence *naive;
    const struct naive_row *rows;
    uint32_t count;
    uint32_t wanted; /* steps */
    struct naive_row chosen[NAIVE_STEPS_MAX];
    struct naive_chain best;
};

static inline bool naive_matches(const struct naive_row *row, uint32_t filter)
{
    return row->matches >> filter & 1;
}

/* Index among all steps of the k-th positive one, from 0; step_count beyond the last. */
static inline uint32_t naive_positive(const struct df_funnel_sequence *sequence, uint32_t k)
{
    for (uint32_t i = 0; i < sequence->step_count; i++)
        if (!sequence->steps[i].negative && k-- == 0)
            return i;
    return sequence->step_count;
}

/* Does a row match one of the negative steps that stand between two positions of the list? */
static inline bool naive_forbidden(const struct df_funnel_sequence *sequence, uint32_t from, uint32_t to,
                                   const struct naive_row *row)
{
    for (uint32_t i = from; i < to; i++)
        if (sequence->steps[i].negative && naive_matches(row, sequence->steps[i].filter))
            return true;
    return false;
}

static inline bool naive_pair_holds(const struct naive_search *search, uint32_t k)
{
    const struct df_funnel_sequence *sequence = search->naive->sequence;
    const struct naive_row *a = &search->chosen[k - 1], *b = &search->chosen[k];
    uint32_t from = naive_positive(sequence, k - 1), to = naive_positive(sequence, k);
    __int128 between = (__int128)b->time - a->time;
    if (between <= 0)
        return false;
    if (search->naive->gaps[to].minimum >= 0 && between < search->naive->gaps[to].minimum)
        return false;
    if (search->naive->gaps[to].maximum >= 0 && between > search->naive->gaps[to].maximum)
        return false;
    for (uint32_t i = 0; i < search->count; i++) {
        const struct naive_row *row = &search->rows[i];
        if (row->time > a->time && row->time < b->time &&
            (sequence->order == DF_FUNNEL_STRICT || naive_forbidden(sequence, from, to, row)))
            return false;
        bool other = row->ordinal != a->ordinal && row->ordinal != b->ordinal;
        if (sequence->order == DF_FUNNEL_STRICT && other && (row->time == a->time || row->time == b->time))
            return false;
    }
    return true;
}

static inline bool naive_ends_hold(const struct naive_search *search)
{
    const struct df_funnel_sequence *sequence = search->naive->sequence;
    const struct naive_row *first = &search->chosen[0], *last = &search->chosen[search->wanted - 1];
    bool all = search->wanted == sequence->positive_count;
    for (uint32_t i = 0; i < search->count; i++) {
        const struct naive_row *row = &search->rows[i];
        if (row->time < first->time && naive_forbidden(sequence, 0, naive_positive(sequence, 0), row))
            return false;
        bool inside = search->naive->duration < 0 || (__int128)row->time - first->time <= search->naive->duration;
        if (all && row->time > last->time && inside &&
            naive_forbidden(sequence, naive_positive(sequence, search->wanted - 1), sequence->step_count, row))
            return false;
    }
    return true;
}

static inline bool naive_choice_holds(const struct naive_search *search)
{
    const struct df_funnel_sequence *sequence = search->naive->sequence;
    int64_t least = search->chosen[0].time, greatest = least;
    for (uint32_t k = 1; k < search->wanted; k++) {
        int64_t time = search->chosen[k].time;
        least = time < least ? time : least;
        greatest = time > greatest ? time : greatest;
        if (sequence->order != DF_FUNNEL_ANY && !naive_pair_holds(search, k))
            return false;
    }
    if (search->naive->duration >= 0 && (__int128)greatest - least > search->naive->duration)
        return false;
    return naive_ends_hold(search);
}

static inline int naive_compare(const struct naive_row *a, const struct naive_row *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

/* Ends earliest; of those starts latest; of those, backwards, at each step the latest row. */
static inline bool naive_is_better(const struct naive_search *search)
{
    int64_t start[2], end[2];
    const struct naive_row *choices[2] = {search->chosen, search->best.rows};
    if (search->best.depth < search->wanted)
        return true;
    for (int c = 0; c < 2; c++) {
        start[c] = end[c] = choices[c][0].time;
        for (uint32_t k = 1; k < search->wanted; k++) {
            start[c] = choices[c][k].time < start[c] ? choices[c][k].time : start[c];
            end[c] = choices[c][k].time > end[c] ? choices[c][k].time : end[c];
        }
    }
    if (end[0] != end[1])
        return end[0] < end[1];
    if (start[0] != start[1])
        return start[0] > start[1];
    for (uint32_t k = search->wanted; k-- > 0;) {
        int order = naive_compare(&choices[0][k], &choices[1][k]);
        if (order != 0)
            return order > 0;
    }
    return false;
}

static inline void naive_choose(struct naive_search *search, uint32_t k)
{
    const struct df_funnel_sequence *sequence = search->naive->sequence;
    if (k == search->wanted) {
        if (naive_choice_holds(search) && naive_is_better(search)) {
            search->best.depth = k;
            memcpy(search->best.rows, search->chosen, k * sizeof *search->chosen);
        }
        return;
    }
    for (uint32_t i = 0; i < search->count; i++) {
        if (!naive_matches(&search->rows[i], sequence->steps[naive_positive(sequence, k)].filter))
            continue;
        if (k && sequence->order != DF_FUNNEL_ANY && search->rows[i].time <= search->chosen[k - 1].time)
            continue; /* would fail below; saves most of the time */
        search->chosen[k] = search->rows[i];
        naive_choose(search, k + 1);
    }
}

/* The deepest step that timed rows of a unit reach, and its chain; depth 0: none. */
static inline struct naive_chain naive_unit(const struct naive_sequence *naive, const struct naive_row *rows,
                                            uint32_t count)
{
    struct naive_search search = {.naive = naive, .rows = rows, .count = count};
    for (search.wanted = naive->sequence->positive_count; search.wanted > 0; search.wanted--) {
        naive_choose(&search, 0);
        if (search.best.depth)
            break;
    }
    struct naive_chain *chain = &search.best;
    if (naive->sequence->order != DF_FUNNEL_ANY || chain->depth == 0)
        return *chain;
    /* Step 1 stands for the earliest row of the set, the deepest step for the latest. */
    struct naive_row earliest = chain->rows[0], latest = chain->rows[0];
    for (uint32_t k = 1; k < chain->depth; k++) {
        const struct naive_row *row = &chain->rows[k];
        if (row->time < earliest.time || (row->time == earliest.time && row->ordinal > earliest.ordinal))
            earliest = *row;
        if (naive_compare(row, &latest) > 0)
            latest = *row;
    }
    chain->rows[0] = earliest;
    chain->rows[chain->depth - 1] = latest;
    return *chain;
}

#endif
