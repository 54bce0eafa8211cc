/* Names of optimisations that are left out: from the option, from a request, and on to the workers. */
#include "engine/funnel/switches.h"

#include "base/arena.h"
#include "engine/funnel/language/request.h"
#include "testing/testing.h"

static void test_names_become_bits_and_names_again(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf json = {0};
    struct df_json_writer writer;
    uint32_t without = 99;
    assert_ok(df_funnel_without_parse(" pages,, bloom ,pages", &without, &error), &error);
    assert_int_equal(without, DF_FUNNEL_WITHOUT_PAGES | DF_FUNNEL_WITHOUT_BLOOM);
    df_json_writer_init(&writer, &json, DF_JSON_COMPACT);
    df_json_begin_object(&writer);
    df_funnel_without_put(&writer, without);
    df_json_end_object(&writer);
    assert_string_equal(df_buf_text(&json), "{\"without\":[\"pages\",\"bloom\"]}");
    df_buf_dispose(&json);
    assert_ok(df_funnel_without_parse("all", &without, &error), &error);
    assert_int_equal(without, UINT32_MAX);
    assert_ok(df_funnel_without_parse(NULL, &without, &error), &error);
    assert_int_equal(without, 0);
    assert_fails(df_funnel_without_parse("pages,blom", &without, &error), &error, DF_ERROR_INVALID,
                 "'blom' is no optimisation; there are statistics, pages, bloom");
}

static void parse(const char *member, struct df_funnel_request *request, struct df_arena *arena, int expected,
                  struct df_error *error)
{
    struct df_buf json = {0};
    df_buf_printf(&json, "{\"dataset\":{\"paths\":[\"x\"],\"user\":\"u\",\"time\":\"t\"},\"without\":%s}", member);
    assert_int_equal(df_funnel_request_parse(request, df_buf_slice(&json), arena, error), expected);
    df_buf_dispose(&json);
}

static void test_a_request_takes_its_switches_to_the_workers(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf again = {0};
    struct df_funnel_request request;
    const char *json = "{\"dataset\":{\"paths\":[\"x\"],\"user\":\"u\",\"time\":\"t\"},\"without\":[\"dictionary\"]}";
    assert_ok(df_funnel_request_for_workers(df_slice_text(json), NULL, &again, &error), &error);
    assert_ok(df_funnel_request_parse(&request, df_buf_slice(&again), &arena, &error), &error);
    assert_int_equal(request.without, DF_FUNNEL_WITHOUT_DICTIONARY);
    df_buf_dispose(&again);
    parse("[]", &request, &arena, 0, &error);
    assert_int_equal(request.without, 0);
    parse("[\"pages\",7]", &request, &arena, -1, &error);
    assert_non_null(strstr(error.message, "without: expected names of optimisations: statistics, pages"));
    parse("\"pages\"", &request, &arena, -1, &error);
    assert_non_null(strstr(error.message, "without: expected an array of names"));
    df_arena_dispose(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_become_bits_and_names_again),
        cmocka_unit_test(test_a_request_takes_its_switches_to_the_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
