/* Bytes of an input in one piece: a reader looks at [begin, end), takes records off the front and asks for more when
 * the last one is not whole. */
#ifndef DF_FORMAT_TEXT_WINDOW_H
#define DF_FORMAT_TEXT_WINDOW_H

#include "format/text/input.h"

struct df_text_window {
    struct df_text_input *input; /* owned */
    uint8_t *data;               /* owned */
    size_t begin, end, capacity, limit;
    bool ended; /* nothing comes behind `end` */
};

int df_text_window_open(struct df_text_window *window, const struct df_text_options *options, struct df_error *error);
void df_text_window_close(struct df_text_window *window);

/* Makes [begin, end) longer, which may move it. FULL: the record limit is reached; ENDED: there is no more. */
enum df_text_more { DF_TEXT_MORE_CAME, DF_TEXT_MORE_ENDED, DF_TEXT_MORE_FULL }; /* -1: an error */
int df_text_window_more(struct df_text_window *window, struct df_error *error);

/* The record that begins at `begin` ends with the first line break at or behind offset `from`: *size is its bytes
 * without the line break, *used with it. *cut: it is longer than the limit, and what came so far is all of *size. */
int df_text_window_line(struct df_text_window *window, size_t from, size_t *size, size_t *used, bool *cut,
                        struct df_error *error);

/* A UTF-8 byte order mark is passed over; one of UTF-16 fails. */
int df_text_window_skip_mark(struct df_text_window *window, const char *name, struct df_error *error);

static inline struct df_slice df_text_window_slice(const struct df_text_window *window)
{
    return df_slice_make(window->data + window->begin, window->end - window->begin);
}

#endif
