/* Filters of a request, compiled for the types of one file's columns and evaluated vector by vector.
 *
 * The answer of a leaf is one byte per row, 0 or 1: plain arrays that the compiler turns into vector code; and, or, not
 * combine bytes. On dictionary codes a constant is compared once per dictionary entry.
 *
 * Null (NaN is null): every operator is false, but `!=`, `not contains`, `not in`, `is null`, which are true. Logic has
 * two values. Integers compare exactly with any number (5.5 equals none, 2^70 is above all); decimals exactly; float64
 * with the nearest double, float32 and float16 with the constant rounded to their width; strings in byte order;
 * timestamps and dates with integers in their unit or ISO text (a DATE against a text with a time of day compares
 * instants); UUIDs with their text form; booleans only == != in, not in. Regular expressions are PCRE2, unanchored,
 * UTF-8, with a match limit: what goes over it is an error that names the filter, never "no match". Thread: one. */
#ifndef DF_ENGINE_FUNNEL_FILTER_FILTER_H
#define DF_ENGINE_FUNNEL_FILTER_FILTER_H

#include "base/budget.h"
#include "base/error.h"
#include "engine/funnel/filter/spec.h"
#include "format/parquet/parquet.h"

struct df_funnel_filter_set; /* the compiled leaves and roots of a request */

/* Where the value of a leaf's column comes from. */
struct df_funnel_filter_column {
    struct df_type type;
    uint32_t vector; /* position among the vectors of a batch; DF_FUNNEL_FILTER_FIXED: `fixed`, the same for all rows */
    struct df_parquet_value fixed; /* of a directory column (type INT64 or STRING) */
    bool fixed_null;
};
#define DF_FUNNEL_FILTER_FIXED UINT32_MAX

/* columns[leaf_count]. `filters` and the texts of `fixed` must outlive the set. Fails with invalid: place, column, its
 * type, operator or value, the way out ("funnel.sequence[0].filter.value: column 'price' is a float, …"); with
 * exhausted.
 */
int df_funnel_filter_set_compile(struct df_funnel_filter_set **set, const struct df_funnel_filters *filters,
                                 const struct df_funnel_filter_column *columns, struct df_budget *budget,
                                 struct df_error *error);
void df_funnel_filter_set_free(struct df_funnel_filter_set *set); /* NULL is fine */

/* Serial numbers of dictionaries start over with each scan: forget what is known of the last one's. */
void df_funnel_filter_set_new_scan(struct df_funnel_filter_set *set);

/* A new batch: `rows` rows, vectors as the leaves' columns number them. */
void df_funnel_filter_set_batch(struct df_funnel_filter_set *set, const struct df_vector *vectors, uint32_t rows);
/* One root over the batch: *matches has one byte per row, valid until the next call for this set. A leaf that several
 * roots share is evaluated once per batch where memory allows. Fails with exhausted (no room for a dictionary's
 * answers; a regular expression over its limit) and internal. */
int df_funnel_filter_set_match(struct df_funnel_filter_set *set, uint32_t root, const uint8_t **matches,
                               struct df_error *error);

/* The same for several roots, at most DF_FUNNEL_MASK_ROOTS: sets bit b of masks[row] where root roots[b] matches. */
enum { DF_FUNNEL_MASK_ROOTS = 8 };
int df_funnel_filter_set_masks(struct df_funnel_filter_set *set, const uint32_t *roots, uint32_t count, uint8_t *masks,
                               struct df_error *error);

/* What statistics say of one column in one row group (bounds NULL: nothing), and whether any row there can match a
 * root. Never false for a row group in which a row matches. `fixed` leaves are decided exactly. */
typedef const struct df_parquet_bounds *df_funnel_bounds_fn(void *ctx, uint32_t leaf);
bool df_funnel_filter_set_may_match(const struct df_funnel_filter_set *set, uint32_t root, uint64_t rows,
                                    df_funnel_bounds_fn *bounds, void *ctx);

/* What is known of a leaf in some rows; {0}: nothing. */
struct df_funnel_known {
    const struct df_parquet_bounds *bounds; /* NULL: none */
    uint64_t rows;                          /* that the bounds are of: those asked about, perhaps among more */
    bool absent;                            /* no value of the column passes the leaf's test (before it is negated) */
    bool hopeful;                           /* assume whatever helps: could knowing more of this leaf rule rows out? */
};
typedef struct df_funnel_known df_funnel_known_fn(void *ctx, uint32_t leaf);
/* The same for any rows, by whatever is known. */
bool df_funnel_filter_set_may_pass(const struct df_funnel_filter_set *set, uint32_t root, df_funnel_known_fn *known,
                                   void *ctx);

/* ---- looking.c: which knowledge would help a leaf ---- */

/* leaves[i] |= leaf i stands in the root and is not decided. */
void df_funnel_filter_set_leaves(const struct df_funnel_filter_set *set, uint32_t root, bool *leaves);
/* Can bounds rule rows out? */
bool df_funnel_filter_set_wants_bounds(const struct df_funnel_filter_set *set, uint32_t leaf);
/* Is it a matter of the column's values being one of some constants? */
bool df_funnel_filter_set_wants_values(const struct df_funnel_filter_set *set, uint32_t leaf);
/* Of such a leaf: whether none of the values that would pass may be there. */
typedef bool df_funnel_may_have_fn(void *ctx, const struct df_parquet_value *value);
bool df_funnel_filter_set_absent(const struct df_funnel_filter_set *set, uint32_t leaf, df_funnel_may_have_fn *may_have,
                                 void *ctx);
/* Does the leaf test single values, or elements of which one is enough? Then a dictionary without one that passes
 * settles it. */
bool df_funnel_filter_set_wants_dictionary(const struct df_funnel_filter_set *set, uint32_t leaf);
/* 1: an entry passes the test (before it is negated), 0: none, -1. */
int df_funnel_filter_set_test_dictionary(struct df_funnel_filter_set *set, uint32_t leaf,
                                         const struct df_dictionary *dictionary, struct df_error *error);

#endif
