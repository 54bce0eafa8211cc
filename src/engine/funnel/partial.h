/* What goes over the wire between a funnel's stages and its coordinator: the details of parts and the partials of runs.
 *
 *     detail   | role (1) | GATHER: kind of user (1) |
 *     partial  | version (1) | role (1) | varints … |
 *
 * Decoding takes nothing for granted: corrupt, never a crash, whatever the bytes. */
#ifndef DF_ENGINE_FUNNEL_PARTIAL_H
#define DF_ENGINE_FUNNEL_PARTIAL_H

#include "base/arena.h"
#include "engine/funnel/passes.h"

enum df_funnel_role {
    DF_FUNNEL_FOOTERS = 1, /* one file's footer */
    DF_FUNNEL_COUNT = 2,   /* one file, users whole */
    DF_FUNNEL_SCATTER = 3, /* row groups of a file, to sections by hash of the user */
    DF_FUNNEL_GATHER = 4,  /* some sections */
};

struct df_funnel_detail {
    enum df_funnel_role role;
    enum df_funnel_key_kind kind; /* of GATHER */
};
enum { DF_FUNNEL_DETAIL_BYTES = 2 };
struct df_slice df_funnel_detail_encode(const struct df_funnel_detail *detail, uint8_t place[DF_FUNNEL_DETAIL_BYTES]);
int df_funnel_detail_decode(struct df_slice blob, struct df_funnel_detail *detail, struct df_error *error);

/* ---- FOOTERS ---- */

/* What the numbers of the time column are; files whose times cannot be compared differ here. Part of the codec. */
enum df_funnel_time {
    DF_FUNNEL_TIME_INT64 = 0,
    DF_FUNNEL_TIME_UINT64 = 1,
    DF_FUNNEL_TIME_DATE = 2,
    DF_FUNNEL_TIME_MS = 3,
    DF_FUNNEL_TIME_US = 4,
    DF_FUNNEL_TIME_NS = 5,
    DF_FUNNEL_TIMES
};
const char *df_funnel_time_text(enum df_funnel_time time);    /* "a timestamp in ms" */
const char *df_funnel_key_text(enum df_funnel_key_kind kind); /* "an integer" */

/* Neighbouring row groups that are never taken apart: keeps the partial of a file small. */
enum { DF_FUNNEL_UNITS_MAX = 1024 };
struct df_funnel_unit {
    uint64_t row_groups, rows;
    uint64_t bytes; /* compressed, of the columns that the query needs */
};

struct df_funnel_footer {
    uint64_t rows;
    bool whole; /* the file says that its users are in no other file of its writing */
    bool bounds_known;
    int64_t minimum, maximum; /* of the users, when known; bits of uint64s for UINT64 */
    enum df_funnel_key_kind kind;
    enum df_funnel_time time;
    uint32_t unit_count;
    struct df_funnel_unit *units; /* in the arena of decode */
};
void df_funnel_footer_encode(const struct df_funnel_footer *footer, struct df_buf *out);
int df_funnel_footer_decode(struct df_slice blob, struct df_arena *arena, struct df_funnel_footer *footer,
                            struct df_error *error);

/* ---- COUNT, SCATTER, GATHER ---- */

/* steps of *counts is the caller's, with room for counts->step_count: a partial of another number of steps is corrupt.
 * SCATTER has no steps. */
void df_funnel_counts_encode(enum df_funnel_role role, const struct df_funnel_counts *counts, struct df_buf *out);
int df_funnel_counts_decode(struct df_slice blob, enum df_funnel_role role, struct df_funnel_counts *counts,
                            struct df_error *error);

#endif
