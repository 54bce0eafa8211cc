/* Objects by URI: plain paths and file:// now, s3:// next. No caller assumes a local file; none knows S3.
 *
 * All calls block and are for worker or pool threads, never for a loop. A store may be used by any number of threads at
 * once. Errors: not_found, denied, conflict (an etag that no longer fits), corrupt, exhausted, timeout, cancelled;
 * each message names the URI.
 *
 * A URI is `file:///absolute/path`, a plain path (relative to the working directory), or `scheme://…` of another
 * backend; an unknown scheme is `unsupported`. */
#ifndef DF_STORE_STORE_H
#define DF_STORE_STORE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/time.h"

struct df_store;

int df_store_create(struct df_store **store, struct df_error *error);
void df_store_free(struct df_store *store);

/* ---- what is there ---- */

enum { DF_ETAG_BYTES = 96 };

struct df_object {
    const char *uri; /* as a read takes it */
    uint64_t size_bytes;
    char etag[DF_ETAG_BYTES]; /* changes whenever the content may have changed */
};

/* Fails with not_found when there is no such object. uri of *out is the caller's. */
int df_store_head(struct df_store *store, const char *uri, struct df_object *out, struct df_error *error);

/* Listing: what a PATH of a command line means. One object; everything below a directory or prefix (`recursive`) whose
 * name matches `pattern` ("*.parquet"; NULL: all; hidden names, those with '.' or '_' in front, are left out, as
 * writers of lakes put their markers there); or a glob (*, ?, [a-z], ** for any depth) in the last parts of the path:
 * files that fit it, and what is below directories that fit it. A name that exists as it is written is no glob. A glob
 * that nothing fits gives an empty listing; a missing object or directory is not_found.
 * Objects come in byte order of their paths relative to the place that is listed. */
struct df_store_listing;
struct df_list_options {
    const char *pattern;
    bool recursive;
    const atomic_bool *cancelled; /* NULL: never; must outlive the listing. A page under way is given up: cancelled */
};
int df_store_list_open(struct df_store *store, const char *uri, const struct df_list_options *options,
                       struct df_store_listing **listing, struct df_error *error);
/* 1 and an object (its uri is valid until the next call), 0 at the end, -1 for an error. Fetches one page at a time. */
int df_store_list_next(struct df_store_listing *listing, struct df_object *out, struct df_error *error);
void df_store_list_close(struct df_store_listing *listing);

/* ---- reading ---- */

struct df_read_item {
    const char *uri;
    const char *etag; /* NULL or "": whatever is there */
    uint64_t offset;
    uint64_t size_bytes; /* the range must lie inside the object: beyond its end is corrupt ("… ends at byte N") */
    /* NULL, or room for size_bytes: the bytes are put there, without a copy on the way where the backend can, and a
     * piece is told of when it is there. After a failure it has any content. */
    uint8_t *into;
};

struct df_read {
    const struct df_read_item *items;
    size_t item_count;
    struct df_deadline deadline;
    const atomic_bool *cancelled; /* NULL: never; looked at between pieces */
};

/* A piece of item `item`: bytes [offset, offset + piece.size) of the item's range. Valid during the call only, unless
 * it lies in the item's own memory (`into`). Pieces of one item come in order; items come interleaved in any order.
 * Anything but 0 ends the read with that error. */
typedef int df_piece_fn(void *ctx, size_t item, uint64_t offset, struct df_slice piece, struct df_error *error);

/* Reads ranges of any number of objects of one scheme (else invalid), near ones of one object coalesced, several
 * requests in flight where that helps. Pieces are handed over on this thread before the call returns; after a failure
 * no further piece comes. An item of 0 bytes gets no piece, but its place is checked. An object that changes while it
 * is read is a conflict, told at the latest at the end: until then nothing may be concluded from the pieces. */
int df_store_read(struct df_store *store, const struct df_read *read, df_piece_fn *piece, void *ctx,
                  struct df_error *error);

/* One range into memory of the caller. */
int df_store_read_into(struct df_store *store, const struct df_read_item *item, struct df_deadline deadline,
                       const atomic_bool *cancelled, uint8_t *to, struct df_error *error);

/* A whole object, appended to `out`; larger than limit_bytes is too_large. */
int df_store_get(struct df_store *store, const char *uri, uint64_t limit_bytes, struct df_buf *out,
                 struct df_error *error);

/* ---- writing ---- */

enum df_put_condition {
    DF_PUT_ALWAYS,
    DF_PUT_IF_ABSENT, /* conflict when it exists */
    DF_PUT_IF_MATCH,  /* conflict when its etag is not `etag` */
};
struct df_put {
    const char *uri;
    struct df_slice content;
    enum df_put_condition condition;
    const char *etag;
    const atomic_bool *cancelled; /* NULL: never. A put that is given up may have happened */
};
/* All or nothing: readers see the old object or the whole new one. Missing directories are made. A failure leaves
 * nothing behind. etag_out may be NULL. Files are not synced to the disk: a power cut may lose what was just put. */
int df_store_put(struct df_store *store, const struct df_put *put, char etag_out[DF_ETAG_BYTES],
                 struct df_error *error);

/* An object that is written in pieces: aside, then moved into place by commit (a rename; a multipart upload on S3). */
struct df_store_upload;
int df_store_upload_open(struct df_store *store, const char *uri, struct df_store_upload **upload,
                         struct df_error *error);
int df_store_upload_write(struct df_store_upload *upload, struct df_slice piece, struct df_error *error);
int df_store_upload_commit(struct df_store_upload *upload, struct df_error *error); /* frees it, also when it fails */
void df_store_upload_abort(struct df_store_upload *upload);                         /* frees it; NULL is fine */

/* ---- removing ---- */

/* Removing what is not there succeeds. */
int df_store_remove(struct df_store *store, const char *uri, struct df_deadline deadline, struct df_error *error);
/* Everything below a prefix that ends with '/', and the empty directories that are left. */
int df_store_remove_prefix(struct df_store *store, const char *prefix, struct df_deadline deadline,
                           struct df_error *error);

/* ---- names ---- */

/* Appends `prefix`, a '/' if it lacks one, and `name`. */
void df_uri_join(struct df_buf *out, const char *prefix, const char *name);

#endif
