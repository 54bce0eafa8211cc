/* A file's columns, as a request needs them: found by name, in the file or among the directories of its path, checked,
 * each read once. Errors name the file, the place in the request, and a way out. */
#ifndef DF_ENGINE_FUNNEL_ROWS_COLUMNS_H
#define DF_ENGINE_FUNNEL_ROWS_COLUMNS_H

#include "engine/funnel/filter/filter.h"
#include "engine/funnel/language/request.h"
#include "engine/funnel/rows/keys.h"
#include "format/parquet/parquet.h"

/* ---- directories as columns ---- */

/* A `key=value` directory of a file's path. The name is percent-decoded; __HIVE_DEFAULT_PARTITION__ is null. */
struct df_funnel_directory {
    const char *name;
    struct df_slice value; /* percent-decoded; data NULL: null */
    bool integer;          /* the value is one in canonical form ("7", "-3", not "07") that fits an int64; or null */
};
enum { DF_FUNNEL_DIRECTORIES_MAX = 64 };
struct df_funnel_directories {
    struct df_funnel_directory items[DF_FUNNEL_DIRECTORIES_MAX];
    uint32_t count;
};
/* Of a URI, outermost first; of two with one name the inner one counts. Strings live in the arena. */
int df_funnel_directories_parse(const char *uri, struct df_arena *arena, struct df_funnel_directories *directories,
                                struct df_error *error);
/* The value of a canonical integer; false when it is none. */
bool df_funnel_directory_integer(struct df_slice text, int64_t *out);

/* ---- what the numbers of the time column are ---- */

enum df_funnel_time_kind { DF_FUNNEL_TIME_INT64, DF_FUNNEL_TIME_UINT64, DF_FUNNEL_TIME_FLOAT, DF_FUNNEL_TIME_KINDS };
struct df_funnel_time {
    enum df_funnel_time_kind kind; /* UINT64: batches have the highest bit turned, so that int64 compares rightly.
                                      FLOAT: seconds, rounded to microseconds in batches */
    bool scale_known;              /* false for plain integers: dataset.timestampUnit, or a guess of the coordinator */
    enum df_funnel_scale scale;
};
/* "a timestamp in ms", "an integer" */
const char *df_funnel_time_text(const struct df_funnel_time *time);

/* ---- of one file ---- */

struct df_funnel_value_column {
    struct df_type type;
    uint32_t vector; /* position in `columns`; DF_FUNNEL_FILTER_FIXED: `fixed`, of a directory */
    struct df_parquet_value fixed;
    bool fixed_null;
};

struct df_funnel_columns {
    enum df_funnel_key_kind kind;
    struct df_type user_type;
    struct df_funnel_time time;
    uint32_t
        *columns; /* owned; distinct leaf columns of the file: those of the first reading, then those of the second */
    uint32_t column_count;
    uint32_t facts_count;      /* how many of them the first reading wants */
    uint32_t user_at, time_at; /* positions in `columns` */
    bool unusable; /* after a failure: user or time are not there, or cannot be one; else it is the request's */
    struct df_funnel_filter_column *leaves; /* owned; per leaf of the request, `vector` a position in `columns` */
    struct df_funnel_value_column *values;  /* owned; per column of the request */
};

struct df_funnel_columns_find {
    const struct df_parquet_file *file;
    const char *uri; /* for messages */
    const struct df_funnel_request *request;
    const struct df_funnel_directories *directories;
    /* Directory columns that are strings although this file's value looks like an integer, because another file's does
     * not: the coordinator has seen all of them. */
    const char *const *string_directories;
    uint32_t string_directory_count;
};

/* Fails with invalid (unknown column with the nearest name, a type that does not serve: "Column 'x' not in dataset"
 * stands in the message as the original has it), unsupported (a feature of the file). */
int df_funnel_columns_find(struct df_funnel_columns *columns, const struct df_funnel_columns_find *find,
                           struct df_error *error);
void df_funnel_columns_dispose(struct df_funnel_columns *columns);

#endif
