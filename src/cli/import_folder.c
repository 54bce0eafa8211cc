/* The files of an import appear together: nobody ever sees some of them.
 *
 * Local: they are written into a hidden folder beside the target (".NAME.import-PID"), which is then renamed to it: one
 * step of the file system, also over an empty folder that is there. Only where that cannot be (the target is the
 * working directory, or a file system of its own) does the hidden folder lie inside, and the files are moved one by
 * one. Remote: uploads stay open, which keeps them invisible, until all are complete. A killed import leaves at most a
 * hidden folder, or uploads that were never completed; listings show neither. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "cli/import.h"
#include "store/file.h"

enum { UPLOAD_BYTES = 8 * 1024 * 1024 }; /* what an open upload keeps in memory */

struct df_import_folder {
    struct df_import *import;
    char *target;  /* owned: the path, or the URI of a remote one */
    char *aside;   /* owned: hidden folder; NULL: remote */
    bool inside;   /* the hidden folder is in the target */
    bool made_any; /* something is in `aside` */
    uint32_t part_count;
    struct df_store_upload *upload;   /* the one being written */
    struct df_store_upload **pending; /* owned: written, not completed; remote */
};

static void name_part(char name[32], uint32_t part)
{
    snprintf(name, 32, "part-%05" PRIu32 ".parquet", part);
}

static int is_taken(const char *folder, const char *what, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CONFLICT,
                        "'%s' is not empty ('%s'): an import makes a folder of its own; name another one", folder,
                        what);
}

/* ---- where the files go ---- */

static int check_empty(const char *folder, struct df_error *error)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return df_error_set_errno(error, errno, "cannot open '%s'", folder);
    int result = 0;
    for (const struct dirent *entry; result == 0 && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = is_taken(folder, entry->d_name, error);
    closedir(dir);
    return result;
}

/* "a/b" of "a/b//" */
static void cut_slashes(char *path)
{
    for (size_t size = strlen(path); size > 1 && path[size - 1] == '/';)
        path[--size] = '\0';
}

static bool same_place(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* True when a rename cannot replace the folder. */
static bool must_stay(const char *folder)
{
    struct stat here, working, parent;
    char *above = NULL;
    if (asprintf(&above, "%s/..", folder) < 0)
        return true;
    bool known = stat(folder, &here) == 0 && stat(".", &working) == 0 && stat(above, &parent) == 0;
    free(above);
    return !known || same_place(&here, &working) || here.st_dev != parent.st_dev;
}

/* A folder that is there is named by its real path: a link, and "..", cannot be renamed over. */
static int resolve(struct df_import_folder *folder, struct df_error *error)
{
    struct stat status;
    if (stat(folder->target, &status) < 0)
        return errno == ENOENT ? 0 : df_error_set_errno(error, errno, "cannot write to '%s'", folder->target);
    if (!S_ISDIR(status.st_mode))
        return df_error_set(error, DF_ERROR_INVALID, "'%s' is a file: -o names a folder", folder->target);
    if (check_empty(folder->target, error) < 0)
        return -1;
    char *real = realpath(folder->target, NULL);
    if (!real)
        return df_error_set_errno(error, errno, "cannot write to '%s'", folder->target);
    free(folder->target);
    folder->target = real;
    folder->inside = must_stay(real);
    return 0;
}

static int open_local(struct df_import_folder *folder, struct df_error *error)
{
    struct df_file_path path;
    if (df_file_path_parse(&path, folder->import->plan.folder, error) < 0)
        return -1;
    folder->target = strdup(path.text);
    df_file_path_dispose(&path);
    if (!folder->target)
        return df_error_no_memory(error, "naming files");
    cut_slashes(folder->target);
    if (resolve(folder, error) < 0)
        return -1;
    const char *slash = strrchr(folder->target, '/');
    int parent = slash ? (int)(slash - folder->target) + 1 : 0;
    int made = folder->inside ? asprintf(&folder->aside, "%s/.import-%ld", folder->target, (long)getpid())
                              : asprintf(&folder->aside, "%.*s.%s.import-%ld", parent, folder->target,
                                         folder->target + parent, (long)getpid());
    if (made < 0)
        folder->aside = NULL;
    return made < 0 ? df_error_no_memory(error, "naming files") : 0;
}

static int check_memory(const struct df_import *import, struct df_error *error)
{
    int64_t most = (int64_t)(import->plan.memory_bytes / 2 / UPLOAD_BYTES);
    if (import->plan.parts <= most)
        return 0;
    return df_error_set(error, DF_ERROR_EXHAUSTED,
                        "%" PRId64 " parts that appear together in '%s' need %" PRId64
                        " MiB for uploads, half of the memory allowed is less: use fewer --parts or more --memory",
                        import->plan.parts, import->plan.folder, import->plan.parts * (UPLOAD_BYTES >> 20));
}

static int open_remote(struct df_import_folder *folder, struct df_error *error)
{
    struct df_import *import = folder->import;
    struct df_list_options options = {.recursive = true, .cancelled = import->interrupted};
    struct df_store_listing *listing;
    struct df_object object;
    struct df_error missing = {0};
    folder->target = strdup(import->plan.folder);
    folder->pending = calloc((size_t)import->plan.parts, sizeof *folder->pending);
    if (!folder->target || !folder->pending)
        return df_error_no_memory(error, "naming files");
    if (check_memory(import, error) < 0)
        return -1;
    if (df_store_list_open(import->store, folder->target, &options, &listing, &missing) < 0) {
        if (missing.kind == DF_ERROR_NOT_FOUND)
            return 0;
        *error = missing;
        return -1;
    }
    int more = df_store_list_next(listing, &object, error);
    if (more > 0)
        more = is_taken(folder->target, object.uri, error);
    df_store_list_close(listing);
    return more;
}

static bool is_remote(const char *uri)
{
    return strstr(uri, "://") && strncmp(uri, "file://", 7) != 0;
}

int df_import_folder_open(struct df_import *import, struct df_import_folder **folder, struct df_error *error)
{
    struct df_import_folder *made = calloc(1, sizeof *made);
    *folder = NULL;
    if (!made)
        return df_error_no_memory(error, "naming files");
    made->import = import;
    if ((is_remote(import->plan.folder) ? open_remote(made, error) : open_local(made, error)) < 0) {
        df_import_folder_abandon(made);
        return -1;
    }
    *folder = made;
    return 0;
}

/* ---- one file ---- */

int df_import_folder_begin(struct df_import_folder *folder, uint32_t part, struct df_error *error)
{
    struct df_buf uri = {0};
    char name[32];
    name_part(name, part);
    df_uri_join(&uri, folder->aside ? folder->aside : folder->target, name);
    folder->made_any = true;
    int result = df_buf_failed(&uri)
                     ? df_error_no_memory(error, "naming files")
                     : df_store_upload_open(folder->import->store, df_buf_text(&uri), &folder->upload, error);
    df_buf_dispose(&uri);
    return result;
}

int df_import_folder_write(struct df_import_folder *folder, struct df_slice piece, struct df_error *error)
{
    return df_store_upload_write(folder->upload, piece, error);
}

int df_import_folder_end(struct df_import_folder *folder, struct df_error *error)
{
    struct df_store_upload *upload = folder->upload;
    folder->upload = NULL;
    folder->part_count++;
    if (folder->aside)
        return df_store_upload_commit(upload, error);
    folder->pending[folder->part_count - 1] = upload;
    return 0;
}

/* ---- all of them ---- */

static int move_files(struct df_import_folder *folder, struct df_error *error)
{
    char name[32], *from = NULL, *to = NULL;
    for (uint32_t part = 0; part < folder->part_count; part++) {
        name_part(name, part);
        if (asprintf(&from, "%s/%s", folder->aside, name) < 0)
            return df_error_no_memory(error, "naming files");
        if (asprintf(&to, "%s/%s", folder->target, name) < 0) {
            free(from);
            return df_error_no_memory(error, "naming files");
        }
        int failed = rename(from, to) < 0 ? errno : 0;
        free(from);
        free(to);
        if (failed)
            return df_error_set_errno(error, failed, "cannot write '%s/%s'", folder->target, name);
    }
    (void)rmdir(folder->aside);
    return 0;
}

static int publish_local(struct df_import_folder *folder, struct df_error *error)
{
    if (folder->inside)
        return move_files(folder, error);
    if (rename(folder->aside, folder->target) == 0)
        return 0;
    if (errno == ENOTEMPTY || errno == EEXIST)
        return df_error_set(error, DF_ERROR_CONFLICT,
                            "'%s' was filled by somebody else in the meantime: name another folder", folder->target);
    return df_error_set_errno(error, errno, "cannot make '%s'", folder->target);
}

static void remove_completed(struct df_import_folder *folder, uint32_t count)
{
    struct df_buf uri = {0};
    char name[32];
    for (uint32_t part = 0; part < count; part++) {
        name_part(name, part);
        df_buf_clear(&uri);
        df_uri_join(&uri, folder->target, name);
        df_store_remove(folder->import->store, df_buf_text(&uri), df_deadline_never(), NULL);
    }
    df_buf_dispose(&uri);
}

static int publish_remote(struct df_import_folder *folder, struct df_error *error)
{
    for (uint32_t part = 0; part < folder->part_count; part++) {
        struct df_store_upload *upload = folder->pending[part];
        folder->pending[part] = NULL;
        if (df_store_upload_commit(upload, error) == 0)
            continue;
        remove_completed(folder, part);
        return -1;
    }
    return 0;
}

int df_import_folder_publish(struct df_import_folder *folder, struct df_error *error)
{
    int result = folder->aside ? publish_local(folder, error) : publish_remote(folder, error);
    if (result == 0)
        folder->made_any = false;
    df_import_folder_abandon(folder);
    return result;
}

static void remove_aside(struct df_import_folder *folder)
{
    struct df_buf prefix = {0};
    df_uri_join(&prefix, folder->aside, "");
    if (!df_buf_failed(&prefix))
        df_store_remove_prefix(folder->import->store, df_buf_text(&prefix), df_deadline_never(), NULL);
    df_buf_dispose(&prefix);
    (void)rmdir(folder->aside);
}

void df_import_folder_abandon(struct df_import_folder *folder)
{
    if (!folder)
        return;
    df_store_upload_abort(folder->upload);
    for (uint32_t part = 0; folder->pending && part < folder->part_count; part++)
        df_store_upload_abort(folder->pending[part]);
    if (folder->aside && folder->made_any)
        remove_aside(folder);
    free(folder->pending);
    free(folder->target);
    free(folder->aside);
    free(folder);
}
