/* Codecs: any bytes decompress to exactly the length that was said or are refused; Snappy's as the library of Snappy
 * has them; what we compress comes back.
 *
 * Input: byte 0 the codec (low 3 bits) and compress instead (bit 7), bytes 1-3 the length said; the rest is the data.
 */
#include <assert.h>
#include <snappy-c.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "format/parquet/codec.h"
#include "format/parquet/names.h"

enum { HEAD_BYTES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare_with_snappy(struct df_slice bytes, const uint8_t *ours, size_t said, bool right)
{
    uint8_t *theirs = malloc(said + 1);
    size_t got = said;
    assert(theirs);
    bool accepted =
        snappy_uncompress((const char *)bytes.data, bytes.size, (char *)theirs, &got) == SNAPPY_OK && got == said;
    if (accepted != right || (right && memcmp(ours, theirs, said) != 0))
        abort();
    free(theirs);
}

static void decompress(int32_t codec, struct df_slice bytes, size_t said)
{
    enum df_error_kind kind;
    if (df_parquet_codec_verify(codec, bytes, said) || codec == DF_PARQUET_CODEC_UNCOMPRESSED || said == 0)
        return;
    uint8_t *to = malloc(said);
    assert(to);
    bool right = !df_parquet_codec_decompress(codec, bytes, to, said, &kind);
    if (!right && kind != DF_ERROR_CORRUPT && kind != DF_ERROR_EXHAUSTED)
        abort();
    if (codec == DF_PARQUET_CODEC_SNAPPY)
        compare_with_snappy(bytes, to, said, right);
    volatile uint8_t ends = right ? (uint8_t)(to[0] ^ to[said - 1]) : 0;
    (void)ends;
    free(to);
}

static void compress(int32_t codec, struct df_slice bytes)
{
    struct df_buf out = {0};
    enum df_error_kind kind;
    if (codec != DF_PARQUET_CODEC_SNAPPY && codec != DF_PARQUET_CODEC_ZSTD)
        codec = DF_PARQUET_CODEC_UNCOMPRESSED;
    df_parquet_codec_compress((enum df_parquet_codec)codec, bytes, &out);
    uint8_t *back = malloc(bytes.size + 1);
    assert(back);
    if (df_parquet_codec_verify(codec, df_buf_slice(&out), bytes.size))
        abort();
    if (codec == DF_PARQUET_CODEC_UNCOMPRESSED)
        memcpy(back, out.data ? out.data : bytes.data, bytes.size);
    else if (df_parquet_codec_decompress(codec, df_buf_slice(&out), back, bytes.size, &kind))
        abort();
    if (memcmp(back, bytes.data, bytes.size) != 0)
        abort();
    free(back);
    df_buf_dispose(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD_BYTES)
        return 0;
    int32_t codec = data[0] & 7;
    struct df_slice bytes = df_slice_make(data + HEAD_BYTES, size - HEAD_BYTES);
    if (!df_parquet_codec_is_read(codec))
        return 0;
    if (data[0] >> 7)
        compress(codec, bytes);
    else
        decompress(codec, bytes, (size_t)df_load_u16le(data + 1) | (size_t)data[3] << 16);
    return 0;
}
