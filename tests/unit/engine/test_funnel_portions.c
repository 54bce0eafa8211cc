/* Users by code in each of the ways that there are (in order, by table, by the entries of a dictionary, small), and
 * verdicts portion by portion: the same as of all users at once. */
#include "base/bytes.h"
#include "engine/funnel/evaluate/groups_small.h"
#include "engine/funnel/evaluate/portions.h"
#include "unit/engine/funnel_fake_source.h"

enum { ROWS_MAX = 4000, USERS_MAX = 600, BATCH = 300, STEPS = 3, FILTERS = 4 };

static uint64_t seed;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(test_random(&seed) % n);
}

/* ---- groups ---- */

struct key_rows {
    int64_t numbers[ROWS_MAX];
    char texts[ROWS_MAX][24];
    struct df_slice bytes[ROWS_MAX];
    uint8_t valid[ROWS_MAX];
    uint32_t entries[ROWS_MAX];
};

static void make_keys(struct key_rows *rows, uint32_t count, bool ordered)
{
    int64_t number = (int64_t)below(50) - 25;
    for (uint32_t i = 0; i < count; i++) {
        number = ordered ? number + (int64_t)(below(3) == 0) : (int64_t)below(USERS_MAX) - 100;
        rows->numbers[i] = number;
        snprintf(rows->texts[i], sizeof rows->texts[i], "%06" PRId64, number + 1000);
        rows->bytes[i] = df_slice_text(rows->texts[i]);
        rows->valid[i] = below(8) > 0;
        rows->entries[i] = (uint32_t)(number + 1000);
    }
}

/* The same user has the same code, another one another; and every group has its rows. */
static void assert_codes(const struct df_funnel_groups *groups, const struct key_rows *rows, const uint32_t *codes,
                         uint32_t count)
{
    uint64_t found[ROWS_MAX + 1] = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (!rows->valid[i]) {
            assert_int_equal(codes[i], DF_FUNNEL_NO_GROUP);
            continue;
        }
        assert_true(codes[i] < groups->group_count);
        found[codes[i]]++;
        if (groups->kind == DF_FUNNEL_KEY_BYTES)
            assert_slice_is(df_funnel_group_bytes(&groups->groups[codes[i]]), rows->texts[i]);
        else
            assert_int_equal(groups->groups[codes[i]].key.number, rows->numbers[i]);
    }
    for (size_t i = 0; i < groups->group_count; i++)
        assert_int_equal(groups->groups[i].rows, found[i]);
}

static struct df_dictionary make_dictionary(const struct key_rows *rows, uint32_t count, int64_t *values)
{
    for (uint32_t i = 0; i < count; i++)
        values[rows->entries[i]] = rows->numbers[i];
    return (struct df_dictionary){
        .serial = test_random(&seed), .count = 10000, .kind = DF_VECTOR_INT64, .values.int64s = values};
}

static void check_groups(struct key_rows *rows, enum df_funnel_key_kind kind, bool ordered)
{
    static uint64_t hashes[ROWS_MAX];
    static uint32_t codes[ROWS_MAX], again[ROWS_MAX];
    static int64_t values[10000];
    struct df_funnel_account account = {0};
    struct df_funnel_groups groups;
    uint32_t count = 1 + below(ROWS_MAX), broken = ordered && below(2) ? below(count) : count;
    make_keys(rows, count, ordered);
    if (broken < count)
        rows->numbers[broken] = -5000, rows->bytes[broken] = df_slice_text(""), rows->texts[broken][0] = 0;
    bool entries = kind != DF_FUNNEL_KEY_BYTES && broken == count && below(2);
    struct df_dictionary dictionary = make_dictionary(rows, broken, values);
    df_funnel_groups_init(&groups, kind, &account);
    groups.without_order = below(4) == 0;
    for (uint32_t done = 0, some; done < count; done += some) {
        some = 1 + below(BATCH);
        some = some < count - done ? some : count - done;
        struct df_funnel_keys keys = {.kind = kind,
                                      .count = some,
                                      .numbers = rows->numbers + done,
                                      .bytes = rows->bytes + done,
                                      .valid = rows->valid + done,
                                      .entries = entries && below(4) ? rows->entries + done : NULL,
                                      .dictionary = &dictionary};
        assert_true(df_funnel_groups_add(&groups, &keys, hashes, 0, 0, codes + done));
    }
    df_funnel_groups_settle(&groups);
    assert_codes(&groups, rows, codes, count);
    struct df_funnel_keys all = {
        .kind = kind, .count = count, .numbers = rows->numbers, .bytes = rows->bytes, .valid = rows->valid};
    df_funnel_groups_find(&groups, &all, hashes, again);
    assert_memory_equal(codes, again, count * sizeof *codes);
    df_funnel_groups_dispose(&groups);
    assert_int_equal(account.held_bytes, 0);
}

static void test_codes_are_the_users_in_every_way(void **state)
{
    struct key_rows *rows = calloc(1, sizeof *rows);
    (void)state;
    assert_non_null(rows);
    for (int i = 0; i < 300; i++)
        check_groups(rows, (enum df_funnel_key_kind)(i % DF_FUNNEL_KEY_KINDS), i / 3 % 2);
    free(rows);
}

static void test_slots_do_not_run_over(void **state)
{
    /* More users than a table of 16-bit codes has when it is full. */
    enum { ALL = DF_FUNNEL_SMALL_ROWS };
    struct df_funnel_account account = {0};
    struct df_funnel_small small = {.account = &account};
    struct df_funnel_groups groups;
    int64_t *numbers = calloc(ALL, sizeof *numbers);
    uint16_t *tags = calloc(ALL, sizeof *tags); /* all the same: the worst case, but only as long as it is short */
    uint32_t *codes = calloc(ALL, sizeof *codes);
    (void)state;
    assert_true(numbers && tags && codes);
    for (uint32_t i = 0; i < ALL; i++) {
        numbers[i] = (int64_t)i * 7;
        tags[i] = (uint16_t)(i * 40503u);
    }
    df_funnel_groups_init(&groups, DF_FUNNEL_KEY_INT64, &account);
    assert_true(df_funnel_small_begin(&small, &groups, ALL));
    for (uint32_t done = 0; done < ALL; done += 1024) {
        struct df_funnel_keys keys = {.kind = DF_FUNNEL_KEY_INT64, .count = 1024, .numbers = numbers + done};
        df_funnel_small_add(&small, &keys, tags + done, codes + done);
    }
    for (uint32_t i = 0; i < ALL; i++)
        assert_int_equal(codes[i], i);
    df_funnel_small_dispose(&small);
    df_funnel_groups_dispose(&groups);
    assert_int_equal(account.held_bytes, 0);
    free(numbers);
    free(tags);
    free(codes);
}

/* ---- portions ---- */

/* A funnel of three steps, how many rows match the fourth filter, a sum of integers and one of doubles. */
struct ask {
    struct df_funnel_request request;
    struct df_funnel_step steps[STEPS];
    struct df_funnel_condition conditions[3];
    uint32_t tokens[5];
    struct df_funnel_column columns[2];
};

static void make_ask(struct ask *ask)
{
    *ask =
        (struct ask){.request = {.filters = {.root_count = FILTERS},
                                 .funnel = {.given = true, .sequence = {.step_count = STEPS, .positive_count = STEPS}},
                                 .sequences = true,
                                 .without = DF_FUNNEL_WITHOUT_MINIMUMS},
                     .columns = {{.name = "n", .facts = true}, {.name = "p", .facts = true}}};
    struct df_funnel_request *request = &ask->request;
    for (uint32_t i = 0; i < STEPS; i++)
        ask->steps[i].filter = i;
    request->funnel.sequence.steps = ask->steps;
    request->funnel.sequence.simple = below(4) > 0;
    request->second_reading = below(2);
    request->all_times = below(4) == 0;
    request->conditions = ask->conditions;
    request->columns = ask->columns;
    request->relation = (struct df_funnel_relation){.tokens = ask->tokens, .depth = 4};
    if (below(2) == 0)
        return;
    request->condition_count = 3;
    request->column_count = 2;
    ask->conditions[0] = (struct df_funnel_condition){
        .kind = DF_FUNNEL_COUNT_TARGET, .filter = 3, .op = DF_FUNNEL_GE, .count = below(3), .include_zero = below(2)};
    ask->conditions[1] = (struct df_funnel_condition){
        .kind = DF_FUNNEL_SUM_TARGET, .filter = 0, .op = DF_FUNNEL_GT, .column = 0, .sum = df_slice_text("3")};
    ask->conditions[2] = (struct df_funnel_condition){
        .kind = DF_FUNNEL_SUM_TARGET, .filter = 1, .op = DF_FUNNEL_LT, .column = 1, .sum = df_slice_text("2.5")};
    const uint32_t either[] = {0, 1, DF_FUNNEL_RELATION_OR, 2, DF_FUNNEL_RELATION_OR};
    memcpy(ask->tokens, either, sizeof either);
    request->relation.token_count = 5;
}

/* What is said of each user; users are 0 to USERS_MAX - 1. */
struct said {
    bool known[USERS_MAX], in[USERS_MAX];
    uint16_t depth[USERS_MAX];
    uint64_t rows[USERS_MAX];
};

static int64_t user_of(const struct df_funnel_groups *groups, uint32_t code)
{
    char text[24] = "";
    if (groups->kind != DF_FUNNEL_KEY_BYTES)
        return groups->groups[code].key.number;
    struct df_slice bytes = df_funnel_group_bytes(&groups->groups[code]);
    memcpy(text, bytes.data, bytes.size < sizeof text ? bytes.size : sizeof text - 1);
    return strtoll(text, NULL, 10); /* the empty one is 0 */
}

static int note(void *ctx, const struct df_funnel_verdicts *verdicts, const struct df_funnel_groups *groups,
                struct df_error *error)
{
    struct said *said = ctx;
    (void)error;
    for (uint32_t code = 0; code < verdicts->user_count; code++) {
        int64_t user = user_of(groups, code);
        assert_true(user >= 0 && user < USERS_MAX);
        assert_false(said->known[user]); /* no user is in two portions */
        said->known[user] = true;
        said->in[user] = verdicts->in[code];
        said->depth[user] = verdicts->depth[code];
        said->rows[user] = groups->groups[code].rows;
    }
    return DF_FUNNEL_DONE;
}

struct world {
    struct fake_row rows[ROWS_MAX];
    int64_t integers[ROWS_MAX];
    double reals[ROWS_MAX];
    uint8_t valid[ROWS_MAX];
    struct fake_column columns[2];
    uint32_t count;
    bool ordered;
};

static int by_user(const void *a, const void *b)
{
    const struct fake_row *x = a, *y = b;
    return (x->user > y->user) - (x->user < y->user);
}

static void make_world(struct world *world)
{
    uint32_t users = 1 + below(USERS_MAX - 1);
    bool nobody = below(2), timeless = below(2);
    world->count = 1 + below(ROWS_MAX);
    world->ordered = below(2);
    for (uint32_t i = 0; i < world->count; i++) {
        world->rows[i] = (struct fake_row){.user = below(users),
                                           .no_user = nobody && below(10) == 0,
                                           .no_time = timeless && below(10) == 0,
                                           .time = below(40),
                                           .matches = below(1 << FILTERS)};
        world->integers[i] = (int64_t)below(9) - 4;
        world->reals[i] = (double)below(9) / 4 - 1;
        world->valid[i] = below(5) > 0;
    }
    if (world->ordered)
        qsort(world->rows, world->count, sizeof *world->rows, by_user);
    world->columns[0] = (struct fake_column){
        .type = {.kind = DF_TYPE_INT64, .bits = 64},
        .values = {.kind = DF_VECTOR_INT64, .valid = world->valid, .values.int64s = world->integers}};
    world->columns[1] = (struct fake_column){
        .type = {.kind = DF_TYPE_FLOAT, .bits = 64},
        .values = {.kind = DF_VECTOR_FLOAT64, .valid = world->valid, .values.float64s = world->reals}};
}

static void begin(struct fake_source *source, struct df_funnel_batch *first, struct df_error *error)
{
    assert_ok(source->base.begin(&source->base, DF_FUNNEL_FACTS, error), error);
    assert_int_equal(source->base.next(&source->base, first, error), 1);
    source->base.rows_expected = source->row_count;
}

static void say_plainly(struct fake_source *source, struct df_funnel_collector *collector, struct said *said,
                        struct df_error *error)
{
    struct df_funnel_verdicts verdicts;
    assert_int_equal(df_funnel_collect(collector, &source->base, NULL, error), DF_FUNNEL_DONE);
    assert_int_equal(df_funnel_judge(collector, DF_FUNNEL_SCALE_MS, NULL, &verdicts, error), DF_FUNNEL_DONE);
    note(said, &verdicts, &collector->groups, error);
    df_funnel_verdicts_dispose(&verdicts);
    df_funnel_collector_reset(collector);
}

/* The second reading's look at each row: its user's code, and the verdict on him. */
static void assert_rows(const struct world *world, const struct df_funnel_collector *collector,
                        const struct df_funnel_verdicts *all, const struct said *said)
{
    for (uint32_t i = 0; i < world->count; i++) {
        const struct fake_row *row = &world->rows[i];
        uint32_t code = collector->row_codes[i];
        if (row->no_user || (collector->pass_mask && !said->known[row->user])) {
            assert_int_equal(code, DF_FUNNEL_NO_GROUP);
            continue;
        }
        assert_true(code < all->user_count);
        assert_int_equal(all->in[code], said->in[row->user]);
        assert_int_equal(all->depth[code], said->depth[row->user]);
    }
}

static void check_portions(struct world *world, enum df_funnel_key_kind kind, enum df_funnel_way way, unsigned *judged)
{
    struct df_error error = {0};
    struct df_funnel_account account = {0};
    struct df_funnel_collector collector;
    struct df_funnel_batch first;
    struct ask ask;
    struct said plain = {0}, said = {0};
    struct fake_source *source = calloc(1, sizeof *source);
    assert_non_null(source);
    make_ask(&ask);
    fake_source_init(source, &ask.request, kind, world->rows, world->count, 1 + below(BATCH), world->columns);
    assert_ok(df_funnel_collector_init(&collector, &ask.request, kind, &account, &error), &error);
    if (way == DF_FUNNEL_BY_HASH && below(2)) {
        collector.pass_mask = 1;
        collector.pass_value = below(2);
    }
    say_plainly(source, &collector, &plain, &error);
    begin(source, &first, &error);
    struct df_funnel_portions portions = {
        .collector = &collector, .source = &source->base, .first = &first, .way = way, .each = note, .ctx = &said};
    int result = df_funnel_portions_judge(&portions, &error);
    assert_ok(result, &error);
    if (result == DF_FUNNEL_DONE) {
        assert_memory_equal(&plain, &said, sizeof said);
        if (ask.request.second_reading)
            assert_rows(world, &collector, &portions.all, &said);
        (*judged)++;
    } else {
        assert_int_equal(way, DF_FUNNEL_BY_ORDER); /* rows that are not in order */
        assert_false(world->ordered && kind != DF_FUNNEL_KEY_BYTES);
    }
    df_funnel_verdicts_dispose(&portions.all);
    df_funnel_collector_reset(&collector);
    assert_int_equal(collector.account.held_bytes, 0);
    df_funnel_collector_dispose(&collector);
    free(source);
}

static void test_portions_say_what_all_users_at_once_say(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    unsigned by_hash = 0, by_order = 0;
    (void)state;
    assert_non_null(world);
    for (int i = 0; i < 400; i++) {
        enum df_funnel_key_kind kind = (enum df_funnel_key_kind)(i % DF_FUNNEL_KEY_KINDS);
        make_world(world);
        check_portions(world, kind, DF_FUNNEL_BY_HASH, &by_hash);
        check_portions(world, kind, DF_FUNNEL_BY_ORDER, &by_order);
    }
    assert_int_equal(by_hash, 400);
    assert_true(by_order > 50);
    free(world);
}

int main(void)
{
    seed = test_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_the_users_in_every_way),
        cmocka_unit_test(test_slots_do_not_run_over),
        cmocka_unit_test(test_portions_say_what_all_users_at_once_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
