#include "format/parquet/write_type.h"

#include "format/parquet/names.h"

enum {
    DECIMAL_DIGITS_INT64 = 18,
    DECIMAL_DIGITS_MAX = 38,
    DECIMAL_BYTES = 16,
    UUID_BYTES = 16,
    HALF_BYTES = 2,
    FIXED_BYTES_MAX = 1 << 20, /* of binary of one length: a page must have room for some */
};

static bool is_wide_decimal(const struct df_type *type)
{
    return type->kind == DF_TYPE_DECIMAL && type->precision > DECIMAL_DIGITS_INT64;
}

static bool is_narrow(const struct df_type *type)
{
    return type->kind == DF_TYPE_INT64 && (type->bits == 8 || type->bits == 16);
}

static enum df_parquet_physical physical_of(const struct df_type *type, const struct df_parquet_write_more *more)
{
    switch (type->kind) {
    case DF_TYPE_BOOL:
        return DF_PARQUET_BOOLEAN;
    case DF_TYPE_INT64:
        return type->bits > 0 && (type->bits <= 32 || more->is_unsigned) ? DF_PARQUET_INT32 : DF_PARQUET_INT64;
    case DF_TYPE_FLOAT:
        if (type->bits == 16)
            return DF_PARQUET_FIXED_LEN_BYTE_ARRAY;
        return type->bits == 32 ? DF_PARQUET_FLOAT : DF_PARQUET_DOUBLE;
    case DF_TYPE_BINARY:
        return more->fixed_bytes > 0 ? DF_PARQUET_FIXED_LEN_BYTE_ARRAY : DF_PARQUET_BYTE_ARRAY;
    case DF_TYPE_STRING:
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

static bool makes_sense(const struct df_type *type, const struct df_parquet_write_more *more)
{
    bool timed = type->kind == DF_TYPE_TIME || type->kind == DF_TYPE_TIMESTAMP;
    if (type->kind >= DF_TYPE_KINDS || (timed && type->unit >= DF_TIME_UNITS))
        return false;
    if (type->kind == DF_TYPE_DECIMAL)
        return type->precision >= 1 && type->precision <= DECIMAL_DIGITS_MAX && type->scale <= type->precision;
    /* Of unsigned integers `bits` is the signed width that has room for them. */
    if (more->is_unsigned)
        return type->kind == DF_TYPE_INT64 && (type->bits == 16 || type->bits == 32 || type->bits == 64);
    return more->fixed_bytes <= FIXED_BYTES_MAX && (more->fixed_bytes == 0 || type->kind == DF_TYPE_BINARY);
}

static void set_limits(const struct df_type *type, struct df_write_type *written)
{
    bool narrow = written->physical == DF_PARQUET_INT32;
    written->least = narrow ? INT32_MIN : INT64_MIN;
    written->greatest = narrow ? INT32_MAX : INT64_MAX;
    if (written->is_unsigned) {
        written->least = 0;
        written->greatest = (INT64_C(1) << type->bits / 2) - 1;
    } else if (is_narrow(type)) {
        written->least = -(INT64_C(1) << (type->bits - 1));
        written->greatest = -written->least - 1;
    }
}

static uint32_t width_of(const struct df_type *type, const struct df_parquet_write_more *more)
{
    switch (type->kind) {
    case DF_TYPE_UUID:
        return UUID_BYTES;
    case DF_TYPE_DECIMAL:
        return is_wide_decimal(type) ? DECIMAL_BYTES : 0;
    case DF_TYPE_FLOAT:
        return type->bits == 16 ? HALF_BYTES : 0;
    default:
        return more->fixed_bytes;
    }
}

bool df_write_type_of(const struct df_parquet_write_column *column, const struct df_parquet_write_more *more,
                      struct df_write_type *written)
{
    static const struct df_parquet_write_more nothing;
    const struct df_type *type = &column->type;
    bool timed = type->kind == DF_TYPE_TIME || type->kind == DF_TYPE_TIMESTAMP;
    bool seconds = timed && type->unit == DF_TIME_S;
    more = more ? more : &nothing;
    if (!makes_sense(type, more))
        return false;
    *written = (struct df_write_type){.physical = physical_of(type, more),
                                      .width_bytes = width_of(type, more),
                                      .factor = seconds ? 1000 : 1,
                                      .unit = seconds ? DF_TIME_MS : type->unit,
                                      .list = type->list,
                                      .optional = column->optional,
                                      .element_optional = type->list && !more->elements_required,
                                      .is_unsigned = more->is_unsigned,
                                      .is_local = more->is_local && timed};
    set_limits(type, written);
    written->element_definition = (uint8_t)(written->optional + written->list);
    written->definition_max = (uint8_t)(written->element_definition + written->element_optional);
    return true;
}

/* ---- the schema ---- */

/* As it is written: of unsigned ones the half of what has room for them. */
static int8_t integer_bits(const struct df_type *type, const struct df_write_type *written)
{
    return (int8_t)(written->is_unsigned ? type->bits / 2 : type->kind == DF_TYPE_UINT64 ? 64 : type->bits);
}

/* 0 for 8 bits, 1 for 16 bits, … as the converted types of integers are numbered. */
static int32_t integer_step(int8_t bits)
{
    return bits <= 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3;
}

static int32_t converted_integer(const struct df_type *type, const struct df_write_type *written)
{
    int32_t step = integer_step(integer_bits(type, written));
    if (written->is_unsigned || type->kind == DF_TYPE_UINT64)
        return DF_PARQUET_CONVERTED_UINT_8 + step;
    return is_narrow(type) ? DF_PARQUET_CONVERTED_INT_8 + step : -1;
}

/* What old readers go by; -1: nothing. Their times are all in UTC, and never in nanoseconds. */
static int32_t converted_type(const struct df_type *type, const struct df_write_type *written)
{
    bool none = written->unit == DF_TIME_NS || written->is_local;
    switch (type->kind) {
    case DF_TYPE_STRING:
        return DF_PARQUET_CONVERTED_UTF8;
    case DF_TYPE_DATE:
        return DF_PARQUET_CONVERTED_DATE;
    case DF_TYPE_DECIMAL:
        return DF_PARQUET_CONVERTED_DECIMAL;
    case DF_TYPE_UINT64:
    case DF_TYPE_INT64:
        return converted_integer(type, written);
    case DF_TYPE_TIME:
        return none ? -1 : DF_PARQUET_CONVERTED_TIME_MILLIS + (written->unit == DF_TIME_US);
    case DF_TYPE_TIMESTAMP:
        return none ? -1 : DF_PARQUET_CONVERTED_TIMESTAMP_MILLIS + (written->unit == DF_TIME_US);
    default:
        return -1;
    }
}

static void put_empty_struct(struct df_thrift_writer *writer, int32_t id)
{
    df_thrift_begin_struct(writer, id);
    df_thrift_end_struct(writer);
}

static void put_time(struct df_thrift_writer *writer, int32_t id, const struct df_write_type *written)
{
    df_thrift_begin_struct(writer, id);
    df_thrift_put_bool(writer, 1, !written->is_local);
    df_thrift_begin_struct(writer, 2);
    put_empty_struct(writer, 1 + (int32_t)written->unit - (int32_t)DF_TIME_MS); /* MILLIS, MICROS, NANOS */
    df_thrift_end_struct(writer);
    df_thrift_end_struct(writer);
}

static void put_integer(struct df_thrift_writer *writer, const struct df_type *type,
                        const struct df_write_type *written)
{
    df_thrift_begin_struct(writer, DF_PARQUET_LOGICAL_INTEGER);
    df_thrift_put_byte(writer, 1, integer_bits(type, written));
    df_thrift_put_bool(writer, 2, type->kind != DF_TYPE_UINT64 && !written->is_unsigned);
    df_thrift_end_struct(writer);
}

static void put_decimal(struct df_thrift_writer *writer, const struct df_type *type)
{
    df_thrift_begin_struct(writer, DF_PARQUET_LOGICAL_DECIMAL);
    df_thrift_put_i32(writer, 1, type->scale);
    df_thrift_put_i32(writer, 2, type->precision);
    df_thrift_end_struct(writer);
}

static bool has_logical_type(const struct df_type *type, const struct df_write_type *written)
{
    switch (type->kind) {
    case DF_TYPE_BOOL:
    case DF_TYPE_BINARY:
        return false;
    case DF_TYPE_FLOAT:
        return type->bits == 16;
    case DF_TYPE_INT64:
        return is_narrow(type) || written->is_unsigned;
    default:
        return true;
    }
}

static void put_logical_type(struct df_thrift_writer *writer, const struct df_type *type,
                             const struct df_write_type *written)
{
    df_thrift_begin_struct(writer, 10);
    switch (type->kind) {
    case DF_TYPE_NULL:
        put_empty_struct(writer, DF_PARQUET_LOGICAL_UNKNOWN);
        break;
    case DF_TYPE_FLOAT:
        put_empty_struct(writer, DF_PARQUET_LOGICAL_FLOAT16);
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
        put_time(writer, DF_PARQUET_LOGICAL_TIME, written);
        break;
    case DF_TYPE_TIMESTAMP:
        put_time(writer, DF_PARQUET_LOGICAL_TIMESTAMP, written);
        break;
    case DF_TYPE_DECIMAL:
        put_decimal(writer, type);
        break;
    default:
        put_integer(writer, type, written);
    }
    df_thrift_end_struct(writer);
}

static void put_leaf(struct df_thrift_writer *writer, const char *name, bool optional, const struct df_type *type,
                     const struct df_write_type *written)
{
    int32_t converted = converted_type(type, written);
    df_thrift_begin_element(writer);
    df_thrift_put_i32(writer, 1, (int32_t)written->physical);
    if (written->width_bytes > 0)
        df_thrift_put_i32(writer, 2, (int32_t)written->width_bytes);
    df_thrift_put_i32(writer, 3, optional ? DF_PARQUET_OPTIONAL : DF_PARQUET_REQUIRED);
    df_thrift_put_binary(writer, 4, df_slice_text(name));
    if (converted >= 0)
        df_thrift_put_i32(writer, 6, converted);
    if (type->kind == DF_TYPE_DECIMAL) {
        df_thrift_put_i32(writer, 7, type->scale);
        df_thrift_put_i32(writer, 8, type->precision);
    }
    if (has_logical_type(type, written))
        put_logical_type(writer, type, written);
    df_thrift_end_struct(writer);
}

/* A group of one field. */
static void put_group(struct df_thrift_writer *writer, const char *name, enum df_parquet_repetition repetition,
                      bool is_list)
{
    df_thrift_begin_element(writer);
    df_thrift_put_i32(writer, 3, (int32_t)repetition);
    df_thrift_put_binary(writer, 4, df_slice_text(name));
    df_thrift_put_i32(writer, 5, 1);
    if (is_list) {
        df_thrift_put_i32(writer, 6, DF_PARQUET_CONVERTED_LIST);
        df_thrift_begin_struct(writer, 10);
        put_empty_struct(writer, DF_PARQUET_LOGICAL_LIST);
        df_thrift_end_struct(writer);
    }
    df_thrift_end_struct(writer);
}

/* The names that LogicalTypes.md gives to the two nodes in a list. */
static const char list_name[] = "list", element_name[] = "element";

uint32_t df_write_type_node_count(const struct df_write_type *written)
{
    return written->list ? 3 : 1;
}

void df_write_type_put(struct df_thrift_writer *writer, const struct df_parquet_write_column *column,
                       const struct df_write_type *written)
{
    if (!written->list) {
        put_leaf(writer, column->name, written->optional, &column->type, written);
        return;
    }
    put_group(writer, column->name, written->optional ? DF_PARQUET_OPTIONAL : DF_PARQUET_REQUIRED, true);
    put_group(writer, list_name, DF_PARQUET_REPEATED, false);
    put_leaf(writer, element_name, written->element_optional, &column->type, written);
}

void df_write_type_put_path(struct df_thrift_writer *writer, int32_t id, const struct df_parquet_write_column *column)
{
    df_thrift_put_list(writer, id, DF_THRIFT_BINARY, column->type.list ? 3 : 1);
    df_thrift_put_element_binary(writer, df_slice_text(column->name));
    if (!column->type.list)
        return;
    df_thrift_put_element_binary(writer, df_slice_text(list_name));
    df_thrift_put_element_binary(writer, df_slice_text(element_name));
}
