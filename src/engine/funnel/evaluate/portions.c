#include "engine/funnel/evaluate/portions.h"

#include <stdlib.h>

#include "engine/funnel/evaluate/groups_small.h"
#include "engine/funnel/evaluate/judge.h"
#include "engine/funnel/evaluate/partitions.h"

enum {
    ROWS_MIN = 64 * 1024,     /* below it the tables of all users fit the cache as they are */
    PORTION_ROWS = 16 * 1024, /* so that what is known of its users fits half of an L2 cache of 512 KB */
    ENTRIES_FEW = 16 * 1024,  /* users that a dictionary names: few enough for tables in the cache */
    MEMORY_SHARE = 4,         /* rows take at most this part of the memory limit */
};

/* ---- whether ---- */

/* In ascending order, as sorted files have them: then there is a way without any table. */
static bool in_order(const struct df_funnel_keys *keys)
{
    uint32_t last = UINT32_MAX;
    for (uint32_t i = 0; i < keys->count; i++) {
        if (keys->valid && !keys->valid[i])
            continue;
        if (last != UINT32_MAX) {
            int order = keys->kind == DF_FUNNEL_KEY_BYTES ? df_slice_compare(keys->bytes[last], keys->bytes[i])
                        : keys->kind == DF_FUNNEL_KEY_UINT64
                            ? ((uint64_t)keys->numbers[last] > (uint64_t)keys->numbers[i])
                            : keys->numbers[last] > keys->numbers[i];
            if (order > 0)
                return false;
        }
        last = i;
    }
    return true;
}

static bool facts_serve(const struct df_funnel_collector *collector, const struct df_funnel_source *source)
{
    for (uint32_t i = 0; i < collector->request->column_count; i++) {
        const struct df_type *type = &source->types[i];
        if (!collector->request->columns[i].facts)
            continue;
        enum df_vector_kind kind = df_vector_kind_of(type);
        if (kind != DF_VECTOR_INT64 && kind != DF_VECTOR_FLOAT64)
            return false;
    }
    return true;
}

static bool request_serves(const struct df_funnel_collector *collector)
{
    const struct df_funnel_request *request = collector->request;
    bool twice = request->second_reading || (request->funnel.given && request->funnel.cohort.given);
    bool sessions = request->funnel.given && request->funnel.session_gap.given;
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < collector->collected->filter_count; i++)
        wanted += collector->collected->filters[i].wanted;
    /* Chains name rows by their place in the source, and sessions are looked up by time. */
    if (twice && (request->chains || sessions || collector->collected->no_row_codes))
        return false;
    return wanted <= DF_FUNNEL_MASK_FILTERS;
}

static void prepare(struct df_funnel_partitions *partitions, const struct df_funnel_collector *collector,
                    enum df_funnel_key_kind kind, struct df_funnel_account *account)
{
    const struct df_funnel_request *request = collector->request;
    partitions->account = account;
    partitions->kind = kind;
    partitions->pass_mask = collector->pass_mask;
    partitions->pass_value = collector->pass_value;
    partitions->with_ordinals = request->second_reading;
    for (uint32_t i = 0; i < collector->collected->filter_count; i++)
        if (collector->collected->filters[i].wanted)
            partitions->filters[partitions->filter_count++] = i;
    for (uint32_t i = 0; i < request->column_count; i++)
        partitions->fact_count += request->columns[i].facts;
    df_funnel_partitions_init(partitions);
}

static bool memory_serves(const struct df_funnel_collector *collector, const struct df_funnel_source *source)
{
    const struct df_budget *budget = collector->account.budget;
    size_t row_bytes = sizeof(struct df_slice) + 4 * sizeof(uint64_t) +
                       (size_t)collector->request->column_count * (sizeof(int64_t) + 1);
    if (!budget || budget->limit_bytes == 0)
        return true;
    return source->rows_expected <= (budget->limit_bytes / MEMORY_SHARE) / row_bytes;
}

bool df_funnel_portions_serve_hash(const struct df_funnel_collector *collector, const struct df_funnel_source *source)
{
    return !(collector->request->without & DF_FUNNEL_WITHOUT_RADIX) && memory_serves(collector, source);
}

enum df_funnel_way df_funnel_portions_way(const struct df_funnel_collector *collector,
                                          const struct df_funnel_source *source, const struct df_funnel_batch *first)
{
    uint32_t without = collector->request->without;
    bool many = source->rows_expected >= ROWS_MIN || without & DF_FUNNEL_WITHOUT_MINIMUMS;
    bool few_entries = first->keys.entries && first->keys.dictionary->count <= ENTRIES_FEW;
    if (!many || !request_serves(collector) || !facts_serve(collector, source))
        return DF_FUNNEL_PLAINLY;
    /* A pass takes users by their hash, which nothing in order needs. */
    if (!(without & DF_FUNNEL_WITHOUT_ORDER) && collector->pass_mask == 0 && in_order(&first->keys))
        return DF_FUNNEL_BY_ORDER;
    if (few_entries && !(without & DF_FUNNEL_WITHOUT_ENTRIES))
        return DF_FUNNEL_PLAINLY;
    return df_funnel_portions_serve_hash(collector, source) ? DF_FUNNEL_BY_HASH : DF_FUNNEL_PLAINLY;
}

/* ---- a partition as a source ---- */

struct partition_source {
    struct df_funnel_source source; /* first */
    const struct df_funnel_partitions *partitions;
    struct df_funnel_rows_chunk *chunk, *next;
    uint32_t rows_given;
    bool untimed;
    struct df_vector *vectors;       /* per fact */
    const struct df_vector **values; /* per column of the request */
    uint8_t time_valid[DF_FUNNEL_CHUNK_ROWS];
    uint32_t picked[DF_FUNNEL_CHUNK_ROWS];
};

static struct partition_source *partition_of(struct df_funnel_source *source)
{
    return (struct partition_source *)source;
}

static void fill_values(struct partition_source *from)
{
    const struct df_funnel_partitions *partitions = from->partitions;
    for (uint32_t i = 0; i < partitions->fact_count; i++) {
        size_t at = (size_t)i * DF_FUNNEL_CHUNK_ROWS;
        struct df_vector *vector = &from->vectors[i];
        vector->kind = df_vector_kind_of(&from->source.types[partitions->fact_columns[i]]);
        vector->row_count = from->chunk->count;
        vector->valid = from->chunk->fact_valid + at;
        vector->values.int64s = from->chunk->facts + at; /* the same bits as doubles */
        from->values[partitions->fact_columns[i]] = vector;
    }
}

static int partition_next(struct df_funnel_source *source, struct df_funnel_batch *batch, struct df_error *error)
{
    struct partition_source *from = partition_of(source);
    (void)error;
    if (!from->next)
        return 0;
    struct df_funnel_rows_chunk *chunk = from->chunk = from->next;
    from->next = chunk->next;
    for (uint32_t i = 0; from->untimed && i < chunk->count; i++)
        from->time_valid[i] = chunk->masks[i] >> 7;
    fill_values(from);
    *batch = (struct df_funnel_batch){.rows = chunk->count,
                                      .first_row = from->rows_given,
                                      .keys = {.kind = source->kind,
                                               .count = chunk->count,
                                               .numbers = chunk->bytes ? NULL : chunk->keys.numbers,
                                               .bytes = chunk->bytes,
                                               .hashes = chunk->bytes ? chunk->keys.hashes : NULL},
                                      .times = chunk->times,
                                      .time_valid = from->untimed ? from->time_valid : NULL,
                                      .values = from->values};
    from->rows_given += chunk->count;
    return 1;
}

static int partition_match(struct df_funnel_source *source, uint32_t filter, const uint32_t **rows, uint32_t *count,
                           struct df_error *error)
{
    struct partition_source *from = partition_of(source);
    uint32_t bit = 0, picked = 0;
    (void)error;
    while (from->partitions->filters[bit] != filter)
        bit++;
    for (uint32_t i = 0; i < from->chunk->count; i++) {
        from->picked[picked] = i;
        picked += (uint32_t)(from->chunk->masks[i] >> bit) & 1u;
    }
    *rows = from->picked;
    *count = picked;
    return 0;
}

/* ---- judging ---- */

/* What the steps share; on the heap, as it is large. */
struct work {
    struct df_funnel_portions *judging;
    struct df_funnel_account account; /* of the partitions */
    struct df_funnel_collector collector;
    struct df_funnel_partitions partitions;
    struct partition_source from;
    struct df_funnel_small small;
    uint32_t *codes; /* of the rows of one partition */
    size_t code_capacity;
    struct df_funnel_chunk *views; /* per chunk of one partition and filter */
    size_t view_capacity;
    uint32_t *fact_columns;
    bool twice;
    uint32_t users;
};

static int make_arrays(struct work *work, struct df_error *error)
{
    const struct df_funnel_request *request = work->collector.request;
    struct partition_source *from = &work->from;
    uint32_t facts = 0;
    work->fact_columns = calloc(request->column_count + (size_t)1, sizeof *work->fact_columns);
    from->vectors = calloc(request->column_count + (size_t)1, sizeof *from->vectors);
    from->values = calloc(request->column_count + (size_t)1, sizeof *from->values);
    if (!work->fact_columns || !from->vectors || !from->values)
        return df_error_no_memory(error, "judging users in portions");
    for (uint32_t i = 0; i < request->column_count; i++)
        if (request->columns[i].facts)
            work->fact_columns[facts++] = i;
    work->partitions.fact_columns = work->fact_columns;
    from->partitions = &work->partitions;
    from->source = *work->judging->source;
    from->source.next = partition_next;
    from->source.match = partition_match;
    from->source.masks = NULL;
    return 0;
}

static uint32_t count_partitions(uint64_t rows)
{
    uint32_t count = 8;
    while (count < DF_FUNNEL_PARTITIONS_MAX && rows / count > PORTION_ROWS)
        count *= 2;
    return count;
}

static int begin(struct work *work, struct df_error *error)
{
    struct df_funnel_portions *judging = work->judging;
    struct df_funnel_collector *like = judging->collector;
    work->account = like->account;
    work->account.held_bytes = work->account.floor_bytes = 0; /* it is for speed: nothing is promised to it */
    if (df_funnel_collector_init(&work->collector, like->request, judging->source->kind, &like->account, error) < 0)
        return -1;
    work->collector.pass_mask = like->pass_mask;
    work->collector.pass_value = like->pass_value;
    work->collector.collected->no_row_codes = true;
    work->twice = like->request->second_reading;
    work->small.account = &work->account;
    prepare(&work->partitions, &work->collector, judging->source->kind, &work->account);
    work->partitions.count = judging->way == DF_FUNNEL_BY_HASH ? count_partitions(judging->source->rows_expected) : 1;
    return make_arrays(work, error);
}

/* Codes of rows for the second reading: of all users, those of earlier partitions first. */
static void note_codes(struct work *work, const uint32_t *codes, uint32_t rows)
{
    uint32_t *row_codes = work->judging->collector->row_codes;
    const uint32_t *ordinals = work->from.chunk->ordinals;
    for (uint32_t i = 0; work->twice && i < rows; i++)
        row_codes[ordinals[i]] = codes[i] + work->users;
}

static bool make_room(struct work *work, const struct df_funnel_partition *partition)
{
    size_t rows = df_funnel_partition_rows(partition), chunks = rows / DF_FUNNEL_CHUNK_ROWS + 1;
    void *codes = work->codes, *views = work->views;
    bool fits = df_funnel_account_grow(&work->account, &codes, &work->code_capacity, rows, sizeof *work->codes) &&
                df_funnel_account_grow(&work->account, &views, &work->view_capacity,
                                       chunks * work->collector.collected->filter_count, sizeof *work->views);
    work->codes = codes;
    work->views = views;
    return fits;
}

/* The rows of the chunk at hand as members of the lists of their filters. */
static struct df_funnel_chunk *make_views(struct work *work, uint32_t *codes, size_t index)
{
    struct df_funnel_rows_chunk *chunk = work->from.chunk;
    struct df_funnel_chunk *views = work->views + index * work->collector.collected->filter_count;
    for (uint32_t bit = 0; bit < work->partitions.filter_count; bit++)
        views[work->partitions.filters[bit]] =
            (struct df_funnel_chunk){.count = chunk->count,
                                     .capacity = chunk->count,
                                     .masks = chunk->masks,
                                     .need = (uint8_t)(DF_FUNNEL_MASK_TIMED | 1u << bit),
                                     .times = chunk->times,
                                     .codes = codes};
    return views;
}

static bool give_codes(struct work *work, const struct df_funnel_batch *batch, bool small, uint32_t *codes)
{
    struct df_funnel_collector *collector = &work->collector;
    if (work->judging->way == DF_FUNNEL_BY_ORDER)
        return df_funnel_small_add_ordered(&work->small, &batch->keys, codes);
    if (!small)
        return df_funnel_groups_add(&collector->groups, &batch->keys, collector->collected->hashes, 0, 0, codes);
    df_funnel_small_add(&work->small, &batch->keys, work->from.chunk->tags, codes);
    return true;
}

static int collect_chunks(struct work *work, bool small, struct df_error *error)
{
    struct df_funnel_collected *collected = work->collector.collected;
    struct df_funnel_batch batch;
    uint32_t *codes = work->codes;
    for (size_t index = 0; partition_next(&work->from.source, &batch, error) > 0; index++) {
        if (!give_codes(work, &batch, small, codes))
            return DF_FUNNEL_OVER;
        collected->codes = codes;
        int result = df_funnel_collect_coded(&work->collector, &work->from.source, &batch,
                                             make_views(work, codes, index), error);
        if (result != DF_FUNNEL_DONE)
            return result;
        note_codes(work, codes, batch.rows);
        codes += batch.rows;
    }
    df_funnel_groups_settle(&work->collector.groups);
    return DF_FUNNEL_DONE;
}

static int collect_partition(struct work *work, uint32_t index, struct df_error *error)
{
    const struct df_funnel_partition *partition = &work->partitions.partitions[index];
    uint32_t *own = work->collector.collected->codes;
    uint64_t rows = df_funnel_partition_rows(partition);
    bool small = rows <= DF_FUNNEL_SMALL_ROWS;
    work->from.next = partition->first;
    work->from.untimed = work->partitions.untimed;
    work->from.rows_given = 0;
    if (!make_room(work, partition))
        return DF_FUNNEL_OVER;
    if (work->judging->way == DF_FUNNEL_BY_ORDER)
        df_funnel_small_begin_ordered(&work->small, &work->collector.groups);
    else if (small && !df_funnel_small_begin(&work->small, &work->collector.groups, rows))
        return DF_FUNNEL_OVER;
    int result = collect_chunks(work, small, error);
    work->collector.collected->codes = own;
    return result;
}

/* Views are no memory of the lists. */
static void forget_views(struct df_funnel_collected *collected)
{
    for (uint32_t i = 0; i < collected->filter_count; i++) {
        struct df_funnel_list *list = &collected->filters[i].list;
        if (list->first && list->first->masks)
            *list = (struct df_funnel_list){0};
    }
}

static int judge_portion(struct work *work, uint32_t index, struct df_error *error)
{
    struct df_funnel_portions *judging = work->judging;
    struct df_funnel_verdicts verdicts = {0};
    int result = collect_partition(work, index, error);
    if (result == DF_FUNNEL_DONE)
        result = df_funnel_judge(&work->collector, judging->source->scale, judging->cancelled, &verdicts, error);
    if (result == DF_FUNNEL_DONE)
        result = judging->each(judging->ctx, &verdicts, &work->collector.groups, error);
    if (result == DF_FUNNEL_DONE && work->twice && !df_funnel_verdicts_append(&judging->all, &verdicts))
        result = DF_FUNNEL_OVER;
    work->users += verdicts.user_count;
    df_funnel_verdicts_dispose(&verdicts);
    forget_views(work->collector.collected);
    df_funnel_partition_free(&work->partitions, index);
    df_funnel_collector_clear(&work->collector);
    return result;
}

static int make_codes(struct work *work, size_t rows, struct df_error *error)
{
    struct df_funnel_collector *collector = work->judging->collector;
    if (!work->twice)
        return DF_FUNNEL_DONE;
    collector->row_codes = df_funnel_account_alloc(&collector->account, rows * sizeof *collector->row_codes);
    if (!collector->row_codes)
        return DF_FUNNEL_OVER;
    collector->row_code_capacity = rows;
    memset(collector->row_codes, 0xff, rows * sizeof *collector->row_codes); /* DF_FUNNEL_NO_GROUP */
    return df_funnel_verdicts_begin(&work->judging->all, &collector->account, error);
}

/* ---- by hash ---- */

static int fill(struct work *work, struct df_error *error)
{
    struct df_funnel_source *source = work->judging->source;
    struct df_funnel_batch batch = *work->judging->first;
    int more, result;
    do {
        result = df_funnel_partitions_add(&work->partitions, source, &batch, error);
        if (result != DF_FUNNEL_DONE)
            return result;
        more = source->next(source, &batch, error);
    } while (more > 0);
    return more;
}

static int run_by_hash(struct work *work, struct df_error *error)
{
    int result = fill(work, error);
    if (result == DF_FUNNEL_DONE)
        result = make_codes(work, work->partitions.row_count, error);
    for (uint32_t i = 0; result == DF_FUNNEL_DONE && i < work->partitions.count; i++)
        result = judge_portion(work, i, error);
    return result;
}

/* ---- by order ---- */

/* The rows of a stretch up to its last change of user close the portion, when it is long enough. */
static int take_stretch(struct work *work, const struct df_funnel_batch *batch, uint32_t begin, uint32_t end,
                        struct df_error *error)
{
    uint32_t cut = df_funnel_partitions_last_change(&batch->keys, begin, end);
    if (cut > begin && !df_funnel_partitions_append(&work->partitions, batch, begin, cut))
        return DF_FUNNEL_OVER;
    if (cut > begin && df_funnel_partition_rows(&work->partitions.partitions[0]) >= PORTION_ROWS) {
        int result = judge_portion(work, 0, error);
        if (result != DF_FUNNEL_DONE)
            return result;
    }
    return df_funnel_partitions_append(&work->partitions, batch, cut, end) ? DF_FUNNEL_DONE : DF_FUNNEL_OVER;
}

static int take_batch(struct work *work, const struct df_funnel_batch *batch, struct df_error *error)
{
    size_t codes = work->judging->collector->row_code_capacity;
    if (work->twice && (size_t)batch->first_row + batch->rows > codes)
        return DF_FUNNEL_OVER; /* the source has more rows than it expected */
    int result = df_funnel_partitions_mask(&work->partitions, work->judging->source, batch, error);
    for (uint32_t begin = 0; result == DF_FUNNEL_DONE && begin < batch->rows; begin += DF_FUNNEL_STRETCH_ROWS) {
        uint32_t left = batch->rows - begin;
        uint32_t end = left < DF_FUNNEL_STRETCH_ROWS ? batch->rows : begin + DF_FUNNEL_STRETCH_ROWS;
        result = take_stretch(work, batch, begin, end, error);
    }
    return result;
}

static int run_by_order(struct work *work, struct df_error *error)
{
    struct df_funnel_source *source = work->judging->source;
    struct df_funnel_batch batch = *work->judging->first;
    int more = 1, result = make_codes(work, source->rows_expected, error);
    while (result == DF_FUNNEL_DONE && more > 0) {
        result = take_batch(work, &batch, error);
        if (result == DF_FUNNEL_DONE)
            more = source->next(source, &batch, error);
    }
    if (result == DF_FUNNEL_DONE && more == 0)
        result = judge_portion(work, 0, error);
    return more < 0 ? -1 : result;
}

static int run(struct work *work, struct df_error *error)
{
    int result = begin(work, error);
    if (result != DF_FUNNEL_DONE)
        return result;
    result = work->judging->way == DF_FUNNEL_BY_ORDER ? run_by_order(work, error) : run_by_hash(work, error);
    work->judging->collector->row_count = (uint32_t)work->partitions.row_count;
    return result;
}

int df_funnel_portions_judge(struct df_funnel_portions *judging, struct df_error *error)
{
    struct work *work = calloc(1, sizeof *work);
    judging->all = (struct df_funnel_verdicts){0};
    if (!work)
        return df_error_no_memory(error, "judging users in portions");
    work->judging = judging;
    int result = run(work, error);
    df_funnel_partitions_dispose(&work->partitions);
    df_funnel_collector_dispose(&work->collector);
    df_funnel_small_dispose(&work->small);
    df_funnel_account_free(&work->account, work->codes, work->code_capacity * sizeof *work->codes);
    df_funnel_account_free(&work->account, work->views, work->view_capacity * sizeof *work->views);
    free(work->fact_columns);
    free(work->from.vectors);
    free((void *)work->from.values);
    free(work);
    if (result != DF_FUNNEL_DONE)
        df_funnel_verdicts_dispose(&judging->all);
    return result;
}
