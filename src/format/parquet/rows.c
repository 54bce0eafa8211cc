/* Rows of a flat column: definition levels say which of them have a value, values are moved to those. */
#include <assert.h>

#include "format/parquet/column.h"
#include "format/parquet/convert.h"

/* Without branches, as nulls come as they like. At a null values[n] is one that was moved already, or the place itself.
 */
static void spread_u8(uint8_t *values, const uint8_t *valid, size_t rows, size_t n)
{
    for (size_t row = rows; row-- > 0;) {
        n -= valid[row];
        values[row] = values[n] & (uint8_t)-valid[row];
    }
}

static void spread_u32(uint32_t *values, const uint8_t *valid, size_t rows, size_t n)
{
    for (size_t row = rows; row-- > 0;) {
        n -= valid[row];
        values[row] = values[n] & -(uint32_t)valid[row];
    }
}

static void spread_u64(uint64_t *values, const uint8_t *valid, size_t rows, size_t n)
{
    for (size_t row = rows; row-- > 0;) {
        n -= valid[row];
        values[row] = values[n] & -(uint64_t)valid[row];
    }
}

static void spread_u128(unsigned __int128 *values, const uint8_t *valid, size_t rows, size_t n)
{
    for (size_t row = rows; row-- > 0;) {
        n -= valid[row];
        values[row] = values[n] & -(unsigned __int128)valid[row];
    }
}

static void spread_slices(struct df_slice *values, const uint8_t *valid, size_t rows, size_t n)
{
    for (size_t row = rows; row-- > 0;)
        values[row] = valid[row] ? values[--n] : (struct df_slice){0};
}

void df_vector_spread(enum df_vector_kind kind, void *values, const uint8_t *valid, size_t rows, size_t n)
{
    switch (kind) {
    case DF_VECTOR_BOOL:
        spread_u8(values, valid, rows, n);
        break;
    case DF_VECTOR_BYTES:
        spread_slices(values, valid, rows, n);
        break;
    case DF_VECTOR_CODES:
        spread_u32(values, valid, rows, n);
        break;
    case DF_VECTOR_INT128:
        spread_u128(values, valid, rows, n);
        break;
    default: /* numbers of eight bytes, of either kind */
        spread_u64(values, valid, rows, n);
    }
}

void df_vector_set_values(struct df_vector *vector, const void *values)
{
    switch (vector->kind) {
    case DF_VECTOR_BOOL:
        vector->values.bools = values;
        break;
    case DF_VECTOR_INT64:
        vector->values.int64s = values;
        break;
    case DF_VECTOR_FLOAT64:
        vector->values.float64s = values;
        break;
    case DF_VECTOR_CODES:
        vector->values.codes = values;
        break;
    case DF_VECTOR_INT128:
        vector->values.int128s = values;
        break;
    case DF_VECTOR_LIST:
        assert(false && "a list is no array of values");
        break;
    case DF_VECTOR_BYTES:
        vector->values.bytes = values;
    }
}

/* n values of the page, as codes or as values; *out is the front of the batch, or their place in the page, which stays
 * until the next step as no page is begun before. Those that nulls must be put between go to the batch. */
static struct df_parquet_problem take_values(struct df_parquet_reader *reader, bool codes, bool nulls, size_t n,
                                             const void **out)
{
    if (codes) {
        *out = reader->batch_codes.data;
        return df_parquet_values_take_codes(&reader->values, (uint32_t *)(void *)reader->batch_codes.data, n);
    }
    *out = nulls ? NULL : df_parquet_values_take_in_place(&reader->values, n);
    if (*out)
        return (struct df_parquet_problem){0};
    *out = reader->batch.data;
    return df_parquet_values_take(&reader->values, reader->batch.data, n);
}

int df_parquet_reader_decode_flat(struct df_parquet_reader *reader, uint32_t rows, struct df_vector *vector,
                                  struct df_error *error)
{
    uint8_t *valid = NULL;
    size_t present = rows;
    if (!df_parquet_levels_take_all_max(&reader->definitions, rows)) {
        valid = reader->batch_valid.data;
        const char *problem = df_parquet_levels_take_valid(&reader->definitions, valid, rows, &present);
        if (problem)
            return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT, "%s", problem);
    }
    if (reader->leaf->always_null && present > 0)
        return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT,
                                      "it has values, but its type says that all are null");
    bool codes = df_parquet_values_have_codes(&reader->values);
    const void *values = NULL;
    struct df_parquet_problem problem = take_values(reader, codes, present < rows, present, &values);
    if (problem.text)
        return df_parquet_reader_problem(reader, error, problem);
    *vector = (struct df_vector){.kind = codes ? DF_VECTOR_CODES : reader->leaf->kind, .row_count = rows};
    if (present < rows) {
        df_vector_spread(vector->kind, codes ? reader->batch_codes.data : reader->batch.data, valid, rows, present);
        vector->valid = valid;
    }
    df_vector_set_values(vector, values);
    if (codes)
        vector->dictionary = &reader->dictionary.entries;
    reader->page_left -= rows;
    return reader->page_left > 0 ? 0 : df_parquet_reader_end_page(reader, error);
}
