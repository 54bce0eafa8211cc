/* Collecting, evaluating and passes, against an evaluator that tries every chain. */
#include "engine/funnel/passes.h"

#include <inttypes.h>

#include "unit/engine/funnel_testing.h"

enum { EVENTS_MAX = 64, STEPS_MAX = 5, FILTERS_MAX = 4 };

/* Hands events over in batches of `batch` rows, as a scan would. */
struct event_source {
    const struct event *events;
    size_t count, batch;
    enum df_funnel_key_kind kind;
    unsigned passes; /* counted */
    bool exhaust;    /* fail as a reader that finds the account full */
};

static int hand_over(const struct event_source *source, const struct event *events, uint32_t n,
                     struct df_funnel_collector *collector)
{
    int64_t numbers[EVENTS_MAX], times[EVENTS_MAX];
    struct df_slice bytes[EVENTS_MAX];
    char texts[EVENTS_MAX][32];
    uint8_t valid[EVENTS_MAX], time_valid[EVENTS_MAX], matches[EVENTS_MAX];
    uint32_t codes[EVENTS_MAX];
    for (uint32_t i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "%" PRId64, events[i].user);
        bytes[i] = df_slice_text(events[i].user == 0 ? "" : texts[i]);
        numbers[i] = events[i].user;
        times[i] = events[i].time;
        valid[i] = events[i].has_user;
        time_valid[i] = events[i].has_time;
    }
    struct df_funnel_keys keys = {.kind = source->kind, .count = n, .numbers = numbers, .bytes = bytes, .valid = valid};
    if (!df_funnel_collector_rows(collector, &keys, codes))
        return DF_FUNNEL_SOURCE_OVER;
    for (uint32_t filter = 0; filter < collector->filter_count; filter++) {
        for (uint32_t i = 0; i < n; i++)
            matches[i] = events[i].matches >> filter & 1;
        if (!df_funnel_collector_match(collector, filter, matches, codes, times, time_valid, n))
            return DF_FUNNEL_SOURCE_OVER;
    }
    return DF_FUNNEL_SOURCE_DONE;
}

static int read_events(void *ctx, struct df_funnel_collector *collector, struct df_error *error)
{
    struct event_source *source = ctx;
    source->passes++;
    if (source->exhaust)
        return df_error_set(error, DF_ERROR_EXHAUSTED, "no room for a page");
    for (size_t at = 0; at < source->count; at += source->batch) {
        size_t left = source->count - at, n = left < source->batch ? left : source->batch;
        int result = hand_over(source, source->events + at, (uint32_t)n, collector);
        if (result != DF_FUNNEL_SOURCE_DONE)
            return result;
    }
    return DF_FUNNEL_SOURCE_DONE;
}

struct answer {
    struct df_funnel_counts counts;
    struct df_funnel_step_count steps[16];
};

static int count(struct event_source *source, const struct df_funnel_step *steps, uint32_t step_count,
                 uint32_t filter_count, struct df_budget *budget, struct answer *answer, struct df_error *error)
{
    struct df_funnel_request request = {.steps = steps, .step_count = step_count, .filter_count = filter_count};
    struct df_funnel_passes passes = {.request = &request, .kind = source->kind, .account = {.budget = budget}};
    *answer = (struct answer){.counts = {.step_count = step_count}};
    answer->counts.steps = answer->steps;
    return df_funnel_count_in_passes(&passes, read_events, source, &answer->counts, error);
}

/* ---- the worked examples 4 and 5 of the specification ---- */

enum { VIEW = 1, CART = 2, BUY = 4 };
#define ROW(g, t, m)                                                                                                   \
    {                                                                                                                  \
        .has_user = true, .has_time = true, .user = (g), .time = (t), .matches = (m)                                   \
    }
static const struct event worked[] = {ROW(1, 10, VIEW), ROW(1, 20, CART), ROW(1, 30, BUY), ROW(2, 10, VIEW),
                                      ROW(2, 10, CART), ROW(2, 11, BUY),  ROW(3, 30, BUY), ROW(3, 20, CART),
                                      ROW(3, 10, VIEW), ROW(4, 5, CART),  ROW(4, 6, VIEW), ROW(4, 7, 0),
                                      ROW(5, 1, VIEW),  ROW(5, 1, VIEW),  ROW(5, 2, VIEW)};

static void assert_worked(const struct df_funnel_step *steps, const uint64_t expected[3][2])
{
    struct df_error error = {0};
    struct event_source source = {.events = worked, .count = 15, .batch = 4, .kind = DF_FUNNEL_KEY_INT64};
    struct answer answer;
    assert_ok(count(&source, steps, 3, 3, NULL, &answer, &error), &error);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(answer.steps[i].users, expected[i][0]);
        assert_int_equal(answer.steps[i].rows, expected[i][1]);
    }
    assert_int_equal(answer.counts.groups, 5);
    assert_int_equal(answer.counts.group_rows, 15);
}

static void test_worked_example_4_view_cart_buy(void **state)
{
    (void)state;
    const struct df_funnel_step steps[] = {{.filter = 0}, {.filter = 1}, {.filter = 2}};
    assert_worked(steps, (const uint64_t[3][2]){{5, 15}, {2, 6}, {2, 6}});
}

static void test_worked_example_5_view_view_view(void **state)
{
    (void)state;
    const struct df_funnel_step steps[] = {{.filter = 0}, {.filter = 0}, {.filter = 0}};
    assert_worked(steps, (const uint64_t[3][2]){{5, 15}, {1, 3}, {0, 0}});
}

/* ---- single rules ---- */

static void assert_steps(const struct event *events, size_t n, uint32_t step_count, const uint64_t *users)
{
    struct df_error error = {0};
    const struct df_funnel_step steps[] = {{.filter = 0}, {.filter = 1}, {.filter = 2}};
    struct event_source source = {.events = events, .count = n, .batch = n, .kind = DF_FUNNEL_KEY_INT64};
    struct answer answer;
    assert_ok(count(&source, steps, step_count, 3, NULL, &answer, &error), &error);
    for (uint32_t i = 0; i < step_count; i++)
        assert_int_equal(answer.steps[i].users, users[i]);
}

static void test_times_above_2_53_are_compared_exactly(void **state)
{
    (void)state;
    int64_t t = INT64_C(1) << 60;
    const struct event later[] = {ROW(1, t, VIEW), ROW(1, t + 1, CART)},
                       same[] = {ROW(1, t + 1, VIEW), ROW(1, t + 1, CART)},
                       ends[] = {ROW(1, INT64_MIN, VIEW), ROW(1, INT64_MAX, CART)};
    assert_steps(later, 2, 2, (const uint64_t[]){1, 1});
    assert_steps(same, 2, 2, (const uint64_t[]){1, 0});
    assert_steps(ends, 2, 2, (const uint64_t[]){1, 1});
}

static void test_a_row_without_time_reaches_step_1_only(void **state)
{
    (void)state;
    const struct event untimed = {.has_user = true, .user = 1, .matches = VIEW},
                       untimed_cart = {.has_user = true, .user = 1, .matches = CART};
    const struct event alone[] = {untimed, ROW(1, 5, CART)}, beside[] = {untimed, ROW(1, 4, VIEW), ROW(1, 5, CART)},
                       second[] = {ROW(1, 4, VIEW), untimed_cart};
    assert_steps(alone, 2, 2, (const uint64_t[]){1, 0});
    assert_steps(beside, 3, 2, (const uint64_t[]){1, 1});
    assert_steps(second, 2, 2, (const uint64_t[]){1, 0});
}

static void test_rows_without_user_are_counted_and_ignored(void **state)
{
    (void)state;
    struct df_error error = {0};
    const struct event events[] = {{.has_time = true, .matches = VIEW}, ROW(0, 1, VIEW), {.matches = VIEW}};
    const struct df_funnel_step steps[] = {{.filter = 0}};
    struct event_source source = {.events = events, .count = 3, .batch = 2, .kind = DF_FUNNEL_KEY_INT64};
    struct answer answer;
    assert_ok(count(&source, steps, 1, 1, NULL, &answer, &error), &error);
    assert_int_equal(answer.counts.rows, 3);
    assert_int_equal(answer.counts.rows_without_group, 2);
    assert_int_equal(answer.counts.groups, 1);
    assert_int_equal(answer.steps[0].rows, 1);
}

static void test_no_rows_give_zeros(void **state)
{
    (void)state;
    assert_steps(NULL, 0, 3, (const uint64_t[]){0, 0, 0});
}

/* ---- properties ---- */

static void test_random_rows_answer_as_trying_every_chain_does(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 20000; round++) {
        struct df_error error = {0};
        struct event events[14];
        struct df_funnel_step steps[STEPS_MAX];
        uint32_t filters = 1 + (uint32_t)(test_random(&random) % FILTERS_MAX),
                 step_count = 1 + (uint32_t)(test_random(&random) % STEPS_MAX);
        struct event_source source = {.events = events,
                                      .count = test_random(&random) % 15,
                                      .batch = 1 + test_random(&random) % 15,
                                      .kind = (enum df_funnel_key_kind)(test_random(&random) % DF_FUNNEL_KEY_KINDS)};
        struct answer answer;
        struct naive_answer naive;
        random_events(events, source.count, filters, &random);
        for (uint32_t i = 0; i < step_count; i++)
            steps[i] = (struct df_funnel_step){.filter = (uint32_t)(test_random(&random) % filters)};
        assert_ok(count(&source, steps, step_count, filters, NULL, &answer, &error), &error);
        naive_evaluate(events, source.count, steps, step_count, &naive);
        assert_same_answer(&answer.counts, &naive);
    }
}

/* Many users, so that a small limit needs passes. */
static struct event *make_crowd(size_t n, uint64_t users)
{
    struct event *events = calloc(n, sizeof *events);
    uint64_t random = 42;
    for (size_t i = 0; i < n; i++)
        events[i] = (struct event){.has_user = test_random(&random) % 50 != 0,
                                   .has_time = test_random(&random) % 50 != 0,
                                   .user = (int64_t)(test_random(&random) % users),
                                   .time = (int64_t)(test_random(&random) % 1000),
                                   .matches = (uint32_t)(test_random(&random) & 7)};
    return events;
}

static void test_a_small_memory_takes_more_passes_and_answers_the_same(void **state)
{
    (void)state;
    enum { CROWD = 40000 };
    const struct df_funnel_step steps[] = {{.filter = 0}, {.filter = 1}, {.filter = 2}, {.filter = 0}};
    struct event *events = make_crowd(CROWD, 9000);
    for (int kind = 0; kind < DF_FUNNEL_KEY_KINDS; kind++) {
        struct df_error error = {0};
        struct event_source source = {
            .events = events, .count = CROWD, .batch = EVENTS_MAX, .kind = (enum df_funnel_key_kind)kind};
        struct answer all, some;
        assert_ok(count(&source, steps, 4, 3, NULL, &all, &error), &error);
        assert_int_equal(source.passes, 1);
        for (uint64_t limit = 1 << 20; limit >= 1 << 15; limit /= 2) {
            struct df_budget budget;
            df_budget_init(&budget, limit);
            source.passes = 0;
            assert_ok(count(&source, steps, 4, 3, &budget, &some, &error), &error);
            assert_int_equal(budget.used_bytes, 0);
            assert_true(budget.peak_bytes <= limit);
            assert_int_equal(some.counts.rows, all.counts.rows);
            assert_int_equal(some.counts.rows_without_group, all.counts.rows_without_group);
            assert_int_equal(some.counts.groups, all.counts.groups);
            assert_int_equal(some.counts.group_rows, all.counts.group_rows);
            assert_memory_equal(some.steps, all.steps, sizeof all.steps);
        }
        assert_true(source.passes > 16);
    }
    free(events);
}

static void test_a_user_that_does_not_fit_is_named(void **state)
{
    (void)state;
    enum { ROWS = 20000 };
    const struct df_funnel_step steps[] = {{.filter = 0}};
    struct event *events = make_crowd(ROWS, 100);
    for (size_t i = 0; i < ROWS; i++)
        if (i % 2)
            events[i] = (struct event)ROW(777, 1, 1);
    for (int kind = 0; kind < DF_FUNNEL_KEY_KINDS; kind++) {
        struct df_error error = {0};
        struct df_budget budget;
        struct answer answer;
        struct event_source source = {
            .events = events, .count = ROWS, .batch = EVENTS_MAX, .kind = (enum df_funnel_key_kind)kind};
        df_budget_init(&budget, 64 * 1024);
        assert_fails(count(&source, steps, 1, 1, &budget, &answer, &error), &error, DF_ERROR_EXHAUSTED,
                     kind == DF_FUNNEL_KEY_BYTES ? "user '777'" : "user 777");
        assert_non_null(strstr(error.message, "memory.limit"));
        assert_int_equal(budget.used_bytes, 0);
    }
    free(events);
}

static void test_a_reader_that_has_no_room_by_itself_fails_as_it_says(void **state)
{
    (void)state;
    struct df_error error = {0};
    const struct df_funnel_step steps[] = {{.filter = 0}};
    struct event_source source = {.kind = DF_FUNNEL_KEY_INT64, .exhaust = true};
    struct answer answer;
    assert_fails(count(&source, steps, 1, 1, NULL, &answer, &error), &error, DF_ERROR_EXHAUSTED, "no room for a page");
    assert_int_equal(source.passes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worked_example_4_view_cart_buy),
        cmocka_unit_test(test_worked_example_5_view_view_view),
        cmocka_unit_test(test_times_above_2_53_are_compared_exactly),
        cmocka_unit_test(test_a_row_without_time_reaches_step_1_only),
        cmocka_unit_test(test_rows_without_user_are_counted_and_ignored),
        cmocka_unit_test(test_no_rows_give_zeros),
        cmocka_unit_test(test_random_rows_answer_as_trying_every_chain_does),
        cmocka_unit_test(test_a_small_memory_takes_more_passes_and_answers_the_same),
        cmocka_unit_test(test_a_user_that_does_not_fit_is_named),
        cmocka_unit_test(test_a_reader_that_has_no_room_by_itself_fails_as_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
