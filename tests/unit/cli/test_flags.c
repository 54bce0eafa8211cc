#include "cli/flags.h"

#include "cli/options.h"
#include "testing/testing.h"

static const struct df_cli_flag flags[] = {
    {.name = "--step", .value_name = "EXPR", .repeatable = true, .help = "a step"},
    {.name = "--user", .value_name = "COLUMN", .help = "the user"},
    {.name = "--output", .letter = 'o', .value_name = "FORMAT", .help = "the form"},
    {.name = "--force", .letter = 'f', .help = "a switch"},
    {.name = "--quiet", .letter = 'q', .help = "another switch"},
    {.name = "--count", .value_name = "N", .help = "a number"},
    {.name = "--size", .choices = "small|middle|large", .help = "a choice"},
    {.option = "threads"},
    {.option = "memory.limit"},
};

static const struct df_cli_command command = {
    .name = "count",
    .usage = "PATH...",
    .description = "Counts.\n",
    .operands = "PATH",
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
};

struct fixture {
    struct df_cli cli;
    struct df_cli_command command;
    struct df_cli_arguments arguments;
    struct df_error error;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.command = command};
    assert_ok(df_config_create(&fixture.cli.config, &fixture.error), &fixture.error);
    assert_ok(df_config_register(fixture.cli.config, df_cli_option_rows, df_cli_option_count, &fixture.error),
              &fixture.error);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    df_cli_arguments_dispose(&fixture->arguments);
    df_config_free(fixture->cli.config);
    return 0;
}

static int parse(struct fixture *fixture, const char *const *words)
{
    int argc = 0;
    while (words[argc])
        argc++;
    df_cli_arguments_dispose(&fixture->arguments);
    return df_cli_parse(&fixture->cli, &fixture->command, argc, (char *const *)words, &fixture->arguments,
                        &fixture->error);
}
#define PARSE(fixture, ...) parse(fixture, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void test_flags_take_their_value_from_the_next_word_or_behind_an_equals_sign(void **state)
{
    struct fixture *f = *state;
    assert_ok(PARSE(f, "a", "--user", "visitor", "--output=json", "b"), &f->error);
    assert_string_equal(df_cli_value(&f->arguments, "--user"), "visitor");
    assert_string_equal(df_cli_value(&f->arguments, "--output"), "json");
    assert_null(df_cli_value(&f->arguments, "--count"));
    assert_int_equal(f->arguments.operand_count, 2);
    assert_string_equal(f->arguments.operands[0], "a");
    assert_string_equal(f->arguments.operands[1], "b");
}

static void test_flags_value_may_hold_equals_signs_and_be_empty(void **state)
{
    struct fixture *f = *state;
    assert_ok(PARSE(f, "--step", "event=view", "--step=price>=5", "--user="), &f->error);
    size_t position = 0;
    assert_string_equal(df_cli_next_value(&f->arguments, "--step", &position), "event=view");
    assert_string_equal(df_cli_next_value(&f->arguments, "--step", &position), "price>=5");
    assert_null(df_cli_next_value(&f->arguments, "--step", &position));
    assert_string_equal(df_cli_value(&f->arguments, "--user"), "");
}

static void test_flags_letters_stand_for_names(void **state)
{
    struct fixture *f = *state;
    assert_ok(PARSE(f, "-o", "json", "-fq"), &f->error);
    assert_string_equal(df_cli_value(&f->arguments, "--output"), "json");
    assert_string_equal(df_cli_value(&f->arguments, "--force"), "");
    assert_non_null(df_cli_value(&f->arguments, "--quiet"));
    assert_ok(PARSE(f, "-fojson"), &f->error);
    assert_string_equal(df_cli_value(&f->arguments, "--output"), "json");
    assert_non_null(df_cli_value(&f->arguments, "--force"));
}

static void test_flags_end_at_two_dashes(void **state)
{
    struct fixture *f = *state;
    assert_ok(PARSE(f, "--force", "--", "--user", "-x", "--help"), &f->error);
    assert_false(f->arguments.help);
    assert_int_equal(f->arguments.operand_count, 3);
    assert_string_equal(f->arguments.operands[0], "--user");
    assert_ok(PARSE(f, "-"), &f->error);
    assert_string_equal(f->arguments.operands[0], "-");
}

static void test_flags_unknown_names_the_nearest(void **state)
{
    struct fixture *f = *state;
    assert_fails(PARSE(f, "--stpe", "x"), &f->error, DF_ERROR_INVALID, "no flag --stpe (did you mean --step?)");
    assert_fails(PARSE(f, "--thread=2"), &f->error, DF_ERROR_INVALID, "did you mean --threads?");
    assert_fails(PARSE(f, "--zzzzzzzzzzzzzz"), &f->error, DF_ERROR_INVALID, "no flag --zzzzzzzzzzzzzz");
    assert_null(strstr(f->error.message, "did you mean"));
    assert_fails(PARSE(f, "-x"), &f->error, DF_ERROR_INVALID, "no flag -x");
    assert_fails(PARSE(f, "-fx"), &f->error, DF_ERROR_INVALID, "no flag -fx");
}

static void test_flags_without_their_value_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_fails(PARSE(f, "--user"), &f->error, DF_ERROR_INVALID, "--user needs a value: --user COLUMN");
    assert_fails(PARSE(f, "--user", "--output=json"), &f->error, DF_ERROR_INVALID, "write --user=--output=json");
    assert_fails(PARSE(f, "-o"), &f->error, DF_ERROR_INVALID, "--output needs a value");
    assert_ok(PARSE(f, "--count", "-5"), &f->error); /* no flag of ours: a value */
    assert_string_equal(df_cli_value(&f->arguments, "--count"), "-5");
}

static void test_flags_switch_takes_no_value(void **state)
{
    struct fixture *f = *state;
    assert_fails(PARSE(f, "--force=yes"), &f->error, DF_ERROR_INVALID, "--force takes no value, found 'yes'");
}

static void test_flags_twice_are_refused_unless_repeatable(void **state)
{
    struct fixture *f = *state;
    assert_fails(PARSE(f, "--user=a", "--user=b"), &f->error, DF_ERROR_INVALID, "--user is given twice");
    assert_fails(PARSE(f, "-ff"), &f->error, DF_ERROR_INVALID, "--force is given twice");
    assert_ok(PARSE(f, "--step=a", "--step=b"), &f->error);
    assert_string_equal(df_cli_value(&f->arguments, "--step"), "b");
}

static void test_flags_help_wins_over_every_mistake(void **state)
{
    struct fixture *f = *state;
    assert_ok(PARSE(f, "--bogus", "--user", "--help"), &f->error);
    assert_true(f->arguments.help);
    assert_ok(PARSE(f, "-h"), &f->error);
    assert_true(f->arguments.help);
}

static void test_flags_operands_are_counted(void **state)
{
    struct fixture *f = *state;
    f->command.operands_minimum = 1;
    f->command.operands_maximum = 2;
    assert_fails(PARSE(f, "--force"), &f->error, DF_ERROR_INVALID, "needs a PATH");
    assert_ok(PARSE(f, "a", "b"), &f->error);
    assert_fails(PARSE(f, "a", "b", "c"), &f->error, DF_ERROR_INVALID, "at most 2 PATH, found 'c'");
    f->command.operands = NULL;
    f->command.operands_minimum = f->command.operands_maximum = 0;
    assert_fails(PARSE(f, "a"), &f->error, DF_ERROR_INVALID, "takes flags only, found 'a'");
}

static void test_flags_numbers_are_checked(void **state)
{
    struct fixture *f = *state;
    int64_t number = 7;
    assert_ok(PARSE(f, "a"), &f->error);
    assert_ok(df_cli_value_int(&f->arguments, "--count", 1, 100, &number, &f->error), &f->error);
    assert_int_equal(number, 7);
    assert_ok(PARSE(f, "--count=100"), &f->error);
    assert_ok(df_cli_value_int(&f->arguments, "--count", 1, 100, &number, &f->error), &f->error);
    assert_int_equal(number, 100);
    static const char *const wrong[] = {"", " 1", "1 ", "1x", "0", "101", "99999999999999999999", "ten"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_ok(PARSE(f, "--count", wrong[i]), &f->error);
        assert_fails(df_cli_value_int(&f->arguments, "--count", 1, 100, &number, &f->error), &f->error,
                     DF_ERROR_INVALID, "--count must be a whole number from 1 to 100");
    }
    assert_int_equal(number, 100);
}

static void test_flags_of_options_go_into_the_configuration(void **state)
{
    struct fixture *f = *state;
    assert_ok(PARSE(f, "--threads", "3", "--memory=64M"), &f->error);
    assert_ok(df_cli_apply_flags(&f->cli, &f->arguments, &f->error), &f->error);
    assert_int_equal(df_cli_threads(f->cli.config), 3);
    assert_int_equal(df_cli_memory_limit(f->cli.config), 64 << 20);
    assert_int_equal(df_config_source(f->cli.config, "threads"), DF_CONFIG_FLAG);
}

static void test_flags_of_options_with_wrong_values_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[] = {"--threads=0", "--threads=-1", "--threads=x",     "--threads=1025",
                                        "--memory=5Q", "--memory=-1",  "--log-level=loud"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_ok(PARSE(f, wrong[i]), &f->error);
        assert_fails(df_cli_apply_flags(&f->cli, &f->arguments, &f->error), &f->error, DF_ERROR_INVALID, "");
        assert_non_null(strstr(f->error.message, strchr(wrong[i], '=') + 1)); /* says what was found */
    }
}

static void test_flags_are_all_in_the_help(void **state)
{
    struct fixture *f = *state;
    struct df_buf out = {0};
    df_cli_put_command_help(&f->cli, &f->command, &out);
    const char *help = df_buf_text(&out);
    assert_non_null(strstr(help, "Usage: dayfly count PATH...\n"));
    for (size_t i = 0; i < f->command.flag_count; i++)
        assert_non_null(strstr(help, df_cli_flag_name(&f->cli, &flags[i])));
    assert_non_null(strstr(help, "  -o, --output FORMAT "));
    assert_non_null(strstr(help, "      --threads N "));
    assert_non_null(strstr(help, "--log-level LEVEL"));
    df_buf_dispose(&out);
}

static void test_options_of_the_machine_have_defaults(void **state)
{
    struct fixture *f = *state;
    assert_true(df_cli_threads(f->cli.config) >= 1);
    assert_true(df_cli_memory_limit(f->cli.config) > 0);
    struct df_buf out = {0};
    df_cli_put_option(f->cli.config, "threads", &out);
    assert_true(out.size > 0);
    df_buf_dispose(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void test_a_choice_must_be_one_of_those_there_are(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(parse(fixture, (const char *const[]){"p", "--size", "middle", NULL}), &fixture->error);
    assert_string_equal(df_cli_value(&fixture->arguments, "--size"), "middle");
    static const char *const wrong[] = {"--size=mid", "--size=", "--size=small|middle"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(parse(fixture, (const char *const[]){"p", wrong[i], NULL}), &fixture->error, DF_ERROR_INVALID,
                     "--size is small, middle or large, found '");
    assert_string_equal(df_cli_flag_value_name(&fixture->cli, &flags[6]), "small|middle|large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_flags_take_their_value_from_the_next_word_or_behind_an_equals_sign),
        TEST(test_flags_value_may_hold_equals_signs_and_be_empty),
        TEST(test_flags_letters_stand_for_names),
        TEST(test_flags_end_at_two_dashes),
        TEST(test_flags_unknown_names_the_nearest),
        TEST(test_flags_without_their_value_are_refused),
        TEST(test_flags_switch_takes_no_value),
        TEST(test_flags_twice_are_refused_unless_repeatable),
        TEST(test_flags_help_wins_over_every_mistake),
        TEST(test_flags_operands_are_counted),
        TEST(test_flags_numbers_are_checked),
        TEST(test_flags_of_options_go_into_the_configuration),
        TEST(test_flags_of_options_with_wrong_values_are_refused),
        TEST(test_flags_are_all_in_the_help),
        TEST(test_options_of_the_machine_have_defaults),
        TEST(test_a_choice_must_be_one_of_those_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
