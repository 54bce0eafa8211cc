/* The rows of the options table and what becomes of them. */
#include "job/job.h"
#include "testing/testing.h"

static struct df_config *make_config(void)
{
    struct df_config *config;
    struct df_error error = {0};
    assert_ok(df_config_create(&config, &error), &error);
    assert_ok(df_config_register(config, df_job_option_rows, df_job_option_count, &error), &error);
    return config;
}

static void test_defaults_are_those_of_the_contract(void **state)
{
    struct df_job_options options = {0};
    (void)state;
    struct df_config *config = make_config();
    df_job_options_from_config(&options, config);
    assert_int_equal(options.attempts, 4);
    assert_int_equal(options.timeout_ms, 0);
    assert_int_equal(options.retry_delay_ms, 100);
    assert_int_equal(options.hedge_after_ms, 2000);
    assert_int_equal(options.reorder_bytes, UINT64_C(256) << 20);
    assert_true(options.fallback_to_threads);
    assert_int_equal(options.bytes_ceiling, 0);
    assert_true(options.cost_ceiling == 0);
    assert_true(options.plan_room > 0);
    df_config_free(config);
}

static void test_values_reach_the_options_in_their_units(void **state)
{
    struct df_job_options options = {0};
    struct df_error error = {0};
    (void)state;
    struct df_config *config = make_config();
    static const char *const values[][2] = {
        {"job.attempts", "2"}, {"job.timeout", "30s"}, {"job.retry_delay", "1s"}, {"job.hedge_after", "500ms"},
        {"job.reorder", "1G"}, {"job.fallback", "no"}, {"job.max_bytes", "5G"},   {"job.max_cost", "125"},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_ok(df_config_set(config, values[i][0], values[i][1], DF_CONFIG_FLAG, &error), &error);
    df_job_options_from_config(&options, config);
    assert_int_equal(options.attempts, 2);
    assert_int_equal(options.timeout_ms, 30000);
    assert_int_equal(options.retry_delay_ms, 1000);
    assert_int_equal(options.hedge_after_ms, 500);
    assert_int_equal(options.reorder_bytes, UINT64_C(1) << 30);
    assert_false(options.fallback_to_threads);
    assert_int_equal(options.bytes_ceiling, UINT64_C(5) << 30);
    assert_true(options.cost_ceiling == 1.25);
    df_config_free(config);
}

static void test_values_that_make_no_sense_are_refused(void **state)
{
    struct df_error error = {0};
    (void)state;
    struct df_config *config = make_config();
    assert_fails(df_config_set(config, "job.attempts", "0", DF_CONFIG_FLAG, &error), &error, DF_ERROR_INVALID, "0");
    assert_fails(df_config_set(config, "job.retry_delay", "0", DF_CONFIG_FLAG, &error), &error, DF_ERROR_INVALID, "0");
    assert_fails(df_config_set(config, "job.reorder", "0", DF_CONFIG_FLAG, &error), &error, DF_ERROR_INVALID, "0");
    df_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_those_of_the_contract),
        cmocka_unit_test(test_values_reach_the_options_in_their_units),
        cmocka_unit_test(test_values_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
