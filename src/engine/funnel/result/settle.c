/* Leaving out of tables what no answer can need: exactly, when all values of some sections are together (settle), or
 * approximately, when there are too many of them (cut). */
#include <stdlib.h>

#include "engine/funnel/result/tables.h"

/* ---- which values stay ---- */

static int mark(void *ctx, uint32_t depth, const struct df_funnel_rank *ranks, uint32_t count, struct df_error *error)
{
    uint8_t *keep = ctx;
    (void)depth;
    (void)error;
    for (uint32_t i = 0; i < count; i++)
        keep[ranks[i].id] = 1;
    return 0;
}

/* The first ones of each list of this table, at places from `deepest` to `shallowest`. */
static int mark_lists(const struct df_funnel_result *result, const struct df_funnel_table *table,
                      const struct df_funnel_aggregations *lists, uint32_t deepest, uint32_t shallowest, uint8_t *keep,
                      struct df_error *error)
{
    struct df_funnel_ranking ranking;
    for (uint32_t i = 0; i < lists->count; i++)
        if (lists->items[i].column == table->column && df_funnel_ranking_of(result, &lists->items[i], &ranking) &&
            df_funnel_rank_places(&ranking, deepest, shallowest, mark, keep, error) < 0)
            return -1;
    return 0;
}

static int mark_first(const struct df_funnel_result *result, const struct df_funnel_table *table, uint64_t top,
                      uint8_t *keep, struct df_error *error)
{
    static const struct df_type no_type = {.kind = DF_TYPE_STRING}; /* of mixed users: bytes */
    const struct df_funnel_ranking ranking = {.table = table,
                                              .type = table->column == DF_FUNNEL_NONE ? &no_type
                                                                                      : &result->types[table->column],
                                              .counter = 0,
                                              .lane = DF_FUNNEL_NONE,
                                              .top = top > UINT32_MAX ? UINT32_MAX : (uint32_t)top};
    return df_funnel_rank_places(&ranking, 0, 0, mark, keep, error);
}

/* ---- what goes leaves its numbers behind ---- */

static uint32_t deepest_of_record(struct df_slice record)
{
    struct df_cursor from = df_cursor_make(record);
    struct df_funnel_mixed_item item;
    uint32_t deepest = 0;
    while (df_funnel_mixed_next(&from, &item))
        deepest = item.depth > deepest ? item.depth : deepest;
    return deepest;
}

/* Breakdown: what is cut becomes part of `other`. */
static void add_rest(struct df_funnel_table *table, const uint8_t *keep)
{
    for (size_t cell = 0; cell < table->cell_count; cell++) {
        if (keep[df_funnel_cell_value(table, cell)] || !df_funnel_cell_is_used(table, cell))
            continue;
        uint64_t *rest = &table->rest[df_funnel_cell_class(table, cell) * table->counter_count];
        for (uint32_t i = 0; i < table->counter_count; i++)
            rest[i] += table->counters[cell * table->counter_count + i];
    }
}

/* Users of several values that are not remembered any more: taken to be in `other`. */
static void add_rest_of_mixed(struct df_funnel_result *result, const uint8_t *keep)
{
    struct df_funnel_table *mixed = &result->mixed, *breakdown = &result->breakdown;
    for (size_t cell = 0; cell < mixed->cell_count; cell++) {
        uint32_t id = df_funnel_cell_value(mixed, cell), depth;
        if (keep[id] || !df_funnel_cell_is_used(mixed, cell) || id == mixed->values.null_id)
            continue;
        depth = deepest_of_record(df_funnel_values_slice(&mixed->values, id));
        if (depth >= 1 && depth <= result->depth_count)
            breakdown->rest[(depth - 1) * breakdown->counter_count + DF_FUNNEL_PURE_USERS] += mixed->counters[cell];
    }
}

/* ---- settle ---- */

static int settle_table(struct df_funnel_result *result, struct df_funnel_table *table, uint8_t *keep,
                        struct df_error *error)
{
    const struct df_funnel_funnel *funnel = &result->request->funnel;
    uint32_t depths = result->depth_count;
    if (table == &result->breakdown) {
        if (mark_first(result, table, funnel->breakdown.top, keep, error) < 0)
            return -1;
        add_rest(table, keep);
    } else {
        if (mark_lists(result, table, &result->request->aggregations, 0, 0, keep, error) < 0 ||
            (depths && (mark_lists(result, table, &funnel->step_aggregations, depths, 1, keep, error) < 0 ||
                        mark_lists(result, table, &funnel->end_aggregations, depths, depths, keep, error) < 0)))
            return -1;
        if (!df_funnel_table_count_distinct(table))
            return df_error_no_memory(error, "counting distinct values");
    }
    if (!df_funnel_table_keep(table, keep))
        return df_error_no_memory(error, "keeping the first values of a list");
    table->settled = true;
    return 0;
}

int df_funnel_result_settle(struct df_funnel_result *result, struct df_error *error)
{
    struct df_funnel_table *table;
    for (uint32_t i = 0; (table = df_funnel_result_table(result, i)) != NULL; i++) {
        if (table->settled || table == &result->mixed) /* any value of `other` may be one of theirs */
            continue;
        uint8_t *keep = calloc(table->values.count + 1, 1);
        int settled = keep ? settle_table(result, table, keep, error)
                           : df_error_no_memory(error, "keeping the first values of a list");
        free(keep);
        if (settled < 0)
            return -1;
    }
    return 0;
}

/* ---- cut ---- */

static bool note_distinct(struct df_funnel_table *table)
{
    for (size_t cell = 0; table->wants_distinct && cell < table->cell_count; cell++) {
        if (!df_funnel_cell_is_used(table, cell))
            continue;
        uint8_t *registers = df_funnel_table_hll(table, df_funnel_cell_class(table, cell));
        if (!registers)
            return false;
        df_funnel_hll_add(registers, df_funnel_values_hash(&table->values, df_funnel_cell_value(table, cell)));
    }
    return true;
}

static double magnitude(const struct df_funnel_amount *amount, const struct df_type *type)
{
    if (amount->count == 0)
        return 0;
    double value = type->kind == DF_TYPE_FLOAT
                       ? df_sum_value(&amount->real)
                       : df_funnel_total_mean(amount->whole, 1, type->kind == DF_TYPE_DECIMAL ? type->scale : 0);
    return fabs(value);
}

/* The most that one value loses: of each counter, and of each sum by magnitude, class by class, so that it holds for
 * every place. */
static bool note_errors(const struct df_funnel_result *result, struct df_funnel_table *table, const uint8_t *keep)
{
    struct df_funnel_chains chains;
    if (!df_funnel_chains_make(&chains, table))
        return false;
    uint64_t most[DF_FUNNEL_COUNTERS_MAX] = {0};
    for (size_t id = 0; id < table->values.count; id++) {
        uint64_t lost[DF_FUNNEL_COUNTERS_MAX] = {0};
        for (size_t cell = chains.first[id]; !keep[id] && cell != DF_FUNNEL_NO_CELL; cell = chains.next[cell])
            for (uint32_t i = 0; i < table->counter_count; i++)
                lost[i] += table->counters[cell * table->counter_count + i];
        for (uint32_t i = 0; i < table->counter_count; i++)
            most[i] = lost[i] > most[i] ? lost[i] : most[i];
    }
    for (uint32_t i = 0; i < table->counter_count; i++)
        table->counter_errors[i] += most[i];
    for (uint32_t i = 0; i < table->sum_count; i++) {
        double largest = 0;
        for (size_t id = 0; id < table->values.count; id++) {
            double lost = 0;
            for (size_t cell = chains.first[id]; !keep[id] && cell != DF_FUNNEL_NO_CELL; cell = chains.next[cell])
                lost += magnitude(&table->sums[i].cells[cell], &result->types[table->sums[i].other]);
            largest = fmax(largest, lost);
        }
        table->sums[i].error.largest += largest;
    }
    df_funnel_chains_dispose(&chains);
    return true;
}

static int cut_table(struct df_funnel_result *result, struct df_funnel_table *table, uint64_t values,
                     struct df_error *error)
{
    uint8_t *keep = calloc(table->values.count + 1, 1);
    int done = keep ? mark_first(result, table, values, keep, error)
                    : df_error_no_memory(error, "keeping the most frequent values");
    if (done == 0 && (!note_distinct(table) || !note_errors(result, table, keep)))
        done = df_error_no_memory(error, "cutting the values of a part");
    if (done == 0 && table == &result->breakdown)
        add_rest(table, keep);
    if (done == 0 && table == &result->mixed)
        add_rest_of_mixed(result, keep);
    if (done == 0 && !df_funnel_table_keep(table, keep))
        done = df_error_no_memory(error, "cutting the values of a part");
    table->cut = true;
    free(keep);
    return done;
}

int df_funnel_result_cut(struct df_funnel_result *result, uint64_t values, struct df_error *error)
{
    uint64_t all = df_funnel_result_values(result);
    struct df_funnel_table *table;
    if (all <= values)
        return 0;
    /* Every table gives up the same share. */
    for (uint32_t i = 0; (table = df_funnel_result_table(result, i)) != NULL; i++) {
        uint64_t share = (uint64_t)((unsigned __int128)table->values.count * values / all);
        if (share < table->values.count && cut_table(result, table, share, error) < 0)
            return -1;
    }
    return 0;
}
