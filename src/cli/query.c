/* dayfly query: a question in the JSON language, answered with the result object.
 *
 * The given JSON must be an object; it goes to the engine as it is, with the data set of the command line in front. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/dataset.h"
#include "cli/explain.h"

enum { CHUNK_BYTES = 1 << 16 };

struct query {
    struct df_cli *cli;
    const struct df_cli_arguments *arguments;
    struct df_store *store;
    struct df_cli_dataset dataset;
    const char **operands; /* those that are no "-", owned */
    const char *origin;    /* of the JSON, for messages */
    struct df_buf text;
    struct df_buf request;
};

static const char *value_of(const struct query *query, const char *flag)
{
    return df_cli_value(query->arguments, flag);
}

static enum df_json_style style_of(const struct df_cli_arguments *arguments)
{
    return df_cli_value(arguments, "--compact") ? DF_JSON_COMPACT : DF_JSON_PRETTY;
}

static bool wants_text(const struct df_cli_arguments *arguments)
{
    const char *format = df_cli_value(arguments, "--output");
    return format ? strcmp(format, "text") == 0 : df_cli_value(arguments, "--explain") != NULL;
}

/* ---- the question ---- */

static int take_operands(struct query *query, bool *standard_input, struct df_error *error)
{
    const struct df_cli_arguments *arguments = query->arguments;
    query->operands = calloc(arguments->operand_count + 1, sizeof *query->operands);
    if (!query->operands)
        return df_error_no_memory(error, "reading the command line");
    size_t count = 0;
    for (size_t i = 0; i < arguments->operand_count; i++)
        if (strcmp(arguments->operands[i], "-") == 0)
            *standard_input = true;
        else
            query->operands[count++] = arguments->operands[i];
    query->dataset = (struct df_cli_dataset){
        .cli = query->cli, .arguments = arguments, .operands = query->operands, .operand_count = count};
    if (count > 0)
        return 0;
    return df_error_set(error, DF_ERROR_INVALID, "which data? name a PATH, or a registered data set");
}

static int read_descriptor(int fd, const char *origin, struct df_buf *out, struct df_error *error)
{
    for (;;) {
        uint8_t *room = df_buf_extend(out, CHUNK_BYTES);
        if (!room)
            return df_error_no_memory(error, "reading the query");
        out->size -= CHUNK_BYTES;
        ssize_t count = read(fd, room, CHUNK_BYTES);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return df_error_set_errno(error, errno, "cannot read the query from %s", origin);
        if (count == 0)
            return 0;
        out->size += (size_t)count;
        if (out->size > df_json_default_limits.text_bytes)
            return df_error_set(error, DF_ERROR_TOO_LARGE, "the query in %s is larger than %zu MiB", origin,
                                df_json_default_limits.text_bytes >> 20);
    }
}

static int read_file(struct query *query, const char *path, struct df_error *error)
{
    query->origin = path;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return df_error_set_errno(error, errno, "cannot open the query '%s'", path);
    int result = read_descriptor(fd, path, &query->text, error);
    close(fd);
    return result;
}

static int read_question(struct query *query, bool standard_input, struct df_error *error)
{
    const char *file = value_of(query, "--file"), *text = value_of(query, "--query");
    if (file && strcmp(file, "-") == 0) {
        standard_input = true;
        file = NULL;
    }
    int sources = (file != NULL) + (text != NULL) + standard_input;
    if (sources != 1) {
        df_cli_hint(query->cli, "-q '{\"query\": {\"conditions\": [{\"filter\": [\"event\", \"==\", \"view\"]}]}}'");
        return df_error_set(error, DF_ERROR_INVALID, "%s: -f FILE, -q JSON, or - for standard input",
                            sources == 0 ? "where is the query? Say one of" : "one query at a time");
    }
    if (file)
        return read_file(query, file, error);
    query->origin = standard_input ? "standard input" : "-q";
    if (standard_input)
        return read_descriptor(STDIN_FILENO, query->origin, &query->text, error);
    df_buf_put_text(&query->text, text);
    return 0;
}

static int put_members(struct query *query, const struct df_json *tree, struct df_json_writer *writer,
                       struct df_error *error)
{
    df_json_key(writer, "dataset");
    if (df_cli_dataset_put_value(&query->dataset, writer, error) != 0 ||
        (!df_json_get(tree, "without") && df_cli_put_without(query->cli, writer, error) != 0))
        return -1;
    if (!df_json_get(tree, "onBadFile"))
        df_cli_put_on_bad_file(query->cli, writer);
    for (const struct df_json *member = tree->children; member; member = member->next) {
        if (df_slice_is(member->key, "dataset"))
            return df_error_set(error, DF_ERROR_INVALID,
                                "%s: 'dataset' has no place in a query: the data are named on the command line",
                                query->origin);
        df_json_key_slice(writer, member->key);
        df_json_write_tree(writer, member);
    }
    return 0;
}

static int make_request(struct query *query, struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_json *tree = NULL;
    int result = df_json_parse(df_buf_slice(&query->text), NULL, &arena, &tree, error);
    if (result != 0)
        df_error_prefix(error, "%s", query->origin);
    else if (tree->type != DF_JSON_OBJECT)
        result = df_error_set(error, DF_ERROR_INVALID, "%s: a query is an object, {...}, found %s", query->origin,
                              df_json_type_name(tree->type));
    if (result == 0) {
        struct df_json_writer writer;
        df_json_writer_init(&writer, &query->request, DF_JSON_COMPACT);
        df_json_begin_object(&writer);
        result = put_members(query, tree, &writer, error);
        if (result == 0)
            df_json_end_object(&writer);
    }
    df_arena_dispose(&arena);
    if (result == 0 && df_buf_failed(&query->request))
        return df_error_no_memory(error, "making the request");
    return result;
}

/* ---- the answer ---- */

static int put_answer(struct query *query, struct df_cli_answer *answer, struct df_buf *out, struct df_error *error)
{
    struct df_chart_style style = df_chart_style_of(query->cli, value_of(query, "--output-file") != NULL);
    if (value_of(query, "--explain"))
        return wants_text(query->arguments) ? df_explain_put_text(answer, &style, out, error)
                                            : df_explain_put_json(answer, style_of(query->arguments), out, error);
    return df_cli_answer_put_json(answer, style_of(query->arguments), out, error);
}

static int show(struct query *query, struct df_cli_answer *answer, struct df_error *error)
{
    struct df_buf out = {0};
    const char *file = value_of(query, "--output-file");
    int result = put_answer(query, answer, &out, error);
    if (result == 0 && df_buf_failed(&out))
        result = df_error_no_memory(error, "writing the answer");
    if (result == 0 && file) {
        struct df_put put = {.uri = file, .content = df_buf_slice(&out), .condition = DF_PUT_ALWAYS};
        result = df_store_put(query->store, &put, NULL, error);
    } else if (result == 0) {
        result = df_cli_write(query->cli, df_buf_slice(&out), error);
    }
    df_buf_dispose(&out);
    return result;
}

/* ---- the command ---- */

static int check(struct query *query, struct df_error *error)
{
    if (wants_text(query->arguments) && !value_of(query, "--explain"))
        return df_error_set(error, DF_ERROR_INVALID,
                            "the answer of a query is JSON; -o text is for --explain ('dayfly funnel' draws charts)");
    return df_cli_check_utf8(query->arguments, error);
}

static int answer_question(struct query *query, struct df_error *error)
{
    bool standard_input = false;
    if (check(query, error) != 0 || take_operands(query, &standard_input, error) != 0 ||
        read_question(query, standard_input, error) != 0 || df_store_create(&query->store, error) != 0 ||
        df_cli_dataset_choose(&query->dataset, query->store, error) != 0 || make_request(query, error) != 0)
        return -1;
    struct df_cli_answer answer;
    int result = df_cli_run_query(query->cli, df_cli_engine(query->cli, "funnel"), df_buf_slice(&query->request),
                                  &answer, error);
    if (result == 0) {
        df_explain_note_skipped_files(query->cli, &answer);
        df_explain_note_guess(query->cli, &answer, query->dataset.time);
        result = show(query, &answer, error);
    }
    df_cli_answer_dispose(&answer);
    return result;
}

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    struct query query = {.cli = cli, .arguments = arguments};
    int result = answer_question(&query, error);
    df_buf_dispose(&query.request);
    df_buf_dispose(&query.text);
    df_cli_dataset_dispose(&query.dataset);
    free(query.operands);
    df_store_free(query.store);
    return result;
}

static void put_failure(const struct df_cli_arguments *arguments, const struct df_error *error, struct df_buf *out)
{
    if (!wants_text(arguments))
        df_cli_failure_put_json(error, style_of(arguments), out);
}

static const struct df_cli_flag flags[] = {
    {.name = "--file",
     .letter = 'f',
     .value_name = "FILE",
     .section = "The query",
     .help = "read the query from this file (-: standard input)"},
    {.name = "--query", .letter = 'q', .value_name = "JSON", .help = "the query itself"},
    {.name = "--explain", .help = "how it was answered, instead of the answer: stages, columns, what was skipped"},
    {.name = "--output",
     .letter = 'o',
     .choices = "json|text",
     .section = "Where it goes",
     .help = "form of the report of --explain (default: text); answers are JSON"},
    {.name = "--compact", .help = "JSON on one line"},
    {.name = "--output-file", .value_name = "FILE", .help = "write the answer there, whole or not at all"},
    DF_CLI_DATASET_FLAGS,
    {.option = "data.on_bad_file"},
    {.option = "data.folder"},
    DF_CLI_RUN_FLAGS,
};

const struct df_cli_command df_command_query = {
    .name = "query",
    .summary = "answer a question in the JSON language",
    .usage = "(PATH... | DATASET) (-f FILE | -q JSON | -) [FLAGS]",
    .description = "Answers a query: conditions on users and how they are related, aggregations, a\n"
                   "funnel. The language is that of Funnel Rocket and what Dayfly adds to it;\n"
                   "docs/query-language.md describes all of it. PATHs are Parquet files, folders,\n"
                   "globs or s3://bucket/prefix; DATASET is a registered data set ('dayfly\n"
                   "datasets').\n\n"
                   "Prints one JSON object: success, requestId, stats, query, funnel. When it fails\n"
                   "it has success false and errorMessage; the message is on standard error too.\n\n"
                   "Example:\n"
                   "  dayfly generate retail -o shop\n"
                   "  dayfly query shop --user visitorid --time timestamp -q '{\"query\": {\n"
                   "      \"conditions\": [{\"filter\": [\"event\", \"==\", \"transaction\"],\n"
                   "                      \"target\": [\"count\", \">=\", 2]}],\n"
                   "      \"aggregations\": [{\"column\": \"event\", \"type\": \"countPerValue\"}]}}'\n\n"
                   "Exit status: as of 'dayfly funnel'.\n",
    .operands = "PATH",
    .operands_minimum = 1,
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
    .run = run,
    .put_failure = put_failure,
};
