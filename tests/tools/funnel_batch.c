/* Many funnel requests, one process: a line of JSON in (the engine's request), a line out: {"answer": …} or
 * {"error": {"kind": "…", "message": "…"}}. For property tests, where starting a program per case would be most of the
 * time. With "explain" answers have a member of that name: how they were made.
 *
 *     funnel_batch THREADS MEMORY_BYTES TEMPORARY_FOLDER [explain] < requests > answers */
#include <stdio.h>
#include <stdlib.h>

#include "base/json_write.h"
#include "engine/funnel/funnel.h"
#include "job/job.h"

struct batch {
    struct df_loop *loop;
    struct df_pool *pool;
    struct df_store *store;
    struct df_budget budget;
    struct df_invoker *threads;
    unsigned thread_count;
    bool wants_explain;
    struct df_buf explain; /* of the last answer */

    enum df_end end;
    struct df_error error;
};

static void on_end(void *ctx, struct df_job *job, enum df_end end, const struct df_error *error)
{
    struct batch *batch = ctx;
    (void)job;
    batch->end = end;
    if (error)
        batch->error = *error;
    df_loop_stop(batch->loop);
}

static int make(struct batch *batch, char **argv, struct df_error *error)
{
    batch->thread_count = (unsigned)strtoul(argv[1], NULL, 10);
    df_budget_init(&batch->budget, strtoull(argv[2], NULL, 10));
    if (df_loop_create(&batch->loop, DF_LOOP_REAL_TIME, error) != 0 || df_pool_create(&batch->pool, 2, error) != 0 ||
        df_store_create(&batch->store, error) != 0)
        return -1;
    struct df_executor_options executor = {
        .threads = batch->thread_count, .store = batch->store, .budget = &batch->budget, .temporary_folder = argv[3]};
    return df_invoke_threads_create(&batch->threads, batch->loop, &executor, error);
}

static int answer(struct batch *batch, struct df_slice request, struct df_memory_writer *writer, struct df_error *error)
{
    struct df_job_options options = {.engine = &df_engine_funnel,
                                     .request = request,
                                     .writer = &writer->writer,
                                     .loop = batch->loop,
                                     .pool = batch->pool,
                                     .store = batch->store,
                                     .budget = &batch->budget,
                                     .invoker = batch->threads,
                                     .local = batch->threads,
                                     .memory_limit_bytes = batch->budget.limit_bytes,
                                     .parallelism = batch->thread_count,
                                     .attempts = 1};
    struct df_job *job;
    batch->end = DF_END_FAILED;
    if (df_job_start(&job, &options, on_end, batch, error) != 0 || df_loop_run(batch->loop, error) != 0)
        return -1;
    df_buf_clear(&batch->explain);
    df_buf_put_slice(&batch->explain, df_buf_slice(&df_job_query(job)->explain));
    df_job_free(job);
    *error = batch->error;
    return batch->end == DF_END_DONE ? 0 : -1;
}

static void put_line(const struct batch *batch, const struct df_memory_writer *writer, int result,
                     const struct df_error *error)
{
    struct df_buf out = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    df_json_key(&json, result == 0 ? "answer" : "error");
    if (result == 0) {
        df_json_raw(&json, df_buf_slice(&writer->content));
        if (batch->wants_explain) {
            df_json_key(&json, "explain");
            df_json_raw(&json, df_buf_slice(&batch->explain));
        }
    } else {
        df_json_begin_object(&json);
        df_json_key(&json, "kind");
        df_json_text(&json, df_error_name(error->kind));
        df_json_key(&json, "message");
        df_json_text(&json, error->message);
        df_json_end_object(&json);
    }
    df_json_end_object(&json);
    puts(df_buf_text(&out));
    fflush(stdout);
    df_buf_dispose(&out);
}

int main(int argc, char **argv)
{
    struct batch batch = {0};
    struct df_error error = {0};
    char *line = NULL;
    size_t capacity = 0;
    batch.wants_explain = argc == 5 && strcmp(argv[4], "explain") == 0;
    if ((argc != 4 && !batch.wants_explain) || make(&batch, argv, &error) != 0) {
        fprintf(stderr, "usage: funnel_batch THREADS MEMORY_BYTES TEMPORARY_FOLDER [explain]\n%s\n", error.message);
        return 2;
    }
    for (ssize_t size; (size = getline(&line, &capacity, stdin)) > 0;) {
        struct df_memory_writer writer;
        df_memory_writer_init(&writer, 0);
        int result = answer(&batch, df_slice_make(line, (size_t)size), &writer, &error);
        put_line(&batch, &writer, result, &error);
        df_memory_writer_dispose(&writer);
    }
    free(line);
    df_buf_dispose(&batch.explain);
    batch.threads->free(batch.threads);
    df_pool_free(batch.pool);
    df_store_free(batch.store);
    df_loop_free(batch.loop);
    return 0;
}
