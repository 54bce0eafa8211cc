#include "format/parquet/write_footer.h"

#include "format/parquet/names.h"
#include "format/parquet/thrift.h"

enum {
    FORMAT_VERSION = 2, /* of parquet.thrift: there are logical types */
    TYPE_ORDER = 1,
};

static void put_schema(struct df_thrift_writer *writer, const struct df_write_footer *footer)
{
    uint32_t nodes = 1;
    for (uint32_t i = 0; i < footer->column_count; i++)
        nodes += df_write_type_node_count(&footer->columns[i].written);
    df_thrift_put_list(writer, 2, DF_THRIFT_STRUCT, nodes);
    df_thrift_begin_element(writer);
    df_thrift_put_binary(writer, 4, df_slice_text("schema"));
    df_thrift_put_i32(writer, 5, (int32_t)footer->column_count);
    df_thrift_end_struct(writer);
    for (uint32_t i = 0; i < footer->column_count; i++)
        df_write_type_put(writer, &footer->columns[i].options, &footer->columns[i].written);
}

static void put_statistics(struct df_thrift_writer *writer, const struct df_write_column *column,
                           const struct df_write_chunk *chunk)
{
    df_thrift_begin_struct(writer, 12);
    df_thrift_put_i64(writer, 3, (int64_t)chunk->null_count);
    if (chunk->bounds_known) {
        df_thrift_put_binary(writer, 5, chunk->maximum);
        df_thrift_put_binary(writer, 6, chunk->minimum);
        df_thrift_put_bool(writer, 7, true);
        df_thrift_put_bool(writer, 8, true);
    }
    if (column->options.type.kind == DF_TYPE_FLOAT)
        df_thrift_put_i64(writer, 9, (int64_t)chunk->nan_count);
    df_thrift_end_struct(writer);
}

static void put_encoding_stats(struct df_thrift_writer *writer, const struct df_write_chunk *chunk)
{
    enum df_parquet_page_type data = chunk->pages_v2 ? DF_PARQUET_DATA_PAGE_V2 : DF_PARQUET_DATA_PAGE;
    const struct {
        enum df_parquet_page_type type;
        enum df_parquet_encoding encoding;
        uint32_t count;
    } stats[] = {
        {DF_PARQUET_DICTIONARY_PAGE, DF_PARQUET_ENCODING_PLAIN, chunk->dictionary_bytes > 0},
        {data, DF_PARQUET_ENCODING_RLE_DICTIONARY, chunk->dictionary_page_count},
        {data, chunk->plain_encoding, chunk->plain_page_count},
    };
    uint32_t count = 0;
    for (size_t i = 0; i < 3; i++)
        count += stats[i].count > 0;
    df_thrift_put_list(writer, 13, DF_THRIFT_STRUCT, count);
    for (size_t i = 0; i < 3; i++) {
        if (stats[i].count == 0)
            continue;
        df_thrift_begin_element(writer);
        df_thrift_put_i32(writer, 1, (int32_t)stats[i].type);
        df_thrift_put_i32(writer, 2, (int32_t)stats[i].encoding);
        df_thrift_put_i32(writer, 3, (int32_t)stats[i].count);
        df_thrift_end_struct(writer);
    }
}

/* PLAIN is that of the dictionary page, too. */
static void put_encodings(struct df_thrift_writer *writer, const struct df_write_chunk *chunk)
{
    bool coded = chunk->dictionary_page_count > 0;
    bool other = chunk->plain_encoding != DF_PARQUET_ENCODING_PLAIN && chunk->plain_page_count > 0;
    bool plain = coded || !other;
    df_thrift_put_list(writer, 2, DF_THRIFT_I32, 1u + plain + other + coded);
    if (plain)
        df_thrift_put_element_i32(writer, DF_PARQUET_ENCODING_PLAIN);
    df_thrift_put_element_i32(writer, DF_PARQUET_ENCODING_RLE);
    if (other)
        df_thrift_put_element_i32(writer, (int32_t)chunk->plain_encoding);
    if (coded)
        df_thrift_put_element_i32(writer, DF_PARQUET_ENCODING_RLE_DICTIONARY);
}

/* Fields for where something lies and how long it is; without anything where
 * there is none. */
static void put_place(struct df_thrift_writer *writer, int32_t id, const struct df_write_place *place)
{
    if (place->size_bytes == 0)
        return;
    df_thrift_put_i64(writer, id, (int64_t)place->offset);
    df_thrift_put_i32(writer, id + 1, (int32_t)place->size_bytes);
}

static void put_chunk(struct df_thrift_writer *writer, const struct df_write_column *column,
                      const struct df_write_chunk *chunk)
{
    df_thrift_begin_element(writer);
    df_thrift_put_i64(writer, 2, 0); /* there is no copy of this outside the footer */
    df_thrift_begin_struct(writer, 3);
    df_thrift_put_i32(writer, 1, (int32_t)column->written.physical);
    put_encodings(writer, chunk);
    df_write_type_put_path(writer, 3, &column->options);
    df_thrift_put_i32(writer, 4, (int32_t)column->codec);
    df_thrift_put_i64(writer, 5, (int64_t)chunk->value_count);
    df_thrift_put_i64(writer, 6, (int64_t)chunk->uncompressed_bytes);
    df_thrift_put_i64(writer, 7, (int64_t)chunk->size_bytes);
    df_thrift_put_i64(writer, 9, (int64_t)(chunk->offset + chunk->dictionary_bytes));
    if (chunk->dictionary_bytes > 0)
        df_thrift_put_i64(writer, 11, (int64_t)chunk->offset);
    put_statistics(writer, column, chunk);
    put_encoding_stats(writer, chunk);
    put_place(writer, 14, &chunk->bloom_filter);
    df_thrift_end_struct(writer);
    put_place(writer, 4, &chunk->offset_index);
    put_place(writer, 6, &chunk->column_index);
    df_thrift_end_struct(writer);
}

static void put_sorting(struct df_thrift_writer *writer, const struct df_write_footer *footer)
{
    if (footer->sorting_count == 0)
        return;
    df_thrift_put_list(writer, 4, DF_THRIFT_STRUCT, footer->sorting_count);
    for (uint32_t i = 0; i < footer->sorting_count; i++) {
        df_thrift_begin_element(writer);
        df_thrift_put_i32(writer, 1, (int32_t)footer->sorting[i].column);
        df_thrift_put_bool(writer, 2, footer->sorting[i].descending);
        df_thrift_put_bool(writer, 3, footer->sorting[i].nulls_first);
        df_thrift_end_struct(writer);
    }
}

static void put_row_group(struct df_thrift_writer *writer, const struct df_write_footer *footer, uint32_t group)
{
    const struct df_write_chunk *chunks = footer->chunks + (size_t)group * footer->column_count;
    uint64_t uncompressed = 0, compressed = 0;
    df_thrift_begin_element(writer);
    df_thrift_put_list(writer, 1, DF_THRIFT_STRUCT, footer->column_count);
    for (uint32_t i = 0; i < footer->column_count; i++) {
        put_chunk(writer, &footer->columns[i], &chunks[i]);
        uncompressed += chunks[i].uncompressed_bytes;
        compressed += chunks[i].size_bytes;
    }
    df_thrift_put_i64(writer, 2, (int64_t)uncompressed);
    df_thrift_put_i64(writer, 3, (int64_t)footer->row_counts[group]);
    put_sorting(writer, footer);
    if (footer->column_count > 0)
        df_thrift_put_i64(writer, 5, (int64_t)chunks[0].offset);
    df_thrift_put_i64(writer, 6, (int64_t)compressed);
    df_thrift_end_struct(writer);
}

static void put_metadata(struct df_thrift_writer *writer, const struct df_write_footer *footer)
{
    if (footer->metadata_count == 0)
        return;
    df_thrift_put_list(writer, 5, DF_THRIFT_STRUCT, footer->metadata_count);
    for (uint32_t i = 0; i < footer->metadata_count; i++) {
        df_thrift_begin_element(writer);
        df_thrift_put_binary(writer, 1, df_slice_text(footer->metadata[i].key));
        df_thrift_put_binary(writer, 2, df_slice_text(footer->metadata[i].value));
        df_thrift_end_struct(writer);
    }
}

static void put_empty_struct(struct df_thrift_writer *writer, int32_t id)
{
    df_thrift_begin_struct(writer, id);
    df_thrift_end_struct(writer);
}

static void put_column_orders(struct df_thrift_writer *writer, uint32_t column_count)
{
    df_thrift_put_list(writer, 7, DF_THRIFT_STRUCT, column_count);
    for (uint32_t i = 0; i < column_count; i++) {
        df_thrift_begin_element(writer);
        put_empty_struct(writer, TYPE_ORDER);
        df_thrift_end_struct(writer);
    }
}

void df_write_footer_put(const struct df_write_footer *footer, struct df_buf *out)
{
    size_t before = out->size;
    uint64_t rows = 0;
    for (uint32_t i = 0; i < footer->row_group_count; i++)
        rows += footer->row_counts[i];
    struct df_thrift_writer writer;
    df_thrift_writer_init(&writer, out);
    df_thrift_put_i32(&writer, 1, FORMAT_VERSION);
    put_schema(&writer, footer);
    df_thrift_put_i64(&writer, 3, (int64_t)rows);
    df_thrift_put_list(&writer, 4, DF_THRIFT_STRUCT, footer->row_group_count);
    for (uint32_t i = 0; i < footer->row_group_count; i++)
        put_row_group(&writer, footer, i);
    put_metadata(&writer, footer);
    df_thrift_put_binary(&writer, 6, df_slice_text("dayfly version " DAYFLY_VERSION));
    put_column_orders(&writer, footer->column_count);
    df_thrift_end_struct(&writer);
    df_buf_put_u32le(out, (uint32_t)(out->size - before));
    df_buf_put_text(out, "PAR1");
}
