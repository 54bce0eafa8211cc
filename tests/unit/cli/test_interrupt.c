#include "cli/interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing/testing.h"

struct call {
    atomic_int count;
    int pipe_fds[2];
};

static void on_signal(void *ctx)
{
    struct call *call = ctx;
    atomic_fetch_add(&call->count, 1);
    (void)!write(call->pipe_fds[1], "x", 1);
}

static void call_open(struct call *call)
{
    atomic_init(&call->count, 0);
    assert_int_equal(pipe(call->pipe_fds), 0);
}

static void call_close(struct call *call)
{
    close(call->pipe_fds[0]);
    close(call->pipe_fds[1]);
}

/* Waits for the callback; fails after 10 s. */
static void wait_for_call(const struct call *call)
{
    struct pollfd readable = {.fd = call->pipe_fds[0], .events = POLLIN};
    assert_int_equal(poll(&readable, 1, 10000), 1);
}

static void test_interrupt_calls_once_and_sets_the_flag(void **state)
{
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < 3; i++) {
        struct call call;
        struct df_error error = {0};
        struct df_interrupt *interrupt;
        call_open(&call);
        assert_ok(df_interrupt_start(&interrupt, on_signal, &call, &error), &error);
        assert_false(atomic_load(df_interrupt_flag(interrupt)));
        kill(getpid(), signals[i]);
        wait_for_call(&call);
        assert_true(atomic_load(df_interrupt_flag(interrupt)));
        df_interrupt_stop(interrupt);
        assert_int_equal(atomic_load(&call.count), 1);
        call_close(&call);
    }
}

static void test_interrupt_without_a_signal_stops_quietly(void **state)
{
    (void)state;
    struct call call;
    struct df_error error = {0};
    struct df_interrupt *interrupt;
    call_open(&call);
    assert_ok(df_interrupt_start(&interrupt, on_signal, &call, &error), &error);
    df_interrupt_stop(interrupt);
    assert_int_equal(atomic_load(&call.count), 0);
    df_interrupt_stop(NULL);
    call_close(&call);
}

/* Runs `body` in a child and returns its wait status. */
static int in_child(void (*body)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(20);
        body();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void signal_twice(void)
{
    struct call call;
    struct df_interrupt *interrupt;
    if (pipe(call.pipe_fds) != 0)
        _exit(1);
    atomic_init(&call.count, 0);
    if (df_interrupt_start(&interrupt, on_signal, &call, NULL) != 0)
        _exit(2);
    kill(getpid(), SIGINT);
    char byte;
    (void)!read(call.pipe_fds[0], &byte, 1);
    kill(getpid(), SIGINT);
    for (;;)
        pause();
}

static void test_interrupt_second_signal_ends_the_process_with_130(void **state)
{
    (void)state;
    int status = in_child(signal_twice);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 130);
}

static void signal_after_stop(void)
{
    struct df_interrupt *interrupt;
    if (df_interrupt_start(&interrupt, NULL, NULL, NULL) != 0)
        _exit(2);
    df_interrupt_stop(interrupt);
    kill(getpid(), SIGTERM);
    for (;;)
        pause();
}

static void test_interrupt_after_stop_signals_do_what_they_did(void **state)
{
    (void)state;
    int status = in_child(signal_after_stop);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void signal_that_was_ignored(void)
{
    struct df_interrupt *interrupt;
    signal(SIGHUP, SIG_IGN);
    if (df_interrupt_start(&interrupt, NULL, NULL, NULL) != 0)
        _exit(2);
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGHUP);
    usleep(50000);
    if (atomic_load(df_interrupt_flag(interrupt)))
        _exit(3);
    df_interrupt_stop(interrupt);
}

static void test_interrupt_leaves_ignored_signals_ignored(void **state)
{
    (void)state;
    int status = in_child(signal_that_was_ignored);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interrupt_calls_once_and_sets_the_flag),
        cmocka_unit_test(test_interrupt_without_a_signal_stops_quietly),
        cmocka_unit_test(test_interrupt_second_signal_ends_the_process_with_130),
        cmocka_unit_test(test_interrupt_after_stop_signals_do_what_they_did),
        cmocka_unit_test(test_interrupt_leaves_ignored_signals_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
