/* The loops over numbers: plain arrays in, one byte per value out; no allocation, no error. NaN answers 0 to every
 * test, so that negation gives it what null has; CONSTANT is told apart. */
#include "engine/funnel/filter/leaf.h"

/* With so few constants a pass over the values for each is faster than a search for each value. */
enum { FEW_CONSTANTS = 8 };

/* low <= v <= low + span, for int64 as well as for uint64: the difference wraps to a large number outside. */
static void test_range64(const int64_t *values, size_t n, uint64_t low, uint64_t span, uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = (uint64_t)values[i] - low <= span;
}

static void test_range128(const __int128 *values, size_t n, __int128 low, __int128 high, uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = values[i] >= low && values[i] <= high;
}

static void test_bools(const uint8_t *values, size_t n, const uint8_t by_bool[2], uint8_t *matches)
{
    uint8_t if_false = by_bool[0], turned = (uint8_t)(by_bool[0] ^ by_bool[1]);
    for (size_t i = 0; i < n; i++)
        matches[i] = (uint8_t)(if_false ^ (values[i] & turned & 1));
}

static void test_floats(const double *values, size_t n, enum df_funnel_op op, double number, uint8_t *matches)
{
    switch (op) {
    case DF_FUNNEL_EQ:
        for (size_t i = 0; i < n; i++)
            matches[i] = values[i] == number;
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

static void test_float_constant(const double *values, size_t n, uint8_t constant, uint8_t of_nan, uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = values[i] == values[i] ? constant : of_nan;
}

static void lookup_int64s(const struct df_funnel_lookup *lookup, const int64_t *values, size_t n, uint8_t *matches)
{
    if (lookup->count > FEW_CONSTANTS) {
        for (size_t i = 0; i < n; i++)
            matches[i] = df_funnel_lookup_int64(lookup, values[i]) != DF_FUNNEL_NOT_FOUND;
        return;
    }
    memset(matches, 0, n);
    for (uint32_t c = 0; c < lookup->count; c++) {
        int64_t wanted = lookup->values.int64s[c];
        for (size_t i = 0; i < n; i++)
            matches[i] |= values[i] == wanted;
    }
}

static void lookup_float64s(const struct df_funnel_lookup *lookup, const double *values, size_t n, uint8_t *matches)
{
    if (lookup->count > FEW_CONSTANTS) {
        for (size_t i = 0; i < n; i++)
            matches[i] = df_funnel_lookup_float64(lookup, values[i]) != DF_FUNNEL_NOT_FOUND;
        return;
    }
    memset(matches, 0, n);
    for (uint32_t c = 0; c < lookup->count; c++) {
        double wanted = lookup->values.float64s[c];
        for (size_t i = 0; i < n; i++)
            matches[i] |= values[i] == wanted;
    }
}

static void lookup_int128s(const struct df_funnel_lookup *lookup, const __int128 *values, size_t n, uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = df_funnel_lookup_int128(lookup, values[i]) != DF_FUNNEL_NOT_FOUND;
}

static bool test_int64s(const struct df_funnel_code *code, const int64_t *values, size_t n, uint8_t *matches)
{
    if (code->test == DF_FUNNEL_TEST_RANGE)
        test_range64(values, n, code->low64, code->span64, matches);
    else if (code->test == DF_FUNNEL_TEST_LOOKUP)
        lookup_int64s(&code->lookup, values, n, matches);
    else
        return false;
    return true;
}

static bool test_int128s(const struct df_funnel_code *code, const __int128 *values, size_t n, uint8_t *matches)
{
    if (code->test == DF_FUNNEL_TEST_RANGE)
        test_range128(values, n, code->low, code->high, matches);
    else if (code->test == DF_FUNNEL_TEST_LOOKUP)
        lookup_int128s(&code->lookup, values, n, matches);
    else
        return false;
    return true;
}

static bool test_float64s(const struct df_funnel_code *code, const double *values, size_t n, uint8_t *matches)
{
    if (code->test == DF_FUNNEL_TEST_FLOAT)
        test_floats(values, n, code->op, code->number, matches);
    else if (code->test == DF_FUNNEL_TEST_LOOKUP)
        lookup_float64s(&code->lookup, values, n, matches);
    else if (code->test == DF_FUNNEL_TEST_CONSTANT)
        test_float_constant(values, n, code->constant, code->null_answer ^ code->negate, matches);
    else
        return false;
    return true;
}

bool df_funnel_test_numbers(const struct df_funnel_code *code, enum df_vector_kind kind, const void *values, size_t n,
                            uint8_t *matches)
{
    switch (kind) {
    case DF_VECTOR_BOOL:
        if (code->test != DF_FUNNEL_TEST_BOOL)
            return false;
        test_bools(values, n, code->by_bool, matches);
        return true;
    case DF_VECTOR_INT64:
        return test_int64s(code, values, n, matches);
    case DF_VECTOR_INT128:
        return test_int128s(code, values, n, matches);
    case DF_VECTOR_FLOAT64:
        return test_float64s(code, values, n, matches);
    default:
        return false;
    }
}
