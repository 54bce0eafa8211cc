/* Objects that appear together: multipart uploads, completed one after the other once an object says which.
 *
 *     <target>/.dayfly-publishing    {"machine", "processes", "process", "started", "begun_ms"}    who writes there
 *                                    + "objects": [{"name", "bytes"}, …]                           it is publishing
 * them
 *
 * Put if absent, so there is one publication per target at a time, and every upload below the target that is pending is
 * its own. One whose process is known to be dead (same machine, same table of processes), or that began more than a
 * day ago, is taken over: its pending uploads are aborted, and what it had completed of an unfinished list is removed
 * again. A name that begins with '.' is in no listing of data. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_write.h"
#include "store/s3.h"
#include "store/s3_xml.h"

enum {
    MARKER_BYTES_MAX = 64 * 1024 * 1024,
    SWEEPS_MAX = 1000, /* of a thousand uploads each */
};
static const char marker_name[] = ".dayfly-publishing";

struct publication {
    struct df_store_publication base;
    struct df_s3_backend *backend;
    char *marker; /* owned: its URI */
    bool held;
};

/* ---- calls ---- */

static int run_call(struct df_s3_backend *backend, const char *uri, struct df_s3_call *call, struct df_error *error)
{
    call->uri = uri;
    if (df_s3_path_parse(&call->path, uri, error) < 0)
        return -1;
    return df_s3_run(backend, call, 1, df_deadline_never(), NULL, error);
}

static char *uri_below(const char *place, const char *name)
{
    struct df_buf uri = {0};
    df_uri_join(&uri, place, name);
    char *text = df_buf_failed(&uri) ? NULL : strdup(df_buf_text(&uri));
    df_buf_dispose(&uri);
    return text;
}

static int abort_upload(struct df_s3_backend *backend, const char *uri, const char *encoded_id, struct df_error *error)
{
    struct df_buf query = {0};
    df_buf_printf(&query, "uploadId=%s", encoded_id);
    struct df_s3_call call = {.method = "DELETE", .query = df_buf_slice(&query)};
    int rc =
        df_buf_failed(&query) ? df_error_no_memory(error, "removing uploads") : run_call(backend, uri, &call, error);
    df_s3_call_dispose(&call);
    df_buf_dispose(&query);
    return rc;
}

/* ---- pending uploads below a target ---- */

struct pending {
    struct df_arena arena;
    struct df_slice bucket; /* of the target's URI */
    const char *key, *id;
    struct df_buf found; /* pairs of const char *: URI and encoded id, in the arena */
    bool truncated;
};

static const char *encoded(struct df_arena *arena, const char *text)
{
    struct df_buf out = {0};
    df_http_put_encoded(&out, df_slice_text(text), false);
    const char *copy = df_buf_failed(&out) ? NULL : df_arena_text(arena, df_buf_slice(&out));
    df_buf_dispose(&out);
    return copy;
}

static int add_pending(struct pending *pending, struct df_error *error)
{
    struct df_buf uri = {0};
    df_buf_printf(&uri, "s3://%.*s/%s", DF_SLICE_ARG(pending->bucket), pending->key);
    const char *pair[2] = {df_buf_failed(&uri) ? NULL : df_arena_text(&pending->arena, df_buf_slice(&uri)),
                           encoded(&pending->arena, pending->id)};
    df_buf_dispose(&uri);
    pending->key = pending->id = NULL;
    if (pair[0] && pair[1])
        df_buf_put(&pending->found, pair, sizeof pair);
    return pair[0] && pair[1] && !df_buf_failed(&pending->found) ? 0 : df_error_no_memory(error, "listing uploads");
}

static int take_pending(void *ctx, const char *parent, const char *name, const char *text, struct df_error *error)
{
    struct pending *pending = ctx;
    if (strcmp(name, "Upload") == 0)
        return pending->key && pending->id ? add_pending(pending, error) : 0;
    if (text && strcmp(name, "IsTruncated") == 0)
        pending->truncated = strcmp(text, "true") == 0;
    if (!text || strcmp(parent, "Upload") != 0)
        return 0;
    const char **place = strcmp(name, "Key") == 0 ? &pending->key : strcmp(name, "UploadId") == 0 ? &pending->id : NULL;
    if (place && !(*place = df_arena_text(&pending->arena, df_slice_text(text))))
        return df_error_no_memory(error, "listing uploads");
    return 0;
}

static int list_pending(struct df_s3_backend *backend, const char *target, struct pending *pending,
                        struct df_error *error)
{
    struct df_s3_path path;
    struct df_buf query = {0};
    char *prefix = uri_below(target, "");
    if (!prefix || df_s3_path_parse(&path, prefix, error) < 0) {
        free(prefix);
        return -1;
    }
    pending->bucket = path.bucket;
    df_buf_put_text(&query, "prefix=");
    df_http_put_encoded(&query, path.key, false);
    df_buf_put_text(&query, "&uploads=");
    struct df_s3_call call = {.method = "GET", .uri = target, .query = df_buf_slice(&query), .path = path};
    call.path.key = df_slice_make(NULL, 0);
    int rc = df_buf_failed(&query) ? df_error_no_memory(error, "listing uploads")
                                   : df_s3_run(backend, &call, 1, df_deadline_never(), NULL, error);
    if (rc == 0)
        rc = df_xml_walk(df_buf_slice(&call.answer), take_pending, pending, error);
    df_s3_call_dispose(&call);
    df_buf_dispose(&query);
    free(prefix);
    return rc;
}

/* All of them. Who may not list them leaves them to the rule of the bucket's life cycle. */
static void sweep(struct df_s3_backend *backend, const char *target)
{
    bool more = true;
    for (unsigned sweeps = 0; more && sweeps < SWEEPS_MAX; sweeps++) {
        struct pending pending = {0};
        struct df_error unheard;
        more = list_pending(backend, target, &pending, &unheard) == 0;
        const char *const *pairs = (const char *const *)(const void *)pending.found.data;
        for (size_t i = 0; more && i < pending.found.size / (2 * sizeof *pairs); i++)
            (void)abort_upload(backend, pairs[2 * i], pairs[2 * i + 1], &unheard);
        more = more && pending.truncated && pending.found.size > 0;
        df_buf_dispose(&pending.found);
        df_arena_dispose(&pending.arena);
    }
}

/* ---- the marker ---- */

static int get_marker(struct df_s3_backend *backend, const char *uri, struct df_arena *arena, struct df_json **marker,
                      char etag[DF_ETAG_BYTES], struct df_error *error)
{
    struct df_s3_call call = {.method = "GET"};
    *marker = NULL;
    int rc = run_call(backend, uri, &call, error);
    if (rc == 0 && call.answer.size > MARKER_BYTES_MAX)
        rc = df_error_set(error, DF_ERROR_CORRUPT, "'%s' is larger than such an object can be", uri);
    if (rc == 0)
        rc = df_json_parse(df_buf_slice(&call.answer), NULL, arena, marker, error);
    memcpy(etag, call.etag, DF_ETAG_BYTES);
    df_s3_call_dispose(&call);
    return rc;
}

static int put_marker(struct df_s3_backend *backend, const char *uri, struct df_slice content, bool if_absent,
                      const char *if_match, struct df_error *error)
{
    struct df_s3_call call = {.method = "PUT", .body = content, .if_none_match = if_absent, .if_match = if_match};
    int rc = run_call(backend, uri, &call, error);
    df_s3_call_dispose(&call);
    return rc;
}

static void remove_object(struct df_s3_backend *backend, const char *uri)
{
    struct df_error unheard;
    (void)backend->base.remove(&backend->base, uri, df_deadline_never(), &unheard);
}

/* Whether an object of the list is there with the size that it should have. */
static bool is_there(struct df_s3_backend *backend, const char *uri, uint64_t size_bytes)
{
    struct df_object object;
    struct df_error unheard;
    return uri && backend->base.head(&backend->base, uri, &object, &unheard) == 0 && object.size_bytes == size_bytes;
}

static char *listed_uri(const char *target, const struct df_json *object, struct df_arena *arena)
{
    const struct df_json *name = df_json_get(object, "name");
    bool sound = name && name->type == DF_JSON_STRING && name->text.size && name->text.data[0] != '.' &&
                 !memchr(name->text.data, '/', name->text.size) && !memchr(name->text.data, 0, name->text.size);
    const char *text = sound ? df_arena_text(arena, name->text) : NULL;
    return text ? uri_below(target, text) : NULL;
}

/* Of a list that was begun: all of it is there, and only the marker was left? */
static bool is_complete(struct df_s3_backend *backend, const char *target, const struct df_json *objects,
                        struct df_arena *arena)
{
    bool all = objects && objects->children;
    for (const struct df_json *object = objects ? objects->children : NULL; all && object; object = object->next) {
        uint64_t bytes = 0;
        char *uri = listed_uri(target, object, arena);
        all = df_json_uint64(df_json_get(object, "bytes"), &bytes) && is_there(backend, uri, bytes);
        free(uri);
    }
    return all;
}

/* First the uploads, so that nothing can be completed any more; then what was. */
static void take_back(struct df_s3_backend *backend, const char *target, const struct df_json *marker,
                      struct df_arena *arena)
{
    const struct df_json *objects = df_json_get(marker, "objects");
    sweep(backend, target);
    for (const struct df_json *object = objects ? objects->children : NULL; object; object = object->next) {
        char *uri = listed_uri(target, object, arena);
        if (uri)
            remove_object(backend, uri);
        free(uri);
    }
}

/* ---- beginning ---- */

static int occupied(const char *target, const char *marker, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CONFLICT,
                        "somebody else is writing to '%s' ('%s' says so); wait for its end, or, if it was killed on "
                        "another machine, remove that object",
                        target, marker);
}

/* What another one left there: gone afterwards, and the marker is ours. */
static int take_over(struct publication *publication, const char *target, struct df_slice content,
                     struct df_error *error)
{
    struct df_s3_backend *backend = publication->backend;
    struct df_arena arena = {0};
    struct df_json *marker = NULL;
    char etag[DF_ETAG_BYTES];
    int rc = get_marker(backend, publication->marker, &arena, &marker, etag, error);
    if (rc != 0 && error->kind == DF_ERROR_NOT_FOUND) /* it has just ended */
        rc = put_marker(backend, publication->marker, content, true, NULL, error);
    else if (rc == 0 && !df_s3_owner_is_dead(marker))
        rc = occupied(target, publication->marker, error);
    else if (rc == 0 && (rc = put_marker(backend, publication->marker, content, false, etag, error)) == 0) {
        if (!is_complete(backend, target, df_json_get(marker, "objects"), &arena))
            take_back(backend, target, marker, &arena);
        else
            sweep(backend, target);
    }
    df_arena_dispose(&arena);
    return rc;
}

static int hold_marker(struct publication *publication, const char *target, struct df_error *error)
{
    struct df_buf content = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &content, DF_JSON_COMPACT);
    df_s3_put_owner(&json);
    df_json_end_object(&json);
    int rc = df_buf_failed(&content)
                 ? df_error_no_memory(error, "beginning to publish")
                 : put_marker(publication->backend, publication->marker, df_buf_slice(&content), true, NULL, error);
    if (rc != 0 && error->kind == DF_ERROR_CONFLICT)
        rc = take_over(publication, target, df_buf_slice(&content), error);
    df_buf_dispose(&content);
    publication->held = rc == 0;
    return rc;
}

static int check_empty(struct publication *publication, const char *target, struct df_error *error)
{
    struct df_list_options options = {.recursive = true};
    struct df_store_listing *listing;
    struct df_object object;
    char *folder = uri_below(target, "");
    int rc = folder ? df_s3_list(&publication->backend->base, folder, &options, &listing, error)
                    : df_error_no_memory(error, "looking at the target");
    free(folder);
    if (rc != 0)
        return error->kind == DF_ERROR_NOT_FOUND ? 0 : -1;
    rc = listing->next(listing, &object, error);
    if (rc > 0)
        rc = df_error_set(error, DF_ERROR_CONFLICT,
                          "'%s' is not empty ('%s'): what is written becomes a folder of its own; name another", target,
                          object.uri);
    listing->close(listing);
    return rc;
}

/* What was not published vanishes: publishing ends by removing the marker. */
static void end(struct df_store_publication *base)
{
    struct publication *publication = (struct publication *)base;
    struct df_arena arena = {0};
    struct df_json *marker;
    struct df_error unheard;
    char etag[DF_ETAG_BYTES];
    if (publication->held &&
        get_marker(publication->backend, publication->marker, &arena, &marker, etag, &unheard) == 0) {
        take_back(publication->backend, base->place, marker, &arena);
        remove_object(publication->backend, publication->marker);
    }
    df_arena_dispose(&arena);
    free(publication->marker);
    free(base->place);
    free(publication);
}

int df_s3_publication_begin(struct df_store_backend *backend, const char *target, struct df_store_publication **out,
                            struct df_error *error)
{
    struct publication *publication = calloc(1, sizeof *publication);
    struct df_error unheard;
    if (!publication)
        return df_error_no_memory(error, "naming objects");
    error = error ? error : &unheard;
    publication->base.end = end;
    publication->backend = (struct df_s3_backend *)backend;
    publication->base.place = uri_below(target, "");
    publication->marker = uri_below(target, marker_name);
    int rc = publication->base.place && publication->marker ? 0 : df_error_no_memory(error, "naming objects");
    if (rc == 0)
        rc = hold_marker(publication, target, error);
    if (rc == 0)
        rc = check_empty(publication, target, error);
    if (rc == 0)
        *out = &publication->base;
    else
        end(&publication->base);
    return rc;
}

/* ---- publishing ---- */

static int announce(struct df_s3_backend *backend, const char *marker, const struct df_store_token *tokens,
                    size_t count, struct df_error *error)
{
    struct df_buf content = {0};
    struct df_json_writer json;
    df_json_writer_init(&json, &content, DF_JSON_COMPACT);
    df_s3_put_owner(&json);
    df_json_key(&json, "objects");
    df_json_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        df_json_begin_object(&json);
        df_json_key(&json, "name");
        df_json_text(&json, tokens[i].name);
        df_json_key(&json, "bytes");
        df_json_uint(&json, tokens[i].size_bytes);
        df_json_end_object(&json);
    }
    df_json_end_array(&json);
    df_json_end_object(&json);
    int rc = df_buf_failed(&content) ? df_error_no_memory(error, "publishing objects")
                                     : put_marker(backend, marker, df_buf_slice(&content), false, NULL, error);
    df_buf_dispose(&content);
    return rc;
}

/* Completing twice is answered with 404: then the object must be there already. */
static int complete(struct df_s3_backend *backend, const char *target, const struct df_store_token *token,
                    struct df_error *error)
{
    struct df_buf query = {0}, body = {0};
    char *uri = uri_below(target, token->name);
    df_buf_printf(&query, "uploadId=%s", token->upload ? token->upload : "");
    df_s3_put_completion(&body, token->etags);
    struct df_s3_call call = {.method = "POST", .query = df_buf_slice(&query), .body = df_buf_slice(&body)};
    int rc = !uri || df_buf_failed(&query) || df_buf_failed(&body) ? df_error_no_memory(error, "publishing objects")
                                                                   : run_call(backend, uri, &call, error);
    if (rc == 0)
        rc = df_s3_check_completion(df_buf_slice(&call.answer), uri, error);
    else if (call.status == 404)
        rc = is_there(backend, uri, token->size_bytes)
                 ? 0
                 : df_error_set(error, DF_ERROR_CONFLICT, "'%s' cannot be published: its upload has been removed", uri);
    df_s3_call_dispose(&call);
    df_buf_dispose(&query);
    df_buf_dispose(&body);
    free(uri);
    return rc;
}

int df_s3_publish(struct df_store_backend *base, const char *place, const char *target, const struct df_slice *tokens,
                  size_t token_count, struct df_error *error)
{
    struct df_s3_backend *backend = (struct df_s3_backend *)base;
    struct df_arena arena = {0};
    struct df_error unheard;
    (void)place;
    error = error ? error : &unheard;
    char *marker = uri_below(target, marker_name);
    struct df_store_token *parsed = df_arena_array(&arena, token_count, sizeof *parsed);
    int rc = parsed && marker ? 0 : df_error_no_memory(error, "publishing objects");
    for (size_t i = 0; rc == 0 && i < token_count; i++)
        rc = df_store_token_parse(tokens[i], &arena, &parsed[i], error);
    if (rc == 0)
        rc = announce(backend, marker, parsed, token_count, error);
    for (size_t i = 0; rc == 0 && i < token_count; i++)
        rc = complete(backend, target, &parsed[i], error);
    if (rc == 0)
        remove_object(backend, marker);
    free(marker);
    df_arena_dispose(&arena);
    return rc;
}

void df_s3_discard(struct df_store_backend *base, const char *place, struct df_slice text)
{
    struct df_arena arena = {0};
    struct df_store_token token;
    struct df_error unheard;
    if (df_store_token_parse(text, &arena, &token, &unheard) == 0 && token.upload) {
        char *uri = uri_below(place, token.name);
        if (uri)
            (void)abort_upload((struct df_s3_backend *)base, uri, token.upload, &unheard);
        free(uri);
    }
    df_arena_dispose(&arena);
}
