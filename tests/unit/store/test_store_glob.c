/* Patterns of names and paths: what fits, what does not, and that hostile ones take no time. */
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "store/glob.h"
#include "testing/testing.h"

static void check_names(const char *const (*rows)[3], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool expected = rows[i][2][0] == 'y';
        if (df_glob_match_name(df_slice_text(rows[i][0]), df_slice_text(rows[i][1])) != expected)
            fail_msg("pattern '%s', name '%s': expected %s", rows[i][0], rows[i][1], expected ? "a match" : "none");
    }
}

static void a_name_fits_by_stars_questions_and_classes(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"*.parquet", "a.parquet", "y"},
        {"*.parquet", ".parquet", "y"},
        {"*.parquet", "a.parquet.crc", "n"},
        {"*", "", "y"},
        {"", "", "y"},
        {"", "a", "n"},
        {"a", "", "n"},
        {"a*b*c", "aXbYbZc", "y"},
        {"a*b*c", "aXbYbZ", "n"},
        {"**", "abc", "y"},
        {"a**c", "abc", "y"},
        {"?", "a", "y"},
        {"?", "", "n"},
        {"?", "ab", "n"},
        {"*?", "a", "y"},
        {"part-[0-9].parquet", "part-7.parquet", "y"},
        {"part-[0-9].parquet", "part-x.parquet", "n"},
        {"part-[!0-9].parquet", "part-x.parquet", "y"},
        {"part-[!0-9].parquet", "part-7.parquet", "n"},
        {"[^a]", "b", "y"},
        {"[]]", "]", "y"},
        {"[!]]", "]", "n"},
        {"[!]]", "a", "y"},
        {"[a-]", "-", "y"},
        {"[-a]", "-", "y"},
        {"[a-]", "b", "n"},
        {"[z-a]", "m", "n"},
        {"[*]", "*", "y"},
        {"[*]", "a", "n"},
        {"*[*]", "ab*", "y"},
    };
    check_names(rows, sizeof rows / sizeof rows[0]);
}

static void a_bracket_that_never_closes_is_itself(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"[", "[", "y"}, {"[", "a", "n"}, {"a[b", "a[b", "y"}, {"a[b", "ab", "n"}, {"[!", "[!", "y"}, {"[]", "[]", "y"},
    };
    check_names(rows, sizeof rows / sizeof rows[0]);
}

static void a_question_mark_is_one_character_of_utf8(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"?", "\u00e9", "y"},
        {"?", "\u20ac", "y"},
        {"?", "\U0001F600", "y"},
        {"??", "\u00e9", "n"},
        {"[\u00e0-\u00ff]", "\u00e9", "y"},
        {"[a-z]", "\u00e9", "n"},
        {"[!a-z]", "\u00e9", "y"},
        {"?", "\xff", "y"},
        {"?", "\xc3", "y"},
        {"\xc3*", "\xc3\xa9", "n"},
        {"?", "\xc3\xa9\xa9", "n"},
        {"??", "\xe2\x82", "y"},
    };
    check_names(rows, sizeof rows / sizeof rows[0]);
}

static void check_paths(const char *const (*rows)[3], size_t count)
{
    struct df_error error;
    for (size_t i = 0; i < count; i++) {
        struct df_glob glob;
        assert_ok(df_glob_parse(&glob, df_slice_text(rows[i][0]), &error), &error);
        bool expected = rows[i][2][0] == 'y';
        if (df_glob_match(&glob, df_slice_text(rows[i][1])) != expected)
            fail_msg("pattern '%s', path '%s': expected %s", rows[i][0], rows[i][1], expected ? "a match" : "none");
    }
}

static void a_path_fits_part_by_part(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"a/*.p", "a/x.p", "y"},
        {"a/*.p", "a/b/x.p", "n"},
        {"*", "a/b", "n"},
        {"a/**/x", "a/x", "y"},
        {"a/**/x", "a/b/x", "y"},
        {"a/**/x", "a/b/c/d/x", "y"},
        {"a/**/x", "b/x", "n"},
        {"**", "a/b/c", "y"},
        {"**", "a", "y"},
        {"**/x", "x", "y"},
        {"**/**/x", "x", "y"},
        {"**/**/x", "a/x", "y"},
        {"a/**", "a/b/c", "y"},
        {"a/**", "b/c", "n"},
        {"d=*/h=?/*", "d=1/h=2/f", "y"},
        {"d=*/h=?/*", "d=1/h=22/f", "n"},
        {"**/b/**/d", "a/b/c/b/d", "y"},
        {"**/b/**/d", "a/c/d", "n"},
        {"a//b", "a/b", "y"},
        {"a", "a/b", "n"},
        {"a/b", "a", "n"},
    };
    check_paths(rows, sizeof rows / sizeof rows[0]);
}

static void a_wildcard_never_stands_for_a_hidden_names_first_character(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"*", ".a", "n"},          {"*", "_SUCCESS", "n"}, {"?a", ".a", "n"},      {"[._]a", "_a", "n"},
        {".*", ".a", "y"},         {"_*", "_a", "y"},      {"_*", ".a", "n"},      {"**/x", "_log/x", "n"},
        {"_log/*", "_log/x", "y"}, {"**", "a/.b", "n"},    {"**/.b", "a/.b", "y"}, {"a*", "a_b.c", "y"},
    };
    check_paths(rows, sizeof rows / sizeof rows[0]);
}

static void a_pattern_with_too_many_parts_is_refused(void **state)
{
    (void)state;
    struct df_error error;
    struct df_glob glob;
    char text[2 * (DF_GLOB_PARTS_MAX + 1) + 1];
    for (size_t i = 0; i <= DF_GLOB_PARTS_MAX; i++)
        memcpy(text + 2 * i, "*/", 2);
    text[sizeof text - 1] = '\0';
    assert_fails(df_glob_parse(&glob, df_slice_text(text), &error), &error, DF_ERROR_INVALID, "more than 63 parts");
    text[2 * DF_GLOB_PARTS_MAX] = '\0';
    assert_ok(df_glob_parse(&glob, df_slice_text(text), &error), &error);
    assert_int_equal(glob.count, DF_GLOB_PARTS_MAX);
}

/* A matcher that tries every way would need longer than the universe has. */
static void hostile_patterns_end_soon(void **state)
{
    (void)state;
    struct df_error error;
    struct df_buf pattern = {0}, name = {0}, deep = {0}, path = {0};
    for (size_t i = 0; i < 200; i++)
        df_buf_put_text(&pattern, "*a");
    df_buf_put_text(&pattern, "b");
    for (size_t i = 0; i < 2000; i++)
        df_buf_put_text(&name, "a");
    for (size_t i = 0; i + 1 < DF_GLOB_PARTS_MAX; i++)
        df_buf_put_text(&deep, "**/");
    df_buf_put_text(&deep, "b");
    for (size_t i = 0; i < 500; i++)
        df_buf_put_text(&path, "a/");
    clock_t start = clock();
    assert_false(df_glob_match_name(df_buf_slice(&pattern), df_buf_slice(&name)));
    struct df_glob glob;
    assert_ok(df_glob_parse(&glob, df_buf_slice(&deep), &error), &error);
    assert_false(df_glob_match(&glob, df_buf_slice(&path)));
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 2.0);
    df_buf_dispose(&pattern);
    df_buf_dispose(&name);
    df_buf_dispose(&deep);
    df_buf_dispose(&path);
}

/* Slow and obvious. */
static bool match_by_trying(const char *pattern, const char *name)
{
    if (*pattern == '\0')
        return *name == '\0';
    if (*pattern == '*')
        return match_by_trying(pattern + 1, name) || (*name && match_by_trying(pattern, name + 1));
    return *name && (*pattern == '?' || *pattern == *name) && match_by_trying(pattern + 1, name + 1);
}

static void random_patterns_agree_with_trying_every_way(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (int i = 0; i < 50000; i++) {
        char pattern[9] = {0}, name[11] = {0};
        size_t pattern_size = test_random(&seed) % 9, name_size = test_random(&seed) % 11;
        for (size_t k = 0; k < pattern_size; k++)
            pattern[k] = "ab*?"[test_random(&seed) % 4];
        for (size_t k = 0; k < name_size; k++)
            name[k] = "ab"[test_random(&seed) % 2];
        if (df_glob_match_name(df_slice_text(pattern), df_slice_text(name)) != match_by_trying(pattern, name))
            fail_msg("pattern '%s', name '%s'", pattern, name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_fits_by_stars_questions_and_classes),
        cmocka_unit_test(a_bracket_that_never_closes_is_itself),
        cmocka_unit_test(a_question_mark_is_one_character_of_utf8),
        cmocka_unit_test(a_path_fits_part_by_part),
        cmocka_unit_test(a_wildcard_never_stands_for_a_hidden_names_first_character),
        cmocka_unit_test(a_pattern_with_too_many_parts_is_refused),
        cmocka_unit_test(hostile_patterns_end_soon),
        cmocka_unit_test(random_patterns_agree_with_trying_every_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
