/* A job: one query from its plan to its answer, over any invoker.
 *
 * The job plans stages, packs parts into batches, follows attempts, retries what may be retried, hedges stragglers,
 * folds answers in part order within a window of memory, carries sections from stage to stage, keeps deadline,
 * ceilings, progress and statistics. It never looks inside a part.
 *
 * Thread: the loop's, for every call and callback here. plan, fold, finish and query_end run on the pool, and so do
 * `finish` and `abort` of the writer, one of which is called once; the writer must not call `drained` after either. */
#ifndef DF_JOB_JOB_H
#define DF_JOB_JOB_H

#include "base/config.h"
#include "base/pool.h"
#include "base/progress.h"
#include "engine/engine.h"
#include "invoke/invoke.h"
#include "job/times.h"
#include "net/loop.h"

struct df_job;

struct df_job_options {
    const struct df_engine *engine;
    struct df_slice request; /* copied */
    struct df_writer *writer;

    struct df_loop *loop;
    struct df_pool *pool;
    struct df_store *store;
    struct df_budget *budget;
    struct df_invoker *invoker;   /* of ordinary parts */
    struct df_invoker *local;     /* threads of this process: parts with DF_PART_LOCAL, and the fallback */
    struct df_progress *progress; /* may be NULL */

    uint64_t memory_limit_bytes; /* of one worker; handed to the engine */
    unsigned parallelism;        /* handed to the engine */
    const char *output_prefix;   /* the job appends its id; NULL: no objects, everything inline */
    uint64_t inline_bytes;       /* 0: as the invoker's answer limit says */

    int64_t timeout_ms;       /* 0: none */
    uint32_t attempts;        /* per part, at least 1; `internal` is retried once at most */
    int64_t retry_delay_ms;   /* first delay; doubles up to 32 times, with jitter */
    int64_t hedge_after_ms;   /* never hedge earlier; 0: no hedging */
    uint64_t reorder_bytes;   /* window of answers ahead of the fold; 0: 256 MB */
    uint32_t plan_room;       /* parts asked of one plan call at most; 0: 1024 */
    uint64_t bytes_ceiling;   /* predicted bytes of all parts; 0: none; above: exhausted */
    double cost_ceiling;      /* dollars; 0: none */
    bool fallback_to_threads; /* a part whose last attempt failed in a retryable way runs once more on `local` */
    uint64_t seed;            /* of the jitter and the id; 0: from the system */
};

/* Rows of the options table that fill these (job.attempts, job.timeout, …). */
extern const struct df_option df_job_option_rows[];
extern const size_t df_job_option_count;
void df_job_options_from_config(struct df_job_options *options, const struct df_config *config);

struct df_job_stats {
    const char *id;
    uint32_t stages;
    uint64_t parts, batches;
    uint64_t attempts_failed; /* parts' attempts that ended in an error */
    uint64_t retries, hedges;
    uint64_t answers_dropped;        /* late and double ones */
    uint64_t parts_unsettled;        /* cut off by ENOUGH or by the end */
    struct df_run_stats run;         /* of winning attempts */
    uint64_t tasks_cold, tasks_warm; /* winning attempts, by whether they were the first of their process */
    uint64_t bytes_planned;
    uint64_t section_bytes, sections_spilled;
    struct df_cost cost;
    int64_t total_ns, plan_ns, fold_ns;
};

/* The end. error is NULL exactly when end is DF_END_DONE. Called once; nothing of the job runs afterwards: no part is
 * in flight, nothing is left under its prefix. The job may be freed by it. */
typedef void df_job_end_fn(void *ctx, struct df_job *job, enum df_end end, const struct df_error *error);

int df_job_start(struct df_job **job, const struct df_job_options *options, df_job_end_fn *on_end, void *ctx,
                 struct df_error *error);
/* Ends it early; on_end still comes, with DF_END_CANCELLED. Fine at any time; once the answer is complete or the query
 * has failed for another reason, that end stands. */
void df_job_cancel(struct df_job *job);
const struct df_job_stats *df_job_statistics(const struct df_job *job);
const struct df_query *df_job_query(const struct df_job *job); /* its counters */
/* Once on_end has been called: how long its winning attempts took, moved to the caller. */
void df_job_take_times(struct df_job *job, struct df_job_times *times);
void df_job_free(struct df_job *job); /* only after on_end has been called */

#endif
