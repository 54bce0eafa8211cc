/* The client: connections by host and port, one exchange at a time on each.
 *
 *     send ─► WAITING ─► CONNECTING ─► SENDING ─► HEAD ─► BODY ─► on_end
 *               │ (all connections of the host are busy)            └ the connection: idle, or closed
 *               └ an idle connection of the host ─► SENDING
 *
 * Every change of state arms the one timer of the exchange anew. on_end never runs inside a call of the user: what has
 * ended waits on a list of its own for the loop. */
#include "net/http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_strict.h"

enum {
    CONNECT_TIMEOUT_MS = 3000,
    IDLE_CONNECTION_MS = 5000,
    CONNECTIONS_PER_HOST = 64,
    HOST_BYTES = 272,
    /* A streamed body is asked for more while less than this waits to be sent. */
    BODY_AHEAD_BYTES = 64 * 1024,
};

enum state { STATE_WAITING, STATE_CONNECTING, STATE_SENDING, STATE_HEAD, STATE_BODY, STATE_ENDED };

struct connection {
    struct df_http_client *client;
    struct connection *next; /* in client->connections */
    char host[HOST_BYTES];   /* "host:port" */
    struct bufferevent *socket;
    struct evbuffer_cb_entry *sent_counter;
    struct df_http_reader *reader;
    struct df_http_exchange *exchange; /* NULL: idle */
    int64_t idle_since_wall_ms;
    bool connected;
    bool feeding;     /* the reader is at work: who ends the exchange now must leave the connection to take_input */
    short broken;     /* BEV_EVENT_* that ended it; 0: alive */
    int broken_errno; /* of BEV_EVENT_ERROR */
};

struct df_http_exchange {
    struct df_http_client *client;
    struct df_http_exchange *next; /* in client->exchanges or client->ended, oldest first */
    struct df_arena arena;
    char host[HOST_BYTES];
    char *host_name; /* numeric address or name, without brackets */
    uint16_t port;
    struct df_slice head, body;
    df_http_body_fn *next_piece; /* NULL: `body` is all */
    void *piece_ctx;
    bool body_done;
    bool refused; /* by one of its own events, whose error says it all */
    bool is_head_method, no_reuse, paused, message_done, answer_keeps_alive;
    int64_t first_byte_timeout_ms, idle_timeout_ms, armed_ms;
    struct df_http_limits limits;
    struct df_http_exchange_events events;
    struct df_http_result result;
    enum state state;
    struct connection *connection;
    struct df_timer timer;
    bool failed;
    struct df_error error;
};

struct df_http_client {
    struct df_loop *loop;
    struct df_http_client_options options;
    struct evdns_base *dns;
    struct connection *connections;
    struct df_http_exchange *exchanges, **last_exchange;
    struct df_http_exchange *ended, **last_ended; /* their on_end is due */
    struct event *ended_event;                    /* unlike a posted item it can be taken back when the client goes */
};

/* ---- lists ---- */

static void forget_connection(struct connection *connection)
{
    struct connection **at = &connection->client->connections;
    while (*at != connection)
        at = &(*at)->next;
    *at = connection->next;
}

static void close_connection(struct connection *connection)
{
    forget_connection(connection);
    if (connection->exchange)
        connection->exchange->connection = NULL;
    /* A callback that libevent has put off keeps the socket alive for a moment; it must not send from the request's
     * memory, which may go now. */
    evbuffer_remove_cb_entry(bufferevent_get_output(connection->socket), connection->sent_counter);
    bufferevent_disable(connection->socket, EV_READ | EV_WRITE);
    bufferevent_free(connection->socket);
    df_http_reader_free(connection->reader);
    free(connection);
}

static void push_exchange(struct df_http_exchange ***last, struct df_http_exchange *exchange)
{
    exchange->next = NULL;
    **last = exchange;
    *last = &exchange->next;
}

static void forget_exchange(struct df_http_exchange *exchange)
{
    struct df_http_client *client = exchange->client;
    struct df_http_exchange **at = &client->exchanges;
    while (*at != exchange)
        at = &(*at)->next;
    *at = exchange->next;
    if (client->last_exchange == &exchange->next)
        client->last_exchange = at;
}

static void free_exchange(struct df_http_exchange *exchange)
{
    df_timer_stop(exchange->client->loop, &exchange->timer);
    df_arena_dispose(&exchange->arena);
    free(exchange);
}

static void free_exchanges(struct df_http_exchange *exchange)
{
    while (exchange) {
        struct df_http_exchange *next = exchange->next;
        free_exchange(exchange);
        exchange = next;
    }
}

static void start_waiting(struct df_http_client *client);

/* ---- the end of an exchange ---- */

/* Tells one end; on_end may free the client. */
static void tell_ended(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct df_http_client *client = ctx;
    struct df_http_exchange *exchange = client->ended;
    if (!exchange)
        return;
    client->ended = exchange->next;
    if (!client->ended)
        client->last_ended = &client->ended;
    struct df_http_exchange_events events = exchange->events;
    struct df_http_result result = exchange->result;
    struct df_error error = exchange->error;
    bool failed = exchange->failed;
    free_exchange(exchange);
    start_waiting(client);
    if (client->ended)
        event_active(client->ended_event, EV_TIMEOUT, 1);
    events.on_end(events.ctx, failed ? &error : NULL, &result);
}

static void end(struct df_http_exchange *exchange)
{
    struct df_http_client *client = exchange->client;
    exchange->state = STATE_ENDED;
    df_timer_stop(client->loop, &exchange->timer);
    forget_exchange(exchange);
    push_exchange(&client->last_ended, exchange);
    event_active(client->ended_event, EV_TIMEOUT, 1);
}

/* error is exchange->error, set by the caller. */
static void fail(struct df_http_exchange *exchange)
{
    if (exchange->state == STATE_ENDED)
        return;
    exchange->failed = true;
    if (exchange->connection && !exchange->connection->feeding)
        close_connection(exchange->connection);
    exchange->connection = NULL;
    end(exchange);
}

static size_t unsent_bytes(const struct connection *connection)
{
    return evbuffer_get_length(bufferevent_get_output(connection->socket));
}

/* The connection serves again if both sides are done with it: a byte behind the answer would be taken for the next. */
static void complete(struct df_http_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    exchange->connection = NULL;
    connection->exchange = NULL;
    connection->idle_since_wall_ms = df_time_wall_ms();
    bool is_clean = exchange->body_done && unsent_bytes(connection) == 0 &&
                    evbuffer_get_length(bufferevent_get_input(connection->socket)) == 0 && !connection->broken;
    if (exchange->no_reuse || !exchange->answer_keeps_alive || !is_clean)
        close_connection(connection);
    else
        bufferevent_enable(connection->socket, EV_READ);
    end(exchange);
}

/* ---- timeouts ---- */

static void on_timeout(void *ctx)
{
    struct df_http_exchange *exchange = ctx;
    const char *what = exchange->state == STATE_CONNECTING ? "connect"
                       : exchange->state == STATE_HEAD     ? "answer"
                       : exchange->state == STATE_SENDING  ? "take the request"
                                                           : "go on with its answer";
    df_error_set(&exchange->error, DF_ERROR_TIMEOUT, "%s did not %s within %lld ms", exchange->host, what,
                 (long long)exchange->armed_ms);
    fail(exchange);
}

static void arm(struct df_http_exchange *exchange, int64_t timeout_ms)
{
    exchange->armed_ms = timeout_ms;
    struct df_loop *loop = exchange->client->loop;
    if (timeout_ms <= 0)
        df_timer_stop(loop, &exchange->timer);
    else if (!df_timer_start(loop, &exchange->timer, df_deadline_after_ms(timeout_ms)))
        df_timer_stop(loop, &exchange->timer);
}

static void arm_for_state(struct df_http_exchange *exchange)
{
    switch (exchange->state) {
    case STATE_CONNECTING:
        arm(exchange, exchange->client->options.connect_timeout_ms);
        break;
    case STATE_HEAD:
        arm(exchange, exchange->result.received_bytes ? exchange->idle_timeout_ms : exchange->first_byte_timeout_ms);
        break;
    case STATE_SENDING:
        arm(exchange, exchange->idle_timeout_ms);
        break;
    case STATE_BODY: /* a reader that pauses is not the peer's fault */
        arm(exchange, exchange->paused ? 0 : exchange->idle_timeout_ms);
        break;
    case STATE_WAITING:
    case STATE_ENDED:
        break;
    }
}

static void move_to(struct df_http_exchange *exchange, enum state state)
{
    exchange->state = state;
    arm_for_state(exchange);
}

/* ---- what the reader tells ---- */

static int reader_head(void *ctx, const struct df_http_head *head, struct df_error *error)
{
    struct connection *connection = ctx;
    struct df_http_exchange *exchange = connection->exchange;
    exchange->answer_keeps_alive = head->keep_alive;
    if (exchange->is_head_method)
        df_http_reader_no_body(connection->reader);
    exchange->state = STATE_BODY;
    if (exchange->events.on_head && exchange->events.on_head(exchange->events.ctx, head, error) != 0)
        exchange->refused = true;
    return exchange->refused ? -1 : 0;
}

static int reader_body(void *ctx, struct df_slice piece, struct df_error *error)
{
    struct df_http_exchange *exchange = ((struct connection *)ctx)->exchange;
    if (exchange->events.on_body && exchange->events.on_body(exchange->events.ctx, piece, error) != 0)
        exchange->refused = true;
    return exchange->refused ? -1 : 0;
}

static int reader_end(void *ctx, const struct df_http_fields *trailers, struct df_error *error)
{
    (void)trailers;
    (void)error;
    ((struct connection *)ctx)->exchange->message_done = true;
    return 0;
}

/* ---- what the socket tells ---- */

/* false: the exchange is over, and perhaps the connection with it. */
static bool feed(struct connection *connection, struct df_slice bytes, size_t *used)
{
    struct df_http_exchange *exchange = connection->exchange;
    connection->feeding = true;
    int rc = df_http_reader_feed(connection->reader, bytes, used, &exchange->error);
    connection->feeding = false;
    exchange->result.received_bytes += rc == 0 ? *used : bytes.size;
    if (exchange->state == STATE_ENDED) { /* cancelled by one of its own events */
        connection->exchange = NULL;
        close_connection(connection);
        return false;
    }
    if (rc == 0)
        return true;
    if (!exchange->refused)
        df_error_prefix(&exchange->error, "answer of %s", exchange->host);
    fail(exchange);
    return false;
}

/* Feeds what has come until the message ends or the exchange is paused or cancelled. false as feed. */
static bool take_input(struct connection *connection)
{
    struct df_http_exchange *exchange = connection->exchange;
    struct evbuffer *input = bufferevent_get_input(connection->socket);
    size_t left;
    while (!exchange->message_done && !exchange->paused && (left = evbuffer_get_length(input)) > 0) {
        size_t size = evbuffer_get_contiguous_space(input), used;
        size = size ? size : left;
        struct df_slice bytes = df_slice_make(evbuffer_pullup(input, (ev_ssize_t)size), size);
        if (!feed(connection, bytes, &used))
            return false;
        evbuffer_drain(input, used);
    }
    if (!exchange->message_done)
        return true;
    complete(exchange);
    return false;
}

static void end_broken(struct connection *connection);

static void on_readable(struct bufferevent *socket, void *ctx)
{
    (void)socket;
    struct connection *connection = ctx;
    struct df_http_exchange *exchange = connection->exchange;
    if (!exchange) {
        close_connection(connection); /* an answer that nobody asked for */
        return;
    }
    if (connection->broken) {
        end_broken(connection);
        return;
    }
    if (take_input(connection) && exchange->state != STATE_CONNECTING)
        arm_for_state(exchange);
}

static void put_trailers(struct evbuffer *output, const struct df_http_fields *trailers)
{
    evbuffer_add(output, "0\r\n", 3);
    for (size_t i = 0; i < trailers->count; i++)
        evbuffer_add_printf(output, "%.*s: %.*s\r\n", DF_SLICE_ARG(trailers->items[i].name),
                            DF_SLICE_ARG(trailers->items[i].value));
    evbuffer_add(output, "\r\n", 2);
}

/* One piece of a streamed body into the output. 1: ask again, 0: it has none now, -1: the exchange is over. */
static int put_piece(struct connection *connection)
{
    struct df_http_exchange *exchange = connection->exchange;
    struct evbuffer *output = bufferevent_get_output(connection->socket);
    struct df_http_fields trailers = {.arena = &exchange->arena};
    struct df_buf piece = {0};
    connection->feeding = true;
    int rc = exchange->next_piece(exchange->piece_ctx, &piece, &exchange->body_done, &trailers, &exchange->error);
    connection->feeding = false;
    if (exchange->state == STATE_ENDED) { /* cancelled by the function itself */
        connection->exchange = NULL;
        close_connection(connection);
        df_buf_dispose(&piece);
        return -1;
    }
    if (rc == 0 && (df_buf_failed(&piece) || !df_http_fields_are_safe(&trailers)))
        rc = df_buf_failed(&piece)
                 ? df_error_no_memory(&exchange->error, "sending a request")
                 : df_error_set(&exchange->error, DF_ERROR_INVALID, "a trailer of a request breaks its line");
    if (rc == 0 && piece.size) {
        evbuffer_add_printf(output, "%zx\r\n", piece.size);
        evbuffer_add(output, piece.data, piece.size);
        evbuffer_add(output, "\r\n", 2);
    }
    if (rc == 0 && exchange->body_done)
        put_trailers(output, &trailers);
    size_t size = piece.size;
    df_buf_dispose(&piece);
    if (rc == 0)
        return size && !exchange->body_done;
    fail(exchange);
    return -1;
}

static void put_body(struct connection *connection)
{
    struct df_http_exchange *exchange = connection->exchange;
    int more = 1;
    while (more > 0 && !exchange->body_done && unsent_bytes(connection) < BODY_AHEAD_BYTES)
        more = put_piece(connection);
    /* Everything is on its way and the sender has no more yet: nobody can be late. */
    if (more == 0 && !exchange->body_done && unsent_bytes(connection) == 0 && exchange->state == STATE_SENDING)
        arm(exchange, 0);
}

static void on_writable(struct bufferevent *socket, void *ctx)
{
    (void)socket;
    struct connection *connection = ctx;
    struct df_http_exchange *exchange = connection->exchange;
    if (!exchange || exchange->connection != connection || connection->broken)
        return;
    if (!exchange->body_done)
        put_body(connection);
    else if (exchange->state == STATE_SENDING && unsent_bytes(connection) == 0)
        move_to(exchange, STATE_HEAD);
}

void df_http_exchange_more_body(struct df_http_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    if (exchange->state == STATE_ENDED || !connection || !connection->connected || exchange->body_done)
        return;
    if (exchange->state == STATE_SENDING)
        arm_for_state(exchange);
    bufferevent_trigger(connection->socket, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

static void on_sent(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *ctx)
{
    (void)buffer;
    struct connection *connection = ctx;
    if (!connection->exchange || info->n_deleted == 0)
        return;
    connection->exchange->result.sent_bytes += info->n_deleted;
    if (connection->exchange->state == STATE_SENDING)
        arm(connection->exchange, connection->exchange->idle_timeout_ms);
}

static void send_request(struct connection *connection)
{
    struct df_http_exchange *exchange = connection->exchange;
    struct evbuffer *output = bufferevent_get_output(connection->socket);
    move_to(exchange, STATE_SENDING);
    evbuffer_add_reference(output, exchange->head.data, exchange->head.size, NULL, NULL);
    if (exchange->body.size)
        evbuffer_add_reference(output, exchange->body.data, exchange->body.size, NULL, NULL);
    if (!exchange->body_done)
        put_body(connection);
}

static void explain_broken(struct connection *connection)
{
    struct df_http_exchange *exchange = connection->exchange;
    if (!connection->connected) {
        int dns = bufferevent_socket_get_dns_error(connection->socket);
        if (dns)
            df_error_set(&exchange->error, DF_ERROR_UNAVAILABLE, "cannot resolve the name of %s: %s", exchange->host,
                         evutil_gai_strerror(dns));
        else
            df_error_set(&exchange->error, DF_ERROR_UNAVAILABLE, "cannot connect to %s: %s", exchange->host,
                         evutil_socket_error_to_string(connection->broken_errno));
        return;
    }
    if (connection->broken & BEV_EVENT_EOF) {
        if (exchange->result.received_bytes == 0)
            df_error_set(&exchange->error, DF_ERROR_UNAVAILABLE, "%s closed the connection without an answer",
                         exchange->host);
        else if (df_http_reader_close(connection->reader, &exchange->error) != 0)
            df_error_prefix(&exchange->error, "answer of %s", exchange->host);
        return;
    }
    df_error_set(&exchange->error, DF_ERROR_UNAVAILABLE, "connection to %s: %s", exchange->host,
                 evutil_socket_error_to_string(connection->broken_errno));
}

/* The rest of the input, then the end; both wait while the exchange is paused. */
static void end_broken(struct connection *connection)
{
    struct df_http_exchange *exchange = connection->exchange;
    if (!take_input(connection) || exchange->paused)
        return;
    df_error_clear(&exchange->error);
    explain_broken(connection);
    if (exchange->error.kind != DF_ERROR_NONE)
        fail(exchange);
    else
        complete(exchange); /* a body that ends where the connection does */
}

/* Who refuses a request early answers and closes; the answer may wait in the kernel while our sending fails. */
static bool take_last_words(struct connection *connection)
{
    uint8_t bytes[16 * 1024];
    ssize_t got;
    while (!connection->exchange->message_done && !connection->exchange->paused &&
           (got = recv(bufferevent_getfd(connection->socket), bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        for (size_t at = 0, used; at < (size_t)got && !connection->exchange->message_done; at += used)
            if (!feed(connection, df_slice_make(bytes + at, (size_t)got - at), &used))
                return false;
    return true;
}

static void set_socket_options(struct bufferevent *socket)
{
    evutil_socket_t fd = bufferevent_getfd(socket);
    int one = 1;
    if (fd < 0)
        return; /* a name that is still being resolved */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFD, FD_CLOEXEC); /* a child that holds it would hide our closing from the peer */
}

static void on_event(struct bufferevent *socket, short what, void *ctx)
{
    struct connection *connection = ctx;
    int errno_value = EVUTIL_SOCKET_ERROR();
    if (what & BEV_EVENT_CONNECTED) {
        set_socket_options(socket);
        connection->connected = true;
        send_request(connection);
        return;
    }
    connection->broken = what;
    connection->broken_errno = errno_value;
    if (!connection->exchange) {
        close_connection(connection);
        return;
    }
    bool is_write_error = connection->connected && (what & BEV_EVENT_WRITING) && (what & BEV_EVENT_ERROR);
    if (is_write_error && !connection->exchange->paused) {
        if (!take_input(connection) || !take_last_words(connection))
            return;
    }
    end_broken(connection);
}

/* ---- connections ---- */

/* The one that served last; what is too old is closed on the way. */
static struct connection *idle_connection(struct df_http_client *client, const char *host)
{
    int64_t now = df_time_wall_ms();
    struct connection *connection = client->connections, *found = NULL;
    while (connection) {
        struct connection *next = connection->next;
        if (!connection->exchange && strcmp(connection->host, host) == 0) {
            int64_t age = now - connection->idle_since_wall_ms;
            if (age > client->options.idle_connection_ms || age < 0)
                close_connection(connection);
            else if (!found || connection->idle_since_wall_ms > found->idle_since_wall_ms)
                found = connection;
        }
        connection = next;
    }
    return found;
}

static unsigned connection_count(const struct df_http_client *client, const char *host)
{
    unsigned count = 0;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): closed ones are off the list, which the analyzer does not see */
    for (const struct connection *connection = client->connections; connection; connection = connection->next)
        count += strcmp(connection->host, host) == 0;
    return count;
}

static int make_reader(struct connection *connection, const struct df_http_exchange *exchange, struct df_error *error)
{
    struct df_http_reader_events events = {
        .on_head = reader_head, .on_body = reader_body, .on_end = reader_end, .ctx = connection};
    df_http_reader_free(connection->reader);
    connection->reader = NULL;
    return df_http_reader_create(&connection->reader, DF_HTTP_RESPONSES, &exchange->limits, &events, error);
}

/* Names of hosts need a resolver, addresses do not; it is made when the first name comes. */
static int start_connect(struct df_http_client *client, struct connection *connection,
                         struct df_http_exchange *exchange)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(exchange->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(exchange->port)};
    if (inet_pton(AF_INET, exchange->host_name, &v4.sin_addr) == 1)
        return bufferevent_socket_connect(connection->socket, (struct sockaddr *)&v4, sizeof v4);
    if (inet_pton(AF_INET6, exchange->host_name, &v6.sin6_addr) == 1)
        return bufferevent_socket_connect(connection->socket, (struct sockaddr *)&v6, sizeof v6);
    if (!client->dns)
        client->dns = evdns_base_new(df_loop_event_base(client->loop),
                                     EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!client->dns)
        return -1;
    return bufferevent_socket_connect_hostname(connection->socket, client->dns, AF_UNSPEC, exchange->host_name,
                                               exchange->port);
}

static struct connection *new_connection(struct df_http_client *client, struct df_http_exchange *exchange)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    connection->socket =
        bufferevent_socket_new(df_loop_event_base(client->loop), -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!connection->socket) {
        free(connection);
        return NULL;
    }
    connection->client = client;
    memcpy(connection->host, exchange->host, sizeof connection->host);
    connection->next = client->connections;
    client->connections = connection;
    bufferevent_setcb(connection->socket, on_readable, on_writable, on_event, connection);
    bufferevent_set_max_single_read(connection->socket, 256 * 1024);
    connection->sent_counter = evbuffer_add_cb(bufferevent_get_output(connection->socket), on_sent, connection);
    return connection;
}

static void begin(struct df_http_exchange *exchange, struct connection *connection)
{
    connection->exchange = exchange;
    exchange->connection = connection;
    if (make_reader(connection, exchange, &exchange->error) != 0) {
        fail(exchange);
        return;
    }
    if (connection->connected) {
        exchange->result.reused = true;
        bufferevent_enable(connection->socket, EV_WRITE | (exchange->paused ? 0 : EV_READ));
        send_request(connection);
        return;
    }
    move_to(exchange, STATE_CONNECTING);
    if (start_connect(exchange->client, connection, exchange) != 0) {
        df_error_set(&exchange->error, DF_ERROR_UNAVAILABLE, "cannot connect to %s", exchange->host);
        fail(exchange);
        return;
    }
    set_socket_options(connection->socket);
    bufferevent_enable(connection->socket, EV_WRITE | (exchange->paused ? 0 : EV_READ));
}

/* false: it has to wait for a connection of its host. */
static bool try_begin(struct df_http_exchange *exchange)
{
    struct df_http_client *client = exchange->client;
    struct connection *connection = idle_connection(client, exchange->host);
    if (connection && exchange->no_reuse) {
        if (connection_count(client, exchange->host) >= client->options.connections_per_host)
            close_connection(connection); /* it makes room */
        connection = NULL;
    }
    if (!connection) {
        if (connection_count(client, exchange->host) >= client->options.connections_per_host)
            return false;
        connection = new_connection(client, exchange);
        if (!connection) {
            df_error_no_memory(&exchange->error, "opening a connection");
            fail(exchange);
            return true;
        }
    }
    begin(exchange, connection);
    return true;
}

static void start_waiting(struct df_http_client *client)
{
    const char *full = ""; /* a host that has no room: asked once, not for each that waits for it */
    struct df_http_exchange *next;
    for (struct df_http_exchange *exchange = client->exchanges; exchange; exchange = next) {
        next = exchange->next;
        if (exchange->state == STATE_WAITING && strcmp(full, exchange->host) != 0 && !try_begin(exchange))
            full = exchange->host;
    }
}

/* ---- the client ---- */

int df_http_client_create(struct df_http_client **out, struct df_loop *loop,
                          const struct df_http_client_options *options, struct df_error *error)
{
    struct df_http_client *client = calloc(1, sizeof *client);
    *out = client;
    if (!client)
        return df_error_no_memory(error, "creating an HTTP client");
    client->loop = loop;
    client->last_exchange = &client->exchanges;
    client->last_ended = &client->ended;
    client->ended_event = event_new(df_loop_event_base(loop), -1, 0, tell_ended, client);
    if (!client->ended_event) {
        free(client);
        *out = NULL;
        return df_error_no_memory(error, "creating an HTTP client");
    }
    if (options)
        client->options = *options;
    if (client->options.connect_timeout_ms == 0)
        client->options.connect_timeout_ms = CONNECT_TIMEOUT_MS;
    if (client->options.idle_connection_ms == 0)
        client->options.idle_connection_ms = IDLE_CONNECTION_MS;
    if (client->options.connections_per_host == 0)
        client->options.connections_per_host = CONNECTIONS_PER_HOST;
    return 0;
}

void df_http_client_free(struct df_http_client *client)
{
    if (!client)
        return;
    while (client->connections)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it takes itself off the list, which the analyzer does not see */
        close_connection(client->connections);
    free_exchanges(client->exchanges);
    free_exchanges(client->ended);
    event_free(client->ended_event);
    if (client->dns)
        evdns_base_free(client->dns, 1); /* a lookup that runs is told, and lets go of its socket, in the next round */
    free(client);
}

/* Framing is ours: a length that is not the body's would make the peer see another message than we sent. */
static int check_fields(const struct df_http_request *request, struct df_error *error)
{
    if (!request->fields)
        return 0;
    if (!df_http_fields_are_safe(request->fields))
        return df_error_set(error, DF_ERROR_INVALID,
                            "a header field of a request has a name that is no token, or breaks its line");
    char length[24];
    snprintf(length, sizeof length, "%zu", request->body.size);
    struct df_slice given = df_http_fields_get(request->fields, "Content-Length");
    if (df_http_fields_get(request->fields, "Transfer-Encoding").data ||
        (given.data && (request->next_piece || !df_slice_is(given, length))))
        return df_error_set(error, DF_ERROR_INVALID, "the framing of a request is not for its sender to choose");
    return 0;
}

static void put_fields(struct df_buf *head, const struct df_http_request *request)
{
    for (size_t i = 0; request->fields && i < request->fields->count; i++) {
        df_buf_put_slice(head, request->fields->items[i].name);
        df_buf_put_text(head, ": ");
        df_buf_put_slice(head, request->fields->items[i].value);
        df_buf_put_text(head, "\r\n");
    }
}

static void put_host(struct df_buf *head, const struct df_http_url *url)
{
    bool v6 = memchr(url->host.data, ':', url->host.size) != NULL;
    df_buf_printf(head, v6 ? "Host: [%.*s]" : "Host: %.*s", DF_SLICE_ARG(url->host));
    if (url->port != (url->tls ? 443 : 80))
        df_buf_printf(head, ":%u", url->port);
    df_buf_put_text(head, "\r\n");
}

static int put_head(struct df_http_exchange *exchange, const struct df_http_request *request, struct df_error *error)
{
    if (check_fields(request, error) != 0)
        return -1;
    struct df_buf head = {0};
    df_buf_printf(&head, "%s %.*s HTTP/1.1\r\n", request->method, DF_SLICE_ARG(request->url.target));
    if (!request->fields || !df_http_fields_get(request->fields, "Host").data)
        put_host(&head, &request->url);
    put_fields(&head, request);
    bool has_body = request->body.size || strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0;
    if (request->next_piece)
        df_buf_put_text(&head, "Transfer-Encoding: chunked\r\n");
    else if (has_body && (!request->fields || !df_http_fields_get(request->fields, "Content-Length").data))
        df_buf_printf(&head, "Content-Length: %zu\r\n", request->body.size);
    if (request->no_reuse)
        df_buf_put_text(&head, "Connection: close\r\n");
    df_buf_put_text(&head, "\r\n");
    bool ok = !df_buf_failed(&head) && df_arena_copy(&exchange->arena, df_buf_slice(&head), &exchange->head);
    df_buf_dispose(&head);
    return ok ? 0 : df_error_no_memory(error, "preparing a request");
}

static int prepare(struct df_http_exchange *exchange, const struct df_http_request *request, struct df_error *error)
{
    if (request->url.tls)
        return df_error_set(error, DF_ERROR_UNSUPPORTED, "https://%.*s: this build speaks plain http:// only",
                            DF_SLICE_ARG(request->url.host));
    exchange->host_name = df_arena_text(&exchange->arena, request->url.host);
    if (!exchange->host_name)
        return df_error_no_memory(error, "preparing a request");
    exchange->port = request->url.port;
    snprintf(exchange->host, sizeof exchange->host, "%.*s:%u", DF_SLICE_ARG(request->url.host), request->url.port);
    exchange->body = request->body;
    exchange->next_piece = request->next_piece;
    exchange->piece_ctx = request->piece_ctx;
    exchange->body_done = !request->next_piece;
    exchange->is_head_method = strcmp(request->method, "HEAD") == 0;
    exchange->no_reuse = request->no_reuse;
    exchange->first_byte_timeout_ms = request->first_byte_timeout_ms;
    exchange->idle_timeout_ms = request->idle_timeout_ms;
    exchange->limits = request->limits;
    return put_head(exchange, request, error);
}

int df_http_client_send(struct df_http_client *client, const struct df_http_request *request,
                        const struct df_http_exchange_events *events, struct df_http_exchange **out,
                        struct df_error *error)
{
    if (out)
        *out = NULL;
    struct df_http_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return df_error_no_memory(error, "sending a request");
    exchange->client = client;
    exchange->events = *events;
    exchange->timer = (struct df_timer){.fn = on_timeout, .ctx = exchange};
    if (prepare(exchange, request, error) != 0) {
        df_arena_dispose(&exchange->arena);
        free(exchange);
        return -1;
    }
    push_exchange(&client->last_exchange, exchange);
    if (out)
        *out = exchange;
    (void)try_begin(exchange);
    return 0;
}

void df_http_exchange_cancel(struct df_http_exchange *exchange)
{
    if (exchange->state == STATE_ENDED)
        return;
    df_error_set(&exchange->error, DF_ERROR_CANCELLED, "the request to %s was cancelled", exchange->host);
    fail(exchange);
}

void df_http_exchange_pause(struct df_http_exchange *exchange, bool paused)
{
    if (exchange->state == STATE_ENDED || exchange->paused == paused)
        return;
    exchange->paused = paused;
    arm_for_state(exchange);
    if (!exchange->connection)
        return;
    struct bufferevent *socket = exchange->connection->socket;
    if (paused) {
        bufferevent_disable(socket, EV_READ);
        return;
    }
    if (!exchange->connection->broken)
        bufferevent_enable(socket, EV_READ);
    if (exchange->connection->connected)
        bufferevent_trigger(socket, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}
