#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#include "base/size.h"

enum {
    ALIGNMENT = alignof(max_align_t),
    /* Big enough that a typical request parses in one block, small enough to sit in the L2 cache. */
    BLOCK_BYTES = 32 * 1024,
};

struct df_arena_block {
    struct df_arena_block *older;
    size_t capacity;
    alignas(max_align_t) uint8_t data[];
};

static struct df_arena_block *block_add(struct df_arena *arena, size_t capacity)
{
    size_t bytes;
    if (df_size_add(&bytes, sizeof(struct df_arena_block), capacity) != 0)
        return NULL;
    struct df_arena_block *block = malloc(bytes);
    if (!block)
        return NULL;
    block->older = arena->blocks;
    block->capacity = capacity;
    arena->blocks = block;
    arena->used = 0;
    arena->total_bytes += bytes;
    return block;
}

void *df_arena_alloc(struct df_arena *arena, size_t size)
{
#ifdef DF_ARENA_MALLOC
    struct df_arena_block *single = block_add(arena, size ? size : 1);
    if (!single)
        return NULL;
    arena->used = single->capacity;
    return single->data;
#else
    size_t rounded;
    if (df_size_add(&rounded, size ? size : 1, ALIGNMENT - 1) != 0)
        return NULL;
    rounded -= rounded % ALIGNMENT;
    struct df_arena_block *block = arena->blocks;
    if (!block || block->capacity - arena->used < rounded) {
        block = block_add(arena, rounded > BLOCK_BYTES / 4 ? rounded : BLOCK_BYTES);
        if (!block)
            return NULL;
    }
    void *place = block->data + arena->used;
    arena->used += rounded;
    return place;
#endif
}

void *df_arena_zalloc(struct df_arena *arena, size_t size)
{
    void *place = df_arena_alloc(arena, size);
    if (place)
        memset(place, 0, size);
    return place;
}

void *df_arena_array(struct df_arena *arena, size_t count, size_t element_bytes)
{
    size_t bytes;
    if (df_size_mul(&bytes, count, element_bytes) != 0)
        return NULL;
    return df_arena_zalloc(arena, bytes);
}

char *df_arena_text(struct df_arena *arena, struct df_slice text)
{
    size_t bytes;
    if (df_size_add(&bytes, text.size, 1) != 0)
        return NULL;
    char *copy = df_arena_alloc(arena, bytes);
    if (!copy)
        return NULL;
    if (text.size)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

bool df_arena_copy(struct df_arena *arena, struct df_slice from, struct df_slice *to)
{
    uint8_t *copy = df_arena_alloc(arena, from.size);
    if (!copy)
        return false;
    if (from.size)
        memcpy(copy, from.data, from.size);
    *to = df_slice_make(copy, from.size);
    return true;
}

void df_arena_dispose(struct df_arena *arena)
{
    struct df_arena_block *block = arena->blocks;
    while (block) {
        struct df_arena_block *older = block->older;
        free(block);
        block = older;
    }
    *arena = (struct df_arena){0};
}
