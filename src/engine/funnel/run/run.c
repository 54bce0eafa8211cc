#include "engine/funnel/run/run.h"

#include <inttypes.h>

#include "engine/funnel/plan/bad_report.h"
#include "engine/funnel/rows/scatter.h"
#include "engine/funnel/rows/source_section.h"
#include "engine/funnel/run/footer.h"
#include "engine/funnel/run/share.h"

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

static struct df_funnel_passes make_passes(const struct df_task *task, struct df_funnel_gathering *gathering)
{
    return (struct df_funnel_passes){.request = task->state,
                                     .budget = task->budget,
                                     .floor_bytes = df_funnel_account_floor(task->budget, task->threads),
                                     .cancelled = task->cancelled,
                                     .shape = gathering->detail->has_shape ? &gathering->detail->shape : NULL,
                                     .done = df_funnel_gathering_add,
                                     .ctx = gathering};
}

/* ---- files ---- */

static void note_reading(const struct df_funnel_source_file *file, const struct df_funnel_passes *passes,
                         struct df_funnel_share *share)
{
    share->rows = passes->rows;
    share->rows_without_group = passes->rows_without_group;
    share->file_bytes = df_parquet_size_bytes(file->file);
    share->bytes_read = file->bytes_read;
    share->row_groups_read = file->row_groups_read;
    share->row_groups_skipped = file->row_groups_skipped;
    share->skips = file->skips;
}

static int run_whole(struct df_funnel_source_file *file, struct df_task *task, const struct df_part *part,
                     const struct df_funnel_detail *detail, struct df_arena *arena, struct df_partial *partial,
                     struct df_error *error)
{
    struct df_funnel_gathering gathering;
    struct df_funnel_share share = {.role = DF_FUNNEL_ROLE_WHOLE};
    df_funnel_gathering_init(&gathering, task, part, detail);
    struct df_funnel_passes passes = make_passes(task, &gathering);
    int result = df_funnel_shape_of(file, arena, &share.shape, error);
    if (result == 0)
        result = df_funnel_run_passes(&passes, &file->source, error);
    if (result == 0) {
        note_reading(file, &passes, &share);
        result = df_funnel_gathering_finish(&gathering, &share, &partial->blob, error);
    }
    partial->stats.rows_scanned += passes.rows;
    df_funnel_gathering_dispose(&gathering);
    return result;
}

static int run_scatter(struct df_funnel_source_file *file, struct df_task *task, const struct df_part *part,
                       struct df_partial *partial, struct df_error *error)
{
    struct df_funnel_share share = {.role = DF_FUNNEL_ROLE_SCATTER};
    uint32_t row_groups = df_parquet_row_group_count(file->file);
    if (part->range_begin > part->range_end || part->range_end > row_groups) {
        file->broken = true;
        return df_error_set(error, DF_ERROR_CONFLICT,
                            "%s has %" PRIu32 " row groups now; it was replaced during the "
                            "query",
                            part->uri, row_groups);
    }
    df_funnel_source_file_range(file, (uint32_t)part->range_begin, (uint32_t)part->range_end);
    if (df_funnel_scatter(file, task, part, error) < 0)
        return -1;
    const struct df_funnel_passes passes = {.rows = file->source.rows_scanned,
                                            .rows_without_group = file->source.rows_without_group};
    note_reading(file, &passes, &share);
    partial->stats.rows_scanned += share.rows;
    df_funnel_share_encode(&share, &partial->blob);
    return 0;
}

/* The coordinator decides what becomes of a bad file, so this is an answer: retrying would not help. */
static int report_bad_file(const struct df_funnel_source_file *file, struct df_partial *partial, struct df_error *error)
{
    if (!file->broken || !df_funnel_bad_kind(error->kind))
        return -1;
    df_buf_clear(&partial->blob);
    df_funnel_bad_report_encode(error, file->bytes_read, &partial->blob);
    df_error_clear(error);
    return 0;
}

static int run_file(struct df_task *task, const struct df_part *part, const struct df_funnel_detail *detail,
                    struct df_arena *arena, struct df_partial *partial, struct df_error *error)
{
    const struct df_funnel_request *request = task->state;
    const struct df_funnel_source_file_open open = {.task = task,
                                                    .part = part,
                                                    .request = request,
                                                    .unit_known = request->dataset.unit_given,
                                                    .unit = request->dataset.unit,
                                                    .string_directories = detail->string_directories,
                                                    .string_directory_count = detail->string_directory_count};
    struct df_funnel_source_file file = {0};
    int result = df_funnel_source_file_open(&file, &open, error);
    if (result == 0 && detail->role == DF_FUNNEL_ROLE_FOOTERS) {
        result = df_funnel_read_footer(&file, task, &partial->blob, error);
        file.broken = result < 0; /* it does nothing but read */
    } else if (result == 0 && detail->role == DF_FUNNEL_ROLE_WHOLE) {
        result = run_whole(&file, task, part, detail, arena, partial, error);
    } else if (result == 0) {
        result = run_scatter(&file, task, part, partial, error);
    }
    if (result < 0)
        result = report_bad_file(&file, partial, error);
    partial->stats.bytes_read += file.bytes_read;
    df_funnel_source_file_dispose(&file);
    return result;
}

/* ---- GATHER: sections of users ---- */

/* What the files have said, as the coordinator has compared it. */
static void describe_source(struct df_funnel_source *source, const struct df_funnel_shape *shape)
{
    const struct df_funnel_dataset *dataset = &source->request->dataset;
    source->kind = shape->kind;
    source->scale_known = shape->time.scale_known || dataset->unit_given;
    source->scale = shape->time.scale_known ? shape->time.scale : (enum df_funnel_scale)dataset->unit;
    source->times_turned = shape->time.kind == DF_FUNNEL_TIME_UINT64;
    source->user_type = shape->user_type;
    source->time_type = shape->time_type;
}

/* One section after the other, each with a table of its own: memory is that of the largest. */
static int gather_sections(struct df_funnel_source_section *section, const struct df_part *part,
                           struct df_funnel_passes *passes, const struct df_funnel_gathering *gathering,
                           struct df_error *error)
{
    for (uint64_t i = part->range_begin; i < part->range_end && !gathering->over; i++) {
        if (df_task_check(section->task, error) < 0)
            return -1;
        df_funnel_source_section_at(section, i);
        if (df_funnel_run_passes(passes, &section->source, error) < 0)
            return -1;
    }
    return 0;
}

static int run_gather(struct df_task *task, const struct df_part *part, const struct df_funnel_detail *detail,
                      struct df_partial *partial, struct df_error *error)
{
    const struct df_funnel_request *request = task->state;
    struct df_funnel_share share = {.role = DF_FUNNEL_ROLE_GATHER}; /* rows were counted by the stage before */
    struct df_funnel_source_section section = {0};
    struct df_funnel_gathering gathering;
    df_funnel_gathering_init(&gathering, task, part, detail);
    struct df_funnel_passes passes = make_passes(task, &gathering);
    int result = df_funnel_source_section_open(&section, task, part, request, error);
    describe_source(&section.source, &detail->shape);
    if (result == 0)
        result = gather_sections(&section, part, &passes, &gathering, error);
    share.bytes_read = section.bytes_read;
    if (result == 0)
        result = df_funnel_gathering_finish(&gathering, &share, &partial->blob, error);
    df_funnel_source_section_dispose(&section);
    df_funnel_gathering_dispose(&gathering);
    return result;
}

/* ---- VALUES: sections of table entries ---- */

struct values {
    struct df_task *task;
    struct df_funnel_result *result;
    uint64_t bytes;
};

static int merge_piece(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    struct values *values = ctx;
    (void)producer;
    (void)section;
    if (df_task_check(values->task, error) < 0)
        return -1;
    values->bytes += bytes.size;
    return df_funnel_result_merge_entries(values->result, bytes, error);
}

static int run_values(struct df_task *task, const struct df_part *part, struct df_partial *partial,
                      struct df_error *error)
{
    struct df_funnel_share share = {.role = DF_FUNNEL_ROLE_VALUES};
    struct df_funnel_account account = {.budget = task->budget,
                                        .floor_bytes = df_funnel_account_floor(task->budget, task->threads)};
    struct values values = {.task = task};
    struct df_buf encoded = {0};
    if (df_funnel_result_create(&values.result, task->state, &account, error) < 0)
        return -1;
    int result = df_task_section_read(task, part, merge_piece, &values, error);
    if (result == 0)
        result = df_funnel_result_settle(values.result, error);
    if (result == 0) {
        df_funnel_result_encode(values.result, false, &encoded);
        share.bytes_read = values.bytes;
        share.result = df_buf_slice(&encoded);
        result = df_buf_failed(&encoded) ? df_error_no_memory(error, "writing a partial result") : 0;
        df_funnel_share_encode(&share, &partial->blob);
    }
    df_buf_dispose(&encoded);
    df_funnel_result_free(values.result);
    return result;
}

/* ---- all of them ---- */

static int run_role(struct df_task *task, const struct df_part *part, const struct df_funnel_detail *detail,
                    struct df_arena *arena, struct df_partial *partial, struct df_error *error)
{
    switch (detail->role) {
    case DF_FUNNEL_ROLE_GATHER:
        return run_gather(task, part, detail, partial, error);
    case DF_FUNNEL_ROLE_VALUES:
        return run_values(task, part, partial, error);
    default:
        return run_file(task, part, detail, arena, partial, error);
    }
}

int df_funnel_run(struct df_task *task, const struct df_part *part, struct df_partial *partial, struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_funnel_detail detail;
    int result = df_funnel_detail_decode(part->detail, &arena, &detail, error);
    const struct df_funnel_request *request = task->state;
    if (result == 0 && detail.has_shape && detail.shape.type_count != request->column_count)
        result = df_error_set(error, DF_ERROR_CORRUPT, "the detail of a funnel's part is damaged");
    if (result == 0 && detail.values_apart && task->sections == 0)
        result = df_error_set(error, DF_ERROR_INTERNAL, "a part of the funnel has no sections for its values");
    if (result == 0)
        result = run_role(task, part, &detail, &arena, partial, error);
    if (result == 0 && df_buf_failed(&partial->blob))
        result = df_error_no_memory(error, "writing a partial result");
    df_arena_dispose(&arena);
    return result;
}
