/* A section's bytes: per flush of a producer one block
 *
 *     | kind of user (1) | varint: users | users × (8 bytes, little endian; or varint length and bytes) | */
#include "engine/funnel/register/users.h"

#include <stdlib.h>

#include "engine/funnel/language/shown.h"

enum { KEYS_AT_ONCE = 4096 };

struct df_funnel_users {
    struct df_task *task;
    const struct df_part *part;
    struct df_funnel_account account;
    struct df_funnel_groups groups;
    struct df_buf *sections; /* owned, task->sections */
    uint64_t *hashes;
    uint32_t *codes;
};

static int no_memory(struct df_error *error)
{
    return df_error_no_memory(error, "comparing users");
}

int df_funnel_users_create(struct df_funnel_users **out, struct df_task *task, const struct df_part *part,
                           enum df_funnel_key_kind kind, struct df_error *error)
{
    *out = NULL;
    if (task->sections == 0)
        return df_error_set(error, DF_ERROR_INTERNAL, "a part that writes sections came without their number");
    struct df_funnel_users *users = calloc(1, sizeof *users);
    if (!users)
        return no_memory(error);
    users->task = task;
    users->part = part;
    users->account = (struct df_funnel_account){.budget = task->budget,
                                                .floor_bytes = df_funnel_account_floor(task->budget, task->threads)};
    df_funnel_groups_init(&users->groups, kind, &users->account);
    users->sections = calloc(task->sections, sizeof *users->sections);
    users->hashes = calloc(KEYS_AT_ONCE, sizeof *users->hashes);
    users->codes = calloc(KEYS_AT_ONCE, sizeof *users->codes);
    if (!users->sections || !users->hashes || !users->codes) {
        df_funnel_users_free(users);
        return no_memory(error);
    }
    *out = users;
    return 0;
}

void df_funnel_users_free(struct df_funnel_users *users)
{
    if (!users)
        return;
    df_funnel_groups_dispose(&users->groups);
    for (uint32_t i = 0; users->sections && i < users->task->sections; i++)
        df_buf_dispose(&users->sections[i]);
    free(users->sections);
    free(users->hashes);
    free(users->codes);
    free(users);
}

static uint64_t hash_of(const struct df_funnel_groups *groups, const struct df_funnel_group *group)
{
    uint64_t hash;
    struct df_slice bytes = {0};
    struct df_funnel_keys key = {.kind = groups->kind, .count = 1, .numbers = &group->key.number, .bytes = &bytes};
    if (groups->kind == DF_FUNNEL_KEY_BYTES)
        bytes = df_funnel_group_bytes(group);
    df_funnel_keys_hash(&key, &hash);
    return hash;
}

static void put_user(const struct df_funnel_groups *groups, const struct df_funnel_group *group, struct df_buf *out)
{
    if (groups->kind != DF_FUNNEL_KEY_BYTES) {
        df_buf_put_u64le(out, (uint64_t)group->key.number);
        return;
    }
    struct df_slice bytes = df_funnel_group_bytes(group);
    df_buf_put_varint(out, bytes.size);
    df_buf_put_slice(out, bytes);
}

static int write_section(struct df_funnel_users *users, uint32_t section, uint64_t count, struct df_buf *block,
                         struct df_error *error)
{
    struct df_buf *keys = &users->sections[section];
    if (count == 0)
        return 0;
    df_buf_clear(block);
    df_buf_put_u8(block, (uint8_t)users->groups.kind);
    df_buf_put_varint(block, count);
    df_buf_put_slice(block, df_buf_slice(keys));
    if (df_buf_failed(keys) || df_buf_failed(block))
        return no_memory(error);
    df_buf_clear(keys);
    return df_task_section_write(users->task, users->part, section, df_buf_slice(block), error);
}

/* All users that are there to their sections; then there are none. */
static int flush(struct df_funnel_users *users, struct df_error *error)
{
    uint32_t sections = users->task->sections;
    uint64_t *counts = calloc(sections, sizeof *counts);
    struct df_buf block = {0};
    if (!counts)
        return no_memory(error);
    for (size_t i = 0; i < users->groups.group_count; i++) {
        const struct df_funnel_group *group = &users->groups.groups[i];
        uint32_t section = df_funnel_section_of(hash_of(&users->groups, group), sections);
        put_user(&users->groups, group, &users->sections[section]);
        counts[section]++;
    }
    int result = 0;
    for (uint32_t i = 0; result == 0 && i < sections; i++)
        result = write_section(users, i, counts[i], &block, error);
    df_funnel_groups_dispose(&users->groups);
    df_buf_dispose(&block);
    free(counts);
    return result;
}

/* More than half of its share would starve the readers of columns: a table that grows is there twice for a moment. */
static bool is_large(const struct df_funnel_users *users)
{
    const struct df_funnel_account *account = &users->account;
    return account->budget && account->budget->limit_bytes && account->held_bytes > account->floor_bytes / 2;
}

static int add_some(struct df_funnel_users *users, const struct df_funnel_keys *keys, struct df_error *error)
{
    if (is_large(users) && flush(users, error) < 0)
        return -1;
    if (df_funnel_groups_add(&users->groups, keys, users->hashes, 0, 0, users->codes))
        return 0;
    if (flush(users, error) < 0)
        return -1;
    if (df_funnel_groups_add(&users->groups, keys, users->hashes, 0, 0, users->codes))
        return 0;
    return df_error_set(error, DF_ERROR_EXHAUSTED,
                        "the users of a batch of %s do not fit the memory that is left; "
                        "raise memory.limit",
                        users->part->uri);
}

int df_funnel_users_add(struct df_funnel_users *users, const struct df_funnel_keys *keys, struct df_error *error)
{
    for (uint32_t done = 0; done < keys->count;) {
        uint32_t some = keys->count - done < KEYS_AT_ONCE ? keys->count - done : KEYS_AT_ONCE;
        struct df_funnel_keys piece = {.kind = keys->kind,
                                       .count = some,
                                       .numbers = keys->numbers ? keys->numbers + done : NULL,
                                       .bytes = keys->bytes ? keys->bytes + done : NULL,
                                       .valid = keys->valid ? keys->valid + done : NULL};
        if (add_some(users, &piece, error) < 0)
            return -1;
        done += some;
    }
    return 0;
}

int df_funnel_users_finish(struct df_funnel_users *users, struct df_error *error)
{
    return flush(users, error);
}

/* ---- reading ---- */

struct comparison {
    struct df_task *task;
    struct df_funnel_account account;
    struct df_funnel_groups groups;
    bool any;        /* a block was read: `groups` has its kind */
    uint32_t *last;  /* by user code: the producer that named it last, + 1 */
    uint32_t *files; /* by user code: how many did */
    size_t last_capacity, files_capacity;
    int64_t numbers[KEYS_AT_ONCE];
    struct df_slice bytes[KEYS_AT_ONCE];
    uint64_t hashes[KEYS_AT_ONCE];
    uint32_t codes[KEYS_AT_ONCE];
};

static int damaged(struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "a section of users is damaged");
}

static int does_not_fit(struct df_error *error)
{
    return df_error_set(error, DF_ERROR_EXHAUSTED,
                        "the users of a section do not fit the memory that is left; raise memory.limit");
}

static bool grow(struct comparison *comparison, uint32_t **array, size_t *capacity, size_t needed)
{
    size_t before = *capacity;
    void *memory = *array;
    if (!df_funnel_account_grow(&comparison->account, &memory, capacity, needed, sizeof **array))
        return false;
    *array = memory;
    if (*capacity > before)
        memset(*array + before, 0, (*capacity - before) * sizeof **array);
    return true;
}

static int count_keys(struct comparison *comparison, uint32_t count, uint32_t producer, struct df_error *error)
{
    struct df_funnel_keys keys = {.kind = comparison->groups.kind, .count = count};
    if (keys.kind == DF_FUNNEL_KEY_BYTES)
        keys.bytes = comparison->bytes;
    else
        keys.numbers = comparison->numbers;
    if (!df_funnel_groups_add(&comparison->groups, &keys, comparison->hashes, 0, 0, comparison->codes) ||
        !grow(comparison, &comparison->last, &comparison->last_capacity, comparison->groups.group_count) ||
        !grow(comparison, &comparison->files, &comparison->files_capacity, comparison->groups.group_count))
        return does_not_fit(error);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code = comparison->codes[i];
        comparison->files[code] += comparison->last[code] != producer + 1;
        comparison->last[code] = producer + 1;
    }
    return 0;
}

static bool take_key(struct comparison *comparison, struct df_cursor *cursor, uint32_t at)
{
    uint64_t number;
    if (comparison->groups.kind == DF_FUNNEL_KEY_BYTES)
        return df_cursor_take_varint(cursor, &number) && number <= df_cursor_left(cursor) &&
               df_cursor_take_bytes(cursor, (size_t)number, &comparison->bytes[at]);
    if (!df_cursor_take_u64le(cursor, &number))
        return false;
    comparison->numbers[at] = (int64_t)number;
    return true;
}

static int read_block(struct comparison *comparison, struct df_cursor *cursor, uint32_t producer,
                      struct df_error *error)
{
    uint8_t kind;
    uint64_t left;
    if (!df_cursor_take_u8(cursor, &kind) || kind >= DF_FUNNEL_KEY_KINDS || !df_cursor_take_varint(cursor, &left))
        return damaged(error);
    if (!comparison->any)
        df_funnel_groups_init(&comparison->groups, (enum df_funnel_key_kind)kind, &comparison->account);
    comparison->any = true;
    if (comparison->groups.kind != (enum df_funnel_key_kind)kind)
        return damaged(error); /* the schemas of the files are compared before */
    while (left > 0) {
        uint32_t count = 0;
        for (; count < KEYS_AT_ONCE && count < left; count++)
            if (!take_key(comparison, cursor, count))
                return damaged(error);
        if (count_keys(comparison, count, producer, error) < 0)
            return -1;
        left -= count;
    }
    return 0;
}

static int read_piece(void *ctx, uint32_t producer, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    struct comparison *comparison = ctx;
    struct df_cursor cursor = df_cursor_make(bytes);
    (void)section;
    if (df_task_check(comparison->task, error) < 0)
        return -1;
    while (df_cursor_left(&cursor) > 0)
        if (read_block(comparison, &cursor, producer, error) < 0)
            return -1;
    return 0;
}

static void show_user(const struct df_funnel_groups *groups, const struct df_funnel_group *group, struct df_buf *out)
{
    if (groups->kind == DF_FUNNEL_KEY_INT64) {
        df_buf_printf(out, "%lld", (long long)group->key.number);
    } else if (groups->kind == DF_FUNNEL_KEY_UINT64) {
        df_buf_printf(out, "%llu", (unsigned long long)group->key.number);
    } else {
        df_buf_put_char(out, '\'');
        df_funnel_put_shown(out, df_funnel_group_bytes(group), 64);
        df_buf_put_char(out, '\'');
    }
}

static void add_up(const struct comparison *comparison, struct df_funnel_users_found *found)
{
    const struct df_funnel_groups *groups = &comparison->groups;
    found->distinct += groups->group_count;
    for (size_t i = 0; i < groups->group_count; i++) {
        found->in_files += comparison->files[i];
        if (comparison->files[i] > 1 && found->example_count < DF_FUNNEL_EXAMPLES)
            show_user(groups, &groups->groups[i], &found->examples[found->example_count++]);
    }
}

static void forget(struct comparison *comparison)
{
    df_funnel_groups_dispose(&comparison->groups);
    df_funnel_account_free(&comparison->account, comparison->last, comparison->last_capacity * sizeof(uint32_t));
    df_funnel_account_free(&comparison->account, comparison->files, comparison->files_capacity * sizeof(uint32_t));
    comparison->last = comparison->files = NULL;
    comparison->last_capacity = comparison->files_capacity = 0;
    comparison->any = false;
}

int df_funnel_users_compare(struct df_task *task, const struct df_part *part, struct df_funnel_users_found *found,
                            struct df_error *error)
{
    *found = (struct df_funnel_users_found){0};
    struct comparison *comparison = calloc(1, sizeof *comparison);
    if (!comparison)
        return no_memory(error);
    comparison->task = task;
    comparison->account = (struct df_funnel_account){
        .budget = task->budget, .floor_bytes = df_funnel_account_floor(task->budget, task->threads)};
    df_funnel_groups_init(&comparison->groups, DF_FUNNEL_KEY_INT64, &comparison->account);
    int result = 0;
    for (uint64_t i = part->range_begin; result == 0 && i < part->range_end; i++) {
        struct df_part section = *part;
        section.range_begin = i;
        section.range_end = i + 1;
        result = df_task_section_read(task, &section, read_piece, comparison, error);
        if (result == 0)
            add_up(comparison, found);
        forget(comparison);
    }
    free(comparison);
    return result;
}

void df_funnel_users_found_dispose(struct df_funnel_users_found *found)
{
    for (unsigned i = 0; i < DF_FUNNEL_EXAMPLES; i++)
        df_buf_dispose(&found->examples[i]);
}
