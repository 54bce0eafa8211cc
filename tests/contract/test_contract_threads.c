/* Jobs over real threads: a pool of four, an executor of four, several queries at once on one loop, writers that are
 * drained by another thread, cancellation and deadlines at any moment. What ThreadSanitizer is to look at; the answers
 * are compared with the model as everywhere. */
#include <pthread.h>
#include <unistd.h>

#include "contract/rig.h"

enum { ROUNDS = 60, JOBS = 4, THREADS = 4 };

/* A writer that is full after every third put until a thread of its own has drained it. */
struct slow_writer {
    struct df_writer base;
    struct df_pool *drainer;
    struct df_pool_call call;
    pthread_mutex_t mutex;
    struct df_buf content; /* under mutex, as all below */
    uint32_t puts;
    atomic_bool full; /* set under mutex, asked without */
    bool finished, aborted;
};

static void drain(void *ctx)
{
    struct slow_writer *writer = ctx;
    usleep(200);
    pthread_mutex_lock(&writer->mutex);
    writer->full = false;
    /* Under the lock, so that it never comes after finish or abort. */
    if (!writer->finished && !writer->aborted)
        writer->base.drained(writer->base.drained_ctx);
    pthread_mutex_unlock(&writer->mutex);
}

static int slow_put(struct df_writer *base, struct df_buf *blob, struct df_error *error)
{
    struct slow_writer *writer = (struct slow_writer *)base;
    (void)error;
    pthread_mutex_lock(&writer->mutex);
    df_buf_put_slice(&writer->content, df_buf_slice(blob));
    bool fill = ++writer->puts % 3 == 0 && !writer->full;
    if (fill)
        writer->full = true;
    pthread_mutex_unlock(&writer->mutex);
    df_buf_dispose(blob);
    if (fill) {
        writer->call = (struct df_pool_call){.fn = drain, .ctx = writer};
        df_pool_submit(writer->drainer, &writer->call);
    }
    return 0;
}

static bool slow_full(const struct df_writer *base)
{
    return atomic_load(&((const struct slow_writer *)base)->full);
}

static void slow_finish(struct df_writer *base)
{
    struct slow_writer *writer = (struct slow_writer *)base;
    pthread_mutex_lock(&writer->mutex);
    writer->finished = true;
    pthread_mutex_unlock(&writer->mutex);
}

static void slow_abort(struct df_writer *base, const struct df_error *error)
{
    struct slow_writer *writer = (struct slow_writer *)base;
    (void)error;
    pthread_mutex_lock(&writer->mutex);
    writer->aborted = true;
    pthread_mutex_unlock(&writer->mutex);
}

static const struct df_writer_ops slow_ops = {
    .put = slow_put, .full = slow_full, .finish = slow_finish, .abort = slow_abort};

/* ---- a round ---- */

static struct rig rigs[JOBS];
static struct slow_writer writers[JOBS];
static struct df_progress progress[JOBS];
static uint32_t running;
static uint64_t ends[4];

static void on_end(void *ctx, struct df_job *job, enum df_end end, const struct df_error *error)
{
    struct rig *rig = ctx;
    rig->ends++;
    rig->end = end;
    if (error)
        rig->error = *error;
    df_timer_stop(rig->loop, &rig->cancel_timer);
    df_job_free(job);
    if (--running == 0)
        df_loop_stop(rig->loop);
}

static void make_query(struct rig *rig, uint64_t seed)
{
    rig->random = seed;
    rig->stage_count = 1 + (uint32_t)rig_random(rig, 3);
    for (uint32_t s = 0; s < rig->stage_count; s++) {
        struct rig_stage *stage = &rig->stages[s];
        stage->part_count = 1 + (uint32_t)rig_random(rig, 40);
        stage->sections = s + 1 < rig->stage_count && rig_random(rig, 2) ? 5 : 0;
        if (rig_random(rig, 6) == 0)
            stage->enough_after = 1 + (uint32_t)rig_random(rig, stage->part_count);
        for (uint32_t i = 0; i < stage->part_count; i++)
            stage->parts[i].flags = rig_random(rig, 10) ? 0 : DF_PART_LOCAL;
    }
    if (rig_random(rig, 8) == 0)
        rig->options.timeout_ms = 1 + (int64_t)rig_random(rig, 5);
}

static void start(struct rig *rig, size_t i, struct df_invoker *invoker, struct df_pool *drainer)
{
    struct df_error error = {0};
    struct rig *pointer = rig;
    writers[i] = (struct slow_writer){.base = {.ops = &slow_ops}, .drainer = drainer};
    pthread_mutex_init(&writers[i].mutex, NULL);
    memset(&progress[i], 0, sizeof progress[i]);
    rig->options.writer = &writers[i].base;
    rig->options.invoker = rig->options.local = invoker;
    rig->options.progress = &progress[i];
    rig->options.seed = 0;
    rig->options.request = df_slice_make(&pointer, sizeof pointer);
    assert_ok(df_job_start(&rig->job, &rig->options, on_end, rig, &error), &error);
    running++;
    rig->cancel_timer = (struct df_timer){.fn = rig_cancel_job, .ctx = rig};
    if (rig_random(rig, 4) == 0)
        df_timer_start(rig->loop, &rig->cancel_timer, df_deadline_after_ms((int64_t)rig_random(rig, 8)));
}

static void check_round(struct rig *rig, struct slow_writer *writer)
{
    struct df_buf expected = {0};
    bool fails;
    rig_expect(rig, &expected, &fails);
    assert_int_equal(rig->ends, 1);
    ends[rig->end]++;
    if (rig->end == DF_END_FAILED)
        fail_msg("failed: %s", rig->error.message);
    if (rig->end == DF_END_CANCELLED)
        assert_true(rig->cancel_called);
    if (rig->end == DF_END_DEADLINE)
        assert_true(rig->options.timeout_ms > 0);
    if (rig->end == DF_END_DONE)
        assert_slice_is(df_buf_slice(&writer->content), df_buf_text(&expected));
    assert_true(writer->finished == (rig->end == DF_END_DONE));
    assert_true(writer->aborted == (rig->end != DF_END_DONE));
    assert_string_equal(rig->wrong, "");
    assert_int_equal(rig->budget.used_bytes, 0);
    assert_int_equal(rig->ended_query, rig->begun);
    df_buf_dispose(&expected);
    df_buf_dispose(&writer->content);
    pthread_mutex_destroy(&writer->mutex);
}

static void test_queries_over_threads_answer_as_the_model(void **state)
{
    struct df_error error = {0};
    struct df_loop *loop;
    struct df_pool *pool, *drainer;
    struct df_store *store;
    struct df_invoker *invoker;
    struct df_budget budget;
    (void)state;
    uint64_t seed = test_seed();
    df_budget_init(&budget, 0);
    assert_ok(df_loop_create(&loop, DF_LOOP_REAL_TIME, &error), &error);
    assert_ok(df_pool_create(&pool, THREADS, &error), &error);
    assert_ok(df_store_create(&store, &error), &error);
    struct df_executor_options options = {.threads = THREADS, .store = store, .budget = &budget};
    assert_ok(df_invoke_threads_create(&invoker, loop, &options, &error), &error);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        assert_ok(df_pool_create(&drainer, 1, &error), &error);
        for (size_t i = 0; i < JOBS; i++) {
            rigs[i].loop = loop;
            rigs[i].pool = pool;
            rigs[i].store = store;
            rig_reset(&rigs[i]);
            make_query(&rigs[i], seed + round * JOBS + i);
            start(&rigs[i], i, invoker, drainer);
        }
        assert_ok(df_loop_run(loop, &error), &error);
        df_pool_free(drainer); /* nobody drains a writer any more */
        for (size_t i = 0; i < JOBS; i++)
            check_round(&rigs[i], &writers[i]);
    }
    print_message("%" PRIu64 " done, %" PRIu64 " cancelled, %" PRIu64 " over their deadline\n", ends[DF_END_DONE],
                  ends[DF_END_CANCELLED], ends[DF_END_DEADLINE]);
    assert_int_equal(budget.used_bytes, 0);
    invoker->free(invoker);
    df_pool_free(pool);
    df_store_free(store);
    df_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries_over_threads_answer_as_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
