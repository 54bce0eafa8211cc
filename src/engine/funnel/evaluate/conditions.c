/* Which users are in: one bit per user and condition, and the relation over those bits, 64 users at a time. */
#include "base/size.h"
#include "engine/funnel/evaluate/judge.h"

struct conditions {
    struct df_funnel_collector *collector;
    const struct df_funnel_request *request;
    struct df_funnel_sorting *sorting;
    struct df_funnel_walk *walk;
    const struct df_funnel_plan *plans;
    size_t users, words; /* words: of the bits of one condition */
    uint64_t *bits;      /* condition by condition */
};

static uint64_t *bits_of(const struct conditions *all, uint32_t condition)
{
    return all->bits + condition * all->words;
}

static void set_bit(uint64_t *bits, uint32_t user)
{
    bits[user >> 6] |= UINT64_C(1) << (user & 63);
}

static int judge_simple(const struct conditions *all, uint32_t condition, struct df_error *error)
{
    const struct df_funnel_sequence *sequence = &all->request->conditions[condition].sequence;
    struct df_funnel_account *account = &all->collector->account;
    uint16_t *depth = df_funnel_account_alloc(account, all->users * sizeof *depth);
    if (!depth)
        return DF_FUNNEL_OVER;
    int result = df_funnel_greedy(all->collector, sequence, NULL, depth, &all->walk->watch, error);
    for (uint32_t user = 0; result == DF_FUNNEL_DONE && user < all->users; user++)
        if (depth[user] == sequence->positive_count)
            set_bit(bits_of(all, condition), user);
    df_funnel_account_free(account, depth, all->users * sizeof *depth);
    return result;
}

static bool is_walked(const struct conditions *all, uint32_t condition)
{
    const struct df_funnel_condition *one = &all->request->conditions[condition];
    return one->kind == DF_FUNNEL_SEQUENCE_CONDITION && df_funnel_uses_rows(all->request, &one->sequence);
}

static int judge_one(const struct conditions *all, uint32_t condition, struct df_error *error)
{
    const struct df_funnel_condition *one = &all->request->conditions[condition];
    switch (one->kind) {
    case DF_FUNNEL_COUNT_TARGET:
        df_funnel_judge_count(all->collector, one, bits_of(all, condition));
        break;
    case DF_FUNNEL_SUM_TARGET:
        return df_funnel_judge_sum(all->collector, one, bits_of(all, condition), error);
    case DF_FUNNEL_SEQUENCE_CONDITION:
        return is_walked(all, condition) ? DF_FUNNEL_DONE : judge_simple(all, condition, error);
    }
    return DF_FUNNEL_DONE;
}

/* All other sequences, user by user, so that a user's rows are put together once. */
static int walk_user(const struct conditions *all, uint32_t user)
{
    struct df_funnel_unit_rows unit;
    struct df_funnel_collected *collected = all->collector->collected;
    int result = df_funnel_sorting_user(all->sorting, &all->collector->account, &collected->rows, user, &unit);
    if (result == DF_FUNNEL_DONE)
        result = df_funnel_walk_unit(all->walk, &unit);
    for (uint32_t i = 0; result == DF_FUNNEL_DONE && i < all->request->condition_count; i++) {
        uint16_t depth;
        if (!is_walked(all, i))
            continue;
        const struct df_funnel_sequence *sequence = &all->request->conditions[i].sequence;
        result = df_funnel_walk(all->walk, &all->plans[i], false, &depth);
        bool untimed = df_funnel_marked(&collected->filters[df_funnel_first_step(sequence)->filter].untimed, user);
        if (result == DF_FUNNEL_DONE && (depth ? depth : untimed) == sequence->positive_count)
            set_bit(bits_of(all, i), user);
    }
    return result;
}

static int walk_users(const struct conditions *all, struct df_error *error)
{
    bool any = false;
    for (uint32_t i = 0; i < all->request->condition_count; i++)
        any |= is_walked(all, i);
    int result = DF_FUNNEL_DONE;
    for (uint32_t user = 0; any && result == DF_FUNNEL_DONE && user < all->users; user++) {
        result = walk_user(all, user);
        if (result == DF_FUNNEL_DONE)
            result = df_funnel_watch_add(&all->walk->watch, 1, error);
    }
    return result;
}

/* ---- the relation ---- */

static uint64_t relate_word(const struct conditions *all, size_t word, uint64_t *stack)
{
    const struct df_funnel_relation *relation = &all->request->relation;
    uint32_t height = 0;
    for (uint32_t i = 0; i < relation->token_count; i++) {
        uint32_t token = relation->tokens[i];
        if (token < DF_FUNNEL_RELATION_AND) {
            stack[height++] = bits_of(all, token)[word];
            continue;
        }
        height--;
        if (token == DF_FUNNEL_RELATION_AND)
            stack[height - 1] &= stack[height];
        else
            stack[height - 1] |= stack[height];
    }
    return stack[0];
}

static int relate(const struct conditions *all, uint8_t *in, struct df_error *error)
{
    const struct df_funnel_relation *relation = &all->request->relation;
    size_t stack_bytes = ((size_t)relation->depth + 1) * sizeof(uint64_t);
    uint64_t *stack = df_funnel_account_alloc(&all->collector->account, stack_bytes);
    if (!stack)
        return DF_FUNNEL_OVER;
    int result = DF_FUNNEL_DONE;
    for (size_t word = 0; word < all->words && result == DF_FUNNEL_DONE; word++) {
        uint64_t bits = relate_word(all, word, stack);
        for (size_t user = word * 64; user < all->users && user < word * 64 + 64; user++)
            in[user] = bits >> (user & 63) & 1;
        result = df_funnel_watch_add(&all->walk->watch, (uint64_t)relation->token_count + 64, error);
    }
    df_funnel_account_free(&all->collector->account, stack, stack_bytes);
    return result;
}

int df_funnel_judge_conditions(struct df_funnel_collector *collector, const struct df_funnel_plan *plans,
                               struct df_funnel_sorting *sorting, struct df_funnel_walk *walk, uint8_t *in,
                               struct df_error *error)
{
    const struct df_funnel_request *request = collector->request;
    struct conditions all = {.collector = collector,
                             .request = request,
                             .sorting = sorting,
                             .walk = walk,
                             .plans = plans,
                             .users = collector->groups.group_count,
                             .words = (collector->groups.group_count + 63) / 64};
    if (request->relation.token_count == 0) {
        memset(in, 1, all.users);
        return DF_FUNNEL_DONE;
    }
    size_t size_bytes;
    if (df_size_mul(&size_bytes, all.words * sizeof *all.bits, request->condition_count) < 0)
        return DF_FUNNEL_OVER;
    all.bits = df_funnel_account_alloc(&collector->account, size_bytes);
    if (!all.bits)
        return DF_FUNNEL_OVER;
    memset(all.bits, 0, size_bytes);
    int result = DF_FUNNEL_DONE;
    for (uint32_t i = 0; i < request->condition_count && result == DF_FUNNEL_DONE; i++)
        result = judge_one(&all, i, error);
    if (result == DF_FUNNEL_DONE)
        result = walk_users(&all, error);
    if (result == DF_FUNNEL_DONE)
        result = relate(&all, in, error);
    df_funnel_account_free(&collector->account, all.bits, size_bytes);
    return result;
}
