/* Fields that are written as CSV are read back as they were. */
#include "testing/testing.h"

#include "format/text/csv_put.h"
#include "format/text/text.h"

static void check(const char *text, bool quoted, const char *expected)
{
    struct df_buf out = {0};
    df_csv_put_field(&out, df_slice_text(text), quoted);
    assert_string_equal(df_buf_text(&out), expected);
    df_buf_dispose(&out);
}

static void test_quotes_stand_where_they_are_needed(void **state)
{
    (void)state;
    check("plain text", false, "plain text");
    check("a,b", false, "\"a,b\"");
    check("a\"b", false, "\"a\"\"b\"");
    check("a\nb", false, "\"a\nb\"");
    check("a\rb", false, "\"a\rb\"");
    check("", true, "\"\"");
    check(" a", true, "\" a\"");
}

static int read_all(void *ctx, uint8_t *to, size_t capacity, size_t *got, struct df_error *error)
{
    (void)error;
    struct df_slice *left = ctx;
    *got = left->size < capacity ? left->size : capacity;
    memcpy(to, left->data, *got);
    *left = df_slice_make(left->data + *got, left->size - *got);
    return 0;
}

static void check_same(struct df_slice text)
{
    struct df_error error = {0};
    struct df_text_reader *reader;
    struct df_text_row row;
    struct df_text_bad bad;
    struct df_buf out = {0};
    df_buf_put_text(&out, "a,b\n");
    df_csv_put_field(&out, text, text.size == 0);
    df_buf_put_text(&out, ",x\n");
    struct df_slice left = df_buf_slice(&out);
    struct df_text_options options = {
        .delimiter = ',', .record_bytes = 1024, .name = "t", .source = {.read = read_all, .ctx = &left}};
    assert_ok(df_text_reader_open(&reader, &options, &error), &error);
    assert_int_equal(df_text_next(reader, &row, &bad, &error), DF_TEXT_ROW);
    assert_true(df_slice_compare(row.cells[0].text, text) == 0);
    df_text_reader_close(reader);
    df_buf_dispose(&out);
}

static void test_any_text_is_read_back(void **state)
{
    (void)state;
    static const char alphabet[] = "a ,\"\r\n;\t";
    uint64_t random = test_seed();
    char text[16];
    for (int i = 0; i < 20000; i++) {
        size_t size = test_random(&random) % sizeof text;
        for (size_t at = 0; at < size; at++)
            text[at] = alphabet[test_random(&random) % (sizeof alphabet - 1)];
        check_same(df_slice_make(text, size));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotes_stand_where_they_are_needed),
        cmocka_unit_test(test_any_text_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
