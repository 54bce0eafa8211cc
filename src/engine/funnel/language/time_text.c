/* Lengths and instants as text, exactly: everything is a whole number of nanoseconds in 128 bits until the unit of the
 * time column is known. */
#include "engine/funnel/language/time_text.h"

#include "base/calendar.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_DAY    (86400 * NS_PER_SECOND)

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
        day > df_days_in_month(year, month))
        return false;
    *days = df_days_of_civil((struct df_civil){.year = year, .month = month, .day = day});
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
