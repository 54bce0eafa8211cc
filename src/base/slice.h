/* A run of bytes that somebody else owns.
 *
 * A slice is passed by value and is valid as long as its owner says. It is not NUL-terminated and may hold any byte.
 * {NULL, 0} is the empty slice. */
#ifndef DF_BASE_SLICE_H
#define DF_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct df_slice {
    const uint8_t *data;
    size_t size; /* bytes */
};

static inline struct df_slice df_slice_make(const void *data, size_t size)
{
    return (struct df_slice){.data = (const uint8_t *)data, .size = size};
}

/* The bytes of a C string without its NUL; the empty slice for NULL. */
static inline struct df_slice df_slice_text(const char *text)
{
    return text ? df_slice_make(text, strlen(text)) : df_slice_make(NULL, 0);
}

static inline bool df_slice_equal(struct df_slice a, struct df_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* True when the slice holds exactly the bytes of a C string. */
static inline bool df_slice_is(struct df_slice a, const char *text)
{
    return df_slice_equal(a, df_slice_text(text));
}

/* Byte order, as memcmp; a prefix stands before what it begins. */
static inline int df_slice_compare(struct df_slice a, struct df_slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

/* A copy with a NUL behind it, to be freed; NULL when memory is short. Unlike strndup it never looks for a NUL in the
 * slice, which need not have one. */
static inline char *df_slice_strdup(struct df_slice slice)
{
    char *copy = (char *)malloc(slice.size + 1);
    if (!copy)
        return NULL;
    if (slice.size)
        memcpy(copy, slice.data, slice.size);
    copy[slice.size] = '\0';
    return copy;
}

/* For printf's "%.*s": DF_SLICE_ARG(slice) gives the length (cut at INT_MAX) and the bytes. */
#define DF_SLICE_ARG(slice) (int)((slice).size > 0x7fffffff ? 0x7fffffff : (slice).size), (const char *)(slice).data

#endif
