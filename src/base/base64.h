/* Base64 with padding (RFC 4648, §4): bytes inside JSON. */
#ifndef DF_BASE_BASE64_H
#define DF_BASE_BASE64_H

#include "base/buf.h"

void df_base64_put(struct df_buf *out, struct df_slice bytes);

/* Appends the bytes of a base64 text. false, and `out` as it was, when the text is not base64: wrong length, a
 * character outside the alphabet, white space, padding in the middle, or bits left over that are not 0. */
bool df_base64_take(struct df_buf *out, struct df_slice text);

#endif
