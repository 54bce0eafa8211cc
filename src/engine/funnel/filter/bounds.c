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

/* Is one of the constants between the two? */
static bool integer_between(const struct df_funnel_code *code, __int128 low, __int128 high)
{
    const struct df_funnel_lookup *lookup = &code->lookup;
    for (uint32_t i = 0; i < lookup->count; i++) {
        int64_t narrow = lookup->kind == DF_VECTOR_INT64 ? lookup->values.int64s[i] : 0;
        __int128 constant = lookup->kind == DF_VECTOR_INT128    ? lookup->values.int128s[i]
                            : code->type.kind == DF_TYPE_UINT64 ? (__int128)(uint64_t)narrow
                                                                : narrow;
        if (constant >= low && constant <= high)
            return true;
    }
    return false;
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
        for (uint32_t i = 0; i < code->lookup.count; i++)
            between |= code->lookup.values.float64s[i] >= low && code->lookup.values.float64s[i] <= high;
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

struct df_funnel_outlook df_funnel_code_outlook(const struct df_funnel_code *code, uint64_t rows,
                                                const struct df_parquet_bounds *bounds)
{
    struct df_funnel_outlook result = {0};
    if (code->decided)
        return only(code->decided_answer);
    if (!bounds || code->shape == DF_FUNNEL_LIST)
        return either();
    /* NaN is null here, and nobody counts it. */
    bool may_be_null = code->type.kind == DF_TYPE_FLOAT || !bounds->nulls_known || bounds->null_count > 0;
    if (!bounds->nulls_known || bounds->null_count < rows) {
        struct df_funnel_outlook values = of_values(code, bounds);
        result = code->negate ? (struct df_funnel_outlook){.can_be_true = values.can_be_false,
                                                           .can_be_false = values.can_be_true}
                              : values;
    }
    if (may_be_null) {
        result.can_be_true |= code->null_answer != 0;
        result.can_be_false |= code->null_answer == 0;
    }
    return result;
}

struct row_group {
    const struct df_funnel_filter_set *set;
    uint64_t rows;
    df_funnel_bounds_fn *bounds;
    void *ctx;
};

/* No deeper than the parser lets trees be. */
static struct df_funnel_outlook of_tree(const struct row_group *group, const struct df_funnel_tree *tree)
{
    bool is_and = tree->kind == DF_FUNNEL_TREE_AND;
    struct df_funnel_outlook result = only(is_and);
    switch (tree->kind) {
    case DF_FUNNEL_TREE_FALSE:
    case DF_FUNNEL_TREE_TRUE:
        return only(tree->kind == DF_FUNNEL_TREE_TRUE);
    case DF_FUNNEL_TREE_LEAF:
        return df_funnel_code_outlook(&group->set->codes[tree->leaf], group->rows,
                                      group->bounds(group->ctx, tree->leaf));
    case DF_FUNNEL_TREE_NOT:
        result = of_tree(group, tree->children);
        return (struct df_funnel_outlook){.can_be_true = result.can_be_false, .can_be_false = result.can_be_true};
    default:
        break;
    }
    for (uint32_t i = 0; i < tree->child_count; i++) {
        struct df_funnel_outlook child = of_tree(group, &tree->children[i]);
        result.can_be_true = is_and ? result.can_be_true && child.can_be_true : result.can_be_true || child.can_be_true;
        result.can_be_false =
            is_and ? result.can_be_false || child.can_be_false : result.can_be_false && child.can_be_false;
    }
    return result;
}

bool df_funnel_filter_set_may_match(const struct df_funnel_filter_set *set, uint32_t root, uint64_t rows,
                                    df_funnel_bounds_fn *bounds, void *ctx)
{
    const struct row_group group = {.set = set, .rows = rows, .bounds = bounds, .ctx = ctx};
    return rows > 0 && of_tree(&group, &set->roots[root]).can_be_true;
}
