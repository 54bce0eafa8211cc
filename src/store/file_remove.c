/* Removing files and trees. Links are removed, never followed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/file.h"

/* Each level holds one open folder. */
enum { DEPTH_MAX = 128 };

int df_file_remove(struct df_store_backend *backend, const char *uri, struct df_deadline deadline,
                   struct df_error *error)
{
    (void)deadline; /* a local file system answers, or nobody does */
    (void)backend;
    struct df_file_path path;
    if (df_file_path_parse(&path, uri, error) < 0)
        return -1;
    int result = unlink(path.text);
    if (result < 0 && (errno == ENOENT || errno == ENOTDIR))
        result = 0;
    if (result < 0)
        df_error_set_errno(error, errno, "cannot remove '%s'", uri);
    df_file_path_dispose(&path);
    return result;
}

static int empty_folder(int fd, const char *prefix, unsigned depth, struct df_error *error);

static int remove_folder(int parent, const char *name, const char *prefix, unsigned depth, struct df_error *error)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : df_error_set_errno(error, errno, "cannot remove '%s' below '%s'", name, prefix);
    if (empty_folder(fd, prefix, depth + 1, error) < 0)
        return -1;
    /* Not empty: somebody has just written there, and that is not ours to remove. */
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
        return df_error_set_errno(error, errno, "cannot remove '%s' below '%s'", name, prefix);
    return 0;
}

static int remove_one(int parent, const char *name, const char *prefix, unsigned depth, struct df_error *error)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return df_error_set_errno(error, errno, "cannot remove '%s' below '%s'", name, prefix);
    return remove_folder(parent, name, prefix, depth, error);
}

/* One pass over the names; *removed says whether another may find names that this one jumped over, as a stream of
 * names need not be whole when names vanish under it. */
static int empty_pass(DIR *stream, const char *prefix, unsigned depth, bool *removed, struct df_error *error)
{
    struct dirent *found;
    *removed = false;
    for (errno = 0; (found = readdir(stream)); errno = 0) {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        if (remove_one(dirfd(stream), found->d_name, prefix, depth, error) < 0)
            return -1;
        *removed = true;
    }
    return errno ? df_error_set_errno(error, errno, "cannot list '%s'", prefix) : 0;
}

/* Removes all that is in the folder and closes fd. Two passes at most find something: what appears after them is being
 * written now. */
static int empty_folder(int fd, const char *prefix, unsigned depth, struct df_error *error)
{
    DIR *stream = fdopendir(fd);
    if (!stream) {
        int errno_value = errno;
        close(fd);
        return df_error_set_errno(error, errno_value, "cannot list '%s'", prefix);
    }
    int result = 0;
    if (depth > DEPTH_MAX)
        result = df_error_set(error, DF_ERROR_INVALID, "'%s' is more than %d folders deep", prefix, DEPTH_MAX);
    bool removed = true;
    for (int pass = 0; result == 0 && removed && pass < 3; pass++) {
        rewinddir(stream);
        result = empty_pass(stream, prefix, depth, &removed, error);
    }
    closedir(stream);
    return result;
}

/* However it is written: "/", "//", "/a/..". */
static bool is_root(int fd)
{
    struct stat root, status;
    return stat("/", &root) < 0 || fstat(fd, &status) < 0 ||
           (root.st_dev == status.st_dev && root.st_ino == status.st_ino);
}

static int remove_below(const char *path, const char *prefix, struct df_error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : df_error_set_errno(error, errno, "cannot list '%s'", prefix);
    if (is_root(fd)) {
        close(fd);
        return df_error_set(error, DF_ERROR_INVALID, "'%s' is the whole file system: nothing is removed", prefix);
    }
    if (empty_folder(fd, prefix, 1, error) < 0)
        return -1;
    rmdir(path); /* stays when it is a link, or when somebody has just written there */
    return 0;
}

int df_file_remove_prefix(struct df_store_backend *backend, const char *prefix, struct df_deadline deadline,
                          struct df_error *error)
{
    (void)deadline;
    (void)backend;
    struct df_file_path path;
    if (df_file_path_parse(&path, prefix, error) < 0)
        return -1;
    int result = remove_below(path.text, prefix, error);
    df_file_path_dispose(&path);
    return result;
}
