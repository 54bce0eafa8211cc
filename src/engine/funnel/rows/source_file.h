/* The rows of some row groups of a file as a source. */
#ifndef DF_ENGINE_FUNNEL_ROWS_SOURCE_FILE_H
#define DF_ENGINE_FUNNEL_ROWS_SOURCE_FILE_H

#include "engine/engine.h"
#include "engine/funnel/rows/columns.h"
#include "engine/funnel/rows/skip_counts.h"
#include "engine/funnel/rows/source.h"

struct df_funnel_source_file {
    struct df_funnel_source source;
    const struct df_task *task;
    struct df_parquet_file *file; /* owned */
    struct df_funnel_columns columns;
    struct df_funnel_source_file_state *state; /* owned */
    bool broken; /* a failure came from reading the file, or from what it has for user and time; with errors of the
                    kinds of plan/bad_report.h it is a bad file */
    uint64_t bytes_read;                          /* of scans and indexes; footers count with the file */
    uint64_t row_groups_read, row_groups_skipped; /* of the last FACTS reading: skipped because it is proved that
                                                     `where` or the timeframe drops all their rows (skip.h) */
    struct df_funnel_skip_counts skips;           /* of all row groups that were asked for */
};

struct df_funnel_source_file_open {
    const struct df_task *task;
    const struct df_part *part; /* uri, size, etag */
    const struct df_funnel_request *request;
    bool unit_known; /* of plain integer times */
    enum df_time_unit unit;
    const char *const *string_directories; /* rows/columns.h */
    uint32_t string_directory_count;
};

/* Opens the object of a part and finds its columns. Dispose also after a failure. */
int df_funnel_source_file_open(struct df_funnel_source_file *file, const struct df_funnel_source_file_open *open,
                               struct df_error *error);
/* Which row groups; all of them before it is called. */
void df_funnel_source_file_range(struct df_funnel_source_file *file, uint32_t row_group_begin, uint32_t row_group_end);
void df_funnel_source_file_dispose(struct df_funnel_source_file *file);

#endif
