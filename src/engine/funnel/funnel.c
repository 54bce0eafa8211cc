/* The funnel engine's table, and the beginning and end of a query. */
#include "engine/funnel/funnel.h"

#include <stdlib.h>

#include "engine/funnel/query.h"
#include "engine/funnel/run.h"

static int query_begin(struct df_query *query, struct df_error *error)
{
    struct df_funnel_query *funnel = df_arena_zalloc(&query->arena, sizeof *funnel);
    if (!funnel)
        return df_error_no_memory(error, "beginning a query");
    query->state = funnel;
    if (df_funnel_request_parse(&funnel->request, query->request, &query->arena, error) < 0)
        return -1;
    size_t steps = funnel->request.step_count;
    funnel->counts.step_count = funnel->request.step_count;
    funnel->counts.steps = df_arena_array(&query->arena, steps, sizeof *funnel->counts.steps);
    funnel->part_steps = df_arena_array(&query->arena, steps, sizeof *funnel->part_steps);
    return funnel->counts.steps && funnel->part_steps ? 0 : df_error_no_memory(error, "beginning a query");
}

static void query_end(struct df_query *query, enum df_end end)
{
    struct df_funnel_query *funnel = query->state;
    (void)end; /* nothing was written aside */
    if (!funnel)
        return;
    df_funnel_listing_close(funnel->listing);
    df_funnel_object_dispose(&funnel->first);
    df_funnel_object_dispose(&funnel->second);
    free(funnel->files);
    query->state = NULL;
}

const struct df_engine df_engine_funnel = {
    .name = "funnel",
    .query_begin = query_begin,
    .plan = df_funnel_plan,
    .fold = df_funnel_fold,
    .finish = df_funnel_finish,
    .query_end = query_end,
    .task_begin = df_funnel_task_begin,
    .run = df_funnel_run,
    .task_end = df_funnel_task_end,
};
