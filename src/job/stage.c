/* A stage: plan calls, its parts, when it is folded, and what passes to the next.
 *
 * A plan call allocates from the arena of its stage on the pool and leaves a list; the loop takes the list over when
 * the call is done. So parts are handed on while listing still goes on, and no lock is needed. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/size.h"
#include "job/internal.h"

/* Parts that wait to be submitted, in units of what all batches in flight hold: with less than one the workers might
 * wait for a listing, more than two only cost memory. */
enum { QUEUE_ROUNDS = 2, QUEUE_PARTS_MAX = 1 << 20 };

/* ---- life ---- */

void df_job_stage_hold(struct df_job_stage *stage)
{
    stage->references++;
}

void df_job_stage_release(struct df_job_stage *stage)
{
    assert(stage->references > 0);
    if (--stage->references > 0)
        return;
    df_section_manifest_release(stage->inputs);
    df_section_manifest_release(stage->outputs);
    free(stage->parts);
    free(stage->lower_ns);
    free(stage->upper_ns);
    df_arena_dispose(&stage->arena);
    free(stage);
}

static void restart_progress(struct df_job *job, uint32_t number)
{
    struct df_progress *progress = job->options.progress;
    if (!progress)
        return;
    atomic_store(&progress->stage, number);
    atomic_store(&progress->parts_known, false);
    atomic_store(&progress->parts_total, 0);
    atomic_store(&progress->parts_done, 0);
}

int df_job_stage_begin(struct df_job *job, uint32_t number, struct df_error *error)
{
    assert(!job->loop.stage);
    struct df_job_stage *stage = calloc(1, sizeof *stage);
    if (!stage)
        return df_error_no_memory(error, "beginning a stage");
    stage->references = 1;
    stage->job = job;
    stage->number = number;
    stage->request = job->engine.query.request;
    stage->inputs = job->loop.carried; /* moved */
    job->loop.carried = NULL;
    job->loop.stage = stage;
    job->loop.last_was_plan = false;
    return 0;
}

bool df_job_stage_done(const struct df_job_stage *stage)
{
    return stage->enough || (stage->plan_ended && stage->folded == stage->part_count);
}

static void cancel_batches_of(struct df_job *job, const struct df_job_stage *stage)
{
    for (struct df_job_batch *batch = job->loop.batches; batch; batch = batch->next)
        if (batch->stage == stage)
            df_job_cancel_batch(job, batch);
}

void df_job_stage_close(struct df_job *job)
{
    struct df_job_stage *stage = job->loop.stage;
    stage->closed = true;
    for (uint32_t i = stage->folded; i < stage->part_count; i++) {
        struct df_job_part *part = stage->parts[i];
        df_timer_stop(job->options.loop, &part->timer);
        if (part->state < PART_SETTLED)
            job->loop.stats.parts_unsettled++;
        df_job_drop_answer(job, part);
    }
    for (size_t i = 0; i < 2; i++)
        job->loop.lanes[i].heap_count = 0;
    df_timer_stop(job->options.loop, &job->loop.hedge_timer);
    cancel_batches_of(job, stage);
    if (!df_job_ending(job) && stage->part_count > 0) {
        job->loop.carried = stage->outputs;
        stage->outputs = NULL;
    }
    df_section_manifest_release(stage->inputs); /* batches that still run hold it themselves */
    stage->inputs = NULL;
    job->loop.stage = NULL;
    df_job_stage_release(stage);
}

/* ---- how many parts to ask for ---- */

static uint64_t queue_parts(const struct df_job *job)
{
    const struct df_invoker_limits *limits = &job->loop.lanes[0].invoker->limits;
    uint64_t parts = (uint64_t)(limits->batches_in_flight ? limits->batches_in_flight : 1) *
                     (limits->parts_per_batch ? limits->parts_per_batch : 1);
    return parts < QUEUE_PARTS_MAX ? parts : QUEUE_PARTS_MAX;
}

/* Parts that still fit into the window behind those that are planned already. */
static uint64_t window_room(const struct df_job *job)
{
    const struct df_job_stage *stage = job->loop.stage;
    uint64_t nominal = df_job_nominal_bytes(&job->loop.lanes[0]);
    if (nominal == 0)
        return stage->window_bytes <= job->options.reorder_bytes ? UINT32_MAX : 0;
    uint64_t used, beyond = stage->part_count - stage->horizon;
    if (df_u64_mul(&used, beyond, nominal) != 0 || df_u64_add(&used, used, stage->window_bytes) != 0)
        return 0;
    return used < job->options.reorder_bytes ? (job->options.reorder_bytes - used) / nominal : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint32_t df_job_plan_room(const struct df_job *job)
{
    const struct df_job_stage *stage = job->loop.stage;
    if (stage->plan_ended)
        return 0;
    uint64_t unsubmitted = (uint64_t)stage->waiting + (stage->part_count - stage->horizon);
    uint64_t rounds = queue_parts(job);
    if (unsubmitted >= (rounds + 1) / 2)
        return 0;
    uint64_t room = least(least(rounds * QUEUE_ROUNDS - unsubmitted, window_room(job)), job->options.plan_room);
    /* The part the fold will wait for may always go, so it may always be planned. */
    if (room == 0 && stage->folded == stage->part_count)
        room = 1;
    return (uint32_t)least(room, UINT32_MAX - stage->part_count);
}

/* ---- the call ---- */

static bool copy_text(struct df_arena *arena, const char **text)
{
    if (!*text)
        return true;
    *text = df_arena_text(arena, df_slice_text(*text));
    return *text != NULL;
}

static int check_room(struct df_job *job, struct df_error *error)
{
    if (job->engine.added < job->engine.room)
        return 0;
    return df_error_set(error, DF_ERROR_INTERNAL, "engine %s planned more than the %" PRIu32 " parts asked for",
                        job->options.engine->name, job->engine.room);
}

static int count_bytes(struct df_job *job, const struct df_part *part, struct df_error *error)
{
    uint64_t ceiling = job->options.bytes_ceiling, sum;
    if (df_u64_add(&sum, job->engine.bytes_planned, part->weight_bytes) != 0)
        sum = UINT64_MAX;
    job->engine.bytes_planned = sum;
    if (ceiling == 0 || sum <= ceiling)
        return 0;
    return df_error_set(error, DF_ERROR_EXHAUSTED,
                        "the query would read more than %" PRIu64 " bytes (%" PRIu64
                        " planned so far); ask for less, or raise job.max_bytes",
                        ceiling, sum);
}

static int add_part(struct df_job *job, const struct df_part *part, struct df_error *error)
{
    struct df_job_stage *stage = job->engine.stage;
    if (check_room(job, error) != 0 || count_bytes(job, part, error) != 0)
        return -1;
    struct df_job_part *copy = df_arena_zalloc(&stage->arena, sizeof *copy);
    if (!copy)
        return df_error_no_memory(error, "planning parts");
    copy->part = *part;
    copy->part.stage = stage->number;
    copy->part.index = job->engine.first_index + job->engine.added;
    copy->stage = stage;
    if (!copy_text(&stage->arena, &copy->part.uri) || !copy_text(&stage->arena, &copy->part.etag) ||
        !df_arena_copy(&stage->arena, part->detail, &copy->part.detail))
        return df_error_no_memory(error, "planning parts");
    if (job->engine.last)
        job->engine.last->next = copy;
    else
        job->engine.first = copy;
    job->engine.last = copy;
    job->engine.added++;
    return 0;
}

/* A failure sticks, also when the engine does not pass it on. */
static int on_add(struct df_plan *plan, const struct df_part *part, struct df_error *error)
{
    struct df_job *job = plan->ctx;
    if (!job->engine.add_failed && add_part(job, part, &job->engine.add_error) != 0)
        job->engine.add_failed = true;
    if (!job->engine.add_failed)
        return 0;
    if (error)
        *error = job->engine.add_error;
    return -1;
}

void df_job_plan_start(struct df_job *job, uint32_t room)
{
    job->engine.stage = job->loop.stage;
    job->engine.first = job->engine.last = NULL;
    job->engine.room = room;
    job->engine.added = 0;
    job->engine.first_index = job->loop.stage->part_count;
    job->engine.add_failed = false;
    job->engine.plan = (struct df_plan){.room = room, .add = on_add, .ctx = job};
    df_job_call(job, CALL_PLAN);
}

/* What the engine says of the whole stage counts on the first call only; its memory is the engine's, so it is copied
 * before the call is over. */
static int take_stage_settings(struct df_job *job, struct df_error *error)
{
    struct df_job_stage *stage = job->engine.stage;
    const struct df_plan *plan = &job->engine.plan;
    if (stage->planned_once)
        return 0;
    stage->planned_once = true;
    stage->sections = plan->sections;
    stage->parts_expected = plan->parts_expected;
    if (plan->request.data && !df_arena_copy(&stage->arena, plan->request, &stage->request))
        return df_error_no_memory(error, "planning a stage");
    if (plan->sections > 0)
        return df_section_manifest_create(&stage->outputs, plan->sections, error);
    return 0;
}

void df_job_plan_run(struct df_job *job)
{
    const struct df_engine *engine = job->options.engine;
    int result = engine->plan(&job->engine.query, job->engine.stage->number, &job->engine.plan, &job->engine.error);
    if (result >= 0 && job->engine.add_failed) {
        job->engine.error = job->engine.add_error;
        result = -1;
    }
    if (result >= 0 && take_stage_settings(job, &job->engine.error) != 0)
        result = -1;
    job->engine.result = result;
}

/* ---- taking over what was planned ---- */

static int reserve(struct df_job *job, uint32_t count)
{
    struct df_job_stage *stage = job->loop.stage;
    if (count <= stage->part_capacity)
        return 0;
    uint32_t capacity = stage->part_capacity > UINT32_MAX / 2 ? UINT32_MAX : stage->part_capacity * 2;
    if (capacity < count)
        capacity = count;
    if (capacity < 64)
        capacity = 64;
    size_t bytes;
    if (df_size_mul(&bytes, capacity, sizeof(struct df_job_part *)) != 0)
        return -1;
    struct df_job_part **parts = realloc(stage->parts, bytes);
    if (!parts)
        return -1;
    stage->parts = parts;
    for (size_t i = 0; i < 2; i++)
        if (df_job_lane_reserve(&job->loop.lanes[i], capacity) != 0)
            return -1;
    if (df_job_hedge_reserve(stage, capacity) != 0)
        return -1;
    stage->part_capacity = capacity;
    return 0;
}

static void show_progress(struct df_job *job)
{
    struct df_progress *progress = job->options.progress;
    const struct df_job_stage *stage = job->loop.stage;
    if (!progress || stage->part_count == 0) /* an empty stage is the end, not a stage */
        return;
    uint64_t total = stage->part_count;
    if (!stage->plan_ended && stage->parts_expected > total)
        total = stage->parts_expected;
    atomic_store(&progress->parts_total, total);
    atomic_store(&progress->parts_known, stage->plan_ended);
}

static int take_parts(struct df_job *job)
{
    struct df_job_stage *stage = job->loop.stage;
    if (reserve(job, stage->part_count + job->engine.added) != 0)
        return -1;
    if (stage->part_count == 0 && job->engine.added > 0) {
        job->loop.stats.stages++;
        restart_progress(job, stage->number);
    }
    for (struct df_job_part *part = job->engine.first; part; part = part->next) {
        part->lane = part->part.flags & DF_PART_LOCAL ? job->loop.local : &job->loop.lanes[0];
        stage->parts[stage->part_count++] = part;
    }
    job->loop.stats.parts += job->engine.added;
    job->loop.stats.bytes_planned = job->engine.bytes_planned;
    return 0;
}

void df_job_plan_ended(struct df_job *job)
{
    if (df_job_ending(job))
        return;
    if (job->engine.result < 0) {
        df_job_fail(job, &job->engine.error);
        return;
    }
    if (take_parts(job) != 0) {
        struct df_error error;
        df_error_no_memory(&error, "planning parts");
        df_job_fail(job, &error);
        return;
    }
    if (job->engine.result == DF_PLAN_END)
        job->loop.stage->plan_ended = true;
    show_progress(job);
}
