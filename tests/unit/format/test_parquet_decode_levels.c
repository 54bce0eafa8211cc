/* Levels, alone: the hybrid, and the old way of packing them, in the three ways they are taken. */
#include <stdlib.h>

#include "format/parquet/levels.h"
#include "testing/testing.h"

enum { COUNT = 600 };

/* Bits from the highest of each byte on, one by one. */
static void pack_slowly(uint8_t *to, const uint8_t *values, size_t n, uint32_t width)
{
    memset(to, 0, (n * width + 7) / 8);
    for (size_t bit = 0; bit < n * width; bit++) {
        uint32_t of_value = values[bit / width] >> (width - 1 - bit % width) & 1;
        to[bit / 8] = (uint8_t)(to[bit / 8] | of_value << (7 - bit % 8));
    }
}

static void fill(uint8_t *levels, uint32_t *wide, size_t n, uint8_t maximum, uint64_t seed)
{
    uint64_t state = seed;
    size_t run = 0;
    for (size_t i = 0; i < n; i++, run--) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        if (run == 0)
            run = (state >> 60) * (state >> 59 & 1 ? 9 : 1) + 1;
        levels[i] = (uint8_t)(i > 0 && state >> 40 & 7 ? levels[i - 1] : (state >> 33) % (maximum + 1u));
        wide[i] = levels[i];
    }
}

static void old_levels_of_any_width_are_what_a_slow_packer_packed(void **state)
{
    (void)state;
    uint8_t values[COUNT], found[COUNT], packed_bytes[COUNT];
    uint32_t wide[COUNT];
    for (uint32_t width = 1; width <= 8; width++) {
        fill(values, wide, COUNT, (uint8_t)((1u << width) - 1), width);
        pack_slowly(packed_bytes, values, COUNT, width);
        for (size_t step = 1; step < 40; step += 6) {
            struct df_bit_packed packed;
            df_bit_packed_init(&packed, df_slice_make(packed_bytes, COUNT * width / 8), width);
            for (size_t done = 0; done < COUNT; done += step)
                assert_true(df_bit_packed_take(&packed, found + done, COUNT - done < step ? COUNT - done : step));
            assert_memory_equal(found, values, COUNT);
            assert_false(df_bit_packed_take(&packed, found, 1));
        }
    }
}

static void old_levels_without_bits_are_zeros_and_need_no_bytes(void **state)
{
    (void)state;
    uint8_t found[9];
    struct df_bit_packed packed;
    memset(found, 7, sizeof found);
    df_bit_packed_init(&packed, df_slice_make(NULL, 0), 0);
    assert_true(df_bit_packed_take(&packed, found, sizeof found));
    for (size_t i = 0; i < sizeof found; i++)
        assert_int_equal(found[i], 0);
    df_bit_packed_init(&packed, df_slice_make(NULL, 0), 1);
    assert_false(df_bit_packed_take(&packed, found, 1));
}

static void check_both(struct df_parquet_levels *levels, struct df_parquet_levels *again, const uint8_t *values,
                       size_t step)
{
    uint8_t found[COUNT], valid[COUNT];
    size_t ones, wanted = 0, in_all = 0;
    for (size_t done = 0; done < COUNT; done += step) {
        size_t n = COUNT - done < step ? COUNT - done : step;
        assert_null(df_parquet_levels_take(levels, found + done, n));
        if (df_parquet_levels_take_all_max(again, n)) {
            memset(valid + done, 1, n);
            in_all += n;
            continue;
        }
        assert_null(df_parquet_levels_take_valid(again, valid + done, n, &ones));
        in_all += ones;
    }
    assert_memory_equal(found, values, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(valid[i], values[i] == levels->maximum);
        wanted += valid[i];
    }
    assert_int_equal(in_all, wanted);
}

static void levels_are_the_same_however_they_are_packed_and_taken(void **state)
{
    (void)state;
    static const uint8_t maxima[] = {1, 2, 3, 5, 7, 31, 127};
    uint8_t values[COUNT], packed[COUNT];
    uint32_t wide[COUNT];
    for (size_t i = 0; i < sizeof maxima; i++)
        for (size_t step = 1; step <= COUNT; step = step * 3 + 1) {
            struct df_parquet_levels levels, again;
            struct df_buf hybrid = {0};
            uint32_t width = df_rle_width(maxima[i]);
            fill(values, wide, COUNT, maxima[i], i + step);
            df_rle_put(&hybrid, wide, COUNT, width);
            df_parquet_levels_init_rle(&levels, df_buf_slice(&hybrid), maxima[i]);
            df_parquet_levels_init_rle(&again, df_buf_slice(&hybrid), maxima[i]);
            check_both(&levels, &again, values, step);
            pack_slowly(packed, values, COUNT, width);
            struct df_slice bytes = df_slice_make(packed, (COUNT * width + 7) / 8);
            df_parquet_levels_init_bit_packed(&levels, bytes, maxima[i]);
            df_parquet_levels_init_bit_packed(&again, bytes, maxima[i]);
            check_both(&levels, &again, values, step);
            df_buf_dispose(&hybrid);
        }
}

/* Columns ask first whether all are the maximum; the answer "no" must not make a broken run one that is read. */
static void a_run_that_is_refused_once_is_refused_again(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } broken[] = {
        {"\x80\x3c\xee\x00\x10\x01", 6},         /* 3,840 times 238, where 1 is the greatest */
        {"\x10", 1},                             /* a run without its value */
        {"\xff\xff\xff\xff\xff\x10\x01\x01", 8}, /* a header without an end, and a run behind it */
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        uint8_t found[8];
        size_t ones;
        struct df_parquet_levels levels;
        df_parquet_levels_init_rle(&levels, df_slice_make(broken[i].bytes, broken[i].size), 1);
        assert_false(df_parquet_levels_take_all_max(&levels, 8));
        assert_non_null(df_parquet_levels_take_valid(&levels, found, 8, &ones));
        assert_non_null(df_parquet_levels_take_valid(&levels, found, 1, &ones));
    }
}

static void no_levels_are_all_zero_and_need_no_bytes(void **state)
{
    (void)state;
    uint8_t found[4] = {9, 9, 9, 9};
    struct df_parquet_levels levels;
    df_parquet_levels_init_rle(&levels, df_slice_make(NULL, 0), 0);
    assert_true(df_parquet_levels_take_all_max(&levels, 1000));
    assert_null(df_parquet_levels_take(&levels, found, 4));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(found[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_levels_of_any_width_are_what_a_slow_packer_packed),
        cmocka_unit_test(old_levels_without_bits_are_zeros_and_need_no_bytes),
        cmocka_unit_test(levels_are_the_same_however_they_are_packed_and_taken),
        cmocka_unit_test(a_run_that_is_refused_once_is_refused_again),
        cmocka_unit_test(no_levels_are_all_zero_and_need_no_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
