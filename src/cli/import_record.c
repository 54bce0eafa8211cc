/* Pass 2: a row as a record, which carries what it is sorted by and its values in binary. */
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "cli/import.h"

enum { ROWS_PER_CHECK = 1024 };

/* ---- keys: unsigned numbers that order as the values do ---- */

static uint64_t order_of_int64(int64_t value)
{
    return (uint64_t)value ^ (UINT64_C(1) << 63);
}

static uint64_t order_of_double(double value)
{
    uint64_t bits;
    if (isnan(value))
        return UINT64_MAX;
    value += 0.0; /* -0 is 0 */
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | (UINT64_C(1) << 63);
}

static uint64_t time_order(const struct df_type *type, const struct df_text_stored *stored)
{
    if (stored->is_null)
        return UINT64_MAX;
    if (type->kind == DF_TYPE_FLOAT)
        return order_of_double(stored->float64);
    return type->kind == DF_TYPE_UINT64 ? (uint64_t)stored->int64 : order_of_int64(stored->int64);
}

static void set_user(const struct df_import *import, const struct df_text_stored *stored,
                     struct df_import_record *record)
{
    const struct df_type *type = &import->columns[import->user].type;
    uint64_t hash = 0;
    record->user_text = df_slice_make(NULL, 0);
    record->key.user_null = stored->is_null;
    if (stored->is_null) {
        hash = 0;
    } else if (type->kind == DF_TYPE_STRING) {
        record->user_text = stored->bytes;
        df_import_key_set_text(&record->key, stored->bytes);
        hash = df_hash_bytes(stored->bytes);
    } else {
        record->key.user[0] = type->kind == DF_TYPE_UINT64 ? (uint64_t)stored->int64 : order_of_int64(stored->int64);
        hash = df_hash_u64((uint64_t)stored->int64);
    }
    record->key.part = (uint32_t)(hash % (uint64_t)import->plan.parts);
}

/* ---- values ---- */

static void put_value(struct df_buf *out, const struct df_type *type, const struct df_text_stored *stored)
{
    uint64_t bits = (uint64_t)stored->int64;
    switch (type->kind) {
    case DF_TYPE_STRING:
        df_buf_put_varint(out, stored->bytes.size);
        df_buf_put_slice(out, stored->bytes);
        break;
    case DF_TYPE_BOOL:
        df_buf_put_u8(out, stored->int64 != 0);
        break;
    case DF_TYPE_FLOAT:
        memcpy(&bits, &stored->float64, sizeof bits);
        df_buf_put_u64le(out, bits);
        break;
    default:
        df_buf_put_u64le(out, bits);
    }
}

void df_import_values_begin(const struct df_import *import, const struct df_import_record *record,
                            struct df_import_values *values)
{
    size_t valid_bytes = (import->names.count + 7) / 8;
    *values = (struct df_import_values){.valid = record->values.data};
    values->cursor =
        df_cursor_make(df_slice_make(record->values.data + valid_bytes, record->values.size - valid_bytes));
}

void df_import_values_next(const struct df_import *import, const struct df_import_record *record,
                           struct df_import_values *values, struct df_text_stored *stored)
{
    uint32_t column = values->column++;
    uint64_t bits = 0;
    uint8_t byte = 0;
    *stored = (struct df_text_stored){.is_null = !(values->valid[column / 8] >> (column % 8) & 1)};
    if (stored->is_null)
        return;
    switch (import->columns[column].type.kind) {
    case DF_TYPE_STRING:
        if (column == import->user) {
            stored->bytes = record->user_text;
            return;
        }
        (void)df_cursor_take_varint(&values->cursor, &bits);
        (void)df_cursor_take_bytes(&values->cursor, (size_t)bits, &stored->bytes);
        return;
    case DF_TYPE_BOOL:
        (void)df_cursor_take_u8(&values->cursor, &byte);
        stored->int64 = byte;
        return;
    default:
        (void)df_cursor_take_u64le(&values->cursor, &bits);
        stored->int64 = (int64_t)bits;
        memcpy(&stored->float64, &bits, sizeof bits);
    }
}

/* ---- rows ---- */

struct maker {
    struct df_import *import;
    struct df_import_sorter *sorter;
    struct df_import_map map;
    const struct df_text_cell **cells; /* owned: of each column of the import, NULL: not in this row */
    struct df_buf values;
};

/* False: the row contradicts a --type, as pass 1 has told. */
static bool put_columns(struct maker *maker, struct df_import_record *record, bool *changed)
{
    static const struct df_text_cell missing = {0};
    struct df_import *import = maker->import;
    record->key.time = UINT64_MAX;
    for (uint32_t i = 0; i < import->names.count; i++) {
        const struct df_import_column *column = &import->columns[i];
        struct df_text_stored stored;
        if (!df_text_convert(maker->cells[i] ? maker->cells[i] : &missing, &column->type, column->order, &stored)) {
            *changed = !column->forced;
            return false;
        }
        if (i == import->user)
            set_user(import, &stored, record);
        if (i == import->time)
            record->key.time = time_order(&column->type, &stored);
        if (stored.is_null)
            continue;
        maker->values.data[i / 8] |= (uint8_t)(1U << (i % 8));
        if (i != import->user || column->type.kind != DF_TYPE_STRING)
            put_value(&maker->values, &column->type, &stored);
        if (df_buf_failed(&maker->values))
            return true;
    }
    return true;
}

static bool contradicts(const struct maker *maker, const struct df_text_row *row)
{
    for (uint32_t i = 0; i < row->cell_count && i < maker->map.count; i++)
        if (df_import_contradicts(maker->import, &maker->import->columns[maker->map.columns[i]], &row->cells[i]))
            return true;
    return false;
}

static int add_row(struct maker *maker, const struct df_text_row *row, struct df_error *error)
{
    struct df_import *import = maker->import;
    struct df_import_record record = {0};
    size_t valid_bytes = (import->names.count + 7) / 8;
    bool changed = false;
    memset(maker->cells, 0, import->names.count * sizeof(struct df_text_cell *));
    for (uint32_t i = 0; i < row->cell_count && i < maker->map.count; i++)
        maker->cells[maker->map.columns[i]] = &row->cells[i];
    df_buf_clear(&maker->values);
    uint8_t *valid = df_buf_extend(&maker->values, valid_bytes);
    if (!valid)
        return df_error_no_memory(error, "sorting rows");
    memset(valid, 0, valid_bytes);
    if (!put_columns(maker, &record, &changed))
        return changed ? df_error_set(error, DF_ERROR_CONFLICT, "the input changed while it was read: try again") : 0;
    if (df_buf_failed(&maker->values))
        return df_error_no_memory(error, "sorting rows");
    record.values = df_buf_slice(&maker->values);
    import->userless_count += record.key.user_null;
    import->part_rows[record.key.part]++;
    import->digest = df_hash_u64(import->digest ^ record.key.user[0] ^ df_hash_bytes(record.user_text));
    import->digest = df_hash_u64(import->digest ^ df_hash_bytes(record.values));
    return df_import_sorter_add(maker->sorter, &record, error);
}

static int sort_input(struct maker *maker, struct df_text_reader *reader, struct df_error *error)
{
    struct df_text_row row;
    struct df_text_bad bad;
    uint32_t columns_before = maker->import->names.count;
    for (uint64_t count = 0;; count++) {
        if (count % ROWS_PER_CHECK == 0 && df_import_interrupted(maker->import, error) < 0)
            return -1;
        int step = df_text_next(reader, &row, &bad, error);
        if (step <= 0)
            return step;
        if (step == DF_TEXT_BAD)
            continue;
        if (df_import_map(maker->import, reader, &maker->map, error) < 0)
            return -1;
        if (maker->import->names.count != columns_before)
            return df_error_set(error, DF_ERROR_CONFLICT, "the input changed while it was read: try again");
        if (!contradicts(maker, &row) && add_row(maker, &row, error) < 0)
            return -1;
        atomic_fetch_add_explicit(&maker->import->progress.rows, 1, memory_order_relaxed);
    }
}

static int sort_inputs(struct maker *maker, struct df_error *error)
{
    struct df_import *import = maker->import;
    for (size_t i = 0; i < import->input_count; i++) {
        struct df_import_reading *reading;
        struct df_text_reader *reader;
        if (df_import_open_input(import, i, &reading, &reader, error) < 0)
            return -1;
        maker->map.count = 0;
        int result = sort_input(maker, reader, error);
        df_import_close_input(reading, reader);
        if (result < 0)
            return -1;
    }
    return df_import_sorter_finish(maker->sorter, error);
}

int df_import_sort_rows(struct df_import *import, struct df_import_sorter *sorter, struct df_error *error)
{
    struct maker maker = {.import = import, .sorter = sorter};
    maker.cells = calloc(import->names.count, sizeof *maker.cells);
    import->part_rows = calloc((size_t)import->plan.parts, sizeof *import->part_rows);
    int result =
        maker.cells && import->part_rows ? sort_inputs(&maker, error) : df_error_no_memory(error, "sorting rows");
    free(maker.cells);
    free(maker.map.columns);
    df_buf_dispose(&maker.values);
    return result;
}
