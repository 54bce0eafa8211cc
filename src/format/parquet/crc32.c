#include "format/parquet/crc32.h"

#include "base/bytes.h"

/* Eight bytes per step: table k says what a byte does to the CRC when k more bytes follow it. A CRC is linear, so each
 * table is spanned by its entries at the powers of two; the compiler combines them into the 8 KiB of constants. */
#define BIT(i, b, entry) (((i) >> (b)&1u) ? UINT32_C(entry) : 0u)
#define T0(i)                                                                                                          \
    (BIT(i, 0, 0x77073096) ^ BIT(i, 1, 0xee0e612c) ^ BIT(i, 2, 0x076dc419) ^ BIT(i, 3, 0x0edb8832) ^                   \
     BIT(i, 4, 0x1db71064) ^ BIT(i, 5, 0x3b6e20c8) ^ BIT(i, 6, 0x76dc4190) ^ BIT(i, 7, 0xedb88320))
#define T1(i)                                                                                                          \
    (BIT(i, 0, 0x191b3141) ^ BIT(i, 1, 0x32366282) ^ BIT(i, 2, 0x646cc504) ^ BIT(i, 3, 0xc8d98a08) ^                   \
     BIT(i, 4, 0x4ac21251) ^ BIT(i, 5, 0x958424a2) ^ BIT(i, 6, 0xf0794f05) ^ BIT(i, 7, 0x3b83984b))
#define T2(i)                                                                                                          \
    (BIT(i, 0, 0x01c26a37) ^ BIT(i, 1, 0x0384d46e) ^ BIT(i, 2, 0x0709a8dc) ^ BIT(i, 3, 0x0e1351b8) ^                   \
     BIT(i, 4, 0x1c26a370) ^ BIT(i, 5, 0x384d46e0) ^ BIT(i, 6, 0x709a8dc0) ^ BIT(i, 7, 0xe1351b80))
#define T3(i)                                                                                                          \
    (BIT(i, 0, 0xb8bc6765) ^ BIT(i, 1, 0xaa09c88b) ^ BIT(i, 2, 0x8f629757) ^ BIT(i, 3, 0xc5b428ef) ^                   \
     BIT(i, 4, 0x5019579f) ^ BIT(i, 5, 0xa032af3e) ^ BIT(i, 6, 0x9b14583d) ^ BIT(i, 7, 0xed59b63b))
#define T4(i)                                                                                                          \
    (BIT(i, 0, 0x3d6029b0) ^ BIT(i, 1, 0x7ac05360) ^ BIT(i, 2, 0xf580a6c0) ^ BIT(i, 3, 0x30704bc1) ^                   \
     BIT(i, 4, 0x60e09782) ^ BIT(i, 5, 0xc1c12f04) ^ BIT(i, 6, 0x58f35849) ^ BIT(i, 7, 0xb1e6b092))
#define T5(i)                                                                                                          \
    (BIT(i, 0, 0xcb5cd3a5) ^ BIT(i, 1, 0x4dc8a10b) ^ BIT(i, 2, 0x9b914216) ^ BIT(i, 3, 0xec53826d) ^                   \
     BIT(i, 4, 0x03d6029b) ^ BIT(i, 5, 0x07ac0536) ^ BIT(i, 6, 0x0f580a6c) ^ BIT(i, 7, 0x1eb014d8))
#define T6(i)                                                                                                          \
    (BIT(i, 0, 0xa6770bb4) ^ BIT(i, 1, 0x979f1129) ^ BIT(i, 2, 0xf44f2413) ^ BIT(i, 3, 0x33ef4e67) ^                   \
     BIT(i, 4, 0x67de9cce) ^ BIT(i, 5, 0xcfbd399c) ^ BIT(i, 6, 0x440b7579) ^ BIT(i, 7, 0x8816eaf2))
#define T7(i)                                                                                                          \
    (BIT(i, 0, 0xccaa009e) ^ BIT(i, 1, 0x4225077d) ^ BIT(i, 2, 0x844a0efa) ^ BIT(i, 3, 0xd3e51bb5) ^                   \
     BIT(i, 4, 0x7cbb312b) ^ BIT(i, 5, 0xf9766256) ^ BIT(i, 6, 0x299dc2ed) ^ BIT(i, 7, 0x533b85da))
#define ROW4(t, i)  t((i) + 0u), t((i) + 1u), t((i) + 2u), t((i) + 3u)
#define ROW16(t, i) ROW4(t, i), ROW4(t, (i) + 4u), ROW4(t, (i) + 8u), ROW4(t, (i) + 12u)
#define ROW64(t, i) ROW16(t, i), ROW16(t, (i) + 16u), ROW16(t, (i) + 32u), ROW16(t, (i) + 48u)
#define TABLE(t)                                                                                                       \
    {                                                                                                                  \
        ROW64(t, 0u), ROW64(t, 64u), ROW64(t, 128u), ROW64(t, 192u)                                                    \
    }

static const uint32_t tables[8][256] = {TABLE(T0), TABLE(T1), TABLE(T2), TABLE(T3),
                                        TABLE(T4), TABLE(T5), TABLE(T6), TABLE(T7)};

uint32_t df_crc32(struct df_slice bytes)
{
    uint32_t crc = UINT32_MAX;
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word = df_load_u64le(at) ^ crc;
        crc = tables[7][word & 255] ^ tables[6][word >> 8 & 255] ^ tables[5][word >> 16 & 255] ^
              tables[4][word >> 24 & 255] ^ tables[3][word >> 32 & 255] ^ tables[2][word >> 40 & 255] ^
              tables[1][word >> 48 & 255] ^ tables[0][word >> 56];
    }
    for (; left > 0; at++, left--)
        crc = crc >> 8 ^ tables[0][(crc ^ *at) & 255];
    return ~crc;
}

uint32_t df_crc32_bitwise(struct df_slice bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ UINT32_C(0xEDB88320) : crc >> 1;
    }
    return ~crc;
}
