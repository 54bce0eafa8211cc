/* Reading ranges of files: items are grouped by file and sorted. Those that bring their own memory are read into it,
 * one by one. Of the others near ones become one run, and a run is read in chunks through one buffer, each chunk handed
 * out as a piece per item that it touches.
 *
 * Not mapped into memory: a file that is cut while it is read is then an error, not a signal. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/size.h"
#include "store/file.h"

/* One chunk: large enough that system calls do not count, small enough that a piece is still in the L2 cache when its
 * receiver reads it. */
enum { CHUNK_BYTES = 256 * 1024 };

/* The same of what is read into place: only for the deadline's sake not the whole of it. */
enum { PLACED_BYTES = 4 * 1024 * 1024 };

/* Ranges with less than this between them are read as one: the gap costs less than what it saves on a disk that seeks.
 */
enum { GAP_BYTES = 64 * 1024 };

struct reader {
    const struct df_read *read;
    df_piece_fn *piece;
    void *ctx;
    struct df_error *error;
    size_t *order;  /* owned: items by URI, then offset */
    size_t *active; /* owned with order: items that the chunk touches */
    uint8_t *chunk; /* owned; NULL when no item needs it */
};

struct source {
    const char *uri;
    int fd;
    struct stat status;
    char etag[DF_ETAG_BYTES];
};

static const struct df_read_item *item_at(const struct reader *reader, size_t position)
{
    return &reader->read->items[reader->order[position]];
}

static uint64_t end_of(const struct df_read_item *item)
{
    return item->offset + item->size_bytes; /* check_range has seen that it does not overflow */
}

/* ---- one file ---- */

/* Without O_NONBLOCK a named pipe would hold the thread until somebody writes to it. */
static int open_source(struct source *source, const char *uri, struct df_error *error)
{
    *source = (struct source){.uri = uri, .fd = -1};
    struct df_file_path path;
    if (df_file_path_parse(&path, uri, error) < 0)
        return -1;
    do
        source->fd = open(path.text, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (source->fd < 0 && errno == EINTR);
    int errno_value = errno;
    /* A socket cannot be opened at all; what it is makes a better message than "no such device". */
    bool is_odd = source->fd < 0 && stat(path.text, &source->status) == 0 && !S_ISREG(source->status.st_mode);
    df_file_path_dispose(&path);
    if (is_odd)
        return df_file_check_regular(&source->status, uri, error);
    if (source->fd < 0)
        return df_error_set_errno(error, errno_value, "cannot read '%s'", uri);
    int result = fstat(source->fd, &source->status);
    if (result < 0)
        df_error_set_errno(error, errno, "cannot read '%s'", uri);
    else
        result = df_file_check_regular(&source->status, uri, error);
    df_file_etag(&source->status, source->etag);
    if (result < 0)
        close(source->fd);
    return result;
}

static int check_unchanged(const struct source *source, struct df_error *error)
{
    struct stat status;
    if (fstat(source->fd, &status) < 0)
        return df_error_set_errno(error, errno, "cannot read '%s'", source->uri);
    char etag[DF_ETAG_BYTES];
    df_file_etag(&status, etag);
    if (strcmp(etag, source->etag) == 0)
        return 0;
    return df_error_set(error, DF_ERROR_CONFLICT, "'%s' changed while it was read: run it again", source->uri);
}

static int check_range(const struct source *source, const struct df_read_item *item, struct df_error *error)
{
    if (item->etag && item->etag[0] && strcmp(item->etag, source->etag) != 0)
        return df_error_set(error, DF_ERROR_CONFLICT, "'%s' changed: version %s was expected, %s is there", source->uri,
                            item->etag, source->etag);
    uint64_t end, size = (uint64_t)source->status.st_size;
    if (df_u64_add(&end, item->offset, item->size_bytes) < 0 || end > size)
        return df_error_set(error, DF_ERROR_CORRUPT, "'%s' ends at byte %llu, %llu bytes from %llu were expected",
                            source->uri, (unsigned long long)size, (unsigned long long)item->size_bytes,
                            (unsigned long long)item->offset);
    return 0;
}

static int read_chunk(const struct source *source, uint64_t offset, uint8_t *to, size_t size, struct df_error *error)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(source->fd, to + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return df_error_set_errno(error, errno, "cannot read '%s'", source->uri);
        if (got == 0) {
            if (check_unchanged(source, error) < 0)
                return -1;
            return df_error_set(error, DF_ERROR_CORRUPT, "'%s' ends at byte %" PRIu64 ", its size says %lld",
                                source->uri, offset + done, (long long)source->status.st_size);
        }
        done += (size_t)got;
    }
    return 0;
}

/* ---- runs ---- */

static int check_stop(const struct reader *reader, const char *uri)
{
    const struct df_read *read = reader->read;
    if (read->cancelled && atomic_load_explicit(read->cancelled, memory_order_relaxed))
        return df_error_set(reader->error, DF_ERROR_CANCELLED, "cancelled while reading '%s'", uri);
    if (df_deadline_passed(read->deadline))
        return df_error_set(reader->error, DF_ERROR_TIMEOUT, "out of time while reading '%s'", uri);
    return 0;
}

/* Hands out what a chunk holds of each active item; those that go on behind it stay active. */
static int give_pieces(struct reader *reader, uint64_t offset, size_t size, size_t *active_count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *active_count; i++) {
        size_t index = reader->active[i];
        const struct df_read_item *item = &reader->read->items[index];
        uint64_t begin = item->offset > offset ? item->offset : offset;
        uint64_t end = end_of(item) < offset + size ? end_of(item) : offset + size;
        struct df_slice piece = df_slice_make(reader->chunk + (begin - offset), (size_t)(end - begin));
        if (check_stop(reader, item->uri) < 0)
            return -1;
        if (reader->piece(reader->ctx, index, begin - item->offset, piece, reader->error) != 0)
            return -1;
        if (end_of(item) > offset + size)
            reader->active[kept++] = index;
    }
    *active_count = kept;
    return 0;
}

static int read_run(struct reader *reader, const struct source *source, size_t first, size_t last, uint64_t end)
{
    size_t active_count = 0, size;
    for (uint64_t offset = item_at(reader, first)->offset; offset < end; offset += size) {
        size = end - offset < CHUNK_BYTES ? (size_t)(end - offset) : CHUNK_BYTES;
        if (check_stop(reader, source->uri) < 0 || read_chunk(source, offset, reader->chunk, size, reader->error) < 0)
            return -1;
        for (; first < last && item_at(reader, first)->offset < offset + size; first++)
            if (item_at(reader, first)->size_bytes > 0)
                reader->active[active_count++] = reader->order[first];
        if (give_pieces(reader, offset, size, &active_count) < 0)
            return -1;
    }
    return 0;
}

/* An item into its own memory. Neighbours are not joined: another system call costs less than a gap that is read. */
static int read_into(struct reader *reader, const struct source *source, size_t index)
{
    const struct df_read_item *item = &reader->read->items[index];
    size_t size;
    for (uint64_t at = 0; at < item->size_bytes; at += size) {
        uint64_t left = item->size_bytes - at;
        size = left < PLACED_BYTES ? (size_t)left : PLACED_BYTES;
        if (check_stop(reader, item->uri) < 0 ||
            read_chunk(source, item->offset + at, item->into + at, size, reader->error) < 0)
            return -1;
        if (reader->piece(reader->ctx, index, at, df_slice_make(item->into + at, size), reader->error) != 0)
            return -1;
    }
    return 0;
}

/* The items of one file that bring their memory; the others move up to before *last. */
static int read_placed(struct reader *reader, const struct source *source, size_t first, size_t *last)
{
    size_t kept = first;
    for (size_t i = first; i < *last; i++) {
        if (!item_at(reader, i)->into)
            reader->order[kept++] = reader->order[i];
        else if (read_into(reader, source, reader->order[i]) < 0)
            return -1;
    }
    *last = kept;
    return 0;
}

static int read_runs(struct reader *reader, const struct source *source, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        if (check_range(source, item_at(reader, i), reader->error) < 0)
            return -1;
    if (read_placed(reader, source, first, &last) < 0)
        return -1;
    while (first < last) {
        uint64_t end = end_of(item_at(reader, first));
        size_t next = first + 1;
        for (; next < last && item_at(reader, next)->offset <= end + GAP_BYTES; next++)
            if (end_of(item_at(reader, next)) > end)
                end = end_of(item_at(reader, next));
        if (read_run(reader, source, first, next, end) < 0)
            return -1;
        first = next;
    }
    return check_unchanged(source, reader->error);
}

/* ---- all files ---- */

static int compare_items(const void *a, const void *b, void *ctx)
{
    const struct df_read_item *items = ((const struct reader *)ctx)->read->items;
    const struct df_read_item *left = &items[*(const size_t *)a], *right = &items[*(const size_t *)b];
    int order = left->uri == right->uri ? 0 : strcmp(left->uri, right->uri);
    return order ? order : (left->offset > right->offset) - (left->offset < right->offset);
}

/* Bytes of the buffer; 0 when all items bring their memory. */
static size_t chunk_needed(const struct df_read *read)
{
    if (read->item_count == 1 && !read->items[0].into && read->items[0].size_bytes < CHUNK_BYTES)
        return (size_t)read->items[0].size_bytes + 1;
    for (size_t i = 0; i < read->item_count; i++)
        if (!read->items[i].into)
            return CHUNK_BYTES;
    return 0;
}

static int prepare(struct reader *reader)
{
    size_t count = reader->read->item_count, bytes;
    if (df_size_mul(&bytes, count, 2 * sizeof *reader->order) == 0)
        reader->order = malloc(bytes);
    size_t chunk_bytes = chunk_needed(reader->read);
    reader->chunk = chunk_bytes ? malloc(chunk_bytes) : NULL;
    if (!reader->order || (chunk_bytes && !reader->chunk)) {
        df_error_no_memory(reader->error, "reading files");
        return -1;
    }
    reader->active = reader->order + count;
    for (size_t i = 0; i < count; i++)
        reader->order[i] = i;
    if (count > 1)
        qsort_r(reader->order, count, sizeof *reader->order, compare_items, reader);
    return 0;
}

static int read_all(struct reader *reader)
{
    size_t count = reader->read->item_count;
    for (size_t first = 0, last; first < count; first = last) {
        const char *uri = item_at(reader, first)->uri;
        for (last = first + 1; last < count && strcmp(item_at(reader, last)->uri, uri) == 0;)
            last++;
        struct source source;
        if (check_stop(reader, uri) < 0 || open_source(&source, uri, reader->error) < 0)
            return -1;
        int result = read_runs(reader, &source, first, last);
        close(source.fd);
        if (result < 0)
            return -1;
    }
    return 0;
}

int df_file_read(struct df_store_backend *backend, const struct df_read *read, df_piece_fn *piece, void *ctx,
                 struct df_error *error)
{
    (void)backend;
    struct reader reader = {.read = read, .piece = piece, .ctx = ctx, .error = error};
    int result = prepare(&reader);
    if (result == 0)
        result = read_all(&reader);
    free(reader.order);
    free(reader.chunk);
    return result;
}
