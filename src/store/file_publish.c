/* Files that appear together: written into a hidden folder beside the target, which one rename makes the target.
 *
 * Who writes there holds a lock on the folder itself, so that no name is left of it: a process that was killed has none
 * any more, and the next one on the same target removes what it left. Where a file system knows no such locks nothing
 * is removed that is not one's own. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/file.h"

enum { NAME_BYTES_KEPT = 180, BEGIN_TRIES = 1000 };
static const char mark[] = ".dayfly-";

struct publication {
    struct df_store_publication base;
    struct df_file_backend *backend;
    struct df_file_path target; /* its real path once it is there */
    size_t parent_size;         /* bytes of target.text up to its last '/', that included; 0: the working directory */
    size_t made_size;           /* bytes of target.text that name the uppermost folder that was made; 0: none */
    char *hidden;               /* owned; the path of the place */
    int fd;                     /* of it, with the lock; -1: not yet */
};

/* ---- the target ---- */

/* "a/b" of "a/b//" */
static void cut_slashes(char *path)
{
    for (size_t size = strlen(path); size > 1 && path[size - 1] == '/';)
        path[--size] = '\0';
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int check_empty(const char *folder, struct df_error *error)
{
    DIR *stream = opendir(folder);
    if (!stream)
        return df_error_set_errno(error, errno, "cannot open '%s'", folder);
    int result = 0;
    for (const struct dirent *entry; result == 0 && (entry = readdir(stream));)
        if (!is_dots(entry->d_name))
            result = df_error_set(error, DF_ERROR_CONFLICT,
                                  "'%s' is not empty ('%s'): what is written becomes a folder of its own; name another",
                                  folder, entry->d_name);
    closedir(stream);
    return result;
}

static bool same_place(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A working directory and a mount point cannot be renamed over. */
static int check_replaceable(const char *folder, struct df_error *error)
{
    struct stat here, working, parent;
    char *above = NULL;
    if (asprintf(&above, "%s/..", folder) < 0)
        return df_error_no_memory(error, "naming files");
    bool known = stat(folder, &here) == 0 && stat(".", &working) == 0 && stat(above, &parent) == 0;
    free(above);
    if (known && !same_place(&here, &working) && here.st_dev == parent.st_dev && !same_place(&here, &parent))
        return 0;
    return df_error_set(error, DF_ERROR_INVALID,
                        "'%s' is the working directory, or a file system of its own: the files appear by one rename, "
                        "which cannot replace it; name a folder inside of it",
                        folder);
}

/* A folder that is there is named by its real path: a link, and "..", cannot be renamed over. */
static int resolve(struct publication *publication, struct df_error *error)
{
    const char *target = publication->target.text;
    struct stat status;
    if (stat(target, &status) < 0)
        return errno == ENOENT ? 0 : df_error_set_errno(error, errno, "cannot write to '%s'", target);
    if (!S_ISDIR(status.st_mode))
        return df_error_set(error, DF_ERROR_INVALID, "'%s' is a file: a folder is to be written", target);
    if (check_empty(target, error) < 0)
        return -1;
    char *real = realpath(target, NULL);
    if (!real)
        return df_error_set_errno(error, errno, "cannot write to '%s'", target);
    free(publication->target.text);
    publication->target.text = real;
    return check_replaceable(real, error);
}

static int find_target(struct publication *publication, const char *uri, struct df_error *error)
{
    if (df_file_path_parse(&publication->target, uri, error) < 0)
        return -1;
    cut_slashes(publication->target.text);
    if (resolve(publication, error) < 0)
        return -1;
    const char *text = publication->target.text, *slash = strrchr(text, '/');
    publication->parent_size = slash ? (size_t)(slash - text) + 1 : 0;
    const char *name = text + publication->parent_size;
    if (name[0] == '\0' || is_dots(name))
        return df_error_set(error, DF_ERROR_INVALID, "'%s' names no folder that could be made", uri);
    return 0;
}

/* ---- folders above it ---- */

static int make_parents(struct publication *publication, struct df_error *error)
{
    char *text = publication->target.text;
    for (size_t size = 1; size < publication->parent_size; size++) {
        if (text[size] != '/' || text[size - 1] == '/')
            continue;
        text[size] = '\0';
        int result = mkdir(text, 0777), failed = errno;
        text[size] = '/';
        if (result == 0 && publication->made_size == 0)
            publication->made_size = size;
        if (result < 0 && failed != EEXIST)
            return df_error_set_errno(error, failed, "cannot make the folders above '%s'", text);
    }
    return 0;
}

/* Those that nobody has put something into. */
static void remove_made_parents(struct publication *publication)
{
    char *text = publication->target.text;
    if (publication->made_size == 0)
        return;
    for (size_t size = publication->parent_size; size-- > publication->made_size;) {
        if (text[size] != '/')
            continue;
        text[size] = '\0';
        int result = rmdir(text);
        text[size] = '/';
        if (result < 0 && errno != ENOENT)
            return;
    }
}

/* ---- the hidden folder ---- */

static void remove_tree(struct df_file_backend *backend, const char *path)
{
    struct df_error unheard;
    char *prefix = NULL;
    if (asprintf(&prefix, "%s/", path) < 0)
        return;
    (void)df_file_remove_prefix(&backend->base, prefix, df_deadline_never(), &unheard);
    free(prefix);
}

/* True when the path still names the folder behind fd. */
static bool still_there(const char *path, int fd)
{
    struct stat named, held;
    return path && fd >= 0 && lstat(path, &named) == 0 && fstat(fd, &held) == 0 && same_place(&named, &held);
}

static void remove_if_dead(struct df_file_backend *backend, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && still_there(path, fd))
        remove_tree(backend, path);
    close(fd);
}

/* Names of hidden folders of this target begin so: ".NAME.dayfly-". */
static int put_beginning(const struct publication *publication, struct df_buf *out)
{
    df_buf_printf(out, ".%.*s%s", NAME_BYTES_KEPT, publication->target.text + publication->parent_size, mark);
    return df_buf_failed(out) ? -1 : 0;
}

/* "PID-N": nothing else that begins so is ours. */
static bool is_number_pair(const char *text)
{
    size_t first = strspn(text, "0123456789");
    size_t second = text[first] == '-' ? strspn(text + first + 1, "0123456789") : 0;
    return first > 0 && second > 0 && text[first + 1 + second] == '\0';
}

/* What killed processes left. */
static void remove_leftovers(const struct publication *publication)
{
    struct df_buf beginning = {0}, parent = {0}, path = {0};
    df_buf_put(&parent, publication->target.text, publication->parent_size);
    DIR *stream = put_beginning(publication, &beginning) == 0 && !df_buf_failed(&parent)
                      ? opendir(parent.size ? df_buf_text(&parent) : ".")
                      : NULL;
    for (const struct dirent *entry; stream && (entry = readdir(stream));) {
        if (strncmp(entry->d_name, df_buf_text(&beginning), beginning.size) != 0 ||
            !is_number_pair(entry->d_name + beginning.size))
            continue;
        df_buf_clear(&path);
        df_buf_put_slice(&path, df_buf_slice(&parent));
        df_buf_put_text(&path, entry->d_name);
        if (!df_buf_failed(&path))
            remove_if_dead(publication->backend, df_buf_text(&path));
    }
    if (stream)
        closedir(stream);
    df_buf_dispose(&beginning);
    df_buf_dispose(&parent);
    df_buf_dispose(&path);
}

/* 1: made and locked; 0: the name is taken, or somebody has just taken it for a leftover; -1. */
static int make_hidden(struct publication *publication, unsigned number, struct df_error *error)
{
    struct df_buf name = {0};
    free(publication->hidden);
    publication->hidden = NULL;
    df_buf_put(&name, publication->target.text, publication->parent_size);
    if (put_beginning(publication, &name) == 0)
        df_buf_printf(&name, "%ld-%u", (long)getpid(), number);
    publication->hidden = df_buf_failed(&name) ? NULL : strdup(df_buf_text(&name));
    df_buf_dispose(&name);
    if (!publication->hidden)
        return df_error_no_memory(error, "naming files");
    if (mkdir(publication->hidden, 0777) < 0)
        return errno == EEXIST || (errno == ENOENT && make_parents(publication, NULL) == 0)
                   ? 0
                   : df_error_set_errno(error, errno, "cannot write beside '%s'", publication->target.text);
    publication->fd = open(publication->hidden, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool locked = publication->fd >= 0 && (flock(publication->fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK);
    if (locked && still_there(publication->hidden, publication->fd))
        return 1;
    if (publication->fd >= 0)
        close(publication->fd);
    publication->fd = -1;
    return 0;
}

static void end(struct df_store_publication *base)
{
    struct publication *publication = (struct publication *)base;
    if (publication->fd >= 0) {
        if (still_there(publication->hidden, publication->fd))
            remove_tree(publication->backend, publication->hidden);
        close(publication->fd);
    }
    remove_made_parents(publication);
    df_file_path_dispose(&publication->target);
    free(publication->hidden);
    free(base->place);
    free(publication);
}

static int begin(struct publication *publication, const char *target, struct df_error *error)
{
    if (find_target(publication, target, error) < 0 || make_parents(publication, error) < 0)
        return -1;
    remove_leftovers(publication);
    int made = 0;
    for (unsigned number = 0; made == 0 && number < BEGIN_TRIES; number++)
        made = make_hidden(publication, number, error);
    if (made <= 0)
        return made < 0 ? -1
                        : df_error_set(error, DF_ERROR_CONFLICT, "cannot write beside '%s': no name is free",
                                       publication->target.text);
    struct df_buf place = {0};
    df_file_path_put_uri(&publication->target, df_slice_text(publication->hidden), &place);
    publication->base.place = df_buf_failed(&place) ? NULL : strdup(df_buf_text(&place));
    df_buf_dispose(&place);
    return publication->base.place ? 0 : df_error_no_memory(error, "naming files");
}

int df_file_publication_begin(struct df_store_backend *backend, const char *target, struct df_store_publication **out,
                              struct df_error *error)
{
    struct publication *publication = calloc(1, sizeof *publication);
    if (!publication)
        return df_error_no_memory(error, "naming files");
    publication->base.end = end;
    publication->backend = (struct df_file_backend *)backend;
    publication->fd = -1;
    if (begin(publication, target, error) < 0) {
        end(&publication->base);
        return -1;
    }
    *out = &publication->base;
    return 0;
}

/* ---- publishing ---- */

static int gone(const char *target, const char *name, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CONFLICT,
                        "'%s' cannot be published below '%s': what was written aside has been removed", name, target);
}

static bool has_size(int fd, const char *name, uint64_t size_bytes)
{
    struct stat status;
    return fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
           (uint64_t)status.st_size == size_bytes;
}

/* From their names aside to their own; a call before this one may have done it. */
static int name_files(int fd, const char *target, const struct df_store_token *tokens, size_t count,
                      struct df_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (!tokens[i].aside)
            return df_error_set(error, DF_ERROR_CORRUPT, "the token of an upload is damaged");
        bool aside = has_size(fd, tokens[i].aside, tokens[i].size_bytes);
        if (!aside && !has_size(fd, tokens[i].name, tokens[i].size_bytes))
            return gone(target, tokens[i].name, error);
        if (aside && renameat(fd, tokens[i].aside, fd, tokens[i].name) < 0)
            return df_error_set_errno(error, errno, "cannot write '%s/%s'", target, tokens[i].name);
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct df_store_token *)a)->name, ((const struct df_store_token *)b)->name);
}

/* Those of other attempts. The tokens are sorted. */
static int remove_losers(const char *place, const struct df_store_token *tokens, size_t count, struct df_error *error)
{
    DIR *stream = opendir(place);
    if (!stream)
        return df_error_set_errno(error, errno, "cannot list '%s'", place);
    int result = 0;
    for (const struct dirent *entry; result == 0 && (entry = readdir(stream));) {
        struct df_store_token wanted = {.name = entry->d_name};
        if (is_dots(entry->d_name) || (count && bsearch(&wanted, tokens, count, sizeof *tokens, by_name)))
            continue;
        if (unlinkat(dirfd(stream), entry->d_name, 0) < 0 && errno != ENOENT)
            result = df_error_set_errno(error, errno, "cannot remove '%s/%s'", place, entry->d_name);
    }
    closedir(stream);
    return result;
}

static int move_folder(const char *place, const char *target, struct df_error *error)
{
    if (rename(place, target) == 0)
        return 0;
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
        return df_error_set(error, DF_ERROR_CONFLICT,
                            "'%s' was made by somebody else in the meantime: name another folder", target);
    return df_error_set_errno(error, errno, "cannot make '%s'", target);
}

static bool is_published(const char *target, const struct df_store_token *tokens, size_t count)
{
    int fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool all = fd >= 0 && count > 0;
    for (size_t i = 0; all && i < count; i++)
        all = has_size(fd, tokens[i].name, tokens[i].size_bytes);
    if (fd >= 0)
        close(fd);
    return all;
}

static int publish(const char *place, const char *target, struct df_store_token *tokens, size_t count,
                   struct df_error *error)
{
    int fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return is_published(target, tokens, count) ? 0 : gone(target, count ? tokens[0].name : "", error);
    int result = name_files(fd, target, tokens, count, error);
    close(fd);
    if (result < 0)
        return -1;
    if (count)
        qsort(tokens, count, sizeof *tokens, by_name);
    return remove_losers(place, tokens, count, error) < 0 ? -1 : move_folder(place, target, error);
}

int df_file_publish(struct df_store_backend *backend, const char *place, const char *target,
                    const struct df_slice *tokens, size_t token_count, struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_file_path from = {0}, to = {0};
    struct df_store_token *parsed = df_arena_array(&arena, token_count, sizeof *parsed);
    int result = parsed ? 0 : df_error_no_memory(error, "publishing files");
    (void)backend;
    for (size_t i = 0; result == 0 && i < token_count; i++)
        result = df_store_token_parse(tokens[i], &arena, &parsed[i], error);
    if (result == 0)
        result = df_file_path_parse(&from, place, error);
    if (result == 0)
        result = df_file_path_parse(&to, target, error);
    if (result == 0) {
        cut_slashes(to.text);
        char *real = realpath(to.text, NULL); /* as publication_begin has it: a link cannot be renamed over */
        result = publish(from.text, real ? real : to.text, parsed, token_count, error);
        free(real);
    }
    df_file_path_dispose(&from);
    df_file_path_dispose(&to);
    df_arena_dispose(&arena);
    return result;
}

void df_file_discard(struct df_store_backend *backend, const char *place, struct df_slice text)
{
    struct df_arena arena = {0};
    struct df_store_token token;
    struct df_buf uri = {0};
    struct df_error unheard;
    if (df_store_token_parse(text, &arena, &token, &unheard) == 0 && token.aside) {
        df_uri_join(&uri, place, token.aside);
        if (!df_buf_failed(&uri))
            (void)df_file_remove(backend, df_buf_text(&uri), df_deadline_never(), &unheard);
    }
    df_buf_dispose(&uri);
    df_arena_dispose(&arena);
}
