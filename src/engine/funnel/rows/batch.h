/* Vectors of a scan -> the plain arrays of a batch. Hot loops without an error path. */
#ifndef DF_ENGINE_FUNNEL_ROWS_BATCH_H
#define DF_ENGINE_FUNNEL_ROWS_BATCH_H

#include "engine/funnel/rows/columns.h"
#include "engine/funnel/rows/source.h"

/* Room for the rows of a scan's batch. */
struct df_funnel_users_room {
    int64_t numbers[DF_PARQUET_BATCH_ROWS];
    struct df_slice bytes[DF_PARQUET_BATCH_ROWS];
    uint8_t valid[DF_PARQUET_BATCH_ROWS];
};
struct df_funnel_times_room {
    int64_t numbers[DF_PARQUET_BATCH_ROWS];
    uint8_t valid[DF_PARQUET_BATCH_ROWS];
};

/* keys->valid is that of the vector. False when the vector holds something else than its column's type says. */
bool df_funnel_batch_users(const struct df_vector *vector, const struct df_type *type, enum df_funnel_key_kind kind,
                           struct df_funnel_users_room *room, struct df_funnel_keys *keys);

/* Unsigned times are turned, floating seconds become microseconds; NaN and what no int64 holds is no time. */
bool df_funnel_batch_times(const struct df_vector *vector, const struct df_type *type, enum df_funnel_time_kind kind,
                           struct df_funnel_times_room *room, const int64_t **times, const uint8_t **valid);

/* Microseconds of floating seconds; false when there are none. */
bool df_funnel_time_of_seconds(double seconds, int64_t *microseconds);

/* The timeframe as numbers that `times` of a batch compare with. */
struct df_funnel_timeframe {
    bool given;
    bool empty;        /* no time lies in it */
    int64_t low, high; /* both inside */
};
/* scale may be anything where the request's instants have no unit. */
struct df_funnel_timeframe df_funnel_timeframe_make(const struct df_funnel_request *request, enum df_funnel_scale scale,
                                                    bool turned);

/* inside[i] &= time i lies in the timeframe. */
void df_funnel_batch_within(const struct df_funnel_timeframe *timeframe, const int64_t *times, const uint8_t *valid,
                            uint32_t rows, uint8_t *inside);

/* The indexes of rows with both bytes 1, ascending; counts NULL: all 1. `out` has room for all rows. */
uint32_t df_funnel_batch_pick(const uint8_t *matches, const uint8_t *counts, uint32_t rows, uint32_t *out);

#endif
