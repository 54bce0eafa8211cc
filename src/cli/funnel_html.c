#include "cli/funnel_output.h"

#include "cli/text.h"

static void put_head(const struct df_view *view, struct df_buf *out)
{
    df_buf_put_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                         "'unsafe-inline'\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                         "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    df_markup_put(out, view->title);
    df_buf_put_text(out,
                    "</title>\n<style>\n"
                    "body { font-family: system-ui, 'DejaVu Sans', Verdana, sans-serif; margin: 2em auto; "
                    "max-width: 60em; padding: 0 1em; }\n"
                    "svg { max-width: 100%; height: auto; }\n"
                    "h2 { font-size: 1.1em; margin: 2em 0 0.5em; }\n"
                    ".scroll { overflow-x: auto; }\n"
                    "table { border-collapse: collapse; font-size: 0.9em; font-variant-numeric: tabular-nums; }\n"
                    "th, td { padding: 0.3em 0.8em; border-bottom: 1px solid #80808060; text-align: right; "
                    "white-space: nowrap; }\n"
                    "th, .text { white-space: normal; overflow-wrap: anywhere; min-width: 6em; max-width: 24em; }\n"
                    "th:first-child, td:first-child, .text { text-align: left; }\n"
                    ".none { font-style: italic; opacity: 0.7; }\n"
                    "</style>\n</head>\n<body>\n");
}

static void put_count(struct df_buf *out, uint64_t count)
{
    df_buf_put_text(out, "<td>");
    df_text_put_thousands(out, count);
    df_buf_put_text(out, "</td>");
}

static void put_percent(struct df_buf *out, uint64_t share, uint64_t whole)
{
    char percent[DF_VIEW_PERCENT_BYTES];
    df_view_percent(percent, share, whole);
    df_buf_put_text(out, "<td>");
    df_markup_put(out, df_slice_text(percent));
    df_buf_put_text(out, "</td>");
}

static void put_length(const struct df_view *view, struct df_buf *out, const struct df_view_length *length)
{
    df_buf_put_text(out, "<td>");
    df_view_put_length(view, length, out);
    df_buf_put_text(out, "</td>");
}

/* ---- the steps ---- */

static void put_step_head(const struct df_view *view, struct df_buf *out)
{
    df_buf_put_text(out, "<tr><th>step</th><th class=\"text\">name</th>");
    if (view->sessions)
        df_buf_put_text(out, "<th>sessions</th>");
    df_buf_put_text(out, "<th>users</th><th>rows</th><th>of first</th><th>of previous</th><th>drop</th>");
    if (view->durations)
        df_buf_put_text(out, "<th>median since the step before</th><th>p90</th><th>median since step 1</th>");
    df_buf_put_text(out, "</tr>\n");
}

static void put_step(const struct df_view *view, size_t index, struct df_buf *out)
{
    const struct df_view_step *step = &view->steps[index];
    df_buf_printf(out, "<tr><td>%zu</td><td class=\"text\">", index + 1);
    df_markup_put(out, step->label);
    df_buf_put_text(out, "</td>");
    if (view->sessions)
        put_count(out, step->count);
    put_count(out, step->users);
    put_count(out, step->rows);
    put_percent(out, step->count, view->steps[0].count);
    if (index == 0) {
        df_buf_put_text(out, view->durations ? "<td></td><td></td><td></td><td></td><td></td></tr>\n"
                                             : "<td></td><td></td></tr>\n");
        return;
    }
    uint64_t before = view->steps[index - 1].count;
    put_percent(out, step->count, before);
    put_count(out, before > step->count ? before - step->count : 0);
    if (view->durations) {
        put_length(view, out, &step->from_previous[DF_VIEW_P50]);
        put_length(view, out, &step->from_previous[DF_VIEW_P90]);
        put_length(view, out, &step->from_start[DF_VIEW_P50]);
    }
    df_buf_put_text(out, "</tr>\n");
}

static void put_steps(const struct df_view *view, struct df_buf *out)
{
    df_buf_put_text(out, "<div class=\"scroll\">\n<table id=\"steps\">\n");
    put_step_head(view, out);
    for (size_t i = 0; i < view->step_count; i++)
        put_step(view, i, out);
    df_buf_put_text(out, "</table>\n</div>\n");
}

/* ---- breakdown and trend ---- */

static void put_entry(const struct df_view *view, const struct df_view_entry *entry, struct df_buf *out)
{
    df_buf_put_text(out, entry->kind == DF_VIEW_VALUE ? "<tr><td class=\"text\">" : "<tr><td class=\"text none\">");
    df_markup_put(out, entry->text);
    df_buf_put_text(out, "</td>");
    for (size_t i = 0; i < view->step_count; i++)
        put_count(out, entry->steps[i].count);
    put_percent(out, entry->steps[view->step_count - 1].count, entry->steps[0].count);
    df_buf_put_text(out, "</tr>\n");
}

static void put_table(const struct df_view *view, const struct df_view_table *table, const char *id,
                      const char *preposition, struct df_buf *out)
{
    if (!table->title)
        return;
    df_buf_printf(out, "<h2>%s ", preposition);
    df_markup_put(out, df_slice_text(table->title));
    df_buf_printf(out, "</h2>\n<div class=\"scroll\">\n<table id=\"%s\">\n<tr><th>", id);
    df_markup_put(out, df_slice_text(table->title));
    df_buf_put_text(out, "</th>");
    for (size_t i = 0; i < view->step_count; i++) {
        df_buf_printf(out, "<th>%zu ", i + 1);
        df_markup_put(out, view->steps[i].label);
        df_buf_put_text(out, "</th>");
    }
    df_buf_put_text(out, "<th>of first</th></tr>\n");
    for (size_t i = 0; i < table->entry_count; i++)
        put_entry(view, &table->entries[i], out);
    df_buf_put_text(out, "</table>\n</div>\n");
}

/* ---- the page ---- */

static void put_foot(const struct df_view *view, struct df_buf *out)
{
    df_buf_put_text(out, "<p>");
    df_text_put_thousands(out, view->rows);
    df_buf_put_text(out, view->rows == 1 ? " row, " : " rows, ");
    df_text_put_thousands(out, view->users);
    df_buf_put_text(out, view->users == 1 ? " user, " : " users, ");
    df_view_put_seconds(view->seconds, out);
    if (view->rows_without_user > 0) {
        df_buf_put_text(out, "; rows without a user left out: ");
        df_text_put_thousands(out, view->rows_without_user);
    }
    df_buf_put_text(out, ".</p>\n");
}

void df_view_put_html(const struct df_view *view, struct df_buf *out)
{
    put_head(view, out);
    df_view_put_svg_element(view, out);
    put_steps(view, out);
    put_table(view, &view->groups, "groups", "By", out);
    put_table(view, &view->trend, "trend", "Per", out);
    put_foot(view, out);
    df_buf_put_text(out, "</body>\n</html>\n");
}
