/* What the environment says about who and where we are. */
#include "aws/aws.h"
#include "testing/testing.h"

static const char *const (*environment)[2]; /* name, value; ends with NULL */

static const char *look_up(const char *name)
{
    for (size_t i = 0; environment[i][0]; i++)
        if (strcmp(environment[i][0], name) == 0)
            return environment[i][1];
    return NULL;
}

static void read_environment(const char *const (*variables)[2], struct df_aws *aws)
{
    struct df_error error;
    environment = variables;
    assert_ok(df_aws_from_environment(aws, look_up, &error), &error);
}

static void test_an_empty_environment_says_nothing_and_the_lack_is_explained(void **state)
{
    (void)state;
    struct df_aws aws;
    struct df_error error;
    read_environment((const char *const[][2]){{NULL, NULL}}, &aws);
    assert_null(aws.credentials.access_key_id);
    assert_null(aws.region);
    assert_null(aws.endpoint_s3);
    assert_fails(df_aws_require(&aws, &error), &error, DF_ERROR_UNAUTHENTICATED, "set AWS_ACCESS_KEY_ID");
    df_aws_dispose(&aws);
}

/* As AWS's own runtime emulator leaves them. */
static void test_empty_counts_as_unset(void **state)
{
    (void)state;
    struct df_aws aws;
    read_environment((const char *const[][2]){{"AWS_ACCESS_KEY_ID", ""},
                                              {"AWS_SECRET_ACCESS_KEY", ""},
                                              {"AWS_SESSION_TOKEN", ""},
                                              {"AWS_REGION", ""},
                                              {"AWS_DEFAULT_REGION", "eu-west-1"},
                                              {"AWS_ENDPOINT_URL_S3", ""},
                                              {"AWS_ENDPOINT_URL", "http://x"},
                                              {NULL, NULL}},
                     &aws);
    assert_null(aws.credentials.access_key_id);
    assert_null(aws.credentials.session_token);
    assert_string_equal(aws.region, "eu-west-1");
    assert_string_equal(aws.endpoint_s3, "http://x");
    df_aws_dispose(&aws);
}

static void test_what_is_nearer_wins(void **state)
{
    (void)state;
    struct df_aws aws;
    struct df_error error;
    read_environment((const char *const[][2]){{"AWS_ACCESS_KEY_ID", "id"},
                                              {"AWS_SECRET_ACCESS_KEY", "secret"},
                                              {"AWS_SESSION_TOKEN", "token"},
                                              {"AWS_DEFAULT_REGION", "eu-west-1"},
                                              {"AWS_REGION", "eu-central-1"},
                                              {"AWS_ENDPOINT_URL", "http://all"},
                                              {"AWS_ENDPOINT_URL_LAMBDA", "http://lambda"},
                                              {NULL, NULL}},
                     &aws);
    assert_string_equal(aws.credentials.access_key_id, "id");
    assert_string_equal(aws.credentials.secret_access_key, "secret");
    assert_string_equal(aws.credentials.session_token, "token");
    assert_string_equal(aws.region, "eu-central-1");
    assert_string_equal(aws.endpoint_s3, "http://all");
    assert_string_equal(aws.endpoint_lambda, "http://lambda");
    assert_ok(df_aws_require(&aws, &error), &error);
    df_aws_dispose(&aws);
}

static void test_endpoints_can_be_switched_off(void **state)
{
    (void)state;
    static const struct {
        const char *flag;
        bool is_ignored;
    } cases[] = {{"true", true}, {"TRUE", true}, {"false", false}, {"", false}, {"1", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct df_aws aws;
        read_environment((const char *const[][2]){{"AWS_ENDPOINT_URL", "http://all"},
                                                  {"AWS_ENDPOINT_URL_S3", "http://s3"},
                                                  {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", cases[i].flag},
                                                  {NULL, NULL}},
                         &aws);
        assert_int_equal(aws.endpoint_s3 == NULL, cases[i].is_ignored);
        assert_int_equal(aws.endpoint_lambda == NULL, cases[i].is_ignored);
        df_aws_dispose(&aws);
    }
}

static void test_half_a_pair_of_keys_is_refused_and_names_the_other(void **state)
{
    (void)state;
    static const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"};
    for (size_t i = 0; i < 2; i++) {
        struct df_aws aws;
        struct df_error error;
        char expected[80];
        const char *const variables[][2] = {{names[i], "x"}, {"AWS_REGION", "r"}, {NULL, NULL}};
        environment = variables;
        snprintf(expected, sizeof expected, "%s is set but %s is not", names[i], names[1 - i]);
        assert_fails(df_aws_from_environment(&aws, look_up, &error), &error, DF_ERROR_UNAUTHENTICATED, expected);
        assert_null(aws.region);
    }
}

static void test_a_missing_region_is_explained(void **state)
{
    (void)state;
    struct df_aws aws;
    struct df_error error;
    read_environment((const char *const[][2]){{"AWS_ACCESS_KEY_ID", "i"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {NULL, NULL}},
                     &aws);
    assert_fails(df_aws_require(&aws, &error), &error, DF_ERROR_INVALID, "set AWS_REGION");
    df_aws_dispose(&aws);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_environment_says_nothing_and_the_lack_is_explained),
        cmocka_unit_test(test_empty_counts_as_unset),
        cmocka_unit_test(test_what_is_nearer_wins),
        cmocka_unit_test(test_endpoints_can_be_switched_off),
        cmocka_unit_test(test_half_a_pair_of_keys_is_refused_and_names_the_other),
        cmocka_unit_test(test_a_missing_region_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
