#include "format/type.h"

#include <stdio.h>

#include "base/calendar.h"

#define NS_PER_SECOND INT64_C(1000000000)

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

void df_type_put_date(struct df_buf *out, int64_t days)
{
    struct df_civil civil = df_civil_of_days(days);
    const char *sign = civil.year < 0 ? "-" : civil.year < 1 || civil.year > 9999 ? "+" : "";
    uint64_t year = (uint64_t)(civil.year < 0 ? -civil.year : civil.year);
    df_buf_printf(out, "%s%04llu-%02u-%02u", sign, (unsigned long long)year, civil.month, civil.day);
}

/* ".500": the fewest of 0, 3, 6, 9 digits that are exact. */
static void put_fraction(struct df_buf *out, int64_t ns)
{
    if (ns % 1000)
        df_buf_printf(out, ".%09d", (int)ns);
    else if (ns % 1000000)
        df_buf_printf(out, ".%06d", (int)(ns / 1000));
    else if (ns)
        df_buf_printf(out, ".%03d", (int)(ns / 1000000));
}

/* seconds and ns are not negative. */
static void put_clock(struct df_buf *out, uint64_t seconds, int64_t ns)
{
    df_buf_printf(out, "%02llu:%02u:%02u", (unsigned long long)(seconds / 3600), (unsigned)(seconds / 60 % 60),
                  (unsigned)(seconds % 60));
    put_fraction(out, ns);
}

void df_type_put_timestamp(struct df_buf *out, int64_t value, enum df_time_unit unit)
{
    int64_t per_second = df_time_unit_per_second(unit), per_day = per_second * 86400;
    int64_t days = value / per_day, of_day = value % per_day;
    if (of_day < 0) {
        of_day += per_day;
        days--;
    }
    df_type_put_date(out, days);
    df_buf_put_char(out, 'T');
    put_clock(out, (uint64_t)(of_day / per_second), of_day % per_second * (NS_PER_SECOND / per_second));
    df_buf_put_char(out, 'Z');
}

void df_type_put_time_of_day(struct df_buf *out, int64_t value, enum df_time_unit unit)
{
    uint64_t per_second = (uint64_t)df_time_unit_per_second(unit);
    uint64_t magnitude = value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
    if (value < 0) /* no time of day, but what the file says */
        df_buf_put_char(out, '-');
    put_clock(out, magnitude / per_second, (int64_t)(magnitude % per_second) * (NS_PER_SECOND / (int64_t)per_second));
}
