/* The catalogue in SQLite.
 *
 *     datasets   name (key) | registered_at_us | basepath pattern user time … | schema | total_bytes
 *     files      dataset, position (key) | uri | size_bytes
 *
 * The version of this layout is the file's user_version. */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/config.h"
#include "catalog/catalog.h"

enum { LAYOUT_VERSION = 1, BUSY_TIMEOUT_MS = 10000 };

struct df_catalog {
    sqlite3 *db;
    char *path; /* for messages */
};

static const char layout[] = "CREATE TABLE IF NOT EXISTS datasets ("
                             " name TEXT PRIMARY KEY, registered_at_us INTEGER NOT NULL, basepath TEXT NOT NULL,"
                             " pattern TEXT NOT NULL, user_column TEXT NOT NULL, time_column TEXT NOT NULL,"
                             " time_unit TEXT NOT NULL, groups TEXT NOT NULL, validation TEXT NOT NULL,"
                             " schema TEXT NOT NULL, total_bytes INTEGER NOT NULL, file_count INTEGER NOT NULL);"
                             "CREATE TABLE IF NOT EXISTS files ("
                             " dataset TEXT NOT NULL, position INTEGER NOT NULL, uri TEXT NOT NULL,"
                             " size_bytes INTEGER NOT NULL, PRIMARY KEY (dataset, position)) WITHOUT ROWID;";

#define DATASET_COLUMNS                                                                                                \
    "name, registered_at_us, basepath, pattern, user_column, time_column, time_unit, groups, validation, "             \
    "total_bytes, "                                                                                                    \
    "file_count"

/* ---- errors ---- */

static int failed(const struct df_catalog *catalog, const char *doing, struct df_error *error)
{
    int code = sqlite3_errcode(catalog->db);
    switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return df_error_set(error, DF_ERROR_UNAVAILABLE, "%s: %s took longer than %d s: another process is writing it",
                            catalog->path, doing, BUSY_TIMEOUT_MS / 1000);
    case SQLITE_NOMEM:
        return df_error_no_memory(error, doing);
    case SQLITE_FULL:
        return df_error_set(error, DF_ERROR_EXHAUSTED, "%s: %s: the disk is full", catalog->path, doing);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
        return df_error_set(error, DF_ERROR_DENIED, "%s: %s: %s; choose another folder with --data", catalog->path,
                            doing, sqlite3_errmsg(catalog->db));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return df_error_set(error, DF_ERROR_CORRUPT,
                            "%s is no catalogue of Dayfly: %s; move it away or choose "
                            "another folder with --data",
                            catalog->path, sqlite3_errmsg(catalog->db));
    default:
        return df_error_set(error, DF_ERROR_INTERNAL, "%s: %s: %s", catalog->path, doing, sqlite3_errmsg(catalog->db));
    }
}

static int execute(struct df_catalog *catalog, const char *sql, const char *doing, struct df_error *error)
{
    return sqlite3_exec(catalog->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(catalog, doing, error);
}

static int prepare(struct df_catalog *catalog, const char *sql, sqlite3_stmt **statement, struct df_error *error)
{
    if (sqlite3_prepare_v2(catalog->db, sql, -1, statement, NULL) == SQLITE_OK)
        return 0;
    return failed(catalog, "reading the catalogue", error);
}

/* ---- opening ---- */

static int make_folder(const char *folder, struct df_error *error)
{
    char *path = strdup(folder);
    if (!path)
        return df_error_no_memory(error, "opening the catalogue");
    int result = 0;
    for (char *at = path + 1; result == 0; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            result = df_error_set_errno(error, errno, "cannot make the folder of the catalogue, '%s'", path);
        *at = kept;
        if (kept == '\0')
            break;
    }
    free(path);
    return result;
}

static int read_version(struct df_catalog *catalog, int *version, struct df_error *error)
{
    sqlite3_stmt *statement;
    if (prepare(catalog, "PRAGMA user_version", &statement, error) < 0)
        return -1;
    int result = sqlite3_step(statement) == SQLITE_ROW ? 0 : failed(catalog, "reading the catalogue", error);
    if (result == 0)
        *version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return result;
}

/* Of two processes that find no catalogue, one makes it while the other waits for the transaction. */
static int make_layout(struct df_catalog *catalog, struct df_error *error)
{
    int version = 0;
    if (read_version(catalog, &version, error) < 0)
        return -1;
    if (version > LAYOUT_VERSION)
        return df_error_set(error, DF_ERROR_UNSUPPORTED,
                            "%s has layout %d, this program knows %d: it was written by a newer Dayfly; use that one, "
                            "or another folder with --data",
                            catalog->path, version, LAYOUT_VERSION);
    if (version == LAYOUT_VERSION)
        return 0;
    if (execute(catalog, "BEGIN IMMEDIATE", "making the catalogue", error) < 0)
        return -1;
    if (execute(catalog, layout, "making the catalogue", error) == 0 &&
        execute(catalog, "PRAGMA user_version = 1", "making the catalogue", error) == 0 &&
        execute(catalog, "COMMIT", "making the catalogue", error) == 0)
        return 0;
    sqlite3_exec(catalog->db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

int df_catalog_open(struct df_catalog **out, const char *folder, struct df_error *error)
{
    struct df_buf path = {0};
    *out = NULL;
    if (make_folder(folder, error) < 0)
        return -1;
    df_buf_printf(&path, "%s/catalog.sqlite", folder);
    struct df_catalog *catalog = calloc(1, sizeof *catalog);
    if (catalog)
        catalog->path = strdup(df_buf_text(&path));
    bool failed_early = df_buf_failed(&path) || !catalog || !catalog->path;
    df_buf_dispose(&path);
    if (failed_early) {
        df_catalog_close(catalog);
        return df_error_no_memory(error, "opening the catalogue");
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    if (sqlite3_open_v2(catalog->path, &catalog->db, flags, NULL) != SQLITE_OK) {
        int result =
            catalog->db ? failed(catalog, "opening it", error) : df_error_no_memory(error, "opening the catalogue");
        df_catalog_close(catalog);
        return result;
    }
    sqlite3_busy_timeout(catalog->db, BUSY_TIMEOUT_MS);
    /* The journal is the rollback one, not WAL: the folder may lie on a network file system. FULL: what was confirmed
     * is there after a power cut. */
    if (execute(catalog, "PRAGMA synchronous = FULL", "opening it", error) < 0 || make_layout(catalog, error) < 0) {
        df_catalog_close(catalog);
        return -1;
    }
    *out = catalog;
    return 0;
}

void df_catalog_close(struct df_catalog *catalog)
{
    if (!catalog)
        return;
    sqlite3_close(catalog->db);
    free(catalog->path);
    free(catalog);
}

/* ---- writing ---- */

static int check_name(const char *name, struct df_error *error)
{
    size_t size = strlen(name);
    if (size == 0 || size > DF_CATALOG_NAME_BYTES)
        return df_error_set(error, DF_ERROR_INVALID, "the name of a data set has 1 to %d bytes, found %zu",
                            DF_CATALOG_NAME_BYTES, size);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7F || name[i] == '/')
            return df_error_set(
                error, DF_ERROR_INVALID,
                "the name of a data set is a word without '/' and control characters, found byte 0x%02X "
                "at position %zu",
                (unsigned char)name[i], i);
    return 0;
}

static int step_once(struct df_catalog *catalog, sqlite3_stmt *statement, struct df_error *error)
{
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE || code == SQLITE_ROW ? 0 : failed(catalog, "writing the catalogue", error);
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text ? text : "", -1, SQLITE_STATIC);
}

static int put_head(struct df_catalog *catalog, const struct df_catalog_dataset *dataset, struct df_error *error)
{
    sqlite3_stmt *statement;
    if (prepare(catalog,
                "INSERT OR REPLACE INTO datasets (" DATASET_COLUMNS ", schema) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                &statement, error) < 0)
        return -1;
    bind_text(statement, 1, dataset->name);
    sqlite3_bind_int64(statement, 2, dataset->registered_at_us);
    const char *const texts[] = {dataset->basepath,  dataset->pattern, dataset->user,      dataset->time,
                                 dataset->time_unit, dataset->groups,  dataset->validation};
    for (int i = 0; i < 7; i++)
        bind_text(statement, 3 + i, texts[i]);
    sqlite3_bind_int64(statement, 10, (sqlite3_int64)dataset->total_bytes);
    sqlite3_bind_int64(statement, 11, dataset->file_count);
    sqlite3_bind_text64(statement, 12, dataset->schema.data ? (const char *)dataset->schema.data : "",
                        dataset->schema.size, SQLITE_STATIC, SQLITE_UTF8);
    int result = step_once(catalog, statement, error);
    sqlite3_finalize(statement);
    return result;
}

static int remove_files(struct df_catalog *catalog, const char *name, struct df_error *error)
{
    sqlite3_stmt *statement;
    if (prepare(catalog, "DELETE FROM files WHERE dataset = ?", &statement, error) < 0)
        return -1;
    bind_text(statement, 1, name);
    int result = step_once(catalog, statement, error);
    sqlite3_finalize(statement);
    return result;
}

static int put_files(struct df_catalog *catalog, const struct df_catalog_dataset *dataset, struct df_error *error)
{
    sqlite3_stmt *statement;
    if (prepare(catalog, "INSERT INTO files (dataset, position, uri, size_bytes) VALUES (?,?,?,?)", &statement, error) <
        0)
        return -1;
    int result = 0;
    bind_text(statement, 1, dataset->name);
    for (uint32_t i = 0; result == 0 && i < dataset->file_count; i++) {
        sqlite3_bind_int64(statement, 2, i);
        bind_text(statement, 3, dataset->files[i].uri);
        sqlite3_bind_int64(statement, 4, (sqlite3_int64)dataset->files[i].size_bytes);
        result = step_once(catalog, statement, error);
    }
    sqlite3_finalize(statement);
    return result;
}

int df_catalog_put(struct df_catalog *catalog, const struct df_catalog_dataset *dataset, struct df_error *error)
{
    if (check_name(dataset->name, error) < 0 || execute(catalog, "BEGIN IMMEDIATE", "registering", error) < 0)
        return -1;
    if (remove_files(catalog, dataset->name, error) == 0 && put_head(catalog, dataset, error) == 0 &&
        put_files(catalog, dataset, error) == 0 && execute(catalog, "COMMIT", "registering", error) == 0)
        return 0;
    sqlite3_exec(catalog->db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

int df_catalog_remove(struct df_catalog *catalog, const char *name, struct df_error *error)
{
    sqlite3_stmt *statement;
    if (execute(catalog, "BEGIN IMMEDIATE", "removing", error) < 0)
        return -1;
    int result = prepare(catalog, "DELETE FROM datasets WHERE name = ?", &statement, error), found = 0;
    if (result == 0) {
        bind_text(statement, 1, name);
        result = step_once(catalog, statement, error);
        found = sqlite3_changes(catalog->db) > 0;
        sqlite3_finalize(statement);
    }
    if (result == 0 && remove_files(catalog, name, error) == 0 && execute(catalog, "COMMIT", "removing", error) == 0)
        return found;
    sqlite3_exec(catalog->db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

/* ---- reading ---- */

static const char *text_at(sqlite3_stmt *statement, int at, struct df_arena *arena)
{
    const unsigned char *text = sqlite3_column_text(statement, at);
    int size = sqlite3_column_bytes(statement, at);
    return df_arena_text(arena, df_slice_make(text, text ? (size_t)size : 0));
}

static int take_head(sqlite3_stmt *statement, struct df_arena *arena, struct df_catalog_dataset *dataset,
                     struct df_error *error)
{
    const char *texts[7];
    *dataset = (struct df_catalog_dataset){.name = text_at(statement, 0, arena),
                                           .registered_at_us = sqlite3_column_int64(statement, 1),
                                           .total_bytes = (uint64_t)sqlite3_column_int64(statement, 9),
                                           .file_count = (uint32_t)sqlite3_column_int64(statement, 10)};
    bool complete = dataset->name;
    for (int i = 0; i < 7; i++) {
        texts[i] = text_at(statement, 2 + i, arena);
        complete = complete && texts[i];
    }
    if (!complete)
        return df_error_no_memory(error, "reading the catalogue");
    dataset->basepath = texts[0];
    dataset->pattern = texts[1];
    dataset->user = texts[2];
    dataset->time = texts[3];
    dataset->time_unit = texts[4];
    dataset->groups = texts[5];
    dataset->validation = texts[6];
    return 0;
}

static int no_dataset(struct df_catalog *catalog, const char *name, struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_catalog_dataset *all;
    size_t count;
    if (df_catalog_list(catalog, &arena, &all, &count, error) < 0) {
        df_arena_dispose(&arena);
        return -1;
    }
    const char **names = df_arena_array(&arena, count + 1, sizeof *names);
    for (size_t i = 0; names && i < count; i++)
        names[i] = all[i].name;
    const char *near = names ? df_nearest_name(name, names, count) : NULL;
    df_error_set(error, DF_ERROR_NOT_FOUND, "Dataset %s not found%s%s%s; `dayfly datasets list` shows all %zu", name,
                 near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", count);
    df_arena_dispose(&arena);
    return -1;
}

static int take_files(struct df_catalog *catalog, struct df_arena *arena, struct df_catalog_dataset *dataset,
                      struct df_error *error)
{
    sqlite3_stmt *statement;
    struct df_catalog_file *files = df_arena_array(arena, dataset->file_count + (size_t)1, sizeof *files);
    if (!files)
        return df_error_no_memory(error, "reading the catalogue");
    if (prepare(catalog, "SELECT uri, size_bytes FROM files WHERE dataset = ? ORDER BY position", &statement, error) <
        0)
        return -1;
    bind_text(statement, 1, dataset->name);
    uint32_t count = 0;
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW && count < dataset->file_count) {
        files[count] = (struct df_catalog_file){.uri = text_at(statement, 0, arena),
                                                .size_bytes = (uint64_t)sqlite3_column_int64(statement, 1)};
        if (!files[count++].uri)
            break;
    }
    int result = code == SQLITE_DONE && count == dataset->file_count ? 0 : -1;
    if (result < 0 && code == SQLITE_ROW)
        df_error_set(error, DF_ERROR_CORRUPT, "%s: the files of data set '%s' are not %u, as it says", catalog->path,
                     dataset->name, dataset->file_count);
    else if (result < 0)
        failed(catalog, "reading the catalogue", error);
    sqlite3_finalize(statement);
    dataset->files = files;
    return result;
}

static int take_schema(sqlite3_stmt *statement, struct df_arena *arena, struct df_catalog_dataset *dataset,
                       struct df_error *error)
{
    const char *schema = text_at(statement, 11, arena);
    if (!schema)
        return df_error_no_memory(error, "reading the catalogue");
    dataset->schema = df_slice_text(schema);
    return 0;
}

/* Head and files are read in one transaction: a registration in between cannot mix the two. */
int df_catalog_get(struct df_catalog *catalog, const char *name, struct df_arena *arena,
                   struct df_catalog_dataset *dataset, struct df_error *error)
{
    sqlite3_stmt *statement;
    if (execute(catalog, "BEGIN", "reading the catalogue", error) < 0)
        return -1;
    int result = prepare(catalog, "SELECT " DATASET_COLUMNS ", schema FROM datasets WHERE name = ?", &statement, error);
    if (result == 0) {
        bind_text(statement, 1, name);
        int code = sqlite3_step(statement);
        if (code == SQLITE_DONE)
            result = no_dataset(catalog, name, error);
        else if (code != SQLITE_ROW)
            result = failed(catalog, "reading the catalogue", error);
        else if (take_head(statement, arena, dataset, error) < 0 || take_schema(statement, arena, dataset, error) < 0)
            result = -1;
        sqlite3_finalize(statement);
    }
    if (result == 0)
        result = take_files(catalog, arena, dataset, error);
    sqlite3_exec(catalog->db, "COMMIT", NULL, NULL, NULL);
    return result;
}

static int take_all(struct df_catalog *catalog, sqlite3_stmt *statement, struct df_arena *arena,
                    struct df_catalog_dataset **datasets, size_t *count, struct df_error *error)
{
    size_t capacity = 16;
    int code;
    *count = 0;
    *datasets = df_arena_array(arena, capacity, sizeof **datasets);
    while (*datasets && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (*count == capacity) {
            struct df_catalog_dataset *more = df_arena_array(arena, capacity * 2, sizeof *more);
            if (!more)
                return df_error_no_memory(error, "reading the catalogue");
            memcpy(more, *datasets, capacity * sizeof *more);
            *datasets = more;
            capacity *= 2;
        }
        if (take_head(statement, arena, &(*datasets)[(*count)++], error) < 0)
            return -1;
    }
    if (!*datasets)
        return df_error_no_memory(error, "reading the catalogue");
    return code == SQLITE_DONE ? 0 : failed(catalog, "reading the catalogue", error);
}

int df_catalog_list(struct df_catalog *catalog, struct df_arena *arena, struct df_catalog_dataset **datasets,
                    size_t *count, struct df_error *error)
{
    sqlite3_stmt *statement;
    *datasets = NULL;
    *count = 0;
    if (prepare(catalog, "SELECT " DATASET_COLUMNS " FROM datasets ORDER BY name", &statement, error) < 0)
        return -1;
    int result = take_all(catalog, statement, arena, datasets, count, error);
    sqlite3_finalize(statement);
    return result;
}
