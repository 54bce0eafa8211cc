/* Rows on their way from a file to the part that has their section, each a record of its own, so that a section can be
 * sorted without taking columns apart:
 *
 *     | u32: bytes that follow | nulls: a bit per column, 1 is a value, the first in the lowest bit | value … |
 *
 * Columns stand in the order user, time, the others; values are there where they are not null:
 *
 *     user, time            integers: 8 bytes; otherwise as below
 *     BOOL                  1 byte
 *     integers, times       varint, zigzag
 *     FLOAT                 4 bytes up to 32 bits, else 8
 *     DECIMAL of 128 bits   16 bytes
 *     STRING, BINARY, UUID  varint: bytes, bytes
 *     list                  varint: elements | a bit per element | value of each that is not null, as above
 *
 * All numbers are little endian. What is read may come from another process: it is checked. */
#ifndef DF_ENGINE_FUNNEL_REPARTITION_ROW_H
#define DF_ENGINE_FUNNEL_REPARTITION_ROW_H

#include "engine/funnel/repartition/request.h"

/* Which column stands where in a record. */
struct df_repartition_layout {
    const struct df_repartition_request *request;
    uint32_t *order; /* column_count: indexes of columns */
    size_t null_bytes;
};
int df_repartition_layout_make(struct df_repartition_layout *layout, const struct df_repartition_request *request,
                               struct df_arena *arena, struct df_error *error);

/* ---- writing ---- */

/* Where the values of a column come from in one batch of a file. */
struct df_repartition_origin {
    const struct df_vector *vector; /* NULL: the same value in every row */
    bool null;                      /* always null; of a list its elements, if it has a vector */
    int64_t number;                 /* of an integer column */
    struct df_slice text;
};
/* Appends the record of a row; origins per column of the request. More than 2^32 bytes make the buffer fail. */
void df_repartition_record_put(const struct df_repartition_layout *layout, const struct df_repartition_origin *origins,
                               uint32_t row, struct df_buf *out);

/* ---- reading ---- */

/* The first record of `bytes`: 1 and what follows its length, 0 at the end, -1 (corrupt). *size: with the length. */
int df_repartition_record_take(struct df_slice bytes, struct df_slice *record, size_t *size, struct df_error *error);

/* By what rows are sorted, as numbers that order as the values do. */
struct df_repartition_key {
    bool user_null, time_null;
    uint64_t user; /* of bytes the first eight */
    uint64_t time;
    struct df_slice user_bytes; /* of bytes; in the record */
};
int df_repartition_record_key(const struct df_repartition_layout *layout, struct df_slice record,
                              struct df_repartition_key *key, struct df_error *error);

/* One value after the other. */
struct df_repartition_value {
    bool null;
    uint8_t boolean;
    int64_t int64;
    double float64;
    __int128 int128;
    struct df_slice bytes;
    uint32_t elements; /* of a list: how many; each is taken with df_repartition_element_take */
    struct df_slice element_bits;
};
struct df_repartition_values {
    const struct df_repartition_layout *layout;
    struct df_cursor cursor;
    const uint8_t *nulls;
    uint32_t next; /* position in the order */
};
/* False: damaged. */
bool df_repartition_values_begin(const struct df_repartition_layout *layout, struct df_slice record,
                                 struct df_repartition_values *values);
/* The value of column layout->order[values->next]; all elements of a list are taken before the next one. */
bool df_repartition_value_take(struct df_repartition_values *values, struct df_repartition_value *value);
bool df_repartition_element_take(struct df_repartition_values *values, const struct df_type *type,
                                 const struct df_repartition_value *list, uint32_t element,
                                 struct df_repartition_value *value);

int df_repartition_record_damaged(struct df_error *error);

#endif
