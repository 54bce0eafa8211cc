/* Simple sequences: earliest matching, step by step over the lists of their filters, strictly later, no sort. The
 * earliest possible time is enough for each step: whoever chains from a later row chains from an earlier one too. */
#include "engine/funnel/evaluate/judge.h"

/* State per user. depth: steps reached so far; a user of depth k + 1 while step k runs was reached in this very pass.
 */
struct state {
    int64_t *previous; /* time of the last step's row; read for users of depth k and more */
    int64_t *current;  /* earliest time of this step; read for users of depth k + 1 */
    uint16_t *depth;   /* DF_FUNNEL_STEPS_MAX fits */
    const uint8_t *in; /* NULL: all */
    size_t users;
};

static bool first_step(struct state *state, const struct df_funnel_chunk *chunk)
{
    bool reached = false;
    for (uint32_t i = 0; i < chunk->count; i++) {
        uint32_t user = chunk->codes[i];
        int64_t time = chunk->times[i];
        if (state->depth[user] == 0 && (!state->in || state->in[user])) {
            state->depth[user] = 1;
            state->current[user] = time;
            reached = true;
        } else if (time < state->current[user]) {
            state->current[user] = time;
        }
    }
    return reached;
}

static bool next_step(struct state *state, uint16_t step, const struct df_funnel_chunk *chunk)
{
    bool reached = false;
    for (uint32_t i = 0; i < chunk->count; i++) {
        uint32_t user = chunk->codes[i];
        int64_t time = chunk->times[i];
        if (state->depth[user] < step || time <= state->previous[user])
            continue;
        if (state->depth[user] == step) {
            state->depth[user] = (uint16_t)(step + 1);
            state->current[user] = time;
            reached = true;
        } else if (time < state->current[user]) {
            state->current[user] = time;
        }
    }
    return reached;
}

static int run_steps(const struct df_funnel_collected *collected, struct state *state,
                     const struct df_funnel_sequence *sequence, struct df_funnel_watch *watch, struct df_error *error)
{
    for (uint32_t step = 0; step < sequence->step_count; step++) {
        bool reached = false;
        const struct df_funnel_chunk *chunk = collected->filters[sequence->steps[step].filter].list.first;
        for (; chunk; chunk = chunk->next) {
            reached |= step == 0 ? first_step(state, chunk) : next_step(state, (uint16_t)step, chunk);
            if (df_funnel_watch_add(watch, chunk->count, error) < 0)
                return -1;
        }
        if (!reached)
            return 0;
        int64_t *swap = state->previous;
        state->previous = state->current;
        state->current = swap;
    }
    return 0;
}

/* Users whose only rows of step 1 have no time: they reach it, and nothing after it. */
static void add_untimed(const struct df_funnel_marks *untimed, struct state *state)
{
    for (uint32_t user = 0; user < state->users && user / 8 < untimed->capacity; user++)
        if (state->depth[user] == 0 && df_funnel_marked(untimed, user) && (!state->in || state->in[user]))
            state->depth[user] = 1;
}

int df_funnel_greedy(struct df_funnel_collector *collector, const struct df_funnel_sequence *sequence,
                     const uint8_t *in, uint16_t *depth, struct df_funnel_watch *watch, struct df_error *error)
{
    struct df_funnel_account *account = &collector->account;
    size_t users = collector->groups.group_count;
    struct state state = {.depth = depth, .in = in, .users = users};
    int64_t *one = df_funnel_account_alloc(account, users * sizeof *one);
    int64_t *other = df_funnel_account_alloc(account, users * sizeof *other);
    int result = DF_FUNNEL_OVER;
    memset(depth, 0, users * sizeof *depth);
    if (one && other) {
        /* So that a row of a user who is not in reads a time, whatever it is. */
        memset(one, 0, users * sizeof *one);
        memset(other, 0, users * sizeof *other);
        state.previous = one;
        state.current = other;
        result = run_steps(collector->collected, &state, sequence, watch, error);
        add_untimed(&collector->collected->filters[sequence->steps[0].filter].untimed, &state);
    }
    df_funnel_account_free(account, one, users * sizeof *one);
    df_funnel_account_free(account, other, users * sizeof *other);
    return result;
}
