/* How columns of each type are written: physical type, and what the schema says of it. */
#ifndef DF_FORMAT_PARQUET_WRITE_TYPE_H
#define DF_FORMAT_PARQUET_WRITE_TYPE_H

#include "format/parquet/parquet.h"
#include "format/parquet/thrift.h"

struct df_write_type {
    enum df_parquet_physical physical;
    uint32_t width_bytes; /* of FIXED_LEN_BYTE_ARRAY */
    int64_t factor;       /* seconds are written as milliseconds: 1000; else 1 */
    enum df_time_unit unit;
};

/* False for a list, or a type that makes no sense. */
bool df_write_type_of(const struct df_type *type, struct df_write_type *written);
/* All fields of the column's SchemaElement. */
void df_write_type_put(struct df_thrift_writer *writer, const struct df_parquet_write_column *column);

#endif
