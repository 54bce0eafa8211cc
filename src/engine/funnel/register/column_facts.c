#include "engine/funnel/register/column_facts.h"

#include <stdlib.h>

void df_funnel_column_facts_init(struct df_funnel_column_facts *facts, const struct df_parquet_column *column,
                                 uint64_t rows, bool categorical_at_source, struct df_budget *budget)
{
    *facts = (struct df_funnel_column_facts){.column = column, .categorical_at_source = categorical_at_source};
    facts->account = (struct df_funnel_account){.budget = budget, .floor_bytes = 64 * 1024};
    df_funnel_groups_init(&facts->strings, DF_FUNNEL_KEY_BYTES, &facts->account);
    facts->few = !column->unsupported && !column->type.list && column->type.kind == DF_TYPE_STRING;
    facts->distinct_max = categorical_at_source ? UINT64_MAX : (uint64_t)((double)rows * DF_FUNNEL_CATEGORICAL_RATIO);
}

void df_funnel_column_facts_dispose(struct df_funnel_column_facts *facts)
{
    df_funnel_groups_dispose(&facts->strings);
}

/* ---- numbers ---- */

static void add_int64(struct df_funnel_column_facts *facts, int64_t value)
{
    uint64_t turn = facts->column->type.kind == DF_TYPE_UINT64 ? UINT64_C(1) << 63 : 0;
    int64_t key = (int64_t)((uint64_t)value ^ turn);
    if (!facts->bounds_known || key < (int64_t)((uint64_t)facts->minimum.int64 ^ turn))
        facts->minimum.int64 = value;
    if (!facts->bounds_known || key > (int64_t)((uint64_t)facts->maximum.int64 ^ turn))
        facts->maximum.int64 = value;
    facts->bounds_known = true;
}

static void add_float64(struct df_funnel_column_facts *facts, double value)
{
    if (value != value) {
        facts->nulls++;
        return;
    }
    if (!facts->bounds_known || value < facts->minimum.float64)
        facts->minimum.float64 = value;
    if (!facts->bounds_known || value > facts->maximum.float64)
        facts->maximum.float64 = value;
    facts->bounds_known = true;
}

static void add_numbers(struct df_funnel_column_facts *facts, const struct df_vector *vector)
{
    bool codes = vector->kind == DF_VECTOR_CODES;
    enum df_vector_kind kind = codes ? vector->dictionary->kind : vector->kind;
    const int64_t *int64s = codes ? vector->dictionary->values.int64s : vector->values.int64s;
    const double *float64s = codes ? vector->dictionary->values.float64s : vector->values.float64s;
    for (uint32_t row = 0; row < vector->row_count; row++) {
        if (df_vector_is_null(vector, row))
            continue;
        uint32_t at = codes ? vector->values.codes[row] : row;
        if (kind == DF_VECTOR_INT64)
            add_int64(facts, int64s[at]);
        else if (kind == DF_VECTOR_FLOAT64)
            add_float64(facts, float64s[at]);
    }
}

/* ---- strings ---- */

enum { STRINGS_AT_ONCE = 1024 };

static void too_many(struct df_funnel_column_facts *facts)
{
    facts->few = false;
    df_funnel_groups_dispose(&facts->strings);
}

static void add_strings(struct df_funnel_column_facts *facts, const struct df_vector *vector)
{
    struct df_slice bytes[STRINGS_AT_ONCE];
    uint64_t hashes[STRINGS_AT_ONCE];
    uint32_t codes[STRINGS_AT_ONCE];
    bool coded = vector->kind == DF_VECTOR_CODES;
    const struct df_slice *values = coded ? vector->dictionary->values.bytes : vector->values.bytes;
    for (uint32_t done = 0; facts->few && done < vector->row_count;) {
        uint32_t some = vector->row_count - done < STRINGS_AT_ONCE ? vector->row_count - done : STRINGS_AT_ONCE;
        for (uint32_t i = 0; i < some; i++)
            bytes[i] = df_vector_is_null(vector, done + i) ? df_slice_make("", 0)
                       : coded                             ? values[vector->values.codes[done + i]]
                                                           : values[done + i];
        struct df_funnel_keys keys = {.kind = DF_FUNNEL_KEY_BYTES,
                                      .count = some,
                                      .bytes = bytes,
                                      .valid = vector->valid ? vector->valid + done : NULL};
        if (!df_funnel_groups_add(&facts->strings, &keys, hashes, 0, 0, codes) ||
            facts->strings.group_count > facts->distinct_max)
            too_many(facts);
        done += some;
    }
}

void df_funnel_column_facts_add(struct df_funnel_column_facts *facts, const struct df_vector *vector)
{
    facts->rows += vector->row_count;
    for (uint32_t row = 0; vector->valid && row < vector->row_count; row++)
        facts->nulls += !vector->valid[row];
    switch (facts->column->type.list ? DF_TYPE_NULL : facts->column->type.kind) {
    case DF_TYPE_INT64:
    case DF_TYPE_UINT64:
    case DF_TYPE_FLOAT:
    case DF_TYPE_DATE:
    case DF_TYPE_TIMESTAMP:
        add_numbers(facts, vector);
        break;
    case DF_TYPE_STRING:
        if (facts->few)
            add_strings(facts, vector);
        break;
    default:
        break;
    }
}

/* ---- telling ---- */

static void put_bound(const struct df_funnel_column_facts *facts, bool maximum, struct df_json_writer *json)
{
    df_json_key(json, maximum ? "maximum" : "minimum");
    if (!facts->bounds_known)
        df_json_null(json);
    else if (facts->column->type.kind == DF_TYPE_FLOAT)
        df_json_number(json, maximum ? facts->maximum.float64 : facts->minimum.float64);
    else if (facts->column->type.kind == DF_TYPE_UINT64)
        df_json_uint(json, (uint64_t)(maximum ? facts->maximum.int64 : facts->minimum.int64));
    else
        df_json_int(json, maximum ? facts->maximum.int64 : facts->minimum.int64);
}

static int by_rows(const void *a, const void *b)
{
    const struct df_funnel_group *const *x = a, *const *y = b;
    if ((*x)->rows != (*y)->rows)
        return (*x)->rows > (*y)->rows ? -1 : 1;
    return df_slice_compare(df_funnel_group_bytes(*x), df_funnel_group_bytes(*y));
}

/* The most frequent values with their rows. */
static int put_top(const struct df_funnel_column_facts *facts, struct df_json_writer *json, struct df_error *error)
{
    size_t count = facts->strings.group_count;
    const struct df_funnel_group **order = calloc(count ? count : 1, sizeof *order);
    if (!order)
        return df_error_no_memory(error, "describing a column");
    for (size_t i = 0; i < count; i++)
        order[i] = &facts->strings.groups[i];
    qsort(order, count, sizeof *order, by_rows);
    df_json_begin_array(json);
    for (size_t i = 0; i < count && i < DF_FUNNEL_TOP_VALUES_OF_FILE; i++) {
        df_json_begin_array(json);
        df_json_string(json, df_funnel_group_bytes(order[i]));
        df_json_uint(json, order[i]->rows);
        df_json_end_array(json);
    }
    df_json_end_array(json);
    free(order);
    return 0;
}

static void put_type(const struct df_type *type, struct df_json_writer *json)
{
    const int numbers[] = {(int)type->kind, type->list, type->bits, (int)type->unit, type->precision, type->scale};
    df_json_begin_array(json);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        df_json_int(json, numbers[i]);
    df_json_end_array(json);
}

int df_funnel_column_facts_put(struct df_funnel_column_facts *facts, struct df_json_writer *json,
                               struct df_error *error)
{
    df_funnel_groups_settle(&facts->strings);
    df_json_begin_object(json);
    df_json_key(json, "name");
    df_json_text(json, facts->column->name);
    df_json_key(json, "unsupported");
    df_json_text(json, facts->column->unsupported);
    df_json_key(json, "type");
    put_type(&facts->column->type, json);
    df_json_key(json, "nulls");
    df_json_uint(json, facts->nulls);
    put_bound(facts, false, json);
    put_bound(facts, true, json);
    df_json_key(json, "source");
    df_json_boolean(json, facts->categorical_at_source);
    df_json_key(json, "distinct");
    int result = 0;
    if (!facts->few) {
        df_json_null(json);
    } else {
        df_json_uint(json, facts->strings.group_count);
        df_json_key(json, "top");
        result = put_top(facts, json, error);
    }
    df_json_end_object(json);
    return result;
}
