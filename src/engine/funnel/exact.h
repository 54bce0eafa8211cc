/* Number text, exactly: where a decimal literal of any length lies among the integers. */
#ifndef DF_ENGINE_FUNNEL_EXACT_H
#define DF_ENGINE_FUNNEL_EXACT_H

#include "base/slice.h"

/* The integers around a number: floor == ceiling exactly when it is an integer. Beyond 10^30 both are ±10^30, which is
 * outside of every column. */
struct df_funnel_exact {
    __int128 floor, ceiling;
};

/* text is a JSON number (its reader has checked it). */
struct df_funnel_exact df_funnel_exact_parse(struct df_slice text);

#endif
