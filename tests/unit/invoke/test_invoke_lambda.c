/* The Lambda invoker against an Invoke endpoint that a script plays: what each answer means, what is sent again, and
 * that every batch ends exactly once. */
#include "testing/testing.h"

#include <stdlib.h>

#include "invoke/lambda.h"
#include "net/http_server.h"

enum { BATCHES_MAX = 8 };

static const struct df_engine engine = {.name = "fake"};

struct batch {
    struct rig *rig;
    struct df_batch batch;
    unsigned parts_told, done_count;
    struct df_cost cost;
    bool cancel_on_part, failed;
    struct df_error error;
    struct df_buf blob; /* of the last part told */
};

struct rig {
    struct df_loop *loop;
    struct df_pool *pool;
    struct df_store *store;
    struct df_http_server *server;
    struct df_invoker *invoker;
    const char *folder;
    uint16_t port;

    /* What the endpoint does. */
    unsigned status;
    const char *error_name, *function_error, *body;
    enum { REPLY, CUT, CUT_INSIDE, SILENT, TOGETHER } how;
    struct df_http_call *held[BATCHES_MAX]; /* of TOGETHER: answered when there are four */
    size_t held_count;
    unsigned request_count;
    struct df_buf last_request, last_target, last_authorization;

    /* Of the batches that are submitted next. */
    struct df_section_manifest *inputs;
    int64_t deadline_ms;

    struct batch batches[BATCHES_MAX];
    size_t done_count, wanted;
    struct df_timer timer;
    struct df_error error;
};

static const struct df_part part = {.index = 4, .uri = "A"};
static const struct df_part *const parts[] = {&part};

#define GOOD_ANSWER "{\"dayfly\":1,\"results\":[{\"index\":4,\"data\":\"QUJD\"}]}"

/* ---- the endpoint ---- */

static void keep(struct df_buf *to, struct df_slice slice)
{
    df_buf_clear(to);
    df_buf_put_slice(to, slice);
}

static void on_call(void *ctx, struct df_http_call *call)
{
    struct rig *rig = ctx;
    struct df_http_fields fields = {.arena = df_http_call_arena(call)};
    rig->request_count++;
    keep(&rig->last_request, df_http_call_body(call));
    keep(&rig->last_target, df_http_call_target(call));
    keep(&rig->last_authorization, df_http_fields_get(df_http_call_fields(call), "Authorization"));
    if (rig->error_name)
        df_http_fields_put(&fields, "x-amzn-errortype", rig->error_name);
    if (rig->function_error)
        df_http_fields_put(&fields, "X-Amz-Function-Error", rig->function_error);
    switch (rig->how) {
    case REPLY:
        df_http_reply(call, rig->status, &fields, df_slice_text(rig->body));
        break;
    case CUT:
        df_http_reply_abort(call);
        break;
    case CUT_INSIDE:
        df_http_reply_begin(call, 200, &fields);
        df_http_reply_piece(call, df_slice_make(rig->body, strlen(rig->body) / 2));
        df_http_reply_end(call, NULL);
        break;
    case SILENT:
        break; /* the call ends with its connection */
    case TOGETHER:
        rig->held[rig->held_count++] = call;
        for (size_t i = 0; rig->held_count == 4 && i < 4; i++)
            df_http_reply(rig->held[i], rig->status, NULL, df_slice_text(rig->body));
    }
}

static void listen_on(struct rig *rig, uint16_t port)
{
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    assert_ok(df_http_server_listen(&rig->server, rig->loop, address, NULL, on_call, rig, &rig->error), &rig->error);
    rig->port = df_http_server_port(rig->server);
}

/* ---- the rig ---- */

static void make_invoker(struct rig *rig, const char *function)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/", rig->port);
    setenv("AWS_ENDPOINT_URL_LAMBDA", endpoint, 1);
    struct df_invoke_lambda_options options = {.function = function,
                                               .loop = rig->loop,
                                               .pool = rig->pool,
                                               .store = rig->store,
                                               .in_flight = 8,
                                               .parts_per_batch = 10,
                                               .memory_mb = 2048,
                                               .timeout_ms = 2000};
    assert_ok(df_invoke_lambda_create(&rig->invoker, &options, &rig->error), &rig->error);
}

static void open_rig(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("AWS_REGION", "eu-west-1", 1);
    rig->status = 200;
    rig->deadline_ms = 10000;
    rig->body = GOOD_ANSWER;
    rig->folder = test_folder_make();
    assert_ok(df_loop_create(&rig->loop, DF_LOOP_REAL_TIME, &rig->error), &rig->error);
    assert_ok(df_pool_create(&rig->pool, 2, &rig->error), &rig->error);
    assert_ok(df_store_create(&rig->store, &rig->error), &rig->error);
    listen_on(rig, 0);
    make_invoker(rig, "f");
}

static void forget_batches(struct rig *rig)
{
    for (size_t i = 0; i < BATCHES_MAX; i++)
        df_buf_dispose(&rig->batches[i].blob);
    memset(rig->batches, 0, sizeof rig->batches);
    rig->done_count = 0;
}

static void close_rig(struct rig *rig)
{
    rig->invoker->free(rig->invoker);
    df_http_server_free(rig->server);
    df_pool_free(rig->pool);
    df_store_free(rig->store);
    df_loop_free(rig->loop);
    forget_batches(rig);
    df_buf_dispose(&rig->last_request);
    df_buf_dispose(&rig->last_target);
    df_buf_dispose(&rig->last_authorization);
    test_folder_remove(rig->folder);
}

/* ---- batches ---- */

static void on_part(void *ctx, struct df_batch *df_batch, uint32_t position, struct df_part_result *result)
{
    struct batch *batch = ctx;
    assert_ptr_equal(df_batch, &batch->batch);
    assert_int_equal(position, 0);
    assert_int_equal(batch->done_count, 0);
    batch->parts_told++;
    df_buf_move(&batch->blob, &result->blob);
    df_part_result_dispose(result);
    if (batch->cancel_on_part)
        batch->rig->invoker->cancel(batch->rig->invoker, df_batch);
}

static void on_done(void *ctx, struct df_batch *df_batch, const struct df_error *error, const struct df_cost *cost)
{
    (void)df_batch;
    struct batch *batch = ctx;
    batch->done_count++;
    batch->failed = error != NULL;
    batch->cost = *cost;
    if (error)
        batch->error = *error;
    if (++batch->rig->done_count == batch->rig->wanted)
        df_loop_stop(batch->rig->loop);
}

static struct batch *submit(struct rig *rig, size_t index, struct df_slice request, const char *prefix)
{
    struct batch *batch = &rig->batches[index];
    batch->rig = rig;
    batch->batch = (struct df_batch){.envelope = {.engine = &engine,
                                                  .job = "j",
                                                  .stage = 2,
                                                  .attempt = (uint32_t)index,
                                                  .deadline = df_deadline_after_ms(rig->deadline_ms),
                                                  .request = request,
                                                  .inputs = rig->inputs,
                                                  .output_prefix = prefix,
                                                  .parts = parts,
                                                  .part_count = 1},
                                     .callbacks = {.on_part = on_part, .done = on_done, .ctx = batch}};
    assert_ok(rig->invoker->submit(rig->invoker, &batch->batch, &rig->error), &rig->error);
    assert_int_equal(batch->done_count, 0);
    return batch;
}

static void stop_waiting(void *ctx)
{
    df_loop_stop(((struct rig *)ctx)->loop);
}

static void let_pass(struct rig *rig, int64_t ms)
{
    rig->wanted = SIZE_MAX;
    rig->timer = (struct df_timer){.fn = stop_waiting, .ctx = rig};
    df_timer_start(rig->loop, &rig->timer, df_deadline_after_ms(ms));
    assert_ok(df_loop_run(rig->loop, &rig->error), &rig->error);
}

static void wait_for(struct rig *rig, size_t count)
{
    rig->wanted = count;
    if (rig->done_count < count)
        assert_ok(df_loop_run(rig->loop, &rig->error), &rig->error);
    let_pass(rig, 5); /* a second done would come now */
    for (size_t i = 0; i < BATCHES_MAX; i++)
        assert_true(rig->batches[i].done_count <= 1);
}

static struct batch *run_one(struct rig *rig)
{
    forget_batches(rig);
    struct batch *batch = submit(rig, 0, df_slice_text("{}"), NULL);
    wait_for(rig, 1);
    return batch;
}

static void assert_ends(struct rig *rig, enum df_error_kind kind, const char *text)
{
    struct batch *batch = run_one(rig);
    if (!batch->failed || batch->error.kind != kind || !strstr(batch->error.message, text))
        fail_msg("%u %s: expected %s with '%s', got %s: %s", rig->status, rig->error_name ? rig->error_name : "",
                 df_error_name(kind), text, batch->failed ? df_error_name(batch->error.kind) : "success",
                 batch->error.message);
    assert_int_equal(batch->parts_told, 0);
}

static void assert_succeeds(struct rig *rig)
{
    struct batch *batch = run_one(rig);
    if (batch->failed)
        fail_msg("%s: %s", df_error_name(batch->error.kind), batch->error.message);
    assert_int_equal(batch->parts_told, 1);
    assert_true(df_slice_is(df_buf_slice(&batch->blob), "ABC"));
}

/* ---- cases ---- */

static void test_a_batch_is_invoked_signed_and_answered(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig);
    assert_succeeds(&rig);
    assert_string_equal(df_buf_text(&rig.last_target), "/2015-03-31/functions/f/invocations");
    assert_non_null(strstr(df_buf_text(&rig.last_authorization), "AWS4-HMAC-SHA256 Credential=AKID/"));
    assert_non_null(strstr(df_buf_text(&rig.last_authorization), "/eu-west-1/lambda/aws4_request"));
    assert_non_null(
        strstr(df_buf_text(&rig.last_request), "{\"dayfly\":1,\"engine\":\"fake\",\"job\":\"j\",\"stage\":2"));
    rig.invoker->free(rig.invoker);
    make_invoker(&rig, "arn:aws:lambda:eu-west-1:1:function:f");
    assert_succeeds(&rig);
    assert_string_equal(df_buf_text(&rig.last_target),
                        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af/invocations");
    close_rig(&rig);
}

static void test_each_refusal_has_its_kind(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *name;
        enum df_error_kind kind;
    } cases[] = {
        {429, "TooManyRequestsException", DF_ERROR_THROTTLED},
        {429, NULL, DF_ERROR_THROTTLED},
        {400, "ThrottlingException", DF_ERROR_THROTTLED},
        {500, "ServiceException", DF_ERROR_UNAVAILABLE},
        {502, "EC2ThrottledException", DF_ERROR_THROTTLED},
        {502, "ENILimitReachedException", DF_ERROR_THROTTLED},
        {502, "SubnetIPAddressLimitReachedException", DF_ERROR_THROTTLED},
        {502, "ENINotReadyException", DF_ERROR_THROTTLED},
        {502, "EC2UnexpectedException", DF_ERROR_UNAVAILABLE},
        {502, "ResourceNotReadyException", DF_ERROR_UNAVAILABLE},
        {502, "EC2AccessDeniedException", DF_ERROR_INVALID},
        {502, "InvalidSubnetIDException", DF_ERROR_INVALID},
        {502, "InvalidSecurityGroupIDException", DF_ERROR_INVALID},
        {502, "InvalidRuntimeException", DF_ERROR_INVALID},
        {502, "InvalidZipFileException", DF_ERROR_INVALID},
        {502, "KMSAccessDeniedException", DF_ERROR_INVALID},
        {502, "KMSNotFoundException", DF_ERROR_INVALID},
        {409, "ResourceConflictException", DF_ERROR_UNAVAILABLE},
        {409, "SnapStartNotReadyException", DF_ERROR_UNAVAILABLE},
        {408, "EFSMountTimeoutException", DF_ERROR_TIMEOUT},
        {408, "SnapStartTimeoutException", DF_ERROR_TIMEOUT},
        {410, "EFSIOException", DF_ERROR_INVALID},
        {403, "EFSMountFailureException", DF_ERROR_INVALID},
        {413, "RequestTooLargeException:http://internal.amazon.com/", DF_ERROR_TOO_LARGE},
        {413, "RequestEntityTooLarge", DF_ERROR_TOO_LARGE},
        {415, "UnsupportedMediaTypeException", DF_ERROR_INVALID},
        {402, "ServiceQuotaExceededException", DF_ERROR_INVALID},
        {404, "ResourceNotFoundException", DF_ERROR_NOT_FOUND},
        {400, "InvalidParameterValueException", DF_ERROR_INVALID},
        {400, "InvalidRequestContentException", DF_ERROR_INVALID},
        {400, "RecursiveInvocationException", DF_ERROR_INVALID},
        {403, "AccessDeniedException", DF_ERROR_DENIED},
        {403, "ExpiredTokenException", DF_ERROR_UNAUTHENTICATED},
        {403, "InvalidSignatureException", DF_ERROR_UNAUTHENTICATED},
        {403, "UnrecognizedClientException", DF_ERROR_UNAUTHENTICATED},
        {503, NULL, DF_ERROR_UNAVAILABLE},
        {504, NULL, DF_ERROR_UNAVAILABLE},
        {599, NULL, DF_ERROR_UNAVAILABLE},
        {204, NULL, DF_ERROR_INVALID},
        {301, NULL, DF_ERROR_INVALID},
    };
    struct rig rig;
    open_rig(&rig);
    rig.body = "{\"Message\":\"because\"}";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig.status = cases[i].status;
        rig.error_name = cases[i].name;
        assert_ends(&rig, cases[i].kind, rig.status == 204 ? "204" : "because");
    }
    /* The name in the body, as JSON protocols have it; and bodies that are none. */
    rig.error_name = NULL;
    rig.status = 400;
    rig.body = "{\"__type\":\"com.amazonaws.lambda#TooManyRequestsException... Throttled\",\"message\":\"m\"}";
    assert_ends(&rig, DF_ERROR_THROTTLED, "TooManyRequestsException");
    rig.body = "{\"code\":\"ExpiredToken\"}";
    assert_ends(&rig, DF_ERROR_UNAUTHENTICATED, "ExpiredToken");
    rig.body = "<html>";
    assert_ends(&rig, DF_ERROR_INVALID, "HTTP 400");
    rig.status = 503;
    rig.body = "";
    assert_ends(&rig, DF_ERROR_UNAVAILABLE, "HTTP 503");
    close_rig(&rig);
}

static void test_each_error_of_a_function_has_its_kind(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum df_error_kind kind;
    } cases[] = {
        {"{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"m\"}", DF_ERROR_TIMEOUT},
        {"{\"errorType\":\"Sandbox.Timeout\",\"errorMessage\":\"m\"}", DF_ERROR_TIMEOUT},
        {"{\"errorMessage\":\"2026 x Task timed out after 3.00 seconds\"}", DF_ERROR_TIMEOUT},
        {"{\"errorType\":\"Function.Deadline\"}", DF_ERROR_TIMEOUT},
        {"{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"signal: killed\"}", DF_ERROR_UNAVAILABLE},
        {"{\"errorType\":\"Runtime.InvalidEntrypoint\"}", DF_ERROR_INVALID},
        {"{\"errorType\":\"Runtime.Init\"}", DF_ERROR_UNAVAILABLE},
        {"{\"errorType\":\"Function.ResponseSizeTooLarge\"}", DF_ERROR_TOO_LARGE},
        {"{\"errorType\":\"Function.BadRequest\"}", DF_ERROR_INVALID},
        {"{\"errorType\":\"Function.OutOfMemory\"}", DF_ERROR_EXHAUSTED},
        {"{\"errorType\":\"Function.Internal\"}", DF_ERROR_INTERNAL},
        {"{\"errorType\":\"TypeError\",\"errorMessage\":\"of another program\"}", DF_ERROR_INTERNAL},
        {"no JSON", DF_ERROR_UNAVAILABLE},
        {"", DF_ERROR_UNAVAILABLE},
    };
    struct rig rig;
    open_rig(&rig);
    rig.function_error = "Unhandled";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig.body = cases[i].body;
        assert_ends(&rig, cases[i].kind, "function 'f' failed");
    }
    close_rig(&rig);
}

static void test_garbage_as_answer_is_corrupt(void **state)
{
    (void)state;
    struct rig rig;
    struct df_buf large = {0};
    open_rig(&rig);
    rig.body = "hello";
    assert_ends(&rig, DF_ERROR_CORRUPT, "function 'f'");
    rig.body = "{\"statusCode\":200}";
    assert_ends(&rig, DF_ERROR_CORRUPT, "is this function a Dayfly worker");
    rig.body = "{\"dayfly\":1,\"error\":{\"kind\":\"denied\",\"message\":\"no\"}}";
    assert_ends(&rig, DF_ERROR_DENIED, "no");
    /* Large garbage takes the way over the pool. */
    for (size_t i = 0; i < 100000; i++)
        df_buf_put_char(&large, '[');
    rig.body = df_buf_text(&large);
    assert_ends(&rig, DF_ERROR_CORRUPT, "function 'f'");
    /* More than a response can be. */
    while (large.size < 6400000)
        df_buf_put_char(&large, ' ');
    rig.body = df_buf_text(&large);
    assert_ends(&rig, DF_ERROR_TOO_LARGE, "");
    close_rig(&rig);
    df_buf_dispose(&large);
}

static void test_a_large_answer_is_told_whole(void **state)
{
    (void)state;
    struct rig rig;
    struct df_buf body = {0};
    open_rig(&rig);
    df_buf_put_text(&body, "{\"dayfly\":1,\"results\":[{\"index\":4,\"data\":\"");
    for (size_t i = 0; i < 400000; i++)
        df_buf_put_text(&body, "QUJD");
    df_buf_put_text(&body, "\"}]}");
    rig.body = df_buf_text(&body);
    for (unsigned cancel = 0; cancel < 2; cancel++) {
        forget_batches(&rig);
        struct batch *batch = submit(&rig, 0, df_slice_text("{}"), NULL);
        batch->cancel_on_part = cancel;
        wait_for(&rig, 1);
        assert_false(batch->failed);
        assert_int_equal(batch->parts_told, 1);
        assert_int_equal(batch->blob.size, 1200000);
    }
    close_rig(&rig);
    df_buf_dispose(&body);
}

static void test_a_request_that_was_sent_is_not_sent_again(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig);
    rig.how = CUT;
    assert_ends(&rig, DF_ERROR_UNAVAILABLE, "function 'f'");
    assert_int_equal(rig.request_count, 1);
    rig.how = CUT_INSIDE;
    struct batch *batch = run_one(&rig);
    assert_true(batch->failed);
    assert_int_equal(batch->parts_told, 0);
    assert_int_equal(rig.request_count, 2);
    close_rig(&rig);
}

static void open_again(void *ctx)
{
    struct rig *rig = ctx;
    listen_on(rig, rig->port);
}

static void test_a_request_of_which_nothing_was_sent_is_sent_again(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig);
    df_http_server_free(rig.server);
    struct df_timer later = {.fn = open_again, .ctx = &rig};
    df_timer_start(rig.loop, &later, df_deadline_after_ms(150));
    assert_succeeds(&rig);
    assert_int_equal(rig.request_count, 1);
    /* Nobody comes: three times, and no more. (A kept connection has to be seen closed first: what is written to one
     * that the peer has left counts as sent.) */
    df_http_server_free(rig.server);
    let_pass(&rig, 20);
    int64_t begin_ns = df_time_mono_ns();
    assert_ends(&rig, DF_ERROR_UNAVAILABLE, "cannot connect");
    assert_true(df_time_mono_ns() - begin_ns < 3000000000);
    listen_on(&rig, 0);
    close_rig(&rig);
}

static void test_silence_ends_at_the_timeout(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig);
    rig.how = SILENT;
    rig.deadline_ms = 200;
    assert_ends(&rig, DF_ERROR_TIMEOUT, "function 'f'");
    close_rig(&rig);
}

static void test_what_was_sent_is_reckoned_as_cost(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig);
    rig.how = SILENT;
    rig.deadline_ms = 100;
    struct batch *batch = submit(&rig, 0, df_slice_text("{}"), NULL);
    wait_for(&rig, 1);
    double seconds = (double)batch->cost.billed_ms / 1000, expected = seconds * 2 * 0.0000166667 + 0.0000002;
    assert_in_range(batch->cost.billed_ms, 50, 2000);
    assert_true(batch->cost.dollars > expected * 0.999 && batch->cost.dollars < expected * 1.001);

    df_http_server_free(rig.server); /* nothing can be sent: nothing is billed */
    let_pass(&rig, 20);
    rig.deadline_ms = 10000;
    forget_batches(&rig);
    batch = submit(&rig, 0, df_slice_text("{}"), NULL);
    wait_for(&rig, 1);
    assert_true(batch->cost.billed_ms == 0 && batch->cost.dollars < 1e-12);
    listen_on(&rig, 0);
    close_rig(&rig);
}

static void cancel_later(void *ctx)
{
    struct batch *batch = ctx;
    if (batch->done_count == 0)
        batch->rig->invoker->cancel(batch->rig->invoker, &batch->batch);
}

static void test_cancelled_at_any_moment_it_ends_once(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig);
    uint64_t random = test_seed();
    for (unsigned i = 0; i < 120; i++) {
        rig.how = i % 3 == 0 ? SILENT : i % 3 == 1 ? REPLY : CUT;
        forget_batches(&rig);
        struct batch *batch = submit(&rig, 0, df_slice_text("{}"), NULL);
        struct df_timer timer = {.fn = cancel_later, .ctx = batch};
        if (i < 6) {
            cancel_later(batch); /* while it is being written */
            cancel_later(batch);
        } else {
            struct df_deadline at = df_deadline_after_ms(0);
            at.mono_ns += (int64_t)(test_random(&random) % 3000000);
            df_timer_start(rig.loop, &timer, at);
        }
        rig.wanted = 1;
        if (rig.done_count < 1)
            assert_ok(df_loop_run(rig.loop, &rig.error), &rig.error);
        df_timer_stop(rig.loop, &timer);
        assert_int_equal(batch->done_count, 1);
        assert_true(batch->parts_told == (batch->failed ? 0u : 1u));
    }
    /* In the pause before a request is sent again. */
    df_http_server_free(rig.server);
    let_pass(&rig, 20);
    forget_batches(&rig);
    struct batch *batch = submit(&rig, 0, df_slice_text("{}"), NULL);
    let_pass(&rig, 80);
    assert_int_equal(batch->done_count, 0);
    cancel_later(batch);
    assert_int_equal(batch->done_count, 0);
    wait_for(&rig, 1);
    assert_int_equal(batch->error.kind, DF_ERROR_CANCELLED);
    listen_on(&rig, 0);
    close_rig(&rig);
}

static void test_what_is_cancelled_by_its_own_result_ends_once(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig);
    struct batch *batch = submit(&rig, 0, df_slice_text("{}"), NULL);
    batch->cancel_on_part = true;
    wait_for(&rig, 1);
    assert_int_equal(batch->parts_told, 1);
    assert_false(batch->failed);
    close_rig(&rig);
}

static void test_the_window_halves_and_grows(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig);
    uint32_t *window = &rig.invoker->limits.batches_in_flight;
    assert_int_equal(*window, 8);
    rig.status = 429;
    /* Those that were on their way together halve it once. */
    rig.how = TOGETHER;
    for (size_t i = 0; i < 4; i++)
        submit(&rig, i, df_slice_text("{}"), NULL);
    wait_for(&rig, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(rig.batches[i].cost.throttled_count, 1);
    assert_int_equal(*window, 4);
    rig.how = REPLY;
    for (unsigned i = 0; i < 5; i++)
        run_one(&rig);
    assert_int_equal(*window, 1);
    rig.status = 200;
    assert_succeeds(&rig);
    assert_int_equal(*window, 2);
    for (unsigned i = 0; i < 10; i++)
        assert_succeeds(&rig);
    assert_int_equal(*window, 8);
    close_rig(&rig);
}

static void test_what_is_too_large_goes_out_as_objects(void **state)
{
    (void)state;
    struct rig rig;
    struct df_buf request = {0}, prefix = {0}, uri = {0}, stored = {0};
    open_rig(&rig);
    df_buf_put_text(&request, "{\"steps\":[\"");
    while (request.size < 300000)
        df_buf_put_text(&request, "x");
    df_buf_put_text(&request, "\"]}");
    df_buf_printf(&prefix, "file://%s/j/", rig.folder);
    const char *place = df_buf_text(&prefix);
    for (size_t i = 0; i < 4; i++)
        submit(&rig, i, df_buf_slice(&request), place);
    wait_for(&rig, 4);
    for (size_t i = 0; i < 4; i++)
        assert_false(rig.batches[i].failed);
    df_buf_printf(&uri, "%srequest-2", df_buf_text(&prefix));
    assert_ok(df_store_get(rig.store, df_buf_text(&uri), UINT64_MAX, &stored, &rig.error), &rig.error);
    assert_true(df_slice_equal(df_buf_slice(&stored), df_buf_slice(&request)));
    assert_true(rig.last_request.size < 2000);
    assert_non_null(strstr(df_buf_text(&rig.last_request), "/request-2\"}"));

    /* Without a place it goes along, as long as the whole fits. */
    forget_batches(&rig);
    submit(&rig, 0, df_buf_slice(&request), NULL);
    wait_for(&rig, 1);
    assert_false(rig.batches[0].failed);
    assert_true(rig.last_request.size > 300000);
    df_buf_clear(&request);
    df_buf_put_char(&request, '"');
    while (request.size < 4200000)
        df_buf_put_text(&request, "yyyyyyyyyyyyyyyy");
    df_buf_put_char(&request, '"');
    forget_batches(&rig);
    submit(&rig, 0, df_buf_slice(&request), NULL);
    wait_for(&rig, 1);
    assert_int_equal(rig.batches[0].error.kind, DF_ERROR_TOO_LARGE);
    assert_non_null(strstr(rig.batches[0].error.message, "--result-prefix"));

    /* A place that cannot be written to fails the batch, not the program. */
    forget_batches(&rig);
    submit(&rig, 0, df_buf_slice(&request), "file:///dev/null/x/");
    wait_for(&rig, 1);
    assert_true(rig.batches[0].failed);
    close_rig(&rig);
    df_buf_dispose(&request);
    df_buf_dispose(&prefix);
    df_buf_dispose(&uri);
    df_buf_dispose(&stored);
}

static void test_sections_and_large_manifests_go_out_as_objects(void **state)
{
    (void)state;
    struct rig rig;
    struct df_section_manifest *manifest;
    struct df_buf prefix = {0};
    open_rig(&rig);
    enum { SECTIONS = 200000 };
    /* Sizes of one byte each: 1.07 MB of base64 for four producers. */
    assert_ok(df_section_manifest_create(&manifest, SECTIONS, &rig.error), &rig.error);
    for (uint32_t producer = 0; producer < 4; producer++) {
        struct df_section_builder *builder;
        struct df_section_set *set;
        assert_ok(df_section_builder_create(&builder, SECTIONS, NULL, NULL, &rig.error), &rig.error);
        assert_ok(df_section_builder_put(builder, 7, df_slice_text("abc"), &rig.error), &rig.error);
        assert_ok(df_section_builder_finish(builder, &set, &rig.error), &rig.error);
        assert_ok(df_section_manifest_put(manifest, producer, set, &rig.error), &rig.error);
    }
    df_buf_printf(&prefix, "file://%s/j/", rig.folder);
    rig.inputs = manifest;
    const char *place = df_buf_text(&prefix);
    for (size_t i = 0; i < 3; i++)
        submit(&rig, i, df_slice_text("{}"), place);
    wait_for(&rig, 3);
    for (size_t i = 0; i < 3; i++)
        assert_false(rig.batches[i].failed);
    assert_non_null(strstr(df_buf_text(&rig.last_request), "/j/inputs-2\"}"));
    close_rig(&rig);
    df_section_manifest_release(manifest);
    df_buf_dispose(&prefix);
}

static void test_what_lacks_is_named(void **state)
{
    (void)state;
    struct rig rig;
    struct df_invoker *invoker;
    open_rig(&rig);
    struct df_invoke_lambda_options options = {.loop = rig.loop, .pool = rig.pool, .store = rig.store, .in_flight = 1};
    assert_fails(df_invoke_lambda_create(&invoker, &options, &rig.error), &rig.error, DF_ERROR_INVALID, "--function");
    options.function = "f";
    setenv("AWS_ACCESS_KEY_ID", "", 1);
    assert_fails(df_invoke_lambda_create(&invoker, &options, &rig.error), &rig.error, DF_ERROR_UNAUTHENTICATED,
                 "AWS_ACCESS_KEY_ID");
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    char name[600];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    options.function = name;
    assert_fails(df_invoke_lambda_create(&invoker, &options, &rig.error), &rig.error, DF_ERROR_INVALID, "too long");
    close_rig(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_batch_is_invoked_signed_and_answered),
        cmocka_unit_test(test_each_refusal_has_its_kind),
        cmocka_unit_test(test_each_error_of_a_function_has_its_kind),
        cmocka_unit_test(test_garbage_as_answer_is_corrupt),
        cmocka_unit_test(test_a_large_answer_is_told_whole),
        cmocka_unit_test(test_a_request_that_was_sent_is_not_sent_again),
        cmocka_unit_test(test_a_request_of_which_nothing_was_sent_is_sent_again),
        cmocka_unit_test(test_silence_ends_at_the_timeout),
        cmocka_unit_test(test_what_was_sent_is_reckoned_as_cost),
        cmocka_unit_test(test_cancelled_at_any_moment_it_ends_once),
        cmocka_unit_test(test_what_is_cancelled_by_its_own_result_ends_once),
        cmocka_unit_test(test_the_window_halves_and_grows),
        cmocka_unit_test(test_what_is_too_large_goes_out_as_objects),
        cmocka_unit_test(test_sections_and_large_manifests_go_out_as_objects),
        cmocka_unit_test(test_what_lacks_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
