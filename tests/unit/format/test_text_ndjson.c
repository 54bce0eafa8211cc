/* NDJSON: objects to columns with dots, and lines that are none. */
#include "testing/testing.h"

#include "format/text/text.h"

struct text {
    struct df_slice left;
    size_t step;
};

static int read_text(void *ctx, uint8_t *to, size_t capacity, size_t *got, struct df_error *error)
{
    (void)error;
    struct text *text = ctx;
    *got = text->left.size < text->step ? text->left.size : text->step;
    *got = *got < capacity ? *got : capacity;
    if (*got > 0)
        memcpy(to, text->left.data, *got);
    text->left = df_slice_make(text->left.data + *got, text->left.size - *got);
    return 0;
}

static void describe(struct df_text_reader *reader, const struct df_text_row *row, struct df_buf *out)
{
    df_buf_printf(out, "%llu", (unsigned long long)row->line);
    for (uint32_t i = 0; i < row->cell_count; i++)
        if (row->cells[i].form != DF_TEXT_MISSING)
            df_buf_printf(out, " %s:%d=%.*s", df_text_column_name(reader, i), (int)row->cells[i].form,
                          DF_SLICE_ARG(row->cells[i].text));
    df_buf_put_char(out, '\n');
}

static void check_step(const char *input, size_t step, size_t record_bytes, const char *expected)
{
    static const char *const nulls[] = {"NA"};
    struct text text = {.left = df_slice_text(input), .step = step};
    struct df_error error = {0};
    struct df_text_options options = {.format = DF_TEXT_NDJSON,
                                      .record_bytes = record_bytes,
                                      .name = "t",
                                      .nulls = nulls,
                                      .null_count = 1,
                                      .source = {.read = read_text, .ctx = &text}};
    struct df_text_reader *reader;
    struct df_text_row row;
    struct df_text_bad bad;
    struct df_buf out = {0};
    int result;
    assert_ok(df_text_reader_open(&reader, &options, &error), &error);
    while ((result = df_text_next(reader, &row, &bad, &error)) > 0)
        if (result == DF_TEXT_ROW)
            describe(reader, &row, &out);
        else
            df_buf_printf(&out, "(%llu:%llu %s)\n", (unsigned long long)bad.line, (unsigned long long)bad.column,
                          bad.reason);
    assert_ok(result, &error);
    assert_string_equal(df_buf_text(&out), expected);
    df_text_reader_close(reader);
    df_buf_dispose(&out);
}

static void check(const char *input, const char *expected)
{
    check_step(input, 1, 1024, expected);
    check_step(input, 1 << 20, 1024, expected);
}

static void test_members_become_columns(void **state)
{
    (void)state;
    check("{\"a\":1,\"b\":{\"c\":\"x\",\"d\":{\"e\":true}}}\r\n\n {\"b\":{\"c\":null},\"a\":-0.5} ",
          "1 a:3=1 b.c:2=x b.d.e:4=true\n3 a:3=-0.5\n");
    check("{\"l\":[1, \"\\u00e9\",{\"k\":[]}],\"e\":{},\"n\":\"NA\"}\n", "1 l:5=[1,\"\xc3\xa9\",{\"k\":[]}]\n");
    check("{\"a\":1,\"a\":2}\n{\"x.y\":1,\"x\":{\"y\":2}}\n", "1 a:3=2\n2 x.y:3=2\n");
    check("", "");
}

static void test_lines_that_are_no_objects_are_bad(void **state)
{
    (void)state;
    check("[1]\n{\"a\":1}\n5\n", "(1:1 an array, where each line should be an object (jq -c '.[]' makes lines of an "
                                 "array))\n2 a:3=1\n(3:1 a number, where "
                                 "each line should be an object)\n");
    check("{\n",
          "(1:2 not JSON: unexpected end of the text: the object of line 1, column 1 is not closed; each line is an "
          "object by itself (jq -c . or jq -c '.[]' makes such lines))\n");
    check("{\"a\":1}\n{\"a\":\xff}\n{\"\":1}\n", "1 a:3=1\n(2:6 this is not UTF-8)\n(3:5 a member without a name, or "
                                                 "with a zero byte in it)\n");
}

static void test_broken_json_is_told_with_line_and_column(void **state)
{
    (void)state;
    struct text text = {.left = df_slice_text("{\"a\":1}\n{\"a\":1,]\n{\"a\":2}"), .step = 5};
    struct df_error error = {0};
    struct df_text_options options = {
        .format = DF_TEXT_NDJSON, .record_bytes = 1024, .name = "t", .source = {.read = read_text, .ctx = &text}};
    struct df_text_reader *reader;
    struct df_text_row row;
    struct df_text_bad bad;
    assert_ok(df_text_reader_open(&reader, &options, &error), &error);
    assert_int_equal(df_text_next(reader, &row, &bad, &error), DF_TEXT_ROW);
    assert_int_equal(df_text_next(reader, &row, &bad, &error), DF_TEXT_BAD);
    assert_int_equal(bad.line, 2);
    assert_int_equal(bad.column, 8);
    assert_non_null(strstr(bad.reason, "not JSON: "));
    assert_slice_is(bad.raw, "{\"a\":1,]");
    assert_int_equal(df_text_next(reader, &row, &bad, &error), DF_TEXT_ROW);
    assert_int_equal(df_text_next(reader, &row, &bad, &error), DF_TEXT_END);
    df_text_reader_close(reader);
}

static void test_deep_and_long_lines_are_bad(void **state)
{
    (void)state;
    struct df_buf deep = {0};
    for (int i = 0; i < 100; i++)
        df_buf_put_text(&deep, "{\"a\":");
    df_buf_put_char(&deep, '1');
    for (int i = 0; i < 100; i++)
        df_buf_put_char(&deep, '}');
    df_buf_put_text(&deep, "\n{\"a\":1}\n");
    check_step(df_buf_text(&deep), 7, 128, "(1:1 a row of more than 128 bytes)\n2 a:3=1\n");
    struct text text = {.left = df_buf_slice(&deep), .step = 100};
    struct df_error error = {0};
    struct df_text_options options = {
        .format = DF_TEXT_NDJSON, .record_bytes = 4096, .name = "t", .source = {.read = read_text, .ctx = &text}};
    struct df_text_reader *reader;
    struct df_text_row row;
    struct df_text_bad bad;
    assert_ok(df_text_reader_open(&reader, &options, &error), &error);
    assert_int_equal(df_text_next(reader, &row, &bad, &error), DF_TEXT_BAD);
    assert_int_equal(df_text_next(reader, &row, &bad, &error), DF_TEXT_ROW);
    df_text_reader_close(reader);
    df_buf_dispose(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_become_columns),
        cmocka_unit_test(test_lines_that_are_no_objects_are_bad),
        cmocka_unit_test(test_broken_json_is_told_with_line_and_column),
        cmocka_unit_test(test_deep_and_long_lines_are_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
