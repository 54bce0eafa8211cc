#include "engine/funnel/evaluate/groups.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/size.h"
#include "engine/funnel/evaluate/groups_table.h"
#include "engine/funnel/language/shown.h"

enum {
    SLOTS_MIN = 128,
    CHUNK_BYTES_MIN = 4 * 1024,
    CHUNK_BYTES_MAX = 256 * 1024,
};

struct df_funnel_key_chunk {
    struct df_funnel_key_chunk *next;
    size_t size_bytes, used_bytes; /* of `data` */
    uint8_t data[];
};

void df_funnel_groups_init(struct df_funnel_groups *groups, enum df_funnel_key_kind kind,
                           struct df_funnel_account *account)
{
    *groups = (struct df_funnel_groups){.kind = kind, .account = account, .ordered = true};
}

static void free_keys(struct df_funnel_groups *groups)
{
    while (groups->chunks) {
        struct df_funnel_key_chunk *chunk = groups->chunks;
        groups->chunks = chunk->next;
        df_funnel_account_free(groups->account, chunk, sizeof *chunk + chunk->size_bytes);
    }
}

void df_funnel_groups_clear(struct df_funnel_groups *groups)
{
    free_keys(groups);
    if (groups->slot_count)
        memset(groups->slots, 0, groups->slot_count * sizeof *groups->slots);
    groups->group_count = 0;
    groups->ordered = true;
    groups->dictionary.known = false;
    groups->rows = groups->rows_without_group = groups->unsettled = 0;
}

void df_funnel_groups_dispose(struct df_funnel_groups *groups)
{
    struct df_funnel_groups before = *groups;
    free_keys(groups);
    df_funnel_account_free(groups->account, groups->groups, groups->group_capacity * sizeof *groups->groups);
    df_funnel_account_free(groups->account, groups->slots, groups->slot_count * sizeof *groups->slots);
    df_funnel_account_free(groups->account, groups->dictionary.codes,
                           groups->dictionary.capacity * sizeof *groups->dictionary.codes);
    df_funnel_groups_init(groups, before.kind, before.account);
    groups->without_order = before.without_order;
    groups->without_dictionary = before.without_dictionary;
}

/* ---- keys ---- */

static uint8_t *reserve_bytes(struct df_funnel_groups *groups, size_t size_bytes)
{
    struct df_funnel_key_chunk *chunk = groups->chunks;
    if (!chunk || chunk->size_bytes - chunk->used_bytes < size_bytes) {
        size_t larger = chunk && chunk->size_bytes < CHUNK_BYTES_MAX ? chunk->size_bytes * 2 : CHUNK_BYTES_MIN;
        if (chunk && chunk->size_bytes >= CHUNK_BYTES_MAX)
            larger = CHUNK_BYTES_MAX;
        larger = larger > size_bytes ? larger : size_bytes;
        chunk = df_funnel_account_alloc(groups->account, sizeof *chunk + larger);
        if (!chunk)
            return NULL;
        *chunk = (struct df_funnel_key_chunk){.next = groups->chunks, .size_bytes = larger};
        groups->chunks = chunk;
    }
    uint8_t *bytes = chunk->data + chunk->used_bytes;
    chunk->used_bytes += size_bytes;
    return bytes;
}

static bool copy_key(struct df_funnel_groups *groups, struct df_slice key, struct df_funnel_group *group)
{
    size_t size_bytes;
    if (key.size > UINT32_MAX || df_size_add(&size_bytes, key.size, 4) < 0)
        return false;
    uint8_t *bytes = reserve_bytes(groups, size_bytes);
    if (!bytes)
        return false;
    df_store_u32le(bytes, (uint32_t)key.size);
    if (key.size)
        memcpy(bytes + 4, key.data, key.size);
    group->key.bytes = bytes;
    return true;
}

struct df_slice df_funnel_group_bytes(const struct df_funnel_group *group)
{
    return df_slice_make(group->key.bytes + 4, df_load_u32le(group->key.bytes));
}

bool df_funnel_groups_append(struct df_funnel_groups *groups, const struct df_funnel_keys *keys, uint32_t row)
{
    void *array = groups->groups;
    if (groups->group_count >= DF_FUNNEL_UNKNOWN_CODE - 1)
        return false;
    if (!df_funnel_account_grow(groups->account, &array, &groups->group_capacity, groups->group_count + 1,
                                sizeof *groups->groups))
        return false;
    groups->groups = array;
    struct df_funnel_group *group = &groups->groups[groups->group_count];
    *group = (struct df_funnel_group){.rows = 0};
    if (groups->kind != DF_FUNNEL_KEY_BYTES)
        group->key.number = keys->numbers[row];
    else if (!copy_key(groups, keys->bytes[row], group))
        return false;
    groups->group_count++;
    return true;
}

bool df_funnel_groups_same(const struct df_funnel_groups *groups, uint32_t code, const struct df_funnel_keys *keys,
                           uint32_t row)
{
    const struct df_funnel_group *group = &groups->groups[code];
    if (groups->kind == DF_FUNNEL_KEY_BYTES)
        return df_slice_equal(df_funnel_group_bytes(group), keys->bytes[row]);
    return group->key.number == keys->numbers[row];
}

/* ---- order ---- */

static int compare_group(const struct df_funnel_groups *groups, size_t code, const struct df_funnel_keys *keys,
                         uint32_t row)
{
    const struct df_funnel_group *group = &groups->groups[code];
    if (groups->kind == DF_FUNNEL_KEY_BYTES)
        return df_slice_compare(df_funnel_group_bytes(group), keys->bytes[row]);
    int64_t number = keys->numbers[row];
    if (groups->kind == DF_FUNNEL_KEY_UINT64)
        return ((uint64_t)group->key.number > (uint64_t)number) - ((uint64_t)group->key.number < (uint64_t)number);
    return (group->key.number > number) - (group->key.number < number);
}

int df_funnel_groups_compare_last(const struct df_funnel_groups *groups, const struct df_funnel_keys *keys,
                                  uint32_t row)
{
    return groups->group_count == 0 ? -1 : compare_group(groups, groups->group_count - 1, keys, row);
}

/* Rows come again in the order in which they came first: the hint is right, or right before. */
static uint32_t find_ordered(const struct df_funnel_groups *groups, const struct df_funnel_keys *keys, uint32_t row,
                             uint32_t hint)
{
    size_t low = 0, high = groups->group_count;
    for (size_t at = hint; at < groups->group_count && at <= (size_t)hint + 1; at++)
        if (df_funnel_groups_same(groups, (uint32_t)at, keys, row))
            return (uint32_t)at;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_group(groups, middle, keys, row);
        if (order == 0)
            return (uint32_t)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return DF_FUNNEL_NO_GROUP;
}

/* ---- the table ---- */

static uint64_t slot_hash(const struct df_funnel_groups *groups, uint64_t key)
{
    return groups->kind == DF_FUNNEL_KEY_BYTES ? key : df_hash_u64(key);
}

static struct df_funnel_slot *place(const struct df_funnel_groups *groups, struct df_funnel_slot *slots, size_t mask,
                                    struct df_funnel_slot slot)
{
    size_t at = slot_hash(groups, slot.key) & mask;
    while (slots[at].code_plus_one)
        at = (at + 1) & mask;
    slots[at] = slot;
    return &slots[at];
}

/* The table is never more than two thirds full: probes stay short. */
static bool reserve_slots(struct df_funnel_groups *groups, size_t used)
{
    size_t count = groups->slot_count ? groups->slot_count : SLOTS_MIN;
    while (used * 3 > count * 2)
        count *= 2;
    if (count == groups->slot_count)
        return true;
    struct df_funnel_slot *slots = df_funnel_account_alloc(groups->account, count * sizeof *slots);
    if (!slots)
        return false;
    memset(slots, 0, count * sizeof *slots);
    for (size_t i = 0; i < groups->slot_count; i++)
        if (groups->slots[i].code_plus_one)
            place(groups, slots, count - 1, groups->slots[i]);
    df_funnel_account_free(groups->account, groups->slots, groups->slot_count * sizeof *slots);
    groups->slots = slots;
    groups->slot_count = count;
    return true;
}

bool df_funnel_groups_leave_order(struct df_funnel_groups *groups)
{
    if (!reserve_slots(groups, groups->group_count + 1))
        return false;
    for (size_t i = 0; i < groups->group_count; i++) {
        const struct df_funnel_group *group = &groups->groups[i];
        uint64_t key = groups->kind == DF_FUNNEL_KEY_BYTES ? df_hash_bytes(df_funnel_group_bytes(group))
                                                           : (uint64_t)group->key.number;
        place(groups, groups->slots, groups->slot_count - 1,
              (struct df_funnel_slot){.key = key, .code_plus_one = (uint32_t)i + 1});
    }
    groups->ordered = false;
    return true;
}

/* NULL: he is not there. */
static struct df_funnel_slot *find_slot(const struct df_funnel_groups *groups, const struct df_funnel_keys *keys,
                                        uint32_t row, uint64_t hash)
{
    size_t mask = groups->slot_count - 1;
    uint64_t key = df_funnel_slot_key(groups, keys, row, hash);
    for (size_t at = hash & mask; groups->slot_count; at = (at + 1) & mask) {
        struct df_funnel_slot *slot = &groups->slots[at];
        if (slot->code_plus_one == 0)
            break;
        if (slot->key == key && df_funnel_groups_same(groups, slot->code_plus_one - 1, keys, row))
            return slot;
    }
    return NULL;
}

struct df_funnel_slot *df_funnel_groups_slot(struct df_funnel_groups *groups, const struct df_funnel_keys *keys,
                                             uint32_t row, uint64_t hash)
{
    struct df_funnel_slot *slot = find_slot(groups, keys, row, hash);
    if (slot)
        return slot;
    if (!reserve_slots(groups, groups->group_count + 1) || !df_funnel_groups_append(groups, keys, row))
        return NULL;
    return place(groups, groups->slots, groups->slot_count - 1,
                 (struct df_funnel_slot){.key = df_funnel_slot_key(groups, keys, row, hash),
                                         .code_plus_one = (uint32_t)groups->group_count});
}

void df_funnel_groups_settle(struct df_funnel_groups *groups)
{
    for (size_t i = 0; groups->unsettled && i < groups->slot_count; i++) {
        struct df_funnel_slot *slot = &groups->slots[i];
        if (slot->code_plus_one)
            groups->groups[slot->code_plus_one - 1].rows += slot->rows;
        slot->rows = 0;
    }
    groups->unsettled = 0;
}

void df_funnel_groups_find(const struct df_funnel_groups *groups, const struct df_funnel_keys *keys, uint64_t *hashes,
                           uint32_t *codes)
{
    enum { PREFETCH_ROWS = 16 };
    uint32_t hint = 0;
    if (!groups->ordered)
        df_funnel_keys_hash(keys, hashes);
    for (uint32_t i = 0; i < keys->count; i++) {
        codes[i] = DF_FUNNEL_NO_GROUP;
        if (!groups->ordered && i + PREFETCH_ROWS < keys->count)
            __builtin_prefetch(&groups->slots[hashes[i + PREFETCH_ROWS] & (groups->slot_count - 1)]);
        if (keys->valid && !keys->valid[i])
            continue;
        if (groups->ordered) {
            codes[i] = find_ordered(groups, keys, i, hint);
            hint = codes[i] == DF_FUNNEL_NO_GROUP ? hint : codes[i];
        } else {
            const struct df_funnel_slot *slot = find_slot(groups, keys, i, hashes[i]);
            codes[i] = slot ? slot->code_plus_one - 1 : DF_FUNNEL_NO_GROUP;
        }
    }
}

void df_funnel_groups_put_largest(struct df_funnel_groups *groups, struct df_buf *out)
{
    const struct df_funnel_group *largest = NULL;
    df_funnel_groups_settle(groups);
    for (size_t i = 0; i < groups->group_count; i++)
        if (!largest || groups->groups[i].rows > largest->rows)
            largest = &groups->groups[i];
    if (!largest)
        return;
    if (groups->kind == DF_FUNNEL_KEY_INT64) {
        df_buf_printf(out, "%" PRId64, largest->key.number);
    } else if (groups->kind == DF_FUNNEL_KEY_UINT64) {
        df_buf_printf(out, "%" PRIu64, (uint64_t)largest->key.number);
    } else {
        df_buf_put_char(out, '\'');
        df_funnel_put_shown(out, df_funnel_group_bytes(largest), 64);
        df_buf_put_char(out, '\'');
    }
}
