/* Values as text: keys of maps, members of JSON. */
#include <inttypes.h>

#include "engine/funnel/language/shown.h"
#include "engine/funnel/result/tables.h"

enum { UUID_BYTES = 16, DECIMAL_BYTES = 16 };

/* Bytes that are no UTF-8 become \xNN. */
static void put_text_bytes(struct df_slice bytes, struct df_buf *out)
{
    for (size_t at = 0; at < bytes.size;) {
        unsigned size = df_funnel_character_at(bytes, at).size_bytes;
        if (size)
            df_buf_put(out, bytes.data + at, size);
        else
            df_buf_printf(out, "\\x%02x", bytes.data[at]);
        at += size ? size : 1;
    }
}

static void put_bytes(struct df_slice bytes, const struct df_type *type, struct df_buf *out)
{
    if (type->kind == DF_TYPE_UUID && bytes.size == UUID_BYTES)
        df_type_put_uuid(out, bytes);
    else
        put_text_bytes(bytes, out);
}

/* As Python says it. */
static void put_real(double value, struct df_buf *out)
{
    if (isfinite(value))
        df_buf_put_double(out, value);
    else
        df_buf_put_text(out, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
}

static void put_decimal(__int128 number, const struct df_type *type, struct df_buf *out)
{
    struct df_funnel_total total = {0};
    df_funnel_total_add(&total, number);
    df_funnel_total_put_text(total, type->scale, out);
}

/* Of all that is an integer inside. */
static void put_integer(__int128 number, const struct df_type *type, struct df_buf *out)
{
    switch (type->kind) {
    case DF_TYPE_BOOL:
        df_buf_put_text(out, number ? "True" : "False");
        break;
    case DF_TYPE_DATE:
        df_type_put_date(out, (int64_t)number);
        break;
    case DF_TYPE_TIME:
        df_type_put_time_of_day(out, (int64_t)number, type->unit);
        break;
    case DF_TYPE_TIMESTAMP:
        df_type_put_timestamp(out, (int64_t)number, type->unit);
        break;
    case DF_TYPE_DECIMAL:
        put_decimal(number, type, out);
        break;
    case DF_TYPE_UINT64:
        df_int128_put_text((__int128)(uint64_t)number, out);
        break;
    default:
        df_int128_put_text(number, out);
    }
}

static double real_of(int64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static __int128 decimal_of(struct df_slice bytes)
{
    __int128 number = 0;
    memcpy(&number, bytes.data, bytes.size < DECIMAL_BYTES ? bytes.size : DECIMAL_BYTES);
    return number;
}

void df_funnel_value_put_text(const struct df_funnel_values *values, uint32_t id, const struct df_type *type,
                              struct df_buf *out)
{
    if (id == values->null_id)
        df_buf_put_text(out, "null");
    else if (values->form == DF_FUNNEL_FORM_NUMBER && type->kind == DF_TYPE_FLOAT)
        put_real(real_of(values->items[id].number), out);
    else if (values->form == DF_FUNNEL_FORM_NUMBER)
        put_integer(values->items[id].number, type, out);
    else if (type->kind == DF_TYPE_DECIMAL)
        put_decimal(decimal_of(df_funnel_values_slice(values, id)), type, out);
    else
        put_bytes(df_funnel_values_slice(values, id), type, out);
}

/* Text that is JSON already, or goes between quotes. */
static void put_as(struct df_buf *text, bool raw, struct df_json_writer *json)
{
    if (df_buf_failed(text))
        json->out->failed = true;
    if (raw)
        df_json_raw(json, df_buf_slice(text));
    else
        df_json_string(json, df_buf_slice(text));
    df_buf_dispose(text);
}

static bool is_json_number(enum df_type_kind kind)
{
    return kind == DF_TYPE_INT64 || kind == DF_TYPE_UINT64 || kind == DF_TYPE_DECIMAL || kind == DF_TYPE_NULL;
}

void df_funnel_value_put_json(const struct df_funnel_values *values, uint32_t id, const struct df_type *type,
                              struct df_json_writer *json)
{
    struct df_buf text = {0};
    if (id == values->null_id) {
        df_json_null(json);
        return;
    }
    if (type->kind == DF_TYPE_BOOL && values->form == DF_FUNNEL_FORM_NUMBER) {
        df_json_boolean(json, values->items[id].number != 0);
        return;
    }
    df_funnel_value_put_text(values, id, type, &text);
    bool finite = type->kind == DF_TYPE_FLOAT && isfinite(real_of(values->items[id].number));
    put_as(&text, finite || is_json_number(type->kind), json); /* infinities have no number in JSON */
}

void df_funnel_extreme_put_json(const struct df_funnel_extreme *extreme, const struct df_type *type,
                                struct df_json_writer *json)
{
    struct df_buf text = {0};
    if (!extreme->known) {
        df_json_null(json);
        return;
    }
    switch (type->kind) {
    case DF_TYPE_FLOAT:
        df_json_number(json, extreme->real);
        return;
    case DF_TYPE_BOOL:
        df_json_boolean(json, extreme->integer != 0);
        return;
    case DF_TYPE_STRING:
    case DF_TYPE_BINARY:
    case DF_TYPE_UUID:
        put_bytes(df_slice_make(extreme->bytes, extreme->size), type, &text);
        break;
    default:
        put_integer(extreme->integer, type, &text);
    }
    put_as(&text, is_json_number(type->kind), json);
}
