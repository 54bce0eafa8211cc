#include "engine/funnel/repartition/sorter.h"

#include <stdlib.h>

#include "engine/funnel/evaluate/account.h"

enum {
    /* Sections keep to half of the account; what is sorted may go beyond that, and leaves the rest to readers. */
    SHARE_PERCENT = 75,
    GROW_BYTES_MIN = 64 * 1024,
    ENTRY_CHARGE = 2, /* an entry's bytes, and as many while entries are sorted */
};

/* `place` orders records as they come; its two highest bits say what is null, so that they sort last. */
struct entry {
    uint64_t user, time, place;
    size_t at; /* in the memory of the records */
};
#define USER_NULL (UINT64_C(1) << 63)
#define TIME_NULL (UINT64_C(1) << 62)

/* A record between two passes. */
struct bound {
    bool given;
    struct entry entry;
    struct df_buf user; /* of bytes */
};

struct df_repartition_sorter {
    struct df_task *task;
    struct df_part part;
    const struct df_repartition_layout *layout;
    bool by_bytes;

    uint8_t *bytes; /* owned: records with their lengths, in the order of their places */
    size_t size, capacity;
    struct entry *entries; /* owned */
    size_t count, entry_capacity;
    uint64_t charged_bytes, floor_bytes;

    struct bound given;   /* the last record that was given */
    struct bound highest; /* what this pass keeps, at most */
    uint64_t place;       /* of the record that is being read */
    bool all_given;
    uint64_t read_bytes;
    uint32_t passes;
};

/* ---- memory ---- */

static bool charge(struct df_repartition_sorter *sorter, uint64_t bytes, bool force)
{
    if (force || sorter->charged_bytes + bytes <= sorter->floor_bytes)
        df_budget_force(sorter->task->budget, bytes);
    else if (!df_budget_take_share(sorter->task->budget, bytes, SHARE_PERCENT))
        return false;
    sorter->charged_bytes += bytes;
    return true;
}

/* 1: there is room for `needed` elements; 0: memory is full; -1: and none is to be had. */
static int grow(struct df_repartition_sorter *sorter, void **array, size_t *capacity, size_t needed,
                size_t element_bytes, size_t charge_factor, bool force, struct df_error *error)
{
    if (needed <= *capacity)
        return 1;
    size_t least = GROW_BYTES_MIN / element_bytes, wanted = *capacity + *capacity / 2;
    wanted = wanted > *capacity + least ? wanted : *capacity + least;
    wanted = wanted > needed ? wanted : needed;
    if (wanted > SIZE_MAX / element_bytes / charge_factor)
        return 0;
    if (!charge(sorter, (wanted - *capacity) * element_bytes * charge_factor, false)) {
        wanted = needed;
        if (!charge(sorter, (wanted - *capacity) * element_bytes * charge_factor, force))
            return 0;
    }
    void *memory = realloc(*array, wanted * element_bytes);
    if (!memory)
        return df_error_no_memory(error, "sorting a section");
    *array = memory;
    *capacity = wanted;
    return 1;
}

static int make_room(struct df_repartition_sorter *sorter, size_t bytes, bool force, struct df_error *error)
{
    void *memory = sorter->bytes, *entries = sorter->entries;
    int room = grow(sorter, &memory, &sorter->capacity, sorter->size + bytes, 1, 1, force, error);
    sorter->bytes = memory;
    if (room > 0)
        room = grow(sorter, &entries, &sorter->entry_capacity, sorter->count + 1, sizeof *sorter->entries, ENTRY_CHARGE,
                    force, error);
    sorter->entries = entries;
    return room;
}

/* ---- order ---- */

static struct df_slice record_at(const struct df_repartition_sorter *sorter, size_t at)
{
    struct df_slice record = {0};
    size_t size;
    (void)df_repartition_record_take(df_slice_make(sorter->bytes + at, sorter->size - at), &record, &size, NULL);
    return record;
}

/* Of a record that was checked when it came. */
static struct df_slice user_bytes(const struct df_repartition_sorter *sorter, size_t at)
{
    struct df_repartition_key key = {0};
    (void)df_repartition_record_key(sorter->layout, record_at(sorter, at), &key, NULL);
    return key.user_bytes;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_bytes(struct df_slice a, struct df_slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* All but the bytes of the user. */
static int compare_users(const struct entry *a, const struct entry *b)
{
    int order = compare_numbers(a->place & USER_NULL, b->place & USER_NULL);
    return order ? order : compare_numbers(a->user, b->user);
}

static int compare_rest(const struct entry *a, const struct entry *b)
{
    int order = compare_numbers(a->place & TIME_NULL, b->place & TIME_NULL);
    if (order == 0)
        order = compare_numbers(a->time, b->time);
    return order ? order : compare_numbers(a->place, b->place);
}

static int compare_entries(const void *left, const void *right, void *ctx)
{
    const struct df_repartition_sorter *sorter = ctx;
    const struct entry *a = left, *b = right;
    int order = compare_users(a, b);
    if (order == 0 && sorter->by_bytes && !(a->place & USER_NULL))
        order = compare_bytes(user_bytes(sorter, a->at), user_bytes(sorter, b->at));
    return order ? order : compare_rest(a, b);
}

static int compare_bound(const struct df_repartition_sorter *sorter, const struct entry *entry, struct df_slice user,
                         const struct bound *bound)
{
    int order = compare_users(entry, &bound->entry);
    if (order == 0 && sorter->by_bytes && !(entry->place & USER_NULL))
        order = compare_bytes(user, df_buf_slice(&bound->user));
    return order ? order : compare_rest(entry, &bound->entry);
}

static int compare_places(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return (a->at > b->at) - (a->at < b->at);
}

static void sort(struct df_repartition_sorter *sorter)
{
    if (sorter->count > 1)
        qsort_r(sorter->entries, sorter->count, sizeof *sorter->entries, compare_entries, sorter);
}

static int set_bound(struct df_repartition_sorter *sorter, struct bound *bound, const struct entry *entry,
                     struct df_error *error)
{
    bound->given = true;
    bound->entry = *entry;
    df_buf_clear(&bound->user);
    if (sorter->by_bytes)
        df_buf_put_slice(&bound->user, user_bytes(sorter, entry->at));
    return df_buf_failed(&bound->user) ? df_error_no_memory(error, "sorting a section") : 0;
}

/* ---- a pass ---- */

static size_t whole_size(const struct df_repartition_sorter *sorter, size_t at)
{
    struct df_slice record;
    size_t size = 0;
    (void)df_repartition_record_take(df_slice_make(sorter->bytes + at, sorter->size - at), &record, &size, NULL);
    return size;
}

/* Moves the records of the entries together, which are in order of their places then. */
static void compact(struct df_repartition_sorter *sorter)
{
    size_t to = 0;
    qsort(sorter->entries, sorter->count, sizeof *sorter->entries, compare_places);
    for (size_t i = 0; i < sorter->count; i++) {
        size_t from = sorter->entries[i].at, size = whole_size(sorter, from);
        memmove(sorter->bytes + to, sorter->bytes + from, size);
        sorter->entries[i].at = to;
        to += size;
    }
    sorter->size = to;
}

/* The smaller half stays, of two records at least one. */
static int forget_half(struct df_repartition_sorter *sorter, struct df_error *error)
{
    size_t kept = 0, kept_bytes = 0, each = sizeof *sorter->entries * ENTRY_CHARGE;
    size_t all_bytes = sorter->size + sorter->count * each;
    sort(sorter);
    while (kept + 1 < sorter->count && (kept == 0 || kept_bytes < all_bytes / 2))
        kept_bytes += whole_size(sorter, sorter->entries[kept++].at) + each;
    if (set_bound(sorter, &sorter->highest, &sorter->entries[kept - 1], error) < 0)
        return -1;
    sorter->count = kept;
    compact(sorter);
    return 0;
}

static struct entry entry_of(const struct df_repartition_sorter *sorter, const struct df_repartition_key *key)
{
    uint64_t nulls = (key->user_null ? USER_NULL : 0) | (key->time_null ? TIME_NULL : 0);
    return (struct entry){.user = key->user, .time = key->time, .place = sorter->place | nulls, .at = sorter->size};
}

static bool wants(const struct df_repartition_sorter *sorter, const struct entry *entry, struct df_slice user)
{
    return (!sorter->given.given || compare_bound(sorter, entry, user, &sorter->given) > 0) &&
           (!sorter->highest.given || compare_bound(sorter, entry, user, &sorter->highest) <= 0);
}

/* whole: with its length. */
static int take_record(struct df_repartition_sorter *sorter, struct df_slice whole, struct df_slice record,
                       struct df_error *error)
{
    struct df_repartition_key key;
    if (df_repartition_record_key(sorter->layout, record, &key, error) < 0)
        return -1;
    sorter->place++;
    for (;;) {
        struct entry entry = entry_of(sorter, &key);
        if (!wants(sorter, &entry, key.user_bytes))
            return 0;
        int room = make_room(sorter, whole.size, sorter->count < 2, error);
        if (room < 0)
            return -1;
        if (room > 0) {
            memcpy(sorter->bytes + sorter->size, whole.data, whole.size);
            sorter->size += whole.size;
            sorter->entries[sorter->count++] = entry;
            return 0;
        }
        if (sorter->count < 2)
            return df_error_set(error, DF_ERROR_EXHAUSTED,
                                "a row of %zu bytes does not fit the memory that is left; raise memory.limit",
                                whole.size);
        if (forget_half(sorter, error) < 0)
            return -1;
    }
}

static int take_piece(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    struct df_repartition_sorter *sorter = ctx;
    struct df_slice record;
    size_t size;
    int more;
    (void)producer;
    (void)section;
    sorter->read_bytes += bytes.size;
    if (df_task_check(sorter->task, error) < 0)
        return -1;
    while ((more = df_repartition_record_take(bytes, &record, &size, error)) > 0) {
        if (take_record(sorter, df_slice_make(bytes.data, size), record, error) < 0)
            return -1;
        bytes = df_slice_make(bytes.data + size, bytes.size - size);
    }
    return more;
}

int df_repartition_sorter_next(struct df_repartition_sorter *sorter, size_t *count, struct df_error *error)
{
    *count = 0;
    if (sorter->all_given)
        return 0;
    if (sorter->count > 0 && set_bound(sorter, &sorter->given, &sorter->entries[sorter->count - 1], error) < 0)
        return -1;
    sorter->highest.given = false;
    sorter->size = sorter->count = 0;
    sorter->place = 0;
    sorter->passes++;
    if (df_task_section_read(sorter->task, &sorter->part, take_piece, sorter, error) < 0)
        return -1;
    sort(sorter);
    sorter->all_given = !sorter->highest.given;
    *count = sorter->count;
    return sorter->count > 0;
}

/* ---- what was found ---- */

struct df_slice df_repartition_sorter_record(const struct df_repartition_sorter *sorter, size_t i)
{
    return record_at(sorter, sorter->entries[i].at);
}

bool df_repartition_sorter_has_user(const struct df_repartition_sorter *sorter, size_t i)
{
    return !(sorter->entries[i].place & USER_NULL);
}

bool df_repartition_sorter_new_user(const struct df_repartition_sorter *sorter, size_t i)
{
    const struct entry *entry = &sorter->entries[i], *before = i ? entry - 1 : &sorter->given.entry;
    if (i == 0 && !sorter->given.given)
        return true;
    if (compare_users(entry, before) != 0)
        return true;
    if (!sorter->by_bytes || !df_repartition_sorter_has_user(sorter, i))
        return false;
    struct df_slice user = i ? user_bytes(sorter, before->at) : df_buf_slice(&sorter->given.user);
    return compare_bytes(user_bytes(sorter, entry->at), user) != 0;
}

uint64_t df_repartition_sorter_read_bytes(const struct df_repartition_sorter *sorter)
{
    return sorter->read_bytes;
}

uint32_t df_repartition_sorter_passes(const struct df_repartition_sorter *sorter)
{
    return sorter->passes;
}

/* ---- making ---- */

int df_repartition_sorter_create(struct df_repartition_sorter **out, struct df_task *task, const struct df_part *part,
                                 const struct df_repartition_layout *layout, struct df_error *error)
{
    struct df_repartition_sorter *sorter = calloc(1, sizeof *sorter);
    *out = sorter;
    if (!sorter)
        return df_error_no_memory(error, "sorting a section");
    sorter->task = task;
    sorter->part = *part;
    sorter->layout = layout;
    sorter->by_bytes = layout->request->kind == DF_FUNNEL_KEY_BYTES;
    sorter->floor_bytes = df_funnel_account_floor(task->budget, task->threads);
    return 0;
}

void df_repartition_sorter_free(struct df_repartition_sorter *sorter)
{
    if (!sorter)
        return;
    df_budget_give(sorter->task->budget, sorter->charged_bytes);
    df_buf_dispose(&sorter->given.user);
    df_buf_dispose(&sorter->highest.user);
    free(sorter->bytes);
    free(sorter->entries);
    free(sorter);
}
