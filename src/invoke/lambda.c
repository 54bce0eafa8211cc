/* One batch: WRITING (pool) ─► SENT ─► answered ─► READING (pool, when large) ─► done
 *                               │ ▲  └► failed ─────────────────────────────────► done
 *                               ▼ │
 *                              PAUSE    nothing of it was sent: again, twice at most
 *
 * What a status or an error of the function means: the tables of `kind_of_status` and `kind_of_function_error`. Source:
 * docs of Lambda's Invoke API. */
#include "invoke/lambda.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/sigv4.h"
#include "base/json.h"
#include "base/log.h"
#include "net/http_client.h"
#include "worker/envelope_json.h"

enum {
    /* The envelope's limit is 4 MB; what is larger than these goes into objects, if there is a place for them. */
    REQUEST_INLINE_BYTES = 256 * 1024,
    INPUTS_INLINE_BYTES = 1024 * 1024,
    ENVELOPE_BYTES_MAX = 4 * 1024 * 1024,
    /* 6,291,556 bytes of JSON are 4.7 MB of partials in base64. */
    ANSWER_BYTES = 4500000,
    ANSWER_JSON_BYTES_MAX = 6291556 + 1024,
    LOOP_PARSE_BYTES_MAX = 64 * 1024, /* larger answers are parsed on the pool */
    SENDS_MAX = 3,
    RESEND_PAUSE_MS = 100,
    URL_BYTES = 512,
};

const struct df_option df_invoke_lambda_option_rows[] = {
    {.name = "lambda.function",
     .type = DF_OPTION_TEXT,
     .flag = "--function",
     .value_name = "NAME",
     .help = "function that runs the parts with --invoke lambda: its name or ARN"},
    {.name = "lambda.in_flight",
     .type = DF_OPTION_INT,
     .default_text = "100",
     .value_name = "N",
     .minimum = 1,
     .maximum = 10000,
     .help = "invocations at once; above the account's limit they are throttled"},
    {.name = "lambda.memory",
     .type = DF_OPTION_INT,
     .default_text = "0",
     .value_name = "MB",
     .minimum = 0,
     .maximum = 32768,
     .help = "memory of the function in MB, to reckon what a query costs; 0: not known, no cost"},
    {.name = "lambda.parts_per_invocation",
     .type = DF_OPTION_INT,
     .default_text = "10",
     .value_name = "N",
     .minimum = 1,
     .maximum = 10000,
     .help = "parts that one invocation runs, at most"},
    {.name = "lambda.qualifier",
     .type = DF_OPTION_TEXT,
     .value_name = "VERSION",
     .help = "version or alias of the function (default: $LATEST)"},
    {.name = "lambda.timeout",
     .type = DF_OPTION_DURATION,
     .default_text = "905s",
     .value_name = "TIME",
     .minimum = 1,
     .maximum = 3600 * 1000,
     .help = "longest wait for an invocation: the function's timeout and five seconds"},
    {.name = "lambda.weight_per_invocation",
     .type = DF_OPTION_SIZE,
     .default_text = "64M",
     .value_name = "SIZE",
     .help = "predicted bytes of the parts of one invocation; a larger part goes alone"},
};
const size_t df_invoke_lambda_option_count = sizeof df_invoke_lambda_option_rows / sizeof *df_invoke_lambda_option_rows;

void df_invoke_lambda_options_from_config(struct df_invoke_lambda_options *options, const struct df_config *config)
{
    options->function = df_config_text(config, "lambda.function");
    options->qualifier = df_config_text(config, "lambda.qualifier");
    options->in_flight = (unsigned)df_config_int(config, "lambda.in_flight");
    options->memory_mb = (uint32_t)df_config_int(config, "lambda.memory");
    options->parts_per_batch = (unsigned)df_config_int(config, "lambda.parts_per_invocation");
    options->batch_weight_bytes = (uint64_t)df_config_int(config, "lambda.weight_per_invocation");
    options->timeout_ms = df_config_int(config, "lambda.timeout");
}

struct lambda_invoker {
    struct df_invoker invoker; /* first */
    struct df_invoke_lambda_options options;
    struct df_aws aws;
    char url[URL_BYTES];
    struct df_http_client *client;
    uint32_t window_max;
    int64_t halved_mono_ns; /* when the window was last halved */

    pthread_mutex_t placing; /* held while an object is put: batches of a stage share theirs */
    struct {
        char *request_uri, *inputs_uri; /* put last, owned */
    } synced;                           /* under placing */
};

struct flight {
    struct lambda_invoker *lambda;
    struct df_batch *batch;
    struct df_pool_call call; /* WRITING or READING */
    struct df_buf body;
    bool cancelled, on_pool;
    bool ending; /* results and done are being told: too late to cancel */
    struct {
        int rc; /* as int, apart from the loop's flags: neighbouring bytes may be read together */
        struct df_error error;
        struct df_part_result *results; /* of READING: one per part */
        bool *told;
    } pool; /* the call's while on_pool, the loop's otherwise */

    struct df_arena arena; /* of one request */
    struct df_http_exchange *exchange;
    struct df_timer pause;
    unsigned sends, status;
    char function_error[64], error_name[96];
    struct df_buf answer;
    struct df_cost cost;
    int64_t sent_mono_ns;
};

/* ---- the end ---- */

static void finish(struct flight *flight, const struct df_error *error)
{
    struct df_batch *batch = flight->batch;
    struct df_cost cost = flight->cost;
    batch->invoker_state = NULL;
    df_timer_stop(flight->lambda->options.loop, &flight->pause);
    for (uint32_t i = 0; flight->pool.results && i < batch->envelope.part_count; i++)
        df_part_result_dispose(&flight->pool.results[i]);
    free(flight->pool.results);
    free(flight->pool.told);
    df_arena_dispose(&flight->arena);
    df_buf_dispose(&flight->body);
    df_buf_dispose(&flight->answer);
    struct df_error kept;
    if (error)
        kept = *error;
    free(flight);
    batch->callbacks.done(batch->callbacks.ctx, batch, error ? &kept : NULL, &cost);
}

static void finish_cancelled(void *ctx)
{
    struct flight *flight = ctx;
    struct df_error error;
    df_error_set(&error, DF_ERROR_CANCELLED, "the invocation was cancelled");
    finish(flight, &error);
}

/* ---- writing the envelope, on the pool ---- */

static int put_synced(const struct flight *flight, const char *uri, struct df_slice content, char **last_uri,
                      struct df_error *error)
{
    if (*last_uri && strcmp(*last_uri, uri) == 0)
        return 0;
    struct df_put put = {.uri = uri, .content = content, .condition = DF_PUT_IF_ABSENT};
    struct df_error inner;
    if (df_store_put(flight->lambda->options.store, &put, NULL, &inner) != 0 && inner.kind != DF_ERROR_CONFLICT) {
        if (error)
            *error = inner;
        return -1;
    }
    free(*last_uri);
    *last_uri = strdup(uri); /* NULL: the next one asks the store again */
    return 0;
}

/* One name per stage, since the bytes are the same for each of its batches; put once, because a worker may be reading
 * it already and an object that is replaced while it is read is a conflict. */
static int put_object(const struct flight *flight, const char *what, struct df_slice content, char **last_uri,
                      struct df_buf *uri, struct df_error *error)
{
    const struct df_envelope *envelope = &flight->batch->envelope;
    df_buf_printf(uri, "%s%s-%" PRIu32, envelope->output_prefix, what, envelope->stage);
    if (df_buf_failed(uri))
        return df_error_no_memory(error, "writing an envelope");
    pthread_mutex_lock(&flight->lambda->placing);
    int rc = put_synced(flight, df_buf_text(uri), content, last_uri, error);
    pthread_mutex_unlock(&flight->lambda->placing);
    return rc;
}

static int write_inputs(struct flight *flight, struct df_buf *uri, struct df_error *error)
{
    struct df_envelope *envelope = &flight->batch->envelope;
    if (!envelope->inputs)
        return 0;
    struct df_buf manifest = {0};
    int rc = df_section_manifest_publish(envelope->inputs, flight->lambda->options.store, envelope->output_prefix,
                                         envelope->stage, error);
    if (rc == 0)
        rc = df_section_manifest_put_json(envelope->inputs, &manifest, error);
    if (rc == 0 && manifest.size > INPUTS_INLINE_BYTES && envelope->output_prefix)
        rc = put_object(flight, "inputs", df_buf_slice(&manifest), &flight->lambda->synced.inputs_uri, uri, error);
    df_buf_dispose(&manifest);
    return rc;
}

static int write_envelope(struct flight *flight, struct df_error *error)
{
    const struct df_envelope *envelope = &flight->batch->envelope;
    struct df_buf request_uri = {0}, inputs_uri = {0};
    int rc = write_inputs(flight, &inputs_uri, error);
    if (rc == 0 && envelope->request.size > REQUEST_INLINE_BYTES && envelope->output_prefix)
        rc = put_object(flight, "request", envelope->request, &flight->lambda->synced.request_uri, &request_uri, error);
    if (rc == 0)
        rc = df_envelope_put_json(envelope, request_uri.size ? df_buf_text(&request_uri) : NULL,
                                  inputs_uri.size ? df_buf_text(&inputs_uri) : NULL, &flight->body, error);
    if (rc == 0 && flight->body.size > ENVELOPE_BYTES_MAX)
        rc = df_error_set(error, DF_ERROR_TOO_LARGE, "an envelope of %zu bytes, at most %d are sent%s",
                          flight->body.size, ENVELOPE_BYTES_MAX,
                          envelope->output_prefix ? ""
                                                  : ", and there is no place to put its largest members; set "
                                                    "--result-prefix s3://bucket/prefix/");
    df_buf_dispose(&request_uri);
    df_buf_dispose(&inputs_uri);
    return rc;
}

static void write_on_pool(void *ctx)
{
    struct flight *flight = ctx;
    flight->pool.rc = write_envelope(flight, &flight->pool.error);
}

static void call_pool(struct flight *flight, void (*fn)(void *ctx), void (*done)(void *ctx))
{
    struct df_invoke_lambda_options *options = &flight->lambda->options;
    flight->on_pool = true;
    flight->call = (struct df_pool_call){
        .fn = fn, .ctx = flight, .poster = df_loop_poster(options->loop), .done = {.fn = done, .ctx = flight}};
    df_pool_submit(options->pool, &flight->call);
}

/* ---- what an answer means ---- */

/* The window of requests in flight: halved by a 429, one more with each success. The job reads it at each submit.
 * Requests that were sent before the window was halved say nothing about the new one. */
static void note_throttled(struct flight *flight)
{
    struct lambda_invoker *lambda = flight->lambda;
    uint32_t *window = &lambda->invoker.limits.batches_in_flight;
    flight->cost.throttled_count++;
    if (flight->sent_mono_ns < lambda->halved_mono_ns)
        return;
    *window = *window > 1 ? *window / 2 : 1;
    lambda->halved_mono_ns = df_time_mono_ns();
}

static void note_success(struct lambda_invoker *lambda)
{
    uint32_t *window = &lambda->invoker.limits.batches_in_flight;
    if (*window < lambda->window_max)
        ++*window;
}

static bool name_has(const char *name, const char *part)
{
    return strstr(name, part) != NULL;
}

static enum df_error_kind kind_of_status(unsigned status, const char *name)
{
    if (status == 429 || name_has(name, "Throttl") || name_has(name, "LimitReached") || name_has(name, "ENINotReady"))
        return DF_ERROR_THROTTLED;
    if (name_has(name, "ExpiredToken") || name_has(name, "InvalidSignature") || name_has(name, "UnrecognizedClient") ||
        name_has(name, "InvalidClientTokenId") || name_has(name, "MissingAuthenticationToken"))
        return DF_ERROR_UNAUTHENTICATED;
    switch (status) {
    case 401:
        return DF_ERROR_UNAUTHENTICATED;
    case 403:
        return name_has(name, "EFSMount") ? DF_ERROR_INVALID : DF_ERROR_DENIED;
    case 404:
        return DF_ERROR_NOT_FOUND;
    case 408:
        return DF_ERROR_TIMEOUT;
    case 409:
        return DF_ERROR_UNAVAILABLE; /* Pending, or being updated */
    case 413:
        return DF_ERROR_TOO_LARGE;
    case 502:
        /* What the function's own settings forbid will not pass by itself. */
        return name_has(name, "AccessDenied") || name_has(name, "Invalid") || name_has(name, "KMS")
                   ? DF_ERROR_INVALID
                   : DF_ERROR_UNAVAILABLE;
    default:
        return status >= 500 ? DF_ERROR_UNAVAILABLE : DF_ERROR_INVALID;
    }
}

/* Some answers to a timeout have no errorType. */
static enum df_error_kind kind_of_function_error(const char *type, const char *message)
{
    if (name_has(type, "Timeout") || name_has(type, "Timedout") || name_has(type, "Deadline") ||
        name_has(message, "Task timed out after"))
        return DF_ERROR_TIMEOUT;
    if (name_has(type, "ResponseSizeTooLarge"))
        return DF_ERROR_TOO_LARGE;
    if (name_has(type, "BadRequest") || name_has(type, "InvalidEntrypoint") || name_has(type, "InvalidWorkingDir") ||
        name_has(type, "InvalidTaskConfig"))
        return DF_ERROR_INVALID;
    if (name_has(type, "OutOfMemory"))
        return DF_ERROR_EXHAUSTED;
    /* A process that exited, was killed or failed to start: another attempt gets a new one. */
    return strncmp(type, "Runtime.", 8) == 0 || strncmp(type, "Sandbox.", 8) == 0 ? DF_ERROR_UNAVAILABLE
                                                                                  : DF_ERROR_INTERNAL;
}

struct explanation {
    struct df_arena arena;
    const char *type, *message;
};

/* The text of the first of these members that is there; NULL: of none. */
static char *text_of(struct explanation *explanation, const struct df_json *json, const char *const *names)
{
    for (; *names; names++) {
        const struct df_json *member = df_json_get(json, *names);
        if (member && member->type == DF_JSON_STRING)
            return df_arena_text(&explanation->arena, member->text);
    }
    return NULL;
}

static void read_explanation(struct flight *flight, struct explanation *explanation)
{
    static const char *const types[] = {"errorType", "__type", "code", NULL};
    static const char *const messages[] = {"errorMessage", "message", "Message", NULL};
    struct df_json *json = NULL;
    struct df_slice text = df_buf_slice(&flight->answer);
    /* An explanation is short; what is long is none. */
    if (text.size > LOOP_PARSE_BYTES_MAX || df_json_parse(text, NULL, &explanation->arena, &json, NULL) != 0)
        return;
    char *type = text_of(explanation, json, types);
    const char *hash = type ? strrchr(type, '#') : NULL; /* "com.amazonaws.lambda#TooManyRequestsException" */
    explanation->type = hash ? hash + 1 : type;
    explanation->message = text_of(explanation, json, messages);
}

static const char *way_out(enum df_error_kind kind)
{
    switch (kind) {
    case DF_ERROR_NOT_FOUND:
        return "; check --function, AWS_REGION and AWS_ENDPOINT_URL_LAMBDA";
    case DF_ERROR_THROTTLED:
        return "; lower lambda.in_flight, or raise the concurrency of the account or the function";
    case DF_ERROR_UNAUTHENTICATED:
        return "; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN";
    case DF_ERROR_DENIED:
        return "; these credentials lack lambda:InvokeFunction";
    case DF_ERROR_TIMEOUT:
        return "; raise the function's timeout or memory, or lower lambda.parts_per_invocation";
    default:
        return "";
    }
}

static void finish_refused(struct flight *flight)
{
    struct explanation explanation = {0};
    struct df_error error;
    read_explanation(flight, &explanation);
    const char *name = flight->error_name[0] ? flight->error_name : explanation.type ? explanation.type : "";
    enum df_error_kind kind = kind_of_status(flight->status, name);
    if (kind == DF_ERROR_THROTTLED)
        note_throttled(flight);
    df_error_set(&error, kind, "function '%s': %s (HTTP %u%s%s)%s", flight->lambda->options.function,
                 explanation.message ? explanation.message : "refused", flight->status, name[0] ? " " : "", name,
                 way_out(kind));
    df_arena_dispose(&explanation.arena);
    finish(flight, &error);
}

static void finish_function_error(struct flight *flight)
{
    struct explanation explanation = {0};
    struct df_error error;
    read_explanation(flight, &explanation);
    const char *type = explanation.type ? explanation.type : "Runtime.Unknown";
    enum df_error_kind kind = kind_of_function_error(type, explanation.message ? explanation.message : "");
    df_error_set(&error, kind, "function '%s' failed: %s (%s)%s", flight->lambda->options.function,
                 explanation.message ? explanation.message : "no message", type, way_out(kind));
    df_arena_dispose(&explanation.arena);
    finish(flight, &error);
}

static void keep_result(void *ctx, uint32_t position, struct df_part_result *result)
{
    struct flight *flight = ctx;
    flight->pool.results[position] = *result;
    flight->pool.told[position] = true;
    *result = (struct df_part_result){0};
}

static void read_on_pool(void *ctx)
{
    struct flight *flight = ctx;
    flight->pool.rc = df_answer_take_json(df_buf_slice(&flight->answer), &flight->batch->envelope,
                                          flight->lambda->options.store, keep_result, flight, &flight->pool.error);
}

static void read_on_loop(void *ctx)
{
    struct flight *flight = ctx;
    struct df_batch *batch = flight->batch;
    flight->on_pool = false;
    flight->ending = true; /* the job may cancel what it has just settled */
    for (uint32_t i = 0; i < batch->envelope.part_count; i++)
        if (flight->pool.told[i])
            batch->callbacks.on_part(batch->callbacks.ctx, batch, i, &flight->pool.results[i]);
    if (flight->pool.rc != 0)
        df_error_prefix(&flight->pool.error, "function '%s'", flight->lambda->options.function);
    finish(flight, flight->pool.rc != 0 ? &flight->pool.error : NULL);
}

static void finish_answered(struct flight *flight)
{
    uint32_t count = flight->batch->envelope.part_count;
    note_success(flight->lambda);
    flight->pool.results = calloc(count ? count : 1, sizeof *flight->pool.results);
    flight->pool.told = calloc(count ? count : 1, sizeof *flight->pool.told);
    if (!flight->pool.results || !flight->pool.told) {
        df_error_no_memory(&flight->pool.error, "taking the answer of a function");
        finish(flight, &flight->pool.error);
    } else if (flight->answer.size > LOOP_PARSE_BYTES_MAX) {
        call_pool(flight, read_on_pool, read_on_loop);
    } else {
        read_on_pool(flight);
        read_on_loop(flight);
    }
}

/* ---- sending ---- */

static void send_request(void *ctx);

static int on_head(void *ctx, const struct df_http_head *head, struct df_error *error)
{
    (void)error;
    struct flight *flight = ctx;
    struct df_slice function_error = df_http_fields_get(&head->fields, "X-Amz-Function-Error");
    struct df_slice name = df_http_fields_get(&head->fields, "X-Amzn-ErrorType");
    flight->status = head->status;
    snprintf(flight->function_error, sizeof flight->function_error, "%.*s", DF_SLICE_ARG(function_error));
    snprintf(flight->error_name, sizeof flight->error_name, "%.*s", DF_SLICE_ARG(name));
    flight->error_name[strcspn(flight->error_name, ":#")] = '\0';
    return 0;
}

static int on_body(void *ctx, struct df_slice piece, struct df_error *error)
{
    struct flight *flight = ctx;
    df_buf_put_slice(&flight->answer, piece);
    return df_buf_failed(&flight->answer) ? df_error_no_memory(error, "taking the answer of a function") : 0;
}

static bool try_again(struct flight *flight, const struct df_error *error, const struct df_http_result *result)
{
    bool worth_it = error->kind == DF_ERROR_UNAVAILABLE || error->kind == DF_ERROR_TIMEOUT;
    if (result->sent_bytes != 0 || !worth_it || flight->sends >= SENDS_MAX || flight->cancelled ||
        df_deadline_passed(flight->batch->envelope.deadline))
        return false;
    flight->pause = (struct df_timer){.fn = send_request, .ctx = flight};
    return df_timer_start(flight->lambda->options.loop, &flight->pause,
                          df_deadline_after_ms((int64_t)RESEND_PAUSE_MS << flight->sends));
}

/* What AWS asks for, by its list of prices (x86, us-east-1, 2026): per GB-second and per request. The time is ours,
 * from sending to the answer: a little more than what is billed. */
static void count_cost(struct flight *flight)
{
    static const double dollars_per_gb_s = 0.0000166667, dollars_per_request = 0.0000002;
    uint64_t ms = (uint64_t)((df_time_mono_ns() - flight->sent_mono_ns) / 1000000);
    uint32_t memory_mb = flight->lambda->options.memory_mb;
    flight->cost.billed_ms += ms;
    if (memory_mb)
        flight->cost.dollars += (double)ms / 1000 * ((double)memory_mb / 1024) * dollars_per_gb_s + dollars_per_request;
}

static void on_end(void *ctx, const struct df_error *error, const struct df_http_result *result)
{
    struct flight *flight = ctx;
    flight->exchange = NULL;
    if (result->sent_bytes)
        count_cost(flight);
    if (error && try_again(flight, error, result))
        return;
    if (error) {
        struct df_error named = *error;
        df_error_prefix(&named, "function '%s'", flight->lambda->options.function);
        finish(flight, &named);
    } else if (flight->status != 200) {
        finish_refused(flight);
    } else if (flight->function_error[0]) {
        finish_function_error(flight);
    } else {
        finish_answered(flight);
    }
}

/* The wait for an answer ends with the batch's deadline at the latest, and a little after it: the worker answers before
 * its own. */
static int64_t answer_timeout_ms(const struct flight *flight)
{
    int64_t left_ms = df_deadline_left_ms(flight->batch->envelope.deadline);
    int64_t limit_ms = flight->lambda->options.timeout_ms;
    return left_ms < limit_ms ? left_ms + 1 : limit_ms;
}

static int send_signed(struct flight *flight, struct df_error *error)
{
    df_arena_dispose(&flight->arena);
    df_buf_clear(&flight->answer);
    struct df_http_fields fields = {.arena = &flight->arena};
    if (!df_http_fields_put(&fields, "Content-Type", "application/json") ||
        !df_http_fields_put(&fields, "X-Amz-Invocation-Type", "RequestResponse") ||
        !df_http_fields_put(&fields, "User-Agent", "dayfly/" DAYFLY_VERSION))
        return df_error_no_memory(error, "preparing an invocation");
    struct df_http_request request = {.method = "POST",
                                      .fields = &fields,
                                      .body = df_buf_slice(&flight->body),
                                      .first_byte_timeout_ms = answer_timeout_ms(flight),
                                      .idle_timeout_ms = 30000,
                                      .limits = {.body_bytes = ANSWER_JSON_BYTES_MAX}};
    if (df_http_url_parse(&request.url, df_slice_text(flight->lambda->url), error) != 0)
        return df_error_prefix(error, "AWS_ENDPOINT_URL_LAMBDA");
    if (request.url.tls)
        return df_error_set(
            error, DF_ERROR_UNSUPPORTED,
            "https://%.*s needs TLS, which this version lacks; set AWS_ENDPOINT_URL_LAMBDA to an http:// endpoint",
            DF_SLICE_ARG(request.url.host));
    if (df_sigv4_sign_request(&fields, &request, "lambda", &flight->lambda->aws, error) != 0)
        return -1;
    struct df_http_exchange_events events = {.on_head = on_head, .on_body = on_body, .on_end = on_end, .ctx = flight};
    flight->sends++;
    flight->sent_mono_ns = df_time_mono_ns();
    return df_http_client_send(flight->lambda->client, &request, &events, &flight->exchange, error);
}

static void send_request(void *ctx)
{
    struct flight *flight = ctx;
    struct df_error error;
    if (send_signed(flight, &error) != 0)
        finish(flight, &error);
}

static void written_on_loop(void *ctx)
{
    struct flight *flight = ctx;
    flight->on_pool = false;
    if (flight->cancelled)
        finish_cancelled(flight);
    else if (flight->pool.rc != 0)
        finish(flight, &flight->pool.error);
    else
        send_request(flight);
}

/* ---- the invoker ---- */

static int submit(struct df_invoker *invoker, struct df_batch *batch, struct df_error *error)
{
    struct lambda_invoker *lambda = (struct lambda_invoker *)invoker;
    struct flight *flight = calloc(1, sizeof *flight);
    if (!flight)
        return df_error_no_memory(error, "sending a batch");
    flight->lambda = lambda;
    flight->batch = batch;
    batch->invoker_state = flight;
    call_pool(flight, write_on_pool, written_on_loop);
    return 0;
}

static void cancel(struct df_invoker *invoker, struct df_batch *batch)
{
    struct lambda_invoker *lambda = (struct lambda_invoker *)invoker;
    struct flight *flight = batch->invoker_state;
    if (!flight || flight->cancelled || flight->ending)
        return;
    flight->cancelled = true;
    if (flight->exchange) {
        df_http_exchange_cancel(flight->exchange);
    } else if (!flight->on_pool) {
        /* Between two sends: done must not come from inside cancel, so the pause is cut short. */
        flight->pause.fn = finish_cancelled;
        (void)df_timer_start(lambda->options.loop, &flight->pause, df_deadline_after_ms(0));
    }
}

static void free_invoker(struct df_invoker *invoker)
{
    struct lambda_invoker *lambda = (struct lambda_invoker *)invoker;
    df_http_client_free(lambda->client);
    df_aws_dispose(&lambda->aws);
    free(lambda->synced.request_uri);
    free(lambda->synced.inputs_uri);
    pthread_mutex_destroy(&lambda->placing);
    free(lambda);
}

static const char *read_environment(const char *name)
{
    return getenv(name);
}

static int make_url(struct lambda_invoker *lambda, struct df_error *error)
{
    struct df_buf url = {0};
    const char *endpoint = lambda->aws.endpoint_lambda;
    if (endpoint) {
        size_t size = strlen(endpoint);
        while (size && endpoint[size - 1] == '/')
            size--;
        df_buf_put(&url, endpoint, size);
    } else {
        df_buf_printf(&url, "https://lambda.%s.amazonaws.com", lambda->aws.region);
    }
    df_buf_put_text(&url, "/2015-03-31/functions/");
    df_http_put_encoded(&url, df_slice_text(lambda->options.function), false);
    df_buf_put_text(&url, "/invocations");
    if (lambda->options.qualifier && lambda->options.qualifier[0]) {
        df_buf_put_text(&url, "?Qualifier=");
        df_http_put_encoded(&url, df_slice_text(lambda->options.qualifier), false);
    }
    bool fits = !df_buf_failed(&url) && url.size < sizeof lambda->url;
    if (fits)
        snprintf(lambda->url, sizeof lambda->url, "%s", df_buf_text(&url));
    df_buf_dispose(&url);
    return fits ? 0
                : df_error_set(error, DF_ERROR_INVALID, "function '%.80s…': its name or endpoint is too long",
                               lambda->options.function);
}

static int open_invoker(struct lambda_invoker *lambda, struct df_error *error)
{
    if (!lambda->options.function || !lambda->options.function[0])
        return df_error_set(error, DF_ERROR_INVALID, "which function? give --function NAME with --invoke lambda");
    if (df_aws_from_environment(&lambda->aws, read_environment, error) != 0 ||
        df_aws_require(&lambda->aws, error) != 0 || make_url(lambda, error) != 0)
        return -1;
    struct df_http_client_options client = {.connections_per_host = lambda->options.in_flight};
    return df_http_client_create(&lambda->client, lambda->options.loop, &client, error);
}

int df_invoke_lambda_create(struct df_invoker **invoker, const struct df_invoke_lambda_options *options,
                            struct df_error *error)
{
    *invoker = NULL;
    struct lambda_invoker *lambda = calloc(1, sizeof *lambda);
    if (!lambda)
        return df_error_no_memory(error, "preparing invocations");
    pthread_mutex_init(&lambda->placing, NULL);
    lambda->options = *options;
    lambda->window_max = options->in_flight;
    lambda->invoker = (struct df_invoker){.name = "lambda",
                                          .limits = {.parts_per_batch = options->parts_per_batch,
                                                     .batch_weight_bytes = options->batch_weight_bytes,
                                                     .request_bytes = ENVELOPE_BYTES_MAX / 2,
                                                     .answer_bytes = ANSWER_BYTES,
                                                     .batches_in_flight = options->in_flight,
                                                     .hedge = true,
                                                     .outlives = true},
                                          .submit = submit,
                                          .cancel = cancel,
                                          .free = free_invoker};
    if (open_invoker(lambda, error) != 0) {
        free_invoker(&lambda->invoker);
        return -1;
    }
    *invoker = &lambda->invoker;
    return 0;
}
