/* The short ways of a scan: numbers of eight bytes that are handed on where they lie in their page, with and without
 * definition levels, in both versions of pages; and that the vector code of the processor can be left out. */
#include "unit/format/parquet_fixture.h"

enum { ROWS = 60000, PAGE_BYTES = 200 * 1000 };

static int64_t numbers[ROWS];
static uint8_t valid[ROWS];

struct written {
    bool optional, dictionary, pages_v2, nulls;
    enum df_parquet_codec codec;
};

static int64_t value_of(const struct written *written, uint32_t row)
{
    return written->dictionary ? (int64_t)(row % 1000) : (int64_t)row * 1000003;
}

static void write_file(const struct written *written)
{
    struct df_error error;
    const struct df_parquet_write_column column = {.name = "n",
                                                   .type = {.kind = DF_TYPE_INT64, .bits = 64},
                                                   .optional = written->optional,
                                                   .dictionary = written->dictionary};
    struct df_parquet_write_options options = {.columns = &column,
                                               .column_count = 1,
                                               .codec = written->codec,
                                               .page_bytes = PAGE_BYTES,
                                               .pages_v2 = written->pages_v2};
    for (uint32_t i = 0; i < ROWS; i++) {
        numbers[i] = value_of(written, i);
        valid[i] = !written->nulls || i % 7 != 0;
    }
    struct df_vector vector = {.kind = DF_VECTOR_INT64, .row_count = ROWS, .values.int64s = numbers};
    vector.valid = written->optional ? valid : NULL;
    struct df_buf bytes = {0};
    struct df_parquet_writer *writer;
    assert_ok(df_parquet_writer_open(&writer, &options, to_buf, &bytes, &error), &error);
    assert_ok(df_parquet_writer_put(writer, &vector, ROWS, &error), &error);
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
    save(df_buf_slice(&bytes));
    df_buf_dispose(&bytes);
}

static int64_t number_at(const struct df_vector *vector, uint32_t row)
{
    if (vector->kind == DF_VECTOR_CODES)
        return vector->dictionary->values.int64s[vector->values.codes[row]];
    return vector->values.int64s[row];
}

/* Compares all rows. Returns how many batches began in memory where the one before ended: those of one page do when
 * nothing is copied. */
static uint32_t read_file(bool scalar)
{
    struct df_error error;
    struct df_parquet_file *file = open_file(NULL);
    const uint32_t column = 0;
    struct df_parquet_scan_options options = {.columns = &column,
                                              .column_count = 1,
                                              .row_group_end = df_parquet_row_group_count(file),
                                              .deadline = df_deadline_never(),
                                              .scalar = scalar};
    struct df_parquet_scan *scan;
    const struct df_vector *vector;
    uint32_t rows, at = 0, joined = 0;
    const int64_t *end = NULL;
    assert_ok(df_parquet_scan_open(&scan, file, &options, &error), &error);
    int more;
    while ((more = df_parquet_scan_next(scan, &vector, &rows, &error)) > 0) {
        assert_true(rows <= ROWS - at);
        for (uint32_t i = 0; i < rows; i++, at++) {
            assert_int_equal(df_vector_is_null(vector, i), !valid[at]);
            if (valid[at])
                assert_int_equal(number_at(vector, i), numbers[at]);
        }
        if (vector->kind == DF_VECTOR_INT64) {
            assert_int_equal((uintptr_t)vector->values.int64s % 8, 0);
            joined += vector->values.int64s == end;
            end = vector->values.int64s + rows;
        }
    }
    assert_ok(more, &error);
    assert_int_equal(at, ROWS);
    df_parquet_scan_close(scan);
    df_parquet_file_close(file);
    return joined;
}

/* 200 KB are 25,000 rows: four batches, three of which begin where the one before ended. */
static void numbers_without_nulls_are_handed_on_where_they_lie(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct written written = {
            .optional = i & 1, .pages_v2 = i & 2, .codec = i & 4 ? DF_PARQUET_ZSTD : DF_PARQUET_SNAPPY};
        write_file(&written);
        assert_true(read_file(false) >= 4);
        assert_true(read_file(true) >= 4);
    }
}

static void numbers_between_nulls_are_moved_to_their_rows(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct written written = {.optional = true,
                                  .nulls = true,
                                  .pages_v2 = i & 1,
                                  .codec = i & 2 ? DF_PARQUET_UNCOMPRESSED : DF_PARQUET_SNAPPY};
        write_file(&written);
        assert_int_equal(read_file(false), 0);
    }
}

/* Uncompressed pages lie in the window as the file has them: aligned or not, the values are right. */
static void pages_that_are_not_compressed_are_read(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct written written = {.optional = i & 1, .pages_v2 = i & 2, .codec = DF_PARQUET_UNCOMPRESSED};
        write_file(&written);
        read_file(false);
    }
}

static void codes_are_the_same_without_vector_code(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct written written = {
            .optional = i & 1, .dictionary = true, .nulls = i & 1, .pages_v2 = i & 2, .codec = DF_PARQUET_SNAPPY};
        write_file(&written);
        read_file(false);
        read_file(true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_without_nulls_are_handed_on_where_they_lie),
        cmocka_unit_test(numbers_between_nulls_are_moved_to_their_rows),
        cmocka_unit_test(pages_that_are_not_compressed_are_read),
        cmocka_unit_test(codes_are_the_same_without_vector_code),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
