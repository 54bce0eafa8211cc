/* An HTTP/1.1 client on a loop: keep-alive connections per host and port, no retries of its own (a request that was
 * sent may have had its effect), bodies streamed, every wait bounded.
 *
 * Names are resolved by libevent's own resolver; numeric addresses need none. Thread: the loop's. */
#ifndef DF_NET_HTTP_CLIENT_H
#define DF_NET_HTTP_CLIENT_H

#include "net/http.h"
#include "net/loop.h"

/* https:// has its place here (url.tls), but is not built yet: it is refused as unsupported. */

struct df_http_client;
struct df_http_exchange;

struct df_http_client_options {
    int64_t connect_timeout_ms;    /* default 3,000 */
    int64_t idle_connection_ms;    /* an unused connection older than this (wall clock) is not used again; 5,000 */
    unsigned connections_per_host; /* more requests wait; default 64 */
};

int df_http_client_create(struct df_http_client **client, struct df_loop *loop,
                          const struct df_http_client_options *options, struct df_error *error);
/* Ends what is in flight, without callbacks. Also from inside on_end, but from no other event. */
void df_http_client_free(struct df_http_client *client);

/* A body that is sent while it is made (chunked): appends the next piece to `out`, sets *end with the last one, and
 * may then add trailers. Nothing appended and no end: there is none yet, df_http_exchange_more_body asks again. Called
 * on the loop while little waits to be sent. Anything but 0 ends the exchange with that error, the connection cut. */
typedef int df_http_body_fn(void *ctx, struct df_buf *out, bool *end, struct df_http_fields *trailers,
                            struct df_error *error);

struct df_http_request {
    const char *method;
    struct df_http_url url;              /* copied */
    const struct df_http_fields *fields; /* copied; Host and Content-Length are added when they lack */
    struct df_slice body;                /* borrowed until on_end */
    df_http_body_fn *next_piece;         /* instead of `body`; may be called inside df_http_client_send */
    void *piece_ctx;
    bool no_reuse;                 /* on a new connection, closed afterwards */
    int64_t first_byte_timeout_ms; /* from the request sent to the head's first byte; 0: none (a long poll) */
    int64_t idle_timeout_ms;       /* between bytes of the answer or of the request; 0: none */
    struct df_http_limits limits;  /* of the answer; zeros: defaults */
};

/* How far it came: what decides whether sending again is safe. */
struct df_http_result {
    uint64_t sent_bytes;     /* of the request; 0: the peer has seen nothing of it */
    uint64_t received_bytes; /* of the answer */
    bool reused;             /* on a connection that had served before */
};

struct df_http_exchange_events {
    /* on_head and on_body may cancel and pause. */
    int (*on_head)(void *ctx, const struct df_http_head *head, struct df_error *error);
    int (*on_body)(void *ctx, struct df_slice piece, struct df_error *error);
    /* Exactly once, last, never inside df_http_client_send. error NULL: a whole answer came, whatever its status. */
    void (*on_end)(void *ctx, const struct df_error *error, const struct df_http_result *result);
    void *ctx;
};

/* Errors of on_end: unavailable (refused, reset, closed early), timeout, corrupt (framing), too_large, cancelled, or
 * what on_head or on_body returned. */
int df_http_client_send(struct df_http_client *client, const struct df_http_request *request,
                        const struct df_http_exchange_events *events, struct df_http_exchange **exchange,
                        struct df_error *error);
void df_http_exchange_cancel(struct df_http_exchange *exchange); /* on_end comes with cancelled */
/* Back pressure: no more on_body until resumed. */
void df_http_exchange_pause(struct df_http_exchange *exchange, bool paused);
void df_http_exchange_more_body(struct df_http_exchange *exchange); /* next_piece has something again */

#endif
