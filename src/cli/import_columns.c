/* What the columns are, once every cell has been seen. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/columns.h"
#include "cli/import.h"

/* ---- names ---- */

static int not_there(struct df_import *import, const char *flag, const char *name, struct df_error *error)
{
    const char *nearest = df_nearest_name(name, (const char *const *)import->names.names, import->names.count);
    const char *only = import->names.count == 1 ? import->names.names[0] : "";
    if (nearest)
        df_cli_hint(import->cli, "%s '%s'", flag, nearest);
    else if (strpbrk(only, ";\t|"))
        df_cli_hint(import->cli, "--delimiter '%s'", strchr(only, ';') ? ";" : strchr(only, '|') ? "|" : "tab");
    struct df_buf list = {0};
    for (uint32_t i = 0; i < import->names.count && list.size < 400; i++)
        df_buf_printf(&list, "%s%.100s", i > 0 ? ", " : "", import->names.names[i]);
    df_error_set(error, DF_ERROR_INVALID, "%s: there is no column '%s'; there are: %s", flag, name, df_buf_text(&list));
    df_buf_dispose(&list);
    return -1;
}

static bool has(struct df_import *import, struct df_slice name)
{
    return df_text_names_find(&import->names, name) >= 0;
}

static int check_types(struct df_import *import, struct df_error *error)
{
    size_t position = 0;
    for (const char *text; (text = df_cli_next_value(import->plan.arguments, "--type", &position));) {
        struct df_slice name = df_slice_make(text, (size_t)(strrchr(text, '=') - text));
        if (has(import, name))
            continue;
        char *copy = df_slice_strdup(name);
        if (!copy)
            return df_error_no_memory(error, "reading --type");
        int result = not_there(import, "--type", copy, error);
        free(copy);
        return result;
    }
    return 0;
}

int df_import_check_named(struct df_import *import, struct df_error *error)
{
    const struct df_import_plan *plan = &import->plan;
    if (import->names.count == 0)
        return df_error_set(error, DF_ERROR_INVALID, "there is no column in '%s': the input is empty",
                            import->inputs[0].name);
    if (plan->user && !has(import, df_slice_text(plan->user)))
        return not_there(import, "--user", plan->user, error);
    if (plan->time && !has(import, df_slice_text(plan->time)))
        return not_there(import, "--time", plan->time, error);
    return check_types(import, error);
}

/* ---- user and time ---- */

static int find_user(struct df_import *import, struct df_error *error)
{
    struct df_columns columns = {
        .uri = import->inputs[0].name, .names = import->names.names, .count = import->names.count};
    const char *user = import->plan.user;
    if (!user) {
        if (df_columns_choose(&columns, DF_COLUMN_USER, &user, error) < 0)
            return -1;
        df_cli_note(import->cli, "the user is column '%s'", user);
    }
    import->user = (uint32_t)df_text_names_find(&import->names, df_slice_text(user));
    return 0;
}

/* Other users than integers and strings are taken as they stand in the text. */
static void settle_user(struct df_import *import)
{
    struct df_type *type = &import->columns[import->user].type;
    if (type->kind != DF_TYPE_INT64 && type->kind != DF_TYPE_UINT64)
        *type = (struct df_type){.kind = DF_TYPE_STRING};
}

static bool is_dated(const struct df_type *type)
{
    return type->kind == DF_TYPE_DATE || type->kind == DF_TYPE_TIMESTAMP;
}

static bool is_time(const struct df_type *type)
{
    return type->kind == DF_TYPE_INT64 || type->kind == DF_TYPE_UINT64 || type->kind == DF_TYPE_FLOAT || is_dated(type);
}

/* The class whose first cell shows best why it is no time: text, else true and false. */
static int no_time(const struct df_import *import, const struct df_import_column *column, struct df_error *error)
{
    char text[DF_TYPE_TEXT_BYTES];
    enum df_text_class shown = column->first[DF_TEXT_CLASS_STRING].input ? DF_TEXT_CLASS_STRING : DF_TEXT_CLASS_WORD;
    for (int i = DF_TEXT_CLASS_BOOL; i < DF_TEXT_CLASSES && !column->first[shown].input; i++)
        shown = (enum df_text_class)i;
    const char *what = df_type_text(&column->type, text);
    if (!column->first[shown].input)
        return df_error_set(error, DF_ERROR_INVALID, "--time: column '%s' is %s, and no time", column->name, what);
    return df_error_set(error, DF_ERROR_INVALID,
                        "--time: column '%s' is %s, and no time ('%s': line %" PRIu64 ", column %" PRIu64
                        " is the first such value); --type %s=timestamp with --bad-rows skip leaves such rows out",
                        column->name, what, import->inputs[column->first[shown].input - 1].name,
                        column->first[shown].place.line, column->first[shown].place.column, column->name);
}

static int settle_time(struct df_import *import, struct df_error *error)
{
    const char *name = import->plan.time;
    import->time = UINT32_MAX;
    if (!name)
        name = df_columns_guess(DF_COLUMN_TIME, (const char *const *)import->names.names, import->names.count);
    if (!name)
        return 0;
    uint32_t index = (uint32_t)df_text_names_find(&import->names, df_slice_text(name));
    struct df_import_column *column = &import->columns[index];
    if (import->plan.time && !column->forced && df_text_column_is_ambiguous(&column->seen) &&
        column->counts[DF_TEXT_CLASS_STRING] == 0)
        return df_import_two_ways(import, column, error);
    if (column->type.kind == DF_TYPE_NULL && index != import->user)
        column->type = (struct df_type){.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_US};
    if (!is_time(&column->type))
        return import->plan.time ? no_time(import, column, error) : 0;
    if (!import->plan.time)
        df_cli_note(import->cli, "the time is column '%s'", name);
    import->time = index;
    return 0;
}

int df_import_settle_columns(struct df_import *import, struct df_error *error)
{
    if (import->line.fd >= 0)
        df_progress_wipe(&import->line); /* notes follow */
    for (uint32_t i = 0; i < import->names.count; i++) {
        struct df_import_column *column = &import->columns[i];
        column->type = df_text_column_type(&column->seen);
        column->order = df_text_column_order(&column->seen);
        if (column->forced)
            df_text_type_named(column->forced, &column->seen, &column->type);
        if (column->forced && is_dated(&column->type) && df_text_column_is_ambiguous(&column->seen))
            return df_import_two_ways(import, column, error);
    }
    if (df_import_check_named(import, error) < 0 || find_user(import, error) < 0)
        return -1;
    settle_user(import);
    if (settle_time(import, error) < 0)
        return -1;
    df_import_tell_mixed(import);
    return 0;
}
