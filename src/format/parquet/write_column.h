/* Writing one column: values become pages, pages become the chunk of a row group.
 *
 * Where a page ends depends on the values before it only, never on how they were handed over. */
#ifndef DF_FORMAT_PARQUET_WRITE_COLUMN_H
#define DF_FORMAT_PARQUET_WRITE_COLUMN_H

#include "format/parquet/names.h"
#include "format/parquet/write_dictionary.h"
#include "format/parquet/write_index.h"
#include "format/parquet/write_value.h"

struct df_write_column {
    struct df_parquet_write_column options; /* name is owned */
    struct df_write_type written;
    struct df_parquet_write_more more;
    enum df_parquet_codec codec;
    uint32_t page_bytes;
    bool pages_v2;

    /* The page that is being filled. */
    uint32_t page_rows;
    struct df_buf levels; /* uint32_t per row: 1 a value, 0 null; of optional columns */
    struct df_buf codes;  /* uint32_t per value, while dictionary_on */
    struct df_buf plain;  /* PLAIN bytes otherwise; of booleans one byte each */

    /* The chunk. */
    bool dictionary_on;
    struct df_write_dictionary dictionary;
    struct df_buf pages; /* finished data pages with their headers */
    uint32_t dictionary_page_count, plain_page_count;
    uint64_t rows;
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

/* Ends the chunk: its bytes go to the sink, what is to be remembered to *chunk (offset is the caller's). */
int df_write_column_finish(struct df_write_column *column, df_parquet_sink_fn *sink, void *ctx,
                           struct df_write_chunk *chunk, struct df_error *error);
void df_write_chunk_dispose(struct df_write_chunk *chunk);

#endif
