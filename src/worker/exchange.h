/* The executor's side of df_task_section_write and df_task_section_read: what engine.h calls struct df_task_exchange.
 */
#ifndef DF_WORKER_EXCHANGE_H
#define DF_WORKER_EXCHANGE_H

#include "worker/sections.h"

/* Of one run: each run gets a copy of its task whose exchange is this one, so that an append needs no search. */
struct df_task_exchange {
    const struct df_part *part;
    struct df_section_builder *builder; /* owned; NULL until the first write */
    struct df_spill *spill;             /* borrowed; NULL: sections stay in memory */
    struct df_section_manifest *inputs; /* borrowed; NULL: none */
};

/* Ends writing: the sections of the part, empty ones if it wrote none; NULL when its stage writes none. */
int df_exchange_finish(struct df_task *task, struct df_section_set **set, struct df_error *error);
void df_exchange_dispose(struct df_task_exchange *exchange);

#endif
