/* PLAIN: values one after the other. Small functions over plain arrays; the caller has checked that the bytes suffice,
 * except for byte arrays, whose lengths stand between them.
 *
 *   BOOLEAN     one bit each, from the lowest on      INT32, INT64, DOUBLE  4, 8, 8 bytes, little-endian
 *   BYTE_ARRAY  u32 length, then the bytes */
#ifndef DF_FORMAT_PARQUET_PLAIN_H
#define DF_FORMAT_PARQUET_PLAIN_H

#include "base/slice.h"

void df_plain_bools(const uint8_t *from, size_t first_bit, uint8_t *out, size_t n);
void df_plain_int32s(const uint8_t *from, int64_t *out, size_t n);  /* widened with sign */
void df_plain_uint32s(const uint8_t *from, int64_t *out, size_t n); /* widened with zeros */
void df_plain_int64s(const uint8_t *from, int64_t *out, size_t n);
void df_plain_doubles(const uint8_t *from, double *out, size_t n);

/* The next n byte arrays of [*at, end), as slices of it; false when a length runs beyond the end. */
bool df_plain_bytes(const uint8_t **at, const uint8_t *end, struct df_slice *out, size_t n);

#endif
