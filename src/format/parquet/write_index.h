/* What is remembered of the pages of a chunk while it is written, for its column index and its offset index. */
#ifndef DF_FORMAT_PARQUET_WRITE_INDEX_H
#define DF_FORMAT_PARQUET_WRITE_INDEX_H

#include "format/parquet/thrift.h"
#include "format/parquet/write_value.h"

struct df_write_page {
    uint64_t position; /* among the data pages of the chunk */
    uint64_t size_bytes, first_row, null_count;
    bool nulls_only;
    size_t minimum_bytes, maximum_bytes; /* in `bounds`, one behind the other, in
                                            the order of the pages */
};

struct df_write_index {
    struct df_buf pages;  /* struct df_write_page each */
    struct df_buf bounds; /* PLAIN, without lengths, long ones cut */
    bool bounds_missing;  /* a page has values, but no bounds: there can be no
                             column index */
    bool cut;             /* bounds that are cut are in no order that could be told */
    bool falls, rises;    /* a page's bounds are below, or above, those of the one
                             before it */
};

/* After a page was made; `before` are the bounds of the last page that had any.
 *  */
void df_write_index_note(struct df_write_index *index, const struct df_write_page *page,
                         const struct df_parquet_write_column *column, const struct df_write_type *written,
                         const struct df_write_statistics *statistics, const struct df_write_statistics *before);
bool df_write_index_failed(const struct df_write_index *index);
void df_write_index_dispose(struct df_write_index *index);

/* Whether there are bounds of all pages. */
bool df_write_index_has_bounds(const struct df_write_index *index);
/* Append the structs ColumnIndex and OffsetIndex; data_offset is where the first data page lies in the file. */
void df_write_index_put_columns(const struct df_write_index *index, struct df_buf *out);
void df_write_index_put_offsets(const struct df_write_index *index, uint64_t data_offset, struct df_buf *out);

#endif
