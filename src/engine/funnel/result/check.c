/* Do the types of the files serve the aggregations and the breakdown? Known only when a file is open. */
#include <stdio.h>

#include "engine/funnel/language/shown.h"
#include "engine/funnel/result/measure.h"

static bool is_number(const struct df_type *type)
{
    return !type->list && (type->kind == DF_TYPE_NULL || type->kind == DF_TYPE_INT64 || type->kind == DF_TYPE_UINT64 ||
                           type->kind == DF_TYPE_FLOAT || type->kind == DF_TYPE_DECIMAL);
}

static int refuse(const struct df_funnel_request *request, const char *place, const char *member, uint32_t column,
                  const struct df_type *type, const char *wanted, struct df_error *error)
{
    char text[DF_TYPE_TEXT_BYTES], name[DF_FUNNEL_SHOWN_BYTES];
    return df_error_set(error, DF_ERROR_INVALID, "%s.%s: column '%s' is %s; %s", place, member,
                        df_funnel_shown(df_slice_text(request->columns[column].name), name), df_type_text(type, text),
                        wanted);
}

static int check_aggregation(const struct df_funnel_request *request, const struct df_funnel_aggregation *item,
                             const struct df_type *types, struct df_error *error)
{
    const struct df_type *type = &types[item->column];
    char wanted[96];
    const char *name = df_funnel_aggregation_name(item->type);
    if (type->list && item->type != DF_FUNNEL_AGG_COUNT) {
        (void)snprintf(wanted, sizeof wanted, "'%s' does not look into lists, only 'count' takes one", name);
        return refuse(request, item->place, "column", item->column, type, wanted, error);
    }
    (void)snprintf(wanted, sizeof wanted, "'%s' takes integers, floats and decimals", name);
    bool numeric =
        item->type == DF_FUNNEL_AGG_SUM || item->type == DF_FUNNEL_AGG_MEAN || item->type == DF_FUNNEL_AGG_QUANTILES;
    if (numeric && !is_number(type))
        return refuse(request, item->place, "column", item->column, type, wanted, error);
    if (item->other != DF_FUNNEL_NONE && !is_number(&types[item->other]))
        return refuse(request, item->place, "otherColumn", item->other, &types[item->other], wanted, error);
    return 0;
}

static int check_list(const struct df_funnel_request *request, const struct df_funnel_aggregations *aggregations,
                      const struct df_type *types, struct df_error *error)
{
    for (uint32_t i = 0; i < aggregations->count; i++)
        if (check_aggregation(request, &aggregations->items[i], types, error) < 0)
            return -1;
    return 0;
}

int df_funnel_check_types(const struct df_funnel_request *request, const struct df_type *types, struct df_error *error)
{
    const struct df_funnel_funnel *funnel = &request->funnel;
    if (check_list(request, &request->aggregations, types, error) < 0 ||
        (funnel->given && (check_list(request, &funnel->step_aggregations, types, error) < 0 ||
                           check_list(request, &funnel->end_aggregations, types, error) < 0)))
        return -1;
    if (funnel->given && funnel->breakdown.given && types[funnel->breakdown.column].list)
        return refuse(request, "funnel.breakdown", "column", funnel->breakdown.column, &types[funnel->breakdown.column],
                      "a breakdown needs one value per row", error);
    for (uint32_t i = 0; funnel->given && funnel->cohort.given && i < funnel->cohort.column_count; i++) {
        uint32_t column = funnel->cohort.columns[i];
        if (types[column].list)
            return refuse(request, "funnel.export", "columns", column, &types[column],
                          "an export has one value per row and column", error);
    }
    return 0;
}
