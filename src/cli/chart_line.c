#include "cli/chart_line.h"

#include "cli/text.h"

struct df_chart_line df_chart_line_begin(struct df_buf *out, const struct df_chart_style *style)
{
    return (struct df_chart_line){.out = out, .style = style, .left = style->columns};
}

void df_chart_line_end(struct df_chart_line *line)
{
    while (line->out->size > 0 && line->out->data[line->out->size - 1] == ' ')
        line->out->size--;
    df_buf_put_char(line->out, '\n');
}

void df_chart_line_colour(struct df_chart_line *line, const char *code)
{
    if (line->style->colour)
        df_buf_printf(line->out, "\033[%sm", code);
}

void df_chart_line_spaces(struct df_chart_line *line, unsigned count)
{
    if (count > line->left)
        count = line->left;
    df_text_put_spaces(line->out, count);
    line->left -= count;
}

void df_chart_line_put(struct df_chart_line *line, const char *text)
{
    line->left -= df_text_put_cut(line->out, df_slice_text(text), line->left, line->style->ascii);
}

void df_chart_line_label(struct df_chart_line *line, struct df_slice label, unsigned width)
{
    if (width > line->left)
        width = line->left;
    unsigned taken = df_text_put_cut(line->out, label, width, line->style->ascii);
    line->left -= taken;
    df_chart_line_spaces(line, width - taken);
}

void df_chart_line_right(struct df_chart_line *line, const char *text, unsigned width)
{
    if (width == 0)
        return;
    unsigned text_width = df_text_width(df_slice_text(text), line->style->ascii);
    df_chart_line_spaces(line, DF_CHART_GAP + (text_width < width ? width - text_width : 0));
    df_chart_line_put(line, text);
}

void df_chart_line_count(struct df_chart_line *line, uint64_t count, unsigned width)
{
    struct df_buf text = {0};
    df_text_put_thousands(&text, count);
    df_chart_line_right(line, df_buf_text(&text), width);
    df_buf_dispose(&text);
}

unsigned df_chart_count_width(uint64_t value)
{
    unsigned digits = 1;
    for (; value >= 10; value /= 10)
        digits++;
    return digits + (digits - 1) / 3;
}
