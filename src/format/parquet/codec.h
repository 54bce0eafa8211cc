/* Compressed pages: none, snappy, gzip, brotli, zstd, and the two kinds of LZ4.
 *
 * A page says how long it is once decompressed. Where the compressed data say so, too, both must agree, and it must be
 * no longer than the codec can make of so few bytes, before anything is allocated; no decoder ever writes more than
 * that. */
#ifndef DF_FORMAT_PARQUET_CODEC_H
#define DF_FORMAT_PARQUET_CODEC_H

#include "base/buf.h"
#include "base/error.h"
#include "format/parquet/parquet.h"

/* NULL, or what is wrong with the sizes. Looks at the head of the data only. `codec` is one that is read. */
const char *df_parquet_codec_verify(int32_t codec, struct df_slice compressed, size_t uncompressed_bytes);
/* Into `to`, which has room for uncompressed_bytes and gets exactly so many; NULL or what is wrong, *kind is then
 * corrupt or exhausted. Not for UNCOMPRESSED: nothing to do there. */
const char *df_parquet_codec_decompress(int32_t codec, struct df_slice compressed, uint8_t *to,
                                        size_t uncompressed_bytes, enum df_error_kind *kind);
/* Appends the compressed bytes, always the same for the same bytes; a failure
 * sticks in `out`. */
void df_parquet_codec_compress(enum df_parquet_codec codec, struct df_slice bytes, struct df_buf *out);

#endif
