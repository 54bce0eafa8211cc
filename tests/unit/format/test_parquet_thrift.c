#include "format/parquet/thrift.h"
#include "testing/testing.h"

/* Something of everything that the reader knows, in the order of ids. */
static void put_everything(struct df_buf *out)
{
    struct df_thrift_writer writer;
    df_thrift_writer_init(&writer, out);
    df_thrift_put_i32(&writer, 1, -5);
    df_thrift_put_i64(&writer, 2, INT64_MIN);
    df_thrift_put_bool(&writer, 3, true);
    df_thrift_put_bool(&writer, 4, false);
    df_thrift_put_binary(&writer, 5, df_slice_text("name"));
    df_thrift_begin_struct(&writer, 6);
    df_thrift_put_byte(&writer, 1, -7);
    df_thrift_begin_struct(&writer, 40); /* too far from 1 for a short head */
    df_thrift_end_struct(&writer);
    df_thrift_end_struct(&writer);
    df_thrift_put_list(&writer, 7, DF_THRIFT_I32, 20);
    for (int32_t i = 0; i < 20; i++)
        df_thrift_put_element_i32(&writer, i - 10);
    df_thrift_put_list(&writer, 8, DF_THRIFT_STRUCT, 2);
    for (int i = 0; i < 2; i++) {
        df_thrift_begin_element(&writer);
        df_thrift_put_i32(&writer, 3, i);
        df_thrift_end_struct(&writer);
    }
    df_thrift_put_list(&writer, 9, DF_THRIFT_BINARY, 1);
    df_thrift_put_element_binary(&writer, df_slice_text("x"));
    df_thrift_end_struct(&writer);
}

static void take_inner(struct df_thrift_reader *reader, const struct df_thrift_field *parent)
{
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return;
    while (df_thrift_next_field(reader, &field)) {
        if (field.id == 1) {
            int32_t value = df_thrift_take_i32(reader, &field);
            assert_true(reader->problem || value == -7);
        } else {
            assert_int_equal(field.id, 40);
            df_thrift_skip(reader, &field);
        }
    }
}

static void take_structs(struct df_thrift_reader *reader, const struct df_thrift_field *list)
{
    uint32_t count = df_thrift_take_list(reader, list, DF_THRIFT_STRUCT, 1);
    for (uint32_t i = 0; i < count && !reader->problem; i++) {
        struct df_thrift_field field = {0};
        while (df_thrift_next_field(reader, &field)) {
            int32_t value = df_thrift_take_i32(reader, &field);
            assert_true(reader->problem || value == (int32_t)i);
        }
    }
}

/* Reads what put_everything wrote and checks it as far as it goes; returns the fields seen. */
static unsigned take_everything(struct df_thrift_reader *reader)
{
    unsigned seen = 0;
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(reader, &field)) {
        seen++;
        switch (field.id) {
        case 1: {
            int32_t value = df_thrift_take_i32(reader, &field);
            assert_true(reader->problem || value == -5);
            break;
        }
        case 2: {
            int64_t value = df_thrift_take_i64(reader, &field);
            assert_true(reader->problem || value == INT64_MIN);
            break;
        }
        case 3:
        case 4:
            assert_int_equal(df_thrift_take_bool(reader, &field), field.id == 3);
            break;
        case 5: {
            struct df_slice name = df_thrift_take_binary(reader, &field);
            assert_true(reader->problem || df_slice_is(name, "name"));
            break;
        }
        case 6:
            take_inner(reader, &field);
            break;
        case 7: {
            uint32_t count = df_thrift_take_list(reader, &field, DF_THRIFT_I32, 1);
            for (uint32_t i = 0; i < count; i++) {
                int32_t value = df_thrift_take_element_i32(reader);
                assert_true(reader->problem || value == (int32_t)i - 10);
            }
            break;
        }
        case 8:
            take_structs(reader, &field);
            break;
        default:
            df_thrift_skip(reader, &field);
        }
    }
    return seen;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct df_buf out = {0};
    put_everything(&out);
    struct df_thrift_reader reader;
    df_thrift_reader_init(&reader, df_buf_slice(&out));
    assert_int_equal(take_everything(&reader), 9);
    assert_null(reader.problem);
    assert_ptr_equal(reader.at, reader.end);
    df_buf_dispose(&out);
}

static void cut_at_every_byte_it_says_that_more_would_help(void **state)
{
    (void)state;
    struct df_buf out = {0};
    put_everything(&out);
    for (size_t size = 0; size < out.size; size++) {
        uint8_t *copy = test_malloc(size ? size : 1); /* cmocka sees what is read beyond the end */
        memcpy(copy, out.data, size);
        struct df_thrift_reader reader;
        df_thrift_reader_init(&reader, df_slice_make(copy, size));
        take_everything(&reader);
        assert_non_null(reader.problem);
        test_free(copy);
    }
    df_buf_dispose(&out);
}

static const char *skip_struct(struct df_slice bytes, bool *cut)
{
    struct df_thrift_reader reader;
    df_thrift_reader_init(&reader, bytes);
    df_thrift_skip(&reader, &(struct df_thrift_field){.id = 1, .type = DF_THRIFT_STRUCT});
    if (cut)
        *cut = reader.cut;
    assert_true(reader.at <= reader.end);
    return reader.problem;
}

static void any_value_can_be_skipped(void **state)
{
    (void)state;
    struct df_buf out = {0};
    put_everything(&out);
    bool cut;
    assert_null(skip_struct(df_buf_slice(&out), &cut));
    for (size_t size = 0; size < out.size; size++) {
        assert_non_null(skip_struct(df_slice_make(out.data, size), &cut));
        assert_true(cut);
    }
    df_buf_dispose(&out);
    /* double, set of bools, map of i32 to binary, uuid, empty map */
    static const uint8_t others[] = {0x17, 1, 2,    3, 4,  5,   6,  7,  8,    0x1a, 0x31, 1,    2, 1,
                                     0x1b, 2, 0x58, 2, 1,  'a', 4,  0,  0x1d, 1,    2,    3,    4, 5,
                                     6,    7, 8,    9, 10, 11,  12, 13, 14,   15,   16,   0x1b, 0, 0};
    assert_null(skip_struct(df_slice_make(others, sizeof others), NULL));
}

static void nesting_is_limited_without_recursion(void **state)
{
    (void)state;
    enum { LEVELS = 1000000 };
    uint8_t *nested = test_malloc(LEVELS);
    memset(nested, 0x1c, LEVELS); /* field 1: a struct, and so on */
    const char *problem = skip_struct(df_slice_make(nested, LEVELS), NULL);
    assert_string_equal(problem, "values are nested too deep");
    memset(nested, 0x19, LEVELS); /* a list of one list of one list … */
    nested[0] = 0x19;
    assert_string_equal(skip_struct(df_slice_make(nested, LEVELS), NULL), "values are nested too deep");
    test_free(nested);
    uint8_t deep[2 * DF_THRIFT_SKIP_DEPTH];
    memset(deep, 0, sizeof deep);
    memset(deep, 0x1c, DF_THRIFT_SKIP_DEPTH - 1);
    assert_null(skip_struct(df_slice_make(deep, 2 * DF_THRIFT_SKIP_DEPTH - 1), NULL));
}

static void a_million_fields_take_no_time_or_memory(void **state)
{
    (void)state;
    enum { FIELDS = 4000000 };
    uint8_t *fields = test_malloc(FIELDS);
    memset(fields, 0x01, FIELDS - 1); /* type true with a long id follows: 0x01 is the id -1, so ids repeat */
    fields[FIELDS - 1] = 0;
    skip_struct(df_slice_make(fields, FIELDS), NULL);
    test_free(fields);
}

static void counts_that_cannot_fit_fail_before_anybody_allocates(void **state)
{
    (void)state;
    static const uint8_t huge[] = {0xfc, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0};
    struct df_thrift_reader reader;
    struct df_thrift_field field = {.id = 1, .type = DF_THRIFT_LIST};
    df_thrift_reader_init(&reader, df_slice_make(huge, sizeof huge));
    assert_int_equal(df_thrift_take_list(&reader, &field, DF_THRIFT_STRUCT, 1), 0);
    assert_non_null(reader.problem);
    static const uint8_t three[] = {0x3c, 0, 0, 0};
    df_thrift_reader_init(&reader, df_slice_make(three, sizeof three));
    assert_int_equal(df_thrift_take_list(&reader, &field, DF_THRIFT_STRUCT, 2), 0);
    assert_string_equal(reader.problem, "a list has more elements than bytes for them");
    df_thrift_reader_init(&reader, df_slice_make(three, sizeof three));
    assert_int_equal(df_thrift_take_list(&reader, &field, DF_THRIFT_STRUCT, 1), 3);
    assert_null(reader.problem);
}

static void wrong_types_and_ranges_fail(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};
    struct df_thrift_reader reader;
    struct df_thrift_field field = {.id = 1, .type = DF_THRIFT_I64};
    df_thrift_reader_init(&reader, df_slice_make(bytes, sizeof bytes));
    df_thrift_take_i64(&reader, &field);
    assert_string_equal(reader.problem, "an integer has more than 64 bits");
    static const uint8_t large[] = {0xfe, 0xff, 0xff, 0xff, 0x1f};
    df_thrift_reader_init(&reader, df_slice_make(large, sizeof large));
    df_thrift_take_i32(&reader, &field);
    assert_string_equal(reader.problem, "a 32-bit integer is out of range");
    df_thrift_reader_init(&reader, df_slice_make(large, sizeof large));
    df_thrift_take_binary(&reader, &field);
    assert_string_equal(reader.problem, "a field is not the string it should be");
}

static void random_bytes_never_read_beyond_their_end(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int i = 0; i < 20000; i++) {
        size_t size = test_random(&random) % 64;
        uint8_t *bytes = test_malloc(size ? size : 1);
        for (size_t at = 0; at < size; at++)
            bytes[at] = (uint8_t)test_random(&random);
        skip_struct(df_slice_make(bytes, size), NULL);
        test_free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(cut_at_every_byte_it_says_that_more_would_help),
        cmocka_unit_test(any_value_can_be_skipped),
        cmocka_unit_test(nesting_is_limited_without_recursion),
        cmocka_unit_test(a_million_fields_take_no_time_or_memory),
        cmocka_unit_test(counts_that_cannot_fit_fail_before_anybody_allocates),
        cmocka_unit_test(wrong_types_and_ranges_fail),
        cmocka_unit_test(random_bytes_never_read_beyond_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
