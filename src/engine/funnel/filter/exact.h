/* Number text, exactly: where a decimal literal of any length lies among the integers, or among the multiples of a
 * power of ten. */
#ifndef DF_ENGINE_FUNNEL_FILTER_EXACT_H
#define DF_ENGINE_FUNNEL_FILTER_EXACT_H

#include "base/slice.h"

/* The integers around a number: floor == ceiling exactly when it is an integer. Beyond the limit of the function that
 * made it, both are that limit. */
struct df_funnel_exact {
    __int128 floor, ceiling;
};

/* text is a JSON number (its reader has checked it). The limit is ±10^30, which is outside of every integer column. */
struct df_funnel_exact df_funnel_exact_parse(struct df_slice text);

/* The number times 10^scale: among the unscaled values of a decimal column. The limit is ±10^38, which is outside of
 * every decimal column. */
struct df_funnel_exact df_funnel_exact_parse_scaled(struct df_slice text, unsigned scale);

#endif
