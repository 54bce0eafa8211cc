#include "emulator/sandbox.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json_write.h"
#include "base/log.h"

enum {
    RESPONSE_BYTES_MAX = 6291556, /* 6 MiB and 100 */
    LOG_BYTES = 4096,
    LAST_READS_MAX = 256, /* of the output of a process that has exited; its children may write on */
    ENVIRONMENT_MAX = 128,
};

enum state { STATE_STARTING, STATE_IDLE, STATE_BUSY, STATE_DYING };

struct df_sandbox {
    struct df_loop *loop;
    const struct df_emulator_options *options;
    const struct df_emulator_function *function;
    struct df_sandbox_events events;
    struct df_http_server *runtime_api;
    enum state state;
    bool frozen, was_ready;

    pid_t pid;
    int pid_fd, output_fd;
    struct event *exit_event, *output_event;
    char log_stream[64];
    char tail[LOG_BYTES];
    size_t tail_size;

    struct df_http_call *next_call; /* an open `next`; NULL: none */
    struct df_invocation *invocation;
    bool delivered;        /* the invocation has been handed to the process */
    struct df_timer timer; /* of init, of the invocation, of idling */
    char death[160];       /* why it is killed; "": it was not */
};

/* ---- results ---- */

static void put_error(struct df_buf *body, const char *type, const char *message)
{
    struct df_json_writer json;
    df_json_writer_init(&json, body, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    df_json_key(&json, "errorType");
    df_json_text(&json, type);
    df_json_key(&json, "errorMessage");
    df_json_text(&json, message);
    df_json_end_object(&json);
}

static void tell_result(struct df_sandbox *sandbox, bool function_error, struct df_slice body)
{
    if (!sandbox->invocation)
        return;
    struct df_invocation_result result = {
        .function_error = function_error, .body = body, .log = df_slice_make(sandbox->tail, sandbox->tail_size)};
    sandbox->invocation = NULL;
    sandbox->delivered = false;
    sandbox->events.on_result(sandbox->events.ctx, sandbox, &result);
    sandbox->tail_size = 0;
}

static void tell_undelivered(struct df_sandbox *sandbox)
{
    struct df_invocation_result result = {.undelivered = true};
    sandbox->invocation = NULL;
    sandbox->events.on_result(sandbox->events.ctx, sandbox, &result);
}

static void tell_error(struct df_sandbox *sandbox, const char *type, const char *message)
{
    if (!sandbox->invocation)
        return;
    struct df_buf body = {0};
    char text[320];
    snprintf(text, sizeof text, "RequestId: %s Error: %s", sandbox->invocation->id, message);
    put_error(&body, type, text);
    tell_result(sandbox, true, df_buf_slice(&body));
    df_buf_dispose(&body);
}

/* ---- freezing and timers ---- */

/* To the process and what it has started; never to our own group, which is what 0 means. */
static bool signal_group(const struct df_sandbox *sandbox, int signal_number)
{
    return sandbox->pid > 0 && kill(-sandbox->pid, signal_number) == 0;
}

static void freeze(struct df_sandbox *sandbox)
{
    if (sandbox->options->freeze && !sandbox->frozen)
        sandbox->frozen = signal_group(sandbox, SIGSTOP);
}

static void thaw(struct df_sandbox *sandbox)
{
    if (sandbox->frozen)
        signal_group(sandbox, SIGCONT);
    sandbox->frozen = false;
}

static void arm(struct df_sandbox *sandbox, int64_t ms)
{
    (void)df_timer_start(sandbox->loop, &sandbox->timer, df_deadline_after_ms(ms));
}

void df_sandbox_kill(struct df_sandbox *sandbox)
{
    sandbox->state = STATE_DYING;
    signal_group(sandbox, SIGKILL);
}

static void on_timer(void *ctx)
{
    struct df_sandbox *sandbox = ctx;
    if (sandbox->state == STATE_BUSY || (sandbox->state == STATE_STARTING && sandbox->was_ready))
        snprintf(sandbox->death, sizeof sandbox->death, "Task timed out after %u.00 seconds",
                 sandbox->function->timeout_s);
    else if (sandbox->state == STATE_STARTING)
        snprintf(sandbox->death, sizeof sandbox->death, "Init timed out after %lld ms",
                 (long long)sandbox->options->init_timeout_ms);
    df_sandbox_kill(sandbox);
}

/* ---- handing an invocation over ---- */

static bool put_next_fields(const struct df_sandbox *sandbox, struct df_http_fields *fields)
{
    const struct df_invocation *invocation = sandbox->invocation;
    char deadline[24], arn[160];
    snprintf(deadline, sizeof deadline, "%lld", (long long)invocation->deadline_wall_ms);
    snprintf(arn, sizeof arn, "arn:aws:lambda:us-east-1:123456789012:function:%s", sandbox->function->name);
    return df_http_fields_put(fields, "Content-Type", "application/json") &&
           df_http_fields_put(fields, "Lambda-Runtime-Aws-Request-Id", invocation->id) &&
           df_http_fields_put(fields, "Lambda-Runtime-Deadline-Ms", deadline) &&
           df_http_fields_put(fields, "Lambda-Runtime-Invoked-Function-Arn", arn) &&
           df_http_fields_put(fields, "Lambda-Runtime-Trace-Id",
                              "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0") &&
           (!invocation->client_context ||
            df_http_fields_put(fields, "Lambda-Runtime-Client-Context", invocation->client_context));
}

static void deliver(struct df_sandbox *sandbox)
{
    struct df_http_call *call = sandbox->next_call;
    struct df_http_fields fields = {.arena = df_http_call_arena(call)};
    sandbox->invocation->deadline_wall_ms = df_time_wall_ms() + (int64_t)sandbox->function->timeout_s * 1000;
    sandbox->next_call = NULL;
    if (!put_next_fields(sandbox, &fields)) {
        df_http_reply_abort(call); /* it asks again */
        return;
    }
    df_http_call_on_gone(call, NULL, NULL);
    sandbox->state = STATE_BUSY;
    sandbox->delivered = true;
    arm(sandbox, (int64_t)sandbox->function->timeout_s * 1000);
    thaw(sandbox);
    df_http_reply(call, 200, &fields, sandbox->invocation->payload);
}

void df_sandbox_run(struct df_sandbox *sandbox, struct df_invocation *invocation)
{
    sandbox->invocation = invocation;
    if (sandbox->next_call)
        deliver(sandbox);
    else
        thaw(sandbox); /* its connection is gone: it has to ask again */
}

/* A process may have exited without the loop having heard of it. */
bool df_sandbox_is_dying(const struct df_sandbox *sandbox)
{
    siginfo_t info = {0};
    return sandbox->state == STATE_DYING ||
           (waitid(P_PID, (id_t)sandbox->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0);
}

bool df_sandbox_is_free(const struct df_sandbox *sandbox)
{
    return !sandbox->invocation && sandbox->state != STATE_BUSY && !df_sandbox_is_dying(sandbox);
}

/* ---- the Runtime API ---- */

static void reply_json(struct df_http_call *call, unsigned status, const char *text)
{
    struct df_http_fields fields = {.arena = df_http_call_arena(call)};
    (void)df_http_fields_put(&fields, "Content-Type", "application/json");
    df_http_reply(call, status, &fields, df_slice_text(text));
}

static void next_gone(void *ctx)
{
    ((struct df_sandbox *)ctx)->next_call = NULL;
}

static void take_next(struct df_sandbox *sandbox, struct df_http_call *call)
{
    if (sandbox->next_call || sandbox->delivered || sandbox->state == STATE_DYING) {
        reply_json(call, 403,
                   "{\"errorMessage\":\"State transition is not allowed\",\"errorType\":\"InvalidStateTransition\"}");
        return;
    }
    sandbox->next_call = call;
    sandbox->was_ready = true;
    df_http_call_on_gone(call, next_gone, sandbox);
    if (sandbox->invocation) {
        deliver(sandbox);
        return;
    }
    sandbox->state = STATE_IDLE;
    arm(sandbox, (int64_t)sandbox->options->idle_s * 1000);
    freeze(sandbox);
}

static void finish_invocation(struct df_sandbox *sandbox, struct df_http_call *call, bool function_error)
{
    /* The result is told after the call's own answer, which frees its body: keep that. */
    struct df_buf body = {0};
    df_buf_put_slice(&body, df_http_call_body(call));
    reply_json(call, 202, "{\"status\":\"OK\"}");
    df_timer_stop(sandbox->loop, &sandbox->timer);
    sandbox->state = STATE_STARTING; /* until it asks for the next one */
    arm(sandbox, (int64_t)sandbox->function->timeout_s * 1000);
    tell_result(sandbox, function_error, df_buf_slice(&body));
    df_buf_dispose(&body);
}

static void take_response(struct df_sandbox *sandbox, struct df_http_call *call)
{
    if (df_http_call_body(call).size <= RESPONSE_BYTES_MAX) {
        finish_invocation(sandbox, call, false);
        return;
    }
    char message[120];
    snprintf(message, sizeof message, "Response payload size exceeded maximum allowed payload size (%d bytes).",
             RESPONSE_BYTES_MAX);
    reply_json(call, 413,
               "{\"errorMessage\":\"Exceeded maximum allowed payload size\",\"errorType\":\"RequestEntityTooLarge\"}");
    struct df_buf body = {0};
    put_error(&body, "Function.ResponseSizeTooLarge", message);
    sandbox->state = STATE_STARTING;
    arm(sandbox, (int64_t)sandbox->function->timeout_s * 1000);
    tell_result(sandbox, true, df_buf_slice(&body));
    df_buf_dispose(&body);
}

static void take_init_error(struct df_sandbox *sandbox, struct df_http_call *call)
{
    struct df_buf body = {0};
    df_buf_put_slice(&body, df_http_call_body(call));
    if (body.size == 0)
        put_error(&body, "Runtime.Unknown", "init failed");
    reply_json(call, 202, "{\"status\":\"OK\"}");
    sandbox->state = STATE_DYING; /* it has to exit now */
    tell_result(sandbox, true, df_buf_slice(&body));
    df_buf_dispose(&body);
    arm(sandbox, sandbox->options->init_timeout_ms);
}

/* "…/invocation/<id>/<what>" of the invocation that was handed over. */
static bool is_about(const struct df_sandbox *sandbox, struct df_slice target, const char *what)
{
    char path[160];
    if (!sandbox->invocation || !sandbox->delivered)
        return false;
    snprintf(path, sizeof path, "/2018-06-01/runtime/invocation/%s/%s", sandbox->invocation->id, what);
    return df_slice_is(target, path);
}

static void on_runtime_call(void *ctx, struct df_http_call *call)
{
    struct df_sandbox *sandbox = ctx;
    struct df_slice target = df_http_call_target(call), method = df_http_call_method(call);
    bool get = df_slice_is(method, "GET"), post = df_slice_is(method, "POST");
    if (get && df_slice_is(target, "/2018-06-01/runtime/invocation/next"))
        take_next(sandbox, call);
    else if (post && is_about(sandbox, target, "response"))
        take_response(sandbox, call);
    else if (post && is_about(sandbox, target, "error"))
        finish_invocation(sandbox, call, true);
    else if (post && df_slice_is(target, "/2018-06-01/runtime/init/error"))
        take_init_error(sandbox, call);
    else if (post && target.size > 31 && memcmp(target.data, "/2018-06-01/runtime/invocation/", 31) == 0)
        reply_json(call, 400, "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}");
    else
        reply_json(call, 404, "{\"errorMessage\":\"no such call of the Runtime API\",\"errorType\":\"NotFound\"}");
}

/* ---- the process ---- */

static void keep_tail(struct df_sandbox *sandbox, const char *bytes, size_t size)
{
    if (size >= LOG_BYTES) {
        memcpy(sandbox->tail, bytes + size - LOG_BYTES, LOG_BYTES);
        sandbox->tail_size = LOG_BYTES;
        return;
    }
    size_t keep = sandbox->tail_size + size > LOG_BYTES ? LOG_BYTES - size : sandbox->tail_size;
    memmove(sandbox->tail, sandbox->tail + sandbox->tail_size - keep, keep);
    memcpy(sandbox->tail + keep, bytes, size);
    sandbox->tail_size = keep + size;
}

static ssize_t take_output(struct df_sandbox *sandbox)
{
    char bytes[4096];
    ssize_t got = read(sandbox->output_fd, bytes, sizeof bytes);
    if (got > 0) {
        keep_tail(sandbox, bytes, (size_t)got);
        ssize_t passed_on = write(STDERR_FILENO, bytes, (size_t)got);
        (void)passed_on; /* nobody to tell */
    }
    return got;
}

static void on_output(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct df_sandbox *sandbox = ctx;
    if (take_output(sandbox) == 0)
        event_del(sandbox->output_event);
}

static void explain_exit(struct df_sandbox *sandbox, int status)
{
    char message[PATH_MAX + 64];
    if (sandbox->invocation && !sandbox->delivered && sandbox->was_ready) {
        tell_undelivered(sandbox);
        return;
    }
    if (sandbox->death[0]) {
        tell_error(sandbox, sandbox->was_ready ? "Sandbox.Timeout" : "Runtime.InitTimeout", sandbox->death);
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && !sandbox->was_ready)
        snprintf(message, sizeof message, "Couldn't find valid bootstrap(s): [%s]", sandbox->function->path);
    else if (WIFEXITED(status))
        snprintf(message, sizeof message, "Runtime exited with error: exit status %d", WEXITSTATUS(status));
    else
        snprintf(message, sizeof message, "Runtime exited with error: signal: %s",
                 WTERMSIG(status) == SIGKILL ? "killed" : strsignal(WTERMSIG(status)));
    bool missing = WIFEXITED(status) && WEXITSTATUS(status) == 127 && !sandbox->was_ready;
    tell_error(sandbox, missing ? "Runtime.InvalidEntrypoint" : "Runtime.ExitError", message);
}

static void release(struct df_sandbox *sandbox)
{
    df_timer_stop(sandbox->loop, &sandbox->timer);
    if (sandbox->exit_event)
        event_free(sandbox->exit_event);
    if (sandbox->output_event)
        event_free(sandbox->output_event);
    if (sandbox->pid_fd >= 0)
        close(sandbox->pid_fd);
    if (sandbox->output_fd >= 0)
        close(sandbox->output_fd);
    df_http_server_free(sandbox->runtime_api);
    free(sandbox);
}

static void on_exit_event(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct df_sandbox *sandbox = ctx;
    int status = 0;
    signal_group(sandbox, SIGKILL); /* what it may have started; before waitpid, while the number is still its own */
    if (waitpid(sandbox->pid, &status, 0) != sandbox->pid)
        status = 0;
    sandbox->pid = 0;
    for (int reads = 0; reads < LAST_READS_MAX && take_output(sandbox) > 0;)
        reads++;
    sandbox->state = STATE_DYING;
    explain_exit(sandbox, status);
    sandbox->events.on_gone(sandbox->events.ctx, sandbox);
    release(sandbox);
}

/* ---- its environment ---- */

struct environment {
    char *entries[ENVIRONMENT_MAX + 1];
    size_t count;
};

/* Takes "NAME=VALUE"; the last one of a name counts. */
static void put_entry(struct environment *environment, char *entry)
{
    size_t name_size = entry ? strcspn(entry, "=") + 1 : 0, i = 0;
    while (entry && i < environment->count && strncmp(environment->entries[i], entry, name_size) != 0)
        i++;
    if (!entry || i == ENVIRONMENT_MAX) {
        free(entry);
        return;
    }
    if (i < environment->count)
        free(environment->entries[i]);
    else
        environment->count++;
    environment->entries[i] = entry;
}

static void put_variable(struct environment *environment, const char *name, const char *value)
{
    char *entry;
    if (value && asprintf(&entry, "%s=%s", name, value) >= 0)
        put_entry(environment, entry);
}

/* What a function inherits of the emulator: who it is towards AWS, and where AWS is. */
static const char *const inherited[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_ENDPOINT_URL",
                                        "AWS_ENDPOINT_URL_S3",
                                        "AWS_ENDPOINT_URL_LAMBDA",
                                        "PATH",
                                        "LD_LIBRARY_PATH",
                                        "ASAN_OPTIONS",
                                        "UBSAN_OPTIONS",
                                        "TSAN_OPTIONS",
                                        "LSAN_OPTIONS"};

static void fill_environment(const struct df_sandbox *sandbox, const char *folder, struct environment *environment)
{
    char api[32], memory[16];
    const char *region = getenv("AWS_REGION") ? getenv("AWS_REGION") : getenv("AWS_DEFAULT_REGION");
    snprintf(api, sizeof api, "127.0.0.1:%u", df_http_server_port(sandbox->runtime_api));
    snprintf(memory, sizeof memory, "%u", sandbox->function->memory_mb);
    put_variable(environment, "AWS_LAMBDA_RUNTIME_API", api);
    put_variable(environment, "AWS_LAMBDA_FUNCTION_NAME", sandbox->function->name);
    put_variable(environment, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory);
    put_variable(environment, "AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    put_variable(environment, "AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
    put_variable(environment, "AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/emulated");
    put_variable(environment, "AWS_LAMBDA_LOG_STREAM_NAME", sandbox->log_stream);
    put_variable(environment, "AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023");
    put_variable(environment, "AWS_REGION", region && region[0] ? region : "us-east-1");
    put_variable(environment, "AWS_DEFAULT_REGION", region && region[0] ? region : "us-east-1");
    put_variable(environment, "_HANDLER", sandbox->function->handler ? sandbox->function->handler : "bootstrap");
    put_variable(environment, "LAMBDA_TASK_ROOT", folder);
    put_variable(environment, "TZ", ":UTC");
    put_variable(environment, "LANG", "en_US.UTF-8");
    for (size_t i = 0; i < sizeof inherited / sizeof *inherited; i++)
        put_variable(environment, inherited[i], getenv(inherited[i]));
    for (const char *const *extra = sandbox->options->environment; extra && *extra; extra++)
        put_entry(environment, strdup(*extra));
}

/* ---- starting ---- */

/* path itself, or the bootstrap in it. */
static int find_program(const char *path, char program[PATH_MAX], struct df_error *error)
{
    char whole[PATH_MAX];
    struct stat status;
    if (!realpath(path, whole) || stat(whole, &status) != 0)
        return df_error_set_errno(error, errno, "function '%s'", path);
    int size = snprintf(program, PATH_MAX, "%s%s", whole, S_ISDIR(status.st_mode) ? "/bootstrap" : "");
    return size > 0 && size < PATH_MAX ? 0
                                       : df_error_set(error, DF_ERROR_INVALID, "function '%s': path too long", path);
}

/* In the child, between fork and exec: only what is safe there. */
static void become_function(const char *program, const char *folder, struct environment *environment, int output)
{
    setpgid(0, 0);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 || chdir(folder) != 0)
        _exit(126);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    char *arguments[] = {(char *)program, NULL};
    execve(program, arguments, environment->entries);
    _exit(127);
}

static int spawn(struct df_sandbox *sandbox, struct df_error *error)
{
    char program[PATH_MAX], folder[PATH_MAX];
    if (find_program(sandbox->function->path, program, error) != 0)
        return -1;
    snprintf(folder, sizeof folder, "%s", program);
    char *directory = dirname(folder);
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return df_error_set_errno(error, errno, "starting function '%s'", sandbox->function->name);
    struct environment environment = {0};
    fill_environment(sandbox, directory, &environment);
    sandbox->pid = fork();
    if (sandbox->pid == 0)
        become_function(program, directory, &environment, pipe_fds[1]);
    int errno_value = errno;
    for (size_t i = 0; i < environment.count; i++)
        free(environment.entries[i]);
    close(pipe_fds[1]);
    sandbox->output_fd = pipe_fds[0];
    if (sandbox->pid < 0)
        return df_error_set_errno(error, errno_value, "starting function '%s'", sandbox->function->name);
    setpgid(sandbox->pid, sandbox->pid); /* whoever of the two comes first */
    fcntl(sandbox->output_fd, F_SETFL, O_NONBLOCK);
    sandbox->pid_fd = pidfd_open(sandbox->pid, 0);
    return sandbox->pid_fd >= 0 ? 0
                                : df_error_set_errno(error, errno, "watching function '%s'", sandbox->function->name);
}

static int watch(struct df_sandbox *sandbox, struct df_error *error)
{
    struct event_base *base = df_loop_event_base(sandbox->loop);
    sandbox->exit_event = event_new(base, sandbox->pid_fd, EV_READ, on_exit_event, sandbox);
    sandbox->output_event = event_new(base, sandbox->output_fd, EV_READ | EV_PERSIST, on_output, sandbox);
    if (!sandbox->exit_event || !sandbox->output_event || event_add(sandbox->exit_event, NULL) != 0 ||
        event_add(sandbox->output_event, NULL) != 0)
        return df_error_no_memory(error, "starting a function");
    return 0;
}

int df_sandbox_start(struct df_sandbox **out, struct df_loop *loop, const struct df_emulator_options *options,
                     const struct df_emulator_function *function, const struct df_sandbox_events *events,
                     struct df_error *error)
{
    struct df_sandbox *sandbox = calloc(1, sizeof *sandbox);
    if (!sandbox)
        return df_error_no_memory(error, "starting a function");
    sandbox->loop = loop;
    sandbox->options = options;
    sandbox->function = function;
    sandbox->events = *events;
    sandbox->pid_fd = sandbox->output_fd = -1;
    sandbox->timer = (struct df_timer){.fn = on_timer, .ctx = sandbox};
    struct df_http_server_options server = {.limits = {.body_bytes = 64 * 1024 * 1024}, .idle_timeout_ms = INT32_MAX};
    int rc =
        df_http_server_listen(&sandbox->runtime_api, loop, "127.0.0.1:0", &server, on_runtime_call, sandbox, error);
    if (rc == 0) {
        snprintf(sandbox->log_stream, sizeof sandbox->log_stream, "[$LATEST]%u",
                 df_http_server_port(sandbox->runtime_api));
        rc = spawn(sandbox, error);
    }
    if (rc == 0)
        rc = watch(sandbox, error);
    if (rc != 0) {
        df_sandbox_destroy(sandbox);
        return -1;
    }
    arm(sandbox, options->init_timeout_ms);
    df_log(DF_LOG_INFO, "sandbox_started", df_log_text("function", function->name), df_log_int("pid", sandbox->pid));
    *out = sandbox;
    return 0;
}

void df_sandbox_destroy(struct df_sandbox *sandbox)
{
    if (sandbox->pid > 0) {
        signal_group(sandbox, SIGKILL);
        kill(sandbox->pid, SIGKILL); /* it may not yet be in its group */
        waitpid(sandbox->pid, NULL, 0);
    }
    release(sandbox);
}
