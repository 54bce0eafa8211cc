/* Some rows of one column, decoded: plain arrays that a format fills and an engine reads. What the values mean says
 * format/type.h.
 *
 * Owned by whoever made it (a scan); valid until that scan's next step. Values at null rows are unspecified but
 * readable (bytes: the empty slice; codes: 0 when the dictionary has an entry). */
#ifndef DF_FORMAT_VECTOR_H
#define DF_FORMAT_VECTOR_H

#include "format/type.h"

enum df_vector_kind {
    DF_VECTOR_BOOL,  /* bools: 0 or 1 */
    DF_VECTOR_INT64, /* int64s: every integer width, times and dates, widened */
    DF_VECTOR_FLOAT64,
    DF_VECTOR_BYTES,  /* bytes: strings and binary */
    DF_VECTOR_CODES,  /* codes into `dictionary`, each checked to be below its count */
    DF_VECTOR_INT128, /* int128s: decimals of more than 18 digits */
    DF_VECTOR_LIST,   /* list: row i has the elements [offsets[i], offsets[i + 1]) */
};

/* The distinct values behind codes. `serial` is unique within a scan, so that work done once per dictionary entry can
 * be kept until the serial changes. Entries are not necessarily distinct: a hostile file may repeat them. */
struct df_dictionary {
    uint64_t serial;
    uint32_t count;
    enum df_vector_kind kind; /* INT64, FLOAT64 or BYTES */
    union {
        const int64_t *int64s;
        const double *float64s;
        const struct df_slice *bytes;
    } values;
};

struct df_vector;

/* Offsets do not fall, and offsets[row_count] == elements->row_count. A null list and an empty one have no elements;
 * `valid` of the list's vector tells them apart. */
struct df_vector_list {
    const uint32_t *offsets;          /* row_count + 1 */
    const struct df_vector *elements; /* of any kind but LIST; with `valid` of its own */
};

struct df_vector {
    enum df_vector_kind kind;
    uint32_t row_count;
    const uint8_t *valid; /* one byte per row, 1: a value, 0: null; NULL: no nulls */
    union {
        const uint8_t *bools;
        const int64_t *int64s;
        const double *float64s;
        const struct df_slice *bytes;
        const uint32_t *codes;
        const __int128 *int128s;
        struct df_vector_list list;
    } values;
    const struct df_dictionary *dictionary; /* of CODES */
};

/* What vectors of a column of this type hold, behind their codes. */
enum df_vector_kind df_vector_kind_of(const struct df_type *type);
/* The same of the elements of a list. */
enum df_vector_kind df_vector_element_kind_of(const struct df_type *type);

static inline bool df_vector_is_null(const struct df_vector *vector, uint32_t row)
{
    return vector->valid && !vector->valid[row];
}

#endif
