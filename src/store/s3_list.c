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
    const atomic_bool *cancelled;
    struct df_deadline deadline;
    char *uri, *bucket;
    char *prefix;        /* of the keys that are asked for */
    size_t below;        /* the part of it that is not matched: the folder that was named */
    char *name_pattern;  /* NULL: every name */
    struct df_glob glob; /* of what is behind `below`; without parts for a folder */
    bool recursive, everything;
    bool one_object; /* the name is an object's: page and entries hold it alone */

    /* The page. */
    struct df_arena page_arena;
    struct entry *entries;
    size_t entry_count, entry_capacity, next_entry;
    size_t folder_count; /* common prefixes, where a delimiter was asked for */
    struct entry current;
    bool is_encoded; /* the server says that keys are URL-encoded */
    char *token;     /* of the next page, malloc; NULL: this was the last */
    bool truncated;  /* there are more pages */
    bool is_listing; /* the answer is one */
    struct df_buf uri_out;
};

/* ---- a page ---- */

/* Keys come URL-encoded when the server can (encoding-type=url), because XML cannot carry every character; '+' is a
 * blank there. */
static int decode_keys(struct listing *listing, struct df_error *error)
{
    struct df_buf spaced = {0}, key = {0};
    bool ok = true;
    for (size_t i = 0; ok && listing->is_encoded && i < listing->entry_count; i++) {
        df_buf_clear(&spaced);
        df_buf_clear(&key);
        for (const char *at = listing->entries[i].key; *at; at++)
            df_buf_put_char(&spaced, *at == '+' ? ' ' : *at);
        ok = df_http_put_decoded(&key, df_buf_slice(&spaced)) && !df_buf_failed(&spaced) && !df_buf_failed(&key) &&
             (key.size == 0 || !memchr(key.data, 0, key.size)) &&
             (listing->entries[i].key = df_arena_text(&listing->page_arena, df_buf_slice(&key)));
    }
    df_buf_dispose(&spaced);
    df_buf_dispose(&key);
    return ok ? 0 : df_error_set(error, DF_ERROR_CORRUPT, "an object's key is not encoded as it should be");
}

static bool parse_size(const char *text, uint64_t *size)
{
    size_t digits = strspn(text, "0123456789");
    *size = strtoull(text, NULL, 10);
    return digits > 0 && digits < 19 && text[digits] == '\0';
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
        return df_error_set(error, DF_ERROR_CORRUPT, "an object has no key");
    listing->entries[listing->entry_count++] = listing->current;
    listing->current = (struct entry){0};
    return 0;
}

static int take_element(void *ctx, const char *parent, const char *name, const char *text, struct df_error *error)
{
    struct listing *listing = ctx;
    if (strcmp(parent, "Contents") == 0 && text) {
        if (strcmp(name, "Key") == 0)
            listing->current.key = df_arena_text(&listing->page_arena, df_slice_text(text));
        else if (strcmp(name, "Size") == 0 && !parse_size(text, &listing->current.size_bytes))
            return df_error_set(error, DF_ERROR_CORRUPT, "an object has '%.40s' bytes", text);
        else if (strcmp(name, "ETag") == 0 && strlen(text) < sizeof listing->current.etag)
            snprintf(listing->current.etag, sizeof listing->current.etag, "%s", text);
        return 0;
    }
    if (strcmp(parent, "CommonPrefixes") == 0)
        listing->folder_count++;
    if (parent[0] == '\0')
        listing->is_listing = strcmp(name, "ListBucketResult") == 0;
    if (strcmp(parent, "ListBucketResult") != 0)
        return 0;
    if (strcmp(name, "Contents") == 0)
        return push_entry(listing, error);
    if (text && strcmp(name, "IsTruncated") == 0)
        listing->truncated = strcmp(text, "true") == 0;
    if (text && strcmp(name, "EncodingType") == 0)
        listing->is_encoded = strcmp(text, "url") == 0;
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
    if (!listing->recursive && listing->glob.count == 0 && !only_first)
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
    listing->entry_count = listing->next_entry = listing->folder_count = 0;
    listing->truncated = listing->is_listing = listing->is_encoded = false;
    listing->current = (struct entry){0};
    struct df_s3_call call = {.method = "GET",
                              .uri = listing->uri,
                              .path = {.bucket = df_slice_text(listing->bucket)},
                              .query = df_buf_slice(&query)};
    int rc = df_buf_failed(&query)
                 ? df_error_no_memory(error, "listing a bucket")
                 : df_s3_run(listing->backend, &call, 1, listing->deadline, listing->cancelled, error);
    if (rc == 0 && call.answer.size > PAGE_BYTES_MAX)
        rc = df_error_set(error, DF_ERROR_CORRUPT, "'%s': a page of a listing has %zu bytes", listing->uri,
                          call.answer.size);
    if (rc == 0 && (df_xml_walk(df_buf_slice(&call.answer), take_element, listing, error) != 0 ||
                    decode_keys(listing, error) != 0))
        rc = df_error_prefix(error, "listing of '%s'", listing->uri);
    if (rc == 0 && !listing->is_listing)
        rc = df_error_set(error, DF_ERROR_CORRUPT, "'%s': expected a listing (ListBucketResult), found something else",
                          listing->uri);
    if (rc == 0 && listing->truncated && !listing->token)
        rc = df_error_set(error, DF_ERROR_CORRUPT, "'%s': a listing goes on, but gives no token to go on with",
                          listing->uri);
    df_s3_call_dispose(&call);
    df_buf_dispose(&query);
    return rc;
}

/* ---- what is wanted ---- */

static bool is_whole(const struct listing *listing, df_glob_states states)
{
    return df_glob_accepts(&listing->glob, states);
}

static bool wants_file(const struct listing *listing, df_glob_states here, struct df_slice name)
{
    if (!listing->glob.folders_only && is_whole(listing, df_glob_step(&listing->glob, here, name)))
        return true;
    return is_whole(listing, here) && !df_glob_is_hidden(name) &&
           (!listing->name_pattern || df_glob_match_name(df_slice_text(listing->name_pattern), name));
}

/* As file_list.c walks folders: what fits the pattern, and what is below folders that fit it. */
static bool is_wanted(const struct listing *listing, const struct entry *entry)
{
    if (strncmp(entry->key, listing->prefix, strlen(listing->prefix)) != 0)
        return false;
    if (listing->everything || listing->one_object)
        return true;
    const char *name = entry->key + listing->below, *slash;
    df_glob_states here = df_glob_start(&listing->glob);
    for (; (slash = strchr(name, '/')) != NULL; name = slash + 1) {
        struct df_slice folder = df_slice_make(name, (size_t)(slash - name));
        df_glob_states inside = df_glob_step(&listing->glob, here, folder);
        if (is_whole(listing, here) && listing->recursive && !df_glob_is_hidden(folder))
            inside |= UINT64_C(1) << listing->glob.count;
        if (inside == 0)
            return false;
        here = inside;
    }
    return *name && wants_file(listing, here, df_slice_text(name)); /* no name: the mark of a folder */
}

static int give(struct listing *listing, const struct entry *entry, struct df_object *out, struct df_error *error)
{
    df_buf_clear(&listing->uri_out);
    df_buf_printf(&listing->uri_out, "s3://%s/%s", listing->bucket, entry->key);
    *out = (struct df_object){.uri = df_buf_text(&listing->uri_out), .size_bytes = entry->size_bytes};
    memcpy(out->etag, entry->etag, sizeof out->etag);
    return df_buf_failed(&listing->uri_out) ? df_error_no_memory(error, "listing a bucket") : 1;
}

static int next(struct df_store_listing *base, struct df_object *out, struct df_error *error)
{
    struct listing *listing = (struct listing *)base;
    for (;;) {
        while (listing->next_entry < listing->entry_count) {
            const struct entry *entry = &listing->entries[listing->next_entry++];
            if (is_wanted(listing, entry))
                return give(listing, entry, out, error);
        }
        if (!listing->truncated)
            return 0;
        if (fetch_page(listing, listing->prefix, false, error) != 0)
            return -1;
    }
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
    listing->below = path->key.size;
    listing->truncated = true; /* nothing has been asked for */
    listing->recursive = true;
    listing->deadline = df_deadline_never();
    if (listing->uri && listing->bucket && listing->prefix)
        return listing;
    close_listing(&listing->base);
    return NULL;
}

static void forget_page(struct listing *listing)
{
    free(listing->token);
    listing->token = NULL;
    listing->entry_count = listing->next_entry = 0;
    listing->truncated = true;
}

/* Keys are matched from the bucket's root on; asked for is what the pattern says before its first wildcard. */
static int use_glob(struct listing *listing, bool recursive, struct df_error *error)
{
    char *text = df_arena_text(&listing->arena, df_slice_text(listing->prefix));
    if (!text)
        return df_error_no_memory(error, "listing a bucket");
    size_t fixed = strcspn(text, "*?[");
    while (fixed && text[fixed - 1] != '/')
        fixed--;
    listing->prefix[fixed] = '\0';
    listing->below = 0;
    listing->recursive = recursive;
    forget_page(listing);
    return df_glob_parse(&listing->glob, df_slice_text(text), error);
}

static int use_folder(struct listing *listing, bool recursive, struct df_error *error)
{
    struct df_buf folder = {0};
    df_buf_put_text(&folder, listing->prefix);
    if (listing->below && listing->prefix[listing->below - 1] != '/')
        df_buf_put_char(&folder, '/');
    listing->below = folder.size;
    listing->prefix = df_buf_failed(&folder) ? NULL : df_arena_text(&listing->arena, df_buf_slice(&folder));
    df_buf_dispose(&folder);
    listing->recursive = recursive;
    forget_page(listing);
    return listing->prefix ? 0 : df_error_no_memory(error, "listing a bucket");
}

/* Is there anything whose key begins so? Needs no more than ListBucket. */
static int look_for(struct listing *listing, const char *prefix, bool *any, struct df_error *error)
{
    forget_page(listing);
    int rc = fetch_page(listing, prefix, true, error);
    *any = rc == 0 && listing->entry_count > 0;
    return rc;
}

/* A name that may be an object's, a folder's or a glob. In byte order the first key that begins with it is the object
 * itself, if there is one. */
static int open_name(struct listing *listing, bool is_glob, bool recursive, struct df_error *error)
{
    bool any;
    if (look_for(listing, listing->prefix, &any, error) != 0)
        return -1;
    if (any && strcmp(listing->entries[0].key, listing->prefix) == 0) {
        listing->one_object = true;
        listing->entry_count = 1;
        listing->truncated = false;
        return 0;
    }
    if (!any)
        return is_glob ? use_glob(listing, recursive, error)
                       : df_error_set(error, DF_ERROR_NOT_FOUND, "'%s': no such object, and nothing below it",
                                      listing->uri);
    char *name = listing->prefix;
    if (use_folder(listing, recursive, error) != 0)
        return -1;
    if (is_glob) {
        if (look_for(listing, listing->prefix, &any, error) != 0)
            return -1;
        listing->prefix = any ? listing->prefix : name;
        forget_page(listing);
        return any ? 0 : use_glob(listing, recursive, error);
    }
    if (fetch_page(listing, listing->prefix, false, error) != 0)
        return -1;
    if (listing->entry_count == 0 && listing->folder_count == 0 && !listing->truncated)
        return df_error_set(error, DF_ERROR_NOT_FOUND, "'%s': no such object, and nothing below it", listing->uri);
    return 0;
}

static int open_listing(struct listing *listing, const struct df_list_options *options, struct df_error *error)
{
    listing->cancelled = options ? options->cancelled : NULL;
    if (options && options->pattern) {
        listing->name_pattern = df_arena_text(&listing->arena, df_slice_text(options->pattern));
        if (!listing->name_pattern)
            return df_error_no_memory(error, "listing a bucket");
    }
    bool is_glob = df_glob_is_pattern(df_slice_text(listing->prefix));
    bool recursive = options && options->recursive;
    bool is_folder = listing->below == 0 || listing->prefix[listing->below - 1] == '/';
    if (is_folder && !is_glob)
        return use_folder(listing, recursive, error);
    return open_name(listing, is_glob, recursive, error);
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
    if (open_listing(listing, options, error) != 0) {
        close_listing(&listing->base);
        return -1;
    }
    *out = &listing->base;
    return 0;
}

int df_s3_list_all(struct df_s3_backend *backend, const char *prefix, struct df_deadline deadline,
                   struct df_store_listing **out, struct df_error *error)
{
    struct df_s3_path path;
    if (df_s3_path_parse(&path, prefix, error) != 0)
        return -1;
    struct listing *listing = new_listing(backend, prefix, &path);
    if (!listing)
        return df_error_no_memory(error, "listing a bucket");
    listing->everything = true;
    listing->deadline = deadline;
    *out = &listing->base;
    return 0;
}
