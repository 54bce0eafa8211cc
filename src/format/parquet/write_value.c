#include "format/parquet/write_value.h"

#include <assert.h>

#include "base/bytes.h"
#include "format/parquet/names.h"

/* Sizes of pages are 31 bits in their headers. */
enum { VALUE_BYTES_MAX = 1 << 29 };

bool df_write_value_kind_fits(const struct df_type *type, const struct df_vector *vector)
{
    enum df_vector_kind kind = vector->kind == DF_VECTOR_CODES ? vector->dictionary->kind : vector->kind;
    switch (type->kind) {
    case DF_TYPE_NULL:
        return kind != DF_VECTOR_LIST;
    case DF_TYPE_BOOL:
        return kind == DF_VECTOR_BOOL;
    case DF_TYPE_FLOAT:
        return kind == DF_VECTOR_FLOAT64;
    case DF_TYPE_STRING:
    case DF_TYPE_BINARY:
    case DF_TYPE_UUID:
        return kind == DF_VECTOR_BYTES;
    case DF_TYPE_DECIMAL:
        return kind == DF_VECTOR_INT64 || kind == DF_VECTOR_INT128;
    default:
        return kind == DF_VECTOR_INT64;
    }
}

static void load_coded(const struct df_dictionary *dictionary, uint32_t code, struct df_write_value *value)
{
    assert(code < dictionary->count);
    if (dictionary->kind == DF_VECTOR_INT64)
        value->wide = value->integer = dictionary->values.int64s[code];
    else if (dictionary->kind == DF_VECTOR_FLOAT64)
        value->number = dictionary->values.float64s[code];
    else
        value->bytes = dictionary->values.bytes[code];
}

void df_write_value_load(const struct df_vector *vector, uint32_t row, struct df_write_value *value)
{
    switch (vector->kind) {
    case DF_VECTOR_BOOL:
        value->integer = vector->values.bools[row] != 0;
        break;
    case DF_VECTOR_INT64:
        value->wide = value->integer = vector->values.int64s[row];
        break;
    case DF_VECTOR_FLOAT64:
        value->number = vector->values.float64s[row];
        break;
    case DF_VECTOR_BYTES:
        value->bytes = vector->values.bytes[row];
        break;
    case DF_VECTOR_INT128:
        value->wide = vector->values.int128s[row];
        value->integer = (int64_t)value->wide;
        break;
    case DF_VECTOR_CODES:
        load_coded(vector->dictionary, vector->values.codes[row], value);
        break;
    case DF_VECTOR_LIST:
        assert(false && "lists are not written");
    }
}

static int encode_int32(const char *name, struct df_write_value *value, struct df_error *error)
{
    if (value->integer < INT32_MIN || value->integer > INT32_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "column '%s': %lld does not fit into INT32", name,
                            (long long)value->integer);
    df_store_u32le(value->plain, (uint32_t)(int32_t)value->integer);
    value->plain_bytes = df_slice_make(value->plain, 4);
    return 0;
}

static void encode_floating(bool narrow, struct df_write_value *value)
{
    float real = (float)value->number;
    if (narrow)
        memcpy(value->plain, &real, sizeof real);
    else
        memcpy(value->plain, &value->number, sizeof value->number);
    value->plain_bytes = df_slice_make(value->plain, narrow ? sizeof real : sizeof value->number);
}

static int encode_bytes(const char *name, struct df_write_value *value, struct df_error *error)
{
    if (value->bytes.size > VALUE_BYTES_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "column '%s': a value has %zu bytes, at most %d can be written",
                            name, value->bytes.size, VALUE_BYTES_MAX);
    value->plain_bytes = value->bytes;
    return 0;
}

static void store_wide(__int128 value, uint8_t out[16])
{
    unsigned __int128 bits = (unsigned __int128)value;
    for (size_t i = 16; i-- > 0; bits >>= 8)
        out[i] = (uint8_t)bits;
}

/* UUIDs and decimals of more than 18 digits. */
static int encode_fixed(const struct df_parquet_write_column *column, const struct df_write_type *written,
                        struct df_write_value *value, struct df_error *error)
{
    if (column->type.kind == DF_TYPE_DECIMAL) {
        store_wide(value->wide, value->plain);
        value->plain_bytes = df_slice_make(value->plain, sizeof value->plain);
        return 0;
    }
    if (value->bytes.size != written->width_bytes)
        return df_error_set(error, DF_ERROR_INVALID, "column '%s': a value has %zu bytes, a UUID has %u", column->name,
                            value->bytes.size, written->width_bytes);
    value->plain_bytes = value->bytes;
    return 0;
}

int df_write_value_encode(const struct df_parquet_write_column *column, const struct df_write_type *written,
                          struct df_write_value *value, struct df_error *error)
{
    if (column->type.kind == DF_TYPE_NULL)
        return df_error_set(error, DF_ERROR_INVALID, "column '%s' has a value, but was declared to be always null",
                            column->name);
    if (written->factor > 1 && __builtin_mul_overflow(value->integer, written->factor, &value->integer))
        return df_error_set(error, DF_ERROR_INVALID,
                            "column '%s': %lld seconds do not fit into 64 bits of milliseconds", column->name,
                            (long long)(int64_t)value->wide);
    if (column->type.kind == DF_TYPE_DECIMAL && written->width_bytes == 0 && value->wide != value->integer)
        return df_error_set(error, DF_ERROR_INVALID, "column '%s': a decimal has more than 18 digits", column->name);
    switch (written->physical) {
    case DF_PARQUET_BOOLEAN:
        value->plain[0] = (uint8_t)value->integer;
        value->plain_bytes = df_slice_make(value->plain, 1);
        return 0;
    case DF_PARQUET_INT32:
        return encode_int32(column->name, value, error);
    case DF_PARQUET_FLOAT:
    case DF_PARQUET_DOUBLE:
        encode_floating(written->physical == DF_PARQUET_FLOAT, value);
        return 0;
    case DF_PARQUET_BYTE_ARRAY:
        return encode_bytes(column->name, value, error);
    case DF_PARQUET_FIXED_LEN_BYTE_ARRAY:
        return encode_fixed(column, written, value, error);
    default:
        df_store_u64le(value->plain, (uint64_t)value->integer);
        value->plain_bytes = df_slice_make(value->plain, 8);
        return 0;
    }
}
