/* What statistics say of filters: never "no row matches" where one does, and "no row" where the statistics prove it. */
#include "unit/engine/funnel_filter_cases.h"

/* ---- random columns with the statistics that a writer could give ---- */

struct group {
    struct df_parquet_bounds bounds[CASE_LEAVES];
    bool given[CASE_LEAVES];
    char cut[CASE_LEAVES][CASE_TEXT];
};

static const struct df_parquet_bounds *bounds_of(void *ctx, uint32_t leaf)
{
    struct group *group = ctx;
    return group->given[leaf] ? &group->bounds[leaf] : NULL;
}

static void set_value(const struct case_column *column, uint32_t at, struct df_parquet_value *out)
{
    enum df_type_kind kind = column->type.kind;
    *out = (struct df_parquet_value){.kind = DF_VECTOR_INT64};
    if (kind == DF_TYPE_BOOL) {
        out->kind = DF_VECTOR_BOOL;
        out->as.boolean = column->bools[at];
    } else if (kind == DF_TYPE_FLOAT) {
        out->kind = DF_VECTOR_FLOAT64;
        out->as.float64 = column->float64s[at];
    } else if (case_is_bytes(kind)) {
        out->kind = DF_VECTOR_BYTES;
        out->as.bytes = column->bytes[at];
    } else if (case_is_wide(&column->type)) {
        out->kind = DF_VECTOR_INT128;
        out->as.int128 = column->int128s[at];
    } else {
        out->as.int64 = column->int64s[at];
    }
}

/* A lower bound may lose its end; an upper one may too, if what is left grows. */
static void cut_bytes(uint64_t *random, struct df_parquet_bounds *bounds, char place[CASE_TEXT])
{
    struct df_slice *low = &bounds->minimum.as.bytes, *high = &bounds->maximum.as.bytes;
    if (low->size > 1 && case_below(random, 2))
        low->size = 1;
    if (high->size > 1 && (uint8_t)high->data[0] < 0x7F && case_below(random, 2)) {
        place[0] = (char)(high->data[0] + 1);
        *high = df_slice_make(place, 1);
    }
}

static void make_bounds(uint64_t *random, const struct case_column *column, struct df_parquet_bounds *out,
                        char place[CASE_TEXT])
{
    uint32_t low = UINT32_MAX, high = UINT32_MAX;
    *out = (struct df_parquet_bounds){.nulls_known = case_below(random, 4) > 0};
    for (uint32_t i = 0; i < column->value_count; i++) {
        out->null_count += !column->valid[i];
        if (column->values[i].null)
            continue;
        if (low == UINT32_MAX || case_compare(&column->type, &column->values[i], &column->values[low]) < 0)
            low = i;
        if (high == UINT32_MAX || case_compare(&column->type, &column->values[i], &column->values[high]) > 0)
            high = i;
    }
    if (column->type.list || low == UINT32_MAX || case_below(random, 6) == 0)
        return;
    out->known = true;
    set_value(column, low, &out->minimum);
    set_value(column, high, &out->maximum);
    if (column->type.kind == DF_TYPE_STRING)
        cut_bytes(random, out, place);
}

static void test_a_row_group_in_which_a_row_matches_is_never_skipped(void **state)
{
    (void)state;
    static struct case_column columns[CASE_LEAVES];
    static struct case_leaf leaves[CASE_LEAVES];
    uint64_t seed = test_seed(), random = seed;
    uint32_t skipped = 0, without_match = 0;
    for (int round = 0; round < 20000; round++) {
        struct df_error error = {0};
        struct df_funnel_leaf specs[CASE_LEAVES];
        struct df_funnel_filter_column filter_columns[CASE_LEAVES] = {0};
        struct case_trees trees = {0};
        struct df_funnel_node roots[3];
        const struct df_funnel_node *const pointers[] = {&roots[0], &roots[1], &roots[2]};
        struct group group;
        uint32_t rows = 1 + case_below(&random, 4);
        for (uint32_t i = 0; i < CASE_LEAVES; i++) {
            struct df_type type = case_type(&random);
            case_column_make(&random, &type, rows, &columns[i]);
            case_leaf_make(&random, &columns[i], &leaves[i]);
            make_bounds(&random, &columns[i], &group.bounds[i], group.cut[i]);
            group.given[i] = case_below(&random, 8) > 0;
            specs[i] = leaves[i].leaf;
            filter_columns[i] = (struct df_funnel_filter_column){.type = type, .vector = i};
        }
        for (uint32_t i = 0; i < 3; i++)
            case_tree_make(&random, &trees, &roots[i], CASE_LEAVES, i);
        struct df_funnel_filters filters = {
            .leaves = specs, .leaf_count = CASE_LEAVES, .roots = pointers, .root_count = 3};
        struct df_funnel_filter_set *set;
        assert_ok(df_funnel_filter_set_compile(&set, &filters, filter_columns, NULL, &error), &error);
        for (uint32_t root = 0; root < 3; root++) {
            bool some = false, may = df_funnel_filter_set_may_match(set, root, rows, bounds_of, &group);
            for (uint32_t row = 0; row < rows; row++)
                some |= case_tree_answer(&roots[root], leaves, row);
            if (some && !may)
                fail_msg("seed %llu, round %d, root %u is skipped; its first leaf: '%s'", (unsigned long long)seed,
                         round, root, df_funnel_op_text(specs[roots[root].leaf].op));
            without_match += !some;
            skipped += !may;
        }
        df_funnel_filter_set_free(set);
    }
    /* Statistics that never prove anything would pass the above. */
    if (skipped * 4 < without_match)
        fail_msg("only %u of %u groups without a match are skipped", skipped, without_match);
}

/* ---- what must be proved ---- */

static const struct df_parquet_bounds *the_bounds(void *ctx, uint32_t leaf)
{
    (void)leaf;
    return ctx;
}

static bool may_match(enum df_type_kind kind, const char *op, enum df_funnel_value_type type, const char *first,
                      const char *second, const struct df_parquet_bounds *bounds)
{
    struct df_error error = {0};
    enum df_funnel_op parsed;
    assert_true(df_funnel_op_parse(df_slice_text(op), &parsed));
    const struct df_funnel_constant values[] = {{.type = type, .text = df_slice_text(first)},
                                                {.type = type, .text = df_slice_text(second)}};
    const struct df_funnel_leaf leaf = {.column = "c",
                                        .op = parsed,
                                        .values = values,
                                        .value_count = !first   ? 0
                                                       : second ? 2
                                                                : 1,
                                        .place = "filter"};
    const struct df_funnel_node node = {.kind = DF_FUNNEL_LEAF}, *root = &node;
    const struct df_funnel_filters filters = {.leaves = &leaf, .leaf_count = 1, .roots = &root, .root_count = 1};
    const struct df_funnel_filter_column column = {.type = {.kind = kind, .bits = 64}};
    struct df_funnel_filter_set *set;
    assert_ok(df_funnel_filter_set_compile(&set, &filters, &column, NULL, &error), &error);
    bool may = df_funnel_filter_set_may_match(set, 0, 10, the_bounds, (void *)(uintptr_t)bounds);
    df_funnel_filter_set_free(set);
    return may;
}

static struct df_parquet_bounds integers(int64_t low, int64_t high)
{
    struct df_parquet_bounds bounds = {.known = true, .nulls_known = true};
    bounds.minimum = (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = low};
    bounds.maximum = (struct df_parquet_value){.kind = DF_VECTOR_INT64, .as.int64 = high};
    return bounds;
}

static struct df_parquet_bounds strings(const char *low, const char *high)
{
    struct df_parquet_bounds bounds = {.known = true, .nulls_known = true};
    bounds.minimum = (struct df_parquet_value){.kind = DF_VECTOR_BYTES, .as.bytes = df_slice_text(low)};
    bounds.maximum = (struct df_parquet_value){.kind = DF_VECTOR_BYTES, .as.bytes = df_slice_text(high)};
    return bounds;
}

static void test_integers_outside_of_the_bounds_are_proved_away(void **state)
{
    (void)state;
    struct df_parquet_bounds bounds = integers(10, 20), one = integers(5, 5), wide = integers(1, -1);
    assert_false(may_match(DF_TYPE_INT64, "==", DF_FUNNEL_NUMBER, "9", NULL, &bounds));
    assert_true(may_match(DF_TYPE_INT64, "==", DF_FUNNEL_NUMBER, "10", NULL, &bounds));
    assert_false(may_match(DF_TYPE_INT64, ">", DF_FUNNEL_NUMBER, "20", NULL, &bounds));
    assert_true(may_match(DF_TYPE_INT64, ">", DF_FUNNEL_NUMBER, "19.5", NULL, &bounds));
    assert_false(may_match(DF_TYPE_INT64, "in", DF_FUNNEL_NUMBER, "9", "21", &bounds));
    assert_true(may_match(DF_TYPE_INT64, "in", DF_FUNNEL_NUMBER, "9", "20", &bounds));
    assert_false(may_match(DF_TYPE_INT64, "is null", DF_FUNNEL_NUMBER, NULL, NULL, &bounds));
    assert_false(may_match(DF_TYPE_INT64, "!=", DF_FUNNEL_NUMBER, "5", NULL, &one));
    assert_false(may_match(DF_TYPE_INT64, "not in", DF_FUNNEL_NUMBER, "5", "6", &one));
    one.null_count = 1;
    assert_true(may_match(DF_TYPE_INT64, "!=", DF_FUNNEL_NUMBER, "5", NULL, &one));
    one.null_count = 10;
    assert_false(may_match(DF_TYPE_INT64, "==", DF_FUNNEL_NUMBER, "5", NULL, &one));
    /* 1 to 2^64 - 1, and not an empty range. */
    assert_true(may_match(DF_TYPE_UINT64, "==", DF_FUNNEL_NUMBER, "18446744073709551615", NULL, &wide));
    assert_false(may_match(DF_TYPE_UINT64, "==", DF_FUNNEL_NUMBER, "0", NULL, &wide));
    assert_true(
        may_match(DF_TYPE_INT64, "==", DF_FUNNEL_NUMBER, "7", NULL, &wide)); /* a writer's mistake proves nothing */
    struct df_parquet_bounds dates = integers(16558, 16560);
    assert_false(may_match(DF_TYPE_DATE, "<", DF_FUNNEL_STRING, "2015-05-03", NULL, &dates));
    assert_true(may_match(DF_TYPE_DATE, "<", DF_FUNNEL_STRING, "2015-05-03T00:00:01Z", NULL, &dates));
}

static void test_strings_outside_of_the_bounds_are_proved_away(void **state)
{
    (void)state;
    struct df_parquet_bounds bounds = strings("berlin", "munich"), same = strings("view", "view");
    assert_false(may_match(DF_TYPE_STRING, "==", DF_FUNNEL_STRING, "aachen", NULL, &bounds));
    assert_true(may_match(DF_TYPE_STRING, "==", DF_FUNNEL_STRING, "bonn", NULL, &bounds));
    assert_false(may_match(DF_TYPE_STRING, "starts with", DF_FUNNEL_STRING, "n", NULL, &bounds));
    assert_true(may_match(DF_TYPE_STRING, "starts with", DF_FUNNEL_STRING, "be", NULL, &bounds));
    assert_true(may_match(DF_TYPE_STRING, "starts with", DF_FUNNEL_STRING, "berlin-mitte", NULL, &bounds));
    assert_false(may_match(DF_TYPE_STRING, "starts with", DF_FUNNEL_STRING, "a", NULL, &bounds));
    assert_true(may_match(DF_TYPE_STRING, "contains", DF_FUNNEL_STRING, "zzz", NULL, &bounds));
    assert_false(may_match(DF_TYPE_STRING, "in", DF_FUNNEL_STRING, "zwickau", "aachen", &bounds));
    assert_true(may_match(DF_TYPE_STRING, "regex", DF_FUNNEL_STRING, "^z", NULL, &bounds));
    assert_false(may_match(DF_TYPE_STRING, "!=", DF_FUNNEL_STRING, "view", NULL, &same));
    assert_false(may_match(DF_TYPE_STRING, "contains", DF_FUNNEL_STRING, "x", NULL, &same));
    assert_false(may_match(DF_TYPE_STRING, "not contains", DF_FUNNEL_STRING, "ie", NULL, &same));
    assert_false(may_match(DF_TYPE_STRING, ">", DF_FUNNEL_STRING, "view", NULL, &same));
    same = strings("view", "viewer");
    assert_true(may_match(DF_TYPE_STRING, "!=", DF_FUNNEL_STRING, "view", NULL, &same));
}

static void test_floats_may_hide_nan_behind_any_bounds(void **state)
{
    (void)state;
    struct df_parquet_bounds bounds = {.known = true, .nulls_known = true};
    bounds.minimum = (struct df_parquet_value){.kind = DF_VECTOR_FLOAT64, .as.float64 = -1};
    bounds.maximum = (struct df_parquet_value){.kind = DF_VECTOR_FLOAT64, .as.float64 = 0};
    assert_false(may_match(DF_TYPE_FLOAT, ">", DF_FUNNEL_NUMBER, "0", NULL, &bounds));
    assert_true(may_match(DF_TYPE_FLOAT, "==", DF_FUNNEL_NUMBER, "-0.5", NULL, &bounds));
    assert_true(may_match(DF_TYPE_FLOAT, "is null", DF_FUNNEL_NUMBER, NULL, NULL, &bounds));
    bounds.minimum.as.float64 = 0;
    assert_true(may_match(DF_TYPE_FLOAT, "!=", DF_FUNNEL_NUMBER, "0", NULL, &bounds));
    bounds.maximum.as.float64 = (double)NAN;
    assert_true(may_match(DF_TYPE_FLOAT, ">", DF_FUNNEL_NUMBER, "5", NULL, &bounds));
}

static void test_a_row_group_without_rows_or_statistics(void **state)
{
    (void)state;
    struct df_error error = {0};
    const struct df_funnel_leaf leaf = {.column = "c", .op = DF_FUNNEL_IS_NOT_NULL, .place = "filter"};
    const struct df_funnel_node node = {.kind = DF_FUNNEL_LEAF}, *root = &node;
    const struct df_funnel_filters filters = {.leaves = &leaf, .leaf_count = 1, .roots = &root, .root_count = 1};
    const struct df_funnel_filter_column column = {.type = {.kind = DF_TYPE_INT64}};
    struct df_funnel_filter_set *set;
    assert_ok(df_funnel_filter_set_compile(&set, &filters, &column, NULL, &error), &error);
    assert_true(df_funnel_filter_set_may_match(set, 0, 1, the_bounds, NULL));
    assert_false(df_funnel_filter_set_may_match(set, 0, 0, the_bounds, NULL));
    struct df_parquet_bounds nulls = {.nulls_known = true, .null_count = 7};
    assert_false(df_funnel_filter_set_may_match(set, 0, 7, the_bounds, &nulls));
    assert_true(df_funnel_filter_set_may_match(set, 0, 8, the_bounds, &nulls));
    df_funnel_filter_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_group_in_which_a_row_matches_is_never_skipped),
        cmocka_unit_test(test_integers_outside_of_the_bounds_are_proved_away),
        cmocka_unit_test(test_strings_outside_of_the_bounds_are_proved_away),
        cmocka_unit_test(test_floats_may_hide_nan_behind_any_bounds),
        cmocka_unit_test(test_a_row_group_without_rows_or_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
