/* Which rows of a row group are left when its indexes have been looked at; and that every reading gets the same ones.
 */
#include "engine/funnel/rows/skip.h"
#include "engine/funnel/rows/source_file.h"
#include "unit/engine/rows_testing.h"

enum { ROWS = 40960, GROUP_ROWS = 8192 };

struct world {
    char folder[128], path[256];
    struct df_store *store;
    struct df_arena arena;
    struct df_budget budget;
    struct df_task task;
    struct df_part part;
    struct df_funnel_request request;
    struct df_funnel_source_file file;
    int64_t *users, *times;
    double *prices;
    struct df_slice *events;
};

/* Times ascend a little untidily, users and prices are random, events are one of three. */
static void make_rows(struct world *world, uint64_t *random)
{
    static const char *const events[] = {"view", "cart", "buy"};
    world->users = df_arena_array(&world->arena, ROWS, sizeof *world->users);
    world->times = df_arena_array(&world->arena, ROWS, sizeof *world->times);
    world->prices = df_arena_array(&world->arena, ROWS, sizeof *world->prices);
    world->events = df_arena_array(&world->arena, ROWS, sizeof *world->events);
    for (uint32_t i = 0; i < ROWS; i++) {
        world->users[i] = (int64_t)test_random(random);
        world->times[i] = (int64_t)i * 10 + (int64_t)(test_random(random) % 100);
        world->prices[i] = (double)(test_random(random) % 1000000) / 1000;
        world->events[i] = df_slice_text(events[test_random(random) % 3]);
    }
}

static void write_rows(struct world *world)
{
    const struct test_column columns[] = {
        {"event", {.kind = DF_TYPE_STRING}, {.kind = DF_VECTOR_BYTES, .values = {.bytes = world->events}}},
        {"user", {.kind = DF_TYPE_INT64, .bits = 64}, {.kind = DF_VECTOR_INT64, .values = {.int64s = world->users}}},
        {"wide", {.kind = DF_TYPE_INT64, .bits = 64}, {.kind = DF_VECTOR_INT64, .values = {.int64s = world->users}}},
        {"time", {.kind = DF_TYPE_INT64, .bits = 64}, {.kind = DF_VECTOR_INT64, .values = {.int64s = world->times}}},
        {"other", {.kind = DF_TYPE_INT64, .bits = 64}, {.kind = DF_VECTOR_INT64, .values = {.int64s = world->users}}},
        {"price",
         {.kind = DF_TYPE_FLOAT, .bits = 64},
         {.kind = DF_VECTOR_FLOAT64, .values = {.float64s = world->prices}}},
    };
    struct test_column sized[6];
    for (size_t i = 0; i < 6; i++) {
        sized[i] = columns[i];
        sized[i].vector.row_count = ROWS;
    }
    snprintf(world->path, sizeof world->path, "%s/rows.parquet", world->folder);
    write_table(world->store, world->path, sized, 6, ROWS, GROUP_ROWS);
}

static int world_make(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct df_error error = {0};
    uint64_t random = test_seed();
    snprintf(world->folder, sizeof world->folder, "%s", test_folder_make());
    assert_ok(df_store_create(&world->store, &error), &error);
    world->task = (struct df_task){
        .store = world->store, .budget = &world->budget, .deadline = df_deadline_never(), .threads = 1};
    df_budget_init(&world->budget, 0);
    make_rows(world, &random);
    write_rows(world);
    *state = world;
    return 0;
}

static int world_free(void **state)
{
    struct world *world = *state;
    df_arena_dispose(&world->arena);
    df_store_free(world->store);
    test_folder_remove(world->folder);
    free(world);
    return 0;
}

static int open_source(struct world *world, const char *rest, struct df_error *error)
{
    parse_request(&world->request, &world->arena, rest);
    world->part = (struct df_part){.uri = world->path};
    const struct df_funnel_source_file_open open = {
        .task = &world->task, .part = &world->part, .request = &world->request, .unit_known = true, .unit = DF_TIME_MS};
    return df_funnel_source_file_open(&world->file, &open, error);
}

/* What a reading gives: how many rows, how many of them count, and a number that another order would change. */
struct told {
    uint64_t rows, counted, sum;
};

static int tell(struct df_funnel_source *source, enum df_funnel_reading reading, struct told *told,
                struct df_error *error)
{
    struct df_funnel_batch batch;
    int result;
    *told = (struct told){0};
    if (source->begin(source, reading, error) < 0)
        return -1;
    while ((result = source->next(source, &batch, error)) > 0) {
        assert_int_equal(batch.first_row, told->rows);
        told->rows += batch.rows;
        for (uint32_t i = 0; i < batch.rows; i++) {
            bool counts = !batch.keys.valid || batch.keys.valid[i];
            told->counted += counts;
            if (counts)
                told->sum = told->sum * 31 + (uint64_t)batch.keys.numbers[i] * (batch.first_row + i + 1);
        }
    }
    return result;
}

#define FUNNEL                                                                                                         \
    "\"funnel\":{\"sequence\":[{\"filter\":[\"event\",\"==\",\"view\"]}],\"stepAggregations\":[{\"column\":\"price\"," \
    "\"type\":\"sum\"}]}"
#define SOME "\"timeframe\":{\"from\":100000,\"to\":130000},\"where\":[\"price\",\">=\",500]," FUNNEL

static uint64_t some_rows(const struct world *world)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < ROWS; i++)
        count += world->times[i] >= 100000 && world->times[i] < 130000 && world->prices[i] >= 500;
    return count;
}

static void test_pages_outside_the_timeframe_are_not_read(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct told told, plain;
    assert_ok(open_source(world, SOME, &error), &error);
    assert_ok(tell(&world->file.source, DF_FUNNEL_FACTS, &told, &error), &error);
    uint64_t bytes = world->file.bytes_read;
    assert_true(told.rows > 3000 && told.rows < GROUP_ROWS);
    assert_int_equal(told.counted, some_rows(world));
    assert_int_equal(world->file.row_groups_read, 1); /* 10,000 to 13,000 lie in the second */
    assert_int_equal(world->file.row_groups_skipped, 4);
    assert_true(world->file.skips.pages_skipped > world->file.skips.pages_read);
    df_funnel_source_file_dispose(&world->file);
    assert_ok(open_source(world, SOME ",\"without\":[\"pages\"]", &error), &error);
    assert_ok(tell(&world->file.source, DF_FUNNEL_FACTS, &plain, &error), &error);
    assert_int_equal(plain.rows, GROUP_ROWS);
    assert_int_equal(plain.counted, told.counted);
    assert_int_equal(world->file.skips.pages_skipped, 0);
    assert_true(world->file.bytes_read > bytes);
    df_funnel_source_file_dispose(&world->file);
}

/* However often, and in whatever way the file is read. */
static void test_all_readings_have_the_same_rows(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct told first, told;
    assert_ok(open_source(world, SOME, &error), &error);
    assert_ok(tell(&world->file.source, DF_FUNNEL_FACTS, &first, &error), &error);
    static const enum df_funnel_reading readings[] = {DF_FUNNEL_VALUES, DF_FUNNEL_FACTS, DF_FUNNEL_FACTS_AND_VALUES};
    const struct df_funnel_skip_counts skips = world->file.skips;
    for (size_t i = 0; i < 3; i++) {
        assert_ok(tell(&world->file.source, readings[i], &told, &error), &error);
        assert_int_equal(told.rows, first.rows);
        assert_int_equal(told.counted, first.counted);
        assert_int_equal(told.sum, first.sum);
        assert_memory_equal(&world->file.skips, &skips, sizeof skips); /* nothing is decided twice */
    }
    df_funnel_source_file_dispose(&world->file);
}

/* With less and less memory a reading fails as exhausted, or has the rows that count: never others, never some. */
static void test_short_memory_never_changes_what_counts(void **state)
{
    struct world *world = *state;
    uint64_t expected = some_rows(world);
    unsigned read = 0, failed = 0;
    for (uint64_t limit = 4096; limit < 2 * 1024 * 1024; limit += limit / 16) {
        struct df_error error = {0};
        struct told first, second;
        df_budget_init(&world->budget, limit);
        int result = open_source(world, SOME, &error);
        if (result == 0)
            result = tell(&world->file.source, DF_FUNNEL_FACTS, &first, &error);
        if (result == 0) {
            assert_int_equal(first.counted, expected);
            result = tell(&world->file.source, DF_FUNNEL_VALUES, &second, &error);
        }
        if (result == 0)
            assert_true(second.rows == first.rows && second.sum == first.sum);
        else
            assert_int_equal(error.kind, DF_ERROR_EXHAUSTED);
        read += result == 0;
        failed += result < 0;
        df_funnel_source_file_dispose(&world->file);
        assert_int_equal(world->budget.used_bytes, 0);
    }
    df_budget_init(&world->budget, 0);
    assert_true(read > 10 && failed > 10);
}

/* Pages of random prices have no bounds worth reading: after four row groups nobody asks for them any more. */
static void test_looks_that_never_help_are_given_up(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct told told;
    assert_ok(open_source(world, "\"where\":{\"and\":[[\"price\",\">\",400],[\"price\",\"<\",400.5]]}," FUNNEL, &error),
              &error);
    assert_ok(tell(&world->file.source, DF_FUNNEL_FACTS, &told, &error), &error);
    uint64_t pages = world->file.skips.pages_read;
    assert_int_equal(told.rows, ROWS);
    assert_int_equal(world->file.row_groups_read, ROWS / GROUP_ROWS);
    assert_int_equal(world->file.skips.pages_skipped, 0);
    /* 512 doubles fill a page of 4096 bytes; of five row groups the last is not looked at. */
    assert_in_range(pages, 4 * GROUP_ROWS / 512, 5 * GROUP_ROWS / 512 - 1);
    df_funnel_source_file_dispose(&world->file);
}

/* A dictionary of three events settles what is none of them, whatever the test; nobody asks when it could not help. */
static void test_dictionaries_are_read_only_where_they_could_help(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *where;
        uint64_t skipped;
        bool looks;
    } cases[] = {
        {"[\"event\",\"==\",\"cat\"]", ROWS / GROUP_ROWS, true},
        {"[\"event\",\"regex\",\"^c.t$\"]", ROWS / GROUP_ROWS, true},
        {"{\"or\":[[\"event\",\"==\",\"cat\"],[\"event\",\"contains\",\"og\"]]}", ROWS / GROUP_ROWS, true},
        {"[\"event\",\"==\",\"cart\"]", 0, true},
        {"[\"event\",\"!=\",\"cat\"]", 0, false},
        {"{\"or\":[[\"event\",\"==\",\"cat\"],[\"other\",\">\",0]]}", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_error error = {0};
        struct df_buf rest = {0};
        const struct df_funnel_kept *kept;
        df_buf_printf(&rest, "\"where\":%s," FUNNEL, cases[i].where);
        assert_ok(open_source(world, df_buf_text(&rest), &error), &error);
        uint64_t before = world->file.bytes_read, skipped = 0;
        for (uint32_t group = 0; group < ROWS / GROUP_ROWS; group++) {
            assert_ok(df_funnel_skip_decide(&world->file, group, &kept, &error), &error);
            skipped += kept->none;
        }
        assert_int_equal(skipped, cases[i].skipped);
        assert_int_equal(world->file.skips.by_dictionary, cases[i].skipped);
        assert_int_equal(world->file.bytes_read > before, cases[i].looks);
        df_funnel_source_file_dispose(&world->file);
        df_buf_dispose(&rest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages_outside_the_timeframe_are_not_read, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_all_readings_have_the_same_rows, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_short_memory_never_changes_what_counts, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_looks_that_never_help_are_given_up, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_dictionaries_are_read_only_where_they_could_help, world_make, world_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
