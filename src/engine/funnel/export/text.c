#include "engine/funnel/export/text.h"

#include <math.h>

#include "engine/funnel/language/time_text.h"
#include "format/text/csv_put.h"

/* ---- values that are neither text nor JSON's own ---- */

/* Dates, times, decimals, UUIDs. False: the value is of another kind. */
static bool put_special(struct df_buf *out, const struct df_type *type, const struct df_vector *vector, uint32_t row)
{
    switch (type->kind) {
    case DF_TYPE_DATE:
        df_type_put_date(out, vector->values.int64s[row]);
        return true;
    case DF_TYPE_TIME:
        df_type_put_time_of_day(out, vector->values.int64s[row], type->unit);
        return true;
    case DF_TYPE_TIMESTAMP:
        df_type_put_timestamp(out, vector->values.int64s[row], type->unit);
        return true;
    case DF_TYPE_DECIMAL:
        df_type_put_decimal(out,
                            vector->kind == DF_VECTOR_INT128 ? vector->values.int128s[row] : vector->values.int64s[row],
                            type->scale);
        return true;
    case DF_TYPE_UUID:
        df_type_put_uuid(out, vector->values.bytes[row]);
        return true;
    default:
        return false;
    }
}

/* ---- CSV ---- */

/* An empty field is null, an empty text is in quotes. */
static void put_field(struct df_buf *out, struct df_slice text)
{
    df_csv_put_field(out, text, text.size == 0);
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
