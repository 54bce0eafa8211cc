/* S3: whole objects, and what the URIs mean. Source of the calls: the S3 API reference of AWS (REST, 2006-03-01). */
#include "store/s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- URIs ---- */

int df_s3_path_parse(struct df_s3_path *path, const char *uri, struct df_error *error)
{
    const char *bucket = strstr(uri, "://");
    bucket = bucket ? bucket + 3 : uri;
    const char *slash = strchr(bucket, '/');
    path->bucket = df_slice_make(bucket, slash ? (size_t)(slash - bucket) : strlen(bucket));
    path->key = slash ? df_slice_text(slash + 1) : df_slice_make(NULL, 0);
    if (path->bucket.size == 0 || path->bucket.size > 255)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' names no bucket: expected s3://bucket/key", uri);
    if (path->key.size > 1024)
        return df_error_set(error, DF_ERROR_INVALID, "'%.100s…': a key of %zu bytes, S3 takes 1,024", uri,
                            path->key.size);
    return 0;
}

static int parse_object(struct df_s3_path *path, const char *uri, struct df_error *error)
{
    if (df_s3_path_parse(path, uri, error) != 0)
        return -1;
    if (path->key.size == 0)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' names no object: expected s3://bucket/key", uri);
    return 0;
}

/* ---- whole objects ---- */

/* An answer to HEAD has no body, so 403 does not say whether the key or the permission is wrong; that to a GET does. */
static void learn_why(struct df_s3_backend *backend, const struct df_s3_call *head_call, struct df_error *error)
{
    struct df_error why;
    struct df_s3_call call = {
        .method = "GET", .uri = head_call->uri, .path = head_call->path, .has_range = true, .range_end = 1};
    if (df_s3_run(backend, &call, 1, df_deadline_never(), NULL, &why) != 0 && why.kind == DF_ERROR_UNAUTHENTICATED &&
        error)
        *error = why;
    df_s3_call_dispose(&call);
}

static int head(struct df_store_backend *base, const char *uri, struct df_object *out, struct df_error *error)
{
    struct df_s3_backend *backend = (struct df_s3_backend *)base;
    struct df_s3_call call = {.method = "HEAD", .uri = uri};
    if (parse_object(&call.path, uri, error) != 0)
        return -1;
    int rc = df_s3_run(backend, &call, 1, df_deadline_never(), NULL, error);
    if (rc != 0 && (call.status == 403 || call.status == 400))
        learn_why(backend, &call, error);
    if (rc == 0) {
        out->size_bytes = call.length_bytes;
        memcpy(out->etag, call.etag, sizeof out->etag);
    }
    df_s3_call_dispose(&call);
    return rc;
}

static int put(struct df_store_backend *base, const struct df_put *put, char etag_out[DF_ETAG_BYTES],
               struct df_error *error)
{
    struct df_s3_backend *backend = (struct df_s3_backend *)base;
    struct df_s3_call call = {.method = "PUT",
                              .uri = put->uri,
                              .body = put->content,
                              .if_none_match = put->condition == DF_PUT_IF_ABSENT,
                              .if_match = put->condition == DF_PUT_IF_MATCH ? put->etag : NULL};
    if (parse_object(&call.path, put->uri, error) != 0)
        return -1;
    int rc = df_s3_run(backend, &call, 1, df_deadline_never(), put->cancelled, error);
    if (rc == 0 && etag_out)
        memcpy(etag_out, call.etag, DF_ETAG_BYTES);
    df_s3_call_dispose(&call);
    return rc;
}

static int remove_object(struct df_store_backend *base, const char *uri, struct df_deadline deadline,
                         struct df_error *error)
{
    struct df_s3_backend *backend = (struct df_s3_backend *)base;
    struct df_s3_call call = {.method = "DELETE", .uri = uri};
    if (parse_object(&call.path, uri, error) != 0)
        return -1;
    int rc = df_s3_run(backend, &call, 1, deadline, NULL, error);
    df_s3_call_dispose(&call);
    /* S3 answers 204 for what is not there; some of its clones 404. */
    return rc != 0 && error && error->kind == DF_ERROR_NOT_FOUND && call.status == 404 ? 0 : rc;
}

/* ---- removing a prefix ---- */

struct doomed {
    struct df_arena arena;
    struct df_s3_call *calls;
    size_t count, capacity;
};

static int doom(struct doomed *doomed, const char *uri, struct df_error *error)
{
    if (doomed->count == doomed->capacity) {
        size_t capacity = doomed->capacity ? doomed->capacity * 2 : 64;
        struct df_s3_call *calls = realloc(doomed->calls, capacity * sizeof *calls);
        if (!calls)
            return df_error_no_memory(error, "removing objects");
        doomed->calls = calls;
        doomed->capacity = capacity;
    }
    char *copy = df_arena_text(&doomed->arena, df_slice_text(uri));
    if (!copy)
        return df_error_no_memory(error, "removing objects");
    struct df_s3_call *call = &doomed->calls[doomed->count];
    *call = (struct df_s3_call){.method = "DELETE", .uri = copy};
    doomed->count++;
    return df_s3_path_parse(&call->path, copy, error);
}

int df_s3_remove_prefix(struct df_store_backend *base, const char *prefix, struct df_deadline deadline,
                        struct df_error *error)
{
    struct df_s3_backend *backend = (struct df_s3_backend *)base;
    struct df_s3_path path;
    if (parse_object(&path, prefix, error) != 0)
        return -1;
    struct doomed doomed = {0};
    struct df_store_listing *listing;
    int rc = df_s3_list_all(backend, prefix, deadline, &listing, error);
    if (rc == 0) {
        struct df_object object;
        while ((rc = listing->next(listing, &object, error)) == 1)
            if ((rc = doom(&doomed, object.uri, error)) != 0)
                break;
        listing->close(listing);
    }
    if (rc == 0)
        rc = df_s3_run(backend, doomed.calls, doomed.count, deadline, NULL, error);
    for (size_t i = 0; i < doomed.count; i++)
        df_s3_call_dispose(&doomed.calls[i]);
    free(doomed.calls);
    df_arena_dispose(&doomed.arena);
    return rc;
}

/* ---- the backend ---- */

static void free_backend(struct df_store_backend *base)
{
    struct df_s3_backend *backend = (struct df_s3_backend *)base;
    df_s3_keepers_free(backend);
    pthread_mutex_destroy(&backend->mutex);
    df_aws_dispose(&backend->aws);
    free(backend);
}

static const char *read_environment(const char *name)
{
    return getenv(name);
}

int df_store_s3_create(struct df_store_backend **out, struct df_error *error)
{
    struct df_s3_backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return df_error_no_memory(error, "opening the store of S3");
    backend->base = (struct df_store_backend){.scheme = "s3",
                                              .head = head,
                                              .list = df_s3_list,
                                              .read = df_s3_read,
                                              .put = put,
                                              .upload = df_s3_upload,
                                              .remove = remove_object,
                                              .remove_prefix = df_s3_remove_prefix,
                                              .publication_begin = df_s3_publication_begin,
                                              .publish = df_s3_publish,
                                              .discard = df_s3_discard,
                                              .free = free_backend};
    pthread_mutex_init(&backend->mutex, NULL);
    /* Half a pair of keys must not keep anybody from reading local files: told when S3 is asked. */
    df_error_clear(&backend->aws_error);
    (void)df_aws_from_environment(&backend->aws, read_environment, &backend->aws_error);
    *out = &backend->base;
    return 0;
}
