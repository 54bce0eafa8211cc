/* What crosses the wire: comes back as it went, and is refused when a byte is missing. */
#include "engine/funnel/plan/partial.h"

#include "testing/testing.h"

static struct df_type sample_types[3] = {{.kind = DF_TYPE_STRING},
                                         {.kind = DF_TYPE_DECIMAL, .precision = 38, .scale = 4},
                                         {.kind = DF_TYPE_TIMESTAMP, .list = true, .unit = DF_TIME_NS}};

static struct df_funnel_shape make_shape(void)
{
    return (struct df_funnel_shape){.kind = DF_FUNNEL_KEY_BYTES,
                                    .user_type = {.kind = DF_TYPE_UUID},
                                    .time_type = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_US},
                                    .time = {.scale_known = true, .scale = DF_FUNNEL_SCALE_US},
                                    .type_count = 3,
                                    .types = sample_types};
}

static void assert_same_shape(const struct df_funnel_shape *a, const struct df_funnel_shape *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->user_type.kind, b->user_type.kind);
    assert_int_equal(a->time_type.unit, b->time_type.unit);
    assert_int_equal(a->time.kind, b->time.kind);
    assert_int_equal(a->time.scale_known, b->time.scale_known);
    assert_int_equal(a->time.scale, b->time.scale);
    assert_int_equal(a->type_count, b->type_count);
    for (uint32_t i = 0; i < a->type_count; i++) {
        assert_int_equal(a->types[i].kind, b->types[i].kind);
        assert_int_equal(a->types[i].list, b->types[i].list);
        assert_int_equal(a->types[i].unit, b->types[i].unit);
        assert_int_equal(a->types[i].precision, b->types[i].precision);
        assert_int_equal(a->types[i].scale, b->types[i].scale);
    }
}

/* The first `size` bytes in memory of their own, so that overruns are seen. */
static struct df_slice head_of(const struct df_buf *blob, size_t size, void **copy)
{
    *copy = size ? memcpy(test_malloc(size), blob->data, size) : NULL;
    return df_slice_make(*copy, size);
}

/* ---- footers ---- */

static struct df_funnel_footer make_footer(struct df_funnel_stretch *stretches, uint32_t count)
{
    struct df_funnel_footer footer = {.file_bytes = 123456,
                                      .bytes_read = 99,
                                      .whole = true,
                                      .writing = UINT64_MAX,
                                      .part = 7,
                                      .bounds_known = true,
                                      .minimum = -5,
                                      .maximum = INT64_MAX,
                                      .largest_known = true,
                                      .largest = UINT64_MAX,
                                      .shape = make_shape(),
                                      .stretch_count = count,
                                      .stretches = stretches};
    for (uint32_t i = 0; i < count; i++)
        stretches[i] = (struct df_funnel_stretch){.row_groups = 2 + i, .skipped = 1, .rows = 1000 * i, .bytes = 77 + i};
    return footer;
}

static void test_a_footer_comes_back_as_it_went(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf blob = {0};
    struct df_funnel_stretch stretches[5];
    struct df_funnel_footer footer = make_footer(stretches, 5), back;
    df_funnel_footer_encode(&footer, &blob);
    assert_ok(df_funnel_footer_decode(df_buf_slice(&blob), 3, &arena, &back, &error), &error);
    assert_int_equal(back.file_bytes, 123456);
    assert_int_equal(back.bytes_read, 99);
    assert_true(back.writing == UINT64_MAX && back.part == 7);
    assert_true(back.whole && back.bounds_known && back.largest_known && !back.largest_guessed);
    assert_int_equal(back.minimum, -5);
    assert_int_equal(back.maximum, INT64_MAX);
    assert_true(back.largest == UINT64_MAX);
    assert_same_shape(&back.shape, &footer.shape);
    assert_int_equal(back.stretch_count, 5);
    assert_memory_equal(back.stretches, stretches, sizeof stretches);
    assert_int_equal(back.row_groups, 2 + 3 + 4 + 5 + 6);
    assert_int_equal(back.skipped, 5);
    assert_int_equal(back.rows, 10000);
    assert_int_equal(back.bytes, 77 * 5 + 10);
    assert_fails(df_funnel_footer_decode(df_buf_slice(&blob), 2, &arena, &back, &error), &error, DF_ERROR_CORRUPT,
                 "another number of columns");
    df_buf_dispose(&blob);
    df_arena_dispose(&arena);
}

static void test_a_footer_cut_at_every_byte_is_corrupt(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf blob = {0};
    struct df_funnel_stretch stretches[3];
    struct df_funnel_footer footer = make_footer(stretches, 3), back;
    df_funnel_footer_encode(&footer, &blob);
    for (size_t size = 0; size < blob.size; size++) {
        struct df_arena arena = {0};
        void *copy;
        assert_fails(df_funnel_footer_decode(head_of(&blob, size, &copy), 3, &arena, &back, &error), &error,
                     DF_ERROR_CORRUPT, "damaged");
        if (copy)
            test_free(copy);
        df_arena_dispose(&arena);
    }
    struct df_arena arena = {0};
    df_buf_put_u8(&blob, 0);
    assert_fails(df_funnel_footer_decode(df_buf_slice(&blob), 3, &arena, &back, &error), &error, DF_ERROR_CORRUPT,
                 "bytes follow its end");
    df_arena_dispose(&arena);
    df_buf_dispose(&blob);
}

static void assert_stretch_refused(struct df_funnel_stretch stretch)
{
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf blob = {0};
    struct df_funnel_stretch stretches[2];
    struct df_funnel_footer footer = make_footer(stretches, 2), back;
    stretches[1] = stretch;
    df_funnel_footer_encode(&footer, &blob);
    assert_fails(df_funnel_footer_decode(df_buf_slice(&blob), 3, &arena, &back, &error), &error, DF_ERROR_CORRUPT,
                 "do not add up");
    df_buf_dispose(&blob);
    df_arena_dispose(&arena);
}

static void test_a_footer_that_does_not_add_up_is_corrupt(void **state)
{
    (void)state;
    assert_stretch_refused((struct df_funnel_stretch){.row_groups = UINT64_C(1) << 40});
    assert_stretch_refused((struct df_funnel_stretch){.row_groups = 0});
    assert_stretch_refused((struct df_funnel_stretch){.row_groups = 1, .skipped = 2});
    assert_stretch_refused((struct df_funnel_stretch){.row_groups = 1, .skipped = 1, .rows = 1});
    assert_stretch_refused((struct df_funnel_stretch){.row_groups = 1, .bytes = UINT64_MAX});
}

/* ---- shares ---- */

static struct df_funnel_share make_share(enum df_funnel_role role)
{
    struct df_funnel_share share = {.role = role,
                                    .rows = 1000,
                                    .rows_without_group = 7,
                                    .file_bytes = 5000,
                                    .bytes_read = 4000,
                                    .row_groups_read = 3,
                                    .row_groups_skipped = 2};
    if (role == DF_FUNNEL_ROLE_WHOLE)
        share.shape = make_shape();
    if (role == DF_FUNNEL_ROLE_SCATTER)
        return share;
    share.cohort_rows = 2;
    share.cohort = df_slice_text("cohort");
    share.cohort_file = df_slice_text("part-00000.parquet");
    share.result = df_slice_text("the result");
    return share;
}

static const enum df_funnel_role share_roles[] = {DF_FUNNEL_ROLE_WHOLE, DF_FUNNEL_ROLE_SCATTER, DF_FUNNEL_ROLE_GATHER,
                                                  DF_FUNNEL_ROLE_VALUES};

static void test_shares_come_back_as_they_went(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct df_error error = {0};
        struct df_arena arena = {0};
        struct df_buf blob = {0};
        struct df_funnel_share share = make_share(share_roles[i]), back;
        df_funnel_share_encode(&share, &blob);
        assert_ok(df_funnel_share_decode(df_buf_slice(&blob), share.role, 3, &arena, &back, &error), &error);
        assert_int_equal(back.rows, 1000);
        assert_int_equal(back.rows_without_group, 7);
        assert_int_equal(back.file_bytes, 5000);
        assert_int_equal(back.bytes_read, 4000);
        assert_int_equal(back.row_groups_read, 3);
        assert_int_equal(back.row_groups_skipped, 2);
        assert_false(back.over);
        assert_int_equal(back.cohort_rows, share.cohort_rows);
        assert_true(df_slice_equal(back.cohort, share.cohort));
        assert_true(df_slice_equal(back.cohort_file, share.cohort_file));
        assert_true(df_slice_equal(back.result, share.result));
        if (share.role == DF_FUNNEL_ROLE_WHOLE)
            assert_same_shape(&back.shape, &share.shape);
        df_buf_dispose(&blob);
        df_arena_dispose(&arena);
    }
}

/* The result goes to the end of the blob and is checked by who merges it: here everything before it is cut. */
static void test_shares_cut_at_every_byte_are_corrupt(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct df_error error = {0};
        struct df_buf blob = {0};
        struct df_funnel_share share = make_share(share_roles[i]), back;
        df_funnel_share_encode(&share, &blob);
        for (size_t size = 0; size < blob.size - share.result.size; size++) {
            struct df_arena arena = {0};
            void *copy;
            assert_fails(df_funnel_share_decode(head_of(&blob, size, &copy), share.role, 3, &arena, &back, &error),
                         &error, DF_ERROR_CORRUPT, "damaged");
            if (copy)
                test_free(copy);
            df_arena_dispose(&arena);
        }
        df_buf_dispose(&blob);
    }
}

static void test_shares_of_another_stage_or_version_are_refused(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf blob = {0};
    struct df_funnel_share share = make_share(DF_FUNNEL_ROLE_GATHER), back;
    df_funnel_share_encode(&share, &blob);
    assert_fails(df_funnel_share_decode(df_buf_slice(&blob), DF_FUNNEL_ROLE_VALUES, 3, &arena, &back, &error), &error,
                 DF_ERROR_CORRUPT, "of another stage");
    blob.data[0] = 9;
    assert_fails(df_funnel_share_decode(df_buf_slice(&blob), DF_FUNNEL_ROLE_GATHER, 3, &arena, &back, &error), &error,
                 DF_ERROR_UNSUPPORTED, "version 9");
    df_buf_dispose(&blob);
    df_arena_dispose(&arena);
}

static void assert_share_refused(struct df_funnel_share share, const char *message)
{
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf blob = {0};
    struct df_funnel_share back;
    df_funnel_share_encode(&share, &blob);
    assert_fails(df_funnel_share_decode(df_buf_slice(&blob), share.role, 0, &arena, &back, &error), &error,
                 DF_ERROR_CORRUPT, message);
    df_buf_dispose(&blob);
    df_arena_dispose(&arena);
}

static void test_shares_that_cannot_be_are_corrupt(void **state)
{
    (void)state;
    assert_share_refused((struct df_funnel_share){.role = DF_FUNNEL_ROLE_GATHER, .rows = 1, .rows_without_group = 2},
                         "rows without a user");
    assert_share_refused(
        (struct df_funnel_share){.role = DF_FUNNEL_ROLE_GATHER, .over = true, .result = df_slice_text("x")},
        "says that it has none");
    assert_share_refused((struct df_funnel_share){.role = DF_FUNNEL_ROLE_VALUES, .over = true}, "left out where");
    assert_share_refused((struct df_funnel_share){.role = DF_FUNNEL_ROLE_SCATTER, .result = df_slice_text("x")},
                         "bytes follow its end");
}

/* ---- details ---- */

static struct df_funnel_detail make_detail(enum df_funnel_role role)
{
    static const char *const names[] = {"year", "a b"};
    struct df_funnel_detail detail = {.role = role};
    if (role == DF_FUNNEL_ROLE_WHOLE || role == DF_FUNNEL_ROLE_GATHER) {
        detail.values_apart = true;
        detail.inline_values = 65536;
        detail.token = df_slice_text("0123abcd");
    }
    detail.has_shape = role == DF_FUNNEL_ROLE_GATHER;
    if (detail.has_shape)
        detail.shape = make_shape();
    else if (role != DF_FUNNEL_ROLE_VALUES) {
        detail.string_directories = names;
        detail.string_directory_count = 2;
    }
    return detail;
}

static void test_details_come_back_as_they_went(void **state)
{
    (void)state;
    for (int role = DF_FUNNEL_ROLE_FOOTERS; role < DF_FUNNEL_ROLES; role++) {
        struct df_error error = {0};
        struct df_arena arena = {0};
        struct df_buf blob = {0}, again = {0};
        struct df_funnel_detail detail = make_detail((enum df_funnel_role)role), back;
        df_funnel_detail_encode(&detail, &blob);
        assert_ok(df_funnel_detail_decode(df_buf_slice(&blob), &arena, &back, &error), &error);
        assert_int_equal(back.role, role);
        assert_int_equal(back.values_apart, detail.values_apart);
        assert_int_equal(back.inline_values, detail.inline_values);
        assert_true(df_slice_equal(back.token, detail.token));
        assert_int_equal(back.string_directory_count, detail.string_directory_count);
        for (uint32_t i = 0; i < back.string_directory_count; i++)
            assert_string_equal(back.string_directories[i], detail.string_directories[i]);
        if (role == DF_FUNNEL_ROLE_GATHER)
            assert_same_shape(&back.shape, &detail.shape);
        df_funnel_detail_encode(&back, &again);
        assert_true(df_slice_equal(df_buf_slice(&again), df_buf_slice(&blob)));
        df_buf_dispose(&again);
        df_buf_dispose(&blob);
        df_arena_dispose(&arena);
    }
}

static void test_details_cut_at_every_byte_are_corrupt(void **state)
{
    (void)state;
    for (int role = DF_FUNNEL_ROLE_FOOTERS; role < DF_FUNNEL_ROLES; role++) {
        struct df_error error = {0};
        struct df_buf blob = {0};
        struct df_funnel_detail detail = make_detail((enum df_funnel_role)role), back;
        df_funnel_detail_encode(&detail, &blob);
        size_t whole = blob.size;
        df_buf_put_u8(&blob, 0); /* one byte too many is as wrong as one too few */
        for (size_t size = 0; size <= whole + 1; size++) {
            struct df_arena arena = {0};
            void *copy;
            struct df_slice head = head_of(&blob, size, &copy);
            if (size != whole)
                assert_fails(df_funnel_detail_decode(head, &arena, &back, &error), &error, DF_ERROR_CORRUPT, "damaged");
            if (copy)
                test_free(copy);
            df_arena_dispose(&arena);
        }
        df_buf_dispose(&blob);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_footer_comes_back_as_it_went),
        cmocka_unit_test(test_a_footer_cut_at_every_byte_is_corrupt),
        cmocka_unit_test(test_a_footer_that_does_not_add_up_is_corrupt),
        cmocka_unit_test(test_shares_come_back_as_they_went),
        cmocka_unit_test(test_shares_cut_at_every_byte_are_corrupt),
        cmocka_unit_test(test_shares_of_another_stage_or_version_are_refused),
        cmocka_unit_test(test_shares_that_cannot_be_are_corrupt),
        cmocka_unit_test(test_details_come_back_as_they_went),
        cmocka_unit_test(test_details_cut_at_every_byte_are_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
