/* What a file says of the pages of a chunk without their being read: offset index, column index, bloom filter. Read
 * when they are asked for, and checked against chunk and row group.
 *
 *   OffsetIndex   per data page: offset, bytes with header, first row
 *   ColumnIndex   per data page: only nulls?, minimum, maximum, nulls
 *
 * An index that does not add up is corrupt; callers who only want to skip may go on without. */
#ifndef DF_FORMAT_PARQUET_INDEX_H
#define DF_FORMAT_PARQUET_INDEX_H

#include "format/parquet/memory.h"
#include "format/parquet/parquet.h"

struct df_parquet_reading {
    struct df_budget *budget; /* NULL: no account */
    struct df_deadline deadline;
    const atomic_bool *cancelled;
    uint64_t bloom_bytes_max; /* a longer bloom filter is as good as none; 0: any */
};

/* What the footer says of a chunk's indexes: whether a look at them is worth its price. Nothing of it is checked. */
struct df_parquet_index_sizes {
    uint64_t offset_bytes, column_bytes; /* 0: it has none */
    bool has_bloom;
    bool only_codes;           /* all of its data pages hold codes into its dictionary */
    uint64_t dictionary_bytes; /* as it stands in the file; 0: it has none */
};
struct df_parquet_index_sizes df_parquet_index_sizes(const struct df_parquet_file *file, uint32_t row_group,
                                                     uint32_t column);

struct df_parquet_index_page {
    uint64_t offset; /* of its header, in the file */
    uint32_t size_bytes;
    uint64_t first_row, row_count; /* in its row group */
    bool nulls_only;
    struct df_parquet_bounds bounds; /* not known without a column index, or when they cannot be trusted */
};

/* The data pages of a chunk in order; they hold all rows of the row group. */
struct df_parquet_index {
    struct df_parquet_memory memory;
    struct df_parquet_index_page *pages;
    uint32_t page_count;
    bool has_bounds; /* there is a column index */
    uint64_t bytes_read;
};

/* 1: *index is filled, dispose of it; 0: the chunk has no offset index; -1 and corrupt, exhausted or what the store
 * says. The bounds' bytes live as long as the index. */
int df_parquet_index_read(struct df_parquet_index *index, const struct df_parquet_file *file, uint32_t row_group,
                          uint32_t column, const struct df_parquet_reading *reading, struct df_error *error);
/* The same without the column index: bounds are not known. */
int df_parquet_index_read_offsets(struct df_parquet_index *index, const struct df_parquet_file *file,
                                  uint32_t row_group, uint32_t column, const struct df_parquet_reading *reading,
                                  struct df_error *error);
void df_parquet_index_dispose(struct df_parquet_index *index);

/* A bloom filter in memory. {0} is one that knows nothing: every value may be there. */
struct df_parquet_bloom {
    struct df_parquet_memory memory;
    const uint8_t *blocks;
    size_t block_count;
    const struct df_parquet_file *file;
    uint32_t column;
    uint64_t bytes_read;
};

/* 1: *bloom is filled, dispose of it; 0: there is none, or none of a kind that is known; -1. */
int df_parquet_bloom_read(struct df_parquet_bloom *bloom, const struct df_parquet_file *file, uint32_t row_group,
                          uint32_t column, const struct df_parquet_reading *reading, struct df_error *error);
/* False only when the value, of the kind that the column's vectors (of a list: its elements) have, is surely not in
 * the chunk. */
bool df_parquet_bloom_may_have(const struct df_parquet_bloom *bloom, const struct df_parquet_value *value);
void df_parquet_bloom_dispose(struct df_parquet_bloom *bloom);

/* All in one: 1 when one of the values may be in the chunk, 0 when surely none is, -1. Without a filter 1. */
int df_parquet_bloom_may_contain(const struct df_parquet_file *file, uint32_t row_group, uint32_t column,
                                 const struct df_parquet_value *values, size_t value_count,
                                 const struct df_parquet_reading *reading, struct df_error *error);

#endif
