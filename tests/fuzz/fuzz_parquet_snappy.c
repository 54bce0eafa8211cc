/* Snappy of our own: of any block it says what the library says, and gives the same bytes; and a block of the library
 * with some of its bytes changed is one more that gets far.
 *
 * Input: byte 0 pack the rest first (bit 7), and how many bytes to change then (low 2 bits): three bytes each, place
 * and what is turned of the byte there; the rest is the block, or what is packed. */
#include <assert.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "format/parquet/snappy.h"

enum { CHANGE_BYTES = 3, OUT_MAX = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *room(size_t size)
{
    uint8_t *made = malloc(size > 0 ? size : 1);
    assert(made);
    return made;
}

static bool compare(struct df_slice block)
{
    size_t said, got;
    uint8_t nothing;
    if (snappy_uncompressed_length((const char *)block.data, block.size, &said) != SNAPPY_OK) {
        if (df_snappy_decompress(block, &nothing, 0))
            abort();
        return false;
    }
    if (said > OUT_MAX)
        return false;
    uint8_t *ours = room(said), *theirs = room(said);
    got = said;
    bool accepted =
        snappy_uncompress((const char *)block.data, block.size, (char *)theirs, &got) == SNAPPY_OK && got == said;
    bool right = df_snappy_decompress(block, ours, said);
    if (accepted != right || (right && memcmp(ours, theirs, said) != 0))
        abort();
    if (said > 0 && df_snappy_decompress(block, ours, said - 1))
        abort();
    free(ours);
    free(theirs);
    return right;
}

static void change(uint8_t *packed, size_t size, struct df_slice changes)
{
    for (size_t i = 0; i + CHANGE_BYTES <= changes.size; i += CHANGE_BYTES)
        packed[df_load_u16le(changes.data + i) % size] ^= changes.data[i + 2];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t head = size > 0 && data[0] >> 7 ? 1 + (data[0] & 3u) * CHANGE_BYTES : 1;
    if (size < head)
        return 0;
    struct df_slice rest = df_slice_make(data + head, size - head);
    size_t packed = data[0] >> 7 ? snappy_max_compressed_length(rest.size) : rest.size;
    uint8_t *work = room(packed);
    if (data[0] >> 7)
        snappy_compress((const char *)rest.data, rest.size, (char *)work, &packed);
    else
        memcpy(work, rest.data, packed);
    uint8_t *block = room(packed); /* as large as it is, so that a byte too far is seen */
    memcpy(block, work, packed);
    free(work);
    if (packed > 0)
        change(block, packed, df_slice_make(data + 1, head - 1));
    bool right = compare(df_slice_make(block, packed));
    if (!right && data[0] >> 7 && head == 1)
        abort();
    free(block);
    return 0;
}
