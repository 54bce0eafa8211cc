/* AWS Signature Version 4: the header fields that make a request ours.
 *
 * Source: AWS's "Signature Version 4 signing process"; checked against its published vectors and against botocore. S3
 * encodes a path once and never normalises it; every other service encodes each segment twice. */
#ifndef DF_AWS_SIGV4_H
#define DF_AWS_SIGV4_H

#include "aws/aws.h"
#include "net/http_client.h"

enum { DF_SHA256_BYTES = 32 };
void df_sha256(struct df_slice bytes, uint8_t digest[DF_SHA256_BYTES]);
void df_put_hex(struct df_buf *out, const uint8_t *bytes, size_t size);

struct df_sigv4_request {
    const char *method;
    struct df_slice path;  /* as it stands on the wire, encoded once */
    struct df_slice query; /* as on the wire, without '?' */
    struct df_slice host;  /* value of the Host field, with the port when it is not the scheme's */
    struct df_slice body;
    const char *service; /* "s3", "lambda" */
    const char *region;
    int64_t wall_ms;
};

/* Adds Host, X-Amz-Date, X-Amz-Content-Sha256 (s3 only), X-Amz-Security-Token and Authorization to `fields`; every
 * field that is already there is signed, but those that proxies and libraries change (user-agent, connection, expect,
 * transfer-encoding, x-amzn-trace-id …; botocore leaves the same ones out). */
int df_sigv4_sign(struct df_http_fields *fields, const struct df_sigv4_request *request,
                  const struct df_aws_credentials *credentials, struct df_error *error);

/* The same for a request that is about to be sent with these fields: path, query, host and body are its own. */
int df_sigv4_sign_request(struct df_http_fields *fields, const struct df_http_request *request, const char *service,
                          const struct df_aws *aws, struct df_error *error);

/* The canonical request and the string to sign, for tests and for a server that checks. */
void df_sigv4_canonical_request(struct df_buf *out, const struct df_sigv4_request *request,
                                const struct df_http_fields *signed_fields, const char *payload_hash);

#endif
