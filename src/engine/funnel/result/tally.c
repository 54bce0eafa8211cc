/* From verdicts to numbers: users, rows, units by depth, durations, trend. Rows are not looked at. */
#include <assert.h>

#include "engine/funnel/result/tables.h"

/* Units without chains: the depth of a user, or those of his sessions, say everything. */
static void tally_user(struct df_funnel_result *result, const struct df_funnel_verdicts *verdicts, uint32_t user,
                       uint64_t rows)
{
    struct df_funnel_depth_count *own = &result->depths[verdicts->depth[user]];
    assert(verdicts->depth[user] <= result->depth_count);
    own->users++;
    if (!result->sessions) {
        own->units++;
        own->rows += rows;
        return;
    }
    for (size_t i = verdicts->session_begin[user]; i < verdicts->session_begin[user + 1]; i++) {
        assert(verdicts->sessions[i].depth <= result->depth_count);
        struct df_funnel_depth_count *count = &result->depths[verdicts->sessions[i].depth];
        count->units++;
        count->rows += verdicts->sessions[i].rows;
    }
}

static void tally_users(struct df_funnel_result *result, const struct df_funnel_verdicts *verdicts,
                        const struct df_funnel_groups *groups)
{
    result->groups = groups->group_count;
    result->group_rows = groups->rows;
    for (uint32_t user = 0; user < verdicts->user_count; user++) {
        if (!verdicts->in[user])
            continue;
        uint64_t rows = groups->groups[user].rows;
        result->matching_groups++;
        result->matching_rows += rows;
        if (verdicts->depth)
            tally_user(result, verdicts, user, rows);
    }
}

static bool add_duration(struct df_funnel_result *result, struct df_funnel_duration *duration, uint64_t length)
{
    df_funnel_total_add(&duration->total, (__int128)length);
    return df_funnel_sketch_add(&duration->sketch, result->account, df_funnel_sketch_key_of_integer((__int128)length),
                                1);
}

static bool tally_durations(struct df_funnel_result *result, const struct df_funnel_verdicts *verdicts)
{
    for (size_t i = 0; result->from_start && i < verdicts->unit_count; i++) {
        const struct df_funnel_unit *unit = &verdicts->units[i];
        const int64_t *times = unit->chain_times;
        for (uint16_t step = 1; step < unit->depth; step++)
            if (!add_duration(result, &result->from_start[step], (uint64_t)times[step] - (uint64_t)times[0]) ||
                !add_duration(result, &result->from_previous[step], (uint64_t)times[step] - (uint64_t)times[step - 1]))
                return false;
    }
    return true;
}

/* Units of a user come in the order of their times, so that those of one bucket stand together: his deepest one of the
 * bucket counts him once. */
static bool tally_trend(struct df_funnel_result *result, const struct df_funnel_verdicts *verdicts,
                        const struct df_funnel_source *source)
{
    uint32_t user = DF_FUNNEL_NO_GROUP, user_bucket = 0;
    uint16_t deepest = 0;
    size_t cell;
    for (size_t i = 0; result->has_trend && i < verdicts->unit_count; i++) {
        const struct df_funnel_unit *unit = &verdicts->units[i];
        uint32_t bucket;
        if (!unit->timed)
            continue;
        if (!df_funnel_values_number(&result->trend.values,
                                     df_funnel_trend_bucket(result->request->funnel.trend, source->scale,
                                                            source->times_turned, unit->chain_times[0]),
                                     &bucket))
            return false;
        bool same = unit->user == user && bucket == user_bucket;
        if (same && unit->depth > deepest) {
            if (!df_funnel_table_cell(&result->trend, bucket, deepest - 1u, &cell))
                return false;
            result->trend.counters[cell * 2 + DF_FUNNEL_USERS]--;
        }
        if (!df_funnel_table_cell(&result->trend, bucket, unit->depth - 1u, &cell))
            return false;
        result->trend.counters[cell * 2 + DF_FUNNEL_UNITS]++;
        if (!same || unit->depth > deepest) {
            result->trend.counters[cell * 2 + DF_FUNNEL_USERS]++;
            deepest = unit->depth;
        }
        user = unit->user;
        user_bucket = bucket;
    }
    return true;
}

int df_funnel_tally(struct df_funnel_result *result, const struct df_funnel_verdicts *verdicts,
                    const struct df_funnel_groups *groups, const struct df_funnel_source *source,
                    struct df_error *error)
{
    struct df_funnel_result *aside;
    if (df_funnel_result_create(&aside, result->request, result->account, error) < 0)
        return -1;
    tally_users(aside, verdicts, groups);
    int done =
        tally_durations(aside, verdicts) && tally_trend(aside, verdicts, source) ? DF_FUNNEL_DONE : DF_FUNNEL_OVER;
    if (done == DF_FUNNEL_DONE)
        done = df_funnel_trend_check(&aside->trend, error);
    if (done == DF_FUNNEL_DONE)
        done = df_funnel_result_absorb(result, aside, error);
    if (done == DF_FUNNEL_DONE)
        done = df_funnel_trend_check(&result->trend, error);
    df_funnel_result_free(aside);
    return done;
}
