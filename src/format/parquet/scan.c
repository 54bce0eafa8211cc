/* A scan: keeps the columns in step, fetches for all of them at once, and cuts rows into batches. */
#include <assert.h>
#include <stdlib.h>

#include "format/parquet/column.h"

struct df_parquet_scan {
    const struct df_parquet_file *file;
    struct df_budget *budget;
    struct df_deadline deadline;
    const atomic_bool *cancelled;
    uint32_t row_group, row_group_end; /* the next one, and behind the last */
    uint64_t rows_left;                /* of the current row group, or of its rows [row_at, end) that are wanted */
    uint64_t row_at;                   /* of the current row group: behind the last batch */
    struct df_parquet_rows *wanted;    /* owned; NULL: all rows are */
    uint32_t wanted_count, wanted_at;  /* the next one */
    uint64_t serial;                   /* of the last dictionary */
    uint64_t bytes_read;
    struct df_error failure; /* sticks */

    uint32_t column_count;
    uint32_t *columns;
    struct df_parquet_reader *readers;
    uint32_t reader_count; /* initialised */
    struct df_vector *vectors;
    struct df_read_item *items;          /* of one fetch */
    struct df_parquet_reader **fetching; /* whose item it is */
};

static int check_chunk(const struct df_parquet_file *file, uint32_t group, uint32_t column, struct df_error *error)
{
    const struct df_parquet_row_group *row_group = &file->footer.row_groups[group];
    const struct df_parquet_chunk *chunk = &row_group->chunks[column];
    const char *name = file->footer.columns[column].name;
    if (chunk->unsupported)
        return df_error_set(error, DF_ERROR_UNSUPPORTED,
                            "%s: row group %u, column '%s': %s is not read; write the file in another way, or leave "
                            "this column out",
                            file->uri, group, name, chunk->unsupported);
    bool list = file->footer.leaves[column].repetition_max > 0; /* an empty list is a value, too */
    if (list ? chunk->value_count < row_group->row_count : chunk->value_count != row_group->row_count)
        return df_error_set(error, DF_ERROR_CORRUPT, "%s: row group %u, column '%s': it has %llu values for %llu rows",
                            file->uri, group, name, (unsigned long long)chunk->value_count,
                            (unsigned long long)row_group->row_count);
    return 0;
}

static int check_columns(const struct df_parquet_file *file, const struct df_parquet_scan_options *options,
                         struct df_error *error)
{
    for (uint32_t i = 0; i < options->column_count; i++) {
        const struct df_parquet_column *column = df_parquet_column(file, options->columns[i]);
        if (column->unsupported)
            return df_error_set(error, DF_ERROR_UNSUPPORTED,
                                "%s: column '%s': %s is not read; write it as a flat column or a list of values, or "
                                "leave it out",
                                file->uri, column->name, column->unsupported);
        for (uint32_t group = options->row_group_begin; group < options->row_group_end; group++)
            if (check_chunk(file, group, options->columns[i], error) < 0)
                return -1;
    }
    return 0;
}

static int make_arrays(struct df_parquet_scan *scan, const struct df_parquet_scan_options *options,
                       struct df_error *error)
{
    size_t count = options->column_count ? options->column_count : 1;
    scan->columns = calloc(count, sizeof *scan->columns);
    scan->readers = calloc(count, sizeof *scan->readers);
    scan->vectors = calloc(count, sizeof *scan->vectors);
    scan->items = calloc(count, sizeof *scan->items);
    scan->fetching = calloc(count, sizeof *scan->fetching);
    if (!scan->columns || !scan->readers || !scan->vectors || !scan->items || !scan->fetching)
        return df_error_no_memory(error, "while scanning a Parquet file");
    for (uint32_t i = 0; i < options->column_count; i++) {
        scan->columns[i] = options->columns[i];
        if (df_parquet_reader_init(&scan->readers[i], scan->file, options->columns[i], options->budget, &scan->serial,
                                   error) < 0)
            return -1;
        scan->readers[i].values.scalar = options->scalar;
        scan->reader_count++;
    }
    return 0;
}

/* Ascending and disjoint, as rows come in the order of the file. */
static int check_wanted_rows(const struct df_parquet_scan *scan, const struct df_parquet_scan_options *options,
                             struct df_error *error)
{
    for (uint32_t i = 0; i < options->wanted_count; i++) {
        const struct df_parquet_rows *rows = &options->wanted[i], *before = i > 0 ? rows - 1 : NULL;
        bool placed = rows->row_group >= options->row_group_begin && rows->row_group < options->row_group_end &&
                      rows->begin < rows->end && rows->end <= scan->file->footer.row_groups[rows->row_group].row_count;
        if (!placed || (before && (before->row_group > rows->row_group ||
                                   (before->row_group == rows->row_group && before->end > rows->begin))))
            return df_error_set(error, DF_ERROR_INVALID,
                                "%s: rows %llu to %llu of row group %u are wanted: they are not there, or not in order",
                                scan->file->uri, (unsigned long long)rows->begin, (unsigned long long)rows->end,
                                rows->row_group);
    }
    return 0;
}

static int copy_wanted(struct df_parquet_scan *scan, const struct df_parquet_scan_options *options,
                       struct df_error *error)
{
    if (!options->wanted)
        return 0;
    if (check_wanted_rows(scan, options, error) < 0)
        return -1;
    scan->wanted = calloc(options->wanted_count ? options->wanted_count : 1, sizeof *scan->wanted);
    if (!scan->wanted)
        return df_error_no_memory(error, "while scanning a Parquet file");
    for (uint32_t i = 0; i < options->wanted_count; i++)
        scan->wanted[scan->wanted_count++] = options->wanted[i];
    return 0;
}

int df_parquet_scan_open(struct df_parquet_scan **scan, struct df_parquet_file *file,
                         const struct df_parquet_scan_options *options, struct df_error *error)
{
    *scan = NULL;
    assert(options->row_group_begin <= options->row_group_end);
    assert(options->row_group_end <= file->footer.row_group_count);
    if (check_columns(file, options, error) < 0)
        return -1;
    struct df_parquet_scan *made = calloc(1, sizeof *made);
    if (!made)
        return df_error_no_memory(error, "while scanning a Parquet file");
    made->file = file;
    made->budget = options->budget;
    made->deadline = options->deadline;
    made->cancelled = options->cancelled;
    made->row_group = options->row_group_begin;
    made->row_group_end = options->row_group_end;
    made->column_count = options->column_count;
    if (make_arrays(made, options, error) < 0 || copy_wanted(made, options, error) < 0) {
        df_parquet_scan_close(made);
        return -1;
    }
    *scan = made;
    return 0;
}

void df_parquet_scan_close(struct df_parquet_scan *scan)
{
    if (!scan)
        return;
    for (uint32_t i = 0; i < scan->reader_count; i++)
        df_parquet_reader_dispose(&scan->readers[i]);
    free(scan->columns);
    free(scan->readers);
    free(scan->vectors);
    free(scan->items);
    free(scan->fetching);
    free(scan->wanted);
    free(scan);
}

uint64_t df_parquet_scan_bytes_read(const struct df_parquet_scan *scan)
{
    return scan->bytes_read;
}

static int check_wanted(const struct df_parquet_scan *scan, struct df_error *error)
{
    if (scan->cancelled && atomic_load_explicit(scan->cancelled, memory_order_relaxed))
        return df_error_set(error, DF_ERROR_CANCELLED, "%s: cancelled while it was read", scan->file->uri);
    if (df_deadline_passed(scan->deadline))
        return df_error_set(error, DF_ERROR_TIMEOUT, "%s: the deadline passed while it was read", scan->file->uri);
    return 0;
}

static void begin_readers(struct df_parquet_scan *scan, uint32_t group)
{
    scan->row_group = group + 1;
    scan->row_at = 0;
    for (uint32_t i = 0; i < scan->column_count; i++)
        df_parquet_reader_begin(&scan->readers[i], group, scan->columns[i]);
}

/* Turns to the next row group that has rows: 0 at the end. */
static int begin_row_group(struct df_parquet_scan *scan)
{
    while (scan->rows_left == 0) {
        if (scan->row_group == scan->row_group_end)
            return 0;
        uint32_t group = scan->row_group++;
        scan->rows_left = scan->file->footer.row_groups[group].row_count;
        if (scan->rows_left > 0)
            begin_readers(scan, group);
    }
    return 1;
}

/* Turns to the next rows that are wanted: 0 at the end. */
static int begin_wanted(struct df_parquet_scan *scan, struct df_error *error)
{
    if (scan->rows_left > 0)
        return 1;
    if (scan->wanted_at == scan->wanted_count)
        return 0;
    const struct df_parquet_rows *rows = &scan->wanted[scan->wanted_at++];
    const struct df_parquet_reading reading = {
        .budget = scan->budget, .deadline = scan->deadline, .cancelled = scan->cancelled};
    bool begins = scan->wanted_at == 1 || rows->row_group != rows[-1].row_group;
    if (begins)
        begin_readers(scan, rows->row_group);
    for (uint32_t i = 0; i < scan->column_count; i++) {
        struct df_parquet_reader *reader = &scan->readers[i];
        if (begins && df_parquet_reader_load_index(reader, scan->columns[i], &reading, error) < 0)
            return -1;
        scan->bytes_read += begins ? reader->index.bytes_read : 0;
        df_parquet_reader_seek(reader, rows->begin, rows->end);
    }
    scan->row_at = rows->begin;
    scan->rows_left = rows->end - rows->begin;
    return 1;
}

/* When the last row of a row group was read. */
static int end_readers(const struct df_parquet_scan *scan, struct df_error *error)
{
    if (scan->rows_left > 0 || scan->row_at < scan->file->footer.row_groups[scan->row_group - 1].row_count)
        return 0;
    for (uint32_t i = 0; i < scan->column_count; i++)
        if (df_parquet_reader_end(&scan->readers[i], error) < 0)
            return -1;
    return 0;
}

static int feed(void *ctx, size_t item, uint64_t offset, struct df_slice piece, struct df_error *error)
{
    struct df_parquet_scan *scan = ctx;
    (void)offset;
    (void)error;
    df_parquet_reader_feed(scan->fetching[item], piece);
    scan->bytes_read += piece.size;
    return 0;
}

static int fetch(struct df_parquet_scan *scan, size_t count, struct df_error *error)
{
    struct df_read read = {
        .items = scan->items, .item_count = count, .deadline = scan->deadline, .cancelled = scan->cancelled};
    return df_store_read(scan->file->store, &read, feed, scan, error);
}

/* Until each column has rows: one read for all that miss bytes, so that a remote store has their requests
 * under way together. */
static int load_pages(struct df_parquet_scan *scan, struct df_error *error)
{
    for (;;) {
        size_t missing = 0;
        for (uint32_t i = 0; i < scan->column_count; i++) {
            struct df_parquet_reader *reader = &scan->readers[i];
            int ready = df_parquet_reader_advance(reader, error);
            if (ready < 0)
                return -1;
            if (ready > 0)
                continue;
            if (df_parquet_reader_prepare(reader, &scan->items[missing], error) < 0)
                return -1;
            scan->fetching[missing++] = reader;
        }
        if (missing == 0)
            return 0;
        if (fetch(scan, missing, error) < 0)
            return -1;
    }
}

static uint32_t batch_rows(const struct df_parquet_scan *scan)
{
    uint64_t rows = scan->rows_left < DF_PARQUET_BATCH_ROWS ? scan->rows_left : DF_PARQUET_BATCH_ROWS;
    for (uint32_t i = 0; i < scan->column_count; i++)
        if (df_parquet_reader_rows_ready(&scan->readers[i]) < rows)
            rows = df_parquet_reader_rows_ready(&scan->readers[i]);
    return (uint32_t)rows;
}

static int next_batch(struct df_parquet_scan *scan, uint32_t *rows, struct df_error *error)
{
    if (check_wanted(scan, error) < 0)
        return -1;
    int begun = scan->wanted ? begin_wanted(scan, error) : begin_row_group(scan);
    if (begun <= 0)
        return begun;
    if (load_pages(scan, error) < 0)
        return -1;
    uint32_t count = batch_rows(scan);
    for (uint32_t i = 0; i < scan->column_count; i++)
        if (df_parquet_reader_decode(&scan->readers[i], count, &scan->vectors[i], error) < 0)
            return -1;
    scan->rows_left -= count;
    scan->row_at += count;
    if (end_readers(scan, error) < 0)
        return -1;
    *rows = count;
    return 1;
}

int df_parquet_scan_next(struct df_parquet_scan *scan, const struct df_vector **vectors, uint32_t *rows,
                         struct df_error *error)
{
    *rows = 0;
    *vectors = scan->vectors;
    if (scan->failure.kind == DF_ERROR_NONE) {
        int result = next_batch(scan, rows, &scan->failure);
        if (result >= 0)
            return result;
    }
    if (error)
        *error = scan->failure;
    return -1;
}
