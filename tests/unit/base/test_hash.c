#include "testing/testing.h"

#include "base/hash.h"

/* Values of XXH3_64bits from the specification's own vectors (seed 0): they must be the same on every machine. */
static void test_the_hash_is_xxh3_on_every_machine(void **state)
{
    (void)state;
    assert_true(df_hash_bytes(df_slice_make(NULL, 0)) == UINT64_C(0x2D06800538D394C2));
    assert_true(df_hash_bytes(df_slice_text("a")) == UINT64_C(0xE6C632B61E964E1F));
    assert_true(df_hash_bytes(df_slice_text("abc")) == UINT64_C(0x78AF5F94892F3950));
}

static void test_equal_bytes_give_equal_numbers_wherever_they_lie(void **state)
{
    (void)state;
    uint8_t memory[300];
    for (size_t size = 0; size < 280; size++) {
        for (size_t i = 0; i < sizeof memory; i++)
            memory[i] = (uint8_t)(i * 7);
        uint64_t there = df_hash_bytes(df_slice_make(memory, size));
        memmove(memory + 3, memory, size);
        assert_true(df_hash_bytes(df_slice_make(memory + 3, size)) == there);
        if (size > 0) {
            memory[3 + size / 2] ^= 1;
            assert_true(df_hash_bytes(df_slice_make(memory + 3, size)) != there);
        }
    }
}

static uint64_t unhash(uint64_t x)
{
    /* The inverse of the finaliser, step by step backwards. */
    x = x ^ (x >> 31) ^ (x >> 62);
    x *= UINT64_C(0x319642B2D24D8EC3);
    x = x ^ (x >> 27) ^ (x >> 54);
    x *= UINT64_C(0x96DE1B173F119089);
    return x ^ (x >> 30) ^ (x >> 60);
}

static void test_the_hash_of_a_word_is_a_bijection(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 10000; i++) {
        uint64_t x = test_random(&seed) >> (i % 64);
        assert_true(unhash(df_hash_u64(x)) == x);
    }
}

static void test_neighbouring_words_fill_high_and_low_bits_evenly(void **state)
{
    (void)state;
    unsigned high[64] = {0}, low[64] = {0};
    for (uint64_t x = 0; x < 64000; x++) {
        high[df_hash_u64(x) >> 58]++;
        low[df_hash_u64(x) & 63]++;
    }
    for (size_t i = 0; i < 64; i++) {
        assert_in_range(high[i], 850, 1150);
        assert_in_range(low[i], 850, 1150);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_hash_is_xxh3_on_every_machine),
        cmocka_unit_test(test_equal_bytes_give_equal_numbers_wherever_they_lie),
        cmocka_unit_test(test_the_hash_of_a_word_is_a_bijection),
        cmocka_unit_test(test_neighbouring_words_fill_high_and_low_bits_evenly),
    };
    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
