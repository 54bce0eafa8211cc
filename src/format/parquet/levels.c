#include "format/parquet/levels.h"

enum { STEP = 512 };

static const char ended[] = "its levels end before its values do";

void df_parquet_levels_init_rle(struct df_parquet_levels *levels, struct df_slice bytes, uint8_t maximum)
{
    *levels = (struct df_parquet_levels){.maximum = maximum};
    df_rle_init(&levels->rle, bytes, df_rle_width(maximum));
}

void df_parquet_levels_init_bit_packed(struct df_parquet_levels *levels, struct df_slice bytes, uint8_t maximum)
{
    *levels = (struct df_parquet_levels){.maximum = maximum, .bit_packed = true};
    df_bit_packed_init(&levels->packed, bytes, df_rle_width(maximum));
}

bool df_parquet_levels_take_all_max(struct df_parquet_levels *levels, size_t n)
{
    if (levels->maximum == 0)
        return true;
    return !levels->bit_packed && df_rle_take_repeated(&levels->rle, levels->maximum, n);
}

static const char *take_rle(struct df_parquet_levels *levels, uint8_t *out, size_t n)
{
    uint32_t some[STEP];
    for (size_t done = 0; done < n;) {
        size_t step = n - done < STEP ? n - done : STEP;
        if (!df_rle_take(&levels->rle, some, step))
            return ended;
        for (size_t i = 0; i < step; i++)
            out[done++] = (uint8_t)some[i]; /* of at most seven bits, as schemas are not that deep */
    }
    return NULL;
}

const char *df_parquet_levels_take(struct df_parquet_levels *levels, uint8_t *out, size_t n)
{
    size_t ones;
    const char *problem = NULL;
    if (levels->maximum == 0)
        memset(out, 0, n);
    else if (levels->bit_packed)
        problem = df_bit_packed_take(&levels->packed, out, n) ? NULL : ended;
    else if (levels->maximum == 1)
        return df_rle_take_bits(&levels->rle, out, n, &ones) ? NULL : ended;
    else
        problem = take_rle(levels, out, n);
    if (problem)
        return problem;
    uint8_t greatest = 0;
    for (size_t i = 0; i < n; i++)
        greatest = out[i] > greatest ? out[i] : greatest;
    return greatest > levels->maximum ? "it has a level above those of its schema" : NULL;
}

const char *df_parquet_levels_take_valid(struct df_parquet_levels *levels, uint8_t *out, size_t n, size_t *ones)
{
    if (levels->maximum == 1 && !levels->bit_packed)
        return df_rle_take_bits(&levels->rle, out, n, ones) ? NULL : ended;
    const char *problem = df_parquet_levels_take(levels, out, n);
    if (problem)
        return problem;
    *ones = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = out[i] == levels->maximum;
        *ones += out[i];
    }
    return NULL;
}
