/* Writing files: into a file aside in the same folder, then renamed into place, so that a reader sees the old file or
 * the whole new one. A killed process leaves at most a hidden ".<name>.<pid>-<n>.tmp", which no listing shows.
 *
 * Nothing is synced to the disk: what a query writes can be made again, and a power cut loses it as a whole machine's
 * loss would. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json_write.h"
#include "store/file.h"

enum {
    NAME_BYTES_KEPT = 200, /* of the target's name in the name aside: the system's limit for names is 255 */
    OPEN_TRIES = 1000,
};

struct aside {
    struct df_file_backend *backend;
    const char *uri; /* borrowed */
    struct df_file_path target;
    size_t folder_size; /* bytes of target.text up to its last '/', that included; 0: the working directory */
    char *path;         /* owned; NULL: nothing is there to be removed */
    int fd;             /* -1: closed */
    size_t made_size;   /* bytes of target.text that name the uppermost folder that was made; 0: none */
};

/* ---- errors ---- */

static int write_failed(const struct aside *aside, int errno_value, struct df_error *error)
{
    int folder_size = aside->folder_size ? (int)aside->folder_size : 1;
    const char *folder = aside->folder_size ? aside->target.text : ".";
    if (errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EFBIG)
        return df_error_set(error, DF_ERROR_EXHAUSTED,
                            "no room in '%.*s' for '%s' (%s): free some space, or choose another folder", folder_size,
                            folder, aside->uri,
                            errno_value == ENOSPC   ? "the disk is full"
                            : errno_value == EDQUOT ? "the quota is used up"
                                                    : "the file would be larger than allowed");
    if (errno_value == ENOTDIR)
        return df_error_set(error, DF_ERROR_INVALID, "cannot write '%s': a part of its path is a file, not a folder",
                            aside->uri);
    return df_error_set_errno(error, errno_value, "cannot write '%s'", aside->uri);
}

/* ---- folders ---- */

/* Makes the folder that the first `size` bytes of the target name. */
static int make_folder(struct aside *aside, size_t size)
{
    char *text = aside->target.text;
    char behind = text[size];
    text[size] = '\0';
    int result = mkdir(text, 0777);
    int errno_value = errno;
    text[size] = behind;
    if (result == 0 && aside->made_size == 0)
        aside->made_size = size;
    errno = errno_value;
    return result < 0 && errno_value != EEXIST ? -1 : 0;
}

static int make_folders(struct aside *aside)
{
    for (size_t size = 1; size < aside->folder_size; size++)
        if (aside->target.text[size] == '/' && aside->target.text[size - 1] != '/' && make_folder(aside, size) < 0)
            return -1;
    return 0;
}

/* Takes back the folders that were made and that nobody else has put something into. */
static void remove_made_folders(struct aside *aside)
{
    char *text = aside->target.text;
    if (aside->made_size == 0)
        return;
    for (size_t size = aside->folder_size; size-- > aside->made_size;) {
        if (text[size] != '/')
            continue;
        text[size] = '\0';
        int result = rmdir(text);
        text[size] = '/';
        if (result < 0 && errno != ENOENT)
            return;
    }
}

/* ---- the file aside ---- */

static void discard(struct aside *aside)
{
    if (aside->fd >= 0)
        close(aside->fd);
    if (aside->path)
        unlink(aside->path);
    free(aside->path);
    remove_made_folders(aside);
    df_file_path_dispose(&aside->target);
    *aside = (struct aside){.fd = -1};
}

static char *name_aside(struct aside *aside)
{
    unsigned long long number = atomic_fetch_add_explicit(&aside->backend->aside_count, 1, memory_order_relaxed);
    char *path = NULL;
    if (asprintf(&path, "%.*s.%.*s.%ld-%llu.tmp", (int)aside->folder_size, aside->target.text, NAME_BYTES_KEPT,
                 aside->target.text + aside->folder_size, (long)getpid(), number) < 0)
        return NULL;
    return path;
}

static int parse_target(struct aside *aside, struct df_error *error)
{
    if (df_file_path_parse(&aside->target, aside->uri, error) < 0)
        return -1;
    const char *slash = strrchr(aside->target.text, '/');
    aside->folder_size = slash ? (size_t)(slash - aside->target.text) + 1 : 0;
    const char *name = aside->target.text + aside->folder_size;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' names a folder: a file is to be written", aside->uri);
    return 0;
}

/* A rename would put a file in the place of whatever stands there: /dev/null, for one. */
static int check_target(const struct aside *aside, struct df_error *error)
{
    struct stat status;
    if (stat(aside->target.text, &status) < 0 || S_ISREG(status.st_mode))
        return 0;
    return df_error_set(error, DF_ERROR_INVALID, "cannot write '%s': it is %s", aside->uri,
                        S_ISDIR(status.st_mode) ? "a folder" : "not a regular file");
}

/* Tried again when the name is taken (another process with our number), and when somebody removes the folder between
 * its making and its use. */
static int open_aside(struct aside *aside, struct df_error *error)
{
    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        free(aside->path);
        char *path = aside->path = name_aside(aside);
        if (!path)
            return df_error_no_memory(error, "writing a file");
        aside->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (aside->fd >= 0)
            return 0;
        if (errno == ENOENT ? make_folders(aside) < 0 : errno != EEXIST && errno != EINTR)
            break;
    }
    int errno_value = errno;
    free(aside->path); /* it is not ours */
    aside->path = NULL;
    return write_failed(aside, errno_value, error);
}

/* On success the caller discards. */
static int begin(struct aside *aside, struct df_file_backend *backend, const char *uri, struct df_error *error)
{
    *aside = (struct aside){.backend = backend, .uri = uri, .fd = -1};
    if (parse_target(aside, error) == 0 && check_target(aside, error) == 0 && open_aside(aside, error) == 0)
        return 0;
    discard(aside);
    return -1;
}

static int write_all(const struct aside *aside, struct df_slice content, struct df_error *error)
{
    while (content.size > 0) {
        ssize_t written = write(aside->fd, content.data, content.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return write_failed(aside, written < 0 ? errno : ENOSPC, error);
        content.data += written;
        content.size -= (size_t)written;
    }
    return 0;
}

/* ---- into place ---- */

static int exists_already(const struct aside *aside, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CONFLICT, "'%s' exists already", aside->uri);
}

/* Between this look and the rename another process may still write: file systems have no rename with a condition. */
static int check_match(const struct aside *aside, const char *expected, struct df_error *error)
{
    struct stat status;
    char etag[DF_ETAG_BYTES] = "none";
    if (stat(aside->target.text, &status) == 0)
        df_file_etag(&status, etag);
    else if (errno != ENOENT)
        return df_error_set_errno(error, errno, "cannot write '%s'", aside->uri);
    if (expected && strcmp(etag, expected) == 0)
        return 0;
    return df_error_set(error, DF_ERROR_CONFLICT, "'%s' changed: version %s was expected, %s is there", aside->uri,
                        expected ? expected : "none", etag);
}

static int check_condition(const struct aside *aside, const struct df_put *put, struct df_error *error)
{
    if (put->condition == DF_PUT_IF_MATCH)
        return check_match(aside, put->etag, error);
    if (put->condition == DF_PUT_IF_ABSENT && faccessat(AT_FDCWD, aside->target.text, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return exists_already(aside, error);
    return 0;
}

/* Not every file system knows renames that replace nothing, and not every one knows hard links; most know one. */
static int rename_if_absent(const struct aside *aside)
{
    if (renameat2(AT_FDCWD, aside->path, AT_FDCWD, aside->target.text, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
        return -1;
    if (link(aside->path, aside->target.text) < 0)
        return -1;
    unlink(aside->path);
    return 0;
}

/* Some network file systems say only now that the disk is full. */
static int close_aside(struct aside *aside, struct df_error *error)
{
    int fd = aside->fd;
    aside->fd = -1;
    return close(fd) < 0 && errno != EINTR ? write_failed(aside, errno, error) : 0;
}

/* Moves the file into place; afterwards there is nothing left to discard but memory. */
static int publish(struct aside *aside, bool if_absent, char etag_out[DF_ETAG_BYTES], struct df_error *error)
{
    struct stat status;
    if (close_aside(aside, error) < 0)
        return -1;
    if (stat(aside->path, &status) < 0)
        return write_failed(aside, errno, error);
    if ((if_absent ? rename_if_absent(aside) : rename(aside->path, aside->target.text)) < 0)
        return if_absent && errno == EEXIST ? exists_already(aside, error) : write_failed(aside, errno, error);
    if (etag_out)
        df_file_etag(&status, etag_out);
    free(aside->path);
    aside->path = NULL;
    aside->made_size = 0;
    return 0;
}

int df_file_put(struct df_store_backend *backend, const struct df_put *put, char etag_out[DF_ETAG_BYTES],
                struct df_error *error)
{
    struct aside aside;
    if (begin(&aside, (struct df_file_backend *)backend, put->uri, error) < 0)
        return -1;
    int result = check_condition(&aside, put, error);
    if (result == 0)
        result = write_all(&aside, put->content, error);
    if (result == 0 && put->condition == DF_PUT_IF_MATCH)
        result = check_match(&aside, put->etag, error);
    if (result == 0)
        result = publish(&aside, put->condition == DF_PUT_IF_ABSENT, etag_out, error);
    discard(&aside);
    return result;
}

/* ---- uploads ---- */

struct file_upload {
    struct df_store_upload base;
    struct aside aside;
    char *uri;              /* owned */
    struct df_error failed; /* of the first write that failed; the file aside is gone then */
};

static void upload_abort(struct df_store_upload *base)
{
    struct file_upload *upload = (struct file_upload *)base;
    discard(&upload->aside);
    free(upload->uri);
    free(upload);
}

static int upload_write(struct df_store_upload *base, struct df_slice piece, struct df_error *error)
{
    struct file_upload *upload = (struct file_upload *)base;
    if (upload->failed.kind == DF_ERROR_NONE && write_all(&upload->aside, piece, &upload->failed) < 0)
        discard(&upload->aside); /* gives its room back now, not when the caller gets around to it */
    if (upload->failed.kind == DF_ERROR_NONE)
        return 0;
    if (error)
        *error = upload->failed;
    return -1;
}

static int upload_commit(struct df_store_upload *base, struct df_error *error)
{
    struct file_upload *upload = (struct file_upload *)base;
    int result = upload_write(base, df_slice_make(NULL, 0), error);
    if (result == 0)
        result = publish(&upload->aside, false, NULL, error);
    upload_abort(base);
    return result;
}

/* The file aside stays where it is: whoever has the token publishes or discards it. */
static int upload_detach(struct df_store_upload *base, struct df_buf *token, struct df_error *error)
{
    struct file_upload *upload = (struct file_upload *)base;
    struct aside *aside = &upload->aside;
    struct stat status;
    int result = upload_write(base, df_slice_make(NULL, 0), error);
    if (result == 0)
        result = close_aside(aside, error);
    if (result == 0 && stat(aside->path, &status) < 0)
        result = write_failed(aside, errno, error);
    if (result == 0) {
        struct df_json_writer json;
        df_json_writer_init(&json, token, DF_JSON_COMPACT);
        df_json_begin_object(&json);
        df_json_key(&json, "name");
        df_json_text(&json, aside->target.text + aside->folder_size);
        df_json_key(&json, "aside");
        df_json_text(&json, aside->path + aside->folder_size);
        df_json_key(&json, "bytes");
        df_json_uint(&json, (uint64_t)status.st_size);
        df_json_end_object(&json);
        if (df_buf_failed(token))
            result = df_error_no_memory(error, "writing a file");
    }
    if (result == 0) {
        free(aside->path);
        aside->path = NULL;
        aside->made_size = 0;
    }
    upload_abort(base);
    return result;
}

int df_file_upload(struct df_store_backend *backend, const char *uri, struct df_store_upload **upload,
                   struct df_error *error)
{
    struct file_upload *made = calloc(1, sizeof *made);
    if (!made || !(made->uri = strdup(uri))) {
        free(made);
        return df_error_no_memory(error, "writing a file");
    }
    made->base = (struct df_store_upload){
        .write = upload_write, .commit = upload_commit, .abort = upload_abort, .detach = upload_detach};
    if (begin(&made->aside, (struct df_file_backend *)backend, made->uri, error) < 0) {
        free(made->uri);
        free(made);
        return -1;
    }
    *upload = &made->base;
    return 0;
}
