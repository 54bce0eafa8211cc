/* A FOOTERS part: what the coordinator must know of a file to decide how it is scanned. */
#ifndef DF_ENGINE_FUNNEL_RUN_FOOTER_H
#define DF_ENGINE_FUNNEL_RUN_FOOTER_H

#include "engine/funnel/plan/partial.h"
#include "engine/funnel/rows/source_file.h"

/* The shape of an open file. Its types lie in the arena. */
int df_funnel_shape_of(const struct df_funnel_source_file *file, struct df_arena *arena, struct df_funnel_shape *shape,
                       struct df_error *error);
/* Reads values only where the unit of times must be guessed and no statistics help. */
int df_funnel_read_footer(struct df_funnel_source_file *file, struct df_task *task, struct df_buf *out,
                          struct df_error *error);

#endif
