#include "testing/testing.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_write.h"

static void write_everything(struct df_json_writer *json)
{
    df_json_begin_object(json);
    df_json_key(json, "text");
    df_json_text(json, "a\"b");
    df_json_key(json, "list");
    df_json_begin_array(json);
    df_json_int(json, INT64_MIN);
    df_json_uint(json, UINT64_MAX);
    df_json_number(json, 0.5);
    df_json_begin_object(json);
    df_json_end_object(json);
    df_json_begin_array(json);
    df_json_end_array(json);
    df_json_begin_object(json);
    df_json_key_slice(json, df_slice_make("kx", 1));
    df_json_boolean(json, false);
    df_json_end_object(json);
    df_json_end_array(json);
    df_json_key(json, "raw");
    df_json_raw(json, df_slice_text("[1, 2]"));
    df_json_key(json, "t");
    df_json_boolean(json, true);
    df_json_key(json, "n");
    df_json_null(json);
    df_json_key(json, "none");
    df_json_text(json, NULL);
    df_json_end_object(json);
}

static void test_compact_text_has_no_blanks(void **state)
{
    (void)state;
    struct df_buf out = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &out, DF_JSON_COMPACT);
    write_everything(&json);
    assert_string_equal(df_buf_text(&out),
                        "{\"text\":\"a\\\"b\",\"list\":[-9223372036854775808,18446744073709551615,0.5,"
                        "{},[],{\"k\":false}],\"raw\":[1, 2],\"t\":true,\"n\":null,\"none\":null}");
    df_buf_dispose(&out);
}

static void test_pretty_text_has_one_member_per_line(void **state)
{
    (void)state;
    struct df_buf out = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &out, DF_JSON_PRETTY);
    write_everything(&json);
    assert_string_equal(df_buf_text(&out), "{\n"
                                           "  \"text\": \"a\\\"b\",\n"
                                           "  \"list\": [\n"
                                           "    -9223372036854775808,\n"
                                           "    18446744073709551615,\n"
                                           "    0.5,\n"
                                           "    {},\n"
                                           "    [],\n"
                                           "    {\n"
                                           "      \"k\": false\n"
                                           "    }\n"
                                           "  ],\n"
                                           "  \"raw\": [1, 2],\n"
                                           "  \"t\": true,\n"
                                           "  \"n\": null,\n"
                                           "  \"none\": null\n"
                                           "}");
    df_buf_dispose(&out);
}

static void test_empty_containers_and_scalars_stand_alone(void **state)
{
    (void)state;
    for (int style = 0; style < 2; style++) {
        struct df_buf out = {0};
        struct df_json_writer json;
        df_json_writer_init(&json, &out, style ? DF_JSON_PRETTY : DF_JSON_COMPACT);
        df_json_begin_object(&json);
        df_json_end_object(&json);
        df_buf_put_char(&out, '\n');
        df_json_begin_array(&json);
        df_json_end_array(&json);
        df_buf_put_char(&out, '\n');
        df_json_text(&json, "");
        assert_string_equal(df_buf_text(&out), "{}\n[]\n\"\"");
        df_buf_dispose(&out);
    }
}

static void check_string(struct df_slice text, bool ascii, const char *expected)
{
    struct df_buf out = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &out, DF_JSON_COMPACT);
    json.ascii = ascii;
    df_json_string(&json, text);
    assert_string_equal(df_buf_text(&out), expected);
    df_buf_dispose(&out);
}

static void test_strings_escape_what_must_be_and_nothing_else(void **state)
{
    (void)state;
    check_string(df_slice_make("\"\\/\b\f\n\r\t", 8), false, "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    check_string(df_slice_make("\0\x01\x1f\x7f", 4), false, "\"\\u0000\\u0001\\u001f\x7f\"");
    check_string(df_slice_text("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), false,
                 "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    check_string(df_slice_text("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), true, "\"\\u00e9\\u20ac\\ud83d\\ude00\"");
    check_string(df_slice_text("\xef\xbf\xbd\xef\xbf\xbf"), false, "\"\xef\xbf\xbd\xef\xbf\xbf\"");
    check_string(df_slice_make(NULL, 0), false, "\"\"");
}

#define REPLACED "\xef\xbf\xbd"

static void test_bytes_that_are_no_utf8_become_the_replacement_character(void **state)
{
    (void)state;
    check_string(df_slice_text("a\xff"
                               "b"),
                 false, "\"a" REPLACED "b\"");
    check_string(df_slice_text("\x80\x80"), false, "\"" REPLACED REPLACED "\"");
    check_string(df_slice_text("\xc0\x80"), false, "\"" REPLACED REPLACED "\"");
    check_string(df_slice_text("\xed\xa0\x80"), false, "\"" REPLACED REPLACED REPLACED "\""); /* a surrogate */
    check_string(df_slice_text("\xf0\x9f\x98"), false, "\"" REPLACED "\"");                   /* cut: one character */
    check_string(df_slice_text("\xe2\x82x"), false, "\"" REPLACED "x\"");
    check_string(df_slice_text("\xf4\x90\x80\x80"), false, "\"" REPLACED REPLACED REPLACED REPLACED "\"");
    check_string(df_slice_text("\xc3"), false, "\"" REPLACED "\"");
    check_string(df_slice_text("\xff"), true, "\"\\ufffd\"");
}

static void test_whatever_bytes_a_string_has_the_text_can_be_read(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (int round = 0; round < 5000; round++) {
        uint8_t bytes[24];
        size_t size = test_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < size; i++) { /* mostly pieces of longer characters */
            static const uint8_t leads[] = {0xc3, 0xe2, 0xed, 0xf0, 0xf4, 0x9f, 0x80, 0xbf};
            uint64_t r = test_random(&seed);
            bytes[i] = r % 3 ? leads[r / 3 % sizeof leads] : (uint8_t)(r >> 32);
        }
        struct df_buf out = {0};
        struct df_json_writer json;
        struct df_arena arena = {0};
        struct df_json *tree;
        struct df_error error;
        df_json_writer_init(&json, &out, DF_JSON_COMPACT);
        json.ascii = round % 2;
        df_json_string(&json, df_slice_make(bytes, size));
        assert_ok(df_json_parse(df_buf_slice(&out), NULL, &arena, &tree, &error), &error);
        df_arena_dispose(&arena);
        df_buf_dispose(&out);
    }
}

/* What Python's repr() gives. */
static const struct {
    double value;
    const char *text;
} doubles[] = {
    {0.0, "0.0"},
    {-0.0, "-0.0"},
    {0x1.0000000000000p+0, "1.0"},
    {0x1.999999999999ap-4, "0.1"},
    {0x1.1c37937e08000p+53, "1e+16"},
    {0x1.c6bf526340000p+49, "1000000000000000.0"},
    {0x1.1c37937e07fffp+53, "9999999999999998.0"},
    {0x1.4f8b588e368f1p-17, "1e-05"},
    {0x1.a36e2eb1c432dp-14, "0.0001"},
    {0x1.02e4b6ce5dc68p-13, "0.00012345"},
    {0x1.4d17b7b1da000p+40, "1430622024154.0"},
    {-0x1.4000000000000p+1, "-2.5"},
    {0x1.5555555555555p-2, "0.3333333333333333"},
    {0x1.5555555555555p-1, "0.6666666666666666"},
    {0x1.3333333333333p-2, "0.3"},
    {0x1.3333333333334p-2, "0.30000000000000004"},
    {0x1.0f0cf064dd592p+73, "1e+22"},
    {0x1.52d02c7e14af6p+76, "1e+23"},
    {0x1.b69b4ba630f35p+56, "1.2345678901234568e+17"},
    {0x1.0000000000000p+53, "9007199254740992.0"},
    {0x1.0000000000000p+53, "9007199254740992.0"},
    {0x1.0000000000001p+53, "9007199254740994.0"},
    {0x0.0000000000001p-1022, "5e-324"},
    {0x0.0000000000002p-1022, "1e-323"},
    {0x1.0000000000000p-1022, "2.2250738585072014e-308"},
    {0x0.fffffffffffffp-1022, "2.225073858507201e-308"},
    {0x1.fffffffffffffp+1023, "1.7976931348623157e+308"},
    {0x1.99999a0000000p-4, "0.10000000149011612"},
    {0x1.9000000000000p+6, "100.0"},
    {0x1.249ad2594c37dp+332, "1e+100"},
    {0x1.1eb2d66005835p+997, "1.5e+300"},
    {-0x1.ad7f29abcaf48p-24, "-1e-07"},
    {0x1.1666666666666p+2, "4.35"},
    {0x1.1eb851eb851ecp-4, "0.07"},
    {0x1.b1ae4d6e2ef50p+69, "1e+21"},
    {0x1.921fb54442d18p+1, "3.141592653589793"},
    {0x1.5bf0a8b145769p+1, "2.718281828459045"},
    {0x1.0000000000000p-1017, "7.120236347223045e-307"},
    {0x1.0000000000000p-1007, "7.291122019556398e-304"},
    {0x1.0000000000000p-957, "8.209073602596753e-289"},
    {0x1.0000000000000p-921, "5.641232424577593e-278"},
    {0x1.0000000000000p-808, "5.858190679279809e-244"},
    {0x1.0000000000000p-44, "5.684341886080802e-14"},
    {0x1.0000000000000p-1022, "2.2250738585072014e-308"},
    {0x0.0000000000001p-1022, "5e-324"},
    {0x1.0000000000000p+1023, "8.98846567431158e+307"},
    {0x1.0000000000000p+60, "1.152921504606847e+18"},
    {0x1.0000000000000p+89, "6.189700196426902e+26"},
};

static void expect_double(double value, const char *text)
{
    struct df_buf out = {0};
    df_buf_put_double(&out, value);
    if (strcmp(df_buf_text(&out), text) != 0)
        fail_msg("%a: expected %s, got %s", value, text, df_buf_text(&out));
    df_buf_dispose(&out);
}

static void test_doubles_are_written_as_python_writes_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        expect_double(doubles[i].value, doubles[i].text);
}

static size_t count_digits(const char *text)
{
    size_t count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && count == 0))
            continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        count++;
    }
    return count - zeros;
}

static void check_shortest(double value)
{
    struct df_buf out = {0};
    char shorter[40];
    df_buf_put_double(&out, value);
    const char *text = df_buf_text(&out);
    assert_memory_equal(&(double){strtod(text, NULL)}, &value, sizeof value);
    size_t digits = count_digits(text);
    assert_true(digits <= 17);
    if (digits > 1) {
        snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, value);
        if (strtod(shorter, NULL) == value)
            fail_msg("%s is not the shortest: %s", text, shorter);
    }
    df_buf_dispose(&out);
}

static void test_random_doubles_read_back_and_are_shortest(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (int round = 0; round < 100000; round++) {
        uint64_t bits = test_random(&seed);
        double value;
        if (round % 4 == 1)
            bits &= UINT64_C(0x800fffffffffffff); /* subnormal */
        if (round % 4 == 2)
            bits &= ~UINT64_C(0) << (test_random(&seed) % 53); /* few bits */
        memcpy(&value, &bits, sizeof value);
        if (round % 4 == 3)
            value = (double)(int64_t)(bits >> (test_random(&seed) % 50)) / 100; /* prices */
        if (isfinite(value))
            check_shortest(value);
    }
    for (int exponent = -1074; exponent < 1024; exponent++) {
        double power = ldexp(1, exponent);
        check_shortest(power);
        check_shortest(nextafter(power, 0));
        if (exponent < 1023)
            check_shortest(nextafter(power, INFINITY));
    }
}

static void test_what_json_cannot_say_becomes_null(void **state)
{
    (void)state;
    struct df_buf out = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &out, DF_JSON_COMPACT);
    df_json_begin_array(&json);
    df_json_number(&json, NAN);
    df_json_number(&json, INFINITY);
    df_json_number(&json, -INFINITY);
    df_json_number(&json, -0.0);
    df_json_end_array(&json);
    assert_string_equal(df_buf_text(&out), "[null,null,null,-0.0]");
    df_buf_dispose(&out);
}

static void expect_rewritten(const char *text, enum df_json_style style, const char *expected)
{
    struct df_arena arena = {0};
    struct df_json *tree;
    struct df_error error;
    struct df_buf out = {0};
    struct df_json_writer json;
    assert_ok(df_json_parse(df_slice_text(text), NULL, &arena, &tree, &error), &error);
    df_json_writer_init(&json, &out, style);
    df_json_write_tree(&json, tree);
    assert_string_equal(df_buf_text(&out), expected);
    df_arena_dispose(&arena);
    df_buf_dispose(&out);
}

static void test_a_tree_is_written_as_it_was_read(void **state)
{
    (void)state;
    const char *text = "{\"b\":1e400,\"a\":[{\"x\":[[],{}]},1.50,-0],\"b\":null,\"\":\"\\u0000\",\"t\":[true,false]}";
    expect_rewritten(text, DF_JSON_COMPACT, text);
    expect_rewritten("[1,{\"a\":[],\"b\":[2]},{}]", DF_JSON_PRETTY,
                     "[\n  1,\n  {\n    \"a\": [],\n    \"b\": [\n      2\n    ]\n  },\n  {}\n]");
    expect_rewritten("7", DF_JSON_PRETTY, "7");
    expect_rewritten("[[[[]]]]", DF_JSON_COMPACT, "[[[[]]]]");
}

static void test_a_part_of_a_tree_leaves_its_siblings_out(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct df_json *tree;
    struct df_error error;
    struct df_buf out = {0};
    struct df_json_writer json;
    assert_ok(df_json_parse(df_slice_text("{\"a\":[1,2],\"b\":3,\"c\":4}"), NULL, &arena, &tree, &error), &error);
    df_json_writer_init(&json, &out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    df_json_key(&json, "x");
    df_json_write_tree(&json, df_json_get(tree, "a"));
    df_json_key(&json, "y");
    df_json_write_tree(&json, df_json_get(tree, "b"));
    df_json_end_object(&json);
    assert_string_equal(df_buf_text(&out), "{\"x\":[1,2],\"y\":3}");
    df_arena_dispose(&arena);
    df_buf_dispose(&out);
}

static void test_the_deepest_tree_that_is_read_can_be_written(void **state)
{
    (void)state;
    unsigned depth = df_json_default_limits.depth;
    struct df_buf text = {0};
    for (unsigned i = 0; i < depth; i++)
        df_buf_put_char(&text, '[');
    for (unsigned i = 0; i < depth; i++)
        df_buf_put_char(&text, ']');
    expect_rewritten(df_buf_text(&text), DF_JSON_COMPACT, df_buf_text(&text));
    df_buf_dispose(&text);
}

static void test_a_failed_buffer_stays_failed(void **state)
{
    (void)state;
    struct df_buf out = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &out, DF_JSON_PRETTY);
    df_json_begin_array(&json);
    assert_false(df_buf_reserve(&out, SIZE_MAX));
    df_json_int(&json, 1);
    df_json_text(&json, "x\n");
    df_json_number(&json, 0.1);
    df_json_end_array(&json);
    assert_true(df_buf_failed(&out));
    df_buf_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compact_text_has_no_blanks),
        cmocka_unit_test(test_pretty_text_has_one_member_per_line),
        cmocka_unit_test(test_empty_containers_and_scalars_stand_alone),
        cmocka_unit_test(test_strings_escape_what_must_be_and_nothing_else),
        cmocka_unit_test(test_bytes_that_are_no_utf8_become_the_replacement_character),
        cmocka_unit_test(test_whatever_bytes_a_string_has_the_text_can_be_read),
        cmocka_unit_test(test_doubles_are_written_as_python_writes_them),
        cmocka_unit_test(test_random_doubles_read_back_and_are_shortest),
        cmocka_unit_test(test_what_json_cannot_say_becomes_null),
        cmocka_unit_test(test_a_tree_is_written_as_it_was_read),
        cmocka_unit_test(test_a_part_of_a_tree_leaves_its_siblings_out),
        cmocka_unit_test(test_the_deepest_tree_that_is_read_can_be_written),
        cmocka_unit_test(test_a_failed_buffer_stays_failed),
    };
    return cmocka_run_group_tests_name("json_write", tests, NULL, NULL);
}
