#include "cli/options.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>

#include "base/budget.h"

static const char *const data_folder_names[] = {"DAYFLY_DATA", NULL};
static const char *const temporary_folder_names[] = {"TMPDIR", NULL};

const struct df_option df_cli_option_rows[] = {
    {.name = "config",
     .type = DF_OPTION_TEXT,
     .flag = "--config",
     .value_name = "FILE",
     .help = "file of settings (default: dayfly.yaml in the working directory, if there is one)"},
    {.name = "data.folder",
     .type = DF_OPTION_TEXT,
     .flag = "--data",
     .value_name = "FOLDER",
     .environment = data_folder_names,
     .help = "where registered data sets are kept (default: dayfly in XDG_DATA_HOME, or ~/.local/share/dayfly)"},
    {.name = "data.on_bad_file",
     .type = DF_OPTION_CHOICE,
     .default_text = "fail",
     .flag = "--on-bad-file",
     .value_name = "fail|skip",
     .choices = "fail|skip",
     .help = "a file that cannot be read: fail, or skip it whole, count it and name it (default: fail)"},
    {.name = "invoke",
     .type = DF_OPTION_CHOICE,
     .default_text = "threads",
     .flag = "--invoke",
     .value_name = "threads|lambda",
     .choices = "threads|lambda",
     .help = "who runs the parts of a query: threads of this process, or an AWS Lambda function (--function)"},
    {.name = "log.format",
     .type = DF_OPTION_CHOICE,
     .default_text = "text",
     .flag = "--log-format",
     .value_name = "text|json",
     .choices = "text|json",
     .help = "form of the log's lines on standard error"},
    {.name = "log.level",
     .type = DF_OPTION_CHOICE,
     .default_text = "warning",
     .flag = "--log-level",
     .value_name = "LEVEL",
     .choices = "debug|info|warning|error|off",
     .help = "least important event that is logged: debug, info, warning, error or off"},
    {.name = "memory.limit",
     .type = DF_OPTION_SIZE,
     .flag = "--memory",
     .value_name = "SIZE",
     .help = "memory that a query may use, 0 for any (default: half of the machine or container)"},
    {.name = "result.inline_bytes",
     .type = DF_OPTION_SIZE,
     .default_text = "0",
     .flag = "--inline-bytes",
     .value_name = "SIZE",
     .help = "partial results of one batch that may come back in its answer; more go to result.prefix (default: the "
             "invoker's limit)"},
    {.name = "result.prefix",
     .type = DF_OPTION_TEXT,
     .flag = "--result-prefix",
     .value_name = "URI",
     .help =
         "where workers put what does not fit into an answer, and exchanges: s3://bucket/prefix/; cleared afterwards"},
    {.name = "temporary.folder",
     .type = DF_OPTION_TEXT,
     .default_text = "/tmp",
     .flag = "--temporary-folder",
     .value_name = "FOLDER",
     .environment = temporary_folder_names,
     .help = "where data goes that does not fit into memory"},
    {.name = "threads",
     .type = DF_OPTION_INT,
     .flag = "--threads",
     .value_name = "N",
     .minimum = 1,
     .maximum = 1024,
     .help = "threads that read and compute (default: the CPUs this process may use)"},
};
const size_t df_cli_option_count = sizeof df_cli_option_rows / sizeof *df_cli_option_rows;

/* ---- CPUs ---- */

/* A CPU quota of control groups: "max 100000" or "150000 100000" (version 2). 0: none, or not to be found. */
static unsigned quota_of(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    uint64_t quota, period;
    bool limited = fscanf(file, "%" SCNu64 " %" SCNu64, &quota, &period) == 2;
    fclose(file);
    if (!limited || period == 0)
        return 0;
    uint64_t cpus = quota / period + (quota % period != 0);
    return cpus == 0 ? 1 : cpus > 1024 ? 1024 : (unsigned)cpus;
}

/* The name of this process's group in version 2, "/a/b"; "" when it is in none. */
static void read_group(char name[1024])
{
    name[0] = '\0';
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file)
        return;
    char line[1024];
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(name, 1024, "%s", line + 3);
        }
    fclose(file);
}

/* The least quota of the group and those around it. Inside a container the group is usually the root of what is seen.
 */
static unsigned group_cpus(void)
{
    char group[1024], path[1100];
    read_group(group);
    unsigned least = 0;
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", strcmp(group, "/") == 0 ? "" : group);
        unsigned cpus = quota_of(path);
        if (cpus > 0 && (least == 0 || cpus < least))
            least = cpus;
        char *last = strrchr(group, '/');
        if (!last)
            return least;
        *last = '\0';
    }
}

/* Version 1 keeps quota (-1: none) and period in two files. */
static unsigned group_cpus_version_1(void)
{
    unsigned cpus = 0;
    int64_t quota = -1, period = 0;
    FILE *quota_file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "re");
    FILE *period_file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "re");
    if (quota_file && period_file && fscanf(quota_file, "%" SCNd64, &quota) == 1 &&
        fscanf(period_file, "%" SCNd64, &period) == 1 && quota > 0 && period > 0) {
        int64_t whole = quota / period + (quota % period != 0);
        cpus = whole > 1024 ? 1024 : (unsigned)whole;
    }
    if (quota_file)
        fclose(quota_file);
    if (period_file)
        fclose(period_file);
    return cpus;
}

unsigned df_cli_cpu_count(void)
{
    cpu_set_t set;
    unsigned cpus = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        cpus = (unsigned)CPU_COUNT(&set);
    unsigned quota = group_cpus();
    if (quota == 0)
        quota = group_cpus_version_1();
    return quota > 0 && quota < cpus ? quota : cpus;
}

/* ---- values in force ---- */

uint64_t df_cli_memory_limit(const struct df_config *config)
{
    return df_config_has(config, "memory.limit") ? (uint64_t)df_config_int(config, "memory.limit")
                                                 : df_budget_default_limit();
}

unsigned df_cli_threads(const struct df_config *config)
{
    return df_config_has(config, "threads") ? (unsigned)df_config_int(config, "threads") : df_cli_cpu_count();
}

void df_cli_put_option(const struct df_config *config, const char *name, struct df_buf *out)
{
    if (df_config_has(config, name))
        df_config_put_value(config, name, out);
    else if (strcmp(name, "memory.limit") == 0)
        df_buf_printf(out, "%" PRIu64 "M", df_cli_memory_limit(config) >> 20);
    else if (strcmp(name, "threads") == 0)
        df_buf_printf(out, "%u", df_cli_threads(config));
}
