/* A file as a source: which rows count, what matches, what is skipped, and that both readings agree. */
#include "base/hash.h"
#include "engine/funnel/rows/batch.h"
#include "engine/funnel/rows/skip.h"
#include "engine/funnel/rows/source_file.h"
#include "unit/engine/rows_testing.h"

static const struct df_type int_type = {.kind = DF_TYPE_INT64, .bits = 64};
static const struct df_type string_type = {.kind = DF_TYPE_STRING};
static const struct df_type ms_type = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS};

struct world {
    char folder[128];
    struct df_store *store;
    struct df_arena arena;
    struct df_funnel_request request;
    struct df_task task;
    struct df_part part;
    char path[256];
    struct df_funnel_source_file file;
};

static int world_make(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct df_error error = {0};
    snprintf(world->folder, sizeof world->folder, "%s", test_folder_make());
    assert_ok(df_store_create(&world->store, &error), &error);
    world->task = (struct df_task){.store = world->store, .deadline = df_deadline_never(), .threads = 1};
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

static int try_open(struct world *world, const char *rest, struct df_error *error)
{
    parse_request(&world->request, &world->arena, rest);
    world->part = (struct df_part){.uri = world->path};
    struct df_funnel_source_file_open open = {
        .task = &world->task, .part = &world->part, .request = &world->request, .unit_known = true, .unit = DF_TIME_MS};
    return df_funnel_source_file_open(&world->file, &open, error);
}

static void open_source(struct world *world, const char *rest)
{
    struct df_error error = {0};
    assert_ok(try_open(world, rest, &error), &error);
}

static void write_at(struct world *world, const char *name, const struct test_row *rows, uint32_t n,
                     struct df_type user, struct df_type time)
{
    snprintf(world->path, sizeof world->path, "%s/%s", world->folder, name);
    write_events(world->store, world->path, rows, n, user, time, 64);
}

/* What a reading told of each ordinal. */
enum { ROWS = 3000 };
struct told {
    uint32_t rows;
    bool counts[ROWS], timed[ROWS], priced[ROWS];
    bool matches[4][ROWS];
    char users[ROWS][24];
    int64_t times[ROWS];
    double prices[ROWS];
    uint64_t scanned, without_group;
};

static void tell_values(const struct df_vector *prices, uint32_t i, uint32_t at, struct told *told)
{
    told->priced[at] = !df_vector_is_null(prices, i);
    if (!told->priced[at])
        return;
    struct df_vector plain = behind_codes(prices, &i);
    told->prices[at] = plain.values.float64s[i];
}

static void tell_batch(const struct df_funnel_batch *batch, struct told *told)
{
    assert_int_equal(batch->first_row, told->rows);
    assert_true(told->rows + batch->rows <= ROWS);
    for (uint32_t i = 0; i < batch->rows; i++) {
        uint32_t at = told->rows + i;
        told->counts[at] = batch->keys.count && (!batch->keys.valid || batch->keys.valid[i]);
        if (told->counts[at] && batch->keys.kind == DF_FUNNEL_KEY_BYTES)
            snprintf(told->users[at], sizeof *told->users, "%.*s", DF_SLICE_ARG(batch->keys.bytes[i]));
        else if (told->counts[at])
            snprintf(told->users[at], sizeof *told->users, "user-%" PRId64, batch->keys.numbers[i]);
        told->timed[at] = batch->times && (!batch->time_valid || batch->time_valid[i]);
        told->times[at] = told->timed[at] ? batch->times[i] : 0;
        if (batch->values[0])
            tell_values(batch->values[0], i, at, told);
    }
}

static void tell(struct df_funnel_source *source, enum df_funnel_reading reading, struct told *told)
{
    struct df_error error = {0};
    struct df_funnel_batch batch;
    int result;
    memset(told, 0, sizeof *told);
    assert_ok(source->begin(source, reading, &error), &error);
    while ((result = source->next(source, &batch, &error)) > 0) {
        tell_batch(&batch, told);
        for (uint32_t root = 0; reading != DF_FUNNEL_VALUES && root < source->request->filters.root_count; root++) {
            const uint32_t *rows;
            uint32_t count;
            assert_ok(source->match(source, root, &rows, &count, &error), &error);
            for (uint32_t i = 0; i < count; i++)
                told->matches[root][told->rows + rows[i]] = true;
            for (uint32_t i = 1; i < count; i++)
                assert_true(rows[i] > rows[i - 1]);
        }
        told->rows += batch.rows;
    }
    assert_ok(result, &error);
    told->scanned = source->rows_scanned;
    told->without_group = source->rows_without_group;
    assert_int_equal(told->scanned, told->rows);
}

#define VIEW_BUY                                                                                                       \
    "\"funnel\":{\"sequence\":[{\"filter\":[\"event\",\"==\",\"view\"]},{\"filter\":[\"event\",\"==\",\"buy\"]}]}"
#define PRICES "\"query\":{\"aggregations\":[{\"column\":\"price\",\"type\":\"sum\"}]}"

static void test_rows_count_and_match_as_told(void **state)
{
    struct world *world = *state;
    static struct test_row rows[ROWS];
    static struct told told;
    uint64_t random = test_seed();
    for (int strings = 0; strings < 2; strings++) {
        random_rows(rows, ROWS, &random);
        write_at(world, "a.parquet", rows, ROWS, strings ? string_type : int_type, ms_type);
        open_source(world, VIEW_BUY);
        tell(&world->file.source, DF_FUNNEL_FACTS, &told);
        uint64_t without = 0;
        assert_int_equal(told.rows, ROWS);
        for (uint32_t i = 0; i < ROWS; i++) {
            char user[24];
            snprintf(user, sizeof user, "user-%" PRId64, rows[i].user);
            without += !rows[i].has_user;
            assert_int_equal(told.counts[i], rows[i].has_user);
            if (told.counts[i])
                assert_string_equal(told.users[i], user);
            assert_int_equal(told.timed[i], rows[i].has_time);
            assert_int_equal(told.times[i], rows[i].has_time ? rows[i].time : 0);
            assert_int_equal(told.matches[0][i], rows[i].has_user && rows[i].event == 0);
            assert_int_equal(told.matches[1][i], rows[i].has_user && rows[i].event == 2);
        }
        assert_int_equal(told.without_group, without);
        assert_int_equal(world->file.source.kind, strings ? DF_FUNNEL_KEY_BYTES : DF_FUNNEL_KEY_INT64);
        df_funnel_source_file_dispose(&world->file);
    }
}

/* Rows of skipped row groups are not there; `at` walks over the others. */
static void assert_some_rows_count(const struct told *told, const struct test_row *rows, uint32_t n,
                                   bool (*counts)(const struct test_row *))
{
    uint32_t counted = 0, expected = 0;
    uint64_t without = 0;
    for (uint32_t i = 0; i < told->rows; i++)
        counted += told->counts[i];
    for (uint32_t i = 0; i < n; i++) {
        expected += rows[i].has_user && counts(&rows[i]);
        without += !rows[i].has_user && counts(&rows[i]);
    }
    assert_int_equal(counted, expected);
    assert_int_equal(told->without_group, without);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!rows[i].has_user || !counts(&rows[i]))
            continue;
        while (!told->counts[at])
            at++;
        assert_int_equal(told->times[at], rows[i].time);
        assert_int_equal(told->matches[0][at++], rows[i].event == 0);
    }
}

static bool in_timeframe(const struct test_row *row)
{
    return row->has_time && row->time >= 500 && row->time < 900;
}

static void test_rows_outside_the_timeframe_do_not_count_and_their_row_groups_are_skipped(void **state)
{
    struct world *world = *state;
    static struct test_row rows[ROWS];
    static struct told told;
    uint64_t random = test_seed();
    random_rows(rows, ROWS, &random);
    write_at(world, "a.parquet", rows, ROWS, int_type, ms_type);
    open_source(world, "\"timeframe\":{\"from\":500,\"to\":900}," VIEW_BUY);
    tell(&world->file.source, DF_FUNNEL_FACTS, &told);
    assert_some_rows_count(&told, rows, ROWS, in_timeframe);
    assert_true(world->file.row_groups_skipped > 30);
    assert_int_equal(world->file.row_groups_skipped + world->file.row_groups_read, (ROWS + 63) / 64);
    df_funnel_source_file_dispose(&world->file);
}

static bool is_cheap_view(const struct test_row *row)
{
    return row->has_price && row->price < 2 && row->has_time && row->time >= 1000;
}

static void test_rows_that_fail_where_do_not_count_and_their_row_groups_are_skipped(void **state)
{
    struct world *world = *state;
    static struct test_row rows[ROWS];
    static struct told told;
    uint64_t random = test_seed();
    random_rows(rows, ROWS, &random);
    write_at(world, "a.parquet", rows, ROWS, int_type, ms_type);
    open_source(world, VIEW_BUY ",\"where\":{\"and\":[[\"price\",\"<\",2],[\"time\",\">=\",1000]]}");
    tell(&world->file.source, DF_FUNNEL_FACTS, &told);
    /* Roots are numbered in the order of the request's members; `where` is told apart by its index. */
    uint32_t where = world->request.where, view = world->request.funnel.sequence.steps[0].filter;
    for (uint32_t i = 0; i < told.rows; i++)
        assert_int_equal(told.matches[where][i], told.counts[i]);
    memcpy(told.matches[0], told.matches[view], sizeof told.matches[0]);
    assert_some_rows_count(&told, rows, ROWS, is_cheap_view);
    assert_true(world->file.row_groups_skipped >= 14);
    df_funnel_source_file_dispose(&world->file);
}

static void test_both_readings_have_the_same_rows_in_the_same_order(void **state)
{
    struct world *world = *state;
    static struct test_row rows[ROWS];
    static struct told facts, values;
    uint64_t random = test_seed();
    random_rows(rows, ROWS, &random);
    write_at(world, "a.parquet", rows, ROWS, string_type, ms_type);
    open_source(world, "\"timeframe\":{\"from\":700}," PRICES "," VIEW_BUY ",\"where\":[\"event\",\"!=\",\"other\"]");
    tell(&world->file.source, DF_FUNNEL_FACTS, &facts);
    tell(&world->file.source, DF_FUNNEL_VALUES, &values);
    assert_int_equal(facts.rows, values.rows);
    assert_int_equal(facts.without_group, values.without_group);
    uint32_t at = 0;
    for (uint32_t i = 0; i < facts.rows; i++) {
        assert_int_equal(facts.counts[i], values.counts[i]);
        assert_string_equal(facts.users[i], values.users[i]);
        if (!facts.counts[i])
            continue;
        assert_false(values.timed[i]); /* nobody asked for all times */
        while (!(rows[at].has_user && rows[at].has_time && rows[at].time >= 700 && rows[at].event != 3))
            at++;
        assert_int_equal(values.priced[i], rows[at].has_price);
        if (values.priced[i])
            assert_true(values.prices[i] == rows[at].price);
        assert_false(facts.priced[i]);
        at++;
    }
    df_funnel_source_file_dispose(&world->file);
}

static void test_a_reader_that_knows_all_rows_reads_values_only(void **state)
{
    struct world *world = *state;
    static struct test_row rows[ROWS];
    static struct told told, again;
    uint64_t random = 7;
    random_rows(rows, ROWS, &random);
    write_at(world, "a.parquet", rows, ROWS, int_type, ms_type);
    open_source(world, "\"timeframe\":{\"from\":700}," PRICES ",\"where\":[\"event\",\"!=\",\"other\"]");
    tell(&world->file.source, DF_FUNNEL_VALUES, &told);
    uint64_t with_users = world->file.bytes_read;
    world->file.source.want_keys = false;
    tell(&world->file.source, DF_FUNNEL_VALUES, &again);
    assert_true(world->file.bytes_read - with_users < with_users / 2);
    assert_int_equal(again.rows, told.rows);
    for (uint32_t i = 0; i < told.rows; i++) {
        assert_false(again.counts[i]);
        assert_int_equal(again.priced[i], told.priced[i]);
        assert_true(again.prices[i] == told.prices[i]);
    }
    df_funnel_source_file_dispose(&world->file);
}

static void test_sessions_want_the_times_of_all_rows_in_both_readings(void **state)
{
    struct world *world = *state;
    static struct test_row rows[ROWS];
    static struct told told;
    uint64_t random = 9;
    random_rows(rows, 100, &random);
    write_at(world, "a.parquet", rows, 100, int_type, ms_type);
    open_source(world,
                PRICES ",\"funnel\":{\"sessionGap\":\"30m\",\"sequence\":[{\"filter\":[\"event\",\"==\",\"view\"]}]}");
    assert_true(world->request.all_times);
    for (int reading = DF_FUNNEL_FACTS; reading <= DF_FUNNEL_VALUES; reading++) {
        tell(&world->file.source, (enum df_funnel_reading)reading, &told);
        for (uint32_t i = 0; i < 100; i++)
            assert_int_equal(told.timed[i], rows[i].has_time);
    }
    df_funnel_source_file_dispose(&world->file);
}

static void test_times_of_every_type_keep_their_order_and_their_bounds(void **state)
{
    struct world *world = *state;
    static struct test_row rows[64];
    static struct told told;
    static const struct {
        struct df_type type;
        enum df_funnel_scale scale;
        bool turned;
    } cases[] = {{{.kind = DF_TYPE_INT64, .bits = 32}, DF_FUNNEL_SCALE_MS, false},
                 {{.kind = DF_TYPE_INT64, .bits = 64}, DF_FUNNEL_SCALE_MS, false},
                 {{.kind = DF_TYPE_UINT64, .bits = 64}, DF_FUNNEL_SCALE_MS, true},
                 {{.kind = DF_TYPE_DATE}, DF_FUNNEL_SCALE_DAY, false},
                 {{.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_NS}, DF_FUNNEL_SCALE_NS, false},
                 {{.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_US}, DF_FUNNEL_SCALE_US, false},
                 {{.kind = DF_TYPE_FLOAT, .bits = 64}, DF_FUNNEL_SCALE_US, false}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (uint32_t i = 0; i < 64; i++)
            rows[i] = (struct test_row){.has_user = true, .has_time = i % 5 != 0, .user = 1, .time = i};
        write_at(world, "a.parquet", rows, 64, int_type, cases[c].type);
        open_source(world, "\"timeframe\":{\"from\":10,\"to\":20}," VIEW_BUY);
        assert_int_equal(world->file.source.scale, cases[c].scale);
        assert_true(world->file.source.scale_known);
        assert_int_equal(world->file.source.times_turned, cases[c].turned);
        tell(&world->file.source, DF_FUNNEL_FACTS, &told);
        assert_int_equal(told.rows, 64);
        for (uint32_t i = 0; i < 64; i++) {
            int64_t shift = cases[c].turned ? INT64_MIN : 0;
            assert_int_equal(told.counts[i], i >= 10 && i < 20 && i % 5 != 0);
            assert_int_equal(told.timed[i], i % 5 != 0);
            if (told.timed[i])
                assert_int_equal(told.times[i], shift + (int64_t)i);
        }
        df_funnel_source_file_dispose(&world->file);
    }
}

static bool skips(struct world *world, const char *timeframe)
{
    char rest[400];
    snprintf(rest, sizeof rest, "\"timeframe\":{%s}," VIEW_BUY, timeframe);
    open_source(world, rest);
    bool skipped = df_funnel_skip_by_statistics(&world->file, 0);
    df_funnel_source_file_dispose(&world->file);
    return skipped;
}

static void test_bounds_of_times_of_every_type_decide_what_is_skipped(void **state)
{
    struct world *world = *state;
    static struct test_row rows[64];
    static const struct df_type types[] = {{.kind = DF_TYPE_INT64, .bits = 32},
                                           {.kind = DF_TYPE_UINT64, .bits = 64},
                                           {.kind = DF_TYPE_DATE},
                                           {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_NS},
                                           {.kind = DF_TYPE_FLOAT, .bits = 64}};
    for (uint32_t i = 0; i < 64; i++) /* times 1 to 63 */
        rows[i] = (struct test_row){.has_user = true, .has_time = i % 5 != 0, .user = 1, .time = i};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        write_at(world, "a.parquet", rows, 64, int_type, types[t]);
        assert_false(skips(world, "\"from\":63"));
        assert_true(skips(world, "\"from\":64"));
        assert_false(skips(world, "\"to\":2"));
        assert_true(skips(world, "\"to\":1"));
        assert_true(skips(world, "\"from\":100,\"to\":200"));
    }
    for (uint32_t i = 0; i < 64; i++)
        rows[i].has_time = false;
    write_at(world, "a.parquet", rows, 64, int_type, ms_type);
    assert_true(skips(world, "\"from\":1")); /* rows without time lie in no timeframe */
}

static void test_timeframes_with_a_unit_need_that_of_the_times(void **state)
{
    struct world *world = *state;
    static struct test_row rows[10];
    struct df_error error = {0};
    rows[0] = (struct test_row){.has_user = true, .has_time = true};
    write_at(world, "a.parquet", rows, 10, int_type, int_type);
    parse_request(&world->request, &world->arena, "\"timeframe\":{\"from\":\"2015-05-03\"}," VIEW_BUY);
    world->part = (struct df_part){.uri = world->path};
    struct df_funnel_source_file_open open = {.task = &world->task, .part = &world->part, .request = &world->request};
    assert_ok(df_funnel_source_file_open(&world->file, &open, &error), &error); /* a footer may be looked at */
    assert_false(world->file.source.scale_known);
    assert_false(df_funnel_skip_by_statistics(&world->file, 0));
    assert_fails(world->file.source.begin(&world->file.source, DF_FUNNEL_FACTS, &error), &error, DF_ERROR_INTERNAL,
                 "unit of the times");
    df_funnel_source_file_dispose(&world->file);
    open.unit_known = true;
    open.unit = DF_TIME_S;
    assert_ok(df_funnel_source_file_open(&world->file, &open, &error), &error);
    assert_true(world->file.source.scale_known && world->file.source.scale == DF_FUNNEL_SCALE_S);
    assert_true(df_funnel_skip_by_statistics(&world->file, 0));
    df_funnel_source_file_dispose(&world->file);
}

/* ---- vectors ---- */

static void test_columns_that_are_always_null_have_no_users_and_no_times(void **state)
{
    (void)state;
    static struct df_funnel_users_room users;
    static struct df_funnel_times_room times;
    const struct df_type null = {.kind = DF_TYPE_NULL};
    const double some[2] = {1, 2};
    const struct df_vector vector = {.kind = DF_VECTOR_FLOAT64, .row_count = 2, .values = {.float64s = some}};
    struct df_funnel_keys keys;
    const int64_t *found;
    const uint8_t *valid;
    assert_true(df_funnel_batch_users(&vector, &null, DF_FUNNEL_KEY_INT64, &users, &keys));
    assert_true(keys.count == 2 && !keys.valid[0] && !keys.valid[1]);
    assert_true(df_funnel_batch_times(&vector, &null, DF_FUNNEL_TIME_INT64, &times, &found, &valid));
    assert_true(!valid[0] && !valid[1]);
    assert_false(df_funnel_batch_users(&vector, &int_type, DF_FUNNEL_KEY_INT64, &users, &keys));
    assert_false(df_funnel_batch_times(&vector, &ms_type, DF_FUNNEL_TIME_INT64, &times, &found, &valid));
}

static void test_codes_are_looked_up_also_above_an_empty_dictionary(void **state)
{
    (void)state;
    static struct df_funnel_users_room users;
    static struct df_funnel_times_room times;
    const struct df_slice texts[2] = {df_slice_text("a"), df_slice_text("b")};
    const double seconds[2] = {(double)NAN, 1.5};
    const uint32_t codes[3] = {1, 0, 1};
    const uint8_t valid[3] = {1, 1, 0}, none[3] = {0};
    struct df_dictionary dictionary = {.count = 2, .kind = DF_VECTOR_BYTES, .values = {.bytes = texts}};
    struct df_vector vector = {
        .kind = DF_VECTOR_CODES, .row_count = 3, .valid = valid, .values = {.codes = codes}, .dictionary = &dictionary};
    struct df_funnel_keys keys;
    const int64_t *found;
    const uint8_t *found_valid;
    assert_true(df_funnel_batch_users(&vector, &string_type, DF_FUNNEL_KEY_BYTES, &users, &keys));
    assert_slice_is(keys.bytes[0], "b");
    assert_slice_is(keys.bytes[1], "a");
    assert_ptr_equal(keys.valid, valid);
    dictionary = (struct df_dictionary){.count = 2, .kind = DF_VECTOR_FLOAT64, .values = {.float64s = seconds}};
    const struct df_type real = {.kind = DF_TYPE_FLOAT, .bits = 64};
    assert_true(df_funnel_batch_times(&vector, &real, DF_FUNNEL_TIME_FLOAT, &times, &found, &found_valid));
    assert_true(found_valid[0] && !found_valid[1] && !found_valid[2]);
    assert_int_equal(found[0], 1500000);
    dictionary.count = 0;
    vector.valid = none;
    assert_true(df_funnel_batch_times(&vector, &real, DF_FUNNEL_TIME_FLOAT, &times, &found, &found_valid));
    assert_false(found_valid[0]);
    dictionary = (struct df_dictionary){.kind = DF_VECTOR_INT64};
    assert_true(df_funnel_batch_times(&vector, &int_type, DF_FUNNEL_TIME_UINT64, &times, &found, &found_valid));
    assert_int_equal(found[2], INT64_MIN);
}

static void test_timeframes_at_the_ends_of_their_types(void **state)
{
    (void)state;
    struct df_funnel_request request = {.from = {.given = true, .amount = INT64_MIN},
                                        .to = {.given = true, .amount = (__int128)INT64_MAX + 1}};
    struct df_funnel_timeframe all = df_funnel_timeframe_make(&request, DF_FUNNEL_SCALE_MS, false);
    assert_true(!all.empty && all.low == INT64_MIN && all.high == INT64_MAX);
    struct df_funnel_timeframe turned = df_funnel_timeframe_make(&request, DF_FUNNEL_SCALE_MS, true);
    assert_true(!turned.empty && turned.low == INT64_MIN && turned.high == -1); /* 0 to 2^63 - 1 */
    request.to.amount = (__int128)UINT64_MAX + 1;
    turned = df_funnel_timeframe_make(&request, DF_FUNNEL_SCALE_MS, true);
    assert_true(!turned.empty && turned.low == INT64_MIN && turned.high == INT64_MAX);
    request.from.amount = (__int128)1 << 100;
    request.to.given = false;
    assert_true(df_funnel_timeframe_make(&request, DF_FUNNEL_SCALE_MS, false).empty);
    assert_true(df_funnel_timeframe_make(&request, DF_FUNNEL_SCALE_MS, true).empty);
    request.from.given = false;
    request.to = (struct df_funnel_instant){.given = true, .amount = INT64_MIN};
    struct df_funnel_timeframe none = df_funnel_timeframe_make(&request, DF_FUNNEL_SCALE_MS, false);
    uint8_t inside[2] = {1, 1};
    df_funnel_batch_within(&none, (const int64_t[]){INT64_MIN, INT64_MAX}, NULL, 2, inside);
    assert_true(none.empty && !inside[0] && !inside[1]);
}

static void test_floating_seconds_are_rounded_and_what_is_no_time_is_none(void **state)
{
    (void)state;
    int64_t time = 0;
    assert_true(df_funnel_time_of_seconds(1430622004.384, &time));
    assert_int_equal(time, 1430622004384000);
    assert_true(df_funnel_time_of_seconds(-0.0000005, &time));
    assert_true(df_funnel_time_of_seconds(-9.2e12, &time));
    assert_false(df_funnel_time_of_seconds((double)NAN, &time));
    assert_false(df_funnel_time_of_seconds((double)INFINITY, &time));
    assert_false(df_funnel_time_of_seconds(1e13, &time));
}

/* ---- directories ---- */

static void test_directories_are_columns_of_filters_and_values(void **state)
{
    struct world *world = *state;
    static struct test_row rows[100];
    static struct told told;
    struct df_error error = {0};
    struct df_funnel_batch batch;
    uint64_t random = 5;
    random_rows(rows, 100, &random);
    write_at(world, "country=DE/day=7/a.parquet", rows, 100, int_type, ms_type);
    open_source(world, "\"query\":{\"aggregations\":[{\"column\":\"country\",\"type\":\"countPerValue\"},"
                       "{\"column\":\"day\",\"type\":\"countPerValue\"}]},"
                       "\"funnel\":{\"sequence\":[{\"filter\":{\"and\":[[\"country\",\"==\",\"DE\"],"
                       "[\"event\",\"==\",\"view\"]]}},{\"filter\":[\"day\",\"==\",8]}]}");
    const struct df_type *types = world->file.source.types;
    assert_true(types[0].kind == DF_TYPE_STRING && types[1].kind == DF_TYPE_INT64);
    assert_ok(world->file.source.begin(&world->file.source, DF_FUNNEL_VALUES, &error), &error);
    assert_int_equal(world->file.source.next(&world->file.source, &batch, &error), 1);
    assert_int_equal(batch.values[0]->row_count, batch.rows);
    uint32_t last = batch.rows - 1, at = last;
    struct df_vector country = behind_codes(batch.values[0], &at);
    assert_slice_is(country.values.bytes[at], "DE");
    at = last;
    struct df_vector day = behind_codes(batch.values[1], &at);
    assert_int_equal(day.values.int64s[at], 7);
    tell(&world->file.source, DF_FUNNEL_FACTS, &told);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(told.matches[0][i], rows[i].has_user && rows[i].event == 0);
        assert_false(told.matches[1][i]);
    }
    df_funnel_source_file_dispose(&world->file);
}

static void test_a_whole_file_is_skipped_by_its_directories(void **state)
{
    struct world *world = *state;
    static struct test_row rows[100];
    static struct told told;
    uint64_t random = 5;
    random_rows(rows, 100, &random);
    write_at(world, "country=DE/a.parquet", rows, 100, int_type, ms_type);
    open_source(world, VIEW_BUY ",\"where\":[\"country\",\"==\",\"FR\"]");
    assert_true(df_funnel_skip_by_statistics(&world->file, 0));
    tell(&world->file.source, DF_FUNNEL_FACTS, &told);
    assert_int_equal(told.rows, 0);
    assert_int_equal(world->file.bytes_read, 0);
    assert_int_equal(world->file.row_groups_skipped, 2);
    df_funnel_source_file_dispose(&world->file);
}

/* A reader keeps what it found out about the entries of a dictionary until the serial number changes. */
static void test_serial_numbers_of_dictionaries_are_unique_over_scans_and_readings(void **state)
{
    struct world *world = *state;
    static struct test_row rows[ROWS];
    struct df_error error = {0};
    struct df_funnel_batch batch;
    uint64_t random = 11, serials[400], hashes[400];
    size_t seen = 0, coded = 0;
    random_rows(rows, ROWS, &random);
    write_at(world, "a.parquet", rows, ROWS, string_type, ms_type);
    open_source(world, "\"query\":{\"aggregations\":[{\"column\":\"user\",\"type\":\"countPerValue\"}]},"
                       "\"where\":{\"or\":[[\"time\",\"<\",500],[\"time\",\">\",2500]]}");
    struct df_funnel_source *source = &world->file.source;
    for (int reading = 0; reading < 2; reading++) {
        assert_ok(source->begin(source, DF_FUNNEL_VALUES, &error), &error);
        while (source->next(source, &batch, &error) > 0) {
            const struct df_dictionary *dictionary = batch.values[0]->dictionary;
            if (batch.values[0]->kind != DF_VECTOR_CODES)
                continue;
            uint64_t hash = 0;
            for (uint32_t i = 0; i < dictionary->count; i++)
                hash = hash * 31 + df_hash_bytes(dictionary->values.bytes[i]);
            for (size_t i = 0; i < seen; i++)
                assert_true(serials[i] != dictionary->serial || hashes[i] == hash);
            assert_true(seen < 400);
            serials[seen] = dictionary->serial;
            hashes[seen++] = hash;
            coded++;
        }
    }
    assert_true(coded > 10);
    df_funnel_source_file_dispose(&world->file);
}

/* ---- ends ---- */

static void test_only_the_range_is_read(void **state)
{
    struct world *world = *state;
    static struct test_row rows[640];
    static struct told told;
    uint64_t random = 5;
    random_rows(rows, 640, &random);
    write_at(world, "a.parquet", rows, 640, int_type, ms_type);
    open_source(world, VIEW_BUY);
    df_funnel_source_file_range(&world->file, 3, 5);
    tell(&world->file.source, DF_FUNNEL_FACTS, &told);
    assert_int_equal(told.rows, 128);
    for (uint32_t i = 0; i < 128; i++)
        assert_int_equal(told.counts[i], rows[192 + i].has_user);
    df_funnel_source_file_range(&world->file, 4, 4);
    tell(&world->file.source, DF_FUNNEL_FACTS, &told);
    assert_int_equal(told.rows, 0);
    df_funnel_source_file_dispose(&world->file);
}

static void test_a_cancelled_task_stops_between_batches(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct df_funnel_batch batch;
    static struct test_row rows[10];
    atomic_bool cancelled = true;
    uint64_t random = 5;
    random_rows(rows, 10, &random);
    write_at(world, "a.parquet", rows, 10, int_type, ms_type);
    open_source(world, VIEW_BUY);
    assert_ok(world->file.source.begin(&world->file.source, DF_FUNNEL_FACTS, &error), &error);
    world->task.cancelled = &cancelled;
    assert_fails(world->file.source.next(&world->file.source, &batch, &error), &error, DF_ERROR_CANCELLED, "");
    world->task.cancelled = NULL;
    df_funnel_source_file_dispose(&world->file);
}

static void test_errors_name_file_and_place(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    static struct test_row rows[10];
    uint64_t random = 5;
    random_rows(rows, 10, &random);
    write_at(world, "a.parquet", rows, 10, int_type, ms_type);
    assert_fails(try_open(world,
                          "\"funnel\":{\"sequence\":[{\"filter\":[\"event\",\"==\",\"view\"]},"
                          "{\"filter\":{\"column\":\"prise\",\"op\":\">\",\"value\":1}}]}",
                          &error),
                 &error, DF_ERROR_INVALID,
                 "a.parquet: funnel.sequence[1].filter.column: Column 'prise' not in dataset; did you mean 'price'?");
    df_funnel_source_file_dispose(&world->file);
    assert_fails(try_open(world, "\"funnel\":{\"sequence\":[{\"filter\":[\"price\",\"==\",\"view\"]}]}", &error),
                 &error, DF_ERROR_INVALID, "a.parquet: funnel.sequence[0].filter");
    df_funnel_source_file_dispose(&world->file);
    snprintf(world->path, sizeof world->path, "%s/nothing.parquet", world->folder);
    assert_fails(try_open(world, VIEW_BUY, &error), &error, DF_ERROR_NOT_FOUND, "nothing.parquet");
    df_funnel_source_file_dispose(&world->file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_count_and_match_as_told, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_rows_outside_the_timeframe_do_not_count_and_their_row_groups_are_skipped,
                                        world_make, world_free),
        cmocka_unit_test_setup_teardown(test_rows_that_fail_where_do_not_count_and_their_row_groups_are_skipped,
                                        world_make, world_free),
        cmocka_unit_test_setup_teardown(test_both_readings_have_the_same_rows_in_the_same_order, world_make,
                                        world_free),
        cmocka_unit_test_setup_teardown(test_a_reader_that_knows_all_rows_reads_values_only, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_sessions_want_the_times_of_all_rows_in_both_readings, world_make,
                                        world_free),
        cmocka_unit_test_setup_teardown(test_times_of_every_type_keep_their_order_and_their_bounds, world_make,
                                        world_free),
        cmocka_unit_test_setup_teardown(test_bounds_of_times_of_every_type_decide_what_is_skipped, world_make,
                                        world_free),
        cmocka_unit_test_setup_teardown(test_timeframes_with_a_unit_need_that_of_the_times, world_make, world_free),
        cmocka_unit_test(test_columns_that_are_always_null_have_no_users_and_no_times),
        cmocka_unit_test(test_codes_are_looked_up_also_above_an_empty_dictionary),
        cmocka_unit_test(test_timeframes_at_the_ends_of_their_types),
        cmocka_unit_test(test_floating_seconds_are_rounded_and_what_is_no_time_is_none),
        cmocka_unit_test_setup_teardown(test_directories_are_columns_of_filters_and_values, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_a_whole_file_is_skipped_by_its_directories, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_serial_numbers_of_dictionaries_are_unique_over_scans_and_readings,
                                        world_make, world_free),
        cmocka_unit_test_setup_teardown(test_only_the_range_is_read, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_a_cancelled_task_stops_between_batches, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_errors_name_file_and_place, world_make, world_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
