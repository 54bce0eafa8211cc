/* The loops over strings: what can be told from the size is told from the size. */
#include "engine/funnel/filter/leaf.h"

static bool starts_with(struct df_slice value, struct df_slice text)
{
    return value.size >= text.size && (text.size == 0 || memcmp(value.data, text.data, text.size) == 0);
}

static bool ends_with(struct df_slice value, struct df_slice text)
{
    return value.size >= text.size &&
           (text.size == 0 || memcmp(value.data + (value.size - text.size), text.data, text.size) == 0);
}

/* memmem first makes a table of the text it looks for, which for short values takes longer than to look. */
enum { SHORT_VALUE_BYTES = 128, SHORT_TEXT_BYTES = 16 };

/* First and last byte, then what is between. */
static bool contains_short(struct df_slice value, struct df_slice text)
{
    const uint8_t *end = value.data + (value.size - text.size), first = text.data[0];
    size_t last = text.size - 1;
    for (const uint8_t *at = value.data; at <= end; at++)
        if (at[0] == first && at[last] == text.data[last] && memcmp(at, text.data, text.size) == 0)
            return true;
    return false;
}

static bool contains(struct df_slice value, struct df_slice text)
{
    if (text.size == 0)
        return true;
    if (value.size < text.size)
        return false;
    if (value.size <= SHORT_VALUE_BYTES && text.size <= SHORT_TEXT_BYTES)
        return contains_short(value, text);
    return memmem(value.data, value.size, text.data, text.size) != NULL;
}

bool df_funnel_text_passes(enum df_funnel_op op, struct df_slice value, struct df_slice text)
{
    switch (op) {
    case DF_FUNNEL_EQ:
        return df_slice_equal(value, text);
    case DF_FUNNEL_GT:
        return df_slice_compare(value, text) > 0;
    case DF_FUNNEL_GE:
        return df_slice_compare(value, text) >= 0;
    case DF_FUNNEL_LT:
        return df_slice_compare(value, text) < 0;
    case DF_FUNNEL_LE:
        return df_slice_compare(value, text) <= 0;
    case DF_FUNNEL_STARTS_WITH:
        return starts_with(value, text);
    case DF_FUNNEL_ENDS_WITH:
        return ends_with(value, text);
    default:
        return contains(value, text);
    }
}

static void test_equal(const struct df_slice *values, size_t n, struct df_slice text, uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = df_slice_equal(values[i], text);
}

/* One loop for the four comparisons: `passes` by the sign of the order. */
static void test_order(const struct df_slice *values, size_t n, const uint8_t passes[3], struct df_slice text,
                       uint8_t *matches)
{
    for (size_t i = 0; i < n; i++) {
        int order = df_slice_compare(values[i], text);
        matches[i] = passes[(order > 0) - (order < 0) + 1];
    }
}

static void test_text(const struct df_slice *values, size_t n, enum df_funnel_op op, struct df_slice text,
                      uint8_t *matches)
{
    switch (op) {
    case DF_FUNNEL_EQ:
        test_equal(values, n, text, matches);
        return;
    case DF_FUNNEL_GT:
        test_order(values, n, (const uint8_t[]){0, 0, 1}, text, matches);
        return;
    case DF_FUNNEL_GE:
        test_order(values, n, (const uint8_t[]){0, 1, 1}, text, matches);
        return;
    case DF_FUNNEL_LT:
        test_order(values, n, (const uint8_t[]){1, 0, 0}, text, matches);
        return;
    case DF_FUNNEL_LE:
        test_order(values, n, (const uint8_t[]){1, 1, 0}, text, matches);
        return;
    case DF_FUNNEL_STARTS_WITH:
        for (size_t i = 0; i < n; i++)
            matches[i] = starts_with(values[i], text);
        return;
    case DF_FUNNEL_ENDS_WITH:
        for (size_t i = 0; i < n; i++)
            matches[i] = ends_with(values[i], text);
        return;
    default:
        for (size_t i = 0; i < n; i++)
            matches[i] = contains(values[i], text);
        return;
    }
}

static int test_regex(const struct df_funnel_regex *regex, const struct df_slice *values, size_t n, uint8_t *matches,
                      struct df_error *error)
{
    for (size_t i = 0; i < n; i++) {
        int found = df_funnel_regex_match(regex, values[i], error);
        if (found < 0)
            return -1;
        matches[i] = (uint8_t)found;
    }
    return 0;
}

int df_funnel_test_strings(const struct df_funnel_code *code, const struct df_slice *values, size_t n, uint8_t *matches,
                           struct df_error *error)
{
    switch (code->test) {
    case DF_FUNNEL_TEST_TEXT:
        test_text(values, n, code->op, code->text, matches);
        return 0;
    case DF_FUNNEL_TEST_LOOKUP:
        for (size_t i = 0; i < n; i++)
            matches[i] = df_funnel_lookup_bytes(&code->lookup, values[i]) != DF_FUNNEL_NOT_FOUND;
        return 0;
    case DF_FUNNEL_TEST_REGEX:
        return test_regex(code->regex, values, n, matches, error);
    default:
        return df_error_set(error, DF_ERROR_INTERNAL, "a filter on strings was compiled for something else");
    }
}

bool df_funnel_code_is_dear(const struct df_funnel_code *code, const struct df_vector *vector)
{
    return code->test == DF_FUNNEL_TEST_REGEX && !code->decided && vector->kind == DF_VECTOR_BYTES;
}

int df_funnel_code_match_where(const struct df_funnel_code *code, const struct df_vector *vector, uint8_t where,
                               uint8_t *matches, struct df_error *error)
{
    for (uint32_t i = 0; i < vector->row_count; i++) {
        if (matches[i] != where)
            continue;
        int found = df_vector_is_null(vector, i) ? code->null_answer
                                                 : df_funnel_regex_match(code->regex, vector->values.bytes[i], error);
        if (found < 0)
            return -1;
        matches[i] = (uint8_t)found;
    }
    return 0;
}
