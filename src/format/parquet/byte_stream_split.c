#include "format/parquet/byte_stream_split.h"

/* With the width known the compiler keeps a value in a register while it gathers its bytes. */
static inline void join(const uint8_t *from, size_t width, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t byte = 0; byte < width; byte++)
            out[i * width + byte] = from[byte * n + i];
}

void df_byte_stream_split_join(const uint8_t *from, size_t width, uint8_t *out, size_t n)
{
    switch (width) {
    case 4:
        join(from, 4, out, n);
        break;
    case 8:
        join(from, 8, out, n);
        break;
    default:
        join(from, width, out, n);
    }
}
