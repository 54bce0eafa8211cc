/* The first ones of a list, for all its places at once: going from the deepest place to the shallowest, each place adds
 * the cells of its classes to those of the places below it. */
#include <stdlib.h>

#include "engine/funnel/result/tables.h"

struct ranker {
    const struct df_funnel_ranking *ranking;
    const struct df_funnel_table *table;
    /* Cells by class, ascending: those of class c are order[begins[c]] to order[begins[c + 1] - 1]. */
    size_t *order, *begins;
    /* Per value, over the classes so far. */
    uint64_t *counts;
    struct df_funnel_amount *amounts;
    uint8_t *seen;
    uint32_t *live; /* ids that were seen */
    size_t live_count;
    /* Texts of values, made when two values tie for the first time. */
    bool texts_made, failed;
    struct df_buf texts;
    size_t *text_ends;
    struct df_funnel_rank *heap; /* the worst first; at most `top` */
    uint32_t heap_count;
};

/* ---- order ---- */

static void make_texts(struct ranker *ranker)
{
    const struct df_funnel_values *values = &ranker->table->values;
    ranker->texts_made = true;
    ranker->text_ends = calloc(values->count + 1, sizeof *ranker->text_ends);
    for (uint32_t i = 0; ranker->text_ends && i < values->count; i++) {
        if (i != values->null_id)
            df_funnel_value_put_text(values, i, ranker->ranking->type, &ranker->texts);
        ranker->text_ends[i + 1] = ranker->texts.size;
    }
    ranker->failed = ranker->failed || !ranker->text_ends || df_buf_failed(&ranker->texts);
}

/* Strings stand for themselves; the text of a UUID orders as its bytes do. */
static struct df_slice text_of(struct ranker *ranker, uint32_t id)
{
    const struct df_funnel_values *values = &ranker->table->values;
    if (values->form == DF_FUNNEL_FORM_BYTES && ranker->ranking->type->kind != DF_TYPE_DECIMAL)
        return df_funnel_values_slice(values, id);
    if (!ranker->texts_made)
        make_texts(ranker);
    if (ranker->failed)
        return df_slice_make(NULL, 0);
    return df_slice_make(ranker->texts.data + ranker->text_ends[id], ranker->text_ends[id + 1] - ranker->text_ends[id]);
}

static int compare_texts(struct ranker *ranker, uint32_t a, uint32_t b)
{
    uint32_t null_id = ranker->table->values.null_id;
    if (a == null_id || b == null_id)
        return (a != null_id) - (b != null_id);
    int order = df_slice_compare(text_of(ranker, a), text_of(ranker, b));
    return order ? order : (a > b) - (a < b);
}

/* Below 0: a stands before b. */
static int compare(struct ranker *ranker, const struct df_funnel_rank *a, const struct df_funnel_rank *b)
{
    if (a->null != b->null)
        return a->null ? 1 : -1;
    if (!a->null && a->exact) {
        int order = df_funnel_total_compare(b->whole, a->whole);
        if (order)
            return order;
    } else if (!a->null && a->real != b->real) {
        return a->real > b->real ? -1 : 1;
    }
    return compare_texts(ranker, a->id, b->id);
}

/* ---- the heap: whoever stands behind everyone else is at its top ---- */

static void swap(struct df_funnel_rank *a, struct df_funnel_rank *b)
{
    struct df_funnel_rank kept = *a;
    *a = *b;
    *b = kept;
}

static void sink(struct ranker *ranker, uint32_t at, uint32_t count)
{
    for (;;) {
        uint32_t worst = at;
        for (uint64_t child = 2 * (uint64_t)at + 1; child <= 2 * (uint64_t)at + 2 && child < count; child++)
            if (compare(ranker, &ranker->heap[child], &ranker->heap[worst]) > 0)
                worst = (uint32_t)child;
        if (worst == at)
            return;
        swap(&ranker->heap[at], &ranker->heap[worst]);
        at = worst;
    }
}

static void offer(struct ranker *ranker, const struct df_funnel_rank *rank)
{
    if (ranker->heap_count == ranker->ranking->top) {
        if (ranker->heap_count == 0 || compare(ranker, rank, &ranker->heap[0]) >= 0)
            return;
        ranker->heap[0] = *rank;
        sink(ranker, 0, ranker->heap_count);
        return;
    }
    uint32_t at = ranker->heap_count++;
    ranker->heap[at] = *rank;
    for (; at > 0 && compare(ranker, &ranker->heap[at], &ranker->heap[(at - 1) / 2]) > 0; at = (at - 1) / 2)
        swap(&ranker->heap[at], &ranker->heap[(at - 1) / 2]);
}

/* ---- numbers ---- */

static struct df_funnel_rank rank_of(const struct ranker *ranker, uint32_t id)
{
    const struct df_funnel_ranking *ranking = ranker->ranking;
    struct df_funnel_rank rank = {.id = id, .exact = true};
    if (ranking->lane == DF_FUNNEL_NONE) {
        rank.whole.low = ranker->counts[id];
        return rank;
    }
    const struct df_funnel_amount *amount = &ranker->amounts[id];
    rank.whole = df_funnel_total_canonical(amount->whole);
    rank.exact = !ranking->mean && ranking->other_type->kind != DF_TYPE_FLOAT;
    if (rank.exact)
        return rank;
    rank.real = ranking->mean ? df_funnel_amount_mean(amount, ranking->other_type) : df_sum_value(&amount->real);
    rank.null = isnan(rank.real);
    return rank;
}

static void add_cell(struct ranker *ranker, size_t cell)
{
    const struct df_funnel_table *table = ranker->table;
    uint32_t id = df_funnel_cell_value(table, cell);
    if (!ranker->seen[id])
        ranker->live[ranker->live_count++] = id;
    ranker->seen[id] = 1;
    if (ranker->amounts)
        df_funnel_amount_merge(&ranker->amounts[id], &table->sums[ranker->ranking->lane].cells[cell]);
    else
        ranker->counts[id] += table->counters[cell * table->counter_count + ranker->ranking->counter];
}

static void choose(struct ranker *ranker)
{
    ranker->heap_count = 0;
    for (size_t i = 0; i < ranker->live_count; i++) {
        struct df_funnel_rank rank = rank_of(ranker, ranker->live[i]);
        offer(ranker, &rank);
    }
    for (uint32_t left = ranker->heap_count; left > 1; left--) { /* heap sort: the worst goes to the end */
        swap(&ranker->heap[0], &ranker->heap[left - 1]);
        sink(ranker, 0, left - 1);
    }
}

/* ---- places ---- */

static bool sort_cells(struct ranker *ranker)
{
    const struct df_funnel_table *table = ranker->table;
    size_t classes = table->classes->count;
    ranker->order = calloc(table->cell_count + 1, sizeof *ranker->order);
    ranker->begins = calloc(classes + 2, sizeof *ranker->begins);
    if (!ranker->order || !ranker->begins)
        return false;
    for (size_t cell = 0; cell < table->cell_count; cell++)
        if (df_funnel_cell_is_used(table, cell))
            ranker->begins[df_funnel_cell_class(table, cell) + 2]++;
    for (size_t i = 2; i < classes + 2; i++)
        ranker->begins[i] += ranker->begins[i - 1];
    for (size_t cell = 0; cell < table->cell_count; cell++)
        if (df_funnel_cell_is_used(table, cell))
            ranker->order[ranker->begins[df_funnel_cell_class(table, cell) + 1]++] = cell;
    return true;
}

static bool prepare(struct ranker *ranker)
{
    size_t values = ranker->table->values.count;
    uint64_t most = values < ranker->ranking->top ? values : ranker->ranking->top;
    if (ranker->ranking->lane == DF_FUNNEL_NONE)
        ranker->counts = calloc(values + 1, sizeof *ranker->counts);
    else
        ranker->amounts = calloc(values + 1, sizeof *ranker->amounts);
    ranker->seen = calloc(values + 1, 1);
    ranker->live = calloc(values + 1, sizeof *ranker->live);
    ranker->heap = calloc(most + 1, sizeof *ranker->heap);
    return (ranker->counts || ranker->amounts) && ranker->seen && ranker->live && ranker->heap && sort_cells(ranker);
}

static void dispose(struct ranker *ranker)
{
    for (size_t i = 0; ranker->amounts && i < ranker->table->values.count; i++)
        df_sum_dispose(&ranker->amounts[i].real);
    free(ranker->order);
    free(ranker->begins);
    free(ranker->counts);
    free(ranker->amounts);
    free(ranker->seen);
    free(ranker->live);
    free(ranker->heap);
    free(ranker->text_ends);
    df_buf_dispose(&ranker->texts);
}

static int run_places(struct ranker *ranker, uint32_t deepest, uint32_t shallowest, df_funnel_ranked_fn *fn, void *ctx,
                      struct df_error *error)
{
    const struct df_funnel_classes *classes = ranker->table->classes;
    uint32_t added = classes->count; /* classes from here on have been added */
    bool chosen = false;
    for (uint32_t depth = deepest + 1; depth-- > shallowest;) {
        uint32_t first = df_funnel_first_class(classes, depth);
        for (; added > first; added--) {
            for (size_t i = ranker->begins[added - 1]; i < ranker->begins[added]; i++)
                add_cell(ranker, ranker->order[i]);
            chosen = false;
        }
        if (!chosen)
            choose(ranker);
        chosen = true;
        if (ranker->failed)
            return df_error_no_memory(error, "ordering the values of a list");
        if (fn(ctx, depth, ranker->heap, ranker->heap_count, error) < 0)
            return -1;
    }
    return 0;
}

int df_funnel_rank_places(const struct df_funnel_ranking *ranking, uint32_t deepest, uint32_t shallowest,
                          df_funnel_ranked_fn *fn, void *ctx, struct df_error *error)
{
    struct ranker ranker = {.ranking = ranking, .table = ranking->table};
    int result = prepare(&ranker) ? run_places(&ranker, deepest, shallowest, fn, ctx, error)
                                  : df_error_no_memory(error, "ordering the values of a list");
    dispose(&ranker);
    return result;
}

bool df_funnel_ranking_of(const struct df_funnel_result *result, const struct df_funnel_aggregation *aggregation,
                          struct df_funnel_ranking *ranking)
{
    const struct df_funnel_table *table = df_funnel_result_table_of(result, aggregation->column);
    if (!table || !df_funnel_aggregation_is_map(aggregation->type))
        return false;
    *ranking = (struct df_funnel_ranking){.table = table,
                                          .type = &result->types[aggregation->column],
                                          .counter = DF_FUNNEL_ROWS,
                                          .lane = DF_FUNNEL_NONE,
                                          .top = aggregation->top};
    if (aggregation->type == DF_FUNNEL_AGG_GROUPS_PER_VALUE)
        ranking->counter = DF_FUNNEL_USERS;
    if (aggregation->other == DF_FUNNEL_NONE)
        return true;
    ranking->mean = aggregation->type == DF_FUNNEL_AGG_MEAN_PER_VALUE;
    ranking->other_type = &result->types[aggregation->other];
    for (uint32_t i = 0; i < table->sum_count; i++)
        if (table->sums[i].other == aggregation->other)
            ranking->lane = i;
    return true;
}
