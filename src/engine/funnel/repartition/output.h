/* Sorted records into one Parquet file aside: stage 2. What is cut where follows from the request alone. */
#ifndef DF_ENGINE_FUNNEL_REPARTITION_OUTPUT_H
#define DF_ENGINE_FUNNEL_REPARTITION_OUTPUT_H

#include "engine/engine.h"
#include "engine/funnel/repartition/row.h"

/* The part of a file: its number is the part's section, its detail how many rows there will be. */
void df_repartition_expected_put(uint64_t rows, struct df_buf *detail);

/* A file that was written; its partial. */
struct df_repartition_written {
    uint64_t rows, users, bytes;
    struct df_slice token; /* store/publish.h */
};
int df_repartition_written_take(struct df_slice blob, struct df_repartition_written *written, struct df_error *error);

int df_repartition_gather(struct df_task *task, const struct df_part *part, const struct df_repartition_layout *layout,
                          struct df_partial *partial, struct df_error *error);

#endif
