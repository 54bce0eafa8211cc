#include "format/parquet/write_column.h"

#include <stdlib.h>

#include "format/parquet/bloom.h"

enum {
    /* Longer strings would make the footer long and help nobody to skip. */
    BOUND_BYTES_MAX = 64,
    /* A larger dictionary no longer saves much, and readers keep it in memory. */
    DEFAULT_DICTIONARY_BYTES = 1024 * 1024,
};

int df_write_column_no_memory(const struct df_write_column *column, struct df_error *error)
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
    if (!df_write_type_of(wanted, &column->more, &column->written))
        return df_error_set(error, DF_ERROR_UNSUPPORTED, "column '%s': its type is not written", wanted->name);
    enum df_parquet_physical physical = column->written.physical;
    column->more.delta = column->more.delta && (physical == DF_PARQUET_INT32 || physical == DF_PARQUET_INT64);
    if (physical == DF_PARQUET_BOOLEAN) /* one bit cannot be made shorter */
        column->options.dictionary = column->more.bloom_filter = false;
    column->dictionary_on = column->options.dictionary;
    column->dictionary.limit_bytes = options->dictionary_bytes ? options->dictionary_bytes : DEFAULT_DICTIONARY_BYTES;
    return 0;
}

void df_write_column_dispose(struct df_write_column *column)
{
    struct df_buf *bufs[] = {&column->definitions, &column->repetitions, &column->noted, &column->memo,
                             &column->codes,       &column->plain,       &column->pages, &column->body,
                             &column->packed,      &column->hashes};
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

/* ---- the chunk ---- */

static int remember_bounds(const struct df_write_column *column, struct df_write_chunk *chunk, struct df_error *error)
{
    const struct df_write_statistics *statistics = &column->statistics;
    if (df_buf_failed(&statistics->minimum_bytes) || df_buf_failed(&statistics->maximum_bytes))
        return df_write_column_no_memory(column, error);
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
    return df_write_column_no_memory(column, error);
}

/* The index and the filter are the chunk's. */
static void clear_chunk(struct df_write_column *column)
{
    df_write_dictionary_clear(&column->dictionary);
    df_buf_clear(&column->pages);
    column->dictionary_on = column->options.dictionary;
    column->dictionary_page_count = column->plain_page_count = 0;
    column->rows = column->entries = column->uncompressed_bytes = 0;
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
    if (column->dictionary_page_count > 0 && df_write_column_put_page(column, &dictionary, head, error) < 0)
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
    if (df_write_column_cut(column, error) < 0 || write_pages(column, sink, ctx, chunk, error) < 0 ||
        remember_bounds(column, chunk, error) < 0)
        return -1;
    chunk->value_count = column->entries;
    chunk->uncompressed_bytes = column->uncompressed_bytes;
    chunk->dictionary_page_count = column->dictionary_page_count;
    chunk->plain_page_count = column->plain_page_count;
    chunk->null_count = column->statistics.null_count;
    chunk->nan_count = column->statistics.nan_count;
    chunk->plain_encoding = df_write_column_plain_encoding(column);
    chunk->pages_v2 = column->pages_v2;
    chunk->index = column->index;
    column->index = (struct df_write_index){0};
    if (column->more.bloom_filter)
        df_bloom_put(&chunk->bloom, (uint64_t *)(void *)column->hashes.data, column->hashes.size / sizeof(uint64_t));
    bool failed = df_write_index_failed(&chunk->index) || df_buf_failed(&column->hashes);
    clear_chunk(column);
    return failed || df_buf_failed(&chunk->bloom) ? df_write_column_no_memory(column, error) : 0;
}

void df_write_chunk_dispose(struct df_write_chunk *chunk)
{
    free((uint8_t *)(uintptr_t)chunk->minimum.data);
    df_write_index_dispose(&chunk->index);
    df_buf_dispose(&chunk->bloom);
    *chunk = (struct df_write_chunk){0};
}
