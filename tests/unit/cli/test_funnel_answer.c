#include "cli/funnel_answer.h"

#include "testing/testing.h"

static const char engine_answer[] =
    "{\"query\":{\"matchingGroups\":20,\"matchingGroupRows\":50},\"funnel\":{\"sequence\":["
    "{\"matchingGroups\":12,\"matchingGroupRows\":40,\"aggregations\":null},"
    "{\"matchingGroups\":3,\"matchingGroupRows\":9,\"aggregations\":null}],\"endAggregations\":null}}";

static struct df_cli_answer answer_of(const char *content)
{
    struct df_cli_answer answer = {.job_id = "1-a",
                                   .stats = {.parts = 4, .attempts_failed = 1, .total_ns = 1500000000},
                                   .counters = {{"scannedRows", 50}, {"scannedGroups", 20}, {"parts", 4}},
                                   .threads = 2};
    df_buf_put_text(&answer.content, content);
    return answer;
}

/* From `name` on, to compare what does not depend on the run. */
static const char *from(struct df_buf *text, const char *name)
{
    const char *found = strstr(df_buf_text(text), name);
    return found ? found : "(missing)";
}

static void test_answer_as_json_has_what_the_engine_said_behind_the_statistics(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf out = {0};
    struct df_cli_answer answer = answer_of(engine_answer);
    assert_ok(df_funnel_answer_put_json(&answer, &out, &error), &error);
    assert_memory_equal(df_buf_text(&out), "{\n  \"success\": true,\n  \"stats\": {\n    \"requestId\": \"1-a\",\n",
                        57);
    assert_non_null(strstr(df_buf_text(&out), "\"totalTime\": 1.5,"));
    assert_non_null(strstr(df_buf_text(&out), "\"totalTasks\": 5,"));
    assert_non_null(strstr(df_buf_text(&out), "\"failedTasks\": 1,"));
    assert_non_null(strstr(df_buf_text(&out), "\"scannedRows\": 50,"));
    assert_string_equal(from(&out, "  \"query\""), "  \"query\": {\n"
                                                   "    \"matchingGroups\": 20,\n"
                                                   "    \"matchingGroupRows\": 50\n"
                                                   "  },\n"
                                                   "  \"funnel\": {\n"
                                                   "    \"sequence\": [\n"
                                                   "      {\n"
                                                   "        \"matchingGroups\": 12,\n"
                                                   "        \"matchingGroupRows\": 40,\n"
                                                   "        \"aggregations\": null\n"
                                                   "      },\n"
                                                   "      {\n"
                                                   "        \"matchingGroups\": 3,\n"
                                                   "        \"matchingGroupRows\": 9,\n"
                                                   "        \"aggregations\": null\n"
                                                   "      }\n"
                                                   "    ],\n"
                                                   "    \"endAggregations\": null\n"
                                                   "  }\n"
                                                   "}\n");
    df_buf_dispose(&out);
    df_cli_answer_dispose(&answer);
}

static void test_answer_as_chart_has_labels_and_users(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf out = {0};
    struct df_cli_answer answer = answer_of(engine_answer);
    const char *const labels[] = {"event=view", "price > 5"};
    struct df_chart_style style = {.columns = 80, .ascii = true};
    assert_ok(df_funnel_answer_put_chart(&answer, labels, 2, &style, &out, &error), &error);
    assert_non_null(strstr(df_buf_text(&out), "Which users did event=view, then price > 5?\n"));
    assert_non_null(strstr(df_buf_text(&out), "2 price > 5 "));
    assert_non_null(strstr(df_buf_text(&out), "    3    25.0 %    25.0 %    -9\n"));
    assert_non_null(strstr(df_buf_text(&out), "50 rows, 20 users, 1.50 s"));
    df_buf_dispose(&out);
    df_cli_answer_dispose(&answer);
}

static void test_answer_that_is_no_json_is_an_error(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf out = {0};
    struct df_cli_answer answer = answer_of("{\"query\":");
    assert_fails(df_funnel_answer_put_json(&answer, &out, &error), &error, DF_ERROR_INVALID, "the answer");
    assert_int_equal(out.size, 0);
    df_cli_answer_dispose(&answer);
}

static void test_answer_of_a_failure_names_message_and_kind(void **state)
{
    (void)state;
    struct df_error failure;
    struct df_buf out = {0};
    df_error_set(&failure, DF_ERROR_NOT_FOUND, "no \"file\"");
    df_funnel_answer_put_failure(&failure, &out);
    assert_string_equal(df_buf_text(&out), "{\n"
                                           "  \"success\": false,\n"
                                           "  \"errorMessage\": \"no \\\"file\\\"\",\n"
                                           "  \"errorKind\": \"not_found\"\n"
                                           "}\n");
    df_buf_dispose(&out);
}

static void test_answer_of_a_failure_speaks_of_flags_not_of_the_request(void **state)
{
    (void)state;
    static const struct {
        const char *engine, *user;
    } cases[] = {
        {"funnel.sequence[0].filter: no column 'x'", "step 1: no column 'x'"},
        {"a.parquet: funnel.sequence[11].filter: bad", "a.parquet: step 12: bad"},
        {"dataset.paths[2]: expected a path", "path 3: expected a path"},
        {"dataset.pattern: empty", "--pattern: empty"},
        {"cannot read 'funnel.sequence[0].filter'", "cannot read 'funnel.sequence[0].filter'"},
        {"funnel.sequence: expected steps", "funnel.sequence: expected steps"},
        {"funnel.sequence[x]: odd", "funnel.sequence[x]: odd"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_error error;
        df_error_set(&error, DF_ERROR_INVALID, "%s", cases[i].engine);
        df_funnel_answer_reword(&error);
        assert_string_equal(error.message, cases[i].user);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_as_json_has_what_the_engine_said_behind_the_statistics),
        cmocka_unit_test(test_answer_as_chart_has_labels_and_users),
        cmocka_unit_test(test_answer_that_is_no_json_is_an_error),
        cmocka_unit_test(test_answer_of_a_failure_names_message_and_kind),
        cmocka_unit_test(test_answer_of_a_failure_speaks_of_flags_not_of_the_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
