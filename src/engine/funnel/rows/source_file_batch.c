/* From a scan's vectors to a batch: which columns a reading wants, which rows count. */
#include "engine/funnel/rows/source_file_state.h"

/* ---- what a reading wants ---- */

static void want_leaves(struct df_funnel_source_file *file, const struct df_funnel_node *node)
{
    if (node->kind == DF_FUNNEL_LEAF) {
        uint32_t at = file->columns.leaves[node->leaf].vector;
        if (at != DF_FUNNEL_FILTER_FIXED)
            file->state->wanted[at] = true;
        return;
    }
    for (uint32_t i = 0; i < node->child_count; i++)
        want_leaves(file, &node->children[i]);
}

/* Users, and what says whether their rows count. */
static void want_users(struct df_funnel_source_file *file)
{
    const struct df_funnel_request *request = file->source.request;
    file->state->wanted[file->columns.user_at] = true;
    if (file->state->timeframe.given)
        file->state->wanted[file->columns.time_at] = true;
    if (request->where != DF_FUNNEL_NONE)
        want_leaves(file, request->filters.roots[request->where]);
}

static bool wants_value(const struct df_funnel_source_file *file, uint32_t column)
{
    const struct df_funnel_column *wanted = &file->source.request->columns[column];
    return (wanted->facts && file->state->reading != DF_FUNNEL_VALUES) ||
           (wanted->values && file->state->reading != DF_FUNNEL_FACTS);
}

static void want_values(struct df_funnel_source_file *file)
{
    for (uint32_t i = 0; i < file->source.request->column_count; i++) {
        uint32_t at = file->columns.values[i].vector;
        bool wanted = wants_value(file, i);
        bool fixed = at == DF_FUNNEL_FILTER_FIXED;
        file->state->values[i] = !wanted ? NULL : fixed ? &file->state->constants[i] : &file->state->vectors[at];
        if (wanted && !fixed)
            file->state->wanted[at] = true;
    }
}

static bool has_facts(const struct df_funnel_source_file *file)
{
    return file->state->reading != DF_FUNNEL_VALUES;
}

static bool has_users(const struct df_funnel_source_file *file)
{
    return has_facts(file) || file->source.want_keys;
}

/* What an exchange sends on has them in any case. */
static bool has_times(const struct df_funnel_source_file *file)
{
    const struct df_funnel_request *request = file->source.request;
    bool facts = file->state->reading == DF_FUNNEL_FACTS_AND_VALUES || (has_facts(file) && request->sequences);
    return facts || request->all_times;
}

void df_funnel_source_file_want(struct df_funnel_source_file *file)
{
    struct df_funnel_source_file_state *state = file->state;
    uint32_t count = file->columns.column_count;
    for (uint32_t i = 0; i < count; i++) {
        state->wanted[i] = has_facts(file) && i < file->columns.facts_count && i != file->columns.time_at;
        state->vectors[i] = (struct df_vector){0};
    }
    for (uint32_t i = 0; has_facts(file) && i < file->source.request->filters.leaf_count; i++)
        if (file->columns.leaves[i].vector == file->columns.time_at)
            state->wanted[file->columns.time_at] = true;
    if (has_users(file))
        want_users(file);
    if (has_times(file))
        state->wanted[file->columns.time_at] = true;
    want_values(file);
    state->scan_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!state->wanted[i])
            continue;
        state->scan_at[state->scan_count] = i;
        state->scan_columns[state->scan_count++] = file->columns.columns[i];
    }
}

/* ---- a batch ---- */

static int wrong_vector(const struct df_funnel_source_file *file, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_INTERNAL, "%s: a scan gave a column of another kind than its file announced",
                        file->state->uri);
}

/* A scan numbers its dictionaries from its own beginning; 2^40 of them are more than a file's bytes can hold. */
enum { SERIAL_BITS = 40 };

static void take_vectors(struct df_funnel_source_file_state *state, const struct df_vector *vectors, uint32_t rows)
{
    for (uint32_t i = 0; i < state->scan_count; i++) {
        uint32_t at = state->scan_at[i];
        struct df_vector *vector = &state->vectors[at];
        *vector = vectors[i];
        if (vector->kind != DF_VECTOR_CODES)
            continue;
        state->dictionaries[at] = *vector->dictionary;
        state->dictionaries[at].serial += state->scans << SERIAL_BITS;
        vector->dictionary = &state->dictionaries[at];
    }
    state->rows = rows;
}

/* keys.valid becomes 1 for rows that count: those with a user, inside the timeframe, for which `where` holds. */
static int count_rows(struct df_funnel_source_file *file, struct df_funnel_batch *batch, const int64_t *times,
                      const uint8_t *time_valid, struct df_error *error)
{
    struct df_funnel_source_file_state *state = file->state;
    uint32_t where = file->source.request->where;
    uint8_t *counts = state->counts;
    const uint8_t *users = batch->keys.valid, *matches;
    uint64_t without = 0;
    if (where != DF_FUNNEL_NONE) {
        if (df_funnel_filter_set_match(state->filters, where, &matches, error) < 0)
            return df_error_prefix(error, "%s", state->uri);
        memcpy(counts, matches, batch->rows);
    } else {
        memset(counts, 1, batch->rows);
    }
    if (state->timeframe.given)
        df_funnel_batch_within(&state->timeframe, times, time_valid, batch->rows, counts);
    for (uint32_t i = 0; users && i < batch->rows; i++) {
        without += (uint8_t)(counts[i] & (users[i] ^ 1));
        counts[i] &= users[i];
    }
    file->source.rows_without_group += without;
    bool all = !users && where == DF_FUNNEL_NONE && !state->timeframe.given;
    batch->keys.valid = state->valid = all ? NULL : counts;
    return 0;
}

static int fill_users(struct df_funnel_source_file *file, struct df_funnel_batch *batch, const int64_t *times,
                      const uint8_t *time_valid, struct df_error *error)
{
    struct df_funnel_source_file_state *state = file->state;
    const struct df_funnel_columns *columns = &file->columns;
    if (!df_funnel_batch_users(&state->vectors[columns->user_at], &columns->user_type, columns->kind, &state->users,
                               &batch->keys))
        return wrong_vector(file, error);
    return count_rows(file, batch, times, time_valid, error);
}

int df_funnel_source_file_fill(struct df_funnel_source_file *file, const struct df_vector *vectors, uint32_t rows,
                               struct df_funnel_batch *batch, struct df_error *error)
{
    struct df_funnel_source_file_state *state = file->state;
    const int64_t *times = NULL;
    const uint8_t *time_valid = NULL;
    take_vectors(state, vectors, rows);
    *batch = (struct df_funnel_batch){.rows = rows,
                                      .first_row = (uint32_t)state->rows_given,
                                      .keys = {.kind = file->columns.kind},
                                      .values = state->values};
    state->rows_given += rows;
    state->valid = NULL;
    file->source.rows_scanned += rows;
    df_funnel_filter_set_batch(state->filters, state->vectors, rows);
    if (state->wanted[file->columns.time_at] &&
        !df_funnel_batch_times(&state->vectors[file->columns.time_at], &file->source.time_type, file->columns.time.kind,
                               &state->times, &times, &time_valid))
        return wrong_vector(file, error);
    if (has_users(file) && fill_users(file, batch, times, time_valid, error) < 0)
        return -1;
    if (has_times(file)) {
        batch->times = times;
        batch->time_valid = time_valid;
    }
    for (uint32_t i = 0; i < file->source.request->column_count; i++)
        state->constants[i].row_count = rows;
    return 0;
}
