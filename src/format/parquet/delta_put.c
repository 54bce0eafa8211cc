/* Writing DELTA_BINARY_PACKED: blocks of 128 differences in four miniblocks. */
#include "base/bytes.h"
#include "format/parquet/delta.h"

enum { BLOCK = 128, MINIBLOCKS = 4, MINIBLOCK = BLOCK / MINIBLOCKS };

/* The numbers as they are packed: those of 32 bits wrap there, so that no miniblock is wider. */
struct source {
    const uint8_t *plain;
    bool narrow;
};

static uint64_t number_at(const struct source *source, size_t i)
{
    if (source->narrow)
        return (uint64_t)(int64_t)(int32_t)df_load_u32le(source->plain + i * 4);
    return df_load_u64le(source->plain + i * 8);
}

/* Of the number at i to the one before it, as a signed number. */
static int64_t difference_at(const struct source *source, size_t i)
{
    uint64_t difference = number_at(source, i) - number_at(source, i - 1);
    return source->narrow ? (int32_t)(uint32_t)difference : (int64_t)difference;
}

static void put_zigzag(struct df_buf *out, int64_t value)
{
    df_buf_put_varint(out, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

static unsigned bits_of(uint64_t value)
{
    return value ? 64 - (unsigned)__builtin_clzll(value) : 0;
}

static void pack(uint8_t *to, const uint64_t *values, unsigned width)
{
    for (size_t i = 0; i < MINIBLOCK; i++)
        for (unsigned bit = 0; bit < width;) {
            size_t at = i * width + bit;
            unsigned shift = at % 8;
            unsigned room = 8 - shift < width - bit ? 8 - shift : width - bit;
            uint64_t part = values[i] >> bit & ((UINT64_C(1) << room) - 1);
            to[at / 8] = (uint8_t)(to[at / 8] | part << shift);
            bit += room;
        }
}

/* Differences [begin, end) of the source as one block; its last miniblock is filled up with zeros, and those behind
 * it have no bits. */
static void put_block(struct df_buf *out, const struct source *source, size_t begin, size_t end)
{
    uint64_t values[BLOCK] = {0}, all[MINIBLOCKS] = {0};
    int64_t least = difference_at(source, begin);
    for (size_t i = begin + 1; i < end; i++) {
        int64_t difference = difference_at(source, i);
        least = difference < least ? difference : least;
    }
    for (size_t i = begin; i < end; i++) {
        values[i - begin] = (uint64_t)difference_at(source, i) - (uint64_t)least;
        all[(i - begin) / MINIBLOCK] |= values[i - begin];
    }
    put_zigzag(out, least);
    for (size_t m = 0; m < MINIBLOCKS; m++)
        df_buf_put_u8(out, (uint8_t)bits_of(all[m]));
    for (size_t m = 0; m < MINIBLOCKS; m++) {
        unsigned width = bits_of(all[m]);
        uint8_t *to = df_buf_extend(out, (size_t)width * MINIBLOCK / 8);
        if (!to)
            return;
        memset(to, 0, (size_t)width * MINIBLOCK / 8);
        pack(to, values + m * MINIBLOCK, width);
    }
}

void df_delta_put(struct df_buf *out, const uint8_t *plain, size_t n, size_t width_bytes)
{
    struct source source = {.plain = plain, .narrow = width_bytes == 4};
    df_buf_put_varint(out, BLOCK);
    df_buf_put_varint(out, MINIBLOCKS);
    df_buf_put_varint(out, n);
    put_zigzag(out, n > 0 ? (int64_t)number_at(&source, 0) : 0);
    for (size_t begin = 1; begin < n; begin += BLOCK)
        put_block(out, &source, begin, n - begin < BLOCK ? n : begin + BLOCK);
}
