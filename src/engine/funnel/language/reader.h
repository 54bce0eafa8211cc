/* Reading the JSON of a request: what the files of this folder share. Nobody else includes it.
 *
 * A reader stands at a place of the request ("funnel.sequence[2].filter"); functions enter a member or an element,
 * read, and leave. A check that fails puts the place in front of its message and returns -1; the place stays as it is
 * then, because nothing is read after a failure. */
#ifndef DF_ENGINE_FUNNEL_LANGUAGE_READER_H
#define DF_ENGINE_FUNNEL_LANGUAGE_READER_H

#include "base/json.h"
#include "engine/funnel/language/request.h"

/* ---- numbered things, found again by their hash ---- */

struct df_funnel_index {
    uint32_t *slots;  /* number + 1, 0: free; open addressing */
    uint64_t *hashes; /* by number */
    uint32_t count, capacity;
    size_t slot_count; /* a power of two, more than twice the capacity */
};
typedef bool df_funnel_same_fn(const void *ctx, uint32_t number);
/* The number of the thing, DF_FUNNEL_NONE when it is not there. */
uint32_t df_funnel_index_find(const struct df_funnel_index *index, uint64_t hash, df_funnel_same_fn *same,
                              const void *ctx);
/* The next thing, which is not there yet, gets the number `count`. False when memory is short. */
bool df_funnel_index_add(struct df_funnel_index *index, struct df_arena *arena, uint64_t hash);

/* ---- the reader ---- */

struct df_funnel_root {
    const struct df_funnel_node *tree;
    uint64_t hash;
};

struct df_funnel_reader {
    struct df_funnel_request *request;
    struct df_arena *arena;
    struct df_error *error;
    struct df_buf place;

    struct df_funnel_leaf *leaves;
    struct df_funnel_index leaf_index;
    uint32_t leaf_capacity;
    const struct df_funnel_node **roots;
    struct df_funnel_index root_index;
    uint32_t root_capacity;
    struct df_funnel_column *columns;
    struct df_funnel_index column_index;
    uint32_t column_capacity;
};

/* `items` with room for one more than `count`: the same, or a copy of twice the capacity. NULL when memory is short. */
void *df_funnel_grown(struct df_arena *arena, void *items, uint32_t count, uint32_t *capacity, size_t element_bytes);

size_t df_funnel_enter(struct df_funnel_reader *reader, const char *member);
size_t df_funnel_enter_element(struct df_funnel_reader *reader, size_t index);
void df_funnel_leave(struct df_funnel_reader *reader, size_t mark);
/* The place in the arena; NULL when memory is short. */
const char *df_funnel_place(struct df_funnel_reader *reader);

/* "<place>: <message>", invalid. */
__attribute__((format(printf, 2, 3))) int df_funnel_fail(struct df_funnel_reader *reader, const char *format, ...);
int df_funnel_fail_memory(struct df_funnel_reader *reader);
/* "expected <what>, found a string"; "missing; expected <what>" for NULL. */
int df_funnel_expected(struct df_funnel_reader *reader, const char *what, const struct df_json *found);
#ifdef __clang_analyzer__ /* as in base/error.h */
#define df_funnel_fail(...)        (df_funnel_fail(__VA_ARGS__), -1)
#define df_funnel_fail_memory(...) (df_funnel_fail_memory(__VA_ARGS__), -1)
#define df_funnel_expected(...)    (df_funnel_expected(__VA_ARGS__), -1)
#endif

/* Must be an object whose members are all in the NULL-terminated list (at most 32), each once. */
int df_funnel_check_members(struct df_funnel_reader *reader, const struct df_json *object, const char *const *known);

/* ---- values: each checks the type of `value`, which is NULL when it is missing, and fills *out ---- */

typedef int df_funnel_read_fn(struct df_funnel_reader *reader, const struct df_json *value, void *out);

/* Enters the member and reads it; `optional` leaves *out alone when there is none. */
int df_funnel_required(struct df_funnel_reader *reader, const struct df_json *object, const char *member,
                       df_funnel_read_fn *read, void *out);
int df_funnel_optional(struct df_funnel_reader *reader, const struct df_json *object, const char *member,
                       df_funnel_read_fn *read, void *out);
/* Each element of an array into out[0], out[1], … of element_bytes each. */
int df_funnel_each(struct df_funnel_reader *reader, const struct df_json *array, df_funnel_read_fn *read, void *out,
                   size_t element_bytes);

/* Text that is not empty and becomes a C string, so that a zero byte would cut it: refused. */
struct df_funnel_text {
    const char *what; /* in: "the name of a column" */
    const char *text; /* out */
};
df_funnel_read_fn df_funnel_read_text;   /* struct df_funnel_text */
df_funnel_read_fn df_funnel_read_string; /* struct df_slice: any string, data not NULL */
df_funnel_read_fn df_funnel_read_bool;   /* bool */

struct df_funnel_word {
    const char *const *words; /* in: NULL-terminated */
    unsigned chosen;          /* out */
};
df_funnel_read_fn df_funnel_read_word; /* struct df_funnel_word */

struct df_funnel_number {
    uint32_t least, most; /* in */
    uint32_t value;       /* out */
};
df_funnel_read_fn df_funnel_read_number; /* struct df_funnel_number: an integer literal */

df_funnel_read_fn df_funnel_read_length;  /* struct df_funnel_length */
df_funnel_read_fn df_funnel_read_instant; /* struct df_funnel_instant */

/* ---- columns that are read beside those of filters (asked_columns.c) ---- */

enum df_funnel_need {
    DF_FUNNEL_NEED_FACTS = 1,
    DF_FUNNEL_NEED_VALUES = 2,
    DF_FUNNEL_NEED_NUMERIC = 4,
    DF_FUNNEL_NEED_FLAT = 8,
};
struct df_funnel_asked {
    unsigned needs;  /* in: of df_funnel_need */
    uint32_t column; /* out: index into request->columns */
};
df_funnel_read_fn df_funnel_read_column; /* struct df_funnel_asked */
int df_funnel_ask_column(struct df_funnel_reader *reader, const char *name, struct df_funnel_asked *asked);

/* ---- the parts of a request, a file each ---- */

df_funnel_read_fn df_funnel_read_dataset;    /* struct df_funnel_dataset */
df_funnel_read_fn df_funnel_read_filter;     /* uint32_t: the number of the root filter */
df_funnel_read_fn df_funnel_read_filters;    /* the same, of a list that is one AND */
df_funnel_read_fn df_funnel_read_conditions; /* the request's */
df_funnel_read_fn df_funnel_read_funnel;     /* struct df_funnel_funnel */

df_funnel_read_fn df_funnel_read_operator; /* enum df_funnel_op: any */

/* The members sequence, maxDuration and order of a funnel or condition. */
int df_funnel_read_sequence(struct df_funnel_reader *reader, const struct df_json *object,
                            struct df_funnel_sequence *sequence);
/* value NULL: the default. Names and numbers of conditions must be known: after the conditions. */
int df_funnel_read_relation(struct df_funnel_reader *reader, const struct df_json *value,
                            struct df_funnel_relation *relation);
df_funnel_read_fn df_funnel_read_aggregations; /* struct df_funnel_aggregations */

/* A name that relations and answers can carry: [A-Za-z][A-Za-z_0-9]*, or empty for none. */
df_funnel_read_fn df_funnel_read_name; /* struct df_slice; data NULL for an empty one */

extern const struct df_json_limits df_funnel_json_limits;

#endif
