#include "engine/funnel/repartition/row.h"

#include <math.h>

#include "base/bytes.h"

enum { LENGTH_BYTES = 4 };

int df_repartition_record_damaged(struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "a section of the exchange holds a damaged record");
}

int df_repartition_layout_make(struct df_repartition_layout *layout, const struct df_repartition_request *request,
                               struct df_arena *arena, struct df_error *error)
{
    uint32_t count = 0;
    *layout =
        (struct df_repartition_layout){.request = request,
                                       .order = df_arena_array(arena, request->column_count, sizeof *layout->order),
                                       .null_bytes = ((size_t)request->column_count + 7) / 8};
    if (!layout->order)
        return df_error_no_memory(error, "laying out records");
    layout->order[count++] = request->user_at;
    if (request->time_at != DF_REPARTITION_NONE)
        layout->order[count++] = request->time_at;
    for (uint32_t i = 0; i < request->column_count; i++)
        if (i != request->user_at && i != request->time_at)
            layout->order[count++] = i;
    return 0;
}

/* The user and the time are found without looking for their ends. */
static bool is_fixed(const struct df_repartition_layout *layout, uint32_t column)
{
    return column == layout->request->user_at || column == layout->request->time_at;
}

/* ---- values of vectors ---- */

static uint32_t place_of(const struct df_vector *vector, uint32_t row)
{
    return vector->kind == DF_VECTOR_CODES ? vector->values.codes[row] : row;
}

static enum df_vector_kind kind_of(const struct df_vector *vector)
{
    return vector->kind == DF_VECTOR_CODES ? vector->dictionary->kind : vector->kind;
}

static int64_t int64_at(const struct df_vector *vector, uint32_t row)
{
    return vector->kind == DF_VECTOR_CODES ? vector->dictionary->values.int64s[place_of(vector, row)]
                                           : vector->values.int64s[row];
}

static double float64_at(const struct df_vector *vector, uint32_t row)
{
    return vector->kind == DF_VECTOR_CODES ? vector->dictionary->values.float64s[place_of(vector, row)]
                                           : vector->values.float64s[row];
}

static struct df_slice bytes_at(const struct df_vector *vector, uint32_t row)
{
    return vector->kind == DF_VECTOR_CODES ? vector->dictionary->values.bytes[place_of(vector, row)]
                                           : vector->values.bytes[row];
}

/* ---- writing ---- */

static void put_integer(struct df_buf *out, int64_t value, bool fixed)
{
    if (fixed)
        df_buf_put_u64le(out, (uint64_t)value);
    else
        df_buf_put_varint(out, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static void put_bytes(struct df_buf *out, struct df_slice bytes)
{
    df_buf_put_varint(out, bytes.size);
    df_buf_put_slice(out, bytes);
}

static void put_float(struct df_buf *out, double value, uint8_t bits)
{
    if (bits > 0 && bits <= 32) {
        float narrow = (float)value;
        df_buf_put(out, &narrow, sizeof narrow);
    } else {
        df_buf_put(out, &value, sizeof value);
    }
}

static void put_flat(struct df_buf *out, const struct df_vector *vector, const struct df_type *type, uint32_t row,
                     bool fixed)
{
    switch (kind_of(vector)) {
    case DF_VECTOR_BOOL:
        df_buf_put_u8(out, vector->values.bools[row]);
        return;
    case DF_VECTOR_INT64:
        put_integer(out, int64_at(vector, row), fixed);
        return;
    case DF_VECTOR_FLOAT64:
        put_float(out, float64_at(vector, row), type->bits);
        return;
    case DF_VECTOR_INT128:
        df_buf_put(out, &vector->values.int128s[row], sizeof(__int128));
        return;
    default:
        put_bytes(out, bytes_at(vector, row));
        return;
    }
}

static void put_list(struct df_buf *out, const struct df_vector *vector, const struct df_type *type, uint32_t row,
                     bool null)
{
    const struct df_vector *elements = vector->values.list.elements;
    uint32_t begin = vector->values.list.offsets[row], end = vector->values.list.offsets[row + 1];
    df_buf_put_varint(out, end - begin);
    size_t at = out->size;
    uint8_t *bits = df_buf_extend(out, ((size_t)(end - begin) + 7) / 8);
    if (bits)
        memset(bits, 0, out->size - at);
    for (uint32_t i = begin; i < end && !null && !df_buf_failed(out); i++) {
        if (df_vector_is_null(elements, i))
            continue;
        out->data[at + (i - begin) / 8] |= (uint8_t)(1U << (i - begin) % 8);
        put_flat(out, elements, type, i, false);
    }
}

static bool is_null(const struct df_repartition_origin *origin, const struct df_type *type, uint32_t row)
{
    if (!origin->vector)
        return origin->null;
    if (origin->null && !type->list)
        return true;
    return df_vector_is_null(origin->vector, row);
}

static void put_constant(struct df_buf *out, const struct df_repartition_origin *origin, const struct df_type *type,
                         bool fixed)
{
    if (type->kind == DF_TYPE_INT64)
        put_integer(out, origin->number, fixed);
    else
        put_bytes(out, origin->text);
}

void df_repartition_record_put(const struct df_repartition_layout *layout, const struct df_repartition_origin *origins,
                               uint32_t row, struct df_buf *out)
{
    size_t begin = out->size;
    uint8_t *head = df_buf_extend(out, LENGTH_BYTES + layout->null_bytes);
    if (!head)
        return;
    memset(head, 0, LENGTH_BYTES + layout->null_bytes);
    for (uint32_t i = 0; i < layout->request->column_count && !df_buf_failed(out); i++) {
        uint32_t column = layout->order[i];
        const struct df_type *type = &layout->request->columns[column].type;
        const struct df_repartition_origin *origin = &origins[column];
        if (is_null(origin, type, row))
            continue;
        out->data[begin + LENGTH_BYTES + i / 8] |= (uint8_t)(1U << i % 8);
        if (!origin->vector)
            put_constant(out, origin, type, is_fixed(layout, column));
        else if (type->list)
            put_list(out, origin->vector, type, row, origin->null);
        else
            put_flat(out, origin->vector, type, row, is_fixed(layout, column));
    }
    size_t size = out->size - begin - LENGTH_BYTES;
    out->failed |= size > UINT32_MAX;
    if (!df_buf_failed(out))
        df_store_u32le(out->data + begin, (uint32_t)size);
}

/* ---- reading ---- */

int df_repartition_record_take(struct df_slice bytes, struct df_slice *record, size_t *size, struct df_error *error)
{
    if (bytes.size == 0)
        return 0;
    uint32_t length = bytes.size < LENGTH_BYTES ? UINT32_MAX : df_load_u32le(bytes.data);
    if (bytes.size < LENGTH_BYTES || length > bytes.size - LENGTH_BYTES)
        return df_repartition_record_damaged(error);
    *record = df_slice_make(bytes.data + LENGTH_BYTES, length);
    *size = LENGTH_BYTES + (size_t)length;
    return 1;
}

static bool take_integer(struct df_cursor *cursor, bool fixed, int64_t *out)
{
    uint64_t value;
    if (fixed) {
        bool taken = df_cursor_take_u64le(cursor, &value);
        *out = taken ? (int64_t)value : 0;
        return taken;
    }
    if (!df_cursor_take_varint(cursor, &value))
        return false;
    *out = (int64_t)(value >> 1 ^ (0 - (value & 1)));
    return true;
}

static bool take_bytes(struct df_cursor *cursor, struct df_slice *out)
{
    uint64_t size;
    return df_cursor_take_varint(cursor, &size) && size <= df_cursor_left(cursor) &&
           df_cursor_take_bytes(cursor, (size_t)size, out);
}

static bool take_float(struct df_cursor *cursor, uint8_t bits, double *out)
{
    struct df_slice bytes;
    float narrow;
    if (!df_cursor_take_bytes(cursor, bits > 0 && bits <= 32 ? sizeof narrow : sizeof *out, &bytes))
        return false;
    if (bytes.size == sizeof *out) {
        memcpy(out, bytes.data, sizeof *out);
        return true;
    }
    memcpy(&narrow, bytes.data, sizeof narrow);
    *out = (double)narrow;
    return true;
}

static bool take_flat(struct df_cursor *cursor, enum df_vector_kind kind, const struct df_type *type, bool fixed,
                      struct df_repartition_value *value)
{
    struct df_slice bytes;
    switch (kind) {
    case DF_VECTOR_BOOL:
        return df_cursor_take_u8(cursor, &value->boolean) && value->boolean <= 1;
    case DF_VECTOR_INT64:
        return take_integer(cursor, fixed, &value->int64);
    case DF_VECTOR_FLOAT64:
        return take_float(cursor, type->bits, &value->float64);
    case DF_VECTOR_INT128:
        if (!df_cursor_take_bytes(cursor, sizeof value->int128, &bytes))
            return false;
        memcpy(&value->int128, bytes.data, sizeof value->int128);
        return true;
    default:
        return take_bytes(cursor, &value->bytes);
    }
}

bool df_repartition_values_begin(const struct df_repartition_layout *layout, struct df_slice record,
                                 struct df_repartition_values *values)
{
    struct df_slice nulls;
    *values = (struct df_repartition_values){.layout = layout, .cursor = df_cursor_make(record)};
    if (!df_cursor_take_bytes(&values->cursor, layout->null_bytes, &nulls))
        return false;
    values->nulls = nulls.data;
    return true;
}

bool df_repartition_value_take(struct df_repartition_values *values, struct df_repartition_value *value)
{
    uint32_t position = values->next++, column = values->layout->order[position];
    const struct df_type *type = &values->layout->request->columns[column].type;
    value->null = !(values->nulls[position / 8] >> position % 8 & 1);
    if (value->null)
        return true;
    if (!type->list)
        return take_flat(&values->cursor, df_vector_kind_of(type), type, is_fixed(values->layout, column), value);
    uint64_t count;
    if (!df_cursor_take_varint(&values->cursor, &count) || count > UINT32_MAX)
        return false;
    value->elements = (uint32_t)count;
    size_t bits = (size_t)(count / 8 + (count % 8 != 0));
    return bits <= df_cursor_left(&values->cursor) && df_cursor_take_bytes(&values->cursor, bits, &value->element_bits);
}

bool df_repartition_element_take(struct df_repartition_values *values, const struct df_type *type,
                                 const struct df_repartition_value *list, uint32_t element,
                                 struct df_repartition_value *value)
{
    value->null = !(list->element_bits.data[element / 8] >> element % 8 & 1);
    return value->null || take_flat(&values->cursor, df_vector_element_kind_of(type), type, false, value);
}

/* ---- what rows are sorted by ---- */

static uint64_t signed_order(int64_t value)
{
    return (uint64_t)value ^ UINT64_C(1) << 63;
}

/* NaN behind everything; the two zeros are one time. */
static uint64_t float_order(double value)
{
    uint64_t bits;
    if (isnan(value))
        return UINT64_MAX;
    value = value == 0 ? 0 : value;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static uint64_t bytes_order(struct df_slice bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < 8; i++)
        number = number << 8 | (i < bytes.size ? bytes.data[i] : 0);
    return number;
}

int df_repartition_record_key(const struct df_repartition_layout *layout, struct df_slice record,
                              struct df_repartition_key *key, struct df_error *error)
{
    struct df_repartition_values values;
    struct df_repartition_value user = {0}, time = {.null = true};
    const struct df_repartition_request *request = layout->request;
    if (!df_repartition_values_begin(layout, record, &values) || !df_repartition_value_take(&values, &user) ||
        (request->time_at != DF_REPARTITION_NONE && !df_repartition_value_take(&values, &time)))
        return df_repartition_record_damaged(error);
    *key = (struct df_repartition_key){.user_null = user.null, .time_null = time.null};
    if (!user.null && request->kind == DF_FUNNEL_KEY_BYTES) {
        key->user_bytes = user.bytes;
        key->user = bytes_order(user.bytes);
    } else if (!user.null) {
        key->user = request->kind == DF_FUNNEL_KEY_UINT64 ? (uint64_t)user.int64 : signed_order(user.int64);
    }
    if (time.null)
        return 0;
    enum df_type_kind kind = request->columns[request->time_at].type.kind;
    key->time = kind == DF_TYPE_FLOAT    ? float_order(time.float64)
                : kind == DF_TYPE_UINT64 ? (uint64_t)time.int64
                                         : signed_order(time.int64);
    return 0;
}
