#include "cli/chart.h"

#include "cli/text.h"
#include "testing/testing.h"

static struct df_view_step step_of(const char *label, uint64_t users)
{
    return (struct df_view_step){.label = df_slice_text(label), .count = users, .users = users};
}

/* "Which users did a, then b?", which the view has from the command line. */
static void put_title(const struct df_view_step *steps, size_t count, struct df_buf *out)
{
    df_buf_put_text(out, "Which users did ");
    for (size_t i = 0; i < count; i++)
        df_buf_printf(out, "%s%.*s", i > 0 ? ", then " : "", DF_SLICE_ARG(steps[i].label));
    df_buf_put_char(out, '?');
}

static struct df_buf draw_view(struct df_view view, struct df_chart_style style)
{
    struct df_buf out = {0}, title = {0};
    put_title(view.steps, view.step_count, &title);
    view.title = df_buf_slice(&title);
    view.users = 20000;
    view.rows = 50008;
    view.seconds = 0.125;
    df_chart_put_funnel(&view, &style, &out);
    assert_false(df_buf_failed(&out));
    df_buf_dispose(&title);
    return out;
}

static struct df_buf draw(const struct df_view_step *steps, size_t count, struct df_chart_style style)
{
    return draw_view((struct df_view){.steps = steps, .step_count = count}, style);
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

static void assert_draws(const struct df_view_step *steps, size_t count, struct df_chart_style style,
                         const char *expected)
{
    struct df_buf out = draw(steps, count, style);
    assert_string_equal(df_buf_text(&out), expected);
    df_buf_dispose(&out);
}

static void test_chart_of_a_funnel_in_80_columns(void **state)
{
    (void)state;
    const struct df_view_step steps[] = {step_of("event = view", 19401), step_of("event = addtocart", 552),
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
    const struct df_view_step steps[] = {step_of("Käse", 100), step_of("b", 50)};
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
    const struct df_view_step steps[] = {step_of("a", 100), step_of("b", 50)};
    struct df_buf plain = draw(steps, 2, (struct df_chart_style){.columns = 80});
    struct df_buf coloured = draw(steps, 2, (struct df_chart_style){.columns = 80, .colour = true});
    assert_null(strchr(df_buf_text(&plain), '\033'));
    assert_non_null(strchr(df_buf_text(&coloured), '\033'));
    df_buf_dispose(&plain);
    df_buf_dispose(&coloured);
}

static const char *const odd_labels[] = {
    "a",
    "event = view",
    "page starts with 'https://example.org/a/very/long/address/of/some/page'",
    "東京都 = 大阪府の長い名前が続く",
    "🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒🛒",
    "\033[2Jx\xFF"};

static uint64_t fill_steps(struct df_view_step *steps, size_t count, uint64_t users, uint64_t *seed)
{
    static const struct df_view_length length = {
        .given = true, .text = {(const uint8_t *)"1234567890", 10}, .value = 1e9};
    for (size_t i = 0; i < count; i++) {
        steps[i] = step_of(odd_labels[test_random(seed) % 6], users);
        steps[i].timed = i > 0;
        steps[i].from_previous[DF_VIEW_P50] = length;
        users = users ? test_random(seed) % (users + (users < UINT64_MAX)) : 0;
    }
    return users;
}

/* Everything that can be drawn, at every width: nothing may leave the terminal. */
static void test_chart_is_never_wider_than_the_terminal(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (unsigned columns = 1; columns <= 220; columns++)
        for (unsigned variant = 0; variant < 4; variant++) {
            struct df_view_step steps[30], lines[3][30];
            struct df_view_entry entries[3];
            size_t count = 1 + test_random(&seed) % 30;
            fill_steps(steps, count, test_random(&seed) >> test_random(&seed) % 64, &seed);
            for (size_t i = 0; i < 3; i++) {
                fill_steps(lines[i], count, test_random(&seed) >> test_random(&seed) % 64, &seed);
                entries[i] = (struct df_view_entry){.kind = (enum df_view_entry_kind)i,
                                                    .text = df_slice_text(odd_labels[test_random(&seed) % 6]),
                                                    .steps = lines[i]};
            }
            struct df_view view = {.steps = steps,
                                   .step_count = count,
                                   .sessions = test_random(&seed) % 2,
                                   .durations = test_random(&seed) % 2,
                                   .unit_seconds = test_random(&seed) % 2 ? 0.001 : 0,
                                   .groups = {"country", entries, 3},
                                   .trend = {"day", entries, 2}};
            struct df_buf out = draw_view(
                view, (struct df_chart_style){.columns = columns, .colour = variant & 1, .ascii = variant & 2});
            unsigned widest = widest_line(df_buf_slice(&out));
            if (widest > columns)
                fail_msg("%u columns wide instead of %u:\n%s", widest, columns, df_buf_text(&out));
            df_buf_dispose(&out);
        }
}

static void test_chart_of_sessions_tells_their_users_and_the_median_time(void **state)
{
    (void)state;
    struct df_view_step steps[] = {step_of("a", 300), step_of("b", 200)};
    steps[0].users = 150;
    steps[1].users = 120;
    steps[1].from_previous[DF_VIEW_P50] =
        (struct df_view_length){.given = true, .text = df_slice_text("5400000"), .value = 5400000};
    struct df_view view = {.steps = steps, .step_count = 2, .sessions = true, .durations = true, .unit_seconds = 0.001};
    struct df_buf out = draw_view(view, (struct df_chart_style){.columns = 80, .ascii = true});
    assert_non_null(strstr(df_buf_text(&out), "sessions  users  of first  of prev.  drop  median\n"));
    assert_non_null(strstr(df_buf_text(&out), "#       300    150   100.0 %\n"));
    assert_non_null(strstr(df_buf_text(&out), "       200    120    66.7 %    66.7 %  -100  90 min\n"));
    df_buf_dispose(&out);
}

static void test_chart_has_a_line_per_value_and_bucket(void **state)
{
    (void)state;
    const struct df_view_step steps[] = {step_of("a", 1300), step_of("b", 30)};
    const struct df_view_step us[] = {step_of("", 1200), step_of("", 30)}, rest[] = {step_of("", 100), step_of("", 0)};
    const struct df_view_entry groups[] = {{.text = df_slice_text("US"), .steps = us},
                                           {.kind = DF_VIEW_NULL, .text = df_slice_text("null"), .steps = rest}};
    const struct df_view_entry trend[] = {{.text = df_slice_text("2015-05-03"), .steps = us}};
    struct df_view view = {
        .steps = steps, .step_count = 2, .groups = {"country", groups, 2}, .trend = {"day", trend, 1}};
    struct df_buf out = draw_view(view, (struct df_chart_style){.columns = 80});
    assert_non_null(strstr(df_buf_text(&out), "\n\nby country      1   2  of first\n"
                                              "US          1,200  30     2.5 %\n"
                                              "null          100   0     0.0 %\n"
                                              "\nper day         1   2  of first\n"
                                              "2015-05-03  1,200  30     2.5 %\n\n50,008 rows"));
    df_buf_dispose(&out);
}

static void test_chart_of_many_steps_keeps_the_last_column_of_its_tables(void **state)
{
    (void)state;
    struct df_view_step steps[12];
    for (size_t i = 0; i < 12; i++)
        steps[i] = step_of("x", 120000 - i * 10000);
    const struct df_view_entry group = {.text = df_slice_text("US"), .steps = steps};
    struct df_view view = {.steps = steps, .step_count = 12, .groups = {"country", &group, 1}};
    struct df_buf narrow = draw_view(view, (struct df_chart_style){.columns = 40});
    assert_non_null(strstr(df_buf_text(&narrow), "by country        1      12  of first\n"
                                                 "US          120,000  10,000     8.3 %\n"));
    struct df_buf broad = draw_view(view, (struct df_chart_style){.columns = 200});
    assert_non_null(strstr(df_buf_text(&broad), "  20,000  10,000     8.3 %\n"));
    df_buf_dispose(&narrow);
    df_buf_dispose(&broad);
}

static void test_chart_keeps_the_numbers_where_it_is_narrow(void **state)
{
    (void)state;
    const struct df_view_step steps[] = {step_of("event = view", 19401), step_of("event = addtocart", 552)};
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
    const struct df_view_step steps[] = {step_of("a", 0), step_of("b", 0)};
    struct df_buf out = draw(steps, 2, (struct df_chart_style){.columns = 80});
    assert_null(strstr(df_buf_text(&out), "nan"));
    assert_null(strchr(df_buf_text(&out), '%'));
    assert_non_null(strstr(df_buf_text(&out), "  0         -         -     0\n"));
    df_buf_dispose(&out);
}

static void test_chart_shares_never_round_to_none_or_all(void **state)
{
    (void)state;
    const struct df_view_step steps[] = {step_of("a", 1000000), step_of("b", 999999), step_of("c", 1)};
    struct df_buf out = draw(steps, 3, (struct df_chart_style){.columns = 80});
    assert_non_null(strstr(df_buf_text(&out), ">99.9 %"));
    assert_non_null(strstr(df_buf_text(&out), "<0.1 %"));
    assert_non_null(strstr(df_buf_text(&out), "c  ▏")); /* one of a million is still seen */
    df_buf_dispose(&out);
}

static void test_chart_of_one_step_compares_with_nothing(void **state)
{
    (void)state;
    const struct df_view_step steps[] = {step_of("event = view", 5)};
    struct df_buf out = draw(steps, 1, (struct df_chart_style){.columns = 80});
    assert_non_null(strstr(df_buf_text(&out), "Which users did event = view?\n"));
    assert_null(strstr(df_buf_text(&out), "of prev."));
    df_buf_dispose(&out);
}

static void test_chart_mentions_rows_without_a_user(void **state)
{
    (void)state;
    const struct df_view_step steps[] = {step_of("a", 5)};
    struct df_view view = {
        .steps = steps, .step_count = 1, .users = 1, .rows = 1, .rows_without_user = 1234, .seconds = 12.34};
    struct df_chart_style style = {.columns = 80};
    struct df_buf out = {0};
    df_chart_put_funnel(&view, &style, &out);
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
        cmocka_unit_test(test_chart_of_sessions_tells_their_users_and_the_median_time),
        cmocka_unit_test(test_chart_has_a_line_per_value_and_bucket),
        cmocka_unit_test(test_chart_of_many_steps_keeps_the_last_column_of_its_tables),
        cmocka_unit_test(test_chart_keeps_the_numbers_where_it_is_narrow),
        cmocka_unit_test(test_chart_of_nobody_has_no_percentages),
        cmocka_unit_test(test_chart_shares_never_round_to_none_or_all),
        cmocka_unit_test(test_chart_of_one_step_compares_with_nothing),
        cmocka_unit_test(test_chart_mentions_rows_without_a_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
