/* Users of a part -> dense codes 0..n-1, and how many rows each has. Three ways, each as exact as the others:
 *
 *     in order     as long as every user is the one before or a greater one, codes just count up: no table, no hash.
 *                  The first row that breaks the order builds the table of who is there, and it goes on with it.
 *     table        open addressing, linear probing; a row touches one slot, which has the number itself (or the hash
 *                  of the bytes), and is fetched ahead
 *     dictionary   rows that come as codes of a dictionary look each entry up once
 *
 *     slots   | key, code+1, rows | free | key, code+1, rows | …
 *     groups  | key, rows | key, rows | …                            by code
 *
 * Thread: one. Nothing here fails but for memory. */
#ifndef DF_ENGINE_FUNNEL_GROUPS_H
#define DF_ENGINE_FUNNEL_GROUPS_H

#include "base/buf.h"
#include "engine/funnel/evaluate/account.h"
#include "engine/funnel/rows/keys.h"

#define DF_FUNNEL_NO_GROUP UINT32_MAX /* code of a row that has no user, or one of another pass */

struct df_funnel_group {
    union {
        int64_t number;
        const uint8_t *bytes; /* 4 bytes of length, then the key; in a chunk of the table */
    } key;
    uint64_t rows; /* right after df_funnel_groups_settle */
};

struct df_funnel_slot {
    uint64_t key;           /* the number's bits, or the hash of the bytes */
    uint32_t code_plus_one; /* 0: free */
    uint32_t rows;          /* that are not yet in the group's */
};

struct df_funnel_key_chunk;

struct df_funnel_groups {
    struct df_funnel_account *account; /* borrowed */
    enum df_funnel_key_kind kind;
    bool without_order, without_dictionary; /* leaves a way out; set before the first row */
    struct df_funnel_group *groups;
    size_t group_count, group_capacity;
    bool ordered; /* so far: the groups ascend, and there are no slots */
    struct df_funnel_slot *slots;
    size_t slot_count; /* a power of two, or 0 */
    struct df_funnel_key_chunk *chunks;
    struct {
        uint64_t serial;
        uint32_t *codes; /* of its entries: UNKNOWN until one is met */
        size_t capacity;
        bool known;
    } dictionary;
    uint64_t rows;               /* of all groups */
    uint64_t rows_without_group; /* seen, and ignored */
    uint64_t unsettled;          /* rows since the last settling, at most */
};

void df_funnel_groups_init(struct df_funnel_groups *groups, enum df_funnel_key_kind kind,
                           struct df_funnel_account *account);
void df_funnel_groups_dispose(struct df_funnel_groups *groups);
/* Without users again, but with the memory for as many. */
void df_funnel_groups_clear(struct df_funnel_groups *groups);

/* Adds rows; writes the code of each to `codes`. Only users whose pass bits equal pass_value are taken
 * (pass_mask 0: all). hashes: room for keys->count. False when memory does not fit; the table is then good for nothing
 * but naming and disposing. */
bool df_funnel_groups_add(struct df_funnel_groups *groups, const struct df_funnel_keys *keys, uint64_t *hashes,
                          uint32_t pass_mask, uint32_t pass_value, uint32_t *codes);

/* After the last row: every group has its rows. */
void df_funnel_groups_settle(struct df_funnel_groups *groups);

/* The codes of users that are there already; DF_FUNNEL_NO_GROUP for those that are not, and for rows without a user. */
void df_funnel_groups_find(const struct df_funnel_groups *groups, const struct df_funnel_keys *keys, uint64_t *hashes,
                           uint32_t *codes);

/* The key of a group: of BYTES its bytes, otherwise `number`. */
struct df_slice df_funnel_group_bytes(const struct df_funnel_group *group);

/* Appends the key of the group with most rows as a message shows it: 17, 'anna'. Nothing when there is none. */
void df_funnel_groups_put_largest(struct df_funnel_groups *groups, struct df_buf *out);

#endif
