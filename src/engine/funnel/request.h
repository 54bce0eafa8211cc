/* The request of a funnel, checked: from JSON to plain arrays. Errors name the place: funnel.sequence[2].filter.op. */
#ifndef DF_ENGINE_FUNNEL_REQUEST_H
#define DF_ENGINE_FUNNEL_REQUEST_H

#include "base/arena.h"
#include "engine/funnel/filter.h"

enum { DF_FUNNEL_STEPS_MAX = 10000 };

enum df_funnel_whole {
    DF_FUNNEL_AUTO,   /* find out whether users are whole */
    DF_FUNNEL_WHOLE,  /* the caller's promise */
    DF_FUNNEL_SPREAD, /* always exchange */
};

struct df_funnel_step {
    uint32_t filter;      /* index into filters */
    struct df_slice name; /* data NULL: none */
};

struct df_funnel_request {
    const char *const *paths;
    uint32_t path_count;
    const char *pattern;
    const char *user, *time;
    enum df_funnel_whole groups;

    const struct df_funnel_step *steps;
    uint32_t step_count;                         /* 1..DF_FUNNEL_STEPS_MAX */
    const struct df_funnel_filter_spec *filters; /* distinct ones, in order of first appearance */
    uint32_t filter_count;
};

/* Everything of *request lives in the arena. Fails with invalid and too_large. */
int df_funnel_request_parse(struct df_funnel_request *request, struct df_slice json, struct df_arena *arena,
                            struct df_error *error);

#endif
