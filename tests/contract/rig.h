/* An engine and an invoker made for tests, and the naive model of what a job over them must answer.
 *
 * The engine's stages and parts are tables of struct rig. A part's value follows from its stage, its index and, behind
 * an exchange, the sections it reads; a partial also carries the attempt that made it, so that fold can tell whether
 * the first answer won. The answer is the text of all folds in order. The invoker plays scripts: what it says of each
 * position, and when, is decided by a function of the test at submit.
 *
 * Every rule of the contract that can be watched from outside is watched; the first breach is kept in rig->wrong.
 * Thread: the loop's in virtual time with a pool without threads, so one seed is one order of events. */
#ifndef DF_TESTS_CONTRACT_RIG_H
#define DF_TESTS_CONTRACT_RIG_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/hash.h"
#include "job/job.h"
#include "testing/testing.h"

enum {
    RIG_STAGES = 4,
    RIG_PARTS = 64,
    RIG_EVENTS = 4 * RIG_PARTS,
    RIG_NS_PER_MS = 1000000,
};
#define RIG_ALWAYS UINT32_MAX

enum rig_place { RIG_NOWHERE, RIG_BEGIN, RIG_PLAN, RIG_FOLD, RIG_FINISH };

struct rig_part {
    /* The script. */
    uint32_t flags;
    uint64_t weight_bytes;
    size_t detail_bytes;
    size_t padding_bytes;    /* of the partial */
    enum df_error_kind kind; /* of its failures */
    uint32_t fails;          /* its first attempts that fail; RIG_ALWAYS */
    bool missing;            /* they fail by not being told */
    uint32_t fits;           /* too_large in batches of more parts; 0: never */
    bool in_object;          /* its partial lies in an object, if there is a place for objects */
    bool lost;               /* which is not there any more */

    /* Seen. */
    uint32_t attempts, live, planned_fails;
    uint32_t too_large_in; /* parts of the smallest batch that was too large; 0: none was */
    uint32_t winner;       /* attempt of the first answer told; 0: none yet */
    bool planned;
};

struct rig_stage {
    uint32_t part_count;
    uint32_t sections;
    uint32_t enough_after; /* folds; 0: never */
    uint32_t plan_chunk;   /* parts per plan call at most; 0: as there is room */
    uint32_t empty_plans;  /* plan calls after the first that find nothing, each a millisecond long */
    bool own_request;
    struct rig_part parts[RIG_PARTS];

    uint32_t planned, folded;
};

enum rig_saying { RIG_SAY_ANSWER, RIG_SAY_ERROR, RIG_SAY_GARBAGE, RIG_SAY_DONE };

struct rig_event {
    int64_t at_ns;
    enum rig_saying saying;
    uint32_t position;
    enum df_error_kind kind; /* of SAY_ERROR and, when not NONE, of SAY_DONE */
};

struct rig;
struct rig_invoker;

struct rig_flight {
    struct rig *rig;
    struct rig_invoker *invoker;
    struct df_batch *batch;
    struct df_timer timer;
    struct rig_event events[RIG_EVENTS];
    uint32_t event_count, next_event;
    bool cancelled;
    bool told[RIG_PARTS];
    struct rig_flight *next, *previous;
};

struct rig_invoker {
    struct df_invoker base;
    struct rig *rig;
    uint32_t in_flight, in_flight_peak;
    bool local;
};

struct rig_writer {
    struct df_writer base;
    struct rig *rig;
    struct df_buf content;
    bool full;
    int64_t full_since_ns, full_ns;
    int64_t ended_ns, full_ns_at_end;
    uint32_t finished, aborted;
    struct df_error abort_error;
    /* After so many puts (0: never) it is full for so long. */
    uint32_t puts, full_every;
    int64_t full_ms;
    struct df_timer drain_timer;
};

struct rig {
    /* Made once per test. */
    struct df_loop *loop;
    struct df_pool *pool;
    struct df_store *store;
    const char *folder;

    /* The script. */
    struct rig_stage stages[RIG_STAGES];
    uint32_t stage_count;
    enum rig_place fail_at;
    uint32_t fail_stage, fail_index;
    bool tolerant; /* fold writes the error of a part down and goes on */
    bool (*refuse)(struct rig *, struct rig_flight *, struct df_error *); /* submit fails; NULL: never */
    void (*script)(struct rig *, struct rig_flight *);
    void (*on_cancel)(struct rig *, struct rig_flight *); /* NULL: the rest is told as cancelled, at once */
    void (*on_fold)(struct rig *, const struct df_part *);
    uint64_t random;

    struct df_job_options options;
    struct df_budget budget;
    struct rig_invoker remote, local;
    struct rig_writer writer;
    struct df_timer cancel_timer, watch_timer;

    /* Seen. */
    struct df_job *job;
    struct rig_flight *flights;
    uint32_t last_attempt;
    uint32_t submits, refusals, dones, cancels, begun, ended_query, finish_calls, ends;
    uint32_t in_engine;
    enum df_end query_end, end;
    struct df_error error;
    struct df_job_stats stats;
    int64_t started_ns, ended_ns;
    bool cancel_called;
    char wrong[512];
};

__attribute__((format(printf, 2, 3))) static inline void rig_wrong(struct rig *rig, const char *format, ...)
{
    if (rig->wrong[0])
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rig->wrong, sizeof rig->wrong, format, arguments);
    va_end(arguments);
}

static inline uint64_t rig_random(struct rig *rig, uint64_t below)
{
    return below == 0 ? 0 : test_random(&rig->random) % below;
}

/* ---- values ---- */

static inline uint64_t rig_section_value(uint32_t stage, uint32_t producer, uint32_t section)
{
    return df_hash_u64(((uint64_t)stage << 40) + ((uint64_t)producer << 20) + section + 7);
}

/* Some producers leave some sections empty. */
static inline bool rig_section_filled(uint32_t producer, uint32_t section)
{
    return (producer + section) % 3 != 0;
}

static inline uint64_t rig_own_value(uint32_t stage, uint32_t index)
{
    return df_hash_u64(((uint64_t)stage << 32) + index + 1);
}

/* Order counts: sections ascending, producers ascending inside. */
static inline uint64_t rig_mix(uint64_t sum, uint64_t value)
{
    return df_hash_u64(sum * 3 + value);
}

static inline int rig_on_section(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes,
                                 struct df_error *error)
{
    uint64_t *sum = ctx;
    uint64_t value;
    (void)producer;
    (void)section;
    if (bytes.size != sizeof value)
        return df_error_set(error, DF_ERROR_CORRUPT, "a section of %zu bytes", bytes.size);
    memcpy(&value, bytes.data, sizeof value);
    *sum = rig_mix(*sum, value);
    return 0;
}

static inline void rig_range(const struct rig *rig, uint32_t stage, uint32_t index, uint64_t *begin, uint64_t *end)
{
    *begin = *end = 0;
    if (stage == 0 || rig->stages[stage - 1].sections == 0)
        return;
    uint64_t sections = rig->stages[stage - 1].sections, parts = rig->stages[stage].part_count;
    *begin = sections * index / parts;
    *end = sections * (index + 1) / parts;
}

/* ---- the engine ---- */

static inline struct rig *rig_of(struct df_slice request)
{
    struct rig *rig;
    memcpy(&rig, request.data, sizeof rig);
    return rig;
}

static inline void rig_enter(struct rig *rig)
{
    if (rig->in_engine++)
        rig_wrong(rig, "two engine calls at once");
    if (rig->ended_query)
        rig_wrong(rig, "an engine call after query_end");
}

static inline int rig_leave(struct rig *rig, int result)
{
    rig->in_engine--;
    return result;
}

static inline int rig_fail(struct df_error *error, const char *where)
{
    return df_error_set(error, DF_ERROR_INVALID, "told to fail in %s", where);
}

static inline int rig_query_begin(struct df_query *query, struct df_error *error)
{
    struct rig *rig = rig_of(query->request);
    rig_enter(rig);
    rig->begun++;
    query->state = rig;
    return rig_leave(rig, rig->fail_at == RIG_BEGIN ? rig_fail(error, "begin") : 0);
}

static inline int rig_plan_part(struct rig *rig, uint32_t stage, uint32_t index, struct df_plan *plan,
                                struct df_error *error)
{
    static const uint8_t detail[DF_PART_DETAIL_BYTES_MAX + 1];
    struct rig_part *script = &rig->stages[stage].parts[index];
    char uri[64];
    snprintf(uri, sizeof uri, "test://%u/%u", stage, index);
    struct df_part part = {
        .uri = uri,
        .etag = index % 2 ? "etag" : NULL,
        .flags = script->flags,
        .weight_bytes = script->weight_bytes,
        .detail = df_slice_make(detail, script->detail_bytes),
    };
    rig_range(rig, stage, index, &part.range_begin, &part.range_end);
    if (df_plan_add(plan, &part, error) != 0)
        return -1;
    memset(uri, 'x', sizeof uri); /* it was copied */
    script->planned = true;
    return 0;
}

static inline int rig_plan(struct df_query *query, uint32_t number, struct df_plan *plan, struct df_error *error)
{
    struct rig *rig = query->state;
    rig_enter(rig);
    if (number >= rig->stage_count)
        return rig_leave(rig, number > rig->stage_count ? rig_fail(error, "a stage too many") : DF_PLAN_END);
    struct rig_stage *stage = &rig->stages[number];
    if (number > 0) {
        struct rig_stage *before = &rig->stages[number - 1];
        if (before->folded != before->part_count && before->folded != before->enough_after)
            rig_wrong(rig, "stage %u is planned before stage %u is folded", number, number - 1);
    }
    if (plan->room == 0)
        rig_wrong(rig, "plan called without room");
    if (plan->room > rig->options.plan_room)
        rig_wrong(rig, "room %u is more than plan_room %u", plan->room, rig->options.plan_room);
    if (stage->planned == 0) {
        plan->sections = stage->sections;
        plan->parts_expected = stage->part_count;
        if (stage->own_request) /* dies with the call, so it must be copied */
            plan->request = query->request;
    }
    if (stage->planned > 0 && stage->empty_plans > 0) {
        stage->empty_plans--;
        df_time_jump(RIG_NS_PER_MS, 1);
        return rig_leave(rig, DF_PLAN_MORE);
    }
    uint32_t chunk = stage->plan_chunk ? stage->plan_chunk : UINT32_MAX;
    for (; plan->room > 0 && chunk > 0 && stage->planned < stage->part_count; stage->planned++, chunk--) {
        if (rig->fail_at == RIG_PLAN && rig->fail_stage == number && rig->fail_index == stage->planned)
            return rig_leave(rig, rig_fail(error, "plan"));
        if (rig_plan_part(rig, number, stage->planned, plan, error) != 0)
            return rig_leave(rig, -1);
    }
    return rig_leave(rig, stage->planned < stage->part_count ? DF_PLAN_MORE : DF_PLAN_END);
}

static inline int rig_write(struct rig *rig, struct df_writer *writer, struct df_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static inline int rig_write(struct rig *rig, struct df_writer *writer, struct df_error *error, const char *format, ...)
{
    char text[256];
    struct df_buf blob = {0};
    (void)rig;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    df_buf_put_text(&blob, text);
    return df_writer_put(writer, &blob, error);
}

/* "stage.index.attempt.value" and padding. */
static inline int rig_fold_blob(struct rig *rig, const struct df_part *part, struct df_slice blob,
                                struct df_writer *writer, struct df_error *error)
{
    char text[128] = {0};
    uint32_t stage, index, attempt;
    uint64_t value;
    memcpy(text, blob.data, blob.size < sizeof text - 1 ? blob.size : sizeof text - 1);
    if (sscanf(text, "%u.%u.%u.%" SCNu64, &stage, &index, &attempt, &value) != 4)
        return df_error_set(error, DF_ERROR_CORRUPT, "partial '%s'", text);
    if (stage != part->stage || index != part->index)
        rig_wrong(rig, "part %u.%u is folded with the answer of %u.%u", part->stage, part->index, stage, index);
    struct rig_part *script = &rig->stages[part->stage].parts[part->index];
    if (script->winner && attempt != script->winner)
        rig_wrong(rig, "part %u.%u: attempt %u was folded, %u answered first", stage, index, attempt, script->winner);
    return rig_write(rig, writer, error, "%u.%u=%" PRIu64 ";", stage, index, value);
}

static inline int rig_fold(struct df_query *query, const struct df_part *part, const struct df_outcome *outcome,
                           struct df_writer *writer, struct df_error *error)
{
    struct rig *rig = query->state;
    struct rig_stage *stage = &rig->stages[part->stage];
    rig_enter(rig);
    if (writer->ops->full(writer))
        rig_wrong(rig, "a fold while the writer is full");
    if (part->index != stage->folded)
        rig_wrong(rig, "part %u of stage %u is folded after %u", part->index, part->stage, stage->folded);
    if (rig->on_fold)
        rig->on_fold(rig, part);
    if (rig->fail_at == RIG_FOLD && rig->fail_stage == part->stage && rig->fail_index == part->index)
        return rig_leave(rig, rig_fail(error, "fold"));
    if (outcome->failed && !rig->tolerant) {
        *error = outcome->error;
        return rig_leave(rig, -1);
    }
    stage->folded++;
    int rc = outcome->failed ? rig_write(rig, writer, error, "%u.%u!%s;", part->stage, part->index,
                                         df_error_name(outcome->error.kind))
                             : rig_fold_blob(rig, part, outcome->blob, writer, error);
    if (rc != 0)
        return rig_leave(rig, -1);
    return rig_leave(rig, stage->folded == stage->enough_after ? DF_FOLD_ENOUGH : DF_FOLD_MORE);
}

static inline int rig_finish(struct df_query *query, struct df_writer *writer, struct df_error *error)
{
    struct rig *rig = query->state;
    rig_enter(rig);
    rig->finish_calls++;
    if (rig->fail_at == RIG_FINISH)
        return rig_leave(rig, rig_fail(error, "finish"));
    return rig_leave(rig, rig_write(rig, writer, error, "end"));
}

static inline void rig_query_end(struct df_query *query, enum df_end end)
{
    struct rig *rig = rig_of(query->request);
    if (rig->flights)
        rig_wrong(rig, "query_end while batches are in flight");
    rig_enter(rig);
    rig->ended_query++;
    rig->query_end = end;
    rig_leave(rig, 0);
}

static inline int rig_task_begin(struct df_task *task, struct df_error *error)
{
    (void)error;
    task->state = rig_of(task->request);
    return 0;
}

static inline int rig_run(struct df_task *task, const struct df_part *part, struct df_partial *partial,
                          struct df_error *error)
{
    const struct rig *rig = task->state;
    uint64_t value = rig_own_value(part->stage, part->index);
    for (uint32_t i = 0; i < 20; i++)
        if (df_task_check(task, error) != 0)
            return -1;
    for (uint32_t k = 0; k < task->sections; k++) {
        uint64_t section = rig_section_value(part->stage, part->index, k);
        if (rig_section_filled(part->index, k) &&
            df_task_section_write(task, part, k, df_slice_make(&section, sizeof section), error) != 0)
            return -1;
    }
    if (part->stage > 0 && rig->stages[part->stage - 1].sections > 0 &&
        df_task_section_read(task, part, rig_on_section, &value, error) != 0)
        return -1;
    df_buf_printf(&partial->blob, "%u.%u.%u.%" PRIu64, part->stage, part->index, task->attempt, value);
    partial->stats.rows_scanned = 1;
    return 0;
}

static inline void rig_task_end(struct df_task *task)
{
    (void)task;
}

static const struct df_engine rig_engine = {
    .name = "rig",
    .query_begin = rig_query_begin,
    .plan = rig_plan,
    .fold = rig_fold,
    .finish = rig_finish,
    .query_end = rig_query_end,
    .task_begin = rig_task_begin,
    .run = rig_run,
    .task_end = rig_task_end,
};

/* ---- the invoker ---- */

static inline struct rig_part *rig_part_of(struct rig_flight *flight, uint32_t position)
{
    const struct df_part *part = flight->batch->envelope.parts[position];
    return &flight->rig->stages[part->stage].parts[part->index];
}

static inline void rig_at(struct rig_flight *flight, int64_t delay_ms, enum rig_saying saying, uint32_t position,
                          enum df_error_kind kind)
{
    assert_true(flight->event_count < RIG_EVENTS);
    struct rig_event event = {df_time_mono_ns() + delay_ms * RIG_NS_PER_MS, saying, position, kind};
    uint32_t i = flight->event_count++;
    for (; i > flight->next_event && flight->events[i - 1].at_ns > event.at_ns; i--)
        flight->events[i] = flight->events[i - 1];
    flight->events[i] = event;
}

static inline void rig_arm(struct rig_flight *flight)
{
    df_timer_start(flight->rig->loop, &flight->timer, (struct df_deadline){flight->events[flight->next_event].at_ns});
}

/* What engine.run would have made, by the same functions of sections. */
static inline int rig_make_answer(struct rig_flight *flight, uint32_t position, struct df_part_result *result,
                                  struct df_error *error)
{
    struct rig *rig = flight->rig;
    const struct df_envelope *envelope = &flight->batch->envelope;
    const struct df_part *part = envelope->parts[position];
    const struct rig_part *script = rig_part_of(flight, position);
    uint64_t value = rig_own_value(part->stage, part->index);
    if (envelope->inputs &&
        df_section_manifest_read(envelope->inputs, (uint32_t)part->range_begin, (uint32_t)part->range_end, &rig->budget,
                                 NULL, rig_on_section, &value, error) != 0)
        return -1;
    if (envelope->sections > 0) {
        struct df_section_builder *builder;
        if (df_section_builder_create(&builder, envelope->sections, &rig->budget, NULL, error) != 0)
            return -1;
        for (uint32_t k = 0; k < envelope->sections; k++) {
            uint64_t section = rig_section_value(part->stage, part->index, k);
            if (rig_section_filled(part->index, k) &&
                df_section_builder_put(builder, k, df_slice_make(&section, sizeof section), error) != 0)
                return -1;
        }
        if (df_section_builder_finish(builder, &result->sections, error) != 0)
            return -1;
    }
    df_buf_printf(&result->blob, "%u.%u.%u.%" PRIu64 " ", part->stage, part->index, envelope->attempt, value);
    for (size_t i = 0; i < script->padding_bytes; i++)
        df_buf_put_char(&result->blob, '.');
    result->stats.rows_scanned = 1;
    return 0;
}

static inline int rig_put_aside(struct rig_flight *flight, uint32_t position, struct df_part_result *result,
                                struct df_error *error)
{
    const struct df_envelope *envelope = &flight->batch->envelope;
    const struct df_part *part = envelope->parts[position];
    struct df_buf uri = {0};
    df_buf_printf(&uri, "%s%u-%u-%u", envelope->output_prefix, part->stage, part->index, envelope->attempt);
    struct df_put put = {.uri = df_buf_text(&uri), .content = df_buf_slice(&result->blob)};
    int rc = rig_part_of(flight, position)->lost ? 0 : df_store_put(flight->rig->store, &put, NULL, error);
    if (rc == 0)
        result->uri = strdup(put.uri);
    df_buf_dispose(&result->blob);
    df_buf_dispose(&uri);
    return rc;
}

/* An attempt is live until it is told, whatever its batch does. */
static inline void rig_no_longer_live(struct rig_flight *flight, uint32_t position)
{
    if (!flight->told[position])
        rig_part_of(flight, position)->live--;
    flight->told[position] = true;
}

/* Only while somebody listens, and about an attempt that has not been told. */
static inline void rig_note_too_large(struct rig_flight *flight, uint32_t position)
{
    struct rig_part *part = rig_part_of(flight, position);
    uint32_t count = flight->batch->envelope.part_count;
    if (count > 1 && !flight->told[position] && (part->too_large_in == 0 || count < part->too_large_in))
        part->too_large_in = count;
}

static inline void rig_tell(struct rig_flight *flight, const struct rig_event *event)
{
    struct df_batch *batch = flight->batch;
    struct df_part_result result = {0};
    struct df_error error = {0};
    bool in_batch = event->position < batch->envelope.part_count;
    struct rig_part *part = in_batch ? rig_part_of(flight, event->position) : NULL;
    if (in_batch && event->saying == RIG_SAY_ERROR && event->kind == DF_ERROR_TOO_LARGE)
        rig_note_too_large(flight, event->position);
    if (in_batch)
        rig_no_longer_live(flight, event->position);
    if (event->saying == RIG_SAY_ERROR) {
        result.failed = true;
        df_error_set(&result.error, event->kind, "scripted %s", df_error_name(event->kind));
    } else if (event->saying == RIG_SAY_GARBAGE) {
        df_buf_put_text(&result.blob, "garbage");
    } else if (rig_make_answer(flight, event->position, &result, &error) != 0 ||
               (part->in_object && batch->envelope.output_prefix &&
                rig_put_aside(flight, event->position, &result, &error) != 0)) {
        rig_wrong(flight->rig, "making an answer: %s", error.message);
    }
    if (event->saying == RIG_SAY_ANSWER && part->winner == 0)
        part->winner = batch->envelope.attempt;
    batch->callbacks.on_part(batch->callbacks.ctx, batch, event->position, &result);
    df_part_result_dispose(&result);
}

static inline void rig_land(struct rig_flight *flight, enum df_error_kind kind)
{
    struct rig *rig = flight->rig;
    struct df_batch *batch = flight->batch;
    for (uint32_t i = 0; i < batch->envelope.part_count; i++) {
        if (kind == DF_ERROR_TOO_LARGE)
            rig_note_too_large(flight, i);
        rig_no_longer_live(flight, i);
    }
    df_timer_stop(rig->loop, &flight->timer);
    if (flight->previous)
        flight->previous->next = flight->next;
    else
        rig->flights = flight->next;
    if (flight->next)
        flight->next->previous = flight->previous;
    flight->invoker->in_flight--;
    rig->dones++;
    struct df_error error;
    struct df_cost cost = {.billed_ms = 1, .dollars = 0.5};
    df_error_set(&error, kind == DF_ERROR_NONE ? DF_ERROR_INTERNAL : kind, "scripted %s for the batch",
                 df_error_name(kind));
    batch->invoker_state = NULL;
    free(flight);
    batch->callbacks.done(batch->callbacks.ctx, batch, kind == DF_ERROR_NONE ? NULL : &error, &cost);
}

static inline void rig_on_time(void *ctx)
{
    struct rig_flight *flight = ctx;
    const struct rig_event *event = &flight->events[flight->next_event++];
    if (event->saying == RIG_SAY_DONE) {
        rig_land(flight, event->kind);
        return;
    }
    rig_arm(flight);
    rig_tell(flight, event);
}

static inline void rig_watch_submit(struct rig *rig, struct rig_invoker *invoker, const struct df_batch *batch)
{
    const struct df_envelope *envelope = &batch->envelope;
    const struct df_invoker_limits *limits = &invoker->base.limits;
    if (envelope->attempt <= rig->last_attempt)
        rig_wrong(rig, "attempt %u after %u", envelope->attempt, rig->last_attempt);
    rig->last_attempt = envelope->attempt;
    if (envelope->part_count == 0 || envelope->part_count > limits->parts_per_batch)
        rig_wrong(rig, "a batch of %u parts, limit %u", envelope->part_count, limits->parts_per_batch);
    if (invoker->in_flight >= limits->batches_in_flight)
        rig_wrong(rig, "%u batches in flight, limit %u", invoker->in_flight + 1, limits->batches_in_flight);
    if (envelope->sections != rig->stages[envelope->stage].sections)
        rig_wrong(rig, "%u sections in the envelope", envelope->sections);
    if (rig_of(envelope->request) != rig)
        rig_wrong(rig, "another request in the envelope");
    if (rig->begun == 0 || rig->ended_query)
        rig_wrong(rig, "a submit outside of the query");
    uint64_t weight = 0;
    for (uint32_t i = 0; i < envelope->part_count; i++) {
        const struct df_part *part = envelope->parts[i];
        struct rig_part *seen = &rig->stages[part->stage].parts[part->index];
        weight += part->weight_bytes;
        if (part->stage != envelope->stage)
            rig_wrong(rig, "a part of stage %u in a batch of stage %u", part->stage, envelope->stage);
        if (seen->too_large_in && envelope->part_count > (seen->too_large_in + 1) / 2)
            rig_wrong(rig, "part %u.%u goes in a batch of %u, %u was too large", part->stage, part->index,
                      envelope->part_count, seen->too_large_in);
        if (seen->live >= 2)
            rig_wrong(rig, "part %u.%u has %u live attempts", part->stage, part->index, seen->live + 1);
        if (seen->live >= 1 && (part->flags & (DF_PART_NO_HEDGE | DF_PART_NO_RETRY)))
            rig_wrong(rig, "part %u.%u is hedged against its will", part->stage, part->index);
        if (seen->attempts >= 1 && (part->flags & DF_PART_NO_RETRY))
            rig_wrong(rig, "part %u.%u is tried again against its will", part->stage, part->index);
        if ((part->flags & DF_PART_LOCAL) && !invoker->local && rig->options.local != rig->options.invoker)
            rig_wrong(rig, "local part %u.%u goes elsewhere", part->stage, part->index);
    }
    if (limits->batch_weight_bytes && envelope->part_count > 1 && weight > limits->batch_weight_bytes)
        rig_wrong(rig, "a batch of weight %" PRIu64, weight);
}

static inline int rig_submit(struct df_invoker *base, struct df_batch *batch, struct df_error *error)
{
    struct rig_invoker *invoker = (struct rig_invoker *)base;
    struct rig *rig = invoker->rig;
    rig_watch_submit(rig, invoker, batch);
    struct rig_flight *flight = calloc(1, sizeof *flight);
    assert_non_null(flight);
    flight->rig = rig;
    flight->invoker = invoker;
    flight->batch = batch;
    flight->timer = (struct df_timer){.fn = rig_on_time, .ctx = flight};
    for (uint32_t i = 0; i < batch->envelope.part_count; i++)
        rig_part_of(flight, i)->attempts++;
    if (rig->refuse && rig->refuse(rig, flight, error)) {
        rig->refusals++;
        free(flight);
        return -1;
    }
    for (uint32_t i = 0; i < batch->envelope.part_count; i++)
        rig_part_of(flight, i)->live++;
    rig->submits++;
    invoker->in_flight++;
    if (invoker->in_flight > invoker->in_flight_peak)
        invoker->in_flight_peak = invoker->in_flight;
    flight->next = rig->flights;
    if (flight->next)
        flight->next->previous = flight;
    rig->flights = flight;
    batch->invoker_state = flight;
    rig->script(rig, flight);
    rig_arm(flight);
    return 0;
}

static inline void rig_cancel_rest(struct rig_flight *flight)
{
    flight->event_count = flight->next_event;
    rig_at(flight, 0, RIG_SAY_DONE, 0, DF_ERROR_CANCELLED);
    rig_arm(flight);
}

static inline void rig_cancel(struct df_invoker *base, struct df_batch *batch)
{
    struct rig_flight *flight = batch->invoker_state;
    (void)base;
    struct rig *rig = flight->rig;
    rig->cancels++;
    if (flight->cancelled)
        rig_wrong(rig, "a batch is cancelled twice");
    flight->cancelled = true;
    if (rig->on_cancel)
        rig->on_cancel(rig, flight);
    else
        rig_cancel_rest(flight);
}

/* ---- the writer ---- */

static inline int rig_put(struct df_writer *base, struct df_buf *blob, struct df_error *error)
{
    struct rig_writer *writer = (struct rig_writer *)base;
    (void)error;
    if (writer->finished || writer->aborted)
        rig_wrong(writer->rig, "a put after the end of the answer");
    df_buf_put_slice(&writer->content, df_buf_slice(blob));
    df_buf_dispose(blob);
    writer->puts++;
    if (writer->full_every && !writer->full && writer->puts % writer->full_every == 0) {
        writer->full = true;
        writer->full_since_ns = df_time_mono_ns();
        df_timer_start(writer->rig->loop, &writer->drain_timer, df_deadline_after_ms(writer->full_ms));
    }
    return 0;
}

static inline bool rig_full(const struct df_writer *base)
{
    return ((const struct rig_writer *)base)->full;
}

static inline void rig_drain(void *ctx)
{
    struct rig_writer *writer = ctx;
    writer->full = false;
    writer->full_ns += df_time_mono_ns() - writer->full_since_ns;
    if (!writer->finished && !writer->aborted)
        writer->base.drained(writer->base.drained_ctx);
}

static inline void rig_writer_note_end(struct rig_writer *writer)
{
    writer->ended_ns = df_time_mono_ns();
    writer->full_ns_at_end = writer->full_ns + (writer->full ? df_time_mono_ns() - writer->full_since_ns : 0);
}

static inline void rig_writer_finish(struct df_writer *base)
{
    ((struct rig_writer *)base)->finished++;
    rig_writer_note_end((struct rig_writer *)base);
}

static inline void rig_writer_abort(struct df_writer *base, const struct df_error *error)
{
    struct rig_writer *writer = (struct rig_writer *)base;
    writer->aborted++;
    writer->abort_error = *error;
    rig_writer_note_end(writer);
}

static const struct df_writer_ops rig_writer_ops = {
    .put = rig_put, .full = rig_full, .finish = rig_writer_finish, .abort = rig_writer_abort};

/* ---- life of a rig ---- */

static inline void rig_create(struct rig *rig, const char *folder)
{
    struct df_error error = {0};
    memset(rig, 0, sizeof *rig);
    df_time_freeze(true);
    assert_ok(df_loop_create(&rig->loop, DF_LOOP_VIRTUAL_TIME, &error), &error);
    assert_ok(df_pool_create(&rig->pool, 0, &error), &error);
    assert_ok(df_store_create(&rig->store, &error), &error);
    rig->folder = folder;
}

static inline void rig_destroy(struct rig *rig)
{
    df_pool_free(rig->pool);
    df_store_free(rig->store);
    df_loop_free(rig->loop);
    df_time_freeze(false);
}

static inline void rig_invoker_init(struct rig *rig, struct rig_invoker *invoker, const char *name)
{
    invoker->rig = rig;
    invoker->local = invoker == &rig->local;
    invoker->base = (struct df_invoker){
        .name = name,
        .limits = {.parts_per_batch = 1, .answer_bytes = 1000, .batches_in_flight = 8},
        .submit = rig_submit,
        .cancel = rig_cancel,
    };
}

/* Everything as a plain run has it; the test changes what it is about. */
static inline void rig_reset(struct rig *rig)
{
    struct df_loop *loop = rig->loop;
    struct df_pool *pool = rig->pool;
    struct df_store *store = rig->store;
    const char *folder = rig->folder;
    df_buf_dispose(&rig->writer.content);
    memset(rig, 0, sizeof *rig);
    rig->loop = loop;
    rig->pool = pool;
    rig->store = store;
    rig->folder = folder;
    rig->tolerant = true;
    df_budget_init(&rig->budget, 0);
    rig_invoker_init(rig, &rig->remote, "remote");
    rig_invoker_init(rig, &rig->local, "local");
    rig->writer.base.ops = &rig_writer_ops;
    rig->writer.rig = rig;
    rig->writer.drain_timer = (struct df_timer){.fn = rig_drain, .ctx = &rig->writer};
    rig->options = (struct df_job_options){
        .engine = &rig_engine,
        .writer = &rig->writer.base,
        .loop = loop,
        .pool = pool,
        .store = store,
        .budget = &rig->budget,
        .invoker = &rig->remote.base,
        .local = &rig->local.base,
        .attempts = 4,
        .retry_delay_ms = 100,
        .reorder_bytes = 1 << 20,
        .plan_room = 16,
        .seed = 1,
    };
}

static inline void rig_cancel_job(void *ctx)
{
    struct rig *rig = ctx;
    rig->cancel_called = true;
    df_job_cancel(rig->job);
}

static inline void rig_on_watch(void *ctx)
{
    struct rig *rig = ctx;
    rig_wrong(rig, "hung: %u batches in flight, stages folded %u %u %u %u",
              rig->remote.in_flight + rig->local.in_flight, rig->stages[0].folded, rig->stages[1].folded,
              rig->stages[2].folded, rig->stages[3].folded);
    df_loop_stop(rig->loop);
}

static inline void rig_on_end(void *ctx, struct df_job *job, enum df_end end, const struct df_error *error)
{
    struct rig *rig = ctx;
    rig->ends++;
    rig->end = end;
    if ((error == NULL) != (end == DF_END_DONE))
        rig_wrong(rig, "end %d with%s error", (int)end, error ? "" : "out");
    if (error)
        rig->error = *error;
    rig->stats = *df_job_statistics(job);
    rig->stats.id = NULL; /* dies with the job */
    rig->ended_ns = df_time_mono_ns();
    if (rig->flights)
        rig_wrong(rig, "the end comes while batches are in flight");
    df_job_free(job);
    df_loop_stop(rig->loop);
}

/* What must hold after any run, whatever its end. */
static inline void rig_watch_end(struct rig *rig)
{
    if (rig->ends != 1)
        rig_wrong(rig, "%u ends", rig->ends);
    if (rig->begun > 1 || rig->ended_query != rig->begun)
        rig_wrong(rig, "query_begin %u times, query_end %u times", rig->begun, rig->ended_query);
    if (rig->begun && rig->query_end != rig->end)
        rig_wrong(rig, "query_end was told %d, on_end %d", (int)rig->query_end, (int)rig->end);
    if (rig->submits != rig->dones)
        rig_wrong(rig, "%u submits, %u dones", rig->submits, rig->dones);
    if (rig->stats.batches != rig->submits)
        rig_wrong(rig, "%" PRIu64 " batches counted, %u submitted", rig->stats.batches, rig->submits);
    if (rig->writer.finished != (rig->end == DF_END_DONE) || rig->writer.aborted != (rig->end != DF_END_DONE))
        rig_wrong(rig, "end %d: the writer was finished %u times, aborted %u times", (int)rig->end,
                  rig->writer.finished, rig->writer.aborted);
    if (rig->end != DF_END_DONE && rig->writer.abort_error.kind != rig->error.kind)
        rig_wrong(rig, "the writer was aborted with another error");
    if (rig->budget.used_bytes != 0)
        rig_wrong(rig, "%" PRIu64 " bytes were not given back", (uint64_t)rig->budget.used_bytes);
    if (rig->stats.cost.billed_ms != rig->dones)
        rig_wrong(rig, "%" PRIu64 " ms billed for %u batches", rig->stats.cost.billed_ms, rig->dones);
}

static inline void rig_start(struct rig *rig)
{
    struct df_error error = {0};
    struct rig *pointer = rig;
    rig->options.request = df_slice_make(&pointer, sizeof pointer);
    rig->watch_timer = (struct df_timer){.fn = rig_on_watch, .ctx = rig};
    rig->cancel_timer.fn = rig_cancel_job;
    rig->cancel_timer.ctx = rig;
    rig->started_ns = df_time_mono_ns();
    df_timer_start(rig->loop, &rig->watch_timer, df_deadline_after_ms(INT64_C(1000000000)));
    assert_ok(df_job_start(&rig->job, &rig->options, rig_on_end, rig, &error), &error);
}

/* After the end. */
static inline void rig_stop(struct rig *rig)
{
    df_timer_stop(rig->loop, &rig->watch_timer);
    df_timer_stop(rig->loop, &rig->cancel_timer);
    df_timer_stop(rig->loop, &rig->writer.drain_timer);
    rig_watch_end(rig);
}

/* Starts the job and runs it to its end. */
static inline void rig_go(struct rig *rig)
{
    struct df_error error = {0};
    rig_start(rig);
    if (df_loop_run(rig->loop, &error) != 0)
        rig_wrong(rig, "hung: %s", error.message);
    rig_stop(rig);
}

/* ---- the model ---- */

/* How a part ends, whatever the order of events: the error of its outcome, or NONE. */
static inline enum df_error_kind rig_fate(const struct rig *rig, const struct rig_part *part)
{
    bool fallback = rig->options.fallback_to_threads && rig->options.local != rig->options.invoker &&
                    !(part->flags & DF_PART_LOCAL);
    bool retried = df_error_kind_retried(part->kind) && !(part->flags & DF_PART_NO_RETRY);
    enum df_error_kind answered =
        part->lost && part->in_object && rig->options.output_prefix ? DF_ERROR_NOT_FOUND : DF_ERROR_NONE;
    if (part->fails > 0 && !retried)
        return part->kind;
    /* Scripts let the fallback succeed. */
    return part->fails != RIG_ALWAYS || fallback ? answered : part->kind;
}

/* The value that fold must see; contributes[] says which producers of the stage before were folded with an answer. */
static inline uint64_t rig_expected_value(const struct rig *rig, uint32_t stage, uint32_t index,
                                          const bool contributes[RIG_PARTS])
{
    uint64_t begin, end, value = rig_own_value(stage, index);
    rig_range(rig, stage, index, &begin, &end);
    for (uint32_t k = (uint32_t)begin; k < end; k++)
        for (uint32_t producer = 0; producer < rig->stages[stage - 1].part_count; producer++)
            if (contributes[producer] && rig_section_filled(producer, k))
                value = rig_mix(value, rig_section_value(stage - 1, producer, k));
    return value;
}

/* One part after the other, nothing else: the answer, or true in *fails. */
static inline void rig_expect(const struct rig *rig, struct df_buf *answer, bool *fails)
{
    bool contributes[RIG_PARTS] = {false}, next[RIG_PARTS];
    *fails = rig->fail_at == RIG_BEGIN || rig->fail_at == RIG_FINISH;
    for (uint32_t s = 0; s < rig->stage_count; s++) {
        const struct rig_stage *stage = &rig->stages[s];
        memset(next, 0, sizeof next);
        if (rig->fail_at == RIG_PLAN && rig->fail_stage == s)
            *fails = true;
        for (uint32_t i = 0; i < stage->part_count; i++) {
            enum df_error_kind fate = rig_fate(rig, &stage->parts[i]);
            if (rig->fail_at == RIG_FOLD && rig->fail_stage == s && rig->fail_index == i)
                *fails = true;
            if (fate != DF_ERROR_NONE && !rig->tolerant)
                *fails = true;
            next[i] = fate == DF_ERROR_NONE;
            if (fate != DF_ERROR_NONE)
                df_buf_printf(answer, "%u.%u!%s;", s, i, df_error_name(fate));
            else
                df_buf_printf(answer, "%u.%u=%" PRIu64 ";", s, i, rig_expected_value(rig, s, i, contributes));
            if (i + 1 == stage->enough_after)
                break;
        }
        memcpy(contributes, next, sizeof next);
        if (stage->part_count == 0)
            break;
    }
    df_buf_put_text(answer, "end");
}

#endif
