/* Every operator on every type, with nulls, as plain vectors and as dictionary codes; trees; messages. */
#include "unit/engine/funnel_filter_cases.h"

/* ---- one leaf over one column ---- */

struct fixture {
    struct df_funnel_leaf leaf;
    struct df_funnel_constant values[8];
    struct df_funnel_node node;
    const struct df_funnel_node *root;
    struct df_funnel_filters filters;
    struct df_funnel_filter_column column;
    struct df_funnel_filter_set *set;
};

static void fixture_make(struct fixture *fixture, struct df_type type, enum df_funnel_op op)
{
    *fixture = (struct fixture){.leaf = {.column = "c", .op = op, .place = "funnel.sequence[3].filter"},
                                .node = {.kind = DF_FUNNEL_LEAF},
                                .column = {.type = type}};
    fixture->leaf.values = fixture->values;
    fixture->root = &fixture->node;
    fixture->filters =
        (struct df_funnel_filters){.leaves = &fixture->leaf, .leaf_count = 1, .roots = &fixture->root, .root_count = 1};
}

static void add_value(struct fixture *fixture, enum df_funnel_value_type type, const char *text)
{
    fixture->values[fixture->leaf.value_count++] =
        (struct df_funnel_constant){.type = type, .text = df_slice_text(text), .boolean = strcmp(text, "true") == 0};
}

static int compile(struct fixture *fixture, struct df_budget *budget, struct df_error *error)
{
    return df_funnel_filter_set_compile(&fixture->set, &fixture->filters, &fixture->column, budget, error);
}

static void assert_answers(int line, struct fixture *fixture, const struct df_vector *vector, const char *expected)
{
    struct df_error error = {0};
    const uint8_t *matches;
    char found[65] = "";
    df_funnel_filter_set_batch(fixture->set, vector, vector->row_count);
    assert_ok(df_funnel_filter_set_match(fixture->set, 0, &matches, &error), &error);
    for (uint32_t i = 0; i < vector->row_count; i++)
        found[i] = matches[i] == 1 ? '1' : matches[i] == 0 ? '0' : '?';
    if (strcmp(found, expected) != 0)
        fail_msg("line %d: '%s': expected %s, got %s", line, df_funnel_op_text(fixture->leaf.op), expected, found);
}

/* op as in the language; the constants are of one JSON type. */
static void assert_matches_from(int line, struct df_type type, const struct df_vector *vector, const char *op,
                                enum df_funnel_value_type value_type, const char *const *values, size_t value_count,
                                const char *expected)
{
    struct df_error error = {0};
    struct fixture fixture;
    enum df_funnel_op parsed;
    assert_true(df_funnel_op_parse(df_slice_text(op), &parsed));
    fixture_make(&fixture, type, parsed);
    for (size_t i = 0; i < value_count; i++)
        add_value(&fixture, value_type, values[i]);
    assert_ok(compile(&fixture, NULL, &error), &error);
    assert_answers(line, &fixture, vector, expected);
    df_funnel_filter_set_free(fixture.set);
}
#define VALUES(...)         (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)
#define assert_matches(...) assert_matches_from(__LINE__, __VA_ARGS__)

static struct df_type of_kind(enum df_type_kind kind)
{
    return (struct df_type){.kind = kind, .bits = 64};
}

/* Constants as halves, so that an exact oracle is one multiplication: value × 2 against 2 × constant. */
static void test_integers_compare_exactly_with_any_number(void **state)
{
    (void)state;
    enum { ROWS = 12 };
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
    static const char *const ops[] = {"==", "!=", ">", ">=", "<", "<="};
    const int64_t values[ROWS] = {INT64_MIN,        INT64_MIN + 1,    -6,       -5, -1, 0, 1, 5, 6,
                                  9007199254740992, 9007199254740993, INT64_MAX};
    struct df_vector vector = {.kind = DF_VECTOR_INT64, .row_count = ROWS, .values = {.int64s = values}};
    for (size_t c = 0; c < sizeof constants / sizeof *constants; c++) {
        for (int is_unsigned = 0; is_unsigned < 2; is_unsigned++) {
            for (int op = 0; op < 6; op++) {
                char expected[ROWS + 1] = "";
                for (int i = 0; i < ROWS; i++) {
                    __int128 twice = (is_unsigned ? (__int128)(uint64_t)values[i] : (__int128)values[i]) * 2;
                    __int128 than = constants[c].twice;
                    bool match = op == 0   ? twice == than
                                 : op == 1 ? twice != than
                                 : op == 2 ? twice > than
                                 : op == 3 ? twice >= than
                                 : op == 4 ? twice < than
                                           : twice <= than;
                    expected[i] = match ? '1' : '0';
                }
                assert_matches(of_kind(is_unsigned ? DF_TYPE_UINT64 : DF_TYPE_INT64), &vector, ops[op],
                               DF_FUNNEL_NUMBER, VALUES(constants[c].text), expected);
            }
        }
    }
}

static void test_floats_compare_as_doubles_and_nan_is_null(void **state)
{
    (void)state;
    const double values[] = {0.1, 1, (double)NAN, (double)INFINITY, -(double)INFINITY, -0.0};
    struct df_vector vector = {.kind = DF_VECTOR_FLOAT64, .row_count = 6, .values = {.float64s = values}};
    struct df_type type = of_kind(DF_TYPE_FLOAT);
    assert_matches(type, &vector, "==", DF_FUNNEL_NUMBER, VALUES("0.1"), "100000");
    assert_matches(type, &vector, "!=", DF_FUNNEL_NUMBER, VALUES("0.1"), "011111");
    assert_matches(type, &vector, ">", DF_FUNNEL_NUMBER, VALUES("0"), "110100");
    assert_matches(type, &vector, "<=", DF_FUNNEL_NUMBER, VALUES("0"), "000011");
    assert_matches(type, &vector, "is null", DF_FUNNEL_NUMBER, NULL, 0, "001000");
    assert_matches(type, &vector, "is not null", DF_FUNNEL_NUMBER, NULL, 0, "110111");
    assert_matches(type, &vector, "in", DF_FUNNEL_NUMBER, VALUES("1", "0.1", "0"), "110001");
    assert_matches(type, &vector, "not in", DF_FUNNEL_NUMBER, VALUES("1", "0.1", "0"), "001110");
}

/* A literal beyond the range of the width lies between the largest number and infinity. */
static void test_floats_compare_with_numbers_beyond_their_range(void **state)
{
    (void)state;
    const double values[] = {65504, (double)INFINITY, -(double)INFINITY, (double)NAN};
    struct df_vector vector = {.kind = DF_VECTOR_FLOAT64, .row_count = 4, .values = {.float64s = values}};
    static const char *const beyond[] = {"65520", "1e39", "1e400"}, *const below[] = {"-65520", "-1e39", "-1e400"};
    for (int i = 0; i < 3; i++) {
        struct df_type type = {.kind = DF_TYPE_FLOAT, .bits = (uint8_t)(16 << i)};
        assert_matches(type, &vector, "==", DF_FUNNEL_NUMBER, VALUES(beyond[i]), "0000");
        assert_matches(type, &vector, "!=", DF_FUNNEL_NUMBER, VALUES(beyond[i]), "1111");
        assert_matches(type, &vector, ">", DF_FUNNEL_NUMBER, VALUES(beyond[i]), "0100");
        assert_matches(type, &vector, ">=", DF_FUNNEL_NUMBER, VALUES(beyond[i]), "0100");
        assert_matches(type, &vector, "<", DF_FUNNEL_NUMBER, VALUES(beyond[i]), "1010");
        assert_matches(type, &vector, "<", DF_FUNNEL_NUMBER, VALUES(below[i]), "0010");
        assert_matches(type, &vector, ">=", DF_FUNNEL_NUMBER, VALUES(below[i]), "1100");
        assert_matches(type, &vector, "in", DF_FUNNEL_NUMBER, VALUES(beyond[i], "65504"), "1000");
    }
    /* 65519.99 is rounded to the largest half; the tie 65520 is beyond. */
    assert_matches(((struct df_type){.kind = DF_TYPE_FLOAT, .bits = 16}), &vector, "==", DF_FUNNEL_NUMBER,
                   VALUES("65519.99"), "1000");
}

static void test_constants_are_rounded_to_the_width_of_the_column(void **state)
{
    (void)state;
    const double values[] = {(double)0.1F, 0.0999755859375, 0x1p-24, 0.1};
    struct df_vector vector = {.kind = DF_VECTOR_FLOAT64, .row_count = 4, .values = {.float64s = values}};
    struct df_type half = {.kind = DF_TYPE_FLOAT, .bits = 16}, single = {.kind = DF_TYPE_FLOAT, .bits = 32};
    assert_matches(single, &vector, "==", DF_FUNNEL_NUMBER, VALUES("0.1"), "1000");
    assert_matches(single, &vector, "in", DF_FUNNEL_NUMBER, VALUES("0.1", "5"), "1000");
    assert_matches(half, &vector, "==", DF_FUNNEL_NUMBER, VALUES("0.1"), "0100");
    assert_matches(half, &vector, "not in", DF_FUNNEL_NUMBER, VALUES("0.1", "5"), "1011");
    assert_matches(half, &vector, "==", DF_FUNNEL_NUMBER, VALUES("5.9e-8"), "0010"); /* the smallest of all */
    assert_matches(half, &vector, "==", DF_FUNNEL_NUMBER, VALUES("2.9e-8"), "0000"); /* rounded to 0 */
}

static void test_decimals_compare_with_all_their_digits(void **state)
{
    (void)state;
    const int64_t narrow[] = {1250, -1, 0};
    struct df_vector vector = {.kind = DF_VECTOR_INT64, .row_count = 3, .values = {.int64s = narrow}};
    struct df_type type = {.kind = DF_TYPE_DECIMAL, .precision = 10, .scale = 2};
    assert_matches(type, &vector, "==", DF_FUNNEL_NUMBER, VALUES("12.5"), "100");
    assert_matches(type, &vector, "<", DF_FUNNEL_NUMBER, VALUES("12.5000000000000000000000000000000001"), "111");
    assert_matches(type, &vector, "<", DF_FUNNEL_NUMBER, VALUES("12.5"), "011");
    assert_matches(type, &vector, ">", DF_FUNNEL_NUMBER, VALUES("-0.015"), "111");
    assert_matches(type, &vector, "in", DF_FUNNEL_NUMBER, VALUES("125e-1", "-0.01", "0.001"), "110");
    const __int128 ten = 10, unit = (__int128)1000000000000000000;
    const __int128 wide[] = {unit * unit * ten * 9, -unit * unit * ten * 9, unit * unit * ten * 9 + 1};
    struct df_vector vector128 = {.kind = DF_VECTOR_INT128, .row_count = 3, .values = {.int128s = wide}};
    struct df_type wide_type = {.kind = DF_TYPE_DECIMAL, .precision = 38, .scale = 10};
    assert_matches(wide_type, &vector128, "==", DF_FUNNEL_NUMBER, VALUES("9e27"), "100");
    assert_matches(wide_type, &vector128, ">", DF_FUNNEL_NUMBER, VALUES("9000000000000000000000000000.0000000000"),
                   "001");
    assert_matches(wide_type, &vector128, "<", DF_FUNNEL_NUMBER, VALUES("1e60"), "111");
    assert_matches(wide_type, &vector128, "in", DF_FUNNEL_NUMBER, VALUES("-9e27", "1e60"), "010");
}

static void test_times_compare_with_text_as_instants(void **state)
{
    (void)state;
    const int64_t seconds[] = {1430648430, 1430648431, 1430611200, -1};
    struct df_vector vector = {.kind = DF_VECTOR_INT64, .row_count = 4, .values = {.int64s = seconds}};
    struct df_type type = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_S};
    assert_matches(type, &vector, ">", DF_FUNNEL_STRING, VALUES("2015-05-03T10:20:30.5Z"), "0100");
    assert_matches(type, &vector, "<=", DF_FUNNEL_STRING, VALUES("2015-05-03T10:20:30.5Z"), "1011");
    assert_matches(type, &vector, "==", DF_FUNNEL_STRING, VALUES("2015-05-03T12:20:30+02:00"), "1000");
    assert_matches(type, &vector, "==", DF_FUNNEL_STRING, VALUES("2015-05-03"), "0010");
    assert_matches(type, &vector, "==", DF_FUNNEL_STRING, VALUES("1969-12-31T23:59:59"), "0001");
    assert_matches(type, &vector, "==", DF_FUNNEL_NUMBER, VALUES("1430648430"), "1000");
    assert_matches(type, &vector, "in", DF_FUNNEL_STRING, VALUES("2015-05-03", "2015-05-03T10:20:30.25Z"), "0010");
    const int64_t days[] = {16558, 16559, 16557};
    struct df_vector dates = {.kind = DF_VECTOR_INT64, .row_count = 3, .values = {.int64s = days}};
    assert_matches(of_kind(DF_TYPE_DATE), &dates, "==", DF_FUNNEL_STRING, VALUES("2015-05-03"), "100");
    assert_matches(of_kind(DF_TYPE_DATE), &dates, ">=", DF_FUNNEL_STRING, VALUES("2015-05-03T00:00:00.1Z"), "010");
    assert_matches(of_kind(DF_TYPE_DATE), &dates, "<", DF_FUNNEL_NUMBER, VALUES("16558"), "001");
    const int64_t ns[] = {0, 1, 2};
    struct df_vector nanoseconds = {.kind = DF_VECTOR_INT64, .row_count = 3, .values = {.int64s = ns}};
    struct df_type ns_type = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_NS};
    assert_matches(ns_type, &nanoseconds, ">=", DF_FUNNEL_STRING, VALUES("1970-01-01T00:00:00.0000000010001Z"), "001");
    assert_matches(ns_type, &nanoseconds, "==", DF_FUNNEL_STRING, VALUES("1970-01-01T00:00:00.0000000010001Z"), "000");
    assert_matches(ns_type, &nanoseconds, "==", DF_FUNNEL_STRING, VALUES("1970-01-01T00:00:00.0000000010000Z"), "010");
    const int64_t ms[] = {37230500, 37230501, 0};
    struct df_vector times = {.kind = DF_VECTOR_INT64, .row_count = 3, .values = {.int64s = ms}};
    struct df_type time = {.kind = DF_TYPE_TIME, .unit = DF_TIME_MS};
    assert_matches(time, &times, "==", DF_FUNNEL_STRING, VALUES("10:20:30.5"), "100");
    assert_matches(time, &times, ">", DF_FUNNEL_STRING, VALUES("10:20:30.5005"), "010");
    assert_matches(time, &times, "in", DF_FUNNEL_STRING, VALUES("00:00", "10:20:30.501"), "011");
}

static void test_strings_compare_byte_by_byte(void **state)
{
    (void)state;
    const struct df_slice values[] = {df_slice_text("view"), df_slice_text("View"),    df_slice_text(""),
                                      df_slice_text("a/b"),  df_slice_make("a\0b", 3), df_slice_text("\xC3\xA9")};
    struct df_vector vector = {.kind = DF_VECTOR_BYTES, .row_count = 6, .values = {.bytes = values}};
    static const struct {
        const char *op, *value, *expected;
    } cases[] = {{"==", "view", "100000"},        {"!=", "view", "011111"},       {"==", "", "001000"},
                 {">", "view", "000001"},         {">=", "view", "100001"},       {"<", "a/b", "011010"},
                 {"<=", "a/b", "011110"},         {"contains", "ie", "110000"},   {"contains", "", "111111"},
                 {"not contains", "e", "001111"}, {"starts with", "a", "000110"}, {"starts with", "", "111111"},
                 {"ends with", "b", "000110"},    {"ends with", "iew", "110000"}, {"ends with", "xview", "000000"},
                 {"regex", "^[vV]", "110000"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_matches(of_kind(DF_TYPE_STRING), &vector, cases[i].op, DF_FUNNEL_STRING, VALUES(cases[i].value),
                       cases[i].expected);
        assert_matches(of_kind(DF_TYPE_BINARY), &vector, cases[i].op, DF_FUNNEL_STRING, VALUES(cases[i].value),
                       cases[i].expected);
    }
    assert_matches(of_kind(DF_TYPE_STRING), &vector, "in", DF_FUNNEL_STRING, VALUES("", "view", "zz"), "101000");
    assert_matches(of_kind(DF_TYPE_STRING), &vector, "in", DF_FUNNEL_STRING, NULL, 0, "000000");
    assert_matches(of_kind(DF_TYPE_STRING), &vector, "not in", DF_FUNNEL_STRING, NULL, 0, "111111");
}

/* Text of every size in values of every size, at the beginning, in the middle, at the end, and almost there. */
static void test_contains_finds_text_of_any_size_anywhere(void **state)
{
    (void)state;
    char value[301];
    for (size_t size = 1; size <= 300; size = size < 20 ? size + 1 : size + 7) {
        for (size_t text_size = 1; text_size <= 40 && text_size <= size; text_size += 3) {
            memset(value, 'x', size);
            value[size] = '\0';
            char text[41] = "";
            memset(text, 'x', text_size);
            text[text_size / 2] = 'y';
            struct df_slice slice = df_slice_make(value, size);
            struct df_vector vector = {.kind = DF_VECTOR_BYTES, .row_count = 1, .values = {.bytes = &slice}};
            assert_matches(of_kind(DF_TYPE_STRING), &vector, "contains", DF_FUNNEL_STRING, VALUES(text), "0");
            for (size_t at = 0; at <= size - text_size; at += 1 + (size - text_size) / 3) {
                memset(value, 'x', size);
                value[at + text_size / 2] = 'y';
                assert_matches(of_kind(DF_TYPE_STRING), &vector, "contains", DF_FUNNEL_STRING, VALUES(text), "1");
            }
        }
    }
}

static void test_delimited_strings_are_taken_apart(void **state)
{
    (void)state;
    const struct df_slice values[] = {df_slice_text("a|b"), df_slice_text(""), df_slice_text("|"), df_slice_text("ab"),
                                      df_slice_text("b||a")};
    const uint8_t valid[] = {1, 1, 1, 1, 1, 0};
    const struct df_slice with_null[] = {values[0], values[1], values[2], values[3], values[4], {0}};
    struct df_vector vector = {.kind = DF_VECTOR_BYTES, .row_count = 6, .valid = valid, .values = {.bytes = with_null}};
    static const struct {
        enum df_funnel_op op;
        const char *first, *second, *expected;
    } cases[] = {{DF_FUNNEL_HAS, "a", NULL, "100010"},        {DF_FUNNEL_HAS, "", NULL, "001010"},
                 {DF_FUNNEL_HAS_ANY, "ab", "b", "100110"},    {DF_FUNNEL_HAS_ALL, "b", "a", "100010"},
                 {DF_FUNNEL_HAS_ALL, "", "b", "000010"},      {DF_FUNNEL_EMPTY, NULL, NULL, "010000"},
                 {DF_FUNNEL_NOT_EMPTY, NULL, NULL, "101110"}, {DF_FUNNEL_HAS_ANY, NULL, NULL, "000000"},
                 {DF_FUNNEL_HAS_ALL, NULL, NULL, "111110"},   {DF_FUNNEL_HAS_ALL, "a", "a", "100010"},
                 {DF_FUNNEL_IS_NULL, NULL, NULL, "000001"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_error error = {0};
        struct fixture fixture;
        fixture_make(&fixture, of_kind(DF_TYPE_STRING), cases[i].op);
        fixture.leaf.delimiter = df_slice_text("|");
        if (cases[i].first)
            add_value(&fixture, DF_FUNNEL_STRING, cases[i].first);
        if (cases[i].second)
            add_value(&fixture, DF_FUNNEL_STRING, cases[i].second);
        assert_ok(compile(&fixture, NULL, &error), &error);
        assert_answers((int)i, &fixture, &vector, cases[i].expected);
        df_funnel_filter_set_free(fixture.set);
    }
}

static void test_lists_are_searched_and_a_null_list_is_not_empty(void **state)
{
    (void)state;
    const int64_t values[] = {1, 2, 2, 0, 5};
    const uint8_t element_valid[] = {1, 1, 1, 0, 1}, valid[] = {1, 1, 1, 0, 1};
    const uint32_t offsets[] = {0, 2, 2, 4, 4, 5}; /* [1, 2] [] [2, null] null [5] */
    struct df_vector elements = {
        .kind = DF_VECTOR_INT64, .row_count = 5, .valid = element_valid, .values = {.int64s = values}};
    struct df_vector vector = {
        .kind = DF_VECTOR_LIST, .row_count = 5, .valid = valid, .values = {.list = {offsets, &elements}}};
    struct df_type type = {.kind = DF_TYPE_INT64, .list = true, .bits = 64};
    assert_matches(type, &vector, "has", DF_FUNNEL_NUMBER, VALUES("2"), "10100");
    assert_matches(type, &vector, "has", DF_FUNNEL_NUMBER, VALUES("0"), "00000"); /* what stands at the null element */
    assert_matches(type, &vector, "has", DF_FUNNEL_NUMBER, VALUES("2.5"), "00000");
    assert_matches(type, &vector, "has any", DF_FUNNEL_NUMBER, VALUES("1", "5"), "10001");
    assert_matches(type, &vector, "has all", DF_FUNNEL_NUMBER, VALUES("1", "2"), "10000");
    assert_matches(type, &vector, "has all", DF_FUNNEL_NUMBER, VALUES("2", "2.5"), "00000");
    assert_matches(type, &vector, "has all", DF_FUNNEL_NUMBER, VALUES("2", "2.0"), "10100");
    assert_matches(type, &vector, "empty", DF_FUNNEL_NUMBER, NULL, 0, "01000");
    assert_matches(type, &vector, "not empty", DF_FUNNEL_NUMBER, NULL, 0, "10101");
    assert_matches(type, &vector, "is null", DF_FUNNEL_NUMBER, NULL, 0, "00010");
    assert_matches(type, &vector, "is not null", DF_FUNNEL_NUMBER, NULL, 0, "11101");
}

static void test_uuids_compare_with_their_text_and_by_bytes(void **state)
{
    (void)state;
    const uint8_t bytes[3][16] = {{0x6a, 0x1e, 0x53, 0xe9}, {0x6a, 0x1e, 0x53, 0xea}, {0xff}};
    const struct df_slice values[] = {df_slice_make(bytes[0], 16), df_slice_make(bytes[1], 16),
                                      df_slice_make(bytes[2], 16)};
    struct df_vector vector = {.kind = DF_VECTOR_BYTES, .row_count = 3, .values = {.bytes = values}};
    struct df_type type = of_kind(DF_TYPE_UUID);
    assert_matches(type, &vector, "==", DF_FUNNEL_STRING, VALUES("6A1E53E9-0000-0000-0000-000000000000"), "100");
    assert_matches(type, &vector, ">", DF_FUNNEL_STRING, VALUES("6a1e53e9000000000000000000000000"), "011");
    assert_matches(type, &vector, "not in", DF_FUNNEL_STRING,
                   VALUES("6a1e53e9000000000000000000000000", "ff000000-0000-0000-0000-000000000000"), "010");
}

/* ---- random columns, leaves and trees against the slow evaluator ---- */

static const char *kind_text(const struct df_type *type)
{
    static char place[DF_TYPE_TEXT_BYTES];
    return df_type_text(type, place);
}

static void check_tree(uint64_t seed, uint64_t *random)
{
    struct df_error error = {0};
    static struct case_column columns[CASE_LEAVES];
    static struct case_leaf leaves[CASE_LEAVES];
    struct df_funnel_leaf specs[CASE_LEAVES];
    struct df_funnel_filter_column filter_columns[CASE_LEAVES] = {0};
    struct df_vector vectors[CASE_LEAVES];
    struct case_trees trees = {0};
    struct df_funnel_node roots[3];
    const struct df_funnel_node *const pointers[] = {&roots[0], &roots[1], &roots[2]};
    uint32_t rows = case_below(random, CASE_ROWS);
    for (uint32_t i = 0; i < CASE_LEAVES; i++) {
        struct df_type type = case_type(random);
        case_column_make(random, &type, rows, &columns[i]);
        case_leaf_make(random, &columns[i], &leaves[i]);
        specs[i] = leaves[i].leaf;
        filter_columns[i] = (struct df_funnel_filter_column){.type = type, .vector = i};
        vectors[i] = columns[i].vector;
    }
    for (uint32_t i = 0; i < 3; i++)
        case_tree_make(random, &trees, &roots[i], CASE_LEAVES, i);
    struct df_funnel_filters filters = {.leaves = specs, .leaf_count = CASE_LEAVES, .roots = pointers, .root_count = 3};
    struct df_funnel_filter_set *set;
    struct df_budget budget;
    df_budget_init(&budget, 0);
    assert_ok(df_funnel_filter_set_compile(&set, &filters, filter_columns, &budget, &error), &error);
    for (int batch = 0; batch < 2; batch++) {
        df_funnel_filter_set_batch(set, vectors, rows);
        for (uint32_t root = 0; root < 3; root++) {
            const uint8_t *matches;
            assert_ok(df_funnel_filter_set_match(set, root, &matches, &error), &error);
            for (uint32_t row = 0; row < rows; row++)
                if (matches[row] != case_tree_answer(&roots[root], leaves, row))
                    fail_msg("seed %llu, root %u, row %u: got %u; first leaf: '%s' on %s", (unsigned long long)seed,
                             root, row, matches[row], df_funnel_op_text(specs[roots[root].leaf].op),
                             kind_text(&columns[roots[root].leaf].type));
        }
    }
    df_funnel_filter_set_free(set);
    assert_int_equal(budget.used_bytes, 0);
}

static void test_random_trees_answer_as_the_slow_evaluator_does(void **state)
{
    (void)state;
    uint64_t seed = test_seed(), random = seed;
    for (int i = 0; i < 20000; i++)
        check_tree(seed, &random);
}

/* ---- dictionaries, memory, sharing ---- */

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
    struct fixture fixture;
    const uint8_t *matches;
    df_budget_init(&budget, 0);
    fixture_make(&fixture, of_kind(DF_TYPE_STRING), DF_FUNNEL_EQ);
    add_value(&fixture, DF_FUNNEL_STRING, "a");
    assert_ok(compile(&fixture, &budget, &error), &error);
    assert_answers(__LINE__, &fixture, &vector, "10");
    /* The same serial of another scan is another dictionary. */
    dictionary.values.bytes = second;
    assert_answers(__LINE__, &fixture, &vector, "10");
    df_funnel_filter_set_new_scan(fixture.set);
    assert_answers(__LINE__, &fixture, &vector, "00");
    dictionary = (struct df_dictionary){.serial = 2, .count = 3, .kind = DF_VECTOR_BYTES, .values = {.bytes = second}};
    vector.values.codes = later_codes;
    budget.limit_bytes = budget.used_bytes; /* 2 bytes are given back for 3 */
    df_funnel_filter_set_batch(fixture.set, &vector, 2);
    assert_fails(df_funnel_filter_set_match(fixture.set, 0, &matches, &error), &error, DF_ERROR_EXHAUSTED,
                 "memory.limit");
    budget.limit_bytes = 0;
    assert_answers(__LINE__, &fixture, &vector, "01");
    df_funnel_filter_set_free(fixture.set);
    assert_int_equal(budget.used_bytes, 0);
}

static void test_dictionaries_without_entries_are_all_null(void **state)
{
    (void)state;
    const uint32_t codes[] = {7, 7};
    const uint8_t valid[] = {0, 0};
    struct df_dictionary dictionary = {.serial = 1, .kind = DF_VECTOR_FLOAT64};
    struct df_vector vector = {
        .kind = DF_VECTOR_CODES, .row_count = 2, .valid = valid, .values = {.codes = codes}, .dictionary = &dictionary};
    assert_matches(of_kind(DF_TYPE_FLOAT), &vector, "!=", DF_FUNNEL_NUMBER, VALUES("6"), "11");
    assert_matches(of_kind(DF_TYPE_FLOAT), &vector, "==", DF_FUNNEL_NUMBER, VALUES("6"), "00");
}

/* The same leaf in many roots, with and without memory to keep its answers. */
static void test_shared_leaves_answer_the_same_without_memory_to_keep_them(void **state)
{
    (void)state;
    enum { ROOTS = 50 };
    struct df_error error = {0};
    const int64_t values[] = {1, 2, 3};
    struct df_vector vector = {.kind = DF_VECTOR_INT64, .row_count = 3, .values = {.int64s = values}};
    struct fixture fixture;
    fixture_make(&fixture, of_kind(DF_TYPE_INT64), DF_FUNNEL_EQ);
    add_value(&fixture, DF_FUNNEL_NUMBER, "2");
    struct df_funnel_node leaf = {.kind = DF_FUNNEL_LEAF}, nodes[ROOTS];
    const struct df_funnel_node *roots[ROOTS];
    for (int i = 0; i < ROOTS; i++) {
        nodes[i] =
            (struct df_funnel_node){.kind = i % 2 ? DF_FUNNEL_NOT : DF_FUNNEL_AND, .children = &leaf, .child_count = 1};
        roots[i] = &nodes[i];
    }
    fixture.filters.roots = roots;
    fixture.filters.root_count = ROOTS;
    for (int tight = 0; tight < 2; tight++) {
        struct df_budget budget;
        df_budget_init(&budget, 0);
        assert_ok(compile(&fixture, &budget, &error), &error);
        budget.limit_bytes = tight ? budget.used_bytes + 3 : 0; /* room for the answer of a root only */
        for (uint32_t root = 0; root < ROOTS; root++) {
            const uint8_t *matches;
            if (root == 0) {
                df_funnel_filter_set_batch(fixture.set, &vector, 3);
                if (tight)
                    budget.limit_bytes = 0;
            }
            assert_ok(df_funnel_filter_set_match(fixture.set, root, &matches, &error), &error);
            assert_int_equal(matches[0], root % 2);
            assert_int_equal(matches[1], !(root % 2));
            assert_int_equal(matches[2], root % 2);
        }
        df_funnel_filter_set_free(fixture.set);
        assert_int_equal(budget.used_bytes, 0);
    }
}

static void test_filters_without_memory_are_exhausted(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct df_budget budget;
    struct fixture fixture;
    df_budget_init(&budget, 1);
    fixture_make(&fixture, of_kind(DF_TYPE_INT64), DF_FUNNEL_EQ);
    add_value(&fixture, DF_FUNNEL_NUMBER, "2");
    assert_fails(compile(&fixture, &budget, &error), &error, DF_ERROR_EXHAUSTED, "memory.limit");
    assert_null(fixture.set);
    assert_int_equal(budget.used_bytes, 0);
}

/* ---- directories ---- */

static void assert_fixed(struct df_funnel_filter_column column, enum df_funnel_op op, enum df_funnel_value_type type,
                         const char *value, bool expected)
{
    struct df_error error = {0};
    struct fixture fixture;
    const uint8_t *matches;
    fixture_make(&fixture, column.type, op);
    fixture.column = column;
    fixture.column.vector = DF_FUNNEL_FILTER_FIXED;
    add_value(&fixture, type, value);
    assert_ok(compile(&fixture, NULL, &error), &error);
    df_funnel_filter_set_batch(fixture.set, NULL, 2);
    assert_ok(df_funnel_filter_set_match(fixture.set, 0, &matches, &error), &error);
    assert_int_equal(matches[0], expected);
    assert_int_equal(matches[1], expected);
    assert_int_equal(df_funnel_filter_set_may_match(fixture.set, 0, 2, NULL, NULL), expected);
    df_funnel_filter_set_free(fixture.set);
}

static void test_columns_of_directories_are_decided_once(void **state)
{
    (void)state;
    struct df_funnel_filter_column year = {.type = of_kind(DF_TYPE_INT64), .fixed = {.kind = DF_VECTOR_INT64}};
    year.fixed.as.int64 = 2015;
    struct df_funnel_filter_column country = {.type = of_kind(DF_TYPE_STRING), .fixed = {.kind = DF_VECTOR_BYTES}};
    country.fixed.as.bytes = df_slice_text("DE");
    assert_fixed(year, DF_FUNNEL_GE, DF_FUNNEL_NUMBER, "2014.5", true);
    assert_fixed(year, DF_FUNNEL_LT, DF_FUNNEL_NUMBER, "2015", false);
    assert_fixed(country, DF_FUNNEL_CONTAINS, DF_FUNNEL_STRING, "E", true);
    assert_fixed(country, DF_FUNNEL_REGEX, DF_FUNNEL_STRING, "^E", false);
    country.fixed_null = true;
    assert_fixed(country, DF_FUNNEL_NE, DF_FUNNEL_STRING, "DE", true);
    assert_fixed(country, DF_FUNNEL_EQ, DF_FUNNEL_STRING, "DE", false);
}

/* ---- messages ---- */

static void assert_refused_with(struct df_type type, const char *op, const char *delimiter,
                                enum df_funnel_value_type value_type, const char *value, bool shorthand,
                                const char *message)
{
    struct df_error error = {0};
    struct fixture fixture;
    enum df_funnel_op parsed;
    assert_true(df_funnel_op_parse(df_slice_text(op), &parsed));
    fixture_make(&fixture, type, parsed);
    fixture.leaf.column = "event";
    fixture.leaf.shorthand = shorthand;
    fixture.leaf.delimiter = df_slice_text(delimiter);
    if (value)
        add_value(&fixture, value_type, value);
    assert_fails(compile(&fixture, NULL, &error), &error, DF_ERROR_INVALID, message);
    assert_null(fixture.set);
}

static void test_wrong_types_are_told_with_the_place_and_the_way_out(void **state)
{
    (void)state;
    static const struct {
        enum df_type_kind kind;
        const char *op;
        enum df_funnel_value_type type;
        const char *value, *message;
    } cases[] = {
        {DF_TYPE_STRING, "==", DF_FUNNEL_NUMBER, "5",
         "funnel.sequence[3].filter.value: column 'event' is a string and 5 is a number; quote it: event = '5'"},
        {DF_TYPE_STRING, "!=", DF_FUNNEL_BOOLEAN, "true", "true is a boolean; quote it: event != 'true'"},
        {DF_TYPE_INT64, ">", DF_FUNNEL_STRING, "5",
         "column 'event' is an integer and '5' is a string; write it without quotes: event > 5"},
        {DF_TYPE_FLOAT, "==", DF_FUNNEL_STRING, "five",
         "column 'event' is a float and 'five' is a string; compare it with a number"},
        {DF_TYPE_UINT64, "==", DF_FUNNEL_BOOLEAN, "false", "false is a boolean; compare it with a number"},
        {DF_TYPE_BOOL, "==", DF_FUNNEL_NUMBER, "1",
         "column 'event' is a boolean and 1 is a number; compare it with true or false"},
        {DF_TYPE_BOOL, ">", DF_FUNNEL_BOOLEAN, "true",
         "funnel.sequence[3].filter.op: column 'event' is a boolean, which does not take '>'; it takes ==, !=, in, "
         "not in, is null, is not null"},
        {DF_TYPE_INT64, "contains", DF_FUNNEL_STRING, "5",
         "column 'event' is an integer, which does not take 'contains'; it takes ==, !=, >, >=, <, <=, in, not in"},
        {DF_TYPE_STRING, "has", DF_FUNNEL_STRING, "x", "with a delimiter, such as '|', it is taken apart"},
        {DF_TYPE_INT64, "==", DF_FUNNEL_STRING, "\x1b[2J", "'?[2J' is a string"},
        {DF_TYPE_DECIMAL, "<", DF_FUNNEL_STRING, "1.5", "without quotes: event < 1.5"},
        {DF_TYPE_DATE, "<", DF_FUNNEL_STRING, "yesterday",
         "column 'event' is a date and 'yesterday' is no date; write a date such as '2015-05-03'"},
        {DF_TYPE_TIMESTAMP, "<", DF_FUNNEL_STRING, "2015-02-30",
         "'2015-02-30' is no time; write a time such as '2015-05-03' or '2015-05-03T10:20:30Z', or an integer in ms"},
        {DF_TYPE_TIMESTAMP, "==", DF_FUNNEL_BOOLEAN, "true", "true is a boolean; write a time such as"},
        {DF_TYPE_TIME, "<", DF_FUNNEL_STRING, "25:00", "'25:00' is no time of day; write a time such as '10:20:30.5'"},
        {DF_TYPE_UUID, "==", DF_FUNNEL_STRING, "6a1e", "column 'event' is a UUID and '6a1e' is none; write it as"},
        {DF_TYPE_UUID, "==", DF_FUNNEL_STRING, "6a1e53e9-0000-0000-0000-00000000000g", "is none"},
        {DF_TYPE_UUID, "contains", DF_FUNNEL_STRING, "6a", "which does not take 'contains'"},
        {DF_TYPE_INT64, "in", DF_FUNNEL_STRING, "x",
         "funnel.sequence[3].filter.value[0]: column 'event' is an integer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused_with((struct df_type){.kind = cases[i].kind, .bits = 64, .unit = DF_TIME_MS}, cases[i].op, NULL,
                            cases[i].type, cases[i].value, false, cases[i].message);
}

static void test_short_filters_lists_and_delimiters_have_places_too(void **state)
{
    (void)state;
    struct df_type list = {.kind = DF_TYPE_STRING, .list = true};
    assert_refused_with(of_kind(DF_TYPE_BOOL), ">", NULL, DF_FUNNEL_BOOLEAN, "true", true,
                        "funnel.sequence[3].filter[1]: column 'event' is a boolean");
    assert_refused_with(of_kind(DF_TYPE_STRING), "==", NULL, DF_FUNNEL_NUMBER, "5", true,
                        "funnel.sequence[3].filter[2]: column 'event' is a string");
    assert_refused_with(list, "==", NULL, DF_FUNNEL_STRING, "x", false,
                        "column 'event' is a list of strings, which does not take '=='; it takes is null, is not null, "
                        "has, has any, has all, empty, not empty");
    assert_refused_with(list, "has", NULL, DF_FUNNEL_NUMBER, "5", false, "quote it: event has '5'");
    assert_refused_with(list, "has", "|", DF_FUNNEL_STRING, "x", false,
                        "funnel.sequence[3].filter.delimiter: column 'event' is a list of strings, which needs no "
                        "delimiter; leave it out");
    assert_refused_with(of_kind(DF_TYPE_INT64), "has", "|", DF_FUNNEL_STRING, "x", false,
                        "only strings are taken apart by a delimiter");
    assert_refused_with(of_kind(DF_TYPE_STRING), "has", "", DF_FUNNEL_STRING, "x", false,
                        "a delimiter has at least one character");
    assert_refused_with(of_kind(DF_TYPE_STRING), "==", "|", DF_FUNNEL_STRING, "x", false,
                        "with a delimiter, which does not take '=='");
}

static void test_a_vector_of_another_kind_is_an_error_and_no_guess(void **state)
{
    (void)state;
    struct df_error error = {0};
    const double values[] = {5};
    struct df_vector vector = {.kind = DF_VECTOR_FLOAT64, .row_count = 1, .values = {.float64s = values}};
    struct fixture fixture;
    const uint8_t *matches;
    fixture_make(&fixture, of_kind(DF_TYPE_INT64), DF_FUNNEL_EQ);
    add_value(&fixture, DF_FUNNEL_NUMBER, "5");
    assert_ok(compile(&fixture, NULL, &error), &error);
    df_funnel_filter_set_batch(fixture.set, &vector, 1);
    assert_fails(df_funnel_filter_set_match(fixture.set, 0, &matches, &error), &error, DF_ERROR_INTERNAL, "kind");
    df_funnel_filter_set_batch(fixture.set, &vector, 2);
    assert_fails(df_funnel_filter_set_match(fixture.set, 0, &matches, &error), &error, DF_ERROR_INTERNAL, "2 rows");
    df_funnel_filter_set_free(fixture.set);
}

static void test_trees_deeper_than_the_limit_are_refused(void **state)
{
    (void)state;
    struct df_error error = {0};
    struct fixture fixture;
    struct df_funnel_node nodes[DF_FUNNEL_TREE_DEPTH_MAX + 2];
    fixture_make(&fixture, of_kind(DF_TYPE_INT64), DF_FUNNEL_IS_NULL);
    nodes[0] = (struct df_funnel_node){.kind = DF_FUNNEL_LEAF};
    for (int i = 1; i < DF_FUNNEL_TREE_DEPTH_MAX + 2; i++)
        nodes[i] = (struct df_funnel_node){.kind = DF_FUNNEL_NOT, .children = &nodes[i - 1], .child_count = 1};
    fixture.root = &nodes[DF_FUNNEL_TREE_DEPTH_MAX + 1];
    assert_fails(compile(&fixture, NULL, &error), &error, DF_ERROR_INVALID, "64 levels");
    fixture.root = &nodes[DF_FUNNEL_TREE_DEPTH_MAX];
    assert_ok(compile(&fixture, NULL, &error), &error);
    const int64_t values[] = {5};
    assert_answers(__LINE__, &fixture,
                   &(struct df_vector){.kind = DF_VECTOR_INT64, .row_count = 1, .values = {.int64s = values}}, "0");
    df_funnel_filter_set_free(fixture.set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_compare_exactly_with_any_number),
        cmocka_unit_test(test_floats_compare_as_doubles_and_nan_is_null),
        cmocka_unit_test(test_floats_compare_with_numbers_beyond_their_range),
        cmocka_unit_test(test_constants_are_rounded_to_the_width_of_the_column),
        cmocka_unit_test(test_decimals_compare_with_all_their_digits),
        cmocka_unit_test(test_times_compare_with_text_as_instants),
        cmocka_unit_test(test_strings_compare_byte_by_byte),
        cmocka_unit_test(test_contains_finds_text_of_any_size_anywhere),
        cmocka_unit_test(test_delimited_strings_are_taken_apart),
        cmocka_unit_test(test_lists_are_searched_and_a_null_list_is_not_empty),
        cmocka_unit_test(test_uuids_compare_with_their_text_and_by_bytes),
        cmocka_unit_test(test_random_trees_answer_as_the_slow_evaluator_does),
        cmocka_unit_test(test_a_new_dictionary_replaces_the_answers_to_the_old_one),
        cmocka_unit_test(test_dictionaries_without_entries_are_all_null),
        cmocka_unit_test(test_shared_leaves_answer_the_same_without_memory_to_keep_them),
        cmocka_unit_test(test_filters_without_memory_are_exhausted),
        cmocka_unit_test(test_columns_of_directories_are_decided_once),
        cmocka_unit_test(test_wrong_types_are_told_with_the_place_and_the_way_out),
        cmocka_unit_test(test_short_filters_lists_and_delimiters_have_places_too),
        cmocka_unit_test(test_a_vector_of_another_kind_is_an_error_and_no_guess),
        cmocka_unit_test(test_trees_deeper_than_the_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
