#include "engine/funnel/run.h"

#include <stdlib.h>

#include "engine/funnel/events.h"
#include "engine/funnel/scatter.h"

int df_funnel_task_begin(struct df_task *task, struct df_error *error)
{
    struct df_funnel_request *request = df_arena_zalloc(&task->arena, sizeof *request);
    if (!request)
        return df_error_no_memory(error, "beginning a task");
    task->state = request;
    return df_funnel_request_parse(request, task->request, &task->arena, error);
}

void df_funnel_task_end(struct df_task *task)
{
    task->state = NULL; /* all of it lies in the task's arena */
}

static int finish_blob(const struct df_buf *blob, struct df_error *error)
{
    return df_buf_failed(blob) ? df_error_no_memory(error, "writing a partial result") : 0;
}

/* ---- COUNT: one file, its users whole ---- */

struct file_source {
    struct df_funnel_events *events;
    uint32_t codes[DF_PARQUET_BATCH_ROWS];
};

/* All filters over one batch whose users have their codes. */
static int collect_matches(struct df_funnel_events *events, const uint32_t *codes,
                           struct df_funnel_collector *collector, struct df_error *error)
{
    for (uint32_t filter = 0; filter < events->columns.filter_count; filter++) {
        const uint8_t *matches;
        if (df_funnel_events_match(events, filter, &matches, error) < 0)
            return -1;
        if (!df_funnel_collector_match(collector, filter, matches, codes, events->times, events->time_valid,
                                       events->rows))
            return DF_FUNNEL_SOURCE_OVER;
    }
    return DF_FUNNEL_SOURCE_DONE;
}

static int read_file(void *ctx, struct df_funnel_collector *collector, struct df_error *error)
{
    struct file_source *source = ctx;
    struct df_funnel_events *events = source->events;
    if (df_funnel_events_scan(events, 0, df_parquet_row_group_count(events->file), error) < 0)
        return -1;
    int result;
    while ((result = df_funnel_events_next(events, error)) > 0) {
        if (!df_funnel_collector_rows(collector, &events->keys, source->codes))
            return DF_FUNNEL_SOURCE_OVER;
        result = collect_matches(events, source->codes, collector, error);
        if (result != DF_FUNNEL_SOURCE_DONE)
            return result;
    }
    return result;
}

static struct df_funnel_passes make_passes(const struct df_task *task, enum df_funnel_key_kind kind)
{
    return (struct df_funnel_passes){
        .request = task->state,
        .kind = kind,
        .account = {.budget = task->budget, .floor_bytes = df_funnel_account_floor(task->budget, task->threads)}};
}

static int make_counts(const struct df_task *task, struct df_funnel_counts *counts, struct df_error *error)
{
    const struct df_funnel_request *request = task->state;
    *counts = (struct df_funnel_counts){.step_count = request->step_count};
    counts->steps = calloc(request->step_count, sizeof *counts->steps);
    return counts->steps ? 0 : df_error_no_memory(error, "counting steps");
}

static int count_file(struct df_task *task, struct df_funnel_events *events, struct df_partial *partial,
                      struct df_error *error)
{
    struct df_funnel_passes passes = make_passes(task, events->columns.kind);
    struct df_funnel_counts counts;
    struct file_source *source = malloc(sizeof *source);
    if (!source)
        return df_error_no_memory(error, "reading a file");
    source->events = events;
    int result = make_counts(task, &counts, error);
    if (result == 0)
        result = df_funnel_count_in_passes(&passes, read_file, source, &counts, error);
    if (result == 0) {
        df_funnel_counts_encode(DF_FUNNEL_COUNT, &counts, &partial->blob);
        partial->stats.rows_scanned += counts.rows;
    }
    free(counts.steps);
    free(source);
    return result;
}

/* ---- FOOTERS: what the coordinator must know of a file to decide ---- */

static void add_bounds(const struct df_parquet_file *file, const struct df_funnel_columns *columns, uint32_t row_group,
                       struct df_funnel_footer *footer)
{
    if (df_parquet_row_group_rows(file, row_group) == 0 || !footer->bounds_known)
        return;
    struct df_parquet_int_bounds bounds = df_parquet_int_bounds(file, row_group, columns->columns[columns->user_at]);
    /* Turning the highest bit makes unsigned bounds compare as signed ones. */
    uint64_t turn = columns->kind == DF_FUNNEL_KEY_UINT64 ? UINT64_C(1) << 63 : 0;
    int64_t minimum = (int64_t)((uint64_t)bounds.minimum ^ turn), maximum = (int64_t)((uint64_t)bounds.maximum ^ turn);
    if (!bounds.known || minimum > maximum) {
        footer->bounds_known = false;
        return;
    }
    footer->minimum = minimum < footer->minimum ? minimum : footer->minimum;
    footer->maximum = maximum > footer->maximum ? maximum : footer->maximum;
}

static uint64_t needed_bytes(const struct df_parquet_file *file, const struct df_funnel_columns *columns,
                             uint32_t row_group)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < columns->column_count; i++)
        bytes += df_parquet_chunk_bytes(file, row_group, columns->columns[i]);
    return bytes;
}

static void summarise(const struct df_parquet_file *file, const struct df_funnel_columns *columns,
                      struct df_funnel_footer *footer)
{
    uint32_t row_groups = df_parquet_row_group_count(file);
    uint32_t per_unit = row_groups / DF_FUNNEL_UNITS_MAX + (row_groups % DF_FUNNEL_UNITS_MAX != 0);
    const char *groups = df_parquet_metadata(file, "dayfly.groups");
    footer->whole = groups && strcmp(groups, "whole") == 0;
    footer->kind = columns->kind;
    footer->time = columns->time;
    footer->bounds_known = columns->kind != DF_FUNNEL_KEY_BYTES;
    footer->minimum = INT64_MAX;
    footer->maximum = INT64_MIN;
    for (uint32_t i = 0; i < row_groups; i++) {
        struct df_funnel_unit *unit = &footer->units[i / per_unit];
        footer->unit_count = i / per_unit + 1;
        unit->row_groups++;
        unit->rows += df_parquet_row_group_rows(file, i);
        unit->bytes += needed_bytes(file, columns, i);
        footer->rows += df_parquet_row_group_rows(file, i);
        add_bounds(file, columns, i, footer);
    }
}

static int read_footer(struct df_funnel_events *events, struct df_partial *partial, struct df_error *error)
{
    struct df_funnel_footer footer = {.units = calloc(DF_FUNNEL_UNITS_MAX, sizeof *footer.units)};
    if (!footer.units)
        return df_error_no_memory(error, "reading a footer");
    summarise(events->file, &events->columns, &footer);
    df_funnel_footer_encode(&footer, &partial->blob);
    free(footer.units);
    return 0;
}

/* ---- SCATTER: row groups to sections ---- */

static int scatter_batch(struct df_funnel_events *events, struct df_funnel_scatter *scatter, struct df_error *error)
{
    if (df_funnel_scatter_rows(scatter, &events->keys, error) < 0)
        return -1;
    for (uint32_t filter = 0; filter < events->columns.filter_count; filter++) {
        const uint8_t *matches;
        if (df_funnel_events_match(events, filter, &matches, error) < 0 ||
            df_funnel_scatter_match(scatter, filter, matches, events->times, events->time_valid, error) < 0)
            return -1;
    }
    return df_funnel_scatter_batch_end(scatter, error);
}

static int scatter_rows(struct df_funnel_events *events, struct df_funnel_scatter *scatter, uint64_t *rows,
                        struct df_error *error)
{
    int result;
    while ((result = df_funnel_events_next(events, error)) > 0) {
        *rows += events->rows;
        if (scatter_batch(events, scatter, error) < 0)
            return -1;
    }
    return result < 0 ? -1 : df_funnel_scatter_finish(scatter, error);
}

static int scatter_file(struct df_task *task, const struct df_part *part, struct df_funnel_events *events,
                        struct df_partial *partial, struct df_error *error)
{
    const struct df_funnel_request *request = task->state;
    struct df_funnel_counts counts = {0};
    struct df_funnel_scatter *scatter;
    if (part->range_begin > part->range_end || part->range_end > df_parquet_row_group_count(events->file))
        return df_error_set(error, DF_ERROR_CONFLICT, "%s has %u row groups now; it was replaced during the query",
                            part->uri, df_parquet_row_group_count(events->file));
    if (df_funnel_events_scan(events, (uint32_t)part->range_begin, (uint32_t)part->range_end, error) < 0 ||
        df_funnel_scatter_create(&scatter, task, part, events->columns.kind, request->steps[0].filter, error) < 0)
        return -1;
    int result = scatter_rows(events, scatter, &counts.rows, error);
    counts.rows_without_group = df_funnel_scatter_rows_without_group(scatter);
    df_funnel_scatter_free(scatter);
    if (result < 0)
        return -1;
    df_funnel_counts_encode(DF_FUNNEL_SCATTER, &counts, &partial->blob);
    partial->stats.rows_scanned += counts.rows;
    return 0;
}

/* ---- GATHER: sections to counts ---- */

struct section_source {
    struct df_task *task;
    struct df_part section; /* the part, narrowed to one section */
    struct df_funnel_record_reader *reader;
    struct df_funnel_collector *collector;
    bool over;
};

static int read_piece(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    struct section_source *source = ctx;
    (void)section;
    if (df_task_check(source->task, error) < 0)
        return -1;
    int result = df_funnel_record_read(source->reader, bytes, source->collector, error);
    if (result == DF_FUNNEL_SOURCE_OVER) {
        source->over = true;
        return df_error_set(error, DF_ERROR_EXHAUSTED, "a section of part %u does not fit the memory", producer);
    }
    return result;
}

static int read_section(void *ctx, struct df_funnel_collector *collector, struct df_error *error)
{
    struct section_source *source = ctx;
    source->collector = collector;
    source->over = false;
    if (df_task_check(source->task, error) < 0)
        return -1;
    if (df_task_section_read(source->task, &source->section, read_piece, source, error) < 0)
        return source->over ? DF_FUNNEL_SOURCE_OVER : -1;
    return DF_FUNNEL_SOURCE_DONE;
}

/* One section after the other, each with a table of its own: memory is that of the largest. */
static int gather(struct df_task *task, const struct df_part *part, const struct df_funnel_detail *detail,
                  struct df_partial *partial, struct df_error *error)
{
    struct df_funnel_passes passes = make_passes(task, detail->kind);
    struct df_funnel_counts counts;
    struct section_source source = {.task = task, .section = *part};
    if (df_funnel_record_reader_create(&source.reader, detail->kind, error) < 0)
        return -1;
    int result = make_counts(task, &counts, error);
    for (uint64_t i = part->range_begin; result == 0 && i < part->range_end; i++) {
        source.section.range_begin = i;
        source.section.range_end = i + 1;
        result = df_funnel_count_in_passes(&passes, read_section, &source, &counts, error);
    }
    counts.rows = counts.rows_without_group = 0; /* scanned and counted by the stage before */
    if (result == 0)
        df_funnel_counts_encode(DF_FUNNEL_GATHER, &counts, &partial->blob);
    free(counts.steps);
    df_funnel_record_reader_free(source.reader);
    return result;
}

static int run_file(struct df_task *task, const struct df_part *part, enum df_funnel_role role,
                    struct df_partial *partial, struct df_error *error)
{
    struct df_funnel_events events;
    int result = df_funnel_events_open(&events, task, part, task->state, error);
    if (result == 0 && role == DF_FUNNEL_FOOTERS)
        result = read_footer(&events, partial, error);
    else if (result == 0 && role == DF_FUNNEL_COUNT)
        result = count_file(task, &events, partial, error);
    else if (result == 0)
        result = scatter_file(task, part, &events, partial, error);
    if (events.scan)
        partial->stats.bytes_read += df_parquet_scan_bytes_read(events.scan);
    partial->stats.bytes_read += events.bytes_read;
    df_funnel_events_dispose(&events);
    return result;
}

int df_funnel_run(struct df_task *task, const struct df_part *part, struct df_partial *partial, struct df_error *error)
{
    struct df_funnel_detail detail;
    if (df_funnel_detail_decode(part->detail, &detail, error) < 0)
        return -1;
    int result = detail.role == DF_FUNNEL_GATHER ? gather(task, part, &detail, partial, error)
                                                 : run_file(task, part, detail.role, partial, error);
    return result < 0 ? -1 : finish_blob(&partial->blob, error);
}
