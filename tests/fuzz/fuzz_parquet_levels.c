/* Levels: any bytes give levels up to the greatest or a refusal; all three ways of taking them agree, in steps of any
 * size.
 *
 * Input: byte 0 the greatest level (low 7 bits) and BIT_PACKED instead of the hybrid (bit 7), bytes 1-2 their number,
 * byte 3 the step; the rest is what is decoded. */
#include <assert.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "format/parquet/levels.h"

enum { HEAD_BYTES = 4, LEVELS_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void init(struct df_parquet_levels *levels, const uint8_t *data, size_t size)
{
    struct df_slice bytes = df_slice_make(data + HEAD_BYTES, size - HEAD_BYTES);
    if (data[0] >> 7)
        df_parquet_levels_init_bit_packed(levels, bytes, data[0] & 0x7f);
    else
        df_parquet_levels_init_rle(levels, bytes, data[0] & 0x7f);
}

static void check(const uint8_t *levels, const uint8_t *valid, size_t n, size_t ones, uint8_t maximum)
{
    for (size_t i = 0; i < n; i++) {
        if (levels[i] > maximum || valid[i] != (levels[i] == maximum))
            abort();
        ones -= valid[i];
    }
    if (ones != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD_BYTES)
        return 0;
    uint8_t maximum = data[0] & 0x7f;
    size_t n = df_load_u16le(data + 1) % LEVELS_MAX, stride = 1 + (size_t)data[3], ones_in_all = 0;
    uint8_t *whole = malloc(n + 1), *valid = malloc(n + 1);
    assert(whole && valid);
    struct df_parquet_levels levels;
    init(&levels, data, size);
    bool right = df_parquet_levels_take(&levels, whole, n) == NULL, stepped = true;
    init(&levels, data, size);
    for (size_t done = 0; done < n && stepped;) {
        size_t step = n - done < stride ? n - done : stride, ones = step;
        if (df_parquet_levels_take_all_max(&levels, step))
            memset(valid + done, 1, step);
        else
            stepped = df_parquet_levels_take_valid(&levels, valid + done, step, &ones) == NULL;
        ones_in_all += ones;
        done += step;
    }
    if (right != stepped)
        abort();
    if (right)
        check(whole, valid, n, ones_in_all, maximum);
    free(whole);
    free(valid);
    return 0;
}
