/* What the passes of a part add up to: its numbers, its tables while they are small enough for a partial, its exported
 * users.
 *
 * One pass over one source is the usual case: its result, encoded, is the partial's, and nothing is merged. Tables that
 * must meet their like elsewhere go to sections of values pass by pass, so that memory holds those of one pass only. */
#ifndef DF_ENGINE_FUNNEL_RUN_SHARE_H
#define DF_ENGINE_FUNNEL_RUN_SHARE_H

#include "engine/engine.h"
#include "engine/funnel/plan/partial.h"
#include "engine/funnel/run/passes.h"

struct df_funnel_gathering {
    struct df_task *task;
    const struct df_part *part;
    const struct df_funnel_detail *detail;
    struct df_buf first;            /* the first result, encoded */
    struct df_funnel_result *total; /* of all, from the second on */
    bool over;                      /* more values than the partial may carry: nothing else counts any more */
    struct df_buf cohort;           /* encoded blocks */
    struct df_buf file_name;        /* or the file that takes the rows, in the folder of the export */
    struct df_funnel_export_writer *file;
    uint64_t cohort_rows;
};

void df_funnel_gathering_init(struct df_funnel_gathering *gathering, struct df_task *task, const struct df_part *part,
                              const struct df_funnel_detail *detail);
void df_funnel_gathering_dispose(struct df_funnel_gathering *gathering);
/* A df_funnel_pass_fn. */
int df_funnel_gathering_add(void *gathering, struct df_funnel_result *result, struct df_funnel_cohort *cohort,
                            struct df_error *error);
/* Fills over, cohort and result of *share, and writes all of it behind what `out` holds. */
int df_funnel_gathering_finish(struct df_funnel_gathering *gathering, struct df_funnel_share *share, struct df_buf *out,
                               struct df_error *error);

#endif
