/* The users of some rows, as plain arrays: what a scan or a section hands to the group table. */
#ifndef DF_ENGINE_FUNNEL_ROWS_KEYS_H
#define DF_ENGINE_FUNNEL_ROWS_KEYS_H

#include "base/slice.h"
#include "format/vector.h"

enum df_funnel_key_kind {
    DF_FUNNEL_KEY_INT64 = 0, /* numbers are part of the codecs; dates, timestamps and decimals up to 18 digits too */
    DF_FUNNEL_KEY_UINT64 = 1,
    DF_FUNNEL_KEY_BYTES = 2, /* strings, binary, UUIDs */
    DF_FUNNEL_KEY_KINDS
};
const char *df_funnel_key_text(enum df_funnel_key_kind kind); /* "an integer" */

struct df_funnel_keys {
    enum df_funnel_key_kind kind;
    uint32_t count;
    const int64_t *numbers;       /* of INT64 and UINT64 (the same 64 bits) */
    const struct df_slice *bytes; /* of BYTES */
    const uint8_t *valid; /* one byte per row, 0: no user, or a row that does not count; NULL: every row counts */
    /* Where they come from a dictionary: the entry of each row that counts (numbers or bytes hold the same). */
    const uint32_t *entries; /* NULL: there is none */
    const struct df_dictionary *dictionary;
    const uint64_t *hashes; /* NULL: not known yet */
};

/* One hash per row (those of rows without a user mean nothing). Sections of an exchange take its high bits, passes
 * bits 32 to 43, the table the low ones. */
void df_funnel_keys_hash(const struct df_funnel_keys *keys, uint64_t *hashes);

/* Spreads hashes evenly over `sections`. */
static inline uint32_t df_funnel_section_of(uint64_t hash, uint32_t sections)
{
    return (uint32_t)(((hash >> 32) * sections) >> 32);
}

enum { DF_FUNNEL_PASS_SHIFT = 32 };

#endif
