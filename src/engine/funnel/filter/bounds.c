/* What statistics say of a filter: which answers rows of a row group can have, without reading them. Never too narrow:
 * a row group is skipped on the strength of it. */
#include "engine/funnel/filter/set.h"

#include <math.h>

static struct df_funnel_outlook either(void)
{
    return (struct df_funnel_outlook){.can_be_true = true, .can_be_false = true};
}

static struct df_funnel_outlook only(bool answer)
{
    return (struct df_funnel_outlook){.can_be_true = answer, .can_be_false = !answer};
}

/* ---- numbers ---- */

static bool take_integer(const struct df_funnel_code *code, const struct df_parquet_value *value, __int128 *out)
{
    if (df_funnel_type_is_bytes(&code->type) || code->type.kind == DF_TYPE_FLOAT || code->type.kind == DF_TYPE_BOOL)
        return false;
    if (value->kind == DF_VECTOR_INT128)
        *out = value->as.int128;
    else if (value->kind == DF_VECTOR_INT64)
        *out = code->type.kind == DF_TYPE_UINT64 ? (__int128)(uint64_t)value->as.int64 : value->as.int64;
    else
        return false;
    return true;
}

/* The first of ascending constants that is not below `low`. */
static uint32_t first_not_below(const struct df_funnel_lookup *lookup, __int128 low)
{
    uint32_t begin = 0, end = lookup->count;
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        __int128 constant =
            lookup->kind == DF_VECTOR_INT64 ? lookup->values.int64s[middle] : lookup->values.int128s[middle];
        if (constant < low)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

static bool signed_between(const struct df_funnel_lookup *lookup, __int128 low, __int128 high)
{
    uint32_t at = first_not_below(lookup, low);
    return at < lookup->count &&
           (lookup->kind == DF_VECTOR_INT64 ? lookup->values.int64s[at] : lookup->values.int128s[at]) <= high;
}

/* Is one of the constants between the two? Unsigned ones stand in the order of their bits as signed numbers: those from
 * 2^63 on come first, less 2^64. */
static bool integer_between(const struct df_funnel_code *code, __int128 low, __int128 high)
{
    const __int128 half = (__int128)1 << 63, whole = (__int128)1 << 64;
    if (code->type.kind != DF_TYPE_UINT64)
        return signed_between(&code->lookup, low, high);
    return (low < half && signed_between(&code->lookup, low, high < half ? high : half - 1)) ||
           (high >= half && signed_between(&code->lookup, (low < half ? half : low) - whole, high - whole));
}

static bool float_between(const struct df_funnel_lookup *lookup, double low, double high)
{
    uint32_t begin = 0, end = lookup->count;
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        if (lookup->values.float64s[middle] < low)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin < lookup->count && lookup->values.float64s[begin] <= high;
}

static struct df_funnel_outlook integers(const struct df_funnel_code *code, const struct df_parquet_bounds *bounds)
{
    __int128 low, high;
    if (!take_integer(code, &bounds->minimum, &low) || !take_integer(code, &bounds->maximum, &high) || low > high)
        return either();
    if (code->test == DF_FUNNEL_TEST_RANGE)
        return (struct df_funnel_outlook){.can_be_true = high >= code->low && low <= code->high,
                                          .can_be_false = low < code->low || high > code->high};
    bool some = integer_between(code, low, high);
    return (struct df_funnel_outlook){.can_be_true = some, .can_be_false = !some || low != high};
}

static bool float_passes(enum df_funnel_op op, double value, double number)
{
    switch (op) {
    case DF_FUNNEL_GT:
        return value > number;
    case DF_FUNNEL_GE:
        return value >= number;
    case DF_FUNNEL_LT:
        return value < number;
    case DF_FUNNEL_LE:
        return value <= number;
    default:
        return value == number;
    }
}

static struct df_funnel_outlook floats(const struct df_funnel_code *code, const struct df_parquet_bounds *bounds)
{
    double low = bounds->minimum.as.float64, high = bounds->maximum.as.float64;
    if (bounds->minimum.kind != DF_VECTOR_FLOAT64 || bounds->maximum.kind != DF_VECTOR_FLOAT64 || !(low <= high))
        return either();
    bool at_low = false, at_high = false, between = false;
    if (code->test == DF_FUNNEL_TEST_LOOKUP) {
        between = float_between(&code->lookup, low, high);
        return (struct df_funnel_outlook){.can_be_true = between, .can_be_false = !between || low != high};
    }
    /* Comparisons are monotonous: what both ends answer, all answer; == may hold between them only. */
    at_low = float_passes(code->op, low, code->number);
    at_high = float_passes(code->op, high, code->number);
    between = code->op == DF_FUNNEL_EQ && low <= code->number && code->number <= high;
    return (struct df_funnel_outlook){.can_be_true = at_low || at_high || between, .can_be_false = !at_low || !at_high};
}

static struct df_funnel_outlook bools(const struct df_funnel_code *code, const struct df_parquet_bounds *bounds)
{
    if (bounds->minimum.kind != DF_VECTOR_BOOL || bounds->maximum.kind != DF_VECTOR_BOOL)
        return either();
    bool at_low = code->by_bool[bounds->minimum.as.boolean], at_high = code->by_bool[bounds->maximum.as.boolean];
    return (struct df_funnel_outlook){.can_be_true = at_low || at_high, .can_be_false = !at_low || !at_high};
}

/* ---- bytes: bounds may be cut, so that they are no values themselves ---- */

static bool prefix_between(struct df_slice low, struct df_slice high, struct df_slice prefix)
{
    struct df_slice low_start = low.size > prefix.size ? df_slice_make(low.data, prefix.size) : low;
    return df_slice_compare(high, prefix) >= 0 && df_slice_compare(low_start, prefix) <= 0;
}

static bool bytes_between(const struct df_funnel_lookup *lookup, struct df_slice low, struct df_slice high)
{
    uint32_t begin = 0, end = lookup->count; /* the first constant that is not below `low` */
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        if (df_slice_compare(lookup->values.bytes[middle], low) < 0)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin < lookup->count && df_slice_compare(lookup->values.bytes[begin], high) <= 0;
}

static struct df_funnel_outlook text(const struct df_funnel_code *code, struct df_slice low, struct df_slice high)
{
    bool at_low = df_funnel_text_passes(code->op, low, code->text);
    bool at_high = df_funnel_text_passes(code->op, high, code->text);
    struct df_funnel_outlook result = {.can_be_true = at_low || at_high, .can_be_false = !at_low || !at_high};
    if (code->op == DF_FUNNEL_EQ)
        result.can_be_true = df_slice_compare(low, code->text) <= 0 && df_slice_compare(code->text, high) <= 0;
    else if (code->op == DF_FUNNEL_STARTS_WITH)
        result.can_be_true = prefix_between(low, high, code->text);
    else if ((code->op == DF_FUNNEL_CONTAINS || code->op == DF_FUNNEL_ENDS_WITH) && !df_slice_equal(low, high))
        result = either();
    return result;
}

static struct df_funnel_outlook bytes(const struct df_funnel_code *code, const struct df_parquet_bounds *bounds)
{
    struct df_slice low = bounds->minimum.as.bytes, high = bounds->maximum.as.bytes;
    if (bounds->minimum.kind != DF_VECTOR_BYTES || bounds->maximum.kind != DF_VECTOR_BYTES ||
        df_slice_compare(low, high) > 0)
        return either();
    if (code->test == DF_FUNNEL_TEST_TEXT)
        return text(code, low, high);
    if (code->test != DF_FUNNEL_TEST_LOOKUP)
        return either();
    bool some = bytes_between(&code->lookup, low, high);
    return (struct df_funnel_outlook){.can_be_true = some, .can_be_false = !some || !df_slice_equal(low, high)};
}

/* ---- a leaf, a tree ---- */

/* Of rows with a value; positive. */
static struct df_funnel_outlook of_values(const struct df_funnel_code *code, const struct df_parquet_bounds *bounds)
{
    if (code->shape != DF_FUNNEL_PLAIN)
        return either();
    if (code->test == DF_FUNNEL_TEST_CONSTANT)
        return only(code->constant);
    if (!bounds->known)
        return either();
    switch (code->test) {
    case DF_FUNNEL_TEST_FLOAT:
        return floats(code, bounds);
    case DF_FUNNEL_TEST_BOOL:
        return bools(code, bounds);
    default:
        break;
    }
    if (code->type.kind == DF_TYPE_FLOAT)
        return floats(code, bounds);
    return df_funnel_type_is_bytes(&code->type) ? bytes(code, bounds) : integers(code, bounds);
}

static struct df_funnel_outlook turned(struct df_funnel_outlook of)
{
    return (struct df_funnel_outlook){.can_be_true = of.can_be_false, .can_be_false = of.can_be_true};
}

struct df_funnel_outlook df_funnel_code_outlook(const struct df_funnel_code *code, const struct df_funnel_known *known)
{
    static const struct df_parquet_bounds nothing;
    struct df_funnel_outlook result = {0};
    const struct df_parquet_bounds *bounds = known->bounds && code->shape != DF_FUNNEL_LIST ? known->bounds : &nothing;
    if (code->decided)
        return only(code->decided_answer);
    if (known->hopeful)
        return result;
    /* NaN is null here, and nobody counts it. */
    bool may_be_null = code->type.kind == DF_TYPE_FLOAT || !bounds->nulls_known || bounds->null_count > 0;
    if (!bounds->nulls_known || bounds->null_count < known->rows) {
        struct df_funnel_outlook values = known->absent        ? only(false)
                                          : bounds == &nothing ? either()
                                                               : of_values(code, bounds);
        result = code->negate ? turned(values) : values;
    }
    if (may_be_null) {
        result.can_be_true |= code->null_answer != 0;
        result.can_be_false |= code->null_answer == 0;
    }
    return result;
}

struct rows_of {
    const struct df_funnel_filter_set *set;
    df_funnel_known_fn *known;
    void *ctx;
};

/* No deeper than the parser lets trees be. A hopeful leaf can be neither, and what must be that is ruled out. */
static struct df_funnel_outlook of_tree(const struct rows_of *of, const struct df_funnel_tree *tree)
{
    bool is_and = tree->kind == DF_FUNNEL_TREE_AND;
    struct df_funnel_outlook result = only(is_and);
    struct df_funnel_known known;
    switch (tree->kind) {
    case DF_FUNNEL_TREE_FALSE:
    case DF_FUNNEL_TREE_TRUE:
        return only(tree->kind == DF_FUNNEL_TREE_TRUE);
    case DF_FUNNEL_TREE_LEAF:
        known = of->known(of->ctx, tree->leaf);
        return df_funnel_code_outlook(&of->set->codes[tree->leaf], &known);
    case DF_FUNNEL_TREE_NOT:
        return turned(of_tree(of, tree->children));
    default:
        break;
    }
    for (uint32_t i = 0; i < tree->child_count; i++) {
        struct df_funnel_outlook child = of_tree(of, &tree->children[i]);
        result.can_be_true = is_and ? result.can_be_true && child.can_be_true : result.can_be_true || child.can_be_true;
        result.can_be_false =
            is_and ? result.can_be_false || child.can_be_false : result.can_be_false && child.can_be_false;
    }
    return result;
}

bool df_funnel_filter_set_may_pass(const struct df_funnel_filter_set *set, uint32_t root, df_funnel_known_fn *known,
                                   void *ctx)
{
    const struct rows_of of = {.set = set, .known = known, .ctx = ctx};
    return of_tree(&of, &set->roots[root]).can_be_true;
}

struct row_group {
    uint64_t rows;
    df_funnel_bounds_fn *bounds;
    void *ctx;
};

static struct df_funnel_known of_row_group(void *ctx, uint32_t leaf)
{
    const struct row_group *group = ctx;
    return (struct df_funnel_known){.bounds = group->bounds(group->ctx, leaf), .rows = group->rows};
}

bool df_funnel_filter_set_may_match(const struct df_funnel_filter_set *set, uint32_t root, uint64_t rows,
                                    df_funnel_bounds_fn *bounds, void *ctx)
{
    struct row_group group = {.rows = rows, .bounds = bounds, .ctx = ctx};
    return rows > 0 && df_funnel_filter_set_may_pass(set, root, of_row_group, &group);
}
