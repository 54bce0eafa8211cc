/* One leaf, compiled for the type of one column: what compile.c makes of the request's words, and what leaf_*.c, tree.c
 * and bounds.c run. Inside of filter/ only.
 *
 *     value ──test──► 0/1 ──shape──► one answer per row ──negate──► ──nulls──► answer
 *
 * Tests are positive: `!=`, `not contains`, `not in` and `not empty` are the positive test, negated. */
#ifndef DF_ENGINE_FUNNEL_FILTER_LEAF_H
#define DF_ENGINE_FUNNEL_FILTER_LEAF_H

#include "base/arena.h"
#include "engine/funnel/filter/filter.h"
#include "engine/funnel/filter/lookup.h"

enum df_funnel_test {
    DF_FUNNEL_TEST_CONSTANT, /* every value answers `constant` */
    DF_FUNNEL_TEST_RANGE,    /* integers of every kind: low <= value <= high */
    DF_FUNNEL_TEST_FLOAT,    /* value op number */
    DF_FUNNEL_TEST_BOOL,     /* by_bool[value] */
    DF_FUNNEL_TEST_TEXT,     /* bytes op text */
    DF_FUNNEL_TEST_REGEX,
    DF_FUNNEL_TEST_LOOKUP, /* the value is one of many */
};

enum df_funnel_shape {
    DF_FUNNEL_PLAIN, /* a row is a value */
    DF_FUNNEL_LIST,  /* a row is a list of values */
    DF_FUNNEL_SPLIT, /* a row is text: values between delimiters */
};

/* Of LIST and SPLIT. */
enum df_funnel_quantifier {
    DF_FUNNEL_ANY_OF,  /* some value passes the test */
    DF_FUNNEL_ALL_OF,  /* every constant of the lookup is among the values */
    DF_FUNNEL_NOTHING, /* there is no value */
};

struct df_funnel_regex; /* regex.c */

/* Memory of one leaf that grows with what it meets: on the account, freed with the leaf. */
struct df_funnel_room {
    void *memory;
    size_t capacity_bytes;
};

struct df_funnel_code {
    const struct df_funnel_leaf *leaf;
    struct df_type type; /* of the column */
    uint32_t vector;     /* position among the vectors of a batch */

    enum df_funnel_shape shape;
    enum df_funnel_quantifier quantifier;
    enum df_funnel_test test;
    uint8_t negate;               /* 1: answers of values are turned */
    uint8_t null_answer;          /* of null rows, and of NaN */
    bool decided, decided_answer; /* the answer of every row is known already */

    bool constant;                  /* of CONSTANT */
    __int128 low, high;             /* of RANGE; low <= high */
    uint64_t low64, span64;         /* of RANGE on columns of 64 bits */
    enum df_funnel_op op;           /* of FLOAT and TEXT: EQ GT GE LT LE, CONTAINS, STARTS_WITH, ENDS_WITH */
    double number;                  /* of FLOAT, of the column's width */
    uint8_t by_bool[2];             /* of BOOL */
    struct df_slice text;           /* of TEXT; UUIDs as bytes */
    struct df_funnel_regex *regex;  /* owned */
    struct df_funnel_lookup lookup; /* in the arena of the set */

    struct df_budget *budget;
    struct { /* answers to the entries of the dictionary met last */
        struct df_funnel_room room;
        uint64_t serial;
        bool known;
    } dictionary;
    struct df_funnel_room elements; /* LIST: answers of elements; ALL_OF: which constant each is */
    struct df_funnel_room seen;     /* ALL_OF: the row in which a constant was seen last */
    uint32_t seen_row;              /* 0: none yet */
};

/* Is the column's vector of 128 bits (of decimals with more than 18 digits)? */
static inline bool df_funnel_type_is_wide(const struct df_type *type)
{
    return type->kind == DF_TYPE_DECIMAL && type->precision > 18;
}
static inline bool df_funnel_type_is_bytes(const struct df_type *type)
{
    return type->kind == DF_TYPE_STRING || type->kind == DF_TYPE_BINARY || type->kind == DF_TYPE_UUID;
}

/* ---- compiling: compile.c, constants.c ---- */

int df_funnel_code_compile(struct df_funnel_code *code, const struct df_funnel_leaf *leaf, const struct df_type *type,
                           struct df_arena *arena, struct df_budget *budget, struct df_error *error);
void df_funnel_code_dispose(struct df_funnel_code *code);

/* ---- evaluating ---- */

/* The answers of the test, before negation, to the entries of a dictionary: in code->dictionary.room. */
int df_funnel_code_entries(struct df_funnel_code *code, const struct df_dictionary *dictionary, struct df_error *error);

/* One byte per row of the vector. leaf.c */
int df_funnel_code_match(struct df_funnel_code *code, const struct df_vector *vector, uint8_t *matches,
                         struct df_error *error);

/* The answers of the test (and of a delimited string) to plain values, not negated; nulls answer anything. `values` is
 * the array of that kind. leaf.c */
int df_funnel_test_values(struct df_funnel_code *code, enum df_vector_kind kind, const void *values, size_t n,
                          uint8_t *matches, struct df_error *error);
/* The same for a vector, plain or codes, but no list. leaf.c */
int df_funnel_test_vector(struct df_funnel_code *code, const struct df_vector *vector, uint8_t *matches,
                          struct df_error *error);
/* leaf_numbers.c: the test to numbers. False when the test is not one of that kind of vector. */
bool df_funnel_test_numbers(const struct df_funnel_code *code, enum df_vector_kind kind, const void *values, size_t n,
                            uint8_t *matches);
/* leaf_strings.c */
int df_funnel_test_strings(const struct df_funnel_code *code, const struct df_slice *values, size_t n, uint8_t *matches,
                           struct df_error *error);
/* Is the leaf so dear on this vector that rows whose answer does not matter are better left out? */
bool df_funnel_code_is_dear(const struct df_funnel_code *code, const struct df_vector *vector);
/* Of such a leaf: the answers of the rows whose byte is `where`, in place of it; the others stay. leaf_strings.c */
int df_funnel_code_match_where(const struct df_funnel_code *code, const struct df_vector *vector, uint8_t where,
                               uint8_t *matches, struct df_error *error);
/* leaf_lists.c: delimited strings; rows of a list, not negated. */
int df_funnel_test_split(struct df_funnel_code *code, const struct df_slice *values, size_t n, uint8_t *matches,
                         struct df_error *error);
int df_funnel_match_lists(struct df_funnel_code *code, const struct df_vector *vector, uint8_t *matches,
                          struct df_error *error);

/* Whether a fixed string of a test (no regex) passes; for the bounds. leaf_strings.c */
bool df_funnel_text_passes(enum df_funnel_op op, struct df_slice value, struct df_slice text);

/* Makes room for `size_bytes`; what was there is lost. exhausted: the message says what for. leaf.c */
int df_funnel_room_reserve(struct df_funnel_room *room, size_t size_bytes, struct df_budget *budget, const char *what,
                           struct df_error *error);
void df_funnel_room_dispose(struct df_funnel_room *room, struct df_budget *budget);

/* ---- regular expressions: regex.c ---- */

/* `where` names the pattern in messages: "funnel.sequence[1].filter.value". Fails with invalid (what is wrong, and at
 * which position) and exhausted. */
int df_funnel_regex_compile(struct df_funnel_regex **regex, struct df_slice pattern, const char *where,
                            struct df_error *error);
void df_funnel_regex_free(struct df_funnel_regex *regex); /* NULL is fine */
/* 1: it occurs somewhere in the text, 0, -1: over its limits (exhausted, with `where`). */
int df_funnel_regex_match(const struct df_funnel_regex *regex, struct df_slice text, struct df_error *error);

/* ---- bounds: bounds.c ---- */

/* Which answers rows of a row group can have. */
struct df_funnel_outlook {
    bool can_be_true, can_be_false;
};
struct df_funnel_outlook df_funnel_code_outlook(const struct df_funnel_code *code, const struct df_funnel_known *known);

#endif
