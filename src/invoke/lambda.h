/* AWS Lambda, or what speaks its Invoke API, as an invoker: one signed synchronous Invoke per batch.
 *
 * It owns the request: what does not fit into an envelope is put into objects, a request of which nothing was sent is
 * sent again, a 429 shrinks the window of requests in flight and each success widens it by one, and every kind of
 * answer becomes an error kind. Retries of parts are the job's. Thread: the loop's; envelopes are written on the pool.
 */
#ifndef DF_INVOKE_LAMBDA_H
#define DF_INVOKE_LAMBDA_H

#include "base/config.h"
#include "base/pool.h"
#include "invoke/invoke.h"
#include "net/loop.h"

struct df_invoke_lambda_options {
    const char *function;  /* name or ARN */
    const char *qualifier; /* version or alias; NULL: $LATEST */
    struct df_loop *loop;
    struct df_pool *pool;
    struct df_store *store; /* for requests and manifests that are too large */
    unsigned in_flight;     /* requests at once, at most */
    unsigned parts_per_batch;
    uint64_t batch_weight_bytes;
    uint32_t memory_mb; /* of the function, for the cost; 0: not known, and no cost is reckoned */
    int64_t timeout_ms; /* longest wait for an answer: the function's timeout and some seconds */
};

/* Rows of the options table: lambda.function, lambda.qualifier, lambda.in_flight, … */
extern const struct df_option df_invoke_lambda_option_rows[];
extern const size_t df_invoke_lambda_option_count;
void df_invoke_lambda_options_from_config(struct df_invoke_lambda_options *options, const struct df_config *config);

/* unauthenticated or invalid when credentials, region or function lack. */
int df_invoke_lambda_create(struct df_invoker **invoker, const struct df_invoke_lambda_options *options,
                            struct df_error *error);

#endif
