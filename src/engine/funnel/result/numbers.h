/* Numbers that merge: exact sums, counts by bucket for quantiles, registers for distinct counts. Private to this
 * folder. */
#ifndef DF_ENGINE_FUNNEL_RESULT_NUMBERS_H
#define DF_ENGINE_FUNNEL_RESULT_NUMBERS_H

#include <math.h>

#include "base/sum.h"
#include "engine/funnel/evaluate/account.h"
#include "format/type.h"

/* ---- amount.c: exact sums and means ---- */

/* An integer of 192 bits: high * 2^64 + low, high signed. Each part takes 2^64 additions before it runs over. */
struct df_funnel_total {
    unsigned __int128 low, high;
};
static inline void df_funnel_total_add(struct df_funnel_total *total, __int128 value)
{
    total->low += (uint64_t)value;
    total->high += (unsigned __int128)(value >> 64);
}
void df_funnel_total_merge(struct df_funnel_total *to, const struct df_funnel_total *from);
struct df_funnel_total df_funnel_total_canonical(struct df_funnel_total total); /* low below 2^64 */
int df_funnel_total_compare(struct df_funnel_total a, struct df_funnel_total b);
/* total / 10^scale, with all digits. */
void df_funnel_total_put_text(struct df_funnel_total total, unsigned scale, struct df_buf *out);
/* total / (count * 10^scale), rounded once to double. count > 0. */
double df_funnel_total_mean(struct df_funnel_total total, uint64_t count, unsigned scale);

struct df_funnel_amount {
    uint64_t count;               /* of terms */
    struct df_funnel_total whole; /* of integers and decimals */
    struct df_sum real;           /* of floats */
};
void df_funnel_amount_merge(struct df_funnel_amount *to, const struct df_funnel_amount *from);
double df_funnel_amount_mean(const struct df_funnel_amount *amount, const struct df_type *type); /* NaN of nothing */
void df_funnel_amount_put(const struct df_funnel_amount *amount, struct df_buf *out);
bool df_funnel_amount_take(struct df_funnel_amount *amount, struct df_cursor *from);

/* ---- sketch.c: quantiles ---- */

/* Counts of values by bucket. A bucket is a sign, a binary exponent and the 7 bits behind the leading one, and stands
 * for its edge nearest to zero: off by less than 1/128 (0.8 %), and exact for whole numbers below 256. Integers only:
 * the same answer on every machine and in any order. Keys: 0 is zero, negative values have negative keys, keys order as
 * values. */
struct df_funnel_bucket {
    int32_t key;
    bool used;
    uint64_t count;
};
struct df_funnel_sketch {
    struct df_funnel_bucket *buckets; /* open addressing */
    size_t capacity, used;            /* capacity: a power of two, or 0 */
    uint64_t count;
};
void df_funnel_sketch_dispose(struct df_funnel_sketch *sketch, struct df_funnel_account *account);
int32_t df_funnel_sketch_key_of_integer(__int128 value);
int32_t df_funnel_sketch_key_of_real(double value); /* not NaN */
bool df_funnel_sketch_key_is_valid(int64_t key);
__int128 df_funnel_sketch_integer(int32_t key); /* of keys made of integers */
double df_funnel_sketch_real(int32_t key);
/* False when memory is short. count may be 0: that makes room for the key. */
bool df_funnel_sketch_add(struct df_funnel_sketch *sketch, struct df_funnel_account *account, int32_t key,
                          uint64_t count);
bool df_funnel_sketch_merge(struct df_funnel_sketch *to, struct df_funnel_account *account,
                            const struct df_funnel_sketch *from);
bool df_funnel_sketch_reserve(struct df_funnel_sketch *to, struct df_funnel_account *account,
                              const struct df_funnel_sketch *from); /* then merge cannot fail */
enum { DF_FUNNEL_QUANTILES = 5 };
extern const unsigned df_funnel_percents[DF_FUNNEL_QUANTILES]; /* 25 50 75 90 99 */
/* The keys at those percents, by nearest rank; false when memory is short. The sketch is not empty. */
bool df_funnel_sketch_quantiles(const struct df_funnel_sketch *sketch, int32_t keys[DF_FUNNEL_QUANTILES]);
void df_funnel_sketch_put(const struct df_funnel_sketch *sketch, struct df_buf *out);
/* 1; 0: memory; -1: these bytes are no sketch. */
int df_funnel_sketch_take(struct df_funnel_sketch *sketch, struct df_funnel_account *account, struct df_cursor *from);

/* ---- hll.c: distinct counts of approximate answers ---- */

/* HyperLogLog, 2^14 registers: a standard error of 1.04 / 128 = 0.81 %; the error that an answer states is three of
 * them. */
enum { DF_FUNNEL_HLL_REGISTERS = 1 << 14 };
static inline void df_funnel_hll_add(uint8_t *registers, uint64_t hash)
{
    unsigned rank = (unsigned)__builtin_clzll((hash << 14) | (UINT64_C(1) << 13)) + 1;
    uint8_t *place = &registers[hash >> 50];
    if (rank > *place)
        *place = (uint8_t)rank;
}
void df_funnel_hll_merge(uint8_t *to, const uint8_t *from);
uint64_t df_funnel_hll_count(const uint8_t *registers);
uint64_t df_funnel_hll_error(uint64_t count); /* the largest that is stated, rounded up */
void df_funnel_hll_put(const uint8_t *registers, struct df_buf *out);
bool df_funnel_hll_take(uint8_t *registers, struct df_cursor *from);

#endif
