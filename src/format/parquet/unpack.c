#include "format/parquet/unpack.h"

#include "base/bytes.h"

/* As long as eight bytes can be loaded: a value with its shift has at most 39 bits. */
static size_t with_whole_loads(uint64_t bytes, uint64_t bit, uint32_t width, size_t n)
{
    uint64_t end = bytes >= 8 ? (bytes - 8) * 8 + 8 : 0; /* the first bit that is too late for a load */
    if (width == 0 || bit >= end)
        return 0;
    uint64_t fit = (end - bit + width - 1) / width;
    return fit < n ? (size_t)fit : n;
}

uint32_t df_unpack_scalar(const uint8_t *from, uint64_t bytes, uint64_t bit, uint32_t width, uint32_t *out, size_t n)
{
    const uint32_t mask = width == 32 ? UINT32_MAX : (UINT32_C(1) << width) - 1;
    size_t i = 0, fast = with_whole_loads(bytes, bit, width, n);
    for (; i < fast; i++, bit += width)
        out[i] = (uint32_t)(df_load_u64le(from + (bit >> 3)) >> (bit & 7)) & mask;
    for (; i < n; i++, bit += width) {
        uint8_t last[8] = {0};
        uint64_t byte = bit >> 3;
        if (byte < bytes)
            memcpy(last, from + byte, bytes - byte < 8 ? (size_t)(bytes - byte) : 8);
        out[i] = (uint32_t)(df_load_u64le(last) >> (bit & 7)) & mask;
    }
    uint32_t greatest = 0;
    for (i = 0; i < n; i++)
        greatest = out[i] > greatest ? out[i] : greatest;
    return greatest;
}
