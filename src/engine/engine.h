/* What an engine is: it says what to compute, and knows no worker, no protocol, no catalogue.
 *
 * An answer is made in stages. Per stage the engine plans parts, workers run them, and the engine folds their partial
 * results in part order; then it may plan another stage, or finish.
 *
 *     query_begin ─► plan(0) ─► run … ─► fold … ─► plan(1) ─► … ─► plan(n) without a part ─► finish ─► query_end
 *                    └ parts ┘  workers  └ in order ┘
 *
 * query_begin, plan, fold, finish and query_end run on pool threads of the coordinator, one at a time per query.
 * task_begin, run and task_end run on worker threads; run for several parts of a task at once. */
#ifndef DF_ENGINE_ENGINE_H
#define DF_ENGINE_ENGINE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/time.h"
#include "engine/writer.h"
#include "store/store.h"

/* ---- a part ---- */

enum df_part_flags {
    DF_PART_LOCAL = 1u << 0,    /* run by the coordinator's own threads (metadata) */
    DF_PART_NO_RETRY = 1u << 1, /* an effect outside that must not happen twice */
    DF_PART_NO_HEDGE = 1u << 2,
};

enum { DF_PART_DETAIL_BYTES_MAX = 64 * 1024 };

/* One piece of a stage's work. Read-only for everybody; its strings live as long as its batch. */
struct df_part {
    uint32_t stage;
    uint32_t index; /* position within the stage, from 0, in the order of plan */
    const char *uri;
    uint64_t size_bytes;
    const char *etag;
    uint64_t range_begin, range_end; /* row groups of the object, or sections of an exchange */
    uint32_t flags;                  /* enum df_part_flags */
    uint64_t weight_bytes;           /* predicted work, for batching */
    struct df_slice detail;          /* the engine's own, at most DF_PART_DETAIL_BYTES_MAX */
};

/* What became of a part: a partial result, or its final error. */
struct df_outcome {
    bool failed;
    struct df_error error;
    struct df_slice blob; /* the partial, as run encoded it; valid during fold */
};

/* ---- a query (coordinator) ---- */

enum df_end { DF_END_DONE, DF_END_FAILED, DF_END_CANCELLED, DF_END_DEADLINE };

/* Counters that the engine hands to whoever shows statistics: by name, added up. Names are static strings. */
enum { DF_QUERY_COUNTERS = 16 };
struct df_counter {
    const char *name;
    uint64_t value;
};

struct df_query {
    const struct df_engine *engine;
    struct df_slice request;      /* JSON, the engine's own; lives as long as the query */
    struct df_store *store;       /* for listing and metadata only */
    const atomic_bool *cancelled; /* the end has been decided; NULL: never. For what waits, as listings do */
    struct df_budget *budget;
    uint64_t memory_limit_bytes; /* of one worker process; 0: none */
    unsigned parallelism;        /* parts that run at once, about */
    uint64_t partial_values; /* values (of lists, distinct counts) that a partial may carry; 0: as the engine thinks */
    struct df_arena arena;   /* lives as long as the query */
    void *state;             /* the engine's */
    struct df_counter counters[DF_QUERY_COUNTERS];
    struct df_buf explain; /* one JSON object, from finish on: how the answer was made. Freed by df_query_dispose */
};

/* Frees what the query owns: its arena and explain. */
void df_query_dispose(struct df_query *query);

/* At most DF_QUERY_COUNTERS different names. */
void df_query_count(struct df_query *query, const char *name, uint64_t add);
uint64_t df_query_counter(const struct df_query *query, const char *name); /* 0 when never counted */

/* ---- planning ---- */

/* What one call of plan may give. plan emits at most `room` parts and says whether more will come; it may list, but
 * does not read data and never waits. */
struct df_plan {
    uint32_t room; /* parts that may still be added in this call; df_plan_add counts it down */

    /* Of the whole stage; set on its first call, before the first part. */
    uint32_t sections;       /* K of an exchange whose sections the parts of this stage write; 0: none */
    struct df_slice request; /* instead of the query's own request; {NULL, 0}: that one. Copied. */
    uint64_t parts_expected; /* for progress; 0: not known */

    /* The job's. */
    int (*add)(struct df_plan *plan, const struct df_part *part, struct df_error *error);
    void *ctx;
};

enum { DF_PLAN_END = 0, DF_PLAN_MORE = 1 };
enum { DF_FOLD_MORE = 0, DF_FOLD_ENOUGH = 1 };

/* Adds a part; everything in it is copied, stage and index are set by the job. invalid when detail is too large;
 * internal when there is no room, or the range ends before it begins. */
int df_plan_add(struct df_plan *plan, const struct df_part *part, struct df_error *error);

/* ---- running (worker) ---- */

/* What a run says about itself; added up by the job. */
struct df_run_stats {
    uint64_t rows_scanned;
    uint64_t bytes_read;
    /* Filled by the worker. */
    uint64_t cpu_ns;
    uint64_t queued_ns; /* from the arrival of its batch in the process to the part's start */
    uint64_t total_ns;  /* from its start to its end; what is not cpu_ns of it was waiting, for bytes mostly */
    bool cold;          /* its batch was the first of its process */
};

struct df_partial {
    struct df_buf blob; /* the engine's codec, with its version in front */
    struct df_run_stats stats;
};

/* A batch of parts of one stage in a worker. */
struct df_task {
    const struct df_engine *engine;
    struct df_slice request;
    uint32_t stage;
    uint32_t attempt;
    struct df_store *store;
    struct df_budget *budget;
    struct df_deadline deadline;
    const atomic_bool *cancelled;
    uint32_t sections;                 /* K that parts of this task write; 0: none */
    uint32_t threads;                  /* how many parts may run at once in this process */
    struct df_arena arena;             /* lives as long as the task; used by task_begin only */
    void *state;                       /* the engine's, made by task_begin, read-only for run */
    struct df_task_exchange *exchange; /* the executor's */
};

/* Ask between batches of rows, at least every few milliseconds of work; then fail with `cancelled` (or `timeout`, when
 * the deadline has passed). Returns 0 when the work may go on. */
int df_task_check(const struct df_task *task, struct df_error *error);

/* ---- exchange: making groups whole ----
 *
 * A stage whose plan says `sections = K` writes K sections per part; parts of the next stage read runs of neighbouring
 * sections [range_begin, range_end) of all producers. Implemented by the executor. */

/* Appends bytes to a section of this part. Any order of sections, any number of times; a section reads back in the
 * order of its appends. Thread: the one that runs the part. Fails with exhausted (memory and temporary folder both
 * full). */
int df_task_section_write(struct df_task *task, const struct df_part *part, uint32_t section, struct df_slice bytes,
                          struct df_error *error);

/* One section of one producer, whole; valid during the call only. */
typedef int df_section_fn(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes,
                          struct df_error *error);

/* Hands over the sections of part->range section by section, and inside a section producer by producer in part order;
 * empty ones are left out. May be called again for the same part. */
int df_task_section_read(struct df_task *task, const struct df_part *part, df_section_fn *piece, void *ctx,
                         struct df_error *error);

/* ---- an engine ---- */

struct df_engine {
    const char *name;

    int (*query_begin)(struct df_query *, struct df_error *); /* parses and checks the request */
    int (*plan)(struct df_query *, uint32_t stage, struct df_plan *, struct df_error *); /* DF_PLAN_*, -1 */
    int (*fold)(struct df_query *, const struct df_part *, const struct df_outcome *, struct df_writer *,
                struct df_error *); /* DF_FOLD_*, -1; every part of a stage, in index order */
    int (*finish)(struct df_query *, struct df_writer *, struct df_error *);
    void (*query_end)(struct df_query *, enum df_end); /* exactly once if query_begin was called, also if that failed */

    int (*task_begin)(struct df_task *, struct df_error *);
    int (*run)(struct df_task *, const struct df_part *, struct df_partial *, struct df_error *);
    void (*task_end)(struct df_task *); /* exactly once if task_begin was called, also if that failed */
};

#endif
