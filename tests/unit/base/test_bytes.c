#include "testing/testing.h"

#include "base/bytes.h"

static const uint8_t bytes[] = {0xff, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88};

static void test_loads_are_little_endian_at_any_address(void **state)
{
    (void)state;
    const uint8_t *odd = bytes + 1;
    assert_int_equal(df_load_u16le(odd), 0x0201);
    assert_int_equal(df_load_u32le(odd), 0x04030201);
    assert_true(df_load_u64le(odd) == UINT64_C(0x8807060504030201));
    assert_true(df_load_i64le(odd) == (int64_t)UINT64_C(0x8807060504030201));
    assert_true(df_load_i64le(odd) < 0);
}

static void test_doubles_keep_their_bits(void **state)
{
    (void)state;
    static const uint8_t one_and_a_half[9] = {0, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f};
    assert_true(df_load_f64le(one_and_a_half + 1) == 1.5);
}

static void test_what_is_stored_is_loaded(void **state)
{
    (void)state;
    uint8_t place[16] = {0};
    df_store_u32le(place + 1, 0xdeadbeef);
    df_store_u64le(place + 5, UINT64_C(0x0123456789abcdef));
    assert_int_equal(place[0], 0);
    assert_int_equal(place[1], 0xef);
    assert_int_equal(place[13], 0);
    assert_true(df_load_u32le(place + 1) == 0xdeadbeef);
    assert_true(df_load_u64le(place + 5) == UINT64_C(0x0123456789abcdef));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads_are_little_endian_at_any_address),
        cmocka_unit_test(test_doubles_keep_their_bits),
        cmocka_unit_test(test_what_is_stored_is_loaded),
    };
    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
