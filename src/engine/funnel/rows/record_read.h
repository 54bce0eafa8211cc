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

/* ---- record_plain.c: blocks of layout 1, decoded one behind the other ---- */

struct df_funnel_plain {
    uint32_t root_count, roots[DF_FUNNEL_RECORD_ROOTS]; /* of the bits */
    uint8_t bits;                                       /* those that a mask may have, without that of the time */
    bool serves;                                        /* the request may have such blocks */
    uint32_t rows;                                      /* decoded so far */
    bool untimed;                                       /* some of them have no time */
    int64_t *users, *times;                             /* owned, DF_FUNNEL_ROWS_MAX each; NULL: not needed yet */
    uint8_t *masks, *timed;
    uint32_t *picked;
};

void df_funnel_plain_init(struct df_funnel_plain *plain, const struct df_funnel_request *request);
void df_funnel_plain_dispose(struct df_funnel_plain *plain);
void df_funnel_plain_clear(struct df_funnel_plain *plain);
/* Whether so many more rows should go behind those that are there. */
bool df_funnel_plain_has_room(const struct df_funnel_plain *plain, uint32_t rows);
/* Decodes a body behind the byte that says its layout. */
int df_funnel_plain_take(struct df_funnel_plain *plain, struct df_slice body, uint32_t rows, bool users, bool times,
                         struct df_error *error);
/* Times, and which are there, as a batch has them. */
void df_funnel_plain_give_times(const struct df_funnel_plain *plain, struct df_funnel_batch *batch);
uint32_t df_funnel_plain_match(struct df_funnel_plain *plain, uint32_t root);
void df_funnel_plain_masks(const struct df_funnel_plain *plain, const uint32_t *roots, uint32_t count, uint8_t *masks);

/* ---- record_column.c ---- */

/* n packed integers. */
int df_funnel_packed_take(struct df_cursor *cursor, size_t n, int64_t *out, struct df_error *error);

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
