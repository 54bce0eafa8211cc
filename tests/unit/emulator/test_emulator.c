/* The emulator as callers of Lambda's Invoke API meet it: processes that start, stay, crash, hang, and too many calls.
 */
#include "testing/testing.h"

#include <stdlib.h>

#include "base/json.h"
#include "emulator/emulator.h"
#include "net/http_client.h"

enum { CALLS_MAX = 8 };

struct call {
    struct rig *rig;
    struct df_arena arena;
    bool over, failed;
    unsigned status;
    char function_error[32], error_type[64], log_result[8000], retry_after[16];
    struct df_buf body, request;
    struct df_http_exchange *exchange;
};

struct rig {
    struct df_loop *loop;
    struct df_emulator *emulator;
    struct df_http_client *client;
    struct df_emulator_function functions[2];
    struct df_emulator_options options;
    struct call calls[CALLS_MAX];
    size_t call_count, over_count, wanted;
    struct df_timer timer;
    struct df_error error;
};

/* FAKE_FUNCTION is the path of tests/tools/fake_function.c, built. */
static void open_rig(struct rig *rig, const char *handler)
{
    memset(rig, 0, sizeof *rig);
    rig->functions[0] = (struct df_emulator_function){
        .name = "f", .path = FAKE_FUNCTION, .handler = handler, .memory_mb = 128, .timeout_s = 1, .concurrency = 2};
    rig->functions[1] = (struct df_emulator_function){
        .name = "absent", .path = "/nonexistent/function", .memory_mb = 128, .timeout_s = 1, .concurrency = 1};
    rig->options = (struct df_emulator_options){.listen = "127.0.0.1:0",
                                                .functions = rig->functions,
                                                .function_count = 2,
                                                .idle_s = 60,
                                                .init_timeout_ms = 300,
                                                .freeze = true};
    assert_ok(df_loop_create(&rig->loop, DF_LOOP_REAL_TIME, &rig->error), &rig->error);
    assert_ok(df_http_client_create(&rig->client, rig->loop, NULL, &rig->error), &rig->error);
    assert_ok(df_emulator_start(&rig->emulator, rig->loop, &rig->options, &rig->error), &rig->error);
}

static void forget_calls(struct rig *rig)
{
    for (size_t i = 0; i < rig->call_count; i++) {
        df_arena_dispose(&rig->calls[i].arena);
        df_buf_dispose(&rig->calls[i].body);
        df_buf_dispose(&rig->calls[i].request);
    }
    memset(rig->calls, 0, sizeof rig->calls);
    rig->call_count = rig->over_count = 0;
}

static void close_rig(struct rig *rig)
{
    df_http_client_free(rig->client);
    df_emulator_free(rig->emulator);
    df_loop_free(rig->loop);
    forget_calls(rig);
}

/* ---- calls ---- */

static void keep_field(const struct df_http_head *head, const char *name, char *to, size_t size)
{
    struct df_slice value = df_http_fields_get(&head->fields, name);
    snprintf(to, size, "%.*s", DF_SLICE_ARG(value));
}

static int on_head(void *ctx, const struct df_http_head *head, struct df_error *error)
{
    (void)error;
    struct call *call = ctx;
    call->status = head->status;
    keep_field(head, "X-Amz-Function-Error", call->function_error, sizeof call->function_error);
    keep_field(head, "X-Amzn-ErrorType", call->error_type, sizeof call->error_type);
    keep_field(head, "X-Amz-Log-Result", call->log_result, sizeof call->log_result);
    keep_field(head, "Retry-After", call->retry_after, sizeof call->retry_after);
    return 0;
}

static int on_body(void *ctx, struct df_slice piece, struct df_error *error)
{
    (void)error;
    df_buf_put_slice(&((struct call *)ctx)->body, piece);
    return 0;
}

static void on_end(void *ctx, const struct df_error *error, const struct df_http_result *result)
{
    (void)result;
    struct call *call = ctx;
    call->over = true;
    call->failed = error != NULL;
    if (++call->rig->over_count == call->rig->wanted)
        df_loop_stop(call->rig->loop);
}

/* fields: "Name", "value", …, NULL */
static struct call *send_fields(struct rig *rig, const char *path, const char *const *fields, struct df_slice payload)
{
    struct call *call = &rig->calls[rig->call_count++];
    struct df_http_fields list = {.arena = &call->arena};
    struct df_buf url = {0};
    call->rig = rig;
    df_buf_put_slice(&call->request, payload);
    for (; fields && *fields; fields += 2)
        df_http_fields_put(&list, fields[0], fields[1]);
    df_buf_printf(&url, "http://127.0.0.1:%u%s", df_emulator_port(rig->emulator), path);
    struct df_http_request request = {.method = "POST", .fields = &list, .body = df_buf_slice(&call->request)};
    struct df_http_exchange_events events = {.on_head = on_head, .on_body = on_body, .on_end = on_end, .ctx = call};
    assert_ok(df_http_url_parse(&request.url, df_buf_slice(&url), &rig->error), &rig->error);
    assert_ok(df_http_client_send(rig->client, &request, &events, &call->exchange, &rig->error), &rig->error);
    df_buf_dispose(&url);
    return call;
}

static struct call *send_event(struct rig *rig, const char *payload)
{
    return send_fields(rig, "/2015-03-31/functions/f/invocations", NULL, df_slice_text(payload));
}

static void wait_for(struct rig *rig, size_t count)
{
    rig->wanted = count;
    if (rig->over_count < count)
        assert_ok(df_loop_run(rig->loop, &rig->error), &rig->error);
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

/* One call from beginning to end; it is over when this returns. */
static struct call *invoke(struct rig *rig, const char *payload)
{
    forget_calls(rig);
    struct call *call = send_event(rig, payload);
    wait_for(rig, 1);
    assert_false(call->failed);
    return call;
}

static void assert_function_error(struct call *call, const char *type, const char *message)
{
    const char *body = df_buf_text(&call->body);
    assert_int_equal(call->status, 200);
    assert_string_equal(call->function_error, "Unhandled");
    if (!strstr(body, type) || !strstr(body, message))
        fail_msg("expected %s with '%s', got %s", type, message, body);
}

static long pid_of(struct call *call)
{
    struct df_arena arena = {0};
    struct df_json *json;
    struct df_error error;
    int64_t pid;
    assert_int_equal(call->status, 200);
    assert_string_equal(call->function_error, "");
    assert_ok(df_json_parse(df_buf_slice(&call->body), NULL, &arena, &json, &error), &error);
    assert_true(df_json_int64(df_json_get(json, "pid"), &pid));
    df_arena_dispose(&arena);
    return (long)pid;
}

/* ---- cases ---- */

static void test_a_warm_process_serves_again(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, NULL);
    long first = pid_of(invoke(&rig, "{\"a\":1}"));
    assert_non_null(strstr(df_buf_text(&rig.calls[0].body), "\"event\": {\"a\":1}"));
    assert_int_equal(pid_of(invoke(&rig, "{}")), first);
    let_pass(&rig, 30); /* frozen by now */
    assert_int_equal(pid_of(invoke(&rig, "")), first);
    close_rig(&rig);
}

static void test_names_may_be_arns_and_have_qualifiers(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/2015-03-31/functions/f/invocations?Qualifier=%24LATEST",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af/invocations",
        "/2015-03-31/functions/123456789012:function:f:7/invocations"};
    struct rig rig;
    open_rig(&rig, NULL);
    for (size_t i = 0; i < 3; i++) {
        forget_calls(&rig);
        struct call *call = send_fields(&rig, paths[i], NULL, df_slice_text("{}"));
        wait_for(&rig, 1);
        assert_int_equal(call->status, 200);
    }
    close_rig(&rig);
}

static void test_what_is_refused_and_how(void **state)
{
    (void)state;
    static const char *const event[] = {"X-Amz-Invocation-Type", "Event", NULL};
    static const char *const context[] = {"X-Amz-Client-Context", "%%%", NULL};
    static const char path[] = "/2015-03-31/functions/f/invocations";
    struct rig rig;
    struct df_buf large = {0};
    memset(df_buf_extend(&large, 6291457), ' ', 6291457);
    open_rig(&rig, NULL);
    struct call *none = send_fields(&rig, "/2015-03-31/functions/g/invocations", NULL, df_slice_text("{}"));
    struct call *other = send_fields(&rig, "/2015-03-31/functions/", NULL, df_slice_text("{}"));
    struct call *garbage = send_event(&rig, "{oops");
    struct call *too_large = send_fields(&rig, path, NULL, df_buf_slice(&large));
    struct call *event_too_large = send_fields(&rig, path, event, df_slice_make(large.data, 1048577));
    struct call *bad_context = send_fields(&rig, path, context, df_slice_text("{}"));
    struct call *absent = send_fields(&rig, "/2015-03-31/functions/absent/invocations", NULL, df_slice_text("{}"));
    wait_for(&rig, 7);
    assert_int_equal(none->status, 404);
    assert_string_equal(none->error_type, "ResourceNotFoundException");
    assert_int_equal(other->status, 404);
    assert_int_equal(garbage->status, 400);
    assert_string_equal(garbage->error_type, "InvalidRequestContentException");
    assert_int_equal(too_large->status, 413);
    assert_string_equal(too_large->error_type, "RequestTooLargeException");
    assert_int_equal(event_too_large->status, 413);
    assert_int_equal(bad_context->status, 400);
    assert_int_equal(absent->status, 502);
    close_rig(&rig);
    df_buf_dispose(&large);
}

static void test_a_dry_run_runs_nothing_and_an_event_is_not_waited_for(void **state)
{
    (void)state;
    static const char *const dry[] = {"X-Amz-Invocation-Type", "DryRun", NULL};
    static const char *const event[] = {"X-Amz-Invocation-Type", "Event", NULL};
    static const char path[] = "/2015-03-31/functions/f/invocations";
    struct rig rig;
    open_rig(&rig, "crash-init");
    struct call *first = send_fields(&rig, path, dry, df_slice_text("{}"));
    struct call *second = send_fields(&rig, path, event, df_slice_text("{}"));
    wait_for(&rig, 2);
    assert_int_equal(first->status, 204);
    assert_int_equal(second->status, 202);
    assert_int_equal(second->body.size, 0);
    let_pass(&rig, 100); /* it crashes, and nobody is told */
    close_rig(&rig);
}

static void test_an_init_that_fails_fails_the_invocation(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, "crash-init");
    assert_function_error(invoke(&rig, "{}"), "Runtime.ExitError", "exit status 3");
    assert_function_error(invoke(&rig, "{}"), "Runtime.ExitError", "exit status 3");
    close_rig(&rig);
    open_rig(&rig, "init-error");
    assert_function_error(invoke(&rig, "{}"), "Runtime.Init", "bad setting");
    assert_function_error(invoke(&rig, "{}"), "Runtime.Init", "bad setting");
    close_rig(&rig);
    open_rig(&rig, "hang-init");
    assert_function_error(invoke(&rig, "{}"), "Runtime.InitTimeout", "300 ms");
    close_rig(&rig);
}

static void test_what_cannot_be_started_is_an_invalid_entrypoint(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct rig rig;
    open_rig(&rig, NULL);
    df_emulator_free(rig.emulator);
    rig.functions[0].path = folder; /* without bootstrap */
    assert_ok(df_emulator_start(&rig.emulator, rig.loop, &rig.options, &rig.error), &rig.error);
    assert_function_error(invoke(&rig, "{}"), "Runtime.InvalidEntrypoint", "bootstrap");
    close_rig(&rig);
    test_folder_remove(folder);
}

static void test_a_crash_fails_the_invocation_and_the_next_gets_a_new_process(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, NULL);
    long first = pid_of(invoke(&rig, "{}"));
    assert_function_error(invoke(&rig, "{\"do\":\"crash\"}"), "Runtime.ExitError", "exit status 7");
    long second = pid_of(invoke(&rig, "{}"));
    assert_int_not_equal(first, second);
    assert_function_error(invoke(&rig, "{\"do\":\"kill\"}"), "Runtime.ExitError", "signal: killed");
    assert_int_not_equal(pid_of(invoke(&rig, "{}")), second);
    close_rig(&rig);
}

static void test_a_process_that_leaves_after_its_answer_fails_nobody(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, "gone");
    long before = 0;
    for (unsigned i = 0; i < 20; i++) {
        long pid = pid_of(invoke(&rig, "{}"));
        assert_int_not_equal(pid, before);
        before = pid;
        if (i % 3 == 0)
            let_pass(&rig, 20);
    }
    close_rig(&rig);
    open_rig(&rig, NULL);
    rig.functions[0].concurrency = 1;
    for (unsigned i = 0; i < 5; i++) {
        pid_of(invoke(&rig, "{\"do\":\"leave\"}"));
        pid_of(invoke(&rig, "{}"));
    }
    close_rig(&rig);
}

static void test_a_timeout_ends_the_process(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, NULL);
    long first = pid_of(invoke(&rig, "{}"));
    int64_t begin_ns = df_time_mono_ns();
    assert_function_error(invoke(&rig, "{\"do\":\"hang\"}"), "Sandbox.Timeout", "Task timed out after 1.00 seconds");
    assert_true(df_time_mono_ns() - begin_ns >= 1000000000);
    assert_int_not_equal(pid_of(invoke(&rig, "{}")), first);
    close_rig(&rig);
}

static void test_errors_and_oversized_answers_are_function_errors(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, NULL);
    long first = pid_of(invoke(&rig, "{}"));
    assert_function_error(invoke(&rig, "{\"do\":\"error\"}"), "Function.No", "no");
    assert_function_error(invoke(&rig, "{\"do\":\"large\"}"), "Function.ResponseSizeTooLarge", "6291556 bytes");
    assert_int_equal(pid_of(invoke(&rig, "{\"do\":\"bad-id\"}")), first); /* and it is told 400 for that */
    close_rig(&rig);
}

static void test_more_at_once_than_allowed_are_throttled(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, NULL);
    struct call *first = send_event(&rig, "{\"do\":\"hang\"}"), *second = send_event(&rig, "{\"do\":\"hang\"}");
    let_pass(&rig, 100);
    struct call *third = send_event(&rig, "{}");
    wait_for(&rig, 1);
    assert_true(third->over && !first->over && !second->over);
    assert_int_equal(third->status, 429);
    assert_string_equal(third->error_type, "TooManyRequestsException");
    assert_string_equal(third->retry_after, "1");
    assert_non_null(strstr(df_buf_text(&third->body), "ReservedFunctionConcurrentInvocationLimitExceeded"));
    wait_for(&rig, 3);
    assert_function_error(first, "Sandbox.Timeout", "");
    assert_function_error(second, "Sandbox.Timeout", "");
    pid_of(invoke(&rig, "{}"));
    close_rig(&rig);
}

static void test_the_log_and_the_client_context_go_through(void **state)
{
    (void)state;
    /* {"a":\n"b"} : over several lines, which a header field must not be */
    static const char *const fields[] = {"X-Amz-Log-Type", "Tail", "X-Amz-Client-Context", "eyJhIjoKImIifQ==", NULL};
    struct rig rig;
    open_rig(&rig, NULL);
    struct call *call =
        send_fields(&rig, "/2015-03-31/functions/f/invocations", fields, df_slice_text("{\"do\":\"log\"}"));
    wait_for(&rig, 1);
    pid_of(call);
    assert_non_null(strstr(df_buf_text(&call->body), "\"context\": {\"a\": \"b\"}"));
    forget_calls(&rig);
    call = send_fields(&rig, "/2015-03-31/functions/f/invocations", fields, df_slice_text("{\"do\":\"crash\"}"));
    wait_for(&rig, 1);
    /* "last words\n": what was written just before the exit */
    assert_non_null(strstr(call->log_result, "bGFzdCB3b3Jkcw"));
    close_rig(&rig);
}

static void test_an_unused_process_is_ended(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, NULL);
    df_emulator_free(rig.emulator);
    rig.options.idle_s = 1;
    rig.functions[0].concurrency = 1;
    assert_ok(df_emulator_start(&rig.emulator, rig.loop, &rig.options, &rig.error), &rig.error);
    long first = pid_of(invoke(&rig, "{}"));
    let_pass(&rig, 1300);
    assert_int_not_equal(pid_of(invoke(&rig, "{}")), first);
    close_rig(&rig);
}

static void test_a_caller_that_leaves_does_not_end_the_function(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, NULL);
    struct call *call = send_event(&rig, "{\"do\":\"hang\"}");
    let_pass(&rig, 100);
    df_http_exchange_cancel(call->exchange);
    wait_for(&rig, 1);
    let_pass(&rig, 1200);
    pid_of(invoke(&rig, "{}"));
    /* And one that is there when all ends. */
    forget_calls(&rig);
    send_event(&rig, "{\"do\":\"hang\"}");
    let_pass(&rig, 50);
    close_rig(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_warm_process_serves_again),
        cmocka_unit_test(test_names_may_be_arns_and_have_qualifiers),
        cmocka_unit_test(test_what_is_refused_and_how),
        cmocka_unit_test(test_a_dry_run_runs_nothing_and_an_event_is_not_waited_for),
        cmocka_unit_test(test_an_init_that_fails_fails_the_invocation),
        cmocka_unit_test(test_what_cannot_be_started_is_an_invalid_entrypoint),
        cmocka_unit_test(test_a_crash_fails_the_invocation_and_the_next_gets_a_new_process),
        cmocka_unit_test(test_a_process_that_leaves_after_its_answer_fails_nobody),
        cmocka_unit_test(test_a_timeout_ends_the_process),
        cmocka_unit_test(test_errors_and_oversized_answers_are_function_errors),
        cmocka_unit_test(test_more_at_once_than_allowed_are_throttled),
        cmocka_unit_test(test_the_log_and_the_client_context_go_through),
        cmocka_unit_test(test_an_unused_process_is_ended),
        cmocka_unit_test(test_a_caller_that_leaves_does_not_end_the_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
