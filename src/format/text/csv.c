/* Records of CSV and of what differs by the delimiter only.
 *
 * Written here, not with libcsv: that gives neither the place of a field nor of a mistake, calls back for every field
 * and copies each byte, and where it is strict it stops for good, so that no row could be left out.
 *
 * As RFC 4180 has it, and strict: a quote stands at the ends of a field or doubled inside quotes, and nowhere else.
 * Lines end with LF, CRLF or CR; empty lines are passed over. A record is scanned once it lies in the window as a
 * whole; when it does not, more is fetched and it is scanned again from its first byte.
 *
 * A column whose name is empty is called by its number, c1 for the first: the index that pandas writes, the delimiter
 * that some programs put at the end of every row. */
#include <stdio.h>
#include <stdlib.h>

#include "base/size.h"
#include "format/text/reader.h"

enum scan { SCAN_DONE, SCAN_MORE, SCAN_BAD, SCAN_NO_MEMORY };

struct scanner {
    struct df_text_reader *reader;
    struct df_slice bytes; /* of the window: the record begins at 0 */
    size_t at;
    /* of SCAN_BAD */
    const char *reason;
    size_t bad_offset, resume_offset;
    bool quote_open; /* of SCAN_MORE: inside quotes, which began at bad_offset */
};

/* ---- one field ---- */

static bool reserve_field(struct df_text_reader *reader)
{
    if (reader->csv.count < reader->csv.capacity)
        return true;
    uint32_t capacity = reader->csv.capacity ? reader->csv.capacity * 2 : 64;
    size_t bytes;
    struct df_csv_field *fields = NULL;
    if (df_size_mul(&bytes, capacity, sizeof *fields) == 0 && capacity > reader->csv.capacity)
        fields = realloc(reader->csv.fields, bytes);
    if (!fields)
        return false;
    reader->csv.fields = fields;
    reader->csv.capacity = capacity;
    return true;
}

static enum scan bad(struct scanner *scanner, size_t offset, const char *reason)
{
    scanner->reason = reason;
    scanner->bad_offset = offset;
    scanner->resume_offset = offset;
    return SCAN_BAD;
}

static bool is_blank(const struct scanner *scanner, size_t at)
{
    uint8_t c = scanner->bytes.data[at];
    return (c == ' ' || c == '\t') && c != (uint8_t)scanner->reader->options.delimiter;
}

static size_t skip_blanks(const struct scanner *scanner, size_t at)
{
    while (scanner->reader->options.trim && at < scanner->bytes.size && is_blank(scanner, at))
        at++;
    return at;
}

static enum scan bad_quote(struct scanner *scanner, size_t begin, size_t at)
{
    while (begin < at && is_blank(scanner, begin))
        begin++;
    return bad(scanner, at,
               begin == at ? "a blank before a quote: --trim takes blanks around fields away"
                           : "a quote inside a field without quotes: put the field in quotes and double the quote");
}

static enum scan scan_free(struct scanner *scanner, struct df_csv_field *field)
{
    const bool *stops = scanner->reader->csv.stops;
    size_t at = scanner->at;
    while (at < scanner->bytes.size && !stops[scanner->bytes.data[at]])
        at++;
    *field = (struct df_csv_field){.begin = scanner->at, .end = at};
    while (scanner->reader->options.trim && field->end > field->begin && is_blank(scanner, field->end - 1))
        field->end--;
    scanner->at = at;
    if (at == scanner->bytes.size)
        return scanner->reader->window.ended ? SCAN_DONE : SCAN_MORE;
    if (scanner->bytes.data[at] == '"')
        return bad_quote(scanner, field->begin, at);
    return SCAN_DONE;
}

static enum scan scan_quoted(struct scanner *scanner, struct df_csv_field *field)
{
    const uint8_t *data = scanner->bytes.data;
    size_t size = scanner->bytes.size, open = scanner->at, at = open + 1;
    *field = (struct df_csv_field){.begin = at, .quoted = true};
    for (;; at += 2, field->doubled = true) {
        const uint8_t *quote = at < size ? memchr(data + at, '"', size - at) : NULL;
        at = quote ? (size_t)(quote - data) : size;
        bool ended = scanner->reader->window.ended;
        scanner->bad_offset = open;
        scanner->quote_open = !quote;
        if (!quote || (at + 1 == size && !ended))
            return SCAN_MORE;
        if (at + 1 == size || data[at + 1] != '"')
            break;
    }
    field->end = at;
    scanner->at = skip_blanks(scanner, at + 1);
    if (scanner->at == size || (scanner->reader->csv.stops[data[scanner->at]] && data[scanner->at] != '"'))
        return SCAN_DONE;
    return bad(scanner, scanner->at,
               is_blank(scanner, scanner->at) ? "a blank behind a closing quote: --trim takes blanks around fields away"
                                              : "text behind a closing quote: a quote inside quotes is written twice");
}

/* ---- one record ---- */

static enum scan scan_record(struct scanner *scanner)
{
    struct df_text_reader *reader = scanner->reader;
    const uint8_t *data = scanner->bytes.data;
    size_t size = scanner->bytes.size;
    reader->csv.count = 0;
    for (;;) {
        if (!reserve_field(reader))
            return SCAN_NO_MEMORY;
        struct df_csv_field *field = &reader->csv.fields[reader->csv.count++];
        scanner->at = skip_blanks(scanner, scanner->at);
        bool quoted = scanner->at < size && data[scanner->at] == '"';
        enum scan result = quoted ? scan_quoted(scanner, field) : scan_free(scanner, field);
        if (result != SCAN_DONE)
            return result;
        if (scanner->at == size || data[scanner->at] != (uint8_t)reader->options.delimiter)
            break;
        scanner->at++;
    }
    bool half = scanner->at + 1 == size && data[scanner->at] == '\r'; /* its LF may be still to come */
    bool no_break = scanner->at == size;
    return (half || no_break) && !reader->window.ended ? SCAN_MORE : SCAN_DONE;
}

static size_t break_size(const struct scanner *scanner)
{
    struct df_slice bytes = scanner->bytes;
    if (scanner->at == bytes.size)
        return 0;
    return bytes.data[scanner->at] == '\r' && scanner->at + 1 < bytes.size && bytes.data[scanner->at + 1] == '\n' ? 2
                                                                                                                  : 1;
}

/* The record cannot be had as a whole: a quote that is never closed, or it is longer than allowed. What comes next is
 * looked for behind its first line, since nothing says where the quote should have ended. */
static int give_up(struct df_text_reader *reader, const struct scanner *scanner, int more, struct df_text_bad *out,
                   struct df_error *error)
{
    char reason[256];
    if (more == DF_TEXT_MORE_ENDED)
        snprintf(reason, sizeof reason, "a quote that is never closed");
    else
        snprintf(reason, sizeof reason, "a row of more than %zu bytes%s", reader->options.record_bytes,
                 scanner->quote_open ? ": is this quote ever closed?" : "");
    return df_text_reader_bad(reader, scanner->quote_open ? scanner->bad_offset : 0, 0, reason, out, error);
}

/* ROW: the record lies in [0, *size) of the window, and its fields are known. */
static int find_record(struct df_text_reader *reader, size_t *size, struct df_text_bad *out, struct df_error *error)
{
    *size = 0;
    for (;;) {
        struct scanner scanner = {.reader = reader, .bytes = df_text_window_slice(&reader->window)};
        enum scan result = scan_record(&scanner);
        if (result == SCAN_NO_MEMORY)
            return df_error_no_memory(error, "while reading a row with very many fields");
        if (result == SCAN_BAD)
            return df_text_reader_bad(reader, scanner.bad_offset, scanner.resume_offset, scanner.reason, out, error);
        if (result == SCAN_DONE) {
            *size = scanner.at;
            df_text_reader_use(reader, scanner.at, scanner.at + break_size(&scanner));
            return DF_TEXT_ROW;
        }
        int more = df_text_window_more(&reader->window, error);
        if (more < 0)
            return -1;
        if (more == DF_TEXT_MORE_FULL || (more == DF_TEXT_MORE_ENDED && scanner.quote_open))
            return give_up(reader, &scanner, more, out, error);
    }
}

/* As find_record, over empty lines; END. */
static int next_record(struct df_text_reader *reader, size_t *size, struct df_text_bad *out, struct df_error *error)
{
    for (;;) {
        int more = df_text_reader_advance(reader, error);
        if (more <= 0)
            return more < 0 ? -1 : DF_TEXT_END;
        int step = find_record(reader, size, out, error);
        if (step != DF_TEXT_ROW)
            return step;
        size_t wrong =
            *size == 0 ? 0 : df_text_utf8_error(df_slice_make(df_text_window_slice(&reader->window).data, *size));
        if (wrong < *size)
            return df_text_reader_bad(reader, wrong, *size, "this is not UTF-8", out, error);
        if (*size > 0)
            return DF_TEXT_ROW;
    }
}

/* ---- fields to cells ---- */

static struct df_slice field_text(struct df_text_reader *reader, const struct df_csv_field *field)
{
    const uint8_t *data = df_text_window_slice(&reader->window).data;
    struct df_slice text = df_slice_make(data + field->begin, field->end - field->begin);
    if (!field->doubled)
        return text;
    size_t begin = reader->csv.plain.size;
    for (size_t i = 0; i < text.size; i++) {
        df_buf_put_u8(&reader->csv.plain, text.data[i]);
        i += text.data[i] == '"';
    }
    return df_slice_make(reader->csv.plain.data + begin, reader->csv.plain.size - begin);
}

static void make_cell(struct df_text_reader *reader, const struct df_csv_field *field, struct df_text_cell *cell)
{
    bool missing = field->begin == field->end && !field->quoted;
    *cell = (struct df_text_cell){.offset = field->begin - field->quoted};
    cell->text = field_text(reader, field);
    if (missing || df_text_reader_is_null(reader, cell->text))
        return;
    cell->form = DF_TEXT_FREE;
}

static int make_row(struct df_text_reader *reader, size_t size, struct df_text_row *row, struct df_error *error)
{
    uint32_t count = reader->names.count;
    df_buf_clear(&reader->csv.plain);
    /* Room for all of it first: slices point into it. */
    if (!df_text_reader_reserve_cells(reader, count) || !df_buf_reserve(&reader->csv.plain, size))
        return df_error_no_memory(error, "while reading a row");
    for (uint32_t i = 0; i < count; i++)
        make_cell(reader, &reader->csv.fields[i], &reader->cells[i]);
    *row = (struct df_text_row){.cells = reader->cells,
                                .cell_count = count,
                                .raw = df_slice_make(df_text_window_slice(&reader->window).data, size),
                                .line = reader->line};
    return DF_TEXT_ROW;
}

static int ragged(struct df_text_reader *reader, size_t size, struct df_text_bad *out, struct df_error *error)
{
    char reason[128];
    uint32_t found = reader->csv.count, expected = reader->names.count;
    const struct df_csv_field *extra = &reader->csv.fields[expected];
    snprintf(reason, sizeof reason, "%u field%s, where the %s has %u", found, found == 1 ? "" : "s",
             reader->options.no_header ? "first row" : "header", expected);
    return df_text_reader_bad(reader, found > expected ? extra->begin - extra->quoted : size, size, reason, out, error);
}

int df_csv_next(struct df_text_reader *reader, struct df_text_row *row, struct df_text_bad *out, struct df_error *error)
{
    size_t size;
    int step = DF_TEXT_ROW;
    if (reader->csv.pending)
        size = reader->csv.pending_bytes;
    else
        step = next_record(reader, &size, out, error);
    reader->csv.pending = false;
    if (step != DF_TEXT_ROW)
        return step;
    return reader->csv.count == reader->names.count ? make_row(reader, size, row, error)
                                                    : ragged(reader, size, out, error);
}

/* ---- the header ---- */

static int bad_name(struct df_text_reader *reader, const struct df_csv_field *field, const char *reason,
                    struct df_slice name, struct df_error *error)
{
    struct df_slice raw = df_text_window_slice(&reader->window);
    struct df_text_place place = df_text_place(raw, reader->line, field->begin - field->quoted);
    return df_error_set(error, DF_ERROR_INVALID,
                        "'%s': line %llu, column %llu: %s%.*s%s (if there is no header, say --no-header)",
                        reader->options.name, (unsigned long long)place.line, (unsigned long long)place.column, reason,
                        DF_SLICE_ARG(name), name.size ? "'" : "");
}

static struct df_slice number_name(char name[32], uint32_t column)
{
    snprintf(name, 32, "c%u", column + 1);
    return df_slice_text(name);
}

static int take_names(struct df_text_reader *reader, size_t size, struct df_error *error)
{
    char number[32];
    if (!df_buf_reserve(&reader->csv.plain, size))
        return df_error_no_memory(error, "while reading a header");
    for (uint32_t i = 0; i < reader->csv.count; i++) {
        const struct df_csv_field *field = &reader->csv.fields[i];
        struct df_slice name = field_text(reader, field);
        if (name.size == 0)
            name = number_name(number, i);
        if (memchr(name.data, 0, name.size))
            return bad_name(reader, field, "a zero byte in the name of a column: only UTF-8 is read, is this UTF-16?",
                            df_slice_make("", 0), error);
        if (df_text_names_find(&reader->names, name) >= 0)
            return bad_name(reader, field, "a second column '", name, error);
        if (df_text_names_add(&reader->names, name) < 0)
            return df_error_set(error, DF_ERROR_EXHAUSTED, "'%s': too many columns: at most %d are read",
                                reader->options.name, DF_TEXT_COLUMNS_MAX);
    }
    return 0;
}

static int number_names(struct df_text_reader *reader, struct df_error *error)
{
    char name[32];
    for (uint32_t i = 0; i < reader->csv.count; i++)
        if (df_text_names_add(&reader->names, number_name(name, i)) < 0)
            return df_error_set(error, DF_ERROR_EXHAUSTED, "'%s': too many columns: at most %d are read",
                                reader->options.name, DF_TEXT_COLUMNS_MAX);
    reader->csv.pending = true;
    return 0;
}

int df_csv_open(struct df_text_reader *reader, struct df_error *error)
{
    struct df_text_bad wrong;
    size_t size;
    reader->csv.stops[(uint8_t)reader->options.delimiter] = true;
    reader->csv.stops['"'] = reader->csv.stops['\r'] = reader->csv.stops['\n'] = true;
    int step = next_record(reader, &size, &wrong, error);
    if (step == DF_TEXT_BAD)
        return df_error_set(error, DF_ERROR_INVALID, "'%s': line %llu, column %llu: %s", reader->options.name,
                            (unsigned long long)wrong.line, (unsigned long long)wrong.column, wrong.reason);
    if (step != DF_TEXT_ROW)
        return step;
    reader->csv.pending_bytes = size;
    return reader->options.no_header ? number_names(reader, error) : take_names(reader, size, error);
}
