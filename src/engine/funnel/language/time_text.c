/* Lengths and instants as text, exactly: everything is a whole number of nanoseconds in 128 bits until the unit of the
 * time column is known. */
#include "engine/funnel/language/time_text.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_DAY    (86400 * NS_PER_SECOND)

enum { DAYS_PER_ERA = 146097 }; /* 400 years of the Gregorian calendar */

/* ---- scales ---- */

const char *df_funnel_scale_name(enum df_funnel_scale scale)
{
    static const char *const names[] = {
        [DF_FUNNEL_SCALE_S] = "s",   [DF_FUNNEL_SCALE_MS] = "ms",   [DF_FUNNEL_SCALE_US] = "us",
        [DF_FUNNEL_SCALE_NS] = "ns", [DF_FUNNEL_SCALE_DAY] = "day",
    };
    return names[scale];
}

int64_t df_funnel_scale_ns(enum df_funnel_scale scale)
{
    static const int64_t ns[] = {
        [DF_FUNNEL_SCALE_S] = NS_PER_SECOND, [DF_FUNNEL_SCALE_MS] = 1000000,
        [DF_FUNNEL_SCALE_US] = 1000,         [DF_FUNNEL_SCALE_NS] = 1,
        [DF_FUNNEL_SCALE_DAY] = NS_PER_DAY,
    };
    return ns[scale];
}

/* ---- lengths ---- */

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool unit_ns(struct df_slice unit, uint64_t *ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"ms", 1000000},
        {"s", (uint64_t)NS_PER_SECOND},
        {"m", 60 * (uint64_t)NS_PER_SECOND},
        {"h", 3600 * (uint64_t)NS_PER_SECOND},
        {"d", (uint64_t)NS_PER_DAY},
        {"w", 7 * (uint64_t)NS_PER_DAY},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (df_slice_is(unit, units[i].name)) {
            *ns = units[i].ns;
            return true;
        }
    }
    return false;
}

bool df_funnel_length_parse(struct df_slice text, struct df_funnel_length *length)
{
    const unsigned __int128 most = ~(unsigned __int128)0; /* longer than any column can tell, in any unit */
    unsigned __int128 amount = 0;
    uint64_t ns;
    size_t at = 0;
    bool over = false;
    for (; at < text.size && is_digit(text.data[at]); at++)
        over |= __builtin_mul_overflow(amount, (unsigned __int128)10, &amount) ||
                __builtin_add_overflow(amount, (unsigned __int128)(text.data[at] - '0'), &amount);
    if (at == 0 || !unit_ns(df_slice_make(text.data + at, text.size - at), &ns))
        return false;
    over |= __builtin_mul_overflow(amount, (unsigned __int128)ns, &amount);
    *length = (struct df_funnel_length){.given = true, .in_ns = true, .amount = over ? most : amount};
    return true;
}

static uint64_t clip(unsigned __int128 steps)
{
    return steps > UINT64_MAX ? UINT64_MAX : (uint64_t)steps;
}

uint64_t df_funnel_length_floor(const struct df_funnel_length *length, enum df_funnel_scale scale)
{
    return clip(length->in_ns ? length->amount / (uint64_t)df_funnel_scale_ns(scale) : length->amount);
}

uint64_t df_funnel_length_ceiling(const struct df_funnel_length *length, enum df_funnel_scale scale)
{
    if (!length->in_ns)
        return clip(length->amount);
    uint64_t ns = (uint64_t)df_funnel_scale_ns(scale);
    return clip(length->amount / ns + (length->amount % ns != 0));
}

/* ---- the calendar ---- */

/* The calendar repeats after an era. Years are taken from March on, so that the leap day is the last of a year, and
 * eras from 0000-03-01 on, which is 719468 = 4 * 146097 + 135080 days before 1970. */
struct df_funnel_civil df_funnel_civil_of_days(int64_t days)
{
    int64_t era = days / DAYS_PER_ERA + 4, day = days % DAYS_PER_ERA + 135080;
    if (day < 0) {
        day += DAYS_PER_ERA;
        era--;
    } else if (day >= DAYS_PER_ERA) {
        day -= DAYS_PER_ERA;
        era++;
    }
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365; /* of the era */
    int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* March is 0 */
    return (struct df_funnel_civil){
        .year = era * 400 + year + (month >= 10),
        .month = (unsigned)(month < 10 ? month + 3 : month - 9),
        .day = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1),
    };
}

int64_t df_funnel_days_of_civil(struct df_funnel_civil civil)
{
    __int128 year = (__int128)civil.year - (civil.month <= 2);
    __int128 era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = (int64_t)(year - era * 400);
    int64_t month = civil.month > 2 ? (int64_t)civil.month - 3 : (int64_t)civil.month + 9;
    int64_t day_of_year = (153 * month + 2) / 5 + (int64_t)civil.day - 1;
    __int128 days = era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719468;
    return days > INT64_MAX ? INT64_MAX : days < INT64_MIN ? INT64_MIN : (int64_t)days;
}

static unsigned days_in_month(int64_t year, unsigned month)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* ---- instants ---- */

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

/* Exactly so many digits, with a value of at most `most`. */
static bool take_digits(struct text *text, unsigned count, unsigned most, unsigned *value)
{
    *value = 0;
    for (; count > 0; count--, text->at++) {
        if (text->at == text->end || !is_digit(*text->at))
            return false;
        *value = *value * 10 + (unsigned)(*text->at - '0');
    }
    return *value <= most;
}

static bool take_date(struct text *text, int64_t *days)
{
    unsigned year, month, day;
    if (!take_digits(text, 4, 9999, &year) || !take_char(text, '-') || !take_digits(text, 2, 12, &month) ||
        !take_char(text, '-') || !take_digits(text, 2, 31, &day) || year == 0 || month == 0 || day == 0 ||
        day > days_in_month(year, month))
        return false;
    *days = df_funnel_days_of_civil((struct df_funnel_civil){.year = year, .month = month, .day = day});
    return true;
}

/* Digits behind the point; those beyond nanoseconds are cut. */
static bool take_fraction(struct text *text, int64_t *ns)
{
    int64_t digit_ns = NS_PER_SECOND / 10;
    const uint8_t *from = text->at;
    for (; text->at < text->end && is_digit(*text->at); text->at++, digit_ns /= 10)
        *ns += (*text->at - '0') * digit_ns;
    return text->at > from;
}

static bool take_time(struct text *text, int64_t *ns)
{
    unsigned hour, minute, second = 0;
    *ns = 0;
    if (!take_digits(text, 2, 23, &hour) || !take_char(text, ':') || !take_digits(text, 2, 59, &minute))
        return false;
    if (take_char(text, ':') &&
        (!take_digits(text, 2, 59, &second) || (take_char(text, '.') && !take_fraction(text, ns))))
        return false;
    *ns += (hour * INT64_C(3600) + minute * INT64_C(60) + second) * NS_PER_SECOND;
    return true;
}

/* `Z`, `+02:00`, `+0200`, `+02` or nothing, up to the end. */
static bool take_offset(struct text *text, int64_t *ns)
{
    unsigned hour, minute = 0;
    *ns = 0;
    if (text->at == text->end)
        return true;
    if (take_char(text, 'Z') || take_char(text, 'z'))
        return text->at == text->end;
    bool west = take_char(text, '-');
    if ((!west && !take_char(text, '+')) || !take_digits(text, 2, 23, &hour))
        return false;
    bool colon = take_char(text, ':');
    if ((colon || text->at < text->end) && !take_digits(text, 2, 59, &minute))
        return false;
    *ns = (hour * INT64_C(3600) + minute * INT64_C(60)) * (west ? -NS_PER_SECOND : NS_PER_SECOND);
    return text->at == text->end;
}

bool df_funnel_instant_parse(struct df_slice slice, struct df_funnel_instant *instant, bool *has_time)
{
    struct text text = {.at = slice.data, .end = slice.data ? slice.data + slice.size : NULL};
    int64_t days, time = 0, offset = 0;
    if (!take_date(&text, &days))
        return false;
    bool timed = text.at < text.end;
    if (timed && ((!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' ')) ||
                  !take_time(&text, &time) || !take_offset(&text, &offset)))
        return false;
    *instant =
        (struct df_funnel_instant){.given = true, .in_ns = true, .amount = (__int128)days * NS_PER_DAY + time - offset};
    if (has_time)
        *has_time = timed;
    return true;
}

__int128 df_funnel_instant_ceiling(const struct df_funnel_instant *instant, enum df_funnel_scale scale)
{
    if (!instant->in_ns)
        return instant->amount;
    int64_t ns = df_funnel_scale_ns(scale);
    return instant->amount / ns + (instant->amount % ns > 0);
}

/* ---- printing ---- */

void df_funnel_put_date(struct df_buf *out, int64_t days)
{
    struct df_funnel_civil civil = df_funnel_civil_of_days(days);
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

void df_funnel_put_timestamp(struct df_buf *out, int64_t value, enum df_time_unit unit)
{
    int64_t per_second = df_time_unit_per_second(unit), per_day = per_second * 86400;
    int64_t days = value / per_day, of_day = value % per_day;
    if (of_day < 0) {
        of_day += per_day;
        days--;
    }
    df_funnel_put_date(out, days);
    df_buf_put_char(out, 'T');
    put_clock(out, (uint64_t)(of_day / per_second), of_day % per_second * (NS_PER_SECOND / per_second));
    df_buf_put_char(out, 'Z');
}

void df_funnel_put_time_of_day(struct df_buf *out, int64_t value, enum df_time_unit unit)
{
    uint64_t per_second = (uint64_t)df_time_unit_per_second(unit);
    uint64_t magnitude = value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
    if (value < 0) /* no time of day, but what the file says */
        df_buf_put_char(out, '-');
    put_clock(out, magnitude / per_second, (int64_t)(magnitude % per_second) * (NS_PER_SECOND / (int64_t)per_second));
}
