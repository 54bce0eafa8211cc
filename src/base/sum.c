#include "base/sum.h"

#include <math.h>
#include <stdlib.h>

#include "base/bytes.h"

/* The exact accumulator: one integer in two's complement whose bit 0 is worth 2^-1074 (the least subnormal), least limb
 * first. A double reaches up to bit 2097, 2^64 of them up to 2162, as many merged sums further; 2304 bits leave 142 for
 * that, so the top never overflows.
 *
 *   limb   0            1                      16                           35
 *        [2^-1074 … ][2^-1010 …) …       [2^-50 … 2^13) …           [sign and margin]
 */
enum {
    LIMB_BITS = 64,
    LIMB_COUNT = 36,
    LEAST_EXPONENT = -1074,
    MANTISSA_BITS = 53,
    /* What df_sum_take accepts, 2176 bits: no honest sum needs more, and 2^64 such sums may still be merged. */
    TAKEN_LIMBS = 34,
};

struct df_sum_exact {
    uint64_t limbs[LIMB_COUNT];
};

/* ---- the accumulator ---- */

/* limbs += low + high * 2^64, from limb `at` on; high has less than 64 bits, so its carry cannot run over. */
static void exact_add_at(struct df_sum_exact *exact, size_t at, uint64_t low, uint64_t high)
{
    high += __builtin_add_overflow(exact->limbs[at], low, &exact->limbs[at]);
    bool carry = __builtin_add_overflow(exact->limbs[at + 1], high, &exact->limbs[at + 1]);
    for (size_t i = at + 2; carry && i < LIMB_COUNT; i++)
        carry = ++exact->limbs[i] == 0;
}

static void exact_subtract_at(struct df_sum_exact *exact, size_t at, uint64_t low, uint64_t high)
{
    high += __builtin_sub_overflow(exact->limbs[at], low, &exact->limbs[at]);
    bool borrow = __builtin_sub_overflow(exact->limbs[at + 1], high, &exact->limbs[at + 1]);
    for (size_t i = at + 2; borrow && i < LIMB_COUNT; i++)
        borrow = exact->limbs[i]-- == 0;
}

/* value is finite. */
static void exact_add(struct df_sum_exact *exact, double value)
{
    if (value == 0)
        return;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    unsigned biased = bits >> 52 & 0x7ff;
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (biased > 0)
        mantissa |= UINT64_C(1) << 52;
    unsigned position = biased > 0 ? biased - 1 : 0; /* of the mantissa's lowest bit */
    unsigned shift = position % LIMB_BITS;
    uint64_t low = mantissa << shift;
    uint64_t high = shift ? mantissa >> (LIMB_BITS - shift) : 0;
    if (bits >> 63)
        exact_subtract_at(exact, position / LIMB_BITS, low, high);
    else
        exact_add_at(exact, position / LIMB_BITS, low, high);
}

static void exact_merge(struct df_sum_exact *to, const struct df_sum_exact *from)
{
    bool carry = false;
    for (size_t i = 0; i < LIMB_COUNT; i++) {
        uint64_t limb;
        bool first = __builtin_add_overflow(from->limbs[i], (uint64_t)carry, &limb);
        carry = __builtin_add_overflow(to->limbs[i], limb, &to->limbs[i]) || first;
    }
}

static bool exact_is_negative(const struct df_sum_exact *exact)
{
    return exact->limbs[LIMB_COUNT - 1] >> 63;
}

static void exact_negate(struct df_sum_exact *exact)
{
    bool carry = true;
    for (size_t i = 0; i < LIMB_COUNT; i++) {
        exact->limbs[i] = ~exact->limbs[i] + carry;
        carry = carry && exact->limbs[i] == 0;
    }
}

/* 64 bits from bit `position` on (which may be anywhere). */
static uint64_t exact_bits(const struct df_sum_exact *exact, size_t position)
{
    size_t limb = position / LIMB_BITS, shift = position % LIMB_BITS;
    uint64_t bits = exact->limbs[limb] >> shift;
    if (shift && limb + 1 < LIMB_COUNT)
        bits |= exact->limbs[limb + 1] << (LIMB_BITS - shift);
    return bits;
}

/* Whether a bit below `position` is set. */
static bool exact_any_below(const struct df_sum_exact *exact, size_t position)
{
    for (size_t i = 0; i < position / LIMB_BITS; i++)
        if (exact->limbs[i])
            return true;
    size_t rest = position % LIMB_BITS;
    return rest && (exact->limbs[position / LIMB_BITS] & ((UINT64_C(1) << rest) - 1));
}

/* Rounds a magnitude: to nearest, ties to even, once. */
static double magnitude_round(const struct df_sum_exact *exact)
{
    size_t limb = LIMB_COUNT;
    while (limb > 0 && exact->limbs[limb - 1] == 0)
        limb--;
    if (limb == 0)
        return 0.0;
    size_t size = limb * LIMB_BITS - (size_t)__builtin_clzll(exact->limbs[limb - 1]);
    if (size <= MANTISSA_BITS) /* subnormal or just above: no bit is lost */
        return ldexp((double)exact->limbs[0], LEAST_EXPONENT);
    size_t position = size - MANTISSA_BITS; /* of the mantissa's lowest bit */
    uint64_t mantissa = exact_bits(exact, position) & ((UINT64_C(1) << MANTISSA_BITS) - 1);
    bool half = exact_bits(exact, position - 1) & 1;
    if (half && ((mantissa & 1) || exact_any_below(exact, position - 1)))
        mantissa++;                                                 /* to 2^53 at most, which is a double too */
    return ldexp((double)mantissa, (int)position + LEAST_EXPONENT); /* infinite when beyond the range */
}

static double exact_value(const struct df_sum_exact *exact)
{
    if (!exact_is_negative(exact))
        return magnitude_round(exact);
    struct df_sum_exact magnitude = *exact;
    exact_negate(&magnitude);
    return -magnitude_round(&magnitude);
}

/* ---- the sum ---- */

/* Moves the pair into the accumulator; false when there is no memory for one. */
static bool use_exact(struct df_sum *sum)
{
    if (sum->exact)
        return true;
    if (sum->failed)
        return false;
    sum->exact = calloc(1, sizeof *sum->exact);
    if (!sum->exact) {
        sum->failed = true;
        return false;
    }
    exact_add(sum->exact, sum->high);
    exact_add(sum->exact, sum->low);
    sum->high = sum->low = 0;
    return true;
}

static bool take_infinity(struct df_sum *sum, double value)
{
    if (isfinite(value))
        return false;
    if (isinf(value) && value > 0)
        sum->plus_infinity_count++;
    else if (isinf(value))
        sum->minus_infinity_count++;
    return true; /* NaN is skipped, as null */
}

void df_sum_add_exact(struct df_sum *sum, double value)
{
    if (!take_infinity(sum, value) && use_exact(sum))
        exact_add(sum->exact, value);
}

void df_sum_merge(struct df_sum *to, const struct df_sum *from)
{
    struct df_sum other = *from; /* `from` may be `to` */
    to->plus_infinity_count += other.plus_infinity_count;
    to->minus_infinity_count += other.minus_infinity_count;
    to->failed = to->failed || other.failed;
    if (other.exact) {
        if (use_exact(to))
            exact_merge(to->exact, other.exact);
        return;
    }
    df_sum_add(to, other.high);
    df_sum_add(to, other.low);
}

double df_sum_value(const struct df_sum *sum)
{
    if (sum->failed || (sum->plus_infinity_count && sum->minus_infinity_count))
        return NAN;
    if (sum->plus_infinity_count)
        return INFINITY;
    if (sum->minus_infinity_count)
        return -INFINITY;
    double value = sum->exact ? exact_value(sum->exact) : sum->high + sum->low;
    return value == 0 ? 0.0 : value; /* never -0.0 */
}

void df_sum_dispose(struct df_sum *sum)
{
    free(sum->exact);
    *sum = (struct df_sum){0};
}

/* ---- bytes ----
 *
 *   flags u8 | [count of +inf, varint] | [count of -inf, varint] | high f64 | [low f64]        without accumulator
 *                                                                | first u8, count u8, count limbs u64   with one
 *
 * Of an accumulator only the limbs between the lowest that is not 0 and the sign's repetition are written. */
enum {
    FLAG_PLUS = 1,
    FLAG_MINUS = 2,
    FLAG_LOW = 4,
    FLAG_EXACT = 8,
    FLAG_FAILED = 16,
    FLAGS_ALL = 31,
};

static void put_double(struct df_buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    df_buf_put_u64le(out, bits);
}

static void put_exact(const struct df_sum_exact *exact, struct df_buf *out)
{
    uint64_t sign = exact_is_negative(exact) ? UINT64_MAX : 0;
    size_t first = 0, end = LIMB_COUNT;
    while (first < LIMB_COUNT && exact->limbs[first] == 0)
        first++;
    /* The uppermost written limb must show the sign. */
    while (end > first + 1 && exact->limbs[end - 1] == sign && exact->limbs[end - 2] >> 63 == sign >> 63)
        end--;
    df_buf_put_u8(out, (uint8_t)first);
    df_buf_put_u8(out, (uint8_t)(end - first));
    for (size_t i = first; i < end; i++)
        df_buf_put_u64le(out, exact->limbs[i]);
}

void df_sum_put(const struct df_sum *sum, struct df_buf *out)
{
    unsigned flags = (sum->plus_infinity_count ? FLAG_PLUS : 0) | (sum->minus_infinity_count ? FLAG_MINUS : 0) |
                     (sum->exact ? FLAG_EXACT : 0) | (!sum->exact && sum->low != 0 ? FLAG_LOW : 0) |
                     (sum->failed ? FLAG_FAILED : 0);
    df_buf_put_u8(out, (uint8_t)flags);
    if (flags & FLAG_PLUS)
        df_buf_put_varint(out, sum->plus_infinity_count);
    if (flags & FLAG_MINUS)
        df_buf_put_varint(out, sum->minus_infinity_count);
    if (sum->exact) {
        put_exact(sum->exact, out);
        return;
    }
    put_double(out, sum->high);
    if (flags & FLAG_LOW)
        put_double(out, sum->low);
}

static bool take_double(struct df_cursor *from, double *out)
{
    uint64_t bits;
    if (!df_cursor_take_u64le(from, &bits))
        return false;
    memcpy(out, &bits, sizeof bits);
    return isfinite(*out);
}

static bool take_exact(struct df_sum *sum, struct df_cursor *from)
{
    uint8_t first, count;
    struct df_slice bytes;
    if (!df_cursor_take_u8(from, &first) || !df_cursor_take_u8(from, &count))
        return false;
    /* An exact zero has no limb that is not 0: first is LIMB_COUNT, count 0. */
    bool is_zero = first == LIMB_COUNT && count == 0;
    if (!is_zero && (count == 0 || (size_t)first + count > TAKEN_LIMBS))
        return false;
    if (!df_cursor_take_bytes(from, (size_t)count * sizeof(uint64_t), &bytes))
        return false;
    if (!use_exact(sum) || is_zero)
        return true; /* short memory shows as `failed` */
    for (size_t i = 0; i < count; i++)
        sum->exact->limbs[first + i] = df_load_u64le(bytes.data + i * sizeof(uint64_t));
    uint64_t sign = sum->exact->limbs[first + count - 1] >> 63 ? UINT64_MAX : 0;
    for (size_t i = (size_t)first + count; i < LIMB_COUNT; i++)
        sum->exact->limbs[i] = sign;
    return true;
}

static bool take_all(struct df_sum *sum, struct df_cursor *from)
{
    uint8_t flags;
    if (!df_cursor_take_u8(from, &flags) || flags > FLAGS_ALL || (flags & FLAG_LOW && flags & FLAG_EXACT))
        return false;
    if (flags & FLAG_PLUS && !df_cursor_take_varint(from, &sum->plus_infinity_count))
        return false;
    if (flags & FLAG_MINUS && !df_cursor_take_varint(from, &sum->minus_infinity_count))
        return false;
    if (flags & FLAG_EXACT) {
        if (!take_exact(sum, from))
            return false;
    } else if (!take_double(from, &sum->high) || (flags & FLAG_LOW && !take_double(from, &sum->low))) {
        return false;
    }
    sum->failed = sum->failed || flags & FLAG_FAILED;
    return true;
}

bool df_sum_take(struct df_sum *sum, struct df_cursor *from)
{
    *sum = (struct df_sum){0};
    if (take_all(sum, from))
        return true;
    df_sum_dispose(sum);
    from->failed = true;
    return false;
}

/* ---- integers ---- */

void df_int128_put_text(__int128 value, struct df_buf *out)
{
    char text[40]; /* 39 digits and a sign */
    size_t at = sizeof text;
    unsigned __int128 magnitude = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    do {
        text[--at] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
    } while (magnitude);
    if (value < 0)
        text[--at] = '-';
    df_buf_put(out, text + at, sizeof text - at);
}
