#include "engine/funnel/rows/scatter_plain.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/size.h"

enum {
    /* Of a block that is written: enough that its head costs nothing. Fewer where there is no memory for so many, or
     * where the part has so few rows that all of them fit at once: then the places of sections lie close together. */
    BLOCK_ROWS_MAX = 512,
    BLOCK_ROWS_MIN = 8,
    ROW_BYTES = 8 + 8 + 1,
    PLACE_GAP_BYTES = 64, /* between the places, so that they are not a power of two apart */
};

/* Per section a place for a block's rows: users, times and masks, block_rows each. */
struct scatter {
    struct df_task *task;
    const struct df_part *part;
    struct df_funnel_source *source;
    uint32_t section_count, block_rows;
    size_t place_bytes;
    uint8_t *places;
    uint32_t *rows; /* per section: in its place */
    struct df_funnel_account account;
    uint32_t root_count, roots[DF_FUNNEL_RECORD_ROOTS];
    bool all_times;
    struct df_buf head, block;
    uint8_t masks[DF_FUNNEL_ROWS_MAX]; /* of the batch */
};

bool df_funnel_scatter_is_plain(const struct df_funnel_source *source)
{
    uint32_t roots[DF_FUNNEL_RECORD_ROOTS], count;
    return source->kind != DF_FUNNEL_KEY_BYTES && source->masks &&
           df_funnel_record_roots(source->request, roots, &count);
}

static int no_memory(struct df_error *error)
{
    return df_error_no_memory(error, "sorting rows into sections");
}

/* ---- making ---- */

static void want_times_of_where(struct scatter *scatter, const struct df_funnel_sequence *sequence)
{
    for (uint32_t i = 0; i < sequence->step_count; i++)
        scatter->all_times |= sequence->steps[i].filter == scatter->source->request->where;
}

/* Rows that match a filter have their time, but `where`, which every row matches, is one only if a step is the same. */
static void choose_times(struct scatter *scatter)
{
    const struct df_funnel_request *request = scatter->source->request;
    scatter->all_times = request->all_times;
    if (request->where == DF_FUNNEL_NONE)
        return;
    if (request->funnel.given)
        want_times_of_where(scatter, &request->funnel.sequence);
    for (uint32_t i = 0; i < request->condition_count; i++)
        if (request->conditions[i].kind == DF_FUNNEL_SEQUENCE_CONDITION)
            want_times_of_where(scatter, &request->conditions[i].sequence);
}

static uint32_t choose_block_rows(const struct scatter *scatter)
{
    uint64_t sections = scatter->section_count, rows = BLOCK_ROWS_MAX;
    uint64_t share = df_funnel_scatter_allowance(scatter->task) / sections / ROW_BYTES;
    uint64_t expected = scatter->source->rows_expected / sections;
    if (scatter->source->rows_expected && expected + expected / 4 < rows)
        rows = expected + expected / 4;
    rows = rows < share ? rows : share;
    rows = (rows > BLOCK_ROWS_MIN ? rows : BLOCK_ROWS_MIN) + 7;
    return (uint32_t)(rows - rows % 8);
}

/* After begin: how many rows there will be is known only then. */
static int make_places(struct scatter *scatter, struct df_error *error)
{
    size_t bytes;
    scatter->block_rows = choose_block_rows(scatter);
    scatter->place_bytes = (size_t)scatter->block_rows * ROW_BYTES + PLACE_GAP_BYTES;
    scatter->place_bytes -= scatter->place_bytes % sizeof(uint64_t);
    if (df_size_mul(&bytes, scatter->place_bytes, scatter->section_count) < 0)
        return no_memory(error);
    scatter->places = df_funnel_account_alloc(&scatter->account, bytes);
    scatter->rows = calloc(scatter->section_count, sizeof *scatter->rows);
    return scatter->places && scatter->rows ? 0 : no_memory(error);
}

static struct scatter *scatter_create(struct df_funnel_source *source, struct df_task *task, const struct df_part *part)
{
    const struct df_funnel_record_head head = df_funnel_scatter_head(source);
    struct scatter *scatter = malloc(sizeof *scatter); /* masks are not cleared */
    if (!scatter)
        return NULL;
    scatter->task = task;
    scatter->part = part;
    scatter->source = source;
    scatter->section_count = task->sections;
    scatter->places = NULL;
    scatter->rows = NULL;
    scatter->account = (struct df_funnel_account){.budget = task->budget, .floor_bytes = UINT64_MAX};
    scatter->head = scatter->block = (struct df_buf){0};
    df_funnel_record_roots(source->request, scatter->roots, &scatter->root_count);
    choose_times(scatter);
    df_funnel_record_put_head(&head, &scatter->head);
    return scatter;
}

static void scatter_free(struct scatter *scatter)
{
    if (!scatter)
        return;
    df_funnel_account_free(&scatter->account, scatter->places, scatter->place_bytes * scatter->section_count);
    free(scatter->rows);
    df_buf_dispose(&scatter->head);
    df_buf_dispose(&scatter->block);
    free(scatter);
}

/* ---- rows ---- */

static int flush(struct scatter *scatter, uint32_t section, struct df_error *error)
{
    uint8_t *place = scatter->places + section * scatter->place_bytes;
    int64_t *users = (int64_t *)(void *)place;
    struct df_funnel_plain_record record = {.head = df_buf_slice(&scatter->head),
                                            .rows = scatter->rows[section],
                                            .users = users,
                                            .times = users + scatter->block_rows,
                                            .masks = (uint8_t *)(users + 2 * (size_t)scatter->block_rows)};
    df_buf_clear(&scatter->block);
    df_funnel_record_encode_plain(&record, &scatter->block);
    if (df_buf_failed(&scatter->block) || df_buf_failed(&scatter->head))
        return df_error_no_memory(error, "writing a section");
    scatter->rows[section] = 0;
    return df_task_section_write(scatter->task, scatter->part, section, df_buf_slice(&scatter->block), error);
}

/* Of rows that match something the time is kept, if there is one. */
static void mark_timed(uint8_t *restrict masks, const uint8_t *restrict time_valid, uint32_t rows)
{
    for (uint32_t i = 0; i < rows; i++)
        masks[i] |= masks[i] ? DF_FUNNEL_RECORD_TIMED : 0;
    for (uint32_t i = 0; time_valid && i < rows; i++)
        masks[i] &= time_valid[i] ? UINT8_MAX : (uint8_t)~DF_FUNNEL_RECORD_TIMED;
}

static int make_masks(struct scatter *scatter, const struct df_funnel_batch *batch, struct df_error *error)
{
    memset(scatter->masks, scatter->all_times ? DF_FUNNEL_RECORD_TIMED : 0, batch->rows);
    if (scatter->root_count > 0 &&
        scatter->source->masks(scatter->source, scatter->roots, scatter->root_count, scatter->masks, error) < 0)
        return -1;
    mark_timed(scatter->masks, batch->time_valid, batch->rows);
    return 0;
}

/* The hottest loop of an exchange: a row goes straight to its place. */
static int add_batch(struct scatter *scatter, const struct df_funnel_batch *batch, struct df_error *error)
{
    const uint32_t sections = scatter->section_count, block_rows = scatter->block_rows, count = batch->rows;
    const size_t place_bytes = scatter->place_bytes;
    const uint8_t *restrict valid = batch->keys.valid, *restrict masks = scatter->masks;
    const int64_t *restrict numbers = batch->keys.numbers, *restrict times = batch->times;
    uint8_t *const places = scatter->places;
    uint32_t *const rows = scatter->rows;
    for (uint32_t i = 0; i < count; i++) {
        if (valid && !valid[i])
            continue;
        uint32_t section = df_funnel_section_of(df_hash_u64((uint64_t)numbers[i]), sections), at = rows[section];
        uint8_t *place = places + section * place_bytes;
        int64_t *users = (int64_t *)(void *)place;
        users[at] = numbers[i];
        users[block_rows + at] = times[i];
        place[2 * sizeof(int64_t) * block_rows + at] = masks[i];
        rows[section] = at + 1;
        if (at + 1 == block_rows && flush(scatter, section, error) < 0)
            return -1;
    }
    return 0;
}

static int scatter_all(struct scatter *scatter, struct df_error *error)
{
    struct df_funnel_source *source = scatter->source;
    struct df_funnel_batch batch;
    int result;
    if (source->begin(source, DF_FUNNEL_FACTS_AND_VALUES, error) < 0 || make_places(scatter, error) < 0)
        return -1;
    while ((result = source->next(source, &batch, error)) > 0)
        if (make_masks(scatter, &batch, error) < 0 || add_batch(scatter, &batch, error) < 0)
            return -1;
    for (uint32_t i = 0; result == 0 && i < scatter->section_count; i++)
        if (scatter->rows[i] > 0)
            result = flush(scatter, i, error);
    return result;
}

int df_funnel_scatter_plain(struct df_funnel_source *source, struct df_task *task, const struct df_part *part,
                            struct df_error *error)
{
    struct scatter *scatter = scatter_create(source, task, part);
    int result = scatter ? scatter_all(scatter, error) : no_memory(error);
    scatter_free(scatter);
    return result;
}
