/* Which data a query is about: PATHs and their columns, or the name of a registered data set. It becomes the member
 * "dataset" of the engine's request.
 *
 * One operand that is no existing path and has no '/', '*' or '.' is a name, unless --user, --time or --pattern are
 * given; everything else are paths, or lists of them with commas between. */
#ifndef DF_CLI_DATASET_H
#define DF_CLI_DATASET_H

#include "base/json_write.h"
#include "cli/cli.h"
#include "cli/columns.h"

/* The flags that say what the paths are; those of a registered data set are in its registration. */
#define DF_CLI_DATASET_FLAGS                                                                                           \
    {.name = "--user",                                                                                                 \
     .value_name = "COLUMN",                                                                                           \
     .section = "Data",                                                                                                \
     .help = "who did it (default: the column whose name says so)"},                                                   \
        {.name = "--time",                                                                                             \
         .value_name = "COLUMN",                                                                                       \
         .help = "when it was done (default: the column whose name says so)"},                                         \
        {.name = "--time-unit",                                                                                        \
         .choices = "s|ms|us|ns",                                                                                      \
         .help = "what an integer time counts (default: by its size)"},                                                \
        {.name = "--pattern", .value_name = "GLOB", .help = "files to read in folders (default: *.parquet)"},          \
    {                                                                                                                  \
        .name = "--groups", .choices = "auto|whole|spread",                                                            \
        .help =                                                                                                        \
            "whole: you promise that all rows of a user are in one file; spread: never rely on it (default: auto, "    \
            "look)"                                                                                                    \
    }

struct df_cli_dataset {
    struct df_cli *cli;
    const struct df_cli_arguments *arguments; /* with DF_CLI_DATASET_FLAGS */
    const char *const *operands;
    size_t operand_count;

    const char *name;          /* of a registered one; NULL: paths */
    const char *user, *time;   /* of the flags, or of `columns` */
    struct df_columns columns; /* of the first file; empty when they were not needed */
    const char **paths;        /* `operands` once lists have been taken apart; owned, as `lists` is, which holds them */
    char *lists;
};

/* Fills the last part from the first: tells a name from paths, and looks for columns that the flags leave open (they
 * are told on standard error). Fails with invalid and not_found. */
int df_cli_dataset_choose(struct df_cli_dataset *dataset, struct df_store *store, struct df_error *error);
/* The same when the operands are known to be paths. */
int df_cli_dataset_choose_columns(struct df_cli_dataset *dataset, struct df_store *store, struct df_error *error);
/* Writes the value of "dataset". */
int df_cli_dataset_put_value(const struct df_cli_dataset *dataset, struct df_json_writer *writer,
                             struct df_error *error);
/* Writes the request's member "without" if the option funnel.without has names. Fails with invalid. */
int df_cli_put_without(const struct df_cli *cli, struct df_json_writer *writer, struct df_error *error);
/* Writes the request's member "onBadFile", unless it would say what goes without saying. */
void df_cli_put_on_bad_file(const struct df_cli *cli, struct df_json_writer *writer);
void df_cli_dataset_dispose(struct df_cli_dataset *dataset);

/* The words of the command line become JSON, in which other bytes than UTF-8 would be replaced; then the query would
 * look for something else. Fails with invalid. */
int df_cli_check_utf8(const struct df_cli_arguments *arguments, struct df_error *error);

/* datasets.c: whether that name is registered; false also when there is no catalogue, or none that can be read. */
bool df_cli_dataset_registered(struct df_cli *cli, const char *name);
/* datasets.c: the same value of a data set that was registered under that name: one whole object. Fails with not_found,
 * naming `dayfly datasets add`. */
int df_cli_dataset_put(struct df_cli *cli, const char *name, struct df_json_writer *writer, struct df_error *error);

#endif
