#include "engine/funnel/run/passes.h"

#include <stdlib.h>

#include "engine/funnel/evaluate/portions.h"

enum { RESULT_FLOOR_BYTES = 128 * 1024 }; /* steps, sums and sketches of a small request */

/* Passes still to run: the users whose hash has `value` in its lowest `bits` pass bits. Depth first, so there are never
 * more than one per level and one beside it. */
struct pass {
    uint32_t bits, value;
};

/* What one pass makes beside its collector. */
struct outcome {
    struct df_funnel_account account;
    struct df_funnel_verdicts verdicts;
    struct df_funnel_result *result;
    struct df_funnel_cohort *cohort;
};

static int too_large(struct df_funnel_collector *collector, struct df_error *error)
{
    struct df_buf name = {0};
    df_funnel_groups_put_largest(&collector->groups, &name);
    int result = df_error_set(
        error, DF_ERROR_EXHAUSTED, "the events of user %s do not fit the memory that is left; raise memory.limit%s",
        name.size ? df_buf_text(&name) : "(none)", collector->account.budget ? "" : " or give the machine more memory");
    df_buf_dispose(&name);
    return result;
}

static int make_cohort(const struct df_funnel_passes *passes, const struct df_funnel_source *source,
                       struct outcome *outcome, struct df_error *error)
{
    const struct df_funnel_funnel *funnel = &passes->request->funnel;
    const struct df_funnel_shape *shape = passes->shape;
    const struct df_type *types = shape ? shape->types : source->types;
    if (!funnel->given || !funnel->cohort.given)
        return 0;
    struct df_type *columns = calloc(funnel->cohort.column_count + 1u, sizeof *columns);
    if (!columns)
        return df_error_no_memory(error, "exporting users");
    for (uint32_t i = 0; i < funnel->cohort.column_count; i++)
        columns[i] = types[funnel->cohort.columns[i]];
    int result = df_funnel_cohort_create(
        &outcome->cohort, passes->request, shape ? &shape->user_type : &source->user_type,
        shape ? &shape->time_type : &source->time_type,
        funnel->breakdown.given ? &types[funnel->breakdown.column] : NULL, columns, &outcome->account, error);
    free(columns);
    return result;
}

static void dispose_outcome(struct outcome *outcome)
{
    df_funnel_verdicts_dispose(&outcome->verdicts);
    df_funnel_result_free(outcome->result);
    df_funnel_cohort_free(outcome->cohort);
}

/* Every pass sees all rows: the first one's numbers are everyone's. */
static void note_rows(struct df_funnel_passes *passes, const struct df_funnel_source *source, bool *noted)
{
    if (*noted)
        return;
    passes->rows += source->rows_scanned;
    passes->rows_without_group += source->rows_without_group;
    *noted = true;
}

struct tallying {
    struct df_funnel_result *result;
    const struct df_funnel_source *source;
};

static int tally_portion(void *ctx, const struct df_funnel_verdicts *verdicts, const struct df_funnel_groups *groups,
                         struct df_error *error)
{
    struct tallying *tallying = ctx;
    return df_funnel_tally(tallying->result, verdicts, groups, tallying->source, error);
}

static int judge_portions(struct df_funnel_passes *passes, struct df_funnel_collector *collector,
                          struct df_funnel_source *source, const struct df_funnel_batch *first, enum df_funnel_way way,
                          struct outcome *outcome, struct df_error *error)
{
    struct tallying tallying = {.source = source};
    if (df_funnel_result_create(&outcome->result, passes->request, &outcome->account, error) < 0)
        return -1;
    tallying.result = outcome->result;
    struct df_funnel_portions portions = {.collector = collector,
                                          .source = source,
                                          .first = first,
                                          .way = way,
                                          .cancelled = passes->cancelled,
                                          .each = tally_portion,
                                          .ctx = &tallying};
    int result = df_funnel_portions_judge(&portions, error);
    outcome->verdicts = portions.all;
    if (result != DF_FUNNEL_OVER)
        return result;
    df_funnel_result_free(outcome->result);
    outcome->result = NULL;
    df_funnel_collector_reset(collector);
    return result;
}

/* All users at once. first: NULL to begin anew. */
static int judge_all(struct df_funnel_passes *passes, struct df_funnel_collector *collector,
                     struct df_funnel_source *source, const struct df_funnel_batch *first, struct outcome *outcome,
                     struct df_error *error)
{
    int result = df_funnel_collect(collector, source, first, error);
    if (result == DF_FUNNEL_DONE)
        result = df_funnel_judge(collector, source->scale, passes->cancelled, &outcome->verdicts, error);
    if (result != DF_FUNNEL_DONE)
        return result;
    if (df_funnel_result_create(&outcome->result, passes->request, &outcome->account, error) < 0)
        return -1;
    return df_funnel_tally(outcome->result, &outcome->verdicts, &collector->groups, source, error);
}

static int begin_facts(struct df_funnel_source *source, struct df_funnel_batch *first, struct df_error *error)
{
    return source->begin(source, DF_FUNNEL_FACTS, error) < 0 ? -1 : source->next(source, first, error);
}

/* Everyone's verdict, tallied: the fastest way first. */
static int judge(struct df_funnel_passes *passes, struct df_funnel_collector *collector,
                 struct df_funnel_source *source, struct outcome *outcome, struct df_error *error)
{
    struct df_funnel_batch first;
    int more = begin_facts(source, &first, error);
    if (more < 0)
        return -1;
    enum df_funnel_way way = more > 0 ? df_funnel_portions_way(collector, source, &first) : DF_FUNNEL_PLAINLY;
    if (way == DF_FUNNEL_PLAINLY)
        return judge_all(passes, collector, source, more > 0 ? &first : NULL, outcome, error);
    int result = judge_portions(passes, collector, source, &first, way, outcome, error);
    if (result == DF_FUNNEL_OVER && way == DF_FUNNEL_BY_ORDER) {
        more = begin_facts(source, &first, error);
        if (more < 0)
            return -1;
        if (more > 0 && df_funnel_portions_serve_hash(collector, source))
            result = judge_portions(passes, collector, source, &first, DF_FUNNEL_BY_HASH, outcome, error);
    }
    return result == DF_FUNNEL_OVER ? judge_all(passes, collector, source, NULL, outcome, error) : result;
}

static int run_steps(struct df_funnel_passes *passes, struct df_funnel_collector *collector,
                     struct df_funnel_source *source, struct outcome *outcome, bool *noted, struct df_error *error)
{
    const struct df_funnel_request *request = passes->request;
    int result = judge(passes, collector, source, outcome, error);
    if (result != DF_FUNNEL_DONE)
        return result;
    note_rows(passes, source, noted);
    bool exports = request->funnel.given && request->funnel.cohort.given;
    if (!request->second_reading && !exports)
        return result;
    if (make_cohort(passes, source, outcome, error) < 0)
        return -1;
    return df_funnel_measure(outcome->result, &outcome->verdicts, collector, source, outcome->cohort, error);
}

/* A pass over everything; OVER when its users do not fit, *starved when it was the reader who had no memory left:
 * *error is its own then. */
static int run_pass(struct df_funnel_passes *passes, struct df_funnel_collector *collector,
                    struct df_funnel_source *source, bool *noted, bool *starved, struct df_error *error)
{
    struct outcome outcome = {.account = {.budget = passes->budget, .floor_bytes = RESULT_FLOOR_BYTES}};
    int result = run_steps(passes, collector, source, &outcome, noted, error);
    /* A reader that finds the account full because of this very table is relieved by a smaller one. With little in the
     * table it is the reader who needs too much, and his error is the right one. */
    uint64_t held_bytes = collector->account.held_bytes + outcome.account.held_bytes;
    bool relieved = result < 0 && error->kind == DF_ERROR_EXHAUSTED && held_bytes > 0;
    *starved = relieved && held_bytes <= passes->floor_bytes;
    if (relieved)
        result = DF_FUNNEL_OVER;
    if (result == DF_FUNNEL_DONE)
        result = passes->done(passes->ctx, outcome.result, outcome.cohort, error);
    dispose_outcome(&outcome);
    return result;
}

static int run_all(struct df_funnel_passes *passes, struct df_funnel_collector *collector,
                   struct df_funnel_source *source, struct df_error *error)
{
    struct pass stack[DF_FUNNEL_PASS_BITS_MAX + 2] = {{.bits = 0, .value = 0}};
    bool noted = false, starved;
    for (unsigned left = 1; left > 0;) {
        struct pass pass = stack[--left];
        collector->pass_mask = (1u << pass.bits) - 1;
        collector->pass_value = pass.value;
        int result = run_pass(passes, collector, source, &noted, &starved, error);
        if (result < 0)
            return -1;
        if (result == DF_FUNNEL_DONE) {
            df_funnel_collector_reset(collector);
            continue;
        }
        /* One user alone: more passes would not help. */
        if (pass.bits == DF_FUNNEL_PASS_BITS_MAX || collector->groups.group_count <= 1)
            return starved ? -1 : too_large(collector, error);
        df_funnel_collector_reset(collector);
        stack[left++] = (struct pass){.bits = pass.bits + 1, .value = pass.value | 1u << pass.bits};
        stack[left++] = (struct pass){.bits = pass.bits + 1, .value = pass.value};
    }
    return 0;
}

int df_funnel_run_passes(struct df_funnel_passes *passes, struct df_funnel_source *source, struct df_error *error)
{
    const struct df_funnel_account account = {.budget = passes->budget, .floor_bytes = passes->floor_bytes};
    struct df_funnel_collector collector;
    if (df_funnel_collector_init(&collector, passes->request, source->kind, &account, error) < 0)
        return -1;
    int result = run_all(passes, &collector, source, error);
    df_funnel_collector_dispose(&collector);
    return result;
}
