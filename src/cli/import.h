/* dayfly import: tables as text into Parquet files in which each user is whole.
 *
 *     inputs  ->  pass 1: types  ->  pass 2: rows as records  ->  sorter  ->  output
 *     import_inputs  import_scan      import_record               import_sort  import_output, import_folder
 *
 * Inputs are read twice, because a type is known only when the last row is. Records are sorted by (part, user, time,
 * place in the input), in memory as long as there is room, else by sorted runs in the temporary folder which are
 * merged: so the parts come one after the other, each sorted. Thread: the main one. */
#ifndef DF_CLI_IMPORT_H
#define DF_CLI_IMPORT_H

#include "cli/cli.h"
#include "cli/import_key.h"
#include "format/text/names.h"
#include "format/text/value.h"
#include "store/store.h"
#include "worker/spill.h"

enum df_import_bad { DF_IMPORT_BAD_FAIL, DF_IMPORT_BAD_SKIP, DF_IMPORT_BAD_FILE };

/* What was asked for, and how memory is shared out. */
struct df_import_plan {
    const char *const *operands;
    size_t operand_count;
    const char *folder, *user, *time; /* user and time NULL: to be guessed */
    int64_t parts;                    /* 0: by the size of the input */
    const char *format;               /* NULL: by name or content */
    char delimiter;                   /* 0: of the format */
    bool no_header, trim;
    enum df_text_day_order order; /* of dates; ANY: as the column says */
    const char **nulls;           /* owned */
    size_t null_count;
    const struct df_cli_arguments *arguments; /* for --type */
    enum df_import_bad bad;
    const char *bad_file;
    const char *temporary_folder;
    size_t memory_bytes;
};

struct df_import_input {
    char *name; /* owned: the URI, or what stands for a spooled one */
    char etag[DF_ETAG_BYTES];
    uint64_t size_bytes;
    struct df_spill *spool; /* owned: standard input, a pipe; NULL: in the store */
    uint64_t spool_offset;
    enum df_text_format format;
    char delimiter;
};

/* Where some kind of cell was met first. */
struct df_import_met {
    uint32_t input; /* index + 1; 0: not met */
    char text[28];  /* of the cell, cut between characters */
    struct df_text_place place;
};

struct df_import_column {
    const char *name;
    struct df_text_column seen;
    const char *forced; /* type of --type, NULL: inferred */
    struct df_type type;
    enum df_text_day_order order;
    struct df_import_met first[DF_TEXT_CLASSES];
    struct df_import_met first_of_order[3]; /* by df_text_day_order; ANY: an ambiguous one */
    uint64_t counts[DF_TEXT_CLASSES];
};

struct df_import {
    struct df_cli *cli;
    struct df_import_plan plan;
    struct df_store *store;
    const atomic_bool *interrupted;
    struct df_progress progress;
    struct df_progress_line line;

    struct df_import_input *inputs; /* owned */
    size_t input_count;

    struct df_text_names names;       /* of the columns of all inputs */
    struct df_import_column *columns; /* owned; names.count */
    uint32_t column_capacity;
    uint32_t user, time; /* indexes; time UINT32_MAX: none */
    uint64_t row_count, row_bytes, bad_count, userless_count;
    uint64_t *part_rows; /* owned; of each part, after pass 2 */
    uint64_t digest;     /* of all records in the order of the input: tells one import from another */
    struct df_store_upload *bad_upload;
};

/* ---- import_inputs.c ---- */

/* What the operands mean. not_found when there is nothing to read. */
int df_import_find_inputs(struct df_import *import, struct df_error *error);
void df_import_inputs_dispose(struct df_import *import);
/* Pieces in which all inputs are read: the parts of the progress of a pass. */
uint64_t df_import_chunk_count(const struct df_import *import);
/* A reader of one input from its first byte; both are closed by df_import_close_input. */
struct df_import_reading;
int df_import_open_input(struct df_import *import, size_t index, struct df_import_reading **reading,
                         struct df_text_reader **reader, struct df_error *error);
void df_import_close_input(struct df_import_reading *reading, struct df_text_reader *reader);

/* ---- import_scan.c ---- */

/* Pass 1: columns and their types, counts, the user and the time; bad rows go where they should. */
int df_import_scan(struct df_import *import, struct df_error *error);
/* The columns of the reader as columns of the import: map[i], grown and filled as far as the reader knows them. */
struct df_import_map {
    uint32_t *columns; /* owned */
    uint32_t count, capacity;
};
int df_import_map(struct df_import *import, const struct df_text_reader *reader, struct df_import_map *map,
                  struct df_error *error);
/* True when the cell contradicts the type that --type gives its column. */
bool df_import_contradicts(const struct df_import *import, const struct df_import_column *column,
                           const struct df_text_cell *cell);
int df_import_interrupted(const struct df_import *import, struct df_error *error); /* -1 when it is */

/* ---- import_columns.c ---- */

/* Once all is seen: the types, which column is the user, which the time. */
int df_import_settle_columns(struct df_import *import, struct df_error *error);
/* -1 when a column of --user, --time or --type is not there. */
int df_import_check_named(struct df_import *import, struct df_error *error);

/* ---- import_mixed.c ---- */

/* Says of columns that are strings though most of their values are something else which value made them so, and where
 * it stands. */
void df_import_tell_mixed(const struct df_import *import);
/* The failure of a column whose dates are asked for and could be read in two ways. */
int df_import_two_ways(const struct df_import *import, const struct df_import_column *column, struct df_error *error);

/* ---- import_sort.c ---- */

struct df_import_sorter;
int df_import_sorter_open(struct df_import_sorter **sorter, const struct df_import *import, struct df_error *error);
int df_import_sorter_add(struct df_import_sorter *sorter, const struct df_import_record *record,
                         struct df_error *error);
int df_import_sorter_finish(struct df_import_sorter *sorter, struct df_error *error); /* nothing is added behind it */
/* 1 and a record, valid until the next call; 0: the end; -1. */
int df_import_sorter_next(struct df_import_sorter *sorter, struct df_import_record *record, struct df_error *error);
void df_import_sorter_close(struct df_import_sorter *sorter);

/* ---- import_record.c ---- */

/* Pass 2: all rows but the bad ones into the sorter. */
int df_import_sort_rows(struct df_import *import, struct df_import_sorter *sorter, struct df_error *error);
/* Values as records have them: a bit per column (1: not null), then the values of those. */
struct df_import_values {
    struct df_cursor cursor;
    const uint8_t *valid;
    uint32_t column;
};
void df_import_values_begin(const struct df_import *import, const struct df_import_record *record,
                            struct df_import_values *values);
/* The value of the next column, of all columns in order. */
void df_import_values_next(const struct df_import *import, const struct df_import_record *record,
                           struct df_import_values *values, struct df_text_stored *stored);

/* ---- import_folder.c: the files of one import appear together or not at all ---- */

struct df_import_folder;
/* Fails with conflict when there is something already. */
int df_import_folder_open(struct df_import *import, struct df_import_folder **folder, struct df_error *error);
int df_import_folder_begin(struct df_import_folder *folder, uint32_t part, struct df_error *error);
int df_import_folder_write(struct df_import_folder *folder, struct df_slice piece, struct df_error *error);
int df_import_folder_end(struct df_import_folder *folder, struct df_error *error);
int df_import_folder_publish(struct df_import_folder *folder, struct df_error *error); /* frees it in any case */
void df_import_folder_abandon(struct df_import_folder *folder);                        /* frees it; NULL is fine */

/* ---- import_output.c ---- */

int df_import_write(struct df_import *import, struct df_import_sorter *sorter, struct df_import_folder *folder,
                    struct df_error *error);

#endif
