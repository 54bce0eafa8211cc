/* The values of one data page, whatever their encoding: begin, take some, take more, and see that nothing is left.
 *
 * Values are those that are not null. They come as elements of the column's vector kind, or as codes. */
#ifndef DF_FORMAT_PARQUET_VALUES_H
#define DF_FORMAT_PARQUET_VALUES_H

#include "base/error.h"
#include "format/parquet/delta_length.h"
#include "format/parquet/dictionary.h"
#include "format/parquet/rle.h"

enum df_parquet_stream {
    DF_PARQUET_STREAM_BITS,  /* PLAIN booleans */
    DF_PARQUET_STREAM_FIXED, /* PLAIN, one width */
    DF_PARQUET_STREAM_BYTES, /* PLAIN byte arrays */
    DF_PARQUET_STREAM_RUNS,  /* RLE booleans */
    DF_PARQUET_STREAM_DELTA,
    DF_PARQUET_STREAM_DELTA_LENGTH,
    DF_PARQUET_STREAM_CODES,
};

struct df_parquet_values {
    const struct df_parquet_leaf *leaf;
    bool scalar; /* without code for processors that have more than others */
    enum df_parquet_stream stream;
    const uint8_t *at, *end; /* BITS, FIXED, BYTES */
    size_t bit;              /* BITS */
    struct df_rle rle;       /* RUNS, CODES */
    struct df_delta delta;
    struct df_delta_length delta_length;
    const struct df_dictionary *dictionary; /* CODES */
    struct df_parquet_buffer plain;         /* of encodings that are turned into PLAIN first */
};

/* What went wrong: `text` is NULL when nothing did. */
struct df_parquet_problem {
    enum df_error_kind kind;
    const char *text;
    size_t bytes; /* of exhausted: what was asked for */
};

/* `bytes` stay as long as the page. At most values_max values will be taken. `dictionary` is NULL if there is none. */
struct df_parquet_problem df_parquet_values_begin(struct df_parquet_values *values, int32_t encoding,
                                                  struct df_slice bytes, uint32_t values_max,
                                                  const struct df_dictionary *dictionary, struct df_budget *budget);

/* Whether take_codes may be called: the values stand in the dictionary, and its kind is one that vectors have codes of.
 */
bool df_parquet_values_have_codes(const struct df_parquet_values *values);

/* The next n values as they lie in the page, if that is how vectors have them: aligned numbers of eight bytes. NULL,
 * and nothing is taken, otherwise. */
const void *df_parquet_values_take_in_place(struct df_parquet_values *values, size_t n);
/* The next n values to elements of the leaf's kind. */
struct df_parquet_problem df_parquet_values_take(struct df_parquet_values *values, void *to, size_t n);
struct df_parquet_problem df_parquet_values_take_codes(struct df_parquet_values *values, uint32_t *to, size_t n);

/* Values fill their page exactly; what is left over means that levels and values do not belong together. Codes are
 * padded by their writers, so nothing is said about their end. Bytes, or values of DELTA_BINARY_PACKED. */
uint64_t df_parquet_values_left_over(const struct df_parquet_values *values);

#endif
