/* Objects that are files: file:///absolute/path and plain paths. */
#include "store/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The content of a file may have changed when any of these has. A rewrite in place, of the same size, within one tick
 * of the file system's clock (4 ms on most kernels) goes unseen. */
void df_file_etag(const struct stat *status, char etag[DF_ETAG_BYTES])
{
    uint64_t mtime_ns = (uint64_t)status->st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)status->st_mtim.tv_nsec;
    snprintf(etag, DF_ETAG_BYTES, "%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64, mtime_ns, (uint64_t)status->st_size,
             (uint64_t)status->st_ino, (uint64_t)status->st_dev);
}

int df_file_check_regular(const struct stat *status, const char *uri, struct df_error *error)
{
    if (S_ISREG(status->st_mode))
        return 0;
    if (S_ISDIR(status->st_mode))
        return df_error_set(error, DF_ERROR_NOT_FOUND, "'%s' is a folder, not a file", uri);
    return df_error_set(error, DF_ERROR_INVALID, "'%s' is a %s, not a regular file", uri,
                        S_ISFIFO(status->st_mode)   ? "named pipe"
                        : S_ISSOCK(status->st_mode) ? "socket"
                                                    : "device");
}

static int file_head(struct df_store_backend *backend, const char *uri, struct df_object *out, struct df_error *error)
{
    (void)backend;
    struct df_file_path path;
    if (df_file_path_parse(&path, uri, error) < 0)
        return -1;
    struct stat status;
    int result = stat(path.text, &status);
    if (result < 0)
        df_error_set_errno(error, errno, "cannot read '%s'", uri);
    else
        result = df_file_check_regular(&status, uri, error);
    if (result == 0) {
        *out = (struct df_object){.uri = uri, .size_bytes = (uint64_t)status.st_size};
        df_file_etag(&status, out->etag);
    }
    df_file_path_dispose(&path);
    return result;
}

static void file_free(struct df_store_backend *backend)
{
    free(backend);
}

int df_store_file_create(struct df_store_backend **backend, struct df_error *error)
{
    struct df_file_backend *file = calloc(1, sizeof *file);
    if (!file)
        return df_error_no_memory(error, "opening the file store");
    file->base = (struct df_store_backend){
        .scheme = "file",
        .head = file_head,
        .list = df_file_list,
        .read = df_file_read,
        .put = df_file_put,
        .upload = df_file_upload,
        .remove = df_file_remove,
        .remove_prefix = df_file_remove_prefix,
        .publication_begin = df_file_publication_begin,
        .publish = df_file_publish,
        .discard = df_file_discard,
        .free = file_free,
    };
    *backend = &file->base;
    return 0;
}
