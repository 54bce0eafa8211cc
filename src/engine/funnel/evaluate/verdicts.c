#include "engine/funnel/evaluate/verdicts.h"

#include <assert.h>

#include "engine/funnel/evaluate/judge.h"

enum {
    CHAIN_BLOCK_BYTES_MIN = 4 * 1024,
    CHAIN_BLOCK_BYTES_MAX = 256 * 1024,
};

/* Chains do not move once they are written: units point to them. */
struct chain_block {
    struct chain_block *next;
    size_t size_bytes, used_bytes; /* of `data` */
    int64_t data[];
};

struct df_funnel_verdict_memory {
    size_t users;
    uint8_t *in;
    uint16_t *depth;
    size_t in_capacity, depth_capacity;
    struct df_funnel_unit *units;
    size_t unit_count, unit_capacity;
    struct chain_block *blocks;
    struct df_funnel_session *sessions;
    size_t session_count, session_capacity;
    size_t *session_begin;
};

/* A judgement under way. */
struct judging {
    struct df_funnel_collector *collector;
    const struct df_funnel_request *request;
    struct df_funnel_account *account;
    struct df_funnel_verdict_memory *memory;
    struct df_error *error;
    struct df_arena arena;
    struct df_funnel_plan *plans; /* per condition */
    struct df_funnel_plan funnel;
    struct df_funnel_sorting sorting;
    struct df_funnel_walk walk;
    uint64_t session_gap;
};

/* ---- memory ---- */

void df_funnel_verdicts_dispose(struct df_funnel_verdicts *verdicts)
{
    struct df_funnel_verdict_memory *memory = verdicts->memory;
    struct df_funnel_account *account = verdicts->account;
    if (memory) {
        df_funnel_account_free(account, memory->in, memory->in_capacity);
        df_funnel_account_free(account, memory->depth, memory->depth_capacity * sizeof *memory->depth);
        df_funnel_account_free(account, memory->units, memory->unit_capacity * sizeof *memory->units);
        df_funnel_account_free(account, memory->sessions, memory->session_capacity * sizeof *memory->sessions);
        df_funnel_account_free(account, memory->session_begin, (memory->users + 1) * sizeof *memory->session_begin);
        while (memory->blocks) {
            struct chain_block *block = memory->blocks;
            memory->blocks = block->next;
            df_funnel_account_free(account, block, sizeof *block + block->size_bytes);
        }
    }
    free(memory);
    *verdicts = (struct df_funnel_verdicts){0};
}

static void *chain_place(struct judging *judging, size_t size_bytes)
{
    struct chain_block *block = judging->memory->blocks;
    size_bytes = (size_bytes + 7) / 8 * 8;
    if (!block || block->size_bytes - block->used_bytes < size_bytes) {
        size_t larger = block ? block->size_bytes * 2 : CHAIN_BLOCK_BYTES_MIN;
        larger = larger < CHAIN_BLOCK_BYTES_MAX ? larger : CHAIN_BLOCK_BYTES_MAX;
        larger = larger > size_bytes ? larger : size_bytes;
        block = df_funnel_account_alloc(judging->account, sizeof *block + larger);
        if (!block)
            return NULL;
        *block = (struct chain_block){.next = judging->memory->blocks, .size_bytes = larger};
        judging->memory->blocks = block;
    }
    void *place = block->data + block->used_bytes / sizeof *block->data;
    block->used_bytes += size_bytes;
    return place;
}

/* ---- plans ---- */

static bool is_walked(const struct judging *judging, uint32_t condition)
{
    const struct df_funnel_condition *one = &judging->request->conditions[condition];
    return one->kind == DF_FUNNEL_SEQUENCE_CONDITION && df_funnel_uses_rows(judging->request, &one->sequence);
}

static bool funnel_is_walked(const struct judging *judging)
{
    return judging->request->funnel.given && df_funnel_uses_rows(judging->request, &judging->request->funnel.sequence);
}

static int make_plans(struct judging *judging, enum df_funnel_scale scale)
{
    const struct df_funnel_request *request = judging->request;
    struct df_funnel_planner planner = {
        .arena = &judging->arena, .collected = judging->collector->collected, .scale = scale};
    judging->plans = df_arena_array(&judging->arena, request->condition_count, sizeof *judging->plans);
    if (!judging->plans)
        return df_error_no_memory(judging->error, "planning a sequence");
    for (uint32_t i = 0; i < request->condition_count; i++)
        if (is_walked(judging, i) &&
            df_funnel_planner_add(&planner, &request->conditions[i].sequence, &judging->plans[i], judging->error) < 0)
            return -1;
    if (funnel_is_walked(judging) &&
        df_funnel_planner_add(&planner, &request->funnel.sequence, &judging->funnel, judging->error) < 0)
        return -1;
    if (request->funnel.given && request->funnel.session_gap.given)
        judging->session_gap = df_funnel_length_floor(&request->funnel.session_gap, scale);
    return df_funnel_planner_finish(&planner, &judging->walk.slots, judging->error);
}

static int prepare(struct judging *judging, enum df_funnel_scale scale)
{
    struct df_funnel_collected *collected = judging->collector->collected;
    struct df_funnel_verdict_memory *memory = judging->memory;
    memory->users = judging->collector->groups.group_count;
    memory->in = df_funnel_account_alloc(judging->account, memory->users);
    memory->in_capacity = memory->users;
    if (!memory->in)
        return DF_FUNNEL_OVER;
    if (make_plans(judging, scale) < 0 || df_funnel_walk_init(&judging->walk, &judging->arena, judging->error) < 0)
        return -1;
    if (!collected->keep_rows)
        return DF_FUNNEL_DONE;
    return df_funnel_sorting_make(&judging->sorting, judging->account, &collected->rows, memory->users);
}

/* ---- units ---- */

static struct df_funnel_unit *add_unit(struct judging *judging, uint32_t user, uint16_t depth, uint64_t rows)
{
    struct df_funnel_verdict_memory *memory = judging->memory;
    void *units = memory->units;
    bool fits = df_funnel_account_grow(judging->account, &units, &memory->unit_capacity, memory->unit_count + 1,
                                       sizeof *memory->units);
    memory->units = units;
    int64_t *times = fits ? chain_place(judging, depth * (sizeof(int64_t) + sizeof(uint32_t))) : NULL;
    if (!times)
        return NULL;
    struct df_funnel_unit *unit = &memory->units[memory->unit_count++];
    *unit = (struct df_funnel_unit){.user = user,
                                    .depth = depth,
                                    .rows = rows,
                                    .chain_times = times,
                                    .chain_rows = (uint32_t *)(void *)(times + depth)};
    return unit;
}

/* The chain that the walk has just found. */
static int add_walked(struct judging *judging, uint32_t user, uint16_t depth, uint64_t rows)
{
    const struct df_funnel_walk *walk = &judging->walk;
    struct df_funnel_unit *unit = add_unit(judging, user, depth, rows);
    if (!unit)
        return DF_FUNNEL_OVER;
    unit->timed = true;
    int64_t *times = (int64_t *)(uintptr_t)unit->chain_times;
    uint32_t *ordinals = (uint32_t *)(uintptr_t)unit->chain_rows;
    for (uint16_t step = 0; step < depth; step++) {
        times[step] = walk->unit.times[walk->chain[step]];
        ordinals[step] = df_funnel_rows_at(walk->rows, walk->unit.refs[walk->chain[step]])->ordinal;
    }
    return DF_FUNNEL_DONE;
}

static int add_untimed(struct judging *judging, uint32_t user, uint32_t ordinal)
{
    struct df_funnel_unit *unit = add_unit(judging, user, 1, judging->collector->groups.groups[user].rows);
    if (!unit)
        return DF_FUNNEL_OVER;
    *(int64_t *)(uintptr_t)unit->chain_times = 0;
    *(uint32_t *)(uintptr_t)unit->chain_rows = ordinal;
    return DF_FUNNEL_DONE;
}

/* ---- the funnel ---- */

static int walk_unit(struct judging *judging, uint32_t user, const struct df_funnel_unit_rows *rows, uint64_t row_count,
                     uint16_t *depth)
{
    bool chains = judging->request->chains;
    *depth = 0;
    int result = df_funnel_walk_unit(&judging->walk, rows);
    if (result == DF_FUNNEL_DONE)
        result = df_funnel_walk(&judging->walk, &judging->funnel, chains, depth);
    if (result == DF_FUNNEL_DONE && chains && *depth)
        result = add_walked(judging, user, *depth, row_count);
    return result;
}

static int walk_whole_user(struct judging *judging, uint32_t user, const struct df_funnel_unit_rows *rows)
{
    const struct df_funnel_sequence *sequence = &judging->request->funnel.sequence;
    const struct df_funnel_filter_facts *first =
        &judging->collector->collected->filters[df_funnel_first_step(sequence)->filter];
    uint16_t *depth = &judging->memory->depth[user];
    int result = walk_unit(judging, user, rows, judging->collector->groups.groups[user].rows, depth);
    if (result != DF_FUNNEL_DONE || *depth || !df_funnel_marked(&first->untimed, user))
        return result;
    *depth = 1;
    return judging->request->chains ? add_untimed(judging, user, first->untimed_rows[user] - 1) : DF_FUNNEL_DONE;
}

static struct df_funnel_session *add_session(struct judging *judging)
{
    struct df_funnel_verdict_memory *memory = judging->memory;
    void *sessions = memory->sessions;
    bool fits = df_funnel_account_grow(judging->account, &sessions, &memory->session_capacity,
                                       memory->session_count + 1, sizeof *memory->sessions);
    memory->sessions = sessions;
    return fits ? &memory->sessions[memory->session_count++] : NULL;
}

static int walk_sessions(struct judging *judging, uint32_t user, const struct df_funnel_unit_rows *rows)
{
    uint16_t *deepest = &judging->memory->depth[user];
    for (uint32_t at = 0, length; at < rows->count; at += length) {
        length = df_funnel_session_length(rows, at, judging->session_gap);
        struct df_funnel_unit_rows part = {.times = rows->times + at, .refs = rows->refs + at, .count = length};
        struct df_funnel_session *session = add_session(judging);
        if (!session)
            return DF_FUNNEL_OVER;
        *session = (struct df_funnel_session){.begin = part.times[0], .end = part.times[length - 1], .rows = length};
        int result = walk_unit(judging, user, &part, length, &session->depth);
        if (result != DF_FUNNEL_DONE)
            return result;
        if (session->depth > *deepest)
            *deepest = session->depth;
    }
    return DF_FUNNEL_DONE;
}

static int walk_user(struct judging *judging, uint32_t user)
{
    struct df_funnel_unit_rows rows;
    if (!judging->memory->in[user])
        return DF_FUNNEL_DONE;
    int result =
        df_funnel_sorting_user(&judging->sorting, judging->account, &judging->collector->collected->rows, user, &rows);
    if (result != DF_FUNNEL_DONE)
        return result;
    if (judging->memory->session_begin)
        return walk_sessions(judging, user, &rows);
    return walk_whole_user(judging, user, &rows);
}

static int walk_users(struct judging *judging)
{
    struct df_funnel_verdict_memory *memory = judging->memory;
    memset(memory->depth, 0, memory->users * sizeof *memory->depth);
    if (judging->request->funnel.session_gap.given) {
        memory->session_begin =
            df_funnel_account_alloc(judging->account, (memory->users + 1) * sizeof *memory->session_begin);
        if (!memory->session_begin)
            return DF_FUNNEL_OVER;
        memory->session_begin[0] = 0;
    }
    for (uint32_t user = 0; user < memory->users; user++) {
        int result = walk_user(judging, user);
        if (result == DF_FUNNEL_DONE)
            result = df_funnel_watch_add(&judging->walk.watch, 1, judging->error);
        if (result != DF_FUNNEL_DONE)
            return result;
        if (memory->session_begin)
            memory->session_begin[user + 1] = memory->session_count;
    }
    return DF_FUNNEL_DONE;
}

static int judge_funnel(struct judging *judging)
{
    struct df_funnel_verdict_memory *memory = judging->memory;
    if (!judging->request->funnel.given)
        return DF_FUNNEL_DONE;
    memory->depth = df_funnel_account_alloc(judging->account, memory->users * sizeof *memory->depth);
    memory->depth_capacity = memory->users;
    if (!memory->depth)
        return DF_FUNNEL_OVER;
    if (funnel_is_walked(judging))
        return walk_users(judging);
    return df_funnel_greedy(judging->collector, &judging->request->funnel.sequence, memory->in, memory->depth,
                            &judging->walk.watch, judging->error);
}

/* ---- all of it ---- */

static void publish(const struct judging *judging, struct df_funnel_verdicts *verdicts)
{
    const struct df_funnel_verdict_memory *memory = judging->memory;
    verdicts->user_count = (uint32_t)memory->users;
    verdicts->in = memory->in;
    verdicts->depth = memory->depth;
    verdicts->units = memory->units;
    verdicts->unit_count = memory->unit_count;
    verdicts->sessions = memory->sessions;
    verdicts->session_begin = memory->session_begin;
}

static int judge(struct df_funnel_collector *collector, enum df_funnel_scale scale, const atomic_bool *cancelled,
                 struct df_funnel_verdicts *verdicts, struct df_error *error)
{
    *verdicts = (struct df_funnel_verdicts){.account = &collector->account};
    verdicts->memory = calloc(1, sizeof *verdicts->memory);
    if (!verdicts->memory)
        return df_error_no_memory(error, "judging users");
    struct judging judging = {.collector = collector,
                              .request = collector->request,
                              .account = &collector->account,
                              .memory = verdicts->memory,
                              .error = error,
                              .walk = {.account = &collector->account,
                                       .rows = &collector->collected->rows,
                                       .watch = {.cancelled = cancelled, .work = DF_FUNNEL_WATCH_WORK},
                                       .error = error}};
    int result = prepare(&judging, scale);
    if (result == DF_FUNNEL_DONE)
        result = df_funnel_judge_conditions(collector, judging.plans, &judging.sorting, &judging.walk,
                                            verdicts->memory->in, error);
    if (result == DF_FUNNEL_DONE)
        result = judge_funnel(&judging);
    if (result == DF_FUNNEL_DONE)
        publish(&judging, verdicts);
    df_funnel_walk_dispose(&judging.walk);
    df_funnel_sorting_free(&judging.sorting, &collector->account);
    df_arena_dispose(&judging.arena);
    if (result != DF_FUNNEL_DONE)
        df_funnel_verdicts_dispose(verdicts);
    return result;
}

int df_funnel_judge(struct df_funnel_collector *collector, enum df_funnel_scale scale, const atomic_bool *cancelled,
                    struct df_funnel_verdicts *verdicts, struct df_error *error)
{
    int result = judge(collector, scale, cancelled, verdicts, error);
    if (result != DF_FUNNEL_OVER || !collector->row_codes)
        return result;
    /* The codes of rows only save time: once more in their place. */
    df_funnel_account_free(&collector->account, collector->row_codes,
                           collector->row_code_capacity * sizeof *collector->row_codes);
    collector->row_codes = NULL;
    collector->row_code_capacity = 0;
    return judge(collector, scale, cancelled, verdicts, error);
}

int df_funnel_verdicts_begin(struct df_funnel_verdicts *verdicts, struct df_funnel_account *account,
                             struct df_error *error)
{
    *verdicts = (struct df_funnel_verdicts){.account = account};
    verdicts->memory = calloc(1, sizeof *verdicts->memory);
    return verdicts->memory ? 0 : df_error_no_memory(error, "judging users");
}

bool df_funnel_verdicts_append(struct df_funnel_verdicts *verdicts, const struct df_funnel_verdicts *some)
{
    struct df_funnel_verdict_memory *memory = verdicts->memory;
    size_t users = memory->users + some->user_count;
    void *in = memory->in, *depth = memory->depth;
    bool fits = df_funnel_account_grow(verdicts->account, &in, &memory->in_capacity, users, sizeof *memory->in);
    memory->in = in;
    if (fits && some->depth)
        fits = df_funnel_account_grow(verdicts->account, &depth, &memory->depth_capacity, users, sizeof *memory->depth);
    memory->depth = depth;
    if (!fits || users >= DF_FUNNEL_NO_GROUP)
        return false;
    if (some->user_count)
        memcpy(memory->in + memory->users, some->in, some->user_count * sizeof *memory->in);
    if (some->user_count && some->depth)
        memcpy(memory->depth + memory->users, some->depth, some->user_count * sizeof *memory->depth);
    memory->users = users;
    verdicts->user_count = (uint32_t)users;
    verdicts->in = memory->in;
    verdicts->depth = memory->depth;
    return true;
}

uint16_t df_funnel_row_depth(const struct df_funnel_verdicts *verdicts, uint32_t user, bool timed, int64_t time)
{
    assert(user < verdicts->user_count);
    if (!verdicts->depth)
        return 0;
    if (!verdicts->session_begin)
        return verdicts->depth[user];
    size_t low = verdicts->session_begin[user], end = verdicts->session_begin[user + 1], high = end;
    while (low < high) { /* the first session that ends at `time` or later */
        size_t middle = low + (high - low) / 2;
        if (verdicts->sessions[middle].end < time)
            low = middle + 1;
        else
            high = middle;
    }
    return timed && low < end && verdicts->sessions[low].begin <= time ? verdicts->sessions[low].depth : 0;
}
