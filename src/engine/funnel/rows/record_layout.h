/* Numbers of the layout in record.h, for its writer and its reader only. */
#ifndef DF_ENGINE_FUNNEL_ROWS_RECORD_LAYOUT_H
#define DF_ENGINE_FUNNEL_ROWS_RECORD_LAYOUT_H

enum { RECORD_VERSION = 3 };
enum { RECORD_LAYOUT_COLUMNS = 0, RECORD_LAYOUT_PLAIN = 1 };
enum { RECORD_TYPE_BYTES = 6 };
enum { RECORD_NO_NULLS = 0, RECORD_NULL_BITS = 1, RECORD_ALL_NULL = 2 };

#endif
