/* Partial results into the answer, in part order. */
#include "engine/funnel/plan/bad_report.h"
#include "engine/funnel/plan/query.h"

static int fold_footer(struct df_query *query, const struct df_part *part, struct df_slice blob, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_funnel_file *file = df_funnel_files_of_part(funnel, part);
    if (!file)
        return df_error_set(error, DF_ERROR_INTERNAL, "a footer of part %u came, which was not planned", part->index);
    if (df_funnel_footer_decode(blob, funnel->request.column_count, &query->arena, &file->footer, error) < 0)
        return df_error_prefix(error, "%s", part->uri);
    file->footer_known = true;
    if (file->size_bytes == 0) {
        file->size_bytes = file->footer.file_bytes;
        funnel->total_bytes += file->footer.file_bytes;
    }
    funnel->stage_bytes_read[part->stage] += file->footer.bytes_read;
    return 0;
}

/* A file that was scanned without a look at its footer before. */
static int fold_shape(struct df_query *query, const struct df_part *part, const struct df_funnel_share *share,
                      struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    bool times = funnel->request.funnel.durations || funnel->request.funnel.cohort.given;
    funnel->scan.file_bytes += part->size_bytes == 0 ? share->file_bytes : 0;
    funnel->scan.files_skipped += share->row_groups_read == 0 && share->row_groups_skipped > 0;
    const char *uri = df_arena_text(&query->arena, df_slice_text(part->uri));
    return uri ? df_funnel_agree(query, uri, &share->shape, times, error)
               : df_error_no_memory(error, "comparing files");
}

static int merge(struct df_query *query, const struct df_part *part, const struct df_funnel_share *share,
                 struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_cursor cursor = df_cursor_make(share->result);
    if (df_funnel_result_merge(funnel->scan.result, &cursor, error) < 0)
        return part->uri && *part->uri ? df_error_prefix(error, "%s", part->uri) : -1;
    if (df_cursor_left(&cursor) > 0)
        return df_error_set(error, DF_ERROR_CORRUPT, "a partial result of the funnel is damaged: bytes follow its end");
    return df_funnel_export_fold(query, share, error);
}

static int fold_share(struct df_query *query, const struct df_part *part, enum df_funnel_role role,
                      struct df_slice blob, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_arena arena = {0};
    struct df_funnel_share share;
    int result = df_funnel_share_decode(blob, role, funnel->request.column_count, &arena, &share, error);
    if (result == 0) {
        funnel->scan.rows += share.rows;
        funnel->scan.rows_without_group += share.rows_without_group;
        funnel->scan.row_groups_read += share.row_groups_read;
        funnel->scan.row_groups_skipped += share.row_groups_skipped;
        df_funnel_skip_counts_add(&funnel->scan.skips, &share.skips);
        funnel->scan.folded += role != DF_FUNNEL_ROLE_SCATTER;
        funnel->stage_bytes_read[part->stage] += share.bytes_read;
        funnel->scan.over = share.over;
    }
    if (result == 0 && role == DF_FUNNEL_ROLE_WHOLE)
        result = fold_shape(query, part, &share, error);
    if (result == 0 && !share.over && role != DF_FUNNEL_ROLE_SCATTER)
        result = merge(query, part, &share, error);
    df_arena_dispose(&arena);
    if (result < 0)
        return -1;
    /* One part is enough to know that the scan is to be done otherwise. */
    return share.over ? DF_FOLD_ENOUGH : DF_FOLD_MORE;
}

int df_funnel_fold(struct df_query *query, const struct df_part *part, const struct df_outcome *outcome,
                   struct df_writer *writer, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    (void)writer;
    if (outcome->failed) {
        *error = outcome->error;
        return -1;
    }
    enum df_funnel_role role = part->stage < DF_FUNNEL_STAGES_MAX ? funnel->roles[part->stage] : 0;
    if (role == 0)
        return df_error_set(error, DF_ERROR_INTERNAL, "a partial result of stage %u came, which was not planned",
                            part->stage);
    bool of_file = role != DF_FUNNEL_ROLE_GATHER && role != DF_FUNNEL_ROLE_VALUES;
    if (of_file && df_funnel_bad_report_is(outcome->blob))
        return df_funnel_bad_files_fold(query, part, outcome->blob, error) < 0 ? -1 : DF_FOLD_MORE;
    if (role == DF_FUNNEL_ROLE_FOOTERS)
        return fold_footer(query, part, outcome->blob, error) < 0 ? -1 : DF_FOLD_MORE;
    return fold_share(query, part, role, outcome->blob, error);
}
