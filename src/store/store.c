/* Which backend a URI belongs to, and what is the same for all of them. */
#include "store/store.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "store/backend.h"

enum { BACKENDS_MAX = 4 };

struct df_store {
    struct df_store_backend *backends[BACKENDS_MAX]; /* owned; the first one takes URIs without a scheme */
    size_t backend_count;
};

int df_store_create(struct df_store **store, struct df_error *error)
{
    static int (*const creators[])(struct df_store_backend **, struct df_error *) = {df_store_file_create,
                                                                                     df_store_s3_create};
    static_assert(sizeof creators / sizeof creators[0] <= BACKENDS_MAX, "room for every backend");
    struct df_store *made = calloc(1, sizeof *made);
    if (!made)
        return df_error_no_memory(error, "opening the store");
    for (size_t i = 0; i < sizeof creators / sizeof creators[0]; i++) {
        if (creators[i](&made->backends[i], error) < 0) {
            df_store_free(made);
            return -1;
        }
        made->backend_count++;
    }
    *store = made;
    return 0;
}

void df_store_free(struct df_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->backend_count; i++)
        store->backends[i]->free(store->backends[i]);
    free(store);
}

/* ---- schemes ---- */

/* "scheme" of "scheme://…"; the empty slice for a plain path. */
static struct df_slice scheme_of(const char *uri)
{
    size_t size = 0;
    while (isalnum((unsigned char)uri[size]) || (size > 0 && uri[size] != '\0' && strchr("+-.", uri[size])))
        size++;
    bool is_scheme = size > 0 && isalpha((unsigned char)uri[0]) && strncmp(uri + size, "://", 3) == 0;
    return df_slice_make(uri, is_scheme ? size : 0);
}

static int unknown_scheme(const struct df_store *store, const char *uri, struct df_slice scheme, struct df_error *error)
{
    struct df_buf known = {0};
    for (size_t i = 0; i < store->backend_count && store->backends[i]; i++)
        df_buf_printf(&known, "%s%s://", i ? ", " : "", store->backends[i]->scheme);
    df_error_set(error, DF_ERROR_UNSUPPORTED, "'%s': no store for '%.*s://' (known: %s, and plain paths)", uri,
                 DF_SLICE_ARG(scheme), df_buf_text(&known));
    df_buf_dispose(&known);
    return -1;
}

static struct df_store_backend *find_backend(const struct df_store *store, const char *uri)
{
    struct df_slice scheme = scheme_of(uri);
    if (scheme.size == 0)
        return store->backends[0];
    for (size_t i = 0; i < store->backend_count; i++) {
        const char *name = store->backends[i]->scheme;
        if (strlen(name) == scheme.size && strncasecmp(name, (const char *)scheme.data, scheme.size) == 0)
            return store->backends[i];
    }
    return NULL;
}

struct df_store_backend *df_store_backend_of(const struct df_store *store, const char *uri, struct df_error *error)
{
    struct df_store_backend *backend = find_backend(store, uri);
    if (!backend)
        unknown_scheme(store, uri, scheme_of(uri), error);
    return backend;
}

/* ---- what is there ---- */

int df_store_head(struct df_store *store, const char *uri, struct df_object *out, struct df_error *error)
{
    *out = (struct df_object){.uri = uri};
    struct df_store_backend *backend = df_store_backend_of(store, uri, error);
    return backend ? backend->head(backend, uri, out, error) : -1;
}

int df_store_list_open(struct df_store *store, const char *uri, const struct df_list_options *options,
                       struct df_store_listing **listing, struct df_error *error)
{
    *listing = NULL;
    struct df_store_backend *backend = df_store_backend_of(store, uri, error);
    return backend ? backend->list(backend, uri, options, listing, error) : -1;
}

int df_store_list_next(struct df_store_listing *listing, struct df_object *out, struct df_error *error)
{
    return listing->next(listing, out, error);
}

void df_store_list_close(struct df_store_listing *listing)
{
    if (listing)
        listing->close(listing);
}

/* ---- reading ---- */

int df_store_read(struct df_store *store, const struct df_read *read, df_piece_fn *piece, void *ctx,
                  struct df_error *error)
{
    if (read->item_count == 0)
        return 0;
    struct df_store_backend *backend = df_store_backend_of(store, read->items[0].uri, error);
    if (!backend)
        return -1;
    for (size_t i = 1; i < read->item_count; i++) {
        struct df_store_backend *other = df_store_backend_of(store, read->items[i].uri, error);
        if (!other)
            return -1;
        if (other != backend)
            return df_error_set(error, DF_ERROR_INVALID, "one read cannot take from two stores: '%s' and '%s'",
                                read->items[0].uri, read->items[i].uri);
    }
    return backend->read(backend, read, piece, ctx, error);
}

static int in_place(void *ctx, size_t item, uint64_t offset, struct df_slice piece, struct df_error *error)
{
    (void)ctx;
    (void)item;
    (void)offset;
    (void)piece;
    (void)error;
    return 0;
}

int df_store_read_into(struct df_store *store, const struct df_read_item *item, struct df_deadline deadline,
                       const atomic_bool *cancelled, uint8_t *to, struct df_error *error)
{
    struct df_read_item placed = *item;
    placed.into = to;
    struct df_read read = {.items = &placed, .item_count = 1, .deadline = deadline, .cancelled = cancelled};
    return df_store_read(store, &read, in_place, NULL, error);
}

int df_store_get(struct df_store *store, const char *uri, uint64_t limit_bytes, struct df_buf *out,
                 struct df_error *error)
{
    struct df_object object;
    if (df_store_head(store, uri, &object, error) < 0)
        return -1;
    if (object.size_bytes > limit_bytes || object.size_bytes > SIZE_MAX)
        return df_error_set(error, DF_ERROR_TOO_LARGE, "'%s' has %llu bytes, at most %llu are taken", uri,
                            (unsigned long long)object.size_bytes, (unsigned long long)limit_bytes);
    if (object.size_bytes == 0)
        return 0;
    size_t size_before = out->size;
    uint8_t *to = df_buf_extend(out, (size_t)object.size_bytes);
    if (!to)
        return df_error_no_memory(error, "reading a whole object");
    struct df_read_item item = {.uri = uri, .etag = object.etag, .size_bytes = object.size_bytes};
    if (df_store_read_into(store, &item, df_deadline_never(), NULL, to, error) < 0) {
        out->size = size_before;
        return -1;
    }
    return 0;
}

/* ---- writing, removing ---- */

int df_store_put(struct df_store *store, const struct df_put *put, char etag_out[DF_ETAG_BYTES], struct df_error *error)
{
    struct df_store_backend *backend = df_store_backend_of(store, put->uri, error);
    return backend ? backend->put(backend, put, etag_out, error) : -1;
}

int df_store_upload_open(struct df_store *store, const char *uri, struct df_store_upload **upload,
                         struct df_error *error)
{
    *upload = NULL;
    struct df_store_backend *backend = df_store_backend_of(store, uri, error);
    return backend ? backend->upload(backend, uri, upload, error) : -1;
}

int df_store_upload_write(struct df_store_upload *upload, struct df_slice piece, struct df_error *error)
{
    return upload->write(upload, piece, error);
}

int df_store_upload_commit(struct df_store_upload *upload, struct df_error *error)
{
    return upload->commit(upload, error);
}

void df_store_upload_abort(struct df_store_upload *upload)
{
    if (upload)
        upload->abort(upload);
}

int df_store_remove(struct df_store *store, const char *uri, struct df_deadline deadline, struct df_error *error)
{
    struct df_store_backend *backend = df_store_backend_of(store, uri, error);
    return backend ? backend->remove(backend, uri, deadline, error) : -1;
}

/* A prefix that is a whole store, or no whole folder, is always a mistake of the caller's configuration. */
int df_store_remove_prefix(struct df_store *store, const char *prefix, struct df_deadline deadline,
                           struct df_error *error)
{
    size_t size = strlen(prefix);
    if (size == 0 || prefix[size - 1] != '/')
        return df_error_set(error, DF_ERROR_INVALID, "'%s' is no prefix to remove: it must end with '/'", prefix);
    struct df_store_backend *backend = df_store_backend_of(store, prefix, error);
    return backend ? backend->remove_prefix(backend, prefix, deadline, error) : -1;
}

/* ---- names ---- */

void df_uri_join(struct df_buf *out, const char *prefix, const char *name)
{
    size_t size = strlen(prefix);
    df_buf_put(out, prefix, size);
    if (size > 0 && prefix[size - 1] != '/')
        df_buf_put_char(out, '/');
    df_buf_put_text(out, name);
}
