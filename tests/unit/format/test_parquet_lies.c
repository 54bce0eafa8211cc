/* Files that lie: each announced size, count and number wrong in turn, every byte cut off, every byte changed. */
#include <stdlib.h>

#include "format/parquet/crc32.h"
#include "format/parquet/footer.h"
#include "format/parquet/names.h"
#include "format/parquet/rle.h"
#include "format/parquet/thrift.h"
#include "unit/format/parquet_fixture.h"

/* A file of one optional INT64 column 'x' in one row group: a dictionary of two values, a page of codes, a page of
 * PLAIN values; three rows each, the middle one null. Each field says what a lie would say. */
struct story {
    int32_t dictionary_type, dictionary_values, dictionary_encoding, dictionary_size_off, dictionary_packed_off;
    int32_t page_type, page_values, page_encoding, level_encoding, page_size_off, page_packed_off;
    int32_t level_bytes_off, width, code; /* of the page of codes */
    int32_t plain_bytes_off;              /* of the page of PLAIN values: bytes left out or added */
    bool no_dictionary, dictionary_last, with_crc, wrong_crc;
    int32_t physical, schema_physical, codec, footer_bytes_off, columns, children;
    int64_t chunk_values, chunk_size_off, data_offset_off, dictionary_offset_off, group_rows, file_rows;
};

static const struct story truth = {
    .dictionary_type = DF_PARQUET_DICTIONARY_PAGE,
    .dictionary_values = 2,
    .page_type = DF_PARQUET_DATA_PAGE,
    .page_values = 3,
    .page_encoding = DF_PARQUET_ENCODING_RLE_DICTIONARY,
    .level_encoding = DF_PARQUET_ENCODING_RLE,
    .width = 1,
    .code = 1,
    .physical = DF_PARQUET_INT64,
    .schema_physical = DF_PARQUET_INT64,
    .columns = 1,
    .children = 1,
    .chunk_values = 6,
    .group_rows = 6,
    .file_rows = 6,
};

static void put_page(struct df_buf *out, const struct story *story, int32_t type, int32_t values, int32_t encoding,
                     int32_t size_off, int32_t packed_off, const struct df_buf *body)
{
    struct df_thrift_writer writer;
    df_thrift_writer_init(&writer, out);
    df_thrift_put_i32(&writer, 1, type);
    df_thrift_put_i32(&writer, 2, (int32_t)body->size + size_off);
    df_thrift_put_i32(&writer, 3, (int32_t)body->size + packed_off);
    if (story->with_crc)
        df_thrift_put_i32(&writer, 4, (int32_t)df_crc32(df_buf_slice(body)) ^ story->wrong_crc);
    df_thrift_begin_struct(&writer, type == DF_PARQUET_DICTIONARY_PAGE ? 7 : type == DF_PARQUET_DATA_PAGE_V2 ? 8 : 5);
    df_thrift_put_i32(&writer, 1, values);
    df_thrift_put_i32(&writer, 2, encoding);
    if (type == DF_PARQUET_DATA_PAGE) {
        df_thrift_put_i32(&writer, 3, story->level_encoding);
        df_thrift_put_i32(&writer, 4, DF_PARQUET_ENCODING_RLE);
    }
    df_thrift_end_struct(&writer);
    df_thrift_end_struct(&writer);
    df_buf_put_slice(out, df_buf_slice(body));
}

static void put_dictionary(struct df_buf *out, const struct story *story)
{
    struct df_buf body = {0};
    df_buf_put_u64le(&body, 10);
    df_buf_put_u64le(&body, 20);
    put_page(out, story, story->dictionary_type, story->dictionary_values, story->dictionary_encoding,
             story->dictionary_size_off, story->dictionary_packed_off, &body);
    df_buf_dispose(&body);
}

static void put_codes(struct df_buf *out, const struct story *story)
{
    struct df_buf body = {0};
    df_buf_put_u32le(&body, (uint32_t)(2 + story->level_bytes_off));
    df_buf_put(&body, "\x03\x05", 2); /* packed: 1, 0, 1 */
    df_buf_put_u8(&body, (uint8_t)story->width);
    df_buf_put_u8(&body, 4); /* repeated twice */
    if (story->width > 0)
        df_buf_put_u8(&body, (uint8_t)story->code);
    put_page(out, story, story->page_type, story->page_values, story->page_encoding, story->page_size_off,
             story->page_packed_off, &body);
    df_buf_dispose(&body);
}

static void put_plain(struct df_buf *out, const struct story *story)
{
    struct df_buf body = {0};
    df_buf_put_u32le(&body, 2);
    df_buf_put(&body, "\x03\x05", 2);
    df_buf_put_u64le(&body, 30);
    df_buf_put_u64le(&body, 40);
    df_buf_put_u64le(&body, 50);
    body.size = (size_t)((int64_t)body.size - 8 + story->plain_bytes_off);
    put_page(out, story, DF_PARQUET_DATA_PAGE, 3, DF_PARQUET_ENCODING_PLAIN, 0, 0, &body);
    df_buf_dispose(&body);
}

static void put_chunk(struct df_thrift_writer *writer, const struct story *story, int64_t size, int64_t data)
{
    df_thrift_begin_element(writer);
    df_thrift_put_i64(writer, 2, 0);
    df_thrift_begin_struct(writer, 3);
    df_thrift_put_i32(writer, 1, story->physical);
    df_thrift_put_list(writer, 2, DF_THRIFT_I32, 1);
    df_thrift_put_element_i32(writer, DF_PARQUET_ENCODING_PLAIN);
    df_thrift_put_list(writer, 3, DF_THRIFT_BINARY, 1);
    df_thrift_put_element_binary(writer, df_slice_text("x"));
    df_thrift_put_i32(writer, 4, story->codec);
    df_thrift_put_i64(writer, 5, story->chunk_values);
    df_thrift_put_i64(writer, 6, size);
    df_thrift_put_i64(writer, 7, size + story->chunk_size_off);
    df_thrift_put_i64(writer, 9, data + story->data_offset_off);
    if (!story->no_dictionary)
        df_thrift_put_i64(writer, 11, 4 + story->dictionary_offset_off);
    df_thrift_end_struct(writer);
    df_thrift_end_struct(writer);
}

static void put_schema(struct df_thrift_writer *writer, const struct story *story)
{
    df_thrift_put_list(writer, 2, DF_THRIFT_STRUCT, 2);
    df_thrift_begin_element(writer);
    df_thrift_put_binary(writer, 4, df_slice_text("schema"));
    df_thrift_put_i32(writer, 5, story->children);
    df_thrift_end_struct(writer);
    df_thrift_begin_element(writer);
    df_thrift_put_i32(writer, 1, story->schema_physical);
    df_thrift_put_i32(writer, 3, DF_PARQUET_OPTIONAL);
    df_thrift_put_binary(writer, 4, df_slice_text("x"));
    df_thrift_end_struct(writer);
}

static void put_footer(struct df_buf *out, const struct story *story, int64_t size, int64_t data)
{
    size_t before = out->size;
    struct df_thrift_writer writer;
    df_thrift_writer_init(&writer, out);
    df_thrift_put_i32(&writer, 1, 1);
    put_schema(&writer, story);
    df_thrift_put_i64(&writer, 3, story->file_rows);
    df_thrift_put_list(&writer, 4, DF_THRIFT_STRUCT, 1);
    df_thrift_begin_element(&writer);
    df_thrift_put_list(&writer, 1, DF_THRIFT_STRUCT, (uint32_t)story->columns);
    for (int32_t i = 0; i < story->columns; i++)
        put_chunk(&writer, story, size, data);
    df_thrift_put_i64(&writer, 2, size);
    df_thrift_put_i64(&writer, 3, story->group_rows);
    df_thrift_end_struct(&writer);
    df_thrift_end_struct(&writer);
    df_buf_put_u32le(out, (uint32_t)((int64_t)(out->size - before) + story->footer_bytes_off));
    df_buf_put_text(out, "PAR1");
}

static struct df_buf tell(const struct story *story)
{
    struct df_buf out = {0};
    df_buf_put_text(&out, "PAR1");
    if (!story->no_dictionary && !story->dictionary_last)
        put_dictionary(&out, story);
    int64_t data = (int64_t)out.size;
    put_codes(&out, story);
    if (story->dictionary_last)
        put_dictionary(&out, story);
    put_plain(&out, story);
    put_footer(&out, story, (int64_t)out.size - 4, data);
    assert_false(df_buf_failed(&out));
    return out;
}

static int64_t number_at(const struct df_vector *vector, uint32_t row)
{
    const struct df_dictionary *dictionary = vector->dictionary;
    if (df_vector_is_null(vector, row))
        return 1000;
    if (vector->kind == DF_VECTOR_INT64)
        return vector->values.int64s[row] & 0xffff;
    if (vector->kind == DF_VECTOR_CODES && dictionary->kind == DF_VECTOR_INT64)
        return dictionary->values.int64s[vector->values.codes[row]] & 0xffff;
    return 0;
}

/* Reads all supported columns of the file at `path`; values of column 0 go to `sum` when it is an integer column. */
static int read_all(struct df_budget *budget, int64_t *sum, uint64_t *rows_read, struct df_error *error)
{
    struct df_parquet_file *file;
    if (try_open(&file, budget, error) < 0)
        return -1;
    uint32_t columns[64], count = 0;
    for (uint32_t i = 0; i < df_parquet_column_count(file) && count < 64; i++)
        if (!df_parquet_column(file, i)->unsupported)
            columns[count++] = i;
    struct df_parquet_scan_options options = {
        .columns = columns,
        .column_count = count,
        .row_group_end = df_parquet_row_group_count(file),
        .budget = budget,
        .deadline = df_deadline_after_ms(20000),
    };
    struct df_parquet_scan *scan = NULL;
    int more = df_parquet_scan_open(&scan, file, &options, error);
    const struct df_vector *vectors;
    uint32_t rows;
    *sum = 0;
    *rows_read = 0;
    while (more >= 0 && (more = df_parquet_scan_next(scan, &vectors, &rows, error)) > 0) {
        *rows_read += rows;
        for (uint32_t row = 0; row < rows && count > 0; row++)
            *sum += number_at(&vectors[0], row);
    }
    df_parquet_scan_close(scan);
    df_parquet_file_close(file);
    return more;
}

static void the_true_story_is_read(void **state)
{
    (void)state;
    struct story story = truth;
    for (int i = 0; i < 2; i++) {
        story.with_crc = i;
        struct df_buf bytes = tell(&story);
        save(df_buf_slice(&bytes));
        struct df_error error;
        int64_t sum;
        uint64_t rows;
        assert_ok(read_all(NULL, &sum, &rows, &error), &error);
        assert_int_equal(rows, 6);
        assert_int_equal(sum, 20 + 1000 + 20 + 30 + 1000 + 40);
        df_buf_dispose(&bytes);
    }
}

static void each_lie_is_found_and_located(void **state)
{
    (void)state;
    struct lie {
        struct story story;
        enum df_error_kind kind;
        const char *text;
    };
    struct lie lies[48];
    size_t count = 0;
#define TELL(field_, value_, kind_, text_)                                                                             \
    do {                                                                                                               \
        lies[count] = (struct lie){truth, kind_, text_};                                                               \
        lies[count++].story.field_ = (value_);                                                                         \
    } while (0)
    TELL(dictionary_values, 3, DF_ERROR_CORRUPT, "page 0: a dictionary of 3 values cannot be in 16 bytes");
    TELL(dictionary_values, 1, DF_ERROR_CORRUPT, "page 0: its dictionary's values do not fill its bytes");
    TELL(dictionary_values, -1, DF_ERROR_CORRUPT, "negative number of values");
    TELL(dictionary_size_off, 1, DF_ERROR_CORRUPT, "two sizes differ");
    TELL(dictionary_packed_off, 1 << 20, DF_ERROR_CORRUPT, "are left of its column");
    TELL(dictionary_encoding, DF_PARQUET_ENCODING_DELTA_BINARY_PACKED, DF_ERROR_UNSUPPORTED, "DELTA_BINARY_PACKED");
    TELL(dictionary_last, true, DF_ERROR_CORRUPT, "page 0: it has codes, but its column has no dictionary");
    TELL(no_dictionary, true, DF_ERROR_CORRUPT, "page 0: it has codes, but its column has no dictionary");
    TELL(page_type, 9, DF_ERROR_UNSUPPORTED, "a page of an unknown type");
    TELL(page_type, DF_PARQUET_DATA_PAGE_V2, DF_ERROR_CORRUPT, "its header does not belong to its type");
    TELL(page_type, DF_PARQUET_DICTIONARY_PAGE, DF_ERROR_CORRUPT, "not the first page");
    TELL(page_values, 7, DF_ERROR_CORRUPT, "row group 0, column 'x', page 1: it has 7 values, only 6 are left");
    TELL(page_values, 4, DF_ERROR_CORRUPT, "only 2 are left");
    TELL(page_values, 2, DF_ERROR_CORRUPT, "1 values are missing");
    TELL(page_values, -5, DF_ERROR_CORRUPT, "negative number of values");
    TELL(page_encoding, DF_PARQUET_ENCODING_DELTA_BYTE_ARRAY, DF_ERROR_CORRUPT, "not one of its physical type");
    TELL(page_encoding, 77, DF_ERROR_UNSUPPORTED, "an unknown encoding");
    TELL(level_encoding, DF_PARQUET_ENCODING_BIT_PACKED, DF_ERROR_CORRUPT, "are left over after its last value");
    TELL(level_encoding, DF_PARQUET_ENCODING_PLAIN, DF_ERROR_CORRUPT, "levels");
    TELL(page_size_off, -1, DF_ERROR_CORRUPT, "two sizes differ");
    TELL(page_packed_off, -1000, DF_ERROR_CORRUPT, "negative size");
    TELL(page_packed_off, INT32_MAX - 9, DF_ERROR_CORRUPT, "are left of its column");
    TELL(level_bytes_off, 100, DF_ERROR_CORRUPT, "its levels have 102 bytes, the page has 9");
    TELL(level_bytes_off, -1, DF_ERROR_CORRUPT, "page 1: its levels end before its values do");
    TELL(width, 33, DF_ERROR_CORRUPT, "its codes have more than 32 bits");
    TELL(width, 9, DF_ERROR_CORRUPT, "its data end before its values do");
    TELL(code, 2, DF_ERROR_CORRUPT, "its data end before its values do"); /* more than the width */
    TELL(plain_bytes_off, -1, DF_ERROR_CORRUPT, "page 2: its data end before its values do");
    TELL(plain_bytes_off, 8, DF_ERROR_CORRUPT, "page 2: 8 bytes are left over after its last value");
    TELL(physical, DF_PARQUET_INT32, DF_ERROR_CORRUPT, "is INT64 in the schema, but INT32");
    TELL(codec, 3, DF_ERROR_UNSUPPORTED, "codec LZO");
    TELL(codec, DF_PARQUET_SNAPPY, DF_ERROR_CORRUPT, "snappy");
    TELL(footer_bytes_off, 1 << 30, DF_ERROR_CORRUPT, "damaged footer");
    TELL(columns, 2, DF_ERROR_CORRUPT, "row group 0 has 2 columns, the schema has 1");
    TELL(children, 2, DF_ERROR_CORRUPT, "its schema ends in the middle of its tree");
    TELL(children, 0, DF_ERROR_CORRUPT, "its tree ends after 1");
    TELL(chunk_values, 5, DF_ERROR_CORRUPT, "it has 5 values for 6 rows");
    TELL(chunk_size_off, -1, DF_ERROR_CORRUPT, "page 2: it has");
    TELL(chunk_size_off, 1, DF_ERROR_CORRUPT, "data end at byte");
    assert_true(count <= sizeof lies / sizeof *lies);
    for (size_t i = 0; i < count; i++) {
        struct df_buf bytes = tell(&lies[i].story);
        save(df_buf_slice(&bytes));
        struct df_error error;
        int64_t sum;
        uint64_t rows;
        assert_fails(read_all(NULL, &sum, &rows, &error), &error, lies[i].kind, lies[i].text);
        assert_non_null(strstr(error.message, path));
        df_buf_dispose(&bytes);
    }
}

static void bytes_that_no_codec_made_are_named_by_their_codec(void **state)
{
    (void)state;
    static const char *const names[] = {
        [DF_PARQUET_CODEC_SNAPPY] = "snappy", [DF_PARQUET_CODEC_GZIP] = "gzip", [DF_PARQUET_CODEC_BROTLI] = "brotli",
        [DF_PARQUET_CODEC_LZ4] = "LZ4",       [DF_PARQUET_CODEC_ZSTD] = "zstd", [DF_PARQUET_CODEC_LZ4_RAW] = "LZ4"};
    for (int32_t codec = DF_PARQUET_CODEC_SNAPPY; codec <= DF_PARQUET_CODEC_LZ4_RAW; codec++) {
        struct story story = truth;
        struct df_error error;
        int64_t sum;
        uint64_t rows;
        if (!names[codec])
            continue;
        story.codec = codec;
        struct df_buf bytes = tell(&story);
        save(df_buf_slice(&bytes));
        assert_fails(read_all(NULL, &sum, &rows, &error), &error, DF_ERROR_CORRUPT, names[codec]);
        df_buf_dispose(&bytes);
    }
}

static void lies_about_offsets_rows_and_checksums_are_found(void **state)
{
    (void)state;
    struct story stories[12];
    for (size_t i = 0; i < 12; i++)
        stories[i] = truth;
    stories[0].data_offset_off = INT64_MAX - 100000;
    stories[1].data_offset_off = -100000;
    stories[2].chunk_size_off = INT64_MAX - 100000;
    stories[3].chunk_size_off = -100000;
    stories[4].group_rows = INT64_C(1) << 40;
    stories[5].file_rows = 7;
    stories[6].file_rows = -1;
    stories[7].group_rows = -6;
    stories[8].with_crc = stories[8].wrong_crc = true;
    stories[9].dictionary_offset_off = -2;
    stories[10].group_rows = stories[10].file_rows = stories[10].chunk_values = INT64_C(1) << 40;
    stories[11].group_rows = stories[11].file_rows = stories[11].chunk_values = INT64_MAX;
    for (size_t i = 0; i < 12; i++) {
        struct df_buf bytes = tell(&stories[i]);
        save(df_buf_slice(&bytes));
        struct df_error error;
        int64_t sum;
        uint64_t rows;
        assert_fails(read_all(NULL, &sum, &rows, &error), &error, DF_ERROR_CORRUPT, path);
        df_buf_dispose(&bytes);
    }
}

static void a_file_cut_off_anywhere_is_corrupt(void **state)
{
    (void)state;
    struct df_buf bytes = tell(&truth);
    for (size_t size = 0; size < bytes.size; size++) {
        save(df_slice_make(bytes.data, size));
        struct df_error error;
        int64_t sum;
        uint64_t rows;
        assert_fails(read_all(NULL, &sum, &rows, &error), &error, DF_ERROR_CORRUPT, path);
    }
    df_buf_dispose(&bytes);
}

static struct df_slice footer_of(const struct df_buf *bytes)
{
    const uint8_t *end = bytes->data + bytes->size - 8;
    uint32_t size = (uint32_t)end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24;
    return df_slice_make(end - size, size);
}

static void a_footer_cut_at_every_byte_is_corrupt(void **state)
{
    (void)state;
    struct df_buf bytes = tell(&truth);
    struct df_slice whole = footer_of(&bytes);
    struct df_budget budget;
    df_budget_init(&budget, 1 << 20);
    for (size_t size = 0; size < whole.size; size++) {
        uint8_t *exact = malloc(size ? size : 1); /* the sanitizer sees any byte read behind it */
        memcpy(exact, whole.data, size);
        struct df_parquet_footer_bytes cut = {df_slice_make(exact, size), 1000, "cut.parquet", &budget};
        struct df_parquet_footer footer;
        struct df_error error;
        assert_fails(df_parquet_footer_decode(&footer, &cut, &error), &error, DF_ERROR_CORRUPT, "cut.parquet");
        assert_int_equal(budget.used_bytes, 0);
        free(exact);
    }
    df_buf_dispose(&bytes);
}

/* Reads a changed file; any answer or any fitting error will do, in bounded memory. */
static void read_changed(struct df_buf *bytes, struct df_budget *budget)
{
    save(df_buf_slice(bytes));
    struct df_error error = {0};
    int64_t sum;
    uint64_t rows;
    if (read_all(budget, &sum, &rows, &error) < 0)
        assert_true(error.kind == DF_ERROR_CORRUPT || error.kind == DF_ERROR_UNSUPPORTED ||
                    error.kind == DF_ERROR_EXHAUSTED);
    assert_int_equal(budget->used_bytes, 0);
}

static void every_byte_changed_gives_an_answer_or_an_error(void **state)
{
    (void)state;
    static const uint8_t changes[] = {0, 1, 0x7f, 0x80, 0xff, 0x15, 0x0f};
    struct df_buf bytes = tell(&truth);
    struct df_budget budget;
    df_budget_init(&budget, 8 << 20);
    for (size_t at = 0; at < bytes.size; at++) {
        uint8_t before = bytes.data[at];
        for (size_t i = 0; i < sizeof changes; i++) {
            bytes.data[at] = changes[i];
            read_changed(&bytes, &budget);
        }
        bytes.data[at] = before ^ 1;
        read_changed(&bytes, &budget);
        bytes.data[at] = before;
    }
    df_buf_dispose(&bytes);
}

/* With checksums, a byte of a page's body cannot change unseen. */
static void a_changed_page_with_a_checksum_is_never_read(void **state)
{
    (void)state;
    struct story story = truth;
    story.with_crc = true;
    struct df_buf bytes = tell(&story);
    struct df_slice footer = footer_of(&bytes);
    size_t changed = 0;
    for (const uint8_t *at = bytes.data + 4; at < footer.data; at++) {
        bytes.data[at - bytes.data] ^= 0x10;
        save(df_buf_slice(&bytes));
        struct df_error error = {0};
        int64_t sum;
        uint64_t rows;
        if (read_all(NULL, &sum, &rows, &error) >= 0) {
            /* Bits of a header that say nothing: the encoding of levels that there are none of. */
            assert_int_equal(sum, 20 + 1000 + 20 + 30 + 1000 + 40);
            changed++;
        }
        bytes.data[at - bytes.data] ^= 0x10;
    }
    assert_true(changed < 16);
    df_buf_dispose(&bytes);
}

/* A schema of a million nested groups, and one whose names would fill memory. */
static void schemas_that_nest_or_repeat_without_end_are_corrupt(void **state)
{
    (void)state;
    enum { ELEMENTS = 200000 };
    struct df_buf footer = {0};
    struct df_thrift_writer writer;
    df_thrift_writer_init(&writer, &footer);
    df_thrift_put_list(&writer, 2, DF_THRIFT_STRUCT, ELEMENTS);
    for (int i = 0; i < ELEMENTS; i++) {
        df_thrift_begin_element(&writer);
        df_thrift_put_binary(&writer, 4, df_slice_text("g"));
        df_thrift_put_i32(&writer, 5, 1);
        df_thrift_end_struct(&writer);
    }
    df_thrift_end_struct(&writer);
    struct df_parquet_footer_bytes bytes = {df_buf_slice(&footer), 1000, "deep.parquet", NULL};
    struct df_parquet_footer out;
    struct df_error error;
    assert_fails(df_parquet_footer_decode(&out, &bytes, &error), &error, DF_ERROR_CORRUPT, "nested deeper");

    enum { NAME_BYTES = 60000, LEAVES = 20000 };
    char *name = calloc(NAME_BYTES + 1, 1);
    memset(name, 'n', NAME_BYTES);
    df_buf_clear(&footer);
    df_thrift_writer_init(&writer, &footer);
    df_thrift_put_list(&writer, 2, DF_THRIFT_STRUCT, LEAVES + 2);
    for (int i = 0; i < LEAVES + 2; i++) {
        df_thrift_begin_element(&writer);
        if (i >= 2)
            df_thrift_put_i32(&writer, 1, DF_PARQUET_INT64);
        df_thrift_put_binary(&writer, 4, df_slice_text(i == 1 ? name : "l"));
        if (i < 2)
            df_thrift_put_i32(&writer, 5, i == 0 ? 1 : LEAVES);
        df_thrift_end_struct(&writer);
    }
    df_thrift_end_struct(&writer);
    struct df_budget budget;
    df_budget_init(&budget, 0);
    bytes = (struct df_parquet_footer_bytes){df_buf_slice(&footer), 1000, "names.parquet", &budget};
    assert_fails(df_parquet_footer_decode(&out, &bytes, &error), &error, DF_ERROR_CORRUPT, "column names");
    assert_true(budget.peak_bytes < 100 << 20);
    free(name);
    df_buf_dispose(&footer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_true_story_is_read),
        cmocka_unit_test(each_lie_is_found_and_located),
        cmocka_unit_test(bytes_that_no_codec_made_are_named_by_their_codec),
        cmocka_unit_test(lies_about_offsets_rows_and_checksums_are_found),
        cmocka_unit_test(a_file_cut_off_anywhere_is_corrupt),
        cmocka_unit_test(a_footer_cut_at_every_byte_is_corrupt),
        cmocka_unit_test(every_byte_changed_gives_an_answer_or_an_error),
        cmocka_unit_test(a_changed_page_with_a_checksum_is_never_read),
        cmocka_unit_test(schemas_that_nest_or_repeat_without_end_are_corrupt),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
