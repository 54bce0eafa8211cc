#include "format/parquet/page_encodings.h"

#include "format/parquet/names.h"

static bool is_codes(int32_t encoding)
{
    return encoding == DF_PARQUET_ENCODING_PLAIN_DICTIONARY || encoding == DF_PARQUET_ENCODING_RLE_DICTIONARY;
}

static void take_one(struct df_thrift_reader *reader, struct df_parquet_page_encodings *out)
{
    int32_t page = -1, encoding = -1;
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(reader, &field)) {
        if (field.id == 1)
            page = df_thrift_take_i32(reader, &field);
        else if (field.id == 2)
            encoding = df_thrift_take_i32(reader, &field);
        else
            df_thrift_skip(reader, &field);
    }
    if (page != DF_PARQUET_DATA_PAGE && page != DF_PARQUET_DATA_PAGE_V2)
        return;
    out->data_page = true;
    out->other_page |= !is_codes(encoding);
}

void df_parquet_take_page_encodings(struct df_thrift_reader *reader, const struct df_thrift_field *field,
                                    struct df_parquet_page_encodings *out)
{
    uint32_t count = df_thrift_take_list(reader, field, DF_THRIFT_STRUCT, 1);
    for (uint32_t i = 0; i < count && !reader->problem; i++)
        take_one(reader, out);
}

bool df_parquet_only_codes(const struct df_parquet_page_encodings *pages, uint32_t encodings)
{
    const uint32_t codes = 1u << DF_PARQUET_ENCODING_PLAIN_DICTIONARY | 1u << DF_PARQUET_ENCODING_RLE_DICTIONARY;
    const uint32_t levels = 1u << DF_PARQUET_ENCODING_RLE | 1u << DF_PARQUET_ENCODING_BIT_PACKED;
    if (pages->data_page)
        return !pages->other_page;
    /* PLAIN may be that of the dictionary page or that of data: it says nothing. */
    return (encodings & codes) != 0 && (encodings & ~(codes | levels)) == 0;
}
