/* What a cohort is made of: for cohort.c and cohort_codec.c only. */
#ifndef DF_ENGINE_FUNNEL_RESULT_COHORT_COLUMNS_H
#define DF_ENGINE_FUNNEL_RESULT_COHORT_COLUMNS_H

#include "base/size.h"
#include "engine/funnel/result/cohort.h"

/* A vector counts its rows in 32 bits. */
#define DF_FUNNEL_COHORT_ROWS_MAX UINT32_MAX

struct df_funnel_cohort_values {
    struct df_funnel_cohort_column head;
    uint64_t null_count;
    /* Growing arrays on the account; capacities in elements. */
    uint8_t *valid; /* one byte per row */
    size_t valid_capacity;
    void *values; /* as a vector's; of BYTES the ends of the rows in the heap, as uint64_t */
    size_t values_capacity;
    uint8_t *heap;
    size_t heap_capacity;
    struct df_slice *slices; /* of BYTES, made by df_funnel_cohort_vectors */
    size_t slices_capacity;
};

struct df_funnel_cohort {
    struct df_funnel_account *account;
    struct df_funnel_account uncounted; /* where none was given */
    struct df_funnel_cohort_values *columns;
    struct df_vector *vectors;
    uint32_t column_count;
    uint32_t at; /* the column of the next value */
    uint64_t rows;
};

/* Columns without names and types yet. NULL: no memory. */
struct df_funnel_cohort *df_funnel_cohort_new(uint32_t column_count, struct df_funnel_account *account);
enum df_vector_kind df_funnel_cohort_kind(const struct df_type *type); /* how values of the type are kept */
size_t df_funnel_cohort_width(enum df_vector_kind kind);               /* bytes per element of `values` */

#endif
