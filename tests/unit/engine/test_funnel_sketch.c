/* Quantiles, distinct counts and exact means, each against the slow and obvious way. */
#include <math.h>
#include <stdlib.h>

#include "engine/funnel/result/tables.h"
#include "testing/testing.h"

static struct df_funnel_account account_of(void)
{
    return (struct df_funnel_account){.floor_bytes = UINT64_MAX};
}

/* ---- buckets ---- */

static void test_small_whole_numbers_are_exact(void **state)
{
    (void)state;
    for (int value = -256; value <= 256; value++) {
        int32_t key = df_funnel_sketch_key_of_integer(value);
        assert_true(df_funnel_sketch_integer(key) == value);
        assert_true(df_funnel_sketch_key_of_real(value) == key);
        assert_true(df_funnel_sketch_real(key) == value);
    }
}

static double random_real(uint64_t *random)
{
    double value;
    do {
        uint64_t bits = test_random(random);
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static void test_a_bucket_is_within_one_percent_and_keeps_the_order(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int i = 0; i < 100000; i++) {
        double a = random_real(&random), b = random_real(&random);
        if (i % 10 == 0)
            a = ldexp((double)(int64_t)(test_random(&random) % 5000) - 2500, -1074); /* subnormal */
        int32_t key = df_funnel_sketch_key_of_real(a), other = df_funnel_sketch_key_of_real(b);
        assert_true(df_funnel_sketch_key_is_valid(key));
        double back = df_funnel_sketch_real(key);
        if (!(fabs(back - a) <= fabs(a) * 0.01))
            fail_msg("%.17g became %.17g", a, back);
        assert_true(a <= b ? key <= other : key >= other);
    }
    for (int i = 0; i < 100000; i++) {
        __int128 a = (__int128)((unsigned __int128)test_random(&random) << 64 | test_random(&random));
        a >>= test_random(&random) % 127;
        __int128 back = df_funnel_sketch_integer(df_funnel_sketch_key_of_integer(a));
        assert_true(fabs((double)(back - a)) <= fabs((double)a) * 0.01);
    }
    assert_true(isinf(df_funnel_sketch_real(df_funnel_sketch_key_of_real(INFINITY))));
    assert_true(df_funnel_sketch_key_of_real(-INFINITY) < df_funnel_sketch_key_of_real(-1e308));
}

static int compare_doubles(const void *a, const void *b)
{
    double one, other;
    memcpy(&one, a, sizeof one);
    memcpy(&other, b, sizeof other);
    return (one > other) - (one < other);
}

static void test_quantiles_are_those_of_the_nearest_rank(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 200; round++) {
        struct df_funnel_account account = account_of();
        struct df_funnel_sketch sketch = {0}, parts[3] = {{0}};
        size_t n = 1 + test_random(&random) % 300;
        double *values = calloc(n, sizeof *values);
        for (size_t i = 0; i < n; i++) {
            values[i] = (double)((int64_t)(test_random(&random) % 400000) - 100000) / 7;
            int32_t key = df_funnel_sketch_key_of_real(values[i]);
            assert_true(df_funnel_sketch_add(&parts[test_random(&random) % 3], &account, key, 1));
        }
        for (size_t i = 0; i < 3; i++) {
            assert_true(df_funnel_sketch_reserve(&sketch, &account, &parts[i]));
            uint64_t held = account.held_bytes;
            assert_true(df_funnel_sketch_merge(&sketch, &account, &parts[i]));
            assert_int_equal(account.held_bytes, held); /* what was reserved needs no more memory */
        }
        assert_int_equal(sketch.count, n);
        qsort(values, n, sizeof *values, compare_doubles);
        int32_t keys[DF_FUNNEL_QUANTILES];
        assert_true(df_funnel_sketch_quantiles(&sketch, keys));
        for (size_t i = 0; i < DF_FUNNEL_QUANTILES; i++) {
            double truth = values[(n * df_funnel_percents[i] + 99) / 100 - 1];
            assert_int_equal(keys[i], df_funnel_sketch_key_of_real(truth));
            assert_true(fabs(df_funnel_sketch_real(keys[i]) - truth) <= fabs(truth) * 0.01);
        }
        for (size_t i = 0; i < 3; i++)
            df_funnel_sketch_dispose(&parts[i], &account);
        df_funnel_sketch_dispose(&sketch, &account);
        assert_int_equal(account.held_bytes, 0);
        free(values);
    }
}

static void test_sketch_bytes_go_there_and_back(void **state)
{
    (void)state;
    struct df_funnel_account account = account_of();
    struct df_funnel_sketch sketch = {0}, back = {0};
    struct df_buf out = {0}, again = {0};
    const double values[] = {0, -1, 1, 1e300, -1e-300, 3.25, INFINITY, -INFINITY};
    for (size_t i = 0; i < 8; i++)
        assert_true(df_funnel_sketch_add(&sketch, &account, df_funnel_sketch_key_of_real(values[i]), i + 1));
    df_funnel_sketch_put(&sketch, &out);
    struct df_cursor cursor = df_cursor_make(df_buf_slice(&out));
    assert_int_equal(df_funnel_sketch_take(&back, &account, &cursor), 1);
    assert_int_equal(back.count, 36);
    df_funnel_sketch_put(&back, &again);
    assert_true(df_slice_equal(df_buf_slice(&out), df_buf_slice(&again)));
    for (size_t size = 0; size < out.size; size++) {
        struct df_funnel_sketch cut = {0};
        cursor = df_cursor_make(df_slice_make(out.data, size));
        assert_int_equal(df_funnel_sketch_take(&cut, &account, &cursor), -1);
        df_funnel_sketch_dispose(&cut, &account);
    }
    df_funnel_sketch_dispose(&sketch, &account);
    df_funnel_sketch_dispose(&back, &account);
    df_buf_dispose(&out);
    df_buf_dispose(&again);
}

/* ---- distinct counts ---- */

static void test_distinct_counts_are_within_the_stated_error(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    const uint64_t counts[] = {0, 1, 2, 10, 100, 1000, 20000, 100000, 1000000};
    unsigned outside = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint8_t *one = calloc(DF_FUNNEL_HLL_REGISTERS, 1), *other = calloc(DF_FUNNEL_HLL_REGISTERS, 1);
        for (uint64_t j = 0; j < counts[i]; j++) {
            uint64_t hash = test_random(&random);
            df_funnel_hll_add(j % 2 ? one : other, hash);
            df_funnel_hll_add(one, j % 3 ? hash : UINT64_C(0x1234567890123456)); /* some twice */
        }
        df_funnel_hll_merge(one, other);
        uint64_t truth = counts[i] + (counts[i] > 0), shown = df_funnel_hll_count(one);
        uint64_t apart = shown > truth ? shown - truth : truth - shown;
        outside += apart > df_funnel_hll_error(shown) + 1;
        if (counts[i] <= 100)
            assert_true(apart <= 2);
        struct df_buf out = {0};
        df_funnel_hll_put(one, &out);
        struct df_cursor cursor = df_cursor_make(df_buf_slice(&out));
        assert_true(df_funnel_hll_take(other, &cursor));
        assert_memory_equal(one, other, DF_FUNNEL_HLL_REGISTERS);
        assert_int_equal(df_cursor_left(&cursor), 0);
        cursor = df_cursor_make(df_slice_make(out.data, out.size - 1));
        assert_false(df_funnel_hll_take(other, &cursor));
        df_buf_dispose(&out);
        free(one);
        free(other);
    }
    assert_int_equal(outside, 0); /* three standard errors: one in 370 per count */
}

/* ---- totals ---- */

static struct df_funnel_total total_of(__int128 value, uint64_t times)
{
    struct df_funnel_total total = {0};
    for (uint64_t i = 0; i < times; i++)
        df_funnel_total_add(&total, value);
    return total;
}

static void assert_text(struct df_funnel_total total, unsigned scale, const char *text)
{
    struct df_buf out = {0};
    df_funnel_total_put_text(total, scale, &out);
    assert_string_equal(df_buf_text(&out), text);
    df_buf_dispose(&out);
}

static void test_totals_have_all_their_digits(void **state)
{
    (void)state;
    __int128 largest = 1; /* 10^38 - 1, the largest decimal */
    for (int i = 0; i < 38; i++)
        largest *= 10;
    largest -= 1;
    assert_text(total_of(0, 0), 0, "0");
    assert_text(total_of(0, 0), 2, "0.00");
    assert_text(total_of(-5, 1), 2, "-0.05");
    assert_text(total_of(-12345, 2), 2, "-246.90");
    assert_text(total_of(INT64_MIN, 3), 0, "-27670116110564327424");
    assert_text(total_of((__int128)UINT64_MAX, 2), 0, "36893488147419103230");
    assert_text(total_of(largest, 10), 0, "999999999999999999999999999999999999990");
    assert_text(total_of(-largest, 10), 38, "-9.99999999999999999999999999999999999990");
    struct df_funnel_total sum = total_of(largest, 5), other = total_of(-largest, 4);
    df_funnel_total_merge(&sum, &other);
    assert_int_equal(df_funnel_total_compare(sum, total_of(largest, 1)), 0);
    assert_int_equal(df_funnel_total_compare(sum, other), 1);
    assert_int_equal(df_funnel_total_compare(other, sum), -1);
    assert_int_equal(df_funnel_total_compare(total_of(-3, 1), total_of(-2, 1)), -1);
}

/* long double has 64 bits of mantissa on amd64: enough to tell a mean of small numbers that was rounded twice. */
static void test_means_are_rounded_once(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    assert_true(df_funnel_total_mean(total_of(1, 1), 3, 0) == 1.0 / 3.0);
    assert_true(df_funnel_total_mean(total_of(-1, 1), 10, 0) == -0.1);
    assert_true(df_funnel_total_mean(total_of(1, 1), 1, 1) == 0.1);
    assert_true(df_funnel_total_mean(total_of(123456789, 1), 1, 4) == 12345.6789);
    /* 2^53 + 1 over 1 is a tie that goes to the even one; a half more is none. */
    __int128 odd = (INT64_C(1) << 53) + 1;
    assert_true(df_funnel_total_mean(total_of(odd, 1), 1, 0) == 0x1p53);
    assert_true(df_funnel_total_mean(total_of(odd * 2 + 1, 1), 2, 0) == 0x1p53 + 2);
    assert_true(df_funnel_total_mean(total_of(INT64_MAX, 7), 7, 0) == 0x1p63);
    /* Large and small ways agree: the same quotient with both sides multiplied. */
    for (int i = 0; i < 20000; i++) {
        int64_t top = (int64_t)(test_random(&random) >> 12), bottom = (int64_t)(test_random(&random) >> 40) + 1;
        uint64_t factor = (test_random(&random) >> 24) | 1;
        struct df_funnel_total large = total_of((__int128)top * (int64_t)factor, 1);
        unsigned __int128 count = (unsigned __int128)(uint64_t)bottom * factor;
        if (count > UINT64_MAX)
            continue;
        assert_true(df_funnel_total_mean(large, (uint64_t)count, 0) == (double)top / (double)bottom);
    }
}

static void test_amounts_go_there_and_back(void **state)
{
    (void)state;
    struct df_funnel_amount amount = {.count = 3, .whole = total_of(-7, 3)}, back;
    struct df_buf out = {0};
    df_sum_add(&amount.real, 0.1);
    df_sum_add(&amount.real, 1e300);
    df_sum_add(&amount.real, -1e-300); /* needs the exact accumulator */
    df_funnel_amount_put(&amount, &out);
    struct df_cursor cursor = df_cursor_make(df_buf_slice(&out));
    assert_true(df_funnel_amount_take(&back, &cursor));
    assert_int_equal(back.count, 3);
    assert_int_equal(df_funnel_total_compare(back.whole, amount.whole), 0);
    assert_true(df_sum_value(&back.real) == df_sum_value(&amount.real));
    df_sum_dispose(&back.real);
    for (size_t size = 0; size < out.size; size++) {
        cursor = df_cursor_make(df_slice_make(out.data, size));
        assert_false(df_funnel_amount_take(&back, &cursor));
        df_sum_dispose(&back.real);
    }
    df_sum_dispose(&amount.real);
    df_buf_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_whole_numbers_are_exact),
        cmocka_unit_test(test_a_bucket_is_within_one_percent_and_keeps_the_order),
        cmocka_unit_test(test_quantiles_are_those_of_the_nearest_rank),
        cmocka_unit_test(test_sketch_bytes_go_there_and_back),
        cmocka_unit_test(test_distinct_counts_are_within_the_stated_error),
        cmocka_unit_test(test_totals_have_all_their_digits),
        cmocka_unit_test(test_means_are_rounded_once),
        cmocka_unit_test(test_amounts_go_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
