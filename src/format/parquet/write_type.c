#include "format/parquet/write_type.h"

#include "format/parquet/names.h"

enum { DECIMAL_DIGITS_INT64 = 18, DECIMAL_DIGITS_MAX = 38, DECIMAL_BYTES = 16, UUID_BYTES = 16 };

static bool is_wide_decimal(const struct df_type *type)
{
    return type->kind == DF_TYPE_DECIMAL && type->precision > DECIMAL_DIGITS_INT64;
}

static enum df_parquet_physical physical_of(const struct df_type *type)
{
    switch (type->kind) {
    case DF_TYPE_BOOL:
        return DF_PARQUET_BOOLEAN;
    case DF_TYPE_INT64:
        return type->bits > 0 && type->bits <= 32 ? DF_PARQUET_INT32 : DF_PARQUET_INT64;
    case DF_TYPE_FLOAT:
        return type->bits > 0 && type->bits <= 32 ? DF_PARQUET_FLOAT : DF_PARQUET_DOUBLE;
    case DF_TYPE_STRING:
    case DF_TYPE_BINARY:
        return DF_PARQUET_BYTE_ARRAY;
    case DF_TYPE_UUID:
        return DF_PARQUET_FIXED_LEN_BYTE_ARRAY;
    case DF_TYPE_NULL:
    case DF_TYPE_DATE:
        return DF_PARQUET_INT32;
    case DF_TYPE_TIME:
        return type->unit <= DF_TIME_MS ? DF_PARQUET_INT32 : DF_PARQUET_INT64;
    case DF_TYPE_DECIMAL:
        return is_wide_decimal(type) ? DF_PARQUET_FIXED_LEN_BYTE_ARRAY : DF_PARQUET_INT64;
    default:
        return DF_PARQUET_INT64;
    }
}

bool df_write_type_of(const struct df_type *type, struct df_write_type *written)
{
    bool timed = type->kind == DF_TYPE_TIME || type->kind == DF_TYPE_TIMESTAMP;
    bool seconds = timed && type->unit == DF_TIME_S;
    if (type->list || type->kind >= DF_TYPE_KINDS || (timed && type->unit >= DF_TIME_UNITS))
        return false;
    if (type->kind == DF_TYPE_DECIMAL &&
        (type->precision < 1 || type->precision > DECIMAL_DIGITS_MAX || type->scale > type->precision))
        return false;
    *written = (struct df_write_type){
        .physical = physical_of(type), .factor = seconds ? 1000 : 1, .unit = seconds ? DF_TIME_MS : type->unit};
    if (type->kind == DF_TYPE_UUID)
        written->width_bytes = UUID_BYTES;
    else if (is_wide_decimal(type))
        written->width_bytes = DECIMAL_BYTES;
    return true;
}

/* ---- the schema ---- */

static bool is_narrow(const struct df_type *type)
{
    return type->kind == DF_TYPE_INT64 && (type->bits == 8 || type->bits == 16);
}

/* What old readers go by; -1: nothing. */
static int32_t converted_type(const struct df_type *type, enum df_time_unit unit)
{
    switch (type->kind) {
    case DF_TYPE_STRING:
        return DF_PARQUET_CONVERTED_UTF8;
    case DF_TYPE_DATE:
        return DF_PARQUET_CONVERTED_DATE;
    case DF_TYPE_DECIMAL:
        return DF_PARQUET_CONVERTED_DECIMAL;
    case DF_TYPE_UINT64:
        return DF_PARQUET_CONVERTED_UINT_64;
    case DF_TYPE_INT64:
        return !is_narrow(type) ? -1 : DF_PARQUET_CONVERTED_INT_8 + (type->bits == 16);
    case DF_TYPE_TIME:
        return unit == DF_TIME_NS ? -1 : DF_PARQUET_CONVERTED_TIME_MILLIS + (unit == DF_TIME_US);
    case DF_TYPE_TIMESTAMP:
        return unit == DF_TIME_NS ? -1 : DF_PARQUET_CONVERTED_TIMESTAMP_MILLIS + (unit == DF_TIME_US);
    default:
        return -1;
    }
}

static void put_empty_struct(struct df_thrift_writer *writer, int32_t id)
{
    df_thrift_begin_struct(writer, id);
    df_thrift_end_struct(writer);
}

/* Times are points in time (UTC), as the converted types of old readers have it. */
static void put_time(struct df_thrift_writer *writer, int32_t id, enum df_time_unit unit)
{
    df_thrift_begin_struct(writer, id);
    df_thrift_put_bool(writer, 1, true);
    df_thrift_begin_struct(writer, 2);
    put_empty_struct(writer, 1 + (int32_t)unit - (int32_t)DF_TIME_MS); /* MILLIS, MICROS, NANOS */
    df_thrift_end_struct(writer);
    df_thrift_end_struct(writer);
}

static void put_integer(struct df_thrift_writer *writer, int8_t bits, bool is_signed)
{
    df_thrift_begin_struct(writer, DF_PARQUET_LOGICAL_INTEGER);
    df_thrift_put_byte(writer, 1, bits);
    df_thrift_put_bool(writer, 2, is_signed);
    df_thrift_end_struct(writer);
}

static void put_decimal(struct df_thrift_writer *writer, const struct df_type *type)
{
    df_thrift_begin_struct(writer, DF_PARQUET_LOGICAL_DECIMAL);
    df_thrift_put_i32(writer, 1, type->scale);
    df_thrift_put_i32(writer, 2, type->precision);
    df_thrift_end_struct(writer);
}

static bool has_logical_type(const struct df_type *type)
{
    switch (type->kind) {
    case DF_TYPE_BOOL:
    case DF_TYPE_FLOAT:
    case DF_TYPE_BINARY:
        return false;
    case DF_TYPE_INT64:
        return is_narrow(type);
    default:
        return true;
    }
}

static void put_logical_type(struct df_thrift_writer *writer, const struct df_type *type, enum df_time_unit unit)
{
    df_thrift_begin_struct(writer, 10);
    switch (type->kind) {
    case DF_TYPE_NULL:
        put_empty_struct(writer, DF_PARQUET_LOGICAL_UNKNOWN);
        break;
    case DF_TYPE_STRING:
        put_empty_struct(writer, DF_PARQUET_LOGICAL_STRING);
        break;
    case DF_TYPE_UUID:
        put_empty_struct(writer, DF_PARQUET_LOGICAL_UUID);
        break;
    case DF_TYPE_DATE:
        put_empty_struct(writer, DF_PARQUET_LOGICAL_DATE);
        break;
    case DF_TYPE_TIME:
        put_time(writer, DF_PARQUET_LOGICAL_TIME, unit);
        break;
    case DF_TYPE_TIMESTAMP:
        put_time(writer, DF_PARQUET_LOGICAL_TIMESTAMP, unit);
        break;
    case DF_TYPE_DECIMAL:
        put_decimal(writer, type);
        break;
    default:
        put_integer(writer, type->kind == DF_TYPE_UINT64 ? 64 : (int8_t)type->bits, type->kind != DF_TYPE_UINT64);
    }
    df_thrift_end_struct(writer);
}

void df_write_type_put(struct df_thrift_writer *writer, const struct df_parquet_write_column *column)
{
    const struct df_type *type = &column->type;
    struct df_write_type written;
    if (!df_write_type_of(type, &written))
        return; /* the writer did not open */
    int32_t converted = converted_type(type, written.unit);
    df_thrift_put_i32(writer, 1, (int32_t)written.physical);
    if (written.width_bytes > 0)
        df_thrift_put_i32(writer, 2, (int32_t)written.width_bytes);
    df_thrift_put_i32(writer, 3, column->optional ? DF_PARQUET_OPTIONAL : DF_PARQUET_REQUIRED);
    df_thrift_put_binary(writer, 4, df_slice_text(column->name));
    if (converted >= 0)
        df_thrift_put_i32(writer, 6, converted);
    if (type->kind == DF_TYPE_DECIMAL) {
        df_thrift_put_i32(writer, 7, type->scale);
        df_thrift_put_i32(writer, 8, type->precision);
    }
    if (has_logical_type(type))
        put_logical_type(writer, type, written.unit);
}
