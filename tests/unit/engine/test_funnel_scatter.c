/* From files through the sections of an exchange to sources again: the rows that count, whole users, the same order. */
#include "engine/funnel/rows/scatter.h"
#include "engine/funnel/rows/source_section.h"
#include "unit/engine/rows_testing.h"
#include "worker/exchange.h"
#include "worker/spill.h"

enum { FILES = 3, ROWS = 14000 }; /* more than the floor of a window in one piece */

static const struct df_type int_type = {.kind = DF_TYPE_INT64, .bits = 64};
static const struct df_type string_type = {.kind = DF_TYPE_STRING};
static const struct df_type ms_type = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS};

struct world {
    char folder[128];
    struct df_store *store;
    struct df_budget budget;
    struct df_spill *spill;
    struct df_arena arena;
    struct df_funnel_request request;
    struct df_section_manifest *manifest;
    struct df_type user_type;
    struct test_row rows[FILES][ROWS];
    uint64_t hashes[FILES][ROWS];
    uint64_t scanned, without_group;
};

static int world_make(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct df_error error = {0};
    snprintf(world->folder, sizeof world->folder, "%s", test_folder_make());
    assert_ok(df_store_create(&world->store, &error), &error);
    assert_ok(df_spill_create(&world->spill, world->folder, &error), &error);
    df_budget_init(&world->budget, 0);
    *state = world;
    return 0;
}

static int world_free(void **state)
{
    struct world *world = *state;
    df_section_manifest_release(world->manifest);
    df_spill_release(world->spill);
    df_arena_dispose(&world->arena);
    df_store_free(world->store);
    assert_int_equal(world->budget.used_bytes, 0);
    test_folder_remove(world->folder);
    free(world);
    return 0;
}

static struct df_task make_task(struct world *world, struct df_task_exchange *exchange, uint32_t sections)
{
    return (struct df_task){.store = world->store,
                            .budget = &world->budget,
                            .deadline = df_deadline_never(),
                            .threads = 1,
                            .sections = sections,
                            .exchange = exchange};
}

static void scatter_file(struct world *world, uint32_t index, uint32_t sections, struct df_type time_type)
{
    char path[256];
    struct df_error error = {0};
    struct df_section_set *set;
    struct df_funnel_source_file file;
    snprintf(path, sizeof path, "%s/%u.parquet", world->folder, index);
    write_events(world->store, path, world->rows[index], ROWS, world->user_type, time_type, 500);
    struct df_part part = {.uri = path, .index = index};
    struct df_task_exchange exchange = {.part = &part, .spill = world->spill};
    struct df_task task = make_task(world, &exchange, sections);
    struct df_funnel_source_file_open open = {.task = &task, .part = &part, .request = &world->request};
    assert_ok(df_funnel_source_file_open(&file, &open, &error), &error);
    assert_ok(df_funnel_scatter(&file, &task, &part, &error), &error);
    world->scanned += file.source.rows_scanned;
    world->without_group += file.source.rows_without_group;
    df_funnel_source_file_dispose(&file);
    assert_ok(df_exchange_finish(&task, &set, &error), &error);
    assert_ok(df_section_manifest_put(world->manifest, index, set, &error), &error);
}

static uint64_t hash_of(const struct world *world, const struct test_row *row)
{
    char name[32];
    uint64_t hash;
    snprintf(name, sizeof name, "user-%" PRId64, row->user);
    struct df_slice text = df_slice_text(name);
    bool strings = world->user_type.kind == DF_TYPE_STRING;
    struct df_funnel_keys keys = {
        .kind = strings ? DF_FUNNEL_KEY_BYTES : DF_FUNNEL_KEY_INT64, .count = 1, .numbers = &row->user, .bytes = &text};
    df_funnel_keys_hash(&keys, &hash);
    return hash;
}

static void scatter_all(struct world *world, uint32_t sections, uint64_t *random)
{
    struct df_error error = {0};
    df_section_manifest_release(world->manifest);
    world->scanned = world->without_group = 0;
    assert_ok(df_section_manifest_create(&world->manifest, sections, &error), &error);
    for (uint32_t i = 0; i < FILES; i++) {
        random_rows(world->rows[i], ROWS, random);
        for (uint32_t row = 0; row < ROWS; row++)
            world->hashes[i][row] = hash_of(world, &world->rows[i][row]);
        scatter_file(world, i, sections, ms_type);
    }
}

/* ---- what should be there ---- */

struct expectation {
    const struct world *world;
    uint32_t section, sections;
    uint32_t file, row; /* the next */
};

static bool counts(const struct world *world, const struct test_row *row)
{
    const struct df_funnel_request *request = &world->request;
    bool inside = !request->from.given || (row->has_time && row->time >= (int64_t)request->from.amount);
    return row->has_user && inside && (request->where == DF_FUNNEL_NONE || row->event != 3);
}

static const struct test_row *expect(struct expectation *expectation)
{
    const struct world *world = expectation->world;
    for (; expectation->file < FILES; expectation->file++, expectation->row = 0)
        while (expectation->row < ROWS) {
            const struct test_row *row = &world->rows[expectation->file][expectation->row];
            uint64_t hash = world->hashes[expectation->file][expectation->row++];
            if (counts(world, row) && df_funnel_section_of(hash, expectation->sections) == expectation->section)
                return row;
        }
    return NULL;
}

static void assert_row(const struct world *world, const struct df_funnel_batch *batch, uint32_t i,
                       const struct test_row *row, bool facts)
{
    assert_non_null(row);
    if (batch->keys.kind == DF_FUNNEL_KEY_BYTES) {
        char name[32];
        snprintf(name, sizeof name, "user-%" PRId64, row->user);
        assert_slice_is(batch->keys.bytes[i], name);
    } else {
        assert_int_equal(batch->keys.numbers[i], row->user);
    }
    bool matched = row->event == 0 || row->event == 2, timed = world->request.all_times || (facts && matched);
    assert_int_equal(batch->times != NULL, facts || world->request.all_times);
    if (timed) {
        assert_int_equal(!batch->time_valid || batch->time_valid[i], row->has_time);
        if (row->has_time)
            assert_int_equal(batch->times[i], row->time);
    }
    if (world->request.column_count == 0)
        return;
    assert_int_equal(batch->values[0] != NULL, !facts);
    if (!facts) {
        assert_int_equal(!df_vector_is_null(batch->values[0], i), row->has_price);
        if (row->has_price)
            assert_true(batch->values[0]->values.float64s[i] == row->price);
        assert_slice_is(batch->values[1]->values.bytes[i], test_events[row->event]);
    }
}

static void assert_matches(struct df_funnel_source *source, const struct world *world,
                           const struct test_row *const *rows, uint32_t row_count)
{
    struct df_error error = {0};
    for (uint32_t step = 0; step < world->request.funnel.sequence.step_count; step++) {
        const uint32_t *matched;
        uint32_t count, at = 0;
        assert_ok(source->match(source, world->request.funnel.sequence.steps[step].filter, &matched, &count, &error),
                  &error);
        for (uint32_t i = 0; i < row_count; i++)
            if (rows[i]->event == step * 2)
                assert_true(at < count && matched[at++] == i);
        assert_int_equal(at, count);
    }
}

/* Steps are views (0) and purchases (2); the bits are asked for the other way round. */
static void assert_masks(struct df_funnel_source *source, const struct world *world, const struct test_row *const *rows,
                         uint32_t row_count)
{
    struct df_error error = {0};
    static uint8_t masks[DF_FUNNEL_ROWS_MAX];
    const struct df_funnel_step *steps = world->request.funnel.sequence.steps;
    const uint32_t filters[2] = {steps[1].filter, steps[0].filter};
    memset(masks, 0, row_count);
    assert_ok(source->masks(source, filters, 2, masks, &error), &error);
    for (uint32_t i = 0; i < row_count; i++)
        assert_int_equal(masks[i], rows[i]->event == 2 ? 1 : rows[i]->event == 0 ? 2 : 0);
}

static uint64_t assert_section(struct df_funnel_source_section *section, const struct world *world, uint32_t index,
                               uint32_t sections, enum df_funnel_reading reading)
{
    struct df_error error = {0};
    struct df_funnel_source *source = &section->source;
    struct df_funnel_batch batch;
    struct expectation expectation = {.world = world, .section = index, .sections = sections};
    static const struct test_row *rows[DF_FUNNEL_ROWS_MAX];
    uint64_t total = 0;
    int result;
    assert_ok(source->begin(source, reading, &error), &error);
    while ((result = source->next(source, &batch, &error)) > 0) {
        assert_int_equal(batch.first_row, total);
        for (uint32_t i = 0; i < batch.rows; i++) {
            rows[i] = expect(&expectation);
            assert_row(world, &batch, i, rows[i], reading == DF_FUNNEL_FACTS);
        }
        if (reading == DF_FUNNEL_FACTS) {
            assert_matches(source, world, rows, batch.rows);
            assert_masks(source, world, rows, batch.rows);
        }
        total += batch.rows;
    }
    assert_ok(result, &error);
    assert_null(expect(&expectation));
    assert_int_equal(source->rows_scanned, total);
    assert_int_equal(source->rows_expected, total);
    return total;
}

static uint64_t read_sections(struct world *world, uint32_t sections)
{
    struct df_error error = {0};
    struct df_funnel_source_section section;
    struct df_part part = {.uri = "", .range_begin = 0, .range_end = sections};
    struct df_task_exchange exchange = {.part = &part, .inputs = world->manifest};
    struct df_task task = make_task(world, &exchange, 0);
    uint64_t rows = 0;
    assert_ok(df_funnel_source_section_open(&section, &task, &part, &world->request, &error), &error);
    section.source.kind = world->user_type.kind == DF_TYPE_STRING ? DF_FUNNEL_KEY_BYTES : DF_FUNNEL_KEY_INT64;
    for (uint32_t i = 0; i < sections; i++) {
        df_funnel_source_section_at(&section, i);
        uint64_t facts = assert_section(&section, world, i, sections, DF_FUNNEL_FACTS);
        assert_int_equal(assert_section(&section, world, i, sections, DF_FUNNEL_VALUES), facts);
        assert_int_equal(assert_section(&section, world, i, sections, DF_FUNNEL_FACTS), facts);
        rows += facts;
    }
    if (world->request.column_count > 0)
        assert_int_equal(section.source.types[0].kind, DF_TYPE_FLOAT);
    assert_int_equal(section.source.scale, DF_FUNNEL_SCALE_MS);
    assert_true(section.source.scale_known);
    assert_int_equal(section.source.time_type.kind, DF_TYPE_TIMESTAMP);
    df_funnel_source_section_dispose(&section);
    return rows;
}

/* ---- the tests ---- */

#define STEPS "\"sequence\":[{\"filter\":[\"event\",\"==\",\"view\"]},{\"filter\":[\"event\",\"==\",\"buy\"]}]"
#define PRICES                                                                                                         \
    "\"query\":{\"aggregations\":[{\"column\":\"price\",\"type\":\"sum\"},"                                            \
    "{\"column\":\"event\",\"type\":\"countDistinct\"},{\"column\":\"user\",\"type\":\"countDistinct\"}]}"

static const char *const requests[] = {
    PRICES ",\"funnel\":{" STEPS "}", PRICES ",\"funnel\":{" STEPS ",\"order\":\"strict\"}",
    PRICES ",\"funnel\":{" STEPS "},\"where\":[\"event\",\"!=\",\"other\"],\"timeframe\":{\"from\":300}"};

/* Without columns; with users that are numbers these rows go in plain blocks. */
static const char *const plain_requests[] = {"\"funnel\":{" STEPS "}", "\"funnel\":{" STEPS ",\"order\":\"strict\"}",
                                             "\"funnel\":{" STEPS
                                             "},\"where\":[\"event\",\"!=\",\"other\"],\"timeframe\":{\"from\":300}"};

static void check(struct world *world, uint32_t sections, uint64_t *random)
{
    uint64_t counted = 0, without = 0;
    scatter_all(world, sections, random);
    for (uint32_t file = 0; file < FILES; file++)
        for (uint32_t i = 0; i < ROWS; i++) {
            struct test_row row = world->rows[file][i];
            counted += counts(world, &row);
            row.has_user = true;
            without += counts(world, &row) && !world->rows[file][i].has_user;
        }
    assert_int_equal(read_sections(world, sections), counted);
    assert_int_equal(world->without_group, without);
    if (world->request.where == DF_FUNNEL_NONE)
        assert_int_equal(world->scanned, FILES * ROWS);
}

static void test_rows_arrive_whole_and_in_order_and_both_readings_agree(void **state)
{
    struct world *world = *state;
    uint64_t random = test_seed();
    static const uint32_t sections[] = {1, 3, 64, 1000};
    for (size_t r = 0; r < sizeof requests / sizeof *requests; r++)
        for (int i = 0; i < 4; i++) {
            parse_request(&world->request, &world->arena, requests[r]);
            world->user_type = i % 2 ? string_type : int_type;
            check(world, sections[i], &random);
        }
}

static void test_rows_without_columns_arrive_the_same(void **state)
{
    struct world *world = *state;
    uint64_t random = test_seed();
    static const uint32_t sections[] = {1, 5, 64, 1000};
    for (size_t r = 0; r < sizeof plain_requests / sizeof *plain_requests; r++)
        for (int i = 0; i < 4; i++) {
            parse_request(&world->request, &world->arena, plain_requests[r]);
            assert_int_equal(world->request.column_count, 0);
            world->user_type = i == 1 ? string_type : int_type;
            check(world, sections[i], &random);
        }
}

/* Somebody else holds most of the half that sections may have: they go to disk. */
static void test_little_memory_changes_nothing_without_columns(void **state)
{
    struct world *world = *state;
    uint64_t random = test_seed();
    bool spilled = false;
    df_budget_init(&world->budget, 1536 * 1024);
    df_budget_force(&world->budget, 640 * 1024);
    world->user_type = int_type;
    for (size_t r = 0; r < sizeof plain_requests / sizeof *plain_requests; r++) {
        parse_request(&world->request, &world->arena, plain_requests[r]);
        check(world, r ? 2 : 300, &random);
        spilled |= df_section_set_spilled(df_section_manifest_set(world->manifest, 2));
    }
    assert_true(spilled);
    df_budget_give(&world->budget, 640 * 1024);
}

/* 1 MB for everything: sections go to disk. */
static void test_little_memory_changes_nothing(void **state)
{
    struct world *world = *state;
    uint64_t random = test_seed();
    df_budget_init(&world->budget, 1024 * 1024);
    world->user_type = string_type;
    for (size_t r = 0; r < sizeof requests / sizeof *requests; r++) {
        parse_request(&world->request, &world->arena, requests[r]);
        check(world, 2, &random);
        assert_true(r == 2 || df_section_set_spilled(df_section_manifest_set(world->manifest, 2)));
    }
}

/* Somebody else holds all of the memory: a window takes its floor and the section is read again for what is behind. */
static void test_a_section_larger_than_memory_is_read_piece_by_piece(void **state)
{
    struct world *world = *state;
    uint64_t random = test_seed();
    parse_request(&world->request, &world->arena, requests[1]);
    world->user_type = string_type;
    scatter_all(world, 1, &random);
    assert_true(df_section_manifest_bytes(world->manifest) > 3 * 300 * 1024);
    uint64_t before = world->budget.used_bytes;
    world->budget.limit_bytes = before;
    world->budget.peak_bytes = before;
    assert_true(read_sections(world, 1) > 0);
    assert_in_range(world->budget.peak_bytes - before, 1, 300 * 1024);
    assert_int_equal(world->budget.used_bytes, before);
    world->budget.limit_bytes = 0;
}

static void test_files_of_different_times_are_refused_by_name(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct df_funnel_source_section section;
    uint64_t random = 3;
    parse_request(&world->request, &world->arena, requests[0]);
    world->user_type = int_type;
    assert_ok(df_section_manifest_create(&world->manifest, 1, &error), &error);
    for (uint32_t i = 0; i < 2; i++) {
        random_rows(world->rows[i], ROWS, &random);
        scatter_file(world, i, 1, i ? (struct df_type){.kind = DF_TYPE_DATE} : ms_type);
    }
    struct df_part part = {.uri = "", .range_begin = 0, .range_end = 1};
    struct df_task_exchange exchange = {.part = &part, .inputs = world->manifest};
    struct df_task task = make_task(world, &exchange, 0);
    assert_ok(df_funnel_source_section_open(&section, &task, &part, &world->request, &error), &error);
    assert_fails(section.source.begin(&section.source, DF_FUNNEL_FACTS, &error), &error, DF_ERROR_INVALID,
                 "column 'time' is a timestamp in ms in one file and a date in another");
    section.source.kind = DF_FUNNEL_KEY_BYTES;
    df_funnel_source_section_dispose(&section);
}

static void test_users_of_another_kind_than_announced_are_corrupt(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct df_funnel_source_section section;
    uint64_t random = 3;
    parse_request(&world->request, &world->arena, requests[0]);
    world->user_type = string_type;
    scatter_all(world, 1, &random);
    struct df_part part = {.uri = "", .range_begin = 0, .range_end = 1};
    struct df_task_exchange exchange = {.part = &part, .inputs = world->manifest};
    struct df_task task = make_task(world, &exchange, 0);
    assert_ok(df_funnel_source_section_open(&section, &task, &part, &world->request, &error), &error);
    assert_fails(section.source.begin(&section.source, DF_FUNNEL_FACTS, &error), &error, DF_ERROR_CORRUPT,
                 "its users are a string, expected an integer");
    df_funnel_source_section_dispose(&section);
}

static void test_a_cancelled_task_stops_reading(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct df_funnel_batch batch;
    struct df_funnel_source_section section;
    uint64_t random = 3;
    atomic_bool cancelled = false;
    parse_request(&world->request, &world->arena, requests[0]);
    world->user_type = int_type;
    scatter_all(world, 1, &random);
    struct df_part part = {.uri = "", .range_begin = 0, .range_end = 1};
    struct df_task_exchange exchange = {.part = &part, .inputs = world->manifest};
    struct df_task task = make_task(world, &exchange, 0);
    task.cancelled = &cancelled;
    assert_ok(df_funnel_source_section_open(&section, &task, &part, &world->request, &error), &error);
    assert_ok(section.source.begin(&section.source, DF_FUNNEL_FACTS, &error), &error);
    cancelled = true;
    assert_fails(section.source.next(&section.source, &batch, &error), &error, DF_ERROR_CANCELLED, "");
    df_funnel_source_section_at(&section, 0);
    assert_fails(section.source.begin(&section.source, DF_FUNNEL_FACTS, &error), &error, DF_ERROR_CANCELLED, "");
    df_funnel_source_section_dispose(&section);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_arrive_whole_and_in_order_and_both_readings_agree, world_make,
                                        world_free),
        cmocka_unit_test_setup_teardown(test_rows_without_columns_arrive_the_same, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_little_memory_changes_nothing, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_little_memory_changes_nothing_without_columns, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_a_section_larger_than_memory_is_read_piece_by_piece, world_make,
                                        world_free),
        cmocka_unit_test_setup_teardown(test_files_of_different_times_are_refused_by_name, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_users_of_another_kind_than_announced_are_corrupt, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_a_cancelled_task_stops_reading, world_make, world_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
