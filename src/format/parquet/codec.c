#include "format/parquet/codec.h"

#include <assert.h>
#include <snappy-c.h>

/* The best snappy can do is a copy of 64 bytes in an element of three. */
enum { SNAPPY_RATIO_MAX = 22 };

const char *df_parquet_codec_verify(int32_t codec, struct df_slice compressed, size_t uncompressed_bytes)
{
    if (codec == DF_PARQUET_UNCOMPRESSED)
        return compressed.size == uncompressed_bytes ? NULL : "its two sizes differ though it is not compressed";
    if (compressed.size == 0) /* some writers compress nothing to nothing */
        return uncompressed_bytes == 0 ? NULL : "it is empty but says that it holds data";
    size_t announced;
    if (snappy_uncompressed_length((const char *)compressed.data, compressed.size, &announced) != SNAPPY_OK)
        return "its snappy data are damaged";
    if (announced != uncompressed_bytes)
        return "its snappy data say another length than its header";
    if (announced / SNAPPY_RATIO_MAX > compressed.size)
        return "it says that it is longer than snappy data of its size can be";
    return NULL;
}

const char *df_parquet_codec_decompress(int32_t codec, struct df_slice compressed, uint8_t *to,
                                        size_t uncompressed_bytes)
{
    assert(codec == DF_PARQUET_SNAPPY);
    (void)codec;
    if (uncompressed_bytes == 0)
        return NULL;
    size_t got = uncompressed_bytes;
    if (snappy_uncompress((const char *)compressed.data, compressed.size, (char *)to, &got) != SNAPPY_OK ||
        got != uncompressed_bytes)
        return "its snappy data are damaged";
    return NULL;
}

void df_parquet_codec_compress(enum df_parquet_codec codec, struct df_slice bytes, struct df_buf *out)
{
    if (codec == DF_PARQUET_UNCOMPRESSED) {
        df_buf_put_slice(out, bytes);
        return;
    }
    size_t size = snappy_max_compressed_length(bytes.size);
    size_t before = out->size;
    uint8_t *place = df_buf_extend(out, size);
    if (!place)
        return;
    const char *from = bytes.data ? (const char *)bytes.data : "";
    if (snappy_compress(from, bytes.size, (char *)place, &size) != SNAPPY_OK)
        out->failed = true; /* only a too small buffer makes it fail, and it is not */
    out->size = before + size;
}
