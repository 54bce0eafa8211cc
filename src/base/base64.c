#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void df_base64_put(struct df_buf *out, struct df_slice bytes)
{
    if (!df_buf_reserve(out, bytes.size / 3 * 4 + 4))
        return;
    size_t at = 0;
    for (; at + 3 <= bytes.size; at += 3) {
        uint32_t group = (uint32_t)bytes.data[at] << 16 | (uint32_t)bytes.data[at + 1] << 8 | bytes.data[at + 2];
        char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63], alphabet[group >> 6 & 63],
                        alphabet[group & 63]};
        df_buf_put(out, text, sizeof text);
    }
    size_t left = bytes.size - at;
    if (left == 0)
        return;
    uint32_t group = (uint32_t)bytes.data[at] << 16 | (left == 2 ? (uint32_t)bytes.data[at + 1] << 8 : 0);
    char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63], left == 2 ? alphabet[group >> 6 & 63] : '=',
                    '='};
    df_buf_put(out, text, sizeof text);
}

/* 0..63, or 64 for a character outside the alphabet. */
static uint32_t digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0' + 52);
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

bool df_base64_take(struct df_buf *out, struct df_slice text)
{
    if (text.size % 4 != 0)
        return false;
    if (text.size == 0)
        return true;
    size_t padding = (text.data[text.size - 1] == '=') + (size_t)(text.data[text.size - 2] == '=');
    if (padding == 1 && text.data[text.size - 1] != '=')
        return false;
    size_t start = out->size;
    uint8_t *to = df_buf_extend(out, text.size / 4 * 3);
    if (!to)
        return false;
    uint32_t bad = 0, group = 0;
    for (size_t at = 0; at < text.size; at += 4) {
        size_t digits = at + 4 == text.size ? 4 - padding : 4;
        group = 0;
        for (size_t i = 0; i < 4; i++) {
            uint32_t value = i < digits ? digit(text.data[at + i]) : 0;
            bad |= value & 64;
            group = group << 6 | (value & 63);
        }
        *to++ = (uint8_t)(group >> 16);
        *to++ = (uint8_t)(group >> 8);
        *to++ = (uint8_t)group;
    }
    uint32_t leftover = padding == 2 ? group & 0xffff : padding == 1 ? group & 0xff : 0;
    if (bad || leftover) {
        out->size = start;
        return false;
    }
    out->size -= padding;
    return true;
}
