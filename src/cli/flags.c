#include "cli/flags.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const struct df_cli_flag df_cli_general_flags[] = {
    {.option = "config"},
    {.option = "log.level"},
    {.option = "log.format"},
    {.name = "--ascii", .help = "draw with ASCII characters only"},
    {.name = "--help", .letter = 'h', .help = "show this help"},
};
const size_t df_cli_general_flag_count = sizeof df_cli_general_flags / sizeof *df_cli_general_flags;

/* ---- what a flag is ---- */

static const struct df_option *find_option(const struct df_config *config, const char *name)
{
    for (size_t i = 0; i < df_config_count(config); i++)
        if (strcmp(df_config_row(config, i)->name, name) == 0)
            return df_config_row(config, i);
    return NULL;
}

static const struct df_option *option_of(const struct df_cli *cli, const struct df_cli_flag *flag)
{
    const struct df_option *option = find_option(cli->config, flag->option);
    assert(option && "a flag names an option that is not registered");
    return option;
}

const char *df_cli_flag_name(const struct df_cli *cli, const struct df_cli_flag *flag)
{
    return flag->name ? flag->name : option_of(cli, flag)->flag;
}

const char *df_cli_flag_value_name(const struct df_cli *cli, const struct df_cli_flag *flag)
{
    if (flag->value_name)
        return flag->value_name;
    if (!flag->option)
        return flag->choices;
    const struct df_option *option = option_of(cli, flag);
    return option->value_name ? option->value_name : option->choices ? option->choices : "VALUE";
}

const char *df_cli_flag_help(const struct df_cli *cli, const struct df_cli_flag *flag)
{
    return flag->help || !flag->option ? flag->help : option_of(cli, flag)->help;
}

const char *df_cli_flag_choices(const struct df_cli *cli, const struct df_cli_flag *flag)
{
    return flag->choices || !flag->option ? flag->choices : option_of(cli, flag)->choices;
}

bool df_cli_next_choice(const char **choices, struct df_slice *choice)
{
    if (!*choices || !**choices)
        return false;
    size_t size = strcspn(*choices, "|");
    *choice = df_slice_make(*choices, size);
    *choices += size + ((*choices)[size] == '|');
    return true;
}

/* ---- parsing ---- */

struct parser {
    const struct df_cli *cli;
    struct df_cli_arguments *arguments;
    int argc;
    char *const *argv;
    int next;
};

typedef bool match_fn(const struct df_cli *cli, const struct df_cli_flag *flag, const void *wanted);

static const struct df_cli_flag *find_in(const struct df_cli *cli, const struct df_cli_flag *flags, size_t count,
                                         match_fn *matches, const void *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (matches(cli, &flags[i], wanted))
            return &flags[i];
    return NULL;
}

static const struct df_cli_flag *find_flag(const struct parser *parser, match_fn *matches, const void *wanted)
{
    const struct df_cli_command *command = parser->arguments->command;
    const struct df_cli_flag *found = find_in(parser->cli, command->flags, command->flag_count, matches, wanted);
    return found ? found : find_in(parser->cli, df_cli_general_flags, df_cli_general_flag_count, matches, wanted);
}

static bool has_name(const struct df_cli *cli, const struct df_cli_flag *flag, const void *wanted)
{
    return df_slice_is(*(const struct df_slice *)wanted, df_cli_flag_name(cli, flag));
}

static bool has_letter(const struct df_cli *cli, const struct df_cli_flag *flag, const void *wanted)
{
    (void)cli;
    return flag->letter != 0 && flag->letter == *(const char *)wanted;
}

static const char *nearest_flag(const struct parser *parser, const char *wrong)
{
    const struct df_cli_command *command = parser->arguments->command;
    size_t count = command->flag_count + df_cli_general_flag_count;
    const char **names = calloc(count, sizeof *names);
    if (!names)
        return NULL;
    for (size_t i = 0; i < count; i++)
        names[i] = df_cli_flag_name(
            parser->cli, i < command->flag_count ? &command->flags[i] : &df_cli_general_flags[i - command->flag_count]);
    const char *nearest = df_nearest_name(wrong, names, count);
    free(names);
    return nearest;
}

static int unknown_flag(const struct parser *parser, struct df_slice name, struct df_error *error)
{
    char wrong[64];
    snprintf(wrong, sizeof wrong, "%.*s", DF_SLICE_ARG(name));
    const char *nearest = name.size < sizeof wrong ? nearest_flag(parser, wrong) : NULL;
    return df_error_set(error, DF_ERROR_INVALID, "'%s' has no flag %.*s%s%s%s", parser->arguments->command->name,
                        DF_SLICE_ARG(name), nearest ? " (did you mean " : "", nearest ? nearest : "",
                        nearest ? "?)" : "");
}

/* "a, b or c" */
static void put_choices(struct df_buf *out, const char *choices)
{
    struct df_slice choice;
    for (bool first = true; df_cli_next_choice(&choices, &choice); first = false)
        df_buf_printf(out, "%s%.*s", first ? "" : *choices ? ", " : " or ", DF_SLICE_ARG(choice));
}

/* Those of options are checked where their values are set. */
static int check_choice(const struct parser *parser, const struct df_cli_flag *flag, const char *text,
                        struct df_error *error)
{
    const char *choices = flag->choices;
    struct df_slice choice;
    if (!choices)
        return 0;
    while (df_cli_next_choice(&choices, &choice))
        if (df_slice_is(choice, text))
            return 0;
    struct df_buf said = {0};
    put_choices(&said, flag->choices);
    df_error_set(error, DF_ERROR_INVALID, "%s is %s, found '%s'", df_cli_flag_name(parser->cli, flag),
                 df_buf_text(&said), text);
    df_buf_dispose(&said);
    return -1;
}

static int give(struct parser *parser, const struct df_cli_flag *flag, const char *text, struct df_error *error)
{
    struct df_cli_arguments *arguments = parser->arguments;
    if (check_choice(parser, flag, text, error) != 0)
        return -1;
    for (size_t i = 0; i < arguments->given_count && !flag->repeatable; i++)
        if (arguments->given[i].flag == flag)
            return df_error_set(error, DF_ERROR_INVALID, "%s is given twice", df_cli_flag_name(parser->cli, flag));
    arguments->given[arguments->given_count++] = (struct df_cli_given){.flag = flag, .text = text};
    return 0;
}

/* The word after a flag is its value, unless it is clearly the next flag: then the value has been forgotten. */
static int take_value(struct parser *parser, const struct df_cli_flag *flag, const char **text, struct df_error *error)
{
    const char *name = df_cli_flag_name(parser->cli, flag);
    const char *value_name = df_cli_flag_value_name(parser->cli, flag);
    if (parser->next >= parser->argc)
        return df_error_set(error, DF_ERROR_INVALID, "%s needs a value: %s %s", name, name, value_name);
    const char *word = parser->argv[parser->next];
    const char *equals = strchr(word, '=');
    struct df_slice word_name = df_slice_make(word, equals ? (size_t)(equals - word) : strlen(word));
    if (find_flag(parser, has_name, &word_name))
        return df_error_set(error, DF_ERROR_INVALID,
                            "%s needs a value: %s %s (if the value is really '%s', write %s=%s)", name, name,
                            value_name, word, name, word);
    *text = word;
    parser->next++;
    return 0;
}

/* --name, --name value, --name=value */
static int parse_long(struct parser *parser, const char *word, struct df_error *error)
{
    const char *equals = strchr(word, '=');
    struct df_slice name = df_slice_make(word, equals ? (size_t)(equals - word) : strlen(word));
    const struct df_cli_flag *flag = find_flag(parser, has_name, &name);
    if (!flag)
        return unknown_flag(parser, name, error);
    bool takes_value = df_cli_flag_value_name(parser->cli, flag) != NULL;
    if (equals && !takes_value)
        return df_error_set(error, DF_ERROR_INVALID, "%.*s takes no value, found '%s'", DF_SLICE_ARG(name), equals + 1);
    const char *text = equals ? equals + 1 : "";
    if (takes_value && !equals && take_value(parser, flag, &text, error) != 0)
        return -1;
    return give(parser, flag, text, error);
}

/* -o value, -ovalue, and switches in a row: -ab */
static int parse_letters(struct parser *parser, const char *word, struct df_error *error)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const struct df_cli_flag *flag = find_flag(parser, has_letter, letter);
        if (!flag)
            return unknown_flag(parser, df_slice_text(word), error);
        const char *text = "";
        bool takes_value = df_cli_flag_value_name(parser->cli, flag) != NULL;
        if (takes_value && letter[1])
            text = letter + 1;
        else if (takes_value && take_value(parser, flag, &text, error) != 0)
            return -1;
        if (give(parser, flag, text, error) != 0)
            return -1;
        if (takes_value)
            return 0;
    }
    return 0;
}

static int check_operands(const struct df_cli_arguments *arguments, struct df_error *error)
{
    const struct df_cli_command *command = arguments->command;
    if (!command->operands && arguments->operand_count > 0)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' takes flags only, found '%s'", command->name,
                            arguments->operands[0]);
    if (arguments->operand_count < command->operands_minimum)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' needs %s %s", command->name,
                            command->operands_minimum == 1 ? "a" : "more of", command->operands);
    if (command->operands_maximum > 0 && arguments->operand_count > command->operands_maximum)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' takes at most %zu %s, found '%s' after it", command->name,
                            command->operands_maximum, command->operands,
                            arguments->operands[command->operands_maximum]);
    return 0;
}

static bool asks_for_help(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* A word like -o3: one dash and a letter behind it. A lone "-" is an operand, standard input or output by custom. */
static bool is_letters(const char *word)
{
    return word[0] == '-' && word[1] != '\0' && word[1] != '-';
}

static int parse_words(struct parser *parser, struct df_error *error)
{
    struct df_cli_arguments *arguments = parser->arguments;
    bool flags_ended = false;
    while (parser->next < parser->argc) {
        const char *word = parser->argv[parser->next++];
        int result = 0;
        if (!flags_ended && strcmp(word, "--") == 0)
            flags_ended = true;
        else if (!flags_ended && strncmp(word, "--", 2) == 0)
            result = parse_long(parser, word, error);
        else if (!flags_ended && is_letters(word))
            result = parse_letters(parser, word, error);
        else
            arguments->operands[arguments->operand_count++] = word;
        if (result != 0)
            return -1;
    }
    return check_operands(arguments, error);
}

/* Every letter of a word may be a flag. */
static size_t most_flags(int argc, char *const *argv)
{
    size_t count = 1;
    for (int i = 0; i < argc; i++)
        count += argv[i][0] == '-' ? strlen(argv[i]) : 0;
    return count;
}

int df_cli_parse(const struct df_cli *cli, const struct df_cli_command *command, int argc, char *const *argv,
                 struct df_cli_arguments *arguments, struct df_error *error)
{
    *arguments = (struct df_cli_arguments){.command = command};
    arguments->help = asks_for_help(argc, argv);
    if (arguments->help)
        return 0;
    arguments->given = calloc(most_flags(argc, argv), sizeof *arguments->given);
    arguments->operands = calloc((size_t)argc + 1, sizeof *arguments->operands);
    if (!arguments->given || !arguments->operands)
        return df_error_no_memory(error, "reading the command line");
    struct parser parser = {.cli = cli, .arguments = arguments, .argc = argc, .argv = argv};
    return parse_words(&parser, error);
}

void df_cli_arguments_dispose(struct df_cli_arguments *arguments)
{
    free(arguments->given);
    free(arguments->operands);
    *arguments = (struct df_cli_arguments){0};
}

/* ---- reading what was given ---- */

const char *df_cli_next_value(const struct df_cli_arguments *arguments, const char *name, size_t *position)
{
    while (*position < arguments->given_count) {
        const struct df_cli_given *given = &arguments->given[(*position)++];
        if (given->flag->name && strcmp(given->flag->name, name) == 0)
            return given->text;
    }
    return NULL;
}

const char *df_cli_value(const struct df_cli_arguments *arguments, const char *name)
{
    const char *last = NULL;
    size_t position = 0;
    for (const char *text; (text = df_cli_next_value(arguments, name, &position));)
        last = text;
    return last;
}

int df_cli_value_int(const struct df_cli_arguments *arguments, const char *name, int64_t minimum, int64_t maximum,
                     int64_t *out, struct df_error *error)
{
    const char *text = df_cli_value(arguments, name);
    if (!text)
        return 0;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (text[0] == '\0' || text[0] == ' ' || *end != '\0' || errno != 0 || value < minimum || value > maximum)
        return df_error_set(error, DF_ERROR_INVALID,
                            "%s must be a whole number from %" PRId64 " to %" PRId64 ", found '%s'", name, minimum,
                            maximum, text);
    *out = value;
    return 0;
}

int df_cli_apply_flags(const struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    for (size_t i = 0; i < arguments->given_count; i++) {
        const struct df_cli_given *given = &arguments->given[i];
        if (given->flag->option &&
            df_config_set(cli->config, given->flag->option, given->text, DF_CONFIG_FLAG, error) != 0)
            return -1;
    }
    return 0;
}
