#include "format/parquet/delta_length.h"

enum { STEP = 256 };

/* Steps to the end of the lengths; *sum is what they say together. */
static bool walk(struct df_delta *lengths, uint64_t bytes_max, uint64_t *sum)
{
    int64_t some[STEP];
    *sum = 0;
    while (lengths->left > 0) {
        size_t n = lengths->left < STEP ? (size_t)lengths->left : STEP;
        if (!df_delta_take(lengths, some, n))
            return false;
        for (size_t i = 0; i < n; i++) {
            if (some[i] < 0 || (uint64_t)some[i] > bytes_max - *sum)
                return false;
            *sum += (uint64_t)some[i];
        }
    }
    return true;
}

bool df_delta_length_init(struct df_delta_length *values, struct df_slice bytes, uint64_t values_max)
{
    uint64_t sum;
    if (!df_delta_init(&values->lengths, bytes, values_max))
        return false;
    struct df_delta ahead = values->lengths;
    if (!walk(&ahead, bytes.size, &sum) || sum > (size_t)(ahead.end - ahead.at))
        return false;
    values->at = ahead.at;
    values->end = ahead.end;
    return true;
}

bool df_delta_length_take(struct df_delta_length *values, struct df_slice *out, size_t n)
{
    int64_t some[STEP];
    for (size_t done = 0; done < n;) {
        size_t step = n - done < STEP ? n - done : STEP;
        if (!df_delta_take(&values->lengths, some, step))
            return false;
        for (size_t i = 0; i < step; i++, done++) {
            out[done] = df_slice_make(values->at, (size_t)some[i]);
            values->at += some[i];
        }
    }
    return true;
}
