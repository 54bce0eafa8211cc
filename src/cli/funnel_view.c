#include "cli/funnel_view.h"

#include <stdio.h>

#include "base/json.h"

const char *const df_view_length_names[DF_VIEW_LENGTHS] = {"mean", "p25", "p50", "p75", "p90", "p99"};

/* ---- reading the answer ---- */

static int misfit(struct df_error *error, const char *what)
{
    return df_error_set(error, DF_ERROR_INTERNAL, "the engine's answer has no %s that fits the question", what);
}

static uint64_t number_of(const struct df_json *object, const char *name, uint64_t otherwise)
{
    uint64_t value;
    const struct df_json *number = df_json_get(object, name);
    return number && df_json_uint64(number, &value) ? value : otherwise;
}

static void take_lengths(const struct df_json *json, struct df_view_length lengths[DF_VIEW_LENGTHS])
{
    for (size_t i = 0; i < DF_VIEW_LENGTHS; i++) {
        const struct df_json *number = df_json_get(json, df_view_length_names[i]);
        if (number && number->type == DF_JSON_NUMBER && df_json_double(number, &lengths[i].value)) {
            lengths[i].given = true;
            lengths[i].text = number->text;
        }
    }
}

static void take_step(const struct df_json *json, struct df_view_step *step)
{
    step->count = number_of(json, "matchingGroups", 0);
    step->rows = number_of(json, "matchingGroupRows", 0);
    step->users = number_of(json, "matchingUsers", step->count);
    const struct df_json *start = df_json_get(json, "timeFromStart");
    step->timed = start != NULL;
    take_lengths(start, step->from_start);
    take_lengths(df_json_get(json, "timeFromPrevious"), step->from_previous);
}

/* `count` steps; a list that is shorter or longer does not fit. */
static struct df_view_step *take_steps(struct df_view *view, const struct df_json *sequence, size_t count)
{
    struct df_view_step *steps = df_arena_array(&view->arena, count, sizeof *steps);
    if (!steps || !sequence || sequence->type != DF_JSON_ARRAY || sequence->child_count != count)
        return NULL;
    const struct df_json *json = sequence->children;
    for (size_t i = 0; i < count; i++, json = json->next)
        take_step(json, &steps[i]);
    return steps;
}

static struct df_slice put_in_arena(struct df_view *view, struct df_buf *text)
{
    struct df_slice copy = {0};
    (void)df_arena_copy(&view->arena, df_buf_slice(text), &copy); /* without memory: an empty label */
    df_buf_dispose(text);
    return copy;
}

/* ---- breakdown and trend ---- */

static struct df_slice value_text(const struct df_json *value)
{
    switch (value->type) {
    case DF_JSON_STRING:
    case DF_JSON_NUMBER:
        return value->text;
    case DF_JSON_BOOL:
        return df_slice_text(value->boolean ? "true" : "false");
    default:
        return df_slice_text("null");
    }
}

static int take_entry(struct df_view *view, const struct df_json *json, struct df_view_entry *entry,
                      struct df_error *error)
{
    const struct df_json *value = df_json_get(json, "value");
    if (!value)
        value = df_json_get(json, "bucket");
    entry->kind = !value ? DF_VIEW_OTHER : value->type == DF_JSON_NULL ? DF_VIEW_NULL : DF_VIEW_VALUE;
    entry->text = value ? value_text(value) : df_slice_text("other");
    entry->steps = take_steps(view, df_json_get(json, "sequence"), view->step_count);
    return entry->steps ? 0 : misfit(error, "list of values");
}

static int take_table(struct df_view *view, const struct df_json *list, const char *title, struct df_view_table *table,
                      struct df_error *error)
{
    if (!title)
        return 0;
    if (!list || list->type != DF_JSON_ARRAY)
        return misfit(error, "breakdown or trend");
    struct df_view_entry *entries = df_arena_array(&view->arena, list->child_count, sizeof *entries);
    if (!entries)
        return df_error_no_memory(error, "showing the answer");
    table->title = title;
    table->entries = entries;
    for (const struct df_json *json = list->children; json; json = json->next)
        if (take_entry(view, json, &entries[table->entry_count++], error) != 0)
            return -1;
    return 0;
}

static void take_cohort(struct df_view *view, const struct df_json *json)
{
    if (!json)
        return;
    const struct df_json *files = df_json_get(json, "files");
    struct df_buf said = {0};
    view->cohort.given = true;
    view->cohort.rows = number_of(json, "rows", 0);
    if (files && files->child_count == 1)
        df_buf_put_slice(&said, files->children->text);
    else
        df_buf_printf(&said, "%zu files", files ? files->child_count : 0);
    view->cohort.files = put_in_arena(view, &said);
}

/* ---- the question ---- */

static void put_title(const struct df_view *view, const struct df_cli_arguments *arguments,
                      const struct df_cli_sequence *sequence, struct df_buf *out)
{
    const char *order = df_cli_value(arguments, "--order"), *within = df_cli_value(arguments, "--within");
    bool any = order && strcmp(order, "any") == 0, strict = order && strcmp(order, "strict") == 0;
    const char *next = any ? " and " : strict ? ", then at once " : ", then ";
    bool first = true, after_without = false;
    df_buf_put_text(out, view->sessions ? "Which sessions had " : "Which users did ");
    for (size_t i = 0; i < sequence->step_count; i++) {
        const struct df_cli_step *step = &sequence->steps[i];
        if (step->negative) {
            df_buf_printf(out, first ? "no %s, " : after_without ? " and %s" : ", without %s", step->label);
            after_without = !first;
        } else {
            df_buf_printf(out, "%s%s", first ? "" : next, step->label);
            first = after_without = false;
        }
    }
    if (any && sequence->positive_count > 1)
        df_buf_put_text(out, " in any order");
    if (within)
        df_buf_printf(out, ", within %s", within);
    df_buf_put_char(out, '?');
}

static void take_labels(struct df_view_step *steps, const struct df_cli_sequence *sequence)
{
    size_t positive = 0;
    for (size_t i = 0; i < sequence->step_count; i++)
        if (!sequence->steps[i].negative)
            steps[positive++].label = df_slice_text(sequence->steps[i].label);
}

/* Seconds per step of the time column, as the engine's report of how it answered says. */
static double unit_seconds(struct df_view *view, const struct df_cli_answer *answer)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {"day", 86400}};
    struct df_json *tree = NULL;
    struct df_error error;
    if (answer->explain.size == 0 ||
        df_json_parse(df_buf_slice(&answer->explain), NULL, &view->arena, &tree, &error) != 0)
        return 0;
    const struct df_json *unit = df_json_get(tree, "timestampUnit");
    for (size_t i = 0; unit && unit->type == DF_JSON_STRING && i < sizeof units / sizeof *units; i++)
        if (df_slice_is(unit->text, units[i].name))
            return units[i].seconds;
    return 0;
}

static void take_totals(struct df_view *view, const struct df_cli_answer *answer)
{
    view->users = df_cli_answer_counter(answer, "scannedGroups");
    view->rows = df_cli_answer_counter(answer, "scannedRows");
    view->rows_without_user = df_cli_answer_counter(answer, "rowsWithoutGroup");
    view->seconds = (double)answer->stats.total_ns / 1e9;
    view->unit_seconds = unit_seconds(view, answer);
}

int df_view_make(struct df_view *view, const struct df_cli_answer *answer, const struct df_cli_arguments *arguments,
                 const struct df_cli_sequence *sequence, struct df_error *error)
{
    *view = (struct df_view){.step_count = sequence->positive_count,
                             .sessions = df_cli_value(arguments, "--session-gap") != NULL,
                             .durations = df_cli_value(arguments, "--durations") != NULL};
    struct df_json *tree = NULL;
    struct df_buf title = {0};
    if (df_json_parse(df_buf_slice(&answer->content), NULL, &view->arena, &tree, error) != 0)
        return df_error_prefix(error, "the answer of the engine");
    const struct df_json *funnel = df_json_get(tree, "funnel");
    struct df_view_step *steps = take_steps(view, df_json_get(funnel, "sequence"), view->step_count);
    if (!steps)
        return misfit(error, "list of steps");
    take_labels(steps, sequence);
    view->steps = steps;
    put_title(view, arguments, sequence, &title);
    view->title = put_in_arena(view, &title);
    take_totals(view, answer);
    take_cohort(view, df_json_get(funnel, "export"));
    if (take_table(view, df_json_get(funnel, "groups"), df_cli_value(arguments, "--by"), &view->groups, error) != 0)
        return -1;
    return take_table(view, df_json_get(funnel, "trend"), df_cli_value(arguments, "--trend"), &view->trend, error);
}

void df_view_dispose(struct df_view *view)
{
    df_arena_dispose(&view->arena);
    *view = (struct df_view){0};
}

/* ---- words ---- */

const char *df_view_unit(const struct df_view *view)
{
    return view->sessions ? "sessions" : "users";
}

void df_view_percent(char text[DF_VIEW_PERCENT_BYTES], uint64_t share, uint64_t whole)
{
    double percent = whole ? 100.0 * (double)share / (double)whole : 0;
    if (whole == 0)
        snprintf(text, DF_VIEW_PERCENT_BYTES, "-");
    else if (share > 0 && percent < 0.05)
        snprintf(text, DF_VIEW_PERCENT_BYTES, "<0.1 %%");
    else if (share < whole && percent >= 99.95)
        snprintf(text, DF_VIEW_PERCENT_BYTES, ">99.9 %%");
    else
        snprintf(text, DF_VIEW_PERCENT_BYTES, "%.1f %%", percent);
}

void df_view_put_length(const struct df_view *view, const struct df_view_length *length, struct df_buf *out)
{
    /* A unit is used from twice its length on, so that 90 min stays 90 min. */
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}, {1e-3, "ms"}, {1e-6, "us"}};
    if (!length->given) {
        df_buf_put_char(out, '-');
        return;
    }
    if (view->unit_seconds <= 0) {
        df_buf_put_slice(out, length->text);
        return;
    }
    double seconds = length->value * view->unit_seconds;
    size_t unit = 0;
    while (unit + 1 < sizeof units / sizeof *units && seconds < 2 * units[unit].seconds)
        unit++;
    double amount = seconds / units[unit].seconds;
    if (seconds <= 0)
        df_buf_put_text(out, "0 s");
    else
        df_buf_printf(out, "%.*f %s", amount < 10 ? 1 : 0, amount, units[unit].name);
}

void df_view_put_seconds(double seconds, struct df_buf *out)
{
    if (seconds < 0.01)
        df_buf_printf(out, "%.1f ms", seconds * 1e3);
    else if (seconds < 1)
        df_buf_printf(out, "%.0f ms", seconds * 1e3);
    else
        df_buf_printf(out, "%.*f s", seconds < 10 ? 2 : 1, seconds);
}
