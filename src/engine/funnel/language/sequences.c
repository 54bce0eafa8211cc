/* Sequences: the steps of a funnel or of a condition, and the bounds of time around them. */
#include "engine/funnel/language/reader.h"

static int read_step_filter(struct df_funnel_reader *reader, const struct df_json *value, uint32_t *root)
{
    const struct df_json *filter = df_json_get(value, "filter"), *filters = df_json_get(value, "filters");
    if (filter && filters)
        return df_funnel_fail(reader,
                              "not valid under any of the given schemas: expected filter or filters, found both");
    if (filters)
        return df_funnel_required(reader, value, "filters", df_funnel_read_filters, root);
    return df_funnel_required(reader, value, "filter", df_funnel_read_filter, root);
}

static int read_step(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const known[] = {"filter", "filters", "rowFound", "name", "minGap", "maxGap", NULL};
    struct df_funnel_step *step = out;
    bool row_found = true;
    if (df_funnel_check_members(reader, value, known) < 0 || read_step_filter(reader, value, &step->filter) < 0 ||
        df_funnel_optional(reader, value, "rowFound", df_funnel_read_bool, &row_found) < 0 ||
        df_funnel_optional(reader, value, "name", df_funnel_read_string, &step->name) < 0 ||
        df_funnel_optional(reader, value, "minGap", df_funnel_read_length, &step->minimum_gap) < 0 ||
        df_funnel_optional(reader, value, "maxGap", df_funnel_read_length, &step->maximum_gap) < 0)
        return -1;
    step->negative = !row_found;
    return 0;
}

static int read_steps(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_sequence *sequence = out;
    if (!value || value->type != DF_JSON_ARRAY)
        return df_funnel_expected(reader, "an array of steps", value);
    if (value->child_count == 0)
        return df_funnel_fail(reader, "[] is too short; expected 1 to %d steps", DF_FUNNEL_STEPS_MAX);
    if (value->child_count > DF_FUNNEL_STEPS_MAX)
        return df_funnel_fail(reader, "expected 1 to %d steps, found %zu", DF_FUNNEL_STEPS_MAX, value->child_count);
    struct df_funnel_step *steps = df_arena_array(reader->arena, value->child_count, sizeof *steps);
    if (!steps)
        return df_funnel_fail_memory(reader);
    sequence->steps = steps;
    sequence->step_count = (uint32_t)value->child_count;
    return df_funnel_each(reader, value, read_step, steps, sizeof *steps);
}

static int read_order(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const words[] = {"loose", "strict", "any", NULL};
    enum df_funnel_order *order = out;
    struct df_funnel_word word = {.words = words};
    if (df_funnel_read_word(reader, value, &word) < 0)
        return -1;
    *order = (enum df_funnel_order)word.chosen;
    return 0;
}

/* ---- what the steps may say together ---- */

static int check_negative_step(struct df_funnel_reader *reader, const struct df_funnel_sequence *sequence,
                               const struct df_funnel_step *step)
{
    if (sequence->order == DF_FUNNEL_ANY) {
        df_funnel_enter(reader, "rowFound");
        return df_funnel_fail(reader, "a step without rows has no place among steps in any order; "
                                      "expected order 'loose' or 'strict'");
    }
    if (!step->minimum_gap.given && !step->maximum_gap.given)
        return 0;
    df_funnel_enter(reader, step->minimum_gap.given ? "minGap" : "maxGap");
    return df_funnel_fail(reader, "a step with rowFound false takes no gap: it looks between the steps around it");
}

static bool minimum_above_maximum(const struct df_funnel_step *step)
{
    const struct df_funnel_length *minimum = &step->minimum_gap, *maximum = &step->maximum_gap;
    return minimum->given && maximum->given && minimum->in_ns == maximum->in_ns && minimum->amount > maximum->amount;
}

static int check_gaps(struct df_funnel_reader *reader, const struct df_funnel_sequence *sequence,
                      const struct df_funnel_step *step, bool first)
{
    if (!step->minimum_gap.given && !step->maximum_gap.given)
        return 0;
    df_funnel_enter(reader, step->minimum_gap.given ? "minGap" : "maxGap");
    if (sequence->order == DF_FUNNEL_ANY)
        return df_funnel_fail(reader, "steps in any order have no gaps; expected order 'loose' or 'strict'");
    if (first)
        return df_funnel_fail(reader, "the first step has no step before it to be apart from");
    if (minimum_above_maximum(step))
        return df_funnel_fail(reader, "minGap is above maxGap, so that no row could ever match");
    return 0;
}

static int check_step(struct df_funnel_reader *reader, const struct df_funnel_sequence *sequence, uint32_t index)
{
    const struct df_funnel_step *step = &sequence->steps[index];
    size_t mark = df_funnel_enter_element(reader, index);
    int result = step->negative ? check_negative_step(reader, sequence, step)
                                : check_gaps(reader, sequence, step, sequence->positive_count == 0);
    if (result == 0) {
        df_funnel_leave(reader, mark);
    }
    return result;
}

/* Counts the positive steps on the way, and finds out whether the greedy way is right. */
static int check_steps(struct df_funnel_reader *reader, struct df_funnel_sequence *sequence)
{
    size_t mark = df_funnel_enter(reader, "sequence");
    sequence->simple = sequence->order == DF_FUNNEL_LOOSE && !sequence->maximum_duration.given;
    for (uint32_t i = 0; i < sequence->step_count; i++) {
        const struct df_funnel_step *step = &sequence->steps[i];
        if (check_step(reader, sequence, i) < 0)
            return -1;
        sequence->positive_count += !step->negative;
        sequence->simple &= !step->negative && !step->minimum_gap.given && !step->maximum_gap.given;
    }
    if (sequence->positive_count == 0)
        return df_funnel_fail(reader, "every step has rowFound false; expected at least one that rows must match");
    df_funnel_leave(reader, mark);
    return 0;
}

int df_funnel_read_sequence(struct df_funnel_reader *reader, const struct df_json *object,
                            struct df_funnel_sequence *sequence)
{
    if (df_funnel_required(reader, object, "sequence", read_steps, sequence) < 0 ||
        df_funnel_optional(reader, object, "order", read_order, &sequence->order) < 0 ||
        df_funnel_optional(reader, object, "maxDuration", df_funnel_read_length, &sequence->maximum_duration) < 0)
        return -1;
    return check_steps(reader, sequence);
}
