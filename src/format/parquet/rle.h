/* The RLE / bit-packed hybrid: definition levels and dictionary codes.
 *
 *   run: varint header, then
 *     header even: one value, repeated header / 2 times, in ceil(width / 8) bytes, little-endian
 *     header odd:  (header / 2) groups of 8 values, packed from the lowest bit on, width bits each
 *
 * The reader decodes as many values as it is asked for, run by run, over a slice that the caller keeps. */
#ifndef DF_FORMAT_PARQUET_RLE_H
#define DF_FORMAT_PARQUET_RLE_H

#include "base/buf.h"
#include "format/parquet/unpack.h"

struct df_rle {
    const uint8_t *at, *end; /* behind the current run's header (repeated: behind its value) */
    uint32_t width;          /* bits per value, 0..32 */
    bool packed;
    uint32_t value;        /* of a repeated run */
    uint64_t left;         /* values of the current run */
    uint64_t bit;          /* of a packed run: where its next value begins, from `at` */
    uint64_t packed_bytes; /* of a packed run, from `at` */
    df_unpack_fn *unpack;  /* the best one; another may be set after init */
};

void df_rle_init(struct df_rle *rle, struct df_slice bytes, uint32_t width);

/* The next n values; false when the bytes hold fewer or a value has more bits than `width`. */
bool df_rle_take(struct df_rle *rle, uint32_t *out, size_t n);
/* The same; *greatest is the greatest of them, 0 of none. */
bool df_rle_take_greatest(struct df_rle *rle, uint32_t *out, size_t n, uint32_t *greatest);

/* The same for width 1, one byte per value, as levels are wanted; *ones counts those that are 1. */
bool df_rle_take_bits(struct df_rle *rle, uint8_t *out, size_t n, size_t *ones);

/* True, and n values are consumed, when the current run repeats `value` for all of them: a page without nulls costs
 * nothing. */
bool df_rle_take_repeated(struct df_rle *rle, uint32_t value, size_t n);

/* Appends n values; each is below 2^width. */
void df_rle_put(struct df_buf *out, const uint32_t *values, size_t n, uint32_t width);

/* Bits that values up to `maximum` need. */
uint32_t df_rle_width(uint32_t maximum);

#endif
