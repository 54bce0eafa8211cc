/* What a footer says of the values in a column chunk, and which of it can be trusted. */
#ifndef DF_FORMAT_PARQUET_STATISTICS_H
#define DF_FORMAT_PARQUET_STATISTICS_H

#include "format/parquet/logical.h"

struct df_parquet_statistics {
    struct df_slice minimum, maximum;         /* in the order of the type */
    struct df_slice old_minimum, old_maximum; /* compared as signed numbers, whatever they are */
    bool has_new, has_old, has_null_count;
    int64_t null_count;
};

void df_parquet_take_statistics(struct df_thrift_reader *reader, const struct df_thrift_field *parent,
                                struct df_parquet_statistics *statistics);

/* Whether the type's own order is that of signed numbers of its physical type, as old statistics were made. */
bool df_parquet_ordered_signed(const struct df_parquet_leaf *leaf, const struct df_parquet_column *column);

/* Bytes in the bounds are those of the statistics, not copies. value_count counts nulls, too. */
struct df_parquet_bounds df_parquet_bounds_of(const struct df_parquet_statistics *statistics,
                                              const struct df_parquet_column *column,
                                              const struct df_parquet_leaf *leaf, uint64_t value_count);

#endif
