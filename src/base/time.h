/* The only clock. Everything that waits or measures asks here, so that a test can stop time or let it jump.
 *
 * Monotonic time (ns since some start) for waiting and measuring, wall clock (ms since 1970) for what leaves the
 * process. Thread: any; the seam is for tests and is set while no other thread runs. */
#ifndef DF_BASE_TIME_H
#define DF_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

int64_t df_time_mono_ns(void);
int64_t df_time_wall_ms(void);
int64_t df_time_thread_cpu_ns(void); /* CPU time of the calling thread; no seam */

/* A point of monotonic time. {DF_DEADLINE_NEVER} never comes. */
struct df_deadline {
    int64_t mono_ns;
};
#define DF_DEADLINE_NEVER INT64_MAX

struct df_deadline df_deadline_never(void);
struct df_deadline df_deadline_after_ms(int64_t ms); /* from now; saturates at never */
bool df_deadline_passed(struct df_deadline deadline);
int64_t df_deadline_left_ms(struct df_deadline deadline); /* rounded up, 0 when passed, INT64_MAX for never */

/* The seam. Frozen clocks stand still and move by jumps only; a running clock can jump as well (a thawed sandbox). */
void df_time_freeze(bool frozen);
void df_time_jump(int64_t mono_ns, int64_t wall_ms);

#endif
