/* JSON text -> a tree. yajl reads; the tree on top keeps order, duplicates and positions and limits the depth.
 *
 * Numbers keep their text until somebody says what they are (uint64, 2^70, exact decimals). Strings are UTF-8, escapes
 * resolved; a lone surrogate becomes '?', \u0000 is a zero byte. The tree lives in the caller's arena; the slices point
 * into that arena, not into the text. Thread: any, one per tree. */
#ifndef DF_BASE_JSON_H
#define DF_BASE_JSON_H

#include "base/arena.h"
#include "base/error.h"

enum df_json_type {
    DF_JSON_NULL,
    DF_JSON_BOOL,
    DF_JSON_NUMBER,
    DF_JSON_STRING,
    DF_JSON_ARRAY,
    DF_JSON_OBJECT,
};

struct df_json {
    enum df_json_type type;
    bool boolean;             /* of a BOOL */
    size_t offset;            /* byte position in the text, of the value's first byte */
    struct df_slice text;     /* of a NUMBER its literal, of a STRING its content */
    struct df_slice key;      /* the member's name when the parent is an object */
    size_t child_count;       /* of an ARRAY or OBJECT */
    struct df_json *children; /* first child, in the order of the text */
    struct df_json *next;     /* next sibling */
};

struct df_json_limits {
    size_t text_bytes; /* longer: too_large */
    unsigned depth;    /* deeper: invalid */
    size_t nodes;      /* more values: too_large */
};
extern const struct df_json_limits df_json_default_limits; /* 100 MiB, 512 levels, 20 M values */

/* Exactly one value, white space around it; limits NULL: the default ones. Fails with invalid ("line 3, column 14: …"),
 * too_large or exhausted; *out is NULL then. */
int df_json_parse(struct df_slice text, const struct df_json_limits *limits, struct df_arena *arena,
                  struct df_json **out, struct df_error *error);

/* The last member of that name, or NULL; also NULL when `object` is NULL or no object. */
struct df_json *df_json_get(const struct df_json *object, const char *name);

/* The value of a number when it is an integer literal (no '.', no exponent) and fits; false otherwise. */
bool df_json_int64(const struct df_json *number, int64_t *out);
bool df_json_uint64(const struct df_json *number, uint64_t *out);
/* True for every number literal without '.' and exponent, however large. */
bool df_json_is_integer(const struct df_json *number);
/* Nearest double; false when not a number or beyond the range of double. */
bool df_json_double(const struct df_json *number, double *out);

const char *df_json_type_name(enum df_json_type type); /* "string", "an object", … as a message wants it: "a string" */

/* Line and column (from 1, columns in bytes) of a byte position. */
void df_json_position(struct df_slice text, size_t offset, unsigned *line, unsigned *column);

#endif
