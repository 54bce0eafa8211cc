/* One filter: column, operator, constant. Compiled against the kind of a file's column, then evaluated vector by
 * vector.
 *
 * The answer is one byte per row, 0 or 1: plain arrays that the compiler turns into vector code. On dictionary codes
 * the constant is compared once per dictionary entry.
 *
 * Null: false, but for != and `not contains`, where it is true. NaN is null. Integers compare exactly with any number
 * (5.5 equals none, 2^70 is above all); floats compare with the nearest double; strings in byte order. */
#ifndef DF_ENGINE_FUNNEL_FILTER_H
#define DF_ENGINE_FUNNEL_FILTER_H

#include "base/budget.h"
#include "base/error.h"
#include "format/vector.h"

enum df_funnel_op {
    DF_FUNNEL_EQ,
    DF_FUNNEL_NE,
    DF_FUNNEL_GT,
    DF_FUNNEL_GE,
    DF_FUNNEL_LT,
    DF_FUNNEL_LE,
    DF_FUNNEL_CONTAINS,
    DF_FUNNEL_NOT_CONTAINS,
    DF_FUNNEL_OPS
};
const char *df_funnel_op_text(enum df_funnel_op op);                   /* "==" */
bool df_funnel_op_parse(struct df_slice text, enum df_funnel_op *out); /* the language's spelling only */

enum df_funnel_value { DF_FUNNEL_STRING, DF_FUNNEL_NUMBER, DF_FUNNEL_BOOLEAN };

struct df_funnel_filter_spec {
    const char *column;
    enum df_funnel_op op;
    enum df_funnel_value type;
    struct df_slice text; /* of a STRING its content, of a NUMBER its literal */
    bool boolean;
    uint32_t step; /* the first step that has it, for messages */
};

/* What a column holds, as far as a filter cares. */
enum df_funnel_column {
    DF_FUNNEL_COLUMN_BOOL,
    DF_FUNNEL_COLUMN_INT64,
    DF_FUNNEL_COLUMN_UINT64, /* the vector's int64s are the bits of uint64s */
    DF_FUNNEL_COLUMN_FLOAT64,
    DF_FUNNEL_COLUMN_BYTES,
};

struct df_funnel_filter {
    enum df_funnel_column column;
    enum df_funnel_op op;
    bool null_matches;
    bool negate;        /* of integers and booleans: the outside of the range */
    bool empty;         /* of integers: no value lies in the range */
    uint64_t low, span; /* of integers: value - low <= span, all as uint64 */
    double number;
    bool constant, constant_matches; /* of floats: every number has the same answer */
    struct df_slice text;

    struct {
        uint64_t serial;
        bool known;
        uint8_t *matches; /* owned; one per dictionary entry */
        uint32_t capacity;
    } dictionary;
    struct df_budget *budget;
};

/* spec's text must outlive the filter. Fails with invalid: step, column, its type, the value, the way out. */
int df_funnel_filter_compile(struct df_funnel_filter *filter, const struct df_funnel_filter_spec *spec,
                             enum df_funnel_column column, struct df_budget *budget, struct df_error *error);
void df_funnel_filter_dispose(struct df_funnel_filter *filter);

/* Writes row_count bytes. Fails with exhausted (no room for a dictionary's answers), and with internal when the vector
 * is not of the kind the filter was compiled for. */
int df_funnel_filter_evaluate(struct df_funnel_filter *filter, const struct df_vector *vector, uint8_t *matches,
                              struct df_error *error);

#endif
