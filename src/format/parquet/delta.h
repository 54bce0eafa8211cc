/* DELTA_BINARY_PACKED: integers as differences, in blocks of bit-packed miniblocks.
 *
 *   header      block size | miniblocks per block | number of values | first value     varints, the last one zigzag
 *   block       least difference | width of each miniblock | miniblocks                zigzag, one byte each, bits
 *
 * A miniblock is as long as its width says even when values end inside of it; those after it are left out. Sums wrap
 * around. Decodes as many values as it is asked for, over a slice that the caller keeps. */
#ifndef DF_FORMAT_PARQUET_DELTA_H
#define DF_FORMAT_PARQUET_DELTA_H

#include "base/buf.h"

struct df_delta {
    const uint8_t *at, *end; /* behind the current miniblock */
    uint64_t left;           /* values that were not taken yet */
    uint64_t value;          /* the last one; before the first: it */
    bool first;              /* the first value is still to be given */
    uint64_t miniblock_values;
    uint64_t miniblocks;      /* per block */
    uint64_t miniblocks_left; /* of the current block */
    uint64_t least;           /* difference of the current block */
    const uint8_t *widths;    /* of the miniblocks that are left */
    const uint8_t *packed;    /* the current miniblock */
    uint64_t packed_bytes;
    uint64_t packed_left; /* values of it that were not taken yet */
    uint64_t bit;         /* where the next one begins */
    uint32_t width;
};

/* False when the header is broken or says that there are more values than values_max: a block without bits holds any
 * number of them. */
bool df_delta_init(struct df_delta *delta, struct df_slice bytes, uint64_t values_max);
/* The next n values; false when there are fewer, or their bytes end. */
bool df_delta_take(struct df_delta *delta, int64_t *out, size_t n);

/* Appends n numbers of width_bytes bytes each (4 or 8), little-endian, as they lie in PLAIN; a failure sticks in
 * `out`. */
void df_delta_put(struct df_buf *out, const uint8_t *plain, size_t n, size_t width_bytes);

/* The same numbers as of a 32-bit column: wrapped there, and widened with their sign or with zeros. */
void df_delta_wrap_int32s(int64_t *values, size_t n);
void df_delta_wrap_uint32s(int64_t *values, size_t n);

#endif
