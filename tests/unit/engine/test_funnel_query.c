/* The engine from request to answer, over real files, with an executor and no job: stages, exchange, memory, errors. */
#include <inttypes.h>
#include <pthread.h>

#include "engine/funnel/funnel.h"
#include "engine/funnel/partial.h"
#include "format/parquet/parquet.h"
#include "unit/engine/funnel_testing.h"
#include "worker/executor.h"

/* ---- files ---- */

enum user_kind { USER_INT, USER_STRING };

struct file_options {
    enum user_kind user;
    enum df_parquet_meaning time;
    bool whole;
    uint32_t row_group_rows;
    bool dictionary;
};

static int put_piece(void *ctx, struct df_slice piece, struct df_error *error)
{
    df_buf_put_slice(ctx, piece);
    return df_buf_failed(ctx) ? df_error_no_memory(error, "test") : 0;
}

static const char *const names[] = {"view", "cart", "buy", "other"};

static void put_rows(struct df_parquet_writer *writer, const struct event *events, size_t n, enum user_kind kind)
{
    struct df_error error = {0};
    for (size_t at = 0; at < n; at += 1000) {
        int64_t users[1000], times[1000];
        struct df_slice texts[1000], event_names[1000];
        double prices[1000];
        static char places[1000][24];
        uint8_t user_valid[1000], time_valid[1000];
        uint32_t rows = (uint32_t)(n - at < 1000 ? n - at : 1000);
        for (uint32_t i = 0; i < rows; i++) {
            const struct event *event = &events[at + i];
            users[i] = event->user;
            snprintf(places[i], sizeof places[i], "user-%" PRId64, event->user);
            texts[i] = df_slice_text(places[i]);
            user_valid[i] = event->has_user;
            times[i] = event->time;
            time_valid[i] = event->has_time;
            event_names[i] = df_slice_text(names[event->matches ? __builtin_ctz(event->matches) : 3]);
            prices[i] = (double)i / 4;
        }
        struct df_vector vectors[] = {
            {.kind = DF_VECTOR_INT64, .row_count = rows, .valid = user_valid, .values = {.int64s = users}},
            {.kind = DF_VECTOR_INT64, .row_count = rows, .valid = time_valid, .values = {.int64s = times}},
            {.kind = DF_VECTOR_BYTES, .row_count = rows, .values = {.bytes = event_names}},
            {.kind = DF_VECTOR_FLOAT64, .row_count = rows, .values = {.float64s = prices}}};
        if (kind == USER_STRING) {
            vectors[0].kind = DF_VECTOR_BYTES;
            vectors[0].values.bytes = texts;
        }
        assert_ok(df_parquet_writer_put(writer, vectors, rows, &error), &error);
    }
}

static void write_file(struct df_store *store, const char *path, const struct event *events, size_t n,
                       const struct file_options *file)
{
    struct df_error error = {0};
    struct df_buf bytes = {0};
    struct df_parquet_writer *writer;
    const struct df_parquet_write_column columns[] = {
        {.name = "user",
         .physical = file->user == USER_STRING ? DF_PARQUET_BYTE_ARRAY : DF_PARQUET_INT64,
         .meaning = file->user == USER_STRING ? DF_PARQUET_STRING : DF_PARQUET_PLAIN,
         .optional = true,
         .dictionary = file->dictionary},
        {.name = "time",
         .physical = DF_PARQUET_INT64,
         .meaning = file->time,
         .optional = true,
         .dictionary = file->dictionary},
        {.name = "event", .physical = DF_PARQUET_BYTE_ARRAY, .meaning = DF_PARQUET_STRING, .dictionary = true},
        {.name = "price", .physical = DF_PARQUET_DOUBLE}};
    const struct df_parquet_key_value whole = {.key = "dayfly.groups", .value = "whole"};
    const struct df_parquet_write_options options = {.columns = columns,
                                                     .column_count = 4,
                                                     .codec = DF_PARQUET_SNAPPY,
                                                     .row_group_rows = file->row_group_rows,
                                                     .page_bytes = 8 * 1024,
                                                     .metadata = &whole,
                                                     .metadata_count = file->whole};
    assert_ok(df_parquet_writer_open(&writer, &options, put_piece, &bytes, &error), &error);
    put_rows(writer, events, n, file->user);
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
    const struct df_put put = {.uri = path, .content = df_buf_slice(&bytes), .condition = DF_PUT_ALWAYS};
    assert_ok(df_store_put(store, &put, NULL, &error), &error);
    df_buf_dispose(&bytes);
}

enum cut { BY_TIME, BY_USER, BY_USER_RANGE };

/* n events in `files` files below folder/. */
static void write_folder(struct df_store *store, const char *folder, const struct event *events, size_t n,
                         unsigned files, enum cut cut, const struct file_options *options)
{
    struct event *some = calloc(n ? n : 1, sizeof *some);
    for (unsigned file = 0; file < files; file++) {
        char path[512];
        size_t taken = 0;
        for (size_t i = 0; i < n; i++) {
            uint64_t user = (uint64_t)events[i].user;
            size_t goes = cut == BY_TIME ? i * files / n : cut == BY_USER ? user % files : user / 200 % files;
            if (goes == file)
                some[taken++] = events[i];
        }
        snprintf(path, sizeof path, "%s/part-%03u.parquet", folder, file);
        write_file(store, path, some, taken, options);
    }
    free(some);
}

/* ---- a driver: what a job does, without its troubles ---- */

struct planned {
    struct df_part part;
    char *uri, *etag;
    uint8_t detail[DF_FUNNEL_DETAIL_BYTES];
    struct df_part_result result;
};

struct stage {
    struct planned *parts[4096];
    const struct df_part *pointers[4096];
    uint32_t count, sections;
};

struct driver {
    struct df_store *store;
    uint64_t limit_bytes; /* 0: none */
    unsigned threads, parallelism;
    uint32_t room;
    void (*before_run)(void *ctx, uint32_t stage); /* may be NULL */
    void *ctx;

    /* What happened. */
    uint32_t stages;
    enum df_funnel_role stage_roles[4];
    uint32_t stage_parts[4];
    uint64_t counters[5];
    uint64_t peak_bytes;
};

static int add_planned(struct df_plan *plan, const struct df_part *part, struct df_error *error)
{
    struct stage *stage = plan->ctx;
    (void)error;
    assert_true(stage->count < 4096);
    assert_true(part->detail.size <= DF_FUNNEL_DETAIL_BYTES);
    struct planned *planned = calloc(1, sizeof *planned);
    planned->part = *part;
    planned->part.index = stage->count;
    planned->part.uri = planned->uri = strdup(part->uri);
    planned->part.etag = planned->etag = strdup(part->etag);
    memcpy(planned->detail, part->detail.data, part->detail.size);
    planned->part.detail.data = planned->detail;
    stage->pointers[stage->count] = &planned->part;
    stage->parts[stage->count++] = planned;
    return 0;
}

static int plan_stage(struct df_query *query, uint32_t index, const struct driver *driver, struct stage *stage,
                      struct df_error *error)
{
    int more = DF_PLAN_MORE;
    for (bool first = true; more == DF_PLAN_MORE; first = false) {
        struct df_plan plan = {.room = driver->room, .add = add_planned, .ctx = stage};
        more = query->engine->plan(query, index, &plan, error);
        if (first)
            stage->sections = plan.sections;
        for (uint32_t i = 0; i < stage->count; i++)
            stage->parts[i]->part.stage = index;
    }
    return more;
}

struct waiting {
    struct stage *stage;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool done;
};

static void on_part(void *ctx, uint32_t position, struct df_part_result *result)
{
    struct waiting *waiting = ctx;
    waiting->stage->parts[position]->result = *result;
}

static void on_done(void *ctx)
{
    struct waiting *waiting = ctx;
    pthread_mutex_lock(&waiting->mutex);
    waiting->done = true;
    pthread_cond_signal(&waiting->cond);
    pthread_mutex_unlock(&waiting->mutex);
}

static void run_stage(struct df_query *query, struct df_executor *executor, uint32_t index, struct stage *stage,
                      struct df_section_manifest *inputs)
{
    struct waiting waiting = {.stage = stage};
    pthread_mutex_init(&waiting.mutex, NULL);
    pthread_cond_init(&waiting.cond, NULL);
    struct df_envelope envelope = {.engine = query->engine,
                                   .job = "test",
                                   .stage = index,
                                   .attempt = index,
                                   .deadline = df_deadline_never(),
                                   .request = query->request,
                                   .sections = stage->sections,
                                   .inputs = inputs,
                                   .parts = stage->pointers,
                                   .part_count = stage->count};
    struct df_execution execution = {.envelope = &envelope,
                                     .callbacks = {.on_part = on_part, .on_done = on_done, .ctx = &waiting}};
    df_executor_submit(executor, &execution);
    pthread_mutex_lock(&waiting.mutex);
    while (!waiting.done)
        pthread_cond_wait(&waiting.cond, &waiting.mutex);
    pthread_mutex_unlock(&waiting.mutex);
    pthread_mutex_destroy(&waiting.mutex);
    pthread_cond_destroy(&waiting.cond);
}

static int fold_stage(struct df_query *query, struct stage *stage, struct df_writer *writer,
                      struct df_section_manifest **outputs, struct df_error *error)
{
    int result = 0;
    if (stage->sections)
        result = df_section_manifest_create(outputs, stage->sections, error);
    for (uint32_t i = 0; result == 0 && i < stage->count; i++) {
        struct df_part_result *part = &stage->parts[i]->result;
        struct df_outcome outcome = {.failed = part->failed, .error = part->error, .blob = df_buf_slice(&part->blob)};
        result = query->engine->fold(query, &stage->parts[i]->part, &outcome, writer, error);
        if (result == 0 && stage->sections) {
            result = df_section_manifest_put(*outputs, i, part->sections, error);
            part->sections = NULL;
        }
    }
    return result;
}

static void free_stage(struct stage *stage)
{
    for (uint32_t i = 0; i < stage->count; i++) {
        df_part_result_dispose(&stage->parts[i]->result);
        free(stage->parts[i]->uri);
        free(stage->parts[i]->etag);
        free(stage->parts[i]);
    }
    free(stage);
}

/* One stage: 1 when it had parts, 0 when it had none. *inputs becomes what it wrote. */
static int do_stage(struct driver *driver, struct df_query *query, struct df_executor *executor,
                    struct df_writer *writer, struct df_section_manifest **inputs, struct df_error *error)
{
    struct stage *stage = calloc(1, sizeof *stage);
    struct df_section_manifest *outputs = NULL;
    uint32_t index = driver->stages;
    int result = plan_stage(query, index, driver, stage, error);
    if (result >= 0 && stage->count > 0) {
        driver->stages++;
        driver->stage_roles[index] = (enum df_funnel_role)stage->parts[0]->detail[0];
        driver->stage_parts[index] = stage->count;
        if (driver->before_run)
            driver->before_run(driver->ctx, index);
        run_stage(query, executor, index, stage, *inputs);
        result = fold_stage(query, stage, writer, &outputs, error);
        result = result < 0 ? -1 : 1;
    }
    df_section_manifest_release(*inputs);
    *inputs = outputs;
    free_stage(stage);
    return result;
}

static int drive(struct driver *driver, struct df_query *query, struct df_executor *executor, struct df_writer *writer,
                 struct df_error *error)
{
    struct df_section_manifest *inputs = NULL;
    driver->stages = 0;
    int result = query->engine->query_begin(query, error);
    if (result == 0)
        while ((result = do_stage(driver, query, executor, writer, &inputs, error)) > 0)
            ;
    df_section_manifest_release(inputs);
    if (result == 0)
        result = query->engine->finish(query, writer, error);
    query->engine->query_end(query, result == 0 ? DF_END_DONE : DF_END_FAILED);
    return result;
}

static const char *const counter_names[] = {"scannedRows", "scannedGroups", "rowsWithoutGroup", "parts", "totalSize"};

static int run_query(struct driver *driver, const char *request, struct df_buf *answer, struct df_error *error)
{
    const char *folder = test_folder_make();
    char spill[256];
    snprintf(spill, sizeof spill, "%s", folder);
    struct df_budget budget;
    struct df_executor *executor;
    struct df_memory_writer memory;
    df_budget_init(&budget, driver->limit_bytes);
    df_memory_writer_init(&memory, 0);
    const struct df_executor_options options = {
        .threads = driver->threads, .store = driver->store, .budget = &budget, .temporary_folder = spill};
    assert_ok(df_executor_create(&executor, &options, error), error);
    struct df_query query = {.engine = &df_engine_funnel,
                             .request = df_slice_text(request),
                             .store = driver->store,
                             .budget = &budget,
                             .memory_limit_bytes = driver->limit_bytes,
                             .parallelism = driver->parallelism};
    int result = drive(driver, &query, executor, &memory.writer, error);
    for (int i = 0; i < 5; i++)
        driver->counters[i] = df_query_counter(&query, counter_names[i]);
    df_buf_put_slice(answer, df_buf_slice(&memory.content));
    df_arena_dispose(&query.arena);
    df_memory_writer_dispose(&memory);
    df_executor_free(executor);
    assert_int_equal(budget.used_bytes, 0);
    driver->peak_bytes = budget.peak_bytes;
    test_folder_remove(spill);
    return result;
}

/* ---- the tests' world ---- */

struct world {
    char folder[256];
    struct df_store *store;
};

static int world_make(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct df_error error = {0};
    snprintf(world->folder, sizeof world->folder, "%s", test_folder_make());
    assert_ok(df_store_create(&world->store, &error), &error);
    *state = world;
    return 0;
}

static int world_free(void **state)
{
    struct world *world = *state;
    df_store_free(world->store);
    test_folder_remove(world->folder);
    free(world);
    return 0;
}

static struct driver make_driver(const struct world *world)
{
    return (struct driver){.store = world->store, .threads = 1, .parallelism = 2, .room = 3};
}

#define VIEW_CART_BUY                                                                                                  \
    "{\"filter\":[\"event\",\"==\",\"view\"]},{\"filter\":[\"event\",\"==\",\"cart\"],\"name\":\"in the cart\"},"      \
    "{\"filter\":[\"event\",\"contains\",\"uy\"]}"

static const char *make_request(struct df_buf *out, const char *paths, const char *groups, const char *steps)
{
    df_buf_clear(out);
    df_buf_printf(out,
                  "{\"dataset\":{\"paths\":[%s],\"user\":\"user\",\"time\":\"time\",\"groups\":\"%s\"},"
                  "\"funnel\":{\"sequence\":[%s]}}",
                  paths, groups, steps);
    return df_buf_text(out);
}

static const char *quoted(const struct world *world, const char *name)
{
    static char place[600];
    snprintf(place, sizeof place, "\"%s/%s\"", world->folder, name);
    return place;
}

static struct event *make_crowd(size_t n, uint64_t users, uint64_t seed)
{
    struct event *events = calloc(n, sizeof *events);
    uint64_t random = seed;
    for (size_t i = 0; i < n; i++)
        events[i] = (struct event){.has_user = test_random(&random) % 50 != 0,
                                   .has_time = test_random(&random) % 50 != 0,
                                   .user = (int64_t)(test_random(&random) % users),
                                   .time = 1430622004384 + (int64_t)(test_random(&random) % 50),
                                   .matches = 1u << test_random(&random) % 4 & 7};
    return events;
}

static void put_naive_answer(const struct event *events, size_t n, struct df_buf *out)
{
    const struct df_funnel_step steps[] = {{.filter = 0}, {.filter = 1}, {.filter = 2}};
    struct naive_answer naive;
    naive_evaluate(events, n, steps, 3, &naive);
    df_buf_printf(out, "{\"query\":{\"matchingGroups\":%" PRIu64 ",\"matchingGroupRows\":%" PRIu64 "},", naive.groups,
                  naive.group_rows);
    df_buf_put_text(out, "\"funnel\":{\"sequence\":[");
    for (int i = 0; i < 3; i++)
        df_buf_printf(
            out, "%s{%s\"matchingGroups\":%" PRIu64 ",\"matchingGroupRows\":%" PRIu64 ",\"aggregations\":null}",
            i ? "," : "", i == 1 ? "\"name\":\"in the cart\"," : "", naive.steps[i].users, naive.steps[i].rows);
    df_buf_put_text(out, "],\"endAggregations\":null}}");
}

/* ---- answers ---- */

static void assert_answer(struct driver *driver, const char *request, struct df_buf *expected)
{
    struct df_error error = {0};
    struct df_buf answer = {0};
    if (run_query(driver, request, &answer, &error) < 0)
        fail_msg("%s\n%s: %s", request, df_error_name(error.kind), error.message);
    assert_string_equal(df_buf_text(&answer), df_buf_text(expected));
    df_buf_dispose(&answer);
}

/* Every way to cut, promise and run the same events. */
static void test_answers_are_those_of_trying_every_chain_however_files_are_cut(void **state)
{
    struct world *world = *state;
    enum { EVENTS = 1500 };
    static const struct {
        const char *name;
        unsigned files;
        enum cut cut;
        bool whole; /* a promise that holds */
    } cuts[] = {{"one", 1, BY_TIME, true},
                {"days", 8, BY_TIME, false},
                {"users", 8, BY_USER, true},
                {"ranges", 3, BY_USER_RANGE, true}};
    struct event *events = make_crowd(EVENTS, 300, 7);
    struct df_buf expected = {0}, request = {0};
    put_naive_answer(events, EVENTS, &expected);
    for (int kind = 0; kind < 2; kind++) {
        for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
            char name[64], folder[512];
            snprintf(name, sizeof name, "%s-%d", cuts[c].name, kind);
            snprintf(folder, sizeof folder, "%s/%s", world->folder, name);
            const struct file_options options = {.user = (enum user_kind)kind,
                                                 .time = DF_PARQUET_TIMESTAMP_MS,
                                                 .row_group_rows = 100,
                                                 .dictionary = c % 2};
            write_folder(world->store, folder, events, EVENTS, cuts[c].files, cuts[c].cut, &options);
            static const char *const promises[] = {"auto", "spread", "whole"};
            for (int promise = 0; promise < (cuts[c].whole ? 3 : 2); promise++) {
                for (unsigned threads = 1; threads <= 4; threads += 3) {
                    struct driver driver = make_driver(world);
                    driver.threads = driver.parallelism = threads;
                    driver.room = threads * 100;
                    assert_answer(&driver,
                                  make_request(&request, quoted(world, name), promises[promise], VIEW_CART_BUY),
                                  &expected);
                    assert_int_equal(driver.counters[0], EVENTS);
                    assert_int_equal(driver.counters[3], cuts[c].files);
                    assert_true(driver.counters[2] > 0);
                    assert_true(driver.counters[1] > 200);
                }
            }
        }
    }
    free(events);
    df_buf_dispose(&expected);
    df_buf_dispose(&request);
}

static void test_answers_do_not_depend_on_the_memory(void **state)
{
    struct world *world = *state;
    enum { EVENTS = 120000 };
    struct event *events = make_crowd(EVENTS, 40000, 9);
    struct df_buf expected = {0}, request = {0};
    struct df_error error = {0};
    for (int kind = 0; kind < 2; kind++) {
        const struct file_options options = {
            .user = (enum user_kind)kind, .time = DF_PARQUET_TIMESTAMP_MS, .row_group_rows = 20000};
        char folder[512];
        snprintf(folder, sizeof folder, "%s/whole-%d", world->folder, kind);
        write_folder(world->store, folder, events, EVENTS, 1, BY_TIME, &options);
        snprintf(folder, sizeof folder, "%s/spread-%d", world->folder, kind);
        write_folder(world->store, folder, events, EVENTS, 8, BY_TIME, &options);
        for (int spread = 0; spread < 2; spread++) {
            static const uint64_t limits[] = {0, 64 << 20, 4 << 20, 2 << 20, 1 << 20};
            char name[32];
            snprintf(name, sizeof name, "%s-%d", spread ? "spread" : "whole", kind);
            for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
                struct driver driver = make_driver(world);
                driver.limit_bytes = limits[i];
                make_request(&request, quoted(world, name), "auto", VIEW_CART_BUY);
                if (expected.size == 0)
                    assert_ok(run_query(&driver, df_buf_text(&request), &expected, &error), &error);
                assert_answer(&driver, df_buf_text(&request), &expected);
                assert_int_equal(driver.counters[0], EVENTS);
                /* The floor of a part may pass the limit by what it is. */
                if (limits[i])
                    assert_true(driver.peak_bytes <= limits[i] + (512 << 10));
            }
        }
    }
    free(events);
    df_buf_dispose(&expected);
    df_buf_dispose(&request);
}

/* ---- which stages ---- */

static void assert_stages(struct world *world, const char *name, const char *groups, const char *expected,
                          unsigned parallelism)
{
    static const char letters[] = "?FCSG";
    struct driver driver = make_driver(world);
    struct df_error error = {0};
    struct df_buf request = {0}, answer = {0};
    char found[8] = "";
    driver.parallelism = parallelism;
    assert_ok(run_query(&driver, make_request(&request, quoted(world, name), groups, VIEW_CART_BUY), &answer, &error),
              &error);
    for (uint32_t i = 0; i < driver.stages; i++)
        found[i] = letters[driver.stage_roles[i]];
    assert_string_equal(found, expected);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

static void test_an_exchange_is_made_only_where_users_may_be_spread(void **state)
{
    struct world *world = *state;
    enum { EVENTS = 1000 };
    struct event *events = make_crowd(EVENTS, 600, 3);
    struct file_options ints = {.row_group_rows = 100}, strings = {.user = USER_STRING, .row_group_rows = 100};
    char folder[512];
    const char *base = world->folder;
    snprintf(folder, sizeof folder, "%s/alone", base);
    write_folder(world->store, folder, events, EVENTS, 1, BY_TIME, &ints);
    snprintf(folder, sizeof folder, "%s/days", base);
    write_folder(world->store, folder, events, EVENTS, 4, BY_TIME, &ints);
    snprintf(folder, sizeof folder, "%s/ranges", base);
    write_folder(world->store, folder, events, EVENTS, 3, BY_USER_RANGE, &ints);
    snprintf(folder, sizeof folder, "%s/strings", base);
    write_folder(world->store, folder, events, EVENTS, 3, BY_USER, &strings);
    strings.whole = true;
    snprintf(folder, sizeof folder, "%s/saying", base);
    write_folder(world->store, folder, events, EVENTS, 3, BY_USER, &strings);

    assert_stages(world, "alone", "auto", "C", 2);
    assert_stages(world, "alone", "whole", "C", 2);
    assert_stages(world, "alone", "spread", "FSG", 2);
    assert_stages(world, "alone/*.parquet", "auto", "C", 2);
    assert_stages(world, "alone/part-000.parquet", "auto", "C", 2);
    assert_stages(world, "days", "auto", "FSG", 2);
    assert_stages(world, "days", "whole", "C", 2);
    assert_stages(world, "ranges", "auto", "FC", 2);
    assert_stages(world, "ranges", "spread", "FSG", 2);
    assert_stages(world, "strings", "auto", "FSG", 2);
    assert_stages(world, "saying", "auto", "FC", 2);
    assert_stages(world, "saying", "auto", "FC", 16); /* too little for an exchange to pay */
    free(events);
}

static void test_files_without_rows_are_no_work(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct df_buf request = {0}, answer = {0};
    struct driver driver = make_driver(world);
    const struct file_options options = {.row_group_rows = 100};
    char folder[512];
    snprintf(folder, sizeof folder, "%s/empty", world->folder);
    write_folder(world->store, folder, NULL, 0, 3, BY_USER, &options);
    assert_ok(
        run_query(&driver, make_request(&request, quoted(world, "empty"), "auto", VIEW_CART_BUY), &answer, &error),
        &error);
    assert_int_equal(driver.stages, 1);
    assert_memory_equal(df_buf_text(&answer), "{\"query\":{\"matchingGroups\":0,\"matchingGroupRows\":0}", 49);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

static void test_a_file_that_is_named_twice_is_read_once(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct df_buf request = {0}, answer = {0}, paths = {0};
    struct driver driver = make_driver(world);
    struct event *events = make_crowd(100, 10, 1);
    const struct file_options options = {.row_group_rows = 100};
    char folder[512];
    snprintf(folder, sizeof folder, "%s/twice", world->folder);
    write_folder(world->store, folder, events, 100, 2, BY_TIME, &options);
    df_buf_printf(&paths, "\"%s\",\"%s/part-001.parquet\",\"file://%s/part-000.parquet\",\"%s/./\"", folder, folder,
                  folder, folder);
    assert_ok(run_query(&driver, make_request(&request, df_buf_text(&paths), "auto", VIEW_CART_BUY), &answer, &error),
              &error);
    assert_int_equal(driver.counters[0], 100);
    assert_int_equal(driver.counters[3], 2);
    free(events);
    df_buf_dispose(&paths);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

static void test_ten_thousand_steps_are_counted(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct df_buf request = {0}, answer = {0}, steps = {0};
    struct driver driver = make_driver(world);
    struct event events[2000];
    const struct file_options options = {.row_group_rows = 1000};
    char folder[512];
    for (int i = 0; i < 2000; i++)
        events[i] = (struct event){.has_user = true, .has_time = true, .user = 1, .time = i, .matches = 1};
    snprintf(folder, sizeof folder, "%s/long", world->folder);
    write_folder(world->store, folder, events, 2000, 2, BY_TIME, &options);
    for (int i = 0; i < 10000; i++)
        df_buf_printf(&steps, "%s{\"filter\":[\"event\",\"==\",\"view\"]}", i ? "," : "");
    assert_ok(
        run_query(&driver, make_request(&request, quoted(world, "long"), "auto", df_buf_text(&steps)), &answer, &error),
        &error);
    unsigned reached = 0;
    for (const char *at = df_buf_text(&answer); (at = strstr(at, "\"matchingGroups\":1,")); at++)
        reached++;
    assert_int_equal(reached, 2001); /* 2000 steps, and the query's own count */
    df_buf_dispose(&steps);
    df_buf_dispose(&request);
    df_buf_dispose(&answer);
}

/* ---- errors ---- */

static void assert_query_fails(struct driver *driver, const char *request, enum df_error_kind kind, const char *message)
{
    struct df_error error = {0};
    struct df_buf answer = {0};
    assert_fails(run_query(driver, request, &answer, &error), &error, kind, message);
    assert_int_equal(answer.size, 0);
    df_buf_dispose(&answer);
}

static void test_data_errors_name_the_thing_and_a_way_out(void **state)
{
    struct world *world = *state;
    struct df_buf request = {0};
    struct event *events = make_crowd(200, 20, 1);
    char folder[512];
    struct file_options options = {.row_group_rows = 100, .time = DF_PARQUET_TIMESTAMP_MS};
    snprintf(folder, sizeof folder, "%s/good", world->folder);
    write_folder(world->store, folder, events, 200, 2, BY_TIME, &options);
    static const struct {
        const char *user, *time, *steps, *message;
        enum df_error_kind kind;
    } cases[] = {
        {"user", "time", "{\"filter\":[\"evnt\",\"==\",\"view\"]}",
         "part-000.parquet has no column 'evnt'; did you mean 'event'? It has: user, time, event, price",
         DF_ERROR_INVALID},
        {"user", "time", "{\"filter\":[\"event\",\"==\",\"view\"]},{\"filter\":[\"nothing_like_it\",\"==\",1]}",
         "funnel.sequence[1].filter", DF_ERROR_INVALID},
        {"usr", "time", VIEW_CART_BUY, "has no column 'usr'; did you mean 'user'?", DF_ERROR_INVALID},
        {"price", "time", VIEW_CART_BUY, "column 'price' cannot tell users apart: it is a float", DF_ERROR_INVALID},
        {"user", "event", VIEW_CART_BUY, "column 'event' cannot be the time: it is a string", DF_ERROR_INVALID},
        {"user", "price", VIEW_CART_BUY, "column 'price' cannot be the time: it is a float", DF_ERROR_INVALID},
        {"user", "time", "{\"filter\":[\"event\",\"==\",5]}",
         "column 'event' is a string and 5 is a number; quote it: event = '5'", DF_ERROR_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int whole = 0; whole < 2; whole++) {
            struct driver driver = make_driver(world);
            df_buf_clear(&request);
            df_buf_printf(&request,
                          "{\"dataset\":{\"paths\":[\"%s\"],\"user\":\"%s\",\"time\":\"%s\",\"groups\":\"%s\"},"
                          "\"funnel\":{\"sequence\":[%s]}}",
                          folder, cases[i].user, cases[i].time, whole ? "whole" : "auto", cases[i].steps);
            assert_query_fails(&driver, df_buf_text(&request), cases[i].kind, cases[i].message);
            assert_int_equal(driver.stages, 1); /* told by the footers, before any row is read */
        }
    }
    free(events);
    df_buf_dispose(&request);
}

static void test_missing_and_wrong_files_are_told(void **state)
{
    struct world *world = *state;
    struct df_error error = {0};
    struct df_buf request = {0};
    struct driver driver = make_driver(world);
    char path[512];
    assert_query_fails(&driver, make_request(&request, quoted(world, "nowhere"), "auto", VIEW_CART_BUY),
                       DF_ERROR_NOT_FOUND, "nowhere");
    snprintf(path, sizeof path, "%s/texts/readme.txt", world->folder);
    struct df_put put = {.uri = path, .content = df_slice_text("hello"), .condition = DF_PUT_ALWAYS};
    assert_ok(df_store_put(world->store, &put, NULL, &error), &error);
    assert_query_fails(&driver, make_request(&request, quoted(world, "texts"), "auto", VIEW_CART_BUY),
                       DF_ERROR_NOT_FOUND, "no *.parquet below '");
    snprintf(path, sizeof path, "%s/texts/false.parquet", world->folder);
    assert_ok(df_store_put(world->store, &put, NULL, &error), &error);
    assert_query_fails(&driver, make_request(&request, quoted(world, "texts"), "auto", VIEW_CART_BUY), DF_ERROR_CORRUPT,
                       "false.parquet");
    df_buf_dispose(&request);
}

static void test_files_that_do_not_go_together_are_both_named(void **state)
{
    struct world *world = *state;
    struct df_buf request = {0};
    struct event *events = make_crowd(200, 20, 1);
    char path[512];
    static const struct {
        const char *name, *message;
        struct file_options second;
    } cases[] = {{"kinds",
                  "the user column 'user' is an integer in ",
                  {.user = USER_STRING, .time = DF_PARQUET_TIMESTAMP_MS, .row_group_rows = 100}},
                 {"units",
                  "the time column 'time' is a timestamp in ms in ",
                  {.time = DF_PARQUET_TIMESTAMP_US, .row_group_rows = 100}}};
    for (size_t i = 0; i < 2; i++) {
        const struct file_options first = {.time = DF_PARQUET_TIMESTAMP_MS, .row_group_rows = 100};
        snprintf(path, sizeof path, "%s/%s/a.parquet", world->folder, cases[i].name);
        write_file(world->store, path, events, 200, &first);
        snprintf(path, sizeof path, "%s/%s/b.parquet", world->folder, cases[i].name);
        write_file(world->store, path, events, 200, &cases[i].second);
        struct driver driver = make_driver(world);
        make_request(&request, quoted(world, cases[i].name), "auto", VIEW_CART_BUY);
        assert_query_fails(&driver, df_buf_text(&request), DF_ERROR_INVALID, cases[i].message);
        assert_query_fails(&driver, df_buf_text(&request), DF_ERROR_INVALID, "b.parquet");
    }
    free(events);
    df_buf_dispose(&request);
}

struct vanishing {
    struct df_store *store;
    char path[512];
    uint32_t at_stage;
};

static void remove_before(void *ctx, uint32_t stage)
{
    struct vanishing *vanishing = ctx;
    struct df_error error = {0};
    if (stage == vanishing->at_stage)
        assert_ok(df_store_remove(vanishing->store, vanishing->path, df_deadline_never(), &error), &error);
}

static void test_a_file_that_vanishes_ends_the_query_with_its_name(void **state)
{
    struct world *world = *state;
    struct df_buf request = {0};
    struct event *events = make_crowd(200, 20, 1);
    const struct file_options options = {.row_group_rows = 100};
    for (uint32_t stage = 0; stage < 2; stage++) {
        char folder[512];
        struct vanishing vanishing = {.store = world->store, .at_stage = stage};
        struct driver driver = make_driver(world);
        snprintf(folder, sizeof folder, "%s/vanishing", world->folder);
        write_folder(world->store, folder, events, 200, 3, BY_TIME, &options);
        snprintf(vanishing.path, sizeof vanishing.path, "%s/vanishing/part-001.parquet", world->folder);
        driver.before_run = remove_before;
        driver.ctx = &vanishing;
        assert_query_fails(&driver, make_request(&request, quoted(world, "vanishing"), "auto", VIEW_CART_BUY),
                           DF_ERROR_NOT_FOUND, "part-001.parquet");
    }
    free(events);
    df_buf_dispose(&request);
}

static void test_a_user_beyond_the_memory_is_named(void **state)
{
    struct world *world = *state;
    struct df_buf request = {0};
    enum { EVENTS = 200000 };
    struct event *events = make_crowd(EVENTS, 50, 1);
    const struct file_options options = {.row_group_rows = 20000};
    char folder[512];
    for (size_t i = 0; i < EVENTS; i++)
        if (i % 10)
            events[i] =
                (struct event){.has_user = true, .has_time = true, .user = 4711, .time = (int64_t)i, .matches = 1};
    snprintf(folder, sizeof folder, "%s/giant", world->folder);
    write_folder(world->store, folder, events, EVENTS, 2, BY_TIME, &options);
    struct driver driver = make_driver(world);
    driver.limit_bytes = 1 << 20;
    assert_query_fails(&driver, make_request(&request, quoted(world, "giant"), "spread", VIEW_CART_BUY),
                       DF_ERROR_EXHAUSTED, "user 4711 do not fit");
    assert_query_fails(&driver, make_request(&request, quoted(world, "giant"), "whole", VIEW_CART_BUY),
                       DF_ERROR_EXHAUSTED, "memory.limit");
    free(events);
    df_buf_dispose(&request);
}

static void test_a_wrong_request_never_starts_a_stage(void **state)
{
    struct world *world = *state;
    struct driver driver = make_driver(world);
    assert_query_fails(&driver, "{\"dataset\":{}}", DF_ERROR_INVALID, "dataset.paths: missing");
    assert_int_equal(driver.stages, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_those_of_trying_every_chain_however_files_are_cut),
        cmocka_unit_test(test_answers_do_not_depend_on_the_memory),
        cmocka_unit_test(test_an_exchange_is_made_only_where_users_may_be_spread),
        cmocka_unit_test(test_files_without_rows_are_no_work),
        cmocka_unit_test(test_a_file_that_is_named_twice_is_read_once),
        cmocka_unit_test(test_ten_thousand_steps_are_counted),
        cmocka_unit_test(test_data_errors_name_the_thing_and_a_way_out),
        cmocka_unit_test(test_missing_and_wrong_files_are_told),
        cmocka_unit_test(test_files_that_do_not_go_together_are_both_named),
        cmocka_unit_test(test_a_file_that_vanishes_ends_the_query_with_its_name),
        cmocka_unit_test(test_a_user_beyond_the_memory_is_named),
        cmocka_unit_test(test_a_wrong_request_never_starts_a_stage),
    };
    return cmocka_run_group_tests(tests, world_make, world_free);
}
