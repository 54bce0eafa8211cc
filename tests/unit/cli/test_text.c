#include "cli/text.h"
#include "testing/testing.h"

static void assert_shown(const char *text, bool ascii, const char *expected, unsigned width)
{
    struct df_buf out = {0};
    df_text_put(&out, df_slice_text(text), ascii);
    assert_slice_is(df_buf_slice(&out), expected);
    assert_int_equal(df_text_width(df_slice_text(text), ascii), width);
    df_buf_dispose(&out);
}

static void assert_cut(const char *text, unsigned columns, bool ascii, const char *expected, unsigned width)
{
    struct df_buf out = {0};
    assert_int_equal(df_text_put_cut(&out, df_slice_text(text), columns, ascii), width);
    assert_slice_is(df_buf_slice(&out), expected);
    df_buf_dispose(&out);
}

static void test_text_widths_are_those_of_a_terminal(void **state)
{
    (void)state;
    assert_shown("view", false, "view", 4);
    assert_shown("Käse", false, "Käse", 4);
    assert_shown("東京", false, "東京", 4);
    assert_shown("🛒", false, "🛒", 2);
    assert_shown("e\xCC\x81", false, "e\xCC\x81", 1); /* e and a combining acute */
    assert_shown("ｈ", false, "ｈ", 2);
    assert_shown("한", false, "한", 2);
}

static void test_text_cannot_move_the_cursor_or_turn_the_direction(void **state)
{
    (void)state;
    assert_shown("a\033[31mb", false, "a?[31mb", 7);
    assert_shown("a\r\nb\x7F", false, "a??b?", 5);
    assert_shown("a\tb", false, "a b", 3);
    assert_shown("a\xC2\x9Bm", false, "a?m", 3); /* a control sequence introducer of one character */
    assert_shown("a\xE2\x80\xAE"
                 "b",
                 false, "a?b", 3); /* right-to-left override */
}

static void test_text_bytes_that_are_no_utf8_become_question_marks(void **state)
{
    (void)state;
    assert_shown("\xFF\xC3", false, "??", 2);
    assert_shown("\xC0\xAF", false, "??", 2);           /* a slash in too many bytes */
    assert_shown("\xED\xA0\x80", false, "???", 3);      /* a surrogate */
    assert_shown("\xF4\x90\x80\x80", false, "????", 4); /* beyond U+10FFFF */
    assert_shown("a\xE6\x9D", false, "a??", 3);         /* cut in a character */
}

static void test_text_is_utf8_only_when_every_byte_belongs_to_a_character(void **state)
{
    (void)state;
    static const char *const right[] = {"", "view", "K\xC3\xA4se", "\xE6\x9D\xB1", "\xF0\x9F\x9B\x92", "\033"};
    static const char *const wrong[] = {"\xFF", "K\xE4se", "\xC0\x80", "\xE6\x9D", "\xED\xA0\x80", "\xF5\x80\x80\x80"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        assert_true(df_text_is_utf8(df_slice_text(right[i])));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(df_text_is_utf8(df_slice_text(wrong[i])));
}

static void test_text_in_ascii_has_only_ascii(void **state)
{
    (void)state;
    assert_shown("Käse 東", true, "K?se ?", 6);
}

static void test_text_lines_are_kept_where_wanted(void **state)
{
    (void)state;
    struct df_buf out = {0};
    df_text_put_lines(&out, df_slice_text("a\n  ^\033"), false);
    assert_slice_is(df_buf_slice(&out), "a\n  ^?");
    df_buf_dispose(&out);
}

static void test_text_too_long_is_cut_with_a_mark(void **state)
{
    (void)state;
    assert_cut("transaction", 11, false, "transaction", 11);
    assert_cut("transaction", 10, false, "transacti…", 10);
    assert_cut("transaction", 10, true, "transac...", 10);
    assert_cut("transaction", 3, true, "tra", 3);
    assert_cut("transaction", 1, false, "…", 1);
    assert_cut("transaction", 0, false, "", 0);
    assert_cut("東京都", 4, false, "東…", 3); /* half a wide character is none */
}

static void test_text_thousands_have_separators(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *text;
    } cases[] = {{0, "0"},
                 {999, "999"},
                 {1000, "1,000"},
                 {123456, "123,456"},
                 {1234567, "1,234,567"},
                 {UINT64_MAX, "18,446,744,073,709,551,615"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_buf out = {0};
        df_text_put_thousands(&out, cases[i].value);
        assert_slice_is(df_buf_slice(&out), cases[i].text);
        df_buf_dispose(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_widths_are_those_of_a_terminal),
        cmocka_unit_test(test_text_cannot_move_the_cursor_or_turn_the_direction),
        cmocka_unit_test(test_text_bytes_that_are_no_utf8_become_question_marks),
        cmocka_unit_test(test_text_is_utf8_only_when_every_byte_belongs_to_a_character),
        cmocka_unit_test(test_text_in_ascii_has_only_ascii),
        cmocka_unit_test(test_text_lines_are_kept_where_wanted),
        cmocka_unit_test(test_text_too_long_is_cut_with_a_mark),
        cmocka_unit_test(test_text_thousands_have_separators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
