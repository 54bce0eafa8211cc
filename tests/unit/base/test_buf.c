#include "testing/testing.h"

#include "base/buf.h"
#include "unit/base/huge_allocations.h"

static void test_appended_pieces_stand_in_order(void **state)
{
    (void)state;
    struct df_buf buf = {0};
    df_buf_put_text(&buf, "ab");
    df_buf_put_char(&buf, 'c');
    df_buf_put_slice(&buf, df_slice_text("de"));
    df_buf_printf(&buf, "%d-%s", 42, "x");
    df_buf_put(&buf, NULL, 0);
    assert_slice_is(df_buf_slice(&buf), "abcde42-x");
    assert_false(df_buf_failed(&buf));
    df_buf_dispose(&buf);
    assert_null(buf.data);
}

static void test_it_grows_to_what_is_put_in(void **state)
{
    (void)state;
    struct df_buf buf = {0};
    for (unsigned i = 0; i < 100000; i++)
        df_buf_put_u32le(&buf, i);
    assert_int_equal(buf.size, 400000);
    assert_true(buf.capacity < 800000);
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t value;
        memcpy(&value, buf.data + i * 4, 4);
        assert_int_equal(value, i);
    }
    df_buf_dispose(&buf);
}

static void test_a_failure_sticks_and_leaves_what_was_there(void **state)
{
    (void)state;
    struct df_buf buf = {0};
    df_buf_put_text(&buf, "kept");
    assert_false(df_buf_reserve(&buf, SIZE_MAX));
    assert_true(df_buf_failed(&buf));
    df_buf_put_text(&buf, "lost");
    df_buf_printf(&buf, "%s", "lost");
    assert_null(df_buf_extend(&buf, 1));
    assert_false(df_buf_reserve(&buf, 0));
    assert_slice_is(df_buf_slice(&buf), "kept");
    assert_string_equal(df_buf_text(&buf), "");
    df_buf_clear(&buf);
    df_buf_put_text(&buf, "new");
    assert_string_equal(df_buf_text(&buf), "new");
    df_buf_dispose(&buf);
}

static void test_a_failed_allocation_fails_the_buffer(void **state)
{
    (void)state;
    struct df_buf buf = {0};
    assert_false(df_buf_reserve(&buf, SIZE_MAX / 4)); /* no overflow, but nobody has that much */
    assert_true(df_buf_failed(&buf));
    df_buf_dispose(&buf);
}

static void test_text_has_a_nul_that_does_not_count(void **state)
{
    (void)state;
    struct df_buf buf = {0};
    assert_string_equal(df_buf_text(&buf), "");
    assert_int_equal(buf.size, 0);
    for (int i = 0; i < 64; i++)
        df_buf_put_char(&buf, 'x');
    assert_int_equal(strlen(df_buf_text(&buf)), 64);
    assert_int_equal(buf.size, 64);
    df_buf_dispose(&buf);
}

static void test_moving_empties_the_source_and_frees_the_target(void **state)
{
    (void)state;
    struct df_buf from = {0}, to = {0};
    df_buf_put_text(&to, "old");
    df_buf_put_text(&from, "new");
    df_buf_move(&to, &from);
    assert_slice_is(df_buf_slice(&to), "new");
    assert_null(from.data);
    assert_int_equal(from.size, 0);
    df_buf_dispose(&to);
}

static void test_every_kind_of_number_comes_back(void **state)
{
    (void)state;
    static const uint64_t varints[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_C(1) << 63, UINT64_MAX};
    struct df_buf buf = {0};
    df_buf_put_u8(&buf, 200);
    df_buf_put_u32le(&buf, 0x01020304);
    df_buf_put_u64le(&buf, UINT64_C(0x0102030405060708));
    for (size_t i = 0; i < sizeof varints / sizeof *varints; i++)
        df_buf_put_varint(&buf, varints[i]);
    df_buf_put_text(&buf, "end");
    assert_int_equal(buf.data[1], 4); /* little-endian */

    struct df_cursor cursor = df_cursor_make(df_buf_slice(&buf));
    uint8_t u8;
    uint32_t u32;
    uint64_t u64;
    struct df_slice bytes;
    assert_true(df_cursor_take_u8(&cursor, &u8));
    assert_int_equal(u8, 200);
    assert_true(df_cursor_take_u32le(&cursor, &u32));
    assert_int_equal(u32, 0x01020304);
    assert_true(df_cursor_take_u64le(&cursor, &u64));
    assert_true(u64 == UINT64_C(0x0102030405060708));
    for (size_t i = 0; i < sizeof varints / sizeof *varints; i++) {
        assert_true(df_cursor_take_varint(&cursor, &u64));
        assert_true(u64 == varints[i]);
    }
    assert_true(df_cursor_take_bytes(&cursor, 3, &bytes));
    assert_slice_is(bytes, "end");
    assert_int_equal(df_cursor_left(&cursor), 0);
    df_buf_dispose(&buf);
}

static void test_a_cursor_that_went_beyond_the_end_stays_failed(void **state)
{
    (void)state;
    struct df_cursor cursor = df_cursor_make(df_slice_text("abc"));
    uint32_t u32;
    uint8_t u8 = 7;
    assert_false(df_cursor_take_u32le(&cursor, &u32));
    assert_true(cursor.failed);
    assert_false(df_cursor_take_u8(&cursor, &u8));
    assert_int_equal(u8, 7);
    cursor = df_cursor_make(df_slice_make(NULL, 0));
    struct df_slice bytes;
    assert_int_equal(df_cursor_left(&cursor), 0);
    assert_true(df_cursor_take_bytes(&cursor, 0, &bytes));
    assert_false(df_cursor_take_bytes(&cursor, 1, &bytes));
    cursor = df_cursor_make(df_slice_text("abc"));
    assert_false(df_cursor_take_bytes(&cursor, SIZE_MAX, &bytes));
}

static void test_varints_of_more_than_64_bits_are_refused(void **state)
{
    (void)state;
    uint64_t value;
    struct df_cursor cursor = df_cursor_make(df_slice_make("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
    assert_false(df_cursor_take_varint(&cursor, &value));
    cursor = df_cursor_make(df_slice_make("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11));
    assert_false(df_cursor_take_varint(&cursor, &value));
    cursor = df_cursor_make(df_slice_make("\x80\x80", 2)); /* cut */
    assert_false(df_cursor_take_varint(&cursor, &value));
    assert_true(cursor.failed);
    cursor = df_cursor_make(df_slice_make("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10));
    assert_true(df_cursor_take_varint(&cursor, &value));
    assert_true(value == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appended_pieces_stand_in_order),
        cmocka_unit_test(test_it_grows_to_what_is_put_in),
        cmocka_unit_test(test_a_failure_sticks_and_leaves_what_was_there),
        cmocka_unit_test(test_a_failed_allocation_fails_the_buffer),
        cmocka_unit_test(test_text_has_a_nul_that_does_not_count),
        cmocka_unit_test(test_moving_empties_the_source_and_frees_the_target),
        cmocka_unit_test(test_every_kind_of_number_comes_back),
        cmocka_unit_test(test_a_cursor_that_went_beyond_the_end_stays_failed),
        cmocka_unit_test(test_varints_of_more_than_64_bits_are_refused),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
