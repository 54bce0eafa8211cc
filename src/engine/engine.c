/* The little that is the same for every engine: counters of a query, and the checks of a planned part. */
#include "engine/engine.h"

#include <assert.h>
#include <inttypes.h>

void df_query_dispose(struct df_query *query)
{
    df_arena_dispose(&query->arena);
    df_buf_dispose(&query->explain);
}

/* ---- counters ---- */

void df_query_count(struct df_query *query, const char *name, uint64_t add)
{
    size_t i = 0;
    while (i < DF_QUERY_COUNTERS && query->counters[i].name && strcmp(query->counters[i].name, name) != 0)
        i++;
    assert(i < DF_QUERY_COUNTERS);
    if (i == DF_QUERY_COUNTERS)
        return;
    query->counters[i].name = name;
    query->counters[i].value += add;
}

uint64_t df_query_counter(const struct df_query *query, const char *name)
{
    for (size_t i = 0; i < DF_QUERY_COUNTERS && query->counters[i].name; i++)
        if (strcmp(query->counters[i].name, name) == 0)
            return query->counters[i].value;
    return 0;
}

/* ---- planning ---- */

static const char *name_of(const struct df_part *part)
{
    return part->uri ? part->uri : "without object";
}

/* What an engine got wrong about itself is `internal`; a detail grows with the request, so it is the request's fault.
 */
static int check_part(const struct df_plan *plan, const struct df_part *part, struct df_error *error)
{
    if (plan->room == 0)
        return df_error_set(error, DF_ERROR_INTERNAL, "part %s planned where there is no room for another",
                            name_of(part));
    if (part->detail.size > DF_PART_DETAIL_BYTES_MAX)
        return df_error_set(error, DF_ERROR_INVALID,
                            "part %s needs %zu bytes of detail, at most %d are possible: ask for less at once",
                            name_of(part), part->detail.size, DF_PART_DETAIL_BYTES_MAX);
    if (part->range_begin > part->range_end)
        return df_error_set(error, DF_ERROR_INTERNAL, "part %s has a range from %" PRIu64 " to %" PRIu64, name_of(part),
                            part->range_begin, part->range_end);
    return 0;
}

int df_plan_add(struct df_plan *plan, const struct df_part *part, struct df_error *error)
{
    if (check_part(plan, part, error) != 0 || plan->add(plan, part, error) != 0)
        return -1;
    plan->room--;
    return 0;
}
