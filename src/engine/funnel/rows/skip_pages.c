/* Ranges of rows that are left by the column and offset indexes of the columns of `where`, and of the times.
 *
 *   column a    | page 0      | page 1                | page 2 |      bounds of each page
 *   column b    | page 0  | page 1        | page 2      | page 3    |
 *   pieces      |         |   |           |           |   |   |     |   each with one page of every column
 *   left        |---------|               |-----------|                 ranges where `where` may hold */
#include "engine/funnel/rows/skip_look.h"

#include <stdlib.h>

enum {
    COLUMNS_MAX = 16,
    INDEX_PART = 8,        /* indexes are read if they are shorter than that part of what they may save */
    OFFSET_BYTES_MIN = 40, /* of an offset index of four pages or so: of fewer ones little can be left out */
    GAP_ROWS_MIN = 512,    /* decoding so many rows costs what ending a batch and beginning another does */
    GAIN_PART = 8,         /* reading by ranges costs the offset indexes of all columns */
};
#define NO_CHUNK UINT32_MAX

struct chunk {
    uint32_t at; /* position in columns.columns */
    struct df_parquet_index index;
    uint32_t page; /* that the piece lies in */
};

struct walk {
    struct df_funnel_look *look;
    struct chunk chunks[COLUMNS_MAX];
    uint32_t chunk_count;
    struct df_parquet_bounds bounds; /* of the leaf asked about last */
    struct df_parquet_rows *rows;    /* what is left */
    uint32_t count, capacity;
    uint64_t left, taken_bytes;
};

/* ---- which indexes ---- */

static bool worth(const struct df_funnel_look *look, uint32_t at)
{
    const struct df_funnel_source_file *file = look->file;
    struct df_parquet_index_sizes sizes =
        df_parquet_index_sizes(file->file, look->row_group, file->columns.columns[at]);
    uint64_t bytes = sizes.column_bytes + sizes.offset_bytes;
    return sizes.column_bytes > 0 && sizes.offset_bytes >= OFFSET_BYTES_MIN && bytes < look->bytes / INDEX_PART;
}

static void want(struct walk *walk, uint32_t at)
{
    for (uint32_t i = 0; i < walk->chunk_count; i++)
        if (walk->chunks[i].at == at)
            return;
    if (walk->chunk_count < COLUMNS_MAX)
        walk->chunks[walk->chunk_count++] = (struct chunk){.at = at};
}

static void choose(struct walk *walk)
{
    struct df_funnel_look *look = walk->look;
    const struct df_funnel_source_file *file = look->file;
    uint32_t leaf_count = file->source.request->filters.leaf_count;
    for (uint32_t i = 0; i < leaf_count; i++)
        look->hopeful[i] = look->leaves[i] && df_funnel_filter_set_wants_bounds(file->state->filters, i) &&
                           worth(look, file->columns.leaves[i].vector);
    if (look->time_at_stake && worth(look, file->columns.time_at))
        want(walk, file->columns.time_at);
    if (!df_funnel_look_hopes(look))
        return;
    for (uint32_t i = 0; i < leaf_count; i++)
        if (look->hopeful[i])
            want(walk, file->columns.leaves[i].vector);
}

/* Reads those that can be read; the others are as if they were not there. */
static int read_indexes(struct walk *walk, struct df_error *error)
{
    struct df_funnel_source_file *file = walk->look->file;
    struct df_parquet_reading how = df_funnel_look_reading(walk->look);
    uint32_t wanted = walk->chunk_count;
    walk->chunk_count = 0;
    for (uint32_t i = 0; i < wanted; i++) {
        struct df_error problem = {0};
        struct chunk *chunk = &walk->chunks[walk->chunk_count];
        chunk->at = walk->chunks[i].at;
        int result = df_parquet_index_read(&chunk->index, file->file, walk->look->row_group,
                                           file->columns.columns[chunk->at], &how, &problem);
        if (result < 0 && !df_funnel_look_may_go_on(&problem)) {
            *error = problem;
            return -1;
        }
        if (result <= 0)
            continue;
        file->bytes_read += chunk->index.bytes_read;
        walk->chunk_count++;
        if (!chunk->index.has_bounds || chunk->index.page_count < 2) {
            df_parquet_index_dispose(&chunk->index);
            walk->chunk_count--;
        }
    }
    return 0;
}

/* ---- a piece ---- */

/* Of the page that the piece lies in, with what the row group says where the page says nothing. */
static uint64_t refine(struct df_parquet_bounds *bounds, const struct chunk *chunk)
{
    const struct df_parquet_index_page *page = &chunk->index.pages[chunk->page];
    bool no_nulls = bounds->nulls_known && bounds->null_count == 0;
    if (page->bounds.known) {
        bounds->known = true;
        bounds->minimum = page->bounds.minimum;
        bounds->maximum = page->bounds.maximum;
    }
    bounds->nulls_known = page->bounds.nulls_known || page->nulls_only || no_nulls;
    bounds->null_count = page->nulls_only ? page->row_count : page->bounds.nulls_known ? page->bounds.null_count : 0;
    return page->row_count;
}

static const struct chunk *chunk_of(const struct walk *walk, uint32_t at)
{
    for (uint32_t i = 0; i < walk->chunk_count; i++)
        if (walk->chunks[i].at == at)
            return &walk->chunks[i];
    return NULL;
}

static struct df_funnel_known known_of(void *ctx, uint32_t leaf)
{
    struct walk *walk = ctx;
    struct df_funnel_known known = df_funnel_look_known(walk->look, leaf);
    uint32_t at = walk->look->file->columns.leaves[leaf].vector;
    const struct chunk *chunk = at == DF_FUNNEL_FILTER_FIXED ? NULL : chunk_of(walk, at);
    if (!chunk)
        return known;
    walk->bounds = known.bounds ? *known.bounds : (struct df_parquet_bounds){0};
    known.rows = refine(&walk->bounds, chunk);
    known.bounds = &walk->bounds;
    return known;
}

static bool times_are_outside(struct walk *walk)
{
    const struct df_funnel_source_file *file = walk->look->file;
    const struct chunk *chunk = chunk_of(walk, file->columns.time_at);
    struct df_parquet_bounds bounds = {0};
    if (!chunk || !file->state->timeframe.given)
        return false;
    uint64_t rows = refine(&bounds, chunk);
    return df_funnel_times_of(file, &bounds, rows) == DF_FUNNEL_TIMES_OUTSIDE;
}

static bool may_matter(struct walk *walk)
{
    const struct df_funnel_source_file *file = walk->look->file;
    uint32_t where = file->source.request->where;
    if (times_are_outside(walk))
        return false;
    return where == DF_FUNNEL_NONE || df_funnel_filter_set_may_pass(file->state->filters, where, known_of, walk);
}

/* ---- all of them ---- */

/* Where the piece that begins at a row ends: every column turns to the page that the row lies in. */
static uint64_t turn_pages(struct walk *walk, uint64_t begin)
{
    uint64_t end = walk->look->rows;
    for (uint32_t i = 0; i < walk->chunk_count; i++) {
        struct chunk *chunk = &walk->chunks[i];
        const struct df_parquet_index_page *pages = chunk->index.pages;
        while (pages[chunk->page].first_row + pages[chunk->page].row_count <= begin)
            chunk->page++; /* the pages of an index hold all rows, and `begin` is one of them */
        uint64_t page_end = pages[chunk->page].first_row + pages[chunk->page].row_count;
        end = page_end < end ? page_end : end;
    }
    return end;
}

/* False: there is no memory for it. */
static bool make_room(struct walk *walk)
{
    struct df_budget *budget = walk->look->file->task->budget;
    if (walk->rows && walk->count < walk->capacity)
        return true;
    uint32_t capacity = walk->capacity ? walk->capacity * 2 : 16;
    uint64_t more = (uint64_t)(capacity - walk->capacity) * sizeof *walk->rows;
    if (!df_budget_take(budget, more))
        return false;
    struct df_parquet_rows *rows = realloc(walk->rows, capacity * sizeof *rows);
    if (!rows) {
        df_budget_give(budget, more);
        return false;
    }
    walk->rows = rows;
    walk->capacity = capacity;
    walk->taken_bytes += more;
    return true;
}

static bool keep(struct walk *walk, uint64_t begin, uint64_t end)
{
    struct df_parquet_rows *last = walk->count > 0 ? &walk->rows[walk->count - 1] : NULL;
    if (last && begin - last->end < GAP_ROWS_MIN) {
        walk->left += end - last->end;
        last->end = end;
        return true;
    }
    if (!make_room(walk))
        return false;
    walk->rows[walk->count++] =
        (struct df_parquet_rows){.row_group = walk->look->row_group, .begin = begin, .end = end};
    walk->left += end - begin;
    return true;
}

/* False when memory was too short to say. */
static bool walk_rows(struct walk *walk)
{
    for (uint64_t begin = 0, end; begin < walk->look->rows; begin = end) {
        end = turn_pages(walk, begin);
        if (may_matter(walk) && !keep(walk, begin, end))
            return false;
    }
    return true;
}

static void count_pages(const struct walk *walk, bool by_ranges, struct df_funnel_skip_counts *counts)
{
    for (uint32_t i = 0; i < walk->chunk_count; i++) {
        const struct df_parquet_index *index = &walk->chunks[i].index;
        for (uint32_t page = 0, range = 0; page < index->page_count; page++) {
            uint64_t begin = index->pages[page].first_row, end = begin + index->pages[page].row_count;
            while (range < walk->count && walk->rows[range].end <= begin)
                range++;
            bool read = !by_ranges || (range < walk->count && walk->rows[range].begin < end);
            counts->pages_read += read;
            counts->pages_skipped += !read;
        }
    }
}

static void dispose(struct walk *walk)
{
    for (uint32_t i = 0; i < walk->chunk_count; i++)
        df_parquet_index_dispose(&walk->chunks[i].index);
    free(walk->rows);
    df_budget_give(walk->look->file->task->budget, walk->taken_bytes);
}

int df_funnel_look_at_pages(struct df_funnel_look *look, struct df_funnel_kept *kept, struct df_error *error)
{
    struct walk walk = {.look = look};
    choose(&walk);
    int result = read_indexes(&walk, error);
    if (result == 0 && walk.chunk_count > 0) {
        bool gain = walk_rows(&walk) && walk.left <= look->rows - look->rows / GAIN_PART;
        count_pages(&walk, gain, &look->file->skips);
        result = gain;
        if (gain && walk.left > 0) {
            kept->rows = walk.rows;
            kept->count = walk.count;
            kept->taken_bytes = walk.taken_bytes;
            walk.rows = NULL;
            walk.taken_bytes = 0;
        }
    }
    dispose(&walk);
    return result;
}
