/* dayfly funnel: which users did A, then B, then C?
 *
 * Flags → steps as filters → the columns that are meant → a request of the funnel engine → run → chart or JSON. */
#include "engine/funnel/funnel.h"

#include <stdlib.h>

#include "base/json_write.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/funnel_answer.h"
#include "cli/run.h"
#include "cli/text.h"

struct funnel {
    struct df_cli *cli;
    const struct df_cli_arguments *arguments;
    struct df_store *store;    /* for footers and the output file; the query has its own */
    struct df_columns columns; /* of the first file; empty when they were not needed */
    const char *user, *time;   /* of argv or of columns */
    const char **steps;        /* texts, of argv */
    struct df_buf *filters;    /* the same as JSON, one per step */
    size_t step_count;
    struct df_buf request;
};

static const char *value_of(const struct funnel *funnel, const char *flag)
{
    return df_cli_value(funnel->arguments, flag);
}

static bool wants_json(const struct df_cli_arguments *arguments)
{
    const char *format = df_cli_value(arguments, "--output");
    return format && strcmp(format, "json") == 0;
}

/* ---- what was asked ---- */

static int check_choice(const struct funnel *funnel, const char *flag, const char *const *choices, const char *said,
                        struct df_error *error)
{
    const char *value = value_of(funnel, flag);
    for (; value && *choices; choices++)
        if (strcmp(value, *choices) == 0)
            return 0;
    return value ? df_error_set(error, DF_ERROR_INVALID, "%s is %s, found '%s'", flag, said, value) : 0;
}

static int check_choices(const struct funnel *funnel, struct df_error *error)
{
    static const char *const formats[] = {"text", "json", NULL};
    static const char *const groups[] = {"auto", "whole", "spread", NULL};
    if (check_choice(funnel, "--output", formats, "text or json", error) != 0)
        return -1;
    return check_choice(funnel, "--groups", groups, "auto, whole or spread", error);
}

/* The request is JSON: other bytes would be replaced on the way, and the query would look for something else. */
static int check_utf8(const struct funnel *funnel, struct df_error *error)
{
    const struct df_cli_arguments *arguments = funnel->arguments;
    for (size_t i = 0; i < arguments->operand_count + arguments->given_count; i++) {
        const char *word =
            i < arguments->operand_count ? arguments->operands[i] : arguments->given[i - arguments->operand_count].text;
        if (!df_text_is_utf8(df_slice_text(word)))
            return df_error_set(error, DF_ERROR_INVALID, "'%s' is not UTF-8 text; a folder or a glob may stand for it",
                                word);
    }
    return 0;
}

static int parse_steps(struct funnel *funnel, struct df_error *error)
{
    size_t most = funnel->arguments->given_count;
    funnel->steps = calloc(most + 1, sizeof *funnel->steps);
    funnel->filters = calloc(most + 1, sizeof *funnel->filters);
    if (!funnel->steps || !funnel->filters)
        return df_error_no_memory(error, "reading the steps");
    size_t position = 0;
    for (const char *text; (text = df_cli_next_value(funnel->arguments, "--step", &position));) {
        size_t index = funnel->step_count++;
        funnel->steps[index] = text;
        if (df_funnel_filter_text(df_slice_text(text), &funnel->filters[index], error) != 0)
            return df_error_prefix(error, "step %zu", index + 1);
    }
    if (funnel->step_count > 0)
        return 0;
    df_cli_hint(funnel->cli, "--step event=view --step event=addtocart");
    return df_error_set(error, DF_ERROR_INVALID, "a funnel needs steps: one --step EXPR for each");
}

static int choose_columns(struct funnel *funnel, struct df_error *error)
{
    funnel->user = value_of(funnel, "--user");
    funnel->time = value_of(funnel, "--time");
    if (funnel->user && funnel->time)
        return 0;
    const struct df_cli_arguments *arguments = funnel->arguments;
    if (df_columns_read(funnel->store, arguments->operands, arguments->operand_count, value_of(funnel, "--pattern"),
                        &funnel->columns, error) != 0)
        return -1;
    if (!funnel->user) {
        if (df_columns_choose(&funnel->columns, DF_COLUMN_USER, &funnel->user, error) != 0)
            return -1;
        df_cli_note(funnel->cli, "taking column '%s' as the user (--user says otherwise)", funnel->user);
    }
    if (!funnel->time) {
        if (df_columns_choose(&funnel->columns, DF_COLUMN_TIME, &funnel->time, error) != 0)
            return -1;
        df_cli_note(funnel->cli, "taking column '%s' as the time (--time says otherwise)", funnel->time);
    }
    return 0;
}

/* ---- the engine's request (engine/funnel/funnel.h) ---- */

static void put_text(struct df_json_writer *writer, const char *name, const char *value)
{
    if (!value)
        return;
    df_json_key(writer, name);
    df_json_text(writer, value);
}

static void put_dataset(const struct funnel *funnel, struct df_json_writer *writer)
{
    df_json_key(writer, "dataset");
    df_json_begin_object(writer);
    df_json_key(writer, "paths");
    df_json_begin_array(writer);
    for (size_t i = 0; i < funnel->arguments->operand_count; i++) {
        struct df_buf uri = {0};
        df_cli_put_uri(funnel->cli, funnel->arguments->operands[i], &uri);
        df_json_string(writer, df_buf_slice(&uri));
        df_buf_dispose(&uri);
    }
    df_json_end_array(writer);
    put_text(writer, "pattern", value_of(funnel, "--pattern"));
    put_text(writer, "user", funnel->user);
    put_text(writer, "time", funnel->time);
    put_text(writer, "groups", value_of(funnel, "--groups"));
    df_json_end_object(writer);
}

static void put_sequence(const struct funnel *funnel, struct df_json_writer *writer)
{
    df_json_key(writer, "funnel");
    df_json_begin_object(writer);
    df_json_key(writer, "sequence");
    df_json_begin_array(writer);
    for (size_t i = 0; i < funnel->step_count; i++) {
        df_json_begin_object(writer);
        df_json_key(writer, "filter");
        df_json_raw(writer, df_buf_slice(&funnel->filters[i]));
        df_json_end_object(writer);
    }
    df_json_end_array(writer);
    df_json_end_object(writer);
}

static int make_request(struct funnel *funnel, struct df_error *error)
{
    struct df_json_writer writer;
    df_json_writer_init(&writer, &funnel->request, DF_JSON_COMPACT);
    df_json_begin_object(&writer);
    put_dataset(funnel, &writer);
    put_sequence(funnel, &writer);
    df_json_end_object(&writer);
    return df_buf_failed(&funnel->request) ? df_error_no_memory(error, "making the request") : 0;
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

/* A file is no terminal: it gets the usual width and no colours. */
static struct df_chart_style chart_style(const struct funnel *funnel)
{
    const struct df_cli *cli = funnel->cli;
    bool file = value_of(funnel, "--output-file") != NULL;
    return (struct df_chart_style){
        .columns = file ? 80 : cli->columns, .colour = cli->colour && !file, .ascii = cli->ascii};
}

static int show(struct funnel *funnel, const struct df_cli_answer *answer, struct df_error *error)
{
    struct df_buf out = {0};
    struct df_chart_style style = chart_style(funnel);
    int result = wants_json(funnel->arguments)
                     ? df_funnel_answer_put_json(answer, &out, error)
                     : df_funnel_answer_put_chart(answer, funnel->steps, funnel->step_count, &style, &out, error);
    if (result == 0 && df_buf_failed(&out))
        result = df_error_no_memory(error, "writing the answer");
    if (result == 0)
        result = write_out(funnel, df_buf_slice(&out), error);
    df_buf_dispose(&out);
    return result;
}

/* ---- the command ---- */

static int answer_question(struct funnel *funnel, struct df_error *error)
{
    if (check_choices(funnel, error) != 0 || check_utf8(funnel, error) != 0 || parse_steps(funnel, error) != 0 ||
        df_store_create(&funnel->store, error) != 0 || choose_columns(funnel, error) != 0 ||
        make_request(funnel, error) != 0)
        return -1;
    struct df_cli_answer answer;
    int result = df_cli_run_query(funnel->cli, df_cli_engine(funnel->cli, "funnel"), df_buf_slice(&funnel->request),
                                  &answer, error);
    if (result == 0)
        result = show(funnel, &answer, error);
    else
        df_funnel_answer_reword(error);
    df_cli_answer_dispose(&answer);
    return result;
}

static void dispose(struct funnel *funnel)
{
    for (size_t i = 0; i < funnel->step_count; i++)
        df_buf_dispose(&funnel->filters[i]);
    free(funnel->filters);
    free(funnel->steps);
    df_buf_dispose(&funnel->request);
    df_columns_dispose(&funnel->columns);
    df_store_free(funnel->store);
}

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    struct funnel funnel = {.cli = cli, .arguments = arguments};
    int result = answer_question(&funnel, error);
    dispose(&funnel);
    return result;
}

static void put_failure(const struct df_cli_arguments *arguments, const struct df_error *error, struct df_buf *out)
{
    if (wants_json(arguments))
        df_funnel_answer_put_failure(error, out);
}

static const struct df_cli_flag flags[] = {
    {.name = "--user", .value_name = "COLUMN", .help = "who did it (default: the column whose name says so)"},
    {.name = "--time", .value_name = "COLUMN", .help = "when it was done (default: the column whose name says so)"},
    {.name = "--step",
     .value_name = "EXPR",
     .repeatable = true,
     .help = "what counts as this step: COLUMN OP VALUE; once per step, in order"},
    {.name = "--groups",
     .value_name = "auto|whole|spread",
     .help = "whole: you promise that all rows of a user are in one file; spread: never rely on it (default: auto, "
             "look)"},
    {.name = "--pattern", .value_name = "GLOB", .help = "files to read in folders (default: *.parquet)"},
    {.name = "--output", .letter = 'o', .value_name = "text|json", .help = "form of the answer (default: text)"},
    {.name = "--output-file", .value_name = "FILE", .help = "write the answer there, whole or not at all"},
    {.option = "threads"},
    {.option = "memory.limit"},
    {.option = "temporary.folder"},
    {.option = "job.timeout"},
    {.option = "job.max_bytes"},
    {.option = "invoke"},
    {.option = "lambda.function"},
    {.option = "result.prefix"},
    {.option = "result.inline_bytes"},
};

const struct df_cli_command df_command_funnel = {
    .name = "funnel",
    .summary = "how many users did A, then B, then C?",
    .usage = "PATH... --step EXPR... [--user COLUMN] [--time COLUMN]",
    .description = "Counts the users who did all steps up to each one, in this order, with other\n"
                   "events allowed between them. PATH is a Parquet file, a folder of them, or a glob\n"
                   "in quotes. A user's events may be spread over any number of files.\n\n"
                   "A step is COLUMN OP VALUE; OP is one of = != > >= < <= contains, not contains:\n"
                   "  event = 'view'     price >= 50     available = true     event=view\n\n"
                   "Example:\n"
                   "  dayfly generate retail -o shop\n"
                   "  dayfly funnel shop --user visitorid --time timestamp \\\n"
                   "      --step \"event = 'view'\" --step \"event = 'addtocart'\" \\\n"
                   "      --step \"event = 'transaction'\"\n\n"
                   "Exit status: 0 done, 2 a wrong question, 3 damaged or unsupported data, 4 not\n"
                   "found, 5 not allowed, 6 out of time, 130 interrupted, 1 anything else.\n",
    .operands = "PATH",
    .operands_minimum = 1,
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
    .run = run,
    .put_failure = put_failure,
};
