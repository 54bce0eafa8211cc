/* Reads all of a file and holds what it says of itself against what is there: checksums and counts of pages, levels and
 * encodings, nulls and bounds of row groups and pages, offset indexes, bloom filters. */
#ifndef DF_FORMAT_PARQUET_VERIFY_H
#define DF_FORMAT_PARQUET_VERIFY_H

#include "format/parquet/index.h"

struct df_parquet_finding {
    uint32_t row_group, column;
    int64_t page;     /* data page from 0; -1: of the whole chunk, or the text says which */
    bool unread;      /* not damaged: a feature that is not read, so that nothing can be said */
    const char *text; /* a sentence that names file, row group, column and page */
};
typedef void df_parquet_finding_fn(void *ctx, const struct df_parquet_finding *finding);

struct df_parquet_verified {
    uint64_t chunks, rows, values, nulls; /* that were read; rows of all columns */
    uint64_t pages, checksums;            /* pages, and those with a checksum */
    uint64_t damaged, unread;             /* findings */
};

/* 0 when the file was gone through, whatever was found; -1 when that was not possible (exhausted, cancelled, the
 * store).
 */
int df_parquet_verify(struct df_parquet_file *file, const struct df_parquet_reading *reading,
                      df_parquet_finding_fn *finding, void *ctx, struct df_parquet_verified *verified,
                      struct df_error *error);

#endif
