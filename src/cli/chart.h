/* A funnel as a chart of text: pure, numbers in and text out. No line is wider than the terminal. */
#ifndef DF_CLI_CHART_H
#define DF_CLI_CHART_H

#include "base/buf.h"

struct df_chart_step {
    struct df_slice label; /* the step's name or expression */
    uint64_t users;        /* that reached it */
};

struct df_chart {
    const struct df_chart_step *steps;
    size_t step_count;
    uint64_t users;             /* in the data */
    uint64_t rows;              /* scanned */
    uint64_t rows_without_user; /* left out; mentioned when there are any */
    double seconds;
};

struct df_chart_style {
    unsigned columns;
    bool colour;
    bool ascii;
};

/* Title, one line per step, and a line of totals:
 *
 *     Which users did event = view, then event = addtocart?
 *
 *                                              users  of first  of prev.     drop
 *     1 event = view       ████████████████████  19,401   100.0 %
 *     2 event = addtocart  ▋                        552     2.8 %     2.8 %  -18,849
 *
 *     50,008 rows · 20,000 users · 120 ms · 417 k rows/s
 *
 * Where it is narrow the drop goes first, then "of prev.", then the bar; labels are cut. */
void df_chart_put_funnel(const struct df_chart *chart, const struct df_chart_style *style, struct df_buf *out);

#endif
