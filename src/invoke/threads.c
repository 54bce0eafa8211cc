/* Threads of this process as an invoker: the executor behind a loop.
 *
 * A batch is handed over by pointer. What its parts give comes back as items that were allocated with the batch, posted
 * to the loop in the order they were told, `done` last; so telling never fails and needs no lock of ours. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/size.h"
#include "invoke/invoke.h"
#include "net/loop.h"

enum {
    /* Small parts share what a batch costs (task_begin, a post); one of this weight is worth a batch of its own. Parts
     * of a batch run at once, so a batch is no unit of idleness. */
    PARTS_PER_BATCH = 8,
    BATCH_WEIGHT_BYTES = 8 * 1024 * 1024,
    /* A guess to reserve by, not a limit: partials stay in this process. */
    ANSWER_BYTES = 1024 * 1024,
    /* Beyond one batch per thread: what threads find while the loop hears that others are done. */
    BATCHES_AHEAD = 2,
};

struct threads_invoker {
    struct df_invoker invoker; /* first */
    struct df_loop *loop;
    struct df_executor *executor;
    uint32_t batches; /* from submit to done */
};

struct flight;

/* What one part gave, on its way to the loop. */
struct told_part {
    struct df_post_item item;
    struct flight *flight;
    uint32_t position;
    struct df_part_result result;
};

/* A batch between submit and done. */
struct flight {
    struct threads_invoker *threads;
    struct df_batch *batch;
    struct df_execution execution;
    struct df_post_item done;
    struct told_part parts[];
};

/* ---- on executor threads ---- */

static void on_part(void *ctx, uint32_t position, struct df_part_result *result)
{
    struct flight *flight = ctx;
    struct told_part *told = &flight->parts[position];
    told->result = *result;
    df_loop_post(flight->threads->loop, &told->item);
}

static void on_done(void *ctx)
{
    struct flight *flight = ctx;
    df_loop_post(flight->threads->loop, &flight->done);
}

/* ---- on the loop ---- */

static void tell_part(void *ctx)
{
    struct told_part *told = ctx;
    struct df_batch *batch = told->flight->batch;
    batch->callbacks.on_part(batch->callbacks.ctx, batch, told->position, &told->result);
}

static void tell_done(void *ctx)
{
    struct flight *flight = ctx;
    struct df_batch *batch = flight->batch;
    flight->threads->batches--;
    batch->invoker_state = NULL;
    free(flight);
    struct df_cost cost = {0};
    batch->callbacks.done(batch->callbacks.ctx, batch, NULL, &cost);
}

static struct flight *make_flight(struct threads_invoker *threads, struct df_batch *batch)
{
    uint32_t part_count = batch->envelope.part_count;
    size_t bytes;
    if (df_size_mul(&bytes, part_count, sizeof(struct told_part)) != 0 ||
        df_size_add(&bytes, bytes, sizeof(struct flight)) != 0)
        return NULL;
    struct flight *flight = calloc(1, bytes);
    if (!flight)
        return NULL;
    flight->threads = threads;
    flight->batch = batch;
    flight->execution.envelope = &batch->envelope;
    flight->execution.callbacks =
        (struct df_execution_callbacks){.on_part = on_part, .on_done = on_done, .ctx = flight};
    flight->done = (struct df_post_item){.fn = tell_done, .ctx = flight};
    for (uint32_t i = 0; i < part_count; i++) {
        struct told_part *told = &flight->parts[i];
        told->item = (struct df_post_item){.fn = tell_part, .ctx = told};
        told->flight = flight;
        told->position = i;
    }
    return flight;
}

static int threads_submit(struct df_invoker *invoker, struct df_batch *batch, struct df_error *error)
{
    struct threads_invoker *threads = (struct threads_invoker *)invoker;
    struct flight *flight = make_flight(threads, batch);
    if (!flight)
        return df_error_no_memory(error, "handing a batch to the threads");
    batch->invoker_state = flight;
    threads->batches++;
    df_executor_submit(threads->executor, &flight->execution);
    return 0;
}

static void threads_cancel(struct df_invoker *invoker, struct df_batch *batch)
{
    struct threads_invoker *threads = (struct threads_invoker *)invoker;
    struct flight *flight = batch->invoker_state;
    if (flight)
        df_execution_cancel(threads->executor, &flight->execution);
}

static void threads_free(struct df_invoker *invoker)
{
    struct threads_invoker *threads = (struct threads_invoker *)invoker;
    assert(threads->batches == 0); /* a batch still out would come back to a loop that asks after us */
    df_executor_free(threads->executor);
    free(threads);
}

int df_invoke_threads_create(struct df_invoker **out, struct df_loop *loop, const struct df_executor_options *options,
                             struct df_error *error)
{
    *out = NULL;
    struct threads_invoker *threads = calloc(1, sizeof *threads);
    if (!threads)
        return df_error_no_memory(error, "creating the threads invoker");
    if (df_executor_create(&threads->executor, options, error) != 0) {
        free(threads);
        return -1;
    }
    threads->loop = loop;
    threads->invoker = (struct df_invoker){
        .name = "threads",
        .limits =
            {
                .parts_per_batch = PARTS_PER_BATCH,
                .batch_weight_bytes = BATCH_WEIGHT_BYTES,
                .answer_bytes = ANSWER_BYTES,
                .batches_in_flight = options->threads + BATCHES_AHEAD,
                .hedge = false, /* the second attempt would wait behind the first, or share its cores */
            },
        .submit = threads_submit,
        .cancel = threads_cancel,
        .free = threads_free,
    };
    *out = &threads->invoker;
    return 0;
}
