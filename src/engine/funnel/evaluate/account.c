#include "engine/funnel/evaluate/account.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

enum {
    FLOOR_BYTES_MIN = 256 * 1024, /* a table of a few thousand users: below it passes would never end */
    CAPACITY_MIN = 64,
};

uint64_t df_funnel_account_floor(const struct df_budget *budget, unsigned threads)
{
    if (!budget || budget->limit_bytes == 0)
        return FLOOR_BYTES_MIN;
    /* A quarter of the limit for all parts together: the rest is for sections and for reading. */
    uint64_t share = budget->limit_bytes / 4 / (threads ? threads : 1);
    return share > FLOOR_BYTES_MIN ? share : FLOOR_BYTES_MIN;
}

static bool take(struct df_funnel_account *account, size_t size_bytes)
{
    if (account->held_bytes <= account->floor_bytes && size_bytes <= account->floor_bytes - account->held_bytes)
        df_budget_force(account->budget, size_bytes);
    else if (!df_budget_take(account->budget, size_bytes))
        return false;
    account->held_bytes += size_bytes;
    return true;
}

static void give(struct df_funnel_account *account, size_t size_bytes)
{
    assert(account->held_bytes >= size_bytes);
    account->held_bytes -= size_bytes;
    df_budget_give(account->budget, size_bytes);
}

void *df_funnel_account_alloc(struct df_funnel_account *account, size_t size_bytes)
{
    if (!take(account, size_bytes))
        return NULL;
    void *memory = malloc(size_bytes ? size_bytes : 1);
    if (!memory)
        give(account, size_bytes);
    return memory;
}

void df_funnel_account_free(struct df_funnel_account *account, void *memory, size_t size_bytes)
{
    if (!memory)
        return;
    free(memory);
    give(account, size_bytes);
}

bool df_funnel_account_grow(struct df_funnel_account *account, void **array, size_t *capacity, size_t needed,
                            size_t element_bytes)
{
    if (needed <= *capacity)
        return true;
    size_t larger = *capacity ? *capacity : CAPACITY_MIN, size_bytes;
    while (larger < needed)
        if (df_size_mul(&larger, larger, 2) < 0)
            return false;
    if (df_size_mul(&size_bytes, larger, element_bytes) < 0)
        return false;
    /* Old and new stand side by side while the content moves, so both are on the account. */
    void *moved = df_funnel_account_alloc(account, size_bytes);
    if (!moved)
        return false;
    if (*array)
        memcpy(moved, *array, *capacity * element_bytes);
    df_funnel_account_free(account, *array, *capacity * element_bytes);
    *array = moved;
    *capacity = larger;
    return true;
}
