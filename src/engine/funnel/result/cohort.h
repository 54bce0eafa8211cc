/* The rows of an export: one per unit that reached a step (or reached it and not the next).
 *
 * Columns: the user under its own name, step1 … stepK, `breakdown` if the request has one, then the asked columns with
 * the values of the row that matched step `export.step`. Kept as columns of values with one type each, encoded in
 * blocks, so that a partial carries them or a worker writes them (export/). */
#ifndef DF_ENGINE_FUNNEL_RESULT_COHORT_H
#define DF_ENGINE_FUNNEL_RESULT_COHORT_H

#include "base/buf.h"
#include "engine/funnel/evaluate/account.h"
#include "engine/funnel/language/request.h"
#include "format/parquet/parquet.h"

/* One column, growing: nulls, and values as a vector has them. */
struct df_funnel_cohort_column {
    char *name; /* owned */
    struct df_type type;
    enum df_vector_kind kind; /* BOOL, INT64, FLOAT64, BYTES or INT128 */
};

struct df_funnel_cohort; /* columns and rows */

/* Every column of the file must have a name of its own. Fails with invalid, naming the asked column that is there
 * already (as the user's, a step's or another asked one). */
int df_funnel_cohort_check(const struct df_funnel_request *request, struct df_error *error);

/* account NULL: memory is not counted. Fails with invalid as df_funnel_cohort_check does, and with exhausted.
 * types of user, time, breakdown (NULL: none) and the asked columns; all rows that follow are of these. */
int df_funnel_cohort_create(struct df_funnel_cohort **cohort, const struct df_funnel_request *request,
                            const struct df_type *user, const struct df_type *time, const struct df_type *breakdown,
                            const struct df_type *columns, struct df_funnel_account *account, struct df_error *error);
void df_funnel_cohort_free(struct df_funnel_cohort *cohort); /* NULL is fine */

uint32_t df_funnel_cohort_column_count(const struct df_funnel_cohort *cohort);
const struct df_funnel_cohort_column *df_funnel_cohort_column(const struct df_funnel_cohort *cohort, uint32_t column);
uint64_t df_funnel_cohort_rows(const struct df_funnel_cohort *cohort);

/* A row is put together value by value, in the order of the columns. value NULL, or NaN: null. False: it does not fit;
 * the row that was begun is forgotten. */
bool df_funnel_cohort_put(struct df_funnel_cohort *cohort, const struct df_parquet_value *value);

/* All rows as vectors, one per column; valid until the cohort changes. */
int df_funnel_cohort_vectors(struct df_funnel_cohort *cohort, const struct df_vector **vectors, struct df_error *error);

void df_funnel_cohort_encode(const struct df_funnel_cohort *cohort, struct df_buf *out);
/* Makes a cohort of encoded rows: corrupt, never a crash. */
int df_funnel_cohort_decode(struct df_funnel_cohort **cohort, struct df_cursor *from, struct df_error *error);
void df_funnel_cohort_clear(struct df_funnel_cohort *cohort); /* forgets the rows */

#endif
