/* Conditions: targets, their comparison with a literal, and the relation. */
#include <float.h>
#include <math.h>

#include "engine/funnel/evaluate/verdicts.h"
#include "unit/engine/funnel_fake_source.h"

enum { CONDITIONS_MAX = 8, TOKENS_MAX = 32 };

/* A request with conditions only, by hand. */
struct ask {
    struct df_funnel_request request;
    struct df_funnel_condition conditions[CONDITIONS_MAX];
    uint32_t tokens[TOKENS_MAX];
    struct df_funnel_column columns[2];
    struct df_funnel_step steps[4]; /* of a funnel, and of a condition */
};

static void ask_begin(struct ask *ask, uint32_t filters)
{
    *ask = (struct ask){.request = {.filters = {.root_count = filters}, .relation = {.depth = TOKENS_MAX}},
                        .columns = {{.name = "price", .facts = true}, {.name = "other", .facts = true}}};
    ask->request.conditions = ask->conditions;
    ask->request.relation.tokens = ask->tokens;
    ask->request.columns = ask->columns;
}

static struct df_funnel_condition *ask_condition(struct ask *ask)
{
    if (ask->request.condition_count == 0)
        ask->request.relation.token_count = 1; /* tokens[0] is 0: the first condition */
    return &ask->conditions[ask->request.condition_count++];
}

static void ask_count(struct ask *ask, uint32_t filter, enum df_funnel_op op, uint64_t count, bool include_zero)
{
    *ask_condition(ask) = (struct df_funnel_condition){
        .kind = DF_FUNNEL_COUNT_TARGET, .filter = filter, .op = op, .count = count, .include_zero = include_zero};
}

static void ask_sum(struct ask *ask, uint32_t filter, enum df_funnel_op op, const char *literal)
{
    *ask_condition(ask) = (struct df_funnel_condition){
        .kind = DF_FUNNEL_SUM_TARGET, .filter = filter, .op = op, .sum = df_slice_text(literal)};
    ask->request.column_count = 1;
}

static void ask_relation(struct ask *ask, const uint32_t *tokens, uint32_t count)
{
    memcpy(ask->tokens, tokens, count * sizeof *tokens);
    ask->request.relation.token_count = count;
}

struct judged {
    struct fake_source source;
    struct df_funnel_collector collector;
    struct df_funnel_verdicts verdicts;
};

static int try_judge(struct judged *judged, const struct ask *ask, const struct fake_row *rows, uint32_t count,
                     const struct fake_column *columns, struct df_error *error)
{
    struct df_funnel_account account = {0};
    judged->verdicts = (struct df_funnel_verdicts){0};
    fake_source_init(&judged->source, &ask->request, DF_FUNNEL_KEY_INT64, rows, count, 4, columns);
    assert_ok(df_funnel_collector_init(&judged->collector, &ask->request, DF_FUNNEL_KEY_INT64, &account, error), error);
    int result = df_funnel_collect(&judged->collector, &judged->source.base, NULL, error);
    if (result == DF_FUNNEL_DONE)
        result = df_funnel_judge(&judged->collector, DF_FUNNEL_SCALE_MS, NULL, &judged->verdicts, error);
    return result;
}

static void judged_dispose(struct judged *judged)
{
    df_funnel_verdicts_dispose(&judged->verdicts);
    df_funnel_collector_reset(&judged->collector);
    assert_int_equal(judged->collector.account.held_bytes, 0);
    df_funnel_collector_dispose(&judged->collector);
}

/* Users that are in, and their rows. */
static void assert_in(const struct ask *ask, const struct fake_row *rows, uint32_t count,
                      const struct fake_column *columns, uint64_t users, uint64_t user_rows)
{
    struct df_error error = {0};
    struct judged judged;
    uint64_t found = 0, found_rows = 0;
    int result = try_judge(&judged, ask, rows, count, columns, &error);
    assert_ok(result, &error);
    assert_int_equal(result, DF_FUNNEL_DONE);
    for (uint32_t user = 0; user < judged.verdicts.user_count; user++) {
        found += judged.verdicts.in[user];
        found_rows += judged.verdicts.in[user] ? judged.collector.groups.groups[user].rows : 0;
    }
    if (found != users || found_rows != user_rows)
        fail_msg("%" PRIu64 "/%" PRIu64 " users and rows, expected %" PRIu64 "/%" PRIu64, found, found_rows, users,
                 user_rows);
    judged_dispose(&judged);
}

/* ---- the worked examples of the specification ---- */

enum { VIEW, CART, BUY, NOT_VIEW, PRICE_ABOVE_0, PRICE_ABOVE_6, VIEW_FROM_2, PRICE_FROM_2, PRICE_ABOVE_100, FILTERS };

struct event {
    int64_t user, time;
    const char *name;
    double price; /* NaN: null */
};
static const struct event events[] = {
    {1, 10, "view", 1.0}, {1, 20, "cart", NAN}, {1, 30, "buy", 5.0},  {2, 10, "view", 2.0}, {2, 10, "cart", 2.0},
    {2, 11, "buy", 0.5},  {3, 30, "buy", NAN},  {3, 20, "cart", NAN}, {3, 10, "view", NAN}, {4, 5, "cart", 7.0},
    {4, 6, "view", -1.0}, {4, 7, "-", 0.0},     {5, 1, "view", NAN},  {5, 1, "view", 3.0},  {5, 2, "view", NAN}};
enum { EVENTS = 15 };

struct worked {
    struct fake_row rows[EVENTS];
    double prices[EVENTS];
    uint8_t valid[EVENTS];
    struct fake_column column;
};

static void worked_make(struct worked *worked)
{
    *worked = (struct worked){0};
    for (int i = 0; i < EVENTS; i++) {
        double price = events[i].price;
        bool is_view = strcmp(events[i].name, "view") == 0;
        const bool matches[FILTERS] = {[VIEW] = is_view,
                                       [CART] = strcmp(events[i].name, "cart") == 0,
                                       [BUY] = strcmp(events[i].name, "buy") == 0,
                                       [NOT_VIEW] = !is_view,
                                       [PRICE_ABOVE_0] = price > 0,
                                       [PRICE_ABOVE_6] = price > 6,
                                       [VIEW_FROM_2] = is_view && price >= 2,
                                       [PRICE_FROM_2] = price >= 2,
                                       [PRICE_ABOVE_100] = price > 100};
        worked->rows[i] = (struct fake_row){.user = events[i].user, .time = events[i].time};
        for (int f = 0; f < FILTERS; f++)
            worked->rows[i].matches |= (uint64_t)matches[f] << f;
        worked->valid[i] = (uint8_t)!isnan(price);
        worked->prices[i] = isnan(price) ? -77 : price;
    }
    worked->column = (struct fake_column){
        .type = {.kind = DF_TYPE_FLOAT, .bits = 64},
        .values = {.kind = DF_VECTOR_FLOAT64, .valid = worked->valid, .values.float64s = worked->prices}};
}

static void assert_worked(const struct ask *ask, uint64_t users, uint64_t rows)
{
    struct worked worked;
    worked_make(&worked);
    assert_in(ask, worked.rows, EVENTS, &worked.column, users, rows);
}

static void test_worked_examples_1_and_2_count_matching_rows(void **state)
{
    (void)state;
    struct ask ask;
    ask_begin(&ask, FILTERS);
    ask_count(&ask, NOT_VIEW, DF_FUNNEL_EQ, 2, false);
    assert_worked(&ask, 4, 12);
    ask_begin(&ask, FILTERS);
    ask_count(&ask, CART, DF_FUNNEL_LT, 2, false);
    assert_worked(&ask, 4, 12);
    ask_begin(&ask, FILTERS);
    ask_count(&ask, CART, DF_FUNNEL_LT, 2, true);
    assert_worked(&ask, 5, 15);
    ask_begin(&ask, FILTERS);
    ask_count(&ask, CART, DF_FUNNEL_EQ, 0, true);
    assert_worked(&ask, 1, 3);
}

static void test_worked_example_3_sums_of_nothing_but_nulls_are_0(void **state)
{
    (void)state;
    struct ask ask;
    ask_begin(&ask, FILTERS);
    ask_sum(&ask, VIEW, DF_FUNNEL_LE, "0");
    assert_worked(&ask, 2, 6);
    ask_begin(&ask, FILTERS);
    ask_sum(&ask, BUY, DF_FUNNEL_LT, "1");
    assert_worked(&ask, 2, 6);
}

static void test_worked_examples_6_to_8_relate_conditions(void **state)
{
    (void)state;
    struct ask ask;
    ask_begin(&ask, FILTERS);
    ask_count(&ask, BUY, DF_FUNNEL_GE, 1, false);
    ask_count(&ask, VIEW, DF_FUNNEL_GE, 1, false);
    ask_count(&ask, PRICE_ABOVE_6, DF_FUNNEL_GE, 1, false);
    ask_relation(&ask, (const uint32_t[]){0, 1, 2, DF_FUNNEL_RELATION_AND, DF_FUNNEL_RELATION_OR}, 5);
    assert_worked(&ask, 4, 12);
    ask_relation(&ask, (const uint32_t[]){0, 1, DF_FUNNEL_RELATION_OR, 2, DF_FUNNEL_RELATION_AND}, 5);
    assert_worked(&ask, 1, 3);
    ask_begin(&ask, FILTERS);
    ask_count(&ask, PRICE_ABOVE_0, DF_FUNNEL_GE, 1, false);
    assert_worked(&ask, 4, 12);
    ask_begin(&ask, FILTERS);
    ask_count(&ask, VIEW_FROM_2, DF_FUNNEL_GE, 1, false);
    assert_worked(&ask, 2, 6);
    ask_begin(&ask, FILTERS);
    ask_count(&ask, VIEW, DF_FUNNEL_GE, 1, false);
    ask_count(&ask, PRICE_FROM_2, DF_FUNNEL_GE, 1, false);
    ask_relation(&ask, (const uint32_t[]){0, 1, DF_FUNNEL_RELATION_AND}, 3);
    assert_worked(&ask, 4, 12);
}

/* The funnel runs over the users that are in. */
static void assert_funnel(struct ask *ask, uint32_t steps, uint64_t users, uint64_t reached)
{
    struct worked worked;
    struct df_error error = {0};
    worked_make(&worked);
    ask->request.funnel.given = true;
    for (int chains = 0; chains < 2; chains++) {
        struct judged judged;
        uint64_t in = 0, first = 0;
        ask->request.funnel.sequence = (struct df_funnel_sequence){
            .steps = ask->steps, .step_count = steps, .positive_count = steps, .simple = true};
        ask->request.chains = chains;
        assert_int_equal(try_judge(&judged, ask, worked.rows, EVENTS, &worked.column, &error), DF_FUNNEL_DONE);
        for (uint32_t user = 0; user < judged.verdicts.user_count; user++) {
            in += judged.verdicts.in[user];
            first += judged.verdicts.depth[user] > 0;
        }
        assert_int_equal(in, users);
        assert_int_equal(first, reached);
        assert_int_equal(judged.verdicts.unit_count, chains ? reached : 0);
        judged_dispose(&judged);
    }
}

static void test_worked_example_12_funnels_run_over_users_that_are_in(void **state)
{
    (void)state;
    struct ask ask;
    ask_begin(&ask, FILTERS);
    ask_count(&ask, VIEW, DF_FUNNEL_GE, 1, false);
    ask.steps[0].filter = BUY;
    assert_funnel(&ask, 1, 5, 3);
    ask_begin(&ask, FILTERS);
    ask_count(&ask, PRICE_ABOVE_100, DF_FUNNEL_GE, 1, false);
    ask.steps[0].filter = VIEW;
    ask.steps[1].filter = CART;
    assert_funnel(&ask, 2, 0, 0);
    ask_begin(&ask, FILTERS);
    ask_count(&ask, PRICE_ABOVE_6, DF_FUNNEL_GE, 1, false);
    ask.steps[0].filter = VIEW;
    assert_funnel(&ask, 1, 1, 1);
}

static void test_without_conditions_all_users_are_in(void **state)
{
    (void)state;
    struct ask ask;
    ask_begin(&ask, FILTERS);
    assert_worked(&ask, 5, 15);
}

static void test_a_sequence_may_be_a_condition(void **state)
{
    (void)state;
    const uint32_t all[] = {VIEW, CART, BUY};
    for (int order = 0; order < 3; order++) {
        for (uint32_t steps = 1; steps <= 3; steps++) {
            struct ask ask;
            ask_begin(&ask, FILTERS);
            for (uint32_t i = 0; i < steps; i++)
                ask.steps[i].filter = all[i];
            ask.request.all_times = order == DF_FUNNEL_STRICT;
            *ask_condition(&ask) = (struct df_funnel_condition){.kind = DF_FUNNEL_SEQUENCE_CONDITION,
                                                                .sequence = {.steps = ask.steps,
                                                                             .step_count = steps,
                                                                             .positive_count = steps,
                                                                             .order = (enum df_funnel_order)order,
                                                                             .simple = order == DF_FUNNEL_LOOSE}};
            static const uint64_t users[3][3] = {{5, 2, 2}, {5, 2, 2}, {5, 4, 3}};
            assert_worked(&ask, users[order][steps - 1], users[order][steps - 1] * 3);
        }
    }
}

/* ---- counts ---- */

static bool compares(double a, enum df_funnel_op op, double b)
{
    switch (op) {
    case DF_FUNNEL_EQ:
        return a == b;
    case DF_FUNNEL_NE:
        return a != b;
    case DF_FUNNEL_GT:
        return a > b;
    case DF_FUNNEL_GE:
        return a >= b;
    case DF_FUNNEL_LT:
        return a < b;
    default:
        return a <= b;
    }
}

/* User u has u matching rows and one that does not match. Each target alone (kept as a bit where that will do), and
 * beside one that needs numbers. */
static void test_counts_compare_as_numbers_and_zero_only_when_included(void **state)
{
    (void)state;
    struct fake_row rows[64];
    uint32_t count = 0;
    for (int64_t user = 0; user < 5; user++)
        for (int64_t i = 0; i <= user; i++)
            rows[count++] = (struct fake_row){.user = user, .time = i, .matches = i < user};
    for (uint32_t op = DF_FUNNEL_EQ; op <= DF_FUNNEL_LE; op++) {
        for (uint64_t number = 0; number < 4; number++) {
            for (int variant = 0; variant < 4; variant++) {
                struct ask ask;
                uint64_t users = 0, user_rows = 0;
                bool include_zero = variant & 1;
                for (uint64_t user = 0; user < 5; user++) {
                    bool in = user ? compares((double)user, (enum df_funnel_op)op, (double)number) : include_zero;
                    users += in;
                    user_rows += in ? user + 1 : 0;
                }
                ask_begin(&ask, 1);
                ask_count(&ask, 0, (enum df_funnel_op)op, number, include_zero);
                if (variant & 2)
                    ask_count(&ask, 0, DF_FUNNEL_GT, 3, false);
                assert_in(&ask, rows, count, NULL, users, user_rows);
            }
        }
    }
    struct ask ask;
    ask_begin(&ask, 1);
    ask_count(&ask, 0, DF_FUNNEL_LT, UINT64_MAX, false);
    assert_in(&ask, rows, count, NULL, 4, 14);
}

/* ---- sums ---- */

enum { SUM_ROWS_MAX = 8 };

/* One user whose matching rows have these values: does the target hold? */
static void assert_sum(const struct fake_column *column, uint32_t count, enum df_funnel_op op, const char *literal,
                       bool holds)
{
    struct fake_row rows[SUM_ROWS_MAX];
    struct ask ask;
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (struct fake_row){.user = 1, .time = i, .matches = 1};
    ask_begin(&ask, 1);
    ask_sum(&ask, 0, op, literal);
    assert_in(&ask, rows, count, column, holds, holds ? count : 0);
}

/* order: of the sum and the literal; all six operators must agree with it. */
static void assert_order(const struct fake_column *column, uint32_t count, const char *literal, int order)
{
    for (uint32_t op = DF_FUNNEL_EQ; op <= DF_FUNNEL_LE; op++)
        assert_sum(column, count, (enum df_funnel_op)op, literal, compares(order, (enum df_funnel_op)op, 0));
}

static struct fake_column integers(const int64_t *values, enum df_type_kind kind, uint8_t scale)
{
    return (struct fake_column){.type = {.kind = kind, .bits = 64, .precision = 18, .scale = scale},
                                .values = {.kind = DF_VECTOR_INT64, .values.int64s = values}};
}

static struct fake_column floats(const double *values, uint8_t bits)
{
    return (struct fake_column){.type = {.kind = DF_TYPE_FLOAT, .bits = bits},
                                .values = {.kind = DF_VECTOR_FLOAT64, .values.float64s = values}};
}

static void test_integer_sums_are_exact_against_any_literal(void **state)
{
    (void)state;
    const int64_t odd[] = {(INT64_C(1) << 53) + 1, 0}, small[] = {2, 3}, large[] = {INT64_MAX, INT64_MAX},
                  low[] = {INT64_MIN, INT64_MIN}, none[] = {-1, -1};
    struct fake_column column = integers(odd, DF_TYPE_INT64, 0);
    assert_order(&column, 2, "9007199254740992", 1);
    assert_order(&column, 2, "9007199254740993", 0);
    assert_order(&column, 2, "9007199254740993.5", -1);
    column = integers(small, DF_TYPE_INT64, 0);
    assert_order(&column, 2, "5", 0);
    assert_order(&column, 2, "5.0", 0);
    assert_order(&column, 2, "50e-1", 0);
    assert_order(&column, 2, "5.000000000000000000000000001", -1);
    assert_order(&column, 2, "-5", 1);
    assert_order(&column, 2, "1e400", -1);
    column = integers(large, DF_TYPE_INT64, 0);
    assert_order(&column, 2, "18446744073709551614", 0);
    assert_order(&column, 2, "18446744073709551615", -1);
    column = integers(low, DF_TYPE_INT64, 0);
    assert_order(&column, 2, "-18446744073709551616", 0);
    column = integers(none, DF_TYPE_UINT64, 0);
    assert_order(&column, 2, "36893488147419103230", 0);
}

static void test_decimal_sums_compare_with_their_scale(void **state)
{
    (void)state;
    const int64_t cents[] = {12345, -45};
    struct fake_column column = integers(cents, DF_TYPE_DECIMAL, 2);
    assert_order(&column, 2, "123", 0);
    assert_order(&column, 2, "123.00", 0);
    assert_order(&column, 2, "123.001", -1);
    assert_order(&column, 2, "122.99", 1);
    const __int128 wide[] = {(__int128)INT64_MAX * 1000 + 1, 0};
    column = (struct fake_column){.type = {.kind = DF_TYPE_DECIMAL, .precision = 30, .scale = 3},
                                  .values = {.kind = DF_VECTOR_INT128, .values.int128s = wide}};
    assert_order(&column, 2, "9223372036854775807.001", 0);
    assert_order(&column, 2, "9223372036854775807", 1);
}

static void test_a_decimal_sum_of_more_than_38_digits_is_an_error(void **state)
{
    (void)state;
    __int128 most = 1;
    for (int i = 0; i < 38; i++)
        most *= 10;
    most -= 1;
    for (uint32_t count = 2; count <= 3; count++) { /* 128 bits hold two of them */
        const __int128 values[] = {most, most, most};
        struct fake_column column = {.type = {.kind = DF_TYPE_DECIMAL, .precision = 38},
                                     .values = {.kind = DF_VECTOR_INT128, .values.int128s = values}};
        struct fake_row rows[] = {{.user = 1, .matches = 1}, {.user = 1, .matches = 1}, {.user = 1, .matches = 1}};
        struct df_error error = {0};
        struct judged judged;
        struct ask ask;
        assert_order(&column, 1, "99999999999999999999999999999999999999", 0);
        ask_begin(&ask, 1);
        ask_sum(&ask, 0, DF_FUNNEL_GT, "0");
        assert_fails(try_judge(&judged, &ask, rows, count, &column, &error), &error, DF_ERROR_UNSUPPORTED,
                     "column 'price'");
        judged_dispose(&judged);
    }
}

static void test_float_sums_are_rounded_once(void **state)
{
    (void)state;
    const double tenths[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3}, large[] = {1e308, 1, 1e308, -1e308, -1e308},
                 ends[] = {INFINITY, -INFINITY, 1, INFINITY}, holes[] = {NAN, 2.5, NAN};
    struct fake_column column = floats(tenths, 64);
    assert_order(&column, 8, "1", 0);
    column = floats(large, 64);
    assert_order(&column, 5, "1", 0);
    column = floats(holes, 64);
    assert_order(&column, 3, "2.5", 0);
    column = floats(ends, 64);
    assert_sum(&column, 2, DF_FUNNEL_NE, "0", true); /* not a number: unequal to all */
    assert_sum(&column, 2, DF_FUNNEL_GE, "0", false);
    assert_sum(&column, 2, DF_FUNNEL_LT, "0", false);
    assert_order(&column, 1, "1e308", 1);
    assert_order(&column, 1, "1e400", 1); /* beyond every double, and yet a number */
    column = floats(large, 64);
    assert_order(&column, 1, "1e400", -1);
    assert_order(&column, 1, "-1e400", 1);
}

static void test_sums_of_narrow_floats_are_rounded_to_their_width(void **state)
{
    (void)state;
    const double tenth[] = {(double)0.1f}, edge[] = {16777216, 1};
    struct fake_column column = floats(tenth, 32);
    assert_order(&column, 1, "0.1", 0); /* a literal with a fraction has the column's width */
    column = floats(tenth, 64);
    assert_order(&column, 1, "0.1", 1);
    column = floats(edge, 32); /* 16777217 as a float is 16777216 */
    assert_order(&column, 2, "16777217", -1);
    assert_order(&column, 2, "16777217.0", 0);
    assert_order(&column, 2, "16777216", 0);
    column = floats(edge, 64);
    assert_order(&column, 2, "16777217", 0);
}

static void test_sums_read_dictionaries_and_skip_nulls(void **state)
{
    (void)state;
    static const int64_t numbers[] = {5, 100};
    static const double reals[] = {0.5, 100};
    const uint32_t codes[] = {0, 1, 0, 1};
    const uint8_t valid[] = {1, 0, 1, 0}, nothing[] = {0, 0, 0, 0};
    struct df_dictionary dictionary = {.count = 2, .kind = DF_VECTOR_INT64, .values.int64s = numbers};
    struct fake_column column = {
        .type = {.kind = DF_TYPE_INT64, .bits = 64},
        .values = {.kind = DF_VECTOR_CODES, .valid = valid, .values.codes = codes, .dictionary = &dictionary}};
    assert_order(&column, 4, "10", 0);
    dictionary = (struct df_dictionary){.count = 2, .kind = DF_VECTOR_FLOAT64, .values.float64s = reals};
    column.type = (struct df_type){.kind = DF_TYPE_FLOAT, .bits = 64};
    assert_order(&column, 4, "1", 0);
    column.values.valid = nothing;
    assert_order(&column, 4, "0", 0);
    column.type = (struct df_type){.kind = DF_TYPE_NULL};
    assert_order(&column, 4, "0", 0);
}

static void test_a_sum_target_needs_a_matching_row(void **state)
{
    (void)state;
    const int64_t values[] = {1, 2};
    struct fake_column column = integers(values, DF_TYPE_INT64, 0);
    const struct fake_row rows[] = {{.user = 1}, {.user = 2, .matches = 1}};
    for (uint32_t op = DF_FUNNEL_EQ; op <= DF_FUNNEL_LE; op++) {
        struct ask ask;
        ask_begin(&ask, 1);
        ask_sum(&ask, 0, (enum df_funnel_op)op, "2");
        bool holds = compares(2, (enum df_funnel_op)op, 2);
        assert_in(&ask, rows, 2, &column, holds, holds);
    }
}

static void test_sums_of_several_columns_and_filters_stay_apart(void **state)
{
    (void)state;
    const int64_t first[] = {1, 2, 4}, second[] = {10, 20, 40};
    struct fake_column columns[] = {integers(first, DF_TYPE_INT64, 0), integers(second, DF_TYPE_INT64, 0)};
    const struct fake_row rows[] = {{.user = 1, .matches = 1}, {.user = 1, .matches = 2}, {.user = 1, .matches = 3}};
    static const char *const sums[2][2] = {{"5", "50"}, {"6", "60"}};
    struct ask ask;
    ask_begin(&ask, 2);
    uint32_t tokens[TOKENS_MAX], count = 0;
    for (uint32_t filter = 0; filter < 2; filter++) {
        for (uint32_t column = 0; column < 2; column++) {
            ask_sum(&ask, filter, DF_FUNNEL_EQ, sums[filter][column]);
            ask.conditions[ask.request.condition_count - 1].column = column;
            tokens[count++] = ask.request.condition_count - 1;
            if (count > 1)
                tokens[count++] = DF_FUNNEL_RELATION_AND;
        }
    }
    ask_sum(&ask, 0, DF_FUNNEL_LT, "6"); /* the same sum once more */
    ask_relation(&ask, tokens, count);
    ask.request.column_count = 2;
    assert_in(&ask, rows, 3, columns, 1, 3);
}

/* ---- the relation ---- */

static bool relate(const struct ask *ask, uint64_t bits)
{
    bool stack[TOKENS_MAX] = {false};
    uint32_t height = 0;
    for (uint32_t i = 0; i < ask->request.relation.token_count; i++) {
        uint32_t token = ask->tokens[i];
        if (token < DF_FUNNEL_RELATION_AND) {
            stack[height++] = bits >> token & 1;
            continue;
        }
        height--;
        stack[height - 1] =
            token == DF_FUNNEL_RELATION_AND ? stack[height - 1] && stack[height] : stack[height - 1] || stack[height];
    }
    return stack[0];
}

/* User u matches filter f when bit f of u is set: all combinations, over more users than a word has bits. */
static void test_random_relations_hold_user_by_user(void **state)
{
    (void)state;
    enum { USERS = 1 << CONDITIONS_MAX };
    static struct fake_row rows[USERS];
    uint64_t random = test_seed();
    for (int64_t user = 0; user < USERS; user++)
        rows[user] = (struct fake_row){.user = user, .matches = (uint64_t)user};
    for (int round = 0; round < 300; round++) {
        struct ask ask;
        uint64_t users = 0;
        uint32_t height = 0, count = 0;
        ask_begin(&ask, CONDITIONS_MAX);
        for (uint32_t i = 0; i < CONDITIONS_MAX; i++)
            ask_count(&ask, i, DF_FUNNEL_GE, 1, false);
        while (count < TOKENS_MAX - CONDITIONS_MAX || height != 1) {
            bool operand = height < 2 || (count < 16 && height < 6 && test_random(&random) % 2);
            ask.tokens[count++] = operand ? (uint32_t)(test_random(&random) % CONDITIONS_MAX)
                                          : DF_FUNNEL_RELATION_AND + (uint32_t)(test_random(&random) % 2);
            height = operand ? height + 1 : height - 1;
            if (count >= 17 && height == 1)
                break;
        }
        ask.request.relation.token_count = count;
        for (uint64_t user = 0; user < USERS; user++)
            users += relate(&ask, user);
        assert_in(&ask, rows, USERS, NULL, users, users);
    }
}

/* ---- memory ---- */

static void test_conditions_that_do_not_fit_are_over_and_leak_nothing(void **state)
{
    (void)state;
    enum { ROWS = 6000 };
    struct fake_row *rows = calloc(ROWS, sizeof *rows);
    double *values = calloc(ROWS, sizeof *values);
    for (int i = 0; i < ROWS; i++) {
        rows[i] = (struct fake_row){.user = i % 1000, .time = i, .matches = 3};
        values[i] = ldexp(1, i % 997 - 498); /* needs the exact accumulator */
    }
    struct fake_column column = floats(values, 64);
    struct ask ask;
    ask_begin(&ask, 2);
    ask_sum(&ask, 0, DF_FUNNEL_GT, "1");
    ask_count(&ask, 1, DF_FUNNEL_GT, 5, false);
    *ask_condition(&ask) = (struct df_funnel_condition){
        .kind = DF_FUNNEL_SEQUENCE_CONDITION,
        .sequence = {.steps = ask.steps, .step_count = 2, .positive_count = 2, .simple = true}};
    ask.request.second_reading = true;
    unsigned over = 0, done = 0;
    for (uint64_t limit = 4 << 20; limit > 1000; limit = limit * 7 / 8) {
        struct df_error error = {0};
        struct df_budget budget;
        struct judged judged = {0};
        df_budget_init(&budget, limit);
        struct df_funnel_account account = {.budget = &budget};
        fake_source_init(&judged.source, &ask.request, DF_FUNNEL_KEY_INT64, rows, ROWS, 512, &column);
        assert_ok(df_funnel_collector_init(&judged.collector, &ask.request, DF_FUNNEL_KEY_INT64, &account, &error),
                  &error);
        int result = df_funnel_collect(&judged.collector, &judged.source.base, NULL, &error);
        if (result == DF_FUNNEL_DONE)
            result = df_funnel_judge(&judged.collector, DF_FUNNEL_SCALE_MS, NULL, &judged.verdicts, &error);
        assert_ok(result, &error);
        over += result == DF_FUNNEL_OVER;
        done += result == DF_FUNNEL_DONE;
        judged_dispose(&judged);
        assert_int_equal(budget.used_bytes, 0);
        assert_true(budget.peak_bytes <= limit);
    }
    assert_true(over > 5 && done > 5);
    free(rows);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worked_examples_1_and_2_count_matching_rows),
        cmocka_unit_test(test_worked_example_3_sums_of_nothing_but_nulls_are_0),
        cmocka_unit_test(test_worked_examples_6_to_8_relate_conditions),
        cmocka_unit_test(test_worked_example_12_funnels_run_over_users_that_are_in),
        cmocka_unit_test(test_without_conditions_all_users_are_in),
        cmocka_unit_test(test_a_sequence_may_be_a_condition),
        cmocka_unit_test(test_counts_compare_as_numbers_and_zero_only_when_included),
        cmocka_unit_test(test_integer_sums_are_exact_against_any_literal),
        cmocka_unit_test(test_decimal_sums_compare_with_their_scale),
        cmocka_unit_test(test_a_decimal_sum_of_more_than_38_digits_is_an_error),
        cmocka_unit_test(test_float_sums_are_rounded_once),
        cmocka_unit_test(test_sums_of_narrow_floats_are_rounded_to_their_width),
        cmocka_unit_test(test_sums_read_dictionaries_and_skip_nulls),
        cmocka_unit_test(test_a_sum_target_needs_a_matching_row),
        cmocka_unit_test(test_sums_of_several_columns_and_filters_stay_apart),
        cmocka_unit_test(test_random_relations_hold_user_by_user),
        cmocka_unit_test(test_conditions_that_do_not_fit_are_over_and_leak_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
