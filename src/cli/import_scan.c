/* Pass 1: every cell says what it could be, every bad row is told. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/import.h"

enum { ROWS_PER_CHECK = 1024 };

int df_import_interrupted(const struct df_import *import, struct df_error *error)
{
    return atomic_load(import->interrupted) ? df_error_set(error, DF_ERROR_CANCELLED, "interrupted: nothing was kept")
                                            : 0;
}

/* ---- columns ---- */

/* "--type COLUMN=TYPE": the type, NULL when none is given. The name may hold a '='. */
static const char *forced_type(const struct df_cli_arguments *arguments, const char *column)
{
    size_t position = 0, size = strlen(column);
    for (const char *text; (text = df_cli_next_value(arguments, "--type", &position));)
        if (strncmp(text, column, size) == 0 && text[size] == '=' && !strchr(text + size + 1, '='))
            return text + size + 1;
    return NULL;
}

static int64_t add_column(struct df_import *import, const char *name, struct df_error *error)
{
    int64_t index = df_text_names_add(&import->names, df_slice_text(name));
    if (index < 0)
        return df_error_set(error, DF_ERROR_EXHAUSTED, "too many columns: at most %d are taken", DF_TEXT_COLUMNS_MAX);
    if (import->names.count > import->column_capacity) {
        uint32_t capacity = import->column_capacity ? import->column_capacity * 2 : 16;
        struct df_import_column *columns = realloc(import->columns, capacity * sizeof *columns);
        if (!columns)
            return df_error_no_memory(error, "reading columns");
        memset(columns + import->column_capacity, 0, (capacity - import->column_capacity) * sizeof *columns);
        import->columns = columns;
        import->column_capacity = capacity;
    }
    struct df_import_column *column = &import->columns[index];
    if (!column->name) {
        column->name = import->names.names[index];
        column->forced = forced_type(import->plan.arguments, name);
    }
    return index;
}

int df_import_map(struct df_import *import, const struct df_text_reader *reader, struct df_import_map *map,
                  struct df_error *error)
{
    uint32_t count = df_text_column_count(reader);
    if (count > map->capacity) {
        uint32_t *columns = realloc(map->columns, (size_t)count * 2 * sizeof *columns);
        if (!columns)
            return df_error_no_memory(error, "reading columns");
        map->columns = columns;
        map->capacity = count * 2;
    }
    for (; map->count < count; map->count++) {
        int64_t column = add_column(import, df_text_column_name(reader, map->count), error);
        if (column < 0)
            return -1;
        map->columns[map->count] = (uint32_t)column;
    }
    return 0;
}

/* ---- bad rows ---- */

static int keep_bad_row(struct df_import *import, const struct df_import_input *input, const struct df_text_bad *bad,
                        struct df_error *error)
{
    struct df_buf out = {0};
    df_buf_printf(&out, "# %s:%" PRIu64 ":%" PRIu64 ": %s\n", input->name, bad->line, bad->column, bad->reason);
    df_buf_put_slice(&out, bad->raw);
    df_buf_put_char(&out, '\n');
    int result = df_buf_failed(&out) ? df_error_no_memory(error, "writing bad rows")
                                     : df_store_upload_write(import->bad_upload, df_buf_slice(&out), error);
    df_buf_dispose(&out);
    return result;
}

static int take_bad_row(struct df_import *import, size_t input, const struct df_text_bad *bad, struct df_error *error)
{
    import->bad_count++;
    if (import->plan.bad == DF_IMPORT_BAD_FILE)
        return keep_bad_row(import, &import->inputs[input], bad, error);
    if (import->plan.bad == DF_IMPORT_BAD_SKIP)
        return 0;
    df_cli_hint(import->cli, "--bad-rows skip leaves such rows out and counts them; --bad-rows FILE keeps them there");
    return df_error_set(error, DF_ERROR_INVALID, "'%s': line %" PRIu64 ", column %" PRIu64 ": %s",
                        import->inputs[input].name, bad->line, bad->column, bad->reason);
}

bool df_import_contradicts(const struct df_import *import, const struct df_import_column *column,
                           const struct df_text_cell *cell)
{
    struct df_text_column nothing = {0};
    struct df_text_stored stored;
    struct df_type type;
    return column->forced && df_text_type_named(column->forced, &nothing, &type) &&
           !df_text_convert(cell, &type, import->plan.order, &stored);
}

/* At most `most`, without half a character. */
static size_t bytes_shown(struct df_slice text, size_t most)
{
    if (text.size <= most)
        return text.size;
    while (most > 0 && (text.data[most] & 0xc0) == 0x80)
        most--;
    return most;
}

static int contradiction(struct df_import *import, size_t input, const struct df_text_row *row,
                         const struct df_import_column *column, const struct df_text_cell *cell, struct df_error *error)
{
    enum { SHOWN_BYTES = 60 };
    struct df_text_place place = df_text_place(row->raw, row->line, cell->offset);
    struct df_text_bad bad = {.raw = row->raw, .line = place.line, .column = place.column};
    size_t shown = bytes_shown(cell->text, SHOWN_BYTES);
    snprintf(bad.reason, sizeof bad.reason, "'%.*s' is no %s, as --type says of column '%.60s'", (int)shown,
             (const char *)cell->text.data, column->forced, column->name);
    return take_bad_row(import, input, &bad, error);
}

/* ---- rows ---- */

static void note_first(struct df_import_met *met, size_t input, const struct df_text_row *row,
                       const struct df_text_cell *cell)
{
    if (met->input)
        return;
    met->input = (uint32_t)input + 1;
    met->place = df_text_place(row->raw, row->line, cell->offset);
    snprintf(met->text, sizeof met->text, "%.*s", (int)bytes_shown(cell->text, sizeof met->text - 1),
             (const char *)cell->text.data);
}

static void note_cell(struct df_import_column *column, enum df_text_day_order order, size_t input,
                      const struct df_text_row *row, const struct df_text_cell *cell)
{
    struct df_text_value value;
    df_text_classify(cell, order, &value);
    df_text_column_note(&column->seen, &value);
    column->counts[value.kind]++;
    note_first(&column->first[value.kind], input, row, cell);
    if (value.ambiguous || value.order != DF_TEXT_DAY_ANY)
        note_first(&column->first_of_order[value.order], input, row, cell);
}

static int note_row(struct df_import *import, size_t input, const struct df_text_row *row,
                    const struct df_import_map *map, struct df_error *error)
{
    /* All of it first: a bad row says nothing about types. */
    for (uint32_t i = 0; i < row->cell_count && i < map->count; i++) {
        const struct df_import_column *column = &import->columns[map->columns[i]];
        if (df_import_contradicts(import, column, &row->cells[i]))
            return contradiction(import, input, row, column, &row->cells[i], error);
    }
    for (uint32_t i = 0; i < row->cell_count && i < map->count; i++)
        note_cell(&import->columns[map->columns[i]], import->plan.order, input, row, &row->cells[i]);
    import->row_count++;
    import->row_bytes += row->raw.size;
    return 0;
}

static int scan_rows(struct df_import *import, size_t input, struct df_text_reader *reader, struct df_import_map *map,
                     struct df_error *error)
{
    struct df_text_row row;
    struct df_text_bad bad;
    for (uint64_t count = 0;; count++) {
        if (count % ROWS_PER_CHECK == 0 && df_import_interrupted(import, error) < 0)
            return -1;
        int step = df_text_next(reader, &row, &bad, error);
        if (step <= 0)
            return step;
        if (step == DF_TEXT_BAD) {
            if (take_bad_row(import, input, &bad, error) < 0)
                return -1;
            continue;
        }
        if (df_import_map(import, reader, map, error) < 0 || note_row(import, input, &row, map, error) < 0)
            return -1;
        atomic_fetch_add_explicit(&import->progress.rows, 1, memory_order_relaxed);
    }
}

static int scan_input(struct df_import *import, size_t index, struct df_error *error)
{
    struct df_import_reading *reading;
    struct df_text_reader *reader;
    struct df_import_map map = {0};
    if (df_import_open_input(import, index, &reading, &reader, error) < 0)
        return -1;
    int result = df_import_map(import, reader, &map, error);
    /* A wrong name is told before gigabytes are read, where the header is all there is. */
    if (result == 0 && import->input_count == 1 && import->inputs[index].format == DF_TEXT_CSV)
        result = df_import_check_named(import, error);
    if (result == 0)
        result = scan_rows(import, index, reader, &map, error);
    free(map.columns);
    df_import_close_input(reading, reader);
    return result;
}

int df_import_scan(struct df_import *import, struct df_error *error)
{
    for (size_t i = 0; i < import->input_count; i++)
        if (scan_input(import, i, error) < 0)
            return -1;
    return df_import_settle_columns(import, error);
}
