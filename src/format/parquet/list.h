/* Rows of a list column while they are put together from levels.
 *
 *   rows      row_at ...... row_count | open row        complete ones not handed out yet; the one that may go on
 *   offsets   where each row's elements begin
 *   elements  values or codes, and which of them are null
 *
 * A row ends where the next begins, so the last one stays open until the next page is looked at; what its byte arrays
 * point into is then gone, and they are carried over. */
#ifndef DF_FORMAT_PARQUET_LIST_H
#define DF_FORMAT_PARQUET_LIST_H

#include "format/parquet/logical.h"
#include "format/parquet/memory.h"

struct df_parquet_list {
    uint32_t row_at, row_count; /* complete rows [row_at, row_count) wait */
    bool open;                  /* row number row_count has begun */
    bool coded;                 /* elements are codes */
    uint32_t element_count;
    uint32_t null_count; /* of elements */
    uint32_t carried;    /* so many elements point into carried_bytes, if they are byte arrays */
    struct df_parquet_memory carried_bytes;
    struct df_parquet_buffer offsets, valid;                 /* uint32_t, uint8_t per row */
    struct df_parquet_buffer elements, codes, element_valid; /* per element */
    struct df_parquet_buffer levels;                         /* of some values: definitions, then repetitions */
    struct df_vector elements_vector;                        /* what the vector that was given out points at */
};

#endif
