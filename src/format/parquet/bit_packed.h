/* BIT_PACKED, the levels of the oldest writers: numbers of `width` bits, from the highest bit of each byte on, without
 * a header; as many bytes as the number of values needs. */
#ifndef DF_FORMAT_PARQUET_BIT_PACKED_H
#define DF_FORMAT_PARQUET_BIT_PACKED_H

#include "base/slice.h"

struct df_bit_packed {
    const uint8_t *bytes;
    uint64_t bit, bit_end;
    uint32_t width; /* 0..8 */
};

void df_bit_packed_init(struct df_bit_packed *packed, struct df_slice bytes, uint32_t width);
/* The next n values; false when the bytes hold fewer. */
bool df_bit_packed_take(struct df_bit_packed *packed, uint8_t *out, size_t n);

#endif
