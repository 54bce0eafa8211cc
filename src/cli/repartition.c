/* dayfly repartition: a data set written again, each user whole in one file. The work is the engine's
 * (engine/funnel/repartition/repartition.h); here are the request and what is said at the end. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_write.h"
#include "cli/answer.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/dataset.h"
#include "cli/options.h"
#include "cli/run.h"
#include "cli/text.h"

enum {
    MEMORY_LEAST = 16 * 1024 * 1024,
    PARTS_MOST = 10000,
    GROUP_ROWS_MOST = 16 * 1024 * 1024,
    NAME_COLUMNS = 32,
    SUMMARY_COLUMNS = 40, /* more are counted only */
};

struct asked {
    const char *folder, *user, *time; /* time NULL: none */
    int64_t parts, row_group_rows;    /* 0: chosen by the engine */
    struct df_columns columns;        /* of the first file; empty when both names were given */
};

/* ---- what was asked for ---- */

static const char *pattern_of(const struct df_cli_arguments *arguments)
{
    const char *pattern = df_cli_value(arguments, "--pattern");
    return pattern ? pattern : "*.parquet";
}

/* The user must be known; a time is taken where one column can only be meant. */
static int choose_columns(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_store *store,
                          struct asked *asked, struct df_error *error)
{
    asked->user = df_cli_value(arguments, "--user");
    asked->time = df_cli_value(arguments, "--time");
    if (asked->user && asked->time)
        return 0;
    if (df_columns_read(store, arguments->operands, arguments->operand_count, pattern_of(arguments), false,
                        &asked->columns, error) < 0)
        return -1;
    if (!asked->user) {
        if (df_columns_choose(&asked->columns, DF_COLUMN_USER, &asked->user, error) < 0)
            return -1;
        df_cli_note(cli, "taking column '%s' as the user (--user says otherwise)", asked->user);
    }
    if (asked->time)
        return 0;
    asked->time = df_columns_guess(DF_COLUMN_TIME, (const char *const *)asked->columns.names, asked->columns.count);
    if (asked->time)
        df_cli_note(cli, "taking column '%s' as the time (--time says otherwise)", asked->time);
    else
        df_cli_note(cli, "no column is known to be the time (--time): rows of a user keep their order");
    return 0;
}

static bool is_local(const char *uri)
{
    return !strstr(uri, "://");
}

/* The folder that is there and the target would be in; owned; NULL: unknown. */
static char *standing_folder(const char *target)
{
    struct df_buf path = {0};
    char *real = NULL;
    df_cli_put_absolute_uri(target, &path);
    char *text = df_buf_failed(&path) ? NULL : strdup(df_buf_text(&path));
    df_buf_dispose(&path);
    while (text && !(real = realpath(text, NULL))) {
        char *slash = strrchr(text, '/');
        if (!slash || slash == text)
            break;
        *slash = '\0';
    }
    free(text);
    return real;
}

static bool begins_with_folder(const char *path, const char *above)
{
    size_t size = strlen(above);
    while (size > 1 && above[size - 1] == '/')
        size--;
    return strncmp(path, above, size) == 0 && (path[size] == '\0' || path[size] == '/' || above[size - 1] == '/');
}

/* What is written must not become a part of what is read. */
static int check_apart(const struct df_cli_arguments *arguments, const char *folder, struct df_error *error)
{
    char *standing = is_local(folder) ? standing_folder(folder) : NULL;
    bool inside = false;
    const char *source = NULL;
    for (size_t i = 0; !inside && i < arguments->operand_count; i++) {
        source = arguments->operands[i];
        char *real = is_local(source) ? realpath(source, NULL) : NULL;
        inside = real ? standing && begins_with_folder(standing, real)
                      : !is_local(source) && begins_with_folder(folder, source);
        free(real);
    }
    free(standing);
    return inside
               ? df_error_set(error, DF_ERROR_INVALID,
                              "'%s' lies in '%s', which is read: name a folder beside it, or every later query would "
                              "find the rows twice",
                              folder, source)
               : 0;
}

static int check_memory(const struct df_cli *cli, struct df_error *error)
{
    uint64_t limit = df_cli_memory_limit(cli->config);
    if (limit == 0 || limit >= MEMORY_LEAST)
        return 0;
    return df_error_set(error, DF_ERROR_INVALID,
                        "--memory must be at least 16M to repartition, found %" PRIu64 " bytes", limit);
}

static int read_asked(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_store *store,
                      struct asked *asked, struct df_error *error)
{
    asked->folder = df_cli_value(arguments, "--output");
    if (!asked->folder || !asked->folder[0])
        return df_error_set(error, DF_ERROR_INVALID, "-o FOLDER is missing: where the files go");
    if (df_cli_check_utf8(arguments, error) < 0 ||
        df_cli_value_int(arguments, "--parts", 1, PARTS_MOST, &asked->parts, error) < 0 ||
        df_cli_value_int(arguments, "--row-group-rows", 1, GROUP_ROWS_MOST, &asked->row_group_rows, error) < 0 ||
        check_memory(cli, error) < 0 || check_apart(arguments, asked->folder, error) < 0)
        return -1;
    return choose_columns(cli, arguments, store, asked, error);
}

/* ---- the request ---- */

/* "a,b" and further --columns */
static void put_chosen(const struct df_cli_arguments *arguments, struct df_json_writer *json)
{
    size_t position = 0;
    df_json_key(json, "columns");
    df_json_begin_array(json);
    for (const char *list; (list = df_cli_next_value(arguments, "--columns", &position));)
        while (*list) {
            size_t size = strcspn(list, ",");
            if (size > 0)
                df_json_string(json, df_slice_make(list, size));
            list += size + (list[size] == ',');
        }
    df_json_end_array(json);
}

static void put_uri(const char *uri, struct df_json_writer *json)
{
    struct df_buf absolute = {0};
    df_cli_put_absolute_uri(uri, &absolute);
    json->out->failed |= df_buf_failed(&absolute);
    df_json_string(json, df_buf_slice(&absolute));
    df_buf_dispose(&absolute);
}

static int put_request(const struct df_cli_arguments *arguments, const struct asked *asked, struct df_buf *out,
                       struct df_error *error)
{
    struct df_json_writer json;
    const char *codec = df_cli_value(arguments, "--codec");
    df_json_writer_init(&json, out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    df_json_key(&json, "paths");
    df_json_begin_array(&json);
    for (size_t i = 0; i < arguments->operand_count; i++)
        put_uri(arguments->operands[i], &json);
    df_json_end_array(&json);
    df_json_key(&json, "pattern");
    df_json_text(&json, pattern_of(arguments));
    df_json_key(&json, "user");
    df_json_text(&json, asked->user);
    df_json_key(&json, "time");
    df_json_text(&json, asked->time);
    df_json_key(&json, "target");
    put_uri(asked->folder, &json);
    df_json_key(&json, "parts");
    df_json_int(&json, asked->parts);
    put_chosen(arguments, &json);
    df_json_key(&json, "skipUnsupported");
    df_json_boolean(&json, df_cli_value(arguments, "--skip-unsupported") != NULL);
    df_json_key(&json, "codec");
    df_json_text(&json, codec ? codec : "snappy");
    df_json_key(&json, "rowGroupRows");
    df_json_int(&json, asked->row_group_rows);
    df_json_end_object(&json);
    return df_buf_failed(out) ? df_error_no_memory(error, "making the request") : 0;
}

/* ---- what is said at the end ---- */

static uint64_t number_of(const struct df_json *tree, const char *name)
{
    uint64_t number = 0;
    df_json_uint64(df_json_get(tree, name), &number);
    return number;
}

static void put_counted(struct df_buf *out, uint64_t count, const char *what)
{
    df_text_put_thousands(out, count);
    df_buf_printf(out, " %s%s", what, count == 1 ? "" : "s");
}

static void put_columns(const struct df_cli *cli, const struct df_json *columns, const struct asked *asked,
                        struct df_buf *out)
{
    uint32_t shown = 0;
    for (const struct df_json *column = columns ? columns->children : NULL; column && shown < SUMMARY_COLUMNS;
         column = column->next, shown++) {
        const struct df_json *name = df_json_get(column, "name"), *type = df_json_get(column, "type");
        if (!name || !type)
            continue;
        df_buf_put_text(out, "  ");
        unsigned used = df_text_put_cut(out, name->text, NAME_COLUMNS, cli->ascii);
        df_text_put_spaces(out, NAME_COLUMNS - used + 2);
        df_buf_put_slice(out, type->text);
        df_buf_put_text(out, df_slice_is(name->text, asked->user)                  ? "  (the user)\n"
                             : asked->time && df_slice_is(name->text, asked->time) ? "  (the time)\n"
                                                                                   : "\n");
    }
    if (columns && columns->child_count > shown)
        df_buf_printf(out, "  and %zu more\n", columns->child_count - shown);
}

static void put_left_out(const struct df_cli *cli, const struct df_json *left_out, struct df_buf *out)
{
    for (const struct df_json *text = left_out ? left_out->children : NULL; text; text = text->next) {
        df_buf_put_text(out, "left out: column ");
        df_text_put(out, text->text, cli->ascii);
        df_buf_put_char(out, '\n');
    }
}

static void put_summary(const struct df_cli *cli, const struct df_json *tree, const struct asked *asked,
                        const struct df_cli_answer *answer, struct df_buf *out)
{
    uint64_t userless = number_of(tree, "rowsWithoutUser");
    df_buf_put_text(out, "wrote ");
    put_counted(out, number_of(tree, "rows"), "row");
    df_buf_put_text(out, " of ");
    put_counted(out, number_of(tree, "users"), "user");
    df_buf_put_text(out, " from ");
    put_counted(out, number_of(tree, "sourceFiles"), "file");
    df_buf_put_text(out, " into ");
    put_counted(out, number_of(tree, "files"), "file");
    df_buf_put_text(out, " below '");
    df_text_put(out, df_slice_text(asked->folder), cli->ascii);
    df_buf_put_text(out, "', ");
    df_text_put_thousands(out, number_of(tree, "bytes"));
    df_buf_printf(out, " bytes, in %.1f s:\n", (double)answer->stats.total_ns / 1e9);
    put_columns(cli, df_json_get(tree, "columns"), asked, out);
    put_left_out(cli, df_json_get(tree, "leftOut"), out);
    if (userless > 0) {
        put_counted(out, userless, "row");
        df_buf_put_text(out, userless == 1 ? " has no user: it is at the end of the first file\n"
                                           : " have no user: they are at the end of the first file\n");
    }
}

static void put_json(const struct df_json *tree, struct df_cli_answer *answer, struct df_buf *out)
{
    struct df_json_writer json;
    df_json_writer_init(&json, out, DF_JSON_PRETTY);
    df_json_begin_object(&json);
    df_json_key(&json, "success");
    df_json_boolean(&json, true);
    df_json_key(&json, "requestId");
    df_json_text(&json, answer->job_id);
    df_json_key(&json, "stats");
    df_cli_answer_put_stats(answer, &json);
    df_json_key(&json, "repartition");
    df_json_write_tree(&json, tree);
    df_json_end_object(&json);
    df_buf_put_char(out, '\n');
}

static int print_answer(struct df_cli *cli, const struct df_cli_arguments *arguments, const struct asked *asked,
                        struct df_cli_answer *answer, struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_buf out = {0};
    struct df_json *tree;
    int result = df_json_parse(df_buf_slice(&answer->content), &df_json_default_limits, &arena, &tree, error);
    if (result == 0) {
        if (df_cli_value(arguments, "--json"))
            put_json(tree, answer, &out);
        else
            put_summary(cli, tree, asked, answer, &out);
        result = df_buf_failed(&out) ? df_error_no_memory(error, "writing the summary")
                                     : df_cli_write(cli, df_buf_slice(&out), error);
    }
    df_buf_dispose(&out);
    df_arena_dispose(&arena);
    return result;
}

/* ---- the command ---- */

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    struct asked asked = {0};
    struct df_store *store = NULL;
    struct df_buf request = {0};
    struct df_cli_answer answer = {0};
    int result = df_store_create(&store, error);
    if (result == 0)
        result = read_asked(cli, arguments, store, &asked, error);
    if (result == 0)
        result = put_request(arguments, &asked, &request, error);
    if (result == 0)
        result = df_cli_run_query(cli, df_cli_engine(cli, "repartition"), df_buf_slice(&request), &answer, error);
    if (result == 0)
        result = print_answer(cli, arguments, &asked, &answer, error);
    df_cli_answer_dispose(&answer);
    df_buf_dispose(&request);
    df_columns_dispose(&asked.columns);
    df_store_free(store);
    return result;
}

static void put_failure(const struct df_cli_arguments *arguments, const struct df_error *error, struct df_buf *out)
{
    if (df_cli_value(arguments, "--json"))
        df_cli_failure_put_json(error, DF_JSON_PRETTY, out);
}

static const struct df_cli_flag flags[] = {
    {.name = "--output", .letter = 'o', .value_name = "FOLDER", .help = "where the files go: absent, or empty"},
    {.name = "--user", .value_name = "COLUMN", .help = "the user: all rows of one go into the same file"},
    {.name = "--time", .value_name = "COLUMN", .help = "the time, by which the rows of a user are sorted"},
    {.name = "--parts", .value_name = "N", .help = "files (default: one for each 128 MB that are read)"},
    {.name = "--columns",
     .value_name = "A,B,…",
     .repeatable = true,
     .help = "these only, and the user and the time (default: all)"},
    {.name = "--skip-unsupported", .help = "leave columns out that cannot be written: maps, lists of lists"},
    {.name = "--pattern", .value_name = "GLOB", .help = "files to read in folders (default: *.parquet)"},
    {.name = "--codec", .choices = "snappy|zstd|none", .help = "how pages are compressed (default: snappy)"},
    {.name = "--row-group-rows",
     .value_name = "N",
     .help = "rows of a row group (default: up to 131072, by their size)"},
    {.name = "--json", .help = "the summary as a JSON object, with statistics"},
    DF_CLI_RUN_FLAGS,
};

const struct df_cli_command df_command_repartition = {
    .name = "repartition",
    .summary = "write Parquet files again, each user whole in one, sorted",
    .usage = "PATH... -o FOLDER --user COLUMN [--parts N]",
    .description = "Reads any data set and writes it as N Parquet files in which each user is\n"
                   "whole, rows by user and time, so that queries need no exchange and find rows\n"
                   "in order. PATH is a file, a folder, a glob, or s3://bucket/prefix.\n\n"
                   "Columns go by name: one that a file lacks is null there, key=value folders\n"
                   "become columns, fields of structs are a.b, integers of several widths become\n"
                   "the widest. Rows without a user are kept, at the end of the first file.\n"
                   "What memory has no room for goes to the temporary folder. The same rows give\n"
                   "the same bytes, whoever does the work. The files appear together in the end,\n"
                   "or not at all: what a killed run left is removed by the next.\n\n"
                   "Examples:\n"
                   "  dayfly repartition events/ -o whole --user user_id --time ts\n"
                   "  dayfly repartition s3://lake/events/ -o s3://lake/whole/ --user id \\\n"
                   "    --parts 64 --codec zstd --invoke lambda --lambda-function dayfly\n",
    .operands = "PATH",
    .operands_minimum = 1,
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
    .run = run,
    .put_failure = put_failure,
};
