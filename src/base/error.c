#define DF_ERROR_DEFINED_HERE
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct kind_row {
    const char *name;
    int http_status;
    int exit_code;
    bool retried;
} kinds[DF_ERROR_KIND_COUNT] = {
    [DF_ERROR_NONE] = {"none", 200, 0, false},
    [DF_ERROR_INVALID] = {"invalid", 400, 2, false},
    [DF_ERROR_NOT_FOUND] = {"not_found", 404, 4, false},
    [DF_ERROR_DENIED] = {"denied", 403, 5, false},
    [DF_ERROR_UNAUTHENTICATED] = {"unauthenticated", 401, 5, false},
    [DF_ERROR_CONFLICT] = {"conflict", 409, 1, false},
    [DF_ERROR_TOO_LARGE] = {"too_large", 413, 2, false},
    [DF_ERROR_THROTTLED] = {"throttled", 429, 1, true},
    [DF_ERROR_UNAVAILABLE] = {"unavailable", 503, 1, true},
    [DF_ERROR_TIMEOUT] = {"timeout", 504, 6, true},
    [DF_ERROR_CORRUPT] = {"corrupt", 422, 3, false},
    [DF_ERROR_UNSUPPORTED] = {"unsupported", 422, 3, false},
    [DF_ERROR_EXHAUSTED] = {"exhausted", 507, 1, false},
    [DF_ERROR_CANCELLED] = {"cancelled", 499, 130, false},
    [DF_ERROR_INTERNAL] = {"internal", 500, 1, true},
};

/* A message cut by the buffer must not end inside a UTF-8 character. */
static void cut_on_character(char *message, size_t capacity, int wanted)
{
    if (wanted < 0 || (size_t)wanted < capacity)
        return;
    size_t size = capacity - 1;
    size_t start = size;
    while (start > 0 && ((unsigned char)message[start - 1] & 0xC0u) == 0x80u)
        start--;
    if (start > 0 && ((unsigned char)message[start - 1] & 0xC0u) == 0xC0u)
        message[start - 1] = '\0';
}

__attribute__((format(printf, 3, 0))) static void fill(struct df_error *error, enum df_error_kind kind,
                                                       const char *format, va_list arguments)
{
    error->kind = kind;
    error->retryable = kinds[kind].retried;
    int wanted = vsnprintf(error->message, sizeof error->message, format, arguments);
    cut_on_character(error->message, sizeof error->message, wanted);
}

int df_error_set(struct df_error *error, enum df_error_kind kind, const char *format, ...)
{
    if (!error)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    fill(error, kind, format, arguments);
    va_end(arguments);
    return -1;
}

static enum df_error_kind kind_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOENT:
    case ENOTDIR:
        return DF_ERROR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return DF_ERROR_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return DF_ERROR_EXHAUSTED;
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EINVAL:
        return DF_ERROR_INVALID;
    case ETIMEDOUT:
        return DF_ERROR_TIMEOUT;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
        return DF_ERROR_UNAVAILABLE;
    default:
        return DF_ERROR_INTERNAL;
    }
}

int df_error_set_errno(struct df_error *error, int errno_value, const char *format, ...)
{
    if (!error)
        return -1;
    char buffer[128];
    const char *text = strerror_r(errno_value, buffer, sizeof buffer); /* GNU's, which may leave the buffer alone */
    va_list arguments;
    va_start(arguments, format);
    fill(error, kind_of_errno(errno_value), format, arguments);
    va_end(arguments);
    size_t used = strlen(error->message);
    int wanted = snprintf(error->message + used, sizeof error->message - used, ": %s", text);
    cut_on_character(error->message + used, sizeof error->message - used, wanted);
    return -1;
}

int df_error_prefix(struct df_error *error, const char *format, ...)
{
    if (!error)
        return -1;
    char message[DF_ERROR_MESSAGE_BYTES];
    memcpy(message, error->message, sizeof message);
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    cut_on_character(error->message, sizeof error->message, used);
    if (used < 0 || (size_t)used >= sizeof error->message)
        return -1; /* nothing of the old message fits */
    size_t left = sizeof error->message - (size_t)used;
    int wanted = snprintf(error->message + used, left, ": %s", message);
    cut_on_character(error->message + used, left, wanted);
    return -1;
}

int df_error_no_memory(struct df_error *error, const char *doing)
{
    return df_error_set(error, DF_ERROR_EXHAUSTED, "out of memory %s", doing);
}

void df_error_clear(struct df_error *error)
{
    error->kind = DF_ERROR_NONE;
    error->retryable = false;
    error->message[0] = '\0';
}

const char *df_error_name(enum df_error_kind kind)
{
    return kinds[kind].name;
}

int df_error_http_status(enum df_error_kind kind)
{
    return kinds[kind].http_status;
}

int df_error_exit_code(enum df_error_kind kind)
{
    return kinds[kind].exit_code;
}

bool df_error_kind_retried(enum df_error_kind kind)
{
    return kinds[kind].retried;
}

enum df_error_kind df_error_kind_parse(const char *name)
{
    for (int kind = DF_ERROR_NONE + 1; kind < DF_ERROR_KIND_COUNT; kind++)
        if (strcmp(kinds[kind].name, name) == 0)
            return (enum df_error_kind)kind;
    return DF_ERROR_NONE;
}
