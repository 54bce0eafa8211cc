#include "format/parquet/delta_strings.h"

#include "base/bytes.h"
#include "format/parquet/delta_length.h"

enum { STEP = 256 };

struct strings {
    struct df_delta prefixes;
    struct df_delta_length rests;
};

/* Some values of both lists. */
struct some {
    int64_t prefixes[STEP];
    struct df_slice rests[STEP];
};

/* The rests begin where the prefixes end. */
static bool init(struct strings *strings, struct df_slice bytes, uint64_t values_max)
{
    int64_t some[STEP];
    if (!df_delta_init(&strings->prefixes, bytes, values_max))
        return false;
    struct df_delta ahead = strings->prefixes;
    while (ahead.left > 0)
        if (!df_delta_take(&ahead, some, ahead.left < STEP ? (size_t)ahead.left : STEP))
            return false;
    if (!df_delta_length_init(&strings->rests, df_slice_make(ahead.at, (size_t)(ahead.end - ahead.at)), values_max))
        return false;
    return strings->prefixes.left == strings->rests.lengths.left && strings->rests.at <= strings->rests.end;
}

/* 0 at the end. */
static size_t take_some(struct strings *strings, struct some *some)
{
    size_t n = strings->prefixes.left < STEP ? (size_t)strings->prefixes.left : STEP;
    bool taken =
        df_delta_take(&strings->prefixes, some->prefixes, n) && df_delta_length_take(&strings->rests, some->rests, n);
    return taken ? n : 0; /* init has seen all of them: they are taken */
}

bool df_delta_strings_measure(struct df_slice bytes, uint64_t values_max, uint32_t fixed_bytes, size_t *plain_bytes)
{
    struct strings strings;
    struct some some;
    uint64_t sum = 0, last = 0;
    if (!init(&strings, bytes, values_max))
        return false;
    for (size_t n; (n = take_some(&strings, &some)) > 0;)
        for (size_t i = 0; i < n; i++) {
            if (some.prefixes[i] < 0 || (uint64_t)some.prefixes[i] > last)
                return false;
            last = (uint64_t)some.prefixes[i] + some.rests[i].size;
            if (fixed_bytes && last != fixed_bytes)
                return false;
            sum += last + (fixed_bytes ? 0 : sizeof(uint32_t));
            if (sum > INT32_MAX)
                return false;
        }
    *plain_bytes = (size_t)sum;
    return strings.rests.at == strings.rests.end;
}

void df_delta_strings_write(struct df_slice bytes, uint32_t fixed_bytes, uint8_t *out)
{
    struct strings strings;
    struct some some;
    const uint8_t *last = out;
    if (!init(&strings, bytes, UINT64_MAX))
        return;
    for (size_t n; (n = take_some(&strings, &some)) > 0;)
        for (size_t i = 0; i < n; i++) {
            size_t prefix = (size_t)some.prefixes[i];
            if (!fixed_bytes) {
                df_store_u32le(out, (uint32_t)(prefix + some.rests[i].size));
                out += sizeof(uint32_t);
            }
            memcpy(out, last, prefix); /* the value before ends before this one begins */
            memcpy(out + prefix, some.rests[i].data, some.rests[i].size);
            last = out;
            out += prefix + some.rests[i].size;
        }
}
