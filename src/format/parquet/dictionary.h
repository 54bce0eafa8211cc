/* The dictionary of a column chunk: its first page, PLAIN values, decoded once; data pages hold codes into it. */
#ifndef DF_FORMAT_PARQUET_DICTIONARY_H
#define DF_FORMAT_PARQUET_DICTIONARY_H

#include "base/error.h"
#include "format/parquet/logical.h"
#include "format/parquet/memory.h"

struct df_parquet_dictionary {
    bool present; /* this chunk has one */
    /* Decimals of more than 18 digits (INT128) are never handed on as codes: their entries are what int64s points at.
     */
    struct df_dictionary entries;
    struct df_parquet_buffer values; /* the array behind `entries` */
    struct df_parquet_buffer bytes;  /* what the slices of byte arrays point into */
};

/* What a dictionary of `count` entries in `size_bytes` bytes of PLAIN data needs for its array; 0 when so many entries
 * cannot be in so few bytes, or the column has a type that has no dictionaries. */
size_t df_parquet_dictionary_array_bytes(const struct df_parquet_leaf *leaf, uint32_t count, size_t size_bytes);

/* Decodes `plain` into dictionary->values, which has the room, and names the entries. NULL, or what is wrong.
 * `plain` must live as long as the entries if the leaf's kind is BYTES. */
const char *df_parquet_dictionary_decode(struct df_parquet_dictionary *dictionary, const struct df_parquet_leaf *leaf,
                                         uint32_t count, struct df_slice plain, enum df_error_kind *kind);

/* True when all codes are below `count`. */
bool df_codes_below(const uint32_t *codes, size_t n, uint32_t count);
/* out[i] = values[codes[i]]; the codes have been checked. */
void df_codes_to_int64s(const uint32_t *codes, const int64_t *values, int64_t *out, size_t n);
void df_codes_to_doubles(const uint32_t *codes, const double *values, double *out, size_t n);
void df_codes_to_slices(const uint32_t *codes, const struct df_slice *values, struct df_slice *out, size_t n);
void df_codes_to_int128s(const uint32_t *codes, const __int128 *values, __int128 *out, size_t n);
/* The one of these that goes with the kind. */
void df_dictionary_look_up(const struct df_dictionary *dictionary, enum df_vector_kind kind, const uint32_t *codes,
                           void *out, size_t n);

#endif
