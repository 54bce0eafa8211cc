/* Sorting more records than memory holds: what fits is sorted and written to the temporary folder as a run; in the end
 * the runs are merged, in several rounds when there are more than memory has buffers for. Equal records stay in the
 * order in which they came: within a run by their place, runs by their number. */
#include <stdlib.h>

#include "cli/import_run.h"

enum {
    LEAST_BUFFER_BYTES = 64 * 1024, /* of a run that is merged: smaller reads cost more than they save */
    RECORDS_PER_CHECK = 4096,
};

struct entry {
    struct df_import_key key;
    size_t offset; /* of the record */
};

struct df_import_sorter {
    const struct df_import *import;
    size_t limit_bytes;
    uint8_t *data; /* owned: records side by side */
    size_t size, capacity;
    struct entry *entries; /* owned */
    size_t entry_count, entry_capacity;
    size_t next; /* entry to be given, if no run was written */
    size_t longest_record;
    struct df_spill *spill;
    struct df_import_run *runs; /* owned */
    size_t run_count, run_capacity;
    struct df_import_merge *merge; /* NULL: all fitted into memory */
};

int df_import_sorter_open(struct df_import_sorter **sorter, const struct df_import *import, struct df_error *error)
{
    struct df_import_sorter *made = calloc(1, sizeof *made);
    *sorter = made;
    if (!made)
        return df_error_no_memory(error, "sorting rows");
    made->import = import;
    made->limit_bytes = import->plan.memory_bytes / 3;
    return df_spill_create(&made->spill, import->plan.temporary_folder, error);
}

static void free_rows(struct df_import_sorter *sorter)
{
    free(sorter->data);
    free(sorter->entries);
    sorter->data = NULL;
    sorter->entries = NULL;
    sorter->size = sorter->capacity = sorter->entry_count = sorter->entry_capacity = 0;
}

void df_import_sorter_close(struct df_import_sorter *sorter)
{
    if (!sorter)
        return;
    free_rows(sorter);
    df_import_merge_close(sorter->merge);
    df_spill_release(sorter->spill);
    free(sorter->runs);
    free(sorter);
}

/* ---- sorting ---- */

/* Keys of entries are their first member. */
static struct df_slice text_of_entry(const void *ctx, const struct df_import_key *key)
{
    const struct df_import_sorter *sorter = ctx;
    struct df_import_record record;
    df_import_record_load(sorter->data + ((const struct entry *)(const void *)key)->offset, &record);
    return record.user_text;
}

static bool is_behind(const struct df_import_sorter *sorter, const struct entry *a, const struct entry *b)
{
    return df_import_key_compare(&a->key, &b->key, text_of_entry, sorter) > 0;
}

/* Sorts a few entries in their place. */
static void sort_few(const struct df_import_sorter *sorter, struct entry *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct entry moving = entries[i];
        size_t at = i;
        for (; at > 0 && is_behind(sorter, &entries[at - 1], &moving); at--)
            entries[at] = entries[at - 1];
        entries[at] = moving;
    }
}

/* from[0, middle) and from[middle, end), each sorted, into to. */
static void merge_two(const struct df_import_sorter *sorter, const struct entry *from, size_t middle, size_t end,
                      struct entry *to)
{
    size_t left = 0, right = middle;
    if (middle == end || !is_behind(sorter, &from[middle - 1], &from[middle])) {
        memcpy(to, from, end * sizeof *to); /* in order as they came */
        return;
    }
    while (left < middle && right < end)
        *to++ = is_behind(sorter, &from[left], &from[right]) ? from[right++] : from[left++];
    memcpy(to, from + left, (middle - left) * sizeof *to);
    memcpy(to + (middle - left), from + right, (end - right) * sizeof *to);
}

/* A merge sort, so that equal rows stay as they came. Not qsort_r: that moves entries of this size by pointers, and
 * calls a function for each comparison, which took twice as long. */
static int sort_rows(struct df_import_sorter *sorter, struct df_error *error)
{
    enum { FEW = 12 };
    size_t count = sorter->entry_count;
    struct entry *from = sorter->entries, *to = calloc(count ? count : 1, sizeof *to);
    if (!to)
        return df_error_no_memory(error, "sorting rows");
    for (size_t at = 0; at < count; at += FEW)
        sort_few(sorter, from + at, count - at < FEW ? count - at : FEW);
    for (size_t width = FEW; width < count; width *= 2) {
        for (size_t at = 0; at < count; at += 2 * width) {
            size_t end = count - at < 2 * width ? count - at : 2 * width;
            merge_two(sorter, from + at, end < width ? end : width, end, to + at);
        }
        struct entry *other = from;
        from = to;
        to = other;
    }
    if (from != sorter->entries)
        sorter->entry_capacity = count ? count : 1;
    sorter->entries = from;
    free(to);
    return 0;
}

/* Records lie in the order of the input, and are asked for in another: each would be a miss of the cache. */
static void prefetch(const struct df_import_sorter *sorter, size_t entry)
{
    enum { AHEAD = 8 };
    if (entry + AHEAD < sorter->entry_count)
        __builtin_prefetch(sorter->data + sorter->entries[entry + AHEAD].offset);
}

/* ---- runs ---- */

static int add_run(struct df_import_sorter *sorter, const struct df_import_run *run, struct df_error *error)
{
    if (sorter->run_count == sorter->run_capacity) {
        size_t capacity = sorter->run_capacity ? sorter->run_capacity * 2 : 64;
        struct df_import_run *runs = realloc(sorter->runs, capacity * sizeof *runs);
        if (!runs)
            return df_error_no_memory(error, "sorting rows");
        sorter->runs = runs;
        sorter->run_capacity = capacity;
    }
    sorter->runs[sorter->run_count++] = *run;
    return 0;
}

static int put_rows(struct df_import_sorter *sorter, struct df_import_run_writer *writer, struct df_error *error)
{
    struct df_import_record record;
    for (size_t i = 0; i < sorter->entry_count; i++) {
        if (i % RECORDS_PER_CHECK == 0 && df_import_interrupted(sorter->import, error) < 0)
            return -1;
        prefetch(sorter, i);
        df_import_record_load(sorter->data + sorter->entries[i].offset, &record);
        if (df_import_run_put(writer, &record, error) < 0)
            return -1;
    }
    return df_import_run_end(writer, error);
}

static int write_run(struct df_import_sorter *sorter, struct df_error *error)
{
    struct df_import_run_writer writer = {0};
    int result = sort_rows(sorter, error);
    if (result == 0)
        result = df_import_run_begin(&writer, sorter->spill, sorter->size, error);
    if (result == 0)
        result = put_rows(sorter, &writer, error);
    df_import_run_dispose(&writer);
    sorter->size = 0;
    sorter->entry_count = 0;
    return result < 0 ? -1 : add_run(sorter, &writer.run, error);
}

/* ---- adding ---- */

static bool reserve(struct df_import_sorter *sorter, size_t bytes)
{
    if (sorter->capacity - sorter->size < bytes) {
        size_t capacity = sorter->size + bytes + sorter->size / 2;
        uint8_t *data = realloc(sorter->data, capacity);
        if (!data)
            return false;
        sorter->data = data;
        sorter->capacity = capacity;
    }
    if (sorter->entry_count == sorter->entry_capacity) {
        size_t capacity = sorter->entry_capacity + sorter->entry_capacity / 2 + 1024;
        struct entry *entries = realloc(sorter->entries, capacity * sizeof *entries);
        if (!entries)
            return false;
        sorter->entries = entries;
        sorter->entry_capacity = capacity;
    }
    return true;
}

/* Sorting takes the entries a second time. */
static bool has_room(const struct df_import_sorter *sorter, size_t bytes)
{
    size_t used = sorter->size + sorter->entry_count * 2 * sizeof(struct entry);
    return used + bytes + 2 * sizeof(struct entry) <= sorter->limit_bytes;
}

int df_import_sorter_add(struct df_import_sorter *sorter, const struct df_import_record *record, struct df_error *error)
{
    size_t bytes = df_import_record_bytes(record);
    if (bytes > INT32_MAX)
        return df_error_set(error, DF_ERROR_TOO_LARGE, "a row of %zu bytes is too large", bytes);
    if (sorter->entry_count > 0 && !has_room(sorter, bytes) && write_run(sorter, error) < 0)
        return -1;
    if (!reserve(sorter, bytes))
        return df_error_no_memory(error, "sorting rows");
    sorter->entries[sorter->entry_count++] = (struct entry){.key = record->key, .offset = sorter->size};
    df_import_record_store(sorter->data + sorter->size, record);
    sorter->size += bytes;
    if (bytes > sorter->longest_record)
        sorter->longest_record = bytes;
    return 0;
}

/* ---- merging ---- */

static size_t buffer_bytes(const struct df_import_sorter *sorter)
{
    return sorter->longest_record > LEAST_BUFFER_BYTES ? sorter->longest_record : LEAST_BUFFER_BYTES;
}

/* Runs that can be merged at once: a quarter of the memory, the rest is the writer's. */
static size_t fan(const struct df_import_sorter *sorter)
{
    size_t count = sorter->import->plan.memory_bytes / 4 / buffer_bytes(sorter);
    return count < 2 ? 2 : count;
}

static int copy_merged(struct df_import_sorter *sorter, struct df_import_merge *merge,
                       struct df_import_run_writer *writer, struct df_error *error)
{
    struct df_import_record record;
    int more;
    for (uint64_t i = 0; (more = df_import_merge_next(merge, &record, error)) > 0; i++) {
        if (i % RECORDS_PER_CHECK == 0 && df_import_interrupted(sorter->import, error) < 0)
            return -1;
        if (df_import_run_put(writer, &record, error) < 0)
            return -1;
    }
    return more < 0 ? -1 : df_import_run_end(writer, error);
}

static int merge_some(struct df_import_sorter *sorter, const struct df_import_run *runs, size_t count,
                      struct df_import_run *merged, struct df_error *error)
{
    struct df_import_merge *merge;
    struct df_import_run_writer writer = {0};
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += runs[i].size_bytes;
    if (df_import_merge_open(&merge, sorter->spill, runs, count, buffer_bytes(sorter), error) < 0)
        return -1;
    int result = df_import_run_begin(&writer, sorter->spill, size, error);
    if (result == 0)
        result = copy_merged(sorter, merge, &writer, error);
    *merged = writer.run;
    df_import_run_dispose(&writer);
    df_import_merge_close(merge);
    return result;
}

/* One round: neighbours become one, so that runs stay in the order of the input. */
static int merge_round(struct df_import_sorter *sorter, struct df_error *error)
{
    size_t width = fan(sorter), made = 0;
    for (size_t begin = 0; begin < sorter->run_count; begin += width) {
        size_t count = sorter->run_count - begin < width ? sorter->run_count - begin : width;
        struct df_import_run merged;
        if (merge_some(sorter, sorter->runs + begin, count, &merged, error) < 0)
            return -1;
        for (size_t i = begin; i < begin + count; i++)
            df_spill_give(sorter->spill, sorter->runs[i].offset, sorter->runs[i].size_bytes);
        sorter->runs[made++] = merged;
    }
    sorter->run_count = made;
    return 0;
}

int df_import_sorter_finish(struct df_import_sorter *sorter, struct df_error *error)
{
    if (sorter->run_count == 0)
        return sort_rows(sorter, error);
    if (sorter->entry_count > 0 && write_run(sorter, error) < 0)
        return -1;
    free_rows(sorter);
    while (sorter->run_count > fan(sorter))
        if (merge_round(sorter, error) < 0)
            return -1;
    return df_import_merge_open(&sorter->merge, sorter->spill, sorter->runs, sorter->run_count, buffer_bytes(sorter),
                                error);
}

int df_import_sorter_next(struct df_import_sorter *sorter, struct df_import_record *record, struct df_error *error)
{
    if (sorter->merge)
        return df_import_merge_next(sorter->merge, record, error);
    if (sorter->next == sorter->entry_count)
        return 0;
    prefetch(sorter, sorter->next);
    df_import_record_load(sorter->data + sorter->entries[sorter->next++].offset, record);
    return 1;
}
