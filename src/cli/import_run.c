#include "cli/import_run.h"

#include <assert.h>
#include <stdlib.h>

#include "base/bytes.h"

enum { PENDING_BYTES = 256 * 1024 };

/* ---- records ---- */

size_t df_import_record_bytes(const struct df_import_record *record)
{
    return DF_IMPORT_HEAD_BYTES + record->user_text.size + record->values.size;
}

void df_import_record_store(uint8_t *to, const struct df_import_record *record)
{
    size_t user_bytes = record->user_text.size;
    df_store_u32le(to, (uint32_t)df_import_record_bytes(record));
    df_store_u32le(to + 4, record->key.part);
    df_store_u64le(to + 8, record->key.user[0]);
    df_store_u64le(to + 16, record->key.time);
    df_store_u32le(to + 24, record->key.user_null ? UINT32_MAX : (uint32_t)user_bytes);
    if (user_bytes > 0)
        memcpy(to + DF_IMPORT_HEAD_BYTES, record->user_text.data, user_bytes);
    memcpy(to + DF_IMPORT_HEAD_BYTES + user_bytes, record->values.data, record->values.size);
}

size_t df_import_record_load(const uint8_t *from, struct df_import_record *record)
{
    uint32_t size = df_load_u32le(from), user_bytes = df_load_u32le(from + 24);
    bool user_null = user_bytes == UINT32_MAX;
    if (user_null)
        user_bytes = 0;
    record->user_text = df_slice_make(from + DF_IMPORT_HEAD_BYTES, user_bytes);
    record->key = (struct df_import_key){.part = df_load_u32le(from + 4),
                                         .user_null = user_null,
                                         .user = {df_load_u64le(from + 8)},
                                         .time = df_load_u64le(from + 16)};
    if (user_bytes > 0)
        df_import_key_set_text(&record->key, record->user_text);
    record->values = df_slice_make(from + DF_IMPORT_HEAD_BYTES + user_bytes, size - DF_IMPORT_HEAD_BYTES - user_bytes);
    return size;
}

/* ---- writing a run ---- */

int df_import_run_begin(struct df_import_run_writer *writer, struct df_spill *spill, uint64_t size_bytes,
                        struct df_error *error)
{
    *writer = (struct df_import_run_writer){.spill = spill, .run.size_bytes = size_bytes};
    return df_spill_reserve(spill, size_bytes, &writer->run.offset, error);
}

static int flush(struct df_import_run_writer *writer, struct df_error *error)
{
    if (df_buf_failed(&writer->pending))
        return df_error_no_memory(error, "sorting rows");
    if (writer->pending.size == 0)
        return 0;
    if (df_spill_write(writer->spill, writer->run.offset + writer->written, df_buf_slice(&writer->pending), error) < 0)
        return -1;
    writer->written += writer->pending.size;
    df_buf_clear(&writer->pending);
    return 0;
}

int df_import_run_put(struct df_import_run_writer *writer, const struct df_import_record *record,
                      struct df_error *error)
{
    uint8_t *place = df_buf_extend(&writer->pending, df_import_record_bytes(record));
    if (place)
        df_import_record_store(place, record);
    return writer->pending.size < PENDING_BYTES && place ? 0 : flush(writer, error);
}

int df_import_run_end(struct df_import_run_writer *writer, struct df_error *error)
{
    if (flush(writer, error) < 0)
        return -1;
    assert(writer->written == writer->run.size_bytes);
    return 0;
}

void df_import_run_dispose(struct df_import_run_writer *writer)
{
    df_buf_dispose(&writer->pending);
}

/* ---- merging ---- */

struct reader {
    struct df_import_run run; /* what is left of it */
    uint8_t *bytes;           /* owned */
    size_t begin, end;
    struct df_import_record record; /* the one at `begin` */
    size_t record_bytes;            /* 0: the run has ended */
};

struct df_import_merge {
    struct df_spill *spill;
    struct reader *readers; /* owned */
    size_t reader_count, buffer_bytes;
    uint32_t *heap; /* owned: readers that have a record, the least first */
    size_t heap_count;
    bool started;
};

static int fill(struct df_import_merge *merge, struct reader *reader, struct df_error *error)
{
    memmove(reader->bytes, reader->bytes + reader->begin, reader->end - reader->begin);
    reader->end -= reader->begin;
    reader->begin = 0;
    uint64_t size = merge->buffer_bytes - reader->end;
    if (size > reader->run.size_bytes)
        size = reader->run.size_bytes;
    if (df_spill_read(merge->spill, reader->run.offset, reader->bytes + reader->end, (size_t)size, error) < 0)
        return -1;
    reader->run.offset += size;
    reader->run.size_bytes -= size;
    reader->end += (size_t)size;
    return 0;
}

static bool is_whole(const struct reader *reader)
{
    size_t left = reader->end - reader->begin;
    return left >= DF_IMPORT_HEAD_BYTES && df_load_u32le(reader->bytes + reader->begin) <= left;
}

static int advance(struct df_import_merge *merge, struct reader *reader, struct df_error *error)
{
    reader->begin += reader->record_bytes;
    reader->record_bytes = 0;
    if (reader->begin == reader->end && reader->run.size_bytes == 0)
        return 0;
    if (!is_whole(reader) && fill(merge, reader, error) < 0)
        return -1;
    if (!is_whole(reader))
        return df_error_set(error, DF_ERROR_INTERNAL, "a temporary file is not what was written to it");
    reader->record_bytes = df_import_record_load(reader->bytes + reader->begin, &reader->record);
    return 0;
}

/* Keys of records are their first member. */
static struct df_slice text_of_record(const void *ctx, const struct df_import_key *key)
{
    (void)ctx;
    return ((const struct df_import_record *)(const void *)key)->user_text;
}

static bool is_less(const struct df_import_merge *merge, uint32_t a, uint32_t b)
{
    const struct df_import_record *first = &merge->readers[a].record, *second = &merge->readers[b].record;
    int result = df_import_key_compare(&first->key, &second->key, text_of_record, NULL);
    return result ? result < 0 : a < b;
}

static void sink(struct df_import_merge *merge, size_t at)
{
    uint32_t moving = merge->heap[at];
    for (size_t child; (child = at * 2 + 1) < merge->heap_count; at = child) {
        if (child + 1 < merge->heap_count && is_less(merge, merge->heap[child + 1], merge->heap[child]))
            child++;
        if (!is_less(merge, merge->heap[child], moving))
            break;
        merge->heap[at] = merge->heap[child];
    }
    merge->heap[at] = moving;
}

static int start(struct df_import_merge *merge, struct df_error *error)
{
    for (size_t i = 0; i < merge->reader_count; i++) {
        if (advance(merge, &merge->readers[i], error) < 0)
            return -1;
        if (merge->readers[i].record_bytes > 0)
            merge->heap[merge->heap_count++] = (uint32_t)i;
    }
    for (size_t i = merge->heap_count / 2; i-- > 0;)
        sink(merge, i);
    merge->started = true;
    return 0;
}

static int replace_least(struct df_import_merge *merge, struct df_error *error)
{
    struct reader *reader = &merge->readers[merge->heap[0]];
    if (advance(merge, reader, error) < 0)
        return -1;
    if (reader->record_bytes == 0)
        merge->heap[0] = merge->heap[--merge->heap_count];
    if (merge->heap_count > 0)
        sink(merge, 0);
    return 0;
}

int df_import_merge_next(struct df_import_merge *merge, struct df_import_record *record, struct df_error *error)
{
    if (!merge->started) {
        if (start(merge, error) < 0)
            return -1;
    } else if (merge->heap_count > 0 && replace_least(merge, error) < 0) {
        return -1;
    }
    if (merge->heap_count == 0)
        return 0;
    *record = merge->readers[merge->heap[0]].record;
    return 1;
}

int df_import_merge_open(struct df_import_merge **merge, struct df_spill *spill, const struct df_import_run *runs,
                         size_t run_count, size_t buffer_bytes, struct df_error *error)
{
    struct df_import_merge *made = calloc(1, sizeof *made);
    *merge = made;
    if (made) {
        made->spill = spill;
        made->buffer_bytes = buffer_bytes;
        made->readers = calloc(run_count ? run_count : 1, sizeof *made->readers);
        made->heap = calloc(run_count ? run_count : 1, sizeof *made->heap);
    }
    bool complete = made && made->readers && made->heap;
    for (size_t i = 0; complete && i < run_count; i++) {
        made->readers[i].run = runs[i];
        made->readers[i].bytes = malloc(buffer_bytes);
        complete = made->readers[i].bytes != NULL;
        made->reader_count++;
    }
    if (complete)
        return 0;
    df_import_merge_close(made);
    *merge = NULL;
    return df_error_no_memory(error, "merging sorted rows");
}

void df_import_merge_close(struct df_import_merge *merge)
{
    if (!merge)
        return;
    for (size_t i = 0; i < merge->reader_count; i++)
        free(merge->readers[i].bytes);
    free(merge->readers);
    free(merge->heap);
    free(merge);
}
