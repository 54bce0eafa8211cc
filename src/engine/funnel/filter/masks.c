/* Several roots over a batch at once, a bit each. Roots that are one leaf over the same dictionary-coded column, as the
 * steps of a funnel usually are, take one look per row: at the mask of its entry. */
#include "engine/funnel/filter/set.h"

/* The roots from `first` on that share its column. */
struct together {
    const uint32_t *roots;
    uint32_t count, first;
    uint8_t bits;  /* of `first` and those that go with it */
    uint8_t nulls; /* the bits that null rows have */
};

static struct df_funnel_code *code_of(struct df_funnel_filter_set *set, uint32_t root)
{
    return &set->codes[set->roots[root].leaf];
}

static bool by_entries(struct df_funnel_filter_set *set, uint32_t root)
{
    if (set->roots[root].kind != DF_FUNNEL_TREE_LEAF)
        return false;
    const struct df_funnel_code *code = code_of(set, root);
    if (code->decided || code->shape == DF_FUNNEL_LIST)
        return false;
    const struct df_vector *vector = &set->vectors[code->vector];
    return vector->kind == DF_VECTOR_CODES && vector->dictionary->count > 0;
}

static void find_together(struct df_funnel_filter_set *set, struct together *together)
{
    uint32_t column = code_of(set, together->roots[together->first])->vector;
    together->bits = together->nulls = 0;
    for (uint32_t bit = together->first; bit < together->count; bit++) {
        uint32_t root = together->roots[bit];
        if (!by_entries(set, root) || code_of(set, root)->vector != column)
            continue;
        together->bits |= (uint8_t)(1u << bit);
        together->nulls |= (uint8_t)(code_of(set, root)->null_answer << bit);
    }
}

/* Bits that would be asked for once more with the same first one differ only from query to query, not in a set. */
static int make_table(struct df_funnel_filter_set *set, const struct together *together, struct df_error *error)
{
    struct df_funnel_masks_table *table = &set->tables[together->first];
    const struct df_vector *vector = &set->vectors[code_of(set, together->roots[together->first])->vector];
    const struct df_dictionary *dictionary = vector->dictionary;
    if (table->known && table->serial == dictionary->serial && table->bits == together->bits)
        return 0;
    table->known = false;
    if (df_funnel_room_reserve(&table->room, dictionary->count, set->budget, "the filters' answers to a dictionary",
                               error) < 0)
        return -1;
    uint8_t *masks = table->room.memory;
    memset(masks, 0, dictionary->count);
    for (uint32_t bit = together->first; bit < together->count; bit++) {
        struct df_funnel_code *code = code_of(set, together->roots[bit]);
        if (!(together->bits >> bit & 1))
            continue;
        if (df_funnel_code_entries(code, dictionary, error) < 0)
            return -1;
        const uint8_t *answers = code->dictionary.room.memory;
        for (uint32_t i = 0; i < dictionary->count; i++)
            masks[i] |= (uint8_t)((answers[i] ^ code->negate) << bit);
    }
    table->serial = dictionary->serial;
    table->bits = together->bits;
    table->known = true;
    return 0;
}

static int mask_together(struct df_funnel_filter_set *set, struct together *together, uint8_t *masks,
                         struct df_error *error)
{
    const struct df_vector *vector = &set->vectors[code_of(set, together->roots[together->first])->vector];
    find_together(set, together);
    if (make_table(set, together, error) < 0)
        return -1;
    const uint8_t *table = set->tables[together->first].room.memory;
    const uint32_t *codes = vector->values.codes;
    if (!vector->valid) {
        for (uint32_t i = 0; i < set->rows; i++)
            masks[i] |= table[codes[i]];
        return 0;
    }
    for (uint32_t i = 0; i < set->rows; i++)
        masks[i] |= vector->valid[i] ? table[codes[i]] : together->nulls;
    return 0;
}

int df_funnel_filter_set_masks(struct df_funnel_filter_set *set, const uint32_t *roots, uint32_t count, uint8_t *masks,
                               struct df_error *error)
{
    struct together together = {.roots = roots, .count = count};
    uint8_t done = 0;
    for (uint32_t bit = 0; bit < count && set->rows > 0; bit++) {
        const uint8_t *matches;
        if (done >> bit & 1)
            continue;
        if (by_entries(set, roots[bit])) {
            together.first = bit;
            if (mask_together(set, &together, masks, error) < 0)
                return -1;
            done |= together.bits;
            continue;
        }
        if (df_funnel_filter_set_match(set, roots[bit], &matches, error) < 0)
            return -1;
        for (uint32_t i = 0; i < set->rows; i++)
            masks[i] |= (uint8_t)(matches[i] << bit);
    }
    return 0;
}
