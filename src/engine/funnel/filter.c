/* Compiling: from a constant's text to the numbers that filter_eval.c compares with. */
#include "engine/funnel/filter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/funnel/exact.h"
#include "engine/funnel/shown.h"

static const char *const op_texts[DF_FUNNEL_OPS] = {"==", "!=", ">", ">=", "<", "<=", "contains", "not contains"};

const char *df_funnel_op_text(enum df_funnel_op op)
{
    return op_texts[op];
}

bool df_funnel_op_parse(struct df_slice text, enum df_funnel_op *out)
{
    for (int op = 0; op < DF_FUNNEL_OPS; op++) {
        if (df_slice_is(text, op_texts[op])) {
            *out = (enum df_funnel_op)op;
            return true;
        }
    }
    return false;
}

static const char *column_text(enum df_funnel_column column)
{
    switch (column) {
    case DF_FUNNEL_COLUMN_BOOL:
        return "a boolean";
    case DF_FUNNEL_COLUMN_INT64:
    case DF_FUNNEL_COLUMN_UINT64:
        return "an integer";
    case DF_FUNNEL_COLUMN_FLOAT64:
        return "a float";
    case DF_FUNNEL_COLUMN_BYTES:
        break;
    }
    return "a string";
}

/* The operator as the command line has it, for the way out. */
static const char *shown_op(enum df_funnel_op op)
{
    return op == DF_FUNNEL_EQ ? "=" : op_texts[op];
}

static bool looks_like_number(struct df_slice text)
{
    char copy[64], *end;
    if (text.size == 0 || text.size >= sizeof copy || strchr(" \t\n\r\v\fxXnNiIpP", text.data[0]))
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    (void)strtod(copy, &end);
    return end == copy + text.size;
}

static int wrong_type(const struct df_funnel_filter_spec *spec, enum df_funnel_column column, struct df_error *error)
{
    char name[DF_FUNNEL_SHOWN_BYTES], value[DF_FUNNEL_SHOWN_BYTES];
    (void)df_funnel_shown(df_slice_text(spec->column), name);
    (void)df_funnel_shown(spec->text, value);
    const char *op = shown_op(spec->op), *is = column_text(column);
    if (spec->type == DF_FUNNEL_BOOLEAN)
        (void)snprintf(value, sizeof value, "%s", spec->boolean ? "true" : "false");
    const char *quote = spec->type == DF_FUNNEL_STRING ? "'" : "";
    const char *type = spec->type == DF_FUNNEL_STRING   ? "a string"
                       : spec->type == DF_FUNNEL_NUMBER ? "a number"
                                                        : "a boolean";
    if (column == DF_FUNNEL_COLUMN_BYTES)
        return df_error_set(error, DF_ERROR_INVALID,
                            "funnel.sequence[%u].filter: column '%s' is %s and %s is %s; quote it: %s %s '%s'",
                            spec->step, name, is, value, type, name, op, value);
    if (column == DF_FUNNEL_COLUMN_BOOL)
        return df_error_set(error, DF_ERROR_INVALID,
                            "funnel.sequence[%u].filter: column '%s' is %s and %s%s%s is %s; compare it with true or "
                            "false: %s = true",
                            spec->step, name, is, quote, value, quote, type, name);
    if (spec->type == DF_FUNNEL_STRING && looks_like_number(spec->text))
        return df_error_set(error, DF_ERROR_INVALID,
                            "funnel.sequence[%u].filter: column '%s' is %s and '%s' is a string; write it without "
                            "quotes: %s %s %s",
                            spec->step, name, is, value, name, op, value);
    return df_error_set(error, DF_ERROR_INVALID,
                        "funnel.sequence[%u].filter: column '%s' is %s and %s%s%s is %s; compare it with a number",
                        spec->step, name, is, quote, value, quote, type);
}

static int wrong_op(const struct df_funnel_filter_spec *spec, enum df_funnel_column column, const char *known,
                    struct df_error *error)
{
    char name[DF_FUNNEL_SHOWN_BYTES];
    return df_error_set(
        error, DF_ERROR_INVALID, "funnel.sequence[%u].filter: column '%s' is %s, which does not take '%s'; it takes %s",
        spec->step, df_funnel_shown(df_slice_text(spec->column), name), column_text(column), op_texts[spec->op], known);
}

static int check(const struct df_funnel_filter_spec *spec, enum df_funnel_column column, struct df_error *error)
{
    enum df_funnel_value wanted = column == DF_FUNNEL_COLUMN_BYTES  ? DF_FUNNEL_STRING
                                  : column == DF_FUNNEL_COLUMN_BOOL ? DF_FUNNEL_BOOLEAN
                                                                    : DF_FUNNEL_NUMBER;
    if (column == DF_FUNNEL_COLUMN_BOOL && spec->op != DF_FUNNEL_EQ && spec->op != DF_FUNNEL_NE)
        return wrong_op(spec, column, "== and !=", error);
    if (column != DF_FUNNEL_COLUMN_BYTES && (spec->op == DF_FUNNEL_CONTAINS || spec->op == DF_FUNNEL_NOT_CONTAINS))
        return wrong_op(spec, column, "== != > >= < <=", error);
    return spec->type == wanted ? 0 : wrong_type(spec, column, error);
}

/* Integers that satisfy the comparison are one interval, or the outside of one. */
static void compile_integer(struct df_funnel_filter *filter, struct df_slice text)
{
    bool is_unsigned = filter->column == DF_FUNNEL_COLUMN_UINT64;
    const __int128 minimum = is_unsigned ? 0 : INT64_MIN, maximum = is_unsigned ? (__int128)UINT64_MAX : INT64_MAX;
    struct df_funnel_exact exact = df_funnel_exact_parse(text);
    __int128 low = minimum, high = maximum;
    switch (filter->op) {
    case DF_FUNNEL_GT:
        low = exact.floor + 1;
        break;
    case DF_FUNNEL_GE:
        low = exact.ceiling;
        break;
    case DF_FUNNEL_LT:
        high = exact.ceiling - 1;
        break;
    case DF_FUNNEL_LE:
        high = exact.floor;
        break;
    default: /* == and !=: from ceiling to floor, which is empty when there is a fraction */
        low = exact.ceiling;
        high = exact.floor;
        break;
    }
    filter->negate = filter->op == DF_FUNNEL_NE;
    low = low > minimum ? low : minimum;
    high = high < maximum ? high : maximum;
    filter->empty = low > high;
    if (!filter->empty) {
        filter->low = (uint64_t)low;
        filter->span = (uint64_t)high - (uint64_t)low;
    }
}

/* A literal beyond the range of double lies between the largest double and infinity: no number equals it. */
static void compile_beyond_range(struct df_funnel_filter *filter)
{
    bool positive = filter->number > 0;
    if (filter->op == DF_FUNNEL_EQ || filter->op == DF_FUNNEL_NE) {
        filter->constant = true;
        filter->constant_matches = filter->op == DF_FUNNEL_NE;
    } else if (filter->op == DF_FUNNEL_GT || filter->op == DF_FUNNEL_GE) {
        filter->op = positive ? DF_FUNNEL_GE : DF_FUNNEL_GT;
    } else {
        filter->op = positive ? DF_FUNNEL_LT : DF_FUNNEL_LE;
    }
}

static int compile_float(struct df_funnel_filter *filter, struct df_slice text, struct df_error *error)
{
    char *copy = df_slice_strdup(text);
    if (!copy)
        return df_error_no_memory(error, "compiling a filter");
    filter->number = strtod(copy, NULL);
    free(copy);
    if (isinf(filter->number))
        compile_beyond_range(filter);
    return 0;
}

int df_funnel_filter_compile(struct df_funnel_filter *filter, const struct df_funnel_filter_spec *spec,
                             enum df_funnel_column column, struct df_budget *budget, struct df_error *error)
{
    *filter = (struct df_funnel_filter){.column = column, .op = spec->op, .budget = budget, .text = spec->text};
    filter->null_matches = spec->op == DF_FUNNEL_NE || spec->op == DF_FUNNEL_NOT_CONTAINS;
    if (check(spec, column, error) < 0)
        return -1;
    switch (column) {
    case DF_FUNNEL_COLUMN_INT64:
    case DF_FUNNEL_COLUMN_UINT64:
        compile_integer(filter, spec->text);
        return 0;
    case DF_FUNNEL_COLUMN_FLOAT64:
        return compile_float(filter, spec->text, error);
    case DF_FUNNEL_COLUMN_BOOL:
        filter->negate = spec->boolean == (spec->op == DF_FUNNEL_NE);
        return 0;
    case DF_FUNNEL_COLUMN_BYTES:
        break;
    }
    return 0;
}

void df_funnel_filter_dispose(struct df_funnel_filter *filter)
{
    free(filter->dictionary.matches);
    df_budget_give(filter->budget, filter->dictionary.capacity);
    *filter = (struct df_funnel_filter){0};
}
