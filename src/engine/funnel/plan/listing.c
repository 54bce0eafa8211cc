#include "engine/funnel/plan/listing.h"

#include <stdlib.h>

#include "base/hash.h"

/* Places that were handed out, for a request of several paths: one path never names a file twice. */
struct seen {
    char **names; /* open addressing, owned */
    size_t count, capacity;
};

struct df_funnel_listing {
    const struct df_query *query;
    const struct df_funnel_request *request;
    uint32_t file; /* the next of those that are known */
    uint32_t path; /* the next to open; the open one is before it */
    bool found;    /* a file below the open path */
    struct df_store_listing *open;
    struct seen seen;
};

void df_funnel_object_dispose(struct df_funnel_object *object)
{
    df_buf_dispose(&object->uri);
}

int df_funnel_listing_open(struct df_funnel_listing **listing, const struct df_query *query,
                           const struct df_funnel_request *request, struct df_error *error)
{
    *listing = calloc(1, sizeof **listing);
    if (!*listing)
        return df_error_no_memory(error, "listing files");
    (*listing)->query = query;
    (*listing)->request = request;
    return 0;
}

void df_funnel_listing_close(struct df_funnel_listing *listing)
{
    if (!listing)
        return;
    if (listing->open)
        df_store_list_close(listing->open);
    for (size_t i = 0; i < listing->seen.capacity; i++)
        free(listing->seen.names[i]);
    free(listing->seen.names);
    free(listing);
}

/* One spelling for a place: without file://, "./" and double slashes. Written by hand, as a path of another scheme
 * means nothing to this machine. */
static char *normalised(const char *uri)
{
    if (strncmp(uri, "file://", 7) == 0)
        uri += 7;
    if (strstr(uri, "://"))
        return strdup(uri);
    char *out = malloc(strlen(uri) + 1);
    if (!out)
        return NULL;
    size_t n = 0;
    for (const char *at = uri; *at;) {
        bool begins = n == 0 || out[n - 1] == '/';
        if (begins && at[0] == '.' && at[1] == '/')
            at += 2;
        else if (n > 0 && begins && *at == '/')
            at++;
        else
            out[n++] = *at++;
    }
    out[n] = '\0';
    return out;
}

static void seen_place(char **names, size_t capacity, char *name)
{
    size_t at = df_hash_bytes(df_slice_text(name)) & (capacity - 1);
    while (names[at])
        at = (at + 1) & (capacity - 1);
    names[at] = name;
}

static int seen_grow(struct seen *seen)
{
    if (seen->count * 2 < seen->capacity)
        return 0;
    size_t capacity = seen->capacity ? seen->capacity * 2 : 64;
    char **names = calloc(capacity, sizeof *names);
    if (!names)
        return -1;
    for (size_t i = 0; i < seen->capacity; i++)
        if (seen->names[i])
            seen_place(names, capacity, seen->names[i]);
    free(seen->names);
    seen->names = names;
    seen->capacity = capacity;
    return 0;
}

/* 1: new; 0: was there; -1: no memory. */
static int seen_add(struct seen *seen, const char *uri)
{
    char *name = normalised(uri);
    if (!name || seen_grow(seen) < 0) {
        free(name);
        return -1;
    }
    for (size_t at = df_hash_bytes(df_slice_text(name)) & (seen->capacity - 1); seen->names[at];
         at = (at + 1) & (seen->capacity - 1)) {
        if (strcmp(seen->names[at], name) == 0) {
            free(name);
            return 0;
        }
    }
    seen_place(seen->names, seen->capacity, name);
    seen->count++;
    return 1;
}

/* Opens the next path; 0 when there is none. */
static int open_path(struct df_funnel_listing *listing, struct df_error *error)
{
    if (listing->path == listing->request->dataset.path_count)
        return 0;
    struct df_list_options options = {
        .pattern = listing->request->dataset.pattern, .recursive = true, .cancelled = listing->query->cancelled};
    if (df_store_list_open(listing->query->store, listing->request->dataset.paths[listing->path], &options,
                           &listing->open, error) < 0) {
        listing->open = NULL;
        return -1;
    }
    listing->path++;
    listing->found = false;
    return 1;
}

static int close_path(struct df_funnel_listing *listing, struct df_error *error)
{
    df_store_list_close(listing->open);
    listing->open = NULL;
    if (listing->found)
        return 0;
    return df_error_set(error, DF_ERROR_NOT_FOUND, "no %s below '%s'; name a folder or a file that holds events",
                        listing->request->dataset.pattern, listing->request->dataset.paths[listing->path - 1]);
}

static int take_object(const struct df_object *from, struct df_funnel_object *object, struct df_error *error)
{
    df_buf_clear(&object->uri);
    df_buf_put_text(&object->uri, from->uri);
    df_buf_put_u8(&object->uri, 0);
    object->uri.size -= object->uri.size > 0;
    if (df_buf_failed(&object->uri))
        return df_error_no_memory(error, "listing files");
    object->size_bytes = from->size_bytes;
    memcpy(object->etag, from->etag, sizeof object->etag);
    object->etag[sizeof object->etag - 1] = '\0';
    return 1;
}

/* A file of a registration: its place, and what is known of it. */
static int next_registered(struct df_funnel_listing *listing, struct df_funnel_object *object, struct df_error *error)
{
    const struct df_funnel_dataset *dataset = &listing->request->dataset;
    if (listing->file == dataset->file_count)
        return 0;
    const struct df_funnel_listed *file = &dataset->files[listing->file++];
    return take_object(&(struct df_object){.uri = file->uri, .size_bytes = file->size_bytes}, object, error);
}

int df_funnel_listing_next(struct df_funnel_listing *listing, struct df_funnel_object *object, struct df_error *error)
{
    if (listing->request->dataset.file_count > 0)
        return next_registered(listing, object, error);
    for (;;) {
        struct df_object found;
        int result = listing->open ? 1 : open_path(listing, error);
        if (result <= 0)
            return result;
        result = df_store_list_next(listing->open, &found, error);
        if (result < 0)
            return -1;
        if (result == 0) {
            if (close_path(listing, error) < 0)
                return -1;
            continue;
        }
        listing->found = true;
        if (listing->request->dataset.path_count > 1)
            result = seen_add(&listing->seen, found.uri);
        if (result < 0)
            return df_error_no_memory(error, "listing files");
        if (result > 0)
            return take_object(&found, object, error);
    }
}
