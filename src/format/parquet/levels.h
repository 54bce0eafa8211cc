/* Definition and repetition levels of a page: small numbers, as the RLE hybrid or, in old files, plainly packed. */
#ifndef DF_FORMAT_PARQUET_LEVELS_H
#define DF_FORMAT_PARQUET_LEVELS_H

#include "format/parquet/bit_packed.h"
#include "format/parquet/rle.h"

struct df_parquet_levels {
    uint8_t maximum; /* 0: all are 0, and there are no bytes */
    bool bit_packed;
    struct df_rle rle;
    struct df_bit_packed packed;
};

void df_parquet_levels_init_rle(struct df_parquet_levels *levels, struct df_slice bytes, uint8_t maximum);
void df_parquet_levels_init_bit_packed(struct df_parquet_levels *levels, struct df_slice bytes, uint8_t maximum);

/* True, and n levels are consumed, when it costs nothing to know that all are the maximum. */
bool df_parquet_levels_take_all_max(struct df_parquet_levels *levels, size_t n);
/* The next n levels; NULL, or what is wrong. */
const char *df_parquet_levels_take(struct df_parquet_levels *levels, uint8_t *out, size_t n);
/* The same as 1 where the level is the maximum and 0 elsewhere; *ones counts. */
const char *df_parquet_levels_take_valid(struct df_parquet_levels *levels, uint8_t *out, size_t n, size_t *ones);

#endif
