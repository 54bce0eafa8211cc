/* What one kind of store does for store.h. A backend is chosen by scheme, once per call.
 *
 * Semantics are those of store.h; `uri` is always whole, as the caller gave it. Thread: any, several at once. */
#ifndef DF_STORE_BACKEND_H
#define DF_STORE_BACKEND_H

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
    void (*free)(struct df_store_backend *);
};

int df_store_file_create(struct df_store_backend **backend, struct df_error *error);
int df_store_s3_create(struct df_store_backend **backend, struct df_error *error);

#endif
