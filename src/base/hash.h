/* The hash by which groups meet: same bytes, same number, in every process and on every machine. xxHash's XXH3, 64 bit.
 * Sections of an exchange use the high bits, tables inside a part the low ones, and a section that is split again the
 * bits between. */
#ifndef DF_BASE_HASH_H
#define DF_BASE_HASH_H

#include "base/slice.h"

uint64_t df_hash_bytes(struct df_slice bytes);

/* A bijection with good avalanche (the finaliser of SplitMix64), for keys of one machine word. */
static inline uint64_t df_hash_u64(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

#endif
