/* Indexes and bloom filters: what the writer says of pages is so, scans of wanted rows give those rows and read less,
 * and indexes that lie are corrupt. */
#include <stdlib.h>

#include "format/parquet/bloom.h"
#include "format/parquet/delta.h"
#include "format/parquet/describe.h"
#include "format/parquet/file.h"
#include "format/parquet/index.h"
#include "unit/format/parquet_fixture.h"

enum { ROWS = 20000, GROUP_ROWS = 8000, COLUMNS = 4 };

static const struct df_parquet_reading reading; /* without limits: set by set_up through its deadline of never */

static const struct df_parquet_write_column columns[COLUMNS] = {
    {"number", {.kind = DF_TYPE_INT64, .bits = 64}, true, false},
    {"word", {.kind = DF_TYPE_STRING}, true, true},
    {"real", {.kind = DF_TYPE_FLOAT, .bits = 64}, false, false},
    {"flag", {.kind = DF_TYPE_BOOL}, true, false},
};
static const struct df_parquet_write_more more[COLUMNS] = {
    {.delta = true, .bloom_filter = true}, {.bloom_filter = true}, {.bloom_filter = true}, {0}};

static struct data {
    uint8_t valid[ROWS], flags[ROWS];
    int64_t numbers[ROWS];
    double reals[ROWS];
    struct df_slice words[ROWS];
    char letters[ROWS][16];
} data;

static void fill(void)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        data.valid[i] = i % 5 != 0 && (i < 4000 || i > 6000) && i < 2 * GROUP_ROWS; /* a page of nulls only */
        data.flags[i] = i % 3 == 0;
        data.numbers[i] = 3 * (int64_t)i - 1000;
        data.reals[i] = i / 8.0;
        int size = snprintf(data.letters[i], sizeof data.letters[i], "w%06u", i / 7);
        data.words[i] = df_slice_make(data.letters[i], (size_t)size);
    }
}

static void write_file(struct df_parquet_write_options options)
{
    struct df_error error;
    struct df_parquet_writer *writer;
    struct df_buf bytes = {0};
    options.columns = columns;
    options.column_count = COLUMNS;
    options.more = more;
    options.row_group_rows = GROUP_ROWS;
    options.page_bytes = 2000;
    assert_ok(df_parquet_writer_open(&writer, &options, to_buf, &bytes, &error), &error);
    const struct df_vector vectors[COLUMNS] = {
        {.kind = DF_VECTOR_INT64, .row_count = ROWS, .valid = data.valid, .values.int64s = data.numbers},
        {.kind = DF_VECTOR_BYTES, .row_count = ROWS, .valid = data.valid, .values.bytes = data.words},
        {.kind = DF_VECTOR_FLOAT64, .row_count = ROWS, .values.float64s = data.reals},
        {.kind = DF_VECTOR_BOOL, .row_count = ROWS, .valid = data.valid, .values.bools = data.flags}};
    assert_ok(df_parquet_writer_put(writer, vectors, ROWS, &error), &error);
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
    save(df_buf_slice(&bytes));
    df_buf_dispose(&bytes);
}

static int set_up_data(void **state)
{
    fill();
    return set_up(state);
}

static struct df_parquet_reading all_the_time(void)
{
    struct df_parquet_reading made = reading;
    made.deadline = df_deadline_never();
    return made;
}

/* ---- indexes ---- */

static void check_page(const struct df_parquet_index_page *page, uint32_t column, uint32_t first)
{
    uint64_t nulls = 0;
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (uint64_t i = first + page->first_row; i < first + page->first_row + page->row_count; i++) {
        bool valid = data.valid[i] || column == 2;
        nulls += !valid;
        low = valid && (int64_t)i < low ? (int64_t)i : low;
        high = valid ? (int64_t)i : high;
    }
    assert_true(page->bounds.nulls_known);
    assert_int_equal(page->bounds.null_count, nulls);
    assert_int_equal(page->nulls_only, nulls == page->row_count);
    assert_int_equal(page->bounds.known, nulls < page->row_count);
    if (!page->bounds.known)
        return;
    if (column == 0) {
        assert_int_equal(page->bounds.minimum.as.int64, data.numbers[low]);
        assert_int_equal(page->bounds.maximum.as.int64, data.numbers[high]);
    } else if (column == 1) {
        assert_true(df_slice_equal(page->bounds.minimum.as.bytes, data.words[low]));
        assert_true(df_slice_equal(page->bounds.maximum.as.bytes, data.words[high]));
    } else if (column == 2) {
        assert_true(page->bounds.maximum.as.float64 == data.reals[high]);
    }
}

static void test_indexes_say_rows_nulls_and_bounds_of_every_page(void **state)
{
    (void)state;
    write_file((struct df_parquet_write_options){.codec = DF_PARQUET_SNAPPY});
    struct df_parquet_file *file = open_file(NULL);
    struct df_parquet_reading now = all_the_time();
    struct df_error error;
    uint32_t pages = 0, nulls_only = 0;
    for (uint32_t group = 0; group < df_parquet_row_group_count(file); group++)
        for (uint32_t column = 0; column < COLUMNS; column++) {
            struct df_parquet_index index;
            assert_int_equal(df_parquet_index_read(&index, file, group, column, &now, &error), 1);
            assert_true(index.has_bounds);
            uint64_t rows = 0;
            for (uint32_t i = 0; i < index.page_count; i++) {
                assert_int_equal(index.pages[i].first_row, rows);
                rows += index.pages[i].row_count;
                check_page(&index.pages[i], column, group * GROUP_ROWS);
                nulls_only += index.pages[i].nulls_only;
            }
            assert_int_equal(rows, df_parquet_row_group_rows(file, group));
            pages += index.page_count;
            df_parquet_index_dispose(&index);
        }
    assert_true(pages > 100);
    assert_true(nulls_only > 0);
    df_parquet_file_close(file);
}

static void test_a_file_may_be_without_indexes(void **state)
{
    (void)state;
    write_file((struct df_parquet_write_options){.no_indexes = true});
    struct df_parquet_file *file = open_file(NULL);
    struct df_parquet_reading now = all_the_time();
    struct df_parquet_index index;
    struct df_error error;
    assert_int_equal(df_parquet_index_read(&index, file, 0, 0, &now, &error), 0);
    df_parquet_file_close(file);
}

/* ---- wanted rows ---- */

/* Rows of the file that come, in order; those of the first column tell which row it is. */
static uint64_t scan_rows(struct df_parquet_file *file, const struct df_parquet_rows *wanted, uint32_t count,
                          uint32_t *found, uint32_t *found_count)
{
    static const uint32_t all[COLUMNS] = {2, 0, 1, 3};
    struct df_parquet_scan_options options = {.columns = all,
                                              .column_count = COLUMNS,
                                              .row_group_end = df_parquet_row_group_count(file),
                                              .deadline = df_deadline_never(),
                                              .wanted = wanted,
                                              .wanted_count = count};
    struct df_parquet_scan *scan;
    const struct df_vector *vectors;
    struct df_error error;
    uint32_t rows;
    int result;
    *found_count = 0;
    assert_ok(df_parquet_scan_open(&scan, file, &options, &error), &error);
    while ((result = df_parquet_scan_next(scan, &vectors, &rows, &error)) > 0)
        for (uint32_t i = 0; i < rows; i++) {
            uint32_t row = (uint32_t)(vectors[0].values.float64s[i] * 8);
            found[(*found_count)++] = row;
            for (uint32_t column = 1; column < COLUMNS; column++)
                assert_int_equal(df_vector_is_null(&vectors[column], i), !data.valid[row]);
            if (!data.valid[row])
                continue;
            assert_int_equal(vectors[1].values.int64s[i], data.numbers[row]);
            assert_true(df_slice_equal(vectors[2].kind == DF_VECTOR_CODES
                                           ? vectors[2].dictionary->values.bytes[vectors[2].values.codes[i]]
                                           : vectors[2].values.bytes[i],
                                       data.words[row]));
            assert_int_equal(vectors[3].values.bools[i], data.flags[row]);
        }
    assert_ok(result, &error);
    uint64_t bytes = df_parquet_scan_bytes_read(scan);
    df_parquet_scan_close(scan);
    return bytes;
}

static uint32_t random_rows(uint64_t *random, struct df_parquet_rows *wanted, uint32_t most)
{
    uint32_t count = 0;
    uint64_t step = 1 + test_random(random) % GROUP_ROWS;
    for (uint32_t group = 0; group < 3; group++) {
        uint64_t rows = group == 2 ? ROWS - 2 * GROUP_ROWS : GROUP_ROWS;
        for (uint64_t at = test_random(random) % step; at < rows && count < most;) {
            uint64_t end = at + 1 + test_random(random) % step;
            wanted[count++] = (struct df_parquet_rows){group, at, end < rows ? end : rows};
            at = end + test_random(random) % step;
        }
    }
    return count;
}

static void test_wanted_rows_come_and_no_others(void **state)
{
    (void)state;
    enum { MOST = 400 };
    static uint32_t found[ROWS];
    static struct df_parquet_rows wanted[MOST];
    uint64_t random = test_seed();
    for (int round = 0; round < 60; round++) {
        write_file((struct df_parquet_write_options){.codec = round % 2 ? DF_PARQUET_ZSTD : DF_PARQUET_UNCOMPRESSED,
                                                     .pages_v2 = round % 3 == 0,
                                                     .no_indexes = round % 5 == 0});
        struct df_parquet_file *file = open_file(NULL);
        uint32_t count = random_rows(&random, wanted, MOST), found_count, at = 0;
        scan_rows(file, wanted, count, found, &found_count);
        for (uint32_t i = 0; i < count; i++)
            for (uint64_t row = wanted[i].begin; row < wanted[i].end; row++)
                assert_int_equal(found[at++], wanted[i].row_group * GROUP_ROWS + row);
        assert_int_equal(at, found_count);
        df_parquet_file_close(file);
    }
}

static void test_pages_without_wanted_rows_are_not_read(void **state)
{
    (void)state;
    static uint32_t found[ROWS];
    uint32_t count;
    write_file((struct df_parquet_write_options){0});
    struct df_parquet_file *file = open_file(NULL);
    uint64_t all = scan_rows(file, NULL, 0, found, &count);
    assert_int_equal(count, ROWS);
    struct df_parquet_rows one = {1, 7000, 7001};
    uint64_t few = scan_rows(file, &one, 1, found, &count);
    assert_int_equal(count, 1);
    assert_int_equal(found[0], GROUP_ROWS + 7000);
    assert_true(few < all / 10); /* a page of each column, and a dictionary */
    struct df_parquet_rows none;
    assert_int_equal(scan_rows(file, &none, 0, found, &count), 0);
    assert_int_equal(count, 0);
    df_parquet_file_close(file);
}

static void test_wanted_rows_that_are_not_there_are_refused(void **state)
{
    (void)state;
    write_file((struct df_parquet_write_options){0});
    struct df_parquet_file *file = open_file(NULL);
    const struct df_parquet_rows wrong[][2] = {{{0, 0, GROUP_ROWS + 1}, {1, 0, 1}},
                                               {{0, 5, 5}, {1, 0, 1}},
                                               {{1, 0, 1}, {0, 0, 1}},
                                               {{0, 0, 10}, {0, 9, 20}},
                                               {{3, 0, 1}, {3, 1, 2}}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct df_parquet_scan_options options = {
            .row_group_end = 3, .deadline = df_deadline_never(), .wanted = wrong[i], .wanted_count = 2};
        struct df_parquet_scan *scan;
        struct df_error error;
        assert_fails(df_parquet_scan_open(&scan, file, &options, &error), &error, DF_ERROR_INVALID, "wanted");
    }
    df_parquet_file_close(file);
}

/* ---- bloom filters ---- */

static struct df_parquet_value number_value(int64_t number)
{
    return (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = number};
}

static void test_a_bloom_filter_has_all_values_and_few_others(void **state)
{
    (void)state;
    write_file((struct df_parquet_write_options){0});
    struct df_parquet_file *file = open_file(NULL);
    struct df_parquet_reading now = all_the_time();
    struct df_parquet_bloom blooms[3];
    struct df_error error;
    uint32_t wrong = 0;
    for (uint32_t column = 0; column < 3; column++)
        assert_int_equal(df_parquet_bloom_read(&blooms[column], file, 0, column, &now, &error), 1);
    for (uint32_t i = 0; i < GROUP_ROWS; i++) {
        struct df_parquet_value number = number_value(data.numbers[i]), other = number_value(data.numbers[i] + 1);
        struct df_parquet_value word = {.kind = DF_VECTOR_BYTES, .as.bytes = data.words[i]};
        struct df_parquet_value real = {.kind = DF_VECTOR_FLOAT64, .as.float64 = data.reals[i]};
        assert_true(!data.valid[i] || df_parquet_bloom_may_have(&blooms[0], &number));
        assert_true(!data.valid[i] || df_parquet_bloom_may_have(&blooms[1], &word));
        assert_true(df_parquet_bloom_may_have(&blooms[2], &real));
        wrong += df_parquet_bloom_may_have(&blooms[0], &other);
    }
    assert_true(wrong < GROUP_ROWS / 50);
    struct df_parquet_value none[] = {number_value(-77777), number_value(-77778)};
    int may = df_parquet_bloom_may_contain(file, 0, 0, none, 2, &now, &error);
    assert_int_equal(may, df_parquet_bloom_may_have(&blooms[0], &none[0]) ||
                              df_parquet_bloom_may_have(&blooms[0], &none[1]));
    assert_int_equal(df_parquet_bloom_may_contain(file, 0, 3, none, 1, &now, &error), 1); /* it has no filter */
    for (uint32_t column = 0; column < 3; column++)
        df_parquet_bloom_dispose(&blooms[column]);
    df_parquet_file_close(file);
}

static void test_zeros_of_both_signs_are_found(void **state)
{
    (void)state;
    write_file((struct df_parquet_write_options){0});
    struct df_parquet_file *file = open_file(NULL);
    struct df_parquet_reading now = all_the_time();
    struct df_error error;
    struct df_parquet_value zero = {.kind = DF_VECTOR_FLOAT64, .as.float64 = -0.0};
    assert_int_equal(df_parquet_bloom_may_contain(file, 0, 2, &zero, 1, &now, &error), 1);
    df_parquet_file_close(file);
}

/* The example of the format's own tests: XXH64 without a seed. */
static void test_the_hash_is_xxh64(void **state)
{
    (void)state;
    assert_true(df_bloom_hash(df_slice_text("")) == UINT64_C(0xEF46DB3751D8E999));
    assert_true(df_bloom_hash(df_slice_text("a")) == UINT64_C(0xD24EC4F1A98C6E5B));
}

/* ---- lies ---- */

static void test_indexes_that_lie_are_corrupt(void **state)
{
    (void)state;
    write_file((struct df_parquet_write_options){.codec = DF_PARQUET_SNAPPY});
    struct df_parquet_file *file = open_file(NULL);
    struct df_parquet_reading now = all_the_time();
    struct df_parquet_chunk *chunk = &file->footer.row_groups[0].chunks[0];
    const struct df_parquet_place places[] = {
        {-1, 10}, {4, -1}, {INT64_MAX, 10}, {4, INT64_MAX}, {(int64_t)file->size_bytes - 3, 10}, {4, 300}};
    struct df_parquet_place offsets = chunk->offset_index, bounds = chunk->column_index;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct df_parquet_index index;
        struct df_error error;
        chunk->offset_index = places[i];
        assert_fails(df_parquet_index_read(&index, file, 0, 0, &now, &error), &error, DF_ERROR_CORRUPT, "offset index");
        chunk->offset_index = offsets;
        chunk->column_index = places[i];
        assert_fails(df_parquet_index_read(&index, file, 0, 0, &now, &error), &error, DF_ERROR_CORRUPT, "column index");
        chunk->column_index = bounds;
        struct df_parquet_value value = number_value(1);
        struct df_parquet_place bloom = chunk->bloom_filter;
        chunk->bloom_filter = places[i];
        if (places[i].offset != 4) /* no length is told of filters in old files: only their header counts */
            assert_fails(df_parquet_bloom_may_contain(file, 0, 0, &value, 1, &now, &error), &error, DF_ERROR_CORRUPT,
                         "bloom filter");
        chunk->bloom_filter = bloom;
    }
    df_parquet_file_close(file);
}

static void test_an_index_of_another_column_is_noticed(void **state)
{
    (void)state;
    static const uint32_t column = 0;
    write_file((struct df_parquet_write_options){0});
    struct df_parquet_file *file = open_file(NULL);
    struct df_parquet_chunk *chunks = file->footer.row_groups[0].chunks;
    chunks[0].offset_index = chunks[2].offset_index;
    struct df_parquet_rows wanted = {0, 7000, 7001};
    struct df_parquet_scan_options options = {.columns = &column,
                                              .column_count = 1,
                                              .row_group_end = 1,
                                              .deadline = df_deadline_never(),
                                              .wanted = &wanted,
                                              .wanted_count = 1};
    struct df_parquet_scan *scan;
    const struct df_vector *vectors;
    struct df_error error;
    uint32_t rows;
    assert_ok(df_parquet_scan_open(&scan, file, &options, &error), &error);
    assert_fails(df_parquet_scan_next(scan, &vectors, &rows, &error), &error, DF_ERROR_CORRUPT, "offset index");
    df_parquet_scan_close(scan);
    df_parquet_file_close(file);
}

/* ---- DELTA_BINARY_PACKED ---- */

static void check_delta(const int64_t *values, size_t n, size_t width_bytes)
{
    struct df_buf plain = {0}, packed = {0};
    for (size_t i = 0; i < n; i++)
        df_buf_put(&plain, &values[i], width_bytes);
    df_delta_put(&packed, plain.data, n, width_bytes);
    struct df_delta delta;
    int64_t *out = calloc(n + 1, sizeof *out);
    assert_non_null(out);
    assert_true(df_delta_init(&delta, df_buf_slice(&packed), n));
    assert_true(df_delta_take(&delta, out, n));
    if (width_bytes == 4)
        df_delta_wrap_int32s(out, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(out[i], width_bytes == 4 ? (int32_t)values[i] : values[i]);
    free(out);
    df_buf_dispose(&plain);
    df_buf_dispose(&packed);
}

static void test_delta_packed_numbers_come_back(void **state)
{
    (void)state;
    static int64_t values[1000];
    uint64_t random = test_seed();
    static const size_t counts[] = {0, 1, 2, 32, 33, 128, 129, 130, 257, 1000};
    for (unsigned bits = 0; bits < 64; bits += 7)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            for (size_t i = 0; i < counts[c]; i++)
                values[i] = (int64_t)(test_random(&random) >> (63 - bits)) - (i % 2 ? 5 : 0);
            if (counts[c] > 2) {
                values[1] = INT64_MIN;
                values[2] = INT64_MAX;
            }
            check_delta(values, counts[c], 8);
            check_delta(values, counts[c], 4);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indexes_say_rows_nulls_and_bounds_of_every_page),
        cmocka_unit_test(test_a_file_may_be_without_indexes),
        cmocka_unit_test(test_wanted_rows_come_and_no_others),
        cmocka_unit_test(test_pages_without_wanted_rows_are_not_read),
        cmocka_unit_test(test_wanted_rows_that_are_not_there_are_refused),
        cmocka_unit_test(test_a_bloom_filter_has_all_values_and_few_others),
        cmocka_unit_test(test_zeros_of_both_signs_are_found),
        cmocka_unit_test(test_the_hash_is_xxh64),
        cmocka_unit_test(test_indexes_that_lie_are_corrupt),
        cmocka_unit_test(test_an_index_of_another_column_is_noticed),
        cmocka_unit_test(test_delta_packed_numbers_come_back),
    };
    return cmocka_run_group_tests(tests, set_up_data, tear_down);
}
