#include "format/type.h"

#include <stdio.h>

int64_t df_time_unit_per_second(enum df_time_unit unit)
{
    static const int64_t per_second[DF_TIME_UNITS] = {1, 1000, 1000000, 1000000000};
    return per_second[unit];
}

const char *df_time_unit_name(enum df_time_unit unit)
{
    static const char *const names[DF_TIME_UNITS] = {"s", "ms", "us", "ns"};
    return names[unit];
}

const char *df_type_text(const struct df_type *type, char place[DF_TYPE_TEXT_BYTES])
{
    static const char *const one[DF_TYPE_KINDS] = {
        "always null", "a boolean",     "an integer",  "an unsigned 64-bit integer",
        "a float",     "a string",      "binary",      "a UUID",
        "a date",      "a time of day", "a timestamp", "a decimal"};
    static const char *const many[DF_TYPE_KINDS] = {"nulls",  "booleans",     "integers",   "unsigned 64-bit integers",
                                                    "floats", "strings",      "binaries",   "UUIDs",
                                                    "dates",  "times of day", "timestamps", "decimals"};
    int used = type->list ? snprintf(place, DF_TYPE_TEXT_BYTES, "a list of %s", many[type->kind])
                          : snprintf(place, DF_TYPE_TEXT_BYTES, "%s", one[type->kind]);
    size_t at = (size_t)used;
    if (type->kind == DF_TYPE_TIME || type->kind == DF_TYPE_TIMESTAMP)
        snprintf(place + at, DF_TYPE_TEXT_BYTES - at, " in %s", df_time_unit_name(type->unit));
    if (type->kind == DF_TYPE_DECIMAL)
        snprintf(place + at, DF_TYPE_TEXT_BYTES - at, "(%u,%u)", type->precision, type->scale);
    return place;
}

void df_type_put_decimal(struct df_buf *out, __int128 unscaled, unsigned scale)
{
    enum { INT128_DIGITS = 39, SCALE_MAX = 38 };
    char digits[INT128_DIGITS + SCALE_MAX + 1];
    unsigned count = 0;
    unsigned __int128 left = unscaled < 0 ? 0 - (unsigned __int128)unscaled : (unsigned __int128)unscaled;
    scale = scale < SCALE_MAX ? scale : SCALE_MAX;
    for (; left || count <= scale; left /= 10)
        digits[count++] = (char)('0' + (int)(left % 10));
    if (unscaled < 0)
        df_buf_put_char(out, '-');
    while (count) {
        if (count == scale)
            df_buf_put_char(out, '.');
        df_buf_put_char(out, digits[--count]);
    }
}

void df_type_put_uuid(struct df_buf *out, struct df_slice bytes)
{
    enum { UUID_BYTES = 16 };
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.size == UUID_BYTES && (i == 4 || i == 6 || i == 8 || i == 10))
            df_buf_put_char(out, '-');
        df_buf_printf(out, "%02x", bytes.data[i]);
    }
}
