/* Lists and exact types as the writer writes them: the levels byte by byte, pages that end where rows end, counts and
 * indexes, what is refused; and that bytes do not depend on how rows are handed over. */
#include <math.h>

#include "base/bytes.h"
#include "format/parquet/describe.h"
#include "format/parquet/file.h"
#include "format/parquet/index.h"
#include "unit/format/parquet_fixture.h"

/* Rows of lists of numbers, as text: "[1,null] [] null". */
enum { ROWS_MAX = 4096, ELEMENTS_MAX = 16384 };

static struct rows {
    uint32_t count, element_count;
    uint32_t offsets[ROWS_MAX + 1];
    uint8_t valid[ROWS_MAX], element_valid[ELEMENTS_MAX];
    int64_t numbers[ELEMENTS_MAX];
} rows;

static struct df_vector elements, lists;

static void begin_rows(void)
{
    memset(&rows, 0, sizeof rows);
}

static void add_null(void)
{
    rows.offsets[++rows.count] = rows.element_count;
}

static void add_list(uint32_t length, int64_t first, int64_t null_at)
{
    rows.valid[rows.count] = 1;
    for (uint32_t i = 0; i < length; i++) {
        rows.element_valid[rows.element_count] = i != null_at;
        rows.numbers[rows.element_count++] = first + i;
    }
    rows.offsets[++rows.count] = rows.element_count;
}

static const struct df_vector *end_rows(void)
{
    elements = (struct df_vector){.kind = DF_VECTOR_INT64,
                                  .row_count = rows.element_count,
                                  .valid = rows.element_valid,
                                  .values.int64s = rows.numbers};
    lists = (struct df_vector){.kind = DF_VECTOR_LIST,
                               .row_count = rows.count,
                               .valid = rows.valid,
                               .values.list = {.offsets = rows.offsets, .elements = &elements}};
    return &lists;
}

static struct df_parquet_write_column list_column(bool dictionary)
{
    return (struct df_parquet_write_column){.name = "x",
                                            .type = {.kind = DF_TYPE_INT64, .bits = 64, .list = true},
                                            .optional = true,
                                            .dictionary = dictionary};
}

/* Writes `vector` in calls of `call_rows` rows and gives the file's bytes; 0: in one. */
static struct df_buf written(struct df_parquet_write_options options, const struct df_vector *vector,
                             uint32_t call_rows)
{
    struct df_buf bytes = {0};
    struct df_error error;
    struct df_parquet_writer *writer;
    assert_ok(df_parquet_writer_open(&writer, &options, to_buf, &bytes, &error), &error);
    uint32_t step = call_rows ? call_rows : vector->row_count;
    for (uint32_t at = 0; at < vector->row_count; at += step) {
        struct df_vector part = *vector;
        part.valid += at;
        part.values.list.offsets += at;
        part.row_count = vector->row_count - at < step ? vector->row_count - at : step;
        assert_ok(df_parquet_writer_put(writer, &part, part.row_count, &error), &error);
    }
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
    return bytes;
}

static void write_rows(struct df_parquet_write_options options, const struct df_vector *vector)
{
    struct df_buf bytes = written(options, vector, 0);
    save(df_buf_slice(&bytes));
    df_buf_dispose(&bytes);
}

static int64_t number_of(const struct df_vector *vector, uint32_t at)
{
    if (vector->kind == DF_VECTOR_CODES)
        return vector->dictionary->values.int64s[vector->values.codes[at]];
    return vector->values.int64s[at];
}

static void assert_row_is(const struct df_vector *vector, uint32_t at, uint32_t row)
{
    const struct df_vector_list *list = &vector->values.list;
    uint32_t length = rows.offsets[row + 1] - rows.offsets[row];
    assert_int_equal(df_vector_is_null(vector, at), !rows.valid[row]);
    assert_int_equal(list->offsets[at + 1] - list->offsets[at], length);
    for (uint32_t i = 0; i < length; i++) {
        uint32_t there = list->offsets[at] + i, here = rows.offsets[row] + i;
        assert_int_equal(df_vector_is_null(list->elements, there), !rows.element_valid[here]);
        if (rows.element_valid[here])
            assert_int_equal(number_of(list->elements, there), rows.numbers[here]);
    }
}

static void assert_reads_as_written(void)
{
    struct df_parquet_file *file = open_file(NULL);
    uint32_t column = 0, count, row = 0;
    struct df_parquet_scan_options options = {.columns = &column,
                                              .column_count = 1,
                                              .row_group_end = df_parquet_row_group_count(file),
                                              .deadline = df_deadline_never()};
    struct df_parquet_scan *scan;
    const struct df_vector *vectors;
    struct df_error error;
    int more;
    assert_ok(df_parquet_scan_open(&scan, file, &options, &error), &error);
    while ((more = df_parquet_scan_next(scan, &vectors, &count, &error)) > 0)
        for (uint32_t i = 0; i < count; i++)
            assert_row_is(&vectors[0], i, row++);
    assert_ok(more, &error);
    assert_int_equal(row, rows.count);
    df_parquet_scan_close(scan);
    df_parquet_file_close(file);
}

/* ---- bytes ---- */

static void levels_tell_null_lists_empty_ones_null_elements_and_values(void **state)
{
    (void)state;
    begin_rows();
    add_list(3, 7, 1); /* [7, null, 9] */
    add_null();
    add_list(0, 0, -1);
    add_list(1, 5, -1);
    struct df_parquet_write_column column = list_column(false);
    struct df_buf bytes =
        written((struct df_parquet_write_options){.columns = &column, .column_count = 1}, end_rows(), 0);
    /* Repetition 0 1 1 0 0 0, one bit each; definition 3 2 3 0 1 3, two bits each; both as one group of eight. */
    static const uint8_t body[] = {2, 0, 0, 0, 3, 0x06,       /* levels of lists */
                                   3, 0, 0, 0, 3, 0x3b, 0x0d, /* 3 2 3 0, 1 3 */
                                   7, 0, 0, 0, 0, 0,    0,    0, 9, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0};
    assert_non_null(memmem(bytes.data, bytes.size, body, sizeof body));
    save(df_buf_slice(&bytes));
    assert_reads_as_written();
    df_buf_dispose(&bytes);
}

static void the_schema_of_a_list_has_three_levels_and_says_what_may_be_null(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        begin_rows();
        add_list(2, 1, -1);
        struct df_parquet_write_column column = list_column(false);
        column.optional = i & 1;
        struct df_parquet_write_more more = {.elements_required = i & 2};
        write_rows((struct df_parquet_write_options){.columns = &column, .column_count = 1, .more = &more}, end_rows());
        struct df_parquet_file *file = open_file(NULL);
        struct df_parquet_write_column like;
        struct df_parquet_write_more more_like;
        assert_true(df_parquet_column(file, 0)->type.list);
        assert_string_equal(df_parquet_column(file, 0)->name, "x");
        assert_int_equal(file->footer.leaves[0].definition_max, 1 + !!(i & 1) + !(i & 2));
        df_parquet_write_like(file, 0, &like, &more_like);
        assert_int_equal(like.optional, i & 1);
        assert_int_equal(more_like.elements_required, !!(i & 2));
        df_parquet_file_close(file);
        assert_reads_as_written();
    }
}

/* ---- pages ---- */

static void many_rows(void)
{
    uint64_t seed = 5;
    begin_rows();
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t length = (uint32_t)(test_random(&seed) % 6);
        if (test_random(&seed) % 7 == 0)
            add_null();
        else
            add_list(i == 1000 ? 900 : length, i / 100, test_random(&seed) % 3 ? -1 : (int64_t)(length / 2));
    }
}

static void pages_end_where_rows_end_and_indexes_count_rows(void **state)
{
    (void)state;
    many_rows();
    for (int i = 0; i < 4; i++) {
        struct df_parquet_write_column column = list_column(i & 1);
        write_rows(
            (struct df_parquet_write_options){
                .columns = &column, .column_count = 1, .page_bytes = 100, .row_group_rows = 1100, .pages_v2 = i & 2},
            end_rows());
        assert_reads_as_written();
        struct df_parquet_file *file = open_file(NULL);
        struct df_parquet_reading reading = {.deadline = df_deadline_never()};
        struct df_error error;
        uint64_t entries = 0;
        for (uint32_t group = 0; group < 3; group++) {
            struct df_parquet_index index;
            assert_ok(df_parquet_index_read(&index, file, group, 0, &reading, &error), &error);
            assert_true(index.page_count > 3);
            uint64_t count = 0;
            for (uint32_t page = 0; page < index.page_count; page++)
                count += index.pages[page].row_count;
            assert_int_equal(count, group < 2 ? 1100 : 800);
            entries += df_parquet_describe_chunk(file, group, 0).value_count;
            df_parquet_index_dispose(&index);
        }
        uint64_t expected = 0;
        for (uint32_t row = 0; row < rows.count; row++) {
            uint32_t length = rows.offsets[row + 1] - rows.offsets[row];
            expected += length ? length : 1; /* no list, and an empty one, have an entry, too */
        }
        assert_int_equal(entries, expected);
        df_parquet_file_close(file);
    }
}

static void a_dictionary_that_fills_up_in_mid_row_falls_back_at_that_row(void **state)
{
    (void)state;
    static int64_t numbers[200000];
    static uint32_t offsets[2001];
    for (uint32_t i = 0; i < 200000; i++)
        numbers[i] = (int64_t)i * 1000003;
    for (uint32_t i = 0; i <= 2000; i++)
        offsets[i] = i * 100; /* 131,072 numbers fill the dictionary: in the middle of a row */
    struct df_vector all = {.kind = DF_VECTOR_INT64, .row_count = 200000, .values.int64s = numbers};
    struct df_vector vector = {
        .kind = DF_VECTOR_LIST, .row_count = 2000, .values.list = {.offsets = offsets, .elements = &all}};
    struct df_parquet_write_column column = list_column(true);
    struct df_buf bytes = {0};
    struct df_error error;
    struct df_parquet_writer *writer;
    struct df_parquet_write_options options = {.columns = &column, .column_count = 1};
    assert_ok(df_parquet_writer_open(&writer, &options, to_buf, &bytes, &error), &error);
    assert_ok(df_parquet_writer_put(writer, &vector, 2000, &error), &error);
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
    save(df_buf_slice(&bytes));
    df_buf_dispose(&bytes);
    struct df_parquet_file *file = open_file(NULL);
    struct df_parquet_chunk_description chunk = df_parquet_describe_chunk(file, 0, 0);
    assert_true(chunk.dictionary);
    assert_int_equal(chunk.value_count, 200000);
    uint32_t number = 0, count;
    uint64_t next = 0;
    struct df_parquet_scan_options reading = {
        .columns = &number, .column_count = 1, .row_group_end = 1, .deadline = df_deadline_never()};
    struct df_parquet_scan *scan;
    const struct df_vector *vectors;
    assert_ok(df_parquet_scan_open(&scan, file, &reading, &error), &error);
    while (df_parquet_scan_next(scan, &vectors, &count, &error) > 0) {
        const struct df_vector_list *list = &vectors[0].values.list;
        for (uint32_t i = list->offsets[0]; i < list->offsets[count]; i++)
            assert_int_equal(number_of(list->elements, i), numbers[next++]);
    }
    assert_int_equal(next, 200000);
    df_parquet_scan_close(scan);
    df_parquet_file_close(file);
}

static void the_same_lists_give_the_same_bytes_however_they_are_cut(void **state)
{
    (void)state;
    many_rows();
    for (int i = 0; i < 4; i++) {
        struct df_parquet_write_column column = list_column(i & 1);
        struct df_parquet_write_more more = {.delta = true, .bloom_filter = true};
        struct df_parquet_write_options options = {.columns = &column,
                                                   .column_count = 1,
                                                   .codec = DF_PARQUET_ZSTD,
                                                   .page_bytes = 700,
                                                   .row_group_rows = 900,
                                                   .more = &more,
                                                   .pages_v2 = i & 2};
        struct df_buf whole = written(options, end_rows(), 0);
        static const uint32_t steps[] = {1, 7, 899, 900, 901};
        for (size_t at = 0; at < sizeof steps / sizeof *steps; at++) {
            struct df_buf cut = written(options, end_rows(), steps[at]);
            assert_int_equal(cut.size, whole.size);
            assert_memory_equal(cut.data, whole.data, whole.size);
            df_buf_dispose(&cut);
        }
        df_buf_dispose(&whole);
    }
}

/* ---- what is refused ---- */

static void lists_that_do_not_belong_to_their_column_are_invalid(void **state)
{
    (void)state;
    begin_rows();
    add_list(2, 1, 1);
    add_null();
    const struct df_vector *vector = end_rows();
    struct df_vector flat = elements, null = *vector;
    null.valid += 1;
    null.values.list.offsets += 1;
    const struct {
        const struct df_vector *vector;
        bool list, optional, elements_required;
        const char *text;
    } cases[] = {
        {vector, true, true, true, "has a null in a list"},
        {&null, true, false, false, "has a null, but"},
        {&flat, true, true, false, "is a list of integers, the values given are of another kind"},
        {vector, false, true, false, "is an integer, the values given are of another kind"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_buf bytes = {0};
        struct df_error error;
        struct df_parquet_writer *writer;
        struct df_parquet_write_column column = list_column(false);
        column.type.list = cases[i].list;
        column.optional = cases[i].optional;
        struct df_parquet_write_more more = {.elements_required = cases[i].elements_required};
        struct df_parquet_write_options options = {.columns = &column, .column_count = 1, .more = &more};
        assert_ok(df_parquet_writer_open(&writer, &options, to_buf, &bytes, &error), &error);
        assert_fails(df_parquet_writer_put(writer, cases[i].vector, 1, &error), &error, DF_ERROR_INVALID,
                     cases[i].text);
        df_parquet_writer_close(writer);
        df_buf_dispose(&bytes);
    }
    struct df_parquet_write_column column = list_column(false);
    struct df_parquet_sorting_column sorting = {0};
    struct df_parquet_write_options options = {
        .columns = &column, .column_count = 1, .sorting = &sorting, .sorting_count = 1};
    struct df_parquet_writer *writer;
    struct df_error error;
    assert_fails(df_parquet_writer_open(&writer, &options, to_buf, NULL, &error), &error, DF_ERROR_INVALID,
                 "lists have no order");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_tell_null_lists_empty_ones_null_elements_and_values),
        cmocka_unit_test(the_schema_of_a_list_has_three_levels_and_says_what_may_be_null),
        cmocka_unit_test(pages_end_where_rows_end_and_indexes_count_rows),
        cmocka_unit_test(a_dictionary_that_fills_up_in_mid_row_falls_back_at_that_row),
        cmocka_unit_test(the_same_lists_give_the_same_bytes_however_they_are_cut),
        cmocka_unit_test(lists_that_do_not_belong_to_their_column_are_invalid),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
