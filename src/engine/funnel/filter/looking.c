/* Which knowledge about a column would help a leaf: bounds, a filter of its values (bloom), a dictionary. */
#include "engine/funnel/filter/set.h"

enum { VALUES_MAX = 4096 }; /* one of so many constants is in a bloom filter by chance alone */

static void mark_leaves(const struct df_funnel_tree *tree, bool *leaves)
{
    if (tree->kind == DF_FUNNEL_TREE_LEAF)
        leaves[tree->leaf] = true;
    for (uint32_t i = 0; i < tree->child_count; i++)
        mark_leaves(&tree->children[i], leaves);
}

void df_funnel_filter_set_leaves(const struct df_funnel_filter_set *set, uint32_t root, bool *leaves)
{
    mark_leaves(&set->roots[root], leaves);
}

bool df_funnel_filter_set_wants_bounds(const struct df_funnel_filter_set *set, uint32_t leaf)
{
    const struct df_funnel_code *code = &set->codes[leaf];
    /* `is null`, and pages of nothing but nulls, are known by their counts of nulls. */
    return !code->decided && code->shape == DF_FUNNEL_PLAIN && code->vector != DF_FUNNEL_FILTER_FIXED &&
           (code->test != DF_FUNNEL_TEST_REGEX || code->null_answer == 0);
}

/* ---- values ---- */

/* The constants of a positive test, one of which a value must equal to pass it; 0: it is no such test. */
static uint32_t count_values(const struct df_funnel_code *code)
{
    switch (code->test) {
    case DF_FUNNEL_TEST_LOOKUP:
        return code->lookup.count;
    case DF_FUNNEL_TEST_RANGE:
        return code->low == code->high;
    case DF_FUNNEL_TEST_FLOAT:
    case DF_FUNNEL_TEST_TEXT:
        return code->op == DF_FUNNEL_EQ;
    default:
        return 0;
    }
}

static struct df_parquet_value take_value(const struct df_funnel_code *code, uint32_t at)
{
    const struct df_funnel_lookup *lookup = &code->lookup;
    struct df_parquet_value value = {.kind = lookup->kind};
    if (code->test == DF_FUNNEL_TEST_RANGE) {
        value.kind = df_funnel_type_is_wide(&code->type) ? DF_VECTOR_INT128 : DF_VECTOR_INT64;
        if (value.kind == DF_VECTOR_INT128)
            value.as.int128 = code->low;
        else
            value.as.int64 = (int64_t)(uint64_t)code->low;
    } else if (code->test == DF_FUNNEL_TEST_FLOAT) {
        value = (struct df_parquet_value){.kind = DF_VECTOR_FLOAT64, .as.float64 = code->number};
    } else if (code->test == DF_FUNNEL_TEST_TEXT) {
        value = (struct df_parquet_value){.kind = DF_VECTOR_BYTES, .as.bytes = code->text};
    } else if (lookup->kind == DF_VECTOR_INT128) {
        value.as.int128 = lookup->values.int128s[at];
    } else if (lookup->kind == DF_VECTOR_FLOAT64) {
        value.as.float64 = lookup->values.float64s[at];
    } else if (lookup->kind == DF_VECTOR_BYTES) {
        value.as.bytes = lookup->values.bytes[at];
    } else {
        value.as.int64 = lookup->values.int64s[at];
    }
    return value;
}

bool df_funnel_filter_set_wants_values(const struct df_funnel_filter_set *set, uint32_t leaf)
{
    const struct df_funnel_code *code = &set->codes[leaf];
    uint32_t count = count_values(code);
    return !code->decided && code->shape != DF_FUNNEL_SPLIT && code->vector != DF_FUNNEL_FILTER_FIXED &&
           code->quantifier != DF_FUNNEL_NOTHING && code->type.kind != DF_TYPE_BOOL && count > 0 && count <= VALUES_MAX;
}

bool df_funnel_filter_set_absent(const struct df_funnel_filter_set *set, uint32_t leaf, df_funnel_may_have_fn *may_have,
                                 void *ctx)
{
    const struct df_funnel_code *code = &set->codes[leaf];
    bool all = code->quantifier == DF_FUNNEL_ALL_OF;
    uint32_t count = count_values(code), found = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct df_parquet_value value = take_value(code, i);
        found += may_have(ctx, &value);
    }
    return all ? found < count : found == 0;
}

/* ---- dictionaries ---- */

bool df_funnel_filter_set_wants_dictionary(const struct df_funnel_filter_set *set, uint32_t leaf)
{
    const struct df_funnel_code *code = &set->codes[leaf];
    return !code->decided && code->vector != DF_FUNNEL_FILTER_FIXED && code->test != DF_FUNNEL_TEST_CONSTANT &&
           code->type.kind != DF_TYPE_NULL && (code->shape != DF_FUNNEL_LIST || code->quantifier == DF_FUNNEL_ANY_OF);
}

static const void *entries_of(const struct df_dictionary *dictionary)
{
    return dictionary->kind == DF_VECTOR_INT64     ? (const void *)dictionary->values.int64s
           : dictionary->kind == DF_VECTOR_FLOAT64 ? (const void *)dictionary->values.float64s
                                                   : (const void *)dictionary->values.bytes;
}

int df_funnel_filter_set_test_dictionary(struct df_funnel_filter_set *set, uint32_t leaf,
                                         const struct df_dictionary *dictionary, struct df_error *error)
{
    struct df_funnel_code *code = &set->codes[leaf];
    struct df_funnel_room answers = {0};
    uint8_t some = 0;
    if (df_funnel_room_reserve(&answers, dictionary->count, set->budget, "a filter's answers to a dictionary", error) <
        0)
        return -1;
    int result =
        df_funnel_test_values(code, dictionary->kind, entries_of(dictionary), dictionary->count, answers.memory, error);
    for (uint32_t i = 0; result == 0 && i < dictionary->count; i++)
        some |= ((const uint8_t *)answers.memory)[i];
    df_funnel_room_dispose(&answers, set->budget);
    return result < 0 ? -1 : some != 0;
}
