/* A funnel's answer as people look at it: what chart, CSV, SVG and HTML have in common. Made from the engine's answer
 * (JSON) and the words of the command line; pure. */
#ifndef DF_CLI_FUNNEL_VIEW_H
#define DF_CLI_FUNNEL_VIEW_H

#include "base/arena.h"
#include "cli/funnel_request.h"
#include "cli/run.h"

/* A length of time in steps of the time column. */
struct df_view_length {
    bool given;           /* false: nobody took that way */
    struct df_slice text; /* the number as the engine wrote it */
    double value;
};
/* mean p25 p50 p75 p90 p99 */
enum { DF_VIEW_MEAN, DF_VIEW_P25, DF_VIEW_P50, DF_VIEW_P75, DF_VIEW_P90, DF_VIEW_P99, DF_VIEW_LENGTHS };
extern const char *const df_view_length_names[DF_VIEW_LENGTHS];

struct df_view_step {
    struct df_slice label; /* the step's name, else its expression */
    uint64_t count;        /* users (sessions) that reached it */
    uint64_t rows;         /* all their rows */
    uint64_t users;        /* of sessions: how many users they are of; otherwise as `count` */
    bool timed;            /* durations were asked for, and it is not the first */
    struct df_view_length from_start[DF_VIEW_LENGTHS], from_previous[DF_VIEW_LENGTHS];
};

/* A value of the breakdown or a bucket of the trend. */
enum df_view_entry_kind { DF_VIEW_VALUE, DF_VIEW_NULL, DF_VIEW_OTHER };
struct df_view_entry {
    enum df_view_entry_kind kind;
    struct df_slice text;             /* of a value; what to show for the others as well */
    const struct df_view_step *steps; /* counts only; step_count of them */
};
struct df_view_table {
    const char *title; /* the column, or the length of the buckets; NULL: not asked for */
    const struct df_view_entry *entries;
    size_t entry_count;
};

struct df_view {
    struct df_slice title; /* "Which users did a, then b?" */
    bool sessions;         /* counts are those of sessions */
    const struct df_view_step *steps;
    size_t step_count;
    bool durations;
    double unit_seconds; /* of the time column's steps; 0: not known */
    struct df_view_table groups, trend;
    struct {
        uint64_t rows;
        struct df_slice files; /* "a.csv", "3 files" */
        bool given;
    } cohort;
    /* of the data */
    uint64_t users, rows, rows_without_user;
    double seconds;

    struct df_arena arena;
};

/* To be disposed of in any case. Fails with internal when the answer does not fit the question. */
int df_view_make(struct df_view *view, const struct df_cli_answer *answer, const struct df_cli_arguments *arguments,
                 const struct df_cli_sequence *sequence, struct df_error *error);
void df_view_dispose(struct df_view *view);

/* "users" or "sessions" */
const char *df_view_unit(const struct df_view *view);

/* "2.8 %"; a share that is not none or all never reads as if it were; of nothing there is no share: "-". */
enum { DF_VIEW_PERCENT_BYTES = 16 };
void df_view_percent(char text[DF_VIEW_PERCENT_BYTES], uint64_t share, uint64_t whole);

/* "1.2 s", "35 min", "2.0 d"; without a known unit the number alone; "-" when not given. */
void df_view_put_length(const struct df_view *view, const struct df_view_length *length, struct df_buf *out);

/* "125 ms", "12.3 s" */
void df_view_put_seconds(double seconds, struct df_buf *out);

#endif
