/* What the values of a column mean, whatever the format: what an engine must know to compare, order and print them.
 *
 *     kind       | vector             | values
 *     NULL       | any, all null      | a column in which the writer saw no value
 *     BOOL       | BOOL               |
 *     INT64      | INT64              | signed integers of any width, widened
 *     UINT64     | INT64              | unsigned integers of 64 bits: the same 64 bits (narrower ones are INT64)
 *     FLOAT      | FLOAT64            | `bits` 16, 32 or 64: widened exactly
 *     STRING     | BYTES              | UTF-8 by contract, any bytes in fact; also ENUM, JSON
 *     BINARY     | BYTES              | any bytes; also BSON and fixed-length bytes
 *     UUID       | BYTES              | 16 bytes each
 *     DATE       | INT64              | days since 1970-01-01
 *     TIME       | INT64              | of day, in `unit`
 *     TIMESTAMP  | INT64              | since 1970-01-01T00:00:00 (UTC, or as if it were), in `unit`
 *     DECIMAL    | INT64 or INT128    | unscaled; value = unscaled / 10^scale; INT128 where precision is above 18
 *
 * Any of them may come as CODES with a dictionary of that vector kind (BOOL and INT128 never do). A list has vectors of
 * kind LIST whose elements are such vectors. */
#ifndef DF_FORMAT_TYPE_H
#define DF_FORMAT_TYPE_H

#include "base/buf.h"

enum df_type_kind {
    DF_TYPE_NULL,
    DF_TYPE_BOOL,
    DF_TYPE_INT64,
    DF_TYPE_UINT64,
    DF_TYPE_FLOAT,
    DF_TYPE_STRING,
    DF_TYPE_BINARY,
    DF_TYPE_UUID,
    DF_TYPE_DATE,
    DF_TYPE_TIME,
    DF_TYPE_TIMESTAMP,
    DF_TYPE_DECIMAL,
    DF_TYPE_KINDS
}; /* numbers are part of codecs: append only */

enum df_time_unit { DF_TIME_S, DF_TIME_MS, DF_TIME_US, DF_TIME_NS, DF_TIME_UNITS };

struct df_type {
    enum df_type_kind kind; /* of the elements, for a list */
    bool list;              /* a list of values per row */
    uint8_t bits; /* of FLOAT: 16, 32, 64; of integers the signed width that has room for all: 8, 16, 32, 64 (of
                     unsigned 32: 64) */
    enum df_time_unit unit;   /* of TIME and TIMESTAMP */
    uint8_t precision, scale; /* of DECIMAL, in decimal digits; at most 38 */
};

/* Units per second: 1, 1000, … */
int64_t df_time_unit_per_second(enum df_time_unit unit);
const char *df_time_unit_name(enum df_time_unit unit); /* "s", "ms", "us", "ns" */
/* As a message shows it: "an integer", "a list of strings", "a timestamp in ms", "a decimal(10,2)". Valid until the
 * next call with the same place. */
enum { DF_TYPE_TEXT_BYTES = 64 };
const char *df_type_text(const struct df_type *type, char place[DF_TYPE_TEXT_BYTES]);

/* ---- values as text ---- */

/* `2015-05-03`; years outside 0001..9999 are written with a sign and as many digits as they need. */
void df_type_put_date(struct df_buf *out, int64_t days);
/* `2015-05-03T10:20:30.500Z`: the fewest of 0, 3, 6, 9 fraction digits that are exact. */
void df_type_put_timestamp(struct df_buf *out, int64_t value, enum df_time_unit unit);
/* `10:20:30.500` */
void df_type_put_time_of_day(struct df_buf *out, int64_t value, enum df_time_unit unit);
/* unscaled / 10^scale with all its digits: -5 at scale 2 is -0.05. */
void df_type_put_decimal(struct df_buf *out, __int128 unscaled, unsigned scale);
/* 16 bytes in groups of 4, 2, 2, 2, 6; bytes of another number without groups. */
void df_type_put_uuid(struct df_buf *out, struct df_slice bytes);

#endif
