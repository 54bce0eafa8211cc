/* What becomes of an attempt, and by it of a part. An attempt is one part in one batch.
 *
 *                        ┌─► answered: the first of its part ─────► settles the part
 *                        │             a later one ───────────────► dropped, counted
 *     submit ─► live ────┼─► failed: not retryable ───────────────► settles the part
 *                        │           retryable, another is live ──► the other decides
 *                        │           retryable, attempts left ────► the part waits, then is submitted again
 *                        │           none left ───────────────────► once more on `local`, or settles the part
 *                        ├─► too large, not alone in its batch ───► submitted again in a batch of half the size
 *                        └─► not told when the batch is done ─────► failed, with the batch's error or as `internal`
 *
 * Who may move it: on_part and on_done, called by the invoker, and df_job_submit_failed, for a batch that was not
 * taken. Each position of a batch leaves `live` once (batch->told); what is told of it later is dropped. A batch whose
 * parts are all settled by others is cancelled, and stays ours to wait for until done. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "job/internal.h"

enum { DELAY_DOUBLINGS_MAX = 5 /* up to 32 times the first delay */ };

/* ---- batches that nobody needs any more ---- */

void df_job_cancel_batch(struct df_job *job, struct df_job_batch *batch)
{
    if (batch->cancel_queued || batch->cancel_sent || batch->untold == 0)
        return;
    batch->cancel_queued = true;
    batch->cancel_next = job->loop.cancel_first;
    job->loop.cancel_first = batch;
    df_job_step_later(job);
}

/* An invoker may call back from inside cancel, and free what is next in any list: one after the other. */
void df_job_send_cancels(struct df_job *job)
{
    struct df_job_batch *batch;
    while ((batch = job->loop.cancel_first) != NULL) {
        job->loop.cancel_first = batch->cancel_next;
        batch->cancel_queued = false;
        batch->cancel_sent = true;
        batch->lane->invoker->cancel(batch->lane->invoker, &batch->base);
    }
}

static void unqueue_cancel(struct df_job *job, struct df_job_batch *batch)
{
    struct df_job_batch **link = &job->loop.cancel_first;
    if (!batch->cancel_queued)
        return;
    while (*link != batch)
        link = &(*link)->cancel_next;
    *link = batch->cancel_next;
}

static void one_less_pending(struct df_job *job, struct df_job_batch *batch)
{
    assert(batch->pending > 0);
    if (--batch->pending == 0)
        df_job_cancel_batch(job, batch);
}

/* ---- settling ---- */

void df_job_drop_answer(struct df_job *job, struct df_job_part *part)
{
    df_budget_give(job->options.budget, part->budget_bytes);
    part->budget_bytes = 0;
    df_buf_dispose(&part->blob);
    free(part->uri);
    part->uri = NULL;
    free(part->error);
    part->error = NULL;
    df_section_set_free(part->sections);
    part->sections = NULL;
}

/* From here on only the fold looks at the part. */
static void settle(struct df_job *job, struct df_job_part *part, uint64_t bytes)
{
    assert(part->state < PART_SETTLED);
    df_job_hedge_unlist(part);
    part->state = PART_SETTLED;
    df_job_window_count(part, bytes, true);
    for (uint32_t i = 0; i < part->live_count; i++)
        one_less_pending(job, part->live[i]);
    part->live_count = 0;
    part->stage->settled++;
    if (job->options.progress)
        atomic_store(&job->options.progress->parts_done, part->stage->settled);
}

void df_job_settle_error(struct df_job *job, struct df_job_part *part, const struct df_error *error)
{
    part->error = malloc(sizeof *part->error);
    settle(job, part, 0);
    if (part->error) {
        *part->error = *error;
        return;
    }
    struct df_error memory;
    df_error_no_memory(&memory, "keeping the error of a part");
    df_job_fail(job, &memory);
}

static void count_run(struct df_job *job, const struct df_run_stats *run)
{
    struct df_run_stats *sum = &job->loop.stats.run;
    sum->rows_scanned += run->rows_scanned;
    sum->bytes_read += run->bytes_read;
    sum->cpu_ns += run->cpu_ns;
    if (job->options.progress) {
        atomic_fetch_add(&job->options.progress->rows, run->rows_scanned);
        atomic_fetch_add(&job->options.progress->bytes, run->bytes_read);
    }
}

static void settle_answer(struct df_job *job, struct df_job_part *part, struct df_part_result *result)
{
    df_buf_move(&part->blob, &result->blob);
    part->uri = result->uri;
    result->uri = NULL;
    part->sections = result->sections;
    result->sections = NULL;
    part->budget_bytes = part->blob.size;
    df_budget_force(job->options.budget, part->budget_bytes);
    count_run(job, &result->stats);
    settle(job, part, part->blob.size);
}

/* ---- retries ---- */

/* Between half of the delay and the whole, so that parts that failed together do not come back together. */
int64_t df_job_retry_delay_ms(struct df_job *job, uint32_t tries)
{
    uint32_t doublings = tries > 0 ? tries - 1 : 0;
    if (doublings > DELAY_DOUBLINGS_MAX)
        doublings = DELAY_DOUBLINGS_MAX;
    int64_t delay_ms;
    if (__builtin_mul_overflow(job->options.retry_delay_ms, (int64_t)1 << doublings, &delay_ms))
        delay_ms = INT64_MAX / 2;
    uint64_t half = (uint64_t)delay_ms / 2;
    return delay_ms - (int64_t)(df_job_random(job) % (half + 1));
}

static void on_retry(void *ctx)
{
    struct df_job_part *part = ctx;
    df_job_enqueue(part);
    df_job_step_later(part->stage->job);
}

static bool attempts_left(const struct df_job *job, const struct df_job_part *part)
{
    if (part->failures >= job->options.attempts || part->internals > 1)
        return false;
    /* With a deadline throttles end by it. */
    uint64_t bound = (uint64_t)job->options.attempts * THROTTLES_PER_ATTEMPT;
    return job->options.timeout_ms > 0 || part->throttles < bound;
}

static bool can_fall_back(const struct df_job *job, const struct df_job_part *part)
{
    return job->options.fallback_to_threads && part->lane != job->loop.local;
}

static void retry_later(struct df_job *job, struct df_job_part *part, const struct df_error *error)
{
    int64_t delay_ms = df_job_retry_delay_ms(job, part->failures + part->throttles);
    job->loop.stats.retries++;
    df_log(DF_LOG_DEBUG, "part_retried", df_log_text("job", job->id), df_log_uint("stage", part->part.stage),
           df_log_uint("part", part->part.index), df_log_int("delay_ms", delay_ms),
           df_log_text("error", error->message));
    part->state = PART_DELAYED;
    df_job_window_count(part, df_job_nominal_bytes(part->lane), false);
    part->timer = (struct df_timer){.fn = on_retry, .ctx = part};
    if (!df_timer_start(job->options.loop, &part->timer, df_deadline_after_ms(delay_ms)))
        on_retry(part); /* no memory for a timer: at once */
}

/* A retryable failure, and nothing else of the part is live. */
static void retry_or_settle(struct df_job *job, struct df_job_part *part, const struct df_error *error)
{
    bool more = !(part->part.flags & DF_PART_NO_RETRY) && !part->fell_back;
    if (more && attempts_left(job, part)) {
        retry_later(job, part, error);
    } else if (more && can_fall_back(job, part)) {
        job->loop.stats.retries++;
        part->fell_back = true;
        part->lane = job->loop.local;
        df_job_enqueue(part);
    } else {
        df_job_settle_error(job, part, error);
    }
}

/* Half of the batch each; no attempt is used up, for it was never the part's fault. */
static void split(struct df_job_part *part, uint32_t batch_parts)
{
    part->batch_max = (batch_parts + 1) / 2;
    if (part->live_count == 0)
        df_job_enqueue(part);
}

static void count_failure(struct df_job_part *part, bool stale_deadline, const struct df_error *error)
{
    if (error->kind == DF_ERROR_THROTTLED || (error->kind == DF_ERROR_TIMEOUT && stale_deadline)) {
        part->throttles++;
        return;
    }
    part->failures++;
    if (error->kind == DF_ERROR_INTERNAL)
        part->internals++;
}

/* The attempt has left part->live already. stale_deadline: the attempt's deadline has passed, the job's stood still. */
void df_job_attempt_failed(struct df_job *job, struct df_job_part *part, uint32_t batch_parts, bool stale_deadline,
                           const struct df_error *error)
{
    job->loop.stats.attempts_failed++;
    if (error->kind == DF_ERROR_TOO_LARGE && batch_parts > 1 && !(part->part.flags & DF_PART_NO_RETRY)) {
        split(part, batch_parts);
        return;
    }
    if (!error->retryable) {
        df_job_settle_error(job, part, error);
        return;
    }
    count_failure(part, stale_deadline, error);
    if (part->live_count == 0)
        retry_or_settle(job, part, error);
}

/* ---- what the invoker tells ---- */

static void detach(struct df_job *job, struct df_job_part *part, const struct df_job_batch *batch)
{
    for (uint32_t i = 0; i < part->live_count; i++) {
        if (part->live[i] != batch)
            continue;
        part->live[i] = part->live[--part->live_count];
        break;
    }
    if (part->live_count == 0)
        df_job_hedge_unlist(part);
    else
        df_job_hedge_list(job, part);
}

static bool unwanted(const struct df_job *job, const struct df_job_batch *batch, const struct df_job_part *part)
{
    return df_job_ending(job) || batch->stage->closed || part->state >= PART_SETTLED;
}

/* Answers that nobody waits for. That a cancelled attempt says so is no failure. */
static void count_unwanted(struct df_job *job, const struct df_job_batch *batch, bool failed)
{
    if (!failed)
        job->loop.stats.answers_dropped++;
    else if (!batch->cancel_sent && !batch->cancel_queued)
        job->loop.stats.attempts_failed++;
}

static void note_won(struct df_job_batch *batch, const struct df_run_stats *run)
{
    uint64_t end_ns;
    batch->won[batch->won_count++] = *run;
    if (__builtin_add_overflow(run->queued_ns, run->total_ns, &end_ns))
        end_ns = UINT64_MAX;
    if (end_ns > batch->last_end_ns)
        batch->last_end_ns = end_ns;
    batch->last_told_ns = df_time_mono_ns();
}

/* What the way to the worker and back took is what is left of the batch's time when the worker's own is taken off: no
 * two clocks are compared. */
static void note_times(struct df_job *job, const struct df_job_batch *batch)
{
    uint64_t round_ns = batch->won_count ? (uint64_t)(batch->last_told_ns - batch->submitted_ns) : 0;
    uint64_t way_ns = round_ns > batch->last_end_ns ? round_ns - batch->last_end_ns : 0;
    for (uint32_t i = 0; i < batch->won_count; i++) {
        const struct df_run_stats *run = &batch->won[i];
        uint64_t invoke_ns;
        if (__builtin_add_overflow(way_ns, run->queued_ns, &invoke_ns))
            invoke_ns = UINT64_MAX;
        uint64_t load_ns = run->total_ns > run->cpu_ns ? run->total_ns - run->cpu_ns : 0;
        df_job_times_note(
            &job->loop.times,
            (const uint64_t[DF_JOB_TIMES]){
                [DF_JOB_TIME_INVOKE] = invoke_ns, [DF_JOB_TIME_LOAD] = load_ns, [DF_JOB_TIME_TOTAL] = run->total_ns});
        job->loop.stats.tasks_cold += run->cold;
        job->loop.stats.tasks_warm += !run->cold;
    }
}

static struct df_error missing_error(const struct df_job_part *part)
{
    struct df_error error;
    df_error_set(&error, DF_ERROR_INTERNAL, "the worker did not answer for part %" PRIu32 " (%s)", part->part.index,
                 part->part.uri ? part->part.uri : "no object");
    return error;
}

static void failed_in_batch(struct df_job *job, struct df_job_batch *batch, struct df_job_part *part,
                            const struct df_error *error)
{
    struct df_error unknown;
    bool stale = df_deadline_passed(batch->base.envelope.deadline) && !df_deadline_passed(df_job_deadline(job));
    if (error->kind == DF_ERROR_NONE) {
        df_error_set(&unknown, DF_ERROR_INTERNAL, "part %" PRIu32 " failed without saying why", part->part.index);
        error = &unknown;
    }
    detach(job, part, batch);
    df_job_attempt_failed(job, part, batch->base.envelope.part_count, stale, error);
}

static void told(struct df_job *job, struct df_job_batch *batch, struct df_job_part *part,
                 struct df_part_result *result)
{
    if (unwanted(job, batch, part)) {
        count_unwanted(job, batch, result->failed);
        return;
    }
    one_less_pending(job, batch);
    if (result->failed) {
        failed_in_batch(job, batch, part, &result->error);
        return;
    }
    detach(job, part, batch);
    df_job_hedge_note(batch->stage, df_time_mono_ns() - batch->submitted_ns);
    note_won(batch, &result->stats);
    settle_answer(job, part, result);
}

static void on_part(void *ctx, struct df_batch *base, uint32_t position, struct df_part_result *result)
{
    struct df_job *job = ctx;
    struct df_job_batch *batch = (struct df_job_batch *)base; /* base is the first member */
    if (position >= base->envelope.part_count || batch->told[position]) {
        job->loop.stats.answers_dropped++;
    } else {
        batch->told[position] = true;
        batch->untold--;
        told(job, batch, batch->parts[position], result);
    }
    df_part_result_dispose(result);
    df_job_step_later(job);
}

static void tell_untold(struct df_job *job, struct df_job_batch *batch, const struct df_error *error)
{
    batch->untold = 0; /* too late to cancel it */
    for (uint32_t i = 0; i < batch->base.envelope.part_count; i++) {
        struct df_job_part *part = batch->parts[i];
        if (batch->told[i] || unwanted(job, batch, part))
            continue;
        batch->told[i] = true;
        struct df_error missing = missing_error(part);
        failed_in_batch(job, batch, part, error ? error : &missing);
    }
}

static void release_batch(struct df_job_batch *batch)
{
    df_section_manifest_release(batch->base.envelope.inputs);
    df_job_stage_release(batch->stage);
    df_job_batch_free(batch);
}

void df_job_submit_failed(struct df_job *job, struct df_job_batch *batch, const struct df_error *error)
{
    tell_untold(job, batch, error);
    release_batch(batch);
    df_job_step_later(job);
}

static void unlink_batch(struct df_job *job, struct df_job_batch *batch)
{
    if (batch->previous)
        batch->previous->next = batch->next;
    else
        job->loop.batches = batch->next;
    if (batch->next)
        batch->next->previous = batch->previous;
    batch->lane->in_flight--;
}

static void count_cost(struct df_job *job, const struct df_cost *cost)
{
    struct df_cost *sum = &job->loop.stats.cost;
    if (!cost)
        return;
    sum->billed_ms += cost->billed_ms;
    sum->dollars += cost->dollars;
    sum->throttled_count += cost->throttled_count;
    if (job->options.cost_ceiling > 0 && sum->dollars > job->options.cost_ceiling && !df_job_ending(job)) {
        struct df_error error;
        df_error_set(&error, DF_ERROR_EXHAUSTED,
                     "the query has cost $%.6f, more than the $%.6f allowed; ask for less, or raise job.max_cost",
                     sum->dollars, job->options.cost_ceiling);
        df_job_fail(job, &error);
    }
}

static void on_done(void *ctx, struct df_batch *base, const struct df_error *error, const struct df_cost *cost)
{
    struct df_job *job = ctx;
    struct df_job_batch *batch = (struct df_job_batch *)base;
    unqueue_cancel(job, batch);
    unlink_batch(job, batch);
    note_times(job, batch);
    tell_untold(job, batch, error);
    release_batch(batch);
    count_cost(job, cost);
    df_job_step_later(job);
}

const struct df_batch_callbacks df_job_batch_callbacks = {.on_part = on_part, .done = on_done};
