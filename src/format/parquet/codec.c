#include "format/parquet/codec.h"

#include <assert.h>
#include <brotli/decode.h>
#include <libdeflate.h>
#include <snappy-c.h>
#include <zstd.h>

#include "format/parquet/lz4.h"
#include "format/parquet/names.h"
#include "format/parquet/snappy.h"

/* The best a codec can do: snappy copies 64 bytes in an element of three, deflate 258 in two bits, LZ4 255 per byte.
 * Zstd and brotli know no bound worth the name. */
enum { SNAPPY_RATIO_MAX = 22, DEFLATE_RATIO_MAX = 1032, LZ4_RATIO_MAX = 255 };

static const char too_long[] = "it says that it is longer than compressed data of its size can be";

/* `packed` bytes and some for a head make at most ratio times as many. */
static bool too_good(size_t uncompressed_bytes, size_t packed, size_t ratio)
{
    return uncompressed_bytes / ratio > packed;
}

static const char *verify_snappy(struct df_slice compressed, size_t uncompressed_bytes)
{
    size_t announced;
    if (snappy_uncompressed_length((const char *)compressed.data, compressed.size, &announced) != SNAPPY_OK)
        return "its snappy data are damaged";
    if (announced != uncompressed_bytes)
        return "its snappy data say another length than its header";
    return too_good(announced, compressed.size, SNAPPY_RATIO_MAX) ? too_long : NULL;
}

static const char *verify_zstd(struct df_slice compressed, size_t uncompressed_bytes)
{
    unsigned long long announced = ZSTD_getFrameContentSize(compressed.data, compressed.size);
    if (announced == ZSTD_CONTENTSIZE_ERROR)
        return "its zstd data are damaged";
    if (announced != ZSTD_CONTENTSIZE_UNKNOWN && announced > uncompressed_bytes)
        return "its zstd data say another length than its header";
    return NULL;
}

const char *df_parquet_codec_verify(int32_t codec, struct df_slice compressed, size_t uncompressed_bytes)
{
    if (codec == DF_PARQUET_CODEC_UNCOMPRESSED)
        return compressed.size == uncompressed_bytes ? NULL : "its two sizes differ though it is not compressed";
    if (compressed.size == 0) /* some writers compress nothing to nothing */
        return uncompressed_bytes == 0 ? NULL : "it is empty but says that it holds data";
    switch (codec) {
    case DF_PARQUET_CODEC_SNAPPY:
        return verify_snappy(compressed, uncompressed_bytes);
    case DF_PARQUET_CODEC_ZSTD:
        return verify_zstd(compressed, uncompressed_bytes);
    case DF_PARQUET_CODEC_GZIP:
        return too_good(uncompressed_bytes, compressed.size, DEFLATE_RATIO_MAX) ? too_long : NULL;
    case DF_PARQUET_CODEC_LZ4:
    case DF_PARQUET_CODEC_LZ4_RAW:
        return too_good(uncompressed_bytes, compressed.size, LZ4_RATIO_MAX) ? too_long : NULL;
    default:
        return NULL;
    }
}

static bool zstd(struct df_slice compressed, uint8_t *to, size_t size)
{
    size_t got = ZSTD_decompress(to, size, compressed.data, compressed.size);
    return !ZSTD_isError(got) && got == size;
}

static bool brotli(struct df_slice compressed, uint8_t *to, size_t size)
{
    size_t got = size;
    return BrotliDecoderDecompress(compressed.size, compressed.data, &got, to) == BROTLI_DECODER_RESULT_SUCCESS &&
           got == size;
}

/* Members of gzip, one after the other, as parallel writers make them. Some writers put zlib's head there instead. */
static bool inflate_members(struct libdeflate_decompressor *inflater, struct df_slice rest, uint8_t *to, size_t size)
{
    size_t done = 0;
    bool gzip = rest.size >= 2 && rest.data[0] == 0x1f && rest.data[1] == 0x8b;
    while (rest.size > 0) {
        size_t used = 0, got = 0;
        enum libdeflate_result result =
            gzip ? libdeflate_gzip_decompress_ex(inflater, rest.data, rest.size, to + done, size - done, &used, &got)
                 : libdeflate_zlib_decompress_ex(inflater, rest.data, rest.size, to + done, size - done, &used, &got);
        if (result != LIBDEFLATE_SUCCESS || used == 0)
            return false;
        done += got;
        rest = df_slice_make(rest.data + used, rest.size - used);
    }
    return done == size;
}

static const char *inflate(struct df_slice compressed, uint8_t *to, size_t size, enum df_error_kind *kind)
{
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    if (!inflater) {
        *kind = DF_ERROR_EXHAUSTED;
        return "out of memory while decompressing it";
    }
    bool right = inflate_members(inflater, compressed, to, size);
    libdeflate_free_decompressor(inflater);
    return right ? NULL : "its gzip data are damaged or have another length than its header says";
}

const char *df_parquet_codec_decompress(int32_t codec, struct df_slice compressed, uint8_t *to,
                                        size_t uncompressed_bytes, enum df_error_kind *kind)
{
    *kind = DF_ERROR_CORRUPT;
    if (uncompressed_bytes == 0)
        return NULL;
    switch (codec) {
    case DF_PARQUET_CODEC_SNAPPY:
        return df_snappy_decompress(compressed, to, uncompressed_bytes) ? NULL : "its snappy data are damaged";
    case DF_PARQUET_CODEC_GZIP:
        return inflate(compressed, to, uncompressed_bytes, kind);
    case DF_PARQUET_CODEC_BROTLI:
        return brotli(compressed, to, uncompressed_bytes)
                   ? NULL
                   : "its brotli data are damaged or have another length than its header says";
    case DF_PARQUET_CODEC_ZSTD:
        return zstd(compressed, to, uncompressed_bytes)
                   ? NULL
                   : "its zstd data are damaged or have another length than its header says";
    case DF_PARQUET_CODEC_LZ4:
        return df_parquet_lz4_any(compressed, to, uncompressed_bytes)
                   ? NULL
                   : "its LZ4 data are damaged or have another length than its header says";
    case DF_PARQUET_CODEC_LZ4_RAW:
        return df_parquet_lz4_block(compressed, to, uncompressed_bytes)
                   ? NULL
                   : "its LZ4 data are damaged or have another length than its header says";
    default:
        assert(false && "a codec that is not read");
        *kind = DF_ERROR_INTERNAL;
        return "its codec is not read";
    }
}

static void compress_zstd(struct df_slice bytes, struct df_buf *out)
{
    size_t size = ZSTD_compressBound(bytes.size);
    size_t before = out->size;
    uint8_t *place = df_buf_extend(out, size);
    if (!place)
        return;
    size = ZSTD_compress(place, size, bytes.data ? (const void *)bytes.data : "", bytes.size, ZSTD_CLEVEL_DEFAULT);
    if (ZSTD_isError(size)) {
        out->failed = true; /* there is room enough: it had no memory */
        size = 0;
    }
    out->size = before + size;
}

void df_parquet_codec_compress(enum df_parquet_codec codec, struct df_slice bytes, struct df_buf *out)
{
    if (codec == DF_PARQUET_UNCOMPRESSED) {
        df_buf_put_slice(out, bytes);
        return;
    }
    if (codec == DF_PARQUET_ZSTD) {
        compress_zstd(bytes, out);
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
