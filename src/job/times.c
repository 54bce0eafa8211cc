#include "job/times.h"

#include <stdlib.h>

#include "base/size.h"

const unsigned df_job_percentiles[DF_JOB_PERCENTILES] = {25, 50, 75, 95, 99};

static const uint64_t slot_ns = 250000000;

static bool grow(struct df_job_times *times)
{
    size_t capacity = times->capacity ? times->capacity * 2 : 64, bytes;
    if (df_size_mul(&bytes, capacity, sizeof(uint64_t)) != 0)
        return false;
    for (size_t i = 0; i < DF_JOB_TIMES; i++) {
        uint64_t *ns = realloc(times->ns[i], bytes);
        if (!ns)
            return false;
        times->ns[i] = ns;
    }
    times->capacity = capacity;
    return true;
}

void df_job_times_note(struct df_job_times *times, const uint64_t ns[DF_JOB_TIMES])
{
    if (times->count == times->capacity && !grow(times))
        return;
    for (size_t i = 0; i < DF_JOB_TIMES; i++)
        times->ns[i][times->count] = ns[i];
    times->count++;
}

void df_job_times_move(struct df_job_times *to, struct df_job_times *from)
{
    df_job_times_dispose(to);
    *to = *from;
    *from = (struct df_job_times){0};
}

void df_job_times_dispose(struct df_job_times *times)
{
    for (size_t i = 0; i < DF_JOB_TIMES; i++)
        free(times->ns[i]);
    *times = (struct df_job_times){0};
}

/* ---- a summary ---- */

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static double percentile_of(const uint64_t *sorted, size_t count, unsigned percent)
{
    double position = (double)percent / 100 * (double)(count - 1);
    size_t below = (size_t)position;
    size_t above = below + 1 < count ? below + 1 : below;
    double low = (double)sorted[below], high = (double)sorted[above];
    return (low + (high - low) * (position - (double)below)) / 1e9;
}

static bool told(unsigned percent, size_t count)
{
    return percent == 50 || count >= 100 || (count >= 20 && percent < 99);
}

bool df_job_times_summarize(struct df_job_times *times, enum df_job_time which, struct df_job_timing *timing)
{
    *timing = (struct df_job_timing){0};
    uint64_t *ns = times->ns[which];
    size_t count = times->count;
    if (count == 0)
        return false;
    qsort(ns, count, sizeof *ns, compare);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)ns[i];
    timing->mean = sum / (double)count / 1e9;
    timing->minimum = (double)ns[0] / 1e9;
    timing->maximum = (double)ns[count - 1] / 1e9;
    for (size_t i = 0; i < DF_JOB_PERCENTILES; i++) {
        timing->percentile[i] = percentile_of(ns, count, df_job_percentiles[i]);
        timing->has_percentile[i] = told(df_job_percentiles[i], count);
    }
    return true;
}

/* ---- slots ---- */

static uint64_t slot_of(const struct df_job_times *times, size_t index)
{
    uint64_t ns;
    if (__builtin_add_overflow(times->ns[DF_JOB_TIME_INVOKE][index], times->ns[DF_JOB_TIME_TOTAL][index], &ns))
        ns = UINT64_MAX;
    uint64_t slot = ns / slot_ns + (ns % slot_ns != 0);
    return slot ? slot : 1; /* a task that took no time by our clock is in the first */
}

bool df_job_times_next_slot(const struct df_job_times *times, uint64_t after, uint64_t *slot, uint64_t *tasks)
{
    *slot = UINT64_MAX;
    *tasks = 0;
    for (size_t i = 0; i < times->count; i++) {
        uint64_t one = slot_of(times, i);
        if (one <= after || one > *slot)
            continue;
        if (one < *slot)
            *tasks = 0;
        *slot = one;
        ++*tasks;
    }
    return *tasks > 0;
}
