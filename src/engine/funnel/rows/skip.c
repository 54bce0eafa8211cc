#include "engine/funnel/rows/skip.h"

#include <stdlib.h>

#include "engine/funnel/rows/skip_look.h"

enum {
    /* Less than that is read in one go anyway, in the time of a look or two. */
    LOOK_BYTES_MIN = 64 * 1024,
    /* Files whose row groups look alike are not asked again and again. */
    FAILURES_MAX = 4,
};

/* ---- statistics ---- */

/* A bound of the time column as the times of batches are. */
static bool time_of_bound(enum df_funnel_time_kind kind, const struct df_parquet_value *bound, int64_t *out)
{
    if (kind == DF_FUNNEL_TIME_FLOAT)
        return bound->kind == DF_VECTOR_FLOAT64 && df_funnel_time_of_seconds(bound->as.float64, out);
    uint64_t turned = kind == DF_FUNNEL_TIME_UINT64 ? UINT64_C(1) << 63 : 0;
    *out = (int64_t)((uint64_t)bound->as.int64 ^ turned);
    return bound->kind == DF_VECTOR_INT64;
}

enum df_funnel_times_are df_funnel_times_of(const struct df_funnel_source_file *file,
                                            const struct df_parquet_bounds *bounds, uint64_t rows)
{
    const struct df_funnel_timeframe *timeframe = &file->state->timeframe;
    enum df_funnel_time_kind kind = file->columns.time.kind;
    int64_t minimum, maximum;
    if (!timeframe->given || !file->state->timeframe_known)
        return DF_FUNNEL_TIMES_INSIDE;
    if (timeframe->empty || (bounds->nulls_known && bounds->null_count >= rows))
        return DF_FUNNEL_TIMES_OUTSIDE; /* rows without time lie in no timeframe */
    if (!bounds->known || !time_of_bound(kind, &bounds->minimum, &minimum) ||
        !time_of_bound(kind, &bounds->maximum, &maximum))
        return DF_FUNNEL_TIMES_EITHER;
    if (minimum > timeframe->high || maximum < timeframe->low)
        return DF_FUNNEL_TIMES_OUTSIDE;
    bool all = bounds->nulls_known && bounds->null_count == 0 && kind != DF_FUNNEL_TIME_FLOAT;
    return all && minimum >= timeframe->low && maximum <= timeframe->high ? DF_FUNNEL_TIMES_INSIDE
                                                                          : DF_FUNNEL_TIMES_EITHER;
}

static enum df_funnel_times_are times_of_group(const struct df_funnel_source_file *file, uint32_t row_group)
{
    static const struct df_parquet_bounds unused;
    if (!file->state->timeframe.given)
        return df_funnel_times_of(file, &unused, 1);
    struct df_parquet_bounds bounds =
        df_parquet_bounds(file->file, row_group, file->columns.columns[file->columns.time_at]);
    return df_funnel_times_of(file, &bounds, df_parquet_row_group_rows(file->file, row_group));
}

struct bounds_of {
    const struct df_funnel_source_file *file;
    uint32_t row_group;
    struct df_parquet_bounds bounds;
};

static const struct df_parquet_bounds *leaf_bounds(void *ctx, uint32_t leaf)
{
    struct bounds_of *of = ctx;
    uint32_t at = of->file->columns.leaves[leaf].vector;
    if (at == DF_FUNNEL_FILTER_FIXED)
        return NULL;
    of->bounds = df_parquet_bounds(of->file->file, of->row_group, of->file->columns.columns[at]);
    return &of->bounds;
}

bool df_funnel_skip_by_statistics(const struct df_funnel_source_file *file, uint32_t row_group)
{
    const struct df_funnel_request *request = file->source.request;
    uint64_t rows = df_parquet_row_group_rows(file->file, row_group);
    struct bounds_of of = {.file = file, .row_group = row_group};
    if (request->without & DF_FUNNEL_WITHOUT_STATISTICS)
        return false;
    return times_of_group(file, row_group) == DF_FUNNEL_TIMES_OUTSIDE ||
           (request->where != DF_FUNNEL_NONE &&
            !df_funnel_filter_set_may_match(file->state->filters, request->where, rows, leaf_bounds, &of));
}

/* ---- what is known ---- */

uint32_t df_funnel_look_column(const struct df_funnel_look *look, uint32_t leaf)
{
    return look->file->columns.columns[look->file->columns.leaves[leaf].vector];
}

struct df_funnel_known df_funnel_look_known(void *ctx, uint32_t leaf)
{
    struct df_funnel_look *look = ctx;
    struct df_funnel_known known = {.rows = look->rows, .absent = look->absent[leaf]};
    if (look->file->columns.leaves[leaf].vector == DF_FUNNEL_FILTER_FIXED)
        return known;
    if (look->file->source.request->without & DF_FUNNEL_WITHOUT_STATISTICS)
        return known;
    look->bounds = df_parquet_bounds(look->file->file, look->row_group, df_funnel_look_column(look, leaf));
    known.bounds = &look->bounds;
    return known;
}

static struct df_funnel_known hoped(void *ctx, uint32_t leaf)
{
    struct df_funnel_look *look = ctx;
    struct df_funnel_known known = df_funnel_look_known(look, leaf);
    known.hopeful = look->hopeful[leaf];
    return known;
}

static bool drops_all(struct df_funnel_look *look, df_funnel_known_fn *known)
{
    const struct df_funnel_request *request = look->file->source.request;
    return request->where != DF_FUNNEL_NONE &&
           !df_funnel_filter_set_may_pass(look->file->state->filters, request->where, known, look);
}

bool df_funnel_look_rules_out(struct df_funnel_look *look)
{
    return drops_all(look, df_funnel_look_known);
}

bool df_funnel_look_hopes(struct df_funnel_look *look)
{
    return drops_all(look, hoped);
}

struct df_parquet_reading df_funnel_look_reading(const struct df_funnel_look *look)
{
    const struct df_task *task = look->file->task;
    return (struct df_parquet_reading){
        .budget = task->budget, .deadline = task->deadline, .cancelled = task->cancelled};
}

bool df_funnel_look_may_go_on(const struct df_error *error)
{
    return error->kind == DF_ERROR_CORRUPT || error->kind == DF_ERROR_UNSUPPORTED || error->kind == DF_ERROR_EXHAUSTED;
}

/* ---- one row group ---- */

static uint64_t bytes_at_stake(const struct df_funnel_source_file *file, uint32_t row_group)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < file->columns.column_count; i++)
        bytes += df_parquet_chunk_bytes(file->file, row_group, file->columns.columns[i]);
    return bytes;
}

enum { BLOOM, DICTIONARY, PAGES };

static bool may_try(const struct df_funnel_look *look, unsigned step)
{
    static const uint32_t without[] = {DF_FUNNEL_WITHOUT_BLOOM, DF_FUNNEL_WITHOUT_DICTIONARY, DF_FUNNEL_WITHOUT_PAGES};
    return !(look->file->source.request->without & without[step]) &&
           look->file->state->skip.failures[step] < FAILURES_MAX;
}

/* The steps in their order. The bytes that a step has read tell whether it has looked at all. */
static int take_steps(struct df_funnel_look *look, struct df_funnel_kept *kept, struct df_error *error)
{
    struct df_funnel_skip *skip = &look->file->state->skip;
    uint64_t *const counters[] = {&look->file->skips.by_bloom, &look->file->skips.by_dictionary,
                                  &look->file->skips.by_pages};
    for (unsigned step = BLOOM; step <= PAGES; step++) {
        uint64_t read_before = look->file->bytes_read;
        if (!may_try(look, step))
            continue;
        int result = step == BLOOM        ? df_funnel_look_at_bloom_filters(look, error)
                     : step == DICTIONARY ? df_funnel_look_at_dictionaries(look, error)
                                          : df_funnel_look_at_pages(look, kept, error);
        if (result < 0)
            return -1;
        bool looked = look->file->bytes_read > read_before;
        kept->looked |= looked;
        if (result > 0) {
            skip->failures[step] = 0;
            kept->none = !kept->rows;
            *counters[step] += kept->none;
            return 0;
        }
        skip->failures[step] = (uint8_t)(skip->failures[step] + looked);
    }
    return 0;
}

static int look(struct df_funnel_source_file *file, uint32_t row_group, struct df_funnel_kept *kept,
                struct df_error *error)
{
    const struct df_funnel_request *request = file->source.request;
    uint32_t leaf_count = request->filters.leaf_count;
    struct df_funnel_look at = {.file = file,
                                .row_group = row_group,
                                .rows = df_parquet_row_group_rows(file->file, row_group),
                                .bytes = bytes_at_stake(file, row_group),
                                .time_at_stake = times_of_group(file, row_group) != DF_FUNNEL_TIMES_INSIDE};
    if (at.rows == 0 || at.bytes < LOOK_BYTES_MIN || (request->where == DF_FUNNEL_NONE && !at.time_at_stake))
        return 0;
    at.leaves = calloc((size_t)leaf_count * 3 + 1, sizeof *at.leaves);
    if (!at.leaves)
        return df_error_no_memory(error, "looking at indexes");
    at.absent = at.leaves + leaf_count;
    at.hopeful = at.absent + leaf_count;
    if (request->where != DF_FUNNEL_NONE)
        df_funnel_filter_set_leaves(file->state->filters, request->where, at.leaves);
    int result = take_steps(&at, kept, error);
    free(at.leaves);
    return result;
}

int df_funnel_skip_decide(struct df_funnel_source_file *file, uint32_t row_group, const struct df_funnel_kept **kept,
                          struct df_error *error)
{
    struct df_funnel_skip *skip = &file->state->skip;
    if (!skip->groups) {
        skip->groups = calloc((size_t)df_parquet_row_group_count(file->file) + 1, sizeof *skip->groups);
        if (!skip->groups)
            return df_error_no_memory(error, "looking at row groups");
    }
    struct df_funnel_kept *group = &skip->groups[row_group];
    *kept = group;
    if (group->decided)
        return 0;
    group->none = df_funnel_skip_by_statistics(file, row_group);
    if (!group->none && look(file, row_group, group, error) < 0)
        return -1;
    group->decided = true;
    return 0;
}

void df_funnel_skip_dispose(struct df_funnel_source_file *file)
{
    struct df_funnel_skip *skip = &file->state->skip;
    for (uint32_t i = 0; skip->groups && i < df_parquet_row_group_count(file->file); i++) {
        free(skip->groups[i].rows);
        df_budget_give(file->task->budget, skip->groups[i].taken_bytes);
    }
    free(skip->groups);
    *skip = (struct df_funnel_skip){0};
}
