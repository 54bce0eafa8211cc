/* dayfly datasets: data sets with a name, kept in the catalogue.
 *
 *     add     listing, checks and schema by the engine of registration (engine/funnel/register/) → catalogue
 *     list    one line per data set        show   its files, columns and statistics        remove */
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_write.h"
#include "catalog/catalog.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/data_folder.h"
#include "cli/dataset.h"
#include "cli/text.h"

enum { NAME_COLUMNS = 30, PATH_COLUMNS = 50 };

struct datasets {
    struct df_cli *cli;
    const struct df_cli_arguments *arguments;
    struct df_catalog *catalog;
    struct df_arena arena;
};

static const char *value_of(const struct datasets *datasets, const char *flag)
{
    return df_cli_value(datasets->arguments, flag);
}

static bool wants_json(const struct df_cli_arguments *arguments)
{
    const char *format = df_cli_value(arguments, "--output");
    return format && strcmp(format, "json") == 0;
}

static int write_out(const struct datasets *datasets, struct df_buf *out, struct df_error *error)
{
    int result = df_buf_failed(out) ? df_error_no_memory(error, "writing the answer")
                                    : df_cli_write(datasets->cli, df_buf_slice(out), error);
    df_buf_dispose(out);
    return result;
}

/* 2021-03-30 08:32:12 UTC */
static void put_instant(struct df_buf *out, int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm parts;
    char text[40];
    if (gmtime_r(&seconds, &parts) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts) > 0)
        df_buf_put_text(out, text);
}

/* ---- as JSON: the original's DatasetInfo, and what we know beyond it ---- */

static void put_registered_at(struct df_json_writer *json, int64_t us)
{
    struct df_buf text = {0};
    time_t seconds = (time_t)(us / 1000000);
    struct tm parts;
    char second[40] = "";
    if (gmtime_r(&seconds, &parts))
        strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &parts);
    df_buf_put_text(&text, second);
    if (us % 1000000)
        df_buf_printf(&text, ".%06lld", (long long)(us % 1000000));
    df_buf_put_text(&text, "+00:00");
    df_json_string(json, df_buf_slice(&text));
    df_buf_dispose(&text);
}

static void put_info(struct df_json_writer *json, const struct df_catalog_dataset *dataset)
{
    const struct {
        const char *name, *value;
    } texts[] = {{"basepath", dataset->basepath},
                 {"pattern", dataset->pattern},
                 {"groupIdColumn", dataset->user},
                 {"timestampColumn", dataset->time},
                 {"timestampUnit", dataset->time_unit[0] ? dataset->time_unit : NULL},
                 {"groups", dataset->groups},
                 {"validation", dataset->validation}};
    df_json_begin_object(json);
    df_json_key(json, "id");
    df_json_begin_object(json);
    df_json_key(json, "name");
    df_json_text(json, dataset->name);
    df_json_key(json, "registeredAt");
    put_registered_at(json, dataset->registered_at_us);
    df_json_end_object(json);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        df_json_key(json, texts[i].name);
        df_json_text(json, texts[i].value);
    }
    df_json_key(json, "totalParts");
    df_json_uint(json, dataset->file_count);
    df_json_key(json, "totalSize");
    df_json_uint(json, dataset->total_bytes);
    df_json_end_object(json);
}

/* ---- add ---- */

static int put_request(struct datasets *datasets, struct df_cli_dataset *dataset, struct df_buf *out,
                       struct df_error *error)
{
    struct df_json_writer json;
    struct df_buf uri = {0};
    df_json_writer_init(&json, out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    df_json_key(&json, "dataset");
    df_json_begin_object(&json);
    df_json_key(&json, "paths");
    df_json_begin_array(&json);
    for (size_t i = 0; i < dataset->operand_count; i++) {
        df_buf_clear(&uri);
        df_cli_put_absolute_uri(dataset->operands[i], &uri);
        df_json_string(&json, df_buf_slice(&uri));
    }
    df_json_end_array(&json);
    const char *const members[][2] = {
        {"pattern", value_of(datasets, "--pattern")}, {"user", dataset->user}, {"time", dataset->time}};
    for (size_t i = 0; i < 3; i++) {
        if (!members[i][1])
            continue;
        df_json_key(&json, members[i][0]);
        df_json_text(&json, members[i][1]);
    }
    df_json_end_object(&json);
    df_json_key(&json, "register");
    df_json_begin_object(&json);
    df_json_key(&json, "validation");
    df_json_text(&json, value_of(datasets, "--validation") ? value_of(datasets, "--validation") : "sample");
    df_json_key(&json, "uniques");
    df_json_boolean(&json, value_of(datasets, "--skip-uniques") == NULL);
    df_json_end_object(&json);
    df_json_end_object(&json);
    bool failed = df_buf_failed(out) || df_buf_failed(&uri);
    df_buf_dispose(&uri);
    return failed ? df_error_no_memory(error, "making the request") : 0;
}

static int take_files(struct datasets *datasets, const struct df_json *files, struct df_catalog_dataset *dataset,
                      struct df_error *error)
{
    size_t count = files ? files->child_count : 0;
    struct df_catalog_file *list = df_arena_array(&datasets->arena, count + 1, sizeof *list);
    if (!list || count > UINT32_MAX)
        return df_error_no_memory(error, "registering");
    for (const struct df_json *file = files ? files->children : NULL; file; file = file->next) {
        const struct df_json *uri = df_json_get(file, "uri");
        struct df_catalog_file *place = &list[dataset->file_count++];
        place->uri = uri ? df_arena_text(&datasets->arena, uri->text) : NULL;
        if (!place->uri || !df_json_uint64(df_json_get(file, "sizeBytes"), &place->size_bytes))
            return df_error_set(error, DF_ERROR_INTERNAL, "the registration answered with a file without a name");
        dataset->total_bytes += place->size_bytes;
    }
    dataset->files = list;
    return 0;
}

static int write_again(const struct df_json *tree, struct df_arena *arena, struct df_slice *out, struct df_error *error)
{
    struct df_buf text = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &text, DF_JSON_COMPACT);
    df_json_write_tree(&json, tree);
    bool done = !df_buf_failed(&text) && df_arena_copy(arena, df_buf_slice(&text), out);
    df_buf_dispose(&text);
    return done ? 0 : df_error_no_memory(error, "registering");
}

/* Users are known to be whole only when every file was looked at: a sample proves nothing about the others. */
static const char *groups_of(const struct df_json *tree, const struct df_catalog_dataset *dataset)
{
    const struct df_json *users = df_json_get(tree, "users");
    uint64_t validated = 0;
    df_json_uint64(df_json_get(tree, "validatedFiles"), &validated);
    bool unique = (users && users->type == DF_JSON_OBJECT) || dataset->file_count == 1;
    return unique && validated == dataset->file_count ? "whole" : "auto";
}

static int make_dataset(struct datasets *datasets, const struct df_cli_dataset *given, const char *name,
                        struct df_slice content, struct df_catalog_dataset *dataset, struct df_error *error)
{
    struct df_json *tree;
    struct df_buf basepath = {0};
    if (df_json_parse(content, &df_json_default_limits, &datasets->arena, &tree, error) != 0)
        return df_error_prefix(error, "the answer of the registration");
    const struct df_json *validation = df_json_get(tree, "validation"), *schema = df_json_get(tree, "schema");
    df_cli_put_absolute_uri(given->operands[0], &basepath);
    *dataset = (struct df_catalog_dataset){.name = name,
                                           .basepath = df_arena_text(&datasets->arena, df_buf_slice(&basepath)),
                                           .pattern = value_of(datasets, "--pattern"),
                                           .user = given->user,
                                           .time = given->time,
                                           .time_unit = value_of(datasets, "--time-unit"),
                                           .registered_at_us = df_time_wall_ms() * 1000};
    df_buf_dispose(&basepath);
    if (!dataset->pattern)
        dataset->pattern = "*.parquet";
    if (!dataset->time_unit)
        dataset->time_unit = "";
    if (!dataset->basepath || !validation || !schema)
        return df_error_set(error, DF_ERROR_INTERNAL, "the registration answered without a schema");
    dataset->validation = df_arena_text(&datasets->arena, validation->text);
    if (take_files(datasets, df_json_get(tree, "files"), dataset, error) != 0 ||
        write_again(schema, &datasets->arena, &dataset->schema, error) != 0)
        return -1;
    dataset->groups = groups_of(tree, dataset);
    return dataset->validation ? 0 : df_error_no_memory(error, "registering");
}

static int tell_added(const struct datasets *datasets, const struct df_catalog_dataset *dataset,
                      struct df_cli_answer *answer, struct df_error *error)
{
    struct df_buf out = {0};
    if (wants_json(datasets->arguments)) {
        struct df_json_writer json;
        df_json_writer_init(&json, &out, DF_JSON_PRETTY);
        df_json_begin_object(&json);
        df_json_key(&json, "success");
        df_json_boolean(&json, true);
        df_json_key(&json, "requestId");
        df_json_text(&json, answer->job_id);
        df_json_key(&json, "stats");
        df_cli_answer_put_stats(answer, &json);
        df_json_key(&json, "dataset");
        put_info(&json, dataset);
        df_json_end_object(&json);
        df_buf_put_char(&out, '\n');
        return write_out(datasets, &out, error);
    }
    df_buf_put_text(&out, "registered ");
    df_text_put(&out, df_slice_text(dataset->name), datasets->cli->ascii);
    df_buf_put_text(&out, ": ");
    df_text_put_thousands(&out, dataset->file_count);
    df_buf_put_text(&out, dataset->file_count == 1 ? " file, " : " files, ");
    df_text_put_thousands(&out, dataset->total_bytes);
    df_buf_printf(&out, " bytes; checked: %s; %s\n", dataset->validation,
                  strcmp(dataset->groups, "whole") == 0 ? "each user is whole in one file"
                                                        : "users may be spread over files (queries find out)");
    return write_out(datasets, &out, error);
}

static int add(struct datasets *datasets, struct df_error *error)
{
    const struct df_cli_arguments *arguments = datasets->arguments;
    if (arguments->operand_count < 3) {
        df_cli_hint(datasets->cli, "datasets add shop build/demo --user visitorid --time timestamp");
        return df_error_set(error, DF_ERROR_INVALID, "datasets add: expected NAME and at least one PATH");
    }
    struct df_cli_dataset given = {.cli = datasets->cli,
                                   .arguments = arguments,
                                   .operands = (const char *const *)(arguments->operands + 2),
                                   .operand_count = arguments->operand_count - 2};
    struct df_store *store = NULL;
    struct df_buf request = {0};
    struct df_cli_answer answer = {0};
    struct df_catalog_dataset dataset;
    int result = df_cli_check_utf8(arguments, error);
    if (result == 0)
        result = df_store_create(&store, error);
    if (result == 0)
        result = df_cli_dataset_choose_columns(&given, store, error);
    if (result == 0)
        result = put_request(datasets, &given, &request, error);
    if (result == 0)
        result = df_cli_run_query(datasets->cli, df_cli_engine(datasets->cli, "registration"), df_buf_slice(&request),
                                  &answer, error);
    if (result == 0)
        result = make_dataset(datasets, &given, arguments->operands[1], df_buf_slice(&answer.content), &dataset, error);
    if (result == 0)
        result = df_catalog_put(datasets->catalog, &dataset, error);
    if (result == 0)
        result = tell_added(datasets, &dataset, &answer, error);
    df_cli_answer_dispose(&answer);
    df_buf_dispose(&request);
    df_cli_dataset_dispose(&given);
    df_store_free(store);
    return result;
}

/* ---- list ---- */

static void put_cell(struct df_buf *out, const char *text, unsigned columns, bool last, bool ascii)
{
    unsigned taken = df_text_put_cut(out, df_slice_text(text), columns, ascii);
    if (!last)
        df_text_put_spaces(out, columns - taken + 2);
}

static void put_table(const struct datasets *datasets, const struct df_catalog_dataset *all, size_t count,
                      struct df_buf *out)
{
    static const char *const titles[] = {"name", "registered at", "parts", "group id", "timestamp", "path"};
    static const unsigned widths[] = {NAME_COLUMNS, 23, 7, 16, 16, PATH_COLUMNS};
    bool ascii = datasets->cli->ascii;
    if (count == 0) {
        df_buf_put_text(out, "No datasets registered yet\n");
        return;
    }
    for (int i = 0; i < 6; i++)
        put_cell(out, titles[i], widths[i], i == 5, ascii);
    df_buf_put_char(out, '\n');
    for (size_t d = 0; d < count; d++) {
        struct df_buf at = {0}, parts = {0};
        put_instant(&at, all[d].registered_at_us);
        df_buf_printf(&parts, "%u", all[d].file_count);
        const char *const cells[] = {all[d].name, df_buf_text(&at), df_buf_text(&parts),
                                     all[d].user, all[d].time,      all[d].basepath};
        for (int i = 0; i < 6; i++)
            put_cell(out, cells[i], widths[i], i == 5, ascii);
        df_buf_put_char(out, '\n');
        df_buf_dispose(&at);
        df_buf_dispose(&parts);
    }
}

static int list(struct datasets *datasets, struct df_error *error)
{
    struct df_catalog_dataset *all;
    size_t count;
    struct df_buf out = {0};
    if (df_catalog_list(datasets->catalog, &datasets->arena, &all, &count, error) != 0)
        return -1;
    if (!wants_json(datasets->arguments)) {
        put_table(datasets, all, count, &out);
        return write_out(datasets, &out, error);
    }
    struct df_json_writer json;
    df_json_writer_init(&json, &out, DF_JSON_PRETTY);
    df_json_begin_array(&json);
    for (size_t i = 0; i < count; i++)
        put_info(&json, &all[i]);
    df_json_end_array(&json);
    df_buf_put_char(&out, '\n');
    return write_out(datasets, &out, error);
}

/* ---- show ---- */

static int show(struct datasets *datasets, const char *name, struct df_error *error)
{
    struct df_catalog_dataset dataset;
    struct df_buf out = {0};
    struct df_json_writer json;
    if (df_catalog_get(datasets->catalog, name, &datasets->arena, &dataset, error) != 0)
        return -1;
    df_json_writer_init(&json, &out, DF_JSON_PRETTY);
    df_json_begin_object(&json);
    df_json_key(&json, "dataset");
    put_info(&json, &dataset);
    df_json_key(&json, "parts");
    df_json_begin_object(&json);
    df_json_key(&json, "namingMethod");
    df_json_text(&json, "LIST");
    df_json_key(&json, "totalParts");
    df_json_uint(&json, dataset.file_count);
    df_json_key(&json, "totalSize");
    df_json_uint(&json, dataset.total_bytes);
    df_json_key(&json, "filenames");
    df_json_begin_array(&json);
    for (uint32_t i = 0; i < dataset.file_count; i++)
        df_json_text(&json, dataset.files[i].uri);
    df_json_end_array(&json);
    df_json_end_object(&json);
    df_json_key(&json, "schema");
    struct df_json *schema;
    if (df_json_parse(dataset.schema, &df_json_default_limits, &datasets->arena, &schema, error) != 0) {
        df_buf_dispose(&out);
        return df_error_prefix(error, "the schema in the catalogue");
    }
    df_json_write_tree(&json, schema);
    df_json_end_object(&json);
    df_buf_put_char(&out, '\n');
    return write_out(datasets, &out, error);
}

/* ---- remove ---- */

static int remove_one(struct datasets *datasets, const char *name, struct df_error *error)
{
    struct df_catalog_dataset dataset;
    if (df_catalog_get(datasets->catalog, name, &datasets->arena, &dataset, error) != 0 ||
        df_catalog_remove(datasets->catalog, name, error) < 0)
        return -1;
    struct df_buf out = {0};
    if (wants_json(datasets->arguments)) {
        df_buf_put_text(&out, "{\"success\": true, \"datasetFound\": true}\n");
    } else {
        df_buf_put_text(&out, "removed ");
        df_text_put(&out, df_slice_text(name), datasets->cli->ascii);
        df_buf_put_text(&out, " from the catalogue; its files are untouched\n");
    }
    return write_out(datasets, &out, error);
}

/* ---- the command ---- */

static int check_operands(const struct df_cli_arguments *arguments, size_t wanted, const char *what,
                          struct df_error *error)
{
    if (arguments->operand_count == wanted)
        return 0;
    return df_error_set(error, DF_ERROR_INVALID, "datasets %s: expected %s", arguments->operands[0], what);
}

static int act(struct datasets *datasets, struct df_error *error)
{
    const struct df_cli_arguments *arguments = datasets->arguments;
    const char *action = arguments->operands[0];
    if (strcmp(action, "add") == 0)
        return add(datasets, error);
    if (strcmp(action, "list") == 0)
        return check_operands(arguments, 1, "nothing behind it", error) != 0 ? -1 : list(datasets, error);
    if (strcmp(action, "show") == 0)
        return check_operands(arguments, 2, "the NAME of one data set", error) != 0
                   ? -1
                   : show(datasets, arguments->operands[1], error);
    if (strcmp(action, "remove") == 0)
        return check_operands(arguments, 2, "the NAME of one data set", error) != 0
                   ? -1
                   : remove_one(datasets, arguments->operands[1], error);
    df_cli_hint(datasets->cli, "datasets list");
    return df_error_set(error, DF_ERROR_INVALID, "datasets: expected add, list, show or remove, found '%s'", action);
}

static int open_catalog(struct df_cli *cli, struct df_catalog **catalog, struct df_error *error)
{
    struct df_buf folder = {0};
    int result = df_cli_data_folder(cli, &folder, error);
    if (result == 0)
        result = df_catalog_open(catalog, df_buf_text(&folder), error);
    df_buf_dispose(&folder);
    return result;
}

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    struct datasets datasets = {.cli = cli, .arguments = arguments};
    int result = open_catalog(cli, &datasets.catalog, error);
    if (result == 0)
        result = act(&datasets, error);
    df_catalog_close(datasets.catalog);
    df_arena_dispose(&datasets.arena);
    return result;
}

static void put_failure(const struct df_cli_arguments *arguments, const struct df_error *error, struct df_buf *out)
{
    if (wants_json(arguments))
        df_cli_failure_put_json(error, DF_JSON_PRETTY, out);
}

static const struct df_cli_flag flags[] = {
    {.name = "--validation",
     .value_name = "all|sample|first-last|single", /* not choices: the words of the original are taken too */
     .section = "Checks",
     .help = "which files are read and compared (default: sample, a tenth of them, at most ten)"},
    {.name = "--skip-uniques", .help = "do not check that the files looked at have different users"},
    {.name = "--output",
     .letter = 'o',
     .choices = "text|json",
     .section = "Where it goes",
     .help = "form of the answer (default: text)"},
    {.option = "data.folder"},
    DF_CLI_DATASET_FLAGS,
    DF_CLI_RUN_FLAGS,
};

const struct df_cli_command df_command_datasets = {
    .name = "datasets",
    .summary = "data sets with a name: add, list, show, remove",
    .usage = "add NAME PATH... | list | show NAME | remove NAME",
    .description = "Gives files a name: 'dayfly query NAME' then needs no path and no columns, and\n"
                   "lists nothing. 'add' reads some files whole (--validation), compares their\n"
                   "columns, checks that no user is in two of them, and keeps the list of files,\n"
                   "their columns and statistics. The files stay where they are; files that come\n"
                   "later are not part of it until it is added again, which replaces it.\n\n"
                   "When all files were looked at (--validation all) and users are whole in them,\n"
                   "queries skip the exchange between files.\n\n"
                   "Example:\n"
                   "  dayfly generate retail -o shop\n"
                   "  dayfly datasets add shop shop --user visitorid --time timestamp\n"
                   "  dayfly query shop -q '{\"query\": {\"aggregations\": [{\"column\": \"event\"}]}}'\n\n"
                   "Exit status: as of 'dayfly funnel'.\n",
    .operands = "WORD",
    .operand_choices = "add|list|show|remove",
    .operands_minimum = 1,
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
    .run = run,
    .put_failure = put_failure,
};

/* ---- for queries ---- */

static void put_registered(const struct df_catalog_dataset *dataset, struct df_json_writer *writer)
{
    df_json_begin_object(writer);
    df_json_key(writer, "files");
    df_json_begin_array(writer);
    for (uint32_t i = 0; i < dataset->file_count; i++) {
        df_json_begin_object(writer);
        df_json_key(writer, "uri");
        df_json_text(writer, dataset->files[i].uri);
        df_json_key(writer, "sizeBytes");
        df_json_uint(writer, dataset->files[i].size_bytes);
        df_json_end_object(writer);
    }
    df_json_end_array(writer);
    const char *const members[][2] = {{"user", dataset->user}, {"time", dataset->time}, {"groups", dataset->groups}};
    for (size_t i = 0; i < 3; i++) {
        df_json_key(writer, members[i][0]);
        df_json_text(writer, members[i][1]);
    }
    if (dataset->time_unit[0]) {
        df_json_key(writer, "timestampUnit");
        df_json_text(writer, dataset->time_unit);
    }
    df_json_end_object(writer);
}

/* Looking makes no catalogue. */
bool df_cli_dataset_registered(struct df_cli *cli, const char *name)
{
    struct df_buf path = {0};
    struct df_error ignored;
    struct df_catalog *catalog = NULL;
    struct df_arena arena = {0};
    struct df_catalog_dataset dataset;
    bool found = df_cli_data_folder(cli, &path, &ignored) == 0;
    if (found) {
        df_buf_put_text(&path, "/catalog.sqlite");
        found = !df_buf_failed(&path) && access(df_buf_text(&path), R_OK) == 0 &&
                open_catalog(cli, &catalog, &ignored) == 0 &&
                df_catalog_get(catalog, name, &arena, &dataset, &ignored) == 0;
    }
    df_catalog_close(catalog);
    df_arena_dispose(&arena);
    df_buf_dispose(&path);
    return found;
}

int df_cli_dataset_put(struct df_cli *cli, const char *name, struct df_json_writer *writer, struct df_error *error)
{
    struct df_catalog *catalog = NULL;
    struct df_arena arena = {0};
    struct df_catalog_dataset dataset;
    int result = open_catalog(cli, &catalog, error);
    if (result == 0)
        result = df_catalog_get(catalog, name, &arena, &dataset, error);
    if (result == 0)
        put_registered(&dataset, writer);
    else if (error->kind == DF_ERROR_NOT_FOUND)
        df_cli_hint(cli, "datasets list, or a path: ./%s", name);
    df_catalog_close(catalog);
    df_arena_dispose(&arena);
    return result;
}
