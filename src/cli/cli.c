#include "cli/cli.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/flags.h"
#include "cli/options.h"
#include "cli/text.h"

enum {
    COLUMNS_WITHOUT_TERMINAL = 80,
    CONFIG_FILE_BYTES_MAX = 1 << 20,
};

/* ---- output ---- */

/* write(2) until all is out; 0 or an errno value. Waits where somebody has made the file non-blocking. */
static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written >= 0) {
            data += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            (void)poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

int df_cli_write(struct df_cli *cli, struct df_slice bytes, struct df_error *error)
{
    int failure = write_all(cli->out_fd, bytes.data, bytes.size);
    if (failure == 0)
        return 0;
    cli->out_closed = failure == EPIPE;
    return df_error_set_errno(error, failure, "cannot write to standard output");
}

static void put_message(struct df_cli *cli, const char *prefix, const char *message)
{
    struct df_buf out = {0};
    df_buf_put_text(&out, prefix);
    df_text_put_lines(&out, df_slice_text(message), cli->ascii);
    df_buf_put_char(&out, '\n');
    (void)write_all(cli->err_fd, out.data, out.size); /* there is nowhere left to complain */
    df_buf_dispose(&out);
}

void df_cli_note(struct df_cli *cli, const char *format, ...)
{
    char message[DF_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    put_message(cli, "dayfly: ", message);
}

void df_cli_hint(struct df_cli *cli, const char *format, ...)
{
    char text[DF_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    df_buf_clear(&cli->hint);
    df_buf_put_text(&cli->hint, text);
}

/* ---- the terminal ---- */

const char *df_cli_environment(const struct df_cli *cli, const char *name)
{
    size_t size = strlen(name);
    for (char *const *entry = cli->environment; *entry; entry++)
        if (strncmp(*entry, name, size) == 0 && (*entry)[size] == '=')
            return *entry + size + 1;
    return NULL;
}

static const char *first_value(const struct df_cli *cli, const char *const *names)
{
    for (; *names; names++) {
        const char *value = df_cli_environment(cli, *names);
        if (value && value[0])
            return value;
    }
    return "";
}

static bool locale_is_utf8(const struct df_cli *cli)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG", NULL};
    const char *locale = first_value(cli, names);
    return strcasestr(locale, "utf-8") || strcasestr(locale, "utf8");
}

static unsigned terminal_columns(const struct df_cli *cli, int fd, bool terminal)
{
    struct winsize size;
    if (!terminal)
        return COLUMNS_WITHOUT_TERMINAL;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = df_cli_environment(cli, "COLUMNS");
    int number = columns ? atoi(columns) : 0;
    return number > 0 && number < 10000 ? (unsigned)number : COLUMNS_WITHOUT_TERMINAL;
}

static void look_at_terminal(struct df_cli *cli)
{
    const char *term = df_cli_environment(cli, "TERM");
    const char *no_color = df_cli_environment(cli, "NO_COLOR");
    cli->out_terminal = isatty(cli->out_fd);
    cli->err_terminal = isatty(cli->err_fd);
    cli->columns = terminal_columns(cli, cli->out_fd, cli->out_terminal);
    cli->err_columns = terminal_columns(cli, cli->err_fd, cli->err_terminal);
    cli->colour = cli->out_terminal && !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
    cli->ascii = !locale_is_utf8(cli);
}

struct df_progress_line df_cli_progress_line(const struct df_cli *cli)
{
    const char *term = df_cli_environment(cli, "TERM");
    bool draws = cli->err_terminal && !(term && strcmp(term, "dumb") == 0);
    return (struct df_progress_line){.fd = draws ? cli->err_fd : -1, .columns = cli->err_columns, .ascii = cli->ascii};
}

/* ---- configuration ---- */

static int register_options(struct df_cli *cli, struct df_error *error)
{
    if (df_config_create(&cli->config, error) != 0)
        return -1;
    for (size_t i = 0; i < cli->program->options_count; i++)
        if (df_config_register(cli->config, cli->program->options[i].rows, cli->program->options[i].count, error) != 0)
            return -1;
    return 0;
}

static int read_to_end(int fd, const char *path, struct df_buf *out, struct df_error *error)
{
    for (;;) {
        uint8_t *room = df_buf_extend(out, 4096);
        if (!room)
            return df_error_no_memory(error, "reading the settings");
        out->size -= 4096;
        ssize_t count = read(fd, room, 4096);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return df_error_set_errno(error, errno, "cannot read '%s'", path);
        if (count == 0)
            return 0;
        out->size += (size_t)count;
        if (out->size > CONFIG_FILE_BYTES_MAX)
            return df_error_set(error, DF_ERROR_TOO_LARGE, "'%s' is larger than 1 MiB: surely not a file of settings",
                                path);
    }
}

static int load_file(struct df_cli *cli, struct df_error *error)
{
    const char *path = df_config_text(cli->config, "config");
    bool wanted = path && path[0];
    if (!wanted)
        path = "dayfly.yaml";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT && !wanted)
        return 0;
    if (fd < 0)
        return df_error_set_errno(error, errno, "cannot open the settings '%s'", path);
    struct df_buf text = {0};
    int result = read_to_end(fd, path, &text, error);
    close(fd);
    if (result == 0)
        result = df_config_load_yaml(cli->config, df_buf_slice(&text), path, error);
    df_buf_dispose(&text);
    return result;
}

static void setup_log(const struct df_cli *cli)
{
    static const char *const levels[] = {"debug", "info", "warning", "error", "off"};
    const char *level = df_config_text(cli->config, "log.level");
    const char *format = df_config_text(cli->config, "log.format");
    for (unsigned i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(level, levels[i]) == 0)
            df_log_setup((enum df_log_level)i, strcmp(format, "json") == 0 ? DF_LOG_JSON : DF_LOG_TEXT, cli->err_fd);
}

/* Flags come first, because they say how to log what is odd about the rest; a value of a higher source stays. */
static int configure(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    if (df_cli_apply_flags(cli, arguments, error) != 0)
        return -1;
    setup_log(cli);
    if (arguments->command->without_config)
        return 0;
    if (df_config_load_environment(cli->config, cli->environment, error) != 0 || load_file(cli, error) != 0)
        return -1;
    setup_log(cli);
    return 0;
}

/* ---- one start ---- */

static int show_help(struct df_cli *cli, const struct df_cli_command *command, struct df_error *error)
{
    struct df_buf out = {0};
    if (command)
        df_cli_put_command_help(cli, command, &out);
    else
        df_cli_put_overview(cli, &out);
    int result = df_cli_write(cli, df_buf_slice(&out), error);
    df_buf_dispose(&out);
    return result;
}

static int run_command(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    if (df_cli_value(arguments, "--ascii"))
        cli->ascii = true;
    if (configure(cli, arguments, error) == 0 && arguments->command->run(cli, arguments, error) == 0)
        return 0;
    if (arguments->command->put_failure && !cli->out_closed) {
        struct df_buf out = {0};
        arguments->command->put_failure(arguments, error, &out);
        (void)df_cli_write(cli, df_buf_slice(&out), NULL); /* the error that is told is the first one */
        df_buf_dispose(&out);
    }
    return -1;
}

static int parse_and_run(struct df_cli *cli, const struct df_cli_command *command, int argc, char *const *argv,
                         struct df_error *error)
{
    struct df_cli_arguments arguments;
    int result = df_cli_parse(cli, command, argc, argv, &arguments, error);
    if (result != 0)
        df_cli_hint(cli, "dayfly %s --help", command->name);
    else if (arguments.help)
        result = show_help(cli, command, error);
    else
        result = run_command(cli, &arguments, error);
    df_cli_arguments_dispose(&arguments);
    return result;
}

static int run_words(struct df_cli *cli, int argc, char *const *argv, struct df_error *error)
{
    if (register_options(cli, error) != 0)
        return -1;
    const char *first = argc > 1 ? argv[1] : "--help";
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0)
        return show_help(cli, NULL, error);
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0)
        first = "version";
    if (first[0] == '-') {
        df_cli_hint(cli, "dayfly help");
        return df_error_set(error, DF_ERROR_INVALID, "the command comes before its flags, found '%s'", first);
    }
    const struct df_cli_command *command = df_cli_find_command(cli, first);
    if (!command)
        return df_cli_unknown_command(cli, first, error);
    return parse_and_run(cli, command, argc - 2, argv + 2, error);
}

static int tell_failure(struct df_cli *cli, const struct df_error *error)
{
    if (cli->out_closed)
        return DF_CLI_STATUS_OUT_CLOSED;
    put_message(cli, "dayfly: ", error->message);
    if (cli->hint.size > 0)
        put_message(cli, "try: ", df_buf_text(&cli->hint));
    return df_error_exit_code(error->kind);
}

/* A descriptor 0, 1 or 2 that the caller closed would be given to the next file that is opened, and our output would go
 * into that file. */
static void hold_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

int df_cli_main(const struct df_cli_program *program, int argc, char *const *argv, char *const *environment)
{
    hold_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file over `ulimit -f` is an error of the write, as a full disk is */
    struct df_cli cli = {
        .program = program, .environment = environment, .out_fd = STDOUT_FILENO, .err_fd = STDERR_FILENO};
    look_at_terminal(&cli);
    struct df_error error = {0};
    int status = run_words(&cli, argc, argv, &error) == 0 ? 0 : tell_failure(&cli, &error);
    df_buf_dispose(&cli.hint);
    df_config_free(cli.config);
    return status;
}
