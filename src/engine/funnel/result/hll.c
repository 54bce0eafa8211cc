/* HyperLogLog with Ertl's improved raw estimator ("New cardinality estimation algorithms for HyperLogLog sketches",
 * 2017): good over the whole range without tables of corrections, and of operations only that IEEE rounds exactly (no
 * log), so that every machine says the same. */
#include <assert.h>

#include "engine/funnel/result/numbers.h"

enum { HASH_BITS_LEFT = 64 - 14, RANK_MAX = HASH_BITS_LEFT + 1 };

void df_funnel_hll_merge(uint8_t *to, const uint8_t *from)
{
    for (size_t i = 0; i < DF_FUNNEL_HLL_REGISTERS; i++)
        if (from[i] > to[i])
            to[i] = from[i];
}

static double sigma(double x)
{
    if (x == 1)
        return INFINITY;
    double y = 1, z = x, before;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before);
    return z;
}

static double tau(double x)
{
    if (x == 0 || x == 1)
        return 0;
    double y = 1, z = 1 - x, before;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
}

uint64_t df_funnel_hll_count(const uint8_t *registers)
{
    uint32_t ranks[RANK_MAX + 1] = {0};
    double m = DF_FUNNEL_HLL_REGISTERS;
    for (size_t i = 0; i < DF_FUNNEL_HLL_REGISTERS; i++)
        ranks[registers[i] <= RANK_MAX ? registers[i] : RANK_MAX]++;
    if (ranks[0] == DF_FUNNEL_HLL_REGISTERS)
        return 0;
    double z = m * tau(1 - ranks[RANK_MAX] / m);
    for (unsigned rank = HASH_BITS_LEFT; rank >= 1; rank--)
        z = 0.5 * (z + ranks[rank]);
    z += m * sigma(ranks[0] / m);
    double count = 0.72134752044448170 * m * m / z; /* 1 / (2 ln 2) */
    return count >= 0x1p63 ? UINT64_MAX / 2 : (uint64_t)(count + 0.5);
}

uint64_t df_funnel_hll_error(uint64_t count)
{
    /* 3 * 1.04 / 128 = 312 / 12800. Three more, because a few values collide one by one: of 73, three did within some
     * thousand tries. */
    return (uint64_t)(((unsigned __int128)count * 312 + 12799) / 12800) + (count > 0 ? 3 : 0);
}

/* Bytes: runs of registers that are 0, and those between; mostly empty ones take little room. */
void df_funnel_hll_put(const uint8_t *registers, struct df_buf *out)
{
    size_t at = 0;
    while (at < DF_FUNNEL_HLL_REGISTERS) {
        size_t zeros = 0, others = 0;
        while (at + zeros < DF_FUNNEL_HLL_REGISTERS && registers[at + zeros] == 0)
            zeros++;
        while (at + zeros + others < DF_FUNNEL_HLL_REGISTERS && registers[at + zeros + others] != 0)
            others++;
        df_buf_put_varint(out, zeros);
        df_buf_put_varint(out, others);
        df_buf_put(out, registers + at + zeros, others);
        at += zeros + others;
    }
}

bool df_funnel_hll_take(uint8_t *registers, struct df_cursor *from)
{
    size_t at = 0;
    while (at < DF_FUNNEL_HLL_REGISTERS) {
        uint64_t zeros, others;
        struct df_slice run;
        if (!df_cursor_take_varint(from, &zeros) || !df_cursor_take_varint(from, &others) ||
            zeros > DF_FUNNEL_HLL_REGISTERS - at || others > DF_FUNNEL_HLL_REGISTERS - at - zeros ||
            zeros + others == 0 || !df_cursor_take_bytes(from, others, &run))
            return false;
        memset(registers + at, 0, zeros);
        if (others)
            memcpy(registers + at + zeros, run.data, others);
        for (size_t i = at + zeros; i < at + zeros + others; i++)
            if (registers[i] == 0 || registers[i] > RANK_MAX)
                return false;
        at += zeros + others;
    }
    return true;
}
