/* What the tests of the funnel share: rows by hand, and an evaluator that tries every chain. */
#ifndef DF_FUNNEL_TESTING_H
#define DF_FUNNEL_TESTING_H

#include <stdlib.h>

#include "testing/testing.h"

/* An event: who, when, and which filters it matches (bits). */
struct event {
    bool has_user, has_time;
    int64_t user, time;
    uint32_t matches;
};

/* A step: the number of its filter. */
struct naive_step {
    uint32_t filter;
};
struct naive_count {
    uint64_t users, rows;
};
struct naive_answer {
    uint64_t groups, group_rows, rows_without_group;
    struct naive_count steps[16];
};

/* Is there a chain of rows for steps[step..count) that begins after `after`? Tries all of them. */
static inline bool naive_chain(const struct event *events, size_t n, int64_t user, const struct naive_step *steps,
                               uint32_t step, uint32_t count, bool first, int64_t after)
{
    if (step == count)
        return true;
    for (size_t i = 0; i < n; i++)
        if (events[i].has_user && events[i].user == user && events[i].has_time && (first || events[i].time > after) &&
            (events[i].matches >> steps[step].filter & 1) &&
            naive_chain(events, n, user, steps, step + 1, count, false, events[i].time))
            return true;
    return false;
}

static inline bool naive_reaches(const struct event *events, size_t n, int64_t user, const struct naive_step *steps,
                                 uint32_t count)
{
    if (naive_chain(events, n, user, steps, 0, count, true, 0))
        return true;
    for (size_t i = 0; count == 1 && i < n; i++)
        if (events[i].has_user && events[i].user == user && !events[i].has_time &&
            (events[i].matches >> steps[0].filter & 1))
            return true;
    return false;
}

static inline void naive_evaluate(const struct event *events, size_t n, const struct naive_step *steps,
                                  uint32_t step_count, struct naive_answer *answer)
{
    *answer = (struct naive_answer){0};
    for (size_t i = 0; i < n; i++) {
        uint64_t rows = 0;
        bool seen = false;
        answer->rows_without_group += !events[i].has_user;
        for (size_t j = 0; j < n && events[i].has_user; j++) {
            bool same = events[j].has_user && events[j].user == events[i].user;
            seen = seen || (same && j < i);
            rows += same;
        }
        if (!events[i].has_user || seen)
            continue;
        answer->groups++;
        answer->group_rows += rows;
        for (uint32_t k = 0; k < step_count; k++) {
            bool reached = naive_reaches(events, n, events[i].user, steps, k + 1);
            answer->steps[k].users += reached;
            answer->steps[k].rows += reached ? rows : 0;
        }
    }
}

/* Few users, few times, many ties, some nulls: what goes wrong goes wrong here. */
static inline void random_events(struct event *events, size_t n, uint32_t filter_count, uint64_t *random)
{
    static const int64_t bases[] = {0, INT64_MIN, INT64_MAX - 7, (INT64_C(1) << 53) + 1, -3};
    int64_t base = bases[test_random(random) % 5];
    for (size_t i = 0; i < n; i++)
        events[i] = (struct event){.has_user = test_random(random) % 8 != 0,
                                   .has_time = test_random(random) % 8 != 0,
                                   .user = (int64_t)(test_random(random) % 5) - 2,
                                   .time = base + (int64_t)(test_random(random) % 8),
                                   .matches = (uint32_t)test_random(random) & ((1u << filter_count) - 1)};
}

#endif
