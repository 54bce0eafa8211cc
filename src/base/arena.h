/* Memory that is given back all at once. One thread at a time; {0} is an empty arena.
 *
 * A build with DF_ARENA_MALLOC (the sanitizer presets) gives every piece a malloc of its own, so that the sanitizer
 * sees each overrun. */
#ifndef DF_BASE_ARENA_H
#define DF_BASE_ARENA_H

#include "base/slice.h"

struct df_arena_block;

struct df_arena {
    struct df_arena_block *blocks; /* newest first, owned */
    size_t used;                   /* bytes of the newest block */
    size_t total_bytes;            /* of all blocks, for the memory account */
};

/* size bytes, aligned for any type, not cleared; NULL when memory is short. size 0 gives a unique place. */
void *df_arena_alloc(struct df_arena *arena, size_t size);
void *df_arena_zalloc(struct df_arena *arena, size_t size);                            /* cleared */
void *df_arena_array(struct df_arena *arena, size_t count, size_t element_bytes);      /* cleared, product checked */
char *df_arena_text(struct df_arena *arena, struct df_slice text);                     /* copy with a NUL behind it */
bool df_arena_copy(struct df_arena *arena, struct df_slice from, struct df_slice *to); /* copy of bytes */
void df_arena_dispose(struct df_arena *arena);

#endif
