/* Packed numbers of up to 32 bits, lowest bit first, to an array: dictionary codes, in the runs of rle.h.
 *
 *   from      |.....aaa|aabbbbbc|…     width 5, bit 5: a, b, c, … from the lowest bit of each byte on
 *
 * n values of `width` bits (0..32) from bit `bit` of `from` on, of which `bytes` bytes are there; where they end, zeros
 * follow. Nothing outside of them is read. Returns the greatest value (0 of none), as codes have to be below the count
 * of a dictionary. All versions do the same. */
#ifndef DF_FORMAT_PARQUET_UNPACK_H
#define DF_FORMAT_PARQUET_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

typedef uint32_t df_unpack_fn(const uint8_t *from, uint64_t bytes, uint64_t bit, uint32_t width, uint32_t *out,
                              size_t n);

df_unpack_fn df_unpack_scalar;
#ifdef DF_CPU_AVX2
df_unpack_fn df_unpack_avx2; /* eight at a time up to 25 bits */
#endif

static inline df_unpack_fn *df_unpack_best(void)
{
#ifdef DF_CPU_AVX2
    if (df_cpu_has_avx2())
        return df_unpack_avx2;
#endif
    return df_unpack_scalar;
}

#endif
