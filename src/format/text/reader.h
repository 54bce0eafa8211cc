/* What the readers of CSV and NDJSON share. */
#ifndef DF_FORMAT_TEXT_READER_H
#define DF_FORMAT_TEXT_READER_H

#include "base/arena.h"
#include "format/text/names.h"
#include "format/text/window.h"

/* A field of CSV, by offsets in the record. */
struct df_csv_field {
    size_t begin, end; /* without quotes */
    bool quoted, doubled;
};

struct df_text_reader {
    struct df_text_options options;
    struct df_text_window window;
    struct df_text_names names;
    struct df_text_cell *cells; /* owned, cell_capacity */
    uint32_t cell_capacity;
    uint64_t line;       /* of the window's first byte */
    size_t used;         /* bytes of the last record with its line break: taken off by the next step */
    uint64_t used_lines; /* line breaks in it */
    bool discarding;     /* a record was too long: what comes up to the next line break belongs to it */
    struct {
        struct df_csv_field *fields; /* owned */
        uint32_t count, capacity;
        bool stops[256];     /* what ends a run of ordinary bytes */
        struct df_buf plain; /* fields whose doubled quotes were made single */
        bool pending;        /* the first row has been scanned and is still to be given: no_header */
        size_t pending_bytes;
    } csv;
    struct df_arena arena; /* of NDJSON: one row's tree */
};

int df_csv_open(struct df_text_reader *reader, struct df_error *error);
int df_csv_next(struct df_text_reader *reader, struct df_text_row *row, struct df_text_bad *bad,
                struct df_error *error);
int df_ndjson_next(struct df_text_reader *reader, struct df_text_row *row, struct df_text_bad *bad,
                   struct df_error *error);

/* Takes the last record off the window. 1: there are bytes left; 0: the end; -1. */
int df_text_reader_advance(struct df_text_reader *reader, struct df_error *error);
/* The record that is `size` bytes long, `used` with its line break, has been dealt with. */
void df_text_reader_use(struct df_text_reader *reader, size_t size, size_t used);
bool df_text_reader_reserve_cells(struct df_text_reader *reader, uint32_t count);
/* Gives up the record: it ends with the first line break at or behind `from`. `offset` is what is wrong. BAD or -1. */
int df_text_reader_bad(struct df_text_reader *reader, size_t offset, size_t from, const char *reason,
                       struct df_text_bad *bad, struct df_error *error);
bool df_text_reader_is_null(const struct df_text_reader *reader, struct df_slice text);

#endif
