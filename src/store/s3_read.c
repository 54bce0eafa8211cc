/* Ranged GetObject: near ranges of one object in one request, the requests in flight together. A range of one item is
 * never cut, so its pieces come in order. An item without bytes, or one that cannot lie in any object, has its place
 * checked by a HEAD. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3.h"

/* A gap so small costs less to fetch than a request of its own: at 50 MB/s, 64 KiB are 1.3 ms. */
enum {
    GAP_BYTES = 64 * 1024,
    /* A connection to S3 carries some 80 MB/s: what is longer is better fetched by several. */
    GROUP_BYTES = 8 * 1024 * 1024,
};

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
    /* Of order[first …]: the first open_count are items that have begun and not ended, next is the first not begun. */
    size_t open_count, next;
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

static int check_cancelled(const struct df_read *read, size_t index, struct df_error *error)
{
    if (read->cancelled && atomic_load(read->cancelled))
        return df_error_set(error, DF_ERROR_CANCELLED, "'%s': cancelled while it was read", read->items[index].uri);
    return 0;
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
    if (check_cancelled(reading->read, index, error) != 0)
        return -1;
    struct df_slice piece = df_slice_make(bytes.data + (from - at), (size_t)(to - from));
    if (item->into) {
        memcpy(item->into + (from - item->offset), piece.data, piece.size);
        piece.data = item->into + (from - item->offset);
    }
    return reading->piece(reading->ctx, index, from - item->offset, piece, error);
}

static int take_bytes(void *ctx, struct df_slice bytes, struct df_error *error)
{
    struct group *group = ctx;
    const struct reading *reading = group->reading;
    const struct df_read_item *items = reading->read->items;
    size_t *order = reading->order + group->first;
    uint64_t end = group->at + bytes.size;
    while (group->next < group->count && items[order[group->next]].offset < end)
        order[group->open_count++] = order[group->next++];
    size_t still_open = 0;
    for (size_t i = 0; i < group->open_count; i++) {
        const struct df_read_item *item = &items[order[i]];
        if (give_item(reading, order[i], group->at, bytes, error) != 0)
            return -1;
        if (item->offset + item->size_bytes > end)
            order[still_open++] = order[i];
    }
    group->open_count = still_open;
    group->at = end;
    return 0;
}

static bool is_plain(const struct df_read_item *item)
{
    return item->size_bytes > 0 && item->size_bytes <= UINT64_MAX - item->offset;
}

static bool joins(const struct df_read_item *items, const struct reading *reading, const struct group *group,
                  const struct df_read_item *item)
{
    if (!same_object(&items[reading->order[group->first]], item) || item->offset > group->end + GAP_BYTES)
        return false;
    return item->offset < group->end || group->end - group->begin < GROUP_BYTES;
}

/* Those that need a HEAD go to the end of the order, which stays sorted before them. */
static size_t put_plain_first(struct reading *reading)
{
    const struct df_read_item *items = reading->read->items;
    size_t plain = 0, other = reading->read->item_count;
    for (size_t i = 0; i < reading->read->item_count; i++)
        reading->order[is_plain(&items[i]) ? plain++ : --other] = i;
    qsort_r(reading->order, plain, sizeof *reading->order, compare_order, (void *)items);
    return plain;
}

static void make_groups(struct reading *reading, size_t plain_count)
{
    const struct df_read_item *items = reading->read->items;
    assert(reading->groups);
    for (size_t i = 0; i < plain_count; i++) {
        const struct df_read_item *item = &items[reading->order[i]];
        uint64_t end = item->offset + item->size_bytes;
        struct group *last = reading->group_count ? &reading->groups[reading->group_count - 1] : NULL;
        if (last && joins(items, reading, last, item)) {
            last->count++;
            last->end = end > last->end ? end : last->end;
            continue;
        }
        reading->groups[reading->group_count++] = (struct group){
            .reading = reading, .first = i, .count = 1, .begin = item->offset, .end = end, .at = item->offset};
    }
}

static int prepare_calls(struct reading *reading, size_t plain_count, struct df_s3_call *calls, struct df_error *error)
{
    const struct df_read *read = reading->read;
    size_t count = 0;
    for (; count < reading->group_count; count++) {
        struct group *group = &reading->groups[count];
        const struct df_read_item *item = &read->items[reading->order[group->first]];
        calls[count] = (struct df_s3_call){.method = "GET",
                                           .uri = item->uri,
                                           .if_match = item->etag,
                                           .has_range = true,
                                           .range_begin = group->begin,
                                           .range_end = group->end,
                                           .on_body = take_bytes,
                                           .ctx = group};
    }
    for (size_t i = plain_count; i < read->item_count; i++, count++) {
        const struct df_read_item *item = &read->items[reading->order[i]];
        calls[count] = (struct df_s3_call){.method = "HEAD", .uri = item->uri, .if_match = item->etag};
    }
    for (size_t i = 0; i < count; i++)
        if (df_s3_path_parse(&calls[i].path, calls[i].uri, error) != 0)
            return -1;
    return 0;
}

/* After the run: the places of the items that got no bytes, and that all ranges of an object were of one version. */
static int check_answers(const struct reading *reading, size_t plain_count, const struct df_s3_call *calls,
                         size_t count, struct df_error *error)
{
    for (size_t i = reading->group_count; i < count; i++) {
        const struct df_read_item *item = &reading->read->items[reading->order[plain_count + i - reading->group_count]];
        if (item->offset > calls[i].length_bytes || item->size_bytes > calls[i].length_bytes - item->offset)
            return df_error_set(error, DF_ERROR_CORRUPT, "'%s' ends at byte %llu, %llu bytes from %llu on were wanted",
                                item->uri, (unsigned long long)calls[i].length_bytes,
                                (unsigned long long)item->size_bytes, (unsigned long long)item->offset);
    }
    for (size_t i = 1; i < reading->group_count; i++)
        if (strcmp(calls[i].uri, calls[i - 1].uri) == 0 && strcmp(calls[i].etag, calls[i - 1].etag) != 0)
            return df_error_set(error, DF_ERROR_CONFLICT, "'%s' changed while it was read; run the query again",
                                calls[i].uri);
    return 0;
}

static int run_groups(struct df_s3_backend *backend, struct reading *reading, size_t plain_count,
                      struct df_error *error)
{
    size_t count = reading->group_count + (reading->read->item_count - plain_count);
    struct df_s3_call *calls = calloc(count, sizeof *calls);
    if (!calls)
        return df_error_no_memory(error, "reading from S3");
    int rc = prepare_calls(reading, plain_count, calls, error);
    if (rc == 0)
        rc = df_s3_run(backend, calls, count, reading->read->deadline, reading->read->cancelled, error);
    if (rc == 0)
        rc = check_answers(reading, plain_count, calls, count, error);
    for (size_t i = 0; i < count; i++)
        df_s3_call_dispose(&calls[i]);
    free(calls);
    return rc;
}

int df_s3_read(struct df_store_backend *base, const struct df_read *read, df_piece_fn *piece, void *ctx,
               struct df_error *error)
{
    struct reading reading = {.read = read, .piece = piece, .ctx = ctx};
    reading.order = calloc(read->item_count, sizeof *reading.order);
    reading.groups = calloc(read->item_count, sizeof *reading.groups);
    int rc = -1;
    if (reading.order && reading.groups) {
        size_t plain_count = put_plain_first(&reading);
        make_groups(&reading, plain_count);
        rc = run_groups((struct df_s3_backend *)base, &reading, plain_count, error);
    } else {
        df_error_no_memory(error, "reading from S3");
    }
    free(reading.order);
    free(reading.groups);
    return rc;
}
