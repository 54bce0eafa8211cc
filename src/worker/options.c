/* The rows of the options table that say how a worker works, and what they come to. */
#include <stdlib.h>
#include <sys/sysinfo.h>

#include "worker/events.h"

static const char *const temporary_folder_environment[] = {"TMPDIR", NULL};

const struct df_option df_worker_option_rows[] = {
    {.name = "worker.memory",
     .type = DF_OPTION_SIZE,
     .value_name = "SIZE",
     .minimum = 1024 * 1024,
     .maximum = INT64_MAX,
     .help = "memory of a worker for sections, partials and columns (default: half of the function's)"},
    {.name = "worker.output_prefixes",
     .type = DF_OPTION_TEXT,
     .value_name = "LIST",
     .help = "places below which a worker may write (s3://bucket/results/), separated by commas (default: any)"},
    {.name = "worker.temporary_folder",
     .type = DF_OPTION_TEXT,
     .default_text = "/tmp",
     .value_name = "FOLDER",
     .environment = temporary_folder_environment,
     .help = "folder for sections that do not fit into a worker's memory"},
    {.name = "worker.threads",
     .type = DF_OPTION_INT,
     .value_name = "N",
     .minimum = 1,
     .maximum = 1024,
     .help = "threads of a worker that run parts (default: one per processor)"},
};
const size_t df_worker_option_count = sizeof df_worker_option_rows / sizeof *df_worker_option_rows;

/* Half of the function's memory; the other half is for what is not on the account. */
static uint64_t default_memory_bytes(void)
{
    const char *text = getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
    char *end;
    unsigned long function_mb = text ? strtoul(text, &end, 10) : 0;
    if (function_mb == 0 || *end || function_mb > 1024 * 1024)
        return df_budget_default_limit();
    return (uint64_t)function_mb * 1024 * 1024 / 2;
}

static unsigned default_threads(void)
{
    int processors = get_nprocs();
    return processors > 0 ? (unsigned)processors : 1;
}

void df_task_events_options_from_config(struct df_task_events_options *options, const struct df_config *config)
{
    options->threads =
        df_config_has(config, "worker.threads") ? (unsigned)df_config_int(config, "worker.threads") : default_threads();
    options->memory_limit_bytes = df_config_has(config, "worker.memory")
                                      ? (uint64_t)df_config_int(config, "worker.memory")
                                      : default_memory_bytes();
    options->temporary_folder = df_config_text(config, "worker.temporary_folder");
    options->output_prefixes = df_config_text(config, "worker.output_prefixes");
}
