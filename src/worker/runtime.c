/* The loop of a custom runtime.
 *
 *     slot:  ASKING ─► HANDLING ─► TELLING ─► ASKING …
 *              └ next failed: 10, 100, 1,000 ms, then exit 1       └ 5xx: exit 1; 4xx: that invocation is lost, go on
 *
 * There is a slot per open `next`, all on one loop; handlers may work elsewhere and come back to the loop. */
#include "worker/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/log.h"
#include "net/http_client.h"

enum {
    EVENT_BYTES_MAX = 7 * 1024 * 1024, /* Lambda's 6 MiB and slack */
    EVENT_NODES_MAX = 2000000,         /* a tree takes some 100 bytes per value, and a function has 128 MB or more */
    EVENT_DEPTH_MAX = 256,
    KEPT_BYTES_MAX = 256 * 1024,  /* larger buffers are given back between events: memory used is reported */
    RESPONSE_BYTES_MAX = 6291556, /* of a buffered answer */
    NEXT_ATTEMPTS = 4,
    TELL_TIMEOUT_MS = 10000,
    CONNECT_TIMEOUT_MS = 1000,
    EMPTY_POLL_MS = 50, /* after a 204, which cargo-lambda gives instead of waiting */
    REQUEST_ID_BYTES = 128,
};

struct runtime;

struct slot {
    struct df_event_reply reply; /* first: a reply is its slot */
    struct runtime *runtime;
    struct df_arena arena; /* of one event */
    struct df_buf payload, answer;
    char request_id[REQUEST_ID_BYTES];
    const char *trace_id;
    int64_t deadline_wall_ms;
    unsigned status, failed_asks;
    const char *error_type; /* of an answer that is an error; NULL: it is none */
    bool told_again;
    struct df_timer pause;
};

struct runtime {
    const struct df_runtime_options *options;
    struct df_loop *loop;
    struct df_http_client *client;
    char *base; /* "http://host:port[/path]/2018-06-01/runtime" */
    struct slot *slots;
    unsigned slot_count;
    int64_t start_wall_ms;
    int exit_status;
};

static void ask(void *ctx);
static void tell(struct slot *slot);

static void leave(struct runtime *runtime, int status)
{
    runtime->exit_status = status;
    df_loop_stop(runtime->loop);
}

/* ---- requests to the Runtime API ---- */

/* host:port, http://host:port, with or without a base path and slashes at its end. */
static char *make_base(const char *api)
{
    struct df_buf base = {0};
    size_t size = strlen(api);
    while (size && api[size - 1] == '/')
        size--;
    df_buf_printf(&base, "%s%.*s/2018-06-01/runtime", strncmp(api, "http://", 7) == 0 ? "" : "http://", (int)size, api);
    char *text = df_buf_failed(&base) ? NULL : strdup(df_buf_text(&base));
    df_buf_dispose(&base);
    return text;
}

static int send_to_api(struct runtime *runtime, const char *path, struct df_http_request *request,
                       const struct df_http_exchange_events *events, struct df_error *error)
{
    struct df_buf url = {0};
    df_buf_printf(&url, "%s%s", runtime->base, path);
    int rc = df_buf_failed(&url) ? df_error_no_memory(error, "asking the Runtime API")
                                 : df_http_url_parse(&request->url, df_buf_slice(&url), error);
    if (rc == 0)
        rc = df_http_client_send(runtime->client, request, events, NULL, error);
    df_buf_dispose(&url);
    return rc;
}

/* ---- asking ---- */

static void ask_later(struct slot *slot, int64_t ms)
{
    slot->pause = (struct df_timer){.fn = ask, .ctx = slot};
    if (!df_timer_start(slot->runtime->loop, &slot->pause, df_deadline_after_ms(ms)))
        leave(slot->runtime, 1);
}

static void ask_failed(struct slot *slot, const char *why)
{
    static const int64_t pauses_ms[NEXT_ATTEMPTS - 1] = {10, 100, 1000};
    if (slot->failed_asks + 1 >= NEXT_ATTEMPTS) {
        df_log(DF_LOG_ERROR, "runtime_gone", df_log_text("error", why));
        leave(slot->runtime, 1); /* a new process is the cleanest recovery */
        return;
    }
    ask_later(slot, pauses_ms[slot->failed_asks++]);
}

static int64_t parse_ms(struct df_slice text)
{
    int64_t value = 0;
    if (text.size == 0 || text.size > 18)
        return 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

/* What stands in a URL afterwards: refused when it could change the path. */
static bool keep_request_id(struct slot *slot, struct df_slice id)
{
    if (id.size == 0 || id.size >= sizeof slot->request_id)
        return false;
    for (size_t i = 0; i < id.size; i++)
        if (id.data[i] <= ' ' || id.data[i] >= 0x7f || strchr("/?#%", id.data[i]))
            return false;
    memcpy(slot->request_id, id.data, id.size);
    slot->request_id[id.size] = '\0';
    return true;
}

static int next_head(void *ctx, const struct df_http_head *head, struct df_error *error)
{
    struct slot *slot = ctx;
    slot->status = head->status;
    if (head->status != 200)
        return 0;
    if (!keep_request_id(slot, df_http_fields_get(&head->fields, "Lambda-Runtime-Aws-Request-Id")))
        return df_error_set(error, DF_ERROR_CORRUPT, "an event without a usable Lambda-Runtime-Aws-Request-Id");
    slot->deadline_wall_ms = parse_ms(df_http_fields_get(&head->fields, "Lambda-Runtime-Deadline-Ms"));
    struct df_slice trace = df_http_fields_get(&head->fields, "Lambda-Runtime-Trace-Id");
    slot->trace_id = trace.size ? df_arena_text(&slot->arena, trace) : NULL;
    return 0;
}

static int next_body(void *ctx, struct df_slice piece, struct df_error *error)
{
    struct slot *slot = ctx;
    df_buf_put_slice(&slot->payload, piece);
    return df_buf_failed(&slot->payload) ? df_error_no_memory(error, "taking an event") : 0;
}

/* ---- handling ---- */

/* Absent, 0, or older than this process (what cargo-lambda sends): unknown. */
static struct df_deadline deadline_of(const struct slot *slot)
{
    if (slot->deadline_wall_ms < slot->runtime->start_wall_ms)
        return df_deadline_never();
    int64_t left_ms = slot->deadline_wall_ms - df_time_wall_ms() - slot->runtime->options->answer_early_ms;
    return df_deadline_after_ms(left_ms > 0 ? left_ms : 0);
}

static void put_shapes(struct df_buf *out, const struct df_runtime_options *options)
{
    for (size_t i = 0; i < options->handler_count; i++)
        df_buf_printf(out, "%s%s", i ? ", " : "", options->handlers[i].shape);
}

static void refuse_event(struct slot *slot)
{
    struct df_buf shapes = {0};
    struct df_error error;
    put_shapes(&shapes, slot->runtime->options);
    df_error_set(&error, DF_ERROR_INVALID, "no handler for this event; known shapes: %s", df_buf_text(&shapes));
    df_buf_dispose(&shapes);
    slot->reply.fail(&slot->reply, &error);
}

static void handle(struct slot *slot)
{
    static const struct df_json_limits limits = {
        .text_bytes = EVENT_BYTES_MAX, .depth = EVENT_DEPTH_MAX, .nodes = EVENT_NODES_MAX};
    const struct df_runtime_options *options = slot->runtime->options;
    struct df_error error;
    struct df_json *json;
    if (df_json_parse(df_buf_slice(&slot->payload), &limits, &slot->arena, &json, &error) != 0) {
        df_error_prefix(&error, "the event is not JSON");
        slot->reply.fail(&slot->reply, &error);
        return;
    }
    struct df_event event = {.payload = df_buf_slice(&slot->payload),
                             .request_id = slot->request_id,
                             .trace_id = slot->trace_id,
                             .deadline = deadline_of(slot),
                             .loop = slot->runtime->loop};
    for (size_t i = 0; json->type == DF_JSON_OBJECT && i < options->handler_count; i++)
        if (options->handlers[i].matches(json)) {
            options->handlers[i].handle(options->handlers[i].ctx, &event, json, &slot->reply);
            return;
        }
    refuse_event(slot);
}

static void next_end(void *ctx, const struct df_error *error, const struct df_http_result *result)
{
    (void)result;
    struct slot *slot = ctx;
    if (error) {
        ask_failed(slot, error->message);
        return;
    }
    if (slot->status == 204) {
        slot->failed_asks = 0;
        ask_later(slot, EMPTY_POLL_MS);
        return;
    }
    if (slot->status != 200) {
        ask_failed(slot, "next was not answered with 200");
        return;
    }
    slot->failed_asks = 0;
    handle(slot);
}

static void forget(struct df_buf *buf)
{
    if (buf->capacity > KEPT_BYTES_MAX)
        df_buf_dispose(buf);
    else
        df_buf_clear(buf);
}

static void ask(void *ctx)
{
    struct slot *slot = ctx;
    df_arena_dispose(&slot->arena);
    forget(&slot->payload);
    forget(&slot->answer);
    slot->status = 0;
    slot->deadline_wall_ms = 0;
    slot->trace_id = NULL;
    struct df_http_exchange_events events = {
        .on_head = next_head, .on_body = next_body, .on_end = next_end, .ctx = slot};
    /* No read timeout: the environment may sleep for hours in this call. */
    struct df_http_request request = {.method = "GET", .limits = {.body_bytes = EVENT_BYTES_MAX}};
    struct df_error error;
    if (send_to_api(slot->runtime, "/invocation/next", &request, &events, &error) != 0)
        ask_failed(slot, error.message);
}

/* ---- telling ---- */

static const char *error_type(enum df_error_kind kind)
{
    switch (kind) {
    case DF_ERROR_INVALID:
    case DF_ERROR_UNSUPPORTED:
        return "Function.BadRequest";
    case DF_ERROR_TOO_LARGE:
        return "Function.ResponseSizeTooLarge";
    case DF_ERROR_NOT_FOUND:
    case DF_ERROR_DENIED:
    case DF_ERROR_UNAUTHENTICATED:
    case DF_ERROR_CONFLICT:
    case DF_ERROR_CORRUPT:
    case DF_ERROR_UNAVAILABLE:
    case DF_ERROR_THROTTLED:
        return "Function.Storage";
    case DF_ERROR_EXHAUSTED:
        return "Function.OutOfMemory";
    case DF_ERROR_TIMEOUT:
    case DF_ERROR_CANCELLED:
        return "Function.Deadline";
    case DF_ERROR_NONE:
    case DF_ERROR_INTERNAL:
    case DF_ERROR_KIND_COUNT:
        break;
    }
    return "Function.Internal";
}

static void put_error_body(struct df_buf *out, const char *type, const struct df_error *error)
{
    struct df_json_writer json;
    df_json_writer_init(&json, out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    df_json_key(&json, "errorMessage");
    df_json_text(&json, error->message);
    df_json_key(&json, "errorType");
    df_json_text(&json, type);
    df_json_key(&json, "stackTrace");
    df_json_begin_array(&json);
    df_json_end_array(&json);
    df_json_end_object(&json);
}

static void reply_fail(struct df_event_reply *reply, const struct df_error *error)
{
    struct slot *slot = (struct slot *)reply;
    df_log(DF_LOG_WARNING, "event_failed", df_log_text("request", slot->request_id),
           df_log_text("kind", df_error_name(error->kind)), df_log_text("error", error->message));
    df_buf_clear(&slot->answer);
    slot->error_type = error_type(error->kind);
    slot->told_again = false;
    put_error_body(&slot->answer, slot->error_type, error);
    tell(slot);
}

static void reply_respond(struct df_event_reply *reply, struct df_buf *blob)
{
    struct slot *slot = (struct slot *)reply;
    df_buf_move(&slot->answer, blob);
    slot->error_type = NULL;
    slot->told_again = false;
    struct df_error error;
    if (df_buf_failed(&slot->answer))
        df_error_no_memory(&error, "writing an answer");
    else if (slot->answer.size > RESPONSE_BYTES_MAX)
        df_error_set(&error, DF_ERROR_TOO_LARGE, "the answer has %zu bytes, at most %d are taken", slot->answer.size,
                     RESPONSE_BYTES_MAX);
    else {
        tell(slot);
        return;
    }
    reply_fail(reply, &error);
}

static int tell_head(void *ctx, const struct df_http_head *head, struct df_error *error)
{
    (void)error;
    ((struct slot *)ctx)->status = head->status;
    return 0;
}

static void tell_end(void *ctx, const struct df_error *error, const struct df_http_result *result)
{
    struct slot *slot = ctx;
    if (error && result->reused && result->received_bytes == 0 && !slot->told_again) {
        /* The kept connection had died (a thaw): once more, on a new one. */
        slot->told_again = true;
        tell(slot);
        return;
    }
    if (error || slot->status >= 500) {
        df_log(DF_LOG_ERROR, "answer_not_taken", df_log_text("request", slot->request_id),
               df_log_uint("status", slot->status), df_log_text("error", error ? error->message : NULL));
        leave(slot->runtime, 1);
        return;
    }
    if (slot->status >= 300)
        df_log(DF_LOG_WARNING, "answer_refused", df_log_text("request", slot->request_id),
               df_log_uint("status", slot->status));
    ask(slot);
}

static void tell(struct slot *slot)
{
    struct df_http_fields fields = {.arena = &slot->arena};
    bool ok = df_http_fields_put(&fields, "Content-Type", "application/json");
    if (slot->error_type)
        ok = ok && df_http_fields_put(&fields, "Lambda-Runtime-Function-Error-Type", slot->error_type);
    char path[REQUEST_ID_BYTES + 40];
    snprintf(path, sizeof path, "/invocation/%s/%s", slot->request_id, slot->error_type ? "error" : "response");
    struct df_http_exchange_events events = {.on_head = tell_head, .on_end = tell_end, .ctx = slot};
    struct df_http_request request = {.method = "POST",
                                      .fields = &fields,
                                      .body = df_buf_slice(&slot->answer),
                                      .no_reuse = slot->told_again,
                                      .first_byte_timeout_ms = TELL_TIMEOUT_MS,
                                      .idle_timeout_ms = TELL_TIMEOUT_MS};
    struct df_error error;
    if (!ok || df_buf_failed(&slot->answer) || send_to_api(slot->runtime, path, &request, &events, &error) != 0)
        leave(slot->runtime, 1);
}

/* ---- the runtime ---- */

/* Each slot may hold two connections: its `next`, and a new one for what it tells; none may wait for another's. */
static int open_runtime(struct runtime *runtime, const char *api, unsigned slots, struct df_error *error)
{
    struct df_http_client_options options = {.connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                             .connections_per_host = 2 * slots};
    runtime->start_wall_ms = df_time_wall_ms();
    runtime->base = make_base(api);
    if (!runtime->base)
        return df_error_no_memory(error, "starting the runtime");
    return df_http_client_create(&runtime->client, runtime->loop, &options, error);
}

static void close_runtime(struct runtime *runtime)
{
    df_http_client_free(runtime->client); /* borrows from the slots */
    for (unsigned i = 0; i < runtime->slot_count; i++) {
        df_timer_stop(runtime->loop, &runtime->slots[i].pause);
        df_arena_dispose(&runtime->slots[i].arena);
        df_buf_dispose(&runtime->slots[i].payload);
        df_buf_dispose(&runtime->slots[i].answer);
    }
    free(runtime->slots);
    free(runtime->base);
}

int df_runtime_run(const struct df_runtime_options *options)
{
    struct runtime runtime = {.options = options, .loop = options->loop};
    struct df_error error;
    unsigned count = options->concurrency ? options->concurrency : 1;
    if (count > DF_RUNTIME_CONCURRENCY_MAX)
        count = DF_RUNTIME_CONCURRENCY_MAX;
    int rc = open_runtime(&runtime, options->api, count, &error);
    if (rc == 0 && !(runtime.slots = calloc(count, sizeof *runtime.slots)))
        rc = df_error_no_memory(&error, "starting the runtime");
    if (rc == 0) {
        runtime.slot_count = count;
        for (unsigned i = 0; i < count; i++) {
            runtime.slots[i].runtime = &runtime;
            runtime.slots[i].reply = (struct df_event_reply){.respond = reply_respond, .fail = reply_fail};
            ask(&runtime.slots[i]);
        }
        rc = df_loop_run(runtime.loop, &error);
    }
    if (rc != 0) {
        df_log(DF_LOG_ERROR, "runtime_failed", df_log_text("error", error.message));
        runtime.exit_status = 1;
    }
    close_runtime(&runtime);
    return runtime.exit_status;
}

/* ---- a failed init ---- */

static void init_error_end(void *ctx, const struct df_error *error, const struct df_http_result *result)
{
    (void)error;
    (void)result;
    df_loop_stop(ctx);
}

int df_runtime_init_error(const char *api, const struct df_error *why)
{
    struct runtime runtime = {0};
    struct df_arena arena = {0};
    struct df_buf body = {0};
    struct df_error error;
    df_log(DF_LOG_ERROR, "init_failed", df_log_text("error", why->message));
    put_error_body(&body, "Runtime.Init", why);
    if (df_loop_create(&runtime.loop, DF_LOOP_REAL_TIME, &error) == 0 && open_runtime(&runtime, api, 1, &error) == 0) {
        struct df_http_fields fields = {.arena = &arena};
        (void)df_http_fields_put(&fields, "Content-Type", "application/json");
        (void)df_http_fields_put(&fields, "Lambda-Runtime-Function-Error-Type", "Runtime.Init");
        struct df_http_exchange_events events = {.on_end = init_error_end, .ctx = runtime.loop};
        struct df_http_request request = {.method = "POST",
                                          .fields = &fields,
                                          .body = df_buf_slice(&body),
                                          .first_byte_timeout_ms = TELL_TIMEOUT_MS,
                                          .idle_timeout_ms = TELL_TIMEOUT_MS};
        if (send_to_api(&runtime, "/init/error", &request, &events, &error) == 0)
            (void)df_loop_run(runtime.loop, &error);
    }
    close_runtime(&runtime);
    df_loop_free(runtime.loop);
    df_buf_dispose(&body);
    df_arena_dispose(&arena);
    return 1;
}
