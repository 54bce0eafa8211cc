/* What the coordinator of a run knows; a worker uses the request and the layout of it. For plan.c and repartition.c. */
#ifndef DF_ENGINE_FUNNEL_REPARTITION_STATE_H
#define DF_ENGINE_FUNNEL_REPARTITION_STATE_H

#include "engine/engine.h"
#include "engine/funnel/repartition/scatter.h"
#include "engine/funnel/repartition/schema.h"
#include "store/publish.h"

enum df_repartition_stage {
    DF_REPARTITION_FOOTERS,
    DF_REPARTITION_SCATTER,
    DF_REPARTITION_GATHER,
    DF_REPARTITION_COMMIT,
};

struct df_repartition_source {
    struct df_repartition_file file; /* strings in the query's arena */
    struct df_repartition_footer footer;
};

struct df_repartition {
    struct df_repartition_request request;
    struct df_repartition_layout layout; /* of a worker */
    struct df_store_publication *publication;
    struct df_repartition_schema *schema;

    struct df_repartition_source *sources; /* owned */
    uint32_t source_count, source_capacity;
    uint64_t total_bytes;
    bool listed;
    uint64_t scatter_bytes; /* of a part, about */
    struct {
        uint32_t stage; /* the one that was begun */
        uint32_t source;
        uint64_t row_group;
        uint32_t section;
    } at;
    uint32_t described; /* the next source whose footer is folded */
    struct df_repartition_scattered scattered;
    uint64_t users, bytes;
    struct df_buf stage_request; /* copied by the job */
};

/* plan.c: the engine's plan. */
int df_repartition_plan(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_error *error);

#endif
