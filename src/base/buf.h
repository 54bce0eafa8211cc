/* A growable buffer of bytes that owns its memory.
 *
 * Appending never reports a failure by itself: a failed allocation sticks, later appends do nothing, and one
 * df_buf_failed at the end tells. A failed buffer reads as what it held before it failed. {0} is an empty buffer.
 * Thread: one at a time. */
#ifndef DF_BASE_BUF_H
#define DF_BASE_BUF_H

#include "base/slice.h"

struct df_buf {
    uint8_t *data; /* owned, may be NULL */
    size_t size;
    size_t capacity;
    bool failed;
};

void df_buf_dispose(struct df_buf *buf);                    /* frees the memory; buf is empty afterwards */
void df_buf_clear(struct df_buf *buf);                      /* keeps the memory, forgets the content and the failure */
void df_buf_move(struct df_buf *to, struct df_buf *from);   /* disposes of *to; from is empty afterwards */
bool df_buf_reserve(struct df_buf *buf, size_t more_bytes); /* false (and failed) when that much cannot be had */

void df_buf_put(struct df_buf *buf, const void *data, size_t size);
void df_buf_put_slice(struct df_buf *buf, struct df_slice slice);
void df_buf_put_text(struct df_buf *buf, const char *text);
void df_buf_put_char(struct df_buf *buf, char c);
void df_buf_put_u8(struct df_buf *buf, uint8_t value);
void df_buf_put_u32le(struct df_buf *buf, uint32_t value);
void df_buf_put_u64le(struct df_buf *buf, uint64_t value);
void df_buf_put_varint(struct df_buf *buf, uint64_t value); /* LEB128, at most 10 bytes */
void df_buf_printf(struct df_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends `size` bytes of unspecified content and returns their place; NULL when it failed. */
uint8_t *df_buf_extend(struct df_buf *buf, size_t size);

static inline bool df_buf_failed(const struct df_buf *buf)
{
    return buf->failed;
}

static inline struct df_slice df_buf_slice(const struct df_buf *buf)
{
    return df_slice_make(buf->data, buf->size);
}

/* The content as a C string (a NUL is put behind it, not counted); "" when it failed. */
const char *df_buf_text(struct df_buf *buf);

/* Reading what df_buf_put_* wrote: a cursor over a slice. Each take returns false, and stays false, beyond the end. */
struct df_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct df_cursor df_cursor_make(struct df_slice slice)
{
    return (struct df_cursor){.at = slice.data, .end = slice.data ? slice.data + slice.size : NULL, .failed = false};
}

static inline size_t df_cursor_left(const struct df_cursor *cursor)
{
    return cursor->at ? (size_t)(cursor->end - cursor->at) : 0;
}

bool df_cursor_take_u8(struct df_cursor *cursor, uint8_t *out);
bool df_cursor_take_u32le(struct df_cursor *cursor, uint32_t *out);
bool df_cursor_take_u64le(struct df_cursor *cursor, uint64_t *out);
bool df_cursor_take_varint(struct df_cursor *cursor, uint64_t *out); /* false also for more than 64 bits */
bool df_cursor_take_bytes(struct df_cursor *cursor, size_t size, struct df_slice *out);

#endif
