#include "cli/text.h"

#include <stdio.h>

struct range {
    uint32_t first, last;
};

/* East Asian wide and fullwidth characters and the emoji that terminals draw in two columns (Unicode 15,
 * EastAsianWidth.txt), with unassigned gaps closed: too wide is harmless. */
static const struct range wide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23F3},   {0x25FD, 0x25FE},
    {0x2614, 0x2615},   {0x2630, 0x2637},   {0x2648, 0x2653},   {0x267F, 0x267F},   {0x268A, 0x2693},
    {0x26A1, 0x26A1},   {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},   {0x26CE, 0x26CE},
    {0x26D4, 0x26D4},   {0x26EA, 0x26EA},   {0x26F2, 0x26F5},   {0x26FA, 0x26FA},   {0x26FD, 0x26FD},
    {0x2705, 0x2705},   {0x270A, 0x270B},   {0x2728, 0x2728},   {0x274C, 0x274C},   {0x274E, 0x274E},
    {0x2753, 0x2757},   {0x2795, 0x2797},   {0x27B0, 0x27B0},   {0x27BF, 0x27BF},   {0x2B1B, 0x2B1C},
    {0x2B50, 0x2B50},   {0x2B55, 0x2B55},   {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},
    {0x4DC0, 0xA4CF},   {0xA960, 0xA97F},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE10, 0xFE19},
    {0xFE30, 0xFE6F},   {0xFF01, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x18DFF}, {0x1AFF0, 0x1B2FF},
    {0x1D300, 0x1D37F}, {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F19A}, {0x1F1E6, 0x1F64F},
    {0x1F680, 0x1F6FF}, {0x1F7E0, 0x1F7F0}, {0x1F90C, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD},
};

/* Marks that combine with the character before them. */
static const struct range combining[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x05BF, 0x05BF}, {0x05C1, 0x05C2}, {0x0610, 0x061A},
    {0x064B, 0x065F}, {0x0670, 0x0670}, {0x06D6, 0x06DC}, {0x06DF, 0x06E4}, {0x0941, 0x0948}, {0x094D, 0x094D},
    {0x0E31, 0x0E31}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20F0},
    {0x302A, 0x302D}, {0x3099, 0x309A}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0x200D, 0x200D}, {0xE0100, 0xE01EF},
};

/* Characters that change the direction of writing or cannot be seen: a name could pose as another one with them. */
static const struct range unseen[] = {
    {0x0080, 0x009F}, {0x00AD, 0x00AD}, {0x061C, 0x061C}, {0x115F, 0x1160}, {0x180E, 0x180E}, {0x200B, 0x200C},
    {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F},
};

static bool is_in(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}
#define IS_IN(c, ranges) is_in(c, ranges, sizeof(ranges) / sizeof *(ranges))

/* One character as it will be shown. */
struct shown {
    struct df_slice bytes;
    unsigned columns;
};

static struct shown question_mark(void)
{
    return (struct shown){df_slice_text("?"), 1};
}

static size_t sequence_bytes(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead < 0xE0)
        return 2;
    if (lead >= 0xE0 && lead < 0xF0)
        return 3;
    if (lead >= 0xF0 && lead < 0xF5)
        return 4;
    return 0;
}

static const uint32_t smallest_of_size[] = {0, 0, 0x80, 0x800, 0x10000};

/* Takes a character off the front of *text; false when its bytes are no UTF-8 (one byte is taken then). */
static bool take_character(struct df_slice *text, struct df_slice *bytes, uint32_t *c)
{
    size_t size = sequence_bytes(text->data[0]);
    *bytes = df_slice_make(text->data, 1);
    bool valid = size > 0 && size <= text->size;
    if (valid) {
        *c = size == 1 ? text->data[0] : text->data[0] & (0xFFu >> (size + 1));
        for (size_t i = 1; i < size && valid; i++) {
            valid = (text->data[i] & 0xC0) == 0x80;
            *c = *c << 6 | (text->data[i] & 0x3Fu);
        }
        valid = valid && *c >= smallest_of_size[size] && *c <= 0x10FFFF && (*c < 0xD800 || *c > 0xDFFF);
    }
    if (valid)
        bytes->size = size;
    *text = df_slice_make(text->data + bytes->size, text->size - bytes->size);
    return valid;
}

bool df_text_is_utf8(struct df_slice text)
{
    struct df_slice bytes;
    uint32_t c;
    while (text.size > 0)
        if (!take_character(&text, &bytes, &c))
            return false;
    return true;
}

static struct shown next_shown(struct df_slice *text, bool ascii, bool keep_lines)
{
    struct df_slice bytes;
    uint32_t c;
    if (!take_character(text, &bytes, &c))
        return question_mark();
    if (c == '\n' && keep_lines)
        return (struct shown){bytes, 0};
    if (c == '\t')
        return (struct shown){df_slice_text(" "), 1};
    if (c < 0x20 || c == 0x7F)
        return question_mark();
    if (c < 0x7F)
        return (struct shown){bytes, 1};
    if (ascii || IS_IN(c, unseen))
        return question_mark();
    if (IS_IN(c, combining))
        return (struct shown){bytes, 0};
    return (struct shown){bytes, IS_IN(c, wide) ? 2 : 1};
}

unsigned df_text_width(struct df_slice text, bool ascii)
{
    unsigned columns = 0;
    while (text.size > 0)
        columns += next_shown(&text, ascii, false).columns;
    return columns;
}

void df_text_put(struct df_buf *out, struct df_slice text, bool ascii)
{
    while (text.size > 0)
        df_buf_put_slice(out, next_shown(&text, ascii, false).bytes);
}

void df_text_put_lines(struct df_buf *out, struct df_slice text, bool ascii)
{
    while (text.size > 0)
        df_buf_put_slice(out, next_shown(&text, ascii, true).bytes);
}

unsigned df_text_put_cut(struct df_buf *out, struct df_slice text, unsigned columns, bool ascii)
{
    unsigned width = df_text_width(text, ascii);
    if (width <= columns) {
        df_text_put(out, text, ascii);
        return width;
    }
    struct df_slice mark = df_slice_text(!ascii ? "…" : columns > 3 ? "..." : "");
    unsigned mark_columns = ascii ? (unsigned)mark.size : 1;
    if (columns < mark_columns)
        return 0;
    unsigned taken = 0;
    while (text.size > 0) {
        struct shown shown = next_shown(&text, ascii, false);
        if (taken + shown.columns > columns - mark_columns)
            break;
        df_buf_put_slice(out, shown.bytes);
        taken += shown.columns;
    }
    df_buf_put_slice(out, mark);
    return taken + mark_columns;
}

void df_text_put_spaces(struct df_buf *out, unsigned count)
{
    for (; count > 0; count--)
        df_buf_put_char(out, ' ');
}

void df_text_put_thousands(struct df_buf *out, uint64_t value)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            df_buf_put_char(out, ',');
        df_buf_put_char(out, digits[i]);
    }
}
