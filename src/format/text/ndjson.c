/* Rows of NDJSON: one object per line. Members of objects inside become columns with dots ("a.b"), lists the JSON text
 * of the list. Of two members that give the same column the last counts. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/json_write.h"
#include "format/text/reader.h"

enum { DEPTH_MAX = 64 };

struct flattening {
    struct df_text_reader *reader;
    struct df_buf path;
    const char *reason; /* NULL: all is well */
    size_t bad_offset;
    bool no_memory;
};

static void refuse(struct flattening *flattening, const struct df_json *value, const char *reason)
{
    if (!flattening->reason)
        flattening->bad_offset = value->offset;
    flattening->reason = reason;
}

/* ---- one value ---- */

static bool list_text(struct df_text_reader *reader, const struct df_json *list, struct df_slice *text)
{
    struct df_buf out = {0};
    struct df_json_writer writer;
    df_json_writer_init(&writer, &out, DF_JSON_COMPACT);
    df_json_write_tree(&writer, list);
    bool done = !df_buf_failed(&out) && df_arena_copy(&reader->arena, df_buf_slice(&out), text);
    df_buf_dispose(&out);
    return done;
}

static bool make_cell(struct df_text_reader *reader, const struct df_json *value, struct df_text_cell *cell)
{
    *cell = (struct df_text_cell){.offset = value->offset, .text = value->text};
    switch (value->type) {
    case DF_JSON_NUMBER:
        cell->form = DF_TEXT_JSON_NUMBER;
        return true;
    case DF_JSON_STRING:
        cell->form = df_text_reader_is_null(reader, value->text) ? DF_TEXT_MISSING : DF_TEXT_JSON_STRING;
        return true;
    case DF_JSON_BOOL:
        cell->form = DF_TEXT_JSON_BOOL;
        cell->text = df_slice_text(value->boolean ? "true" : "false");
        return true;
    case DF_JSON_ARRAY:
        cell->form = DF_TEXT_JSON_LIST;
        return list_text(reader, value, &cell->text);
    default:
        return true;
    }
}

static void put_cell(struct flattening *flattening, const struct df_json *value)
{
    struct df_text_reader *reader = flattening->reader;
    struct df_slice name = df_buf_slice(&flattening->path);
    uint32_t before = reader->names.count;
    if (name.size == 0 || memchr(name.data, 0, name.size)) {
        refuse(flattening, value, "a member without a name, or with a zero byte in it");
        return;
    }
    int64_t column = df_text_names_add(&reader->names, name);
    if (column < 0 && before >= DF_TEXT_COLUMNS_MAX) {
        refuse(flattening, value, "too many different members: a table has at most 16384 columns");
        return;
    }
    if (column < 0 || !df_text_reader_reserve_cells(reader, reader->names.count)) {
        flattening->no_memory = true;
        return;
    }
    if (reader->names.count > before)
        reader->cells[column] = (struct df_text_cell){0};
    flattening->no_memory |= !make_cell(reader, value, &reader->cells[column]);
}

/* ---- one object; the depth was limited by the parser ---- */

static void flatten(struct flattening *flattening, const struct df_json *object) /* NOLINT(misc-no-recursion) */
{
    size_t before = flattening->path.size;
    for (const struct df_json *member = object->children; member; member = member->next) {
        df_buf_put_text(&flattening->path, before ? "." : "");
        df_buf_put_slice(&flattening->path, member->key);
        if (member->type == DF_JSON_OBJECT)
            flatten(flattening, member);
        else
            put_cell(flattening, member);
        flattening->path.size = before;
    }
}

static int make_row(struct df_text_reader *reader, const struct df_json *object, struct flattening *flattening,
                    struct df_error *error)
{
    for (uint32_t i = 0; i < reader->names.count; i++)
        reader->cells[i] = (struct df_text_cell){0};
    reader->names.expected = 0;
    flattening->reader = reader;
    flatten(flattening, object);
    bool failed = flattening->no_memory || df_buf_failed(&flattening->path);
    df_buf_dispose(&flattening->path);
    return failed ? df_error_no_memory(error, "while reading a row") : 0;
}

/* ---- one line ---- */

static bool is_blank(struct df_slice line)
{
    for (size_t i = 0; i < line.size; i++)
        if (!strchr(" \t\r", line.data[i]) || line.data[i] == '\0')
            return false;
    return true;
}

/* The parser counts lines inside the text that it was given: here that is one. */
static size_t split_message(const char *message, char *reason, size_t size)
{
    unsigned line = 1, column = 1;
    int begin = 0;
    if (sscanf(message, "line %u, column %u: %n", &line, &column, &begin) < 2 || begin == 0)
        column = 1;
    bool open = strstr(message, "unexpected end") != NULL;
    snprintf(reason, size, "not JSON: %.150s%s", message + begin,
             open ? "; each line is an object by itself (jq -c . or jq -c '.[]' makes such lines)" : "");
    return column > 0 ? column - 1 : 0;
}

static int parse_line(struct df_text_reader *reader, struct df_slice line, struct df_json **object, char *reason,
                      size_t reason_size, size_t *bad_offset, struct df_error *error)
{
    struct df_json_limits limits = {.text_bytes = line.size + 1, .depth = DEPTH_MAX, .nodes = line.size + 1};
    struct df_error refused = {0};
    *bad_offset = df_text_utf8_error(line);
    if (*bad_offset < line.size) {
        snprintf(reason, reason_size, "this is not UTF-8");
        return DF_TEXT_BAD;
    }
    if (df_json_parse(line, &limits, &reader->arena, object, &refused) < 0) {
        if (refused.kind == DF_ERROR_EXHAUSTED) {
            *error = refused;
            return -1;
        }
        *bad_offset = split_message(refused.message, reason, reason_size);
        return DF_TEXT_BAD;
    }
    *bad_offset = (*object)->offset;
    if ((*object)->type == DF_JSON_OBJECT)
        return DF_TEXT_ROW;
    snprintf(reason, reason_size, "%s, where each line should be an object%s", df_json_type_name((*object)->type),
             (*object)->type == DF_JSON_ARRAY ? " (jq -c '.[]' makes lines of an array)" : "");
    return DF_TEXT_BAD;
}

static int read_line(struct df_text_reader *reader, size_t size, struct df_text_row *row, struct df_text_bad *bad,
                     struct df_error *error)
{
    char reason[256];
    size_t offset;
    struct df_json *object = NULL;
    struct flattening flattening = {0};
    struct df_slice line = df_slice_make(df_text_window_slice(&reader->window).data, size);
    df_arena_dispose(&reader->arena);
    int step = parse_line(reader, line, &object, reason, sizeof reason, &offset, error);
    if (step == DF_TEXT_BAD)
        return df_text_reader_bad(reader, offset, size, reason, bad, error);
    if (step < 0 || make_row(reader, object, &flattening, error) < 0)
        return -1;
    if (flattening.reason)
        return df_text_reader_bad(reader, flattening.bad_offset, size, flattening.reason, bad, error);
    *row = (struct df_text_row){
        .cells = reader->cells, .cell_count = reader->names.count, .raw = line, .line = reader->line};
    return DF_TEXT_ROW;
}

int df_ndjson_next(struct df_text_reader *reader, struct df_text_row *row, struct df_text_bad *bad,
                   struct df_error *error)
{
    for (;;) {
        size_t size, used;
        bool cut;
        int more = df_text_reader_advance(reader, error);
        if (more <= 0)
            return more < 0 ? -1 : DF_TEXT_END;
        if (df_text_window_line(&reader->window, 0, &size, &used, &cut, error) < 0)
            return -1;
        if (cut) {
            char reason[64];
            snprintf(reason, sizeof reason, "a row of more than %zu bytes", reader->options.record_bytes);
            return df_text_reader_bad(reader, 0, 0, reason, bad, error);
        }
        df_text_reader_use(reader, size, used);
        if (!is_blank(df_slice_make(df_text_window_slice(&reader->window).data, size)))
            return read_line(reader, size, row, bad, error);
    }
}
