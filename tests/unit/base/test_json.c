#include "testing/testing.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"

struct parsed {
    struct df_arena arena;
    struct df_json *root;
};

static void setup(struct parsed *parsed, const char *text)
{
    struct df_error error = {0};
    parsed->arena = (struct df_arena){0};
    assert_ok(df_json_parse(df_slice_text(text), NULL, &parsed->arena, &parsed->root, &error), &error);
    assert_non_null(parsed->root);
}

static void teardown(struct parsed *parsed)
{
    df_arena_dispose(&parsed->arena);
}

/* The whole message, so that line and column are part of the check. */
static void expect_message(struct df_slice text, const char *message)
{
    struct df_arena arena = {0};
    struct df_json *root = (struct df_json *)&arena;
    struct df_error error = {0};
    if (df_json_parse(text, NULL, &arena, &root, &error) == 0)
        fail_msg("'%.*s' was taken", DF_SLICE_ARG(text));
    if (error.kind != DF_ERROR_INVALID || strcmp(error.message, message) != 0)
        fail_msg("'%.*s': expected '%s', got %s '%s'", DF_SLICE_ARG(text), message, df_error_name(error.kind),
                 error.message);
    assert_null(root);
    df_arena_dispose(&arena);
}

static void test_every_type_is_read(void **state)
{
    (void)state;
    struct parsed p;
    setup(&p,
          " {\"n\":null, \"t\":true, \"f\":false, \"i\":-12, \"d\":1.50e+3, \"s\":\"x\", \"a\":[1,[],{}], \"o\":{}} ");
    assert_int_equal(p.root->type, DF_JSON_OBJECT);
    assert_int_equal(p.root->child_count, 8);
    assert_int_equal(df_json_get(p.root, "n")->type, DF_JSON_NULL);
    assert_true(df_json_get(p.root, "t")->boolean);
    assert_int_equal(df_json_get(p.root, "f")->type, DF_JSON_BOOL);
    assert_false(df_json_get(p.root, "f")->boolean);
    assert_slice_is(df_json_get(p.root, "i")->text, "-12");
    assert_slice_is(df_json_get(p.root, "d")->text, "1.50e+3");
    assert_slice_is(df_json_get(p.root, "s")->text, "x");
    struct df_json *array = df_json_get(p.root, "a");
    assert_int_equal(array->child_count, 3);
    assert_slice_is(array->children->text, "1");
    assert_int_equal(array->children->key.size, 0);
    assert_int_equal(array->children->next->type, DF_JSON_ARRAY);
    assert_int_equal(array->children->next->next->type, DF_JSON_OBJECT);
    assert_null(array->children->next->next->next);
    teardown(&p);
}

static void test_a_single_value_of_any_type_is_a_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"null", "true", " false ", "0", "-1.5E-7", "\"\"", "[]", "\t{}\r\n", "123 "};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct parsed p;
        setup(&p, texts[i]);
        assert_int_equal(p.root->offset, strspn(texts[i], " \t"));
        assert_null(p.root->next);
        teardown(&p);
    }
}

static void test_members_keep_order_and_duplicates_and_the_last_counts(void **state)
{
    (void)state;
    struct parsed p;
    setup(&p, "{\"b\":1,\"a\":2,\"b\":3}");
    assert_int_equal(p.root->child_count, 3);
    assert_slice_is(p.root->children->key, "b");
    assert_slice_is(p.root->children->next->key, "a");
    assert_slice_is(p.root->children->next->next->key, "b");
    assert_slice_is(df_json_get(p.root, "b")->text, "3");
    assert_null(df_json_get(p.root, "c"));
    assert_null(df_json_get(NULL, "c"));
    assert_null(df_json_get(df_json_get(p.root, "a"), "c"));
    teardown(&p);
}

static void check_offset(const char *text, const struct df_json *node)
{
    static const char first[] = {
        [DF_JSON_NULL] = 'n', [DF_JSON_STRING] = '"', [DF_JSON_ARRAY] = '[', [DF_JSON_OBJECT] = '{'};
    char c = text[node->offset];
    if (node->type == DF_JSON_BOOL)
        assert_int_equal(c, node->boolean ? 't' : 'f');
    else if (node->type == DF_JSON_NUMBER)
        assert_memory_equal(text + node->offset, node->text.data, node->text.size);
    else
        assert_int_equal(c, first[node->type]);
    for (const struct df_json *child = node->children; child; child = child->next)
        check_offset(text, child);
}

static void test_the_offset_of_a_value_is_that_of_its_first_byte(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[ 1 ,2,-3.5e1 ,true , false,null ,\"a\",\t\"b\\\"\\\\\" , \"\\u00e9\" ]",
        "{\"a,:\" : 1 ,\"\\\"b\" :\n[ {\"c\":[]} , \",:[{\" ,{ } ] , \"d\":null}",
        "\n\n  \"one string \\n\"  ",
        " 12345",
        " 12345 \n",
        "[[[[]]],[[[1]]]]",
        "{\"\":{\"\":{\"\":\"\"}}}",
        "[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\", 1]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct parsed p;
        setup(&p, texts[i]);
        check_offset(texts[i], p.root);
        teardown(&p);
    }
}

static void test_offsets_are_exact(void **state)
{
    (void)state;
    struct parsed p;
    setup(&p, "{ \"ab\" : [ 17 , \"x\" ] , \"c\" : true }");
    struct df_json *array = p.root->children;
    assert_int_equal(p.root->offset, 0);
    assert_int_equal(array->offset, 9);
    assert_int_equal(array->children->offset, 11);
    assert_int_equal(array->children->next->offset, 16);
    assert_int_equal(array->next->offset, 30);
    teardown(&p);
}

static void test_escapes_are_resolved(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *content;
        size_t size;
    } cases[] = {
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
        {"\"a\\u0000b\"", "a\0b", 3},
        {"\"\\u00e9\\u00E9\\u20ac\"", "\xc3\xa9\xc3\xa9\xe2\x82\xac", 7},
        {"\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!", 5},
        {"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf", 4},
        /* half characters */
        {"\"\\ud800\"", "?", 1},
        {"\"\\udc00\"", "?", 1},
        {"\"\\ud800x\"", "?x", 2},
        {"\"\\ud800\\u0041\"", "?A", 2},
        {"\"\\ud800\\n\"", "?\n", 2},
        {"\"\\udc00\\ud800\"", "??", 2},
        {"\"\\ud800\\ud800\\udc00\"", "?\xf0\x90\x80\x80", 5},
        /* raw text stays */
        {"\"\xc3\xa9\x7f\"", "\xc3\xa9\x7f", 3},
        {"\"\"", "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parsed p;
        setup(&p, cases[i].json);
        if (!df_slice_equal(p.root->text, df_slice_make(cases[i].content, cases[i].size)))
            fail_msg("%s gave '%.*s'", cases[i].json, DF_SLICE_ARG(p.root->text));
        teardown(&p);
    }
    struct parsed p;
    setup(&p, "{\"\\u006bey\\n\":1}");
    assert_slice_is(p.root->children->key, "key\n");
    teardown(&p);
}

static void test_the_tree_does_not_point_into_the_text(void **state)
{
    (void)state;
    char text[] = "{\"key\":[\"value\",123]}";
    struct parsed p;
    setup(&p, text);
    memset(text, 'x', sizeof text);
    assert_slice_is(p.root->children->key, "key");
    assert_slice_is(p.root->children->children->text, "value");
    assert_slice_is(p.root->children->children->next->text, "123");
    teardown(&p);
}

static void test_errors_say_where_and_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "line 1, column 1: the text is empty; expected a JSON value"},
        {" \n ", "line 2, column 2: unexpected end of the text"},
        {"[1,\n2", "line 2, column 2: unexpected end of the text: the array of line 1, column 1 is not closed"},
        {"{\"a\":\n {\"b\"",
         "line 2, column 6: unexpected end of the text: the object of line 2, column 2 is not closed"},
        {"\"abc", "line 1, column 5: unexpected end of the text"},
        {"\"abc\\", "line 1, column 6: unexpected end of the text"},
        {"tru", "line 1, column 4: unexpected end of the text"},
        {"1.", "line 1, column 3: unexpected end of the text"},
        {"-", "line 1, column 2: unexpected end of the text"},
        {"[1] x", "line 1, column 5: there is text after the end of the value"},
        {"1 2", "line 1, column 3: there is text after the end of the value"},
        {"01", "line 1, column 2: there is text after the end of the value"},
        {"{} {}", "line 1, column 4: there is text after the end of the value"},
        {"4\"", "line 1, column 2: there is text after the end of the value"},
        {"[] \"x", "line 1, column 4: there is text after the end of the value"},
        {"nullx", "line 1, column 5: there is text after the end of the value"},
        {"[1,,2]", "line 1, column 4: expected a value, found ','"},
        {"[1,]", "line 1, column 4: expected a value, found ']'"},
        {"]", "line 1, column 1: expected a value, found ']'"},
        {"[1 2]", "line 1, column 4: expected ',' or ']' after an element of the array, found a number"},
        {"[1\n,\n\"a\" \"b\"]", "line 3, column 5: expected ',' or ']' after an element of the array, found a string"},
        {"[1}", "line 1, column 3: expected ',' or ']' after an element of the array, found '}'"},
        {"[01]", "line 1, column 3: expected ',' or ']' after an element of the array, found a number"},
        {"{\"a\" 1}", "line 1, column 6: expected ':' after the name of a member, found a number"},
        {"{\"a\":1 \"b\":2}", "line 1, column 8: expected ',' or '}' after a member of the object, found a string"},
        {"{1:2}", "line 1, column 2: expected the name of a member, in double quotes, found a number"},
        {"{\"a\":1,}", "line 1, column 8: expected the name of a member, in double quotes, found '}'"},
        {"{a:1}", "line 1, column 2: expected JSON, found 'a'"},
        {"['a']", "line 1, column 2: expected JSON, found '''"},
        {"[NaN]", "line 1, column 2: expected JSON, found 'N'"},
        {"[.5]", "line 1, column 2: expected JSON, found '.'"},
        {"[+1]", "line 1, column 2: expected JSON, found '+'"},
        {"[1, trve]", "line 1, column 5: expected true, false or null"},
        {"[-x]", "line 1, column 3: expected a digit after the minus sign, found 'x'"},
        {"[1.]", "line 1, column 4: expected a digit after the decimal point, found ']'"},
        {"[1e+]", "line 1, column 5: expected a digit in the exponent, found ']'"},
        {"[\"\\q\"]", "line 1, column 4: a backslash in a string stands before one of \"\\/bfnrtu only, found 'q'"},
        {"[\"\\u00g0\"]", "line 1, column 7: expected four hexadecimal digits after \\u, found 'g'"},
        {"[\"a\nb\"]", "line 1, column 4: control characters (a line break, for example) are escaped in strings, found "
                       "byte 0x0a"},
        {"// no\n1", "line 1, column 1: there are no comments in JSON"},
        {"[1, /* no */ 2]", "line 1, column 5: there are no comments in JSON"},
        {"\v1", "line 1, column 1: byte 0x0b is no white space in JSON"},
        {"[\f1]", "line 1, column 2: byte 0x0c is no white space in JSON"},
        {"[1]\v", "line 1, column 4: byte 0x0b is no white space in JSON"},
        {"1\f", "line 1, column 2: byte 0x0c is no white space in JSON"},
        {"{\"a\"\v:1}", "line 1, column 5: byte 0x0b is no white space in JSON"},
        {"[1\f,2]", "line 1, column 3: byte 0x0c is no white space in JSON"},
        {"[1\f]", "line 1, column 3: byte 0x0c is no white space in JSON"},
        {"\xef\xbb\xbf[1]", "line 1, column 1: the text begins with a byte order mark; save it without"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_message(df_slice_text(cases[i].text), cases[i].message);
    expect_message(df_slice_make("[1\0]", 4), "line 1, column 3: expected JSON, found byte 0x00");
    expect_message(df_slice_make(NULL, 0), "line 1, column 1: the text is empty; expected a JSON value");
}

static void test_text_that_is_not_utf8_is_refused_at_its_byte(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\xff",
        "\x80",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc3",
        "\xe0\x80\x80",
        "\xe2\x82",
        "\xed\xa0\x80",
        "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf0\x9f\x98",
        "\xe2\x28\xa1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[64], message[128];
        for (unsigned before = 0; before < 12; before++) {
            snprintf(text, sizeof text, "\"%.*s%s\"", (int)before, "abcdefghijklmnop", bad[i]);
            snprintf(message, sizeof message, "line 1, column %u: the text is not UTF-8 (byte 0x%02x)", before + 2,
                     (unsigned char)bad[i][0]);
            expect_message(df_slice_text(text), message);
        }
    }
    static const char *const good[] = {"\x7f",         "\xc2\x80",         "\xdf\xbf",
                                       "\xe0\xa0\x80", "\xed\x9f\xbf",     "\xee\x80\x80",
                                       "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char text[16];
        struct parsed p;
        snprintf(text, sizeof text, "\"%s\"", good[i]);
        setup(&p, text);
        assert_slice_is(p.root->text, good[i]);
        teardown(&p);
    }
}

static void test_a_text_cut_at_any_byte_is_an_error_with_a_place(void **state)
{
    (void)state;
    static const char text[] = "{\"a\\u00e9\": [1, -2.5e10, \"\xc3\xa9\\n\", true, null, {\"b\": {}}], \"c\": false}";
    for (size_t size = 0; size < sizeof text - 1; size++) {
        struct df_arena arena = {0};
        struct df_json *root;
        struct df_error error = {0};
        char *copy = malloc(size + 1); /* exactly as long as it says, for the sanitizer */
        memcpy(copy, text, size);
        assert_fails(df_json_parse(df_slice_make(copy, size), NULL, &arena, &root, &error), &error, DF_ERROR_INVALID,
                     "line 1, column ");
        assert_null(root);
        free(copy);
        df_arena_dispose(&arena);
    }
}

static void parse_repeated(char c, size_t count, const struct df_json_limits *limits, struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_json *root;
    char *text = malloc(count);
    assert_non_null(text);
    memset(text, c, count);
    df_error_clear(error);
    assert_int_equal(df_json_parse(df_slice_make(text, count), limits, &arena, &root, error), -1);
    assert_null(root);
    assert_true(arena.total_bytes < 1024 * 1024);
    free(text);
    df_arena_dispose(&arena);
}

static void test_fifty_million_brackets_end_at_the_limit_of_depth(void **state)
{
    (void)state;
    struct df_error error;
    parse_repeated('[', 50 * 1000 * 1000, NULL, &error);
    assert_int_equal(error.kind, DF_ERROR_INVALID);
    assert_string_equal(error.message, "line 1, column 513: arrays and objects are nested deeper than 512");
}

static char *nested(size_t depth)
{
    char *text = malloc(depth * 6 + 3);
    char *at = text;
    for (size_t i = 0; i < depth; i++)
        at += sprintf(at, "%s", i % 2 ? "[" : "{\"\":");
    at += sprintf(at, "{}");
    for (size_t i = depth; i-- > 0;)
        at += sprintf(at, "%s", i % 2 ? "]" : "}");
    return text;
}

static void test_the_limit_of_depth_counts_containers(void **state)
{
    (void)state;
    struct df_json_limits limits = df_json_default_limits;
    for (unsigned depth = 1; depth < 40; depth++) {
        char *text = nested(depth - 1); /* and the innermost object */
        struct df_arena arena = {0};
        struct df_json *root;
        struct df_error error = {0};
        limits.depth = depth;
        assert_ok(df_json_parse(df_slice_text(text), &limits, &arena, &root, &error), &error);
        limits.depth = depth - 1;
        assert_fails(df_json_parse(df_slice_text(text), &limits, &arena, &root, &error), &error, DF_ERROR_INVALID,
                     "nested deeper than");
        df_arena_dispose(&arena);
        free(text);
    }
    struct df_arena arena = {0};
    struct df_json *root;
    struct df_error error = {0};
    limits.depth = 0; /* a scalar has none */
    assert_ok(df_json_parse(df_slice_text("1"), &limits, &arena, &root, &error), &error);
    df_arena_dispose(&arena);
}

static void test_limits_of_size_and_number_of_values_hold(void **state)
{
    (void)state;
    struct df_json_limits limits = {.text_bytes = 10, .depth = 5, .nodes = 3};
    struct df_arena arena = {0};
    struct df_json *root;
    struct df_error error = {0};
    assert_ok(df_json_parse(df_slice_text("[1,    2 ]"), &limits, &arena, &root, &error), &error);
    assert_fails(df_json_parse(df_slice_text("[1,     2 ]"), &limits, &arena, &root, &error), &error,
                 DF_ERROR_TOO_LARGE, "11 bytes; at most 10");
    assert_fails(df_json_parse(df_slice_text("[1,2,3]"), &limits, &arena, &root, &error), &error, DF_ERROR_TOO_LARGE,
                 "more than 3 values");
    assert_null(root);
    df_arena_dispose(&arena);
}

static void expect_numbers(const char *literal, bool integer, const char *as_int64, const char *as_uint64)
{
    struct parsed p;
    setup(&p, literal);
    char text[32];
    int64_t i64 = 77;
    uint64_t u64 = 77;
    assert_int_equal(df_json_is_integer(p.root), integer);
    assert_int_equal(df_json_int64(p.root, &i64), as_int64 != NULL);
    snprintf(text, sizeof text, "%lld", (long long)i64);
    assert_string_equal(text, as_int64 ? as_int64 : "77");
    assert_int_equal(df_json_uint64(p.root, &u64), as_uint64 != NULL);
    snprintf(text, sizeof text, "%llu", (unsigned long long)u64);
    assert_string_equal(text, as_uint64 ? as_uint64 : "77");
    teardown(&p);
}

static void test_integers_keep_all_their_digits(void **state)
{
    (void)state;
    expect_numbers("0", true, "0", "0");
    expect_numbers("-0", true, "0", "0");
    expect_numbers("-1", true, "-1", NULL);
    expect_numbers("9223372036854775807", true, "9223372036854775807", "9223372036854775807");
    expect_numbers("9223372036854775808", true, NULL, "9223372036854775808");
    expect_numbers("-9223372036854775808", true, "-9223372036854775808", NULL);
    expect_numbers("-9223372036854775809", true, NULL, NULL);
    expect_numbers("18446744073709551615", true, NULL, "18446744073709551615");
    expect_numbers("18446744073709551616", true, NULL, NULL);
    expect_numbers("1180591620717411303424", true, NULL, NULL); /* 2^70 */
    expect_numbers("1.0", false, NULL, NULL);
    expect_numbers("1e2", false, NULL, NULL);
    expect_numbers("1E2", false, NULL, NULL);
    struct parsed p;
    setup(&p, "1180591620717411303424");
    assert_slice_is(p.root->text, "1180591620717411303424");
    teardown(&p);
}

static void test_doubles_are_the_nearest_and_never_beyond_the_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"0.1", 0.1},
        {"1e308", 1e308},
        {"-2.5", -2.5},
        {"4.9406564584124654e-324", 0x1p-1074},
        {"1e-400", 0.0},
        {"9007199254740993", 9007199254740992.0},
        {"1.7976931348623157e308", 0x1.fffffffffffffp1023},
        {"0.1000000000000000055511151231257827021181583404541015625000000000000000000000000000000000000000000000001",
         0.1},
    };
    struct parsed p;
    double value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        setup(&p, good[i].text);
        assert_true(df_json_double(p.root, &value));
        assert_true(value == good[i].value);
        teardown(&p);
    }
    static const char *const bad[] = {"1e309", "-1e309", "1e99999999999", "\"1\"", "null", "[1]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setup(&p, bad[i]);
        assert_false(df_json_double(p.root, &value));
        teardown(&p);
    }
    assert_false(df_json_double(NULL, &value));
}

static void test_types_are_named_as_a_message_wants_them(void **state)
{
    (void)state;
    assert_string_equal(df_json_type_name(DF_JSON_NULL), "null");
    assert_string_equal(df_json_type_name(DF_JSON_BOOL), "a boolean");
    assert_string_equal(df_json_type_name(DF_JSON_NUMBER), "a number");
    assert_string_equal(df_json_type_name(DF_JSON_STRING), "a string");
    assert_string_equal(df_json_type_name(DF_JSON_ARRAY), "an array");
    assert_string_equal(df_json_type_name(DF_JSON_OBJECT), "an object");
}

static void test_lines_and_columns_count_from_one(void **state)
{
    (void)state;
    struct df_slice text = df_slice_text("ab\n\ncd");
    static const unsigned expected[][2] = {{1, 1}, {1, 2}, {1, 3}, {2, 1}, {3, 1}, {3, 2}, {3, 3}, {3, 3}};
    for (size_t offset = 0; offset < 8; offset++) {
        unsigned line, column;
        df_json_position(text, offset, &line, &column);
        assert_int_equal(line, expected[offset][0]);
        assert_int_equal(column, expected[offset][1]);
    }
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMITED_MEMORY_IS_TESTED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LIMITED_MEMORY_IS_TESTED 0
#endif
#endif
#ifndef LIMITED_MEMORY_IS_TESTED
#define LIMITED_MEMORY_IS_TESTED 1
#endif

/* Parses in a child that may take only so much memory; its exit status is the kind of the error. */
static int parse_with_memory(struct df_slice text, size_t bytes_more)
{
    pid_t child = fork();
    if (child == 0) {
        struct df_arena arena = {0};
        struct df_json *root;
        struct df_error error = {0};
        size_t pages = 0;
        FILE *file = fopen("/proc/self/statm", "r");
        if (!file || fscanf(file, "%zu", &pages) != 1)
            _exit(99);
        fclose(file);
        rlim_t limit = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGE_SIZE) + bytes_more;
        if (setrlimit(RLIMIT_AS, &(struct rlimit){limit, limit}) != 0)
            _exit(99);
        df_json_parse(text, NULL, &arena, &root, &error);
        _exit((int)error.kind);
    }
    int status = 0;
    assert_true(waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status))
        fail_msg("the child ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static void test_short_memory_is_an_error_wherever_it_strikes(void **state)
{
    (void)state;
    if (!LIMITED_MEMORY_IS_TESTED)
        skip();
    enum { SIZE = 40 * 1000 * 1000 };
    char *text = malloc(SIZE);
    /* yajl itself wants memory for a string with an escape; the tree for many values. */
    memset(text, 'x', SIZE);
    text[0] = text[SIZE - 1] = '"';
    memcpy(text + SIZE / 2, "\\n", 2);
    assert_int_equal(parse_with_memory(df_slice_make(text, SIZE), 4 << 20), DF_ERROR_EXHAUSTED);
    assert_int_equal(parse_with_memory(df_slice_make(text, SIZE), SIZE + (4 << 20)), DF_ERROR_EXHAUSTED);
    assert_int_equal(parse_with_memory(df_slice_make(text, SIZE), SIZE * 4), DF_ERROR_NONE);
    for (size_t i = 1; i + 1 < SIZE; i++)
        text[i] = i % 2 ? '1' : ',';
    text[0] = '[';
    text[SIZE - 1] = ']';
    text[SIZE - 2] = '1';
    text[SIZE - 3] = ' ';
    assert_int_equal(parse_with_memory(df_slice_make(text, 2 * 1000 * 1000 + 1), 8 << 20), DF_ERROR_EXHAUSTED);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_is_read),
        cmocka_unit_test(test_a_single_value_of_any_type_is_a_text),
        cmocka_unit_test(test_members_keep_order_and_duplicates_and_the_last_counts),
        cmocka_unit_test(test_the_offset_of_a_value_is_that_of_its_first_byte),
        cmocka_unit_test(test_offsets_are_exact),
        cmocka_unit_test(test_escapes_are_resolved),
        cmocka_unit_test(test_the_tree_does_not_point_into_the_text),
        cmocka_unit_test(test_errors_say_where_and_what_was_expected),
        cmocka_unit_test(test_text_that_is_not_utf8_is_refused_at_its_byte),
        cmocka_unit_test(test_a_text_cut_at_any_byte_is_an_error_with_a_place),
        cmocka_unit_test(test_fifty_million_brackets_end_at_the_limit_of_depth),
        cmocka_unit_test(test_the_limit_of_depth_counts_containers),
        cmocka_unit_test(test_limits_of_size_and_number_of_values_hold),
        cmocka_unit_test(test_integers_keep_all_their_digits),
        cmocka_unit_test(test_doubles_are_the_nearest_and_never_beyond_the_range),
        cmocka_unit_test(test_types_are_named_as_a_message_wants_them),
        cmocka_unit_test(test_lines_and_columns_count_from_one),
        cmocka_unit_test(test_short_memory_is_an_error_wherever_it_strikes),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
