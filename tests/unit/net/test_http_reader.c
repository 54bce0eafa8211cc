/* Framing: what is taken, what is refused, and that no cut of the bytes changes either. */
#include <stdlib.h>

#include "net/http.h"
#include "testing/testing.h"

struct heard {
    unsigned messages, heads, status;
    char method[16], target[64];
    struct df_buf body;
    char trailer[64];
};

static int on_head(void *ctx, const struct df_http_head *head, struct df_error *error)
{
    (void)error;
    struct heard *heard = ctx;
    heard->heads++;
    heard->status = head->status;
    snprintf(heard->method, sizeof heard->method, "%.*s", DF_SLICE_ARG(head->method));
    snprintf(heard->target, sizeof heard->target, "%.*s", DF_SLICE_ARG(head->target));
    return 0;
}

static int on_body(void *ctx, struct df_slice piece, struct df_error *error)
{
    (void)error;
    df_buf_put_slice(&((struct heard *)ctx)->body, piece);
    return 0;
}

static int on_end(void *ctx, const struct df_http_fields *trailers, struct df_error *error)
{
    (void)error;
    struct heard *heard = ctx;
    heard->messages++;
    snprintf(heard->trailer, sizeof heard->trailer, "%.*s", DF_SLICE_ARG(df_http_fields_get(trailers, "X-End")));
    return 0;
}

/* Feeds text in pieces of `step` bytes. */
static int read_all(struct df_slice text, enum df_http_side side, size_t step, struct heard *heard, unsigned *status,
                    struct df_error *error)
{
    struct df_http_reader_events events = {.on_head = on_head, .on_body = on_body, .on_end = on_end, .ctx = heard};
    struct df_http_limits limits = {.head_bytes = 512, .field_count = 8, .body_bytes = 100};
    struct df_http_reader *reader;
    assert_ok(df_http_reader_create(&reader, side, &limits, &events, error), error);
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < text.size;) {
        size_t size = text.size - at < step ? text.size - at : step, used = 0;
        /* The bytes in memory of their own, so that a sanitizer sees a read beyond them. */
        uint8_t *copy = malloc(size);
        memcpy(copy, text.data + at, size);
        rc = df_http_reader_feed(reader, df_slice_make(copy, size), &used, error);
        free(copy);
        at += used;
        if (rc == 0)
            assert_true(used > 0);
    }
    *status = rc == 0 ? 0 : df_http_reader_status(reader);
    if (rc == 0)
        rc = df_http_reader_close(reader, error);
    df_http_reader_free(reader);
    return rc;
}

static void test_requests_read_the_same_however_they_are_cut(void **state)
{
    (void)state;
    static const char text[] = "\r\nPOST /a?b=c HTTP/1.1\r\nHost: x\r\nEmpty:\r\nContent-Length: 5\r\n\r\nhello"
                               "PUT /chunks HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
                               "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-End: yes\r\n\r\n"
                               "GET /last HTTP/1.0\r\n\r\n";
    for (size_t step = 1; step < sizeof text; step++) {
        struct heard heard = {0};
        struct df_error error;
        unsigned status;
        assert_ok(read_all(df_slice_make(text, sizeof text - 1), DF_HTTP_REQUESTS, step, &heard, &status, &error),
                  &error);
        assert_int_equal(heard.messages, 3);
        assert_slice_is(df_buf_slice(&heard.body), "helloabcde");
        assert_string_equal(heard.target, "/last");
        df_buf_dispose(&heard.body);
    }
}

static void test_trailers_are_handed_out(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct df_error error;
    unsigned status;
    assert_ok(read_all(df_slice_text(
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\nx-end:  v \r\n\r\n"),
                       DF_HTTP_RESPONSES, 7, &heard, &status, &error),
              &error);
    assert_string_equal(heard.trailer, "v");
    df_buf_dispose(&heard.body);
}

static void test_a_response_may_end_with_the_connection(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct df_error error;
    unsigned status;
    assert_ok(read_all(df_slice_text("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nuntil the end"),
                       DF_HTTP_RESPONSES, 5, &heard, &status, &error),
              &error);
    assert_int_equal(heard.messages, 1);
    assert_slice_is(df_buf_slice(&heard.body), "until the end");
    df_buf_dispose(&heard.body);
}

/* HEAD, 204, 304: what their fields announce does not come. */
static void test_answers_without_a_body_end_with_their_head(void **state)
{
    (void)state;
    static const char text[] = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
                               "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"
                               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for (size_t step = 1; step < sizeof text; step += 7) {
        struct heard heard = {0};
        struct df_error error;
        unsigned status;
        assert_ok(read_all(df_slice_make(text, sizeof text - 1), DF_HTTP_RESPONSES, step, &heard, &status, &error),
                  &error);
        assert_int_equal(heard.messages, 3);
        assert_int_equal(heard.heads, 3);
        assert_slice_is(df_buf_slice(&heard.body), "ok");
        df_buf_dispose(&heard.body);
    }
}

struct asked {
    struct df_http_reader *reader;
    unsigned ends;
    bool no_body, keep_alive;
};

static int asked_head(void *ctx, const struct df_http_head *head, struct df_error *error)
{
    (void)error;
    struct asked *asked = ctx;
    asked->keep_alive = head->keep_alive;
    if (asked->no_body)
        df_http_reader_no_body(asked->reader);
    return 0;
}

static int asked_body(void *ctx, struct df_slice piece, struct df_error *error)
{
    (void)ctx;
    (void)piece;
    return df_error_set(error, DF_ERROR_INTERNAL, "a body came");
}

static int asked_end(void *ctx, const struct df_http_fields *trailers, struct df_error *error)
{
    (void)trailers;
    (void)error;
    ((struct asked *)ctx)->ends++;
    return 0;
}

/* One message; -1 when more bytes are wanted or it is refused. */
static int read_head_only(const char *text, enum df_http_side side, struct asked *asked)
{
    struct df_http_reader_events events = {
        .on_head = asked_head, .on_body = asked_body, .on_end = asked_end, .ctx = asked};
    struct df_error error;
    size_t used;
    assert_ok(df_http_reader_create(&asked->reader, side, NULL, &events, &error), &error);
    int rc = df_http_reader_feed(asked->reader, df_slice_text(text), &used, &error);
    bool whole = rc == 0 && used == strlen(text) && asked->ends == 1 && df_http_reader_idle(asked->reader);
    df_http_reader_free(asked->reader);
    return whole ? 0 : -1;
}

static void test_the_answer_to_head_has_no_body_whatever_it_says(void **state)
{
    (void)state;
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\n\r\n"};
    for (size_t i = 0; i < 3; i++) {
        struct asked asked = {.no_body = true};
        assert_int_equal(read_head_only(answers[i], DF_HTTP_RESPONSES, &asked), 0);
    }
}

static void test_who_may_keep_the_connection(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keeps;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct asked asked = {0};
        assert_int_equal(read_head_only(cases[i].text, DF_HTTP_REQUESTS, &asked), 0);
        assert_int_equal(asked.keep_alive, cases[i].keeps);
    }
}

#define HOST "Host: x\r\n"
static const struct refusal {
    const char *text;
    enum df_http_side side;
    unsigned status;
    const char *message;
} refusals[] = {
    {"GET / HTTP/1.1\r\n\r\n", DF_HTTP_REQUESTS, 400, "no Host"},
    {"GET / HTTP/1.1\r\n" HOST "Host: y\r\n\r\n", DF_HTTP_REQUESTS, 400, "two Host"},
    {"GET / HTTP/1.1\n" HOST "\r\n", DF_HTTP_REQUESTS, 400, "CRLF"},
    {"GET / HTTP/1.1\r\nHost: x\n\r\n", DF_HTTP_REQUESTS, 400, "CRLF"},
    {"GET / HTTP/1.1\r\nHost: x\ry\r\n\r\n", DF_HTTP_REQUESTS, 400, "CRLF"},
    {"GET /\ta HTTP/1.1\r\n" HOST "\r\n", DF_HTTP_REQUESTS, 400, "first line"},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", DF_HTTP_REQUESTS, 505, "version"},
    {"GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", DF_HTTP_REQUESTS, 400, "token"},
    {"GET / HTTP/1.1\r\n" HOST " A: b\r\n\r\n", DF_HTTP_REQUESTS, 400, "folded"},
    {"GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n", DF_HTTP_REQUESTS, 400, "control"},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", DF_HTTP_REQUESTS, 400,
     "two Content"},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\nx", DF_HTTP_REQUESTS, 400, "no number"},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\nx", DF_HTTP_REQUESTS, 400, "no number"},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", DF_HTTP_REQUESTS, 400,
     "beside"},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", DF_HTTP_REQUESTS, 501,
     "other than chunked"},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", DF_HTTP_REQUESTS,
     501, "other than chunked"},
    {"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", DF_HTTP_REQUESTS, 400, "1.0"},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", DF_HTTP_REQUESTS, 400,
     "followed by CRLF"},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\nab\r\n", DF_HTTP_REQUESTS, 400, "no number"},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n\r\n", DF_HTTP_REQUESTS, 400, "without a size"},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0000000000000001\r\na\r\n", DF_HTTP_REQUESTS, 400,
     "15 digits"},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nA b: c\r\n\r\n", DF_HTTP_REQUESTS, 400,
     "token"},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 101\r\n\r\n", DF_HTTP_REQUESTS, 413, "at most 100"},
    {"CONNECT x:1 HTTP/1.1\r\n" HOST "\r\n", DF_HTTP_REQUESTS, 501, "CONNECT"},
    {"GET / HTTP/1.1\r\n" HOST "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\n\r\n", DF_HTTP_REQUESTS, 431,
     "too many"},
    {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", DF_HTTP_RESPONSES, 400, "unasked"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", DF_HTTP_RESPONSES, 400, "two Content"},
    {"ICY 200 OK\r\n\r\n", DF_HTTP_RESPONSES, 400, "version"},
};

static void test_bad_framing_is_refused_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *refusal = &refusals[i];
        for (size_t step = 1; step < 40; step += 3) {
            struct heard heard = {0};
            struct df_error error;
            unsigned status = 0;
            df_error_clear(&error);
            int rc = read_all(df_slice_text(refusal->text), refusal->side, step, &heard, &status, &error);
            if (rc == 0 || status != refusal->status || !strstr(error.message, refusal->message))
                fail_msg("%s: got %d, status %u, '%s'; expected %u with '%s'", refusal->text, rc, status, error.message,
                         refusal->status, refusal->message);
            df_buf_dispose(&heard.body);
        }
    }
}

static void test_a_head_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct df_buf text = {0};
    df_buf_put_text(&text, "GET / HTTP/1.1\r\n" HOST "A: ");
    for (int i = 0; i < 600; i++)
        df_buf_put_char(&text, 'a');
    struct heard heard = {0};
    struct df_error error;
    unsigned status;
    assert_fails(read_all(df_buf_slice(&text), DF_HTTP_REQUESTS, 50, &heard, &status, &error), &error,
                 DF_ERROR_TOO_LARGE, "512 bytes");
    assert_int_equal(status, 431);
    df_buf_dispose(&text);
}

static void test_a_chunked_body_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct df_buf text = {0};
    df_buf_put_text(&text, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n65\r\n");
    for (int i = 0; i < 0x65; i++)
        df_buf_put_char(&text, 'a');
    df_buf_put_text(&text, "\r\n0\r\n\r\n");
    struct heard heard = {0};
    struct df_error error;
    unsigned status;
    assert_fails(read_all(df_buf_slice(&text), DF_HTTP_REQUESTS, 200, &heard, &status, &error), &error,
                 DF_ERROR_TOO_LARGE, "100 bytes");
    assert_int_equal(status, 413);
    df_buf_dispose(&heard.body);
    df_buf_dispose(&text);
}

static void test_a_message_cut_anywhere_is_an_error(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < 2; i++)
        for (size_t size = 1; size < strlen(messages[i]); size++) {
            struct heard heard = {0};
            struct df_error error;
            unsigned status;
            df_error_clear(&error);
            if (read_all(df_slice_make(messages[i], size), DF_HTTP_RESPONSES, 64, &heard, &status, &error) == 0)
                fail_msg("cut at %zu: taken", size);
            assert_true(error.kind == DF_ERROR_UNAVAILABLE);
            df_buf_dispose(&heard.body);
        }
}

static void test_urls_are_taken_apart(void **state)
{
    (void)state;
    struct df_http_url url;
    struct df_error error;
    assert_ok(df_http_url_parse(&url, df_slice_text("http://127.0.0.1:9000/a/b?c"), &error), &error);
    assert_slice_is(url.host, "127.0.0.1");
    assert_int_equal(url.port, 9000);
    assert_slice_is(url.target, "/a/b?c");
    assert_ok(df_http_url_parse(&url, df_slice_text("https://[::1]"), &error), &error);
    assert_slice_is(url.host, "::1");
    assert_int_equal(url.port, 443);
    assert_slice_is(url.target, "/");
    static const char *const wrong[] = {"ftp://x",         "http://",        "http://x:0/",
                                        "http://x:99999/", "http://x:1a/",   "http://[::1",
                                        "http://x y/",     "http://x?query", "x:80"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (df_http_url_parse(&url, df_slice_text(wrong[i]), &error) == 0)
            fail_msg("'%s' was taken", wrong[i]);
}

static void test_percent_encoding_goes_both_ways(void **state)
{
    (void)state;
    struct df_buf text = {0}, back = {0};
    df_http_put_encoded(&text, df_slice_text("a b/ü%~"), true);
    assert_slice_is(df_buf_slice(&text), "a%20b/%C3%BC%25~");
    assert_true(df_http_put_decoded(&back, df_buf_slice(&text)));
    assert_slice_is(df_buf_slice(&back), "a b/ü%~");
    assert_false(df_http_put_decoded(&back, df_slice_text("%4")));
    assert_false(df_http_put_decoded(&back, df_slice_text("%zz")));
    df_buf_dispose(&text);
    df_buf_dispose(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_read_the_same_however_they_are_cut),
        cmocka_unit_test(test_trailers_are_handed_out),
        cmocka_unit_test(test_a_response_may_end_with_the_connection),
        cmocka_unit_test(test_answers_without_a_body_end_with_their_head),
        cmocka_unit_test(test_the_answer_to_head_has_no_body_whatever_it_says),
        cmocka_unit_test(test_who_may_keep_the_connection),
        cmocka_unit_test(test_bad_framing_is_refused_however_it_is_cut),
        cmocka_unit_test(test_a_head_over_the_limit_is_refused),
        cmocka_unit_test(test_a_chunked_body_over_the_limit_is_refused),
        cmocka_unit_test(test_a_message_cut_anywhere_is_an_error),
        cmocka_unit_test(test_urls_are_taken_apart),
        cmocka_unit_test(test_percent_encoding_goes_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
