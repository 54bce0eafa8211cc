/* Least and greatest values while a chunk is written, in the order that the format gives to the type. */
#include <math.h>

#include "format/parquet/names.h"
#include "format/parquet/write_value.h"

static bool has_bytes(const struct df_type *type)
{
    return type->kind == DF_TYPE_STRING || type->kind == DF_TYPE_BINARY || type->kind == DF_TYPE_UUID;
}

static int compare(const struct df_type *type, const struct df_write_value *a, const struct df_write_value *b)
{
    switch (type->kind) {
    case DF_TYPE_FLOAT:
        return (a->number > b->number) - (a->number < b->number);
    case DF_TYPE_DECIMAL:
        return (a->wide > b->wide) - (a->wide < b->wide);
    case DF_TYPE_UINT64:
        return ((uint64_t)a->integer > (uint64_t)b->integer) - ((uint64_t)a->integer < (uint64_t)b->integer);
    default:
        return (a->integer > b->integer) - (a->integer < b->integer);
    }
}

static void set_bytes(struct df_buf *to, struct df_slice from)
{
    df_buf_clear(to);
    df_buf_put_slice(to, from);
}

static void note_bytes(struct df_write_statistics *statistics, struct df_slice bytes)
{
    if (!statistics->any || df_slice_compare(bytes, df_buf_slice(&statistics->minimum_bytes)) < 0)
        set_bytes(&statistics->minimum_bytes, bytes);
    if (!statistics->any || df_slice_compare(bytes, df_buf_slice(&statistics->maximum_bytes)) > 0)
        set_bytes(&statistics->maximum_bytes, bytes);
    statistics->any = true;
}

static void note_number(struct df_write_statistics *statistics, const struct df_type *type,
                        const struct df_write_value *value)
{
    if (!statistics->any || compare(type, value, &statistics->minimum) < 0)
        statistics->minimum = *value;
    if (!statistics->any || compare(type, value, &statistics->maximum) > 0)
        statistics->maximum = *value;
    statistics->any = true;
}

void df_write_statistics_note(struct df_write_statistics *statistics, const struct df_type *type,
                              const struct df_write_value *value)
{
    if (has_bytes(type))
        note_bytes(statistics, value->bytes);
    else if (type->kind == DF_TYPE_FLOAT && isnan(value->number))
        statistics->nan_count++;
    else
        note_number(statistics, type, value);
}

void df_write_statistics_add(struct df_write_statistics *statistics, const struct df_type *type,
                             const struct df_write_statistics *other)
{
    statistics->null_count += other->null_count;
    statistics->nan_count += other->nan_count;
    if (!other->any)
        return;
    if (has_bytes(type)) {
        note_bytes(statistics, df_buf_slice(&other->minimum_bytes));
        note_bytes(statistics, df_buf_slice(&other->maximum_bytes));
    } else {
        note_number(statistics, type, &other->minimum);
        note_number(statistics, type, &other->maximum);
    }
}

int df_write_statistics_compare_minima(const struct df_type *type, const struct df_write_statistics *a,
                                       const struct df_write_statistics *b)
{
    if (has_bytes(type))
        return df_slice_compare(df_buf_slice(&a->minimum_bytes), df_buf_slice(&b->minimum_bytes));
    return compare(type, &a->minimum, &b->minimum);
}

int df_write_statistics_compare_maxima(const struct df_type *type, const struct df_write_statistics *a,
                                       const struct df_write_statistics *b)
{
    if (has_bytes(type))
        return df_slice_compare(df_buf_slice(&a->maximum_bytes), df_buf_slice(&b->maximum_bytes));
    return compare(type, &a->maximum, &b->maximum);
}

/* Zero has two signs that compare equal: the bounds take in both (parquet.thrift, TypeDefinedOrder). */
static void put_real(const struct df_parquet_write_column *column, const struct df_write_type *written, double bound,
                     struct df_buf *out)
{
    struct df_write_value value = {.number = bound};
    struct df_error error; /* reals have none */
    df_write_value_encode(column, written, &value, &error);
    df_buf_put_slice(out, value.plain_bytes);
}

static void put_value(const struct df_write_value *value, struct df_buf *out)
{
    df_buf_put(out, value->plain, value->plain_bytes.size); /* plain_bytes itself points into a value that is gone */
}

void df_write_statistics_put(const struct df_write_statistics *statistics, const struct df_parquet_write_column *column,
                             const struct df_write_type *written, struct df_buf *minimum, struct df_buf *maximum)
{
    if (has_bytes(&column->type)) {
        df_buf_put_slice(minimum, df_buf_slice(&statistics->minimum_bytes));
        df_buf_put_slice(maximum, df_buf_slice(&statistics->maximum_bytes));
    } else if (column->type.kind == DF_TYPE_FLOAT) {
        double low = statistics->minimum.number, high = statistics->maximum.number;
        put_real(column, written, low == 0 ? -0.0 : low, minimum);
        put_real(column, written, high == 0 ? 0.0 : high, maximum);
    } else {
        put_value(&statistics->minimum, minimum);
        put_value(&statistics->maximum, maximum);
    }
}

void df_write_statistics_clear(struct df_write_statistics *statistics)
{
    statistics->null_count = statistics->nan_count = 0;
    statistics->any = false;
    df_buf_clear(&statistics->minimum_bytes);
    df_buf_clear(&statistics->maximum_bytes);
}

void df_write_statistics_dispose(struct df_write_statistics *statistics)
{
    df_buf_dispose(&statistics->minimum_bytes);
    df_buf_dispose(&statistics->maximum_bytes);
}
