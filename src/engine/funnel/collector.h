/* What a part remembers of its rows: its users, and for each distinct filter the (user code, time) of the rows that
 * match.
 *
 * The work per row does not depend on the number of users, and nothing is sorted. Functions that return bool say
 * whether it still fits the memory; after a false only dispose and the group table's name of its largest user are of
 * use. */
#ifndef DF_ENGINE_FUNNEL_COLLECTOR_H
#define DF_ENGINE_FUNNEL_COLLECTOR_H

#include "base/error.h"
#include "engine/funnel/groups.h"

enum { DF_FUNNEL_ROWS_MAX = 16384 }; /* rows that are handed over at once, at most */

/* Some matches of one filter: a list of chunks, oldest first. */
struct df_funnel_chunk {
    struct df_funnel_chunk *next;
    uint32_t count, capacity;
    int64_t *times;  /* behind the struct */
    uint32_t *codes; /* behind the times */
};

struct df_funnel_matches {
    struct df_funnel_chunk *first, *last;
};

struct df_funnel_collector {
    struct df_funnel_account account;
    struct df_funnel_groups groups;
    struct df_funnel_matches *matches; /* one per distinct filter */
    uint32_t filter_count;
    uint32_t first_filter; /* of step 1: only there a row without time counts */
    uint8_t *untimed;      /* by user code: a row without time matched step 1 */
    size_t untimed_capacity;
    uint32_t pass_mask, pass_value; /* of the users' hashes; mask 0: all */
    uint64_t rows_seen;             /* of every pass, with and without user */
    struct {
        uint64_t *hashes;
        uint32_t *codes;
        int64_t *times;
    } scratch; /* DF_FUNNEL_ROWS_MAX each */
};

/* The account is copied, with nothing held. Fails with exhausted. */
int df_funnel_collector_init(struct df_funnel_collector *collector, enum df_funnel_key_kind kind, uint32_t filter_count,
                             uint32_t first_filter, const struct df_funnel_account *account, struct df_error *error);
void df_funnel_collector_reset(
    struct df_funnel_collector *collector); /* forgets and gives back all users and matches */
void df_funnel_collector_dispose(struct df_funnel_collector *collector);

/* Rows come in; codes (room for keys->count) are what the next calls want. */
bool df_funnel_collector_rows(struct df_funnel_collector *collector, const struct df_funnel_keys *keys,
                              uint32_t *codes);

/* The rows of those that match a filter, as one byte per row. time_valid NULL: every row has a time. */
bool df_funnel_collector_match(struct df_funnel_collector *collector, uint32_t filter, const uint8_t *matches,
                               const uint32_t *codes, const int64_t *times, const uint8_t *time_valid, uint32_t rows);

/* The same for rows that were picked already: n pairs; pairs of DF_FUNNEL_NO_GROUP are left out. */
bool df_funnel_collector_append(struct df_funnel_collector *collector, uint32_t filter, const uint32_t *codes,
                                const int64_t *times, uint32_t n);
/* Rows without time that match the first step. */
bool df_funnel_collector_untimed(struct df_funnel_collector *collector, const uint32_t *codes, uint32_t n);

#endif
