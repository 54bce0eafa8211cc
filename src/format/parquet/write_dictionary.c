#include "format/parquet/write_dictionary.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"

enum { FIRST_SLOTS = 1024 };

static uint32_t hash_value(struct df_slice plain)
{
    return (uint32_t)(plain.size == 8 ? df_hash_u64(df_load_u64le(plain.data)) : df_hash_bytes(plain));
}

static uint32_t number_in(uint64_t slot)
{
    return (uint32_t)slot - 1;
}

static struct df_slice entry_at(const struct df_write_dictionary *dictionary, uint32_t code, bool with_length)
{
    const uint8_t *offsets = dictionary->offsets.data;
    size_t begin = df_load_u32le(offsets + 4 * (size_t)code);
    size_t end =
        code + 1 < dictionary->count ? df_load_u32le(offsets + 4 * (size_t)(code + 1)) : dictionary->plain.size;
    size_t head = with_length ? 4 : 0;
    return df_slice_make(dictionary->plain.data + begin + head, end - begin - head);
}

/* The slot of a value: the one that has it, or the free one where it would go. Few entries of another value have its
 * hash, so that hardly any is looked at in vain. */
static uint32_t find_slot(const struct df_write_dictionary *dictionary, struct df_slice plain, uint32_t hash,
                          bool with_length)
{
    uint32_t mask = dictionary->slot_count - 1;
    uint32_t at = hash & mask;
    for (uint64_t slot; (slot = dictionary->slots[at]) != 0; at = (at + 1) & mask)
        if (slot >> 32 == hash && df_slice_equal(entry_at(dictionary, number_in(slot), with_length), plain))
            break;
    return at;
}

static bool grow_slots(struct df_write_dictionary *dictionary)
{
    uint32_t wanted = dictionary->slot_count ? dictionary->slot_count * 2 : FIRST_SLOTS;
    uint64_t *slots = calloc(wanted, sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < dictionary->slot_count; i++) {
        uint64_t slot = dictionary->slots[i];
        uint32_t at = (uint32_t)(slot >> 32) & (wanted - 1);
        while (slot != 0 && slots[at] != 0)
            at = (at + 1) & (wanted - 1);
        if (slot != 0)
            slots[at] = slot;
    }
    free(dictionary->slots);
    dictionary->slots = slots;
    dictionary->slot_count = wanted;
    return true;
}

static bool append(struct df_write_dictionary *dictionary, struct df_slice plain, bool with_length)
{
    df_buf_put_u32le(&dictionary->offsets, (uint32_t)dictionary->plain.size);
    if (with_length)
        df_buf_put_u32le(&dictionary->plain, (uint32_t)plain.size);
    df_buf_put_slice(&dictionary->plain, plain);
    return !df_buf_failed(&dictionary->offsets) && !df_buf_failed(&dictionary->plain);
}

enum df_write_dictionary_result df_write_dictionary_code(struct df_write_dictionary *dictionary, struct df_slice plain,
                                                         bool with_length, uint32_t *code)
{
    if (dictionary->count * UINT64_C(2) >= dictionary->slot_count && !grow_slots(dictionary))
        return DF_WRITE_DICTIONARY_ERROR;
    uint32_t hash = hash_value(plain), at = find_slot(dictionary, plain, hash, with_length);
    if (dictionary->slots[at] != 0) {
        *code = number_in(dictionary->slots[at]);
        return DF_WRITE_DICTIONARY_CODE;
    }
    size_t room = dictionary->limit_bytes - dictionary->plain.size;
    size_t head = with_length ? 4 : 0;
    if (room < head || plain.size > room - head)
        return DF_WRITE_DICTIONARY_FULL;
    if (!append(dictionary, plain, with_length))
        return DF_WRITE_DICTIONARY_ERROR;
    *code = dictionary->count++;
    dictionary->slots[at] = (uint64_t)hash << 32 | (*code + 1);
    return DF_WRITE_DICTIONARY_NEW;
}

void df_write_dictionary_clear(struct df_write_dictionary *dictionary)
{
    df_buf_clear(&dictionary->plain);
    df_buf_clear(&dictionary->offsets);
    dictionary->count = 0;
    if (dictionary->slots)
        memset(dictionary->slots, 0, dictionary->slot_count * sizeof *dictionary->slots);
}

void df_write_dictionary_dispose(struct df_write_dictionary *dictionary)
{
    df_buf_dispose(&dictionary->plain);
    df_buf_dispose(&dictionary->offsets);
    free(dictionary->slots);
    *dictionary = (struct df_write_dictionary){0};
}
