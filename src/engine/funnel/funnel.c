/* The funnel engine's table, and the beginning and end of a query. */
#include "engine/funnel/funnel.h"

#include <stdlib.h>

#include "engine/funnel/plan/query.h"
#include "engine/funnel/run/run.h"

static int query_begin(struct df_query *query, struct df_error *error)
{
    struct df_funnel_query *funnel = df_arena_zalloc(&query->arena, sizeof *funnel);
    if (!funnel)
        return df_error_no_memory(error, "beginning a query");
    query->state = funnel;
    if (df_funnel_request_parse(&funnel->request, query->request, &query->arena, error) < 0 ||
        df_funnel_result_create(&funnel->scan.result, &funnel->request, NULL, error) < 0)
        return -1;
    return df_funnel_export_begin(query, error);
}

static void query_end(struct df_query *query, enum df_end end)
{
    struct df_funnel_query *funnel = query->state;
    if (!funnel)
        return;
    df_funnel_export_end(query, end == DF_END_DONE);
    df_funnel_listing_close(funnel->listing);
    df_funnel_result_free(funnel->scan.result);
    df_buf_dispose(&funnel->worker_request);
    free(funnel->files);
    free(funnel->part_files);
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
