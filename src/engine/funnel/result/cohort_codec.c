/* Cohorts on the way.
 *
 *     varint    columns
 *     each:     varint size, bytes of the name; u8 kind, bits, unit, precision, scale of the type
 *     varint    rows
 *     each:     u8 1 and a bit per row (1: a value), or u8 0: no nulls
 *               then the values that are there: BOOL u8; INT64 varint of the zigzag difference to the one before;
 *               FLOAT64 8 bytes; INT128 16 bytes; BYTES varint size and bytes
 *
 * The first column has no nulls, so that rows cannot be claimed that take no bytes. */
#include "engine/funnel/result/cohort_columns.h"

enum { COLUMN_BYTES_MIN = 6 };

/* ---- writing ---- */

static void put_head(const struct df_funnel_cohort_column *head, struct df_buf *out)
{
    struct df_slice name = df_slice_text(head->name);
    df_buf_put_varint(out, name.size);
    df_buf_put_slice(out, name);
    df_buf_put_u8(out, (uint8_t)head->type.kind);
    df_buf_put_u8(out, head->type.bits);
    df_buf_put_u8(out, (uint8_t)head->type.unit);
    df_buf_put_u8(out, head->type.precision);
    df_buf_put_u8(out, head->type.scale);
}

static void put_valid(const struct df_funnel_cohort_values *column, uint64_t rows, struct df_buf *out)
{
    df_buf_put_u8(out, column->null_count != 0);
    if (column->null_count == 0)
        return;
    for (uint64_t row = 0; row < rows; row += 8) {
        uint8_t bits = 0;
        for (uint64_t i = 0; i < 8 && row + i < rows; i++)
            bits |= (uint8_t)(column->valid[row + i] << i);
        df_buf_put_u8(out, bits);
    }
}

static void put_int64s(const struct df_funnel_cohort_values *column, uint64_t rows, struct df_buf *out)
{
    const int64_t *values = column->values;
    uint64_t before = 0;
    for (uint64_t row = 0; row < rows; row++) {
        if (!column->valid[row])
            continue;
        uint64_t difference = (uint64_t)values[row] - before;
        df_buf_put_varint(out, difference << 1 ^ (0 - (difference >> 63)));
        before = (uint64_t)values[row];
    }
}

static void put_bytes(const struct df_funnel_cohort_values *column, uint64_t rows, struct df_buf *out)
{
    const uint64_t *ends = column->values;
    for (uint64_t row = 0; row < rows; row++) {
        uint64_t begin = row ? ends[row - 1] : 0;
        if (!column->valid[row])
            continue;
        df_buf_put_varint(out, ends[row] - begin);
        if (ends[row] > begin)
            df_buf_put(out, column->heap + begin, ends[row] - begin);
    }
}

static void put_fixed(const struct df_funnel_cohort_values *column, uint64_t rows, struct df_buf *out)
{
    const uint8_t *values = column->values;
    size_t width = df_funnel_cohort_width(column->head.kind);
    for (uint64_t row = 0; row < rows; row++)
        if (column->valid[row])
            df_buf_put(out, values + row * width, width); /* little-endian, as all machines of base/bytes.h */
}

void df_funnel_cohort_encode(const struct df_funnel_cohort *cohort, struct df_buf *out)
{
    df_buf_put_varint(out, cohort->column_count);
    for (uint32_t i = 0; i < cohort->column_count; i++)
        put_head(&cohort->columns[i].head, out);
    df_buf_put_varint(out, cohort->rows);
    for (uint32_t i = 0; cohort->rows && i < cohort->column_count; i++) {
        const struct df_funnel_cohort_values *column = &cohort->columns[i];
        put_valid(column, cohort->rows, out);
        if (column->head.kind == DF_VECTOR_INT64)
            put_int64s(column, cohort->rows, out);
        else if (column->head.kind == DF_VECTOR_BYTES)
            put_bytes(column, cohort->rows, out);
        else
            put_fixed(column, cohort->rows, out);
    }
}

/* ---- reading ---- */

static int damaged(struct df_error *error, const char *what)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "damaged rows of an export: %s", what);
}

static bool take_type(struct df_cursor *from, struct df_type *type)
{
    uint8_t kind, bits, unit, precision, scale;
    if (!df_cursor_take_u8(from, &kind) || !df_cursor_take_u8(from, &bits) || !df_cursor_take_u8(from, &unit) ||
        !df_cursor_take_u8(from, &precision) || !df_cursor_take_u8(from, &scale))
        return false;
    if (kind >= DF_TYPE_KINDS || unit >= DF_TIME_UNITS || precision > 38 || scale > 38 || bits > 64)
        return false;
    *type = (struct df_type){.kind = (enum df_type_kind)kind,
                             .bits = bits,
                             .unit = (enum df_time_unit)unit,
                             .precision = precision,
                             .scale = scale};
    return true;
}

static int take_head(struct df_cursor *from, struct df_funnel_cohort_column *head, struct df_error *error)
{
    uint64_t size;
    struct df_slice name;
    if (!df_cursor_take_varint(from, &size) || size > df_cursor_left(from) ||
        !df_cursor_take_bytes(from, (size_t)size, &name) || (size && memchr(name.data, 0, (size_t)size)))
        return damaged(error, "the name of a column");
    if (!take_type(from, &head->type))
        return damaged(error, "the type of a column");
    head->kind = df_funnel_cohort_kind(&head->type);
    head->name = df_slice_strdup(name);
    return head->name ? 0 : df_error_no_memory(error, "reading an export");
}

static int take_valid(struct df_cursor *from, struct df_funnel_cohort_values *column, uint64_t rows, bool may_be_null,
                      struct df_error *error)
{
    uint8_t has_nulls;
    struct df_slice bits;
    if (!df_cursor_take_u8(from, &has_nulls) || has_nulls > may_be_null)
        return damaged(error, "the nulls of a column");
    memset(column->valid, 1, rows);
    column->null_count = 0;
    if (!has_nulls)
        return 0;
    if (!df_cursor_take_bytes(from, (size_t)((rows + 7) / 8), &bits))
        return damaged(error, "it ends among the nulls of a column");
    for (uint64_t row = 0; row < rows; row++) {
        column->valid[row] = bits.data[row / 8] >> (row % 8) & 1;
        column->null_count += !column->valid[row];
    }
    return 0;
}

static bool take_int64s(struct df_cursor *from, struct df_funnel_cohort_values *column, uint64_t rows)
{
    int64_t *values = column->values;
    uint64_t before = 0, zigzag;
    for (uint64_t row = 0; row < rows; row++) {
        values[row] = 0;
        if (!column->valid[row])
            continue;
        if (!df_cursor_take_varint(from, &zigzag))
            return false;
        before += zigzag >> 1 ^ (0 - (zigzag & 1));
        values[row] = (int64_t)before;
    }
    return true;
}

/* Two readings: what all values take, then the values, so that the heap is made once. */
static bool take_bytes(struct df_cursor *from, struct df_funnel_account *account,
                       struct df_funnel_cohort_values *column, uint64_t rows)
{
    struct df_cursor ahead = *from;
    struct df_slice bytes;
    uint64_t size, total = 0;
    uint64_t *ends = column->values;
    bool is_uuid = column->head.type.kind == DF_TYPE_UUID;
    for (uint64_t row = 0; row < rows; row++) {
        if (column->valid[row] && (!df_cursor_take_varint(&ahead, &size) || size > df_cursor_left(&ahead) ||
                                   (is_uuid && size != 16) || !df_cursor_take_bytes(&ahead, (size_t)size, &bytes)))
            return false;
        total += column->valid[row] ? size : 0;
        ends[row] = total;
    }
    void *heap = column->heap;
    if (!df_funnel_account_grow(account, &heap, &column->heap_capacity, total, 1))
        return false;
    column->heap = heap;
    for (uint64_t row = 0; row < rows; row++) {
        if (!column->valid[row] || !df_cursor_take_varint(from, &size) ||
            !df_cursor_take_bytes(from, (size_t)size, &bytes) || size == 0)
            continue;
        memcpy(column->heap + (ends[row] - size), bytes.data, (size_t)size);
    }
    return true;
}

static bool take_fixed(struct df_cursor *from, struct df_funnel_cohort_values *column, uint64_t rows)
{
    uint8_t *values = column->values;
    size_t width = df_funnel_cohort_width(column->head.kind);
    struct df_slice bytes;
    memset(values, 0, rows * width);
    for (uint64_t row = 0; row < rows; row++) {
        if (!column->valid[row])
            continue;
        if (!df_cursor_take_bytes(from, width, &bytes) || (width == 1 && bytes.data[0] > 1))
            return false;
        memcpy(values + row * width, bytes.data, width);
    }
    return true;
}

static int take_column(struct df_funnel_cohort *cohort, uint32_t at, uint64_t rows, struct df_cursor *from,
                       struct df_error *error)
{
    struct df_funnel_cohort_values *column = &cohort->columns[at];
    void *valid = NULL;
    bool fits = df_funnel_account_grow(cohort->account, &valid, &column->valid_capacity, rows, 1);
    column->valid = valid;
    if (!fits || !df_funnel_account_grow(cohort->account, &column->values, &column->values_capacity, rows,
                                         df_funnel_cohort_width(column->head.kind)))
        return df_error_no_memory(error, "reading an export");
    if (take_valid(from, column, rows, at > 0, error) < 0)
        return -1;
    bool good = column->head.kind == DF_VECTOR_INT64   ? take_int64s(from, column, rows)
                : column->head.kind == DF_VECTOR_BYTES ? take_bytes(from, cohort->account, column, rows)
                                                       : take_fixed(from, column, rows);
    return good ? 0 : damaged(error, "the values of a column");
}

static int take_cohort(struct df_funnel_cohort *cohort, struct df_cursor *from, struct df_error *error)
{
    uint64_t rows;
    for (uint32_t i = 0; i < cohort->column_count; i++)
        if (take_head(from, &cohort->columns[i].head, error) < 0)
            return -1;
    if (!df_cursor_take_varint(from, &rows) || rows > df_cursor_left(from) || rows > DF_FUNNEL_COHORT_ROWS_MAX)
        return damaged(error, "more rows than bytes");
    for (uint32_t i = 0; rows && i < cohort->column_count; i++)
        if (take_column(cohort, i, rows, from, error) < 0)
            return -1;
    cohort->rows = rows;
    return 0;
}

int df_funnel_cohort_decode(struct df_funnel_cohort **out, struct df_cursor *from, struct df_error *error)
{
    *out = NULL;
    uint64_t column_count;
    if (!df_cursor_take_varint(from, &column_count) || column_count == 0 || column_count > UINT32_MAX ||
        column_count > df_cursor_left(from) / COLUMN_BYTES_MIN)
        return damaged(error, "more columns than bytes");
    struct df_funnel_cohort *cohort = df_funnel_cohort_new((uint32_t)column_count, NULL);
    if (!cohort)
        return df_error_no_memory(error, "reading an export");
    if (take_cohort(cohort, from, error) < 0) {
        df_funnel_cohort_free(cohort);
        return -1;
    }
    *out = cohort;
    return 0;
}
