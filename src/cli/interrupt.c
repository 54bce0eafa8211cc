#include "cli/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { STATUS_OF_SECOND_SIGNAL = 130 };

struct df_interrupt {
    atomic_bool flag;
    void (*fn)(void *ctx);
    void *ctx;
    sigset_t waited, before; /* blocked by us; blocked before start */
    int signal_fd, stop_fd;
    pthread_t thread;
};

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

/* Those that would end the process now. */
static void collect_signals(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction now;
        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(set, signals[i]);
    }
}

static void *wait_for_signals(void *argument)
{
    struct df_interrupt *interrupt = argument;
    struct pollfd fds[] = {{.fd = interrupt->signal_fd, .events = POLLIN},
                           {.fd = interrupt->stop_fd, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (fds[1].revents)
            return NULL;
        struct signalfd_siginfo info;
        if (read(interrupt->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
            continue;
        if (atomic_exchange(&interrupt->flag, true))
            _exit(STATUS_OF_SECOND_SIGNAL);
        if (interrupt->fn)
            interrupt->fn(interrupt->ctx);
    }
}

static void dispose(struct df_interrupt *interrupt)
{
    if (interrupt->signal_fd >= 0)
        close(interrupt->signal_fd);
    if (interrupt->stop_fd >= 0)
        close(interrupt->stop_fd);
    pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
    free(interrupt);
}

int df_interrupt_start(struct df_interrupt **out, void (*fn)(void *ctx), void *ctx, struct df_error *error)
{
    *out = NULL;
    struct df_interrupt *interrupt = calloc(1, sizeof *interrupt);
    if (!interrupt)
        return df_error_no_memory(error, "watching for Ctrl-C");
    interrupt->fn = fn;
    interrupt->ctx = ctx;
    collect_signals(&interrupt->waited);
    pthread_sigmask(SIG_BLOCK, &interrupt->waited, &interrupt->before);
    interrupt->signal_fd = signalfd(-1, &interrupt->waited, SFD_NONBLOCK | SFD_CLOEXEC);
    interrupt->stop_fd = eventfd(0, EFD_CLOEXEC);
    int failure = interrupt->signal_fd < 0 || interrupt->stop_fd < 0
                      ? errno
                      : pthread_create(&interrupt->thread, NULL, wait_for_signals, interrupt);
    if (failure != 0) {
        dispose(interrupt);
        return df_error_set_errno(error, failure, "cannot watch for Ctrl-C");
    }
    *out = interrupt;
    return 0;
}

const atomic_bool *df_interrupt_flag(const struct df_interrupt *interrupt)
{
    return &interrupt->flag;
}

void df_interrupt_stop(struct df_interrupt *interrupt)
{
    if (!interrupt)
        return;
    eventfd_write(interrupt->stop_fd, 1);
    pthread_join(interrupt->thread, NULL);
    dispose(interrupt);
}
