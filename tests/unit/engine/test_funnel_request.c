#include "engine/funnel/request.h"

#include <stdlib.h>

#include "base/buf.h"
#include "testing/testing.h"

#define DATASET "{\"paths\":[\"d\"],\"user\":\"u\",\"time\":\"t\"}"
#define STEP    "{\"filter\":[\"event\",\"==\",\"view\"]}"

static void test_a_request_becomes_plain_arrays(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_funnel_request request;
    const char *json = "{\"dataset\":{\"paths\":[\"a\",\"b\"],\"pattern\":\"*.pq\",\"user\":\"visitorid\","
                       "\"time\":\"timestamp\",\"groups\":\"spread\"},\"funnel\":{\"sequence\":["
                       "{\"filter\":{\"column\":\"event\",\"op\":\"==\",\"value\":\"view\"},\"name\":\"seen\"},"
                       "{\"filter\":[\"price\",\">=\",1e3]},{\"filter\":[\"new\",\"!=\",true],\"name\":\"\"}]}}";
    assert_ok(df_funnel_request_parse(&request, df_slice_text(json), &arena, &error), &error);
    assert_int_equal(request.path_count, 2);
    assert_string_equal(request.paths[1], "b");
    assert_string_equal(request.pattern, "*.pq");
    assert_string_equal(request.user, "visitorid");
    assert_string_equal(request.time, "timestamp");
    assert_int_equal(request.groups, DF_FUNNEL_SPREAD);
    assert_int_equal(request.step_count, 3);
    assert_int_equal(request.filter_count, 3);
    assert_slice_is(request.steps[0].name, "seen");
    assert_null(request.steps[1].name.data);
    assert_non_null(request.steps[2].name.data);
    assert_int_equal(request.filters[0].type, DF_FUNNEL_STRING);
    assert_slice_is(request.filters[1].text, "1e3");
    assert_int_equal(request.filters[1].op, DF_FUNNEL_GE);
    assert_true(request.filters[2].boolean);
    df_arena_dispose(&arena);
}

static void test_equal_filters_are_shared(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_funnel_request request;
    const char *json = "{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[" STEP
                       ",{\"filter\":[\"event\",\"==\",5]}," STEP ",{\"filter\":[\"event\",\"==\",\"5\"]},"
                       "{\"filter\":{\"value\":\"view\",\"op\":\"==\",\"column\":\"event\"}}]}}";
    assert_ok(df_funnel_request_parse(&request, df_slice_text(json), &arena, &error), &error);
    assert_int_equal(request.step_count, 5);
    assert_int_equal(request.filter_count, 3);
    const uint32_t expected[] = {0, 1, 0, 2, 0};
    for (int i = 0; i < 5; i++)
        assert_int_equal(request.steps[i].filter, expected[i]);
    assert_string_equal(request.pattern, "*.parquet");
    assert_int_equal(request.groups, DF_FUNNEL_AUTO);
    df_arena_dispose(&arena);
}

static const struct {
    const char *json, *message;
} wrong[] = {
    {"", ""},
    {"{", ""},
    {"[]", "request: expected an object, found an array"},
    {"{\"dataset\":" DATASET "}", "funnel: missing; expected an object"},
    {"{\"funnel\":{\"sequence\":[" STEP "]}}", "dataset: missing"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[" STEP "]},\"x\":1}",
     "request: unknown member 'x'; known: dataset, funnel"},
    {"{\"dataset\":" DATASET ",\"funel\":{}}",
     "unknown member 'funel', did you mean 'funnel'?; known: dataset, funnel"},
    {"{\"dataset\":[],\"funnel\":{}}", "dataset: expected an object, found an array"},
    {"{\"dataset\":{\"path\":\"d\"}}", "dataset: unknown member 'path'"},
    {"{\"dataset\":{\"user\":\"u\",\"time\":\"t\"}}", "dataset.paths: missing; expected an array of paths"},
    {"{\"dataset\":{\"paths\":\"d\"}}", "dataset.paths: expected an array of paths, found a string"},
    {"{\"dataset\":{\"paths\":[]}}", "dataset.paths: expected at least one path"},
    {"{\"dataset\":{\"paths\":[\"a\",5]}}", "dataset.paths[1]: expected a path, found a number"},
    {"{\"dataset\":{\"paths\":[\"\"]}}", "dataset.paths[0]: expected a path, found an empty string"},
    {"{\"dataset\":{\"paths\":[\"a\\u0000b\"]}}", "dataset.paths[0]: a zero byte"},
    {"{\"dataset\":{\"paths\":[\"a\"],\"time\":\"t\"}}", "dataset.user: missing"},
    {"{\"dataset\":{\"paths\":[\"a\"],\"user\":null}}",
     "dataset.user: expected the name of the user column, found null"},
    {"{\"dataset\":{\"paths\":[\"a\"],\"user\":\"u\"}}", "dataset.time: missing"},
    {"{\"dataset\":{\"paths\":[\"a\"],\"user\":\"u\",\"time\":\"t\",\"groups\":\"some\"}}",
     "dataset.groups: expected 'auto', 'whole' or 'spread', found 'some'"},
    {"{\"dataset\":{\"paths\":[\"a\"],\"user\":\"u\",\"time\":\"t\",\"groups\":1}}", "dataset.groups: expected"},
    {"{\"dataset\":{\"paths\":[\"a\"],\"user\":\"u\",\"time\":\"t\",\"pattern\":1}}", "dataset.pattern: expected"},
    {"{\"dataset\":" DATASET ",\"funnel\":{}}", "funnel.sequence: missing"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"steps\":[]}}", "funnel: unknown member 'steps'; known: sequence"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":{}}}", "funnel.sequence: expected an array of steps"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[]}}", "funnel.sequence: expected 1 to 10000 steps, found 0"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[" STEP ",1]}}", "funnel.sequence[1]: expected an object"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[" STEP "," STEP ",{}]}}",
     "funnel.sequence[2].filter: missing"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[{\"filter\":1}]}}",
     "funnel.sequence[0].filter: expected an object or [column, op, value], found a number"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[{\"filter\":[\"a\",\"==\"]}]}}",
     "funnel.sequence[0].filter: expected [column, op, value], found an array of 2"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[{\"filter\":{\"colum\":\"a\"}}]}}",
     "funnel.sequence[0].filter: unknown member 'colum', did you mean 'column'?; known: column, op, value"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[{\"filter\":{\"op\":\"==\",\"value\":1}}]}}",
     "funnel.sequence[0].filter.column: missing"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[{\"filter\":{\"column\":\"a\",\"value\":1}}]}}",
     "funnel.sequence[0].filter.op: missing"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[{\"filter\":{\"column\":\"a\",\"op\":\"~\",\"value\":1}}]}}",
     "funnel.sequence[0].filter.op: unknown operator '~'; known: =="},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[{\"filter\":{\"column\":\"a\",\"op\":\"==\"}}]}}",
     "funnel.sequence[0].filter.value: missing"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[{\"filter\":[\"a\",\"==\",null]}]}}",
     "funnel.sequence[0].filter[2]: expected a string, a number or a boolean, found null"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[{\"filter\":[5,\"==\",1]}]}}",
     "funnel.sequence[0].filter[0]: expected the name of a column, found a number"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[{\"filter\":[\"a\",5,1]}]}}",
     "funnel.sequence[0].filter[1]: expected an operator, found a number"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[{\"filter\":[\"a\",\"==\",1],\"name\":5}]}}",
     "funnel.sequence[0].name: expected a string, found a number"},
    {"{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[{\"filter\":[\"a\",\"==\",1],\"maxGap\":5}]}}",
     "funnel.sequence[0]: unknown member 'maxGap'"},
};

static void test_an_error_names_the_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct df_error error = {0};
        struct df_arena arena = {0};
        struct df_funnel_request request;
        assert_fails(df_funnel_request_parse(&request, df_slice_text(wrong[i].json), &arena, &error), &error,
                     DF_ERROR_INVALID, wrong[i].message);
        df_arena_dispose(&arena);
    }
}

static void put_steps(struct df_buf *json, int count)
{
    df_buf_put_text(json, "{\"dataset\":" DATASET ",\"funnel\":{\"sequence\":[");
    for (int i = 0; i < count; i++)
        df_buf_printf(json, "%s{\"filter\":[\"c\",\"==\",%d]}", i ? "," : "", i);
    df_buf_put_text(json, "]}}");
}

static void test_ten_thousand_steps_are_taken_and_one_more_is_not(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_funnel_request request;
    for (int more = 0; more < 2; more++) {
        struct df_arena arena = {0};
        struct df_buf json = {0};
        put_steps(&json, DF_FUNNEL_STEPS_MAX + more);
        if (more) {
            assert_fails(df_funnel_request_parse(&request, df_buf_slice(&json), &arena, &error), &error,
                         DF_ERROR_INVALID, "funnel.sequence: expected 1 to 10000 steps, found 10001");
        } else {
            assert_ok(df_funnel_request_parse(&request, df_buf_slice(&json), &arena, &error), &error);
            assert_int_equal(request.filter_count, DF_FUNNEL_STEPS_MAX);
        }
        df_buf_dispose(&json);
        df_arena_dispose(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_becomes_plain_arrays),
        cmocka_unit_test(test_equal_filters_are_shared),
        cmocka_unit_test(test_an_error_names_the_place),
        cmocka_unit_test(test_ten_thousand_steps_are_taken_and_one_more_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
