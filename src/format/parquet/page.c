#include "format/parquet/page.h"

#include "format/parquet/names.h"
#include "format/parquet/thrift.h"

struct fields {
    int32_t type, uncompressed, compressed, values, encoding;
    int32_t definition_encoding, repetition_encoding; /* version 1 */
    int32_t definition_bytes, repetition_bytes;       /* version 2 */
    bool values_compressed;
    unsigned seen;      /* bit n: field n of PageHeader */
    unsigned body_seen; /* the same for the header of its kind */
    bool has_crc;
    uint32_t crc;
};

/* DataPageHeader and DictionaryPageHeader. */
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
            fields->definition_encoding = df_thrift_take_i32(reader, &field);
        else if (field.id == 4 && parent->id == 5)
            fields->repetition_encoding = df_thrift_take_i32(reader, &field);
        else
            df_thrift_skip(reader, &field);
        if (field.id >= 1 && field.id < 32)
            fields->body_seen |= 1u << field.id;
    }
}

/* DataPageHeaderV2. */
static void take_body_v2(struct df_thrift_reader *reader, const struct df_thrift_field *parent, struct fields *fields)
{
    struct df_thrift_field field = {0};
    fields->values_compressed = true;
    if (!df_thrift_enter_struct(reader, parent))
        return;
    while (df_thrift_next_field(reader, &field)) {
        if (field.id >= 1 && field.id < 32)
            fields->body_seen |= 1u << field.id;
        switch (field.id) {
        case 1:
            fields->values = df_thrift_take_i32(reader, &field);
            break;
        case 4:
            fields->encoding = df_thrift_take_i32(reader, &field);
            break;
        case 5:
            fields->definition_bytes = df_thrift_take_i32(reader, &field);
            break;
        case 6:
            fields->repetition_bytes = df_thrift_take_i32(reader, &field);
            break;
        case 7:
            fields->values_compressed = df_thrift_take_bool(reader, &field);
            break;
        default:
            df_thrift_skip(reader, &field);
        }
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
            take_body(reader, &field, fields);
            break;
        case 8:
            take_body_v2(reader, &field, fields);
            break;
        default:
            df_thrift_skip(reader, &field);
        }
    }
}

static const char *verify_v2(const struct fields *fields)
{
    enum { NEEDED = 1u << 1 | 1u << 4 | 1u << 5 | 1u << 6 };
    if ((fields->body_seen & NEEDED) != NEEDED)
        return "its header does not belong to its type";
    if (fields->definition_bytes < 0 || fields->repetition_bytes < 0)
        return "its header has a negative size";
    int64_t levels = (int64_t)fields->definition_bytes + fields->repetition_bytes;
    if (levels > fields->compressed || levels > fields->uncompressed)
        return "its levels are longer than the page";
    return NULL;
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
    else if (fields->type == DF_PARQUET_DATA_PAGE_V2)
        body = 1u << 8;
    if (!body)
        return NULL;
    if ((fields->seen & (1u << 5 | 1u << 7 | 1u << 8)) != body)
        return "its header does not belong to its type";
    const char *problem = NULL;
    if (fields->type == DF_PARQUET_DATA_PAGE_V2)
        problem = verify_v2(fields);
    else if ((fields->body_seen & 6u) != 6u)
        problem = "its header does not belong to its type";
    if (problem)
        return problem;
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
        .definition_encoding = fields.definition_encoding,
        .repetition_encoding = fields.repetition_encoding,
        .definition_bytes = (uint32_t)fields.definition_bytes,
        .repetition_bytes = (uint32_t)fields.repetition_bytes,
        .values_compressed = fields.values_compressed,
    };
    return 1;
}
