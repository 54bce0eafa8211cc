#include "engine/funnel/evaluate/groups_small.h"

static bool room(struct df_funnel_small *small, size_t slots, size_t rows)
{
    struct df_funnel_account *account = small->account;
    struct df_funnel_groups *groups = small->groups;
    void *slot_array = small->slots, *tag_array = small->tags, *group_array = groups->groups;
    bool fits =
        df_funnel_account_grow(account, &slot_array, &small->slot_capacity, slots, sizeof *small->slots) &&
        df_funnel_account_grow(groups->account, &group_array, &groups->group_capacity, rows, sizeof *groups->groups) &&
        (groups->kind != DF_FUNNEL_KEY_BYTES ||
         df_funnel_account_grow(account, &tag_array, &small->tag_capacity, rows, sizeof *small->tags));
    small->slots = slot_array;
    small->tags = tag_array;
    groups->groups = group_array;
    return fits;
}

bool df_funnel_small_begin(struct df_funnel_small *small, struct df_funnel_groups *groups, size_t rows)
{
    size_t slots = 64;
    while (slots * 2 < rows * 3)
        slots *= 2;
    small->groups = groups;
    if (!room(small, slots, rows))
        return false;
    small->slot_count = slots;
    memset(small->slots, 0, slots * sizeof *small->slots);
    groups->ordered = false; /* nobody looks for an order in them */
    return true;
}

static void add_numbers(struct df_funnel_small *small, const struct df_funnel_keys *keys, const uint16_t *tags,
                        uint32_t *codes)
{
    struct df_funnel_group *groups = small->groups->groups;
    uint16_t *slots = small->slots;
    size_t mask = small->slot_count - 1;
    uint32_t count = (uint32_t)small->groups->group_count;
    for (uint32_t i = 0; i < keys->count; i++) {
        int64_t number = keys->numbers[i];
        size_t at = tags[i] & mask;
        uint32_t code;
        while ((code = slots[at]) != 0 && groups[code - 1].key.number != number)
            at = (at + 1) & mask;
        if (code == 0) {
            groups[count] = (struct df_funnel_group){.key = {.number = number}};
            code = ++count;
            slots[at] = (uint16_t)code;
        }
        groups[code - 1].rows++;
        codes[i] = code - 1;
    }
    small->groups->group_count = count;
}

static void add_bytes(struct df_funnel_small *small, const struct df_funnel_keys *keys, const uint16_t *tags,
                      uint32_t *codes)
{
    struct df_funnel_group *groups = small->groups->groups;
    uint16_t *slots = small->slots;
    size_t mask = small->slot_count - 1;
    uint32_t count = (uint32_t)small->groups->group_count;
    for (uint32_t i = 0; i < keys->count; i++) {
        uint32_t tag = (uint32_t)(keys->hashes[i] >> 16), code;
        struct df_slice key = keys->bytes[i];
        size_t at = tags[i] & mask;
        while ((code = slots[at]) != 0 &&
               !(small->tags[code - 1] == tag && df_slice_equal(df_funnel_group_bytes(&groups[code - 1]), key)))
            at = (at + 1) & mask;
        if (code == 0) {
            groups[count] = (struct df_funnel_group){.key = {.bytes = key.data - sizeof(uint32_t)}};
            small->tags[count] = tag;
            code = ++count;
            slots[at] = (uint16_t)code;
        }
        groups[code - 1].rows++;
        codes[i] = code - 1;
    }
    small->groups->group_count = count;
}

void df_funnel_small_add(struct df_funnel_small *small, const struct df_funnel_keys *keys, const uint16_t *tags,
                         uint32_t *codes)
{
    if (keys->kind == DF_FUNNEL_KEY_BYTES)
        add_bytes(small, keys, tags, codes);
    else
        add_numbers(small, keys, tags, codes);
    small->groups->rows += keys->count;
}

void df_funnel_small_begin_ordered(struct df_funnel_small *small, struct df_funnel_groups *groups)
{
    small->groups = groups;
    groups->ordered = false;
}

bool df_funnel_small_add_ordered(struct df_funnel_small *small, const struct df_funnel_keys *keys, uint32_t *codes)
{
    struct df_funnel_groups *all = small->groups;
    void *array = all->groups;
    bool fits = df_funnel_account_grow(all->account, &array, &all->group_capacity, all->group_count + keys->count,
                                       sizeof *all->groups);
    all->groups = array;
    if (!fits)
        return false;
    struct df_funnel_group *groups = all->groups;
    size_t count = all->group_count;
    bool bytes = keys->kind == DF_FUNNEL_KEY_BYTES;
    for (uint32_t i = 0; i < keys->count; i++) {
        bool same = count > 0 && (bytes ? df_slice_equal(df_funnel_group_bytes(&groups[count - 1]), keys->bytes[i])
                                        : groups[count - 1].key.number == keys->numbers[i]);
        if (!same && bytes)
            groups[count++] = (struct df_funnel_group){.key = {.bytes = keys->bytes[i].data - sizeof(uint32_t)}};
        else if (!same)
            groups[count++] = (struct df_funnel_group){.key = {.number = keys->numbers[i]}};
        groups[count - 1].rows++;
        codes[i] = (uint32_t)count - 1;
    }
    all->group_count = count;
    all->rows += keys->count;
    return true;
}

void df_funnel_small_dispose(struct df_funnel_small *small)
{
    df_funnel_account_free(small->account, small->slots, small->slot_capacity * sizeof *small->slots);
    df_funnel_account_free(small->account, small->tags, small->tag_capacity * sizeof *small->tags);
    *small = (struct df_funnel_small){.account = small->account};
}
