#include "engine/funnel/language/shown.h"

/* Code points that take no column or two; everything else takes one. Coarse blocks: a caret may not be off in any
 * script that is written in boxes, and by one at most elsewhere. */
static const struct {
    uint32_t first, last;
    unsigned columns;
} widths[] = {
    {0x0300, 0x036F, 0},   {0x1100, 0x115F, 2},   {0x200B, 0x200F, 0},   {0x20D0, 0x20FF, 0},
    {0x2E80, 0x303E, 2},   {0x3041, 0xA4CF, 2},   {0xAC00, 0xD7A3, 2},   {0xF900, 0xFAFF, 2},
    {0xFE00, 0xFE0F, 0},   {0xFE30, 0xFE6F, 2},   {0xFF00, 0xFF60, 2},   {0xFFE0, 0xFFE6, 2},
    {0x1F300, 0x1F64F, 2}, {0x1F680, 0x1F6FF, 2}, {0x1F900, 0x1FAFF, 2}, {0x20000, 0x3FFFD, 2},
};

static unsigned columns_of(uint32_t code_point)
{
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        if (code_point >= widths[i].first && code_point <= widths[i].last)
            return widths[i].columns;
    return 1;
}

struct df_funnel_character df_funnel_character_at(struct df_slice text, size_t at)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = text.data[at];
    unsigned size = lead < 0x80                   ? 1
                    : lead >= 0xC2 && lead < 0xE0 ? 2
                    : lead >= 0xE0 && lead < 0xF0 ? 3
                    : lead >= 0xF0 && lead < 0xF5 ? 4
                                                  : 0;
    const struct df_funnel_character none = {.size_bytes = 0, .code_point = 0xFFFD, .columns = 1};
    if (size == 0 || size > text.size - at)
        return none;
    uint32_t code_point = size == 1 ? lead : (uint32_t)lead & (0x7Fu >> size);
    for (unsigned i = 1; i < size; i++) {
        if ((text.data[at + i] & 0xC0) != 0x80)
            return none;
        code_point = code_point << 6 | (text.data[at + i] & 0x3Fu);
    }
    if (code_point < least[size] || code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF))
        return none;
    return (struct df_funnel_character){
        .size_bytes = size, .code_point = code_point, .columns = columns_of(code_point)};
}

bool df_funnel_character_hidden(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F) || code_point == 0x061C ||
           (code_point >= 0x200E && code_point <= 0x200F) || (code_point >= 0x2028 && code_point <= 0x202E) ||
           (code_point >= 0x2066 && code_point <= 0x2069) || code_point == 0xFEFF;
}

void df_funnel_put_shown(struct df_buf *out, struct df_slice text, size_t characters)
{
    size_t at = 0;
    for (size_t i = 0; at < text.size && i < characters; i++) {
        struct df_funnel_character character = df_funnel_character_at(text, at);
        if (character.size_bytes == 0 || df_funnel_character_hidden(character.code_point))
            df_buf_put_char(out, '?');
        else
            df_buf_put(out, text.data + at, character.size_bytes);
        at += character.size_bytes ? character.size_bytes : 1;
    }
    if (at < text.size)
        df_buf_put_text(out, "…");
}

const char *df_funnel_shown(struct df_slice text, char place[DF_FUNNEL_SHOWN_BYTES])
{
    struct df_buf out = {0};
    df_funnel_put_shown(&out, text, 64);
    size_t size = out.size < DF_FUNNEL_SHOWN_BYTES - 1 ? out.size : DF_FUNNEL_SHOWN_BYTES - 1;
    if (size)
        memcpy(place, out.data, size);
    place[size] = '\0';
    df_buf_dispose(&out);
    return place;
}
