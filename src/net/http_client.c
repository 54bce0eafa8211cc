/* The client: connections by host and port, one exchange at a time on each.
 *
 *     send ─► WAITING ─► CONNECTING ─► SENDING ─► HEAD ─► BODY ─► on_end
 *               │ (all connections of the host are busy)   └ idle connection of the host ─┘ back to the next waiting
 * one
 *
 * Every change of state arms the one timer of the exchange anew. on_end never runs inside a call of the user: an end is
 * posted to the loop. */
#include "net/http_client.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_TIMEOUT_MS = 3000, IDLE_CONNECTION_MS = 5000, CONNECTIONS_PER_HOST = 64, HOST_BYTES = 272 };

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
    bool feeding; /* the reader is at work: who ends the exchange now must leave the connection to take_input */
};

struct df_http_exchange {
    struct df_http_client *client;
    struct df_http_exchange *next; /* in client->exchanges, oldest first */
    struct df_arena arena;
    char host[HOST_BYTES];
    char *host_name; /* numeric address or name, without brackets */
    uint16_t port;
    struct df_slice head, body;
    bool refused; /* by one of its own events, whose error says it all */
    bool is_head_method, no_reuse, paused, message_done, answer_keeps_alive;
    int64_t first_byte_timeout_ms, idle_timeout_ms;
    struct df_http_limits limits;
    struct df_http_exchange_events events;
    struct df_http_result result;
    enum state state;
    struct connection *connection;
    struct df_timer timer;
    struct df_post_item end_item;
    bool failed;
    struct df_error error;
};

struct df_http_client {
    struct df_loop *loop;
    struct df_http_client_options options;
    struct evdns_base *dns;
    struct connection *connections;
    struct df_http_exchange *exchanges;
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
    bufferevent_free(connection->socket);
    df_http_reader_free(connection->reader);
    free(connection);
}

static void forget_exchange(struct df_http_exchange *exchange)
{
    struct df_http_exchange **at = &exchange->client->exchanges;
    while (*at != exchange)
        at = &(*at)->next;
    *at = exchange->next;
}

static void free_exchange(struct df_http_exchange *exchange)
{
    df_timer_stop(exchange->client->loop, &exchange->timer);
    forget_exchange(exchange);
    df_arena_dispose(&exchange->arena);
    free(exchange);
}

static void start_waiting(struct df_http_client *client);

/* ---- the end of an exchange ---- */

static void run_end(void *ctx)
{
    struct df_http_exchange *exchange = ctx;
    struct df_http_client *client = exchange->client;
    struct df_http_exchange_events events = exchange->events;
    struct df_http_result result = exchange->result;
    struct df_error error = exchange->error;
    bool failed = exchange->failed;
    free_exchange(exchange);
    start_waiting(client);
    events.on_end(events.ctx, failed ? &error : NULL, &result);
}

static void post_end(struct df_http_exchange *exchange)
{
    exchange->state = STATE_ENDED;
    df_timer_stop(exchange->client->loop, &exchange->timer);
    df_loop_post(exchange->client->loop, &exchange->end_item);
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
    post_end(exchange);
}

static void complete(struct df_http_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    exchange->connection = NULL;
    connection->exchange = NULL;
    connection->idle_since_wall_ms = df_time_wall_ms();
    bool all_sent = evbuffer_get_length(bufferevent_get_output(connection->socket)) == 0;
    if (exchange->no_reuse || !exchange->answer_keeps_alive || !all_sent)
        close_connection(connection);
    post_end(exchange);
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
                 (long long)(exchange->state == STATE_CONNECTING ? exchange->client->options.connect_timeout_ms
                             : exchange->state == STATE_HEAD     ? exchange->first_byte_timeout_ms
                                                                 : exchange->idle_timeout_ms));
    fail(exchange);
}

static void arm(struct df_http_exchange *exchange, int64_t timeout_ms)
{
    struct df_loop *loop = exchange->client->loop;
    if (timeout_ms <= 0)
        df_timer_stop(loop, &exchange->timer);
    else if (!df_timer_start(loop, &exchange->timer, df_deadline_after_ms(timeout_ms)))
        df_timer_stop(loop, &exchange->timer);
}

static void move_to(struct df_http_exchange *exchange, enum state state)
{
    exchange->state = state;
    arm(exchange, state == STATE_CONNECTING ? exchange->client->options.connect_timeout_ms
                  : state == STATE_HEAD     ? exchange->first_byte_timeout_ms
                                            : exchange->idle_timeout_ms);
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

/* Feeds what has come until the message ends or the exchange is paused or cancelled. */
static void take_input(struct connection *connection)
{
    struct df_http_exchange *exchange = connection->exchange;
    struct evbuffer *input = bufferevent_get_input(connection->socket);
    while (!exchange->message_done && !exchange->paused && evbuffer_get_length(input)) {
        size_t size = evbuffer_get_contiguous_space(input), used;
        struct df_slice bytes = df_slice_make(evbuffer_pullup(input, (ev_ssize_t)size), size);
        connection->feeding = true;
        int rc = df_http_reader_feed(connection->reader, bytes, &used, &exchange->error);
        connection->feeding = false;
        if (exchange->state == STATE_ENDED) { /* cancelled by one of its own events */
            connection->exchange = NULL;
            close_connection(connection);
            return;
        }
        if (rc != 0) {
            if (!exchange->refused)
                df_error_prefix(&exchange->error, "answer of %s", exchange->host);
            fail(exchange);
            return;
        }
        exchange->result.received_bytes += used;
        evbuffer_drain(input, used);
    }
    if (exchange->message_done)
        complete(exchange);
}

static void on_readable(struct bufferevent *socket, void *ctx)
{
    (void)socket;
    struct connection *connection = ctx;
    struct df_http_exchange *exchange = connection->exchange;
    if (!exchange) {
        close_connection(connection); /* an answer that nobody asked for */
        return;
    }
    if (exchange->state == STATE_BODY || exchange->state == STATE_HEAD || exchange->state == STATE_SENDING)
        arm(exchange, exchange->idle_timeout_ms);
    take_input(connection);
}

static void on_writable(struct bufferevent *socket, void *ctx)
{
    struct connection *connection = ctx;
    struct df_http_exchange *exchange = connection->exchange;
    if (exchange && exchange->state == STATE_SENDING && evbuffer_get_length(bufferevent_get_output(socket)) == 0)
        move_to(exchange, STATE_HEAD);
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
}

static void explain_broken(struct connection *connection, short what)
{
    struct df_http_exchange *exchange = connection->exchange;
    if (!connection->connected) {
        int dns = bufferevent_socket_get_dns_error(connection->socket);
        if (dns)
            df_error_set(&exchange->error, DF_ERROR_UNAVAILABLE, "cannot resolve the name of %s: %s", exchange->host,
                         evutil_gai_strerror(dns));
        else
            df_error_set(&exchange->error, DF_ERROR_UNAVAILABLE, "cannot connect to %s: %s", exchange->host,
                         evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
        return;
    }
    if (what & BEV_EVENT_EOF) {
        if (exchange->result.received_bytes == 0)
            df_error_set(&exchange->error, DF_ERROR_UNAVAILABLE, "%s closed the connection without an answer",
                         exchange->host);
        else if (df_http_reader_close(connection->reader, &exchange->error) != 0)
            df_error_prefix(&exchange->error, "answer of %s", exchange->host);
        return;
    }
    df_error_set(&exchange->error, DF_ERROR_UNAVAILABLE, "connection to %s: %s", exchange->host,
                 evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
}

static void on_event(struct bufferevent *socket, short what, void *ctx)
{
    struct connection *connection = ctx;
    if (what & BEV_EVENT_CONNECTED) {
        int one = 1;
        setsockopt(bufferevent_getfd(socket), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connection->connected = true;
        send_request(connection);
        return;
    }
    struct df_http_exchange *exchange = connection->exchange;
    if (!exchange) {
        close_connection(connection);
        return;
    }
    exchange->paused = false;
    take_input(connection); /* what came before the end */
    if (exchange->state == STATE_ENDED)
        return; /* freed by run_end only, which is posted */
    df_error_clear(&exchange->error);
    explain_broken(connection, what);
    if (exchange->error.kind == DF_ERROR_NONE) {
        exchange->answer_keeps_alive = false; /* a body that ends where the connection does */
        complete(exchange);
        return;
    }
    fail(exchange);
}

/* ---- connections ---- */

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
            else
                found = connection;
        }
        connection = next;
    }
    return found;
}

static unsigned connection_count(const struct df_http_client *client, const char *host)
{
    unsigned count = 0;
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
        bufferevent_enable(connection->socket, EV_READ | EV_WRITE);
        send_request(connection);
        return;
    }
    move_to(exchange, STATE_CONNECTING);
    if (start_connect(exchange->client, connection, exchange) != 0) {
        df_error_set(&exchange->error, DF_ERROR_UNAVAILABLE, "cannot connect to %s", exchange->host);
        fail(exchange);
        return;
    }
    bufferevent_enable(connection->socket, EV_READ | EV_WRITE);
}

/* false: it has to wait for a connection of its host. */
static bool try_begin(struct df_http_exchange *exchange)
{
    struct df_http_client *client = exchange->client;
    struct connection *connection = exchange->no_reuse ? NULL : idle_connection(client, exchange->host);
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
    for (struct df_http_exchange *exchange = client->exchanges; exchange; exchange = exchange->next)
        if (exchange->state == STATE_WAITING)
            (void)try_begin(exchange);
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
        close_connection(client->connections);
    while (client->exchanges)
        free_exchange(client->exchanges);
    if (client->dns)
        evdns_base_free(client->dns, 0);
    free(client);
}

static bool is_safe_field(const struct df_http_field *field)
{
    for (size_t i = 0; i < field->value.size; i++)
        if (field->value.data[i] == '\r' || field->value.data[i] == '\n' || field->value.data[i] == 0)
            return false;
    return field->name.size > 0;
}

static int put_head(struct df_http_exchange *exchange, const struct df_http_request *request, struct df_error *error)
{
    struct df_buf head = {0};
    df_buf_printf(&head, "%s %.*s HTTP/1.1\r\n", request->method, DF_SLICE_ARG(request->url.target));
    bool v6 = memchr(request->url.host.data, ':', request->url.host.size) != NULL;
    if (!request->fields || !df_http_fields_get(request->fields, "Host").data) {
        df_buf_printf(&head, v6 ? "Host: [%.*s]" : "Host: %.*s", DF_SLICE_ARG(request->url.host));
        if (request->url.port != (request->url.tls ? 443 : 80))
            df_buf_printf(&head, ":%u", request->url.port);
        df_buf_put_text(&head, "\r\n");
    }
    bool safe = true;
    for (size_t i = 0; request->fields && i < request->fields->count; i++) {
        const struct df_http_field *field = &request->fields->items[i];
        safe = safe && is_safe_field(field);
        df_buf_put_slice(&head, field->name);
        df_buf_put_text(&head, ": ");
        df_buf_put_slice(&head, field->value);
        df_buf_put_text(&head, "\r\n");
    }
    bool has_body = request->body.size || strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0;
    if (has_body && (!request->fields || !df_http_fields_get(request->fields, "Content-Length").data))
        df_buf_printf(&head, "Content-Length: %zu\r\n", request->body.size);
    if (request->no_reuse)
        df_buf_put_text(&head, "Connection: close\r\n");
    df_buf_put_text(&head, "\r\n");
    bool ok = !df_buf_failed(&head) && df_arena_copy(&exchange->arena, df_buf_slice(&head), &exchange->head);
    df_buf_dispose(&head);
    if (!safe)
        return df_error_set(error, DF_ERROR_INVALID, "a header field of a request holds a line break");
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
    exchange->end_item = (struct df_post_item){.fn = run_end, .ctx = exchange};
    exchange->timer = (struct df_timer){.fn = on_timeout, .ctx = exchange};
    if (prepare(exchange, request, error) != 0) {
        df_arena_dispose(&exchange->arena);
        free(exchange);
        return -1;
    }
    struct df_http_exchange **last = &client->exchanges;
    while (*last)
        last = &(*last)->next;
    *last = exchange;
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
    if (exchange->state == STATE_ENDED || !exchange->connection || exchange->paused == paused)
        return;
    exchange->paused = paused;
    struct bufferevent *socket = exchange->connection->socket;
    if (paused) {
        bufferevent_disable(socket, EV_READ);
        arm(exchange, 0);
    } else {
        bufferevent_enable(socket, EV_READ);
        arm(exchange, exchange->idle_timeout_ms);
        bufferevent_trigger(socket, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
    }
}
