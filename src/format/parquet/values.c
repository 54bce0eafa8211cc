#include "format/parquet/values.h"

#include "base/bytes.h"
#include "base/size.h"
#include "format/parquet/byte_stream_split.h"
#include "format/parquet/convert.h"
#include "format/parquet/delta_strings.h"
#include "format/parquet/names.h"
#include "format/parquet/plain.h"

/* Elements on the stack between two steps of a decoder. */
enum { STEP = 256 };

static const struct df_parquet_problem fine;
static const char ended[] = "its data end before its values do";

static struct df_parquet_problem corrupt(const char *text)
{
    return (struct df_parquet_problem){.kind = DF_ERROR_CORRUPT, .text = text};
}

/* ---- begin ---- */

static struct df_parquet_problem begin_plain(struct df_parquet_values *values, struct df_slice bytes)
{
    static const uint8_t nothing[1];
    values->at = bytes.data ? bytes.data : nothing;
    values->end = values->at + bytes.size;
    values->bit = 0;
    if (values->leaf->conversion == DF_PARQUET_FROM_BOOLEAN)
        values->stream = DF_PARQUET_STREAM_BITS;
    else
        values->stream = values->leaf->width_bytes ? DF_PARQUET_STREAM_FIXED : DF_PARQUET_STREAM_BYTES;
    return fine;
}

/* Codes: one byte with their width, then the hybrid. A page of nulls may have neither. */
static struct df_parquet_problem begin_codes(struct df_parquet_values *values, struct df_slice bytes,
                                             const struct df_dictionary *dictionary)
{
    if (!dictionary)
        return corrupt("it has codes, but its column has no dictionary");
    uint32_t width = bytes.size ? bytes.data[0] : 0;
    if (width > 32)
        return corrupt("its codes have more than 32 bits");
    struct df_slice runs = bytes.size ? df_slice_make(bytes.data + 1, bytes.size - 1) : bytes;
    df_rle_init(&values->rle, runs, width);
    if (values->scalar)
        values->rle.unpack = df_unpack_scalar;
    values->stream = DF_PARQUET_STREAM_CODES;
    values->dictionary = dictionary;
    return fine;
}

/* Booleans as runs, with the length of them before. */
static struct df_parquet_problem begin_runs(struct df_parquet_values *values, struct df_slice bytes)
{
    uint32_t size = bytes.size >= 4 ? df_load_u32le(bytes.data) : 0;
    if (bytes.size > 0 && (bytes.size < 4 || size > bytes.size - 4))
        return corrupt("its runs of booleans are longer than the page");
    df_rle_init(&values->rle, bytes.size ? df_slice_make(bytes.data + 4, size) : bytes, 1);
    values->stream = DF_PARQUET_STREAM_RUNS;
    return fine;
}

static struct df_parquet_problem begin_delta(struct df_parquet_values *values, struct df_slice bytes,
                                             uint32_t values_max)
{
    values->stream = DF_PARQUET_STREAM_DELTA;
    if (bytes.size == 0) { /* a page of nulls */
        values->delta = (struct df_delta){0};
        return fine;
    }
    return df_delta_init(&values->delta, bytes, values_max) ? fine
                                                            : corrupt("its head of DELTA_BINARY_PACKED is broken");
}

static struct df_parquet_problem begin_delta_length(struct df_parquet_values *values, struct df_slice bytes,
                                                    uint32_t values_max)
{
    values->stream = DF_PARQUET_STREAM_DELTA_LENGTH;
    if (bytes.size == 0) {
        values->delta_length = (struct df_delta_length){0};
        return fine;
    }
    return df_delta_length_init(&values->delta_length, bytes, values_max)
               ? fine
               : corrupt("its lengths of DELTA_LENGTH_BYTE_ARRAY do not add up to its data");
}

static struct df_parquet_problem make_room(struct df_parquet_values *values, size_t bytes, struct df_budget *budget)
{
    if (df_parquet_buffer_ensure(&values->plain, budget, bytes ? bytes : 1, 0, 100))
        return fine;
    return (struct df_parquet_problem){.kind = DF_ERROR_EXHAUSTED, .text = "", .bytes = bytes};
}

static struct df_parquet_problem begin_delta_strings(struct df_parquet_values *values, struct df_slice bytes,
                                                     uint32_t values_max, struct df_budget *budget)
{
    size_t plain_bytes = 0;
    uint32_t width = values->leaf->width_bytes;
    if (bytes.size > 0 && !df_delta_strings_measure(bytes, values_max, width, &plain_bytes))
        return corrupt("its lengths of DELTA_BYTE_ARRAY do not add up to its data");
    struct df_parquet_problem problem = make_room(values, plain_bytes, budget);
    if (problem.text)
        return problem;
    if (bytes.size > 0)
        df_delta_strings_write(bytes, width, values->plain.data);
    return begin_plain(values, df_slice_make(values->plain.data, plain_bytes));
}

static struct df_parquet_problem begin_split(struct df_parquet_values *values, struct df_slice bytes,
                                             struct df_budget *budget)
{
    uint32_t width = values->leaf->width_bytes;
    if (bytes.size % width != 0)
        return corrupt("its data of BYTE_STREAM_SPLIT are no whole number of values");
    struct df_parquet_problem problem = make_room(values, bytes.size, budget);
    if (problem.text)
        return problem;
    df_byte_stream_split_join(bytes.data, width, values->plain.data, bytes.size / width);
    return begin_plain(values, df_slice_make(values->plain.data, bytes.size));
}

static bool is_integer(const struct df_parquet_leaf *leaf)
{
    return leaf->conversion == DF_PARQUET_FROM_INT32 || leaf->conversion == DF_PARQUET_FROM_UINT32 ||
           leaf->conversion == DF_PARQUET_FROM_INT64;
}

static bool is_bytes(const struct df_parquet_leaf *leaf)
{
    return leaf->conversion == DF_PARQUET_FROM_BYTES || leaf->conversion == DF_PARQUET_FROM_BYTES_DECIMAL;
}

static bool is_fixed(const struct df_parquet_leaf *leaf)
{
    return leaf->conversion == DF_PARQUET_FROM_FIXED || leaf->conversion == DF_PARQUET_FROM_FIXED_DECIMAL ||
           leaf->conversion == DF_PARQUET_FROM_HALF;
}

/* Which encodings go with which types: Encodings.md. */
static bool encoding_fits(int32_t encoding, const struct df_parquet_leaf *leaf)
{
    switch (encoding) {
    case DF_PARQUET_ENCODING_RLE:
        return leaf->conversion == DF_PARQUET_FROM_BOOLEAN;
    case DF_PARQUET_ENCODING_DELTA_BINARY_PACKED:
        return is_integer(leaf);
    case DF_PARQUET_ENCODING_DELTA_LENGTH_BYTE_ARRAY:
        return is_bytes(leaf);
    case DF_PARQUET_ENCODING_DELTA_BYTE_ARRAY:
        return is_bytes(leaf) || is_fixed(leaf);
    case DF_PARQUET_ENCODING_BYTE_STREAM_SPLIT:
        return leaf->width_bytes > 0 && leaf->conversion != DF_PARQUET_FROM_INT96;
    default:
        return true;
    }
}

struct df_parquet_problem df_parquet_values_begin(struct df_parquet_values *values, int32_t encoding,
                                                  struct df_slice bytes, uint32_t values_max,
                                                  const struct df_dictionary *dictionary, struct df_budget *budget)
{
    if (!encoding_fits(encoding, values->leaf))
        return corrupt("its encoding is not one of its physical type");
    switch (encoding) {
    case DF_PARQUET_ENCODING_PLAIN:
        return begin_plain(values, bytes);
    case DF_PARQUET_ENCODING_PLAIN_DICTIONARY:
    case DF_PARQUET_ENCODING_RLE_DICTIONARY:
        return begin_codes(values, bytes, dictionary);
    case DF_PARQUET_ENCODING_RLE:
        return begin_runs(values, bytes);
    case DF_PARQUET_ENCODING_DELTA_BINARY_PACKED:
        return begin_delta(values, bytes, values_max);
    case DF_PARQUET_ENCODING_DELTA_LENGTH_BYTE_ARRAY:
        return begin_delta_length(values, bytes, values_max);
    case DF_PARQUET_ENCODING_DELTA_BYTE_ARRAY:
        return begin_delta_strings(values, bytes, values_max, budget);
    case DF_PARQUET_ENCODING_BYTE_STREAM_SPLIT:
        return begin_split(values, bytes, budget);
    default:
        return (struct df_parquet_problem){.kind = DF_ERROR_UNSUPPORTED,
                                           .text = "an unknown encoding of values is not read"};
    }
}

/* ---- take ---- */

static struct df_parquet_problem take_bits(struct df_parquet_values *values, uint8_t *to, size_t n)
{
    size_t bits = (size_t)(values->end - values->at) * 8;
    if (n > bits - values->bit)
        return corrupt(ended);
    df_plain_bools(values->at, values->bit, to, n);
    values->bit += n;
    return fine;
}

static struct df_parquet_problem take_fixed(struct df_parquet_values *values, void *to, size_t n)
{
    struct df_parquet_problem problem = fine;
    size_t width = values->leaf->width_bytes;
    if (n > (size_t)(values->end - values->at) / width)
        return corrupt(ended);
    problem.text = df_convert_plain(values->leaf, values->at, to, n, &problem.kind);
    values->at += n * width;
    return problem;
}

const void *df_parquet_values_take_in_place(struct df_parquet_values *values, size_t n)
{
    enum { WIDTH = 8 };
    bool as_it_is =
        values->leaf->conversion == DF_PARQUET_FROM_INT64 || values->leaf->conversion == DF_PARQUET_FROM_DOUBLE;
    const uint8_t *at = values->at;
    if (!as_it_is || values->stream != DF_PARQUET_STREAM_FIXED || (uintptr_t)at % WIDTH != 0 ||
        n > (size_t)(values->end - at) / WIDTH)
        return NULL;
    values->at += n * WIDTH;
    return at;
}

/* Byte arrays as slices, or through them to decimals. */
static bool take_slices(struct df_parquet_values *values, struct df_slice *to, size_t n)
{
    if (values->stream == DF_PARQUET_STREAM_BYTES)
        return df_plain_bytes(&values->at, values->end, to, n);
    return df_delta_length_take(&values->delta_length, to, n);
}

static struct df_parquet_problem take_bytes(struct df_parquet_values *values, void *to, size_t n)
{
    struct df_parquet_problem problem = fine;
    if (values->leaf->kind == DF_VECTOR_BYTES)
        return take_slices(values, to, n) ? fine : corrupt(ended);
    size_t element_bytes = df_vector_element_bytes(values->leaf->kind);
    struct df_slice some[STEP];
    for (size_t done = 0; done < n && !problem.text;) {
        size_t step = n - done < STEP ? n - done : STEP;
        if (!take_slices(values, some, step))
            return corrupt(ended);
        problem.text = df_convert_slices(values->leaf, some, (uint8_t *)to + done * element_bytes, step, &problem.kind);
        done += step;
    }
    return problem;
}

static struct df_parquet_problem take_delta(struct df_parquet_values *values, int64_t *to, size_t n)
{
    if (!df_delta_take(&values->delta, to, n))
        return corrupt(ended);
    if (values->leaf->conversion == DF_PARQUET_FROM_INT32)
        df_delta_wrap_int32s(to, n);
    else if (values->leaf->conversion == DF_PARQUET_FROM_UINT32)
        df_delta_wrap_uint32s(to, n);
    return fine;
}

static struct df_parquet_problem take_from_dictionary(struct df_parquet_values *values, void *to, size_t n)
{
    uint32_t codes[STEP];
    size_t element_bytes = df_vector_element_bytes(values->leaf->kind);
    for (size_t done = 0; done < n;) {
        size_t step = n - done < STEP ? n - done : STEP;
        struct df_parquet_problem problem = df_parquet_values_take_codes(values, codes, step);
        if (problem.text)
            return problem;
        df_dictionary_look_up(values->dictionary, values->leaf->kind, codes, (uint8_t *)to + done * element_bytes,
                              step);
        done += step;
    }
    return fine;
}

bool df_parquet_values_have_codes(const struct df_parquet_values *values)
{
    return values->stream == DF_PARQUET_STREAM_CODES && values->leaf->kind != DF_VECTOR_INT128;
}

struct df_parquet_problem df_parquet_values_take_codes(struct df_parquet_values *values, uint32_t *to, size_t n)
{
    uint32_t greatest;
    if (!df_rle_take_greatest(&values->rle, to, n, &greatest))
        return corrupt(ended);
    return n == 0 || greatest < values->dictionary->count ? fine : corrupt("it has a code beyond its dictionary");
}

struct df_parquet_problem df_parquet_values_take(struct df_parquet_values *values, void *to, size_t n)
{
    size_t ones;
    switch (values->stream) {
    case DF_PARQUET_STREAM_BITS:
        return take_bits(values, to, n);
    case DF_PARQUET_STREAM_FIXED:
        return take_fixed(values, to, n);
    case DF_PARQUET_STREAM_BYTES:
    case DF_PARQUET_STREAM_DELTA_LENGTH:
        return take_bytes(values, to, n);
    case DF_PARQUET_STREAM_RUNS:
        return df_rle_take_bits(&values->rle, to, n, &ones) ? fine : corrupt(ended);
    case DF_PARQUET_STREAM_DELTA:
        return take_delta(values, to, n);
    case DF_PARQUET_STREAM_CODES:
        return take_from_dictionary(values, to, n);
    }
    return fine;
}

/* fastparquet puts eight bytes of zeros behind the values of a page with nulls. */
static uint64_t without_padding(const uint8_t *at, const uint8_t *end)
{
    enum { PADDING_BYTES_MAX = 8 };
    const uint8_t *from = at;
    while (end - at <= PADDING_BYTES_MAX && from < end && *from == 0)
        from++;
    return from == end ? 0 : (uint64_t)(end - at);
}

uint64_t df_parquet_values_left_over(const struct df_parquet_values *values)
{
    switch (values->stream) {
    case DF_PARQUET_STREAM_BITS:
        return without_padding(values->at + (values->bit + 7) / 8, values->end);
    case DF_PARQUET_STREAM_FIXED:
    case DF_PARQUET_STREAM_BYTES:
        return without_padding(values->at, values->end);
    case DF_PARQUET_STREAM_DELTA:
        return values->delta.left;
    case DF_PARQUET_STREAM_DELTA_LENGTH:
        return (uint64_t)(values->delta_length.end - values->delta_length.at);
    default:
        return 0;
    }
}
