#include "cli/columns.h"

#include <stdlib.h>
#include <strings.h>

#include "engine/funnel/plan/bad_report.h"
#include "format/parquet/parquet.h"

static const char *const user_names[] = {"user_id",     "userid",      "user",      "visitorid",
                                         "distinct_id", "customer_id", "client_id", NULL};
static const char *const time_names[] = {"timestamp", "time", "ts", "event_time", "created_at", NULL};

static const struct role {
    const char *const *names;
    const char *what, *flag;
} roles[] = {
    [DF_COLUMN_USER] = {user_names, "user", "--user"},
    [DF_COLUMN_TIME] = {time_names, "time", "--time"},
};

/* ---- guessing ---- */

static bool is_known(const struct role *role, const char *name)
{
    for (const char *const *known = role->names; *known; known++)
        if (strcasecmp(*known, name) == 0)
            return true;
    return false;
}

const char *df_columns_guess(enum df_column_role role, const char *const *names, size_t count)
{
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!is_known(&roles[role], names[i]))
            continue;
        if (found)
            return NULL;
        found = names[i];
    }
    return found;
}

static void put_names(const struct df_columns *columns, struct df_buf *out)
{
    enum { NAMES_SHOWN = 40 };
    for (size_t i = 0; i < columns->count && i < NAMES_SHOWN; i++)
        df_buf_printf(out, "%s%s", i > 0 ? ", " : "", columns->names[i]);
    if (columns->count > NAMES_SHOWN)
        df_buf_printf(out, " and %zu more", columns->count - NAMES_SHOWN);
}

int df_columns_choose(const struct df_columns *columns, enum df_column_role role, const char **name,
                      struct df_error *error)
{
    *name = df_columns_guess(role, (const char *const *)columns->names, columns->count);
    if (*name)
        return 0;
    struct df_buf list = {0};
    put_names(columns, &list);
    df_error_set(error, DF_ERROR_INVALID, "which column is the %s? say %s COLUMN; '%s' has %s", roles[role].what,
                 roles[role].flag, columns->uri, df_buf_text(&list));
    df_buf_dispose(&list);
    return -1;
}

/* ---- reading ---- */

static int copy_names(const struct df_parquet_file *file, struct df_columns *columns, struct df_error *error)
{
    uint32_t count = df_parquet_column_count(file);
    columns->names = calloc((size_t)count + 1, sizeof *columns->names);
    if (!columns->names)
        return df_error_no_memory(error, "reading column names");
    for (; columns->count < count; columns->count++) {
        columns->names[columns->count] = strdup(df_parquet_column(file, (uint32_t)columns->count)->name);
        if (!columns->names[columns->count])
            return df_error_no_memory(error, "reading column names");
    }
    return 0;
}

struct search {
    struct df_store *store;
    const char *pattern;
    bool skip_bad;
    struct df_columns *columns;
    struct df_error first_bad; /* kind none: every file so far was good */
};

static int read_file(struct search *search, const char *uri, struct df_error *error)
{
    struct df_parquet_open open = {.store = search->store, .uri = uri, .deadline = df_deadline_never()};
    struct df_parquet_file *file;
    if (df_parquet_file_open(&file, &open, error) != 0)
        return -1;
    search->columns->uri = strdup(uri);
    int result = search->columns->uri ? copy_names(file, search->columns, error)
                                      : df_error_no_memory(error, "reading column names");
    df_parquet_file_close(file);
    return result;
}

/* 1: there they are; 0: this one is passed over; -1. */
static int try_file(struct search *search, const char *uri, struct df_error *error)
{
    if (read_file(search, uri, error) == 0)
        return 1;
    if (!search->skip_bad || !df_funnel_bad_kind(error->kind))
        return -1;
    if (search->first_bad.kind == DF_ERROR_NONE)
        search->first_bad = *error;
    return 0;
}

static int search_path(struct search *search, const char *path, struct df_error *error)
{
    const struct df_list_options options = {.pattern = search->pattern, .recursive = true};
    struct df_store_listing *listing;
    struct df_object object;
    if (df_store_list_open(search->store, path, &options, &listing, error) != 0)
        return -1;
    int found, result = 0;
    while (result == 0 && (found = df_store_list_next(listing, &object, error)) != 0)
        result = found < 0 ? -1 : try_file(search, object.uri, error);
    df_store_list_close(listing);
    return result;
}

int df_columns_read(struct df_store *store, const char *const *paths, size_t path_count, const char *pattern,
                    bool skip_bad, struct df_columns *columns, struct df_error *error)
{
    struct search search = {
        .store = store, .pattern = pattern ? pattern : "*.parquet", .skip_bad = skip_bad, .columns = columns};
    int result = 0;
    *columns = (struct df_columns){0};
    for (size_t i = 0; i < path_count && result == 0; i++)
        result = search_path(&search, paths[i], error);
    if (result != 0)
        return result < 0 ? -1 : 0;
    if (search.first_bad.kind != DF_ERROR_NONE)
        return df_error_set(error, DF_ERROR_CORRUPT, "no file can be read; the first: %s", search.first_bad.message);
    return df_error_set(error, DF_ERROR_NOT_FOUND, "no %s below '%s'; name a folder or a file that holds events",
                        search.pattern, paths[0]);
}

void df_columns_dispose(struct df_columns *columns)
{
    for (size_t i = 0; i < columns->count; i++)
        free(columns->names[i]);
    free(columns->names);
    free(columns->uri);
    *columns = (struct df_columns){0};
}
