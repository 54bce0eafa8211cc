/* Regular expressions: what they match, where a pattern is wrong, and that none of them runs away. */
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/funnel/filter/filter.h"
#include "engine/funnel/filter/leaf.h"
#include "testing/testing.h"

/* Of linux/prctl.h since 6.3. */
enum { SET_MEMORY_DENY_WRITE_EXECUTE = 65, REFUSE_EXECUTE_GAIN = 1, UNKNOWN_TO_THE_KERNEL = 77 };

static bool matches(const char *pattern, struct df_slice text)
{
    struct df_error error = {0};
    struct df_funnel_regex *regex;
    assert_ok(df_funnel_regex_compile(&regex, df_slice_text(pattern), "filter.value", &error), &error);
    int found = df_funnel_regex_match(regex, text, &error);
    assert_ok(found, &error);
    df_funnel_regex_free(regex);
    return found == 1;
}

static void test_patterns_are_unanchored_and_know_characters(void **state)
{
    (void)state;
    assert_true(matches("b", df_slice_text("abc")));
    assert_false(matches("^b", df_slice_text("abc")));
    assert_true(matches("^a.c$", df_slice_text("a\xC3\xA9"
                                               "c"))); /* one character, two bytes */
    assert_true(matches("(?i)STRASSE|stra\xC3\x9F"
                        "e",
                        df_slice_text("Stra\xC3\x9F"
                                      "e")));
    assert_true(matches("\\d{4}-\\d\\d", df_slice_text("on 2015-05-03")));
    assert_true(matches("", df_slice_text("")));
    assert_true(matches("^$", (struct df_slice){0}));
    assert_false(matches("x", (struct df_slice){0}));
    assert_true(matches("a\\x00b", df_slice_make("xa\0b", 4)));
    assert_true(matches("(\\w+) \\1", df_slice_text("to be be")));
}

static void test_text_that_is_no_utf8_is_searched_around_its_invalid_bytes(void **state)
{
    (void)state;
    const struct df_slice broken = df_slice_make("ab\xFF"
                                                 "cd\xC3",
                                                 6);
    assert_true(matches("cd", broken));
    assert_true(matches("ab", broken));
    assert_false(matches("b.c", broken)); /* the byte is no character */
    assert_false(matches("x", df_slice_make("\xFF\xFE\x80", 3)));
}

static void test_a_wrong_pattern_is_told_with_its_position(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *message;
    } cases[] = {{"a(b", "f.value: the regular expression 'a(b' is wrong at position 3: missing closing parenthesis"},
                 {"[z-a]", "at position 3: range out of order"},
                 {"a**+*", "at position"},
                 {"\\C", "at position 2"},
                 {"\xFF", "at position 0: UTF-8 error"},
                 {"(?<n>a)(?<n>b)", "two named subpatterns"},
                 {"a{99999}", "number too big in {} quantifier"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_error error = {0};
        struct df_funnel_regex *regex;
        assert_fails(df_funnel_regex_compile(&regex, df_slice_text(cases[i].pattern), "f.value", &error), &error,
                     DF_ERROR_INVALID, cases[i].message);
        assert_null(regex);
    }
}

/* Nested too deeply, or as long as a request may be: an error or a pattern, never a crash. */
static void test_monstrous_patterns_are_refused(void **state)
{
    (void)state;
    enum { DEEP = 100000 };
    struct df_error error = {0};
    struct df_funnel_regex *regex;
    char *pattern = malloc(DEEP);
    assert_non_null(pattern);
    memset(pattern, '(', DEEP);
    assert_fails(df_funnel_regex_compile(&regex, df_slice_make(pattern, DEEP), "f.value", &error), &error,
                 DF_ERROR_INVALID, "parentheses are too deeply nested");
    free(pattern);
}

static void test_a_pattern_that_backtracks_without_end_is_exhausted_and_no_mismatch(void **state)
{
    (void)state;
    /* With the JIT, and as on hosts that have none. */
    static const char *const patterns[] = {"^(a+)+$",          "(a|aa)+b\\b$",          "^(.*?,){20}P",
                                           "(*NO_JIT)^(a+)+$", "(*NO_JIT)(a|aa)+b\\b$", "(*NO_JIT)^(.*?,){20}P"};
    static const char *const texts[] = {
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab!", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabc",
        "1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9 P"};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct df_error error = {0};
        struct df_funnel_regex *regex;
        assert_ok(
            df_funnel_regex_compile(&regex, df_slice_text(patterns[i]), "funnel.sequence[1].filter.value", &error),
            &error);
        assert_fails(df_funnel_regex_match(regex, df_slice_text(texts[i % 3]), &error), &error, DF_ERROR_EXHAUSTED,
                     "funnel.sequence[1].filter.value: the regular expression tries too many ways");
        assert_int_equal(df_funnel_regex_match(regex, df_slice_text("no a, no b!"), &error), 0);
        df_funnel_regex_free(regex);
    }
}

/* Recursion of the pattern itself goes deeper than the stack of the JIT. */
static void test_deep_recursion_of_a_pattern_neither_crashes_nor_lies(void **state)
{
    (void)state;
    enum { SIZE = 200000 };
    struct df_error error = {0};
    struct df_funnel_regex *regex;
    char *text = malloc(SIZE);
    assert_non_null(text);
    memset(text, '(', SIZE);
    static const char *const patterns[] = {"^(\\((?1)*\\))$", "(*NO_JIT)^(\\((?1)*\\))$"};
    for (int i = 0; i < 2; i++) {
        assert_ok(df_funnel_regex_compile(&regex, df_slice_text(patterns[i]), "f.value", &error), &error);
        int found = df_funnel_regex_match(regex, df_slice_make(text, SIZE), &error);
        assert_true(found == 0 || (found < 0 && error.kind == DF_ERROR_EXHAUSTED));
        assert_int_equal(df_funnel_regex_match(regex, df_slice_text("((()())())"), &error), 1);
        df_funnel_regex_free(regex);
    }
    free(text);
}

/* A hardened host gives no memory that is writable and executable. The child takes that right from itself. */
static void test_patterns_match_where_code_cannot_be_generated(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct df_error error = {0};
        struct df_funnel_regex *regex;
        if (prctl(SET_MEMORY_DENY_WRITE_EXECUTE, REFUSE_EXECUTE_GAIN, 0L, 0L, 0L) < 0)
            _exit(UNKNOWN_TO_THE_KERNEL);
        if (df_funnel_regex_compile(&regex, df_slice_text("^b+c"), "f.value", &error) < 0)
            _exit(1);
        bool right = df_funnel_regex_match(regex, df_slice_text("bbcd"), &error) == 1 &&
                     df_funnel_regex_match(regex, df_slice_text("abcd"), &error) == 0;
        df_funnel_regex_free(regex);
        _exit(right ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == UNKNOWN_TO_THE_KERNEL)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_a_pattern_over_its_limit_fails_the_batch(void **state)
{
    (void)state;
    struct df_error error = {0};
    const struct df_slice values[] = {df_slice_text("b"), df_slice_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")};
    const struct df_vector vector = {.kind = DF_VECTOR_BYTES, .row_count = 2, .values = {.bytes = values}};
    const struct df_funnel_constant pattern = {.type = DF_FUNNEL_STRING, .text = df_slice_text("^(a+)+$")};
    const struct df_funnel_leaf leaf = {.column = "url",
                                        .op = DF_FUNNEL_REGEX,
                                        .values = &pattern,
                                        .value_count = 1,
                                        .place = "funnel.sequence[0].filter",
                                        .shorthand = true};
    const struct df_funnel_node node = {.kind = DF_FUNNEL_LEAF}, *root = &node;
    const struct df_funnel_filters filters = {.leaves = &leaf, .leaf_count = 1, .roots = &root, .root_count = 1};
    const struct df_funnel_filter_column column = {.type = {.kind = DF_TYPE_STRING}};
    struct df_funnel_filter_set *set;
    const uint8_t *answers;
    assert_ok(df_funnel_filter_set_compile(&set, &filters, &column, NULL, &error), &error);
    df_funnel_filter_set_batch(set, &vector, 2);
    assert_fails(df_funnel_filter_set_match(set, 0, &answers, &error), &error, DF_ERROR_EXHAUSTED,
                 "funnel.sequence[0].filter[2]: the regular expression");
    df_funnel_filter_set_free(set);
}

/* `event == 'buy' and url regex …`: rows that the first leaf has decided are not searched, in whatever batch they are.
 */
static void test_rows_that_are_decided_already_are_not_searched(void **state)
{
    (void)state;
    static const enum df_funnel_node_kind kinds[] = {DF_FUNNEL_AND, DF_FUNNEL_OR};
    const struct df_slice urls[] = {df_slice_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), df_slice_text("aaa"),
                                    df_slice_text("b"), df_slice_text("aaa")};
    const int64_t numbers[] = {1, 2, 2, 2};
    const uint8_t valid[] = {1, 1, 1, 0};
    const struct df_vector vectors[] = {
        {.kind = DF_VECTOR_INT64, .row_count = 4, .values = {.int64s = numbers}},
        {.kind = DF_VECTOR_BYTES, .row_count = 4, .valid = valid, .values = {.bytes = urls}}};
    const struct df_funnel_constant pattern = {.type = DF_FUNNEL_STRING, .text = df_slice_text("^(a+)+$")},
                                    number = {.type = DF_FUNNEL_NUMBER, .text = df_slice_text("2")};
    for (int i = 0; i < 4; i++) { /* and, or; the regular expression as second and as first child */
        bool is_or = i % 2, first = i / 2;
        struct df_error error = {0};
        const struct df_funnel_leaf leaves[] = {
            {.column = "n",
             .op = is_or ? DF_FUNNEL_LT : DF_FUNNEL_EQ,
             .values = &number,
             .value_count = 1,
             .place = "filter"},
            {.column = "url", .op = DF_FUNNEL_REGEX, .values = &pattern, .value_count = 1, .place = "filter"}};
        const struct df_funnel_node children[] = {{.kind = DF_FUNNEL_LEAF, .leaf = first},
                                                  {.kind = DF_FUNNEL_LEAF, .leaf = !first}},
                                    node = {.kind = kinds[is_or], .children = children, .child_count = 2},
                                    *roots[] = {&node};
        const struct df_funnel_filters filters = {.leaves = leaves, .leaf_count = 2, .roots = roots, .root_count = 1};
        const struct df_funnel_filter_column columns[] = {{.type = {.kind = DF_TYPE_INT64, .bits = 64}},
                                                          {.type = {.kind = DF_TYPE_STRING}, .vector = 1}};
        struct df_funnel_filter_set *set;
        const uint8_t *answers;
        assert_ok(df_funnel_filter_set_compile(&set, &filters, columns, NULL, &error), &error);
        df_funnel_filter_set_batch(set, vectors, 4);
        assert_ok(df_funnel_filter_set_match(set, 0, &answers, &error), &error);
        assert_memory_equal(answers, is_or ? "\1\1\0\0" : "\0\1\0\0", 4);
        df_funnel_filter_set_free(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_are_unanchored_and_know_characters),
        cmocka_unit_test(test_text_that_is_no_utf8_is_searched_around_its_invalid_bytes),
        cmocka_unit_test(test_a_wrong_pattern_is_told_with_its_position),
        cmocka_unit_test(test_monstrous_patterns_are_refused),
        cmocka_unit_test(test_a_pattern_that_backtracks_without_end_is_exhausted_and_no_mismatch),
        cmocka_unit_test(test_deep_recursion_of_a_pattern_neither_crashes_nor_lies),
        cmocka_unit_test(test_patterns_match_where_code_cannot_be_generated),
        cmocka_unit_test(test_a_pattern_over_its_limit_fails_the_batch),
        cmocka_unit_test(test_rows_that_are_decided_already_are_not_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
