/* The commands of the program, one file each. */
#ifndef DF_CLI_COMMANDS_H
#define DF_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct df_cli_command df_command_completion;  /* completion.c */
extern const struct df_cli_command df_command_config;      /* config.c */
extern const struct df_cli_command df_command_datasets;    /* datasets.c */
extern const struct df_cli_command df_command_emulate;     /* emulate.c */
extern const struct df_cli_command df_command_funnel;      /* funnel.c */
extern const struct df_cli_command df_command_generate;    /* generate.c */
extern const struct df_cli_command df_command_help;        /* help.c */
extern const struct df_cli_command df_command_import;      /* import.c */
extern const struct df_cli_command df_command_inspect;     /* inspect.c */
extern const struct df_cli_command df_command_query;       /* query.c */
extern const struct df_cli_command df_command_repartition; /* repartition.c */
extern const struct df_cli_command df_command_version;     /* version.c */

#endif
