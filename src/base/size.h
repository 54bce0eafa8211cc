/* Arithmetic on sizes that come from a file or the network: 0 when the result fits, -1 when it does not.
 * On -1 *out is left alone. The caller knows what the size was and writes the message. */
#ifndef DF_BASE_SIZE_H
#define DF_BASE_SIZE_H

#include <stddef.h>
#include <stdint.h>

static inline int df_size_add(size_t *out, size_t a, size_t b)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return -1;
    *out = sum;
    return 0;
}

static inline int df_size_mul(size_t *out, size_t a, size_t b)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return -1;
    *out = product;
    return 0;
}

static inline int df_u64_add(uint64_t *out, uint64_t a, uint64_t b)
{
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return -1;
    *out = sum;
    return 0;
}

static inline int df_u64_mul(uint64_t *out, uint64_t a, uint64_t b)
{
    uint64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return -1;
    *out = product;
    return 0;
}

#endif
