/* Fields of CSV as RFC 4180 has them: what df_text_next reads back as the same text. */
#ifndef DF_FORMAT_TEXT_CSV_PUT_H
#define DF_FORMAT_TEXT_CSV_PUT_H

#include "base/buf.h"

/* In quotes when the text holds a comma, a quote or a line break, or when `quoted` wants them in any case: of an empty
 * text, which without quotes is null, or of blanks at its ends, which some readers cut. */
void df_csv_put_field(struct df_buf *out, struct df_slice text, bool quoted);

#endif
