#include "base/json_write.h"
#include "cli/funnel_output.h"
#include "format/text/csv_put.h"

#include <inttypes.h>

/* Blanks at the ends are kept by quotes: some readers cut them. */
static void put_field(struct df_buf *out, struct df_slice text)
{
    bool blank_ends = text.size > 0 && (text.data[0] == ' ' || text.data[text.size - 1] == ' ');
    df_csv_put_field(out, text, blank_ends);
}

static void put_share(struct df_buf *out, uint64_t share, uint64_t whole)
{
    df_buf_put_char(out, ',');
    if (whole > 0)
        df_buf_put_double(out, (double)share / (double)whole);
}

static void put_lengths(struct df_buf *out, const struct df_view_length lengths[DF_VIEW_LENGTHS])
{
    for (size_t i = 0; i < DF_VIEW_LENGTHS; i++) {
        df_buf_put_char(out, ',');
        if (lengths[i].given)
            df_buf_put_slice(out, lengths[i].text);
    }
}

static void put_step(const struct df_view *view, const char *table, struct df_slice value,
                     const struct df_view_step *steps, size_t index, struct df_buf *out)
{
    const struct df_view_step *step = &steps[index];
    df_buf_printf(out, "%s,", table);
    put_field(out, value);
    df_buf_printf(out, ",%zu,", index + 1);
    put_field(out, view->steps[index].label);
    df_buf_printf(out, ",%" PRIu64 ",", step->users);
    if (view->sessions)
        df_buf_printf(out, "%" PRIu64, step->count);
    df_buf_put_char(out, ',');
    if (strcmp(table, "trend") != 0)
        df_buf_printf(out, "%" PRIu64, step->rows);
    put_share(out, step->count, steps[0].count);
    if (index > 0)
        put_share(out, step->count, steps[index - 1].count);
    else
        df_buf_put_char(out, ',');
    put_lengths(out, step->from_start);
    put_lengths(out, step->from_previous);
    df_buf_put_char(out, '\n');
}

static void put_steps(const struct df_view *view, const char *table, struct df_slice value,
                      const struct df_view_step *steps, struct df_buf *out)
{
    for (size_t i = 0; i < view->step_count; i++)
        put_step(view, table, value, steps, i, out);
}

static void put_header(struct df_buf *out)
{
    static const char *const prefixes[] = {"from_start", "from_previous"};
    df_buf_put_text(out, "table,value,step,name,users,sessions,rows,of_first,of_previous");
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < DF_VIEW_LENGTHS; k++)
            df_buf_printf(out, ",%s_%s", prefixes[i], df_view_length_names[k]);
    df_buf_put_char(out, '\n');
}

void df_view_put_csv(const struct df_view *view, struct df_buf *out)
{
    static const char *const group_tables[] = {
        [DF_VIEW_VALUE] = "group", [DF_VIEW_NULL] = "group-null", [DF_VIEW_OTHER] = "group-other"};
    put_header(out);
    put_steps(view, "all", (struct df_slice){0}, view->steps, out);
    for (size_t i = 0; i < view->groups.entry_count; i++) {
        const struct df_view_entry *entry = &view->groups.entries[i];
        put_steps(view, group_tables[entry->kind], entry->kind == DF_VIEW_VALUE ? entry->text : (struct df_slice){0},
                  entry->steps, out);
    }
    for (size_t i = 0; i < view->trend.entry_count; i++)
        put_steps(view, "trend", view->trend.entries[i].text, view->trend.entries[i].steps, out);
}
