/* What goes over the wire between a funnel's stages and its coordinator: the details of parts, and the frames around
 * what runs found out.
 *
 *     detail   | role (1) | flags (1) | varints, texts |
 *     footer   | version (1) | FOOTERS (1) | flags (1) | numbers | shape | stretches |
 *     share    | version (1) | role (1) | flags (1) | numbers | shape | cohort | an encoded result, to the end |
 *
 * Decoding takes nothing for granted: corrupt, never a crash, whatever the bytes. */
#ifndef DF_ENGINE_FUNNEL_PLAN_PARTIAL_H
#define DF_ENGINE_FUNNEL_PLAN_PARTIAL_H

#include "base/arena.h"
#include "engine/funnel/rows/columns.h"
#include "engine/funnel/rows/skip_counts.h"

enum df_funnel_role {
    DF_FUNNEL_ROLE_FOOTERS = 1, /* one file's footer */
    DF_FUNNEL_ROLE_WHOLE,       /* one file, its users whole */
    DF_FUNNEL_ROLE_SCATTER,     /* row groups of a file, to sections by hash of the user */
    DF_FUNNEL_ROLE_GATHER,      /* some sections of users */
    DF_FUNNEL_ROLE_VALUES,      /* some sections of table entries, by hash of the value */
    DF_FUNNEL_ROLES
};
const char *df_funnel_role_name(enum df_funnel_role role); /* "footers" */

/* ---- what the rows of a file are ---- */

/* Types of everything that leaves a file: files whose shapes do not agree do not go together (plan/agree.h). */
struct df_funnel_shape {
    enum df_funnel_key_kind kind; /* of the users */
    struct df_type user_type, time_type;
    struct df_funnel_time time;
    uint32_t type_count; /* columns of the request */
    struct df_type *types;
};

/* ---- details ---- */

struct df_funnel_detail {
    enum df_funnel_role role;
    bool values_apart;      /* WHOLE_FILE and GATHER: tables go to sections of values, not into the partial */
    uint64_t inline_values; /* WHOLE_FILE and GATHER: so many values may travel in the partial */
    /* Names of directory columns that are strings. FOOTERS, WHOLE_FILE, SCATTER. */
    const char *const *string_directories;
    uint32_t string_directory_count;
    struct df_slice token; /* in the names of files that the parts of an export to a folder write; may be empty */
    /* What all files have agreed on: GATHER knows the rows of its sections by it, WHOLE what it exports. */
    bool has_shape;
    struct df_funnel_shape shape;
};
void df_funnel_detail_encode(const struct df_funnel_detail *detail, struct df_buf *out);
/* Arrays and texts lie in the arena; the token in the blob. */
int df_funnel_detail_decode(struct df_slice blob, struct df_arena *arena, struct df_funnel_detail *detail,
                            struct df_error *error);

/* ---- FOOTERS ---- */

/* Neighbouring row groups that are never taken apart: keeps the partial of a file small. */
enum { DF_FUNNEL_STRETCHES_MAX = 1024 };
struct df_funnel_stretch {
    uint64_t row_groups;
    uint64_t skipped; /* of those: `where` or the timeframe drops all their rows */
    uint64_t rows;    /* of the others */
    uint64_t bytes;   /* of the others: compressed, of the columns that the query needs */
};

struct df_funnel_footer {
    uint64_t file_bytes, bytes_read;
    bool whole;               /* the file says that its users are in no other file of its writing … */
    uint64_t writing, part;   /* … which is this one (a hash), and the file this part of it (a hash) */
    bool bounds_known;        /* of the users */
    int64_t minimum, maximum; /* those of UINT64 have the highest bit turned, so that they compare as signed ones */
    bool largest_known;       /* of plain integer times: the greatest absolute value */
    bool largest_guessed;     /* from values, not from statistics */
    uint64_t largest;
    struct df_funnel_shape shape;
    uint32_t stretch_count;
    struct df_funnel_stretch *stretches;
    /* Sums of the stretches, made by decode. */
    uint64_t row_groups, skipped, rows, bytes;
};
void df_funnel_footer_encode(const struct df_funnel_footer *footer, struct df_buf *out);
/* type_count: of the request; another number is corrupt. Arrays lie in the arena. */
int df_funnel_footer_decode(struct df_slice blob, uint32_t type_count, struct df_arena *arena,
                            struct df_funnel_footer *footer, struct df_error *error);

/* ---- WHOLE_FILE, SCATTER, GATHER, VALUES ---- */

struct df_funnel_share {
    enum df_funnel_role role;
    uint64_t rows, rows_without_group; /* scanned in files */
    uint64_t file_bytes;               /* size of the file; of WHOLE_FILE */
    uint64_t bytes_read;
    uint64_t row_groups_read, row_groups_skipped;
    struct df_funnel_skip_counts skips;
    bool over;                    /* more values than the partial may carry: there is no result */
    struct df_funnel_shape shape; /* of WHOLE_FILE */
    uint64_t cohort_rows;
    struct df_slice cohort;      /* blocks of df_funnel_cohort_encode, one behind the other */
    struct df_slice cohort_file; /* or the file that the part has written; empty: none */
    struct df_slice result;      /* df_funnel_result_encode; empty for SCATTER */
};
void df_funnel_share_encode(const struct df_funnel_share *share, struct df_buf *out);
/* Slices point into the blob. */
int df_funnel_share_decode(struct df_slice blob, enum df_funnel_role role, uint32_t type_count, struct df_arena *arena,
                           struct df_funnel_share *share, struct df_error *error);

#endif
