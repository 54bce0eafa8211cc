/* What the files of the file backend share: names, versions of files, and the two errors that several of them give. */
#ifndef DF_STORE_FILE_H
#define DF_STORE_FILE_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "store/backend.h"

struct df_file_backend {
    struct df_store_backend base;
    _Atomic uint64_t aside_count; /* makes names of files aside differ inside one process */
};

/* ---- names (file_path.c) ---- */

/* A URI as a path of the system. */
struct df_file_path {
    char *text;   /* owned, NUL-terminated, never empty */
    bool encoded; /* it came as file://…: what is made from it is encoded again */
};

/* Plain paths are taken as they are; of file:// the host is checked and %xx decoded ('?' and '#' mean nothing). */
int df_file_path_parse(struct df_file_path *path, const char *uri, struct df_error *error);
/* As above, and *pattern (owned by the caller) is the path as a glob: a '*' that was written %2A is literal there. */
int df_file_path_parse_pattern(struct df_file_path *path, char **pattern, const char *uri, struct df_error *error);
void df_file_path_dispose(struct df_file_path *path);
/* Appends the URI of a path, in the style of `like`. */
void df_file_path_put_uri(const struct df_file_path *like, struct df_slice path, struct df_buf *uri);

/* ---- versions ---- */

void df_file_etag(const struct stat *status, char etag[DF_ETAG_BYTES]);

/* 0 for a regular file; not_found for a folder, invalid for a FIFO, a device, a socket. */
int df_file_check_regular(const struct stat *status, const char *uri, struct df_error *error);

/* ---- operations (file_list.c, file_read.c, file_write.c, file_remove.c, file_publish.c) ---- */

int df_file_list(struct df_store_backend *backend, const char *uri, const struct df_list_options *options,
                 struct df_store_listing **listing, struct df_error *error);
int df_file_read(struct df_store_backend *backend, const struct df_read *read, df_piece_fn *piece, void *ctx,
                 struct df_error *error);
int df_file_put(struct df_store_backend *backend, const struct df_put *put, char etag_out[DF_ETAG_BYTES],
                struct df_error *error);
int df_file_upload(struct df_store_backend *backend, const char *uri, struct df_store_upload **upload,
                   struct df_error *error);
int df_file_remove(struct df_store_backend *backend, const char *uri, struct df_deadline deadline,
                   struct df_error *error);
int df_file_remove_prefix(struct df_store_backend *backend, const char *prefix, struct df_deadline deadline,
                          struct df_error *error);
int df_file_publication_begin(struct df_store_backend *backend, const char *target,
                              struct df_store_publication **publication, struct df_error *error);
int df_file_publish(struct df_store_backend *backend, const char *place, const char *target,
                    const struct df_slice *tokens, size_t token_count, struct df_error *error);
void df_file_discard(struct df_store_backend *backend, const char *place, struct df_slice token);

#endif
