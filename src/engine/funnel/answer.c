/* The answer: one line of JSON, without a line break behind it. */
#include "base/json_write.h"
#include "engine/funnel/query.h"

static void put_step(struct df_json_writer *json, const struct df_funnel_step *step,
                     const struct df_funnel_step_count *count)
{
    df_json_begin_object(json);
    if (step->name.data) {
        df_json_key(json, "name");
        df_json_string(json, step->name);
    }
    df_json_key(json, "matchingGroups");
    df_json_uint(json, count->users);
    df_json_key(json, "matchingGroupRows");
    df_json_uint(json, count->rows);
    df_json_key(json, "aggregations");
    df_json_null(json);
    df_json_end_object(json);
}

static void put_query(struct df_json_writer *json, const struct df_funnel_counts *counts)
{
    df_json_key(json, "query");
    df_json_begin_object(json);
    df_json_key(json, "matchingGroups");
    df_json_uint(json, counts->groups);
    df_json_key(json, "matchingGroupRows");
    df_json_uint(json, counts->group_rows);
    df_json_end_object(json);
}

static void put_funnel(struct df_json_writer *json, const struct df_funnel_query *funnel)
{
    df_json_key(json, "funnel");
    df_json_begin_object(json);
    df_json_key(json, "sequence");
    df_json_begin_array(json);
    for (uint32_t i = 0; i < funnel->request.step_count; i++)
        put_step(json, &funnel->request.steps[i], &funnel->counts.steps[i]);
    df_json_end_array(json);
    df_json_key(json, "endAggregations");
    df_json_null(json);
    df_json_end_object(json);
}

int df_funnel_finish(struct df_query *query, struct df_writer *writer, struct df_error *error)
{
    const struct df_funnel_query *funnel = query->state;
    struct df_buf out = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    put_query(&json, &funnel->counts);
    put_funnel(&json, funnel);
    df_json_end_object(&json);
    if (df_buf_failed(&out)) {
        df_buf_dispose(&out);
        return df_error_no_memory(error, "writing the answer");
    }
    int result = df_writer_put(writer, &out, error);
    df_buf_dispose(&out);
    return result;
}
