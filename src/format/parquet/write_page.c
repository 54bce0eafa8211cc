#include "format/parquet/write_page.h"

#include "format/parquet/codec.h"
#include "format/parquet/crc32.h"
#include "format/parquet/thrift.h"

static void put_version_1(struct df_thrift_writer *writer, const struct df_write_page_body *body)
{
    df_thrift_begin_struct(writer, body->type == DF_PARQUET_DATA_PAGE ? 5 : 7);
    df_thrift_put_i32(writer, 1, (int32_t)body->value_count);
    df_thrift_put_i32(writer, 2, (int32_t)body->encoding);
    if (body->type == DF_PARQUET_DATA_PAGE) {
        df_thrift_put_i32(writer, 3, DF_PARQUET_ENCODING_RLE);
        df_thrift_put_i32(writer, 4, DF_PARQUET_ENCODING_RLE);
    }
    df_thrift_end_struct(writer);
}

static void put_version_2(struct df_thrift_writer *writer, const struct df_write_page_body *body, bool compressed)
{
    df_thrift_begin_struct(writer, 8);
    df_thrift_put_i32(writer, 1, (int32_t)body->value_count);
    df_thrift_put_i32(writer, 2, (int32_t)body->null_count);
    df_thrift_put_i32(writer, 3, (int32_t)body->row_count);
    df_thrift_put_i32(writer, 4, (int32_t)body->encoding);
    df_thrift_put_i32(writer, 5, (int32_t)(body->levels.size - body->repetition_bytes));
    df_thrift_put_i32(writer, 6, (int32_t)body->repetition_bytes);
    df_thrift_put_bool(writer, 7, compressed);
    df_thrift_end_struct(writer);
}

bool df_write_page_put(const struct df_write_page_body *body, enum df_parquet_codec codec, struct df_buf *packed,
                       struct df_buf *out, uint64_t *uncompressed_bytes)
{
    if (body->levels.size > INT32_MAX || body->rest.size > INT32_MAX - body->levels.size)
        return false;
    size_t before = out->size;
    df_buf_clear(packed);
    df_buf_put_slice(packed, body->levels);
    df_parquet_codec_compress(codec, body->rest, packed);
    if (packed->size > INT32_MAX)
        return false;
    struct df_thrift_writer writer;
    df_thrift_writer_init(&writer, out);
    df_thrift_put_i32(&writer, 1, (int32_t)body->type);
    df_thrift_put_i32(&writer, 2, (int32_t)(body->levels.size + body->rest.size));
    df_thrift_put_i32(&writer, 3, (int32_t)packed->size);
    df_thrift_put_i32(&writer, 4, (int32_t)df_crc32(df_buf_slice(packed)));
    if (body->type == DF_PARQUET_DATA_PAGE_V2)
        put_version_2(&writer, body, codec != DF_PARQUET_UNCOMPRESSED);
    else
        put_version_1(&writer, body);
    df_thrift_end_struct(&writer);
    *uncompressed_bytes = out->size - before + body->levels.size + body->rest.size;
    df_buf_put_slice(out, df_buf_slice(packed));
    return true;
}
