/* Where what is registered is kept: option data.folder, else dayfly in XDG_DATA_HOME, else ~/.local/share/dayfly. */
#ifndef DF_CLI_DATA_FOLDER_H
#define DF_CLI_DATA_FOLDER_H

#include "cli/cli.h"

/* Fails with invalid when none of them is known. The folder need not exist. */
int df_cli_data_folder(const struct df_cli *cli, struct df_buf *out, struct df_error *error);

#endif
