/* Reading bloom filters, and how a value of a vector was hashed. */
#include <math.h>

#include "base/bytes.h"
#include "format/parquet/bloom.h"
#include "format/parquet/file.h"
#include "format/parquet/index.h"

enum { HEADER_BYTES_MAX = 256 };

static int corrupt(const struct df_parquet_bloom *bloom, uint32_t row_group, const char *problem,
                   struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "%s: row group %u, column '%s': damaged bloom filter: %s",
                        bloom->file->uri, row_group, df_parquet_column(bloom->file, bloom->column)->name, problem);
}

static int read_bytes(const struct df_parquet_file *file, const struct df_parquet_reading *reading, uint64_t offset,
                      uint64_t size_bytes, uint8_t *to, struct df_error *error)
{
    struct df_read_item item = {.uri = file->uri, .etag = file->etag, .offset = offset, .size_bytes = size_bytes};
    return df_store_read_into(file->store, &item, reading->deadline, reading->cancelled, to, error);
}

static int read_filter(struct df_parquet_bloom *bloom, uint32_t row_group, const struct df_parquet_place *place,
                       const struct df_parquet_reading *reading, struct df_error *error)
{
    uint8_t head[HEADER_BYTES_MAX];
    size_t header_bytes = 0, block_bytes = 0;
    uint64_t file_bytes = bloom->file->size_bytes;
    if (place->offset < 0 || (uint64_t)place->offset >= file_bytes)
        return corrupt(bloom, row_group, "it lies outside of the file", error);
    uint64_t offset = (uint64_t)place->offset, left = file_bytes - offset;
    size_t have = left < sizeof head ? (size_t)left : sizeof head;
    if (read_bytes(bloom->file, reading, offset, have, head, error) < 0)
        return -1;
    bloom->bytes_read += have;
    enum df_bloom_header result = df_bloom_take_header(df_slice_make(head, have), &header_bytes, &block_bytes);
    if (result == DF_BLOOM_HEADER_UNKNOWN)
        return 0;
    if (result == DF_BLOOM_HEADER_BROKEN)
        return corrupt(bloom, row_group, "its header makes no sense", error);
    if (block_bytes > left - header_bytes)
        return corrupt(bloom, row_group, "it goes on behind the end of the file", error);
    if (reading->bloom_bytes_max && block_bytes > reading->bloom_bytes_max)
        return 0;
    uint8_t *blocks = df_parquet_memory_array(&bloom->memory, block_bytes, 1);
    if (!blocks)
        return df_error_set(error, DF_ERROR_EXHAUSTED,
                            "%s: a bloom filter of %zu bytes does not fit into the memory limit; raise memory.limit",
                            bloom->file->uri, block_bytes);
    if (read_bytes(bloom->file, reading, offset + header_bytes, block_bytes, blocks, error) < 0)
        return -1;
    bloom->bytes_read += block_bytes;
    bloom->blocks = blocks;
    bloom->block_count = block_bytes / DF_BLOOM_BLOCK_BYTES;
    return 1;
}

int df_parquet_bloom_read(struct df_parquet_bloom *bloom, const struct df_parquet_file *file, uint32_t row_group,
                          uint32_t column, const struct df_parquet_reading *reading, struct df_error *error)
{
    const struct df_parquet_chunk *chunk = &file->footer.row_groups[row_group].chunks[column];
    *bloom = (struct df_parquet_bloom){.memory.budget = reading->budget, .file = file, .column = column};
    if (chunk->bloom_filter.offset == 0 || chunk->unsupported || df_parquet_column(file, column)->unsupported)
        return 0;
    int result = read_filter(bloom, row_group, &chunk->bloom_filter, reading, error);
    if (result <= 0)
        df_parquet_bloom_dispose(bloom);
    return result;
}

void df_parquet_bloom_dispose(struct df_parquet_bloom *bloom)
{
    df_parquet_memory_dispose(&bloom->memory);
    *bloom = (struct df_parquet_bloom){0};
}

/* ---- values ---- */

static bool has_plain(const struct df_parquet_bloom *bloom, const void *plain, size_t size)
{
    return df_bloom_may_contain(bloom->blocks, bloom->block_count, df_bloom_hash(df_slice_make(plain, size)));
}

static bool has_int64(const struct df_parquet_bloom *bloom, int64_t value)
{
    uint8_t plain[8];
    df_store_u64le(plain, (uint64_t)value);
    return has_plain(bloom, plain, sizeof plain);
}

static bool has_uint32(const struct df_parquet_bloom *bloom, uint32_t value)
{
    uint8_t plain[4];
    df_store_u32le(plain, value);
    return has_plain(bloom, plain, sizeof plain);
}

static bool has_float(const struct df_parquet_bloom *bloom, double value)
{
    float narrow = (float)value;
    if ((double)narrow != value)
        return false;
    return has_plain(bloom, &narrow, sizeof narrow);
}

/* Both zeros are equal, but their bytes are not; NaN has many forms. */
static bool has_real(const struct df_parquet_bloom *bloom, double value, bool narrow)
{
    if (isnan(value))
        return true;
    if (value == 0)
        return narrow
                   ? has_float(bloom, 0.0) || has_float(bloom, -0.0)
                   : has_plain(bloom, &(double){0.0}, sizeof value) || has_plain(bloom, &(double){-0.0}, sizeof value);
    return narrow ? has_float(bloom, value) : has_plain(bloom, &value, sizeof value);
}

/* Two's complement, big-endian, as wide as the column. */
static bool has_decimal(const struct df_parquet_bloom *bloom, __int128 value, size_t width)
{
    uint8_t plain[sizeof value];
    if (width > sizeof plain)
        return true;
    for (size_t i = width; i-- > 0; value >>= 8)
        plain[i] = (uint8_t)value;
    bool negative = width > 0 && plain[0] & 0x80;
    if (width > 0 && value != (negative ? -1 : 0))
        return false; /* it has more bits than the column */
    return has_plain(bloom, plain, width);
}

bool df_parquet_bloom_may_have(const struct df_parquet_bloom *bloom, const struct df_parquet_value *value)
{
    if (!bloom->blocks)
        return true;
    const struct df_parquet_leaf *leaf = &bloom->file->footer.leaves[bloom->column];
    if (value->kind != leaf->kind)
        return true;
    int64_t number = value->as.int64;
    switch (leaf->conversion) {
    case DF_PARQUET_FROM_INT32:
        return number >= INT32_MIN && number <= INT32_MAX && has_uint32(bloom, (uint32_t)(int32_t)number);
    case DF_PARQUET_FROM_UINT32:
        return number >= 0 && number <= UINT32_MAX && has_uint32(bloom, (uint32_t)number);
    case DF_PARQUET_FROM_INT64:
        return has_int64(bloom, number);
    case DF_PARQUET_FROM_FLOAT:
    case DF_PARQUET_FROM_DOUBLE:
        return has_real(bloom, value->as.float64, leaf->conversion == DF_PARQUET_FROM_FLOAT);
    case DF_PARQUET_FROM_FIXED:
    case DF_PARQUET_FROM_BYTES:
        return has_plain(bloom, value->as.bytes.data, value->as.bytes.size);
    case DF_PARQUET_FROM_FIXED_DECIMAL:
        return has_decimal(bloom, leaf->kind == DF_VECTOR_INT128 ? value->as.int128 : number, leaf->width_bytes);
    default: /* booleans have none; of the others one value has several forms */
        return true;
    }
}

int df_parquet_bloom_may_contain(const struct df_parquet_file *file, uint32_t row_group, uint32_t column,
                                 const struct df_parquet_value *values, size_t value_count,
                                 const struct df_parquet_reading *reading, struct df_error *error)
{
    struct df_parquet_bloom bloom;
    int result = df_parquet_bloom_read(&bloom, file, row_group, column, reading, error);
    if (result <= 0)
        return result < 0 ? -1 : 1;
    bool found = false;
    for (size_t i = 0; i < value_count && !found; i++)
        found = df_parquet_bloom_may_have(&bloom, &values[i]);
    df_parquet_bloom_dispose(&bloom);
    return found;
}
