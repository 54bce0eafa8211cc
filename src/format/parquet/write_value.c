#include "format/parquet/write_value.h"

#include <assert.h>

#include "base/bytes.h"
#include "format/parquet/names.h"

bool df_write_value_kind_fits(const struct df_type *type, const struct df_vector *vector)
{
    if ((vector->kind == DF_VECTOR_LIST) != type->list)
        return false;
    if (type->list)
        vector = vector->values.list.elements;
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
        assert(false && "a list is no value: its elements are");
    }
}

static int check_range(const char *name, const struct df_write_type *written, const struct df_write_value *value,
                       struct df_error *error)
{
    if (value->integer >= written->least && value->integer <= written->greatest)
        return 0;
    return df_error_set(error, DF_ERROR_INVALID, "column '%s': %lld does not fit into its type, %lld to %lld", name,
                        (long long)value->integer, (long long)written->least, (long long)written->greatest);
}

static void set_plain(struct df_write_value *value, const void *from, size_t size)
{
    memcpy(value->plain, from, size);
    value->plain_bytes = df_slice_make(value->plain, size);
}

/* The nearest half float, ties to even; what is too large becomes infinite. */
static uint16_t half_of(double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 48 & 0x8000);
    int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    if (exponent == 1024)
        return (uint16_t)(sign | 0x7c00 | (fraction ? 0x200 : 0)); /* NaN is one to us */
    if (exponent > 15)
        return (uint16_t)(sign | 0x7c00);
    if (exponent < -25)
        return sign;
    /* Ten bits of fraction are left, fewer below the smallest normal exponent, -14. */
    unsigned drop = exponent >= -14 ? 42 : 42 + (unsigned)(-14 - exponent);
    uint64_t whole = fraction | UINT64_C(1) << 52;
    uint64_t kept = whole >> drop, rest = whole & ((UINT64_C(1) << drop) - 1), middle = UINT64_C(1) << (drop - 1);
    kept += rest > middle || (rest == middle && (kept & 1));
    uint64_t base = exponent >= -14 ? (uint64_t)(exponent + 14) << 10 : 0; /* the leading one adds the rest */
    return (uint16_t)(sign | (base + kept));
}

static void encode_real(uint32_t bytes, struct df_write_value *value)
{
    float narrow = (float)value->number;
    uint16_t half = bytes == 2 ? half_of(value->number) : 0;
    if (bytes == 2)
        set_plain(value, &half, sizeof half);
    else if (bytes == 4)
        set_plain(value, &narrow, sizeof narrow);
    else
        set_plain(value, &value->number, sizeof value->number);
}

static int encode_bytes(const char *name, struct df_write_value *value, struct df_error *error)
{
    if (value->bytes.size > DF_WRITE_VALUE_BYTES_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "column '%s': a value has %zu bytes, at most %d can be written",
                            name, value->bytes.size, DF_WRITE_VALUE_BYTES_MAX);
    value->plain_bytes = value->bytes;
    return 0;
}

static void store_wide(__int128 value, uint8_t out[16])
{
    unsigned __int128 bits = (unsigned __int128)value;
    for (size_t i = 16; i-- > 0; bits >>= 8)
        out[i] = (uint8_t)bits;
}

/* Half floats, UUIDs, binary of one length, and decimals of more than 18 digits. */
static int encode_fixed(const struct df_parquet_write_column *column, const struct df_write_type *written,
                        struct df_write_value *value, struct df_error *error)
{
    if (column->type.kind == DF_TYPE_FLOAT) {
        encode_real(2, value);
        return 0;
    }
    if (column->type.kind == DF_TYPE_DECIMAL) {
        store_wide(value->wide, value->plain);
        value->plain_bytes = df_slice_make(value->plain, sizeof value->plain);
        return 0;
    }
    if (value->bytes.size != written->width_bytes)
        return df_error_set(error, DF_ERROR_INVALID, "column '%s': a value has %zu bytes, its type has %u",
                            column->name, value->bytes.size, written->width_bytes);
    value->plain_bytes = value->bytes;
    return 0;
}

static int encode_integer(const struct df_parquet_write_column *column, const struct df_write_type *written,
                          struct df_write_value *value, struct df_error *error)
{
    uint8_t bytes[8];
    if (written->factor > 1 && __builtin_mul_overflow(value->integer, written->factor, &value->integer))
        return df_error_set(error, DF_ERROR_INVALID,
                            "column '%s': %lld seconds do not fit into 64 bits of milliseconds", column->name,
                            (long long)(int64_t)value->wide);
    if (column->type.kind == DF_TYPE_DECIMAL && value->wide != value->integer)
        return df_error_set(error, DF_ERROR_INVALID, "column '%s': a decimal has more than 18 digits", column->name);
    if (check_range(column->name, written, value, error) < 0)
        return -1;
    df_store_u64le(bytes, (uint64_t)value->integer);
    set_plain(value, bytes, written->physical == DF_PARQUET_INT32 ? 4 : 8);
    return 0;
}

int df_write_value_encode(const struct df_parquet_write_column *column, const struct df_write_type *written,
                          struct df_write_value *value, struct df_error *error)
{
    if (column->type.kind == DF_TYPE_NULL)
        return df_error_set(error, DF_ERROR_INVALID, "column '%s' has a value, but was declared to be always null",
                            column->name);
    switch (written->physical) {
    case DF_PARQUET_BOOLEAN:
        value->plain[0] = (uint8_t)value->integer;
        value->plain_bytes = df_slice_make(value->plain, 1);
        return 0;
    case DF_PARQUET_FLOAT:
    case DF_PARQUET_DOUBLE:
        encode_real(written->physical == DF_PARQUET_FLOAT ? 4 : 8, value);
        return 0;
    case DF_PARQUET_BYTE_ARRAY:
        return encode_bytes(column->name, value, error);
    case DF_PARQUET_FIXED_LEN_BYTE_ARRAY:
        return encode_fixed(column, written, value, error);
    default:
        return encode_integer(column, written, value, error);
    }
}

int df_write_value_take(const struct df_parquet_write_column *column, const struct df_write_type *written,
                        const struct df_vector *vector, uint32_t row, struct df_write_value *value,
                        struct df_error *error)
{
    *value = (struct df_write_value){0};
    df_write_value_load(vector, row, value);
    return df_write_value_encode(column, written, value, error);
}
