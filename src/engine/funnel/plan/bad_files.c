/* Files that cannot be read: the error that names one, or the account of those that are left out. */
#include "engine/funnel/plan/bad_report.h"
#include "engine/funnel/plan/query.h"

/* ---- without leave ---- */

/* Says the way out, where it is one: other files must be there, and a column that already the first file does not have
 * is most likely mistyped. */
static int refuse(const struct df_funnel_query *funnel, const struct df_part *part, const struct df_error *why,
                  struct df_error *error)
{
    static const char way_out[] = "; --on-bad-file skip answers without such files";
    bool helps = funnel->file_count > 1 && (why->kind != DF_ERROR_INVALID || part->index > 0);
    *error = *why;
    size_t size = strlen(error->message);
    if (helps && size + sizeof way_out <= sizeof error->message)
        memcpy(error->message + size, way_out, sizeof way_out);
    return -1;
}

/* ---- with it ---- */

/* The first so many in the order of files, whatever order they were found in. */
static int list(struct df_query *query, size_t file, const struct df_error *why, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_funnel_bad_file *listed = funnel->bad.listed;
    uint32_t at = funnel->bad.listed_count, last = at;
    while (at > 0 && listed[at - 1].file > file)
        at--;
    if (at == DF_FUNNEL_BAD_FILES_LISTED)
        return 0;
    const char *message = df_arena_text(&query->arena, df_slice_text(why->message));
    if (!message)
        return df_error_no_memory(error, "listing files that cannot be read");
    if (last == DF_FUNNEL_BAD_FILES_LISTED)
        last--;
    memmove(&listed[at + 1], &listed[at], (last - at) * sizeof *listed);
    listed[at] = (struct df_funnel_bad_file){.file = file, .kind = why->kind, .message = message};
    funnel->bad.listed_count = last + 1;
    return 0;
}

int df_funnel_bad_files_fold(struct df_query *query, const struct df_part *part, struct df_slice blob,
                             struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_funnel_file *file = df_funnel_files_of_part(funnel, part);
    struct df_error why = {0};
    uint64_t bytes_read;
    if (!file)
        return df_error_set(error, DF_ERROR_INTERNAL, "a report of part %u came, which is of no file", part->index);
    if (df_funnel_bad_report_decode(blob, &why, &bytes_read, error) < 0)
        return -1;
    if (!funnel->request.skip_bad_files)
        return refuse(funnel, part, &why, error);
    funnel->stage_bytes_read[part->stage] += bytes_read;
    if (file->bad) /* by another part of it */
        return 0;
    file->bad = true;
    funnel->bad.fresh = true;
    funnel->bad.count++;
    return list(query, (size_t)(file - funnel->files), &why, error);
}

static int none_left(const struct df_funnel_query *funnel, struct df_error *error)
{
    const char *first = funnel->bad.listed[0].message;
    if (funnel->bad.count == 1)
        return df_error_set(error, DF_ERROR_CORRUPT, "the only file cannot be read: %s", first);
    return df_error_set(error, DF_ERROR_CORRUPT, "none of the %zu files can be read; the first: %s", funnel->bad.count,
                        first);
}

int df_funnel_bad_files_leave_out(struct df_query *query, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    for (size_t i = 0; i < funnel->file_count; i++) {
        struct df_funnel_file *file = &funnel->files[i];
        if (!file->bad || file->left_out)
            continue;
        file->left_out = true;
        file->footer_known = false;
        file->footer = (struct df_funnel_footer){0};
        funnel->total_bytes -= file->size_bytes;
    }
    funnel->bad.fresh = false;
    return df_funnel_files_left(funnel) > 0 ? 0 : none_left(funnel, error);
}

void df_funnel_bad_files_put(const struct df_funnel_query *funnel, struct df_json_writer *json)
{
    df_json_begin_object(json);
    df_json_key(json, "count");
    df_json_uint(json, funnel->bad.count);
    df_json_key(json, "files");
    df_json_begin_array(json);
    for (uint32_t i = 0; i < funnel->bad.listed_count; i++) {
        const struct df_funnel_bad_file *bad = &funnel->bad.listed[i];
        df_json_begin_object(json);
        df_json_key(json, "uri");
        df_json_text(json, funnel->files[bad->file].uri);
        df_json_key(json, "kind");
        df_json_text(json, df_error_name(bad->kind));
        df_json_key(json, "message");
        df_json_text(json, bad->message);
        df_json_end_object(json);
    }
    df_json_end_array(json);
    df_json_end_object(json);
}
