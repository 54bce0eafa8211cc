/* One type per column, over all files and parts: what may meet, and what it is then. */
#include "engine/funnel/language/shown.h"
#include "engine/funnel/result/tables.h"

static bool is_text(enum df_type_kind kind)
{
    return kind == DF_TYPE_STRING || kind == DF_TYPE_BINARY;
}

/* Widens *type so that values of `other` fit too; false when they cannot meet. Widths of integers and the precision of
 * decimals do not matter; scales and units do, because values are compared as they are stored. */
static bool unify(struct df_type *type, const struct df_type *other)
{
    if (other->kind == DF_TYPE_NULL)
        return true;
    if (type->kind == DF_TYPE_NULL) {
        *type = *other;
        return true;
    }
    if (type->list != other->list)
        return false;
    if (is_text(type->kind) && is_text(other->kind)) {
        if (other->kind == DF_TYPE_STRING)
            type->kind = DF_TYPE_STRING;
        return true;
    }
    if (type->kind != other->kind)
        return false;
    if (other->bits > type->bits)
        type->bits = other->bits;
    if (type->kind == DF_TYPE_DECIMAL && other->precision > type->precision)
        type->precision = other->precision;
    bool same_unit = (type->kind != DF_TYPE_TIMESTAMP && type->kind != DF_TYPE_TIME) || type->unit == other->unit;
    return same_unit && (type->kind != DF_TYPE_DECIMAL || type->scale == other->scale);
}

static void set_form(struct df_funnel_table *table, uint32_t column, const struct df_type *type)
{
    if (table->classes && table->column == column && type->kind != DF_TYPE_NULL && !type->list)
        table->values.form = df_funnel_form_of(type);
}

void df_funnel_result_set_forms(struct df_funnel_result *result, uint32_t column)
{
    for (uint32_t i = 0; i < result->table_count; i++)
        set_form(&result->tables[i], column, &result->types[column]);
    set_form(&result->breakdown, column, &result->types[column]);
}

int df_funnel_result_set_type(struct df_funnel_result *result, uint32_t column, const struct df_type *type,
                              struct df_error *error)
{
    struct df_type unified = result->types_known[column] ? result->types[column] : *type;
    if (!unify(&unified, type)) {
        char one[DF_TYPE_TEXT_BYTES], other[DF_TYPE_TEXT_BYTES], name[DF_FUNNEL_SHOWN_BYTES];
        return df_error_set(error, DF_ERROR_INVALID,
                            "%s: column '%s' is %s in some files and %s in others: values of both cannot be told to be "
                            "equal; query them apart, or write the files with one type",
                            result->request->columns[column].place,
                            df_funnel_shown(df_slice_text(result->request->columns[column].name), name),
                            df_type_text(&result->types[column], one), df_type_text(type, other));
    }
    result->types[column] = unified;
    result->types_known[column] = true;
    df_funnel_result_set_forms(result, column);
    return 0;
}
