#include "engine/funnel/keys.h"

#include "base/hash.h"

void df_funnel_keys_hash(const struct df_funnel_keys *keys, uint64_t *hashes)
{
    if (keys->kind == DF_FUNNEL_KEY_BYTES) {
        for (uint32_t i = 0; i < keys->count; i++)
            hashes[i] = df_hash_bytes(keys->bytes[i]);
        return;
    }
    for (uint32_t i = 0; i < keys->count; i++)
        hashes[i] = df_hash_u64((uint64_t)keys->numbers[i]);
}
