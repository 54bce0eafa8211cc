/* Cells as values: what a text is taken for, what a type takes, and the type of a column from all of its cells. */
#include "testing/testing.h"

#include <math.h>
#include <stdlib.h>

#include "format/text/value.h"

static struct df_text_cell cell_of(const char *text, enum df_text_form form)
{
    return (struct df_text_cell){.text = df_slice_text(text), .form = form};
}

static enum df_text_class class_of(const char *text)
{
    struct df_text_value value;
    struct df_text_cell cell = cell_of(text, DF_TEXT_FREE);
    df_text_classify(&cell, DF_TEXT_DAY_ANY, &value);
    return value.kind;
}

static void test_what_a_text_is_taken_for(void **state)
{
    (void)state;
    static const struct {
        enum df_text_class expected;
        const char *texts[16];
    } rows[] = {
        {DF_TEXT_CLASS_BOOL, {"true", "false", "True", "FALSE"}},
        {DF_TEXT_CLASS_INT, {"0", "-1", "-0", "42", "9223372036854775807", "-9223372036854775808"}},
        {DF_TEXT_CLASS_UINT, {"9223372036854775808", "18446744073709551615"}},
        {DF_TEXT_CLASS_FLOAT, {"1.5", "-.5", "5.", "1e5", "1.5E-3", "0.1", "0e0"}},
        {DF_TEXT_CLASS_WORD, {"NaN", "inf", "-inf", "Infinity", "nan"}},
        {DF_TEXT_CLASS_DATE,
         {"2024-02-29", "0001-01-01", "9999-12-31", "2024/01/02", "2024-1-2", "13/02/2024", "02/13/2024", "2-1-2024",
          "31.12.2024", "2 Jan 2024", "02-FEB-2024", "January 2, 2024", "Tue, 2 Jan 2024", "Sep 30 2024"}},
        {DF_TEXT_CLASS_TIMESTAMP,
         {"2024-01-02T03:04", "2024-01-02 03:04:05", "2024-01-02T03:04:05.123456789Z", "2024/01/02 03:04:05+02:00",
          "2024-01-02T03:04:05-0130", "2024-01-02 03:04:05 +02", "2024-01-02t03:04:05,5z", "2024-01-02 3:04 UTC",
          "20240102T030405Z", "20240102T0304", "1/2/2024, 3:04:05 PM", "1/2/2024 12:00am",
          "Tue, 02 Jan 2024 03:04:05 GMT", "10/Oct/2000:13:55:36 -0700"}},
        {DF_TEXT_CLASS_STRING,
         {"007", "-007", "00.5", "+5", " 5", "5 ", "1_000", "0x10", "18446744073709551616", "-9223372036854775809",
          "1e999", "--1", "1e", "e5"}},
        {DF_TEXT_CLASS_STRING,
         {"2023-02-29", "2024-13-01", "2024-01-00", "0000-01-01", "2024-01/02", "2024-1-", "20240102T030405x",
          "2024-01-02T24:00", "2024-01-02T03:60", "2024-01-02T03:04:60", "2024-01-02T03:04:05+24:00",
          "2024-01-02T03:04:05.", "2024-01-02T", "-nan", "t"}},
        {DF_TEXT_CLASS_STRING,
         {"13/13/2024", "02/30/2024", "02.13.2024", "1/2/24", "1/2-2024", "2024.01.02", "2 Janu 2024", "Jan 2024",
          "2 Jan 2024Z", "1/2/2024 13:00 PM", "1/2/2024 0:00 AM", "20240102T3:04", "192.168.2024", "May I go, 2024",
          "2 3 2024", "2024-01-02 03:04 CET"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (const char *const *text = rows[i].texts; text < rows[i].texts + 16 && *text; text++)
            if (class_of(*text) != rows[i].expected)
                fail_msg("'%s' is taken for %d, expected %d", *text, (int)class_of(*text), (int)rows[i].expected);
    assert_int_equal(class_of(""), DF_TEXT_CLASS_STRING);
    assert_int_equal(class_of("."), DF_TEXT_CLASS_STRING);
    assert_int_equal(class_of("-"), DF_TEXT_CLASS_STRING);
}

static struct df_text_stored stored_of(const char *text, struct df_type type)
{
    struct df_text_stored stored;
    struct df_text_cell cell = cell_of(text, DF_TEXT_FREE);
    if (!df_text_convert(&cell, &type, DF_TEXT_DAY_ANY, &stored))
        fail_msg("'%s' is not taken", text);
    return stored;
}

static bool takes(const char *text, struct df_type type)
{
    struct df_text_stored stored;
    struct df_text_cell cell = cell_of(text, DF_TEXT_FREE);
    return df_text_convert(&cell, &type, DF_TEXT_DAY_ANY, &stored);
}

static const struct df_type integer = {.kind = DF_TYPE_INT64}, large = {.kind = DF_TYPE_UINT64},
                            number = {.kind = DF_TYPE_FLOAT}, boolean = {.kind = DF_TYPE_BOOL},
                            date = {.kind = DF_TYPE_DATE}, in_us = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_US},
                            in_ns = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_NS};

static void test_values_of_types(void **state)
{
    (void)state;
    assert_int_equal(stored_of("-9223372036854775808", integer).int64, INT64_MIN);
    assert_int_equal(stored_of("007", integer).int64, 7);
    assert_int_equal(stored_of("+5", integer).int64, 5);
    assert_int_equal((uint64_t)stored_of("18446744073709551615", large).int64, UINT64_MAX);
    assert_true(stored_of("0.1", number).float64 == 0.1);
    assert_true(isnan(stored_of("NaN", number).float64));
    assert_int_equal(stored_of("1", boolean).int64, 1);
    assert_int_equal(stored_of("1969-12-31", date).int64, -1);
    assert_int_equal(stored_of("0001-01-01", date).int64, -719162);
    assert_int_equal(stored_of("2000-03-01", date).int64, 11017);
    assert_int_equal(stored_of("1969-12-31T23:59:59.999999", in_us).int64, -1);
    assert_int_equal(stored_of("1970-01-01T02:00:00+02:00", in_us).int64, 0);
    assert_int_equal(stored_of("1970-01-01 00:00:01.123456789", in_ns).int64, INT64_C(1123456789));
    assert_int_equal(stored_of("1970-01-02", in_us).int64, INT64_C(86400000000));
}

static int64_t time_of(const char *text, enum df_text_day_order order)
{
    struct df_text_stored stored;
    struct df_text_cell cell = cell_of(text, DF_TEXT_FREE);
    if (!df_text_convert(&cell, &in_us, order, &stored))
        fail_msg("'%s' is not taken", text);
    return stored.int64 / 1000000;
}

/* date +%s -u -d … */
static void test_the_forms_of_times_mean_the_same_moment(void **state)
{
    (void)state;
    static const char *const texts[] = {"2024-02-01T15:04:05Z",
                                        "20240201T150405Z",
                                        "2024/2/1 15:04:05",
                                        "1/2/2024 15:04:05",
                                        "01.02.2024 3:04:05 PM",
                                        "1-2-2024 17:04:05+02:00",
                                        "Thu, 01 Feb 2024 15:04:05 GMT",
                                        "1/Feb/2024:10:04:05 -0500",
                                        "February 1, 2024, 3:04:05pm",
                                        "1 feb 2024 15:04:05,000 UTC"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (time_of(texts[i], DF_TEXT_DAY_FIRST) != 1706799845)
            fail_msg("'%s' is second %lld", texts[i], (long long)time_of(texts[i], DF_TEXT_DAY_FIRST));
    assert_int_equal(time_of("2/1/2024 12:04:05 AM", DF_TEXT_MONTH_FIRST), 1706745845);
    assert_int_equal(time_of("2/1/2024 12:04:05 PM", DF_TEXT_MONTH_FIRST), 1706789045);
}

static void test_what_a_type_does_not_take(void **state)
{
    (void)state;
    assert_false(takes("9223372036854775808", integer));
    assert_false(takes("5.0", integer));
    assert_false(takes("-1", large));
    assert_false(takes("x", number));
    assert_false(takes("yes", boolean));
    assert_false(takes("2024-01-01T00:00:00", date));
    assert_false(takes("2300-01-01", in_ns));
    assert_false(takes("1700000000", in_us));
    struct df_text_stored stored;
    struct df_text_cell list = cell_of("[1]", DF_TEXT_JSON_LIST);
    assert_false(df_text_convert(&list, &number, DF_TEXT_DAY_ANY, &stored));
}

/* The type of a column of these texts, separated by blanks; a '_' stands for a blank, '@' for a null. */
static struct df_type type_of(const char *texts)
{
    struct df_text_column column = {0};
    char word[64];
    while (*texts) {
        size_t size = strcspn(texts, " ");
        snprintf(word, sizeof word, "%.*s", (int)size, texts);
        for (char *c = word; *c; c++)
            *c = *c == '_' ? ' ' : *c;
        struct df_text_cell cell = cell_of(word, strcmp(word, "@") == 0 ? DF_TEXT_MISSING : DF_TEXT_FREE);
        struct df_text_value value;
        df_text_classify(&cell, DF_TEXT_DAY_ANY, &value);
        df_text_column_note(&column, &value);
        texts += size + (texts[size] == ' ');
    }
    return df_text_column_type(&column);
}

static void test_the_narrowest_type_without_loss(void **state)
{
    (void)state;
    static const struct {
        const char *texts;
        enum df_type_kind expected;
    } rows[] = {
        {"", DF_TYPE_NULL},
        {"@ @", DF_TYPE_NULL},
        {"true @ false", DF_TYPE_BOOL},
        {"true 1", DF_TYPE_STRING},
        {"1 @ -2", DF_TYPE_INT64},
        {"1 007", DF_TYPE_STRING},
        {"1 18446744073709551615", DF_TYPE_UINT64},
        {"-1 18446744073709551615", DF_TYPE_STRING},
        {"1 2.5", DF_TYPE_FLOAT},
        {"9007199254740992 2.5", DF_TYPE_FLOAT},
        {"9007199254740993 2.5", DF_TYPE_STRING},
        {"NaN inf", DF_TYPE_STRING},
        {"NaN 1", DF_TYPE_FLOAT},
        {"1 2 3 x", DF_TYPE_STRING},
        {"2024-01-01 2024/01/02", DF_TYPE_DATE},
        {"2024-01-01 2024-01-01_03:04:05", DF_TYPE_TIMESTAMP},
        {"2024-01-01 5", DF_TYPE_STRING},
        {"2024-01-01T00:00:00.1234567891", DF_TYPE_STRING},
        {"2024-01-01T00:00:00.123456789 2300-01-01", DF_TYPE_STRING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (type_of(rows[i].texts).kind != rows[i].expected)
            fail_msg("'%s': type %d, expected %d", rows[i].texts, (int)type_of(rows[i].texts).kind,
                     (int)rows[i].expected);
    assert_int_equal(type_of("2024-01-01T00:00:00.123456").unit, DF_TIME_US);
    assert_int_equal(type_of("2024-01-01T00:00:00.123456789").unit, DF_TIME_NS);
    assert_int_equal(type_of("2300-01-01T00:00:00.1").unit, DF_TIME_US);
}

static struct df_text_column column_of(const char *const texts[], enum df_text_day_order order)
{
    struct df_text_column column = {0};
    for (; *texts; texts++) {
        struct df_text_cell cell = cell_of(*texts, DF_TEXT_FREE);
        struct df_text_value value;
        df_text_classify(&cell, order, &value);
        df_text_column_note(&column, &value);
    }
    return column;
}

static void test_a_column_tells_the_day_from_the_month(void **state)
{
    (void)state;
    static const struct {
        const char *texts[4];
        enum df_text_day_order given, expected;
        enum df_type_kind kind;
        bool ambiguous;
    } rows[] = {
        {{"01/02/2024", "13/02/2024"}, DF_TEXT_DAY_ANY, DF_TEXT_DAY_FIRST, DF_TYPE_DATE, false},
        {{"01/02/2024", "02/13/2024"}, DF_TEXT_DAY_ANY, DF_TEXT_MONTH_FIRST, DF_TYPE_DATE, false},
        {{"01/02/2024 3:04", "02/13/2024"}, DF_TEXT_DAY_ANY, DF_TEXT_MONTH_FIRST, DF_TYPE_TIMESTAMP, false},
        {{"01/02/2024"}, DF_TEXT_DAY_ANY, DF_TEXT_DAY_ANY, DF_TYPE_STRING, true},
        {{"01/02/2024", "2024-01-02"}, DF_TEXT_DAY_ANY, DF_TEXT_DAY_ANY, DF_TYPE_STRING, true},
        {{"13/02/2024", "02/13/2024"}, DF_TEXT_DAY_ANY, DF_TEXT_DAY_ANY, DF_TYPE_STRING, true},
        {{"02/02/2024", "03/03/2024"}, DF_TEXT_DAY_ANY, DF_TEXT_DAY_ANY, DF_TYPE_DATE, false},
        {{"01.02.2024"}, DF_TEXT_DAY_ANY, DF_TEXT_DAY_FIRST, DF_TYPE_DATE, false},
        {{"01/02/2024"}, DF_TEXT_DAY_FIRST, DF_TEXT_DAY_FIRST, DF_TYPE_DATE, false},
        {{"01.02.2024"}, DF_TEXT_MONTH_FIRST, DF_TEXT_MONTH_FIRST, DF_TYPE_DATE, false},
        {{"13/02/2024"}, DF_TEXT_MONTH_FIRST, DF_TEXT_DAY_ANY, DF_TYPE_STRING, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct df_text_column column = column_of(rows[i].texts, rows[i].given);
        if (df_text_column_order(&column) != rows[i].expected || df_text_column_type(&column).kind != rows[i].kind ||
            df_text_column_is_ambiguous(&column) != rows[i].ambiguous)
            fail_msg("row %zu: order %d, type %d, ambiguous %d", i, (int)df_text_column_order(&column),
                     (int)df_text_column_type(&column).kind, df_text_column_is_ambiguous(&column));
    }
    assert_int_equal(time_of("01/02/2024", DF_TEXT_MONTH_FIRST) - time_of("2024-01-02", DF_TEXT_DAY_ANY), 0);
}

/* Numbers of few digits go another way than strtod. */
static void test_numbers_are_rounded_as_strtod_rounds_them(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    char text[64];
    for (int i = 0; i < 100000; i++) {
        unsigned digits = 1 + (unsigned)(test_random(&random) % 17), point = (unsigned)(test_random(&random) % 18);
        size_t size = 0;
        if (test_random(&random) % 2)
            text[size++] = '-';
        for (unsigned at = 0; at < digits; at++) {
            if (at == point)
                text[size++] = '.';
            text[size++] = (char)('0' + test_random(&random) % 10);
        }
        text[size] = '\0';
        double found = stored_of(text, number).float64, expected = strtod(text, NULL);
        if (memcmp(&found, &expected, sizeof found) != 0)
            fail_msg("'%s' is %.17g, expected %.17g", text, found, expected);
    }
}

static void test_utf8_is_checked_to_the_byte(void **state)
{
    (void)state;
    assert_int_equal(df_text_utf8_error(df_slice_text("abcdefgh\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z")), 18);
    static const char *const wrong[] = {
        "\x80",     "\xc0\x80",     "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xe2\x82", "\xf0\x9f\x98", "\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (size_t before = 0; before < 10; before++) {
            char text[32];
            snprintf(text, sizeof text, "%.*s%s", (int)before, "0123456789", wrong[i]);
            assert_int_equal(df_text_utf8_error(df_slice_text(text)), before);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_text_is_taken_for),
        cmocka_unit_test(test_values_of_types),
        cmocka_unit_test(test_what_a_type_does_not_take),
        cmocka_unit_test(test_the_narrowest_type_without_loss),
        cmocka_unit_test(test_utf8_is_checked_to_the_byte),
        cmocka_unit_test(test_the_forms_of_times_mean_the_same_moment),
        cmocka_unit_test(test_a_column_tells_the_day_from_the_month),
        cmocka_unit_test(test_numbers_are_rounded_as_strtod_rounds_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
