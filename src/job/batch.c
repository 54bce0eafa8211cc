/* The window, packing, and submitting.
 *
 *     parts of the stage, by index
 *     ├── folded ──┼────────── window ──────────┼── planned, not yet looked at ──┤
 *     0            folded                       horizon                          part_count
 *                  answers that wait for the fold, attempts in flight, parts that wait to be submitted
 *
 * The window is the longest run of parts behind the fold whose answers fit into reorder_bytes: an answer that is there
 * counts what it is, one in flight its share of the batch's answer limit, one not submitted its share of a full batch.
 * Only inside the window do heavier parts go first. A batch is submitted when, besides, its whole answer limit fits
 * beside what is there and in flight. The first part that is not folded may always go: that is why nothing can stand
 * still. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/size.h"
#include "job/internal.h"

enum {
    ENVELOPE_BYTES = 512,   /* of JSON around request and parts, with names, id and numbers */
    PART_BYTES = 160,       /* of JSON around the texts of a part */
    BATCH_PARTS_MAX = 4096, /* whatever an invoker says */
};

/* ---- the heap of a lane ---- */

static bool goes_before(const struct df_job_part *a, const struct df_job_part *b)
{
    if (a->part.weight_bytes != b->part.weight_bytes)
        return a->part.weight_bytes > b->part.weight_bytes;
    return a->part.index < b->part.index;
}

static void heap_place(struct df_job_lane *lane, size_t index, struct df_job_part *part)
{
    lane->heap[index] = part;
    part->heap_index = index;
}

static void heap_up(struct df_job_lane *lane, size_t index, struct df_job_part *part)
{
    for (; index > 0 && goes_before(part, lane->heap[(index - 1) / 2]); index = (index - 1) / 2)
        heap_place(lane, index, lane->heap[(index - 1) / 2]);
    heap_place(lane, index, part);
}

static void heap_down(struct df_job_lane *lane, size_t index, struct df_job_part *part)
{
    for (;;) {
        size_t child = index * 2 + 1;
        if (child >= lane->heap_count)
            break;
        if (child + 1 < lane->heap_count && goes_before(lane->heap[child + 1], lane->heap[child]))
            child++;
        if (!goes_before(lane->heap[child], part))
            break;
        heap_place(lane, index, lane->heap[child]);
        index = child;
    }
    heap_place(lane, index, part);
}

/* Room for every part of the stage, so that putting one back never fails. */
int df_job_lane_reserve(struct df_job_lane *lane, uint32_t parts)
{
    size_t bytes;
    if (df_size_mul(&bytes, parts, sizeof(struct df_job_part *)) != 0)
        return -1;
    struct df_job_part **heap = realloc(lane->heap, bytes);
    if (!heap)
        return -1;
    lane->heap = heap;
    return 0;
}

static void dequeue(struct df_job_part *part)
{
    struct df_job_lane *lane = part->lane;
    struct df_job_part *moved = lane->heap[--lane->heap_count];
    part->stage->waiting--;
    if (moved == part)
        return;
    size_t index = part->heap_index;
    if (index > 0 && goes_before(moved, lane->heap[(index - 1) / 2]))
        heap_up(lane, index, moved);
    else
        heap_down(lane, index, moved);
}

/* ---- the window ---- */

static uint32_t batch_parts_max(const struct df_job_lane *lane)
{
    uint32_t parts = lane->invoker->limits.parts_per_batch;
    if (parts == 0)
        return 1;
    return parts < BATCH_PARTS_MAX ? parts : BATCH_PARTS_MAX;
}

uint64_t df_job_nominal_bytes(const struct df_job_lane *lane)
{
    return lane->invoker->limits.answer_bytes / batch_parts_max(lane);
}

void df_job_window_count(struct df_job_part *part, uint64_t bytes, bool ahead)
{
    struct df_job_stage *stage = part->stage;
    stage->window_bytes -= part->window_bytes;
    if (part->ahead)
        stage->ahead_bytes -= part->window_bytes;
    part->window_bytes = bytes;
    part->ahead = ahead;
    stage->window_bytes += bytes;
    if (ahead)
        stage->ahead_bytes += bytes;
}

static bool fits(const struct df_job *job, uint64_t used, uint64_t more)
{
    uint64_t sum;
    return df_u64_add(&sum, used, more) == 0 && sum <= job->options.reorder_bytes;
}

void df_job_enqueue(struct df_job_part *part)
{
    struct df_job_lane *lane = part->lane;
    part->state = PART_WAITING;
    df_job_window_count(part, df_job_nominal_bytes(lane), false);
    part->stage->waiting++;
    heap_up(lane, lane->heap_count++, part);
}

static void advance_window(struct df_job *job)
{
    struct df_job_stage *stage = job->loop.stage;
    while (stage->horizon < stage->part_count) {
        struct df_job_part *part = stage->parts[stage->horizon];
        if (stage->horizon > stage->folded && !fits(job, stage->window_bytes, df_job_nominal_bytes(part->lane)))
            return;
        stage->horizon++;
        df_job_enqueue(part);
    }
}

/* ---- packing ---- */

static uint64_t request_bytes_of(const struct df_job_part *part)
{
    uint64_t uri = part->part.uri ? strlen(part->part.uri) : 0;
    uint64_t etag = part->part.etag ? strlen(part->part.etag) : 0;
    uint64_t detail = ((uint64_t)part->part.detail.size + 2) / 3 * 4; /* base64 */
    return PART_BYTES + uri + etag + detail;
}

/* A part whose run must not be repeated, or that has its last chance, shares its fate with no other. */
static bool goes_alone(const struct df_job_part *part)
{
    return (part->part.flags & DF_PART_NO_RETRY) || part->fell_back;
}

struct packing {
    const struct df_invoker_limits *limits;
    uint32_t count, count_max;
    uint64_t weight_bytes, request_bytes;
};

static bool packs(const struct packing *packing, const struct df_job_part *part)
{
    const struct df_invoker_limits *limits = packing->limits;
    uint64_t weight, request;
    if (packing->count >= packing->count_max || goes_alone(part))
        return false;
    if (part->batch_max && packing->count >= part->batch_max)
        return false;
    if (df_u64_add(&weight, packing->weight_bytes, part->part.weight_bytes) != 0 ||
        (limits->batch_weight_bytes && weight > limits->batch_weight_bytes))
        return false;
    request = packing->request_bytes + request_bytes_of(part);
    return !limits->request_bytes || request <= limits->request_bytes;
}

static void pack(struct packing *packing, struct df_job_part *part)
{
    packing->count++;
    packing->weight_bytes += part->part.weight_bytes;
    packing->request_bytes += request_bytes_of(part);
    if (goes_alone(part))
        packing->count_max = 1;
    if (part->batch_max && part->batch_max < packing->count_max)
        packing->count_max = part->batch_max;
}

static struct packing packing_make(const struct df_job_lane *lane, const struct df_job_stage *stage)
{
    return (struct packing){
        .limits = &lane->invoker->limits,
        .count_max = batch_parts_max(lane),
        .request_bytes = ENVELOPE_BYTES + stage->request.size,
    };
}

/* True when the part does not even fit alone; it is settled then. */
static bool refuse_too_large(struct df_job *job, struct df_job_part *part)
{
    struct packing empty = packing_make(part->lane, part->stage);
    uint64_t bytes = empty.request_bytes + request_bytes_of(part);
    if (!empty.limits->request_bytes || bytes <= empty.limits->request_bytes)
        return false;
    struct df_error error;
    df_error_set(&error, DF_ERROR_TOO_LARGE,
                 "part %" PRIu32 " (%s) makes a request of %" PRIu64 " bytes, %s takes at most %" PRIu64,
                 part->part.index, part->part.uri ? part->part.uri : "no object", bytes, part->lane->invoker->name,
                 empty.limits->request_bytes);
    df_job_settle_error(job, part, &error);
    return true;
}

/* ---- a batch ---- */

void df_job_batch_free(struct df_job_batch *batch)
{
    free((void *)batch->base.envelope.parts);
    free(batch->parts);
    free(batch->told);
    free(batch->won);
    free(batch);
}

static struct df_job_batch *batch_make(uint32_t count)
{
    struct df_job_batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return NULL;
    batch->parts = calloc(count, sizeof(struct df_job_part *));
    batch->base.envelope.parts = calloc(count, sizeof(const struct df_part *));
    batch->told = calloc(count, sizeof(bool));
    batch->won = calloc(count, sizeof *batch->won);
    if (batch->parts && batch->base.envelope.parts && batch->told && batch->won)
        return batch;
    df_job_batch_free(batch);
    return NULL;
}

static void fill_envelope(struct df_job *job, struct df_job_batch *batch)
{
    struct df_envelope *envelope = &batch->base.envelope;
    const struct df_invoker_limits *limits = &batch->lane->invoker->limits;
    envelope->engine = job->options.engine;
    envelope->job = job->id;
    envelope->stage = batch->stage->number;
    envelope->attempt = ++job->loop.attempt;
    envelope->deadline = df_job_deadline(job);
    envelope->request = batch->stage->request;
    envelope->output_prefix = job->prefix;
    envelope->output_lease = limits->outlives ? job->lease : NULL;
    envelope->inline_bytes = job->options.inline_bytes;
    /* Between threads of this process there is no limit, only something to reserve by. */
    if (job->prefix && envelope->inline_bytes == 0 && batch->lane != job->loop.local)
        envelope->inline_bytes = limits->answer_bytes;
    envelope->sections = batch->stage->sections;
    envelope->inputs = batch->stage->inputs;
    if (envelope->inputs)
        df_section_manifest_hold(envelope->inputs);
}

static void fill_batch(struct df_job *job, struct df_job_batch *batch, struct df_job_lane *lane,
                       struct df_job_part *const *parts, uint32_t count)
{
    const struct df_part **envelope_parts = (const struct df_part **)(void *)batch->base.envelope.parts;
    batch->job = job;
    batch->stage = job->loop.stage;
    df_job_stage_hold(batch->stage);
    batch->lane = lane;
    batch->untold = batch->pending = count;
    batch->submitted_ns = df_time_mono_ns();
    batch->base.callbacks = df_job_batch_callbacks;
    batch->base.callbacks.ctx = job;
    for (uint32_t i = 0; i < count; i++) {
        batch->parts[i] = parts[i];
        envelope_parts[i] = &parts[i]->part;
    }
    batch->base.envelope.part_count = count;
    fill_envelope(job, batch);
}

static void parts_go_live(struct df_job *job, struct df_job_batch *batch)
{
    uint32_t count = batch->base.envelope.part_count;
    uint64_t share = batch->lane->invoker->limits.answer_bytes / count;
    for (uint32_t i = 0; i < count; i++) {
        struct df_job_part *part = batch->parts[i];
        assert(part->live_count < LIVE_ATTEMPTS_MAX);
        part->live[part->live_count++] = batch;
        if (part->live_count > 1) {
            df_job_hedge_unlist(part);
            continue; /* one of the two answers is kept: it is counted already */
        }
        part->state = PART_LIVE;
        df_job_window_count(part, share, true);
        df_job_hedge_list(job, part);
    }
}

static void link_batch(struct df_job *job, struct df_job_batch *batch)
{
    batch->next = job->loop.batches;
    if (batch->next)
        batch->next->previous = batch;
    job->loop.batches = batch;
    batch->lane->in_flight++;
    job->loop.stats.batches++;
}

bool df_job_lane_free(const struct df_job_lane *lane)
{
    uint32_t limit = lane->invoker->limits.batches_in_flight;
    return lane->in_flight < (limit ? limit : 1);
}

void df_job_submit(struct df_job *job, struct df_job_lane *lane, struct df_job_part *const *parts, uint32_t count)
{
    struct df_error error = {0};
    struct df_job_batch *batch = batch_make(count);
    if (!batch) {
        df_error_no_memory(&error, "submitting parts");
        df_job_fail(job, &error);
        return;
    }
    fill_batch(job, batch, lane, parts, count);
    parts_go_live(job, batch);
    if (lane->invoker->submit(lane->invoker, &batch->base, &error) == 0)
        link_batch(job, batch);
    else
        df_job_submit_failed(job, batch, &error);
}

/* ---- submitting what is ready ---- */

static void submit_heaviest(struct df_job *job, struct df_job_lane *lane)
{
    struct df_job_part *parts[BATCH_PARTS_MAX];
    struct packing packing = packing_make(lane, job->loop.stage);
    struct df_job_part *first = lane->heap[0];
    dequeue(first);
    if (refuse_too_large(job, first))
        return;
    parts[0] = first;
    pack(&packing, first);
    while (lane->heap_count > 0 && packs(&packing, lane->heap[0])) {
        parts[packing.count] = lane->heap[0];
        pack(&packing, lane->heap[0]);
        dequeue(lane->heap[0]);
    }
    df_job_submit(job, lane, parts, packing.count);
}

/* The window has no room for another batch; the part that the fold waits for goes all the same. */
static bool submit_first_unfolded(struct df_job *job, struct df_job_lane *lane)
{
    struct df_job_stage *stage = job->loop.stage;
    struct df_job_part *first = stage->parts[stage->folded];
    stage->window_full = true;
    if (first->state != PART_WAITING || first->lane != lane)
        return false;
    dequeue(first);
    if (!refuse_too_large(job, first))
        df_job_submit(job, lane, &first, 1);
    return true;
}

static void submit_from(struct df_job *job, struct df_job_lane *lane)
{
    while (!df_job_ending(job) && lane->heap_count > 0 && df_job_lane_free(lane)) {
        if (fits(job, job->loop.stage->ahead_bytes, lane->invoker->limits.answer_bytes))
            submit_heaviest(job, lane);
        else if (!submit_first_unfolded(job, lane))
            return;
    }
}

void df_job_submit_ready(struct df_job *job)
{
    struct df_job_stage *stage = job->loop.stage;
    advance_window(job);
    stage->window_full = stage->horizon < stage->part_count ||
                         (!stage->plan_ended && stage->part_count > stage->folded &&
                          !fits(job, stage->window_bytes, df_job_nominal_bytes(&job->loop.lanes[0])));
    submit_from(job, &job->loop.lanes[0]);
    submit_from(job, &job->loop.lanes[1]);
}
