/* An HTTP/1.1 server on a loop: keep-alive, pipelined requests answered in order, bodies collected up to a limit,
 * answers whole or streamed with back pressure. Bad framing is answered with 400 (431, 413, 501, 505 where they fit)
 * and the connection closed. Thread: the loop's. */
#ifndef DF_NET_HTTP_SERVER_H
#define DF_NET_HTTP_SERVER_H

#include "net/http.h"
#include "net/loop.h"

struct df_http_server;
struct df_http_call; /* one request and its answer; alive until its answer is sent or on_gone has been called */

struct df_http_server_options {
    struct df_http_limits limits; /* zeros: defaults; body_bytes default 8 MiB */
    int64_t idle_timeout_ms;      /* for a request's next byte, and for taking a byte of an answer; default 60,000 */
    unsigned connections;         /* more are answered 503 and closed; default 1,024 */
};

typedef void df_http_handler_fn(void *ctx, struct df_http_call *call); /* the request is complete, body and all */

/* address: "127.0.0.1:9000", "[::1]:9000", port 0 for any. */
int df_http_server_listen(struct df_http_server **server, struct df_loop *loop, const char *address,
                          const struct df_http_server_options *options, df_http_handler_fn *handler, void *ctx,
                          struct df_error *error);
uint16_t df_http_server_port(const struct df_http_server *server);
/* Closes every connection; open calls get on_gone. Not from inside the handler. */
void df_http_server_free(struct df_http_server *server);

struct df_slice df_http_call_method(const struct df_http_call *call);
struct df_slice df_http_call_target(const struct df_http_call *call);
const struct df_http_fields *df_http_call_fields(const struct df_http_call *call);
struct df_slice df_http_call_body(const struct df_http_call *call);
struct df_arena *df_http_call_arena(struct df_http_call *call); /* lives as long as the call */

/* The peer went away before the answer was sent; the call must not be used afterwards. */
void df_http_call_on_gone(struct df_http_call *call, void (*gone)(void *ctx), void *ctx);

/* A whole answer. fields may be NULL; Content-Length (and Date) are added. The call is over. */
void df_http_reply(struct df_http_call *call, unsigned status, const struct df_http_fields *fields,
                   struct df_slice body);
/* A streamed answer: chunked for 1.1, closed at its end for 1.0. */
void df_http_reply_begin(struct df_http_call *call, unsigned status, const struct df_http_fields *fields);
void df_http_reply_piece(struct df_http_call *call, struct df_slice piece);
bool df_http_reply_full(const struct df_http_call *call); /* over 1 MiB waits to be sent */
void df_http_reply_on_drain(struct df_http_call *call, void (*drained)(void *ctx), void *ctx);
void df_http_reply_end(struct df_http_call *call, const struct df_http_fields *trailers); /* the call is over */
void df_http_reply_abort(struct df_http_call *call); /* cuts the connection, so that it cannot look complete */

#endif
