#include "engine/funnel/register/schema.h"

#include <stdlib.h>

#include "engine/funnel/register/column_facts.h"

struct top_value {
    struct df_slice text;
    double share; /* of non-null rows; the sum over files */
};

struct df_funnel_schema_column {
    const char *name;
    const char *unsupported; /* NULL: it can be read */
    struct df_type type;
    uint64_t nulls;
    struct df_slice minimum, maximum; /* number texts; data NULL: none */
    bool categorical, source;         /* in all files so far */
    double unique_ratio;              /* the sum over files */
    struct top_value *top;
    uint32_t top_count;
};

static int damaged(struct df_error *error, const char *what)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "the description of a file is damaged: %s", what);
}

/* ---- a description ---- */

static bool take_type(const struct df_json *array, struct df_type *type)
{
    int64_t numbers[6];
    if (!array || array->type != DF_JSON_ARRAY || array->child_count != 6)
        return false;
    const struct df_json *one = array->children;
    for (size_t i = 0; i < 6; i++, one = one->next)
        if (!df_json_int64(one, &numbers[i]) || numbers[i] < 0 || numbers[i] > 64)
            return false;
    if (numbers[0] >= DF_TYPE_KINDS || numbers[1] > 1 || numbers[3] >= DF_TIME_UNITS)
        return false;
    *type = (struct df_type){.kind = (enum df_type_kind)numbers[0],
                             .list = numbers[1] == 1,
                             .bits = (uint8_t)numbers[2],
                             .unit = (enum df_time_unit)numbers[3],
                             .precision = (uint8_t)numbers[4],
                             .scale = (uint8_t)numbers[5]};
    return true;
}

static struct df_slice number_text(const struct df_json *number)
{
    return number && number->type == DF_JSON_NUMBER ? number->text : df_slice_make(NULL, 0);
}

static int take_top(struct df_funnel_schema_column *column, const struct df_json *top, uint64_t values,
                    struct df_arena *arena, struct df_error *error)
{
    column->top = df_arena_array(arena, top ? top->child_count + 1 : 1, sizeof *column->top);
    if (!column->top)
        return df_error_no_memory(error, "merging schemas");
    for (const struct df_json *one = top ? top->children : NULL; one; one = one->next) {
        uint64_t rows;
        if (one->type != DF_JSON_ARRAY || one->child_count != 2 || one->children->type != DF_JSON_STRING ||
            !df_json_uint64(one->children->next, &rows) || rows > values)
            return damaged(error, "its most frequent values");
        column->top[column->top_count++] =
            (struct top_value){.text = one->children->text, .share = (double)rows / (double)values};
    }
    return 0;
}

static int take_column(const struct df_json *json, uint64_t rows, struct df_arena *arena,
                       struct df_funnel_schema_column *column, struct df_error *error)
{
    const struct df_json *name = df_json_get(json, "name"), *unsupported = df_json_get(json, "unsupported"),
                         *source = df_json_get(json, "source"), *distinct = df_json_get(json, "distinct");
    *column = (struct df_funnel_schema_column){0};
    if (!name || name->type != DF_JSON_STRING || !unsupported || !take_type(df_json_get(json, "type"), &column->type) ||
        !df_json_uint64(df_json_get(json, "nulls"), &column->nulls) || column->nulls > rows || !source ||
        source->type != DF_JSON_BOOL)
        return damaged(error, "a column");
    column->name = df_arena_text(arena, name->text);
    column->unsupported = unsupported->type == DF_JSON_STRING ? df_arena_text(arena, unsupported->text) : NULL;
    column->minimum = number_text(df_json_get(json, "minimum"));
    column->maximum = number_text(df_json_get(json, "maximum"));
    uint64_t count, values = rows - column->nulls;
    if (!column->name)
        return df_error_no_memory(error, "merging schemas");
    if (!df_json_uint64(distinct, &count))
        return 0; /* too many strings, or none */
    if (count > values)
        return damaged(error, "its distinct values");
    column->source = source->boolean;
    column->categorical = column->source || (count > 0 && (double)count <= (double)rows * DF_FUNNEL_CATEGORICAL_RATIO);
    column->unique_ratio = rows ? (double)count / (double)rows : 0;
    return take_top(column, df_json_get(json, "top"), values ? values : 1, arena, error);
}

/* ---- comparing ---- */

/* What the original calls the type of a column. */
static const char *class_of(const struct df_type *type)
{
    static const char *const names[DF_TYPE_KINDS] = {"NULL",   "BOOL", "INT",  "INT",  "FLOAT",     "STRING",
                                                     "BINARY", "UUID", "DATE", "TIME", "TIMESTAMP", "DECIMAL"};
    return type->list ? "LIST" : names[type->kind];
}

static bool without_values(const struct df_funnel_schema_column *column, uint64_t rows)
{
    return column->unsupported == NULL && (column->type.kind == DF_TYPE_NULL || column->nulls == rows);
}

static bool same_type(const struct df_type *a, const struct df_type *b)
{
    if (strcmp(class_of(a), class_of(b)) != 0 || (a->list && a->kind != b->kind))
        return false;
    if (a->kind == DF_TYPE_TIMESTAMP || a->kind == DF_TYPE_TIME)
        return a->unit == b->unit;
    return a->kind != DF_TYPE_DECIMAL || a->scale == b->scale;
}

static int differ(const struct df_funnel_schema *schema, const char *uri, const char *name, const char *here,
                  const char *there, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_INVALID,
                        "Schemas differ! Column '%s' is %s in %s and %s in %s; register them apart, or write one of "
                        "them again",
                        name, there, schema->first_uri, here, uri);
}

static struct df_funnel_schema_column *find(const struct df_funnel_schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (strcmp(schema->columns[i].name, name) == 0)
            return &schema->columns[i];
    return NULL;
}

static int check_agree(const struct df_funnel_schema *schema, const struct df_funnel_schema_column *known,
                       uint64_t known_rows, const struct df_funnel_schema_column *more, uint64_t rows, const char *uri,
                       struct df_error *error)
{
    char here[DF_TYPE_TEXT_BYTES], there[DF_TYPE_TEXT_BYTES];
    if (known->unsupported && more->unsupported)
        return 0;
    if (without_values(known, known_rows) || without_values(more, rows))
        return 0;
    if (!known->unsupported && !more->unsupported && same_type(&known->type, &more->type))
        return 0;
    return differ(schema, uri, more->name, more->unsupported ? more->unsupported : df_type_text(&more->type, here),
                  known->unsupported ? known->unsupported : df_type_text(&known->type, there), error);
}

/* ---- merging ---- */

static double as_double(struct df_slice text)
{
    double value = 0;
    const struct df_json number = {.type = DF_JSON_NUMBER, .text = text};
    return df_json_double(&number, &value) ? value : 0;
}

/* Integers as integers: doubles would not tell 2^53 from 2^53 + 1. */
static bool number_less(struct df_slice a, struct df_slice b)
{
    const struct df_json x = {.type = DF_JSON_NUMBER, .text = a}, y = {.type = DF_JSON_NUMBER, .text = b};
    int64_t i, j;
    if (df_json_int64(&x, &i) && df_json_int64(&y, &j))
        return i < j;
    uint64_t u, v;
    if (df_json_uint64(&x, &u) && df_json_uint64(&y, &v))
        return u < v;
    return as_double(a) < as_double(b);
}

static void widen(struct df_funnel_schema_column *known, const struct df_funnel_schema_column *more)
{
    if (more->minimum.data && (!known->minimum.data || number_less(more->minimum, known->minimum)))
        known->minimum = more->minimum;
    if (more->maximum.data && (!known->maximum.data || number_less(known->maximum, more->maximum)))
        known->maximum = more->maximum;
}

static int add_top(struct df_funnel_schema_column *known, const struct df_funnel_schema_column *more,
                   struct df_arena *arena, struct df_error *error)
{
    struct top_value *all = df_arena_array(arena, known->top_count + more->top_count + (size_t)1, sizeof *all);
    if (!all)
        return df_error_no_memory(error, "merging schemas");
    uint32_t count = known->top_count;
    if (count)
        memcpy(all, known->top, count * sizeof *all);
    for (uint32_t i = 0; i < more->top_count; i++) {
        uint32_t at = 0;
        while (at < count && !df_slice_equal(all[at].text, more->top[i].text))
            at++;
        if (at == count)
            all[count++] = (struct top_value){.text = more->top[i].text};
        all[at].share += more->top[i].share;
    }
    known->top = all;
    known->top_count = count;
    return 0;
}

static int merge_column(struct df_funnel_schema *schema, struct df_funnel_schema_column *known,
                        const struct df_funnel_schema_column *more, uint64_t rows, const char *uri,
                        struct df_error *error)
{
    if (check_agree(schema, known, schema->rows, more, rows, uri, error) < 0)
        return -1;
    if (without_values(known, schema->rows))
        known->type = more->type;
    known->nulls += more->nulls;
    known->categorical = known->categorical && more->categorical;
    known->source = known->source && more->source;
    known->unique_ratio += more->unique_ratio;
    widen(known, more);
    return add_top(known, more, schema->arena, error);
}

static int merge_columns(struct df_funnel_schema *schema, const struct df_json *columns, uint64_t rows, const char *uri,
                         struct df_error *error)
{
    size_t count = columns->child_count;
    struct df_funnel_schema_column *more = df_arena_array(schema->arena, count + 1, sizeof *more);
    if (!more)
        return df_error_no_memory(error, "merging schemas");
    uint32_t at = 0;
    for (const struct df_json *one = columns->children; one; one = one->next)
        if (take_column(one, rows, schema->arena, &more[at++], error) < 0)
            return -1;
    if (schema->file_count == 0) {
        schema->columns = more;
        schema->column_count = at;
        schema->first_uri = uri;
        return 0;
    }
    for (uint32_t i = 0; i < at; i++) {
        struct df_funnel_schema_column *known = find(schema, more[i].name);
        if (!known)
            return differ(schema, uri, more[i].name, "there", "missing", error);
        if (merge_column(schema, known, &more[i], rows, uri, error) < 0)
            return -1;
    }
    for (uint32_t i = 0; at < schema->column_count && i < schema->column_count; i++) {
        uint32_t j = 0;
        while (j < at && strcmp(more[j].name, schema->columns[i].name) != 0)
            j++;
        if (j == at)
            return differ(schema, uri, schema->columns[i].name, "missing", "there", error);
    }
    return 0;
}

int df_funnel_schema_merge(struct df_funnel_schema *schema, struct df_slice description, const char *uri,
                           struct df_error *error)
{
    struct df_json *tree;
    uint64_t rows;
    if (df_json_parse(description, &df_json_default_limits, schema->arena, &tree, error) < 0)
        return damaged(error, "it is no JSON");
    const struct df_json *columns = df_json_get(tree, "columns");
    if (!df_json_uint64(df_json_get(tree, "rows"), &rows) || !columns || columns->type != DF_JSON_ARRAY)
        return damaged(error, "its members");
    if (merge_columns(schema, columns, rows, uri, error) < 0)
        return -1;
    schema->rows += rows;
    schema->file_count++;
    return 0;
}

/* ---- telling ---- */

static const char *dtype_of(const struct df_funnel_schema_column *column)
{
    static const char *const widths[2][4] = {{"int8", "int16", "int32", "int64"},
                                             {"uint8", "uint16", "uint32", "uint64"}};
    const struct df_type *type = &column->type;
    unsigned width = type->bits == 8 ? 0 : type->bits == 16 ? 1 : type->bits == 32 ? 2 : 3;
    if (type->list)
        return "object";
    switch (type->kind) {
    case DF_TYPE_BOOL:
        return column->nulls ? "object" : "bool";
    case DF_TYPE_INT64:
    case DF_TYPE_UINT64:
        return column->nulls ? "float64" : widths[type->kind == DF_TYPE_UINT64][width];
    case DF_TYPE_FLOAT:
        return type->bits == 16 ? "float16" : type->bits == 32 ? "float32" : "float64";
    case DF_TYPE_STRING:
        return column->source ? "category" : "object";
    case DF_TYPE_TIMESTAMP:
        return "datetime64[ns]";
    default:
        return "object";
    }
}

static bool is_number(const struct df_type *type)
{
    return !type->list && (type->kind == DF_TYPE_INT64 || type->kind == DF_TYPE_UINT64 || type->kind == DF_TYPE_FLOAT);
}

static void put_number_text(struct df_json_writer *json, const char *name, struct df_slice text)
{
    if (!text.data)
        return;
    df_json_key(json, name);
    df_json_raw(json, text);
}

static int by_share(const void *a, const void *b)
{
    const struct top_value *x = a, *y = b;
    if (x->share != y->share)
        return x->share > y->share ? -1 : 1;
    return df_slice_compare(x->text, y->text);
}

static void put_top(const struct df_funnel_schema *schema, const struct df_funnel_schema_column *column,
                    struct df_json_writer *json)
{
    qsort(column->top, column->top_count, sizeof *column->top, by_share);
    df_json_key(json, "catTopValues");
    df_json_begin_object(json);
    for (uint32_t i = 0; i < column->top_count && i < DF_FUNNEL_TOP_VALUES; i++) {
        double share = column->top[i].share / schema->file_count;
        if (share < 0.01)
            break;
        df_json_key_slice(json, column->top[i].text);
        df_json_number(json, share);
    }
    df_json_end_object(json);
    df_json_key(json, "catUniqueRatio");
    df_json_number(json, column->unique_ratio / schema->file_count);
}

static void put_column(const struct df_funnel_schema *schema, const struct df_funnel_schema_column *column,
                       struct df_json_writer *json)
{
    char place[DF_TYPE_TEXT_BYTES];
    df_json_key(json, column->name);
    df_json_begin_object(json);
    df_json_key(json, "name");
    df_json_text(json, column->name);
    df_json_key(json, "dtypeName");
    df_json_text(json, dtype_of(column));
    df_json_key(json, "coltype");
    df_json_text(json, class_of(&column->type));
    df_json_key(json, "type");
    df_json_text(json, df_type_text(&column->type, place));
    df_json_key(json, "nulls");
    df_json_uint(json, column->nulls);
    df_json_key(json, "colattrs");
    df_json_begin_object(json);
    if (is_number(&column->type)) {
        put_number_text(json, "numericMin", column->minimum);
        put_number_text(json, "numericMax", column->maximum);
    }
    df_json_key(json, "categorical");
    df_json_boolean(json, column->categorical);
    if (column->categorical)
        put_top(schema, column, json);
    df_json_end_object(json);
    df_json_end_object(json);
}

static void put_names(const struct df_funnel_schema *schema, const char *member, bool source,
                      struct df_json_writer *json)
{
    df_json_key(json, member);
    df_json_begin_array(json);
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (schema->columns[i].categorical && schema->columns[i].source == source)
            df_json_text(json, schema->columns[i].name);
    df_json_end_array(json);
}

void df_funnel_schema_put(const struct df_funnel_schema *schema, const char *user, const char *time,
                          struct df_json_writer *json)
{
    const struct df_funnel_schema_column *timed = find(schema, time);
    df_json_begin_object(json);
    df_json_key(json, "groupIdColumn");
    df_json_text(json, user);
    df_json_key(json, "timestampColumn");
    df_json_text(json, time);
    if (timed) {
        put_number_text(json, "minTimestamp", timed->minimum);
        put_number_text(json, "maxTimestamp", timed->maximum);
    }
    put_names(schema, "sourceCategoricals", true, json);
    put_names(schema, "potentialCategoricals", false, json);
    df_json_key(json, "columns");
    df_json_begin_object(json);
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (!schema->columns[i].unsupported)
            put_column(schema, &schema->columns[i], json);
    df_json_end_object(json);
    df_json_key(json, "unsupportedColumns");
    df_json_begin_object(json);
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (schema->columns[i].unsupported) {
            df_json_key(json, schema->columns[i].name);
            df_json_text(json, schema->columns[i].unsupported);
        }
    df_json_end_object(json);
    df_json_end_object(json);
}
