/* One column of a block -> a vector. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/size.h"
#include "engine/funnel/rows/record_layout.h"
#include "engine/funnel/rows/record_read.h"

/* ---- memory ---- */

/* Room for n elements; what was there is lost. array is the address of a pointer. */
static int make_room(void *array, size_t *capacity, size_t n, size_t element_bytes, struct df_error *error)
{
    size_t bytes;
    void *memory;
    if (df_size_mul(&bytes, n ? n : 1, element_bytes) < 0)
        return df_error_no_memory(error, "reading a section");
    if (bytes <= *capacity)
        return 0;
    memcpy(&memory, array, sizeof memory);
    free(memory);
    memory = malloc(bytes);
    memcpy(array, &memory, sizeof memory);
    *capacity = memory ? bytes : 0;
    return memory ? 0 : df_error_no_memory(error, "reading a section");
}

void df_funnel_decoded_dispose(struct df_funnel_decoded *decoded)
{
    if (decoded->elements)
        df_funnel_decoded_dispose(decoded->elements);
    free(decoded->elements);
    free(decoded->valid);
    free(decoded->values);
    free(decoded->offsets);
    free(decoded->lengths);
    *decoded = (struct df_funnel_decoded){0};
}

/* ---- nulls ---- */

static int take_bits(struct df_funnel_decoded *decoded, struct df_cursor *cursor, size_t rows, size_t *values,
                     struct df_error *error)
{
    struct df_slice bits;
    if (!df_cursor_take_bytes(cursor, rows / 8 + (rows % 8 != 0), &bits))
        return df_funnel_record_corrupt(error, "a block ends in the nulls of a column");
    if (make_room(&decoded->valid, &decoded->valid_capacity, rows, 1, error) < 0)
        return -1;
    size_t count = 0;
    for (size_t i = 0; i < rows; i++) {
        decoded->valid[i] = bits.data[i / 8] >> i % 8 & 1;
        count += decoded->valid[i];
    }
    decoded->vector.valid = decoded->valid;
    *values = count;
    return 0;
}

static int take_nulls(struct df_funnel_decoded *decoded, struct df_cursor *cursor, size_t rows, bool bits,
                      size_t *values, struct df_error *error)
{
    uint8_t nulls;
    if (!df_cursor_take_u8(cursor, &nulls) || nulls > RECORD_ALL_NULL || (bits && nulls != RECORD_NULL_BITS))
        return df_funnel_record_corrupt(error, "the nulls of a column are of an unknown kind");
    if (nulls == RECORD_NULL_BITS)
        return take_bits(decoded, cursor, rows, values, error);
    decoded->vector.valid = NULL;
    *values = rows;
    if (nulls == RECORD_NO_NULLS)
        return 0;
    if (make_room(&decoded->valid, &decoded->valid_capacity, rows, 1, error) < 0)
        return -1;
    memset(decoded->valid, 0, rows);
    decoded->vector.valid = decoded->valid;
    *values = 0;
    return 0;
}

/* ---- values, without gaps ---- */

static void load_above(const uint8_t *from, unsigned width, size_t n, uint64_t least, int64_t *out)
{
    for (size_t i = 0; width == 0 && i < n; i++)
        out[i] = (int64_t)least;
    for (size_t i = 0; width == 1 && i < n; i++)
        out[i] = (int64_t)(least + from[i]);
    for (size_t i = 0; width == 2 && i < n; i++)
        out[i] = (int64_t)(least + df_load_u16le(from + i * 2));
    for (size_t i = 0; width == 4 && i < n; i++)
        out[i] = (int64_t)(least + df_load_u32le(from + i * 4));
    for (size_t i = 0; width == 8 && i < n; i++)
        out[i] = (int64_t)(least + df_load_u64le(from + i * 8));
}

int df_funnel_packed_take(struct df_cursor *cursor, size_t n, int64_t *out, struct df_error *error)
{
    uint8_t width;
    uint64_t least;
    size_t size;
    struct df_slice bytes;
    if (!df_cursor_take_u8(cursor, &width) || !df_cursor_take_u64le(cursor, &least))
        return df_funnel_record_corrupt(error, "a block ends in packed integers");
    if (width > 8 || (width & (width - 1)))
        return df_funnel_record_corrupt(error, "packed integers have an unknown width");
    if (df_size_mul(&size, n, width) < 0 || !df_cursor_take_bytes(cursor, size, &bytes))
        return df_funnel_record_corrupt(error, "a block ends in packed integers");
    load_above(bytes.data, width, n, least, out);
    return 0;
}

static int take_lengths(struct df_funnel_decoded *decoded, struct df_cursor *cursor, size_t n, size_t *total,
                        struct df_error *error)
{
    *total = 0;
    if (make_room(&decoded->lengths, &decoded->length_capacity, n, sizeof *decoded->lengths, error) < 0 ||
        df_funnel_packed_take(cursor, n, decoded->lengths, error) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (decoded->lengths[i] < 0 || decoded->lengths[i] > UINT32_MAX ||
            df_size_add(total, *total, (size_t)decoded->lengths[i]) < 0 || *total > UINT32_MAX)
            return df_funnel_record_corrupt(error, "a length in a block is none");
    }
    return 0;
}

static int take_fixed(struct df_cursor *cursor, size_t n, size_t width, uint8_t *out, struct df_error *error)
{
    struct df_slice bytes;
    size_t size;
    if (df_size_mul(&size, n, width) < 0 || !df_cursor_take_bytes(cursor, size, &bytes))
        return df_funnel_record_corrupt(error, "a block ends in the values of a column");
    if (size)
        memcpy(out, bytes.data, size);
    return 0;
}

static int take_bools(struct df_cursor *cursor, size_t n, uint8_t *out, struct df_error *error)
{
    if (take_fixed(cursor, n, 1, out, error) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (out[i] > 1)
            return df_funnel_record_corrupt(error, "a boolean in a block is neither true nor false");
    return 0;
}

static int take_slices(struct df_funnel_decoded *decoded, struct df_cursor *cursor, size_t n, struct df_error *error)
{
    struct df_slice *out = decoded->values, bytes;
    size_t total, at = 0;
    if (take_lengths(decoded, cursor, n, &total, error) < 0)
        return -1;
    if (!df_cursor_take_bytes(cursor, total, &bytes))
        return df_funnel_record_corrupt(error, "a block ends in the values of a column");
    for (size_t i = 0; i < n; i++) {
        out[i] = df_slice_make(bytes.data + at, (size_t)decoded->lengths[i]);
        at += (size_t)decoded->lengths[i];
    }
    return 0;
}

/* ---- making gaps for nulls, from behind, in place ---- */

static void spread_bytes(uint8_t *values, const uint8_t *valid, size_t rows, size_t count)
{
    for (size_t i = rows; i-- > 0;)
        values[i] = valid[i] ? values[--count] : 0;
}

/* Also doubles: nothing but their bits moves. */
static void spread_int64s(int64_t *values, const uint8_t *valid, size_t rows, size_t count)
{
    for (size_t i = rows; i-- > 0;)
        values[i] = valid[i] ? values[--count] : 0;
}

static void spread_int128s(__int128 *values, const uint8_t *valid, size_t rows, size_t count)
{
    for (size_t i = rows; i-- > 0;)
        values[i] = valid[i] ? values[--count] : 0;
}

static void spread_slices(struct df_slice *values, const uint8_t *valid, size_t rows, size_t count)
{
    for (size_t i = rows; i-- > 0;)
        values[i] = valid[i] ? values[--count] : df_slice_make(NULL, 0);
}

/* ---- columns ---- */

static size_t element_bytes(enum df_vector_kind kind)
{
    return kind == DF_VECTOR_BYTES ? sizeof(struct df_slice) : df_funnel_kind_bytes(kind);
}

static int take_values(struct df_funnel_decoded *decoded, struct df_cursor *cursor, size_t n, struct df_error *error)
{
    switch (decoded->vector.kind) {
    case DF_VECTOR_BOOL:
        return take_bools(cursor, n, decoded->values, error);
    case DF_VECTOR_INT64:
        return df_funnel_packed_take(cursor, n, decoded->values, error);
    case DF_VECTOR_BYTES:
        return take_slices(decoded, cursor, n, error);
    default:
        return take_fixed(cursor, n, df_funnel_kind_bytes(decoded->vector.kind), decoded->values, error);
    }
}

static void set_values(struct df_funnel_decoded *decoded, size_t rows, size_t count)
{
    struct df_vector *vector = &decoded->vector;
    bool gaps = vector->valid != NULL;
    switch (vector->kind) {
    case DF_VECTOR_BOOL:
        if (gaps)
            spread_bytes(decoded->values, vector->valid, rows, count);
        vector->values.bools = decoded->values;
        return;
    case DF_VECTOR_INT128:
        if (gaps)
            spread_int128s(decoded->values, vector->valid, rows, count);
        vector->values.int128s = decoded->values;
        return;
    case DF_VECTOR_BYTES:
        if (gaps)
            spread_slices(decoded->values, vector->valid, rows, count);
        vector->values.bytes = decoded->values;
        return;
    default:
        if (gaps)
            spread_int64s(decoded->values, vector->valid, rows, count);
        if (vector->kind == DF_VECTOR_FLOAT64)
            vector->values.float64s = decoded->values;
        else
            vector->values.int64s = decoded->values;
        return;
    }
}

/* bits: elements of a list. */
static int take_flat(struct df_funnel_decoded *decoded, struct df_cursor *cursor, enum df_vector_kind kind,
                     bool no_values, size_t rows, bool bits, struct df_error *error)
{
    size_t count = 0;
    decoded->vector = (struct df_vector){.kind = kind, .row_count = (uint32_t)rows};
    if (take_nulls(decoded, cursor, rows, bits, &count, error) < 0)
        return -1;
    if (count > 0 && no_values)
        return df_funnel_record_corrupt(error, "a column that is always null has values");
    if (make_room(&decoded->values, &decoded->value_capacity, rows, element_bytes(kind), error) < 0 ||
        (count > 0 && take_values(decoded, cursor, count, error) < 0))
        return -1;
    set_values(decoded, rows, count);
    return 0;
}

static void set_offsets(struct df_funnel_decoded *decoded, size_t rows, size_t count)
{
    const uint8_t *valid = decoded->vector.valid;
    uint32_t at = 0;
    size_t next = 0;
    decoded->offsets[0] = 0;
    for (size_t i = 0; i < rows; i++) {
        if (count > 0 && (!valid || valid[i]))
            at += (uint32_t)decoded->lengths[next++];
        decoded->offsets[i + 1] = at;
    }
}

static int take_list(struct df_funnel_decoded *decoded, struct df_cursor *cursor, const struct df_type *type,
                     bool no_values, size_t rows, struct df_error *error)
{
    size_t count = 0, total = 0;
    enum df_vector_kind kind = df_vector_element_kind_of(type);
    if (!decoded->elements && !(decoded->elements = calloc(1, sizeof *decoded->elements)))
        return df_error_no_memory(error, "reading a section");
    decoded->vector = (struct df_vector){.kind = DF_VECTOR_LIST, .row_count = (uint32_t)rows};
    if (take_nulls(decoded, cursor, rows, false, &count, error) < 0 ||
        make_room(&decoded->offsets, &decoded->offset_capacity, rows + 1, sizeof *decoded->offsets, error) < 0)
        return -1;
    struct df_funnel_decoded *elements = decoded->elements;
    elements->vector = (struct df_vector){.kind = kind};
    if (count > 0 && (take_lengths(decoded, cursor, count, &total, error) < 0 ||
                      take_flat(elements, cursor, kind, no_values, total, true, error) < 0))
        return -1;
    set_offsets(decoded, rows, count);
    decoded->vector.values.list = (struct df_vector_list){.offsets = decoded->offsets, .elements = &elements->vector};
    return 0;
}

int df_funnel_decoded_take(struct df_funnel_decoded *decoded, struct df_slice part, const struct df_type *type,
                           bool no_values, uint32_t rows, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(part);
    int result = type->list ? take_list(decoded, &cursor, type, no_values, rows, error)
                            : take_flat(decoded, &cursor, df_vector_kind_of(type), no_values, rows, false, error);
    if (result == 0 && df_cursor_left(&cursor) != 0)
        return df_funnel_record_corrupt(error, "something stands behind the values of a column");
    return result;
}
