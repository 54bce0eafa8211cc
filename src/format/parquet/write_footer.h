/* The footer of a file that is being written. */
#ifndef DF_FORMAT_PARQUET_WRITE_FOOTER_H
#define DF_FORMAT_PARQUET_WRITE_FOOTER_H

#include "format/parquet/write_column.h"

struct df_write_footer {
    const struct df_write_column *columns;
    uint32_t column_count;
    const struct df_write_chunk *chunks; /* column_count per row group */
    const uint64_t *row_counts;          /* per row group */
    uint32_t row_group_count;
    const struct df_parquet_key_value *metadata;
    uint32_t metadata_count;
    const struct df_parquet_sorting_column *sorting;
    uint32_t sorting_count;
};

/* Appends FileMetaData, its length and "PAR1"; a failure sticks in `out`. */
void df_write_footer_put(const struct df_write_footer *footer, struct df_buf *out);

#endif
