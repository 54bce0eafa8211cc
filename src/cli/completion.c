/* dayfly completion: scripts for bash, zsh and fish, made from the table of commands and flags, so that they never know
 * less than the program. */
#include "cli/commands.h"
#include "cli/flags.h"

/* What may stand for a value or an operand. */
enum words { WORDS_NONE, WORDS_FILES, WORDS_CHOICES };

/* ---- the table ---- */

struct row {
    const char *name; /* "--output" */
    char letter;
    bool takes_value, repeatable;
    enum words words;
    const char *choices, *value_name, *help;
};

static bool is_file(const char *value_name)
{
    return strcmp(value_name, "FILE") == 0 || strcmp(value_name, "FOLDER") == 0 || strcmp(value_name, "PATH") == 0;
}

static struct row row_of(const struct df_cli *cli, const struct df_cli_flag *flag)
{
    struct row row = {.name = df_cli_flag_name(cli, flag),
                      .letter = flag->letter,
                      .repeatable = flag->repeatable,
                      .choices = df_cli_flag_choices(cli, flag),
                      .value_name = df_cli_flag_value_name(cli, flag),
                      .help = df_cli_flag_help(cli, flag)};
    row.takes_value = row.value_name != NULL;
    if (row.choices)
        row.words = WORDS_CHOICES;
    else if (row.takes_value && is_file(row.value_name))
        row.words = WORDS_FILES;
    return row;
}

static size_t row_count(const struct df_cli_command *command)
{
    return command->flag_count + df_cli_general_flag_count;
}

static struct row row_at(const struct df_cli *cli, const struct df_cli_command *command, size_t index)
{
    return row_of(cli, index < command->flag_count ? &command->flags[index]
                                                   : &df_cli_general_flags[index - command->flag_count]);
}

/* "a b c" of "a|b|c" */
static void put_choices(struct df_buf *out, const char *choices)
{
    struct df_slice choice;
    for (bool first = true; df_cli_next_choice(&choices, &choice); first = false)
        df_buf_printf(out, "%s%.*s", first ? "" : " ", DF_SLICE_ARG(choice));
}

static void put_command_names(const struct df_cli *cli, struct df_buf *out)
{
    for (size_t i = 0; i < cli->program->command_count; i++)
        df_buf_printf(out, "%s%s", i > 0 ? " " : "", cli->program->commands[i]->name);
}

static enum words operand_words(const struct df_cli_command *command)
{
    if (!command->operands)
        return WORDS_NONE;
    return command->operand_choices || strcmp(command->operands, "COMMAND") == 0 ? WORDS_CHOICES : WORDS_FILES;
}

static void put_operand_choices(const struct df_cli *cli, const struct df_cli_command *command, struct df_buf *out)
{
    if (command->operand_choices) {
        put_choices(out, command->operand_choices);
        return;
    }
    put_command_names(cli, out);
    for (size_t i = 0; i < df_cli_topic_count; i++)
        df_buf_printf(out, " %s", df_cli_topics[i].name);
}

/* ---- bash ---- */

static void put_bash_flag_value(const struct row *row, struct df_buf *out)
{
    if (!row->takes_value)
        return;
    df_buf_printf(out, "        %s", row->name);
    if (row->letter)
        df_buf_printf(out, "|-%c", row->letter);
    df_buf_put_text(out, ") ");
    if (row->words == WORDS_CHOICES) {
        df_buf_put_text(out, "_dayfly_words '");
        put_choices(out, row->choices);
        df_buf_put_text(out, "'; ");
    } else if (row->words == WORDS_FILES) {
        df_buf_put_text(out, "_dayfly_files; ");
    }
    df_buf_put_text(out, "return ;;\n");
}

static void put_bash_command(const struct df_cli *cli, const struct df_cli_command *command, struct df_buf *out)
{
    df_buf_printf(out, "    %s)\n        case $prev in\n", command->name);
    for (size_t i = 0; i < row_count(command); i++) {
        struct row row = row_at(cli, command, i);
        put_bash_flag_value(&row, out);
    }
    df_buf_put_text(out, "        esac\n        flags='");
    for (size_t i = 0; i < row_count(command); i++)
        df_buf_printf(out, "%s%s", i > 0 ? " " : "", row_at(cli, command, i).name);
    df_buf_put_text(out, "'\n");
    if (operand_words(command) == WORDS_CHOICES) {
        df_buf_put_text(out, "        operands='");
        put_operand_choices(cli, command, out);
        df_buf_put_text(out, "'\n");
    } else if (operand_words(command) == WORDS_FILES) {
        df_buf_put_text(out, "        files=1\n");
    }
    df_buf_put_text(out, "        ;;\n");
}

static void put_bash(const struct df_cli *cli, struct df_buf *out)
{
    df_buf_put_text(out, "# Completion of dayfly for bash. Now: source <(dayfly completion bash)\n"
                         "# For good: dayfly completion bash >~/.local/share/bash-completion/completions/dayfly\n\n"
                         "_dayfly_words() {\n"
                         "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
                         "}\n\n"
                         "_dayfly_files() {\n"
                         "    compopt -o filenames 2>/dev/null\n"
                         "    mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
                         "}\n\n"
                         "_dayfly() {\n"
                         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                         "    local flags= operands= files=\n"
                         "    COMPREPLY=()\n"
                         "    # bash hands over --flag=value as three words\n"
                         "    if [[ $cur == '=' ]]; then\n"
                         "        cur=\n"
                         "    elif [[ $prev == '=' ]]; then\n"
                         "        prev=${COMP_WORDS[COMP_CWORD-2]}\n"
                         "    fi\n"
                         "    if ((COMP_CWORD == 1)); then\n"
                         "        _dayfly_words '");
    put_command_names(cli, out);
    df_buf_put_text(out, " --help --version'\n"
                         "        return\n"
                         "    fi\n"
                         "    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < cli->program->command_count; i++)
        put_bash_command(cli, cli->program->commands[i], out);
    df_buf_put_text(out, "    esac\n"
                         "    if [[ $cur == -* ]]; then\n"
                         "        _dayfly_words \"$flags\"\n"
                         "    elif [[ -n $operands ]]; then\n"
                         "        _dayfly_words \"$operands\"\n"
                         "    elif [[ -n $files ]]; then\n"
                         "        _dayfly_files\n"
                         "    fi\n"
                         "}\n\n"
                         "complete -F _dayfly dayfly\n");
}

/* ---- zsh ---- */

/* Inside of '…[help]…': quotes of the shell, and what _arguments takes for its own. */
static void put_zsh_text(struct df_buf *out, const char *text)
{
    for (; *text; text++)
        if (*text == '\'')
            df_buf_put_text(out, "'\\''");
        else if (strchr("[]:\\", *text))
            df_buf_printf(out, "\\%c", *text);
        else
            df_buf_put_char(out, *text);
}

static void put_zsh_value(const struct row *row, struct df_buf *out)
{
    df_buf_put_char(out, ':');
    put_zsh_text(out, row->value_name);
    df_buf_put_char(out, ':');
    if (row->words == WORDS_CHOICES) {
        df_buf_put_char(out, '(');
        put_choices(out, row->choices);
        df_buf_put_char(out, ')');
    } else {
        df_buf_put_text(out, row->words == WORDS_FILES ? "_files" : " ");
    }
}

static void put_zsh_flag(const struct row *row, struct df_buf *out)
{
    df_buf_put_text(out, "            ");
    if (row->letter)
        df_buf_printf(out, "'(-%c %s)'{-%c,%s}'", row->letter, row->name, row->letter, row->name);
    else
        df_buf_printf(out, "'%s%s", row->repeatable ? "*" : "", row->name);
    df_buf_put_char(out, '[');
    put_zsh_text(out, row->help);
    df_buf_put_char(out, ']');
    if (row->takes_value)
        put_zsh_value(row, out);
    df_buf_put_text(out, "' \\\n");
}

static void put_zsh_command(const struct df_cli *cli, const struct df_cli_command *command, struct df_buf *out)
{
    df_buf_printf(out, "    %s)\n        _arguments \\\n", command->name);
    for (size_t i = 0; i < row_count(command); i++) {
        struct row row = row_at(cli, command, i);
        put_zsh_flag(&row, out);
    }
    if (operand_words(command) == WORDS_CHOICES) {
        df_buf_printf(out, "            '1:%s:(", command->operands);
        put_operand_choices(cli, command, out);
        df_buf_put_text(out, ")'\n");
    } else if (operand_words(command) == WORDS_FILES) {
        df_buf_printf(out, "            '*:%s:_files'\n", command->operands);
    } else {
        df_buf_put_text(out, "            '*: :'\n");
    }
    df_buf_put_text(out, "        ;;\n");
}

static void put_zsh(const struct df_cli *cli, struct df_buf *out)
{
    df_buf_put_text(out,
                    "#compdef dayfly\n"
                    "# Completion of dayfly for zsh: dayfly completion zsh >FOLDER/_dayfly, FOLDER being in $fpath\n\n"
                    "_dayfly() {\n"
                    "    local -a commands\n"
                    "    commands=(\n");
    for (size_t i = 0; i < cli->program->command_count; i++) {
        df_buf_printf(out, "        '%s:", cli->program->commands[i]->name);
        put_zsh_text(out, cli->program->commands[i]->summary);
        df_buf_put_text(out, "'\n");
    }
    df_buf_put_text(out, "    )\n"
                         "    if ((CURRENT == 2)); then\n"
                         "        _describe command commands\n"
                         "        return\n"
                         "    fi\n"
                         "    local command=$words[2]\n"
                         "    shift words\n"
                         "    ((CURRENT--))\n"
                         "    case $command in\n");
    for (size_t i = 0; i < cli->program->command_count; i++)
        put_zsh_command(cli, cli->program->commands[i], out);
    df_buf_put_text(out, "    esac\n"
                         "}\n\n"
                         "if [[ $funcstack[1] == _dayfly ]]; then\n"
                         "    _dayfly \"$@\"\n"
                         "else\n"
                         "    compdef _dayfly dayfly\n"
                         "fi\n");
}

/* ---- fish ---- */

static void put_fish_text(struct df_buf *out, const char *text)
{
    df_buf_put_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            df_buf_put_char(out, '\\');
        df_buf_put_char(out, *text);
    }
    df_buf_put_char(out, '\'');
}

static void put_fish_flag(const char *command, const struct row *row, struct df_buf *out)
{
    df_buf_printf(out, "complete -c dayfly -n '__fish_seen_subcommand_from %s' -l %s", command, row->name + 2);
    if (row->letter)
        df_buf_printf(out, " -s %c", row->letter);
    if (row->words == WORDS_CHOICES) {
        df_buf_put_text(out, " -x -a '");
        put_choices(out, row->choices);
        df_buf_put_char(out, '\'');
    } else if (row->takes_value) {
        df_buf_put_text(out, row->words == WORDS_FILES ? " -r -F" : " -x");
    }
    df_buf_put_text(out, " -d ");
    put_fish_text(out, row->help);
    df_buf_put_char(out, '\n');
}

static void put_fish_command(const struct df_cli *cli, const struct df_cli_command *command, struct df_buf *out)
{
    df_buf_printf(out, "complete -c dayfly -n __fish_use_subcommand -a %s -d ", command->name);
    put_fish_text(out, command->summary);
    df_buf_put_char(out, '\n');
    if (operand_words(command) == WORDS_CHOICES) {
        df_buf_printf(out, "complete -c dayfly -n '__fish_seen_subcommand_from %s' -a '", command->name);
        put_operand_choices(cli, command, out);
        df_buf_put_text(out, "'\n");
    } else if (operand_words(command) == WORDS_FILES) {
        df_buf_printf(out, "complete -c dayfly -n '__fish_seen_subcommand_from %s' -F\n", command->name);
    }
    for (size_t i = 0; i < row_count(command); i++) {
        struct row row = row_at(cli, command, i);
        put_fish_flag(command->name, &row, out);
    }
}

static void put_fish(const struct df_cli *cli, struct df_buf *out)
{
    df_buf_put_text(out,
                    "# Completion of dayfly for fish: dayfly completion fish >~/.config/fish/completions/dayfly.fish\n"
                    "complete -c dayfly -f\n");
    for (size_t i = 0; i < cli->program->command_count; i++)
        put_fish_command(cli, cli->program->commands[i], out);
}

/* ---- the command ---- */

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    static const struct {
        const char *shell;
        void (*put)(const struct df_cli *, struct df_buf *);
    } shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(arguments->operands[0], shells[i].shell) != 0)
            continue;
        struct df_buf out = {0};
        shells[i].put(cli, &out);
        int result = df_buf_failed(&out) ? df_error_no_memory(error, "writing the completion")
                                         : df_cli_write(cli, df_buf_slice(&out), error);
        df_buf_dispose(&out);
        return result;
    }
    return df_error_set(error, DF_ERROR_INVALID, "there is completion for bash, zsh and fish, found '%s'",
                        arguments->operands[0]);
}

const struct df_cli_command df_command_completion = {
    .name = "completion",
    .summary = "complete dayfly's words in bash, zsh or fish",
    .usage = "bash|zsh|fish",
    .description = "Prints a script that teaches the shell to complete commands, flags and their\n"
                   "values, and file names.\n\n"
                   "  bash:  source <(dayfly completion bash)\n"
                   "  zsh:   dayfly completion zsh >FOLDER/_dayfly      (FOLDER is in $fpath)\n"
                   "  fish:  dayfly completion fish >~/.config/fish/completions/dayfly.fish\n",
    .operands = "SHELL",
    .operand_choices = "bash|zsh|fish",
    .operands_minimum = 1,
    .operands_maximum = 1,
    .without_config = true,
    .run = run,
};
