/* Do the files of a query go together? The types of user, time and of all columns whose values are read must be the
 * same in all of them. The error names two files and both types. */
#include <stdio.h>

#include "engine/funnel/plan/query.h"

/* A column in which the writer saw no value fits every other. Widths of integers do not matter: values come widened. So
 * do floats, but 0.1 of one width is not 0.1 of another. */
static bool types_agree(const struct df_type *a, const struct df_type *b)
{
    if (a->kind == DF_TYPE_NULL || b->kind == DF_TYPE_NULL)
        return true;
    if (a->kind != b->kind || a->list != b->list)
        return false;
    if (a->kind == DF_TYPE_FLOAT)
        return a->bits == b->bits;
    if (a->kind == DF_TYPE_TIME || a->kind == DF_TYPE_TIMESTAMP)
        return a->unit == b->unit;
    /* Decimals of more than 18 digits are numbers of another size. */
    return a->kind != DF_TYPE_DECIMAL || (a->scale == b->scale && (a->precision > 18) == (b->precision > 18));
}

static struct df_funnel_time effective(const struct df_funnel_query *funnel, struct df_funnel_time time)
{
    if (!time.scale_known && (funnel->request.dataset.unit_given || funnel->unit_guessed)) {
        time.scale_known = true;
        time.scale = (enum df_funnel_scale)(funnel->unit_guessed ? funnel->guessed_unit : funnel->request.dataset.unit);
    }
    return time;
}

static bool times_agree(const struct df_funnel_query *funnel, const struct df_funnel_time *a,
                        const struct df_funnel_time *b)
{
    struct df_funnel_time x = effective(funnel, *a), y = effective(funnel, *b);
    return x.kind == y.kind && x.scale_known == y.scale_known && (!x.scale_known || x.scale == y.scale);
}

static int begin(struct df_query *query, const char *uri, const struct df_funnel_shape *shape, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_funnel_shape *agreed = &funnel->agreed.shape;
    *agreed = *shape;
    agreed->types = df_arena_array(&query->arena, shape->type_count, sizeof *agreed->types);
    funnel->agreed.uris = df_arena_array(&query->arena, shape->type_count, sizeof *funnel->agreed.uris);
    if (!agreed->types || !funnel->agreed.uris)
        return df_error_no_memory(error, "comparing files");
    for (uint32_t i = 0; i < shape->type_count; i++) {
        agreed->types[i] = shape->types[i];
        funnel->agreed.uris[i] = uri;
    }
    funnel->agreed.uri = funnel->agreed.time_uri = uri;
    funnel->agreed.begun = true;
    return 0;
}

/* "a float" says too little where two of them differ. */
static const char *type_text(const struct df_type *type, char place[DF_TYPE_TEXT_BYTES])
{
    if (type->kind != DF_TYPE_FLOAT || type->list)
        return df_type_text(type, place);
    snprintf(place, DF_TYPE_TEXT_BYTES, "a float of %u bits", type->bits);
    return place;
}

static int check_users(struct df_funnel_query *funnel, const char *uri, const struct df_funnel_shape *shape,
                       struct df_error *error)
{
    struct df_funnel_shape *agreed = &funnel->agreed.shape;
    char first[DF_TYPE_TEXT_BYTES], second[DF_TYPE_TEXT_BYTES];
    if (shape->user_type.kind == DF_TYPE_NULL)
        return 0; /* none of its rows has a user */
    if (agreed->user_type.kind == DF_TYPE_NULL) {
        agreed->kind = shape->kind;
        agreed->user_type = shape->user_type;
        funnel->agreed.uri = uri;
    }
    if (shape->kind == agreed->kind && types_agree(&shape->user_type, &agreed->user_type))
        return 0;
    return df_error_set(error, DF_ERROR_INVALID,
                        "the user column '%s' is %s in %s and %s in %s; query them apart, or write one of them again",
                        funnel->request.dataset.user, type_text(&agreed->user_type, first), funnel->agreed.uri,
                        type_text(&shape->user_type, second), uri);
}

static int check_times(struct df_funnel_query *funnel, const char *uri, const struct df_funnel_shape *shape,
                       bool strict, struct df_error *error)
{
    struct df_funnel_shape *agreed = &funnel->agreed.shape;
    if (shape->time_type.kind == DF_TYPE_NULL)
        return 0;
    if (agreed->time_type.kind == DF_TYPE_NULL) {
        agreed->time = shape->time;
        agreed->time_type = shape->time_type;
        funnel->agreed.time_uri = uri;
    }
    if (!strict || times_agree(funnel, &agreed->time, &shape->time))
        return 0;
    return df_error_set(error, DF_ERROR_INVALID,
                        "the time column '%s' is %s in %s and %s in %s; times that are compared must be of one kind",
                        funnel->request.dataset.time, df_funnel_time_text(&agreed->time), funnel->agreed.time_uri,
                        df_funnel_time_text(&shape->time), uri);
}

static int check_columns(struct df_funnel_query *funnel, const char *uri, const struct df_funnel_shape *shape,
                         struct df_error *error)
{
    struct df_funnel_shape *agreed = &funnel->agreed.shape;
    char first[DF_TYPE_TEXT_BYTES], second[DF_TYPE_TEXT_BYTES];
    for (uint32_t i = 0; i < shape->type_count; i++) {
        if (!types_agree(&agreed->types[i], &shape->types[i]))
            return df_error_set(error, DF_ERROR_INVALID,
                                "column '%s' is %s in %s and %s in %s; query them apart, or write one of them again",
                                funnel->request.columns[i].name, type_text(&agreed->types[i], first),
                                funnel->agreed.uris[i], type_text(&shape->types[i], second), uri);
        if (agreed->types[i].kind == DF_TYPE_NULL && shape->types[i].kind != DF_TYPE_NULL) {
            agreed->types[i] = shape->types[i];
            funnel->agreed.uris[i] = uri;
        }
    }
    return 0;
}

int df_funnel_agree(struct df_query *query, const char *uri, const struct df_funnel_shape *shape, bool times,
                    struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    if (!funnel->agreed.begun)
        return begin(query, uri, shape, error);
    if (check_users(funnel, uri, shape, error) < 0 || check_times(funnel, uri, shape, times, error) < 0)
        return -1;
    return check_columns(funnel, uri, shape, error);
}

bool df_funnel_scale(const struct df_funnel_query *funnel, enum df_funnel_scale *scale)
{
    if (!funnel->agreed.begun)
        return false;
    struct df_funnel_time time = effective(funnel, funnel->agreed.shape.time);
    *scale = time.scale;
    return time.scale_known;
}
