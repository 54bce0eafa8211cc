/* A funnel's answer for files: CSV, SVG and HTML. Pure: a view in, bytes out. */
#ifndef DF_CLI_FUNNEL_OUTPUT_H
#define DF_CLI_FUNNEL_OUTPUT_H

#include "cli/funnel_view.h"

/* Long form, one line per step of the whole, of each value of the breakdown and of each bucket of the trend, always
 * with the same columns:
 *
 *   table             "all", "group", "group-null", "group-other" or "trend"
 *   value             the breakdown's value, or the bucket; empty for the others
 *   step, name        number from 1, label
 *   users, sessions   that reached it; sessions only with --session-gap
 *   rows              all of theirs; not in the trend
 *   of_first, of_previous   shares, 0 to 1 (of sessions where there are some); empty when there is nothing to share
 *   from_start_mean … from_previous_p99   in steps of the time column; only with --durations
 *
 * Lines end with \n; fields are quoted where they must be. */
void df_view_put_csv(const struct df_view *view, struct df_buf *out);

/* An image of bars: no scripts, nothing from elsewhere; colours that follow the reader's light or dark scheme. Bars are
 * proportional to the counts; labels are cut where they would leave the frame. */
void df_view_put_svg(const struct df_view *view, struct df_buf *out);
/* The same as an element inside of HTML (without XML's head). */
void df_view_put_svg_element(const struct df_view *view, struct df_buf *out);

/* One self-contained page: the image, and tables with the numbers, breakdown and trend. */
void df_view_put_html(const struct df_view *view, struct df_buf *out);

/* Text of XML and HTML, also inside of attributes: what is no printable character becomes '?'. */
void df_markup_put(struct df_buf *out, struct df_slice text);

#endif
