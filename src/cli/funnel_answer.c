#include "cli/funnel_answer.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/json_write.h"

static int parse(const struct df_cli_answer *answer, struct df_arena *arena, struct df_json **tree,
                 struct df_error *error)
{
    if (df_json_parse(df_buf_slice(&answer->content), &df_json_default_limits, arena, tree, error) != 0)
        return df_error_prefix(error, "the answer of the engine");
    return 0;
}

/* ---- for programs ---- */

static void put_uint(struct df_json_writer *writer, const char *name, uint64_t value)
{
    df_json_key(writer, name);
    df_json_uint(writer, value);
}

static void put_seconds(struct df_json_writer *writer, const char *name, double ns)
{
    df_json_key(writer, name);
    df_json_number(writer, ns / 1e9);
}

static void put_counter(struct df_json_writer *writer, const struct df_cli_answer *answer, const char *name)
{
    put_uint(writer, name, df_cli_answer_counter(answer, name));
}

static void put_dataset_stats(struct df_json_writer *writer, const struct df_cli_answer *answer)
{
    df_json_key(writer, "dataset");
    df_json_begin_object(writer);
    put_counter(writer, answer, "parts");
    put_counter(writer, answer, "totalSize");
    df_json_end_object(writer);
}

/* A task, in the words of the original, is an attempt at a part that reported a result. */
static void put_invoker_stats(struct df_json_writer *writer, const struct df_job_stats *stats)
{
    df_json_key(writer, "invoker");
    df_json_begin_object(writer);
    put_uint(writer, "totalTasks", stats->parts - stats->parts_unsettled + stats->attempts_failed);
    put_uint(writer, "failedTasks", stats->attempts_failed);
    put_uint(writer, "retries", stats->retries);
    put_uint(writer, "hedges", stats->hedges);
    put_uint(writer, "droppedAnswers", stats->answers_dropped);
    put_uint(writer, "throttledRequests", stats->cost.throttled_count);
    put_uint(writer, "stages", stats->stages);
    put_uint(writer, "batches", stats->batches);
    put_uint(writer, "exchangedBytes", stats->section_bytes);
    put_uint(writer, "spilledSections", stats->sections_spilled);
    put_seconds(writer, "planTime", (double)stats->plan_ns);
    put_seconds(writer, "foldTime", (double)stats->fold_ns);
    df_json_end_object(writer);
}

static void put_worker_stats(struct df_json_writer *writer, const struct df_cli_answer *answer)
{
    df_json_key(writer, "worker");
    df_json_begin_object(writer);
    put_counter(writer, answer, "scannedRows");
    put_counter(writer, answer, "scannedGroups");
    put_counter(writer, answer, "rowsWithoutGroup");
    put_uint(writer, "readBytes", answer->stats.run.bytes_read);
    put_seconds(writer, "cpuTime", (double)answer->stats.run.cpu_ns);
    put_uint(writer, "threads", answer->threads);
    put_uint(writer, "memoryLimit", answer->memory_limit_bytes);
    put_uint(writer, "memoryPeak", answer->peak_memory_bytes);
    df_json_end_object(writer);
}

static void put_stats(struct df_json_writer *writer, const struct df_cli_answer *answer)
{
    df_json_key(writer, "stats");
    df_json_begin_object(writer);
    df_json_key(writer, "requestId");
    df_json_text(writer, answer->job_id);
    put_seconds(writer, "totalTime", (double)answer->stats.total_ns);
    if (answer->stats.cost.dollars > 0) {
        df_json_key(writer, "cost");
        df_json_number(writer, answer->stats.cost.dollars);
    }
    put_dataset_stats(writer, answer);
    put_invoker_stats(writer, &answer->stats);
    put_worker_stats(writer, answer);
    df_json_end_object(writer);
}

int df_funnel_answer_put_json(const struct df_cli_answer *answer, struct df_buf *out, struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_json *tree = NULL;
    int result = parse(answer, &arena, &tree, error);
    if (result == 0) {
        struct df_json_writer writer;
        df_json_writer_init(&writer, out, DF_JSON_PRETTY);
        df_json_begin_object(&writer);
        df_json_key(&writer, "success");
        df_json_boolean(&writer, true);
        put_stats(&writer, answer);
        for (const struct df_json *member = tree->children; member; member = member->next) {
            df_json_key_slice(&writer, member->key);
            df_json_write_tree(&writer, member);
        }
        df_json_end_object(&writer);
        df_buf_put_char(out, '\n');
    }
    df_arena_dispose(&arena);
    return result;
}

void df_funnel_answer_put_failure(const struct df_error *failure, struct df_buf *out)
{
    struct df_json_writer writer;
    df_json_writer_init(&writer, out, DF_JSON_PRETTY);
    df_json_begin_object(&writer);
    df_json_key(&writer, "success");
    df_json_boolean(&writer, false);
    df_json_key(&writer, "errorMessage");
    df_json_text(&writer, failure->message);
    df_json_key(&writer, "errorKind");
    df_json_text(&writer, df_error_name(failure->kind));
    df_json_end_object(&writer);
    df_buf_put_char(out, '\n');
}

/* ---- for people ---- */

static uint64_t groups_of(const struct df_json *object)
{
    uint64_t groups = 0;
    const struct df_json *number = df_json_get(object, "matchingGroups");
    return number && df_json_uint64(number, &groups) ? groups : 0;
}

int df_funnel_answer_put_chart(const struct df_cli_answer *answer, const char *const *labels, size_t label_count,
                               const struct df_chart_style *style, struct df_buf *out, struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_json *tree = NULL;
    struct df_chart_step *steps = df_arena_array(&arena, label_count, sizeof *steps);
    int result = steps ? parse(answer, &arena, &tree, error) : df_error_no_memory(error, "drawing the chart");
    if (result == 0 && steps) {
        const struct df_json *sequence = df_json_get(df_json_get(tree, "funnel"), "sequence");
        const struct df_json *step = sequence ? sequence->children : NULL;
        size_t count = 0;
        for (; step && count < label_count; step = step->next, count++)
            steps[count] = (struct df_chart_step){.label = df_slice_text(labels[count]), .users = groups_of(step)};
        struct df_chart chart = {.steps = steps,
                                 .step_count = count,
                                 .users = df_cli_answer_counter(answer, "scannedGroups"),
                                 .rows = df_cli_answer_counter(answer, "scannedRows"),
                                 .rows_without_user = df_cli_answer_counter(answer, "rowsWithoutGroup"),
                                 .seconds = (double)answer->stats.total_ns / 1e9};
        df_chart_put_funnel(&chart, style, out);
    }
    df_arena_dispose(&arena);
    return result;
}

/* ---- places ---- */

/* Copies a number in brackets, counted from 1; returns what is behind the brackets, or NULL when there are none. */
static const char *put_index(const char *at, struct df_buf *out)
{
    char *end;
    if (*at != '[')
        return NULL;
    unsigned long index = strtoul(at + 1, &end, 10);
    if (end == at + 1 || *end != ']' || index > 1000000)
        return NULL;
    df_buf_printf(out, " %lu", index + 1);
    return end + 1;
}

static const struct place {
    const char *name, *said, *tail; /* tail: dropped when it follows */
    bool indexed;
} places[] = {
    {"funnel.sequence", "step", ".filter", true}, {"dataset.paths", "path", "", true},
    {"dataset.pattern", "--pattern", "", false},  {"dataset.groups", "--groups", "", false},
    {"dataset.user", "--user", "", false},        {"dataset.time", "--time", "", false},
};

/* The place that begins at `at` in the words of the flags; returns what is behind it, or NULL when none begins there.
 */
static const char *put_place(const char *at, struct df_buf *out)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct place *place = &places[i];
        size_t size = strlen(place->name), before = out->size;
        if (strncmp(at, place->name, size) != 0)
            continue;
        df_buf_put_text(out, place->said);
        const char *behind = place->indexed ? put_index(at + size, out) : at + size;
        if (behind)
            return strncmp(behind, place->tail, strlen(place->tail)) == 0 ? behind + strlen(place->tail) : behind;
        out->size = before;
    }
    return NULL;
}

void df_funnel_answer_reword(struct df_error *error)
{
    struct df_buf said = {0};
    bool quoted = false; /* names of the user are left alone */
    for (const char *at = error->message; *at;) {
        const char *behind = quoted ? NULL : put_place(at, &said);
        if (!behind) {
            quoted = quoted != (*at == '\'');
            df_buf_put_char(&said, *at);
            behind = at + 1;
        }
        at = behind;
    }
    if (!df_buf_failed(&said) && said.size < sizeof error->message)
        memcpy(error->message, df_buf_text(&said), said.size + 1);
    df_buf_dispose(&said);
}
