#include "base/json.h"
#include "engine/funnel/funnel.h"
#include "testing/testing.h"

static void assert_json(const char *text, const char *expected)
{
    struct df_error error = {0};
    struct df_buf json = {0};
    if (df_funnel_filter_text(df_slice_text(text), &json, &error) < 0)
        fail_msg("%s: %s", text, error.message);
    assert_string_equal(df_buf_text(&json), expected);
    df_buf_dispose(&json);
}

static void test_operators_and_values_in_every_spelling(void **state)
{
    (void)state;
    assert_json("event = 'view'", "{\"column\":\"event\",\"op\":\"==\",\"value\":\"view\"}");
    assert_json("event=view", "{\"column\":\"event\",\"op\":\"==\",\"value\":\"view\"}");
    assert_json("  event\t==  view  ", "{\"column\":\"event\",\"op\":\"==\",\"value\":\"view\"}");
    assert_json("event != 'a b'", "{\"column\":\"event\",\"op\":\"!=\",\"value\":\"a b\"}");
    assert_json("event <> x", "{\"column\":\"event\",\"op\":\"!=\",\"value\":\"x\"}");
    assert_json("price>=50", "{\"column\":\"price\",\"op\":\">=\",\"value\":50}");
    assert_json("price > 5.5", "{\"column\":\"price\",\"op\":\">\",\"value\":5.5}");
    assert_json("price <= -1e3", "{\"column\":\"price\",\"op\":\"<=\",\"value\":-1e3}");
    assert_json("price < 1180591620717411303424",
                "{\"column\":\"price\",\"op\":\"<\",\"value\":1180591620717411303424}");
    assert_json("available = true", "{\"column\":\"available\",\"op\":\"==\",\"value\":true}");
    assert_json("available=FALSE", "{\"column\":\"available\",\"op\":\"==\",\"value\":false}");
    assert_json("url CONTAINS /admin", "{\"column\":\"url\",\"op\":\"contains\",\"value\":\"/admin\"}");
    assert_json("url Not  Contains '/a'", "{\"column\":\"url\",\"op\":\"not contains\",\"value\":\"/a\"}");
    assert_json("day = 2015-05-03", "{\"column\":\"day\",\"op\":\"==\",\"value\":\"2015-05-03\"}");
    assert_json("a.b = ''", "{\"column\":\"a.b\",\"op\":\"==\",\"value\":\"\"}");
    assert_json("contains contains contains", "{\"column\":\"contains\",\"op\":\"contains\",\"value\":\"contains\"}");
}

static void test_quotes_are_doubled_inside_quotes(void **state)
{
    (void)state;
    assert_json("name = 'it''s'", "{\"column\":\"name\",\"op\":\"==\",\"value\":\"it's\"}");
    assert_json("name = ''''", "{\"column\":\"name\",\"op\":\"==\",\"value\":\"'\"}");
    assert_json("\"my \"\"own\"\" column\" = 1", "{\"column\":\"my \\\"own\\\" column\",\"op\":\"==\",\"value\":1}");
    assert_json("\"1 = 1\"='x'", "{\"column\":\"1 = 1\",\"op\":\"==\",\"value\":\"x\"}");
    assert_json("e = '\xC3\xA9\\n'", "{\"column\":\"e\",\"op\":\"==\",\"value\":\"\xC3\xA9\\\\n\"}");
    assert_json("e = 'true'", "{\"column\":\"e\",\"op\":\"==\",\"value\":\"true\"}");
    assert_json("e = '5'", "{\"column\":\"e\",\"op\":\"==\",\"value\":\"5\"}");
}

static void test_numbers_as_people_write_them_become_json_numbers(void **state)
{
    (void)state;
    assert_json("a = .5", "{\"column\":\"a\",\"op\":\"==\",\"value\":0.5}");
    assert_json("a = 5.", "{\"column\":\"a\",\"op\":\"==\",\"value\":5.0}");
    assert_json("a = +5", "{\"column\":\"a\",\"op\":\"==\",\"value\":5}");
    assert_json("a = 007", "{\"column\":\"a\",\"op\":\"==\",\"value\":7}");
    assert_json("a = -.5e-3", "{\"column\":\"a\",\"op\":\"==\",\"value\":-0.5e-3}");
    assert_json("a = 1e", "{\"column\":\"a\",\"op\":\"==\",\"value\":\"1e\"}");
    assert_json("a = -", "{\"column\":\"a\",\"op\":\"==\",\"value\":\"-\"}");
    assert_json("a = .", "{\"column\":\"a\",\"op\":\"==\",\"value\":\".\"}");
    assert_json("a = 1.2.3", "{\"column\":\"a\",\"op\":\"==\",\"value\":\"1.2.3\"}");
}

static const struct {
    const char *text, *message; /* the whole message */
} wrong[] = {
    {"", "expected the name of a column\n  \n  ^"},
    {"= 5", "expected the name of a column\n  = 5\n  ^"},
    {"'event' = 5", "expected the name of a column; in double quotes when it is not a plain word\n  'event' = 5\n  ^"},
    {"\"\" = 5", "expected the name of a column between the quotes\n  \"\" = 5\n  ^"},
    {"\"event = 5", "this quote is never closed; expected \"column\"\n  \"event = 5\n  ^"},
    {"event view", "expected an operator: = != > >= < <= contains, not contains\n  event view\n        ^"},
    {"event", "expected an operator: = != > >= < <= contains, not contains\n  event\n       ^"},
    {"event ! 5", "expected an operator: = != > >= < <= contains, not contains\n  event ! 5\n        ^"},
    {"event not in x", "expected contains after not\n  event not in x\n            ^"},
    {"event =", "expected a value: 'text', a number, true, false or one word\n  event =\n         ^"},
    {"event = = 5", "expected a value: 'text', a number, true, false or one word\n  event = = 5\n          ^"},
    {"event = \"view\"",
     "double quotes are for columns; a text stands in single ones: 'text'\n  event = \"view\"\n          ^"},
    {"event = 'view", "this quote is never closed; expected 'text'\n  event = 'view\n          ^"},
    {"event = null", "null is no value to compare with; the text is written 'null'\n  event = null\n          ^"},
    {"event = add to cart",
     "expected nothing more; a text of several words stands in single quotes\n  event = add to cart\n              ^"},
    /* Two columns per character of the first word, one for the accented e. */
    {"\xE4\xBA\x8B\xE4\xBB\xB6 \xC3\xA9 5",
     "expected an operator: = != > >= < <= contains, not contains\n  \xE4\xBA\x8B\xE4\xBB\xB6 \xC3\xA9 5\n       ^"},
    {"a\x1b[31m = 5", "expected an operator: = != > >= < <= contains, not contains\n  a?[31m = 5\n   ^"},
    {"a = \xFF", "expected UTF-8 text\n  a = ?\n      ^"},
    {"a = '\xE2\x80\xA8' b",
     "expected nothing more; a text of several words stands in single quotes\n  a = '?' b\n          ^"},
};

static void test_an_error_has_a_caret_under_the_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct df_error error = {0};
        struct df_buf json = {0};
        assert_fails(df_funnel_filter_text(df_slice_text(wrong[i].text), &json, &error), &error, DF_ERROR_INVALID, "");
        assert_string_equal(error.message, wrong[i].message);
        assert_int_equal(json.size, 0);
        df_buf_dispose(&json);
    }
}

static void test_a_zero_byte_is_refused(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf json = {0};
    assert_fails(df_funnel_filter_text(df_slice_make("a = '\0'", 7), &json, &error), &error, DF_ERROR_INVALID,
                 "a zero byte cannot be part of a filter");
    df_buf_dispose(&json);
}

static void test_a_long_text_is_shown_around_the_caret(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf text = {0}, json = {0};
    for (int i = 0; i < 2000; i++)
        df_buf_put_text(&text, "\xC3\xA9");
    df_buf_put_text(&text, " ? ");
    for (int i = 0; i < 2000; i++)
        df_buf_put_text(&text, "x");
    assert_fails(df_funnel_filter_text(df_buf_slice(&text), &json, &error), &error, DF_ERROR_INVALID,
                 "expected an operator");
    const char *shown = strchr(error.message, '\n') + 1, *caret = strchr(shown, '\n') + 1;
    assert_memory_equal(shown, "  \xE2\x80\xA6\xC3\xA9", 7);
    assert_true(strlen(caret) < 60);
    /* The character above the caret is the '?'. */
    const char *place = shown;
    for (size_t column = 0; column + 1 < strlen(caret); column++)
        do
            place++;
        while ((*place & 0xC0) == 0x80);
    assert_int_equal(*place, '?');
    df_buf_dispose(&text);
    df_buf_dispose(&json);
}

static void test_any_text_gives_json_or_an_error(void **state)
{
    (void)state;
    static const char *const pieces[] = {"event", " ", "=",  "!=", "'",        "\"",          "not ", "contains",
                                         "5",     "-", ".",  "e",  "\xC3\xA9", "\xFF",        "null", "true",
                                         "<",     ">", "\n", "(",  ",",        "\xE2\x80\xA8"};
    uint64_t random = test_seed();
    for (int round = 0; round < 20000; round++) {
        struct df_error error = {0};
        struct df_buf text = {0}, json = {0};
        struct df_arena arena = {0};
        for (uint64_t n = test_random(&random) % 8; n > 0; n--)
            df_buf_put_text(&text, pieces[test_random(&random) % (sizeof pieces / sizeof *pieces)]);
        if (df_funnel_filter_text(df_buf_slice(&text), &json, &error) == 0) {
            struct df_json *tree;
            assert_ok(df_json_parse(df_buf_slice(&json), NULL, &arena, &tree, &error), &error);
            assert_int_equal(tree->child_count, 3);
        } else {
            assert_int_equal(error.kind, DF_ERROR_INVALID);
            assert_non_null(strstr(error.message, "^"));
        }
        df_arena_dispose(&arena);
        df_buf_dispose(&text);
        df_buf_dispose(&json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators_and_values_in_every_spelling),
        cmocka_unit_test(test_quotes_are_doubled_inside_quotes),
        cmocka_unit_test(test_numbers_as_people_write_them_become_json_numbers),
        cmocka_unit_test(test_an_error_has_a_caret_under_the_place),
        cmocka_unit_test(test_a_zero_byte_is_refused),
        cmocka_unit_test(test_a_long_text_is_shown_around_the_caret),
        cmocka_unit_test(test_any_text_gives_json_or_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
