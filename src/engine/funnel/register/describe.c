#include "engine/funnel/register/describe.h"

#include <stdlib.h>

#include "base/json.h"
#include "engine/funnel/language/shown.h"
#include "engine/funnel/register/column_facts.h"
#include "engine/funnel/register/users.h"
#include "engine/funnel/rows/batch.h"
#include "engine/funnel/rows/columns_check.h"

struct description {
    const struct df_funnel_describe *what;
    struct df_task *task;
    const struct df_part *part;
    struct df_parquet_file *file;           /* owned */
    struct df_funnel_column_facts *columns; /* owned; all leaf columns */
    uint32_t column_count;
    uint32_t *scanned; /* owned; leaf columns that can be read */
    uint32_t scanned_count;
    uint32_t user_at, time_at; /* positions among the scanned */
    enum df_funnel_key_kind kind;
    struct df_funnel_users *users; /* owned; NULL without uniques */
    struct df_funnel_users_room *room;
    uint64_t bytes_read;
};

static int open_file(struct description *description, struct df_error *error)
{
    struct df_task *task = description->task;
    struct df_parquet_open open = {.store = task->store,
                                   .uri = description->part->uri,
                                   .etag = description->part->etag,
                                   .size_bytes = description->part->size_bytes,
                                   .budget = task->budget,
                                   .deadline = task->deadline,
                                   .cancelled = task->cancelled};
    if (df_parquet_file_open(&description->file, &open, error) == 0)
        return 0;
    description->file = NULL;
    return -1;
}

/* ---- which columns ---- */

/* The names of pandas' categorical and index columns, from its note in the metadata; a note that is none says nothing.
 */
struct pandas {
    struct df_arena arena;
    const struct df_json *columns, *index_columns;
};

static struct pandas read_pandas(const struct df_parquet_file *file)
{
    struct pandas pandas = {0};
    struct df_error ignored;
    struct df_json *tree;
    const char *note = df_parquet_metadata(file, "pandas");
    if (note && df_json_parse(df_slice_text(note), &df_json_default_limits, &pandas.arena, &tree, &ignored) == 0) {
        pandas.columns = df_json_get(tree, "columns");
        pandas.index_columns = df_json_get(tree, "index_columns");
    }
    return pandas;
}

static bool is_categorical(const struct pandas *pandas, const char *name)
{
    for (const struct df_json *column = pandas->columns ? pandas->columns->children : NULL; column;
         column = column->next) {
        const struct df_json *named = df_json_get(column, "name"), *kind = df_json_get(column, "pandas_type");
        if (named && kind && named->type == DF_JSON_STRING && kind->type == DF_JSON_STRING &&
            df_slice_is(named->text, name))
            return df_slice_is(kind->text, "categorical");
    }
    return false;
}

static bool is_index(const struct pandas *pandas, const char *name)
{
    for (const struct df_json *one = pandas->index_columns ? pandas->index_columns->children : NULL; one;
         one = one->next)
        if (one->type == DF_JSON_STRING && df_slice_is(one->text, name))
            return true;
    return false;
}

static int list_columns(struct description *description, struct df_error *error)
{
    const struct df_parquet_file *file = description->file;
    uint32_t count = df_parquet_column_count(file);
    description->columns = calloc(count ? count : 1, sizeof *description->columns);
    description->scanned = calloc(count ? count : 1, sizeof *description->scanned);
    if (!description->columns || !description->scanned)
        return df_error_no_memory(error, "describing a file");
    struct pandas pandas = read_pandas(file);
    for (uint32_t i = 0; i < count; i++) {
        const struct df_parquet_column *column = df_parquet_column(file, i);
        if (is_index(&pandas, column->name))
            continue;
        df_funnel_column_facts_init(&description->columns[description->column_count], column,
                                    df_parquet_row_count(file), is_categorical(&pandas, column->name),
                                    description->task->budget);
        if (!column->unsupported)
            description->scanned[description->scanned_count++] = i;
        description->column_count++;
    }
    df_arena_dispose(&pandas.arena);
    return 0;
}

static int find_column(const struct description *description, const char *place, const char *name, uint32_t *at,
                       struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    int64_t found = df_parquet_column_find(description->file, name);
    if (found < 0)
        return df_error_set(error, DF_ERROR_INVALID, "%s: Column '%s' not in dataset: %s has none of that name", place,
                            df_funnel_shown(df_slice_text(name), shown), description->part->uri);
    const struct df_parquet_column *column = df_parquet_column(description->file, (uint32_t)found);
    if (column->unsupported)
        return df_error_set(error, DF_ERROR_UNSUPPORTED, "%s: column '%s' of %s cannot be read: %s is not supported",
                            place, df_funnel_shown(df_slice_text(name), shown), description->part->uri,
                            column->unsupported);
    for (*at = 0; *at < description->scanned_count; ++*at)
        if (description->scanned[*at] == (uint32_t)found)
            return 0;
    return df_error_set(error, DF_ERROR_INVALID, "%s: column '%s' of %s is an index of pandas, not a column", place,
                        df_funnel_shown(df_slice_text(name), shown), description->part->uri);
}

static const struct df_parquet_column *scanned_column(const struct description *description, uint32_t at)
{
    return df_parquet_column(description->file, description->scanned[at]);
}

static int find_user_and_time(struct description *description, struct df_error *error)
{
    struct df_funnel_time time;
    const struct df_funnel_describe *what = description->what;
    if (find_column(description, "dataset.user", what->user, &description->user_at, error) < 0 ||
        find_column(description, "dataset.time", what->time, &description->time_at, error) < 0)
        return -1;
    if (df_funnel_check_user("dataset.user", what->user, &scanned_column(description, description->user_at)->type,
                             &description->kind, error) < 0 ||
        df_funnel_check_time("dataset.time", what->time, &scanned_column(description, description->time_at)->type,
                             &time, error) < 0)
        return df_error_prefix(error, "%s", description->part->uri);
    return 0;
}

/* ---- reading ---- */

static int no_nulls(const struct description *description, uint32_t at, const struct df_vector *vector,
                    const char *what, struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    for (uint32_t row = 0; vector->valid && row < vector->row_count; row++)
        if (!vector->valid[row])
            return df_error_set(
                error, DF_ERROR_INVALID,
                "%s: the %s column '%s' has nulls, which a registered data set must not have; query the files by their "
                "path, where such rows are left out and counted, or write the files again without them",
                description->part->uri, what,
                df_funnel_shown(df_slice_text(scanned_column(description, at)->name), shown));
    return 0;
}

static int read_users(struct description *description, const struct df_vector *vector, struct df_error *error)
{
    struct df_funnel_keys keys;
    if (!description->users)
        return 0;
    if (!df_funnel_batch_users(vector, &scanned_column(description, description->user_at)->type, description->kind,
                               description->room, &keys))
        return df_error_set(error, DF_ERROR_INTERNAL, "a scan gave users of another kind than the file announced");
    keys.kind = description->kind;
    keys.count = vector->row_count;
    return df_funnel_users_add(description->users, &keys, error);
}

static int read_batch(struct description *description, const struct df_vector *vectors, struct df_error *error)
{
    if (no_nulls(description, description->user_at, &vectors[description->user_at], "user", error) < 0 ||
        no_nulls(description, description->time_at, &vectors[description->time_at], "time", error) < 0)
        return -1;
    uint32_t at = 0;
    for (uint32_t i = 0; i < description->column_count; i++)
        if (!description->columns[i].column->unsupported)
            df_funnel_column_facts_add(&description->columns[i], &vectors[at++]);
    return read_users(description, &vectors[description->user_at], error);
}

static int scan(struct description *description, struct df_partial *partial, struct df_error *error)
{
    struct df_task *task = description->task;
    struct df_parquet_scan_options options = {.columns = description->scanned,
                                              .column_count = description->scanned_count,
                                              .row_group_end = df_parquet_row_group_count(description->file),
                                              .budget = task->budget,
                                              .deadline = task->deadline,
                                              .cancelled = task->cancelled};
    struct df_parquet_scan *scan;
    if (df_parquet_scan_open(&scan, description->file, &options, error) < 0)
        return -1;
    const struct df_vector *vectors;
    uint32_t rows;
    int result;
    while ((result = df_parquet_scan_next(scan, &vectors, &rows, error)) > 0) {
        partial->stats.rows_scanned += rows;
        if (df_task_check(task, error) < 0 || read_batch(description, vectors, error) < 0) {
            result = -1;
            break;
        }
    }
    partial->stats.bytes_read += df_parquet_scan_bytes_read(scan);
    df_parquet_scan_close(scan);
    return result;
}

/* ---- telling ---- */

static int put(const struct description *description, struct df_buf *out, struct df_error *error)
{
    struct df_json_writer json;
    df_json_writer_init(&json, out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    df_json_key(&json, "rows");
    df_json_uint(&json, df_parquet_row_count(description->file));
    df_json_key(&json, "columns");
    df_json_begin_array(&json);
    int result = 0;
    for (uint32_t i = 0; result == 0 && i < description->column_count; i++)
        result = df_funnel_column_facts_put(&description->columns[i], &json, error);
    if (result < 0)
        return -1;
    df_json_end_array(&json);
    df_json_end_object(&json);
    return df_buf_failed(out) ? df_error_no_memory(error, "describing a file") : 0;
}

static int begin_users(struct description *description, struct df_error *error)
{
    if (!description->what->uniques)
        return 0;
    description->room = malloc(sizeof *description->room);
    if (!description->room)
        return df_error_no_memory(error, "describing a file");
    return df_funnel_users_create(&description->users, description->task, description->part, description->kind, error);
}

static void dispose(struct description *description)
{
    for (uint32_t i = 0; i < description->column_count; i++)
        df_funnel_column_facts_dispose(&description->columns[i]);
    free(description->columns);
    free(description->scanned);
    free(description->room);
    df_funnel_users_free(description->users);
    if (description->file)
        df_parquet_file_close(description->file);
}

int df_funnel_describe(const struct df_funnel_describe *what, struct df_task *task, const struct df_part *part,
                       struct df_partial *partial, struct df_error *error)
{
    struct description description = {.what = what, .task = task, .part = part};
    int result = -1;
    if (open_file(&description, error) == 0 && list_columns(&description, error) == 0 &&
        find_user_and_time(&description, error) == 0 && begin_users(&description, error) == 0)
        result = scan(&description, partial, error);
    if (result == 0 && description.users)
        result = df_funnel_users_finish(description.users, error);
    if (result == 0)
        result = put(&description, &partial->blob, error);
    dispose(&description);
    return result;
}
