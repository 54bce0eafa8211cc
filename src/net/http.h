/* HTTP/1.1, both ways: the framing that client and server share.
 *
 * http-parser does the framing; what Debian's non-strict build of it lets through is refused here (http_strict.c),
 * before it sees it: any Transfer-Encoding but one `chunked` under 1.1, a bare line feed, chunk data not followed by
 * CRLF, header names that are no token, folding, no Host or two, two lengths or a length beside a coding. Trailers
 * never change framing. Source: RFC 9110, RFC 9112.
 *
 * Thread: one at a time, the loop's. */
#ifndef DF_NET_HTTP_H
#define DF_NET_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

/* ---- header fields ---- */

struct df_http_field {
    struct df_slice name; /* as it was sent; compare without case */
    struct df_slice value;
};

struct df_http_fields {
    struct df_http_field *items;
    size_t count, capacity;
    struct df_arena *arena; /* of items and their bytes; borrowed */
};

bool df_http_fields_add(struct df_http_fields *fields, struct df_slice name, struct df_slice value); /* copies */
bool df_http_fields_put(struct df_http_fields *fields, const char *name, const char *value);         /* the same */
/* The value of the first field of that name, or {NULL, 0}. */
struct df_slice df_http_fields_get(const struct df_http_fields *fields, const char *name);
/* Names are tokens, values hold no line break nor NUL: what may be sent. */
bool df_http_fields_are_safe(const struct df_http_fields *fields);

/* ---- one message after the other out of a stream of bytes ---- */

enum df_http_side { DF_HTTP_REQUESTS, DF_HTTP_RESPONSES };

struct df_http_limits {
    size_t head_bytes;   /* request or status line and fields; default 64 KiB */
    size_t field_count;  /* default 128 */
    uint64_t body_bytes; /* 0: none */
};

struct df_http_head {
    struct df_slice method, target; /* of a request */
    unsigned status;                /* of a response */
    struct df_http_fields fields;
    bool keep_alive; /* may the connection be used again after this message? */
    bool version_11; /* 1.1; otherwise 1.0 */
    bool chunked;
    bool has_length;
    uint64_t length_bytes;
    bool expects_continue; /* of a request */
};

struct df_http_reader_events {
    /* The head is complete. no_body of a response (HEAD, CONNECT) is set by df_http_reader_no_body from inside. */
    int (*on_head)(void *ctx, const struct df_http_head *head, struct df_error *error);
    int (*on_body)(void *ctx, struct df_slice piece, struct df_error *error);
    int (*on_end)(void *ctx, const struct df_http_fields *trailers, struct df_error *error);
    void *ctx;
};

struct df_http_reader;
int df_http_reader_create(struct df_http_reader **reader, enum df_http_side side, const struct df_http_limits *limits,
                          const struct df_http_reader_events *events, struct df_error *error);
void df_http_reader_free(struct df_http_reader *reader);
/* Takes bytes up to the end of a message at most; *used tells how many. Fails with corrupt (bad framing), too_large
 * (a limit), or the error of an event; afterwards the reader is of no more use. */
int df_http_reader_feed(struct df_http_reader *reader, struct df_slice bytes, size_t *used, struct df_error *error);
/* The peer closed: 0 when a message may end so, else corrupt or unavailable ("closed after N of M bytes"). */
int df_http_reader_close(struct df_http_reader *reader, struct df_error *error);
void df_http_reader_no_body(struct df_http_reader *reader); /* this response has none, whatever its fields say */
/* After a failed feed: what a server answers (400, 413, 431, 501, 505). */
unsigned df_http_reader_status(const struct df_http_reader *reader);
bool df_http_reader_idle(const struct df_http_reader *reader); /* between two messages */

/* ---- names and numbers ---- */

const char *df_http_reason(unsigned status); /* "Not Found"; "" when unknown */

/* `http://host:port/path?query` taken apart; slices into the text. https sets tls and port 443. Fails with invalid. */
struct df_http_url {
    bool tls;
    struct df_slice host; /* without brackets */
    uint16_t port;
    struct df_slice target; /* path and query, "/" when empty */
};
int df_http_url_parse(struct df_http_url *url, struct df_slice text, struct df_error *error);

/* RFC 3986 percent-encoding: everything but unreserved characters, and '/' if keep_slash. */
void df_http_put_encoded(struct df_buf *out, struct df_slice text, bool keep_slash);
/* The other way; false on a bad escape. */
bool df_http_put_decoded(struct df_buf *out, struct df_slice text);

#endif
