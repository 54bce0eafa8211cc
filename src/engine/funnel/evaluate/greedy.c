/* Simple sequences: earliest matching, step by step over the lists of their filters, strictly later, no sort. The
 * earliest possible time is enough for each step: whoever chains from a later row chains from an earlier one too. */
#include "engine/funnel/evaluate/judge.h"

/* State per user. depth: steps reached so far; a user of depth k + 1 while step k runs was reached in this very pass.
 */
struct state {
    int64_t *previous; /* time of the last step's row; right for users of depth k and more */
    int64_t *current;  /* earliest time of this step so far; right for users of depth k + 1 */
    uint16_t *depth;   /* DF_FUNNEL_STEPS_MAX fits */
    const uint8_t *in; /* NULL: all */
    size_t users;
};

/* Nearly all rows may match: no branch but for the mask; whoever is not in is dropped afterwards. The arrays are in
 * locals, as the compiler must think that a store may change the state. */
static void first_step(struct state *state, const struct df_funnel_chunk *chunk)
{
    int64_t *current = state->current;
    uint16_t *depth = state->depth;
    const uint32_t *codes = chunk->codes;
    const int64_t *times = chunk->times;
    const uint8_t *masks = chunk->masks, need = chunk->need;
    for (uint32_t i = 0, count = chunk->count; i < count; i++) {
        if (masks && (masks[i] & need) != need)
            continue;
        uint32_t user = codes[i];
        current[user] = times[i] < current[user] ? times[i] : current[user];
        depth[user] = 1;
    }
}

/* Depths are 0 and 1. */
static bool keep_those_in(struct state *state)
{
    uint16_t *depth = state->depth, reached = 0;
    const uint8_t *in = state->in;
    size_t users = state->users;
    for (size_t user = 0; in && user < users; user++)
        depth[user] = (uint16_t)(depth[user] & (in[user] != 0));
    for (size_t user = 0; user < users; user++)
        reached |= depth[user];
    return reached != 0;
}

static bool take_row(struct state *state, uint16_t step, uint32_t user, int64_t time)
{
    if (state->depth[user] < step || time <= state->previous[user])
        return false;
    bool first = state->depth[user] == step;
    if (first || time < state->current[user])
        state->current[user] = time;
    state->depth[user] = (uint16_t)(step + 1);
    return first;
}

/* Later steps are rare: eight rows at a time are passed by. */
static bool next_step_of_masks(struct state *state, uint16_t step, const struct df_funnel_chunk *chunk)
{
    const uint64_t eight_times = UINT64_C(0x0101010101010101), wanted = (chunk->need & 0x7fu) * eight_times;
    bool reached = false;
    for (uint32_t i = 0, end; i < chunk->count; i = end) {
        end = chunk->count - i < 8 ? chunk->count : i + 8;
        uint64_t eight = 0;
        memcpy(&eight, chunk->masks + i, end - i);
        if ((eight & wanted) == 0)
            continue;
        for (uint32_t row = i; row < end; row++)
            if ((chunk->masks[row] & chunk->need) == chunk->need)
                reached |= take_row(state, step, chunk->codes[row], chunk->times[row]);
    }
    return reached;
}

static bool next_step(struct state *state, uint16_t step, const struct df_funnel_chunk *chunk)
{
    bool reached = false;
    if (chunk->masks)
        return next_step_of_masks(state, step, chunk);
    for (uint32_t i = 0; i < chunk->count; i++)
        reached |= take_row(state, step, chunk->codes[i], chunk->times[i]);
    return reached;
}

static int run_steps(const struct df_funnel_collected *collected, struct state *state,
                     const struct df_funnel_sequence *sequence, struct df_funnel_watch *watch, struct df_error *error)
{
    for (uint32_t step = 0; step < sequence->step_count; step++) {
        bool reached = false;
        const struct df_funnel_chunk *chunk = collected->filters[sequence->steps[step].filter].list.first;
        for (; chunk; chunk = chunk->next) {
            if (step == 0)
                first_step(state, chunk);
            else
                reached |= next_step(state, (uint16_t)step, chunk);
            if (df_funnel_watch_add(watch, chunk->count, error) < 0)
                return -1;
        }
        if (step == 0)
            reached = keep_those_in(state);
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
        for (size_t user = 0; user < users; user++)
            one[user] = other[user] = INT64_MAX;
        state.current = one;
        state.previous = other;
        result = run_steps(collector->collected, &state, sequence, watch, error);
        add_untimed(&collector->collected->filters[sequence->steps[0].filter].untimed, &state);
    }
    df_funnel_account_free(account, one, users * sizeof *one);
    df_funnel_account_free(account, other, users * sizeof *other);
    return result;
}
