/* Dates and timestamps of text files. */
#ifndef DF_FORMAT_TEXT_TIMES_H
#define DF_FORMAT_TEXT_TIMES_H

#include "format/text/value.h"

/* Fills kind, seconds, nanoseconds, digits, order and ambiguous; false when the text is neither a date nor a timestamp.
 * `order` ANY: a date that could be two gives the one with the day first, and says that it is ambiguous.
 * Without a zone a time is UTC. Years 0001 to 9999, always with four digits; no 24:00, no leap seconds. */
bool df_text_time(struct df_slice text, enum df_text_day_order order, struct df_text_value *value);

#endif
