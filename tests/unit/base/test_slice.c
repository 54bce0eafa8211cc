#include <stdlib.h>

#include "testing/testing.h"

#include "base/slice.h"

static void test_text_becomes_its_bytes_without_the_nul(void **state)
{
    (void)state;
    struct df_slice slice = df_slice_text("abc");
    assert_int_equal(slice.size, 3);
    assert_memory_equal(slice.data, "abc", 3);
    assert_int_equal(df_slice_text(NULL).size, 0);
    assert_null(df_slice_text(NULL).data);
}

static void test_equality_looks_at_every_byte_also_at_zero(void **state)
{
    (void)state;
    assert_true(df_slice_equal(df_slice_make("a\0b", 3), df_slice_make("a\0b", 3)));
    assert_false(df_slice_equal(df_slice_make("a\0b", 3), df_slice_make("a\0c", 3)));
    assert_false(df_slice_equal(df_slice_make("a\0b", 3), df_slice_make("a", 1)));
    assert_true(df_slice_equal(df_slice_make(NULL, 0), df_slice_make("x", 0)));
    assert_true(df_slice_is(df_slice_make("abc", 2), "ab"));
    assert_false(df_slice_is(df_slice_make("abc", 2), "abc"));
    assert_true(df_slice_is(df_slice_make(NULL, 0), ""));
}

static void test_order_is_that_of_unsigned_bytes_and_a_prefix_comes_first(void **state)
{
    (void)state;
    assert_true(df_slice_compare(df_slice_text("a"), df_slice_text("b")) < 0);
    assert_true(df_slice_compare(df_slice_text("\x7f"), df_slice_text("\x80")) < 0);
    assert_true(df_slice_compare(df_slice_text("ab"), df_slice_text("abc")) < 0);
    assert_true(df_slice_compare(df_slice_text("abc"), df_slice_text("ab")) > 0);
    assert_int_equal(df_slice_compare(df_slice_text("abc"), df_slice_text("abc")), 0);
    assert_true(df_slice_compare(df_slice_make(NULL, 0), df_slice_text("a")) < 0);
    assert_int_equal(df_slice_compare(df_slice_make(NULL, 0), df_slice_make(NULL, 0)), 0);
}

static void test_printing_shows_the_bytes_of_the_slice_only(void **state)
{
    (void)state;
    char text[16];
    snprintf(text, sizeof text, "%.*s", DF_SLICE_ARG(df_slice_make("abcdef", 3)));
    assert_string_equal(text, "abc");
}

static void test_a_copy_ends_with_nul_and_reads_no_byte_beyond_the_slice(void **state)
{
    (void)state;
    char *exact = malloc(3); /* no NUL behind it: a sanitizer sees a read beyond */
    memcpy(exact, "abc", 3);
    char *copy = df_slice_strdup(df_slice_make(exact, 3)), *empty = df_slice_strdup(df_slice_make(NULL, 0));
    assert_string_equal(copy, "abc");
    assert_string_equal(empty, "");
    free(exact);
    free(copy);
    free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_copy_ends_with_nul_and_reads_no_byte_beyond_the_slice),
        cmocka_unit_test(test_text_becomes_its_bytes_without_the_nul),
        cmocka_unit_test(test_equality_looks_at_every_byte_also_at_zero),
        cmocka_unit_test(test_order_is_that_of_unsigned_bytes_and_a_prefix_comes_first),
        cmocka_unit_test(test_printing_shows_the_bytes_of_the_slice_only),
    };
    return cmocka_run_group_tests_name("slice", tests, NULL, NULL);
}
