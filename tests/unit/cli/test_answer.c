#include "cli/answer.h"

#include "testing/testing.h"

static const char engine_answer[] =
    "{\"query\":{\"matchingGroups\":20,\"matchingGroupRows\":50},\"funnel\":{\"sequence\":["
    "{\"matchingGroups\":12,\"matchingGroupRows\":40,\"aggregations\":null}],\"endAggregations\":null}}";

static struct df_cli_answer answer_of(const char *content)
{
    struct df_cli_answer answer = {
        .job_id = "1-a",
        .stats = {.parts = 4,
                  .attempts_failed = 1,
                  .total_ns = 1500000000,
                  .plan_ns = 250000000,
                  .fold_ns = 50000000,
                  .tasks_cold = 1,
                  .tasks_warm = 3},
        .counters = {{"scannedRows", 50}, {"scannedGroups", 20}, {"parts", 4}, {"totalSize", 999}},
        .threads = 2};
    df_buf_put_text(&answer.content, content);
    return answer;
}

static struct df_buf json_of(struct df_cli_answer *answer, enum df_json_style style)
{
    struct df_error error = {0};
    struct df_buf out = {0};
    assert_ok(df_cli_answer_put_json(answer, style, &out, &error), &error);
    return out;
}

static void assert_has(struct df_buf *text, const char *piece)
{
    if (!strstr(df_buf_text(text), piece))
        fail_msg("no '%s' in\n%s", piece, df_buf_text(text));
}

static void test_answer_has_its_members_in_the_order_of_the_original(void **state)
{
    (void)state;
    struct df_cli_answer answer = answer_of(engine_answer);
    struct df_buf out = json_of(&answer, DF_JSON_PRETTY);
    static const char begin[] =
        "{\n  \"success\": true,\n  \"requestId\": \"1-a\",\n  \"stats\": {\n    \"totalTime\": 1.5,\n";
    assert_memory_equal(df_buf_text(&out), begin, strlen(begin));
    static const char *const order[] = {"\"invoker\"",      "\"worker\"",
                                        "\"dataset\"",      "\"totalSize\"",
                                        "\"parts\"",        "\n  \"query\": {\n    \"matchingGroups\": 20,\n",
                                        "\n  \"funnel\": {"};
    const char *at = df_buf_text(&out);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        at = strstr(at, order[i]);
        if (!at)
            fail_msg("%s is missing, or too early", order[i]);
    }
    df_buf_dispose(&out);
    df_cli_answer_dispose(&answer);
}

static void test_answer_on_one_line_ends_with_what_the_engine_said(void **state)
{
    (void)state;
    struct df_cli_answer answer = answer_of(engine_answer);
    struct df_buf out = json_of(&answer, DF_JSON_COMPACT);
    const char *query = strstr(df_buf_text(&out), "\"query\":{");
    assert_non_null(query);
    assert_string_equal(query, "\"query\":{\"matchingGroups\":20,\"matchingGroupRows\":50},\"funnel\":{\"sequence\":["
                               "{\"matchingGroups\":12,\"matchingGroupRows\":40,\"aggregations\":null}],"
                               "\"endAggregations\":null}}\n");
    df_buf_dispose(&out);
    df_cli_answer_dispose(&answer);
}

static void test_statistics_have_the_words_of_the_original(void **state)
{
    (void)state;
    struct df_cli_answer answer = answer_of(engine_answer);
    static const uint64_t ms[4][DF_JOB_TIMES] = {{100, 10, 100}, {200, 20, 300}, {300, 30, 500}, {400, 40, 900}};
    for (size_t i = 0; i < 4; i++)
        df_job_times_note(&answer.times,
                          (const uint64_t[DF_JOB_TIMES]){ms[i][0] * 1000000, ms[i][1] * 1000000, ms[i][2] * 1000000});
    struct df_buf out = json_of(&answer, DF_JSON_COMPACT);
    assert_has(&out, "\"stats\":{\"totalTime\":1.5,\"invoker\":{\"enqueueTime\":0.25,\"pollTime\":1.2,"
                     "\"totalTasks\":5,\"failedTasks\":1,"
                     "\"taskSuccessOverTime\":{\"0.25\":1,\"0.5\":1,\"1.0\":1,\"1.5\":1},");
    assert_has(&out, "\"worker\":{\"coldTasks\":1,\"warmTasks\":3,\"invokeLatency\":{\"mean\":0.25,\"min\":0.1,"
                     "\"percentiles\":{\"50%\":0.25},\"max\":0.4},\"loadTime\":{\"mean\":0.025,");
    assert_has(&out, "\"totalTime\":{\"mean\":0.45,\"min\":0.1,\"percentiles\":{\"50%\":0.4},\"max\":0.9},"
                     "\"scannedRows\":50,\"scannedGroups\":20,\"cache\":{\"source\":4,\"diskCache\":0},");
    assert_has(&out, "\"dataset\":{\"totalSize\":999,\"parts\":4}}");
    assert_null(strstr(df_buf_text(&out), "\"cost\""));
    df_buf_dispose(&out);
    answer.stats.cost.dollars = 0.25;
    out = json_of(&answer, DF_JSON_COMPACT);
    assert_has(&out, "\"cost\":0.25},\"query\"");
    df_buf_dispose(&out);
    df_cli_answer_dispose(&answer);
}

static void test_answer_that_is_no_json_is_an_error(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf out = {0};
    struct df_cli_answer answer = answer_of("{\"query\":");
    assert_fails(df_cli_answer_put_json(&answer, DF_JSON_PRETTY, &out, &error), &error, DF_ERROR_INVALID, "the answer");
    assert_int_equal(out.size, 0);
    df_cli_answer_dispose(&answer);
}

static void test_a_failure_names_message_and_kind(void **state)
{
    (void)state;
    struct df_error failure;
    struct df_buf out = {0};
    df_error_set(&failure, DF_ERROR_NOT_FOUND, "no \"file\"");
    df_cli_failure_put_json(&failure, DF_JSON_PRETTY, &out);
    assert_string_equal(df_buf_text(&out), "{\n"
                                           "  \"success\": false,\n"
                                           "  \"errorMessage\": \"no \\\"file\\\"\",\n"
                                           "  \"errorKind\": \"not_found\"\n"
                                           "}\n");
    df_buf_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_has_its_members_in_the_order_of_the_original),
        cmocka_unit_test(test_answer_on_one_line_ends_with_what_the_engine_said),
        cmocka_unit_test(test_statistics_have_the_words_of_the_original),
        cmocka_unit_test(test_answer_that_is_no_json_is_an_error),
        cmocka_unit_test(test_a_failure_names_message_and_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
