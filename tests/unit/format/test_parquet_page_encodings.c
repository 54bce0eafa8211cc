/* When the footer says that all data pages of a chunk hold codes, and when it does not. */
#include "format/parquet/page_encodings.h"

#include "testing/testing.h"

enum { PLAIN = 0, PLAIN_DICTIONARY = 2, RLE = 3, BIT_PACKED = 4, DELTA = 5, RLE_DICTIONARY = 8 };
enum { DATA = 0, DICTIONARY = 2, DATA_V2 = 3 };

static void put_page(struct df_thrift_writer *writer, int32_t type, int32_t encoding)
{
    df_thrift_begin_element(writer);
    df_thrift_put_i32(writer, 1, type);
    df_thrift_put_i32(writer, 2, encoding);
    df_thrift_put_i32(writer, 3, 7);
    df_thrift_end_struct(writer);
}

/* count pages, pages[i] = {type, encoding}. */
static bool only_codes(const int32_t (*pages)[2], uint32_t count, uint32_t encodings)
{
    struct df_buf bytes = {0};
    struct df_thrift_writer writer;
    struct df_thrift_reader reader;
    struct df_thrift_field field = {0};
    struct df_parquet_page_encodings found = {0};
    df_thrift_writer_init(&writer, &bytes);
    df_thrift_put_list(&writer, 13, DF_THRIFT_STRUCT, count);
    for (uint32_t i = 0; i < count; i++)
        put_page(&writer, pages[i][0], pages[i][1]);
    df_thrift_end_struct(&writer);
    df_thrift_reader_init(&reader, df_buf_slice(&bytes));
    assert_true(df_thrift_next_field(&reader, &field));
    df_parquet_take_page_encodings(&reader, &field, &found);
    assert_null(reader.problem);
    df_buf_dispose(&bytes);
    return df_parquet_only_codes(&found, encodings);
}

static void test_pages_that_are_counted_tell(void **state)
{
    (void)state;
    static const int32_t codes[][2] = {{DICTIONARY, PLAIN}, {DATA, RLE_DICTIONARY}};
    static const int32_t old[][2] = {{DICTIONARY, PLAIN_DICTIONARY}, {DATA, PLAIN_DICTIONARY}};
    static const int32_t fallen_back[][2] = {{DICTIONARY, PLAIN}, {DATA_V2, RLE_DICTIONARY}, {DATA_V2, DELTA}};
    static const int32_t unknown[][2] = {{DATA, RLE_DICTIONARY}, {DATA, 77}};
    const uint32_t all = UINT32_MAX;
    assert_true(only_codes(codes, 2, all));
    assert_true(only_codes(old, 2, all));
    assert_false(only_codes(fallen_back, 3, 1u << RLE_DICTIONARY));
    assert_false(only_codes(unknown, 2, 1u << RLE_DICTIONARY));
}

/* PLAIN may be the dictionary's own encoding, or that of pages after it was full. */
static void test_without_counts_only_encodings_that_cannot_be_of_values_are_let_pass(void **state)
{
    (void)state;
    static const int32_t dictionary[][2] = {{DICTIONARY, PLAIN}};
    assert_true(only_codes(NULL, 0, 1u << PLAIN_DICTIONARY | 1u << RLE | 1u << BIT_PACKED));
    assert_true(only_codes(dictionary, 1, 1u << RLE_DICTIONARY));
    assert_false(only_codes(NULL, 0, 1u << RLE_DICTIONARY | 1u << PLAIN));
    assert_false(only_codes(NULL, 0, 1u << RLE_DICTIONARY | 1u << DELTA));
    assert_false(only_codes(NULL, 0, 1u << PLAIN | 1u << RLE));
    assert_false(only_codes(NULL, 0, 0));
}

static void test_a_list_of_something_else_is_a_problem(void **state)
{
    (void)state;
    struct df_buf bytes = {0};
    struct df_thrift_writer writer;
    struct df_thrift_reader reader;
    struct df_thrift_field field = {0};
    struct df_parquet_page_encodings found = {0};
    df_thrift_writer_init(&writer, &bytes);
    df_thrift_put_list(&writer, 13, DF_THRIFT_I32, 1);
    df_thrift_put_element_i32(&writer, 7);
    df_thrift_end_struct(&writer);
    df_thrift_reader_init(&reader, df_buf_slice(&bytes));
    assert_true(df_thrift_next_field(&reader, &field));
    df_parquet_take_page_encodings(&reader, &field, &found);
    assert_non_null(reader.problem);
    assert_false(found.data_page);
    df_buf_dispose(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_that_are_counted_tell),
        cmocka_unit_test(test_without_counts_only_encodings_that_cannot_be_of_values_are_let_pass),
        cmocka_unit_test(test_a_list_of_something_else_is_a_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
