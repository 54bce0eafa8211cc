/* Requests to S3: signed, several in flight on a loop of their own, sent again after what is likely to pass.
 *
 *     READY ─► SENT ─► (2xx, whole) DONE
 *       ▲        │
 *       └ PAUSE ◄┘ connection broken, timeout, 429, 500, 502, 503, 504, while attempts and time are left
 *                 every other answer: the error of the run */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/sigv4.h"
#include "net/http_client.h"
#include "store/s3.h"
#include "store/s3_xml.h"

enum {
    /* As many as AWS's own clients make; a ranged read counts anew when it has got on by so much. */
    ATTEMPTS = 5,
    PROGRESS_BYTES = 1024 * 1024,
    FIRST_PAUSE_MS = 50,
    LONGEST_PAUSE_MS = 5000,
    FIRST_BYTE_TIMEOUT_MS = 15000,
    IDLE_TIMEOUT_MS = 15000,
    ERROR_BODY_BYTES = 64 * 1024,
    /* How soon a cancelled query is noticed while nothing else happens. */
    WATCH_MS = 20,
};

struct df_s3_keeper {
    struct df_s3_keeper *next;
    struct df_loop *loop;
    struct df_http_client *client;
};

struct run;

struct df_s3_attempt {
    struct run *run;
    struct df_s3_call *call;
    struct df_arena arena; /* of one request */
    struct df_http_exchange *exchange;
    struct df_timer pause;
    struct df_buf error_body;
    unsigned count;
    uint64_t received_bytes; /* of the body, over all attempts of a ranged read */
    uint64_t counted_from;   /* received_bytes when `count` began */
    uint64_t sent_bytes;     /* of the request, by all attempts */
    bool ended, from_body;   /* from_body: the error came from on_body and is final */
};

struct run {
    struct df_s3_backend *backend;
    struct df_s3_keeper *keeper;
    struct df_s3_call *calls;
    size_t count, next, ended, in_flight;
    struct df_deadline deadline;
    const atomic_bool *cancelled;
    struct df_timer watch;
    bool failed;
    struct df_error *error;
};

/* ---- keepers ---- */

static void keeper_free(struct df_s3_keeper *keeper)
{
    df_http_client_free(keeper->client);
    df_loop_free(keeper->loop);
    free(keeper);
}

static struct df_s3_keeper *keeper_borrow(struct df_s3_backend *backend, struct df_error *error)
{
    pthread_mutex_lock(&backend->mutex);
    struct df_s3_keeper *keeper = backend->synced.free_keepers;
    if (keeper)
        backend->synced.free_keepers = keeper->next;
    pthread_mutex_unlock(&backend->mutex);
    if (keeper)
        return keeper;
    keeper = calloc(1, sizeof *keeper);
    if (!keeper) {
        df_error_no_memory(error, "opening connections to S3");
        return NULL;
    }
    if (df_loop_create(&keeper->loop, DF_LOOP_REAL_TIME, error) != 0 ||
        df_http_client_create(&keeper->client, keeper->loop, NULL, error) != 0) {
        keeper_free(keeper);
        return NULL;
    }
    return keeper;
}

static void keeper_return(struct df_s3_backend *backend, struct df_s3_keeper *keeper)
{
    pthread_mutex_lock(&backend->mutex);
    keeper->next = backend->synced.free_keepers;
    backend->synced.free_keepers = keeper;
    pthread_mutex_unlock(&backend->mutex);
}

void df_s3_keepers_free(struct df_s3_backend *backend)
{
    while (backend->synced.free_keepers) {
        struct df_s3_keeper *keeper = backend->synced.free_keepers;
        backend->synced.free_keepers = keeper->next;
        keeper_free(keeper);
    }
}

/* ---- what an answer means ---- */

struct s3_error {
    char code[64], message[256], region[64], size[24];
};

static int take_error_element(void *ctx, const char *parent, const char *name, const char *text, struct df_error *error)
{
    (void)error;
    struct s3_error *found = ctx;
    if (!text || strcmp(parent, "Error") != 0)
        return 0;
    if (strcmp(name, "Code") == 0)
        snprintf(found->code, sizeof found->code, "%s", text);
    else if (strcmp(name, "Message") == 0)
        snprintf(found->message, sizeof found->message, "%s", text);
    else if (strcmp(name, "ActualObjectSize") == 0)
        snprintf(found->size, sizeof found->size, "%s", text);
    else if (strcmp(name, "Region") == 0)
        snprintf(found->region, sizeof found->region, "%s", text);
    return 0;
}

static bool is_one_of(const char *code, const char *const *codes)
{
    for (; *codes; codes++)
        if (strcmp(code, *codes) == 0)
            return true;
    return false;
}

static enum df_error_kind kind_of(unsigned status, const char *code)
{
    static const char *const unauthenticated[] = {
        "InvalidAccessKeyId",   "SignatureDoesNotMatch", "ExpiredToken",         "InvalidToken",
        "TokenRefreshRequired", "MissingSecurityHeader", "RequestTimeTooSkewed", NULL};
    static const char *const throttled[] = {
        "SlowDown",           "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException",
        "ServiceUnavailable", NULL};
    /* Two writers at once: S3 asks to send it again, and then says who was first. */
    static const char *const again[] = {"ConditionalRequestConflict", "OperationAborted", NULL};
    if (is_one_of(code, again))
        return DF_ERROR_UNAVAILABLE;
    if (is_one_of(code, unauthenticated))
        return DF_ERROR_UNAUTHENTICATED;
    if (status == 429 || is_one_of(code, throttled))
        return DF_ERROR_THROTTLED;
    if (strcmp(code, "RequestTimeout") == 0)
        return DF_ERROR_TIMEOUT;
    switch (status) {
    case 401:
        return DF_ERROR_UNAUTHENTICATED;
    case 403:
        return DF_ERROR_DENIED;
    case 404:
        return DF_ERROR_NOT_FOUND;
    case 409:
    case 412:
        return DF_ERROR_CONFLICT;
    case 413:
        return DF_ERROR_TOO_LARGE;
    case 416:
        return DF_ERROR_CORRUPT;
    default:
        return status >= 500 ? DF_ERROR_UNAVAILABLE : DF_ERROR_INVALID;
    }
}

static const char *way_out(enum df_error_kind kind, const char *code)
{
    if (strcmp(code, "NoSuchBucket") == 0)
        return "; check the bucket's name, its region and AWS_ENDPOINT_URL_S3";
    if (strcmp(code, "RequestTimeTooSkewed") == 0)
        return "; set this machine's clock";
    if (kind == DF_ERROR_UNAUTHENTICATED)
        return "; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN";
    return kind == DF_ERROR_DENIED ? "; these credentials lack the permission" : "";
}

/* A condition that did not hold. */
static int explain_conflict(const struct df_s3_attempt *attempt, struct df_error *error)
{
    const struct df_s3_call *call = attempt->call;
    /* An attempt whose answer was lost may have been the one that wrote it. */
    const char *maybe = attempt->count > 1 && attempt->sent_bytes
                            ? " (an earlier attempt, whose answer did not come, may have done it)"
                            : "";
    if (call->if_none_match)
        return df_error_set(error, DF_ERROR_CONFLICT, "'%s' exists already%s", call->uri, maybe);
    if (strcmp(call->method, "PUT") == 0)
        return df_error_set(error, DF_ERROR_CONFLICT, "'%s' is not the version %s that was to be replaced%s", call->uri,
                            call->if_match, maybe);
    return df_error_set(error, DF_ERROR_CONFLICT, "'%s' changed since it was listed; run the query again", call->uri);
}

static bool is_conflict(const struct df_s3_call *call, const char *code)
{
    if (call->status == 412)
        return true;
    bool is_conditional_put = strcmp(call->method, "PUT") == 0 && call->if_match;
    return call->status == 404 && is_conditional_put && strcmp(code, "NoSuchBucket") != 0;
}

static int ends_early(const struct df_s3_call *call, uint64_t at, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "'%s' ends at byte %llu, bytes %llu to %llu were wanted", call->uri,
                        (unsigned long long)at, (unsigned long long)call->range_begin,
                        (unsigned long long)call->range_end);
}

static int explain(const struct df_s3_attempt *attempt, struct df_slice body, struct df_error *error)
{
    const struct df_s3_call *call = attempt->call;
    struct s3_error found = {0};
    struct df_error unread;
    if (body.size)
        (void)df_xml_walk(body, take_error_element, &found, &unread);
    enum df_error_kind kind = kind_of(call->status, found.code);
    const char *what = found.message[0] ? found.message : df_http_reason(call->status);
    if (call->status == 301 || call->status == 307 || strcmp(found.code, "AuthorizationHeaderMalformed") == 0)
        return df_error_set(error, DF_ERROR_INVALID,
                            "'%s': the bucket is in another region%s%s; set AWS_REGION to it (HTTP %u %s)", call->uri,
                            found.region[0] ? ": " : "", found.region, call->status, found.code);
    if (is_conflict(call, found.code))
        return explain_conflict(attempt, error);
    bool is_end_known = call->object_bytes != UINT64_MAX;
    uint64_t end = is_end_known ? call->object_bytes : strtoull(found.size, NULL, 10);
    if (call->status == 416 && call->has_range && (is_end_known || found.size[0]))
        return ends_early(call, end, error);
    return df_error_set(error, kind, "'%s': %s (HTTP %u%s%s)%s", call->uri, what, call->status,
                        found.code[0] ? " " : "", found.code, way_out(kind, found.code));
}

/* ---- one request ---- */

static void call_ended(struct df_s3_attempt *attempt);
static void send_attempt(struct df_s3_attempt *attempt);

static void run_failed(struct run *run, const struct df_error *error)
{
    if (!run->failed && run->error)
        *run->error = *error;
    run->failed = true;
}

static bool worth_another(const struct df_s3_attempt *attempt, const struct df_error *error)
{
    return error->retryable && !attempt->from_body && attempt->count < ATTEMPTS && !attempt->run->failed &&
           !df_deadline_passed(attempt->run->deadline) &&
           (attempt->received_bytes == 0 || attempt->call->etag[0]); /* else the rest could be another object's */
}

static void pause_over(void *ctx)
{
    send_attempt(ctx);
}

/* 50, 100, 200 … ms, each with up to as much again by chance, so that many workers do not come back as one. */
static int64_t pause_ms(const struct df_s3_attempt *attempt)
{
    int64_t base = (int64_t)FIRST_PAUSE_MS << (attempt->count - 1);
    base = base < LONGEST_PAUSE_MS ? base : LONGEST_PAUSE_MS;
    return base + (df_time_mono_ns() / 1000) % base;
}

static void attempt_failed(struct df_s3_attempt *attempt, const struct df_error *error)
{
    if (worth_another(attempt, error)) {
        attempt->pause = (struct df_timer){.fn = pause_over, .ctx = attempt};
        if (df_timer_start(attempt->run->keeper->loop, &attempt->pause, df_deadline_after_ms(pause_ms(attempt))))
            return;
    }
    run_failed(attempt->run, error);
    call_ended(attempt);
}

static void note_etag(struct df_s3_call *call, const struct df_http_head *head)
{
    struct df_slice etag = df_http_fields_get(&head->fields, "ETag");
    if (etag.size && etag.size < sizeof call->etag)
        snprintf(call->etag, sizeof call->etag, "%.*s", DF_SLICE_ARG(etag));
}

/* "bytes 5-9/100", or a star for what is not known; that stays UINT64_MAX. */
static void parse_content_range(struct df_slice value, uint64_t *begin, uint64_t *total)
{
    char text[80];
    *begin = *total = UINT64_MAX;
    if (value.size >= sizeof text || value.size < 6 || strncasecmp((const char *)value.data, "bytes ", 6) != 0)
        return;
    snprintf(text, sizeof text, "%.*s", DF_SLICE_ARG(value));
    const char *slash = strchr(text, '/');
    if (text[6] >= '0' && text[6] <= '9')
        *begin = strtoull(text + 6, NULL, 10);
    if (slash && slash[1] >= '0' && slash[1] <= '9')
        *total = strtoull(slash + 1, NULL, 10);
}

/* A server that knows no ranges, or gives other bytes than were asked for. */
static int check_range(const struct df_s3_attempt *attempt, const struct df_http_head *head, struct df_error *error)
{
    const struct df_s3_call *call = attempt->call;
    uint64_t begin = call->range_begin + attempt->received_bytes, given, total;
    uint64_t wanted = call->range_end - begin;
    if (head->status != 206)
        return df_error_set(error, DF_ERROR_UNSUPPORTED,
                            "'%s': the server answers %u to a request for a range of bytes", call->uri, head->status);
    parse_content_range(df_http_fields_get(&head->fields, "Content-Range"), &given, &total);
    if (given != begin)
        return df_error_set(error, DF_ERROR_CORRUPT, "'%s': the server does not say that it gives bytes from %llu on",
                            call->uri, (unsigned long long)begin);
    if (head->has_length && head->length_bytes < wanted)
        return ends_early(call, begin + head->length_bytes, error);
    if (head->has_length && head->length_bytes > wanted)
        return df_error_set(error, DF_ERROR_CORRUPT, "'%s': %llu bytes were sent, %llu were asked for", call->uri,
                            (unsigned long long)head->length_bytes, (unsigned long long)wanted);
    return 0;
}

static int on_head(void *ctx, const struct df_http_head *head, struct df_error *error)
{
    struct df_s3_attempt *attempt = ctx;
    struct df_s3_call *call = attempt->call;
    call->status = head->status;
    df_buf_clear(&attempt->error_body);
    uint64_t begin;
    parse_content_range(df_http_fields_get(&head->fields, "Content-Range"), &begin, &call->object_bytes);
    if (head->status >= 300)
        return 0;
    note_etag(call, head);
    call->length_bytes = head->length_bytes;
    if (!call->on_body)
        df_buf_clear(&call->answer);
    if (call->has_range && !call->on_body)
        return 0; /* only its answer's kind is of interest */
    if (call->has_range && check_range(attempt, head, error) != 0) {
        attempt->from_body = true;
        return -1;
    }
    return 0;
}

static int on_body(void *ctx, struct df_slice piece, struct df_error *error)
{
    struct df_s3_attempt *attempt = ctx;
    struct df_s3_call *call = attempt->call;
    if (call->status >= 300) {
        if (attempt->error_body.size + piece.size <= ERROR_BODY_BYTES)
            df_buf_put_slice(&attempt->error_body, piece);
        return 0;
    }
    if (!call->on_body) {
        df_buf_put_slice(&call->answer, piece);
        return df_buf_failed(&call->answer) ? df_error_no_memory(error, "reading an answer of S3") : 0;
    }
    if (attempt->run->failed) {
        attempt->from_body = true;
        return df_error_set(error, DF_ERROR_CANCELLED, "'%s': another request of the read failed", call->uri);
    }
    attempt->from_body = true; /* unless all is well */
    if (call->has_range && piece.size > call->range_end - call->range_begin - attempt->received_bytes)
        return df_error_set(error, DF_ERROR_CORRUPT, "'%s': more bytes were sent than were asked for", call->uri);
    if (call->on_body(call->ctx, piece, error) != 0) {
        run_failed(attempt->run, error); /* at once, so that no other request hands anything on */
        return -1;
    }
    attempt->received_bytes += piece.size;
    if (attempt->received_bytes - attempt->counted_from >= PROGRESS_BYTES) {
        attempt->counted_from = attempt->received_bytes;
        attempt->count = 1;
    }
    attempt->from_body = false;
    return 0;
}

static void on_end(void *ctx, const struct df_error *error, const struct df_http_result *result)
{
    struct df_s3_attempt *attempt = ctx;
    struct df_s3_call *call = attempt->call;
    attempt->exchange = NULL;
    attempt->sent_bytes += result->sent_bytes;
    struct df_error failure;
    if (error) {
        failure = *error;
        if (!attempt->from_body)
            df_error_prefix(&failure, "'%s'", call->uri);
    } else if (call->status >= 300) {
        explain(attempt, df_buf_slice(&attempt->error_body), &failure);
    } else if (call->has_range && call->on_body && attempt->received_bytes != call->range_end - call->range_begin) {
        ends_early(call, call->range_begin + attempt->received_bytes, &failure);
    } else {
        call_ended(attempt);
        return;
    }
    attempt_failed(attempt, &failure);
}

/* Path style where the endpoint is given (what S3's clones understand), the bucket's own host at AWS. */
static int put_url(const struct df_s3_backend *backend, const struct df_s3_path *path, struct df_buf *url)
{
    if (backend->aws.endpoint_s3) {
        size_t size = strlen(backend->aws.endpoint_s3);
        while (size && backend->aws.endpoint_s3[size - 1] == '/')
            size--;
        df_buf_put(url, backend->aws.endpoint_s3, size);
        df_buf_put_char(url, '/');
        df_http_put_encoded(url, path->bucket, false);
    } else {
        df_buf_printf(url, "https://%.*s.s3.%s.amazonaws.com", DF_SLICE_ARG(path->bucket), backend->aws.region);
    }
    df_buf_put_char(url, '/');
    df_http_put_encoded(url, path->key, true);
    return df_buf_failed(url) ? -1 : 0;
}

static bool put_conditions(const struct df_s3_attempt *attempt, struct df_http_fields *fields)
{
    const struct df_s3_call *call = attempt->call;
    /* The rest of a body must be of the object that its beginning was of. */
    const char *if_match = call->if_match && call->if_match[0] ? call->if_match
                           : attempt->received_bytes           ? call->etag
                                                               : NULL;
    bool ok = true;
    if (if_match && if_match[0])
        ok = df_http_fields_put(fields, "If-Match", if_match);
    if (call->if_none_match)
        ok = ok && df_http_fields_put(fields, "If-None-Match", "*");
    if (call->has_range) {
        char range[64];
        snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, call->range_begin + attempt->received_bytes,
                 call->range_end - 1);
        ok = ok && df_http_fields_put(fields, "Range", range);
    }
    return ok;
}

static int send_signed(struct df_s3_attempt *attempt, struct df_error *error)
{
    const struct df_s3_call *call = attempt->call;
    df_arena_dispose(&attempt->arena);
    struct df_buf url = {0};
    struct df_slice text;
    bool ok = put_url(attempt->run->backend, &call->path, &url) == 0;
    if (call->query.size) {
        df_buf_put_char(&url, '?');
        df_buf_put_slice(&url, call->query);
    }
    ok = ok && !df_buf_failed(&url) && df_arena_copy(&attempt->arena, df_buf_slice(&url), &text);
    df_buf_dispose(&url);
    struct df_http_fields fields = {.arena = &attempt->arena};
    ok = ok && put_conditions(attempt, &fields) && df_http_fields_put(&fields, "User-Agent", "dayfly/" DAYFLY_VERSION);
    if (!ok)
        return df_error_no_memory(error, "preparing a request to S3");
    struct df_http_request request = {.method = call->method,
                                      .fields = &fields,
                                      .body = call->body,
                                      .first_byte_timeout_ms = FIRST_BYTE_TIMEOUT_MS,
                                      .idle_timeout_ms = IDLE_TIMEOUT_MS};
    if (df_http_url_parse(&request.url, text, error) != 0)
        return df_error_prefix(error, "AWS_ENDPOINT_URL_S3");
    if (request.url.tls)
        return df_error_set(
            error, DF_ERROR_UNSUPPORTED,
            "https://%.*s needs TLS, which this version lacks; set AWS_ENDPOINT_URL_S3 to an http:// endpoint",
            DF_SLICE_ARG(request.url.host));
    if (df_sigv4_sign_request(&fields, &request, "s3", &attempt->run->backend->aws, error) != 0)
        return -1;
    struct df_http_exchange_events events = {.on_head = on_head, .on_body = on_body, .on_end = on_end, .ctx = attempt};
    return df_http_client_send(attempt->run->keeper->client, &request, &events, &attempt->exchange, error);
}

static void send_attempt(struct df_s3_attempt *attempt)
{
    struct df_error error;
    attempt->count++;
    attempt->from_body = false;
    if (send_signed(attempt, &error) == 0)
        return;
    run_failed(attempt->run, &error);
    call_ended(attempt);
}

/* ---- the run ---- */

static void start_more(struct run *run)
{
    while (!run->failed && run->next < run->count && run->in_flight < DF_S3_IN_FLIGHT) {
        struct df_s3_call *call = &run->calls[run->next++];
        run->in_flight++;
        send_attempt(call->attempt);
    }
}

/* After a failure what is in flight is cut off, and the run ends with the last of it. */
static void cut_off(struct run *run)
{
    for (size_t i = 0; i < run->next; i++) {
        struct df_s3_attempt *attempt = run->calls[i].attempt;
        if (attempt->ended)
            continue;
        if (attempt->exchange) {
            df_http_exchange_cancel(attempt->exchange);
        } else {
            df_timer_stop(run->keeper->loop, &attempt->pause);
            attempt->ended = true;
            run->ended++;
            run->in_flight--;
        }
    }
}

static void call_ended(struct df_s3_attempt *attempt)
{
    struct run *run = attempt->run;
    attempt->ended = true;
    run->ended++;
    run->in_flight--;
    if (run->failed)
        cut_off(run);
    else
        start_more(run);
    if (run->in_flight == 0 && (run->failed || run->ended == run->count))
        df_loop_stop(run->keeper->loop);
}

/* Whether the run must end although S3 has done nothing wrong. */
static bool is_over(const struct run *run, struct df_error *error)
{
    if (run->cancelled && atomic_load(run->cancelled))
        df_error_set(error, DF_ERROR_CANCELLED, "'%s': cancelled while S3 was asked", run->calls[0].uri);
    else if (df_deadline_passed(run->deadline))
        df_error_set(error, DF_ERROR_TIMEOUT, "'%s': the deadline passed while S3 was asked", run->calls[0].uri);
    else
        return false;
    return true;
}

static void on_watch(void *ctx)
{
    struct run *run = ctx;
    struct df_error error;
    if (!run->failed && is_over(run, &error)) {
        run_failed(run, &error);
        cut_off(run);
        if (run->in_flight == 0)
            df_loop_stop(run->keeper->loop);
    }
    (void)df_timer_start(run->keeper->loop, &run->watch, df_deadline_after_ms(WATCH_MS));
}

static int prepare_calls(struct run *run, struct df_error *error)
{
    for (size_t i = 0; i < run->count; i++) {
        struct df_s3_call *call = &run->calls[i];
        call->attempt = calloc(1, sizeof *call->attempt);
        if (!call->attempt)
            return df_error_no_memory(error, "preparing requests to S3");
        call->attempt->run = run;
        call->attempt->call = call;
    }
    return 0;
}

static void dispose_attempts(struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        struct df_s3_attempt *attempt = run->calls[i].attempt;
        run->calls[i].attempt = NULL;
        if (!attempt)
            continue;
        df_arena_dispose(&attempt->arena);
        df_buf_dispose(&attempt->error_body);
        free(attempt);
    }
}

int df_s3_run(struct df_s3_backend *backend, struct df_s3_call *calls, size_t count, struct df_deadline deadline,
              const atomic_bool *cancelled, struct df_error *error)
{
    if (count == 0)
        return 0;
    if (backend->aws_error.kind != DF_ERROR_NONE)
        return df_error_set(error, backend->aws_error.kind, "'%s': %s", calls[0].uri, backend->aws_error.message);
    if (df_aws_require(&backend->aws, error) != 0)
        return df_error_prefix(error, "'%s'", calls[0].uri);
    struct run run = {.backend = backend,
                      .calls = calls,
                      .count = count,
                      .deadline = deadline,
                      .cancelled = cancelled,
                      .error = error};
    if (is_over(&run, error))
        return -1;
    run.keeper = keeper_borrow(backend, error);
    if (!run.keeper)
        return -1;
    int rc = prepare_calls(&run, error);
    if (rc == 0) {
        run.watch = (struct df_timer){.fn = on_watch, .ctx = &run};
        (void)df_timer_start(run.keeper->loop, &run.watch, df_deadline_after_ms(WATCH_MS));
        start_more(&run);
        if (run.in_flight)
            rc = df_loop_run(run.keeper->loop, error);
        df_timer_stop(run.keeper->loop, &run.watch);
    }
    dispose_attempts(&run);
    keeper_return(backend, run.keeper);
    return run.failed ? -1 : rc;
}

void df_s3_call_dispose(struct df_s3_call *call)
{
    df_buf_dispose(&call->answer);
}
