/* Compressed pages: none and snappy.
 *
 * A page says how long it is once decompressed, and snappy data say so, too: both must agree, and be no longer than
 * snappy can make of so few bytes, before anything is allocated. */
#ifndef DF_FORMAT_PARQUET_CODEC_H
#define DF_FORMAT_PARQUET_CODEC_H

#include "base/buf.h"
#include "format/parquet/parquet.h"

/* NULL, or what is wrong with the sizes. Looks at the head of the data only. */
const char *df_parquet_codec_verify(int32_t codec, struct df_slice compressed, size_t uncompressed_bytes);
/* Into `to`, which has room for uncompressed_bytes; NULL or what is wrong. Not for UNCOMPRESSED: nothing to do there.
 */
const char *df_parquet_codec_decompress(int32_t codec, struct df_slice compressed, uint8_t *to,
                                        size_t uncompressed_bytes);
/* Appends the compressed bytes; a failure sticks in `out`. */
void df_parquet_codec_compress(enum df_parquet_codec codec, struct df_slice bytes, struct df_buf *out);

#endif
