#include "aws/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The three plain functions of SHA-256 in libcrypto. EVP, and SHA256(), which is EVP inside, would pull the machinery
 * of providers into the worker: megabytes and milliseconds. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

enum { SHA256_BLOCK_BYTES = 64, DATE_BYTES = 16 };

void df_sha256(struct df_slice bytes, uint8_t digest[DF_SHA256_BYTES])
{
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes.data, bytes.size);
    SHA256_Final(digest, &context);
}

void df_put_hex(struct df_buf *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        df_buf_put_char(out, digits[bytes[i] >> 4]);
        df_buf_put_char(out, digits[bytes[i] & 15]);
    }
}

/* RFC 2104; every key here is shorter than a block but the first, which may be of any length. */
static void hmac(struct df_slice key, struct df_slice message, uint8_t mac[DF_SHA256_BYTES])
{
    uint8_t block[SHA256_BLOCK_BYTES] = {0};
    if (key.size > sizeof block)
        df_sha256(key, block);
    else if (key.size)
        memcpy(block, key.data, key.size);
    uint8_t pad[SHA256_BLOCK_BYTES];
    SHA256_CTX context;
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] = block[i] ^ 0x36;
    SHA256_Init(&context);
    SHA256_Update(&context, pad, sizeof pad);
    SHA256_Update(&context, message.data, message.size);
    SHA256_Final(mac, &context);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] = block[i] ^ 0x5c;
    SHA256_Init(&context);
    SHA256_Update(&context, pad, sizeof pad);
    SHA256_Update(&context, mac, DF_SHA256_BYTES);
    SHA256_Final(mac, &context);
}

/* ---- canonical request ---- */

static bool is_s3(const struct df_sigv4_request *request)
{
    return strcmp(request->service, "s3") == 0;
}

static struct df_slice cut(struct df_slice *rest, char separator)
{
    const uint8_t *at = rest->size ? memchr(rest->data, separator, rest->size) : NULL;
    struct df_slice head = df_slice_make(rest->data, at ? (size_t)(at - rest->data) : rest->size);
    *rest = at ? df_slice_make(at + 1, rest->size - head.size - 1) : df_slice_make(NULL, 0);
    return head;
}

/* RFC 3986, §5.2.4, and as AWS wants it no empty segments either. */
static void put_normalised(struct df_buf *out, struct df_slice path)
{
    size_t start = out->size;
    bool ends_open = path.data[path.size - 1] == '/';
    while (path.size) {
        struct df_slice segment = cut(&path, '/');
        if (segment.size == 0 || df_slice_is(segment, "."))
            continue;
        if (!df_slice_is(segment, "..")) {
            df_buf_put_char(out, '/');
            df_http_put_encoded(out, segment, false);
            continue;
        }
        while (out->size > start && out->data[--out->size] != '/')
            continue;
    }
    if (out->size == start || ends_open)
        df_buf_put_char(out, '/');
}

static void put_path(struct df_buf *out, const struct df_sigv4_request *request)
{
    if (request->path.size == 0)
        df_buf_put_char(out, '/');
    else if (is_s3(request))
        df_buf_put_slice(out, request->path);
    else
        put_normalised(out, request->path);
}

struct parameter {
    struct df_slice name, value;
};

static int compare_parameters(const void *a, const void *b)
{
    const struct parameter *x = a, *y = b;
    int order = df_slice_compare(x->name, y->name);
    return order ? order : df_slice_compare(x->value, y->value);
}

/* The query is on the wire already encoded; only the order is canonical. A name without '=' gets one. */
static void put_query(struct df_buf *out, struct df_slice query)
{
    size_t count = 1;
    for (size_t i = 0; i < query.size; i++)
        count += query.data[i] == '&';
    struct parameter *parameters = calloc(count, sizeof *parameters);
    if (!parameters) {
        out->failed = true;
        return;
    }
    size_t used = 0;
    while (query.size) {
        struct df_slice pair = cut(&query, '&');
        if (pair.size == 0)
            continue;
        parameters[used].name = cut(&pair, '=');
        parameters[used++].value = pair;
    }
    qsort(parameters, used, sizeof *parameters, compare_parameters);
    for (size_t i = 0; i < used; i++) {
        if (i)
            df_buf_put_char(out, '&');
        df_buf_put_slice(out, parameters[i].name);
        df_buf_put_char(out, '=');
        df_buf_put_slice(out, parameters[i].value);
    }
    free(parameters);
}

static char lower(uint8_t c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static void put_lower(struct df_buf *out, struct df_slice text)
{
    for (size_t i = 0; i < text.size; i++)
        df_buf_put_char(out, lower(text.data[i]));
}

/* Blanks around a value go, runs of blanks inside become one. */
static void put_trimmed(struct df_buf *out, struct df_slice value)
{
    bool blank = false, any = false;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == ' ' || value.data[i] == '\t') {
            blank = any;
            continue;
        }
        if (blank)
            df_buf_put_char(out, ' ');
        blank = false;
        any = true;
        df_buf_put_char(out, (char)value.data[i]);
    }
}

static bool name_is(struct df_slice name, const char *lower_name)
{
    if (name.size != strlen(lower_name))
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (lower(name.data[i]) != lower_name[i])
            return false;
    return true;
}

/* What proxies and libraries change on the way must not be signed. */
static bool is_signed(struct df_slice name)
{
    static const char *const left_out[] = {"authorization",
                                           "baggage",
                                           "connection",
                                           "expect",
                                           "keep-alive",
                                           "proxy-authenticate",
                                           "proxy-authorization",
                                           "te",
                                           "traceparent",
                                           "tracestate",
                                           "trailer",
                                           "transfer-encoding",
                                           "upgrade",
                                           "user-agent",
                                           "x-amzn-trace-id"};
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (name_is(name, left_out[i]))
            return false;
    return true;
}

static int compare_fields(const void *a, const void *b)
{
    const struct df_http_field *const *x = a, *const *y = b;
    struct df_slice p = (*x)->name, q = (*y)->name;
    for (size_t i = 0; i < p.size && i < q.size; i++)
        if (lower(p.data[i]) != lower(q.data[i]))
            return (uint8_t)lower(p.data[i]) < (uint8_t)lower(q.data[i]) ? -1 : 1;
    if (p.size != q.size)
        return p.size < q.size ? -1 : 1;
    /* Fields of one name keep their order: both pointers are into one array. */
    return (*x > *y) - (*x < *y);
}

static const struct df_http_field **sorted_fields(const struct df_http_fields *fields, size_t *count)
{
    const struct df_http_field **sorted = calloc(fields->count + 1, sizeof(struct df_http_field *));
    *count = 0;
    for (size_t i = 0; sorted && i < fields->count; i++)
        if (is_signed(fields->items[i].name))
            sorted[(*count)++] = &fields->items[i];
    if (sorted)
        qsort(sorted, *count, sizeof *sorted, compare_fields);
    return sorted;
}

static bool same_name(const struct df_http_field *a, const struct df_http_field *b)
{
    if (a->name.size != b->name.size)
        return false;
    for (size_t i = 0; i < a->name.size; i++)
        if (lower(a->name.data[i]) != lower(b->name.data[i]))
            return false;
    return true;
}

static void put_signed_names(struct df_buf *out, const struct df_http_field **fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i && same_name(fields[i], fields[i - 1]))
            continue;
        if (i)
            df_buf_put_char(out, ';');
        put_lower(out, fields[i]->name);
    }
}

static void put_fields(struct df_buf *out, const struct df_http_field **fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i && same_name(fields[i], fields[i - 1])) {
            df_buf_put_char(out, ',');
        } else {
            if (i)
                df_buf_put_char(out, '\n');
            put_lower(out, fields[i]->name);
            df_buf_put_char(out, ':');
        }
        put_trimmed(out, fields[i]->value);
    }
    df_buf_put_char(out, '\n');
}

void df_sigv4_canonical_request(struct df_buf *out, const struct df_sigv4_request *request,
                                const struct df_http_fields *signed_fields, const char *payload_hash)
{
    size_t count;
    const struct df_http_field **fields = sorted_fields(signed_fields, &count);
    if (!fields) {
        out->failed = true;
        return;
    }
    df_buf_put_text(out, request->method);
    df_buf_put_char(out, '\n');
    put_path(out, request);
    df_buf_put_char(out, '\n');
    put_query(out, request->query);
    df_buf_put_char(out, '\n');
    put_fields(out, fields, count);
    df_buf_put_char(out, '\n');
    put_signed_names(out, fields, count);
    df_buf_put_char(out, '\n');
    df_buf_put_text(out, payload_hash);
    free(fields);
}

/* ---- signature ---- */

static void format_date(char date[DATE_BYTES + 1], int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(date, DATE_BYTES + 1, "%Y%m%dT%H%M%SZ", &utc);
}

static struct df_slice digest_slice(const uint8_t *digest)
{
    return df_slice_make(digest, DF_SHA256_BYTES);
}

static void signing_key(const struct df_sigv4_request *request, const char *secret, const char *date,
                        uint8_t key[DF_SHA256_BYTES])
{
    struct df_buf start = {0};
    df_buf_put_text(&start, "AWS4");
    df_buf_put_text(&start, secret);
    uint8_t step[DF_SHA256_BYTES];
    hmac(df_buf_slice(&start), df_slice_make(date, 8), step);
    df_buf_dispose(&start);
    hmac(digest_slice(step), df_slice_text(request->region), key);
    hmac(digest_slice(key), df_slice_text(request->service), step);
    hmac(digest_slice(step), df_slice_text("aws4_request"), key);
}

static void put_scope(struct df_buf *out, const struct df_sigv4_request *request, const char *date)
{
    df_buf_printf(out, "%.8s/%s/%s/aws4_request", date, request->region, request->service);
}

static void put_signature(struct df_buf *out, const struct df_sigv4_request *request, const char *secret,
                          const char *date, struct df_slice canonical)
{
    uint8_t digest[DF_SHA256_BYTES], key[DF_SHA256_BYTES];
    struct df_buf text = {0};
    df_buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n", date);
    put_scope(&text, request, date);
    df_buf_put_char(&text, '\n');
    df_sha256(canonical, digest);
    df_put_hex(&text, digest, sizeof digest);
    signing_key(request, secret, date, key);
    hmac(digest_slice(key), df_buf_slice(&text), digest);
    out->failed |= text.failed;
    df_buf_dispose(&text);
    df_put_hex(out, digest, sizeof digest);
}

static bool add_standing_fields(struct df_http_fields *fields, const struct df_sigv4_request *request,
                                const struct df_aws_credentials *credentials, const char *date,
                                const char *payload_hash)
{
    bool ok = true;
    if (!df_http_fields_get(fields, "host").data)
        ok = df_http_fields_add(fields, df_slice_text("Host"), request->host);
    ok = ok && df_http_fields_put(fields, "X-Amz-Date", date);
    if (is_s3(request))
        ok = ok && df_http_fields_put(fields, "X-Amz-Content-Sha256", payload_hash);
    if (credentials->session_token)
        ok = ok && df_http_fields_put(fields, "X-Amz-Security-Token", credentials->session_token);
    return ok;
}

static bool add_authorization(struct df_http_fields *fields, const struct df_sigv4_request *request,
                              const struct df_aws_credentials *credentials, const char *date, const char *payload_hash)
{
    struct df_buf canonical = {0}, value = {0};
    df_sigv4_canonical_request(&canonical, request, fields, payload_hash);
    size_t count;
    const struct df_http_field **sorted = sorted_fields(fields, &count);
    df_buf_printf(&value, "AWS4-HMAC-SHA256 Credential=%s/", credentials->access_key_id);
    put_scope(&value, request, date);
    df_buf_put_text(&value, ", SignedHeaders=");
    if (sorted)
        put_signed_names(&value, sorted, count);
    df_buf_put_text(&value, ", Signature=");
    put_signature(&value, request, credentials->secret_access_key, date, df_buf_slice(&canonical));
    bool ok = sorted && !canonical.failed && !value.failed &&
              df_http_fields_add(fields, df_slice_text("Authorization"), df_buf_slice(&value));
    free(sorted);
    df_buf_dispose(&canonical);
    df_buf_dispose(&value);
    return ok;
}

int df_sigv4_sign(struct df_http_fields *fields, const struct df_sigv4_request *request,
                  const struct df_aws_credentials *credentials, struct df_error *error)
{
    if (!credentials->access_key_id)
        return df_error_set(error, DF_ERROR_UNAUTHENTICATED,
                            "no AWS credentials to sign a request for %s with: set AWS_ACCESS_KEY_ID and "
                            "AWS_SECRET_ACCESS_KEY",
                            request->service);
    char date[DATE_BYTES + 1];
    format_date(date, request->wall_ms);
    uint8_t digest[DF_SHA256_BYTES];
    struct df_buf hash = {0};
    df_sha256(request->body, digest);
    df_put_hex(&hash, digest, sizeof digest);
    bool ok = !hash.failed && add_standing_fields(fields, request, credentials, date, df_buf_text(&hash)) &&
              add_authorization(fields, request, credentials, date, df_buf_text(&hash));
    df_buf_dispose(&hash);
    return ok ? 0 : df_error_no_memory(error, "signing a request");
}

/* ---- a request of the client ---- */

/* host, or [host] for an IPv6 address; the port when it is not the scheme's. */
static void put_host(struct df_buf *out, const struct df_http_url *url)
{
    bool v6 = memchr(url->host.data, ':', url->host.size) != NULL;
    df_buf_printf(out, v6 ? "[%.*s]" : "%.*s", DF_SLICE_ARG(url->host));
    if (url->port != (url->tls ? 443 : 80))
        df_buf_printf(out, ":%u", url->port);
}

int df_sigv4_sign_request(struct df_http_fields *fields, const struct df_http_request *request, const char *service,
                          const struct df_aws *aws, struct df_error *error)
{
    struct df_slice query = request->url.target, path = cut(&query, '?');
    struct df_buf host = {0};
    put_host(&host, &request->url);
    struct df_sigv4_request signing = {.method = request->method,
                                       .path = path,
                                       .query = query,
                                       .host = df_buf_slice(&host),
                                       .body = request->body,
                                       .service = service,
                                       .region = aws->region,
                                       .wall_ms = df_time_wall_ms()};
    int rc = df_buf_failed(&host) ? df_error_no_memory(error, "signing a request")
                                  : df_sigv4_sign(fields, &signing, &aws->credentials, error);
    df_buf_dispose(&host);
    return rc;
}
