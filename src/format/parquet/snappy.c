#include "format/parquet/snappy.h"

#include "base/bytes.h"

enum {
    /* What short_elements reads from its place on (a literal of four bytes, a copy and the eight bytes behind it; or a
     * literal of 16 and eight bytes), and what it writes (a literal of four, a copy of 64 and what `repeat` adds), each
     * rounded up. */
    IN_SLACK = 32,
    OUT_SLACK = 96,
    NEAR = 16,         /* copies from nearer than this overlap a move of 16 bytes */
    LITERAL_MAX = 60,  /* of short_elements: longer ones have their size behind the tag */
    EXPANSION_MAX = 22 /* bytes out for one in, at most: a copy of 64 is three bytes */
};

struct block {
    const uint8_t *in, *in_end;
    uint8_t *begin, *to, *end; /* what was written is [begin, to) */
};

/* What a tag says of a copy. The offset is the bytes behind the tag under the mask, and what the tag has of it; 0,
 * which is none, where it has four bytes: short_elements leaves those to `copy`. */
struct copy {
    uint32_t offset;
    uint16_t mask;
    uint16_t size;
};

#define COPY(tag)                                                                                                      \
    {                                                                                                                  \
        .offset = ((tag)&3u) == 1 ? ((tag) >> 5) << 8 : 0,                                                             \
        .mask = ((tag)&3u) == 1   ? 0xff                                                                               \
                : ((tag)&3u) == 2 ? 0xffff                                                                             \
                                  : 0,                                                                                 \
        .size = ((tag)&3u) == 1 ? ((tag) >> 2 & 7u) + 4 : ((tag) >> 2) + 1                                             \
    }
#define COPY4(tag)  COPY(tag), COPY((tag) + 1u), COPY((tag) + 2u), COPY((tag) + 3u)
#define COPY16(tag) COPY4(tag), COPY4((tag) + 4u), COPY4((tag) + 8u), COPY4((tag) + 12u)
#define COPY64(tag) COPY16(tag), COPY16((tag) + 16u), COPY16((tag) + 32u), COPY16((tag) + 48u)
static const struct copy copies[256] = {COPY64(0u), COPY64(64u), COPY64(128u), COPY64(192u)};

/* Up to eight bytes repeated make eight: bytes & mask, times `times`; the next eight begin `step` later, the greatest
 * multiple of the offset up to eight. */
struct pattern {
    uint64_t mask, times;
    size_t step;
};

static const struct pattern patterns[9] = {
    [1] = {0xff, 0x0101010101010101, 8},
    [2] = {0xffff, 0x0001000100010001, 8},
    [3] = {0xffffff, 0x0001000001000001, 6},
    [4] = {0xffffffff, 0x0000000100000001, 8},
    [5] = {0xffffffffff, 0x0000010000000001, 5},
    [6] = {0xffffffffffff, 0x0001000000000001, 6},
    [7] = {0xffffffffffffff, 0x0100000000000001, 7},
    [8] = {0xffffffffffffffff, 1, 8},
};

static inline void move16(uint8_t *to, const uint8_t *from)
{
    uint8_t bytes[16];
    memcpy(bytes, from, sizeof bytes);
    memcpy(to, bytes, sizeof bytes);
}

/* In this order: right for copies from 16 bytes back on. */
static inline void move48(uint8_t *to, const uint8_t *from)
{
    move16(to, from);
    move16(to + 16, from + 16);
    move16(to + 32, from + 32);
}

/* A copy from 1 to 15 bytes back, which repeats them. What is repeated stays in registers: to load what was stored just
 * before, in other pieces, is what the processor is slowest at. Writes up to 15 bytes more. */
static void repeat(uint8_t *to, size_t offset, size_t size)
{
    uint64_t first = df_load_u64le(to - offset), last = df_load_u64le(to - 8);
    if (offset <= 8) {
        const struct pattern *pattern = &patterns[offset];
        first = (first & pattern->mask) * pattern->times;
        for (size_t i = 0; i < size; i += pattern->step)
            df_store_u64le(to + i, first);
        return;
    }
    for (size_t i = 0; i < size; i += offset) {
        df_store_u64le(to + i, first);
        df_store_u64le(to + i + offset - 8, last);
    }
}

/* Elements far from both ends; stops before one that the caller has to look at: a literal of more than 60 bytes, an
 * offset of four bytes, a wrong one. 16 bytes or more have been written.
 *
 * What takes the time is the way from a tag to the place of the next one; nearly everything else is done beside it. So
 * `word`, the eight bytes from the tag on, is loaded ahead: a literal of up to four bytes and the copy that nearly
 * always follows it are one step, and as that copy has an offset of one byte or two, there are two places where the
 * next step may begin. Both are loaded, before the copy's tag has been shifted out of the word, and one is chosen.
 * Sizes and offsets change with the data and are not guessed by the processor: there are no branches on them, but for
 * copies of more than 16 bytes.
 *
 * Only the input is counted: what is left of the output, too, says how much of it is safe. */
static void short_elements(struct block *block)
{
    const uint8_t *in = block->in, *in_last = block->in_end - IN_SLACK;
    uint8_t *base = block->begin + NEAR;
    size_t at = (size_t)(block->to - base); /* so that one comparison is enough for an offset */
    size_t safe = (size_t)(block->end - OUT_SLACK - block->to) / EXPANSION_MAX;
    if (safe < (size_t)(in_last - in))
        in_last = in + safe;
    uint64_t word = df_load_u64le(in);
    while (in < in_last) {
        uint64_t tag = word, next;
        if ((word & 0xf3) == 0) { /* a literal of up to four bytes */
            uint8_t first = (uint8_t)word;
            const uint8_t *last = in + (first >> 2) + 1;
            uint64_t after_short = df_load_u64le(last + 3), after_long = df_load_u64le(last + 4);
            df_store_u32le(base + at, df_load_u32le(in + 1));
            tag = word >> (word & 63) >> (word & 63) >> 16; /* the first tag is four times the size but one */
            next = tag & 1 ? after_short : after_long;
            at += (size_t)(first >> 2) + 1;
            in = last + 1;
            if ((tag & 3) == 0) {
                word = df_load_u64le(in);
                continue;
            }
        } else if ((word & 3) == 0) {
            size_t size = ((uint8_t)word >> 2) + 1u;
            if (size > 16) {
                if (size > LITERAL_MAX || in_last - in < 64)
                    break;
                move48(base + at + 16, in + 17);
            }
            move16(base + at, in + 1);
            at += size;
            in += size + 1;
            word = df_load_u64le(in);
            continue;
        } else {
            next = df_load_u64le(in + (word & 3) + 1);
        }
        const struct copy *copy = &copies[(uint8_t)tag];
        uint32_t offset = copy->offset + ((uint32_t)(tag >> 8) & copy->mask);
        uint8_t *to = base + at;
        if ((uint64_t)offset - NEAR <= at) { /* an offset below NEAR wraps around */
            move16(to, to - offset);
            if (copy->size > 16)
                move48(to + 16, to - offset + 16);
        } else {
            if (offset == 0 || offset >= NEAR)
                break;
            repeat(to, offset, copy->size);
        }
        at += copy->size;
        in += (tag & 3) + 1;
        word = next;
    }
    block->in = in;
    block->to = base + at;
}

/* Little-endian, of up to four bytes; false when they are not there. */
static bool take(struct block *block, size_t bytes, uint32_t *number)
{
    *number = 0;
    if (bytes > (size_t)(block->in_end - block->in))
        return false;
    memcpy(number, block->in, bytes);
    block->in += bytes;
    return true;
}

static bool literal(struct block *block, uint8_t tag)
{
    size_t size = (size_t)(tag >> 2) + 1;
    uint32_t less_one;
    if (size > LITERAL_MAX) {
        if (!take(block, size - LITERAL_MAX, &less_one))
            return false;
        size = (size_t)less_one + 1;
    }
    if (size > (size_t)(block->in_end - block->in) || size > (size_t)(block->end - block->to))
        return false;
    memcpy(block->to, block->in, size);
    block->in += size;
    block->to += size;
    return true;
}

static bool copy(struct block *block, uint8_t tag)
{
    size_t kind = tag & 3, size = copies[tag].size;
    uint32_t offset;
    if (!take(block, kind == 3 ? 4 : kind, &offset))
        return false;
    offset += copies[tag].offset;
    if (offset == 0 || offset > (size_t)(block->to - block->begin) || size > (size_t)(block->end - block->to))
        return false;
    const uint8_t *from = block->to - offset;
    if (offset >= size)
        memcpy(block->to, from, size);
    else
        for (size_t i = 0; i < size; i++)
            block->to[i] = from[i];
    block->to += size;
    return true;
}

/* The length at the beginning, of up to 32 bits. */
static bool take_length(struct block *block, uint64_t *length)
{
    *length = 0;
    for (unsigned shift = 0; shift < 35 && block->in < block->in_end; shift += 7) {
        uint8_t byte = *block->in++;
        *length |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return *length <= UINT32_MAX;
    }
    return false;
}

bool df_snappy_decompress(struct df_slice block, uint8_t *out, size_t size)
{
    if (block.size == 0)
        return false;
    struct block rest = {
        .in = block.data, .in_end = block.data + block.size, .begin = out, .to = out, .end = out + size};
    uint64_t length;
    if (!take_length(&rest, &length) || length != size)
        return false;
    while (rest.in < rest.in_end) {
        if (rest.in_end - rest.in > IN_SLACK && rest.end - rest.to > OUT_SLACK && rest.to - rest.begin >= NEAR)
            short_elements(&rest);
        uint8_t tag = *rest.in++;
        if ((tag & 3) == 0 ? !literal(&rest, tag) : !copy(&rest, tag))
            return false;
    }
    return rest.to == rest.end;
}
