/* The program `bootstrap`: the AWS Lambda custom runtime with nothing but the worker in it. It knows every engine and
 * every shape of event, and fills the runtime's table with them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/funnel/funnel.h"
#include "worker/events.h"

static const struct df_engine *const engines[] = {&df_engine_funnel};

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

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = environment(name);
    char *end;
    uint64_t value = text ? strtoull(text, &end, 10) : 0;
    return text && value > 0 && *end == '\0' ? value : otherwise;
}

/* Half of the function's memory for what is on the account; the rest is for what is not. */
static uint64_t memory_limit_bytes(void)
{
    uint64_t function_mb = number_of("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 0);
    return function_mb ? function_mb * 1024 * 1024 / 2 : df_budget_default_limit();
}

static int serve(const char *api, struct df_task_events *tasks)
{
    const struct df_event_handler handlers[] = {df_ping_event_handler(), df_task_event_handler(tasks)};
    struct df_runtime_options options = {.api = api,
                                         .concurrency = (unsigned)number_of("AWS_LAMBDA_MAX_CONCURRENCY", 1),
                                         .answer_early_ms = 500,
                                         .handlers = handlers,
                                         .handler_count = sizeof handlers / sizeof *handlers};
    return df_runtime_run(&options);
}

int main(void)
{
    const char *api = environment("AWS_LAMBDA_RUNTIME_API");
    if (!api) {
        fputs("bootstrap is Dayfly's worker for AWS Lambda and is started by it (AWS_LAMBDA_RUNTIME_API is not set).\n"
              "Try it here with: dayfly emulate --function dayfly=PATH-OF-THIS-FILE\n",
              stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    const char *format = environment("AWS_LAMBDA_LOG_FORMAT");
    df_log_setup(DF_LOG_INFO, format && strcmp(format, "JSON") == 0 ? DF_LOG_JSON : DF_LOG_TEXT, STDERR_FILENO);
    struct df_task_events_options options = {.find_engine = find_engine,
                                             .threads = (unsigned)get_nprocs(),
                                             .memory_limit_bytes = memory_limit_bytes(),
                                             .temporary_folder = environment("TMPDIR") ? environment("TMPDIR") : "/tmp",
                                             .output_prefixes = environment("DAYFLY_WORKER_OUTPUT_PREFIXES")};
    struct df_task_events *tasks;
    struct df_error error;
    if (df_task_events_create(&tasks, &options, &error) != 0)
        return df_runtime_init_error(api, &error);
    int status = serve(api, tasks);
    df_task_events_free(tasks);
    return status;
}
