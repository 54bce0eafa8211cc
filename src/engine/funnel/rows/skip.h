/* Which rows of a row group may matter? Those that `where` or the timeframe surely drop need not be read: they do not
 * count, and what does not count is as if it were not there.
 *
 *     statistics      minimum, maximum, nulls of the row group, in the footer          free
 *     bloom filters   none of the constants of ==, in, has is in the row group         a read per column
 *     dictionaries    every page holds codes, and no entry passes the test             the dictionary page
 *     pages           minimum, maximum, nulls of each page: ranges of rows are left    a read or two per column
 *
 * The steps go from cheap to dear, and each is taken only where it could rule something out if all went well, where
 * what it reads is small against what it may save, and until it has failed a few times in a row (skip_look.c).
 *
 * What a query may not do by it: leave out rows that match no other filter. matchingGroupRows counts all rows of the
 * users found, and whether a user is there at all is a count of the answer; no request goes without both.
 *
 * Decided once per row group and kept, so that all readings of the file give the same rows under the same ordinals,
 * even if memory gets short in between.
 *
 * Trust: bounds, filters and dictionaries are believed like the footer's statistics and like the data themselves. A
 * file that lies in them gives the answer of a file without the rows it hides, nothing worse: places and lengths are
 * checked by format/parquet before use. One that is damaged, or does not fit the memory, is not used, and all rows are
 * read; but when ranges of rows are read, the scan needs the offset indexes of its columns and fails as corrupt if they
 * are.
 *
 * Thread: the file's. */
#ifndef DF_ENGINE_FUNNEL_ROWS_SKIP_H
#define DF_ENGINE_FUNNEL_ROWS_SKIP_H

#include "base/error.h"
#include "format/parquet/parquet.h"

struct df_funnel_source_file;

/* What is left of a row group. */
struct df_funnel_kept {
    bool decided;
    bool none;                    /* no row matters */
    bool looked;                  /* bytes of the file were read to know that */
    struct df_parquet_rows *rows; /* the ranges that may matter, owned by the file; NULL: all rows, or none */
    uint32_t count;
    uint64_t taken_bytes; /* on the account */
};

struct df_funnel_skip {
    struct df_funnel_kept *groups; /* per row group of the file, owned; NULL before the first question */
    uint8_t failures[3];           /* of bloom filters, dictionaries, pages: looks in a row that ruled nothing out */
};

/* By statistics and directories alone: whether no row matters. Reads nothing. */
bool df_funnel_skip_by_statistics(const struct df_funnel_source_file *file, uint32_t row_group);

/* By everything there is. *kept lives as long as the file. Fails with what the store says, timeout and cancelled; never
 * because of an index. */
int df_funnel_skip_decide(struct df_funnel_source_file *file, uint32_t row_group, const struct df_funnel_kept **kept,
                          struct df_error *error);
void df_funnel_skip_dispose(struct df_funnel_source_file *file);

#endif
