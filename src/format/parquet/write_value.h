/* One value on its way into a column: taken out of a vector, checked, and as PLAIN writes it. */
#ifndef DF_FORMAT_PARQUET_WRITE_VALUE_H
#define DF_FORMAT_PARQUET_WRITE_VALUE_H

#include "base/error.h"
#include "format/parquet/write_type.h"

/* Sizes of pages are 31 bits in their headers. */
enum { DF_WRITE_VALUE_BYTES_MAX = 1 << 29 };

struct df_write_value {
    int64_t integer; /* also booleans */
    double number;
    __int128 wide; /* decimals of more than 18 digits */
    struct df_slice bytes;
    uint8_t plain[16];           /* of what has one width */
    struct df_slice plain_bytes; /* as PLAIN, byte arrays without their length, booleans in a byte of their own */
};

/* True when a column of this type takes vectors like this one. */
bool df_write_value_kind_fits(const struct df_type *type, const struct df_vector *vector);
void df_write_value_load(const struct df_vector *vector, uint32_t row, struct df_write_value *value);
/* Fails with invalid when the value is not one of the type. */
int df_write_value_encode(const struct df_parquet_write_column *column, const struct df_write_type *written,
                          struct df_write_value *value, struct df_error *error);

/* Both. */
int df_write_value_take(const struct df_parquet_write_column *column, const struct df_write_type *written,
                        const struct df_vector *vector, uint32_t row, struct df_write_value *value,
                        struct df_error *error);

/* Least and greatest values of a chunk. */
struct df_write_statistics {
    uint64_t null_count, nan_count;
    bool any;                                   /* minimum and maximum are set: of values that are not NaN */
    struct df_write_value minimum, maximum;     /* without bytes */
    struct df_buf minimum_bytes, maximum_bytes; /* of byte arrays, and of UUIDs */
};

void df_write_statistics_note(struct df_write_statistics *statistics, const struct df_type *type,
                              const struct df_write_value *value);
/* Takes the values that `other` noted, too. */
void df_write_statistics_add(struct df_write_statistics *statistics, const struct df_type *type,
                             const struct df_write_statistics *other);
/* Below 0, 0, above 0; both have `any`. */
int df_write_statistics_compare_minima(const struct df_type *type, const struct df_write_statistics *a,
                                       const struct df_write_statistics *b);
int df_write_statistics_compare_maxima(const struct df_type *type, const struct df_write_statistics *a,
                                       const struct df_write_statistics *b);
/* Appends the bounds as PLAIN, without length; `any` is set. */
void df_write_statistics_put(const struct df_write_statistics *statistics, const struct df_parquet_write_column *column,
                             const struct df_write_type *written, struct df_buf *minimum, struct df_buf *maximum);
void df_write_statistics_clear(struct df_write_statistics *statistics);
void df_write_statistics_dispose(struct df_write_statistics *statistics);

#endif
