/* Pages: one column chunk of any bytes, read to its end or to its first error.
 *
 * Input: byte 0 chooses type (low 3 bits), nulls (bit 3), codec (bit 4), unsigned (bit 5); bytes 1-2 the number of
 * values; byte 3 the rows of a batch, times 16; the rest is the chunk. */
#include <assert.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "format/parquet/column.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct df_parquet_column choose_column(uint8_t choice)
{
    static const enum df_parquet_physical physical[] = {DF_PARQUET_BOOLEAN, DF_PARQUET_INT32,      DF_PARQUET_INT64,
                                                        DF_PARQUET_DOUBLE,  DF_PARQUET_BYTE_ARRAY, DF_PARQUET_INT64,
                                                        DF_PARQUET_DOUBLE,  DF_PARQUET_BYTE_ARRAY};
    static const enum df_vector_kind kinds[] = {DF_VECTOR_BOOL,  DF_VECTOR_INT64, DF_VECTOR_INT64,   DF_VECTOR_FLOAT64,
                                                DF_VECTOR_BYTES, DF_VECTOR_INT64, DF_VECTOR_FLOAT64, DF_VECTOR_BYTES};
    struct df_parquet_column column = {.name = "x", .physical = physical[choice & 7], .kind = kinds[choice & 7]};
    column.optional = choice >> 3 & 1;
    if (choice >> 5 & 1 && column.kind == DF_VECTOR_INT64)
        column.meaning = DF_PARQUET_UNSIGNED;
    return column;
}

/* Touches every byte that the vector says is readable. */
static uint64_t touch(const struct df_vector *vector)
{
    uint64_t sum = 0;
    for (uint32_t row = 0; row < vector->row_count; row++) {
        struct df_slice bytes = {0};
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
        case DF_VECTOR_CODES:
            if (vector->dictionary->count > 0)
                bytes = vector->dictionary->values.bytes[vector->values.codes[row]];
            break;
        }
        for (size_t i = 0; i < bytes.size; i++)
            sum += bytes.data[i];
    }
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
        uint32_t rows = reader->page_left < batch ? reader->page_left : batch;
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
    if (size < 4)
        return 0;
    struct df_parquet_column column = choose_column(data[0]);
    struct df_slice bytes = df_slice_make(data + 4, size - 4);
    struct df_parquet_chunk chunk = {
        .size_bytes = bytes.size, .value_count = df_load_u16le(data + 1), .codec = data[0] >> 4 & 1};
    struct df_parquet_row_group group = {.row_count = chunk.value_count, .chunks = &chunk};
    struct df_parquet_file file = {
        .uri = (char[]){"fuzz.parquet"},
        .etag = (char[]){""},
        .footer = {.columns = &column, .column_count = 1, .row_groups = &group, .row_group_count = 1},
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
