/* How long the tasks of a job took: one note per part that was answered, and the few numbers that are told of them. */
#ifndef DF_JOB_TIMES_H
#define DF_JOB_TIMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one part: from handing its batch to the invoker until a worker began with it; of its run the time without CPU,
 * for bytes mostly; its whole run. */
enum df_job_time { DF_JOB_TIME_INVOKE, DF_JOB_TIME_LOAD, DF_JOB_TIME_TOTAL, DF_JOB_TIMES };

struct df_job_times {
    uint64_t *ns[DF_JOB_TIMES]; /* owned */
    size_t count, capacity;
};

/* Without memory the note is left out: statistics are no reason to fail. */
void df_job_times_note(struct df_job_times *times, const uint64_t ns[DF_JOB_TIMES]);
void df_job_times_move(struct df_job_times *to, struct df_job_times *from); /* from is empty afterwards */
void df_job_times_dispose(struct df_job_times *times);

/* Percentiles 25 50 75 95 99: fewer than 20 values have only the 50th, fewer than 100 no 99th; linear interpolation
 * between neighbours. */
enum { DF_JOB_PERCENTILES = 5 };
extern const unsigned df_job_percentiles[DF_JOB_PERCENTILES];
struct df_job_timing {
    double mean, minimum, maximum; /* seconds */
    double percentile[DF_JOB_PERCENTILES];
    bool has_percentile[DF_JOB_PERCENTILES];
};
/* Sorts the notes of that time; false when there are none. */
bool df_job_times_summarize(struct df_job_times *times, enum df_job_time which, struct df_job_timing *timing);

/* Tasks by the quarter of a second in which they were done after their start: slot k ends at 0.25 k s. The least slot
 * above `after` that has tasks, and how many; false when there is none. Start with after = 0; before any summary. */
bool df_job_times_next_slot(const struct df_job_times *times, uint64_t after, uint64_t *slot, uint64_t *tasks);

#endif
