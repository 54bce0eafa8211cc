/* What the files of src/job/ share: the state of a job, of its stages, parts and batches.
 *
 *     job.c      the life of a job: begin, stages, finish, end; deadline and cancellation
 *     stage.c    plan calls, the parts of a stage, what passes from stage to stage
 *     batch.c    the window, packing, submitting
 *     attempt.c  what becomes of an attempt: answers, errors, retries, which one wins
 *     hedge.c    second attempts for stragglers
 *     fold.c     fold order, back pressure of the writer, partials that lie in objects
 *
 * Two parties: the loop, and at most one engine call (begin, plan, fold, finish, end) on the pool. `engine` of struct
 * df_job belongs to the call while it runs and to the loop while none does; `loop` is the loop's only. Callbacks change
 * state and ask for a step; df_job_step (job.c) alone starts things, never from inside a callback of an invoker. */
#ifndef DF_JOB_INTERNAL_H
#define DF_JOB_INTERNAL_H

#include <stdatomic.h>

#include "job/job.h"

enum {
    LIVE_ATTEMPTS_MAX = 2,     /* of one part: the first and a hedge */
    FETCHES_AHEAD = 2,         /* partials in objects, beyond the one that is folded */
    THROTTLES_PER_ATTEMPT = 10 /* without a deadline, so that a throttled part ends at all */
};

struct df_job_batch;
struct df_job_stage;

/* ---- where parts go ---- */

/* An invoker and the parts that wait for it. */
struct df_job_lane {
    struct df_invoker *invoker;
    uint32_t in_flight;
    /* Parts in the window that wait to be submitted: a heap, heaviest first, then by index. */
    struct df_job_part **heap;
    size_t heap_count;
};

/* ---- a part ---- */

/*      plan
 *       │                  ┌───────── retry timer ◄────────┐
 *       ▼                  ▼                               │
 *    PLANNED ─ window ─► WAITING ─ submit ─► LIVE ─ fails ─► DELAYED
 *                          │                  │ └─ out of attempts, not retryable ─┐
 *                          │                  └─ the first answer ─► SETTLED ◄─────┘ ─ fold ─► FOLDED
 *                          └─ too large for any request ──────────────▲ */
enum df_job_part_state {
    PART_PLANNED, /* beyond the window */
    PART_WAITING, /* in the heap of its lane */
    PART_LIVE,    /* in one or two batches */
    PART_DELAYED, /* its timer runs */
    PART_SETTLED, /* has its answer or its final error */
    PART_FOLDED,
};

struct df_job_part {
    struct df_part part;
    struct df_job_stage *stage; /* borrowed: the part lies in its arena */
    struct df_job_part *next;   /* of those one plan call added */
    enum df_job_part_state state;

    struct df_job_lane *lane;
    size_t heap_index; /* in lane->heap while WAITING */
    struct df_job_batch *live[LIVE_ATTEMPTS_MAX];
    uint32_t live_count;
    uint32_t failures;     /* attempts used up */
    uint32_t internals;    /* of those, by `internal` */
    uint32_t throttles;    /* attempts that do not count */
    uint32_t hedges;       /* ever submitted */
    uint32_t batch_max;    /* after too_large: parts its next batch may hold; 0: as the invoker says */
    bool fell_back;        /* runs on `local` because nothing else helped */
    struct df_timer timer; /* of the retry; once settled, of fetching again */

    uint64_t window_bytes; /* what it counts in stage->window_bytes */
    bool ahead;            /* and in stage->ahead_bytes */

    /* The list of parts that may be hedged, oldest attempt first. */
    struct df_job_part *hedge_previous, *hedge_next;
    int64_t hedge_clock_ns;
    bool hedge_listed;

    /* The answer, from SETTLED until it is folded. */
    struct df_error *error; /* owned; NULL: it is a partial */
    struct df_buf blob;
    char *uri;     /* owned; the partial lies there and has not been fetched */
    bool fetching; /* then a fetch has the uri */
    uint32_t fetch_failures;
    uint64_t budget_bytes; /* taken for blob */
    struct df_section_set *sections;
};

/* ---- a stage ---- */

/* Counted: the job holds one while the stage is current, each batch and each fetch another. */
struct df_job_stage {
    uint32_t references;
    struct df_job *job;
    uint32_t number;
    bool closed; /* folded, or cut off: nothing that still comes in is wanted */

    struct df_arena arena; /* parts and request; allocated from by plan calls only */
    struct df_slice request;
    uint32_t sections;
    uint64_t parts_expected;
    bool planned_once, plan_ended, enough;

    struct df_section_manifest *inputs, *outputs; /* held */

    struct df_job_part **parts;
    uint32_t part_count, part_capacity;
    uint32_t folded;       /* parts [0, folded) are */
    uint32_t settled;      /* for progress */
    uint32_t horizon;      /* parts [folded, horizon) are in the window */
    uint32_t waiting;      /* in heaps */
    uint64_t window_bytes; /* of [folded, horizon): actual, reserved, or what a full batch would reserve for it */
    uint64_t ahead_bytes;  /* of those submitted: actual or reserved */
    bool window_full;      /* something could be submitted if it were not for the window */

    struct df_job_part *hedge_first, *hedge_last;
    /* Durations of answered attempts: lower half in a heap with the greatest on top, upper half with the least on top.
     */
    int64_t *lower_ns, *upper_ns;
    size_t lower_count, upper_count;
};

/* ---- a batch ---- */

struct df_job_batch {
    struct df_batch base; /* first: callbacks get this address */
    struct df_job *job;
    struct df_job_stage *stage; /* held */
    struct df_job_lane *lane;
    struct df_job_batch *previous, *next; /* of all in flight */
    struct df_job_batch *cancel_next;     /* of those to be cancelled */
    bool cancel_queued, cancel_sent;
    int64_t submitted_ns;
    uint32_t untold;  /* positions of which nothing has been said */
    uint32_t pending; /* of those, whose parts are not settled by another attempt */
    bool *told;
    struct df_job_part **parts; /* by position */
    /* Of those whose answer was the first of its part: how long they took, as the worker says. */
    struct df_run_stats *won;
    uint32_t won_count;
    uint64_t last_end_ns; /* the latest end of one, by the worker's clock, from the arrival of the batch there */
    int64_t last_told_ns; /* when it was told here */
};

/* ---- engine calls ---- */

enum df_job_call {
    CALL_BEGIN,
    CALL_PLAN,
    CALL_FOLD,
    CALL_FINISH,
    CALL_WRITER_END, /* finish or abort of the writer */
    CALL_CLEAN_UP,   /* removes objects, then query_end */
};

struct df_job_fetch {
    struct df_pool_call call;
    struct df_job *job;
    struct df_job_stage *stage; /* held */
    struct df_job_part *part;   /* NULL: free */
    char *uri;                  /* owned: the part may be dropped meanwhile */
    struct df_buf blob;
    uint64_t limit_bytes;
    int result;
    struct df_error error;
};

enum df_job_phase {
    PHASE_BEGIN,  /* query_begin has not returned */
    PHASE_STAGES, /* planning, running, folding */
    PHASE_FINISH, /* a stage had no part: the answer is being completed */
    PHASE_END,    /* decided: cancel, wait, clean up */
};

/* ---- a job ---- */

struct df_job {
    struct df_job_options options; /* read-only once started */
    char id[32];
    char *prefix; /* owned; "<output_prefix>/<id>/"; NULL: no objects */
    char *lease;  /* owned; an object under it, for attempts that outlive their done; NULL: there are none */
    df_job_end_fn *on_end;
    void *on_end_ctx;

    struct {
        struct df_query query;
        struct df_pool_call call;
        enum df_job_call kind;
        int result;
        struct df_error error;
        int64_t ns; /* how long it took */

        /* of CALL_PLAN */
        struct df_plan plan;
        struct df_job_stage *stage;
        struct df_job_part *first, *last; /* what it added */
        uint32_t room, added;
        uint32_t first_index;
        uint64_t bytes_planned; /* of the whole job */
        bool add_failed;
        struct df_error add_error;

        struct df_job_part *part; /* of CALL_FOLD */
    } engine;

    atomic_bool given_up; /* the end is decided and is no answer: for the engine call that may be under way */

    /* Set by the writer's thread, cleared on the loop: the item is on its way. */
    atomic_bool drain_posted;
    struct df_post_item drain_item;

    struct {
        enum df_job_phase phase;
        struct df_post_item step_item;
        bool step_posted;
        bool engine_busy;
        bool begun; /* query_begin was called */
        bool last_was_plan;
        bool writer_told, cleaned_up, ended;

        enum df_end end;
        struct df_error error;

        struct df_timer deadline_timer;
        struct df_deadline deadline;
        int64_t writer_full_since_ns; /* 0: it is not full */

        struct df_job_lane lanes[2];         /* ordinary, local */
        struct df_job_lane *local;           /* lanes[0] when both are one invoker */
        struct df_job_stage *stage;          /* held; NULL before the first and after the last */
        struct df_section_manifest *carried; /* held; between two stages */

        struct df_job_batch *batches; /* in flight */
        struct df_job_batch *cancel_first;
        uint32_t attempt; /* serial number of the last batch */
        struct df_timer hedge_timer;
        struct df_job_fetch fetches[FETCHES_AHEAD + 1];

        uint64_t random;
        int64_t started_ns;
        struct df_job_stats stats;
        struct df_job_times times;
    } loop;
};

/* job.c */
void df_job_step_later(struct df_job *job);
void df_job_fail(struct df_job *job, const struct df_error *error); /* DF_END_FAILED, unless the end is decided */
void df_job_call(struct df_job *job, enum df_job_call kind);
uint64_t df_job_random(struct df_job *job);
struct df_deadline df_job_deadline(const struct df_job *job); /* as of now: it moves while the writer is full */
static inline bool df_job_ending(const struct df_job *job)
{
    return job->loop.phase == PHASE_END;
}

/* stage.c */
int df_job_stage_begin(struct df_job *job, uint32_t number, struct df_error *error);
void df_job_stage_close(struct df_job *job); /* the current one; what it wrote goes to `carried` */
void df_job_stage_hold(struct df_job_stage *stage);
void df_job_stage_release(struct df_job_stage *stage);
bool df_job_stage_done(const struct df_job_stage *stage); /* nothing left to plan or fold */
uint32_t df_job_plan_room(const struct df_job *job);      /* 0: not now */
void df_job_plan_start(struct df_job *job, uint32_t room);
void df_job_plan_run(struct df_job *job);   /* pool */
void df_job_plan_ended(struct df_job *job); /* loop */

/* batch.c */
int df_job_lane_reserve(struct df_job_lane *lane, uint32_t parts);
uint64_t df_job_nominal_bytes(const struct df_job_lane *lane); /* what a full batch reserves for each of its parts */
void df_job_window_count(struct df_job_part *part, uint64_t bytes, bool ahead);
void df_job_enqueue(struct df_job_part *part); /* into the heap of its lane; it is in the window */
void df_job_submit_ready(struct df_job *job);
bool df_job_lane_free(const struct df_job_lane *lane);
void df_job_submit(struct df_job *job, struct df_job_lane *lane, struct df_job_part *const *parts, uint32_t count);
void df_job_batch_free(struct df_job_batch *batch);

/* attempt.c */
extern const struct df_batch_callbacks df_job_batch_callbacks;
void df_job_attempt_failed(struct df_job *job, struct df_job_part *part, uint32_t batch_parts, bool stale_deadline,
                           const struct df_error *error);
void df_job_submit_failed(struct df_job *job, struct df_job_batch *batch, const struct df_error *error);
void df_job_settle_error(struct df_job *job, struct df_job_part *part, const struct df_error *error);
void df_job_drop_answer(struct df_job *job, struct df_job_part *part); /* frees what is kept of it, gives back memory */
void df_job_cancel_batch(struct df_job *job, struct df_job_batch *batch); /* queued until the step */
void df_job_send_cancels(struct df_job *job);
int64_t df_job_retry_delay_ms(struct df_job *job, uint32_t tries);

/* hedge.c */
void df_job_hedge_list(struct df_job *job, struct df_job_part *part); /* its clock starts now */
void df_job_hedge_unlist(struct df_job_part *part);
void df_job_hedge_note(struct df_job_stage *stage, int64_t duration_ns);
int df_job_hedge_reserve(struct df_job_stage *stage, uint32_t parts);
int64_t df_job_hedge_median_ns(const struct df_job_stage *stage); /* -1: nothing has finished */
void df_job_hedge_ready(struct df_job *job);

/* fold.c */
bool df_job_fold_ready(const struct df_job *job);
void df_job_fold_start(struct df_job *job);
void df_job_fold_run(struct df_job *job);   /* pool */
void df_job_fold_ended(struct df_job *job); /* loop */
void df_job_fetch_ahead(struct df_job *job);
bool df_job_fetching(const struct df_job *job);
void df_job_watch_writer(struct df_job *job);

#endif
