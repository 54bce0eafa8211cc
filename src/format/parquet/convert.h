/* From the bytes of values to elements of vectors: widening, half floats, INT96, decimals, fixed lengths.
 *
 * Small functions over plain arrays; the caller has checked that the bytes suffice. */
#ifndef DF_FORMAT_PARQUET_CONVERT_H
#define DF_FORMAT_PARQUET_CONVERT_H

#include "format/parquet/logical.h"

void df_convert_floats(const uint8_t *from, double *out, size_t n);
void df_convert_halves(const uint8_t *from, double *out, size_t n);
void df_convert_fixed(const uint8_t *from, size_t width, struct df_slice *out, size_t n);
/* False when a time is outside of what 64 bits of nanoseconds since 1970 hold (1677-09-21 to 2262-04-11). */
bool df_convert_int96s(const uint8_t *from, int64_t *out, size_t n);
/* Two's complement, big-endian, of any length; false when a value has more bits than the element. */
bool df_convert_decimal64s(const uint8_t *from, size_t width, int64_t *out, size_t n);
bool df_convert_decimal128s(const uint8_t *from, size_t width, __int128 *out, size_t n);
bool df_convert_decimal64_slices(const struct df_slice *from, int64_t *out, size_t n);
bool df_convert_decimal128_slices(const struct df_slice *from, __int128 *out, size_t n);

/* n values of leaf->width_bytes bytes each (not booleans, not byte arrays) to elements of the leaf's kind. NULL, or
 * what is wrong; *kind is then corrupt or unsupported. */
const char *df_convert_plain(const struct df_parquet_leaf *leaf, const uint8_t *from, void *to, size_t n,
                             enum df_error_kind *kind);
/* The same of byte arrays that are decimals. */
const char *df_convert_slices(const struct df_parquet_leaf *leaf, const struct df_slice *from, void *to, size_t n,
                              enum df_error_kind *kind);

/* Bytes of an element of a vector of this kind. */
size_t df_vector_element_bytes(enum df_vector_kind kind);

#endif
