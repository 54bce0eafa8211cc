/* Rows that hold several values: lists, and strings that a delimiter cuts. A list without a value and an empty string
 * are `empty`; a null element equals nothing, but is there. */
#include "engine/funnel/filter/leaf.h"

/* ---- all of: each constant must be seen in the row ---- */

/* Which constants a row has shown: seen[k] is the number of the last row that showed constant k. */
struct sighting {
    uint32_t *seen;
    uint32_t row, found;
};

static int sightings_reserve(struct df_funnel_code *code, size_t rows, struct df_error *error)
{
    size_t size_bytes = (size_t)code->lookup.count * sizeof(uint32_t);
    bool fresh = !code->seen.memory;
    if (df_funnel_room_reserve(&code->seen, size_bytes, code->budget, "the constants of a filter", error) < 0)
        return -1;
    if (size_bytes && (fresh || rows >= UINT32_MAX - code->seen_row)) {
        memset(code->seen.memory, 0, size_bytes);
        code->seen_row = 0;
    }
    return 0;
}

static void sighting_begin(struct df_funnel_code *code, struct sighting *sighting)
{
    *sighting = (struct sighting){.seen = code->seen.memory, .row = ++code->seen_row};
}

static void sighting_add(struct sighting *sighting, uint32_t constant)
{
    if (constant == DF_FUNNEL_NOT_FOUND || sighting->seen[constant] == sighting->row)
        return;
    sighting->seen[constant] = sighting->row;
    sighting->found++;
}

/* ---- delimited strings ---- */

/* Takes the value in front of the next delimiter off *rest. False at the end: *rest has data NULL then. */
static bool next_piece(struct df_slice *rest, struct df_slice delimiter, struct df_slice *piece)
{
    if (!rest->data)
        return false;
    const uint8_t *end =
        rest->size >= delimiter.size ? memmem(rest->data, rest->size, delimiter.data, delimiter.size) : NULL;
    if (!end) {
        *piece = *rest;
        *rest = (struct df_slice){0};
        return true;
    }
    size_t size = (size_t)(end - rest->data), past = size + delimiter.size;
    *piece = df_slice_make(rest->data, size);
    *rest = df_slice_make(rest->data + past, rest->size - past);
    return true;
}

static bool some_piece_passes(const struct df_funnel_code *code, struct df_slice value)
{
    struct df_slice piece;
    while (next_piece(&value, code->leaf->delimiter, &piece))
        if (code->test == DF_FUNNEL_TEST_TEXT ? df_slice_equal(piece, code->text)
                                              : df_funnel_lookup_bytes(&code->lookup, piece) != DF_FUNNEL_NOT_FOUND)
            return true;
    return false;
}

static bool all_are_pieces(struct df_funnel_code *code, struct df_slice value)
{
    struct sighting sighting;
    struct df_slice piece;
    sighting_begin(code, &sighting);
    while (next_piece(&value, code->leaf->delimiter, &piece))
        sighting_add(&sighting, df_funnel_lookup_bytes(&code->lookup, piece));
    return sighting.found == code->lookup.count;
}

int df_funnel_test_split(struct df_funnel_code *code, const struct df_slice *values, size_t n, uint8_t *matches,
                         struct df_error *error)
{
    static const struct df_slice nothing = {0};
    switch (code->quantifier) {
    case DF_FUNNEL_NOTHING:
        for (size_t i = 0; i < n; i++)
            matches[i] = values[i].size == 0;
        return 0;
    case DF_FUNNEL_ANY_OF:
        for (size_t i = 0; i < n; i++)
            matches[i] = some_piece_passes(code, values[i].size ? values[i] : nothing);
        return 0;
    case DF_FUNNEL_ALL_OF:
        break;
    }
    if (sightings_reserve(code, n, error) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        matches[i] = all_are_pieces(code, values[i].size ? values[i] : nothing);
    return 0;
}

/* ---- lists ---- */

static void match_nothing(const uint32_t *offsets, size_t n, uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = offsets[i] == offsets[i + 1];
}

static int match_any(struct df_funnel_code *code, const struct df_vector_list *list, size_t n, uint8_t *matches,
                     struct df_error *error)
{
    const struct df_vector *elements = list->elements;
    if (df_funnel_room_reserve(&code->elements, elements->row_count, code->budget, "the elements of a list", error) < 0)
        return -1;
    uint8_t *passes = code->elements.memory;
    if (df_funnel_test_vector(code, elements, passes, error) < 0)
        return -1;
    if (elements->valid)
        for (size_t i = 0; i < elements->row_count; i++)
            passes[i] &= elements->valid[i] != 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t any = 0;
        for (uint32_t at = list->offsets[i]; at < list->offsets[i + 1]; at++)
            any |= passes[at];
        matches[i] = any;
    }
    return 0;
}

/* Which constant each value is. */
static bool find_values(const struct df_funnel_lookup *lookup, enum df_vector_kind kind, const void *values, size_t n,
                        uint32_t *found)
{
    const uint8_t *bools = values;
    const int64_t *int64s = values;
    const __int128 *int128s = values;
    const double *float64s = values;
    const struct df_slice *bytes = values;
    if (lookup->kind != (kind == DF_VECTOR_BOOL ? DF_VECTOR_INT64 : kind))
        return false;
    for (size_t i = 0; i < n; i++)
        found[i] = kind == DF_VECTOR_BOOL      ? df_funnel_lookup_int64(lookup, bools[i] & 1)
                   : kind == DF_VECTOR_INT64   ? df_funnel_lookup_int64(lookup, int64s[i])
                   : kind == DF_VECTOR_INT128  ? df_funnel_lookup_int128(lookup, int128s[i])
                   : kind == DF_VECTOR_FLOAT64 ? df_funnel_lookup_float64(lookup, float64s[i])
                                               : df_funnel_lookup_bytes(lookup, bytes[i]);
    return true;
}

static int find_codes(struct df_funnel_code *code, const struct df_vector *elements, uint32_t *found,
                      struct df_error *error)
{
    const struct df_dictionary *dictionary = elements->dictionary;
    if (!code->dictionary.known || code->dictionary.serial != dictionary->serial) {
        code->dictionary.known = false;
        if (df_funnel_room_reserve(&code->dictionary.room, (size_t)dictionary->count * sizeof(uint32_t), code->budget,
                                   "a filter's answers to a dictionary", error) < 0)
            return -1;
        if (!find_values(&code->lookup, dictionary->kind, dictionary->values.bytes, dictionary->count,
                         code->dictionary.room.memory))
            return df_error_set(error, DF_ERROR_INTERNAL,
                                "a filter met a list of another kind than it was compiled for");
        code->dictionary.serial = dictionary->serial;
        code->dictionary.known = true;
    }
    const uint32_t *by_code = code->dictionary.room.memory;
    for (size_t i = 0; i < elements->row_count; i++)
        found[i] = dictionary->count ? by_code[elements->values.codes[i]] : DF_FUNNEL_NOT_FOUND;
    return 0;
}

static int find_elements(struct df_funnel_code *code, const struct df_vector *elements, struct df_error *error)
{
    size_t n = elements->row_count;
    if (df_funnel_room_reserve(&code->elements, n * sizeof(uint32_t), code->budget, "the elements of a list", error) <
        0)
        return -1;
    uint32_t *found = code->elements.memory;
    if (code->type.kind == DF_TYPE_NULL) {
        for (size_t i = 0; i < n; i++)
            found[i] = DF_FUNNEL_NOT_FOUND;
        return 0;
    }
    if (elements->kind == DF_VECTOR_CODES) {
        if (find_codes(code, elements, found, error) < 0)
            return -1;
    } else if (!find_values(&code->lookup, elements->kind, elements->values.bytes, n, found)) {
        return df_error_set(error, DF_ERROR_INTERNAL, "a filter met a list of another kind than it was compiled for");
    }
    if (elements->valid)
        for (size_t i = 0; i < n; i++)
            found[i] = elements->valid[i] ? found[i] : DF_FUNNEL_NOT_FOUND;
    return 0;
}

static int match_all(struct df_funnel_code *code, const struct df_vector_list *list, size_t n, uint8_t *matches,
                     struct df_error *error)
{
    if (find_elements(code, list->elements, error) < 0 || sightings_reserve(code, n, error) < 0)
        return -1;
    const uint32_t *found = code->elements.memory;
    for (size_t i = 0; i < n; i++) {
        struct sighting sighting;
        sighting_begin(code, &sighting);
        for (uint32_t at = list->offsets[i]; at < list->offsets[i + 1]; at++)
            sighting_add(&sighting, found[at]);
        matches[i] = sighting.found == code->lookup.count;
    }
    return 0;
}

int df_funnel_match_lists(struct df_funnel_code *code, const struct df_vector *vector, uint8_t *matches,
                          struct df_error *error)
{
    size_t n = vector->row_count;
    if (vector->kind != DF_VECTOR_LIST)
        return df_error_set(error, DF_ERROR_INTERNAL, "a filter on lists met a vector of something else");
    if (code->leaf->op == DF_FUNNEL_IS_NULL || code->leaf->op == DF_FUNNEL_IS_NOT_NULL) { /* of the list itself */
        if (n)
            memset(matches, code->constant, n);
        return 0;
    }
    if (code->quantifier == DF_FUNNEL_NOTHING) {
        match_nothing(vector->values.list.offsets, n, matches);
        return 0;
    }
    return code->quantifier == DF_FUNNEL_ANY_OF ? match_any(code, &vector->values.list, n, matches, error)
                                                : match_all(code, &vector->values.list, n, matches, error);
}
