/* Breakdown and trend below the chart: a line per value or bucket, a column per step. */
#include <stdlib.h>

#include "cli/chart_line.h"
#include "cli/text.h"

enum {
    PERCENT_WIDTH = 8, /* "of first", ">99.9 %" */
    LABEL_LEAST = 12,
};

struct layout {
    unsigned *steps; /* width of each, owned */
    unsigned label;
    size_t leading; /* steps from the first that are shown; the last is, too */
    bool percent;
};

static bool is_shown(const struct df_view *view, const struct layout *layout, size_t step)
{
    return step < layout->leading || step + 1 == view->step_count;
}

/* Once for the whole table, which may have ten thousand lines. */
static unsigned *step_widths(const struct df_view *view, const struct df_view_table *table)
{
    unsigned *widths = calloc(view->step_count, sizeof *widths);
    if (!widths)
        return NULL;
    for (size_t step = 0; step < view->step_count; step++)
        widths[step] = df_chart_count_width(step + 1);
    for (size_t i = 0; i < table->entry_count; i++)
        for (size_t step = 0; step < view->step_count; step++)
            widths[step] = df_chart_wider(widths[step], df_chart_count_width(table->entries[i].steps[step].count));
    return widths;
}

static unsigned natural_label(const struct df_view_table *table, const char *heading, bool ascii)
{
    unsigned width = df_text_width(df_slice_text(heading), ascii);
    for (size_t i = 0; i < table->entry_count; i++)
        width = df_chart_wider(width, df_text_width(table->entries[i].text, ascii));
    return width;
}

static struct layout make_layout(const struct df_view *view, const struct df_view_table *table, const char *heading,
                                 const struct df_chart_style *style)
{
    struct layout layout = {.label = natural_label(table, heading, style->ascii), .percent = view->step_count > 1};
    layout.steps = step_widths(view, table);
    if (!layout.steps)
        return layout;
    unsigned most = df_chart_wider(style->columns / 3, LABEL_LEAST);
    if (layout.label > most)
        layout.label = most;
    unsigned taken = layout.label + (layout.percent ? DF_CHART_GAP + PERCENT_WIDTH : 0) + DF_CHART_GAP +
                     layout.steps[view->step_count - 1];
    while (layout.leading + 1 < view->step_count) {
        unsigned more = DF_CHART_GAP + layout.steps[layout.leading];
        if (taken + more > style->columns)
            break;
        taken += more;
        layout.leading++;
    }
    return layout;
}

static void put_heading(const struct df_view *view, const struct layout *layout, const char *heading,
                        const struct df_chart_style *style, struct df_buf *out)
{
    struct df_chart_line line = df_chart_line_begin(out, style);
    df_chart_line_colour(&line, "2");
    df_chart_line_label(&line, df_slice_text(heading), layout->label);
    for (size_t i = 0; i < view->step_count; i++)
        if (is_shown(view, layout, i))
            df_chart_line_count(&line, i + 1, layout->steps[i]);
    if (layout->percent)
        df_chart_line_right(&line, "of first", PERCENT_WIDTH);
    df_chart_line_colour(&line, "0");
    df_chart_line_end(&line);
}

static void put_entry(const struct df_view *view, const struct df_view_entry *entry, const struct layout *layout,
                      const struct df_chart_style *style, struct df_buf *out)
{
    struct df_chart_line line = df_chart_line_begin(out, style);
    /* A value that is called null or other must not look like the absence of one. */
    if (entry->kind != DF_VIEW_VALUE)
        df_chart_line_colour(&line, "2");
    df_chart_line_label(&line, entry->text, layout->label);
    if (entry->kind != DF_VIEW_VALUE)
        df_chart_line_colour(&line, "0");
    for (size_t i = 0; i < view->step_count; i++)
        if (is_shown(view, layout, i))
            df_chart_line_count(&line, entry->steps[i].count, layout->steps[i]);
    if (layout->percent) {
        char percent[DF_VIEW_PERCENT_BYTES];
        df_view_percent(percent, entry->steps[view->step_count - 1].count, entry->steps[0].count);
        df_chart_line_right(&line, percent, PERCENT_WIDTH);
    }
    df_chart_line_end(&line);
}

static void put_table(const struct df_view *view, const struct df_view_table *table, const char *preposition,
                      const struct df_chart_style *style, struct df_buf *out)
{
    struct df_buf heading = {0};
    df_buf_printf(&heading, "%s %s", preposition, table->title);
    struct layout layout = make_layout(view, table, df_buf_text(&heading), style);
    if (layout.steps)
        put_heading(view, &layout, df_buf_text(&heading), style, out);
    else
        out->failed = true;
    for (size_t i = 0; layout.steps && i < table->entry_count; i++)
        put_entry(view, &table->entries[i], &layout, style, out);
    df_buf_put_char(out, '\n');
    df_buf_dispose(&heading);
    free(layout.steps);
}

void df_chart_put_tables(const struct df_view *view, const struct df_chart_style *style, struct df_buf *out)
{
    if (view->groups.title)
        put_table(view, &view->groups, "by", style, out);
    if (view->trend.title)
        put_table(view, &view->trend, "per", style, out);
}
