/* The forms that are taken, each with a time behind it if it likes:
 *
 *     2024-01-02  2024/1/2  20240102T…      the year first
 *     13/02/2024  02/13/2024  02-13-2024    the year last: other dates of the column tell the day from the month
 *     13.02.2024                            the same, with the day first where nothing else is said
 *     [Tue, ]2 Jan 2024  2-Jan-2024         mails, HTTP, databases
 *     2/Jan/2024:03:04:05 +0100             logs of web servers
 *     [Tue, ]January 2, 2024
 *
 * Times: 03:04, 3:04:05.123456789, 030405 (behind 20240102T), 3:04 PM; then nothing, Z, UTC, GMT, +02, +0200, +02:00.
 */
#include "format/text/times.h"

#include <strings.h>

#include "base/calendar.h"

enum { SECONDS_PER_DAY = 86400 };

struct text {
    const uint8_t *at, *end;
};

struct date {
    unsigned year, month, day;
    bool compact;  /* so is its time */
    bool colon;    /* stands before the time: the log of a web server */
    bool year_end; /* month and day may be the other way round */
    bool dots;
};

static bool take_char(struct text *text, char c)
{
    if (text->at == text->end || *text->at != (uint8_t)c)
        return false;
    text->at++;
    return true;
}

static bool take_number(struct text *text, unsigned least, unsigned most, unsigned *value)
{
    unsigned count = 0;
    *value = 0;
    for (; count < most && text->at < text->end && *text->at >= '0' && *text->at <= '9'; count++)
        *value = *value * 10 + (unsigned)(*text->at++ - '0');
    return count >= least;
}

/* ---- names ---- */

static size_t run_of_letters(const struct text *text)
{
    size_t size = 0;
    while (text->at + size < text->end && ((text->at[size] | 0x20) >= 'a' && (text->at[size] | 0x20) <= 'z'))
        size++;
    return size;
}

/* Of "January" all, or its first three letters. The place of the name from 1; 0: none of them. */
static unsigned take_name(struct text *text, const char *const *names, unsigned count)
{
    size_t size = run_of_letters(text);
    for (unsigned i = 0; size >= 3 && i < count; i++)
        if ((names[i][0] | 0x20) == (text->at[0] | 0x20) && (size == 3 || size == strlen(names[i])) &&
            strncasecmp((const char *)text->at, names[i], size) == 0) {
            text->at += size;
            return i + 1;
        }
    return 0;
}

static bool take_month(struct text *text, unsigned *month)
{
    static const char *const names[] = {"January", "February", "March",     "April",   "May",      "June",
                                        "July",    "August",   "September", "October", "November", "December"};
    *month = take_name(text, names, sizeof names / sizeof *names);
    return *month > 0;
}

static void skip_weekday(struct text *text)
{
    static const char *const names[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
    if (take_name(text, names, sizeof names / sizeof *names) > 0) {
        (void)take_char(text, ',');
        (void)take_char(text, ' ');
    }
}

/* ---- dates ---- */

static bool take_separator(struct text *text, char *separator)
{
    if (text->at == text->end || !strchr("-/. ", *text->at) || *text->at == '\0')
        return false;
    *separator = (char)*text->at++;
    return true;
}

/* 2024-01-02, behind the year */
static bool take_year_first(struct text *text, struct date *date)
{
    char separator;
    return take_separator(text, &separator) && (separator == '-' || separator == '/') &&
           take_number(text, 1, 2, &date->month) && take_char(text, separator) && take_number(text, 1, 2, &date->day);
}

/* 13/02/2024 or 2 Jan 2024, behind the first number */
static bool take_year_last(struct text *text, struct date *date)
{
    char separator;
    if (!take_separator(text, &separator))
        return false;
    bool named = run_of_letters(text) > 0;
    date->year_end = !named;
    date->dots = separator == '.';
    date->colon = named && separator == '/';
    if (named ? !take_month(text, &date->month) || separator == '.'
              : !take_number(text, 1, 2, &date->month) || separator == ' ')
        return false;
    return take_char(text, separator) && take_number(text, 4, 4, &date->year);
}

/* January 2, 2024 */
static bool take_month_first(struct text *text, struct date *date)
{
    if (!take_month(text, &date->month) || !take_char(text, ' ') || !take_number(text, 1, 2, &date->day))
        return false;
    (void)take_char(text, ',');
    return take_char(text, ' ') && take_number(text, 4, 4, &date->year);
}

/* 20240102, with a T behind: alone it is a number */
static void split_compact(struct date *date, unsigned number)
{
    date->year = number / 10000;
    date->month = number / 100 % 100;
    date->day = number % 100;
    date->compact = true;
}

static bool take_date(struct text *text, struct date *date)
{
    unsigned number;
    *date = (struct date){0};
    size_t letters = run_of_letters(text);
    if (letters > 0 && (text->at + letters == text->end || !strchr(" ,", text->at[letters])))
        return false; /* soon: most texts are no dates */
    skip_weekday(text);
    const uint8_t *begin = text->at;
    if (!take_number(text, 1, 8, &number))
        return take_month_first(text, date);
    switch (text->at - begin) {
    case 4:
        date->year = number;
        return take_year_first(text, date);
    case 8:
        split_compact(date, number);
        return text->at < text->end && *text->at == 'T';
    default:
        date->day = number;
        return number < 100 && take_year_last(text, date);
    }
}

static bool is_date(unsigned year, unsigned month, unsigned day)
{
    return year > 0 && month > 0 && month <= 12 && day > 0 && day <= df_days_in_month(year, month);
}

/* Day and month where the text itself does not tell which is which. */
static bool settle_order(struct date *date, enum df_text_day_order order, struct df_text_value *value)
{
    bool day_first = is_date(date->year, date->month, date->day);
    bool month_first = is_date(date->year, date->day, date->month);
    value->ambiguous = false;
    value->order = DF_TEXT_DAY_ANY;
    if (!date->year_end || date->day == date->month)
        return day_first;
    if (order == DF_TEXT_DAY_ANY && date->dots)
        order = DF_TEXT_DAY_FIRST;
    if (order == DF_TEXT_DAY_ANY) {
        value->ambiguous = day_first && month_first;
        order = day_first ? DF_TEXT_DAY_FIRST : DF_TEXT_MONTH_FIRST;
    }
    if (!value->ambiguous)
        value->order = order;
    if (order == DF_TEXT_DAY_FIRST)
        return day_first;
    unsigned month = date->day;
    date->day = date->month;
    date->month = month;
    return month_first;
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

/* AM and PM, which make an hour of 1 to 12 one of the day. */
static bool take_half(struct text *text, unsigned *hour)
{
    struct text rest = *text;
    (void)take_char(&rest, ' ');
    if (rest.end - rest.at < 2 || (rest.at[1] | 0x20) != 'm')
        return true;
    uint8_t half = rest.at[0] | 0x20;
    if (half != 'a' && half != 'p')
        return true;
    text->at = rest.at + 2;
    bool known = *hour >= 1 && *hour <= 12;
    *hour = *hour % 12 + (half == 'p' ? 12 : 0);
    return known;
}

/* Hours and minutes; seconds and their fraction may be missing. */
static bool take_clock(struct text *text, bool compact, struct df_text_value *value, int64_t *seconds)
{
    unsigned hour, minute, second = 0;
    if (!take_number(text, compact ? 2 : 1, 2, &hour) || (!compact && !take_char(text, ':')) ||
        !take_number(text, 2, 2, &minute))
        return false;
    bool more = compact ? text->at < text->end && *text->at >= '0' && *text->at <= '9' : take_char(text, ':');
    if (more && (!take_number(text, 2, 2, &second) || !take_fraction(text, value)))
        return false;
    if (!take_half(text, &hour))
        return false;
    *seconds = (int64_t)hour * 3600 + minute * 60 + second;
    return hour < 24 && minute < 60 && second < 60;
}

static bool is_word(const struct text *text, const char *word)
{
    size_t size = strlen(word);
    return (size_t)(text->end - text->at) == size && strncasecmp((const char *)text->at, word, size) == 0;
}

/* To the end: Z, UTC, GMT, +02, +0200, +02:00, or nothing; a blank before it. */
static bool take_zone(struct text *text, int64_t *offset_seconds)
{
    unsigned hours, minutes = 0;
    *offset_seconds = 0;
    if (text->at == text->end)
        return true;
    (void)take_char(text, ' ');
    if (is_word(text, "Z") || is_word(text, "UTC") || is_word(text, "GMT"))
        return true;
    bool west = take_char(text, '-');
    if ((!west && !take_char(text, '+')) || !take_number(text, 2, 2, &hours))
        return false;
    bool colon = take_char(text, ':');
    if ((colon || text->at < text->end) && !take_number(text, 2, 2, &minutes))
        return false;
    *offset_seconds = (int64_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return hours < 24 && minutes < 60 && text->at == text->end;
}

/* What stands between date and time. */
static bool take_gap(struct text *text, const struct date *date)
{
    if (date->colon)
        return take_char(text, ':');
    if (take_char(text, ',')) /* 1/2/2024, 3:04 PM */
        return take_char(text, ' ');
    return take_char(text, 'T') || take_char(text, ' ') || take_char(text, 't');
}

bool df_text_time(struct df_slice text, enum df_text_day_order order, struct df_text_value *value)
{
    enum { SHORTEST = 8, LONGEST = 64 }; /* 1/2/2024; and no form comes near the other */
    struct text rest = {.at = text.data, .end = text.data + text.size};
    struct date date;
    int64_t seconds, offset;
    value->nanoseconds = 0;
    value->digits = 0;
    if (text.size < SHORTEST || text.size > LONGEST || !take_date(&rest, &date) || !settle_order(&date, order, value))
        return false;
    value->kind = DF_TEXT_CLASS_DATE;
    value->seconds =
        df_days_of_civil((struct df_civil){.year = date.year, .month = date.month, .day = date.day}) * SECONDS_PER_DAY;
    if (rest.at == rest.end)
        return true;
    if (!take_gap(&rest, &date) || !take_clock(&rest, date.compact, value, &seconds) || !take_zone(&rest, &offset))
        return false;
    value->kind = DF_TEXT_CLASS_TIMESTAMP;
    value->seconds += seconds - offset;
    return true;
}
