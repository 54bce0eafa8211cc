#include "engine/funnel/evaluate/facts.h"

enum {
    CHUNK_ROWS_MIN = 64, /* a query of thousands of steps has thousands of lists, most of them short */
    CHUNK_ROWS_MAX = 8192,
};

static size_t chunk_bytes(uint32_t capacity)
{
    return sizeof(struct df_funnel_chunk) + capacity * (sizeof(int64_t) + sizeof(uint32_t));
}

static struct df_funnel_chunk *chunk_with_room(struct df_funnel_account *account, struct df_funnel_list *list)
{
    if (list->last && list->last->count == list->last->capacity && list->last->next)
        list->last = list->last->next; /* of before it was cleared */
    if (list->last && list->last->count < list->last->capacity)
        return list->last;
    uint32_t capacity = list->last ? list->last->capacity * 2 : CHUNK_ROWS_MIN;
    capacity = capacity < CHUNK_ROWS_MAX ? capacity : CHUNK_ROWS_MAX;
    struct df_funnel_chunk *chunk = df_funnel_account_alloc(account, chunk_bytes(capacity));
    if (!chunk)
        return NULL;
    int64_t *times = (int64_t *)(chunk + 1);
    *chunk =
        (struct df_funnel_chunk){.capacity = capacity, .times = times, .codes = (uint32_t *)(void *)(times + capacity)};
    if (list->last)
        list->last->next = chunk;
    else
        list->first = chunk;
    list->last = chunk;
    return chunk;
}

bool df_funnel_list_append(struct df_funnel_account *account, struct df_funnel_list *list, const uint32_t *codes,
                           const int64_t *times, uint32_t count)
{
    for (uint32_t done = 0; done < count;) {
        struct df_funnel_chunk *chunk = chunk_with_room(account, list);
        if (!chunk)
            return false;
        uint32_t room = chunk->capacity - chunk->count, some = count - done < room ? count - done : room;
        memcpy(chunk->codes + chunk->count, codes + done, some * sizeof *codes);
        memcpy(chunk->times + chunk->count, times + done, some * sizeof *times);
        chunk->count += some;
        done += some;
    }
    return true;
}

void df_funnel_list_view(struct df_funnel_list *list, struct df_funnel_chunk *view)
{
    view->next = NULL;
    if (list->last)
        list->last->next = view;
    else
        list->first = view;
    list->last = view;
}

void df_funnel_list_clear(struct df_funnel_list *list)
{
    for (struct df_funnel_chunk *chunk = list->first; chunk; chunk = chunk->next)
        chunk->count = 0;
    list->last = list->first;
}

void df_funnel_list_free(struct df_funnel_account *account, struct df_funnel_list *list)
{
    while (list->first) {
        struct df_funnel_chunk *chunk = list->first;
        list->first = chunk->next;
        df_funnel_account_free(account, chunk, chunk_bytes(chunk->capacity));
    }
    list->last = NULL;
}
