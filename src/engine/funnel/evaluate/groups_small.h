/* Codes for the users of a partition: at most DF_FUNNEL_SMALL_ROWS rows, whose number is known before the first. Then
 * the table never grows, and a slot is a code of 16 bits: it fits the L1 cache.
 *
 *     slots   | code+1 | free | code+1 | …     a power of two, at least half as many again as rows
 *
 * The codes, keys and rows go into the groups as df_funnel_groups_add would put them; nothing can be looked up in them
 * afterwards. Thread: one. */
#ifndef DF_ENGINE_FUNNEL_GROUPS_SMALL_H
#define DF_ENGINE_FUNNEL_GROUPS_SMALL_H

#include "engine/funnel/evaluate/groups.h"

enum { DF_FUNNEL_SMALL_ROWS = 40 * 1024 }; /* one and a half times as many slots have 16 bits */

struct df_funnel_small {
    struct df_funnel_account *account; /* borrowed */
    struct df_funnel_groups *groups;   /* borrowed; empty at first */
    uint16_t *slots;
    size_t slot_count, slot_capacity;
    uint32_t *tags; /* of byte keys, by code: 32 bits of the hash */
    size_t tag_capacity;
};

/* Users of so many rows, at most; false: no memory. */
bool df_funnel_small_begin(struct df_funnel_small *small, struct df_funnel_groups *groups, size_t rows);
/* Rows that all count. tags: the low 16 bits of their hashes. Byte keys lie behind their length (4 bytes, little
 * endian) and outlive the groups; they come with keys->hashes. */
void df_funnel_small_add(struct df_funnel_small *small, const struct df_funnel_keys *keys, const uint16_t *tags,
                         uint32_t *codes);

/* Rows of which equal users stand together, any number of them: no slots. Add: false when memory does not fit. */
void df_funnel_small_begin_ordered(struct df_funnel_small *small, struct df_funnel_groups *groups);
bool df_funnel_small_add_ordered(struct df_funnel_small *small, const struct df_funnel_keys *keys, uint32_t *codes);

void df_funnel_small_dispose(struct df_funnel_small *small);

#endif
