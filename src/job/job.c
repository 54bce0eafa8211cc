/* The life of a job: begin, stages, finish, end.
 *
 *     BEGIN ──► STAGES ──► FINISH ──► END ──► on_end
 *       │          │          │        ▲
 *       └──────────┴──────────┴────────┘  failure, cancellation, deadline
 *
 * Everything starts in `step`, which runs on the loop after any event. END is entered once, with the end decided; what
 * follows is cancelling, waiting for every batch, engine call and fetch, and cleaning up. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/log.h"
#include "job/internal.h"

enum { NS_PER_MS = 1000000, CLEAN_UP_MS = 10000 };

static const uint64_t REORDER_BYTES_DEFAULT = UINT64_C(256) << 20;
enum { PLAN_ROOM_DEFAULT = 1024 };

/* ---- small things ---- */

uint64_t df_job_random(struct df_job *job)
{
    job->loop.random += UINT64_C(0x9E3779B97F4A7C15);
    return df_hash_u64(job->loop.random);
}

void df_job_step_later(struct df_job *job)
{
    if (job->loop.step_posted)
        return;
    job->loop.step_posted = true;
    df_loop_post(job->options.loop, &job->loop.step_item);
}

static void cancel_all_batches(struct df_job *job)
{
    for (struct df_job_batch *batch = job->loop.batches; batch; batch = batch->next)
        df_job_cancel_batch(job, batch);
}

/* The first reason wins. */
static void decide_end(struct df_job *job, enum df_end end, const struct df_error *error)
{
    if (df_job_ending(job))
        return;
    job->loop.phase = PHASE_END;
    job->loop.end = end;
    if (end != DF_END_DONE) {
        atomic_store(&job->given_up, true);
        job->loop.error = *error;
        if (job->loop.error.kind == DF_ERROR_NONE)
            df_error_set(&job->loop.error, DF_ERROR_INTERNAL, "the query failed without saying why");
    }
    df_timer_stop(job->options.loop, &job->loop.deadline_timer);
    df_timer_stop(job->options.loop, &job->loop.hedge_timer);
    cancel_all_batches(job);
    df_job_step_later(job);
}

void df_job_fail(struct df_job *job, const struct df_error *error)
{
    decide_end(job, DF_END_FAILED, error);
}

void df_job_cancel(struct df_job *job)
{
    struct df_error error;
    df_error_set(&error, DF_ERROR_CANCELLED, "the query was cancelled");
    decide_end(job, DF_END_CANCELLED, &error);
}

static void on_deadline(void *ctx)
{
    struct df_job *job = ctx;
    struct df_error error;
    df_error_set(&error, DF_ERROR_TIMEOUT, "the query did not finish within %" PRId64 " ms", job->options.timeout_ms);
    decide_end(job, DF_END_DEADLINE, &error);
}

/* ---- engine calls: one at a time, on the pool ---- */

static int put_lease(struct df_job *job, struct df_error *error)
{
    if (!job->lease)
        return 0;
    struct df_put put = {.uri = job->lease, .content = df_slice_text(job->id), .cancelled = &job->given_up};
    return df_store_put(job->options.store, &put, NULL, error);
}

static void run_begin(struct df_job *job)
{
    job->engine.result = job->options.engine->query_begin(&job->engine.query, &job->engine.error);
    if (job->engine.result == 0)
        job->engine.result = put_lease(job, &job->engine.error);
}

static void run_finish(struct df_job *job)
{
    job->engine.result = job->options.engine->finish(&job->engine.query, job->options.writer, &job->engine.error);
}

/* The end is decided and does not change any more, so that reading it here is safe. */
static void run_writer_end(struct df_job *job)
{
    struct df_writer *writer = job->options.writer;
    if (job->loop.end == DF_END_DONE)
        writer->ops->finish(writer);
    else
        writer->ops->abort(writer, &job->loop.error);
}

/* The lease first: see check_lease in worker/executor.c. A store that has gone silent must not hold the end for long:
 * what is left then is for the bucket's lifecycle rule. */
static int remove_objects(struct df_job *job, struct df_error *error)
{
    struct df_deadline deadline = df_deadline_after_ms(CLEAN_UP_MS);
    if (job->lease && df_store_remove(job->options.store, job->lease, deadline, error) != 0)
        return -1;
    return df_store_remove_prefix(job->options.store, job->prefix, deadline, error);
}

static void run_clean_up(struct df_job *job)
{
    struct df_error error = {0};
    bool may_have_objects = job->prefix && (job->loop.attempt > 0 || (job->lease && job->loop.begun));
    if (may_have_objects && remove_objects(job, &error) != 0)
        df_log(DF_LOG_WARNING, "job_objects_left", df_log_text("job", job->id), df_log_text("prefix", job->prefix),
               df_log_text("error", error.message));
    if (job->loop.begun)
        job->options.engine->query_end(&job->engine.query, job->loop.end);
}

static void run_call(void *ctx)
{
    struct df_job *job = ctx;
    int64_t started_ns = df_time_mono_ns();
    switch (job->engine.kind) {
    case CALL_BEGIN:
        run_begin(job);
        break;
    case CALL_PLAN:
        df_job_plan_run(job);
        break;
    case CALL_FOLD:
        df_job_fold_run(job);
        break;
    case CALL_FINISH:
        run_finish(job);
        break;
    case CALL_WRITER_END:
        run_writer_end(job);
        break;
    case CALL_CLEAN_UP:
        run_clean_up(job);
        break;
    }
    job->engine.ns = df_time_mono_ns() - started_ns;
}

static void begin_ended(struct df_job *job)
{
    if (df_job_ending(job))
        return;
    struct df_error error = {0};
    if (job->engine.result < 0)
        df_job_fail(job, &job->engine.error);
    else if (df_job_stage_begin(job, 0, &error) != 0)
        df_job_fail(job, &error);
    else
        job->loop.phase = PHASE_STAGES;
}

static void finish_ended(struct df_job *job)
{
    if (df_job_ending(job))
        return;
    if (job->engine.result < 0)
        df_job_fail(job, &job->engine.error);
    else
        decide_end(job, DF_END_DONE, NULL);
}

static void on_call_done(void *ctx)
{
    struct df_job *job = ctx;
    job->loop.engine_busy = false;
    switch (job->engine.kind) {
    case CALL_BEGIN:
        begin_ended(job);
        break;
    case CALL_PLAN:
        job->loop.stats.plan_ns += job->engine.ns;
        df_job_plan_ended(job);
        break;
    case CALL_FOLD:
        job->loop.stats.fold_ns += job->engine.ns;
        df_job_fold_ended(job);
        break;
    case CALL_FINISH:
        job->loop.stats.fold_ns += job->engine.ns;
        finish_ended(job);
        break;
    case CALL_WRITER_END:
    case CALL_CLEAN_UP:
        break;
    }
    df_job_step_later(job);
}

void df_job_call(struct df_job *job, enum df_job_call kind)
{
    assert(!job->loop.engine_busy);
    job->loop.engine_busy = true;
    job->engine.kind = kind;
    job->engine.result = 0;
    df_error_clear(&job->engine.error);
    job->engine.call = (struct df_pool_call){
        .fn = run_call,
        .ctx = job,
        .poster = df_loop_poster(job->options.loop),
        .done = {.fn = on_call_done, .ctx = job},
    };
    df_pool_submit(job->options.pool, &job->engine.call);
}

/* ---- the step ---- */

static void step_begin(struct df_job *job)
{
    if (job->loop.begun)
        return;
    job->loop.begun = true;
    df_job_call(job, CALL_BEGIN);
}

/* From a stage that is done to the next, or to the finish when it had no part. */
static void leave_stage(struct df_job *job)
{
    struct df_job_stage *stage = job->loop.stage;
    uint32_t next = stage->number + 1;
    bool last = stage->part_count == 0;
    struct df_error error = {0};
    df_job_stage_close(job);
    if (last)
        job->loop.phase = PHASE_FINISH;
    else if (df_job_stage_begin(job, next, &error) != 0)
        df_job_fail(job, &error);
}

/* Workers must not starve, so planning goes first; but a listing that goes on and on without finding a part must not
 * keep the fold waiting. */
static void step_engine(struct df_job *job)
{
    if (job->loop.engine_busy)
        return;
    bool fold = job->loop.writer_full_since_ns == 0 && df_job_fold_ready(job);
    uint32_t room = df_job_plan_room(job);
    if (room && !(fold && job->loop.last_was_plan)) {
        job->loop.last_was_plan = true;
        df_job_plan_start(job, room);
    } else if (fold) {
        job->loop.last_was_plan = false;
        df_job_fold_start(job);
    }
}

static void step_stages(struct df_job *job)
{
    if (!job->loop.engine_busy && df_job_stage_done(job->loop.stage))
        leave_stage(job);
    if (job->loop.phase != PHASE_STAGES)
        return;
    df_job_submit_ready(job);
    if (df_job_ending(job))
        return;
    df_job_fetch_ahead(job);
    step_engine(job);
    df_job_hedge_ready(job);
}

static void step_finish(struct df_job *job)
{
    if (!job->loop.engine_busy && job->loop.writer_full_since_ns == 0)
        df_job_call(job, CALL_FINISH);
}

static bool end_is_quiet(struct df_job *job)
{
    return !job->loop.engine_busy && !job->loop.batches && !df_job_fetching(job) && !job->loop.step_posted &&
           !atomic_load(&job->drain_posted);
}

static void step_end(struct df_job *job)
{
    if (job->loop.engine_busy)
        return;
    if (!job->loop.writer_told) {
        job->loop.writer_told = true;
        df_job_call(job, CALL_WRITER_END);
        return;
    }
    if (job->loop.stage)
        df_job_stage_close(job);
    if (job->loop.batches || df_job_fetching(job))
        return;
    if (!job->loop.cleaned_up) {
        job->loop.cleaned_up = true;
        df_job_call(job, CALL_CLEAN_UP);
        return;
    }
    if (!end_is_quiet(job))
        return;
    job->loop.ended = true;
    job->loop.stats.total_ns = df_time_mono_ns() - job->loop.started_ns;
    job->options.writer->drained = NULL;
    job->options.writer->drained_ctx = NULL;
    job->on_end(job->on_end_ctx, job, job->loop.end, job->loop.end == DF_END_DONE ? NULL : &job->loop.error);
}

static void step(void *ctx)
{
    struct df_job *job = ctx;
    job->loop.step_posted = false;
    df_job_watch_writer(job);
    if (job->loop.phase == PHASE_BEGIN)
        step_begin(job);
    if (job->loop.phase == PHASE_STAGES)
        step_stages(job);
    if (job->loop.phase == PHASE_FINISH)
        step_finish(job);
    df_job_send_cancels(job);
    if (job->loop.phase == PHASE_END)
        step_end(job); /* the job may be gone */
}

/* ---- the writer is ready again ---- */

static void on_drained(void *ctx)
{
    struct df_job *job = ctx;
    atomic_store(&job->drain_posted, false);
    df_job_step_later(job);
}

static void post_drained(void *ctx)
{
    struct df_job *job = ctx;
    if (!atomic_exchange(&job->drain_posted, true))
        df_loop_post(job->options.loop, &job->drain_item);
}

/* ---- start ---- */

static void on_hedge_timer(void *ctx)
{
    df_job_step_later(ctx);
}

static void check_options(const struct df_job_options *options)
{
    assert(options->engine && options->writer && options->loop && options->pool);
    assert(options->invoker && options->local);
    (void)options;
}

/* Two jobs of one second must not share a prefix in a store, so the clock alone is not enough. */
static uint64_t seed_from_system(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = df_hash_u64((uint64_t)df_time_mono_ns() ^ (uint64_t)(uintptr_t)&seed);
    return seed ? seed : 1;
}

static void take_options(struct df_job *job, const struct df_job_options *options)
{
    job->options = *options;
    if (job->options.attempts == 0)
        job->options.attempts = 1;
    if (job->options.retry_delay_ms < 1)
        job->options.retry_delay_ms = 1; /* a throttled part must not spin */
    if (job->options.reorder_bytes == 0)
        job->options.reorder_bytes = REORDER_BYTES_DEFAULT;
    if (job->options.plan_room == 0)
        job->options.plan_room = PLAN_ROOM_DEFAULT;
    if (job->options.seed == 0)
        job->options.seed = seed_from_system();
    job->loop.random = job->options.seed;
}

static int make_names(struct df_job *job, struct df_error *error)
{
    snprintf(job->id, sizeof job->id, "%" PRId64 "-%08" PRIx32, df_time_wall_ms() / 1000, (uint32_t)df_job_random(job));
    job->loop.stats.id = job->id;
    if (!job->options.output_prefix)
        return 0;
    struct df_buf prefix = {0};
    df_uri_join(&prefix, job->options.output_prefix, job->id);
    df_buf_put_char(&prefix, '/');
    job->prefix = df_buf_failed(&prefix) ? NULL : strdup(df_buf_text(&prefix));
    df_buf_put_text(&prefix, "lease");
    bool needs_lease = job->options.invoker->limits.outlives;
    if (needs_lease && !df_buf_failed(&prefix))
        job->lease = strdup(df_buf_text(&prefix));
    df_buf_dispose(&prefix);
    return job->prefix && (job->lease || !needs_lease) ? 0 : df_error_no_memory(error, "starting a query");
}

static int make_query(struct df_job *job, struct df_error *error)
{
    struct df_query *query = &job->engine.query;
    query->engine = job->options.engine;
    query->store = job->options.store;
    query->cancelled = &job->given_up;
    query->budget = job->options.budget;
    query->memory_limit_bytes = job->options.memory_limit_bytes;
    query->parallelism = job->options.parallelism;
    if (!df_arena_copy(&query->arena, job->options.request, &query->request))
        return df_error_no_memory(error, "starting a query");
    job->options.request = query->request;
    return 0;
}

static void make_lanes(struct df_job *job)
{
    job->loop.lanes[0].invoker = job->options.invoker;
    job->loop.lanes[1].invoker = job->options.local;
    job->loop.local = &job->loop.lanes[job->options.local == job->options.invoker ? 0 : 1];
}

static int start_clock(struct df_job *job, struct df_error *error)
{
    job->loop.started_ns = df_time_mono_ns();
    job->loop.deadline_timer = (struct df_timer){.fn = on_deadline, .ctx = job};
    job->loop.hedge_timer = (struct df_timer){.fn = on_hedge_timer, .ctx = job};
    job->loop.deadline =
        job->options.timeout_ms > 0 ? df_deadline_after_ms(job->options.timeout_ms) : df_deadline_never();
    if (!df_timer_start(job->options.loop, &job->loop.deadline_timer, job->loop.deadline))
        return df_error_no_memory(error, "starting a query");
    return 0;
}

static void dispose(struct df_job *job)
{
    for (size_t i = 0; i < 2; i++)
        free(job->loop.lanes[i].heap);
    df_section_manifest_release(job->loop.carried);
    df_job_times_dispose(&job->loop.times);
    df_query_dispose(&job->engine.query);
    free(job->prefix);
    free(job->lease);
    free(job);
}

int df_job_start(struct df_job **out, const struct df_job_options *options, df_job_end_fn *on_end, void *ctx,
                 struct df_error *error)
{
    check_options(options);
    *out = NULL;
    struct df_job *job = calloc(1, sizeof *job);
    if (!job)
        return df_error_no_memory(error, "starting a query");
    take_options(job, options);
    job->on_end = on_end;
    job->on_end_ctx = ctx;
    job->loop.step_item = (struct df_post_item){.fn = step, .ctx = job};
    job->drain_item = (struct df_post_item){.fn = on_drained, .ctx = job};
    atomic_init(&job->drain_posted, false);
    make_lanes(job);
    if (make_names(job, error) != 0 || make_query(job, error) != 0 || start_clock(job, error) != 0) {
        dispose(job);
        return -1;
    }
    options->writer->drained = post_drained;
    options->writer->drained_ctx = job;
    df_job_step_later(job);
    *out = job;
    return 0;
}

const struct df_job_stats *df_job_statistics(const struct df_job *job)
{
    return &job->loop.stats;
}

const struct df_query *df_job_query(const struct df_job *job)
{
    return &job->engine.query;
}

void df_job_take_times(struct df_job *job, struct df_job_times *times)
{
    assert(job->loop.ended);
    df_job_times_move(times, &job->loop.times);
}

void df_job_free(struct df_job *job)
{
    if (!job)
        return;
    assert(job->loop.ended);
    dispose(job);
}
