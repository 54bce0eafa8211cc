/* A page is full: its levels and values are put behind each other, compressed, and noted in the index. */
#include "base/bytes.h"
#include "format/parquet/delta.h"
#include "format/parquet/rle.h"
#include "format/parquet/write_column.h"

int df_write_column_put_page(struct df_write_column *column, const struct df_write_page_body *body, struct df_buf *out,
                             struct df_error *error)
{
    uint64_t uncompressed_bytes;
    if (!df_write_page_put(body, column->codec, &column->packed, out, &uncompressed_bytes))
        return df_error_set(error, DF_ERROR_INVALID,
                            "column '%s': a page of %zu bytes, at most 2^31 - 1 can be written", column->options.name,
                            body->rest.size);
    column->uncompressed_bytes += uncompressed_bytes;
    return df_buf_failed(&column->packed) || df_buf_failed(out) ? df_write_column_no_memory(column, error) : 0;
}

static const uint32_t *words(const struct df_buf *buf)
{
    return (const uint32_t *)(const void *)buf->data;
}

/* In pages of version 2 their length stands in the header. */
static void put_levels(const struct df_write_column *column, const struct df_buf *levels, uint32_t maximum,
                       struct df_buf *body)
{
    size_t at = body->size;
    if (maximum == 0)
        return;
    if (!column->pages_v2)
        df_buf_put_u32le(body, 0);
    df_rle_put(body, words(levels), levels->size / sizeof(uint32_t), df_rle_width(maximum));
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
uint32_t df_write_column_code_width(const struct df_write_column *column)
{
    return column->dictionary.count <= 2 ? 1 : df_rle_width(column->dictionary.count - 1);
}

enum df_parquet_encoding df_write_column_plain_encoding(const struct df_write_column *column)
{
    return column->more.delta ? DF_PARQUET_ENCODING_DELTA_BINARY_PACKED : DF_PARQUET_ENCODING_PLAIN;
}

/* Values of the page in its encoding, which is what it gives back. */
static enum df_parquet_encoding put_values(struct df_write_column *column, struct df_buf *body)
{
    if (column->dictionary_on) {
        uint32_t width = df_write_column_code_width(column);
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
    return df_write_column_plain_encoding(column);
}

/* The bounds of the last page are those that the next is compared with. */
static void note_page(struct df_write_column *column, uint64_t position)
{
    struct df_write_page page = {.position = position,
                                 .size_bytes = column->pages.size - position,
                                 .first_row = column->rows - column->page_rows,
                                 .null_count = column->of_page.null_count,
                                 .nulls_only = column->of_page.null_count == column->page_entries};
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
    return df_buf_failed(&column->body) || df_buf_failed(&column->definitions) || df_buf_failed(&column->repetitions) ||
           df_buf_failed(&column->codes) || df_buf_failed(&column->plain) || df_buf_failed(&column->noted);
}

static int make_page(struct df_write_column *column, struct df_error *error)
{
    struct df_buf *body = &column->body;
    df_buf_clear(body);
    struct df_write_page_body page = {.type = column->pages_v2 ? DF_PARQUET_DATA_PAGE_V2 : DF_PARQUET_DATA_PAGE,
                                      .row_count = column->page_rows,
                                      .value_count = column->page_entries,
                                      .null_count = (uint32_t)column->of_page.null_count};
    put_levels(column, &column->repetitions, column->written.list, body);
    page.repetition_bytes = (uint32_t)body->size;
    put_levels(column, &column->definitions, column->written.definition_max, body);
    size_t levels = column->pages_v2 ? body->size : 0;
    page.encoding = put_values(column, body);
    if (page_failed(column))
        return df_write_column_no_memory(column, error);
    page.levels = df_slice_make(body->data, levels);
    page.rest = df_slice_make(body->data ? body->data + levels : NULL, body->size - levels);
    size_t position = column->pages.size;
    if (df_write_column_put_page(column, &page, &column->pages, error) < 0)
        return -1;
    note_page(column, position);
    return 0;
}

int df_write_column_cut(struct df_write_column *column, struct df_error *error)
{
    if (column->page_rows == 0)
        return 0;
    int result = make_page(column, error);
    df_buf_clear(&column->definitions);
    df_buf_clear(&column->repetitions);
    df_buf_clear(&column->codes);
    df_buf_clear(&column->noted);
    df_buf_clear(&column->plain);
    column->page_rows = column->page_entries = 0;
    return result;
}
