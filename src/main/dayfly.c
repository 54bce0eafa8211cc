/* The program `dayfly`: the one file that knows every engine, every command and every option. */
#include "base/allocator.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "engine/funnel/funnel.h"
#include "engine/funnel/register/register.h"
#include "engine/funnel/repartition/repartition.h"
#include "engine/funnel/switches.h"
#include "invoke/lambda.h"
#include "job/job.h"
#include "worker/events.h"

#include <unistd.h>

#ifndef DAYFLY_COMMIT
#define DAYFLY_COMMIT ""
#endif
#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

int main(int argc, char **argv)
{
    df_allocator_keep_freed();
    const struct df_engine *const engines[] = {&df_engine_funnel, &df_engine_registration, &df_engine_repartition};
    const struct df_cli_command *const commands[] = {
        &df_command_funnel, &df_command_query,       &df_command_datasets, &df_command_inspect,
        &df_command_import, &df_command_repartition, &df_command_generate, &df_command_emulate,
        &df_command_config, &df_command_completion,  &df_command_help,     &df_command_version,
    };
    const struct df_cli_options options[] = {
        {df_cli_option_rows, df_cli_option_count},       {df_job_option_rows, df_job_option_count},
        {df_funnel_option_rows, df_funnel_option_count}, {df_invoke_lambda_option_rows, df_invoke_lambda_option_count},
        {df_worker_option_rows, df_worker_option_count}, /* of bootstrap: here so that help and documentation have them
                                                          */
    };
    const struct df_cli_program program = {
        .version = DAYFLY_VERSION,
        .commit = DAYFLY_COMMIT,
        .compiler = COMPILER,
        .commands = commands,
        .command_count = sizeof commands / sizeof *commands,
        .engines = engines,
        .engine_count = sizeof engines / sizeof *engines,
        .options = options,
        .options_count = sizeof options / sizeof *options,
    };
    return df_cli_main(&program, argc, argv, environ);
}
