#include "base/calendar.h"

enum { DAYS_PER_ERA = 146097 }; /* 400 years of the Gregorian calendar */

/* The calendar repeats after an era. Years are taken from March on, so that the leap day is the last of a year, and
 * eras from 0000-03-01 on, which is 719468 = 4 * 146097 + 135080 days before 1970. */
struct df_civil df_civil_of_days(int64_t days)
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
    return (struct df_civil){
        .year = era * 400 + year + (month >= 10),
        .month = (unsigned)(month < 10 ? month + 3 : month - 9),
        .day = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1),
    };
}

int64_t df_days_of_civil(struct df_civil civil)
{
    __int128 year = (__int128)civil.year - (civil.month <= 2);
    __int128 era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = (int64_t)(year - era * 400);
    int64_t month = civil.month > 2 ? (int64_t)civil.month - 3 : (int64_t)civil.month + 9;
    int64_t day_of_year = (153 * month + 2) / 5 + (int64_t)civil.day - 1;
    __int128 days = era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719468;
    return days > INT64_MAX ? INT64_MAX : days < INT64_MIN ? INT64_MIN : (int64_t)days;
}

unsigned df_days_in_month(int64_t year, unsigned month)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}
