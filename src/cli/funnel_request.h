/* What a funnel's command line asks for: its sequence of steps, and the whole of it as a request of the engine
 * (engine/funnel/funnel.h). */
#ifndef DF_CLI_FUNNEL_REQUEST_H
#define DF_CLI_FUNNEL_REQUEST_H

#include "cli/dataset.h"

/* A --step or --without and what was said behind it. */
struct df_cli_step {
    bool negative;
    const char *text;                             /* of argv, as all texts here */
    const char *label;                            /* its --name, else its text */
    const char *name, *minimum_gap, *maximum_gap; /* NULL: not given */
    struct df_buf filter;                         /* JSON */
};

struct df_cli_sequence {
    struct df_cli_step *steps; /* owned, in the order of the command line */
    size_t step_count, positive_count;
};

/* Reads the steps; fails with invalid when there is none, a filter is none, or a --name or gap has no step to belong
 * to. To be disposed of in any case. */
int df_cli_sequence_read(struct df_cli_sequence *sequence, struct df_cli *cli, const struct df_cli_arguments *arguments,
                         struct df_error *error);
void df_cli_sequence_dispose(struct df_cli_sequence *sequence);

/* Flags that contradict each other or lack another: fails with invalid, saying the way out. */
int df_cli_funnel_check(struct df_cli *cli, const struct df_cli_arguments *arguments,
                        const struct df_cli_sequence *sequence, struct df_error *error);

int df_cli_funnel_put_request(const struct df_cli_dataset *dataset, const struct df_cli_sequence *sequence,
                              struct df_buf *out, struct df_error *error);

/* The engine names places of its request (funnel.sequence[1].filter.and[0].op); whoever typed flags knows them as
 * step 2. */
void df_cli_funnel_reword(const struct df_cli_sequence *sequence, struct df_error *error);

#endif
