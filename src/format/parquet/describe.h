/* What a file is made of, for people who look into it: column chunks and pages. Scans need none of it. */
#ifndef DF_FORMAT_PARQUET_DESCRIBE_H
#define DF_FORMAT_PARQUET_DESCRIBE_H

#include "format/parquet/parquet.h"

struct df_parquet_chunk_description {
    uint64_t offset;         /* of its first page */
    uint64_t size_bytes;     /* of all its pages, with their headers */
    uint64_t unpacked_bytes; /* the same before compression, as the writer says */
    uint64_t value_count;    /* with nulls */
    const char *codec;       /* "SNAPPY" */
    uint32_t encodings;      /* bit n: encoding n of parquet.thrift, as the writer says; those of levels too */
    bool dictionary, column_index, offset_index, bloom_filter;
    const char *unsupported; /* NULL, or the feature that stands in the way of reading it */
};
struct df_parquet_chunk_description df_parquet_describe_chunk(const struct df_parquet_file *file, uint32_t row_group,
                                                              uint32_t column);

struct df_parquet_page_description {
    uint32_t index;   /* within its chunk */
    uint64_t offset;  /* of its header, in the file */
    const char *type; /* "DATA_PAGE" */
    uint32_t header_bytes, size_bytes, unpacked_bytes;
    uint32_t value_count; /* with nulls; of a dictionary: entries */
    const char *encoding;
    bool has_crc;
};
/* 0: go on; anything else ends the walk and is what it returns. */
typedef int df_parquet_page_fn(void *ctx, const struct df_parquet_page_description *page, struct df_error *error);

/* The pages of a chunk, in the order of the file: reads headers only. Fails with corrupt. */
int df_parquet_describe_pages(struct df_parquet_file *file, uint32_t row_group, uint32_t column,
                              struct df_deadline deadline, df_parquet_page_fn *page, void *ctx, struct df_error *error);

const char *df_parquet_encoding_text(int32_t encoding); /* "RLE_DICTIONARY"; "encoding 42" is "unknown" */
const char *df_parquet_physical_text(enum df_parquet_physical physical); /* "INT64" */

#endif
