/* The writer: rows into columns, row groups to the sink, the footer at the end. */
#include <assert.h>
#include <stdlib.h>

#include "format/parquet/write_footer.h"

enum {
    DEFAULT_ROW_GROUP_ROWS = 1024 * 1024,
    DEFAULT_PAGE_BYTES = 1024 * 1024,
    PAGE_BYTES_MAX = 256 * 1024 * 1024,
};

struct df_parquet_writer {
    df_parquet_sink_fn *sink;
    void *sink_ctx;
    uint64_t position; /* bytes given to the sink */
    uint32_t row_group_limit;
    uint32_t row_group_rows; /* of the row group that is being filled */
    struct df_write_column *columns;
    uint32_t column_count;                 /* initialised */
    struct df_parquet_key_value *metadata; /* owned, with its texts */
    uint32_t metadata_count;
    struct df_parquet_sorting_column *sorting; /* owned */
    uint32_t sorting_count;
    bool no_indexes;
    struct df_buf chunks;     /* struct df_write_chunk, column_count per finished row group */
    struct df_buf row_counts; /* uint64_t per finished row group */
    uint32_t row_group_count;
    bool failed, finished;
};

static struct df_write_chunk *all_chunks(const struct df_parquet_writer *writer)
{
    return (struct df_write_chunk *)(void *)writer->chunks.data;
}

static int put_bytes(struct df_parquet_writer *writer, struct df_slice bytes, struct df_error *error)
{
    if (bytes.size == 0)
        return 0;
    if (writer->sink(writer->sink_ctx, bytes, error) < 0)
        return -1;
    writer->position += bytes.size;
    return 0;
}

static int put_piece(void *ctx, struct df_slice piece, struct df_error *error)
{
    return put_bytes(ctx, piece, error);
}

/* ---- opening ---- */

static int check_options(const struct df_parquet_write_options *options, struct df_error *error)
{
    if (options->page_bytes > PAGE_BYTES_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "pages of %u bytes are too large, at most %d are written",
                            options->page_bytes, PAGE_BYTES_MAX);
    if (options->dictionary_bytes > PAGE_BYTES_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "dictionaries of %u bytes are too large, at most %d are written",
                            options->dictionary_bytes, PAGE_BYTES_MAX);
    if (options->codec != DF_PARQUET_UNCOMPRESSED && options->codec != DF_PARQUET_SNAPPY &&
        options->codec != DF_PARQUET_ZSTD)
        return df_error_set(error, DF_ERROR_INVALID, "codec %d is not written, expected none, snappy or zstd",
                            (int)options->codec);
    for (uint32_t i = 0; i < options->sorting_count; i++) {
        uint32_t column = options->sorting[i].column;
        if (column >= options->column_count)
            return df_error_set(error, DF_ERROR_INVALID,
                                "rows are said to be sorted by column %u, there are %u columns", column,
                                options->column_count);
        if (options->columns[column].type.list)
            return df_error_set(error, DF_ERROR_INVALID,
                                "rows are said to be sorted by column '%s', but lists have no order",
                                options->columns[column].name);
    }
    for (uint32_t i = 0; i < options->column_count; i++) {
        const struct df_parquet_write_column *column = &options->columns[i];
        struct df_write_type written;
        char text[DF_TYPE_TEXT_BYTES];
        if (!df_write_type_of(column, options->more ? &options->more[i] : NULL, &written))
            return df_error_set(error, DF_ERROR_UNSUPPORTED, "column '%s': %s is not written", column->name,
                                df_type_text(&column->type, text));
    }
    return 0;
}

static int copy_metadata(struct df_parquet_writer *writer, const struct df_parquet_write_options *options)
{
    writer->metadata = calloc(options->metadata_count ? options->metadata_count : 1, sizeof *writer->metadata);
    if (!writer->metadata)
        return -1;
    for (uint32_t i = 0; i < options->metadata_count; i++) {
        struct df_parquet_key_value *pair = &writer->metadata[writer->metadata_count++];
        pair->key = strdup(options->metadata[i].key);
        pair->value = strdup(options->metadata[i].value ? options->metadata[i].value : "");
        if (!pair->key || !pair->value)
            return -1;
    }
    return 0;
}

static int copy_sorting(struct df_parquet_writer *writer, const struct df_parquet_write_options *options)
{
    writer->sorting = calloc(options->sorting_count ? options->sorting_count : 1, sizeof *writer->sorting);
    if (!writer->sorting)
        return -1;
    for (uint32_t i = 0; i < options->sorting_count; i++)
        writer->sorting[writer->sorting_count++] = options->sorting[i];
    return 0;
}

static int open_columns(struct df_parquet_writer *writer, const struct df_parquet_write_options *options,
                        struct df_error *error)
{
    uint32_t page_bytes = options->page_bytes ? options->page_bytes : DEFAULT_PAGE_BYTES;
    writer->columns = calloc(options->column_count ? options->column_count : 1, sizeof *writer->columns);
    if (!writer->columns || copy_metadata(writer, options) < 0 || copy_sorting(writer, options) < 0)
        return df_error_no_memory(error, "while opening a Parquet writer");
    for (uint32_t i = 0; i < options->column_count; i++) {
        if (df_write_column_init(&writer->columns[i], options, i, page_bytes, error) < 0)
            return -1;
        writer->column_count++;
    }
    return 0;
}

int df_parquet_writer_open(struct df_parquet_writer **writer, const struct df_parquet_write_options *options,
                           df_parquet_sink_fn *sink, void *ctx, struct df_error *error)
{
    *writer = NULL;
    if (check_options(options, error) < 0)
        return -1;
    struct df_parquet_writer *made = calloc(1, sizeof *made);
    if (!made)
        return df_error_no_memory(error, "while opening a Parquet writer");
    made->sink = sink;
    made->sink_ctx = ctx;
    made->no_indexes = options->no_indexes;
    made->row_group_limit = options->row_group_rows ? options->row_group_rows : DEFAULT_ROW_GROUP_ROWS;
    if (open_columns(made, options, error) < 0 || put_bytes(made, df_slice_text("PAR1"), error) < 0) {
        df_parquet_writer_close(made);
        return -1;
    }
    *writer = made;
    return 0;
}

void df_parquet_writer_close(struct df_parquet_writer *writer)
{
    if (!writer)
        return;
    struct df_write_chunk *chunks = all_chunks(writer);
    for (size_t i = 0; i < writer->chunks.size / sizeof *chunks; i++)
        df_write_chunk_dispose(&chunks[i]);
    df_buf_dispose(&writer->chunks);
    df_buf_dispose(&writer->row_counts);
    for (uint32_t i = 0; i < writer->column_count; i++)
        df_write_column_dispose(&writer->columns[i]);
    for (uint32_t i = 0; i < writer->metadata_count; i++) {
        free((char *)(uintptr_t)writer->metadata[i].key);
        free((char *)(uintptr_t)writer->metadata[i].value);
    }
    free(writer->metadata);
    free(writer->sorting);
    free(writer->columns);
    free(writer);
}

/* ---- writing ---- */

/* To the sink; *place says where it went. */
static int put_placed(struct df_parquet_writer *writer, const struct df_buf *bytes, struct df_write_place *place,
                      struct df_error *error)
{
    if (df_buf_failed(bytes))
        return df_error_no_memory(error, "while writing a Parquet file");
    *place = (struct df_write_place){.offset = writer->position, .size_bytes = bytes->size};
    return put_bytes(writer, df_buf_slice(bytes), error);
}

/* The filters of a row group follow its columns. */
static int put_bloom_filters(struct df_parquet_writer *writer, struct df_error *error)
{
    struct df_write_chunk *chunks = all_chunks(writer) + (size_t)writer->row_group_count * writer->column_count;
    for (uint32_t i = 0; i < writer->column_count; i++) {
        if (chunks[i].bloom.size == 0)
            continue;
        if (put_placed(writer, &chunks[i].bloom, &chunks[i].bloom_filter, error) < 0)
            return -1;
        df_buf_dispose(&chunks[i].bloom);
    }
    return 0;
}

static int finish_row_group(struct df_parquet_writer *writer, struct df_error *error)
{
    if (writer->row_group_rows == 0)
        return 0;
    for (uint32_t i = 0; i < writer->column_count; i++) {
        struct df_write_chunk chunk;
        uint64_t offset = writer->position;
        int result = df_write_column_finish(&writer->columns[i], put_piece, writer, &chunk, error);
        chunk.offset = offset;
        if (result == 0)
            df_buf_put(&writer->chunks, &chunk, sizeof chunk);
        if (result < 0 || df_buf_failed(&writer->chunks)) {
            df_write_chunk_dispose(&chunk);
            return result < 0 ? -1 : df_error_no_memory(error, "while writing a Parquet file");
        }
    }
    if (put_bloom_filters(writer, error) < 0)
        return -1;
    df_buf_put_u64le(&writer->row_counts, writer->row_group_rows);
    if (df_buf_failed(&writer->row_counts))
        return df_error_no_memory(error, "while writing a Parquet file");
    writer->row_group_count++;
    writer->row_group_rows = 0;
    return 0;
}

static int put_rows(struct df_parquet_writer *writer, const struct df_vector *vectors, uint32_t rows,
                    struct df_error *error)
{
    for (uint32_t begin = 0; begin < rows;) {
        uint32_t room = writer->row_group_limit - writer->row_group_rows;
        uint32_t end = rows - begin < room ? rows : begin + room;
        for (uint32_t i = 0; i < writer->column_count; i++)
            if (df_write_column_put(&writer->columns[i], &vectors[i], begin, end, error) < 0)
                return -1;
        writer->row_group_rows += end - begin;
        begin = end;
        if (writer->row_group_rows == writer->row_group_limit && finish_row_group(writer, error) < 0)
            return -1;
    }
    return 0;
}

int df_parquet_writer_put(struct df_parquet_writer *writer, const struct df_vector *vectors, uint32_t rows,
                          struct df_error *error)
{
    assert(!writer->failed && !writer->finished);
    writer->failed = put_rows(writer, vectors, rows, error) < 0;
    return writer->failed ? -1 : 0;
}

/* Between the last row group and the footer: column indexes, then offset indexes. */
static int put_indexes(struct df_parquet_writer *writer, struct df_error *error)
{
    struct df_write_chunk *chunks = all_chunks(writer);
    size_t count = writer->no_indexes ? 0 : writer->chunks.size / sizeof *chunks;
    struct df_buf out = {0};
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        if (!df_write_index_has_bounds(&chunks[i].index))
            continue;
        df_buf_clear(&out);
        df_write_index_put_columns(&chunks[i].index, &out);
        result = put_placed(writer, &out, &chunks[i].column_index, error);
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        df_buf_clear(&out);
        df_write_index_put_offsets(&chunks[i].index, chunks[i].offset + chunks[i].dictionary_bytes, &out);
        result = put_placed(writer, &out, &chunks[i].offset_index, error);
    }
    df_buf_dispose(&out);
    return result;
}

static int write_footer(struct df_parquet_writer *writer, struct df_error *error)
{
    struct df_write_footer footer = {
        .columns = writer->columns,
        .column_count = writer->column_count,
        .chunks = all_chunks(writer),
        .row_counts = (const uint64_t *)(const void *)writer->row_counts.data,
        .row_group_count = writer->row_group_count,
        .metadata = writer->metadata,
        .metadata_count = writer->metadata_count,
        .sorting = writer->sorting,
        .sorting_count = writer->sorting_count,
    };
    struct df_buf out = {0};
    df_write_footer_put(&footer, &out);
    int result = df_buf_failed(&out) ? df_error_no_memory(error, "while writing the footer of a Parquet file")
                                     : put_bytes(writer, df_buf_slice(&out), error);
    df_buf_dispose(&out);
    return result;
}

int df_parquet_writer_finish(struct df_parquet_writer *writer, struct df_error *error)
{
    assert(!writer->failed && !writer->finished);
    writer->finished = true;
    if (finish_row_group(writer, error) < 0 || put_indexes(writer, error) < 0)
        return -1;
    return write_footer(writer, error);
}
