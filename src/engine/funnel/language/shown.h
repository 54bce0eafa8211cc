/* Text of others in a message: no control character reaches the terminal, and nothing is longer than it need be. */
#ifndef DF_ENGINE_FUNNEL_LANGUAGE_SHOWN_H
#define DF_ENGINE_FUNNEL_LANGUAGE_SHOWN_H

#include "base/buf.h"

/* One character of UTF-8: its bytes (0: not UTF-8 here), its code point and the columns it takes on a terminal. */
struct df_funnel_character {
    unsigned size_bytes;
    uint32_t code_point;
    unsigned columns;
};
struct df_funnel_character df_funnel_character_at(struct df_slice text, size_t at);

/* A character that a message must not carry: controls of both blocks, and those that turn the direction of writing. */
bool df_funnel_character_hidden(uint32_t code_point);

/* Appends at most `characters` of text, "…" behind it when it was cut; what must not be shown becomes '?'. */
void df_funnel_put_shown(struct df_buf *out, struct df_slice text, size_t characters);

/* The same as a C string in `place`, for a "%s". Room for 64 characters. */
enum { DF_FUNNEL_SHOWN_BYTES = 64 * 4 + 4 };
const char *df_funnel_shown(struct df_slice text, char place[DF_FUNNEL_SHOWN_BYTES]);

#endif
