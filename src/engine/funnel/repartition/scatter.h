/* Rows of files into sections by the hash of their users: stage 1. */
#ifndef DF_ENGINE_FUNNEL_REPARTITION_SCATTER_H
#define DF_ENGINE_FUNNEL_REPARTITION_SCATTER_H

#include "engine/engine.h"
#include "engine/funnel/repartition/row.h"

/* A file of a part; several small ones are one part, the first of them its uri, the others in its detail. */
struct df_repartition_file {
    const char *uri, *etag;
    uint64_t size_bytes;
};
void df_repartition_files_put(const struct df_repartition_file *files, uint32_t count, struct df_buf *detail);

/* What a part did, added up by the fold. */
struct df_repartition_scattered {
    uint64_t rows, rows_without_user;
    uint64_t record_bytes;
    uint64_t digest;        /* the sum of the records' hashes: the same however the rows are cut into parts */
    uint64_t *section_rows; /* per section; the caller's */
};
/* Adds what a partial says to `sum`. Fails with corrupt. */
int df_repartition_scattered_add(struct df_slice blob, uint32_t sections, struct df_repartition_scattered *sum,
                                 struct df_error *error);

int df_repartition_scatter(struct df_task *task, const struct df_part *part, const struct df_repartition_layout *layout,
                           struct df_partial *partial, struct df_error *error);

#endif
