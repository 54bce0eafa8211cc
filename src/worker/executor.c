#include "worker/executor.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/exchange.h"
#include "worker/spill.h"

struct df_executor {
    struct df_store *store;
    struct df_budget *budget;
    struct df_spill *spill; /* NULL: sections stay in memory */
    bool section_objects;

    pthread_mutex_t mutex;
    pthread_cond_t work; /* something can be taken from the queue, or closing */
    struct {
        struct df_execution *first, *last; /* with parts that nobody has taken, in the order of submission */
        bool closing;
    } synced; /* under mutex, as the `executor` part of each execution is */

    unsigned thread_count;
    pthread_t threads[];
};

void df_part_result_dispose(struct df_part_result *result)
{
    df_buf_dispose(&result->blob);
    free(result->uri);
    df_section_set_free(result->sections);
    *result = (struct df_part_result){0};
}

/* ---- the queue ---- */

static void unlink_synced(struct df_executor *executor, struct df_execution *execution)
{
    struct df_execution *before = NULL;
    struct df_execution **link = &executor->synced.first;
    for (; *link != execution; link = &(*link)->executor.next)
        before = *link;
    *link = execution->executor.next;
    if (executor->synced.last == execution)
        executor->synced.last = before;
}

/* The oldest with something to do; those that another thread is beginning are not waited for. */
static struct df_execution *find_synced(const struct df_executor *executor)
{
    struct df_execution *execution = executor->synced.first;
    while (execution && execution->executor.state == DF_EXECUTION_BEGINNING)
        execution = execution->executor.next;
    return execution;
}

void df_executor_submit(struct df_executor *executor, struct df_execution *execution)
{
    memset(&execution->executor, 0, sizeof execution->executor);
    execution->executor.submitted_ns = df_time_mono_ns();
    pthread_mutex_lock(&executor->mutex);
    assert(!executor->synced.closing);
    if (executor->synced.last)
        executor->synced.last->executor.next = execution;
    else
        executor->synced.first = execution;
    executor->synced.last = execution;
    pthread_cond_broadcast(&executor->work);
    pthread_mutex_unlock(&executor->mutex);
}

void df_execution_cancel(struct df_executor *executor, struct df_execution *execution)
{
    (void)executor; /* nobody sleeps on an execution: whoever takes its next part sees it */
    atomic_store(&execution->cancelled, true);
}

/* ---- where a partial goes ---- */

static bool fits_inline(struct df_executor *executor, struct df_execution *execution, uint64_t bytes)
{
    uint64_t limit = execution->envelope->inline_bytes;
    if (limit == 0)
        return true;
    pthread_mutex_lock(&executor->mutex);
    bool fits = bytes <= limit && execution->executor.inline_bytes_used <= limit - bytes;
    if (fits)
        execution->executor.inline_bytes_used += bytes;
    pthread_mutex_unlock(&executor->mutex);
    return fits;
}

/* The job removes its lease, then everything under its prefix. Whoever put an object and still sees the lease
 * afterwards put it before that; whoever does not takes the object away again. */
static int check_lease(struct df_executor *executor, const struct df_envelope *envelope, const char *uri,
                       struct df_error *error)
{
    struct df_object lease;
    if (!envelope->output_lease || df_store_head(executor->store, envelope->output_lease, &lease, error) == 0)
        return 0;
    if (!error || error->kind != DF_ERROR_NOT_FOUND)
        return -1;
    struct df_error unheard;
    (void)df_store_remove(executor->store, uri, df_deadline_never(), &unheard);
    return df_error_set(error, DF_ERROR_CANCELLED, "the query of this part is over");
}

static int put_object(struct df_executor *executor, const struct df_envelope *envelope, const struct df_part *part,
                      const struct df_buf *blob, char **uri, struct df_error *error)
{
    if (!envelope->output_prefix)
        return df_error_set(error, DF_ERROR_TOO_LARGE,
                            "part %" PRIu32
                            " has a partial result of %zu bytes, which does not fit into the answer (%" PRIu64
                            " bytes), and there is no place for objects",
                            part->index, blob->size, envelope->inline_bytes);
    if (asprintf(uri, "%s%" PRIu32 "-%" PRIu32 "-%" PRIu32, envelope->output_prefix, envelope->stage, part->index,
                 envelope->attempt) < 0) {
        *uri = NULL;
        return df_error_no_memory(error, "naming a partial result");
    }
    struct df_put put = {.uri = *uri, .content = df_buf_slice(blob), .condition = DF_PUT_ALWAYS};
    if (df_store_put(executor->store, &put, NULL, error) == 0 && check_lease(executor, envelope, *uri, error) == 0)
        return 0;
    free(*uri);
    *uri = NULL;
    return -1;
}

/* Its name is the partial's and a letter. */
static int place_sections(struct df_executor *executor, const struct df_envelope *envelope, const struct df_part *part,
                          struct df_section_set *set, struct df_error *error)
{
    if (!executor->section_objects || !set || df_section_set_bytes(set) == 0)
        return 0;
    if (!envelope->output_prefix)
        return df_error_set(error, DF_ERROR_INVALID,
                            "an exchange between processes needs a place for its sections that all of them reach: set "
                            "--result-prefix s3://bucket/prefix/");
    char *uri;
    if (asprintf(&uri, "%s%" PRIu32 "-%" PRIu32 "-%" PRIu32 "s", envelope->output_prefix, envelope->stage, part->index,
                 envelope->attempt) < 0)
        return df_error_no_memory(error, "naming sections");
    int rc = df_section_set_publish(set, executor->store, uri, error);
    if (rc == 0)
        rc = check_lease(executor, envelope, uri, error);
    free(uri);
    return rc;
}

static int place_partial(struct df_executor *executor, struct df_execution *execution, const struct df_part *part,
                         struct df_buf *blob, struct df_part_result *result, struct df_error *error)
{
    if (df_buf_failed(blob))
        return df_error_no_memory(error, "writing a partial result");
    if (fits_inline(executor, execution, blob->size)) {
        df_buf_move(&result->blob, blob);
        return 0;
    }
    return put_object(executor, execution->envelope, part, blob, &result->uri, error);
}

/* ---- one part ---- */

static int refuse(const struct df_execution *execution, struct df_error *error)
{
    if (atomic_load(&execution->cancelled))
        return df_error_set(error, DF_ERROR_CANCELLED, "cancelled");
    if (df_deadline_passed(execution->envelope->deadline))
        return df_error_set(error, DF_ERROR_TIMEOUT, "the deadline passed before the work began");
    return 0;
}

static int call_engine(struct df_task *task, const struct df_part *part, struct df_partial *partial,
                       struct df_error *error)
{
    df_error_clear(error);
    if (task->engine->run(task, part, partial, error) == 0)
        return 0;
    if (error->kind == DF_ERROR_NONE)
        df_error_set(error, DF_ERROR_INTERNAL, "engine '%s' failed at part %" PRIu32 " and did not say why",
                     task->engine->name, part->index);
    return -1;
}

/* Runs the part on a copy of the task: the exchange of the copy is the part's own, and so is its arena. */
static int run_part(struct df_executor *executor, struct df_execution *execution, const struct df_part *part,
                    struct df_part_result *result)
{
    struct df_task_exchange exchange = {.part = part, .spill = executor->spill, .inputs = execution->envelope->inputs};
    struct df_task task = execution->executor.task;
    task.arena = (struct df_arena){0};
    task.exchange = &exchange;
    struct df_partial partial = {0};
    int rc = call_engine(&task, part, &partial, &result->error);
    if (rc == 0)
        rc = df_exchange_finish(&task, &result->sections, &result->error);
    if (rc == 0)
        rc = place_sections(executor, execution->envelope, part, result->sections, &result->error);
    if (rc == 0)
        rc = place_partial(executor, execution, part, &partial.blob, result, &result->error);
    result->stats = partial.stats;
    df_exchange_dispose(&exchange);
    df_buf_dispose(&partial.blob);
    df_arena_dispose(&task.arena);
    return rc;
}

static uint64_t elapsed(int64_t from_ns, int64_t to_ns)
{
    return to_ns > from_ns ? (uint64_t)(to_ns - from_ns) : 0;
}

static void run_and_tell(struct df_executor *executor, struct df_execution *execution, uint32_t position)
{
    struct df_part_result result = {0};
    int64_t start_cpu_ns = df_time_thread_cpu_ns(), start_ns = df_time_mono_ns();
    int rc = refuse(execution, &result.error);
    if (rc == 0)
        rc = run_part(executor, execution, execution->envelope->parts[position], &result);
    if (rc != 0) {
        df_section_set_free(result.sections);
        result.sections = NULL;
        result.failed = true;
    } else {
        df_error_clear(&result.error);
    }
    result.stats.cpu_ns = elapsed(start_cpu_ns, df_time_thread_cpu_ns());
    result.stats.queued_ns = elapsed(execution->executor.submitted_ns, start_ns);
    result.stats.total_ns = elapsed(start_ns, df_time_mono_ns());
    execution->callbacks.on_part(execution->callbacks.ctx, position, &result);
}

/* ---- one execution ---- */

static void fill_task(struct df_executor *executor, struct df_execution *execution)
{
    const struct df_envelope *envelope = execution->envelope;
    execution->executor.task = (struct df_task){
        .engine = envelope->engine,
        .request = envelope->request,
        .stage = envelope->stage,
        .attempt = envelope->attempt,
        .store = executor->store,
        .budget = executor->budget,
        .deadline = envelope->deadline,
        .cancelled = &execution->cancelled,
        .sections = envelope->sections,
        .threads = executor->thread_count,
    };
}

static void end_task(struct df_execution *execution)
{
    execution->envelope->engine->task_end(&execution->executor.task);
    df_arena_dispose(&execution->executor.task.arena);
}

/* The callback may free the execution, so it comes last and is read first. */
static void tell_done(struct df_execution *execution)
{
    struct df_execution_callbacks callbacks = execution->callbacks;
    callbacks.on_done(callbacks.ctx);
}

static void tell_all(struct df_execution *execution, const struct df_error *error)
{
    for (uint32_t position = 0; position < execution->envelope->part_count; position++) {
        struct df_part_result result = {.failed = true, .error = *error};
        execution->callbacks.on_part(execution->callbacks.ctx, position, &result);
    }
}

static int begin_task(struct df_executor *executor, struct df_execution *execution, struct df_error *error)
{
    fill_task(executor, execution);
    if (execution->envelope->engine->task_begin(&execution->executor.task, error) == 0)
        return 0;
    end_task(execution);
    if (error->kind == DF_ERROR_NONE)
        df_error_set(error, DF_ERROR_INTERNAL, "engine '%s' could not begin and did not say why",
                     execution->envelope->engine->name);
    return -1;
}

/* Called and returns with the mutex locked. An execution that does not open is told and over here, by one thread. */
static void begin_synced(struct df_executor *executor, struct df_execution *execution)
{
    struct df_error error = {0};
    execution->executor.state = DF_EXECUTION_BEGINNING;
    pthread_mutex_unlock(&executor->mutex);
    bool open = execution->envelope->part_count > 0 && refuse(execution, &error) == 0 &&
                begin_task(executor, execution, &error) == 0;
    pthread_mutex_lock(&executor->mutex);
    if (open) {
        execution->executor.state = DF_EXECUTION_OPEN;
        pthread_cond_broadcast(&executor->work);
        return;
    }
    unlink_synced(executor, execution);
    pthread_mutex_unlock(&executor->mutex);
    tell_all(execution, &error);
    tell_done(execution);
    pthread_mutex_lock(&executor->mutex);
}

/* Called and returns with the mutex locked. */
static void take_part_synced(struct df_executor *executor, struct df_execution *execution)
{
    uint32_t part_count = execution->envelope->part_count;
    uint32_t position = execution->executor.next_position++;
    if (execution->executor.next_position == part_count)
        unlink_synced(executor, execution);
    pthread_mutex_unlock(&executor->mutex);
    run_and_tell(executor, execution, position);
    pthread_mutex_lock(&executor->mutex);
    if (++execution->executor.told < part_count)
        return;
    pthread_mutex_unlock(&executor->mutex);
    end_task(execution);
    tell_done(execution);
    pthread_mutex_lock(&executor->mutex);
}

/* ---- threads ---- */

static void *thread_main(void *argument)
{
    struct df_executor *executor = argument;
    pthread_mutex_lock(&executor->mutex);
    for (;;) {
        struct df_execution *execution = find_synced(executor);
        if (execution && execution->executor.state == DF_EXECUTION_NEW)
            begin_synced(executor, execution);
        else if (execution)
            take_part_synced(executor, execution);
        else if (executor->synced.closing && !executor->synced.first)
            break;
        else
            pthread_cond_wait(&executor->work, &executor->mutex);
    }
    pthread_mutex_unlock(&executor->mutex);
    return NULL;
}

static int start_threads(struct df_executor *executor, unsigned threads, struct df_error *error)
{
    /* Signals belong to the thread that waits for them: the loop's. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = 0;
    while (rc == 0 && executor->thread_count < threads) {
        rc = pthread_create(&executor->threads[executor->thread_count], NULL, thread_main, executor);
        executor->thread_count += rc == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return df_error_set_errno(error, rc, "starting thread %u of %u of the executor", executor->thread_count + 1,
                                  threads);
    return 0;
}

int df_executor_create(struct df_executor **out, const struct df_executor_options *options, struct df_error *error)
{
    assert(options->threads > 0);
    *out = NULL;
    struct df_executor *executor = calloc(1, sizeof *executor + options->threads * sizeof(pthread_t));
    if (!executor)
        return df_error_no_memory(error, "creating an executor");
    executor->store = options->store;
    executor->budget = options->budget;
    executor->section_objects = options->section_objects;
    pthread_mutex_init(&executor->mutex, NULL);
    pthread_cond_init(&executor->work, NULL);
    if ((options->temporary_folder && df_spill_create(&executor->spill, options->temporary_folder, error) != 0) ||
        start_threads(executor, options->threads, error) != 0) {
        df_executor_free(executor);
        return -1;
    }
    *out = executor;
    return 0;
}

void df_executor_free(struct df_executor *executor)
{
    if (!executor)
        return;
    pthread_mutex_lock(&executor->mutex);
    executor->synced.closing = true;
    pthread_cond_broadcast(&executor->work);
    pthread_mutex_unlock(&executor->mutex);
    for (unsigned i = 0; i < executor->thread_count; i++)
        pthread_join(executor->threads[i], NULL);
    df_spill_release(executor->spill);
    pthread_cond_destroy(&executor->work);
    pthread_mutex_destroy(&executor->mutex);
    free(executor);
}
