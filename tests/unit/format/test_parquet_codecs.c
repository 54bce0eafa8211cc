/* Codecs beyond snappy: each form that writers gave them, cut anywhere, too long, too short, and bombs. */
#include <libdeflate.h>
#include <lz4.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <zstd.h>

#include "format/parquet/codec.h"
#include "format/parquet/names.h"
#include "testing/testing.h"

enum { TEXT_BYTES = 5000 };
static char text[TEXT_BYTES];

static int make_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (char)('a' + i * i / 7 % 11);
    return 0;
}

/* ---- packing ---- */

static void put_u32be(struct df_buf *out, size_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        df_buf_put_u8(out, (uint8_t)(value >> shift));
}

static void put_lz4_block(struct df_buf *out, const char *from, size_t size)
{
    size_t before = out->size, room = (size_t)LZ4_compressBound((int)size);
    char *to = (char *)df_buf_extend(out, room);
    out->size = before + (size_t)LZ4_compress_default(from, to, (int)size, (int)room);
}

static void put_hadoop_piece(struct df_buf *out, const char *from, size_t size)
{
    struct df_buf piece = {0};
    put_lz4_block(&piece, from, size);
    put_u32be(out, piece.size);
    df_buf_put_slice(out, df_buf_slice(&piece));
    df_buf_dispose(&piece);
}

/* Two blocks, the first of two pieces. */
static void put_hadoop(struct df_buf *out)
{
    put_u32be(out, 3000);
    put_hadoop_piece(out, text, 1000);
    put_hadoop_piece(out, text + 1000, 2000);
    put_u32be(out, TEXT_BYTES - 3000);
    put_hadoop_piece(out, text + 3000, TEXT_BYTES - 3000);
}

static void put_lz4_frame(struct df_buf *out)
{
    size_t room = LZ4F_compressFrameBound(TEXT_BYTES, NULL);
    uint8_t *to = df_buf_extend(out, room);
    out->size = LZ4F_compressFrame(to, room, text, TEXT_BYTES, NULL);
}

static void put_deflated(struct df_buf *out, bool gzip, const char *from, size_t size)
{
    struct libdeflate_compressor *deflater = libdeflate_alloc_compressor(6);
    size_t before = out->size, room = size + 1000;
    uint8_t *to = df_buf_extend(out, room);
    out->size = before + (gzip ? libdeflate_gzip_compress(deflater, from, size, to, room)
                               : libdeflate_zlib_compress(deflater, from, size, to, room));
    libdeflate_free_compressor(deflater);
}

static void put_zstd(struct df_buf *out, const char *from, size_t size)
{
    size_t before = out->size, room = ZSTD_compressBound(size);
    uint8_t *to = df_buf_extend(out, room);
    out->size = before + ZSTD_compress(to, room, from, size, 3);
}

/* ---- the forms ---- */

static const char *unpack(int32_t codec, struct df_slice packed, uint8_t *to, size_t size)
{
    enum df_error_kind kind;
    const char *problem = df_parquet_codec_verify(codec, packed, size);
    if (!problem)
        problem = df_parquet_codec_decompress(codec, packed, to, size, &kind);
    return problem;
}

/* Right as it is; refused with one byte more or less announced, and cut anywhere. Each buffer ends where it ends. */
static void assert_codec(int32_t codec, const struct df_buf *packed)
{
    uint8_t *out = malloc(TEXT_BYTES), *longer = malloc(TEXT_BYTES + 1), *shorter = malloc(TEXT_BYTES - 1);
    struct df_slice whole = df_buf_slice(packed);
    assert_null(unpack(codec, whole, out, TEXT_BYTES));
    assert_memory_equal(out, text, TEXT_BYTES);
    assert_non_null(unpack(codec, whole, longer, TEXT_BYTES + 1));
    assert_non_null(unpack(codec, whole, shorter, TEXT_BYTES - 1));
    for (size_t size = 0; size < whole.size; size++) {
        uint8_t *head = malloc(size ? size : 1);
        memcpy(head, whole.data, size);
        assert_non_null(unpack(codec, df_slice_make(head, size), out, TEXT_BYTES));
        free(head);
    }
    free(out);
    free(longer);
    free(shorter);
}

static void lz4_is_read_in_the_forms_of_all_its_writers(void **state)
{
    (void)state;
    struct df_buf packed = {0};
    put_lz4_block(&packed, text, TEXT_BYTES);
    assert_codec(DF_PARQUET_CODEC_LZ4_RAW, &packed);
    assert_codec(DF_PARQUET_CODEC_LZ4, &packed);
    df_buf_clear(&packed);
    put_hadoop(&packed);
    assert_codec(DF_PARQUET_CODEC_LZ4, &packed);
    df_buf_clear(&packed);
    put_lz4_frame(&packed);
    assert_codec(DF_PARQUET_CODEC_LZ4, &packed);
    df_buf_dispose(&packed);
}

static void gzip_is_read_with_members_and_with_the_head_of_zlib(void **state)
{
    (void)state;
    struct df_buf packed = {0};
    put_deflated(&packed, true, text, TEXT_BYTES);
    assert_codec(DF_PARQUET_CODEC_GZIP, &packed);
    df_buf_clear(&packed);
    put_deflated(&packed, false, text, TEXT_BYTES);
    assert_codec(DF_PARQUET_CODEC_GZIP, &packed);
    df_buf_clear(&packed);
    put_deflated(&packed, true, text, 1000);
    put_deflated(&packed, true, text + 1000, TEXT_BYTES - 1000);
    assert_codec(DF_PARQUET_CODEC_GZIP, &packed);
    df_buf_dispose(&packed);
}

static void zstd_is_read_with_one_frame_or_more(void **state)
{
    (void)state;
    struct df_buf packed = {0};
    put_zstd(&packed, text, TEXT_BYTES);
    assert_codec(DF_PARQUET_CODEC_ZSTD, &packed);
    df_buf_clear(&packed);
    put_zstd(&packed, text, 1000);
    put_zstd(&packed, text + 1000, TEXT_BYTES - 1000);
    assert_codec(DF_PARQUET_CODEC_ZSTD, &packed);
    df_buf_dispose(&packed);
}

/* Made by the reference encoder, as only the decoder is linked. */
static void brotli_is_read(void **state)
{
    (void)state;
    static const char packed[] = "\x1b\x16\x00\x00\x24\x40\x6a\x10\x65\xea\xf0\x9c\x3e";
    uint8_t out[24];
    assert_null(unpack(DF_PARQUET_CODEC_BROTLI, df_slice_make(packed, 13), out, 23));
    assert_memory_equal(out, "hello hello hello hello", 23);
    assert_non_null(unpack(DF_PARQUET_CODEC_BROTLI, df_slice_make(packed, 13), out, 22));
    assert_non_null(unpack(DF_PARQUET_CODEC_BROTLI, df_slice_make(packed, 13), out, 24));
    for (size_t size = 0; size < 13; size++)
        assert_non_null(unpack(DF_PARQUET_CODEC_BROTLI, df_slice_make(packed, size), out, 23));
}

/* What a page says must be possible for its codec, before anybody makes room for it. */
static void lengths_that_no_codec_reaches_are_refused_before_room_is_made(void **state)
{
    (void)state;
    struct df_buf packed = {0};
    put_zstd(&packed, text, TEXT_BYTES);
    assert_non_null(df_parquet_codec_verify(DF_PARQUET_CODEC_ZSTD, df_buf_slice(&packed), TEXT_BYTES - 1));
    df_buf_dispose(&packed);
    struct df_slice some = df_slice_make("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10);
    assert_non_null(df_parquet_codec_verify(DF_PARQUET_CODEC_GZIP, some, INT32_MAX));
    assert_non_null(df_parquet_codec_verify(DF_PARQUET_CODEC_LZ4_RAW, some, INT32_MAX));
    assert_non_null(df_parquet_codec_verify(DF_PARQUET_CODEC_LZ4, some, 1 << 20));
    for (int32_t codec = DF_PARQUET_CODEC_SNAPPY; codec <= DF_PARQUET_CODEC_LZ4_RAW; codec++) {
        assert_non_null(df_parquet_codec_verify(codec, df_slice_make(NULL, 0), 1));
        assert_null(df_parquet_codec_verify(codec, df_slice_make(NULL, 0), 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lz4_is_read_in_the_forms_of_all_its_writers),
        cmocka_unit_test(gzip_is_read_with_members_and_with_the_head_of_zlib),
        cmocka_unit_test(zstd_is_read_with_one_frame_or_more),
        cmocka_unit_test(brotli_is_read),
        cmocka_unit_test(lengths_that_no_codec_reaches_are_refused_before_room_is_made),
    };
    return cmocka_run_group_tests(tests, make_text, NULL);
}
