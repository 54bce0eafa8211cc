#include "engine/funnel/collector.h"

#include <stdlib.h>

enum {
    CHUNK_ROWS_MIN = 64, /* a query of thousands of steps has thousands of lists, most of them short */
    CHUNK_ROWS_MAX = 8192,
};

static bool scratch_make(struct df_funnel_collector *collector)
{
    collector->scratch.hashes = calloc(DF_FUNNEL_ROWS_MAX, sizeof *collector->scratch.hashes);
    collector->scratch.codes = calloc(DF_FUNNEL_ROWS_MAX, sizeof *collector->scratch.codes);
    collector->scratch.times = calloc(DF_FUNNEL_ROWS_MAX, sizeof *collector->scratch.times);
    return collector->scratch.hashes && collector->scratch.codes && collector->scratch.times;
}

int df_funnel_collector_init(struct df_funnel_collector *collector, enum df_funnel_key_kind kind, uint32_t filter_count,
                             uint32_t first_filter, const struct df_funnel_account *account, struct df_error *error)
{
    *collector =
        (struct df_funnel_collector){.account = *account, .filter_count = filter_count, .first_filter = first_filter};
    collector->account.held_bytes = 0;
    df_funnel_groups_init(&collector->groups, kind, &collector->account);
    collector->matches = calloc(filter_count ? filter_count : 1, sizeof *collector->matches);
    if (collector->matches && scratch_make(collector))
        return 0;
    df_funnel_collector_dispose(collector);
    return df_error_no_memory(error, "collecting users");
}

static size_t chunk_bytes(uint32_t capacity)
{
    return sizeof(struct df_funnel_chunk) + capacity * (sizeof(int64_t) + sizeof(uint32_t));
}

void df_funnel_collector_reset(struct df_funnel_collector *collector)
{
    for (uint32_t i = 0; collector->matches && i < collector->filter_count; i++) {
        while (collector->matches[i].first) {
            struct df_funnel_chunk *chunk = collector->matches[i].first;
            collector->matches[i].first = chunk->next;
            df_funnel_account_free(&collector->account, chunk, chunk_bytes(chunk->capacity));
        }
        collector->matches[i].last = NULL;
    }
    df_funnel_groups_dispose(&collector->groups);
    df_funnel_account_free(&collector->account, collector->untimed, collector->untimed_capacity);
    collector->untimed = NULL;
    collector->untimed_capacity = 0;
    collector->rows_seen = 0;
}

void df_funnel_collector_dispose(struct df_funnel_collector *collector)
{
    df_funnel_collector_reset(collector);
    free(collector->matches);
    free(collector->scratch.hashes);
    free(collector->scratch.codes);
    free(collector->scratch.times);
    *collector = (struct df_funnel_collector){0};
}

bool df_funnel_collector_rows(struct df_funnel_collector *collector, const struct df_funnel_keys *keys, uint32_t *codes)
{
    df_funnel_keys_hash(keys, collector->scratch.hashes);
    collector->rows_seen += keys->count;
    return df_funnel_groups_add(&collector->groups, keys, collector->scratch.hashes, collector->pass_mask,
                                collector->pass_value, codes);
}

static struct df_funnel_chunk *chunk_with_room(struct df_funnel_collector *collector, uint32_t filter)
{
    struct df_funnel_matches *list = &collector->matches[filter];
    if (list->last && list->last->count < list->last->capacity)
        return list->last;
    uint32_t capacity = list->last ? list->last->capacity * 2 : CHUNK_ROWS_MIN;
    capacity = capacity < CHUNK_ROWS_MAX ? capacity : CHUNK_ROWS_MAX;
    struct df_funnel_chunk *chunk = df_funnel_account_alloc(&collector->account, chunk_bytes(capacity));
    if (!chunk)
        return NULL;
    int64_t *times = (int64_t *)(chunk + 1);
    *chunk =
        (struct df_funnel_chunk){.capacity = capacity, .times = times, .codes = (uint32_t *)(void *)(times + capacity)};
    if (list->last)
        list->last->next = chunk;
    else
        list->first = chunk;
    list->last = chunk;
    return chunk;
}

static bool append(struct df_funnel_collector *collector, uint32_t filter, const uint32_t *codes, const int64_t *times,
                   uint32_t n)
{
    for (uint32_t done = 0; done < n;) {
        struct df_funnel_chunk *chunk = chunk_with_room(collector, filter);
        if (!chunk)
            return false;
        uint32_t room = chunk->capacity - chunk->count, some = n - done < room ? n - done : room;
        memcpy(chunk->codes + chunk->count, codes + done, some * sizeof *codes);
        memcpy(chunk->times + chunk->count, times + done, some * sizeof *times);
        chunk->count += some;
        done += some;
    }
    return true;
}

/* The pairs whose byte in `matches` is 1 and that have a user; without a branch, as matches come in no order. */
static uint32_t pick(const uint8_t *matches, const uint32_t *codes, const int64_t *times, uint32_t rows,
                     uint32_t *out_codes, int64_t *out_times)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows; i++) {
        out_codes[n] = codes[i];
        out_times[n] = times[i];
        n += (uint32_t)(matches[i] & (codes[i] != DF_FUNNEL_NO_GROUP));
    }
    return n;
}

static uint32_t pick_timed(const uint8_t *matches, const uint8_t *valid, const uint32_t *codes, const int64_t *times,
                           uint32_t rows, uint32_t *out_codes, int64_t *out_times)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows; i++) {
        out_codes[n] = codes[i];
        out_times[n] = times[i];
        n += (uint32_t)(matches[i] & valid[i] & (codes[i] != DF_FUNNEL_NO_GROUP));
    }
    return n;
}

static uint32_t pick_untimed(const uint8_t *matches, const uint8_t *valid, const uint32_t *codes, uint32_t rows,
                             uint32_t *out_codes)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows; i++) {
        out_codes[n] = codes[i];
        n += (uint32_t)(matches[i] & (valid[i] ^ 1) & (codes[i] != DF_FUNNEL_NO_GROUP));
    }
    return n;
}

bool df_funnel_collector_match(struct df_funnel_collector *collector, uint32_t filter, const uint8_t *matches,
                               const uint32_t *codes, const int64_t *times, const uint8_t *time_valid, uint32_t rows)
{
    uint32_t *picked = collector->scratch.codes, n;
    int64_t *picked_times = collector->scratch.times;
    if (!time_valid) {
        n = pick(matches, codes, times, rows, picked, picked_times);
        return append(collector, filter, picked, picked_times, n);
    }
    n = pick_timed(matches, time_valid, codes, times, rows, picked, picked_times);
    if (!append(collector, filter, picked, picked_times, n))
        return false;
    if (filter != collector->first_filter)
        return true;
    return df_funnel_collector_untimed(collector, picked, pick_untimed(matches, time_valid, codes, rows, picked));
}

bool df_funnel_collector_append(struct df_funnel_collector *collector, uint32_t filter, const uint32_t *codes,
                                const int64_t *times, uint32_t n)
{
    uint32_t *picked = collector->scratch.codes, kept = 0;
    int64_t *picked_times = collector->scratch.times;
    for (uint32_t i = 0; i < n; i++) {
        picked[kept] = codes[i];
        picked_times[kept] = times[i];
        kept += codes[i] != DF_FUNNEL_NO_GROUP;
    }
    return append(collector, filter, picked, picked_times, kept);
}

bool df_funnel_collector_untimed(struct df_funnel_collector *collector, const uint32_t *codes, uint32_t n)
{
    if (n == 0)
        return true;
    size_t before = collector->untimed_capacity;
    void *array = collector->untimed;
    if (!df_funnel_account_grow(&collector->account, &array, &collector->untimed_capacity,
                                collector->groups.group_count, 1))
        return false;
    collector->untimed = array;
    if (collector->untimed_capacity > before)
        memset(collector->untimed + before, 0, collector->untimed_capacity - before);
    for (uint32_t i = 0; i < n; i++)
        if (codes[i] != DF_FUNNEL_NO_GROUP)
            collector->untimed[codes[i]] = 1;
    return true;
}
