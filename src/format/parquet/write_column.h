/* Writing one column: values become pages, pages become the chunk of a row group.
 *
 *   rows    write_rows.c    entries of the page (levels) and their values, as codes or PLAIN
 *           write_batch.c   the same for many rows that cannot fill the page
 *   pages   write_cut.c     a page that is full is made and noted in the index
 *   chunk   write_column.c  dictionary, pages, bounds, filter
 *
 * Where a page ends depends on the values before it only, never on how they were handed over; it is always the end of a
 * row. */
#ifndef DF_FORMAT_PARQUET_WRITE_COLUMN_H
#define DF_FORMAT_PARQUET_WRITE_COLUMN_H

#include "format/parquet/names.h"
#include "format/parquet/write_dictionary.h"
#include "format/parquet/write_index.h"
#include "format/parquet/write_page.h"
#include "format/parquet/write_value.h"

enum { DF_WRITE_PAGE_ENTRIES_MAX = 1 << 28 }; /* sizes of pages are 31 bits in their headers */

struct df_write_column {
    struct df_parquet_write_column options; /* name is owned */
    struct df_write_type written;
    struct df_parquet_write_more more;
    enum df_parquet_codec codec;
    uint32_t page_bytes;
    bool pages_v2;

    /* The page that is being filled. */
    uint32_t page_rows, page_entries; /* an entry: a value, a null, an empty list */
    struct df_buf definitions;        /* uint32_t per entry, where there can be nulls or lists */
    struct df_buf repetitions;        /* the same, of lists: 1 where a row goes on */
    struct df_buf codes;              /* uint32_t per value, while dictionary_on */
    struct df_buf noted;              /* per code: 1 if the page has it, and its bounds know that */
    struct df_buf memo;               /* codes by those of a vector (write_batch.c) */
    struct df_buf plain;              /* PLAIN bytes otherwise; of booleans one byte each */

    /* The chunk. */
    bool dictionary_on;
    struct df_write_dictionary dictionary;
    struct df_buf pages; /* finished data pages with their headers */
    uint32_t dictionary_page_count, plain_page_count;
    uint64_t rows, entries;
    uint64_t uncompressed_bytes;           /* of pages, with headers */
    struct df_write_statistics statistics; /* of finished pages */
    struct df_write_statistics of_page;    /* of the page that is being filled */
    struct df_write_statistics last;       /* of the last page that had values */
    struct df_write_index index;
    struct df_buf hashes;       /* uint64_t per value, of the bloom filter */
    struct df_buf body, packed; /* of the page that is being made */
};

/* Where something that belongs to a chunk lies; of 0 bytes: nowhere. */
struct df_write_place {
    uint64_t offset, size_bytes;
};

/* What the footer says about a chunk that was written. */
struct df_write_chunk {
    uint64_t offset;           /* of its first page */
    uint64_t dictionary_bytes; /* of the dictionary page with its header, 0: none */
    uint64_t size_bytes, uncompressed_bytes, value_count;
    uint32_t dictionary_page_count, plain_page_count;
    enum df_parquet_encoding plain_encoding; /* of pages without codes */
    bool pages_v2;
    struct df_write_index index; /* of its pages; owned */
    struct df_buf bloom;         /* the filter, until it is written; owned */
    struct df_write_place column_index, offset_index, bloom_filter;
    uint64_t null_count, nan_count;
    bool bounds_known;
    struct df_slice minimum, maximum; /* PLAIN, without length; owned, one allocation */
};

/* Column i of the options. */
int df_write_column_init(struct df_write_column *column, const struct df_parquet_write_options *options, uint32_t i,
                         uint32_t page_bytes, struct df_error *error);
void df_write_column_dispose(struct df_write_column *column);

/* Rows [begin, end) of the vector. Fails with invalid when they are not what the column holds. */
int df_write_column_put(struct df_write_column *column, const struct df_vector *vector, uint32_t begin, uint32_t end,
                        struct df_error *error);

/* Rows from `begin` on of which the page will certainly not be full, as many as can be had at once; 0: none, because
 * they must be looked at one by one. */
uint32_t df_write_column_put_batch(struct df_write_column *column, const struct df_vector *vector, uint32_t begin,
                                   uint32_t end);
/* What the page will have, before compression: a guess for codes and levels, which runs make shorter. */
uint64_t df_write_column_page_bytes(const struct df_write_column *column);
/* Whether the page did not have this code yet; now it has. */
bool df_write_column_first_of_page(struct df_write_column *column, uint32_t code);

/* Makes a page of what is there, if anything is. */
int df_write_column_cut(struct df_write_column *column, struct df_error *error);
/* Appends a page of any kind to `out`. */
int df_write_column_put_page(struct df_write_column *column, const struct df_write_page_body *body, struct df_buf *out,
                             struct df_error *error);
/* Bits that a code has now. */
uint32_t df_write_column_code_width(const struct df_write_column *column);
enum df_parquet_encoding df_write_column_plain_encoding(const struct df_write_column *column);
int df_write_column_no_memory(const struct df_write_column *column, struct df_error *error);

/* Ends the chunk: its bytes go to the sink, what is to be remembered to *chunk (offset is the caller's). */
int df_write_column_finish(struct df_write_column *column, df_parquet_sink_fn *sink, void *ctx,
                           struct df_write_chunk *chunk, struct df_error *error);
void df_write_chunk_dispose(struct df_write_chunk *chunk);

#endif
