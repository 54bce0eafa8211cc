/* Section sets as objects: how they leave a process, and how another one knows them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "worker/section_set.h"

enum { COPY_BYTES = 1024 * 1024 };

static int copy_spilled(const struct df_section_set *set, struct df_store_upload *upload, struct df_error *error)
{
    uint64_t size = df_section_set_bytes(set);
    uint8_t *piece = malloc(COPY_BYTES);
    if (!piece)
        return df_error_no_memory(error, "publishing sections");
    int rc = 0;
    for (uint64_t at = 0; rc == 0 && at < size; at += COPY_BYTES) {
        size_t take = size - at < COPY_BYTES ? (size_t)(size - at) : COPY_BYTES;
        rc = df_spill_read(set->spill, set->spill_offset + at, piece, take, error);
        if (rc == 0)
            rc = df_store_upload_write(upload, df_slice_make(piece, take), error);
    }
    free(piece);
    return rc;
}

static int put_bytes(const struct df_section_set *set, struct df_store *store, const char *uri, struct df_error *error)
{
    if (!set->spill) {
        struct df_put put = {.uri = uri, .content = df_slice_make(set->bytes, (size_t)df_section_set_bytes(set))};
        return df_store_put(store, &put, NULL, error);
    }
    struct df_store_upload *upload;
    if (df_store_upload_open(store, uri, &upload, error) != 0)
        return -1;
    if (copy_spilled(set, upload, error) != 0) {
        df_store_upload_abort(upload);
        return -1;
    }
    return df_store_upload_commit(upload, error);
}

int df_section_set_publish(struct df_section_set *set, struct df_store *store, const char *uri, struct df_error *error)
{
    if (df_section_set_bytes(set) == 0 || set->uri)
        return 0;
    if (put_bytes(set, store, uri, error) != 0)
        return -1;
    set->uri = strdup(uri);
    set->store = store;
    return set->uri ? 0 : df_error_no_memory(error, "publishing sections");
}

const char *df_section_set_uri(const struct df_section_set *set)
{
    return set->uri;
}

void df_section_set_put_sizes(const struct df_section_set *set, struct df_buf *out)
{
    for (uint32_t section = 0; section < set->sections; section++)
        df_buf_put_varint(out, df_section_set_size(set, section));
}

static int take_sizes(struct df_section_set *set, struct df_slice sizes, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(sizes);
    for (uint32_t section = 0; section < set->sections; section++) {
        uint64_t size;
        /* 2^40 per set: a sum over all producers then stays far below 2^64. */
        if (!df_cursor_take_varint(&cursor, &size) ||
            df_u64_add(&set->offsets[section + 1], set->offsets[section], size) != 0 ||
            set->offsets[section + 1] > UINT64_C(1) << 40)
            return df_error_set(error, DF_ERROR_CORRUPT, "%s: the size of section %" PRIu32 " makes no sense", set->uri,
                                section);
    }
    if (df_cursor_left(&cursor) != 0)
        return df_error_set(error, DF_ERROR_CORRUPT, "%s: sizes of more than %" PRIu32 " sections", set->uri,
                            set->sections);
    return 0;
}

int df_section_set_of_object(struct df_section_set **out, uint32_t sections, const char *uri, struct df_slice sizes,
                             struct df_store *store, struct df_error *error)
{
    *out = NULL;
    struct df_section_set *set;
    /* A varint has one byte at least: what is announced costs memory only when it is there. */
    if (uri && sizes.size < sections)
        return df_error_set(error, DF_ERROR_CORRUPT, "%s: sizes of %zu sections at most, expected %" PRIu32, uri,
                            sizes.size, sections);
    if (df_section_set_create(&set, sections, uri == NULL, NULL, error) != 0)
        return -1;
    set->store = store;
    int rc = 0;
    if (uri) {
        set->uri = strdup(uri);
        rc = set->uri ? take_sizes(set, sizes, error) : df_error_no_memory(error, "taking sections");
    }
    if (rc != 0) {
        df_section_set_free(set);
        return -1;
    }
    *out = set;
    return 0;
}
