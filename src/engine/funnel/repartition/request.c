#include "engine/funnel/repartition/request.h"

#include "base/json.h"
#include "base/json_write.h"

static const struct {
    const char *name;
    enum df_parquet_codec codec;
} codecs[] = {{"snappy", DF_PARQUET_SNAPPY}, {"zstd", DF_PARQUET_ZSTD}, {"none", DF_PARQUET_UNCOMPRESSED}};
enum { CODECS = sizeof codecs / sizeof *codecs };

const char *df_repartition_codec_name(enum df_parquet_codec codec)
{
    for (unsigned i = 0; i < CODECS; i++)
        if (codecs[i].codec == codec)
            return codecs[i].name;
    return "";
}

/* ---- reading ---- */

static int expected(const char *name, const char *what, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_INVALID, "%s: expected %s", name, what);
}

static bool is_text(const struct df_json *value)
{
    return value && value->type == DF_JSON_STRING && !memchr(value->text.data, 0, value->text.size);
}

static bool is_given(const struct df_json *value)
{
    return value && value->type != DF_JSON_NULL;
}

/* NULL when it is not there, or null. */
static int take_text(const struct df_json *object, const char *name, struct df_arena *arena, const char **out,
                     struct df_error *error)
{
    const struct df_json *value = df_json_get(object, name);
    *out = NULL;
    if (!is_given(value))
        return 0;
    if (!is_text(value))
        return expected(name, "a text", error);
    *out = df_arena_text(arena, value->text);
    return *out ? 0 : df_error_no_memory(error, "reading the request");
}

static int take_texts(const struct df_json *object, const char *name, struct df_arena *arena, const char ***out,
                      uint32_t *count, struct df_error *error)
{
    const struct df_json *array = df_json_get(object, name);
    *count = 0;
    *out = NULL;
    if (!is_given(array))
        return 0;
    if (array->type != DF_JSON_ARRAY || array->child_count > UINT32_MAX)
        return expected(name, "an array of texts", error);
    *out = df_arena_array(arena, array->child_count, sizeof **out);
    if (!*out)
        return df_error_no_memory(error, "reading the request");
    for (const struct df_json *text = array->children; text; text = text->next) {
        if (!is_text(text))
            return expected(name, "an array of texts", error);
        if (!((*out)[*count] = df_arena_text(arena, text->text)))
            return df_error_no_memory(error, "reading the request");
        ++*count;
    }
    return 0;
}

static int take_number(const struct df_json *object, const char *name, uint64_t most, uint32_t *out,
                       struct df_error *error)
{
    const struct df_json *value = df_json_get(object, name);
    uint64_t number = 0;
    if (is_given(value) && (!df_json_uint64(value, &number) || number > most))
        return df_error_set(error, DF_ERROR_INVALID, "%s: expected a whole number of at most %llu", name,
                            (unsigned long long)most);
    *out = (uint32_t)number;
    return 0;
}

static int take_codec(const struct df_json *object, enum df_parquet_codec *codec, struct df_error *error)
{
    const struct df_json *value = df_json_get(object, "codec");
    *codec = DF_PARQUET_SNAPPY;
    if (!is_given(value))
        return 0;
    for (unsigned i = 0; i < CODECS; i++)
        if (value->type == DF_JSON_STRING && df_slice_is(value->text, codecs[i].name)) {
            *codec = codecs[i].codec;
            return 0;
        }
    return expected("codec", "snappy, zstd or none", error);
}

static int take_base(struct df_repartition_request *request, const struct df_json *tree, struct df_arena *arena,
                     struct df_error *error)
{
    const struct df_json *skip = df_json_get(tree, "skipUnsupported");
    if (take_texts(tree, "paths", arena, &request->paths, &request->path_count, error) < 0 ||
        take_texts(tree, "columns", arena, &request->chosen, &request->chosen_count, error) < 0 ||
        take_text(tree, "pattern", arena, &request->pattern, error) < 0 ||
        take_text(tree, "user", arena, &request->user, error) < 0 ||
        take_text(tree, "time", arena, &request->time, error) < 0 ||
        take_text(tree, "target", arena, &request->target, error) < 0 ||
        take_number(tree, "parts", DF_REPARTITION_PARTS_MAX, &request->parts, error) < 0 ||
        take_number(tree, "rowGroupRows", DF_REPARTITION_GROUP_ROWS_MAX, &request->row_group_rows, error) < 0 ||
        take_codec(tree, &request->codec, error) < 0)
        return -1;
    if (is_given(skip) && skip->type != DF_JSON_BOOL)
        return expected("skipUnsupported", "true or false", error);
    request->skip_unsupported = is_given(skip) && skip->boolean;
    if (!request->pattern)
        request->pattern = "*.parquet";
    if (request->path_count == 0)
        return expected("paths", "an array of paths", error);
    if (!request->user || !request->user[0])
        return expected("user", "the name of a column", error);
    if (!request->target || !request->target[0])
        return expected("target", "a folder", error);
    if (request->time && strcmp(request->time, request->user) == 0)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' cannot be the user and the time: name two columns",
                            request->user);
    return 0;
}

/* kind, list, bits, unit, precision, scale, flags, fixed bytes */
enum { TYPE_NUMBERS = 8, FLAG_UNSIGNED = 1, FLAG_LOCAL = 2, FLAG_ELEMENTS = 4, FLAG_REQUIRED = 8, FLAGS = 16 };

static int take_type(const struct df_json *array, struct df_repartition_column *column, struct df_error *error)
{
    uint64_t numbers[TYPE_NUMBERS];
    unsigned count = 0;
    for (const struct df_json *number = array ? array->children : NULL; number; number = number->next, count++)
        if (count == TYPE_NUMBERS || !df_json_uint64(number, &numbers[count]))
            return expected("schema", "types of eight numbers", error);
    if (count != TYPE_NUMBERS || numbers[0] >= DF_TYPE_KINDS || numbers[1] > 1 || numbers[2] > 64 ||
        numbers[3] >= DF_TIME_UNITS || numbers[4] > 38 || numbers[5] > 38 || numbers[6] >= FLAGS ||
        numbers[7] > DF_REPARTITION_FIXED_MAX)
        return expected("schema", "types", error);
    column->type = (struct df_type){.kind = (enum df_type_kind)numbers[0],
                                    .list = numbers[1] != 0,
                                    .bits = (uint8_t)numbers[2],
                                    .unit = (enum df_time_unit)numbers[3],
                                    .precision = (uint8_t)numbers[4],
                                    .scale = (uint8_t)numbers[5]};
    column->is_unsigned = (numbers[6] & FLAG_UNSIGNED) != 0;
    column->is_local = (numbers[6] & FLAG_LOCAL) != 0;
    column->elements_required = (numbers[6] & FLAG_ELEMENTS) != 0;
    column->required = (numbers[6] & FLAG_REQUIRED) != 0;
    column->fixed_bytes = (uint32_t)numbers[7];
    return 0;
}

static int take_schema(struct df_repartition_request *request, const struct df_json *tree, struct df_arena *arena,
                       struct df_error *error)
{
    const struct df_json *schema = df_json_get(tree, "schema");
    uint32_t kind = 0;
    request->user_at = request->time_at = DF_REPARTITION_NONE;
    if (!schema)
        return 0;
    if (schema->type != DF_JSON_ARRAY || schema->child_count == 0 || schema->child_count > DF_REPARTITION_COLUMNS_MAX)
        return expected("schema", "an array of columns", error);
    request->columns = df_arena_array(arena, schema->child_count, sizeof *request->columns);
    if (!request->columns)
        return df_error_no_memory(error, "reading the request");
    for (const struct df_json *given = schema->children; given; given = given->next) {
        struct df_repartition_column *column = &request->columns[request->column_count++];
        if (take_text(given, "name", arena, &column->name, error) < 0 ||
            take_type(df_json_get(given, "type"), column, error) < 0)
            return -1;
        if (!column->name)
            return expected("schema", "columns with a name", error);
    }
    if (take_number(tree, "userAt", request->column_count - 1, &request->user_at, error) < 0 ||
        take_number(tree, "keyKind", DF_FUNNEL_KEY_KINDS - 1, &kind, error) < 0)
        return -1;
    request->kind = (enum df_funnel_key_kind)kind;
    return is_given(df_json_get(tree, "timeAt"))
               ? take_number(tree, "timeAt", request->column_count - 1, &request->time_at, error)
               : 0;
}

static int take_tokens(struct df_repartition_request *request, const struct df_json *tree, struct df_arena *arena,
                       struct df_error *error)
{
    const char **texts;
    if (take_texts(tree, "tokens", arena, &texts, &request->token_count, error) < 0)
        return -1;
    request->tokens = df_arena_array(arena, request->token_count, sizeof *request->tokens);
    if (!request->tokens)
        return df_error_no_memory(error, "reading the request");
    for (uint32_t i = 0; i < request->token_count; i++)
        request->tokens[i] = df_slice_text(texts[i]);
    return 0;
}

int df_repartition_request_parse(struct df_repartition_request *request, struct df_slice text, struct df_arena *arena,
                                 struct df_error *error)
{
    struct df_json *tree;
    *request = (struct df_repartition_request){0};
    if (df_json_parse(text, &df_json_default_limits, arena, &tree, error) < 0 ||
        take_base(request, tree, arena, error) < 0 || take_schema(request, tree, arena, error) < 0 ||
        take_text(tree, "place", arena, &request->place, error) < 0 ||
        take_text(tree, "writing", arena, &request->writing, error) < 0)
        return -1;
    return take_tokens(request, tree, arena, error);
}

/* ---- writing ---- */

static void put_texts(struct df_json_writer *json, const char *name, const char *const *texts, uint32_t count)
{
    df_json_key(json, name);
    df_json_begin_array(json);
    for (uint32_t i = 0; i < count; i++)
        df_json_text(json, texts[i]);
    df_json_end_array(json);
}

static void put_member(struct df_json_writer *json, const char *name, const char *text)
{
    df_json_key(json, name);
    df_json_text(json, text);
}

static void put_number(struct df_json_writer *json, const char *name, uint64_t number)
{
    df_json_key(json, name);
    df_json_uint(json, number);
}

static void put_schema(const struct df_repartition_request *request, struct df_json_writer *json)
{
    df_json_key(json, "schema");
    df_json_begin_array(json);
    for (uint32_t i = 0; i < request->column_count; i++) {
        const struct df_repartition_column *column = &request->columns[i];
        const struct df_type *type = &column->type;
        uint64_t flags = (column->is_unsigned ? FLAG_UNSIGNED : 0) | (column->is_local ? FLAG_LOCAL : 0) |
                         (column->elements_required ? FLAG_ELEMENTS : 0) | (column->required ? FLAG_REQUIRED : 0);
        const uint64_t numbers[TYPE_NUMBERS] = {type->kind,      type->list,  type->bits, type->unit,
                                                type->precision, type->scale, flags,      column->fixed_bytes};
        df_json_begin_object(json);
        put_member(json, "name", column->name);
        df_json_key(json, "type");
        df_json_begin_array(json);
        for (unsigned n = 0; n < TYPE_NUMBERS; n++)
            df_json_uint(json, numbers[n]);
        df_json_end_array(json);
        df_json_end_object(json);
    }
    df_json_end_array(json);
    put_number(json, "userAt", request->user_at);
    put_number(json, "keyKind", request->kind);
    if (request->time_at != DF_REPARTITION_NONE)
        put_number(json, "timeAt", request->time_at);
}

void df_repartition_request_put(const struct df_repartition_request *request, struct df_buf *out)
{
    struct df_json_writer json;
    df_json_writer_init(&json, out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    put_texts(&json, "paths", request->paths, request->path_count);
    put_member(&json, "pattern", request->pattern);
    put_member(&json, "user", request->user);
    put_member(&json, "time", request->time);
    put_member(&json, "target", request->target);
    put_number(&json, "parts", request->parts);
    put_texts(&json, "columns", request->chosen, request->chosen_count);
    df_json_key(&json, "skipUnsupported");
    df_json_boolean(&json, request->skip_unsupported);
    put_member(&json, "codec", df_repartition_codec_name(request->codec));
    put_number(&json, "rowGroupRows", request->row_group_rows);
    if (request->column_count)
        put_schema(request, &json);
    put_member(&json, "place", request->place);
    put_member(&json, "writing", request->writing);
    df_json_key(&json, "tokens");
    df_json_begin_array(&json);
    for (uint32_t i = 0; i < request->token_count; i++)
        df_json_string(&json, request->tokens[i]);
    df_json_end_array(&json);
    df_json_end_object(&json);
}
