/* ListObjectsV2, page by page, and what a PATH of a command line means there: an object, everything below a prefix, or
 * a glob. Keys come in byte order from S3 itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/glob.h"
#include "store/s3.h"
#include "store/s3_xml.h"

enum { PAGE_BYTES_MAX = 16 * 1024 * 1024 };

struct entry {
    char *key; /* in the page's arena */
    uint64_t size_bytes;
    char etag[DF_ETAG_BYTES];
};

struct listing {
    struct df_store_listing base;
    struct df_s3_backend *backend;
    struct df_arena arena; /* of the listing */
    char *uri, *bucket, *prefix, *pattern;
    bool recursive, is_glob, everything;
    struct df_glob glob;
    char *exact; /* the key that would be the object itself; NULL: a prefix was named */
    bool found_any, looked_for_exact, done;

    /* The page. */
    struct df_arena page_arena;
    struct entry *entries;
    size_t entry_count, entry_capacity, next_entry;
    struct entry current;
    char *token; /* of the next page, malloc; NULL: this was the last */
    bool truncated;
    struct df_buf uri_out;
};

/* ---- a page ---- */

/* Keys come URL-encoded (encoding-type=url), because XML cannot carry every character; '+' is a blank there. */
static char *decode_key(struct listing *listing, const char *text)
{
    struct df_buf spaced = {0}, key = {0};
    for (const char *at = text; *at; at++)
        df_buf_put_char(&spaced, *at == '+' ? ' ' : *at);
    char *copy = NULL;
    if (df_http_put_decoded(&key, df_buf_slice(&spaced)) && !df_buf_failed(&key))
        copy = df_arena_text(&listing->page_arena, df_buf_slice(&key));
    df_buf_dispose(&spaced);
    df_buf_dispose(&key);
    return copy;
}

static int push_entry(struct listing *listing, struct df_error *error)
{
    if (listing->entry_count == listing->entry_capacity) {
        size_t capacity = listing->entry_capacity ? listing->entry_capacity * 2 : 256;
        struct entry *entries = realloc(listing->entries, capacity * sizeof *entries);
        if (!entries)
            return df_error_no_memory(error, "listing a bucket");
        listing->entries = entries;
        listing->entry_capacity = capacity;
    }
    if (!listing->current.key)
        return df_error_set(error, DF_ERROR_CORRUPT, "%s: a listing has an object without a readable key",
                            listing->uri);
    listing->entries[listing->entry_count++] = listing->current;
    listing->current = (struct entry){0};
    return 0;
}

static int take_element(void *ctx, const char *parent, const char *name, const char *text, struct df_error *error)
{
    struct listing *listing = ctx;
    if (strcmp(parent, "Contents") == 0 && text) {
        if (strcmp(name, "Key") == 0)
            listing->current.key = decode_key(listing, text);
        else if (strcmp(name, "Size") == 0)
            listing->current.size_bytes = strtoull(text, NULL, 10);
        else if (strcmp(name, "ETag") == 0)
            snprintf(listing->current.etag, sizeof listing->current.etag, "%s", text);
        return 0;
    }
    if (strcmp(parent, "ListBucketResult") != 0)
        return 0;
    if (strcmp(name, "Contents") == 0)
        return push_entry(listing, error);
    if (text && strcmp(name, "IsTruncated") == 0)
        listing->truncated = strcmp(text, "true") == 0;
    if (text && strcmp(name, "NextContinuationToken") == 0) {
        free(listing->token);
        listing->token = strdup(text);
        if (!listing->token)
            return df_error_no_memory(error, "listing a bucket");
    }
    return 0;
}

static void put_query(struct listing *listing, const char *prefix, bool only_first, const char *token,
                      struct df_buf *query)
{
    if (token) {
        df_buf_put_text(query, "continuation-token=");
        df_http_put_encoded(query, df_slice_text(token), false);
        df_buf_put_char(query, '&');
    }
    if (!listing->recursive && !only_first)
        df_buf_put_text(query, "delimiter=%2F&");
    df_buf_put_text(query, "encoding-type=url&list-type=2");
    if (only_first)
        df_buf_put_text(query, "&max-keys=1");
    df_buf_put_text(query, "&prefix=");
    df_http_put_encoded(query, df_slice_text(prefix), false);
}

static int fetch_page(struct listing *listing, const char *prefix, bool only_first, struct df_error *error)
{
    struct df_buf query = {0};
    char *token = listing->token;
    listing->token = NULL;
    put_query(listing, prefix, only_first, token, &query);
    free(token);
    df_arena_dispose(&listing->page_arena);
    listing->entry_count = listing->next_entry = 0;
    listing->truncated = false;
    listing->current = (struct entry){0};
    struct df_s3_call call = {.method = "GET",
                              .uri = listing->uri,
                              .path = {.bucket = df_slice_text(listing->bucket)},
                              .query = df_buf_slice(&query)};
    int rc = df_buf_failed(&query) ? df_error_no_memory(error, "listing a bucket")
                                   : df_s3_run(listing->backend, &call, 1, df_deadline_never(), NULL, error);
    if (rc == 0 && call.answer.size > PAGE_BYTES_MAX)
        rc = df_error_set(error, DF_ERROR_CORRUPT, "%s: a page of a listing has %zu bytes", listing->uri,
                          call.answer.size);
    if (rc == 0 && df_xml_walk(df_buf_slice(&call.answer), take_element, listing, error) != 0)
        rc = df_error_prefix(error, "listing of %s", listing->uri);
    if (rc == 0 && listing->truncated && !listing->token)
        rc = df_error_set(error, DF_ERROR_CORRUPT, "%s: a listing goes on, but gives no token to go on with",
                          listing->uri);
    df_s3_call_dispose(&call);
    df_buf_dispose(&query);
    return rc;
}

/* ---- what is wanted ---- */

static bool below_is_hidden(const char *path)
{
    for (const char *name = path; name; name = strchr(name, '/')) {
        name += *name == '/';
        if (*name == '.' || *name == '_')
            return true;
    }
    return false;
}

static bool is_wanted(const struct listing *listing, const struct entry *entry)
{
    size_t size = strlen(entry->key), prefix_size = strlen(listing->prefix);
    if (size < prefix_size || strncmp(entry->key, listing->prefix, prefix_size) != 0)
        return false;
    if (listing->everything)
        return true;
    if (size == 0 || entry->key[size - 1] == '/')
        return false; /* the mark of a folder */
    if (listing->is_glob)
        return df_glob_match(&listing->glob, df_slice_text(entry->key));
    const char *below = entry->key + prefix_size;
    if (below_is_hidden(below))
        return false;
    const char *name = strrchr(below, '/');
    return !listing->pattern ||
           df_glob_match_name(df_slice_text(listing->pattern), df_slice_text(name ? name + 1 : below));
}

static int give(struct listing *listing, const struct entry *entry, struct df_object *out, struct df_error *error)
{
    df_buf_clear(&listing->uri_out);
    df_buf_printf(&listing->uri_out, "s3://%s/%s", listing->bucket, entry->key);
    *out = (struct df_object){.uri = df_buf_text(&listing->uri_out), .size_bytes = entry->size_bytes};
    memcpy(out->etag, entry->etag, sizeof out->etag);
    listing->found_any = true;
    return df_buf_failed(&listing->uri_out) ? df_error_no_memory(error, "listing a bucket") : 1;
}

/* The first key with this prefix, in byte order, is the object itself if there is one. Needs no more than ListBucket.
 */
static int look_for_exact(struct listing *listing, struct df_object *out, struct df_error *error)
{
    listing->looked_for_exact = true;
    if (fetch_page(listing, listing->exact, true, error) != 0)
        return -1;
    bool found = listing->entry_count && strcmp(listing->entries[0].key, listing->exact) == 0;
    struct entry entry = found ? listing->entries[0] : (struct entry){0};
    listing->entry_count = listing->next_entry = 0;
    free(listing->token);
    listing->token = NULL;
    if (!found)
        return 0;
    listing->done = true;
    return give(listing, &entry, out, error);
}

static int next(struct df_store_listing *base, struct df_object *out, struct df_error *error)
{
    struct listing *listing = (struct listing *)base;
    if (listing->exact && !listing->looked_for_exact) {
        int rc = look_for_exact(listing, out, error);
        if (rc != 0)
            return rc;
        listing->truncated = true; /* nothing of the prefix has been asked for */
    }
    while (!listing->done) {
        while (listing->next_entry < listing->entry_count) {
            const struct entry *entry = &listing->entries[listing->next_entry++];
            if (is_wanted(listing, entry))
                return give(listing, entry, out, error);
        }
        if (!listing->truncated) {
            listing->done = true;
            break;
        }
        if (fetch_page(listing, listing->prefix, false, error) != 0)
            return -1;
    }
    if (!listing->found_any && listing->exact)
        return df_error_set(error, DF_ERROR_NOT_FOUND, "%s: no such object, and nothing below it", listing->uri);
    return 0;
}

static void close_listing(struct df_store_listing *base)
{
    struct listing *listing = (struct listing *)base;
    df_arena_dispose(&listing->page_arena);
    df_arena_dispose(&listing->arena);
    df_buf_dispose(&listing->uri_out);
    free(listing->entries);
    free(listing->token);
    free(listing);
}

/* ---- opening ---- */

static struct listing *new_listing(struct df_s3_backend *backend, const char *uri, const struct df_s3_path *path)
{
    struct listing *listing = calloc(1, sizeof *listing);
    if (!listing)
        return NULL;
    listing->base = (struct df_store_listing){.next = next, .close = close_listing};
    listing->backend = backend;
    listing->uri = df_arena_text(&listing->arena, df_slice_text(uri));
    listing->bucket = df_arena_text(&listing->arena, path->bucket);
    listing->prefix = df_arena_text(&listing->arena, path->key);
    listing->truncated = true;
    listing->recursive = true;
    if (listing->uri && listing->bucket && listing->prefix)
        return listing;
    close_listing(&listing->base);
    return NULL;
}

/* The part of a glob that stands before its first wildcard, up to its last '/'. */
static int use_glob(struct listing *listing, struct df_slice key, struct df_error *error)
{
    char *text = df_arena_text(&listing->arena, key);
    if (!text)
        return df_error_no_memory(error, "listing a bucket");
    listing->is_glob = true;
    size_t fixed = strcspn(text, "*?[");
    while (fixed && text[fixed - 1] != '/')
        fixed--;
    listing->prefix[fixed] = '\0';
    listing->exact = text; /* a key that is spelt like a glob wins */
    return df_glob_parse(&listing->glob, df_slice_text(text), error);
}

static int use_prefix(struct listing *listing, struct df_slice key, const struct df_list_options *options,
                      struct df_error *error)
{
    listing->recursive = options->recursive;
    if (options->pattern) {
        listing->pattern = df_arena_text(&listing->arena, df_slice_text(options->pattern));
        if (!listing->pattern)
            return df_error_no_memory(error, "listing a bucket");
    }
    if (key.size == 0 || key.data[key.size - 1] == '/')
        return 0;
    listing->exact = listing->prefix;
    struct df_buf folder = {0};
    df_buf_put_slice(&folder, key);
    df_buf_put_char(&folder, '/');
    listing->prefix = df_buf_failed(&folder) ? NULL : df_arena_text(&listing->arena, df_buf_slice(&folder));
    df_buf_dispose(&folder);
    return listing->prefix ? 0 : df_error_no_memory(error, "listing a bucket");
}

int df_s3_list(struct df_store_backend *base, const char *uri, const struct df_list_options *options,
               struct df_store_listing **out, struct df_error *error)
{
    struct df_s3_path path;
    if (df_s3_path_parse(&path, uri, error) != 0)
        return -1;
    struct listing *listing = new_listing((struct df_s3_backend *)base, uri, &path);
    if (!listing)
        return df_error_no_memory(error, "listing a bucket");
    int rc = df_glob_is_pattern(path.key) ? use_glob(listing, path.key, error)
                                          : use_prefix(listing, path.key, options, error);
    if (rc != 0) {
        close_listing(&listing->base);
        return -1;
    }
    *out = &listing->base;
    return 0;
}

int df_s3_list_all(struct df_s3_backend *backend, const char *prefix, struct df_store_listing **out,
                   struct df_error *error)
{
    struct df_s3_path path;
    if (df_s3_path_parse(&path, prefix, error) != 0)
        return -1;
    struct listing *listing = new_listing(backend, prefix, &path);
    if (!listing)
        return df_error_no_memory(error, "listing a bucket");
    listing->everything = true;
    *out = &listing->base;
    return 0;
}
