/* The coordinator's side of a funnel: what a query knows from its request to its answer.
 *
 *     FOOTERS ─► decide ─┬─► WHOLE_FILE ────────────┬─► finish
 *     (or none)          └─► SCATTER ─► GATHER ─────┤
 *                                                   │ a part had more values than its partial may carry:
 *                                                   └─► the scan again, with sections of values ─► VALUES ─► finish
 *
 * A stage that meets files which cannot be read is done again without them, where it has to be (again.c). */
#ifndef DF_ENGINE_FUNNEL_PLAN_QUERY_H
#define DF_ENGINE_FUNNEL_PLAN_QUERY_H

#include "base/json_write.h"
#include "engine/engine.h"
#include "engine/funnel/plan/listing.h"
#include "engine/funnel/plan/partial.h"
#include "engine/funnel/result/result.h"

/* FOOTERS, SCATTER, GATHER, SCATTER, GATHER, VALUES, and one without parts; more only while files are lost. */
enum { DF_FUNNEL_STAGES_MAX = 32, DF_FUNNEL_BAD_FILES_LISTED = 20 };

struct df_funnel_file {
    const char *uri, *etag; /* in the query's arena */
    uint64_t size_bytes;    /* 0: not known */
    bool skipped;           /* its directories make `where` impossible */
    bool bad;               /* it cannot be read … */
    bool left_out;          /* … and so counts as not there, from the stage on after the one that found out */
    bool footer_known;
    struct df_funnel_footer footer;
};

/* What the scan under way has found; begun anew when the scan is. */
struct df_funnel_scan {
    struct df_funnel_result *result;
    uint64_t parts, folded; /* that write a result */
    uint64_t rows, rows_without_group;
    uint64_t file_bytes; /* of files whose size nobody knew before */
    uint64_t row_groups_read, row_groups_skipped, files_skipped;
    struct df_funnel_skip_counts skips;
    uint64_t cohort_rows;
    bool over; /* a part had more values than it may carry */
};

/* Files that could not be read, where the request says that they are to be left out. */
struct df_funnel_bad_file {
    size_t file; /* index */
    enum df_error_kind kind;
    const char *message; /* in the query's arena */
};
struct df_funnel_bad_files {
    size_t count;
    bool fresh; /* the stage under way has found some: they are not left out yet */
    uint32_t listed_count;
    struct df_funnel_bad_file listed[DF_FUNNEL_BAD_FILES_LISTED]; /* the first, in the order of files */
};

/* Why rows do not go the straight way, for explain. */
struct df_funnel_reasons {
    bool spread;
    const char *whole_or_spread;
    const char *exchange; /* NULL: none of users */
    const char *values;   /* NULL: none of values */
};

struct df_funnel_export_state; /* export.c */

struct df_funnel_query {
    struct df_funnel_request request;
    struct df_buf worker_request; /* as the stage being planned gets it */

    /* Files: listed while they are planned, or all of them before, where the plan must know them. */
    struct df_funnel_listing *listing; /* NULL before the first plan and after its end */
    struct df_funnel_file *files;      /* owned */
    size_t file_count, file_capacity;
    uint64_t total_bytes, files_skipped; /* files_skipped: by their directories */
    const char *const *string_directories;
    uint32_t string_directory_count;

    /* Stages. */
    enum df_funnel_role roles[DF_FUNNEL_STAGES_MAX]; /* 0: not decided */
    bool decided[DF_FUNNEL_STAGES_MAX];
    uint64_t stage_parts[DF_FUNNEL_STAGES_MAX], stage_bytes_read[DF_FUNNEL_STAGES_MAX];
    size_t *part_files; /* of the stage under way: the file of each part; owned */
    size_t part_file_capacity;
    struct df_funnel_bad_files bad;

    /* Where the plan of a stage stands. */
    struct {
        size_t file;
        uint32_t stretch;
        uint64_t row_group;
        uint32_t section;
    } at;

    /* What footers, or the first partials, have told. */
    struct {
        bool begun;
        struct df_funnel_shape shape;
        const char *uri, *time_uri; /* the files that the types of user and time were taken from */
        const char **uris;          /* per column of the request: the file that its type was taken from */
    } agreed;
    bool unit_guessed;
    enum df_time_unit guessed_unit;
    struct df_funnel_reasons reasons;

    /* The exchange of users. */
    uint64_t scatter_bytes;     /* a SCATTER part's aim */
    uint32_t sections;          /* K */
    uint32_t sections_per_part; /* of a GATHER part */
    /* The exchange of values. */
    bool values_apart;
    uint32_t value_sections;

    struct df_funnel_scan scan;
    struct df_funnel_export_state *export_state; /* NULL: no export */
};

/* plan.c */
int df_funnel_plan(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_error *error);
/* What FOOTERS or WHOLE parts need to know, but for the file. */
struct df_funnel_detail df_funnel_detail_of_files(const struct df_query *query, enum df_funnel_role role);
/* fold.c */
int df_funnel_fold(struct df_query *query, const struct df_part *part, const struct df_outcome *outcome,
                   struct df_writer *writer, struct df_error *error);
/* finish.c */
int df_funnel_finish(struct df_query *query, struct df_writer *writer, struct df_error *error);
/* explain.c: fills query->explain. */
int df_funnel_explain(struct df_query *query, struct df_error *error);

/* files.c */

/* Lists what must be listed before the first part is planned, and leaves out what directories rule out. */
int df_funnel_files_begin(struct df_query *query, struct df_error *error);
/* 1: files[index] is there; 0: there are no more; -1. */
int df_funnel_files_reach(struct df_query *query, size_t index, struct df_error *error);
/* Neither skipped nor left out; once all are listed. */
size_t df_funnel_files_left(const struct df_funnel_query *funnel);
/* Remembers that the next part of the stage is of this file; and the file of a part, or NULL. */
int df_funnel_files_note_part(struct df_query *query, uint32_t stage, size_t file, struct df_error *error);
struct df_funnel_file *df_funnel_files_of_part(const struct df_funnel_query *funnel, const struct df_part *part);

/* directories.c: string_directories and files[].skipped, once all files are listed. */
bool df_funnel_directories_used(const struct df_funnel_request *request, const char *uri);
int df_funnel_directories_settle(struct df_query *query, struct df_error *error);
/* The same without the files that were left out meanwhile. *changed: a column is of another type than before. */
int df_funnel_directories_settle_again(struct df_query *query, bool *changed, struct df_error *error);

/* bad_files.c */

/* A worker's report that the file of a part cannot be read. Fails with what is wrong, unless such files are to be left
 * out. */
int df_funnel_bad_files_fold(struct df_query *query, const struct df_part *part, struct df_slice blob,
                             struct df_error *error);
/* Leaves out what the stage has found. Fails with corrupt when no file is left. */
int df_funnel_bad_files_leave_out(struct df_query *query, struct df_error *error);
/* The value of "skippedFiles": {"count": 2, "files": [{"uri", "kind", "message"}, …]}. */
void df_funnel_bad_files_put(const struct df_funnel_query *funnel, struct df_json_writer *json);

/* decide.c: after FOOTERS, how the files are to be scanned. */
int df_funnel_decide(struct df_query *query, enum df_funnel_role *role, struct df_error *error);
/* The SCATTER part that begins at (file, stretch): how many stretches it takes. Those that are skipped weigh nothing.
 */
uint32_t df_funnel_scatter_stretches(const struct df_funnel_query *funnel, const struct df_funnel_file *file,
                                     uint32_t stretch);
bool df_funnel_stretch_skipped(const struct df_funnel_stretch *stretch);
/* Values that a partial of the scan may carry when `parts` of them come. */
uint64_t df_funnel_inline_values(const struct df_query *query, uint64_t parts);
void df_funnel_cut_values(struct df_query *query); /* value_sections */

/* again.c */

/* A part had too many values: everything once more, this time with an exchange of values. */
int df_funnel_again_with_values_apart(struct df_query *query, struct df_error *error);
/* The stage before has met bad files: leaves them out, and says what comes now. */
int df_funnel_again_without_bad(struct df_query *query, enum df_funnel_role before, enum df_funnel_role *role,
                                struct df_error *error);

/* agree.c: the shape of a file against those of the files before. times: whether these must be of one kind. */
int df_funnel_agree(struct df_query *query, const char *uri, const struct df_funnel_shape *shape, bool times,
                    struct df_error *error);
/* The unit of the time column as workers use it. */
bool df_funnel_scale(const struct df_funnel_query *funnel, enum df_funnel_scale *scale);

/* export.c: what a query exports, from the partials to the one file or the folder. All or nothing. */
int df_funnel_export_begin(struct df_query *query, struct df_error *error);
struct df_slice df_funnel_export_token(const struct df_funnel_query *funnel); /* empty: workers write no files */
int df_funnel_export_fold(struct df_query *query, const struct df_funnel_share *share, struct df_error *error);
void df_funnel_export_again(struct df_query *query); /* the scan begins anew */
int df_funnel_export_finish(struct df_query *query, struct df_error *error);
void df_funnel_export_files(const struct df_funnel_query *funnel, const char *const **files, uint32_t *count);
void df_funnel_export_end(struct df_query *query, bool done); /* removes what was written aside, unless done */

#endif
