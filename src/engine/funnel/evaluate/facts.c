#include "engine/funnel/evaluate/facts.h"

#include "base/size.h"

bool df_funnel_facts_room(struct df_funnel_account *account, void **array, size_t *capacity, size_t needed,
                          size_t element_bytes)
{
    size_t before = *capacity;
    if (!df_funnel_account_grow(account, array, capacity, needed, element_bytes))
        return false;
    if (*capacity > before)
        memset((uint8_t *)*array + before * element_bytes, 0, (*capacity - before) * element_bytes);
    return true;
}

static bool replace(struct df_funnel_account *account, void **array, size_t *capacity, size_t count,
                    size_t element_bytes)
{
    size_t size_bytes;
    if (df_size_mul(&size_bytes, count, element_bytes) < 0)
        return false;
    *array = df_funnel_account_alloc(account, size_bytes);
    *capacity = *array ? count : 0;
    return *array != NULL;
}

bool df_funnel_scratch_room(struct df_funnel_account *account, void **array, size_t *capacity, size_t needed,
                            size_t element_bytes)
{
    if (needed <= *capacity)
        return true;
    df_funnel_account_free(account, *array, *capacity * element_bytes);
    *array = NULL;
    *capacity = 0;
    if (needed <= SIZE_MAX / 2 && replace(account, array, capacity, needed + needed / 2, element_bytes))
        return true;
    return replace(account, array, capacity, needed, element_bytes);
}

bool df_funnel_marks_room(struct df_funnel_account *account, struct df_funnel_marks *marks, size_t users)
{
    void *bytes = marks->bytes;
    bool fits = df_funnel_facts_room(account, &bytes, &marks->capacity, users / 8 + 1, 1);
    marks->bytes = bytes;
    return fits;
}

void df_funnel_marks_clear(struct df_funnel_marks *marks)
{
    if (marks->capacity)
        memset(marks->bytes, 0, marks->capacity);
}

void df_funnel_marks_free(struct df_funnel_account *account, struct df_funnel_marks *marks)
{
    df_funnel_account_free(account, marks->bytes, marks->capacity);
    *marks = (struct df_funnel_marks){0};
}

bool df_funnel_uses_rows(const struct df_funnel_request *request, const struct df_funnel_sequence *sequence)
{
    bool funnel = sequence == &request->funnel.sequence;
    return !sequence->simple || (funnel && (request->chains || request->funnel.session_gap.given));
}

const struct df_funnel_step *df_funnel_first_step(const struct df_funnel_sequence *sequence)
{
    const struct df_funnel_step *step = sequence->steps;
    while (step->negative)
        step++;
    return step;
}
