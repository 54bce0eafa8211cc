/* Records of the exchange: rows on their way from a file to the part that has their section.
 *
 * A section is a run of blocks; each describes itself and stands for some rows:
 *
 *     | version (1) | varint: bytes of the head | head | varint: rows | varint: bytes of the body | body |
 *     head    | kind of user (1) | times turned (1) | scale known (1) | scale (1) | type of users | type of times |
 *             | varint: columns | type of each |            type: kind, list, bits, unit, precision, scale (1 each)
 *     body    | layout (1) | and then, of layout
 *       0     users | times | matches | column | …          each: varint: bytes of it, then as follows
 *       1     masks: a byte per row | users: packed | times, of rows that have one: packed
 *     users, times, column    nulls | values of the rows that are not null
 *       nulls      0: none | 1: a bit per row, 1 is a value, the first in the lowest bit | 2: every row is null, no
 *                  values
 *       values     booleans: a byte each; floats: 8 bytes each; integers of 128 bits: 16 bytes each; other integers:
 *                  packed; bytes: packed lengths, then the bytes; lists: packed lengths, then the elements: nulls of
 *                  kind 1, values
 *       packed     width in bytes (0, 1, 2, 4, 8) | the least (8) | width bytes each, what is above the least
 *     matches | varint: root filter | varint: n | n × varint: the first row, then distances | … roots ascending
 *     mask    bit 7: the row has a time; bit b: it matches the b-th root filter, `where` not counted
 *
 * Layout 1 ("plain") is for the usual request, and made for speed: users that are numbers, no columns, at most
 * DF_FUNNEL_RECORD_ROOTS filters. Several such blocks are read as one batch.
 *
 * All numbers are little endian. There is a block only where there are rows; all of them have a user, and count.
 * `where` is not among the matches: all rows match it. Times are there for rows that match a filter, or for all of them
 * (request->all_times); a row without one is null. Decoding checks everything: corrupt, never a crash. */
#ifndef DF_ENGINE_FUNNEL_ROWS_RECORD_H
#define DF_ENGINE_FUNNEL_ROWS_RECORD_H

#include "engine/funnel/rows/pile.h"
#include "engine/funnel/rows/source.h"

/* What the rows of a block are. */
struct df_funnel_record_head {
    enum df_funnel_key_kind kind;
    bool times_turned, scale_known;
    enum df_funnel_scale scale;
    struct df_type user_type, time_type;
    const struct df_type *types; /* per column of the request */
    uint32_t column_count;
};

/* ---- writing ---- */

struct df_funnel_record_match {
    uint32_t root, row; /* row within the block */
};

struct df_funnel_record {
    const struct df_funnel_record_head *head;
    uint32_t rows; /* 1 to DF_FUNNEL_ROWS_MAX */
    const struct df_funnel_pile *users, *times;
    const struct df_funnel_pile *columns;         /* column_count */
    const struct df_funnel_record_match *matches; /* by root, and by row within a root; each once */
    size_t match_count;
};
void df_funnel_record_encode(const struct df_funnel_record *record, struct df_buf *out);

enum { DF_FUNNEL_RECORD_ROOTS = 7 };
#define DF_FUNNEL_RECORD_TIMED UINT8_C(0x80)

/* The root filters of the bits of a mask; false: the request is none for plain blocks. */
bool df_funnel_record_roots(const struct df_funnel_request *request, uint32_t roots[DF_FUNNEL_RECORD_ROOTS],
                            uint32_t *count);

struct df_funnel_plain_record {
    struct df_slice head; /* df_funnel_record_put_head */
    uint32_t rows;        /* 1 to DF_FUNNEL_ROWS_MAX */
    const int64_t *users;
    int64_t *times; /* is changed */
    const uint8_t *masks;
};
void df_funnel_record_put_head(const struct df_funnel_record_head *head, struct df_buf *out);
void df_funnel_record_encode_plain(const struct df_funnel_plain_record *record, struct df_buf *out);

/* Users as a column: INT64 or BYTES, whatever the exact type. */
struct df_type df_funnel_record_user_type(enum df_funnel_key_kind kind);

/* ---- reading ---- */

/* A block that was found whole. */
struct df_funnel_block {
    struct df_slice head, body;
    uint32_t rows;
    size_t size_bytes; /* with everything around it */
};

/* The first block of `bytes`: 1, 0 at the end, -1 (corrupt). */
int df_funnel_block_take(struct df_slice bytes, struct df_funnel_block *block, struct df_error *error);

/* Scratch memory for one block, and what is known of a section. Thread: one. */
struct df_funnel_record_reader;
int df_funnel_record_reader_create(struct df_funnel_record_reader **reader, const struct df_funnel_request *request,
                                   struct df_error *error);
void df_funnel_record_reader_free(struct df_funnel_record_reader *reader); /* NULL is fine */

/* Types of columns are those of all blocks together: looks at a block's head. Fails with corrupt, and with invalid when
 * two files have different types for a column: names it and both. */
int df_funnel_record_survey(struct df_funnel_record_reader *reader, const struct df_funnel_block *block,
                            struct df_error *error);
/* What is known so far, at the same place always. Columns of which every block says "always null" have that type. */
const struct df_funnel_record_head *df_funnel_record_known(const struct df_funnel_record_reader *reader);
bool df_funnel_record_seen(const struct df_funnel_record_reader *reader); /* any block at all */

/* Decodes what a reading wants of a block that was surveyed. The batch is valid until the next one; first_row is the
 * caller's. Fails with corrupt and exhausted. */
int df_funnel_record_decode(struct df_funnel_record_reader *reader, const struct df_funnel_block *block,
                            enum df_funnel_reading reading, bool want_keys, struct df_funnel_batch *batch,
                            struct df_error *error);
/* The same for a block behind those of the batch: 1, its rows are in the batch as well; 0: it has to be decoded by
 * itself; -1. Only plain blocks go together, up to so many rows that they stay in the cache. */
int df_funnel_record_append(struct df_funnel_record_reader *reader, const struct df_funnel_block *block,
                            enum df_funnel_reading reading, bool want_keys, struct df_funnel_batch *batch,
                            struct df_error *error);
/* Of FACTS: the rows of the batch that match a root, valid until the next call. */
void df_funnel_record_match(struct df_funnel_record_reader *reader, uint32_t root, const uint32_t **rows,
                            uint32_t *count);
/* Of FACTS: sets bit b of masks[row] where roots[b] matches, at most 8 of them. */
void df_funnel_record_masks(struct df_funnel_record_reader *reader, const uint32_t *roots, uint32_t count,
                            uint8_t *masks);

#endif
