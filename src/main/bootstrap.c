/* The program `bootstrap`: the AWS Lambda custom runtime with nothing but the worker in it. It knows every engine and
 * every shape of event, and fills the runtime's table with them.
 *
 * Settings: the rows of worker/options.c, from DAYFLY_WORKER_… and $LAMBDA_TASK_ROOT/settings.json; a bad one is an
 * init error. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/allocator.h"
#include "base/log.h"
#include "engine/funnel/funnel.h"
#include "engine/funnel/register/register.h"
#include "engine/funnel/repartition/repartition.h"
#include "worker/events.h"

enum { SETTINGS_BYTES_MAX = 1024 * 1024, ANSWER_EARLY_MS = 500 };

static const struct df_engine *const engines[] = {&df_engine_funnel, &df_engine_registration, &df_engine_repartition};

static const struct df_engine *find_engine(struct df_slice name)
{
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
        if (df_slice_is(name, engines[i]->name))
            return engines[i];
    return NULL;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* ---- settings ---- */

/* Not through the store: a worker opens none before its first event. */
static int read_file(const char *path, struct df_buf *text, struct df_error *error)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? 0 : df_error_set_errno(error, errno, "%s", path);
    char piece[4096];
    size_t got;
    while (text->size <= SETTINGS_BYTES_MAX && (got = fread(piece, 1, sizeof piece, file)) > 0)
        df_buf_put(text, piece, got);
    int rc = ferror(file) ? df_error_set_errno(error, EIO, "%s", path) : 0;
    fclose(file);
    return rc;
}

static int load_settings(struct df_config *config, struct df_error *error)
{
    const char *folder = environment("LAMBDA_TASK_ROOT");
    struct df_buf path = {0}, text = {0};
    df_buf_printf(&path, "%s/settings.json", folder ? folder : ".");
    int rc = read_file(df_buf_text(&path), &text, error);
    if (rc == 0 && text.size)
        rc = df_config_load_settings(config, df_buf_slice(&text), "settings.json", error);
    df_buf_dispose(&path);
    df_buf_dispose(&text);
    return rc;
}

static int load_config(struct df_config **config, struct df_error *error)
{
    if (df_config_create(config, error) != 0 ||
        df_config_register(*config, df_worker_option_rows, df_worker_option_count, error) != 0 ||
        load_settings(*config, error) != 0)
        return -1;
    return df_config_load_environment(*config, environ, error);
}

static enum df_log_level log_level(void)
{
    static const struct {
        const char *name;
        enum df_log_level level;
    } levels[] = {{"TRACE", DF_LOG_DEBUG},  {"DEBUG", DF_LOG_DEBUG}, {"INFO", DF_LOG_INFO},
                  {"WARN", DF_LOG_WARNING}, {"ERROR", DF_LOG_ERROR}, {"FATAL", DF_LOG_ERROR}};
    const char *name = environment("AWS_LAMBDA_LOG_LEVEL");
    for (size_t i = 0; name && i < sizeof levels / sizeof *levels; i++)
        if (strcasecmp(name, levels[i].name) == 0)
            return levels[i].level;
    return DF_LOG_INFO;
}

static unsigned concurrency(void)
{
    const char *text = environment("AWS_LAMBDA_MAX_CONCURRENCY");
    unsigned long value = text ? strtoul(text, NULL, 10) : 0;
    return value > DF_RUNTIME_CONCURRENCY_MAX ? DF_RUNTIME_CONCURRENCY_MAX : (unsigned)value;
}

/* ---- work ---- */

static int serve(const char *api, const struct df_config *config, struct df_loop *loop, struct df_error *error)
{
    struct df_task_events_options options = {.find_engine = find_engine};
    struct df_task_events *tasks;
    df_task_events_options_from_config(&options, config);
    if (df_task_events_create(&tasks, &options, error) != 0)
        return df_runtime_init_error(api, error);
    const struct df_event_handler handlers[] = {df_ping_event_handler(), df_task_event_handler(tasks)};
    struct df_runtime_options runtime = {.loop = loop,
                                         .api = api,
                                         .concurrency = concurrency(),
                                         .answer_early_ms = ANSWER_EARLY_MS,
                                         .handlers = handlers,
                                         .handler_count = sizeof handlers / sizeof *handlers};
    int status = df_runtime_run(&runtime);
    df_task_events_free(tasks);
    return status;
}

int main(void)
{
    df_allocator_keep_freed();
    const char *api = environment("AWS_LAMBDA_RUNTIME_API");
    if (!api) {
        fputs("bootstrap is Dayfly's worker for AWS Lambda and is started by it (AWS_LAMBDA_RUNTIME_API is not set).\n"
              "Try it here with: dayfly emulate --function dayfly=PATH-OF-THIS-FILE\n",
              stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    const char *format = environment("AWS_LAMBDA_LOG_FORMAT");
    df_log_setup(log_level(), format && strcmp(format, "JSON") == 0 ? DF_LOG_JSON : DF_LOG_TEXT, STDERR_FILENO);
    struct df_config *config = NULL;
    struct df_loop *loop = NULL;
    struct df_error error;
    int status = load_config(&config, &error) == 0 && df_loop_create(&loop, DF_LOOP_REAL_TIME, &error) == 0
                     ? serve(api, config, loop, &error)
                     : df_runtime_init_error(api, &error);
    df_loop_free(loop);
    df_config_free(config);
    return status;
}
