/* One page as it goes into the file: header, levels, values; compressed. */
#ifndef DF_FORMAT_PARQUET_WRITE_PAGE_H
#define DF_FORMAT_PARQUET_WRITE_PAGE_H

#include "format/parquet/names.h"
#include "format/parquet/parquet.h"

struct df_write_page_body {
    enum df_parquet_page_type type;
    enum df_parquet_encoding encoding;
    uint32_t row_count, value_count, null_count; /* values with nulls; null is whatever is no value */
    uint32_t repetition_bytes;                   /* of `levels`; those of definitions follow */
    struct df_slice levels;                      /* of a data page of version 2: they stay as they are */
    struct df_slice rest;                        /* compressed */
};

/* Appends the page to `out` by way of `packed`, whose content is lost. Failures stick in both. False when it is too
 * large for its header. *uncompressed_bytes: with the header. */
bool df_write_page_put(const struct df_write_page_body *body, enum df_parquet_codec codec, struct df_buf *packed,
                       struct df_buf *out, uint64_t *uncompressed_bytes);

#endif
