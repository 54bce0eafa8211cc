/* How columns of each type are written: physical type, levels, and what the schema says of it. */
#ifndef DF_FORMAT_PARQUET_WRITE_TYPE_H
#define DF_FORMAT_PARQUET_WRITE_TYPE_H

#include "format/parquet/parquet.h"
#include "format/parquet/thrift.h"

struct df_write_type {
    enum df_parquet_physical physical;
    uint32_t width_bytes;    /* of FIXED_LEN_BYTE_ARRAY */
    int64_t least, greatest; /* of integers, dates and times, after `factor` */
    int64_t factor;          /* seconds are written as milliseconds: 1000; else 1 */
    enum df_time_unit unit;
    bool list, optional;        /* of the column: a row may be null */
    bool element_optional;      /* of a list */
    bool is_unsigned, is_local; /* integers of up to 32 bits; times that are not in UTC */
    uint8_t definition_max;     /* a value */
    uint8_t element_definition; /* of a list: an element from here on; one below is the empty list */
};

/* `more` may be NULL. False for a type that makes no sense. */
bool df_write_type_of(const struct df_parquet_write_column *column, const struct df_parquet_write_more *more,
                      struct df_write_type *written);
/* Elements of the schema that the column has: 1, or 3 of a list. */
uint32_t df_write_type_node_count(const struct df_write_type *written);
/* As elements of the list that is being written. */
void df_write_type_put(struct df_thrift_writer *writer, const struct df_parquet_write_column *column,
                       const struct df_write_type *written);
/* Names from the root to the values, as field `id`. */
void df_write_type_put_path(struct df_thrift_writer *writer, int32_t id, const struct df_parquet_write_column *column);

#endif
