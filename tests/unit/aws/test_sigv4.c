/* Signatures against vectors: the spec's own (checked equal to botocore) and cases of the shape that AWS publishes.
 * Random requests against botocore itself: tests/e2e/test_sigv4.py. */
#include "aws/sigv4.h"
#include "testing/testing.h"

/* 20260102T030405Z */
static const int64_t SIGNED_AT_MS = INT64_C(1767323045000);
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct df_aws_credentials credentials(void)
{
    static char id[] = "AKIDEXAMPLE", secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    return (struct df_aws_credentials){.access_key_id = id, .secret_access_key = secret};
}

static void assert_hash(struct df_slice bytes, const char *hex)
{
    uint8_t digest[DF_SHA256_BYTES];
    struct df_buf text = {0};
    df_sha256(bytes, digest);
    df_put_hex(&text, digest, sizeof digest);
    assert_string_equal(df_buf_text(&text), hex);
    df_buf_dispose(&text);
}

static struct df_sigv4_request lambda_request(void)
{
    return (struct df_sigv4_request){
        .method = "POST",
        .path = df_slice_text("/2015-03-31/functions/"
                              "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Amayfly/invocations"),
        .query = df_slice_text("Qualifier=%24LATEST"),
        .host = df_slice_text("lambda.us-east-1.amazonaws.com"),
        .body = df_slice_text("{\"op\":\"ping\"}"),
        .service = "lambda",
        .region = "us-east-1",
        .wall_ms = SIGNED_AT_MS,
    };
}

static void test_an_invocation_is_signed_as_the_vector_says(void **state)
{
    (void)state;
    struct df_error error;
    struct df_arena arena = {0};
    struct df_http_fields fields = {.arena = &arena};
    struct df_sigv4_request request = lambda_request();
    struct df_aws_credentials who = credentials();
    assert_hash(request.body, "7da19bb816b033755c9da2c65f0ba437a72d5475a240f26c09a8b0549df92cdd");
    df_http_fields_put(&fields, "Content-Type", "application/json");
    df_http_fields_put(&fields, "X-Amz-Invocation-Type", "RequestResponse");
    assert_ok(df_sigv4_sign(&fields, &request, &who, &error), &error);
    assert_slice_is(df_http_fields_get(&fields, "x-amz-date"), "20260102T030405Z");
    assert_slice_is(df_http_fields_get(&fields, "authorization"),
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/lambda/aws4_request, "
                    "SignedHeaders=content-type;host;x-amz-date;x-amz-invocation-type, "
                    "Signature=1277af4483b5b2d08db5cbf8ce68fb4ae066ef00deb26d5728ac7c77ca532ca5");
    assert_null(df_http_fields_get(&fields, "x-amz-content-sha256").data);
    struct df_buf canonical = {0};
    /* Authorization is there now, and is never signed. */
    df_sigv4_canonical_request(&canonical, &request, &fields,
                               "7da19bb816b033755c9da2c65f0ba437a72d5475a240f26c09a8b0549df92cdd");
    assert_non_null(strstr(df_buf_text(&canonical), "arn%253Aaws%253Alambda"));
    assert_hash(df_buf_slice(&canonical), "4497ed6fa9b426e8a95af70c3084bc498f72f908a15dc136488bfab8c57de732");
    df_buf_dispose(&canonical);
    df_arena_dispose(&arena);
}

/* "GET\n<path>\n<query>\n" of the canonical request. */
static void assert_target(const char *service, const char *path, const char *query, const char *expected)
{
    struct df_arena arena = {0};
    struct df_http_fields fields = {.arena = &arena};
    struct df_buf canonical = {0};
    struct df_sigv4_request request = {
        .method = "GET", .path = df_slice_text(path), .query = df_slice_text(query), .service = service};
    df_http_fields_put(&fields, "Host", "h");
    df_sigv4_canonical_request(&canonical, &request, &fields, EMPTY_HASH);
    char *rest = strstr(df_buf_text(&canonical), "\nhost:h\n\nhost\n" EMPTY_HASH);
    assert_non_null(rest);
    assert_slice_is(df_slice_make(canonical.data, (size_t)((uint8_t *)rest - canonical.data)), expected);
    df_buf_dispose(&canonical);
    df_arena_dispose(&arena);
}

static void test_paths_are_encoded_twice_and_normalised_but_for_s3(void **state)
{
    (void)state;
    assert_target("lambda", "", "", "GET\n/\n");
    assert_target("lambda", "/", "", "GET\n/\n");
    assert_target("lambda", "/a%20b/c%3A", "", "GET\n/a%2520b/c%253A\n");
    assert_target("lambda", "/a/./b//c/../d/", "", "GET\n/a/b/d/\n");
    assert_target("lambda", "/a/b/..", "", "GET\n/a\n");
    assert_target("lambda", "/../..", "", "GET\n/\n");
    assert_target("lambda", "//", "", "GET\n/\n");
    assert_target("s3", "/a%20b/c%3A", "", "GET\n/a%20b/c%3A\n");
    assert_target("s3", "/bucket//a/../b/./c/", "", "GET\n/bucket//a/../b/./c/\n");
    assert_target("s3", "", "", "GET\n/\n");
}

static void test_queries_are_sorted_by_name_then_value(void **state)
{
    (void)state;
    assert_target("s3", "/", "uploads", "GET\n/\nuploads=");
    assert_target("s3", "/", "b=2&a=1", "GET\n/\na=1&b=2");
    assert_target("s3", "/", "a=2&a=1&a=&A=9", "GET\n/\nA=9&a=&a=1&a=2");
    assert_target("s3", "/", "a-b=1&a=2", "GET\n/\na=2&a-b=1");
    assert_target("s3", "/", "a=x%3Dy&b=c=d", "GET\n/\na=x%3Dy&b=c=d");
}

static void test_fields_are_lowered_trimmed_joined_and_sorted(void **state)
{
    (void)state;
    struct df_arena arena = {0};
    struct df_http_fields fields = {.arena = &arena};
    struct df_buf canonical = {0};
    struct df_sigv4_request request = {.method = "GET", .service = "s3"};
    df_http_fields_put(&fields, "Zeta", "  a   b\t c  ");
    df_http_fields_put(&fields, "X-Amz-Two", "second, first");
    df_http_fields_put(&fields, "User-Agent", "changes on the way");
    df_http_fields_put(&fields, "x-amz-two", "third");
    df_http_fields_put(&fields, "Empty", "");
    df_http_fields_put(&fields, "Connection", "close");
    df_sigv4_canonical_request(&canonical, &request, &fields, EMPTY_HASH);
    assert_string_equal(df_buf_text(&canonical), "GET\n/\n\nempty:\nx-amz-two:second, first,third\nzeta:a b c\n\n"
                                                 "empty;x-amz-two;zeta\n" EMPTY_HASH);
    df_buf_dispose(&canonical);
    df_arena_dispose(&arena);
}

static void test_s3_signs_its_hash_and_the_session_token(void **state)
{
    (void)state;
    struct df_error error;
    struct df_arena arena = {0};
    struct df_http_fields fields = {.arena = &arena};
    struct df_sigv4_request request = {.method = "GET",
                                       .path = df_slice_text("/b/k"),
                                       .host = df_slice_text("127.0.0.1:9000"),
                                       .service = "s3",
                                       .region = "us-east-1",
                                       .wall_ms = SIGNED_AT_MS};
    struct df_aws_credentials who = credentials();
    char token[] = "session";
    who.session_token = token;
    assert_ok(df_sigv4_sign(&fields, &request, &who, &error), &error);
    assert_slice_is(df_http_fields_get(&fields, "x-amz-content-sha256"), EMPTY_HASH);
    assert_slice_is(df_http_fields_get(&fields, "x-amz-security-token"), "session");
    assert_slice_is(df_http_fields_get(&fields, "host"), "127.0.0.1:9000");
    struct df_buf value = {0};
    df_buf_put_slice(&value, df_http_fields_get(&fields, "authorization"));
    assert_non_null(strstr(df_buf_text(&value), "SignedHeaders=host;x-amz-content-sha256;x-amz-date;"
                                                "x-amz-security-token, "));
    df_buf_dispose(&value);
    df_arena_dispose(&arena);
}

static void test_without_a_key_nothing_is_signed(void **state)
{
    (void)state;
    struct df_error error;
    struct df_arena arena = {0};
    struct df_http_fields fields = {.arena = &arena};
    struct df_sigv4_request request = lambda_request();
    struct df_aws_credentials nobody = {0};
    assert_fails(df_sigv4_sign(&fields, &request, &nobody, &error), &error, DF_ERROR_UNAUTHENTICATED,
                 "AWS_ACCESS_KEY_ID");
    assert_int_equal(fields.count, 0);
    df_arena_dispose(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_invocation_is_signed_as_the_vector_says),
        cmocka_unit_test(test_paths_are_encoded_twice_and_normalised_but_for_s3),
        cmocka_unit_test(test_queries_are_sorted_by_name_then_value),
        cmocka_unit_test(test_fields_are_lowered_trimmed_joined_and_sorted),
        cmocka_unit_test(test_s3_signs_its_hash_and_the_session_token),
        cmocka_unit_test(test_without_a_key_nothing_is_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
