/* Which parts there are: of each file, of each output file, and the one that commits. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "engine/funnel/plan/listing.h"
#include "engine/funnel/repartition/output.h"
#include "engine/funnel/repartition/state.h"

enum {
    OUTPUT_BYTES = 128 * 1024 * 1024, /* of the sources per file, when nobody says how many */
    SCATTER_BYTES = 32 * 1024 * 1024, /* of a part: longer files are cut by row groups, smaller ones put together */
    SCATTER_BYTES_LEAST = 1024 * 1024,
    READS_MAX = 100000,             /* sections × parts that write them */
    GROUP_BYTES = 16 * 1024 * 1024, /* of the records of a row group */
    GROUP_ROWS_LEAST = 1024,
    DETAIL_ROOM = DF_PART_DETAIL_BYTES_MAX - 8 * 1024, /* for one more file */
};

static int no_memory(struct df_error *error)
{
    return df_error_no_memory(error, "planning files");
}

/* ---- the files ---- */

static int remember(struct df_query *query, struct df_funnel_object *object, struct df_error *error)
{
    struct df_repartition *repartition = query->state;
    if (repartition->source_count == repartition->source_capacity) {
        uint32_t capacity = repartition->source_capacity ? repartition->source_capacity * 2 : 64;
        struct df_repartition_source *sources = reallocarray(repartition->sources, capacity, sizeof *sources);
        if (!sources)
            return df_error_no_memory(error, "listing files");
        repartition->sources = sources;
        repartition->source_capacity = capacity;
    }
    struct df_repartition_source *source = &repartition->sources[repartition->source_count++];
    *source = (struct df_repartition_source){.file = {.uri = df_arena_text(&query->arena, df_buf_slice(&object->uri)),
                                                      .etag = df_arena_text(&query->arena, df_slice_text(object->etag)),
                                                      .size_bytes = object->size_bytes}};
    repartition->total_bytes += object->size_bytes;
    return source->file.uri && source->file.etag ? 0 : df_error_no_memory(error, "listing files");
}

static int list(struct df_query *query, struct df_error *error)
{
    struct df_repartition *repartition = query->state;
    struct df_funnel_request request = {.dataset = {.paths = (const char *const *)repartition->request.paths,
                                                    .path_count = repartition->request.path_count,
                                                    .pattern = repartition->request.pattern}};
    struct df_funnel_listing *listing;
    struct df_funnel_object object = {0};
    if (df_funnel_listing_open(&listing, query, &request, error) < 0)
        return -1;
    int found;
    while ((found = df_funnel_listing_next(listing, &object, error)) > 0)
        if (remember(query, &object, error) < 0) {
            found = -1;
            break;
        }
    df_funnel_object_dispose(&object);
    df_funnel_listing_close(listing);
    return found;
}

static int plan_footers(struct df_query *query, struct df_plan *plan, struct df_error *error)
{
    struct df_repartition *repartition = query->state;
    if (!repartition->listed) {
        if (list(query, error) < 0)
            return -1;
        repartition->listed = true;
        plan->parts_expected = repartition->source_count;
    }
    for (; repartition->at.source < repartition->source_count; repartition->at.source++) {
        const struct df_repartition_file *file = &repartition->sources[repartition->at.source].file;
        if (plan->room == 0)
            return DF_PLAN_MORE;
        struct df_part part = {.uri = file->uri, .etag = file->etag, .size_bytes = file->size_bytes};
        if (df_plan_add(plan, &part, error) < 0)
            return -1;
    }
    return DF_PLAN_END;
}

/* ---- rows to sections ---- */

/* The request as it is known now, for the stage that begins. */
static int set_request(struct df_repartition *repartition, struct df_plan *plan, struct df_error *error)
{
    df_buf_clear(&repartition->stage_request);
    df_repartition_request_put(&repartition->request, &repartition->stage_request);
    plan->request = df_buf_slice(&repartition->stage_request);
    return df_buf_failed(&repartition->stage_request) ? no_memory(error) : 0;
}

/* How many files follows from the sources, not from the machine. How the work is cut shows nowhere. */
static int begin_scatter(struct df_query *query, struct df_plan *plan, struct df_error *error)
{
    struct df_repartition *repartition = query->state;
    struct df_repartition_request *request = &repartition->request;
    if (df_repartition_schema_settle(repartition->schema, request, error) < 0)
        return -1;
    if (request->parts == 0) {
        uint64_t parts = repartition->total_bytes / OUTPUT_BYTES + 1;
        request->parts = parts < DF_REPARTITION_PARTS_MAX ? (uint32_t)parts : DF_REPARTITION_PARTS_MAX;
    }
    uint64_t parallelism = query->parallelism ? query->parallelism : 1;
    uint64_t each = repartition->total_bytes / (parallelism * 4);
    each = each < SCATTER_BYTES_LEAST ? SCATTER_BYTES_LEAST : each > SCATTER_BYTES ? SCATTER_BYTES : each;
    uint64_t most = READS_MAX / request->parts, least = repartition->total_bytes / (most ? most : 1) + 1;
    repartition->scatter_bytes = each > least ? each : least;
    repartition->scattered.section_rows = calloc(request->parts, sizeof(uint64_t));
    if (!repartition->scattered.section_rows)
        return no_memory(error);
    plan->sections = request->parts;
    return set_request(repartition, plan, error);
}

/* The next run of row groups of a long file. */
static int add_run(struct df_repartition *repartition, struct df_plan *plan, struct df_error *error)
{
    const struct df_repartition_source *source = &repartition->sources[repartition->at.source];
    uint64_t groups = source->footer.row_groups, bytes = source->file.size_bytes;
    uint64_t runs = bytes / repartition->scatter_bytes + 1, each = groups / runs + (groups % runs != 0);
    uint64_t begin = repartition->at.row_group, end = begin + each < groups ? begin + each : groups;
    struct df_part part = {.uri = source->file.uri,
                           .etag = source->file.etag,
                           .size_bytes = bytes,
                           .range_begin = begin,
                           .range_end = end,
                           .weight_bytes = groups ? bytes / groups * (end - begin) : 0};
    repartition->at.row_group = end;
    if (end >= groups) {
        repartition->at.row_group = 0;
        repartition->at.source++;
    }
    return df_plan_add(plan, &part, error);
}

/* Neighbouring small files, whole. */
static int add_small(struct df_repartition *repartition, struct df_plan *plan, struct df_error *error)
{
    const struct df_repartition_file *first = &repartition->sources[repartition->at.source].file;
    struct df_buf detail = {0};
    uint64_t bytes = first->size_bytes;
    while (++repartition->at.source < repartition->source_count) {
        const struct df_repartition_file *file = &repartition->sources[repartition->at.source].file;
        if (bytes + file->size_bytes > repartition->scatter_bytes || detail.size > DETAIL_ROOM ||
            strlen(file->uri) > DF_PART_DETAIL_BYTES_MAX - DETAIL_ROOM - 2 * DF_ETAG_BYTES)
            break;
        df_repartition_files_put(file, 1, &detail);
        bytes += file->size_bytes;
    }
    struct df_part part = {.uri = first->uri,
                           .etag = first->etag,
                           .size_bytes = first->size_bytes,
                           .weight_bytes = bytes,
                           .detail = df_buf_slice(&detail)};
    int result = df_buf_failed(&detail) ? no_memory(error) : df_plan_add(plan, &part, error);
    df_buf_dispose(&detail);
    return result;
}

static int plan_scatter(struct df_query *query, struct df_plan *plan, struct df_error *error)
{
    struct df_repartition *repartition = query->state;
    while (repartition->at.source < repartition->source_count) {
        const struct df_repartition_source *source = &repartition->sources[repartition->at.source];
        bool long_one = source->file.size_bytes > repartition->scatter_bytes && source->footer.row_groups > 1;
        if (plan->room == 0)
            return DF_PLAN_MORE;
        if ((long_one ? add_run(repartition, plan, error) : add_small(repartition, plan, error)) < 0)
            return -1;
    }
    return DF_PLAN_END;
}

/* ---- sections to files, and the end ---- */

/* Tells a writing from another: the rows, their number, and how they are spread. */
static int name_writing(struct df_query *query, struct df_error *error)
{
    struct df_repartition *repartition = query->state;
    struct df_repartition_request *request = &repartition->request;
    struct df_buf text = {0};
    df_buf_put_u64le(&text, repartition->scattered.digest);
    df_buf_put_u64le(&text, repartition->scattered.rows);
    df_buf_put_u64le(&text, request->parts);
    for (uint32_t i = 0; i < request->column_count; i++) {
        df_buf_put_text(&text, request->columns[i].name);
        df_buf_put_u8(&text, 0);
    }
    df_buf_put_text(&text, request->user);
    uint64_t hash = df_hash_bytes(df_buf_slice(&text));
    bool failed = df_buf_failed(&text);
    df_buf_clear(&text);
    df_buf_printf(&text, "repartition %016" PRIx64, hash);
    request->writing = df_buf_failed(&text) ? NULL : df_arena_text(&query->arena, df_buf_slice(&text));
    df_buf_dispose(&text);
    return request->writing && !failed ? 0 : no_memory(error);
}

static int begin_gather(struct df_query *query, struct df_plan *plan, struct df_error *error)
{
    struct df_repartition *repartition = query->state;
    struct df_repartition_request *request = &repartition->request;
    const struct df_repartition_scattered *scattered = &repartition->scattered;
    uint64_t row_bytes = scattered->rows ? scattered->record_bytes / scattered->rows + 1 : 1;
    uint64_t rows = GROUP_BYTES / row_bytes;
    if (request->row_group_rows == 0)
        request->row_group_rows = rows < GROUP_ROWS_LEAST            ? GROUP_ROWS_LEAST
                                  : rows > DF_REPARTITION_GROUP_ROWS ? DF_REPARTITION_GROUP_ROWS
                                                                     : (uint32_t)rows;
    request->tokens = df_arena_array(&query->arena, request->parts, sizeof *request->tokens);
    if (!request->tokens)
        return no_memory(error);
    plan->parts_expected = request->parts;
    return name_writing(query, error) < 0 ? -1 : set_request(repartition, plan, error);
}

static int plan_gather(struct df_query *query, struct df_plan *plan, struct df_error *error)
{
    struct df_repartition *repartition = query->state;
    const struct df_repartition_scattered *scattered = &repartition->scattered;
    uint64_t row_bytes = scattered->rows ? scattered->record_bytes / scattered->rows + 1 : 1;
    for (; repartition->at.section < repartition->request.parts; repartition->at.section++) {
        if (plan->room == 0)
            return DF_PLAN_MORE;
        uint64_t rows = scattered->section_rows[repartition->at.section];
        struct df_buf detail = {0};
        df_repartition_expected_put(rows, &detail);
        struct df_part part = {.uri = "",
                               .etag = "",
                               .range_begin = repartition->at.section,
                               .range_end = repartition->at.section + 1,
                               .weight_bytes = rows * row_bytes,
                               .detail = df_buf_slice(&detail)};
        int result = df_buf_failed(&detail) ? no_memory(error) : df_plan_add(plan, &part, error);
        df_buf_dispose(&detail);
        if (result < 0)
            return -1;
    }
    return DF_PLAN_END;
}

/* On the coordinator, which holds the publication: nobody else may take what lies aside for a dead one's. */
static int plan_commit(struct df_query *query, struct df_plan *plan, struct df_error *error)
{
    struct df_repartition *repartition = query->state;
    struct df_part part = {.uri = "", .etag = "", .flags = DF_PART_LOCAL | DF_PART_NO_HEDGE};
    plan->parts_expected = 1;
    return set_request(repartition, plan, error) < 0 || df_plan_add(plan, &part, error) < 0 ? -1 : DF_PLAN_END;
}

int df_repartition_plan(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_error *error)
{
    struct df_repartition *repartition = query->state;
    bool begins = stage > repartition->at.stage;
    repartition->at.stage = stage;
    if (begins)
        repartition->at.source = 0;
    switch (stage) {
    case DF_REPARTITION_FOOTERS:
        return plan_footers(query, plan, error);
    case DF_REPARTITION_SCATTER:
        return begins && begin_scatter(query, plan, error) < 0 ? -1 : plan_scatter(query, plan, error);
    case DF_REPARTITION_GATHER:
        return begins && begin_gather(query, plan, error) < 0 ? -1 : plan_gather(query, plan, error);
    case DF_REPARTITION_COMMIT:
        return plan_commit(query, plan, error);
    default:
        return DF_PLAN_END;
    }
}
