/* The account of memory of a process (option memory.limit).
 *
 * Taking never waits: it says no, and the holder spills, stops reading ahead, or fails as `exhausted`. What is taken is
 * given back by whoever took it. On the account: bodies above 64 KB, sections, partials ahead of the fold, decoded
 * columns, group tables. Thread: any. A NULL budget knows no limit and counts nothing. */
#ifndef DF_BASE_BUDGET_H
#define DF_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct df_budget {
    uint64_t limit_bytes; /* 0: none */
    _Atomic uint64_t used_bytes;
    _Atomic uint64_t peak_bytes;
};

void df_budget_init(struct df_budget *budget, uint64_t limit_bytes);

/* Takes `bytes` if the account stays within its limit; false, and nothing taken, otherwise. */
bool df_budget_take(struct df_budget *budget, uint64_t bytes);

/* As df_budget_take, but within `percent` of the limit only: for what can be put aside (sections, read-ahead), so that
 * it never starves what cannot. */
bool df_budget_take_share(struct df_budget *budget, uint64_t bytes, unsigned percent);

/* Takes without asking: for small needs without which nothing goes on. */
void df_budget_force(struct df_budget *budget, uint64_t bytes);

void df_budget_give(struct df_budget *budget, uint64_t bytes);

/* Half of what the machine or its container (cgroup v1 or v2) has. */
uint64_t df_budget_default_limit(void);

#endif
