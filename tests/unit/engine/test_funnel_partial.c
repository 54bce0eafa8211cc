/* What crosses the wire: comes back as it went, and is refused when a byte is missing. */
#include "engine/funnel/partial.h"

#include "testing/testing.h"

static struct df_funnel_footer make_footer(struct df_funnel_unit *units, uint32_t count)
{
    struct df_funnel_footer footer = {.whole = true,
                                      .bounds_known = true,
                                      .minimum = -5,
                                      .maximum = INT64_MAX,
                                      .kind = DF_FUNNEL_KEY_INT64,
                                      .time = DF_FUNNEL_TIME_MS,
                                      .unit_count = count,
                                      .units = units};
    for (uint32_t i = 0; i < count; i++) {
        units[i] = (struct df_funnel_unit){.row_groups = 1 + i, .rows = 1000 * i, .bytes = 77 + i};
        footer.rows += units[i].rows;
    }
    return footer;
}

static void test_a_footer_comes_back_as_it_went(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf blob = {0};
    struct df_funnel_unit units[5];
    struct df_funnel_footer footer = make_footer(units, 5), back;
    df_funnel_footer_encode(&footer, &blob);
    assert_ok(df_funnel_footer_decode(df_buf_slice(&blob), &arena, &back, &error), &error);
    assert_int_equal(back.rows, footer.rows);
    assert_true(back.whole && back.bounds_known);
    assert_int_equal(back.minimum, -5);
    assert_int_equal(back.maximum, INT64_MAX);
    assert_int_equal(back.time, DF_FUNNEL_TIME_MS);
    assert_int_equal(back.unit_count, 5);
    assert_memory_equal(back.units, units, sizeof units);
    df_buf_dispose(&blob);
    df_arena_dispose(&arena);
}

static struct df_slice without_tail(const struct df_buf *blob, size_t size, void **copy)
{
    *copy = size ? memcpy(test_malloc(size), blob->data, size) : NULL; /* of its own, so that overruns are seen */
    return df_slice_make(*copy, size);
}

static void test_a_footer_cut_at_every_byte_is_corrupt(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf blob = {0};
    struct df_funnel_unit units[3];
    struct df_funnel_footer footer = make_footer(units, 3), back;
    df_funnel_footer_encode(&footer, &blob);
    for (size_t size = 0; size < blob.size; size++) {
        struct df_arena arena = {0};
        void *copy;
        assert_fails(df_funnel_footer_decode(without_tail(&blob, size, &copy), &arena, &back, &error), &error,
                     DF_ERROR_CORRUPT, "damaged");
        if (copy)
            test_free(copy);
        df_arena_dispose(&arena);
    }
    struct df_arena arena = {0};
    df_buf_put_u8(&blob, 0);
    assert_fails(df_funnel_footer_decode(df_buf_slice(&blob), &arena, &back, &error), &error, DF_ERROR_CORRUPT,
                 "bytes follow its end");
    df_arena_dispose(&arena);
    df_buf_dispose(&blob);
}

static void test_a_footer_that_does_not_add_up_is_corrupt(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf blob = {0};
    struct df_funnel_unit units[2];
    struct df_funnel_footer footer = make_footer(units, 2), back;
    footer.rows++;
    df_funnel_footer_encode(&footer, &blob);
    assert_fails(df_funnel_footer_decode(df_buf_slice(&blob), &arena, &back, &error), &error, DF_ERROR_CORRUPT,
                 "its rows are not those");
    df_buf_clear(&blob);
    footer.rows--;
    units[1].row_groups = UINT64_C(1) << 40;
    df_funnel_footer_encode(&footer, &blob);
    assert_fails(df_funnel_footer_decode(df_buf_slice(&blob), &arena, &back, &error), &error, DF_ERROR_CORRUPT,
                 "do not add up");
    df_buf_dispose(&blob);
    df_arena_dispose(&arena);
}

static const struct df_funnel_step_count sample_steps[3] = {{90, 300}, {40, 200}, {40, 199}};

static void put_counts(enum df_funnel_role role, struct df_buf *blob)
{
    struct df_funnel_step_count steps[3];
    memcpy(steps, sample_steps, sizeof steps);
    struct df_funnel_counts counts = {
        .rows = 1000, .rows_without_group = 7, .groups = 100, .group_rows = 993, .step_count = 3, .steps = steps};
    df_funnel_counts_encode(role, &counts, blob);
}

static void test_counts_come_back_as_they_went(void **state)
{
    (void)state;
    static const enum df_funnel_role roles[] = {DF_FUNNEL_COUNT, DF_FUNNEL_GATHER};
    for (int i = 0; i < 2; i++) {
        struct df_error error = {0};
        struct df_buf blob = {0};
        struct df_funnel_step_count steps[3];
        struct df_funnel_counts back = {.step_count = 3, .steps = steps};
        put_counts(roles[i], &blob);
        assert_ok(df_funnel_counts_decode(df_buf_slice(&blob), roles[i], &back, &error), &error);
        assert_int_equal(back.rows, 1000);
        assert_int_equal(back.rows_without_group, 7);
        assert_int_equal(back.groups, 100);
        assert_int_equal(back.group_rows, 993);
        assert_memory_equal(steps, sample_steps, sizeof steps);
        back.step_count = 2;
        assert_fails(df_funnel_counts_decode(df_buf_slice(&blob), roles[i], &back, &error), &error, DF_ERROR_CORRUPT,
                     "another number of steps");
        df_buf_dispose(&blob);
    }
}

static void test_counts_cut_at_every_byte_are_corrupt(void **state)
{
    (void)state;
    static const enum df_funnel_role roles[] = {DF_FUNNEL_COUNT, DF_FUNNEL_SCATTER, DF_FUNNEL_GATHER};
    for (int i = 0; i < 3; i++) {
        struct df_error error = {0};
        struct df_buf blob = {0};
        struct df_funnel_step_count steps[3];
        put_counts(roles[i], &blob);
        for (size_t size = 0; size < blob.size; size++) {
            struct df_funnel_counts back = {.step_count = 3, .steps = steps};
            void *copy;
            assert_fails(df_funnel_counts_decode(without_tail(&blob, size, &copy), roles[i], &back, &error), &error,
                         DF_ERROR_CORRUPT, "damaged");
            if (copy)
                test_free(copy);
        }
        df_buf_dispose(&blob);
    }
}

static void test_counts_of_another_stage_or_version_are_refused(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf blob = {0};
    struct df_funnel_step_count steps[3];
    struct df_funnel_counts back = {.step_count = 3, .steps = steps};
    put_counts(DF_FUNNEL_COUNT, &blob);
    assert_fails(df_funnel_counts_decode(df_buf_slice(&blob), DF_FUNNEL_GATHER, &back, &error), &error,
                 DF_ERROR_CORRUPT, "of another stage");
    blob.data[0] = 9;
    assert_fails(df_funnel_counts_decode(df_buf_slice(&blob), DF_FUNNEL_COUNT, &back, &error), &error,
                 DF_ERROR_UNSUPPORTED, "version 9");
    df_buf_dispose(&blob);
}

static void assert_counts_refused(struct df_funnel_counts counts, const char *message)
{
    struct df_error error = {0};
    struct df_buf blob = {0};
    struct df_funnel_step_count steps[3];
    struct df_funnel_counts back = {.step_count = counts.step_count, .steps = steps};
    df_funnel_counts_encode(DF_FUNNEL_COUNT, &counts, &blob);
    assert_fails(df_funnel_counts_decode(df_buf_slice(&blob), DF_FUNNEL_COUNT, &back, &error), &error, DF_ERROR_CORRUPT,
                 message);
    df_buf_dispose(&blob);
}

static void test_counts_that_cannot_be_are_corrupt(void **state)
{
    (void)state;
    struct df_funnel_step_count more[] = {{5, 9}, {6, 9}}, few[] = {{5, 4}};
    assert_counts_refused((struct df_funnel_counts){.rows = 1, .rows_without_group = 2}, "rows without a user");
    assert_counts_refused((struct df_funnel_counts){.rows = 9, .groups = 10, .group_rows = 9}, "more users than rows");
    assert_counts_refused(
        (struct df_funnel_counts){.rows = 9, .groups = 7, .group_rows = 9, .step_count = 2, .steps = more},
        "not nested");
    assert_counts_refused(
        (struct df_funnel_counts){.rows = 9, .groups = 7, .group_rows = 9, .step_count = 1, .steps = few},
        "not nested");
}

static void test_details_come_back_and_everything_else_is_corrupt(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_funnel_detail back;
    unsigned good = 0;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second <= 256; second++) {
            const uint8_t bytes[] = {(uint8_t)first, (uint8_t)second};
            uint8_t place[DF_FUNNEL_DETAIL_BYTES];
            struct df_slice blob = df_slice_make(bytes, second == 256 ? 1 : 2);
            if (df_funnel_detail_decode(blob, &back, &error) == 0) {
                assert_true(df_slice_equal(blob, df_funnel_detail_encode(&back, place)));
                good++;
            } else {
                assert_int_equal(error.kind, DF_ERROR_CORRUPT);
            }
        }
    }
    assert_int_equal(good, 3 + DF_FUNNEL_KEY_KINDS);
    assert_fails(df_funnel_detail_decode(df_slice_make(NULL, 0), &back, &error), &error, DF_ERROR_CORRUPT, "detail");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_footer_comes_back_as_it_went),
        cmocka_unit_test(test_a_footer_cut_at_every_byte_is_corrupt),
        cmocka_unit_test(test_a_footer_that_does_not_add_up_is_corrupt),
        cmocka_unit_test(test_counts_come_back_as_they_went),
        cmocka_unit_test(test_counts_cut_at_every_byte_are_corrupt),
        cmocka_unit_test(test_counts_of_another_stage_or_version_are_refused),
        cmocka_unit_test(test_counts_that_cannot_be_are_corrupt),
        cmocka_unit_test(test_details_come_back_and_everything_else_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
