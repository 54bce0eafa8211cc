/* The rows of the options table that fill struct df_job_options. */
#include "job/job.h"

enum { PLAN_ROOM = 1024, CENTS_PER_DOLLAR = 100 };

const struct df_option df_job_option_rows[] = {
    {
        .name = "job.attempts",
        .type = DF_OPTION_INT,
        .default_text = "4",
        .value_name = "N",
        .minimum = 1,
        .maximum = 100,
        .help = "how often a part is tried before its error counts",
    },
    {
        .name = "job.timeout",
        .type = DF_OPTION_DURATION,
        .default_text = "0s",
        .flag = "--timeout",
        .value_name = "TIME",
        .help = "give a query up after this time (30s, 5m); 0s: never",
    },
    {
        .name = "job.retry_delay",
        .type = DF_OPTION_DURATION,
        .default_text = "100ms",
        .value_name = "TIME",
        .minimum = 1,
        .maximum = 60 * 60 * 1000,
        .help = "wait before the first retry of a part; doubles with each, up to 32 times as long",
    },
    {
        .name = "job.hedge_after",
        .type = DF_OPTION_DURATION,
        .default_text = "2s",
        .value_name = "TIME",
        .help = "age from which a straggling part may run a second time elsewhere; 0s: never",
    },
    {
        .name = "job.reorder",
        .type = DF_OPTION_SIZE,
        .default_text = "256M",
        .value_name = "SIZE",
        .minimum = 1,
        .maximum = INT64_MAX,
        .help = "memory for answers that came ahead of their turn",
    },
    {
        .name = "job.fallback",
        .type = DF_OPTION_BOOL,
        .default_text = "true",
        .help = "run a part on threads of this process when its workers failed too often",
    },
    {
        .name = "job.max_bytes",
        .type = DF_OPTION_SIZE,
        .default_text = "0",
        .flag = "--max-bytes",
        .value_name = "SIZE",
        .help = "refuse a query that would read more than this; 0: no limit",
    },
    {
        .name = "job.max_cost",
        .type = DF_OPTION_INT,
        .default_text = "0",
        .value_name = "CENTS",
        .help = "stop a query that has cost more US cents than this; 0: no limit",
    },
};
const size_t df_job_option_count = sizeof df_job_option_rows / sizeof df_job_option_rows[0];

void df_job_options_from_config(struct df_job_options *options, const struct df_config *config)
{
    options->attempts = (uint32_t)df_config_int(config, "job.attempts");
    options->timeout_ms = df_config_int(config, "job.timeout");
    options->retry_delay_ms = df_config_int(config, "job.retry_delay");
    options->hedge_after_ms = df_config_int(config, "job.hedge_after");
    options->reorder_bytes = (uint64_t)df_config_int(config, "job.reorder");
    options->fallback_to_threads = df_config_bool(config, "job.fallback");
    options->bytes_ceiling = (uint64_t)df_config_int(config, "job.max_bytes");
    options->cost_ceiling = (double)df_config_int(config, "job.max_cost") / CENTS_PER_DOLLAR;
    options->plan_room = PLAN_ROOM;
}
