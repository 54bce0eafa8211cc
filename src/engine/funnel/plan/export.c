/* What a query exports. All or nothing, in one of two ways:
 *
 *     one file   rows come in partials, in part order, and go to an upload that the finish commits
 *     a folder   each part of the scan writes a file whose name holds the query's token and the attempt; the finish
 * writes _manifest.json, which names the files that count, and removes those of attempts that lost
 *
 * A query that does not end well removes everything that has its token. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/json_write.h"
#include "engine/funnel/export/write.h"
#include "engine/funnel/plan/query.h"

enum { TOKEN_BYTES = 17, MANIFEST_BYTES_MAX = 64 * 1024 * 1024, CLEAN_UP_MS = 10000 };

struct df_funnel_export_state {
    bool folder;
    char token[TOKEN_BYTES];
    struct df_funnel_export_writer *writer; /* of one file; NULL before the first rows */
    const char **files;                     /* owned; of a folder: what the parts of this scan have written */
    size_t file_count, file_capacity;
    const char *one[1];
};

static struct df_funnel_export_state *state_of(const struct df_query *query)
{
    const struct df_funnel_query *funnel = query->state;
    return funnel->export_state;
}

static const char *place_of(const struct df_query *query)
{
    const struct df_funnel_query *funnel = query->state;
    return funnel->request.funnel.cohort.file;
}

int df_funnel_export_begin(struct df_query *query, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    const struct df_funnel_export *cohort = &funnel->request.funnel.cohort;
    if (!funnel->request.funnel.given || !cohort->given)
        return 0;
    if (df_funnel_export_check(&funnel->request, error) < 0)
        return -1;
    struct df_funnel_export_state *state = df_arena_zalloc(&query->arena, sizeof *state);
    if (!state)
        return df_error_no_memory(error, "beginning an export");
    size_t size = strlen(cohort->file);
    state->folder = size > 0 && cohort->file[size - 1] == '/';
    state->one[0] = cohort->file;
    uint64_t seed = (uint64_t)df_time_mono_ns() ^ df_hash_u64((uint64_t)df_time_wall_ms() ^ (uintptr_t)query);
    snprintf(state->token, sizeof state->token, "%016" PRIx64, df_hash_u64(seed));
    funnel->export_state = state;
    return 0;
}

struct df_slice df_funnel_export_token(const struct df_funnel_query *funnel)
{
    const struct df_funnel_export_state *state = funnel->export_state;
    return df_slice_text(state && state->folder ? state->token : NULL);
}

/* ---- one file ---- */

static int make_like(const struct df_funnel_query *funnel, struct df_funnel_cohort **like, struct df_error *error)
{
    const struct df_funnel_export *cohort = &funnel->request.funnel.cohort;
    const struct df_funnel_breakdown *breakdown = &funnel->request.funnel.breakdown;
    const struct df_funnel_shape *shape = &funnel->agreed.shape;
    static const struct df_type unknown = {.kind = DF_TYPE_NULL};
    bool known = funnel->agreed.begun;
    struct df_type *types = calloc(cohort->column_count ? cohort->column_count : 1, sizeof *types);
    if (!types)
        return df_error_no_memory(error, "exporting users");
    for (uint32_t i = 0; i < cohort->column_count; i++)
        types[i] = known ? shape->types[cohort->columns[i]] : unknown;
    const struct df_type *of_breakdown = known && breakdown->given ? &shape->types[breakdown->column] : &unknown;
    int result = df_funnel_cohort_create(like, &funnel->request, known ? &shape->user_type : &unknown,
                                         known ? &shape->time_type : &unknown, breakdown->given ? of_breakdown : NULL,
                                         types, NULL, error);
    free(types);
    return result;
}

static int open_writer(struct df_query *query, struct df_error *error)
{
    struct df_funnel_export_state *state = state_of(query);
    struct df_funnel_cohort *like = NULL;
    if (state->writer)
        return 0;
    if (make_like(query->state, &like, error) < 0)
        return -1;
    int result = df_funnel_export_open(&state->writer, query->store, place_of(query), like, error);
    df_funnel_cohort_free(like);
    return result;
}

static int put_blocks(struct df_query *query, struct df_slice blocks, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(blocks);
    int result = 0;
    if (blocks.size > 0)
        result = open_writer(query, error);
    while (result == 0 && df_cursor_left(&cursor) > 0) {
        struct df_funnel_cohort *cohort = NULL;
        result = df_funnel_cohort_decode(&cohort, &cursor, error);
        if (result == 0)
            result = df_funnel_export_put(state_of(query)->writer, cohort, error);
        df_funnel_cohort_free(cohort);
    }
    return result;
}

/* ---- a folder ---- */

static int keep_file(struct df_query *query, struct df_slice name, struct df_error *error)
{
    struct df_funnel_export_state *state = state_of(query);
    struct df_buf uri = {0};
    if (memchr(name.data, '\0', name.size) || memchr(name.data, '/', name.size))
        return df_error_set(error, DF_ERROR_CORRUPT, "a partial result names a file that is none of the export's");
    if (state->file_count == state->file_capacity) {
        size_t capacity = state->file_capacity ? state->file_capacity * 2 : 16;
        const char **files = reallocarray(state->files, capacity, sizeof *files);
        if (!files)
            return df_error_no_memory(error, "exporting users");
        state->files = files;
        state->file_capacity = capacity;
    }
    df_buf_put_text(&uri, place_of(query));
    df_buf_put_slice(&uri, name);
    const char *copy = df_buf_failed(&uri) ? NULL : df_arena_text(&query->arena, df_buf_slice(&uri));
    df_buf_dispose(&uri);
    if (!copy)
        return df_error_no_memory(error, "exporting users");
    state->files[state->file_count++] = copy;
    return 0;
}

static const char *name_in(const char *uri)
{
    const char *slash = strrchr(uri, '/');
    return slash ? slash + 1 : uri;
}

static bool is_kept(const struct df_funnel_export_state *state, const char *uri)
{
    for (size_t i = 0; i < state->file_count; i++)
        if (strcmp(name_in(state->files[i]), name_in(uri)) == 0)
            return true;
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Files of this query that are not kept. A folder that is not there has none. */
static int remove_others(struct df_query *query, bool keep, struct df_error *error)
{
    const struct df_funnel_export_state *state = state_of(query);
    struct df_store_listing *listing;
    struct df_object object;
    struct df_buf pattern = {0};
    int found = 0;
    df_buf_printf(&pattern, "part-*-%s-*.parquet", state->token);
    const struct df_list_options options = {.pattern = df_buf_text(&pattern), .recursive = true};
    if (df_store_list_open(query->store, place_of(query), &options, &listing, error) == 0) {
        while ((found = df_store_list_next(listing, &object, error)) > 0)
            if (!(keep && is_kept(state, object.uri)) &&
                df_store_remove(query->store, object.uri, df_deadline_after_ms(CLEAN_UP_MS), error) < 0)
                break;
        df_store_list_close(listing);
    } else {
        found = error->kind == DF_ERROR_NOT_FOUND ? 0 : -1;
    }
    df_buf_dispose(&pattern);
    return found == 0 ? 0 : -1;
}

static int put_manifest(struct df_query *query, const char *uri, struct df_error *error)
{
    const struct df_funnel_query *funnel = query->state;
    const struct df_funnel_export_state *state = state_of(query);
    struct df_buf out = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    df_json_key(&json, "files");
    df_json_begin_array(&json);
    for (size_t i = 0; i < state->file_count; i++)
        df_json_text(&json, name_in(state->files[i]));
    df_json_end_array(&json);
    df_json_key(&json, "rows");
    df_json_uint(&json, funnel->scan.cohort_rows);
    df_json_end_object(&json);
    const struct df_put put = {
        .uri = uri, .content = df_buf_slice(&out), .condition = DF_PUT_ALWAYS, .cancelled = query->cancelled};
    int result = df_buf_failed(&out) ? df_error_no_memory(error, "writing the manifest of an export")
                                     : df_store_put(query->store, &put, NULL, error);
    df_buf_dispose(&out);
    return result;
}

/* The files of the export that stood here before. A manifest that is none of ours names nothing. */
static void remove_former(struct df_query *query, struct df_slice manifest)
{
    struct df_arena arena = {0};
    struct df_error ignored = {0};
    struct df_json *root = NULL;
    if (manifest.size && df_json_parse(manifest, NULL, &arena, &root, &ignored) == 0) {
        const struct df_json *files = df_json_get(root, "files");
        for (const struct df_json *file = files && files->type == DF_JSON_ARRAY ? files->children : NULL; file;
             file = file->next) {
            struct df_buf uri = {0};
            df_buf_put_text(&uri, place_of(query));
            df_buf_put_slice(&uri, file->text);
            bool ours = file->type == DF_JSON_STRING && file->text.size > 5 &&
                        memcmp(file->text.data, "part-", 5) == 0 && !memchr(file->text.data, '/', file->text.size);
            if (ours && !df_buf_failed(&uri))
                df_store_remove(query->store, df_buf_text(&uri), df_deadline_after_ms(CLEAN_UP_MS), &ignored);
            df_buf_dispose(&uri);
        }
    }
    df_arena_dispose(&arena);
}

static int finish_folder(struct df_query *query, struct df_error *error)
{
    struct df_funnel_export_state *state = state_of(query);
    struct df_buf uri = {0}, former = {0};
    struct df_error ignored = {0};
    df_buf_put_text(&uri, place_of(query));
    df_buf_put_text(&uri, "_manifest.json");
    if (df_buf_failed(&uri))
        return df_error_no_memory(error, "writing the manifest of an export");
    if (df_store_get(query->store, df_buf_text(&uri), MANIFEST_BYTES_MAX, &former, &ignored) < 0)
        df_buf_clear(&former);
    if (state->file_count)
        qsort(state->files, state->file_count, sizeof *state->files, by_text);
    int result = remove_others(query, true, error);
    if (result == 0)
        result = put_manifest(query, df_buf_text(&uri), error);
    if (result == 0)
        remove_former(query, df_buf_slice(&former));
    df_buf_dispose(&former);
    df_buf_dispose(&uri);
    return result;
}

/* ---- both ---- */

int df_funnel_export_fold(struct df_query *query, const struct df_funnel_share *share, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_funnel_export_state *state = funnel->export_state;
    if (!state)
        return 0;
    funnel->scan.cohort_rows += share->cohort_rows;
    if (!state->folder)
        return put_blocks(query, share->cohort, error);
    return share->cohort_file.size ? keep_file(query, share->cohort_file, error) : 0;
}

void df_funnel_export_again(struct df_query *query)
{
    struct df_funnel_export_state *state = state_of(query);
    if (!state)
        return;
    df_funnel_export_abort(state->writer);
    state->writer = NULL;
    state->file_count = 0;
}

int df_funnel_export_finish(struct df_query *query, struct df_error *error)
{
    struct df_funnel_export_state *state = state_of(query);
    if (!state)
        return 0;
    if (state->folder)
        return finish_folder(query, error);
    if (open_writer(query, error) < 0) /* nobody was exported: a file without rows says so */
        return -1;
    struct df_funnel_export_writer *writer = state->writer;
    state->writer = NULL; /* commit frees it, whatever comes of it */
    return df_funnel_export_commit(writer, error);
}

void df_funnel_export_files(const struct df_funnel_query *funnel, const char *const **files, uint32_t *count)
{
    const struct df_funnel_export_state *state = funnel->export_state;
    *files = NULL;
    *count = 0;
    if (!state)
        return;
    *files = state->folder ? state->files : state->one;
    *count = state->folder ? (uint32_t)state->file_count : 1;
}

void df_funnel_export_end(struct df_query *query, bool done)
{
    struct df_funnel_export_state *state = state_of(query);
    struct df_error ignored = {0};
    if (!state)
        return;
    df_funnel_export_abort(state->writer);
    state->writer = NULL;
    if (state->folder && !done)
        remove_others(query, false, &ignored);
    free(state->files);
    state->files = NULL;
}
