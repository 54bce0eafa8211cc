/* Memory of one part on the process's account: what a group table takes, and all of it given back at once.
 *
 * A refusal is no error: the part starts over with fewer users per pass (passes.h). Below the floor nobody is asked, so
 * that parts that run side by side cannot starve each other to death. Thread: one. */
#ifndef DF_ENGINE_FUNNEL_ACCOUNT_H
#define DF_ENGINE_FUNNEL_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/budget.h"

struct df_funnel_account {
    struct df_budget *budget; /* may be NULL */
    uint64_t floor_bytes;     /* what this part may hold in any case */
    uint64_t held_bytes;
};

/* The share of a part when `threads` of them run at once under this budget. */
uint64_t df_funnel_account_floor(const struct df_budget *budget, unsigned threads);

/* Memory, not cleared; NULL when it does not fit. */
void *df_funnel_account_alloc(struct df_funnel_account *account, size_t size_bytes);
void df_funnel_account_free(struct df_funnel_account *account, void *memory, size_t size_bytes); /* NULL is fine */

/* Makes *capacity elements of *array at least `needed`, doubling; false when it does not fit (nothing has changed). */
bool df_funnel_account_grow(struct df_funnel_account *account, void **array, size_t *capacity, size_t needed,
                            size_t element_bytes);

#endif
