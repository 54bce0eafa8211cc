/* Statistics in the original's words (funnels-frocket §6.6; docs/query-language.md says what each means here). Its
 * members come first, in its order; ours follow. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/answer.h"
#include "cli/explain.h"

static void put_uint(struct df_json_writer *writer, const char *name, uint64_t value)
{
    df_json_key(writer, name);
    df_json_uint(writer, value);
}

static void put_seconds(struct df_json_writer *writer, const char *name, double seconds)
{
    df_json_key(writer, name);
    df_json_number(writer, seconds);
}

static void put_counter(struct df_json_writer *writer, const struct df_cli_answer *answer, const char *name)
{
    put_uint(writer, name, df_cli_answer_counter(answer, name));
}

/* {"0.25": 7, "1.0": 1} */
static void put_slots(struct df_json_writer *writer, const struct df_job_times *times)
{
    df_json_key(writer, "taskSuccessOverTime");
    df_json_begin_object(writer);
    uint64_t slot = 0, tasks;
    while (df_job_times_next_slot(times, slot, &slot, &tasks)) {
        struct df_buf name = {0};
        df_buf_put_double(&name, (double)slot / 4);
        put_uint(writer, df_buf_text(&name), tasks);
        df_buf_dispose(&name);
    }
    df_json_end_object(writer);
}

/* Planning hands parts out as it finds them, so that is what enqueueing is here; polling is the rest of the time, in
 * which the coordinator neither planned nor folded. */
static void put_invoker(struct df_json_writer *writer, const struct df_cli_answer *answer)
{
    const struct df_job_stats *stats = &answer->stats;
    int64_t busy_ns = stats->plan_ns + stats->fold_ns;
    int64_t poll_ns = stats->total_ns > busy_ns ? stats->total_ns - busy_ns : 0;
    df_json_key(writer, "invoker");
    df_json_begin_object(writer);
    put_seconds(writer, "enqueueTime", (double)stats->plan_ns / 1e9);
    put_seconds(writer, "pollTime", (double)poll_ns / 1e9);
    /* A task, in the words of the original, is an attempt at a part that reported a result. */
    put_uint(writer, "totalTasks", stats->parts - stats->parts_unsettled + stats->attempts_failed);
    put_uint(writer, "failedTasks", stats->attempts_failed);
    put_slots(writer, &answer->times);
    put_seconds(writer, "foldTime", (double)stats->fold_ns / 1e9);
    put_uint(writer, "retries", stats->retries);
    put_uint(writer, "hedges", stats->hedges);
    put_uint(writer, "droppedAnswers", stats->answers_dropped);
    put_uint(writer, "throttledRequests", stats->cost.throttled_count);
    put_uint(writer, "stages", stats->stages);
    put_uint(writer, "batches", stats->batches);
    put_uint(writer, "exchangedBytes", stats->section_bytes);
    put_uint(writer, "spilledSections", stats->sections_spilled);
    df_json_end_object(writer);
}

static void put_timing(struct df_json_writer *writer, const char *name, struct df_job_times *times,
                       enum df_job_time which)
{
    struct df_job_timing timing;
    if (!df_job_times_summarize(times, which, &timing))
        return;
    df_json_key(writer, name);
    df_json_begin_object(writer);
    put_seconds(writer, "mean", timing.mean);
    put_seconds(writer, "min", timing.minimum);
    df_json_key(writer, "percentiles");
    df_json_begin_object(writer);
    for (size_t i = 0; i < DF_JOB_PERCENTILES; i++) {
        char percent[16];
        snprintf(percent, sizeof percent, "%u%%", df_job_percentiles[i]);
        if (timing.has_percentile[i])
            put_seconds(writer, percent, timing.percentile[i]);
    }
    df_json_end_object(writer);
    put_seconds(writer, "max", timing.maximum);
    df_json_end_object(writer);
}

static void put_worker(struct df_json_writer *writer, struct df_cli_answer *answer)
{
    const struct df_job_stats *stats = &answer->stats;
    df_json_key(writer, "worker");
    df_json_begin_object(writer);
    put_uint(writer, "coldTasks", stats->tasks_cold);
    put_uint(writer, "warmTasks", stats->tasks_warm);
    put_timing(writer, "invokeLatency", &answer->times, DF_JOB_TIME_INVOKE);
    put_timing(writer, "loadTime", &answer->times, DF_JOB_TIME_LOAD);
    put_timing(writer, "totalTime", &answer->times, DF_JOB_TIME_TOTAL);
    put_counter(writer, answer, "scannedRows");
    put_counter(writer, answer, "scannedGroups");
    df_json_key(writer, "cache");
    df_json_begin_object(writer);
    put_uint(writer, "source", stats->tasks_cold + stats->tasks_warm);
    put_uint(writer, "diskCache", 0); /* workers keep no files: each part comes from where it lies */
    df_json_end_object(writer);
    put_counter(writer, answer, "rowsWithoutGroup");
    put_uint(writer, "readBytes", stats->run.bytes_read);
    put_seconds(writer, "cpuTime", (double)stats->run.cpu_ns / 1e9);
    put_uint(writer, "threads", answer->threads);
    put_uint(writer, "memoryLimit", answer->memory_limit_bytes);
    put_uint(writer, "memoryPeak", answer->peak_memory_bytes);
    df_json_end_object(writer);
}

static void put_dataset(struct df_json_writer *writer, const struct df_cli_answer *answer)
{
    df_json_key(writer, "dataset");
    df_json_begin_object(writer);
    put_counter(writer, answer, "totalSize");
    put_counter(writer, answer, "parts");
    df_json_end_object(writer);
}

void df_cli_answer_put_stats(struct df_cli_answer *answer, struct df_json_writer *writer)
{
    df_json_begin_object(writer);
    put_seconds(writer, "totalTime", (double)answer->stats.total_ns / 1e9);
    put_invoker(writer, answer);
    put_worker(writer, answer);
    put_dataset(writer, answer);
    df_explain_put_skipped_files(answer, writer);
    if (answer->stats.cost.dollars > 0)
        put_seconds(writer, "cost", answer->stats.cost.dollars);
    df_json_end_object(writer);
}
