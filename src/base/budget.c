#include "base/budget.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

void df_budget_init(struct df_budget *budget, uint64_t limit_bytes)
{
    budget->limit_bytes = limit_bytes;
    atomic_init(&budget->used_bytes, 0);
    atomic_init(&budget->peak_bytes, 0);
}

static void note_peak(struct df_budget *budget, uint64_t used)
{
    uint64_t peak = atomic_load_explicit(&budget->peak_bytes, memory_order_relaxed);
    while (used > peak && !atomic_compare_exchange_weak_explicit(&budget->peak_bytes, &peak, used, memory_order_relaxed,
                                                                 memory_order_relaxed)) {
    }
}

static bool take_within(struct df_budget *budget, uint64_t bytes, uint64_t limit)
{
    uint64_t used = atomic_load_explicit(&budget->used_bytes, memory_order_relaxed);
    do {
        if (bytes > limit || used > limit - bytes)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&budget->used_bytes, &used, used + bytes, memory_order_relaxed,
                                                    memory_order_relaxed));
    note_peak(budget, used + bytes);
    return true;
}

bool df_budget_take(struct df_budget *budget, uint64_t bytes)
{
    return !budget || take_within(budget, bytes, budget->limit_bytes ? budget->limit_bytes : UINT64_MAX);
}

bool df_budget_take_share(struct df_budget *budget, uint64_t bytes, unsigned percent)
{
    assert(percent <= 100);
    if (!budget || budget->limit_bytes == 0)
        return df_budget_take(budget, bytes);
    return take_within(budget, bytes, (uint64_t)((unsigned __int128)budget->limit_bytes * percent / 100));
}

void df_budget_force(struct df_budget *budget, uint64_t bytes)
{
    if (budget)
        (void)take_within(budget, bytes, UINT64_MAX);
}

void df_budget_give(struct df_budget *budget, uint64_t bytes)
{
    if (!budget || bytes == 0)
        return;
    uint64_t before = atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
    assert(before >= bytes);
    (void)before;
}

static uint64_t read_limit(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return UINT64_MAX;
    uint64_t value = UINT64_MAX; /* "max" is no limit */
    if (fscanf(file, "%" SCNu64, &value) != 1)
        value = UINT64_MAX;
    fclose(file);
    return value;
}

uint64_t df_budget_default_limit(void)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE);
    uint64_t v2 = read_limit("/sys/fs/cgroup/memory.max");
    uint64_t v1 = read_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    uint64_t least = machine;
    least = v2 < least ? v2 : least;
    least = v1 < least ? v1 : least;
    return least / 2;
}
