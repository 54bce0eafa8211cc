/* dayfly version */
#include "cli/commands.h"

#include <sys/utsname.h>

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    (void)arguments;
    const struct df_cli_program *program = cli->program;
    struct utsname machine;
    struct df_buf out = {0};
    df_buf_printf(&out, "dayfly %s", program->version);
    if (program->commit[0])
        df_buf_printf(&out, " (%s)", program->commit);
    df_buf_printf(&out, "\ncompiled by %s%s%s\n", program->compiler, uname(&machine) == 0 ? " for " : "",
                  uname(&machine) == 0 ? machine.machine : "");
    int result = df_cli_write(cli, df_buf_slice(&out), error);
    df_buf_dispose(&out);
    return result;
}

const struct df_cli_command df_command_version = {
    .name = "version",
    .summary = "print version and compiler",
    .usage = "",
    .description = "Prints version, commit (if it was known at the build) and compiler.\n",
    .without_config = true,
    .run = run,
};
