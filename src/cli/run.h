/* One query in this process: loop, pool, store, threads and job put together, progress on the terminal, Ctrl-C.
 *
 * Thread: the main thread, which becomes the loop's until the answer is there. */
#ifndef DF_CLI_RUN_H
#define DF_CLI_RUN_H

#include "cli/cli.h"
#include "engine/engine.h"
#include "job/job.h"

struct df_cli_answer {
    struct df_buf content;     /* what the engine wrote; owned */
    struct df_buf explain;     /* JSON: how the question was answered (engine.h); owned */
    struct df_job_times times; /* owned */
    char job_id[64];
    struct df_job_stats stats; /* its id is job_id */
    struct df_counter counters[DF_QUERY_COUNTERS];
    unsigned threads;
    uint64_t memory_limit_bytes; /* 0: none */
    uint64_t peak_memory_bytes;  /* on the account (base/budget.h) */
};

/* The flags of whatever runs a query; --explain is the command's. */
#define DF_CLI_RUN_FLAGS                                                                                               \
    {.option = "threads", .section = "How it is run"}, {.option = "memory.limit"}, {.option = "temporary.folder"},     \
        {.option = "job.timeout"}, {.option = "job.max_bytes"}, {.option = "invoke"}, {.option = "lambda.function"},   \
        {.option = "result.prefix"},                                                                                   \
    {                                                                                                                  \
        .option = "result.inline_bytes"                                                                                \
    }

/* Runs the request on the engine with threads, memory, temporary folder and the job's options from the configuration.
 * A first Ctrl-C cancels (`cancelled`), a second one ends the process. Whatever happens, nothing is left behind. The
 * answer is to be disposed of in any case. */
int df_cli_run_query(struct df_cli *cli, const struct df_engine *engine, struct df_slice request,
                     struct df_cli_answer *answer, struct df_error *error);
void df_cli_answer_dispose(struct df_cli_answer *answer);

uint64_t df_cli_answer_counter(const struct df_cli_answer *answer, const char *name); /* 0 when never counted */

/* A URI of the command line as those take it who run the parts: workers elsewhere have another working directory, so
 * that a relative path becomes an absolute one. */
void df_cli_put_uri(const struct df_cli *cli, const char *uri, struct df_buf *out);
/* The same whoever runs the parts: for what is kept beyond this call. */
void df_cli_put_absolute_uri(const char *uri, struct df_buf *out);

/* The engine of that name; main/ has listed it. */
const struct df_engine *df_cli_engine(const struct df_cli *cli, const char *name);

#endif
