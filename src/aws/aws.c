#include "aws/aws.h"

#include <stdlib.h>
#include <string.h>

/* Empty counts as unset everywhere: AWS's own runtime emulator sets empty credentials. */
static const char *lookup(df_getenv_fn *getenv_fn, const char *name)
{
    const char *value = getenv_fn(name);
    return value && value[0] ? value : NULL;
}

static const char *first_of(df_getenv_fn *getenv_fn, const char *name, const char *other)
{
    const char *value = lookup(getenv_fn, name);
    return value ? value : lookup(getenv_fn, other);
}

static int keep(char **to, const char *value, struct df_error *error)
{
    if (!value)
        return 0;
    *to = strdup(value);
    return *to ? 0 : df_error_no_memory(error, "reading the AWS settings of the environment");
}

static int keep_credentials(struct df_aws_credentials *credentials, df_getenv_fn *getenv_fn, struct df_error *error)
{
    const char *id = lookup(getenv_fn, "AWS_ACCESS_KEY_ID");
    const char *secret = lookup(getenv_fn, "AWS_SECRET_ACCESS_KEY");
    if (!id && !secret)
        return 0;
    if (!id || !secret)
        return df_error_set(error, DF_ERROR_UNAUTHENTICATED, "%s is set but %s is not; set both, or neither",
                            id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                            id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    if (keep(&credentials->access_key_id, id, error) != 0 || keep(&credentials->secret_access_key, secret, error) != 0)
        return -1;
    return keep(&credentials->session_token, lookup(getenv_fn, "AWS_SESSION_TOKEN"), error);
}

static int keep_endpoints(struct df_aws *aws, df_getenv_fn *getenv_fn, struct df_error *error)
{
    const char *ignore = lookup(getenv_fn, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if (ignore && strcasecmp(ignore, "true") == 0)
        return 0;
    if (keep(&aws->endpoint_s3, first_of(getenv_fn, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), error) != 0)
        return -1;
    return keep(&aws->endpoint_lambda, first_of(getenv_fn, "AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"), error);
}

int df_aws_from_environment(struct df_aws *aws, df_getenv_fn *getenv_fn, struct df_error *error)
{
    *aws = (struct df_aws){0};
    if (keep_credentials(&aws->credentials, getenv_fn, error) == 0 &&
        keep(&aws->region, first_of(getenv_fn, "AWS_REGION", "AWS_DEFAULT_REGION"), error) == 0 &&
        keep_endpoints(aws, getenv_fn, error) == 0)
        return 0;
    df_aws_dispose(aws);
    return -1;
}

void df_aws_dispose(struct df_aws *aws)
{
    free(aws->credentials.access_key_id);
    free(aws->credentials.secret_access_key);
    free(aws->credentials.session_token);
    free(aws->region);
    free(aws->endpoint_s3);
    free(aws->endpoint_lambda);
    *aws = (struct df_aws){0};
}

int df_aws_require(const struct df_aws *aws, struct df_error *error)
{
    if (!aws->credentials.access_key_id)
        return df_error_set(error, DF_ERROR_UNAUTHENTICATED,
                            "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
                            "(and AWS_SESSION_TOKEN for temporary ones)");
    if (!aws->region)
        return df_error_set(error, DF_ERROR_INVALID, "no AWS region: set AWS_REGION or AWS_DEFAULT_REGION");
    return 0;
}
