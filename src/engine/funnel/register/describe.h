/* A file of a registration, read whole: what its columns hold, and who its users are. */
#ifndef DF_ENGINE_FUNNEL_REGISTER_DESCRIBE_H
#define DF_ENGINE_FUNNEL_REGISTER_DESCRIBE_H

#include "engine/engine.h"

struct df_funnel_describe {
    const char *user, *time;
    bool uniques; /* the distinct users go to the sections of the part */
};

/* Describes the object of a part as JSON (schema.h reads it). Fails with invalid: user or time column missing, of a
 * type that does not serve, or with nulls. */
int df_funnel_describe(const struct df_funnel_describe *what, struct df_task *task, const struct df_part *part,
                       struct df_partial *partial, struct df_error *error);

#endif
