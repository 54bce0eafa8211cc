#include "net/http_strict.h"

#include <string.h>

/* RFC 9110, §5.6.2: token */
static bool is_token_char(uint8_t c)
{
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
        return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool df_http_is_token(struct df_slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_token_char(text.data[i]))
            return false;
    return text.size > 0;
}

static bool is_value_char(uint8_t c)
{
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

static bool same(struct df_slice text, const char *lower_text)
{
    size_t size = strlen(lower_text);
    if (text.size != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = text.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (uint8_t)(c + 32);
        if (c != (uint8_t)lower_text[i])
            return false;
    }
    return true;
}

static int refuse(struct df_error *error, unsigned *status, unsigned what, const char *why)
{
    *status = what;
    return df_error_set(error, what == 431 ? DF_ERROR_TOO_LARGE : DF_ERROR_CORRUPT, "HTTP: %s", why);
}

struct seen {
    size_t fields, hosts, lengths, codings;
    bool coding_is_chunked;
};

static struct df_slice trim(struct df_slice value)
{
    while (value.size && (value.data[0] == ' ' || value.data[0] == '\t'))
        value = df_slice_make(value.data + 1, value.size - 1);
    while (value.size && (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t'))
        value.size--;
    return value;
}

static const char *check_length(struct df_slice value)
{
    if (value.size == 0 || value.size > 18)
        return "a Content-Length that is no number";
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] < '0' || value.data[i] > '9')
            return "a Content-Length that is no number";
    return NULL;
}

static const char *check_field(struct df_slice line, struct seen *seen)
{
    if (line.data[0] == ' ' || line.data[0] == '\t')
        return "a folded header line";
    size_t name_size = 0;
    while (name_size < line.size && is_token_char(line.data[name_size]))
        name_size++;
    if (name_size == 0 || name_size == line.size || line.data[name_size] != ':')
        return "a header name that is no token";
    struct df_slice name = df_slice_make(line.data, name_size);
    struct df_slice value = trim(df_slice_make(line.data + name_size + 1, line.size - name_size - 1));
    for (size_t i = 0; i < value.size; i++)
        if (!is_value_char(value.data[i]))
            return "a control character in a header value";
    seen->fields++;
    if (same(name, "host")) {
        seen->hosts++;
    } else if (same(name, "content-length")) {
        seen->lengths++;
        return check_length(value);
    } else if (same(name, "transfer-encoding")) {
        seen->codings++;
        seen->coding_is_chunked = same(value, "chunked");
    }
    return NULL;
}

/* The version as the first line ends (request) or begins (response) with it: 10, 11, or 0. */
static int version_of(struct df_slice line, enum df_http_side side)
{
    if (line.size < 8)
        return 0;
    const uint8_t *at = side == DF_HTTP_REQUESTS ? line.data + line.size - 8 : line.data;
    if (memcmp(at, "HTTP/1.", 7) != 0)
        return 0;
    return at[7] == '0' ? 10 : at[7] == '1' ? 11 : 0;
}

static int check_framing(const struct seen *seen, int version, enum df_http_side side, unsigned *status,
                         struct df_error *error)
{
    if (seen->lengths > 1)
        return refuse(error, status, 400, "two Content-Length fields");
    if (seen->codings && seen->lengths)
        return refuse(error, status, 400, "a Content-Length beside a Transfer-Encoding");
    if (seen->codings && version != 11)
        return refuse(error, status, 400, "a Transfer-Encoding under HTTP/1.0");
    if (seen->codings > 1 || (seen->codings && !seen->coding_is_chunked))
        return refuse(error, status, 501, "a Transfer-Encoding other than chunked");
    if (side == DF_HTTP_REQUESTS && seen->hosts != 1 && (version == 11 || seen->hosts))
        return refuse(error, status, 400, seen->hosts ? "two Host fields" : "no Host field");
    return 0;
}

/* The next line without its CRLF; false when a line feed or carriage return stands alone. */
static bool next_line(struct df_slice *rest, struct df_slice *line)
{
    const uint8_t *feed = memchr(rest->data, '\n', rest->size);
    size_t size = feed ? (size_t)(feed - rest->data) : 0;
    if (!feed || size == 0 || rest->data[size - 1] != '\r')
        return false;
    *line = df_slice_make(rest->data, size - 1);
    *rest = df_slice_make(feed + 1, rest->size - size - 1);
    return line->size == 0 || memchr(line->data, '\r', line->size) == NULL;
}

int df_http_check_head(struct df_slice head, enum df_http_side side, size_t field_limit, unsigned *status,
                       struct df_error *error)
{
    struct df_slice line;
    if (!next_line(&head, &line))
        return refuse(error, status, 400, "a line that does not end with CRLF");
    for (size_t i = 0; i < line.size; i++)
        if (!is_value_char(line.data[i]) || (line.data[i] == '\t' && side == DF_HTTP_REQUESTS))
            return refuse(error, status, 400, "a control character in the first line");
    int version = version_of(line, side);
    if (version == 0)
        return refuse(error, status, side == DF_HTTP_REQUESTS ? 505 : 400, "a version that is not 1.0 or 1.1");
    struct seen seen = {0};
    for (;;) {
        if (!next_line(&head, &line))
            return refuse(error, status, 400, "a line that does not end with CRLF");
        if (line.size == 0)
            break;
        const char *why = check_field(line, &seen);
        if (why)
            return refuse(error, status, 400, why);
        if (seen.fields > field_limit)
            return refuse(error, status, 431, "too many header fields");
    }
    return check_framing(&seen, version, side, status, error);
}

/* ---- chunks ---- */

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static const char *step_size(struct df_http_chunks *chunks, uint8_t c)
{
    int value = hex_value(c);
    if (value >= 0) {
        /* 15 digits: a size of 60 bits never overflows. */
        if (++chunks->digit_count > 15)
            return "a chunk size of more than 15 digits";
        chunks->left_bytes = chunks->left_bytes << 4 | (uint64_t)value;
        return NULL;
    }
    if (chunks->digit_count == 0)
        return "a chunk without a size";
    if (c == '\r')
        chunks->state = DF_HTTP_CHUNK_SIZE_LF;
    else if (c == ';' || c == ' ' || c == '\t')
        chunks->state = DF_HTTP_CHUNK_EXTENSION;
    else
        return "a chunk size that is no number";
    return NULL;
}

static const char *step_line(struct df_http_chunks *chunks, uint8_t c)
{
    switch (chunks->state) {
    case DF_HTTP_CHUNK_SIZE:
        return step_size(chunks, c);
    case DF_HTTP_CHUNK_EXTENSION:
        if (c == '\r')
            chunks->state = DF_HTTP_CHUNK_SIZE_LF;
        else if (!is_value_char(c))
            return "a control character in a chunk extension";
        return NULL;
    case DF_HTTP_CHUNK_SIZE_LF:
        chunks->state = chunks->left_bytes ? DF_HTTP_CHUNK_DATA : DF_HTTP_CHUNK_TRAILER_START;
        chunks->digit_count = 0;
        return c == '\n' ? NULL : "a chunk size that does not end with CRLF";
    case DF_HTTP_CHUNK_DATA_CR:
        chunks->state = DF_HTTP_CHUNK_DATA_LF;
        return c == '\r' ? NULL : "chunk data that is not followed by CRLF";
    case DF_HTTP_CHUNK_DATA_LF:
        chunks->state = DF_HTTP_CHUNK_SIZE;
        return c == '\n' ? NULL : "chunk data that is not followed by CRLF";
    case DF_HTTP_CHUNK_TRAILER_START:
        chunks->state = c == '\r' ? DF_HTTP_CHUNK_END_LF : DF_HTTP_CHUNK_TRAILER_NAME;
        return c == '\r' || is_token_char(c) ? NULL : "a trailer name that is no token";
    case DF_HTTP_CHUNK_TRAILER_NAME:
        if (c == ':')
            chunks->state = DF_HTTP_CHUNK_TRAILER_VALUE;
        return c == ':' || is_token_char(c) ? NULL : "a trailer name that is no token";
    case DF_HTTP_CHUNK_TRAILER_VALUE:
        if (c == '\r')
            chunks->state = DF_HTTP_CHUNK_TRAILER_LF;
        return c == '\r' || is_value_char(c) ? NULL : "a control character in a trailer";
    case DF_HTTP_CHUNK_TRAILER_LF:
        chunks->state = DF_HTTP_CHUNK_TRAILER_START;
        return c == '\n' ? NULL : "a trailer that does not end with CRLF";
    case DF_HTTP_CHUNK_END_LF:
        chunks->state = DF_HTTP_CHUNK_DONE;
        return c == '\n' ? NULL : "a body that does not end with CRLF";
    case DF_HTTP_CHUNK_DATA:
    case DF_HTTP_CHUNK_DONE:
        break;
    }
    return "a chunk in a state that cannot be";
}

static bool is_extra(const struct df_http_chunks *chunks)
{
    return chunks->state == DF_HTTP_CHUNK_EXTENSION || chunks->state >= DF_HTTP_CHUNK_TRAILER_START;
}

int df_http_check_chunks(struct df_http_chunks *chunks, struct df_slice bytes, size_t *used, struct df_error *error)
{
    size_t at = 0;
    while (at < bytes.size && chunks->state != DF_HTTP_CHUNK_DONE) {
        if (chunks->state == DF_HTTP_CHUNK_DATA) {
            uint64_t left = bytes.size - at;
            uint64_t take = left < chunks->left_bytes ? left : chunks->left_bytes;
            at += take;
            chunks->left_bytes -= take;
            if (chunks->left_bytes == 0)
                chunks->state = DF_HTTP_CHUNK_DATA_CR;
            continue;
        }
        if (is_extra(chunks) && ++chunks->extra_bytes > chunks->extra_limit)
            return df_error_set(error, DF_ERROR_TOO_LARGE, "HTTP: chunk extensions and trailers of over %llu bytes",
                                (unsigned long long)chunks->extra_limit);
        const char *why = step_line(chunks, bytes.data[at++]);
        if (why)
            return df_error_set(error, DF_ERROR_CORRUPT, "HTTP: %s", why);
    }
    *used = at;
    return 0;
}
