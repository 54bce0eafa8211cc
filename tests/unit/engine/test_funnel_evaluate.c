/* Sequences and funnels: what collector and verdicts make of rows, against an evaluator that tries every chain. */
#include <time.h>

#include "engine/funnel/evaluate/verdicts.h"
#include "unit/engine/funnel_naive.h"

/* A request with a funnel, by hand: what follows from its members is filled in as language/ does. */
struct ask {
    struct df_funnel_request request;
    struct df_funnel_step steps[NAIVE_STEPS_MAX];
    struct df_funnel_condition conditions[4];
    struct df_funnel_step condition_steps[4][NAIVE_STEPS_MAX];
    uint32_t relation[8];
};

static bool is_simple(const struct df_funnel_sequence *sequence)
{
    bool simple = sequence->order == DF_FUNNEL_LOOSE && !sequence->maximum_duration.given;
    for (uint32_t i = 0; i < sequence->step_count; i++)
        simple &= !sequence->steps[i].negative && !sequence->steps[i].minimum_gap.given &&
                  !sequence->steps[i].maximum_gap.given;
    return simple;
}

static void settle_sequence(struct df_funnel_sequence *sequence)
{
    sequence->positive_count = 0;
    for (uint32_t i = 0; i < sequence->step_count; i++)
        sequence->positive_count += !sequence->steps[i].negative;
    sequence->simple = is_simple(sequence);
}

static void settle(struct ask *ask)
{
    struct df_funnel_request *request = &ask->request;
    struct df_funnel_sequence *funnel = &request->funnel.sequence;
    funnel->steps = ask->steps;
    settle_sequence(funnel);
    request->conditions = ask->conditions;
    request->relation.tokens = ask->relation;
    request->relation.depth = 4;
    request->all_times |= request->funnel.session_gap.given || funnel->order == DF_FUNNEL_STRICT;
    for (uint32_t i = 0; i < request->condition_count; i++) {
        ask->conditions[i].sequence.steps = ask->condition_steps[i];
        settle_sequence(&ask->conditions[i].sequence);
        request->all_times |= ask->conditions[i].sequence.order == DF_FUNNEL_STRICT;
    }
}

static struct df_funnel_length length_of(uint64_t amount)
{
    return (struct df_funnel_length){.given = true, .amount = amount};
}

/* A funnel whose steps are the filters 0, 1, 2, … */
static void ask_steps(struct ask *ask, uint32_t step_count)
{
    *ask = (struct ask){.request = {.filters = {.root_count = step_count},
                                    .funnel = {.given = true, .sequence = {.step_count = step_count}}}};
    for (uint32_t i = 0; i < step_count; i++)
        ask->steps[i].filter = i;
}

struct judged {
    struct fake_source source;
    struct df_funnel_collector collector;
    struct df_funnel_verdicts verdicts;
};

static void judge(struct judged *judged, struct ask *ask, const struct fake_row *rows, uint32_t count,
                  uint32_t batch_rows)
{
    struct df_error error = {0};
    struct df_funnel_account account = {0};
    settle(ask);
    fake_source_init(&judged->source, &ask->request, DF_FUNNEL_KEY_INT64, rows, count, batch_rows, NULL);
    assert_ok(df_funnel_collector_init(&judged->collector, &ask->request, DF_FUNNEL_KEY_INT64, &account, &error),
              &error);
    int result = df_funnel_collect(&judged->collector, &judged->source.base, NULL, &error);
    assert_ok(result, &error);
    assert_int_equal(result, DF_FUNNEL_DONE);
    result = df_funnel_judge(&judged->collector, DF_FUNNEL_SCALE_MS, NULL, &judged->verdicts, &error);
    assert_ok(result, &error);
    assert_int_equal(result, DF_FUNNEL_DONE);
}

static void judged_dispose(struct judged *judged)
{
    df_funnel_verdicts_dispose(&judged->verdicts);
    df_funnel_collector_reset(&judged->collector);
    assert_int_equal(judged->collector.account.held_bytes, 0);
    df_funnel_collector_dispose(&judged->collector);
}

#define ROW(g, t, m)                                                                                                   \
    {                                                                                                                  \
        .user = (g), .time = (t), .matches = (m)                                                                       \
    }
#define UNTIMED(g, m)                                                                                                  \
    {                                                                                                                  \
        .user = (g), .no_time = true, .matches = (m)                                                                   \
    }

/* ---- the worked examples 4 and 5 of the specification ---- */

enum { VIEW = 1, CART = 2, BUY = 4 };
static const struct fake_row worked[] = {ROW(1, 10, VIEW), ROW(1, 20, CART), ROW(1, 30, BUY), ROW(2, 10, VIEW),
                                         ROW(2, 10, CART), ROW(2, 11, BUY),  ROW(3, 30, BUY), ROW(3, 20, CART),
                                         ROW(3, 10, VIEW), ROW(4, 5, CART),  ROW(4, 6, VIEW), ROW(4, 7, 0),
                                         ROW(5, 1, VIEW),  ROW(5, 1, VIEW),  ROW(5, 2, VIEW)};

/* expected: groups and rows per step. With and without lists: chains need rows. */
static void assert_worked(struct ask *ask, const uint64_t expected[3][2])
{
    for (int chains = 0; chains < 2; chains++) {
        struct judged judged;
        uint64_t found[3][2] = {{0}};
        ask->request.chains = chains;
        judge(&judged, ask, worked, 15, 4);
        assert_int_equal(judged.verdicts.user_count, 5);
        assert_int_equal(judged.collector.groups.rows, 15);
        for (uint32_t user = 0; user < 5; user++) {
            assert_int_equal(judged.verdicts.in[user], 1);
            for (uint32_t step = 0; step < judged.verdicts.depth[user]; step++) {
                found[step][0]++;
                found[step][1] += judged.collector.groups.groups[user].rows;
            }
        }
        assert_memory_equal(found, expected, sizeof found);
        judged_dispose(&judged);
    }
}

static void test_worked_example_4_view_cart_buy(void **state)
{
    (void)state;
    struct ask ask;
    ask_steps(&ask, 3);
    assert_worked(&ask, (const uint64_t[3][2]){{5, 15}, {2, 6}, {2, 6}});
}

static void test_worked_example_5_view_view_view(void **state)
{
    (void)state;
    struct ask ask;
    ask_steps(&ask, 3);
    ask.steps[1].filter = ask.steps[2].filter = 0;
    assert_worked(&ask, (const uint64_t[3][2]){{5, 15}, {1, 3}, {0, 0}});
}

/* ---- single rules ---- */

/* chain: the times of it, or NULL. */
static void assert_depth(struct ask *ask, const struct fake_row *rows, uint32_t count, uint16_t depth,
                         const int64_t *chain)
{
    struct judged judged;
    ask->request.chains = chain != NULL;
    judge(&judged, ask, rows, count, 3);
    assert_int_equal(judged.verdicts.user_count, 1);
    assert_int_equal(judged.verdicts.depth[0], depth);
    if (chain) {
        assert_int_equal(judged.verdicts.unit_count, depth != 0);
        for (uint16_t i = 0; i < depth; i++)
            assert_int_equal(judged.verdicts.units[0].chain_times[i], chain[i]);
    }
    judged_dispose(&judged);
}

static void test_four_steps_are_reached_though_many_rows_tie(void **state)
{
    (void)state;
    const struct fake_row rows[] = {ROW(1, 1, 1), ROW(1, 2, 2), ROW(1, 2, 4), ROW(1, 2, 8), ROW(1, 3, 2),
                                    ROW(1, 3, 4), ROW(1, 3, 8), ROW(1, 4, 2), ROW(1, 4, 4), ROW(1, 4, 8)};
    struct ask ask;
    ask_steps(&ask, 4);
    assert_depth(&ask, rows, 10, 4, NULL);
    assert_depth(&ask, rows, 10, 4, (const int64_t[]){1, 2, 3, 4});
    ask.request.funnel.sequence.maximum_duration = length_of(3);
    assert_depth(&ask, rows, 10, 4, NULL);
    ask.request.funnel.sequence.maximum_duration = length_of(2);
    assert_depth(&ask, rows, 10, 3, NULL);
}

static void test_times_above_2_53_are_compared_exactly(void **state)
{
    (void)state;
    int64_t t = INT64_C(1) << 60;
    const struct fake_row later[] = {ROW(1, t, VIEW), ROW(1, t + 1, CART)},
                          same[] = {ROW(1, t + 1, VIEW), ROW(1, t + 1, CART)},
                          ends[] = {ROW(1, INT64_MIN, VIEW), ROW(1, INT64_MAX, CART)};
    struct ask ask;
    for (int window = 0; window < 2; window++) {
        ask_steps(&ask, 2);
        if (window) /* the other way of evaluating */
            ask.request.funnel.sequence.maximum_duration = length_of(UINT64_MAX);
        assert_depth(&ask, later, 2, 2, NULL);
        assert_depth(&ask, same, 2, 1, NULL);
        assert_depth(&ask, ends, 2, 2, NULL);
    }
    ask.request.funnel.sequence.maximum_duration = length_of(UINT64_MAX - 1);
    assert_depth(&ask, ends, 2, 1, NULL);
    assert_depth(&ask, later, 2, 2, NULL);
}

static void test_a_row_without_time_reaches_step_1_only(void **state)
{
    (void)state;
    const struct fake_row alone[] = {UNTIMED(1, VIEW), ROW(1, 5, CART)},
                          beside[] = {UNTIMED(1, VIEW), ROW(1, 4, VIEW), ROW(1, 5, CART)},
                          second[] = {ROW(1, 4, VIEW), UNTIMED(1, CART)};
    struct ask ask;
    ask_steps(&ask, 2);
    assert_depth(&ask, alone, 2, 1, NULL);
    assert_depth(&ask, beside, 3, 2, NULL);
    assert_depth(&ask, second, 2, 1, NULL);
    ask.request.funnel.sequence.order = DF_FUNNEL_STRICT;
    assert_depth(&ask, alone, 2, 1, NULL);
    assert_depth(&ask, beside, 3, 2, NULL);
    ask.request.funnel.sequence.order = DF_FUNNEL_ANY;
    assert_depth(&ask, alone, 2, 1, NULL);
    ask.request.funnel.sequence.order = DF_FUNNEL_LOOSE;
    ask.request.funnel.session_gap = length_of(10);
    assert_depth(&ask, alone, 2, 0, NULL);
    assert_depth(&ask, beside, 3, 2, NULL);
}

static void test_an_untimed_unit_says_so_and_names_its_last_row(void **state)
{
    (void)state;
    const struct fake_row rows[] = {ROW(1, 5, CART), UNTIMED(1, VIEW), UNTIMED(1, VIEW), UNTIMED(1, CART)};
    struct ask ask;
    struct judged judged;
    ask_steps(&ask, 2);
    ask.request.chains = true;
    judge(&judged, &ask, rows, 4, 2);
    assert_int_equal(judged.verdicts.unit_count, 1);
    const struct df_funnel_unit *unit = &judged.verdicts.units[0];
    assert_false(unit->timed);
    assert_int_equal(unit->depth, 1);
    assert_int_equal(unit->rows, 4);
    assert_int_equal(unit->chain_times[0], 0);
    assert_int_equal(unit->chain_rows[0], 2);
    judged_dispose(&judged);
}

static void test_greedy_matching_would_miss_what_a_window_allows(void **state)
{
    (void)state;
    const struct fake_row rows[] = {ROW(1, 0, 1), ROW(1, 10, 2), ROW(1, 9, 1), ROW(1, 12, 2), ROW(1, 14, 4)};
    struct ask ask;
    ask_steps(&ask, 3);
    ask.request.funnel.sequence.maximum_duration = length_of(5);
    assert_depth(&ask, rows, 5, 3, (const int64_t[]){9, 12, 14});
    ask.steps[2].minimum_gap = length_of(3);
    assert_depth(&ask, rows, 5, 3, (const int64_t[]){9, 10, 14});
    ask.steps[1].minimum_gap = length_of(2);
    assert_depth(&ask, rows, 5, 2, (const int64_t[]){9, 12});
}

static void test_a_negative_step_at_the_end_may_need_an_earlier_start(void **state)
{
    (void)state;
    /* From 5 the forbidden time lasts until 15 and meets the row at 12; from 1 it lasts until 11 only. */
    const struct fake_row rows[] = {ROW(1, 1, 1), ROW(1, 5, 1), ROW(1, 8, 2), ROW(1, 12, 4)};
    struct ask ask;
    ask_steps(&ask, 3);
    ask.steps[2].negative = true;
    ask.request.funnel.sequence.maximum_duration = length_of(10);
    assert_depth(&ask, rows, 4, 2, (const int64_t[]){1, 8});
    ask.request.funnel.sequence.maximum_duration = length_of(11);
    assert_depth(&ask, rows, 4, 1, (const int64_t[]){1});
    ask.request.funnel.sequence.maximum_duration = (struct df_funnel_length){0};
    assert_depth(&ask, rows, 4, 1, NULL);
}

static void test_negative_steps_side_by_side_each_forbid(void **state)
{
    (void)state;
    struct ask ask;
    for (int64_t negative = 1; negative < 4; negative++) {
        const struct fake_row rows[] = {ROW(1, 1, 1), ROW(1, 2, UINT64_C(1) << (negative == 3 ? 4 : negative)),
                                        ROW(1, 3, 8)};
        ask_steps(&ask, 4);
        ask.request.filters.root_count = 5;
        ask.steps[1].negative = ask.steps[2].negative = true;
        assert_depth(&ask, rows, 3, negative == 3 ? 2 : 1, NULL);
    }
}

static void test_rows_without_user_count_nowhere(void **state)
{
    (void)state;
    const struct fake_row rows[] = {
        {.no_user = true, .matches = VIEW}, ROW(0, 1, VIEW), {.no_user = true, .time = 2, .matches = CART}};
    struct ask ask;
    ask_steps(&ask, 2);
    assert_depth(&ask, rows, 3, 1, NULL);
}

static void test_no_rows_give_no_users(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        struct ask ask;
        struct judged judged;
        ask_steps(&ask, 2);
        ask.request.chains = variant & 1;
        if (variant & 2)
            ask.request.funnel.session_gap = length_of(1);
        judge(&judged, &ask, NULL, 0, 1);
        assert_int_equal(judged.verdicts.user_count, 0);
        assert_int_equal(judged.verdicts.unit_count, 0);
        judged_dispose(&judged);
    }
}

static void test_sessions_are_cut_where_neighbours_lie_further_apart(void **state)
{
    (void)state;
    const struct fake_row rows[] = {ROW(1, 0, 1), ROW(1, 10, 0), ROW(1, 20, 2), ROW(1, 31, 1), ROW(1, 31, 2)};
    struct ask ask;
    struct judged judged;
    ask_steps(&ask, 2);
    ask.request.funnel.session_gap = length_of(10);
    judge(&judged, &ask, rows, 5, 2);
    const struct df_funnel_verdicts *verdicts = &judged.verdicts;
    assert_int_equal(verdicts->session_begin[1], 2);
    assert_int_equal(verdicts->sessions[0].rows, 3);
    assert_int_equal(verdicts->sessions[0].depth, 2);
    assert_int_equal(verdicts->sessions[0].end, 20);
    assert_int_equal(verdicts->sessions[1].begin, 31);
    assert_int_equal(verdicts->sessions[1].depth, 1);
    assert_int_equal(verdicts->depth[0], 2);
    assert_int_equal(df_funnel_row_depth(verdicts, 0, true, 10), 2);
    assert_int_equal(df_funnel_row_depth(verdicts, 0, true, 31), 1);
    assert_int_equal(df_funnel_row_depth(verdicts, 0, true, 25), 0);
    assert_int_equal(df_funnel_row_depth(verdicts, 0, true, 32), 0);
    assert_int_equal(df_funnel_row_depth(verdicts, 0, false, 10), 0);
    judged_dispose(&judged);
}

/* ---- users ---- */

static void test_users_of_any_kind_are_found_again_by_key(void **state)
{
    (void)state;
    const struct fake_row rows[] = {ROW(7, 1, 1), ROW(0, 1, 1), ROW(-7, 1, 1), ROW(7, 2, 0), {.no_user = true}};
    const uint32_t codes[] = {0, 1, 2, 0, DF_FUNNEL_NO_GROUP};
    for (int kind = 0; kind < DF_FUNNEL_KEY_KINDS; kind++) {
        struct df_error error = {0};
        struct df_funnel_account account = {0};
        struct fake_source source;
        struct df_funnel_collector collector;
        struct ask ask;
        ask_steps(&ask, 1);
        settle(&ask);
        ask.request.second_reading = true;
        fake_source_init(&source, &ask.request, (enum df_funnel_key_kind)kind, rows, 5, 2, NULL);
        assert_ok(df_funnel_collector_init(&collector, &ask.request, source.base.kind, &account, &error), &error);
        assert_int_equal(df_funnel_collect(&collector, &source.base, NULL, &error), DF_FUNNEL_DONE);
        assert_int_equal(collector.row_count, 5);
        assert_memory_equal(collector.row_codes, codes, sizeof codes);
        struct df_funnel_batch batch;
        uint64_t hashes[8];
        uint32_t found[8];
        source.batch_rows = 5;
        assert_ok(fake_begin(&source.base, DF_FUNNEL_FACTS, &error), &error);
        assert_int_equal(fake_next(&source.base, &batch, &error), 1);
        df_funnel_keys_hash(&batch.keys, hashes);
        df_funnel_groups_find(&collector.groups, &batch.keys, hashes, found);
        assert_memory_equal(found, codes, sizeof codes);
        source.numbers[0] = 8;
        source.bytes[0] = df_slice_text("8");
        df_funnel_keys_hash(&batch.keys, hashes);
        df_funnel_groups_find(&collector.groups, &batch.keys, hashes, found);
        assert_int_equal(found[0], DF_FUNNEL_NO_GROUP);
        if (kind == DF_FUNNEL_KEY_BYTES) {
            assert_slice_is(df_funnel_group_bytes(&collector.groups.groups[2]), "-7");
            assert_slice_is(df_funnel_group_bytes(&collector.groups.groups[1]), "");
        }
        df_funnel_collector_dispose(&collector);
    }
}

static void test_passes_over_halves_of_the_users_see_each_user_once(void **state)
{
    (void)state;
    enum { USERS = 500 };
    struct fake_row *rows = calloc(USERS * 2, sizeof *rows);
    struct df_error error = {0};
    struct df_funnel_account account = {0};
    struct fake_source source;
    struct df_funnel_collector collector;
    struct ask ask;
    ask_steps(&ask, 2);
    settle(&ask);
    for (int i = 0; i < USERS * 2; i++)
        rows[i] = (struct fake_row){.user = i % USERS, .time = i, .matches = i < USERS ? 1 : (uint64_t)(i & 2)};
    fake_source_init(&source, &ask.request, DF_FUNNEL_KEY_INT64, rows, USERS * 2, 100, NULL);
    assert_ok(df_funnel_collector_init(&collector, &ask.request, DF_FUNNEL_KEY_INT64, &account, &error), &error);
    size_t users = 0, deep = 0;
    for (uint32_t pass = 0; pass < 4; pass++) {
        struct df_funnel_verdicts verdicts;
        collector.pass_mask = 3;
        collector.pass_value = pass;
        assert_int_equal(df_funnel_collect(&collector, &source.base, NULL, &error), DF_FUNNEL_DONE);
        assert_int_equal(df_funnel_judge(&collector, DF_FUNNEL_SCALE_MS, NULL, &verdicts, &error), DF_FUNNEL_DONE);
        assert_in_range(verdicts.user_count, 50, 300);
        users += verdicts.user_count;
        for (uint32_t i = 0; i < verdicts.user_count; i++)
            deep += verdicts.depth[i] == 2;
        df_funnel_verdicts_dispose(&verdicts);
        df_funnel_collector_reset(&collector);
        assert_int_equal(collector.pass_value, pass);
    }
    assert_int_equal(users, USERS);
    assert_int_equal(deep, USERS / 2);
    df_funnel_collector_dispose(&collector);
    free(rows);
}

/* ---- against every chain ---- */

enum { USERS_MAX = 24, ROWS_PER_USER_MAX = 8, ROWS_MAX = USERS_MAX * ROWS_PER_USER_MAX };

/* A sequence and what it means. */
static uint32_t pick(uint64_t *random, uint32_t below)
{
    return (uint32_t)(test_random(random) % below);
}

/* In steps of the column, or as text in half milliseconds, which have to be rounded. */
static struct df_funnel_length random_length(uint64_t *random, uint32_t below, bool minimum, __int128 *meaning)
{
    uint32_t halves = pick(random, below * 2);
    if (pick(random, 2) == 0) {
        *meaning = halves / 2;
        return length_of(halves / 2);
    }
    *meaning = minimum ? (halves + 1) / 2 : halves / 2;
    return (struct df_funnel_length){.given = true, .in_ns = true, .amount = halves * UINT64_C(500000)};
}

static void random_sequence(uint64_t *random, uint32_t filters, struct df_funnel_sequence *sequence,
                            struct df_funnel_step *steps, struct naive_sequence *naive)
{
    bool plain = pick(random, 5) == 0, ends = false;
    uint32_t positives = 1 + pick(random, 4), count = 0;
    *naive = (struct naive_sequence){.sequence = sequence, .duration = -1};
    *sequence = (struct df_funnel_sequence){.steps = steps};
    if (!plain)
        sequence->order = (enum df_funnel_order)pick(random, 4) % 3;
    bool negatives = !plain && sequence->order != DF_FUNNEL_ANY;
    for (uint32_t k = 0; k <= positives; k++) {
        for (uint32_t more = 2; negatives && more > 0 && pick(random, 4) == 0; more--, ends |= k == positives)
            steps[count++] = (struct df_funnel_step){.filter = pick(random, filters), .negative = true};
        if (k == positives)
            break;
        naive->gaps[count].minimum = naive->gaps[count].maximum = -1;
        steps[count] = (struct df_funnel_step){.filter = pick(random, filters)};
        if (negatives && k && pick(random, 4) == 0)
            steps[count].minimum_gap = random_length(random, 4, true, &naive->gaps[count].minimum);
        if (negatives && k && pick(random, 4) == 0)
            steps[count].maximum_gap = random_length(random, 7, false, &naive->gaps[count].maximum);
        count++;
    }
    if (!plain && pick(random, ends ? 4 : 2) != 0)
        sequence->maximum_duration = random_length(random, 9, false, &naive->duration);
    sequence->step_count = count;
    settle_sequence(sequence);
}

struct random_case {
    struct ask ask;
    struct naive_sequence funnel, conditions[4];
    __int128 session_gap; /* -1: none */
    uint32_t users, row_count;
    struct fake_row rows[ROWS_MAX];
};

static void random_relation(uint64_t *random, struct ask *ask)
{
    struct df_funnel_request *request = &ask->request;
    if (request->condition_count == 0)
        return;
    ask->relation[0] = 0;
    request->relation.token_count = 1;
    for (uint32_t i = 1; i < request->condition_count; i++) {
        ask->relation[request->relation.token_count++] = i;
        ask->relation[request->relation.token_count++] =
            pick(random, 2) ? DF_FUNNEL_RELATION_AND : DF_FUNNEL_RELATION_OR;
    }
}

static void random_ask(uint64_t *random, struct random_case *one, uint32_t filters)
{
    struct ask *ask = &one->ask;
    struct df_funnel_request *request = &ask->request;
    *ask = (struct ask){.request = {.filters = {.root_count = filters}, .funnel = {.given = true}}};
    random_sequence(random, filters, &request->funnel.sequence, ask->steps, &one->funnel);
    if (pick(random, 3) == 0) {
        request->condition_count = 1 + pick(random, 3);
        for (uint32_t i = 0; i < request->condition_count; i++) {
            ask->conditions[i].kind = DF_FUNNEL_SEQUENCE_CONDITION;
            random_sequence(random, filters, &ask->conditions[i].sequence, ask->condition_steps[i],
                            &one->conditions[i]);
        }
    }
    random_relation(random, ask);
    one->session_gap = -1;
    if (pick(random, 4) == 0)
        request->funnel.session_gap = random_length(random, 4, false, &one->session_gap);
    request->chains = pick(random, 2);
    request->all_times = pick(random, 4) == 0;
    request->second_reading = pick(random, 2);
    settle(ask);
}

static void random_rows(uint64_t *random, struct random_case *one, uint32_t filters)
{
    static const int64_t bases[] = {0, INT64_MIN, INT64_MAX - 9, (INT64_C(1) << 53) + 1, -3};
    int64_t base = bases[pick(random, 5)];
    uint32_t density = 1 + pick(random, 3), untimed = pick(random, 2) ? 8 : 1000;
    one->users = 1 + pick(random, USERS_MAX);
    one->row_count = 0;
    for (uint32_t user = 0; user < one->users; user++) {
        for (uint32_t left = 1 + pick(random, ROWS_PER_USER_MAX); left > 0; left--) {
            struct fake_row *row = &one->rows[one->row_count++];
            *row = (struct fake_row){.user = user,
                                     .no_user = pick(random, 40) == 0,
                                     .no_time = pick(random, untimed) == 0,
                                     .time = base + pick(random, 10)};
            for (uint32_t i = 0; i < filters; i++)
                row->matches |= (uint64_t)(pick(random, 4) < density) << i;
        }
    }
    for (uint32_t i = one->row_count; i-- > 1;) {
        uint32_t j = pick(random, i + 1);
        struct fake_row swap = one->rows[i];
        one->rows[i] = one->rows[j];
        one->rows[j] = swap;
    }
}

/* Rows of one user: those with a time, in order, and the last untimed ones. */
struct naive_user {
    struct naive_row timed[ROWS_PER_USER_MAX];
    uint32_t timed_count, row_count;
    struct naive_row untimed[ROWS_PER_USER_MAX];
    uint32_t untimed_count;
};

static struct naive_user user_rows(const struct random_case *one, int64_t user)
{
    struct naive_user rows = {0};
    for (uint32_t i = 0; i < one->row_count; i++) {
        const struct fake_row *row = &one->rows[i];
        if (row->no_user || row->user != user)
            continue;
        struct naive_row naive = {.time = row->time, .ordinal = i, .matches = row->matches};
        rows.row_count++;
        if (row->no_time) {
            rows.untimed[rows.untimed_count++] = naive;
            continue;
        }
        uint32_t at = rows.timed_count++;
        for (; at > 0 && naive_compare(&rows.timed[at - 1], &naive) > 0; at--)
            rows.timed[at] = rows.timed[at - 1];
        rows.timed[at] = naive;
    }
    return rows;
}

/* A whole user: an untimed row of step 1, the last one, where no timed row reaches it. */
static struct naive_chain naive_whole(const struct naive_sequence *naive, const struct naive_user *rows, bool *timed)
{
    struct naive_chain chain = naive_unit(naive, rows->timed, rows->timed_count);
    uint32_t first = naive->sequence->steps[naive_positive(naive->sequence, 0)].filter;
    *timed = chain.depth != 0;
    for (uint32_t i = rows->untimed_count; i-- > 0 && chain.depth == 0;) {
        if (naive_matches(&rows->untimed[i], first)) {
            chain.depth = 1;
            chain.rows[0] = rows->untimed[i];
            chain.rows[0].time = 0;
        }
    }
    return chain;
}

static bool naive_in(const struct random_case *one, const struct naive_user *rows)
{
    bool in = true;
    for (uint32_t i = 0; i < one->ask.request.condition_count; i++) {
        bool timed,
            holds = naive_whole(&one->conditions[i], rows, &timed).depth == one->conditions[i].sequence->positive_count;
        if (i == 0)
            in = holds;
        else if (one->ask.relation[2 * i] == DF_FUNNEL_RELATION_AND)
            in = in && holds;
        else
            in = in || holds;
    }
    return in;
}

struct checker {
    const struct random_case *one;
    const struct judged *judged;
    size_t unit, session; /* next to be compared */
};

static void check_unit(struct checker *checker, uint32_t code, const struct naive_chain *chain, bool timed,
                       uint64_t rows)
{
    const struct df_funnel_verdicts *verdicts = &checker->judged->verdicts;
    if (!checker->one->ask.request.chains || chain->depth == 0)
        return;
    assert_in_range(checker->unit, 0, verdicts->unit_count - 1);
    const struct df_funnel_unit *unit = &verdicts->units[checker->unit++];
    assert_int_equal(unit->user, code);
    assert_int_equal(unit->depth, chain->depth);
    assert_int_equal(unit->timed, timed);
    assert_int_equal(unit->rows, rows);
    for (uint32_t k = 0; k < chain->depth; k++) {
        assert_int_equal(unit->chain_times[k], chain->rows[k].time);
        assert_int_equal(unit->chain_rows[k], chain->rows[k].ordinal);
    }
}

static uint32_t check_sessions(struct checker *checker, uint32_t code, const struct naive_user *rows)
{
    const struct df_funnel_verdicts *verdicts = &checker->judged->verdicts;
    uint32_t deepest = 0;
    assert_int_equal(verdicts->session_begin[code], checker->session);
    for (uint32_t at = 0, end; at < rows->timed_count; at = end) {
        for (end = at + 1; end < rows->timed_count; end++)
            if ((__int128)rows->timed[end].time - rows->timed[end - 1].time > checker->one->session_gap)
                break;
        struct naive_chain chain = naive_unit(&checker->one->funnel, rows->timed + at, end - at);
        const struct df_funnel_session *session = &verdicts->sessions[checker->session++];
        assert_int_equal(session->begin, rows->timed[at].time);
        assert_int_equal(session->end, rows->timed[end - 1].time);
        assert_int_equal(session->rows, end - at);
        assert_int_equal(session->depth, chain.depth);
        for (uint32_t i = at; i < end; i++)
            assert_int_equal(df_funnel_row_depth(verdicts, code, true, rows->timed[i].time), chain.depth);
        check_unit(checker, code, &chain, true, end - at);
        deepest = chain.depth > deepest ? chain.depth : deepest;
    }
    return deepest;
}

static void check_user(struct checker *checker, uint32_t code)
{
    const struct df_funnel_verdicts *verdicts = &checker->judged->verdicts;
    struct naive_user rows = user_rows(checker->one, checker->judged->collector.groups.groups[code].key.number);
    assert_int_equal(checker->judged->collector.groups.groups[code].rows, rows.row_count);
    bool in = naive_in(checker->one, &rows), timed;
    assert_int_equal(verdicts->in[code], in);
    struct naive_chain chain = {0};
    if (in && verdicts->session_begin) {
        chain.depth = check_sessions(checker, code, &rows);
    } else if (in) {
        chain = naive_whole(&checker->one->funnel, &rows, &timed);
        check_unit(checker, code, &chain, timed, rows.row_count);
    }
    assert_int_equal(verdicts->depth[code], chain.depth);
}

static uint32_t check_case(struct random_case *one, uint32_t batch_rows)
{
    struct judged judged;
    judge(&judged, &one->ask, one->rows, one->row_count, batch_rows);
    struct checker checker = {.one = one, .judged = &judged};
    for (uint32_t code = 0; code < judged.verdicts.user_count; code++)
        check_user(&checker, code);
    assert_int_equal(checker.unit, judged.verdicts.unit_count);
    if (judged.verdicts.session_begin)
        assert_int_equal(checker.session, judged.verdicts.session_begin[judged.verdicts.user_count]);
    uint32_t users = judged.verdicts.user_count;
    judged_dispose(&judged);
    return users;
}

static void test_random_users_are_judged_as_trying_every_chain_does(void **state)
{
    (void)state;
    uint64_t random = test_seed(), users = 0;
    struct random_case *one = calloc(1, sizeof *one);
    while (users < 200000) {
        uint32_t filters = 1 + pick(&random, 5);
        random_ask(&random, one, filters);
        random_rows(&random, one, filters);
        users += check_case(one, 1 + pick(&random, 64));
    }
    free(one);
}

/* Masks of several words, and slots of several negative steps in them. */
static void test_sequences_over_many_filters_are_judged_alike(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    struct random_case *one = calloc(1, sizeof *one);
    for (int round = 0; round < 1000; round++) {
        random_ask(&random, one, 3);
        random_rows(&random, one, 3);
        /* Filter f becomes f * 31 and the whole list of steps is prefixed with none: the answer must stay. */
        for (uint32_t i = 0; i < one->ask.request.funnel.sequence.step_count; i++)
            one->ask.steps[i].filter *= 31;
        for (uint32_t c = 0; c < one->ask.request.condition_count; c++)
            for (uint32_t i = 0; i < one->ask.conditions[c].sequence.step_count; i++)
                one->ask.condition_steps[c][i].filter *= 31;
        for (uint32_t i = 0; i < one->row_count; i++) {
            uint64_t m = one->rows[i].matches;
            one->rows[i].matches = (m & 1) | (m >> 1 & 1) << 31 | (m >> 2 & 1) << 62;
        }
        one->ask.request.filters.root_count = 63;
        check_case(one, 64);
    }
    free(one);
}

/* ---- memory and time ---- */

static struct fake_row *make_crowd(uint32_t count, uint64_t users)
{
    struct fake_row *rows = calloc(count, sizeof *rows);
    uint64_t random = 42;
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (struct fake_row){.no_user = pick(&random, 50) == 0,
                                    .no_time = pick(&random, 50) == 0,
                                    .user = (int64_t)(test_random(&random) % users),
                                    .time = pick(&random, 1000),
                                    .matches = test_random(&random) & 15};
    return rows;
}

/* Collects and judges; whatever the outcome, all memory is given back. */
static int try_in(struct ask *ask, const struct fake_row *rows, uint32_t count, struct df_budget *budget,
                  uint64_t *units)
{
    struct df_error error = {0};
    struct df_funnel_account account = {.budget = budget};
    struct fake_source source;
    struct df_funnel_collector collector;
    struct df_funnel_verdicts verdicts = {0};
    fake_source_init(&source, &ask->request, DF_FUNNEL_KEY_BYTES, rows, count, 500, NULL);
    assert_ok(df_funnel_collector_init(&collector, &ask->request, DF_FUNNEL_KEY_BYTES, &account, &error), &error);
    int result = df_funnel_collect(&collector, &source.base, NULL, &error);
    assert_ok(result, &error);
    if (result == DF_FUNNEL_DONE) {
        uint64_t before = budget->used_bytes, codes = collector.row_codes ? collector.row_code_capacity * 4 : 0;
        result = df_funnel_judge(&collector, DF_FUNNEL_SCALE_MS, NULL, &verdicts, &error);
        assert_ok(result, &error);
        if (result == DF_FUNNEL_OVER) {
            assert_null(verdicts.in);
            assert_int_equal(budget->used_bytes, before - codes);
        }
    }
    *units = verdicts.unit_count;
    for (uint32_t i = 0; result == DF_FUNNEL_DONE && !ask->request.chains && i < verdicts.user_count; i++)
        *units += verdicts.depth[i] != 0;
    df_funnel_verdicts_dispose(&verdicts);
    df_funnel_collector_reset(&collector);
    assert_int_equal(collector.account.held_bytes, 0);
    df_funnel_collector_dispose(&collector);
    assert_int_equal(budget->used_bytes, 0);
    return result;
}

static void test_what_does_not_fit_is_over_and_gives_everything_back(void **state)
{
    (void)state;
    enum { CROWD = 20000 };
    struct fake_row *rows = make_crowd(CROWD, 3000);
    for (int variant = 0; variant < 6; variant++) {
        struct ask ask;
        uint64_t whole = 0, units;
        ask_steps(&ask, 4);
        ask.request.chains = variant & 1;
        ask.request.second_reading = true;
        if (variant / 2 == 1)
            ask.request.funnel.session_gap = length_of(30);
        if (variant / 2 == 2) {
            ask.request.funnel.sequence.maximum_duration = length_of(300);
            ask.steps[3].negative = true;
        }
        settle(&ask);
        unsigned over = 0, done = 0;
        struct ask without = ask; /* codes of rows give way: what fits without them fits with them */
        without.request.second_reading = false;
        settle(&without);
        for (uint64_t limit = 8 << 20; limit >= 2000; limit = limit * 7 / 8) {
            struct df_budget budget;
            df_budget_init(&budget, limit);
            int result = try_in(&without, rows, CROWD, &budget, &units);
            assert_int_equal(try_in(&ask, rows, CROWD, &budget, &units), result);
            if (result == DF_FUNNEL_OVER) {
                over++;
                continue;
            }
            whole = done++ == 0 ? units : whole;
            assert_int_equal(units, whole);
            assert_true(budget.peak_bytes <= limit);
        }
        assert_true(over > 5 && done > 5);
    }
    free(rows);
}

static void test_a_cancelled_query_stops(void **state)
{
    (void)state;
    struct fake_row *rows = make_crowd(5000, 100);
    for (int variant = 0; variant < 2; variant++) {
        struct df_error error = {0};
        struct df_funnel_account account = {0};
        struct fake_source source;
        struct df_funnel_collector collector;
        struct df_funnel_verdicts verdicts;
        struct ask ask;
        atomic_bool cancelled = true;
        ask_steps(&ask, 3);
        ask.request.chains = variant;
        settle(&ask);
        fake_source_init(&source, &ask.request, DF_FUNNEL_KEY_INT64, rows, 5000, 100, NULL);
        assert_ok(df_funnel_collector_init(&collector, &ask.request, DF_FUNNEL_KEY_INT64, &account, &error), &error);
        assert_int_equal(df_funnel_collect(&collector, &source.base, NULL, &error), DF_FUNNEL_DONE);
        assert_fails(df_funnel_judge(&collector, DF_FUNNEL_SCALE_MS, &cancelled, &verdicts, &error), &error,
                     DF_ERROR_CANCELLED, "cancelled");
        assert_null(verdicts.in);
        df_funnel_collector_dispose(&collector);
    }
    free(rows);
}

static void test_a_source_that_fails_fails_the_collecting(void **state)
{
    (void)state;
    struct fake_row *rows = make_crowd(100, 10);
    struct df_error error = {0};
    struct df_funnel_account account = {0};
    struct fake_source source;
    struct df_funnel_collector collector;
    struct ask ask;
    ask_steps(&ask, 3);
    settle(&ask);
    fake_source_init(&source, &ask.request, DF_FUNNEL_KEY_INT64, rows, 100, 10, NULL);
    source.fail = true;
    assert_ok(df_funnel_collector_init(&collector, &ask.request, DF_FUNNEL_KEY_INT64, &account, &error), &error);
    assert_fails(df_funnel_collect(&collector, &source.base, NULL, &error), &error, DF_ERROR_CORRUPT, "page 7");
    df_funnel_collector_dispose(&collector);
    free(rows);
}

/* One user with a million rows, in the ways that invite quadratic work. A loop over all pairs of rows would take many
 * minutes; real times are well below a second each. */
static void test_a_user_with_a_million_rows_takes_no_quadratic_time(void **state)
{
    (void)state;
    enum { MILLION = 1000000, VARIANTS = 8 };
    struct fake_row *rows = calloc(MILLION, sizeof *rows);
    for (int variant = 0; variant < VARIANTS; variant++) {
        struct ask ask;
        struct judged judged;
        ask_steps(&ask, 3);
        struct df_funnel_sequence *sequence = &ask.request.funnel.sequence;
        for (uint32_t i = 0; i < MILLION; i++)
            rows[i] = (struct fake_row){.user = 1, .time = MILLION - (int64_t)i, .matches = 3};
        if (variant == 0)
            sequence->maximum_duration = length_of(MILLION);
        if (variant == 1)
            ask.steps[1].maximum_gap = ask.steps[2].minimum_gap = length_of(MILLION / 2);
        if (variant == 2)
            ask.steps[1].negative = true;
        if (variant == 3)
            sequence->order = DF_FUNNEL_STRICT;
        if (variant == 4)
            sequence->order = DF_FUNNEL_ANY;
        if (variant == 5)
            ask.request.funnel.session_gap = length_of(1);
        if (variant == 6) { /* every row ends a chain, and all but the last are spoilt by the next */
            ask.steps[2].negative = true;
            ask.steps[2].filter = 0;
            sequence->maximum_duration = length_of(5);
        }
        if (variant == 7) { /* the same, with forbidden times so long that no start is early enough */
            ask.steps[2].negative = true;
            ask.steps[2].filter = 0;
            ask.steps[1].maximum_gap = length_of(100);
            sequence->maximum_duration = length_of(MILLION / 2);
        }
        ask.request.chains = true;
        clock_t begin = clock();
        judge(&judged, &ask, rows, MILLION, FAKE_BATCH_MAX);
        assert_int_equal(judged.verdicts.depth[0], variant == 2 ? 1 : 2);
        judged_dispose(&judged);
        assert_true(clock() - begin < 20 * CLOCKS_PER_SEC);
    }
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worked_example_4_view_cart_buy),
        cmocka_unit_test(test_worked_example_5_view_view_view),
        cmocka_unit_test(test_four_steps_are_reached_though_many_rows_tie),
        cmocka_unit_test(test_times_above_2_53_are_compared_exactly),
        cmocka_unit_test(test_a_row_without_time_reaches_step_1_only),
        cmocka_unit_test(test_an_untimed_unit_says_so_and_names_its_last_row),
        cmocka_unit_test(test_greedy_matching_would_miss_what_a_window_allows),
        cmocka_unit_test(test_a_negative_step_at_the_end_may_need_an_earlier_start),
        cmocka_unit_test(test_negative_steps_side_by_side_each_forbid),
        cmocka_unit_test(test_rows_without_user_count_nowhere),
        cmocka_unit_test(test_no_rows_give_no_users),
        cmocka_unit_test(test_sessions_are_cut_where_neighbours_lie_further_apart),
        cmocka_unit_test(test_users_of_any_kind_are_found_again_by_key),
        cmocka_unit_test(test_passes_over_halves_of_the_users_see_each_user_once),
        cmocka_unit_test(test_random_users_are_judged_as_trying_every_chain_does),
        cmocka_unit_test(test_sequences_over_many_filters_are_judged_alike),
        cmocka_unit_test(test_what_does_not_fit_is_over_and_gives_everything_back),
        cmocka_unit_test(test_a_cancelled_query_stops),
        cmocka_unit_test(test_a_source_that_fails_fails_the_collecting),
        cmocka_unit_test(test_a_user_with_a_million_rows_takes_no_quadratic_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
