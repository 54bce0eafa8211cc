/* What the files of the group table share: groups.c has memory and lookups of one key, groups_add.c the loops over
 * rows. Nobody else includes this. */
#ifndef DF_ENGINE_FUNNEL_GROUPS_TABLE_H
#define DF_ENGINE_FUNNEL_GROUPS_TABLE_H

#include "engine/funnel/evaluate/groups.h"

#define DF_FUNNEL_UNKNOWN_CODE (UINT32_MAX - 1) /* of an entry of a dictionary that no row has had */

/* Orders users: below 0 when the last group is less than the key of the row, 0 when it is that very one. */
int df_funnel_groups_compare_last(const struct df_funnel_groups *groups, const struct df_funnel_keys *keys,
                                  uint32_t row);
/* A new group behind the others; false: no memory. The table is the caller's care. */
bool df_funnel_groups_append(struct df_funnel_groups *groups, const struct df_funnel_keys *keys, uint32_t row);
/* From groups in order to a table of them. */
bool df_funnel_groups_leave_order(struct df_funnel_groups *groups);
/* The slot of a user, made when he is new; NULL: no memory. In a table only. */
struct df_funnel_slot *df_funnel_groups_slot(struct df_funnel_groups *groups, const struct df_funnel_keys *keys,
                                             uint32_t row, uint64_t hash);
/* Whether the code's key is the row's. */
bool df_funnel_groups_same(const struct df_funnel_groups *groups, uint32_t code, const struct df_funnel_keys *keys,
                           uint32_t row);

static inline uint64_t df_funnel_slot_key(const struct df_funnel_groups *groups, const struct df_funnel_keys *keys,
                                          uint32_t row, uint64_t hash)
{
    return groups->kind == DF_FUNNEL_KEY_BYTES ? hash : (uint64_t)keys->numbers[row];
}

#endif
