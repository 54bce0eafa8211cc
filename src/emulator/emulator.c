/* The Invoke API: functions by name, invocations to sandboxes, answers as Lambda gives them. */
#include "emulator/emulator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/log.h"
#include "emulator/sandbox.h"

enum {
    PAYLOAD_BYTES_MAX = 6291456,       /* of a synchronous Invoke */
    EVENT_PAYLOAD_BYTES_MAX = 1048576, /* of an asynchronous one */
    CLIENT_CONTEXT_MAX = 3583,
};

struct running {
    struct running *next;
    struct df_emulator *emulator;
    struct function *function;
    struct df_sandbox *sandbox;
    /* The invocation that runs in it; call NULL: nobody waits for its answer. */
    struct df_invocation invocation;
    struct df_arena arena;
    struct df_http_call *call;
    bool busy, wants_log;
    bool again; /* a sandbox before this one was lost with the invocation waiting in front of it */
};

struct function {
    struct df_emulator_function settings;
    struct running *running; /* newest first */
};

struct df_emulator {
    struct df_loop *loop;
    struct df_emulator_options options;
    struct df_http_server *server;
    struct function *functions;
};

/* ---- answers ---- */

static void reply_error(struct df_http_call *call, unsigned status, const char *type, const char *message,
                        const char *reason)
{
    struct df_http_fields fields = {.arena = df_http_call_arena(call)};
    struct df_buf body = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &body, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    if (reason) {
        df_json_key(&json, "Reason");
        df_json_text(&json, reason);
    }
    df_json_key(&json, "Type");
    df_json_text(&json, status >= 500 ? "Service" : "User");
    df_json_key(&json, status == 429 || status == 404 ? "Message" : "message");
    df_json_text(&json, message);
    df_json_end_object(&json);
    (void)df_http_fields_put(&fields, "Content-Type", "application/json");
    (void)df_http_fields_put(&fields, "X-Amzn-ErrorType", type);
    if (status == 429)
        (void)df_http_fields_put(&fields, "Retry-After", "1");
    df_http_reply(call, status, &fields, df_buf_slice(&body));
    df_buf_dispose(&body);
}

static void reply_result(struct running *running, const struct df_invocation_result *result)
{
    struct df_http_call *call = running->call;
    struct df_http_fields fields = {.arena = df_http_call_arena(call)};
    (void)df_http_fields_put(&fields, "Content-Type", "application/json");
    (void)df_http_fields_put(&fields, "x-amzn-RequestId", running->invocation.id);
    (void)df_http_fields_put(&fields, "X-Amz-Executed-Version", "$LATEST");
    if (result->function_error)
        (void)df_http_fields_put(&fields, "X-Amz-Function-Error", "Unhandled");
    if (running->wants_log) {
        struct df_buf log = {0};
        df_base64_put(&log, result->log);
        (void)df_http_fields_add(&fields, df_slice_text("X-Amz-Log-Result"), df_buf_slice(&log));
        df_buf_dispose(&log);
    }
    running->call = NULL;
    df_http_call_on_gone(call, NULL, NULL);
    df_http_reply(call, 200, &fields, result->body);
}

/* ---- sandboxes ---- */

static void run_again(struct running *lost);

static void on_result(void *ctx, struct df_sandbox *sandbox, const struct df_invocation_result *result)
{
    (void)sandbox;
    struct running *running = ctx;
    running->busy = false;
    if (result->undelivered)
        run_again(running);
    else if (running->call)
        reply_result(running, result);
    df_arena_dispose(&running->arena);
}

static void on_gone(void *ctx, struct df_sandbox *sandbox)
{
    (void)sandbox;
    struct running *running = ctx;
    struct running **at = &running->function->running;
    while (*at != running)
        at = &(*at)->next;
    *at = running->next;
    df_log(DF_LOG_INFO, "sandbox_gone", df_log_text("function", running->function->settings.name));
    df_arena_dispose(&running->arena);
    free(running);
}

static void caller_gone(void *ctx)
{
    ((struct running *)ctx)->call = NULL; /* the function runs on, and is billed, as on Lambda */
}

static struct running *warm(struct function *function)
{
    for (struct running *running = function->running; running; running = running->next)
        if (!running->busy && df_sandbox_is_free(running->sandbox))
            return running;
    return NULL;
}

/* Those that still count: one that is dying makes place already. */
static unsigned running_count(const struct function *function)
{
    unsigned count = 0;
    for (const struct running *running = function->running; running; running = running->next)
        count += !df_sandbox_is_dying(running->sandbox);
    return count;
}

static struct running *cold(struct df_emulator *emulator, struct function *function, struct df_error *error)
{
    struct running *running = calloc(1, sizeof *running);
    if (!running) {
        df_error_no_memory(error, "starting a function");
        return NULL;
    }
    running->emulator = emulator;
    running->function = function;
    struct df_sandbox_events events = {.on_result = on_result, .on_gone = on_gone, .ctx = running};
    if (df_sandbox_start(&running->sandbox, emulator->loop, &emulator->options, &function->settings, &events, error) !=
        0) {
        free(running);
        return NULL;
    }
    running->next = function->running;
    function->running = running;
    return running;
}

/* The invocation was never delivered: a new sandbox takes it, once. */
static void run_again(struct running *lost)
{
    struct df_error error;
    struct df_http_call *call = lost->call;
    df_error_set(&error, DF_ERROR_UNAVAILABLE, "two processes in a row exited before they took the invocation");
    struct running *running = lost->again ? NULL : cold(lost->emulator, lost->function, &error);
    lost->call = NULL;
    if (call)
        df_http_call_on_gone(call, NULL, NULL);
    if (!running) {
        if (call)
            reply_error(call, 502, "InvalidRuntimeException", error.message, NULL);
        return;
    }
    running->invocation = lost->invocation;
    running->arena = lost->arena;
    lost->arena = (struct df_arena){0};
    running->wants_log = lost->wants_log;
    running->again = running->busy = true;
    running->call = call;
    if (call)
        df_http_call_on_gone(call, caller_gone, running);
    df_sandbox_run(running->sandbox, &running->invocation);
}

/* ---- Invoke ---- */

static void make_id(char id[40])
{
    uint8_t bytes[16] = {0};
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        memcpy(bytes, &(int64_t){df_time_mono_ns()}, sizeof(int64_t));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    size_t at = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            id[at++] = '-';
        at += (size_t)snprintf(id + at, 40 - at, "%02x", bytes[i]);
    }
}

static bool field_is(const struct df_http_call *call, const char *name, const char *value)
{
    return df_slice_is(df_http_fields_get(df_http_call_fields(call), name), value);
}

static struct df_slice client_context_of(const struct df_http_call *call)
{
    return df_http_fields_get(df_http_call_fields(call), "X-Amz-Client-Context");
}

/* The context as a field of `next`: one line, since white space outside of JSON's strings may be any. */
static bool keep_context(struct running *running, struct df_slice context)
{
    struct df_buf decoded = {0};
    bool ok = df_base64_take(&decoded, context);
    for (size_t i = 0; ok && i < decoded.size; i++)
        if (decoded.data[i] < ' ')
            decoded.data[i] = ' ';
    char *text = ok ? df_arena_text(&running->arena, df_buf_slice(&decoded)) : NULL;
    running->invocation.client_context = text;
    df_buf_dispose(&decoded);
    return text != NULL;
}

static bool prepare(struct running *running, struct df_http_call *call)
{
    running->invocation = (struct df_invocation){0};
    make_id(running->invocation.id);
    struct df_slice payload = df_http_call_body(call), context = client_context_of(call);
    if (payload.size == 0)
        payload = df_slice_text("{}");
    if (!df_arena_copy(&running->arena, payload, &running->invocation.payload) ||
        (context.size && !keep_context(running, context)))
        return false;
    running->wants_log = field_is(call, "X-Amz-Log-Type", "Tail");
    running->again = false;
    return true;
}

static void start_invocation(struct df_emulator *emulator, struct function *function, struct df_http_call *call)
{
    struct df_error error;
    struct running *running = warm(function);
    if (!running && running_count(function) >= function->settings.concurrency) {
        reply_error(call, 429, "TooManyRequestsException", "Rate Exceeded.",
                    "ReservedFunctionConcurrentInvocationLimitExceeded");
        return;
    }
    if (!running && !(running = cold(emulator, function, &error))) {
        reply_error(call, 502, "InvalidRuntimeException", error.message, NULL);
        return;
    }
    if (!prepare(running, call)) {
        df_arena_dispose(&running->arena);
        reply_error(call, 500, "ServiceException", "out of memory", NULL);
        return;
    }
    running->busy = true;
    if (field_is(call, "X-Amz-Invocation-Type", "Event")) {
        df_http_reply(call, 202, NULL, df_slice_make(NULL, 0));
    } else {
        running->call = call;
        df_http_call_on_gone(call, caller_gone, running);
    }
    df_sandbox_run(running->sandbox, &running->invocation);
}

/* NAME out of /2015-03-31/functions/NAME/invocations[?Qualifier=…]; also an ARN, whole or partial, escaped or not. */
static bool take_name(struct df_slice target, struct df_buf *name)
{
    static const char before[] = "/2015-03-31/functions/", after[] = "/invocations";
    const uint8_t *question = memchr(target.data, '?', target.size);
    if (question)
        target.size = (size_t)(question - target.data);
    if (target.size <= strlen(before) + strlen(after) || memcmp(target.data, before, strlen(before)) != 0 ||
        memcmp(target.data + target.size - strlen(after), after, strlen(after)) != 0)
        return false;
    struct df_slice text = df_slice_make(target.data + strlen(before), target.size - strlen(before) - strlen(after));
    struct df_buf decoded = {0};
    bool ok = df_http_put_decoded(&decoded, text);
    const char *whole = df_buf_text(&decoded), *function = strstr(whole, "function:");
    function = function ? function + strlen("function:") : whole;
    df_buf_put(name, function, strcspn(function, ":"));
    df_buf_dispose(&decoded);
    return ok && !df_buf_failed(name);
}

static struct function *find_function(struct df_emulator *emulator, const char *name)
{
    for (size_t i = 0; i < emulator->options.function_count; i++)
        if (strcmp(emulator->functions[i].settings.name, name) == 0)
            return &emulator->functions[i];
    return NULL;
}

static bool is_json(struct df_slice text)
{
    struct df_arena arena = {0};
    struct df_json *json;
    bool ok = text.size == 0 || df_json_parse(text, NULL, &arena, &json, NULL) == 0;
    df_arena_dispose(&arena);
    return ok;
}

static bool is_base64_json(struct df_slice text)
{
    struct df_buf decoded = {0};
    bool ok = df_base64_take(&decoded, text) && is_json(df_buf_slice(&decoded));
    df_buf_dispose(&decoded);
    return ok;
}

static void invoke(struct df_emulator *emulator, struct function *function, struct df_http_call *call)
{
    bool event = field_is(call, "X-Amz-Invocation-Type", "Event");
    size_t limit = event ? EVENT_PAYLOAD_BYTES_MAX : PAYLOAD_BYTES_MAX;
    char message[160];
    if (field_is(call, "X-Amz-Invocation-Type", "DryRun")) {
        df_http_reply(call, 204, NULL, df_slice_make(NULL, 0));
    } else if (df_http_call_body(call).size > limit) {
        snprintf(message, sizeof message, "Request must be smaller than %zu bytes for the InvokeFunction operation",
                 limit);
        reply_error(call, 413, "RequestTooLargeException", message, NULL);
    } else if (client_context_of(call).size > CLIENT_CONTEXT_MAX) {
        reply_error(call, 400, "InvalidParameterValueException", "Client context must be at most 3,583 bytes", NULL);
    } else if (!is_base64_json(client_context_of(call))) {
        reply_error(call, 400, "InvalidRequestContentException",
                    "Client context must be a valid Base64-encoded JSON object", NULL);
    } else if (!is_json(df_http_call_body(call))) {
        reply_error(call, 400, "InvalidRequestContentException",
                    "Could not parse request body into json: the payload is not JSON", NULL);
    } else {
        start_invocation(emulator, function, call);
    }
}

static void on_call(void *ctx, struct df_http_call *call)
{
    struct df_emulator *emulator = ctx;
    struct df_buf name = {0};
    char message[320];
    if (!take_name(df_http_call_target(call), &name)) {
        reply_error(call, 404, "UnknownOperationException", "only Invoke is served here", NULL);
    } else if (!df_slice_is(df_http_call_method(call), "POST")) {
        reply_error(call, 405, "MethodNotAllowedException", "Invoke is a POST", NULL);
    } else {
        struct function *function = find_function(emulator, df_buf_text(&name));
        if (function) {
            invoke(emulator, function, call);
        } else {
            snprintf(message, sizeof message,
                     "Function not found: arn:aws:lambda:us-east-1:123456789012:function:%.140s", df_buf_text(&name));
            reply_error(call, 404, "ResourceNotFoundException", message, NULL);
        }
    }
    df_buf_dispose(&name);
}

/* ---- the emulator ---- */

int df_emulator_start(struct df_emulator **out, struct df_loop *loop, const struct df_emulator_options *options,
                      struct df_error *error)
{
    *out = NULL;
    struct df_emulator *emulator = calloc(1, sizeof *emulator);
    if (!emulator || !(emulator->functions = calloc(options->function_count + 1, sizeof *emulator->functions))) {
        free(emulator);
        return df_error_no_memory(error, "starting the emulator");
    }
    emulator->loop = loop;
    emulator->options = *options;
    for (size_t i = 0; i < options->function_count; i++)
        emulator->functions[i].settings = options->functions[i];
    struct df_http_server_options server = {
        .limits = {.body_bytes = PAYLOAD_BYTES_MAX + 1024 * 1024}, .idle_timeout_ms = 300000, .connections = 4096};
    if (df_http_server_listen(&emulator->server, loop, options->listen, &server, on_call, emulator, error) != 0) {
        free(emulator->functions);
        free(emulator);
        return -1;
    }
    *out = emulator;
    return 0;
}

uint16_t df_emulator_port(const struct df_emulator *emulator)
{
    return df_http_server_port(emulator->server);
}

void df_emulator_free(struct df_emulator *emulator)
{
    if (!emulator)
        return;
    df_http_server_free(emulator->server);
    for (size_t i = 0; i < emulator->options.function_count; i++) {
        struct function *function = &emulator->functions[i];
        while (function->running) {
            struct running *running = function->running;
            function->running = running->next;
            df_sandbox_destroy(running->sandbox);
            df_arena_dispose(&running->arena);
            free(running);
        }
    }
    free(emulator->functions);
    free(emulator);
}
