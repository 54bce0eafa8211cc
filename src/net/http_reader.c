/* One message after the other out of a stream.
 *
 *        bytes ─► HEAD (gather to the empty line, check strictly, http-parser) ─► BODY ─► message ends ─► HEAD …
 *                                                                                └ length: counted here
 *                                                                                └ chunked: checked strictly, then
 * parsed └ until close (responses)
 *
 * The end of a message is found here and by http-parser, each by itself; where they disagree the message is refused. */
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"
#include "net/http_strict.h"

enum {
    HEAD_BYTES = 64 * 1024,
    FIELD_COUNT = 128,
};

enum phase { PHASE_HEAD, PHASE_LENGTH, PHASE_CHUNKED, PHASE_UNTIL_CLOSE, PHASE_FAILED };

struct df_http_reader {
    enum df_http_side side;
    struct df_http_limits limits;
    struct df_http_reader_events events;
    enum phase phase;
    http_parser parser;

    struct df_buf head_bytes;
    struct df_arena arena; /* of one message */
    struct df_http_head head;
    struct df_http_fields trailers;
    struct df_buf name, value; /* a field as it comes, in pieces */
    bool after_cr;             /* between the two bytes of an empty line before a request */
    bool has_value, in_trailers, no_body, parsed_head, parsed_end, skip;
    unsigned status; /* what a server answers to a refused request */

    uint64_t length_left, body_bytes;
    struct df_http_chunks chunks;
    struct df_error *error; /* of the feed that runs */
    bool error_set;
};

/* ---- what http-parser tells ---- */

static struct df_http_reader *reader_of(http_parser *parser)
{
    return parser->data;
}

static bool finish_field(struct df_http_reader *reader)
{
    if (reader->name.size == 0)
        return true;
    struct df_http_fields *fields = reader->in_trailers ? &reader->trailers : &reader->head.fields;
    struct df_slice value = df_buf_slice(&reader->value);
    while (value.size && (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t'))
        value.size--;
    bool ok =
        !reader->name.failed && !reader->value.failed && df_http_fields_add(fields, df_buf_slice(&reader->name), value);
    df_buf_clear(&reader->name);
    df_buf_clear(&reader->value);
    reader->has_value = false;
    return ok;
}

static int no_memory(struct df_http_reader *reader)
{
    reader->error_set = true;
    return df_error_no_memory(reader->error, "reading an HTTP message");
}

static int on_url(http_parser *parser, const char *at, size_t size)
{
    struct df_http_reader *reader = reader_of(parser);
    return df_arena_copy(&reader->arena, df_slice_make(at, size), &reader->head.target) ? 0 : no_memory(reader);
}

static int on_field(http_parser *parser, const char *at, size_t size)
{
    struct df_http_reader *reader = reader_of(parser);
    if (reader->has_value && !finish_field(reader))
        return no_memory(reader);
    df_buf_put(&reader->name, at, size);
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t size)
{
    struct df_http_reader *reader = reader_of(parser);
    df_buf_put(&reader->value, at, size);
    reader->has_value = true; /* also an empty one */
    return 0;
}

static bool expects_continue(const struct df_http_fields *fields)
{
    struct df_slice value = df_http_fields_get(fields, "Expect");
    return value.size == 12 && strncasecmp((const char *)value.data, "100-continue", 12) == 0;
}

static void fill_head(struct df_http_reader *reader)
{
    struct df_http_head *head = &reader->head;
    const http_parser *parser = &reader->parser;
    if (reader->side == DF_HTTP_REQUESTS) {
        head->method = df_slice_text(http_method_str((enum http_method)parser->method));
        head->expects_continue = expects_continue(&head->fields);
    } else {
        head->status = parser->status_code;
    }
    head->keep_alive = http_should_keep_alive(parser) != 0;
    head->version_11 = parser->http_minor == 1;
    head->chunked = (parser->flags & F_CHUNKED) != 0;
    head->has_length = (parser->flags & F_CONTENTLENGTH) != 0;
    head->length_bytes = head->has_length ? parser->content_length : 0;
}

/* Returns 1 when http-parser shall expect no body. */
static int on_headers_complete(http_parser *parser)
{
    struct df_http_reader *reader = reader_of(parser);
    if (!finish_field(reader))
        return no_memory(reader);
    if (parser->type == HTTP_REQUEST && parser->method == HTTP_CONNECT) {
        reader->status = 501;
        reader->error_set = true;
        return df_error_set(reader->error, DF_ERROR_UNSUPPORTED, "HTTP: CONNECT is not served");
    }
    if (parser->type == HTTP_RESPONSE && parser->status_code == 101) {
        reader->error_set = true;
        return df_error_set(reader->error, DF_ERROR_CORRUPT, "HTTP: switched protocols unasked");
    }
    parser->upgrade = 0; /* an offer that is not taken */
    fill_head(reader);
    reader->skip = parser->type == HTTP_RESPONSE && parser->status_code < 200;
    if (!reader->skip && reader->events.on_head(reader->events.ctx, &reader->head, reader->error) != 0) {
        reader->error_set = true;
        return -1;
    }
    /* http-parser would wait for the length that an answer without a body may announce. */
    if (parser->type == HTTP_RESPONSE && (reader->skip || parser->status_code == 204 || parser->status_code == 304))
        reader->no_body = true;
    reader->parsed_head = true;
    reader->in_trailers = true;
    return reader->no_body ? 1 : 0;
}

static int on_body(http_parser *parser, const char *at, size_t size)
{
    struct df_http_reader *reader = reader_of(parser);
    reader->body_bytes += size;
    if (reader->limits.body_bytes && reader->body_bytes > reader->limits.body_bytes) {
        reader->status = 413;
        reader->error_set = true;
        return df_error_set(reader->error, DF_ERROR_TOO_LARGE, "HTTP: a body of over %llu bytes",
                            (unsigned long long)reader->limits.body_bytes);
    }
    if (reader->events.on_body(reader->events.ctx, df_slice_make(at, size), reader->error) != 0) {
        reader->error_set = true;
        return -1;
    }
    return 0;
}

static int on_message_complete(http_parser *parser)
{
    struct df_http_reader *reader = reader_of(parser);
    if (!finish_field(reader))
        return no_memory(reader);
    reader->parsed_end = true;
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- feeding ---- */

static void begin_message(struct df_http_reader *reader)
{
    df_arena_dispose(&reader->arena);
    df_buf_clear(&reader->head_bytes);
    df_buf_clear(&reader->name);
    df_buf_clear(&reader->value);
    reader->head = (struct df_http_head){.fields = {.arena = &reader->arena}};
    reader->trailers = (struct df_http_fields){.arena = &reader->arena};
    reader->has_value = reader->in_trailers = reader->parsed_head = reader->parsed_end = reader->skip = false;
    reader->no_body = false;
    reader->body_bytes = 0;
    reader->chunks = (struct df_http_chunks){.extra_limit = reader->limits.head_bytes};
    http_parser_init(&reader->parser, reader->side == DF_HTTP_REQUESTS ? HTTP_REQUEST : HTTP_RESPONSE);
    reader->parser.data = reader;
    reader->phase = PHASE_HEAD;
}

int df_http_reader_create(struct df_http_reader **out, enum df_http_side side, const struct df_http_limits *limits,
                          const struct df_http_reader_events *events, struct df_error *error)
{
    struct df_http_reader *reader = calloc(1, sizeof *reader);
    *out = reader;
    if (!reader)
        return df_error_no_memory(error, "creating an HTTP reader");
    reader->side = side;
    if (limits)
        reader->limits = *limits;
    if (reader->limits.head_bytes == 0)
        reader->limits.head_bytes = HEAD_BYTES;
    if (reader->limits.field_count == 0)
        reader->limits.field_count = FIELD_COUNT;
    reader->events = *events;
    begin_message(reader);
    return 0;
}

void df_http_reader_free(struct df_http_reader *reader)
{
    if (!reader)
        return;
    df_arena_dispose(&reader->arena);
    df_buf_dispose(&reader->head_bytes);
    df_buf_dispose(&reader->name);
    df_buf_dispose(&reader->value);
    free(reader);
}

/* http-parser over bytes that were checked; it must take them all. */
static int parse(struct df_http_reader *reader, struct df_slice bytes)
{
    size_t taken = http_parser_execute(&reader->parser, &settings, (const char *)bytes.data, bytes.size);
    enum http_errno number = HTTP_PARSER_ERRNO(&reader->parser);
    if (reader->error_set)
        return -1;
    if (taken != bytes.size || number != HPE_OK) {
        if (reader->status == 0)
            reader->status = 400;
        return df_error_set(reader->error, DF_ERROR_CORRUPT, "HTTP: %s", http_errno_description(number));
    }
    return 0;
}

static int end_message(struct df_http_reader *reader)
{
    if (!reader->parsed_end)
        return df_error_set(reader->error, DF_ERROR_CORRUPT, "HTTP: the end of the body is not clear");
    bool skip = reader->skip;
    if (!skip && reader->events.on_end(reader->events.ctx, &reader->trailers, reader->error) != 0)
        return -1;
    begin_message(reader);
    return 0;
}

static int choose_body(struct df_http_reader *reader)
{
    const struct df_http_head *head = &reader->head;
    if (reader->parsed_end)
        return end_message(reader);
    if (head->chunked) {
        reader->phase = PHASE_CHUNKED;
    } else if (head->has_length) {
        reader->phase = PHASE_LENGTH;
        reader->length_left = head->length_bytes;
        if (reader->limits.body_bytes && head->length_bytes > reader->limits.body_bytes) {
            reader->status = 413;
            return df_error_set(reader->error, DF_ERROR_TOO_LARGE, "HTTP: a body of %llu bytes, at most %llu are taken",
                                (unsigned long long)head->length_bytes, (unsigned long long)reader->limits.body_bytes);
        }
    } else if (reader->side == DF_HTTP_RESPONSES) {
        reader->phase = PHASE_UNTIL_CLOSE;
        reader->head.keep_alive = false;
    } else {
        return df_error_set(reader->error, DF_ERROR_CORRUPT, "HTTP: the length of the body is not clear");
    }
    return 0;
}

/* Where the head ends inside bytes: after its empty line; 0 when it does not yet. */
static size_t find_head_end(const struct df_buf *head, size_t from)
{
    for (size_t i = from; i + 1 <= head->size; i++) {
        if (head->data[i] != '\n')
            continue;
        if (i >= 1 && head->data[i - 1] == '\n')
            return i + 1;
        if (i >= 2 && head->data[i - 1] == '\r' && head->data[i - 2] == '\n')
            return i + 1;
    }
    return 0;
}

/* An empty line before a request is passed over (RFC 9112, §2.2); a lone carriage return stays for the strict check. */
static size_t skip_empty_lines(struct df_http_reader *reader, struct df_slice bytes)
{
    size_t at = 0;
    if (reader->head_bytes.size != 0 || reader->side != DF_HTTP_REQUESTS)
        return 0;
    for (; at < bytes.size; at++) {
        if (reader->after_cr && bytes.data[at] == '\n')
            reader->after_cr = false;
        else if (!reader->after_cr && bytes.data[at] == '\r')
            reader->after_cr = true;
        else
            break;
    }
    if (at < bytes.size && reader->after_cr) {
        reader->after_cr = false;
        df_buf_put_char(&reader->head_bytes, '\r');
    }
    return at;
}

static int feed_head(struct df_http_reader *reader, struct df_slice bytes, size_t *used)
{
    size_t skipped = skip_empty_lines(reader, bytes);
    size_t before = reader->head_bytes.size;
    size_t room = reader->limits.head_bytes + 1 - before;
    size_t take = bytes.size - skipped < room ? bytes.size - skipped : room;
    df_buf_put(&reader->head_bytes, bytes.data + skipped, take);
    if (df_buf_failed(&reader->head_bytes))
        return no_memory(reader);
    size_t end = find_head_end(&reader->head_bytes, before > 2 ? before - 2 : 0);
    if (end == 0 || end > reader->limits.head_bytes) {
        if (reader->head_bytes.size > reader->limits.head_bytes) {
            reader->status = 431;
            return df_error_set(reader->error, DF_ERROR_TOO_LARGE, "HTTP: a head of over %zu bytes",
                                reader->limits.head_bytes);
        }
        *used = skipped + take;
        return 0;
    }
    *used = skipped + end - before;
    struct df_slice head = df_slice_make(reader->head_bytes.data, end);
    if (df_http_check_head(head, reader->side, reader->limits.field_count, &reader->status, reader->error) != 0 ||
        parse(reader, head) != 0)
        return -1;
    if (!reader->parsed_head)
        return df_error_set(reader->error, DF_ERROR_CORRUPT, "HTTP: the head does not end where it should");
    return choose_body(reader);
}

static int feed_length(struct df_http_reader *reader, struct df_slice bytes, size_t *used)
{
    *used = bytes.size < reader->length_left ? bytes.size : (size_t)reader->length_left;
    reader->length_left -= *used;
    if (parse(reader, df_slice_make(bytes.data, *used)) != 0)
        return -1;
    return reader->length_left == 0 ? end_message(reader) : 0;
}

static int feed_chunked(struct df_http_reader *reader, struct df_slice bytes, size_t *used)
{
    if (df_http_check_chunks(&reader->chunks, bytes, used, reader->error) != 0) {
        reader->status = reader->error && reader->error->kind == DF_ERROR_TOO_LARGE ? 431 : 400;
        return -1;
    }
    if (parse(reader, df_slice_make(bytes.data, *used)) != 0)
        return -1;
    if (reader->chunks.state == DF_HTTP_CHUNK_DONE)
        return end_message(reader);
    if (reader->parsed_end)
        return df_error_set(reader->error, DF_ERROR_CORRUPT, "HTTP: the end of the chunks is not clear");
    return 0;
}

int df_http_reader_feed(struct df_http_reader *reader, struct df_slice bytes, size_t *used, struct df_error *error)
{
    *used = 0;
    if (bytes.size == 0)
        return 0;
    struct df_error unseen;
    reader->error = error ? error : &unseen;
    reader->error_set = false;
    int rc = -1;
    switch (reader->phase) {
    case PHASE_HEAD:
        rc = feed_head(reader, bytes, used);
        break;
    case PHASE_LENGTH:
        rc = feed_length(reader, bytes, used);
        break;
    case PHASE_CHUNKED:
        rc = feed_chunked(reader, bytes, used);
        break;
    case PHASE_UNTIL_CLOSE:
        *used = bytes.size;
        rc = parse(reader, bytes);
        break;
    case PHASE_FAILED:
        df_error_set(error, DF_ERROR_CORRUPT, "HTTP: after a message that could not be read");
        break;
    }
    if (rc != 0)
        reader->phase = PHASE_FAILED;
    reader->error = NULL;
    return rc;
}

int df_http_reader_close(struct df_http_reader *reader, struct df_error *error)
{
    switch (reader->phase) {
    case PHASE_HEAD:
        if (reader->head_bytes.size == 0)
            return 0;
        return df_error_set(error, DF_ERROR_UNAVAILABLE, "the connection was closed inside a head, after %zu bytes",
                            reader->head_bytes.size);
    case PHASE_LENGTH:
        return df_error_set(error, DF_ERROR_UNAVAILABLE, "the connection was closed after %llu of %llu bytes",
                            (unsigned long long)(reader->head.length_bytes - reader->length_left),
                            (unsigned long long)reader->head.length_bytes);
    case PHASE_CHUNKED:
        return df_error_set(error, DF_ERROR_UNAVAILABLE, "the connection was closed inside a chunked body");
    case PHASE_UNTIL_CLOSE: {
        reader->error = error;
        reader->error_set = false;
        http_parser_execute(&reader->parser, &settings, NULL, 0);
        int rc = reader->error_set ? -1 : end_message(reader);
        reader->error = NULL;
        return rc;
    }
    case PHASE_FAILED:
        break;
    }
    return df_error_set(error, DF_ERROR_CORRUPT, "HTTP: after a message that could not be read");
}

void df_http_reader_no_body(struct df_http_reader *reader)
{
    reader->no_body = true;
}

bool df_http_reader_idle(const struct df_http_reader *reader)
{
    return reader->phase == PHASE_HEAD && reader->head_bytes.size == 0;
}

unsigned df_http_reader_status(const struct df_http_reader *reader)
{
    return reader->status ? reader->status : 400;
}
