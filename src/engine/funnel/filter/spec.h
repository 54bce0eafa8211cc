/* Filters as the request has them: columns by name, constants as text. filter/filter.h compiles them for a file.
 *
 * Equal leaves of a request are one leaf, equal trees one root filter: each is evaluated once per batch. */
#ifndef DF_ENGINE_FUNNEL_FILTER_SPEC_H
#define DF_ENGINE_FUNNEL_FILTER_SPEC_H

#include "base/slice.h"

enum df_funnel_op {
    DF_FUNNEL_EQ,
    DF_FUNNEL_NE,
    DF_FUNNEL_GT,
    DF_FUNNEL_GE,
    DF_FUNNEL_LT,
    DF_FUNNEL_LE,
    DF_FUNNEL_CONTAINS,
    DF_FUNNEL_NOT_CONTAINS,
    DF_FUNNEL_STARTS_WITH,
    DF_FUNNEL_ENDS_WITH,
    DF_FUNNEL_REGEX,
    DF_FUNNEL_IN, /* an array of constants, also HAS_ANY and HAS_ALL */
    DF_FUNNEL_NOT_IN,
    DF_FUNNEL_IS_NULL, /* no constant, also IS_NOT_NULL, EMPTY and NOT_EMPTY */
    DF_FUNNEL_IS_NOT_NULL,
    DF_FUNNEL_HAS, /* of lists and delimited strings, and those below */
    DF_FUNNEL_HAS_ANY,
    DF_FUNNEL_HAS_ALL,
    DF_FUNNEL_EMPTY,
    DF_FUNNEL_NOT_EMPTY,
    DF_FUNNEL_OPS
};
const char *df_funnel_op_text(enum df_funnel_op op);                   /* "==", "not contains" */
bool df_funnel_op_parse(struct df_slice text, enum df_funnel_op *out); /* the language's spelling only */
enum df_funnel_arity { DF_FUNNEL_NO_VALUE, DF_FUNNEL_ONE_VALUE, DF_FUNNEL_MANY_VALUES };
enum df_funnel_arity df_funnel_op_arity(enum df_funnel_op op);

enum df_funnel_value_type { DF_FUNNEL_STRING, DF_FUNNEL_NUMBER, DF_FUNNEL_BOOLEAN };

struct df_funnel_constant {
    enum df_funnel_value_type type;
    struct df_slice text; /* of a STRING its content, of a NUMBER its literal */
    bool boolean;
};

struct df_funnel_leaf {
    const char *column;
    enum df_funnel_op op;
    struct df_slice delimiter; /* of a delimited string; data NULL: none */
    const struct df_funnel_constant *values;
    uint32_t value_count; /* 0 or 1 unless the operator takes many */
    const char *place;    /* of its first appearance, without a member: "funnel.sequence[1].filter.and[0]" */
    bool shorthand;       /* it was [column, op, value]: members of the place are [0], [1], [2] */
};

enum df_funnel_node_kind { DF_FUNNEL_LEAF, DF_FUNNEL_AND, DF_FUNNEL_OR, DF_FUNNEL_NOT };

/* A tree. `and` of nothing is true, `or` of nothing false; the parser lets neither through. */
struct df_funnel_node {
    enum df_funnel_node_kind kind;
    uint32_t leaf;                         /* of LEAF */
    const struct df_funnel_node *children; /* of AND and OR; of NOT one */
    uint32_t child_count;
};
enum { DF_FUNNEL_TREE_DEPTH_MAX = 64 }; /* the parser lets no deeper one through: recursion over a tree is safe */

struct df_funnel_filters {
    const struct df_funnel_leaf *leaves; /* distinct */
    uint32_t leaf_count;
    const struct df_funnel_node *const *roots; /* distinct */
    uint32_t root_count;
};

#endif
