/* What is registered: data sets by name, with their files, columns and schema. Kept in one SQLite file of the data
 * folder (option data.folder), `catalog.sqlite`.
 *
 * Every change is one transaction: a crash in the middle leaves the old state, and two processes take turns (a writer
 * waits up to 10 s for another, then `unavailable`). The catalogue knows nothing of engines: a schema is JSON text to
 * it. Thread: one at a time per handle; any number of handles and processes. */
#ifndef DF_CATALOG_CATALOG_H
#define DF_CATALOG_CATALOG_H

#include "base/arena.h"
#include "base/error.h"

struct df_catalog;

struct df_catalog_file {
    const char *uri;
    uint64_t size_bytes;
};

struct df_catalog_dataset {
    const char *name;         /* 1..DF_CATALOG_NAME_BYTES bytes of UTF-8 without control characters and '/' */
    const char *basepath;     /* as it was registered; of several paths the first */
    const char *pattern;      /* file names, a glob */
    const char *user, *time;  /* column names */
    const char *time_unit;    /* "s" "ms" "us" "ns"; "": as the column's type says */
    const char *groups;       /* "whole" when registration has checked that no user is in two files; otherwise "auto" */
    const char *validation;   /* how it was checked: "SAMPLE", … */
    struct df_slice schema;   /* JSON */
    int64_t registered_at_us; /* since 1970; together with the name the identity of a registration */
    uint64_t total_bytes;
    uint32_t file_count;
    const struct df_catalog_file *files; /* in the order of the data set; NULL from df_catalog_list */
};
enum { DF_CATALOG_NAME_BYTES = 256 };

/* Opens the catalogue of a folder, which is made when it is missing. Fails with denied, exhausted, corrupt (no
 * catalogue of ours), unsupported (written by a newer Dayfly). */
int df_catalog_open(struct df_catalog **catalog, const char *folder, struct df_error *error);
void df_catalog_close(struct df_catalog *catalog); /* NULL is fine */

/* Registers, replacing what had that name; all or nothing. Fails with invalid (a name that is none). */
int df_catalog_put(struct df_catalog *catalog, const struct df_catalog_dataset *dataset, struct df_error *error);

/* Everything of one data set, in the arena. not_found names the nearest name there is. */
int df_catalog_get(struct df_catalog *catalog, const char *name, struct df_arena *arena,
                   struct df_catalog_dataset *dataset, struct df_error *error);

/* All data sets by name (bytes ascending), without files and schema. */
int df_catalog_list(struct df_catalog *catalog, struct df_arena *arena, struct df_catalog_dataset **datasets,
                    size_t *count, struct df_error *error);

/* 1: removed; 0: there was none of that name. */
int df_catalog_remove(struct df_catalog *catalog, const char *name, struct df_error *error);

#endif
