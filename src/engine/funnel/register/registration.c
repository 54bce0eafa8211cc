/* The engine of registration: list, choose, describe the chosen files, compare their users.
 *
 *     stage 0   one part per chosen file: its description; its distinct users to sections
 *     stage 1   (uniques) some sections per part: how many users, and in how many files */
#include <stdlib.h>

#include "engine/funnel/plan/listing.h"
#include "engine/funnel/register/describe.h"
#include "engine/funnel/register/register.h"
#include "engine/funnel/register/schema.h"
#include "engine/funnel/register/users.h"
#include "engine/funnel/register/validation.h"

enum {
    USERS_BYTES_MAX = 16 * 1024 * 1024, /* of the files per section: its users fit the memory of a part */
    USERS_BYTES_MIN = 64 * 1024,
    MEMORY_SHARE = 32, /* a table of users takes several times the bytes that they have in a file */
    SECTIONS_MAX = 4096,
    READS_MAX = 100000, /* producers × sections */
};

struct file {
    const char *uri, *etag; /* in the query's arena */
    uint64_t size_bytes;
};

struct registration {
    struct df_funnel_request request; /* its data set only */
    enum df_funnel_validation validation;
    bool uniques;

    struct file *files; /* owned */
    uint32_t file_count, file_capacity;
    bool *chosen; /* owned */
    uint32_t chosen_count;
    uint64_t total_bytes;
    struct {
        bool listed;
        uint32_t file, section;
    } at;
    uint32_t sections, sections_per_part;

    struct df_funnel_schema schema;
    uint32_t described; /* the next file whose description comes, as an index into files */
    struct df_funnel_users_found users;
};

/* ---- the request ---- */

static int text_member(const struct df_json *object, const char *name, struct df_arena *arena, const char **out,
                       struct df_error *error)
{
    const struct df_json *value = df_json_get(object, name);
    if (!value || value->type != DF_JSON_STRING || value->text.size == 0 ||
        memchr(value->text.data, 0, value->text.size))
        return df_error_set(error, DF_ERROR_INVALID, "dataset.%s: expected a text", name);
    *out = df_arena_text(arena, value->text);
    return *out ? 0 : df_error_no_memory(error, "reading the request");
}

static int parse_paths(struct registration *registration, const struct df_json *paths, struct df_arena *arena,
                       struct df_error *error)
{
    if (!paths || paths->type != DF_JSON_ARRAY || paths->child_count == 0)
        return df_error_set(error, DF_ERROR_INVALID, "dataset.paths: expected an array of paths");
    const char **list = df_arena_array(arena, paths->child_count, sizeof *list);
    if (!list)
        return df_error_no_memory(error, "reading the request");
    struct df_funnel_dataset *dataset = &registration->request.dataset;
    for (const struct df_json *path = paths->children; path; path = path->next) {
        if (path->type != DF_JSON_STRING || memchr(path->text.data, 0, path->text.size))
            return df_error_set(error, DF_ERROR_INVALID, "dataset.paths: expected texts");
        list[dataset->path_count] = df_arena_text(arena, path->text);
        if (!list[dataset->path_count++])
            return df_error_no_memory(error, "reading the request");
    }
    dataset->paths = list;
    return 0;
}

static int parse_register(struct registration *registration, const struct df_json *wanted, struct df_error *error)
{
    const struct df_json *validation = df_json_get(wanted, "validation"), *uniques = df_json_get(wanted, "uniques");
    registration->validation = DF_FUNNEL_VALIDATE_SAMPLE;
    registration->uniques = !uniques || uniques->type != DF_JSON_BOOL || uniques->boolean;
    if (!validation ||
        (validation->type == DF_JSON_STRING && df_funnel_validation_parse(validation->text, &registration->validation)))
        return 0;
    return df_error_set(error, DF_ERROR_INVALID, "register.validation: expected ALL, SAMPLE, FIRST_LAST or SINGLE");
}

static int parse(struct registration *registration, struct df_slice request, struct df_arena *arena,
                 struct df_error *error)
{
    struct df_json *tree;
    struct df_funnel_dataset *dataset = &registration->request.dataset;
    if (df_json_parse(request, &df_json_default_limits, arena, &tree, error) < 0)
        return -1;
    const struct df_json *given = df_json_get(tree, "dataset");
    dataset->pattern = "*.parquet";
    if (df_json_get(given, "pattern") && text_member(given, "pattern", arena, &dataset->pattern, error) < 0)
        return -1;
    if (text_member(given, "user", arena, &dataset->user, error) < 0 ||
        text_member(given, "time", arena, &dataset->time, error) < 0)
        return -1;
    return parse_register(registration, df_json_get(tree, "register"), error);
}

static int query_begin(struct df_query *query, struct df_error *error)
{
    struct registration *registration = df_arena_zalloc(&query->arena, sizeof *registration);
    struct df_json *tree;
    if (!registration)
        return df_error_no_memory(error, "beginning a registration");
    query->state = registration;
    registration->schema.arena = &query->arena;
    if (parse(registration, query->request, &query->arena, error) < 0 ||
        df_json_parse(query->request, &df_json_default_limits, &query->arena, &tree, error) < 0)
        return -1;
    return parse_paths(registration, df_json_get(df_json_get(tree, "dataset"), "paths"), &query->arena, error);
}

static void query_end(struct df_query *query, enum df_end end)
{
    struct registration *registration = query->state;
    (void)end; /* nothing was written aside */
    if (!registration)
        return;
    free(registration->files);
    free(registration->chosen);
    df_funnel_users_found_dispose(&registration->users);
    query->state = NULL;
}

/* ---- planning ---- */

static int remember(struct df_query *query, struct df_funnel_object *object, struct df_error *error)
{
    struct registration *registration = query->state;
    if (registration->file_count == registration->file_capacity) {
        uint32_t capacity = registration->file_capacity ? registration->file_capacity * 2 : 64;
        struct file *files = reallocarray(registration->files, capacity, sizeof *files);
        if (!files)
            return df_error_no_memory(error, "listing files");
        registration->files = files;
        registration->file_capacity = capacity;
    }
    struct file *file = &registration->files[registration->file_count++];
    *file = (struct file){.uri = df_arena_text(&query->arena, df_buf_slice(&object->uri)),
                          .etag = df_arena_text(&query->arena, df_slice_text(object->etag)),
                          .size_bytes = object->size_bytes};
    registration->total_bytes += object->size_bytes;
    return file->uri && file->etag ? 0 : df_error_no_memory(error, "listing files");
}

static int list(struct df_query *query, struct df_error *error)
{
    struct registration *registration = query->state;
    struct df_funnel_listing *listing;
    struct df_funnel_object object = {0};
    if (df_funnel_listing_open(&listing, query, &registration->request, error) < 0)
        return -1;
    int found;
    while ((found = df_funnel_listing_next(listing, &object, error)) > 0)
        if (remember(query, &object, error) < 0) {
            found = -1;
            break;
        }
    df_funnel_object_dispose(&object);
    df_funnel_listing_close(listing);
    return found;
}

/* bytes: of the chosen files. */
static void cut_sections(struct df_query *query, uint64_t bytes)
{
    struct registration *registration = query->state;
    uint64_t parallelism = query->parallelism ? query->parallelism : 1;
    uint64_t each = USERS_BYTES_MAX, share = query->memory_limit_bytes / MEMORY_SHARE / parallelism;
    if (query->memory_limit_bytes && share < each)
        each = share > USERS_BYTES_MIN ? share : USERS_BYTES_MIN;
    uint64_t sections = bytes / each + parallelism, most = READS_MAX / (registration->chosen_count + 1u);
    most = most < SECTIONS_MAX ? most : SECTIONS_MAX;
    sections = sections < most ? sections : most;
    registration->sections = sections > 0 ? (uint32_t)sections : 1;
    registration->sections_per_part = (uint32_t)(registration->sections / (parallelism * 4));
    if (registration->sections_per_part == 0)
        registration->sections_per_part = 1;
}

static int choose(struct df_query *query, struct df_error *error)
{
    struct registration *registration = query->state;
    registration->chosen = calloc(registration->file_count + (size_t)1, sizeof *registration->chosen);
    if (!registration->chosen)
        return df_error_no_memory(error, "listing files");
    registration->validation = df_funnel_validation_of(registration->validation, registration->file_count);
    registration->chosen_count =
        df_funnel_validation_choose(registration->validation, registration->file_count, registration->chosen);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < registration->file_count; i++)
        bytes += registration->chosen[i] ? registration->files[i].size_bytes : 0;
    registration->uniques = registration->uniques && registration->chosen_count > 1;
    cut_sections(query, bytes);
    return 0;
}

static int plan_files(struct df_query *query, struct df_plan *plan, struct df_error *error)
{
    struct registration *registration = query->state;
    if (!registration->at.listed) {
        if (list(query, error) < 0 || choose(query, error) < 0)
            return -1;
        registration->at.listed = true;
        plan->sections = registration->uniques ? registration->sections : 0;
        plan->parts_expected = registration->chosen_count;
    }
    for (uint32_t room = plan->room; registration->at.file < registration->file_count; registration->at.file++) {
        const struct file *file = &registration->files[registration->at.file];
        if (!registration->chosen[registration->at.file])
            continue;
        if (room-- == 0)
            return DF_PLAN_MORE;
        struct df_part part = {
            .uri = file->uri, .etag = file->etag, .size_bytes = file->size_bytes, .weight_bytes = file->size_bytes};
        if (df_plan_add(plan, &part, error) < 0)
            return -1;
    }
    return DF_PLAN_END;
}

static int plan_sections(struct registration *registration, struct df_plan *plan, struct df_error *error)
{
    if (!registration->uniques)
        return DF_PLAN_END;
    for (uint32_t room = plan->room; registration->at.section < registration->sections; room--) {
        if (room == 0)
            return DF_PLAN_MORE;
        uint32_t end = registration->at.section + registration->sections_per_part;
        end = end < registration->sections ? end : registration->sections;
        struct df_part part = {.uri = "", .etag = "", .range_begin = registration->at.section, .range_end = end};
        if (df_plan_add(plan, &part, error) < 0)
            return -1;
        registration->at.section = end;
    }
    return DF_PLAN_END;
}

static int plan_stage(struct df_query *query, uint32_t stage, struct df_plan *plan, struct df_error *error)
{
    if (stage == 0)
        return plan_files(query, plan, error);
    return stage == 1 ? plan_sections(query->state, plan, error) : DF_PLAN_END;
}

/* ---- folding ---- */

static int fold_description(struct registration *registration, struct df_slice blob, struct df_error *error)
{
    while (registration->described < registration->file_count && !registration->chosen[registration->described])
        registration->described++;
    if (registration->described == registration->file_count)
        return df_error_set(error, DF_ERROR_INTERNAL, "more descriptions came than files were chosen");
    const char *uri = registration->files[registration->described++].uri;
    return df_funnel_schema_merge(&registration->schema, blob, uri, error);
}

static int fold_users(struct registration *registration, struct df_slice blob, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(blob);
    uint64_t distinct, in_files, examples;
    if (!df_cursor_take_varint(&cursor, &distinct) || !df_cursor_take_varint(&cursor, &in_files) ||
        !df_cursor_take_varint(&cursor, &examples) || examples > DF_FUNNEL_EXAMPLES)
        return df_error_set(error, DF_ERROR_CORRUPT, "the count of a section's users is damaged");
    registration->users.distinct += distinct;
    registration->users.in_files += in_files;
    for (uint64_t i = 0; i < examples; i++) {
        uint64_t size;
        struct df_slice text;
        if (!df_cursor_take_varint(&cursor, &size) || size > df_cursor_left(&cursor) ||
            !df_cursor_take_bytes(&cursor, (size_t)size, &text))
            return df_error_set(error, DF_ERROR_CORRUPT, "the count of a section's users is damaged");
        if (registration->users.example_count < DF_FUNNEL_EXAMPLES)
            df_buf_put_slice(&registration->users.examples[registration->users.example_count++], text);
    }
    return 0;
}

static int fold(struct df_query *query, const struct df_part *part, const struct df_outcome *outcome,
                struct df_writer *writer, struct df_error *error)
{
    (void)writer;
    if (outcome->failed) {
        *error = outcome->error;
        return -1;
    }
    int result = part->stage == 0 ? fold_description(query->state, outcome->blob, error)
                                  : fold_users(query->state, outcome->blob, error);
    return result < 0 ? -1 : DF_FOLD_MORE;
}

/* ---- the answer ---- */

static int not_unique(const struct registration *registration, struct df_error *error)
{
    struct df_buf examples = {0};
    for (uint32_t i = 0; i < registration->users.example_count; i++)
        df_buf_printf(&examples, "%s%s", i ? ", " : "", df_buf_text((struct df_buf *)&registration->users.examples[i]));
    int result = df_error_set(
        error, DF_ERROR_INVALID,
        "Group IDs are not unique across files: %llu in the %u files that were looked at, %llu of them distinct (%s, "
        "…); "
        "register without this check (--skip-uniques): queries then find out by themselves that users are spread",
        (unsigned long long)registration->users.in_files, registration->chosen_count,
        (unsigned long long)registration->users.distinct, df_buf_text(&examples));
    df_buf_dispose(&examples);
    return result;
}

static void put_files(const struct registration *registration, struct df_json_writer *json)
{
    df_json_key(json, "files");
    df_json_begin_array(json);
    for (uint32_t i = 0; i < registration->file_count; i++) {
        df_json_begin_object(json);
        df_json_key(json, "uri");
        df_json_text(json, registration->files[i].uri);
        df_json_key(json, "sizeBytes");
        df_json_uint(json, registration->files[i].size_bytes);
        df_json_end_object(json);
    }
    df_json_end_array(json);
}

static void put_users(const struct registration *registration, struct df_json_writer *json)
{
    df_json_key(json, "users");
    if (!registration->uniques) {
        df_json_null(json);
        return;
    }
    df_json_begin_object(json);
    df_json_key(json, "distinct");
    df_json_uint(json, registration->users.distinct);
    df_json_key(json, "unique");
    df_json_boolean(json, true);
    df_json_end_object(json);
}

static int finish(struct df_query *query, struct df_writer *writer, struct df_error *error)
{
    const struct registration *registration = query->state;
    struct df_buf out = {0};
    struct df_json_writer json;
    if (registration->uniques && registration->users.in_files != registration->users.distinct)
        return not_unique(registration, error);
    df_json_writer_init(&json, &out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    put_files(registration, &json);
    df_json_key(&json, "totalSize");
    df_json_uint(&json, registration->total_bytes);
    df_json_key(&json, "validation");
    df_json_text(&json, df_funnel_validation_name(registration->validation));
    df_json_key(&json, "validatedFiles");
    df_json_uint(&json, registration->chosen_count);
    put_users(registration, &json);
    df_json_key(&json, "schema");
    df_funnel_schema_put(&registration->schema, registration->request.dataset.user, registration->request.dataset.time,
                         &json);
    df_json_end_object(&json);
    int result =
        df_buf_failed(&out) ? df_error_no_memory(error, "writing the answer") : df_writer_put(writer, &out, error);
    df_buf_dispose(&out);
    return result;
}

/* ---- workers ---- */

static int task_begin(struct df_task *task, struct df_error *error)
{
    struct registration *registration = df_arena_zalloc(&task->arena, sizeof *registration);
    if (!registration)
        return df_error_no_memory(error, "beginning a task");
    task->state = registration;
    return parse(registration, task->request, &task->arena, error);
}

static void task_end(struct df_task *task)
{
    task->state = NULL; /* all of it lies in the task's arena */
}

static int compare_users(struct df_task *task, const struct df_part *part, struct df_partial *partial,
                         struct df_error *error)
{
    struct df_funnel_users_found found;
    int result = df_funnel_users_compare(task, part, &found, error);
    if (result == 0) {
        df_buf_put_varint(&partial->blob, found.distinct);
        df_buf_put_varint(&partial->blob, found.in_files);
        df_buf_put_varint(&partial->blob, found.example_count);
        for (uint32_t i = 0; i < found.example_count; i++) {
            df_buf_put_varint(&partial->blob, found.examples[i].size);
            df_buf_put_slice(&partial->blob, df_buf_slice(&found.examples[i]));
        }
        if (df_buf_failed(&partial->blob))
            result = df_error_no_memory(error, "comparing users");
    }
    df_funnel_users_found_dispose(&found);
    return result;
}

static int run(struct df_task *task, const struct df_part *part, struct df_partial *partial, struct df_error *error)
{
    const struct registration *registration = task->state;
    if (part->stage > 0)
        return compare_users(task, part, partial, error);
    struct df_funnel_describe what = {.user = registration->request.dataset.user,
                                      .time = registration->request.dataset.time,
                                      .uniques = task->sections > 0};
    return df_funnel_describe(&what, task, part, partial, error);
}

const struct df_engine df_engine_registration = {
    .name = "registration",
    .query_begin = query_begin,
    .plan = plan_stage,
    .fold = fold,
    .finish = finish,
    .query_end = query_end,
    .task_begin = task_begin,
    .run = run,
    .task_end = task_end,
};
