/* What record_read.c and record_types.c and record_column.c share. */
#ifndef DF_ENGINE_FUNNEL_ROWS_RECORD_READ_H
#define DF_ENGINE_FUNNEL_ROWS_RECORD_READ_H

#include "engine/funnel/rows/record.h"

/* "a section of the exchange cannot be read: <what>" */
int df_funnel_record_corrupt(struct df_error *error, const char *what);

/* ---- record_types.c ---- */

/* Reads a head; types has room for column_count types. */
int df_funnel_record_take_head(struct df_slice bytes, uint32_t column_count, struct df_funnel_record_head *head,
                               struct df_type *types, struct df_error *error);
/* Adds what a head says to what is known. */
int df_funnel_record_merge(struct df_funnel_record_head *known, struct df_type *known_types,
                           const struct df_funnel_record_head *head, const struct df_funnel_request *request,
                           struct df_error *error);

/* ---- record_column.c ---- */

/* A decoded column and its memory; {0} is empty. */
struct df_funnel_decoded {
    struct df_vector vector;
    uint8_t *valid;
    size_t valid_capacity; /* these in bytes */
    void *values;          /* elements of the vector's kind */
    size_t value_capacity;
    uint32_t *offsets; /* of a list */
    size_t offset_capacity;
    int64_t *lengths; /* of bytes and lists, while they are decoded */
    size_t length_capacity;
    struct df_funnel_decoded *elements; /* of a list, owned */
};
/* type: what the column's vectors are; no_values: the block says that it is always null. The part must be used up. */
int df_funnel_decoded_take(struct df_funnel_decoded *decoded, struct df_slice part, const struct df_type *type,
                           bool no_values, uint32_t rows, struct df_error *error);
void df_funnel_decoded_dispose(struct df_funnel_decoded *decoded);

#endif
