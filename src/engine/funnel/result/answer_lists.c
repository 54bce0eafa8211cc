/* Aggregations as JSON: {"column", "type", "value", ["approximate", "maxError"], "top", "name"}. */
#include <assert.h>
#include <stdio.h>

#include "engine/funnel/result/answer.h"

struct place {
    struct df_funnel_rank *ranks; /* of maps */
    uint32_t rank_count;
    uint64_t distinct; /* of countDistinct */
};

struct df_funnel_lists {
    struct df_funnel_result *result;
    const struct df_funnel_aggregations *aggregations;
    uint32_t shallowest, place_count;
    struct place *places; /* aggregation * place_count + depth - shallowest */
};

/* ---- making ---- */

struct filling {
    struct df_funnel_lists *lists;
    uint32_t item;
};

static int keep_ranks(void *ctx, uint32_t depth, const struct df_funnel_rank *ranks, uint32_t count,
                      struct df_error *error)
{
    struct filling *filling = ctx;
    struct df_funnel_lists *lists = filling->lists;
    struct place *place = &lists->places[(size_t)filling->item * lists->place_count + depth - lists->shallowest];
    place->ranks = calloc((size_t)count + 1, sizeof *ranks);
    if (!place->ranks)
        return df_error_no_memory(error, "ordering the values of a list");
    memcpy(place->ranks, ranks, count * sizeof *ranks);
    place->rank_count = count;
    return 0;
}

/* Distinct values whose greatest class is c or above, for each c. */
static bool exact_distinct(struct df_funnel_table *table, uint64_t *counts)
{
    size_t size_bytes = table->classes->count * sizeof *counts;
    if (!table->settled && !df_funnel_table_count_distinct(table))
        return false;
    memcpy(counts, table->distinct, size_bytes);
    if (!table->settled)
        memset(table->distinct, 0, size_bytes);
    for (uint32_t class = table->classes->count - 1; class -- > 0;)
        counts[class] += counts[class + 1];
    return true;
}

/* Values that were never cut are in no register yet. */
static bool estimated_distinct(struct df_funnel_table *table, uint64_t *counts)
{
    for (size_t cell = 0; cell < table->cell_count; cell++) {
        if (!df_funnel_cell_is_used(table, cell))
            continue;
        uint8_t *registers = df_funnel_table_hll(table, df_funnel_cell_class(table, cell));
        if (!registers)
            return false;
        df_funnel_hll_add(registers, df_funnel_values_hash(&table->values, df_funnel_cell_value(table, cell)));
    }
    uint8_t *above = calloc(DF_FUNNEL_HLL_REGISTERS, 1);
    for (uint32_t class = table->classes->count; above && class -- > 0;) {
        if (table->hlls[class])
            df_funnel_hll_merge(above, table->hlls[class]);
        counts[class] = df_funnel_hll_count(above);
    }
    free(above);
    return above != NULL;
}

static int fill_distinct(struct df_funnel_lists *lists, uint32_t item, struct df_error *error)
{
    struct df_funnel_table *table = df_funnel_result_table_of(lists->result, lists->aggregations->items[item].column);
    assert(table);
    uint64_t *counts = calloc(table->classes->count, sizeof *counts);
    bool counted = counts && (table->cut ? estimated_distinct(table, counts) : exact_distinct(table, counts));
    for (uint32_t i = 0; counted && i < lists->place_count; i++)
        lists->places[(size_t)item * lists->place_count + i].distinct =
            counts[df_funnel_first_class(table->classes, lists->shallowest + i)];
    free(counts);
    return counted ? 0 : df_error_no_memory(error, "counting distinct values");
}

static int fill(struct df_funnel_lists *lists, uint32_t item, struct df_error *error)
{
    const struct df_funnel_aggregation *aggregation = &lists->aggregations->items[item];
    struct filling filling = {.lists = lists, .item = item};
    struct df_funnel_ranking ranking;
    if (aggregation->type == DF_FUNNEL_AGG_COUNT_DISTINCT)
        return fill_distinct(lists, item, error);
    if (df_funnel_ranking_of(lists->result, aggregation, &ranking))
        return df_funnel_rank_places(&ranking, lists->shallowest + lists->place_count - 1, lists->shallowest,
                                     keep_ranks, &filling, error);
    struct df_funnel_scalars *scalars = df_funnel_result_scalars_of(lists->result, aggregation->column);
    assert(scalars);
    if (!df_funnel_scalars_suffix(scalars, lists->result->account, lists->result->types[aggregation->column].kind))
        return df_error_no_memory(error, "adding up the steps");
    return 0;
}

int df_funnel_lists_make(struct df_funnel_lists **out, struct df_funnel_result *result,
                         const struct df_funnel_aggregations *aggregations, uint32_t deepest, uint32_t shallowest,
                         struct df_error *error)
{
    struct df_funnel_lists *lists = calloc(1, sizeof *lists);
    *out = NULL;
    if (!lists)
        return df_error_no_memory(error, "writing the answer");
    *lists = (struct df_funnel_lists){.result = result,
                                      .aggregations = aggregations,
                                      .shallowest = shallowest,
                                      .place_count = deepest - shallowest + 1};
    size_t places = (size_t)aggregations->count * lists->place_count;
    lists->places = calloc(places + 1, sizeof *lists->places);
    int made = lists->places ? 0 : df_error_no_memory(error, "writing the answer");
    for (uint32_t i = 0; made == 0 && i < aggregations->count; i++)
        made = fill(lists, i, error);
    if (made < 0) {
        df_funnel_lists_free(lists);
        return -1;
    }
    *out = lists;
    return 0;
}

void df_funnel_lists_free(struct df_funnel_lists *lists)
{
    if (!lists)
        return;
    size_t places = (size_t)lists->aggregations->count * lists->place_count;
    for (size_t i = 0; lists->places && i < places; i++)
        free(lists->places[i].ranks);
    free(lists->places);
    free(lists);
}

/* ---- numbers ---- */

static void put_raw(struct df_buf *text, struct df_json_writer *json)
{
    if (df_buf_failed(text))
        json->out->failed = true;
    df_json_raw(json, df_buf_slice(text));
    df_buf_dispose(text);
}

static void put_whole(struct df_funnel_total total, const struct df_type *type, struct df_json_writer *json)
{
    struct df_buf text = {0};
    df_funnel_total_put_text(total, type->kind == DF_TYPE_DECIMAL ? type->scale : 0, &text);
    put_raw(&text, json);
}

static void put_sum(const struct df_funnel_amount *amount, const struct df_type *type, struct df_json_writer *json)
{
    if (amount->count == 0)
        df_json_uint(json, 0); /* of nothing, whatever its type */
    else if (type->kind == DF_TYPE_FLOAT)
        df_json_number(json, df_sum_value(&amount->real));
    else
        put_whole(amount->whole, type, json);
}

int df_funnel_put_quantiles(const struct df_funnel_sketch *sketch, const struct df_type *type,
                            struct df_json_writer *json, struct df_error *error)
{
    int32_t keys[DF_FUNNEL_QUANTILES];
    if (!df_funnel_sketch_quantiles(sketch, keys))
        return df_error_no_memory(error, "finding quantiles");
    for (size_t i = 0; i < DF_FUNNEL_QUANTILES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "p%u", df_funnel_percents[i]);
        df_json_key(json, name);
        struct df_funnel_total total = {0};
        if (sketch->count == 0) {
            df_json_null(json);
        } else if (type->kind == DF_TYPE_FLOAT) {
            df_json_number(json, df_funnel_sketch_real(keys[i]));
        } else {
            df_funnel_total_add(&total, df_funnel_sketch_integer(keys[i]));
            put_whole(total, type, json);
        }
    }
    return 0;
}

static int put_scalar(const struct df_funnel_scalar *scalar, enum df_funnel_aggregation_type aggregation,
                      const struct df_type *type, struct df_json_writer *json, struct df_error *error)
{
    int put = 0;
    switch (aggregation) {
    case DF_FUNNEL_AGG_MIN:
        df_funnel_extreme_put_json(&scalar->least, type, json);
        break;
    case DF_FUNNEL_AGG_MAX:
        df_funnel_extreme_put_json(&scalar->greatest, type, json);
        break;
    case DF_FUNNEL_AGG_SUM:
        put_sum(&scalar->amount, type, json);
        break;
    case DF_FUNNEL_AGG_MEAN:
        df_json_number(json, df_funnel_amount_mean(&scalar->amount, type)); /* NaN of nothing: null */
        break;
    case DF_FUNNEL_AGG_QUANTILES:
        if (scalar->sketch.count == 0) {
            df_json_null(json); /* as every aggregation over nothing but counts and sums */
            break;
        }
        df_json_begin_object(json);
        put = df_funnel_put_quantiles(&scalar->sketch, type, json, error);
        df_json_end_object(json);
        break;
    default:
        df_json_uint(json, scalar->rows);
    }
    return put;
}

/* ---- maps ---- */

static void put_ranked(const struct df_funnel_ranking *ranking, const struct df_funnel_rank *rank,
                       struct df_json_writer *json)
{
    if (rank->null)
        df_json_null(json);
    else if (!rank->exact)
        df_json_number(json, rank->real);
    else if (ranking->other_type)
        put_whole(rank->whole, ranking->other_type, json);
    else
        df_json_uint(json, (uint64_t)rank->whole.low);
}

static void put_map(const struct df_funnel_ranking *ranking, const struct place *place, struct df_json_writer *json)
{
    struct df_buf key = {0};
    df_json_begin_object(json);
    for (uint32_t i = 0; i < place->rank_count; i++) {
        df_buf_clear(&key);
        df_funnel_value_put_text(&ranking->table->values, place->ranks[i].id, ranking->type, &key);
        if (df_buf_failed(&key))
            json->out->failed = true;
        df_json_key_slice(json, df_buf_slice(&key));
        put_ranked(ranking, &place->ranks[i], json);
    }
    df_json_end_object(json);
    df_buf_dispose(&key);
}

static void put_approximate(struct df_json_writer *json)
{
    df_json_key(json, "approximate");
    df_json_boolean(json, true);
    df_json_key(json, "maxError");
}

/* How far off a number of the list may be: a count by what was cut of one value at most, a mean by the whole range of
 * what it is of. */
static void put_map_error(const struct df_funnel_ranking *ranking, struct df_json_writer *json)
{
    if (!ranking->table->cut)
        return;
    put_approximate(json);
    if (ranking->lane == DF_FUNNEL_NONE) {
        df_json_uint(json, ranking->table->counter_errors[ranking->counter]);
        return;
    }
    const struct df_funnel_sum_error *error = &ranking->table->sums[ranking->lane].error;
    double range = error->least <= error->greatest ? error->greatest - error->least : 0;
    df_json_number(json, ranking->mean ? range : error->largest);
}

/* ---- one aggregation ---- */

static int put_value(const struct df_funnel_lists *lists, uint32_t item, uint32_t depth, struct df_json_writer *json,
                     struct df_error *error)
{
    const struct df_funnel_aggregation *aggregation = &lists->aggregations->items[item];
    const struct place *place = &lists->places[(size_t)item * lists->place_count + depth - lists->shallowest];
    const struct df_type *type = &lists->result->types[aggregation->column];
    struct df_funnel_ranking ranking;
    if (aggregation->type == DF_FUNNEL_AGG_COUNT_DISTINCT) {
        const struct df_funnel_table *table = df_funnel_result_table_of(lists->result, aggregation->column);
        df_json_uint(json, place->distinct);
        if (table->cut) {
            put_approximate(json);
            df_json_uint(json, df_funnel_hll_error(place->distinct));
        }
        return 0;
    }
    if (df_funnel_ranking_of(lists->result, aggregation, &ranking)) {
        put_map(&ranking, place, json);
        put_map_error(&ranking, json);
        return 0;
    }
    const struct df_funnel_scalars *scalars = df_funnel_result_scalars_of(lists->result, aggregation->column);
    return put_scalar(&scalars->items[df_funnel_first_class(scalars->classes, depth)], aggregation->type, type, json,
                      error);
}

static int put_aggregation(const struct df_funnel_lists *lists, uint32_t item, uint32_t depth,
                           struct df_json_writer *json, struct df_error *error)
{
    const struct df_funnel_aggregation *aggregation = &lists->aggregations->items[item];
    df_json_begin_object(json);
    df_json_key(json, "column");
    df_json_text(json, lists->result->request->columns[aggregation->column].name);
    df_json_key(json, "type");
    df_json_text(json, df_funnel_aggregation_name(aggregation->type));
    df_json_key(json, "value");
    int put = put_value(lists, item, depth, json, error);
    df_json_key(json, "top");
    if (aggregation->top)
        df_json_uint(json, aggregation->top);
    else
        df_json_null(json);
    df_json_key(json, "name");
    if (aggregation->name.data)
        df_json_string(json, aggregation->name);
    else
        df_json_null(json);
    df_json_end_object(json);
    return put;
}

int df_funnel_lists_put(const struct df_funnel_lists *lists, uint32_t depth, struct df_json_writer *json,
                        struct df_error *error)
{
    int put = 0;
    if (lists->aggregations->count == 0) {
        df_json_null(json);
        return 0;
    }
    df_json_begin_array(json);
    for (uint32_t i = 0; put == 0 && i < lists->aggregations->count; i++)
        put = put_aggregation(lists, i, depth, json, error);
    df_json_end_array(json);
    return put;
}
