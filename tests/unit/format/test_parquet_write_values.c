/* Values as the writer writes them: half floats are rounded right, types that df_type does not tell in full keep their
 * schema, and the same values give the same bytes, whether they come as codes or not: codes are taken one by one where
 * other values are taken many at once (write_batch.c). */
#include <math.h>

#include "format/parquet/file.h"
#include "format/parquet/index.h"
#include "unit/format/parquet_fixture.h"

enum { ROWS = 20000, ENTRIES = 600 };

static struct df_buf written(const struct df_parquet_write_options *options, const struct df_vector *vector)
{
    struct df_buf bytes = {0};
    struct df_error error;
    struct df_parquet_writer *writer;
    assert_ok(df_parquet_writer_open(&writer, options, to_buf, &bytes, &error), &error);
    assert_ok(df_parquet_writer_put(writer, vector, vector->row_count, &error), &error);
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
    return bytes;
}

static void half_floats_are_rounded_to_the_nearest_ties_to_even(void **state)
{
    (void)state;
    static const struct {
        double given, expected;
    } cases[] = {
        {0.0, 0.0},
        {-0.0, -0.0},
        {1.0, 1.0},
        {-2.5, -2.5},
        {65504.0, 65504.0},
        {65519.0, 65504.0},
        {65520.0, INFINITY},
        {-1e300, -INFINITY},
        {INFINITY, INFINITY},
        {1.0 + 0x1p-11, 1.0},            /* a tie: to even */
        {1.0 + 3 * 0x1p-11, 1 + 0x1p-9}, /* a tie: to even, upwards */
        {1.0 + 0x1.8p-11, 1 + 0x1p-10},
        {0x1p-14, 0x1p-14}, /* the smallest normal one */
        {0x1p-24, 0x1p-24}, /* the smallest of all */
        {0x1p-25, 0.0},
        {0x1.8p-25, 0x1p-24},
        {0x1p-26, 0.0},
        {5e-324, 0.0},
        {-0x1.ff8p-15, -0x1.ff8p-15},
        {0x1.fffp-15, 0x1p-14}, /* rounds up to a normal one */
        {2047.5, 2048.0},
    };
    enum { COUNT = sizeof cases / sizeof *cases };
    double given[COUNT + 1];
    for (size_t i = 0; i < COUNT; i++)
        given[i] = cases[i].given;
    given[COUNT] = NAN;
    struct df_vector vector = {.kind = DF_VECTOR_FLOAT64, .row_count = COUNT + 1, .values.float64s = given};
    struct df_parquet_write_column column = {"x", {.kind = DF_TYPE_FLOAT, .bits = 16}, false, false};
    struct df_parquet_write_options options = {.columns = &column, .column_count = 1};
    struct df_buf bytes = written(&options, &vector);
    save(df_buf_slice(&bytes));
    df_buf_dispose(&bytes);

    struct df_parquet_file *file = open_file(NULL);
    assert_int_equal(df_parquet_column(file, 0)->type.bits, 16);
    struct df_parquet_bounds bounds = df_parquet_bounds(file, 0, 0);
    assert_true(bounds.known && bounds.minimum.as.float64 == -INFINITY && bounds.maximum.as.float64 == INFINITY);
    uint32_t number = 0, rows;
    struct df_parquet_scan_options reading = {
        .columns = &number, .column_count = 1, .row_group_end = 1, .deadline = df_deadline_never()};
    struct df_parquet_scan *scan;
    const struct df_vector *vectors;
    struct df_error error;
    assert_ok(df_parquet_scan_open(&scan, file, &reading, &error), &error);
    assert_int_equal(df_parquet_scan_next(scan, &vectors, &rows, &error), 1);
    assert_int_equal(rows, COUNT + 1);
    for (size_t i = 0; i < COUNT; i++)
        if (memcmp(&vectors[0].values.float64s[i], &cases[i].expected, sizeof(double)) != 0)
            fail_msg("%a became %a, expected %a", cases[i].given, vectors[0].values.float64s[i], cases[i].expected);
    assert_true(isnan(vectors[0].values.float64s[COUNT]));
    df_parquet_scan_close(scan);
    df_parquet_file_close(file);
}

static void what_the_type_does_not_tell_is_kept_in_a_copy(void **state)
{
    (void)state;
    static const struct {
        struct df_type type;
        struct df_parquet_write_more more;
        enum df_parquet_physical physical;
    } cases[] = {
        {{.kind = DF_TYPE_INT64, .bits = 16}, {.is_unsigned = true}, DF_PARQUET_INT32},
        {{.kind = DF_TYPE_INT64, .bits = 32}, {.is_unsigned = true}, DF_PARQUET_INT32},
        {{.kind = DF_TYPE_INT64, .bits = 64}, {.is_unsigned = true}, DF_PARQUET_INT32},
        {{.kind = DF_TYPE_INT64, .bits = 64}, {0}, DF_PARQUET_INT64},
        {{.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_US}, {.is_local = true}, DF_PARQUET_INT64},
        {{.kind = DF_TYPE_TIME, .unit = DF_TIME_MS}, {.is_local = true}, DF_PARQUET_INT32},
        {{.kind = DF_TYPE_TIME, .unit = DF_TIME_NS}, {0}, DF_PARQUET_INT64},
        {{.kind = DF_TYPE_BINARY}, {.fixed_bytes = 5}, DF_PARQUET_FIXED_LEN_BYTE_ARRAY},
        {{.kind = DF_TYPE_BINARY}, {0}, DF_PARQUET_BYTE_ARRAY},
        {{.kind = DF_TYPE_INT64, .bits = 8, .list = true}, {.elements_required = true}, DF_PARQUET_INT32},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_parquet_write_column column = {.name = "x", .type = cases[i].type, .optional = i % 2}, like;
        struct df_parquet_write_more more_like;
        struct df_parquet_write_options options = {.columns = &column, .column_count = 1, .more = &cases[i].more};
        struct df_buf bytes = written(&options, &(struct df_vector){0});
        save(df_buf_slice(&bytes));
        struct df_parquet_file *file = open_file(NULL);
        assert_int_equal(df_parquet_column(file, 0)->physical, cases[i].physical);
        df_parquet_write_like(file, 0, &like, &more_like);
        assert_int_equal(like.optional, i % 2);
        assert_memory_equal(&like.type, &cases[i].type, sizeof like.type);
        options.columns = &like;
        options.more = &more_like;
        struct df_buf again = written(&options, &(struct df_vector){0});
        assert_int_equal(again.size, bytes.size);
        assert_memory_equal(again.data, bytes.data, bytes.size);
        df_parquet_file_close(file);
        df_buf_dispose(&again);
        df_buf_dispose(&bytes);
    }
}

static void types_that_make_no_sense_are_unsupported(void **state)
{
    (void)state;
    static const struct {
        struct df_type type;
        struct df_parquet_write_more more;
    } cases[] = {
        {{.kind = DF_TYPE_INT64, .bits = 8}, {.is_unsigned = true}}, /* there are none of 4 bits */
        {{.kind = DF_TYPE_FLOAT, .bits = 64}, {.is_unsigned = true}}, {{.kind = DF_TYPE_STRING}, {.fixed_bytes = 3}},
        {{.kind = DF_TYPE_BINARY}, {.fixed_bytes = UINT32_MAX}},      {{.kind = DF_TYPE_DECIMAL, .precision = 39}, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_parquet_write_column column = {.name = "x", .type = cases[i].type};
        struct df_parquet_write_options options = {.columns = &column, .column_count = 1, .more = &cases[i].more};
        struct df_parquet_writer *writer;
        struct df_error error;
        assert_fails(df_parquet_writer_open(&writer, &options, to_buf, NULL, &error), &error, DF_ERROR_UNSUPPORTED,
                     "column 'x'");
    }
}

/* ---- one by one, and many at once ---- */

static struct values {
    int64_t entries_of_numbers[ENTRIES], numbers[ROWS];
    double entries_of_reals[ENTRIES], reals[ROWS];
    char letters[ENTRIES][24];
    struct df_slice entries_of_strings[ENTRIES], strings[ROWS];
    uint32_t codes[ROWS];
    uint8_t valid[ROWS];
} values;

static void fill(uint64_t seed)
{
    for (uint32_t i = 0; i < ENTRIES; i++) {
        values.entries_of_numbers[i] = (int64_t)(test_random(&seed) >> 34) - (1 << 29);
        values.entries_of_reals[i] = i % 9 == 0 ? NAN : i % 9 == 1 ? (i % 2 ? 0.0 : -0.0) : (double)(i % 90) / 8;
        int size = snprintf(values.letters[i], sizeof values.letters[i], "%0*u", (int)(i % 20) + 1, i);
        values.entries_of_strings[i] = df_slice_make(values.letters[i], (size_t)size);
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t code = (uint32_t)(test_random(&seed) % ENTRIES);
        values.codes[i] = code;
        values.numbers[i] = values.entries_of_numbers[code];
        values.reals[i] = values.entries_of_reals[code];
        values.strings[i] = values.entries_of_strings[code];
        values.valid[i] = test_random(&seed) % 5 > 0;
    }
}

static void assert_same_bytes(const struct df_parquet_write_options *options, const struct df_vector *vector,
                              const struct df_dictionary *dictionary)
{
    struct df_vector coded = *vector;
    coded.kind = DF_VECTOR_CODES;
    coded.dictionary = dictionary;
    coded.values.codes = values.codes;
    struct df_buf at_once = written(options, vector), by_code = written(options, &coded);
    assert_int_equal(at_once.size, by_code.size);
    assert_memory_equal(at_once.data, by_code.data, at_once.size);
    df_buf_dispose(&at_once);
    df_buf_dispose(&by_code);
}

static void the_same_values_give_the_same_bytes_as_codes_and_as_they_are(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    fill(seed);
    const struct df_dictionary dictionaries[] = {
        {1, ENTRIES, DF_VECTOR_INT64, {.int64s = values.entries_of_numbers}},
        {1, ENTRIES, DF_VECTOR_FLOAT64, {.float64s = values.entries_of_reals}},
        {1, ENTRIES, DF_VECTOR_BYTES, {.bytes = values.entries_of_strings}},
    };
    const struct df_type types[] = {
        {.kind = DF_TYPE_INT64, .bits = 64},
        {.kind = DF_TYPE_INT64, .bits = 32},
        {.kind = DF_TYPE_UINT64},
        {.kind = DF_TYPE_TIMESTAMP},
        {.kind = DF_TYPE_FLOAT, .bits = 64},
        {.kind = DF_TYPE_FLOAT, .bits = 16},
        {.kind = DF_TYPE_STRING},
    };
    static const uint32_t page_bytes[] = {0, 60, 5000}, dictionary_bytes[] = {0, 300};
    for (uint32_t i = 0; i < 7 * 3 * 2 * 2 * 2; i++) {
        size_t kind = i % 7 < 4 ? 0 : i % 7 < 6 ? 1 : 2;
        struct df_vector vector = {.kind = dictionaries[kind].kind, .row_count = ROWS};
        if (kind == 0)
            vector.values.int64s = values.numbers;
        else if (kind == 1)
            vector.values.float64s = values.reals;
        else
            vector.values.bytes = values.strings;
        bool optional = i / 7 % 2, dictionary = i / 14 % 2;
        vector.valid = optional ? values.valid : NULL;
        struct df_parquet_write_column column = {"x", types[i % 7], optional, dictionary};
        struct df_parquet_write_more more = {.delta = i % 3 == 0, .bloom_filter = i % 5 == 0};
        struct df_parquet_write_options options = {.columns = &column,
                                                   .column_count = 1,
                                                   .row_group_rows = 7001,
                                                   .page_bytes = page_bytes[i / 28 % 3],
                                                   .dictionary_bytes = dictionary_bytes[i / 84],
                                                   .more = &more};
        assert_same_bytes(&options, &vector, &dictionaries[kind]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_floats_are_rounded_to_the_nearest_ties_to_even),
        cmocka_unit_test(what_the_type_does_not_tell_is_kept_in_a_copy),
        cmocka_unit_test(types_that_make_no_sense_are_unsupported),
        cmocka_unit_test(the_same_values_give_the_same_bytes_as_codes_and_as_they_are),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
