/* Client and server against each other on one loop, and the client against a peer that misbehaves on command. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http_client.h"
#include "net/http_server.h"
#include "testing/testing.h"

struct bench {
    struct df_loop *loop;
    struct df_http_client *client;
    struct df_http_server *server;
    struct df_arena arena;
    char url[64];
    unsigned expected_ends, ends;
};

struct answer {
    struct bench *bench;
    unsigned status, end_count;
    struct df_buf body;
    bool failed;
    struct df_error error;
    struct df_http_result result;
    struct df_http_exchange *exchange;
    bool cancel_in_body, pause_in_body;
};

static int on_head(void *ctx, const struct df_http_head *head, struct df_error *error)
{
    (void)error;
    ((struct answer *)ctx)->status = head->status;
    return 0;
}

static void stop_loop(void *ctx)
{
    df_loop_stop(ctx);
}

static void resume(void *ctx)
{
    struct answer *answer = ctx;
    df_http_exchange_pause(answer->exchange, false);
}

static int on_body(void *ctx, struct df_slice piece, struct df_error *error)
{
    (void)error;
    struct answer *answer = ctx;
    df_buf_put_slice(&answer->body, piece);
    if (answer->cancel_in_body)
        df_http_exchange_cancel(answer->exchange);
    if (answer->pause_in_body) {
        static struct df_timer timer;
        answer->pause_in_body = false;
        df_http_exchange_pause(answer->exchange, true);
        timer = (struct df_timer){.fn = resume, .ctx = answer};
        df_timer_start(answer->bench->loop, &timer, df_deadline_after_ms(30));
    }
    return 0;
}

static void on_end(void *ctx, const struct df_error *error, const struct df_http_result *result)
{
    struct answer *answer = ctx;
    answer->end_count++;
    answer->result = *result;
    answer->failed = error != NULL;
    if (error)
        answer->error = *error;
    if (++answer->bench->ends == answer->bench->expected_ends)
        df_loop_stop(answer->bench->loop);
}

/* /echo answers with the body, /big streams 3 MB in chunks, /none 204, /never not at all. */
struct stream {
    struct df_http_call *call;
    unsigned left;
};

static void stream_on(void *ctx)
{
    struct stream *stream = ctx;
    static uint8_t piece[64 * 1024];
    memset(piece, 'x', sizeof piece);
    while (stream->left && !df_http_reply_full(stream->call)) {
        df_http_reply_piece(stream->call, df_slice_make(piece, sizeof piece));
        stream->left--;
    }
    if (stream->left)
        df_http_reply_on_drain(stream->call, stream_on, stream);
    else
        df_http_reply_end(stream->call, NULL);
}

static void handle(void *ctx, struct df_http_call *call)
{
    (void)ctx;
    struct df_slice target = df_http_call_target(call);
    if (df_slice_is(target, "/big")) {
        struct stream *stream = df_arena_alloc(df_http_call_arena(call), sizeof *stream);
        *stream = (struct stream){.call = call, .left = 48};
        df_http_reply_begin(call, 200, NULL);
        stream_on(stream);
    } else if (df_slice_is(target, "/none")) {
        df_http_reply(call, 204, NULL, df_slice_make(NULL, 0));
    } else if (df_slice_is(target, "/cut")) {
        df_http_reply_begin(call, 200, NULL);
        df_http_reply_piece(call, df_slice_text("half"));
        df_http_reply_abort(call);
    } else if (df_slice_is(target, "/half")) {
        df_http_reply_begin(call, 200, NULL);
        df_http_reply_piece(call, df_slice_text("half"));
        df_http_reply_end(call, NULL);
    } else if (df_slice_is(target, "/break")) {
        struct df_http_fields fields = {.arena = df_http_call_arena(call)};
        df_http_fields_put(&fields, "X-Said", "a\r\nSet-Cookie: b");
        df_http_reply(call, 200, &fields, df_slice_make(NULL, 0));
    } else if (!df_slice_is(target, "/never")) {
        df_http_reply(call, 200, NULL, df_http_call_body(call));
    }
}

static void open_bench_with(struct bench *bench, unsigned connections, const struct df_http_server_options *server)
{
    struct df_error error;
    *bench = (struct bench){0};
    assert_ok(df_loop_create(&bench->loop, DF_LOOP_REAL_TIME, &error), &error);
    struct df_http_client_options options = {.connections_per_host = connections};
    assert_ok(df_http_client_create(&bench->client, bench->loop, &options, &error), &error);
    assert_ok(df_http_server_listen(&bench->server, bench->loop, "127.0.0.1:0", server, handle, NULL, &error), &error);
    snprintf(bench->url, sizeof bench->url, "http://127.0.0.1:%u", df_http_server_port(bench->server));
}

static void open_bench(struct bench *bench, unsigned connections)
{
    open_bench_with(bench, connections, NULL);
}

static void close_bench(struct bench *bench)
{
    df_http_client_free(bench->client);
    df_http_server_free(bench->server);
    df_loop_free(bench->loop);
    df_arena_dispose(&bench->arena);
}

static void send_to(struct bench *bench, const char *base, const char *path, struct df_slice body,
                    struct answer *answer, struct df_http_request request)
{
    struct df_error error;
    char text[128];
    snprintf(text, sizeof text, "%s%s", base, path);
    char *url = df_arena_text(&bench->arena, df_slice_text(text));
    answer->bench = bench;
    assert_ok(df_http_url_parse(&request.url, df_slice_text(url), &error), &error);
    if (!request.method)
        request.method = "POST";
    request.body = body;
    struct df_http_exchange_events events = {.on_head = on_head, .on_body = on_body, .on_end = on_end, .ctx = answer};
    assert_ok(df_http_client_send(bench->client, &request, &events, &answer->exchange, &error), &error);
    bench->expected_ends++;
}

static void run(struct bench *bench)
{
    struct df_error error;
    assert_ok(df_loop_run(bench->loop, &error), &error);
}

static void test_answers_come_and_connections_are_reused(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 2);
    struct answer answers[20] = {0};
    for (int i = 0; i < 20; i++)
        send_to(&bench, bench.url, i % 5 == 4 ? "/none" : "/echo", df_slice_text("hello"), &answers[i],
                (struct df_http_request){0});
    run(&bench);
    unsigned reused = 0;
    for (int i = 0; i < 20; i++) {
        assert_false(answers[i].failed);
        assert_int_equal(answers[i].status, i % 5 == 4 ? 204 : 200);
        assert_slice_is(df_buf_slice(&answers[i].body), i % 5 == 4 ? "" : "hello");
        assert_true(answers[i].result.sent_bytes > 5 && answers[i].result.received_bytes > 0);
        reused += answers[i].result.reused;
        df_buf_dispose(&answers[i].body);
    }
    assert_int_equal(reused, 18);
    close_bench(&bench);
}

static void test_a_streamed_answer_waits_for_a_slow_reader(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct answer answer = {.pause_in_body = true};
    send_to(&bench, bench.url, "/big", df_slice_text(""), &answer, (struct df_http_request){.idle_timeout_ms = 5000});
    run(&bench);
    assert_false(answer.failed);
    assert_int_equal(answer.body.size, 48 * 64 * 1024);
    df_buf_dispose(&answer.body);
    close_bench(&bench);
}

static void test_a_big_body_arrives_whole(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct df_buf body = {0};
    for (unsigned i = 0; i < 1500000; i++)
        df_buf_put_u32le(&body, i);
    struct answer answer = {0};
    send_to(&bench, bench.url, "/echo", df_buf_slice(&body), &answer, (struct df_http_request){0});
    run(&bench);
    assert_false(answer.failed);
    assert_true(df_slice_equal(df_buf_slice(&answer.body), df_buf_slice(&body)));
    df_buf_dispose(&answer.body);
    df_buf_dispose(&body);
    close_bench(&bench);
}

static void test_cancelling_at_any_moment_ends_once(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 1);
    struct answer first = {0}, waiting = {0}, inside = {.cancel_in_body = true};
    send_to(&bench, bench.url, "/never", df_slice_text(""), &first, (struct df_http_request){0});
    send_to(&bench, bench.url, "/echo", df_slice_text("x"), &waiting, (struct df_http_request){0});
    send_to(&bench, bench.url, "/big", df_slice_text(""), &inside, (struct df_http_request){0});
    df_http_exchange_cancel(first.exchange);
    df_http_exchange_cancel(first.exchange);
    run(&bench);
    assert_true(first.failed && first.error.kind == DF_ERROR_CANCELLED && first.end_count == 1);
    assert_false(waiting.failed);
    assert_true(inside.failed && inside.error.kind == DF_ERROR_CANCELLED && inside.end_count == 1);
    df_buf_dispose(&waiting.body);
    df_buf_dispose(&inside.body);
    close_bench(&bench);
}

static void test_silence_ends_as_timeout(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct answer answer = {0};
    send_to(&bench, bench.url, "/never", df_slice_text(""), &answer,
            (struct df_http_request){.first_byte_timeout_ms = 40});
    run(&bench);
    assert_true(answer.failed && answer.error.kind == DF_ERROR_TIMEOUT);
    close_bench(&bench);
}

static void test_a_cut_answer_and_a_refused_connection_are_unavailable(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct answer cut = {0}, refused = {0};
    send_to(&bench, bench.url, "/cut", df_slice_text(""), &cut, (struct df_http_request){0});
    send_to(&bench, "http://127.0.0.1:1", "/", df_slice_text(""), &refused, (struct df_http_request){0});
    run(&bench);
    assert_true(cut.failed && cut.error.kind == DF_ERROR_UNAVAILABLE);
    assert_true(refused.failed && refused.error.kind == DF_ERROR_UNAVAILABLE);
    assert_int_equal(refused.result.sent_bytes, 0);
    df_buf_dispose(&cut.body);
    close_bench(&bench);
}

/* ---- bodies that are sent while they are made ---- */

struct producer {
    struct answer *answer;
    struct df_timer timer;
    unsigned left, stall_every;
    bool is_resumed, fails;
};

static void produce_again(void *ctx)
{
    struct producer *producer = ctx;
    producer->is_resumed = true;
    df_http_exchange_more_body(producer->answer->exchange);
}

static int produce(void *ctx, struct df_buf *out, bool *end, struct df_http_fields *trailers, struct df_error *error)
{
    struct producer *producer = ctx;
    if (producer->fails)
        return df_error_set(error, DF_ERROR_EXHAUSTED, "nothing left to send");
    if (producer->stall_every && producer->left % producer->stall_every == 0 && !producer->is_resumed) {
        producer->timer.fn = produce_again;
        producer->timer.ctx = producer;
        if (!producer->timer.heap_index) /* asked again while it waits: still none */
            df_timer_start(producer->answer->bench->loop, &producer->timer, df_deadline_after_ms(5));
        return 0;
    }
    producer->is_resumed = false;
    for (int i = 0; i < 1000; i++)
        df_buf_put_text(out, "abcd");
    *end = --producer->left == 0;
    if (*end)
        df_http_fields_put(trailers, "X-Check", "done");
    return 0;
}

static void test_a_streamed_request_arrives_whole_also_with_stalls(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct answer answer = {0}, again = {0};
    struct producer producer = {.answer = &answer, .left = 900, .stall_every = 100};
    send_to(&bench, bench.url, "/echo", df_slice_text(""), &answer,
            (struct df_http_request){.next_piece = produce, .piece_ctx = &producer, .idle_timeout_ms = 3000});
    run(&bench);
    assert_false(answer.failed);
    assert_int_equal(answer.body.size, 900 * 4000);
    send_to(&bench, bench.url, "/echo", df_slice_text("x"), &again, (struct df_http_request){0});
    run(&bench);
    assert_true(again.result.reused);
    df_buf_dispose(&answer.body);
    df_buf_dispose(&again.body);
    close_bench(&bench);
}

static void test_a_streamed_request_that_fails_ends_with_its_error(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct answer answer = {0};
    struct producer producer = {.answer = &answer, .fails = true};
    send_to(&bench, bench.url, "/echo", df_slice_text(""), &answer,
            (struct df_http_request){.next_piece = produce, .piece_ctx = &producer});
    run(&bench);
    assert_true(answer.failed && answer.error.kind == DF_ERROR_EXHAUSTED);
    assert_string_equal(answer.error.message, "nothing left to send");
    close_bench(&bench);
}

/* ---- the client against raw bytes ---- */

/* Takes `connections` connections one after the other; on each waits for the end of a request, answers, and closes. */
struct peer {
    int fd;
    const char *answer, *request_end;
    unsigned connections;
    char heard[8192]; /* of the last connection */
    pthread_t thread;
    char url[64];
};

static void *serve_peer(void *argument)
{
    struct peer *peer = argument;
    for (unsigned i = 0; i < peer->connections; i++) {
        int fd = accept(peer->fd, NULL, NULL);
        size_t used = 0;
        ssize_t got;
        memset(peer->heard, 0, sizeof peer->heard);
        while (!strstr(peer->heard, peer->request_end) &&
               (got = read(fd, peer->heard + used, sizeof peer->heard - 1 - used)) > 0)
            used += (size_t)got;
        if (write(fd, peer->answer, strlen(peer->answer)) < 0)
            break;
        close(fd);
    }
    return NULL;
}

static void open_peer(struct peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    peer->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(peer->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(peer->fd, 8), 0);
    getsockname(peer->fd, (struct sockaddr *)&address, &size);
    snprintf(peer->url, sizeof peer->url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    pthread_create(&peer->thread, NULL, serve_peer, peer);
}

static void close_peer(struct peer *peer)
{
    pthread_join(peer->thread, NULL);
    close(peer->fd);
}

static void test_a_streamed_request_is_chunked_with_trailers_and_no_length(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct peer peer = {
        .connections = 1, .request_end = "X-Check: done\r\n\r\n", .answer = "HTTP/1.1 204 No Content\r\n\r\n"};
    open_peer(&peer);
    struct answer answer = {0};
    struct producer producer = {.answer = &answer, .left = 1};
    send_to(&bench, peer.url, "/", df_slice_text(""), &answer,
            (struct df_http_request){.next_piece = produce, .piece_ctx = &producer});
    run(&bench);
    close_peer(&peer);
    assert_false(answer.failed);
    assert_non_null(strstr(peer.heard, "Transfer-Encoding: chunked\r\n"));
    assert_null(strstr(peer.heard, "Content-Length"));
    assert_non_null(strstr(peer.heard, "\r\n\r\nfa0\r\n"));
    close_bench(&bench);
}

static void test_bytes_behind_an_answer_are_not_the_next_answer(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct peer peer = {.connections = 2,
                        .request_end = "\r\n\r\n",
                        .answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue"
                                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nforge"};
    open_peer(&peer);
    for (int i = 0; i < 2; i++) {
        struct answer answer = {0};
        send_to(&bench, peer.url, "/", df_slice_text(""), &answer, (struct df_http_request){.method = "GET"});
        run(&bench);
        assert_false(answer.failed);
        assert_false(answer.result.reused);
        assert_slice_is(df_buf_slice(&answer.body), "true");
        df_buf_dispose(&answer.body);
    }
    close_peer(&peer);
    close_bench(&bench);
}

static void test_the_end_of_a_connection_waits_for_a_paused_reader(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct peer peer = {.connections = 1, .request_end = "\r\n\r\n", .answer = "HTTP/1.1 200 OK\r\n\r\nall of it"};
    open_peer(&peer);
    struct answer answer = {.pause_in_body = true};
    int64_t start_ns = df_time_mono_ns();
    send_to(&bench, peer.url, "/", df_slice_text(""), &answer, (struct df_http_request){.method = "GET"});
    run(&bench);
    close_peer(&peer);
    assert_false(answer.failed);
    assert_slice_is(df_buf_slice(&answer.body), "all of it");
    assert_true(df_time_mono_ns() - start_ns >= INT64_C(30000000)); /* the pause, which resume ends */
    df_buf_dispose(&answer.body);
    close_bench(&bench);
}

static void test_an_early_refusal_of_a_big_body_is_read(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct df_buf body = {0};
    memset(df_buf_extend(&body, 20000000), 'x', 20000000);
    for (int i = 0; i < 5; i++) {
        struct answer answer = {0};
        send_to(&bench, bench.url, "/echo", df_buf_slice(&body), &answer, (struct df_http_request){0});
        run(&bench);
        assert_false(answer.failed);
        assert_int_equal(answer.status, 413);
        df_buf_dispose(&answer.body);
    }
    df_buf_dispose(&body);
    close_bench(&bench);
}

static void test_requests_that_would_be_read_as_others_are_refused(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    static const char *const wrong[][2] = {{"Transfer-Encoding", "chunked"},
                                           {"Content-Length", "3"},
                                           {"A", "b\r\nC: d"},
                                           {"A b", "c"},
                                           {"A:", "b"},
                                           {"", "b"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct df_error error;
        struct df_http_fields fields = {.arena = &bench.arena};
        df_http_fields_put(&fields, wrong[i][0], wrong[i][1]);
        struct df_http_request request = {.method = "POST", .fields = &fields, .body = df_slice_text("four")};
        struct df_http_exchange_events events = {.on_end = on_end};
        assert_ok(df_http_url_parse(&request.url, df_slice_text(bench.url), &error), &error);
        assert_fails(df_http_client_send(bench.client, &request, &events, NULL, &error), &error, DF_ERROR_INVALID, "");
    }
    struct df_error error;
    struct df_http_request request = {.method = "GET"};
    struct df_http_exchange_events events = {.on_end = on_end};
    assert_ok(df_http_url_parse(&request.url, df_slice_text("https://x/"), &error), &error);
    assert_fails(df_http_client_send(bench.client, &request, &events, NULL, &error), &error, DF_ERROR_UNSUPPORTED,
                 "https://x");
    close_bench(&bench);
}

static void test_a_request_that_wants_a_connection_of_its_own_gets_one_when_all_are_idle(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 1);
    struct answer first = {0}, second = {0};
    send_to(&bench, bench.url, "/echo", df_slice_text("1"), &first, (struct df_http_request){0});
    run(&bench);
    send_to(&bench, bench.url, "/echo", df_slice_text("2"), &second, (struct df_http_request){.no_reuse = true});
    run(&bench);
    assert_false(second.failed);
    assert_false(second.result.reused);
    df_buf_dispose(&first.body);
    df_buf_dispose(&second.body);
    close_bench(&bench);
}

static void free_client(void *ctx, const struct df_error *error, const struct df_http_result *result)
{
    struct answer *answer = ctx;
    df_http_client_free(answer->bench->client);
    answer->bench->client = NULL;
    on_end(ctx, error, result);
}

static void test_a_client_may_go_with_requests_in_any_state(void **state)
{
    (void)state;
    struct bench bench;
    struct df_error error;
    open_bench(&bench, 2);
    struct answer answers[6] = {0};
    for (int i = 0; i < 6; i++)
        send_to(&bench, bench.url, i % 2 ? "/never" : "/echo", df_slice_text("x"), &answers[i],
                (struct df_http_request){0});
    struct answer named = {0}, last = {.bench = &bench};
    send_to(&bench, "http://no-such-name.invalid:1", "/", df_slice_text(""), &named, (struct df_http_request){0});
    df_http_exchange_cancel(answers[0].exchange); /* ended, not yet told */
    struct df_http_request request = {.method = "GET"};
    struct df_http_exchange_events events = {.on_end = free_client, .ctx = &last};
    assert_ok(df_http_url_parse(&request.url, df_slice_text("http://127.0.0.1:1/"), &error), &error);
    assert_ok(df_http_client_send(bench.client, &request, &events, NULL, &error), &error);
    bench.expected_ends = 2;
    run(&bench);
    assert_int_equal(last.end_count, 1);
    assert_int_equal(answers[0].end_count, 1);
    struct df_timer timer = {.fn = stop_loop, .ctx = bench.loop};
    df_timer_start(bench.loop, &timer, df_deadline_after_ms(10)); /* the lookup of the name lets go */
    assert_ok(df_loop_run(bench.loop, &error), &error);
    for (int i = 0; i < 6; i++)
        df_buf_dispose(&answers[i].body);
    close_bench(&bench);
}

/* ---- the server against raw bytes ---- */

struct raw {
    uint16_t port;
    const char *text;
    char answer[4096];
    struct df_loop *loop;
    struct df_post_item done;
};

static void *raw_client(void *argument)
{
    struct raw *raw = argument;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(raw->port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        write(fd, raw->text, strlen(raw->text)) == (ssize_t)strlen(raw->text)) {
        size_t used = 0;
        ssize_t got;
        while ((got = read(fd, raw->answer + used, sizeof raw->answer - 1 - used)) > 0)
            used += (size_t)got;
    }
    close(fd);
    raw->done = (struct df_post_item){.fn = stop_loop, .ctx = raw->loop};
    df_loop_post(raw->loop, &raw->done);
    return NULL;
}

static void exchange_raw(struct bench *bench, struct raw *raw)
{
    pthread_t thread;
    raw->port = df_http_server_port(bench->server);
    raw->loop = bench->loop;
    pthread_create(&thread, NULL, raw_client, raw);
    run(bench);
    pthread_join(thread, NULL);
}

static unsigned count(const char *text, const char *part)
{
    unsigned found = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        found++;
    return found;
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct raw raw = {.text = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
                              "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
                              "GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"};
    exchange_raw(&bench, &raw);
    assert_int_equal(count(raw.answer, "HTTP/1.1 200 OK"), 2);
    assert_int_equal(count(raw.answer, "HTTP/1.1 204 No Content"), 1);
    assert_true(strstr(raw.answer, "one") < strstr(raw.answer, "two"));
    assert_int_equal(count(raw.answer, "Connection: close"), 1);
    close_bench(&bench);
}

static void test_bad_requests_get_an_answer_and_the_door(void **state)
{
    (void)state;
    static const struct {
        const char *text, *answer;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"garbage\r\n\r\n", "HTTP/1.1 505 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 413 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench bench;
        open_bench(&bench, 0);
        struct raw raw = {.text = cases[i].text};
        exchange_raw(&bench, &raw);
        if (strncmp(raw.answer, cases[i].answer, strlen(cases[i].answer)) != 0)
            fail_msg("'%s' was answered with '%s'", cases[i].text, raw.answer);
        close_bench(&bench);
    }
}

static void test_an_idle_connection_and_a_half_sent_request_are_closed(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\non"};
    for (size_t i = 0; i < 2; i++) {
        struct bench bench;
        open_bench_with(&bench, 0, &(struct df_http_server_options){.idle_timeout_ms = 50});
        struct raw raw = {.text = texts[i]};
        int64_t start_ns = df_time_mono_ns();
        exchange_raw(&bench, &raw);
        assert_string_equal(raw.answer, "");
        assert_true(df_time_mono_ns() - start_ns >= INT64_C(50000000));
        close_bench(&bench);
    }
}

static void test_who_does_not_take_an_answer_is_left(void **state)
{
    (void)state;
    struct bench bench;
    struct df_error error;
    open_bench_with(&bench, 0, &(struct df_http_server_options){.idle_timeout_ms = 80});
    struct answer answer = {0};
    send_to(&bench, bench.url, "/big", df_slice_text(""), &answer, (struct df_http_request){0});
    df_http_exchange_pause(answer.exchange, true); /* never reads */
    struct df_timer timer = {.fn = stop_loop, .ctx = bench.loop};
    df_timer_start(bench.loop, &timer, df_deadline_after_ms(300));
    assert_ok(df_loop_run(bench.loop, &error), &error);
    assert_int_equal(answer.end_count, 0);
    df_http_exchange_pause(answer.exchange, false);
    run(&bench);
    assert_true(answer.failed && answer.error.kind == DF_ERROR_UNAVAILABLE);
    df_buf_dispose(&answer.body);
    close_bench(&bench);
}

static void test_too_many_connections_are_told_so(void **state)
{
    (void)state;
    struct bench bench;
    open_bench_with(&bench, 0, &(struct df_http_server_options){.connections = 1});
    struct answer first = {0};
    send_to(&bench, bench.url, "/echo", df_slice_text("x"), &first, (struct df_http_request){0});
    run(&bench);
    struct raw raw = {.text = "GET /none HTTP/1.1\r\nHost: x\r\n\r\n"};
    exchange_raw(&bench, &raw);
    assert_int_equal(strncmp(raw.answer, "HTTP/1.1 503 ", 13), 0);
    df_buf_dispose(&first.body);
    close_bench(&bench);
}

static void test_an_answer_has_no_line_that_its_handler_did_not_mean(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct raw raw = {.text = "GET /break HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"};
    exchange_raw(&bench, &raw);
    assert_int_equal(count(raw.answer, "X-Said: a  Set-Cookie: b\r\n"), 1);
    assert_int_equal(count(raw.answer, "\nSet-Cookie"), 0);
    close_bench(&bench);
}

static void test_a_client_of_http_1_0_may_stay(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct raw raw = {.text = "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /half HTTP/1.0\r\n\r\n"};
    exchange_raw(&bench, &raw);
    assert_int_equal(count(raw.answer, "HTTP/1.1 200 OK"), 2);
    assert_int_equal(count(raw.answer, "Connection: keep-alive"), 1);
    assert_int_equal(count(raw.answer, "\r\n\r\nhalf"), 1);
    close_bench(&bench);
}

static void test_expect_continue_is_answered(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct raw raw = {.text = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
                              "Connection: close\r\n\r\nok"};
    exchange_raw(&bench, &raw);
    assert_int_equal(count(raw.answer, "HTTP/1.1 100 Continue\r\n\r\n"), 1);
    assert_int_equal(count(raw.answer, "HTTP/1.1 200 OK"), 1);
    close_bench(&bench);
}

static void test_wrong_addresses_are_refused(void **state)
{
    (void)state;
    struct bench bench;
    open_bench(&bench, 0);
    struct df_http_server *server;
    struct df_error error;
    assert_fails(df_http_server_listen(&server, bench.loop, "nowhere", NULL, handle, NULL, &error), &error,
                 DF_ERROR_INVALID, "127.0.0.1:9000");
    char taken[32];
    snprintf(taken, sizeof taken, "127.0.0.1:%u", df_http_server_port(bench.server));
    df_error_clear(&error);
    assert_int_equal(df_http_server_listen(&server, bench.loop, taken, NULL, handle, NULL, &error), -1);
    assert_non_null(strstr(error.message, taken));
    close_bench(&bench);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the programs do */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_come_and_connections_are_reused),
        cmocka_unit_test(test_a_streamed_answer_waits_for_a_slow_reader),
        cmocka_unit_test(test_a_big_body_arrives_whole),
        cmocka_unit_test(test_cancelling_at_any_moment_ends_once),
        cmocka_unit_test(test_silence_ends_as_timeout),
        cmocka_unit_test(test_a_cut_answer_and_a_refused_connection_are_unavailable),
        cmocka_unit_test(test_a_streamed_request_arrives_whole_also_with_stalls),
        cmocka_unit_test(test_a_streamed_request_that_fails_ends_with_its_error),
        cmocka_unit_test(test_a_streamed_request_is_chunked_with_trailers_and_no_length),
        cmocka_unit_test(test_bytes_behind_an_answer_are_not_the_next_answer),
        cmocka_unit_test(test_the_end_of_a_connection_waits_for_a_paused_reader),
        cmocka_unit_test(test_an_early_refusal_of_a_big_body_is_read),
        cmocka_unit_test(test_requests_that_would_be_read_as_others_are_refused),
        cmocka_unit_test(test_a_request_that_wants_a_connection_of_its_own_gets_one_when_all_are_idle),
        cmocka_unit_test(test_a_client_may_go_with_requests_in_any_state),
        cmocka_unit_test(test_an_idle_connection_and_a_half_sent_request_are_closed),
        cmocka_unit_test(test_who_does_not_take_an_answer_is_left),
        cmocka_unit_test(test_too_many_connections_are_told_so),
        cmocka_unit_test(test_an_answer_has_no_line_that_its_handler_did_not_mean),
        cmocka_unit_test(test_a_client_of_http_1_0_may_stay),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_bad_requests_get_an_answer_and_the_door),
        cmocka_unit_test(test_expect_continue_is_answered),
        cmocka_unit_test(test_wrong_addresses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
