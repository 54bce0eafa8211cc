/* Opening a file as a source, and walking through its row groups: rows that cannot matter are skipped (skip.h). What a
 * batch holds is source_file_batch.c. */
#include "engine/funnel/rows/source_file.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/funnel/rows/source_file_state.h"

/* The source is the first member of its file. */
static struct df_funnel_source_file *file_of(struct df_funnel_source *source)
{
    return (struct df_funnel_source_file *)source;
}

/* ---- scans ---- */

static void end_scan(struct df_funnel_source_file *file)
{
    struct df_funnel_source_file_state *state = file->state;
    if (!state->scan)
        return;
    file->bytes_read += df_parquet_scan_bytes_read(state->scan);
    df_parquet_scan_close(state->scan);
    state->scan = NULL;
}

static int open_scan(struct df_funnel_source_file *file, uint32_t begin, uint32_t end,
                     const struct df_funnel_kept *kept, struct df_error *error)
{
    struct df_funnel_source_file_state *state = file->state;
    struct df_parquet_scan_options options = {.columns = state->scan_columns,
                                              .column_count = state->scan_count,
                                              .row_group_begin = begin,
                                              .row_group_end = end,
                                              .budget = file->task->budget,
                                              .deadline = file->task->deadline,
                                              .cancelled = file->task->cancelled,
                                              .wanted = kept->rows,
                                              .wanted_count = kept->count,
                                              .scalar = file->source.request->without & DF_FUNNEL_WITHOUT_VECTOR};
    if (df_parquet_scan_open(&state->scan, file->file, &options, error) < 0) {
        state->scan = NULL;
        return -1;
    }
    state->scans++;
    df_funnel_filter_set_new_scan(state->filters);
    return 0;
}

/* Whether the row group goes on in the scan of the one before: both as a whole, and nothing must be read to know that,
 * so that looks into a file stay close to its reading. */
static int goes_on(struct df_funnel_source_file *file, uint32_t row_group, struct df_error *error)
{
    const struct df_funnel_kept *kept;
    if (row_group == file->state->row_group_end)
        return 0;
    if (df_funnel_skip_decide(file, row_group, &kept, error) < 0)
        return -1;
    return !kept->none && !kept->rows && !kept->looked;
}

/* The next row groups that stand together and may matter. 0: there are none. */
static int next_scan(struct df_funnel_source_file *file, struct df_error *error)
{
    struct df_funnel_source_file_state *state = file->state;
    const struct df_funnel_kept *kept = NULL;
    bool counted = state->reading != DF_FUNNEL_VALUES;
    for (; state->row_group < state->row_group_end; state->row_group++) {
        if (df_funnel_skip_decide(file, state->row_group, &kept, error) < 0)
            return -1;
        if (!kept->none)
            break;
        file->row_groups_skipped += counted;
    }
    if (state->row_group == state->row_group_end || !kept)
        return 0;
    uint32_t begin = state->row_group, end = begin + 1;
    int more = !kept->rows;
    while (more > 0 && (more = goes_on(file, end, error)) > 0)
        end++;
    if (more < 0)
        return -1;
    file->row_groups_read += counted ? end - begin : 0;
    state->row_group = end;
    return open_scan(file, begin, end, kept, error) < 0 ? -1 : 1;
}

static int check_begin(const struct df_funnel_source_file *file, struct df_error *error)
{
    const struct df_funnel_source_file_state *state = file->state;
    uint64_t rows = 0;
    if (state->timeframe.given && !state->timeframe_known)
        return df_error_set(error, DF_ERROR_INTERNAL, "%s: the unit of the times is not known", state->uri);
    for (uint32_t i = state->row_group_begin; i < state->row_group_end; i++)
        rows += df_parquet_row_group_rows(file->file, i); /* the footer's sum was checked */
    if (rows >= UINT32_MAX)
        return df_error_set(error, DF_ERROR_UNSUPPORTED,
                            "%s: %" PRIu64 " rows in one part are more than %" PRIu32
                            "; --groups spread reads the file in several",
                            state->uri, rows, UINT32_MAX - 1);
    return 0;
}

static int file_begin(struct df_funnel_source *source, enum df_funnel_reading reading, struct df_error *error)
{
    struct df_funnel_source_file *file = file_of(source);
    struct df_funnel_source_file_state *state = file->state;
    end_scan(file);
    if (check_begin(file, error) < 0)
        return -1;
    state->reading = reading;
    source->rows_expected = 0;
    for (uint32_t i = state->row_group_begin; i < state->row_group_end; i++)
        source->rows_expected += df_parquet_row_group_rows(file->file, i);
    state->row_group = state->row_group_begin;
    state->rows_given = 0;
    source->rows_scanned = source->rows_without_group = 0;
    if (reading != DF_FUNNEL_VALUES)
        file->row_groups_read = file->row_groups_skipped = 0;
    df_funnel_source_file_want(file);
    return 0;
}

static int file_next(struct df_funnel_source *source, struct df_funnel_batch *batch, struct df_error *error)
{
    struct df_funnel_source_file *file = file_of(source);
    struct df_funnel_source_file_state *state = file->state;
    const struct df_vector *vectors;
    uint32_t rows;
    if (df_task_check(file->task, error) < 0)
        return -1;
    for (int result = 0; result <= 0;) {
        if (!state->scan && (result = next_scan(file, error)) <= 0) {
            file->broken = result < 0;
            return result;
        }
        result = df_parquet_scan_next(state->scan, &vectors, &rows, error);
        if (result <= 0)
            end_scan(file);
        file->broken = result < 0;
        if (result < 0)
            return -1;
    }
    return df_funnel_source_file_fill(file, vectors, rows, batch, error) < 0 ? -1 : 1;
}

static int file_match(struct df_funnel_source *source, uint32_t filter, const uint32_t **rows, uint32_t *count,
                      struct df_error *error)
{
    struct df_funnel_source_file_state *state = file_of(source)->state;
    const uint8_t *matches;
    if (df_funnel_filter_set_match(state->filters, filter, &matches, error) < 0)
        return df_error_prefix(error, "%s", state->uri);
    *rows = state->picked;
    *count = df_funnel_batch_pick(matches, state->valid, state->rows, state->picked);
    return 0;
}

static int file_masks(struct df_funnel_source *source, const uint32_t *filters, uint32_t count, uint8_t *masks,
                      struct df_error *error)
{
    struct df_funnel_source_file_state *state = file_of(source)->state;
    if (df_funnel_filter_set_masks(state->filters, filters, count, masks, error) < 0)
        return df_error_prefix(error, "%s", state->uri);
    return 0;
}

/* ---- opening ---- */

static int open_file(struct df_funnel_source_file *file, const struct df_funnel_source_file_open *open,
                     struct df_error *error)
{
    struct df_parquet_open parquet = {.store = open->task->store,
                                      .uri = open->part->uri,
                                      .etag = open->part->etag,
                                      .size_bytes = open->part->size_bytes,
                                      .budget = open->task->budget,
                                      .deadline = open->task->deadline,
                                      .cancelled = open->task->cancelled};
    if (df_parquet_file_open(&file->file, &parquet, error) < 0) {
        file->file = NULL;
        file->broken = true;
        return -1;
    }
    file->state->row_group_end = df_parquet_row_group_count(file->file);
    return 0;
}

static int find_columns(struct df_funnel_source_file *file, const struct df_funnel_source_file_open *open,
                        struct df_error *error)
{
    struct df_funnel_source_file_state *state = file->state;
    if (df_funnel_directories_parse(open->part->uri, &state->arena, &state->directories, error) < 0)
        return -1;
    struct df_funnel_columns_find find = {.file = file->file,
                                          .uri = open->part->uri,
                                          .request = open->request,
                                          .directories = &state->directories,
                                          .string_directories = open->string_directories,
                                          .string_directory_count = open->string_directory_count};
    if (df_funnel_columns_find(&file->columns, &find, error) < 0) {
        file->broken = error->kind != DF_ERROR_INVALID || file->columns.unusable;
        return -1;
    }
    if (df_funnel_filter_set_compile(&state->filters, &open->request->filters, file->columns.leaves, open->task->budget,
                                     error) < 0) {
        state->filters = NULL;
        return df_error_prefix(error, "%s", open->part->uri);
    }
    return 0;
}

/* A directory as a column: a dictionary of one entry, so that work per entry is done once. */
static void make_constant(struct df_funnel_source_file_state *state, const struct df_funnel_value_column *column,
                          uint32_t index)
{
    struct df_vector *vector = &state->constants[index];
    struct df_dictionary *dictionary = &state->constant_dictionaries[index];
    bool integer = column->fixed.kind == DF_VECTOR_INT64;
    *dictionary = (struct df_dictionary){.serial = UINT64_MAX - index, .count = 1, .kind = column->fixed.kind};
    if (integer)
        dictionary->values.int64s = &column->fixed.as.int64;
    else
        dictionary->values.bytes = &column->fixed.as.bytes;
    *vector = (struct df_vector){.kind = DF_VECTOR_CODES,
                                 .valid = column->fixed_null ? state->no_values : NULL,
                                 .values = {.codes = state->zero_codes},
                                 .dictionary = dictionary};
}

static int make_room(struct df_funnel_source_file *file, struct df_error *error)
{
    struct df_funnel_source_file_state *state = file->state;
    size_t columns = file->columns.column_count, values = (size_t)file->source.request->column_count + 1;
    state->wanted = calloc(columns, sizeof *state->wanted);
    state->scan_columns = calloc(columns, sizeof *state->scan_columns);
    state->scan_at = calloc(columns, sizeof *state->scan_at);
    state->vectors = calloc(columns, sizeof *state->vectors);
    state->dictionaries = calloc(columns, sizeof *state->dictionaries);
    state->types = calloc(values, sizeof *state->types);
    state->constants = calloc(values, sizeof *state->constants);
    state->constant_dictionaries = calloc(values, sizeof *state->constant_dictionaries);
    state->values = calloc(values, sizeof *state->values);
    if (!state->wanted || !state->scan_columns || !state->scan_at || !state->vectors || !state->dictionaries ||
        !state->types || !state->constants || !state->constant_dictionaries || !state->values)
        return df_error_no_memory(error, "opening a file");
    for (uint32_t i = 0; i < file->source.request->column_count; i++) {
        state->types[i] = file->columns.values[i].type;
        if (file->columns.values[i].vector == DF_FUNNEL_FILTER_FIXED)
            make_constant(state, &file->columns.values[i], i);
    }
    return 0;
}

static void make_source(struct df_funnel_source_file *file, const struct df_funnel_source_file_open *open)
{
    struct df_funnel_source *source = &file->source;
    const struct df_funnel_time *time = &file->columns.time;
    const struct df_funnel_dataset *dataset = &open->request->dataset;
    source->kind = file->columns.kind;
    source->user_type = file->columns.user_type;
    source->time_type = df_parquet_column(file->file, file->columns.columns[file->columns.time_at])->type;
    source->times_turned = time->kind == DF_FUNNEL_TIME_UINT64;
    source->scale_known = time->scale_known || open->unit_known || dataset->unit_given;
    source->scale = time->scale;
    if (!time->scale_known && source->scale_known)
        source->scale = (enum df_funnel_scale)(open->unit_known ? open->unit : dataset->unit);
    source->types = file->state->types;
    source->want_keys = true;
    source->begin = file_begin;
    source->next = file_next;
    source->match = file_match;
    source->masks = file_masks;
}

static void make_timeframe(struct df_funnel_source_file *file)
{
    const struct df_funnel_request *request = file->source.request;
    bool unit = (request->from.given && request->from.in_ns) || (request->to.given && request->to.in_ns);
    file->state->timeframe_known = file->source.scale_known || !unit;
    file->state->timeframe = df_funnel_timeframe_make(request, file->source.scale, file->source.times_turned);
}

int df_funnel_source_file_open(struct df_funnel_source_file *file, const struct df_funnel_source_file_open *open,
                               struct df_error *error)
{
    *file = (struct df_funnel_source_file){.task = open->task, .source = {.request = open->request}};
    file->state = calloc(1, sizeof *file->state);
    if (!file->state)
        return df_error_no_memory(error, "opening a file");
    file->state->uri = open->part->uri;
    if (open_file(file, open, error) < 0 || find_columns(file, open, error) < 0 || make_room(file, error) < 0)
        return -1;
    make_source(file, open);
    make_timeframe(file);
    return 0;
}

void df_funnel_source_file_range(struct df_funnel_source_file *file, uint32_t row_group_begin, uint32_t row_group_end)
{
    file->state->row_group_begin = row_group_begin;
    file->state->row_group_end = row_group_end;
}

static void free_state(struct df_funnel_source_file_state *state)
{
    df_funnel_filter_set_free(state->filters);
    free(state->types);
    free(state->wanted);
    free(state->scan_columns);
    free(state->scan_at);
    free(state->vectors);
    free(state->dictionaries);
    free(state->constants);
    free(state->constant_dictionaries);
    free((void *)state->values);
    df_arena_dispose(&state->arena);
    free(state);
}

void df_funnel_source_file_dispose(struct df_funnel_source_file *file)
{
    if (file->state) {
        end_scan(file);
        df_funnel_skip_dispose(file);
        free_state(file->state);
    }
    df_funnel_columns_dispose(&file->columns);
    if (file->file)
        df_parquet_file_close(file->file);
    *file = (struct df_funnel_source_file){0};
}
