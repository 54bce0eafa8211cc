#include "format/parquet/bit_packed.h"

#include <assert.h>

void df_bit_packed_init(struct df_bit_packed *packed, struct df_slice bytes, uint32_t width)
{
    assert(width <= 8);
    *packed = (struct df_bit_packed){.bytes = bytes.data, .bit_end = (uint64_t)bytes.size * 8, .width = width};
}

bool df_bit_packed_take(struct df_bit_packed *packed, uint8_t *out, size_t n)
{
    if (packed->width && n > (packed->bit_end - packed->bit) / packed->width)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint32_t value = 0;
        for (uint32_t bits = 0; bits < packed->width; bits++, packed->bit++)
            value = value << 1 | (uint32_t)(packed->bytes[packed->bit >> 3] >> (7 - (packed->bit & 7)) & 1);
        out[i] = (uint8_t)value;
    }
    return true;
}
