/* The CRC of a page: CRC-32 as in gzip, over the bytes of the page as they lie in the file, header left out. */
#ifndef DF_FORMAT_PARQUET_CRC32_H
#define DF_FORMAT_PARQUET_CRC32_H

#include "base/slice.h"

uint32_t df_crc32(struct df_slice bytes);

/* Slow and obvious, bit by bit: what tests compare df_crc32 with. */
uint32_t df_crc32_bitwise(struct df_slice bytes);

#endif
