/* The files of a query: remembered as they are listed, so that a later stage can walk them again. */
#include <stdlib.h>

#include "engine/funnel/plan/query.h"

static int remember(struct df_query *query, struct df_funnel_object *object, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    if (funnel->file_count == funnel->file_capacity) {
        size_t capacity = funnel->file_capacity ? funnel->file_capacity * 2 : 64;
        struct df_funnel_file *files = reallocarray(funnel->files, capacity, sizeof *files);
        if (!files)
            return df_error_no_memory(error, "listing files");
        funnel->files = files;
        funnel->file_capacity = capacity;
    }
    struct df_funnel_file *file = &funnel->files[funnel->file_count];
    *file = (struct df_funnel_file){
        .uri = df_arena_text(&query->arena, df_buf_slice(&object->uri)),
        .etag = df_arena_text(&query->arena, df_slice_text(object->etag)),
        .size_bytes = object->size_bytes,
    };
    if (!file->uri || !file->etag)
        return df_error_no_memory(error, "listing files");
    funnel->file_count++;
    funnel->total_bytes += object->size_bytes;
    return 0;
}

int df_funnel_files_reach(struct df_query *query, size_t index, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_funnel_object object = {0};
    int result = 1;
    while (result > 0 && funnel->listing && index >= funnel->file_count) {
        result = df_funnel_listing_next(funnel->listing, &object, error);
        if (result > 0 && remember(query, &object, error) < 0)
            result = -1;
        if (result == 0) {
            df_funnel_listing_close(funnel->listing);
            funnel->listing = NULL;
        }
    }
    df_funnel_object_dispose(&object);
    return result < 0 ? -1 : index < funnel->file_count;
}

static bool lists_have_values(const struct df_funnel_aggregations *aggregations)
{
    for (uint32_t i = 0; i < aggregations->count; i++)
        if (df_funnel_aggregation_is_map(aggregations->items[i].type) ||
            aggregations->items[i].type == DF_FUNNEL_AGG_COUNT_DISTINCT)
            return true;
    return false;
}

/* Whether partials carry tables, whose limit depends on how many files there are. */
static bool has_tables(const struct df_funnel_request *request)
{
    return request->funnel.breakdown.given || lists_have_values(&request->aggregations) ||
           lists_have_values(&request->funnel.step_aggregations) ||
           lists_have_values(&request->funnel.end_aggregations);
}

/* Two files are enough to know whether there are several, and whether their directories are columns. */
int df_funnel_files_begin(struct df_query *query, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    const struct df_funnel_request *request = &funnel->request;
    if (df_funnel_listing_open(&funnel->listing, query, request, error) < 0)
        return -1;
    if (df_funnel_files_reach(query, 1, error) < 0)
        return -1;
    bool directories = false;
    for (size_t i = 0; i < funnel->file_count; i++)
        directories = directories || df_funnel_directories_used(request, funnel->files[i].uri);
    bool counts = request->dataset.groups == DF_FUNNEL_WHOLE && has_tables(request);
    if ((directories || counts) && df_funnel_files_reach(query, SIZE_MAX, error) < 0)
        return -1;
    return directories ? df_funnel_directories_settle(query, error) : 0;
}

size_t df_funnel_files_left(const struct df_funnel_query *funnel)
{
    return funnel->file_count - (size_t)funnel->files_skipped - funnel->bad.count;
}

/* ---- parts and their files ---- */

int df_funnel_files_note_part(struct df_query *query, uint32_t stage, size_t file, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    uint64_t part = funnel->stage_parts[stage];
    if (part >= funnel->part_file_capacity) {
        size_t capacity = funnel->part_file_capacity ? funnel->part_file_capacity * 2 : 64;
        size_t *files = reallocarray(funnel->part_files, capacity, sizeof *files);
        if (!files)
            return df_error_no_memory(error, "planning parts");
        funnel->part_files = files;
        funnel->part_file_capacity = capacity;
    }
    funnel->part_files[part] = file;
    return 0;
}

struct df_funnel_file *df_funnel_files_of_part(const struct df_funnel_query *funnel, const struct df_part *part)
{
    return part->index < funnel->stage_parts[part->stage] && part->index < funnel->part_file_capacity
               ? &funnel->files[funnel->part_files[part->index]]
               : NULL;
}
