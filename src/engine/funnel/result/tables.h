/* What a result is made of; private to this folder.
 *
 *     numbers    users, rows and units by depth; durations; one `scalar` per column and class of rows
 *     tables     value → counters and sums, per class of rows: one per aggregated column, the breakdown, its mixed
 * users, the trend
 *
 * A row has a class: the depth of its unit (0: the user is in, but reached no step). Query aggregations are the sum
 * over all classes, those of step k over the classes from k on, those of the end over the last. So a row is counted
 * once, however many steps there are. Depths that no list of a column tells apart are one class.
 *
 *     depth                     0  1  2  3  …  n
 *     query only                0  0  0  0     0
 *     query and end             0  0  0  0     1
 *     steps                     -  0  1  2     n-1        (-: the row is not looked at)
 *     query and steps           0  1  2  3     n
 *
 * To add to a result is always the same: a second result is filled aside, then absorbed in two passes, of which the
 * first makes room and may fail, and the second adds and cannot. A result therefore never holds half of anything. */
#ifndef DF_ENGINE_FUNNEL_RESULT_TABLES_H
#define DF_ENGINE_FUNNEL_RESULT_TABLES_H

#include <assert.h>

#include "engine/funnel/result/numbers.h"
#include "engine/funnel/result/result.h"

/* ---- values.c: distinct values → ids 0, 1, … ---- */

/* Numbers: integers, times, booleans, the bits of doubles (never -0.0 nor NaN). Bytes: strings, UUIDs, and decimals as
 * 16 bytes of two's complement, little endian, whatever their precision, so that files of different precision meet. */
enum df_funnel_form { DF_FUNNEL_FORM_NUMBER, DF_FUNNEL_FORM_BYTES, DF_FUNNEL_FORMS };
enum df_funnel_form df_funnel_form_of(const struct df_type *type);

union df_funnel_value {
    int64_t number;
    const uint8_t *bytes; /* 4 bytes of length, then the value; in a chunk of the table */
};

struct df_funnel_value_slot {
    uint32_t tag; /* low bits of the hash: growing needs no value */
    uint32_t id_plus_one;
};

struct df_funnel_value_chunk;

struct df_funnel_values {
    struct df_funnel_account *account; /* borrowed */
    enum df_funnel_form form;          /* may change while there is no value but null */
    union df_funnel_value *items;
    size_t count, capacity;
    struct df_funnel_value_slot *slots;
    size_t slot_count; /* a power of two, or 0 */
    struct df_funnel_value_chunk *chunks;
    uint32_t null_id; /* DF_FUNNEL_NONE: null has not been seen */
};

void df_funnel_values_init(struct df_funnel_values *values, enum df_funnel_form form,
                           struct df_funnel_account *account);
void df_funnel_values_dispose(struct df_funnel_values *values);
/* All return false when memory is short; the values that were there still are. */
bool df_funnel_values_number(struct df_funnel_values *values, int64_t number, uint32_t *id);
bool df_funnel_values_bytes(struct df_funnel_values *values, struct df_slice bytes, uint32_t *id);
bool df_funnel_values_null(struct df_funnel_values *values, uint32_t *id);
bool df_funnel_values_numbers(struct df_funnel_values *values, const int64_t *numbers, uint32_t n, uint32_t *ids);
/* The value `from_id` of another table of the same form. */
bool df_funnel_values_copy(struct df_funnel_values *values, const struct df_funnel_values *from, uint32_t from_id,
                           uint32_t *id);
/* DF_FUNNEL_NONE when it is not there. bytes: of a number its 8 bytes. */
uint32_t df_funnel_values_find(const struct df_funnel_values *values, struct df_slice bytes);
uint64_t df_funnel_values_hash(const struct df_funnel_values *values, uint32_t id);
struct df_slice df_funnel_values_slice(const struct df_funnel_values *values, uint32_t id); /* of BYTES */

/* ---- classes ---- */

#define DF_FUNNEL_NO_CLASS UINT16_MAX
struct df_funnel_classes {
    uint16_t *of_depth; /* depths + 1 entries; on the account of its result */
    uint32_t count;     /* at least 1 */
};
enum { DF_FUNNEL_IN_QUERY = 1, DF_FUNNEL_IN_STEPS = 2, DF_FUNNEL_IN_END = 4 }; /* lists that name a column */

/* ---- table.c ---- */

/* Counters of a cell. Of aggregations: rows, and distinct users if asked for. Of the breakdown: units, their rows and,
 * with sessions, users by their deepest session of that value, and those of them whose sessions all have that value. Of
 * the trend: units, and users by their deepest session in that bucket. Counter 0 is above 0 where a cell means
 * anything. */
enum {
    DF_FUNNEL_ROWS = 0,
    DF_FUNNEL_USERS = 1,
    DF_FUNNEL_UNITS = 0,
    DF_FUNNEL_UNIT_ROWS = 1,
    DF_FUNNEL_UNIT_USERS = 2,
    DF_FUNNEL_PURE_USERS = 3,
    DF_FUNNEL_COUNTERS_MAX = 4,
};

/* What an approximate answer cut off: how far off the numbers of a value may be. */
struct df_funnel_sum_error {
    double largest;         /* sum over the parts that cut, of the greatest magnitude that one cut */
    double least, greatest; /* of the terms, in all; least above greatest: none */
};

struct df_funnel_sum_lane {
    uint32_t other; /* index into request->columns */
    struct df_funnel_amount *cells;
    size_t capacity;
    struct df_funnel_sum_error error;
};

struct df_funnel_table {
    struct df_funnel_account *account;       /* borrowed */
    uint32_t column;                         /* index into request->columns, or DF_FUNNEL_NONE */
    const struct df_funnel_classes *classes; /* borrowed */
    struct df_funnel_values values;

    /* Cells. With few classes value * classes + class; with many only those that exist, found by number value << 16 |
     * class. */
    bool sparse;
    struct df_funnel_values cells;
    size_t cell_count, counter_capacity;
    uint64_t *counters; /* cell * counter_count + counter */
    uint32_t counter_count;
    struct df_funnel_sum_lane *sums; /* owned */
    uint32_t sum_count;
    bool wants_users, wants_distinct; /* of aggregations */

    /* After settle: values by their greatest class; and what the values that are not there any more had. */
    bool settled;
    uint64_t *distinct; /* classes->count */
    uint64_t *rest;     /* class * counter_count + counter */

    /* After a cut. */
    bool cut;
    uint64_t counter_errors[DF_FUNNEL_COUNTERS_MAX];
    uint8_t **hlls; /* classes->count, each NULL or registers; NULL unless wants_distinct */

    uint32_t *map; /* while this table is being absorbed: its values' ids in the other */
    size_t map_capacity;
};

int df_funnel_table_init(struct df_funnel_table *table, uint32_t column, uint32_t counter_count, uint32_t sum_count,
                         const struct df_funnel_classes *classes, struct df_funnel_account *account);
void df_funnel_table_dispose(struct df_funnel_table *table);
/* The cell of a value and class, made if need be; false when memory is short. */
bool df_funnel_table_cell(struct df_funnel_table *table, uint32_t id, uint32_t class, size_t *cell);
/* With few classes: makes the cells of all values. False when memory is short. */
bool df_funnel_table_make_cells(struct df_funnel_table *table);
static inline uint32_t df_funnel_cell_value(const struct df_funnel_table *table, size_t cell)
{
    if (table->sparse)
        return (uint32_t)((uint64_t)table->cells.items[cell].number >> 16);
    assert(table->classes->count > 0);
    return (uint32_t)(cell / table->classes->count);
}
static inline uint32_t df_funnel_cell_class(const struct df_funnel_table *table, size_t cell)
{
    if (table->sparse)
        return (uint32_t)(table->cells.items[cell].number & 0xffff);
    assert(table->classes->count > 0);
    return (uint32_t)(cell % table->classes->count);
}
/* Whether anything was counted there. */
static inline bool df_funnel_cell_is_used(const struct df_funnel_table *table, size_t cell)
{
    return table->counters[cell * table->counter_count] > 0;
}
/* The two passes of absorbing, and the registers of a class (NULL: no memory). */
bool df_funnel_table_reserve(struct df_funnel_table *to, struct df_funnel_table *from);
void df_funnel_table_add(struct df_funnel_table *to, struct df_funnel_table *from);
uint8_t *df_funnel_table_hll(struct df_funnel_table *table, uint32_t class);
/* Counts the values by their greatest class into `distinct`. False when memory is short. */
bool df_funnel_table_count_distinct(struct df_funnel_table *table);
/* A table of the same shape with those values only whose byte in `keep` is not 0 replaces the old one; everything that
 * is not about a value stays. False when memory is short: nothing has changed. */
bool df_funnel_table_keep(struct df_funnel_table *table, const uint8_t *keep);

/* The cells of a table by value: those of value v are first[v], next[first[v]], … until DF_FUNNEL_NO_CELL, used ones
 * only. */
#define DF_FUNNEL_NO_CELL SIZE_MAX
struct df_funnel_chains {
    size_t *first, *next;
};
bool df_funnel_chains_make(struct df_funnel_chains *chains, const struct df_funnel_table *table);
void df_funnel_chains_dispose(struct df_funnel_chains *chains);

/* ---- scalar.c: of a column and a class ---- */

struct df_funnel_extreme {
    bool known;
    __int128 integer; /* by type: integers, times, booleans, decimals */
    double real;
    uint8_t *bytes; /* on the account */
    size_t size, capacity;
};
struct df_funnel_scalar {
    uint64_t rows; /* not null */
    struct df_funnel_amount amount;
    struct df_funnel_extreme least, greatest;
    struct df_funnel_sketch sketch;
};
struct df_funnel_scalars {
    uint32_t column;
    bool amount, extremes, sketch; /* what is asked for, beside rows */
    const struct df_funnel_classes *classes;
    struct df_funnel_scalar *items; /* by class */
    bool suffixed;                  /* items[c] is already the sum over c and all above */
};
bool df_funnel_extreme_set_bytes(struct df_funnel_extreme *extreme, struct df_funnel_account *account,
                                 struct df_slice bytes);
bool df_funnel_scalar_reserve(struct df_funnel_scalar *to, struct df_funnel_account *account,
                              const struct df_funnel_scalar *from);
/* Takes the bytes of extremes from `from`. */
void df_funnel_scalar_add(struct df_funnel_scalar *to, struct df_funnel_account *account, struct df_funnel_scalar *from,
                          enum df_type_kind kind);
/* Turns classes into places. False when memory is short. */
bool df_funnel_scalars_suffix(struct df_funnel_scalars *scalars, struct df_funnel_account *account,
                              enum df_type_kind kind);
void df_funnel_scalar_dispose(struct df_funnel_scalar *scalar, struct df_funnel_account *account);

/* ---- result.c ---- */

struct df_funnel_depth_count {
    uint64_t units, rows, users;
};

struct df_funnel_duration {
    struct df_funnel_total total;
    struct df_funnel_sketch sketch;
};

struct df_funnel_result {
    const struct df_funnel_request *request; /* borrowed */
    struct df_funnel_account *account;       /* `own` when nobody counts */
    struct df_funnel_account own;
    uint32_t depth_count; /* positive steps; 0 without a funnel */
    bool sessions;

    uint64_t groups, group_rows; /* of the data set */
    uint64_t matching_groups, matching_rows;
    struct df_funnel_depth_count *depths;                  /* by depth, 0 to depth_count */
    struct df_funnel_duration *from_start, *from_previous; /* by depth - 1, or NULL */

    struct df_type *types; /* per column of the request */
    bool *types_known;

    struct df_funnel_classes *classes;      /* per column of the request; of_depth NULL: not aggregated */
    struct df_funnel_classes chain_classes; /* depth - 1 */
    struct df_funnel_classes one_class;
    struct df_funnel_scalars *scalars;
    uint32_t scalar_count;
    struct df_funnel_table *tables; /* of aggregations */
    uint32_t table_count;
    bool has_breakdown, has_mixed, has_trend;
    struct df_funnel_table breakdown, mixed, trend;
};

/* The class from which on rows count at a place; depth 0 is the query. */
static inline uint32_t df_funnel_first_class(const struct df_funnel_classes *classes, uint32_t depth)
{
    return classes->of_depth[depth] == DF_FUNNEL_NO_CLASS ? 0 : classes->of_depth[depth];
}

/* Sets the type of a column, or compares it with the one it has: invalid names both. Also the form of its tables. */
int df_funnel_result_set_type(struct df_funnel_result *result, uint32_t column, const struct df_type *type,
                              struct df_error *error);
void df_funnel_result_set_forms(struct df_funnel_result *result, uint32_t column); /* of its tables, by its type */
/* Adds `from`, a result of the same request and on the same account: DF_FUNNEL_DONE, DF_FUNNEL_OVER (nothing
 * was added), -1. `from` is only good for freeing then. In two steps for who must do something between. */
int df_funnel_result_absorb(struct df_funnel_result *to, struct df_funnel_result *from, struct df_error *error);
int df_funnel_result_absorb_reserve(struct df_funnel_result *to, struct df_funnel_result *from, struct df_error *error);
void df_funnel_result_absorb_add(struct df_funnel_result *to, struct df_funnel_result *from);
/* The tables that have values of the data: those of aggregations, then breakdown and mixed. NULL behind the last. */
struct df_funnel_table *df_funnel_result_table(const struct df_funnel_result *result, uint32_t index);
struct df_funnel_table *df_funnel_result_table_of(const struct df_funnel_result *result, uint32_t column);
struct df_funnel_scalars *df_funnel_result_scalars_of(const struct df_funnel_result *result, uint32_t column);

/* trend.c */
/* Of a time in steps of the scale; turned: the highest bit is turned. */
int64_t df_funnel_trend_bucket(enum df_funnel_trend trend, enum df_funnel_scale scale, bool turned, int64_t time);
void df_funnel_trend_put_text(enum df_funnel_trend trend, int64_t bucket, struct df_buf *out);
enum { DF_FUNNEL_BUCKETS_MAX = 1000000 };
/* First and last bucket; false when there is none. */
bool df_funnel_trend_bounds(const struct df_funnel_table *trend, int64_t *first, int64_t *last);
int df_funnel_trend_check(const struct df_funnel_table *trend, struct df_error *error);

/* ---- picks.c: rows of chains ---- */

struct df_funnel_picks;
/* Which rows of `verdicts` the breakdown and the export of `result` want. DF_FUNNEL_DONE, OVER, -1 */
int df_funnel_picks_create(struct df_funnel_picks **picks, struct df_funnel_result *result,
                           const struct df_funnel_verdicts *verdicts, bool with_cohort, struct df_error *error);
void df_funnel_picks_free(struct df_funnel_picks *picks);
int df_funnel_picks_batch(struct df_funnel_picks *picks, const struct df_funnel_batch *batch, struct df_error *error);
/* After the last batch: the breakdown's table, then the rows of the export. */
int df_funnel_picks_count(struct df_funnel_picks *picks, struct df_error *error);
int df_funnel_picks_export(const struct df_funnel_picks *picks, const struct df_funnel_groups *groups,
                           const struct df_funnel_source *source, struct df_funnel_cohort *cohort,
                           struct df_error *error);

/* ---- values of vectors ---- */

static inline __int128 df_funnel_integer_at(const struct df_vector *vector, uint32_t row, bool is_unsigned)
{
    int64_t value;
    switch (vector->kind) {
    case DF_VECTOR_INT128:
        return vector->values.int128s[row];
    case DF_VECTOR_BOOL:
        return vector->values.bools[row];
    case DF_VECTOR_CODES:
        value = vector->dictionary->values.int64s[vector->values.codes[row]];
        break;
    default:
        value = vector->values.int64s[row];
    }
    return is_unsigned ? (__int128)(uint64_t)value : (__int128)value;
}
static inline double df_funnel_real_at(const struct df_vector *vector, uint32_t row)
{
    if (vector->kind == DF_VECTOR_CODES)
        return vector->dictionary->values.float64s[vector->values.codes[row]];
    return vector->values.float64s[row];
}
static inline struct df_slice df_funnel_bytes_at(const struct df_vector *vector, uint32_t row)
{
    if (vector->kind == DF_VECTOR_CODES)
        return vector->dictionary->values.bytes[vector->values.codes[row]];
    return vector->values.bytes[row];
}
/* Null, or NaN. */
static inline bool df_funnel_is_null_at(const struct df_vector *vector, uint32_t row, enum df_type_kind kind)
{
    if (df_vector_is_null(vector, row) || kind == DF_TYPE_NULL)
        return true;
    return kind == DF_TYPE_FLOAT && vector->kind != DF_VECTOR_LIST && isnan(df_funnel_real_at(vector, row));
}
/* Whether a vector can hold values of a type; what a source hands out otherwise is an internal error. */
bool df_funnel_values_fit(const struct df_vector *vector, const struct df_type *type);
/* Of a float, as a number: -0.0 is 0.0. */
static inline int64_t df_funnel_real_bits(double value)
{
    int64_t bits;
    value = value == 0 ? 0.0 : value;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}
/* The value of one row, not null. */
bool df_funnel_values_add_row(struct df_funnel_values *values, const struct df_type *type,
                              const struct df_vector *vector, uint32_t row, uint32_t *id);

/* ---- value_text.c ---- */

/* As the key of a map. */
void df_funnel_value_put_text(const struct df_funnel_values *values, uint32_t id, const struct df_type *type,
                              struct df_buf *out);
/* As a value: a number, a boolean, null, or a string. */
void df_funnel_value_put_json(const struct df_funnel_values *values, uint32_t id, const struct df_type *type,
                              struct df_json_writer *json);
void df_funnel_extreme_put_json(const struct df_funnel_extreme *extreme, const struct df_type *type,
                                struct df_json_writer *json);

/* ---- ranks.c: the first ones of a list ---- */

/* What a list is ordered by: descending, null behind everything, equal ones by their text, ascending. */
struct df_funnel_rank {
    uint32_t id;
    bool exact, null;
    struct df_funnel_total whole; /* exact; canonical */
    double real;
};
struct df_funnel_ranking {
    const struct df_funnel_table *table;
    const struct df_type *type; /* of the table's column */
    /* What is ranked: a counter, or (lane not DF_FUNNEL_NONE) a sum or its mean. */
    uint32_t counter, lane;
    bool mean;
    const struct df_type *other_type;
    uint32_t top;
};
/* Called for each place, from the deepest to depth `shallowest`; ranks are in order, valid until it returns. */
typedef int df_funnel_ranked_fn(void *ctx, uint32_t depth, const struct df_funnel_rank *ranks, uint32_t count,
                                struct df_error *error);
/* Places: every depth from `deepest` down to `shallowest` (0: the query). Exhausted, or what fn says. */
int df_funnel_rank_places(const struct df_funnel_ranking *ranking, uint32_t deepest, uint32_t shallowest,
                          df_funnel_ranked_fn *fn, void *ctx, struct df_error *error);
/* The ranking of an aggregation over its table; false when it is no list. */
bool df_funnel_ranking_of(const struct df_funnel_result *result, const struct df_funnel_aggregation *aggregation,
                          struct df_funnel_ranking *ranking);

int df_funnel_corrupt_result(struct df_error *error, const char *what); /* codec.c */

/* ---- mixed.c: the breakdown, counted by unit and user ---- */

/* ids: per unit of the verdicts, its value. False when memory is short. */
bool df_funnel_count_breakdown(struct df_funnel_result *result, const struct df_funnel_verdicts *verdicts,
                               const uint32_t *ids);

/* Users with sessions of several values, as keys of the table `mixed`: what `other` needs to count each once. Per value
 * (depth of the user's deepest session, 0 for null or 1 + size, value), in the order of values, so that equal users
 * have equal keys. */

struct df_funnel_mixed_item {
    bool null;
    uint32_t depth;
    struct df_slice value; /* 8 bytes of a number, or bytes */
};
/* The next item of a record; false at its end, or when it is damaged (cursor->failed). */
bool df_funnel_mixed_next(struct df_cursor *record, struct df_funnel_mixed_item *item);

#endif
