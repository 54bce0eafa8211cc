/* Adding one result to another of the same request: first room for everything, which may fail, then the numbers, which
 * cannot. */
#include "engine/funnel/result/tables.h"

static int check_types(struct df_funnel_result *to, const struct df_funnel_result *from, struct df_error *error)
{
    for (uint32_t i = 0; i < to->request->column_count; i++)
        if (from->types_known[i] && df_funnel_result_set_type(to, i, &from->types[i], error) < 0)
            return -1;
    return 0;
}

static bool reserve_durations(struct df_funnel_result *to, const struct df_funnel_result *from)
{
    for (uint32_t i = 0; to->from_start && i < to->depth_count; i++)
        if (!df_funnel_sketch_reserve(&to->from_start[i].sketch, to->account, &from->from_start[i].sketch) ||
            !df_funnel_sketch_reserve(&to->from_previous[i].sketch, to->account, &from->from_previous[i].sketch))
            return false;
    return true;
}

static bool reserve_scalars(struct df_funnel_result *to, const struct df_funnel_result *from)
{
    for (uint32_t i = 0; i < to->scalar_count; i++)
        for (uint32_t class = 0; class < to->scalars[i].classes->count; class ++)
            if (!df_funnel_scalar_reserve(&to->scalars[i].items[class], to->account, &from->scalars[i].items[class]))
                return false;
    return true;
}

static bool reserve_tables(struct df_funnel_result *to, struct df_funnel_result *from)
{
    struct df_funnel_table *table;
    for (uint32_t i = 0; (table = df_funnel_result_table(to, i)) != NULL; i++)
        if (!df_funnel_table_reserve(table, df_funnel_result_table(from, i)))
            return false;
    return !to->has_trend || df_funnel_table_reserve(&to->trend, &from->trend);
}

int df_funnel_result_absorb_reserve(struct df_funnel_result *to, struct df_funnel_result *from, struct df_error *error)
{
    if (check_types(to, from, error) < 0)
        return -1;
    if (!reserve_durations(to, from) || !reserve_scalars(to, from) || !reserve_tables(to, from))
        return DF_FUNNEL_OVER;
    return DF_FUNNEL_DONE;
}

static void add_numbers(struct df_funnel_result *to, const struct df_funnel_result *from)
{
    to->groups += from->groups;
    to->group_rows += from->group_rows;
    to->matching_groups += from->matching_groups;
    to->matching_rows += from->matching_rows;
    for (uint32_t i = 0; i <= to->depth_count; i++) {
        to->depths[i].units += from->depths[i].units;
        to->depths[i].rows += from->depths[i].rows;
        to->depths[i].users += from->depths[i].users;
    }
}

static void add_duration(struct df_funnel_result *to, struct df_funnel_duration *duration,
                         const struct df_funnel_duration *from)
{
    df_funnel_total_merge(&duration->total, &from->total);
    (void)df_funnel_sketch_merge(&duration->sketch, to->account, &from->sketch); /* reserved */
}

void df_funnel_result_absorb_add(struct df_funnel_result *to, struct df_funnel_result *from)
{
    struct df_funnel_table *table;
    add_numbers(to, from);
    for (uint32_t i = 0; to->from_start && i < to->depth_count; i++) {
        add_duration(to, &to->from_start[i], &from->from_start[i]);
        add_duration(to, &to->from_previous[i], &from->from_previous[i]);
    }
    for (uint32_t i = 0; i < to->scalar_count; i++) {
        struct df_funnel_scalars *scalars = &to->scalars[i];
        for (uint32_t class = 0; class < scalars->classes->count; class ++)
            df_funnel_scalar_add(&scalars->items[class], to->account, &from->scalars[i].items[class],
                                 to->types[scalars->column].kind);
    }
    for (uint32_t i = 0; (table = df_funnel_result_table(to, i)) != NULL; i++)
        df_funnel_table_add(table, df_funnel_result_table(from, i));
    if (to->has_trend)
        df_funnel_table_add(&to->trend, &from->trend);
    /* A table that was taken over whole may be of a part that saw nothing but nulls. */
    for (uint32_t i = 0; i < to->request->column_count; i++)
        if (to->types_known[i])
            df_funnel_result_set_forms(to, i);
}

int df_funnel_result_absorb(struct df_funnel_result *to, struct df_funnel_result *from, struct df_error *error)
{
    int reserved = df_funnel_result_absorb_reserve(to, from, error);
    if (reserved == DF_FUNNEL_DONE)
        df_funnel_result_absorb_add(to, from);
    return reserved;
}
