/* Runs batches in this process: the same code in every kind of worker.
 *
 * The executor owns N threads. A batch is begun once (task_begin), its parts run on any of the threads, several at
 * once, and it ends once (task_end). What comes out of a part is told on the thread that ran it. The threads are plain
 * blocking code; the loop of whoever submits never runs an engine. */
#ifndef DF_WORKER_EXECUTOR_H
#define DF_WORKER_EXECUTOR_H

#include "worker/envelope.h"

struct df_executor;

struct df_executor_options {
    unsigned threads; /* at least 1 */
    struct df_store *store;
    struct df_budget *budget;
    const char *temporary_folder; /* for spilled sections; NULL: sections stay in memory */
    bool section_objects; /* others than this process will read the sections: each set becomes an object as well */
};

int df_executor_create(struct df_executor **executor, const struct df_executor_options *options,
                       struct df_error *error);
void df_executor_free(struct df_executor *executor); /* waits until everything submitted is done; NULL is fine */

/* What a part gave. Exactly one of: partial (blob), partial (object), error.
 *
 * Parts are told as they come, so which partials leave through objects is decided one by one: the first that does not
 * fit into what is left of inline_bytes goes out, later ones that still fit stay. (Choosing the largest first needs all
 * of them at hand; whoever gathers a whole answer before sending it may do so.) A partial that fits nowhere is
 * too_large. */
struct df_part_result {
    bool failed;
    struct df_error error;
    struct df_buf blob;              /* the partial, moved to whoever takes the result; empty when `uri` is set */
    char *uri;                       /* owned; the partial lies in this object */
    struct df_section_set *sections; /* owned; NULL when the stage writes none, and when failed */
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

/* NEW ─► BEGINNING ─► OPEN ─► (last part told) done
 *            └─► (refused, or task_begin failed: every part told) done
 * Moved by executor threads only, under the executor's mutex. */
enum df_execution_state { DF_EXECUTION_NEW, DF_EXECUTION_BEGINNING, DF_EXECUTION_OPEN };

/* One batch in the executor; the caller's memory, kept until on_done. Set envelope and callbacks, leave the rest zero.
 */
struct df_execution {
    const struct df_envelope *envelope;
    struct df_execution_callbacks callbacks;
    atomic_bool cancelled; /* set by df_execution_cancel; runs look at it */
    struct {
        struct df_execution *next; /* queue of the executor */
        enum df_execution_state state;
        struct df_task task;
        uint32_t next_position, told;
        uint64_t inline_bytes_used;
        int64_t submitted_ns;
    } executor; /* its own, under its mutex; task is read-only while OPEN */
};

/* Executions are taken in the order of submission; the parts of one by position. Any thread; never blocks. */
void df_executor_submit(struct df_executor *executor, struct df_execution *execution);
/* Parts that have not begun are told as `cancelled` as soon as a thread is free, those that run see it at their next
 * df_task_check. Not after on_done. Any thread. */
void df_execution_cancel(struct df_executor *executor, struct df_execution *execution);

#endif
