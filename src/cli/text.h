/* Text for a terminal: how wide it is, how to cut it, and numbers with thousands separators.
 *
 * Whatever comes from outside (expressions, file names, messages) may hold escape sequences; what is put through these
 * functions cannot move the cursor, colour the screen or turn the writing direction. Widths err on the wide side, so
 * that a line never wraps. */
#ifndef DF_CLI_TEXT_H
#define DF_CLI_TEXT_H

#include "base/buf.h"

/* Columns that df_text_put would take. */
unsigned df_text_width(struct df_slice text, bool ascii);

/* The text without control characters: each is written as '?', as are bytes that are not UTF-8 and, with ascii, every
 * character beyond ASCII. A tab becomes a blank. _lines keeps line breaks. */
void df_text_put(struct df_buf *out, struct df_slice text, bool ascii);
void df_text_put_lines(struct df_buf *out, struct df_slice text, bool ascii);

/* As df_text_put, in at most `columns` columns: a longer text ends with '…' ("..." in ASCII, if there is room for it).
 * Returns the columns it took. */
unsigned df_text_put_cut(struct df_buf *out, struct df_slice text, unsigned columns, bool ascii);

bool df_text_is_utf8(struct df_slice text);

void df_text_put_spaces(struct df_buf *out, unsigned count);
void df_text_put_thousands(struct df_buf *out, uint64_t value); /* 1,234,567 */

#endif
