/* An envelope that came as an event.
 *
 *   loop: take ─► pool: fetch what lies in objects ─► executor: run the parts ─► loop: answer
 *                   └───────────────── deadline: answer with what is done, forget the rest
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "worker/events.h"

enum {
    /* Runs look at the deadline themselves; who does not in this time is left behind. */
    GRACE_MS = 200,
    /* 6,291,556 bytes of answer are 4.7 MB of partials in base64; an envelope cannot ask for more. */
    INLINE_BYTES_MAX = 4500000,
};

struct df_task_events {
    struct df_task_events_options options;
    char *temporary_folder, *output_prefixes;
    struct assignment *assignments; /* all of them, the loop's: what is left when the loop has ended */
    /* Made by the first envelope. */
    struct df_store *store;
    struct df_pool *pool;
    struct df_executor *executor;
    struct df_budget budget;
    bool warm; /* an envelope has come before */
};

struct assignment {
    struct assignment *next; /* in events->assignments */
    struct df_task_events *events;
    struct df_event_reply *reply; /* NULL: answered */
    struct df_loop *loop;
    struct df_envelope_taken taken;
    struct df_pool_call fetch;
    struct df_error fetch_error;
    bool fetch_failed, submitted;
    bool cold; /* the first of this process */
    struct df_execution execution;
    struct df_post_item done;
    struct df_timer late;

    pthread_mutex_t mutex;
    struct {
        struct df_part_result *results; /* one per part */
        bool *told;
        bool closed; /* the answer has been made: later results are dropped */
    } synced;        /* under mutex */
};

static void forget_assignment(struct assignment *assignment)
{
    struct assignment **at = &assignment->events->assignments;
    while (*at != assignment)
        at = &(*at)->next;
    *at = assignment->next;
}

static void assignment_free(struct assignment *assignment)
{
    forget_assignment(assignment);
    for (uint32_t i = 0; assignment->synced.results && i < assignment->taken.envelope.part_count; i++)
        df_part_result_dispose(&assignment->synced.results[i]);
    free(assignment->synced.results);
    free(assignment->synced.told);
    pthread_mutex_destroy(&assignment->mutex);
    df_envelope_taken_dispose(&assignment->taken);
    free(assignment);
}

/* ---- the answer ---- */

static void answer(struct assignment *assignment)
{
    const struct df_envelope *envelope = &assignment->taken.envelope;
    struct df_buf blob = {0};
    struct df_error error;
    pthread_mutex_lock(&assignment->mutex);
    assignment->synced.closed = true;
    for (uint32_t i = 0; i < envelope->part_count; i++)
        if (!assignment->synced.told[i]) {
            assignment->synced.results[i].failed = true;
            df_error_set(&assignment->synced.results[i].error, DF_ERROR_TIMEOUT,
                         "part %u was not done when the function had to answer; raise the function's timeout or memory",
                         envelope->parts[i]->index);
        }
    int rc = df_answer_put_json(envelope, assignment->synced.results, &blob, &error);
    pthread_mutex_unlock(&assignment->mutex);
    df_timer_stop(assignment->loop, &assignment->late);
    struct df_event_reply *reply = assignment->reply;
    assignment->reply = NULL;
    if (rc == 0)
        reply->respond(reply, &blob);
    else
        reply->fail(reply, &error);
    df_buf_dispose(&blob);
}

/* An envelope that cannot be run at all is told as data: a coordinator of this or another release reads it. */
static void answer_error(struct df_event_reply *reply, const struct df_error *error)
{
    struct df_buf blob = {0};
    df_answer_put_error(error, &blob);
    reply->respond(reply, &blob);
    df_buf_dispose(&blob);
}

static void on_late(void *ctx)
{
    struct assignment *assignment = ctx;
    if (assignment->submitted)
        df_execution_cancel(assignment->events->executor, &assignment->execution);
    answer(assignment);
}

/* ---- what the executor tells, on its threads ---- */

static void on_part(void *ctx, uint32_t position, struct df_part_result *result)
{
    struct assignment *assignment = ctx;
    result->stats.cold = assignment->cold;
    pthread_mutex_lock(&assignment->mutex);
    bool closed = assignment->synced.closed;
    if (!closed) {
        assignment->synced.results[position] = *result;
        assignment->synced.told[position] = true;
        *result = (struct df_part_result){0};
    }
    pthread_mutex_unlock(&assignment->mutex);
    if (closed)
        df_part_result_dispose(result);
}

static void finish_on_loop(void *ctx)
{
    struct assignment *assignment = ctx;
    if (assignment->reply)
        answer(assignment);
    assignment_free(assignment);
}

static void on_done(void *ctx)
{
    struct assignment *assignment = ctx;
    assignment->done = (struct df_post_item){.fn = finish_on_loop, .ctx = assignment};
    df_loop_post(assignment->loop, &assignment->done);
}

/* ---- from the event to the executor ---- */

static void fetch_on_pool(void *ctx)
{
    struct assignment *assignment = ctx;
    assignment->fetch_failed = df_envelope_fetch(&assignment->taken, &assignment->fetch_error) != 0;
}

static void arm_late(struct assignment *assignment)
{
    struct df_deadline deadline = assignment->taken.envelope.deadline;
    assignment->late = (struct df_timer){.fn = on_late, .ctx = assignment};
    if (__builtin_add_overflow(deadline.mono_ns, (int64_t)GRACE_MS * 1000000, &deadline.mono_ns))
        deadline = df_deadline_never();
    (void)df_timer_start(assignment->loop, &assignment->late, deadline);
}

static void fetched_on_loop(void *ctx)
{
    struct assignment *assignment = ctx;
    if (!assignment->reply || assignment->fetch_failed) {
        df_timer_stop(assignment->loop, &assignment->late);
        if (assignment->reply)
            answer_error(assignment->reply, &assignment->fetch_error);
        assignment_free(assignment);
        return;
    }
    assignment->submitted = true;
    assignment->execution = (struct df_execution){
        .envelope = &assignment->taken.envelope,
        .callbacks = {.on_part = on_part, .on_done = on_done, .ctx = assignment},
    };
    df_executor_submit(assignment->events->executor, &assignment->execution);
}

static int open_worker(struct df_task_events *events, struct df_error *error)
{
    if (events->executor)
        return 0;
    struct df_executor_options options = {.threads = events->options.threads,
                                          .budget = &events->budget,
                                          .temporary_folder = events->temporary_folder,
                                          .section_objects = true};
    if (!events->store && df_store_create(&events->store, error) != 0)
        return -1;
    if (!events->pool && df_pool_create(&events->pool, 1, error) != 0)
        return -1;
    options.store = events->store;
    return df_executor_create(&events->executor, &options, error);
}

/* Does it lie at or below `allowed`? "s3://b/p" allows "s3://b/p/x", not "s3://b/pears/x". */
static bool lies_below(const char *prefix, const char *allowed, size_t size)
{
    while (size && allowed[size - 1] == '/')
        size--;
    return size && strncmp(prefix, allowed, size) == 0 && (prefix[size] == '/' || prefix[size] == '\0');
}

/* Steps upwards, also escaped ones, would lead out of the place that is allowed. */
static bool steps_up(const char *prefix)
{
    return strstr(prefix, "..") || strcasestr(prefix, "%2e") || strcasestr(prefix, "%2f");
}

/* A function writes only where its settings allow: whoever may invoke it must not be able to write elsewhere with it.
 */
static int check_prefix(const struct df_task_events *events, const char *prefix, struct df_error *error)
{
    const char *allowed = events->output_prefixes;
    if (!prefix || !allowed || !allowed[0])
        return 0;
    while (*allowed && !steps_up(prefix)) {
        size_t size = strcspn(allowed, ",");
        if (lies_below(prefix, allowed, size))
            return 0;
        allowed += size + (allowed[size] == ',');
    }
    return df_error_set(error, DF_ERROR_DENIED,
                        "this worker does not write to '%s': its setting worker.output_prefixes allows %s", prefix,
                        events->output_prefixes);
}

static struct assignment *make_assignment(struct df_task_events *events, const struct df_event *event,
                                          const struct df_json *json, struct df_error *error)
{
    struct assignment *assignment = calloc(1, sizeof *assignment);
    if (!assignment) {
        df_error_no_memory(error, "taking an envelope");
        return NULL;
    }
    pthread_mutex_init(&assignment->mutex, NULL);
    assignment->events = events;
    assignment->loop = event->loop;
    assignment->next = events->assignments;
    events->assignments = assignment;
    if (df_envelope_take_json(json, events->options.find_engine, events->store, event->deadline, &assignment->taken,
                              error) == 0 &&
        check_prefix(events, assignment->taken.envelope.output_prefix, error) == 0) {
        struct df_envelope *envelope = &assignment->taken.envelope;
        if (envelope->inline_bytes == 0 || envelope->inline_bytes > INLINE_BYTES_MAX)
            envelope->inline_bytes = INLINE_BYTES_MAX;
        uint32_t count = envelope->part_count;
        assignment->synced.results = calloc(count, sizeof *assignment->synced.results);
        assignment->synced.told = calloc(count, sizeof *assignment->synced.told);
        if (assignment->synced.results && assignment->synced.told)
            return assignment;
        df_error_no_memory(error, "taking an envelope");
    }
    assignment_free(assignment);
    return NULL;
}

static void handle_task(void *ctx, const struct df_event *event, const struct df_json *json,
                        struct df_event_reply *reply)
{
    struct df_task_events *events = ctx;
    struct df_error error;
    struct assignment *assignment = NULL;
    if (open_worker(events, &error) == 0)
        assignment = make_assignment(events, event, json, &error);
    if (!assignment) {
        answer_error(reply, &error);
        return;
    }
    assignment->reply = reply;
    assignment->cold = !events->warm;
    events->warm = true;
    arm_late(assignment);
    assignment->fetch = (struct df_pool_call){.fn = fetch_on_pool,
                                              .ctx = assignment,
                                              .poster = df_loop_poster(event->loop),
                                              .done = {.fn = fetched_on_loop, .ctx = assignment}};
    if (assignment->taken.request_uri || assignment->taken.inputs_uri)
        df_pool_submit(events->pool, &assignment->fetch);
    else
        fetched_on_loop(assignment);
}

static bool matches_task(const struct df_json *event)
{
    return df_json_get(event, "dayfly") != NULL;
}

struct df_event_handler df_task_event_handler(struct df_task_events *events)
{
    return (struct df_event_handler){
        .name = "task", .shape = "{\"dayfly\": 1, …}", .matches = matches_task, .handle = handle_task, .ctx = events};
}

/* ---- life ---- */

int df_task_events_create(struct df_task_events **out, const struct df_task_events_options *options,
                          struct df_error *error)
{
    struct df_task_events *events = calloc(1, sizeof *events);
    *out = events;
    if (!events)
        return df_error_no_memory(error, "starting the worker");
    events->options = *options;
    events->temporary_folder = options->temporary_folder ? strdup(options->temporary_folder) : NULL;
    events->output_prefixes = options->output_prefixes ? strdup(options->output_prefixes) : NULL;
    df_budget_init(&events->budget, options->memory_limit_bytes);
    return 0;
}

void df_task_events_free(struct df_task_events *events)
{
    if (!events)
        return;
    for (struct assignment *left = events->assignments; left; left = left->next) {
        df_timer_stop(left->loop, &left->late);
        if (left->submitted)
            df_execution_cancel(events->executor, &left->execution);
    }
    df_pool_free(events->pool);
    df_executor_free(events->executor);
    /* What they posted to the loop will never run. */
    while (events->assignments)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it takes itself off the list, which the analyzer does not see */
        assignment_free(events->assignments);
    df_store_free(events->store);
    free(events->temporary_folder);
    free(events->output_prefixes);
    free(events);
}
