#include "format/parquet/bloom.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "format/parquet/thrift.h"

enum {
    WORDS = 8,
    WRITTEN_BYTES_MAX = 8 * 1024 * 1024,
    SPLIT_BLOCK = 1, /* fields of the header's unions */
    XXHASH = 1,
    UNCOMPRESSED = 1,
};

static const uint32_t salts[WORDS] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                      0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};

uint64_t df_bloom_hash(struct df_slice plain)
{
    return XXH64(plain.data ? (const void *)plain.data : "", plain.size, 0);
}

static size_t block_of(size_t block_count, uint64_t hash)
{
    return (size_t)((hash >> 32) * block_count >> 32) * DF_BLOOM_BLOCK_BYTES;
}

static uint32_t mask_of(uint64_t hash, size_t word)
{
    return UINT32_C(1) << ((uint32_t)hash * salts[word] >> 27);
}

static void insert(uint8_t *blocks, size_t block_count, uint64_t hash)
{
    uint8_t *block = blocks + block_of(block_count, hash);
    for (size_t word = 0; word < WORDS; word++)
        df_store_u32le(block + 4 * word, df_load_u32le(block + 4 * word) | mask_of(hash, word));
}

bool df_bloom_may_contain(const uint8_t *blocks, size_t block_count, uint64_t hash)
{
    const uint8_t *block = blocks + block_of(block_count, hash);
    for (size_t word = 0; word < WORDS; word++)
        if (!(df_load_u32le(block + 4 * word) & mask_of(hash, word)))
            return false;
    return true;
}

/* ---- writing ---- */

static int compare_hashes(const void *a, const void *b)
{
    uint64_t left, right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return (left > right) - (left < right);
}

/* One false answer in a hundred takes 9.7 bits for each value; a power of two, as some readers want it. */
static size_t bytes_for(size_t distinct)
{
    size_t bytes = DF_BLOOM_BLOCK_BYTES;
    while (bytes < WRITTEN_BYTES_MAX && bytes * 80 < distinct * 97)
        bytes *= 2;
    return bytes;
}

static void put_choice(struct df_thrift_writer *writer, int32_t id, int32_t choice)
{
    df_thrift_begin_struct(writer, id);
    df_thrift_begin_struct(writer, choice);
    df_thrift_end_struct(writer);
    df_thrift_end_struct(writer);
}

void df_bloom_put(struct df_buf *out, uint64_t *hashes, size_t count)
{
    size_t distinct = 0;
    if (count > 0)
        qsort(hashes, count, sizeof *hashes, compare_hashes);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || hashes[i] != hashes[i - 1])
            hashes[distinct++] = hashes[i];
    size_t bytes = bytes_for(distinct);
    struct df_thrift_writer writer;
    df_thrift_writer_init(&writer, out);
    df_thrift_put_i32(&writer, 1, (int32_t)bytes);
    put_choice(&writer, 2, SPLIT_BLOCK);
    put_choice(&writer, 3, XXHASH);
    put_choice(&writer, 4, UNCOMPRESSED);
    df_thrift_end_struct(&writer);
    uint8_t *blocks = df_buf_extend(out, bytes);
    if (!blocks)
        return;
    memset(blocks, 0, bytes);
    for (size_t i = 0; i < distinct; i++)
        insert(blocks, bytes / DF_BLOOM_BLOCK_BYTES, hashes[i]);
}

/* ---- reading ---- */

/* The field that stands in a union; 0: none. */
static int32_t take_choice(struct df_thrift_reader *reader, const struct df_thrift_field *parent)
{
    int32_t choice = 0;
    struct df_thrift_field field = {0};
    if (!df_thrift_enter_struct(reader, parent))
        return 0;
    while (df_thrift_next_field(reader, &field)) {
        choice = field.id;
        df_thrift_skip(reader, &field);
    }
    return choice;
}

enum df_bloom_header df_bloom_take_header(struct df_slice bytes, size_t *header_bytes, size_t *block_bytes)
{
    int32_t size = 0, algorithm = 0, hash = 0, compression = 0;
    struct df_thrift_reader reader;
    struct df_thrift_field field = {0};
    df_thrift_reader_init(&reader, bytes);
    const uint8_t *begin = reader.at;
    while (df_thrift_next_field(&reader, &field)) {
        if (field.id == 1)
            size = df_thrift_take_i32(&reader, &field);
        else if (field.id == 2)
            algorithm = take_choice(&reader, &field);
        else if (field.id == 3)
            hash = take_choice(&reader, &field);
        else if (field.id == 4)
            compression = take_choice(&reader, &field);
        else
            df_thrift_skip(&reader, &field);
    }
    if (reader.problem)
        return DF_BLOOM_HEADER_BROKEN;
    if (algorithm != SPLIT_BLOCK || hash != XXHASH || compression != UNCOMPRESSED)
        return DF_BLOOM_HEADER_UNKNOWN;
    if (size <= 0 || size > DF_BLOOM_BYTES_MAX || size % DF_BLOOM_BLOCK_BYTES != 0)
        return DF_BLOOM_HEADER_BROKEN;
    *header_bytes = (size_t)(reader.at - begin);
    *block_bytes = (size_t)size;
    return DF_BLOOM_HEADER_READ;
}
