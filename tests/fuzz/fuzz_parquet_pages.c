/* Pages: one column chunk of any bytes, read to its end or to its first error.
 *
 * Input: byte 0 chooses the type (low 3 bits and bit 6), nulls (bit 3), snappy (bit 4), unsigned (bit 5), always null
 * (bit 7); bytes 1-2 the number of values; byte 3 the rows of a batch, times 16; byte 4 the codec (0: as byte 0 says);
 * byte 5 more definition levels (low 2 bits) and a list (bit 2); the rest is the chunk. */
#include <assert.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "format/parquet/column.h"
#include "format/parquet/names.h"

enum { HEAD_BYTES = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct df_parquet_leaf choose_leaf(const uint8_t *data)
{
    static const struct df_parquet_leaf leaves[16] = {
        {DF_PARQUET_FROM_BOOLEAN, DF_VECTOR_BOOL, .width_bytes = 0},
        {DF_PARQUET_FROM_INT32, DF_VECTOR_INT64, .width_bytes = 4},
        {DF_PARQUET_FROM_INT64, DF_VECTOR_INT64, .width_bytes = 8},
        {DF_PARQUET_FROM_DOUBLE, DF_VECTOR_FLOAT64, .width_bytes = 8},
        {DF_PARQUET_FROM_BYTES, DF_VECTOR_BYTES, .width_bytes = 0},
        {DF_PARQUET_FROM_INT64, DF_VECTOR_INT64, .width_bytes = 8},
        {DF_PARQUET_FROM_DOUBLE, DF_VECTOR_FLOAT64, .width_bytes = 8},
        {DF_PARQUET_FROM_BYTES, DF_VECTOR_BYTES, .width_bytes = 0},
        {DF_PARQUET_FROM_FLOAT, DF_VECTOR_FLOAT64, .width_bytes = 4},
        {DF_PARQUET_FROM_INT96, DF_VECTOR_INT64, .width_bytes = 12},
        {DF_PARQUET_FROM_FIXED, DF_VECTOR_BYTES, .width_bytes = 5},
        {DF_PARQUET_FROM_HALF, DF_VECTOR_FLOAT64, .width_bytes = 2},
        {DF_PARQUET_FROM_FIXED_DECIMAL, DF_VECTOR_INT64, .width_bytes = 4},
        {DF_PARQUET_FROM_FIXED_DECIMAL, DF_VECTOR_INT128, .width_bytes = 16},
        {DF_PARQUET_FROM_BYTES_DECIMAL, DF_VECTOR_INT64, .width_bytes = 0},
        {DF_PARQUET_FROM_BYTES_DECIMAL, DF_VECTOR_INT128, .width_bytes = 0},
    };
    struct df_parquet_leaf leaf = leaves[(data[0] & 7) | (data[0] >> 3 & 8)];
    if (data[0] >> 5 & 1 && leaf.conversion == DF_PARQUET_FROM_INT32)
        leaf.conversion = DF_PARQUET_FROM_UINT32;
    leaf.always_null = data[0] >> 7;
    leaf.definition_max = (uint8_t)((data[0] >> 3 & 1) + (data[5] & 3));
    leaf.repetition_max = data[5] >> 2 & 1;
    if (leaf.repetition_max > 0)
        leaf.element_definition = ++leaf.definition_max;
    if (leaf.repetition_max > 0 && data[0] >> 3 & 1)
        leaf.element_definition--; /* elements may be null, too */
    return leaf;
}

/* Touches every byte that the vector says is readable. */
static uint64_t touch(const struct df_vector *vector)
{
    uint64_t sum = 0;
    for (uint32_t row = 0; row < vector->row_count; row++) {
        struct df_slice bytes = {0};
        if (vector->kind == DF_VECTOR_LIST) {
            const uint32_t *offsets = vector->values.list.offsets;
            if (offsets[row] > offsets[row + 1] || offsets[row + 1] > vector->values.list.elements->row_count)
                abort();
            continue;
        }
        if (vector->kind == DF_VECTOR_CODES) {
            if (vector->dictionary->count > 0 && vector->values.codes[row] >= vector->dictionary->count)
                abort();
            if (vector->dictionary->count > 0 && vector->dictionary->kind == DF_VECTOR_BYTES)
                bytes = vector->dictionary->values.bytes[vector->values.codes[row]];
            else if (vector->dictionary->count > 0)
                sum += (uint64_t)vector->dictionary->values.int64s[vector->values.codes[row]];
        }
        switch (vector->kind) {
        case DF_VECTOR_BOOL:
            sum += vector->values.bools[row];
            break;
        case DF_VECTOR_INT64:
        case DF_VECTOR_FLOAT64:
            sum += (uint64_t)vector->values.int64s[row];
            break;
        case DF_VECTOR_BYTES:
            bytes = vector->values.bytes[row];
            break;
        case DF_VECTOR_INT128:
            sum += (uint64_t)vector->values.int128s[row];
            break;
        default:
            break;
        }
        for (size_t i = 0; i < bytes.size; i++)
            sum += bytes.data[i];
    }
    if (vector->kind == DF_VECTOR_LIST)
        sum += touch(vector->values.list.elements);
    return sum;
}

static int read_chunk(struct df_parquet_reader *reader, struct df_slice chunk, uint64_t rows_left, uint32_t batch)
{
    struct df_error error;
    while (rows_left > 0) {
        int ready = df_parquet_reader_advance(reader, &error);
        if (ready < 0)
            return -1;
        if (ready == 0) {
            struct df_read_item item;
            if (df_parquet_reader_prepare(reader, &item, &error) < 0)
                return -1;
            if (item.offset + item.size_bytes > chunk.size || item.size_bytes == 0)
                abort();
            df_parquet_reader_feed(reader, df_slice_make(chunk.data + item.offset, (size_t)item.size_bytes));
            continue;
        }
        uint32_t ready_rows = df_parquet_reader_rows_ready(reader);
        uint32_t rows = ready_rows < batch ? ready_rows : batch;
        rows = rows < rows_left ? rows : (uint32_t)rows_left;
        struct df_vector vector;
        if (df_parquet_reader_decode(reader, rows, &vector, &error) < 0)
            return -1;
        volatile uint64_t sum = touch(&vector);
        (void)sum;
        rows_left -= rows;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD_BYTES)
        return 0;
    struct df_parquet_column column = {.name = "x"};
    struct df_parquet_leaf leaf = choose_leaf(data);
    struct df_slice bytes = df_slice_make(data + HEAD_BYTES, size - HEAD_BYTES);
    int32_t codec = data[4] ? data[4] & 7 : data[0] >> 4 & 1;
    struct df_parquet_chunk chunk = {
        .size_bytes = bytes.size,
        .value_count = df_load_u16le(data + 1),
        .codec = df_parquet_codec_is_read(codec) ? codec : DF_PARQUET_CODEC_UNCOMPRESSED,
    };
    struct df_parquet_row_group group = {.row_count = chunk.value_count, .chunks = &chunk};
    struct df_parquet_file file = {
        .uri = (char[]){"fuzz.parquet"},
        .etag = (char[]){""},
        .footer = {.columns = &column, .leaves = &leaf, .column_count = 1, .row_groups = &group, .row_group_count = 1},
    };
    struct df_budget budget;
    df_budget_init(&budget, 16 << 20);
    uint64_t serial = 0;
    struct df_parquet_reader reader;
    struct df_error error;
    if (df_parquet_reader_init(&reader, &file, 0, &budget, &serial, &error) < 0)
        abort();
    df_parquet_reader_begin(&reader, 0, 0);
    read_chunk(&reader, bytes, chunk.value_count, 16 + 16 * (uint32_t)data[3]);
    df_parquet_reader_dispose(&reader);
    if (budget.used_bytes != 0)
        abort();
    return 0;
}
