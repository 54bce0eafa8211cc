/* The steps of a command line, in its order, with what belongs to each. */
#include <stdlib.h>

#include "cli/funnel_request.h"
#include "engine/funnel/funnel.h"

static bool is_flag(const struct df_cli_given *given, const char *name)
{
    return given->flag->name && strcmp(given->flag->name, name) == 0;
}

static int add_step(struct df_cli_sequence *sequence, bool negative, const char *text, struct df_error *error)
{
    struct df_cli_step *step = &sequence->steps[sequence->step_count++];
    *step = (struct df_cli_step){.negative = negative, .text = text, .label = text};
    sequence->positive_count += !negative;
    if (df_funnel_filter_text(df_slice_text(text), &step->filter, error) == 0)
        return 0;
    size_t positive = sequence->positive_count, all = sequence->step_count;
    return negative ? df_error_prefix(error, "--without %zu", all - positive)
                    : df_error_prefix(error, "step %zu", positive);
}

/* --name, --min-gap, --max-gap: they say more of the step before them. */
static int add_to_step(struct df_cli_sequence *sequence, const char *flag, const char *text, struct df_error *error)
{
    struct df_cli_step *step = sequence->step_count ? &sequence->steps[sequence->step_count - 1] : NULL;
    bool name = strcmp(flag, "--name") == 0;
    if (!step || step->negative)
        return df_error_set(error, DF_ERROR_INVALID, "%s %s has no --step right before it: write --step EXPR %s %s",
                            flag, text, flag, text);
    const char **place = name ? &step->name : strcmp(flag, "--min-gap") == 0 ? &step->minimum_gap : &step->maximum_gap;
    if (*place)
        return df_error_set(error, DF_ERROR_INVALID, "step %zu has two %s: '%s' and '%s'", sequence->positive_count,
                            flag, *place, text);
    if (!name && sequence->positive_count == 1)
        return df_error_set(
            error, DF_ERROR_INVALID,
            "%s is the time since the step before, and the first step has none before it: put it behind "
            "a later --step",
            flag);
    *place = text;
    if (name)
        step->label = text;
    return 0;
}

static int read_given(struct df_cli_sequence *sequence, const struct df_cli_given *given, struct df_error *error)
{
    if (is_flag(given, "--step"))
        return add_step(sequence, false, given->text, error);
    if (is_flag(given, "--without"))
        return add_step(sequence, true, given->text, error);
    if (is_flag(given, "--name") || is_flag(given, "--min-gap") || is_flag(given, "--max-gap"))
        return add_to_step(sequence, given->flag->name, given->text, error);
    return 0;
}

int df_cli_sequence_read(struct df_cli_sequence *sequence, struct df_cli *cli, const struct df_cli_arguments *arguments,
                         struct df_error *error)
{
    *sequence = (struct df_cli_sequence){0};
    sequence->steps = calloc(arguments->given_count + 1, sizeof *sequence->steps);
    if (!sequence->steps)
        return df_error_no_memory(error, "reading the steps");
    for (size_t i = 0; i < arguments->given_count; i++)
        if (read_given(sequence, &arguments->given[i], error) != 0)
            return -1;
    if (sequence->positive_count > 0)
        return 0;
    df_cli_hint(cli, "--step event=view --step event=addtocart");
    return df_error_set(error, DF_ERROR_INVALID, "a funnel needs steps: one --step EXPR for each%s",
                        sequence->step_count > 0 ? " (--without only says what must not lie between them)" : "");
}

void df_cli_sequence_dispose(struct df_cli_sequence *sequence)
{
    for (size_t i = 0; i < sequence->step_count; i++)
        df_buf_dispose(&sequence->steps[i].filter);
    free(sequence->steps);
    *sequence = (struct df_cli_sequence){0};
}
