#include "job/times.h"

#include "testing/testing.h"

static void note(struct df_job_times *times, uint64_t invoke_ms, uint64_t total_ms)
{
    df_job_times_note(times, (const uint64_t[DF_JOB_TIMES]){[DF_JOB_TIME_INVOKE] = invoke_ms * 1000000,
                                                            [DF_JOB_TIME_LOAD] = 1000000,
                                                            [DF_JOB_TIME_TOTAL] = total_ms * 1000000});
}

/* 1..count in an order that is not theirs. */
static struct df_job_times times_of(uint64_t count)
{
    struct df_job_times times = {0};
    for (uint64_t i = 0; i < count; i++)
        note(&times, 0, 1 + (i * 7919 + 3) % count);
    return times;
}

static void assert_near(double a, double b)
{
    if (a - b > 1e-12 || b - a > 1e-12)
        fail_msg("%.17g is not %.17g", a, b);
}

static void test_few_values_have_the_median_only(void **state)
{
    (void)state;
    struct df_job_times times = times_of(10);
    struct df_job_timing timing;
    assert_true(df_job_times_summarize(&times, DF_JOB_TIME_TOTAL, &timing));
    assert_near(timing.mean, 0.0055);
    assert_near(timing.minimum, 0.001);
    assert_near(timing.maximum, 0.010);
    assert_near(timing.percentile[1], 0.0055); /* between the fifth and the sixth */
    const bool told[DF_JOB_PERCENTILES] = {false, true, false, false, false};
    assert_memory_equal(timing.has_percentile, told, sizeof told);
    df_job_times_dispose(&times);
}

static void test_percentiles_appear_with_20_and_100_values(void **state)
{
    (void)state;
    static const struct {
        uint64_t count;
        bool told[DF_JOB_PERCENTILES];
    } cases[] = {{19, {false, true, false, false, false}},
                 {20, {true, true, true, true, false}},
                 {99, {true, true, true, true, false}},
                 {101, {true, true, true, true, true}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_job_times times = times_of(cases[i].count);
        struct df_job_timing timing;
        assert_true(df_job_times_summarize(&times, DF_JOB_TIME_TOTAL, &timing));
        assert_memory_equal(timing.has_percentile, cases[i].told, sizeof cases[i].told);
        if (cases[i].count == 101) /* the values are 1..101 ms: percentile p stands at p + 1 */
            for (size_t p = 0; p < DF_JOB_PERCENTILES; p++)
                assert_near(timing.percentile[p], (df_job_percentiles[p] + 1) / 1e3);
        df_job_times_dispose(&times);
    }
}

static void test_nothing_has_no_summary(void **state)
{
    (void)state;
    struct df_job_times times = {0};
    struct df_job_timing timing;
    uint64_t slot, tasks;
    assert_false(df_job_times_summarize(&times, DF_JOB_TIME_LOAD, &timing));
    assert_false(df_job_times_next_slot(&times, 0, &slot, &tasks));
}

static void test_slots_are_quarters_of_a_second_rounded_up(void **state)
{
    (void)state;
    struct df_job_times times = {0};
    uint64_t slot, tasks;
    note(&times, 700, 301); /* 1.001 s: the fifth */
    note(&times, 0, 0);
    note(&times, 100, 150); /* 0.25 s: the first */
    note(&times, 900, 100); /* 1 s: the fourth */
    static const uint64_t expected[3][2] = {{1, 2}, {4, 1}, {5, 1}};
    slot = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_true(df_job_times_next_slot(&times, slot, &slot, &tasks));
        assert_int_equal(slot, expected[i][0]);
        assert_int_equal(tasks, expected[i][1]);
    }
    assert_false(df_job_times_next_slot(&times, slot, &slot, &tasks));
    df_job_times_dispose(&times);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_values_have_the_median_only),
        cmocka_unit_test(test_percentiles_appear_with_20_and_100_values),
        cmocka_unit_test(test_nothing_has_no_summary),
        cmocka_unit_test(test_slots_are_quarters_of_a_second_rounded_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
