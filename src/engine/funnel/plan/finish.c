/* The answer: one line of JSON, without a line break behind it; and the counters. */
#include "base/json_write.h"
#include "engine/funnel/plan/query.h"

/* What partials have read is read; the rest was skipped by a worker, or never planned. */
static void count(struct df_query *query)
{
    const struct df_funnel_query *funnel = query->state;
    uint64_t row_groups = 0, files_skipped = funnel->files_skipped + funnel->scan.files_skipped;
    for (size_t i = 0; i < funnel->file_count; i++) {
        const struct df_funnel_footer *footer = &funnel->files[i].footer;
        row_groups += footer->row_groups;
        files_skipped += footer->row_groups > 0 && footer->skipped == footer->row_groups;
    }
    uint64_t read = funnel->scan.row_groups_read, skipped = funnel->scan.row_groups_skipped;
    if (row_groups > 0)
        skipped = row_groups > read ? row_groups - read : 0;
    df_query_count(query, "scannedRows", funnel->scan.rows);
    df_query_count(query, "scannedGroups", df_funnel_result_groups(funnel->scan.result));
    df_query_count(query, "rowsWithoutGroup", funnel->scan.rows_without_group);
    df_query_count(query, "parts", funnel->file_count - funnel->bad.count);
    df_query_count(query, "totalSize", funnel->total_bytes + funnel->scan.file_bytes);
    df_query_count(query, "rowGroupsRead", read);
    df_query_count(query, "rowGroupsSkipped", skipped);
    df_query_count(query, "filesSkipped", files_skipped);
}

static int put_answer(struct df_query *query, struct df_buf *out, struct df_error *error)
{
    const struct df_funnel_query *funnel = query->state;
    struct df_funnel_answer answer = {.export_rows = funnel->scan.cohort_rows};
    struct df_json_writer json;
    answer.scale_known = df_funnel_scale(funnel, &answer.scale);
    df_funnel_export_files(funnel, &answer.export_files, &answer.export_file_count);
    df_json_writer_init(&json, out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    if (df_funnel_result_put_json(funnel->scan.result, &answer, &json, error) < 0)
        return -1;
    df_json_end_object(&json);
    return df_buf_failed(out) ? df_error_no_memory(error, "writing the answer") : 0;
}

int df_funnel_finish(struct df_query *query, struct df_writer *writer, struct df_error *error)
{
    struct df_buf out = {0};
    count(query);
    int result = df_funnel_explain(query, error);
    if (result == 0)
        result = put_answer(query, &out, error);
    if (result == 0)
        result = df_writer_put(writer, &out, error);
    /* Last: when anything fails, neither answer nor export is there. */
    if (result == 0)
        result = df_funnel_export_finish(query, error);
    df_buf_dispose(&out);
    return result;
}
