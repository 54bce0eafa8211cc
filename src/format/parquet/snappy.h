/* Decompressing a block of snappy, as pages have it. Own code, as columns of numbers are made of pieces of one to eight
 * bytes: several per value, they were the first cost of a scan, and the library needs twice the time for them
 * (docs/architecture.md, "Departures from the design").
 *
 *   block     length when decompressed, varint | elements
 *   element   tag | …                          its lowest two bits say the kind, the other six a size or a part of it
 *     0       literal: size - 1 in six bits, or 60 to 63: in the next one to four bytes; then its bytes
 *     1       copy of 4 to 11 bytes, three bits; offset: the last three bits, then a byte
 *     2, 3    copy of 1 to 64 bytes; offset in two or four bytes
 *
 * An offset counts back from the end of what was written; a copy may reach into itself, which repeats it. */
#ifndef DF_FORMAT_PARQUET_SNAPPY_H
#define DF_FORMAT_PARQUET_SNAPPY_H

#include "base/slice.h"

/* Writes exactly `size` bytes to `out`. False when the block is damaged, or says or holds another length: then `out`
 * has any content. Reads and writes nothing outside of the two. Any thread; allocates nothing. */
bool df_snappy_decompress(struct df_slice block, uint8_t *out, size_t size);

#endif
