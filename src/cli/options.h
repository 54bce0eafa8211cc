/* The options of the program itself, and their defaults that depend on the machine. */
#ifndef DF_CLI_OPTIONS_H
#define DF_CLI_OPTIONS_H

#include "base/buf.h"
#include "base/config.h"

/* memory.limit, threads, temporary.folder, log.*, config */
extern const struct df_option df_cli_option_rows[];
extern const size_t df_cli_option_count;

/* The value in force: what was set, else what fits this machine. */
uint64_t df_cli_memory_limit(const struct df_config *config); /* 0: none */
unsigned df_cli_threads(const struct df_config *config);

/* The value in force of any option as text; secrets are hidden; nothing is put when it has none. */
void df_cli_put_option(const struct df_config *config, const char *name, struct df_buf *out);

/* CPUs that this process may use: its affinity mask, and the quota of its container. At least 1. */
unsigned df_cli_cpu_count(void);

#endif
