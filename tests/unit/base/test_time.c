#include "testing/testing.h"

#include <time.h>

#include "base/time.h"

static void pause_ms(long ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000};
    nanosleep(&pause, NULL);
}

static void test_clocks_run(void **state)
{
    (void)state;
    int64_t mono = df_time_mono_ns(), wall = df_time_wall_ms();
    pause_ms(5);
    assert_true(df_time_mono_ns() - mono >= 5000000);
    assert_true(df_time_wall_ms() - wall >= 4);
    assert_true(df_time_wall_ms() > INT64_C(1600000000000));
}

static void test_cpu_time_counts_work_and_not_sleep(void **state)
{
    (void)state;
    int64_t before = df_time_thread_cpu_ns();
    pause_ms(30);
    assert_true(df_time_thread_cpu_ns() - before < 25000000);
    while (df_time_thread_cpu_ns() - before < 1000000) {
    }
}

static void test_a_frozen_clock_moves_by_jumps_only(void **state)
{
    (void)state;
    df_time_freeze(true);
    int64_t mono = df_time_mono_ns(), wall = df_time_wall_ms();
    pause_ms(3);
    assert_true(df_time_mono_ns() == mono);
    assert_true(df_time_wall_ms() == wall);
    df_time_jump(7, 3600000);
    assert_true(df_time_mono_ns() == mono + 7);
    assert_true(df_time_wall_ms() == wall + 3600000);
    df_time_freeze(false);
    assert_true(df_time_wall_ms() - wall < 3600000); /* jumps are forgotten */
    assert_true(df_time_mono_ns() > mono + 2000000);
}

static void test_a_running_clock_can_jump_as_well(void **state)
{
    (void)state;
    int64_t mono = df_time_mono_ns();
    df_time_jump(INT64_C(1000000000000), 0); /* what a thawed sandbox sees */
    assert_true(df_time_mono_ns() - mono >= INT64_C(1000000000000));
    df_time_freeze(false);
    assert_true(df_time_mono_ns() - mono < INT64_C(1000000000000));
}

static void test_deadlines_pass_when_their_time_has_come(void **state)
{
    (void)state;
    df_time_freeze(true);
    struct df_deadline deadline = df_deadline_after_ms(10);
    assert_false(df_deadline_passed(deadline));
    assert_int_equal(df_deadline_left_ms(deadline), 10);
    df_time_jump(1, 0);
    assert_int_equal(df_deadline_left_ms(deadline), 10); /* rounded up */
    df_time_jump(9999998, 0);
    assert_int_equal(df_deadline_left_ms(deadline), 1);
    assert_false(df_deadline_passed(deadline));
    df_time_jump(1, 0);
    assert_true(df_deadline_passed(deadline));
    assert_int_equal(df_deadline_left_ms(deadline), 0);
    df_time_freeze(false);
}

static void test_never_never_comes(void **state)
{
    (void)state;
    assert_false(df_deadline_passed(df_deadline_never()));
    assert_true(df_deadline_left_ms(df_deadline_never()) == INT64_MAX);
    assert_true(df_deadline_after_ms(INT64_MAX).mono_ns == DF_DEADLINE_NEVER);
    assert_true(df_deadline_after_ms(INT64_MAX / 1000000).mono_ns == DF_DEADLINE_NEVER);
    assert_true(df_deadline_passed(df_deadline_after_ms(-5)));
}

static int thaw(void **state)
{
    (void)state;
    df_time_freeze(false);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_clocks_run, thaw),
        cmocka_unit_test_teardown(test_cpu_time_counts_work_and_not_sleep, thaw),
        cmocka_unit_test_teardown(test_a_frozen_clock_moves_by_jumps_only, thaw),
        cmocka_unit_test_teardown(test_a_running_clock_can_jump_as_well, thaw),
        cmocka_unit_test_teardown(test_deadlines_pass_when_their_time_has_come, thaw),
        cmocka_unit_test_teardown(test_never_never_comes, thaw),
    };
    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
