/* The header that stands before each page of a column chunk. */
#ifndef DF_FORMAT_PARQUET_PAGE_H
#define DF_FORMAT_PARQUET_PAGE_H

#include "base/slice.h"

struct df_parquet_page {
    int32_t type; /* enum df_parquet_page_type, or one that we do not know */
    uint32_t header_bytes;
    uint32_t uncompressed_bytes, compressed_bytes; /* of what follows the header */
    bool has_crc;
    uint32_t crc;         /* of the compressed bytes */
    uint32_t value_count; /* with nulls; of a dictionary: entries */
    int32_t encoding;
    int32_t definition_encoding, repetition_encoding; /* of levels, in a data page of version 1 */
    /* Of version 2 only: its levels lie uncompressed before the values, repetition first. */
    uint32_t definition_bytes, repetition_bytes;
    bool values_compressed;
};

/* Statistics of long strings make headers long, but a header longer than this is no header. */
enum { DF_PARQUET_PAGE_HEADER_MAX = 16 * 1024 * 1024 };

/* 1: *page is filled; 0: the header goes on beyond `bytes`; -1: it is broken, *problem says how. */
int df_parquet_page_peek(struct df_slice bytes, struct df_parquet_page *page, const char **problem);

#endif
