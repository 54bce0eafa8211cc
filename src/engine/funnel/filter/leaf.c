/* One leaf over one vector: dictionary or plain, lists, negation, nulls. */
#include "engine/funnel/filter/leaf.h"

static int wrong_vector(struct df_error *error)
{
    return df_error_set(error, DF_ERROR_INTERNAL, "a filter met a vector of another kind than it was compiled for");
}

int df_funnel_room_reserve(struct df_funnel_room *room, size_t size_bytes, struct df_budget *budget, const char *what,
                           struct df_error *error)
{
    if (size_bytes <= room->capacity_bytes)
        return 0;
    df_funnel_room_dispose(room, budget);
    if (!df_budget_take(budget, size_bytes))
        return df_error_set(error, DF_ERROR_EXHAUSTED, "no memory for %s (%zu bytes); raise memory.limit", what,
                            size_bytes);
    room->memory = malloc(size_bytes);
    if (!room->memory) {
        df_budget_give(budget, size_bytes);
        return df_error_no_memory(error, "evaluating a filter");
    }
    room->capacity_bytes = size_bytes;
    return 0;
}

void df_funnel_room_dispose(struct df_funnel_room *room, struct df_budget *budget)
{
    free(room->memory);
    df_budget_give(budget, room->capacity_bytes);
    *room = (struct df_funnel_room){0};
}

static enum df_vector_kind kind_of_type(const struct df_type *type)
{
    if (df_funnel_type_is_bytes(type))
        return DF_VECTOR_BYTES;
    if (df_funnel_type_is_wide(type))
        return DF_VECTOR_INT128;
    if (type->kind == DF_TYPE_FLOAT)
        return DF_VECTOR_FLOAT64;
    return type->kind == DF_TYPE_BOOL ? DF_VECTOR_BOOL : DF_VECTOR_INT64;
}

int df_funnel_test_values(struct df_funnel_code *code, enum df_vector_kind kind, const void *values, size_t n,
                          uint8_t *matches, struct df_error *error)
{
    if (n == 0)
        return 0;
    if (code->type.kind != DF_TYPE_NULL && kind != kind_of_type(&code->type))
        return wrong_vector(error);
    if (code->shape == DF_FUNNEL_SPLIT)
        return df_funnel_test_split(code, values, n, matches, error);
    if (code->test == DF_FUNNEL_TEST_CONSTANT && kind != DF_VECTOR_FLOAT64) {
        memset(matches, code->constant, n);
        return 0;
    }
    if (kind == DF_VECTOR_BYTES)
        return df_funnel_test_strings(code, values, n, matches, error);
    return df_funnel_test_numbers(code, kind, values, n, matches) ? 0 : wrong_vector(error);
}

static const void *dictionary_values(const struct df_dictionary *dictionary)
{
    switch (dictionary->kind) {
    case DF_VECTOR_INT64:
        return dictionary->values.int64s;
    case DF_VECTOR_FLOAT64:
        return dictionary->values.float64s;
    default:
        return dictionary->values.bytes;
    }
}

static const void *vector_values(const struct df_vector *vector)
{
    switch (vector->kind) {
    case DF_VECTOR_BOOL:
        return vector->values.bools;
    case DF_VECTOR_INT64:
        return vector->values.int64s;
    case DF_VECTOR_FLOAT64:
        return vector->values.float64s;
    case DF_VECTOR_INT128:
        return vector->values.int128s;
    default:
        return vector->values.bytes;
    }
}

int df_funnel_code_entries(struct df_funnel_code *code, const struct df_dictionary *dictionary, struct df_error *error)
{
    if (code->dictionary.known && code->dictionary.serial == dictionary->serial)
        return 0;
    code->dictionary.known = false;
    if (df_funnel_room_reserve(&code->dictionary.room, dictionary->count, code->budget,
                               "a filter's answers to a dictionary", error) < 0 ||
        df_funnel_test_values(code, dictionary->kind, dictionary_values(dictionary), dictionary->count,
                              code->dictionary.room.memory, error) < 0)
        return -1;
    code->dictionary.serial = dictionary->serial;
    code->dictionary.known = true;
    return 0;
}

static void match_codes(const uint32_t *codes, size_t n, const uint8_t *by_code, uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = by_code[codes[i]];
}

int df_funnel_test_vector(struct df_funnel_code *code, const struct df_vector *vector, uint8_t *matches,
                          struct df_error *error)
{
    size_t n = vector->row_count;
    if (n == 0)
        return 0;
    if (vector->kind == DF_VECTOR_LIST)
        return wrong_vector(error);
    if (vector->kind != DF_VECTOR_CODES)
        return df_funnel_test_values(code, vector->kind, vector_values(vector), n, matches, error);
    if (vector->dictionary->count == 0) { /* every row is null */
        memset(matches, 0, n);
        return 0;
    }
    if (df_funnel_code_entries(code, vector->dictionary, error) < 0)
        return -1;
    match_codes(vector->values.codes, n, code->dictionary.room.memory, matches);
    return 0;
}

static void turn(uint8_t *matches, size_t n)
{
    for (size_t i = 0; i < n; i++)
        matches[i] ^= 1;
}

static void answer_nulls(const uint8_t *valid, size_t n, uint8_t null_answer, uint8_t *matches)
{
    for (size_t i = 0; i < n; i++)
        matches[i] = valid[i] ? matches[i] : null_answer;
}

int df_funnel_code_match(struct df_funnel_code *code, const struct df_vector *vector, uint8_t *matches,
                         struct df_error *error)
{
    size_t n = vector->row_count;
    if (n && code->decided) {
        memset(matches, code->decided_answer, n);
        return 0;
    }
    int status = code->shape == DF_FUNNEL_LIST ? df_funnel_match_lists(code, vector, matches, error)
                                               : df_funnel_test_vector(code, vector, matches, error);
    if (status < 0)
        return -1;
    if (code->negate)
        turn(matches, n);
    if (vector->valid)
        answer_nulls(vector->valid, n, code->null_answer, matches);
    else if (vector->kind == DF_VECTOR_CODES && vector->dictionary->count == 0 && n)
        memset(matches, code->null_answer, n);
    return 0;
}

void df_funnel_code_dispose(struct df_funnel_code *code)
{
    df_funnel_regex_free(code->regex);
    df_funnel_room_dispose(&code->dictionary.room, code->budget);
    df_funnel_room_dispose(&code->elements, code->budget);
    df_funnel_room_dispose(&code->seen, code->budget);
    *code = (struct df_funnel_code){0};
}
