/* What files say to be LZ4 (the codec of number 5), in the forms that writers gave to it.
 *
 *   Hadoop, parquet-mr      [u32be bytes after | {u32be bytes before | LZ4 block} …] …   until the first number is
 * reached Arrow 0.15 to 0.17      an LZ4 frame: magic 0x184D2204 older and others        one LZ4 block, as LZ4_RAW has
 * it */
#ifndef DF_FORMAT_PARQUET_LZ4_H
#define DF_FORMAT_PARQUET_LZ4_H

#include "base/slice.h"

/* False unless the data give exactly `size` bytes. */
bool df_parquet_lz4_block(struct df_slice compressed, uint8_t *to, size_t size);
bool df_parquet_lz4_any(struct df_slice compressed, uint8_t *to, size_t size);

#endif
