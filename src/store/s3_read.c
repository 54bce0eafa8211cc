/* Ranged GetObject: near ranges of one object in one request, the requests in flight together. A range of one item is
 * never cut, so its pieces come in order. */
#include <stdlib.h>
#include <string.h>

#include "store/s3.h"

/* A gap so small costs less to fetch than a request of its own: at 50 MB/s, 64 KiB are 1.3 ms. */
enum { GAP_BYTES = 64 * 1024 };

struct reading {
    const struct df_read *read;
    df_piece_fn *piece;
    void *ctx;
    size_t *order; /* items sorted by object and offset */
    struct group *groups;
    size_t group_count;
};

/* Some items of one object, fetched by one request: order[first .. first + count). */
struct group {
    const struct reading *reading;
    size_t first, count;
    uint64_t begin, end; /* bytes of the object */
    uint64_t at;         /* of the object, next byte to come */
};

static int compare_items(const struct df_read_item *a, const struct df_read_item *b)
{
    int order = strcmp(a->uri, b->uri);
    if (order)
        return order;
    order = strcmp(a->etag ? a->etag : "", b->etag ? b->etag : "");
    if (order)
        return order;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static int compare_order(const void *a, const void *b, void *ctx)
{
    const struct df_read_item *items = ctx;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int order = compare_items(&items[x], &items[y]);
    return order ? order : (x > y) - (x < y);
}

static bool same_object(const struct df_read_item *a, const struct df_read_item *b)
{
    return strcmp(a->uri, b->uri) == 0 && strcmp(a->etag ? a->etag : "", b->etag ? b->etag : "") == 0;
}

/* Hands the part of `bytes` that an item wants to its owner. */
static int give_item(const struct reading *reading, size_t index, uint64_t at, struct df_slice bytes,
                     struct df_error *error)
{
    const struct df_read_item *item = &reading->read->items[index];
    uint64_t end = at + bytes.size, item_end = item->offset + item->size_bytes;
    uint64_t from = at > item->offset ? at : item->offset;
    uint64_t to = end < item_end ? end : item_end;
    if (from >= to)
        return 0;
    return reading->piece(reading->ctx, index, from - item->offset,
                          df_slice_make(bytes.data + (from - at), (size_t)(to - from)), error);
}

static int take_bytes(void *ctx, struct df_slice bytes, struct df_error *error)
{
    struct group *group = ctx;
    const struct reading *reading = group->reading;
    for (size_t i = 0; i < group->count; i++)
        if (give_item(reading, reading->order[group->first + i], group->at, bytes, error) != 0)
            return -1;
    group->at += bytes.size;
    return 0;
}

static void make_groups(struct reading *reading)
{
    const struct df_read_item *items = reading->read->items;
    for (size_t i = 0; i < reading->read->item_count; i++) {
        const struct df_read_item *item = &items[reading->order[i]];
        uint64_t end = item->offset + item->size_bytes;
        if (item->size_bytes == 0)
            continue;
        struct group *last = reading->group_count ? &reading->groups[reading->group_count - 1] : NULL;
        if (last && same_object(&items[reading->order[last->first]], item) && item->offset <= last->end + GAP_BYTES) {
            last->count = i - last->first + 1;
            last->end = end > last->end ? end : last->end;
            continue;
        }
        reading->groups[reading->group_count++] = (struct group){
            .reading = reading, .first = i, .count = 1, .begin = item->offset, .end = end, .at = item->offset};
    }
}

static int run_groups(struct df_s3_backend *backend, struct reading *reading, struct df_error *error)
{
    struct df_s3_call *calls = calloc(reading->group_count ? reading->group_count : 1, sizeof *calls);
    if (!calls)
        return df_error_no_memory(error, "reading from S3");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < reading->group_count; i++) {
        struct group *group = &reading->groups[i];
        const struct df_read_item *item = &reading->read->items[reading->order[group->first]];
        calls[i] = (struct df_s3_call){.method = "GET",
                                       .uri = item->uri,
                                       .if_match = item->etag,
                                       .has_range = true,
                                       .range_begin = group->begin,
                                       .range_end = group->end,
                                       .on_body = take_bytes,
                                       .ctx = group};
        rc = df_s3_path_parse(&calls[i].path, item->uri, error);
    }
    if (rc == 0)
        rc = df_s3_run(backend, calls, reading->group_count, reading->read->deadline, reading->read->cancelled, error);
    free(calls);
    return rc;
}

static int check_items(const struct df_read *read, struct df_error *error)
{
    for (size_t i = 0; i < read->item_count; i++)
        if (read->items[i].size_bytes > UINT64_MAX - read->items[i].offset)
            return df_error_set(error, DF_ERROR_CORRUPT, "%s: bytes %llu and %llu more are beyond any object",
                                read->items[i].uri, (unsigned long long)read->items[i].offset,
                                (unsigned long long)read->items[i].size_bytes);
    return 0;
}

int df_s3_read(struct df_store_backend *base, const struct df_read *read, df_piece_fn *piece, void *ctx,
               struct df_error *error)
{
    if (check_items(read, error) != 0)
        return -1;
    struct reading reading = {.read = read, .piece = piece, .ctx = ctx};
    reading.order = calloc(read->item_count, sizeof *reading.order);
    reading.groups = calloc(read->item_count, sizeof *reading.groups);
    int rc = -1;
    if (reading.order && reading.groups) {
        for (size_t i = 0; i < read->item_count; i++)
            reading.order[i] = i;
        qsort_r(reading.order, read->item_count, sizeof *reading.order, compare_order, (void *)read->items);
        make_groups(&reading);
        rc = run_groups((struct df_s3_backend *)base, &reading, error);
    } else {
        df_error_no_memory(error, "reading from S3");
    }
    free(reading.order);
    free(reading.groups);
    return rc;
}
