#include "engine/funnel/rows/pile.h"

#include <string.h>

/* ---- kinds ---- */

size_t df_funnel_kind_bytes(enum df_vector_kind kind)
{
    switch (kind) {
    case DF_VECTOR_BOOL:
        return 1;
    case DF_VECTOR_INT64:
    case DF_VECTOR_FLOAT64:
        return 8;
    case DF_VECTOR_INT128:
        return 16;
    default:
        return 0;
    }
}

static enum df_vector_kind kind_behind(const struct df_vector *vector)
{
    return vector->kind == DF_VECTOR_CODES ? vector->dictionary->kind : vector->kind;
}

bool df_funnel_vector_fits(const struct df_vector *vector, const struct df_type *type)
{
    if (!type->list)
        return type->kind == DF_TYPE_NULL || kind_behind(vector) == df_vector_kind_of(type);
    return vector->kind == DF_VECTOR_LIST &&
           (type->kind == DF_TYPE_NULL || kind_behind(vector->values.list.elements) == df_vector_element_kind_of(type));
}

/* ---- memory ---- */

/* array is the address of a pointer to elements. */
static bool grow(struct df_funnel_account *account, void *array, size_t *capacity, size_t needed, size_t element_bytes)
{
    if (needed <= *capacity)
        return true;
    void *memory;
    memcpy(&memory, array, sizeof memory);
    if (!df_funnel_account_grow(account, &memory, capacity, needed, element_bytes))
        return false;
    memcpy(array, &memory, sizeof memory);
    return true;
}

bool df_funnel_pile_init(struct df_funnel_pile *pile, const struct df_type *type, struct df_funnel_account *account)
{
    *pile = (struct df_funnel_pile){.kind = df_vector_kind_of(type)};
    if (!type->list)
        return true;
    if (!grow(account, &pile->elements, &pile->elements_capacity, 1, sizeof *pile->elements))
        return false;
    *pile->elements = (struct df_funnel_pile){.kind = df_vector_element_kind_of(type)};
    return true;
}

void df_funnel_pile_dispose(struct df_funnel_pile *pile, struct df_funnel_account *account)
{
    if (pile->elements)
        df_funnel_pile_dispose(pile->elements, account);
    df_funnel_account_free(account, pile->elements, pile->elements_capacity * sizeof *pile->elements);
    df_funnel_account_free(account, pile->valid, pile->valid_capacity);
    df_funnel_account_free(account, pile->values, pile->value_capacity * df_funnel_kind_bytes(pile->kind));
    df_funnel_account_free(account, pile->lengths, pile->length_capacity * sizeof *pile->lengths);
    df_funnel_account_free(account, pile->bytes, pile->byte_capacity);
    *pile = (struct df_funnel_pile){.kind = pile->kind};
}

void df_funnel_pile_clear(struct df_funnel_pile *pile)
{
    pile->row_count = pile->value_count = pile->byte_count = 0;
    if (pile->elements)
        df_funnel_pile_clear(pile->elements);
}

size_t df_funnel_pile_bytes(const struct df_funnel_pile *pile)
{
    size_t width = df_funnel_kind_bytes(pile->kind);
    return pile->row_count + pile->value_count * (width ? width : sizeof *pile->lengths) + pile->byte_count +
           (pile->elements ? df_funnel_pile_bytes(pile->elements) : 0);
}

/* ---- appending ---- */

/* Room for `count` more rows, and their values where those have a fixed width or a length. */
static bool make_room(struct df_funnel_pile *pile, uint32_t count, struct df_funnel_account *account)
{
    size_t width = df_funnel_kind_bytes(pile->kind);
    return grow(account, &pile->valid, &pile->valid_capacity, pile->row_count + count, 1) &&
           (width ? grow(account, &pile->values, &pile->value_capacity, pile->value_count + count, width)
                  : grow(account, &pile->lengths, &pile->length_capacity, pile->value_count + count,
                         sizeof *pile->lengths));
}

static void put_valid(struct df_funnel_pile *pile, const uint8_t *valid, const uint32_t *rows, uint32_t count)
{
    uint8_t *out = pile->valid + pile->row_count;
    for (uint32_t i = 0; i < count; i++)
        out[i] = valid ? valid[rows[i]] : 1;
    pile->row_count += count;
}

/* Fixed widths: `from` has an element per row, or per dictionary entry. Written always, counted if there is a value. */
static void put_bytes1(struct df_funnel_pile *pile, const uint8_t *from, const uint8_t *valid, const uint32_t *rows,
                       uint32_t count)
{
    size_t at = pile->value_count;
    for (uint32_t i = 0; i < count; i++) {
        pile->values[at] = from[rows[i]];
        at += valid ? valid[rows[i]] : 1;
    }
    pile->value_count = at;
}

static void put_bytes8(struct df_funnel_pile *pile, const void *from, const uint8_t *valid, const uint32_t *codes,
                       const uint32_t *rows, uint32_t count)
{
    size_t at = pile->value_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t entry = codes ? codes[rows[i]] : rows[i];
        memcpy(pile->values + at * 8, (const uint8_t *)from + (size_t)entry * 8, 8);
        at += valid ? valid[rows[i]] : 1;
    }
    pile->value_count = at;
}

static void put_bytes16(struct df_funnel_pile *pile, const void *from, const uint8_t *valid, const uint32_t *rows,
                        uint32_t count)
{
    size_t at = pile->value_count;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(pile->values + at * 16, (const uint8_t *)from + (size_t)rows[i] * 16, 16);
        at += valid ? valid[rows[i]] : 1;
    }
    pile->value_count = at;
}

static bool put_slices(struct df_funnel_pile *pile, const struct df_slice *from, const uint8_t *valid,
                       const uint32_t *codes, const uint32_t *rows, uint32_t count, struct df_funnel_account *account)
{
    for (uint32_t i = 0; i < count; i++) {
        if (valid && !valid[rows[i]])
            continue;
        struct df_slice value = from[codes ? codes[rows[i]] : rows[i]];
        if (value.size > UINT32_MAX ||
            !grow(account, &pile->bytes, &pile->byte_capacity, pile->byte_count + value.size, 1))
            return false;
        if (value.size)
            memcpy(pile->bytes + pile->byte_count, value.data, value.size);
        pile->byte_count += value.size;
        pile->lengths[pile->value_count++] = (uint32_t)value.size;
    }
    return true;
}

static bool put_flat(struct df_funnel_pile *pile, const struct df_vector *vector, const uint32_t *rows, uint32_t count,
                     struct df_funnel_account *account)
{
    bool coded = vector->kind == DF_VECTOR_CODES;
    const uint32_t *codes = coded ? vector->values.codes : NULL;
    switch (pile->kind) {
    case DF_VECTOR_BOOL:
        put_bytes1(pile, vector->values.bools, vector->valid, rows, count);
        return true;
    case DF_VECTOR_INT64:
        put_bytes8(pile, coded ? vector->dictionary->values.int64s : vector->values.int64s, vector->valid, codes, rows,
                   count);
        return true;
    case DF_VECTOR_FLOAT64:
        put_bytes8(pile, coded ? vector->dictionary->values.float64s : vector->values.float64s, vector->valid, codes,
                   rows, count);
        return true;
    case DF_VECTOR_INT128:
        put_bytes16(pile, vector->values.int128s, vector->valid, rows, count);
        return true;
    default:
        return put_slices(pile, coded ? vector->dictionary->values.bytes : vector->values.bytes, vector->valid, codes,
                          rows, count, account);
    }
}

static bool append(struct df_funnel_pile *pile, const struct df_vector *vector, bool null, const uint32_t *rows,
                   uint32_t count, struct df_funnel_account *account)
{
    if (!make_room(pile, count, account))
        return false;
    /* Only nulls lie above a dictionary without entries. */
    if (null || (vector->kind == DF_VECTOR_CODES && vector->dictionary->count == 0)) {
        memset(pile->valid + pile->row_count, 0, count);
        pile->row_count += count;
        return true;
    }
    put_valid(pile, vector->valid, rows, count);
    return put_flat(pile, vector, rows, count, account);
}

/* The elements [begin, end) of a list's vector, some at a time. */
static bool append_elements(struct df_funnel_pile *pile, const struct df_vector *elements, bool null, uint32_t begin,
                            uint32_t end, struct df_funnel_account *account)
{
    uint32_t rows[256];
    while (begin < end) {
        uint32_t count = 0;
        for (; begin < end && count < 256; begin++)
            rows[count++] = begin;
        if (!append(pile, elements, null, rows, count, account))
            return false;
    }
    return true;
}

static bool append_lists(struct df_funnel_pile *pile, const struct df_vector *vector, bool null, const uint32_t *rows,
                         uint32_t count, struct df_funnel_account *account)
{
    const uint32_t *offsets = vector->values.list.offsets;
    if (!make_room(pile, count, account))
        return false;
    put_valid(pile, vector->valid, rows, count);
    for (uint32_t i = 0; i < count; i++) {
        if (df_vector_is_null(vector, rows[i]))
            continue;
        uint32_t begin = offsets[rows[i]], end = offsets[rows[i] + 1];
        pile->lengths[pile->value_count++] = end - begin;
        if (!append_elements(pile->elements, vector->values.list.elements, null, begin, end, account))
            return false;
    }
    return true;
}

bool df_funnel_pile_append(struct df_funnel_pile *pile, const struct df_type *type, const struct df_vector *vector,
                           const uint32_t *rows, uint32_t count, struct df_funnel_account *account)
{
    bool null = type->kind == DF_TYPE_NULL;
    return pile->kind == DF_VECTOR_LIST ? append_lists(pile, vector, null, rows, count, account)
                                        : append(pile, vector, null, rows, count, account);
}
