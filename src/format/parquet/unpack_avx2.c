/* Eight values are as many bytes as one has bits, so groups of eight begin with a byte. A group is taken in two halves
 * of a register: four values each, of which every one lies in some four of the sixteen bytes that are loaded there.
 * They are moved to the place of their value, shifted down by where it begins in its first byte, and masked. */
#include "format/parquet/unpack.h"

#ifdef DF_CPU_AVX2

#include <immintrin.h>

enum { WIDTH_MAX = 25 }; /* with a shift of seven it fills four bytes */

/* Where value i begins, in bytes from the load of its half. */
#define FIRST(width, i)  ((uint8_t)(((i) * (width) >> 3) - ((i) < 4 ? 0 : 4 * (width) >> 3)))
#define BYTES4(width, i) FIRST(width, i), FIRST(width, i) + 1, FIRST(width, i) + 2, FIRST(width, i) + 3
#define SHIFT(width, i)  ((i) * (width)&7)
#define PLACES(width)                                                                                                  \
    {                                                                                                                  \
        .bytes = {BYTES4(width, 0), BYTES4(width, 1), BYTES4(width, 2), BYTES4(width, 3),                              \
                  BYTES4(width, 4), BYTES4(width, 5), BYTES4(width, 6), BYTES4(width, 7)},                             \
        .shifts = {SHIFT(width, 0), SHIFT(width, 1), SHIFT(width, 2), SHIFT(width, 3),                                 \
                   SHIFT(width, 4), SHIFT(width, 5), SHIFT(width, 6), SHIFT(width, 7)},                                \
    }
static const struct {
    _Alignas(32) uint8_t bytes[32];
    uint32_t shifts[8];
} places[WIDTH_MAX + 1] = {
    PLACES(0),  PLACES(1),  PLACES(2),  PLACES(3),  PLACES(4),  PLACES(5),  PLACES(6),  PLACES(7),  PLACES(8),
    PLACES(9),  PLACES(10), PLACES(11), PLACES(12), PLACES(13), PLACES(14), PLACES(15), PLACES(16), PLACES(17),
    PLACES(18), PLACES(19), PLACES(20), PLACES(21), PLACES(22), PLACES(23), PLACES(24), PLACES(25),
};

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

DF_TARGET_AVX2 static uint32_t greatest_of(__m256i values)
{
    __m128i four = _mm_max_epu32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(1, 0, 3, 2)));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(2, 3, 0, 1)));
    return (uint32_t)_mm_cvtsi128_si32(four);
}

/* `groups` of eight from a byte on; both loads of each lie inside. */
DF_TARGET_AVX2 static uint32_t unpack_groups(const uint8_t *from, uint32_t width, uint32_t *out, size_t groups)
{
    const __m256i bytes = _mm256_load_si256((const __m256i *)(const void *)places[width].bytes);
    const __m256i shifts = _mm256_loadu_si256((const __m256i *)(const void *)places[width].shifts);
    const __m256i mask = _mm256_set1_epi32((int)((UINT32_C(1) << width) - 1));
    const size_t half = 4 * width >> 3;
    __m256i greatest = _mm256_setzero_si256();
    for (; groups > 0; groups--, from += width, out += 8) {
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)from);
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(from + half));
        __m256i values = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), bytes);
        values = _mm256_and_si256(_mm256_srlv_epi32(values, shifts), mask);
        greatest = _mm256_max_epu32(greatest, values);
        _mm256_storeu_si256((__m256i *)(void *)out, values);
    }
    return greatest_of(greatest);
}

uint32_t df_unpack_avx2(const uint8_t *from, uint64_t bytes, uint64_t bit, uint32_t width, uint32_t *out, size_t n)
{
    if (width == 0 || width > WIDTH_MAX || n < 8)
        return df_unpack_scalar(from, bytes, bit, width, out, n);
    uint32_t greatest = 0;
    size_t before = 0; /* those up to the next byte that begins a value */
    while (before < 8 && (bit + before * width) % 8 != 0)
        before++;
    before = before < 8 ? before : n; /* there is none: packed from elsewhere than the beginning of a byte */
    if (before > 0)
        greatest = df_unpack_scalar(from, bytes, bit, width, out, before);
    bit += (uint64_t)before * width;
    uint64_t first = bit / 8, reach = (4 * width >> 3) + sizeof(__m128i);
    uint64_t fit = first + reach <= bytes ? (bytes - first - reach) / width + 1 : 0;
    size_t groups = (n - before) / 8;
    groups = fit < groups ? (size_t)fit : groups;
    if (groups > 0)
        greatest = greater(greatest, unpack_groups(from + first, width, out + before, groups));
    size_t done = before + groups * 8;
    if (done < n)
        greatest = greater(
            greatest, df_unpack_scalar(from, bytes, bit + (uint64_t)groups * 8 * width, width, out + done, n - done));
    return greatest;
}

#endif
