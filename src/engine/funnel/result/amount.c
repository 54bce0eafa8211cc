/* Sums and means without a rounding but the last. */
#include <assert.h>

#include "base/bytes.h"
#include "engine/funnel/result/numbers.h"

/* ---- totals ---- */

void df_funnel_total_merge(struct df_funnel_total *to, const struct df_funnel_total *from)
{
    struct df_funnel_total other = df_funnel_total_canonical(*from);
    to->low += other.low;
    to->high += other.high;
}

struct df_funnel_total df_funnel_total_canonical(struct df_funnel_total total)
{
    return (struct df_funnel_total){.low = (uint64_t)total.low, .high = total.high + (total.low >> 64)};
}

int df_funnel_total_compare(struct df_funnel_total a, struct df_funnel_total b)
{
    a = df_funnel_total_canonical(a);
    b = df_funnel_total_canonical(b);
    if (a.high != b.high)
        return (__int128)a.high < (__int128)b.high ? -1 : 1;
    return (a.low > b.low) - (a.low < b.low);
}

/* ---- numbers of many limbs, least first: just what division and printing need ---- */

enum { LIMBS = 8, LIMB_BITS = 64 };
struct large {
    uint64_t limbs[LIMBS];
};

/* The magnitude: below 2^192. */
static struct large large_of(struct df_funnel_total total, bool *negative)
{
    total = df_funnel_total_canonical(total);
    *negative = total.high >> 127;
    if (*negative) {
        uint64_t low = (uint64_t)(~(uint64_t)total.low + 1);
        total.high = ~total.high + (low == 0);
        total.low = low;
    }
    return (struct large){.limbs = {(uint64_t)total.low, (uint64_t)total.high, (uint64_t)(total.high >> 64)}};
}

static void large_multiply(struct large *number, uint64_t factor)
{
    unsigned __int128 carry = 0;
    for (size_t i = 0; i < LIMBS; i++) {
        carry += (unsigned __int128)number->limbs[i] * factor;
        number->limbs[i] = (uint64_t)carry;
        carry >>= LIMB_BITS;
    }
}

/* Divides; returns the remainder. */
static uint64_t large_divide(struct large *number, uint64_t divisor)
{
    unsigned __int128 rest = 0;
    for (size_t i = LIMBS; i-- > 0;) {
        rest = rest << LIMB_BITS | number->limbs[i];
        number->limbs[i] = (uint64_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint64_t)rest;
}

static unsigned large_bits(const struct large *number)
{
    for (unsigned i = LIMBS; i-- > 0;)
        if (number->limbs[i])
            return i * LIMB_BITS + LIMB_BITS - (unsigned)__builtin_clzll(number->limbs[i]);
    return 0;
}

static struct large large_shift(const struct large *number, unsigned bits)
{
    struct large shifted = {{0}};
    unsigned limbs = bits / LIMB_BITS, rest = bits % LIMB_BITS;
    for (unsigned i = limbs; i < LIMBS; i++) {
        shifted.limbs[i] = number->limbs[i - limbs] << rest;
        if (rest && i > limbs)
            shifted.limbs[i] |= number->limbs[i - limbs - 1] >> (LIMB_BITS - rest);
    }
    return shifted;
}

static int large_compare(const struct large *a, const struct large *b)
{
    for (size_t i = LIMBS; i-- > 0;)
        if (a->limbs[i] != b->limbs[i])
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
    return 0;
}

static void large_subtract(struct large *from, const struct large *number)
{
    bool borrow = false;
    for (size_t i = 0; i < LIMBS; i++) {
        uint64_t limb;
        bool first = __builtin_sub_overflow(from->limbs[i], number->limbs[i], &limb);
        borrow = __builtin_sub_overflow(limb, (uint64_t)borrow, &from->limbs[i]) || first;
    }
}

/* top / bottom rounded once to double, by long division: 56 bits of the quotient, and whether anything is left. */
static double large_quotient(struct large top, struct large bottom)
{
    enum { QUOTIENT_BITS = 56 };
    unsigned top_bits = large_bits(&top), bottom_bits = large_bits(&bottom);
    if (top_bits == 0)
        return 0.0;
    /* Both get the same length: the quotient is in (1/2, 2), and each further bit is one comparison. */
    int exponent = (int)top_bits - (int)bottom_bits;
    if (exponent > 0)
        bottom = large_shift(&bottom, (unsigned)exponent);
    else
        top = large_shift(&top, (unsigned)-exponent);
    uint64_t quotient = 0;
    for (unsigned i = 0; i < QUOTIENT_BITS; i++) {
        quotient <<= 1;
        if (large_compare(&top, &bottom) >= 0) {
            large_subtract(&top, &bottom);
            quotient |= 1;
        }
        top = large_shift(&top, 1);
    }
    quotient = quotient << 1 | (large_bits(&top) > 0);
    return ldexp((double)quotient, exponent - QUOTIENT_BITS); /* one rounding: what is left is a bit that no tie has */
}

static void large_multiply_power(struct large *number, unsigned scale)
{
    for (; scale > 0; scale--)
        large_multiply(number, 10);
}

double df_funnel_total_mean(struct df_funnel_total total, uint64_t count, unsigned scale)
{
    assert(count > 0);
    bool negative;
    struct large top = large_of(total, &negative), bottom = {.limbs = {count}};
    large_multiply_power(&bottom, scale);
    double mean;
    if (large_bits(&top) <= 53 && large_bits(&bottom) <= 53) /* both are doubles: the processor rounds once too */
        mean = (double)top.limbs[0] / (double)bottom.limbs[0];
    else
        mean = large_quotient(top, bottom);
    return negative ? -mean : mean;
}

void df_funnel_total_put_text(struct df_funnel_total total, unsigned scale, struct df_buf *out)
{
    char digits[80]; /* 2^192 has 58, and a scale adds up to 38 zeros */
    size_t at = sizeof digits;
    bool negative;
    struct large rest = large_of(total, &negative);
    unsigned written = 0;
    do {
        if (scale && written == scale)
            digits[--at] = '.';
        digits[--at] = (char)('0' + (int)large_divide(&rest, 10));
        written++;
    } while (large_bits(&rest) > 0 || written <= scale);
    if (negative)
        digits[--at] = '-';
    df_buf_put(out, digits + at, sizeof digits - at);
}

/* ---- amounts ---- */

void df_funnel_amount_merge(struct df_funnel_amount *to, const struct df_funnel_amount *from)
{
    to->count += from->count;
    df_funnel_total_merge(&to->whole, &from->whole);
    df_sum_merge(&to->real, &from->real);
}

double df_funnel_amount_mean(const struct df_funnel_amount *amount, const struct df_type *type)
{
    if (amount->count == 0)
        return NAN;
    if (type->kind == DF_TYPE_FLOAT)
        return df_sum_value(&amount->real) / (double)amount->count;
    return df_funnel_total_mean(amount->whole, amount->count, type->kind == DF_TYPE_DECIMAL ? type->scale : 0);
}

/* Bytes: what there is of (count), (total), (sum). */
enum { AMOUNT_WHOLE = 1, AMOUNT_REAL = 2 };

static bool sum_is_zero(const struct df_sum *sum)
{
    return sum->high == 0 && sum->low == 0 && !sum->exact && !sum->plus_infinity_count && !sum->minus_infinity_count &&
           !sum->failed;
}

void df_funnel_amount_put(const struct df_funnel_amount *amount, struct df_buf *out)
{
    struct df_funnel_total whole = df_funnel_total_canonical(amount->whole);
    bool has_whole = whole.low || whole.high, has_real = !sum_is_zero(&amount->real);
    df_buf_put_u8(out, (uint8_t)((has_whole ? AMOUNT_WHOLE : 0) | (has_real ? AMOUNT_REAL : 0)));
    df_buf_put_varint(out, amount->count);
    if (has_whole) {
        df_buf_put_u64le(out, (uint64_t)whole.low);
        df_buf_put_u64le(out, (uint64_t)whole.high);
        df_buf_put_u64le(out, (uint64_t)(whole.high >> 64));
    }
    if (has_real)
        df_sum_put(&amount->real, out);
}

bool df_funnel_amount_take(struct df_funnel_amount *amount, struct df_cursor *from)
{
    uint8_t flags;
    *amount = (struct df_funnel_amount){0};
    if (!df_cursor_take_u8(from, &flags) || flags > (AMOUNT_WHOLE | AMOUNT_REAL) ||
        !df_cursor_take_varint(from, &amount->count))
        return false;
    if (flags & AMOUNT_WHOLE) {
        uint64_t low, middle, high;
        if (!df_cursor_take_u64le(from, &low) || !df_cursor_take_u64le(from, &middle) ||
            !df_cursor_take_u64le(from, &high))
            return false;
        amount->whole = (struct df_funnel_total){.low = low, .high = (unsigned __int128)high << 64 | middle};
    }
    return !(flags & AMOUNT_REAL) || df_sum_take(&amount->real, from);
}
