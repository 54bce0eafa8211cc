#include "engine/funnel/passes.h"

/* Passes still to run: the users whose hash has `value` in its lowest `bits` pass bits. Depth first, so there are never
 * more than one per level and one beside it. */
struct pass {
    uint32_t bits, value;
};

struct scanned {
    uint64_t rows, rows_without_group;
};

static int too_large(const struct df_funnel_collector *collector, struct df_error *error)
{
    struct df_buf name = {0};
    df_funnel_groups_put_largest(&collector->groups, &name);
    int result = df_error_set(
        error, DF_ERROR_EXHAUSTED, "the events of user %s do not fit the memory that is left; raise memory.limit%s",
        name.size ? df_buf_text(&name) : "(none)", collector->account.budget ? "" : " or give the machine more memory");
    df_buf_dispose(&name);
    return result;
}

/* A pass over everything; OVER when its users do not fit. */
static int run_pass(const struct df_funnel_passes *passes, struct df_funnel_collector *collector,
                    df_funnel_source_fn *source, void *ctx, struct df_funnel_counts *counts, struct df_error *error)
{
    int result = source(ctx, collector, error);
    /* A reader that finds the account full because of this very table is relieved by a smaller one. */
    if (result < 0 && error->kind == DF_ERROR_EXHAUSTED && collector->account.held_bytes > 0)
        return collector->groups.group_count > 1 ? DF_FUNNEL_SOURCE_OVER : -1;
    if (result != DF_FUNNEL_SOURCE_DONE)
        return result;
    if (!df_funnel_evaluate(collector, passes->request->steps, passes->request->step_count, counts->steps))
        return DF_FUNNEL_SOURCE_OVER;
    counts->groups += collector->groups.group_count;
    counts->group_rows += collector->groups.rows;
    return DF_FUNNEL_SOURCE_DONE;
}

static int run_all(const struct df_funnel_passes *passes, struct df_funnel_collector *collector,
                   df_funnel_source_fn *source, void *ctx, struct df_funnel_counts *counts, struct df_error *error)
{
    struct pass stack[DF_FUNNEL_PASS_BITS_MAX + 2] = {{.bits = 0, .value = 0}};
    struct scanned scanned = {0};
    for (unsigned left = 1; left > 0;) {
        struct pass pass = stack[--left];
        collector->pass_mask = (1u << pass.bits) - 1;
        collector->pass_value = pass.value;
        int result = run_pass(passes, collector, source, ctx, counts, error);
        if (result < 0)
            return -1;
        if (result == DF_FUNNEL_SOURCE_DONE) {
            /* Every pass sees all rows: the last one's numbers are everyone's. */
            scanned.rows = collector->rows_seen;
            scanned.rows_without_group = collector->groups.rows_without_group;
            df_funnel_collector_reset(collector);
            continue;
        }
        /* One user alone: more passes would not help. */
        if (pass.bits == DF_FUNNEL_PASS_BITS_MAX || collector->groups.group_count <= 1)
            return too_large(collector, error);
        df_funnel_collector_reset(collector);
        stack[left++] = (struct pass){.bits = pass.bits + 1, .value = pass.value | 1u << pass.bits};
        stack[left++] = (struct pass){.bits = pass.bits + 1, .value = pass.value};
    }
    counts->rows += scanned.rows;
    counts->rows_without_group += scanned.rows_without_group;
    return 0;
}

int df_funnel_count_in_passes(const struct df_funnel_passes *passes, df_funnel_source_fn *source, void *ctx,
                              struct df_funnel_counts *counts, struct df_error *error)
{
    struct df_funnel_collector collector;
    if (df_funnel_collector_init(&collector, passes->kind, passes->request->filter_count,
                                 passes->request->steps[0].filter, &passes->account, error) < 0)
        return -1;
    int result = run_all(passes, &collector, source, ctx, counts, error);
    df_funnel_collector_dispose(&collector);
    return result;
}
