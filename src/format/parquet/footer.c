#include "format/parquet/decoder.h"
#include "format/parquet/names.h"
#include "format/parquet/page_encodings.h"
#include "format/parquet/statistics.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/size.h"

enum {
    MAGIC_BYTES = 4,
    /* The least that an element of each list takes. */
    ROW_GROUP_BYTES = 6,
    COLUMN_CHUNK_BYTES = 2,
    KEY_VALUE_BYTES = 3,
    COLUMN_ORDER_BYTES = 1,
};

int df_parquet_decoder_corrupt(struct df_parquet_decoder *decoder, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return df_error_set(decoder->error, DF_ERROR_CORRUPT, "%s: damaged footer: %s", decoder->bytes->uri, text);
}

int df_parquet_decoder_check(struct df_parquet_decoder *decoder)
{
    if (!decoder->reader.problem)
        return 0;
    return df_parquet_decoder_corrupt(decoder, "%s", decoder->reader.problem);
}

int df_parquet_decoder_no_memory(struct df_parquet_decoder *decoder)
{
    return df_error_set(decoder->error, DF_ERROR_EXHAUSTED,
                        "%s: its footer of %zu bytes does not fit into the memory limit (memory.limit)",
                        decoder->bytes->uri, decoder->bytes->thrift.size);
}

/* ---- row groups ---- */

struct chunk_fields {
    int64_t value_count, size_bytes, unpacked_bytes, data_offset, dictionary_offset;
    int32_t type, codec;
    uint32_t encodings;
    struct df_parquet_page_encodings page_encodings;
    struct df_parquet_place column_index, offset_index, bloom_filter;
    unsigned seen; /* bit n: field n of ColumnMetaData */
    bool encrypted, elsewhere, has_meta;
    const char *unsupported;
    struct df_parquet_statistics statistics;
};

/* Encodings of levels stand in this list, too: what a page uses, its header says. One that nobody knows bars the chunk.
 */
static void take_encodings(struct df_thrift_reader *reader, const struct df_thrift_field *field,
                           struct chunk_fields *chunk)
{
    uint32_t count = df_thrift_take_list(reader, field, DF_THRIFT_I32, 1);
    for (uint32_t i = 0; i < count && !reader->problem; i++) {
        int32_t encoding = df_thrift_take_element_i32(reader);
        if (encoding >= 0 && encoding < 32)
            chunk->encodings |= 1u << encoding;
        if (!df_parquet_encoding_is_known(encoding) && !chunk->unsupported)
            chunk->unsupported = df_parquet_encoding_feature(encoding);
    }
}

static void take_column_meta(struct df_thrift_reader *reader, const struct df_thrift_field *parent,
                             struct chunk_fields *chunk)
{
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return;
    chunk->has_meta = true;
    while (df_thrift_next_field(reader, &field)) {
        if (field.id >= 1 && field.id < 32)
            chunk->seen |= 1u << field.id;
        switch (field.id) {
        case 1:
            chunk->type = df_thrift_take_i32(reader, &field);
            break;
        case 2:
            take_encodings(reader, &field, chunk);
            break;
        case 4:
            chunk->codec = df_thrift_take_i32(reader, &field);
            break;
        case 5:
            chunk->value_count = df_thrift_take_i64(reader, &field);
            break;
        case 6:
            chunk->unpacked_bytes = df_thrift_take_i64(reader, &field);
            break;
        case 7:
            chunk->size_bytes = df_thrift_take_i64(reader, &field);
            break;
        case 9:
            chunk->data_offset = df_thrift_take_i64(reader, &field);
            break;
        case 11:
            chunk->dictionary_offset = df_thrift_take_i64(reader, &field);
            break;
        case 12:
            df_parquet_take_statistics(reader, &field, &chunk->statistics);
            break;
        case 13:
            df_parquet_take_page_encodings(reader, &field, &chunk->page_encodings);
            break;
        case 14:
            chunk->bloom_filter.offset = df_thrift_take_i64(reader, &field);
            break;
        case 15:
            chunk->bloom_filter.size_bytes = df_thrift_take_i32(reader, &field);
            break;
        default:
            df_thrift_skip(reader, &field);
        }
    }
}

static void take_chunk_fields(struct df_thrift_reader *reader, struct chunk_fields *chunk)
{
    *chunk = (struct chunk_fields){0};
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1:
            chunk->elsewhere = df_thrift_take_binary(reader, &field).size > 0;
            break;
        case 3:
            take_column_meta(reader, &field, chunk);
            break;
        case 4:
            chunk->offset_index.offset = df_thrift_take_i64(reader, &field);
            break;
        case 5:
            chunk->offset_index.size_bytes = df_thrift_take_i32(reader, &field);
            break;
        case 6:
            chunk->column_index.offset = df_thrift_take_i64(reader, &field);
            break;
        case 7:
            chunk->column_index.size_bytes = df_thrift_take_i32(reader, &field);
            break;
        case 8:
        case 9:
            chunk->encrypted = true;
            df_thrift_skip(reader, &field);
            break;
        default:
            df_thrift_skip(reader, &field);
        }
    }
}

/* Where the pages lie: from the dictionary page, if there is one. Writers without one leave the field out or 0, and
 * some set it to the first data page. */
static int place_chunk(struct df_parquet_decoder *decoder, const struct chunk_fields *fields, const char *name,
                       struct df_parquet_chunk *chunk)
{
    int64_t offset = fields->data_offset;
    if (fields->dictionary_offset > 0 && fields->dictionary_offset < offset)
        offset = fields->dictionary_offset;
    uint64_t end;
    if (fields->value_count == 0 && fields->size_bytes >= 0)
        return 0; /* nothing will be read, and writers put such chunks anywhere */
    if (offset < MAGIC_BYTES || fields->size_bytes < 0 || fields->value_count < 0 ||
        df_u64_add(&end, (uint64_t)offset, (uint64_t)fields->size_bytes) != 0 || end > decoder->bytes->data_end ||
        (uint64_t)fields->data_offset > end)
        return df_parquet_decoder_corrupt(
            decoder,
            "column '%s' of row group %u says that it has %lld bytes from byte %lld on and %lld values; "
            "data end at byte %llu",
            name, decoder->footer->row_group_count, (long long)fields->size_bytes, (long long)offset,
            (long long)fields->value_count, (unsigned long long)decoder->bytes->data_end);
    chunk->offset = (uint64_t)offset;
    chunk->size_bytes = (uint64_t)fields->size_bytes;
    chunk->value_count = (uint64_t)fields->value_count;
    return 0;
}

/* The statistics point into the footer's bytes, which do not stay. */
static int keep_bounds(struct df_parquet_decoder *decoder, struct df_parquet_bounds *bounds)
{
    if (!bounds->known || bounds->minimum.kind != DF_VECTOR_BYTES)
        return 0;
    struct df_slice *slices[] = {&bounds->minimum.as.bytes, &bounds->maximum.as.bytes};
    for (size_t i = 0; i < 2; i++) {
        slices[i]->data = (const uint8_t *)df_parquet_memory_text(&decoder->footer->memory, *slices[i]);
        if (!slices[i]->data)
            return df_parquet_decoder_no_memory(decoder);
    }
    return 0;
}

static int fill_chunk(struct df_parquet_decoder *decoder, const struct chunk_fields *fields, uint32_t at,
                      struct df_parquet_chunk *chunk)
{
    const struct df_parquet_column *column = &decoder->footer->columns[at];
    enum { REQUIRED_FIELDS = 1u << 1 | 1u << 4 | 1u << 5 | 1u << 7 | 1u << 9 };
    chunk->unsupported = fields->unsupported;
    if (fields->encrypted)
        chunk->unsupported = "encryption";
    else if (fields->elsewhere)
        chunk->unsupported = "data in another file";
    if (fields->encrypted && !fields->has_meta)
        return 0;
    if ((fields->seen & REQUIRED_FIELDS) != REQUIRED_FIELDS)
        return df_parquet_decoder_corrupt(decoder, "column '%s' of row group %u lacks a field that every column has",
                                          column->name, decoder->footer->row_group_count);
    if (fields->type != (int32_t)column->physical)
        return df_parquet_decoder_corrupt(decoder, "column '%s' is %s in the schema, but %s in row group %u",
                                          column->name, df_parquet_physical_name((int32_t)column->physical),
                                          df_parquet_physical_name(fields->type), decoder->footer->row_group_count);
    chunk->codec = fields->codec;
    chunk->unpacked_bytes = fields->unpacked_bytes > 0 ? (uint64_t)fields->unpacked_bytes : 0;
    chunk->encodings = fields->encodings;
    chunk->dictionary = fields->dictionary_offset > 0;
    chunk->only_codes = df_parquet_only_codes(&fields->page_encodings, fields->encodings);
    if (chunk->dictionary && fields->dictionary_offset < fields->data_offset)
        chunk->dictionary_bytes = (uint64_t)(fields->data_offset - fields->dictionary_offset);
    chunk->column_index = fields->column_index;
    chunk->offset_index = fields->offset_index;
    chunk->bloom_filter = fields->bloom_filter;
    if (!df_parquet_codec_is_read(fields->codec) && !chunk->unsupported)
        chunk->unsupported = df_parquet_codec_feature(fields->codec);
    uint64_t values = fields->value_count > 0 ? (uint64_t)fields->value_count : 0;
    chunk->bounds = df_parquet_bounds_of(&fields->statistics, column, &decoder->footer->leaves[at], values);
    if (keep_bounds(decoder, &chunk->bounds) < 0)
        return -1;
    if (fields->elsewhere)
        return 0; /* its place is one in the other file */
    return place_chunk(decoder, fields, column->name, chunk);
}

static int take_chunks(struct df_parquet_decoder *decoder, const struct df_thrift_field *field,
                       struct df_parquet_row_group *group)
{
    struct df_parquet_footer *footer = decoder->footer;
    uint32_t count = df_thrift_take_list(&decoder->reader, field, DF_THRIFT_STRUCT, COLUMN_CHUNK_BYTES);
    if (df_parquet_decoder_check(decoder) < 0)
        return -1;
    if (count != footer->column_count || group->chunks)
        return df_parquet_decoder_corrupt(decoder, "row group %u has %u columns, the schema has %u",
                                          footer->row_group_count, count, footer->column_count);
    group->chunks = df_parquet_memory_array(&footer->memory, count, sizeof *group->chunks);
    if (!group->chunks)
        return df_parquet_decoder_no_memory(decoder);
    for (uint32_t i = 0; i < count; i++) {
        struct chunk_fields fields;
        take_chunk_fields(&decoder->reader, &fields);
        if (df_parquet_decoder_check(decoder) < 0 || fill_chunk(decoder, &fields, i, &group->chunks[i]) < 0)
            return -1;
    }
    return 0;
}

static int take_row_group(struct df_parquet_decoder *decoder, struct df_parquet_row_group *group)
{
    struct df_parquet_footer *footer = decoder->footer;
    int64_t rows = -1;
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(&decoder->reader, &field)) {
        if (field.id == 1) {
            if (take_chunks(decoder, &field, group) < 0)
                return -1;
        } else if (field.id == 3) {
            rows = df_thrift_take_i64(&decoder->reader, &field);
        } else {
            df_thrift_skip(&decoder->reader, &field);
        }
    }
    if (df_parquet_decoder_check(decoder) < 0)
        return -1;
    if (rows < 0 || !group->chunks)
        return df_parquet_decoder_corrupt(decoder, "row group %u lacks its columns or has %lld rows",
                                          footer->row_group_count, (long long)rows);
    group->row_count = (uint64_t)rows;
    if (df_u64_add(&footer->row_count, footer->row_count, group->row_count) != 0)
        return df_parquet_decoder_corrupt(decoder, "its row groups have more rows than there are numbers");
    return 0;
}

static int take_row_groups(struct df_parquet_decoder *decoder, const struct df_thrift_field *field)
{
    struct df_parquet_footer *footer = decoder->footer;
    if (!decoder->have_schema || decoder->have_row_groups)
        return df_parquet_decoder_corrupt(decoder, "its row groups come before its schema, or twice");
    decoder->have_row_groups = true;
    uint32_t count = df_thrift_take_list(&decoder->reader, field, DF_THRIFT_STRUCT, ROW_GROUP_BYTES);
    if (df_parquet_decoder_check(decoder) < 0)
        return -1;
    footer->row_groups = df_parquet_memory_array(&footer->memory, count, sizeof *footer->row_groups);
    if (!footer->row_groups)
        return df_parquet_decoder_no_memory(decoder);
    for (uint32_t i = 0; i < count; i++) {
        if (take_row_group(decoder, &footer->row_groups[i]) < 0)
            return -1;
        footer->row_group_count++;
    }
    return 0;
}

/* ---- the rest ---- */

static int take_metadata(struct df_parquet_decoder *decoder, const struct df_thrift_field *list)
{
    struct df_parquet_footer *footer = decoder->footer;
    if (footer->metadata)
        return df_parquet_decoder_corrupt(decoder, "it has its metadata twice");
    uint32_t count = df_thrift_take_list(&decoder->reader, list, DF_THRIFT_STRUCT, KEY_VALUE_BYTES);
    if (df_parquet_decoder_check(decoder) < 0)
        return -1;
    footer->metadata = df_parquet_memory_array(&footer->memory, count, sizeof *footer->metadata);
    if (!footer->metadata)
        return df_parquet_decoder_no_memory(decoder);
    for (uint32_t i = 0; i < count; i++) {
        struct df_slice key = {0}, value = {0};
        struct df_thrift_field field = {0};
        while (df_thrift_next_field(&decoder->reader, &field)) {
            if (field.id == 1)
                key = df_thrift_take_binary(&decoder->reader, &field);
            else if (field.id == 2)
                value = df_thrift_take_binary(&decoder->reader, &field);
            else
                df_thrift_skip(&decoder->reader, &field);
        }
        if (df_parquet_decoder_check(decoder) < 0)
            return -1;
        struct df_parquet_key_value *pair = &footer->metadata[i];
        pair->key = df_parquet_memory_text(&footer->memory, key);
        pair->value = df_parquet_memory_text(&footer->memory, value);
        if (!pair->key || !pair->value)
            return df_parquet_decoder_no_memory(decoder);
        footer->metadata_count++;
    }
    return 0;
}

/* Bounds in an order that is not the type's own are none that we understand. */
static void forget_bounds(struct df_parquet_footer *footer, uint32_t column)
{
    footer->leaves[column].order_unknown = true;
    for (uint32_t i = 0; i < footer->row_group_count; i++)
        footer->row_groups[i].chunks[column].bounds.known = false;
}

/* Without a word on the order only what was always compared as signed numbers is sure. */
static void forget_unordered(struct df_parquet_footer *footer, uint32_t column)
{
    if (!df_parquet_ordered_signed(&footer->leaves[column], &footer->columns[column]))
        forget_bounds(footer, column);
}

/* The order of the type, or of floats the total order of IEEE 754: among numbers it is the same but for the zeros. */
static bool order_is_known(int32_t order, const struct df_parquet_column *column)
{
    enum { TYPE_ORDER = 1, IEEE_754_ORDER = 2 };
    return order == TYPE_ORDER || (order == IEEE_754_ORDER && column->type.kind == DF_TYPE_FLOAT);
}

static int take_column_orders(struct df_parquet_decoder *decoder, const struct df_thrift_field *list)
{
    struct df_parquet_footer *footer = decoder->footer;
    if (!decoder->have_row_groups || decoder->have_orders)
        return df_parquet_decoder_corrupt(decoder, "its column orders come before its row groups, or twice");
    decoder->have_orders = true;
    uint32_t count = df_thrift_take_list(&decoder->reader, list, DF_THRIFT_STRUCT, COLUMN_ORDER_BYTES);
    for (uint32_t i = 0; i < count && !decoder->reader.problem; i++) {
        int32_t order = 0;
        struct df_thrift_field field = {0};
        while (df_thrift_next_field(&decoder->reader, &field)) {
            order = field.id;
            df_thrift_skip(&decoder->reader, &field);
        }
        if (i < footer->column_count && !order_is_known(order, &footer->columns[i]))
            forget_bounds(footer, i);
    }
    for (uint32_t i = count; i < footer->column_count; i++)
        forget_unordered(footer, i);
    return df_parquet_decoder_check(decoder);
}

static int take_file(struct df_parquet_decoder *decoder)
{
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(&decoder->reader, &field)) {
        int result = 0;
        switch (field.id) {
        case 2:
            result = df_parquet_decoder_take_schema(decoder, &field);
            break;
        case 3:
            decoder->row_count = df_thrift_take_i64(&decoder->reader, &field);
            break;
        case 4:
            result = take_row_groups(decoder, &field);
            break;
        case 5:
            result = take_metadata(decoder, &field);
            break;
        case 7:
            result = take_column_orders(decoder, &field);
            break;
        default:
            df_thrift_skip(&decoder->reader, &field);
        }
        if (result < 0)
            return -1;
    }
    return df_parquet_decoder_check(decoder);
}

static int check_file(struct df_parquet_decoder *decoder)
{
    if (!decoder->have_schema || !decoder->have_row_groups)
        return df_parquet_decoder_corrupt(decoder, "it lacks its schema or its row groups");
    for (uint32_t i = 0; i < decoder->footer->column_count && !decoder->have_orders; i++)
        forget_unordered(decoder->footer, i);
    if (decoder->row_count < 0 || (uint64_t)decoder->row_count != decoder->footer->row_count)
        return df_parquet_decoder_corrupt(decoder, "it says that there are %lld rows, its row groups have %llu",
                                          (long long)decoder->row_count,
                                          (unsigned long long)decoder->footer->row_count);
    return df_parquet_decoder_check_overlap(decoder);
}

int df_parquet_footer_decode(struct df_parquet_footer *footer, const struct df_parquet_footer_bytes *bytes,
                             struct df_error *error)
{
    *footer = (struct df_parquet_footer){.memory.budget = bytes->budget};
    struct df_parquet_decoder decoder = {.footer = footer, .bytes = bytes, .error = error, .row_count = -1};
    df_thrift_reader_init(&decoder.reader, bytes->thrift);
    if (take_file(&decoder) == 0 && check_file(&decoder) == 0)
        return 0;
    df_parquet_footer_dispose(footer);
    return -1;
}

void df_parquet_footer_dispose(struct df_parquet_footer *footer)
{
    df_parquet_memory_dispose(&footer->memory);
    *footer = (struct df_parquet_footer){0};
}
