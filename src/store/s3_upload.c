/* An object written in pieces: small ones with one PutObject, larger ones as a multipart upload, which nobody sees
 * before it is completed. A failure aborts it, so that its parts do not stay (and cost). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_write.h"
#include "store/s3.h"
#include "store/s3_xml.h"

enum { PARTS_MAX = 10000 }; /* S3's limit */

struct upload {
    struct df_store_upload base;
    struct df_s3_backend *backend;
    char *uri;
    struct df_s3_path path;
    struct df_buf pending; /* less than a part */
    char *id;              /* of the multipart upload, encoded for a query; NULL: none was begun */
    char (*etags)[DF_ETAG_BYTES];
    unsigned part_count;
    uint64_t sent_bytes;
};

static void free_upload(struct upload *upload)
{
    df_buf_dispose(&upload->pending);
    free(upload->uri);
    free(upload->id);
    free(upload->etags);
    free(upload);
}

static int run_one(struct upload *upload, struct df_s3_call *call, struct df_error *error)
{
    call->uri = upload->uri;
    call->path = upload->path;
    return df_s3_run(upload->backend, call, 1, df_deadline_never(), NULL, error);
}

static int take_upload_id(void *ctx, const char *parent, const char *name, const char *text, struct df_error *error)
{
    (void)parent;
    struct upload *upload = ctx;
    if (!text || strcmp(name, "UploadId") != 0 || upload->id)
        return 0;
    struct df_buf encoded = {0};
    df_http_put_encoded(&encoded, df_slice_text(text), false);
    upload->id = df_buf_failed(&encoded) ? NULL : strdup(df_buf_text(&encoded));
    df_buf_dispose(&encoded);
    return upload->id ? 0 : df_error_no_memory(error, "beginning an upload");
}

static int begin(struct upload *upload, struct df_error *error)
{
    struct df_s3_call call = {.method = "POST", .query = df_slice_text("uploads=")};
    int rc = run_one(upload, &call, error);
    if (rc == 0)
        rc = df_xml_walk(df_buf_slice(&call.answer), take_upload_id, upload, error);
    if (rc == 0 && !upload->id)
        rc = df_error_set(error, DF_ERROR_CORRUPT, "%s: an upload began without an id", upload->uri);
    df_s3_call_dispose(&call);
    return rc;
}

static int grow_etags(struct upload *upload, struct df_error *error)
{
    if (upload->part_count == PARTS_MAX)
        return df_error_set(error, DF_ERROR_TOO_LARGE, "%s: more than %d parts of %d MiB", upload->uri, PARTS_MAX,
                            DF_S3_PART_BYTES >> 20);
    void *etags = realloc(upload->etags, (upload->part_count + 1u) * sizeof *upload->etags);
    if (!etags)
        return df_error_no_memory(error, "uploading");
    upload->etags = etags;
    return 0;
}

static int send_part(struct upload *upload, struct df_error *error)
{
    if ((!upload->id && begin(upload, error) != 0) || grow_etags(upload, error) != 0)
        return -1;
    struct df_buf query = {0};
    df_buf_printf(&query, "partNumber=%u&uploadId=%s", upload->part_count + 1, upload->id);
    struct df_s3_call call = {.method = "PUT", .query = df_buf_slice(&query), .body = df_buf_slice(&upload->pending)};
    int rc = df_buf_failed(&query) ? df_error_no_memory(error, "uploading") : run_one(upload, &call, error);
    if (rc == 0) {
        memcpy(upload->etags[upload->part_count++], call.etag, DF_ETAG_BYTES);
        upload->sent_bytes += upload->pending.size;
        df_buf_clear(&upload->pending);
    }
    df_s3_call_dispose(&call);
    df_buf_dispose(&query);
    return rc;
}

static int write_piece(struct df_store_upload *base, struct df_slice piece, struct df_error *error)
{
    struct upload *upload = (struct upload *)base;
    while (piece.size) {
        size_t room = DF_S3_PART_BYTES - upload->pending.size;
        size_t take = piece.size < room ? piece.size : room;
        df_buf_put(&upload->pending, piece.data, take);
        if (df_buf_failed(&upload->pending))
            return df_error_no_memory(error, "uploading");
        piece = df_slice_make(piece.data + take, piece.size - take);
        if (upload->pending.size == DF_S3_PART_BYTES && send_part(upload, error) != 0)
            return -1;
    }
    return 0;
}

/* An error may come inside an answer of 200, after blanks that keep the connection awake. */
static int check_completed(void *ctx, const char *parent, const char *name, const char *text, struct df_error *error)
{
    const char *uri = ctx;
    if (strcmp(parent, "Error") == 0 && text && strcmp(name, "Code") == 0)
        return df_error_set(error, DF_ERROR_UNAVAILABLE, "%s: completing the upload failed: %s", uri, text);
    return 0;
}

int df_s3_check_completion(struct df_slice answer, const char *uri, struct df_error *error)
{
    return df_xml_walk(answer, check_completed, (void *)(uintptr_t)uri, error);
}

static void begin_completion(struct df_buf *body)
{
    df_buf_put_text(body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
}

static void end_completion(struct df_buf *body)
{
    df_buf_put_text(body, "</CompleteMultipartUpload>");
}

static void put_part(struct df_buf *body, unsigned number, struct df_slice etag)
{
    df_buf_printf(body, "<Part><PartNumber>%u</PartNumber><ETag>", number);
    df_buf_put_slice(body, etag);
    df_buf_put_text(body, "</ETag></Part>");
}

void df_s3_put_completion(struct df_buf *body, const struct df_json *etags)
{
    unsigned number = 0;
    begin_completion(body);
    for (const struct df_json *etag = etags ? etags->children : NULL; etag; etag = etag->next)
        put_part(body, ++number, etag->text);
    end_completion(body);
}

static int complete(struct upload *upload, struct df_error *error)
{
    struct df_buf query = {0}, body = {0};
    df_buf_printf(&query, "uploadId=%s", upload->id);
    begin_completion(&body);
    for (unsigned i = 0; i < upload->part_count; i++)
        put_part(&body, i + 1, df_slice_text(upload->etags[i]));
    end_completion(&body);
    struct df_s3_call call = {.method = "POST", .query = df_buf_slice(&query), .body = df_buf_slice(&body)};
    int rc = df_buf_failed(&query) || df_buf_failed(&body) ? df_error_no_memory(error, "completing an upload")
                                                           : run_one(upload, &call, error);
    if (rc == 0)
        rc = df_s3_check_completion(df_buf_slice(&call.answer), upload->uri, error);
    df_s3_call_dispose(&call);
    df_buf_dispose(&query);
    df_buf_dispose(&body);
    return rc;
}

static int put_whole(struct upload *upload, struct df_error *error)
{
    struct df_s3_call call = {.method = "PUT", .body = df_buf_slice(&upload->pending)};
    int rc = run_one(upload, &call, error);
    df_s3_call_dispose(&call);
    return rc;
}

static void abort_upload(struct df_store_upload *base)
{
    struct upload *upload = (struct upload *)base;
    if (upload->id) {
        struct df_error unheard;
        struct df_buf query = {0};
        df_buf_printf(&query, "uploadId=%s", upload->id);
        struct df_s3_call call = {.method = "DELETE", .query = df_buf_slice(&query)};
        (void)run_one(upload, &call, &unheard);
        df_s3_call_dispose(&call);
        df_buf_dispose(&query);
    }
    free_upload(upload);
}

static int commit(struct df_store_upload *base, struct df_error *error)
{
    struct upload *upload = (struct upload *)base;
    int rc = 0;
    if (upload->id && upload->pending.size)
        rc = send_part(upload, error);
    if (rc == 0)
        rc = upload->id ? complete(upload, error) : put_whole(upload, error);
    if (rc == 0)
        free_upload(upload);
    else
        abort_upload(base);
    return rc;
}

static void put_token(const struct upload *upload, struct df_buf *token)
{
    struct df_json_writer json;
    const char *slash = strrchr(upload->uri, '/');
    df_json_writer_init(&json, token, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    df_json_key(&json, "name");
    df_json_text(&json, slash ? slash + 1 : upload->uri);
    df_json_key(&json, "upload");
    df_json_text(&json, upload->id);
    df_json_key(&json, "etags");
    df_json_begin_array(&json);
    for (unsigned i = 0; i < upload->part_count; i++)
        df_json_text(&json, upload->etags[i]);
    df_json_end_array(&json);
    df_json_key(&json, "bytes");
    df_json_uint(&json, upload->sent_bytes);
    df_json_end_object(&json);
}

/* Always multipart, however small: a put would be seen at once. */
static int detach(struct df_store_upload *base, struct df_buf *token, struct df_error *error)
{
    struct upload *upload = (struct upload *)base;
    int rc = upload->pending.size || !upload->id ? send_part(upload, error) : 0;
    if (rc == 0)
        put_token(upload, token);
    if (rc == 0 && df_buf_failed(token))
        rc = df_error_no_memory(error, "uploading");
    if (rc == 0)
        free_upload(upload);
    else
        abort_upload(base);
    return rc;
}

int df_s3_upload(struct df_store_backend *base, const char *uri, struct df_store_upload **out, struct df_error *error)
{
    struct upload *upload = calloc(1, sizeof *upload);
    if (!upload || !(upload->uri = strdup(uri))) {
        free(upload);
        return df_error_no_memory(error, "beginning an upload");
    }
    upload->base =
        (struct df_store_upload){.write = write_piece, .commit = commit, .abort = abort_upload, .detach = detach};
    upload->backend = (struct df_s3_backend *)base;
    if (df_s3_path_parse(&upload->path, upload->uri, error) != 0 || upload->path.key.size == 0) {
        if (upload->path.bucket.size && upload->path.key.size == 0)
            df_error_set(error, DF_ERROR_INVALID, "'%s' names no object: expected s3://bucket/key", uri);
        free_upload(upload);
        return -1;
    }
    *out = &upload->base;
    return 0;
}
