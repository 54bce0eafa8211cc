/* Tables as text, CSV and NDJSON: bytes to rows of cells, cells to values, values to the type of a column.
 *
 *     source (bytes of a file) -> input (gzip and zstd undone) -> window (bytes in a row) -> csv | ndjson (cells)
 *
 * A reader goes over one input once, with memory bounded by the longest record allowed. Whatever is wrong with a record
 * is told with its place and the reader goes on behind it; what to do about it is the caller's to say. Positions: lines
 * and columns from 1, columns in bytes, a byte order mark not counted.
 *
 * Thread: one at a time. Slices are valid until the reader's next step. */
#ifndef DF_FORMAT_TEXT_TEXT_H
#define DF_FORMAT_TEXT_TEXT_H

#include "base/buf.h"
#include "base/error.h"

/* Where bytes come from. *got 0: the end. */
struct df_text_source {
    int (*read)(void *ctx, uint8_t *to, size_t capacity, size_t *got, struct df_error *error);
    void *ctx;
};

/* How a cell stood in the text, which says what it may mean. */
enum df_text_form {
    DF_TEXT_MISSING,     /* no such member, a JSON null, a null of the dialect */
    DF_TEXT_FREE,        /* of CSV: any type that the text fits */
    DF_TEXT_JSON_STRING, /* text; may be a date or a timestamp */
    DF_TEXT_JSON_NUMBER,
    DF_TEXT_JSON_BOOL, /* true or false */
    DF_TEXT_JSON_LIST, /* as JSON text */
};

struct df_text_cell {
    struct df_slice text;
    enum df_text_form form;
    size_t offset; /* in the row's raw bytes */
};

struct df_text_row {
    const struct df_text_cell *cells; /* one for each of the reader's columns so far */
    uint32_t cell_count;
    struct df_slice raw; /* as it stood, without its line break */
    uint64_t line;       /* of its first byte */
};

/* What is wrong with a row. */
struct df_text_bad {
    struct df_slice raw; /* what is left out; of a record that is too long the beginning */
    uint64_t line, column;
    char reason[256];
};

struct df_text_place {
    uint64_t line, column;
};
/* Where a byte of a row stands. */
struct df_text_place df_text_place(struct df_slice raw, uint64_t line, size_t offset);

/* The first byte that is not UTF-8; text.size when all is. */
size_t df_text_utf8_error(struct df_slice text);

enum df_text_format { DF_TEXT_CSV, DF_TEXT_NDJSON };

struct df_text_options {
    enum df_text_format format;
    char delimiter;           /* of CSV */
    bool no_header;           /* of CSV: columns are c1, c2, … as many as the first row has */
    bool trim;                /* of CSV: blanks around fields, also around their quotes, are no part of them */
    const char *const *nulls; /* texts that are null besides the empty field without quotes */
    size_t null_count;        /* of NDJSON: strings that are null */
    size_t record_bytes;      /* longer ones are bad rows; at least 64 */
    const char *name;         /* of the input, for errors; borrowed */
    struct df_text_source source;
};

struct df_text_reader;

/* Of CSV the header is read: a failure is invalid, naming place and reason. An input without a byte has no columns. */
int df_text_reader_open(struct df_text_reader **reader, const struct df_text_options *options, struct df_error *error);
void df_text_reader_close(struct df_text_reader *reader); /* NULL is fine */

/* Of CSV fixed, of NDJSON those seen so far, in the order of their first appearance. */
uint32_t df_text_column_count(const struct df_text_reader *reader);
const char *df_text_column_name(const struct df_text_reader *reader, uint32_t column);

enum df_text_step { DF_TEXT_END = 0, DF_TEXT_ROW = 1, DF_TEXT_BAD = 2 }; /* -1: an error, and the end of all reading */
int df_text_next(struct df_text_reader *reader, struct df_text_row *row, struct df_text_bad *bad,
                 struct df_error *error);

#endif
