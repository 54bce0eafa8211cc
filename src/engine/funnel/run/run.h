/* The worker's side: one part of each role. */
#ifndef DF_ENGINE_FUNNEL_RUN_H
#define DF_ENGINE_FUNNEL_RUN_H

#include "engine/engine.h"

int df_funnel_task_begin(struct df_task *task, struct df_error *error);
int df_funnel_run(struct df_task *task, const struct df_part *part, struct df_partial *partial, struct df_error *error);
void df_funnel_task_end(struct df_task *task);

#endif
