#include "format/parquet/write_column.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "format/parquet/codec.h"
#include "format/parquet/crc32.h"
#include "format/parquet/names.h"
#include "format/parquet/rle.h"
#include "format/parquet/thrift.h"

enum {
    PAGE_ROWS_MAX = 1 << 28, /* sizes of pages are 31 bits in their headers */
    /* Longer strings would make the footer long and help nobody to skip. */
    BOUND_BYTES_MAX = 64,
};

static int no_memory(const struct df_write_column *column, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_EXHAUSTED, "out of memory while writing column '%s'", column->options.name);
}

int df_write_column_init(struct df_write_column *column, const struct df_parquet_write_column *options,
                         enum df_parquet_codec codec, uint32_t page_bytes, struct df_error *error)
{
    *column = (struct df_write_column){.options = *options, .codec = codec, .page_bytes = page_bytes};
    column->options.name = strdup(options->name);
    if (!column->options.name)
        return df_error_no_memory(error, "while opening a Parquet writer");
    if (!df_write_type_of(&options->type, &column->written))
        return df_error_set(error, DF_ERROR_UNSUPPORTED, "column '%s': its type is not written", options->name);
    if (column->written.physical == DF_PARQUET_BOOLEAN)
        column->options.dictionary = false; /* one bit cannot be made shorter */
    column->dictionary_on = column->options.dictionary;
    return 0;
}

void df_write_column_dispose(struct df_write_column *column)
{
    struct df_buf *bufs[] = {&column->levels, &column->codes, &column->plain,
                             &column->pages,  &column->body,  &column->packed};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        df_buf_dispose(bufs[i]);
    df_write_dictionary_dispose(&column->dictionary);
    df_write_statistics_dispose(&column->statistics);
    free((char *)(uintptr_t)column->options.name);
    *column = (struct df_write_column){0};
}

/* ---- pages ---- */

static void put_page_header(struct df_buf *out, enum df_parquet_page_type type, enum df_parquet_encoding encoding,
                            uint32_t values, size_t uncompressed_bytes, struct df_slice packed)
{
    struct df_thrift_writer writer;
    df_thrift_writer_init(&writer, out);
    df_thrift_put_i32(&writer, 1, (int32_t)type);
    df_thrift_put_i32(&writer, 2, (int32_t)uncompressed_bytes);
    df_thrift_put_i32(&writer, 3, (int32_t)packed.size);
    df_thrift_put_i32(&writer, 4, (int32_t)df_crc32(packed));
    df_thrift_begin_struct(&writer, type == DF_PARQUET_DATA_PAGE ? 5 : 7);
    df_thrift_put_i32(&writer, 1, (int32_t)values);
    df_thrift_put_i32(&writer, 2, (int32_t)encoding);
    if (type == DF_PARQUET_DATA_PAGE) {
        df_thrift_put_i32(&writer, 3, DF_PARQUET_ENCODING_RLE);
        df_thrift_put_i32(&writer, 4, DF_PARQUET_ENCODING_RLE);
    }
    df_thrift_end_struct(&writer);
    df_thrift_end_struct(&writer);
}

/* Appends a page with these bytes to `out`. */
static int put_page(struct df_write_column *column, enum df_parquet_page_type type, enum df_parquet_encoding encoding,
                    uint32_t values, struct df_slice body, struct df_buf *out, struct df_error *error)
{
    if (body.size > INT32_MAX)
        return df_error_set(error, DF_ERROR_INVALID,
                            "column '%s': a page of %zu bytes, at most 2^31 - 1 can be written", column->options.name,
                            body.size);
    df_buf_clear(&column->packed);
    df_parquet_codec_compress(column->codec, body, &column->packed);
    struct df_slice packed = df_buf_slice(&column->packed);
    size_t before = out->size;
    if (!df_buf_failed(&column->packed) && packed.size <= INT32_MAX)
        put_page_header(out, type, encoding, values, body.size, packed);
    column->uncompressed_bytes += out->size - before + body.size;
    df_buf_put_slice(out, packed);
    return df_buf_failed(&column->packed) || df_buf_failed(out) ? no_memory(column, error) : 0;
}

static const uint32_t *words(const struct df_buf *buf)
{
    return (const uint32_t *)(const void *)buf->data;
}

static void put_levels(struct df_write_column *column, struct df_buf *body)
{
    size_t at = body->size;
    df_buf_put_u32le(body, 0);
    df_rle_put(body, words(&column->levels), column->levels.size / sizeof(uint32_t), 1);
    if (!df_buf_failed(body))
        df_store_u32le(body->data + at, (uint32_t)(body->size - at - 4));
}

/* One byte per boolean becomes one bit. */
static void put_bools(const struct df_buf *bools, struct df_buf *body)
{
    size_t bytes = (bools->size + 7) / 8;
    uint8_t *to = df_buf_extend(body, bytes);
    if (!to)
        return;
    memset(to, 0, bytes);
    for (size_t i = 0; i < bools->size; i++)
        to[i / 8] = (uint8_t)(to[i / 8] | bools->data[i] << i % 8);
}

/* A dictionary of one value could do with no bits, but not every reader knows that. */
static uint32_t code_width(const struct df_write_column *column)
{
    return column->dictionary.count <= 2 ? 1 : df_rle_width(column->dictionary.count - 1);
}

static int cut_page(struct df_write_column *column, struct df_error *error)
{
    if (column->page_rows == 0)
        return 0;
    struct df_buf *body = &column->body;
    df_buf_clear(body);
    if (column->options.optional)
        put_levels(column, body);
    enum df_parquet_encoding encoding = DF_PARQUET_ENCODING_PLAIN;
    if (column->dictionary_on) {
        uint32_t width = code_width(column);
        df_buf_put_u8(body, (uint8_t)width);
        df_rle_put(body, words(&column->codes), column->codes.size / sizeof(uint32_t), width);
        encoding = DF_PARQUET_ENCODING_RLE_DICTIONARY;
        column->dictionary_page_count++;
    } else if (column->written.physical == DF_PARQUET_BOOLEAN) {
        put_bools(&column->plain, body);
        column->plain_page_count++;
    } else {
        df_buf_put_slice(body, df_buf_slice(&column->plain));
        column->plain_page_count++;
    }
    if (df_buf_failed(body) || df_buf_failed(&column->levels) || df_buf_failed(&column->codes) ||
        df_buf_failed(&column->plain))
        return no_memory(column, error);
    int result =
        put_page(column, DF_PARQUET_DATA_PAGE, encoding, column->page_rows, df_buf_slice(body), &column->pages, error);
    df_buf_clear(&column->levels);
    df_buf_clear(&column->codes);
    df_buf_clear(&column->plain);
    column->page_rows = 0;
    return result;
}

/* What the page will have, before compression: a guess for codes, which runs make shorter. */
static uint64_t page_bytes_now(const struct df_write_column *column)
{
    uint64_t levels = column->options.optional ? column->page_rows / 8 : 0;
    if (column->dictionary_on)
        return levels + column->codes.size / sizeof(uint32_t) * code_width(column) / 8;
    if (column->written.physical == DF_PARQUET_BOOLEAN)
        return levels + column->plain.size / 8;
    return levels + column->plain.size;
}

static void put_plain(struct df_write_column *column, const struct df_write_value *value)
{
    if (column->written.physical == DF_PARQUET_BYTE_ARRAY)
        df_buf_put_u32le(&column->plain, (uint32_t)value->plain_bytes.size);
    df_buf_put_slice(&column->plain, value->plain_bytes);
}

/* Codes as long as the dictionary takes new values; from the first that it does not take on, PLAIN. The pages that are
 * finished stay as they are. */
static int put_value(struct df_write_column *column, const struct df_write_value *value, struct df_error *error)
{
    if (column->dictionary_on) {
        uint32_t code;
        bool with_length = column->written.physical == DF_PARQUET_BYTE_ARRAY;
        switch (df_write_dictionary_code(&column->dictionary, value->plain_bytes, with_length, &code)) {
        case DF_WRITE_DICTIONARY_NEW:
            df_write_statistics_note(&column->statistics, &column->options.type, value);
            df_buf_put_u32le(&column->codes, code);
            return 0;
        case DF_WRITE_DICTIONARY_CODE:
            if (column->options.type.kind == DF_TYPE_FLOAT && isnan(value->number))
                column->statistics.nan_count++;
            df_buf_put_u32le(&column->codes, code);
            return 0;
        case DF_WRITE_DICTIONARY_ERROR:
            return no_memory(column, error);
        case DF_WRITE_DICTIONARY_FULL:
            if (cut_page(column, error) < 0)
                return -1;
            column->dictionary_on = false;
        }
    }
    df_write_statistics_note(&column->statistics, &column->options.type, value);
    put_plain(column, value);
    return 0;
}

static int put_row(struct df_write_column *column, const struct df_vector *vector, uint32_t row, struct df_error *error)
{
    bool present = !df_vector_is_null(vector, row);
    if (present) {
        struct df_write_value value = {0};
        df_write_value_load(vector, row, &value);
        if (df_write_value_encode(&column->options, &column->written, &value, error) < 0 ||
            put_value(column, &value, error) < 0)
            return -1;
    } else if (column->options.optional) {
        column->statistics.null_count++;
    } else {
        return df_error_set(error, DF_ERROR_INVALID, "column '%s' has a null, but was declared to have none",
                            column->options.name);
    }
    if (column->options.optional)
        df_buf_put_u32le(&column->levels, present);
    column->page_rows++;
    column->rows++;
    if (page_bytes_now(column) < column->page_bytes && column->page_rows < PAGE_ROWS_MAX)
        return 0;
    return cut_page(column, error);
}

int df_write_column_put(struct df_write_column *column, const struct df_vector *vector, uint32_t begin, uint32_t end,
                        struct df_error *error)
{
    char text[DF_TYPE_TEXT_BYTES];
    if (begin < end && !df_write_value_kind_fits(&column->options.type, vector))
        return df_error_set(error, DF_ERROR_INVALID, "column '%s' is %s, the values given are of another kind",
                            column->options.name, df_type_text(&column->options.type, text));
    for (uint32_t row = begin; row < end; row++)
        if (put_row(column, vector, row, error) < 0)
            return -1;
    return 0;
}

/* ---- the chunk ---- */

static int remember_bounds(const struct df_write_column *column, struct df_write_chunk *chunk, struct df_error *error)
{
    const struct df_write_statistics *statistics = &column->statistics;
    if (df_buf_failed(&statistics->minimum_bytes) || df_buf_failed(&statistics->maximum_bytes))
        return no_memory(column, error);
    if (!statistics->any || statistics->minimum_bytes.size > BOUND_BYTES_MAX ||
        statistics->maximum_bytes.size > BOUND_BYTES_MAX)
        return 0;
    struct df_buf both = {0}, maximum = {0};
    df_write_statistics_put(statistics, &column->options, &column->written, &both, &maximum);
    size_t minimum_bytes = both.size;
    df_buf_put_slice(&both, df_buf_slice(&maximum));
    df_buf_put_u8(&both, 0); /* so that empty strings have an address, too */
    bool failed = df_buf_failed(&both) || df_buf_failed(&maximum);
    chunk->minimum = df_slice_make(both.data, minimum_bytes);
    chunk->maximum = df_slice_make(both.data ? both.data + minimum_bytes : NULL, maximum.size);
    chunk->bounds_known = !failed;
    df_buf_dispose(&maximum);
    if (!failed)
        return 0;
    df_buf_dispose(&both);
    chunk->minimum = chunk->maximum = (struct df_slice){0};
    return no_memory(column, error);
}

static void clear_chunk(struct df_write_column *column)
{
    df_write_dictionary_clear(&column->dictionary);
    df_buf_clear(&column->pages);
    column->dictionary_on = column->options.dictionary;
    column->dictionary_page_count = column->plain_page_count = 0;
    column->rows = column->uncompressed_bytes = 0;
    df_write_statistics_clear(&column->statistics);
}

static int write_pages(struct df_write_column *column, df_parquet_sink_fn *sink, void *ctx,
                       struct df_write_chunk *chunk, struct df_error *error)
{
    struct df_buf *head = &column->body; /* the last data page was made; its room serves the dictionary */
    df_buf_clear(head);
    if (column->dictionary_page_count > 0 &&
        put_page(column, DF_PARQUET_DICTIONARY_PAGE, DF_PARQUET_ENCODING_PLAIN, column->dictionary.count,
                 df_buf_slice(&column->dictionary.plain), head, error) < 0)
        return -1;
    chunk->dictionary_bytes = head->size;
    chunk->size_bytes = head->size + column->pages.size;
    if (head->size > 0 && sink(ctx, df_buf_slice(head), error) < 0)
        return -1;
    return sink(ctx, df_buf_slice(&column->pages), error);
}

int df_write_column_finish(struct df_write_column *column, df_parquet_sink_fn *sink, void *ctx,
                           struct df_write_chunk *chunk, struct df_error *error)
{
    *chunk = (struct df_write_chunk){0};
    if (cut_page(column, error) < 0 || write_pages(column, sink, ctx, chunk, error) < 0 ||
        remember_bounds(column, chunk, error) < 0)
        return -1;
    chunk->value_count = column->rows;
    chunk->uncompressed_bytes = column->uncompressed_bytes;
    chunk->dictionary_page_count = column->dictionary_page_count;
    chunk->plain_page_count = column->plain_page_count;
    chunk->null_count = column->statistics.null_count;
    chunk->nan_count = column->statistics.nan_count;
    clear_chunk(column);
    return 0;
}

void df_write_chunk_dispose(struct df_write_chunk *chunk)
{
    free((uint8_t *)(uintptr_t)chunk->minimum.data);
    *chunk = (struct df_write_chunk){0};
}
