/* How much of a file's row groups was left out, and on the strength of what. */
#ifndef DF_ENGINE_FUNNEL_ROWS_SKIP_COUNTS_H
#define DF_ENGINE_FUNNEL_ROWS_SKIP_COUNTS_H

#include <stdint.h>

struct df_funnel_skip_counts {
    uint64_t by_pages, by_bloom, by_dictionary; /* row groups left out whole; those by statistics are the others */
    uint64_t pages_read, pages_skipped;         /* of the columns whose indexes were looked at */
};

static inline void df_funnel_skip_counts_add(struct df_funnel_skip_counts *to, const struct df_funnel_skip_counts *from)
{
    to->by_pages += from->by_pages;
    to->by_bloom += from->by_bloom;
    to->by_dictionary += from->by_dictionary;
    to->pages_read += from->pages_read;
    to->pages_skipped += from->pages_skipped;
}

#endif
