#include "engine/funnel/rows/scatter.h"

#include <stdlib.h>

#include "base/size.h"
#include "engine/funnel/rows/record.h"
#include "engine/funnel/rows/scatter_plain.h"

enum {
    ALLOWANCE_BYTES_MIN = 64 * 1024,
    ALLOWANCE_BYTES_MAX = 32 * 1024 * 1024,
    /* A block is written when it has so many bytes: large enough that its head costs nothing, small enough that the
     * blocks of all sections fit the allowance. */
    BLOCK_BYTES_MIN = 1024,
    BLOCK_BYTES_MAX = 64 * 1024,
    BLOCK_ROWS = DF_FUNNEL_ROWS_MAX / 2, /* and a batch of the source still fits behind them */
};
_Static_assert(BLOCK_ROWS + DF_PARQUET_BATCH_ROWS <= DF_FUNNEL_ROWS_MAX, "a batch fits behind an unwritten block");

struct section {
    struct df_funnel_pile users, times;
    struct df_funnel_pile *columns; /* per column of the request */
    struct df_funnel_record_match *matches;
    size_t match_count, match_capacity;
};

struct scatter {
    struct df_task *task;
    const struct df_part *part;
    struct df_funnel_source *source;
    const struct df_funnel_request *request;
    struct df_funnel_record_head head;
    struct df_type user_type, time_type; /* of the piles */
    uint32_t section_count;
    struct section *sections;
    struct df_funnel_pile *piles;     /* of all sections' columns */
    bool *timed_roots;                /* per root: the time of rows that match it is wanted */
    struct df_funnel_account account; /* forced: what is over the allowance is written after the batch */
    uint64_t allowance_bytes;
    size_t block_bytes;
    struct df_buf block;

    /* Matches of a block in order of their roots. */
    size_t *root_begin; /* root_count + 1 */
    struct df_funnel_record_match *sorted;
    size_t sorted_capacity;

    /* The batch. */
    uint32_t *begin; /* per section and one more: its rows in `order` */
    uint32_t *at;    /* per section: while rows are put in order */
    uint32_t touched_count;
    uint32_t *touched; /* sections with rows in the batch */
    uint64_t hashes[DF_PARQUET_BATCH_ROWS];
    uint32_t section_of[DF_PARQUET_BATCH_ROWS]; /* NO_SECTION: the row does not count */
    uint32_t row_of[DF_PARQUET_BATCH_ROWS];     /* its row in that section's block */
    uint32_t order[DF_PARQUET_BATCH_ROWS];      /* rows that count, section by section */
    uint8_t time_kept[DF_PARQUET_BATCH_ROWS];
};

#define NO_SECTION UINT32_MAX

static int no_memory(struct df_error *error)
{
    return df_error_no_memory(error, "sorting rows into sections");
}

/* ---- making ---- */

uint64_t df_funnel_scatter_allowance(const struct df_task *task)
{
    uint64_t limit = task->budget ? task->budget->limit_bytes : 0;
    uint64_t bytes = limit ? limit / 8 / (task->threads ? task->threads : 1) : ALLOWANCE_BYTES_MAX;
    bytes = bytes < ALLOWANCE_BYTES_MAX ? bytes : ALLOWANCE_BYTES_MAX;
    return bytes > ALLOWANCE_BYTES_MIN ? bytes : ALLOWANCE_BYTES_MIN;
}

static void want_times_of(struct scatter *scatter, const struct df_funnel_sequence *sequence)
{
    for (uint32_t i = 0; i < sequence->step_count; i++)
        scatter->timed_roots[sequence->steps[i].filter] = true;
}

/* Rows that match a filter have their time, but `where`, which every row matches, is one only if a step is the same. */
static void choose_timed_roots(struct scatter *scatter)
{
    const struct df_funnel_request *request = scatter->request;
    for (uint32_t i = 0; i < request->filters.root_count; i++)
        scatter->timed_roots[i] = i != request->where;
    if (request->funnel.given)
        want_times_of(scatter, &request->funnel.sequence);
    for (uint32_t i = 0; i < request->condition_count; i++)
        if (request->conditions[i].kind == DF_FUNNEL_SEQUENCE_CONDITION)
            want_times_of(scatter, &request->conditions[i].sequence);
}

struct df_funnel_record_head df_funnel_scatter_head(const struct df_funnel_source *source)
{
    return (struct df_funnel_record_head){.kind = source->kind,
                                          .times_turned = source->times_turned,
                                          .scale_known = source->scale_known,
                                          .scale = source->scale,
                                          .user_type = source->user_type,
                                          .time_type = source->time_type,
                                          .types = source->types,
                                          .column_count = source->request->column_count};
}

static bool init_section(struct scatter *scatter, uint32_t index)
{
    struct section *section = &scatter->sections[index];
    section->columns = scatter->piles + (size_t)index * scatter->head.column_count;
    if (!df_funnel_pile_init(&section->users, &scatter->user_type, &scatter->account) ||
        !df_funnel_pile_init(&section->times, &scatter->time_type, &scatter->account))
        return false;
    for (uint32_t i = 0; i < scatter->head.column_count; i++)
        if (!df_funnel_pile_init(&section->columns[i], &scatter->head.types[i], &scatter->account))
            return false;
    return true;
}

static int make_arrays(struct scatter *scatter, struct df_error *error)
{
    size_t sections = scatter->section_count, roots = scatter->request->filters.root_count, piles;
    if (df_size_mul(&piles, sections, scatter->head.column_count) < 0)
        return no_memory(error);
    scatter->sections = calloc(sections, sizeof *scatter->sections);
    scatter->piles = calloc(piles ? piles : 1, sizeof *scatter->piles);
    scatter->begin = calloc(sections + 1, sizeof *scatter->begin);
    scatter->at = calloc(sections, sizeof *scatter->at);
    scatter->touched = calloc(sections, sizeof *scatter->touched);
    scatter->timed_roots = calloc(roots + 1, sizeof *scatter->timed_roots);
    scatter->root_begin = calloc(roots + 1, sizeof *scatter->root_begin);
    if (!scatter->sections || !scatter->piles || !scatter->begin || !scatter->at || !scatter->touched ||
        !scatter->timed_roots || !scatter->root_begin)
        return no_memory(error);
    for (uint32_t i = 0; i < scatter->section_count; i++)
        if (!init_section(scatter, i))
            return no_memory(error);
    return 0;
}

static int scatter_create(struct scatter **out, struct df_funnel_source *source, struct df_task *task,
                          const struct df_part *part, struct df_error *error)
{
    struct scatter *scatter = *out = calloc(1, sizeof *scatter);
    if (!scatter)
        return no_memory(error);
    scatter->task = task;
    scatter->part = part;
    scatter->source = source;
    scatter->request = source->request;
    scatter->section_count = task->sections;
    scatter->account = (struct df_funnel_account){.budget = task->budget, .floor_bytes = UINT64_MAX};
    scatter->allowance_bytes = df_funnel_scatter_allowance(task);
    /* Arrays grow by doubling: what is held is up to three times what is in use. */
    size_t share = (size_t)(scatter->allowance_bytes / 3 / task->sections);
    share = share < BLOCK_BYTES_MAX ? share : BLOCK_BYTES_MAX;
    scatter->block_bytes = share > BLOCK_BYTES_MIN ? share : BLOCK_BYTES_MIN;
    scatter->head = df_funnel_scatter_head(source);
    scatter->user_type = df_funnel_record_user_type(source->kind);
    scatter->time_type = (struct df_type){.kind = DF_TYPE_INT64, .bits = 64};
    if (make_arrays(scatter, error) < 0)
        return -1;
    choose_timed_roots(scatter);
    return 0;
}

/* Gives back the memory of a section's rows; its piles begin anew. */
static void section_free(struct scatter *scatter, struct section *section)
{
    struct df_funnel_account *account = &scatter->account;
    df_funnel_pile_dispose(&section->users, account);
    df_funnel_pile_dispose(&section->times, account);
    for (uint32_t i = 0; section->columns && i < scatter->head.column_count; i++)
        df_funnel_pile_dispose(&section->columns[i], account);
    df_funnel_account_free(account, section->matches, section->match_capacity * sizeof *section->matches);
    section->matches = NULL;
    section->match_count = section->match_capacity = 0;
}

static void scatter_free(struct scatter *scatter)
{
    if (!scatter)
        return;
    for (uint32_t i = 0; scatter->sections && i < scatter->section_count; i++)
        section_free(scatter, &scatter->sections[i]);
    df_funnel_account_free(&scatter->account, scatter->sorted, scatter->sorted_capacity * sizeof *scatter->sorted);
    free(scatter->sections);
    free(scatter->piles);
    free(scatter->begin);
    free(scatter->at);
    free(scatter->touched);
    free(scatter->timed_roots);
    free(scatter->root_begin);
    df_buf_dispose(&scatter->block);
    free(scatter);
}

/* ---- a batch ---- */

/* The section of each row that counts, and those rows in order of their sections. */
static void sort_rows(struct scatter *scatter, const struct df_funnel_batch *batch)
{
    uint32_t sections = scatter->section_count, placed = 0;
    df_funnel_keys_hash(&batch->keys, scatter->hashes);
    memset(scatter->at, 0, sections * sizeof *scatter->at);
    for (uint32_t i = 0; i < batch->rows; i++) {
        bool counts = !batch->keys.valid || batch->keys.valid[i];
        scatter->section_of[i] = counts ? df_funnel_section_of(scatter->hashes[i], sections) : NO_SECTION;
        if (counts)
            scatter->at[scatter->section_of[i]]++;
    }
    scatter->touched_count = 0;
    for (uint32_t i = 0; i < sections; i++) {
        scatter->begin[i] = placed;
        if (scatter->at[i])
            scatter->touched[scatter->touched_count++] = i;
        placed += scatter->at[i];
        scatter->at[i] = scatter->begin[i];
    }
    scatter->begin[sections] = placed;
    for (uint32_t i = 0; i < batch->rows; i++) {
        uint32_t section = scatter->section_of[i];
        if (section == NO_SECTION)
            continue;
        uint32_t within = scatter->at[section] - scatter->begin[section];
        scatter->row_of[i] = (uint32_t)scatter->sections[section].users.row_count + within;
        scatter->order[scatter->at[section]++] = i;
    }
}

static bool push_match(struct scatter *scatter, struct section *section, uint32_t root, uint32_t row)
{
    if (section->match_count == section->match_capacity) {
        void *memory = section->matches;
        if (!df_funnel_account_grow(&scatter->account, &memory, &section->match_capacity, section->match_count + 1,
                                    sizeof *section->matches))
            return false;
        section->matches = memory;
    }
    section->matches[section->match_count++] = (struct df_funnel_record_match){.root = root, .row = row};
    return true;
}

static int add_matches(struct scatter *scatter, uint32_t root, struct df_error *error)
{
    const uint32_t *rows;
    uint32_t count;
    if (scatter->source->match(scatter->source, root, &rows, &count, error) < 0)
        return -1;
    for (uint32_t i = 0; scatter->timed_roots[root] && i < count; i++)
        scatter->time_kept[rows[i]] = 1;
    if (root == scatter->request->where)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        if (!push_match(scatter, &scatter->sections[scatter->section_of[rows[i]]], root, scatter->row_of[rows[i]]))
            return no_memory(error);
    return 0;
}

static int add_all_matches(struct scatter *scatter, const struct df_funnel_batch *batch, struct df_error *error)
{
    const struct df_funnel_request *request = scatter->request;
    memset(scatter->time_kept, request->all_times, batch->rows);
    for (uint32_t root = 0; root < request->filters.root_count; root++)
        if ((root != request->where || scatter->timed_roots[root]) && add_matches(scatter, root, error) < 0)
            return -1;
    for (uint32_t i = 0; batch->time_valid && i < batch->rows; i++)
        scatter->time_kept[i] &= batch->time_valid[i];
    return 0;
}

static struct df_funnel_pile *users_of(struct section *section, uint32_t column)
{
    (void)column;
    return &section->users;
}

static struct df_funnel_pile *times_of(struct section *section, uint32_t column)
{
    (void)column;
    return &section->times;
}

static struct df_funnel_pile *column_of(struct section *section, uint32_t column)
{
    return &section->columns[column];
}

/* One column, section by section: each a tight loop over plain arrays. */
static int append_to_all(struct scatter *scatter, const struct df_vector *vector, const struct df_type *type,
                         struct df_funnel_pile *(*pile)(struct section *, uint32_t), uint32_t column,
                         struct df_error *error)
{
    for (uint32_t i = 0; i < scatter->touched_count; i++) {
        uint32_t index = scatter->touched[i], begin = scatter->begin[index];
        if (!df_funnel_pile_append(pile(&scatter->sections[index], column), type, vector, scatter->order + begin,
                                   scatter->begin[index + 1] - begin, &scatter->account))
            return no_memory(error);
    }
    return 0;
}

static int append_columns(struct scatter *scatter, const struct df_funnel_batch *batch, struct df_error *error)
{
    for (uint32_t i = 0; i < scatter->head.column_count; i++) {
        const struct df_vector *vector = batch->values[i];
        if (!vector || !df_funnel_vector_fits(vector, &scatter->head.types[i]))
            return df_error_set(error, DF_ERROR_INTERNAL, "a column came with other values than its type says");
        if (append_to_all(scatter, vector, &scatter->head.types[i], column_of, i, error) < 0)
            return -1;
    }
    return 0;
}

static int add_batch(struct scatter *scatter, const struct df_funnel_batch *batch, struct df_error *error)
{
    struct df_vector users = {.kind = DF_VECTOR_INT64, .row_count = batch->rows};
    const struct df_vector times = {.kind = DF_VECTOR_INT64,
                                    .row_count = batch->rows,
                                    .valid = scatter->time_kept,
                                    .values = {.int64s = batch->times}};
    if (batch->keys.kind == DF_FUNNEL_KEY_BYTES) {
        users.kind = DF_VECTOR_BYTES;
        users.values.bytes = batch->keys.bytes;
    } else {
        users.values.int64s = batch->keys.numbers;
    }
    sort_rows(scatter, batch);
    if (add_all_matches(scatter, batch, error) < 0 ||
        append_to_all(scatter, &users, &scatter->user_type, users_of, 0, error) < 0 ||
        append_to_all(scatter, &times, &scatter->time_type, times_of, 0, error) < 0)
        return -1;
    return append_columns(scatter, batch, error);
}

/* ---- writing ---- */

static size_t section_bytes(const struct scatter *scatter, const struct section *section)
{
    size_t bytes = df_funnel_pile_bytes(&section->users) + df_funnel_pile_bytes(&section->times) +
                   section->match_count * sizeof *section->matches;
    for (uint32_t i = 0; i < scatter->head.column_count; i++)
        bytes += df_funnel_pile_bytes(&section->columns[i]);
    return bytes;
}

/* Matches came batch by batch, and root by root within one: by root, and still by row within one. */
static bool sort_matches(struct scatter *scatter, const struct section *section)
{
    size_t roots = scatter->request->filters.root_count;
    void *memory = scatter->sorted;
    if (!df_funnel_account_grow(&scatter->account, &memory, &scatter->sorted_capacity, section->match_count,
                                sizeof *scatter->sorted))
        return false;
    scatter->sorted = memory;
    memset(scatter->root_begin, 0, (roots + 1) * sizeof *scatter->root_begin);
    for (size_t i = 0; i < section->match_count; i++)
        scatter->root_begin[section->matches[i].root + 1]++;
    for (size_t i = 1; i <= roots; i++)
        scatter->root_begin[i] += scatter->root_begin[i - 1];
    for (size_t i = 0; i < section->match_count; i++)
        scatter->sorted[scatter->root_begin[section->matches[i].root]++] = section->matches[i];
    return true;
}

static void section_clear(struct scatter *scatter, struct section *section)
{
    df_funnel_pile_clear(&section->users);
    df_funnel_pile_clear(&section->times);
    for (uint32_t i = 0; i < scatter->head.column_count; i++)
        df_funnel_pile_clear(&section->columns[i]);
    section->match_count = 0;
}

static int flush(struct scatter *scatter, uint32_t index, struct df_error *error)
{
    struct section *section = &scatter->sections[index];
    if (section->users.row_count == 0)
        return 0;
    if (!sort_matches(scatter, section))
        return no_memory(error);
    struct df_funnel_record record = {.head = &scatter->head,
                                      .rows = (uint32_t)section->users.row_count,
                                      .users = &section->users,
                                      .times = &section->times,
                                      .columns = section->columns,
                                      .matches = scatter->sorted,
                                      .match_count = section->match_count};
    df_buf_clear(&scatter->block);
    df_funnel_record_encode(&record, &scatter->block);
    if (df_buf_failed(&scatter->block))
        return df_error_no_memory(error, "writing a section");
    section_clear(scatter, section);
    return df_task_section_write(scatter->task, scatter->part, index, df_buf_slice(&scatter->block), error);
}

static bool is_full(const struct scatter *scatter, const struct section *section)
{
    return section->users.row_count >= BLOCK_ROWS || section_bytes(scatter, section) >= scatter->block_bytes;
}

/* Only sections that got rows can have become full; over the allowance all give their memory back. */
static int write_full(struct scatter *scatter, struct df_error *error)
{
    bool over = scatter->account.held_bytes > scatter->allowance_bytes;
    uint32_t count = over ? scatter->section_count : scatter->touched_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = over ? i : scatter->touched[i];
        if (!over && !is_full(scatter, &scatter->sections[index]))
            continue;
        if (flush(scatter, index, error) < 0)
            return -1;
        if (!over)
            continue;
        section_free(scatter, &scatter->sections[index]);
        if (!init_section(scatter, index))
            return no_memory(error);
    }
    return 0;
}

static int scatter_all(struct scatter *scatter, struct df_error *error)
{
    struct df_funnel_source *source = scatter->source;
    struct df_funnel_batch batch;
    int result;
    if (source->begin(source, DF_FUNNEL_FACTS_AND_VALUES, error) < 0)
        return -1;
    while ((result = source->next(source, &batch, error)) > 0)
        if (add_batch(scatter, &batch, error) < 0 || write_full(scatter, error) < 0)
            return -1;
    if (result < 0)
        return -1;
    for (uint32_t i = 0; i < scatter->section_count; i++)
        if (flush(scatter, i, error) < 0)
            return -1;
    return 0;
}

int df_funnel_scatter(struct df_funnel_source_file *file, struct df_task *task, const struct df_part *part,
                      struct df_error *error)
{
    struct scatter *scatter = NULL;
    if (task->sections == 0)
        return df_error_set(error, DF_ERROR_INTERNAL, "a part that writes sections came without their number");
    if (df_funnel_scatter_is_plain(&file->source))
        return df_funnel_scatter_plain(&file->source, task, part, error);
    int result = scatter_create(&scatter, &file->source, task, part, error);
    if (result == 0)
        result = scatter_all(scatter, error);
    scatter_free(scatter);
    return result;
}
