/* Snappy of our own against a decoder of one byte at a time, which is the format's description and nothing else: each
 * offset with each size, literals of all sizes, all lengths of columns of numbers, and blocks cut at every byte and
 * with every bit turned, of which both must say the same. Blocks and room for them are pieces of memory of their own,
 * so that a sanitizer sees what is touched beyond them. What the library packs: test_parquet_fast_snappy.c. */
#include <snappy-c.h>
#include <stdlib.h>

#include "base/buf.h"
#include "format/parquet/snappy.h"
#include "testing/testing.h"

struct reader {
    struct df_slice block;
    size_t at;
};

/* The next `bytes` bytes, little-endian; false at the end. */
static bool number(struct reader *reader, size_t bytes, uint64_t *value)
{
    *value = 0;
    if (bytes > reader->block.size - reader->at)
        return false;
    for (size_t i = 0; i < bytes; i++)
        *value |= (uint64_t)reader->block.data[reader->at++] << 8 * i;
    return true;
}

static bool length(struct reader *reader, uint64_t *value)
{
    uint64_t byte = 0x80;
    *value = 0;
    for (unsigned i = 0; i < 5 && byte & 0x80; i++) {
        if (!number(reader, 1, &byte))
            return false;
        *value |= (byte & 0x7f) << 7 * i;
    }
    return !(byte & 0x80) && *value <= UINT32_MAX;
}

static bool element(struct reader *reader, struct df_buf *out)
{
    uint64_t tag, offset, byte;
    if (!number(reader, 1, &tag))
        return false;
    uint64_t kind = tag & 3, size = kind == 1 ? (tag >> 2 & 7) + 4 : (tag >> 2) + 1;
    if (kind == 0) {
        if (size > 60 && !number(reader, size - 60, &size))
            return false;
        size += tag >> 2 >= 60;
    } else {
        if (!number(reader, kind == 3 ? 4 : kind, &offset))
            return false;
        offset |= kind == 1 ? tag >> 5 << 8 : 0;
        if (offset == 0 || offset > out->size)
            return false;
    }
    for (; size > 0; size--) {
        if (kind != 0)
            byte = out->data[out->size - offset];
        else if (!number(reader, 1, &byte))
            return false;
        df_buf_put_u8(out, (uint8_t)byte);
    }
    return true;
}

static bool obvious(struct df_slice block, size_t size, struct df_buf *out)
{
    struct reader reader = {.block = block};
    uint64_t said;
    out->size = 0;
    if (!length(&reader, &said) || said != size)
        return false;
    while (reader.at < block.size)
        if (!element(&reader, out) || out->size > size)
            return false;
    return out->size == size;
}

/* Both say the same of a block, and give the same bytes; what they say. */
static bool agrees(struct df_slice block, size_t size)
{
    struct df_buf expected = {0};
    uint8_t *exact = malloc(block.size ? block.size : 1), *out = malloc(size ? size : 1);
    memcpy(exact, block.data, block.size);
    bool right = obvious(block, size, &expected);
    assert_int_equal(df_snappy_decompress(df_slice_make(exact, block.size), out, size), right);
    if (right && size)
        assert_memory_equal(out, expected.data, size);
    df_buf_dispose(&expected);
    free(exact);
    free(out);
    return right;
}

/* Elements, and how many bytes they make. */
struct maker {
    struct df_buf elements;
    uint64_t random;
    size_t size;
};

static void put_u16(struct df_buf *buf, size_t value)
{
    df_buf_put_u8(buf, (uint8_t)value);
    df_buf_put_u8(buf, (uint8_t)(value >> 8));
}

static void put_literal(struct maker *maker, size_t size)
{
    if (size <= 60) {
        df_buf_put_u8(&maker->elements, (uint8_t)((size - 1) << 2));
    } else {
        df_buf_put_u8(&maker->elements, 61 << 2);
        put_u16(&maker->elements, size - 1);
    }
    for (size_t i = 0; i < size; i++)
        df_buf_put_u8(&maker->elements, (uint8_t)test_random(&maker->random));
    maker->size += size;
}

static void put_copy(struct maker *maker, size_t offset, size_t size)
{
    df_buf_put_u8(&maker->elements, (uint8_t)(2 | (size - 1) << 2));
    put_u16(&maker->elements, offset);
    maker->size += size;
}

static void put_far_copy(struct maker *maker, uint32_t offset, size_t size)
{
    df_buf_put_u8(&maker->elements, (uint8_t)(3 | (size - 1) << 2));
    df_buf_put_u32le(&maker->elements, offset);
    maker->size += size;
}

/* Numbers of eight bytes as the library packs them: a literal of two to four and the rest from before. */
static void put_numbers(struct maker *maker, size_t count)
{
    if (maker->size == 0 && count > 0) {
        put_literal(maker, 8);
        count--;
    }
    for (; count > 0; count--) {
        size_t size = 2 + test_random(&maker->random) % 3;
        put_literal(maker, size);
        df_buf_put_u8(&maker->elements, (uint8_t)(1 | (8 - size - 4) << 2));
        df_buf_put_u8(&maker->elements, 8);
        maker->size += 8 - size;
    }
}

static void block_of(const struct maker *maker, struct df_buf *block)
{
    block->size = 0;
    df_buf_put_varint(block, maker->size);
    df_buf_put_slice(block, df_buf_slice(&maker->elements));
}

/* What `maker` has, and the numbers that lie behind it: enough of them that it
 * is not near an end. */
static bool agrees_far_from_the_end(struct maker *maker, size_t numbers)
{
    struct df_buf block = {0};
    put_numbers(maker, numbers);
    block_of(maker, &block);
    bool right = agrees(df_buf_slice(&block), maker->size);
    df_buf_dispose(&block);
    df_buf_dispose(&maker->elements);
    return right;
}

static void every_offset_and_size_repeats_as_it_should(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (size_t offset = 1; offset <= 40; offset++)
        for (size_t size = 1; size <= 64; size++)
            for (size_t behind = 0; behind <= 40; behind += 20) {
                struct maker maker = {.random = random + offset * size};
                put_literal(&maker, 50);
                put_copy(&maker, offset, size);
                put_copy(&maker, offset + 1, size);
                assert_true(agrees_far_from_the_end(&maker, behind));
            }
}

static void literals_of_every_size_stand_before_literals_and_copies(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (size_t size = 1; size <= 300; size++)
        for (size_t behind = 0; behind <= 40; behind += 5) {
            struct maker maker = {.random = random + size};
            put_numbers(&maker, 4);
            put_literal(&maker, size);
            put_literal(&maker, 1 + size % 7);
            put_literal(&maker, size);
            put_copy(&maker, 1 + size % 30, 1 + size % 64);
            assert_true(agrees_far_from_the_end(&maker, behind));
        }
}

static void an_offset_of_four_bytes_is_read_in_the_middle_too(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (uint32_t offset = 1; offset <= 80; offset++) {
        struct maker maker = {.random = random};
        put_numbers(&maker, 10);
        put_far_copy(&maker, offset, 1 + offset % 64);
        assert_true(agrees_far_from_the_end(&maker, 40));
    }
}

static void offsets_before_the_beginning_are_refused_wherever_they_are(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (size_t before = 1; before < 40; before++)
        for (unsigned kind = 0; kind < 4; kind++) {
            struct maker maker = {.random = random};
            put_numbers(&maker, before);
            size_t written = maker.size;
            if (kind < 2)
                put_copy(&maker, kind == 0 ? written + 1 : 0, 8);
            else
                put_far_copy(&maker, kind == 2 ? (uint32_t)written + 1 : UINT32_MAX, 8);
            assert_false(agrees_far_from_the_end(&maker, 40));
        }
}

/* Copies of 64 behind a literal make much of little: there the input ends long before the output does. */
static void literals_near_the_end_of_the_input_alone_are_read_no_further_than_it(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    for (size_t size = 1; size <= 64; size++)
        for (size_t copies = 0; copies <= 30; copies++) {
            struct maker maker = {.random = random + size};
            put_numbers(&maker, 4);
            put_literal(&maker, size);
            for (size_t i = 0; i < copies; i++)
                put_copy(&maker, 20, 64);
            assert_true(agrees_far_from_the_end(&maker, 0));
        }
}

/* Elements of every sort, again and again, and lengths that are said to be anything but what they make. */
static void a_block_that_makes_more_than_it_says_is_refused_before_it_writes_it(void **state)
{
    (void)state;
    struct maker maker = {.random = test_seed()};
    struct df_buf block = {0};
    put_numbers(&maker, 4);
    for (size_t i = 0; i < 40; i++) {
        put_copy(&maker, i % 3 ? 30 : 15, 64);
        if (i % 7 == 0)
            put_literal(&maker, i % 4 + 1);
        if (i % 5 == 0)
            put_literal(&maker, 60);
    }
    size_t made = maker.size;
    for (maker.size = 0; maker.size < made; maker.size++) {
        block_of(&maker, &block);
        assert_false(agrees(df_buf_slice(&block), maker.size));
    }
    df_buf_dispose(&maker.elements);
    df_buf_dispose(&block);
}

/* Numbers below 2^22, as ids of users are, packed by the library. */
static void pack_numbers(struct df_buf *block, uint64_t *random, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = i % 8 < 3 ? (uint8_t)(test_random(random) & (i % 8 == 2 ? 0x3f : 0xff)) : 0;
    size_t packed = snappy_max_compressed_length(size);
    block->size = 0;
    assert_int_equal(snappy_compress((const char *)bytes, size, (char *)df_buf_extend(block, packed), &packed),
                     SNAPPY_OK);
    block->size = packed;
}

static void columns_of_numbers_end_anywhere(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    uint8_t bytes[1000];
    struct df_buf block = {0};
    for (size_t size = 0; size <= sizeof bytes; size++) {
        pack_numbers(&block, &random, bytes, size);
        assert_true(agrees(df_buf_slice(&block), size));
        assert_false(agrees(df_buf_slice(&block), size + 1));
        if (size > 0)
            assert_false(agrees(df_buf_slice(&block), size - 1));
    }
    df_buf_dispose(&block);
}

static void a_block_cut_at_any_byte_or_with_any_bit_turned_is_judged_as_the_format_says(void **state)
{
    (void)state;
    uint64_t random = test_seed();
    uint8_t bytes[600];
    struct df_buf block = {0};
    pack_numbers(&block, &random, bytes, sizeof bytes);
    for (size_t size = 0; size < block.size; size++)
        assert_false(agrees(df_slice_make(block.data, size), sizeof bytes));
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * block.size; bit++) {
        block.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        refused += !agrees(df_buf_slice(&block), sizeof bytes);
        block.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused > block.size);
    df_buf_dispose(&block);
}

static void elements_of_any_kind_with_any_bit_turned_are_judged_as_the_format_says(void **state)
{
    (void)state;
    struct maker maker = {.random = test_seed()};
    struct df_buf block = {0};
    for (size_t i = 0; i < 30; i++) {
        put_numbers(&maker, 5);
        put_literal(&maker, 1 + i * 3);
        put_copy(&maker, 1 + i, 2 * i + 1);
        put_far_copy(&maker, 30, 20);
    }
    block_of(&maker, &block);
    assert_true(agrees(df_buf_slice(&block), maker.size));
    for (size_t bit = 0; bit < 8 * block.size; bit++) {
        block.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        agrees(df_buf_slice(&block), maker.size);
        block.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    df_buf_dispose(&maker.elements);
    df_buf_dispose(&block);
}

static void the_length_at_the_beginning_has_at_most_32_bits(void **state)
{
    (void)state;
    static const char padded[] = "\x82\x80\x80\x80\x00\x04yz", over[] = "\x82\x80\x80\x80\x10\x04yz",
                      long_one[] = "\x82\x80\x80\x80\x80\x00\x04yz";
    assert_true(agrees(df_slice_make(padded, sizeof padded - 1), 2));
    assert_false(agrees(df_slice_make(over, sizeof over - 1), 2));
    assert_false(agrees(df_slice_make(long_one, sizeof long_one - 1), 2));
    assert_false(df_snappy_decompress(df_slice_make(NULL, 0), (uint8_t[1]){0}, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_offset_and_size_repeats_as_it_should),
        cmocka_unit_test(literals_of_every_size_stand_before_literals_and_copies),
        cmocka_unit_test(an_offset_of_four_bytes_is_read_in_the_middle_too),
        cmocka_unit_test(offsets_before_the_beginning_are_refused_wherever_they_are),
        cmocka_unit_test(literals_near_the_end_of_the_input_alone_are_read_no_further_than_it),
        cmocka_unit_test(a_block_that_makes_more_than_it_says_is_refused_before_it_writes_it),
        cmocka_unit_test(columns_of_numbers_end_anywhere),
        cmocka_unit_test(a_block_cut_at_any_byte_or_with_any_bit_turned_is_judged_as_the_format_says),
        cmocka_unit_test(elements_of_any_kind_with_any_bit_turned_are_judged_as_the_format_says),
        cmocka_unit_test(the_length_at_the_beginning_has_at_most_32_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
