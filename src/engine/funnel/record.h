/* Records of the exchange: rows on their way from a SCATTER part to the GATHER part of their section.
 *
 * A section is a run of blocks; each describes itself and stands for some rows of one user column:
 *
 *     | version (1) | kind of user (1) | varint: bytes of the body | body |
 *     body   | varint: rows | keys | run | run | …          until the body ends
 *     keys   int64: rows × 8 bytes, little endian; bytes: rows × varint length, then the bytes
 *     run    | varint: filter × 2 + timed | varint: n | n × varint | timed: n × 8 bytes |
 *            the rows that match a filter: the first row, then distances; their times when they have one
 *
 * Rows that match no filter are keys only: they count among their user's rows and cost nothing else. Rows without time
 * are told only of the filter of step 1. Decoding checks everything: corrupt, never a crash. */
#ifndef DF_ENGINE_FUNNEL_RECORD_H
#define DF_ENGINE_FUNNEL_RECORD_H

#include "engine/funnel/collector.h"

/* ---- writing ---- */

struct df_funnel_record_match {
    int64_t time;
    uint32_t row; /* within the block */
    uint32_t tag; /* filter × 2 + timed */
};

/* One block, as arrays: `matches` in the order they were found, rows ascending within a filter. */
struct df_funnel_record {
    enum df_funnel_key_kind kind;
    uint32_t row_count; /* at most DF_FUNNEL_ROWS_MAX */
    const int64_t *numbers;
    const uint32_t *lengths; /* of BYTES */
    struct df_slice bytes;   /* all keys, one behind the other */
    const struct df_funnel_record_match *matches;
    size_t match_count;
};
void df_funnel_record_encode(const struct df_funnel_record *record, struct df_buf *out);

/* ---- reading ---- */

struct df_funnel_record_reader; /* scratch memory for one block; one per part */

int df_funnel_record_reader_create(struct df_funnel_record_reader **reader, enum df_funnel_key_kind kind,
                                   struct df_error *error);
void df_funnel_record_reader_free(struct df_funnel_record_reader *reader);

/* Hands the blocks of one section to the collector: DF_FUNNEL_SOURCE_DONE, _OVER, or -1 (corrupt). */
int df_funnel_record_read(struct df_funnel_record_reader *reader, struct df_slice section,
                          struct df_funnel_collector *collector, struct df_error *error);

#endif
