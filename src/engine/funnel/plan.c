/* From files to the parts of a stage. Stage 0 lists while it plans; later stages walk what stage 0 found. */
#include <stdlib.h>

#include "engine/funnel/query.h"

enum {
    FOOTER_WEIGHT_BYTES = 64 * 1024,    /* a footer is read in one or two requests */
    ALONE_BYTES_MAX = 32 * 1024 * 1024, /* one file below this is counted by one worker before another could start */
    GATHER_ROW_BYTES = 16,              /* what a row weighs in a section */
};

static int add_part(struct df_plan *plan, const struct df_funnel_detail *detail, struct df_part *part,
                    struct df_error *error)
{
    uint8_t place[DF_FUNNEL_DETAIL_BYTES];
    part->detail = df_funnel_detail_encode(detail, place);
    return df_plan_add(plan, part, error);
}

/* ---- stage 0 ---- */

/* The next file: those looked at ahead come first. */
static int next_object(struct df_funnel_query *funnel, struct df_funnel_object *object, struct df_error *error)
{
    struct df_funnel_object *ahead = funnel->first.known ? &funnel->first : &funnel->second;
    if (!ahead->known)
        return funnel->listing ? df_funnel_listing_next(funnel->listing, object, error) : 0;
    df_buf_move(&object->uri, &ahead->uri);
    object->size_bytes = ahead->size_bytes;
    memcpy(object->etag, ahead->etag, sizeof object->etag);
    object->known = true;
    ahead->known = false;
    return 1;
}

/* A single file needs no question whether its users are whole; two files are enough to know that it is not alone. */
static int decide_first(struct df_funnel_query *funnel, struct df_error *error)
{
    funnel->roles[0] = DF_FUNNEL_FOOTERS;
    if (funnel->request.groups == DF_FUNNEL_WHOLE)
        funnel->roles[0] = DF_FUNNEL_COUNT;
    if (funnel->request.groups != DF_FUNNEL_AUTO)
        return 0;
    if (df_funnel_listing_next(funnel->listing, &funnel->first, error) < 0 ||
        df_funnel_listing_next(funnel->listing, &funnel->second, error) < 0)
        return -1;
    if (!funnel->second.known && funnel->first.size_bytes <= ALONE_BYTES_MAX)
        funnel->roles[0] = DF_FUNNEL_COUNT;
    return 0;
}

static int remember_file(struct df_query *query, struct df_funnel_object *object, struct df_error *error)
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
    struct df_funnel_file *file = &funnel->files[funnel->file_count++];
    *file = (struct df_funnel_file){
        .uri = df_arena_text(&query->arena, df_buf_slice(&object->uri)),
        .etag = df_arena_text(&query->arena, df_slice_text(object->etag)),
        .size_bytes = object->size_bytes,
    };
    return file->uri && file->etag ? 0 : df_error_no_memory(error, "listing files");
}

static int add_file(struct df_query *query, struct df_plan *plan, struct df_funnel_object *object,
                    struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_funnel_detail detail = {.role = funnel->roles[0]};
    bool footer = detail.role == DF_FUNNEL_FOOTERS;
    if (footer && remember_file(query, object, error) < 0)
        return -1;
    df_query_count(query, "parts", 1);
    df_query_count(query, "totalSize", object->size_bytes);
    struct df_part part = {.uri = df_buf_text(&object->uri),
                           .etag = object->etag,
                           .size_bytes = object->size_bytes,
                           .weight_bytes = footer ? FOOTER_WEIGHT_BYTES : object->size_bytes};
    return add_part(plan, &detail, &part, error);
}

static int plan_files(struct df_query *query, struct df_plan *plan, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_funnel_object object = {0};
    if (funnel->roles[0] == 0 && (df_funnel_listing_open(&funnel->listing, query, &funnel->request, error) < 0 ||
                                  decide_first(funnel, error) < 0))
        return -1;
    int result = DF_PLAN_MORE;
    for (uint32_t room = plan->room; result == DF_PLAN_MORE && room > 0; room--) {
        int found = next_object(funnel, &object, error);
        if (found < 0 || (found > 0 && add_file(query, plan, &object, error) < 0))
            result = -1;
        else if (found == 0)
            result = DF_PLAN_END;
    }
    df_funnel_object_dispose(&object);
    if (result == DF_PLAN_END) {
        df_funnel_listing_close(funnel->listing);
        funnel->listing = NULL;
    }
    return result;
}

/* ---- after footers ---- */

static struct df_part file_part(const struct df_funnel_file *file)
{
    return (struct df_part){.uri = file->uri, .etag = file->etag, .size_bytes = file->size_bytes};
}

static int plan_counts(struct df_query *query, struct df_plan *plan, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    const struct df_funnel_detail detail = {.role = DF_FUNNEL_COUNT};
    for (uint32_t room = plan->room; funnel->at.file < funnel->file_count; funnel->at.file++) {
        const struct df_funnel_file *file = &funnel->files[funnel->at.file];
        if (file->footer.rows == 0)
            continue;
        if (room-- == 0)
            return DF_PLAN_MORE;
        struct df_part part = file_part(file);
        for (uint32_t i = 0; i < file->footer.unit_count; i++)
            part.weight_bytes += file->footer.units[i].bytes;
        if (add_part(plan, &detail, &part, error) < 0)
            return -1;
    }
    return DF_PLAN_END;
}

static void next_file(struct df_funnel_query *funnel)
{
    funnel->at.file++;
    funnel->at.unit = 0;
    funnel->at.row_group = 0;
}

static int add_scatter(struct df_funnel_query *funnel, struct df_plan *plan, struct df_error *error)
{
    const struct df_funnel_detail detail = {.role = DF_FUNNEL_SCATTER};
    const struct df_funnel_file *file = &funnel->files[funnel->at.file];
    struct df_part part = file_part(file);
    part.range_begin = part.range_end = funnel->at.row_group;
    uint32_t end = funnel->at.unit + df_funnel_scatter_units(funnel, file, funnel->at.unit);
    for (; funnel->at.unit < end; funnel->at.unit++) {
        part.range_end += file->footer.units[funnel->at.unit].row_groups;
        part.weight_bytes += file->footer.units[funnel->at.unit].bytes;
    }
    funnel->at.row_group = part.range_end;
    return add_part(plan, &detail, &part, error);
}

static int plan_scatter(struct df_query *query, struct df_plan *plan, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    plan->sections = funnel->sections;
    for (uint32_t room = plan->room; funnel->at.file < funnel->file_count;) {
        const struct df_funnel_file *file = &funnel->files[funnel->at.file];
        if (file->footer.rows == 0 || funnel->at.unit == file->footer.unit_count) {
            next_file(funnel);
            continue;
        }
        if (room-- == 0)
            return DF_PLAN_MORE;
        if (add_scatter(funnel, plan, error) < 0)
            return -1;
    }
    return DF_PLAN_END;
}

static int plan_gather(struct df_query *query, struct df_plan *plan, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    const struct df_funnel_detail detail = {.role = DF_FUNNEL_GATHER, .kind = funnel->kind};
    uint64_t row_bytes = df_query_counter(query, "scannedRows") / funnel->sections * GATHER_ROW_BYTES;
    plan->parts_expected = (funnel->sections + funnel->sections_per_part - 1) / funnel->sections_per_part;
    for (uint32_t room = plan->room; funnel->at.section < funnel->sections; room--) {
        if (room == 0)
            return DF_PLAN_MORE;
        uint32_t left = funnel->sections - funnel->at.section;
        uint32_t some = left < funnel->sections_per_part ? left : funnel->sections_per_part;
        struct df_part part = {.uri = "",
                               .etag = "",
                               .range_begin = funnel->at.section,
                               .range_end = funnel->at.section + some,
                               .weight_bytes = row_bytes * some};
        funnel->at.section += some;
        if (add_part(plan, &detail, &part, error) < 0)
            return -1;
    }
    return DF_PLAN_END;
}

/* Which role a stage has follows from the one before, and is decided once, when that one is folded. */
static int decide_stage(struct df_query *query, uint32_t stage, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    if (stage == 0 || funnel->roles[stage])
        return 0;
    if (funnel->roles[stage - 1] == DF_FUNNEL_FOOTERS)
        return df_funnel_decide(query, &funnel->roles[stage], error);
    if (funnel->roles[stage - 1] == DF_FUNNEL_SCATTER)
        funnel->roles[stage] = DF_FUNNEL_GATHER;
    return 0;
}

int df_funnel_plan(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    if (stage >= DF_FUNNEL_STAGES_MAX)
        return DF_PLAN_END;
    if (decide_stage(query, stage, error) < 0)
        return -1;
    if (stage == 0)
        return plan_files(query, plan, error);
    switch (funnel->roles[stage]) {
    case DF_FUNNEL_COUNT:
        return plan_counts(query, plan, error);
    case DF_FUNNEL_SCATTER:
        return plan_scatter(query, plan, error);
    case DF_FUNNEL_GATHER:
        return plan_gather(query, plan, error);
    default:
        return DF_PLAN_END;
    }
}
