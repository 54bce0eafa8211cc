#include "engine/funnel/evaluate.h"

/* State per user. depth: steps reached so far; a user of depth k+1 while step k runs was reached in this very pass. The
 * earliest possible time is enough for each step: whoever chains from a later row chains from an earlier one too. */
struct state {
    int64_t *previous; /* time of the last step's row; read for users of depth k and more */
    int64_t *current;  /* earliest time of this step; read for users of depth k+1 */
    uint16_t *depth;   /* DF_FUNNEL_STEPS_MAX fits */
    size_t users;
};

static struct df_funnel_step_count first_step(struct state *state, const struct df_funnel_chunk *chunk,
                                              const struct df_funnel_group *groups)
{
    struct df_funnel_step_count count = {0};
    for (uint32_t i = 0; i < chunk->count; i++) {
        uint32_t user = chunk->codes[i];
        int64_t time = chunk->times[i];
        if (state->depth[user] == 0) {
            state->depth[user] = 1;
            state->current[user] = time;
            count.users++;
            count.rows += groups[user].rows;
        } else if (time < state->current[user]) {
            state->current[user] = time;
        }
    }
    return count;
}

static struct df_funnel_step_count next_step(struct state *state, uint16_t step, const struct df_funnel_chunk *chunk,
                                             const struct df_funnel_group *groups)
{
    struct df_funnel_step_count count = {0};
    for (uint32_t i = 0; i < chunk->count; i++) {
        uint32_t user = chunk->codes[i];
        int64_t time = chunk->times[i];
        if (state->depth[user] < step || time <= state->previous[user])
            continue;
        if (state->depth[user] == step) {
            state->depth[user] = (uint16_t)(step + 1);
            state->current[user] = time;
            count.users++;
            count.rows += groups[user].rows;
        } else if (time < state->current[user]) {
            state->current[user] = time;
        }
    }
    return count;
}

/* Users whose only rows of step 1 have no time: they reach it, and nothing after it. */
static struct df_funnel_step_count untimed_users(const struct df_funnel_collector *collector, const struct state *state)
{
    struct df_funnel_step_count count = {0};
    for (size_t user = 0; user < state->users && user < collector->untimed_capacity; user++) {
        if (collector->untimed[user] && state->depth[user] == 0) {
            count.users++;
            count.rows += collector->groups.groups[user].rows;
        }
    }
    return count;
}

static void add(struct df_funnel_step_count *to, struct df_funnel_step_count more)
{
    to->users += more.users;
    to->rows += more.rows;
}

static void run_steps(const struct df_funnel_collector *collector, struct state *state,
                      const struct df_funnel_step *steps, uint32_t step_count, struct df_funnel_step_count *counts)
{
    const struct df_funnel_group *groups = collector->groups.groups;
    for (uint32_t step = 0; step < step_count; step++) {
        struct df_funnel_step_count reached = {0};
        const struct df_funnel_chunk *chunk = collector->matches[steps[step].filter].first;
        for (; chunk; chunk = chunk->next)
            add(&reached,
                step == 0 ? first_step(state, chunk, groups) : next_step(state, (uint16_t)step, chunk, groups));
        add(&counts[step], reached);
        if (step == 0)
            add(&counts[0], untimed_users(collector, state));
        if (reached.users == 0)
            return;
        int64_t *swap = state->previous;
        state->previous = state->current;
        state->current = swap;
    }
}

bool df_funnel_evaluate(struct df_funnel_collector *collector, const struct df_funnel_step *steps, uint32_t step_count,
                        struct df_funnel_step_count *counts)
{
    struct df_funnel_account *account = &collector->account;
    size_t users = collector->groups.group_count;
    struct state state = {.users = users};
    int64_t *one = df_funnel_account_alloc(account, users * sizeof *one);
    int64_t *other = df_funnel_account_alloc(account, users * sizeof *other);
    state.depth = df_funnel_account_alloc(account, users * sizeof *state.depth);
    bool fits = one && other && state.depth;
    if (fits) {
        memset(state.depth, 0, users * sizeof *state.depth);
        state.previous = one;
        state.current = other;
        run_steps(collector, &state, steps, step_count, counts);
    }
    df_funnel_account_free(account, one, users * sizeof *one);
    df_funnel_account_free(account, other, users * sizeof *other);
    df_funnel_account_free(account, state.depth, users * sizeof *state.depth);
    return fits;
}
