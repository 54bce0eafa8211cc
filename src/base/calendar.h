/* Days since 1970-01-01 and the civil calendar: proleptic Gregorian, any year that an int64 of days reaches. */
#ifndef DF_BASE_CALENDAR_H
#define DF_BASE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

struct df_civil {
    int64_t year;
    unsigned month, day; /* from 1 */
};
struct df_civil df_civil_of_days(int64_t days);
int64_t df_days_of_civil(struct df_civil civil);         /* saturates at the ends of int64 */
unsigned df_days_in_month(int64_t year, unsigned month); /* month 1..12 */

#endif
