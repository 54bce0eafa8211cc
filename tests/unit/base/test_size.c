#include "testing/testing.h"

#include "base/size.h"

static void test_sums_and_products_that_fit_are_given(void **state)
{
    (void)state;
    size_t size;
    uint64_t number;
    assert_int_equal(df_size_add(&size, SIZE_MAX - 1, 1), 0);
    assert_true(size == SIZE_MAX);
    assert_int_equal(df_size_mul(&size, SIZE_MAX / 3, 3), 0);
    assert_true(size == SIZE_MAX / 3 * 3);
    assert_int_equal(df_u64_add(&number, UINT64_MAX, 0), 0);
    assert_true(number == UINT64_MAX);
    assert_int_equal(df_u64_mul(&number, UINT64_C(1) << 32, (UINT64_C(1) << 32) - 1), 0);
    assert_true(number == ((UINT64_C(1) << 32) - 1) << 32);
}

static void test_an_overflow_is_told_and_leaves_the_result_alone(void **state)
{
    (void)state;
    size_t size = 7;
    uint64_t number = 7;
    assert_int_equal(df_size_add(&size, SIZE_MAX, 1), -1);
    assert_int_equal(df_size_mul(&size, SIZE_MAX / 2 + 1, 2), -1);
    assert_int_equal(size, 7);
    assert_int_equal(df_u64_add(&number, UINT64_MAX, 1), -1);
    assert_int_equal(df_u64_mul(&number, UINT64_C(1) << 32, UINT64_C(1) << 32), -1);
    assert_int_equal(number, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_and_products_that_fit_are_given),
        cmocka_unit_test(test_an_overflow_is_told_and_leaves_the_result_alone),
    };
    return cmocka_run_group_tests_name("size", tests, NULL, NULL);
}
