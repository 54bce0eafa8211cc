/* Reading one column chunk: a window of its bytes, the page that stands in it, and as many rows of that page as a batch
 * wants.
 *
 *   chunk   [dictionary page] [data page] [data page] …
 *   window           |-- at ------------- size --|            fetched by the scan, grows to the largest page
 *   page                [levels][values]                      in the window, or decompressed beside it
 *   batch                  |rows|                             plain arrays, one struct df_vector
 *
 * The scan asks `advance` for rows; when bytes are missing it fetches them, for all columns at once, into the place
 * that `prepare` gives. Thread: that of the scan. */
#ifndef DF_FORMAT_PARQUET_COLUMN_H
#define DF_FORMAT_PARQUET_COLUMN_H

#include "format/parquet/file.h"
#include "format/parquet/index.h"
#include "format/parquet/levels.h"
#include "format/parquet/list.h"
#include "format/parquet/page.h"
#include "format/parquet/values.h"

struct df_parquet_reader {
    const struct df_parquet_file *file;
    const struct df_parquet_column *column;
    const struct df_parquet_leaf *leaf;
    const struct df_parquet_chunk *chunk;
    struct df_budget *budget;
    uint64_t *serial; /* the scan's count of dictionaries */

    /* The chunk. */
    int32_t codec;
    uint32_t row_group;
    uint32_t page_index;  /* of the page that is read or looked at, from 0; the dictionary counts */
    uint64_t values_left; /* in pages after the current one; nulls count */
    uint64_t chunk_end;   /* in the file */
    struct df_parquet_dictionary dictionary;

    /* Rows that are not wanted (seek.c). */
    uint64_t row_at;               /* the next row that decode gives or drops, in the row group */
    uint64_t rows_to_drop;         /* before rows are ready */
    struct df_parquet_index index; /* of the chunk, when rows are skipped; without pages: none */
    bool jump;                     /* to page jump_page of the index, when the dictionary was read */
    uint32_t jump_page;
    uint64_t fetch_end; /* reading ahead ends here in the file; 0: at the chunk's end */

    /* The window: bytes [at, size) of it are not read yet; behind them the file goes on at next_offset. */
    struct df_parquet_buffer window;
    size_t at, size;
    uint64_t next_offset;
    size_t want_bytes;   /* what must be in the window before advance can go on */
    size_t window_bytes; /* what the next fetch should bring if memory allows */

    /* The current data page. */
    uint32_t page_left; /* values with nulls: of a flat column as many rows */
    struct df_parquet_buffer unpacked;
    struct df_parquet_levels definitions, repetitions;
    struct df_parquet_values values;

    /* The batch of a flat column, or the rows of a list that are gathered. */
    struct df_parquet_buffer batch, batch_codes, batch_valid;
    struct df_parquet_list list;
};

/* 0 or exhausted; *reader is then disposed of. `file` and `serial` must outlive the reader. */
int df_parquet_reader_init(struct df_parquet_reader *reader, const struct df_parquet_file *file, uint32_t column,
                           struct df_budget *budget, uint64_t *serial, struct df_error *error);
void df_parquet_reader_dispose(struct df_parquet_reader *reader);

/* Turns to a row group's chunk. */
void df_parquet_reader_begin(struct df_parquet_reader *reader, uint32_t row_group, uint32_t column);

/* After begin: reads the offset index, if there is one, so that seek need not read all pages. */
int df_parquet_reader_load_index(struct df_parquet_reader *reader, uint32_t column,
                                 const struct df_parquet_reading *reading, struct df_error *error);
/* The next rows that are ready are [begin, end) of the row group; none before them will be asked for. */
void df_parquet_reader_seek(struct df_parquet_reader *reader, uint64_t begin, uint64_t end);

/* 1: rows are ready; 0: bytes must be fetched; -1: corrupt, unsupported or exhausted. */
int df_parquet_reader_advance(struct df_parquet_reader *reader, struct df_error *error);
uint32_t df_parquet_reader_rows_ready(const struct df_parquet_reader *reader);
/* After advance gave 0: what to read, and room for it. Vectors given out before are no longer valid. */
int df_parquet_reader_prepare(struct df_parquet_reader *reader, struct df_read_item *item, struct df_error *error);
/* The bytes of that item, in order; copied unless they are in their place. */
void df_parquet_reader_feed(struct df_parquet_reader *reader, struct df_slice piece);

/* The next `rows` rows, at most rows_ready and DF_PARQUET_BATCH_ROWS. */
int df_parquet_reader_decode(struct df_parquet_reader *reader, uint32_t rows, struct df_vector *vector,
                             struct df_error *error);
/* After the last row of a row group: 0, or corrupt when the chunk of a list has more of them. */
int df_parquet_reader_end(const struct df_parquet_reader *reader, struct df_error *error);

/* ---- between the sources of a reader ---- */

/* -1 and an error that names file, row group, column and page. */
int df_parquet_reader_fail(const struct df_parquet_reader *reader, struct df_error *error, enum df_error_kind kind,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));
int df_parquet_reader_problem(const struct df_parquet_reader *reader, struct df_error *error,
                              struct df_parquet_problem problem);
int df_parquet_reader_memory_refused(const struct df_parquet_reader *reader, struct df_error *error, size_t bytes);
/* body.c: what a page holds, to the dictionary, or to the levels and values of the current page. */
int df_parquet_reader_take_page(struct df_parquet_reader *reader, const struct df_parquet_page *page,
                                struct df_slice data, struct df_error *error);
/* rows.c and list.c: the rows of a flat column, and of a list; advance_page steps to the next data page. */
int df_parquet_reader_advance_page(struct df_parquet_reader *reader, struct df_error *error);
int df_parquet_reader_decode_flat(struct df_parquet_reader *reader, uint32_t rows, struct df_vector *vector,
                                  struct df_error *error);
int df_parquet_reader_advance_list(struct df_parquet_reader *reader, struct df_error *error);
void df_parquet_reader_decode_list(struct df_parquet_reader *reader, uint32_t rows, struct df_vector *vector);
/* After the last value of a page: nothing may be left over. */
int df_parquet_reader_end_page(struct df_parquet_reader *reader, struct df_error *error);
/* seek.c: whether a data page has the rows that the index says; true without one. */
bool df_parquet_reader_fits_index(const struct df_parquet_reader *reader, uint32_t value_count);
/* seek.c: turns to the page that seek chose. 1, 0 when the dictionary must be read before, or -1. */
int df_parquet_reader_jump(struct df_parquet_reader *reader, struct df_error *error);
/* Sets the array of a vector by its kind. */
void df_vector_set_values(struct df_vector *vector, const void *values);
/* Moves n packed elements to the rows that have one, from the last on, so that none is overwritten before it is moved.
 */
void df_vector_spread(enum df_vector_kind kind, void *values, const uint8_t *valid, size_t rows, size_t n);

#endif
