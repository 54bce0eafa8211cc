#include "cli/chart.h"

#include <stdio.h>

#include "base/progress.h"
#include "cli/text.h"

enum {
    GAP = 2,           /* columns between two columns of the table */
    BAR_LEAST = 10,    /* a shorter bar shows nothing: other columns make room */
    BAR_MOST = 100,    /* longer ones are hard to follow with the eye */
    LABEL_LEAST = 12,  /* labels are cut to a third of the line, but not below this */
    PERCENT_WIDTH = 8, /* "of first", ">99.9 %" */
};

/* The table's widths; 0: that column is left out. */
struct layout {
    unsigned number, label, bar, users, first, previous, drop;
};

/* A line that knows how much room is left: what does not fit is cut, whatever the layout thought. */
struct line {
    struct df_buf *out;
    const struct df_chart_style *style;
    unsigned left;
};

/* ---- lines ---- */

static struct line line_begin(struct df_buf *out, const struct df_chart_style *style)
{
    return (struct line){.out = out, .style = style, .left = style->columns};
}

/* Blanks at the end of a line are taken back. */
static void line_end(struct line *line)
{
    while (line->out->size > 0 && line->out->data[line->out->size - 1] == ' ')
        line->out->size--;
    df_buf_put_char(line->out, '\n');
}

static void line_put(struct line *line, const char *text)
{
    line->left -= df_text_put_cut(line->out, df_slice_text(text), line->left, line->style->ascii);
}

static void line_spaces(struct line *line, unsigned count)
{
    if (count > line->left)
        count = line->left;
    df_text_put_spaces(line->out, count);
    line->left -= count;
}

static void line_label(struct line *line, struct df_slice label, unsigned width)
{
    if (width > line->left)
        width = line->left;
    unsigned taken = df_text_put_cut(line->out, label, width, line->style->ascii);
    line->left -= taken;
    line_spaces(line, width - taken);
}

/* A column of the table, with its gap before it. */
static void line_right(struct line *line, const char *text, unsigned width)
{
    if (width == 0)
        return;
    unsigned text_width = df_text_width(df_slice_text(text), line->style->ascii);
    line_spaces(line, GAP + (text_width < width ? width - text_width : 0));
    line_put(line, text);
}

static void colour(struct line *line, const char *code)
{
    if (line->style->colour)
        df_buf_printf(line->out, "\033[%sm", code);
}

/* ---- title ---- */

static void put_question(const struct df_chart *chart, bool ascii, struct df_buf *to)
{
    df_buf_put_text(to, "Which users did ");
    for (size_t i = 0; i < chart->step_count; i++) {
        if (i > 0)
            df_buf_put_text(to, ", then ");
        df_text_put(to, chart->steps[i].label, ascii);
    }
    df_buf_put_char(to, '?');
}

static void put_title(const struct df_chart *chart, const struct df_chart_style *style, struct df_buf *out)
{
    struct df_buf title = {0};
    put_question(chart, style->ascii, &title);
    if (df_text_width(df_buf_slice(&title), style->ascii) > style->columns) {
        df_buf_clear(&title);
        df_buf_printf(&title, "How far did users get in these %zu steps?", chart->step_count);
    }
    struct line line = line_begin(out, style);
    colour(&line, "1");
    line_put(&line, df_buf_text(&title));
    colour(&line, "0");
    line_end(&line);
    df_buf_dispose(&title);
}

/* ---- table ---- */

static unsigned thousands_width(uint64_t value)
{
    unsigned digits = 1;
    for (; value >= 10; value /= 10)
        digits++;
    return digits + (digits - 1) / 3;
}

static unsigned longer(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static unsigned table_width(const struct layout *layout)
{
    const unsigned columns[] = {layout->users, layout->first, layout->previous, layout->drop};
    unsigned width = layout->number + 1 + layout->label;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        width += columns[i] ? GAP + columns[i] : 0;
    return width;
}

/* What is left for the bar, without its gap. */
static unsigned bar_room(const struct layout *layout, unsigned columns)
{
    unsigned taken = table_width(layout) + GAP;
    return taken < columns ? columns - taken : 0;
}

static struct layout layout_natural(const struct df_chart *chart, const struct df_chart_style *style)
{
    struct layout layout = {.number = thousands_width(chart->step_count),
                            .users = (unsigned)strlen("users"),
                            .first = PERCENT_WIDTH,
                            .previous = PERCENT_WIDTH,
                            .drop = (unsigned)strlen("drop")};
    for (size_t i = 0; i < chart->step_count; i++) {
        const struct df_chart_step *step = &chart->steps[i];
        layout.label = longer(layout.label, df_text_width(step->label, style->ascii));
        layout.users = longer(layout.users, thousands_width(step->users));
        if (i > 0 && chart->steps[i - 1].users >= step->users)
            layout.drop = longer(layout.drop, 1 + thousands_width(chart->steps[i - 1].users - step->users));
    }
    if (layout.label > longer(style->columns / 3, LABEL_LEAST))
        layout.label = longer(style->columns / 3, LABEL_LEAST);
    if (chart->step_count < 2)
        layout.previous = layout.drop = 0;
    return layout;
}

static struct layout layout_make(const struct df_chart *chart, const struct df_chart_style *style)
{
    struct layout layout = layout_natural(chart, style);
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
        layout.first = 0;
    unsigned over = table_width(&layout) > style->columns ? table_width(&layout) - style->columns : 0;
    layout.label -= over < layout.label ? over : layout.label;
    return layout;
}

static void put_header(const struct layout *layout, const struct df_chart_style *style, struct df_buf *out)
{
    struct line line = line_begin(out, style);
    colour(&line, "2");
    line_spaces(&line, layout->number + 1 + layout->label + (layout->bar ? GAP + layout->bar : 0));
    line_right(&line, "users", layout->users);
    line_right(&line, "of first", layout->first);
    line_right(&line, "of prev.", layout->previous);
    line_right(&line, "drop", layout->drop);
    colour(&line, "0");
    line_end(&line);
}

/* ⅛ to 8/8 of a column, from U+258F to U+2588. */
static void put_eighths(struct df_buf *out, unsigned eighths)
{
    const char block[] = {(char)0xE2, (char)0x96, (char)(0x90 - eighths), 0};
    df_buf_put_text(out, block);
}

/* Length in eighths of a column: 0 only for 0, full only for all. */
static unsigned bar_eighths(uint64_t users, uint64_t most, unsigned width, unsigned least)
{
    if (users == 0 || most == 0)
        return 0;
    unsigned full = width * 8;
    unsigned eighths = (unsigned)((double)users / (double)most * full + 0.5);
    if (users < most && eighths >= full)
        eighths = full - least;
    return eighths < least ? least : eighths > full ? full : eighths;
}

static void put_bar(struct line *line, uint64_t users, uint64_t most, unsigned width)
{
    if (width == 0)
        return;
    line_spaces(line, GAP);
    if (width > line->left)
        width = line->left;
    bool ascii = line->style->ascii;
    unsigned eighths = bar_eighths(users, most, width, ascii ? 8 : 1);
    unsigned whole = eighths / 8, part = ascii ? 0 : eighths % 8;
    colour(line, "36");
    for (unsigned i = 0; i < whole; i++) {
        if (ascii)
            df_buf_put_char(line->out, '#');
        else
            put_eighths(line->out, 8);
    }
    if (part > 0)
        put_eighths(line->out, part);
    colour(line, "0");
    unsigned taken = whole + (part > 0);
    line->left -= taken;
    line_spaces(line, width - taken);
}

/* "2.8 %". A share that is not none or all never reads as if it were; of nothing there is no share. */
static void put_percent(char text[16], uint64_t share, uint64_t whole)
{
    double percent = whole ? 100.0 * (double)share / (double)whole : 0;
    if (whole == 0)
        snprintf(text, 16, "-");
    else if (share > 0 && percent < 0.05)
        snprintf(text, 16, "<0.1 %%");
    else if (share < whole && percent >= 99.95)
        snprintf(text, 16, ">99.9 %%");
    else
        snprintf(text, 16, "%.1f %%", percent);
}

static void put_users(struct line *line, uint64_t users, unsigned width)
{
    struct df_buf text = {0};
    df_text_put_thousands(&text, users);
    line_right(line, df_buf_text(&text), width);
    df_buf_dispose(&text);
}

static void put_drop(struct line *line, uint64_t before, uint64_t users, unsigned width)
{
    struct df_buf text = {0};
    if (before > users)
        df_buf_put_char(&text, '-');
    df_text_put_thousands(&text, before > users ? before - users : 0);
    line_right(line, df_buf_text(&text), width);
    df_buf_dispose(&text);
}

static void put_step(const struct df_chart *chart, size_t index, const struct layout *layout,
                     const struct df_chart_style *style, struct df_buf *out)
{
    const struct df_chart_step *step = &chart->steps[index];
    uint64_t first = chart->steps[0].users;
    char text[32];
    struct line line = line_begin(out, style);
    snprintf(text, sizeof text, "%*zu ", (int)layout->number, index + 1);
    line_put(&line, text);
    line_label(&line, step->label, layout->label);
    put_bar(&line, step->users, first, layout->bar);
    put_users(&line, step->users, layout->users);
    put_percent(text, step->users, first);
    line_right(&line, text, layout->first);
    if (index > 0) {
        uint64_t before = chart->steps[index - 1].users;
        put_percent(text, step->users, before);
        line_right(&line, text, layout->previous);
        put_drop(&line, before, step->users, layout->drop);
    }
    line_end(&line);
}

/* ---- totals ---- */

/* Facts side by side as far as they fit, then on the next line. */
static void put_fact(struct line *line, bool *first, const char *fact)
{
    const char *separator = line->style->ascii ? ", " : " · ";
    unsigned separator_width = line->style->ascii ? 2 : 3;
    unsigned width = df_text_width(df_slice_text(fact), line->style->ascii);
    if (!*first && separator_width + width > line->left) {
        line_end(line);
        line->left = line->style->columns;
    } else if (!*first) {
        line_put(line, separator);
    }
    *first = false;
    line_put(line, fact);
}

static void put_count_fact(struct line *line, bool *first, uint64_t count, const char *one, const char *many)
{
    struct df_buf fact = {0};
    df_text_put_thousands(&fact, count);
    df_buf_printf(&fact, " %s", count == 1 ? one : many);
    put_fact(line, first, df_buf_text(&fact));
    df_buf_dispose(&fact);
}

static void put_rate_fact(struct line *line, bool *first, const struct df_chart *chart)
{
    if (chart->seconds <= 0)
        return;
    struct df_buf fact = {0};
    df_buf_put_count(&fact, (double)chart->rows / chart->seconds);
    df_buf_put_text(&fact, " rows/s");
    put_fact(line, first, df_buf_text(&fact));
    df_buf_dispose(&fact);
}

static void put_time(char text[48], double seconds)
{
    if (seconds < 0.01)
        snprintf(text, 48, "%.1f ms", seconds * 1e3);
    else if (seconds < 1)
        snprintf(text, 48, "%.0f ms", seconds * 1e3);
    else
        snprintf(text, 48, seconds < 10 ? "%.2f s" : "%.1f s", seconds);
}

static void put_totals(const struct df_chart *chart, const struct df_chart_style *style, struct df_buf *out)
{
    char time[48];
    put_time(time, chart->seconds);
    struct line line = line_begin(out, style);
    bool first = true;
    colour(&line, "2");
    put_count_fact(&line, &first, chart->rows, "row", "rows");
    put_count_fact(&line, &first, chart->users, "user", "users");
    put_fact(&line, &first, time);
    put_rate_fact(&line, &first, chart);
    if (chart->rows_without_user > 0)
        put_count_fact(&line, &first, chart->rows_without_user, "row without a user left out",
                       "rows without a user left out");
    colour(&line, "0");
    line_end(&line);
}

void df_chart_put_funnel(const struct df_chart *chart, const struct df_chart_style *style, struct df_buf *out)
{
    put_title(chart, style, out);
    df_buf_put_char(out, '\n');
    if (chart->step_count > 0) {
        struct layout layout = layout_make(chart, style);
        put_header(&layout, style, out);
        for (size_t i = 0; i < chart->step_count; i++)
            put_step(chart, i, &layout, style, out);
        df_buf_put_char(out, '\n');
    }
    put_totals(chart, style, out);
}
