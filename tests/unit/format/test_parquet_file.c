/* Whole files: what the writer wrote is what the scan gives; memory; cancellation. Broken files: test_parquet_lies.c.
 */
#include <math.h>
#include <stdlib.h>

#include "unit/format/parquet_fixture.h"

/* ---- a table of any content ---- */

enum { COLUMNS = 5, TEXT_BYTES_MAX = 400 * 1024 };

struct table {
    uint32_t rows;
    struct df_parquet_write_column columns[COLUMNS];
    uint8_t *valid[COLUMNS];
    uint8_t *bools;
    int64_t *int32s, *int64s;
    double *doubles;
    struct df_slice *texts;
    uint8_t *letters; /* what texts point into */
};

static void table_free(struct table *table)
{
    for (int i = 0; i < COLUMNS; i++)
        free(table->valid[i]);
    free(table->bools);
    free(table->int32s);
    free(table->int64s);
    free(table->doubles);
    free(table->texts);
    free(table->letters);
}

static void fill_valid(uint64_t *random, uint8_t *valid, uint32_t rows)
{
    uint64_t kind = test_random(random) % 4; /* none null, all, mixed, runs */
    for (uint32_t i = 0; i < rows;) {
        uint32_t run = kind == 3 ? 1 + (uint32_t)(test_random(random) % 500) : 1;
        uint8_t value = kind == 0 ? 1 : kind == 1 ? 0 : test_random(random) % 3 != 0;
        for (; run > 0 && i < rows; run--)
            valid[i++] = value;
    }
}

static struct table table_make(uint64_t *random, uint32_t rows, uint32_t text_bytes_max)
{
    static const char *const names[COLUMNS] = {"bool", "int32", "int64", "double", "text"};
    static const struct df_type types[COLUMNS] = {{.kind = DF_TYPE_BOOL},
                                                  {.kind = DF_TYPE_INT64, .bits = 32},
                                                  {.kind = DF_TYPE_INT64, .bits = 64},
                                                  {.kind = DF_TYPE_FLOAT, .bits = 64},
                                                  {.kind = DF_TYPE_BINARY}};
    struct table table = {.rows = rows};
    size_t room = rows ? rows : 1;
    table.bools = calloc(room, 1);
    table.int32s = calloc(room, sizeof(int64_t));
    table.int64s = calloc(room, sizeof(int64_t));
    table.doubles = calloc(room, sizeof(double));
    table.texts = calloc(room, sizeof(struct df_slice));
    table.letters = malloc(TEXT_BYTES_MAX * 2);
    for (size_t i = 0; i < TEXT_BYTES_MAX * 2; i++)
        table.letters[i] = (uint8_t)(i * 7 + i / 251);
    uint64_t distinct = UINT64_C(1) << test_random(random) % 20;
    for (uint32_t i = 0; i < rows; i++) {
        uint64_t value = test_random(random) % distinct * UINT64_C(0x9E3779B97F4A7C15);
        table.bools[i] = value >> 40 & 1;
        table.int32s[i] = (int32_t)(uint32_t)(value >> 32);
        table.int64s[i] = (int64_t)value;
        table.doubles[i] = value % 17 == 0 ? -0.0 : value % 19 == 0 ? (double)NAN : (double)value / 7;
        table.texts[i] = df_slice_make(table.letters + value % TEXT_BYTES_MAX, (value >> 20) % (text_bytes_max + 1));
    }
    for (int i = 0; i < COLUMNS; i++) {
        bool optional = test_random(random) % 3 != 0;
        table.columns[i] = (struct df_parquet_write_column){
            .name = names[i],
            .type = types[i],
            .optional = optional,
            .dictionary = test_random(random) % 2,
        };
        table.valid[i] = malloc(room);
        memset(table.valid[i], 1, room);
        if (optional)
            fill_valid(random, table.valid[i], rows);
    }
    return table;
}

static void table_vectors(const struct table *table, uint32_t first, uint32_t count, struct df_vector *vectors)
{
    for (int i = 0; i < COLUMNS; i++)
        vectors[i] = (struct df_vector){.row_count = count,
                                        .valid = table->columns[i].optional ? table->valid[i] + first : NULL};
    vectors[0].kind = DF_VECTOR_BOOL;
    vectors[0].values.bools = table->bools + first;
    vectors[1].kind = vectors[2].kind = DF_VECTOR_INT64;
    vectors[1].values.int64s = table->int32s + first;
    vectors[2].values.int64s = table->int64s + first;
    vectors[3].kind = DF_VECTOR_FLOAT64;
    vectors[3].values.float64s = table->doubles + first;
    vectors[4].kind = DF_VECTOR_BYTES;
    vectors[4].values.bytes = table->texts + first;
}

/* In batches of random sizes, or all at once when random is NULL. */
static void table_write(const struct table *table, const struct df_parquet_write_options *given, uint64_t *random,
                        struct df_buf *out)
{
    struct df_error error;
    struct df_parquet_write_options options = *given;
    options.columns = table->columns;
    options.column_count = COLUMNS;
    struct df_parquet_writer *writer;
    assert_ok(df_parquet_writer_open(&writer, &options, to_buf, out, &error), &error);
    for (uint32_t first = 0; first < table->rows;) {
        uint32_t step = table->rows - first;
        if (random)
            step = 1 + (uint32_t)(test_random(random) % step);
        struct df_vector vectors[COLUMNS];
        table_vectors(table, first, step, vectors);
        assert_ok(df_parquet_writer_put(writer, vectors, step, &error), &error);
        first += step;
    }
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
}

static struct df_slice text_at(const struct df_vector *vector, uint32_t row)
{
    if (vector->kind == DF_VECTOR_BYTES)
        return vector->values.bytes[row];
    assert_int_equal(vector->kind, DF_VECTOR_CODES);
    assert_true(vector->values.codes[row] < vector->dictionary->count);
    return vector->dictionary->values.bytes[vector->values.codes[row]];
}

static int64_t number_at(const struct df_vector *vector, uint32_t row)
{
    if (vector->kind == DF_VECTOR_INT64)
        return vector->values.int64s[row];
    assert_int_equal(vector->kind, DF_VECTOR_CODES);
    assert_true(vector->values.codes[row] < vector->dictionary->count);
    return vector->dictionary->values.int64s[vector->values.codes[row]];
}

static double real_at(const struct df_vector *vector, uint32_t row)
{
    if (vector->kind == DF_VECTOR_FLOAT64)
        return vector->values.float64s[row];
    assert_int_equal(vector->kind, DF_VECTOR_CODES);
    assert_true(vector->values.codes[row] < vector->dictionary->count);
    return vector->dictionary->values.float64s[vector->values.codes[row]];
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void compare_row(const struct table *table, int column, const struct df_vector *vector, uint32_t row,
                        uint32_t at)
{
    bool null = !table->valid[column][at];
    if (df_vector_is_null(vector, row) != null)
        fail_msg("column %d, row %u: null is wrong", column, at);
    if (null)
        return;
    bool same = false;
    if (column == 0)
        same = vector->values.bools[row] == table->bools[at];
    else if (column == 1)
        same = number_at(vector, row) == table->int32s[at];
    else if (column == 2)
        same = number_at(vector, row) == table->int64s[at];
    else if (column == 3)
        same = bits_of(real_at(vector, row)) == bits_of(table->doubles[at]); /* NaN and -0.0, too */
    else
        same = df_slice_equal(text_at(vector, row), table->texts[at]);
    if (!same)
        fail_msg("column %d, row %u: another value", column, at);
}

/* Reads everything and compares it, row by row. Returns the bytes read. */
static uint64_t table_compare(const struct table *table, struct df_budget *budget)
{
    struct df_error error;
    struct df_parquet_file *file = open_file(budget);
    assert_int_equal(df_parquet_row_count(file), table->rows);
    static const uint32_t columns[COLUMNS] = {0, 1, 2, 3, 4};
    struct df_parquet_scan_options options = {
        .columns = columns,
        .column_count = COLUMNS,
        .row_group_end = df_parquet_row_group_count(file),
        .budget = budget,
        .deadline = df_deadline_never(),
    };
    struct df_parquet_scan *scan;
    assert_ok(df_parquet_scan_open(&scan, file, &options, &error), &error);
    uint32_t at = 0, rows;
    const struct df_vector *vectors;
    int more;
    while ((more = df_parquet_scan_next(scan, &vectors, &rows, &error)) > 0) {
        assert_in_range(rows, 1, DF_PARQUET_BATCH_ROWS);
        assert_true(rows <= table->rows - at);
        for (int column = 0; column < COLUMNS; column++) {
            assert_int_equal(vectors[column].row_count, rows);
            for (uint32_t row = 0; row < rows; row++)
                compare_row(table, column, &vectors[column], row, at + row);
        }
        at += rows;
    }
    assert_ok(more, &error);
    assert_int_equal(at, table->rows);
    assert_int_equal(df_parquet_scan_next(scan, &vectors, &rows, &error), 0);
    uint64_t bytes = df_parquet_scan_bytes_read(scan);
    df_parquet_scan_close(scan);
    df_parquet_file_close(file);
    return bytes;
}

static struct df_parquet_write_options random_options(uint64_t *random)
{
    static const uint32_t page_bytes[] = {0, 1, 100, 3000, 60000};
    static const uint32_t group_rows[] = {0, 1, 700, 9000};
    uint32_t group = group_rows[test_random(random) % 4];
    return (struct df_parquet_write_options){
        .codec = test_random(random) % 2 ? DF_PARQUET_SNAPPY : DF_PARQUET_UNCOMPRESSED,
        .page_bytes = page_bytes[test_random(random) % 5],
        .row_group_rows = group,
    };
}

static void what_is_written_is_read_for_any_types_nulls_pages_and_row_groups(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    struct df_budget budget;
    df_budget_init(&budget, 0);
    for (int round = 0; round < 150; round++) {
        struct df_parquet_write_options options = random_options(&random);
        uint32_t most = options.row_group_rows == 1 || options.page_bytes == 1 ? 300 : round % 10 ? 3000 : 40000;
        struct table table = table_make(&random, (uint32_t)(test_random(&random) % most), 40);
        struct df_buf bytes = {0};
        table_write(&table, &options, &random, &bytes);
        save(df_buf_slice(&bytes));
        table_compare(&table, &budget);
        assert_int_equal(budget.used_bytes, 0);
        df_buf_dispose(&bytes);
        table_free(&table);
    }
}

static void the_same_rows_give_the_same_bytes_however_they_are_cut(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 40; round++) {
        struct df_parquet_write_options options = random_options(&random);
        struct table table = table_make(&random, (uint32_t)(test_random(&random) % 2000), 40);
        struct df_buf whole = {0}, cut = {0};
        table_write(&table, &options, NULL, &whole);
        table_write(&table, &options, &random, &cut);
        assert_int_equal(whole.size, cut.size);
        assert_memory_equal(whole.data, cut.data, whole.size);
        df_buf_dispose(&whole);
        df_buf_dispose(&cut);
        table_free(&table);
    }
}

/* Pages of up to a megabyte against windows of a quarter of that, and chunks of many windows. */
static void pages_longer_than_a_window_and_across_windows_are_read(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    struct df_budget budget;
    df_budget_init(&budget, 0);
    for (int round = 0; round < 4; round++) {
        struct df_parquet_write_options options = {
            .codec = round % 2 ? DF_PARQUET_SNAPPY : DF_PARQUET_UNCOMPRESSED,
            .page_bytes = round < 2 ? 0 : 30000,
        };
        struct table table = table_make(&random, 150, TEXT_BYTES_MAX);
        struct df_buf bytes = {0};
        table_write(&table, &options, NULL, &bytes);
        save(df_buf_slice(&bytes));
        assert_true(table_compare(&table, &budget) <= bytes.size);
        assert_int_equal(budget.used_bytes, 0);
        df_buf_dispose(&bytes);
        table_free(&table);
    }
}

/* 20 MB in one row group, pages of 64 KB. */
static struct table large_table(struct df_buf *bytes, uint32_t page_bytes)
{
    uint64_t random = 1;
    struct table table = table_make(&random, 400000, 30);
    for (int i = 0; i < COLUMNS; i++)
        table.columns[i].dictionary = false;
    struct df_parquet_write_options options = {
        .codec = DF_PARQUET_UNCOMPRESSED, .page_bytes = page_bytes, .row_group_rows = UINT32_MAX};
    table_write(&table, &options, NULL, bytes);
    assert_true(bytes->size > 10 * 1000 * 1000);
    save(df_buf_slice(bytes));
    return table;
}

static void memory_is_bounded_by_pages_and_not_by_row_groups(void **state)
{
    (void)state;
    struct df_buf bytes = {0};
    struct table table = large_table(&bytes, 64 * 1024);
    struct df_budget budget;
    df_budget_init(&budget, 4 * 1024 * 1024);
    table_compare(&table, &budget);
    assert_int_equal(budget.used_bytes, 0);
    df_budget_init(&budget, 0);
    table_compare(&table, &budget);
    assert_true(budget.peak_bytes < 10 * 1024 * 1024);
    df_buf_dispose(&bytes);
    table_free(&table);
}

/* Opens the only columns named, all row groups; the error of the first failing step. */
static int scan_all(struct df_parquet_file *file, struct df_budget *budget, const atomic_bool *cancelled,
                    struct df_deadline deadline, struct df_error *error)
{
    static const uint32_t columns[COLUMNS] = {0, 1, 2, 3, 4};
    struct df_parquet_scan_options options = {
        .columns = columns,
        .column_count = COLUMNS,
        .row_group_end = df_parquet_row_group_count(file),
        .budget = budget,
        .deadline = deadline,
        .cancelled = cancelled,
    };
    struct df_parquet_scan *scan;
    if (df_parquet_scan_open(&scan, file, &options, error) < 0)
        return -1;
    const struct df_vector *vectors;
    uint32_t rows;
    int more;
    while ((more = df_parquet_scan_next(scan, &vectors, &rows, error)) > 0) {
    }
    if (more < 0) { /* the failure stays */
        struct df_error again;
        assert_int_equal(df_parquet_scan_next(scan, &vectors, &rows, &again), -1);
        assert_string_equal(again.message, error->message);
        assert_int_equal(rows, 0);
    }
    df_parquet_scan_close(scan);
    return more;
}

static void a_page_that_does_not_fit_into_memory_is_exhausted_and_named(void **state)
{
    (void)state;
    struct df_buf bytes = {0};
    struct table table = large_table(&bytes, 8 * 1024 * 1024);
    struct df_budget budget;
    struct df_error error;
    df_budget_init(&budget, 4 * 1024 * 1024);
    struct df_parquet_file *file = open_file(&budget);
    assert_fails(scan_all(file, &budget, NULL, df_deadline_never(), &error), &error, DF_ERROR_EXHAUSTED,
                 "memory.limit");
    assert_non_null(strstr(error.message, "column '"));
    df_parquet_file_close(file);
    assert_int_equal(budget.used_bytes, 0);
    df_buf_dispose(&bytes);
    table_free(&table);
}

static void a_footer_that_does_not_fit_into_memory_is_exhausted(void **state)
{
    (void)state;
    uint64_t random = 3;
    struct table table = table_make(&random, 2000, 5);
    struct df_buf bytes = {0};
    table_write(&table, &(struct df_parquet_write_options){.row_group_rows = 2}, NULL, &bytes);
    save(df_buf_slice(&bytes));
    struct df_error error;
    for (uint64_t limit = 1000; limit < 300000; limit += 7777) {
        struct df_budget budget;
        df_budget_init(&budget, limit);
        struct df_parquet_file *file;
        struct df_parquet_open options = {
            .store = store, .uri = path, .budget = &budget, .deadline = df_deadline_never()};
        assert_fails(df_parquet_file_open(&file, &options, &error), &error, DF_ERROR_EXHAUSTED, "memory.limit");
        assert_null(file);
        assert_int_equal(budget.used_bytes, 0);
    }
    df_buf_dispose(&bytes);
    table_free(&table);
}

static void a_scan_ends_when_it_is_cancelled_or_its_deadline_passes(void **state)
{
    (void)state;
    uint64_t random = 5;
    struct table table = table_make(&random, 100, 5);
    struct df_buf bytes = {0};
    table_write(&table, &(struct df_parquet_write_options){0}, NULL, &bytes);
    save(df_buf_slice(&bytes));
    struct df_error error;
    struct df_parquet_file *file = open_file(NULL);
    atomic_bool cancelled = true;
    assert_fails(scan_all(file, NULL, &cancelled, df_deadline_never(), &error), &error, DF_ERROR_CANCELLED, path);
    assert_fails(scan_all(file, NULL, NULL, df_deadline_after_ms(0), &error), &error, DF_ERROR_TIMEOUT, path);
    df_parquet_file_close(file);
    df_buf_dispose(&bytes);
    table_free(&table);
}

static void without_columns_only_row_counts_come(void **state)
{
    (void)state;
    uint64_t random = 6;
    struct table table = table_make(&random, 20000, 5);
    struct df_buf bytes = {0};
    table_write(&table, &(struct df_parquet_write_options){.row_group_rows = 9000}, NULL, &bytes);
    save(df_buf_slice(&bytes));
    struct df_error error;
    struct df_parquet_file *file = open_file(NULL);
    struct df_parquet_scan_options options = {
        .row_group_begin = 1, .row_group_end = 3, .deadline = df_deadline_never()};
    struct df_parquet_scan *scan;
    assert_ok(df_parquet_scan_open(&scan, file, &options, &error), &error);
    uint32_t sum = 0, rows;
    const struct df_vector *vectors;
    while (df_parquet_scan_next(scan, &vectors, &rows, &error) > 0)
        sum += rows;
    assert_int_equal(sum, 11000);
    assert_int_equal(df_parquet_scan_bytes_read(scan), 0);
    df_parquet_scan_close(scan);
    df_parquet_file_close(file);
    df_buf_dispose(&bytes);
    table_free(&table);
}

static void what_a_file_says_about_itself_can_be_asked(void **state)
{
    (void)state;
    struct df_parquet_write_column columns[] = {
        {"id", {.kind = DF_TYPE_INT64, .bits = 64}, false, true},
        {"when", {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_US}, true, false},
        {"day", {.kind = DF_TYPE_DATE}, true, false},
        {"name", {.kind = DF_TYPE_STRING}, false, true},
    };
    struct df_parquet_key_value metadata[] = {{"dayfly.groups", "whole"}, {"empty", ""}};
    struct df_parquet_write_options options = {
        .columns = columns, .column_count = 4, .row_group_rows = 2, .metadata = metadata, .metadata_count = 2};
    static const int64_t ids[] = {5, -3, 9}, times[] = {100, 50, 0}, days[] = {0, 0, -7};
    static const uint8_t times_valid[] = {1, 1, 0}, days_valid[] = {0, 0, 1};
    const struct df_slice names[] = {df_slice_text("b"), df_slice_text("a"), df_slice_text("b")};
    struct df_vector vectors[] = {
        {.kind = DF_VECTOR_INT64, .row_count = 3, .values.int64s = ids},
        {.kind = DF_VECTOR_INT64, .row_count = 3, .valid = times_valid, .values.int64s = times},
        {.kind = DF_VECTOR_INT64, .row_count = 3, .valid = days_valid, .values.int64s = days},
        {.kind = DF_VECTOR_BYTES, .row_count = 3, .values.bytes = names},
    };
    struct df_error error;
    struct df_buf bytes = {0};
    struct df_parquet_writer *writer;
    assert_ok(df_parquet_writer_open(&writer, &options, to_buf, &bytes, &error), &error);
    assert_ok(df_parquet_writer_put(writer, vectors, 3, &error), &error);
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
    save(df_buf_slice(&bytes));
    struct df_parquet_file *file = open_file(NULL);
    assert_int_equal(df_parquet_size_bytes(file), bytes.size);
    assert_int_equal(df_parquet_column_count(file), 4);
    assert_int_equal(df_parquet_row_group_count(file), 2);
    assert_int_equal(df_parquet_row_group_rows(file, 1), 1);
    assert_int_equal(df_parquet_column_find(file, "day"), 2);
    assert_int_equal(df_parquet_column_find(file, "da"), -1);
    assert_int_equal(df_parquet_column(file, 1)->meaning, DF_PARQUET_TIMESTAMP_US);
    assert_int_equal(df_parquet_column(file, 2)->meaning, DF_PARQUET_DATE);
    assert_int_equal(df_parquet_column(file, 3)->meaning, DF_PARQUET_STRING);
    assert_int_equal(df_parquet_column(file, 3)->kind, DF_VECTOR_BYTES);
    assert_false(df_parquet_column(file, 0)->optional);
    assert_true(df_parquet_column(file, 1)->optional);
    struct df_parquet_bounds bounds = df_parquet_bounds(file, 0, 0);
    assert_true(bounds.known && bounds.minimum.as.int64 == -3 && bounds.maximum.as.int64 == 5);
    assert_true(bounds.nulls_known && bounds.null_count == 0);
    bounds = df_parquet_bounds(file, 0, 2); /* nulls only */
    assert_true(!bounds.known && bounds.nulls_known && bounds.null_count == 2);
    bounds = df_parquet_bounds(file, 1, 2);
    assert_true(bounds.known && bounds.minimum.as.int64 == -7 && bounds.maximum.as.int64 == -7);
    bounds = df_parquet_bounds(file, 0, 3);
    assert_true(bounds.known);
    assert_slice_is(bounds.minimum.as.bytes, "a");
    assert_slice_is(bounds.maximum.as.bytes, "b");
    assert_int_equal(df_parquet_column(file, 1)->type.kind, DF_TYPE_TIMESTAMP);
    assert_int_equal(df_parquet_column(file, 1)->type.unit, DF_TIME_US);
    assert_int_equal(df_parquet_column(file, 3)->type.kind, DF_TYPE_STRING);
    assert_string_equal(df_parquet_metadata(file, "dayfly.groups"), "whole");
    assert_string_equal(df_parquet_metadata(file, "empty"), "");
    assert_null(df_parquet_metadata(file, "nothing"));
    assert_true(df_parquet_chunk_bytes(file, 0, 0) > 0);
    df_parquet_file_close(file);
    df_buf_dispose(&bytes);
}

static void the_serial_of_a_dictionary_changes_with_each_row_group(void **state)
{
    (void)state;
    struct df_parquet_write_column column = {"word", {.kind = DF_TYPE_STRING}, false, true};
    struct df_parquet_write_options options = {.columns = &column, .column_count = 1, .row_group_rows = 2};
    const struct df_slice words[] = {df_slice_text("a"), df_slice_text("a"), df_slice_text("b"), df_slice_text("c")};
    struct df_vector vector = {.kind = DF_VECTOR_BYTES, .row_count = 4, .values.bytes = words};
    struct df_error error;
    struct df_buf bytes = {0};
    struct df_parquet_writer *writer;
    assert_ok(df_parquet_writer_open(&writer, &options, to_buf, &bytes, &error), &error);
    assert_ok(df_parquet_writer_put(writer, &vector, 4, &error), &error);
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
    save(df_buf_slice(&bytes));
    struct df_parquet_file *file = open_file(NULL);
    uint32_t zero = 0;
    struct df_parquet_scan_options scan_options = {
        .columns = &zero, .column_count = 1, .row_group_end = 2, .deadline = df_deadline_never()};
    struct df_parquet_scan *scan;
    assert_ok(df_parquet_scan_open(&scan, file, &scan_options, &error), &error);
    uint64_t serials[2];
    const struct df_vector *vectors;
    uint32_t rows;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(df_parquet_scan_next(scan, &vectors, &rows, &error), 1);
        assert_int_equal(vectors[0].kind, DF_VECTOR_CODES);
        assert_int_equal(vectors[0].dictionary->count, i + 1);
        serials[i] = vectors[0].dictionary->serial;
    }
    assert_true(serials[0] != serials[1]);
    df_parquet_scan_close(scan);
    df_parquet_file_close(file);
    df_buf_dispose(&bytes);
}

static int refuse(void *ctx, struct df_slice piece, struct df_error *error)
{
    int *left = ctx;
    if ((*left)-- > 0)
        return 0;
    return df_error_set(error, DF_ERROR_EXHAUSTED, "no room for %zu bytes", piece.size);
}

static void a_sink_that_fails_ends_the_writer_with_its_error(void **state)
{
    (void)state;
    uint64_t random = 9;
    struct table table = table_make(&random, 10, 5);
    for (int pieces = 0; pieces < 8; pieces++) {
        int left = pieces;
        struct df_error error;
        struct df_parquet_writer *writer = NULL;
        struct df_parquet_write_options options = {
            .columns = table.columns, .column_count = COLUMNS, .row_group_rows = 5};
        struct df_vector vectors[COLUMNS];
        table_vectors(&table, 0, 10, vectors);
        int result = df_parquet_writer_open(&writer, &options, refuse, &left, &error);
        if (result == 0)
            result = df_parquet_writer_put(writer, vectors, 10, &error);
        assert_int_equal(result, -1);
        assert_int_equal(error.kind, DF_ERROR_EXHAUSTED);
        df_parquet_writer_close(writer);
    }
    table_free(&table);
}

static void rows_that_do_not_belong_to_their_column_are_invalid(void **state)
{
    (void)state;
    struct df_buf bytes = {0};
    struct df_error error;
    struct df_parquet_write_column column = {"x", {.kind = DF_TYPE_INT64, .bits = 32}, false, false};
    struct df_parquet_write_options options = {.columns = &column, .column_count = 1};
    static const int64_t large[] = {INT64_C(1) << 40};
    static const uint8_t null[] = {0};
    static const double real[] = {1.5};
    struct df_vector wrong[] = {
        {.kind = DF_VECTOR_INT64, .row_count = 1, .values.int64s = large},
        {.kind = DF_VECTOR_INT64, .row_count = 1, .valid = null, .values.int64s = large},
        {.kind = DF_VECTOR_FLOAT64, .row_count = 1, .values.float64s = real},
    };
    static const char *const texts[] = {"does not fit into its type, -2147483648 to 2147483647", "has a null",
                                        "of another kind"};
    for (int i = 0; i < 3; i++) {
        struct df_parquet_writer *writer;
        assert_ok(df_parquet_writer_open(&writer, &options, to_buf, &bytes, &error), &error);
        assert_fails(df_parquet_writer_put(writer, &wrong[i], 1, &error), &error, DF_ERROR_INVALID, texts[i]);
        df_parquet_writer_close(writer);
    }
    df_buf_dispose(&bytes);
}

static void values_that_their_type_cannot_have_are_invalid(void **state)
{
    (void)state;
    static const int64_t large[] = {INT64_MAX};
    static const __int128 wide[] = {(__int128)INT64_MAX + 1};
    static const struct df_slice short_uuid[] = {{(const uint8_t *)"abc", 3}};
    const struct {
        struct df_type type;
        struct df_vector vector;
        const char *text;
    } cases[] = {
        {{.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_S},
         {.kind = DF_VECTOR_INT64, .row_count = 1, .values.int64s = large},
         "seconds do not fit"},
        {{.kind = DF_TYPE_DECIMAL, .precision = 10},
         {.kind = DF_VECTOR_INT128, .row_count = 1, .values.int128s = wide},
         "more than 18 digits"},
        {{.kind = DF_TYPE_UUID},
         {.kind = DF_VECTOR_BYTES, .row_count = 1, .values.bytes = short_uuid},
         "has 3 bytes, its type has 16"},
        {{.kind = DF_TYPE_INT64, .bits = 8},
         {.kind = DF_VECTOR_INT64, .row_count = 1, .values.int64s = large},
         "its type, -128 to 127"},
        {{.kind = DF_TYPE_NULL}, {.kind = DF_VECTOR_INT64, .row_count = 1, .values.int64s = large}, "always null"},
        {{.kind = DF_TYPE_DATE}, {.kind = DF_VECTOR_INT64, .row_count = 1, .values.int64s = large}, "its type"},
        {{.kind = DF_TYPE_STRING}, {.kind = DF_VECTOR_INT64, .row_count = 1, .values.int64s = large}, "a string"},
    };
    struct df_buf bytes = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_parquet_write_column column = {.name = "x", .type = cases[i].type, .optional = true};
        struct df_parquet_write_options options = {.columns = &column, .column_count = 1};
        struct df_parquet_writer *writer;
        struct df_error error;
        assert_ok(df_parquet_writer_open(&writer, &options, to_buf, &bytes, &error), &error);
        assert_fails(df_parquet_writer_put(writer, &cases[i].vector, 1, &error), &error, DF_ERROR_INVALID,
                     cases[i].text);
        df_parquet_writer_close(writer);
    }
    df_buf_dispose(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_for_any_types_nulls_pages_and_row_groups),
        cmocka_unit_test(the_same_rows_give_the_same_bytes_however_they_are_cut),
        cmocka_unit_test(pages_longer_than_a_window_and_across_windows_are_read),
        cmocka_unit_test(memory_is_bounded_by_pages_and_not_by_row_groups),
        cmocka_unit_test(a_page_that_does_not_fit_into_memory_is_exhausted_and_named),
        cmocka_unit_test(a_footer_that_does_not_fit_into_memory_is_exhausted),
        cmocka_unit_test(a_scan_ends_when_it_is_cancelled_or_its_deadline_passes),
        cmocka_unit_test(without_columns_only_row_counts_come),
        cmocka_unit_test(what_a_file_says_about_itself_can_be_asked),
        cmocka_unit_test(the_serial_of_a_dictionary_changes_with_each_row_group),
        cmocka_unit_test(a_sink_that_fails_ends_the_writer_with_its_error),
        cmocka_unit_test(rows_that_do_not_belong_to_their_column_are_invalid),
        cmocka_unit_test(values_that_their_type_cannot_have_are_invalid),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
