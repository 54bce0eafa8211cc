#include "format/text/csv_put.h"

static bool is_special(uint8_t c)
{
    return c == ',' || c == '"' || c == '\r' || c == '\n';
}

void df_csv_put_field(struct df_buf *out, struct df_slice text, bool quoted)
{
    for (size_t i = 0; !quoted && i < text.size; i++)
        quoted = is_special(text.data[i]);
    if (!quoted) {
        df_buf_put_slice(out, text);
        return;
    }
    df_buf_put_char(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            df_buf_put_char(out, '"');
        df_buf_put_u8(out, text.data[i]);
    }
    df_buf_put_char(out, '"');
}
