/* The server: a connection reads one request at a time; while its call is open, the bytes of the next ones wait.
 *
 *     READING ─► (request complete) handler ─► CALL OPEN ─► answer sent ─► READING …
 *        └ bad framing: an error answer, then close      └ peer gone: on_gone, closed */
#include "net/http_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    IDLE_TIMEOUT_MS = 60000,
    CONNECTIONS = 1024,
    BODY_BYTES = 8 * 1024 * 1024,
    FULL_BYTES = 1024 * 1024,
    /* While a call is open, so much of the next requests is read ahead: enough to see the peer leave. */
    AHEAD_BYTES = 64 * 1024,
};

struct connection;

struct df_http_call {
    struct connection *connection;
    struct df_arena arena;
    struct df_slice method, target;
    struct df_http_fields fields;
    struct df_buf body;
    bool keep_alive, version_11, chunked, is_head_method;
    void (*gone)(void *ctx);
    void *gone_ctx;
    void (*drained)(void *ctx);
    void *drained_ctx;
};

struct connection {
    struct df_http_server *server;
    struct connection *next;
    struct bufferevent *socket;
    struct df_http_reader *reader;
    struct df_http_call *call; /* being read, or open */
    struct df_timer timer;
    bool open;    /* the handler has the call */
    bool closing; /* when the output is sent */
    bool request_done;
    bool feeding, dead;
};

struct df_http_server {
    struct df_loop *loop;
    struct df_http_server_options options;
    df_http_handler_fn *handler;
    void *ctx;
    struct evconnlistener *listener;
    uint16_t port;
    struct connection *connections;
    unsigned connection_count;
};

/* ---- life of a connection ---- */

static void free_call(struct df_http_call *call)
{
    if (!call)
        return;
    df_arena_dispose(&call->arena);
    df_buf_dispose(&call->body);
    free(call);
}

static void destroy(struct connection *connection)
{
    struct df_http_server *server = connection->server;
    struct connection **at = &server->connections;
    while (*at != connection)
        at = &(*at)->next;
    *at = connection->next;
    server->connection_count--;
    df_timer_stop(server->loop, &connection->timer);
    bufferevent_free(connection->socket);
    df_http_reader_free(connection->reader);
    free_call(connection->call);
    free(connection);
}

/* The peer is gone, or must go. Inside the reader's work only a mark is left for take_input. */
static void drop(struct connection *connection)
{
    if (connection->open) {
        connection->open = false;
        struct df_http_call *call = connection->call;
        if (call->gone)
            call->gone(call->gone_ctx);
    }
    connection->dead = true;
    if (!connection->feeding)
        destroy(connection);
}

static void arm_idle(struct connection *connection)
{
    (void)df_timer_start(connection->server->loop, &connection->timer,
                         df_deadline_after_ms(connection->server->options.idle_timeout_ms));
}

static void on_idle(void *ctx)
{
    drop(ctx);
}

/* ---- a request as it comes ---- */

static int reader_head(void *ctx, const struct df_http_head *head, struct df_error *error)
{
    struct connection *connection = ctx;
    struct df_http_call *call = calloc(1, sizeof *call);
    if (!call)
        return df_error_no_memory(error, "taking a request");
    call->connection = connection;
    call->fields.arena = &call->arena;
    connection->call = call;
    bool ok = df_arena_copy(&call->arena, head->method, &call->method) &&
              df_arena_copy(&call->arena, head->target, &call->target);
    for (size_t i = 0; ok && i < head->fields.count; i++)
        ok = df_http_fields_add(&call->fields, head->fields.items[i].name, head->fields.items[i].value);
    if (!ok)
        return df_error_no_memory(error, "taking a request");
    call->keep_alive = head->keep_alive;
    call->version_11 = head->version_11;
    call->is_head_method = df_slice_is(head->method, "HEAD");
    if (head->expects_continue &&
        (!head->has_length || head->length_bytes <= connection->server->options.limits.body_bytes))
        evbuffer_add_printf(bufferevent_get_output(connection->socket), "HTTP/1.1 100 Continue\r\n\r\n");
    return 0;
}

static int reader_body(void *ctx, struct df_slice piece, struct df_error *error)
{
    struct df_http_call *call = ((struct connection *)ctx)->call;
    df_buf_put_slice(&call->body, piece);
    return df_buf_failed(&call->body) ? df_error_no_memory(error, "taking the body of a request") : 0;
}

static int reader_end(void *ctx, const struct df_http_fields *trailers, struct df_error *error)
{
    (void)trailers;
    (void)error;
    ((struct connection *)ctx)->request_done = true;
    return 0;
}

static void refuse(struct connection *connection, unsigned status, const char *why)
{
    struct evbuffer *output = bufferevent_get_output(connection->socket);
    evbuffer_add_printf(output,
                        "HTTP/1.1 %u %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n"
                        "%s\n",
                        status, df_http_reason(status), strlen(why) + 1, why);
    connection->closing = true;
    bufferevent_disable(connection->socket, EV_READ);
}

/* Reads requests until one is complete, and hands it over; again when its answer has been sent at once. */
static void take_input(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->socket);
    connection->feeding = true;
    while (!connection->open && !connection->closing && !connection->dead && evbuffer_get_length(input)) {
        size_t size = evbuffer_get_contiguous_space(input), used;
        struct df_slice bytes = df_slice_make(evbuffer_pullup(input, (ev_ssize_t)size), size);
        struct df_error error;
        if (df_http_reader_feed(connection->reader, bytes, &used, &error) != 0) {
            refuse(connection, error.kind == DF_ERROR_EXHAUSTED ? 503 : df_http_reader_status(connection->reader),
                   error.message);
            break;
        }
        evbuffer_drain(input, used);
        if (connection->request_done) {
            connection->request_done = false;
            connection->open = true;
            df_timer_stop(connection->server->loop, &connection->timer);
            connection->server->handler(connection->server->ctx, connection->call);
        }
    }
    connection->feeding = false;
    if (connection->dead)
        destroy(connection);
}

/* ---- what the socket tells ---- */

static void on_readable(struct bufferevent *socket, void *ctx)
{
    (void)socket;
    struct connection *connection = ctx;
    if (connection->open || connection->closing)
        return;
    arm_idle(connection);
    take_input(connection);
}

static void on_writable(struct bufferevent *socket, void *ctx)
{
    struct connection *connection = ctx;
    if (connection->closing && evbuffer_get_length(bufferevent_get_output(socket)) == 0) {
        drop(connection);
        return;
    }
    struct df_http_call *call = connection->call;
    if (connection->open && call->drained && !df_http_reply_full(call)) {
        void (*drained)(void *) = call->drained;
        call->drained = NULL;
        drained(call->drained_ctx);
    }
}

static void on_event(struct bufferevent *socket, short what, void *ctx)
{
    (void)socket;
    struct connection *connection = ctx;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        drop(connection);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int size,
                      void *ctx)
{
    (void)listener;
    (void)address;
    (void)size;
    struct df_http_server *server = ctx;
    struct connection *connection = calloc(1, sizeof *connection);
    struct df_http_reader_events events = {
        .on_head = reader_head, .on_body = reader_body, .on_end = reader_end, .ctx = connection};
    if (!connection ||
        df_http_reader_create(&connection->reader, DF_HTTP_REQUESTS, &server->options.limits, &events, NULL) != 0) {
        free(connection);
        evutil_closesocket(fd);
        return;
    }
    connection->socket =
        bufferevent_socket_new(df_loop_event_base(server->loop), fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!connection->socket) {
        df_http_reader_free(connection->reader);
        free(connection);
        evutil_closesocket(fd);
        return;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection->server = server;
    connection->timer = (struct df_timer){.fn = on_idle, .ctx = connection};
    connection->next = server->connections;
    server->connections = connection;
    server->connection_count++;
    bufferevent_setcb(connection->socket, on_readable, on_writable, on_event, connection);
    bufferevent_setwatermark(connection->socket, EV_READ, 0, AHEAD_BYTES);
    arm_idle(connection);
    bufferevent_enable(connection->socket, EV_READ | EV_WRITE);
    if (server->connection_count > server->options.connections)
        refuse(connection, 503, "too many connections");
}

/* ---- the server ---- */

/* libevent refuses port 0, which means "any" here: it is cut off before. */
static int parse_address(const char *text, struct sockaddr_storage *address, int *size, struct df_error *error)
{
    char copy[64];
    size_t length = strlen(text);
    *size = (int)sizeof *address;
    memset(address, 0, sizeof *address);
    if (length < sizeof copy && strrchr(text, ':')) {
        memcpy(copy, text, length + 1);
        if (length > 2 && strcmp(copy + length - 2, ":0") == 0)
            copy[length - 2] = '\0';
        if (evutil_parse_sockaddr_port(copy, (struct sockaddr *)address, size) == 0)
            return 0;
    }
    return df_error_set(error, DF_ERROR_INVALID,
                        "'%s' is no address to listen on: expected 127.0.0.1:9000 or [::1]:9000", text);
}

static uint16_t bound_port(struct evconnlistener *listener)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &size) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

int df_http_server_listen(struct df_http_server **out, struct df_loop *loop, const char *address,
                          const struct df_http_server_options *options, df_http_handler_fn *handler, void *ctx,
                          struct df_error *error)
{
    *out = NULL;
    struct sockaddr_storage where;
    int size;
    if (parse_address(address, &where, &size, error) != 0)
        return -1;
    struct df_http_server *server = calloc(1, sizeof *server);
    if (!server)
        return df_error_no_memory(error, "creating an HTTP server");
    server->loop = loop;
    server->handler = handler;
    server->ctx = ctx;
    if (options)
        server->options = *options;
    if (server->options.idle_timeout_ms == 0)
        server->options.idle_timeout_ms = IDLE_TIMEOUT_MS;
    if (server->options.connections == 0)
        server->options.connections = CONNECTIONS;
    if (server->options.limits.body_bytes == 0)
        server->options.limits.body_bytes = BODY_BYTES;
    server->listener = evconnlistener_new_bind(df_loop_event_base(loop), on_accept, server,
                                               LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, -1,
                                               (struct sockaddr *)&where, size);
    if (!server->listener) {
        df_error_set_errno(error, EVUTIL_SOCKET_ERROR(), "cannot listen on %s", address);
        free(server);
        return -1;
    }
    server->port = bound_port(server->listener);
    *out = server;
    return 0;
}

uint16_t df_http_server_port(const struct df_http_server *server)
{
    return server->port;
}

void df_http_server_free(struct df_http_server *server)
{
    if (!server)
        return;
    evconnlistener_free(server->listener);
    while (server->connections)
        drop(server->connections);
    free(server);
}

/* ---- the call ---- */

struct df_slice df_http_call_method(const struct df_http_call *call)
{
    return call->method;
}

struct df_slice df_http_call_target(const struct df_http_call *call)
{
    return call->target;
}

const struct df_http_fields *df_http_call_fields(const struct df_http_call *call)
{
    return &call->fields;
}

struct df_slice df_http_call_body(const struct df_http_call *call)
{
    return df_buf_slice(&call->body);
}

struct df_arena *df_http_call_arena(struct df_http_call *call)
{
    return &call->arena;
}

void df_http_call_on_gone(struct df_http_call *call, void (*gone)(void *ctx), void *ctx)
{
    call->gone = gone;
    call->gone_ctx = ctx;
}

static struct evbuffer *output_of(const struct df_http_call *call)
{
    return bufferevent_get_output(call->connection->socket);
}

static void put_date(struct evbuffer *output)
{
    char date[40];
    time_t now = (time_t)(df_time_wall_ms() / 1000);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    evbuffer_add_printf(output, "Date: %s\r\n", date);
}

static void put_fields(struct evbuffer *output, const struct df_http_fields *fields)
{
    for (size_t i = 0; fields && i < fields->count; i++) {
        evbuffer_add(output, fields->items[i].name.data, fields->items[i].name.size);
        evbuffer_add(output, ": ", 2);
        evbuffer_add(output, fields->items[i].value.data, fields->items[i].value.size);
        evbuffer_add(output, "\r\n", 2);
    }
}

static void put_head(struct df_http_call *call, unsigned status, const struct df_http_fields *fields)
{
    struct evbuffer *output = output_of(call);
    evbuffer_add_printf(output, "HTTP/1.1 %u %s\r\n", status, df_http_reason(status));
    put_date(output);
    put_fields(output, fields);
    if (!call->keep_alive)
        evbuffer_add_printf(output, "Connection: close\r\n");
}

/* The answer is in the output: the next request, or the end. */
static void end_call(struct df_http_call *call)
{
    struct connection *connection = call->connection;
    bool keep = call->keep_alive;
    connection->open = false;
    connection->call = NULL;
    free_call(call);
    if (!keep) {
        connection->closing = true;
        bufferevent_disable(connection->socket, EV_READ);
        arm_idle(connection); /* on_writable closes, or a peer that does not read is dropped */
        return;
    }
    arm_idle(connection);
    if (!connection->feeding)
        bufferevent_trigger(connection->socket, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
}

static bool has_body(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

void df_http_reply(struct df_http_call *call, unsigned status, const struct df_http_fields *fields,
                   struct df_slice body)
{
    put_head(call, status, fields);
    struct evbuffer *output = output_of(call);
    if (has_body(status))
        evbuffer_add_printf(output, "Content-Length: %zu\r\n", body.size);
    evbuffer_add(output, "\r\n", 2);
    if (has_body(status) && !call->is_head_method && body.size)
        evbuffer_add(output, body.data, body.size);
    end_call(call);
}

void df_http_reply_begin(struct df_http_call *call, unsigned status, const struct df_http_fields *fields)
{
    call->chunked = call->version_11;
    if (!call->chunked)
        call->keep_alive = false;
    put_head(call, status, fields);
    evbuffer_add_printf(output_of(call), call->chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
}

void df_http_reply_piece(struct df_http_call *call, struct df_slice piece)
{
    if (piece.size == 0 || call->is_head_method)
        return;
    struct evbuffer *output = output_of(call);
    if (call->chunked)
        evbuffer_add_printf(output, "%zx\r\n", piece.size);
    evbuffer_add(output, piece.data, piece.size);
    if (call->chunked)
        evbuffer_add(output, "\r\n", 2);
}

bool df_http_reply_full(const struct df_http_call *call)
{
    return evbuffer_get_length(output_of(call)) > FULL_BYTES;
}

void df_http_reply_on_drain(struct df_http_call *call, void (*drained)(void *ctx), void *ctx)
{
    call->drained = drained;
    call->drained_ctx = ctx;
    bufferevent_setwatermark(call->connection->socket, EV_WRITE, FULL_BYTES / 2, 0);
}

void df_http_reply_end(struct df_http_call *call, const struct df_http_fields *trailers)
{
    bufferevent_setwatermark(call->connection->socket, EV_WRITE, 0, 0);
    if (call->chunked && !call->is_head_method) {
        struct evbuffer *output = output_of(call);
        evbuffer_add(output, "0\r\n", 3);
        put_fields(output, trailers);
        evbuffer_add(output, "\r\n", 2);
    }
    end_call(call);
}

void df_http_reply_abort(struct df_http_call *call)
{
    call->gone = NULL;
    drop(call->connection);
}
