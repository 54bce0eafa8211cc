/* The answer: numbers become the members `query` and `funnel` (funnels-dayfly §7). */
#include "engine/funnel/result/answer.h"

static void put_count(struct df_json_writer *json, const char *name, uint64_t count)
{
    df_json_key(json, name);
    df_json_uint(json, count);
}

static int put_lists(struct df_funnel_result *result, const struct df_funnel_aggregations *aggregations, uint32_t depth,
                     struct df_json_writer *json, struct df_error *error)
{
    struct df_funnel_lists *lists = NULL;
    int put = df_funnel_lists_make(&lists, result, aggregations, depth, depth, error);
    if (put == 0)
        put = df_funnel_lists_put(lists, depth, json, error);
    df_funnel_lists_free(lists);
    return put;
}

static int put_query(struct df_funnel_result *result, struct df_json_writer *json, struct df_error *error)
{
    df_json_key(json, "query");
    df_json_begin_object(json);
    put_count(json, "matchingGroups", result->matching_groups);
    put_count(json, "matchingGroupRows", result->matching_rows);
    int put = 0;
    if (result->request->aggregations.count > 0) {
        df_json_key(json, "aggregations");
        put = put_lists(result, &result->request->aggregations, 0, json, error);
    }
    df_json_end_object(json);
    return put;
}

/* ---- steps ---- */

static int put_duration(const struct df_funnel_duration *duration, const char *name, struct df_json_writer *json,
                        struct df_error *error)
{
    static const struct df_type whole = {.kind = DF_TYPE_INT64};
    uint64_t count = duration->sketch.count;
    df_json_key(json, name);
    df_json_begin_object(json);
    df_json_key(json, "mean");
    if (count > 0)
        df_json_number(json, df_funnel_total_mean(duration->total, count, 0));
    else
        df_json_null(json);
    int put = df_funnel_put_quantiles(&duration->sketch, &whole, json, error);
    df_json_end_object(json);
    return put;
}

static int put_step(const struct df_funnel_result *result, const struct df_funnel_step *step, uint32_t depth,
                    const struct df_funnel_depth_count *count, const struct df_funnel_lists *lists,
                    struct df_json_writer *json, struct df_error *error)
{
    df_json_begin_object(json);
    if (step->name.data) {
        df_json_key(json, "name");
        df_json_string(json, step->name);
    }
    put_count(json, "matchingGroups", count->units);
    put_count(json, "matchingGroupRows", count->rows);
    if (result->sessions)
        put_count(json, "matchingUsers", count->users);
    df_json_key(json, "aggregations");
    int put = df_funnel_lists_put(lists, depth, json, error);
    if (put == 0 && result->from_start && depth > 1) {
        put = put_duration(&result->from_start[depth - 1], "timeFromStart", json, error);
        if (put == 0)
            put = put_duration(&result->from_previous[depth - 1], "timeFromPrevious", json, error);
    }
    df_json_end_object(json);
    return put;
}

static int put_steps(const struct df_funnel_result *result, const struct df_funnel_lists *lists,
                     struct df_json_writer *json, struct df_error *error)
{
    const struct df_funnel_sequence *sequence = &result->request->funnel.sequence;
    struct df_funnel_depth_count *counts = calloc((size_t)result->depth_count + 2, sizeof *counts);
    if (!counts)
        return df_error_no_memory(error, "writing the answer");
    for (uint32_t depth = result->depth_count; depth > 0; depth--) {
        const struct df_funnel_depth_count *at = &result->depths[depth], *deeper = &counts[depth + 1];
        counts[depth] = (struct df_funnel_depth_count){
            .units = at->units + deeper->units, .rows = at->rows + deeper->rows, .users = at->users + deeper->users};
    }
    int put = 0;
    uint32_t depth = 0;
    df_json_key(json, "sequence");
    df_json_begin_array(json);
    for (uint32_t i = 0; put == 0 && i < sequence->step_count; i++) {
        if (sequence->steps[i].negative)
            continue;
        depth++;
        put = put_step(result, &sequence->steps[i], depth, &counts[depth], lists, json, error);
    }
    df_json_end_array(json);
    free(counts);
    return put;
}

/* ---- the funnel ---- */

static void put_export(const struct df_funnel_export *export, const struct df_funnel_answer *answer,
                       struct df_json_writer *json)
{
    df_json_key(json, "export");
    df_json_begin_object(json);
    put_count(json, "step", export->step);
    df_json_key(json, "which");
    df_json_text(json, export->dropped ? "dropped" : "reached");
    put_count(json, "rows", answer->export_rows);
    df_json_key(json, "files");
    df_json_begin_array(json);
    for (uint32_t i = 0; i < answer->export_file_count; i++)
        df_json_text(json, answer->export_files[i]);
    df_json_end_array(json);
    df_json_end_object(json);
}

static int put_funnel(struct df_funnel_result *result, const struct df_funnel_lists *lists,
                      const struct df_funnel_answer *answer, struct df_json_writer *json, struct df_error *error)
{
    const struct df_funnel_funnel *funnel = &result->request->funnel;
    if (put_steps(result, lists, json, error) < 0)
        return -1;
    if (funnel->breakdown.given && df_funnel_put_groups(result, json, error) < 0)
        return -1;
    if (funnel->trend != DF_FUNNEL_NO_TREND && df_funnel_put_trend(result, json, error) < 0)
        return -1;
    if (funnel->cohort.given)
        put_export(&funnel->cohort, answer, json);
    df_json_key(json, "endAggregations");
    return put_lists(result, &funnel->end_aggregations, result->depth_count, json, error);
}

int df_funnel_result_put_json(struct df_funnel_result *result, const struct df_funnel_answer *answer,
                              struct df_json_writer *json, struct df_error *error)
{
    const struct df_funnel_funnel *funnel = &result->request->funnel;
    struct df_funnel_lists *lists = NULL;
    if (put_query(result, json, error) < 0)
        return -1;
    if (funnel->given) {
        if (df_funnel_lists_make(&lists, result, &funnel->step_aggregations, result->depth_count, 1, error) < 0)
            return -1;
        df_json_key(json, "funnel");
        df_json_begin_object(json);
        int put = put_funnel(result, lists, answer, json, error);
        df_json_end_object(json);
        df_funnel_lists_free(lists);
        if (put < 0)
            return -1;
    }
    return df_buf_failed(json->out) ? df_error_no_memory(error, "writing the answer") : 0;
}
