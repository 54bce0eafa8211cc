/* Lines of a chart: each knows how much room is left, so that none is wider than the terminal, whatever its layout
 * thought. */
#ifndef DF_CLI_CHART_LINE_H
#define DF_CLI_CHART_LINE_H

#include "cli/chart.h"

enum { DF_CHART_GAP = 2 /* columns between two columns of a table */ };

struct df_chart_line {
    struct df_buf *out;
    const struct df_chart_style *style;
    unsigned left;
};

struct df_chart_line df_chart_line_begin(struct df_buf *out, const struct df_chart_style *style);
void df_chart_line_end(struct df_chart_line *line); /* blanks at the end are taken back */
void df_chart_line_colour(struct df_chart_line *line, const char *code);
void df_chart_line_spaces(struct df_chart_line *line, unsigned count);
void df_chart_line_put(struct df_chart_line *line, const char *text);
/* In exactly `width` columns, cut or filled up. */
void df_chart_line_label(struct df_chart_line *line, struct df_slice label, unsigned width);
/* A column of a table with its gap before it, to the right; nothing when width is 0. */
void df_chart_line_right(struct df_chart_line *line, const char *text, unsigned width);
void df_chart_line_count(struct df_chart_line *line, uint64_t count, unsigned width); /* 1,234 */

unsigned df_chart_count_width(uint64_t value); /* of 1,234 */
static inline unsigned df_chart_wider(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

#endif
