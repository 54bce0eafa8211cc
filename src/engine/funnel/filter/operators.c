#include "engine/funnel/filter/operators.h"

#include "engine/funnel/filter/constants.h"
#include "engine/funnel/language/shown.h"

static uint32_t ops_of(const struct df_type *type, bool delimited)
{
    if (type->kind == DF_TYPE_NULL && !type->list)
        return UINT32_MAX;
    if (type->list || delimited)
        return DF_FUNNEL_LIST_OPS | DF_FUNNEL_NULL_OPS;
    if (type->kind == DF_TYPE_BOOL)
        return DF_FUNNEL_EQUAL_OPS | DF_FUNNEL_NULL_OPS;
    if (type->kind == DF_TYPE_STRING || type->kind == DF_TYPE_BINARY)
        return DF_FUNNEL_EQUAL_OPS | DF_FUNNEL_ORDER_OPS | DF_FUNNEL_TEXT_OPS | DF_FUNNEL_NULL_OPS;
    return DF_FUNNEL_EQUAL_OPS | DF_FUNNEL_ORDER_OPS | DF_FUNNEL_NULL_OPS;
}

static void put_column(const struct df_funnel_leaf *leaf, const struct df_type *column, enum df_funnel_member member,
                       struct df_buf *out)
{
    char type[DF_TYPE_TEXT_BYTES];
    df_funnel_put_place(out, leaf, member, 0);
    df_buf_put_text(out, ": column '");
    df_funnel_put_shown(out, df_slice_text(leaf->column), 64);
    df_buf_printf(out, "' is %s", df_type_text(column, type));
}

static int fail_with(struct df_buf *message, struct df_error *error)
{
    (void)df_error_set(error, DF_ERROR_INVALID, "%s", df_buf_text(message));
    df_buf_dispose(message);
    return -1;
}

static int wrong_op(const struct df_funnel_leaf *leaf, const struct df_type *type, uint32_t known,
                    struct df_error *error)
{
    struct df_buf out = {0};
    put_column(leaf, type, DF_FUNNEL_MEMBER_OP, &out);
    if (leaf->delimiter.data)
        df_buf_put_text(&out, " with a delimiter");
    df_buf_printf(&out, ", which does not take '%s'; it takes ", df_funnel_op_text(leaf->op));
    const char *between = "";
    for (int op = 0; op < DF_FUNNEL_OPS; op++) {
        if (!df_funnel_op_is((enum df_funnel_op)op, known))
            continue;
        df_buf_printf(&out, "%s%s", between, df_funnel_op_text((enum df_funnel_op)op));
        between = ", ";
    }
    if (df_funnel_op_is(leaf->op, DF_FUNNEL_LIST_OPS) && type->kind == DF_TYPE_STRING && !type->list)
        df_buf_put_text(&out, "; with a delimiter, such as '|', it is taken apart and takes this operator too");
    return fail_with(&out, error);
}

static int check_delimiter(const struct df_funnel_leaf *leaf, const struct df_type *type, struct df_error *error)
{
    struct df_buf out = {0};
    if (!leaf->delimiter.data || type->kind == DF_TYPE_NULL)
        return 0;
    if (!type->list && (type->kind == DF_TYPE_STRING || type->kind == DF_TYPE_BINARY)) {
        if (leaf->delimiter.size)
            return 0;
        df_funnel_put_place(&out, leaf, DF_FUNNEL_MEMBER_DELIMITER, 0);
        df_buf_put_text(&out, ": a delimiter has at least one character; found an empty string");
        return fail_with(&out, error);
    }
    put_column(leaf, type, DF_FUNNEL_MEMBER_DELIMITER, &out);
    df_buf_put_text(&out, type->list ? ", which needs no delimiter; leave it out"
                                     : "; only strings are taken apart by a delimiter: leave it out");
    return fail_with(&out, error);
}

int df_funnel_operator_check(const struct df_funnel_leaf *leaf, const struct df_type *type, struct df_error *error)
{
    uint32_t known = ops_of(type, leaf->delimiter.data != NULL);
    if (check_delimiter(leaf, type, error) < 0)
        return -1;
    return df_funnel_op_is(leaf->op, known) ? 0 : wrong_op(leaf, type, known, error);
}
