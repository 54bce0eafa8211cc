#include "engine/funnel/columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "engine/funnel/shown.h"

enum { NAMES_SHOWN_MAX = 12 };

/* ---- finding ---- */

static void put_names(const struct df_parquet_file *file, struct df_buf *out)
{
    uint32_t count = df_parquet_column_count(file);
    for (uint32_t i = 0; i < count && i < NAMES_SHOWN_MAX; i++) {
        df_buf_put_text(out, i ? ", " : "");
        df_funnel_put_shown(out, df_slice_text(df_parquet_column(file, i)->name), 40);
    }
    if (count > NAMES_SHOWN_MAX)
        df_buf_printf(out, " and %u more", count - NAMES_SHOWN_MAX);
}

static const char *nearest(const struct df_parquet_file *file, const char *name)
{
    uint32_t count = df_parquet_column_count(file);
    const char **names = calloc(count ? count : 1, sizeof *names);
    if (!names)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        names[i] = df_parquet_column(file, i)->name;
    const char *found = df_nearest_name(name, names, count);
    free(names);
    return found;
}

static int no_column(const struct df_parquet_file *file, const char *uri, const char *name, struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES], near_shown[DF_FUNNEL_SHOWN_BYTES];
    struct df_buf message = {0};
    const char *near = nearest(file, name);
    df_buf_printf(&message, "%s has no column '%s'", uri, df_funnel_shown(df_slice_text(name), shown));
    if (near)
        df_buf_printf(&message, "; did you mean '%s'?", df_funnel_shown(df_slice_text(near), near_shown));
    df_buf_put_text(&message, near ? " It has: " : "; it has: ");
    put_names(file, &message);
    int result = df_error_set(error, DF_ERROR_INVALID, "%s", df_buf_text(&message));
    df_buf_dispose(&message);
    return result;
}

/* The first leaf below a list, map or struct of that name, or NULL: such a column has values in its leaves only. */
static const char *leaf_below(const struct df_parquet_file *file, const char *name)
{
    size_t size = strlen(name);
    for (uint32_t i = 0; i < df_parquet_column_count(file); i++) {
        const char *leaf = df_parquet_column(file, i)->name;
        if (strncmp(leaf, name, size) == 0 && leaf[size] == '.')
            return leaf;
    }
    return NULL;
}

static int not_flat(const char *uri, const char *name, const char *leaf, struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES], leaf_shown[DF_FUNNEL_SHOWN_BYTES];
    return df_error_set(error, DF_ERROR_UNSUPPORTED,
                        "%s: column '%s' cannot be read: a list, map or struct is not supported (its first leaf is "
                        "'%s')",
                        uri, df_funnel_shown(df_slice_text(name), shown),
                        df_funnel_shown(df_slice_text(leaf), leaf_shown));
}

/* Position of a column in columns->columns, added when it is new. */
static int add_column(struct df_funnel_columns *columns, const struct df_parquet_file *file, const char *uri,
                      const char *name, uint32_t *at, struct df_error *error)
{
    int64_t found = df_parquet_column_find(file, name);
    const char *leaf = found < 0 ? leaf_below(file, name) : NULL;
    if (leaf)
        return not_flat(uri, name, leaf, error);
    if (found < 0)
        return no_column(file, uri, name, error);
    const struct df_parquet_column *column = df_parquet_column(file, (uint32_t)found);
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (column->unsupported)
        return df_error_set(error, DF_ERROR_UNSUPPORTED, "%s: column '%s' cannot be read: %s is not supported", uri,
                            df_funnel_shown(df_slice_text(name), shown), column->unsupported);
    for (*at = 0; *at < columns->column_count; ++*at)
        if (columns->columns[*at] == (uint32_t)found)
            return 0;
    columns->columns[columns->column_count++] = (uint32_t)found;
    return 0;
}

static const struct df_parquet_column *column_at(const struct df_funnel_columns *columns,
                                                 const struct df_parquet_file *file, uint32_t at)
{
    return df_parquet_column(file, columns->columns[at]);
}

/* ---- types ---- */

static bool is_uint64(const struct df_parquet_column *column)
{
    return column->physical == DF_PARQUET_INT64 && column->meaning == DF_PARQUET_UNSIGNED;
}

/* Values whose numbers alone do not say what they are: comparing them as integers would be wrong without a word. */
static const char *strange_meaning(const struct df_parquet_column *column)
{
    if (column->meaning == DF_PARQUET_DECIMAL)
        return "a decimal";
    if (column->meaning == DF_PARQUET_TIME)
        return "a time of day";
    return column->meaning == DF_PARQUET_OTHER ? "of an unknown logical type" : NULL;
}

static const char *kind_text(const struct df_parquet_column *column)
{
    const char *strange = strange_meaning(column);
    if (strange)
        return strange;
    switch (column->kind) {
    case DF_VECTOR_BOOL:
        return "a boolean";
    case DF_VECTOR_INT64:
        return "an integer";
    case DF_VECTOR_FLOAT64:
        return "a float";
    default:
        return "a string";
    }
}

static int find_user(struct df_funnel_columns *columns, const struct df_parquet_file *file, const char *uri,
                     const char *name, struct df_error *error)
{
    if (add_column(columns, file, uri, name, &columns->user_at, error) < 0)
        return -1;
    const struct df_parquet_column *column = column_at(columns, file, columns->user_at);
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (column->kind == DF_VECTOR_BOOL || column->kind == DF_VECTOR_FLOAT64 || strange_meaning(column))
        return df_error_set(error, DF_ERROR_INVALID,
                            "%s: column '%s' cannot tell users apart: it is %s; name one of integers or strings", uri,
                            df_funnel_shown(df_slice_text(name), shown), kind_text(column));
    columns->kind = column->kind != DF_VECTOR_INT64 ? DF_FUNNEL_KEY_BYTES
                    : is_uint64(column)             ? DF_FUNNEL_KEY_UINT64
                                                    : DF_FUNNEL_KEY_INT64;
    return 0;
}

static enum df_funnel_time time_of(const struct df_parquet_column *column)
{
    switch (column->meaning) {
    case DF_PARQUET_DATE:
        return DF_FUNNEL_TIME_DATE;
    case DF_PARQUET_TIMESTAMP_MS:
        return DF_FUNNEL_TIME_MS;
    case DF_PARQUET_TIMESTAMP_US:
        return DF_FUNNEL_TIME_US;
    case DF_PARQUET_TIMESTAMP_NS:
        return DF_FUNNEL_TIME_NS;
    default:
        return is_uint64(column) ? DF_FUNNEL_TIME_UINT64 : DF_FUNNEL_TIME_INT64;
    }
}

static int find_time(struct df_funnel_columns *columns, const struct df_parquet_file *file, const char *uri,
                     const char *name, struct df_error *error)
{
    if (add_column(columns, file, uri, name, &columns->time_at, error) < 0)
        return -1;
    const struct df_parquet_column *column = column_at(columns, file, columns->time_at);
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (column->kind != DF_VECTOR_INT64 || strange_meaning(column))
        return df_error_set(error, DF_ERROR_INVALID,
                            "%s: column '%s' cannot be the time: it is %s; name one of integers, timestamps or dates",
                            uri, df_funnel_shown(df_slice_text(name), shown), kind_text(column));
    columns->time = time_of(column);
    return 0;
}

static enum df_funnel_column filter_kind(const struct df_parquet_column *column)
{
    switch (column->kind) {
    case DF_VECTOR_BOOL:
        return DF_FUNNEL_COLUMN_BOOL;
    case DF_VECTOR_INT64:
        return is_uint64(column) ? DF_FUNNEL_COLUMN_UINT64 : DF_FUNNEL_COLUMN_INT64;
    case DF_VECTOR_FLOAT64:
        return DF_FUNNEL_COLUMN_FLOAT64;
    default:
        return DF_FUNNEL_COLUMN_BYTES;
    }
}

static int find_filter(struct df_funnel_columns *columns, const struct df_parquet_file *file, const char *uri,
                       const struct df_funnel_filter_spec *spec, struct df_budget *budget, struct df_error *error)
{
    uint32_t at = 0;
    if (add_column(columns, file, uri, spec->column, &at, error) < 0)
        return df_error_prefix(error, "funnel.sequence[%u].filter", spec->step);
    const struct df_parquet_column *column = column_at(columns, file, at);
    const char *strange = strange_meaning(column);
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (strange && column->meaning != DF_PARQUET_OTHER)
        return df_error_set(error, DF_ERROR_UNSUPPORTED,
                            "%s: column '%s' is %s, which filters do not take; name another column", uri,
                            df_funnel_shown(df_slice_text(spec->column), shown), strange);
    columns->filters_at[columns->filter_count] = at;
    if (df_funnel_filter_compile(&columns->filters[columns->filter_count], spec, filter_kind(column), budget, error) <
        0)
        return df_error_prefix(error, "%s", uri);
    columns->filter_count++;
    return 0;
}

int df_funnel_columns_find(struct df_funnel_columns *columns, const struct df_parquet_file *file, const char *uri,
                           const struct df_funnel_request *request, struct df_budget *budget, struct df_error *error)
{
    *columns = (struct df_funnel_columns){0};
    columns->columns = calloc((size_t)request->filter_count + 2, sizeof *columns->columns);
    columns->filters_at = calloc((size_t)request->filter_count + 1, sizeof *columns->filters_at);
    columns->filters = calloc((size_t)request->filter_count + 1, sizeof *columns->filters);
    int result = -1;
    if (!columns->columns || !columns->filters_at || !columns->filters)
        df_error_no_memory(error, "looking at a file's columns");
    else if (find_user(columns, file, uri, request->user, error) == 0 &&
             find_time(columns, file, uri, request->time, error) == 0)
        result = 0;
    for (uint32_t i = 0; result == 0 && i < request->filter_count; i++)
        result = find_filter(columns, file, uri, &request->filters[i], budget, error);
    if (result < 0)
        df_funnel_columns_dispose(columns);
    return result;
}

void df_funnel_columns_dispose(struct df_funnel_columns *columns)
{
    for (uint32_t i = 0; i < columns->filter_count; i++)
        df_funnel_filter_dispose(&columns->filters[i]);
    free(columns->columns);
    free(columns->filters_at);
    free(columns->filters);
    *columns = (struct df_funnel_columns){0};
}
