/* What long work says about itself: counters that any thread moves, and one line of text for a terminal.
 *
 * The counters know nothing of queries: total and done are of any unit. The line is redrawn in place on stderr at most
 * ten times a second and is wiped when the work ends. Who draws: one thread. */
#ifndef DF_BASE_PROGRESS_H
#define DF_BASE_PROGRESS_H

#include <stdatomic.h>

#include "base/buf.h"

struct df_progress {
    _Atomic uint64_t parts_total, parts_done;
    atomic_bool parts_known; /* listing has ended: total will not grow */
    _Atomic uint64_t rows, bytes;
    _Atomic uint32_t stage; /* from 0 */
    int64_t started_mono_ns;
};

void df_progress_start(struct df_progress *progress);

/* One line without line break, at most `columns` columns wide: "stage 2  [#####-----]  17/64 parts  12.1 M rows/s
 * 312 MB  4 s left". Nothing that is not known yet is shown. ascii: only ASCII characters. */
void df_progress_put_line(const struct df_progress *progress, unsigned columns, bool ascii, struct df_buf *out);

/* Drawing on a terminal. draw does nothing when the last one was less than 100 ms ago; wipe clears the line. */
struct df_progress_line {
    int fd;
    unsigned columns;
    bool ascii;
    bool shown;
    int64_t last_mono_ns;
};
void df_progress_draw(struct df_progress_line *line, const struct df_progress *progress);
void df_progress_wipe(struct df_progress_line *line);

/* "1.2 M", "312": three significant digits and a unit, for people. */
void df_buf_put_count(struct df_buf *out, double count);
/* "312 MB", powers of 1000. */
void df_buf_put_bytes(struct df_buf *out, double bytes);

#endif
