#include "engine/funnel/events.h"

#include <stdlib.h>

struct df_funnel_events_scratch {
    int64_t numbers[DF_PARQUET_BATCH_ROWS];
    struct df_slice bytes[DF_PARQUET_BATCH_ROWS];
    int64_t times[DF_PARQUET_BATCH_ROWS];
    uint8_t matches[DF_PARQUET_BATCH_ROWS];
};

int df_funnel_events_open(struct df_funnel_events *events, const struct df_task *task, const struct df_part *part,
                          const struct df_funnel_request *request, struct df_error *error)
{
    *events = (struct df_funnel_events){.task = task};
    events->scratch = malloc(sizeof *events->scratch);
    if (!events->scratch)
        return df_error_no_memory(error, "reading events");
    struct df_parquet_open open = {.store = task->store,
                                   .uri = part->uri,
                                   .etag = part->etag,
                                   .size_bytes = part->size_bytes,
                                   .budget = task->budget,
                                   .deadline = task->deadline,
                                   .cancelled = task->cancelled};
    if (df_parquet_file_open(&events->file, &open, error) < 0) {
        events->file = NULL;
        return -1;
    }
    return df_funnel_columns_find(&events->columns, events->file, part->uri, request, task->budget, error);
}

static void end_scan(struct df_funnel_events *events)
{
    if (!events->scan)
        return;
    events->bytes_read += df_parquet_scan_bytes_read(events->scan);
    df_parquet_scan_close(events->scan);
    events->scan = NULL;
}

void df_funnel_events_dispose(struct df_funnel_events *events)
{
    end_scan(events);
    df_funnel_columns_dispose(&events->columns);
    if (events->file)
        df_parquet_file_close(events->file);
    free(events->scratch);
    *events = (struct df_funnel_events){0};
}

int df_funnel_events_scan(struct df_funnel_events *events, uint32_t row_group_begin, uint32_t row_group_end,
                          struct df_error *error)
{
    end_scan(events);
    /* Serial numbers of dictionaries start over with each scan. */
    for (uint32_t i = 0; i < events->columns.filter_count; i++)
        events->columns.filters[i].dictionary.known = false;
    struct df_parquet_scan_options options = {.columns = events->columns.columns,
                                              .column_count = events->columns.column_count,
                                              .row_group_begin = row_group_begin,
                                              .row_group_end = row_group_end,
                                              .budget = events->task->budget,
                                              .deadline = events->task->deadline,
                                              .cancelled = events->task->cancelled};
    if (df_parquet_scan_open(&events->scan, events->file, &options, error) < 0) {
        events->scan = NULL;
        return -1;
    }
    return 0;
}

/* ---- vectors to plain arrays ---- */

static void gather_int64s(const int64_t *values, const uint32_t *codes, uint32_t n, int64_t *out)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = values[codes[i]];
}

static void gather_bytes(const struct df_slice *values, const uint32_t *codes, uint32_t n, struct df_slice *out)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = values[codes[i]];
}

/* uint64s order as int64s once their highest bit is turned. */
static void flip(const int64_t *values, uint32_t n, int64_t *out)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int64_t)((uint64_t)values[i] ^ UINT64_C(1) << 63);
}

/* NULL when the vector holds something else. A dictionary without entries has only nulls above it: any number will do.
 */
static const int64_t *int64s_of(const struct df_vector *vector, int64_t *scratch)
{
    if (vector->kind == DF_VECTOR_INT64)
        return vector->values.int64s;
    if (vector->kind != DF_VECTOR_CODES || vector->dictionary->kind != DF_VECTOR_INT64)
        return NULL;
    if (vector->dictionary->count)
        gather_int64s(vector->dictionary->values.int64s, vector->values.codes, vector->row_count, scratch);
    else
        memset(scratch, 0, vector->row_count * sizeof *scratch);
    return scratch;
}

static const struct df_slice *bytes_of(const struct df_vector *vector, struct df_slice *scratch)
{
    if (vector->kind == DF_VECTOR_BYTES)
        return vector->values.bytes;
    if (vector->kind != DF_VECTOR_CODES || vector->dictionary->kind != DF_VECTOR_BYTES)
        return NULL;
    if (vector->dictionary->count)
        gather_bytes(vector->dictionary->values.bytes, vector->values.codes, vector->row_count, scratch);
    else
        memset(scratch, 0, vector->row_count * sizeof *scratch);
    return scratch;
}

static int wrong_vector(struct df_error *error)
{
    return df_error_set(error, DF_ERROR_INTERNAL, "a scan gave a column of another kind than its file announced");
}

static int take_users(struct df_funnel_events *events, struct df_error *error)
{
    const struct df_vector *vector = &events->vectors[events->columns.user_at];
    events->keys = (struct df_funnel_keys){.kind = events->columns.kind, .count = events->rows, .valid = vector->valid};
    if (events->columns.kind == DF_FUNNEL_KEY_BYTES)
        events->keys.bytes = bytes_of(vector, events->scratch->bytes);
    else
        events->keys.numbers = int64s_of(vector, events->scratch->numbers);
    return events->keys.bytes || events->keys.numbers ? 0 : wrong_vector(error);
}

static int take_times(struct df_funnel_events *events, struct df_error *error)
{
    const struct df_vector *vector = &events->vectors[events->columns.time_at];
    events->time_valid = vector->valid;
    events->times = int64s_of(vector, events->scratch->times);
    if (!events->times)
        return wrong_vector(error);
    if (events->columns.time == DF_FUNNEL_TIME_UINT64) {
        flip(events->times, events->rows, events->scratch->times);
        events->times = events->scratch->times;
    }
    return 0;
}

int df_funnel_events_next(struct df_funnel_events *events, struct df_error *error)
{
    if (df_task_check(events->task, error) < 0)
        return -1;
    int result = df_parquet_scan_next(events->scan, &events->vectors, &events->rows, error);
    if (result <= 0) {
        end_scan(events);
        return result;
    }
    return take_users(events, error) < 0 || take_times(events, error) < 0 ? -1 : 1;
}

int df_funnel_events_match(struct df_funnel_events *events, uint32_t filter, const uint8_t **matches,
                           struct df_error *error)
{
    *matches = events->scratch->matches;
    return df_funnel_filter_evaluate(&events->columns.filters[filter],
                                     &events->vectors[events->columns.filters_at[filter]], events->scratch->matches,
                                     error);
}
