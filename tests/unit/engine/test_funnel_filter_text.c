#include "engine/funnel/filter/spec.h"
#include "engine/funnel/funnel.h"
#include "engine/funnel/language/request.h"
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

static void test_operators_of_words(void **state)
{
    (void)state;
    assert_json("url starts with /a", "{\"column\":\"url\",\"op\":\"starts with\",\"value\":\"/a\"}");
    assert_json("url STARTS\tWITH '/a b'", "{\"column\":\"url\",\"op\":\"starts with\",\"value\":\"/a b\"}");
    assert_json("url ends  with x", "{\"column\":\"url\",\"op\":\"ends with\",\"value\":\"x\"}");
    assert_json("url regex '^/(a|b)\\d+$'", "{\"column\":\"url\",\"op\":\"regex\",\"value\":\"^/(a|b)\\\\d+$\"}");
    assert_json("c in ('DE', 'FR',5,true)", "{\"column\":\"c\",\"op\":\"in\",\"value\":[\"DE\",\"FR\",5,true]}");
    assert_json("c in(DE)", "{\"column\":\"c\",\"op\":\"in\",\"value\":[\"DE\"]}");
    assert_json("c IN ( )", "{\"column\":\"c\",\"op\":\"in\",\"value\":[]}");
    assert_json("c not in (1 , -2)", "{\"column\":\"c\",\"op\":\"not in\",\"value\":[1,-2]}");
    assert_json("c is null", "{\"column\":\"c\",\"op\":\"is null\"}");
    assert_json("c Is Not NULL", "{\"column\":\"c\",\"op\":\"is not null\"}");
    assert_json("tags has x", "{\"column\":\"tags\",\"op\":\"has\",\"value\":\"x\"}");
    assert_json("tags has any ('x', 'y')", "{\"column\":\"tags\",\"op\":\"has any\",\"value\":[\"x\",\"y\"]}");
    assert_json("tags has all(1)", "{\"column\":\"tags\",\"op\":\"has all\",\"value\":[1]}");
    assert_json("tags has any", "{\"column\":\"tags\",\"op\":\"has\",\"value\":\"any\"}");
    assert_json("tags has all and b = 1", "{\"and\":[{\"column\":\"tags\",\"op\":\"has\",\"value\":\"all\"},{"
                                          "\"column\":\"b\",\"op\":\"==\",\"value\":1}]}");
    assert_json("tags empty", "{\"column\":\"tags\",\"op\":\"empty\"}");
    assert_json("tags not empty", "{\"column\":\"tags\",\"op\":\"not empty\"}");
    assert_json("tags split '|' has 'x'", "{\"column\":\"tags\",\"op\":\"has\",\"value\":\"x\",\"delimiter\":\"|\"}");
    assert_json("tags SPLIT ', ' has any (a,b)",
                "{\"column\":\"tags\",\"op\":\"has any\",\"value\":[\"a\",\"b\"],\"delimiter\":\", \"}");
    assert_json("tags split'\"' not empty", "{\"column\":\"tags\",\"op\":\"not empty\",\"delimiter\":\"\\\"\"}");
    assert_json("split split '|' has split",
                "{\"column\":\"split\",\"op\":\"has\",\"value\":\"split\",\"delimiter\":\"|\"}");
}

#define L(column) "{\"column\":\"" column "\",\"op\":\"==\",\"value\":1}"

static void test_not_before_and_before_or(void **state)
{
    (void)state;
    assert_json("a=1 and b=1", "{\"and\":[" L("a") "," L("b") "]}");
    assert_json("a=1 or b=1 and c=1", "{\"or\":[" L("a") ",{\"and\":[" L("b") "," L("c") "]}]}");
    assert_json("a=1 and b=1 or c=1", "{\"or\":[{\"and\":[" L("a") "," L("b") "]}," L("c") "]}");
    assert_json("(a=1 or b=1) and c=1", "{\"and\":[{\"or\":[" L("a") "," L("b") "]}," L("c") "]}");
    assert_json("not a=1 and b=1", "{\"and\":[{\"not\":" L("a") "}," L("b") "]}");
    assert_json("not (a=1 and b=1)", "{\"not\":{\"and\":[" L("a") "," L("b") "]}}");
    assert_json("NOT not(a=1)", "{\"not\":{\"not\":" L("a") "}}");
    assert_json("a=1 AND b=1 And c=1", "{\"and\":[" L("a") "," L("b") "," L("c") "]}");
    assert_json("a=1 or (b=1 or (c=1 or d=1)) or e=1",
                "{\"or\":[" L("a") "," L("b") "," L("c") "," L("d") "," L("e") "]}");
    assert_json("(a=1 and b=1) and (c=1 and d=1)", "{\"and\":[" L("a") "," L("b") "," L("c") "," L("d") "]}");
    assert_json("((((a=1))))", L("a"));
    assert_json("(a=1)and(b=1)or not(c=1)", "{\"or\":[{\"and\":[" L("a") "," L("b") "]},{\"not\":" L("c") "}]}");
    assert_json("not=1 and and=1 or or=1 and android=1",
                "{\"or\":[{\"and\":[" L("not") "," L("and") "]},{\"and\":[" L("or") "," L("android") "]}]}");
    assert_json("not not.a=1 and notes=1", "{\"and\":[{\"not\":" L("not.a") "}," L("notes") "]}");
    assert_json("event = 'view' and (price >= 50 or country in ('DE', 'FR')) and not url contains '/admin'",
                "{\"and\":[{\"column\":\"event\",\"op\":\"==\",\"value\":\"view\"},{\"or\":[{\"column\":\"price\","
                "\"op\":\">=\",\"value\":50},"
                "{\"column\":\"country\",\"op\":\"in\",\"value\":[\"DE\",\"FR\"]}]},{\"not\":{\"column\":\"url\","
                "\"op\":\"contains\","
                "\"value\":\"/admin\"}}]}");
}

#undef L

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

#define OPERATORS                                                                                                      \
    "expected an operator: = != > >= < <= in, contains, starts with, ends with, regex, is null, has, empty, or one "   \
    "of "                                                                                                              \
    "them with not"

static const struct {
    const char *text, *message; /* the whole message */
} wrong[] = {
    {"", "expected the name of a column"
         "\n  \n  ^"},
    {"= 5", "expected the name of a column"
            "\n  = 5\n  ^"},
    {"'event' = 5", "expected the name of a column; in double quotes when it is not a plain word"
                    "\n  'event' = 5\n  ^"},
    {"\"\" = 5", "expected the name of a column between the quotes"
                 "\n  \"\" = 5\n  ^"},
    {"\"event = 5", "this quote is never closed; expected \"column\""
                    "\n  \"event = 5\n  ^"},
    {"event view", OPERATORS "\n  event view\n        ^"},
    {"event", OPERATORS "\n  event\n       ^"},
    {"event ! 5", OPERATORS "\n  event ! 5\n        ^"},
    {"event like 'a%'", OPERATORS "\n  event like 'a%'\n        ^"},
    {"event between 1 and 2", OPERATORS "\n  event between 1 and 2\n        ^"},
    {"event not starts with x", "expected contains, in or empty after not; other operators are negated in front of the "
                                "column: not column starts with 'text'"
                                "\n  event not starts with x\n            ^"},
    {"event not", "expected contains, in or empty after not; other operators are negated in front of the column: not "
                  "column starts with 'text'"
                  "\n  event not\n           ^"},
    {"event is empty", "expected null or not null after is"
                       "\n  event is empty\n           ^"},
    {"event is not 5", "expected null or not null after is"
                       "\n  event is not 5\n           ^"},
    {"event starts 'a'", "expected with after starts"
                         "\n  event starts 'a'\n               ^"},
    {"event ends", "expected with after ends"
                   "\n  event ends\n            ^"},
    {"event =", "expected a value: 'text', a number, true, false or one word"
                "\n  event =\n         ^"},
    {"event = = 5", "expected a value: 'text', a number, true, false or one word"
                    "\n  event = = 5\n          ^"},
    {"event = \"view\"", "double quotes are for columns; a text stands in single ones: 'text'"
                         "\n  event = \"view\"\n          ^"},
    {"event = 'view", "this quote is never closed; expected 'text'"
                      "\n  event = 'view\n          ^"},
    {"event = null", "null is no value to compare with, there is `is null`; the text is written 'null'"
                     "\n  event = null\n          ^"},
    {"event = and price > 5", "expected a value; and, or, not stand in quotes when they are one"
                              "\n  event = and price > 5\n          ^"},
    {"event = ('a', 'b')",
     "expected one value: 'text', a number, true, false or one word; in, not in, has any and has all take a list"
     "\n  event = ('a', 'b')\n          ^"},
    {"event = add to cart", "expected and, or or nothing more; a text of several words stands in single quotes"
                            "\n  event = add to cart\n              ^"},
    {"a = 1 && b = 2", "expected and, or or nothing more; a text of several words stands in single quotes"
                       "\n  a = 1 && b = 2\n        ^"},
    {"a = 1, b = 2", "expected and, or or nothing more; a text of several words stands in single quotes"
                     "\n  a = 1, b = 2\n       ^"},
    {"a = 1)", "this bracket was never opened"
               "\n  a = 1)\n       ^"},
    {"(a = 1", "this bracket is never closed"
               "\n  (a = 1\n  ^"},
    {"a = 1 and (b = 1 or (c = 1)", "this bracket is never closed"
                                    "\n  a = 1 and (b = 1 or (c = 1)\n            ^"},
    {"(a = 1 b = 2)", "expected and, or or ')'; a text of several words stands in single quotes"
                      "\n  (a = 1 b = 2)\n         ^"},
    {"()", "expected the name of a column"
           "\n  ()\n   ^"},
    {"a = 1 and", "expected the name of a column"
                  "\n  a = 1 and\n           ^"},
    {"a = 1 or or b = 1", OPERATORS "\n  a = 1 or or b = 1\n              ^"},
    {"not", "expected the name of a column"
            "\n  not\n     ^"},
    {"c in 'DE'", "expected a list of values in brackets: ('a', 'b')"
                  "\n  c in 'DE'\n       ^"},
    {"c in ('DE' 'FR')", "expected ',' or ')' after a value of the list"
                         "\n  c in ('DE' 'FR')\n             ^"},
    {"c in ('DE', )", "expected a value: 'text', a number, true, false or one word"
                      "\n  c in ('DE', )\n              ^"},
    {"c in ('DE'", "expected ',' or ')': the list is not closed"
                   "\n  c in ('DE'\n            ^"},
    {"c in (null)", "null is no value to compare with, there is `is null`; the text is written 'null'"
                    "\n  c in (null)\n        ^"},
    {"c in ((1))",
     "expected one value: 'text', a number, true, false or one word; in, not in, has any and has all take a list"
     "\n  c in ((1))\n        ^"},
    {"tags split | has x", "expected the text between two values after split, in quotes: split '|'"
                           "\n  tags split | has x\n             ^"},
    {"tags split '' has x", "expected the text between two values, found none"
                            "\n  tags split '' has x\n             ^"},
    {"tags split '|", "this quote is never closed; expected 'text'"
                      "\n  tags split '|\n             ^"},
    {"tags split '|' = 'x'", "expected has, has any, has all, empty or not empty after split"
                             "\n  tags split '|' = 'x'\n                 ^"},
    {"tags split '|' contains 'x'", "expected has, has any, has all, empty or not empty after split"
                                    "\n  tags split '|' contains 'x'\n                 ^"},
    /* Two columns per character of the first word, one for the accented e. */
    {"\xE4\xBA\x8B\xE4\xBB\xB6 \xC3\xA9 5", OPERATORS "\n  \xE4\xBA\x8B\xE4\xBB\xB6 \xC3\xA9 5\n       ^"},
    {"a\x1b[31m = 5", OPERATORS "\n  a?[31m = 5\n   ^"},
    {"a = \xFF", "expected UTF-8 text\n  a = ?\n      ^"},
    {"a = '\xE2\x80\xA8' b",
     "expected and, or or nothing more; a text of several words stands in single quotes\n  a = '?' b\n          ^"},
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

static struct df_buf nested(unsigned levels, const char *open, const char *close)
{
    struct df_buf text = {0};
    for (unsigned i = 0; i < levels; i++)
        df_buf_put_text(&text, open);
    df_buf_put_text(&text, "a = 1");
    for (unsigned i = 0; i < levels; i++)
        df_buf_put_text(&text, close);
    return text;
}

static void test_nesting_has_a_limit(void **state)
{
    (void)state;
    static const struct {
        unsigned levels;
        const char *open, *close, *message; /* NULL: taken */
    } cases[] = {{63, "not ", "", NULL},
                 {64, "not ", "", "filters are nested too deep; expected at most 64 levels"},
                 {200, "(", ")", NULL},
                 {201, "(", ")", "too many brackets and nots within each other"},
                 {30000, "(", "", "too many brackets and nots within each other"},
                 {31, "(b = 1 or c = 1 and ", ")", NULL},
                 {32, "(b = 1 or c = 1 and ", ")", "filters are nested too deep; expected at most 64 levels"},
                 {70000, "a", "", "a filter of 70005 bytes; expected at most 65536"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_error error = {0};
        struct df_buf text = nested(cases[i].levels, cases[i].open, cases[i].close), json = {0};
        if (cases[i].message)
            assert_fails(df_funnel_filter_text(df_buf_slice(&text), &json, &error), &error, DF_ERROR_INVALID,
                         cases[i].message);
        else
            assert_ok(df_funnel_filter_text(df_buf_slice(&text), &json, &error), &error);
        df_buf_dispose(&text);
        df_buf_dispose(&json);
    }
}

/* What comes out is a filter of the language. */
static void assert_is_filter(struct df_slice filter, struct df_slice text)
{
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf json = {0};
    struct df_funnel_request request;
    df_buf_put_text(&json, "{\"dataset\":{\"user\":\"u\",\"time\":\"t\"},\"where\":");
    df_buf_put_slice(&json, filter);
    df_buf_put_text(&json, "}");
    if (df_funnel_request_parse(&request, df_buf_slice(&json), &arena, &error) < 0)
        fail_msg("%.*s -> %.*s: %s", DF_SLICE_ARG(text), DF_SLICE_ARG(filter), error.message);
    df_arena_dispose(&arena);
    df_buf_dispose(&json);
}

static void test_any_text_gives_a_filter_or_an_error(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "event", " ",    "=",     "!=",    "'",       "\"",          "not ",  "contains",     "5",        "-",
        ".",     "e",    "null",  "true",  "<",       "\xC3\xA9",    "\xFF",  "\xE2\x80\xA8", ">",        "\n",
        "(",     ",",    ")",     " and ", " or ",    "a=1",         " in ",  "'x'",          " has ",    "any ",
        "all",   " is ", "empty", "with ", "starts ", " split '|' ", "regex", "a=1 and ",     "b in (1)", "not null"};
    uint64_t random = test_seed();
    unsigned taken = 0;
    for (int round = 0; round < 100000; round++) {
        struct df_error error = {0};
        struct df_buf text = {0}, json = {0};
        for (uint64_t n = test_random(&random) % 10; n > 0; n--)
            df_buf_put_text(&text, pieces[test_random(&random) % (sizeof pieces / sizeof *pieces)]);
        if (df_funnel_filter_text(df_buf_slice(&text), &json, &error) == 0) {
            assert_is_filter(df_buf_slice(&json), df_buf_slice(&text));
            taken++;
        } else {
            assert_int_equal(error.kind, DF_ERROR_INVALID);
            assert_non_null(strstr(error.message, "^"));
            assert_int_equal(json.size, 0);
        }
        df_buf_dispose(&text);
        df_buf_dispose(&json);
    }
    assert_true(taken > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators_and_values_in_every_spelling),
        cmocka_unit_test(test_operators_of_words),
        cmocka_unit_test(test_not_before_and_before_or),
        cmocka_unit_test(test_quotes_are_doubled_inside_quotes),
        cmocka_unit_test(test_numbers_as_people_write_them_become_json_numbers),
        cmocka_unit_test(test_an_error_has_a_caret_under_the_place),
        cmocka_unit_test(test_a_zero_byte_is_refused),
        cmocka_unit_test(test_a_long_text_is_shown_around_the_caret),
        cmocka_unit_test(test_nesting_has_a_limit),
        cmocka_unit_test(test_any_text_gives_a_filter_or_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
