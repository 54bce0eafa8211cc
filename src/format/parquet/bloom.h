/* Bloom filters: 256-bit blocks, a value sets one bit in each of a block's eight words ("split block"), found by XXH64
 * of the value's PLAIN bytes (those of byte arrays without their length).
 *
 *   header          BloomFilterHeader (Thrift): bytes of the blocks; algorithm,
 * hash and compression, one of each blocks          32 bytes each: eight words of 32 bits, little-endian
 *
 *   hash            |---- upper half: which block ----|---- lower half x salt
 * of the word >> 27: which bit ----| */
#ifndef DF_FORMAT_PARQUET_BLOOM_H
#define DF_FORMAT_PARQUET_BLOOM_H

#include "base/buf.h"

enum { DF_BLOOM_BLOCK_BYTES = 32, DF_BLOOM_BYTES_MAX = 128 * 1024 * 1024 };

uint64_t df_bloom_hash(struct df_slice plain);
/* `blocks` has block_count * DF_BLOOM_BLOCK_BYTES bytes; block_count > 0. */
bool df_bloom_may_contain(const uint8_t *blocks, size_t block_count, uint64_t hash);

/* Appends header and blocks of a filter of these hashes, which are sorted on the way. */
void df_bloom_put(struct df_buf *out, uint64_t *hashes, size_t count);

enum df_bloom_header {
    DF_BLOOM_HEADER_READ,    /* *header_bytes and *block_bytes are set */
    DF_BLOOM_HEADER_UNKNOWN, /* of a kind that we do not know */
    DF_BLOOM_HEADER_BROKEN,
};
enum df_bloom_header df_bloom_take_header(struct df_slice bytes, size_t *header_bytes, size_t *block_bytes);

#endif
