/* Many constants of one column: is a value one of them, and which? In memory of an arena; immutable once made. */
#ifndef DF_ENGINE_FUNNEL_FILTER_LOOKUP_H
#define DF_ENGINE_FUNNEL_FILTER_LOOKUP_H

#include "base/arena.h"
#include "format/vector.h"

#define DF_FUNNEL_NOT_FOUND UINT32_MAX

struct df_funnel_lookup {
    enum df_vector_kind kind; /* INT64 (also of unsigned values and booleans: their bits), INT128, FLOAT64 or BYTES */
    uint32_t count;           /* distinct */
    union {
        int64_t *int64s; /* ascending, as the doubles and the 128-bit integers */
        __int128 *int128s;
        double *float64s;
        struct df_slice *bytes; /* ascending in byte order */
    } values;
    uint32_t *slots; /* of BYTES: open addressing by hash, index + 1, 0 for a free one; at most half full */
    uint32_t slot_mask;
};

/* Takes `count` values of the kind in the memory of *lookup's union, sorts them, drops repeated ones. False: no memory.
 */
bool df_funnel_lookup_settle(struct df_funnel_lookup *lookup, struct df_arena *arena);

/* The index of the constant that equals the value. */
uint32_t df_funnel_lookup_int64(const struct df_funnel_lookup *lookup, int64_t value);
uint32_t df_funnel_lookup_int128(const struct df_funnel_lookup *lookup, __int128 value);
uint32_t df_funnel_lookup_float64(const struct df_funnel_lookup *lookup, double value); /* NaN: not found */
uint32_t df_funnel_lookup_bytes(const struct df_funnel_lookup *lookup, struct df_slice value);

#endif
