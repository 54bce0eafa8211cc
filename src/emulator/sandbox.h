/* One running copy of a function: a process, its Runtime API, and at most one invocation.
 *
 *   STARTING ─► (first next) IDLE ◄─► BUSY          next with nothing to do: frozen, if asked for
 *       │           └─► idle too long: killed  └─► response or error: the invocation is answered; next: IDLE again
 *       └─► init error, exit, init timeout: the invocation fails   └─► exit, timeout: the invocation fails, killed
 *
 * A process that has answered and exits, or never asks again, has not seen the invocation that waits for it: that one
 * is handed back undelivered. */
#ifndef DF_EMULATOR_SANDBOX_H
#define DF_EMULATOR_SANDBOX_H

#include "base/buf.h"
#include "emulator/emulator.h"
#include "net/http_server.h"

struct df_sandbox;

/* An Invoke on its way; owned by emulator.c. */
struct df_invocation {
    char id[40]; /* a UUID */
    struct df_slice payload;
    const char *client_context; /* decoded; NULL: none */
    int64_t deadline_wall_ms;
};

/* What an invocation came to. */
struct df_invocation_result {
    bool undelivered;    /* the process had served before and went before it took this one; nothing else is set */
    bool function_error; /* the body is an error object: X-Amz-Function-Error */
    struct df_slice body;
    struct df_slice log; /* the last 4 KB that the process wrote meanwhile */
};

struct df_sandbox_events {
    /* Once per df_sandbox_run, on the loop. */
    void (*on_result)(void *ctx, struct df_sandbox *sandbox, const struct df_invocation_result *result);
    /* The process has exited; the sandbox is freed afterwards. After on_result, if it was busy. */
    void (*on_gone)(void *ctx, struct df_sandbox *sandbox);
    void *ctx;
};

int df_sandbox_start(struct df_sandbox **sandbox, struct df_loop *loop, const struct df_emulator_options *options,
                     const struct df_emulator_function *function, const struct df_sandbox_events *events,
                     struct df_error *error);
/* The sandbox must be free; it may still be starting. The invocation stays until on_result. */
void df_sandbox_run(struct df_sandbox *sandbox, struct df_invocation *invocation);
/* Can it take an invocation? Not when it has one, and not when its process is dying or has exited. */
bool df_sandbox_is_free(const struct df_sandbox *sandbox);
bool df_sandbox_is_dying(const struct df_sandbox *sandbox);
void df_sandbox_kill(struct df_sandbox *sandbox); /* on_gone comes */
/* Kills and waits, without any callback. */
void df_sandbox_destroy(struct df_sandbox *sandbox);

#endif
