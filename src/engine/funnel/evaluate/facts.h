/* What is remembered of the first reading, and how: shared by the files of this folder only.
 *
 * Per root filter of the request: who needs it, and what is kept for them. Arrays by user are as long as the greatest
 * user that a matching row had; beyond their capacity everything is 0. Thread: one. */
#ifndef DF_ENGINE_FUNNEL_EVALUATE_FACTS_H
#define DF_ENGINE_FUNNEL_EVALUATE_FACTS_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/sum.h"
#include "engine/funnel/evaluate/collector.h"

/* Makes *array at least `needed` elements long, doubling; what is new is 0. False: it does not fit. */
bool df_funnel_facts_room(struct df_funnel_account *account, void **array, size_t *capacity, size_t needed,
                          size_t element_bytes);
/* The same without keeping the content, for scratch; close to its limit it takes no more than it needs. */
bool df_funnel_scratch_room(struct df_funnel_account *account, void **array, size_t *capacity, size_t needed,
                            size_t element_bytes);

/* ---- one bit per user ---- */

struct df_funnel_marks {
    uint8_t *bytes;
    size_t capacity; /* bytes */
};

static inline void df_funnel_mark(struct df_funnel_marks *marks, uint32_t user)
{
    marks->bytes[user >> 3] |= (uint8_t)(1u << (user & 7));
}

static inline bool df_funnel_marked(const struct df_funnel_marks *marks, uint32_t user)
{
    return user >> 3 < marks->capacity && (marks->bytes[user >> 3] >> (user & 7) & 1);
}

bool df_funnel_marks_room(struct df_funnel_account *account, struct df_funnel_marks *marks, size_t users);
void df_funnel_marks_clear(struct df_funnel_marks *marks); /* none, memory stays */
void df_funnel_marks_free(struct df_funnel_account *account, struct df_funnel_marks *marks);

/* ---- lists.c: of one filter the (code, time) of matching rows that have a time, in order of reading ---- */

struct df_funnel_chunk {
    struct df_funnel_chunk *next;
    uint32_t count, capacity;
    const uint8_t *masks; /* NULL: all rows are of the list; else those that have all bits of `need` */
    uint8_t need;
    int64_t *times;
    uint32_t *codes;
};

struct df_funnel_list {
    struct df_funnel_chunk *first, *last;
};

bool df_funnel_list_append(struct df_funnel_account *account, struct df_funnel_list *list, const uint32_t *codes,
                           const int64_t *times, uint32_t count);
/* Puts rows behind the others that lie elsewhere, and stay there as long as the list does. */
void df_funnel_list_view(struct df_funnel_list *list, struct df_funnel_chunk *view);
void df_funnel_list_clear(struct df_funnel_list *list); /* empty, with the memory it has */
void df_funnel_list_free(struct df_funnel_account *account, struct df_funnel_list *list);

/* ---- rows.c: rows that matter to sequences which greedy matching does not answer ----
 *
 * In chunks of 1 << shift rows, so that growing copies nothing. A row is named by its position (a ref). */
struct df_funnel_row {
    int64_t time;
    uint32_t code, ordinal;
    uint64_t mask[]; /* bit b: it matches the filter that has bit b */
};

struct df_funnel_rows {
    uint32_t words; /* of a mask */
    size_t row_bytes;
    unsigned shift;
    uint8_t **chunks;
    size_t chunk_capacity;
    uint32_t count;
};

void df_funnel_rows_init(struct df_funnel_rows *rows, uint32_t bit_count);
void df_funnel_rows_free(struct df_funnel_account *account, struct df_funnel_rows *rows);
/* Appends a row with an empty mask; false: it does not fit. */
bool df_funnel_rows_append(struct df_funnel_account *account, struct df_funnel_rows *rows, uint32_t code, int64_t time,
                           uint32_t ordinal);

static inline struct df_funnel_row *df_funnel_rows_at(const struct df_funnel_rows *rows, uint32_t ref)
{
    size_t within = ref & ((1u << rows->shift) - 1);
    return (struct df_funnel_row *)(void *)(rows->chunks[ref >> rows->shift] + within * rows->row_bytes);
}

/* ---- targets.c: counts and sums per user ---- */

enum df_funnel_counting {
    DF_FUNNEL_NO_COUNT,
    DF_FUNNEL_ANY_COUNT,   /* all targets ask only whether a row matches */
    DF_FUNNEL_EXACT_COUNT, /* how many rows match */
};

/* A sum that conditions ask for, by the users' codes. */
struct df_funnel_sums {
    uint32_t filter, column;
    uint32_t next;       /* of the same filter, or DF_FUNNEL_NONE */
    const char *name;    /* of the column */
    struct df_type type; /* known from the first batch on */
    struct df_funnel_marks matched;
    __int128 *integers; /* of integers and decimals (unscaled) */
    size_t integer_capacity;
    struct df_sum *floats;
    size_t float_capacity;
};

/* ---- per filter, and all of it ---- */

struct df_funnel_filter_facts {
    enum df_funnel_counting counting;
    bool wanted;        /* by anything at all: `where` is not */
    bool listed;        /* a step of a simple sequence */
    bool first;         /* the first positive step of a sequence: rows without time matter */
    bool chained;       /* that of the funnel, and its chains are wanted */
    uint32_t first_sum; /* index of the first of its sums, or DF_FUNNEL_NONE */
    uint32_t bit;       /* in the masks of rows; DF_FUNNEL_NONE: a step of simple sequences at most */

    struct df_funnel_list list;
    struct df_funnel_marks seen; /* of ANY_COUNT */
    uint32_t *counts;            /* of EXACT_COUNT */
    size_t count_capacity;
    struct df_funnel_marks untimed; /* of `first`: users with a matching row without time */
    uint32_t *untimed_rows;         /* of `chained`: ordinal + 1 of the last one; 0: none */
    size_t untimed_row_capacity;
};

struct df_funnel_collected {
    struct df_arena arena; /* sized by the request, not by rows: filters, sums, scratch */
    struct df_funnel_filter_facts *filters;
    uint32_t filter_count;
    struct df_funnel_sums *sums;
    uint32_t sum_count;
    uint32_t bit_count;
    bool keep_rows;    /* some sequence needs `rows` */
    bool no_row_codes; /* memory was short once: this collector keeps none any more */
    struct df_funnel_rows rows;

    /* Of one batch, DF_FUNNEL_ROWS_MAX each. refs: position + 1 in `rows`, 0: not there. */
    uint64_t *hashes;
    uint32_t *codes, *picked_codes, *refs;
    int64_t *picked_times;
};

/* A batch whose users have codes already, in collected->codes. views: NULL, or by filter the rows that match it, for
 * filters of which nothing but a list is wanted: it then has these rows, which have to stay where they are. */
int df_funnel_collect_coded(struct df_funnel_collector *collector, struct df_funnel_source *source,
                            const struct df_funnel_batch *batch, struct df_funnel_chunk *views, struct df_error *error);

/* True when the funnel or condition is answered from `rows`, not from lists. */
bool df_funnel_uses_rows(const struct df_funnel_request *request, const struct df_funnel_sequence *sequence);
/* The first positive step of a sequence. */
const struct df_funnel_step *df_funnel_first_step(const struct df_funnel_sequence *sequence);

/* Whether a target asks only if any row matches. */
bool df_funnel_target_is_any(const struct df_funnel_condition *condition);
/* Rows that match a filter. */
bool df_funnel_count_rows(struct df_funnel_account *account, struct df_funnel_filter_facts *facts, size_t users,
                          const uint32_t *codes, const uint32_t *rows, uint32_t count);
/* DF_FUNNEL_DONE, DF_FUNNEL_OVER, -1: the sum has too many digits. */
int df_funnel_sum_rows(struct df_funnel_account *account, struct df_funnel_sums *sums, size_t users,
                       const struct df_vector *values, const uint32_t *codes, const uint32_t *rows, uint32_t count,
                       struct df_error *error);
/* NULL when no condition asks for it. */
struct df_funnel_sums *df_funnel_find_sums(const struct df_funnel_collected *collected, uint32_t filter,
                                           uint32_t column);
void df_funnel_sums_clear(struct df_funnel_sums *sums, size_t users); /* those of so many users: 0, memory stays */
void df_funnel_sums_free(struct df_funnel_account *account, struct df_funnel_sums *sums);

#endif
