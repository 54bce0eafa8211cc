/* The worker as an AWS Lambda custom runtime: asks for an event, hands it to whoever knows its shape, answers, asks
 * again.
 *
 * Contract: docs of the Lambda Runtime API (2018-06-01). Before the first `next` it starts no thread and opens no TLS
 * context. Any number of `next` may be open at once (AWS_LAMBDA_MAX_CONCURRENCY), all on the one loop. */
#ifndef DF_WORKER_RUNTIME_H
#define DF_WORKER_RUNTIME_H

#include "base/buf.h"
#include "base/json.h"
#include "net/loop.h"

/* One event on its way through a handler. */
struct df_event {
    struct df_slice payload; /* valid until it is answered */
    const char *request_id;
    const char *trace_id;        /* as it came; NULL: none. Not put into the environment: threads may be reading that */
    struct df_deadline deadline; /* when the answer must be on its way: the event's own, less answer_early_ms */
    struct df_loop *loop;        /* the runtime's; handlers run on it and must not block it */
};

/* Answers an event, on the loop, exactly once. A blob is moved. */
struct df_event_reply {
    void (*respond)(struct df_event_reply *, struct df_buf *blob);
    void (*fail)(struct df_event_reply *, const struct df_error *error);
};

/* A row of the table that main/ fills: the first whose `matches` says yes gets the event. The payload and its tree stay
 * valid until the answer. */
struct df_event_handler {
    const char *name;
    const char *shape;                            /* as a message shows it: {"op": "ping"} */
    bool (*matches)(const struct df_json *event); /* event is an object */
    void (*handle)(void *ctx, const struct df_event *event, const struct df_json *json, struct df_event_reply *reply);
    void *ctx;
};

enum { DF_RUNTIME_CONCURRENCY_MAX = 1600 }; /* Lambda's own limit per environment */

struct df_runtime_options {
    struct df_loop *loop;    /* the caller's; outlives whoever may still answer when df_runtime_run has returned */
    const char *api;         /* AWS_LAMBDA_RUNTIME_API: host:port, also with http:// and a base path */
    unsigned concurrency;    /* open `next` calls, at most DF_RUNTIME_CONCURRENCY_MAX; 0: one */
    int64_t answer_early_ms; /* answers with what is done so long before the deadline; 500 */
    const struct df_event_handler *handlers;
    size_t handler_count;
};

/* Runs until the Runtime API is gone or says to go; returns the exit status. Events that are not yet answered then must
 * not be answered any more. */
int df_runtime_run(const struct df_runtime_options *options);

/* Init failed: POST init/error, on a loop of its own. Returns the exit status. */
int df_runtime_init_error(const char *api, const struct df_error *error);

#endif
