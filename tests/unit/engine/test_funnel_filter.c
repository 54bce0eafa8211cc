/* Every operator on every type, with nulls, as plain vectors and as dictionary codes. */
#include "engine/funnel/filter.h"

#include <math.h>

#include "testing/testing.h"

enum { ROWS = 12 };

/* Evaluates and compares with a string of '0' and '1'. */
static void assert_matches_from(int line, const struct df_vector *vector, enum df_funnel_column column,
                                struct df_funnel_filter_spec spec, const char *expected)
{
    struct df_error error = {0};
    struct df_funnel_filter filter;
    uint8_t matches[64];
    char found[65] = "";
    spec.column = "c";
    assert_ok(df_funnel_filter_compile(&filter, &spec, column, NULL, &error), &error);
    assert_ok(df_funnel_filter_evaluate(&filter, vector, matches, &error), &error);
    for (uint32_t i = 0; i < vector->row_count; i++)
        found[i] = matches[i] == 1 ? '1' : matches[i] == 0 ? '0' : '?';
    if (strcmp(found, expected) != 0)
        fail_msg("line %d: op %s '%.*s': expected %s, got %s", line, df_funnel_op_text(spec.op),
                 DF_SLICE_ARG(spec.text), expected, found);
    df_funnel_filter_dispose(&filter);
}
#define assert_matches(...) assert_matches_from(__LINE__, __VA_ARGS__)

static struct df_funnel_filter_spec number(enum df_funnel_op op, const char *text)
{
    return (struct df_funnel_filter_spec){.op = op, .type = DF_FUNNEL_NUMBER, .text = df_slice_text(text)};
}

static struct df_funnel_filter_spec string(enum df_funnel_op op, const char *text)
{
    return (struct df_funnel_filter_spec){.op = op, .type = DF_FUNNEL_STRING, .text = df_slice_text(text)};
}

static struct df_funnel_filter_spec boolean(enum df_funnel_op op, bool value)
{
    return (struct df_funnel_filter_spec){.op = op, .type = DF_FUNNEL_BOOLEAN, .boolean = value};
}

static void test_integers_compare_with_integers(void **state)
{
    (void)state;
    const int64_t values[] = {4, 5, 6, 0};
    const uint8_t valid[] = {1, 1, 1, 0};
    struct df_vector vector = {.kind = DF_VECTOR_INT64, .row_count = 4, .valid = valid, .values = {.int64s = values}};
    assert_matches(&vector, DF_FUNNEL_COLUMN_INT64, number(DF_FUNNEL_EQ, "5"), "0100");
    assert_matches(&vector, DF_FUNNEL_COLUMN_INT64, number(DF_FUNNEL_NE, "5"), "1011");
    assert_matches(&vector, DF_FUNNEL_COLUMN_INT64, number(DF_FUNNEL_GT, "5"), "0010");
    assert_matches(&vector, DF_FUNNEL_COLUMN_INT64, number(DF_FUNNEL_GE, "5"), "0110");
    assert_matches(&vector, DF_FUNNEL_COLUMN_INT64, number(DF_FUNNEL_LT, "5"), "1000");
    assert_matches(&vector, DF_FUNNEL_COLUMN_INT64, number(DF_FUNNEL_LE, "5"), "1100");
}

/* Constants as halves, so that an exact oracle is one multiplication: value × 2 against 2 × constant. */
static void test_integers_compare_exactly_with_any_number(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        __int128 twice;
    } constants[] = {{"5.5", 11},
                     {"-5.5", -11},
                     {"0.5", 1},
                     {"-0.5", -1},
                     {"0", 0},
                     {"9007199254740993", (__int128)9007199254740993 * 2},
                     {"9223372036854775807", (__int128)INT64_MAX * 2},
                     {"9223372036854775807.5", (__int128)INT64_MAX * 2 + 1},
                     {"9223372036854775808", ((__int128)INT64_MAX + 1) * 2},
                     {"-9223372036854775808", (__int128)INT64_MIN * 2},
                     {"-9223372036854775808.5", (__int128)INT64_MIN * 2 - 1},
                     {"18446744073709551615", (__int128)UINT64_MAX * 2},
                     {"18446744073709551616", ((__int128)UINT64_MAX + 1) * 2},
                     {"1180591620717411303424", (__int128)1 << 71},
                     {"-1180591620717411303424", -((__int128)1 << 71)}};
    const int64_t values[ROWS] = {INT64_MIN,        INT64_MIN + 1,    -6,       -5, -1, 0, 1, 5, 6,
                                  9007199254740992, 9007199254740993, INT64_MAX};
    struct df_vector vector = {.kind = DF_VECTOR_INT64, .row_count = ROWS, .values = {.int64s = values}};
    for (size_t c = 0; c < sizeof constants / sizeof *constants; c++) {
        for (int is_unsigned = 0; is_unsigned < 2; is_unsigned++) {
            for (int op = DF_FUNNEL_EQ; op <= DF_FUNNEL_LE; op++) {
                char expected[ROWS + 1] = "";
                for (int i = 0; i < ROWS; i++) {
                    __int128 twice = (is_unsigned ? (__int128)(uint64_t)values[i] : (__int128)values[i]) * 2;
                    __int128 than = constants[c].twice;
                    bool match = op == DF_FUNNEL_EQ   ? twice == than
                                 : op == DF_FUNNEL_NE ? twice != than
                                 : op == DF_FUNNEL_GT ? twice > than
                                 : op == DF_FUNNEL_GE ? twice >= than
                                 : op == DF_FUNNEL_LT ? twice < than
                                                      : twice <= than;
                    expected[i] = match ? '1' : '0';
                }
                assert_matches(&vector, is_unsigned ? DF_FUNNEL_COLUMN_UINT64 : DF_FUNNEL_COLUMN_INT64,
                               number((enum df_funnel_op)op, constants[c].text), expected);
            }
        }
    }
}

static void test_unsigned_integers_above_2_63_compare_as_what_they_are(void **state)
{
    (void)state;
    const int64_t values[] = {INT64_MAX, (int64_t)(UINT64_C(1) << 63), -1};
    struct df_vector vector = {.kind = DF_VECTOR_INT64, .row_count = 3, .values = {.int64s = values}};
    assert_matches(&vector, DF_FUNNEL_COLUMN_UINT64, number(DF_FUNNEL_EQ, "9223372036854775808"), "010");
    assert_matches(&vector, DF_FUNNEL_COLUMN_UINT64, number(DF_FUNNEL_GT, "9223372036854775808"), "001");
    assert_matches(&vector, DF_FUNNEL_COLUMN_UINT64, number(DF_FUNNEL_GE, "0"), "111");
    assert_matches(&vector, DF_FUNNEL_COLUMN_UINT64, number(DF_FUNNEL_LT, "-0.5"), "000");
    assert_matches(&vector, DF_FUNNEL_COLUMN_INT64, number(DF_FUNNEL_EQ, "9223372036854775808"), "000");
}

static void test_floats_compare_as_doubles_and_nan_is_null(void **state)
{
    (void)state;
    const double values[] = {0.1, 2.5, -INFINITY, INFINITY, NAN, 7};
    const uint8_t valid[] = {1, 1, 1, 1, 1, 0};
    struct df_vector vector = {
        .kind = DF_VECTOR_FLOAT64, .row_count = 6, .valid = valid, .values = {.float64s = values}};
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_EQ, "0.1"), "100000");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_NE, "0.1"), "011111");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_GT, "1"), "010100");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_GE, "2.5"), "010100");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_LT, "2.5"), "101000");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_LE, "2.5"), "111000");
}

static void test_floats_compare_with_numbers_beyond_double(void **state)
{
    (void)state;
    const double values[] = {1, -INFINITY, INFINITY, NAN};
    struct df_vector vector = {.kind = DF_VECTOR_FLOAT64, .row_count = 4, .values = {.float64s = values}};
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_EQ, "1e999"), "0000");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_NE, "1e999"), "1111");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_LT, "1e999"), "1100");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_LE, "1e999"), "1100");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_GT, "1e999"), "0010");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_GE, "1e999"), "0010");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_LT, "-1e999"), "0100");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_LE, "-1e999"), "0100");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_GT, "-1e999"), "1010");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_GE, "-1e999"), "1010");
}

static void test_booleans_take_equal_and_not_equal(void **state)
{
    (void)state;
    const uint8_t values[] = {0, 1, 0}, valid[] = {1, 1, 0};
    struct df_vector vector = {.kind = DF_VECTOR_BOOL, .row_count = 3, .valid = valid, .values = {.bools = values}};
    assert_matches(&vector, DF_FUNNEL_COLUMN_BOOL, boolean(DF_FUNNEL_EQ, true), "010");
    assert_matches(&vector, DF_FUNNEL_COLUMN_BOOL, boolean(DF_FUNNEL_EQ, false), "100");
    assert_matches(&vector, DF_FUNNEL_COLUMN_BOOL, boolean(DF_FUNNEL_NE, true), "101");
    assert_matches(&vector, DF_FUNNEL_COLUMN_BOOL, boolean(DF_FUNNEL_NE, false), "011");
}

/* "", "b", "bc", null, "B", "\xC3\xA9" */
static const struct {
    struct df_funnel_filter_spec spec;
    const char *expected;
} string_cases[] = {
    {{.op = DF_FUNNEL_EQ, .text = {(const uint8_t *)"b", 1}}, "010000"},
    {{.op = DF_FUNNEL_NE, .text = {(const uint8_t *)"b", 1}}, "101111"},
    {{.op = DF_FUNNEL_GT, .text = {(const uint8_t *)"b", 1}}, "001001"},
    {{.op = DF_FUNNEL_GE, .text = {(const uint8_t *)"b", 1}}, "011001"},
    {{.op = DF_FUNNEL_LT, .text = {(const uint8_t *)"b", 1}}, "100010"},
    {{.op = DF_FUNNEL_LE, .text = {(const uint8_t *)"b", 1}}, "110010"},
    {{.op = DF_FUNNEL_CONTAINS, .text = {(const uint8_t *)"b", 1}}, "011000"},
    {{.op = DF_FUNNEL_NOT_CONTAINS, .text = {(const uint8_t *)"b", 1}}, "100111"},
    {{.op = DF_FUNNEL_CONTAINS, .text = {NULL, 0}}, "111011"},
    {{.op = DF_FUNNEL_NOT_CONTAINS, .text = {NULL, 0}}, "000100"},
    {{.op = DF_FUNNEL_EQ, .text = {NULL, 0}}, "100000"},
    {{.op = DF_FUNNEL_CONTAINS, .text = {(const uint8_t *)"\xA9", 1}}, "000001"},
    {{.op = DF_FUNNEL_CONTAINS, .text = {(const uint8_t *)"bcd", 3}}, "000000"},
};

static void test_strings_compare_byte_by_byte(void **state)
{
    (void)state;
    const struct df_slice values[] = {df_slice_text(""), df_slice_text("b"), df_slice_text("bc"),
                                      {NULL, 0},         df_slice_text("B"), df_slice_text("\xC3\xA9")};
    const uint8_t valid[] = {1, 1, 1, 0, 1, 1};
    struct df_vector vector = {.kind = DF_VECTOR_BYTES, .row_count = 6, .valid = valid, .values = {.bytes = values}};
    for (size_t i = 0; i < sizeof string_cases / sizeof *string_cases; i++)
        assert_matches(&vector, DF_FUNNEL_COLUMN_BYTES, string_cases[i].spec, string_cases[i].expected);
}

static void test_dictionary_codes_answer_as_plain_strings_do(void **state)
{
    (void)state;
    const struct df_slice entries[] = {df_slice_text("\xC3\xA9"), df_slice_text("bc"), df_slice_text("b"),
                                       df_slice_text("B"), df_slice_text("")};
    const struct df_dictionary dictionary = {
        .serial = 7, .count = 5, .kind = DF_VECTOR_BYTES, .values = {.bytes = entries}};
    const uint32_t codes[] = {4, 2, 1, 0, 3, 0};
    const uint8_t valid[] = {1, 1, 1, 0, 1, 1};
    struct df_vector vector = {
        .kind = DF_VECTOR_CODES, .row_count = 6, .valid = valid, .values = {.codes = codes}, .dictionary = &dictionary};
    for (size_t i = 0; i < sizeof string_cases / sizeof *string_cases; i++)
        assert_matches(&vector, DF_FUNNEL_COLUMN_BYTES, string_cases[i].spec, string_cases[i].expected);
}

static void test_dictionaries_of_numbers_answer_as_plain_numbers_do(void **state)
{
    (void)state;
    const int64_t integers[] = {5, 6};
    const double floats[] = {NAN, 6};
    const uint32_t codes[] = {0, 1, 0};
    const uint8_t valid[] = {1, 1, 0};
    struct df_dictionary dictionary = {
        .serial = 1, .count = 2, .kind = DF_VECTOR_INT64, .values = {.int64s = integers}};
    struct df_vector vector = {
        .kind = DF_VECTOR_CODES, .row_count = 3, .valid = valid, .values = {.codes = codes}, .dictionary = &dictionary};
    assert_matches(&vector, DF_FUNNEL_COLUMN_INT64, number(DF_FUNNEL_GT, "5.5"), "010");
    assert_matches(&vector, DF_FUNNEL_COLUMN_INT64, number(DF_FUNNEL_NE, "5.5"), "111");
    dictionary =
        (struct df_dictionary){.serial = 2, .count = 2, .kind = DF_VECTOR_FLOAT64, .values = {.float64s = floats}};
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_NE, "6"), "101");
    dictionary.count = 0;
    vector.valid = (const uint8_t[]){0, 0, 0};
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_NE, "6"), "111");
    assert_matches(&vector, DF_FUNNEL_COLUMN_FLOAT64, number(DF_FUNNEL_EQ, "6"), "000");
}

static void test_a_new_dictionary_replaces_the_answers_to_the_old_one(void **state)
{
    (void)state;
    struct df_error error = {0};
    const struct df_slice first[] = {df_slice_text("a"), df_slice_text("b")},
                          second[] = {df_slice_text("x"), df_slice_text("y"), df_slice_text("a")};
    struct df_dictionary dictionary = {.serial = 1, .count = 2, .kind = DF_VECTOR_BYTES, .values = {.bytes = first}};
    const uint32_t codes[] = {0, 1}, later_codes[] = {0, 2};
    struct df_vector vector = {
        .kind = DF_VECTOR_CODES, .row_count = 2, .values = {.codes = codes}, .dictionary = &dictionary};
    struct df_budget budget;
    struct df_funnel_filter filter;
    struct df_funnel_filter_spec spec = string(DF_FUNNEL_EQ, "a");
    uint8_t matches[2];
    df_budget_init(&budget, 4);
    spec.column = "c";
    assert_ok(df_funnel_filter_compile(&filter, &spec, DF_FUNNEL_COLUMN_BYTES, &budget, &error), &error);
    assert_ok(df_funnel_filter_evaluate(&filter, &vector, matches, &error), &error);
    assert_int_equal(matches[0], 1);
    dictionary = (struct df_dictionary){.serial = 2, .count = 3, .kind = DF_VECTOR_BYTES, .values = {.bytes = second}};
    vector.values.codes = later_codes;
    /* 2 bytes are taken, and 3 more pass the limit of 4. */
    assert_fails(df_funnel_filter_evaluate(&filter, &vector, matches, &error), &error, DF_ERROR_EXHAUSTED,
                 "memory.limit");
    budget.limit_bytes = 8;
    assert_ok(df_funnel_filter_evaluate(&filter, &vector, matches, &error), &error);
    assert_int_equal(matches[0], 0);
    assert_int_equal(matches[1], 1);
    df_funnel_filter_dispose(&filter);
    assert_int_equal(budget.used_bytes, 0);
}

static void assert_refused(enum df_funnel_column column, struct df_funnel_filter_spec spec, const char *message)
{
    struct df_error error = {0};
    struct df_funnel_filter filter;
    spec.column = "event";
    spec.step = 3;
    assert_fails(df_funnel_filter_compile(&filter, &spec, column, NULL, &error), &error, DF_ERROR_INVALID, message);
    df_funnel_filter_dispose(&filter);
}

static void test_wrong_types_are_told_with_the_way_out(void **state)
{
    (void)state;
    assert_refused(DF_FUNNEL_COLUMN_BYTES, number(DF_FUNNEL_EQ, "5"),
                   "funnel.sequence[3].filter: column 'event' is a string and 5 is a number; quote it: event = '5'");
    assert_refused(DF_FUNNEL_COLUMN_BYTES, boolean(DF_FUNNEL_NE, true), "quote it: event != 'true'");
    assert_refused(DF_FUNNEL_COLUMN_INT64, string(DF_FUNNEL_GT, "5"),
                   "column 'event' is an integer and '5' is a string; write it without quotes: event > 5");
    assert_refused(DF_FUNNEL_COLUMN_FLOAT64, string(DF_FUNNEL_EQ, "five"),
                   "column 'event' is a float and 'five' is a string; compare it with a number");
    assert_refused(DF_FUNNEL_COLUMN_UINT64, boolean(DF_FUNNEL_EQ, false),
                   "column 'event' is an integer and false is a boolean; compare it with a number");
    assert_refused(DF_FUNNEL_COLUMN_BOOL, number(DF_FUNNEL_EQ, "1"),
                   "column 'event' is a boolean and 1 is a number; compare it with true or false: event = true");
    assert_refused(DF_FUNNEL_COLUMN_BOOL, boolean(DF_FUNNEL_GT, true),
                   "column 'event' is a boolean, which does not take '>'; it takes == and !=");
    assert_refused(DF_FUNNEL_COLUMN_INT64, string(DF_FUNNEL_CONTAINS, "5"),
                   "column 'event' is an integer, which does not take 'contains'; it takes == != > >= < <=");
    assert_refused(DF_FUNNEL_COLUMN_FLOAT64, string(DF_FUNNEL_NOT_CONTAINS, "5"), "does not take 'not contains'");
    assert_refused(DF_FUNNEL_COLUMN_INT64, string(DF_FUNNEL_EQ, "\x1b[2J"), "'?[2J' is a string");
}

static void test_a_vector_of_another_kind_is_an_error_and_no_guess(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_funnel_filter filter;
    struct df_funnel_filter_spec spec = number(DF_FUNNEL_EQ, "5");
    const double values[] = {5};
    struct df_vector vector = {.kind = DF_VECTOR_FLOAT64, .row_count = 1, .values = {.float64s = values}};
    uint8_t matches[1];
    spec.column = "c";
    assert_ok(df_funnel_filter_compile(&filter, &spec, DF_FUNNEL_COLUMN_INT64, NULL, &error), &error);
    assert_fails(df_funnel_filter_evaluate(&filter, &vector, matches, &error), &error, DF_ERROR_INTERNAL, "kind");
    df_funnel_filter_dispose(&filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_compare_with_integers),
        cmocka_unit_test(test_integers_compare_exactly_with_any_number),
        cmocka_unit_test(test_unsigned_integers_above_2_63_compare_as_what_they_are),
        cmocka_unit_test(test_floats_compare_as_doubles_and_nan_is_null),
        cmocka_unit_test(test_floats_compare_with_numbers_beyond_double),
        cmocka_unit_test(test_booleans_take_equal_and_not_equal),
        cmocka_unit_test(test_strings_compare_byte_by_byte),
        cmocka_unit_test(test_dictionary_codes_answer_as_plain_strings_do),
        cmocka_unit_test(test_dictionaries_of_numbers_answer_as_plain_numbers_do),
        cmocka_unit_test(test_a_new_dictionary_replaces_the_answers_to_the_old_one),
        cmocka_unit_test(test_wrong_types_are_told_with_the_way_out),
        cmocka_unit_test(test_a_vector_of_another_kind_is_an_error_and_no_guess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
