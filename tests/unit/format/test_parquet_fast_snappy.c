/* Snappy of our own against the library: what the library packed, hand-made elements of every kind and size near both
 * ends, and damaged blocks, of which both must say the same. Blocks and room for them are pieces of memory of their
 * own, so that a sanitizer sees what is touched beyond them. */
#include <snappy-c.h>
#include <stdlib.h>

#include "base/buf.h"
#include "format/parquet/snappy.h"
#include "testing/testing.h"

/* A copy of exact size, and room of exact size. */
static bool decompress(struct df_slice block, size_t size, uint8_t **out)
{
    uint8_t *exact = malloc(block.size ? block.size : 1);
    if (block.size)
        memcpy(exact, block.data, block.size);
    *out = malloc(size ? size : 1);
    bool right = df_snappy_decompress(df_slice_make(exact, block.size), *out, size);
    free(exact);
    return right;
}

/* Both say the same of a block, and give the same bytes. */
static bool agrees(struct df_slice block)
{
    size_t size = 0;
    if (snappy_uncompressed_length((const char *)block.data, block.size, &size) != SNAPPY_OK || size > 1u << 22)
        return false;
    char *theirs = malloc(size ? size : 1);
    size_t got = size;
    bool right = snappy_uncompress((const char *)block.data, block.size, theirs, &got) == SNAPPY_OK && got == size;
    uint8_t *ours;
    assert_int_equal(decompress(block, size, &ours), right);
    if (right && size)
        assert_memory_equal(ours, theirs, size);
    free(ours);
    free(theirs);
    return right;
}

static void pack(struct df_buf *out, const uint8_t *bytes, size_t size)
{
    size_t packed = snappy_max_compressed_length(size);
    out->size = 0;
    uint8_t *place = df_buf_extend(out, packed);
    assert_int_equal(snappy_compress((const char *)bytes, size, (char *)place, &packed), SNAPPY_OK);
    out->size = packed;
}

enum { BYTES_MAX = 200000 };

/* Numbers of eight bytes, words, runs, and what cannot be packed. */
static void fill(uint64_t *random, uint8_t *bytes, size_t size)
{
    uint64_t kind = test_random(random) % 5, spread = 1 + test_random(random) % 100000;
    for (size_t i = 0; i < size; i++) {
        uint64_t number = test_random(random) % spread + (i / 8) * (kind == 1);
        if (kind < 2 && i % 8 == 0 && size - i >= 8)
            memcpy(bytes + i, &number, 8), i += 7;
        else if (kind == 2)
            bytes[i] = (uint8_t)("ab cd"[test_random(random) % 5]);
        else if (kind == 3)
            bytes[i] = i > 0 && number % 64 ? bytes[i - 1] : (uint8_t)number;
        else
            bytes[i] = (uint8_t)test_random(random);
    }
}

static void what_the_library_packs_is_unpacked(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    uint8_t *bytes = malloc(BYTES_MAX);
    struct df_buf packed = {0};
    for (int round = 0; round < 400; round++) {
        size_t size = test_random(&random) % (round % 8 ? 600 : BYTES_MAX);
        fill(&random, bytes, size);
        pack(&packed, bytes, size);
        assert_true(agrees(df_buf_slice(&packed)));
    }
    df_buf_dispose(&packed);
    free(bytes);
}

static void put_literal(struct df_buf *out, uint64_t *random, size_t size)
{
    size_t bytes = size > 60 || test_random(random) % 8 == 0 ? (size > 256 ? 2 : 1 + test_random(random) % 4) : 0;
    df_buf_put_u8(out, (uint8_t)((bytes ? 59 + bytes : size - 1) << 2));
    for (size_t i = 0; i < bytes; i++)
        df_buf_put_u8(out, (uint8_t)((size - 1) >> 8 * i));
    for (size_t i = 0; i < size; i++)
        df_buf_put_u8(out, (uint8_t)test_random(random));
}

static void put_copy(struct df_buf *out, uint64_t *random, size_t size, size_t offset)
{
    uint64_t kind = 1 + test_random(random) % 3;
    if (kind == 1 && size >= 4 && size <= 11 && offset < 2048) {
        df_buf_put_u8(out, (uint8_t)(1 | (size - 4) << 2 | offset >> 8 << 5));
        df_buf_put_u8(out, (uint8_t)offset);
        return;
    }
    size_t bytes = kind == 3 || offset > 0xffff ? 4 : 2;
    df_buf_put_u8(out, (uint8_t)((bytes == 4 ? 3 : 2) | (size - 1) << 2));
    for (size_t i = 0; i < bytes; i++)
        df_buf_put_u8(out, (uint8_t)(offset >> 8 * i));
}

/* Any elements that the format knows; one in `wrong_one_in` copies reaches before the beginning. */
static void make_block(struct df_buf *out, uint64_t *random, uint64_t wrong_one_in)
{
    struct df_buf elements = {0};
    size_t size = 0;
    for (uint64_t left = test_random(random) % 200; left > 0; left--) {
        size_t step = 1 + test_random(random) % (test_random(random) % 8 ? 9 : 64);
        if (size == 0 || test_random(random) % 2) {
            step = test_random(random) % 50 ? step : 200 + test_random(random) % 500;
            put_literal(&elements, random, step);
        } else {
            size_t reach = test_random(random) % 3 ? size < 20 ? size : 20 : size;
            bool wrong = wrong_one_in && test_random(random) % wrong_one_in == 0;
            size_t offset = wrong ? (test_random(random) % 2 ? 0 : size + 1) : 1 + test_random(random) % reach;
            put_copy(&elements, random, step, offset);
        }
        size += step;
    }
    if (wrong_one_in && test_random(random) % 8 == 0)
        size += test_random(random) % 3 - 1; /* and the length is one that it has not */
    out->size = 0;
    df_buf_put_varint(out, (uint32_t)size);
    df_buf_put_slice(out, df_buf_slice(&elements));
    df_buf_dispose(&elements);
}

static void elements_of_all_kinds_and_sizes_are_unpacked(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    struct df_buf block = {0};
    for (int round = 0; round < 3000; round++) {
        make_block(&block, &random, 0);
        assert_true(agrees(df_buf_slice(&block)));
    }
    df_buf_dispose(&block);
}

static void damaged_blocks_are_refused_as_the_library_does(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    struct df_buf block = {0};
    size_t refused = 0;
    for (int round = 0; round < 6000; round++) {
        make_block(&block, &random, round % 2 ? 100 : 0);
        struct df_slice bytes = df_buf_slice(&block);
        if (round % 3 == 0 && bytes.size > 4)
            block.data[test_random(&random) % bytes.size] = (uint8_t)test_random(&random);
        if (round % 5 == 0)
            bytes.size -= test_random(&random) % (bytes.size < 20 ? bytes.size : 20);
        refused += !agrees(bytes);
    }
    assert_true(refused > 500);
    df_buf_dispose(&block);
}

static void a_block_without_an_end_of_its_length_is_refused(void **state)
{
    (void)state;
    uint8_t *out;
    assert_false(decompress(df_slice_make("\xff\xff\xff\xff\xff\xff", 6), 10, &out));
    free(out);
    assert_false(decompress(df_slice_make("", 0), 10, &out));
    free(out);
    assert_false(decompress(df_slice_make("\x05\x04"
                                          "ab",
                                          4),
                            5, &out)); /* two bytes, five were said */
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_library_packs_is_unpacked),
        cmocka_unit_test(elements_of_all_kinds_and_sizes_are_unpacked),
        cmocka_unit_test(damaged_blocks_are_refused_as_the_library_does),
        cmocka_unit_test(a_block_without_an_end_of_its_length_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
