/* What a file says of its pages aside from them: column index, offset index, and bloom filters (header and blocks). Any
 * bytes give an index that adds up, a filter, or a refusal that a file can cause.
 *
 * Input: byte 0 the type of the column, byte 1 the rows of the row group, bytes 2-3 where the column index begins,
 * bytes 4-5 where the bloom filter does; the rest is a file with the offset index in front. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "format/parquet/bloom.h"
#include "format/parquet/file.h"
#include "format/parquet/index.h"

enum { HEAD_BYTES = 6, PADDING_BYTES = 4 }; /* offset 0 says that there is no index */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_index(const struct df_parquet_index *index, uint64_t rows)
{
    uint64_t seen = 0;
    volatile uint64_t sum = 0;
    for (uint32_t i = 0; i < index->page_count; i++) {
        const struct df_parquet_index_page *page = &index->pages[i];
        if (page->first_row != seen)
            abort();
        seen += page->row_count;
        if (page->bounds.known && page->bounds.minimum.kind == DF_VECTOR_BYTES)
            for (size_t at = 0; at < page->bounds.minimum.as.bytes.size; at++)
                sum += page->bounds.minimum.as.bytes.data[at];
    }
    (void)sum;
    if (seen != rows)
        abort();
}

static void read_index(const struct df_parquet_file *file, struct df_budget *budget, uint64_t rows)
{
    struct df_parquet_reading reading = {.budget = budget, .deadline = df_deadline_never()};
    struct df_parquet_index index;
    struct df_error error = {0};
    int result = df_parquet_index_read(&index, file, 0, 0, &reading, &error);
    if (result > 0)
        check_index(&index, rows);
    if (result > 0)
        df_parquet_index_dispose(&index);
    if (result < 0 && error.kind != DF_ERROR_CORRUPT && error.kind != DF_ERROR_EXHAUSTED)
        abort();
}

static void read_bloom(const struct df_parquet_file *file, struct df_budget *budget)
{
    struct df_parquet_reading reading = {.budget = budget, .deadline = df_deadline_never()};
    struct df_parquet_bloom bloom;
    struct df_error error = {0};
    struct df_parquet_value value = {.kind = file->footer.leaves[0].kind};
    value.as.bytes = df_slice_make("x", 1);
    int result = df_parquet_bloom_read(&bloom, file, 0, 0, &reading, &error);
    volatile bool may = result > 0 && df_parquet_bloom_may_have(&bloom, &value);
    (void)may;
    if (result > 0)
        df_parquet_bloom_dispose(&bloom);
    if (result < 0 && error.kind != DF_ERROR_CORRUPT && error.kind != DF_ERROR_EXHAUSTED)
        abort();
}

static void fill_file(int fd, struct df_slice bytes)
{
    if (ftruncate(fd, 0) != 0 || pwrite(fd, "PAR1", PADDING_BYTES, 0) != PADDING_BYTES ||
        pwrite(fd, bytes.data, bytes.size, PADDING_BYTES) != (ssize_t)bytes.size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct df_parquet_leaf leaves[] = {
        {DF_PARQUET_FROM_INT32, DF_VECTOR_INT64, .width_bytes = 4},
        {DF_PARQUET_FROM_INT64, DF_VECTOR_INT64, .width_bytes = 8},
        {DF_PARQUET_FROM_DOUBLE, DF_VECTOR_FLOAT64, .width_bytes = 8},
        {DF_PARQUET_FROM_BYTES, DF_VECTOR_BYTES, .width_bytes = 0},
        {DF_PARQUET_FROM_FIXED_DECIMAL, DF_VECTOR_INT128, .width_bytes = 16},
        {DF_PARQUET_FROM_BOOLEAN, DF_VECTOR_BOOL, .width_bytes = 0},
    };
    static struct df_store *store;
    static int fd = -1;
    static char uri[64];
    struct df_error error;
    if (size < HEAD_BYTES)
        return 0;
    if (fd < 0) {
        fd = memfd_create("indexes", MFD_CLOEXEC);
        snprintf(uri, sizeof uri, "/proc/self/fd/%d", fd);
        if (fd < 0 || df_store_create(&store, &error) < 0)
            abort();
    }
    struct df_parquet_leaf leaf = leaves[data[0] % (sizeof leaves / sizeof *leaves)];
    struct df_slice bytes = df_slice_make(data + HEAD_BYTES, size - HEAD_BYTES);
    size_t column_at = df_load_u16le(data + 2), bloom_at = df_load_u16le(data + 4);
    column_at = column_at < bytes.size ? column_at : bytes.size;
    bloom_at = bloom_at < bytes.size ? bloom_at : bytes.size;
    fill_file(fd, bytes);
    struct df_parquet_column column = {.name = "x", .kind = leaf.kind, .optional = true};
    struct df_parquet_chunk chunk = {
        .offset = 4,
        .size_bytes = 1 << 20,
        .value_count = data[1],
        .offset_index = {PADDING_BYTES, (int32_t)column_at},
        .column_index = {(int64_t)(PADDING_BYTES + column_at), (int32_t)(bytes.size - column_at)},
        .bloom_filter = {(int64_t)(PADDING_BYTES + bloom_at), (int32_t)(bytes.size - bloom_at)},
    };
    struct df_parquet_row_group group = {.row_count = data[1], .chunks = &chunk};
    struct df_parquet_file file = {
        .store = store,
        .uri = uri,
        .etag = (char[]){""},
        .size_bytes = PADDING_BYTES + bytes.size,
        .footer = {.columns = &column, .leaves = &leaf, .column_count = 1, .row_groups = &group, .row_group_count = 1},
    };
    struct df_budget budget;
    df_budget_init(&budget, 16 << 20);
    read_index(&file, &budget, data[1]);
    read_bloom(&file, &budget);
    if (budget.used_bytes != 0)
        abort();
    return 0;
}
