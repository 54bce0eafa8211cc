/* One cell as a value: what it could be by itself, and what it is as a value of a given type.
 *
 * A text is a number only if nothing is lost by taking it for one: "007", "+5" and " 5" are strings. The forms of dates
 * and times are listed in times.c; "01/02/2024" is one only where the rest of its column tells the day from the month,
 * or the caller does. */
#ifndef DF_FORMAT_TEXT_VALUE_H
#define DF_FORMAT_TEXT_VALUE_H

#include "format/text/text.h"
#include "format/type.h"

enum df_text_class {
    DF_TEXT_CLASS_NULL,
    DF_TEXT_CLASS_BOOL,  /* true, false, True, FALSE … */
    DF_TEXT_CLASS_INT,   /* fits int64 */
    DF_TEXT_CLASS_UINT,  /* fits uint64 only */
    DF_TEXT_CLASS_FLOAT, /* with a point or an exponent, finite */
    DF_TEXT_CLASS_WORD,  /* NaN, inf: a number among numbers, a string otherwise */
    DF_TEXT_CLASS_DATE,
    DF_TEXT_CLASS_TIMESTAMP,
    DF_TEXT_CLASS_STRING,
    DF_TEXT_CLASSES
};

/* Whether 01/02/2024 is 1 February or 2 January. */
enum df_text_day_order { DF_TEXT_DAY_ANY, DF_TEXT_DAY_FIRST, DF_TEXT_MONTH_FIRST };

struct df_text_value {
    enum df_text_class kind;
    bool boolean;
    bool wide; /* of an INT: beyond ±2^53, where doubles are not exact */
    int64_t int64;
    uint64_t uint64;
    double float64;
    int64_t seconds;      /* since 1970, of DATE and TIMESTAMP */
    uint32_t nanoseconds; /* of TIMESTAMP: behind the seconds */
    unsigned digits;      /* of its fraction */
    /* Of DATE and TIMESTAMP: the only order in which the text is one, ANY: each; or it is one in both, and not the
     * same. */
    enum df_text_day_order order;
    bool ambiguous;
};

/* `order`: what the caller says of all dates, or ANY. */
void df_text_classify(const struct df_text_cell *cell, enum df_text_day_order order, struct df_text_value *value);

/* A value of a column, as a vector of its type has it. */
struct df_text_stored {
    bool is_null;
    int64_t int64; /* also BOOL, DATE, TIMESTAMP, UINT64 */
    double float64;
    struct df_slice bytes; /* of STRING; the cell's */
};
/* False when the cell is no value of the type, which is BOOL, INT64, UINT64, FLOAT, DATE, TIMESTAMP (us or ns), STRING
 * or NULL. More is taken than is inferred: 007 and +5 are integers, 0 and 1 booleans, if the caller says so. `order` is
 * that of the column. */
bool df_text_convert(const struct df_text_cell *cell, const struct df_type *type, enum df_text_day_order order,
                     struct df_text_stored *stored);

/* ---- the type of a column, from all of its cells ---- */

struct df_text_column {
    uint32_t seen;                          /* bit per class */
    bool wide, negative;                    /* among its integers */
    bool fine;                              /* a fraction of more than 6 digits */
    bool beyond_ns;                         /* a time that int64 nanoseconds do not reach */
    bool too_fine;                          /* a fraction of more than 9 digits */
    bool day_first, month_first, ambiguous; /* among its dates: those of one order only, and those of either */
};
void df_text_column_note(struct df_text_column *column, const struct df_text_value *value);
/* The order of all dates of the column; ANY when there is none, or none is needed. */
enum df_text_day_order df_text_column_order(const struct df_text_column *column);
/* True when its dates fit no order, or each: then they are strings. */
bool df_text_column_is_ambiguous(const struct df_text_column *column);
/* The narrowest type that holds every cell without loss. */
struct df_type df_text_column_type(const struct df_text_column *column);
/* The type for a name of a command line: bool, int, float, string, date, timestamp; false: none of them. With
 * timestamp the unit follows the column: ns if a fraction needs it and every time fits. */
bool df_text_type_named(const char *name, const struct df_text_column *column, struct df_type *type);

#endif
