/* Sorted records into Parquet files, one after the other. What is cut where (pages, row groups) follows from the input
 * and the memory allowed alone, so that the same import gives the same bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/import.h"
#include "format/parquet/parquet.h"

enum {
    ROW_GROUP_BYTES = 32 * 1024 * 1024, /* of text: readers of few columns still fetch pieces worth a request */
    ROW_GROUP_ROWS_LEAST = 1024,
    ROW_GROUP_ROWS_MOST = 1024 * 1024,
    PAGE_BYTES_LEAST = 4096,
    PAGE_BYTES_MOST = 1024 * 1024,
    DICTIONARY_BYTES = 2 * 1024 * 1024, /* of one column at its largest, with its table */
    BATCH_ROWS_LEAST = 64,
};

/* Rows of one column on their way into the writer. */
struct batch_column {
    int64_t *int64s; /* owned, as all below; the one that the type needs */
    double *float64s;
    uint8_t *bools;
    struct df_slice *bytes;
    size_t *offsets; /* of bytes, in the batch's text */
    uint8_t *valid;
};

struct output {
    struct df_import *import;
    struct df_import_folder *folder;
    struct df_parquet_write_column *columns; /* owned */
    struct df_parquet_write_more *more;      /* owned */
    struct df_parquet_writer *writer;        /* of the part that is being written */
    struct batch_column *batch;              /* owned */
    struct df_vector *vectors;               /* owned */
    struct df_buf text;
    uint32_t rows, capacity;
    size_t text_limit;
    uint32_t parts_begun;
};

/* ---- the columns ---- */

static bool is_integer(const struct df_type *type)
{
    return type->kind == DF_TYPE_INT64 || type->kind == DF_TYPE_DATE || type->kind == DF_TYPE_TIMESTAMP;
}

/* Sorted users differ by little, and times of one user too: as differences they take fewer bytes than compressed, and
 * no decompression. Dictionaries for strings as long as memory has room for them; first of all for the user. */
static void choose_encodings(struct output *output)
{
    const struct df_import *import = output->import;
    size_t room = import->plan.memory_bytes / 4 / DICTIONARY_BYTES;
    output->more[import->user].delta = is_integer(&import->columns[import->user].type);
    output->columns[import->user].dictionary = !output->more[import->user].delta;
    if (import->time != UINT32_MAX)
        output->more[import->time].delta = is_integer(&import->columns[import->time].type);
    for (uint32_t i = 0; i < import->names.count && room > 1; i++) {
        if (i == import->user || import->columns[i].type.kind != DF_TYPE_STRING)
            continue;
        output->columns[i].dictionary = true;
        room--;
    }
}

static bool alloc_column(struct batch_column *column, const struct df_type *type, uint32_t rows)
{
    column->valid = calloc(rows, 1);
    if (type->kind == DF_TYPE_STRING) {
        column->bytes = calloc(rows, sizeof *column->bytes);
        column->offsets = calloc(rows, sizeof *column->offsets);
        return column->valid && column->bytes && column->offsets;
    }
    if (type->kind == DF_TYPE_FLOAT)
        column->float64s = calloc(rows, sizeof *column->float64s);
    else if (type->kind == DF_TYPE_BOOL)
        column->bools = calloc(rows, sizeof *column->bools);
    else
        column->int64s = calloc(rows, sizeof *column->int64s);
    return column->valid && (column->float64s || column->bools || column->int64s);
}

static void set_vector(struct df_vector *vector, const struct df_type *type, const struct batch_column *column)
{
    *vector = (struct df_vector){.kind = DF_VECTOR_INT64, .valid = column->valid, .values.int64s = column->int64s};
    if (type->kind == DF_TYPE_STRING) {
        vector->kind = DF_VECTOR_BYTES;
        vector->values.bytes = column->bytes;
    } else if (type->kind == DF_TYPE_FLOAT) {
        vector->kind = DF_VECTOR_FLOAT64;
        vector->values.float64s = column->float64s;
    } else if (type->kind == DF_TYPE_BOOL) {
        vector->kind = DF_VECTOR_BOOL;
        vector->values.bools = column->bools;
    }
}

static int open_output(struct output *output, struct df_error *error)
{
    const struct df_import *import = output->import;
    uint32_t count = import->names.count;
    size_t share = import->plan.memory_bytes / 16 / count / (sizeof(struct df_slice) + sizeof(size_t) + 1);
    output->capacity = share < BATCH_ROWS_LEAST        ? BATCH_ROWS_LEAST
                       : share > DF_PARQUET_BATCH_ROWS ? DF_PARQUET_BATCH_ROWS
                                                       : (uint32_t)share;
    output->text_limit = import->plan.memory_bytes / 32;
    output->columns = calloc(count, sizeof *output->columns);
    output->more = calloc(count, sizeof *output->more);
    output->batch = calloc(count, sizeof *output->batch);
    output->vectors = calloc(count, sizeof *output->vectors);
    if (!output->columns || !output->more || !output->batch || !output->vectors)
        return df_error_no_memory(error, "writing rows");
    for (uint32_t i = 0; i < count; i++) {
        const struct df_import_column *column = &import->columns[i];
        output->columns[i] =
            (struct df_parquet_write_column){.name = column->name, .type = column->type, .optional = true};
        if (!alloc_column(&output->batch[i], &column->type, output->capacity))
            return df_error_no_memory(error, "writing rows");
        set_vector(&output->vectors[i], &column->type, &output->batch[i]);
    }
    choose_encodings(output);
    return 0;
}

static void close_output(struct output *output)
{
    df_parquet_writer_close(output->writer);
    for (uint32_t i = 0; output->batch && i < output->import->names.count; i++) {
        free(output->batch[i].int64s);
        free(output->batch[i].float64s);
        free(output->batch[i].bools);
        free(output->batch[i].bytes);
        free(output->batch[i].offsets);
        free(output->batch[i].valid);
    }
    free(output->columns);
    free(output->more);
    free(output->batch);
    free(output->vectors);
    df_buf_dispose(&output->text);
}

/* ---- one file ---- */

static int write_piece(void *ctx, struct df_slice piece, struct df_error *error)
{
    return df_import_folder_write(ctx, piece, error);
}

static uint32_t row_group_rows(const struct df_import *import)
{
    size_t bytes = import->plan.memory_bytes / 8 < ROW_GROUP_BYTES ? import->plan.memory_bytes / 8 : ROW_GROUP_BYTES;
    uint64_t row_bytes = import->row_count ? import->row_bytes / import->row_count + 1 : 1;
    uint64_t rows = bytes / row_bytes;
    return rows < ROW_GROUP_ROWS_LEAST  ? ROW_GROUP_ROWS_LEAST
           : rows > ROW_GROUP_ROWS_MOST ? ROW_GROUP_ROWS_MOST
                                        : (uint32_t)rows;
}

static uint32_t page_bytes(const struct df_import *import)
{
    size_t bytes = import->plan.memory_bytes / 8 / import->names.count;
    return bytes < PAGE_BYTES_LEAST ? PAGE_BYTES_LEAST : bytes > PAGE_BYTES_MOST ? PAGE_BYTES_MOST : (uint32_t)bytes;
}

static int begin_part(struct output *output, struct df_error *error)
{
    const struct df_import *import = output->import;
    char writing[40], part[40], rows[40];
    /* A claim is believed of the column and the rows that it was made for, and of each part of one writing once. */
    const struct df_parquet_key_value whole[] = {{"dayfly.groups", "whole"},
                                                 {"dayfly.groups.column", import->columns[import->user].name},
                                                 {"dayfly.groups.writing", writing},
                                                 {"dayfly.groups.part", part},
                                                 {"dayfly.groups.rows", rows}};
    struct df_parquet_write_options options = {.columns = output->columns,
                                               .column_count = import->names.count,
                                               .codec = DF_PARQUET_SNAPPY,
                                               .row_group_rows = row_group_rows(import),
                                               .page_bytes = page_bytes(import),
                                               .metadata = whole,
                                               .metadata_count = sizeof whole / sizeof *whole,
                                               .more = output->more};
    snprintf(writing, sizeof writing, "import %016" PRIx64, import->digest);
    snprintf(part, sizeof part, "%" PRIu32 " of %" PRId64, output->parts_begun, import->plan.parts);
    snprintf(rows, sizeof rows, "%" PRIu64, import->part_rows[output->parts_begun]);
    if (df_import_folder_begin(output->folder, output->parts_begun++, error) < 0)
        return -1;
    return df_parquet_writer_open(&output->writer, &options, write_piece, output->folder, error);
}

static int flush(struct output *output, struct df_error *error)
{
    if (df_buf_failed(&output->text))
        return df_error_no_memory(error, "writing rows");
    for (uint32_t i = 0; i < output->import->names.count; i++) {
        struct batch_column *column = &output->batch[i];
        output->vectors[i].row_count = output->rows;
        for (uint32_t row = 0; column->bytes && row < output->rows; row++)
            column->bytes[row].data = output->text.data + column->offsets[row];
    }
    if (df_parquet_writer_put(output->writer, output->vectors, output->rows, error) < 0)
        return -1;
    atomic_fetch_add(&output->import->progress.rows, output->rows);
    output->rows = 0;
    df_buf_clear(&output->text);
    if (output->import->line.fd >= 0)
        df_progress_draw(&output->import->line, &output->import->progress);
    return df_import_interrupted(output->import, error);
}

static int end_part(struct output *output, struct df_error *error)
{
    if (flush(output, error) < 0 || df_parquet_writer_finish(output->writer, error) < 0)
        return -1;
    df_parquet_writer_close(output->writer);
    output->writer = NULL;
    atomic_fetch_add(&output->import->progress.parts_done, 1);
    return df_import_folder_end(output->folder, error);
}

/* ---- rows ---- */

static void set_value(struct output *output, struct batch_column *column, const struct df_text_stored *stored)
{
    uint32_t row = output->rows;
    column->valid[row] = !stored->is_null;
    if (column->bytes) {
        column->offsets[row] = output->text.size;
        column->bytes[row].size = stored->bytes.size;
        df_buf_put_slice(&output->text, stored->bytes);
    } else if (column->float64s) {
        column->float64s[row] = stored->float64;
    } else if (column->bools) {
        column->bools[row] = stored->int64 != 0;
    } else {
        column->int64s[row] = stored->int64;
    }
}

static int put_record(struct output *output, const struct df_import_record *record, struct df_error *error)
{
    const struct df_import *import = output->import;
    struct df_import_values values;
    struct df_text_stored stored;
    while (output->parts_begun <= record->key.part)
        if ((output->writer && end_part(output, error) < 0) || begin_part(output, error) < 0)
            return -1;
    df_import_values_begin(import, record, &values);
    for (uint32_t i = 0; i < import->names.count; i++) {
        df_import_values_next(import, record, &values, &stored);
        set_value(output, &output->batch[i], &stored);
    }
    output->rows++;
    bool full = output->rows == output->capacity || output->text.size >= output->text_limit;
    return full || df_buf_failed(&output->text) ? flush(output, error) : 0;
}

static int write_all(struct output *output, struct df_import_sorter *sorter, struct df_error *error)
{
    struct df_import_record record;
    int more;
    while ((more = df_import_sorter_next(sorter, &record, error)) > 0)
        if (put_record(output, &record, error) < 0)
            return -1;
    if (more < 0)
        return -1;
    while (output->parts_begun < (uint64_t)output->import->plan.parts)
        if ((output->writer && end_part(output, error) < 0) || begin_part(output, error) < 0)
            return -1;
    return end_part(output, error);
}

int df_import_write(struct df_import *import, struct df_import_sorter *sorter, struct df_import_folder *folder,
                    struct df_error *error)
{
    struct output output = {.import = import, .folder = folder};
    int result = open_output(&output, error);
    if (result == 0)
        result = write_all(&output, sorter, error);
    close_output(&output);
    return result;
}
