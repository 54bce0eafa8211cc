#include "worker/exchange.h"

#include <assert.h>
#include <inttypes.h>

int df_task_check(const struct df_task *task, struct df_error *error)
{
    if (task->cancelled && atomic_load_explicit(task->cancelled, memory_order_relaxed))
        return df_error_set(error, DF_ERROR_CANCELLED, "cancelled");
    if (df_deadline_passed(task->deadline))
        return df_error_set(error, DF_ERROR_TIMEOUT, "the deadline has passed");
    return 0;
}

/* ---- writing ---- */

static int make_builder(struct df_task *task, struct df_error *error)
{
    struct df_task_exchange *exchange = task->exchange;
    if (exchange->builder)
        return 0;
    return df_section_builder_create_shared(&exchange->builder, task->sections, task->budget, exchange->spill,
                                            task->cancelled, error);
}

int df_task_section_write(struct df_task *task, const struct df_part *part, uint32_t section, struct df_slice bytes,
                          struct df_error *error)
{
    assert(task->exchange && task->exchange->part == part); /* the task and the part that run was given */
    if (section >= task->sections)
        return df_error_set(error, DF_ERROR_INVALID,
                            "part %" PRIu32 " writes section %" PRIu32 ", its stage has %" PRIu32, part->index, section,
                            task->sections);
    if (make_builder(task, error) != 0)
        return -1;
    return df_section_builder_put(task->exchange->builder, section, bytes, error);
}

int df_exchange_finish(struct df_task *task, struct df_section_set **set, struct df_error *error)
{
    *set = NULL;
    if (task->sections == 0)
        return 0;
    if (make_builder(task, error) != 0)
        return -1;
    struct df_section_builder *builder = task->exchange->builder;
    task->exchange->builder = NULL;
    return df_section_builder_finish(builder, set, error);
}

void df_exchange_dispose(struct df_task_exchange *exchange)
{
    df_section_builder_free(exchange->builder);
    exchange->builder = NULL;
}

/* ---- reading ---- */

struct section_reading {
    const struct df_task *task;
    df_section_fn *piece;
    void *ctx;
};

/* The manifest looks at `cancelled` only; a deadline ends a reading as well. */
static int check_and_hand_over(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes,
                               struct df_error *error)
{
    const struct section_reading *reading = ctx;
    if (df_task_check(reading->task, error) != 0)
        return -1;
    return reading->piece(reading->ctx, producer, section, bytes, error);
}

int df_task_section_read(struct df_task *task, const struct df_part *part, df_section_fn *piece, void *ctx,
                         struct df_error *error)
{
    struct df_section_manifest *inputs = task->exchange->inputs;
    if (!inputs)
        return df_error_set(error, DF_ERROR_INVALID,
                            "part %" PRIu32 " reads sections, but the stage before it wrote none", part->index);
    if (part->range_begin > UINT32_MAX || part->range_end > UINT32_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "sections %" PRIu64 " to %" PRIu64 " asked of %" PRIu32,
                            part->range_begin, part->range_end, df_section_manifest_sections(inputs));
    struct section_reading reading = {.task = task, .piece = piece, .ctx = ctx};
    return df_section_manifest_read(inputs, (uint32_t)part->range_begin, (uint32_t)part->range_end, task->budget,
                                    task->cancelled, check_and_hand_over, &reading, error);
}
