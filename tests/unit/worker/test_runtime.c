/* The worker as a Lambda runtime, against a Runtime API that a script plays: each case from start to exit. */
#include "testing/testing.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "net/http_server.h"
#include "worker/events.h"

/* What the API answers to a `next`, one step after the other; without a step left it waits for ever. */
struct step {
    unsigned status;         /* 0: the connection is cut */
    const char *id;          /* Lambda-Runtime-Aws-Request-Id; NULL: none */
    const char *deadline_ms; /* NULL: none */
    const char *payload;
    /* To what the runtime tells about it. */
    unsigned told_status; /* 0: 202; 1: the connection is cut once, then 202 */
};

struct api {
    struct df_loop *loop;
    struct df_http_server *server;
    const struct step *steps;
    size_t step_count, next_step;
    struct df_http_call *waiting[8];
    size_t waiting_count;
    struct df_buf log; /* "GET /target\n", "POST /target type body\n" */
    bool cut;
    struct df_timer stop;
    size_t calls_max; /* after so many open `next` without a step the test is over */
    struct df_error error;
};

static void stop_loop(void *ctx)
{
    df_loop_stop(((struct api *)ctx)->loop);
}

static const struct step *step_of(const struct api *api, struct df_slice target)
{
    char part[80];
    for (size_t i = 0; i < api->step_count; i++) {
        if (!api->steps[i].id)
            continue;
        snprintf(part, sizeof part, "/invocation/%s/", api->steps[i].id);
        if (memmem(target.data, target.size, part, strlen(part)))
            return &api->steps[i];
    }
    return NULL;
}

static void answer_next(struct api *api, struct df_http_call *call)
{
    if (api->next_step == api->step_count) {
        assert_true(api->waiting_count < 8);
        api->waiting[api->waiting_count++] = call;
        if (api->waiting_count == api->calls_max) {
            api->stop = (struct df_timer){.fn = stop_loop, .ctx = api};
            df_timer_start(api->loop, &api->stop, df_deadline_after_ms(1));
        }
        return;
    }
    const struct step *step = &api->steps[api->next_step++];
    struct df_http_fields fields = {.arena = df_http_call_arena(call)};
    if (step->status == 0) {
        df_http_reply_abort(call);
        return;
    }
    if (step->id)
        df_http_fields_put(&fields, "lambda-runtime-aws-request-id", step->id);
    if (step->deadline_ms)
        df_http_fields_put(&fields, "Lambda-Runtime-Deadline-Ms", step->deadline_ms);
    df_http_reply(call, step->status, &fields, df_slice_text(step->payload));
}

static void answer_told(struct api *api, struct df_http_call *call)
{
    const struct step *step = step_of(api, df_http_call_target(call));
    unsigned status = step && step->told_status ? step->told_status : 202;
    if (status == 1 && !api->cut) {
        api->cut = true;
        df_http_reply_abort(call);
        return;
    }
    df_http_reply(call, status == 1 ? 202 : status, NULL, df_slice_text("{\"status\":\"OK\"}"));
}

static void on_call(void *ctx, struct df_http_call *call)
{
    struct api *api = ctx;
    struct df_slice method = df_http_call_method(call), target = df_http_call_target(call);
    struct df_slice type = df_http_fields_get(df_http_call_fields(call), "Lambda-Runtime-Function-Error-Type");
    struct df_slice body = df_http_call_body(call);
    if (body.size > 300)
        body.size = 300;
    df_buf_printf(&api->log, "%.*s %.*s", DF_SLICE_ARG(method), DF_SLICE_ARG(target));
    if (df_slice_is(method, "GET")) {
        df_buf_put_text(&api->log, "\n");
        answer_next(api, call);
        return;
    }
    df_buf_printf(&api->log, " %.*s %.*s\n", DF_SLICE_ARG(type), DF_SLICE_ARG(body));
    answer_told(api, call);
}

static void open_api(struct api *api, const struct step *steps, size_t count)
{
    *api = (struct api){.steps = steps, .step_count = count, .calls_max = 1};
    struct df_http_server_options options = {.limits = {.body_bytes = 64 << 20}};
    assert_ok(df_loop_create(&api->loop, DF_LOOP_REAL_TIME, &api->error), &api->error);
    assert_ok(df_http_server_listen(&api->server, api->loop, "127.0.0.1:0", &options, on_call, api, &api->error),
              &api->error);
}

static void close_api(struct api *api)
{
    df_http_server_free(api->server);
    df_loop_free(api->loop);
    df_buf_dispose(&api->log);
}

/* ---- a handler ---- */

struct seen {
    unsigned count;
    struct df_deadline deadline;
    size_t answer_bytes;
};

static bool matches_do(const struct df_json *event)
{
    return df_json_get(event, "do") != NULL;
}

static void handle_do(void *ctx, const struct df_event *event, const struct df_json *json, struct df_event_reply *reply)
{
    struct seen *seen = ctx;
    struct df_buf blob = {0};
    struct df_error error;
    seen->count++;
    seen->deadline = event->deadline;
    if (df_slice_is(df_json_get(json, "do")->text, "fail")) {
        df_error_set(&error, DF_ERROR_EXHAUSTED, "no room");
        (reply->fail)(reply, &error); /* cmocka has a macro of that name */
        return;
    }
    if (seen->answer_bytes)
        memset(df_buf_extend(&blob, seen->answer_bytes), 'x', seen->answer_bytes);
    else
        df_buf_put_slice(&blob, event->payload);
    reply->respond(reply, &blob);
    df_buf_dispose(&blob);
}

static int run_runtime(struct api *api, struct seen *seen, const char *after_port, unsigned concurrency)
{
    struct df_event_handler handlers[] = {
        df_ping_event_handler(),
        {.name = "do", .shape = "{\"do\": …}", .matches = matches_do, .handle = handle_do, .ctx = seen}};
    char address[80];
    snprintf(address, sizeof address, "%s127.0.0.1:%u%s", after_port[0] == 'h' ? "http://" : "",
             df_http_server_port(api->server), after_port[0] == 'h' ? after_port + 1 : after_port);
    struct df_runtime_options options = {.loop = api->loop,
                                         .api = address,
                                         .concurrency = concurrency,
                                         .answer_early_ms = 500,
                                         .handlers = handlers,
                                         .handler_count = 2};
    return df_runtime_run(&options);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NEXT         "GET /2018-06-01/runtime/invocation/next\n"
#define ABOUT        "POST /2018-06-01/runtime/invocation/"

static void assert_log(struct api *api, const char *expected)
{
    assert_string_equal(df_buf_text(&api->log), expected);
}

/* ---- cases ---- */

static void test_an_event_is_answered_and_the_next_one_asked_for(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 200, .id = "a-1", .payload = "{\"do\":1}"},
                                        {.status = 200, .id = "b-2", .payload = "{\"do\": \"x\"}"}};
    struct api api;
    struct seen seen = {0};
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "", 1), 0);
    assert_log(&api, NEXT ABOUT "a-1/response  {\"do\":1}\n" NEXT ABOUT "b-2/response  {\"do\": \"x\"}\n" NEXT);
    /* No deadline was named. */
    assert_true(seen.deadline.mono_ns == DF_DEADLINE_NEVER);
    close_api(&api);
}

static void test_the_address_may_have_a_scheme_and_a_base_path(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 200, .id = "a", .payload = "{\"op\":\"ping\"}"}};
    struct api api;
    struct seen seen = {0};
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "h/my-function/", 1), 0);
    const char *log = df_buf_text(&api.log);
    assert_ptr_equal(strstr(log, "GET /my-function/2018-06-01/runtime/invocation/next\n"), log);
    assert_non_null(strstr(log, "POST /my-function/2018-06-01/runtime/invocation/a/response  {\"op\":\"pong\""));
    close_api(&api);
}

static void test_an_empty_poll_is_repeated_however_often(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 204}, {.status = 204},
                                        {.status = 204}, {.status = 204},
                                        {.status = 204}, {.status = 200, .id = "a", .payload = "{\"do\":1}"}};
    struct api api;
    struct seen seen = {0};
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "", 1), 0);
    assert_int_equal(seen.count, 1);
    close_api(&api);
}

static void test_a_lost_connection_is_replaced(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 0},
                                        {.status = 0},
                                        {.status = 500, .payload = "x"},
                                        {.status = 200, .id = "a", .payload = "{\"do\":1}"}};
    struct api api;
    struct seen seen = {0};
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "", 1), 0);
    assert_log(&api, NEXT NEXT NEXT NEXT ABOUT "a/response  {\"do\":1}\n" NEXT);
    close_api(&api);
}

static void test_four_failures_in_a_row_end_it(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 0}, {.status = 500}, {.status = 403}, {.status = 0}};
    struct api api;
    struct seen seen = {0};
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "", 1), 1);
    assert_log(&api, NEXT NEXT NEXT NEXT);
    close_api(&api);
}

static void test_an_event_without_a_usable_id_is_no_event(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 200, .payload = "{\"do\":1}"},
                                        {.status = 200, .id = "../../x", .payload = "{\"do\":1}"},
                                        {.status = 200, .id = "a?b", .payload = "{\"do\":1}"},
                                        {.status = 200, .id = "a%2f", .payload = "{\"do\":1}"}};
    struct api api;
    struct seen seen = {0};
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "", 1), 1);
    assert_int_equal(seen.count, 0);
    close_api(&api);
}

static struct df_deadline deadline_of(const char *text)
{
    struct step steps[] = {{.status = 200, .id = "a", .deadline_ms = text, .payload = "{\"do\":1}"}};
    struct api api;
    struct seen seen = {0};
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "", 1), 0);
    assert_int_equal(seen.count, 1);
    close_api(&api);
    return seen.deadline;
}

static void test_deadlines_that_say_nothing_are_none(void **state)
{
    (void)state;
    char text[32];
    assert_true(deadline_of("0").mono_ns == DF_DEADLINE_NEVER);
    assert_true(deadline_of("soon").mono_ns == DF_DEADLINE_NEVER);
    assert_true(deadline_of("99999999999999999999").mono_ns == DF_DEADLINE_NEVER);
    assert_true(deadline_of("1000").mono_ns == DF_DEADLINE_NEVER); /* before this process */
    snprintf(text, sizeof text, "%lld", (long long)df_time_wall_ms() + 10000);
    int64_t left_ms = df_deadline_left_ms(deadline_of(text));
    assert_true(left_ms > 5000 && left_ms <= 9500);
    /* Less than half a second is left: now, not never. */
    snprintf(text, sizeof text, "%lld", (long long)df_time_wall_ms() + 300);
    assert_true(df_deadline_left_ms(deadline_of(text)) == 0);
}

static void test_errors_are_told_as_errors(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 200, .id = "a", .payload = "{\"do\":\"fail\"}"},
                                        {.status = 200, .id = "b", .payload = "{\"what\":1}"},
                                        {.status = 200, .id = "c", .payload = "{oops"},
                                        {.status = 200, .id = "d", .payload = ""},
                                        {.status = 200, .id = "e", .payload = "[1]"}};
    struct api api;
    struct seen seen = {0};
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "", 1), 0);
    const char *log = df_buf_text(&api.log);
    assert_non_null(strstr(log, ABOUT "a/error Function.OutOfMemory {\"errorMessage\":\"no room\",\"errorType\":"
                                      "\"Function.OutOfMemory\",\"stackTrace\":[]}\n"));
    assert_non_null(strstr(log,
                           ABOUT "b/error Function.BadRequest {\"errorMessage\":\"no handler for this event; known "
                                 "shapes: {\\\"op\\\": \\\"ping\\\"}, {\\\"do\\\": …}\""));
    assert_non_null(strstr(log, ABOUT "c/error Function.BadRequest {\"errorMessage\":\"the event is not JSON"));
    assert_non_null(strstr(log, ABOUT "d/error Function.BadRequest"));
    assert_non_null(strstr(log, ABOUT "e/error Function.BadRequest"));
    close_api(&api);
}

static void test_an_oversized_answer_is_an_error(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 200, .id = "a", .payload = "{\"do\":1}"}};
    struct api api;
    struct seen seen = {.answer_bytes = 6291557};
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "", 1), 0);
    assert_non_null(strstr(df_buf_text(&api.log), ABOUT "a/error Function.ResponseSizeTooLarge"));
    close_api(&api);
    seen.answer_bytes = 6291556;
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "", 1), 0);
    assert_non_null(strstr(df_buf_text(&api.log), ABOUT "a/response  xxx"));
    close_api(&api);
}

static void test_a_refused_answer_is_lost_and_it_goes_on(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 200, .id = "a", .payload = "{\"do\":1}", .told_status = 400},
                                        {.status = 200, .id = "b", .payload = "{\"do\":1}", .told_status = 413},
                                        {.status = 200, .id = "c", .payload = "{\"do\":1}", .told_status = 403},
                                        {.status = 200, .id = "d", .payload = "{\"do\":1}"}};
    struct api api;
    struct seen seen = {0};
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "", 1), 0);
    assert_int_equal(seen.count, 4);
    close_api(&api);
}

static void test_a_broken_platform_ends_it(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 200, .id = "a", .payload = "{\"do\":1}", .told_status = 500},
                                        {.status = 200, .id = "b", .payload = "{\"do\":1}"}};
    struct api api;
    struct seen seen = {0};
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "", 1), 1);
    assert_int_equal(seen.count, 1);
    close_api(&api);
}

static void test_an_answer_over_a_dead_connection_is_sent_once_more(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 200, .id = "a", .payload = "{\"do\":1}", .told_status = 1}};
    struct api api;
    struct seen seen = {0};
    open_api(&api, steps, COUNT(steps));
    assert_int_equal(run_runtime(&api, &seen, "", 1), 0);
    assert_log(&api, NEXT ABOUT "a/response  {\"do\":1}\n" ABOUT "a/response  {\"do\":1}\n" NEXT);
    close_api(&api);
}

static void test_several_events_at_once(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 200, .id = "a", .payload = "{\"do\":1}"},
                                        {.status = 200, .id = "b", .payload = "{\"do\":2}"},
                                        {.status = 200, .id = "c", .payload = "{\"do\":3}"},
                                        {.status = 200, .id = "d", .payload = "{\"do\":4}"}};
    struct api api;
    struct seen seen = {0};
    open_api(&api, steps, COUNT(steps));
    api.calls_max = 3; /* in the end three are open */
    assert_int_equal(run_runtime(&api, &seen, "", 3), 0);
    assert_int_equal(seen.count, 4);
    assert_int_equal(api.waiting_count, 3);
    close_api(&api);
}

static void test_without_an_api_it_ends(void **state)
{
    (void)state;
    struct df_error error;
    struct df_runtime_options options = {.api = "127.0.0.1:1", .answer_early_ms = 500};
    assert_ok(df_loop_create(&options.loop, DF_LOOP_REAL_TIME, &error), &error);
    assert_int_equal(df_runtime_run(&options), 1);
    options.api = "no address at all";
    assert_int_equal(df_runtime_run(&options), 1);
    df_loop_free(options.loop);
}

/* ---- task events: envelopes through the executor ---- */

struct fake_engine {
    unsigned sleep_ms; /* how long a run takes, looking at df_task_check */
    bool deaf;         /* … or not */
    size_t blob_bytes;
};
static struct fake_engine fake;

static int fake_begin(struct df_task *task, struct df_error *error)
{
    (void)task;
    (void)error;
    return 0;
}

static int fake_run(struct df_task *task, const struct df_part *part, struct df_partial *partial,
                    struct df_error *error)
{
    for (unsigned slept = 0; slept < fake.sleep_ms; slept += 5) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        if (!fake.deaf && df_task_check(task, error) != 0)
            return -1;
    }
    if (fake.blob_bytes)
        memset(df_buf_extend(&partial->blob, fake.blob_bytes), 'b', fake.blob_bytes);
    else
        df_buf_printf(&partial->blob, "%s", part->uri);
    return 0;
}

static void fake_end(struct df_task *task)
{
    (void)task;
}

static const struct df_engine engine = {
    .name = "fake", .task_begin = fake_begin, .run = fake_run, .task_end = fake_end};

static const struct df_engine *find_engine(struct df_slice name)
{
    return df_slice_is(name, "fake") ? &engine : NULL;
}

#define ENVELOPE(members)                                                                                              \
    "{\"dayfly\":1,\"engine\":\"fake\",\"job\":\"j\",\"stage\":0,\"attempt\":3,\"request\":{}," members                \
    "\"parts\":[{\"index\":4,\"uri\":\"A\"},{\"index\":5,\"uri\":\"B\"}]}"

/* Runs one event through the whole worker; the text of what it told is in api->log. */
static int run_task(struct api *api, const struct step *step, const char *prefixes)
{
    struct df_task_events_options options = {.find_engine = find_engine, .threads = 2, .output_prefixes = prefixes};
    struct df_task_events *tasks;
    open_api(api, step, 1);
    assert_ok(df_task_events_create(&tasks, &options, &api->error), &api->error);
    struct df_event_handler handler = df_task_event_handler(tasks);
    char address[40];
    snprintf(address, sizeof address, "127.0.0.1:%u", df_http_server_port(api->server));
    struct df_runtime_options runtime = {
        .loop = api->loop, .api = address, .answer_early_ms = 500, .handlers = &handler, .handler_count = 1};
    int status = df_runtime_run(&runtime);
    df_task_events_free(tasks);
    return status;
}

static void assert_task_tells(const char *payload, const char *prefixes, const char *expected)
{
    struct step step = {.status = 200, .id = "a", .payload = payload};
    struct api api;
    assert_int_equal(run_task(&api, &step, prefixes), 0);
    if (!strstr(df_buf_text(&api.log), expected))
        fail_msg("expected '%s' in: %s", expected, df_buf_text(&api.log));
    close_api(&api);
}

static void test_an_envelope_is_run_and_answered(void **state)
{
    (void)state;
    fake = (struct fake_engine){0};
    assert_task_tells(ENVELOPE(""), NULL,
                      ABOUT "a/response  {\"dayfly\":1,\"results\":[{\"index\":4,\"data\":\"QQ==\",\"stats\"");
    assert_task_tells(ENVELOPE(""), NULL, "{\"index\":5,\"data\":\"Qg==\"");
}

static void test_an_envelope_that_cannot_be_run_is_told_as_data(void **state)
{
    (void)state;
    fake = (struct fake_engine){0};
    assert_task_tells("{\"dayfly\":2}", NULL, "a/response  {\"dayfly\":1,\"error\":{\"kind\":\"unsupported\"");
    assert_task_tells("{\"dayfly\":1}", NULL, "a/response  {\"dayfly\":1,\"error\":{\"kind\":\"invalid\"");
    assert_task_tells(ENVELOPE("\"inputs\":{\"uri\":\"/nowhere/at-all\"},"), NULL, "{\"kind\":\"not_found\"");
}

static void test_a_worker_writes_only_where_it_may(void **state)
{
    (void)state;
    static const char allowed[] = "s3://b/p/,/results";
    static const char *const refused[] = {
        ENVELOPE("\"output\":{\"prefix\":\"s3://b/pears/\"},"), ENVELOPE("\"output\":{\"prefix\":\"s3://b/\"},"),
        ENVELOPE("\"output\":{\"prefix\":\"/results/../etc/\"},"),
        ENVELOPE("\"output\":{\"prefix\":\"s3://b/p/%2E%2e/\"},"), ENVELOPE("\"output\":{\"prefix\":\"/results2/\"},")};
    fake = (struct fake_engine){0};
    for (size_t i = 0; i < COUNT(refused); i++)
        assert_task_tells(refused[i], allowed, "{\"kind\":\"denied\"");
    assert_task_tells(ENVELOPE("\"output\":{\"prefix\":\"s3://b/p/job/\"},"), allowed, "\"data\":\"QQ==\"");
    assert_task_tells(ENVELOPE("\"output\":{\"prefix\":\"/results/\"},"), allowed, "\"data\":\"QQ==\"");
    assert_task_tells(ENVELOPE("\"output\":{\"prefix\":\"s3://b/pears/\"},"), "", "\"data\":\"QQ==\"");
}

static void test_partials_that_do_not_fit_go_out_or_are_too_large(void **state)
{
    (void)state;
    const char *folder = test_folder_make();
    struct df_buf payload = {0};
    fake = (struct fake_engine){.blob_bytes = 200};
    df_buf_printf(&payload, ENVELOPE("\"output\":{\"prefix\":\"%s/\",\"inline_bytes\":100},"), folder);
    assert_task_tells(df_buf_text(&payload), NULL, "/0-4-3\"}");
    assert_task_tells(ENVELOPE("\"output\":{\"inline_bytes\":100},"), NULL, "\"kind\":\"too_large\"");
    /* More than a response takes is not asked for, whatever the envelope says. */
    fake.blob_bytes = 4600000;
    assert_task_tells(ENVELOPE(""), NULL, "\"kind\":\"too_large\"");
    df_buf_dispose(&payload);
    test_folder_remove(folder);
}

static void test_at_the_deadline_what_is_done_is_told(void **state)
{
    (void)state;
    char deadline[32];
    struct api api;
    struct step step = {.status = 200, .id = "a", .deadline_ms = deadline, .payload = ENVELOPE("")};
    for (unsigned deaf = 0; deaf < 2; deaf++) {
        fake = (struct fake_engine){.sleep_ms = 2000, .deaf = deaf};
        snprintf(deadline, sizeof deadline, "%lld", (long long)df_time_wall_ms() + 700);
        int64_t begin_ns = df_time_mono_ns();
        assert_int_equal(run_task(&api, &step, NULL), 0);
        assert_non_null(strstr(df_buf_text(&api.log), "a/response  {\"dayfly\":1,\"results\":[{\"index\":4,\"error\":"
                                                      "{\"kind\":\"timeout\""));
        /* The deaf one is waited for at the end only. */
        assert_true(df_time_mono_ns() - begin_ns < (deaf ? 8000 : 1500) * INT64_C(1000000));
        close_api(&api);
    }
}

static void test_a_platform_that_goes_while_parts_run_is_survived(void **state)
{
    (void)state;
    static const struct step steps[] = {{.status = 200, .id = "a", .payload = ENVELOPE("")},
                                        {.status = 200, .id = "b", .payload = "{}", .told_status = 500}};
    struct df_task_events_options options = {.find_engine = find_engine, .threads = 2};
    struct df_task_events *tasks;
    struct api api;
    char address[40];
    fake = (struct fake_engine){.sleep_ms = 300};
    open_api(&api, steps, COUNT(steps));
    assert_ok(df_task_events_create(&tasks, &options, &api.error), &api.error);
    struct df_event_handler handler = df_task_event_handler(tasks);
    snprintf(address, sizeof address, "127.0.0.1:%u", df_http_server_port(api.server));
    struct df_runtime_options runtime = {.loop = api.loop,
                                         .api = address,
                                         .concurrency = 2,
                                         .answer_early_ms = 500,
                                         .handlers = &handler,
                                         .handler_count = 1};
    assert_int_equal(df_runtime_run(&runtime), 1);
    df_task_events_free(tasks);
    close_api(&api);
}

/* ---- init errors ---- */

static void init_told(void *ctx, struct df_http_call *call)
{
    struct api *api = ctx;
    df_buf_printf(&api->log, "%.*s %.*s", DF_SLICE_ARG(df_http_call_target(call)),
                  DF_SLICE_ARG(df_http_call_body(call)));
    df_http_reply(call, 202, NULL, df_slice_text("{}"));
    api->stop = (struct df_timer){.fn = stop_loop, .ctx = api};
    df_timer_start(api->loop, &api->stop, df_deadline_after_ms(50));
}

static void *serve(void *ctx)
{
    struct api *api = ctx;
    df_loop_run(api->loop, &api->error);
    return NULL;
}

static void test_a_failed_init_is_told(void **state)
{
    (void)state;
    struct api api = {0};
    struct df_error why;
    pthread_t thread;
    char address[40];
    df_error_set(&why, DF_ERROR_INVALID, "worker.threads: expected a number");
    assert_ok(df_loop_create(&api.loop, DF_LOOP_REAL_TIME, &api.error), &api.error);
    assert_ok(df_http_server_listen(&api.server, api.loop, "127.0.0.1:0", NULL, init_told, &api, &api.error),
              &api.error);
    snprintf(address, sizeof address, "127.0.0.1:%u", df_http_server_port(api.server));
    assert_int_equal(pthread_create(&thread, NULL, serve, &api), 0);
    assert_int_equal(df_runtime_init_error(address, &why), 1);
    pthread_join(thread, NULL);
    assert_log(&api, "/2018-06-01/runtime/init/error {\"errorMessage\":\"worker.threads: expected a number\","
                     "\"errorType\":\"Runtime.Init\",\"stackTrace\":[]}");
    close_api(&api);
    assert_int_equal(df_runtime_init_error("127.0.0.1:1", &why), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_event_is_answered_and_the_next_one_asked_for),
        cmocka_unit_test(test_the_address_may_have_a_scheme_and_a_base_path),
        cmocka_unit_test(test_an_empty_poll_is_repeated_however_often),
        cmocka_unit_test(test_a_lost_connection_is_replaced),
        cmocka_unit_test(test_four_failures_in_a_row_end_it),
        cmocka_unit_test(test_an_event_without_a_usable_id_is_no_event),
        cmocka_unit_test(test_deadlines_that_say_nothing_are_none),
        cmocka_unit_test(test_errors_are_told_as_errors),
        cmocka_unit_test(test_an_oversized_answer_is_an_error),
        cmocka_unit_test(test_a_refused_answer_is_lost_and_it_goes_on),
        cmocka_unit_test(test_a_broken_platform_ends_it),
        cmocka_unit_test(test_an_answer_over_a_dead_connection_is_sent_once_more),
        cmocka_unit_test(test_several_events_at_once),
        cmocka_unit_test(test_without_an_api_it_ends),
        cmocka_unit_test(test_an_envelope_is_run_and_answered),
        cmocka_unit_test(test_an_envelope_that_cannot_be_run_is_told_as_data),
        cmocka_unit_test(test_a_worker_writes_only_where_it_may),
        cmocka_unit_test(test_partials_that_do_not_fit_go_out_or_are_too_large),
        cmocka_unit_test(test_at_the_deadline_what_is_done_is_told),
        cmocka_unit_test(test_a_platform_that_goes_while_parts_run_is_survived),
        cmocka_unit_test(test_a_failed_init_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
