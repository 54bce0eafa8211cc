/* The encodings beyond PLAIN and dictionaries: each decoder against a slow, obvious encoder, and against cut and lying
 * bytes. */
#include <math.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "format/parquet/byte_stream_split.h"
#include "format/parquet/convert.h"
#include "format/parquet/delta_strings.h"
#include "format/parquet/levels.h"
#include "format/parquet/values.h"
#include "testing/testing.h"

/* ---- slow encoders ---- */

static void put_zigzag(struct df_buf *out, uint64_t value)
{
    df_buf_put_varint(out, value << 1 ^ (value >> 63 ? UINT64_MAX : 0));
}

/* n numbers of `width` bits, lowest bit first. */
static void put_bits(struct df_buf *out, const uint64_t *values, size_t n, uint32_t width)
{
    size_t bytes = (n * width + 7) / 8;
    uint8_t *to = df_buf_extend(out, bytes);
    if (bytes == 0)
        return;
    memset(to, 0, bytes);
    for (size_t i = 0; i < n * width; i++)
        to[i / 8] = (uint8_t)(to[i / 8] | (values[i / width] >> i % width & 1) << i % 8);
}

static uint32_t bits_of(uint64_t value)
{
    return value ? 64 - (uint32_t)__builtin_clzll(value) : 0;
}

static void put_block(struct df_buf *out, const int64_t *values, size_t n, int64_t before, size_t block, size_t minis)
{
    uint64_t deltas[1024] = {0};
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < n; i++) {
        deltas[i] = (uint64_t)values[i] - (uint64_t)(i ? values[i - 1] : before);
        least = (int64_t)deltas[i] < least ? (int64_t)deltas[i] : least;
    }
    put_zigzag(out, (uint64_t)least);
    size_t per = block / minis;
    uint8_t *widths = df_buf_extend(out, minis);
    size_t widths_at = (size_t)(widths - out->data);
    for (size_t mini = 0; mini < minis; mini++) {
        uint32_t width = 0;
        for (size_t i = mini * per; i < (mini + 1) * per && i < n; i++) {
            deltas[i] -= (uint64_t)least;
            width = bits_of(deltas[i]) > width ? bits_of(deltas[i]) : width;
        }
        out->data[widths_at + mini] = mini * per < n ? (uint8_t)width : 77; /* what nobody reads may be anything */
        if (mini * per < n)
            put_bits(out, deltas + mini * per, per, width);
    }
}

static void put_delta(struct df_buf *out, const int64_t *values, size_t n, size_t block, size_t minis)
{
    df_buf_put_varint(out, block);
    df_buf_put_varint(out, minis);
    df_buf_put_varint(out, n);
    put_zigzag(out, n ? (uint64_t)values[0] : 0);
    for (size_t i = 1; i < n; i += block)
        put_block(out, values + i, n - i < block ? n - i : block, values[i - 1], block, minis);
}

/* Bytes without one behind them, for the sanitizer. */
static uint8_t *exact_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    if (size)
        memcpy(exact, bytes, size);
    return exact;
}

/* ---- DELTA_BINARY_PACKED ---- */

static void fill_numbers(uint64_t *random, int64_t *values, size_t n)
{
    uint64_t kind = test_random(random) % 4;
    uint32_t bits = (uint32_t)(1 + test_random(random) % 64);
    for (size_t i = 0; i < n; i++) {
        uint64_t some = test_random(random) >> (64 - bits);
        values[i] = kind == 0 ? 7 : kind == 1 ? (int64_t)(i * 1000) : (int64_t)some;
        if (kind == 3 && test_random(random) % 20 == 0)
            values[i] = test_random(random) % 2 ? INT64_MIN : INT64_MAX;
    }
}

static void deltas_give_back_what_was_put_in_steps_of_any_size(void **state)
{
    (void)state;
    static const size_t blocks[][2] = {{128, 4}, {128, 1}, {256, 2}, {1024, 4}, {8, 1}};
    uint64_t random = test_seed();
    static int64_t values[3000], found[3000];
    for (int round = 0; round < 2000; round++) {
        size_t n = test_random(&random) % (round % 10 ? 200 : 3000);
        const size_t *block = blocks[test_random(&random) % 5];
        fill_numbers(&random, values, n);
        struct df_buf out = {0};
        put_delta(&out, values, n, block[0], block[1]);
        uint8_t *exact = exact_copy(out.data, out.size);
        struct df_delta delta;
        assert_true(df_delta_init(&delta, df_slice_make(exact, out.size), n));
        for (size_t done = 0; done < n;) {
            size_t step = 1 + test_random(&random) % (n - done);
            assert_true(df_delta_take(&delta, found + done, step));
            done += step;
        }
        assert_memory_equal(found, values, n * sizeof *values);
        assert_false(df_delta_take(&delta, found, 1));
        assert_ptr_equal(delta.at, exact + out.size);
        free(exact);
        df_buf_dispose(&out);
    }
}

static void deltas_cut_anywhere_end_before_their_values(void **state)
{
    (void)state;
    int64_t values[300], found[300];
    uint64_t random = 5;
    for (size_t i = 0; i < 300; i++)
        values[i] = (int64_t)test_random(&random); /* 64 bits: no padding at the end could be cut unseen */
    struct df_buf out = {0};
    put_delta(&out, values, 257, 128, 4); /* two whole blocks */
    for (size_t size = 0; size < out.size; size++) {
        uint8_t *exact = exact_copy(out.data, size);
        struct df_delta delta;
        assert_true(!df_delta_init(&delta, df_slice_make(exact, size), 300) || !df_delta_take(&delta, found, 257));
        free(exact);
    }
    df_buf_dispose(&out);
}

static void heads_of_deltas_that_lie_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t block, minis, count;
        bool right;
    } heads[] = {
        {128, 4, 10, true},        {128, 4, 11, false},
        {0, 4, 1, false},          {128, 0, 1, false},
        {128, 3, 1, false},        {128, 64, 1, false},
        {128, 256, 1, false},      {UINT64_C(1) << 40, 4, 1, false},
        {UINT64_MAX, 1, 1, false}, {128, 4, UINT64_C(1) << 40, false},
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct df_buf out = {0};
        df_buf_put_varint(&out, heads[i].block);
        df_buf_put_varint(&out, heads[i].minis);
        df_buf_put_varint(&out, heads[i].count);
        df_buf_put_varint(&out, 0);
        struct df_delta delta;
        assert_int_equal(df_delta_init(&delta, df_buf_slice(&out), 10), heads[i].right);
        df_buf_dispose(&out);
    }
    struct df_delta delta;
    int64_t found[3];
    /* 3 values, least difference 0, a width of 65 bits */
    assert_true(df_delta_init(&delta, df_slice_make("\x80\x01\x01\x03\x00\x00\x41", 7), 10));
    assert_false(df_delta_take(&delta, found, 3));
}

static void sums_wrap_in_the_width_of_the_column(void **state)
{
    (void)state;
    int64_t values[] = {INT64_C(0x80000000), -1, INT64_C(0x1ffffffff)};
    df_delta_wrap_int32s(values, 3);
    assert_int_equal(values[0], INT32_MIN);
    assert_int_equal(values[2], -1);
    df_delta_wrap_uint32s(values, 3);
    assert_int_equal(values[0], INT64_C(0x80000000));
    assert_int_equal(values[1], UINT32_MAX);
}

/* ---- byte arrays by lengths and by prefixes ---- */

enum { TEXTS = 700 };

struct texts {
    char bytes[TEXTS][24];
    struct df_slice slices[TEXTS];
};

static void fill_texts(uint64_t *random, struct texts *texts, size_t n, size_t fixed)
{
    for (size_t i = 0; i < n; i++) {
        size_t size = fixed ? fixed : test_random(random) % 20;
        for (size_t j = 0; j < size; j++)
            texts->bytes[i][j] = (char)('a' + test_random(random) % 2);
        texts->slices[i] = df_slice_make(texts->bytes[i], size);
    }
}

static void put_lengths(struct df_buf *out, const struct df_slice *slices, size_t n)
{
    int64_t lengths[TEXTS] = {0};
    for (size_t i = 0; i < n; i++)
        lengths[i] = (int64_t)slices[i].size;
    put_delta(out, lengths, n, 128, 4);
    for (size_t i = 0; i < n; i++)
        df_buf_put_slice(out, slices[i]);
}

static void lengths_give_slices(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    static struct texts texts;
    static struct df_slice found[TEXTS];
    for (int round = 0; round < 300; round++) {
        size_t n = test_random(&random) % TEXTS;
        struct df_buf out = {0};
        struct df_delta_length values;
        fill_texts(&random, &texts, n, 0);
        put_lengths(&out, texts.slices, n);
        uint8_t *exact = exact_copy(out.data, out.size);
        assert_true(df_delta_length_init(&values, df_slice_make(exact, out.size), n));
        assert_false(df_delta_length_init(&values, df_slice_make(exact, out.size), n - 1) && n > 0);
        assert_true(df_delta_length_init(&values, df_slice_make(exact, out.size), n));
        for (size_t done = 0; done < n;) {
            size_t step = 1 + test_random(&random) % (n - done);
            assert_true(df_delta_length_take(&values, found + done, step));
            done += step;
        }
        for (size_t i = 0; i < n; i++)
            assert_true(df_slice_equal(found[i], texts.slices[i]));
        assert_ptr_equal(values.at, values.end);
        free(exact);
        df_buf_dispose(&out);
    }
}

static void lengths_beyond_the_bytes_or_below_zero_are_refused(void **state)
{
    (void)state;
    static const int64_t lies[][3] = {{1, 2, 4}, {3, -1, 1}, {INT64_MAX, INT64_MAX, 2}, {0, 0, INT64_MIN}};
    for (size_t i = 0; i < 4; i++) {
        struct df_buf out = {0};
        struct df_delta_length values;
        put_delta(&out, lies[i], 3, 128, 4);
        df_buf_put_text(&out, "abcdef");
        assert_false(df_delta_length_init(&values, df_buf_slice(&out), 3));
        df_buf_dispose(&out);
    }
}

/* Each value with the prefix that it has of the one before. */
static void put_strings(struct df_buf *out, const struct df_slice *slices, size_t n)
{
    int64_t prefixes[TEXTS] = {0};
    struct df_slice rests[TEXTS];
    for (size_t i = 0; i < n; i++) {
        size_t same = 0;
        while (i > 0 && same < slices[i].size && same < slices[i - 1].size &&
               slices[i].data[same] == slices[i - 1].data[same])
            same++;
        prefixes[i] = (int64_t)same;
        rests[i] = df_slice_make(slices[i].data + same, slices[i].size - same);
    }
    put_delta(out, prefixes, n, 128, 4);
    put_lengths(out, rests, n);
}

static void prefixes_give_the_plain_form(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    static struct texts texts;
    for (int round = 0; round < 300; round++) {
        uint32_t fixed = round % 3 ? 0 : 6;
        size_t n = test_random(&random) % TEXTS, size = 0;
        struct df_buf out = {0}, plain = {0};
        fill_texts(&random, &texts, n, fixed);
        put_strings(&out, texts.slices, n);
        for (size_t i = 0; i < n; i++) {
            if (!fixed)
                df_buf_put_u32le(&plain, (uint32_t)texts.slices[i].size);
            df_buf_put_slice(&plain, texts.slices[i]);
        }
        assert_true(df_delta_strings_measure(df_buf_slice(&out), n, fixed, &size));
        assert_int_equal(size, plain.size);
        uint8_t *exact = malloc(size ? size : 1);
        df_delta_strings_write(df_buf_slice(&out), fixed, exact);
        if (size)
            assert_memory_equal(exact, plain.data, size);
        assert_false(n > 1 && df_delta_strings_measure(df_buf_slice(&out), n, 7, &size));
        for (size_t cut = 0; cut < out.size && round % 30 == 0; cut++) {
            uint8_t *head = exact_copy(out.data, cut);
            df_delta_strings_measure(df_slice_make(head, cut), n, fixed, &size); /* any answer, no byte behind */
            free(head);
        }
        free(exact);
        df_buf_dispose(&plain);
        df_buf_dispose(&out);
    }
}

/* A thousand times the prefix of a long value is not copied before it was counted. */
static void prefixes_that_multiply_are_measured_first(void **state)
{
    (void)state;
    enum { LONG = 1 << 20, COUNT = 4000 };
    static int64_t prefixes[COUNT], rests[COUNT];
    struct df_buf out = {0};
    for (size_t i = 1; i < COUNT; i++)
        prefixes[i] = LONG;
    rests[0] = LONG;
    put_delta(&out, prefixes, COUNT, 128, 4);
    put_delta(&out, rests, COUNT, 128, 4);
    memset(df_buf_extend(&out, LONG), 'x', LONG);
    size_t size;
    assert_false(df_delta_strings_measure(df_buf_slice(&out), COUNT, 0, &size)); /* 4 GB */
    prefixes[1] = LONG + 1;                                                      /* more than the value before has */
    df_buf_clear(&out);
    put_delta(&out, prefixes, 2, 128, 4);
    put_delta(&out, rests, 2, 128, 4);
    memset(df_buf_extend(&out, LONG), 'x', LONG);
    assert_false(df_delta_strings_measure(df_buf_slice(&out), 2, 0, &size));
    df_buf_dispose(&out);
}

/* ---- BYTE_STREAM_SPLIT, levels ---- */

static void split_bytes_are_joined_for_any_width(void **state)
{
    (void)state;
    uint8_t bytes[20 * 16], split[20 * 16], found[20 * 16];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t width = 1; width <= 16; width++)
        for (size_t n = 0; n <= 20; n++) {
            for (size_t i = 0; i < n * width; i++)
                split[i % width * n + i / width] = bytes[i];
            df_byte_stream_split_join(split, width, found, n);
            assert_memory_equal(found, bytes, n * width);
        }
}

static void old_levels_are_packed_from_the_highest_bit_on(void **state)
{
    (void)state;
    /* Encodings.md: the numbers 0 to 7 in three bits each */
    static const uint8_t bytes[] = {0x05, 0x39, 0x77};
    uint8_t found[9];
    struct df_bit_packed packed;
    df_bit_packed_init(&packed, df_slice_make(bytes, 3), 3);
    assert_true(df_bit_packed_take(&packed, found, 3));
    assert_true(df_bit_packed_take(&packed, found + 3, 5));
    for (uint8_t i = 0; i < 8; i++)
        assert_int_equal(found[i], i);
    assert_false(df_bit_packed_take(&packed, found, 1));
}

static void levels_above_the_greatest_are_refused(void **state)
{
    (void)state;
    uint8_t found[8];
    size_t ones;
    struct df_parquet_levels levels;
    df_parquet_levels_init_rle(&levels, df_slice_make("\x10\x02", 2), 2);
    assert_true(df_parquet_levels_take_all_max(&levels, 3));
    assert_null(df_parquet_levels_take_valid(&levels, found, 5, &ones));
    assert_int_equal(ones, 5);
    assert_non_null(df_parquet_levels_take(&levels, found, 1));
    df_parquet_levels_init_rle(&levels, df_slice_make("\x10\x03", 2), 2);
    assert_false(df_parquet_levels_take_all_max(&levels, 8));
    assert_non_null(df_parquet_levels_take(&levels, found, 8));
    df_parquet_levels_init_bit_packed(&levels, df_slice_make("\xc0", 1), 2);
    assert_non_null(df_parquet_levels_take(&levels, found, 1));
    df_parquet_levels_init_bit_packed(&levels, df_slice_make("\x90", 1), 2); /* 2, 1 */
    assert_null(df_parquet_levels_take_valid(&levels, found, 2, &ones));
    assert_int_equal(ones, 1);
}

/* ---- conversions ---- */

static void all_half_floats_are_widened_exactly(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint8_t bytes[2] = {(uint8_t)bits, (uint8_t)(bits >> 8)};
        int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
        double expected = (exponent ? 1024 + fraction : fraction) * pow(2, (exponent ? exponent : 1) - 25), found;
        if (exponent == 31)
            expected = fraction ? (double)NAN : (double)INFINITY;
        df_convert_halves(bytes, &found, 1);
        assert_true(exponent == 31 && fraction ? isnan(found) : found == (bits >> 15 ? -expected : expected));
        assert_true(isnan(found) || !signbit(found) == !(bits >> 15));
    }
}

static void put_int96(uint8_t bytes[12], uint64_t of_day, uint32_t day)
{
    df_store_u64le(bytes, of_day);
    df_store_u32le(bytes + 8, day);
}

static void int96_is_nanoseconds_or_refused(void **state)
{
    (void)state;
    uint8_t bytes[12];
    int64_t found;
    put_int96(bytes, 5, 2440588);
    assert_true(df_convert_int96s(bytes, &found, 1));
    assert_int_equal(found, 5);
    put_int96(bytes, 86399999999999, 2440587);
    assert_true(df_convert_int96s(bytes, &found, 1));
    assert_int_equal(found, -1);
    static const uint32_t far[] = {0, UINT32_MAX, 2440588 + 106752, 2440588 - 106753};
    for (size_t i = 0; i < 4; i++) {
        put_int96(bytes, 0, far[i]);
        assert_false(df_convert_int96s(bytes, &found, 1));
    }
}

static void decimals_of_any_length_keep_their_sign_and_are_refused_beyond_it(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (int round = 0; round < 20000; round++) {
        size_t width = 1 + test_random(&random) % 20, used = 1 + test_random(&random) % width;
        unsigned __int128 value = (unsigned __int128)test_random(&random) << 64 | test_random(&random);
        uint8_t bytes[20];
        bool negative = test_random(&random) % 2;
        memset(bytes, negative ? 0xff : 0, sizeof bytes);
        for (size_t i = 0; i < used && i < 16; i++)
            bytes[width - 1 - i] = (uint8_t)(value >> 8 * i);
        /* slow: every bit above the width is the sign */
        bool top = bytes[0] >> 7;
        bool fits64 = true, fits128 = true;
        unsigned __int128 expected = top ? ~(unsigned __int128)0 : 0;
        for (size_t i = 0; i < width * 8; i++) {
            bool bit = bytes[width - 1 - i / 8] >> i % 8 & 1;
            if (i >= 63 && bit != top)
                fits64 = false;
            if (i >= 127 && bit != top)
                fits128 = false;
            if (i < 128)
                expected = (expected & ~((unsigned __int128)1 << i)) | (unsigned __int128)bit << i;
        }
        int64_t narrow;
        __int128 wide;
        assert_int_equal(df_convert_decimal64s(bytes, width, &narrow, 1), fits64);
        assert_int_equal(df_convert_decimal128s(bytes, width, &wide, 1), fits128);
        assert_true(!fits64 || narrow == (int64_t)expected);
        assert_true(!fits128 || wide == (__int128)expected);
        struct df_slice slice = df_slice_make(bytes, width);
        assert_int_equal(df_convert_decimal64_slices(&slice, &narrow, 1), fits64);
        slice.size = 0;
        assert_false(df_convert_decimal64_slices(&slice, &narrow, 1));
        assert_false(df_convert_decimal128_slices(&slice, &wide, 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deltas_give_back_what_was_put_in_steps_of_any_size),
        cmocka_unit_test(deltas_cut_anywhere_end_before_their_values),
        cmocka_unit_test(heads_of_deltas_that_lie_are_refused),
        cmocka_unit_test(sums_wrap_in_the_width_of_the_column),
        cmocka_unit_test(lengths_give_slices),
        cmocka_unit_test(lengths_beyond_the_bytes_or_below_zero_are_refused),
        cmocka_unit_test(prefixes_give_the_plain_form),
        cmocka_unit_test(prefixes_that_multiply_are_measured_first),
        cmocka_unit_test(split_bytes_are_joined_for_any_width),
        cmocka_unit_test(old_levels_are_packed_from_the_highest_bit_on),
        cmocka_unit_test(levels_above_the_greatest_are_refused),
        cmocka_unit_test(all_half_floats_are_widened_exactly),
        cmocka_unit_test(int96_is_nanoseconds_or_refused),
        cmocka_unit_test(decimals_of_any_length_keep_their_sign_and_are_refused_beyond_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
