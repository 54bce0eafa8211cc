#include "cli/funnel_request.h"

#include "cli/commands.h"
#include "cli/options.h"
#include "engine/funnel/switches.h"
#include "invoke/lambda.h"
#include "job/job.h"
#include "testing/testing.h"

/* The words of one command line and what is made of them. */
struct fixture {
    struct df_cli cli;
    struct df_cli_arguments arguments;
    struct df_cli_sequence sequence;
    struct df_buf request;
    struct df_error error;
    struct df_cli_dataset dataset;
};

static char *const no_environment[] = {NULL};

static int setup(void **state)
{
    static struct fixture fixture;
    struct df_error *error = &fixture.error;
    fixture = (struct fixture){.cli = {.environment = no_environment, .err_fd = -1}};
    assert_ok(df_config_create(&fixture.cli.config, error), error);
    assert_ok(df_config_register(fixture.cli.config, df_cli_option_rows, df_cli_option_count, error), error);
    assert_ok(df_config_register(fixture.cli.config, df_job_option_rows, df_job_option_count, error), error);
    assert_ok(df_config_register(fixture.cli.config, df_funnel_option_rows, df_funnel_option_count, error), error);
    assert_ok(
        df_config_register(fixture.cli.config, df_invoke_lambda_option_rows, df_invoke_lambda_option_count, error),
        error);
    *state = &fixture;
    return 0;
}

static void forget(struct fixture *fixture)
{
    df_cli_sequence_dispose(&fixture->sequence);
    df_cli_arguments_dispose(&fixture->arguments);
    df_buf_dispose(&fixture->request);
    df_cli_dataset_dispose(&fixture->dataset);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    forget(fixture);
    df_buf_dispose(&fixture->cli.hint);
    df_config_free(fixture->cli.config);
    return 0;
}

/* The whole way from words to a request. */
static int ask(struct fixture *fixture, const char *const *words)
{
    int argc = 0;
    while (words[argc])
        argc++;
    forget(fixture);
    struct df_cli *cli = &fixture->cli;
    struct df_cli_arguments *arguments = &fixture->arguments;
    if (df_cli_parse(cli, &df_command_funnel, argc, (char *const *)words, arguments, &fixture->error) != 0 ||
        df_cli_sequence_read(&fixture->sequence, cli, arguments, &fixture->error) != 0 ||
        df_cli_funnel_check(cli, arguments, &fixture->sequence, &fixture->error) != 0)
        return -1;
    struct df_cli_dataset *dataset = &fixture->dataset;
    *dataset = (struct df_cli_dataset){
        .cli = cli, .arguments = arguments, .operands = arguments->operands, .operand_count = arguments->operand_count};
    if (df_cli_dataset_choose(dataset, NULL, &fixture->error) != 0)
        return -1;
    return df_cli_funnel_put_request(dataset, &fixture->sequence, &fixture->request, &fixture->error);
}

#define ASK(fixture, ...) ask(fixture, (const char *const[]){"a/", "--user", "u", "--time", "t", __VA_ARGS__, NULL})
#define DATASET           "{\"dataset\":{\"paths\":[\"a/\"],\"user\":\"u\",\"time\":\"t\"},"
#define EQUALS(column)    "{\"column\":\"" column "\",\"op\":\"==\",\"value\":\"1\"}"

static void test_request_keeps_the_order_of_steps_and_what_belongs_to_each(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(ASK(fixture, "--without", "z='1'", "--step", "a='1'", "--name", "first", "--without", "n='1'", "--step",
                  "b='1'", "--max-gap", "7d", "--min-gap", "5"),
              &fixture->error);
    assert_string_equal(df_buf_text(&fixture->request), DATASET
                        "\"funnel\":{\"sequence\":[{\"filter\":" EQUALS("z") ",\"rowFound\":false},{\"filter\":" EQUALS(
                            "a") ",\"name\":\"first\"},"
                                 "{\"filter\":" EQUALS("n") ",\"rowFound\":false},{\"filter\":" EQUALS(
                                     "b") ",\"minGap\":5,\"maxGap\":\"7d\"}]}}");
    assert_int_equal(fixture->sequence.positive_count, 2);
    assert_string_equal(fixture->sequence.steps[1].label, "first");
    assert_string_equal(fixture->sequence.steps[3].label, "b='1'");
}

static void test_request_has_everything_that_was_asked(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(ASK(fixture, "--step", "a='1'", "--step", "b='1'", "--where", "w='1'", "--users", "x='1'", "--users",
                  "y='1'", "--within", "30m", "--order", "strict", "--by", "c", "--top", "3", "--by-last", "--trend",
                  "day", "--durations", "--session-gap", "1800", "--from", "-5", "--to", "2015-05-03", "--export",
                  "dropped:1=o.csv", "--columns", "p,q r", "--groups", "whole", "--time-unit", "ms", "--pattern",
                  "*.pq"),
              &fixture->error);
    assert_string_equal(
        df_buf_text(&fixture->request),
        "{\"dataset\":{\"paths\":[\"a/"
        "\"],\"pattern\":\"*.pq\",\"user\":\"u\",\"time\":\"t\",\"timestampUnit\":"
        "\"ms\","
        "\"groups\":\"whole\"},\"timeframe\":{\"from\":-5,\"to\":\"2015-05-03\"},"
        "\"where\":" EQUALS("w") ",\"query\":{\"conditions\":[{\"filter\":" EQUALS("x") "},{\"filter\":" EQUALS(
            "y") "}]},\"funnel\":{\"sequence\":[{\"filter\":" EQUALS("a") "},{\"filter\":" EQUALS("b") "}],"
                                                                                                       "\"maxDuration\""
                                                                                                       ":\"30m\","
                                                                                                       "\"order\":"
                                                                                                       "\"strict\","
                                                                                                       "\"breakdown\":{"
                                                                                                       "\"column\":"
                                                                                                       "\"c\",\"top\":"
                                                                                                       "3,"
                                                                                                       "\"attribution\""
                                                                                                       ":\"last\"},"
                                                                                                       "\"trend\":"
                                                                                                       "\"day\","
                                                                                                       "\"durations\":"
                                                                                                       "true,"
                                                                                                       "\"sessionGap\":"
                                                                                                       "1800,"
                                                                                                       "\"export\":{"
                                                                                                       "\"step\":1,"
                                                                                                       "\"which\":"
                                                                                                       "\"dropped\","
                                                                                                       "\"columns\":["
                                                                                                       "\"p\",\"q "
                                                                                                       "r\"],\"file\":"
                                                                                                       "\"o.csv\"}}}");
}

#define REFUSED(says, ...) assert_fails(ASK(fixture, __VA_ARGS__), &fixture->error, DF_ERROR_INVALID, says)
#define TWO                "--step", "a=1", "--step", "b=1"

static void test_words_that_do_not_go_together_say_the_way_out(void **state)
{
    struct fixture *fixture = *state;
    REFUSED("needs steps: one --step EXPR for each", "--by", "c");
    REFUSED("--without only says", "--without", "a=1");
    REFUSED("no --step right before it: write --step EXPR --name x", "--name", "x", "--step", "a=1");
    REFUSED("no --step right before it", "--step", "a=1", "--without", "b=1", "--name", "x");
    REFUSED("step 1 has two --name: 'x' and 'y'", "--step", "a=1", "--name", "x", "--name", "y");
    REFUSED("the first step has none before it", "--step", "a=1", "--max-gap", "3d");
    REFUSED("needs --by", TWO, "--top", "3");
    REFUSED("needs --by", TWO, "--by-last");
    REFUSED("needs --export", TWO, "--columns", "a");
    REFUSED("from 1 to 10000, found '0'", TWO, "--by", "c", "--top", "0");
    REFUSED("from 1 to 10000, found '10001'", TWO, "--by", "c", "--top", "10001");
    REFUSED("--durations needs steps in an order", TWO, "--order", "any", "--durations");
    REFUSED("--without needs steps in an order", TWO, "--without", "c=1", "--order", "any");
    REFUSED("--max-gap needs steps in an order", TWO, "--max-gap", "1d", "--order", "any");
    REFUSED("--order is loose, strict or any, found 'tight'", TWO, "--order", "tight");
    REFUSED("--trend is hour, day, week or month", TWO, "--trend", "year");
    REFUSED("as in reached:2=users.parquet", TWO, "--export", "users.parquet");
    REFUSED("as in reached:2=users.parquet", TWO, "--export", "lost:2=f");
    REFUSED("as in reached:2=users.parquet", TWO, "--export", "reached:2=");
    REFUSED("as in reached:2=users.parquet", TWO, "--export", "reached:-1=f");
    REFUSED("there is no step 3; the funnel has steps 1 to 2", TWO, "--export", "reached:3=f");
    REFUSED("there is no step 0", TWO, "--export", "reached:0=f");
    REFUSED("nobody drops out after the last step", TWO, "--export", "dropped:2=f");
}

static void test_a_wrong_filter_is_told_with_its_flag_and_a_caret(void **state)
{
    struct fixture *fixture = *state;
    REFUSED("step 2: ", "--step", "a=1", "--step", "b ! 1");
    assert_non_null(strstr(fixture->error.message, "b ! 1\n"));
    REFUSED("--without 1: ", "--step", "a=1", "--without", "b !");
    REFUSED("--where: ", TWO, "--where", "= 3");
    REFUSED("--users: ", TWO, "--users", "a=1 and");
}

static void test_a_name_of_a_registered_data_set_takes_no_flags_of_its_registration(void **state)
{
    struct fixture *fixture = *state;
    assert_fails(ask(fixture, (const char *const[]){"noSuchFileHere", "--groups", "whole", "--step", "a=1", NULL}),
                 &fixture->error, DF_ERROR_INVALID, "of a registered data set --groups is known");
}

static void test_a_list_of_paths_is_taken_apart_at_its_commas(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *words[3], *paths;
    } cases[] = {
        {{"a/,b.parquet", "c"}, "[\"a/\",\"b.parquet\",\"c\"]"},
        {{",a,,b,"}, "[\"a\",\"b\"]"},
        {{"s3://b/x,s3://b/y,z"}, "[\"s3://b/x\",\"s3://b/y\",\"z\"]"},
        {{"s3://b/x,y.parquet"}, "[\"s3://b/x,y.parquet\"]"}, /* a comma of the object's name */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *words[] = {"--user",          "u", "--time", "t", "--step", "a=1", cases[i].words[0],
                               cases[i].words[1], NULL};
        assert_ok(ask(fixture, words), &fixture->error);
        const char *begin = "{\"dataset\":{\"paths\":";
        assert_memory_equal(df_buf_text(&fixture->request), begin, strlen(begin));
        assert_memory_equal(df_buf_text(&fixture->request) + strlen(begin), cases[i].paths, strlen(cases[i].paths));
    }
    const char *none[] = {",,", "--user", "u", "--time", "t", "--step", "a=1", NULL};
    assert_fails(ask(fixture, none), &fixture->error, DF_ERROR_INVALID, "a list of none");
}

static void test_places_of_the_request_are_told_as_flags(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *engine, *user;
    } cases[] = {
        {"funnel.sequence[0].filter: no column 'x'", "--without 1: no column 'x'"},
        {"funnel.sequence[1].filter.and[1].not.or[0].op: bad", "step 1: bad"},
        {"a.parquet: funnel.sequence[3].filter.value[2]: bad", "a.parquet: step 2: bad"},
        {"funnel.sequence[2].filter: bad", "--without 2: bad"},
        {"funnel.sequence[3].maxGap: bad", "step 2 --max-gap: bad"},
        {"funnel.sequence[11].filter: bad", "step 12: bad"},
        {"where.and[0].value: bad", "--where: bad"},
        {"query.conditions[1].filter.column: bad", "--users 2: bad"},
        {"timeframe.from: bad", "--from: bad"},
        {"funnel.maxDuration: bad", "--within: bad"},
        {"funnel.breakdown.column: bad", "--by: bad"},
        {"funnel.breakdown.top: bad", "--top: bad"},
        {"funnel.sessionGap: bad", "--session-gap: bad"},
        {"funnel.export.columns[2]: bad", "--columns 3: bad"},
        {"dataset.timestampUnit: bad", "--time-unit: bad"},
        {"dataset.time: bad", "--time: bad"},
        {"dataset.paths[2]: expected a path", "path 3: expected a path"},
        {"somewhere in the query, where the time is", "somewhere in the query, where the time is"},
        {"cannot read 'funnel.sequence[0].filter'", "cannot read 'funnel.sequence[0].filter'"},
        {"funnel.sequence: expected steps", "funnel.sequence: expected steps"},
        {"funnel.sequence[x]: odd", "funnel.sequence[x]: odd"},
        {"", ""},
    };
    assert_ok(ASK(fixture, "--without", "z=1", "--step", "a=1", "--without", "y=1", "--step", "b=1"), &fixture->error);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_error error;
        df_error_set(&error, DF_ERROR_INVALID, "%s", cases[i].engine);
        df_cli_funnel_reword(&fixture->sequence, &error);
        assert_string_equal(error.message, cases[i].user);
    }
}

#define IN_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FIXTURE(test_request_keeps_the_order_of_steps_and_what_belongs_to_each),
        IN_FIXTURE(test_request_has_everything_that_was_asked),
        IN_FIXTURE(test_words_that_do_not_go_together_say_the_way_out),
        IN_FIXTURE(test_a_wrong_filter_is_told_with_its_flag_and_a_caret),
        IN_FIXTURE(test_a_name_of_a_registered_data_set_takes_no_flags_of_its_registration),
        IN_FIXTURE(test_a_list_of_paths_is_taken_apart_at_its_commas),
        IN_FIXTURE(test_places_of_the_request_are_told_as_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
