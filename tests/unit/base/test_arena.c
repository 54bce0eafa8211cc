#include "testing/testing.h"

#include <stdalign.h>

#include "base/arena.h"
#include "unit/base/huge_allocations.h"

static void test_pieces_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static uint8_t *pieces[COUNT];
    static size_t sizes[COUNT];
    struct df_arena arena = {0};
    uint64_t seed = 1;
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = test_random(&seed) % (i % 50 == 0 ? 50000 : 200);
        pieces[i] = df_arena_alloc(&arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)(i % 251), sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(pieces[i][j], i % 251);
    assert_true(arena.total_bytes > 0);
    df_arena_dispose(&arena);
    assert_int_equal(arena.total_bytes, 0);
}

static void test_a_piece_of_no_bytes_has_a_place_of_its_own(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    void *a = df_arena_alloc(&arena, 0);
    void *b = df_arena_alloc(&arena, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    df_arena_dispose(&arena);
}

static void test_cleared_memory_is_zero_also_when_used_before(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct df_arena arena = {0};
        uint8_t *piece = df_arena_zalloc(&arena, 5000);
        uint32_t *array = df_arena_array(&arena, 100, sizeof *array);
        for (size_t i = 0; i < 5000; i++)
            assert_int_equal(piece[i], 0);
        for (size_t i = 0; i < 100; i++)
            assert_int_equal(array[i], 0);
        memset(piece, 0xff, 5000);
        df_arena_dispose(&arena);
    }
}

static void test_a_size_that_overflows_or_cannot_be_had_gives_null(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    assert_null(df_arena_alloc(&arena, SIZE_MAX));
    assert_null(df_arena_alloc(&arena, SIZE_MAX - 8));
    assert_null(df_arena_alloc(&arena, SIZE_MAX / 4));
    assert_null(df_arena_array(&arena, SIZE_MAX / 2, 4));
    assert_null(df_arena_text(&arena, df_slice_make("", SIZE_MAX)));
    char *text = df_arena_text(&arena, df_slice_text("still works"));
    assert_string_equal(text, "still works");
    df_arena_dispose(&arena);
}

static void test_copies_live_in_the_arena(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    char source[] = "abc";
    struct df_slice copy;
    char *text = df_arena_text(&arena, df_slice_make(source, 2));
    assert_true(df_arena_copy(&arena, df_slice_make(source, 3), &copy));
    memset(source, 'x', 3);
    assert_string_equal(text, "ab");
    assert_slice_is(copy, "abc");
    assert_string_equal(df_arena_text(&arena, df_slice_make(NULL, 0)), "");
    assert_true(df_arena_copy(&arena, df_slice_make(NULL, 0), &copy));
    assert_int_equal(copy.size, 0);
    df_arena_dispose(&arena);
}

static void test_an_arena_can_be_used_again_after_dispose(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    df_arena_dispose(&arena);
    assert_non_null(df_arena_alloc(&arena, 10));
    df_arena_dispose(&arena);
    assert_non_null(df_arena_alloc(&arena, 10));
    df_arena_dispose(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_aligned_and_do_not_overlap),
        cmocka_unit_test(test_a_piece_of_no_bytes_has_a_place_of_its_own),
        cmocka_unit_test(test_cleared_memory_is_zero_also_when_used_before),
        cmocka_unit_test(test_a_size_that_overflows_or_cannot_be_had_gives_null),
        cmocka_unit_test(test_copies_live_in_the_arena),
        cmocka_unit_test(test_an_arena_can_be_used_again_after_dispose),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
