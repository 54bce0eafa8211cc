#include "engine/funnel/repartition/schema.h"

#include <stdio.h>

#include "base/hash.h"
#include "engine/funnel/language/shown.h"
#include "engine/funnel/rows/columns.h"
#include "engine/funnel/rows/columns_check.h"

enum { UNSUPPORTED_SHOWN = 8, MESSAGE_COLUMNS = 12 };

struct merged {
    const char *name;
    uint64_t hash;
    bool from_file, from_directory;
    struct df_repartition_column as; /* of the files */
    const char *uri;                 /* that gave the type */
    uint32_t files;                  /* how many have it */
    const char *directory_uri;
    bool directory_text, directory_value; /* a value that is no integer; any value at all */
    bool chosen, left_out;
    uint32_t seen; /* number of the last file that has it, from 1 */
};

struct df_repartition_schema {
    const struct df_repartition_request *request;
    struct df_arena *arena;
    struct merged *columns;
    uint32_t count, capacity;
    uint32_t *table; /* open addressing: index + 1 */
    uint32_t table_size;
    uint32_t files;
    const char **left_out;
    uint32_t left_out_count, left_out_capacity;
};

/* ---- the table of names ---- */

static bool grow(struct df_repartition_schema *schema)
{
    uint32_t capacity = schema->capacity ? schema->capacity * 2 : 64;
    struct merged *columns = df_arena_array(schema->arena, capacity, sizeof *columns);
    uint32_t *table = df_arena_array(schema->arena, (size_t)capacity * 2, sizeof *table);
    if (!columns || !table)
        return false;
    if (schema->count)
        memcpy(columns, schema->columns, schema->count * sizeof *columns);
    schema->columns = columns;
    schema->capacity = capacity;
    schema->table = table;
    schema->table_size = capacity * 2;
    for (uint32_t i = 0; i < schema->count; i++) {
        uint32_t at = (uint32_t)columns[i].hash & (schema->table_size - 1);
        while (table[at])
            at = (at + 1) & (schema->table_size - 1);
        table[at] = i + 1;
    }
    return true;
}

static struct merged *find(const struct df_repartition_schema *schema, struct df_slice name)
{
    uint64_t hash = df_hash_bytes(name);
    if (schema->count == 0)
        return NULL;
    for (uint32_t at = (uint32_t)hash & (schema->table_size - 1); schema->table[at];
         at = (at + 1) & (schema->table_size - 1)) {
        struct merged *column = &schema->columns[schema->table[at] - 1];
        if (column->hash == hash && df_slice_is(name, column->name))
            return column;
    }
    return NULL;
}

static bool is_chosen(const struct df_repartition_request *request, const char *name)
{
    bool chosen = request->chosen_count == 0 || strcmp(name, request->user) == 0 ||
                  (request->time && strcmp(name, request->time) == 0);
    for (uint32_t i = 0; !chosen && i < request->chosen_count; i++)
        chosen = strcmp(name, request->chosen[i]) == 0;
    return chosen;
}

/* NULL: no memory. */
static struct merged *find_or_add(struct df_repartition_schema *schema, struct df_slice name)
{
    struct merged *column = find(schema, name);
    if (column)
        return column;
    if (schema->count == schema->capacity && !grow(schema))
        return NULL;
    column = &schema->columns[schema->count];
    *column = (struct merged){.name = df_arena_text(schema->arena, name), .hash = df_hash_bytes(name)};
    if (!column->name)
        return NULL;
    column->chosen = is_chosen(schema->request, column->name);
    uint32_t at = (uint32_t)column->hash & (schema->table_size - 1);
    while (schema->table[at])
        at = (at + 1) & (schema->table_size - 1);
    schema->table[at] = ++schema->count;
    return column;
}

struct df_repartition_schema *df_repartition_schema_create(const struct df_repartition_request *request,
                                                           struct df_arena *arena)
{
    struct df_repartition_schema *schema = df_arena_zalloc(arena, sizeof *schema);
    if (!schema)
        return NULL;
    schema->request = request;
    schema->arena = arena;
    return schema;
}

uint32_t df_repartition_schema_left_out(const struct df_repartition_schema *schema, const char *const **texts)
{
    *texts = (const char *const *)schema->left_out;
    return schema->left_out_count;
}

/* ---- types ---- */

/* Exact widening only: integers of any width, decimals of one scale with more digits; a column that is always null
 * takes the other's type. False: they differ. */
static bool widen(struct df_type *known, const struct df_type *type)
{
    if (known->list != type->list)
        return known->kind == DF_TYPE_NULL && !known->list ? (*known = *type, true)
                                                           : type->kind == DF_TYPE_NULL && !type->list;
    if (known->kind == DF_TYPE_NULL)
        *known = *type;
    if (type->kind == DF_TYPE_NULL)
        return true;
    if (known->kind != type->kind)
        return false;
    switch (known->kind) {
    case DF_TYPE_INT64:
        known->bits = type->bits > known->bits ? type->bits : known->bits;
        return true;
    case DF_TYPE_FLOAT:
        return known->bits == type->bits;
    case DF_TYPE_TIME:
    case DF_TYPE_TIMESTAMP:
        return known->unit == type->unit;
    case DF_TYPE_DECIMAL:
        /* Of more than 18 digits they are numbers of another size. */
        if (known->scale != type->scale || (known->precision > 18) != (type->precision > 18))
            return false;
        known->precision = type->precision > known->precision ? type->precision : known->precision;
        return true;
    default:
        return true;
    }
}

/* Says what the type's own text leaves open where two of them differ. */
static const char *type_text(const struct df_repartition_column *as, char place[DF_TYPE_TEXT_BYTES])
{
    char plain[DF_TYPE_TEXT_BYTES];
    if (as->type.kind == DF_TYPE_FLOAT && !as->type.list)
        snprintf(place, DF_TYPE_TEXT_BYTES, "a float of %u bits", as->type.bits);
    else
        snprintf(place, DF_TYPE_TEXT_BYTES, "%s%s", df_type_text(&as->type, plain),
                 as->is_local ? " of local time" : "");
    return place;
}

static int differ(const struct merged *column, const char *what, const char *where, const char *other_what,
                  const char *other_where, struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    return df_error_set(error, DF_ERROR_INVALID,
                        "column '%s' is %s in %s and %s in %s; write them apart, or leave the column out (--columns)",
                        df_funnel_shown(df_slice_text(column->name), shown), what, where, other_what, other_where);
}

/* True when one type has room for both. */
static bool merge(struct df_repartition_column *known, const struct df_repartition_column *as)
{
    bool was_null = known->type.kind == DF_TYPE_NULL, is_null = as->type.kind == DF_TYPE_NULL;
    if (!widen(&known->type, &as->type) || (!was_null && !is_null && known->is_local != as->is_local))
        return false;
    known->required = known->required && as->required;
    known->elements_required = known->elements_required && as->elements_required;
    if (was_null) {
        known->is_unsigned = as->is_unsigned;
        known->is_local = as->is_local;
        known->fixed_bytes = as->fixed_bytes;
    } else if (!is_null) {
        known->is_unsigned = known->is_unsigned && as->is_unsigned;
        known->fixed_bytes = known->fixed_bytes == as->fixed_bytes ? known->fixed_bytes : 0;
    }
    return true;
}

static int merge_type(struct merged *column, const struct df_repartition_column *as, const char *uri,
                      struct df_error *error)
{
    char first[DF_TYPE_TEXT_BYTES], second[DF_TYPE_TEXT_BYTES];
    struct df_repartition_column before = column->as;
    if (!column->from_file || before.type.kind == DF_TYPE_NULL)
        column->uri = uri;
    column->files++;
    if (!column->from_file) {
        column->from_file = true;
        column->as = *as;
        return 0;
    }
    if (merge(&column->as, as))
        return 0;
    return differ(column, type_text(&before, first), column->uri, type_text(as, second), uri, error);
}

/* ---- one file ---- */

struct unsupported {
    struct df_buf text; /* "'m' (a map), 'n' (…)" */
    uint32_t count;
};

static int leave_out(struct df_repartition_schema *schema, struct merged *column, struct df_slice why,
                     struct unsupported *unsupported, struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    struct df_buf text = {0};
    if (column->left_out || !column->chosen)
        return 0;
    df_buf_printf(&text, "'%s' (%.*s)", df_funnel_shown(df_slice_text(column->name), shown), DF_SLICE_ARG(why));
    if (unsupported->count++ < UNSUPPORTED_SHOWN)
        df_buf_printf(&unsupported->text, "%s%s", unsupported->count > 1 ? ", " : "", df_buf_text(&text));
    column->left_out = schema->request->skip_unsupported;
    if (column->left_out && schema->left_out_count == schema->left_out_capacity) {
        uint32_t capacity = schema->left_out_capacity ? schema->left_out_capacity * 2 : 16;
        const char **texts = df_arena_array(schema->arena, capacity, sizeof *texts);
        if (texts && schema->left_out_count)
            memcpy(texts, schema->left_out, schema->left_out_count * sizeof *texts);
        schema->left_out = texts;
        schema->left_out_capacity = texts ? capacity : 0;
    }
    const char *copy = df_buf_failed(&text) ? NULL : df_arena_text(schema->arena, df_buf_slice(&text));
    df_buf_dispose(&text);
    if (!copy || (column->left_out && !schema->left_out))
        return df_error_no_memory(error, "reading footers");
    if (column->left_out)
        schema->left_out[schema->left_out_count++] = copy;
    return 0;
}

static int damaged(const char *uri, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "what was read of the footer of %s is damaged", uri);
}

static int add_column(struct df_repartition_schema *schema, struct df_cursor *cursor, const char *uri,
                      struct unsupported *unsupported, struct df_error *error)
{
    struct df_slice name, why;
    struct df_repartition_column as;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (!df_repartition_footer_take_column(cursor, &name, &as, &why))
        return damaged(uri, error);
    struct merged *column = find_or_add(schema, name);
    if (!column)
        return df_error_no_memory(error, "reading footers");
    if (!column->chosen)
        return 0;
    if (column->seen == schema->files)
        return df_error_set(error, DF_ERROR_INVALID,
                            "%s has two columns of the name '%s'; choose others (--columns), or write it again", uri,
                            df_funnel_shown(name, shown));
    column->seen = schema->files;
    if (why.size > 0)
        return leave_out(schema, column, why, unsupported, error);
    return merge_type(column, &as, uri, error);
}

static int add_directories(struct df_repartition_schema *schema, const char *uri, struct df_error *error)
{
    struct df_funnel_directories *directories = df_arena_alloc(schema->arena, sizeof *directories);
    if (!directories)
        return df_error_no_memory(error, "reading footers");
    if (df_funnel_directories_parse(uri, schema->arena, directories, error) < 0)
        return -1;
    for (uint32_t i = 0; i < directories->count; i++) {
        const struct df_funnel_directory *directory = &directories->items[i];
        struct merged *column = find_or_add(schema, df_slice_text(directory->name));
        if (!column)
            return df_error_no_memory(error, "reading footers");
        if (!column->chosen || column->seen == schema->files)
            continue; /* the file's own column counts */
        column->seen = schema->files;
        column->from_directory = true;
        column->directory_value = column->directory_value || directory->value.data;
        if (!directory->integer || !column->directory_uri) {
            column->directory_uri = uri;
            column->directory_text = column->directory_text || !directory->integer;
        }
    }
    return 0;
}

static int missing(const struct df_repartition_schema *schema, const char *flag, const char *name, const char *uri,
                   struct df_error *error)
{
    struct df_buf names = {0};
    uint32_t shown_count = 0;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    for (uint32_t i = 0; i < schema->count; i++)
        if (schema->columns[i].seen == schema->files && shown_count++ < MESSAGE_COLUMNS)
            df_buf_printf(&names, "%s%s", names.size ? ", " : "",
                          df_funnel_shown(df_slice_text(schema->columns[i].name), shown));
    df_error_set(error, DF_ERROR_INVALID, "%s: column '%s' is not in %s, which has %s%s", flag,
                 df_funnel_shown(df_slice_text(name), shown), uri, names.size ? df_buf_text(&names) : "none",
                 shown_count > MESSAGE_COLUMNS ? ", …" : "");
    df_buf_dispose(&names);
    return -1;
}

static int check_named(const struct df_repartition_schema *schema, const char *uri, struct df_error *error)
{
    const struct df_repartition_request *request = schema->request;
    const struct merged *user = find(schema, df_slice_text(request->user));
    if (!user || user->seen != schema->files)
        return missing(schema, "--user", request->user, uri, error);
    const struct merged *time = request->time ? find(schema, df_slice_text(request->time)) : user;
    return time && time->seen == schema->files ? 0 : missing(schema, "--time", request->time, uri, error);
}

int df_repartition_schema_add(struct df_repartition_schema *schema, const char *uri, struct df_slice blob,
                              struct df_repartition_footer *footer, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(blob);
    struct unsupported unsupported = {0};
    uint64_t columns;
    if (!df_repartition_footer_take(&cursor, footer, &columns))
        return damaged(uri, error);
    schema->files++;
    int result = 0;
    for (uint64_t i = 0; result == 0 && i < columns; i++)
        result = add_column(schema, &cursor, uri, &unsupported, error);
    if (result == 0)
        result = add_directories(schema, uri, error);
    if (result == 0 && unsupported.count && !schema->request->skip_unsupported)
        result = df_error_set(error, DF_ERROR_UNSUPPORTED,
                              "%s has columns that cannot be written: %s%s; choose columns (--columns A,B,…), or leave "
                              "these out (--skip-unsupported)",
                              uri, df_buf_text(&unsupported.text), unsupported.count > UNSUPPORTED_SHOWN ? ", …" : "");
    df_buf_dispose(&unsupported.text);
    return result == 0 ? check_named(schema, uri, error) : result;
}

/* ---- all of them ---- */

/* The type of a column that is in directories, in files, or in both. */
static int settle_type(const struct df_repartition_schema *schema, const struct merged *column,
                       struct df_repartition_column *out, struct df_error *error)
{
    const struct df_type integer = {.kind = DF_TYPE_INT64, .bits = 64}, string = {.kind = DF_TYPE_STRING};
    char text[DF_TYPE_TEXT_BYTES];
    if (column->from_file)
        *out = column->as;
    out->name = column->name;
    out->required = out->required && column->files == schema->files;
    if (!column->from_directory)
        return 0;
    bool typed = column->from_file && out->type.kind != DF_TYPE_NULL;
    out->required = false;
    if (!typed || (out->type.kind == DF_TYPE_INT64 && !out->type.list && !column->directory_text)) {
        out->type = !typed && (column->directory_text || !column->directory_value) ? string : integer;
        out->is_unsigned = false;
    } else if (out->type.kind != DF_TYPE_STRING || out->type.list) {
        return differ(column, type_text(out, text), column->uri, "a directory's text", column->directory_uri, error);
    }
    return 0;
}

static int check_chosen(const struct df_repartition_schema *schema, struct df_error *error)
{
    const struct df_repartition_request *request = schema->request;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    for (uint32_t i = 0; i < request->chosen_count; i++)
        if (!find(schema, df_slice_text(request->chosen[i])))
            return df_error_set(error, DF_ERROR_INVALID, "--columns: no file has a column '%s'",
                                df_funnel_shown(df_slice_text(request->chosen[i]), shown));
    return 0;
}

static int settle_roles(struct df_repartition_request *request, struct df_error *error)
{
    struct df_funnel_time time;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (request->user_at == DF_REPARTITION_NONE || (request->time && request->time_at == DF_REPARTITION_NONE))
        return df_error_set(
            error, DF_ERROR_UNSUPPORTED, "column '%s' cannot be written",
            df_funnel_shown(df_slice_text(request->user_at == DF_REPARTITION_NONE ? request->user : request->time),
                            shown));
    if (df_funnel_check_user("--user", request->user, &request->columns[request->user_at].type, &request->kind, error) <
        0)
        return -1;
    return request->time
               ? df_funnel_check_time("--time", request->time, &request->columns[request->time_at].type, &time, error)
               : 0;
}

int df_repartition_schema_settle(struct df_repartition_schema *schema, struct df_repartition_request *request,
                                 struct df_error *error)
{
    if (check_chosen(schema, error) < 0)
        return -1;
    request->columns = df_arena_array(schema->arena, schema->count, sizeof *request->columns);
    if (!request->columns)
        return df_error_no_memory(error, "reading footers");
    request->column_count = 0;
    request->user_at = request->time_at = DF_REPARTITION_NONE;
    for (uint32_t i = 0; i < schema->count; i++) {
        const struct merged *column = &schema->columns[i];
        if (!column->chosen || column->left_out)
            continue;
        uint32_t at = request->column_count++;
        if (settle_type(schema, column, &request->columns[at], error) < 0)
            return -1;
        if (strcmp(column->name, request->user) == 0)
            request->user_at = at;
        if (request->time && strcmp(column->name, request->time) == 0)
            request->time_at = at;
    }
    if (request->column_count > DF_REPARTITION_COLUMNS_MAX)
        return df_error_set(error, DF_ERROR_UNSUPPORTED, "the files have %u columns together, at most %d are written",
                            request->column_count, DF_REPARTITION_COLUMNS_MAX);
    return settle_roles(request, error);
}
