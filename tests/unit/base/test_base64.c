#include "testing/testing.h"

#include "base/base64.h"

static void test_the_vectors_of_the_rfc_go_both_ways(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct df_buf text = {0}, bytes = {0};
        df_base64_put(&text, df_slice_text(vectors[i][0]));
        assert_string_equal(df_buf_text(&text), vectors[i][1]);
        assert_true(df_base64_take(&bytes, df_slice_text(vectors[i][1])));
        assert_slice_is(df_buf_slice(&bytes), vectors[i][0]);
        df_buf_dispose(&text);
        df_buf_dispose(&bytes);
    }
}

static void test_all_bytes_come_back_at_every_length(void **state)
{
    (void)state;
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        struct df_buf text = {0}, back = {0};
        df_buf_put_text(&back, "before");
        df_base64_put(&text, df_slice_make(bytes, size));
        assert_int_equal(text.size, (size + 2) / 3 * 4);
        assert_true(df_base64_take(&back, df_buf_slice(&text)));
        assert_int_equal(back.size, 6 + size);
        assert_memory_equal(back.data, "before", 6);
        if (size > 0)
            assert_memory_equal(back.data + 6, bytes, size);
        df_buf_dispose(&text);
        df_buf_dispose(&back);
    }
}

static void test_text_that_is_no_base64_is_refused_and_adds_nothing(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "A",    "AA",    "AAA",  "AAAAA",                           /* length */
        "A===", "====",  "=AAA", "A=AA",  "AA=A",       "AA==AAAA", /* padding */
        "AA A", "AAA\n", "AA-_", "AA.A",  "A\xc3\xa9=",             /* alphabet */
        "Zh==", "Zm9=",                                             /* bits left over */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct df_buf out = {0};
        df_buf_put_text(&out, "kept");
        if (df_base64_take(&out, df_slice_text(wrong[i])))
            fail_msg("'%s' was taken", wrong[i]);
        assert_slice_is(df_buf_slice(&out), "kept");
        df_buf_dispose(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_vectors_of_the_rfc_go_both_ways),
        cmocka_unit_test(test_all_bytes_come_back_at_every_length),
        cmocka_unit_test(test_text_that_is_no_base64_is_refused_and_adds_nothing),
    };
    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
