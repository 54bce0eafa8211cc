/* Rows of a vector on their way into a page: levels, and values as codes or PLAIN. */
#include "format/parquet/bloom.h"
#include "format/parquet/rle.h"
#include "format/parquet/write_column.h"

uint64_t df_write_column_page_bytes(const struct df_write_column *column)
{
    uint32_t level_bits = df_rle_width(column->written.definition_max) + column->written.list;
    uint64_t levels = (uint64_t)column->page_entries * level_bits / 8;
    if (column->dictionary_on)
        return levels + column->codes.size / sizeof(uint32_t) * df_write_column_code_width(column) / 8;
    if (column->written.physical == DF_PARQUET_BOOLEAN)
        return levels + column->plain.size / 8;
    return levels + column->plain.size;
}

static void put_plain(struct df_write_column *column, const struct df_write_value *value)
{
    if (column->written.physical == DF_PARQUET_BYTE_ARRAY)
        df_buf_put_u32le(&column->plain, (uint32_t)value->plain_bytes.size);
    df_buf_put_slice(&column->plain, value->plain_bytes);
}

static void put_hash(struct df_write_column *column, const struct df_write_value *value)
{
    if (column->more.bloom_filter)
        df_buf_put_u64le(&column->hashes, df_bloom_hash(value->plain_bytes));
}

bool df_write_column_first_of_page(struct df_write_column *column, uint32_t code)
{
    if (code >= column->noted.size) {
        size_t more = (size_t)code + 1 - column->noted.size;
        uint8_t *to = df_buf_extend(&column->noted, more);
        if (!to)
            return true;
        memset(to, 0, more);
    }
    bool first = !column->noted.data[code];
    column->noted.data[code] = 1;
    return first;
}

/* As a code: 1 when it was put, 0 when the dictionary does not take it. */
static int put_code(struct df_write_column *column, const struct df_write_value *value, struct df_error *error)
{
    uint32_t code;
    bool with_length = column->written.physical == DF_PARQUET_BYTE_ARRAY;
    switch (df_write_dictionary_code(&column->dictionary, value->plain_bytes, with_length, &code)) {
    case DF_WRITE_DICTIONARY_NEW:
        put_hash(column, value);
        break;
    case DF_WRITE_DICTIONARY_CODE:
        break;
    case DF_WRITE_DICTIONARY_ERROR:
        return df_write_column_no_memory(column, error);
    case DF_WRITE_DICTIONARY_FULL:
        return 0;
    }
    df_buf_put_u32le(&column->codes, code);
    return 1;
}

/* Codes of the values [begin, end): 1 when all were put, 0 when the dictionary does not take one of them. */
static int put_codes(struct df_write_column *column, const struct df_vector *vector, uint32_t begin, uint32_t end,
                     struct df_error *error)
{
    size_t before = column->codes.size;
    for (uint32_t i = begin; i < end; i++) {
        struct df_write_value value;
        if (df_vector_is_null(vector, i))
            continue;
        if (df_write_value_take(&column->options, &column->written, vector, i, &value, error) < 0)
            return -1;
        int result = put_code(column, &value, error);
        if (result < 0)
            return -1;
        if (result == 0) {
            column->codes.size = before;
            return 0;
        }
    }
    return 1;
}

/* Codes as long as the dictionary takes new values; from the first row on of which it does not take all, PLAIN. The
 * pages that are finished stay as they are. */
static int put_values(struct df_write_column *column, const struct df_vector *vector, uint32_t begin, uint32_t end,
                      struct df_error *error)
{
    int coded = column->dictionary_on ? put_codes(column, vector, begin, end, error) : 0;
    if (coded < 0)
        return -1;
    if (coded == 0 && column->dictionary_on) {
        if (df_write_column_cut(column, error) < 0)
            return -1;
        column->dictionary_on = false;
    }
    for (uint32_t i = begin; i < end; i++) {
        struct df_write_value value;
        if (df_vector_is_null(vector, i))
            continue;
        if (df_write_value_take(&column->options, &column->written, vector, i, &value, error) < 0)
            return -1;
        df_write_statistics_note(&column->of_page, &column->options.type, &value);
        if (coded == 0) {
            put_hash(column, &value);
            put_plain(column, &value);
        }
    }
    return 0;
}

static void put_entry(struct df_write_column *column, uint32_t repetition, uint32_t definition)
{
    if (column->written.definition_max > 0)
        df_buf_put_u32le(&column->definitions, definition);
    if (column->written.list)
        df_buf_put_u32le(&column->repetitions, repetition);
    column->of_page.null_count += definition < column->written.definition_max;
    column->page_entries++;
    column->entries++;
}

static int check_null(const struct df_write_column *column, bool allowed, const char *what, struct df_error *error)
{
    if (allowed)
        return 0;
    return df_error_set(error, DF_ERROR_INVALID, "column '%s' has %s, but was declared to have none",
                        column->options.name, what);
}

static int put_flat_row(struct df_write_column *column, const struct df_vector *vector, uint32_t row,
                        struct df_error *error)
{
    bool is_null = df_vector_is_null(vector, row);
    if (is_null && check_null(column, column->written.optional, "a null", error) < 0)
        return -1;
    if (!is_null && put_values(column, vector, row, row + 1, error) < 0)
        return -1;
    put_entry(column, 0, column->written.optional && !is_null);
    return 0;
}

/* No list, an empty one, or an entry for each element. */
static int put_list_row(struct df_write_column *column, const struct df_vector *vector, uint32_t row,
                        struct df_error *error)
{
    const struct df_write_type *written = &column->written;
    const struct df_vector *elements = vector->values.list.elements;
    uint32_t begin = vector->values.list.offsets[row], end = vector->values.list.offsets[row + 1];
    bool is_null = df_vector_is_null(vector, row);
    if (is_null && check_null(column, written->optional, "a null", error) < 0)
        return -1;
    if (is_null || begin == end) {
        put_entry(column, 0, is_null ? 0 : written->element_definition - 1u);
        return 0;
    }
    if (end - begin > DF_WRITE_PAGE_ENTRIES_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "column '%s': a list has %u elements, at most %d can be written",
                            column->options.name, end - begin, DF_WRITE_PAGE_ENTRIES_MAX);
    if (put_values(column, elements, begin, end, error) < 0)
        return -1;
    for (uint32_t i = begin; i < end; i++) {
        is_null = df_vector_is_null(elements, i);
        if (is_null && check_null(column, written->element_optional, "a null in a list", error) < 0)
            return -1;
        put_entry(column, i > begin, is_null ? written->element_definition : written->definition_max);
    }
    return 0;
}

static int put_row(struct df_write_column *column, const struct df_vector *vector, uint32_t row, struct df_error *error)
{
    int result =
        column->written.list ? put_list_row(column, vector, row, error) : put_flat_row(column, vector, row, error);
    if (result < 0)
        return -1;
    column->page_rows++;
    column->rows++;
    return 0;
}

static int cut_if_full(struct df_write_column *column, struct df_error *error)
{
    if (df_write_column_page_bytes(column) < column->page_bytes && column->page_entries < DF_WRITE_PAGE_ENTRIES_MAX)
        return 0;
    return df_write_column_cut(column, error);
}

int df_write_column_put(struct df_write_column *column, const struct df_vector *vector, uint32_t begin, uint32_t end,
                        struct df_error *error)
{
    char text[DF_TYPE_TEXT_BYTES];
    if (begin < end && !df_write_value_kind_fits(&column->options.type, vector))
        return df_error_set(error, DF_ERROR_INVALID, "column '%s' is %s, the values given are of another kind",
                            column->options.name, df_type_text(&column->options.type, text));
    for (uint32_t row = begin; row < end;) {
        uint32_t count = df_write_column_put_batch(column, vector, row, end);
        row += count;
        if (count == 0 && put_row(column, vector, row++, error) < 0)
            return -1;
        if (cut_if_full(column, error) < 0)
            return -1;
    }
    return 0;
}
