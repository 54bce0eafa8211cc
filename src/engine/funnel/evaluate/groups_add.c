/* The loops that give every row its user's code: the hottest of a scan. One loop per way and kind of key; which of them
 * takes the next rows is decided per batch, and by the row that breaks the order. */
#include "base/hash.h"
#include "engine/funnel/evaluate/groups_table.h"

enum {
    PREFETCH_ROWS = 16, /* far enough to hide a miss of the last cache, near enough to stay in the batch */
    TOGETHER = 64, /* rows of byte keys whose slots, then groups, then bytes are fetched ahead of their comparison */
};

struct adding {
    struct df_funnel_groups *groups;
    const struct df_funnel_keys *keys;
    uint64_t *hashes; /* filled when `hashed` */
    uint32_t pass_mask, pass_value;
    uint32_t *codes;
    uint32_t row; /* the next one */
    uint64_t without;
    uint64_t taken;
    bool hashed;
};

static bool counts(const struct adding *adding, uint32_t row)
{
    return !adding->keys->valid || adding->keys->valid[row];
}

static bool of_pass(const struct adding *adding, uint64_t hash)
{
    return ((uint32_t)(hash >> DF_FUNNEL_PASS_SHIFT) & adding->pass_mask) == adding->pass_value;
}

static void hash_all(struct adding *adding)
{
    if (!adding->hashed)
        df_funnel_keys_hash(adding->keys, adding->hashes);
    adding->hashed = true;
}

/* ---- in order ---- */

/* Takes rows as long as they are in order. */
static bool add_ordered(struct adding *adding)
{
    struct df_funnel_groups *groups = adding->groups;
    for (; adding->row < adding->keys->count; adding->row++) {
        uint32_t row = adding->row;
        adding->codes[row] = DF_FUNNEL_NO_GROUP;
        if (!counts(adding, row)) {
            adding->without++;
            continue;
        }
        int order = df_funnel_groups_compare_last(groups, adding->keys, row);
        if (order > 0)
            return df_funnel_groups_leave_order(groups);
        if (order < 0 && !df_funnel_groups_append(groups, adding->keys, row))
            return false;
        adding->codes[row] = (uint32_t)groups->group_count - 1;
        groups->groups[groups->group_count - 1].rows++;
        adding->taken++;
    }
    return true;
}

/* The same for signed numbers that all count: what sorted files come to. */
static bool add_ordered_numbers(struct adding *adding)
{
    struct df_funnel_groups *groups = adding->groups;
    const int64_t *numbers = adding->keys->numbers;
    uint32_t row = adding->row, count = adding->keys->count, run = 0;
    bool fits = true;
    for (; row < count; row++) {
        int64_t number = numbers[row];
        const struct df_funnel_group *last = groups->group_count ? &groups->groups[groups->group_count - 1] : NULL;
        if (last && number < last->key.number)
            break;
        if (!last || number > last->key.number) {
            if (last)
                groups->groups[groups->group_count - 1].rows += run;
            run = 0;
            fits = df_funnel_groups_append(groups, adding->keys, row);
            if (!fits)
                break;
        }
        adding->codes[row] = (uint32_t)groups->group_count - 1;
        run++;
    }
    if (groups->group_count)
        groups->groups[groups->group_count - 1].rows += run;
    adding->taken += row - adding->row;
    adding->row = row;
    return fits && (row == count || df_funnel_groups_leave_order(groups));
}

/* ---- by the table ---- */

static bool add_slow(struct adding *adding, uint32_t row)
{
    struct df_funnel_slot *slot = df_funnel_groups_slot(adding->groups, adding->keys, row, adding->hashes[row]);
    if (!slot)
        return false;
    slot->rows++;
    adding->codes[row] = slot->code_plus_one - 1;
    return true;
}

static bool add_numbers(struct adding *adding)
{
    struct df_funnel_groups *groups = adding->groups;
    const uint64_t *hashes = adding->hashes;
    uint32_t count = adding->keys->count;
    for (; adding->row < count; adding->row++) {
        uint32_t row = adding->row;
        size_t mask = groups->slot_count - 1;
        if (row + PREFETCH_ROWS < count)
            __builtin_prefetch(&groups->slots[hashes[row + PREFETCH_ROWS] & mask], 1);
        adding->codes[row] = DF_FUNNEL_NO_GROUP;
        if (!counts(adding, row)) {
            adding->without++;
            continue;
        }
        if (!of_pass(adding, hashes[row]))
            continue;
        adding->taken++;
        uint64_t number = (uint64_t)adding->keys->numbers[row];
        size_t at = hashes[row] & mask;
        while (groups->slots[at].key != number && groups->slots[at].code_plus_one)
            at = (at + 1) & mask;
        struct df_funnel_slot *slot = &groups->slots[at];
        if (slot->code_plus_one) {
            slot->rows++;
            adding->codes[row] = slot->code_plus_one - 1;
        } else if (!add_slow(adding, row)) {
            return false;
        }
    }
    return true;
}

/* The slot where a search begins has the row's hash: whose it probably is. */
static uint32_t candidate(const struct adding *adding, uint32_t row)
{
    const struct df_funnel_groups *groups = adding->groups;
    const struct df_funnel_slot *slot = &groups->slots[adding->hashes[row] & (groups->slot_count - 1)];
    bool same = slot->code_plus_one && slot->key == adding->hashes[row];
    return same && counts(adding, row) ? slot->code_plus_one - 1 : DF_FUNNEL_NO_GROUP;
}

static void fetch_slots(const struct adding *adding, uint32_t begin, uint32_t end)
{
    const struct df_funnel_groups *groups = adding->groups;
    for (uint32_t row = begin; row < end; row++)
        __builtin_prefetch(&groups->slots[adding->hashes[row] & (groups->slot_count - 1)], 1);
}

/* Each of the three loops touches what the one before has asked for. */
static void fetch_keys(const struct adding *adding, uint32_t begin, uint32_t end)
{
    uint32_t candidates[TOGETHER];
    const struct df_funnel_group *groups = adding->groups->groups;
    for (uint32_t row = begin; row < end; row++) {
        candidates[row - begin] = candidate(adding, row);
        if (candidates[row - begin] != DF_FUNNEL_NO_GROUP)
            __builtin_prefetch(&groups[candidates[row - begin]]);
    }
    for (uint32_t row = begin; row < end; row++)
        if (candidates[row - begin] != DF_FUNNEL_NO_GROUP)
            __builtin_prefetch(groups[candidates[row - begin]].key.bytes);
}

static bool add_bytes(struct adding *adding)
{
    uint32_t count = adding->keys->count;
    fetch_slots(adding, adding->row, count < adding->row + TOGETHER ? count : adding->row + TOGETHER);
    while (adding->row < count) {
        uint32_t end = count - adding->row < TOGETHER ? count : adding->row + TOGETHER;
        fetch_keys(adding, adding->row, end);
        fetch_slots(adding, end, count - end < TOGETHER ? count : end + TOGETHER);
        for (; adding->row < end; adding->row++) {
            adding->codes[adding->row] = DF_FUNNEL_NO_GROUP;
            if (!counts(adding, adding->row)) {
                adding->without++;
                continue;
            }
            if (!of_pass(adding, adding->hashes[adding->row]))
                continue;
            adding->taken++;
            if (!add_slow(adding, adding->row))
                return false;
        }
    }
    return true;
}

/* ---- by the entries of a dictionary ---- */

/* False: it cannot be used (no memory for it), which is no failure. */
static bool begin_dictionary(struct df_funnel_groups *groups, const struct df_dictionary *dictionary)
{
    if (groups->dictionary.known && groups->dictionary.serial == dictionary->serial)
        return true;
    groups->dictionary.known = false;
    void *codes = groups->dictionary.codes;
    bool fits = df_funnel_account_grow(groups->account, &codes, &groups->dictionary.capacity, dictionary->count,
                                       sizeof *groups->dictionary.codes);
    groups->dictionary.codes = codes;
    if (!fits)
        return false;
    for (uint32_t i = 0; i < dictionary->count; i++)
        groups->dictionary.codes[i] = DF_FUNNEL_UNKNOWN_CODE;
    groups->dictionary.serial = dictionary->serial;
    groups->dictionary.known = true;
    return true;
}

/* The code of one row's user, however the table stands. */
static bool add_one(struct adding *adding, uint32_t row, uint32_t *code)
{
    struct df_funnel_groups *groups = adding->groups;
    struct df_funnel_keys key = *adding->keys;
    *code = DF_FUNNEL_NO_GROUP;
    key.count = 1;
    key.numbers = key.numbers ? key.numbers + row : NULL;
    key.bytes = key.bytes ? key.bytes + row : NULL;
    key.hashes = key.hashes ? key.hashes + row : NULL;
    if (groups->ordered) {
        int order = df_funnel_groups_compare_last(groups, &key, 0);
        if (order <= 0) {
            if (order < 0 && !df_funnel_groups_append(groups, &key, 0))
                return false;
            *code = (uint32_t)groups->group_count - 1;
            return true;
        }
        if (!df_funnel_groups_leave_order(groups))
            return false;
    }
    uint64_t hash;
    df_funnel_keys_hash(&key, &hash);
    if (!of_pass(adding, hash))
        return true;
    const struct df_funnel_slot *slot = df_funnel_groups_slot(groups, &key, 0, hash);
    if (!slot)
        return false;
    *code = slot->code_plus_one - 1;
    return true;
}

static bool add_entries(struct adding *adding)
{
    struct df_funnel_groups *groups = adding->groups;
    const uint32_t *entries = adding->keys->entries;
    uint32_t *known = groups->dictionary.codes;
    for (; adding->row < adding->keys->count; adding->row++) {
        uint32_t row = adding->row;
        adding->codes[row] = DF_FUNNEL_NO_GROUP;
        if (!counts(adding, row)) {
            adding->without++;
            continue;
        }
        uint32_t code = known[entries[row]];
        if (code == DF_FUNNEL_UNKNOWN_CODE) {
            if (!add_one(adding, row, &code))
                return false;
            known[entries[row]] = code;
        }
        adding->codes[row] = code;
        if (code == DF_FUNNEL_NO_GROUP)
            continue;
        groups->groups[code].rows++;
        adding->taken++;
    }
    return true;
}

/* ---- which way ---- */

static bool add_some(struct adding *adding)
{
    struct df_funnel_groups *groups = adding->groups;
    const struct df_funnel_keys *keys = adding->keys;
    if (keys->entries && !groups->without_dictionary && begin_dictionary(groups, keys->dictionary))
        return add_entries(adding);
    if (groups->ordered && groups->kind == DF_FUNNEL_KEY_INT64 && !keys->valid)
        return add_ordered_numbers(adding);
    if (groups->ordered)
        return add_ordered(adding);
    hash_all(adding);
    return groups->kind == DF_FUNNEL_KEY_BYTES ? add_bytes(adding) : add_numbers(adding);
}

bool df_funnel_groups_add(struct df_funnel_groups *groups, const struct df_funnel_keys *keys, uint64_t *hashes,
                          uint32_t pass_mask, uint32_t pass_value, uint32_t *codes)
{
    struct adding adding = {.groups = groups,
                            .keys = keys,
                            .hashes = hashes,
                            .pass_mask = pass_mask,
                            .pass_value = pass_value,
                            .codes = codes};
    /* A pass chooses by hash, so it needs one anyway. */
    if (groups->ordered && (pass_mask != 0 || groups->without_order) && !df_funnel_groups_leave_order(groups))
        return false;
    groups->unsettled += keys->count;
    if (groups->unsettled >= UINT32_MAX) { /* before a slot's count runs over */
        df_funnel_groups_settle(groups);
        groups->unsettled = keys->count;
    }
    while (adding.row < keys->count)
        if (!add_some(&adding))
            return false;
    groups->rows += adding.taken;
    groups->rows_without_group += adding.without;
    return true;
}
