/* Records -> vectors: some rows of all columns as plain arrays. */
#ifndef DF_ENGINE_FUNNEL_REPARTITION_BATCH_H
#define DF_ENGINE_FUNNEL_REPARTITION_BATCH_H

#include "engine/funnel/repartition/row.h"

struct df_repartition_batch;

int df_repartition_batch_create(struct df_repartition_batch **batch, const struct df_repartition_layout *layout,
                                struct df_error *error);
void df_repartition_batch_free(struct df_repartition_batch *batch); /* NULL is fine */

/* Adds the row of a record, whose bytes must stay where they are until the batch is cleared. Fails with corrupt. */
int df_repartition_batch_add(struct df_repartition_batch *batch, struct df_slice record, struct df_error *error);
bool df_repartition_batch_full(const struct df_repartition_batch *batch);
/* Vectors in the order of the request's columns, valid until the next call. */
const struct df_vector *df_repartition_batch_vectors(struct df_repartition_batch *batch, uint32_t *rows);
void df_repartition_batch_clear(struct df_repartition_batch *batch);

#endif
