/* The server: a connection reads one request at a time; while its call is open, the bytes of the next ones wait.
 *
 *     READING ─► (request complete) handler ─► CALL OPEN ─► answer sent ─► READING …
 *        └ bad framing: an error answer                  └ peer gone: on_gone, closed
 *                              └──────────► CLOSING ◄── answer sent, no keep-alive
 *
 * CLOSING lingers: what the peer still sends is thrown away for a while, because closing on unread bytes would reset
 * the connection and could take the answer from it.
 *
 * The one timer of a connection runs whenever the peer is to move: send its request, or take bytes of an answer. */
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
    LINGER_MS = 3000,
    /* After accept failed (no file descriptors left): without a pause the loop would spin. */
    ACCEPT_PAUSE_MS = 100,
};

struct connection;

struct df_http_call {
    struct connection *connection;
    struct df_arena arena;
    struct df_slice method, target;
    struct df_http_fields fields;
    struct df_buf body;
    bool keep_alive, version_11, chunked, no_body;
    void (*gone)(void *ctx);
    void *gone_ctx;
    void (*drained)(void *ctx);
    void *drained_ctx;
};

struct connection {
    struct df_http_server *server;
    struct connection *next;
    struct bufferevent *socket;
    struct evbuffer_cb_entry *output_watch;
    struct df_http_reader *reader;
    struct df_http_call *call; /* being read, or open */
    struct df_timer timer;
    bool open;      /* the handler has the call */
    bool closing;   /* when the output is sent and the peer is done */
    bool said_end;  /* FIN is out */
    bool heard_end; /* FIN came */
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
    struct df_timer accept_pause;
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
    evbuffer_remove_cb_entry(bufferevent_get_output(connection->socket), connection->output_watch);
    bufferevent_disable(connection->socket, EV_READ | EV_WRITE);
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

static size_t unsent_bytes(const struct connection *connection)
{
    return evbuffer_get_length(bufferevent_get_output(connection->socket));
}

/* Time runs for a peer that does not take its answer, from the first byte that waits or the last one it took. */
static void on_output(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *ctx)
{
    struct connection *connection = ctx;
    if (connection->said_end)
        return;
    if (info->n_deleted || info->orig_size == 0)
        arm_idle(connection);
    if (connection->open && evbuffer_get_length(buffer) == 0)
        df_timer_stop(connection->server->loop, &connection->timer); /* now the handler is to move */
}

/* Says that no more comes, and waits for the peer to say so too. */
static void linger(struct connection *connection)
{
    connection->said_end = true;
    if (connection->heard_end) {
        drop(connection);
        return;
    }
    shutdown(bufferevent_getfd(connection->socket), SHUT_WR);
    (void)df_timer_start(connection->server->loop, &connection->timer, df_deadline_after_ms(LINGER_MS));
}

static void throw_input_away(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->socket);
    evbuffer_drain(input, evbuffer_get_length(input));
}

static void begin_closing(struct connection *connection)
{
    connection->closing = true;
    throw_input_away(connection);
    arm_idle(connection);
    /* on_writable goes on; asked for, because all may have been sent already. */
    bufferevent_setwatermark(connection->socket, EV_WRITE, 0, 0);
    bufferevent_trigger(connection->socket, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
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
    call->no_body = df_slice_is(head->method, "HEAD");
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
    begin_closing(connection);
}

/* Reads requests until one is complete, and hands it over; again when its answer has been sent at once. */
static void take_input(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->socket);
    connection->feeding = true;
    size_t left;
    /* Who sends requests and takes no answers has to wait. */
    while (!connection->open && !connection->closing && !connection->dead && unsent_bytes(connection) <= FULL_BYTES &&
           (left = evbuffer_get_length(input)) > 0) {
        size_t size = evbuffer_get_contiguous_space(input), used;
        size = size ? size : left;
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
    if (connection->closing) {
        throw_input_away(connection);
        return;
    }
    if (connection->open)
        return;
    if (unsent_bytes(connection) == 0)
        arm_idle(connection);
    take_input(connection);
}

static void on_writable(struct bufferevent *socket, void *ctx)
{
    (void)socket;
    struct connection *connection = ctx;
    if (connection->closing) {
        if (!connection->said_end && unsent_bytes(connection) == 0)
            linger(connection);
        return;
    }
    struct df_http_call *call = connection->call;
    if (!connection->open) {
        take_input(connection); /* requests that waited for room */
    } else if (call->drained && !df_http_reply_full(call)) {
        void (*drained)(void *) = call->drained;
        call->drained = NULL;
        drained(call->drained_ctx);
    }
}

static void on_event(struct bufferevent *socket, short what, void *ctx)
{
    (void)socket;
    struct connection *connection = ctx;
    /* A peer that has sent all it has may still read: what is on its way to it is sent. */
    bool only_sent_all = (what & BEV_EVENT_EOF) && !connection->open && !connection->said_end;
    if (only_sent_all && unsent_bytes(connection)) {
        connection->heard_end = true;
        if (!connection->closing)
            begin_closing(connection);
        return;
    }
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        drop(connection);
}

static void resume_accepting(void *ctx)
{
    struct df_http_server *server = ctx;
    evconnlistener_enable(server->listener);
}

static void on_accept_failed(struct evconnlistener *listener, void *ctx)
{
    struct df_http_server *server = ctx;
    evconnlistener_disable(listener);
    if (!df_timer_start(server->loop, &server->accept_pause, df_deadline_after_ms(ACCEPT_PAUSE_MS)))
        evconnlistener_enable(listener);
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
    connection->output_watch = evbuffer_add_cb(bufferevent_get_output(connection->socket), on_output, connection);
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
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t size = sizeof address;
    if (getsockname(evconnlistener_get_fd(listener), &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
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
    evconnlistener_set_error_cb(server->listener, on_accept_failed);
    server->accept_pause = (struct df_timer){.fn = resume_accepting, .ctx = server};
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
    df_timer_stop(server->loop, &server->accept_pause);
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

/* A handler may pass on what a client sent: a line break in it must not begin a field, let alone an answer. */
static void put_value(struct evbuffer *output, struct df_slice value)
{
    for (size_t from = 0, at = 0; at <= value.size; at++) {
        bool breaks = at < value.size && (value.data[at] == '\r' || value.data[at] == '\n' || value.data[at] == 0);
        if (at < value.size && !breaks)
            continue;
        evbuffer_add(output, value.data + from, at - from);
        if (breaks)
            evbuffer_add(output, " ", 1);
        from = at + 1;
    }
}

static void put_fields(struct evbuffer *output, const struct df_http_fields *fields)
{
    for (size_t i = 0; fields && i < fields->count; i++) {
        evbuffer_add(output, fields->items[i].name.data, fields->items[i].name.size);
        evbuffer_add(output, ": ", 2);
        put_value(output, fields->items[i].value);
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
    else if (!call->version_11)
        evbuffer_add_printf(output, "Connection: keep-alive\r\n");
}

/* The answer is in the output: the next request, or the end. */
static void end_call(struct df_http_call *call)
{
    struct connection *connection = call->connection;
    bool keep = call->keep_alive;
    connection->open = false;
    connection->call = NULL;
    free_call(call);
    bufferevent_setwatermark(connection->socket, EV_WRITE, 0, 0);
    if (!keep) {
        begin_closing(connection);
        return;
    }
    if (unsent_bytes(connection) == 0)
        arm_idle(connection); /* else on_output has */
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
    if (has_body(status) && !call->no_body && body.size)
        evbuffer_add(output, body.data, body.size);
    end_call(call);
}

void df_http_reply_begin(struct df_http_call *call, unsigned status, const struct df_http_fields *fields)
{
    call->no_body = call->no_body || !has_body(status);
    call->chunked = call->version_11 && has_body(status);
    if (!call->version_11)
        call->keep_alive = false;
    put_head(call, status, fields);
    evbuffer_add_printf(output_of(call), call->chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
}

void df_http_reply_piece(struct df_http_call *call, struct df_slice piece)
{
    if (piece.size == 0 || call->no_body)
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
    struct bufferevent *socket = call->connection->socket;
    bufferevent_setwatermark(socket, EV_WRITE, FULL_BYTES / 2, 0);
    bufferevent_trigger(socket, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS); /* it may have been sent in the meantime */
}

void df_http_reply_end(struct df_http_call *call, const struct df_http_fields *trailers)
{
    if (call->chunked && !call->no_body) {
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
