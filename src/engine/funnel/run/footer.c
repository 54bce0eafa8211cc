#include "engine/funnel/run/footer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "engine/funnel/rows/skip.h"

int df_funnel_shape_of(const struct df_funnel_source_file *file, struct df_arena *arena, struct df_funnel_shape *shape,
                       struct df_error *error)
{
    const struct df_funnel_columns *columns = &file->columns;
    uint32_t count = file->source.request->column_count;
    *shape = (struct df_funnel_shape){.kind = columns->kind,
                                      .user_type = columns->user_type,
                                      .time_type = file->source.time_type,
                                      .time = columns->time,
                                      .type_count = count,
                                      .types = df_arena_array(arena, count, sizeof *shape->types)};
    if (!shape->types)
        return df_error_no_memory(error, "reading a footer");
    for (uint32_t i = 0; i < count; i++)
        shape->types[i] = columns->values[i].type;
    return 0;
}

/* ---- bounds of the users ---- */

static void add_user_bounds(const struct df_funnel_source_file *file, uint32_t row_group,
                            struct df_funnel_footer *footer)
{
    if (!footer->bounds_known)
        return;
    const struct df_funnel_columns *columns = &file->columns;
    struct df_parquet_bounds bounds = df_parquet_bounds(file->file, row_group, columns->columns[columns->user_at]);
    footer->bounds_known = bounds.known && bounds.minimum.kind == DF_VECTOR_INT64;
    if (!footer->bounds_known)
        return;
    /* Turning the highest bit makes unsigned bounds compare as signed ones. */
    uint64_t turn = columns->kind == DF_FUNNEL_KEY_UINT64 ? UINT64_C(1) << 63 : 0;
    int64_t minimum = (int64_t)((uint64_t)bounds.minimum.as.int64 ^ turn);
    int64_t maximum = (int64_t)((uint64_t)bounds.maximum.as.int64 ^ turn);
    footer->bounds_known = minimum <= maximum;
    footer->minimum = minimum < footer->minimum ? minimum : footer->minimum;
    footer->maximum = maximum > footer->maximum ? maximum : footer->maximum;
}

/* ---- the magnitude of plain integer times ---- */

static uint64_t magnitude(int64_t value, bool is_unsigned)
{
    return value < 0 && !is_unsigned ? 0 - (uint64_t)value : (uint64_t)value;
}

static void add_largest(struct df_funnel_footer *footer, uint64_t value)
{
    footer->largest_known = true;
    footer->largest = value > footer->largest ? value : footer->largest;
}

static void add_time_bounds(const struct df_funnel_source_file *file, uint32_t row_group,
                            struct df_funnel_footer *footer)
{
    const struct df_funnel_columns *columns = &file->columns;
    if (columns->time.scale_known)
        return;
    struct df_parquet_bounds bounds = df_parquet_bounds(file->file, row_group, columns->columns[columns->time_at]);
    if (!bounds.known || bounds.minimum.kind != DF_VECTOR_INT64)
        return;
    bool is_unsigned = columns->time.kind == DF_FUNNEL_TIME_UINT64;
    add_largest(footer, magnitude(bounds.minimum.as.int64, is_unsigned));
    add_largest(footer, magnitude(bounds.maximum.as.int64, is_unsigned));
}

static int64_t number_at(const struct df_vector *vector, uint32_t row)
{
    if (vector->kind != DF_VECTOR_CODES)
        return vector->values.int64s[row];
    return vector->dictionary->values.int64s[vector->values.codes[row]];
}

static int scan_times(struct df_funnel_source_file *file, struct df_task *task, struct df_parquet_scan *scan,
                      struct df_funnel_footer *footer, struct df_error *error)
{
    const struct df_vector *vectors;
    uint32_t rows;
    int result;
    bool is_unsigned = file->columns.time.kind == DF_FUNNEL_TIME_UINT64;
    while ((result = df_parquet_scan_next(scan, &vectors, &rows, error)) > 0) {
        if (df_task_check(task, error) < 0)
            return -1;
        for (uint32_t i = 0; i < rows; i++)
            if (!df_vector_is_null(&vectors[0], i))
                add_largest(footer, magnitude(number_at(&vectors[0], i), is_unsigned));
    }
    return result;
}

/* Row group after row group, until one has a time: those of one file are of one unit. */
static int guess_largest(struct df_funnel_source_file *file, struct df_task *task, struct df_funnel_footer *footer,
                         struct df_error *error)
{
    const struct df_funnel_columns *columns = &file->columns;
    int result = 0;
    footer->largest_guessed = true;
    for (uint32_t i = 0; result == 0 && !footer->largest_known && i < df_parquet_row_group_count(file->file); i++) {
        const struct df_parquet_scan_options options = {.columns = &columns->columns[columns->time_at],
                                                        .column_count = 1,
                                                        .row_group_begin = i,
                                                        .row_group_end = i + 1,
                                                        .budget = task->budget,
                                                        .deadline = task->deadline,
                                                        .cancelled = task->cancelled};
        struct df_parquet_scan *scan;
        if (df_parquet_scan_open(&scan, file->file, &options, error) < 0)
            return -1;
        result = scan_times(file, task, scan, footer, error);
        footer->bytes_read += df_parquet_scan_bytes_read(scan);
        df_parquet_scan_close(scan);
    }
    return result;
}

/* ---- all of it ---- */

static uint64_t needed_bytes(const struct df_funnel_source_file *file, uint32_t row_group)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < file->columns.column_count; i++)
        bytes += df_parquet_chunk_bytes(file->file, row_group, file->columns.columns[i]);
    return bytes;
}

static void add_row_group(const struct df_funnel_source_file *file, uint32_t row_group, struct df_funnel_stretch *to,
                          struct df_funnel_footer *footer)
{
    uint64_t rows = df_parquet_row_group_rows(file->file, row_group);
    to->row_groups++;
    if (rows > 0)
        add_time_bounds(file, row_group, footer); /* of what is skipped too: the unit is that of all rows */
    if (df_funnel_skip_by_statistics(file, row_group)) {
        to->skipped++;
        return;
    }
    to->rows += rows;
    to->bytes += needed_bytes(file, row_group);
    if (rows > 0)
        add_user_bounds(file, row_group, footer);
}

/* Other programs copy a file's metadata into what they cut out of it. So the claim is believed of the column and the
 * number of rows that it was made for, and the coordinator wants each part of one writing once. */
static void take_claim(const struct df_funnel_source_file *file, struct df_funnel_footer *footer)
{
    const struct df_parquet_file *parquet = file->file;
    const char *groups = df_parquet_metadata(parquet, "dayfly.groups");
    const char *column = df_parquet_metadata(parquet, "dayfly.groups.column");
    const char *writing = df_parquet_metadata(parquet, "dayfly.groups.writing");
    const char *part = df_parquet_metadata(parquet, "dayfly.groups.part");
    const char *rows = df_parquet_metadata(parquet, "dayfly.groups.rows");
    char expected[32];
    uint64_t row_count = 0;
    for (uint32_t i = 0; i < df_parquet_row_group_count(parquet); i++)
        row_count += df_parquet_row_group_rows(parquet, i);
    snprintf(expected, sizeof expected, "%" PRIu64, row_count);
    footer->whole = groups && strcmp(groups, "whole") == 0 && column &&
                    strcmp(column, file->source.request->dataset.user) == 0 && rows && strcmp(rows, expected) == 0 &&
                    writing && part;
    if (footer->whole) {
        footer->writing = df_hash_bytes(df_slice_text(writing));
        footer->part = df_hash_bytes(df_slice_text(part));
    }
}

static void summarise(const struct df_funnel_source_file *file, struct df_funnel_footer *footer)
{
    uint32_t row_groups = df_parquet_row_group_count(file->file);
    uint32_t per_stretch = row_groups / DF_FUNNEL_STRETCHES_MAX + (row_groups % DF_FUNNEL_STRETCHES_MAX != 0);
    footer->file_bytes = df_parquet_size_bytes(file->file);
    footer->bytes_read = file->bytes_read;
    take_claim(file, footer);
    footer->bounds_known = file->columns.kind != DF_FUNNEL_KEY_BYTES;
    footer->minimum = INT64_MAX;
    footer->maximum = INT64_MIN;
    for (uint32_t i = 0; i < row_groups; i++) {
        footer->stretch_count = i / per_stretch + 1;
        add_row_group(file, i, &footer->stretches[i / per_stretch], footer);
    }
}

int df_funnel_read_footer(struct df_funnel_source_file *file, struct df_task *task, struct df_buf *out,
                          struct df_error *error)
{
    const struct df_funnel_request *request = file->source.request;
    struct df_arena arena = {0};
    struct df_funnel_footer footer = {0};
    footer.stretches = df_arena_array(&arena, DF_FUNNEL_STRETCHES_MAX, sizeof *footer.stretches);
    int result = footer.stretches ? df_funnel_shape_of(file, &arena, &footer.shape, error)
                                  : df_error_no_memory(error, "reading");
    if (result == 0)
        summarise(file, &footer);
    bool guess = request->time_unit && !request->dataset.unit_given && !file->columns.time.scale_known;
    if (result == 0 && guess && !footer.largest_known)
        result = guess_largest(file, task, &footer, error);
    if (result == 0)
        df_funnel_footer_encode(&footer, out);
    df_arena_dispose(&arena);
    return result;
}
