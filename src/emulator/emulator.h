/* A local AWS Lambda: the Invoke API in front, and for each running copy of a function a process with a Runtime API of
 * its own, as on the real thing. No control plane: functions are given when it starts.
 *
 *   POST /2015-03-31/functions/NAME/invocations ─► sandbox (cold or warm) ─► its `next` ─► its response ─► answer
 *
 * Sources: docs of Lambda's Invoke API and Runtime API; what is answered where is written beside it. Thread: the
 * loop's. */
#ifndef DF_EMULATOR_EMULATOR_H
#define DF_EMULATOR_EMULATOR_H

#include "net/loop.h"

struct df_emulator_function {
    const char *name;
    const char *path;     /* what is started: an executable, or a folder with `bootstrap` in it */
    const char *handler;  /* _HANDLER; NULL: "bootstrap" */
    uint32_t memory_mb;   /* 128 to 10,240; told to the function, and the limit of its address space is not touched */
    uint32_t timeout_s;   /* 1 to 900, of an invocation */
    uint32_t concurrency; /* sandboxes at once; more invocations are throttled */
};

struct df_emulator_options {
    const char *listen; /* "127.0.0.1:9000" */
    const struct df_emulator_function *functions;
    size_t function_count;
    const char *const *environment; /* "NAME=VALUE" for every function, NULL-terminated; may be NULL */
    uint32_t idle_s;                /* an unused sandbox is ended after so long */
    int64_t init_timeout_ms;        /* Lambda's 10 s */
    bool freeze;                    /* SIGSTOP between invocations */
};

struct df_emulator;

int df_emulator_start(struct df_emulator **emulator, struct df_loop *loop, const struct df_emulator_options *options,
                      struct df_error *error);
uint16_t df_emulator_port(const struct df_emulator *emulator);
/* Kills every sandbox and waits for it. */
void df_emulator_free(struct df_emulator *emulator);

#endif
