/* dayfly funnel: which users did A, then B, then C?
 *
 * Flags → the sequence → the data and its columns → a request of the funnel engine → run → chart, JSON, CSV, SVG, HTML
 * or the report of --explain. */
#include "engine/funnel/funnel.h"

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/explain.h"
#include "cli/funnel_output.h"

struct funnel {
    struct df_cli *cli;
    const struct df_cli_arguments *arguments;
    struct df_store *store; /* for footers and the output file; the query has its own */
    struct df_cli_dataset dataset;
    struct df_cli_sequence sequence;
    struct df_buf request;
};

static const char *value_of(const struct funnel *funnel, const char *flag)
{
    return df_cli_value(funnel->arguments, flag);
}

static bool wants(const struct df_cli_arguments *arguments, const char *format)
{
    const char *given = df_cli_value(arguments, "--output");
    return strcmp(given ? given : "text", format) == 0;
}

/* ---- the answer ---- */

static int write_out(struct funnel *funnel, struct df_slice text, struct df_error *error)
{
    const char *file = value_of(funnel, "--output-file");
    if (!file)
        return df_cli_write(funnel->cli, text, error);
    struct df_put put = {.uri = file, .content = text, .condition = DF_PUT_ALWAYS};
    return df_store_put(funnel->store, &put, NULL, error);
}

static void put_form(const struct df_view *view, const struct df_cli_arguments *arguments,
                     const struct df_chart_style *style, struct df_buf *out)
{
    if (wants(arguments, "csv"))
        df_view_put_csv(view, out);
    else if (wants(arguments, "svg"))
        df_view_put_svg(view, out);
    else if (wants(arguments, "html"))
        df_view_put_html(view, out);
    else
        df_chart_put_funnel(view, style, out);
}

static int put_view(struct funnel *funnel, const struct df_cli_answer *answer, const struct df_chart_style *style,
                    struct df_buf *out, struct df_error *error)
{
    struct df_view view;
    int result = df_view_make(&view, answer, funnel->arguments, &funnel->sequence, error);
    if (result == 0)
        put_form(&view, funnel->arguments, style, out);
    df_view_dispose(&view);
    return result;
}

static int put_answer(struct funnel *funnel, struct df_cli_answer *answer, struct df_buf *out, struct df_error *error)
{
    struct df_chart_style style = df_chart_style_of(funnel->cli, value_of(funnel, "--output-file") != NULL);
    bool json = wants(funnel->arguments, "json");
    if (value_of(funnel, "--explain"))
        return json ? df_explain_put_json(answer, DF_JSON_PRETTY, out, error)
                    : df_explain_put_text(answer, &style, out, error);
    if (json)
        return df_cli_answer_put_json(answer, DF_JSON_PRETTY, out, error);
    return put_view(funnel, answer, &style, out, error);
}

static int show(struct funnel *funnel, struct df_cli_answer *answer, struct df_error *error)
{
    struct df_buf out = {0};
    int result = put_answer(funnel, answer, &out, error);
    if (result == 0 && df_buf_failed(&out))
        result = df_error_no_memory(error, "writing the answer");
    if (result == 0)
        result = write_out(funnel, df_buf_slice(&out), error);
    df_buf_dispose(&out);
    return result;
}

/* ---- the command ---- */

static int check(struct funnel *funnel, struct df_error *error)
{
    if (value_of(funnel, "--explain") && !wants(funnel->arguments, "text") && !wants(funnel->arguments, "json"))
        return df_error_set(error, DF_ERROR_INVALID, "--explain is text or json, found -o %s",
                            value_of(funnel, "--output"));
    return df_cli_funnel_check(funnel->cli, funnel->arguments, &funnel->sequence, error);
}

static int make_request(struct funnel *funnel, struct df_error *error)
{
    funnel->dataset = (struct df_cli_dataset){.cli = funnel->cli,
                                              .arguments = funnel->arguments,
                                              .operands = funnel->arguments->operands,
                                              .operand_count = funnel->arguments->operand_count};
    if (df_cli_check_utf8(funnel->arguments, error) != 0 ||
        df_cli_sequence_read(&funnel->sequence, funnel->cli, funnel->arguments, error) != 0 ||
        check(funnel, error) != 0 || df_store_create(&funnel->store, error) != 0 ||
        df_cli_dataset_choose(&funnel->dataset, funnel->store, error) != 0)
        return -1;
    return df_cli_funnel_put_request(&funnel->dataset, &funnel->sequence, &funnel->request, error);
}

static int answer_question(struct funnel *funnel, struct df_error *error)
{
    if (make_request(funnel, error) != 0)
        return -1;
    struct df_cli_answer answer;
    int result = df_cli_run_query(funnel->cli, df_cli_engine(funnel->cli, "funnel"), df_buf_slice(&funnel->request),
                                  &answer, error);
    if (result == 0) {
        df_explain_note_skipped_files(funnel->cli, &answer);
        df_explain_note_guess(funnel->cli, &answer, funnel->dataset.time);
        result = show(funnel, &answer, error);
    } else {
        df_cli_funnel_reword(&funnel->sequence, error);
    }
    df_cli_answer_dispose(&answer);
    return result;
}

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    struct funnel funnel = {.cli = cli, .arguments = arguments};
    int result = answer_question(&funnel, error);
    df_buf_dispose(&funnel.request);
    df_cli_sequence_dispose(&funnel.sequence);
    df_cli_dataset_dispose(&funnel.dataset);
    df_store_free(funnel.store);
    return result;
}

static void put_failure(const struct df_cli_arguments *arguments, const struct df_error *error, struct df_buf *out)
{
    if (wants(arguments, "json"))
        df_cli_failure_put_json(error, DF_JSON_PRETTY, out);
}

static const struct df_cli_flag flags[] = {
    {.name = "--step",
     .value_name = "EXPR",
     .repeatable = true,
     .section = "Steps",
     .help = "what counts as this step; once per step, in order ('dayfly help filters' has the language)"},
    {.name = "--without",
     .value_name = "EXPR",
     .repeatable = true,
     .help = "no such event between the steps it stands between; before the first: never before it; after the last: "
             "never after it"},
    {.name = "--name", .value_name = "NAME", .repeatable = true, .help = "what to call the step right before it"},
    {.name = "--min-gap",
     .value_name = "TIME",
     .repeatable = true,
     .help = "least time between the step right before it and the step before that: 500ms 30s 15m 12h 7d 2w"},
    {.name = "--max-gap", .value_name = "TIME", .repeatable = true, .help = "the greatest time between them"},
    {.name = "--within", .value_name = "TIME", .help = "the greatest time from the first step to the last"},
    {.name = "--order",
     .choices = "loose|strict|any",
     .help = "loose: other events may lie between (default); strict: none may; any: the steps in any order"},
    {.name = "--session-gap",
     .value_name = "TIME",
     .help = "count sessions instead of users: a user's events, cut where two lie further apart"},
    {.name = "--where",
     .value_name = "EXPR",
     .section = "Which events and users",
     .help = "leave out all events but these, before everything else"},
    {.name = "--users",
     .value_name = "EXPR",
     .repeatable = true,
     .help = "only users who have such an event (several: each of them)"},
    {.name = "--from",
     .value_name = "T",
     .help = "events from this time on: 2015-05-03, 2015-05-03T10:20:30Z, or a number in the time column's unit"},
    {.name = "--to", .value_name = "T", .help = "events before this time"},
    {.name = "--by",
     .value_name = "COLUMN",
     .section = "What to tell of them",
     .help = "the same steps for each value of the column, at the event of step 1"},
    {.name = "--top", .value_name = "N", .help = "with --by: so many values, the rest as 'other' (default: 10)"},
    {.name = "--by-last", .help = "with --by: the value at the deepest step instead"},
    {.name = "--trend",
     .choices = "hour|day|week|month",
     .help = "the same steps for each of them in which step 1 was done (UTC)"},
    {.name = "--durations", .help = "times from step to step: mean, median and other quantiles"},
    {.name = "--export",
     .value_name = "WHICH:STEP=FILE",
     .help = "write who reached a step (reached:2=users.parquet) or went no further (dropped:2=FILE): .parquet, .csv, "
             ".ndjson, or a folder/"},
    {.name = "--columns", .value_name = "A,B", .help = "with --export: columns of the event at that step"},
    {.name = "--explain", .help = "how it was answered, instead of the answer: stages, columns, what was skipped"},
    {.name = "--output",
     .letter = 'o',
     .choices = "text|json|csv|svg|html",
     .section = "Where it goes",
     .help = "form of the answer (default: text)"},
    {.name = "--output-file", .value_name = "FILE", .help = "write the answer there, whole or not at all"},
    DF_CLI_DATASET_FLAGS,
    {.option = "data.on_bad_file"},
    {.option = "data.folder"},
    DF_CLI_RUN_FLAGS,
};

const struct df_cli_command df_command_funnel = {
    .name = "funnel",
    .summary = "how many users did A, then B, then C?",
    .usage = "PATH... --step EXPR... [--user COLUMN] [--time COLUMN] ...",
    .description = "Counts the users who did all steps up to each one, in this order, with other\n"
                   "events allowed between them. PATH is a Parquet file, a folder of them, a glob\n"
                   "in quotes, s3://bucket/prefix, or the name of a registered data set ('dayfly\n"
                   "datasets'). A user's events may be spread over any number of files.\n\n"
                   "A step is an expression: event = 'view' and price >= 50, country in ('DE',\n"
                   "'FR'), url contains '/cart', not (coupon is null). --without between two steps\n"
                   "forbids an event there; --name, --min-gap and --max-gap belong to the step right\n"
                   "before them.\n\n"
                   "Example:\n"
                   "  dayfly generate retail -o shop\n"
                   "  dayfly funnel shop --step event=view --step event=addtocart --name cart \\\n"
                   "      --step event=transaction --max-gap 2d --within 7d --durations\n"
                   "  dayfly funnel shop --step event=view --without event=addtocart \\\n"
                   "      --step event=transaction --by available --trend week -o html \\\n"
                   "      --output-file funnel.html\n\n"
                   "CSV is in long form: a line per step of the whole (table all), of each value of\n"
                   "--by (group, group-null, group-other) and of each bucket of --trend (trend);\n"
                   "columns: table, value, step, name, users, sessions, rows, of_first, of_previous,\n"
                   "and the times of --durations in steps of the time column.\n\n"
                   "Exit status: 0 done, 2 a wrong question, 3 damaged or unsupported data, 4 not\n"
                   "found, 5 not allowed, 6 out of time, 130 interrupted, 1 anything else.\n",
    .operands = "PATH",
    .operands_minimum = 1,
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
    .run = run,
    .put_failure = put_failure,
};
