/* Quantiles from counts per bucket. See tables.h for what a bucket is.
 *
 *     key of a positive value   (exponent + 1074) * 128 + the 7 bits behind the leading one + 1     exponent:
 * -1074…1024 value of a key            (128 + 7 bits) * 2^(exponent - 7)                                    1024:
 * infinity */
#include <stdlib.h>

#include "base/hash.h"
#include "base/size.h"
#include "engine/funnel/result/numbers.h"

enum {
    MANTISSA_BITS = 7,
    MANTISSA_COUNT = 1 << MANTISSA_BITS,
    EXPONENT_OFFSET = 1074,
    KEY_MAX = (1024 + EXPONENT_OFFSET + 1) * MANTISSA_COUNT,
    CAPACITY_MIN = 16,
};

const unsigned df_funnel_percents[DF_FUNNEL_QUANTILES] = {25, 50, 75, 90, 99};

static int32_t make_key(bool negative, int exponent, unsigned mantissa)
{
    int32_t key = (exponent + EXPONENT_OFFSET) * MANTISSA_COUNT + (int32_t)mantissa + 1;
    return negative ? -key : key;
}

/* The 7 bits behind the leading one of a number of `bits` bits. */
static unsigned mantissa_of(unsigned __int128 magnitude, unsigned bits)
{
    if (bits > MANTISSA_BITS + 1)
        magnitude >>= bits - MANTISSA_BITS - 1;
    else
        magnitude <<= MANTISSA_BITS + 1 - bits;
    return (unsigned)magnitude & (MANTISSA_COUNT - 1);
}

static unsigned bits_of(unsigned __int128 magnitude)
{
    uint64_t high = (uint64_t)(magnitude >> 64), low = (uint64_t)magnitude;
    return high ? 128 - (unsigned)__builtin_clzll(high) : 64 - (unsigned)__builtin_clzll(low);
}

int32_t df_funnel_sketch_key_of_integer(__int128 value)
{
    if (value == 0)
        return 0;
    unsigned __int128 magnitude = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    unsigned bits = bits_of(magnitude);
    return make_key(value < 0, (int)bits - 1, mantissa_of(magnitude, bits));
}

int32_t df_funnel_sketch_key_of_real(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7ff);
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (exponent > 0) /* infinity becomes 1024, mantissa 0 */
        return make_key(bits >> 63, exponent - 1023, (unsigned)(mantissa >> (52 - MANTISSA_BITS)));
    if (mantissa == 0)
        return 0;
    unsigned size = bits_of(mantissa); /* subnormal: units of 2^-1074 */
    return make_key(bits >> 63, (int)size - 1 - EXPONENT_OFFSET, mantissa_of(mantissa, size));
}

bool df_funnel_sketch_key_is_valid(int64_t key)
{
    return key >= -KEY_MAX && key <= KEY_MAX;
}

static void split_key(int32_t key, int *exponent, unsigned *mantissa)
{
    int32_t magnitude = (key < 0 ? -key : key) - 1;
    *exponent = magnitude / MANTISSA_COUNT - EXPONENT_OFFSET;
    *mantissa = (unsigned)(magnitude % MANTISSA_COUNT) + MANTISSA_COUNT;
}

__int128 df_funnel_sketch_integer(int32_t key)
{
    int exponent;
    unsigned mantissa;
    if (key == 0)
        return 0;
    split_key(key, &exponent, &mantissa);
    if (exponent < 0 || exponent > 127) /* no integer has such a key: damaged bytes do */
        return 0;
    unsigned __int128 magnitude = exponent >= MANTISSA_BITS
                                      ? (unsigned __int128)mantissa << (exponent - MANTISSA_BITS)
                                      : (unsigned __int128)(mantissa >> (MANTISSA_BITS - exponent));
    return key < 0 ? (__int128)-magnitude : (__int128)magnitude;
}

double df_funnel_sketch_real(int32_t key)
{
    int exponent;
    unsigned mantissa;
    if (key == 0)
        return 0;
    split_key(key, &exponent, &mantissa);
    double value = ldexp((double)mantissa, exponent - MANTISSA_BITS);
    return key < 0 ? -value : value;
}

/* ---- the table of buckets ---- */

void df_funnel_sketch_dispose(struct df_funnel_sketch *sketch, struct df_funnel_account *account)
{
    df_funnel_account_free(account, sketch->buckets, sketch->capacity * sizeof *sketch->buckets);
    *sketch = (struct df_funnel_sketch){0};
}

static struct df_funnel_bucket *find(struct df_funnel_bucket *buckets, size_t capacity, int32_t key)
{
    size_t mask = capacity - 1, at = df_hash_u64((uint32_t)key) & mask;
    while (buckets[at].used && buckets[at].key != key)
        at = (at + 1) & mask;
    return &buckets[at];
}

static bool grow(struct df_funnel_sketch *sketch, struct df_funnel_account *account)
{
    size_t capacity = sketch->capacity ? sketch->capacity * 2 : CAPACITY_MIN;
    struct df_funnel_bucket *buckets = df_funnel_account_alloc(account, capacity * sizeof *buckets);
    if (!buckets)
        return false;
    memset(buckets, 0, capacity * sizeof *buckets);
    for (size_t i = 0; i < sketch->capacity; i++)
        if (sketch->buckets[i].used)
            *find(buckets, capacity, sketch->buckets[i].key) = sketch->buckets[i];
    df_funnel_account_free(account, sketch->buckets, sketch->capacity * sizeof *buckets);
    sketch->buckets = buckets;
    sketch->capacity = capacity;
    return true;
}

bool df_funnel_sketch_add(struct df_funnel_sketch *sketch, struct df_funnel_account *account, int32_t key,
                          uint64_t count)
{
    struct df_funnel_bucket *bucket = sketch->capacity ? find(sketch->buckets, sketch->capacity, key) : NULL;
    if (!bucket || !bucket->used) {
        if (!bucket || (sketch->used + 1) * 3 > sketch->capacity * 2) {
            if (!grow(sketch, account))
                return false;
            bucket = find(sketch->buckets, sketch->capacity, key);
        }
        *bucket = (struct df_funnel_bucket){.key = key, .used = true};
        sketch->used++;
    }
    bucket->count += count;
    sketch->count += count;
    return true;
}

static bool add_all(struct df_funnel_sketch *to, struct df_funnel_account *account, const struct df_funnel_sketch *from,
                    bool counts)
{
    for (size_t i = 0; i < from->capacity; i++)
        if (from->buckets[i].used &&
            !df_funnel_sketch_add(to, account, from->buckets[i].key, counts ? from->buckets[i].count : 0))
            return false;
    return true;
}

bool df_funnel_sketch_merge(struct df_funnel_sketch *to, struct df_funnel_account *account,
                            const struct df_funnel_sketch *from)
{
    return add_all(to, account, from, true);
}

bool df_funnel_sketch_reserve(struct df_funnel_sketch *to, struct df_funnel_account *account,
                              const struct df_funnel_sketch *from)
{
    return add_all(to, account, from, false);
}

static int compare_buckets(const void *a, const void *b)
{
    const struct df_funnel_bucket *one = a, *other = b;
    return (one->key > other->key) - (one->key < other->key);
}

/* The used buckets in the order of their values; to be freed. */
static struct df_funnel_bucket *sorted(const struct df_funnel_sketch *sketch)
{
    struct df_funnel_bucket *buckets = calloc(sketch->used ? sketch->used : 1, sizeof *buckets);
    size_t n = 0;
    for (size_t i = 0; buckets && i < sketch->capacity; i++)
        if (sketch->buckets[i].used)
            buckets[n++] = sketch->buckets[i];
    if (buckets)
        qsort(buckets, n, sizeof *buckets, compare_buckets);
    return buckets;
}

bool df_funnel_sketch_quantiles(const struct df_funnel_sketch *sketch, int32_t keys[DF_FUNNEL_QUANTILES])
{
    struct df_funnel_bucket *buckets = sorted(sketch);
    if (!buckets)
        return false;
    unsigned __int128 seen = 0;
    size_t at = 0;
    for (size_t i = 0; i < DF_FUNNEL_QUANTILES; i++) {
        unsigned __int128 rank = ((unsigned __int128)sketch->count * df_funnel_percents[i] + 99) / 100;
        while (at + 1 < sketch->used && seen + buckets[at].count < rank)
            seen += buckets[at++].count;
        keys[i] = sketch->used ? buckets[at].key : 0;
    }
    free(buckets);
    return true;
}

/* ---- bytes: number of buckets, then (key, zigzag, as the distance to the one before; count) ---- */

void df_funnel_sketch_put(const struct df_funnel_sketch *sketch, struct df_buf *out)
{
    struct df_funnel_bucket *buckets = sorted(sketch);
    if (!buckets) {
        out->failed = true;
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < sketch->used; i++)
        n += buckets[i].count > 0;
    df_buf_put_varint(out, n);
    int32_t before = -KEY_MAX;
    for (size_t i = 0; i < sketch->used; i++) {
        if (buckets[i].count == 0)
            continue;
        df_buf_put_varint(out, (uint64_t)(buckets[i].key - before));
        df_buf_put_varint(out, buckets[i].count);
        before = buckets[i].key;
    }
    free(buckets);
}

int df_funnel_sketch_take(struct df_funnel_sketch *sketch, struct df_funnel_account *account, struct df_cursor *from)
{
    uint64_t n, distance, count, sum = sketch->count;
    if (!df_cursor_take_varint(from, &n) || n > 2 * (uint64_t)KEY_MAX + 1)
        return -1;
    int64_t key = -KEY_MAX;
    for (uint64_t i = 0; i < n; i++) {
        if (!df_cursor_take_varint(from, &distance) || !df_cursor_take_varint(from, &count) || count == 0 ||
            distance > 2 * (uint64_t)KEY_MAX || df_u64_add(&sum, sum, count) < 0)
            return -1;
        key += (int64_t)distance;
        if (!df_funnel_sketch_key_is_valid(key))
            return -1;
        if (!df_funnel_sketch_add(sketch, account, (int32_t)key, count))
            return 0;
    }
    return 1;
}
