#include "engine/funnel/scatter.h"

#include <stdlib.h>

enum {
    ALLOWANCE_BYTES_MIN = 256 * 1024,
    ALLOWANCE_BYTES_MAX = 32 * 1024 * 1024,
    /* A block is written when it has so many bytes: large enough that its head costs nothing, small enough that the
     * blocks of all sections fit the allowance. */
    BLOCK_BYTES_MIN = 1024,
    BLOCK_BYTES_MAX = 64 * 1024,
    BLOCK_ROWS = DF_FUNNEL_ROWS_MAX / 2, /* and a batch of the reader still fits behind them */
};

struct section {
    int64_t *numbers;
    size_t number_capacity;
    uint32_t *lengths;
    size_t length_capacity;
    uint8_t *bytes;
    size_t bytes_size, bytes_capacity;
    struct df_funnel_record_match *matches;
    size_t match_count, match_capacity;
    uint32_t row_count;
};

struct df_funnel_scatter {
    struct df_task *task;
    const struct df_part *part;
    enum df_funnel_key_kind kind;
    uint32_t first_filter, section_count;
    struct section *sections;
    struct df_funnel_account account; /* forced: what is over the allowance is written after the batch */
    uint64_t allowance_bytes;
    size_t block_bytes;
    struct df_buf block;
    uint64_t rows_without_group;

    uint32_t batch_rows;
    uint64_t hashes[DF_FUNNEL_ROWS_MAX];
    uint32_t section_of[DF_FUNNEL_ROWS_MAX]; /* of each row of the batch; NO_SECTION */
    uint32_t row_of[DF_FUNNEL_ROWS_MAX];     /* its row in that section's block */
};

#define NO_SECTION UINT32_MAX

static uint64_t allowance(const struct df_task *task)
{
    uint64_t limit = task->budget ? task->budget->limit_bytes : 0;
    uint64_t bytes = limit ? limit / 8 / (task->threads ? task->threads : 1) : ALLOWANCE_BYTES_MAX;
    bytes = bytes < ALLOWANCE_BYTES_MAX ? bytes : ALLOWANCE_BYTES_MAX;
    return bytes > ALLOWANCE_BYTES_MIN ? bytes : ALLOWANCE_BYTES_MIN;
}

int df_funnel_scatter_create(struct df_funnel_scatter **out, struct df_task *task, const struct df_part *part,
                             enum df_funnel_key_kind kind, uint32_t first_filter, struct df_error *error)
{
    *out = NULL;
    if (task->sections == 0)
        return df_error_set(error, DF_ERROR_INTERNAL, "a part that writes sections came without their number");
    struct df_funnel_scatter *scatter = malloc(sizeof *scatter);
    struct section *sections = calloc(task->sections, sizeof *sections);
    if (!scatter || !sections) {
        free(scatter);
        free(sections);
        return df_error_no_memory(error, "sorting rows into sections");
    }
    scatter->task = task;
    scatter->part = part;
    scatter->kind = kind;
    scatter->first_filter = first_filter;
    scatter->section_count = task->sections;
    scatter->sections = sections;
    scatter->account = (struct df_funnel_account){.budget = task->budget, .floor_bytes = UINT64_MAX};
    scatter->allowance_bytes = allowance(task);
    scatter->block = (struct df_buf){0};
    scatter->rows_without_group = 0;
    scatter->batch_rows = 0;
    size_t share = (size_t)(scatter->allowance_bytes / task->sections);
    share = share < BLOCK_BYTES_MAX ? share : BLOCK_BYTES_MAX;
    scatter->block_bytes = share > BLOCK_BYTES_MIN ? share : BLOCK_BYTES_MIN;
    *out = scatter;
    return 0;
}

static void section_free(struct df_funnel_scatter *scatter, struct section *section)
{
    struct df_funnel_account *account = &scatter->account;
    df_funnel_account_free(account, section->numbers, section->number_capacity * sizeof *section->numbers);
    df_funnel_account_free(account, section->lengths, section->length_capacity * sizeof *section->lengths);
    df_funnel_account_free(account, section->bytes, section->bytes_capacity);
    df_funnel_account_free(account, section->matches, section->match_capacity * sizeof *section->matches);
    *section = (struct section){0};
}

void df_funnel_scatter_free(struct df_funnel_scatter *scatter)
{
    if (!scatter)
        return;
    for (uint32_t i = 0; i < scatter->section_count; i++)
        section_free(scatter, &scatter->sections[i]);
    free(scatter->sections);
    df_buf_dispose(&scatter->block);
    free(scatter);
}

uint64_t df_funnel_scatter_rows_without_group(const struct df_funnel_scatter *scatter)
{
    return scatter->rows_without_group;
}

/* ---- filling ---- */

/* array is the address of a pointer to elements. Called for every row: the common case is one comparison. */
static inline bool grow(struct df_funnel_scatter *scatter, void *array, size_t *capacity, size_t needed,
                        size_t element_bytes)
{
    if (needed <= *capacity)
        return true;
    void *memory;
    memcpy(&memory, array, sizeof memory);
    if (!df_funnel_account_grow(&scatter->account, &memory, capacity, needed, element_bytes))
        return false;
    memcpy(array, &memory, sizeof memory);
    return true;
}

static bool push_key(struct df_funnel_scatter *scatter, struct section *section, const struct df_funnel_keys *keys,
                     uint32_t row)
{
    if (scatter->kind != DF_FUNNEL_KEY_BYTES) {
        if (!grow(scatter, &section->numbers, &section->number_capacity, section->row_count + 1u,
                  sizeof *section->numbers))
            return false;
        section->numbers[section->row_count++] = keys->numbers[row];
        return true;
    }
    struct df_slice key = keys->bytes[row];
    if (key.size > UINT32_MAX ||
        !grow(scatter, &section->lengths, &section->length_capacity, section->row_count + 1u,
              sizeof *section->lengths) ||
        !grow(scatter, &section->bytes, &section->bytes_capacity, section->bytes_size + key.size,
              sizeof *section->bytes))
        return false;
    if (key.size)
        memcpy(section->bytes + section->bytes_size, key.data, key.size);
    section->bytes_size += key.size;
    section->lengths[section->row_count++] = (uint32_t)key.size;
    return true;
}

int df_funnel_scatter_rows(struct df_funnel_scatter *scatter, const struct df_funnel_keys *keys, struct df_error *error)
{
    df_funnel_keys_hash(keys, scatter->hashes);
    scatter->batch_rows = keys->count;
    for (uint32_t i = 0; i < keys->count; i++) {
        scatter->section_of[i] = NO_SECTION;
        if (keys->valid && !keys->valid[i]) {
            scatter->rows_without_group++;
            continue;
        }
        scatter->section_of[i] = df_funnel_section_of(scatter->hashes[i], scatter->section_count);
        struct section *section = &scatter->sections[scatter->section_of[i]];
        scatter->row_of[i] = section->row_count;
        if (!push_key(scatter, section, keys, i))
            return df_error_no_memory(error, "sorting rows into sections");
    }
    return 0;
}

int df_funnel_scatter_match(struct df_funnel_scatter *scatter, uint32_t filter, const uint8_t *matches,
                            const int64_t *times, const uint8_t *time_valid, struct df_error *error)
{
    for (uint32_t i = 0; i < scatter->batch_rows; i++) {
        if (!matches[i] || scatter->section_of[i] == NO_SECTION)
            continue;
        bool timed = !time_valid || time_valid[i];
        if (!timed && filter != scatter->first_filter)
            continue;
        struct section *section = &scatter->sections[scatter->section_of[i]];
        if (!grow(scatter, &section->matches, &section->match_capacity, section->match_count + 1,
                  sizeof *section->matches))
            return df_error_no_memory(error, "sorting rows into sections");
        section->matches[section->match_count++] = (struct df_funnel_record_match){
            .row = scatter->row_of[i], .tag = filter * 2 + timed, .time = timed ? times[i] : 0};
    }
    return 0;
}

/* ---- writing ---- */

static size_t section_bytes(const struct section *section)
{
    return section->row_count * sizeof *section->numbers + section->bytes_size +
           section->match_count * sizeof *section->matches;
}

static int flush(struct df_funnel_scatter *scatter, uint32_t index, struct df_error *error)
{
    struct section *section = &scatter->sections[index];
    if (section->row_count == 0)
        return 0;
    struct df_funnel_record record = {.kind = scatter->kind,
                                      .row_count = section->row_count,
                                      .numbers = section->numbers,
                                      .lengths = section->lengths,
                                      .bytes = df_slice_make(section->bytes, section->bytes_size),
                                      .matches = section->matches,
                                      .match_count = section->match_count};
    df_buf_clear(&scatter->block);
    df_funnel_record_encode(&record, &scatter->block);
    if (df_buf_failed(&scatter->block))
        return df_error_no_memory(error, "writing a section");
    section->row_count = 0;
    section->bytes_size = section->match_count = 0;
    return df_task_section_write(scatter->task, scatter->part, index, df_buf_slice(&scatter->block), error);
}

int df_funnel_scatter_batch_end(struct df_funnel_scatter *scatter, struct df_error *error)
{
    bool over = scatter->account.held_bytes > scatter->allowance_bytes;
    for (uint32_t i = 0; i < scatter->section_count; i++) {
        struct section *section = &scatter->sections[i];
        if (!over && section->row_count < BLOCK_ROWS && section_bytes(section) < scatter->block_bytes)
            continue;
        if (flush(scatter, i, error) < 0)
            return -1;
        if (over)
            section_free(scatter, section);
    }
    return 0;
}

int df_funnel_scatter_finish(struct df_funnel_scatter *scatter, struct df_error *error)
{
    for (uint32_t i = 0; i < scatter->section_count; i++)
        if (flush(scatter, i, error) < 0)
            return -1;
    return 0;
}
