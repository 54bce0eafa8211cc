/* What the files of the S3 backend share: URIs, and requests with signature, retries and error kinds.
 *
 * A call of the store borrows a connection keeper (a loop and an HTTP client of its own) for as long as it lasts, so
 * each worker thread has its requests in flight on a loop of its own, and connections stay open from call to call. */
#ifndef DF_STORE_S3_H
#define DF_STORE_S3_H

#include <pthread.h>

#include "aws/aws.h"
#include "net/http.h"
#include "store/backend.h"

struct df_json;
struct df_s3_keeper;

struct df_s3_backend {
    struct df_store_backend base;
    struct df_aws aws;
    struct df_error aws_error; /* of reading the environment; told when S3 is asked */
    pthread_mutex_t mutex;
    struct {
        struct df_s3_keeper *free_keepers;
    } synced; /* under mutex */
};

enum {
    /* With fewer the CPU waits for the network, more only cost memory. */
    DF_S3_IN_FLIGHT = 12,
    DF_S3_PART_BYTES = 8 * 1024 * 1024, /* of a multipart upload; S3 takes no less than 5 MiB */
};

/* ---- URIs (s3.c) ---- */

struct df_s3_path {
    struct df_slice bucket, key; /* into the URI */
};
/* s3://bucket/key; the key is taken as it stands: nothing in it is decoded, nothing normalised. Fails with invalid. */
int df_s3_path_parse(struct df_s3_path *path, const char *uri, struct df_error *error);

/* ---- requests (s3_request.c) ---- */

struct df_s3_call {
    /* Set by the caller; all borrowed until the call has ended. */
    const char *method;
    struct df_s3_path path;
    const char *uri;       /* for messages; NULL: made from path */
    struct df_slice query; /* encoded, without '?' */
    struct df_slice body;
    const char *if_match;
    bool if_none_match; /* If-None-Match: * */
    bool has_range;
    uint64_t range_begin, range_end; /* bytes [begin, end) */
    /* Takes the body of an answer in order; NULL: it is collected in `answer`. After a connection broke in mid-body the
     * rest is asked for again, so no byte comes twice. */
    int (*on_body)(void *ctx, struct df_slice piece, struct df_error *error);
    void *ctx;

    /* The answer. */
    unsigned status;
    struct df_buf answer; /* owned: df_s3_call_dispose */
    char etag[DF_ETAG_BYTES];
    uint64_t length_bytes;         /* Content-Length of a HEAD */
    uint64_t object_bytes;         /* of a range that lies beyond the object: where that ends */
    struct df_s3_attempt *attempt; /* s3_request.c's */
};
void df_s3_call_dispose(struct df_s3_call *call);

/* Runs the calls, DF_S3_IN_FLIGHT at once, each sent again after what is likely to pass. On the first that fails for
 * good the others are cut off; every call has ended when it returns. */
int df_s3_run(struct df_s3_backend *backend, struct df_s3_call *calls, size_t count, struct df_deadline deadline,
              const atomic_bool *cancelled, struct df_error *error);
void df_s3_keepers_free(struct df_s3_backend *backend);

/* ---- operations ---- */

int df_s3_list(struct df_store_backend *, const char *uri, const struct df_list_options *, struct df_store_listing **,
               struct df_error *);
/* Every object below a prefix, hidden ones and marks of folders too. */
int df_s3_list_all(struct df_s3_backend *backend, const char *prefix, struct df_deadline deadline,
                   struct df_store_listing **listing, struct df_error *error);
int df_s3_read(struct df_store_backend *, const struct df_read *, df_piece_fn *, void *ctx, struct df_error *);
int df_s3_upload(struct df_store_backend *, const char *uri, struct df_store_upload **, struct df_error *);
int df_s3_remove_prefix(struct df_store_backend *, const char *prefix, struct df_deadline, struct df_error *);
int df_s3_publication_begin(struct df_store_backend *, const char *target, struct df_store_publication **,
                            struct df_error *);
int df_s3_publish(struct df_store_backend *, const char *place, const char *target, const struct df_slice *tokens,
                  size_t token_count, struct df_error *);
void df_s3_discard(struct df_store_backend *, const char *place, struct df_slice token);

/* s3_owner.c: begins an object that says which process we are; the caller goes on with it and ends it. */
struct df_json_writer;
void df_s3_put_owner(struct df_json_writer *json);
/* Whether the process of such an object is known to be dead, or a day has passed. */
bool df_s3_owner_is_dead(const struct df_json *marker);

/* s3_upload.c: the body of CompleteMultipartUpload begins, goes on with each part, and ends so. */
void df_s3_put_completion(struct df_buf *body, const struct df_json *etags);
/* Answers to it may hold an error under status 200. Fails with unavailable, naming the URI. */
int df_s3_check_completion(struct df_slice answer, const char *uri, struct df_error *error);

#endif
