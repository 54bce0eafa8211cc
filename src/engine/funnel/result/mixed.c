/* The breakdown: units, rows and users per value. Users matter where the unit is a session: one user may then stand in
 * several values. */
#include <stdlib.h>

#include "engine/funnel/result/tables.h"

struct id_depth {
    uint32_t id, depth;
};

/* ---- records of users of several values ---- */

static struct df_funnel_mixed_item mixed_item(const struct df_funnel_values *values, uint32_t id, uint32_t depth)
{
    struct df_funnel_mixed_item item = {.depth = depth, .null = id == values->null_id};
    if (!item.null)
        item.value = values->form == DF_FUNNEL_FORM_BYTES
                         ? df_funnel_values_slice(values, id)
                         : df_slice_make(&values->items[id].number, sizeof values->items[id].number);
    return item;
}

static int compare_items(const void *a, const void *b)
{
    const struct df_funnel_mixed_item *one = a, *other = b;
    if (one->null != other->null)
        return one->null ? -1 : 1;
    return df_slice_compare(one->value, other->value);
}

bool df_funnel_mixed_next(struct df_cursor *record, struct df_funnel_mixed_item *item)
{
    uint64_t depth, size;
    *item = (struct df_funnel_mixed_item){0};
    if (df_cursor_left(record) == 0)
        return false;
    if (!df_cursor_take_varint(record, &depth) || !df_cursor_take_varint(record, &size))
        return false;
    item->null = size == 0;
    if (depth == 0 || depth > DF_FUNNEL_STEPS_MAX ||
        (size > 0 && !df_cursor_take_bytes(record, (size_t)(size - 1), &item->value))) {
        record->failed = true;
        return false;
    }
    item->depth = (uint32_t)depth;
    return true;
}

static bool add_mixed(struct df_funnel_table *mixed, struct df_funnel_mixed_item *items, size_t count)
{
    struct df_buf record = {0};
    uint32_t id;
    size_t cell;
    qsort(items, count, sizeof *items, compare_items);
    for (size_t i = 0; i < count; i++) {
        df_buf_put_varint(&record, items[i].depth);
        df_buf_put_varint(&record, items[i].null ? 0 : items[i].value.size + 1);
        df_buf_put_slice(&record, items[i].value);
    }
    bool added = !df_buf_failed(&record) && df_funnel_values_bytes(&mixed->values, df_buf_slice(&record), &id) &&
                 df_funnel_table_cell(mixed, id, 0, &cell);
    if (added)
        mixed->counters[cell]++;
    df_buf_dispose(&record);
    return added;
}

/* ---- counting ---- */

static bool count_user_in(struct df_funnel_table *table, uint32_t id, uint32_t depth, bool pure)
{
    size_t cell;
    if (!df_funnel_table_cell(table, id, depth - 1, &cell))
        return false;
    table->counters[cell * table->counter_count + DF_FUNNEL_UNIT_USERS]++;
    table->counters[cell * table->counter_count + DF_FUNNEL_PURE_USERS] += pure;
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    const struct id_depth *one = a, *other = b;
    if (one->id != other->id)
        return one->id < other->id ? -1 : 1;
    return (one->depth < other->depth) - (one->depth > other->depth); /* deepest first */
}

/* The units [begin, end) of one user. */
static bool count_user(struct df_funnel_result *result, const struct df_funnel_unit *units, const uint32_t *ids,
                       size_t count)
{
    struct df_funnel_table *table = &result->breakdown;
    size_t distinct = 0;
    if (count == 1)
        return count_user_in(table, ids[0], units[0].depth, true);
    struct id_depth *pairs = calloc(count, sizeof *pairs);
    struct df_funnel_mixed_item *items = calloc(count, sizeof *items);
    bool fits = pairs && items;
    for (size_t i = 0; fits && i < count; i++)
        pairs[i] = (struct id_depth){.id = ids[i], .depth = units[i].depth};
    if (fits)
        qsort(pairs, count, sizeof *pairs, compare_ids);
    bool pure = fits && pairs[0].id == pairs[count - 1].id;
    for (size_t i = 0; fits && i < count; i++) {
        if (i > 0 && pairs[i].id == pairs[i - 1].id)
            continue;
        items[distinct++] = mixed_item(&table->values, pairs[i].id, pairs[i].depth);
        fits = count_user_in(table, pairs[i].id, pairs[i].depth, pure);
    }
    if (fits && !pure)
        fits = add_mixed(&result->mixed, items, distinct);
    free(pairs);
    free(items);
    return fits;
}

static bool count_units(struct df_funnel_table *table, const struct df_funnel_verdicts *verdicts, const uint32_t *ids)
{
    for (size_t i = 0; i < verdicts->unit_count; i++) {
        size_t cell;
        if (!df_funnel_table_cell(table, ids[i], verdicts->units[i].depth - 1u, &cell))
            return false;
        table->counters[cell * table->counter_count + DF_FUNNEL_UNITS]++;
        table->counters[cell * table->counter_count + DF_FUNNEL_UNIT_ROWS] += verdicts->units[i].rows;
    }
    return true;
}

bool df_funnel_count_breakdown(struct df_funnel_result *result, const struct df_funnel_verdicts *verdicts,
                               const uint32_t *ids)
{
    if (!count_units(&result->breakdown, verdicts, ids))
        return false;
    for (size_t begin = 0, end; result->has_mixed && begin < verdicts->unit_count; begin = end) {
        for (end = begin + 1; end < verdicts->unit_count; end++)
            if (verdicts->units[end].user != verdicts->units[begin].user)
                break;
        if (!count_user(result, &verdicts->units[begin], &ids[begin], end - begin))
            return false;
    }
    return true;
}
