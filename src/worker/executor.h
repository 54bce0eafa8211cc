/* Runs batches in this process: the same code in every kind of worker.
 *
 * The executor owns N threads. A batch is begun once (task_begin), its parts run on any of the threads, several at once,
 * and it ends once (task_end). What comes out of a part is told on the thread that ran it. The threads are plain blocking
 * code; the loop of whoever submits never runs an engine. */
#ifndef DF_WORKER_EXECUTOR_H
#define DF_WORKER_EXECUTOR_H

#include "worker/envelope.h"

struct df_executor;

struct df_executor_options {
    unsigned threads; /* at least 1 */
    struct df_store *store;
    struct df_budget *budget;
    const char *temporary_folder; /* for spilled sections; NULL: sections stay in memory */
};

int df_executor_create(struct df_executor **executor, const struct df_executor_options *options,
                       struct df_error *error);
void df_executor_free(struct df_executor *executor); /* waits for its threads; every execution must be done */

/* What a part gave. Exactly one of: partial (blob), partial (object), error. */
struct df_part_result {
    bool failed;
    struct df_error error;
    struct df_buf blob;              /* the partial, moved to whoever takes the result; empty when `uri` is set */
    char *uri;                       /* owned; the partial lies in this object */
    struct df_section_set *sections; /* owned; NULL when the stage writes none */
    struct df_run_stats stats;
};
void df_part_result_dispose(struct df_part_result *result);

struct df_execution_callbacks {
    /* On an executor thread, once per part that was run or refused; several at once. Takes *result's content. */
    void (*on_part)(void *ctx, uint32_t position, struct df_part_result *result);
    /* On an executor thread, exactly once, after the last on_part; the execution may be freed by it. */
    void (*on_done)(void *ctx);
    void *ctx;
};

/* One batch in the executor; the caller's memory, kept until on_done. */
struct df_execution {
    const struct df_envelope *envelope;
    struct df_execution_callbacks callbacks;
    atomic_bool cancelled; /* set by df_execution_cancel; runs look at it */
    struct {
        struct df_execution *next; /* queue of the executor */
        struct df_task task;
        uint32_t next_position, running, finished;
        bool begun;
        uint64_t inline_bytes_used;
        struct df_error begin_error;
        void *exchange;
    } executor; /* its own */
};

void df_executor_submit(struct df_executor *executor, struct df_execution *execution); /* any thread; never blocks */
/* Parts that have not begun are told as `cancelled`, those that run see it at their next df_task_check. Any thread. */
void df_execution_cancel(struct df_executor *executor, struct df_execution *execution);

#endif
