/* Which bounds of a footer are trusted: in the order of the type, of the right length, old ones only where they were
 * right. */
#include <math.h>

#include "format/parquet/names.h"
#include "format/parquet/statistics.h"
#include "testing/testing.h"

struct subject {
    struct df_parquet_column column;
    struct df_parquet_leaf leaf;
};

static struct subject make(enum df_parquet_physical physical, int32_t length, struct df_parquet_annotation says)
{
    struct subject made = {.column.physical = physical};
    assert_null(df_parquet_leaf_type(&says, (int32_t)physical, length, &made.column, &made.leaf));
    return made;
}

static struct subject plain(enum df_parquet_physical physical)
{
    return make(physical, 0, (struct df_parquet_annotation){0});
}

static struct df_parquet_bounds bounds_of(const struct subject *subject, struct df_slice low, struct df_slice high,
                                          bool old)
{
    struct df_parquet_statistics statistics = {.has_new = !old, .has_old = old};
    *(old ? &statistics.old_minimum : &statistics.minimum) = low;
    *(old ? &statistics.old_maximum : &statistics.maximum) = high;
    return df_parquet_bounds_of(&statistics, &subject->column, &subject->leaf, 10);
}

static struct df_slice bytes(const char *text, size_t size)
{
    return df_slice_make(text, size);
}

static void integers_are_compared_as_their_type_says(void **state)
{
    (void)state;
    struct subject one = plain(DF_PARQUET_INT32);
    struct df_parquet_bounds bounds = bounds_of(&one, bytes("\xff\xff\xff\xff", 4), bytes("\x05\0\0\0", 4), false);
    assert_true(bounds.known && bounds.minimum.as.int64 == -1 && bounds.maximum.as.int64 == 5);
    bounds = bounds_of(&one, bytes("\xff\xff\xff\xff", 4), bytes("\x05\0\0\0", 4), true);
    assert_true(bounds.known); /* the old order was this one */
    assert_false(bounds_of(&one, bytes("\x05\0\0\0", 4), bytes("\xff\xff\xff\xff", 4), false).known);
    assert_false(bounds_of(&one, bytes("\x05\0\0", 3), bytes("\x06\0\0\0", 4), false).known);
    one = make(DF_PARQUET_INT32, 0, df_parquet_annotation_of_converted(DF_PARQUET_CONVERTED_UINT_8 + 2, 0, 0));
    bounds = bounds_of(&one, bytes("\x05\0\0\0", 4), bytes("\xff\xff\xff\xff", 4), false);
    assert_true(bounds.known && bounds.maximum.as.int64 == UINT32_MAX);
    assert_false(bounds_of(&one, bytes("\xff\xff\xff\xff", 4), bytes("\x05\0\0\0", 4), true).known);
    assert_false(bounds_of(&one, bytes("\x05\0\0\0", 4), bytes("\x06\0\0\0", 4), true).known);
    one = make(DF_PARQUET_INT64, 0, df_parquet_annotation_of_converted(DF_PARQUET_CONVERTED_UINT_64, 0, 0));
    bounds = bounds_of(&one, bytes("\x05\0\0\0\0\0\0\0", 8), bytes("\xff\xff\xff\xff\xff\xff\xff\xff", 8), false);
    assert_true(bounds.known && bounds.maximum.as.int64 == -1); /* the same bits */
    assert_false(
        bounds_of(&one, bytes("\xff\xff\xff\xff\xff\xff\xff\xff", 8), bytes("\x05\0\0\0\0\0\0\0", 8), false).known);
    one = plain(DF_PARQUET_BOOLEAN);
    assert_true(bounds_of(&one, bytes("\0", 1), bytes("\1", 1), true).known);
    assert_false(bounds_of(&one, bytes("\0", 1), bytes("\2", 1), false).known);
}

static struct df_parquet_bounds doubles(double low, double high)
{
    struct subject one = plain(DF_PARQUET_DOUBLE);
    return bounds_of(&one, df_slice_make(&low, 8), df_slice_make(&high, 8), false);
}

static void floats_are_bounded_by_numbers_and_by_both_zeros(void **state)
{
    (void)state;
    struct df_parquet_bounds bounds = doubles(0.0, -0.0);
    assert_true(bounds.known && signbit(bounds.minimum.as.float64) && !signbit(bounds.maximum.as.float64));
    assert_true(doubles(-(double)INFINITY, (double)INFINITY).known);
    assert_false(doubles((double)NAN, 1).known);
    assert_false(doubles(1, (double)NAN).known);
    assert_false(doubles(2, 1).known);
    struct subject half =
        make(DF_PARQUET_FIXED_LEN_BYTE_ARRAY, 2, (struct df_parquet_annotation){.kind = DF_PARQUET_SAYS_HALF});
    bounds = bounds_of(&half, bytes("\x00\xc0", 2), bytes("\x00\x3c", 2), false);
    assert_true(bounds.known && bounds.minimum.as.float64 == -2 && bounds.maximum.as.float64 == 1);
    assert_false(bounds_of(&half, bytes("\x00\xc0", 2), bytes("\x00\x3c", 2), true).known);
}

static void bytes_and_decimals_have_no_old_bounds(void **state)
{
    (void)state;
    struct subject one = plain(DF_PARQUET_BYTE_ARRAY);
    struct df_parquet_bounds bounds = bounds_of(&one, bytes("a", 1), bytes("\xc3\xbc", 2), false);
    assert_true(bounds.known);
    assert_slice_is(bounds.minimum.as.bytes, "a");
    assert_false(bounds_of(&one, bytes("a", 1), bytes("b", 1), true).known);
    assert_false(bounds_of(&one, bytes("\xc3", 1), bytes("a", 1), false).known); /* signed bytes */
    struct df_parquet_annotation says = {.kind = DF_PARQUET_SAYS_DECIMAL, .precision = 20, .scale = 2};
    one = make(DF_PARQUET_FIXED_LEN_BYTE_ARRAY, 9, says);
    bounds = bounds_of(&one, bytes("\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 9), bytes("\0\0\0\0\0\0\0\0\7", 9), false);
    assert_true(bounds.known && bounds.minimum.as.int128 == -2 && bounds.maximum.as.int128 == 7);
    assert_false(bounds_of(&one, bytes("\0\0\0\0\0\0\0\0\6", 9), bytes("\0\0\0\0\0\0\0\0\7", 9), true).known);
    one = make(DF_PARQUET_BYTE_ARRAY, 0, says);
    assert_true(bounds_of(&one, bytes("\xff", 1), bytes("\x01\0", 2), false).known);
    assert_false(bounds_of(&one, bytes("", 0), bytes("\x01\0", 2), false).known);
}

static void int96_lists_and_nulls_have_no_bounds(void **state)
{
    (void)state;
    struct subject one = plain(DF_PARQUET_INT96);
    assert_false(
        bounds_of(&one, bytes("\0\0\0\0\0\0\0\0\0\0\0\0", 12), bytes("\1\0\0\0\0\0\0\0\0\0\0\0", 12), false).known);
    one = plain(DF_PARQUET_INT32);
    one.leaf.repetition_max = 1;
    assert_false(bounds_of(&one, bytes("\0\0\0\0", 4), bytes("\1\0\0\0", 4), false).known);
    one = make(DF_PARQUET_INT32, 0, (struct df_parquet_annotation){.kind = DF_PARQUET_SAYS_NULLS});
    assert_int_equal(one.column.type.kind, DF_TYPE_NULL);
    assert_false(bounds_of(&one, bytes("\0\0\0\0", 4), bytes("\1\0\0\0", 4), false).known);
}

static void counts_of_nulls_must_be_possible(void **state)
{
    (void)state;
    static const int64_t counts[] = {0, 10, 11, -1, INT64_MAX};
    struct subject one = plain(DF_PARQUET_INT32);
    for (size_t i = 0; i < 5; i++) {
        struct df_parquet_statistics statistics = {.has_null_count = true, .null_count = counts[i]};
        struct df_parquet_bounds bounds = df_parquet_bounds_of(&statistics, &one.column, &one.leaf, 10);
        assert_int_equal(bounds.nulls_known, i < 2);
        assert_true(i >= 2 || bounds.null_count == (uint64_t)counts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_compared_as_their_type_says),
        cmocka_unit_test(floats_are_bounded_by_numbers_and_by_both_zeros),
        cmocka_unit_test(bytes_and_decimals_have_no_old_bounds),
        cmocka_unit_test(int96_lists_and_nulls_have_no_bounds),
        cmocka_unit_test(counts_of_nulls_must_be_possible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
