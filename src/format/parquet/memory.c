#include "format/parquet/memory.h"

#include <stdlib.h>

#include "base/size.h"

/* What an arena adds to a piece, at most, when pieces are large; small ones share blocks. */
enum { PIECE_OVERHEAD_BYTES = 32 };

/* Pages of a column differ by little: some room more, if there is plenty, and the next ones fit. */
enum { GENEROUS_FROM_BYTES = 64 * 1024, GENEROUS_DIVISOR = 16, GENEROUS_PERCENT = 25 };

void *df_parquet_memory_array(struct df_parquet_memory *memory, size_t count, size_t element_bytes)
{
    size_t bytes, charged;
    if (df_size_mul(&bytes, count, element_bytes) != 0 || df_size_add(&charged, bytes, PIECE_OVERHEAD_BYTES) != 0)
        return NULL;
    if (!df_budget_take(memory->budget, charged))
        return NULL;
    void *place = df_arena_zalloc(&memory->arena, bytes);
    if (!place) {
        df_budget_give(memory->budget, charged);
        return NULL;
    }
    memory->charged_bytes += charged;
    return place;
}

char *df_parquet_memory_text(struct df_parquet_memory *memory, struct df_slice text)
{
    size_t bytes;
    if (df_size_add(&bytes, text.size, 1) != 0)
        return NULL;
    char *copy = df_parquet_memory_array(memory, bytes, 1);
    if (copy && text.size)
        memcpy(copy, text.data, text.size);
    return copy;
}

void df_parquet_memory_dispose(struct df_parquet_memory *memory)
{
    df_arena_dispose(&memory->arena);
    df_budget_give(memory->budget, memory->charged_bytes);
    *memory = (struct df_parquet_memory){0};
}

static bool take(struct df_budget *budget, size_t bytes, unsigned share_percent)
{
    return share_percent < 100 ? df_budget_take_share(budget, bytes, share_percent) : df_budget_take(budget, bytes);
}

bool df_parquet_buffer_ensure(struct df_parquet_buffer *buffer, struct df_budget *budget, size_t bytes,
                              size_t keep_bytes, unsigned share_percent)
{
    if (bytes <= buffer->capacity)
        return true;
    if (keep_bytes == 0) /* nothing to keep: what is there is given back first, so that the peak is one buffer */
        df_parquet_buffer_dispose(buffer, budget);
    size_t generous = bytes >= GENEROUS_FROM_BYTES ? bytes + bytes / GENEROUS_DIVISOR : bytes;
    if (generous > bytes && df_budget_take_share(budget, generous, GENEROUS_PERCENT))
        bytes = generous;
    else if (!take(budget, bytes, share_percent))
        return false;
    uint8_t *data = malloc(bytes);
    if (!data) {
        df_budget_give(budget, bytes);
        return false;
    }
    if (keep_bytes)
        memcpy(data, buffer->data, keep_bytes);
    df_parquet_buffer_dispose(buffer, budget);
    *buffer = (struct df_parquet_buffer){.data = data, .capacity = bytes};
    return true;
}

void df_parquet_buffer_dispose(struct df_parquet_buffer *buffer, struct df_budget *budget)
{
    free(buffer->data);
    df_budget_give(budget, buffer->capacity);
    *buffer = (struct df_parquet_buffer){0};
}
