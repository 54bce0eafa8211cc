#include "format/parquet/dictionary.h"

#include "format/parquet/plain.h"

size_t df_parquet_dictionary_array_bytes(const struct df_parquet_column *column, uint32_t count, size_t size_bytes)
{
    size_t least, decoded;
    switch (column->physical) {
    case DF_PARQUET_INT32:
        least = 4, decoded = sizeof(int64_t);
        break;
    case DF_PARQUET_INT64:
    case DF_PARQUET_DOUBLE:
        least = 8, decoded = sizeof(int64_t);
        break;
    case DF_PARQUET_BYTE_ARRAY:
        least = 4, decoded = sizeof(struct df_slice);
        break;
    default:
        return 0;
    }
    if (count > size_bytes / least)
        return 0;
    return count ? count * decoded : 1;
}

bool df_parquet_dictionary_decode(struct df_parquet_dictionary *dictionary, const struct df_parquet_column *column,
                                  uint32_t count, struct df_slice plain)
{
    struct df_dictionary *entries = &dictionary->entries;
    void *values = dictionary->values.data;
    size_t used = (size_t)count * (column->physical == DF_PARQUET_INT32 ? 4 : 8);
    entries->count = count;
    entries->kind = column->kind;
    if (column->physical == DF_PARQUET_BYTE_ARRAY) {
        const uint8_t *at = plain.data;
        if (!df_plain_bytes(&at, plain.data + plain.size, values, count))
            return false;
        used = (size_t)(at - plain.data);
        entries->values.bytes = values;
    } else if (column->physical == DF_PARQUET_DOUBLE) {
        df_plain_doubles(plain.data, values, count);
        entries->values.float64s = values;
    } else {
        if (column->physical == DF_PARQUET_INT64)
            df_plain_int64s(plain.data, values, count);
        else if (column->meaning == DF_PARQUET_UNSIGNED)
            df_plain_uint32s(plain.data, values, count);
        else
            df_plain_int32s(plain.data, values, count);
        entries->values.int64s = values;
    }
    dictionary->present = used == plain.size;
    return dictionary->present;
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
