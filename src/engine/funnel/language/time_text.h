/* Times and lengths of time as people write them: `30m`, `7d`, `2015-05-03T10:20:30.5Z`, or plain integers in the unit
 * of the time column, and what they are once that unit is known. */
#ifndef DF_ENGINE_FUNNEL_LANGUAGE_TIME_TEXT_H
#define DF_ENGINE_FUNNEL_LANGUAGE_TIME_TEXT_H

#include "base/buf.h"
#include "base/error.h"
#include "format/type.h"

/* What one step of a time column is: days for DATE; floating seconds were rounded to microseconds, INT96 is ns. */
enum df_funnel_scale {
    DF_FUNNEL_SCALE_S = DF_TIME_S,
    DF_FUNNEL_SCALE_MS = DF_TIME_MS,
    DF_FUNNEL_SCALE_US = DF_TIME_US,
    DF_FUNNEL_SCALE_NS = DF_TIME_NS,
    DF_FUNNEL_SCALE_DAY,
    DF_FUNNEL_SCALES
};
const char *df_funnel_scale_name(enum df_funnel_scale scale); /* "s", …, "day" */
/* Nanoseconds per step. */
int64_t df_funnel_scale_ns(enum df_funnel_scale scale);

/* ---- lengths ---- */

struct df_funnel_length {
    bool given;
    bool in_ns; /* text with a unit; otherwise in steps of the time column */
    unsigned __int128 amount;
};

/* `500ms 30s 15m 12h 7d 2w`, also `2us` and `5ns`; whole numbers only. False when it is none. */
bool df_funnel_length_parse(struct df_slice text, struct df_funnel_length *length);
/* The greatest number of steps that is not longer (of a maximum), the least that is not shorter (of a minimum);
 * UINT64_MAX stands for everything above. */
uint64_t df_funnel_length_floor(const struct df_funnel_length *length, enum df_funnel_scale scale);
uint64_t df_funnel_length_ceiling(const struct df_funnel_length *length, enum df_funnel_scale scale);

/* ---- instants ---- */

struct df_funnel_instant {
    bool given;
    bool in_ns;      /* ISO text: nanoseconds since 1970; otherwise in steps of the time column */
    __int128 amount; /* any integer literal; beyond ±10^30 it is that */
};

/* ISO 8601: a date, or date and time with any number of fraction digits (beyond nanoseconds cut), `T` or a blank
 * between, `Z` or an offset or nothing (UTC). Years 0001 to 9999. False when it is none. *has_time tells a date from a
 * time at midnight; NULL: not asked. */
bool df_funnel_instant_parse(struct df_slice text, struct df_funnel_instant *instant, bool *has_time);
/* The first step that is not before the instant: t >= instant is t >= ceiling, t < instant is t < ceiling. */
__int128 df_funnel_instant_ceiling(const struct df_funnel_instant *instant, enum df_funnel_scale scale);

#endif
