/* What help and parsing share about flags. */
#ifndef DF_CLI_FLAGS_H
#define DF_CLI_FLAGS_H

#include "cli/cli.h"

/* Flags that every command takes. */
extern const struct df_cli_flag df_cli_general_flags[];
extern const size_t df_cli_general_flag_count;

/* What a flag is called, takes and says: its own words, else those of its option. */
const char *df_cli_flag_name(const struct df_cli *cli, const struct df_cli_flag *flag);
const char *df_cli_flag_value_name(const struct df_cli *cli, const struct df_cli_flag *flag); /* NULL: a switch */
const char *df_cli_flag_help(const struct df_cli *cli, const struct df_cli_flag *flag);
const char *df_cli_flag_choices(const struct df_cli *cli, const struct df_cli_flag *flag); /* NULL: any value */

/* Takes a choice off the front of "a|b|c"; false at the end. */
bool df_cli_next_choice(const char **choices, struct df_slice *choice);

/* Puts the values of flags that set options into the configuration. */
int df_cli_apply_flags(const struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error);

#endif
