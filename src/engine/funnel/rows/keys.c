#include "engine/funnel/rows/keys.h"

#include "base/hash.h"

const char *df_funnel_key_text(enum df_funnel_key_kind kind)
{
    static const char *const texts[DF_FUNNEL_KEY_KINDS] = {"an integer", "an unsigned 64-bit integer", "a string"};
    return texts[kind];
}

void df_funnel_keys_hash(const struct df_funnel_keys *keys, uint64_t *hashes)
{
    if (keys->hashes) {
        memcpy(hashes, keys->hashes, keys->count * sizeof *hashes);
        return;
    }
    if (keys->kind == DF_FUNNEL_KEY_BYTES) {
        for (uint32_t i = 0; i < keys->count; i++)
            hashes[i] = df_hash_bytes(keys->bytes[i]);
        return;
    }
    for (uint32_t i = 0; i < keys->count; i++)
        hashes[i] = df_hash_u64((uint64_t)keys->numbers[i]);
}
