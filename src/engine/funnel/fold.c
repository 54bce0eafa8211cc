/* Partial results into the answer, in part order. */
#include "base/size.h"
#include "engine/funnel/query.h"

static int too_many(struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "the partial results of the funnel add up to more than 2^64 rows");
}

static int fold_footer(struct df_query *query, const struct df_part *part, struct df_slice blob, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    if (part->index >= funnel->file_count)
        return df_error_set(error, DF_ERROR_INTERNAL, "a footer of part %u came, and there are %zu files", part->index,
                            funnel->file_count);
    return df_funnel_footer_decode(blob, &query->arena, &funnel->files[part->index].footer, error);
}

static int add_counts(struct df_funnel_counts *to, const struct df_funnel_counts *more, struct df_error *error)
{
    if (df_u64_add(&to->groups, to->groups, more->groups) < 0 ||
        df_u64_add(&to->group_rows, to->group_rows, more->group_rows) < 0)
        return too_many(error);
    for (uint32_t i = 0; i < more->step_count; i++)
        if (df_u64_add(&to->steps[i].users, to->steps[i].users, more->steps[i].users) < 0 ||
            df_u64_add(&to->steps[i].rows, to->steps[i].rows, more->steps[i].rows) < 0)
            return too_many(error);
    return 0;
}

static int fold_counts(struct df_query *query, enum df_funnel_role role, struct df_slice blob, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_funnel_counts counts = {.steps = funnel->part_steps};
    if (role != DF_FUNNEL_SCATTER)
        counts.step_count = funnel->request.step_count;
    if (df_funnel_counts_decode(blob, role, &counts, error) < 0 || add_counts(&funnel->counts, &counts, error) < 0)
        return -1;
    df_query_count(query, "scannedRows", counts.rows);
    df_query_count(query, "rowsWithoutGroup", counts.rows_without_group);
    df_query_count(query, "scannedGroups", counts.groups);
    return 0;
}

int df_funnel_fold(struct df_query *query, const struct df_part *part, const struct df_outcome *outcome,
                   struct df_writer *writer, struct df_error *error)
{
    struct df_funnel_detail detail;
    (void)writer;
    if (outcome->failed) {
        *error = outcome->error;
        return -1;
    }
    if (df_funnel_detail_decode(part->detail, &detail, error) < 0)
        return -1;
    int result = detail.role == DF_FUNNEL_FOOTERS ? fold_footer(query, part, outcome->blob, error)
                                                  : fold_counts(query, detail.role, outcome->blob, error);
    return result < 0 ? -1 : DF_FOLD_MORE;
}
