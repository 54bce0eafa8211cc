/* The answer as people look at it, and what CSV, SVG, HTML and the report of --explain make of it. */
#include "cli/funnel_view.h"

#include "cli/explain.h"
#include "cli/funnel_output.h"
#include "cli/options.h"
#include "testing/testing.h"

/* A command of the flags that a view looks at. */
static const struct df_cli_flag flags[] = {
    {.name = "--step", .value_name = "EXPR", .repeatable = true},
    {.name = "--without", .value_name = "EXPR", .repeatable = true},
    {.name = "--name", .value_name = "NAME", .repeatable = true},
    {.name = "--order", .choices = "loose|strict|any"},
    {.name = "--within", .value_name = "TIME"},
    {.name = "--session-gap", .value_name = "TIME"},
    {.name = "--by", .value_name = "COLUMN"},
    {.name = "--trend", .choices = "hour|day|week|month"},
    {.name = "--durations"},
};
static const struct df_cli_command command = {
    .name = "look", .flags = flags, .flag_count = sizeof flags / sizeof *flags};

struct fixture {
    struct df_cli cli;
    struct df_cli_arguments arguments;
    struct df_cli_sequence sequence;
    struct df_cli_answer answer;
    struct df_view view;
    struct df_error error;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    assert_ok(df_config_create(&fixture.cli.config, &fixture.error), &fixture.error);
    assert_ok(df_config_register(fixture.cli.config, df_cli_option_rows, df_cli_option_count, &fixture.error),
              &fixture.error);
    *state = &fixture;
    return 0;
}

static void forget(struct fixture *fixture)
{
    df_view_dispose(&fixture->view);
    df_cli_answer_dispose(&fixture->answer);
    df_cli_sequence_dispose(&fixture->sequence);
    df_cli_arguments_dispose(&fixture->arguments);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    forget(fixture);
    df_config_free(fixture->cli.config);
    return 0;
}

static int look(struct fixture *fixture, const char *content, const char *explain, const char *const *words)
{
    int argc = 0;
    while (words[argc])
        argc++;
    forget(fixture);
    fixture->answer =
        (struct df_cli_answer){.counters = {{"scannedRows", 50}, {"scannedGroups", 20}, {"rowsWithoutGroup", 3}},
                               .stats = {.total_ns = 125000000}};
    df_buf_put_text(&fixture->answer.content, content);
    df_buf_put_text(&fixture->answer.explain, explain);
    if (df_cli_parse(&fixture->cli, &command, argc, (char *const *)words, &fixture->arguments, &fixture->error) != 0 ||
        df_cli_sequence_read(&fixture->sequence, &fixture->cli, &fixture->arguments, &fixture->error) != 0)
        return -1;
    return df_view_make(&fixture->view, &fixture->answer, &fixture->arguments, &fixture->sequence, &fixture->error);
}
#define LOOK(fixture, content, explain, ...) look(fixture, content, explain, (const char *const[]){__VA_ARGS__, NULL})

#define STEP(groups)    "{\"matchingGroups\":" groups ",\"matchingGroupRows\":9}"
#define FUNNEL(members) "{\"query\":{},\"funnel\":{" members "}}"
#define TWO_STEPS       "\"sequence\":[" STEP("12") "," STEP("3") "]"
#define TIMES(p50)      "{\"mean\":1.50,\"p25\":1,\"p50\":" p50 ",\"p75\":3,\"p90\":4,\"p99\":5}"
#define TIMED                                                                                                          \
    "\"sequence\":[" STEP("12") ",{\"matchingGroups\":3,\"matchingGroupRows\":9,\"timeFromStart\":" TIMES(             \
        "7200000") ",\"timeFromPrevious\":" TIMES("90000") "}]"

static void test_view_has_labels_counts_and_totals(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(LOOK(fixture, FUNNEL(TWO_STEPS), "", "--step", "a=1", "--step", "b=1", "--name", "cart"),
              &fixture->error);
    const struct df_view *view = &fixture->view;
    assert_int_equal(view->step_count, 2);
    assert_slice_is(view->steps[0].label, "a=1");
    assert_slice_is(view->steps[1].label, "cart");
    assert_int_equal(view->steps[1].count, 3);
    assert_int_equal(view->steps[1].users, 3);
    assert_int_equal(view->steps[1].rows, 9);
    assert_int_equal(view->rows_without_user, 3);
    assert_true(view->seconds == 0.125 && view->users == 20 && view->rows == 50);
    assert_null(view->groups.title);
    assert_slice_is(view->title, "Which users did a=1, then cart?");
}

static void test_the_title_says_what_was_asked(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *words[12];
        const char *title;
    } cases[] = {
        {{"--step", "a=1", "--step", "b=1", "--order", "strict"}, "Which users did a=1, then at once b=1?"},
        {{"--step", "a=1", "--step", "b=1", "--order", "any", "--within", "7d"},
         "Which users did a=1 and b=1 in any order, within 7d?"},
        {{"--without", "n=1", "--step", "a=1", "--without", "m=1", "--without", "o=1", "--step", "b=1"},
         "Which users did no n=1, a=1, without m=1 and o=1, then b=1?"},
        {{"--step", "a=1", "--step", "b=1", "--without", "m=1"}, "Which users did a=1, then b=1, without m=1?"},
        {{"--step", "a=1", "--step", "b=1", "--session-gap", "30m"}, "Which sessions had a=1, then b=1?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(look(fixture, FUNNEL(TWO_STEPS), "", cases[i].words), &fixture->error);
        assert_slice_is(fixture->view.title, cases[i].title);
    }
}

static void test_an_answer_that_does_not_fit_the_question_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    static const char *const wrong[] = {"{}", FUNNEL("\"sequence\":[" STEP("1") "]"), FUNNEL("\"sequence\":7"),
                                        FUNNEL("\"sequence\":[" STEP("1") "," STEP("1") "," STEP("1") "]")};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(LOOK(fixture, wrong[i], "", "--step", "a=1", "--step", "b=1"), &fixture->error, DF_ERROR_INTERNAL,
                     "fits the question");
    assert_fails(LOOK(fixture, FUNNEL(TWO_STEPS), "", "--step", "a=1", "--step", "b=1", "--by", "c"), &fixture->error,
                 DF_ERROR_INTERNAL, "fits the question");
}

static void assert_length(const struct df_view *view, double steps, const char *text)
{
    struct df_buf out = {0};
    struct df_view_length length = {.given = true, .text = df_slice_text("raw"), .value = steps};
    df_view_put_length(view, &length, &out);
    assert_string_equal(df_buf_text(&out), text);
    df_buf_dispose(&out);
}

static void test_lengths_are_told_in_a_unit_that_fits(void **state)
{
    (void)state;
    struct df_view view = {.unit_seconds = 0.001};
    assert_length(&view, 0, "0 s");
    assert_length(&view, 0.5, "500 us");
    assert_length(&view, 1500, "1500 ms");
    assert_length(&view, 2000, "2.0 s");
    assert_length(&view, 90000, "90 s");
    assert_length(&view, 5400000, "90 min");
    assert_length(&view, 86400000, "24 h");
    assert_length(&view, 1e9, "12 d");
    view.unit_seconds = 86400;
    assert_length(&view, 3, "3.0 d");
    view.unit_seconds = 0;
    assert_length(&view, 3, "raw");
    struct df_buf out = {0};
    df_view_put_length(&view, &(struct df_view_length){0}, &out);
    assert_string_equal(df_buf_text(&out), "-");
    df_buf_dispose(&out);
}

#define GROUPS                                                                                                         \
    "\"groups\":[{\"value\":\"a,\\\"b\\\"\",\"sequence\":[" STEP("8") "," STEP(                                        \
        "2") "]},"                                                                                                     \
             "{\"value\":null,\"sequence\":[" STEP("3") "," STEP("1") "]},{\"other\":true,\"sequence\":[" STEP(        \
                 "1") "," STEP("0") "]}]"
#define TREND "\"trend\":[{\"bucket\":\"2015-05-03\",\"sequence\":[{\"matchingGroups\":12},{\"matchingGroups\":3}]}]"

static int look_at_all(struct fixture *fixture)
{
    return LOOK(fixture, FUNNEL(TIMED "," GROUPS "," TREND),
                "{\"timestampUnit\":\"ms\",\"timestampUnitFrom\":\"guessed\"}", "--step", "a=1", "--step", "b=1",
                "--name", "x<y>", "--durations", "--by", "c", "--trend", "day");
}

static void test_csv_is_in_long_form(void **state)
{
    struct fixture *fixture = *state;
    struct df_buf out = {0};
    assert_ok(look_at_all(fixture), &fixture->error);
    df_view_put_csv(&fixture->view, &out);
    assert_string_equal(
        df_buf_text(&out),
        "table,value,step,name,users,sessions,rows,of_first,of_previous,from_start_mean,from_start_p25,from_start_p50,"
        "from_start_p75,from_start_p90,from_start_p99,from_previous_mean,from_previous_p25,from_previous_p50,"
        "from_previous_p75,from_previous_p90,from_previous_p99\n"
        "all,,1,a=1,12,,9,1.0,,,,,,,,,,,,,\n"
        "all,,2,x<y>,3,,9,0.25,0.25,1.50,1,7200000,3,4,5,1.50,1,90000,3,4,5\n"
        "group,\"a,\"\"b\"\"\",1,a=1,8,,9,1.0,,,,,,,,,,,,,\n"
        "group,\"a,\"\"b\"\"\",2,x<y>,2,,9,0.25,0.25,,,,,,,,,,,,\n"
        "group-null,,1,a=1,3,,9,1.0,,,,,,,,,,,,,\n"
        "group-null,,2,x<y>,1,,9,0.3333333333333333,0.3333333333333333,,,,,,,,,,,,\n"
        "group-other,,1,a=1,1,,9,1.0,,,,,,,,,,,,,\n"
        "group-other,,2,x<y>,0,,9,0.0,0.0,,,,,,,,,,,,\n"
        "trend,2015-05-03,1,a=1,12,,,1.0,,,,,,,,,,,,,\n"
        "trend,2015-05-03,2,x<y>,3,,,0.25,0.25,,,,,,,,,,,,\n");
    df_buf_dispose(&out);
}

static void test_csv_of_sessions_has_their_users(void **state)
{
    struct fixture *fixture = *state;
    struct df_buf out = {0};
    assert_ok(LOOK(fixture, FUNNEL("\"sequence\":[{\"matchingGroups\":0,\"matchingGroupRows\":0,\"matchingUsers\":0}]"),
                   "", "--step", "a=1", "--session-gap", "5"),
              &fixture->error);
    df_view_put_csv(&fixture->view, &out);
    assert_non_null(strstr(df_buf_text(&out), "\nall,,1,a=1,0,0,0,,,,,,")); /* of nothing there is no share */
    df_buf_dispose(&out);
}

static void assert_has(struct df_buf *text, const char *piece)
{
    if (!strstr(df_buf_text(text), piece))
        fail_msg("no '%s' in\n%s", piece, df_buf_text(text));
}

static void test_svg_has_bars_of_the_shares_and_escapes_labels(void **state)
{
    struct fixture *fixture = *state;
    struct df_buf out = {0};
    assert_ok(look_at_all(fixture), &fixture->error);
    df_view_put_svg(&fixture->view, &out);
    assert_has(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"");
    assert_has(&out, "width=\"760.0\" height=\"16\" data-count=\"12\"/>");
    assert_has(&out, "width=\"190.0\" height=\"16\" data-count=\"3\"/>");
    assert_has(&out, "2  x&lt;y&gt;</text>");
    assert_has(&out, "3 · 25.0 % · 25.0 % of step 1 · median 90 s</text>");
    assert_null(strstr(df_buf_text(&out), "<script"));
    df_buf_dispose(&out);
}

static void test_svg_cuts_long_labels(void **state)
{
    struct fixture *fixture = *state;
    struct df_buf out = {0};
    char text[400];
    memset(text, 'W', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_ok(LOOK(fixture, FUNNEL("\"sequence\":[" STEP("1") "]"), "", "--step", "a=1", "--name", text),
              &fixture->error);
    df_view_put_svg(&fixture->view, &out);
    assert_has(&out, "WW…</text>");
    assert_null(strstr(df_buf_text(&out), "<title></title>"));
    df_buf_dispose(&out);
}

static void test_html_holds_all_and_needs_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    struct df_buf out = {0};
    assert_ok(look_at_all(fixture), &fixture->error);
    df_view_put_html(&fixture->view, &out);
    assert_has(&out, "<!DOCTYPE html>\n<html lang=\"en\">");
    assert_has(&out, "<svg ");
    assert_has(&out, "<td class=\"text\">x&lt;y&gt;</td><td>3</td><td>9</td><td>25.0 %</td><td>25.0 %</td><td>9</td>"
                     "<td>90 s</td>");
    assert_has(&out, "<tr><td class=\"text\">a,&quot;b&quot;</td><td>8</td><td>2</td><td>25.0 %</td></tr>");
    assert_has(&out, "<tr><td class=\"text none\">null</td><td>3</td>");
    assert_has(&out, "<tr><td class=\"text none\">other</td><td>1</td><td>0</td><td>0.0 %</td></tr>");
    assert_has(&out, "<tr><td class=\"text\">2015-05-03</td><td>12</td><td>3</td><td>25.0 %</td></tr>");
    assert_null(strstr(df_buf_text(&out), "<script"));
    assert_null(strstr(df_buf_text(&out), "src="));
    assert_null(strstr(df_buf_text(&out), "href="));
    df_buf_dispose(&out);
}

static void test_markup_keeps_nothing_that_could_be_an_element_or_break_xml(void **state)
{
    (void)state;
    struct df_buf out = {0};
    df_markup_put(&out, df_slice_make("<a b='c'>&\"\x01\xff\x1b[1m\0é", 20));
    assert_string_equal(df_buf_text(&out), "&lt;a b=&#39;c&#39;&gt;&amp;&quot;???[1m?é");
    df_buf_dispose(&out);
}

static const char report[] =
    "{\"users\":\"spread\",\"why\":\"the bounds of visitorid overlap in day-1.parquet and day-2.parquet, so that "
    "nobody "
    "knows\",\"timestampUnit\":\"ms\",\"timestampUnitFrom\":\"guessed\",\"columns\":[\"visitorid\",\"event\"],"
    "\"stages\":[{\"name\":\"footers\",\"parts\":1,\"readBytes\":1200},{\"name\":\"scatter\",\"parts\":1234,"
    "\"readBytes\":5000000}],\"rowGroups\":{\"read\":7,\"skipped\":1},\"files\":{\"read\":2,\"skipped\":0},"
    "\"exchange\":{\"sections\":64,\"why\":\"users are spread\"}}";

static void test_the_report_tells_stages_columns_and_what_was_skipped(void **state)
{
    struct fixture *fixture = *state;
    struct df_buf out = {0};
    df_buf_put_text(&fixture->answer.explain, report);
    struct df_chart_style style = {.columns = 60, .ascii = true};
    assert_ok(df_explain_put_text(&fixture->answer, &style, &out, &fixture->error), &fixture->error);
    assert_string_equal(df_buf_text(&out), "users       spread: the bounds of visitorid overlap in\n"
                                           "            day-1.parquet and day-2.parquet, so that nobody\n"
                                           "            knows\n"
                                           "exchange    64 sections: users are spread\n"
                                           "time unit   ms (guessed)\n"
                                           "columns     visitorid, event\n"
                                           "files       2 read, 0 skipped\n"
                                           "row groups  7 read, 1 skipped\n"
                                           "stage 1     footers: 1 part, 1.2 kB read\n"
                                           "stage 2     scatter: 1,234 parts, 5 MB read\n");
    df_buf_clear(&out);
    assert_ok(df_explain_put_json(&fixture->answer, DF_JSON_COMPACT, &out, &fixture->error), &fixture->error);
    assert_int_equal(out.size, strlen(report) + 1);
    assert_memory_equal(out.data, report, strlen(report));
    df_buf_dispose(&out);
}

static void test_without_a_report_there_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct df_buf out = {0};
    struct df_chart_style style = {.columns = 60};
    assert_fails(df_explain_put_text(&fixture->answer, &style, &out, &fixture->error), &fixture->error,
                 DF_ERROR_UNSUPPORTED, "leave --explain out");
    df_buf_dispose(&out);
}

static void test_a_guessed_unit_is_said(void **state)
{
    struct fixture *fixture = *state;
    struct df_buf out = {0};
    df_buf_put_text(&fixture->answer.explain, report);
    assert_true(df_explain_put_guess(&fixture->answer, "ts", &out));
    assert_string_equal(df_buf_text(&out), "taking column 'ts' as milliseconds (--time-unit says otherwise)");
    df_buf_clear(&out);
    df_buf_clear(&fixture->answer.explain);
    df_buf_put_text(&fixture->answer.explain, "{\"timestampUnit\":\"ms\",\"timestampUnitFrom\":\"given\"}");
    assert_false(df_explain_put_guess(&fixture->answer, "ts", &out));
    assert_int_equal(out.size, 0);
    df_buf_dispose(&out);
}

#define IN_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FIXTURE(test_view_has_labels_counts_and_totals),
        IN_FIXTURE(test_the_title_says_what_was_asked),
        IN_FIXTURE(test_an_answer_that_does_not_fit_the_question_is_an_error),
        cmocka_unit_test(test_lengths_are_told_in_a_unit_that_fits),
        IN_FIXTURE(test_csv_is_in_long_form),
        IN_FIXTURE(test_csv_of_sessions_has_their_users),
        IN_FIXTURE(test_svg_has_bars_of_the_shares_and_escapes_labels),
        IN_FIXTURE(test_svg_cuts_long_labels),
        IN_FIXTURE(test_html_holds_all_and_needs_nothing_else),
        cmocka_unit_test(test_markup_keeps_nothing_that_could_be_an_element_or_break_xml),
        IN_FIXTURE(test_the_report_tells_stages_columns_and_what_was_skipped),
        IN_FIXTURE(test_without_a_report_there_is_an_error),
        IN_FIXTURE(test_a_guessed_unit_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
