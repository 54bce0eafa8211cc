#include "testing/testing.h"

#include <errno.h>

/* The list of the contracts, §7, written down once more on purpose. */
static const struct {
    enum df_error_kind kind;
    const char *name;
    int http_status, exit_code;
    bool retried;
} expected[] = {
    {DF_ERROR_INVALID, "invalid", 400, 2, false},         {DF_ERROR_NOT_FOUND, "not_found", 404, 4, false},
    {DF_ERROR_DENIED, "denied", 403, 5, false},           {DF_ERROR_UNAUTHENTICATED, "unauthenticated", 401, 5, false},
    {DF_ERROR_CONFLICT, "conflict", 409, 1, false},       {DF_ERROR_TOO_LARGE, "too_large", 413, 2, false},
    {DF_ERROR_THROTTLED, "throttled", 429, 1, true},      {DF_ERROR_UNAVAILABLE, "unavailable", 503, 1, true},
    {DF_ERROR_TIMEOUT, "timeout", 504, 6, true},          {DF_ERROR_CORRUPT, "corrupt", 422, 3, false},
    {DF_ERROR_UNSUPPORTED, "unsupported", 422, 3, false}, {DF_ERROR_EXHAUSTED, "exhausted", 507, 1, false},
    {DF_ERROR_CANCELLED, "cancelled", 499, 130, false},   {DF_ERROR_INTERNAL, "internal", 500, 1, true},
};

static void test_every_kind_has_its_name_status_and_exit_code(void **state)
{
    (void)state;
    assert_int_equal(sizeof expected / sizeof *expected, DF_ERROR_KIND_COUNT - 1);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        enum df_error_kind kind = expected[i].kind;
        assert_string_equal(df_error_name(kind), expected[i].name);
        assert_int_equal(df_error_http_status(kind), expected[i].http_status);
        assert_int_equal(df_error_exit_code(kind), expected[i].exit_code);
        assert_int_equal(df_error_kind_retried(kind), expected[i].retried);
        assert_int_equal(df_error_kind_parse(expected[i].name), kind);
    }
    assert_int_equal(df_error_exit_code(DF_ERROR_NONE), 0);
    assert_int_equal(df_error_http_status(DF_ERROR_NONE), 200);
    assert_string_equal(df_error_name(DF_ERROR_NONE), "none");
    assert_int_equal(df_error_kind_parse("nonsense"), DF_ERROR_NONE);
    assert_int_equal(df_error_kind_parse(""), DF_ERROR_NONE);
}

static void test_setting_fills_everything_and_returns_failure(void **state)
{
    (void)state;
    struct df_error error;
    memset(&error, 0xff, sizeof error);
    assert_int_equal(df_error_set(&error, DF_ERROR_THROTTLED, "slow down, %d", 3), -1);
    assert_int_equal(error.kind, DF_ERROR_THROTTLED);
    assert_true(error.retryable);
    assert_string_equal(error.message, "slow down, 3");
    df_error_set(&error, DF_ERROR_INVALID, "no");
    assert_false(error.retryable);
    df_error_clear(&error);
    assert_int_equal(error.kind, DF_ERROR_NONE);
    assert_string_equal(error.message, "");
}

static void test_nobody_listening_is_fine(void **state)
{
    (void)state;
    assert_int_equal(df_error_set(NULL, DF_ERROR_INVALID, "x"), -1);
    assert_int_equal(df_error_set_errno(NULL, ENOENT, "x"), -1);
    assert_int_equal(df_error_prefix(NULL, "x"), -1);
    assert_int_equal(df_error_no_memory(NULL, "x"), -1);
}

static void test_a_system_error_gives_kind_and_text(void **state)
{
    (void)state;
    static const struct {
        int number;
        enum df_error_kind kind;
    } cases[] = {
        {ENOENT, DF_ERROR_NOT_FOUND},       {EACCES, DF_ERROR_DENIED},  {ENOSPC, DF_ERROR_EXHAUSTED},
        {ENOMEM, DF_ERROR_EXHAUSTED},       {EISDIR, DF_ERROR_INVALID}, {ETIMEDOUT, DF_ERROR_TIMEOUT},
        {ECONNRESET, DF_ERROR_UNAVAILABLE}, {EIO, DF_ERROR_INTERNAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_error error = {0};
        assert_int_equal(df_error_set_errno(&error, cases[i].number, "opening '%s'", "f"), -1);
        assert_int_equal(error.kind, cases[i].kind);
        char text[256];
        snprintf(text, sizeof text, "opening 'f': %s", strerror(cases[i].number));
        assert_string_equal(error.message, text);
    }
}

static void test_a_prefix_stands_before_the_message_and_keeps_the_kind(void **state)
{
    (void)state;
    struct df_error error = {0};
    df_error_set(&error, DF_ERROR_UNAVAILABLE, "refused");
    error.retryable = false;
    assert_int_equal(df_error_prefix(&error, "part %d", 7), -1);
    assert_string_equal(error.message, "part 7: refused");
    assert_int_equal(error.kind, DF_ERROR_UNAVAILABLE);
    assert_false(error.retryable);
    df_error_no_memory(&error, "counting sheep");
    assert_int_equal(error.kind, DF_ERROR_EXHAUSTED);
    assert_string_equal(error.message, "out of memory counting sheep");
}

static bool is_utf8(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        int more = *at < 0x80 ? 0 : *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc0 ? 1 : -1;
        if (more < 0)
            return false;
        for (at++; more > 0; more--, at++)
            if ((*at & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static void test_a_long_message_is_cut_on_a_character(void **state)
{
    (void)state;
    char text[DF_ERROR_MESSAGE_BYTES * 2] = "";
    for (unsigned blanks = 0; blanks < 4; blanks++) {
        memset(text, 'x', blanks);
        text[blanks] = '\0';
        while (strlen(text) + 4 < sizeof text)
            strcat(text, "\xe2\x82\xac"); /* three bytes */
        struct df_error error;
        df_error_set(&error, DF_ERROR_INVALID, "%s", text);
        assert_true(strlen(error.message) > DF_ERROR_MESSAGE_BYTES - 5);
        assert_true(is_utf8(error.message));
        df_error_set(&error, DF_ERROR_INVALID, "short");
        df_error_prefix(&error, "%s", text);
        assert_true(is_utf8(error.message));
        df_error_set(&error, DF_ERROR_INVALID, "%s", text);
        df_error_prefix(&error, "in front");
        assert_true(strncmp(error.message, "in front: ", 10) == 0);
        assert_true(is_utf8(error.message));
        df_error_set_errno(&error, ENOENT, "%s", text);
        assert_true(is_utf8(error.message));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_has_its_name_status_and_exit_code),
        cmocka_unit_test(test_setting_fills_everything_and_returns_failure),
        cmocka_unit_test(test_nobody_listening_is_fine),
        cmocka_unit_test(test_a_system_error_gives_kind_and_text),
        cmocka_unit_test(test_a_prefix_stands_before_the_message_and_keeps_the_kind),
        cmocka_unit_test(test_a_long_message_is_cut_on_a_character),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
