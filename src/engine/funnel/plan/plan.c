/* From files to the parts of a stage. Stage 0 lists while it plans; later stages walk what stage 0 found. */
#include "engine/funnel/plan/query.h"

enum {
    FOOTER_WEIGHT_BYTES = 64 * 1024,    /* a footer is read in one or two requests */
    ALONE_BYTES_MAX = 32 * 1024 * 1024, /* one file below this is counted by one worker before another could start */
    GATHER_ROW_BYTES = 16,              /* what a row weighs in a section */
    VALUE_ROW_BYTES = 4,                /* and in the values that come of it */
};

static int add_part(struct df_query *query, uint32_t stage, struct df_plan *plan, const struct df_funnel_detail *detail,
                    struct df_part *part, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    bool of_file = detail->role != DF_FUNNEL_ROLE_GATHER && detail->role != DF_FUNNEL_ROLE_VALUES;
    if (of_file && df_funnel_files_note_part(query, stage, funnel->at.file, error) < 0)
        return -1;
    struct df_buf encoded = {0};
    df_funnel_detail_encode(detail, &encoded);
    part->detail = df_buf_slice(&encoded);
    int result = df_buf_failed(&encoded) ? df_error_no_memory(error, "planning parts") : df_plan_add(plan, part, error);
    df_buf_dispose(&encoded);
    if (result == 0)
        funnel->stage_parts[stage]++;
    return result;
}

/* What the parts of a role need to know, but for the file. */
static struct df_funnel_detail detail_of(const struct df_funnel_query *funnel, enum df_funnel_role role)
{
    return (struct df_funnel_detail){.role = role,
                                     .values_apart = funnel->values_apart &&
                                                     (role == DF_FUNNEL_ROLE_WHOLE || role == DF_FUNNEL_ROLE_GATHER),
                                     .string_directories = funnel->string_directories,
                                     .string_directory_count = funnel->string_directory_count,
                                     .token = df_funnel_export_token(funnel)};
}

static struct df_part file_part(const struct df_funnel_file *file)
{
    return (struct df_part){.uri = file->uri, .etag = file->etag, .size_bytes = file->size_bytes};
}

/* ---- files: FOOTERS and WHOLE_FILE ---- */

static bool nothing_to_do(const struct df_funnel_file *file, enum df_funnel_role role)
{
    return file->skipped || file->left_out ||
           (role == DF_FUNNEL_ROLE_WHOLE && file->footer_known && file->footer.rows == 0);
}

/* Files that will give a partial result, when all are listed. */
static uint64_t count_whole(const struct df_funnel_query *funnel)
{
    uint64_t count = 0;
    for (size_t i = 0; i < funnel->file_count; i++)
        count += !nothing_to_do(&funnel->files[i], DF_FUNNEL_ROLE_WHOLE);
    return count;
}

static int add_file(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_funnel_detail *detail,
                    struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    const struct df_funnel_file *file = &funnel->files[funnel->at.file];
    struct df_part part = file_part(file);
    part.weight_bytes = file->footer_known ? file->footer.bytes : file->size_bytes;
    if (detail->role == DF_FUNNEL_ROLE_FOOTERS)
        part.weight_bytes = FOOTER_WEIGHT_BYTES;
    else
        funnel->scan.parts++;
    return add_part(query, stage, plan, detail, &part, error);
}

struct df_funnel_detail df_funnel_detail_of_files(const struct df_query *query, enum df_funnel_role role)
{
    const struct df_funnel_query *funnel = query->state;
    struct df_funnel_detail detail = detail_of(funnel, role);
    detail.inline_values = df_funnel_inline_values(query, count_whole(funnel));
    detail.has_shape = role == DF_FUNNEL_ROLE_WHOLE && funnel->roles[0] == DF_FUNNEL_ROLE_FOOTERS;
    detail.shape = funnel->agreed.shape;
    return detail;
}

static int plan_files(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_funnel_detail detail = df_funnel_detail_of_files(query, funnel->roles[stage]);
    plan->sections = detail.values_apart ? funnel->value_sections : 0;
    for (;; funnel->at.file++) {
        int reached = df_funnel_files_reach(query, funnel->at.file, error);
        if (reached <= 0)
            return reached < 0 ? -1 : DF_PLAN_END;
        if (nothing_to_do(&funnel->files[funnel->at.file], detail.role))
            continue;
        if (plan->room == 0)
            return DF_PLAN_MORE;
        if (add_file(query, stage, plan, &detail, error) < 0)
            return -1;
    }
}

/* A single file needs no question whether its users are whole; a guess of the unit of time needs every footer. */
static enum df_funnel_role first_role(struct df_funnel_query *funnel)
{
    const struct df_funnel_dataset *dataset = &funnel->request.dataset;
    bool guess = funnel->request.time_unit && !dataset->unit_given;
    /* An exported file has columns of one type: that of all files together. */
    bool export = funnel->request.funnel.cohort.given && df_funnel_files_left(funnel) > 1;
    if (guess || export || dataset->groups == DF_FUNNEL_SPREAD)
        return DF_FUNNEL_ROLE_FOOTERS;
    if (dataset->groups == DF_FUNNEL_WHOLE) {
        funnel->reasons.whole_or_spread = "it was promised (groups: whole)";
        return DF_FUNNEL_ROLE_WHOLE;
    }
    uint64_t bytes = 0;
    for (size_t i = 0; i < funnel->file_count; i++)
        bytes = funnel->files[i].skipped ? bytes : funnel->files[i].size_bytes;
    if (df_funnel_files_left(funnel) != 1 || bytes == 0 || bytes > ALONE_BYTES_MAX)
        return DF_FUNNEL_ROLE_FOOTERS;
    funnel->reasons.whole_or_spread = "all rows that matter are in one file";
    return DF_FUNNEL_ROLE_WHOLE;
}

/* ---- row groups: SCATTER ---- */

static void next_file(struct df_funnel_query *funnel)
{
    funnel->at.file++;
    funnel->at.stretch = 0;
    funnel->at.row_group = 0;
}

/* What is skipped at the beginning and at the end of a part belongs to none. */
static void pass_skipped(struct df_funnel_query *funnel, const struct df_funnel_footer *footer)
{
    for (; funnel->at.stretch < footer->stretch_count &&
           df_funnel_stretch_skipped(&footer->stretches[funnel->at.stretch]);
         funnel->at.stretch++)
        funnel->at.row_group += footer->stretches[funnel->at.stretch].row_groups;
}

static int add_scatter(struct df_query *query, uint32_t stage, struct df_plan *plan,
                       const struct df_funnel_detail *detail, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    const struct df_funnel_file *file = &funnel->files[funnel->at.file];
    struct df_part part = file_part(file);
    part.range_begin = part.range_end = funnel->at.row_group;
    uint32_t end = funnel->at.stretch + df_funnel_scatter_stretches(funnel, file, funnel->at.stretch);
    for (; funnel->at.stretch < end; funnel->at.stretch++) {
        const struct df_funnel_stretch *stretch = &file->footer.stretches[funnel->at.stretch];
        funnel->at.row_group += stretch->row_groups;
        part.weight_bytes += stretch->bytes;
        if (!df_funnel_stretch_skipped(stretch))
            part.range_end = funnel->at.row_group;
    }
    return add_part(query, stage, plan, detail, &part, error);
}

static int plan_scatter(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    const struct df_funnel_detail detail = detail_of(funnel, DF_FUNNEL_ROLE_SCATTER);
    plan->sections = funnel->sections;
    while (funnel->at.file < funnel->file_count) {
        const struct df_funnel_file *file = &funnel->files[funnel->at.file];
        pass_skipped(funnel, &file->footer);
        if (file->footer.rows == 0 || funnel->at.stretch == file->footer.stretch_count) {
            next_file(funnel);
            continue;
        }
        if (plan->room == 0)
            return DF_PLAN_MORE;
        if (add_scatter(query, stage, plan, &detail, error) < 0)
            return -1;
    }
    return DF_PLAN_END;
}

/* ---- sections: GATHER and VALUES ---- */

/* A part for the next `some` sections of `sections`. */
static int plan_sections(struct df_query *query, uint32_t stage, struct df_plan *plan,
                         const struct df_funnel_detail *detail, uint32_t sections, uint32_t some, uint64_t row_bytes,
                         struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    plan->parts_expected = (sections + some - 1) / some;
    while (funnel->at.section < sections) {
        if (plan->room == 0)
            return DF_PLAN_MORE;
        uint32_t left = sections - funnel->at.section;
        uint32_t taken = left < some ? left : some;
        struct df_part part = {.uri = "",
                               .etag = "",
                               .range_begin = funnel->at.section,
                               .range_end = funnel->at.section + taken,
                               .weight_bytes = funnel->scan.rows / sections * row_bytes * taken};
        funnel->at.section += taken;
        if (add_part(query, stage, plan, detail, &part, error) < 0)
            return -1;
    }
    return DF_PLAN_END;
}

static int plan_gather(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    uint32_t some = funnel->sections_per_part;
    struct df_funnel_detail detail = detail_of(funnel, DF_FUNNEL_ROLE_GATHER);
    detail.has_shape = true;
    detail.shape = funnel->agreed.shape;
    funnel->scan.parts = (funnel->sections + some - 1) / some;
    detail.inline_values = df_funnel_inline_values(query, funnel->scan.parts);
    plan->sections = funnel->values_apart ? funnel->value_sections : 0;
    return plan_sections(query, stage, plan, &detail, funnel->sections, some, GATHER_ROW_BYTES, error);
}

static int plan_values(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    const struct df_funnel_detail detail = detail_of(funnel, DF_FUNNEL_ROLE_VALUES);
    return plan_sections(query, stage, plan, &detail, funnel->value_sections, 1, VALUE_ROW_BYTES, error);
}

/* ---- which stage is it? ---- */

static int role_after(struct df_query *query, enum df_funnel_role before, enum df_funnel_role *role,
                      struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    if (funnel->bad.fresh)
        return df_funnel_again_without_bad(query, before, role, error);
    switch (before) {
    case DF_FUNNEL_ROLE_FOOTERS:
        return df_funnel_decide(query, role, error);
    case DF_FUNNEL_ROLE_SCATTER:
        *role = DF_FUNNEL_ROLE_GATHER;
        return 0;
    case DF_FUNNEL_ROLE_WHOLE:
    case DF_FUNNEL_ROLE_GATHER:
        if (funnel->scan.over) {
            *role = before == DF_FUNNEL_ROLE_GATHER ? DF_FUNNEL_ROLE_SCATTER : DF_FUNNEL_ROLE_WHOLE;
            return df_funnel_again_with_values_apart(query, error);
        }
        *role = funnel->values_apart ? DF_FUNNEL_ROLE_VALUES : 0;
        return 0;
    default:
        *role = 0;
        return 0;
    }
}

/* Which role a stage has follows from the one before, and is decided once, when that one is folded. */
static int begin_stage(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    int result = 0;
    if (funnel->decided[stage])
        return 0;
    funnel->decided[stage] = true;
    memset(&funnel->at, 0, sizeof funnel->at);
    if (stage > 0)
        result = role_after(query, funnel->roles[stage - 1], &funnel->roles[stage], error);
    else if ((result = df_funnel_files_begin(query, error)) == 0)
        funnel->roles[0] = first_role(funnel);
    if (result < 0 || funnel->roles[stage] == 0)
        return result;
    df_buf_clear(&funnel->worker_request);
    if (df_funnel_request_for_workers(query->request, funnel->unit_guessed ? &funnel->guessed_unit : NULL,
                                      &funnel->worker_request, error) < 0)
        return -1;
    plan->request = df_buf_slice(&funnel->worker_request);
    return 0;
}

int df_funnel_plan(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    if (stage >= DF_FUNNEL_STAGES_MAX)
        return df_error_set(error, DF_ERROR_CONFLICT,
                            "files of the data set go on vanishing or changing while they are read; ask again when "
                            "they rest");
    if (begin_stage(query, stage, plan, error) < 0)
        return -1;
    switch (funnel->roles[stage]) {
    case DF_FUNNEL_ROLE_FOOTERS:
    case DF_FUNNEL_ROLE_WHOLE:
        return plan_files(query, stage, plan, error);
    case DF_FUNNEL_ROLE_SCATTER:
        return plan_scatter(query, stage, plan, error);
    case DF_FUNNEL_ROLE_GATHER:
        return plan_gather(query, stage, plan, error);
    case DF_FUNNEL_ROLE_VALUES:
        return plan_values(query, stage, plan, error);
    default:
        return DF_PLAN_END;
    }
}
