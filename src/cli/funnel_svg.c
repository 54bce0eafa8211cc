/* The picture: per step a line of text (number, label, and to the right how many) above a bar in a track.
 *
 *     ┌────────────────────────────────────────────────────────┐
 *     │ Which users did …?                                     │
 *     │ 1  event = view                     19,401  100.0 %    │
 *     │ ████████████████████████████████████████████████████   │
 *     │ 2  event = addtocart      552  2.8 %, 2.8 % of prev.   │
 *     │ █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   │
 *     └────────────────────────────────────────────────────────┘ */
#include "cli/funnel_output.h"

#include <inttypes.h>

#include "base/json_write.h"
#include "cli/text.h"

enum {
    WIDTH = 800,
    MARGIN = 20,
    INNER = WIDTH - 2 * MARGIN,
    TITLE_HEIGHT = 52,
    STEP_HEIGHT = 50,
    BAR_OFFSET = 22, /* from the top of a step */
    BAR_HEIGHT = 16,
    FOOT_HEIGHT = 36,
    TITLE_SIZE = 18,
    TEXT_SIZE = 14,
    FOOT_SIZE = 12,
    LABEL_GAP = 16, /* least distance of a label from the numbers to its right */
};

/* ---- how wide a text may be ----
 *
 * Which font the reader has is not known. These widths, in hundredths of the font's size, are those of the wide ones
 * (Verdana, DejaVu Sans) in bold; a character of two columns (CJK, emoji) is as wide as it is high. */

static unsigned character_hundredths(unsigned char c)
{
    if (strchr("ijlI.,:;'|!()[] \"", c))
        return 48;
    if (strchr("mwMW@%", c))
        return 112;
    if (c >= 'A' && c <= 'Z')
        return 86;
    return 72;
}

/* Of the first character, whose bytes are put at *size. */
static unsigned first_hundredths(struct df_slice text, size_t *size)
{
    *size = 1;
    if (text.data[0] < 0x80)
        return character_hundredths(text.data[0]);
    while (*size < text.size && (text.data[*size] & 0xC0) == 0x80)
        ++*size;
    return 90 * df_text_width(df_slice_make(text.data, *size), false) + (*size > 2 ? 20 : 0);
}

static double text_width(struct df_slice text, unsigned font_size)
{
    unsigned hundredths = 0;
    while (text.size > 0) {
        size_t size;
        hundredths += first_hundredths(text, &size);
        text = df_slice_make(text.data + size, text.size - size);
    }
    return (double)hundredths * font_size / 100;
}

/* ---- markup ---- */

void df_markup_put(struct df_buf *out, struct df_slice text)
{
    struct df_buf shown = {0};
    df_text_put(&shown, text, false);
    out->failed |= df_buf_failed(&shown);
    for (size_t i = 0; i < shown.size; i++)
        switch (shown.data[i]) {
        case '&':
            df_buf_put_text(out, "&amp;");
            break;
        case '<':
            df_buf_put_text(out, "&lt;");
            break;
        case '>':
            df_buf_put_text(out, "&gt;");
            break;
        case '"':
            df_buf_put_text(out, "&quot;");
            break;
        case '\'':
            df_buf_put_text(out, "&#39;");
            break;
        default:
            df_buf_put_u8(out, shown.data[i]);
        }
    df_buf_dispose(&shown);
}

/* As much of it as fits, with an ellipsis when that is not all. */
static void put_cut(struct df_buf *out, struct df_slice text, unsigned font_size, double room)
{
    struct df_buf shown = {0};
    df_text_put(&shown, text, false);
    struct df_slice left = df_buf_slice(&shown);
    if (text_width(left, font_size) <= room) {
        df_markup_put(out, left);
    } else {
        double taken = font_size; /* of the ellipsis */
        size_t kept = 0;
        while (kept < left.size) {
            size_t size;
            double width =
                (double)first_hundredths(df_slice_make(left.data + kept, left.size - kept), &size) * font_size / 100;
            if (taken + width > room)
                break;
            taken += width;
            kept += size;
        }
        df_markup_put(out, df_slice_make(left.data, kept));
        df_buf_put_text(out, "…");
    }
    df_buf_dispose(&shown);
}

/* ---- the picture ---- */

static unsigned height_of(const struct df_view *view)
{
    return TITLE_HEIGHT + (unsigned)view->step_count * STEP_HEIGHT + FOOT_HEIGHT;
}

/* Middle grey is legible on white and on black, for readers that know no colour schemes. */
static void put_style(struct df_buf *out)
{
    df_buf_put_text(out,
                    "<style>\n"
                    ".df-funnel text { font-family: system-ui, 'DejaVu Sans', Verdana, sans-serif; fill: #767676; }\n"
                    ".df-funnel .df-title { font-weight: bold; }\n"
                    ".df-funnel .df-bar { fill: #3d85c6; }\n"
                    ".df-funnel .df-track { fill: #808080; fill-opacity: 0.18; }\n"
                    "@media (prefers-color-scheme: light) { .df-funnel text { fill: #333; } }\n"
                    "@media (prefers-color-scheme: dark) { .df-funnel text { fill: #ddd; } }\n"
                    "</style>\n");
}

/* "552 · 2.8 % · 2.8 % of the step before" */
static void put_numbers(const struct df_view *view, size_t index, struct df_buf *out)
{
    const struct df_view_step *step = &view->steps[index];
    char percent[DF_VIEW_PERCENT_BYTES];
    df_text_put_thousands(out, step->count);
    df_view_percent(percent, step->count, view->steps[0].count);
    df_buf_printf(out, " · %s", percent);
    if (index > 0) {
        df_view_percent(percent, step->count, view->steps[index - 1].count);
        df_buf_printf(out, " · %s of step %zu", percent, index);
    }
    if (step->timed && index > 0) {
        df_buf_put_text(out, " · median ");
        df_view_put_length(view, &step->from_previous[DF_VIEW_P50], out);
    }
}

static void put_rect(struct df_buf *out, const char *class, unsigned y, double width)
{
    df_buf_printf(out, "<rect class=\"%s\" x=\"%d\" y=\"%u\" width=\"", class, MARGIN, y);
    df_buf_put_double(out, width);
    df_buf_printf(out, "\" height=\"%d\"", BAR_HEIGHT);
}

static void put_step(const struct df_view *view, size_t index, struct df_buf *out)
{
    const struct df_view_step *step = &view->steps[index];
    unsigned top = TITLE_HEIGHT + (unsigned)index * STEP_HEIGHT;
    uint64_t first = view->steps[0].count;
    struct df_buf numbers = {0};
    struct df_buf label = {0};
    put_numbers(view, index, &numbers);
    out->failed |= df_buf_failed(&numbers);
    df_buf_printf(&label, "%zu  %.*s", index + 1, DF_SLICE_ARG(step->label));
    df_buf_printf(out, "<g>\n<title>");
    df_markup_put(out, df_buf_slice(&label));
    df_buf_printf(out, "</title>\n<text class=\"df-label\" x=\"%d\" y=\"%u\" font-size=\"%d\">", MARGIN,
                  top + TEXT_SIZE, TEXT_SIZE);
    put_cut(out, df_buf_slice(&label), TEXT_SIZE, INNER - LABEL_GAP - text_width(df_buf_slice(&numbers), TEXT_SIZE));
    df_buf_printf(out, "</text>\n<text class=\"df-count\" x=\"%d\" y=\"%u\" font-size=\"%d\" text-anchor=\"end\">",
                  WIDTH - MARGIN, top + TEXT_SIZE, TEXT_SIZE);
    df_markup_put(out, df_buf_slice(&numbers));
    df_buf_put_text(out, "</text>\n");
    put_rect(out, "df-track", top + BAR_OFFSET, INNER);
    df_buf_put_text(out, "/>\n");
    put_rect(out, "df-bar", top + BAR_OFFSET, first ? (double)step->count / (double)first * INNER : 0);
    df_buf_printf(out, " data-count=\"%" PRIu64 "\"/>\n</g>\n", step->count);
    df_buf_dispose(&label);
    df_buf_dispose(&numbers);
}

static void put_foot(const struct df_view *view, struct df_buf *out)
{
    struct df_buf text = {0};
    df_text_put_thousands(&text, view->rows);
    df_buf_put_text(&text, view->rows == 1 ? " row · " : " rows · ");
    df_text_put_thousands(&text, view->users);
    df_buf_put_text(&text, view->users == 1 ? " user" : " users");
    df_buf_printf(out, "<text class=\"df-foot\" x=\"%d\" y=\"%u\" font-size=\"%d\">", MARGIN,
                  height_of(view) - FOOT_HEIGHT / 2 + FOOT_SIZE / 2, FOOT_SIZE);
    df_markup_put(out, df_buf_slice(&text));
    df_buf_put_text(out, "</text>\n");
    df_buf_dispose(&text);
}

void df_view_put_svg_element(const struct df_view *view, struct df_buf *out)
{
    unsigned height = height_of(view);
    df_buf_printf(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"df-funnel\" role=\"img\" width=\"%d\" "
                  "height=\"%u\" viewBox=\"0 0 %d %u\">\n<title>",
                  WIDTH, height, WIDTH, height);
    df_markup_put(out, view->title);
    df_buf_put_text(out, "</title>\n");
    put_style(out);
    df_buf_printf(out, "<text class=\"df-title\" x=\"%d\" y=\"%d\" font-size=\"%d\">", MARGIN, MARGIN + TITLE_SIZE / 2,
                  TITLE_SIZE);
    put_cut(out, view->title, TITLE_SIZE, INNER);
    df_buf_put_text(out, "</text>\n");
    for (size_t i = 0; i < view->step_count; i++)
        put_step(view, i, out);
    put_foot(view, out);
    df_buf_put_text(out, "</svg>\n");
}

void df_view_put_svg(const struct df_view *view, struct df_buf *out)
{
    df_buf_put_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    df_view_put_svg_element(view, out);
}
