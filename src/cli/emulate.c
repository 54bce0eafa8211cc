/* dayfly emulate: a local Lambda, until Ctrl-C. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "emulator/emulator.h"

enum { FUNCTIONS_MAX = 64, INIT_TIMEOUT_MS = 10000 };

struct emulate {
    struct df_cli *cli;
    struct df_loop *loop;
    struct df_emulator *emulator;
    struct df_interrupt *interrupt;
    struct df_post_item stop_item;
    struct df_emulator_options options;
    struct df_emulator_function functions[FUNCTIONS_MAX];
    char *names[FUNCTIONS_MAX]; /* owned */
    const char *environment[FUNCTIONS_MAX + 1];
};

static void stop_on_loop(void *ctx)
{
    df_loop_stop(((struct emulate *)ctx)->loop);
}

static void on_interrupt(void *ctx)
{
    struct emulate *emulate = ctx;
    df_loop_post(emulate->loop, &emulate->stop_item);
}

/* NAME=PATH */
static int add_function(struct emulate *emulate, const char *text, struct df_error *error)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return df_error_set(error, DF_ERROR_INVALID, "--function '%s': expected NAME=PATH", text);
    if (emulate->options.function_count == FUNCTIONS_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "more than %d functions", FUNCTIONS_MAX);
    size_t index = emulate->options.function_count;
    char *name = strndup(text, (size_t)(equals - text));
    if (!name)
        return df_error_no_memory(error, "reading --function");
    emulate->names[index] = name;
    emulate->options.function_count++;
    if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != strlen(name) ||
        strlen(name) > 64)
        return df_error_set(error, DF_ERROR_INVALID, "--function '%s': a name has 1 to 64 letters, digits, - and _",
                            name);
    for (size_t i = 0; i < index; i++)
        if (strcmp(emulate->names[i], name) == 0)
            return df_error_set(error, DF_ERROR_INVALID, "--function '%s' twice", name);
    if (access(equals + 1, F_OK) != 0)
        return df_error_set(error, DF_ERROR_NOT_FOUND, "--function %s: there is no '%s'", name, equals + 1);
    emulate->functions[index].name = name;
    emulate->functions[index].path = equals + 1;
    return 0;
}

static int read_functions(struct emulate *emulate, const struct df_cli_arguments *arguments, struct df_error *error)
{
    int64_t memory_mb = 1769, timeout_s = 60, concurrency = 10, idle_s = 300;
    if (df_cli_value_int(arguments, "--memory", 128, 10240, &memory_mb, error) < 0 ||
        df_cli_value_int(arguments, "--timeout", 1, 900, &timeout_s, error) < 0 ||
        df_cli_value_int(arguments, "--concurrency", 1, 1000, &concurrency, error) < 0 ||
        df_cli_value_int(arguments, "--idle", 1, 86400, &idle_s, error) < 0)
        return -1;
    size_t position = 0;
    for (const char *text; (text = df_cli_next_value(arguments, "--function", &position));)
        if (add_function(emulate, text, error) < 0)
            return -1;
    if (emulate->options.function_count == 0)
        return df_error_set(error, DF_ERROR_INVALID, "no function: give --function NAME=PATH");
    for (size_t i = 0; i < emulate->options.function_count; i++) {
        struct df_emulator_function *function = &emulate->functions[i];
        function->memory_mb = (uint32_t)memory_mb;
        function->timeout_s = (uint32_t)timeout_s;
        function->concurrency = (uint32_t)concurrency;
        function->handler = df_cli_value(arguments, "--handler");
    }
    emulate->options.idle_s = (uint32_t)idle_s;
    return 0;
}

static int read_environment(struct emulate *emulate, const struct df_cli_arguments *arguments, struct df_error *error)
{
    size_t position = 0, count = 0;
    for (const char *text; (text = df_cli_next_value(arguments, "--env", &position));) {
        if (!strchr(text, '=') || text[0] == '=')
            return df_error_set(error, DF_ERROR_INVALID, "--env '%s': expected NAME=VALUE", text);
        if (count == FUNCTIONS_MAX)
            return df_error_set(error, DF_ERROR_INVALID, "more than %d --env", FUNCTIONS_MAX);
        emulate->environment[count++] = text;
    }
    emulate->options.environment = emulate->environment;
    return 0;
}

static int read_options(struct emulate *emulate, const struct df_cli_arguments *arguments, struct df_error *error)
{
    const char *listen = df_cli_value(arguments, "--listen");
    emulate->options = (struct df_emulator_options){.listen = listen ? listen : "127.0.0.1:9000",
                                                    .functions = emulate->functions,
                                                    .init_timeout_ms = INIT_TIMEOUT_MS,
                                                    .freeze = df_cli_value(arguments, "--no-freeze") == NULL};
    return read_functions(emulate, arguments, error) < 0 ? -1 : read_environment(emulate, arguments, error);
}

static int serve(struct emulate *emulate, struct df_error *error)
{
    emulate->stop_item = (struct df_post_item){.fn = stop_on_loop, .ctx = emulate};
    signal(SIGPIPE, SIG_IGN); /* a caller may leave in the middle of its answer */
    if (df_loop_create(&emulate->loop, DF_LOOP_REAL_TIME, error) < 0 ||
        df_interrupt_start(&emulate->interrupt, on_interrupt, emulate, error) < 0 ||
        df_emulator_start(&emulate->emulator, emulate->loop, &emulate->options, error) < 0)
        return -1;
    struct df_buf text = {0};
    df_buf_printf(&text, "listening on http://127.0.0.1:%u\n", df_emulator_port(emulate->emulator));
    int rc = df_cli_write(emulate->cli, df_buf_slice(&text), error);
    df_buf_dispose(&text);
    return rc < 0 ? -1 : df_loop_run(emulate->loop, error);
}

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    struct emulate emulate = {.cli = cli};
    int rc = read_options(&emulate, arguments, error);
    if (rc == 0)
        rc = serve(&emulate, error);
    df_emulator_free(emulate.emulator);
    df_interrupt_stop(emulate.interrupt);
    df_loop_free(emulate.loop);
    for (size_t i = 0; i < emulate.options.function_count; i++)
        free(emulate.names[i]);
    return rc;
}

static const struct df_cli_flag flags[] = {
    {.name = "--listen", .value_name = "ADDRESS", .help = "where the Invoke API listens (default: 127.0.0.1:9000)"},
    {.name = "--function",
     .value_name = "NAME=PATH",
     .repeatable = true,
     .help = "a function, and what runs for it: an executable, or a folder with `bootstrap`"},
    {.name = "--memory", .value_name = "MB", .help = "memory of a function, as it is told to it (default: 1769)"},
    {.name = "--timeout", .value_name = "S", .help = "seconds an invocation may take (default: 60)"},
    {.name = "--concurrency",
     .value_name = "N",
     .help = "copies of a function at once; more are throttled (default: 10)"},
    {.name = "--env", .value_name = "NAME=VALUE", .repeatable = true, .help = "environment of the functions"},
    {.name = "--handler", .value_name = "TEXT", .help = "_HANDLER of the functions (default: bootstrap)"},
    {.name = "--idle", .value_name = "S", .help = "seconds after which an unused copy is ended (default: 300)"},
    {.name = "--no-freeze", .help = "do not stop processes between invocations"},
};

const struct df_cli_command df_command_emulate = {
    .name = "emulate",
    .summary = "a local AWS Lambda, to try workers with",
    .usage = "--function NAME=PATH... [--listen ADDRESS]",
    .description = "Serves Lambda's Invoke API, and a Runtime API to each running copy of a\n"
                   "function, so that workers run here as they would there: cold and warm\n"
                   "starts, timeouts, crashes, throttling.\n\n"
                   "Example, after `make lambda`:\n"
                   "  dayfly emulate --function dayfly=build/release/bootstrap &\n"
                   "  AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:9000 dayfly funnel shop \\\n"
                   "      --step event=view --step event=addtocart \\\n"
                   "      --invoke lambda --function dayfly\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
    .run = run,
};
