#include "format/parquet/crc32.h"

#include <libdeflate.h>

uint32_t df_crc32(struct df_slice bytes)
{
    /* Of libdeflate, as it folds by carry-less multiplication where the processor can; it takes no NULL but for
     * "begin".
     */
    return bytes.size ? libdeflate_crc32(0, bytes.data, bytes.size) : 0;
}

uint32_t df_crc32_bitwise(struct df_slice bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ UINT32_C(0xEDB88320) : crc >> 1;
    }
    return ~crc;
}
