/* Each decoder against a slow, obvious one. */
#include <math.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "format/parquet/codec.h"
#include "format/parquet/crc32.h"
#include "format/parquet/dictionary.h"
#include "format/parquet/plain.h"
#include "format/parquet/rle.h"
#include "testing/testing.h"

/* ---- RLE ---- */

/* Bit by bit, value by value; false when the bytes end or a run's value is too wide. */
static bool slow_rle(struct df_slice bytes, uint32_t width, uint32_t *out, size_t n)
{
    size_t at = 0, done = 0;
    while (done < n) {
        uint64_t header = 0;
        for (unsigned shift = 0;; shift += 7) {
            if (at == bytes.size || shift == 35)
                return false;
            header |= (uint64_t)(bytes.data[at] & 0x7f) << shift;
            if (!(bytes.data[at++] & 0x80))
                break;
        }
        if (header & 1) {
            for (uint64_t i = 0; i < (header >> 1) * 8 && done < n; i++) {
                uint32_t value = 0;
                for (uint32_t b = 0; b < width; b++) {
                    uint64_t bit = i * width + b;
                    if (at + bit / 8 >= bytes.size)
                        return false;
                    value |= (uint32_t)(bytes.data[at + bit / 8] >> bit % 8 & 1) << b;
                }
                out[done++] = value;
            }
            at += (header >> 1) * width;
        } else {
            uint64_t value = 0;
            for (uint32_t i = 0; i < (width + 7) / 8; i++) {
                if (at == bytes.size)
                    return false;
                value |= (uint64_t)bytes.data[at++] << 8 * i;
            }
            if (value >> width)
                return false;
            for (uint64_t i = 0; i < header >> 1 && done < n; i++)
                out[done++] = (uint32_t)value;
        }
    }
    return true;
}

/* Values in runs of random lengths. */
static void fill_runs(uint64_t *random, uint32_t *values, size_t n, uint32_t width)
{
    uint32_t mask = width == 32 ? UINT32_MAX : (UINT32_C(1) << width) - 1;
    size_t runs = test_random(random) % 3;
    for (size_t i = 0; i < n;) {
        size_t length = runs == 0 ? 1 : 1 + test_random(random) % (runs == 1 ? 20 : 300);
        uint32_t value = (uint32_t)test_random(random) & mask;
        for (; length > 0 && i < n; length--)
            values[i++] = value;
    }
}

/* Takes all values in steps of random sizes. */
static bool take_in_steps(uint64_t *random, struct df_slice bytes, uint32_t width, uint32_t *out, size_t n)
{
    struct df_rle rle;
    df_rle_init(&rle, bytes, width);
    for (size_t done = 0; done < n;) {
        size_t step = 1 + test_random(random) % (n - done);
        if (test_random(random) % 2)
            step = 1 + test_random(random) % 9;
        if (step > n - done)
            step = n - done;
        if (!df_rle_take(&rle, out + done, step))
            return false;
        done += step;
    }
    return true;
}

static void rle_gives_back_what_was_put_in_steps_of_any_size(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    enum { MOST = 3000 };
    static uint32_t values[MOST], slow[MOST], fast[MOST];
    for (int round = 0; round < 3000; round++) {
        uint32_t width = (uint32_t)(test_random(&random) % 33);
        size_t n = test_random(&random) % (round % 10 ? 200 : MOST);
        fill_runs(&random, values, n, width);
        struct df_buf out = {0};
        df_rle_put(&out, values, n, width);
        uint8_t *exact = malloc(out.size ? out.size : 1); /* no byte behind it, for the sanitizer */
        if (out.size)
            memcpy(exact, out.data, out.size);
        struct df_slice bytes = df_slice_make(exact, out.size);
        assert_true(slow_rle(bytes, width, slow, n));
        assert_memory_equal(slow, values, n * sizeof *values);
        assert_true(take_in_steps(&random, bytes, width, fast, n));
        assert_memory_equal(fast, values, n * sizeof *values);
        free(exact);
        df_buf_dispose(&out);
    }
}

static void rle_of_any_bytes_is_what_the_slow_one_says(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    static uint32_t slow[2000], fast[2000];
    for (int round = 0; round < 30000; round++) {
        uint32_t width = (uint32_t)(test_random(&random) % 33);
        size_t size = test_random(&random) % 40, n = 1 + test_random(&random) % 2000;
        uint8_t *bytes = malloc(size ? size : 1);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(test_random(&random) >> (test_random(&random) % 8)) & 0xff;
        bool slow_ok = slow_rle(df_slice_make(bytes, size), width, slow, n);
        bool fast_ok = take_in_steps(&random, df_slice_make(bytes, size), width, fast, n);
        assert_int_equal(fast_ok, slow_ok);
        if (slow_ok)
            assert_memory_equal(fast, slow, n * sizeof *slow);
        free(bytes);
    }
}

static void levels_are_those_of_the_general_decoder(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    static uint32_t values[3000];
    static uint8_t levels[3000];
    for (int round = 0; round < 2000; round++) {
        size_t n = 1 + test_random(&random) % 3000;
        fill_runs(&random, values, n, 1);
        struct df_buf out = {0};
        df_rle_put(&out, values, n, 1);
        struct df_rle rle;
        df_rle_init(&rle, df_buf_slice(&out), 1);
        for (size_t done = 0; done < n;) {
            size_t step = 1 + test_random(&random) % (n - done), ones = 0, expected = 0;
            for (size_t i = 0; i < step; i++)
                expected += values[done + i];
            bool all = df_rle_take_repeated(&rle, 1, step);
            assert_true(!all || expected == step);
            if (!all) {
                assert_true(df_rle_take_bits(&rle, levels, step, &ones));
                assert_int_equal(ones, expected);
                for (size_t i = 0; i < step; i++)
                    assert_int_equal(levels[i], values[done + i]);
            }
            done += step;
        }
        df_buf_dispose(&out);
    }
}

static void rle_refuses_a_repeated_value_that_is_too_wide_and_bytes_that_end(void **state)
{
    (void)state;
    uint32_t out[16];
    struct df_rle rle;
    df_rle_init(&rle, df_slice_make("\x10\x08", 2), 3);
    assert_false(df_rle_take(&rle, out, 8));
    df_rle_init(&rle, df_slice_make("\x10\x07", 2), 3);
    assert_true(df_rle_take(&rle, out, 8));
    assert_false(df_rle_take(&rle, out, 1));
    df_rle_init(&rle, df_slice_make("\x10", 1), 3);
    assert_false(df_rle_take(&rle, out, 1));
    df_rle_init(&rle, df_slice_make(NULL, 0), 0);
    assert_false(df_rle_take(&rle, out, 1));
    uint8_t endless[64];
    memset(endless, 0xff, sizeof endless);
    df_rle_init(&rle, df_slice_make(endless, sizeof endless), 1);
    assert_false(df_rle_take(&rle, out, 1));
}

/* Some writers end the last packed run where its values end. */
static void a_packed_run_cut_short_gives_the_values_that_are_there(void **state)
{
    (void)state;
    uint32_t out[8];
    struct df_rle rle;
    df_rle_init(&rle, df_slice_make("\x03\x88\xc6", 3), 3); /* 0 1 2 3 4 of eight */
    assert_true(df_rle_take(&rle, out, 5));
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(out[i], i);
    assert_false(df_rle_take(&rle, out, 1));
}

/* ---- PLAIN ---- */

static void plain_numbers_are_little_endian_and_widened(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0x80, 2, 0, 0, 0, 3, 0, 0, 0, 0};
    int64_t out[4];
    df_plain_int32s(bytes + 1, out, 4); /* at an odd address */
    assert_int_equal(out[0], -1);
    assert_int_equal(out[1], INT32_MIN + 1);
    assert_int_equal(out[3], 3);
    df_plain_uint32s(bytes + 1, out, 4);
    assert_int_equal(out[0], UINT32_MAX);
    assert_int_equal(out[1], INT64_C(0x80000001));
    df_plain_int64s(bytes + 1, out, 2);
    assert_int_equal(out[1], INT64_C(0x300000002));
    double doubles[1], expected = -0.5;
    df_plain_doubles((const uint8_t *)&expected, doubles, 1);
    assert_true(doubles[0] == expected);
}

static void plain_bools_start_at_any_bit(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    uint8_t bytes[64], out[512];
    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)test_random(&random);
        size_t first = test_random(&random) % 512, n = test_random(&random) % (512 - first + 1);
        df_plain_bools(bytes, first, out, n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(out[i], bytes[(first + i) / 8] >> (first + i) % 8 & 1);
    }
}

static void plain_bytes_are_slices_and_lengths_are_checked(void **state)
{
    (void)state;
    struct df_buf bytes = {0};
    static const char *const texts[] = {"", "a", "longer", ""};
    for (size_t i = 0; i < 4; i++) {
        df_buf_put_u32le(&bytes, (uint32_t)strlen(texts[i]));
        df_buf_put_text(&bytes, texts[i]);
    }
    struct df_slice out[5];
    for (size_t size = 0; size <= bytes.size; size++) {
        const uint8_t *at = bytes.data;
        bool whole = df_plain_bytes(&at, bytes.data + size, out, 4);
        assert_int_equal(whole, size == bytes.size);
        if (!whole)
            continue;
        for (size_t i = 0; i < 4; i++)
            assert_slice_is(out[i], texts[i]);
        assert_ptr_equal(at, bytes.data + bytes.size);
    }
    memset(bytes.data, 0xff, 4); /* 2^32 - 1 bytes */
    const uint8_t *at = bytes.data;
    assert_false(df_plain_bytes(&at, bytes.data + bytes.size, out, 1));
    df_buf_dispose(&bytes);
}

/* ---- dictionaries ---- */

static void dictionaries_hold_as_many_values_as_their_bytes(void **state)
{
    (void)state;
    struct df_parquet_leaf leaf = {DF_PARQUET_FROM_INT64, DF_VECTOR_INT64, .width_bytes = 8};
    assert_int_equal(df_parquet_dictionary_array_bytes(&leaf, 2, 16), 16);
    assert_int_equal(df_parquet_dictionary_array_bytes(&leaf, 3, 16), 0);
    assert_int_equal(df_parquet_dictionary_array_bytes(&leaf, UINT32_MAX, 16), 0);
    leaf = (struct df_parquet_leaf){.conversion = DF_PARQUET_FROM_BYTES, .kind = DF_VECTOR_BYTES};
    assert_int_equal(df_parquet_dictionary_array_bytes(&leaf, 4, 16), 4 * sizeof(struct df_slice));
    leaf = (struct df_parquet_leaf){DF_PARQUET_FROM_FIXED_DECIMAL, DF_VECTOR_INT128, .width_bytes = 9};
    assert_int_equal(df_parquet_dictionary_array_bytes(&leaf, 2, 18), 2 * sizeof(__int128));
    leaf = (struct df_parquet_leaf){.conversion = DF_PARQUET_FROM_BOOLEAN, .kind = DF_VECTOR_BOOL};
    assert_int_equal(df_parquet_dictionary_array_bytes(&leaf, 1, 16), 0);
}

static void codes_are_checked_and_looked_up(void **state)
{
    (void)state;
    static const uint32_t codes[] = {2, 0, 1, 2};
    static const int64_t values[] = {10, 11, 12};
    static const double numbers[] = {0.5, 1.5, 2.5};
    assert_true(df_codes_below(codes, 4, 3));
    assert_false(df_codes_below(codes, 4, 2));
    assert_true(df_codes_below(codes, 0, 0));
    int64_t out[4];
    df_codes_to_int64s(codes, values, out, 4);
    assert_int_equal(out[0], 12);
    assert_int_equal(out[1], 10);
    double reals[4];
    df_codes_to_doubles(codes, numbers, reals, 4);
    assert_true(reals[3] == 2.5);
}

/* ---- checksums and codecs ---- */

static void crc32_is_that_of_gzip(void **state)
{
    (void)state;
    assert_int_equal(df_crc32(df_slice_text("123456789")), 0xCBF43926);
    assert_int_equal(df_crc32(df_slice_make(NULL, 0)), 0);
    uint64_t random = test_seed();
    uint8_t bytes[300];
    for (int round = 0; round < 2000; round++) {
        size_t first = test_random(&random) % 16, size = test_random(&random) % 280;
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)test_random(&random);
        struct df_slice slice = df_slice_make(bytes + first, size);
        assert_int_equal(df_crc32(slice), df_crc32_bitwise(slice));
    }
}

static void snappy_lengths_that_lie_are_refused_before_room_is_made(void **state)
{
    (void)state;
    struct df_buf packed = {0};
    df_parquet_codec_compress(DF_PARQUET_SNAPPY, df_slice_text("hello hello hello hello"), &packed);
    struct df_slice bytes = df_buf_slice(&packed);
    uint8_t out[64];
    enum df_error_kind kind;
    assert_null(df_parquet_codec_verify(DF_PARQUET_SNAPPY, bytes, 23));
    assert_null(df_parquet_codec_decompress(DF_PARQUET_SNAPPY, bytes, out, 23, &kind));
    assert_memory_equal(out, "hello hello hello hello", 23);
    assert_non_null(df_parquet_codec_verify(DF_PARQUET_SNAPPY, bytes, 24));
    assert_non_null(df_parquet_codec_verify(DF_PARQUET_SNAPPY, df_slice_make(NULL, 0), 24));
    assert_null(df_parquet_codec_verify(DF_PARQUET_SNAPPY, df_slice_make(NULL, 0), 0));
    assert_non_null(
        df_parquet_codec_decompress(DF_PARQUET_SNAPPY, df_slice_make(bytes.data, bytes.size - 1), out, 23, &kind));
    static const uint8_t bomb[] = {0xff, 0xff, 0xff, 0xff, 0x07, 0}; /* 2^31 - 1 bytes out of one */
    assert_non_null(df_parquet_codec_verify(DF_PARQUET_SNAPPY, df_slice_make(bomb, sizeof bomb), 0x7fffffff));
    assert_null(df_parquet_codec_verify(DF_PARQUET_UNCOMPRESSED, bytes, bytes.size));
    assert_non_null(df_parquet_codec_verify(DF_PARQUET_UNCOMPRESSED, bytes, bytes.size + 1));
    df_buf_dispose(&packed);
}

/* The best that snappy does must pass the limit on what it can do. */
static void the_longest_runs_that_snappy_packs_are_accepted(void **state)
{
    (void)state;
    enum { BYTES = 10 * 1000 * 1000 };
    uint8_t *zeros = calloc(BYTES, 1);
    struct df_buf packed = {0};
    df_parquet_codec_compress(DF_PARQUET_SNAPPY, df_slice_make(zeros, BYTES), &packed);
    assert_null(df_parquet_codec_verify(DF_PARQUET_SNAPPY, df_buf_slice(&packed), BYTES));
    df_buf_dispose(&packed);
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rle_gives_back_what_was_put_in_steps_of_any_size),
        cmocka_unit_test(rle_of_any_bytes_is_what_the_slow_one_says),
        cmocka_unit_test(levels_are_those_of_the_general_decoder),
        cmocka_unit_test(rle_refuses_a_repeated_value_that_is_too_wide_and_bytes_that_end),
        cmocka_unit_test(a_packed_run_cut_short_gives_the_values_that_are_there),
        cmocka_unit_test(plain_numbers_are_little_endian_and_widened),
        cmocka_unit_test(plain_bools_start_at_any_bit),
        cmocka_unit_test(plain_bytes_are_slices_and_lengths_are_checked),
        cmocka_unit_test(dictionaries_hold_as_many_values_as_their_bytes),
        cmocka_unit_test(codes_are_checked_and_looked_up),
        cmocka_unit_test(crc32_is_that_of_gzip),
        cmocka_unit_test(snappy_lengths_that_lie_are_refused_before_room_is_made),
        cmocka_unit_test(the_longest_runs_that_snappy_packs_are_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
