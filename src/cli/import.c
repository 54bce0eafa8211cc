/* dayfly import: what was asked for, the steps in their order, and what is said at the end. */
#include "cli/import.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/budget.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/text.h"

enum {
    MEMORY_LEAST = 16 * 1024 * 1024,
    PARTS_LEAST = 8,                /* as `dayfly generate`: a few threads find work */
    PART_BYTES = 256 * 1024 * 1024, /* of text, when --parts is not given */
    PARTS_MOST = 100000,
};

/* ---- what was asked for ---- */

static int read_delimiter(const struct df_cli_arguments *arguments, struct df_import_plan *plan, struct df_error *error)
{
    const char *text = df_cli_value(arguments, "--delimiter");
    if (!text)
        return 0;
    bool tab = strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0;
    if (!tab && (strlen(text) != 1 || strchr("\"\r\n", text[0]) || (unsigned char)text[0] >= 0x80))
        return df_error_set(error, DF_ERROR_INVALID,
                            "--delimiter is one ASCII character, and no quote or line break, or tab, found '%s'", text);
    plan->delimiter = tab ? '\t' : text[0];
    return 0;
}

static int read_nulls(const struct df_cli_arguments *arguments, struct df_import_plan *plan, struct df_error *error)
{
    size_t position = 0;
    plan->nulls = calloc(arguments->given_count + 1, sizeof *plan->nulls);
    if (!plan->nulls)
        return df_error_no_memory(error, "reading the command line");
    for (const char *text; (text = df_cli_next_value(arguments, "--null", &position));)
        plan->nulls[plan->null_count++] = text;
    return 0;
}

static int check_types(const struct df_cli_arguments *arguments, struct df_error *error)
{
    struct df_text_column nothing = {0};
    struct df_type type;
    size_t position = 0;
    for (const char *text; (text = df_cli_next_value(arguments, "--type", &position));) {
        const char *equals = strrchr(text, '=');
        if (!equals || equals == text || !df_text_type_named(equals + 1, &nothing, &type))
            return df_error_set(error, DF_ERROR_INVALID,
                                "--type is COLUMN=TYPE, and TYPE one of bool, int, float, string, date, timestamp; "
                                "found '%s'",
                                text);
    }
    return 0;
}

static void read_bad_rows(const struct df_cli_arguments *arguments, struct df_import_plan *plan)
{
    const char *text = df_cli_value(arguments, "--bad-rows");
    if (!text || strcmp(text, "fail") == 0)
        return;
    plan->bad = strcmp(text, "skip") == 0 ? DF_IMPORT_BAD_SKIP : DF_IMPORT_BAD_FILE;
    plan->bad_file = text;
}

static int read_memory(const struct df_cli *cli, struct df_import_plan *plan, struct df_error *error)
{
    uint64_t limit = df_cli_memory_limit(cli->config);
    if (limit == 0)
        limit = df_budget_default_limit();
    if (limit < MEMORY_LEAST)
        return df_error_set(error, DF_ERROR_INVALID, "--memory must be at least 16M to import, found %" PRIu64 " bytes",
                            limit);
    plan->memory_bytes = limit < SIZE_MAX / 2 ? (size_t)limit : SIZE_MAX / 2;
    return 0;
}

static int read_plan(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_import_plan *plan,
                     struct df_error *error)
{
    *plan = (struct df_import_plan){.operands = arguments->operands,
                                    .operand_count = arguments->operand_count,
                                    .folder = df_cli_value(arguments, "--output"),
                                    .user = df_cli_value(arguments, "--user"),
                                    .time = df_cli_value(arguments, "--time"),
                                    .format = df_cli_value(arguments, "--format"),
                                    .no_header = df_cli_value(arguments, "--no-header") != NULL,
                                    .trim = df_cli_value(arguments, "--trim") != NULL,
                                    .temporary_folder = df_config_text(cli->config, "temporary.folder"),
                                    .arguments = arguments};
    if (!plan->folder || !plan->folder[0])
        return df_error_set(error, DF_ERROR_INVALID, "-o FOLDER is missing: where the files go");
    const char *dates = df_cli_value(arguments, "--dates");
    if (dates)
        plan->order = strcmp(dates, "dmy") == 0 ? DF_TEXT_DAY_FIRST : DF_TEXT_MONTH_FIRST;
    read_bad_rows(arguments, plan);
    if (df_cli_value_int(arguments, "--parts", 1, PARTS_MOST, &plan->parts, error) < 0 ||
        read_delimiter(arguments, plan, error) < 0 || read_nulls(arguments, plan, error) < 0 ||
        check_types(arguments, error) < 0)
        return -1;
    return read_memory(cli, plan, error);
}

/* Follows from the input, not from the machine, so that the files are the same everywhere. */
static void choose_parts(struct df_import *import)
{
    if (import->plan.parts > 0)
        return;
    uint64_t parts = import->row_bytes / PART_BYTES + 1;
    import->plan.parts = parts < PARTS_LEAST ? PARTS_LEAST : parts > PARTS_MOST ? PARTS_MOST : (int64_t)parts;
}

/* ---- the steps ---- */

static void begin_stage(struct df_import *import, uint32_t stage, uint64_t parts)
{
    atomic_store(&import->progress.stage, stage);
    atomic_store(&import->progress.parts_done, 0);
    atomic_store(&import->progress.parts_total, parts);
    atomic_store(&import->progress.parts_known, true);
}

static int sort_and_write(struct df_import *import, struct df_import_folder *folder, struct df_error *error)
{
    struct df_import_sorter *sorter;
    int result = df_import_sorter_open(&sorter, import, error);
    begin_stage(import, 1, df_import_chunk_count(import));
    if (result == 0)
        result = df_import_sort_rows(import, sorter, error);
    begin_stage(import, 2, (uint64_t)import->plan.parts);
    if (result == 0)
        result = df_import_write(import, sorter, folder, error);
    df_import_sorter_close(sorter);
    return result;
}

static int make_folder(struct df_import *import, struct df_error *error)
{
    struct df_import_folder *folder;
    if (df_import_folder_open(import, &folder, error) < 0)
        return -1;
    if (sort_and_write(import, folder, error) == 0)
        return df_import_folder_publish(folder, error);
    df_import_folder_abandon(folder);
    return -1;
}

/* A folder that is not empty is told before gigabytes are read. */
static int check_folder(struct df_import *import, struct df_error *error)
{
    struct df_import_folder *folder;
    int64_t parts = import->plan.parts;
    import->plan.parts = parts ? parts : 1;
    int result = df_import_folder_open(import, &folder, error);
    if (result == 0)
        df_import_folder_abandon(folder);
    import->plan.parts = parts;
    return result;
}

static int import_all(struct df_import *import, struct df_error *error)
{
    if (check_folder(import, error) < 0 || df_import_find_inputs(import, error) < 0)
        return -1;
    if (import->plan.bad == DF_IMPORT_BAD_FILE &&
        df_store_upload_open(import->store, import->plan.bad_file, &import->bad_upload, error) < 0)
        return -1;
    begin_stage(import, 0, df_import_chunk_count(import));
    if (df_import_scan(import, error) < 0)
        return -1;
    choose_parts(import);
    if (make_folder(import, error) < 0)
        return -1;
    struct df_store_upload *bad = import->bad_upload;
    import->bad_upload = NULL;
    return bad ? df_store_upload_commit(bad, error) : 0;
}

/* ---- what is said at the end ---- */

static void put_counted(struct df_buf *out, uint64_t count, const char *what)
{
    df_text_put_thousands(out, count);
    df_buf_printf(out, " %s%s", what, count == 1 ? "" : "s");
}

static void put_columns(const struct df_import *import, bool ascii, struct df_buf *out)
{
    enum { WIDEST = 40 };
    unsigned width = 0;
    char text[DF_TYPE_TEXT_BYTES];
    for (uint32_t i = 0; i < import->names.count; i++) {
        unsigned wanted = df_text_width(df_slice_text(import->columns[i].name), ascii);
        width = wanted > width ? wanted : width;
    }
    width = width > WIDEST ? WIDEST : width;
    for (uint32_t i = 0; i < import->names.count; i++) {
        const struct df_import_column *column = &import->columns[i];
        const char *role = i == import->user ? "  (the user)" : i == import->time ? "  (the time)" : "";
        df_buf_put_text(out, "  ");
        unsigned used = df_text_put_cut(out, df_slice_text(column->name), width, ascii);
        df_text_put_spaces(out, width - used + 2);
        df_buf_printf(out, "%s%s\n", df_type_text(&column->type, text), role);
    }
}

static void put_bad(const struct df_import *import, bool ascii, struct df_buf *out)
{
    if (import->bad_count > 0) {
        put_counted(out, import->bad_count, "bad row");
        df_buf_put_text(out, import->bad_count == 1 ? " was left out" : " were left out");
        if (import->plan.bad == DF_IMPORT_BAD_FILE) {
            df_buf_put_text(out, ": see '");
            df_text_put(out, df_slice_text(import->plan.bad_file), ascii);
            df_buf_put_char(out, '\'');
        }
        df_buf_put_char(out, '\n');
    }
    if (import->userless_count > 0) {
        put_counted(out, import->userless_count, "row");
        df_buf_put_text(out, import->userless_count == 1 ? " has no user: queries pass over it\n"
                                                         : " have no user: queries pass over them\n");
    }
}

static int print_summary(struct df_cli *cli, const struct df_import *import, struct df_error *error)
{
    struct df_buf out = {0};
    df_buf_put_text(&out, "imported ");
    put_counted(&out, import->row_count, "row");
    df_buf_put_text(&out, " of ");
    put_counted(&out, import->input_count, "input");
    df_buf_put_text(&out, " into ");
    put_counted(&out, (uint64_t)import->plan.parts, "part");
    df_buf_put_text(&out, " below '");
    df_text_put(&out, df_slice_text(import->plan.folder), cli->ascii);
    df_buf_put_text(&out, "', ");
    put_counted(&out, import->names.count, "column");
    df_buf_put_text(&out, ":\n");
    put_columns(import, cli->ascii, &out);
    put_bad(import, cli->ascii, &out);
    int result = df_buf_failed(&out) ? df_error_no_memory(error, "writing the summary")
                                     : df_cli_write(cli, df_buf_slice(&out), error);
    df_buf_dispose(&out);
    return result;
}

/* ---- the command ---- */

static void dispose(struct df_import *import)
{
    df_store_upload_abort(import->bad_upload);
    df_import_inputs_dispose(import);
    df_text_names_dispose(&import->names);
    free(import->columns);
    free(import->part_rows);
    free(import->plan.nulls);
    df_store_free(import->store);
}

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    struct df_interrupt *interrupt = NULL;
    struct df_import import = {.cli = cli};
    int result = read_plan(cli, arguments, &import.plan, error);
    if (result == 0)
        result = df_interrupt_start(&interrupt, NULL, NULL, error);
    if (result == 0)
        result = df_store_create(&import.store, error);
    if (result == 0) {
        import.interrupted = df_interrupt_flag(interrupt);
        import.line = df_cli_progress_line(cli);
        df_progress_start(&import.progress);
        result = import_all(&import, error);
        if (import.line.fd >= 0)
            df_progress_wipe(&import.line);
    }
    if (result == 0)
        result = print_summary(cli, &import, error);
    dispose(&import);
    df_interrupt_stop(interrupt);
    return result;
}

static const struct df_cli_flag flags[] = {
    {.name = "--output", .letter = 'o', .value_name = "FOLDER", .help = "where the Parquet files go: absent, or empty"},
    {.name = "--user", .value_name = "COLUMN", .help = "the user: all rows of one go into the same file"},
    {.name = "--time", .value_name = "COLUMN", .help = "the time, by which the rows of a user are sorted"},
    {.name = "--parts", .value_name = "N", .help = "files (default: 8, and more above 2 GB)"},
    {.name = "--format",
     .choices = "csv|tsv|ndjson",
     .section = "Reading",
     .help = "of every input (default: by the name, else by the content)"},
    {.name = "--delimiter", .value_name = "CHAR", .help = "between fields (default: a comma; of TSV a tab)"},
    {.name = "--no-header", .help = "the first row is data; the columns are c1, c2, …"},
    {.name = "--trim", .help = "blanks around fields, also around their quotes, are no part of them"},
    {.name = "--null", .value_name = "TEXT", .repeatable = true, .help = "is null too, besides the empty field: NA"},
    {.name = "--type",
     .value_name = "COLUMN=TYPE",
     .repeatable = true,
     .help = "instead of what is found: bool, int, float, string, date, timestamp"},
    {.name = "--dates",
     .choices = "dmy|mdy",
     .help = "01/02/2024 is 1 February, or 2 January (default: as the rest of the column tells)"},
    {.name = "--bad-rows",
     .value_name = "skip|fail|FILE",
     .help = "rows that cannot be taken: left out, an error (default), or kept in FILE"},
    {.option = "memory.limit", .section = "Resources"},
    {.option = "temporary.folder"},
};

const struct df_cli_command df_command_import = {
    .name = "import",
    .summary = "make Parquet files of CSV, TSV or NDJSON, each user whole in one",
    .usage = "INPUT... -o FOLDER --user COLUMN [--time COLUMN]",
    .description = "Reads tables as text, plain, gzip or zstd, and writes Parquet files that queries\n"
                   "take as they are: every user in one file, rows by user and time. INPUT is a\n"
                   "file, a folder, a glob, s3://bucket/prefix, or - for standard input.\n\n"
                   "Types come from all rows: whole numbers, numbers, true and false, dates and\n"
                   "timestamps (2024-01-02T03:04:05Z, 13.02.2024, 2 Jan 2024, 1/13/2024 3:04 PM),\n"
                   "else strings; 007 is a string. A few values that make a column a string are\n"
                   "told with their place. Empty fields without quotes are null. A column without\n"
                   "a name is called by its number: c1. Members of JSON objects become a.b, lists\n"
                   "their JSON text.\n\n"
                   "The input is read twice, on one thread. What memory has no room for goes to the\n"
                   "temporary folder. The files appear together in the end, or not at all.\n\n"
                   "Examples:\n"
                   "  dayfly import events.csv.gz -o events --user user_id --time ts\n"
                   "  zcat *.log.gz | dayfly import - -o logs --format ndjson --user user.id\n"
                   "  dayfly import in/ -o out --user id --type zip=string --bad-rows skip\n"
                   "  dayfly import us.csv -o us --user id --time day --dates mdy --null NA --trim\n",
    .operands = "INPUT",
    .operands_minimum = 1,
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
    .run = run,
};
