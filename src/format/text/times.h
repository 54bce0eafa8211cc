/* Dates and timestamps of text files. */
#ifndef DF_FORMAT_TEXT_TIMES_H
#define DF_FORMAT_TEXT_TIMES_H

#include "format/text/value.h"

/* Fills kind, seconds, nanoseconds and digits; false when the text is neither a date nor a timestamp. Without a zone a
 * time is UTC. Years 0001 to 9999; no 24:00, no leap seconds. */
bool df_text_time(struct df_slice text, struct df_text_value *value);

#endif
