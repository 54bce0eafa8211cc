/* The second reading: the rows of users that are in, batch by batch, into scalars (measure_scalar.c) and tables
 * (measure_table.c). Private to these three files. */
#ifndef DF_ENGINE_FUNNEL_RESULT_MEASURE_H
#define DF_ENGINE_FUNNEL_RESULT_MEASURE_H

#include "engine/funnel/result/tables.h"

/* The rows of a batch that count, and then, per column, those of them that have a class and a value. */
struct df_funnel_measured {
    uint32_t count;
    uint32_t rows[DF_FUNNEL_ROWS_MAX];
    uint32_t users[DF_FUNNEL_ROWS_MAX];
    uint16_t depths[DF_FUNNEL_ROWS_MAX];
};
struct df_funnel_present {
    uint32_t count;
    uint32_t rows[DF_FUNNEL_ROWS_MAX];
    uint32_t users[DF_FUNNEL_ROWS_MAX];
    uint16_t classes[DF_FUNNEL_ROWS_MAX];
    uint32_t ids[DF_FUNNEL_ROWS_MAX]; /* of values */
    size_t cells[DF_FUNNEL_ROWS_MAX];
    int64_t numbers[DF_FUNNEL_ROWS_MAX]; /* what is looked up */
};

/* What the reading of one table keeps between batches. */
struct df_funnel_table_reader {
    struct df_funnel_table *table;
    /* The ids of a dictionary's entries, found when first met; DF_FUNNEL_NONE before. */
    bool dictionary_known;
    uint64_t dictionary_serial;
    uint32_t *dictionary_ids;
    size_t dictionary_capacity;
    /* Distinct (value, user), and the greatest class of each: open addressing, keys in their slots, because there may
     * be nearly as many as rows. */
    uint64_t *pairs; /* value << 32 | user, plus 1; 0: free */
    uint16_t *pair_classes;
    size_t pair_slots, pair_count; /* slots: a power of two, or 0 */
};

void df_funnel_measure_present(const struct df_funnel_measured *measured, const struct df_funnel_classes *classes,
                               const struct df_vector *vector, const struct df_type *type,
                               struct df_funnel_present *present);

/* False when memory is short. */
bool df_funnel_measure_scalars(struct df_funnel_scalars *scalars, struct df_funnel_account *account,
                               const struct df_vector *vector, const struct df_type *type,
                               const struct df_funnel_present *present);

void df_funnel_table_reader_init(struct df_funnel_table_reader *reader, struct df_funnel_table *table);
void df_funnel_table_reader_dispose(struct df_funnel_table_reader *reader);
/* others: the batch's vectors, types: per column of the request. False when memory is short. */
bool df_funnel_measure_table(struct df_funnel_table_reader *reader, const struct df_vector *const *vectors,
                             const struct df_type *types, bool approximate, struct df_funnel_present *present);
/* After the last batch: pairs become counts of users. */
bool df_funnel_measure_users(struct df_funnel_table_reader *reader);

/* check.c: invalid, naming the place of what does not serve. */
int df_funnel_check_types(const struct df_funnel_request *request, const struct df_type *types, struct df_error *error);

#endif
