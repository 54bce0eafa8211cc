/* A driver for tests of whole queries: what a job does, without its troubles. Plans, runs on an executor, folds,
 * finishes; remembers which stages there were. */
#ifndef DF_FUNNEL_DRIVER_H
#define DF_FUNNEL_DRIVER_H

#include <pthread.h>
#include <stdlib.h>

#include "engine/funnel/funnel.h"
#include "engine/funnel/plan/partial.h"
#include "testing/testing.h"
#include "worker/executor.h"

enum { DRIVER_PARTS_MAX = 4096, DRIVER_STAGES_MAX = 8 };

struct planned {
    struct df_part part;
    char *uri, *etag, *detail;
    struct df_part_result result;
};

struct stage {
    struct planned *parts[DRIVER_PARTS_MAX];
    const struct df_part *pointers[DRIVER_PARTS_MAX];
    uint32_t count, sections;
    struct df_buf request;
};

struct driver {
    struct df_store *store;
    uint64_t limit_bytes; /* 0: none */
    unsigned threads, parallelism;
    uint32_t room;
    uint64_t partial_values;                       /* 0: as the engine thinks */
    bool in_memory;                                /* sections are never put aside */
    void (*before_run)(void *ctx, uint32_t stage); /* may be NULL */
    void *ctx;

    /* What happened. */
    uint32_t stages;
    enum df_funnel_role stage_roles[DRIVER_STAGES_MAX];
    uint32_t stage_parts[DRIVER_STAGES_MAX];
    char way[DRIVER_STAGES_MAX + 1]; /* a letter per stage: F W S G V */
    struct df_counter counters[DF_QUERY_COUNTERS];
    char explain[8192];
    uint64_t peak_bytes;
};

static inline uint64_t driver_counter(const struct driver *driver, const char *name)
{
    for (int i = 0; i < DF_QUERY_COUNTERS; i++)
        if (driver->counters[i].name && strcmp(driver->counters[i].name, name) == 0)
            return driver->counters[i].value;
    fail_msg("nothing was counted as %s", name);
    return 0;
}

static inline int driver_add(struct df_plan *plan, const struct df_part *part, struct df_error *error)
{
    struct stage *stage = plan->ctx;
    (void)error;
    assert_true(stage->count < DRIVER_PARTS_MAX);
    struct planned *planned = calloc(1, sizeof *planned);
    planned->part = *part;
    planned->part.index = stage->count;
    planned->part.uri = planned->uri = strdup(part->uri);
    planned->part.etag = planned->etag = strdup(part->etag);
    planned->detail = df_slice_strdup(part->detail);
    planned->part.detail.data = (const uint8_t *)planned->detail;
    stage->pointers[stage->count] = &planned->part;
    stage->parts[stage->count++] = planned;
    return 0;
}

static inline int driver_plan(struct df_query *query, uint32_t index, const struct driver *driver, struct stage *stage,
                              struct df_error *error)
{
    int more = DF_PLAN_MORE;
    for (bool first = true; more == DF_PLAN_MORE; first = false) {
        struct df_plan plan = {.room = driver->room, .add = driver_add, .ctx = stage};
        more = query->engine->plan(query, index, &plan, error);
        if (first) {
            stage->sections = plan.sections;
            df_buf_put_slice(&stage->request, plan.request.data ? plan.request : query->request);
        }
        for (uint32_t i = 0; i < stage->count; i++)
            stage->parts[i]->part.stage = index;
    }
    return more;
}

struct driver_waiting {
    struct stage *stage;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool done;
};

static inline void driver_on_part(void *ctx, uint32_t position, struct df_part_result *result)
{
    struct driver_waiting *waiting = ctx;
    waiting->stage->parts[position]->result = *result;
}

static inline void driver_on_done(void *ctx)
{
    struct driver_waiting *waiting = ctx;
    pthread_mutex_lock(&waiting->mutex);
    waiting->done = true;
    pthread_cond_signal(&waiting->cond);
    pthread_mutex_unlock(&waiting->mutex);
}

static inline void driver_run(struct df_query *query, struct df_executor *executor, uint32_t index, struct stage *stage,
                              struct df_section_manifest *inputs)
{
    struct driver_waiting waiting = {.stage = stage};
    pthread_mutex_init(&waiting.mutex, NULL);
    pthread_cond_init(&waiting.cond, NULL);
    struct df_envelope envelope = {.engine = query->engine,
                                   .job = "test",
                                   .stage = index,
                                   .attempt = index + 1,
                                   .deadline = df_deadline_never(),
                                   .request = df_buf_slice(&stage->request),
                                   .sections = stage->sections,
                                   .inputs = inputs,
                                   .parts = stage->pointers,
                                   .part_count = stage->count};
    struct df_execution execution = {
        .envelope = &envelope, .callbacks = {.on_part = driver_on_part, .on_done = driver_on_done, .ctx = &waiting}};
    df_executor_submit(executor, &execution);
    pthread_mutex_lock(&waiting.mutex);
    while (!waiting.done)
        pthread_cond_wait(&waiting.cond, &waiting.mutex);
    pthread_mutex_unlock(&waiting.mutex);
    pthread_mutex_destroy(&waiting.mutex);
    pthread_cond_destroy(&waiting.cond);
}

static inline int driver_fold(struct df_query *query, struct stage *stage, struct df_writer *writer,
                              struct df_section_manifest **outputs, struct df_error *error)
{
    int result = DF_FOLD_MORE;
    if (stage->sections)
        assert_ok(df_section_manifest_create(outputs, stage->sections, error), error);
    for (uint32_t i = 0; result == DF_FOLD_MORE && i < stage->count; i++) {
        struct df_part_result *part = &stage->parts[i]->result;
        struct df_outcome outcome = {.failed = part->failed, .error = part->error, .blob = df_buf_slice(&part->blob)};
        result = query->engine->fold(query, &stage->parts[i]->part, &outcome, writer, error);
        if (result >= 0 && stage->sections) {
            assert_ok(df_section_manifest_put(*outputs, i, part->sections, error), error);
            part->sections = NULL;
        }
    }
    return result < 0 ? -1 : 0;
}

static inline void driver_free_stage(struct stage *stage)
{
    for (uint32_t i = 0; i < stage->count; i++) {
        df_part_result_dispose(&stage->parts[i]->result);
        free(stage->parts[i]->uri);
        free(stage->parts[i]->etag);
        free(stage->parts[i]->detail);
        free(stage->parts[i]);
    }
    df_buf_dispose(&stage->request);
    free(stage);
}

/* One stage: 1 when it had parts, 0 when it had none. *inputs becomes what it wrote. */
static inline int driver_stage(struct driver *driver, struct df_query *query, struct df_executor *executor,
                               struct df_writer *writer, struct df_section_manifest **inputs, struct df_error *error)
{
    struct stage *stage = calloc(1, sizeof *stage);
    struct df_section_manifest *outputs = NULL;
    uint32_t index = driver->stages;
    int result = driver_plan(query, index, driver, stage, error);
    if (result >= 0 && stage->count > 0) {
        assert_true(index < DRIVER_STAGES_MAX);
        driver->stages++;
        driver->stage_roles[index] = (enum df_funnel_role)stage->parts[0]->detail[0];
        driver->stage_parts[index] = stage->count;
        driver->way[index] = "?FWSGV"[driver->stage_roles[index]];
        driver->way[index + 1] = '\0';
        if (driver->before_run)
            driver->before_run(driver->ctx, index);
        driver_run(query, executor, index, stage, *inputs);
        result = driver_fold(query, stage, writer, &outputs, error);
        result = result < 0 ? -1 : 1;
    }
    df_section_manifest_release(*inputs);
    *inputs = outputs;
    driver_free_stage(stage);
    return result;
}

static inline int drive(struct driver *driver, struct df_query *query, struct df_executor *executor,
                        struct df_writer *writer, struct df_error *error)
{
    struct df_section_manifest *inputs = NULL;
    driver->stages = 0;
    driver->way[0] = '\0';
    int result = query->engine->query_begin(query, error);
    if (result == 0)
        while ((result = driver_stage(driver, query, executor, writer, &inputs, error)) > 0)
            ;
    df_section_manifest_release(inputs);
    if (result == 0)
        result = query->engine->finish(query, writer, error);
    query->engine->query_end(query, result == 0 ? DF_END_DONE : DF_END_FAILED);
    return result;
}

/* Appends the answer. Everything that was on the account has been given back. */
static inline int run_query(struct driver *driver, const char *request, struct df_buf *answer, struct df_error *error)
{
    char spill[256];
    snprintf(spill, sizeof spill, "%s", test_folder_make());
    struct df_budget budget;
    struct df_executor *executor;
    struct df_memory_writer memory;
    df_budget_init(&budget, driver->limit_bytes);
    df_memory_writer_init(&memory, 0);
    const struct df_executor_options options = {.threads = driver->threads,
                                                .store = driver->store,
                                                .budget = &budget,
                                                .temporary_folder = driver->in_memory ? NULL : spill};
    assert_ok(df_executor_create(&executor, &options, error), error);
    struct df_query query = {.engine = &df_engine_funnel,
                             .request = df_slice_text(request),
                             .store = driver->store,
                             .budget = &budget,
                             .memory_limit_bytes = driver->limit_bytes,
                             .parallelism = driver->parallelism,
                             .partial_values = driver->partial_values};
    int result = drive(driver, &query, executor, &memory.writer, error);
    memcpy(driver->counters, query.counters, sizeof driver->counters);
    snprintf(driver->explain, sizeof driver->explain, "%s", query.explain.size ? df_buf_text(&query.explain) : "");
    df_buf_put_slice(answer, df_buf_slice(&memory.content));
    df_query_dispose(&query);
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

static inline int world_make(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct df_error error = {0};
    snprintf(world->folder, sizeof world->folder, "%s", test_folder_make());
    assert_ok(df_store_create(&world->store, &error), &error);
    *state = world;
    return 0;
}

static inline int world_free(void **state)
{
    struct world *world = *state;
    df_store_free(world->store);
    test_folder_remove(world->folder);
    free(world);
    return 0;
}

static inline struct driver make_driver(const struct world *world)
{
    return (struct driver){.store = world->store, .threads = 1, .parallelism = 2, .room = 3};
}

/* Runs; the answer is `expected` when that has content, and becomes it when it has none. */
static inline void assert_same_answer(struct driver *driver, const char *request, struct df_buf *expected)
{
    struct df_error error = {0};
    struct df_buf answer = {0};
    if (run_query(driver, request, &answer, &error) < 0)
        fail_msg("%s\n%s: %s", request, df_error_name(error.kind), error.message);
    if (expected->size == 0)
        df_buf_put_slice(expected, df_buf_slice(&answer));
    else if (!df_slice_equal(df_buf_slice(expected), df_buf_slice(&answer)))
        fail_msg("%s\nway %s, %u threads, memory %llu, values %llu:\n%s\nexpected:\n%s", request, driver->way,
                 driver->threads, (unsigned long long)driver->limit_bytes, (unsigned long long)driver->partial_values,
                 df_buf_text(&answer), df_buf_text(expected));
    df_buf_dispose(&answer);
}

static inline void assert_query_fails(struct driver *driver, const char *request, enum df_error_kind kind,
                                      const char *message)
{
    struct df_error error = {0};
    struct df_buf answer = {0};
    assert_fails(run_query(driver, request, &answer, &error), &error, kind, message);
    assert_int_equal(answer.size, 0);
    df_buf_dispose(&answer);
}

static inline int driver_put_piece(void *ctx, struct df_slice piece, struct df_error *error)
{
    df_buf_put_slice(ctx, piece);
    return df_buf_failed(ctx) ? df_error_no_memory(error, "test") : 0;
}

#endif
