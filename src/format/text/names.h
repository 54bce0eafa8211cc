/* Names of columns in the order of their first appearance, found by name. */
#ifndef DF_FORMAT_TEXT_NAMES_H
#define DF_FORMAT_TEXT_NAMES_H

#include "base/slice.h"

enum { DF_TEXT_COLUMNS_MAX = 16384 }; /* a table has not more; objects with keys that are values do */

struct df_text_names {
    char **names; /* owned */
    uint32_t count, capacity;
    uint32_t *slots; /* owned: index + 1, 0 free; slot_count is a power of two */
    uint32_t slot_count;
    uint32_t expected; /* where the next one is looked for first: rows name their columns in the same order */
};

/* The index, or -1. */
int64_t df_text_names_find(struct df_text_names *names, struct df_slice name);
/* The index, of a new one too; -1 when memory is short or there are too many. */
int64_t df_text_names_add(struct df_text_names *names, struct df_slice name);
void df_text_names_dispose(struct df_text_names *names);

#endif
