/* From the text of a constant to the number that values of a column are compared with, and what is said when there is
 * none. Inside of filter/ only. */
#ifndef DF_ENGINE_FUNNEL_FILTER_CONSTANTS_H
#define DF_ENGINE_FUNNEL_FILTER_CONSTANTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/funnel/filter/exact.h"
#include "engine/funnel/filter/spec.h"
#include "format/type.h"

/* One constant of a leaf against the type of its column. */
struct df_funnel_asked {
    const struct df_funnel_leaf *leaf;
    const struct df_type *type; /* of the column; the constant is compared with its elements if it is a list */
    uint32_t value;             /* index of the constant */
};

/* The member of the request that is wrong: "funnel.sequence[1].filter.value[3]". */
enum df_funnel_member {
    DF_FUNNEL_MEMBER_COLUMN,
    DF_FUNNEL_MEMBER_OP,
    DF_FUNNEL_MEMBER_VALUE,
    DF_FUNNEL_MEMBER_DELIMITER
};
void df_funnel_put_place(struct df_buf *out, const struct df_funnel_leaf *leaf, enum df_funnel_member member,
                         uint32_t value);

/* Is the constant of the JSON type that the column wants? Fails with invalid and the way out. */
int df_funnel_constant_check(const struct df_funnel_asked *asked, struct df_error *error);

/* Of integers, decimals (unscaled), dates and times: where the constant lies among the column's integers. */
int df_funnel_constant_exact(const struct df_funnel_asked *asked, struct df_funnel_exact *exact,
                             struct df_error *error);

/* Of floats: the nearest number of the column's width. beyond: -1 or 1 when the constant lies beyond all finite ones
 * (the number is that infinity then). */
struct df_funnel_float {
    double number;
    int beyond;
};
int df_funnel_constant_float(const struct df_funnel_asked *asked, struct df_funnel_float *out, struct df_error *error);

/* Of strings, binary and UUIDs: the bytes; those of a UUID live in the arena. */
int df_funnel_constant_bytes(const struct df_funnel_asked *asked, struct df_arena *arena, struct df_slice *bytes,
                             struct df_error *error);

#endif
