#include "testing/testing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/config.h"
#include "base/log.h"

static const char *const memory_environment[] = {"OLD_MEMORY", "OLDER_MEMORY", NULL};
static const char *const window_yaml[] = {"searcher.lambda.max_in_flight", NULL};

static const struct df_option rows[] = {
    {.name = "memory.limit",
     .type = DF_OPTION_SIZE,
     .default_text = "64M",
     .flag = "--memory",
     .value_name = "SIZE",
     .environment = memory_environment,
     .help = "memory of this process"},
    {.name = "memory.spill-folder", .type = DF_OPTION_TEXT, .help = "where sections go"},
    {.name = "job.window",
     .type = DF_OPTION_INT,
     .default_text = "8",
     .minimum = 1,
     .maximum = 64,
     .yaml = window_yaml,
     .help = "attempts in flight"},
    {.name = "job.timeout", .type = DF_OPTION_DURATION, .default_text = "1m", .minimum = 100, .maximum = INT64_MAX},
    {.name = "job.offset", .type = DF_OPTION_INT, .default_text = "0", .minimum = -5, .maximum = 5},
    {.name = "funnel.groups",
     .type = DF_OPTION_CHOICE,
     .default_text = "auto",
     .flag = "--groups",
     .choices = "auto|whole|spread"},
    {.name = "color", .type = DF_OPTION_BOOL, .default_text = "yes"},
    {.name = "redis.password", .type = DF_OPTION_TEXT, .default_text = "", .secret = true},
    {.name = "pin", .type = DF_OPTION_INT, .secret = true},
};

static struct df_config *config;
static struct df_error error;

static int setup(void **state)
{
    (void)state;
    df_error_clear(&error);
    return df_config_create(&config, &error) || df_config_register(config, rows, 4, &error) ||
           df_config_register(config, rows + 4, sizeof rows / sizeof *rows - 4, &error);
}

static int teardown(void **state)
{
    (void)state;
    df_config_free(config);
    return 0;
}

#define assert_message(call, expected)                                                                                 \
    do {                                                                                                               \
        df_error_clear(&error);                                                                                        \
        assert_int_equal(call, -1);                                                                                    \
        assert_string_equal(error.message, expected);                                                                  \
        assert_int_equal(error.kind, DF_ERROR_INVALID);                                                                \
    } while (0)

static void test_defaults_hold_until_something_else_is_said(void **state)
{
    (void)state;
    assert_int_equal(df_config_int(config, "memory.limit"), 64 << 20);
    assert_int_equal(df_config_int(config, "job.timeout"), 60000);
    assert_string_equal(df_config_text(config, "funnel.groups"), "auto");
    assert_true(df_config_bool(config, "color"));
    assert_null(df_config_text(config, "memory.spill-folder"));
    assert_false(df_config_has(config, "memory.spill-folder"));
    assert_true(df_config_has(config, "redis.password"));
    assert_int_equal(df_config_source(config, "color"), DF_CONFIG_DEFAULT);
}

static void test_rows_are_in_order_of_their_names(void **state)
{
    (void)state;
    assert_int_equal(df_config_count(config), sizeof rows / sizeof *rows);
    for (size_t i = 1; i < df_config_count(config); i++)
        assert_true(strcmp(df_config_row(config, i - 1)->name, df_config_row(config, i)->name) < 0);
    assert_string_equal(df_config_find_flag(config, "--groups")->name, "funnel.groups");
    assert_null(df_config_find_flag(config, "--group"));
}

static void test_a_higher_source_wins_whatever_the_order(void **state)
{
    (void)state;
    static const enum df_config_source sources[] = {DF_CONFIG_ENVIRONMENT, DF_CONFIG_YAML, DF_CONFIG_FLAG,
                                                    DF_CONFIG_SETTINGS};
    static const char *const expected[] = {"9", "9", "11", "11"};
    static const char *const texts[] = {"9", "10", "11", "12"};
    for (size_t i = 0; i < 4; i++) {
        struct df_buf out = {0};
        assert_ok(df_config_set(config, "job.window", texts[i], sources[i], &error), &error);
        df_config_put_value(config, "job.window", &out);
        assert_string_equal(df_buf_text(&out), expected[i]);
        df_buf_dispose(&out);
    }
    assert_int_equal(df_config_int(config, "job.window"), 11);
    assert_int_equal(df_config_source(config, "job.window"), DF_CONFIG_FLAG);
    assert_string_equal(df_config_source_name(DF_CONFIG_FLAG), "flag");
    assert_string_equal(df_config_source_name(DF_CONFIG_SETTINGS), "settings.json");
    /* A value that does not count is checked all the same. */
    assert_message(df_config_set(config, "job.window", "many", DF_CONFIG_YAML, &error),
                   "dayfly.yaml: job.window: 'many' is not a whole number");
}

static void test_errors_say_where_the_value_came_from_and_what_is_right(void **state)
{
    (void)state;
    assert_message(df_config_set(config, "memory.limit", "64 apples", DF_CONFIG_FLAG, &error),
                   "--memory: memory.limit: '64 apples' is not a size; write bytes, or 512K, 64M, 1.5G");
    assert_message(df_config_set(config, "job.window", "65", DF_CONFIG_SETTINGS, &error),
                   "settings.json: job.window: '65' is out of range; 1 to 64");
    assert_message(df_config_set(config, "job.timeout", "10", DF_CONFIG_YAML, &error),
                   "dayfly.yaml: job.timeout: '10' is not a duration; write a number and its unit: 500ms, 30s, 15m, "
                   "12h, 7d, 2w");
    assert_message(df_config_set(config, "job.timeout", "10ms", DF_CONFIG_YAML, &error),
                   "dayfly.yaml: job.timeout: '10ms' is too little; at least 100 ms");
    assert_message(df_config_set(config, "funnel.groups", "who", DF_CONFIG_FLAG, &error),
                   "--groups: funnel.groups: 'who' is not one of auto|whole|spread");
    assert_message(df_config_set(config, "color", "purple", DF_CONFIG_ENVIRONMENT, &error),
                   "environment: color: 'purple' is neither true nor false");
    assert_message(df_config_set(config, "memory.limt", "1", DF_CONFIG_FLAG, &error),
                   "there is no option 'memory.limt'; did you mean 'memory.limit'?");
    assert_message(df_config_set(config, "memory", "1", DF_CONFIG_FLAG, &error),
                   "'memory' is a group of options (memory.limit, for example), not an option");
    assert_message(df_config_set(config, "zzzzzzzzzz", "1", DF_CONFIG_FLAG, &error),
                   "there is no option 'zzzzzzzzzz'; `dayfly config` lists them");
    assert_int_equal(df_config_int(config, "memory.limit"), 64 << 20); /* failures change nothing */
}

static void test_choices_are_whole_words(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "aut", "auto|whole", "spreadx", "|", "AUTO"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(df_config_set(config, "funnel.groups", wrong[i], DF_CONFIG_FLAG, &error), -1);
    static const char *const right[] = {"auto", "whole", "spread"};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(df_config_set(config, "funnel.groups", right[i], DF_CONFIG_FLAG, &error), &error);
        assert_string_equal(df_config_text(config, "funnel.groups"), right[i]);
    }
}

static void test_booleans_have_many_words(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "yes", "on", "1", "True", "ON"};
    static const char *const no[] = {"false", "no", "off", "0", "False"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        assert_ok(df_config_set(config, "color", "no", DF_CONFIG_FLAG, &error), &error);
        assert_ok(df_config_set(config, "color", yes[i], DF_CONFIG_FLAG, &error), &error);
        assert_true(df_config_bool(config, "color"));
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        assert_ok(df_config_set(config, "color", "yes", DF_CONFIG_FLAG, &error), &error);
        assert_ok(df_config_set(config, "color", no[i], DF_CONFIG_FLAG, &error), &error);
        assert_false(df_config_bool(config, "color"));
    }
}

static void test_integers_have_signs_and_limits(void **state)
{
    (void)state;
    assert_ok(df_config_set(config, "job.offset", "-5", DF_CONFIG_FLAG, &error), &error);
    assert_int_equal(df_config_int(config, "job.offset"), -5);
    static const char *const wrong[] = {"", "-", "-6", "6", "1.5", " 1", "1 ", "+1", "0x1", "9999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(df_config_set(config, "job.offset", wrong[i], DF_CONFIG_FLAG, &error), -1);
}

static void expect_size(const char *text, uint64_t bytes)
{
    uint64_t found = 0;
    assert_ok(df_parse_size(text, &found, &error), &error);
    if (found != bytes)
        fail_msg("%s: expected %llu, got %llu", text, (unsigned long long)bytes, (unsigned long long)found);
}

static void test_sizes_have_units_of_1024(void **state)
{
    (void)state;
    expect_size("0", 0);
    expect_size("4096", 4096);
    expect_size("512K", 512 << 10);
    expect_size("64M", 64 << 20);
    expect_size("64m", 64 << 20);
    expect_size("64MB", 64 << 20);
    expect_size("64 MiB", 64 << 20);
    expect_size("12B", 12);
    expect_size("1.5G", UINT64_C(3) << 29);
    expect_size("0.1K", 102);
    expect_size("2T", UINT64_C(2) << 40);
    expect_size("18446744073709551615", UINT64_MAX);
    static const char *const wrong[] = {"",       "M",
                                        "-1",     "1.5",
                                        "1.",     ".5M",
                                        "1.5.5M", "64Q",
                                        "64MM",   "64iB",
                                        "1e3",    "18446744073709551616",
                                        "16384P", "1.0000000001M",
                                        "1M ",    " 1M",
                                        "0x10"};
    uint64_t found = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (df_parse_size(wrong[i], &found, &error) == 0)
            fail_msg("'%s' was taken", wrong[i]);
}

static void expect_duration(const char *text, int64_t ms)
{
    int64_t found = 0;
    assert_ok(df_parse_duration(text, &found, &error), &error);
    if (found != ms)
        fail_msg("%s: expected %lld, got %lld", text, (long long)ms, (long long)found);
}

static void test_durations_need_a_unit(void **state)
{
    (void)state;
    expect_duration("0", 0);
    expect_duration("500ms", 500);
    expect_duration("30s", 30000);
    expect_duration("1.5s", 1500);
    expect_duration("15m", 900000);
    expect_duration("15 m", 900000);
    expect_duration("12h", 43200000);
    expect_duration("7d", 604800000);
    expect_duration("2w", 1209600000);
    expect_duration("9223372036854775807ms", INT64_MAX);
    static const char *const wrong[] = {
        "", "30", "s", "-1s", "1h30m", "30 sec", "30S", "1.s", "9223372036854775808ms", "99999999999999999w", "1s "};
    int64_t found = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (df_parse_duration(wrong[i], &found, &error) == 0)
            fail_msg("'%s' was taken", wrong[i]);
}

/* ---- the environment ---- */

static void load_environment(const char *a, const char *b, const char *c)
{
    char *environment[] = {(char *)a, (char *)b, (char *)c, NULL};
    assert_ok(df_config_load_environment(config, environment, &error), &error);
}

static void test_the_environment_names_follow_from_the_options(void **state)
{
    (void)state;
    load_environment("DAYFLY_MEMORY_LIMIT=1G", "DAYFLY_MEMORY_SPILL_FOLDER=/x=y", "HOME=/root");
    assert_true(df_config_int(config, "memory.limit") == 1 << 30);
    assert_string_equal(df_config_text(config, "memory.spill-folder"), "/x=y");
    assert_int_equal(df_config_source(config, "memory.limit"), DF_CONFIG_ENVIRONMENT);
}

static void test_further_names_count_when_the_own_is_absent(void **state)
{
    (void)state;
    load_environment("OLDER_MEMORY=2M", "OLD_MEMORY=1M", "OLD_MEMORY_X=5M");
    assert_int_equal(df_config_int(config, "memory.limit"), 1 << 20);
    load_environment("OLD_MEMORY=1M", "DAYFLY_MEMORY_LIMIT=3M", "X=");
    assert_int_equal(df_config_int(config, "memory.limit"), 3 << 20);
}

static void test_an_empty_variable_is_not_given(void **state)
{
    (void)state;
    load_environment("DAYFLY_MEMORY_LIMIT=", "OLD_MEMORY=1M", "DAYFLY_JOB_WINDOW=");
    assert_int_equal(df_config_int(config, "memory.limit"), 1 << 20);
    assert_int_equal(df_config_int(config, "job.window"), 8);
    assert_ok(df_config_load_environment(config, NULL, &error), &error);
}

static void test_a_wrong_variable_is_named(void **state)
{
    (void)state;
    char *environment[] = {"OLD_MEMORY=lots", NULL};
    assert_message(df_config_load_environment(config, environment, &error),
                   "OLD_MEMORY: memory.limit: 'lots' is not a size; write bytes, or 512K, 64M, 1.5G");
}

static void test_unknown_variables_are_warned_of(void **state)
{
    (void)state;
    int ends[2];
    char line[512];
    assert_int_equal(pipe(ends), 0);
    df_log_setup(DF_LOG_WARNING, DF_LOG_TEXT, ends[1]);
    load_environment("DAYFLY_MEMORY_LIMT=1G", "DAYFLY_JOB_WINDOW=3", "OTHER=1");
    df_log_setup(DF_LOG_WARNING, DF_LOG_TEXT, STDERR_FILENO);
    close(ends[1]);
    ssize_t size = read(ends[0], line, sizeof line - 1);
    assert_true(size > 0);
    line[size] = '\0';
    close(ends[0]);
    assert_non_null(strstr(line, " warning environment_unknown name=DAYFLY_MEMORY_LIMT\n"));
    assert_ptr_equal(strchr(line, '\n'), line + size - 1); /* one line only */
    assert_int_equal(df_config_int(config, "job.window"), 3);
}

/* ---- dayfly.yaml ---- */

static int load_yaml(const char *text)
{
    df_error_clear(&error);
    return df_config_load_yaml(config, df_slice_text(text), "dayfly.yaml", &error);
}

static void test_nested_mappings_are_dotted_names(void **state)
{
    (void)state;
    assert_ok(load_yaml("# comment\n"
                        "memory:\n"
                        "  limit: 2G\n"
                        "  spill-folder: \"/var/tmp\"\n"
                        "job: {window: 4, timeout: 5s}\n"
                        "color: no\n"
                        "job.offset: -3\n"),
              &error);
    assert_true(df_config_int(config, "memory.limit") == (int64_t)2 << 30);
    assert_string_equal(df_config_text(config, "memory.spill-folder"), "/var/tmp");
    assert_int_equal(df_config_int(config, "job.window"), 4);
    assert_int_equal(df_config_int(config, "job.timeout"), 5000);
    assert_int_equal(df_config_int(config, "job.offset"), -3);
    assert_false(df_config_bool(config, "color"));
    assert_int_equal(df_config_source(config, "color"), DF_CONFIG_YAML);
}

static void test_further_yaml_paths_are_understood(void **state)
{
    (void)state;
    assert_ok(load_yaml("searcher:\n  lambda:\n    max_in_flight: 5\n"), &error);
    assert_int_equal(df_config_int(config, "job.window"), 5);
}

static void test_empty_files_and_empty_values_give_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "\n\n",
                                        "# only a comment\n",
                                        "---\n",
                                        "{}",
                                        "~",
                                        "null\n",
                                        "memory:\n",
                                        "memory.limit:\njob:\n  window: ~\n",
                                        "memory: {limit: null}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_ok(load_yaml(texts[i]), &error);
        assert_int_equal(df_config_int(config, "memory.limit"), 64 << 20);
        assert_int_equal(df_config_source(config, "memory.limit"), DF_CONFIG_DEFAULT);
    }
    assert_ok(load_yaml("redis.password: ''\n"), &error); /* an empty text is a value */
    assert_int_equal(df_config_source(config, "redis.password"), DF_CONFIG_YAML);
}

static void test_errors_in_yaml_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"memory:\n  limt: 1\n", "dayfly.yaml, line 2: there is no option 'memory.limt'; did you mean 'memory.limit'?"},
        {"job:\n  window: 0\n", "dayfly.yaml, line 2: job.window: '0' is out of range; 1 to 64"},
        {"job:\n  window: 5\njob.window: 6\n", "dayfly.yaml, line 3: job.window is given twice, in line 2 as well"},
        {"job.window: 5\nsearcher.lambda.max_in_flight: 6\n",
         "dayfly.yaml, line 2: job.window is given twice, in line 1 as well"},
        {"job: [1, 2]\n", "dayfly.yaml, line 1: job: a list stands where one value or a mapping was expected"},
        {"- a\n", "dayfly.yaml, line 1: a list stands where one value or a mapping was expected"},
        {"just words\n", "dayfly.yaml, line 1: expected lines like `memory.limit: 64M`"},
        {"memory: 5\n",
         "dayfly.yaml, line 1: 'memory' is a group of options (memory.limit, for example), not an option"},
        {"memory.limit:\n  x: 1\n",
         "dayfly.yaml, line 2: there is no option 'memory.limit.x'; did you mean 'memory.limit'?"},
        {"color: yes\n--- \ncolor: no\n", "dayfly.yaml, line 2: there is a second document"},
        {"color: *x\n", "dayfly.yaml, line 1: anchors and aliases are not supported; write the value out"},
        {"? {a: b}\n: c\n", "dayfly.yaml, line 1: a mapping is no name of an option"},
        {"? [a]\n: c\n", "dayfly.yaml, line 1: a list stands where one value or a mapping was expected"},
        {"color: \"a\\0b\"\n", "dayfly.yaml, line 1: color has a zero byte in its value"},
        {"'': 1\n", "dayfly.yaml, line 1: no option has a name like that, or as deep as that"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (load_yaml(cases[i].text) == 0)
            fail_msg("taken: %s", cases[i].text);
        assert_string_equal(error.message, cases[i].message);
        assert_int_equal(error.kind, DF_ERROR_INVALID);
    }
    assert_fails(load_yaml("a: b: c\n"), &error, DF_ERROR_INVALID, "dayfly.yaml, line 1: ");
    assert_fails(load_yaml("a: \"\n\n"), &error, DF_ERROR_INVALID, "dayfly.yaml, line 3: ");
    assert_fails(load_yaml("a: \xff\n"), &error, DF_ERROR_INVALID, "dayfly.yaml, line 1: ");
}

static void test_hostile_yaml_ends_with_an_error(void **state)
{
    (void)state;
    struct df_buf text = {0};
    for (int i = 0; i < 100; i++)
        df_buf_put_text(&text, "{a: ");
    assert_fails(load_yaml(df_buf_text(&text)), &error, DF_ERROR_INVALID, "as deep as that");
    df_buf_clear(&text);
    for (int i = 0; i < 300; i++)
        df_buf_put_char(&text, 'x');
    df_buf_put_text(&text, ": 1\n");
    assert_fails(load_yaml(df_buf_text(&text)), &error, DF_ERROR_INVALID, "no option has a name like that");
    df_buf_clear(&text);
    for (int i = 0; i < 100000; i++)
        df_buf_put_char(&text, '{');
    assert_fails(load_yaml(df_buf_text(&text)), &error, DF_ERROR_INVALID, "line 1");
    while (text.size <= 1024 * 1024)
        df_buf_put_text(&text, "# comment of a long file\n");
    assert_fails(load_yaml(df_buf_text(&text)), &error, DF_ERROR_TOO_LARGE, "dayfly.yaml has ");
    df_buf_dispose(&text);
}

static void test_every_cut_of_a_file_is_read_or_refused(void **state)
{
    (void)state;
    static const char text[] = "memory:\n  limit: 2G\njob: {window: 4, \"timeout\": '5s'}\ncolor: |\n  no\n";
    for (size_t size = 0; size < sizeof text; size++) {
        char *copy = malloc(size + 1);
        memcpy(copy, text, size);
        df_error_clear(&error);
        if (df_config_load_yaml(config, df_slice_make(copy, size), "f", &error) != 0)
            assert_int_equal(error.kind, DF_ERROR_INVALID);
        free(copy);
    }
}

/* ---- settings.json ---- */

static int load_settings(const char *text)
{
    df_error_clear(&error);
    return df_config_load_settings(config, df_slice_text(text), "settings.json", &error);
}

static void test_settings_are_nested_or_dotted(void **state)
{
    (void)state;
    assert_ok(load_settings("{\"memory\": {\"limit\": \"2G\"}, \"job.window\": 4, \"color\": false, \"pin\": null}"),
              &error);
    assert_true(df_config_int(config, "memory.limit") == (int64_t)2 << 30);
    assert_int_equal(df_config_int(config, "job.window"), 4);
    assert_false(df_config_bool(config, "color"));
    assert_false(df_config_has(config, "pin"));
    assert_int_equal(df_config_source(config, "color"), DF_CONFIG_SETTINGS);
}

static void test_errors_in_settings_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\n\"job\": {\n\"windw\": 4}}",
         "settings.json, line 3: there is no option 'job.windw'; did you mean 'job.window'?"},
        {"{\"job\":\n{\"window\": 4.5}}", "settings.json, line 2: job.window: '4.5' is not a whole number"},
        {"{\"job\": {\"window\": [4]}}", "settings.json, line 1: job.window: expected one value, found an array"},
        {"[1]", "settings.json: expected an object, found an array"},
        {"{\"color\": tru}", "settings.json: line 1, column 11: expected true, false or null"},
        {"{\"memory.spill-folder\": \"a\\u0000b\"}",
         "settings.json, line 1: memory.spill-folder has a zero byte in its value"},
        {"{\"a\\u0000b\": 1}", "settings.json, line 1: no option has a name like that, or as deep as that"},
        {"{\"\": 1}", "settings.json, line 1: no option has a name like that, or as deep as that"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (load_settings(cases[i].text) == 0)
            fail_msg("taken: %s", cases[i].text);
        assert_string_equal(error.message, cases[i].message);
    }
    struct df_buf text = {0};
    for (int i = 0; i < 20; i++)
        df_buf_put_text(&text, "{\"a\":");
    assert_fails(load_settings(df_buf_text(&text)), &error, DF_ERROR_INVALID, "nested deeper than 16");
    df_buf_dispose(&text);
}

/* ---- secrets, names ---- */

static void test_secrets_are_neither_printed_nor_quoted(void **state)
{
    (void)state;
    struct df_buf out = {0};
    df_config_put_value(config, "redis.password", &out);
    assert_string_equal(df_buf_text(&out), ""); /* none is no secret */
    assert_ok(df_config_set(config, "redis.password", "hunter2", DF_CONFIG_YAML, &error), &error);
    df_config_put_value(config, "redis.password", &out);
    assert_string_equal(df_buf_text(&out), "*****");
    assert_string_equal(df_config_text(config, "redis.password"), "hunter2");
    assert_message(df_config_set(config, "pin", "hunter2", DF_CONFIG_ENVIRONMENT, &error),
                   "environment: the value is not right for pin (it is secret and not shown)");
    df_buf_clear(&out);
    df_config_put_value(config, "memory.spill-folder", &out);
    df_config_put_value(config, "memory.limit", &out);
    assert_string_equal(df_buf_text(&out), "64M");
    df_buf_dispose(&out);
}

static void test_the_nearest_name_is_near(void **state)
{
    (void)state;
    static const char *const names[] = {"view", "addtocart", "transaction", "ab"};
    assert_string_equal(df_nearest_name("veiw", names, 4), "view");
    assert_string_equal(df_nearest_name("VIEW", names, 4), "view");
    assert_string_equal(df_nearest_name("addToCard", names, 4), "addtocart");
    assert_string_equal(df_nearest_name("transactions", names, 4), "transaction");
    assert_string_equal(df_nearest_name("ac", names, 4), "ab");
    assert_null(df_nearest_name("purchase", names, 4));
    assert_null(df_nearest_name("xy", names, 4));
    assert_null(df_nearest_name("view", names, 0));
    char long_name[200];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_null(df_nearest_name(long_name, names, 4));
    const char *long_names[] = {long_name};
    assert_null(df_nearest_name("view", long_names, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_defaults_hold_until_something_else_is_said),
        TEST(test_rows_are_in_order_of_their_names),
        TEST(test_a_higher_source_wins_whatever_the_order),
        TEST(test_errors_say_where_the_value_came_from_and_what_is_right),
        TEST(test_choices_are_whole_words),
        TEST(test_booleans_have_many_words),
        TEST(test_integers_have_signs_and_limits),
        TEST(test_sizes_have_units_of_1024),
        TEST(test_durations_need_a_unit),
        TEST(test_the_environment_names_follow_from_the_options),
        TEST(test_further_names_count_when_the_own_is_absent),
        TEST(test_an_empty_variable_is_not_given),
        TEST(test_a_wrong_variable_is_named),
        TEST(test_unknown_variables_are_warned_of),
        TEST(test_nested_mappings_are_dotted_names),
        TEST(test_further_yaml_paths_are_understood),
        TEST(test_empty_files_and_empty_values_give_nothing),
        TEST(test_errors_in_yaml_name_the_line),
        TEST(test_hostile_yaml_ends_with_an_error),
        TEST(test_every_cut_of_a_file_is_read_or_refused),
        TEST(test_settings_are_nested_or_dotted),
        TEST(test_errors_in_settings_name_the_line),
        TEST(test_secrets_are_neither_printed_nor_quoted),
        TEST(test_the_nearest_name_is_near),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
