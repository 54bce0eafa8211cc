/* What one kind of store does for store.h. A backend is chosen by scheme, once per call.
 *
 * Semantics are those of store.h; `uri` is always whole, as the caller gave it. Thread: any, several at once. */
#ifndef DF_STORE_BACKEND_H
#define DF_STORE_BACKEND_H

#include "store/publish.h"
#include "store/store.h"

struct df_store_backend;

struct df_store_listing {
    int (*next)(struct df_store_listing *, struct df_object *, struct df_error *);
    void (*close)(struct df_store_listing *);
};

struct df_store_upload {
    int (*write)(struct df_store_upload *, struct df_slice, struct df_error *);
    int (*commit)(struct df_store_upload *, struct df_error *);
    void (*abort)(struct df_store_upload *);
    int (*detach)(struct df_store_upload *, struct df_buf *token, struct df_error *);
};

/* What every backend's publication begins with. */
struct df_store_publication {
    char *place;                                /* owned */
    void (*end)(struct df_store_publication *); /* frees it */
};

struct df_store_backend {
    const char *scheme; /* "file" */
    int (*head)(struct df_store_backend *, const char *uri, struct df_object *, struct df_error *);
    int (*list)(struct df_store_backend *, const char *uri, const struct df_list_options *, struct df_store_listing **,
                struct df_error *);
    int (*read)(struct df_store_backend *, const struct df_read *, df_piece_fn *, void *ctx, struct df_error *);
    int (*put)(struct df_store_backend *, const struct df_put *, char etag_out[DF_ETAG_BYTES], struct df_error *);
    int (*upload)(struct df_store_backend *, const char *uri, struct df_store_upload **, struct df_error *);
    int (*remove)(struct df_store_backend *, const char *uri, struct df_deadline, struct df_error *);
    int (*remove_prefix)(struct df_store_backend *, const char *prefix, struct df_deadline, struct df_error *);
    int (*publication_begin)(struct df_store_backend *, const char *target, struct df_store_publication **,
                             struct df_error *);
    int (*publish)(struct df_store_backend *, const char *place, const char *target, const struct df_slice *tokens,
                   size_t token_count, struct df_error *);
    void (*discard)(struct df_store_backend *, const char *place, struct df_slice token);
    void (*free)(struct df_store_backend *);
};

/* The backend of a URI; NULL when nobody knows the scheme, and then the error is set. */
struct df_store_backend *df_store_backend_of(const struct df_store *store, const char *uri, struct df_error *error);

int df_store_file_create(struct df_store_backend **backend, struct df_error *error);
int df_store_s3_create(struct df_store_backend **backend, struct df_error *error);

#endif
