#include "cli/chart.h"

#include <stdio.h>

#include "base/progress.h"
#include "cli/chart_line.h"
#include "cli/text.h"

enum {
    COLUMNS_OF_FILE = 80,
    BAR_LEAST = 10,    /* a shorter bar shows nothing: other columns make room */
    BAR_MOST = 100,    /* longer ones are hard to follow with the eye */
    LABEL_LEAST = 12,  /* labels are cut to a third of the line, but not below this */
    PERCENT_WIDTH = 8, /* "of first", ">99.9 %" */
};

/* The table's widths; 0: that column is left out. */
struct layout {
    unsigned number, label, bar, count, users, first, previous, drop, median;
};

/* ---- title ---- */

static void put_title(const struct df_view *view, const struct df_chart_style *style, struct df_buf *out)
{
    struct df_buf title = {0};
    if (df_text_width(view->title, style->ascii) <= style->columns)
        df_buf_put_slice(&title, view->title);
    else
        df_buf_printf(&title, "How far did %s get in these %zu steps?", df_view_unit(view), view->step_count);
    struct df_chart_line line = df_chart_line_begin(out, style);
    df_chart_line_colour(&line, "1");
    df_chart_line_put(&line, df_buf_text(&title));
    df_chart_line_colour(&line, "0");
    df_chart_line_end(&line);
    df_buf_dispose(&title);
}

/* ---- table ---- */

static unsigned table_width(const struct layout *layout)
{
    const unsigned columns[] = {layout->count,    layout->users, layout->first,
                                layout->previous, layout->drop,  layout->median};
    unsigned width = layout->number + 1 + layout->label;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        width += columns[i] ? DF_CHART_GAP + columns[i] : 0;
    return width;
}

/* What is left for the bar, without its gap. */
static unsigned bar_room(const struct layout *layout, unsigned columns)
{
    unsigned taken = table_width(layout) + DF_CHART_GAP;
    return taken < columns ? columns - taken : 0;
}

static unsigned median_width(const struct df_view *view, const struct df_view_step *step)
{
    struct df_buf text = {0};
    df_view_put_length(view, &step->from_previous[DF_VIEW_P50], &text);
    unsigned width = (unsigned)text.size;
    df_buf_dispose(&text);
    return width;
}

static struct layout layout_natural(const struct df_view *view, const struct df_chart_style *style)
{
    struct layout layout = {.number = df_chart_count_width(view->step_count),
                            .count = (unsigned)strlen(df_view_unit(view)),
                            .users = view->sessions ? (unsigned)strlen("users") : 0,
                            .first = PERCENT_WIDTH,
                            .previous = PERCENT_WIDTH,
                            .drop = (unsigned)strlen("drop"),
                            .median = view->durations ? (unsigned)strlen("median") : 0};
    for (size_t i = 0; i < view->step_count; i++) {
        const struct df_view_step *step = &view->steps[i];
        layout.label = df_chart_wider(layout.label, df_text_width(step->label, style->ascii));
        layout.count = df_chart_wider(layout.count, df_chart_count_width(step->count));
        if (view->sessions)
            layout.users = df_chart_wider(layout.users, df_chart_count_width(step->users));
        if (view->durations && i > 0)
            layout.median = df_chart_wider(layout.median, median_width(view, step));
        if (i > 0 && view->steps[i - 1].count >= step->count)
            layout.drop = df_chart_wider(layout.drop, 1 + df_chart_count_width(view->steps[i - 1].count - step->count));
    }
    unsigned label_most = df_chart_wider(style->columns / 3, LABEL_LEAST);
    if (layout.label > label_most)
        layout.label = label_most;
    if (view->step_count < 2)
        layout.previous = layout.drop = layout.median = 0;
    return layout;
}

static struct layout layout_make(const struct df_view *view, const struct df_chart_style *style)
{
    struct layout layout = layout_natural(view, style);
    if (bar_room(&layout, style->columns) < BAR_LEAST)
        layout.drop = 0;
    if (bar_room(&layout, style->columns) < BAR_LEAST)
        layout.previous = 0;
    if (bar_room(&layout, style->columns) < BAR_LEAST && layout.label > LABEL_LEAST)
        layout.label = LABEL_LEAST;
    layout.bar = bar_room(&layout, style->columns);
    if (layout.bar > BAR_MOST)
        layout.bar = BAR_MOST;
    if (layout.bar < BAR_LEAST / 2)
        layout.bar = 0;
    if (table_width(&layout) > style->columns)
        layout.users = 0;
    if (table_width(&layout) > style->columns)
        layout.median = 0;
    if (table_width(&layout) > style->columns)
        layout.first = 0;
    unsigned over = table_width(&layout) > style->columns ? table_width(&layout) - style->columns : 0;
    layout.label -= over < layout.label ? over : layout.label;
    return layout;
}

static void put_header(const struct df_view *view, const struct layout *layout, const struct df_chart_style *style,
                       struct df_buf *out)
{
    struct df_chart_line line = df_chart_line_begin(out, style);
    df_chart_line_colour(&line, "2");
    df_chart_line_spaces(&line, layout->number + 1 + layout->label + (layout->bar ? DF_CHART_GAP + layout->bar : 0));
    df_chart_line_right(&line, df_view_unit(view), layout->count);
    df_chart_line_right(&line, "users", layout->users);
    df_chart_line_right(&line, "of first", layout->first);
    df_chart_line_right(&line, "of prev.", layout->previous);
    df_chart_line_right(&line, "drop", layout->drop);
    df_chart_line_right(&line, "median", layout->median);
    df_chart_line_colour(&line, "0");
    df_chart_line_end(&line);
}

/* ⅛ to 8/8 of a column, from U+258F to U+2588. */
static void put_eighths(struct df_buf *out, unsigned eighths)
{
    const char block[] = {(char)0xE2, (char)0x96, (char)(0x90 - eighths), 0};
    df_buf_put_text(out, block);
}

/* How much of `full` it is, in whole units: 0 only for 0, full only for all. */
static unsigned bar_units(uint64_t count, uint64_t most, unsigned full)
{
    if (count == 0 || most == 0)
        return 0;
    unsigned units = (unsigned)((double)count / (double)most * full + 0.5);
    if (count < most && units >= full)
        units = full - 1;
    return units < 1 ? 1 : units > full ? full : units;
}

/* In whole columns where there is ASCII only, else in eighths. */
static void put_bar(struct df_chart_line *line, uint64_t count, uint64_t most, unsigned width)
{
    if (width == 0)
        return;
    df_chart_line_spaces(line, DF_CHART_GAP);
    if (width > line->left)
        width = line->left;
    bool ascii = line->style->ascii;
    unsigned eighths = ascii ? bar_units(count, most, width) * 8 : bar_units(count, most, width * 8);
    unsigned whole = eighths / 8, part = eighths % 8;
    df_chart_line_colour(line, "36");
    for (unsigned i = 0; i < whole; i++) {
        if (ascii)
            df_buf_put_char(line->out, '#');
        else
            put_eighths(line->out, 8);
    }
    if (part > 0)
        put_eighths(line->out, part);
    df_chart_line_colour(line, "0");
    unsigned taken = whole + (part > 0);
    line->left -= taken;
    df_chart_line_spaces(line, width - taken);
}

static void put_drop(struct df_chart_line *line, uint64_t before, uint64_t count, unsigned width)
{
    struct df_buf text = {0};
    if (before > count)
        df_buf_put_char(&text, '-');
    df_text_put_thousands(&text, before > count ? before - count : 0);
    df_chart_line_right(line, df_buf_text(&text), width);
    df_buf_dispose(&text);
}

static void put_median(struct df_chart_line *line, const struct df_view *view, const struct df_view_step *step,
                       unsigned width)
{
    struct df_buf text = {0};
    df_view_put_length(view, &step->from_previous[DF_VIEW_P50], &text);
    df_chart_line_right(line, df_buf_text(&text), width);
    df_buf_dispose(&text);
}

static void put_step(const struct df_view *view, size_t index, const struct layout *layout,
                     const struct df_chart_style *style, struct df_buf *out)
{
    const struct df_view_step *step = &view->steps[index];
    uint64_t first = view->steps[0].count;
    char number[32], percent[DF_VIEW_PERCENT_BYTES];
    struct df_chart_line line = df_chart_line_begin(out, style);
    snprintf(number, sizeof number, "%*zu ", (int)layout->number, index + 1);
    df_chart_line_put(&line, number);
    df_chart_line_label(&line, step->label, layout->label);
    put_bar(&line, step->count, first, layout->bar);
    df_chart_line_count(&line, step->count, layout->count);
    if (layout->users)
        df_chart_line_count(&line, step->users, layout->users);
    df_view_percent(percent, step->count, first);
    df_chart_line_right(&line, percent, layout->first);
    if (index > 0) {
        uint64_t before = view->steps[index - 1].count;
        df_view_percent(percent, step->count, before);
        df_chart_line_right(&line, percent, layout->previous);
        if (layout->drop)
            put_drop(&line, before, step->count, layout->drop);
        if (layout->median)
            put_median(&line, view, step, layout->median);
    }
    df_chart_line_end(&line);
}

/* ---- totals ---- */

/* Facts side by side as far as they fit, then on the next line. */
static void put_fact(struct df_chart_line *line, bool *first, const char *fact)
{
    const char *separator = line->style->ascii ? ", " : " · ";
    unsigned separator_width = line->style->ascii ? 2 : 3;
    unsigned width = df_text_width(df_slice_text(fact), line->style->ascii);
    if (!*first && separator_width + width > line->left) {
        df_chart_line_end(line);
        line->left = line->style->columns;
    } else if (!*first) {
        df_chart_line_put(line, separator);
    }
    *first = false;
    df_chart_line_put(line, fact);
}

static void put_count_fact(struct df_chart_line *line, bool *first, uint64_t count, const char *one, const char *many)
{
    struct df_buf fact = {0};
    df_text_put_thousands(&fact, count);
    df_buf_printf(&fact, " %s", count == 1 ? one : many);
    put_fact(line, first, df_buf_text(&fact));
    df_buf_dispose(&fact);
}

static void put_rate_fact(struct df_chart_line *line, bool *first, const struct df_view *view)
{
    if (view->seconds <= 0)
        return;
    struct df_buf fact = {0};
    df_buf_put_count(&fact, (double)view->rows / view->seconds);
    df_buf_put_text(&fact, " rows/s");
    put_fact(line, first, df_buf_text(&fact));
    df_buf_dispose(&fact);
}

static void put_seconds_fact(struct df_chart_line *line, bool *first, double seconds)
{
    struct df_buf fact = {0};
    df_view_put_seconds(seconds, &fact);
    put_fact(line, first, df_buf_text(&fact));
    df_buf_dispose(&fact);
}

static void put_cohort_fact(struct df_chart_line *line, bool *first, const struct df_view *view)
{
    if (!view->cohort.given)
        return;
    struct df_buf fact = {0};
    df_text_put_thousands(&fact, view->cohort.rows);
    df_buf_printf(&fact, " %s written to %.*s", df_view_unit(view), DF_SLICE_ARG(view->cohort.files));
    put_fact(line, first, df_buf_text(&fact));
    df_buf_dispose(&fact);
}

static void put_totals(const struct df_view *view, const struct df_chart_style *style, struct df_buf *out)
{
    struct df_chart_line line = df_chart_line_begin(out, style);
    bool first = true;
    df_chart_line_colour(&line, "2");
    put_count_fact(&line, &first, view->rows, "row", "rows");
    put_count_fact(&line, &first, view->users, "user", "users");
    put_seconds_fact(&line, &first, view->seconds);
    put_rate_fact(&line, &first, view);
    if (view->rows_without_user > 0)
        put_count_fact(&line, &first, view->rows_without_user, "row without a user left out",
                       "rows without a user left out");
    put_cohort_fact(&line, &first, view);
    df_chart_line_colour(&line, "0");
    df_chart_line_end(&line);
}

void df_chart_put_funnel(const struct df_view *view, const struct df_chart_style *style, struct df_buf *out)
{
    put_title(view, style, out);
    df_buf_put_char(out, '\n');
    if (view->step_count > 0) {
        struct layout layout = layout_make(view, style);
        put_header(view, &layout, style, out);
        for (size_t i = 0; i < view->step_count; i++)
            put_step(view, i, &layout, style, out);
        df_buf_put_char(out, '\n');
        df_chart_put_tables(view, style, out);
    }
    put_totals(view, style, out);
}

struct df_chart_style df_chart_style_of(const struct df_cli *cli, bool to_file)
{
    return (struct df_chart_style){
        .columns = to_file ? COLUMNS_OF_FILE : cli->columns, .colour = cli->colour && !to_file, .ascii = cli->ascii};
}
