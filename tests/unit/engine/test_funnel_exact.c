#include "engine/funnel/filter/exact.h"

#include "testing/testing.h"

static void assert_between(const char *text, __int128 floor, __int128 ceiling)
{
    struct df_funnel_exact exact = df_funnel_exact_parse(df_slice_text(text));
    if (exact.floor != floor || exact.ceiling != ceiling)
        fail_msg("%s: floor %lld, ceiling %lld", text, (long long)exact.floor, (long long)exact.ceiling);
}

static void test_integers_in_every_spelling_are_themselves(void **state)
{
    (void)state;
    assert_between("0", 0, 0);
    assert_between("-0", 0, 0);
    assert_between("0.000", 0, 0);
    assert_between("0e999999999999999999999", 0, 0);
    assert_between("5", 5, 5);
    assert_between("-17", -17, -17);
    assert_between("5.000", 5, 5);
    assert_between("1e3", 1000, 1000);
    assert_between("1E+3", 1000, 1000);
    assert_between("1.25e2", 125, 125);
    assert_between("1200e-2", 12, 12);
    assert_between("9223372036854775807", INT64_MAX, INT64_MAX);
    assert_between("-9223372036854775808", INT64_MIN, INT64_MIN);
    assert_between("18446744073709551615", (__int128)UINT64_MAX, (__int128)UINT64_MAX);
    assert_between("1180591620717411303424", (__int128)1 << 70, (__int128)1 << 70);
    assert_between("0.00000000000000000012e20", 12, 12);
}

static void test_fractions_lie_between_two_integers(void **state)
{
    (void)state;
    assert_between("5.5", 5, 6);
    assert_between("-5.5", -6, -5);
    assert_between("0.1", 0, 1);
    assert_between("-0.1", -1, 0);
    assert_between("1e-400", 0, 1);
    assert_between("-1e-400", -1, 0);
    assert_between("9007199254740993.0000000000000000000001", 9007199254740993, 9007199254740994);
    assert_between("12345e-2", 123, 124);
    assert_between("0.00001e2", 0, 1);
    assert_between("1e-99999999999999999999", 0, 1);
}

static void test_what_is_beyond_every_column_stays_beyond(void **state)
{
    (void)state;
    assert_true(df_funnel_exact_parse(df_slice_text("1e400")).floor > (__int128)UINT64_MAX);
    assert_true(df_funnel_exact_parse(df_slice_text("-1e400")).ceiling < (__int128)INT64_MIN);
    assert_true(df_funnel_exact_parse(df_slice_text("1e99999999999999999999")).floor > (__int128)UINT64_MAX);
    char digits[2001];
    memset(digits, '9', 2000);
    digits[2000] = '\0';
    assert_true(df_funnel_exact_parse(df_slice_text(digits)).floor > (__int128)UINT64_MAX);
}

static void assert_scaled(const char *text, unsigned scale, __int128 floor, __int128 ceiling)
{
    struct df_funnel_exact exact = df_funnel_exact_parse_scaled(df_slice_text(text), scale);
    if (exact.floor != floor || exact.ceiling != ceiling)
        fail_msg("%s at scale %u: floor %lld, ceiling %lld", text, scale, (long long)exact.floor,
                 (long long)exact.ceiling);
}

static void test_numbers_lie_among_the_unscaled_values_of_a_decimal(void **state)
{
    (void)state;
    __int128 ten_to_37 = 1;
    for (int i = 0; i < 37; i++)
        ten_to_37 *= 10;
    assert_scaled("12.5", 2, 1250, 1250);
    assert_scaled("12.345", 2, 1234, 1235);
    assert_scaled("-12.345", 2, -1235, -1234);
    assert_scaled("1e-3", 2, 0, 1);
    assert_scaled("-1e-3", 3, -1, -1);
    assert_scaled("0", 38, 0, 0);
    assert_scaled("9.5", 37, ten_to_37 * 9 + ten_to_37 / 2, ten_to_37 * 9 + ten_to_37 / 2);
    assert_scaled("1", 38, ten_to_37 * 10, ten_to_37 * 10); /* the limit itself */
    assert_scaled("17", 38, ten_to_37 * 10, ten_to_37 * 10);
    assert_scaled("-1e400", 0, -ten_to_37 * 10, -ten_to_37 * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_in_every_spelling_are_themselves),
        cmocka_unit_test(test_fractions_lie_between_two_integers),
        cmocka_unit_test(test_what_is_beyond_every_column_stays_beyond),
        cmocka_unit_test(test_numbers_lie_among_the_unscaled_values_of_a_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
