/* Folding: in index order, one part at a time, on the pool.
 *
 *     SETTLED, partial here ──────────────────────────┐
 *     SETTLED, partial in an object ─ fetch (pool) ───┴─► fold (pool) ─► FOLDED
 *
 * No fold starts while the writer is full; then the job's deadline stands still, for it is the reader of the answer who
 * takes the time. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "job/internal.h"

/* A partial in an object must not fill the memory of a coordinator that has no limit of its own. */
static const uint64_t PARTIAL_BYTES_MAX = UINT64_C(2) << 30;

/* ---- the writer ---- */

static int64_t full_for_ns(const struct df_job *job)
{
    return job->loop.writer_full_since_ns == 0 ? 0 : df_time_mono_ns() - job->loop.writer_full_since_ns;
}

struct df_deadline df_job_deadline(const struct df_job *job)
{
    struct df_deadline deadline = job->loop.deadline;
    if (deadline.mono_ns == DF_DEADLINE_NEVER ||
        __builtin_add_overflow(deadline.mono_ns, full_for_ns(job), &deadline.mono_ns))
        return df_deadline_never();
    return deadline;
}

/* Asked only while no call of the engine may write. */
static bool may_ask_writer(const struct df_job *job)
{
    if (job->loop.phase != PHASE_STAGES && job->loop.phase != PHASE_FINISH)
        return false;
    return !job->loop.engine_busy || job->engine.kind == CALL_PLAN;
}

void df_job_watch_writer(struct df_job *job)
{
    if (!may_ask_writer(job))
        return;
    bool full = job->options.writer->ops->full(job->options.writer);
    if (full == (job->loop.writer_full_since_ns != 0))
        return;
    if (full) {
        job->loop.writer_full_since_ns = df_time_mono_ns();
        df_timer_stop(job->options.loop, &job->loop.deadline_timer);
        return;
    }
    job->loop.deadline = df_job_deadline(job);
    job->loop.writer_full_since_ns = 0;
    if (!df_timer_start(job->options.loop, &job->loop.deadline_timer, job->loop.deadline)) {
        struct df_error error;
        df_error_no_memory(&error, "starting a timer");
        df_job_fail(job, &error);
    }
}

/* ---- partials in objects ---- */

bool df_job_fetching(const struct df_job *job)
{
    for (size_t i = 0; i < sizeof job->loop.fetches / sizeof job->loop.fetches[0]; i++)
        if (job->loop.fetches[i].part)
            return true;
    return false;
}

static void run_fetch(void *ctx)
{
    struct df_job_fetch *fetch = ctx;
    fetch->result =
        df_store_get(fetch->job->options.store, fetch->uri, fetch->limit_bytes, &fetch->blob, &fetch->error);
}

static void on_fetch_again(void *ctx)
{
    struct df_job_part *part = ctx;
    part->fetching = false;
    df_job_step_later(part->stage->job);
}

static void fetch_failed(struct df_job *job, struct df_job_fetch *fetch, struct df_job_part *part)
{
    struct df_error *error = &fetch->error;
    part->fetch_failures++;
    if (error->retryable && part->fetch_failures < job->options.attempts) {
        int64_t delay_ms = df_job_retry_delay_ms(job, part->fetch_failures);
        part->uri = fetch->uri;
        fetch->uri = NULL;
        part->timer = (struct df_timer){.fn = on_fetch_again, .ctx = part};
        if (!df_timer_start(job->options.loop, &part->timer, df_deadline_after_ms(delay_ms)))
            on_fetch_again(part);
        return;
    }
    part->fetching = false;
    df_job_drop_answer(job, part);
    df_error_prefix(error, "the answer of part %" PRIu32, part->part.index);
    part->error = malloc(sizeof *part->error);
    if (part->error)
        *part->error = *error;
    else
        df_job_fail(job, error);
}

static void fetched(struct df_job *job, struct df_job_part *part, struct df_buf *blob)
{
    part->fetching = false;
    df_buf_move(&part->blob, blob);
    part->budget_bytes = part->blob.size;
    df_budget_force(job->options.budget, part->budget_bytes);
    df_job_window_count(part, part->blob.size, true);
}

static void on_fetched(void *ctx)
{
    struct df_job_fetch *fetch = ctx;
    struct df_job *job = fetch->job;
    struct df_job_part *part = fetch->part;
    fetch->part = NULL;
    if (!fetch->stage->closed && !df_job_ending(job)) {
        if (fetch->result == 0)
            fetched(job, part, &fetch->blob);
        else
            fetch_failed(job, fetch, part);
    }
    df_buf_dispose(&fetch->blob);
    free(fetch->uri);
    fetch->uri = NULL;
    df_job_stage_release(fetch->stage);
    df_job_step_later(job);
}

static struct df_job_fetch *free_fetch(struct df_job *job)
{
    for (size_t i = 0; i < sizeof job->loop.fetches / sizeof job->loop.fetches[0]; i++)
        if (!job->loop.fetches[i].part)
            return &job->loop.fetches[i];
    return NULL;
}

static void start_fetch(struct df_job *job, struct df_job_fetch *fetch, struct df_job_part *part)
{
    const struct df_budget *budget = job->options.budget;
    part->fetching = true;
    fetch->job = job;
    fetch->stage = part->stage;
    df_job_stage_hold(part->stage);
    fetch->part = part;
    fetch->uri = part->uri;
    part->uri = NULL;
    fetch->result = 0;
    df_error_clear(&fetch->error);
    fetch->limit_bytes = budget && budget->limit_bytes ? budget->limit_bytes : PARTIAL_BYTES_MAX;
    fetch->call = (struct df_pool_call){
        .fn = run_fetch,
        .ctx = fetch,
        .poster = df_loop_poster(job->options.loop),
        .done = {.fn = on_fetched, .ctx = fetch},
    };
    df_pool_submit(job->options.pool, &fetch->call);
}

/* The part that is folded next, or now, and two behind it. */
void df_job_fetch_ahead(struct df_job *job)
{
    struct df_job_stage *stage = job->loop.stage;
    for (uint32_t i = 0; i <= FETCHES_AHEAD && i < stage->part_count - stage->folded; i++) {
        struct df_job_part *part = stage->parts[stage->folded + i];
        if (part->state != PART_SETTLED || !part->uri || part->fetching)
            continue;
        struct df_job_fetch *fetch = free_fetch(job);
        if (!fetch)
            return;
        start_fetch(job, fetch, part);
    }
}

/* ---- the fold ---- */

bool df_job_fold_ready(const struct df_job *job)
{
    const struct df_job_stage *stage = job->loop.stage;
    if (stage->enough || stage->folded >= stage->part_count)
        return false;
    const struct df_job_part *part = stage->parts[stage->folded];
    return part->state == PART_SETTLED && !part->uri && !part->fetching;
}

void df_job_fold_start(struct df_job *job)
{
    job->engine.part = job->loop.stage->parts[job->loop.stage->folded];
    df_job_call(job, CALL_FOLD);
}

void df_job_fold_run(struct df_job *job)
{
    const struct df_job_part *part = job->engine.part;
    struct df_outcome outcome = {.failed = part->error != NULL, .blob = df_buf_slice(&part->blob)};
    if (part->error)
        outcome.error = *part->error;
    job->engine.result =
        job->options.engine->fold(&job->engine.query, &part->part, &outcome, job->options.writer, &job->engine.error);
}

/* Sections enter the manifest in fold order, and those of parts that ENOUGH cut off never do: the next stage sees the
 * same, whatever came in early. */
static int pass_sections_on(struct df_job *job, struct df_job_stage *stage, struct df_job_part *part,
                            struct df_error *error)
{
    if (!stage->outputs)
        return 0;
    struct df_section_set *set = part->sections;
    part->sections = NULL; /* taken, also when it fails */
    if (set) {
        job->loop.stats.section_bytes += df_section_set_bytes(set);
        job->loop.stats.sections_spilled += df_section_set_spilled(set);
    }
    return df_section_manifest_put(stage->outputs, part->part.index, set, error);
}

void df_job_fold_ended(struct df_job *job)
{
    if (df_job_ending(job))
        return; /* the answer is dropped with the stage */
    struct df_job_stage *stage = job->loop.stage;
    struct df_job_part *part = job->engine.part;
    struct df_error error = {0};
    if (job->engine.result < 0) {
        df_job_fail(job, &job->engine.error);
        return;
    }
    if (pass_sections_on(job, stage, part, &error) != 0) {
        df_job_fail(job, &error);
        return;
    }
    df_job_drop_answer(job, part);
    df_job_window_count(part, 0, false);
    part->state = PART_FOLDED;
    stage->folded++;
    stage->enough = job->engine.result == DF_FOLD_ENOUGH;
}
