#include "net/http.h"

#include <stdlib.h>
#include <string.h>

#include "net/http_strict.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool same_name(struct df_slice a, const char *b)
{
    size_t size = strlen(b);
    if (a.size != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (lower(a.data[i]) != lower((uint8_t)b[i]))
            return false;
    return true;
}

/* ---- header fields ---- */

static bool fields_grow(struct df_http_fields *fields)
{
    size_t capacity = fields->capacity ? fields->capacity * 2 : 16;
    struct df_http_field *items = df_arena_array(fields->arena, capacity, sizeof *items);
    if (!items)
        return false;
    if (fields->count)
        memcpy(items, fields->items, fields->count * sizeof *items);
    fields->items = items;
    fields->capacity = capacity;
    return true;
}

bool df_http_fields_add(struct df_http_fields *fields, struct df_slice name, struct df_slice value)
{
    struct df_http_field field;
    if (fields->count == fields->capacity && !fields_grow(fields))
        return false;
    if (!df_arena_copy(fields->arena, name, &field.name) || !df_arena_copy(fields->arena, value, &field.value))
        return false;
    fields->items[fields->count++] = field;
    return true;
}

bool df_http_fields_put(struct df_http_fields *fields, const char *name, const char *value)
{
    return df_http_fields_add(fields, df_slice_text(name), df_slice_text(value));
}

struct df_slice df_http_fields_get(const struct df_http_fields *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++)
        if (same_name(fields->items[i].name, name))
            return fields->items[i].value;
    return df_slice_make(NULL, 0);
}

bool df_http_fields_are_safe(const struct df_http_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (!df_http_is_token(fields->items[i].name))
            return false;
        struct df_slice value = fields->items[i].value;
        for (size_t k = 0; k < value.size; k++)
            if (value.data[k] == '\r' || value.data[k] == '\n' || value.data[k] == 0)
                return false;
    }
    return true;
}

/* ---- names and numbers ---- */

const char *df_http_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

static bool starts_with(struct df_slice text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

static struct df_slice after(struct df_slice text, size_t bytes)
{
    return df_slice_make(text.data + bytes, text.size - bytes);
}

static int parse_port(struct df_slice digits, uint16_t *port)
{
    unsigned value = 0;
    if (digits.size == 0 || digits.size > 5)
        return -1;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return -1;
        value = value * 10 + (unsigned)(digits.data[i] - '0');
    }
    if (value == 0 || value > 65535)
        return -1;
    *port = (uint16_t)value;
    return 0;
}

/* host, host:port, [v6], [v6]:port */
static int parse_authority(struct df_http_url *url, struct df_slice authority)
{
    struct df_slice rest;
    if (starts_with(authority, "[")) {
        const uint8_t *end = memchr(authority.data, ']', authority.size);
        if (!end)
            return -1;
        url->host = df_slice_make(authority.data + 1, (size_t)(end - authority.data) - 1);
        rest = after(authority, url->host.size + 2);
    } else {
        const uint8_t *colon = authority.size ? memchr(authority.data, ':', authority.size) : NULL;
        url->host = df_slice_make(authority.data, colon ? (size_t)(colon - authority.data) : authority.size);
        rest = after(authority, url->host.size);
    }
    if (url->host.size == 0 || url->host.size > 255)
        return -1;
    if (rest.size == 0)
        return 0;
    return rest.data[0] == ':' ? parse_port(after(rest, 1), &url->port) : -1;
}

int df_http_url_parse(struct df_http_url *url, struct df_slice text, struct df_error *error)
{
    *url = (struct df_http_url){.port = 80, .target = df_slice_text("/")};
    struct df_slice rest;
    if (starts_with(text, "http://")) {
        rest = after(text, 7);
    } else if (starts_with(text, "https://")) {
        rest = after(text, 8);
        url->tls = true;
        url->port = 443;
    } else {
        return df_error_set(error, DF_ERROR_INVALID, "'%.*s' is no URL: expected http://host[:port]/…",
                            DF_SLICE_ARG(text));
    }
    size_t end = 0;
    while (end < rest.size && rest.data[end] != '/' && rest.data[end] != '?')
        end++;
    if (parse_authority(url, df_slice_make(rest.data, end)) != 0)
        return df_error_set(error, DF_ERROR_INVALID, "'%.*s': bad host or port", DF_SLICE_ARG(text));
    if (end < rest.size && rest.data[end] == '/')
        url->target = after(rest, end);
    else if (end < rest.size)
        return df_error_set(error, DF_ERROR_INVALID, "'%.*s': a path must stand before '?'", DF_SLICE_ARG(text));
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] == 0x7f)
            return df_error_set(error, DF_ERROR_INVALID, "a URL holds a blank or control character at byte %zu", i);
    return 0;
}

static bool is_unreserved(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '~';
}

void df_http_put_encoded(struct df_buf *out, struct df_slice text, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (is_unreserved(c) || (c == '/' && keep_slash)) {
            df_buf_put_char(out, (char)c);
        } else {
            char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
            df_buf_put(out, escape, sizeof escape);
        }
    }
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool df_http_put_decoded(struct df_buf *out, struct df_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '%') {
            df_buf_put_char(out, (char)text.data[i]);
            continue;
        }
        if (text.size - i < 3)
            return false;
        int high = hex_digit(text.data[i + 1]), low = hex_digit(text.data[i + 2]);
        if (high < 0 || low < 0)
            return false;
        df_buf_put_u8(out, (uint8_t)(high * 16 + low));
        i += 2;
    }
    return true;
}
