/* dayfly config: every option, its value, and where that comes from; also the source of docs/configuration.md */
#include <ctype.h>
#include <stdio.h>

#include "base/json_write.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/options.h"
#include "cli/text.h"

static const struct df_option *row_at(const struct df_cli *cli, size_t index)
{
    return df_config_row(cli->config, index);
}

/* memory.limit → DAYFLY_MEMORY_LIMIT */
static void put_environment_name(struct df_buf *out, const char *name)
{
    df_buf_put_text(out, "DAYFLY_");
    for (; *name; name++)
        df_buf_put_char(out, isalnum((unsigned char)*name) ? (char)toupper((unsigned char)*name) : '_');
}

static const char *type_name(const struct df_option *row)
{
    switch (row->type) {
    case DF_OPTION_BOOL:
        return "yes or no";
    case DF_OPTION_INT:
        return "whole number";
    case DF_OPTION_SIZE:
        return "size (512K, 64M, 1.5G)";
    case DF_OPTION_DURATION:
        return "duration (500ms, 30s, 15m, 12h, 7d)";
    case DF_OPTION_TEXT:
        return "text";
    case DF_OPTION_CHOICE:
        return row->choices;
    }
    return "";
}

/* ---- for people ---- */

static void put_cell(struct df_buf *out, const char *text, unsigned width, bool ascii)
{
    unsigned taken = df_text_width(df_slice_text(text), ascii);
    df_text_put(out, df_slice_text(text), ascii);
    df_text_put_spaces(out, (taken < width ? width - taken : 0) + 2);
}

struct widths {
    unsigned name, value, source;
};

static void widen(unsigned *width, const char *text, bool ascii)
{
    unsigned needed = df_text_width(df_slice_text(text), ascii);
    if (needed > *width)
        *width = needed;
}

static void measure(const struct df_cli *cli, struct widths *widths)
{
    struct df_buf value = {0};
    *widths = (struct widths){.name = 4, .value = 5, .source = 6};
    for (size_t i = 0; i < df_config_count(cli->config); i++) {
        const char *name = row_at(cli, i)->name;
        df_buf_clear(&value);
        df_cli_put_option(cli->config, name, &value);
        widen(&widths->name, name, cli->ascii);
        widen(&widths->value, df_buf_text(&value), cli->ascii);
        widen(&widths->source, df_config_source_name(df_config_source(cli->config, name)), cli->ascii);
    }
    df_buf_dispose(&value);
}

static void put_row(const struct df_cli *cli, const struct widths *widths, const char *const cells[4],
                    struct df_buf *out)
{
    put_cell(out, cells[0], widths->name, cli->ascii);
    put_cell(out, cells[1], widths->value, cli->ascii);
    put_cell(out, cells[2], widths->source, cli->ascii);
    df_buf_printf(out, "%s\n", cells[3]);
}

static void put_table(const struct df_cli *cli, struct df_buf *out)
{
    struct widths widths;
    struct df_buf value = {0};
    measure(cli, &widths);
    put_row(cli, &widths, (const char *const[]){"name", "value", "source", "what it is"}, out);
    for (size_t i = 0; i < df_config_count(cli->config); i++) {
        const struct df_option *row = row_at(cli, i);
        df_buf_clear(&value);
        df_cli_put_option(cli->config, row->name, &value);
        if (value.size == 0)
            df_buf_put_char(&value, '-');
        put_row(cli, &widths,
                (const char *const[]){row->name, df_buf_text(&value),
                                      df_config_source_name(df_config_source(cli->config, row->name)), row->help},
                out);
    }
    df_buf_dispose(&value);
}

/* ---- for programs ---- */

static void put_json_row(struct df_json_writer *writer, const struct df_cli *cli, const struct df_option *row)
{
    struct df_buf text = {0};
    df_json_begin_object(writer);
    df_json_key(writer, "name");
    df_json_text(writer, row->name);
    df_json_key(writer, "value");
    df_cli_put_option(cli->config, row->name, &text);
    if (text.size > 0 || df_config_has(cli->config, row->name))
        df_json_string(writer, df_buf_slice(&text));
    else
        df_json_null(writer);
    df_json_key(writer, "source");
    df_json_text(writer, df_config_source_name(df_config_source(cli->config, row->name)));
    df_json_key(writer, "environment");
    df_buf_clear(&text);
    put_environment_name(&text, row->name);
    df_json_string(writer, df_buf_slice(&text));
    df_json_key(writer, "help");
    df_json_text(writer, row->help);
    df_json_end_object(writer);
    df_buf_dispose(&text);
}

static void put_json(const struct df_cli *cli, struct df_buf *out)
{
    struct df_json_writer writer;
    df_json_writer_init(&writer, out, DF_JSON_PRETTY);
    df_json_begin_array(&writer);
    for (size_t i = 0; i < df_config_count(cli->config); i++)
        put_json_row(&writer, cli, row_at(cli, i));
    df_json_end_array(&writer);
    df_buf_put_char(out, '\n');
}

/* ---- docs/configuration.md ---- */

/* Nothing of this machine may show here: the page is the same wherever it is made. */
static void put_names(struct df_buf *out, const char *const *names)
{
    for (; names && *names; names++)
        df_buf_printf(out, ", `%s`", *names);
}

/* A bar would end the cell of the table. */
static void put_markdown_text(struct df_buf *out, const char *text)
{
    for (; *text; text++)
        df_buf_printf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void put_markdown_row(const struct df_option *row, struct df_buf *out)
{
    df_buf_printf(out, "| `%s`", row->name);
    put_names(out, row->yaml);
    df_buf_put_text(out, " | ");
    put_markdown_text(out, type_name(row));
    if (row->default_text)
        df_buf_printf(out, " | `%s` | ", row->default_text);
    else
        df_buf_put_text(out, " | | ");
    if (row->flag)
        df_buf_printf(out, "`%s`", row->flag);
    df_buf_put_text(out, " | `");
    put_environment_name(out, row->name);
    df_buf_put_char(out, '`');
    put_names(out, row->environment);
    df_buf_put_text(out, " | ");
    put_markdown_text(out, row->help);
    df_buf_put_text(out, " |\n");
}

static void put_markdown(const struct df_cli *cli, struct df_buf *out)
{
    df_buf_put_text(
        out, "# Configuration\n\n"
             "Made by `dayfly config --markdown`; do not edit.\n\n"
             "A value comes from the first of these that has one: the flag, the environment, `dayfly.yaml`, the\n"
             "default. `dayfly.yaml` is looked for in the working directory; `--config FILE` or `DAYFLY_CONFIG` names\n"
             "another file. In it, dots are levels:\n\n"
             "```yaml\nmemory:\n  limit: 2G\nthreads: 4\n```\n\n"
             "`dayfly config` shows the values in force and where each comes from.\n\n"
             "| option | type | default | flag | environment | what it is |\n"
             "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < df_config_count(cli->config); i++)
        put_markdown_row(row_at(cli, i), out);
}

/* ---- the command ---- */

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    const char *format = df_cli_value(arguments, "--output");
    struct df_buf out = {0};
    if (format && strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
        return df_error_set(error, DF_ERROR_INVALID, "--output is text or json, found '%s'", format);
    if (df_cli_value(arguments, "--markdown"))
        put_markdown(cli, &out);
    else if (format && strcmp(format, "json") == 0)
        put_json(cli, &out);
    else
        put_table(cli, &out);
    int result = df_buf_failed(&out) ? df_error_no_memory(error, "listing the options")
                                     : df_cli_write(cli, df_buf_slice(&out), error);
    df_buf_dispose(&out);
    return result;
}

static const struct df_cli_flag flags[] = {
    {.name = "--output", .letter = 'o', .choices = "text|json", .help = "form of the list (default: text)"},
    {.name = "--markdown", .help = "print the page docs/configuration.md instead"},
    {.option = "memory.limit"},
    {.option = "temporary.folder"},
    {.option = "threads"},
};

const struct df_cli_command df_command_config = {
    .name = "config",
    .summary = "show every setting and where its value comes from",
    .usage = "[-o text|json]",
    .description = "Lists every option with its value, where that comes from (flag, environment,\n"
                   "yaml, default) and what it is.\n\n"
                   "Example:\n"
                   "  DAYFLY_THREADS=2 dayfly config\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
    .run = run,
};
