#include "format/text/names.h"

#include "base/hash.h"

static uint32_t *slot_of(const struct df_text_names *names, struct df_slice name)
{
    uint32_t mask = names->slot_count - 1;
    for (uint32_t at = (uint32_t)df_hash_bytes(name) & mask;; at = (at + 1) & mask) {
        uint32_t entry = names->slots[at];
        if (entry == 0 || df_slice_is(name, names->names[entry - 1]))
            return &names->slots[at];
    }
}

int64_t df_text_names_find(struct df_text_names *names, struct df_slice name)
{
    uint32_t expected = names->expected < names->count ? names->expected : 0;
    if (names->count == 0)
        return -1;
    if (df_slice_is(name, names->names[expected])) {
        names->expected = expected + 1;
        return expected;
    }
    uint32_t entry = *slot_of(names, name);
    if (entry != 0)
        names->expected = entry;
    return (int64_t)entry - 1;
}

/* At most half of the slots are taken, so that a search ends soon. */
static bool reserve(struct df_text_names *names)
{
    if (names->count < names->capacity)
        return true;
    uint32_t capacity = names->capacity ? names->capacity * 2 : 16;
    char **grown = realloc(names->names, capacity * sizeof *grown);
    if (grown)
        names->names = grown;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof *slots);
    if (!grown || !slots) {
        free(slots);
        return false;
    }
    free(names->slots);
    names->slots = slots;
    names->slot_count = capacity * 2;
    names->capacity = capacity;
    for (uint32_t i = 0; i < names->count; i++)
        *slot_of(names, df_slice_text(names->names[i])) = i + 1;
    return true;
}

int64_t df_text_names_add(struct df_text_names *names, struct df_slice name)
{
    int64_t found = df_text_names_find(names, name);
    if (found >= 0)
        return found;
    if (names->count >= DF_TEXT_COLUMNS_MAX || !reserve(names))
        return -1;
    char *copy = df_slice_strdup(name);
    if (!copy)
        return -1;
    uint32_t *slot = slot_of(names, name);
    names->names[names->count++] = copy;
    *slot = names->count;
    names->expected = names->count;
    return names->count - 1;
}

void df_text_names_dispose(struct df_text_names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    free(names->slots);
    *names = (struct df_text_names){0};
}
