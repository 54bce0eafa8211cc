#include "format/parquet/convert.h"

#include <math.h>

#include "base/bytes.h"
#include "base/error.h"
#include "format/parquet/plain.h"

size_t df_vector_element_bytes(enum df_vector_kind kind)
{
    switch (kind) {
    case DF_VECTOR_BOOL:
        return sizeof(uint8_t);
    case DF_VECTOR_BYTES:
        return sizeof(struct df_slice);
    case DF_VECTOR_INT128:
        return sizeof(__int128);
    case DF_VECTOR_CODES:
        return sizeof(uint32_t);
    default:
        return sizeof(int64_t);
    }
}

void df_convert_floats(const uint8_t *from, double *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float value;
        memcpy(&value, from + 4 * i, sizeof value);
        out[i] = value;
    }
}

/* IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
static double half(uint16_t bits)
{
    int exponent = bits >> 10 & 0x1f;
    int fraction = bits & 0x3ff;
    double value;
    if (exponent == 0x1f)
        value = fraction ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        value = ldexp(fraction, -24);
    else
        value = ldexp(fraction + 0x400, exponent - 25);
    return bits & 0x8000 ? -value : value;
}

void df_convert_halves(const uint8_t *from, double *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = half(df_load_u16le(from + 2 * i));
}

void df_convert_fixed(const uint8_t *from, size_t width, struct df_slice *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = df_slice_make(from + i * width, width);
}

/* Eight bytes of nanoseconds of the day, four of the Julian day. */
bool df_convert_int96s(const uint8_t *from, int64_t *out, size_t n)
{
    const int64_t julian_1970 = 2440588, day_ns = INT64_C(86400000000000);
    bool overflow = false;
    for (size_t i = 0; i < n; i++, from += 12) {
        int64_t of_day = df_load_i64le(from), days = (int64_t)df_load_u32le(from + 8) - julian_1970, whole;
        overflow |= __builtin_mul_overflow(days, day_ns, &whole);
        overflow |= __builtin_add_overflow(whole, of_day, &out[i]);
    }
    return !overflow;
}

/* The last bytes of a number, at most sizeof(__int128); false when those before them say more than its sign. */
static inline bool load_big_endian(const uint8_t *from, size_t width, size_t bytes_max, __int128 *out)
{
    if (width == 0) {
        *out = 0;
        return false;
    }
    uint8_t sign = from[0] & 0x80 ? 0xff : 0;
    bool fits = true;
    for (; width > bytes_max; width--, from++)
        fits &= *from == sign && (from[1] & 0x80) == (sign & 0x80);
    unsigned __int128 value = sign ? ~(unsigned __int128)0 : 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | from[i];
    *out = (__int128)value;
    return fits;
}

bool df_convert_decimal64s(const uint8_t *from, size_t width, int64_t *out, size_t n)
{
    bool fits = true;
    for (size_t i = 0; i < n; i++) {
        __int128 value;
        fits &= load_big_endian(from + i * width, width, sizeof(int64_t), &value);
        out[i] = (int64_t)value;
    }
    return fits;
}

bool df_convert_decimal128s(const uint8_t *from, size_t width, __int128 *out, size_t n)
{
    bool fits = true;
    for (size_t i = 0; i < n; i++)
        fits &= load_big_endian(from + i * width, width, sizeof(__int128), &out[i]);
    return fits;
}

bool df_convert_decimal64_slices(const struct df_slice *from, int64_t *out, size_t n)
{
    bool fits = true;
    for (size_t i = 0; i < n; i++) {
        __int128 value;
        fits &= load_big_endian(from[i].data, from[i].size, sizeof(int64_t), &value);
        out[i] = (int64_t)value;
    }
    return fits;
}

bool df_convert_decimal128_slices(const struct df_slice *from, __int128 *out, size_t n)
{
    bool fits = true;
    for (size_t i = 0; i < n; i++)
        fits &= load_big_endian(from[i].data, from[i].size, sizeof(__int128), &out[i]);
    return fits;
}

static const char *decimal_problem(bool fits, enum df_error_kind *kind)
{
    *kind = DF_ERROR_CORRUPT;
    return fits ? NULL : "a decimal is empty or has more digits than its type";
}

const char *df_convert_plain(const struct df_parquet_leaf *leaf, const uint8_t *from, void *to, size_t n,
                             enum df_error_kind *kind)
{
    switch (leaf->conversion) {
    case DF_PARQUET_FROM_INT32:
        df_plain_int32s(from, to, n);
        return NULL;
    case DF_PARQUET_FROM_UINT32:
        df_plain_uint32s(from, to, n);
        return NULL;
    case DF_PARQUET_FROM_INT64:
        df_plain_int64s(from, to, n);
        return NULL;
    case DF_PARQUET_FROM_INT96:
        *kind = DF_ERROR_UNSUPPORTED;
        return df_convert_int96s(from, to, n)
                   ? NULL
                   : "an INT96 timestamp is outside of the years 1677 to 2262, which nanoseconds in 64 bits cover; "
                     "write the column as a TIMESTAMP in micro- or milliseconds";
    case DF_PARQUET_FROM_HALF:
        df_convert_halves(from, to, n);
        return NULL;
    case DF_PARQUET_FROM_FLOAT:
        df_convert_floats(from, to, n);
        return NULL;
    case DF_PARQUET_FROM_DOUBLE:
        df_plain_doubles(from, to, n);
        return NULL;
    case DF_PARQUET_FROM_FIXED:
        df_convert_fixed(from, leaf->width_bytes, to, n);
        return NULL;
    case DF_PARQUET_FROM_FIXED_DECIMAL:
        return decimal_problem(leaf->kind == DF_VECTOR_INT128 ? df_convert_decimal128s(from, leaf->width_bytes, to, n)
                                                              : df_convert_decimal64s(from, leaf->width_bytes, to, n),
                               kind);
    default:
        *kind = DF_ERROR_INTERNAL;
        return "its values have no width";
    }
}

const char *df_convert_slices(const struct df_parquet_leaf *leaf, const struct df_slice *from, void *to, size_t n,
                              enum df_error_kind *kind)
{
    return decimal_problem(leaf->kind == DF_VECTOR_INT128 ? df_convert_decimal128_slices(from, to, n)
                                                          : df_convert_decimal64_slices(from, to, n),
                           kind);
}
