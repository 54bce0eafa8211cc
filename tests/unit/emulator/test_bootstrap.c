/* The program `bootstrap`, started as Lambda starts it, with a Runtime API that a test plays: what it has done before
 * its first `next`, and what its settings come to. */
#include "testing/testing.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "net/http_server.h"

struct rig {
    struct df_loop *loop;
    struct df_http_server *server;
    const char *folder; /* LAMBDA_TASK_ROOT */
    const char *event;  /* of the first `next`; NULL: the test is over when it comes */
    pid_t pid;
    bool asked;
    struct df_buf told; /* target and body of the first POST */
    struct df_timer stop;
    struct df_error error;
};

static void stop_loop(void *ctx)
{
    df_loop_stop(((struct rig *)ctx)->loop);
}

static void on_call(void *ctx, struct df_http_call *call)
{
    struct rig *rig = ctx;
    if (df_slice_is(df_http_call_method(call), "POST")) {
        df_buf_printf(&rig->told, "%.*s %.*s", DF_SLICE_ARG(df_http_call_target(call)),
                      DF_SLICE_ARG(df_http_call_body(call)));
        df_http_reply(call, 202, NULL, df_slice_text("{}"));
        df_timer_start(rig->loop, &rig->stop, df_deadline_after_ms(20));
        return;
    }
    if (!rig->asked && rig->event) {
        struct df_http_fields fields = {.arena = df_http_call_arena(call)};
        df_http_fields_put(&fields, "Lambda-Runtime-Aws-Request-Id", "a");
        df_http_reply(call, 200, &fields, df_slice_text(rig->event));
    } else if (!rig->event) {
        df_loop_stop(rig->loop);
    }
    rig->asked = true;
}

static void start(struct rig *rig, const char *const *extra)
{
    char api[64], root[512];
    char *environment[16] = {api, root}, *arguments[] = {(char *)"bootstrap", NULL};
    snprintf(api, sizeof api, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%u", df_http_server_port(rig->server));
    snprintf(root, sizeof root, "LAMBDA_TASK_ROOT=%s", rig->folder);
    for (size_t i = 0; extra && extra[i]; i++)
        environment[2 + i] = (char *)extra[i];
    rig->pid = fork();
    assert_true(rig->pid >= 0);
    if (rig->pid == 0) {
        execve(BOOTSTRAP, arguments, environment);
        _exit(127);
    }
}

static void open_rig(struct rig *rig, const char *event, const char *settings, const char *const *environment)
{
    *rig = (struct rig){.event = event, .folder = test_folder_make()};
    rig->stop = (struct df_timer){.fn = stop_loop, .ctx = rig};
    assert_ok(df_loop_create(&rig->loop, DF_LOOP_REAL_TIME, &rig->error), &rig->error);
    assert_ok(df_http_server_listen(&rig->server, rig->loop, "127.0.0.1:0", NULL, on_call, rig, &rig->error),
              &rig->error);
    if (settings) {
        char path[512];
        snprintf(path, sizeof path, "%s/settings.json", rig->folder);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(settings, file);
        fclose(file);
    }
    start(rig, environment);
    /* Whatever goes wrong: not for ever. */
    struct df_timer late = {.fn = stop_loop, .ctx = rig};
    df_timer_start(rig->loop, &late, df_deadline_after_ms(20000));
    assert_ok(df_loop_run(rig->loop, &rig->error), &rig->error);
    df_timer_stop(rig->loop, &late);
}

static void close_rig(struct rig *rig)
{
    if (rig->pid > 0) {
        kill(rig->pid, SIGKILL);
        waitpid(rig->pid, NULL, 0);
    }
    df_http_server_free(rig->server);
    df_loop_free(rig->loop);
    df_buf_dispose(&rig->told);
    test_folder_remove(rig->folder);
}

static void assert_told(struct rig *rig, const char *target, const char *text)
{
    const char *told = df_buf_text(&rig->told);
    if (!strstr(told, target) || !strstr(told, text))
        fail_msg("expected %s with '%s', got: %s", target, text, told);
}

static void assert_tells(const char *event, const char *settings, const char *const *environment, const char *target,
                         const char *text)
{
    struct rig rig;
    open_rig(&rig, event, settings, environment);
    assert_told(&rig, target, text);
    close_rig(&rig);
}

/* ---- cases ---- */

/* Sanitizers have threads and memory of their own. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static long status_of(pid_t pid, const char *name)
{
    char path[64], line[256];
    long value = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtol(line + strlen(name), NULL, 10);
    fclose(file);
    return value;
}

static void test_before_its_first_event_it_is_one_small_thread(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, NULL, NULL, NULL);
    assert_true(rig.asked);
    assert_int_equal(status_of(rig.pid, "Threads:"), 1);
    assert_in_range(status_of(rig.pid, "VmRSS:"), 100, 20 * 1024);
    close_rig(&rig);
}
#endif

static void test_it_answers_a_ping(void **state)
{
    (void)state;
    assert_tells("{\"op\":\"ping\"}", NULL, NULL, "/invocation/a/response", "\"pong\"");
}

static void assert_init_error(const char *settings, const char *const *environment, const char *text)
{
    struct rig rig;
    int status;
    open_rig(&rig, NULL, settings, environment);
    assert_false(rig.asked);
    assert_told(&rig, "/init/error", text);
    assert_told(&rig, "/init/error", "Runtime.Init");
    assert_int_equal(waitpid(rig.pid, &status, 0), rig.pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    rig.pid = 0;
    close_rig(&rig);
}

static void test_a_bad_setting_is_an_init_error(void **state)
{
    (void)state;
    static const char *const threads[] = {"DAYFLY_WORKER_THREADS=many", NULL};
    assert_init_error(NULL, threads, "many");
    assert_init_error("{\"worker\": {\"memory\": \"lots\"}}", NULL, "settings.json");
    assert_init_error("{\"worker\": {\"thread\": 1}}", NULL, "worker.threads");
    assert_init_error("{oops", NULL, "settings.json");
}

static void test_settings_come_from_the_file_and_the_environment_before_it(void **state)
{
    (void)state;
    static const char event[] =
        "{\"dayfly\":1,\"engine\":\"funnel\",\"job\":\"j\",\"stage\":0,\"attempt\":1,\"request\":{},"
        "\"output\":{\"prefix\":\"s3://other/\"},\"parts\":[{\"index\":0}]}";
    static const char settings[] = "{\"worker\": {\"output_prefixes\": \"s3://mine/\", \"threads\": 1}}";
    static const char *const environment[] = {"DAYFLY_WORKER_OUTPUT_PREFIXES=s3://third/", NULL};
    assert_tells(event, settings, NULL, "/invocation/a/response", "allows s3://mine/");
    assert_tells(event, settings, environment, "/invocation/a/response", "allows s3://third/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(test_before_its_first_event_it_is_one_small_thread),
#endif
        cmocka_unit_test(test_it_answers_a_ping),
        cmocka_unit_test(test_a_bad_setting_is_an_init_error),
        cmocka_unit_test(test_settings_come_from_the_file_and_the_environment_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
