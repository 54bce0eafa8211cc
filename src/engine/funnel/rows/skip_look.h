/* What skip.c asks of the insides of a file: the steps that read something. Each gives 1: rows were ruled out (all of
 * them, or `kept->rows` is set), 0: it knows nothing, -1. Inside of rows/skip*.c only. */
#ifndef DF_ENGINE_FUNNEL_ROWS_SKIP_LOOK_H
#define DF_ENGINE_FUNNEL_ROWS_SKIP_LOOK_H

#include "engine/funnel/filter/filter.h"
#include "engine/funnel/rows/skip.h"
#include "engine/funnel/rows/source_file_state.h"
#include "format/parquet/index.h"

/* One row group that is looked at. */
struct df_funnel_look {
    struct df_funnel_source_file *file;
    uint32_t row_group;
    uint64_t rows;
    uint64_t bytes;                  /* of the columns that the query reads: what is at stake */
    bool *leaves;                    /* per leaf of the request: it stands in `where` */
    bool *absent;                    /* per leaf: no value of the row group passes its test */
    bool *hopeful;                   /* per leaf: the step that is being thought of may learn more of it */
    bool time_at_stake;              /* some of the times may lie outside of the timeframe */
    struct df_parquet_bounds bounds; /* of the leaf asked about last */
};

/* A df_funnel_known_fn: statistics, and what has been found out. */
struct df_funnel_known df_funnel_look_known(void *look, uint32_t leaf);
/* Does `where` drop all rows by what is known? And might it, if all went well with the hopeful leaves? */
bool df_funnel_look_rules_out(struct df_funnel_look *look);
bool df_funnel_look_hopes(struct df_funnel_look *look);
struct df_parquet_reading df_funnel_look_reading(const struct df_funnel_look *look);
uint32_t df_funnel_look_column(const struct df_funnel_look *look, uint32_t leaf); /* of the file */
/* An error that is one of the index, not of the file or the query: the rows are read without it. */
bool df_funnel_look_may_go_on(const struct df_error *error);

int df_funnel_look_at_bloom_filters(struct df_funnel_look *look, struct df_error *error); /* skip_values.c */
int df_funnel_look_at_dictionaries(struct df_funnel_look *look, struct df_error *error);  /* skip_values.c */
int df_funnel_look_at_pages(struct df_funnel_look *look, struct df_funnel_kept *kept,
                            struct df_error *error); /* skip_pages.c */

/* How bounds of times compare with the timeframe. skip.c */
enum df_funnel_times_are { DF_FUNNEL_TIMES_OUTSIDE, DF_FUNNEL_TIMES_INSIDE, DF_FUNNEL_TIMES_EITHER };
enum df_funnel_times_are df_funnel_times_of(const struct df_funnel_source_file *file,
                                            const struct df_parquet_bounds *bounds, uint64_t rows);

#endif
