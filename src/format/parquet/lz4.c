#include "format/parquet/lz4.h"

#include <lz4.h>
#include <lz4frame.h>

#include "base/bytes.h"

bool df_parquet_lz4_block(struct df_slice compressed, uint8_t *to, size_t size)
{
    if (compressed.size > INT32_MAX || size > INT32_MAX)
        return false;
    int got = LZ4_decompress_safe((const char *)compressed.data, (char *)to, (int)compressed.size, (int)size);
    return got >= 0 && (size_t)got == size;
}

static uint32_t load_u32be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* One block of Hadoop's stream: pieces until it has as many bytes as it says. */
static bool hadoop_block(struct df_slice *rest, uint8_t *to, size_t size)
{
    size_t done = 0;
    while (done < size) {
        if (rest->size < 4)
            return false;
        uint32_t piece = load_u32be(rest->data);
        *rest = df_slice_make(rest->data + 4, rest->size - 4);
        if (piece == 0 || piece > rest->size || piece > INT32_MAX || size - done > INT32_MAX)
            return false;
        int got = LZ4_decompress_safe((const char *)rest->data, (char *)to + done, (int)piece, (int)(size - done));
        if (got <= 0)
            return false;
        done += (size_t)got;
        *rest = df_slice_make(rest->data + piece, rest->size - piece);
    }
    return true;
}

static bool hadoop(struct df_slice rest, uint8_t *to, size_t size)
{
    size_t done = 0;
    while (rest.size >= 8) {
        uint32_t block = load_u32be(rest.data);
        rest = df_slice_make(rest.data + 4, rest.size - 4);
        if (block > size - done || !hadoop_block(&rest, to + done, block))
            return false;
        done += block;
    }
    return rest.size == 0 && done == size;
}

static bool frame(struct df_slice compressed, uint8_t *to, size_t size)
{
    LZ4F_dctx *context = NULL;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
        return false;
    size_t done = 0, used = 0, hint = 1;
    while (hint != 0 && used < compressed.size) {
        size_t room = size - done, left = compressed.size - used;
        hint = LZ4F_decompress(context, to + done, &room, compressed.data + used, &left, NULL);
        if (LZ4F_isError(hint) || (room == 0 && left == 0))
            break;
        done += room;
        used += left;
    }
    LZ4F_freeDecompressionContext(context);
    return hint == 0 && used == compressed.size && done == size;
}

bool df_parquet_lz4_any(struct df_slice compressed, uint8_t *to, size_t size)
{
    const uint32_t frame_magic = 0x184D2204;
    if (compressed.size >= 8 && df_load_u32le(compressed.data) == frame_magic && frame(compressed, to, size))
        return true;
    return hadoop(compressed, to, size) || df_parquet_lz4_block(compressed, to, size);
}
