/* The request of a funnel, checked: from JSON to plain arrays that everything else reads. The JSON is described in
 * engine/funnel/funnel.h. Errors name the place, as in funnel.sequence[2].filter.op, and use the original's words where
 * the original has a message (funnels-frocket §3, §10).
 *
 * What cannot be known without a file (do the columns exist, do operator and value fit their types) is checked per file
 * by rows/columns.h and filter/filter.h, with the places that are kept here. */
#ifndef DF_ENGINE_FUNNEL_LANGUAGE_REQUEST_H
#define DF_ENGINE_FUNNEL_LANGUAGE_REQUEST_H

#include "base/arena.h"
#include "engine/funnel/filter/spec.h"
#include "engine/funnel/language/time_text.h"
#include "engine/funnel/switches.h"

enum {
    DF_FUNNEL_STEPS_MAX = 10000,
    DF_FUNNEL_TOP_MAX = 10000,
    DF_FUNNEL_TOP_DEFAULT = 10,
};
#define DF_FUNNEL_NONE UINT32_MAX /* an index that is not there */

enum df_funnel_whole {
    DF_FUNNEL_AUTO,   /* find out whether users are whole */
    DF_FUNNEL_WHOLE,  /* the caller's promise */
    DF_FUNNEL_SPREAD, /* always exchange */
};

/* A file of a data set whose files are known already (a registered one). */
struct df_funnel_listed {
    const char *uri;
    uint64_t size_bytes; /* 0: ask the store */
};

struct df_funnel_dataset {
    const char *const *paths; /* or `files` */
    uint32_t path_count;
    const struct df_funnel_listed *files;
    uint32_t file_count;
    const char *pattern; /* "*.parquet" */
    const char *user, *time;
    enum df_funnel_whole groups;
    bool unit_given; /* of integer times: dataset.timestampUnit */
    enum df_time_unit unit;
};

/* ---- sequences ---- */

enum df_funnel_order { DF_FUNNEL_LOOSE, DF_FUNNEL_STRICT, DF_FUNNEL_ANY };

struct df_funnel_step {
    uint32_t filter;      /* root filter: index into request->filters */
    bool negative;        /* rowFound: false */
    struct df_slice name; /* data NULL: none */
    struct df_funnel_length minimum_gap, maximum_gap;
};

/* Of a funnel or of a condition. Indexes in error places count negative steps, everything else positive ones only. */
struct df_funnel_sequence {
    const struct df_funnel_step *steps;
    uint32_t step_count;     /* 1..DF_FUNNEL_STEPS_MAX, negative ones included */
    uint32_t positive_count; /* at least 1 */
    enum df_funnel_order order;
    struct df_funnel_length maximum_duration;
    /* No gap, duration or negative step, order loose: greedy earliest matching is right (evaluate/greedy.h). */
    bool simple;
};

/* ---- conditions ---- */

enum df_funnel_condition_kind { DF_FUNNEL_COUNT_TARGET, DF_FUNNEL_SUM_TARGET, DF_FUNNEL_SEQUENCE_CONDITION };

struct df_funnel_condition {
    enum df_funnel_condition_kind kind;
    struct df_slice name;
    uint32_t filter;      /* of both targets: root filter (several `filters` are one AND) */
    enum df_funnel_op op; /* EQ NE GT GE LT LE */
    uint64_t count;       /* of COUNT_TARGET; above 2^64 - 1 it is that */
    bool include_zero;    /* of COUNT_TARGET: users without a matching row are in, whatever op and count say */
    uint32_t column;      /* of SUM_TARGET: index into request->columns */
    struct df_slice sum;  /* of SUM_TARGET: the number's literal */
    struct df_funnel_sequence sequence; /* of SEQUENCE_CONDITION */
};

/* The relation in postfix order: a number below DF_FUNNEL_RELATION_AND is a condition. Empty: all users. */
enum { DF_FUNNEL_RELATION_MAX = 1 << 20 };
#define DF_FUNNEL_RELATION_AND (UINT32_MAX - 2)
#define DF_FUNNEL_RELATION_OR  (UINT32_MAX - 1)
struct df_funnel_relation {
    const uint32_t *tokens;
    uint32_t token_count;
    uint32_t depth; /* of the stack that it needs */
};

/* ---- aggregations ---- */

enum df_funnel_aggregation_type {
    DF_FUNNEL_AGG_COUNT,            /* rows whose column is not null */
    DF_FUNNEL_AGG_COUNT_PER_VALUE,  /* rows per value */
    DF_FUNNEL_AGG_GROUPS_PER_VALUE, /* distinct users per value */
    DF_FUNNEL_AGG_SUM_PER_VALUE,    /* of `other`, per value of the column */
    DF_FUNNEL_AGG_MEAN_PER_VALUE,
    DF_FUNNEL_AGG_COUNT_DISTINCT,
    DF_FUNNEL_AGG_MIN,
    DF_FUNNEL_AGG_MAX,
    DF_FUNNEL_AGG_SUM,
    DF_FUNNEL_AGG_MEAN,
    DF_FUNNEL_AGG_QUANTILES, /* p25 p50 p75 p90 p99 */
    DF_FUNNEL_AGG_TYPES
};
const char *df_funnel_aggregation_name(enum df_funnel_aggregation_type type); /* "countPerValue" */
bool df_funnel_aggregation_is_map(enum df_funnel_aggregation_type type);      /* the four per value */

struct df_funnel_aggregation {
    enum df_funnel_aggregation_type type;
    uint32_t column;      /* index into request->columns */
    uint32_t other;       /* of sum and mean per value; DF_FUNNEL_NONE otherwise */
    struct df_slice name; /* data NULL: none */
    uint32_t top;         /* of maps: 1..DF_FUNNEL_TOP_MAX; 0 otherwise */
    const char *place;    /* "funnel.stepAggregations[1]" */
};

struct df_funnel_aggregations {
    const struct df_funnel_aggregation *items; /* those without a type have become three */
    uint32_t count;                            /* 0: as if not given */
};

/* ---- the funnel ---- */

enum df_funnel_trend {
    DF_FUNNEL_NO_TREND,
    DF_FUNNEL_TREND_HOUR,
    DF_FUNNEL_TREND_DAY,
    DF_FUNNEL_TREND_WEEK,
    DF_FUNNEL_TREND_MONTH
};

struct df_funnel_breakdown {
    bool given;
    uint32_t column;
    uint32_t top;
    bool last; /* attribution: the row of the deepest step instead of that of step 1 */
};

struct df_funnel_export {
    bool given;
    uint32_t step; /* positive, from 1 */
    bool dropped;  /* reached it and not the next; otherwise: reached it */
    const uint32_t *columns;
    uint32_t column_count;
    const char *file; /* a path that ends with '/': one file per part of the last stage */
};

struct df_funnel_funnel {
    bool given;
    struct df_funnel_sequence sequence;
    struct df_funnel_aggregations step_aggregations, end_aggregations;
    struct df_funnel_breakdown breakdown;
    enum df_funnel_trend trend;
    bool durations;
    struct df_funnel_length session_gap; /* given: the unit is a session */
    struct df_funnel_export cohort;
};

/* ---- all of it ---- */

/* A column whose values are read, beside user and time and those of filters. */
struct df_funnel_column {
    const char *name;
    const char *place; /* where the request asks most of it, of equals the first: "query.aggregations[0].column" */
    bool facts;        /* wanted in the first reading of the rows: target of a sum */
    bool values;       /* wanted in the second: aggregations, breakdown, export */
    bool numeric;      /* must be a number: sum targets, otherColumn, sum, mean, quantiles */
    bool flat;         /* must not be a list: everything but `count` */
};

struct df_funnel_request {
    struct df_funnel_dataset dataset;

    struct df_funnel_filters filters; /* distinct trees over distinct leaves */
    uint32_t where;                   /* root filter, or DF_FUNNEL_NONE */
    struct df_funnel_instant from, to;

    const struct df_funnel_condition *conditions;
    uint32_t condition_count;
    struct df_funnel_relation relation;
    struct df_funnel_aggregations aggregations;
    struct df_funnel_funnel funnel;
    bool approximate;
    bool skip_bad_files; /* onBadFile: a file that cannot be read is left out, instead of failing the query */
    uint32_t without;    /* enum df_funnel_without: optimisations that are left out */

    const struct df_funnel_column *columns; /* distinct names */
    uint32_t column_count;

    /* What follows from all that. */
    bool second_reading; /* some column wants `values`: rows are read twice */
    bool sequences;      /* there is a funnel or a condition with steps: times matter */
    bool all_times;      /* the time of every row counts, not only of rows that match: strict order, sessions */
    bool chains;         /* which rows a user's chain takes matters: durations, breakdown, trend, export */
    bool time_unit;      /* the unit of the time column matters: text lengths, ISO text, trend, export of times, and
                            durations, whose readers want to know what they count (explain) */
};

/* Everything of *request lives in the arena. Fails with invalid and too_large. */
int df_funnel_request_parse(struct df_funnel_request *request, struct df_slice json, struct df_arena *arena,
                            struct df_error *error);

/* A coordinator needs to know where the rows are; workers get their files with their parts, so that a request without
 * paths and files parses. Fails with invalid when it has neither. */
int df_funnel_request_check_paths(const struct df_funnel_request *request, struct df_error *error);

/* The request as the workers of a stage get it: without the list of paths or files, which may be long, and with the
 * unit of time that was found out. Written again from the JSON. */
int df_funnel_request_for_workers(struct df_slice json, const enum df_time_unit *unit, struct df_buf *out,
                                  struct df_error *error);

#endif
