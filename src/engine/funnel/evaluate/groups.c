#include "engine/funnel/evaluate/groups.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/size.h"
#include "engine/funnel/language/shown.h"

enum {
    SLOTS_MIN = 128,
    CHUNK_BYTES_MIN = 4 * 1024,
    CHUNK_BYTES_MAX = 256 * 1024,
    PREFETCH_ROWS = 16, /* far enough to hide a miss of the last cache, near enough to stay in the batch */
};

struct df_funnel_key_chunk {
    struct df_funnel_key_chunk *next;
    size_t size_bytes, used_bytes; /* of `data` */
    uint8_t data[];
};

void df_funnel_groups_init(struct df_funnel_groups *groups, enum df_funnel_key_kind kind,
                           struct df_funnel_account *account)
{
    *groups = (struct df_funnel_groups){.kind = kind, .account = account};
}

void df_funnel_groups_dispose(struct df_funnel_groups *groups)
{
    while (groups->chunks) {
        struct df_funnel_key_chunk *chunk = groups->chunks;
        groups->chunks = chunk->next;
        df_funnel_account_free(groups->account, chunk, sizeof *chunk + chunk->size_bytes);
    }
    df_funnel_account_free(groups->account, groups->groups, groups->group_capacity * sizeof *groups->groups);
    df_funnel_account_free(groups->account, groups->slots, groups->slot_count * sizeof *groups->slots);
    df_funnel_groups_init(groups, groups->kind, groups->account);
}

static void place(struct df_funnel_slot *slots, size_t mask, struct df_funnel_slot slot)
{
    size_t at = slot.tag & mask;
    while (slots[at].code_plus_one)
        at = (at + 1) & mask;
    slots[at] = slot;
}

/* The table is never more than two thirds full: probes stay short. */
static bool reserve_slot(struct df_funnel_groups *groups)
{
    if ((groups->group_count + 1) * 3 <= groups->slot_count * 2)
        return true;
    size_t count = groups->slot_count ? groups->slot_count * 2 : SLOTS_MIN;
    struct df_funnel_slot *slots = df_funnel_account_alloc(groups->account, count * sizeof *slots);
    if (!slots)
        return false;
    memset(slots, 0, count * sizeof *slots);
    for (size_t i = 0; i < groups->slot_count; i++)
        if (groups->slots[i].code_plus_one)
            place(slots, count - 1, groups->slots[i]);
    df_funnel_account_free(groups->account, groups->slots, groups->slot_count * sizeof *slots);
    groups->slots = slots;
    groups->slot_count = count;
    return true;
}

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

static bool same_key(const struct df_funnel_groups *groups, uint32_t code, const struct df_funnel_keys *keys,
                     uint32_t row)
{
    const struct df_funnel_group *group = &groups->groups[code];
    if (groups->kind == DF_FUNNEL_KEY_BYTES)
        return df_slice_equal(df_funnel_group_bytes(group), keys->bytes[row]);
    return group->key.number == keys->numbers[row];
}

static bool insert(struct df_funnel_groups *groups, const struct df_funnel_keys *keys, uint32_t row, uint32_t tag,
                   uint32_t *code)
{
    void *array = groups->groups;
    if (groups->group_count >= DF_FUNNEL_NO_GROUP - 1 || !reserve_slot(groups))
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
    *code = (uint32_t)groups->group_count++;
    place(groups->slots, groups->slot_count - 1, (struct df_funnel_slot){.tag = tag, .code_plus_one = *code + 1});
    return true;
}

/* The code of a user that is there; DF_FUNNEL_NO_GROUP otherwise. */
static uint32_t find(const struct df_funnel_groups *groups, const struct df_funnel_keys *keys, uint32_t row,
                     uint32_t tag)
{
    size_t mask = groups->slot_count - 1;
    for (size_t at = tag & mask; groups->slot_count; at = (at + 1) & mask) {
        struct df_funnel_slot slot = groups->slots[at];
        if (slot.code_plus_one == 0)
            break;
        if (slot.tag == tag && same_key(groups, slot.code_plus_one - 1, keys, row))
            return slot.code_plus_one - 1;
    }
    return DF_FUNNEL_NO_GROUP;
}

static void prefetch(const struct df_funnel_groups *groups, const uint64_t *hashes, uint32_t row, uint32_t count)
{
    if (groups->slot_count && row + PREFETCH_ROWS < count)
        __builtin_prefetch(&groups->slots[hashes[row + PREFETCH_ROWS] & (groups->slot_count - 1)]);
}

bool df_funnel_groups_add(struct df_funnel_groups *groups, const struct df_funnel_keys *keys, const uint64_t *hashes,
                          uint32_t pass_mask, uint32_t pass_value, uint32_t *codes)
{
    uint64_t taken = 0, without = 0;
    for (uint32_t i = 0; i < keys->count; i++) {
        prefetch(groups, hashes, i, keys->count);
        codes[i] = DF_FUNNEL_NO_GROUP;
        if (keys->valid && !keys->valid[i]) {
            without++;
            continue;
        }
        if (((uint32_t)(hashes[i] >> DF_FUNNEL_PASS_SHIFT) & pass_mask) != pass_value)
            continue;
        codes[i] = find(groups, keys, i, (uint32_t)hashes[i]);
        if (codes[i] == DF_FUNNEL_NO_GROUP && !insert(groups, keys, i, (uint32_t)hashes[i], &codes[i]))
            return false;
        groups->groups[codes[i]].rows++;
        taken++;
    }
    groups->rows += taken;
    groups->rows_without_group += without;
    return true;
}

void df_funnel_groups_find(const struct df_funnel_groups *groups, const struct df_funnel_keys *keys,
                           const uint64_t *hashes, uint32_t *codes)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        prefetch(groups, hashes, i, keys->count);
        codes[i] = DF_FUNNEL_NO_GROUP;
        if (!keys->valid || keys->valid[i])
            codes[i] = find(groups, keys, i, (uint32_t)hashes[i]);
    }
}

void df_funnel_groups_put_largest(const struct df_funnel_groups *groups, struct df_buf *out)
{
    const struct df_funnel_group *largest = NULL;
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
