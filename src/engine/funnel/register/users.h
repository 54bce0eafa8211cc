/* Are the users of files different ones? Each file writes its distinct users into sections by hash; who reads a section
 * counts those that came from more than one file. */
#ifndef DF_ENGINE_FUNNEL_REGISTER_USERS_H
#define DF_ENGINE_FUNNEL_REGISTER_USERS_H

#include "engine/engine.h"
#include "engine/funnel/evaluate/groups.h"

/* ---- writing: distinct users of one file; what no longer fits the memory is written early, and may be written twice
 * ---- */

struct df_funnel_users;
int df_funnel_users_create(struct df_funnel_users **users, struct df_task *task, const struct df_part *part,
                           enum df_funnel_key_kind kind, struct df_error *error);
void df_funnel_users_free(struct df_funnel_users *users); /* NULL is fine */
int df_funnel_users_add(struct df_funnel_users *users, const struct df_funnel_keys *keys, struct df_error *error);
int df_funnel_users_finish(struct df_funnel_users *users, struct df_error *error);

/* ---- reading ---- */

enum { DF_FUNNEL_EXAMPLES = 3 };
struct df_funnel_users_found {
    uint64_t distinct;                          /* users */
    uint64_t in_files;                          /* the sum over users of the files that they are in */
    uint32_t example_count;                     /* of users in several files */
    struct df_buf examples[DF_FUNNEL_EXAMPLES]; /* as a message shows them */
};
void df_funnel_users_found_dispose(struct df_funnel_users_found *found);

/* The sections of a part. Fails with exhausted when one of them does not fit, corrupt. */
int df_funnel_users_compare(struct df_task *task, const struct df_part *part, struct df_funnel_users_found *found,
                            struct df_error *error);

#endif
