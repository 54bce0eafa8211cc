#include "format/parquet/page.h"

#include "format/parquet/names.h"
#include "format/parquet/thrift.h"

struct fields {
    int32_t type, uncompressed, compressed, values, encoding, level_encoding;
    unsigned seen;      /* bit n: field n of PageHeader */
    unsigned body_seen; /* the same for the header of its kind */
    bool has_crc;
    uint32_t crc;
};

/* DataPageHeader, DictionaryPageHeader and DataPageHeaderV2 all begin with the number of values. */
static void take_body(struct df_thrift_reader *reader, const struct df_thrift_field *parent, struct fields *fields)
{
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return;
    while (df_thrift_next_field(reader, &field)) {
        if (field.id == 1)
            fields->values = df_thrift_take_i32(reader, &field);
        else if (field.id == 2)
            fields->encoding = df_thrift_take_i32(reader, &field);
        else if (field.id == 3 && parent->id == 5)
            fields->level_encoding = df_thrift_take_i32(reader, &field);
        else
            df_thrift_skip(reader, &field);
        if (field.id >= 1 && field.id < 32)
            fields->body_seen |= 1u << field.id;
    }
}

static void take_header(struct df_thrift_reader *reader, struct fields *fields)
{
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(reader, &field)) {
        if (field.id >= 1 && field.id < 32)
            fields->seen |= 1u << field.id;
        switch (field.id) {
        case 1:
            fields->type = df_thrift_take_i32(reader, &field);
            break;
        case 2:
            fields->uncompressed = df_thrift_take_i32(reader, &field);
            break;
        case 3:
            fields->compressed = df_thrift_take_i32(reader, &field);
            break;
        case 4:
            fields->crc = (uint32_t)df_thrift_take_i32(reader, &field);
            fields->has_crc = true;
            break;
        case 5:
        case 7:
        case 8:
            take_body(reader, &field, fields);
            break;
        default:
            df_thrift_skip(reader, &field);
        }
    }
}

static const char *verify(const struct fields *fields)
{
    enum { SIZES = 1u << 1 | 1u << 2 | 1u << 3 };
    if ((fields->seen & SIZES) != SIZES)
        return "its header lacks its type or a size";
    if (fields->uncompressed < 0 || fields->compressed < 0)
        return "its header has a negative size";
    unsigned body = 0;
    if (fields->type == DF_PARQUET_DATA_PAGE)
        body = 1u << 5;
    else if (fields->type == DF_PARQUET_DICTIONARY_PAGE)
        body = 1u << 7;
    if (!body)
        return NULL;
    if ((fields->seen & (1u << 5 | 1u << 7 | 1u << 8)) != body || (fields->body_seen & 6u) != 6u)
        return "its header does not belong to its type";
    if (fields->values < 0)
        return "its header has a negative number of values";
    return NULL;
}

int df_parquet_page_peek(struct df_slice bytes, struct df_parquet_page *page, const char **problem)
{
    struct df_thrift_reader reader;
    struct fields fields = {0};
    df_thrift_reader_init(&reader, bytes);
    const uint8_t *begin = reader.at;
    take_header(&reader, &fields);
    if (reader.cut && bytes.size < DF_PARQUET_PAGE_HEADER_MAX)
        return 0;
    *problem = reader.problem ? reader.problem : verify(&fields);
    if (*problem)
        return -1;
    *page = (struct df_parquet_page){
        .type = fields.type,
        .header_bytes = (uint32_t)(reader.at - begin),
        .uncompressed_bytes = (uint32_t)fields.uncompressed,
        .compressed_bytes = (uint32_t)fields.compressed,
        .has_crc = fields.has_crc,
        .crc = fields.crc,
        .value_count = (uint32_t)fields.values,
        .encoding = fields.encoding,
        .level_encoding = fields.level_encoding,
    };
    return 1;
}
