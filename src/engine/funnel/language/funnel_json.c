/* "funnel": the sequence whose steps are reported, and what is reported beside counts. */
#include <stdio.h>

#include "base/hash.h"
#include "engine/funnel/language/reader.h"
#include "engine/funnel/language/shown.h"

/* ---- breakdown, trend ---- */

static int read_breakdown(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const known[] = {"column", "top", "attribution", NULL}, *const words[] = {"first", "last", NULL};
    struct df_funnel_breakdown *breakdown = out;
    struct df_funnel_asked asked = {.needs = DF_FUNNEL_NEED_VALUES | DF_FUNNEL_NEED_FLAT};
    struct df_funnel_number top = {.least = 1, .most = DF_FUNNEL_TOP_MAX, .value = DF_FUNNEL_TOP_DEFAULT};
    struct df_funnel_word attribution = {.words = words};
    if (df_funnel_check_members(reader, value, known) < 0 ||
        df_funnel_required(reader, value, "column", df_funnel_read_column, &asked) < 0 ||
        df_funnel_optional(reader, value, "top", df_funnel_read_number, &top) < 0 ||
        df_funnel_optional(reader, value, "attribution", df_funnel_read_word, &attribution) < 0)
        return -1;
    *breakdown = (struct df_funnel_breakdown){
        .given = true, .column = asked.column, .top = top.value, .last = attribution.chosen == 1};
    return 0;
}

static int read_trend(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const words[] = {"hour", "day", "week", "month", NULL};
    enum df_funnel_trend *trend = out;
    struct df_funnel_word word = {.words = words};
    if (df_funnel_read_word(reader, value, &word) < 0)
        return -1;
    *trend = (enum df_funnel_trend)(DF_FUNNEL_TREND_HOUR + word.chosen);
    return 0;
}

/* ---- export ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size > end_size && strcmp(text + size - end_size, end) == 0;
}

static int read_file(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    const char **file = out;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    struct df_funnel_text text = {.what = "the path of a file"};
    if (df_funnel_read_text(reader, value, &text) < 0)
        return -1;
    *file = text.text;
    if (text.text[strlen(text.text) - 1] == '/' || ends_with(text.text, ".parquet") || ends_with(text.text, ".csv") ||
        ends_with(text.text, ".ndjson"))
        return 0;
    return df_funnel_fail(reader,
                          "expected a path that ends with .parquet, .csv, .ndjson or, for a folder of Parquet "
                          "files, with '/', found '%s'",
                          df_funnel_shown(value->text, shown));
}

/* The file has columns of its own, whose names are taken. */
static bool is_taken(const struct df_funnel_reader *reader, const char *name)
{
    const struct df_funnel_request *request = reader->request;
    unsigned step;
    char again[32];
    if (strcmp(name, request->dataset.user) == 0)
        return true;
    if (request->funnel.breakdown.given && strcmp(name, "breakdown") == 0)
        return true;
    if (sscanf(name, "step%9u", &step) != 1 || step == 0 || step > request->funnel.sequence.positive_count)
        return false;
    snprintf(again, sizeof again, "step%u", step);
    return strcmp(name, again) == 0;
}

static int read_export_column(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    uint32_t *column = out;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    struct df_funnel_asked asked = {.needs = DF_FUNNEL_NEED_VALUES | DF_FUNNEL_NEED_FLAT};
    if (df_funnel_read_column(reader, value, &asked) < 0)
        return -1;
    *column = asked.column;
    if (is_taken(reader, reader->columns[asked.column].name))
        return df_funnel_fail(reader, "the file has a column '%s' already", df_funnel_shown(value->text, shown));
    return 0;
}

static int check_distinct(struct df_funnel_reader *reader, const uint32_t *columns, uint32_t count)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    bool *seen = df_arena_array(reader->arena, reader->column_index.count, sizeof *seen);
    if (!seen)
        return df_funnel_fail_memory(reader);
    for (uint32_t i = 0; i < count; i++) {
        if (seen[columns[i]]) {
            df_funnel_enter_element(reader, i);
            return df_funnel_fail(reader, "'%s' stands there twice",
                                  df_funnel_shown(df_slice_text(reader->columns[columns[i]].name), shown));
        }
        seen[columns[i]] = true;
    }
    return 0;
}

static int read_export_columns(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_export *cohort = out;
    if (!value || value->type != DF_JSON_ARRAY)
        return df_funnel_expected(reader, "an array of columns", value);
    uint32_t *columns = df_arena_array(reader->arena, value->child_count, sizeof *columns);
    if (!columns)
        return df_funnel_fail_memory(reader);
    cohort->columns = columns;
    cohort->column_count = (uint32_t)value->child_count;
    if (df_funnel_each(reader, value, read_export_column, columns, sizeof *columns) < 0)
        return -1;
    return check_distinct(reader, columns, cohort->column_count);
}

/* Step 2 of 3 may be dropped at; the last has no next one that could be missed. */
static int check_which(struct df_funnel_reader *reader, const struct df_funnel_export *cohort, uint32_t steps)
{
    if (!cohort->dropped || cohort->step < steps)
        return 0;
    df_funnel_enter(reader, "which");
    return df_funnel_fail(reader, "nobody drops out at step %u, which is the last; expected 'reached'", cohort->step);
}

static int read_export(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const known[] = {"step", "which", "columns", "file", NULL}, *const words[] = {"reached",
                                                                                                     "dropped", NULL};
    struct df_funnel_export *cohort = out;
    uint32_t steps = reader->request->funnel.sequence.positive_count;
    struct df_funnel_number step = {.least = 1, .most = steps};
    struct df_funnel_word which = {.words = words};
    if (df_funnel_check_members(reader, value, known) < 0 ||
        df_funnel_required(reader, value, "step", df_funnel_read_number, &step) < 0 ||
        df_funnel_optional(reader, value, "which", df_funnel_read_word, &which) < 0 ||
        df_funnel_optional(reader, value, "columns", read_export_columns, cohort) < 0 ||
        df_funnel_required(reader, value, "file", read_file, &cohort->file) < 0)
        return -1;
    cohort->given = true;
    cohort->step = step.value;
    cohort->dropped = which.chosen == 1;
    return check_which(reader, cohort, steps);
}

/* ---- the funnel ---- */

static int check_durations(struct df_funnel_reader *reader, const struct df_funnel_funnel *funnel)
{
    if (!funnel->durations || funnel->sequence.order != DF_FUNNEL_ANY)
        return 0;
    df_funnel_enter(reader, "durations");
    return df_funnel_fail(reader, "steps in any order have no durations; expected order 'loose' or 'strict'");
}

int df_funnel_read_funnel(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const known[] = {"sequence",        "maxDuration", "order", "stepAggregations",
                                        "endAggregations", "breakdown",   "trend", "durations",
                                        "sessionGap",      "export",      NULL};
    struct df_funnel_funnel *funnel = out;
    funnel->given = true;
    if (df_funnel_check_members(reader, value, known) < 0 ||
        df_funnel_read_sequence(reader, value, &funnel->sequence) < 0 ||
        df_funnel_optional(reader, value, "stepAggregations", df_funnel_read_aggregations, &funnel->step_aggregations) <
            0 ||
        df_funnel_optional(reader, value, "endAggregations", df_funnel_read_aggregations, &funnel->end_aggregations) <
            0 ||
        df_funnel_optional(reader, value, "breakdown", read_breakdown, &funnel->breakdown) < 0 ||
        df_funnel_optional(reader, value, "trend", read_trend, &funnel->trend) < 0 ||
        df_funnel_optional(reader, value, "durations", df_funnel_read_bool, &funnel->durations) < 0 ||
        df_funnel_optional(reader, value, "sessionGap", df_funnel_read_length, &funnel->session_gap) < 0 ||
        df_funnel_optional(reader, value, "export", read_export, &funnel->cohort) < 0)
        return -1;
    return check_durations(reader, funnel);
}
