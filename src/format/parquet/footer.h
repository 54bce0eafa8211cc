/* The footer (FileMetaData of parquet.thrift) as structs: columns, row groups, and where each column chunk lies.
 *
 * Decoding checks all that can be checked without reading data: the schema is a tree, every chunk lies between the
 * file's first bytes and the footer, rows add up. Owns its memory. Thread: read-only after decoding, any thread. */
#ifndef DF_FORMAT_PARQUET_FOOTER_H
#define DF_FORMAT_PARQUET_FOOTER_H

#include "format/parquet/logical.h"
#include "format/parquet/memory.h"

/* Where something lies in the file; offset 0: nowhere. */
struct df_parquet_place {
    int64_t offset, size_bytes; /* size 0: it is not told */
};

struct df_parquet_chunk {
    uint64_t offset;      /* of its first page, in the file */
    uint64_t size_bytes;  /* of all its pages with their headers */
    uint64_t value_count; /* with nulls */
    int32_t codec;
    const char *unsupported; /* NULL, or the feature that stands in the way of reading it */
    /* For describe.h only, and the places for index.h. */
    uint64_t unpacked_bytes;
    uint32_t encodings; /* bit n: encoding n */
    bool dictionary;
    bool only_codes; /* for index.h */
    uint64_t dictionary_bytes;
    /* As the footer says it: nothing of this is checked before it is used (index.c). */
    struct df_parquet_place column_index, offset_index, bloom_filter;
    struct df_parquet_bounds bounds;
};

struct df_parquet_row_group {
    uint64_t row_count;
    struct df_parquet_chunk *chunks; /* one per column */
};

struct df_parquet_footer {
    struct df_parquet_memory memory;
    uint64_t row_count;
    struct df_parquet_column *columns;
    struct df_parquet_leaf *leaves; /* one per column */
    uint32_t column_count;
    struct df_parquet_row_group *row_groups;
    uint32_t row_group_count;
    struct df_parquet_key_value *metadata;
    uint32_t metadata_count;
};

struct df_parquet_footer_bytes {
    struct df_slice thrift;
    uint64_t data_end; /* where the footer begins: chunks end before it */
    const char *uri;   /* for messages */
    struct df_budget *budget;
};

/* Fails with corrupt or exhausted; *footer is then empty. */
int df_parquet_footer_decode(struct df_parquet_footer *footer, const struct df_parquet_footer_bytes *bytes,
                             struct df_error *error);
void df_parquet_footer_dispose(struct df_parquet_footer *footer);

#endif
