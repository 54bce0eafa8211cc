/* Families of operators, and which of them a type takes. Inside of filter/ only. */
#ifndef DF_ENGINE_FUNNEL_FILTER_OPERATORS_H
#define DF_ENGINE_FUNNEL_FILTER_OPERATORS_H

#include "base/error.h"
#include "engine/funnel/filter/spec.h"
#include "format/type.h"

#define DF_FUNNEL_BIT(op) (UINT32_C(1) << (op))

enum {
    DF_FUNNEL_NULL_OPS = DF_FUNNEL_BIT(DF_FUNNEL_IS_NULL) | DF_FUNNEL_BIT(DF_FUNNEL_IS_NOT_NULL),
    DF_FUNNEL_EQUAL_OPS = DF_FUNNEL_BIT(DF_FUNNEL_EQ) | DF_FUNNEL_BIT(DF_FUNNEL_NE) | DF_FUNNEL_BIT(DF_FUNNEL_IN) |
                          DF_FUNNEL_BIT(DF_FUNNEL_NOT_IN),
    DF_FUNNEL_ORDER_OPS = DF_FUNNEL_BIT(DF_FUNNEL_GT) | DF_FUNNEL_BIT(DF_FUNNEL_GE) | DF_FUNNEL_BIT(DF_FUNNEL_LT) |
                          DF_FUNNEL_BIT(DF_FUNNEL_LE),
    DF_FUNNEL_TEXT_OPS = DF_FUNNEL_BIT(DF_FUNNEL_CONTAINS) | DF_FUNNEL_BIT(DF_FUNNEL_NOT_CONTAINS) |
                         DF_FUNNEL_BIT(DF_FUNNEL_STARTS_WITH) | DF_FUNNEL_BIT(DF_FUNNEL_ENDS_WITH) |
                         DF_FUNNEL_BIT(DF_FUNNEL_REGEX),
    DF_FUNNEL_LIST_OPS = DF_FUNNEL_BIT(DF_FUNNEL_HAS) | DF_FUNNEL_BIT(DF_FUNNEL_HAS_ANY) |
                         DF_FUNNEL_BIT(DF_FUNNEL_HAS_ALL) | DF_FUNNEL_BIT(DF_FUNNEL_EMPTY) |
                         DF_FUNNEL_BIT(DF_FUNNEL_NOT_EMPTY),
    DF_FUNNEL_NEGATIVE_OPS = DF_FUNNEL_BIT(DF_FUNNEL_NE) | DF_FUNNEL_BIT(DF_FUNNEL_NOT_CONTAINS) |
                             DF_FUNNEL_BIT(DF_FUNNEL_NOT_IN) | DF_FUNNEL_BIT(DF_FUNNEL_NOT_EMPTY),
    DF_FUNNEL_TRUE_ON_NULL_OPS = DF_FUNNEL_BIT(DF_FUNNEL_NE) | DF_FUNNEL_BIT(DF_FUNNEL_NOT_CONTAINS) |
                                 DF_FUNNEL_BIT(DF_FUNNEL_NOT_IN) | DF_FUNNEL_BIT(DF_FUNNEL_IS_NULL),
};

static inline bool df_funnel_op_is(enum df_funnel_op op, uint32_t ops)
{
    return (DF_FUNNEL_BIT(op) & ops) != 0;
}

/* Does a column of the type take the leaf's operator and delimiter? Fails with invalid: what it takes instead. */
int df_funnel_operator_check(const struct df_funnel_leaf *leaf, const struct df_type *type, struct df_error *error);

#endif
