#include "cli/chart.h"

#include "cli/text.h"
#include "testing/testing.h"

static struct df_chart_step step_of(const char *label, uint64_t users)
{
    return (struct df_chart_step){.label = df_slice_text(label), .users = users};
}

static struct df_buf draw(const struct df_chart_step *steps, size_t count, struct df_chart_style style)
{
    struct df_chart chart = {.steps = steps, .step_count = count, .users = 20000, .rows = 50008, .seconds = 0.125};
    struct df_buf out = {0};
    df_chart_put_funnel(&chart, &style, &out);
    assert_false(df_buf_failed(&out));
    return out;
}

/* Drops colours; returns the widest line's columns. */
static unsigned widest_line(struct df_slice text)
{
    unsigned widest = 0;
    struct df_buf line = {0};
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\033') {
            while (text.data[i] != 'm')
                i++;
        } else if (text.data[i] == '\n') {
            unsigned width = df_text_width(df_buf_slice(&line), false);
            widest = width > widest ? width : widest;
            df_buf_clear(&line);
        } else {
            df_buf_put_u8(&line, text.data[i]);
        }
    }
    assert_int_equal(line.size, 0); /* the last line ends */
    df_buf_dispose(&line);
    return widest;
}

static void assert_draws(const struct df_chart_step *steps, size_t count, struct df_chart_style style,
                         const char *expected)
{
    struct df_buf out = draw(steps, count, style);
    assert_string_equal(df_buf_text(&out), expected);
    df_buf_dispose(&out);
}

static void test_chart_of_a_funnel_in_80_columns(void **state)
{
    (void)state;
    const struct df_chart_step steps[] = {step_of("event = view", 19401), step_of("event = addtocart", 552),
                                          step_of("event = transaction", 328)};
    assert_draws(steps, 3, (struct df_chart_style){.columns = 80},
                 "Which users did event = view, then event = addtocart, then event = transaction?\n"
                 "\n"
                 "                                              users  of first  of prev.     drop\n"
                 "1 event = view         ████████████████████  19,401   100.0 %\n"
                 "2 event = addtocart    ▋                        552     2.8 %     2.8 %  -18,849\n"
                 "3 event = transaction  ▍                        328     1.7 %    59.4 %     -224\n"
                 "\n"
                 "50,008 rows · 20,000 users · 125 ms · 400 k rows/s\n");
}

static void test_chart_in_ascii_has_only_ascii(void **state)
{
    (void)state;
    const struct df_chart_step steps[] = {step_of("Käse", 100), step_of("b", 50)};
    struct df_buf out = draw(steps, 2, (struct df_chart_style){.columns = 60, .ascii = true});
    for (size_t i = 0; i < out.size; i++)
        assert_true(out.data[i] < 0x80);
    assert_non_null(strstr(df_buf_text(&out), "1 K?se  ###"));
    assert_null(strchr(df_buf_text(&out), '\033'));
    df_buf_dispose(&out);
}

static void test_chart_is_coloured_only_when_asked(void **state)
{
    (void)state;
    const struct df_chart_step steps[] = {step_of("a", 100), step_of("b", 50)};
    struct df_buf plain = draw(steps, 2, (struct df_chart_style){.columns = 80});
    struct df_buf coloured = draw(steps, 2, (struct df_chart_style){.columns = 80, .colour = true});
    assert_null(strchr(df_buf_text(&plain), '\033'));
    assert_non_null(strchr(df_buf_text(&coloured), '\033'));
    df_buf_dispose(&plain);
    df_buf_dispose(&coloured);
}

static void test_chart_is_never_wider_than_the_terminal(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    static const char *const labels[] = {
        "a",
        "event = view",
        "page starts with 'https://example.org/a/very/long/address/of/some/page'",
        "東京都 = 大阪府の長い名前が続く",
        "🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒",
        "\033[2Jx\xFF"};
    for (unsigned columns = 1; columns <= 220; columns++)
        for (unsigned variant = 0; variant < 4; variant++) {
            struct df_chart_step steps[30];
            size_t count = 1 + test_random(&seed) % 30;
            uint64_t users = test_random(&seed) >> test_random(&seed) % 64;
            for (size_t i = 0; i < count; i++) {
                steps[i] = step_of(labels[test_random(&seed) % 6], users);
                users = users ? test_random(&seed) % (users + (users < UINT64_MAX)) : 0;
            }
            struct df_chart_style style = {.columns = columns, .colour = variant & 1, .ascii = variant & 2};
            struct df_buf out = draw(steps, count, style);
            unsigned widest = widest_line(df_buf_slice(&out));
            if (widest > columns)
                fail_msg("%u columns wide instead of %u:\n%s", widest, columns, df_buf_text(&out));
            df_buf_dispose(&out);
        }
}

static void test_chart_keeps_the_numbers_where_it_is_narrow(void **state)
{
    (void)state;
    const struct df_chart_step steps[] = {step_of("event = view", 19401), step_of("event = addtocart", 552)};
    assert_draws(steps, 2, (struct df_chart_style){.columns = 40, .ascii = true},
                 "How far did users get in these 2 steps?\n"
                 "\n"
                 "                         users  of first\n"
                 "1 event = view  ######  19,401   100.0 %\n"
                 "2 event = a...  #          552     2.8 %\n"
                 "\n"
                 "50,008 rows, 20,000 users, 125 ms\n"
                 "400 k rows/s\n");
}

static void test_chart_of_nobody_has_no_percentages(void **state)
{
    (void)state;
    const struct df_chart_step steps[] = {step_of("a", 0), step_of("b", 0)};
    struct df_buf out = draw(steps, 2, (struct df_chart_style){.columns = 80});
    assert_null(strstr(df_buf_text(&out), "nan"));
    assert_null(strchr(df_buf_text(&out), '%'));
    assert_non_null(strstr(df_buf_text(&out), "  0         -         -     0\n"));
    df_buf_dispose(&out);
}

static void test_chart_shares_never_round_to_none_or_all(void **state)
{
    (void)state;
    const struct df_chart_step steps[] = {step_of("a", 1000000), step_of("b", 999999), step_of("c", 1)};
    struct df_buf out = draw(steps, 3, (struct df_chart_style){.columns = 80});
    assert_non_null(strstr(df_buf_text(&out), ">99.9 %"));
    assert_non_null(strstr(df_buf_text(&out), "<0.1 %"));
    assert_non_null(strstr(df_buf_text(&out), "c  ▏")); /* one of a million is still seen */
    df_buf_dispose(&out);
}

static void test_chart_of_one_step_compares_with_nothing(void **state)
{
    (void)state;
    const struct df_chart_step steps[] = {step_of("event = view", 5)};
    struct df_buf out = draw(steps, 1, (struct df_chart_style){.columns = 80});
    assert_non_null(strstr(df_buf_text(&out), "Which users did event = view?\n"));
    assert_null(strstr(df_buf_text(&out), "of prev."));
    df_buf_dispose(&out);
}

static void test_chart_mentions_rows_without_a_user(void **state)
{
    (void)state;
    const struct df_chart_step steps[] = {step_of("a", 5)};
    struct df_chart chart = {
        .steps = steps, .step_count = 1, .users = 1, .rows = 1, .rows_without_user = 1234, .seconds = 12.34};
    struct df_chart_style style = {.columns = 80};
    struct df_buf out = {0};
    df_chart_put_funnel(&chart, &style, &out);
    assert_non_null(strstr(df_buf_text(&out), "1 row · 1 user · 12.3 s · "));
    assert_non_null(strstr(df_buf_text(&out), "1,234 rows without a user left out"));
    df_buf_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chart_of_a_funnel_in_80_columns),
        cmocka_unit_test(test_chart_in_ascii_has_only_ascii),
        cmocka_unit_test(test_chart_is_coloured_only_when_asked),
        cmocka_unit_test(test_chart_is_never_wider_than_the_terminal),
        cmocka_unit_test(test_chart_keeps_the_numbers_where_it_is_narrow),
        cmocka_unit_test(test_chart_of_nobody_has_no_percentages),
        cmocka_unit_test(test_chart_shares_never_round_to_none_or_all),
        cmocka_unit_test(test_chart_of_one_step_compares_with_nothing),
        cmocka_unit_test(test_chart_mentions_rows_without_a_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
