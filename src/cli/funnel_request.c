#include "cli/funnel_request.h"

#include <stdlib.h>

#include "cli/run.h"
#include "engine/funnel/funnel.h"

enum { TOP_MAX = 10000 };

/* ---- what does not go together ---- */

static int check_needs(const struct df_cli_arguments *arguments, const char *flag, const char *needs, const char *what,
                       struct df_error *error)
{
    if (!df_cli_value(arguments, flag) || df_cli_value(arguments, needs))
        return 0;
    return df_error_set(error, DF_ERROR_INVALID, "%s says how to %s, which needs %s", flag, what, needs);
}

/* With any order there is no "between two steps" and no "the step before". */
static int check_any_order(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    static const char *const ordered[] = {"--without", "--min-gap", "--max-gap", "--durations"};
    const char *order = df_cli_value(arguments, "--order");
    if (!order || strcmp(order, "any") != 0)
        return 0;
    for (size_t i = 0; i < sizeof ordered / sizeof *ordered; i++)
        if (df_cli_value(arguments, ordered[i])) {
            df_cli_hint(cli, "--order loose, or leave %s out (--within limits the time of the whole)", ordered[i]);
            return df_error_set(error, DF_ERROR_INVALID, "%s needs steps in an order, and --order any has none",
                                ordered[i]);
        }
    return 0;
}

struct cohort {
    struct df_slice which;
    unsigned long step;
    const char *file;
};

/* reached:2=users.parquet */
static bool split_export(const char *text, struct cohort *cohort)
{
    const char *colon = strchr(text, ':');
    char *end;
    if (!colon || colon[1] < '0' || colon[1] > '9')
        return false;
    *cohort = (struct cohort){.which = df_slice_make(text, (size_t)(colon - text))};
    cohort->step = strtoul(colon + 1, &end, 10);
    cohort->file = *end == '=' && end[1] ? end + 1 : NULL;
    return cohort->file && (df_slice_is(cohort->which, "reached") || df_slice_is(cohort->which, "dropped"));
}

static int check_export(const struct df_cli_arguments *arguments, const struct df_cli_sequence *sequence,
                        struct df_error *error)
{
    const char *text = df_cli_value(arguments, "--export");
    struct cohort cohort;
    if (!text)
        return 0;
    if (!split_export(text, &cohort))
        return df_error_set(error, DF_ERROR_INVALID,
                            "--export is reached:STEP=FILE or dropped:STEP=FILE, as in reached:2=users.parquet, found "
                            "'%s'",
                            text);
    if (cohort.step < 1 || cohort.step > sequence->positive_count)
        return df_error_set(error, DF_ERROR_INVALID, "--export: there is no step %lu; the funnel has steps 1 to %zu",
                            cohort.step, sequence->positive_count);
    if (df_slice_is(cohort.which, "dropped") && cohort.step == sequence->positive_count)
        return df_error_set(error, DF_ERROR_INVALID,
                            "--export dropped:%lu: nobody drops out after the last step; reached:%lu are those who did "
                            "all of it",
                            cohort.step, cohort.step);
    return 0;
}

int df_cli_funnel_check(struct df_cli *cli, const struct df_cli_arguments *arguments,
                        const struct df_cli_sequence *sequence, struct df_error *error)
{
    int64_t top;
    if (check_needs(arguments, "--top", "--by", "list the values of a breakdown", error) != 0 ||
        check_needs(arguments, "--by-last", "--by", "take the value of a breakdown", error) != 0 ||
        check_needs(arguments, "--columns", "--export", "fill the exported file", error) != 0 ||
        df_cli_value_int(arguments, "--top", 1, TOP_MAX, &top, error) != 0 ||
        check_any_order(cli, arguments, error) != 0)
        return -1;
    return check_export(arguments, sequence, error);
}

/* ---- the request ---- */

static bool is_integer(const char *text)
{
    const char *digits = text + (text[0] == '-');
    return digits[0] && strspn(digits, "0123456789") == strlen(digits) && (digits[0] != '0' || !digits[1]);
}

/* Whole numbers are in the unit of the time column; `7d` and dates are text. */
static void put_time(struct df_json_writer *writer, const char *name, const char *value)
{
    if (!value)
        return;
    df_json_key(writer, name);
    if (is_integer(value))
        df_json_raw(writer, df_slice_text(value));
    else
        df_json_text(writer, value);
}

static void put_text(struct df_json_writer *writer, const char *name, const char *value)
{
    if (!value)
        return;
    df_json_key(writer, name);
    df_json_text(writer, value);
}

static void put_number(struct df_json_writer *writer, const char *name, const struct df_cli_arguments *arguments,
                       const char *flag)
{
    int64_t value = 0;
    if (!df_cli_value(arguments, flag) || df_cli_value_int(arguments, flag, 1, TOP_MAX, &value, NULL) != 0)
        return;
    df_json_key(writer, name);
    df_json_int(writer, value);
}

static void put_true(struct df_json_writer *writer, const char *name)
{
    df_json_key(writer, name);
    df_json_boolean(writer, true);
}

static int put_filter(struct df_json_writer *writer, const char *name, const char *flag, const char *text,
                      struct df_error *error)
{
    struct df_buf filter = {0};
    int result = df_funnel_filter_text(df_slice_text(text), &filter, error);
    if (result != 0)
        df_error_prefix(error, "%s", flag);
    else {
        df_json_key(writer, name);
        df_json_raw(writer, df_buf_slice(&filter));
    }
    df_buf_dispose(&filter);
    return result;
}

static void put_timeframe(struct df_json_writer *writer, const struct df_cli_arguments *arguments)
{
    const char *from = df_cli_value(arguments, "--from"), *to = df_cli_value(arguments, "--to");
    if (!from && !to)
        return;
    df_json_key(writer, "timeframe");
    df_json_begin_object(writer);
    put_time(writer, "from", from);
    put_time(writer, "to", to);
    df_json_end_object(writer);
}

/* --users: a condition each, all of which must hold. */
static int put_conditions(struct df_json_writer *writer, const struct df_cli_arguments *arguments,
                          struct df_error *error)
{
    size_t position = 0;
    const char *text = df_cli_next_value(arguments, "--users", &position);
    if (!text)
        return 0;
    df_json_key(writer, "query");
    df_json_begin_object(writer);
    df_json_key(writer, "conditions");
    df_json_begin_array(writer);
    for (; text; text = df_cli_next_value(arguments, "--users", &position)) {
        df_json_begin_object(writer);
        if (put_filter(writer, "filter", "--users", text, error) != 0)
            return -1;
        df_json_end_object(writer);
    }
    df_json_end_array(writer);
    df_json_end_object(writer);
    return 0;
}

static void put_step(struct df_json_writer *writer, const struct df_cli_step *step)
{
    df_json_begin_object(writer);
    df_json_key(writer, "filter");
    df_json_raw(writer, df_buf_slice(&step->filter));
    if (step->negative) {
        df_json_key(writer, "rowFound");
        df_json_boolean(writer, false);
    }
    put_text(writer, "name", step->name);
    put_time(writer, "minGap", step->minimum_gap);
    put_time(writer, "maxGap", step->maximum_gap);
    df_json_end_object(writer);
}

static void put_breakdown(struct df_json_writer *writer, const struct df_cli_arguments *arguments)
{
    const char *column = df_cli_value(arguments, "--by");
    if (!column)
        return;
    df_json_key(writer, "breakdown");
    df_json_begin_object(writer);
    put_text(writer, "column", column);
    put_number(writer, "top", arguments, "--top");
    if (df_cli_value(arguments, "--by-last"))
        put_text(writer, "attribution", "last");
    df_json_end_object(writer);
}

/* "a,b" */
static void put_columns(struct df_json_writer *writer, const char *columns)
{
    if (!columns)
        return;
    df_json_key(writer, "columns");
    df_json_begin_array(writer);
    for (const char *at = columns;; at++) {
        size_t size = strcspn(at, ",");
        df_json_string(writer, df_slice_make(at, size));
        at += size;
        if (!*at)
            break;
    }
    df_json_end_array(writer);
}

static void put_export(struct df_json_writer *writer, const struct df_cli_dataset *dataset)
{
    const char *text = df_cli_value(dataset->arguments, "--export");
    struct cohort cohort;
    if (!text || !split_export(text, &cohort))
        return;
    struct df_buf uri = {0};
    df_cli_put_uri(dataset->cli, cohort.file, &uri);
    writer->out->failed |= df_buf_failed(&uri);
    df_json_key(writer, "export");
    df_json_begin_object(writer);
    df_json_key(writer, "step");
    df_json_uint(writer, cohort.step);
    df_json_key(writer, "which");
    df_json_string(writer, cohort.which);
    put_columns(writer, df_cli_value(dataset->arguments, "--columns"));
    df_json_key(writer, "file");
    df_json_string(writer, df_buf_slice(&uri));
    df_json_end_object(writer);
    df_buf_dispose(&uri);
}

static void put_funnel(struct df_json_writer *writer, const struct df_cli_dataset *dataset,
                       const struct df_cli_sequence *sequence)
{
    const struct df_cli_arguments *arguments = dataset->arguments;
    df_json_key(writer, "funnel");
    df_json_begin_object(writer);
    df_json_key(writer, "sequence");
    df_json_begin_array(writer);
    for (size_t i = 0; i < sequence->step_count; i++)
        put_step(writer, &sequence->steps[i]);
    df_json_end_array(writer);
    put_time(writer, "maxDuration", df_cli_value(arguments, "--within"));
    put_text(writer, "order", df_cli_value(arguments, "--order"));
    put_breakdown(writer, arguments);
    put_text(writer, "trend", df_cli_value(arguments, "--trend"));
    if (df_cli_value(arguments, "--durations"))
        put_true(writer, "durations");
    put_time(writer, "sessionGap", df_cli_value(arguments, "--session-gap"));
    put_export(writer, dataset);
    df_json_end_object(writer);
}

static int put_members(struct df_json_writer *writer, const struct df_cli_dataset *dataset,
                       const struct df_cli_sequence *sequence, struct df_error *error)
{
    const char *where = df_cli_value(dataset->arguments, "--where");
    df_json_key(writer, "dataset");
    if (df_cli_dataset_put_value(dataset, writer, error) != 0 || df_cli_put_without(dataset->cli, writer, error) != 0)
        return -1;
    df_cli_put_on_bad_file(dataset->cli, writer);
    put_timeframe(writer, dataset->arguments);
    if ((where && put_filter(writer, "where", "--where", where, error) != 0) ||
        put_conditions(writer, dataset->arguments, error) != 0)
        return -1;
    put_funnel(writer, dataset, sequence);
    return 0;
}

int df_cli_funnel_put_request(const struct df_cli_dataset *dataset, const struct df_cli_sequence *sequence,
                              struct df_buf *out, struct df_error *error)
{
    struct df_json_writer writer;
    df_json_writer_init(&writer, out, DF_JSON_COMPACT);
    df_json_begin_object(&writer);
    if (put_members(&writer, dataset, sequence, error) != 0)
        return -1;
    df_json_end_object(&writer);
    return df_buf_failed(out) ? df_error_no_memory(error, "making the request") : 0;
}
