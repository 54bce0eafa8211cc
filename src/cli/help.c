/* dayfly help, and the text of every --help */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/text.h"

enum { FLAG_COLUMN = 30 }; /* where the help of a flag begins; longer flags get a line of their own */

const struct df_cli_command *df_cli_find_command(const struct df_cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->program->command_count; i++)
        if (strcmp(cli->program->commands[i]->name, name) == 0)
            return cli->program->commands[i];
    return NULL;
}

int df_cli_unknown_command(struct df_cli *cli, const char *name, struct df_error *error)
{
    enum { NAMES = 64 };
    const char *names[NAMES];
    size_t count = 0;
    for (; count < cli->program->command_count && count < NAMES; count++)
        names[count] = cli->program->commands[count]->name;
    const char *nearest = strlen(name) < 64 ? df_nearest_name(name, names, count) : NULL;
    if (nearest)
        df_cli_hint(cli, "dayfly %s", nearest);
    else
        df_cli_hint(cli, "dayfly help");
    return df_error_set(error, DF_ERROR_INVALID, "there is no command '%s'", name);
}

static const struct df_cli_topic *find_topic(const char *name)
{
    for (size_t i = 0; i < df_cli_topic_count; i++)
        if (strcmp(df_cli_topics[i].name, name) == 0)
            return &df_cli_topics[i];
    return NULL;
}

/* ---- the overview ---- */

static void put_commands(const struct df_cli *cli, struct df_buf *out)
{
    for (size_t i = 0; i < cli->program->command_count; i++) {
        const struct df_cli_command *command = cli->program->commands[i];
        df_buf_printf(out, "  %-11s %s\n", command->name, command->summary);
    }
}

void df_cli_put_overview(const struct df_cli *cli, struct df_buf *out)
{
    df_buf_printf(out, "Dayfly %s: queries over event files, by workers that live for one query.\n\n",
                  cli->program->version);
    df_buf_put_text(out, "Make the events of a shop that never was, see how many of its visitors\n"
                         "get how far, and learn what else can be asked:\n"
                         "\n"
                         "  dayfly generate retail -o shop\n"
                         "  dayfly funnel shop --step event=view --step event=addtocart \\\n"
                         "      --step event=transaction\n"
                         "  dayfly help funnel\n"
                         "\n"
                         "Commands:\n");
    put_commands(cli, out);
    df_buf_put_text(out, "\nPages of help:\n");
    for (size_t i = 0; i < df_cli_topic_count; i++)
        df_buf_printf(out, "  help %-5s %s\n", df_cli_topics[i].name, df_cli_topics[i].summary);
    df_buf_put_text(out, "\nEach command has --help. Settings come from flags, the environment (DAYFLY_...)\n"
                         "and dayfly.yaml, in this order; 'dayfly config' shows them.\n");
}

/* ---- one command ---- */

/* Text in lines of at most 80 columns, each behind `indent` blanks but the first, which follows what is there. */
static void put_wrapped(struct df_buf *out, const char *text, unsigned indent)
{
    unsigned room = 80 - indent;
    while (strlen(text) > room) {
        unsigned cut = room;
        while (cut > 0 && text[cut] != ' ')
            cut--;
        if (cut == 0)
            break;
        df_buf_printf(out, "%.*s\n", (int)cut, text);
        df_text_put_spaces(out, indent);
        text += cut + 1;
    }
    df_buf_printf(out, "%s\n", text);
}

static void put_flag(const struct df_cli *cli, const struct df_cli_flag *flag, struct df_buf *out)
{
    size_t begin = out->size;
    const char *value_name = df_cli_flag_value_name(cli, flag);
    if (flag->letter)
        df_buf_printf(out, "  -%c, ", flag->letter);
    else
        df_buf_put_text(out, "      ");
    df_buf_printf(out, "%s%s%s", df_cli_flag_name(cli, flag), value_name ? " " : "", value_name ? value_name : "");
    size_t width = out->size - begin;
    if (width + 2 > FLAG_COLUMN) {
        df_buf_put_char(out, '\n');
        width = 0;
    }
    df_text_put_spaces(out, FLAG_COLUMN - (unsigned)width);
    put_wrapped(out, df_cli_flag_help(cli, flag), FLAG_COLUMN);
}

static void put_flags(const struct df_cli *cli, const char *title, const struct df_cli_flag *flags, size_t count,
                      struct df_buf *out)
{
    if (count == 0)
        return;
    if (!flags[0].section)
        df_buf_printf(out, "\n%s:\n", title);
    for (size_t i = 0; i < count; i++) {
        if (flags[i].section)
            df_buf_printf(out, "\n%s:\n", flags[i].section);
        put_flag(cli, &flags[i], out);
    }
}

void df_cli_put_command_help(const struct df_cli *cli, const struct df_cli_command *command, struct df_buf *out)
{
    df_buf_printf(out, "Usage: dayfly %s%s%s\n\n%s", command->name, command->usage[0] ? " " : "", command->usage,
                  command->description);
    put_flags(cli, "Flags", command->flags, command->flag_count, out);
    put_flags(cli, "Flags of every command", df_cli_general_flags, df_cli_general_flag_count, out);
}

/* ---- the command ---- */

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    struct df_buf out = {0};
    if (arguments->operand_count == 0) {
        df_cli_put_overview(cli, &out);
    } else {
        const struct df_cli_command *command = df_cli_find_command(cli, arguments->operands[0]);
        const struct df_cli_topic *topic = find_topic(arguments->operands[0]);
        if (!command && !topic)
            return df_cli_unknown_command(cli, arguments->operands[0], error);
        if (command)
            df_cli_put_command_help(cli, command, &out);
        else
            df_buf_put_text(&out, topic->text);
    }
    int result = df_cli_write(cli, df_buf_slice(&out), error);
    df_buf_dispose(&out);
    return result;
}

const struct df_cli_command df_command_help = {
    .name = "help",
    .summary = "explain Dayfly, one command, or the language of filters",
    .usage = "[COMMAND | filters]",
    .description = "Shows what there is, with COMMAND the same as 'dayfly COMMAND --help', with\n"
                   "filters the language of --step, --where and --users.\n",
    .operands = "COMMAND",
    .operands_maximum = 1,
    .without_config = true,
    .run = run,
};
