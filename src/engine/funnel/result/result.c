/* A result: what it has follows from the request alone, so that two results of one request always fit together. */
#include "engine/funnel/result/result.h"

#include <stdlib.h>

#include "base/size.h"
#include "engine/funnel/language/shown.h"
#include "engine/funnel/result/tables.h"

/* ---- what the request wants of a column ---- */

struct wants {
    unsigned lists; /* DF_FUNNEL_IN_… */
    bool table, users, distinct;
    bool scalar, amount, extremes, sketch;
};

static void add_wants(struct wants *wants, const struct df_funnel_aggregations *aggregations, unsigned list)
{
    for (uint32_t i = 0; i < aggregations->count; i++) {
        const struct df_funnel_aggregation *item = &aggregations->items[i];
        struct wants *of = &wants[item->column];
        of->lists |= list;
        bool map = df_funnel_aggregation_is_map(item->type), distinct = item->type == DF_FUNNEL_AGG_COUNT_DISTINCT;
        of->table = of->table || map || distinct;
        of->distinct = of->distinct || distinct;
        of->users = of->users || item->type == DF_FUNNEL_AGG_GROUPS_PER_VALUE;
        of->scalar = of->scalar || !(map || distinct);
        of->amount = of->amount || item->type == DF_FUNNEL_AGG_SUM || item->type == DF_FUNNEL_AGG_MEAN;
        of->extremes = of->extremes || item->type == DF_FUNNEL_AGG_MIN || item->type == DF_FUNNEL_AGG_MAX;
        of->sketch = of->sketch || item->type == DF_FUNNEL_AGG_QUANTILES;
    }
}

static void add_other(struct df_funnel_table *table, const struct df_funnel_aggregations *aggregations)
{
    for (uint32_t i = 0; i < aggregations->count; i++) {
        const struct df_funnel_aggregation *item = &aggregations->items[i];
        if (item->column != table->column || item->other == DF_FUNNEL_NONE)
            continue;
        uint32_t lane = 0;
        while (lane < table->sum_count && table->sums[lane].other != item->other)
            lane++;
        table->sums[lane].other = item->other;
        table->sum_count += lane == table->sum_count;
    }
}

static void *zalloc(struct df_funnel_result *result, size_t count, size_t element_bytes)
{
    size_t size_bytes;
    if (df_size_mul(&size_bytes, count ? count : 1, element_bytes) < 0)
        return NULL;
    void *memory = df_funnel_account_alloc(result->account, size_bytes);
    if (memory)
        memset(memory, 0, size_bytes);
    return memory;
}

static void release(struct df_funnel_result *result, void *memory, size_t count, size_t element_bytes)
{
    df_funnel_account_free(result->account, memory, (count ? count : 1) * element_bytes);
}

/* ---- classes ---- */

/* See the table at the top of tables.h. */
static bool make_classes(struct df_funnel_result *result, struct df_funnel_classes *classes, unsigned lists)
{
    size_t depths = (size_t)result->depth_count + 1;
    bool query = lists & DF_FUNNEL_IN_QUERY, steps = lists & DF_FUNNEL_IN_STEPS, end = lists & DF_FUNNEL_IN_END;
    classes->of_depth = zalloc(result, depths, sizeof *classes->of_depth);
    if (!classes->of_depth)
        return false;
    uint16_t next = 0;
    for (size_t depth = 0; depth < depths; depth++) {
        bool begins = steps || (end && depth == result->depth_count);
        if (depth == 0 ? query : begins && (depth > 1 || query || !steps))
            next = (uint16_t)(next + (depth > 0 && classes->of_depth[depth - 1] != DF_FUNNEL_NO_CLASS));
        bool counts = query || (steps && depth > 0) || (end && depth == result->depth_count);
        classes->of_depth[depth] = counts ? next : DF_FUNNEL_NO_CLASS;
    }
    classes->count = (uint32_t)next + 1;
    return true;
}

static bool make_chain_classes(struct df_funnel_result *result)
{
    size_t depths = (size_t)result->depth_count + 1;
    result->chain_classes.of_depth = zalloc(result, depths, sizeof(uint16_t));
    if (!result->chain_classes.of_depth)
        return false;
    result->chain_classes.of_depth[0] = DF_FUNNEL_NO_CLASS;
    for (size_t depth = 1; depth < depths; depth++)
        result->chain_classes.of_depth[depth] = (uint16_t)(depth - 1);
    result->chain_classes.count = result->depth_count ? result->depth_count : 1;
    result->one_class.of_depth = zalloc(result, depths, sizeof(uint16_t));
    result->one_class.count = 1;
    return result->one_class.of_depth;
}

/* ---- making ---- */

static int make_column_table(struct df_funnel_result *result, uint32_t column, const struct wants *wants)
{
    const struct df_funnel_request *request = result->request;
    struct df_funnel_table *table = &result->tables[result->table_count++];
    size_t most = (size_t)request->aggregations.count + request->funnel.step_aggregations.count +
                  request->funnel.end_aggregations.count;
    struct df_funnel_sum_lane *lanes = calloc(most + 1, sizeof *lanes);
    if (!lanes)
        return -1;
    /* Which lanes: counted aside, because a table is made for a number of them. */
    struct df_funnel_table draft = {.column = column, .sums = lanes};
    add_other(&draft, &request->aggregations);
    add_other(&draft, &request->funnel.step_aggregations);
    add_other(&draft, &request->funnel.end_aggregations);
    int made = df_funnel_table_init(table, column, wants->users ? 2 : 1, draft.sum_count, &result->classes[column],
                                    result->account);
    for (uint32_t i = 0; made == 0 && i < draft.sum_count; i++)
        table->sums[i].other = lanes[i].other;
    table->wants_users = wants->users;
    table->wants_distinct = wants->distinct;
    free(lanes);
    return made;
}

static int make_column(struct df_funnel_result *result, uint32_t column, const struct wants *wants)
{
    if (!wants->lists)
        return 0;
    if (!make_classes(result, &result->classes[column], wants->lists))
        return -1;
    if (wants->table && make_column_table(result, column, wants) < 0)
        return -1;
    if (!wants->scalar)
        return 0;
    struct df_funnel_scalars *scalars = &result->scalars[result->scalar_count++];
    *scalars = (struct df_funnel_scalars){.column = column,
                                          .amount = wants->amount,
                                          .extremes = wants->extremes,
                                          .sketch = wants->sketch,
                                          .classes = &result->classes[column]};
    scalars->items = zalloc(result, scalars->classes->count, sizeof *scalars->items);
    return scalars->items ? 0 : -1;
}

static int make_columns(struct df_funnel_result *result)
{
    const struct df_funnel_request *request = result->request;
    struct wants *wants = calloc((size_t)request->column_count + 1, sizeof *wants);
    if (!wants)
        return -1;
    add_wants(wants, &request->aggregations, DF_FUNNEL_IN_QUERY);
    if (request->funnel.given) {
        add_wants(wants, &request->funnel.step_aggregations, DF_FUNNEL_IN_STEPS);
        add_wants(wants, &request->funnel.end_aggregations, DF_FUNNEL_IN_END);
    }
    int made = 0;
    for (uint32_t i = 0; made == 0 && i < request->column_count; i++)
        made = make_column(result, i, &wants[i]);
    free(wants);
    return made;
}

static int make_chains(struct df_funnel_result *result)
{
    const struct df_funnel_funnel *funnel = &result->request->funnel;
    if (!funnel->given)
        return 0;
    result->has_breakdown = funnel->breakdown.given;
    result->has_mixed = funnel->breakdown.given && result->sessions;
    result->has_trend = funnel->trend != DF_FUNNEL_NO_TREND;
    if (result->has_breakdown &&
        df_funnel_table_init(&result->breakdown, funnel->breakdown.column, result->sessions ? 4 : 2, 0,
                             &result->chain_classes, result->account) < 0)
        return -1;
    if (result->has_mixed &&
        df_funnel_table_init(&result->mixed, DF_FUNNEL_NONE, 1, 0, &result->one_class, result->account) < 0)
        return -1;
    result->mixed.values.form = DF_FUNNEL_FORM_BYTES;
    if (result->has_trend &&
        df_funnel_table_init(&result->trend, DF_FUNNEL_NONE, 2, 0, &result->chain_classes, result->account) < 0)
        return -1;
    if (!funnel->durations)
        return 0;
    result->from_start = zalloc(result, result->depth_count, sizeof *result->from_start);
    result->from_previous = zalloc(result, result->depth_count, sizeof *result->from_previous);
    return result->from_start && result->from_previous ? 0 : -1;
}

static int make_all(struct df_funnel_result *result)
{
    uint32_t columns = result->request->column_count;
    result->depths = zalloc(result, (size_t)result->depth_count + 1, sizeof *result->depths);
    result->types = zalloc(result, columns, sizeof *result->types);
    result->types_known = zalloc(result, columns, sizeof *result->types_known);
    result->classes = zalloc(result, columns, sizeof *result->classes);
    result->scalars = zalloc(result, columns, sizeof *result->scalars);
    result->tables = zalloc(result, columns, sizeof *result->tables);
    if (!result->depths || !result->types || !result->types_known || !result->classes || !result->scalars ||
        !result->tables || !make_chain_classes(result))
        return -1;
    return make_columns(result) < 0 || make_chains(result) < 0 ? -1 : 0;
}

int df_funnel_result_create(struct df_funnel_result **result, const struct df_funnel_request *request,
                            struct df_funnel_account *account, struct df_error *error)
{
    *result = NULL;
    struct df_funnel_result *made = calloc(1, sizeof *made);
    if (!made)
        return df_error_no_memory(error, "preparing a result");
    made->request = request;
    made->own = (struct df_funnel_account){.floor_bytes = UINT64_MAX};
    made->account = account ? account : &made->own;
    made->depth_count = request->funnel.given ? request->funnel.sequence.positive_count : 0;
    made->sessions = request->funnel.given && request->funnel.session_gap.given;
    if (make_all(made) < 0) {
        df_funnel_result_free(made);
        return df_error_no_memory(error, "preparing a result");
    }
    *result = made;
    return 0;
}

static void free_durations(struct df_funnel_result *result, struct df_funnel_duration *durations)
{
    for (uint32_t i = 0; durations && i < result->depth_count; i++)
        df_funnel_sketch_dispose(&durations[i].sketch, result->account);
    release(result, durations, result->depth_count, sizeof *durations);
}

static void free_columns(struct df_funnel_result *result)
{
    uint32_t columns = result->request->column_count;
    size_t depths = (size_t)result->depth_count + 1;
    for (uint32_t i = 0; result->tables && i < result->table_count; i++)
        df_funnel_table_dispose(&result->tables[i]);
    for (uint32_t i = 0; result->scalars && i < result->scalar_count; i++) {
        struct df_funnel_scalars *scalars = &result->scalars[i];
        for (uint32_t class = 0; scalars->items && class < scalars->classes->count; class ++)
            df_funnel_scalar_dispose(&scalars->items[class], result->account);
        release(result, scalars->items, scalars->classes->count, sizeof *scalars->items);
    }
    for (uint32_t i = 0; result->classes && i < columns; i++)
        release(result, result->classes[i].of_depth, depths, sizeof(uint16_t));
    release(result, result->tables, columns, sizeof *result->tables);
    release(result, result->scalars, columns, sizeof *result->scalars);
    release(result, result->classes, columns, sizeof *result->classes);
    release(result, result->types, columns, sizeof *result->types);
    release(result, result->types_known, columns, sizeof *result->types_known);
}

void df_funnel_result_free(struct df_funnel_result *result)
{
    if (!result)
        return;
    size_t depths = (size_t)result->depth_count + 1;
    free_columns(result);
    df_funnel_table_dispose(&result->breakdown);
    df_funnel_table_dispose(&result->mixed);
    df_funnel_table_dispose(&result->trend);
    free_durations(result, result->from_start);
    free_durations(result, result->from_previous);
    release(result, result->chain_classes.of_depth, depths, sizeof(uint16_t));
    release(result, result->one_class.of_depth, depths, sizeof(uint16_t));
    release(result, result->depths, depths, sizeof *result->depths);
    free(result);
}

/* ---- looking into it ---- */

uint64_t df_funnel_result_groups(const struct df_funnel_result *result)
{
    return result->groups;
}

struct df_funnel_table *df_funnel_result_table(const struct df_funnel_result *result, uint32_t index)
{
    struct df_funnel_result *mutable = (struct df_funnel_result *)(uintptr_t)result;
    if (index < result->table_count)
        return &result->tables[index];
    index -= result->table_count;
    if (result->has_breakdown && index == 0)
        return &mutable->breakdown;
    return result->has_mixed && index == 1 ? &mutable->mixed : NULL;
}

struct df_funnel_table *df_funnel_result_table_of(const struct df_funnel_result *result, uint32_t column)
{
    for (uint32_t i = 0; i < result->table_count; i++)
        if (result->tables[i].column == column)
            return &result->tables[i];
    return NULL;
}

struct df_funnel_scalars *df_funnel_result_scalars_of(const struct df_funnel_result *result, uint32_t column)
{
    for (uint32_t i = 0; i < result->scalar_count; i++)
        if (result->scalars[i].column == column)
            return &result->scalars[i];
    return NULL;
}

uint64_t df_funnel_result_values(const struct df_funnel_result *result)
{
    uint64_t values = 0;
    const struct df_funnel_table *table;
    for (uint32_t i = 0; (table = df_funnel_result_table(result, i)) != NULL; i++)
        values += table->values.count;
    return values;
}
