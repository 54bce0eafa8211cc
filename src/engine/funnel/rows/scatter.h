/* Sorting the rows of a source into the sections of an exchange: per section a buffer of arrays, encoded as a block
 * (rows/record.h) and written when it is full. A block carries what both readings of a source want: users, times,
 * matches per filter, the values of the request's columns. Memory is bounded by an allowance and one batch. */
#ifndef DF_ENGINE_FUNNEL_ROWS_SCATTER_H
#define DF_ENGINE_FUNNEL_ROWS_SCATTER_H

#include "engine/engine.h"
#include "engine/funnel/rows/source_file.h"

/* All rows that count of the file's range to the sections of the part. rows_scanned and rows_without_group of the
 * file's source tell of the rest. Fails with what the source, the filters and df_task_section_write fail with. */
int df_funnel_scatter(struct df_funnel_source_file *file, struct df_task *task, const struct df_part *part,
                      struct df_error *error);

#endif
