#include "format/parquet/statistics.h"

#include <math.h>

#include "base/error.h"
#include "format/parquet/convert.h"

void df_parquet_take_statistics(struct df_thrift_reader *reader, const struct df_thrift_field *parent,
                                struct df_parquet_statistics *statistics)
{
    unsigned seen = 0;
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return;
    while (df_thrift_next_field(reader, &field)) {
        struct df_slice *bounds[] = {
            [1] = &statistics->old_maximum,
            [2] = &statistics->old_minimum,
            [5] = &statistics->maximum,
            [6] = &statistics->minimum,
        };
        if (field.id == 1 || field.id == 2 || field.id == 5 || field.id == 6) {
            *bounds[field.id] = df_thrift_take_binary(reader, &field);
            seen |= 1u << field.id;
        } else if (field.id == 3) {
            statistics->null_count = df_thrift_take_i64(reader, &field);
            statistics->has_null_count = true;
        } else {
            df_thrift_skip(reader, &field);
        }
    }
    statistics->has_old = (seen & 0x06) == 0x06;
    statistics->has_new = (seen & 0x60) == 0x60;
}

bool df_parquet_ordered_signed(const struct df_parquet_leaf *leaf, const struct df_parquet_column *column)
{
    switch (leaf->conversion) {
    case DF_PARQUET_FROM_BOOLEAN:
    case DF_PARQUET_FROM_INT32:
    case DF_PARQUET_FROM_FLOAT:
    case DF_PARQUET_FROM_DOUBLE:
        return true;
    case DF_PARQUET_FROM_INT64:
        return column->type.kind != DF_TYPE_UINT64;
    default:
        return false;
    }
}

static bool load_bound(struct df_slice bytes, const struct df_parquet_leaf *leaf, struct df_parquet_value *out)
{
    enum df_error_kind kind;
    out->kind = leaf->kind;
    if (leaf->conversion == DF_PARQUET_FROM_BOOLEAN) {
        out->as.boolean = bytes.size == 1 && bytes.data[0] == 1;
        return bytes.size == 1 && bytes.data[0] <= 1;
    }
    if (leaf->conversion == DF_PARQUET_FROM_BYTES || leaf->conversion == DF_PARQUET_FROM_FIXED) {
        out->as.bytes = bytes; /* of fixed lengths perhaps cut */
        return true;
    }
    if (leaf->conversion == DF_PARQUET_FROM_BYTES_DECIMAL)
        return !df_convert_slices(leaf, &bytes, &out->as, 1, &kind);
    return bytes.size == leaf->width_bytes && !df_convert_plain(leaf, bytes.data, &out->as, 1, &kind);
}

/* Zero has two signs that compare equal, and writers did not always care which one they wrote. */
static bool check_floats(struct df_parquet_bounds *bounds)
{
    double low = bounds->minimum.as.float64, high = bounds->maximum.as.float64;
    bounds->minimum.as.float64 = low == 0 ? -0.0 : low;
    bounds->maximum.as.float64 = high == 0 ? 0.0 : high;
    return low <= high; /* not with NaN */
}

static bool in_order(struct df_parquet_bounds *bounds, const struct df_parquet_column *column)
{
    const struct df_parquet_value *low = &bounds->minimum, *high = &bounds->maximum;
    switch (low->kind) {
    case DF_VECTOR_BOOL:
        return low->as.boolean <= high->as.boolean;
    case DF_VECTOR_FLOAT64:
        return check_floats(bounds);
    case DF_VECTOR_BYTES:
        return df_slice_compare(low->as.bytes, high->as.bytes) <= 0;
    case DF_VECTOR_INT128:
        return low->as.int128 <= high->as.int128;
    default:
        if (column->type.kind == DF_TYPE_UINT64)
            return (uint64_t)low->as.int64 <= (uint64_t)high->as.int64;
        return low->as.int64 <= high->as.int64;
    }
}

struct df_parquet_bounds df_parquet_bounds_of(const struct df_parquet_statistics *statistics,
                                              const struct df_parquet_column *column,
                                              const struct df_parquet_leaf *leaf, uint64_t value_count)
{
    struct df_parquet_bounds bounds = {0};
    if (column->unsupported || leaf->repetition_max > 0)
        return bounds;
    if (statistics->has_null_count && statistics->null_count >= 0 && (uint64_t)statistics->null_count <= value_count) {
        bounds.nulls_known = true;
        bounds.null_count = (uint64_t)statistics->null_count;
    }
    bool old_is_right = statistics->has_old && df_parquet_ordered_signed(leaf, column);
    if (leaf->conversion == DF_PARQUET_FROM_INT96 || leaf->always_null || (!statistics->has_new && !old_is_right))
        return bounds; /* the order of INT96 was never settled */
    struct df_slice minimum = statistics->has_new ? statistics->minimum : statistics->old_minimum;
    struct df_slice maximum = statistics->has_new ? statistics->maximum : statistics->old_maximum;
    bounds.known = load_bound(minimum, leaf, &bounds.minimum) && load_bound(maximum, leaf, &bounds.maximum) &&
                   in_order(&bounds, column);
    return bounds;
}
