/* S3 that misbehaves: a server on a thread of its own does what the bucket's name says. What S3 does when all is well
 * is in test_store_contract.c (against moto, by tests/e2e/test_store_s3.py). */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "net/http_server.h"
#include "store/store.h"
#include "testing/testing.h"

enum { OBJECT_BYTES = 256 * 1024, LOG_LINES = 256 };

struct s3 {
    struct df_loop *loop;
    struct df_http_server *server;
    struct df_post_item stop;
    pthread_t thread;
    pthread_mutex_t mutex;
    char log[LOG_LINES][160];      /* under mutex: "GET /bucket/key range if-match" */
    unsigned count;                /* under mutex */
    struct df_http_call *held[64]; /* the server's */
    unsigned held_count;
};

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 7 + i / 256);
}

/* ---- the server ---- */

static unsigned note(struct s3 *s3, struct df_http_call *call)
{
    const struct df_http_fields *fields = df_http_call_fields(call);
    pthread_mutex_lock(&s3->mutex);
    unsigned number = s3->count++;
    assert_true(number < LOG_LINES);
    snprintf(s3->log[number], sizeof s3->log[number], "%.*s %.*s %.*s %.*s", DF_SLICE_ARG(df_http_call_method(call)),
             DF_SLICE_ARG(df_http_call_target(call)), DF_SLICE_ARG(df_http_fields_get(fields, "Range")),
             DF_SLICE_ARG(df_http_fields_get(fields, "If-Match")));
    pthread_mutex_unlock(&s3->mutex);
    return number;
}

static void answer_error(struct df_http_call *call, unsigned status, const char *code)
{
    char xml[200];
    snprintf(xml, sizeof xml, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>told so</Message></Error>", code);
    df_http_reply(call, status, NULL, df_slice_text(xml));
}

struct range {
    uint64_t begin, end;
};

static struct range range_of(struct df_http_call *call)
{
    struct range range = {0, OBJECT_BYTES};
    char text[64];
    struct df_slice value = df_http_fields_get(df_http_call_fields(call), "Range");
    snprintf(text, sizeof text, "%.*s", DF_SLICE_ARG(value));
    unsigned long long first, last;
    if (sscanf(text, "bytes=%llu-%llu", &first, &last) == 2)
        range = (struct range){first, last + 1 < OBJECT_BYTES ? last + 1 : OBJECT_BYTES};
    return range;
}

/* At most keep_bytes of the range are sent, as if that were all. */
static void answer_range(struct df_http_call *call, struct range range, uint64_t keep_bytes, const char *etag)
{
    struct df_arena *arena = df_http_call_arena(call);
    struct df_http_fields fields = {.arena = arena};
    char text[80];
    snprintf(text, sizeof text, "bytes %llu-%llu/%d", (unsigned long long)range.begin,
             (unsigned long long)(range.end - 1), OBJECT_BYTES);
    df_http_fields_put(&fields, "Content-Range", text);
    df_http_fields_put(&fields, "ETag", etag);
    uint64_t size = range.end - range.begin;
    uint64_t sent = keep_bytes < size ? keep_bytes : size;
    uint8_t *bytes = df_arena_alloc(arena, size);
    for (uint64_t i = 0; i < size; i++)
        bytes[i] = byte_at(range.begin + i);
    if (sent == size) {
        df_http_reply(call, 206, &fields, df_slice_make(bytes, size));
        return;
    }
    df_http_reply_begin(call, 206, &fields);
    df_http_reply_piece(call, df_slice_make(bytes, sent));
    df_http_reply_end(call, NULL);
}

static void abort_call(void *call)
{
    df_http_reply_abort(call);
}

/* A body that breaks off: its beginning gets a moment to arrive. */
static void answer_cut(struct s3 *s3, struct df_http_call *call, struct range range, uint64_t keep_bytes)
{
    struct df_http_fields fields = {.arena = df_http_call_arena(call)};
    char text[80];
    snprintf(text, sizeof text, "bytes %llu-%llu/%d", (unsigned long long)range.begin,
             (unsigned long long)(range.end - 1), OBJECT_BYTES);
    df_http_fields_put(&fields, "Content-Range", text);
    df_http_fields_put(&fields, "ETag", "\"v1\"");
    df_http_reply_begin(call, 206, &fields);
    uint8_t *bytes = df_arena_alloc(fields.arena, keep_bytes);
    for (uint64_t i = 0; i < keep_bytes; i++)
        bytes[i] = byte_at(range.begin + i);
    df_http_reply_piece(call, df_slice_make(bytes, keep_bytes));
    struct df_timer *timer = df_arena_zalloc(fields.arena, sizeof *timer);
    *timer = (struct df_timer){.fn = abort_call, .ctx = call};
    df_timer_start(s3->loop, timer, df_deadline_after_ms(20));
}

static void gone(void *ctx)
{
    (void)ctx;
}

/* Answers when `wanted` calls are open at once. */
static void hold(struct s3 *s3, struct df_http_call *call, unsigned wanted)
{
    s3->held[s3->held_count++] = call;
    if (s3->held_count < wanted)
        return;
    for (unsigned i = 0; i < s3->held_count; i++)
        answer_range(s3->held[i], range_of(s3->held[i]), UINT64_MAX, "\"v1\"");
    s3->held_count = 0;
}

static bool bucket_is(struct df_http_call *call, const char *bucket)
{
    struct df_slice target = df_http_call_target(call);
    size_t size = strlen(bucket);
    return target.size > size + 1 && memcmp(target.data + 1, bucket, size) == 0 &&
           (target.data[size + 1] == '/' || target.data[size + 1] == '?');
}

static void answer_page(struct df_http_call *call)
{
    struct df_buf target = {0}, xml = {0};
    df_buf_put_slice(&target, df_http_call_target(call));
    bool is_second = strstr(df_buf_text(&target), "continuation-token=a%2Fb%2B%3D&") != NULL;
    df_buf_printf(&xml,
                  "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Contents><Key>p/%s</Key>"
                  "<Size>5</Size><ETag>&quot;e&quot;</ETag></Contents><IsTruncated>%s</IsTruncated>%s"
                  "<EncodingType>url</EncodingType></ListBucketResult>",
                  is_second ? "z+%2B%25%01" : "a+b", is_second ? "false" : "true",
                  is_second ? "" : "<NextContinuationToken>a/b+=</NextContinuationToken>");
    df_http_reply(call, 200, NULL, df_buf_slice(&xml));
    df_buf_dispose(&target);
    df_buf_dispose(&xml);
}

static void answer_version(struct df_http_call *call, unsigned number)
{
    char etag[16];
    snprintf(etag, sizeof etag, "\"v%u\"", number);
    answer_range(call, range_of(call), UINT64_MAX, etag);
}

static void handle(void *ctx, struct df_http_call *call)
{
    struct s3 *s3 = ctx;
    unsigned number = note(s3, call);
    struct range range = range_of(call);
    struct df_slice nothing = df_slice_make(NULL, 0);
    if (bucket_is(call, "good"))
        answer_range(call, range, UINT64_MAX, "\"v1\"");
    else if (bucket_is(call, "cut") && range.begin < 90000)
        answer_cut(s3, call, range, 30000);
    else if (bucket_is(call, "cut"))
        answer_range(call, range, UINT64_MAX, "\"v1\"");
    else if (bucket_is(call, "slowdown") && number % 3 != 2)
        answer_error(call, 503, "SlowDown");
    else if (bucket_is(call, "slowdown"))
        answer_range(call, range, UINT64_MAX, "\"v1\"");
    else if (bucket_is(call, "busy"))
        answer_error(call, 503, "SlowDown");
    else if (bucket_is(call, "silent"))
        df_http_call_on_gone(call, gone, NULL);
    else if (bucket_is(call, "twelve"))
        hold(s3, call, 12);
    else if (bucket_is(call, "replaced"))
        answer_version(call, number);
    else if (bucket_is(call, "short"))
        answer_range(call, range, 1000, "\"v1\"");
    else if (bucket_is(call, "elsewhere"))
        answer_range(call, (struct range){range.begin + 1, range.end}, UINT64_MAX, "\"v1\"");
    else if (bucket_is(call, "noranges"))
        df_http_reply(call, 200, NULL, df_slice_text("the whole object"));
    else if (bucket_is(call, "pages"))
        answer_page(call);
    else if (bucket_is(call, "garbage"))
        df_http_reply(call, 200, NULL, df_slice_text("<html>"));
    else if (bucket_is(call, "region"))
        answer_error(call, 400, "AuthorizationHeaderMalformed");
    else if (bucket_is(call, "late") && number == 0)
        df_http_reply_abort(call);
    else if (bucket_is(call, "late"))
        answer_error(call, 412, "PreconditionFailed");
    else
        df_http_reply(call, 403, NULL, nothing);
}

static void *serve(void *ctx)
{
    struct s3 *s3 = ctx;
    struct df_error error;
    (void)df_loop_run(s3->loop, &error);
    df_http_server_free(s3->server);
    df_loop_free(s3->loop);
    return NULL;
}

static void stop_serving(void *ctx)
{
    df_loop_stop(((struct s3 *)ctx)->loop);
}

struct fixture {
    struct s3 s3;
    struct df_store *store;
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct s3 *s3 = &fixture->s3;
    struct df_error error;
    pthread_mutex_init(&s3->mutex, NULL);
    assert_ok(df_loop_create(&s3->loop, DF_LOOP_REAL_TIME, &error), &error);
    assert_ok(df_http_server_listen(&s3->server, s3->loop, "127.0.0.1:0", NULL, handle, s3, &error), &error);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u", df_http_server_port(s3->server));
    setenv("AWS_ENDPOINT_URL_S3", url, 1);
    setenv("AWS_ACCESS_KEY_ID", "id", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("AWS_REGION", "us-east-1", 1);
    s3->stop = (struct df_post_item){.fn = stop_serving, .ctx = s3};
    assert_int_equal(pthread_create(&s3->thread, NULL, serve, s3), 0);
    assert_ok(df_store_create(&fixture->store, &error), &error);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    df_store_free(fixture->store);
    df_loop_post(fixture->s3.loop, &fixture->s3.stop);
    pthread_join(fixture->s3.thread, NULL);
    pthread_mutex_destroy(&fixture->s3.mutex);
    free(fixture);
    return 0;
}

/* ---- reading ---- */

struct reading {
    const struct df_read_item *items;
    uint64_t received[32];
    unsigned pieces_after_failure;
    unsigned fail_at, pieces;
};

static int take(void *ctx, size_t item, uint64_t offset, struct df_slice piece, struct df_error *error)
{
    struct reading *reading = ctx;
    assert_int_equal(offset, reading->received[item]);
    for (size_t i = 0; i < piece.size; i++)
        assert_int_equal(piece.data[i], byte_at(reading->items[item].offset + offset + i));
    reading->received[item] += piece.size;
    if (reading->fail_at && ++reading->pieces >= reading->fail_at)
        return df_error_set(error, DF_ERROR_INTERNAL, "enough");
    return 0;
}

static int read_items(const struct fixture *fixture, const struct df_read_item *items, size_t count,
                      struct df_deadline deadline, const atomic_bool *cancelled, struct df_error *error)
{
    struct reading reading = {.items = items};
    struct df_read read = {.items = items, .item_count = count, .deadline = deadline, .cancelled = cancelled};
    int rc = df_store_read(fixture->store, &read, take, &reading, error);
    for (size_t i = 0; rc == 0 && i < count; i++)
        assert_int_equal(reading.received[i], items[i].size_bytes);
    return rc;
}

static int read_one(const struct fixture *fixture, const char *uri, struct df_error *error)
{
    struct df_read_item item = {.uri = uri, .size_bytes = 100000};
    return read_items(fixture, &item, 1, df_deadline_never(), NULL, error);
}

static void a_read_that_is_cut_asks_for_the_rest_of_the_same_version(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    assert_ok(read_one(fixture, "s3://cut/k", &error), &error);
    assert_int_equal(fixture->s3.count, 4);
    assert_string_equal(fixture->s3.log[0], "GET /cut/k bytes=0-99999 ");
    assert_string_equal(fixture->s3.log[1], "GET /cut/k bytes=30000-99999 \"v1\"");
    assert_string_equal(fixture->s3.log[2], "GET /cut/k bytes=60000-99999 \"v1\"");
    assert_string_equal(fixture->s3.log[3], "GET /cut/k bytes=90000-99999 \"v1\"");
}

static void a_throttled_request_is_sent_again(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    assert_ok(read_one(fixture, "s3://slowdown/k", &error), &error);
    assert_int_equal(fixture->s3.count, 3);
}

static void after_five_attempts_it_is_over(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    assert_fails(read_one(fixture, "s3://busy/k", &error), &error, DF_ERROR_THROTTLED, "'s3://busy/k': told so");
    assert_int_equal(fixture->s3.count, 5);
}

struct canceller {
    atomic_bool cancelled;
    int64_t at_ns;
};

static void *cancel_soon(void *ctx)
{
    struct canceller *canceller = ctx;
    struct timespec pause = {.tv_nsec = 50000000};
    nanosleep(&pause, NULL);
    canceller->at_ns = df_time_mono_ns();
    atomic_store(&canceller->cancelled, true);
    return NULL;
}

static void a_silent_server_is_left_within_100_ms_of_cancelling(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct canceller canceller = {0};
    struct df_read_item item = {.uri = "s3://silent/k", .size_bytes = 10};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &canceller), 0);
    assert_fails(read_items(fixture, &item, 1, df_deadline_never(), &canceller.cancelled, &error), &error,
                 DF_ERROR_CANCELLED, "'s3://silent/k'");
    int64_t ended_ns = df_time_mono_ns();
    pthread_join(thread, NULL);
    assert_true(ended_ns - canceller.at_ns < INT64_C(100000000));
}

static void a_deadline_ends_a_read_of_a_silent_or_busy_server(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    static const char *const uris[] = {"s3://silent/k", "s3://busy/k"};
    for (size_t i = 0; i < 2; i++) {
        struct df_read_item item = {.uri = uris[i], .size_bytes = 10};
        int64_t start_ns = df_time_mono_ns();
        df_error_clear(&error);
        assert_int_equal(read_items(fixture, &item, 1, df_deadline_after_ms(120), NULL, &error), -1);
        assert_true(error.kind == DF_ERROR_TIMEOUT || error.kind == DF_ERROR_THROTTLED);
        assert_true(df_time_mono_ns() - start_ns < INT64_C(400000000));
    }
}

static void twelve_requests_are_in_flight(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_read_item items[24];
    char uris[24][32];
    for (size_t i = 0; i < 24; i++) {
        snprintf(uris[i], sizeof uris[i], "s3://twelve/%zu", i);
        items[i] = (struct df_read_item){.uri = uris[i], .size_bytes = 1000 + i};
    }
    /* The server answers none before it has twelve. */
    assert_ok(read_items(fixture, items, 24, df_deadline_after_ms(20000), NULL, &error), &error);
    assert_int_equal(fixture->s3.count, 24);
}

static void near_ranges_go_in_one_request_and_far_ones_apart(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    const struct df_read_item items[] = {{.uri = "s3://good/k", .offset = 1000, .size_bytes = 10},
                                         {.uri = "s3://good/k", .offset = 0, .size_bytes = 10},
                                         {.uri = "s3://good/k", .offset = 200000, .size_bytes = 10},
                                         {.uri = "s3://good/k", .offset = 5, .size_bytes = 500}};
    assert_ok(read_items(fixture, items, 4, df_deadline_never(), NULL, &error), &error);
    assert_int_equal(fixture->s3.count, 2);
}

static void an_object_replaced_between_two_ranges_is_a_conflict(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    const struct df_read_item items[] = {{.uri = "s3://replaced/k", .offset = 0, .size_bytes = 10},
                                         {.uri = "s3://replaced/k", .offset = 200000, .size_bytes = 10}};
    assert_fails(read_items(fixture, items, 2, df_deadline_never(), NULL, &error), &error, DF_ERROR_CONFLICT,
                 "'s3://replaced/k' changed");
}

static void other_bytes_than_asked_for_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    assert_fails(read_one(fixture, "s3://short/k", &error), &error, DF_ERROR_CORRUPT, "ends at byte 1000");
    assert_fails(read_one(fixture, "s3://elsewhere/k", &error), &error, DF_ERROR_CORRUPT, "bytes from 0 on");
    assert_fails(read_one(fixture, "s3://noranges/k", &error), &error, DF_ERROR_UNSUPPORTED, "answers 200");
}

static void after_a_refused_piece_no_request_hands_on_any_more(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_read_item items[8];
    char uris[8][32];
    for (size_t i = 0; i < 8; i++) {
        snprintf(uris[i], sizeof uris[i], "s3://good/%zu", i);
        items[i] = (struct df_read_item){.uri = uris[i], .size_bytes = OBJECT_BYTES};
    }
    struct reading reading = {.items = items, .fail_at = 3};
    struct df_read read = {.items = items, .item_count = 8, .deadline = df_deadline_never()};
    assert_fails(df_store_read(fixture->store, &read, take, &reading, &error), &error, DF_ERROR_INTERNAL, "enough");
    assert_int_equal(reading.pieces, 3);
}

/* ---- the rest ---- */

static void pages_are_followed_and_keys_decoded(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_store_listing *listing;
    struct df_object object;
    struct df_list_options options = {.recursive = true};
    assert_ok(df_store_list_open(fixture->store, "s3://pages/p/", &options, &listing, &error), &error);
    assert_int_equal(df_store_list_next(listing, &object, &error), 1);
    assert_string_equal(object.uri, "s3://pages/p/a b");
    assert_string_equal(object.etag, "\"e\"");
    assert_int_equal(df_store_list_next(listing, &object, &error), 1);
    assert_string_equal(object.uri, "s3://pages/p/z +%\x01");
    assert_int_equal(df_store_list_next(listing, &object, &error), 0);
    df_store_list_close(listing);
}

static void a_listing_that_is_none_is_corrupt(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_store_listing *listing;
    struct df_object object;
    assert_ok(df_store_list_open(fixture->store, "s3://garbage/p/", NULL, &listing, &error), &error);
    assert_fails(df_store_list_next(listing, &object, &error), &error, DF_ERROR_CORRUPT, "listing of");
    df_store_list_close(listing);
}

static void another_region_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    assert_fails(read_one(fixture, "s3://region/k", &error), &error, DF_ERROR_INVALID, "another region");
}

static void a_conditional_put_whose_first_answer_was_lost_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_put put = {.uri = "s3://late/k", .content = df_slice_text("x"), .condition = DF_PUT_IF_ABSENT};
    assert_fails(df_store_put(fixture->store, &put, NULL, &error), &error, DF_ERROR_CONFLICT, "earlier attempt");
}

static void aws_itself_needs_tls_which_is_refused_clearly(void **state)
{
    (void)state;
    struct df_error error;
    struct df_store *store;
    struct df_object object;
    unsetenv("AWS_ENDPOINT_URL_S3");
    assert_ok(df_store_create(&store, &error), &error);
    assert_fails(df_store_head(store, "s3://b/k", &object, &error), &error, DF_ERROR_UNSUPPORTED, "needs TLS");
    df_store_free(store);
    unsetenv("AWS_SECRET_ACCESS_KEY");
    assert_ok(df_store_create(&store, &error), &error);
    assert_fails(df_store_head(store, "s3://b/k", &object, &error), &error, DF_ERROR_UNAUTHENTICATED,
                 "AWS_SECRET_ACCESS_KEY is not");
    df_store_free(store);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_read_that_is_cut_asks_for_the_rest_of_the_same_version),
        CASE(a_throttled_request_is_sent_again),
        CASE(after_five_attempts_it_is_over),
        CASE(a_silent_server_is_left_within_100_ms_of_cancelling),
        CASE(a_deadline_ends_a_read_of_a_silent_or_busy_server),
        CASE(twelve_requests_are_in_flight),
        CASE(near_ranges_go_in_one_request_and_far_ones_apart),
        CASE(an_object_replaced_between_two_ranges_is_a_conflict),
        CASE(other_bytes_than_asked_for_are_refused),
        CASE(after_a_refused_piece_no_request_hands_on_any_more),
        CASE(pages_are_followed_and_keys_decoded),
        CASE(a_listing_that_is_none_is_corrupt),
        CASE(another_region_is_told),
        CASE(a_conditional_put_whose_first_answer_was_lost_says_so),
        CASE(aws_itself_needs_tls_which_is_refused_clearly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
