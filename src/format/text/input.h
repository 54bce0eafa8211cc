/* A source with its compression undone: gzip (any number of members) and Zstandard (any number of frames), known by
 * their first bytes; other packings are unsupported and named; anything else passes as it is. */
#ifndef DF_FORMAT_TEXT_INPUT_H
#define DF_FORMAT_TEXT_INPUT_H

#include "format/text/text.h"

struct df_text_input;

/* `name` is borrowed. Zstandard frames that want a window above 16 MiB are unsupported. */
int df_text_input_open(struct df_text_input **input, struct df_text_source source, const char *name,
                       struct df_error *error);
/* *got 0: the end. Fails with corrupt when compressed bytes are damaged or cut. */
int df_text_input_read(struct df_text_input *input, uint8_t *to, size_t capacity, size_t *got, struct df_error *error);
void df_text_input_close(struct df_text_input *input);

#endif
