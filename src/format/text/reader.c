#include "format/text/reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/size.h"

/* ---- places ---- */

static bool is_break(struct df_slice raw, size_t at)
{
    return raw.data[at] == '\n' || (raw.data[at] == '\r' && (at + 1 == raw.size || raw.data[at + 1] != '\n'));
}

struct df_text_place df_text_place(struct df_slice raw, uint64_t line, size_t offset)
{
    size_t start = 0;
    for (size_t at = 0; at < offset && at < raw.size; at++)
        if (is_break(raw, at)) {
            line++;
            start = at + 1;
        }
    return (struct df_text_place){.line = line, .column = offset - start + 1};
}

/* ---- UTF-8 ---- */

static bool continues(struct df_slice text, size_t at)
{
    return at < text.size && (text.data[at] & 0xc0) == 0x80;
}

/* Bytes of the character that begins at `at`, which is not ASCII; 0: it is none. */
static size_t character_size(struct df_slice text, size_t at)
{
    uint8_t first = text.data[at];
    if (first < 0xc2 || first > 0xf4 || !continues(text, at + 1))
        return 0;
    if (first < 0xe0)
        return 2;
    uint8_t second = text.data[at + 1];
    bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool surrogate = first == 0xed && second >= 0xa0;
    bool beyond = first == 0xf4 && second >= 0x90;
    if (overlong || surrogate || beyond || !continues(text, at + 2))
        return 0;
    if (first < 0xf0)
        return 3;
    return continues(text, at + 3) ? 4 : 0;
}

size_t df_text_utf8_error(struct df_slice text)
{
    for (size_t at = 0; at < text.size;) {
        uint64_t eight;
        if (text.size - at >= sizeof eight) {
            memcpy(&eight, text.data + at, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        size_t size = text.data[at] < 0x80 ? 1 : character_size(text, at);
        if (size == 0)
            return at;
        at += size;
    }
    return text.size;
}

/* ---- going on from record to record ---- */

static uint64_t count_breaks(struct df_slice raw)
{
    uint64_t count = 0;
    if (!memchr(raw.data, '\n', raw.size) && !memchr(raw.data, '\r', raw.size))
        return 0; /* as nearly every record: only quotes keep them inside */
    for (size_t at = 0; at < raw.size; at++)
        count += is_break(raw, at);
    return count;
}

void df_text_reader_use(struct df_text_reader *reader, size_t size, size_t used)
{
    struct df_slice raw = df_slice_make(df_text_window_slice(&reader->window).data, size);
    reader->used = used;
    reader->used_lines = count_breaks(raw) + (used > size);
}

static int discard_rest(struct df_text_reader *reader, struct df_error *error)
{
    while (reader->discarding) {
        size_t size, used;
        if (df_text_window_line(&reader->window, 0, &size, &used, &reader->discarding, error) < 0)
            return -1;
        reader->window.begin += used;
        reader->line += used > size;
    }
    return 0;
}

int df_text_reader_advance(struct df_text_reader *reader, struct df_error *error)
{
    reader->window.begin += reader->used;
    reader->line += reader->used_lines;
    reader->used = 0;
    reader->used_lines = 0;
    if (discard_rest(reader, error) < 0)
        return -1;
    if (reader->window.begin < reader->window.end)
        return 1;
    int more = df_text_window_more(&reader->window, error);
    return more < 0 ? -1 : more == DF_TEXT_MORE_CAME;
}

int df_text_reader_bad(struct df_text_reader *reader, size_t offset, size_t from, const char *reason,
                       struct df_text_bad *bad, struct df_error *error)
{
    size_t size, used;
    bool cut;
    snprintf(bad->reason, sizeof bad->reason, "%s", reason);
    if (df_text_window_line(&reader->window, from, &size, &used, &cut, error) < 0)
        return -1;
    bad->raw = df_slice_make(df_text_window_slice(&reader->window).data, size);
    struct df_text_place place = df_text_place(bad->raw, reader->line, offset);
    bad->line = place.line;
    bad->column = place.column;
    df_text_reader_use(reader, size, used);
    reader->discarding = cut;
    return DF_TEXT_BAD;
}

bool df_text_reader_reserve_cells(struct df_text_reader *reader, uint32_t count)
{
    size_t bytes;
    if (count <= reader->cell_capacity)
        return true;
    uint32_t capacity = count < 8 ? 16 : count * 2;
    if (df_size_mul(&bytes, capacity, sizeof *reader->cells) != 0)
        return false;
    struct df_text_cell *cells = realloc(reader->cells, bytes);
    if (!cells)
        return false;
    reader->cells = cells;
    reader->cell_capacity = capacity;
    return true;
}

bool df_text_reader_is_null(const struct df_text_reader *reader, struct df_slice text)
{
    for (size_t i = 0; i < reader->options.null_count; i++)
        if (df_slice_is(text, reader->options.nulls[i]))
            return true;
    return false;
}

/* ---- the reader ---- */

static int open_reader(struct df_text_reader *reader, struct df_error *error)
{
    if (df_text_window_open(&reader->window, &reader->options, error) < 0 ||
        df_text_window_skip_mark(&reader->window, reader->options.name, error) < 0)
        return -1;
    return reader->options.format == DF_TEXT_CSV ? df_csv_open(reader, error) : 0;
}

int df_text_reader_open(struct df_text_reader **reader, const struct df_text_options *options, struct df_error *error)
{
    *reader = NULL;
    struct df_text_reader *made = calloc(1, sizeof *made);
    if (!made)
        return df_error_no_memory(error, "while opening an input");
    made->options = *options;
    made->line = 1;
    if (open_reader(made, error) < 0) {
        df_text_reader_close(made);
        return -1;
    }
    *reader = made;
    return 0;
}

void df_text_reader_close(struct df_text_reader *reader)
{
    if (!reader)
        return;
    df_text_window_close(&reader->window);
    df_text_names_dispose(&reader->names);
    df_buf_dispose(&reader->csv.plain);
    df_arena_dispose(&reader->arena);
    free(reader->csv.fields);
    free(reader->cells);
    free(reader);
}

uint32_t df_text_column_count(const struct df_text_reader *reader)
{
    return reader->names.count;
}

const char *df_text_column_name(const struct df_text_reader *reader, uint32_t column)
{
    return reader->names.names[column];
}

int df_text_next(struct df_text_reader *reader, struct df_text_row *row, struct df_text_bad *bad,
                 struct df_error *error)
{
    return reader->options.format == DF_TEXT_CSV ? df_csv_next(reader, row, bad, error)
                                                 : df_ndjson_next(reader, row, bad, error);
}
