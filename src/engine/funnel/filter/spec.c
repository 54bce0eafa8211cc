#include "engine/funnel/filter/spec.h"

static const struct {
    const char *text;
    enum df_funnel_arity arity;
} ops[] = {
    [DF_FUNNEL_EQ] = {"==", DF_FUNNEL_ONE_VALUE},
    [DF_FUNNEL_NE] = {"!=", DF_FUNNEL_ONE_VALUE},
    [DF_FUNNEL_GT] = {">", DF_FUNNEL_ONE_VALUE},
    [DF_FUNNEL_GE] = {">=", DF_FUNNEL_ONE_VALUE},
    [DF_FUNNEL_LT] = {"<", DF_FUNNEL_ONE_VALUE},
    [DF_FUNNEL_LE] = {"<=", DF_FUNNEL_ONE_VALUE},
    [DF_FUNNEL_CONTAINS] = {"contains", DF_FUNNEL_ONE_VALUE},
    [DF_FUNNEL_NOT_CONTAINS] = {"not contains", DF_FUNNEL_ONE_VALUE},
    [DF_FUNNEL_STARTS_WITH] = {"starts with", DF_FUNNEL_ONE_VALUE},
    [DF_FUNNEL_ENDS_WITH] = {"ends with", DF_FUNNEL_ONE_VALUE},
    [DF_FUNNEL_REGEX] = {"regex", DF_FUNNEL_ONE_VALUE},
    [DF_FUNNEL_IN] = {"in", DF_FUNNEL_MANY_VALUES},
    [DF_FUNNEL_NOT_IN] = {"not in", DF_FUNNEL_MANY_VALUES},
    [DF_FUNNEL_IS_NULL] = {"is null", DF_FUNNEL_NO_VALUE},
    [DF_FUNNEL_IS_NOT_NULL] = {"is not null", DF_FUNNEL_NO_VALUE},
    [DF_FUNNEL_HAS] = {"has", DF_FUNNEL_ONE_VALUE},
    [DF_FUNNEL_HAS_ANY] = {"has any", DF_FUNNEL_MANY_VALUES},
    [DF_FUNNEL_HAS_ALL] = {"has all", DF_FUNNEL_MANY_VALUES},
    [DF_FUNNEL_EMPTY] = {"empty", DF_FUNNEL_NO_VALUE},
    [DF_FUNNEL_NOT_EMPTY] = {"not empty", DF_FUNNEL_NO_VALUE},
};
_Static_assert(sizeof ops / sizeof *ops == DF_FUNNEL_OPS, "every operator has a row");

const char *df_funnel_op_text(enum df_funnel_op op)
{
    return ops[op].text;
}

bool df_funnel_op_parse(struct df_slice text, enum df_funnel_op *out)
{
    for (unsigned op = 0; op < DF_FUNNEL_OPS; op++) {
        if (df_slice_is(text, ops[op].text)) {
            *out = (enum df_funnel_op)op;
            return true;
        }
    }
    return false;
}

enum df_funnel_arity df_funnel_op_arity(enum df_funnel_op op)
{
    return ops[op].arity;
}
