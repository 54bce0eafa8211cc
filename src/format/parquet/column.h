/* Reading one column chunk: a window of its bytes, the page that stands in it, and as many rows of that page as a batch
 * wants.
 *
 *   chunk   [dictionary page] [data page] [data page] …
 *   window           |-- at ------------- size --|            fetched by the scan, grows to the largest page
 *   page                [levels][values]                      in the window, or decompressed beside it
 *   batch                  |rows|                             plain arrays, one struct df_vector
 *
 * The scan asks `advance` for a page; when bytes are missing it fetches them, for all columns at once, into the place
 * that `prepare` gives. Thread: that of the scan. */
#ifndef DF_FORMAT_PARQUET_COLUMN_H
#define DF_FORMAT_PARQUET_COLUMN_H

#include "format/parquet/dictionary.h"
#include "format/parquet/file.h"
#include "format/parquet/page.h"
#include "format/parquet/rle.h"

enum df_parquet_values {
    DF_PARQUET_VALUES_BOOLS,
    DF_PARQUET_VALUES_INT32S,
    DF_PARQUET_VALUES_UINT32S,
    DF_PARQUET_VALUES_INT64S,
    DF_PARQUET_VALUES_DOUBLES,
    DF_PARQUET_VALUES_BYTES,
    DF_PARQUET_VALUES_CODES, /* of byte arrays, handed on as codes */
    DF_PARQUET_VALUES_CODED_INT64S,
    DF_PARQUET_VALUES_CODED_DOUBLES,
};

struct df_parquet_reader {
    const struct df_parquet_file *file;
    const struct df_parquet_column *column;
    struct df_budget *budget;
    uint64_t *serial; /* the scan's count of dictionaries */

    /* The chunk. */
    int32_t codec;
    uint32_t row_group;
    uint32_t page_index;  /* of the page that is read or looked at, from 0; the dictionary counts */
    uint64_t values_left; /* in pages after the current one */
    uint64_t chunk_end;   /* in the file */
    struct df_parquet_dictionary dictionary;

    /* The window: bytes [at, size) of it are not read yet; behind them the file goes on at next_offset. */
    struct df_parquet_buffer window;
    size_t at, size;
    uint64_t next_offset;
    size_t want_bytes;   /* what must be in the window before advance can go on */
    size_t window_bytes; /* what the next fetch should bring if memory allows */

    /* The current data page. */
    uint32_t page_left; /* rows */
    struct df_parquet_buffer unpacked;
    struct df_rle levels;
    enum df_parquet_values values;
    const uint8_t *value_at, *value_end; /* of PLAIN */
    size_t value_bit;                    /* of PLAIN booleans */
    struct df_rle codes;

    /* The batch. */
    struct df_parquet_buffer batch, batch_codes, batch_valid;
};

/* 0 or exhausted; *reader is then disposed of. `file` and `serial` must outlive the reader. */
int df_parquet_reader_init(struct df_parquet_reader *reader, const struct df_parquet_file *file, uint32_t column,
                           struct df_budget *budget, uint64_t *serial, struct df_error *error);
void df_parquet_reader_dispose(struct df_parquet_reader *reader);

/* Turns to a row group's chunk. */
void df_parquet_reader_begin(struct df_parquet_reader *reader, uint32_t row_group, uint32_t column);

/* 1: page_left > 0 rows are ready; 0: bytes must be fetched; -1: corrupt, unsupported or exhausted. */
int df_parquet_reader_advance(struct df_parquet_reader *reader, struct df_error *error);
/* After advance gave 0: what to read, and room for it. Vectors given out before are no longer valid. */
int df_parquet_reader_prepare(struct df_parquet_reader *reader, struct df_read_item *item, struct df_error *error);
/* The bytes of that item, in order. */
void df_parquet_reader_feed(struct df_parquet_reader *reader, struct df_slice piece);

/* The next `rows` rows, at most page_left and DF_PARQUET_BATCH_ROWS. */
int df_parquet_reader_decode(struct df_parquet_reader *reader, uint32_t rows, struct df_vector *vector,
                             struct df_error *error);

#endif
