/* Detail:  | varint: rows |
 * Partial: | version (1) | varint: rows | varint: users | varint: bytes | the token, to the end | */
#include "engine/funnel/repartition/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/funnel/repartition/batch.h"
#include "engine/funnel/repartition/sorter.h"
#include "store/publish.h"

enum {
    PARTIAL_VERSION = 1,
    PAGE_BYTES = 128 * 1024, /* several pages per chunk of a row group, so that the page index helps to skip */
    DICTIONARIES_MOST = 16,  /* strings beyond these are written as they are: each takes memory */
};

void df_repartition_expected_put(uint64_t rows, struct df_buf *detail)
{
    df_buf_put_varint(detail, rows);
}

static int take_expected(struct df_slice detail, uint64_t *rows, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(detail);
    if (df_cursor_take_varint(&cursor, rows))
        return 0;
    return df_error_set(error, DF_ERROR_CORRUPT, "a part that writes a file came without its number of rows");
}

int df_repartition_written_take(struct df_slice blob, struct df_repartition_written *written, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(blob);
    uint8_t version;
    if (df_cursor_take_u8(&cursor, &version) && version == PARTIAL_VERSION &&
        df_cursor_take_varint(&cursor, &written->rows) && df_cursor_take_varint(&cursor, &written->users) &&
        df_cursor_take_varint(&cursor, &written->bytes) &&
        df_cursor_take_bytes(&cursor, df_cursor_left(&cursor), &written->token))
        return 0;
    return df_error_set(error, DF_ERROR_CORRUPT, "what a part says of the file that it wrote is damaged");
}

/* ---- the file ---- */

struct output {
    struct df_task *task;
    const struct df_repartition_layout *layout;
    uint64_t number;
    uint64_t expected_rows;
    struct df_store_upload *upload;
    struct df_parquet_writer *writer;
    struct df_repartition_sorter *sorter;
    struct df_repartition_batch *batch;
    struct df_repartition_written written;
};

static int write_piece(void *ctx, struct df_slice piece, struct df_error *error)
{
    struct output *output = ctx;
    output->written.bytes += piece.size;
    return df_store_upload_write(output->upload, piece, error);
}

/* Sorted users differ by little, and times of one user too: differences are smaller than what compression leaves of
 * plain values, and need no decompression. */
static bool is_delta(const struct df_type *type)
{
    return !type->list && (type->kind == DF_TYPE_INT64 || type->kind == DF_TYPE_UINT64 || type->kind == DF_TYPE_DATE ||
                           type->kind == DF_TYPE_TIME || type->kind == DF_TYPE_TIMESTAMP);
}

/* Dictionaries for strings, and first of all for the user. */
static void set_columns(const struct df_repartition_request *request, struct df_parquet_write_column *columns,
                        struct df_parquet_write_more *more)
{
    unsigned dictionaries = 1;
    for (uint32_t i = 0; i < request->column_count; i++) {
        const struct df_repartition_column *column = &request->columns[i];
        bool text = column->type.kind == DF_TYPE_STRING && dictionaries < DICTIONARIES_MOST;
        bool delta = (i == request->user_at || i == request->time_at) && is_delta(&column->type);
        dictionaries += text;
        columns[i] = (struct df_parquet_write_column){.name = column->name,
                                                      .type = column->type,
                                                      .optional = !column->required,
                                                      .dictionary = (i == request->user_at && !delta) || text};
        more[i] = (struct df_parquet_write_more){.delta = delta,
                                                 .is_unsigned = column->is_unsigned,
                                                 .is_local = column->is_local,
                                                 .elements_required = column->elements_required,
                                                 .fixed_bytes = column->fixed_bytes};
    }
}

static int open_writer(struct output *output, const struct df_parquet_write_column *columns,
                       const struct df_parquet_write_more *more, struct df_error *error)
{
    const struct df_repartition_request *request = output->layout->request;
    char part[40], rows[24];
    const struct df_parquet_key_value whole[] = {{"dayfly.groups", "whole"},
                                                 {"dayfly.groups.column", request->user},
                                                 {"dayfly.groups.writing", request->writing},
                                                 {"dayfly.groups.part", part},
                                                 {"dayfly.groups.rows", rows}};
    const struct df_parquet_sorting_column sorting[] = {{.column = request->user_at}, {.column = request->time_at}};
    snprintf(part, sizeof part, "%" PRIu64 " of %" PRIu32, output->number, request->parts);
    snprintf(rows, sizeof rows, "%" PRIu64, output->expected_rows);
    struct df_parquet_write_options options = {.columns = columns,
                                               .column_count = request->column_count,
                                               .codec = request->codec,
                                               .row_group_rows = request->row_group_rows,
                                               .page_bytes = PAGE_BYTES,
                                               .metadata = whole,
                                               .metadata_count = sizeof whole / sizeof *whole,
                                               .more = more,
                                               .sorting = sorting,
                                               .sorting_count = request->time_at == DF_REPARTITION_NONE ? 1 : 2};
    return df_parquet_writer_open(&output->writer, &options, write_piece, output, error);
}

static int open_output(struct output *output, struct df_error *error)
{
    const struct df_repartition_request *request = output->layout->request;
    struct df_buf uri = {0};
    char name[40];
    struct df_parquet_write_column *columns = calloc(request->column_count, sizeof *columns);
    struct df_parquet_write_more *more = calloc(request->column_count, sizeof *more);
    snprintf(name, sizeof name, "part-%05" PRIu64 ".parquet", output->number);
    df_uri_join(&uri, request->place, name);
    int result = columns && more && !df_buf_failed(&uri)
                     ? df_store_upload_open(output->task->store, df_buf_text(&uri), &output->upload, error)
                     : df_error_no_memory(error, "writing a file");
    if (result == 0) {
        set_columns(request, columns, more);
        result = open_writer(output, columns, more, error);
    }
    df_buf_dispose(&uri);
    free(columns);
    free(more);
    return result;
}

/* ---- rows ---- */

static int flush(struct output *output, struct df_error *error)
{
    uint32_t rows;
    const struct df_vector *vectors = df_repartition_batch_vectors(output->batch, &rows);
    if (rows > 0 && df_parquet_writer_put(output->writer, vectors, rows, error) < 0)
        return -1;
    output->written.rows += rows;
    df_repartition_batch_clear(output->batch);
    return df_task_check(output->task, error);
}

static int write_run(struct output *output, size_t count, struct df_error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct df_slice record = df_repartition_sorter_record(output->sorter, i);
        output->written.users +=
            df_repartition_sorter_has_user(output->sorter, i) && df_repartition_sorter_new_user(output->sorter, i);
        if (df_repartition_batch_add(output->batch, record, error) < 0 ||
            (df_repartition_batch_full(output->batch) && flush(output, error) < 0))
            return -1;
    }
    return flush(output, error);
}

static int write_rows(struct output *output, struct df_error *error)
{
    size_t count;
    int more;
    while ((more = df_repartition_sorter_next(output->sorter, &count, error)) > 0)
        if (write_run(output, count, error) < 0)
            return -1;
    if (more < 0)
        return -1;
    if (output->written.rows != output->expected_rows)
        return df_error_set(error, DF_ERROR_CORRUPT, "a section of the exchange has %" PRIu64 " rows, not %" PRIu64,
                            output->written.rows, output->expected_rows);
    return df_parquet_writer_finish(output->writer, error);
}

static int put_partial(struct output *output, struct df_buf *out, struct df_error *error)
{
    struct df_store_upload *upload = output->upload;
    df_buf_put_u8(out, PARTIAL_VERSION);
    df_buf_put_varint(out, output->written.rows);
    df_buf_put_varint(out, output->written.users);
    df_buf_put_varint(out, output->written.bytes);
    output->upload = NULL;
    return df_store_upload_detach(upload, out, error);
}

int df_repartition_gather(struct df_task *task, const struct df_part *part, const struct df_repartition_layout *layout,
                          struct df_partial *partial, struct df_error *error)
{
    struct output output = {.task = task, .layout = layout, .number = part->range_begin};
    if (!layout->request->place || !layout->request->writing)
        return df_error_set(error, DF_ERROR_INTERNAL, "a part that writes a file came without a place for it");
    int result = take_expected(part->detail, &output.expected_rows, error);
    if (result == 0)
        result = df_repartition_sorter_create(&output.sorter, task, part, layout, error);
    if (result == 0)
        result = df_repartition_batch_create(&output.batch, layout, error);
    if (result == 0)
        result = open_output(&output, error);
    if (result == 0)
        result = write_rows(&output, error);
    if (result == 0)
        result = put_partial(&output, &partial->blob, error);
    if (result == 0) {
        partial->stats.bytes_read = df_repartition_sorter_read_bytes(output.sorter);
    }
    df_parquet_writer_close(output.writer);
    df_store_upload_abort(output.upload);
    df_repartition_batch_free(output.batch);
    df_repartition_sorter_free(output.sorter);
    return result;
}
