#include "base/hash.h"

#include <xxhash.h>

uint64_t df_hash_bytes(struct df_slice bytes)
{
    return XXH3_64bits(bytes.data, bytes.size);
}
