/* Listing files: one folder at a time is read whole, sorted, and walked in depth.
 *
 * Order: a folder sorts as its name with '/' behind it. All paths below it begin with that, so walking the sorted names
 * in depth gives the byte order of whole paths: "a-b", "a.parquet", "a/x".
 *
 * Which names are kept is one question for folders and patterns alike (glob.h): a folder that fits the whole pattern,
 * or was named itself, has all its files listed by name; others lead on to what may still fit. Memory: the names that
 * were kept in each folder on the way down. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/file.h"
#include "store/glob.h"

/* Deeper trees exist by mistake only (a loop of mounts); the path would soon be too long for the system anyway. */
enum { DEPTH_MAX = 128 };

struct entry {
    size_t name; /* offset in `names`; of a folder with '/' behind the name */
    df_glob_states states;
    bool is_folder;
    bool is_link;
};

/* A folder at a place of the pattern: the pair tells whether a walk has been here. */
struct place {
    dev_t device;
    ino_t inode;
    df_glob_states states;
};

struct folder {
    struct place place;
    size_t path_size; /* of the path of this folder, with '/' behind it */
    struct df_buf names;
    struct df_buf entries; /* struct entry, sorted by name */
    size_t next;
};

struct file_listing {
    struct df_store_listing base;
    struct df_file_path path;
    char *pattern;      /* owned: what `glob` points into */
    char *name_pattern; /* owned; NULL: every name */
    bool recursive;
    bool one_file; /* path itself is the answer, and it was not given yet */
    struct df_glob glob;
    struct df_buf at;     /* path of what is looked at */
    struct df_buf uri;    /* of the object that was given last */
    struct df_buf linked; /* struct place: folders that were entered through a symbolic link */
    size_t depth;
    struct folder folders[DEPTH_MAX];
};

static const struct entry *entries_of(const struct folder *folder, size_t *count)
{
    *count = folder->entries.size / sizeof(struct entry);
    return (const struct entry *)(const void *)folder->entries.data;
}

/* ---- which names are kept ---- */

static bool is_whole(const struct file_listing *listing, df_glob_states states)
{
    return df_glob_accepts(&listing->glob, states);
}

static bool keep_file(const struct file_listing *listing, df_glob_states here, struct df_slice name)
{
    if (!listing->glob.folders_only && is_whole(listing, df_glob_step(&listing->glob, here, name)))
        return true;
    return is_whole(listing, here) && !df_glob_is_hidden(name) &&
           (!listing->name_pattern || df_glob_match_name(df_slice_text(listing->name_pattern), name));
}

/* The states inside a folder; 0: nothing in it can be wanted. */
static df_glob_states enter_folder(const struct file_listing *listing, df_glob_states here, struct df_slice name)
{
    df_glob_states states = df_glob_step(&listing->glob, here, name);
    if (is_whole(listing, here) && listing->recursive && !df_glob_is_hidden(name))
        states |= UINT64_C(1) << listing->glob.count;
    return states;
}

static void keep(const struct file_listing *listing, struct folder *folder, const char *name, bool is_folder,
                 bool is_link)
{
    struct df_slice slice = df_slice_text(name);
    struct entry entry = {.name = folder->names.size, .is_folder = is_folder, .is_link = is_link};
    if (is_folder)
        entry.states = enter_folder(listing, folder->place.states, slice);
    if (is_folder ? entry.states == 0 : !keep_file(listing, folder->place.states, slice))
        return;
    df_buf_put_slice(&folder->names, slice);
    df_buf_put_text(&folder->names, is_folder ? "/" : "");
    df_buf_put_char(&folder->names, '\0');
    df_buf_put(&folder->entries, &entry, sizeof entry);
}

/* A link to nothing is kept as a file: if its name is wanted, leaving it out would leave out data without a word. */
static void keep_by_status(const struct file_listing *listing, struct folder *folder, int fd, const char *name)
{
    struct stat link, target;
    if (fstatat(fd, name, &link, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    bool is_link = S_ISLNK(link.st_mode);
    if (!is_link)
        target = link;
    else if (fstatat(fd, name, &target, 0) < 0)
        target.st_mode = S_IFREG;
    if (S_ISDIR(target.st_mode) || S_ISREG(target.st_mode))
        keep(listing, folder, name, S_ISDIR(target.st_mode), is_link);
}

static void keep_by_type(const struct file_listing *listing, struct folder *folder, int fd, const struct dirent *found)
{
    if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
        return;
    if (found->d_type == DT_REG || found->d_type == DT_DIR)
        keep(listing, folder, found->d_name, found->d_type == DT_DIR, false);
    else if (found->d_type == DT_LNK || found->d_type == DT_UNKNOWN)
        keep_by_status(listing, folder, fd, found->d_name);
}

/* ---- reading a folder ---- */

static int compare_entries(const void *a, const void *b, void *names)
{
    return strcmp((const char *)names + ((const struct entry *)a)->name,
                  (const char *)names + ((const struct entry *)b)->name);
}

/* The only name that can fit next, when the pattern says so: then the folder need not be read (nor be readable). */
static struct df_slice only_name(const struct file_listing *listing, df_glob_states states)
{
    for (unsigned i = 0; i < listing->glob.count; i++)
        if (states == UINT64_C(1) << i && !df_glob_is_pattern(listing->glob.parts[i]))
            return listing->glob.parts[i];
    return df_slice_make(NULL, 0);
}

static int read_only_name(const struct file_listing *listing, struct folder *folder, struct df_slice name,
                          struct df_error *error)
{
    struct df_buf path = {0};
    df_buf_put(&path, listing->at.data, folder->path_size);
    df_buf_put_slice(&path, name);
    char *text = df_slice_strdup(name);
    bool failed = df_buf_failed(&path) || !text;
    struct stat link;
    if (!failed && lstat(df_buf_text(&path), &link) == 0) {
        struct stat target = link;
        bool is_link = S_ISLNK(link.st_mode);
        if (is_link && stat(df_buf_text(&path), &target) < 0)
            target.st_mode = S_IFREG;
        if (S_ISDIR(target.st_mode) || S_ISREG(target.st_mode))
            keep(listing, folder, text, S_ISDIR(target.st_mode), is_link);
    }
    free(text);
    df_buf_dispose(&path);
    return failed ? df_error_no_memory(error, "listing a folder") : 0;
}

static int read_names(const struct file_listing *listing, struct folder *folder, int fd, const char *path,
                      struct df_error *error)
{
    DIR *stream = fdopendir(fd);
    if (!stream) {
        int errno_value = errno;
        close(fd);
        return df_error_set_errno(error, errno_value, "cannot list '%s'", path);
    }
    struct dirent *found;
    for (errno = 0; (found = readdir(stream)); errno = 0)
        keep_by_type(listing, folder, fd, found);
    int result = errno ? df_error_set_errno(error, errno, "cannot list '%s'", path) : 0;
    closedir(stream);
    if (result == 0 && (df_buf_failed(&folder->names) || df_buf_failed(&folder->entries)))
        result = df_error_no_memory(error, "listing a folder");
    return result;
}

static void sort_entries(struct folder *folder)
{
    size_t count;
    entries_of(folder, &count);
    if (count > 1)
        qsort_r(folder->entries.data, count, sizeof(struct entry), compare_entries, folder->names.data);
}

static void leave_folder(struct file_listing *listing)
{
    struct folder *folder = &listing->folders[--listing->depth];
    df_buf_dispose(&folder->names);
    df_buf_dispose(&folder->entries);
}

/* ---- loops ---- */

static bool same_place(const struct place *a, const struct place *b)
{
    return a->device == b->device && a->inode == b->inode && a->states == b->states;
}

/* A folder that is its own ancestor, or that another link has led to, holds nothing new. The second rule keeps folders
 * full of links to each other from being walked in every order. */
static bool was_here(struct file_listing *listing, const struct place *place, bool through_link)
{
    for (size_t i = 0; i < listing->depth; i++)
        if (same_place(&listing->folders[i].place, place))
            return true;
    if (!through_link)
        return false;
    const struct place *linked = (const struct place *)(const void *)listing->linked.data;
    for (size_t i = 0; i < listing->linked.size / sizeof *linked; i++)
        if (same_place(&linked[i], place))
            return true;
    df_buf_put(&listing->linked, place, sizeof *place);
    return false;
}

/* ---- walking ---- */

static const char *path_to_open(struct file_listing *listing)
{
    return listing->at.size == 0 ? "." : df_buf_text(&listing->at);
}

/* Enters the folder at listing->at. One that vanished since its name was read is passed over. */
static int push_folder(struct file_listing *listing, df_glob_states states, bool through_link, struct df_error *error)
{
    const char *path = path_to_open(listing);
    if (listing->depth == DEPTH_MAX)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' lies more than %d folders deep", path, DEPTH_MAX);
    struct stat status;
    if (stat(path, &status) < 0)
        return listing->depth > 0 && errno == ENOENT ? 0 : df_error_set_errno(error, errno, "cannot list '%s'", path);
    struct place place = {.device = status.st_dev, .inode = status.st_ino, .states = states};
    if (was_here(listing, &place, through_link))
        return 0;
    struct folder *folder = &listing->folders[listing->depth];
    *folder = (struct folder){.place = place, .path_size = listing->at.size};
    struct df_slice only = only_name(listing, states);
    int result;
    if (only.size > 0) {
        result = read_only_name(listing, folder, only, error);
    } else {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
            return listing->depth > 0 && errno == ENOENT ? 0
                                                         : df_error_set_errno(error, errno, "cannot list '%s'", path);
        result = read_names(listing, folder, fd, path, error);
    }
    listing->depth++;
    if (result < 0)
        leave_folder(listing);
    else
        sort_entries(folder);
    return result;
}

/* 1 and the object, 0 when it is gone or no file any more. */
static int give_file(struct file_listing *listing, struct df_object *out, struct df_error *error)
{
    const char *path = df_buf_text(&listing->at);
    struct stat status;
    if (stat(path, &status) < 0) {
        int errno_value = errno;
        if (lstat(path, &status) < 0 && errno == ENOENT)
            return 0;
        return df_error_set_errno(error, errno_value, "cannot read '%s'", path);
    }
    if (!S_ISREG(status.st_mode))
        return 0;
    df_buf_clear(&listing->uri);
    df_file_path_put_uri(&listing->path, df_buf_slice(&listing->at), &listing->uri);
    *out = (struct df_object){.uri = df_buf_text(&listing->uri), .size_bytes = (uint64_t)status.st_size};
    if (df_buf_failed(&listing->uri))
        return df_error_no_memory(error, "listing a folder");
    df_file_etag(&status, out->etag);
    return 1;
}

static int listing_next(struct df_store_listing *base, struct df_object *out, struct df_error *error)
{
    struct file_listing *listing = (struct file_listing *)base;
    *out = (struct df_object){0};
    if (listing->one_file) {
        listing->one_file = false;
        return give_file(listing, out, error);
    }
    while (listing->depth > 0) {
        struct folder *folder = &listing->folders[listing->depth - 1];
        size_t count;
        const struct entry *entries = entries_of(folder, &count);
        if (folder->next == count) {
            leave_folder(listing);
            continue;
        }
        const struct entry *entry = &entries[folder->next++];
        listing->at.size = folder->path_size;
        df_buf_put_text(&listing->at, (const char *)folder->names.data + entry->name);
        if (df_buf_failed(&listing->at))
            return df_error_no_memory(error, "listing a folder");
        int result = entry->is_folder ? push_folder(listing, entry->states, entry->is_link, error)
                                      : give_file(listing, out, error);
        if (result != 0)
            return result;
    }
    return 0;
}

static void listing_close(struct df_store_listing *base)
{
    struct file_listing *listing = (struct file_listing *)base;
    while (listing->depth > 0)
        leave_folder(listing);
    df_buf_dispose(&listing->at);
    df_buf_dispose(&listing->uri);
    df_buf_dispose(&listing->linked);
    df_file_path_dispose(&listing->path);
    free(listing->pattern);
    free(listing->name_pattern);
    free(listing);
}

/* ---- opening ---- */

static size_t part_size(const char *text)
{
    return strcspn(text, "/");
}

static bool exists(const struct file_listing *listing, size_t path_size)
{
    struct df_buf path = {0};
    df_buf_put(&path, listing->path.text, path_size);
    struct stat status;
    bool found = !df_buf_failed(&path) && stat(df_buf_text(&path), &status) == 0;
    df_buf_dispose(&path);
    return found;
}

/* How much of the path is no pattern: parts without *, ? and [, and parts that exist as they are written. The path and
 * the pattern have the same parts. */
static void split_pattern(const struct file_listing *listing, size_t *path_size, size_t *pattern_size)
{
    const char *path = listing->path.text, *pattern = listing->pattern;
    size_t path_at = 0, pattern_at = 0;
    while (pattern[pattern_at]) {
        size_t path_part = part_size(path + path_at), pattern_part = part_size(pattern + pattern_at);
        if (df_glob_is_pattern(df_slice_make(pattern + pattern_at, pattern_part)) &&
            !exists(listing, path_at + path_part))
            break;
        path_at += path_part;
        pattern_at += pattern_part;
        for (; pattern[pattern_at] == '/'; pattern_at++)
            path_at++;
    }
    *path_size = path_at;
    *pattern_size = pattern_at;
}

static int open_pattern(struct file_listing *listing, struct df_error *error)
{
    size_t path_size, pattern_size;
    split_pattern(listing, &path_size, &pattern_size);
    if (df_glob_parse(&listing->glob, df_slice_text(listing->pattern + pattern_size), error) < 0)
        return -1;
    df_buf_put(&listing->at, listing->path.text, path_size);
    if (df_buf_failed(&listing->at))
        return df_error_no_memory(error, "listing a folder");
    return push_folder(listing, df_glob_start(&listing->glob), false, error);
}

static int open_folder(struct file_listing *listing, struct df_error *error)
{
    df_buf_put_text(&listing->at, listing->path.text);
    if (listing->at.size > 0 && listing->at.data[listing->at.size - 1] != '/')
        df_buf_put_char(&listing->at, '/');
    if (df_buf_failed(&listing->at))
        return df_error_no_memory(error, "listing a folder");
    return push_folder(listing, df_glob_start(&listing->glob), false, error);
}

static int open_place(struct file_listing *listing, const char *uri, struct df_error *error)
{
    struct stat status;
    if (stat(listing->path.text, &status) < 0) {
        int errno_value = errno;
        bool may_be_pattern = errno_value == ENOENT || errno_value == ENOTDIR || errno_value == ENAMETOOLONG;
        if (may_be_pattern && df_glob_is_pattern(df_slice_text(listing->pattern)))
            return open_pattern(listing, error);
        return df_error_set_errno(error, errno_value, "cannot read '%s'", uri);
    }
    if (S_ISDIR(status.st_mode))
        return open_folder(listing, error);
    df_buf_put_text(&listing->at, listing->path.text);
    listing->one_file = true;
    return df_file_check_regular(&status, uri, error);
}

int df_file_list(struct df_store_backend *backend, const char *uri, const struct df_list_options *options,
                 struct df_store_listing **listing, struct df_error *error)
{
    (void)backend;
    struct file_listing *made = calloc(1, sizeof *made);
    if (!made)
        return df_error_no_memory(error, "listing a folder");
    made->base = (struct df_store_listing){.next = listing_next, .close = listing_close};
    made->recursive = options && options->recursive;
    int result = df_file_path_parse_pattern(&made->path, &made->pattern, uri, error);
    if (result == 0 && options && options->pattern && !(made->name_pattern = strdup(options->pattern)))
        result = df_error_no_memory(error, "listing a folder");
    if (result == 0)
        result = open_place(made, uri, error);
    if (result < 0) {
        listing_close(&made->base);
        return -1;
    }
    *listing = &made->base;
    return 0;
}
