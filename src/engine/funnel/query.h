/* The coordinator's side of a funnel: what a query knows from its request to its answer. */
#ifndef DF_ENGINE_FUNNEL_QUERY_H
#define DF_ENGINE_FUNNEL_QUERY_H

#include "engine/engine.h"
#include "engine/funnel/listing.h"
#include "engine/funnel/partial.h"

enum { DF_FUNNEL_STAGES_MAX = 3 };

/* A file that the stage of footers looked at. */
struct df_funnel_file {
    const char *uri, *etag; /* in the query's arena */
    uint64_t size_bytes;
    struct df_funnel_footer footer;
};

struct df_funnel_query {
    struct df_funnel_request request;
    struct df_funnel_counts counts;          /* the answer so far */
    struct df_funnel_step_count *part_steps; /* room for one partial's */

    struct df_funnel_listing *listing;     /* NULL before the first plan and after its end */
    struct df_funnel_object first, second; /* looked at ahead, before the first stage's role is known */

    enum df_funnel_role roles[DF_FUNNEL_STAGES_MAX]; /* 0: not decided */
    struct df_funnel_file *files;                    /* owned; those of a FOOTERS stage, in its order */
    size_t file_count, file_capacity;

    /* Where the plan of a later stage stands. */
    struct {
        size_t file;
        uint32_t unit;
        uint64_t row_group;
        uint32_t section;
    } at;
    enum df_funnel_key_kind kind; /* of the users of an exchange */
    uint64_t scatter_bytes;       /* a SCATTER part's aim */
    uint32_t sections;            /* K of the exchange */
    uint32_t sections_per_part;   /* of a GATHER part */
};

/* plan.c */
int df_funnel_plan(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_error *error);
/* fold.c */
int df_funnel_fold(struct df_query *query, const struct df_part *part, const struct df_outcome *outcome,
                   struct df_writer *writer, struct df_error *error);
/* answer.c */
int df_funnel_finish(struct df_query *query, struct df_writer *writer, struct df_error *error);

/* decide.c: after FOOTERS, how the files are to be scanned. Sets what `at` and the fields below it need. */
int df_funnel_decide(struct df_query *query, enum df_funnel_role *role, struct df_error *error);
/* The SCATTER part that begins at (file, unit): how many units it takes. */
uint32_t df_funnel_scatter_units(const struct df_funnel_query *funnel, const struct df_funnel_file *file,
                                 uint32_t unit);

#endif
