/* The handlers of a worker that this layer brings: the task envelope and ping. main/ puts them into the runtime's
 * table.
 *
 * Nothing is opened before the first envelope: store, threads and memory account are made then. Thread: the loop's. */
#ifndef DF_WORKER_EVENTS_H
#define DF_WORKER_EVENTS_H

#include "base/config.h"
#include "worker/envelope_json.h"
#include "worker/runtime.h"

struct df_task_events;

struct df_task_events_options {
    df_engine_find_fn *find_engine;
    unsigned threads;            /* that run parts; at least 1 */
    uint64_t memory_limit_bytes; /* 0: none */
    const char *temporary_folder;
    /* Places below which an envelope may let this worker write ("s3://bucket/results/"), separated by commas; NULL or
     * "": any. */
    const char *output_prefixes;
};

/* Rows of the options table that fill these: worker.threads, worker.memory, … */
extern const struct df_option df_worker_option_rows[];
extern const size_t df_worker_option_count;
/* The texts stay the config's. */
void df_task_events_options_from_config(struct df_task_events_options *options, const struct df_config *config);

int df_task_events_create(struct df_task_events **events, const struct df_task_events_options *options,
                          struct df_error *error);
/* Waits for what still runs. After df_runtime_run, and before its loop is freed. NULL is fine. */
void df_task_events_free(struct df_task_events *events);

struct df_event_handler df_task_event_handler(struct df_task_events *events); /* {"dayfly": 1, "parts": […], …} */
struct df_event_handler df_ping_event_handler(void);                          /* {"op": "ping"} */

#endif
