/* The engine's table: begin and end of a run, what follows from partials, the answer, and what a worker runs. */
#include "engine/funnel/repartition/repartition.h"

#include <stdlib.h>

#include "base/json_write.h"
#include "engine/funnel/repartition/output.h"
#include "engine/funnel/repartition/state.h"

static int no_memory(struct df_error *error)
{
    return df_error_no_memory(error, "planning files");
}

/* ---- begin and end ---- */

static int query_begin(struct df_query *query, struct df_error *error)
{
    struct df_repartition *repartition = df_arena_zalloc(&query->arena, sizeof *repartition);
    query->state = repartition;
    if (!repartition)
        return df_error_no_memory(error, "beginning to write files");
    if (df_repartition_request_parse(&repartition->request, query->request, &query->arena, error) < 0)
        return -1;
    repartition->schema = df_repartition_schema_create(&repartition->request, &query->arena);
    if (!repartition->schema)
        return df_error_no_memory(error, "beginning to write files");
    if (df_store_publication_begin(query->store, repartition->request.target, &repartition->publication, error) < 0)
        return -1;
    repartition->request.place = df_store_publication_place(repartition->publication);
    return 0;
}

static void query_end(struct df_query *query, enum df_end end)
{
    struct df_repartition *repartition = query->state;
    (void)end; /* what was published is no longer in its place, whatever the end */
    if (!repartition)
        return;
    df_store_publication_end(repartition->publication);
    free(repartition->sources);
    free(repartition->scattered.section_rows);
    df_buf_dispose(&repartition->stage_request);
    query->state = NULL;
}

/* ---- folding ---- */

static int fold_footer(struct df_repartition *repartition, struct df_slice blob, struct df_error *error)
{
    if (repartition->described == repartition->source_count)
        return df_error_set(error, DF_ERROR_INTERNAL, "more footers came than there are files");
    struct df_repartition_source *source = &repartition->sources[repartition->described++];
    return df_repartition_schema_add(repartition->schema, source->file.uri, blob, &source->footer, error);
}

static int fold_written(struct df_query *query, const struct df_part *part, struct df_slice blob,
                        struct df_error *error)
{
    struct df_repartition *repartition = query->state;
    struct df_repartition_request *request = &repartition->request;
    struct df_repartition_written written;
    if (df_repartition_written_take(blob, &written, error) < 0)
        return -1;
    if (request->token_count == request->parts || part->index != request->token_count)
        return df_error_set(error, DF_ERROR_INTERNAL, "more files came than were asked for");
    if (!df_arena_copy(&query->arena, written.token, &request->tokens[request->token_count++]))
        return no_memory(error);
    repartition->users += written.users;
    repartition->bytes += written.bytes;
    return 0;
}

static int fold(struct df_query *query, const struct df_part *part, const struct df_outcome *outcome,
                struct df_writer *writer, struct df_error *error)
{
    struct df_repartition *repartition = query->state;
    int result = 0;
    (void)writer;
    if (outcome->failed) {
        *error = outcome->error;
        return -1;
    }
    if (part->stage == DF_REPARTITION_FOOTERS)
        result = fold_footer(repartition, outcome->blob, error);
    else if (part->stage == DF_REPARTITION_SCATTER)
        result =
            df_repartition_scattered_add(outcome->blob, repartition->request.parts, &repartition->scattered, error);
    else if (part->stage == DF_REPARTITION_GATHER)
        result = fold_written(query, part, outcome->blob, error);
    return result < 0 ? -1 : DF_FOLD_MORE;
}

/* ---- the answer ---- */

static void put_number(struct df_json_writer *json, const char *name, uint64_t number)
{
    df_json_key(json, name);
    df_json_uint(json, number);
}

static void put_columns(const struct df_repartition *repartition, struct df_json_writer *json)
{
    const struct df_repartition_request *request = &repartition->request;
    const char *const *left_out;
    uint32_t left_out_count = df_repartition_schema_left_out(repartition->schema, &left_out);
    char text[DF_TYPE_TEXT_BYTES];
    df_json_key(json, "columns");
    df_json_begin_array(json);
    for (uint32_t i = 0; i < request->column_count; i++) {
        df_json_begin_object(json);
        df_json_key(json, "name");
        df_json_text(json, request->columns[i].name);
        df_json_key(json, "type");
        df_json_text(json, df_type_text(&request->columns[i].type, text));
        df_json_end_object(json);
    }
    df_json_end_array(json);
    df_json_key(json, "leftOut");
    df_json_begin_array(json);
    for (uint32_t i = 0; i < left_out_count; i++)
        df_json_text(json, left_out[i]);
    df_json_end_array(json);
}

static int finish(struct df_query *query, struct df_writer *writer, struct df_error *error)
{
    const struct df_repartition *repartition = query->state;
    struct df_buf out = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    df_json_key(&json, "target");
    df_json_text(&json, repartition->request.target);
    put_number(&json, "files", repartition->request.parts);
    put_number(&json, "rows", repartition->scattered.rows);
    put_number(&json, "users", repartition->users);
    put_number(&json, "bytes", repartition->bytes);
    put_number(&json, "rowsWithoutUser", repartition->scattered.rows_without_user);
    put_number(&json, "sourceFiles", repartition->source_count);
    put_number(&json, "sourceBytes", repartition->total_bytes);
    put_columns(repartition, &json);
    df_json_end_object(&json);
    int result =
        df_buf_failed(&out) ? df_error_no_memory(error, "writing the answer") : df_writer_put(writer, &out, error);
    df_buf_dispose(&out);
    return result;
}

/* ---- workers ---- */

static int task_begin(struct df_task *task, struct df_error *error)
{
    struct df_repartition *repartition = df_arena_zalloc(&task->arena, sizeof *repartition);
    if (!repartition)
        return df_error_no_memory(error, "beginning a task");
    task->state = repartition;
    if (df_repartition_request_parse(&repartition->request, task->request, &task->arena, error) < 0)
        return -1;
    if (task->stage == DF_REPARTITION_FOOTERS || task->stage == DF_REPARTITION_COMMIT)
        return 0;
    if (repartition->request.column_count == 0)
        return df_error_set(error, DF_ERROR_INVALID, "schema: expected columns");
    return df_repartition_layout_make(&repartition->layout, &repartition->request, &task->arena, error);
}

static void task_end(struct df_task *task)
{
    task->state = NULL; /* all of it lies in the task's arena */
}

static int read_footer(struct df_task *task, const struct df_part *part, struct df_partial *partial,
                       struct df_error *error)
{
    struct df_parquet_file *file;
    struct df_parquet_open open = {.store = task->store,
                                   .uri = part->uri,
                                   .etag = part->etag,
                                   .size_bytes = part->size_bytes,
                                   .budget = task->budget,
                                   .deadline = task->deadline,
                                   .cancelled = task->cancelled};
    if (df_parquet_file_open(&file, &open, error) < 0)
        return -1;
    int result = df_repartition_footer_put(file, &partial->blob, error);
    df_parquet_file_close(file);
    return result;
}

static int run(struct df_task *task, const struct df_part *part, struct df_partial *partial, struct df_error *error)
{
    const struct df_repartition *repartition = task->state;
    const struct df_repartition_request *request = &repartition->request;
    switch (part->stage) {
    case DF_REPARTITION_FOOTERS:
        return read_footer(task, part, partial, error);
    case DF_REPARTITION_SCATTER:
        return df_repartition_scatter(task, part, &repartition->layout, partial, error);
    case DF_REPARTITION_GATHER:
        return df_repartition_gather(task, part, &repartition->layout, partial, error);
    default:
        return df_store_publish(task->store, request->place, request->target, request->tokens, request->token_count,
                                error);
    }
}

const struct df_engine df_engine_repartition = {
    .name = "repartition",
    .query_begin = query_begin,
    .plan = df_repartition_plan,
    .fold = fold,
    .finish = finish,
    .query_end = query_end,
    .task_begin = task_begin,
    .run = run,
    .task_end = task_end,
};
