/* The command line: what a command is, how its words are parsed, and where it writes.
 *
 * A command is one file: a constant struct df_cli_command with its flags, its help and its function. main/ lists them.
 * The flow of one start: find the command → parse its words → fill the configuration (environment, dayfly.yaml, flags)
 * → run → print the error if there is one → exit code by its kind.
 *
 * Thread: the main thread, unless a function says otherwise. */
#ifndef DF_CLI_CLI_H
#define DF_CLI_CLI_H

#include "base/buf.h"
#include "base/config.h"
#include "base/error.h"
#include "base/progress.h"

struct df_engine;
struct df_cli;
struct df_cli_arguments;

/* ---- commands and their flags ---- */

/* A flag: `--name value`, `--name=value`, `-o value`, `-ovalue`. A row that names an option takes name, value name and
 * help from the option's own row (base/config.h), and its value goes into the configuration; leave the rest empty. */
struct df_cli_flag {
    const char *name;       /* "--step"; NULL: that of the option */
    char letter;            /* 'o' for -o; 0: none */
    const char *value_name; /* "EXPR"; NULL: a switch, which takes no value */
    const char *choices;    /* "text|json": the values there are; checked, completed, and the value name by default */
    const char *option;     /* the option it sets; NULL: the command reads it with df_cli_value */
    bool repeatable;        /* otherwise twice is an error */
    const char *section;    /* begins a section of the help with this title; NULL: goes on with the one before */
    const char *help;       /* one line */
};

struct df_cli_command {
    const char *name;
    const char *summary;         /* one line, for the list of commands: small letter, no full stop */
    const char *usage;           /* what follows the name: "PATH... --user COL --time COL --step EXPR..." */
    const char *description;     /* paragraphs for --help: what it does, with an example; lines of at most 78 columns */
    const char *operands;        /* what the operands are called in errors ("PATH"); NULL: it takes none */
    const char *operand_choices; /* of the first one, for completion: "bash|zsh|fish"; NULL: a path, or a name */
    size_t operands_minimum, operands_maximum; /* maximum 0 with `operands`: any number */
    const struct df_cli_flag *flags;
    size_t flag_count;
    bool without_config; /* reads neither environment nor dayfly.yaml: works when those are broken */
    /* 0, or -1 and an error, which the caller prints and makes the exit code of. */
    int (*run)(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error);
    /* What goes to standard output when it failed, for programs that read it; nothing when people do. May be NULL. */
    void (*put_failure)(const struct df_cli_arguments *arguments, const struct df_error *error, struct df_buf *out);
};

/* What main/ knows: everything that the program can do. */
struct df_cli_options {
    const struct df_option *rows;
    size_t count;
};
struct df_cli_program {
    const char *version, *commit, *compiler; /* commit may be "" */
    const struct df_cli_command *const *commands;
    size_t command_count;
    const struct df_engine *const *engines;
    size_t engine_count;
    const struct df_cli_options *options;
    size_t options_count;
};

/* ---- words of one call ---- */

struct df_cli_given {
    const struct df_cli_flag *flag;
    const char *text; /* "" for a switch */
};
struct df_cli_arguments {
    const struct df_cli_command *command;
    struct df_cli_given *given; /* in the order of the command line, owned */
    size_t given_count;
    const char **operands; /* owned; the words are argv's */
    size_t operand_count;
    bool help; /* --help or -h was there: nothing else has been checked */
};

/* Parses the words behind the command's name. Fails with invalid: unknown flag (and the nearest known one), value
 * missing, value for a switch, twice, too few or too many operands. `arguments` is to be disposed of in any case. */
int df_cli_parse(const struct df_cli *cli, const struct df_cli_command *command, int argc, char *const *argv,
                 struct df_cli_arguments *arguments, struct df_error *error);
void df_cli_arguments_dispose(struct df_cli_arguments *arguments);

/* The value of a flag, or NULL when it was not given ("" for a switch that was). Of a repeatable one the last. */
const char *df_cli_value(const struct df_cli_arguments *arguments, const char *name);
/* One value after the other of a repeatable flag; *position starts at 0; NULL at the end. */
const char *df_cli_next_value(const struct df_cli_arguments *arguments, const char *name, size_t *position);
/* A value that must be a whole number within [minimum, maximum]; *out is left alone when the flag was not given. */
int df_cli_value_int(const struct df_cli_arguments *arguments, const char *name, int64_t minimum, int64_t maximum,
                     int64_t *out, struct df_error *error);

/* ---- the terminal ---- */

struct df_cli {
    const struct df_cli_program *program;
    struct df_config *config;
    char *const *environment; /* as environ; borrowed */
    int out_fd, err_fd;
    bool out_terminal, err_terminal;
    unsigned columns, err_columns; /* 80 when not a terminal */
    bool colour;                   /* on out: a terminal, no NO_COLOR, TERM not "dumb" */
    bool ascii;                    /* --ascii, or the locale (LC_ALL, LC_CTYPE, LANG) is not UTF-8 */
    bool out_closed;               /* the reader of out has gone: the program ends quietly */
    struct df_buf hint;            /* for the line "try: …" below the error; see df_cli_hint */
};

/* Writes all of it to standard output. A reader that has gone sets out_closed. Fails also when the disk is full. */
int df_cli_write(struct df_cli *cli, struct df_slice bytes, struct df_error *error);
/* "dayfly: <message>" and a line break to standard error. */
void df_cli_note(struct df_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What the user may do about the error that is being returned: printed below it as "try: <text>". The last one counts.
 */
void df_cli_hint(struct df_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Where progress is drawn: fd is -1 when standard error is no terminal, and nothing should be drawn then. */
struct df_progress_line df_cli_progress_line(const struct df_cli *cli);
/* The value of a name of the environment, or NULL. */
const char *df_cli_environment(const struct df_cli *cli, const char *name);

/* ---- help ---- */

/* Pages of `dayfly help` that are no command's. */
struct df_cli_topic {
    const char *name, *summary, *text;
};
extern const struct df_cli_topic df_cli_topics[];
extern const size_t df_cli_topic_count;

void df_cli_put_overview(const struct df_cli *cli, struct df_buf *out); /* dayfly, dayfly --help */
void df_cli_put_command_help(const struct df_cli *cli, const struct df_cli_command *command,
                             struct df_buf *out);                                             /* dayfly help X */
const struct df_cli_command *df_cli_find_command(const struct df_cli *cli, const char *name); /* NULL: none */
/* Fails with invalid, naming the nearest command. */
int df_cli_unknown_command(struct df_cli *cli, const char *name, struct df_error *error);

/* ---- the program ---- */

/* The reader of our output has gone: what a shell shows for a program that SIGPIPE ended. */
enum { DF_CLI_STATUS_OUT_CLOSED = 141 };

/* All of it: returns the exit status. */
int df_cli_main(const struct df_cli_program *program, int argc, char *const *argv, char *const *environment);

#endif
