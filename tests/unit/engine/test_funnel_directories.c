/* `key=value` directories of a path as columns. */
#include "engine/funnel/rows/columns.h"
#include "testing/testing.h"

struct parsed {
    struct df_arena arena;
    struct df_funnel_directories directories;
};

static void parse(struct parsed *parsed, const char *uri)
{
    struct df_error error = {0};
    *parsed = (struct parsed){0};
    assert_ok(df_funnel_directories_parse(uri, &parsed->arena, &parsed->directories, &error), &error);
}

static void assert_directory(const struct parsed *parsed, uint32_t at, const char *name, const char *value,
                             bool integer)
{
    assert_true(at < parsed->directories.count);
    const struct df_funnel_directory *directory = &parsed->directories.items[at];
    assert_string_equal(directory->name, name);
    if (value)
        assert_slice_is(directory->value, value);
    assert_int_equal(directory->value.data == NULL, value == NULL);
    assert_int_equal(directory->integer, integer);
}

static void test_directories_are_columns_outermost_first(void **state)
{
    (void)state;
    struct parsed parsed;
    parse(&parsed, "s3://bucket/events/country=DE/year=2024/part-0.parquet");
    assert_int_equal(parsed.directories.count, 2);
    assert_directory(&parsed, 0, "country", "DE", false);
    assert_directory(&parsed, 1, "year", "2024", true);
    df_arena_dispose(&parsed.arena);
}

static void test_what_is_no_directory_of_a_path_is_no_column(void **state)
{
    (void)state;
    struct parsed parsed;
    static const char *const paths[] = {"",
                                        "a=b",
                                        "s3://a=b/x.parquet",
                                        "file:///x/a=b.parquet",
                                        "=v/file",
                                        "x/=/y/f.parquet",
                                        "http://host=1",
                                        "plain/path/file.parquet"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        parse(&parsed, paths[i]);
        assert_int_equal(parsed.directories.count, 0);
        df_arena_dispose(&parsed.arena);
    }
    parse(&parsed, "a=b/c=://d/f.parquet"); /* no scheme: a slash stands before it */
    assert_int_equal(parsed.directories.count, 2);
    assert_directory(&parsed, 1, "c", ":", false);
    df_arena_dispose(&parsed.arena);
}

static void test_names_and_values_are_percent_decoded(void **state)
{
    (void)state;
    struct parsed parsed;
    parse(&parsed, "/d/my%20key=a%2Fb%3D%25/x=100%/y=%zz/z=%4/q=a=b/f.parquet");
    assert_int_equal(parsed.directories.count, 5);
    assert_directory(&parsed, 0, "my key", "a/b=%", false);
    assert_directory(&parsed, 1, "x", "100%", false);
    assert_directory(&parsed, 2, "y", "%zz", false);
    assert_directory(&parsed, 3, "z", "%4", false);
    assert_directory(&parsed, 4, "q", "a=b", false);
    df_arena_dispose(&parsed.arena);
    parse(&parsed, "/d/n%00ul=1/v=%00/f"); /* no column has a NUL in its name; a value may */
    assert_int_equal(parsed.directories.count, 1);
    assert_int_equal(parsed.directories.items[0].value.size, 1);
    df_arena_dispose(&parsed.arena);
}

static void test_the_default_partition_is_null_and_an_empty_value_is_not(void **state)
{
    (void)state;
    struct parsed parsed;
    parse(&parsed, "/a=__HIVE_DEFAULT_PARTITION__/b=/f.parquet");
    assert_directory(&parsed, 0, "a", NULL, true);
    assert_directory(&parsed, 1, "b", "", false);
    df_arena_dispose(&parsed.arena);
}

static void test_the_inner_of_two_with_one_name_counts(void **state)
{
    (void)state;
    struct parsed parsed;
    parse(&parsed, "/a=1/b=2/a=x/f.parquet");
    assert_int_equal(parsed.directories.count, 2);
    assert_directory(&parsed, 0, "a", "x", false);
    assert_directory(&parsed, 1, "b", "2", true);
    df_arena_dispose(&parsed.arena);
}

static void test_only_canonical_integers_are_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool integer;
        int64_t value;
    } cases[] = {{"0", true, 0},
                 {"7", true, 7},
                 {"-3", true, -3},
                 {"9223372036854775807", true, INT64_MAX},
                 {"-9223372036854775808", true, INT64_MIN},
                 {"9223372036854775808", false, 0},
                 {"-9223372036854775809", false, 0},
                 {"99999999999999999999999", false, 0},
                 {"07", false, 0},
                 {"-0", false, 0},
                 {"+1", false, 0},
                 {"-", false, 0},
                 {"", false, 0},
                 {"1 ", false, 0},
                 {"1.0", false, 0},
                 {"0x1", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 0;
        bool integer = df_funnel_directory_integer(df_slice_text(cases[i].text), &value);
        if (integer != cases[i].integer || value != cases[i].value)
            fail_msg("'%s'", cases[i].text);
    }
}

static void test_more_directories_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_buf path = {0};
    struct df_arena arena = {0};
    struct df_funnel_directories directories;
    for (int i = 0; i < DF_FUNNEL_DIRECTORIES_MAX; i++)
        df_buf_printf(&path, "/k%d=%d", i, i);
    struct df_buf fits = {0};
    df_buf_printf(&fits, "%s/f", df_buf_text(&path));
    assert_ok(df_funnel_directories_parse(df_buf_text(&fits), &arena, &directories, &error), &error);
    assert_int_equal(directories.count, DF_FUNNEL_DIRECTORIES_MAX);
    df_buf_put_text(&path, "/more=1/f");
    assert_fails(df_funnel_directories_parse(df_buf_text(&path), &arena, &directories, &error), &error,
                 DF_ERROR_UNSUPPORTED, "more than 64 key=value directories");
    df_buf_dispose(&path);
    df_buf_dispose(&fits);
    df_arena_dispose(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directories_are_columns_outermost_first),
        cmocka_unit_test(test_what_is_no_directory_of_a_path_is_no_column),
        cmocka_unit_test(test_names_and_values_are_percent_decoded),
        cmocka_unit_test(test_the_default_partition_is_null_and_an_empty_value_is_not),
        cmocka_unit_test(test_the_inner_of_two_with_one_name_counts),
        cmocka_unit_test(test_only_canonical_integers_are_integers),
        cmocka_unit_test(test_more_directories_than_there_is_room_for_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
