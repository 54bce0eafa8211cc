/* The loops of the filters: plain arrays in, one byte per row out. No allocation, no error path in them. */
#include <stdlib.h>

#include "engine/funnel/filter.h"

static void fill(uint8_t *matches, size_t n, bool value)
{
    if (n)
        memset(matches, value, n);
}

/* low <= v <= low + span, for int64 as well as for uint64: the difference wraps to a large number outside. */
static void match_integers(const int64_t *values, size_t n, uint64_t low, uint64_t span, uint8_t negate,
                           uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = (uint8_t)((uint8_t)((uint64_t)values[i] - low <= span) ^ negate);
}

static void match_bools(const uint8_t *values, size_t n, uint8_t negate, uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = (uint8_t)((values[i] & 1) ^ negate);
}

/* NaN compares as null should: false, and true for !=. */
static void match_floats(const double *values, size_t n, enum df_funnel_op op, double number, uint8_t *matches)
{
    switch (op) {
    case DF_FUNNEL_EQ:
        for (size_t i = 0; i < n; i++)
            matches[i] = values[i] == number;
        return;
    case DF_FUNNEL_NE:
        for (size_t i = 0; i < n; i++)
            matches[i] = values[i] != number;
        return;
    case DF_FUNNEL_GT:
        for (size_t i = 0; i < n; i++)
            matches[i] = values[i] > number;
        return;
    case DF_FUNNEL_GE:
        for (size_t i = 0; i < n; i++)
            matches[i] = values[i] >= number;
        return;
    case DF_FUNNEL_LT:
        for (size_t i = 0; i < n; i++)
            matches[i] = values[i] < number;
        return;
    default:
        for (size_t i = 0; i < n; i++)
            matches[i] = values[i] <= number;
        return;
    }
}

static void match_float_constant(const double *values, size_t n, bool number_matches, bool null_matches,
                                 uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = values[i] == values[i] ? number_matches : null_matches;
}

static bool contains(struct df_slice text, struct df_slice needle)
{
    return needle.size == 0 || (text.size && memmem(text.data, text.size, needle.data, needle.size));
}

static bool match_string(struct df_slice text, enum df_funnel_op op, struct df_slice wanted)
{
    switch (op) {
    case DF_FUNNEL_EQ:
        return df_slice_equal(text, wanted);
    case DF_FUNNEL_NE:
        return !df_slice_equal(text, wanted);
    case DF_FUNNEL_GT:
        return df_slice_compare(text, wanted) > 0;
    case DF_FUNNEL_GE:
        return df_slice_compare(text, wanted) >= 0;
    case DF_FUNNEL_LT:
        return df_slice_compare(text, wanted) < 0;
    case DF_FUNNEL_LE:
        return df_slice_compare(text, wanted) <= 0;
    case DF_FUNNEL_CONTAINS:
        return contains(text, wanted);
    default:
        return !contains(text, wanted);
    }
}

static void match_strings(const struct df_slice *values, size_t n, enum df_funnel_op op, struct df_slice wanted,
                          uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = match_string(values[i], op, wanted);
}

static void match_codes(const uint32_t *codes, size_t n, const uint8_t *by_code, uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = by_code[codes[i]];
}

static void match_nulls(const uint8_t *valid, size_t n, uint8_t null_matches, uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = valid[i] ? matches[i] : null_matches;
}

static int wrong_vector(struct df_error *error)
{
    return df_error_set(error, DF_ERROR_INTERNAL, "a filter met a vector of another kind than it was compiled for");
}

/* Values of any kind but codes; `values` is the member of the union that the kind says. */
static int match_values(const struct df_funnel_filter *filter, enum df_vector_kind kind, const void *values, size_t n,
                        uint8_t *matches, struct df_error *error)
{
    switch (filter->column) {
    case DF_FUNNEL_COLUMN_BOOL:
        if (kind != DF_VECTOR_BOOL)
            return wrong_vector(error);
        match_bools(values, n, filter->negate, matches);
        return 0;
    case DF_FUNNEL_COLUMN_INT64:
    case DF_FUNNEL_COLUMN_UINT64:
        if (kind != DF_VECTOR_INT64)
            return wrong_vector(error);
        if (filter->empty)
            fill(matches, n, filter->negate);
        else
            match_integers(values, n, filter->low, filter->span, filter->negate, matches);
        return 0;
    case DF_FUNNEL_COLUMN_FLOAT64:
        if (kind != DF_VECTOR_FLOAT64)
            return wrong_vector(error);
        if (filter->constant)
            match_float_constant(values, n, filter->constant_matches, filter->null_matches, matches);
        else
            match_floats(values, n, filter->op, filter->number, matches);
        return 0;
    case DF_FUNNEL_COLUMN_BYTES:
        break;
    }
    if (kind != DF_VECTOR_BYTES)
        return wrong_vector(error);
    match_strings(values, n, filter->op, filter->text, matches);
    return 0;
}

static int reserve_dictionary(struct df_funnel_filter *filter, uint32_t count, struct df_error *error)
{
    if (count <= filter->dictionary.capacity)
        return 0;
    if (!df_budget_take(filter->budget, count))
        return df_error_set(error, DF_ERROR_EXHAUSTED,
                            "no memory for a filter's answers to a dictionary of %u entries; raise memory.limit",
                            count);
    uint8_t *matches = malloc(count);
    if (!matches) {
        df_budget_give(filter->budget, count);
        return df_error_no_memory(error, "evaluating a filter");
    }
    free(filter->dictionary.matches);
    df_budget_give(filter->budget, filter->dictionary.capacity);
    filter->dictionary.matches = matches;
    filter->dictionary.capacity = count;
    return 0;
}

static int match_dictionary(struct df_funnel_filter *filter, const struct df_dictionary *dictionary,
                            struct df_error *error)
{
    if (filter->dictionary.known && filter->dictionary.serial == dictionary->serial)
        return 0;
    filter->dictionary.known = false;
    const void *values = dictionary->kind == DF_VECTOR_INT64     ? (const void *)dictionary->values.int64s
                         : dictionary->kind == DF_VECTOR_FLOAT64 ? (const void *)dictionary->values.float64s
                                                                 : (const void *)dictionary->values.bytes;
    if (reserve_dictionary(filter, dictionary->count, error) < 0 ||
        match_values(filter, dictionary->kind, values, dictionary->count, filter->dictionary.matches, error) < 0)
        return -1;
    filter->dictionary.serial = dictionary->serial;
    filter->dictionary.known = true;
    return 0;
}

static const void *vector_values(const struct df_vector *vector)
{
    switch (vector->kind) {
    case DF_VECTOR_BOOL:
        return vector->values.bools;
    case DF_VECTOR_INT64:
        return vector->values.int64s;
    case DF_VECTOR_FLOAT64:
        return vector->values.float64s;
    default:
        return vector->values.bytes;
    }
}

int df_funnel_filter_evaluate(struct df_funnel_filter *filter, const struct df_vector *vector, uint8_t *matches,
                              struct df_error *error)
{
    size_t n = vector->row_count;
    if (vector->kind == DF_VECTOR_CODES) {
        if (match_dictionary(filter, vector->dictionary, error) < 0)
            return -1;
        if (vector->dictionary->count)
            match_codes(vector->values.codes, n, filter->dictionary.matches, matches);
        else
            fill(matches, n, filter->null_matches); /* without entries every row is null */
    } else if (match_values(filter, vector->kind, vector_values(vector), n, matches, error) < 0) {
        return -1;
    }
    if (vector->valid)
        match_nulls(vector->valid, n, filter->null_matches, matches);
    return 0;
}
