/* Thrift's compact protocol: any bytes are walked over, whole or to the first problem, without stepping out of them.
 *
 * Input: byte 0 chooses whether values are skipped unseen, or taken as what they say they are. */
#include <assert.h>
#include <stdlib.h>

#include "format/parquet/thrift.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct df_thrift_reader *reader, const uint8_t *end)
{
    if (reader->at > end || reader->end != end || (reader->cut && !reader->problem))
        abort();
}

static uint64_t touch(struct df_slice bytes)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes.size; i++)
        sum += bytes.data[i];
    return sum;
}

static uint64_t take_elements(struct df_thrift_reader *reader, const struct df_thrift_field *field)
{
    static const enum df_thrift_type types[] = {DF_THRIFT_BINARY, DF_THRIFT_I64, DF_THRIFT_I32, DF_THRIFT_TRUE};
    enum df_thrift_type type = types[field->id & 3];
    uint64_t sum = 0;
    uint32_t count = df_thrift_take_list(reader, field, type, 1);
    for (uint32_t i = 0; i < count && !reader->problem; i++) {
        if (type == DF_THRIFT_BINARY)
            sum += touch(df_thrift_take_element_binary(reader));
        else if (type == DF_THRIFT_I64)
            sum += (uint64_t)df_thrift_take_element_i64(reader);
        else if (type == DF_THRIFT_I32)
            sum += (uint64_t)df_thrift_take_element_i32(reader);
        else
            sum += df_thrift_take_element_bool(reader);
    }
    return sum;
}

static uint64_t take_value(struct df_thrift_reader *reader, const struct df_thrift_field *field)
{
    switch (field->type) {
    case DF_THRIFT_TRUE:
    case DF_THRIFT_FALSE:
        return df_thrift_take_bool(reader, field);
    case DF_THRIFT_I16:
    case DF_THRIFT_I32:
        return (uint64_t)df_thrift_take_i32(reader, field);
    case DF_THRIFT_BYTE:
    case DF_THRIFT_I64:
        return (uint64_t)df_thrift_take_i64(reader, field);
    case DF_THRIFT_BINARY:
        return touch(df_thrift_take_binary(reader, field));
    case DF_THRIFT_LIST:
        return take_elements(reader, field);
    default:
        df_thrift_skip(reader, field);
        return 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const uint8_t *end = data + size;
    volatile uint64_t sum = 0;
    struct df_thrift_reader reader;
    struct df_thrift_field field = {0};
    df_thrift_reader_init(&reader, df_slice_make(data + 1, size - 1));
    while (df_thrift_next_field(&reader, &field)) {
        const uint8_t *before = reader.at;
        if (data[0] & 1)
            df_thrift_skip(&reader, &field);
        else
            sum += take_value(&reader, &field);
        check(&reader, end);
        if (reader.at < before)
            abort();
    }
    (void)sum;
    check(&reader, end);
    if (reader.problem && (df_thrift_next_field(&reader, &field) || df_thrift_take_element_i64(&reader) != 0))
        abort(); /* a failure sticks */
    return 0;
}
