/* Who we are towards AWS and where it is: credentials, region, endpoints.
 *
 * Read from an environment (getenv by default): AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN (empty
 * counts as unset), AWS_REGION before AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_<SERVICE> before AWS_ENDPOINT_URL
 * (AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true switches both off). Files, STS and IMDS come with deployment.
 * Thread: read-only once made. */
#ifndef DF_AWS_AWS_H
#define DF_AWS_AWS_H

#include "base/buf.h"
#include "base/error.h"

struct df_aws_credentials {
    char *access_key_id, *secret_access_key, *session_token; /* owned; session_token may be NULL */
};

struct df_aws {
    struct df_aws_credentials credentials; /* access_key_id NULL: none were found */
    char *region;                          /* owned; NULL: none was found */
    char *endpoint_s3, *endpoint_lambda;   /* owned; NULL: AWS's own */
};

typedef const char *df_getenv_fn(const char *name);
int df_aws_from_environment(struct df_aws *aws, df_getenv_fn *getenv_fn, struct df_error *error);
void df_aws_dispose(struct df_aws *aws);

/* unauthenticated / invalid with the ways to give them, when credentials or region lack. */
int df_aws_require(const struct df_aws *aws, struct df_error *error);

#endif
