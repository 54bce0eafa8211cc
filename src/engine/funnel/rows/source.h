/* Rows of some users, batch by batch: of a file whose users are whole (rows/source_file.h), or of one section of an
 * exchange (rows/source_section.h). Everything behind it (evaluate/, result/) knows only this.
 *
 * A source can be read any number of times, in two ways:
 *
 *     FACTS    users, times, which rows match which filter, columns that are targets of sums
 *     VALUES   users, times where request->all_times, and the columns that want `values`
 *
 * Both readings give the same rows in the same order: the ordinal of a row (batch.first_row + its index) names it in
 * both. Rows that do not count (no user, outside the timeframe, failing `where`) are there with keys.valid 0, in a
 * file, and not there at all in a section. Thread: the one that runs the part. */
#ifndef DF_ENGINE_FUNNEL_ROWS_SOURCE_H
#define DF_ENGINE_FUNNEL_ROWS_SOURCE_H

#include "base/error.h"
#include "engine/funnel/language/request.h"
#include "engine/funnel/rows/keys.h"
#include "format/vector.h"

enum { DF_FUNNEL_ROWS_MAX = 16384 }; /* of a batch, at most */

enum df_funnel_reading {
    DF_FUNNEL_FACTS,
    DF_FUNNEL_VALUES,
    DF_FUNNEL_FACTS_AND_VALUES, /* both at once: what an exchange sends on; files only */
};

struct df_funnel_batch {
    uint32_t rows;
    uint32_t first_row; /* ordinal of row 0; a source has fewer than 2^32 - 1 rows */
    struct df_funnel_keys keys;
    /* In an order that int64 compares rightly. FACTS: with request->sequences, of rows that match a filter or, with
     * request->all_times, of all. VALUES: with request->all_times only; NULL otherwise. */
    const int64_t *times;
    const uint8_t *time_valid; /* one byte per row, 0: no time; NULL: every row has one */
    /* Per column of the request; NULL where this reading does not want it. Types: df_funnel_source.types. Serial
     * numbers of dictionaries are unique within the source, over all its readings. */
    const struct df_vector *const *values;
};

struct df_funnel_source {
    const struct df_funnel_request *request;
    enum df_funnel_key_kind kind;
    bool scale_known;           /* false only when nothing of the request needs it */
    enum df_funnel_scale scale; /* of the times of batches */
    bool times_turned;          /* unsigned times: the highest bit of `times` is turned (for printing them) */
    struct df_type user_type;   /* for printing and exporting users */
    struct df_type time_type;
    const struct df_type *types; /* per column of the request; known before the first batch of VALUES, and of FACTS for
                                    columns that are facts */
    /* Set by the reader before begin, true at first. False: VALUES gives no users (keys.count 0) and does not tell rows
     * that count from others, because the reader remembers the codes of all rows: then neither users nor `where` nor
     * the timeframe need be read again. */
    bool want_keys;

    int (*begin)(struct df_funnel_source *source, enum df_funnel_reading reading, struct df_error *error);
    /* 1: a batch, valid until the next call; 0: the end; -1, also when the task was cancelled. */
    int (*next)(struct df_funnel_source *source, struct df_funnel_batch *batch, struct df_error *error);
    /* FACTS: the rows of the current batch that count and match a root filter, ascending. Valid until the next call.
     * Rows without time are among them. */
    int (*match)(struct df_funnel_source *source, uint32_t filter, const uint32_t **rows, uint32_t *count,
                 struct df_error *error);
    /* FACTS: the same for several filters, at most 8: sets bit b of masks[row] where filters[b] matches. What it says
     * of rows that do not count means nothing. NULL where match is all there is. */
    int (*masks)(struct df_funnel_source *source, const uint32_t *filters, uint32_t count, uint8_t *masks,
                 struct df_error *error);

    uint64_t rows_expected; /* of a reading, about; known after begin; 0: not known */

    /* Of the last reading, complete after its end. */
    uint64_t rows_scanned;       /* all rows that were looked at */
    uint64_t rows_without_group; /* of those inside timeframe and `where` */
};

#endif
