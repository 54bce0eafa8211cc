#include "cli/run.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/options.h"
#include "invoke/lambda.h"

enum {
    POOL_THREADS = 2, /* plan and fold are one at a time per query: the second is there for what blocks beside them */
    PROGRESS_INTERVAL_MS = 100,
};
static const uint64_t answer_bytes_max = UINT64_C(1) << 30;

/* Everything of one run, in the order of its making; undone in reverse. */
struct run {
    struct df_cli *cli;
    struct df_interrupt *interrupt;
    struct df_loop *loop;
    struct df_pool *pool;
    struct df_store *store;
    struct df_budget budget;
    struct df_invoker *threads; /* local parts, and all of them unless there is a remote one */
    struct df_invoker *remote;  /* NULL: none */
    struct df_memory_writer writer;
    struct df_progress progress;
    struct df_buf output_prefix; /* empty: none */

    struct { /* touched on the loop only */
        struct df_job *job;
        struct df_progress_line line;
        struct df_timer draw_timer;
        bool ended;
        enum df_end end;
        struct df_error error;
    } on_loop;
    struct df_post_item cancel_item;
};

/* ---- while it runs (on the loop) ---- */

static void on_job_end(void *ctx, struct df_job *job, enum df_end end, const struct df_error *error)
{
    struct run *run = ctx;
    (void)job;
    run->on_loop.ended = true;
    run->on_loop.end = end;
    if (error)
        run->on_loop.error = *error;
    df_loop_stop(run->loop);
}

static void cancel_on_loop(void *ctx)
{
    struct run *run = ctx;
    if (run->on_loop.job && !run->on_loop.ended)
        df_job_cancel(run->on_loop.job);
}

/* The interrupt's thread. Also when the job does not exist yet: the item waits for the loop to run. */
static void on_interrupt(void *ctx)
{
    struct run *run = ctx;
    df_loop_post(run->loop, &run->cancel_item);
}

static void draw_progress(void *ctx)
{
    struct run *run = ctx;
    df_progress_draw(&run->on_loop.line, &run->progress);
    df_timer_start(run->loop, &run->on_loop.draw_timer, df_deadline_after_ms(PROGRESS_INTERVAL_MS));
}

/* ---- making and unmaking ---- */

static bool is_remote(const struct df_config *config)
{
    return strcmp(df_config_text(config, "invoke"), "threads") != 0;
}

/* In a file:// URI an escaped character is no part of a glob. */
static void put_escaped(struct df_buf *out, const char *path, const char *special)
{
    for (; *path; path++)
        if (strchr(special, *path))
            df_buf_printf(out, "%%%02X", (unsigned char)*path);
        else
            df_buf_put_char(out, *path);
}

void df_cli_put_absolute_uri(const char *uri, struct df_buf *out)
{
    char folder[PATH_MAX];
    bool relative = uri[0] && uri[0] != '/' && !strstr(uri, "://");
    if (!relative || !getcwd(folder, sizeof folder) || folder[0] != '/') {
        df_buf_put_text(out, uri);
    } else if (strpbrk(folder, "*?[")) {
        df_buf_put_text(out, "file://");
        put_escaped(out, folder, "*?[%");
        df_buf_put_char(out, '/');
        put_escaped(out, uri, "%");
    } else {
        df_buf_printf(out, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, uri);
    }
}

void df_cli_put_uri(const struct df_cli *cli, const char *uri, struct df_buf *out)
{
    if (is_remote(cli->config))
        df_cli_put_absolute_uri(uri, out);
    else
        df_buf_put_text(out, uri);
}

/* The signals are blocked before the first thread starts, so that every thread inherits that; but they are told to the
 * loop, which therefore exists before. */
static int make_threads(struct run *run, struct df_error *error)
{
    const char *temporary_folder = df_config_text(run->cli->config, "temporary.folder");
    if (df_loop_create(&run->loop, DF_LOOP_REAL_TIME, error) != 0)
        return -1;
    run->cancel_item = (struct df_post_item){.fn = cancel_on_loop, .ctx = run};
    if (df_interrupt_start(&run->interrupt, on_interrupt, run, error) != 0 ||
        df_pool_create(&run->pool, POOL_THREADS, error) != 0 || df_store_create(&run->store, error) != 0)
        return -1;
    df_budget_init(&run->budget, df_cli_memory_limit(run->cli->config));
    struct df_executor_options executor = {.threads = df_cli_threads(run->cli->config),
                                           .store = run->store,
                                           .budget = &run->budget,
                                           .temporary_folder = temporary_folder};
    executor.section_objects = is_remote(run->cli->config);
    return df_invoke_threads_create(&run->threads, run->loop, &executor, error);
}

/* The invoker of ordinary parts, when it is not the threads of this process. */
static int make_remote(struct run *run, struct df_error *error)
{
    if (!is_remote(run->cli->config))
        return 0;
    struct df_invoke_lambda_options options = {.loop = run->loop, .pool = run->pool, .store = run->store};
    df_invoke_lambda_options_from_config(&options, run->cli->config);
    return df_invoke_lambda_create(&run->remote, &options, error);
}

static int start_job(struct run *run, const struct df_engine *engine, struct df_slice request, struct df_error *error)
{
    df_memory_writer_init(&run->writer, answer_bytes_max);
    df_progress_start(&run->progress);
    const char *prefix = df_config_text(run->cli->config, "result.prefix");
    if (prefix)
        df_cli_put_uri(run->cli, prefix, &run->output_prefix);
    if (df_buf_failed(&run->output_prefix))
        return df_error_no_memory(error, "starting the query");
    struct df_job_options options = {.engine = engine,
                                     .request = request,
                                     .writer = &run->writer.writer,
                                     .loop = run->loop,
                                     .pool = run->pool,
                                     .store = run->store,
                                     .budget = &run->budget,
                                     .invoker = run->remote ? run->remote : run->threads,
                                     .local = run->threads,
                                     .output_prefix = prefix ? df_buf_text(&run->output_prefix) : NULL,
                                     .inline_bytes = (uint64_t)df_config_int(run->cli->config, "result.inline_bytes"),
                                     .progress = &run->progress,
                                     .memory_limit_bytes = run->budget.limit_bytes,
                                     .parallelism = df_cli_threads(run->cli->config)};
    df_job_options_from_config(&options, run->cli->config);
    return df_job_start(&run->on_loop.job, &options, on_job_end, run, error);
}

static int wait_for_end(struct run *run, struct df_error *error)
{
    run->on_loop.line = df_cli_progress_line(run->cli);
    run->on_loop.draw_timer = (struct df_timer){.fn = draw_progress, .ctx = run};
    if (run->on_loop.line.fd >= 0)
        df_timer_start(run->loop, &run->on_loop.draw_timer, df_deadline_after_ms(PROGRESS_INTERVAL_MS));
    int result = run->on_loop.ended ? 0 : df_loop_run(run->loop, error);
    df_timer_stop(run->loop, &run->on_loop.draw_timer);
    if (run->on_loop.line.fd >= 0)
        df_progress_wipe(&run->on_loop.line);
    if (result == 0 && run->on_loop.end != DF_END_DONE) {
        *error = run->on_loop.error;
        result = -1;
    }
    return result;
}

static void take_answer(struct run *run, struct df_cli_answer *answer)
{
    df_buf_move(&answer->content, &run->writer.content);
    answer->stats = *df_job_statistics(run->on_loop.job);
    snprintf(answer->job_id, sizeof answer->job_id, "%s", answer->stats.id);
    answer->stats.id = answer->job_id;
    answer->peak_memory_bytes = run->budget.peak_bytes;
    df_job_take_times(run->on_loop.job, &answer->times);
    struct df_slice explain = df_buf_slice(&df_job_query(run->on_loop.job)->explain);
    df_buf_put_slice(&answer->explain, explain);
    memcpy(answer->counters, df_job_query(run->on_loop.job)->counters, sizeof answer->counters);
}

static void dispose(struct run *run)
{
    if (run->on_loop.job && run->on_loop.ended)
        df_job_free(run->on_loop.job);
    if (run->remote)
        run->remote->free(run->remote);
    if (run->threads)
        run->threads->free(run->threads);
    df_pool_free(run->pool);
    df_interrupt_stop(run->interrupt);
    df_memory_writer_dispose(&run->writer);
    df_buf_dispose(&run->output_prefix);
    df_store_free(run->store);
    df_loop_free(run->loop);
}

int df_cli_run_query(struct df_cli *cli, const struct df_engine *engine, struct df_slice request,
                     struct df_cli_answer *answer, struct df_error *error)
{
    struct run run = {.cli = cli};
    *answer = (struct df_cli_answer){.threads = df_cli_threads(cli->config),
                                     .memory_limit_bytes = df_cli_memory_limit(cli->config)};
    int result = make_threads(&run, error);
    if (result == 0)
        result = make_remote(&run, error);
    if (result == 0)
        result = start_job(&run, engine, request, error);
    if (result == 0)
        result = wait_for_end(&run, error);
    if (result == 0)
        take_answer(&run, answer);
    dispose(&run);
    return result;
}

void df_cli_answer_dispose(struct df_cli_answer *answer)
{
    df_buf_dispose(&answer->content);
    df_buf_dispose(&answer->explain);
    df_job_times_dispose(&answer->times);
}

uint64_t df_cli_answer_counter(const struct df_cli_answer *answer, const char *name)
{
    for (size_t i = 0; i < DF_QUERY_COUNTERS; i++)
        if (answer->counters[i].name && strcmp(answer->counters[i].name, name) == 0)
            return answer->counters[i].value;
    return 0;
}

const struct df_engine *df_cli_engine(const struct df_cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->program->engine_count; i++)
        if (strcmp(cli->program->engines[i]->name, name) == 0)
            return cli->program->engines[i];
    assert(false && "an engine that is not in the program's table");
    return NULL;
}
