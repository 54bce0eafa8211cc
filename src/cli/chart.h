/* A funnel as a chart of text: pure, a view in and text out. No line is wider than the terminal. */
#ifndef DF_CLI_CHART_H
#define DF_CLI_CHART_H

#include "cli/funnel_view.h"

struct df_chart_style {
    unsigned columns;
    bool colour;
    bool ascii;
};

/* A file is no terminal: it gets the usual width and no colours. */
struct df_chart_style df_chart_style_of(const struct df_cli *cli, bool to_file);

/* Title, one line per step, what was asked for besides, and a line of totals:
 *
 *     Which users did event = view, then event = addtocart?
 *
 *                                              users  of first  of prev.     drop  median
 *     1 event = view       ████████████████████  19,401   100.0 %
 *     2 event = addtocart  ▋                        552     2.8 %     2.8 %  -18,849  35 min
 *
 *     by country       1    2  of first
 *     DE           9,000  300     3.3 %
 *     null           401    2     0.5 %
 *
 *     50,008 rows · 20,000 users · 120 ms · 417 k rows/s
 *
 * "median" is the median time since the step before. Of sessions their number comes first, and a column tells how many
 * users they are of. Where it is narrow the drop goes first, then "of prev.", then the bar; labels are cut; of the
 * tables below the steps in the middle go. */
void df_chart_put_funnel(const struct df_view *view, const struct df_chart_style *style, struct df_buf *out);

/* The tables of breakdown and trend (chart_table.c); nothing when they were not asked for. */
void df_chart_put_tables(const struct df_view *view, const struct df_chart_style *style, struct df_buf *out);

#endif
