#include "format/text/times.h"

#include "base/calendar.h"

enum { SECONDS_PER_DAY = 86400 };

struct text {
    const uint8_t *at, *end;
};

static bool take_char(struct text *text, char c)
{
    if (text->at == text->end || *text->at != (uint8_t)c)
        return false;
    text->at++;
    return true;
}

static bool take_digits(struct text *text, unsigned count, unsigned *value)
{
    *value = 0;
    if (text->end - text->at < (ptrdiff_t)count)
        return false;
    for (unsigned i = 0; i < count; i++) {
        unsigned digit = (unsigned)*text->at - '0';
        if (digit > 9)
            return false;
        text->at++;
        *value = *value * 10 + digit;
    }
    return true;
}

/* ---- dates ---- */

static bool take_date(struct text *text, int64_t *days)
{
    unsigned year, month, day;
    if (!take_digits(text, 4, &year) || text->at == text->end)
        return false;
    char separator = (char)*text->at;
    if ((separator != '-' && separator != '/') || !take_char(text, separator) || !take_digits(text, 2, &month) ||
        !take_char(text, separator) || !take_digits(text, 2, &day))
        return false;
    if (year == 0 || month == 0 || month > 12 || day == 0 || day > df_days_in_month(year, month))
        return false;
    *days = df_days_of_civil((struct df_civil){.year = year, .month = month, .day = day});
    return true;
}

/* ---- times ---- */

static bool take_fraction(struct text *text, struct df_text_value *value)
{
    uint32_t unit = 100000000;
    if (!take_char(text, '.') && !take_char(text, ','))
        return true;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++, unit /= 10) {
        value->nanoseconds += unit * (uint32_t)(*text->at - '0');
        value->digits++;
    }
    return value->digits > 0;
}

/* Hours and minutes; seconds and their fraction may be missing. */
static bool take_clock(struct text *text, struct df_text_value *value, int64_t *seconds)
{
    unsigned hour, minute, second = 0;
    if (!take_digits(text, 2, &hour) || !take_char(text, ':') || !take_digits(text, 2, &minute))
        return false;
    if (take_char(text, ':') && (!take_digits(text, 2, &second) || !take_fraction(text, value)))
        return false;
    *seconds = (int64_t)hour * 3600 + minute * 60 + second;
    return hour < 24 && minute < 60 && second < 60;
}

/* Z, +02, +0200, +02:00, or nothing; a blank before it. */
static bool take_zone(struct text *text, int64_t *offset_seconds)
{
    unsigned hours, minutes = 0;
    *offset_seconds = 0;
    if (text->at == text->end)
        return true;
    (void)take_char(text, ' ');
    if (take_char(text, 'Z') || take_char(text, 'z'))
        return true;
    bool west = take_char(text, '-');
    if ((!west && !take_char(text, '+')) || !take_digits(text, 2, &hours))
        return false;
    bool colon = take_char(text, ':');
    if ((colon || text->at < text->end) && !take_digits(text, 2, &minutes))
        return false;
    *offset_seconds = (int64_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return hours < 24 && minutes < 60;
}

bool df_text_time(struct df_slice text, struct df_text_value *value)
{
    struct text rest = {.at = text.data, .end = text.data + text.size};
    int64_t days, seconds, offset;
    value->nanoseconds = 0;
    value->digits = 0;
    if (text.size < 10 || !take_date(&rest, &days))
        return false;
    value->kind = DF_TEXT_CLASS_DATE;
    value->seconds = days * SECONDS_PER_DAY;
    if (rest.at == rest.end)
        return true;
    if (!take_char(&rest, 'T') && !take_char(&rest, ' ') && !take_char(&rest, 't'))
        return false;
    if (!take_clock(&rest, value, &seconds) || !take_zone(&rest, &offset) || rest.at != rest.end)
        return false;
    value->kind = DF_TEXT_CLASS_TIMESTAMP;
    value->seconds += seconds - offset;
    return true;
}
