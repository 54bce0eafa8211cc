#include "format/parquet/delta.h"

#include "base/bytes.h"

static bool take_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        if (shift == 63 && byte > 1)
            return false;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static bool take_zigzag(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    uint64_t value;
    if (!take_varint(at, end, &value))
        return false;
    *out = (value >> 1) ^ (UINT64_C(0) - (value & 1));
    return true;
}

bool df_delta_init(struct df_delta *delta, struct df_slice bytes, uint64_t values_max)
{
    static const uint8_t nothing[1];
    const uint8_t *at = bytes.data ? bytes.data : nothing;
    /* Blocks of a million values are rare, those of more are lies that make products overflow. */
    const uint64_t block_values_max = UINT64_C(1) << 31;
    uint64_t block_values;
    *delta = (struct df_delta){.at = at, .end = at + bytes.size, .first = true};
    if (!take_varint(&delta->at, delta->end, &block_values) ||
        !take_varint(&delta->at, delta->end, &delta->miniblocks) ||
        !take_varint(&delta->at, delta->end, &delta->left) || !take_zigzag(&delta->at, delta->end, &delta->value))
        return false;
    if (block_values == 0 || block_values > block_values_max || delta->miniblocks == 0 ||
        delta->miniblocks > block_values || delta->left > values_max || block_values % delta->miniblocks != 0)
        return false;
    delta->miniblock_values = block_values / delta->miniblocks;
    return delta->miniblock_values % 8 == 0; /* so that miniblocks end with a byte */
}

static bool begin_block(struct df_delta *delta)
{
    if (!take_zigzag(&delta->at, delta->end, &delta->least) || delta->miniblocks > (size_t)(delta->end - delta->at))
        return false;
    delta->widths = delta->at;
    delta->at += delta->miniblocks;
    delta->miniblocks_left = delta->miniblocks;
    return true;
}

/* What is there of a miniblock that was cut where its last value ends counts. */
static bool begin_miniblock(struct df_delta *delta)
{
    if (delta->miniblocks_left == 0 && !begin_block(delta))
        return false;
    delta->width = *delta->widths++;
    delta->miniblocks_left--;
    if (delta->width > 64)
        return false;
    uint64_t bytes = delta->miniblock_values / 8 * delta->width, have = (uint64_t)(delta->end - delta->at);
    delta->packed = delta->at;
    delta->packed_bytes = bytes < have ? bytes : have;
    delta->at += delta->packed_bytes;
    delta->packed_left = delta->miniblock_values;
    delta->bit = 0;
    return true;
}

static uint64_t mask_of(uint32_t width)
{
    return width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

/* One value from up to nine bytes, of which some may lie behind the end. */
static uint64_t load_bits(const uint8_t *from, uint64_t bytes, uint64_t bit, uint32_t width)
{
    uint8_t near_end[16] = {0};
    uint64_t byte = bit >> 3;
    uint32_t shift = bit & 7;
    if (byte < bytes)
        memcpy(near_end, from + byte, bytes - byte < 9 ? (size_t)(bytes - byte) : 9);
    uint64_t low = df_load_u64le(near_end) >> shift;
    uint64_t high = shift ? (uint64_t)near_end[8] << (64 - shift) : 0;
    return (low | high) & mask_of(width);
}

/* n packed values; they lie inside of the `bytes` bytes, all of which may be loaded, those behind the values as well.
 */
static void unpack(const uint8_t *from, uint64_t bytes, uint64_t bit, uint32_t width, uint64_t *out, size_t n)
{
    size_t i = 0;
    const uint64_t mask = mask_of(width);
    /* As long as eight bytes can be loaded and hold the value with its shift. */
    if (width > 0 && width <= 57 && bytes >= 8) {
        uint64_t last = (bytes - 8) * 8 + 7;
        uint64_t fit = bit <= last ? (last - bit) / width + 1 : 0;
        size_t fast = fit < n ? (size_t)fit : n;
        for (; i < fast; i++, bit += width)
            out[i] = df_load_u64le(from + (bit >> 3)) >> (bit & 7) & mask;
    }
    for (; i < n; i++, bit += width)
        out[i] = load_bits(from, bytes, bit, width);
}

static uint64_t add_up(uint64_t value, uint64_t least, int64_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        value += least + (uint64_t)values[i];
        values[i] = (int64_t)value;
    }
    return value;
}

static bool take_packed(struct df_delta *delta, int64_t *out, size_t n)
{
    if ((uint64_t)n * delta->width > delta->packed_bytes * 8 - delta->bit)
        return false;
    if (delta->width == 0)
        memset(out, 0, n * sizeof *out);
    else
        unpack(delta->packed, (uint64_t)(delta->end - delta->packed), delta->bit, delta->width, (uint64_t *)(void *)out,
               n);
    delta->bit += (uint64_t)n * delta->width;
    delta->packed_left -= n;
    delta->value = add_up(delta->value, delta->least, out, n);
    return true;
}

bool df_delta_take(struct df_delta *delta, int64_t *out, size_t n)
{
    if (n > delta->left)
        return false;
    delta->left -= n;
    if (n > 0 && delta->first) {
        delta->first = false;
        *out++ = (int64_t)delta->value;
        n--;
    }
    while (n > 0) {
        if (delta->packed_left == 0 && !begin_miniblock(delta))
            return false;
        size_t step = delta->packed_left < n ? (size_t)delta->packed_left : n;
        if (!take_packed(delta, out, step))
            return false;
        out += step;
        n -= step;
    }
    return true;
}

void df_delta_wrap_int32s(int64_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (int32_t)(uint32_t)(uint64_t)values[i];
}

void df_delta_wrap_uint32s(int64_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (uint32_t)(uint64_t)values[i];
}
