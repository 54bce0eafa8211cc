#include "testing/testing.h"

#include <math.h>
#include <stdlib.h>

#include "base/sum.h"

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

#define assert_same_bits(a, b)                                                                                         \
    do {                                                                                                               \
        double a_value = (a), b_value = (b);                                                                           \
        if (!same_bits(a_value, b_value))                                                                              \
            fail_msg("%a is not %a", a_value, b_value);                                                                \
    } while (0)

/* Sums of Python: math.fsum, or Fraction where fsum overflows on the way. */
static const struct {
    const char *name;
    size_t count;
    double terms[12];
    double sum;
} known[] = {
    {"tenths",
     10,
     {0x1.999999999999ap-4, 0x1.999999999999ap-4, 0x1.999999999999ap-4, 0x1.999999999999ap-4, 0x1.999999999999ap-4,
      0x1.999999999999ap-4, 0x1.999999999999ap-4, 0x1.999999999999ap-4, 0x1.999999999999ap-4, 0x1.999999999999ap-4},
     0x1.0000000000000p+0},
    {"cancel big", 3, {0x1.249ad2594c37dp+332, 0x1.0000000000000p+0, -0x1.249ad2594c37dp+332}, 0x1.0000000000000p+0},
    {"cancel three",
     4,
     {0x1.1c37937e08000p+53, 0x1.0000000000000p+0, 0x1.cd2b297d889bcp-54, -0x1.1c37937e08000p+53},
     0x1.0000000000000p+0},
    {"half even down", 2, {0x1.0000000000000p+0, 0x1.0000000000000p-53}, 0x1.0000000000000p+0},
    {"half even up", 2, {0x1.0000000000001p+0, 0x1.0000000000000p-53}, 0x1.0000000000002p+0},
    {"half and a bit", 3, {0x1.0000000000000p+0, 0x1.0000000000000p-53, 0x0.0000000000001p-1022}, 0x1.0000000000001p+0},
    {"half less a bit",
     3,
     {0x1.0000000000001p+0, 0x1.0000000000000p-53, -0x0.0000000000001p-1022},
     0x1.0000000000001p+0},
    {"subnormals",
     3,
     {0x0.0000000000001p-1022, 0x0.0000000000001p-1022, 0x0.0000000000001p-1022},
     0x0.0000000000003p-1022},
    {"subnormal edge", 2, {0x1.0000000000000p-1022, -0x0.0000000000001p-1022}, 0x0.fffffffffffffp-1022},
    {"max + max - max",
     3,
     {0x1.fffffffffffffp+1023, 0x1.fffffffffffffp+1023, -0x1.fffffffffffffp+1023},
     0x1.fffffffffffffp+1023},
    {"beyond max", 2, {0x1.fffffffffffffp+1023, 0x1.fffffffffffffp+1023}, INFINITY},
    {"below -max", 2, {-0x1.fffffffffffffp+1023, -0x1.fffffffffffffp+1023}, -INFINITY},
    {"max + half ulp", 2, {0x1.fffffffffffffp+1023, 0x1.0000000000000p+970}, INFINITY},
    {"max + less than half ulp", 2, {0x1.fffffffffffffp+1023, 0x1.ffffffffffffep+969}, 0x1.fffffffffffffp+1023},
    {"max over and back by the least",
     3,
     {0x1.fffffffffffffp+1023, 0x1.0000000000000p+970, -0x0.0000000000001p-1022},
     0x1.fffffffffffffp+1023},
    {"carry over many limbs", 2, {0x1.0000000000000p+1000, -0x0.0000000000001p-1022}, 0x1.0000000000000p+1000},
    {"and back",
     3,
     {0x1.0000000000000p+1000, -0x0.0000000000001p-1022, -0x1.0000000000000p+1000},
     -0x0.0000000000001p-1022},
    {"negative",
     3,
     {-0x1.1ccf385ebc8a0p+1023, 0x0.730d67819e8d2p-1022, -0x1.7e43c8800759cp+996},
     -0x1.1ccf388e85031p+1023},
    {"signs", 3, {0x1.8000000000000p+1, -0x1.8000000000000p+1, -0.0}, 0.0},
    {"random 0",
     5,
     {0x1.ca9d37934f068p+546, -0x1.b5d34316e07c0p-686, 0x1.a3897640f3a76p-192, -0x1.0fc98b29e5570p-787,
      0x1.a22dd9b2b5280p-832},
     0x1.ca9d37934f068p+546},
    {"random 1",
     7,
     {-0x1.cd3875830a12ap-166, 0x1.2276649df1540p-333, 0x1.aee15394b34dcp-482, 0x1.cd3875830a12ap-166,
      -0x1.0b8599a09f768p+11, 0x1.0b8599a09f768p+11, -0x1.aee15394b34dcp-482},
     0x1.2276649df1540p-333},
    {"random 2",
     4,
     {-0x1.d5f5947453b00p+31, -0x1.19ca1da862790p-18, -0x1.019c761a51c60p-335, -0x1.ac2e33367948cp+6},
     -0x1.d5f5954a6aca3p+31},
    {"random 3",
     9,
     {-0x1.d91b87d58818ep+36, -0x1.d5e76972e6cc0p+107, -0x1.476ded4e011f8p+14, 0x1.d91b87d58818ep+36,
      -0x1.645e2a888a9a2p+931, 0x1.d5e76972e6cc0p+107, 0x1.8719c3be78fc4p-40, -0x1.8719c3be78fc4p-40,
      0x1.645e2a888a9a2p+931},
     -0x1.476ded4e011f8p+14},
    {"random 4", 3, {0x1.d96a10b394fb0p+20, -0x1.b925fa488b14cp+51, -0x1.e8e5438798d40p+820}, -0x1.e8e5438798d40p+820},
    {"random 5",
     5,
     {-0x1.9d55fe1d0ba00p+31, -0x1.7b8e3ca17d4f2p-11, 0x1.aad1df6f8ac14p+962, 0x1.7b8e3ca17d4f2p-11,
      0x1.9d55fe1d0ba00p+31},
     0x1.aad1df6f8ac14p+962},
    {"random 6",
     4,
     {0x1.46f14b371b554p+29, 0x1.f2246d2dec36ap+487, -0x1.ab060f6971b2ap-452, -0x1.f3a5bdc1ecbdep-28},
     0x1.f2246d2dec36ap+487},
    {"random 7",
     5,
     {0x1.cff8e710101b0p-3, -0x1.a181bd33b90c0p-50, -0x1.cff8e710101b0p-3, -0x1.6ad3ceca5ff62p+17,
      0x1.6ad3ceca5ff62p+17},
     -0x1.a181bd33b90c0p-50},
    {"random 8",
     4,
     {-0x1.e6627b59cd320p-624, -0x1.9729cd7ff85b2p-452, 0x1.cbb9392e8ac50p-967, 0x1.d33a00c0a1228p+18},
     0x1.d33a00c0a1228p+18},
    {"random 9",
     9,
     {0x1.ec3d4343c71b8p+888, 0x1.654fb8be79038p+0, -0x1.a2ef80ba73a10p+869, 0x1.815392ea03768p-49,
      -0x1.ec3d4343c71b8p+888, 0x1.0b9ff02f4cce0p+2, -0x1.654fb8be79038p+0, 0x1.a2ef80ba73a10p+869,
      -0x1.815392ea03768p-49},
     0x1.0b9ff02f4cce0p+2},
    {"random 10",
     5,
     {0x1.a20e871561a22p+385, 0x1.0aff362a90920p+985, 0x1.cfc8659f7e668p-274, 0x1.45f9123349a00p-36,
      -0x1.27ced344dcec4p-59},
     0x1.0aff362a90920p+985},
    {"random 11",
     11,
     {0x1.2eb8bfc2386acp+0, -0x1.97641de2f6b76p-36, 0x1.32d5cf52522f6p-724, 0x1.97641de2f6b76p-36,
      -0x1.ed35fdce6d490p-5, -0x1.d1ebaf7cbce82p+422, -0x1.2eb8bfc2386acp+0, -0x1.32d5cf52522f6p-724,
      0x1.d1ebaf7cbce82p+422, 0x1.a39c9e31bb8a0p-255, 0x1.ed35fdce6d490p-5},
     0x1.a39c9e31bb8a0p-255},
    {"random 12",
     3,
     {-0x1.6538c03460434p+835, 0x1.c9011fa72c618p+21, -0x1.60587e39c5820p-535},
     -0x1.6538c03460434p+835},
    {"random 13",
     5,
     {0x1.4dfba46fdc2e0p-58, -0x1.4dfba46fdc2e0p-58, 0x1.b380fdfef7e00p-505, -0x1.b380fdfef7e00p-505,
      -0x1.261d0dda8011ap-31},
     -0x1.261d0dda8011ap-31},
};

static void check_known(void (*add)(struct df_sum *, double))
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct df_sum forward = {0}, backward = {0};
        for (size_t j = 0; j < known[i].count; j++) {
            add(&forward, known[i].terms[j]);
            add(&backward, known[i].terms[known[i].count - 1 - j]);
        }
        if (!same_bits(df_sum_value(&forward), known[i].sum) || !same_bits(df_sum_value(&backward), known[i].sum))
            fail_msg("%s: expected %a, got %a and %a", known[i].name, known[i].sum, df_sum_value(&forward),
                     df_sum_value(&backward));
        df_sum_dispose(&forward);
        df_sum_dispose(&backward);
    }
}

static void test_known_sums_are_exact_and_rounded_once(void **state)
{
    (void)state;
    check_known(df_sum_add);
    check_known(df_sum_add_exact);
}

static void test_nothing_is_zero(void **state)
{
    (void)state;
    struct df_sum sum = {0};
    assert_same_bits(df_sum_value(&sum), 0.0);
    df_sum_add(&sum, -0.0);
    assert_same_bits(df_sum_value(&sum), 0.0);
    df_sum_add(&sum, 5);
    df_sum_add(&sum, -5);
    assert_same_bits(df_sum_value(&sum), 0.0);
    df_sum_dispose(&sum);
}

static void test_nan_is_skipped_and_infinities_are_counted_apart(void **state)
{
    (void)state;
    struct df_sum sum = {0};
    df_sum_add(&sum, NAN);
    df_sum_add(&sum, 1);
    df_sum_add_exact(&sum, NAN);
    assert_same_bits(df_sum_value(&sum), 1.0);
    df_sum_add(&sum, INFINITY);
    assert_true(df_sum_value(&sum) > 0 && isinf(df_sum_value(&sum)));
    df_sum_add(&sum, 1e308);
    assert_int_equal(sum.plus_infinity_count, 1);
    df_sum_add_exact(&sum, -INFINITY);
    assert_true(isnan(df_sum_value(&sum)));
    struct df_sum minus = {0};
    df_sum_add(&minus, -INFINITY);
    df_sum_add(&minus, -INFINITY);
    assert_true(df_sum_value(&minus) < 0 && isinf(df_sum_value(&minus)));
    df_sum_merge(&sum, &minus);
    assert_int_equal(sum.minus_infinity_count, 3);
    df_sum_dispose(&sum);
    df_sum_dispose(&minus);
}

/* ---- properties ---- */

enum kind { PRICES, CENTS, WIDE, HUGE_TERMS, TINY, CANCELLING, KIND_COUNT };

static double random_term(uint64_t *seed, enum kind kind)
{
    uint64_t r = test_random(seed);
    double sign = r & 1 ? -1 : 1;
    double unit = (double)(r >> 11) * 0x1p-53;
    switch (kind) {
    case PRICES:
        return floor(unit * 1e6) / 100;
    case CENTS:
        return sign * floor(unit * 1e4) * 0.01;
    case WIDE:
        return sign * ldexp(unit, (int)(test_random(seed) % 2090) - 1070);
    case HUGE_TERMS:
        return sign * ldexp(1 + unit / 2, 1023 - (int)(test_random(seed) % 3));
    case TINY:
        return sign * ldexp(unit, -1022 - (int)(test_random(seed) % 50));
    default:
        return sign * ldexp(1, (int)(test_random(seed) % 120) - 60);
    }
}

static void shuffle(double *terms, size_t count, uint64_t *seed)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = test_random(seed) % i;
        double t = terms[i - 1];
        terms[i - 1] = terms[j];
        terms[j] = t;
    }
}

static double exact_value(const double *terms, size_t count)
{
    struct df_sum sum = {0};
    for (size_t i = 0; i < count; i++)
        df_sum_add_exact(&sum, terms[i]);
    double value = df_sum_value(&sum);
    df_sum_dispose(&sum);
    return value;
}

/* The way of a sum through a partial. */
static void through_bytes(struct df_sum *sum)
{
    struct df_buf buf = {0};
    struct df_sum back;
    df_sum_put(sum, &buf);
    struct df_cursor cursor = df_cursor_make(df_buf_slice(&buf));
    assert_true(df_sum_take(&back, &cursor));
    assert_int_equal(df_cursor_left(&cursor), 0);
    df_sum_dispose(sum);
    *sum = back;
    df_buf_dispose(&buf);
}

/* Cuts the terms into pieces, sums each, merges in random order, some by way of bytes. */
static double cut_value(const double *terms, size_t count, uint64_t *seed)
{
    enum { PIECES = 7 };
    struct df_sum pieces[PIECES] = {0};
    for (size_t i = 0; i < count; i++) {
        struct df_sum *piece = &pieces[test_random(seed) % PIECES];
        if (test_random(seed) % 8)
            df_sum_add(piece, terms[i]);
        else
            df_sum_add_exact(piece, terms[i]);
    }
    for (size_t i = PIECES - 1; i > 0; i--) {
        size_t into = test_random(seed) % i;
        if (test_random(seed) % 2)
            through_bytes(&pieces[i]);
        df_sum_merge(&pieces[into], &pieces[i]);
        df_sum_dispose(&pieces[i]);
    }
    through_bytes(&pieces[0]);
    double value = df_sum_value(&pieces[0]);
    df_sum_dispose(&pieces[0]);
    return value;
}

static void test_no_order_and_no_cut_changes_a_bit(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (int round = 0; round < 600; round++) {
        double terms[300];
        size_t count = test_random(&seed) % 300;
        for (size_t i = 0; i < count; i++) {
            terms[i] = random_term(&seed, (enum kind)(round % KIND_COUNT));
            if (round % KIND_COUNT == CANCELLING && i > 0 && i % 2)
                terms[i] = -terms[test_random(&seed) % i];
        }
        double expected = exact_value(terms, count);
        for (int order = 0; order < 3; order++) {
            struct df_sum sum = {0};
            for (size_t i = 0; i < count; i++)
                df_sum_add(&sum, terms[i]);
            assert_same_bits(df_sum_value(&sum), expected);
            df_sum_dispose(&sum);
            assert_same_bits(cut_value(terms, count, &seed), expected);
            shuffle(terms, count, &seed);
        }
    }
}

static void test_sums_agree_with_integers_where_those_are_exact(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (int round = 0; round < 2000; round++) {
        struct df_sum sum = {0};
        __int128 expected = 0; /* in units of 2^-30 */
        int shift_range = round % 2 ? 60 : 20;
        for (int i = 0; i < 50; i++) {
            uint64_t r = test_random(&seed);
            int64_t mantissa = (int64_t)(r >> 12) * (r & 1 ? 1 : -1);
            int shift = (int)(test_random(&seed) % (unsigned)shift_range);
            expected += (__int128)mantissa * ((__int128)1 << shift);
            df_sum_add(&sum, ldexp((double)mantissa, shift - 30));
        }
        /* gcc and clang round the conversion to nearest even. */
        assert_same_bits(df_sum_value(&sum), ldexp((double)expected, -30));
        df_sum_dispose(&sum);
    }
}

static void test_prices_never_need_the_accumulator(void **state)
{
    (void)state;
    uint64_t seed = 11;
    struct df_sum sum = {0};
    for (int i = 0; i < 1000000; i++)
        df_sum_add(&sum, random_term(&seed, i % 2 ? PRICES : CENTS));
    assert_null(sum.exact);
    df_sum_dispose(&sum);
}

static void test_the_pair_moves_to_the_accumulator_when_it_is_too_narrow(void **state)
{
    (void)state;
    struct df_sum sum = {0};
    df_sum_add(&sum, 1e300);
    df_sum_add(&sum, 1);
    assert_null(sum.exact);
    df_sum_add(&sum, 1e-300);
    assert_non_null(sum.exact);
    df_sum_add(&sum, -1e300);
    df_sum_add(&sum, -1);
    assert_same_bits(df_sum_value(&sum), 1e-300);
    df_sum_dispose(&sum);
    df_sum_add(&sum, 0x1.fffffffffffffp1023); /* an overflow on the way is none in the end */
    df_sum_add(&sum, 0x1.fffffffffffffp1023);
    assert_non_null(sum.exact);
    assert_true(isinf(df_sum_value(&sum)));
    df_sum_add(&sum, -0x1.fffffffffffffp1023);
    assert_same_bits(df_sum_value(&sum), 0x1.fffffffffffffp1023);
    df_sum_dispose(&sum);
}

static void test_a_sum_can_be_merged_with_itself(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct df_sum sum = {0};
        df_sum_add(&sum, 0.1);
        df_sum_add(&sum, round ? 1e300 : 7);
        df_sum_add(&sum, round ? 1e-300 : 7);
        double doubled = 2 * df_sum_value(&sum);
        df_sum_merge(&sum, &sum);
        assert_same_bits(df_sum_value(&sum), doubled);
        df_sum_dispose(&sum);
    }
}

static void test_doubling_a_thousand_times_stays_exact(void **state)
{
    (void)state;
    struct df_sum sum = {0};
    df_sum_add_exact(&sum, 0x1p-1074);
    for (int i = 0; i < 2097; i++)
        df_sum_merge(&sum, &sum);
    assert_same_bits(df_sum_value(&sum), 0x1p1023);
    df_sum_add(&sum, -0x1p-1074);
    assert_same_bits(df_sum_value(&sum), 0x1p1023);
    df_sum_add(&sum, -0x1p1023);
    assert_same_bits(df_sum_value(&sum), -0x1p-1074);
    df_sum_dispose(&sum);
}

/* ---- bytes ---- */

static void put_cases(struct df_sum *cases, size_t count)
{
    uint64_t seed = 5;
    for (size_t i = 0; i < count; i++) {
        cases[i] = (struct df_sum){0};
        for (size_t j = 0; j < i; j++)
            df_sum_add(&cases[i], random_term(&seed, (enum kind)(i % KIND_COUNT)));
        if (i % 3 == 1)
            df_sum_add(&cases[i], INFINITY);
        if (i % 5 == 1)
            df_sum_add(&cases[i], -INFINITY);
    }
}

static void test_sums_come_back_from_bytes_and_every_cut_is_refused(void **state)
{
    (void)state;
    enum { COUNT = 60 };
    struct df_sum cases[COUNT];
    put_cases(cases, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        struct df_buf buf = {0};
        df_sum_put(&cases[i], &buf);
        for (size_t size = 0; size < buf.size; size++) {
            struct df_sum back = {.high = 3};
            struct df_cursor cursor = df_cursor_make(df_slice_make(buf.data, size));
            assert_false(df_sum_take(&back, &cursor));
            assert_true(cursor.failed);
            assert_null(back.exact);
            assert_true(back.high == 0);
        }
        double value = df_sum_value(&cases[i]);
        through_bytes(&cases[i]);
        assert_true(same_bits(df_sum_value(&cases[i]), value) || (isnan(value) && isnan(df_sum_value(&cases[i]))));
        df_sum_dispose(&cases[i]);
        df_buf_dispose(&buf);
    }
}

static void test_an_accumulator_of_zero_comes_back(void **state)
{
    (void)state;
    struct df_sum sum = {0};
    df_sum_add_exact(&sum, 7);
    df_sum_add_exact(&sum, -7);
    through_bytes(&sum);
    assert_same_bits(df_sum_value(&sum), 0.0);
    df_sum_add_exact(&sum, -0x1p-1074); /* all bits set */
    through_bytes(&sum);
    assert_same_bits(df_sum_value(&sum), -0x1p-1074);
    df_sum_dispose(&sum);
}

static void test_the_bytes_of_a_sum_are_few(void **state)
{
    (void)state;
    struct df_buf buf = {0};
    struct df_sum sum = {0};
    df_sum_add(&sum, 12.5);
    df_sum_put(&sum, &buf);
    assert_int_equal(buf.size, 9);
    df_buf_clear(&buf);
    df_sum_add_exact(&sum, -1e-5);
    df_sum_put(&sum, &buf);
    assert_true(buf.size <= 3 + 4 * 8);
    df_sum_dispose(&sum);
    df_buf_dispose(&buf);
}

static bool taken(const char *bytes, size_t size)
{
    struct df_sum sum;
    struct df_cursor cursor = df_cursor_make(df_slice_make(bytes, size));
    bool ok = df_sum_take(&sum, &cursor);
    df_sum_dispose(&sum);
    return ok;
}

static void test_bytes_that_are_no_sum_are_refused(void **state)
{
    (void)state;
    assert_true(taken("\x00\0\0\0\0\0\0\0\0", 9));
    assert_false(taken("\x20\0\0\0\0\0\0\0\0", 9));                      /* a flag that is none */
    assert_false(taken("\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17));     /* pair and accumulator */
    assert_false(taken("\x00\0\0\0\0\0\0\xf0\x7f", 9));                  /* an infinity */
    assert_false(taken("\x00\0\0\0\0\0\0\xf8\x7f", 9));                  /* NaN */
    assert_false(taken("\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xf0\xff", 17)); /* an infinity below */
    assert_true(taken("\x08\x21\x01\0\0\0\0\0\0\0\x40", 11));            /* the uppermost limb that is taken */
    assert_false(taken("\x08\x22\x01\0\0\0\0\0\0\0\x40", 11));           /* the next one */
    assert_false(taken("\x08\xff\x01\0\0\0\0\0\0\0\x40", 11));
    assert_false(taken("\x08\x01\xff\0\0\0\0\0\0\0\x40", 11));
    assert_false(taken("\x08\x05\x00", 3));                                  /* no limb */
    assert_true(taken("\x08\x24\x00", 3));                                   /* zero */
    assert_false(taken("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11)); /* a count of more than 64 bits */
}

static void test_hostile_sums_can_be_merged_without_harm(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct df_sum total = {0};
    int taken_count = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[320];
        for (size_t i = 0; i < sizeof bytes; i += 8) {
            uint64_t r = test_random(&seed);
            memcpy(bytes + i, &r, 8);
        }
        bytes[0] &= 0x1f;
        if (round % 2) { /* an accumulator that has a chance */
            bytes[0] = 8;
            bytes[1] %= 40;
            bytes[2] %= 40;
        }
        struct df_sum sum;
        struct df_cursor cursor = df_cursor_make(df_slice_make(bytes, sizeof bytes));
        if (!df_sum_take(&sum, &cursor))
            continue;
        taken_count++;
        df_sum_merge(&total, &sum);
        df_sum_add(&sum, 1.5);
        (void)df_sum_value(&sum);
        (void)df_sum_value(&total);
        df_sum_dispose(&sum);
    }
    assert_true(taken_count > 1000);
    df_sum_dispose(&total);
}

static void test_a_failure_of_memory_sticks_and_travels(void **state)
{
    (void)state;
    struct df_sum failed = {.failed = true}, sum = {0};
    df_sum_add(&failed, 1);
    assert_true(isnan(df_sum_value(&failed)));
    through_bytes(&failed);
    assert_true(failed.failed);
    df_sum_add(&sum, 1);
    df_sum_merge(&sum, &failed);
    assert_true(sum.failed);
    assert_true(isnan(df_sum_value(&sum)));
    df_sum_dispose(&sum);
    df_sum_dispose(&failed);
}

/* ---- integers ---- */

static void test_integers_are_written_with_all_digits(void **state)
{
    (void)state;
    const __int128 maximum = (__int128)(~(unsigned __int128)0 >> 1);
    static const char *const expected[] = {
        "0",
        "1",
        "-1",
        "18446744073709551616",
        "170141183460469231731687303715884105727",
        "-170141183460469231731687303715884105728",
        "-9223372036854775808",
        "100000000000000000000",
    };
    const __int128 values[] = {
        0, 1, -1, (__int128)1 << 64, maximum, -maximum - 1, INT64_MIN, (__int128)10000000000 * 10000000000};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct df_buf out = {0};
        df_int128_put_text(values[i], &out);
        assert_string_equal(df_buf_text(&out), expected[i]);
        df_buf_dispose(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_sums_are_exact_and_rounded_once),
        cmocka_unit_test(test_nothing_is_zero),
        cmocka_unit_test(test_nan_is_skipped_and_infinities_are_counted_apart),
        cmocka_unit_test(test_no_order_and_no_cut_changes_a_bit),
        cmocka_unit_test(test_sums_agree_with_integers_where_those_are_exact),
        cmocka_unit_test(test_prices_never_need_the_accumulator),
        cmocka_unit_test(test_the_pair_moves_to_the_accumulator_when_it_is_too_narrow),
        cmocka_unit_test(test_a_sum_can_be_merged_with_itself),
        cmocka_unit_test(test_doubling_a_thousand_times_stays_exact),
        cmocka_unit_test(test_sums_come_back_from_bytes_and_every_cut_is_refused),
        cmocka_unit_test(test_an_accumulator_of_zero_comes_back),
        cmocka_unit_test(test_the_bytes_of_a_sum_are_few),
        cmocka_unit_test(test_bytes_that_are_no_sum_are_refused),
        cmocka_unit_test(test_hostile_sums_can_be_merged_without_harm),
        cmocka_unit_test(test_a_failure_of_memory_sticks_and_travels),
        cmocka_unit_test(test_integers_are_written_with_all_digits),
    };
    return cmocka_run_group_tests_name("sum", tests, NULL, NULL);
}
