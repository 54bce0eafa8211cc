#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/size.h"

void df_buf_dispose(struct df_buf *buf)
{
    free(buf->data);
    *buf = (struct df_buf){0};
}

void df_buf_clear(struct df_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
}

void df_buf_move(struct df_buf *to, struct df_buf *from)
{
    df_buf_dispose(to);
    *to = *from;
    *from = (struct df_buf){0};
}

bool df_buf_reserve(struct df_buf *buf, size_t more_bytes)
{
    if (buf->failed)
        return false;
    size_t wanted;
    if (df_size_add(&wanted, buf->size, more_bytes) != 0) {
        buf->failed = true;
        return false;
    }
    if (wanted <= buf->capacity)
        return true;
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity < wanted)
        if (df_size_add(&capacity, capacity, capacity / 2) != 0)
            capacity = wanted;
    uint8_t *data = realloc(buf->data, capacity);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

uint8_t *df_buf_extend(struct df_buf *buf, size_t size)
{
    if (!df_buf_reserve(buf, size ? size : 1))
        return NULL;
    uint8_t *place = buf->data + buf->size;
    buf->size += size;
    return place;
}

void df_buf_put(struct df_buf *buf, const void *data, size_t size)
{
    if (size == 0)
        return;
    uint8_t *place = df_buf_extend(buf, size);
    if (place)
        memcpy(place, data, size);
}

void df_buf_put_slice(struct df_buf *buf, struct df_slice slice)
{
    df_buf_put(buf, slice.data, slice.size);
}

void df_buf_put_text(struct df_buf *buf, const char *text)
{
    df_buf_put(buf, text, strlen(text));
}

void df_buf_put_char(struct df_buf *buf, char c)
{
    df_buf_put(buf, &c, 1);
}

void df_buf_put_u8(struct df_buf *buf, uint8_t value)
{
    df_buf_put(buf, &value, 1);
}

void df_buf_put_u32le(struct df_buf *buf, uint32_t value)
{
    df_buf_put(buf, &value, sizeof value);
}

void df_buf_put_u64le(struct df_buf *buf, uint64_t value)
{
    df_buf_put(buf, &value, sizeof value);
}

void df_buf_put_varint(struct df_buf *buf, uint64_t value)
{
    uint8_t bytes[10];
    size_t count = 0;
    while (value >= 0x80) {
        bytes[count++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[count++] = (uint8_t)value;
    df_buf_put(buf, bytes, count);
}

void df_buf_printf(struct df_buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size >= 0 && df_buf_reserve(buf, (size_t)size + 1)) {
        vsnprintf((char *)buf->data + buf->size, (size_t)size + 1, format, again);
        buf->size += (size_t)size;
    } else {
        buf->failed = true;
    }
    va_end(again);
}

const char *df_buf_text(struct df_buf *buf)
{
    if (!df_buf_reserve(buf, 1))
        return "";
    buf->data[buf->size] = '\0';
    return (const char *)buf->data;
}

bool df_cursor_take_bytes(struct df_cursor *cursor, size_t size, struct df_slice *out)
{
    if (cursor->failed || df_cursor_left(cursor) < size) {
        cursor->failed = true;
        return false;
    }
    *out = df_slice_make(cursor->at, size);
    if (size > 0)
        cursor->at += size;
    return true;
}

bool df_cursor_take_u8(struct df_cursor *cursor, uint8_t *out)
{
    struct df_slice bytes;
    if (!df_cursor_take_bytes(cursor, 1, &bytes))
        return false;
    *out = bytes.data[0];
    return true;
}

bool df_cursor_take_u32le(struct df_cursor *cursor, uint32_t *out)
{
    struct df_slice bytes;
    if (!df_cursor_take_bytes(cursor, sizeof *out, &bytes))
        return false;
    *out = df_load_u32le(bytes.data);
    return true;
}

bool df_cursor_take_u64le(struct df_cursor *cursor, uint64_t *out)
{
    struct df_slice bytes;
    if (!df_cursor_take_bytes(cursor, sizeof *out, &bytes))
        return false;
    *out = df_load_u64le(bytes.data);
    return true;
}

bool df_cursor_take_varint(struct df_cursor *cursor, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte;
        if (!df_cursor_take_u8(cursor, &byte))
            return false;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7fu) << shift;
        if (!(byte & 0x80u)) {
            *out = value;
            return true;
        }
    }
    cursor->failed = true;
    return false;
}
