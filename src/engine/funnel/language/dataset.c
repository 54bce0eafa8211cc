/* "dataset": where the rows are, and which columns are user and time. */
#include "engine/funnel/language/reader.h"
#include "engine/funnel/language/shown.h"

static int read_path(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    const char **path = out;
    struct df_funnel_text text = {.what = "a path"};
    if (df_funnel_read_text(reader, value, &text) < 0)
        return -1;
    *path = text.text;
    return 0;
}

static int read_size(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    uint64_t *size_bytes = out;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (value->type != DF_JSON_NUMBER)
        return df_funnel_expected(reader, "a number of bytes", value);
    if (!df_json_uint64(value, size_bytes))
        return df_funnel_fail(reader, "expected a number of bytes, found %s", df_funnel_shown(value->text, shown));
    return 0;
}

static int read_listed(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const known[] = {"uri", "sizeBytes", NULL};
    struct df_funnel_listed *file = out;
    struct df_funnel_text uri = {.what = "the URI of a file"};
    if (df_funnel_check_members(reader, value, known) < 0 ||
        df_funnel_required(reader, value, "uri", df_funnel_read_text, &uri) < 0 ||
        df_funnel_optional(reader, value, "sizeBytes", read_size, &file->size_bytes) < 0)
        return -1;
    file->uri = uri.text;
    return 0;
}

static int read_paths(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_dataset *dataset = out;
    if (!value || value->type != DF_JSON_ARRAY)
        return df_funnel_expected(reader, "an array of paths", value);
    if (value->child_count == 0)
        return df_funnel_fail(reader, "expected at least one path, found none");
    const char **paths = df_arena_array(reader->arena, value->child_count, sizeof *paths);
    if (!paths)
        return df_funnel_fail_memory(reader);
    dataset->paths = paths;
    dataset->path_count = (uint32_t)value->child_count;
    return df_funnel_each(reader, value, read_path, paths, sizeof *paths);
}

static int read_files(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_dataset *dataset = out;
    if (!value || value->type != DF_JSON_ARRAY)
        return df_funnel_expected(reader, "an array of {\"uri\", \"sizeBytes\"}", value);
    if (value->child_count == 0)
        return df_funnel_fail(reader, "expected at least one file, found none");
    struct df_funnel_listed *files = df_arena_array(reader->arena, value->child_count, sizeof *files);
    if (!files)
        return df_funnel_fail_memory(reader);
    dataset->files = files;
    dataset->file_count = (uint32_t)value->child_count;
    return df_funnel_each(reader, value, read_listed, files, sizeof *files);
}

static int read_groups(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const words[] = {"auto", "whole", "spread", NULL};
    enum df_funnel_whole *groups = out;
    struct df_funnel_word word = {.words = words};
    if (df_funnel_read_word(reader, value, &word) < 0)
        return -1;
    *groups = (enum df_funnel_whole)word.chosen;
    return 0;
}

static int read_unit(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const words[] = {"s", "ms", "us", "ns", NULL};
    struct df_funnel_dataset *dataset = out;
    struct df_funnel_word word = {.words = words};
    if (df_funnel_read_word(reader, value, &word) < 0)
        return -1;
    dataset->unit_given = true;
    dataset->unit = (enum df_time_unit)word.chosen;
    return 0;
}

int df_funnel_read_dataset(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const known[] = {"paths", "files", "pattern", "user", "time", "groups", "timestampUnit", NULL};
    struct df_funnel_dataset *dataset = out;
    struct df_funnel_text user = {.what = "the name of the user column"},
                          time = {.what = "the name of the time column"},
                          pattern = {.what = "a pattern of file names", .text = "*.parquet"};
    if (df_funnel_check_members(reader, value, known) < 0 ||
        df_funnel_optional(reader, value, "paths", read_paths, dataset) < 0 ||
        df_funnel_optional(reader, value, "files", read_files, dataset) < 0 ||
        df_funnel_optional(reader, value, "pattern", df_funnel_read_text, &pattern) < 0 ||
        df_funnel_required(reader, value, "user", df_funnel_read_text, &user) < 0 ||
        df_funnel_required(reader, value, "time", df_funnel_read_text, &time) < 0 ||
        df_funnel_optional(reader, value, "groups", read_groups, &dataset->groups) < 0 ||
        df_funnel_optional(reader, value, "timestampUnit", read_unit, dataset) < 0)
        return -1;
    if (dataset->paths && dataset->files)
        return df_funnel_fail(reader, "expected paths or files, found both");
    dataset->user = user.text;
    dataset->time = time.text;
    dataset->pattern = pattern.text;
    return 0;
}

int df_funnel_request_check_paths(const struct df_funnel_request *request, struct df_error *error)
{
    if (request->dataset.path_count || request->dataset.file_count)
        return 0;
    return df_error_set(error, DF_ERROR_INVALID, "dataset.paths: missing; expected an array of paths");
}
