#include "engine/funnel/rows/batch.h"

#include <math.h>
#include <string.h>

/* ---- gathering codes ---- */

/* An entry of a dictionary per row. One without entries has only nulls above it: any value will do. */
static void gather_int64s(const struct df_vector *vector, int64_t *out)
{
    const int64_t *values = vector->dictionary->values.int64s;
    if (vector->dictionary->count == 0)
        memset(out, 0, vector->row_count * sizeof *out);
    for (uint32_t i = 0; vector->dictionary->count && i < vector->row_count; i++)
        out[i] = values[vector->values.codes[i]];
}

static void gather_bytes(const struct df_vector *vector, struct df_slice *out)
{
    const struct df_slice *values = vector->dictionary->values.bytes;
    if (vector->dictionary->count == 0)
        memset(out, 0, vector->row_count * sizeof *out);
    for (uint32_t i = 0; vector->dictionary->count && i < vector->row_count; i++)
        out[i] = values[vector->values.codes[i]];
}

static bool is_codes_of(const struct df_vector *vector, enum df_vector_kind kind)
{
    return vector->kind == DF_VECTOR_CODES && vector->dictionary->kind == kind;
}

static const int64_t *int64s_of(const struct df_vector *vector, int64_t *room)
{
    if (vector->kind == DF_VECTOR_INT64)
        return vector->values.int64s;
    if (!is_codes_of(vector, DF_VECTOR_INT64))
        return NULL;
    gather_int64s(vector, room);
    return room;
}

static const struct df_slice *bytes_of(const struct df_vector *vector, struct df_slice *room)
{
    if (vector->kind == DF_VECTOR_BYTES)
        return vector->values.bytes;
    if (!is_codes_of(vector, DF_VECTOR_BYTES))
        return NULL;
    gather_bytes(vector, room);
    return room;
}

/* ---- users ---- */

bool df_funnel_batch_users(const struct df_vector *vector, const struct df_type *type, enum df_funnel_key_kind kind,
                           struct df_funnel_users_room *room, struct df_funnel_keys *keys)
{
    *keys = (struct df_funnel_keys){.kind = kind, .count = vector->row_count, .valid = vector->valid};
    if (type->kind == DF_TYPE_NULL) {
        memset(room->numbers, 0, vector->row_count * sizeof *room->numbers);
        memset(room->valid, 0, vector->row_count);
        keys->numbers = room->numbers;
        keys->valid = room->valid;
    } else if (kind == DF_FUNNEL_KEY_BYTES) {
        keys->bytes = bytes_of(vector, room->bytes);
    } else {
        keys->numbers = int64s_of(vector, room->numbers);
    }
    if (vector->kind == DF_VECTOR_CODES) {
        keys->entries = vector->values.codes;
        keys->dictionary = vector->dictionary;
    }
    return keys->bytes || keys->numbers;
}

/* ---- times ---- */

bool df_funnel_time_of_seconds(double seconds, int64_t *microseconds)
{
    double rounded = rint(seconds * 1e6);
    /* 2^63 is a double, 2^63 - 1 is none. NaN compares with nothing. */
    if (!(rounded >= -0x1p63 && rounded < 0x1p63))
        return false;
    *microseconds = (int64_t)rounded;
    return true;
}

static bool seconds_to_times(const struct df_vector *vector, struct df_funnel_times_room *room)
{
    bool codes = is_codes_of(vector, DF_VECTOR_FLOAT64);
    const double *values = codes ? vector->dictionary->values.float64s : vector->values.float64s;
    if (!codes && vector->kind != DF_VECTOR_FLOAT64)
        return false;
    bool none = codes && vector->dictionary->count == 0;
    for (uint32_t i = 0; i < vector->row_count; i++) {
        room->numbers[i] = 0;
        room->valid[i] = !none && !df_vector_is_null(vector, i) &&
                         df_funnel_time_of_seconds(values[codes ? vector->values.codes[i] : i], &room->numbers[i]);
    }
    return true;
}

/* uint64s order as int64s once their highest bit is turned. */
static void turn(const int64_t *values, uint32_t n, int64_t *out)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int64_t)((uint64_t)values[i] ^ UINT64_C(1) << 63);
}

static bool no_times(const struct df_vector *vector, struct df_funnel_times_room *room)
{
    memset(room->numbers, 0, vector->row_count * sizeof *room->numbers);
    memset(room->valid, 0, vector->row_count);
    return true;
}

bool df_funnel_batch_times(const struct df_vector *vector, const struct df_type *type, enum df_funnel_time_kind kind,
                           struct df_funnel_times_room *room, const int64_t **times, const uint8_t **valid)
{
    if (type->kind == DF_TYPE_NULL || kind == DF_FUNNEL_TIME_FLOAT) {
        *times = room->numbers;
        *valid = room->valid;
        return type->kind == DF_TYPE_NULL ? no_times(vector, room) : seconds_to_times(vector, room);
    }
    *valid = vector->valid;
    *times = int64s_of(vector, room->numbers);
    if (*times && kind == DF_FUNNEL_TIME_UINT64) {
        turn(*times, vector->row_count, room->numbers);
        *times = room->numbers;
    }
    return *times != NULL;
}

/* ---- the timeframe ---- */

struct df_funnel_timeframe df_funnel_timeframe_make(const struct df_funnel_request *request, enum df_funnel_scale scale,
                                                    bool turned)
{
    /* In the numbers of the column itself; turning an unsigned one takes 2^63 from it. */
    __int128 least = turned ? 0 : INT64_MIN, greatest = turned ? (__int128)UINT64_MAX : INT64_MAX;
    __int128 shift = turned ? (__int128)1 << 63 : 0;
    __int128 low = least, high = greatest;
    struct df_funnel_timeframe timeframe = {.given = request->from.given || request->to.given};
    if (request->from.given)
        low = df_funnel_instant_ceiling(&request->from, scale);
    if (request->to.given)
        high = df_funnel_instant_ceiling(&request->to, scale) - 1;
    low = low > least ? low : least;
    high = high < greatest ? high : greatest;
    timeframe.empty = low > high;
    timeframe.low = timeframe.empty ? INT64_MAX : (int64_t)(low - shift);
    timeframe.high = timeframe.empty ? INT64_MIN : (int64_t)(high - shift);
    return timeframe;
}

void df_funnel_batch_within(const struct df_funnel_timeframe *timeframe, const int64_t *times, const uint8_t *valid,
                            uint32_t rows, uint8_t *inside)
{
    for (uint32_t i = 0; i < rows; i++)
        inside[i] &= (uint8_t)((times[i] >= timeframe->low) & (times[i] <= timeframe->high));
    for (uint32_t i = 0; valid && i < rows; i++)
        inside[i] &= valid[i];
}

uint32_t df_funnel_batch_pick(const uint8_t *matches, const uint8_t *counts, uint32_t rows, uint32_t *out)
{
    uint32_t count = 0;
    if (!counts) {
        for (uint32_t i = 0; i < rows; i++) {
            out[count] = i;
            count += matches[i];
        }
        return count;
    }
    for (uint32_t i = 0; i < rows; i++) {
        out[count] = i;
        count += (uint32_t)(matches[i] & counts[i]);
    }
    return count;
}
