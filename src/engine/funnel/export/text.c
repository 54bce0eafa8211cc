#include "engine/funnel/export/text.h"

#include <math.h>

#include "engine/funnel/language/time_text.h"

enum { UUID_BYTES = 16, INT128_DIGITS = 39 };

/* ---- values that are neither text nor JSON's own ---- */

/* unscaled / 10^scale with all its digits: -5 at scale 2 is -0.05. */
static void put_decimal(struct df_buf *out, __int128 unscaled, unsigned scale)
{
    char digits[INT128_DIGITS + 1];
    unsigned count = 0;
    unsigned __int128 left = unscaled < 0 ? 0 - (unsigned __int128)unscaled : (unsigned __int128)unscaled;
    for (; left || count <= scale; left /= 10)
        digits[count++] = (char)('0' + (int)(left % 10));
    if (unscaled < 0)
        df_buf_put_char(out, '-');
    while (count) {
        if (count == scale)
            df_buf_put_char(out, '.');
        df_buf_put_char(out, digits[--count]);
    }
}

static void put_uuid(struct df_buf *out, struct df_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.size == UUID_BYTES && (i == 4 || i == 6 || i == 8 || i == 10))
            df_buf_put_char(out, '-');
        df_buf_printf(out, "%02x", bytes.data[i]);
    }
}

/* Dates, times, decimals, UUIDs. False: the value is of another kind. */
static bool put_special(struct df_buf *out, const struct df_type *type, const struct df_vector *vector, uint32_t row)
{
    switch (type->kind) {
    case DF_TYPE_DATE:
        df_funnel_put_date(out, vector->values.int64s[row]);
        return true;
    case DF_TYPE_TIME:
        df_funnel_put_time_of_day(out, vector->values.int64s[row], type->unit);
        return true;
    case DF_TYPE_TIMESTAMP:
        df_funnel_put_timestamp(out, vector->values.int64s[row], type->unit);
        return true;
    case DF_TYPE_DECIMAL:
        put_decimal(out, vector->kind == DF_VECTOR_INT128 ? vector->values.int128s[row] : vector->values.int64s[row],
                    type->scale);
        return true;
    case DF_TYPE_UUID:
        put_uuid(out, vector->values.bytes[row]);
        return true;
    default:
        return false;
    }
}

/* ---- CSV ---- */

static void put_field(struct df_buf *out, struct df_slice text)
{
    bool quoted = text.size == 0; /* an empty field is null */
    for (size_t i = 0; i < text.size && !quoted; i++)
        quoted = text.data[i] == ',' || text.data[i] == '"' || text.data[i] == '\r' || text.data[i] == '\n';
    if (!quoted) {
        df_buf_put_slice(out, text);
        return;
    }
    df_buf_put_char(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            df_buf_put_char(out, '"');
        df_buf_put_u8(out, text.data[i]);
    }
    df_buf_put_char(out, '"');
}

static void put_csv_value(struct df_buf *out, const struct df_type *type, const struct df_vector *vector, uint32_t row)
{
    if (df_vector_is_null(vector, row) || put_special(out, type, vector, row))
        return;
    double number;
    switch (vector->kind) {
    case DF_VECTOR_BOOL:
        df_buf_put_text(out, vector->values.bools[row] ? "true" : "false");
        return;
    case DF_VECTOR_FLOAT64:
        number = vector->values.float64s[row];
        if (isfinite(number))
            df_buf_put_double(out, number);
        else
            df_buf_put_text(out, number > 0 ? "inf" : "-inf");
        return;
    case DF_VECTOR_BYTES:
        put_field(out, vector->values.bytes[row]);
        return;
    default:
        if (type->kind == DF_TYPE_UINT64)
            df_buf_printf(out, "%llu", (unsigned long long)vector->values.int64s[row]);
        else
            df_buf_printf(out, "%lld", (long long)vector->values.int64s[row]);
        return;
    }
}

void df_funnel_export_put_csv_header(const struct df_funnel_cohort *cohort, struct df_buf *out)
{
    for (uint32_t i = 0; i < df_funnel_cohort_column_count(cohort); i++) {
        if (i)
            df_buf_put_char(out, ',');
        put_field(out, df_slice_text(df_funnel_cohort_column(cohort, i)->name));
    }
    df_buf_put_text(out, "\r\n");
}

void df_funnel_export_put_csv_row(const struct df_funnel_cohort *cohort, const struct df_vector *vectors, uint32_t row,
                                  struct df_buf *out)
{
    for (uint32_t i = 0; i < df_funnel_cohort_column_count(cohort); i++) {
        if (i)
            df_buf_put_char(out, ',');
        put_csv_value(out, &df_funnel_cohort_column(cohort, i)->type, &vectors[i], row);
    }
    df_buf_put_text(out, "\r\n");
}

/* ---- NDJSON ---- */

/* Decimals are numbers in JSON, the others text. */
static void put_json_special(struct df_json_writer *json, const struct df_type *type, struct df_slice text)
{
    if (type->kind == DF_TYPE_DECIMAL)
        df_json_raw(json, text);
    else
        df_json_string(json, text);
}

static void put_json_value(struct df_json_writer *json, const struct df_type *type, const struct df_vector *vector,
                           uint32_t row)
{
    struct df_buf text = {0};
    if (df_vector_is_null(vector, row)) {
        df_json_null(json);
        return;
    }
    if (put_special(&text, type, vector, row)) {
        json->out->failed |= text.failed;
        put_json_special(json, type, df_buf_slice(&text));
        df_buf_dispose(&text);
        return;
    }
    switch (vector->kind) {
    case DF_VECTOR_BOOL:
        df_json_boolean(json, vector->values.bools[row] != 0);
        return;
    case DF_VECTOR_FLOAT64:
        df_json_number(json, vector->values.float64s[row]);
        return;
    case DF_VECTOR_BYTES:
        df_json_string(json, vector->values.bytes[row]);
        return;
    default:
        if (type->kind == DF_TYPE_UINT64)
            df_json_uint(json, (uint64_t)vector->values.int64s[row]);
        else
            df_json_int(json, vector->values.int64s[row]);
        return;
    }
}

void df_funnel_export_put_json_row(const struct df_funnel_cohort *cohort, const struct df_vector *vectors, uint32_t row,
                                   struct df_json_writer *json, struct df_buf *out)
{
    df_json_begin_object(json);
    for (uint32_t i = 0; i < df_funnel_cohort_column_count(cohort); i++) {
        const struct df_funnel_cohort_column *column = df_funnel_cohort_column(cohort, i);
        df_json_key(json, column->name);
        put_json_value(json, &column->type, &vectors[i], row);
    }
    df_json_end_object(json);
    df_buf_put_char(out, '\n');
}
