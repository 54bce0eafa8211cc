/* DELTA_BYTE_ARRAY: each value as the length of the prefix it shares with the one before, and the rest.
 *
 *   lengths of prefixes, DELTA_BINARY_PACKED | rests, DELTA_LENGTH_BYTE_ARRAY
 *
 * As a value may need all those before it, a page is written out whole in the form that PLAIN has: lengths of four
 * bytes before byte arrays (fixed_bytes 0), nothing before values of a fixed length. */
#ifndef DF_FORMAT_PARQUET_DELTA_STRINGS_H
#define DF_FORMAT_PARQUET_DELTA_STRINGS_H

#include "base/slice.h"

/* How long the PLAIN form is; false when the bytes are broken, there are more than values_max values, or it has
 * more than 2^31 - 1 bytes. */
bool df_delta_strings_measure(struct df_slice bytes, uint64_t values_max, uint32_t fixed_bytes, size_t *plain_bytes);
/* Writes it; the bytes have been measured. */
void df_delta_strings_write(struct df_slice bytes, uint32_t fixed_bytes, uint8_t *out);

#endif
