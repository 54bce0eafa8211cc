#include "testing/testing.h"

#include <pthread.h>
#include <unistd.h>

#include "base/budget.h"

static void test_taking_stays_within_the_limit(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 100);
    assert_true(df_budget_take(&budget, 60));
    assert_false(df_budget_take(&budget, 41));
    assert_true(df_budget_take(&budget, 40));
    assert_false(df_budget_take(&budget, 1));
    assert_true(df_budget_take(&budget, 0));
    df_budget_give(&budget, 60);
    assert_true(df_budget_take(&budget, 1));
    assert_int_equal(budget.used_bytes, 41);
    assert_int_equal(budget.peak_bytes, 100);
    assert_false(df_budget_take(&budget, UINT64_MAX));
}

static void test_what_can_be_put_aside_gets_its_share_only(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 1000);
    assert_false(df_budget_take_share(&budget, 501, 50));
    assert_true(df_budget_take_share(&budget, 500, 50));
    assert_false(df_budget_take_share(&budget, 1, 50));
    assert_true(df_budget_take(&budget, 500)); /* the rest is for others */
}

static void test_a_small_share_is_not_no_limit(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 50);
    assert_false(df_budget_take_share(&budget, 26, 50));
    assert_true(df_budget_take_share(&budget, 25, 50));
    df_budget_init(&budget, 1000);
    assert_false(df_budget_take_share(&budget, 1, 0));
}

static void test_without_a_limit_everything_is_given_and_counted(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 0);
    assert_true(df_budget_take(&budget, UINT64_C(1) << 40));
    assert_true(df_budget_take_share(&budget, 5, 1));
    assert_true(budget.used_bytes == (UINT64_C(1) << 40) + 5);
    df_budget_give(&budget, UINT64_C(1) << 40);
    assert_int_equal(budget.used_bytes, 5);
}

static void test_force_goes_over_and_give_comes_back(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 10);
    df_budget_force(&budget, 25);
    assert_int_equal(budget.used_bytes, 25);
    assert_false(df_budget_take(&budget, 1));
    df_budget_give(&budget, 20);
    assert_true(df_budget_take(&budget, 5));
    assert_int_equal(budget.peak_bytes, 25);
}

static void test_no_budget_counts_nothing(void **state)
{
    (void)state;
    assert_true(df_budget_take(NULL, UINT64_MAX));
    assert_true(df_budget_take_share(NULL, UINT64_MAX, 1));
    df_budget_force(NULL, 1);
    df_budget_give(NULL, 1);
}

static void *take_and_give(void *argument)
{
    struct df_budget *budget = argument;
    for (int i = 0; i < 20000; i++)
        if (df_budget_take(budget, 30))
            df_budget_give(budget, 30);
    return NULL;
}

static void test_threads_never_take_more_than_there_is(void **state)
{
    (void)state;
    struct df_budget budget;
    df_budget_init(&budget, 100);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &budget), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(budget.used_bytes, 0);
    assert_true(budget.peak_bytes <= 90);
}

static void test_the_default_is_at_most_half_of_the_machine(void **state)
{
    (void)state;
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE);
    uint64_t limit = df_budget_default_limit();
    assert_true(limit > 0);
    assert_true(limit <= machine / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taking_stays_within_the_limit),
        cmocka_unit_test(test_what_can_be_put_aside_gets_its_share_only),
        cmocka_unit_test(test_a_small_share_is_not_no_limit),
        cmocka_unit_test(test_without_a_limit_everything_is_given_and_counted),
        cmocka_unit_test(test_force_goes_over_and_give_comes_back),
        cmocka_unit_test(test_no_budget_counts_nothing),
        cmocka_unit_test(test_threads_never_take_more_than_there_is),
        cmocka_unit_test(test_the_default_is_at_most_half_of_the_machine),
    };
    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
