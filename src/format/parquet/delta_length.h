/* DELTA_LENGTH_BYTE_ARRAY: the lengths as DELTA_BINARY_PACKED, then all bytes, one value after the other. */
#ifndef DF_FORMAT_PARQUET_DELTA_LENGTH_H
#define DF_FORMAT_PARQUET_DELTA_LENGTH_H

#include "format/parquet/delta.h"

struct df_delta_length {
    struct df_delta lengths;
    const uint8_t *at, *end; /* bytes of the values that were not taken yet */
};

/* Walks over the lengths to find the bytes; false when they do not add up to what is there, or less, or are
 * more than values_max. */
bool df_delta_length_init(struct df_delta_length *values, struct df_slice bytes, uint64_t values_max);
/* The next n values, as slices of those bytes; false when there are fewer. */
bool df_delta_length_take(struct df_delta_length *values, struct df_slice *out, size_t n);

#endif
