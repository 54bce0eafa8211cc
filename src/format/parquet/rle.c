#include "format/parquet/rle.h"

#include <assert.h>

#include "base/bytes.h"

void df_rle_init(struct df_rle *rle, struct df_slice bytes, uint32_t width)
{
    static const uint8_t nothing[1];
    assert(width <= 32);
    const uint8_t *at = bytes.data ? bytes.data : nothing;
    *rle = (struct df_rle){.at = at, .end = at + bytes.size, .width = width, .unpack = df_unpack_best()};
}

uint32_t df_rle_width(uint32_t maximum)
{
    return maximum ? 32 - (uint32_t)__builtin_clz(maximum) : 0;
}

/* Headers are 32-bit numbers, so they have five bytes at most, and sizes made of them do not overflow. */
static bool take_header(struct df_rle *rle, uint64_t *header)
{
    *header = 0;
    for (unsigned shift = 0; shift < 35 && rle->at < rle->end; shift += 7) {
        uint8_t byte = *rle->at++;
        *header |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* Some writers cut the last run short where its values end, in the middle of a group: what is there counts. */
static void begin_packed(struct df_rle *rle, uint64_t groups)
{
    uint64_t bytes_left = (uint64_t)(rle->end - rle->at);
    rle->packed = true;
    rle->bit = 0;
    if (rle->width == 0 || groups <= bytes_left / rle->width) {
        rle->packed_bytes = groups * rle->width;
        rle->left = groups * 8;
    } else {
        rle->packed_bytes = bytes_left;
        rle->left = bytes_left * 8 / rle->width;
    }
}

static bool begin_repeated(struct df_rle *rle, uint64_t count)
{
    size_t bytes = (rle->width + 7) / 8;
    if ((size_t)(rle->end - rle->at) < bytes)
        return false;
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint32_t)rle->at[i] << 8 * i;
    if (rle->width < 32 && value >> rle->width != 0)
        return false;
    rle->at += bytes;
    rle->packed = false;
    rle->value = value;
    rle->left = count;
    return true;
}

/* Steps to the next run that has values. */
static bool next_run(struct df_rle *rle)
{
    while (rle->left == 0) {
        uint64_t header;
        if (rle->packed)
            rle->at += rle->packed_bytes;
        rle->packed = false;
        bool begun = take_header(rle, &header);
        if (begun && header & 1)
            begin_packed(rle, header >> 1);
        else if (!begun || !begin_repeated(rle, header >> 1)) {
            rle->at = rle->end; /* a failure sticks: whoever asks again, in another way, must not read on behind it */
            return false;
        }
    }
    return true;
}

/* From the run's first byte on: beyond the run, too, so that the last values of it can be loaded like others. */
static uint64_t bytes_left(const struct df_rle *rle)
{
    return (uint64_t)(rle->end - rle->at);
}

bool df_rle_take_greatest(struct df_rle *rle, uint32_t *out, size_t n, uint32_t *greatest)
{
    *greatest = 0;
    while (n > 0) {
        if (!next_run(rle))
            return false;
        size_t step = rle->left < n ? (size_t)rle->left : n;
        uint32_t of_step = rle->value;
        if (rle->packed) {
            of_step = rle->unpack(rle->at, bytes_left(rle), rle->bit, rle->width, out, step);
            rle->bit += (uint64_t)step * rle->width;
        } else {
            for (size_t i = 0; i < step; i++)
                out[i] = rle->value;
        }
        *greatest = of_step > *greatest ? of_step : *greatest;
        rle->left -= step;
        out += step;
        n -= step;
    }
    return true;
}

bool df_rle_take(struct df_rle *rle, uint32_t *out, size_t n)
{
    uint32_t greatest;
    return df_rle_take_greatest(rle, out, n, &greatest);
}

/* A bit to each byte of eight, the lowest first: byte i keeps bit i of a copy, which then carries into its highest. */
static uint64_t spread_bits(uint8_t bits)
{
    uint64_t one_each = (uint64_t)bits * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
    return (one_each + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101);
}

static size_t unpack_bits(const uint8_t *from, uint64_t bit, uint8_t *out, size_t n)
{
    size_t ones = 0, i = 0;
    for (; i < n && bit % 8 != 0; i++, bit++) {
        out[i] = from[bit >> 3] >> (bit & 7) & 1;
        ones += out[i];
    }
    for (; n - i >= 8; i += 8, bit += 8) {
        df_store_u64le(out + i, spread_bits(from[bit >> 3]));
        ones += (size_t)__builtin_popcount(from[bit >> 3]);
    }
    for (; i < n; i++, bit++) {
        out[i] = from[bit >> 3] >> (bit & 7) & 1;
        ones += out[i];
    }
    return ones;
}

bool df_rle_take_bits(struct df_rle *rle, uint8_t *out, size_t n, size_t *ones)
{
    assert(rle->width == 1);
    *ones = 0;
    while (n > 0) {
        if (!next_run(rle))
            return false;
        size_t step = rle->left < n ? (size_t)rle->left : n;
        if (rle->packed) {
            *ones += unpack_bits(rle->at, rle->bit, out, step);
            rle->bit += step;
        } else {
            memset(out, (int)rle->value, step);
            *ones += rle->value ? step : 0;
        }
        rle->left -= step;
        out += step;
        n -= step;
    }
    return true;
}

bool df_rle_take_repeated(struct df_rle *rle, uint32_t value, size_t n)
{
    if (rle->left == 0 && !next_run(rle))
        return false;
    if (rle->packed || rle->value != value || rle->left < n)
        return false;
    rle->left -= n;
    return true;
}

/* ---- writing ---- */

static void put_repeated(struct df_buf *out, uint32_t value, size_t count, uint32_t width)
{
    df_buf_put_varint(out, (uint64_t)count << 1);
    for (uint32_t shift = 0; shift < width; shift += 8)
        df_buf_put_u8(out, (uint8_t)(value >> shift));
}

/* The last group is filled up with zeros. */
static void put_packed(struct df_buf *out, const uint32_t *values, size_t n, uint32_t width)
{
    size_t groups = (n + 7) / 8;
    if (groups == 0)
        return;
    df_buf_put_varint(out, (uint64_t)groups << 1 | 1);
    uint8_t *to = df_buf_extend(out, groups * width);
    if (!to)
        return;
    uint64_t pending = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < groups * 8; i++) {
        pending |= (i < n ? (uint64_t)values[i] : 0) << bits;
        for (bits += width; bits >= 8; bits -= 8, pending >>= 8)
            *to++ = (uint8_t)pending;
    }
}

static size_t run_length(const uint32_t *values, size_t n)
{
    size_t length = 1;
    while (length < n && values[length] == values[0])
        length++;
    return length;
}

void df_rle_put(struct df_buf *out, const uint32_t *values, size_t n, uint32_t width)
{
    /* A repeated run must save more than the headers around it cost, or it only makes reading slower. */
    const size_t worthwhile = width >= 8 ? 8 : width ? 64 / width : 8;
    if (n == 0)
        return;
    size_t packed_begin = 0, i = 0;
    while (i < n) {
        size_t length = run_length(values + i, n - i);
        size_t fill = (8 - (i - packed_begin) % 8) % 8; /* packed values come in eights */
        if (length < fill + worthwhile) {
            i += length;
            continue;
        }
        i += fill;
        put_packed(out, values + packed_begin, i - packed_begin, width);
        put_repeated(out, values[i], length - fill, width);
        i += length - fill;
        packed_begin = i;
    }
    put_packed(out, values + packed_begin, n - packed_begin, width);
}
