#include "format/parquet/plain.h"

#include "base/bytes.h"

void df_plain_bools(const uint8_t *from, size_t first_bit, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = from[(first_bit + i) >> 3] >> ((first_bit + i) & 7) & 1;
}

void df_plain_int32s(const uint8_t *from, int64_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (int32_t)df_load_u32le(from + 4 * i);
}

void df_plain_uint32s(const uint8_t *from, int64_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = df_load_u32le(from + 4 * i);
}

void df_plain_int64s(const uint8_t *from, int64_t *out, size_t n)
{
    if (n)
        memcpy(out, from, n * sizeof *out);
}

void df_plain_doubles(const uint8_t *from, double *out, size_t n)
{
    if (n)
        memcpy(out, from, n * sizeof *out);
}

bool df_plain_bytes(const uint8_t **at, const uint8_t *end, struct df_slice *out, size_t n)
{
    const uint8_t *from = *at;
    for (size_t i = 0; i < n; i++) {
        size_t left = (size_t)(end - from);
        if (left < 4)
            return false;
        uint32_t size = df_load_u32le(from);
        if (size > left - 4)
            return false;
        out[i] = df_slice_make(from + 4, size);
        from += 4 + size;
    }
    *at = from;
    return true;
}
