/* Loads and stores of little-endian numbers at any address. The caller has checked the bounds. */
#ifndef DF_BASE_BYTES_H
#define DF_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Dayfly is built for little-endian machines (amd64, arm64)"
#endif

static inline uint16_t df_load_u16le(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t df_load_u32le(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t df_load_u64le(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline int64_t df_load_i64le(const uint8_t *p)
{
    int64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline double df_load_f64le(const uint8_t *p)
{
    double v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void df_store_u32le(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void df_store_u64le(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

#endif
