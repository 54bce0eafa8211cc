/* Whole runs of the engine that writes files again, on an executor: the bytes are the same however the work is cut; and
 * records that lie. */
#include <stdlib.h>

#include "base/bytes.h"
#include "engine/funnel/repartition/repartition.h"
#include "engine/funnel/repartition/row.h"
#include "engine/funnel/repartition/schema.h"
#include "unit/engine/funnel_files.h"

enum { ROWS = 30000, USERS = 900, FILES = 3 };

/* ---- a run ---- */

struct run {
    struct driver driver;
    uint64_t gathered_bytes; /* read from sections: more than once with little memory */
    uint32_t stage_parts[4];
};

static int run_stages(struct run *run, struct df_query *query, struct df_executor *executor, struct df_writer *writer,
                      struct df_error *error)
{
    struct df_section_manifest *inputs = NULL;
    int result = query->engine->query_begin(query, error);
    for (uint32_t index = 0; result == 0 && index < 4; index++) {
        struct stage *stage = calloc(1, sizeof *stage);
        struct df_section_manifest *outputs = NULL;
        result = driver_plan(query, index, &run->driver, stage, error);
        if (result >= 0) {
            driver_run(query, executor, index, stage, inputs);
            for (uint32_t i = 0; index == 2 && i < stage->count; i++)
                run->gathered_bytes += stage->parts[i]->result.stats.bytes_read;
            run->stage_parts[index] = stage->count;
            result = driver_fold(query, stage, writer, &outputs, error);
        }
        df_section_manifest_release(inputs);
        inputs = outputs;
        driver_free_stage(stage);
    }
    df_section_manifest_release(inputs);
    if (result == 0)
        result = query->engine->finish(query, writer, error);
    query->engine->query_end(query, result == 0 ? DF_END_DONE : DF_END_FAILED);
    return result;
}

static int repartition(struct run *run, const char *request, struct df_buf *answer, struct df_error *error)
{
    char spill[256];
    snprintf(spill, sizeof spill, "%s", test_folder_make());
    struct df_budget budget;
    struct df_executor *executor;
    struct df_memory_writer memory;
    df_budget_init(&budget, run->driver.limit_bytes);
    df_memory_writer_init(&memory, 0);
    const struct df_executor_options options = {
        .threads = run->driver.threads, .store = run->driver.store, .budget = &budget, .temporary_folder = spill};
    assert_ok(df_executor_create(&executor, &options, error), error);
    struct df_query query = {.engine = &df_engine_repartition,
                             .request = df_slice_text(request),
                             .store = run->driver.store,
                             .budget = &budget,
                             .memory_limit_bytes = run->driver.limit_bytes,
                             .parallelism = run->driver.parallelism};
    run->gathered_bytes = 0;
    int result = run_stages(run, &query, executor, &memory.writer, error);
    df_buf_put_slice(answer, df_buf_slice(&memory.content));
    df_query_dispose(&query);
    df_memory_writer_dispose(&memory);
    df_executor_free(executor);
    assert_int_equal(budget.used_bytes, 0);
    test_folder_remove(spill);
    return result;
}

static const char *request_of(const struct world *world, const char *source, const char *target, unsigned parts)
{
    static char request[2400];
    snprintf(request, sizeof request,
             "{\"paths\": [\"%s/%s\"], \"user\": \"user\", \"time\": \"time\", \"target\": \"%s/%s\", \"parts\": %u, "
             "\"rowGroupRows\": 1000}",
             world->folder, source, world->folder, target, parts);
    return request;
}

/* The bytes of all files of a target, which is removed. */
static void take_files(const struct world *world, const char *target, unsigned parts, struct df_buf *out)
{
    struct df_error error;
    char path[700];
    for (unsigned i = 0; i < parts; i++) {
        snprintf(path, sizeof path, "%s/%s/part-%05u.parquet", world->folder, target, i);
        assert_ok(df_store_get(world->store, path, UINT64_C(1) << 30, out, &error), &error);
    }
    snprintf(path, sizeof path, "%s/%s/", world->folder, target);
    assert_ok(df_store_remove_prefix(world->store, path, df_deadline_never(), &error), &error);
}

static void write_source(const struct world *world, const char *name, const struct event *events, unsigned files,
                         enum user_kind user, uint32_t row_group_rows)
{
    char folder[400];
    const struct file_options options = {.user = user, .row_group_rows = row_group_rows, .dictionary = true};
    snprintf(folder, sizeof folder, "%s/%s", world->folder, name);
    write_folder(world->store, folder, events, ROWS, files, BY_TIME, &options);
}

static void assert_same_bytes_however_cut(const struct world *world, enum user_kind user, uint64_t users,
                                          unsigned parts)
{
    struct event *events = make_crowd(ROWS, users, 7);
    struct df_buf expected = {0};
    uint64_t once = 0;
    write_source(world, "one", events, 1, user, 1500);
    write_source(world, "some", events, FILES, user, 100000);
    const struct {
        const char *source;
        uint64_t limit_bytes;
        unsigned threads, parallelism;
        uint32_t room;
    } runs[] = {{"one", 0, 1, 1, 100},
                {"some", 0, 2, 2, 1},
                {"one", 1 << 20, 1, 2, 3},
                {"some", 2 << 20, 2, 4, 2},
                {"one", 2 << 20, 2, 1, 100}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        struct run run = {.driver = make_driver(world)};
        struct df_error error;
        struct df_buf answer = {0}, found = {0};
        run.driver.limit_bytes = runs[i].limit_bytes;
        run.driver.threads = runs[i].threads;
        run.driver.parallelism = runs[i].parallelism;
        run.driver.room = runs[i].room;
        assert_ok(repartition(&run, request_of(world, runs[i].source, "target", parts), &answer, &error), &error);
        assert_int_equal(run.stage_parts[2], parts);
        assert_int_equal(run.stage_parts[3], 1);
        take_files(world, "target", parts, &found);
        once = i == 0 ? run.gathered_bytes : once;
        if (runs[i].limit_bytes && parts == 1)
            assert_true(run.gathered_bytes >= 2 * once); /* several passes, or this shows nothing */
        if (i == 0)
            df_buf_move(&expected, &found);
        else if (!df_slice_equal(df_buf_slice(&expected), df_buf_slice(&found)))
            fail_msg("run %zu has other bytes", i);
        df_buf_dispose(&found);
        df_buf_dispose(&answer);
    }
    df_buf_dispose(&expected);
    free(events);
}

static void test_bytes_are_the_same_for_any_memory_threads_and_cut(void **state)
{
    assert_same_bytes_however_cut(*state, USER_INT, USERS, 1);
    assert_same_bytes_however_cut(*state, USER_INT, USERS, 5);
}

static void test_string_users_give_the_same_bytes_too(void **state)
{
    assert_same_bytes_however_cut(*state, USER_STRING, USERS, 1);
    assert_same_bytes_however_cut(*state, USER_STRING, USERS, 3);
}

static void test_a_user_that_does_not_fit_the_memory_is_written_all_the_same(void **state)
{
    assert_same_bytes_however_cut(*state, USER_STRING, 1, 1);
}

static void test_a_failed_run_leaves_nothing(void **state)
{
    const struct world *world = *state;
    struct event *events = make_crowd(ROWS, USERS, 7);
    struct run run = {.driver = make_driver(world)};
    struct df_error error;
    struct df_buf answer = {0};
    char path[600];
    write_source(world, "in", events, 2, USER_INT, 1000);
    snprintf(path, sizeof path, "%s/in/part-002.parquet", world->folder);
    const struct df_put put = {.uri = path, .content = df_slice_text("PAR1 is not enough PAR1")};
    assert_ok(df_store_put(world->store, &put, NULL, &error), &error);
    assert_fails(repartition(&run, request_of(world, "in", "made/target", 2), &answer, &error), &error,
                 DF_ERROR_CORRUPT, "part-002.parquet");
    struct df_store_listing *listing;
    snprintf(path, sizeof path, "%s/made", world->folder);
    assert_fails(df_store_list_open(world->store, path, NULL, &listing, &error), &error, DF_ERROR_NOT_FOUND, "made");
    df_buf_dispose(&answer);
    free(events);
}

/* ---- requests ---- */

static void test_wrong_requests_name_the_member(void **state)
{
    static const struct {
        const char *request, *message;
    } wrong[] = {
        {"{\"user\": \"u\", \"target\": \"x\"}", "paths"},
        {"{\"paths\": [1], \"user\": \"u\", \"target\": \"x\"}", "paths"},
        {"{\"paths\": [\"a\"], \"target\": \"x\"}", "user"},
        {"{\"paths\": [\"a\"], \"user\": \"u\"}", "target"},
        {"{\"paths\": [\"a\"], \"user\": \"u\", \"time\": \"u\", \"target\": \"x\"}", "two columns"},
        {"{\"paths\": [\"a\"], \"user\": \"u\", \"target\": \"x\", \"parts\": 10001}", "parts"},
        {"{\"paths\": [\"a\"], \"user\": \"u\", \"target\": \"x\", \"codec\": \"lzo\"}", "codec"},
        {"{\"paths\": [\"a\"], \"user\": \"u\", \"target\": \"x\", \"schema\": []}", "schema"},
        {"{\"paths\": [\"a\"], \"user\": \"u\", \"target\": \"x\", \"schema\": [{\"name\": \"u\", \"type\": [1]}]}",
         "schema"},
        {"{\"paths\": [\"a\"], \"user\": \"u\", \"target\": \"x\", \"schema\": [{\"name\": \"u\", \"type\": "
         "[2,0,64,0,0,0,0,0]}], \"userAt\": 1}",
         "userAt"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct df_repartition_request request;
        struct df_arena arena = {0};
        struct df_error error;
        assert_fails(df_repartition_request_parse(&request, df_slice_text(wrong[i].request), &arena, &error), &error,
                     DF_ERROR_INVALID, wrong[i].message);
        df_arena_dispose(&arena);
    }
}

/* ---- records ---- */

struct columns {
    struct df_repartition_column columns[6];
    struct df_repartition_request request;
    struct df_repartition_layout layout;
    struct df_arena arena;
};

static void make_columns(struct columns *columns)
{
    struct df_error error;
    const struct df_type types[] = {{.kind = DF_TYPE_INT64, .bits = 32},
                                    {.kind = DF_TYPE_FLOAT, .bits = 16},
                                    {.kind = DF_TYPE_STRING},
                                    {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS},
                                    {.kind = DF_TYPE_STRING, .list = true},
                                    {.kind = DF_TYPE_DECIMAL, .precision = 38, .scale = 2}};
    *columns = (struct columns){0};
    for (int i = 0; i < 6; i++)
        columns->columns[i] = (struct df_repartition_column){.name = "x", .type = types[i]};
    columns->request = (struct df_repartition_request){
        .columns = columns->columns, .column_count = 6, .user_at = 2, .time_at = 3, .kind = DF_FUNNEL_KEY_BYTES};
    assert_ok(df_repartition_layout_make(&columns->layout, &columns->request, &columns->arena, &error), &error);
}

static void put_record(const struct columns *columns, bool null, struct df_buf *out)
{
    static const int64_t ints[] = {-7}, times[] = {INT64_MIN};
    static const double floats[] = {0.5};
    static const __int128 decimals[] = {-((__int128)1 << 100)};
    static const uint32_t offsets[] = {0, 3};
    static const uint8_t valid[] = {1, 0, 1};
    const struct df_slice users[] = {df_slice_text("somebody")};
    const struct df_slice texts[] = {df_slice_text("a"), df_slice_make(NULL, 0), df_slice_text("")};
    const struct df_vector elements = {
        .kind = DF_VECTOR_BYTES, .row_count = 3, .valid = valid, .values = {.bytes = texts}};
    const struct df_vector vectors[] = {
        {.kind = DF_VECTOR_INT64, .row_count = 1, .values = {.int64s = ints}},
        {.kind = DF_VECTOR_FLOAT64, .row_count = 1, .values = {.float64s = floats}},
        {.kind = DF_VECTOR_BYTES, .row_count = 1, .values = {.bytes = users}},
        {.kind = DF_VECTOR_INT64, .row_count = 1, .values = {.int64s = times}},
        {.kind = DF_VECTOR_LIST, .row_count = 1, .values = {.list = {.offsets = offsets, .elements = &elements}}},
        {.kind = DF_VECTOR_INT128, .row_count = 1, .values = {.int128s = decimals}}};
    struct df_repartition_origin origins[6];
    for (int i = 0; i < 6; i++)
        origins[i] =
            null ? (struct df_repartition_origin){.null = true} : (struct df_repartition_origin){.vector = &vectors[i]};
    df_repartition_record_put(&columns->layout, origins, 0, out);
    assert_false(df_buf_failed(out));
}

/* All values of a record; false when it is damaged. */
static bool take_all(const struct columns *columns, struct df_slice record, struct df_repartition_value *out)
{
    struct df_repartition_values values;
    struct df_repartition_key key;
    struct df_error error;
    if (df_repartition_record_key(&columns->layout, record, &key, &error) < 0 ||
        !df_repartition_values_begin(&columns->layout, record, &values))
        return false;
    for (uint32_t i = 0; i < 6; i++) {
        uint32_t at = columns->layout.order[i];
        const struct df_type *type = &columns->columns[at].type;
        out[at] = (struct df_repartition_value){0};
        if (!df_repartition_value_take(&values, &out[at]))
            return false;
        for (uint32_t e = 0; type->list && !out[at].null && e < out[at].elements; e++) {
            struct df_repartition_value element = {0};
            if (!df_repartition_element_take(&values, type, &out[at], e, &element))
                return false;
        }
    }
    return df_cursor_left(&values.cursor) == 0;
}

static void test_records_keep_every_value(void **state)
{
    struct columns columns;
    struct df_buf bytes = {0};
    struct df_slice record;
    struct df_repartition_value values[6];
    struct df_repartition_key key;
    struct df_error error;
    size_t size;
    (void)state;
    make_columns(&columns);
    put_record(&columns, false, &bytes);
    assert_int_equal(df_repartition_record_take(df_buf_slice(&bytes), &record, &size, &error), 1);
    assert_int_equal(size, bytes.size);
    assert_true(take_all(&columns, record, values));
    assert_int_equal(values[0].int64, -7);
    assert_true(values[1].float64 == 0.5);
    assert_slice_is(values[2].bytes, "somebody");
    assert_true(values[3].int64 == INT64_MIN);
    assert_int_equal(values[4].elements, 3);
    assert_int_equal(values[4].element_bits.data[0], 5);
    assert_true(values[5].int128 == -((__int128)1 << 100));
    assert_ok(df_repartition_record_key(&columns.layout, record, &key, &error), &error);
    assert_false(key.user_null || key.time_null);
    assert_true(key.time == 0); /* the least there is */
    df_buf_clear(&bytes);
    put_record(&columns, true, &bytes);
    assert_int_equal(df_repartition_record_take(df_buf_slice(&bytes), &record, &size, &error), 1);
    assert_true(take_all(&columns, record, values));
    for (int i = 0; i < 6; i++)
        assert_true(values[i].null);
    df_buf_dispose(&bytes);
    df_arena_dispose(&columns.arena);
}

static void test_records_cut_or_changed_at_any_byte_are_corrupt_or_read_within_their_bounds(void **state)
{
    struct columns columns;
    struct df_buf bytes = {0};
    struct df_slice record;
    struct df_repartition_value values[6];
    struct df_error error;
    size_t size;
    (void)state;
    make_columns(&columns);
    put_record(&columns, false, &bytes);
    for (size_t cut = 1; cut < bytes.size; cut++) {
        uint8_t *copy = malloc(cut); /* so that the sanitizer sees each byte beyond */
        memcpy(copy, bytes.data, cut);
        assert_int_equal(df_repartition_record_take(df_slice_make(copy, cut), &record, &size, &error), -1);
        assert_int_equal(error.kind, DF_ERROR_CORRUPT);
        if (cut > 4) {
            df_store_u32le(copy, (uint32_t)(cut - 4));
            assert_int_equal(df_repartition_record_take(df_slice_make(copy, cut), &record, &size, &error), 1);
            assert_false(take_all(&columns, record, values));
        }
        free(copy);
    }
    for (size_t at = 4; at < bytes.size; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes.data[at] ^= (uint8_t)(1U << bit);
            assert_int_equal(df_repartition_record_take(df_buf_slice(&bytes), &record, &size, &error), 1);
            (void)take_all(&columns, record, values);
            bytes.data[at] ^= (uint8_t)(1U << bit);
        }
    df_buf_dispose(&bytes);
    df_arena_dispose(&columns.arena);
}

static uint64_t time_key_of(enum df_type_kind kind, double float64, int64_t int64)
{
    struct df_repartition_column column[] = {{.name = "u", .type = {.kind = DF_TYPE_INT64, .bits = 64}},
                                             {.name = "t", .type = {.kind = kind, .bits = 64}}};
    struct df_repartition_request request = {
        .columns = column, .column_count = 2, .user_at = 0, .time_at = 1, .kind = DF_FUNNEL_KEY_INT64};
    struct df_repartition_layout layout;
    struct df_arena arena = {0};
    struct df_error error;
    struct df_buf bytes = {0};
    struct df_slice record;
    struct df_repartition_key key;
    size_t size;
    const struct df_vector times = {.kind = kind == DF_TYPE_FLOAT ? DF_VECTOR_FLOAT64 : DF_VECTOR_INT64,
                                    .row_count = 1};
    struct df_vector vectors[] = {{.kind = DF_VECTOR_INT64, .row_count = 1, .values = {.int64s = &int64}}, times};
    if (kind == DF_TYPE_FLOAT)
        vectors[1].values.float64s = &float64;
    else
        vectors[1].values.int64s = &int64;
    const struct df_repartition_origin origins[] = {{.vector = &vectors[0]}, {.vector = &vectors[1]}};
    assert_ok(df_repartition_layout_make(&layout, &request, &arena, &error), &error);
    df_repartition_record_put(&layout, origins, 0, &bytes);
    assert_int_equal(df_repartition_record_take(df_buf_slice(&bytes), &record, &size, &error), 1);
    assert_ok(df_repartition_record_key(&layout, record, &key, &error), &error);
    df_buf_dispose(&bytes);
    df_arena_dispose(&arena);
    return key.time;
}

static void test_times_of_every_type_order_as_numbers(void **state)
{
    static const double floats[] = {-1e300, -1.5, -1e-300, 0.0, 1e-300, 1.5, 1e300, 0.0 / 0.0};
    static const int64_t ints[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    (void)state;
    for (size_t i = 1; i < sizeof floats / sizeof *floats; i++)
        assert_true(time_key_of(DF_TYPE_FLOAT, floats[i - 1], 0) < time_key_of(DF_TYPE_FLOAT, floats[i], 0));
    assert_true(time_key_of(DF_TYPE_FLOAT, -0.0, 0) == time_key_of(DF_TYPE_FLOAT, 0.0, 0));
    for (size_t i = 1; i < sizeof ints / sizeof *ints; i++)
        assert_true(time_key_of(DF_TYPE_INT64, 0, ints[i - 1]) < time_key_of(DF_TYPE_INT64, 0, ints[i]));
    assert_true(time_key_of(DF_TYPE_UINT64, 0, INT64_MAX) < time_key_of(DF_TYPE_UINT64, 0, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bytes_are_the_same_for_any_memory_threads_and_cut, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_string_users_give_the_same_bytes_too, world_make, world_free),
        cmocka_unit_test_setup_teardown(test_a_user_that_does_not_fit_the_memory_is_written_all_the_same, world_make,
                                        world_free),
        cmocka_unit_test_setup_teardown(test_a_failed_run_leaves_nothing, world_make, world_free),
        cmocka_unit_test(test_wrong_requests_name_the_member),
        cmocka_unit_test(test_records_keep_every_value),
        cmocka_unit_test(test_records_cut_or_changed_at_any_byte_are_corrupt_or_read_within_their_bounds),
        cmocka_unit_test(test_times_of_every_type_order_as_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
