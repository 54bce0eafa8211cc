/* Types and tables as bytes (codec_tables.c), for whole results (codec.c) and for entries of an exchange (entries.c).
 * Private to these. */
#ifndef DF_ENGINE_FUNNEL_RESULT_CODEC_H
#define DF_ENGINE_FUNNEL_RESULT_CODEC_H

#include "base/bytes.h"
#include "engine/funnel/result/tables.h"

void df_funnel_put_types(const struct df_funnel_result *result, struct df_buf *out);
int df_funnel_take_types(struct df_funnel_result *aside, struct df_cursor *from, struct df_error *error);

/* Entries of ids[0..count). */
void df_funnel_put_entries(const struct df_funnel_table *table, const struct df_type *types,
                           const struct df_funnel_chains *chains, const uint32_t *ids, size_t count,
                           struct df_buf *out);
int df_funnel_take_entries(struct df_funnel_result *aside, struct df_funnel_table *table, struct df_cursor *from,
                           struct df_error *error);

/* A whole table. False when memory is short. */
bool df_funnel_put_table(const struct df_funnel_result *result, const struct df_funnel_table *table,
                         struct df_buf *out);
int df_funnel_take_table(struct df_funnel_result *aside, struct df_funnel_table *table, struct df_cursor *from,
                         struct df_error *error);

static inline void df_funnel_put_real(double value, struct df_buf *out)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    df_buf_put_u64le(out, bits);
}

static inline bool df_funnel_take_real(struct df_cursor *from, double *value)
{
    uint64_t bits;
    if (!df_cursor_take_u64le(from, &bits))
        return false;
    memcpy(value, &bits, sizeof bits);
    return true;
}

/* A size and as many bytes. */
static inline bool df_funnel_take_slice(struct df_cursor *from, struct df_slice *slice)
{
    uint64_t size;
    return df_cursor_take_varint(from, &size) && size <= df_cursor_left(from) &&
           df_cursor_take_bytes(from, (size_t)size, slice);
}

#endif
