/* Packed numbers: each version of the unpacker against one that takes bit after bit, for all widths, beginnings, counts
 * and ends; the bytes are a piece of memory of their own, so that a sanitizer sees what is read beyond them. */
#include <stdlib.h>

#include "format/parquet/rle.h"
#include "testing/testing.h"

enum { VALUES_MAX = 300, BYTES_MAX = 1300 };

static uint32_t bit_after_bit(const uint8_t *from, uint64_t bytes, uint64_t bit, uint32_t width, uint32_t *out,
                              size_t n)
{
    uint32_t greatest = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = 0;
        for (uint32_t b = 0; b < width; b++, bit++)
            if (bit / 8 < bytes && from[bit / 8] >> bit % 8 & 1)
                out[i] |= UINT32_C(1) << b;
        greatest = out[i] > greatest ? out[i] : greatest;
    }
    return greatest;
}

static void check(df_unpack_fn *unpack, const uint8_t *from, uint64_t bytes, uint64_t bit, uint32_t width, size_t n)
{
    uint32_t right[VALUES_MAX], out[VALUES_MAX + 1];
    uint32_t greatest = bit_after_bit(from, bytes, bit, width, right, n);
    out[n] = 0xfeedbeef;
    assert_int_equal(unpack(from, bytes, bit, width, out, n), greatest);
    if (memcmp(out, right, n * sizeof *out) != 0)
        fail_msg("width %u, bit %llu, %zu values of %llu bytes differ", width, (unsigned long long)bit, n,
                 (unsigned long long)bytes);
    assert_int_equal(out[n], 0xfeedbeef);
}

static void check_random(df_unpack_fn *unpack)
{
    uint64_t random = test_seed();
    for (int round = 0; round < 8000; round++) {
        uint32_t width = (uint32_t)round % 33;
        uint64_t bit = test_random(&random) % 2 ? test_random(&random) % 40 : test_random(&random) % 8 * width;
        size_t n = test_random(&random) % (round % 4 ? 40 : VALUES_MAX + 1);
        uint64_t bytes = (bit + (uint64_t)n * width + 7) / 8 + test_random(&random) % 40; /* and what follows a run */
        if (round % 7 == 0 && bytes > 3)
            bytes -= test_random(&random) % 3; /* and less than there should be */
        assert_true(bytes <= BYTES_MAX + 40);
        uint8_t *from = malloc(bytes ? bytes : 1);
        for (uint64_t i = 0; i < bytes; i++)
            from[i] = (uint8_t)test_random(&random);
        check(unpack, from, bytes, bit, width, n);
        free(from);
    }
}

static void scalar_unpacks_what_lies_there(void **state)
{
    (void)state;
    check_random(df_unpack_scalar);
}

static void avx2_unpacks_the_same(void **state)
{
    (void)state;
#ifdef DF_CPU_AVX2
    if (df_cpu_has_avx2()) {
        check_random(df_unpack_avx2);
        assert_true(df_unpack_best() == df_unpack_avx2);
        return;
    }
#endif
    assert_true(df_unpack_best() == df_unpack_scalar);
}

/* Runs of both kinds in steps of any size, with the vector code and without it. */
static void runs_are_the_same_with_either_version(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    static uint32_t values[5000], fast[5000], slow[5000];
    for (int round = 0; round < 300; round++) {
        uint32_t width = 1 + (uint32_t)test_random(&random) % 20, greatest_fast, greatest_slow;
        size_t n = test_random(&random) % 5000;
        for (size_t i = 0; i < n; i++)
            values[i] = i > 0 && test_random(&random) % 100 < 80 ? values[i - 1]
                                                                 : (uint32_t)test_random(&random) % (1u << width);
        struct df_buf packed = {0};
        df_rle_put(&packed, values, n, width);
        struct df_rle best, scalar;
        df_rle_init(&best, df_buf_slice(&packed), width);
        df_rle_init(&scalar, df_buf_slice(&packed), width);
        scalar.unpack = df_unpack_scalar;
        for (size_t done = 0, step; done < n; done += step) {
            step = 1 + test_random(&random) % (n - done);
            assert_true(df_rle_take_greatest(&best, fast + done, step, &greatest_fast));
            assert_true(df_rle_take_greatest(&scalar, slow + done, step, &greatest_slow));
            assert_int_equal(greatest_fast, greatest_slow);
            uint32_t greatest = 0;
            for (size_t i = 0; i < step; i++)
                greatest = values[done + i] > greatest ? values[done + i] : greatest;
            assert_int_equal(greatest_fast, greatest);
        }
        assert_memory_equal(fast, values, n * sizeof *fast);
        assert_memory_equal(slow, values, n * sizeof *slow);
        df_buf_dispose(&packed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalar_unpacks_what_lies_there),
        cmocka_unit_test(avx2_unpacks_the_same),
        cmocka_unit_test(runs_are_the_same_with_either_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
