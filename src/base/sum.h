/* Sums that do not depend on the order of their terms.
 *
 * A float sum is the exact sum rounded once to double (round to nearest, ties to even), whatever the order, files,
 * threads, workers and stages: two doubles per key by error-free additions, and an exact accumulator when those no
 * longer suffice (the contracts of the core, §10). NaN is skipped (as null); +inf and -inf are counted apart. An
 * integer sum has all its digits: 128 bit.
 *
 * Thread: one at a time per sum. */
#ifndef DF_BASE_SUM_H
#define DF_BASE_SUM_H

#include "base/buf.h"

#ifdef __FAST_MATH__
#error "error-free additions need IEEE arithmetic: no -ffast-math"
#endif

struct df_sum_exact; /* limbs over the whole range of exponents */

struct df_sum {
    double high, low;           /* high + low is the exact sum of what was added, until `exact` exists */
    struct df_sum_exact *exact; /* owned; holds the whole sum when not NULL */
    uint64_t plus_infinity_count, minus_infinity_count;
    bool failed; /* memory for the exact accumulator was short; sticks */
};

/* a + b = *high + *low without any error. When something is or becomes infinite, *low is not a number. */
static inline void df_two_sum(double a, double b, double *high, double *low)
{
    double sum = a + b;
    double b_part = sum - a;
    double a_part = sum - b_part;
    *low = (a - a_part) + (b - b_part);
    *high = sum;
}

/* Straight into the accumulator: what df_sum_add does when the pair does not suffice, and, being slow and obvious, what
 * tests compare it with. */
void df_sum_add_exact(struct df_sum *sum, double value);

static inline void df_sum_add(struct df_sum *sum, double value)
{
    if (!sum->exact) {
        double high, low, carried, lost;
        df_two_sum(sum->high, value, &high, &carried);
        df_two_sum(sum->low, carried, &low, &lost);
        if (lost == 0) { /* not so for NaN: what infinities, NaN and overflows end in */
            sum->high = high;
            sum->low = low;
            return;
        }
    }
    df_sum_add_exact(sum, value);
}

void df_sum_merge(struct df_sum *to, const struct df_sum *from); /* the sum of both */
/* The rounded sum: 0.0 for nothing, NaN when both infinities were added or when it failed, ±inf for one of them or
 * beyond the range. */
double df_sum_value(const struct df_sum *sum);
void df_sum_dispose(struct df_sum *sum);

/* The bytes of a sum inside a partial, and back; take returns false on bytes that are no sum. Equal sums need not have
 * equal bytes; their values are equal. */
void df_sum_put(const struct df_sum *sum, struct df_buf *out);
bool df_sum_take(struct df_sum *sum, struct df_cursor *from);

/* 128-bit integer sums. put_text writes all decimal digits. */
void df_int128_put_text(__int128 value, struct df_buf *out);

#endif
