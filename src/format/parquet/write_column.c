#include "format/parquet/write_column.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "format/parquet/bloom.h"
#include "format/parquet/delta.h"
#include "format/parquet/rle.h"
#include "format/parquet/write_page.h"

enum {
    PAGE_ROWS_MAX = 1 << 28, /* sizes of pages are 31 bits in their headers */
    /* Longer strings would make the footer long and help nobody to skip. */
    BOUND_BYTES_MAX = 64,
};

static int no_memory(const struct df_write_column *column, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_EXHAUSTED, "out of memory while writing column '%s'", column->options.name);
}

int df_write_column_init(struct df_write_column *column, const struct df_parquet_write_options *options, uint32_t i,
                         uint32_t page_bytes, struct df_error *error)
{
    const struct df_parquet_write_column *wanted = &options->columns[i];
    *column = (struct df_write_column){
        .options = *wanted, .codec = options->codec, .page_bytes = page_bytes, .pages_v2 = options->pages_v2};
    if (options->more)
        column->more = options->more[i];
    column->options.name = strdup(wanted->name);
    if (!column->options.name)
        return df_error_no_memory(error, "while opening a Parquet writer");
    if (!df_write_type_of(&wanted->type, &column->written))
        return df_error_set(error, DF_ERROR_UNSUPPORTED, "column '%s': its type is not written", wanted->name);
    enum df_parquet_physical physical = column->written.physical;
    column->more.delta = column->more.delta && (physical == DF_PARQUET_INT32 || physical == DF_PARQUET_INT64);
    if (physical == DF_PARQUET_BOOLEAN) /* one bit cannot be made shorter */
        column->options.dictionary = column->more.bloom_filter = false;
    column->dictionary_on = column->options.dictionary;
    return 0;
}

void df_write_column_dispose(struct df_write_column *column)
{
    struct df_buf *bufs[] = {&column->levels, &column->codes,  &column->plain, &column->pages,
                             &column->body,   &column->packed, &column->hashes};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        df_buf_dispose(bufs[i]);
    df_write_dictionary_dispose(&column->dictionary);
    df_write_statistics_dispose(&column->statistics);
    df_write_statistics_dispose(&column->of_page);
    df_write_statistics_dispose(&column->last);
    df_write_index_dispose(&column->index);
    free((char *)(uintptr_t)column->options.name);
    *column = (struct df_write_column){0};
}

/* ---- pages ---- */

/* Appends a page to `out`. */
static int put_page(struct df_write_column *column, const struct df_write_page_body *body, struct df_buf *out,
                    struct df_error *error)
{
    uint64_t uncompressed_bytes;
    if (!df_write_page_put(body, column->codec, &column->packed, out, &uncompressed_bytes))
        return df_error_set(error, DF_ERROR_INVALID,
                            "column '%s': a page of %zu bytes, at most 2^31 - 1 can be written", column->options.name,
                            body->rest.size);
    column->uncompressed_bytes += uncompressed_bytes;
    return df_buf_failed(&column->packed) || df_buf_failed(out) ? no_memory(column, error) : 0;
}

static const uint32_t *words(const struct df_buf *buf)
{
    return (const uint32_t *)(const void *)buf->data;
}

/* In pages of version 2 their length stands in the header. */
static void put_levels(struct df_write_column *column, struct df_buf *body)
{
    size_t at = body->size;
    if (!column->pages_v2)
        df_buf_put_u32le(body, 0);
    df_rle_put(body, words(&column->levels), column->levels.size / sizeof(uint32_t), 1);
    if (!df_buf_failed(body) && !column->pages_v2)
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

static enum df_parquet_encoding plain_encoding(const struct df_write_column *column)
{
    return column->more.delta ? DF_PARQUET_ENCODING_DELTA_BINARY_PACKED : DF_PARQUET_ENCODING_PLAIN;
}

/* Values of the page in its encoding, which is what it gives back. */
static enum df_parquet_encoding put_values(struct df_write_column *column, struct df_buf *body)
{
    if (column->dictionary_on) {
        uint32_t width = code_width(column);
        df_buf_put_u8(body, (uint8_t)width);
        df_rle_put(body, words(&column->codes), column->codes.size / sizeof(uint32_t), width);
        column->dictionary_page_count++;
        return DF_PARQUET_ENCODING_RLE_DICTIONARY;
    }
    size_t width_bytes = column->written.physical == DF_PARQUET_INT32 ? 4 : 8;
    column->plain_page_count++;
    if (column->written.physical == DF_PARQUET_BOOLEAN)
        put_bools(&column->plain, body);
    else if (column->more.delta)
        df_delta_put(body, column->plain.data, column->plain.size / width_bytes, width_bytes);
    else
        df_buf_put_slice(body, df_buf_slice(&column->plain));
    return plain_encoding(column);
}

/* The bounds of the last page are those that the next is compared with. */
static void note_page(struct df_write_column *column, uint64_t position)
{
    struct df_write_page page = {.position = position,
                                 .size_bytes = column->pages.size - position,
                                 .first_row = column->rows - column->page_rows,
                                 .null_count = column->of_page.null_count,
                                 .nulls_only = column->of_page.null_count == column->page_rows};
    df_write_index_note(&column->index, &page, &column->options, &column->written, &column->of_page, &column->last);
    df_write_statistics_add(&column->statistics, &column->options.type, &column->of_page);
    if (column->of_page.any) {
        struct df_write_statistics last = column->last;
        column->last = column->of_page;
        column->of_page = last;
    }
    df_write_statistics_clear(&column->of_page);
}

static bool page_failed(const struct df_write_column *column)
{
    return df_buf_failed(&column->body) || df_buf_failed(&column->levels) || df_buf_failed(&column->codes) ||
           df_buf_failed(&column->plain);
}

static int cut_page(struct df_write_column *column, struct df_error *error)
{
    if (column->page_rows == 0)
        return 0;
    struct df_buf *body = &column->body;
    df_buf_clear(body);
    if (column->options.optional)
        put_levels(column, body);
    size_t levels = column->pages_v2 ? body->size : 0;
    struct df_write_page_body page = {.type = column->pages_v2 ? DF_PARQUET_DATA_PAGE_V2 : DF_PARQUET_DATA_PAGE,
                                      .value_count = column->page_rows,
                                      .null_count = (uint32_t)column->of_page.null_count};
    page.encoding = put_values(column, body);
    if (page_failed(column))
        return no_memory(column, error);
    page.levels = df_slice_make(body->data, levels);
    page.rest = df_slice_make(body->data ? body->data + levels : NULL, body->size - levels);
    size_t position = column->pages.size;
    int result = put_page(column, &page, &column->pages, error);
    if (result == 0)
        note_page(column, position);
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

static void put_hash(struct df_write_column *column, const struct df_write_value *value)
{
    if (column->more.bloom_filter)
        df_buf_put_u64le(&column->hashes, df_bloom_hash(value->plain_bytes));
}

/* As a code: 1 when it was put, 0 when the dictionary does not take it. */
static int put_code(struct df_write_column *column, const struct df_write_value *value, struct df_error *error)
{
    uint32_t code;
    bool with_length = column->written.physical == DF_PARQUET_BYTE_ARRAY;
    switch (df_write_dictionary_code(&column->dictionary, value->plain_bytes, with_length, &code)) {
    case DF_WRITE_DICTIONARY_NEW:
        put_hash(column, value);
        break;
    case DF_WRITE_DICTIONARY_CODE:
        break;
    case DF_WRITE_DICTIONARY_ERROR:
        return no_memory(column, error);
    case DF_WRITE_DICTIONARY_FULL:
        return 0;
    }
    df_buf_put_u32le(&column->codes, code);
    return 1;
}

/* Codes as long as the dictionary takes new values; from the first that it does not take on, PLAIN. The pages that
 * are finished stay as they are. */
static int put_value(struct df_write_column *column, const struct df_write_value *value, struct df_error *error)
{
    int coded = column->dictionary_on ? put_code(column, value, error) : 0;
    if (coded < 0)
        return -1;
    if (coded == 0 && column->dictionary_on) {
        if (cut_page(column, error) < 0)
            return -1;
        column->dictionary_on = false;
    }
    df_write_statistics_note(&column->of_page, &column->options.type, value);
    if (coded == 0) {
        put_hash(column, value);
        put_plain(column, value);
    }
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
        column->of_page.null_count++;
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

/* The index and the filter are the chunk's. */
static void clear_chunk(struct df_write_column *column)
{
    df_write_dictionary_clear(&column->dictionary);
    df_buf_clear(&column->pages);
    column->dictionary_on = column->options.dictionary;
    column->dictionary_page_count = column->plain_page_count = 0;
    column->rows = column->uncompressed_bytes = 0;
    df_write_statistics_clear(&column->statistics);
    df_write_statistics_clear(&column->last);
    df_buf_clear(&column->hashes);
}

static int write_pages(struct df_write_column *column, df_parquet_sink_fn *sink, void *ctx,
                       struct df_write_chunk *chunk, struct df_error *error)
{
    struct df_buf *head = &column->body; /* the last data page was made; its room serves the dictionary */
    df_buf_clear(head);
    struct df_write_page_body dictionary = {.type = DF_PARQUET_DICTIONARY_PAGE,
                                            .encoding = DF_PARQUET_ENCODING_PLAIN,
                                            .value_count = column->dictionary.count,
                                            .rest = df_buf_slice(&column->dictionary.plain)};
    if (column->dictionary_page_count > 0 && put_page(column, &dictionary, head, error) < 0)
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
    chunk->plain_encoding = plain_encoding(column);
    chunk->pages_v2 = column->pages_v2;
    chunk->index = column->index;
    column->index = (struct df_write_index){0};
    if (column->more.bloom_filter)
        df_bloom_put(&chunk->bloom, (uint64_t *)(void *)column->hashes.data, column->hashes.size / sizeof(uint64_t));
    bool failed = df_write_index_failed(&chunk->index) || df_buf_failed(&column->hashes);
    clear_chunk(column);
    return failed || df_buf_failed(&chunk->bloom) ? no_memory(column, error) : 0;
}

void df_write_chunk_dispose(struct df_write_chunk *chunk)
{
    free((uint8_t *)(uintptr_t)chunk->minimum.data);
    df_write_index_dispose(&chunk->index);
    df_buf_dispose(&chunk->bloom);
    *chunk = (struct df_write_chunk){0};
}
