/* Counters of a query, and the checks of a planned part. */
#include "testing/testing.h"

#include "engine/engine.h"

/* ---- counters ---- */

static void test_counter_never_counted_is_zero(void **state)
{
    (void)state;
    struct df_query query = {0};
    assert_int_equal(df_query_counter(&query, "files"), 0);
    df_query_count(&query, "files", 3);
    assert_int_equal(df_query_counter(&query, "groups"), 0);
}

static void test_counters_add_up_by_name_not_by_address(void **state)
{
    (void)state;
    struct df_query query = {0};
    const char name[] = "files", same[] = "files";
    df_query_count(&query, name, 3);
    df_query_count(&query, "groups", 100);
    df_query_count(&query, same, 4);
    assert_int_equal(df_query_counter(&query, "files"), 7);
    assert_int_equal(df_query_counter(&query, "groups"), 100);
    assert_null(query.counters[2].name);
}

static void test_counters_fill_the_whole_table(void **state)
{
    (void)state;
    static const char *const names[DF_QUERY_COUNTERS] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                                         "i", "j", "k", "l", "m", "n", "o", "p"};
    struct df_query query = {0};
    for (uint64_t round = 0; round < 2; round++)
        for (uint64_t i = 0; i < DF_QUERY_COUNTERS; i++)
            df_query_count(&query, names[i], i + round);
    for (uint64_t i = 0; i < DF_QUERY_COUNTERS; i++)
        assert_int_equal(df_query_counter(&query, names[i]), 2 * i + 1);
    assert_int_equal(df_query_counter(&query, "q"), 0);
}

/* ---- planning ---- */

struct added {
    uint32_t count;
    struct df_part last;
    bool refuse;
};

static int add(struct df_plan *plan, const struct df_part *part, struct df_error *error)
{
    struct added *added = plan->ctx;
    if (added->refuse)
        return df_error_set(error, DF_ERROR_EXHAUSTED, "over the ceiling");
    added->count++;
    added->last = *part;
    return 0;
}

static void test_plan_add_hands_the_part_on_and_counts_room_down(void **state)
{
    (void)state;
    struct added added = {0};
    struct df_plan plan = {.room = 2, .add = add, .ctx = &added};
    struct df_error error;
    struct df_part part = {.uri = "a.parquet", .range_begin = 3, .range_end = 3, .weight_bytes = 77};
    assert_ok(df_plan_add(&plan, &part, &error), &error);
    assert_int_equal(plan.room, 1);
    assert_int_equal(added.count, 1);
    assert_int_equal(added.last.weight_bytes, 77);
    assert_ok(df_plan_add(&plan, &part, &error), &error);
    assert_int_equal(plan.room, 0);
}

static void test_plan_add_without_room_is_the_engines_fault(void **state)
{
    (void)state;
    struct added added = {0};
    struct df_plan plan = {.room = 0, .add = add, .ctx = &added};
    struct df_error error;
    assert_fails(df_plan_add(&plan, &(struct df_part){.uri = "a.parquet"}, &error), &error, DF_ERROR_INTERNAL,
                 "a.parquet");
    assert_int_equal(added.count, 0);
}

static void test_plan_add_takes_detail_up_to_its_limit(void **state)
{
    (void)state;
    static const uint8_t detail[DF_PART_DETAIL_BYTES_MAX + 1];
    struct added added = {0};
    struct df_plan plan = {.room = 5, .add = add, .ctx = &added};
    struct df_error error;
    struct df_part part = {.detail = {detail, DF_PART_DETAIL_BYTES_MAX}};
    assert_ok(df_plan_add(&plan, &part, &error), &error);
    part.detail.size++;
    assert_fails(df_plan_add(&plan, &part, &error), &error, DF_ERROR_INVALID, "65537 bytes of detail, at most 65536");
    assert_int_equal(added.count, 1);
    assert_int_equal(plan.room, 4);
}

static void test_plan_add_refuses_a_range_that_ends_before_it_begins(void **state)
{
    (void)state;
    struct added added = {0};
    struct df_plan plan = {.room = 5, .add = add, .ctx = &added};
    struct df_error error;
    struct df_part part = {.uri = "a.parquet", .range_begin = 4, .range_end = 3};
    assert_fails(df_plan_add(&plan, &part, &error), &error, DF_ERROR_INTERNAL, "from 4 to 3");
    assert_int_equal(added.count, 0);
}

static void test_plan_add_passes_the_jobs_refusal_on(void **state)
{
    (void)state;
    struct added added = {.refuse = true};
    struct df_plan plan = {.room = 5, .add = add, .ctx = &added};
    struct df_error error;
    assert_fails(df_plan_add(&plan, &(struct df_part){0}, &error), &error, DF_ERROR_EXHAUSTED, "over the ceiling");
    assert_int_equal(plan.room, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counter_never_counted_is_zero),
        cmocka_unit_test(test_counters_add_up_by_name_not_by_address),
        cmocka_unit_test(test_counters_fill_the_whole_table),
        cmocka_unit_test(test_plan_add_hands_the_part_on_and_counts_room_down),
        cmocka_unit_test(test_plan_add_without_room_is_the_engines_fault),
        cmocka_unit_test(test_plan_add_takes_detail_up_to_its_limit),
        cmocka_unit_test(test_plan_add_refuses_a_range_that_ends_before_it_begins),
        cmocka_unit_test(test_plan_add_passes_the_jobs_refusal_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
