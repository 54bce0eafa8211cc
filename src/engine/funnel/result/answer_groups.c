/* Steps again, per value of the breakdown and per bucket of the trend. */
#include "engine/funnel/result/answer.h"

/* Counters by class (depth - 1): an entry's own, turned into those of the steps. */
struct steps {
    uint64_t *counters; /* class * counter_count + counter */
    uint32_t classes, counter_count;
};

static bool make_steps(struct steps *steps, const struct df_funnel_table *table)
{
    steps->classes = table->classes->count;
    steps->counter_count = table->counter_count;
    steps->counters = calloc((size_t)steps->classes * steps->counter_count, sizeof *steps->counters);
    return steps->counters;
}

static void clear_steps(struct steps *steps)
{
    memset(steps->counters, 0, (size_t)steps->classes * steps->counter_count * sizeof *steps->counters);
}

static void add_value(struct steps *steps, const struct df_funnel_table *table, const struct df_funnel_chains *chains,
                      uint32_t id)
{
    for (size_t cell = chains->first[id]; cell != DF_FUNNEL_NO_CELL; cell = chains->next[cell])
        for (uint32_t i = 0; i < steps->counter_count; i++)
            steps->counters[df_funnel_cell_class(table, cell) * steps->counter_count + i] +=
                table->counters[cell * table->counter_count + i];
}

/* A unit that reached a step reached those before it. */
static void add_deeper(struct steps *steps)
{
    for (uint32_t class = steps->classes - 1; class -- > 0;)
        for (uint32_t i = 0; i < steps->counter_count; i++)
            steps->counters[class * steps->counter_count + i] +=
                steps->counters[(class + 1) * steps->counter_count + i];
}

/* rows, users: which counter they are; DF_FUNNEL_NONE: not shown. */
static void put_sequence(const struct steps *steps, uint32_t rows, uint32_t users, struct df_json_writer *json)
{
    df_json_key(json, "sequence");
    df_json_begin_array(json);
    for (uint32_t class = 0; class < steps->classes; class ++) {
        const uint64_t *counters = &steps->counters[class * steps->counter_count];
        df_json_begin_object(json);
        df_json_key(json, "matchingGroups");
        df_json_uint(json, counters[DF_FUNNEL_UNITS]);
        if (rows != DF_FUNNEL_NONE) {
            df_json_key(json, "matchingGroupRows");
            df_json_uint(json, counters[rows]);
        }
        if (users != DF_FUNNEL_NONE) {
            df_json_key(json, "matchingUsers");
            df_json_uint(json, counters[users]);
        }
        df_json_end_object(json);
    }
    df_json_end_array(json);
}

/* ---- groups ---- */

struct groups {
    const struct df_funnel_result *result;
    const struct df_funnel_table *table;
    const struct df_type *type;
    struct df_json_writer *json;
    struct df_funnel_chains chains;
    struct steps steps;
    uint8_t *shown; /* per value: it has an entry of its own */
    uint32_t users;
};

static int put_shown(void *ctx, uint32_t depth, const struct df_funnel_rank *ranks, uint32_t count,
                     struct df_error *error)
{
    struct groups *groups = ctx;
    const struct df_funnel_table *table = groups->table;
    (void)depth;
    (void)error;
    for (uint32_t i = 0; i < count; i++) {
        groups->shown[ranks[i].id] = 1;
        clear_steps(&groups->steps);
        add_value(&groups->steps, table, &groups->chains, ranks[i].id);
        add_deeper(&groups->steps);
        df_json_begin_object(groups->json);
        df_json_key(groups->json, "value");
        df_funnel_value_put_json(&table->values, ranks[i].id, groups->type, groups->json);
        if (table->cut) {
            df_json_key(groups->json, "approximate");
            df_json_boolean(groups->json, true);
            df_json_key(groups->json, "maxError");
            df_json_uint(groups->json, table->counter_errors[DF_FUNNEL_UNITS]);
        }
        put_sequence(&groups->steps, DF_FUNNEL_UNIT_ROWS, groups->users, groups->json);
        df_json_end_object(groups->json);
    }
    return 0;
}

/* The deepest session of a user of several values that lies in `other`; 0: none does. */
static uint32_t depth_in_other(const struct groups *groups, struct df_cursor *record)
{
    const struct df_funnel_values *values = &groups->table->values;
    struct df_funnel_mixed_item item;
    uint32_t deepest = 0;
    while (df_funnel_mixed_next(record, &item)) {
        uint32_t id = item.null ? values->null_id : df_funnel_values_find(values, item.value);
        bool shown = id != DF_FUNNEL_NONE && groups->shown[id];
        if (!shown && item.depth > deepest)
            deepest = item.depth;
    }
    return deepest;
}

/* Users of `other` are counted once: those whose sessions all have one value are told apart, the others one by one. */
static int add_users_of_other(struct groups *groups, struct df_error *error)
{
    const struct df_funnel_table *mixed = &groups->result->mixed;
    struct steps *steps = &groups->steps;
    for (uint32_t class = 0; class < steps->classes; class ++)
        steps->counters[class * steps->counter_count + DF_FUNNEL_UNIT_USERS] =
            steps->counters[class * steps->counter_count + DF_FUNNEL_PURE_USERS];
    for (size_t cell = 0; cell < mixed->cell_count; cell++) {
        uint32_t id = df_funnel_cell_value(mixed, cell);
        if (!df_funnel_cell_is_used(mixed, cell) || id == mixed->values.null_id)
            continue;
        struct df_cursor record = df_cursor_make(df_funnel_values_slice(&mixed->values, id));
        uint32_t depth = depth_in_other(groups, &record);
        if (record.failed || depth > steps->classes)
            return df_funnel_corrupt_result(error, "a user of several values");
        if (depth > 0)
            steps->counters[(depth - 1) * steps->counter_count + DF_FUNNEL_UNIT_USERS] += mixed->counters[cell];
    }
    return 0;
}

static int put_other(struct groups *groups, struct df_error *error)
{
    const struct df_funnel_table *table = groups->table;
    size_t counters = (size_t)groups->steps.classes * groups->steps.counter_count;
    bool any = false;
    memcpy(groups->steps.counters, table->rest, counters * sizeof *table->rest);
    for (uint32_t id = 0; id < table->values.count; id++)
        if (!groups->shown[id])
            add_value(&groups->steps, table, &groups->chains, id);
    for (size_t i = 0; i < counters; i += groups->steps.counter_count)
        any = any || groups->steps.counters[i + DF_FUNNEL_UNITS] > 0;
    if (!any)
        return 0;
    if (groups->result->has_mixed && add_users_of_other(groups, error) < 0)
        return -1;
    add_deeper(&groups->steps);
    df_json_begin_object(groups->json);
    df_json_key(groups->json, "other");
    df_json_boolean(groups->json, true);
    put_sequence(&groups->steps, DF_FUNNEL_UNIT_ROWS, groups->users, groups->json);
    df_json_end_object(groups->json);
    return 0;
}

int df_funnel_put_groups(const struct df_funnel_result *result, struct df_json_writer *json, struct df_error *error)
{
    const struct df_funnel_table *table = &result->breakdown;
    struct groups groups = {.result = result,
                            .table = table,
                            .type = &result->types[table->column],
                            .json = json,
                            .shown = calloc(table->values.count + 1, 1),
                            .users = result->sessions ? DF_FUNNEL_UNIT_USERS : DF_FUNNEL_NONE};
    const struct df_funnel_ranking ranking = {.table = table,
                                              .type = groups.type,
                                              .counter = DF_FUNNEL_UNITS,
                                              .lane = DF_FUNNEL_NONE,
                                              .top = result->request->funnel.breakdown.top};
    int put = -1;
    df_json_key(json, "groups");
    df_json_begin_array(json);
    if (!groups.shown || !make_steps(&groups.steps, table) || !df_funnel_chains_make(&groups.chains, table))
        (void)df_error_no_memory(error, "writing the groups of the answer");
    else
        put = df_funnel_rank_places(&ranking, 1, 1, put_shown, &groups, error);
    if (put == 0)
        put = put_other(&groups, error);
    df_json_end_array(json);
    df_funnel_chains_dispose(&groups.chains);
    free(groups.steps.counters);
    free(groups.shown);
    return put;
}

/* ---- trend ---- */

static void put_bucket(const struct df_funnel_result *result, int64_t bucket, uint32_t id,
                       const struct df_funnel_chains *chains, struct steps *steps, struct df_buf *text,
                       struct df_json_writer *json)
{
    clear_steps(steps);
    if (id != DF_FUNNEL_NONE)
        add_value(steps, &result->trend, chains, id);
    add_deeper(steps);
    df_buf_clear(text);
    df_funnel_trend_put_text(result->request->funnel.trend, bucket, text);
    df_json_begin_object(json);
    df_json_key(json, "bucket");
    df_json_string(json, df_buf_slice(text));
    put_sequence(steps, DF_FUNNEL_NONE, result->sessions ? DF_FUNNEL_USERS : DF_FUNNEL_NONE, json);
    df_json_end_object(json);
}

int df_funnel_put_trend(const struct df_funnel_result *result, struct df_json_writer *json, struct df_error *error)
{
    const struct df_funnel_table *trend = &result->trend;
    struct df_funnel_chains chains = {0};
    struct steps steps = {0};
    struct df_buf text = {0};
    int64_t first = 0, last = 0;
    int put = df_funnel_trend_check(trend, error);
    bool any = put == 0 && df_funnel_trend_bounds(trend, &first, &last);
    if (put == 0 && (!make_steps(&steps, trend) || !df_funnel_chains_make(&chains, trend)))
        put = df_error_no_memory(error, "writing the trend of the answer");
    df_json_key(json, "trend");
    df_json_begin_array(json);
    for (int64_t bucket = first; put == 0 && any && bucket <= last; bucket++)
        put_bucket(result, bucket, df_funnel_values_find(&trend->values, df_slice_make(&bucket, sizeof bucket)),
                   &chains, &steps, &text, json);
    df_json_end_array(json);
    df_buf_dispose(&text);
    df_funnel_chains_dispose(&chains);
    free(steps.counters);
    return put;
}
