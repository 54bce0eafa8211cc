#include "format/parquet/logical.h"

#include "format/parquet/names.h"

/* Digits of decimals that any reader of this world has, and of those that 64 bits hold. */
enum { DECIMAL_DIGITS_MAX = 38, DECIMAL_DIGITS_INT64 = 18, DECIMAL_DIGITS_INT32 = 9 };

/* ---- taking ---- */

static void take_time_unit(struct df_thrift_reader *reader, const struct df_thrift_field *parent,
                           struct df_parquet_annotation *annotation)
{
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return;
    while (df_thrift_next_field(reader, &field)) {
        if (field.id >= 1 && field.id <= 3) { /* MILLIS, MICROS, NANOS */
            annotation->unit = (enum df_time_unit)(DF_TIME_MS + (field.id - 1));
            annotation->unit_known = true;
        }
        df_thrift_skip(reader, &field);
    }
}

/* TimeType and TimestampType. */
static void take_time(struct df_thrift_reader *reader, const struct df_thrift_field *parent,
                      struct df_parquet_annotation *annotation)
{
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return;
    while (df_thrift_next_field(reader, &field)) {
        if (field.id == 1)
            annotation->is_local = !df_thrift_take_bool(reader, &field);
        else if (field.id == 2)
            take_time_unit(reader, &field, annotation);
        else
            df_thrift_skip(reader, &field);
    }
}

static void take_integer(struct df_thrift_reader *reader, const struct df_thrift_field *parent,
                         struct df_parquet_annotation *annotation)
{
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return;
    while (df_thrift_next_field(reader, &field)) {
        if (field.id == 1)
            annotation->bits = df_thrift_take_i32(reader, &field);
        else if (field.id == 2)
            annotation->is_signed = df_thrift_take_bool(reader, &field);
        else
            df_thrift_skip(reader, &field);
    }
}

static void take_decimal(struct df_thrift_reader *reader, const struct df_thrift_field *parent,
                         struct df_parquet_annotation *annotation)
{
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return;
    while (df_thrift_next_field(reader, &field)) {
        if (field.id == 1)
            annotation->scale = df_thrift_take_i32(reader, &field);
        else if (field.id == 2)
            annotation->precision = df_thrift_take_i32(reader, &field);
        else
            df_thrift_skip(reader, &field);
    }
}

static enum df_parquet_annotation_kind kind_of_branch(int32_t id)
{
    static const enum df_parquet_annotation_kind kinds[] = {
        [DF_PARQUET_LOGICAL_STRING] = DF_PARQUET_SAYS_STRING,
        [DF_PARQUET_LOGICAL_MAP] = DF_PARQUET_SAYS_MAP,
        [DF_PARQUET_LOGICAL_LIST] = DF_PARQUET_SAYS_LIST,
        [DF_PARQUET_LOGICAL_ENUM] = DF_PARQUET_SAYS_ENUM,
        [DF_PARQUET_LOGICAL_DECIMAL] = DF_PARQUET_SAYS_DECIMAL,
        [DF_PARQUET_LOGICAL_DATE] = DF_PARQUET_SAYS_DATE,
        [DF_PARQUET_LOGICAL_TIME] = DF_PARQUET_SAYS_TIME,
        [DF_PARQUET_LOGICAL_TIMESTAMP] = DF_PARQUET_SAYS_TIMESTAMP,
        [DF_PARQUET_LOGICAL_INTEGER] = DF_PARQUET_SAYS_INTEGER,
        [DF_PARQUET_LOGICAL_UNKNOWN] = DF_PARQUET_SAYS_NULLS,
        [DF_PARQUET_LOGICAL_JSON] = DF_PARQUET_SAYS_JSON,
        [DF_PARQUET_LOGICAL_BSON] = DF_PARQUET_SAYS_BSON,
        [DF_PARQUET_LOGICAL_UUID] = DF_PARQUET_SAYS_UUID,
        [DF_PARQUET_LOGICAL_FLOAT16] = DF_PARQUET_SAYS_HALF,
        [DF_PARQUET_LOGICAL_VARIANT] = DF_PARQUET_SAYS_VARIANT,
        [DF_PARQUET_LOGICAL_GEOMETRY] = DF_PARQUET_SAYS_GEOMETRY,
        [DF_PARQUET_LOGICAL_GEOGRAPHY] = DF_PARQUET_SAYS_GEOGRAPHY,
    };
    if (id <= 0 || id >= (int32_t)(sizeof kinds / sizeof *kinds) || kinds[id] == DF_PARQUET_SAYS_NOTHING)
        return DF_PARQUET_SAYS_SOMETHING_ELSE;
    return kinds[id];
}

struct df_parquet_annotation df_parquet_take_logical(struct df_thrift_reader *reader,
                                                     const struct df_thrift_field *parent)
{
    struct df_parquet_annotation annotation = {.kind = DF_PARQUET_SAYS_SOMETHING_ELSE};
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return annotation;
    while (df_thrift_next_field(reader, &field)) {
        annotation = (struct df_parquet_annotation){.kind = kind_of_branch(field.id)};
        switch (annotation.kind) {
        case DF_PARQUET_SAYS_TIME:
        case DF_PARQUET_SAYS_TIMESTAMP:
            take_time(reader, &field, &annotation);
            break;
        case DF_PARQUET_SAYS_INTEGER:
            take_integer(reader, &field, &annotation);
            break;
        case DF_PARQUET_SAYS_DECIMAL:
            take_decimal(reader, &field, &annotation);
            break;
        default:
            df_thrift_skip(reader, &field);
        }
    }
    return annotation;
}

static struct df_parquet_annotation integer(int32_t step, bool is_signed)
{
    return (struct df_parquet_annotation){
        .kind = DF_PARQUET_SAYS_INTEGER, .bits = 8 << step, .is_signed = is_signed}; /* 8, 16, 32, 64 */
}

static struct df_parquet_annotation time_like(enum df_parquet_annotation_kind kind, bool micros)
{
    return (struct df_parquet_annotation){.kind = kind, .unit = micros ? DF_TIME_US : DF_TIME_MS, .unit_known = true};
}

struct df_parquet_annotation df_parquet_annotation_of_converted(int32_t converted, int32_t precision, int32_t scale)
{
    static const enum df_parquet_annotation_kind kinds[] = {
        [DF_PARQUET_CONVERTED_UTF8] = DF_PARQUET_SAYS_STRING,       [DF_PARQUET_CONVERTED_MAP] = DF_PARQUET_SAYS_MAP,
        [DF_PARQUET_CONVERTED_MAP_KEY_VALUE] = DF_PARQUET_SAYS_MAP, [DF_PARQUET_CONVERTED_LIST] = DF_PARQUET_SAYS_LIST,
        [DF_PARQUET_CONVERTED_ENUM] = DF_PARQUET_SAYS_ENUM,         [DF_PARQUET_CONVERTED_DATE] = DF_PARQUET_SAYS_DATE,
        [DF_PARQUET_CONVERTED_JSON] = DF_PARQUET_SAYS_JSON,         [DF_PARQUET_CONVERTED_BSON] = DF_PARQUET_SAYS_BSON,
        [DF_PARQUET_CONVERTED_INTERVAL] = DF_PARQUET_SAYS_INTERVAL,
    };
    if (converted == DF_PARQUET_CONVERTED_DECIMAL)
        return (struct df_parquet_annotation){.kind = DF_PARQUET_SAYS_DECIMAL, .precision = precision, .scale = scale};
    if (converted == DF_PARQUET_CONVERTED_TIME_MILLIS || converted == DF_PARQUET_CONVERTED_TIME_MICROS)
        return time_like(DF_PARQUET_SAYS_TIME, converted == DF_PARQUET_CONVERTED_TIME_MICROS);
    if (converted == DF_PARQUET_CONVERTED_TIMESTAMP_MILLIS || converted == DF_PARQUET_CONVERTED_TIMESTAMP_MICROS)
        return time_like(DF_PARQUET_SAYS_TIMESTAMP, converted == DF_PARQUET_CONVERTED_TIMESTAMP_MICROS);
    if (converted >= DF_PARQUET_CONVERTED_UINT_8 && converted <= DF_PARQUET_CONVERTED_UINT_64)
        return integer(converted - DF_PARQUET_CONVERTED_UINT_8, false);
    if (converted >= DF_PARQUET_CONVERTED_INT_8 && converted <= DF_PARQUET_CONVERTED_INT_64)
        return integer(converted - DF_PARQUET_CONVERTED_INT_8, true);
    struct df_parquet_annotation annotation = {.kind = DF_PARQUET_SAYS_SOMETHING_ELSE};
    if (converted >= 0 && converted < (int32_t)(sizeof kinds / sizeof *kinds) &&
        kinds[converted] != DF_PARQUET_SAYS_NOTHING)
        annotation.kind = kinds[converted];
    return annotation;
}

/* ---- types ---- */

/* What the physical type alone says. */
static const char *plain_type(int32_t physical, int32_t length, struct df_parquet_column *column,
                              struct df_parquet_leaf *leaf)
{
    struct df_type *type = &column->type;
    column->meaning = DF_PARQUET_PLAIN;
    switch (physical) {
    case DF_PARQUET_BOOLEAN:
        *type = (struct df_type){.kind = DF_TYPE_BOOL};
        *leaf = (struct df_parquet_leaf){.conversion = DF_PARQUET_FROM_BOOLEAN, .kind = DF_VECTOR_BOOL};
        return NULL;
    case DF_PARQUET_INT32:
        *type = (struct df_type){.kind = DF_TYPE_INT64, .bits = 32};
        *leaf = (struct df_parquet_leaf){DF_PARQUET_FROM_INT32, DF_VECTOR_INT64, .width_bytes = 4};
        return NULL;
    case DF_PARQUET_INT64:
        *type = (struct df_type){.kind = DF_TYPE_INT64, .bits = 64};
        *leaf = (struct df_parquet_leaf){DF_PARQUET_FROM_INT64, DF_VECTOR_INT64, .width_bytes = 8};
        return NULL;
    case DF_PARQUET_INT96:
        column->meaning = DF_PARQUET_TIMESTAMP_NS;
        *type = (struct df_type){.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_NS};
        *leaf = (struct df_parquet_leaf){DF_PARQUET_FROM_INT96, DF_VECTOR_INT64, .width_bytes = 12};
        return NULL;
    case DF_PARQUET_FLOAT:
        *type = (struct df_type){.kind = DF_TYPE_FLOAT, .bits = 32};
        *leaf = (struct df_parquet_leaf){DF_PARQUET_FROM_FLOAT, DF_VECTOR_FLOAT64, .width_bytes = 4};
        return NULL;
    case DF_PARQUET_DOUBLE:
        *type = (struct df_type){.kind = DF_TYPE_FLOAT, .bits = 64};
        *leaf = (struct df_parquet_leaf){DF_PARQUET_FROM_DOUBLE, DF_VECTOR_FLOAT64, .width_bytes = 8};
        return NULL;
    case DF_PARQUET_BYTE_ARRAY:
        *type = (struct df_type){.kind = DF_TYPE_BINARY};
        *leaf = (struct df_parquet_leaf){.conversion = DF_PARQUET_FROM_BYTES, .kind = DF_VECTOR_BYTES};
        return NULL;
    case DF_PARQUET_FIXED_LEN_BYTE_ARRAY:
        *type = (struct df_type){.kind = DF_TYPE_BINARY};
        *leaf = (struct df_parquet_leaf){.conversion = DF_PARQUET_FROM_FIXED, .kind = DF_VECTOR_BYTES};
        if (length <= 0)
            return "FIXED_LEN_BYTE_ARRAY without a length";
        leaf->width_bytes = (uint32_t)length;
        return NULL;
    default:
        return df_parquet_physical_name(physical);
    }
}

/* Digits that `bytes` bytes of two's complement hold whatever they say. */
static int32_t digits_of_bytes(int32_t bytes)
{
    return bytes >= 16 ? DECIMAL_DIGITS_MAX : (bytes * 8 - 1) * 30103 / 100000; /* log10(2) = 0.30103 */
}

static bool decimal_type(const struct df_parquet_annotation *says, int32_t physical, int32_t length,
                         struct df_parquet_column *column, struct df_parquet_leaf *leaf)
{
    int32_t digits_max = DECIMAL_DIGITS_MAX;
    if (physical == DF_PARQUET_INT32)
        digits_max = DECIMAL_DIGITS_INT32;
    else if (physical == DF_PARQUET_INT64)
        digits_max = DECIMAL_DIGITS_INT64;
    else if (physical == DF_PARQUET_FIXED_LEN_BYTE_ARRAY)
        digits_max = digits_of_bytes(length);
    else if (physical != DF_PARQUET_BYTE_ARRAY)
        return false;
    if (says->precision < 1 || says->precision > digits_max || says->scale < 0 || says->scale > says->precision)
        return false;
    column->type =
        (struct df_type){.kind = DF_TYPE_DECIMAL, .precision = (uint8_t)says->precision, .scale = (uint8_t)says->scale};
    column->meaning = DF_PARQUET_DECIMAL;
    leaf->kind = says->precision > DECIMAL_DIGITS_INT64 ? DF_VECTOR_INT128 : DF_VECTOR_INT64;
    if (physical == DF_PARQUET_FIXED_LEN_BYTE_ARRAY)
        leaf->conversion = DF_PARQUET_FROM_FIXED_DECIMAL;
    if (physical == DF_PARQUET_BYTE_ARRAY)
        leaf->conversion = DF_PARQUET_FROM_BYTES_DECIMAL;
    return true;
}

static bool integer_type(const struct df_parquet_annotation *says, int32_t physical, struct df_parquet_column *column,
                         struct df_parquet_leaf *leaf)
{
    bool wide = physical == DF_PARQUET_INT64;
    if (!wide && physical != DF_PARQUET_INT32)
        return false;
    if (wide ? says->bits != 64 : says->bits != 8 && says->bits != 16 && says->bits != 32)
        return false;
    column->type.bits = (uint8_t)says->bits;
    if (says->is_signed)
        return true;
    column->type.bits = wide ? 64 : (uint8_t)(says->bits * 2);
    column->meaning = DF_PARQUET_UNSIGNED;
    column->type.kind = wide ? DF_TYPE_UINT64 : DF_TYPE_INT64;
    leaf->conversion = wide ? DF_PARQUET_FROM_INT64 : DF_PARQUET_FROM_UINT32;
    return true;
}

static bool time_type(const struct df_parquet_annotation *says, int32_t physical, struct df_parquet_column *column)
{
    int32_t wanted = says->unit == DF_TIME_MS ? DF_PARQUET_INT32 : DF_PARQUET_INT64;
    if (!says->unit_known || physical != wanted)
        return false;
    column->type = (struct df_type){.kind = DF_TYPE_TIME, .unit = says->unit};
    column->meaning = DF_PARQUET_TIME;
    column->local_time = says->is_local;
    return true;
}

static bool timestamp_type(const struct df_parquet_annotation *says, int32_t physical, struct df_parquet_column *column)
{
    if (!says->unit_known || physical != DF_PARQUET_INT64)
        return false;
    column->type = (struct df_type){.kind = DF_TYPE_TIMESTAMP, .unit = says->unit};
    column->meaning =
        (enum df_parquet_meaning)(DF_PARQUET_TIMESTAMP_MS + ((unsigned)says->unit - (unsigned)DF_TIME_MS));
    column->local_time = says->is_local;
    return true;
}

/* False: the annotation does not belong to the physical type, and says nothing that we could rely on. */
static bool annotated_type(const struct df_parquet_annotation *says, int32_t physical, int32_t length,
                           struct df_parquet_column *column, struct df_parquet_leaf *leaf)
{
    bool bytes = physical == DF_PARQUET_BYTE_ARRAY, fixed = physical == DF_PARQUET_FIXED_LEN_BYTE_ARRAY;
    switch (says->kind) {
    case DF_PARQUET_SAYS_STRING:
    case DF_PARQUET_SAYS_ENUM:
    case DF_PARQUET_SAYS_JSON:
        column->type.kind = DF_TYPE_STRING;
        column->meaning = DF_PARQUET_STRING;
        return bytes || (fixed && says->kind == DF_PARQUET_SAYS_ENUM);
    case DF_PARQUET_SAYS_BSON:
        return bytes;
    case DF_PARQUET_SAYS_DECIMAL:
        return decimal_type(says, physical, length, column, leaf);
    case DF_PARQUET_SAYS_DATE:
        column->type = (struct df_type){.kind = DF_TYPE_DATE};
        column->meaning = DF_PARQUET_DATE;
        return physical == DF_PARQUET_INT32;
    case DF_PARQUET_SAYS_TIME:
        return time_type(says, physical, column);
    case DF_PARQUET_SAYS_TIMESTAMP:
        return timestamp_type(says, physical, column);
    case DF_PARQUET_SAYS_INTEGER:
        return integer_type(says, physical, column, leaf);
    case DF_PARQUET_SAYS_NULLS: /* of any physical type, as there are no values */
        column->type = (struct df_type){.kind = DF_TYPE_NULL};
        leaf->always_null = true;
        return true;
    case DF_PARQUET_SAYS_UUID:
        column->type = (struct df_type){.kind = DF_TYPE_UUID};
        return fixed && length == 16;
    case DF_PARQUET_SAYS_HALF:
        column->type = (struct df_type){.kind = DF_TYPE_FLOAT, .bits = 16};
        leaf->conversion = DF_PARQUET_FROM_HALF;
        leaf->kind = DF_VECTOR_FLOAT64;
        return fixed && length == 2;
    default:
        return false;
    }
}

const char *df_parquet_leaf_type(const struct df_parquet_annotation *annotation, int32_t physical, int32_t length,
                                 struct df_parquet_column *column, struct df_parquet_leaf *leaf)
{
    const char *problem = plain_type(physical, length, column, leaf);
    if (!problem && annotation->kind != DF_PARQUET_SAYS_NOTHING &&
        !annotated_type(annotation, physical, length, column, leaf)) {
        column->meaning = DF_PARQUET_OTHER;
        if (annotation->kind == DF_PARQUET_SAYS_INTERVAL)
            problem = "INTERVAL";
        else if (annotation->kind == DF_PARQUET_SAYS_GEOMETRY)
            problem = "GEOMETRY";
        else if (annotation->kind == DF_PARQUET_SAYS_GEOGRAPHY)
            problem = "GEOGRAPHY";
        else if (annotation->kind == DF_PARQUET_SAYS_DECIMAL)
            problem = "a DECIMAL whose digits do not fit its values";
        else
            problem = "its logical type";
    }
    column->kind = leaf->kind;
    return problem;
}
