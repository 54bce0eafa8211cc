#include "base/calendar.h"
#include "engine/funnel/language/time_text.h"

#include <time.h>

#include "testing/testing.h"

/* ---- lengths ---- */

static const struct {
    const char *text;
    uint64_t ns;
} lengths[] = {
    {"0s", 0},
    {"5ns", 5},
    {"2us", 2000},
    {"500ms", 500000000},
    {"30s", UINT64_C(30000000000)},
    {"15m", UINT64_C(900000000000)},
    {"12h", UINT64_C(43200000000000)},
    {"7d", UINT64_C(604800000000000)},
    {"2w", UINT64_C(1209600000000000)},
    {"007d", UINT64_C(604800000000000)},
};

static void test_lengths_have_whole_numbers_and_a_unit(void **state)
{
    (void)state;
    struct df_funnel_length length;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        if (!df_funnel_length_parse(df_slice_text(lengths[i].text), &length))
            fail_msg("%s is none", lengths[i].text);
        assert_true(length.given && length.in_ns);
        assert_true(length.amount == lengths[i].ns);
    }
    static const char *const wrong[] = {"",   "5",  "s",  "-5s",  "1.5s",  "+5s",   "5 s",  " 5s",  "5s ",
                                        "5D", "5S", "5x", "5min", "5days", "5ms5s", "0x5s", "5e3s", "\xC2\xB5s"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (df_funnel_length_parse(df_slice_text(wrong[i]), &length))
            fail_msg("'%s' is taken", wrong[i]);
}

static void test_a_maximum_is_rounded_down_and_a_minimum_up(void **state)
{
    (void)state;
    struct df_funnel_length length;
    assert_true(df_funnel_length_parse(df_slice_text("500ms"), &length));
    assert_true(df_funnel_length_floor(&length, DF_FUNNEL_SCALE_S) == 0);
    assert_true(df_funnel_length_ceiling(&length, DF_FUNNEL_SCALE_S) == 1);
    assert_true(df_funnel_length_floor(&length, DF_FUNNEL_SCALE_MS) == 500);
    assert_true(df_funnel_length_ceiling(&length, DF_FUNNEL_SCALE_MS) == 500);
    assert_true(df_funnel_length_floor(&length, DF_FUNNEL_SCALE_NS) == 500000000);
    assert_true(df_funnel_length_parse(df_slice_text("36h"), &length));
    assert_true(df_funnel_length_floor(&length, DF_FUNNEL_SCALE_DAY) == 1);
    assert_true(df_funnel_length_ceiling(&length, DF_FUNNEL_SCALE_DAY) == 2);
    length = (struct df_funnel_length){.given = true, .amount = 36};
    assert_true(df_funnel_length_floor(&length, DF_FUNNEL_SCALE_DAY) == 36);
    assert_true(df_funnel_length_ceiling(&length, DF_FUNNEL_SCALE_NS) == 36);
}

static void test_lengths_beyond_64_bits_are_the_longest(void **state)
{
    (void)state;
    static const char *const texts[] = {"18446744073709551616ns", "99999999999999999999999999999999999999999w",
                                        "340282366920938463463374607431768211456ns",
                                        "340282366920938463463374607431768211455ns",
                                        "5000000000000000000000000000000000000000000000000000000000s"};
    struct df_funnel_length length;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_true(df_funnel_length_parse(df_slice_text(texts[i]), &length));
        assert_true(df_funnel_length_floor(&length, DF_FUNNEL_SCALE_NS) == UINT64_MAX);
        assert_true(df_funnel_length_ceiling(&length, DF_FUNNEL_SCALE_NS) == UINT64_MAX);
    }
    assert_true(df_funnel_length_parse(df_slice_text("18446744073709551615ns"), &length));
    assert_true(df_funnel_length_floor(&length, DF_FUNNEL_SCALE_NS) == UINT64_MAX);
    assert_true(df_funnel_length_floor(&length, DF_FUNNEL_SCALE_US) == UINT64_C(18446744073709551));
    assert_true(df_funnel_length_ceiling(&length, DF_FUNNEL_SCALE_US) == UINT64_C(18446744073709552));
    assert_true(df_funnel_length_parse(df_slice_text("18446744073709551615d"), &length));
    assert_true(df_funnel_length_floor(&length, DF_FUNNEL_SCALE_DAY) == UINT64_MAX);
    length.amount -= 1; /* a nanosecond less than UINT64_MAX days */
    assert_true(df_funnel_length_floor(&length, DF_FUNNEL_SCALE_DAY) == UINT64_MAX - 1);
}

/* ---- the calendar ---- */

static void test_every_day_of_three_thousand_years_follows_the_last(void **state)
{
    (void)state;
    struct df_civil day = {.year = -500, .month = 1, .day = 1};
    int64_t days = df_days_of_civil(day);
    for (; day.year <= 2500; days++) {
        struct df_civil found = df_civil_of_days(days);
        if (found.year != day.year || found.month != day.month || found.day != day.day)
            fail_msg("day %lld is %lld-%u-%u, not %lld-%u-%u", (long long)days, (long long)found.year, found.month,
                     found.day, (long long)day.year, day.month, day.day);
        assert_true(df_days_of_civil(day) == days);
        static const unsigned months[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = day.year % 4 == 0 && (day.year % 100 != 0 || day.year % 400 == 0);
        if (++day.day > months[day.month - 1] + (leap && day.month == 2)) {
            day.day = 1;
            if (++day.month > 12) {
                day.month = 1;
                day.year++;
            }
        }
    }
}

static void test_known_days(void **state)
{
    (void)state;
    static const struct {
        int64_t days, year;
        unsigned month, day;
    } known[] = {{0, 1970, 1, 1},         {-1, 1969, 12, 31},     {16558, 2015, 5, 3},  {11016, 2000, 2, 29},
                 {-719162, 1, 1, 1},      {-719163, 0, 12, 31},   {-719528, 0, 1, 1},   {-719529, -1, 12, 31},
                 {2932896, 9999, 12, 31}, {2932897, 10000, 1, 1}, {-25567, 1900, 1, 1}, {-25508, 1900, 3, 1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct df_civil civil = df_civil_of_days(known[i].days);
        assert_true(civil.year == known[i].year && civil.month == known[i].month && civil.day == known[i].day);
        assert_true(df_days_of_civil(civil) == known[i].days);
    }
}

static void test_any_day_goes_to_the_calendar_and_back(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int i = 0; i < 200000; i++) {
        int64_t days = (int64_t)test_random(&random) >> (test_random(&random) % 64);
        days = i == 0 ? INT64_MIN : i == 1 ? INT64_MAX : days;
        struct df_civil civil = df_civil_of_days(days);
        assert_true(civil.month >= 1 && civil.month <= 12 && civil.day >= 1 && civil.day <= 31);
        assert_true(df_days_of_civil(civil) == days);
    }
    assert_true(df_days_of_civil((struct df_civil){INT64_MAX, 12, 31}) == INT64_MAX);
    assert_true(df_days_of_civil((struct df_civil){INT64_MIN, 1, 1}) == INT64_MIN);
}

/* ---- instants ---- */

static const struct {
    const char *text;
    int64_t seconds, ns;
    bool timed;
} instants[] = {
    {"1970-01-01", 0, 0, false},
    {"2015-05-03", 1430611200, 0, false},
    {"2015-05-03T10:20:30.5Z", 1430648430, 500000000, true},
    {"2015-05-03 10:20:30", 1430648430, 0, true},
    {"2015-05-03t10:20:30z", 1430648430, 0, true},
    {"2015-05-03T10:20", 1430648400, 0, true},
    {"2015-05-03T10:20Z", 1430648400, 0, true},
    {"2015-05-03T00:00:00", 1430611200, 0, true},
    {"2015-05-03T10:20:30+02:00", 1430641230, 0, true},
    {"2015-05-03T10:20:30-0530", 1430668230, 0, true},
    {"2015-05-03T10:20:30+02", 1430641230, 0, true},
    {"2015-05-03T10:20:30.123456789", 1430648430, 123456789, true},
    {"2015-05-03T10:20:30.1234567899999999999999Z", 1430648430, 123456789, true},
    {"2015-05-03T10:20:30.000000001-00:00", 1430648430, 1, true},
    {"1969-12-31T23:59:59.999999999Z", -1, 999999999, true},
    {"0001-01-01", INT64_C(-62135596800), 0, false},
    {"9999-12-31T23:59:59Z", INT64_C(253402300799), 0, true},
    {"2000-02-29", 951782400, 0, false},
};

static void test_iso_texts_are_instants(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof instants / sizeof *instants; i++) {
        struct df_funnel_instant instant;
        bool timed = !instants[i].timed;
        if (!df_funnel_instant_parse(df_slice_text(instants[i].text), &instant, &timed))
            fail_msg("%s is none", instants[i].text);
        __int128 expected = (__int128)instants[i].seconds * 1000000000 + instants[i].ns;
        if (!instant.given || !instant.in_ns || instant.amount != expected || timed != instants[i].timed)
            fail_msg("%s is another instant", instants[i].text);
        assert_true(df_funnel_instant_parse(df_slice_text(instants[i].text), &instant, NULL));
    }
}

static void test_what_is_no_instant_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "2015",
        "2015-05",
        "2015-5-3",
        "15-05-03",
        "02015-05-03",
        "+2015-05-03",
        "-2015-05-03",
        "0000-01-01",
        "2015-00-03",
        "2015-13-03",
        "2015-05-00",
        "2015-05-32",
        "2015-04-31",
        "2015-02-29",
        "1900-02-29",
        "2015-05-03T",
        "2015-05-03 ",
        "2015-05-03Z",
        "2015-05-03T1",
        "2015-05-03T10",
        "2015-05-03T10:2",
        "2015-05-03T24:00:00",
        "2015-05-03T10:60:00",
        "2015-05-03T10:20:60",
        "2015-05-03T10:20:30.",
        "2015-05-03T10:20:30.Z",
        "2015-05-03T10:20:30,5",
        "2015-05-03T10:20:30+",
        "2015-05-03T10:20:30+2",
        "2015-05-03T10:20:30+02:",
        "2015-05-03T10:20:30+02:0",
        "2015-05-03T10:20:30+24:00",
        "2015-05-03T10:20:30+02:60",
        "2015-05-03T10:20:30ZZ",
        "2015-05-03T10:20:30 Z",
        "2015-05-03T10:20:30Z ",
        "2015/05/03",
        "20150503",
        "yesterday",
        "1430611200",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct df_funnel_instant instant;
        if (df_funnel_instant_parse(df_slice_text(wrong[i]), &instant, NULL))
            fail_msg("'%s' is taken", wrong[i]);
    }
}

/* Every byte left out or changed: an instant or none, and nothing beyond the end is read (the sanitizers see it). */
static void test_texts_that_are_cut_anywhere(void **state)
{
    (void)state;
    const char *text = "2015-05-03T10:20:30.123+02:00";
    for (size_t size = 0; size < strlen(text); size++) {
        struct df_funnel_instant instant;
        char *exact = malloc(size + 1);
        memcpy(exact, text, size);
        bool whole = size == 10 || size == 16 || size == 19 || (size >= 21 && size <= 23) || size == 26;
        assert_true(df_funnel_instant_parse(df_slice_make(exact, size), &instant, NULL) == whole);
        free(exact);
    }
}

static void test_the_first_step_that_is_not_before(void **state)
{
    (void)state;
    struct df_funnel_instant instant;
    assert_true(df_funnel_instant_parse(df_slice_text("2015-05-03T10:20:30.5Z"), &instant, NULL));
    assert_true(df_funnel_instant_ceiling(&instant, DF_FUNNEL_SCALE_S) == 1430648431);
    assert_true(df_funnel_instant_ceiling(&instant, DF_FUNNEL_SCALE_MS) == INT64_C(1430648430500));
    assert_true(df_funnel_instant_ceiling(&instant, DF_FUNNEL_SCALE_US) == INT64_C(1430648430500000));
    assert_true(df_funnel_instant_ceiling(&instant, DF_FUNNEL_SCALE_NS) == INT64_C(1430648430500000000));
    assert_true(df_funnel_instant_ceiling(&instant, DF_FUNNEL_SCALE_DAY) == 16559);
    assert_true(df_funnel_instant_parse(df_slice_text("1969-12-31T23:59:58.5Z"), &instant, NULL));
    assert_true(df_funnel_instant_ceiling(&instant, DF_FUNNEL_SCALE_S) == -1);
    assert_true(df_funnel_instant_ceiling(&instant, DF_FUNNEL_SCALE_MS) == -1500);
    assert_true(df_funnel_instant_ceiling(&instant, DF_FUNNEL_SCALE_DAY) == 0);
    assert_true(df_funnel_instant_parse(df_slice_text("1969-12-31"), &instant, NULL));
    assert_true(df_funnel_instant_ceiling(&instant, DF_FUNNEL_SCALE_DAY) == -1);
    assert_true(df_funnel_instant_parse(df_slice_text("9999-12-31"), &instant, NULL)); /* beyond int64 in ns */
    assert_true(df_funnel_instant_ceiling(&instant, DF_FUNNEL_SCALE_NS) == (__int128)253402214400 * 1000000000);
    instant = (struct df_funnel_instant){.given = true, .amount = -7};
    assert_true(df_funnel_instant_ceiling(&instant, DF_FUNNEL_SCALE_DAY) == -7);
}

/* ---- printing ---- */

static const char *text_of(struct df_buf *out)
{
    static char text[64];
    snprintf(text, sizeof text, "%s", df_buf_text(out));
    df_buf_dispose(out);
    return text;
}

static const char *date(int64_t days)
{
    struct df_buf out = {0};
    df_type_put_date(&out, days);
    return text_of(&out);
}

static const char *timestamp(int64_t value, enum df_time_unit unit)
{
    struct df_buf out = {0};
    df_type_put_timestamp(&out, value, unit);
    return text_of(&out);
}

static const char *time_of_day(int64_t value, enum df_time_unit unit)
{
    struct df_buf out = {0};
    df_type_put_time_of_day(&out, value, unit);
    return text_of(&out);
}

static void test_dates_and_times_as_text(void **state)
{
    (void)state;
    assert_string_equal(date(0), "1970-01-01");
    assert_string_equal(date(16558), "2015-05-03");
    assert_string_equal(date(-719162), "0001-01-01");
    assert_string_equal(date(-719163), "+0000-12-31");
    assert_string_equal(date(-719529), "-0001-12-31");
    assert_string_equal(date(2932896), "9999-12-31");
    assert_string_equal(date(2932897), "+10000-01-01");
    assert_string_equal(date(INT64_MAX), "+25252734927768524-07-27");
    assert_string_equal(date(INT64_MIN), "-25252734927764585-06-07");
    assert_string_equal(timestamp(0, DF_TIME_S), "1970-01-01T00:00:00Z");
    assert_string_equal(timestamp(1430648430, DF_TIME_S), "2015-05-03T10:20:30Z");
    assert_string_equal(timestamp(INT64_C(1430648430500), DF_TIME_MS), "2015-05-03T10:20:30.500Z");
    assert_string_equal(timestamp(INT64_C(1430648430000), DF_TIME_MS), "2015-05-03T10:20:30Z");
    assert_string_equal(timestamp(INT64_C(1430648430500000), DF_TIME_US), "2015-05-03T10:20:30.500Z");
    assert_string_equal(timestamp(INT64_C(1430648430500001), DF_TIME_US), "2015-05-03T10:20:30.500001Z");
    assert_string_equal(timestamp(INT64_C(1430648430500001000), DF_TIME_NS), "2015-05-03T10:20:30.500001Z");
    assert_string_equal(timestamp(INT64_C(1430648430000000007), DF_TIME_NS), "2015-05-03T10:20:30.000000007Z");
    assert_string_equal(timestamp(-1, DF_TIME_MS), "1969-12-31T23:59:59.999Z");
    assert_string_equal(timestamp(-86400, DF_TIME_S), "1969-12-31T00:00:00Z");
    assert_string_equal(timestamp(INT64_MIN, DF_TIME_NS), "1677-09-21T00:12:43.145224192Z");
    assert_string_equal(timestamp(INT64_MAX, DF_TIME_NS), "2262-04-11T23:47:16.854775807Z");
    assert_string_equal(timestamp(INT64_MAX, DF_TIME_S), "+292277026596-12-04T15:30:07Z");
    assert_string_equal(timestamp(INT64_MIN, DF_TIME_S), "-292277022657-01-27T08:29:52Z");
    assert_string_equal(time_of_day(37230500, DF_TIME_MS), "10:20:30.500");
    assert_string_equal(time_of_day(0, DF_TIME_NS), "00:00:00");
    assert_string_equal(time_of_day(INT64_C(86399999999999), DF_TIME_NS), "23:59:59.999999999");
    assert_string_equal(time_of_day(-1, DF_TIME_S), "-00:00:01");
    assert_string_equal(time_of_day(INT64_MIN, DF_TIME_NS), "-2562047:47:16.854775808");
}

static void test_what_is_printed_reads_as_the_same_instant(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int i = 0; i < 50000; i++) {
        enum df_time_unit unit = (enum df_time_unit)(test_random(&random) % DF_TIME_UNITS);
        int64_t per_second = df_time_unit_per_second(unit), most = INT64_MAX / per_second;
        int64_t span = most < INT64_C(62135596800) ? most : INT64_C(62135596800); /* back to the year 1 */
        int64_t value = (int64_t)(test_random(&random) % (uint64_t)(2 * span)) - span;
        value = value * per_second + (int64_t)(test_random(&random) % (uint64_t)per_second);
        struct df_buf out = {0};
        struct df_funnel_instant instant;
        df_type_put_timestamp(&out, value, unit);
        if (!df_funnel_instant_parse(df_buf_slice(&out), &instant, NULL) ||
            instant.amount != (__int128)value * (1000000000 / per_second))
            fail_msg("%lld in %s is printed as %s", (long long)value, df_time_unit_name(unit), df_buf_text(&out));
        df_buf_dispose(&out);
    }
}

static void test_the_c_library_agrees(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int i = 0; i < 20000; i++) {
        time_t seconds = (time_t)(test_random(&random) % UINT64_C(200000000000)) - 50000000000;
        struct tm tm;
        char expected[64];
        assert_non_null(gmtime_r(&seconds, &tm));
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        assert_string_equal(timestamp((int64_t)seconds, DF_TIME_S), expected);
    }
}

static void test_scales_have_names_and_lengths(void **state)
{
    (void)state;
    static const char *const names[] = {"s", "ms", "us", "ns", "day"};
    static const int64_t ns[] = {1000000000, 1000000, 1000, 1, INT64_C(86400000000000)};
    for (unsigned i = 0; i < DF_FUNNEL_SCALES; i++) {
        assert_string_equal(df_funnel_scale_name((enum df_funnel_scale)i), names[i]);
        assert_true(df_funnel_scale_ns((enum df_funnel_scale)i) == ns[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_have_whole_numbers_and_a_unit),
        cmocka_unit_test(test_a_maximum_is_rounded_down_and_a_minimum_up),
        cmocka_unit_test(test_lengths_beyond_64_bits_are_the_longest),
        cmocka_unit_test(test_every_day_of_three_thousand_years_follows_the_last),
        cmocka_unit_test(test_known_days),
        cmocka_unit_test(test_any_day_goes_to_the_calendar_and_back),
        cmocka_unit_test(test_iso_texts_are_instants),
        cmocka_unit_test(test_what_is_no_instant_is_refused),
        cmocka_unit_test(test_texts_that_are_cut_anywhere),
        cmocka_unit_test(test_the_first_step_that_is_not_before),
        cmocka_unit_test(test_dates_and_times_as_text),
        cmocka_unit_test(test_what_is_printed_reads_as_the_same_instant),
        cmocka_unit_test(test_the_c_library_agrees),
        cmocka_unit_test(test_scales_have_names_and_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
