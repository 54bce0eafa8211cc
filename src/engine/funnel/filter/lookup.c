#include "engine/funnel/filter/lookup.h"

#include "base/hash.h"
#include "base/size.h"

static int compare_int64s(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int compare_int128s(const void *a, const void *b)
{
    __int128 x = *(const __int128 *)a, y = *(const __int128 *)b;
    return (x > y) - (x < y);
}

static int compare_float64s(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int compare_bytes(const void *a, const void *b)
{
    return df_slice_compare(*(const struct df_slice *)a, *(const struct df_slice *)b);
}

typedef int compare_fn(const void *a, const void *b);

/* qsort and the first of each run of equals. */
static uint32_t sort_distinct(void *values, uint32_t count, size_t element_bytes, compare_fn *compare)
{
    uint8_t *bytes = values;
    if (count < 2)
        return count;
    qsort(values, count, element_bytes, compare);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < count; i++) {
        const uint8_t *at = bytes + i * element_bytes;
        if (compare(bytes + (kept - 1) * element_bytes, at) == 0)
            continue;
        memmove(bytes + kept * element_bytes, at, element_bytes);
        kept++;
    }
    return kept;
}

static bool fill_slots(struct df_funnel_lookup *lookup, struct df_arena *arena)
{
    size_t slots = 4;
    while (slots < (size_t)lookup->count * 2)
        slots *= 2;
    if (slots > UINT32_MAX)
        return false;
    lookup->slot_mask = (uint32_t)(slots - 1);
    lookup->slots = df_arena_array(arena, slots, sizeof *lookup->slots);
    if (!lookup->slots)
        return false;
    for (uint32_t i = 0; i < lookup->count; i++) {
        uint32_t slot = (uint32_t)df_hash_bytes(lookup->values.bytes[i]) & lookup->slot_mask;
        while (lookup->slots[slot])
            slot = (slot + 1) & lookup->slot_mask;
        lookup->slots[slot] = i + 1;
    }
    return true;
}

bool df_funnel_lookup_settle(struct df_funnel_lookup *lookup, struct df_arena *arena)
{
    switch (lookup->kind) {
    case DF_VECTOR_INT64:
        lookup->count = sort_distinct(lookup->values.int64s, lookup->count, sizeof(int64_t), compare_int64s);
        return true;
    case DF_VECTOR_INT128:
        lookup->count = sort_distinct(lookup->values.int128s, lookup->count, sizeof(__int128), compare_int128s);
        return true;
    case DF_VECTOR_FLOAT64:
        lookup->count = sort_distinct(lookup->values.float64s, lookup->count, sizeof(double), compare_float64s);
        return true;
    default:
        lookup->count = sort_distinct(lookup->values.bytes, lookup->count, sizeof(struct df_slice), compare_bytes);
        return fill_slots(lookup, arena);
    }
}

/* The last of ascending values that is not above the wanted one: halves without a branch that a CPU could mispredict.
 */
#define BINARY_SEARCH(values, wanted)                                                                                  \
    do {                                                                                                               \
        uint32_t at = 0, left = lookup->count;                                                                         \
        if (left == 0)                                                                                                 \
            return DF_FUNNEL_NOT_FOUND;                                                                                \
        while (left > 1) {                                                                                             \
            uint32_t half = left / 2;                                                                                  \
            at = (values)[at + half] <= (wanted) ? at + half : at;                                                     \
            left -= half;                                                                                              \
        }                                                                                                              \
        return (values)[at] == (wanted) ? at : DF_FUNNEL_NOT_FOUND;                                                    \
    } while (0)

uint32_t df_funnel_lookup_int64(const struct df_funnel_lookup *lookup, int64_t value)
{
    const int64_t *values = lookup->values.int64s;
    BINARY_SEARCH(values, value);
}

uint32_t df_funnel_lookup_int128(const struct df_funnel_lookup *lookup, __int128 value)
{
    const __int128 *values = lookup->values.int128s;
    BINARY_SEARCH(values, value);
}

uint32_t df_funnel_lookup_float64(const struct df_funnel_lookup *lookup, double value)
{
    const double *values = lookup->values.float64s;
    BINARY_SEARCH(values, value);
}

uint32_t df_funnel_lookup_bytes(const struct df_funnel_lookup *lookup, struct df_slice value)
{
    if (lookup->count == 0)
        return DF_FUNNEL_NOT_FOUND;
    uint32_t slot = (uint32_t)df_hash_bytes(value) & lookup->slot_mask;
    for (; lookup->slots[slot]; slot = (slot + 1) & lookup->slot_mask)
        if (df_slice_equal(lookup->values.bytes[lookup->slots[slot] - 1], value))
            return lookup->slots[slot] - 1;
    return DF_FUNNEL_NOT_FOUND;
}
