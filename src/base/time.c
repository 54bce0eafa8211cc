#include "base/time.h"

#include <stdatomic.h>
#include <time.h>

enum { NS_PER_MS = 1000000 };

static atomic_bool frozen_flag;
static _Atomic int64_t frozen_mono_ns, frozen_wall_ms;
static _Atomic int64_t jump_mono_ns, jump_wall_ms;

static int64_t read_clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t df_time_mono_ns(void)
{
    int64_t base = atomic_load(&frozen_flag) ? atomic_load(&frozen_mono_ns) : read_clock_ns(CLOCK_MONOTONIC);
    return base + atomic_load(&jump_mono_ns);
}

int64_t df_time_wall_ms(void)
{
    int64_t base = atomic_load(&frozen_flag) ? atomic_load(&frozen_wall_ms) : read_clock_ns(CLOCK_REALTIME) / NS_PER_MS;
    return base + atomic_load(&jump_wall_ms);
}

int64_t df_time_thread_cpu_ns(void)
{
    return read_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

struct df_deadline df_deadline_never(void)
{
    return (struct df_deadline){DF_DEADLINE_NEVER};
}

struct df_deadline df_deadline_after_ms(int64_t ms)
{
    int64_t ns, at;
    if (__builtin_mul_overflow(ms, (int64_t)NS_PER_MS, &ns) || __builtin_add_overflow(df_time_mono_ns(), ns, &at))
        return df_deadline_never();
    return (struct df_deadline){at};
}

bool df_deadline_passed(struct df_deadline deadline)
{
    return deadline.mono_ns != DF_DEADLINE_NEVER && df_time_mono_ns() >= deadline.mono_ns;
}

int64_t df_deadline_left_ms(struct df_deadline deadline)
{
    if (deadline.mono_ns == DF_DEADLINE_NEVER)
        return INT64_MAX;
    int64_t left_ns = deadline.mono_ns - df_time_mono_ns();
    return left_ns <= 0 ? 0 : (left_ns + NS_PER_MS - 1) / NS_PER_MS;
}

void df_time_freeze(bool frozen)
{
    if (frozen) {
        atomic_store(&frozen_mono_ns, read_clock_ns(CLOCK_MONOTONIC));
        atomic_store(&frozen_wall_ms, read_clock_ns(CLOCK_REALTIME) / NS_PER_MS);
    } else {
        atomic_store(&jump_mono_ns, 0);
        atomic_store(&jump_wall_ms, 0);
    }
    atomic_store(&frozen_flag, frozen);
}

void df_time_jump(int64_t mono_ns, int64_t wall_ms)
{
    atomic_fetch_add(&jump_mono_ns, mono_ns);
    atomic_fetch_add(&jump_wall_ms, wall_ms);
}
