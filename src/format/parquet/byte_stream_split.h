/* BYTE_STREAM_SPLIT: the first bytes of all values, then their second bytes, and so on; put together again it is PLAIN.
 */
#ifndef DF_FORMAT_PARQUET_BYTE_STREAM_SPLIT_H
#define DF_FORMAT_PARQUET_BYTE_STREAM_SPLIT_H

#include "base/slice.h"

/* n values of `width` bytes from n * width bytes to as many. */
void df_byte_stream_split_join(const uint8_t *from, size_t width, uint8_t *out, size_t n);

#endif
