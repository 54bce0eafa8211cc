/* The decoders of values, each alone: any bytes give values or a refusal, the same ones in steps of any size, and what
 * was encoded comes back.
 *
 * Input: byte 0 chooses the decoder, byte 1 its width or type, bytes 2-3 the number of values, byte 4 the step; the
 * rest is what is decoded. Buffers are as large as they must be, so that a byte too many is seen. */
#include <assert.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "format/parquet/bit_packed.h"
#include "format/parquet/byte_stream_split.h"
#include "format/parquet/delta_length.h"
#include "format/parquet/delta_strings.h"
#include "format/parquet/dictionary.h"
#include "format/parquet/plain.h"
#include "format/parquet/rle.h"

enum { HEAD_BYTES = 5, VALUES_MAX = 4096 };

struct input {
    uint8_t choice;
    size_t count, step;
    struct df_slice bytes;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *room(size_t count, size_t width)
{
    void *made = malloc(count * width > 0 ? count * width : 1);
    assert(made);
    return made;
}

static void same(bool a, bool b, const void *x, const void *y, size_t bytes)
{
    if (a != b || (a && bytes > 0 && memcmp(x, y, bytes) != 0))
        abort();
}

static size_t step_at(const struct input *in, size_t done)
{
    return in->count - done < in->step ? in->count - done : in->step;
}

/* ---- the hybrid ---- */

static void decode_rle(const struct input *in)
{
    uint32_t width = in->choice % 33, *whole = room(in->count, 4), *parts = room(in->count, 4);
    struct df_rle rle;
    df_rle_init(&rle, in->bytes, width);
    bool right = df_rle_take(&rle, whole, in->count), stepped = true;
    df_rle_init(&rle, in->bytes, width);
    for (size_t done = 0; done < in->count && stepped;) {
        size_t step = step_at(in, done);
        if (right && df_rle_take_repeated(&rle, whole[done], step))
            for (size_t i = 0; i < step; i++)
                parts[done + i] = whole[done];
        else
            stepped = df_rle_take(&rle, parts + done, step);
        done += step;
    }
    same(right, stepped, whole, parts, in->count * 4);
    for (size_t i = 0; right && width < 32 && i < in->count; i++)
        if (whole[i] >> width)
            abort();
    free(whole);
    free(parts);
}

static void decode_rle_bits(const struct input *in)
{
    uint8_t *bits = room(in->count, 1);
    uint32_t *wide = room(in->count, 4);
    struct df_rle rle;
    size_t ones = 0, counted = 0;
    bool right = true;
    df_rle_init(&rle, in->bytes, 1);
    for (size_t done = 0; done < in->count && right;) {
        size_t step = step_at(in, done), some = 0;
        right = df_rle_take_bits(&rle, bits + done, step, &some);
        ones += some;
        done += step;
    }
    df_rle_init(&rle, in->bytes, 1);
    if (df_rle_take(&rle, wide, in->count) != right)
        abort();
    for (size_t i = 0; right && i < in->count; i++) {
        counted += bits[i];
        if (bits[i] != wide[i])
            abort();
    }
    if (right && ones != counted)
        abort();
    free(bits);
    free(wide);
}

static void encode_rle(const struct input *in)
{
    uint32_t width = in->choice % 33, mask = width == 32 ? UINT32_MAX : (UINT32_C(1) << width) - 1;
    size_t n = in->bytes.size / 4;
    uint32_t *values = room(n, 4), *back = room(n, 4);
    struct df_buf out = {0};
    struct df_rle rle;
    for (size_t i = 0; i < n; i++)
        values[i] = df_load_u32le(in->bytes.data + i * 4) & mask;
    df_rle_put(&out, values, n, width);
    df_rle_init(&rle, df_buf_slice(&out), width);
    same(true, df_rle_take(&rle, back, n), values, back, n * 4);
    df_buf_dispose(&out);
    free(values);
    free(back);
}

/* ---- levels of old ---- */

static void decode_bit_packed(const struct input *in)
{
    uint32_t width = in->choice % 9;
    uint8_t *whole = room(in->count, 1), *parts = room(in->count, 1);
    struct df_bit_packed packed;
    df_bit_packed_init(&packed, in->bytes, width);
    bool right = df_bit_packed_take(&packed, whole, in->count), stepped = true;
    df_bit_packed_init(&packed, in->bytes, width);
    for (size_t done = 0; done < in->count && stepped; done += step_at(in, done))
        stepped = df_bit_packed_take(&packed, parts + done, step_at(in, done));
    same(right, stepped, whole, parts, in->count);
    if (right != (width == 0 || in->count <= in->bytes.size * 8 / width))
        abort();
    free(whole);
    free(parts);
}

/* ---- deltas ---- */

static void decode_delta(const struct input *in)
{
    struct df_delta delta;
    int64_t *whole = room(in->count, 8), *parts = room(in->count, 8);
    bool begun = df_delta_init(&delta, in->bytes, in->count);
    size_t n = begun ? (size_t)delta.left : 0;
    if (n > in->count)
        abort();
    bool right = begun && df_delta_take(&delta, whole, n), stepped = df_delta_init(&delta, in->bytes, in->count);
    for (size_t done = 0; done < n && stepped;) {
        size_t step = n - done < in->step ? n - done : in->step;
        stepped = df_delta_take(&delta, parts + done, step);
        done += step;
    }
    same(right, stepped, whole, parts, n * 8);
    if (right && df_delta_take(&delta, parts, 1))
        abort(); /* there are no more */
    df_delta_wrap_int32s(parts, right ? n : 0);
    df_delta_wrap_uint32s(parts, right ? n : 0);
    free(whole);
    free(parts);
}

static void encode_delta(const struct input *in)
{
    size_t width = in->choice & 1 ? 4 : 8, n = in->bytes.size / width;
    int64_t *back = room(n, 8);
    struct df_buf out = {0};
    struct df_delta delta;
    df_delta_put(&out, in->bytes.data, n, width);
    if (!df_delta_init(&delta, df_buf_slice(&out), n) || delta.left != n || !df_delta_take(&delta, back, n))
        abort();
    for (size_t i = 0; i < n; i++) {
        const uint8_t *at = in->bytes.data + i * width;
        if (width == 8 ? (uint64_t)back[i] != df_load_u64le(at) : (uint32_t)(uint64_t)back[i] != df_load_u32le(at))
            abort();
    }
    df_buf_dispose(&out);
    free(back);
}

static void decode_delta_length(const struct input *in)
{
    struct df_delta_length values;
    struct df_slice *out = room(in->count, sizeof *out);
    size_t total = 0;
    if (df_delta_length_init(&values, in->bytes, in->count)) {
        size_t n = (size_t)values.lengths.left;
        for (size_t done = 0; done < n;) {
            size_t step = n - done < in->step ? n - done : in->step;
            if (!df_delta_length_take(&values, out + done, step))
                abort(); /* all lengths were walked over before */
            done += step;
        }
        for (size_t i = 0; i < n; i++) {
            if (out[i].size > 0 &&
                (out[i].data < in->bytes.data || out[i].size > (size_t)(in->bytes.data + in->bytes.size - out[i].data)))
                abort();
            total += out[i].size;
        }
    }
    if (total > in->bytes.size)
        abort();
    free(out);
}

static void decode_delta_strings(const struct input *in)
{
    uint32_t fixed = in->choice % 20;
    size_t bytes;
    if (!df_delta_strings_measure(in->bytes, in->count, fixed, &bytes) || bytes > 1 << 24)
        return;
    uint8_t *plain = room(bytes, 1);
    df_delta_strings_write(in->bytes, fixed, plain);
    const uint8_t *at = plain;
    for (struct df_slice one; !fixed && at < plain + bytes;)
        if (!df_plain_bytes(&at, plain + bytes, &one, 1))
            abort();
    volatile uint8_t last = bytes > 0 ? plain[bytes - 1] : 0;
    (void)last;
    free(plain);
}

/* ---- bytes in another order ---- */

static void decode_split(const struct input *in)
{
    size_t width = 1 + in->choice % 20, n = in->bytes.size / width;
    uint8_t *joined = room(n, width);
    df_byte_stream_split_join(in->bytes.data, width, joined, n);
    for (size_t i = 0; i < n; i++)
        for (size_t byte = 0; byte < width; byte++)
            if (joined[i * width + byte] != in->bytes.data[byte * n + i])
                abort();
    free(joined);
}

/* ---- plain ---- */

static void decode_plain_bytes(const struct input *in)
{
    struct df_slice *out = room(in->count, sizeof *out);
    const uint8_t *at = in->bytes.data, *end = at + in->bytes.size;
    size_t done = 0;
    while (done < in->count && df_plain_bytes(&at, end, out + done, 1)) {
        if (out[done].size > 0 && out[done].data + out[done].size != at)
            abort();
        done++;
    }
    at = in->bytes.data;
    if (df_plain_bytes(&at, end, out, in->count) != (done == in->count))
        abort();
    free(out);
}

static void decode_plain_numbers(const struct input *in)
{
    size_t n4 = in->bytes.size / 4, n8 = in->bytes.size / 8, bits = in->bytes.size * 8;
    size_t first = bits > 0 ? in->count % bits : 0;
    int64_t *wide = room(n4, 8);
    double *reals = room(n8, 8);
    uint8_t *bools = room(bits - first, 1);
    df_plain_int32s(in->bytes.data, wide, n4);
    for (size_t i = 0; i < n4; i++)
        if (wide[i] != (int32_t)df_load_u32le(in->bytes.data + i * 4))
            abort();
    df_plain_uint32s(in->bytes.data, wide, n4);
    for (size_t i = 0; i < n4; i++)
        if ((uint64_t)wide[i] != df_load_u32le(in->bytes.data + i * 4))
            abort();
    df_plain_int64s(in->bytes.data, wide, n8);
    df_plain_doubles(in->bytes.data, reals, n8);
    same(true, true, wide, reals, n8 * 8);
    df_plain_bools(in->bytes.data, first, bools, bits - first);
    for (size_t i = first; i < bits; i++)
        if (bools[i - first] != (in->bytes.data[i / 8] >> (i % 8) & 1))
            abort();
    free(wide);
    free(reals);
    free(bools);
}

/* ---- dictionaries ---- */

static void decode_dictionary(const struct input *in)
{
    static const struct df_parquet_leaf leaves[] = {
        {DF_PARQUET_FROM_INT32, DF_VECTOR_INT64, .width_bytes = 4},
        {DF_PARQUET_FROM_UINT32, DF_VECTOR_INT64, .width_bytes = 4},
        {DF_PARQUET_FROM_INT64, DF_VECTOR_INT64, .width_bytes = 8},
        {DF_PARQUET_FROM_FLOAT, DF_VECTOR_FLOAT64, .width_bytes = 4},
        {DF_PARQUET_FROM_DOUBLE, DF_VECTOR_FLOAT64, .width_bytes = 8},
        {DF_PARQUET_FROM_HALF, DF_VECTOR_FLOAT64, .width_bytes = 2},
        {DF_PARQUET_FROM_INT96, DF_VECTOR_INT64, .width_bytes = 12},
        {DF_PARQUET_FROM_BYTES, DF_VECTOR_BYTES, .width_bytes = 0},
        {DF_PARQUET_FROM_FIXED, DF_VECTOR_BYTES, .width_bytes = 5},
        {DF_PARQUET_FROM_FIXED_DECIMAL, DF_VECTOR_INT64, .width_bytes = 7},
        {DF_PARQUET_FROM_FIXED_DECIMAL, DF_VECTOR_INT128, .width_bytes = 16},
        {DF_PARQUET_FROM_BYTES_DECIMAL, DF_VECTOR_INT64, .width_bytes = 0},
        {DF_PARQUET_FROM_BYTES_DECIMAL, DF_VECTOR_INT128, .width_bytes = 0},
        {DF_PARQUET_FROM_BOOLEAN, DF_VECTOR_BOOL, .width_bytes = 0},
    };
    const struct df_parquet_leaf *leaf = &leaves[in->choice % (sizeof leaves / sizeof *leaves)];
    uint32_t count = (uint32_t)in->count;
    size_t bytes = df_parquet_dictionary_array_bytes(leaf, count, in->bytes.size);
    if (bytes == 0)
        return;
    enum df_error_kind kind;
    struct df_parquet_dictionary dictionary = {.values.data = room(bytes, 1)};
    uint32_t codes[3] = {0, count / 2, count ? count - 1 : 0}, beyond = count;
    if (!df_parquet_dictionary_decode(&dictionary, leaf, count, in->bytes, &kind) && count > 0) {
        __int128 values[2 * 3];
        static_assert(sizeof values / 3 >= sizeof(struct df_slice), "any element fits");
        if (!df_codes_below(codes, 3, count) || df_codes_below(&beyond, 1, count) || dictionary.entries.count != count)
            abort();
        df_dictionary_look_up(&dictionary.entries, leaf->kind, codes, values, 3);
        const struct df_slice *slices = (const struct df_slice *)(const void *)values;
        volatile uint64_t sum = 0;
        for (int i = 0; leaf->kind == DF_VECTOR_BYTES && i < 3; i++)
            for (size_t at = 0; at < slices[i].size; at++)
                sum += slices[i].data[at];
        (void)sum;
    }
    free(dictionary.values.data);
}

typedef void decode_fn(const struct input *in);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static decode_fn *const decoders[] = {
        decode_rle,   decode_rle_bits,    encode_rle,           decode_bit_packed,
        decode_delta, encode_delta,       decode_delta_length,  decode_delta_strings,
        decode_split, decode_plain_bytes, decode_plain_numbers, decode_dictionary,
    };
    if (size < HEAD_BYTES)
        return 0;
    struct input in = {
        .choice = data[1],
        .count = df_load_u16le(data + 2) % VALUES_MAX,
        .step = 1 + (size_t)data[4],
        .bytes = df_slice_make(data + HEAD_BYTES, size - HEAD_BYTES),
    };
    decoders[data[0] % (sizeof decoders / sizeof *decoders)](&in);
    return 0;
}
