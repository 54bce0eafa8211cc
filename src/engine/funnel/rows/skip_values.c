/* Whether values that pass a test are in a row group at all: by bloom filters, and by dictionaries. */
#include "engine/funnel/rows/skip_look.h"

enum {
    BLOOM_PART = 4,            /* a bloom filter is read if it is shorter than that part of what it may save */
    DICTIONARY_PART = 8,       /* so is a dictionary, with a page behind it */
    WINDOW_BYTES = 256 * 1024, /* what a scan fetches at first of a column without an offset index */
};

/* What was read for the leaf before: leaves of one column come often. */
struct reading {
    struct df_funnel_look *look;
    bool known;
    uint32_t column;
    int found; /* 1: something was read */
    struct df_parquet_bloom bloom;
    struct df_parquet_scan *scan;
    const struct df_dictionary *dictionary;
};

struct step {
    bool (*wants)(const struct df_funnel_look *look, uint32_t leaf);
    int (*read)(struct reading *reading, struct df_error *error);                     /* 1, 0, -1 */
    int (*is_absent)(struct reading *reading, uint32_t leaf, struct df_error *error); /* 1, 0, -1 */
};

static void forget(struct reading *reading)
{
    if (reading->scan) {
        reading->look->file->bytes_read += df_parquet_scan_bytes_read(reading->scan);
        df_parquet_scan_close(reading->scan);
    }
    df_parquet_bloom_dispose(&reading->bloom);
    *reading = (struct reading){.look = reading->look};
}

/* Whether the leaf is absent; what is wrong with the index is none of the query's business. */
static int ask(struct reading *reading, const struct step *step, uint32_t leaf, struct df_error *error)
{
    struct df_error problem = {0};
    uint32_t column = df_funnel_look_column(reading->look, leaf);
    if (!reading->known || reading->column != column) {
        forget(reading);
        reading->known = true;
        reading->column = column;
        reading->found = step->read(reading, &problem);
    }
    int result = reading->found > 0 ? step->is_absent(reading, leaf, &problem) : reading->found;
    if (result >= 0)
        return result;
    reading->found = 0;
    if (df_funnel_look_may_go_on(&problem))
        return 0;
    *error = problem;
    return -1;
}

/* All leaves that may turn out to be absent are taken to be, until one is not or the others do not help any more. */
static int take_step(struct df_funnel_look *look, const struct step *step, struct df_error *error)
{
    uint32_t leaf_count = look->file->source.request->filters.leaf_count, candidates = 0;
    struct reading reading = {.look = look};
    int result = 0;
    for (uint32_t i = 0; i < leaf_count; i++) {
        look->hopeful[i] = look->leaves[i] && !look->absent[i] && step->wants(look, i);
        look->absent[i] |= look->hopeful[i];
        candidates += look->hopeful[i];
    }
    bool hope = candidates > 0 && df_funnel_look_rules_out(look);
    for (uint32_t i = 0; i < leaf_count && hope && result >= 0; i++) {
        if (!look->hopeful[i])
            continue;
        look->hopeful[i] = false;
        result = ask(&reading, step, i, error);
        look->absent[i] = result > 0;
        hope = result > 0 || df_funnel_look_rules_out(look);
    }
    for (uint32_t i = 0; i < leaf_count; i++)
        look->absent[i] &= !look->hopeful[i];
    forget(&reading);
    return result < 0 ? -1 : hope;
}

/* ---- bloom filters ---- */

static bool bloom_wants(const struct df_funnel_look *look, uint32_t leaf)
{
    return df_funnel_filter_set_wants_values(look->file->state->filters, leaf) &&
           df_parquet_index_sizes(look->file->file, look->row_group, df_funnel_look_column(look, leaf)).has_bloom;
}

static int bloom_read(struct reading *reading, struct df_error *error)
{
    struct df_funnel_look *look = reading->look;
    struct df_parquet_reading how = df_funnel_look_reading(look);
    how.bloom_bytes_max = look->bytes / BLOOM_PART;
    int result =
        df_parquet_bloom_read(&reading->bloom, look->file->file, look->row_group, reading->column, &how, error);
    look->file->bytes_read += reading->bloom.bytes_read;
    return result;
}

static bool bloom_may_have(void *ctx, const struct df_parquet_value *value)
{
    return df_parquet_bloom_may_have(ctx, value);
}

static int bloom_is_absent(struct reading *reading, uint32_t leaf, struct df_error *error)
{
    (void)error;
    return df_funnel_filter_set_absent(reading->look->file->state->filters, leaf, bloom_may_have, &reading->bloom);
}

int df_funnel_look_at_bloom_filters(struct df_funnel_look *look, struct df_error *error)
{
    static const struct step step = {bloom_wants, bloom_read, bloom_is_absent};
    return take_step(look, &step, error);
}

/* ---- dictionaries ---- */

static bool dictionary_wants(const struct df_funnel_look *look, uint32_t leaf)
{
    if (!df_funnel_filter_set_wants_dictionary(look->file->state->filters, leaf))
        return false;
    struct df_parquet_index_sizes sizes =
        df_parquet_index_sizes(look->file->file, look->row_group, df_funnel_look_column(look, leaf));
    uint64_t window = sizes.offset_bytes > 0 ? 0 : WINDOW_BYTES;
    return sizes.only_codes && sizes.dictionary_bytes > 0 && sizes.dictionary_bytes < look->bytes / DICTIONARY_PART &&
           window < look->bytes / DICTIONARY_PART;
}

static const struct df_dictionary *dictionary_of(const struct df_vector *vector)
{
    const struct df_vector *values = vector->kind == DF_VECTOR_LIST ? vector->values.list.elements : vector;
    return values->kind == DF_VECTOR_CODES ? values->dictionary : NULL;
}

/* A scan of the first row reads the dictionary on its way. */
static int dictionary_read(struct reading *reading, struct df_error *error)
{
    const struct df_funnel_look *look = reading->look;
    const struct df_task *task = look->file->task;
    const struct df_parquet_rows first = {.row_group = look->row_group, .begin = 0, .end = 1};
    const struct df_parquet_scan_options options = {.columns = &reading->column,
                                                    .column_count = 1,
                                                    .row_group_begin = look->row_group,
                                                    .row_group_end = look->row_group + 1,
                                                    .budget = task->budget,
                                                    .deadline = task->deadline,
                                                    .cancelled = task->cancelled,
                                                    .wanted = &first,
                                                    .wanted_count = 1};
    const struct df_vector *vectors;
    uint32_t rows;
    if (df_parquet_scan_open(&reading->scan, look->file->file, &options, error) < 0) {
        reading->scan = NULL;
        return -1;
    }
    int result = df_parquet_scan_next(reading->scan, &vectors, &rows, error);
    reading->dictionary = result > 0 ? dictionary_of(&vectors[0]) : NULL;
    return result < 0 ? -1 : reading->dictionary != NULL;
}

static int dictionary_is_absent(struct reading *reading, uint32_t leaf, struct df_error *error)
{
    int some =
        df_funnel_filter_set_test_dictionary(reading->look->file->state->filters, leaf, reading->dictionary, error);
    return some < 0 ? -1 : !some;
}

int df_funnel_look_at_dictionaries(struct df_funnel_look *look, struct df_error *error)
{
    static const struct step step = {dictionary_wants, dictionary_read, dictionary_is_absent};
    return take_step(look, &step, error);
}
