#include "engine/funnel/rows/columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/size.h"
#include "engine/funnel/language/shown.h"
#include "engine/funnel/rows/columns_check.h"

enum { NAMES_SHOWN_MAX = 12 };

/* ---- messages ---- */

/* Names of the file's columns, then those of its directories. */
static uint32_t name_count(const struct df_funnel_columns_find *find)
{
    return df_parquet_column_count(find->file) + find->directories->count;
}

static const char *name_at(const struct df_funnel_columns_find *find, uint32_t i)
{
    uint32_t columns = df_parquet_column_count(find->file);
    return i < columns ? df_parquet_column(find->file, i)->name : find->directories->items[i - columns].name;
}

static void put_names(const struct df_funnel_columns_find *find, struct df_buf *out)
{
    uint32_t count = name_count(find);
    for (uint32_t i = 0; i < count && i < NAMES_SHOWN_MAX; i++) {
        df_buf_put_text(out, i ? ", " : "");
        df_funnel_put_shown(out, df_slice_text(name_at(find, i)), 40);
    }
    if (count > NAMES_SHOWN_MAX)
        df_buf_printf(out, " and %u more", count - NAMES_SHOWN_MAX);
}

static const char *nearest(const struct df_funnel_columns_find *find, const char *name)
{
    uint32_t count = name_count(find);
    const char **names = calloc(count ? count : 1, sizeof *names);
    if (!names)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        names[i] = name_at(find, i);
    const char *found = df_nearest_name(name, names, count);
    free(names);
    return found;
}

static int no_column(const struct df_funnel_columns_find *find, const char *place, const char *name,
                     struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES], near_shown[DF_FUNNEL_SHOWN_BYTES];
    struct df_buf message = {0};
    const char *near = nearest(find, name);
    /* The words of the original, for its clients. */
    df_buf_printf(&message, "%s: Column '%s' not in dataset", place, df_funnel_shown(df_slice_text(name), shown));
    if (near)
        df_buf_printf(&message, "; did you mean '%s'? It has: ", df_funnel_shown(df_slice_text(near), near_shown));
    else
        df_buf_put_text(&message, "; it has: ");
    put_names(find, &message);
    int result = df_error_set(error, DF_ERROR_INVALID, "%s", df_buf_text(&message));
    df_buf_dispose(&message);
    return result;
}

/* The first leaf below a struct or map of that name, or NULL: such a column has values in its leaves only. */
static const struct df_parquet_column *leaf_below(const struct df_parquet_file *file, const char *name)
{
    size_t size = strlen(name);
    for (uint32_t i = 0; i < df_parquet_column_count(file); i++) {
        const struct df_parquet_column *leaf = df_parquet_column(file, i);
        if (strncmp(leaf->name, name, size) == 0 && leaf->name[size] == '.')
            return leaf;
    }
    return NULL;
}

static int only_leaves(const char *place, const char *name, const struct df_parquet_column *leaf,
                       struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES], leaf_shown[DF_FUNNEL_SHOWN_BYTES];
    df_funnel_shown(df_slice_text(name), shown);
    if (leaf->unsupported)
        return df_error_set(error, DF_ERROR_UNSUPPORTED, "%s: column '%s' cannot be read: %s is not supported", place,
                            shown, leaf->unsupported);
    return df_error_set(error, DF_ERROR_INVALID, "%s: column '%s' is a struct; name one of its fields, as '%s'", place,
                        shown, df_funnel_shown(df_slice_text(leaf->name), leaf_shown));
}

/* ---- finding ---- */

/* Position of a file's column in columns->columns, added when it is new. */
static int add_column(struct df_funnel_columns *columns, const struct df_funnel_columns_find *find, const char *place,
                      const char *name, uint32_t *at, struct df_error *error)
{
    int64_t found = df_parquet_column_find(find->file, name);
    const struct df_parquet_column *below = found < 0 ? leaf_below(find->file, name) : NULL;
    if (below)
        return only_leaves(place, name, below, error);
    if (found < 0)
        return no_column(find, place, name, error);
    const struct df_parquet_column *column = df_parquet_column(find->file, (uint32_t)found);
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (column->unsupported)
        return df_error_set(error, DF_ERROR_UNSUPPORTED, "%s: column '%s' cannot be read: %s is not supported", place,
                            df_funnel_shown(df_slice_text(name), shown), column->unsupported);
    for (*at = 0; *at < columns->column_count; ++*at)
        if (columns->columns[*at] == (uint32_t)found)
            return 0;
    columns->columns[columns->column_count++] = (uint32_t)found;
    return 0;
}

static const struct df_type *type_at(const struct df_funnel_columns *columns, const struct df_funnel_columns_find *find,
                                     uint32_t at)
{
    return &df_parquet_column(find->file, columns->columns[at])->type;
}

static const struct df_funnel_directory *find_directory(const struct df_funnel_columns_find *find, const char *name)
{
    for (uint32_t i = 0; i < find->directories->count; i++)
        if (strcmp(find->directories->items[i].name, name) == 0)
            return &find->directories->items[i];
    return NULL;
}

static bool is_string_directory(const struct df_funnel_columns_find *find, const struct df_funnel_directory *directory)
{
    for (uint32_t i = 0; i < find->string_directory_count; i++)
        if (strcmp(find->string_directories[i], directory->name) == 0)
            return true;
    return !directory->integer;
}

/* Type and value of a directory column. */
static void take_directory(const struct df_funnel_columns_find *find, const struct df_funnel_directory *directory,
                           struct df_type *type, struct df_parquet_value *fixed, bool *null)
{
    *null = directory->value.data == NULL;
    if (is_string_directory(find, directory)) {
        *type = (struct df_type){.kind = DF_TYPE_STRING};
        *fixed = (struct df_parquet_value){.kind = DF_VECTOR_BYTES, .as = {.bytes = directory->value}};
        return;
    }
    *type = (struct df_type){.kind = DF_TYPE_INT64, .bits = 64};
    *fixed = (struct df_parquet_value){.kind = DF_VECTOR_INT64};
    if (!*null)
        df_funnel_directory_integer(directory->value, &fixed->as.int64);
}

static int not_a_directory(const struct df_funnel_columns_find *find, const char *place, const char *name,
                           struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (!find_directory(find, name))
        return 0;
    return df_error_set(error, DF_ERROR_INVALID,
                        "%s: column '%s' is a directory of the path, the same for all rows of the file; name a column "
                        "of the file, or rename the directory",
                        place, df_funnel_shown(df_slice_text(name), shown));
}

static int find_user(struct df_funnel_columns *columns, const struct df_funnel_columns_find *find,
                     struct df_error *error)
{
    const char *place = "dataset.user", *name = find->request->dataset.user;
    if (not_a_directory(find, place, name, error) < 0 ||
        add_column(columns, find, place, name, &columns->user_at, error) < 0)
        return -1;
    columns->user_type = *type_at(columns, find, columns->user_at);
    return df_funnel_check_user(place, name, &columns->user_type, &columns->kind, error);
}

static int find_time(struct df_funnel_columns *columns, const struct df_funnel_columns_find *find,
                     struct df_error *error)
{
    const char *place = "dataset.time", *name = find->request->dataset.time;
    if (not_a_directory(find, place, name, error) < 0 ||
        add_column(columns, find, place, name, &columns->time_at, error) < 0)
        return -1;
    return df_funnel_check_time(place, name, type_at(columns, find, columns->time_at), &columns->time, error);
}

static int find_leaf(struct df_funnel_columns *columns, const struct df_funnel_columns_find *find, uint32_t index,
                     struct df_error *error)
{
    const struct df_funnel_leaf *leaf = &find->request->filters.leaves[index];
    struct df_funnel_filter_column *column = &columns->leaves[index];
    const struct df_funnel_directory *directory = find_directory(find, leaf->column);
    if (directory) {
        column->vector = DF_FUNNEL_FILTER_FIXED;
        take_directory(find, directory, &column->type, &column->fixed, &column->fixed_null);
        return 0;
    }
    struct df_buf place = {0};
    df_buf_printf(&place, "%s%s", leaf->place, leaf->shorthand ? "[0]" : ".column");
    int result = add_column(columns, find, df_buf_text(&place), leaf->column, &column->vector, error);
    df_buf_dispose(&place);
    if (result == 0)
        column->type = *type_at(columns, find, column->vector);
    return result;
}

static int find_value(struct df_funnel_columns *columns, const struct df_funnel_columns_find *find, uint32_t index,
                      struct df_error *error)
{
    const struct df_funnel_column *wanted = &find->request->columns[index];
    struct df_funnel_value_column *column = &columns->values[index];
    const struct df_funnel_directory *directory = find_directory(find, wanted->name);
    if (directory) {
        column->vector = DF_FUNNEL_FILTER_FIXED;
        take_directory(find, directory, &column->type, &column->fixed, &column->fixed_null);
    } else if (add_column(columns, find, wanted->place, wanted->name, &column->vector, error) < 0) {
        return -1;
    } else {
        column->type = *type_at(columns, find, column->vector);
    }
    return df_funnel_check_value(wanted, &column->type, error);
}

static int find_all(struct df_funnel_columns *columns, const struct df_funnel_columns_find *find,
                    struct df_error *error)
{
    const struct df_funnel_request *request = find->request;
    columns->unusable = true;
    if (find_user(columns, find, error) < 0 || find_time(columns, find, error) < 0)
        return -1;
    columns->unusable = false;
    for (uint32_t i = 0; i < request->filters.leaf_count; i++)
        if (find_leaf(columns, find, i, error) < 0)
            return -1;
    for (uint32_t i = 0; i < request->column_count; i++)
        if (request->columns[i].facts && find_value(columns, find, i, error) < 0)
            return -1;
    columns->facts_count = columns->column_count;
    for (uint32_t i = 0; i < request->column_count; i++)
        if (!request->columns[i].facts && find_value(columns, find, i, error) < 0)
            return -1;
    return 0;
}

int df_funnel_columns_find(struct df_funnel_columns *columns, const struct df_funnel_columns_find *find,
                           struct df_error *error)
{
    const struct df_funnel_request *request = find->request;
    size_t most;
    *columns = (struct df_funnel_columns){0};
    if (df_size_add(&most, (size_t)request->filters.leaf_count + 2, request->column_count) == 0) {
        columns->columns = calloc(most, sizeof *columns->columns);
        columns->leaves = calloc((size_t)request->filters.leaf_count + 1, sizeof *columns->leaves);
        columns->values = calloc((size_t)request->column_count + 1, sizeof *columns->values);
    }
    if (!columns->columns || !columns->leaves || !columns->values) {
        df_funnel_columns_dispose(columns);
        return df_error_no_memory(error, "looking at a file's columns");
    }
    if (find_all(columns, find, error) == 0)
        return 0;
    bool unusable = columns->unusable;
    df_funnel_columns_dispose(columns);
    columns->unusable = unusable;
    return df_error_prefix(error, "%s", find->uri);
}

void df_funnel_columns_dispose(struct df_funnel_columns *columns)
{
    free(columns->columns);
    free(columns->leaves);
    free(columns->values);
    *columns = (struct df_funnel_columns){0};
}
