#include "cli/data_folder.h"

int df_cli_data_folder(const struct df_cli *cli, struct df_buf *out, struct df_error *error)
{
    const char *given = df_config_text(cli->config, "data.folder");
    const char *shared = df_cli_environment(cli, "XDG_DATA_HOME"), *home = df_cli_environment(cli, "HOME");
    if (given)
        df_buf_put_text(out, given);
    else if (shared && shared[0] == '/')
        df_buf_printf(out, "%s/dayfly", shared);
    else if (home && home[0])
        df_buf_printf(out, "%s/.local/share/dayfly", home);
    else
        return df_error_set(error, DF_ERROR_INVALID,
                            "there is no folder for registered data sets: say one with --data FOLDER or DAYFLY_DATA");
    return df_buf_failed(out) ? df_error_no_memory(error, "looking for the data folder") : 0;
}
