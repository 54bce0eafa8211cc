#include "cli/dataset.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "cli/run.h"
#include "cli/text.h"
#include "engine/funnel/switches.h"

/* ---- name or paths ---- */

/* Whoever says what the columns or files are means a path, be it mistyped. A plain word that is a file or folder and a
 * registered data set at once is the latter: the path can be written ./word. */
static bool is_name(const struct df_cli_dataset *dataset)
{
    static const char *const of_paths[] = {"--user", "--time", "--pattern"};
    struct stat status;
    for (size_t i = 0; i < sizeof of_paths / sizeof *of_paths; i++)
        if (df_cli_value(dataset->arguments, of_paths[i]))
            return false;
    if (dataset->operand_count != 1 || !dataset->operands[0][0] || strpbrk(dataset->operands[0], "/*."))
        return false;
    if (stat(dataset->operands[0], &status) != 0)
        return true;
    if (!df_cli_dataset_registered(dataset->cli, dataset->operands[0]))
        return false;
    df_cli_note(dataset->cli, "taking '%s' as the registered data set (./%s is the path)", dataset->operands[0],
                dataset->operands[0]);
    return true;
}

static int check_name_alone(const struct df_cli_dataset *dataset, struct df_error *error)
{
    static const char *const registered[] = {"--time-unit", "--groups"};
    for (size_t i = 0; i < sizeof registered / sizeof *registered; i++)
        if (df_cli_value(dataset->arguments, registered[i]))
            return df_error_set(error, DF_ERROR_INVALID,
                                "'%s' is no file or folder, and of a registered data set %s is known: leave it out, or "
                                "name a path",
                                dataset->name, registered[i]);
    return 0;
}

/* ---- lists of paths ---- */

/* A comma may belong to a name: that of a file that is there, or of an object in a store. */
static bool is_list(const char *operand)
{
    struct stat status;
    const char *comma = strchr(operand, ',');
    return comma && stat(operand, &status) != 0 && (!strstr(operand, "://") || strstr(comma, "://"));
}

/* Takes the operand apart in place; empty pieces are left out. */
static void take_apart(struct df_cli_dataset *dataset, char *list, size_t *count)
{
    char *rest = NULL;
    for (char *piece = strtok_r(list, ",", &rest); piece; piece = strtok_r(NULL, ",", &rest))
        dataset->paths[(*count)++] = piece;
}

static int take_lists_apart(struct df_cli_dataset *dataset, struct df_error *error)
{
    size_t bytes = 1, most = 1, count = 0;
    for (size_t i = 0; i < dataset->operand_count; i++) {
        bytes += strlen(dataset->operands[i]) + 1;
        most += strlen(dataset->operands[i]) / 2 + 1;
    }
    dataset->lists = malloc(bytes);
    dataset->paths = calloc(most, sizeof *dataset->paths);
    if (!dataset->lists || !dataset->paths)
        return df_error_no_memory(error, "reading the paths");
    char *at = dataset->lists;
    for (size_t i = 0; i < dataset->operand_count; i++) {
        const char *operand = dataset->operands[i];
        size_t size = strlen(operand) + 1;
        memcpy(at, operand, size);
        if (is_list(operand))
            take_apart(dataset, at, &count);
        else
            dataset->paths[count++] = at;
        at += size;
    }
    dataset->operands = dataset->paths;
    dataset->operand_count = count;
    return count > 0 ? 0 : df_error_set(error, DF_ERROR_INVALID, "expected a PATH, found a list of none");
}

/* ---- columns ---- */

static bool skips_bad_files(const struct df_cli *cli)
{
    return strcmp(df_config_text(cli->config, "data.on_bad_file"), "skip") == 0;
}

static int choose_column(struct df_cli_dataset *dataset, enum df_column_role role, const char *flag, const char *what,
                         const char **column, struct df_error *error)
{
    if (*column)
        return 0;
    if (df_columns_choose(&dataset->columns, role, column, error) != 0)
        return -1;
    df_cli_note(dataset->cli, "taking column '%s' as the %s (%s says otherwise)", *column, what, flag);
    return 0;
}

int df_cli_dataset_choose_columns(struct df_cli_dataset *dataset, struct df_store *store, struct df_error *error)
{
    if (take_lists_apart(dataset, error) != 0)
        return -1;
    dataset->user = df_cli_value(dataset->arguments, "--user");
    dataset->time = df_cli_value(dataset->arguments, "--time");
    if (dataset->user && dataset->time)
        return 0;
    if (df_columns_read(store, dataset->operands, dataset->operand_count, df_cli_value(dataset->arguments, "--pattern"),
                        skips_bad_files(dataset->cli), &dataset->columns, error) != 0)
        return -1;
    if (choose_column(dataset, DF_COLUMN_USER, "--user", "user", &dataset->user, error) != 0)
        return -1;
    return choose_column(dataset, DF_COLUMN_TIME, "--time", "time", &dataset->time, error);
}

int df_cli_dataset_choose(struct df_cli_dataset *dataset, struct df_store *store, struct df_error *error)
{
    if (!is_name(dataset))
        return df_cli_dataset_choose_columns(dataset, store, error);
    dataset->name = dataset->operands[0];
    return check_name_alone(dataset, error);
}

void df_cli_dataset_dispose(struct df_cli_dataset *dataset)
{
    df_columns_dispose(&dataset->columns);
    free(dataset->paths);
    free(dataset->lists);
    *dataset = (struct df_cli_dataset){0};
}

/* ---- JSON ---- */

static void put_text(struct df_json_writer *writer, const char *name, const char *value)
{
    if (!value)
        return;
    df_json_key(writer, name);
    df_json_text(writer, value);
}

static void put_paths(const struct df_cli_dataset *dataset, struct df_json_writer *writer)
{
    df_json_key(writer, "paths");
    df_json_begin_array(writer);
    for (size_t i = 0; i < dataset->operand_count; i++) {
        struct df_buf uri = {0};
        df_cli_put_uri(dataset->cli, dataset->operands[i], &uri);
        writer->out->failed |= df_buf_failed(&uri);
        df_json_string(writer, df_buf_slice(&uri));
        df_buf_dispose(&uri);
    }
    df_json_end_array(writer);
}

int df_cli_dataset_put_value(const struct df_cli_dataset *dataset, struct df_json_writer *writer,
                             struct df_error *error)
{
    if (dataset->name)
        return df_cli_dataset_put(dataset->cli, dataset->name, writer, error);
    df_json_begin_object(writer);
    put_paths(dataset, writer);
    put_text(writer, "pattern", df_cli_value(dataset->arguments, "--pattern"));
    put_text(writer, "user", dataset->user);
    put_text(writer, "time", dataset->time);
    put_text(writer, "timestampUnit", df_cli_value(dataset->arguments, "--time-unit"));
    put_text(writer, "groups", df_cli_value(dataset->arguments, "--groups"));
    df_json_end_object(writer);
    return 0;
}

int df_cli_check_utf8(const struct df_cli_arguments *arguments, struct df_error *error)
{
    for (size_t i = 0; i < arguments->operand_count + arguments->given_count; i++) {
        const char *word =
            i < arguments->operand_count ? arguments->operands[i] : arguments->given[i - arguments->operand_count].text;
        if (!df_text_is_utf8(df_slice_text(word)))
            return df_error_set(error, DF_ERROR_INVALID, "'%s' is not UTF-8 text; a folder or a glob may stand for it",
                                word);
    }
    return 0;
}

int df_cli_put_without(const struct df_cli *cli, struct df_json_writer *writer, struct df_error *error)
{
    uint32_t without;
    if (df_funnel_without_parse(df_config_text(cli->config, "funnel.without"), &without, error) < 0)
        return -1;
    df_funnel_without_put(writer, without);
    return 0;
}

void df_cli_put_on_bad_file(const struct df_cli *cli, struct df_json_writer *writer)
{
    if (skips_bad_files(cli))
        put_text(writer, "onBadFile", "skip");
}
