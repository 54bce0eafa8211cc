#include "format/text/window.h"

#include <stdlib.h>

enum { FIRST_BYTES = 256 * 1024 };

int df_text_window_open(struct df_text_window *window, const struct df_text_options *options, struct df_error *error)
{
    *window = (struct df_text_window){.limit = options->record_bytes};
    window->capacity = window->limit < FIRST_BYTES ? window->limit : FIRST_BYTES;
    window->data = malloc(window->capacity);
    if (!window->data)
        return df_error_no_memory(error, "while opening an input");
    return df_text_input_open(&window->input, options->source, options->name, error);
}

void df_text_window_close(struct df_text_window *window)
{
    df_text_input_close(window->input);
    free(window->data);
    *window = (struct df_text_window){0};
}

static int make_room(struct df_text_window *window, struct df_error *error)
{
    if (window->begin > 0) {
        memmove(window->data, window->data + window->begin, window->end - window->begin);
        window->end -= window->begin;
        window->begin = 0;
        return 0;
    }
    size_t capacity = window->capacity > window->limit / 2 ? window->limit : window->capacity * 2;
    uint8_t *data = realloc(window->data, capacity);
    if (!data)
        return df_error_no_memory(error, "while reading a long record");
    window->data = data;
    window->capacity = capacity;
    return 0;
}

int df_text_window_more(struct df_text_window *window, struct df_error *error)
{
    if (window->ended)
        return DF_TEXT_MORE_ENDED;
    if (window->end == window->capacity) {
        if (window->begin == 0 && window->capacity == window->limit)
            return DF_TEXT_MORE_FULL;
        if (make_room(window, error) < 0)
            return -1;
    }
    size_t got;
    if (df_text_input_read(window->input, window->data + window->end, window->capacity - window->end, &got, error) < 0)
        return -1;
    window->end += got;
    window->ended = got == 0;
    return got > 0 ? DF_TEXT_MORE_CAME : DF_TEXT_MORE_ENDED;
}

static bool is_break(uint8_t c)
{
    return c == '\n' || c == '\r';
}

int df_text_window_line(struct df_text_window *window, size_t from, size_t *size, size_t *used, bool *cut,
                        struct df_error *error)
{
    *cut = false;
    for (size_t at = from;;) {
        struct df_slice bytes = df_text_window_slice(window);
        while (at < bytes.size && !is_break(bytes.data[at]))
            at++;
        bool half = at + 1 == bytes.size && bytes.data[at] == '\r'; /* its LF may be still to come */
        *size = *used = at;
        if (at < bytes.size && (!half || window->ended)) {
            *used += bytes.data[at] == '\r' && at + 1 < bytes.size && bytes.data[at + 1] == '\n' ? 2 : 1;
            return 0;
        }
        int more = df_text_window_more(window, error);
        if (more < 0)
            return -1;
        *cut = more == DF_TEXT_MORE_FULL && !half;
        if (more == DF_TEXT_MORE_FULL) {
            *used += half;
            return 0;
        }
        if (more == DF_TEXT_MORE_ENDED && !half)
            return 0;
    }
}

int df_text_window_skip_mark(struct df_text_window *window, const char *name, struct df_error *error)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    int more = DF_TEXT_MORE_CAME;
    while (more == DF_TEXT_MORE_CAME && window->end < 4) /* a mark of UTF-32 is as long */
        more = df_text_window_more(window, error);
    if (more < 0)
        return -1;
    if (window->end >= sizeof mark && memcmp(window->data, mark, sizeof mark) == 0)
        window->begin = sizeof mark;
    if (window->end >= 2 && (memcmp(window->data, "\xff\xfe", 2) == 0 || memcmp(window->data, "\xfe\xff", 2) == 0)) {
        bool wide = window->end >= 4 && memcmp(window->data, "\xff\xfe\0\0", 4) == 0;
        return df_error_set(error, DF_ERROR_INVALID,
                            "'%s': line 1, column 1: this is UTF-%d, and only UTF-8 is read: convert it first "
                            "(iconv -f UTF-%d -t UTF-8)",
                            name, wide ? 32 : 16, wide ? 32 : 16);
    }
    return 0;
}
