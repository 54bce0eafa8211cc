#include "format/parquet/dictionary.h"

#include "base/size.h"
#include "format/parquet/convert.h"
#include "format/parquet/plain.h"

enum { STEP = 256 };

size_t df_parquet_dictionary_array_bytes(const struct df_parquet_leaf *leaf, uint32_t count, size_t size_bytes)
{
    size_t least = leaf->width_bytes ? leaf->width_bytes : sizeof(uint32_t), bytes;
    if (leaf->conversion == DF_PARQUET_FROM_BOOLEAN || count > size_bytes / least ||
        df_size_mul(&bytes, count, df_vector_element_bytes(leaf->kind)) != 0)
        return 0;
    return bytes ? bytes : 1;
}

static const char *decode_fixed(const struct df_parquet_leaf *leaf, uint32_t count, struct df_slice plain, void *out,
                                enum df_error_kind *kind)
{
    if ((uint64_t)count * leaf->width_bytes != plain.size)
        return "its dictionary's values do not fill its bytes";
    return count ? df_convert_plain(leaf, plain.data, out, count, kind) : NULL;
}

static const char *decode_bytes(const struct df_parquet_leaf *leaf, uint32_t count, struct df_slice plain, void *out,
                                enum df_error_kind *kind)
{
    const uint8_t *at = plain.data, *end = at + plain.size;
    struct df_slice some[STEP];
    size_t element_bytes = df_vector_element_bytes(leaf->kind);
    const char *problem = NULL;
    bool enough = true;
    if (leaf->kind == DF_VECTOR_BYTES)
        enough = df_plain_bytes(&at, end, out, count);
    for (size_t done = 0; leaf->kind != DF_VECTOR_BYTES && done < count && enough && !problem; done += STEP) {
        size_t step = count - done < STEP ? count - done : STEP;
        enough = df_plain_bytes(&at, end, some, step);
        if (enough)
            problem = df_convert_slices(leaf, some, (uint8_t *)out + done * element_bytes, step, kind);
    }
    return problem || (enough && at == end) ? problem : "its dictionary's values do not fill its bytes";
}

const char *df_parquet_dictionary_decode(struct df_parquet_dictionary *dictionary, const struct df_parquet_leaf *leaf,
                                         uint32_t count, struct df_slice plain, enum df_error_kind *kind)
{
    static const uint8_t nothing[1];
    if (!plain.data)
        plain.data = nothing;
    struct df_dictionary *entries = &dictionary->entries;
    void *values = dictionary->values.data;
    *kind = DF_ERROR_CORRUPT;
    const char *problem = leaf->width_bytes ? decode_fixed(leaf, count, plain, values, kind)
                                            : decode_bytes(leaf, count, plain, values, kind);
    dictionary->present = !problem;
    entries->count = count;
    entries->kind = leaf->kind;
    if (leaf->kind == DF_VECTOR_BYTES)
        entries->values.bytes = values;
    else if (leaf->kind == DF_VECTOR_FLOAT64)
        entries->values.float64s = values;
    else
        entries->values.int64s = values;
    return problem;
}

bool df_codes_below(const uint32_t *codes, size_t n, uint32_t count)
{
    uint32_t greatest = 0;
    for (size_t i = 0; i < n; i++)
        greatest = codes[i] > greatest ? codes[i] : greatest;
    return n == 0 || greatest < count;
}

void df_codes_to_int64s(const uint32_t *codes, const int64_t *values, int64_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = values[codes[i]];
}

void df_codes_to_doubles(const uint32_t *codes, const double *values, double *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = values[codes[i]];
}

void df_codes_to_slices(const uint32_t *codes, const struct df_slice *values, struct df_slice *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = values[codes[i]];
}

void df_codes_to_int128s(const uint32_t *codes, const __int128 *values, __int128 *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = values[codes[i]];
}

void df_dictionary_look_up(const struct df_dictionary *dictionary, enum df_vector_kind kind, const uint32_t *codes,
                           void *out, size_t n)
{
    switch (kind) {
    case DF_VECTOR_BYTES:
        df_codes_to_slices(codes, dictionary->values.bytes, out, n);
        break;
    case DF_VECTOR_FLOAT64:
        df_codes_to_doubles(codes, dictionary->values.float64s, out, n);
        break;
    case DF_VECTOR_INT128:
        df_codes_to_int128s(codes, (const __int128 *)(const void *)dictionary->values.int64s, out, n);
        break;
    default:
        df_codes_to_int64s(codes, dictionary->values.int64s, out, n);
    }
}
