#include "engine/funnel/request.h"

#include <stdio.h>

#include "base/config.h"
#include "base/hash.h"
#include "base/json.h"
#include "engine/funnel/shown.h"

/* No request needs more; a deeper or larger one is a mistake that should cost no memory. */
static const struct df_json_limits limits = {.text_bytes = 100u << 20, .depth = 64, .nodes = 2u << 20};

enum { PLACE_BYTES = 64, NAMES_MAX = 8 };

static int expected(struct df_error *error, const char *place, const char *what, const struct df_json *found)
{
    if (!found)
        return df_error_set(error, DF_ERROR_INVALID, "%s: missing; expected %s", place, what);
    return df_error_set(error, DF_ERROR_INVALID, "%s: expected %s, found %s", place, what,
                        df_json_type_name(found->type));
}

static bool is_known(struct df_slice name, const char *const *known)
{
    for (; *known; known++)
        if (df_slice_is(name, *known))
            return true;
    return false;
}

static int unknown_member(struct df_error *error, const char *place, struct df_slice name, const char *const *known)
{
    char shown[DF_FUNNEL_SHOWN_BYTES], all[256] = "";
    size_t used = 0, count = 0;
    for (; known[count]; count++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", count ? ", " : "", known[count]);
    const char *near = df_nearest_name(df_funnel_shown(name, shown), known, count);
    return df_error_set(error, DF_ERROR_INVALID, "%s: unknown member '%s'%s%s%s; known: %s", *place ? place : "request",
                        shown, near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", all);
}

/* `object` must be an object whose members are all known (a NULL-terminated list of at most NAMES_MAX short names). */
static int check_object(const struct df_json *object, const char *place, const char *const *known,
                        struct df_error *error)
{
    if (!object || object->type != DF_JSON_OBJECT)
        return expected(error, *place ? place : "request", "an object", object);
    for (const struct df_json *member = object->children; member; member = member->next)
        if (!is_known(member->key, known))
            return unknown_member(error, place, member->key, known);
    return 0;
}

/* Names become C strings, so a zero byte inside would cut them: refused. */
static int take_text(const struct df_json *value, const char *place, const char *what, struct df_arena *arena,
                     const char **out, struct df_error *error)
{
    if (!value || value->type != DF_JSON_STRING)
        return expected(error, place, what, value);
    if (value->text.size == 0)
        return df_error_set(error, DF_ERROR_INVALID, "%s: expected %s, found an empty string", place, what);
    if (memchr(value->text.data, 0, value->text.size))
        return df_error_set(error, DF_ERROR_INVALID, "%s: a zero byte cannot be part of it", place);
    *out = df_arena_text(arena, value->text);
    return *out ? 0 : df_error_no_memory(error, "reading the request");
}

/* ---- dataset ---- */

static int parse_paths(struct df_funnel_request *request, const struct df_json *paths, struct df_arena *arena,
                       struct df_error *error)
{
    if (!paths || paths->type != DF_JSON_ARRAY)
        return expected(error, "dataset.paths", "an array of paths", paths);
    if (paths->child_count == 0)
        return df_error_set(error, DF_ERROR_INVALID, "dataset.paths: expected at least one path, found none");
    const char **list = df_arena_array(arena, paths->child_count, sizeof *list);
    if (!list)
        return df_error_no_memory(error, "reading the request");
    for (const struct df_json *path = paths->children; path; path = path->next) {
        char place[PLACE_BYTES];
        snprintf(place, sizeof place, "dataset.paths[%u]", request->path_count);
        if (take_text(path, place, "a path", arena, &list[request->path_count++], error) < 0)
            return -1;
    }
    request->paths = list;
    return 0;
}

static int parse_groups(struct df_funnel_request *request, const struct df_json *groups, struct df_error *error)
{
    static const char *const names[] = {"auto", "whole", "spread"};
    request->groups = DF_FUNNEL_AUTO;
    if (!groups)
        return 0;
    if (groups->type != DF_JSON_STRING)
        return expected(error, "dataset.groups", "'auto', 'whole' or 'spread'", groups);
    for (unsigned i = 0; i < 3; i++) {
        if (df_slice_is(groups->text, names[i])) {
            request->groups = (enum df_funnel_whole)i;
            return 0;
        }
    }
    char shown[DF_FUNNEL_SHOWN_BYTES];
    return df_error_set(error, DF_ERROR_INVALID, "dataset.groups: expected 'auto', 'whole' or 'spread', found '%s'",
                        df_funnel_shown(groups->text, shown));
}

static int parse_dataset(struct df_funnel_request *request, const struct df_json *dataset, struct df_arena *arena,
                         struct df_error *error)
{
    static const char *const known[] = {"paths", "pattern", "user", "time", "groups", NULL};
    if (check_object(dataset, "dataset", known, error) < 0 ||
        parse_paths(request, df_json_get(dataset, "paths"), arena, error) < 0 ||
        take_text(df_json_get(dataset, "user"), "dataset.user", "the name of the user column", arena, &request->user,
                  error) < 0 ||
        take_text(df_json_get(dataset, "time"), "dataset.time", "the name of the time column", arena, &request->time,
                  error) < 0 ||
        parse_groups(request, df_json_get(dataset, "groups"), error) < 0)
        return -1;
    request->pattern = "*.parquet";
    const struct df_json *pattern = df_json_get(dataset, "pattern");
    return pattern ? take_text(pattern, "dataset.pattern", "a pattern of file names", arena, &request->pattern, error)
                   : 0;
}

/* ---- funnel ---- */

static int parse_op(struct df_funnel_filter_spec *spec, const struct df_json *op, const char *place,
                    struct df_error *error)
{
    static const char *const known = "== != > >= < <= contains, not contains";
    if (!op || op->type != DF_JSON_STRING)
        return expected(error, place, "an operator", op);
    if (df_funnel_op_parse(op->text, &spec->op))
        return 0;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    return df_error_set(error, DF_ERROR_INVALID, "%s: unknown operator '%s'; known: %s", place,
                        df_funnel_shown(op->text, shown), known);
}

static int parse_value(struct df_funnel_filter_spec *spec, const struct df_json *value, const char *place,
                       struct df_error *error)
{
    switch (value ? value->type : DF_JSON_NULL) {
    case DF_JSON_STRING:
        spec->type = DF_FUNNEL_STRING;
        break;
    case DF_JSON_NUMBER:
        spec->type = DF_FUNNEL_NUMBER;
        break;
    case DF_JSON_BOOL:
        spec->type = DF_FUNNEL_BOOLEAN;
        spec->boolean = value->boolean;
        return 0;
    default:
        return expected(error, place, "a string, a number or a boolean", value);
    }
    spec->text = value->text;
    return 0;
}

/* The three pieces of a filter, from its long or its short form; places are those of the form that was used. */
static int parse_filter(struct df_funnel_filter_spec *spec, const struct df_json *filter, uint32_t step,
                        struct df_arena *arena, struct df_error *error)
{
    static const char *const known[] = {"column", "op", "value", NULL};
    const struct df_json *pieces[3];
    char place[PLACE_BYTES], places[3][PLACE_BYTES + 16];
    *spec = (struct df_funnel_filter_spec){.step = step};
    snprintf(place, sizeof place, "funnel.sequence[%u].filter", step);
    if (filter && filter->type == DF_JSON_ARRAY) {
        if (filter->child_count != 3)
            return df_error_set(error, DF_ERROR_INVALID, "%s: expected [column, op, value], found an array of %zu",
                                place, filter->child_count);
        const struct df_json *piece = filter->children;
        for (unsigned i = 0; i < 3; i++, piece = piece->next) {
            pieces[i] = piece;
            snprintf(places[i], sizeof places[i], "%s[%u]", place, i);
        }
    } else if (filter && filter->type != DF_JSON_OBJECT) {
        return expected(error, place, "an object or [column, op, value]", filter);
    } else {
        if (check_object(filter, place, known, error) < 0)
            return -1;
        for (unsigned i = 0; i < 3; i++) {
            pieces[i] = df_json_get(filter, known[i]);
            snprintf(places[i], sizeof places[i], "%s.%s", place, known[i]);
        }
    }
    if (take_text(pieces[0], places[0], "the name of a column", arena, &spec->column, error) < 0 ||
        parse_op(spec, pieces[1], places[1], error) < 0)
        return -1;
    return parse_value(spec, pieces[2], places[2], error);
}

/* ---- equal filters are evaluated once ---- */

struct filter_index {
    uint32_t *slots; /* filter + 1, 0: free; open addressing */
    size_t mask;
};

static uint64_t hash_filter(const struct df_funnel_filter_spec *spec)
{
    uint64_t hash = df_hash_bytes(df_slice_text(spec->column));
    hash = df_hash_u64(hash ^ (uint64_t)spec->op << 8 ^ (uint64_t)spec->type << 4 ^ (uint64_t)spec->boolean);
    return df_hash_u64(hash ^ df_hash_bytes(spec->text));
}

static bool same_filter(const struct df_funnel_filter_spec *a, const struct df_funnel_filter_spec *b)
{
    return a->op == b->op && a->type == b->type && a->boolean == b->boolean &&
           df_slice_equal(df_slice_text(a->column), df_slice_text(b->column)) && df_slice_equal(a->text, b->text);
}

static uint32_t add_filter(struct filter_index *index, struct df_funnel_filter_spec *filters, uint32_t *count,
                           const struct df_funnel_filter_spec *spec)
{
    size_t at = hash_filter(spec) & index->mask;
    for (; index->slots[at]; at = (at + 1) & index->mask)
        if (same_filter(&filters[index->slots[at] - 1], spec))
            return index->slots[at] - 1;
    filters[*count] = *spec;
    index->slots[at] = ++*count;
    return *count - 1;
}

static int parse_step(struct df_funnel_step *step, struct df_funnel_filter_spec *spec, const struct df_json *json,
                      uint32_t index, struct df_arena *arena, struct df_error *error)
{
    static const char *const known[] = {"filter", "name", NULL};
    char place[PLACE_BYTES];
    snprintf(place, sizeof place, "funnel.sequence[%u]", index);
    if (check_object(json, place, known, error) < 0 ||
        parse_filter(spec, df_json_get(json, "filter"), index, arena, error) < 0)
        return -1;
    const struct df_json *name = df_json_get(json, "name");
    snprintf(place, sizeof place, "funnel.sequence[%u].name", index);
    if (name && name->type != DF_JSON_STRING)
        return expected(error, place, "a string", name);
    step->name = df_slice_make(NULL, 0);
    if (name)
        step->name = name->text.data ? name->text : df_slice_make("", 0);
    return 0;
}

static int parse_sequence(struct df_funnel_request *request, const struct df_json *sequence, struct df_arena *arena,
                          struct df_error *error)
{
    if (!sequence || sequence->type != DF_JSON_ARRAY)
        return expected(error, "funnel.sequence", "an array of steps", sequence);
    if (sequence->child_count == 0 || sequence->child_count > DF_FUNNEL_STEPS_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "funnel.sequence: expected 1 to %d steps, found %zu",
                            DF_FUNNEL_STEPS_MAX, sequence->child_count);
    size_t slots = 8;
    while (slots < sequence->child_count * 2)
        slots *= 2;
    struct df_funnel_step *steps = df_arena_array(arena, sequence->child_count, sizeof *steps);
    struct df_funnel_filter_spec *filters = df_arena_array(arena, sequence->child_count, sizeof *filters);
    struct filter_index index = {.slots = df_arena_array(arena, slots, sizeof *index.slots), .mask = slots - 1};
    if (!steps || !filters || !index.slots)
        return df_error_no_memory(error, "reading the request");
    for (const struct df_json *json = sequence->children; json; json = json->next) {
        struct df_funnel_filter_spec spec;
        struct df_funnel_step *step = &steps[request->step_count];
        if (parse_step(step, &spec, json, request->step_count, arena, error) < 0)
            return -1;
        step->filter = add_filter(&index, filters, &request->filter_count, &spec);
        request->step_count++;
    }
    request->steps = steps;
    request->filters = filters;
    return 0;
}

int df_funnel_request_parse(struct df_funnel_request *request, struct df_slice json, struct df_arena *arena,
                            struct df_error *error)
{
    static const char *const top[] = {"dataset", "funnel", NULL}, *const funnel_members[] = {"sequence", NULL};
    struct df_json *root;
    *request = (struct df_funnel_request){0};
    if (df_json_parse(json, &limits, arena, &root, error) < 0 || check_object(root, "", top, error) < 0 ||
        parse_dataset(request, df_json_get(root, "dataset"), arena, error) < 0)
        return -1;
    const struct df_json *funnel = df_json_get(root, "funnel");
    if (check_object(funnel, "funnel", funnel_members, error) < 0)
        return -1;
    return parse_sequence(request, df_json_get(funnel, "sequence"), arena, error);
}
