/* How a batch reaches a worker and its answers come back. An invoker knows no engine; it owns the request (connection,
 * pacing, sending again what was surely not received, turning answers into error kinds) and nothing about parts:
 * batches, attempts, retries, hedges and which answer wins are the job's.
 *
 * Thread: everything here, callbacks too, on the loop. */
#ifndef DF_INVOKE_INVOKE_H
#define DF_INVOKE_INVOKE_H

#include "base/error.h"
#include "worker/envelope.h"
#include "worker/executor.h"

struct df_batch;
struct df_invoker;

struct df_invoker_limits {
    uint32_t parts_per_batch;
    uint64_t batch_weight_bytes; /* predicted work that one batch should hold; 0: any */
    uint64_t request_bytes;      /* of one envelope; 0: none */
    uint64_t answer_bytes;       /* of one batch's partials; what the job reserves until they are there */
    uint32_t batches_in_flight;
    bool hedge;    /* a second attempt may run elsewhere, so a straggler is worth one */
    bool outlives; /* an attempt may go on after `done` (cancelled, cut off); what it writes then needs a lease */
};

struct df_cost {
    uint64_t billed_ms;
    double dollars;
    uint32_t throttled_count;
};

struct df_batch_callbacks {
    /* Any number of times, at most once per position; after cancel too. Takes *result's content. */
    void (*on_part)(void *ctx, struct df_batch *batch, uint32_t position, struct df_part_result *result);
    /* Exactly once, last, also after cancel. error NULL: the request went through (parts that were not told are
     * missing). The batch belongs to the job again. */
    void (*done)(void *ctx, struct df_batch *batch, const struct df_error *error, const struct df_cost *cost);
    void *ctx;
};

/* Filled by the job, which owns it until it has been submitted and again after done. */
struct df_batch {
    struct df_envelope envelope;
    struct df_batch_callbacks callbacks;
    void *invoker_state; /* the invoker's, from submit to done */
};

struct df_invoker {
    const char *name;
    struct df_invoker_limits limits;
    /* Never blocks and never calls back from inside. -1: not taken, nothing will be called back. */
    int (*submit)(struct df_invoker *, struct df_batch *, struct df_error *);
    /* Asks for an early end; done still comes. */
    void (*cancel)(struct df_invoker *, struct df_batch *);
    void (*free)(struct df_invoker *);
};

/* ---- threads: the executor in this process ---- */

struct df_loop;
int df_invoke_threads_create(struct df_invoker **invoker, struct df_loop *loop,
                             const struct df_executor_options *options, struct df_error *error);

#endif
